// SPDX-License-Identifier: GPL-2.0-only
/*
 * fmapfs-run: runs a program that is written for /dev/fuse on /dev/fmapfs.
 *
 * There are two ways. A preloaded library (preload.c) leads the program to the
 * other device and the other type: nothing in its command line changes. Or, with
 * --fd, the mounting is done here, and the program is given /dev/fd/N, which
 * libfuse takes for a mount point: works with static programs, too.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/capability.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "run.h"

#ifndef PRELOAD
#error "PRELOAD is the path of the preloaded library"
#endif

enum { OPT_FMAP = 256, OPT_FD };

static const struct option long_options[] = {
	{ "fmap", no_argument, NULL, OPT_FMAP },
	{ "fd", required_argument, NULL, OPT_FD },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

static const char help[] =
"Usage: fmapfs-run [--fmap] [--] COMMAND [ARGUMENT...]\n"
"       fmapfs-run [--fmap] --fd=DIR [-o OPTION[,...]] [--] COMMAND [ARGUMENT...]\n"
"Runs COMMAND, a server made for libfuse and /dev/fuse, on fmapfs: unmodified.\n"
"\n"
"      --fmap       offer fmaps: COMMAND's libfuse knows GET_FMAP by itself\n"
"      --fd=DIR     mount on DIR here, and give COMMAND /dev/fd/N wherever it says\n"
"                   DIR; for programs that are static, or for which LD_PRELOAD\n"
"                   does not work otherwise (libfuse 3.3 and newer)\n"
"  -o OPTION[,...]  with --fd: mount options, which COMMAND's own have no effect\n"
"                   on then: ro, allow_other, default_permissions, max_read=N,\n"
"                   fsname=NAME, subtype=NAME, suid, dev, noexec and so on\n"
"  -h, --help\n"
"  -V, --version\n"
"\n"
"The mount shows as type fmapfs.fuse, or fmapfs.fuse.SUBTYPE, and is nosuid and\n"
"nodev unless asked otherwise. It takes root (CAP_SYS_ADMIN).\n"
"\n"
"Exit codes: that of COMMAND, with --fd 128+N if signal N ended it; 125 if\n"
"fmapfs-run itself failed, 126 if COMMAND cannot be executed, 127 if there is\n"
"none. With --fd, DIR is unmounted when nobody serves it any more.\n";

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "fmapfs-run: %s: %s\n", what, why);
	return RUN_FAILED;
}

static bool may_mount(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	return !syscall(SYS_capget, &header, data) &&
	       data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective &
	       CAP_TO_MASK(CAP_SYS_ADMIN);
}

static int open_device(void)
{
	int fd = fmapfs_device_open();

	if (fd < 0)
		fail(FMAPFS_DEV, fmapfs_device_is_missing(fd) ?
		     "is the module loaded? Try \"modprobe fmapfs\"" :
		     strerror(-fd));
	return fd;
}

/* Where execvp(3) would find it; if nowhere, it says so itself. */
static bool find_command(const char *name, char *path, size_t size)
{
	const char *dirs = getenv("PATH"), *end;

	if (strchr(name, '/') || !dirs)
		return snprintf(path, size, "%s", name) < (int)size;
	for (; *dirs; dirs = *end ? end + 1 : end) {
		end = strchrnul(dirs, ':');
		if (snprintf(path, size, "%.*s/%s", (int)(end - dirs), dirs,
			     name) < (int)size && !access(path, X_OK))
			return true;
	}
	return false;
}

/*
 * Is there a dynamic linker, and one that loads what is built as we are? One for 32
 * bits would say that it does not, and go on: to /dev/fuse. Return: NULL, or why not.
 */
static const char *no_linker(int fd)
{
	Elf64_Phdr p;
	Elf64_Ehdr e;
	int i;

	if (pread(fd, &e, sizeof(e), 0) != sizeof(e) ||
	    memcmp(e.e_ident, ELFMAG, SELFMAG))
		return NULL;
	if (e.e_ident[EI_CLASS] != ELFCLASS64)
		return "is a 32-bit program; use --fd=DIR";
	for (i = 0; i < e.e_phnum; i++)
		if (pread(fd, &p, sizeof(p), e.e_phoff + i * sizeof(p)) ==
		    sizeof(p) && p.p_type == PT_INTERP)
			return NULL;
	return "is statically linked; use --fd=DIR";
}

/* Return: NULL, or why nothing can be preloaded. */
static const char *no_preload(const char *name)
{
	const char *why = NULL;
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if (!find_command(name, path, sizeof(path)))
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	why = no_linker(fd);
	if (!why && !fstat(fd, &st) &&
	    ((st.st_mode & S_ISUID && st.st_uid != geteuid()) ||
	     (st.st_mode & S_ISGID && st.st_gid != getegid())))
		why = "changes its user or group (setuid); use --fd=DIR";
	close(fd);
	return why;
}

int run_command(char **command)
{
	execvp(command[0], command);
	fail(command[0], strerror(errno));
	return errno == ENOENT ? RUN_NOT_FOUND : RUN_NOT_EXECUTED;
}

static int run_preloaded(char **command, bool fmap)
{
	const char *others = getenv("LD_PRELOAD");
	const char *why = no_preload(command[0]);
	char *all;
	int fd;

	if (why)
		return fail(command[0], why);
	if (access(PRELOAD, R_OK))
		return fail(PRELOAD, strerror(errno));
	fd = open_device();
	if (fd < 0)
		return RUN_FAILED;
	close(fd);
	if (asprintf(&all, PRELOAD "%s%s", others && *others ? ":" : "",
		     others ? others : "") < 0 ||
	    setenv("LD_PRELOAD", all, 1) ||
	    (fmap ? setenv(ENV_FMAP, "1", 1) : unsetenv(ENV_FMAP)))
		return fail("LD_PRELOAD", strerror(errno));
	return run_command(command);
}

static int run_by_fd(char **command, const struct fd_mount *m)
{
	int fd = open_device();

	if (fd < 0)
		return RUN_FAILED;
	return fd_run(command, m, fd);
}

static int usage(const char *what)
{
	if (what)
		fprintf(stderr, "fmapfs-run: %s\n", what);
	fputs("Try 'fmapfs-run --help'.\n", stderr);
	return RUN_FAILED;
}

int main(int argc, char **argv)
{
	struct fd_mount m = { .flags = MOUNT_FLAGS };
	const char *options = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "+ho:V", long_options, NULL)) >= 0)
		switch (c) {
		case OPT_FMAP:
			m.fmap = true;
			break;
		case OPT_FD:
			m.dir = optarg;
			break;
		case 'o':
			options = optarg;
			if (fd_options(&m, optarg))
				return fail("-o", strerror(errno));
			break;
		case 'V':
			puts("fmapfs-run " VERSION);
			return 0;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			return usage(NULL);
		}
	if (optind == argc)
		return usage("COMMAND is missing");
	if (options && !m.dir)
		return usage("-o goes with --fd only; COMMAND takes its own options");
	if (!may_mount())
		return fail("mounting needs root (CAP_SYS_ADMIN)",
			    "there is no setuid helper like fusermount3");
	return m.dir ? run_by_fd(argv + optind, &m) :
		       run_preloaded(argv + optind, m.fmap);
}
