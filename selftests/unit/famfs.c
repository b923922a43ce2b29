// SPDX-License-Identifier: GPL-2.0-only
/* Pools on image files, and layouts on them: see famfs.h. */
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "famfs.h"

const struct layout_ops *const ops = &famfs_layout_ops;
char said[65536];
char told[65536];
void (*before_telling)(void);
int telling_fails;

static char dir[64];
static struct spec made;
static uint8_t *maps[8];
static const uint8_t system_uuid[16] = {
	0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 8,
};
static pthread_mutex_t hearing = PTHREAD_MUTEX_INITIALIZER;

/* --- what is heard --- */

__attribute__((format(printf, 2, 3)))
static void append(char *to, const char *fmt, ...)
{
	size_t used;
	va_list ap;

	pthread_mutex_lock(&hearing);
	used = strlen(to);
	va_start(ap, fmt);
	if (used < sizeof(said) - 1)
		vsnprintf(to + used, sizeof(said) - used, fmt, ap);
	va_end(ap);
	pthread_mutex_unlock(&hearing);
}

/* In place of that of fmapfsd. */
void log_line(int level, const char *fmt, ...);
void log_line(int level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	append(said, "%s\n", line);
}

unsigned int times_said(const char *text)
{
	unsigned int n = 0;
	const char *at;

	pthread_mutex_lock(&hearing);
	for (at = said; (at = strstr(at, text)); at++)
		n++;
	pthread_mutex_unlock(&hearing);
	return n;
}

void assert_said(const char *text)
{
	if (!times_said(text))
		fail_msg("\"%s\" was not said, but:\n%s", text, said);
}

bool was_told(const char *text)
{
	bool rc;

	pthread_mutex_lock(&hearing);
	rc = strstr(told, text);
	pthread_mutex_unlock(&hearing);
	return rc;
}

int __wrap_fuse_fmap_notify_expire(void *fs, uint64_t dir_ino, const char *name);
int __wrap_fuse_fmap_notify_expire(void *fs, uint64_t dir_ino, const char *name)
{
	int rc = telling_fails;

	(void)fs;
	if (before_telling)
		before_telling();
	telling_fails = 0;
	if (rc)
		return rc;
	append(told, "name %llu/%s\n", (unsigned long long)dir_ino, name);
	return 0;
}

int __wrap_fuse_fmap_notify_refresh(void *fs, uint64_t ino);
int __wrap_fuse_fmap_notify_refresh(void *fs, uint64_t ino)
{
	(void)fs;
	append(told, "node %llx\n", (unsigned long long)ino);
	return -ENOENT;
}

int __wrap_fuse_fmap_notify_inc_epoch(void *fs);
int __wrap_fuse_fmap_notify_inc_epoch(void *fs)
{
	(void)fs;
	append(told, "epoch\n");
	return 0;
}

/* --- images --- */

int famfs_setup(void **state)
{
	(void)state;
	said[0] = told[0] = '\0';
	before_telling = NULL;
	telling_fails = 0;
	strcpy(dir, "/tmp/fmapfs-famfs-XXXXXX");
	return !mkdtemp(dir);
}

int famfs_teardown(void **state)
{
	char command[100];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		if (maps[i])
			munmap(maps[i], made.size);
		maps[i] = NULL;
	}
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

const char *in_dir(const char *name)
{
	static char paths[16][96];
	static unsigned int next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

const char *image(unsigned int i)
{
	char name[16];

	snprintf(name, sizeof(name), "dev%u", i);
	return in_dir(name);
}

uint8_t *mapped(unsigned int i)
{
	int fd;

	if (maps[i])
		return maps[i];
	fd = open(image(i), O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, made.size), 0);
	maps[i] = mmap(NULL, made.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       0);
	assert_true(maps[i] != MAP_FAILED);
	close(fd);
	return maps[i];
}

static void write_uuid(void)
{
	FILE *f = fopen(in_dir("uuid"), "w");

	assert_non_null(f);
	fputs("12345678-9abc-def0-0102-030405060708\n", f);
	fclose(f);
}

void make_pool(struct spec spec)
{
	struct media_mkfs_dev devs[8] = { 0 };
	struct media_mkfs mkfs = {
		.version = FAMFS_VERSION_48,
		.fs_uuid = { spec.uuid ? spec.uuid : 7 },
		.devs = devs,
	};
	unsigned int i;

	made = spec;
	made.ndevs = spec.ndevs ? spec.ndevs : 1;
	made.size = spec.size ? spec.size : 64 * MIB;
	made.log_len = spec.log_len ? spec.log_len : 8 * MIB;
	made.alloc_unit = spec.alloc_unit ? spec.alloc_unit : 2 * MIB;
	for (i = 0; i < made.ndevs; i++) {
		devs[i].super = mapped(i);
		devs[i].size = made.size;
		devs[i].uuid[0] = 0xd0 + i;
	}
	mkfs.ndevs = made.ndevs;
	mkfs.log = mapped(0) + FAMFS_LOG_OFFSET;
	mkfs.log_len = made.log_len;
	mkfs.alloc_unit = made.alloc_unit;
	memcpy(mkfs.system_uuid, system_uuid, sizeof(system_uuid));
	assert_int_equal(media_mkfs(&mkfs, NULL), 0);
	write_uuid();
}

struct media_log the_log(void)
{
	return (struct media_log) {
		.mem = mapped(0) + FAMFS_LOG_OFFSET,
		.offset = FAMFS_LOG_OFFSET,
		.len = made.log_len,
		.version = FAMFS_VERSION_48,
	};
}

