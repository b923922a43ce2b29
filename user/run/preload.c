// SPDX-License-Identifier: GPL-2.0-only
/*
 * For fmapfs-run: leads a program that is written for /dev/fuse to /dev/fmapfs.
 *
 *	open("/dev/fuse")		opens /dev/fmapfs
 *	mount(..., "fuse.X", ...)	mounts type "fmapfs.fuse.X"
 *	fsopen("fuse"), fsconfig()	the same, by the newer calls
 *
 * The type still has "fuse" in it, for programs that look for that in
 * /proc/mounts. Unless $FMAPFS_RUN_FMAP is set, mounts get the option nofmap: the
 * bit that offers fmaps in INIT may mean something else to the program's libfuse.
 *
 * All else goes to whoever would have got it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run.h"

#define EXPORT	__attribute__((visibility("default")))
/* The headers may have these as macros, or inline. */
#undef open
#undef open64
#undef openat
#undef openat64

/* Whose function it would be; looked up once. */
#define NEXT(name) ({							\
	static _Atomic(void *) next_;					\
	void *p_ = atomic_load_explicit(&next_, memory_order_relaxed);	\
									\
	if (!p_) {							\
		p_ = dlsym(RTLD_NEXT, #name);				\
		atomic_store_explicit(&next_, p_, memory_order_relaxed);\
	}								\
	(__typeof__(&name))p_; })

static bool fmaps_wanted(void)
{
	return getenv(ENV_FMAP);
}

/* --- the device --- */

static const char *device(const char *path)
{
	return path && !strcmp(path, "/dev/fuse") ? FMAPFS_DEV : path;
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ?
	       va_arg(ap, mode_t) : 0;
}

#define DEFINE_OPEN(name)						\
EXPORT int name(const char *path, int flags, ...)			\
{									\
	va_list ap;							\
	mode_t mode;							\
									\
	va_start(ap, flags);						\
	mode = mode_of(flags, ap);					\
	va_end(ap);							\
	return NEXT(name)(device(path), flags, mode);			\
}

#define DEFINE_OPENAT(name)						\
EXPORT int name(int dir, const char *path, int flags, ...)		\
{									\
	va_list ap;							\
	mode_t mode;							\
									\
	va_start(ap, flags);						\
	mode = mode_of(flags, ap);					\
	va_end(ap);							\
	return NEXT(name)(dir, device(path), flags, mode);		\
}

/* What _FORTIFY_SOURCE makes of calls without a mode. */
#define DEFINE_OPEN_2(name)						\
EXPORT int name(const char *path, int flags);				\
EXPORT int name(const char *path, int flags)				\
{									\
	return NEXT(name)(device(path), flags);				\
}

#define DEFINE_OPENAT_2(name)						\
EXPORT int name(int dir, const char *path, int flags);			\
EXPORT int name(int dir, const char *path, int flags)			\
{									\
	return NEXT(name)(dir, device(path), flags);			\
}

DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)
DEFINE_OPEN_2(__open_2)
DEFINE_OPEN_2(__open64_2)
DEFINE_OPENAT_2(__openat_2)
DEFINE_OPENAT_2(__openat64_2)

/* --- mount(2) --- */

static bool is_type(const char *type, const char *of)
{
	size_t len = strlen(of);

	return !strncmp(type, of, len) && (!type[len] || type[len] == '.');
}

static bool is_fuse(const char *type)
{
	return type && (is_type(type, "fuse") || is_type(type, "fuseblk"));
}

EXPORT int mount(const char *source, const char *target, const char *type,
		 unsigned long flags, const void *data)
{
	const char *options = data ? data : "";
	char *new_type, *new_options;
	int rc = -1;

	if (!is_fuse(type) || flags & (MS_REMOUNT | MS_BIND | MS_MOVE))
		return NEXT(mount)(source, target, type, flags, data);
	if (asprintf(&new_type, FMAPFS_TYPE ".%s", type) < 0)
		return -1;
	if (asprintf(&new_options, "%s%s%s", options,
		     *options && !fmaps_wanted() ? "," : "",
		     fmaps_wanted() ? "" : "nofmap") >= 0) {
		rc = NEXT(mount)(source, target, new_type, flags, new_options);
		free(new_options);
	}
	free(new_type);
	return rc;
}

/* --- fsopen(2) --- */

/*
 * The mount contexts that are being made: fd plus one; 0: free. A program makes
 * one at a time, as a rule; one that finds no place is refused (ENFILE).
 */
#define CONTEXTS	16

static atomic_int contexts[CONTEXTS];
static atomic_bool has_subtype[CONTEXTS];

static int context_of(int fd)
{
	int i;

	for (i = 0; i < CONTEXTS; i++)
		if (atomic_load(&contexts[i]) == fd + 1)
			return i;
	return -1;
}

static bool add_context(int fd)
{
	int i, free;

	/* A number that was used before, and closed. */
	i = context_of(fd);
	if (i >= 0) {
		atomic_store(&has_subtype[i], false);
		return true;
	}
	for (i = 0; i < CONTEXTS; i++) {
		free = 0;
		if (atomic_compare_exchange_strong(&contexts[i], &free,
						   fd + 1)) {
			atomic_store(&has_subtype[i], false);
			return true;
		}
	}
	return false;
}

static void drop_context(int i)
{
	atomic_store(&contexts[i], 0);
}

static int next_fsconfig(int fd, unsigned int cmd, const char *key,
			 const void *value, int aux)
{
	return syscall(SYS_fsconfig, fd, cmd, key, value, aux);
}

EXPORT int fsopen(const char *type, unsigned int flags)
{
	bool ours = is_fuse(type);
	int fd = syscall(SYS_fsopen, ours ? FMAPFS_TYPE : type, flags);
	int saved;

	if (fd < 0) {
		return fd;
	} else if (!ours) {
		/* It may have the number of a context that was given up. */
		int i = context_of(fd);

		if (i >= 0)
			drop_context(i);
		return fd;
	}
	if (!add_context(fd))
		errno = ENFILE;
	else if (fmaps_wanted() ||
		 !next_fsconfig(fd, FSCONFIG_SET_FLAG, "nofmap", NULL, 0))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int set_subtype(int fd, int i, const char *subtype)
{
	char *ours;
	int rc;

	if (asprintf(&ours, "fuse.%s", subtype) < 0)
		return -1;
	rc = next_fsconfig(fd, FSCONFIG_SET_STRING, "subtype", ours, 0);
	if (!rc)
		atomic_store(&has_subtype[i], true);
	free(ours);
	return rc;
}

EXPORT int fsconfig(int fd, unsigned int cmd, const char *key,
		    const void *value, int aux)
{
	int i = context_of(fd);

	if (i < 0)
		return next_fsconfig(fd, cmd, key, value, aux);
	if (cmd == FSCONFIG_SET_STRING && key && value &&
	    !strcmp(key, "subtype"))
		return set_subtype(fd, i, value);
	if (cmd == FSCONFIG_CMD_CREATE) {
		if (!atomic_load(&has_subtype[i]) &&
		    next_fsconfig(fd, FSCONFIG_SET_STRING, "subtype", "fuse",
				  0))
			return -1;
		drop_context(i);
	}
	return next_fsconfig(fd, cmd, key, value, aux);
}
