// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mount options.
 *
 * libfuse keeps what it parses to itself. So the options are read here first
 * and left in place: libfuse needs some too (max_read, allow_root) and does no
 * harm with the others. Only what libfuse does not know is taken out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include "session_i.h"

enum key {
	KEY_FLAG,		/* a mount flag that libfuse knows */
	KEY_OWN_FLAG,		/* one that libfuse does not know */
	KEY_READ_ONLY,
	KEY_KERNEL,		/* goes to the file system as it is */
	KEY_MAX_READ,
	KEY_ALLOW_OTHER,
	KEY_FSNAME,
	KEY_SUBTYPE,
	KEY_SKIP,
	KEY_REFUSE,
};

enum { KEEP = 1, TAKE_OUT = 0, FAIL = -1 };

static const struct fuse_opt option_keys[] = {
	FUSE_OPT_KEY("ro", KEY_FLAG),
	FUSE_OPT_KEY("rw", KEY_FLAG),
	FUSE_OPT_KEY("suid", KEY_FLAG),
	FUSE_OPT_KEY("nosuid", KEY_FLAG),
	FUSE_OPT_KEY("dev", KEY_FLAG),
	FUSE_OPT_KEY("nodev", KEY_FLAG),
	FUSE_OPT_KEY("exec", KEY_FLAG),
	FUSE_OPT_KEY("noexec", KEY_FLAG),
	FUSE_OPT_KEY("async", KEY_FLAG),
	FUSE_OPT_KEY("sync", KEY_FLAG),
	FUSE_OPT_KEY("dirsync", KEY_FLAG),
	FUSE_OPT_KEY("atime", KEY_FLAG),
	FUSE_OPT_KEY("noatime", KEY_FLAG),
	FUSE_OPT_KEY("-r", KEY_READ_ONLY),
	FUSE_OPT_KEY("relatime", KEY_OWN_FLAG),
	FUSE_OPT_KEY("norelatime", KEY_OWN_FLAG),
	FUSE_OPT_KEY("strictatime", KEY_OWN_FLAG),
	FUSE_OPT_KEY("diratime", KEY_OWN_FLAG),
	FUSE_OPT_KEY("nodiratime", KEY_OWN_FLAG),
	FUSE_OPT_KEY("symfollow", KEY_OWN_FLAG),
	FUSE_OPT_KEY("nosymfollow", KEY_OWN_FLAG),
	FUSE_OPT_KEY("default_permissions", KEY_KERNEL),
	FUSE_OPT_KEY("max_read=", KEY_MAX_READ),
	FUSE_OPT_KEY("blksize=", KEY_KERNEL),
	FUSE_OPT_KEY("context=", KEY_KERNEL),
	FUSE_OPT_KEY("fscontext=", KEY_KERNEL),
	FUSE_OPT_KEY("defcontext=", KEY_KERNEL),
	FUSE_OPT_KEY("rootcontext=", KEY_KERNEL),
	FUSE_OPT_KEY("allow_other", KEY_ALLOW_OTHER),
	FUSE_OPT_KEY("allow_root", KEY_ALLOW_OTHER),
	FUSE_OPT_KEY("fsname=", KEY_FSNAME),
	FUSE_OPT_KEY("subtype=", KEY_SUBTYPE),
	FUSE_OPT_KEY("defaults", KEY_SKIP),
	FUSE_OPT_KEY("_netdev", KEY_SKIP),
	FUSE_OPT_KEY("auto_unmount", KEY_REFUSE),
	FUSE_OPT_KEY("blkdev", KEY_REFUSE),
	FUSE_OPT_END
};

/* The last of several wins, as with libfuse. */
static int set_value(char **value, const char *option)
{
	char *copy = strdup(strchr(option, '=') + 1);

	if (!copy)
		return FAIL;
	free(*value);
	*value = copy;
	return KEEP;
}

static int take_option(void *data, const char *arg, int key,
		       struct fuse_args *outargs)
{
	struct mount_options *mo = data;

	(void)outargs;
	switch (key) {
	case KEY_FLAG:
		fmapfs_mount_flag(&mo->flags, arg);
		return KEEP;
	case KEY_OWN_FLAG:
		fmapfs_mount_flag(&mo->flags, arg);
		return TAKE_OUT;
	case KEY_READ_ONLY:
		mo->flags |= MS_RDONLY;
		return KEEP;
	case KEY_MAX_READ:
		mo->max_read = strtoul(strchr(arg, '=') + 1, NULL, 10);
		/* fall through */
	case KEY_KERNEL:
		return fuse_opt_add_opt(&mo->kernel, arg) ? FAIL : KEEP;
	case KEY_ALLOW_OTHER:
		mo->allow_other = true;
		return KEEP;
	case KEY_FSNAME:
		return set_value(&mo->fsname, arg);
	case KEY_SUBTYPE:
		return set_value(&mo->subtype, arg);
	case KEY_SKIP:
		return TAKE_OUT;
	case KEY_REFUSE:
		mo->refused = strcmp(arg, "blkdev") ? "auto_unmount" : "blkdev";
		return FAIL;
	case FUSE_OPT_KEY_OPT:
		return strncmp(arg, "x-", 2) ? KEEP : TAKE_OUT;
	default:
		return KEEP;
	}
}

/*
 * Reads the mount options in @args into @mo, which is zero; to be freed in any
 * case. Return: 0, -EOPNOTSUPP with mo->refused set, -ENOMEM.
 */
int mount_options_parse(struct mount_options *mo, struct fuse_args *args)
{
	mo->flags = MOUNT_FLAGS;
	if (fuse_opt_parse(args, mo, option_keys, take_option))
		return mo->refused ? -EOPNOTSUPP : -ENOMEM;
	return 0;
}

/* Return: the option string for mount(2), to be freed; NULL: no memory. */
char *mount_options_string(const struct mount_options *mo, int fd,
			   unsigned int rootmode)
{
	char *string;
	int rc;

	rc = asprintf(&string, "fd=%d,rootmode=%o,user_id=%u,group_id=%u%s%s%s",
		      fd, rootmode & S_IFMT, getuid(), getgid(),
		      mo->allow_other ? ",allow_other" : "",
		      mo->kernel ? "," : "", mo->kernel ? mo->kernel : "");
	return rc < 0 ? NULL : string;
}

void mount_options_free(struct mount_options *mo)
{
	free(mo->kernel);
	free(mo->fsname);
	free(mo->subtype);
}
