// SPDX-License-Identifier: GPL-2.0-only
/* Values of a layout file as they are written. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "size.h"
#include "static.h"

#define ID_MAX	4294967294ULL	/* (uid_t)-1 means none */

static bool missing(struct draft *d, const char *where, const char *key,
		    const char *text)
{
	if (text)
		return false;
	diag_add(d->diag, doc_at(d->doc, "%s", where),
		 "%s: '%s' is missing", where, key);
	return true;
}

bool draft_size(struct draft *d, const char *where, const char *key,
		const char *text, uint64_t *size)
{
	int rc;

	if (missing(d, where, key, text))
		return false;
	rc = size_parse(text, size);
	if (rc)
		diag_add(d->diag, doc_at(d->doc, "%s.%s", where, key),
			 rc == -EOVERFLOW ?
			 "%s.%s: '%s' is too large; must be below 2^64 bytes" :
			 "%s.%s: '%s' is no size; a size is a number of bytes, decimal or 0x..., perhaps with K, M, G or T after it: 2M",
			 where, key, text);
	return !rc;
}

bool draft_index(struct draft *d, const char *where, const char *key,
		 const char *text, unsigned int *index)
{
	unsigned int count = d->raw->ndevices;
	uint64_t value;
	int rc;

	if (missing(d, where, key, text))
		return false;
	rc = number_parse(text, 10, UINT64_MAX, &value);
	if (!rc && value < count) {
		*index = value;
		return true;
	}
	if (rc == -EINVAL)
		diag_add(d->diag, doc_at(d->doc, "%s.%s", where, key),
			 "%s.%s: '%s' is no number; a device is named by its place in 'devices', counted from 0",
			 where, key, text);
	else if (!count)
		diag_add(d->diag, doc_at(d->doc, "%s.%s", where, key),
			 "%s.%s: there is no device %s: 'devices' lists none",
			 where, key, text);
	else
		diag_add(d->diag, doc_at(d->doc, "%s.%s", where, key),
			 "%s.%s: there is no device %s: 'devices' lists %u, counted from 0, so the last is %u",
			 where, key, text, count, count - 1);
	return false;
}

bool draft_mode(struct draft *d, const char *where, const char *text,
		mode_t *mode)
{
	uint64_t value;

	if (!text)
		return true;
	if (!number_parse(text, 8, 07777, &value)) {
		*mode = (*mode & S_IFMT) | value;
		return true;
	}
	diag_add(d->diag, doc_at(d->doc, "%s.mode", where),
		 "%s.mode: '%s' is no mode; must be octal, 0 to 7777, such as 0644",
		 where, text);
	return false;
}

static bool known_id(struct draft *d, const char *where, const char *key,
		     const char *what, const char *text, bool found,
		     uint64_t *id)
{
	if (found || !number_parse(text, 10, ID_MAX, id))
		return true;
	diag_add(d->diag, doc_at(d->doc, "%s.%s", where, key),
		 "%s.%s: there is no %s '%s'; must be a name or a number",
		 where, key, what, text);
	return false;
}

bool draft_owner(struct draft *d, const char *where, const char *text,
		 uid_t *uid)
{
	struct passwd *pw;
	uint64_t id;

	if (!text)
		return true;
	pw = getpwnam(text);
	if (pw)
		id = pw->pw_uid;
	if (!known_id(d, where, "owner", "user", text, pw, &id))
		return false;
	*uid = id;
	return true;
}

bool draft_group(struct draft *d, const char *where, const char *text,
		 gid_t *gid)
{
	struct group *gr;
	uint64_t id;

	if (!text)
		return true;
	gr = getgrnam(text);
	if (gr)
		id = gr->gr_gid;
	if (!known_id(d, where, "group", "group", text, gr, &id))
		return false;
	*gid = id;
	return true;
}
