// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "naive_medium.h"

#define MAX_I64	((wide)INT64_MAX)

static bool is_power(wide n)
{
	while (n > 1 && n % 2 == 0)
		n /= 2;
	return n == 1;
}

static bool is_null(const uint8_t *bytes, unsigned int len)
{
	while (len--)
		if (bytes[len])
			return false;
	return true;
}

/* --- superblock --- */

static bool good_super(const uint8_t *s, uint64_t dev_size)
{
	uint64_t log_len = made_get(s + 24, 8), unit = made_get(s + 32, 8);
	uint64_t flags = made_get(s + 104, 4), size = made_get(s + 112, 8);
	wide need = (wide)2097152 + unit + (flags == 2 ? 0 : log_len);

	return made_get(s + 96, 8) == made_crc(s, 96) &&
	       made_get(s + 16, 8) == 2097152 &&
	       log_len >= 8388608 && is_power(log_len) && log_len <= MAX_I64 &&
	       (unit == 4096 || unit == 2097152) &&
	       made_get(s + 40, 4) == 2 &&
	       made_get(s + 44, 4) == made_get(s + 8, 8) - 46 &&
	       !is_null(s + 48, 16) && !is_null(s + 64, 16) &&
	       !is_null(s + 80, 16) && flags <= 2 && size >= need &&
	       size / unit <= 1ULL << 35 && (dev_size == 0 || size <= dev_size);
}

enum naive_verdict naive_super(struct naive_medium *m, const uint8_t *s,
			       uint64_t dev_size)
{
	memset(m, 0, sizeof(*m));
	if (made_get(s, 8) != 0x87b282ff)
		return NAIVE_NONE;
	if (made_get(s + 8, 8) != 47 && made_get(s + 8, 8) != 48)
		return NAIVE_OTHER;
	if (!good_super(s, dev_size))
		return NAIVE_BAD;
	m->version = s[8];
	m->log_len = made_get(s + 24, 8);
	m->unit = made_get(s + 32, 8);
	m->has_dev[0] = true;
	m->dev_size[0] = made_get(s + 112, 8);
	memcpy(m->dev_uuid[0], s + 64, 16);
	m->ranges[m->nranges++] = (struct naive_range) {
		0, 0, 2097152 + m->log_len,
	};
	return NAIVE_GOOD;
}

/* --- header --- */

bool naive_head(const struct naive_medium *m, const uint8_t *log, uint64_t *n)
{
	uint64_t last = made_get(log + 16, 8);
	uint64_t seq = made_get(log + 32, 8), index = made_get(log + 40, 8);

	*n = seq < index ? seq : index;
	return made_get(log, 8) == 0xbadcafef00d &&
	       made_get(log + 24, 8) == made_crc(log, 24) &&
	       made_get(log + 8, 8) == m->log_len &&
	       48 + ((wide)last + 1) * 544 <= m->log_len &&
	       (wide)seq <= (wide)last + 1 && (wide)index <= (wide)last + 1 &&
	       ((wide)seq <= (wide)index + 1 && (wide)index <= (wide)seq + 1);
}

/* --- entries --- */

/* The entry with this path, or -1. */
static int find(const struct naive_medium *m, const char *path, size_t len)
{
	unsigned int i;

	for (i = 0; i < m->n; i++)
		if (strlen(m->paths[i]) == len && !memcmp(m->paths[i], path, len))
			return (int)i;
	return -1;
}

static bool good_component(const char *name, size_t len)
{
	return len > 0 && !(len == 1 && name[0] == '.') &&
	       !(len == 2 && name[0] == '.' && name[1] == '.');
}

static bool good_path(const struct naive_medium *m, const char *path)
{
	size_t i, start = 0;
	int parent;

	if (!memchr(path, 0, 80))
		return false;
	if (!strcmp(path, ".meta") || !strncmp(path, ".meta/", 6))
		return false;
	for (i = 0;; i++) {
		if (path[i] && path[i] != '/')
			continue;
		if (!good_component(path + start, i - start))
			return false;
		if (!path[i])
			break;
		parent = find(m, path, i);
		if (parent < 0 || !m->is_dir[parent])
			return false;
		start = i + 1;
	}
	return find(m, path, i) < 0;
}

static bool good_range(const struct naive_medium *m, uint64_t dev, uint64_t off,
		       uint64_t len)
{
	wide end = (wide)off + len;
	unsigned int i;

	if (dev > 63 || !m->has_dev[dev] || len == 0 || off % m->unit ||
	    len % m->unit || end > m->dev_size[dev] / m->unit * m->unit)
		return false;
	for (i = 0; i < m->nranges; i++)
		if (m->ranges[i].dev == dev && off < m->ranges[i].end &&
		    end > m->ranges[i].start)
			return false;
	return true;
}