static void log_entry(struct famfs_entry *entry)
{
	struct media_log log = the_log();
	struct media_error err;

	assert_int_equal(media_log_append(&log, entry, NULL, &err), 0);
}

void log_dir(const char *path)
{
	struct famfs_entry entry;

	assert_int_equal(media_entry_mkdir(&entry, path, 0755, 11, 22), 0);
	log_entry(&entry);
}

void log_file(const char *path, uint64_t size, unsigned int dev, uint64_t off,
	      uint32_t flags)
{
	struct famfs_entry entry;
	struct famfs_fmap map = {
		.ext_type = FAMFS_MAP_SIMPLE,
		.count = 1,
		.extents[0] = {
			.devindex = dev,
			.offset = off,
			.len = (size + made.alloc_unit - 1) / made.alloc_unit *
			       made.alloc_unit,
		},
	};

	assert_int_equal(media_entry_file(&entry, path, size, flags, 0640, 33,
					  44, &map), 0);
	log_entry(&entry);
}

/* --- layouts --- */

struct layout_args master_args(void)
{
	static const char *others[8];
	struct layout_args args = {
		.any_device = true,
		.pool.poll = 0.1,
	};
	unsigned int i;

	for (i = 1; i < made.ndevs; i++)
		others[i - 1] = image(i);
	others[i - 1] = NULL;
	args.source = image(0);
	args.pool.system_uuid = in_dir("uuid");
	args.pool.devices = others;
	return args;
}

struct layout_args client_args(void)
{
	struct layout_args args = master_args();

	args.pool.client = true;
	return args;
}

struct layout *try_open(struct layout_args args, int *rc)
{
	struct layout *l = ops->load(&args, stderr);

	assert_non_null(l);
	*rc = ops->prepare(l);
	if (!*rc)
		return l;
	ops->destroy(l);
	return NULL;
}

struct layout *open_args(struct layout_args args)
{
	struct layout *l;
	int rc;

	l = try_open(args, &rc);
	if (rc)
		fail_msg("%d: %s", rc, said);
	return l;
}

struct layout *open_master(void)
{
	struct layout *l = open_args(master_args());

	assert_true(l->master);
	return l;
}

struct layout *open_client(void)
{
	struct layout *l = open_args(client_args());

	assert_false(l->master);
	return l;
}

/* --- users --- */

uint64_t find(struct layout *l, const char *path)
{
	char buf[FAMFS_PATH_MAX], *name, *save;
	uint64_t ino = ROOT;
	struct stat st;

	strcpy(buf, path);
	for (name = strtok_r(buf, "/", &save); name;
	     name = strtok_r(NULL, "/", &save)) {
		if (ops->lookup(l, ino, name, &st))
			return 0;
		ino = st.st_ino;
		ops->forget(l, ino, 1);
	}
	return ino;
}

struct stat stat_of(struct layout *l, uint64_t ino)
{
	struct stat st;

	assert_int_equal(ops->getattr(l, ino, &st), 0);
	assert_int_equal(st.st_ino, ino);
	return st;
}

int make_dir(struct layout *l, uint64_t parent, const char *name)
{
	const struct layout_new new = {
		.dir = parent, .name = name, .mode = 0750, .uid = 5, .gid = 6,
	};
	struct stat st;

	return ops->mkdir(l, &new, &st);
}

uint64_t create(struct layout *l, uint64_t parent, const char *name)
{
	const struct layout_new new = {
		.dir = parent, .name = name, .mode = 0604, .uid = 7, .gid = 8,
	};
	struct stat st;
	int rc = ops->create(l, &new, O_RDWR, &st);

	if (rc)
		fail_msg("%s: %d: %s", name, rc, said);
	assert_true(is_provisional(st.st_ino));
	return st.st_ino;
}

int64_t put(struct layout *l, uint64_t ino, const char *text, uint64_t off)
{
	return ops->write(l, ino, text, strlen(text), off, O_RDWR);
}

int close_file(struct layout *l, uint64_t ino, int flags)
{
	int rc = ops->flush(l, ino, flags);

	ops->release(l, ino, flags);
	return rc;
}

int write_file(struct layout *l, uint64_t parent, const char *name,
	       const void *data, size_t size)
{
	uint64_t ino = create(l, parent, name);
	int64_t n = ops->write(l, ino, data, size, 0, O_RDWR);
	int rc = close_file(l, ino, O_RDWR);

	ops->forget(l, ino, 1);
	return n < 0 ? n : rc;
}

int set_size(struct layout *l, uint64_t ino, uint64_t size)
{
	const struct stat attr = { .st_size = size };
	struct stat st;
	int rc = ops->setattr(l, ino, &attr, FUSE_SET_ATTR_SIZE, &st);

	if (!rc)
		assert_int_equal(st.st_size, size);
	return rc;
}

void assert_holds(struct layout *l, uint64_t ino, const void *data, size_t size)
{
	char *buf = malloc(size + 1);
	bool direct;

	assert_non_null(buf);
	assert_int_equal(stat_of(l, ino).st_size, size);
	assert_int_equal(ops->open(l, ino, O_RDONLY, &direct), 0);
	assert_int_equal(ops->read(l, ino, buf, size + 1, 0), size);
	assert_memory_equal(buf, data, size);
	ops->release(l, ino, O_RDONLY);
	free(buf);
}

uint64_t free_bytes(struct layout *l)
{
	struct statvfs st = { 0 };

	ops->statfs(l, &st);
	assert_int_equal(st.f_bavail, st.f_bfree);
	return st.f_bfree * st.f_frsize;
}

uint64_t free_entries(struct layout *l)
{
	struct statvfs st = { 0 };

	ops->statfs(l, &st);
	return st.f_ffree;
}