/* Takes @n ranges that begin at @at; those of a bad entry are dropped by its user. */
static bool take_ranges(struct naive_medium *m, const uint8_t *at, uint64_t n)
{
	uint64_t i, dev, off, len;

	for (i = 0; i < n; i++, at += 24) {
		dev = made_get(at, 8);
		off = made_get(at + 8, 8);
		len = made_get(at + 16, 8);
		if (!good_range(m, dev, off, len))
			return false;
		m->ranges[m->nranges++] = (struct naive_range) {
			dev, off, (wide)off + len,
		};
	}
	return true;
}

/* Byte for byte would be chunk for chunk: which strip has how many of them? */
static bool strips_hold(const uint8_t *e, uint64_t size, uint64_t n,
			uint64_t chunk)
{
	wide chunks = ((wide)size + chunk - 1) / chunk, whole;
	wide last = size - (chunks - 1) * chunk, need;
	uint64_t i;

	for (i = 0; i < n; i++) {
		/* Chunks i, i + n, i + 2n, ... of which the file's last may be short. */
		whole = chunks > i ? (chunks - i + n - 1) / n : 0;
		need = whole * chunk;
		if (whole && (chunks - 1) % n == i)
			need -= chunk - last;
		if (made_get(e + 168 + 24 * i, 8) < need)
			return false;
	}
	return true;
}

static bool good_map(struct naive_medium *m, const uint8_t *e)
{
	uint64_t size = made_get(e + 16, 8), count = made_get(e + 128, 4);
	uint64_t n, chunk, i;
	wide sum = 0;

	if (made_get(e + 120, 4) == 0) {
		if (count < 1 || count > 16)
			return false;
		for (i = 0; i < count; i++)
			sum += made_get(e + 152 + 24 * i, 8);
		return sum >= size && take_ranges(m, e + 136, count);
	}
	n = made_get(e + 136, 8);
	chunk = made_get(e + 144, 8);
	return made_get(e + 120, 4) == 1 && count == 1 && n >= 1 && n <= 16 &&
	       is_power(chunk) && chunk % m->unit == 0 && chunk <= 1ULL << 31 &&
	       strips_hold(e, size, n, chunk) && take_ranges(m, e + 152, n);
}

static bool good_file(struct naive_medium *m, const uint8_t *e)
{
	uint64_t size = made_get(e + 16, 8);

	return size >= 1 && size <= MAX_I64 && made_get(e + 24, 4) <= 2 &&
	       made_get(e + 28, 4) != 0xffffffff &&
	       made_get(e + 32, 4) != 0xffffffff && made_get(e + 36, 4) <= 07777 &&
	       good_path(m, (const char *)e + 40) && good_map(m, e);
}

static bool good_mkdir(const struct naive_medium *m, const uint8_t *e)
{
	return made_get(e + 16, 4) != 0xffffffff &&
	       made_get(e + 20, 4) != 0xffffffff && made_get(e + 24, 4) <= 07777 &&
	       good_path(m, (const char *)e + 28);
}

static bool take_device(struct naive_medium *m, const uint8_t *e)
{
	uint64_t size = made_get(e + 16, 8), index = made_get(e + 40, 4), i;

	if (m->version != 48 || index > 63 || m->has_dev[index] ||
	    is_null(e + 24, 16) || size < 2097152 + m->unit || size > MAX_I64 ||
	    size / m->unit > 1ULL << 35)
		return false;
	for (i = 0; i < 64; i++)
		if (m->has_dev[i] && !memcmp(m->dev_uuid[i], e + 24, 16))
			return false;
	m->has_dev[index] = true;
	m->dev_size[index] = size;
	memcpy(m->dev_uuid[index], e + 24, 16);
	m->ranges[m->nranges++] = (struct naive_range) { index, 0, 2097152 };
	return true;
}

bool naive_next(struct naive_medium *m, const uint8_t *e)
{
	unsigned int nranges = m->nranges;
	uint64_t type = made_get(e + 8, 4);
	bool good = false;

	if (made_get(e + 536, 8) != made_crc(e, 536) || made_get(e, 8) != m->n)
		return false;
	if (type == 0)
		good = good_file(m, e);
	else if (type == 1)
		good = good_mkdir(m, e);
	else if (type == 3)
		good = take_device(m, e);
	if (!good) {
		m->nranges = nranges;
		return false;
	}
	if (type != 3)
		strcpy(m->paths[m->n], (const char *)e + (type == 0 ? 40 : 28));
	m->is_dir[m->n] = type == 1;
	m->n++;
	return true;
}
