// SPDX-License-Identifier: GPL-2.0
/*
 * ways DIR: the ways by which a program comes to /dev/fuse and a mount; which
 * device and type it gets by each, on stdout. Nothing is mounted: a context of
 * fsopen(2) that is complete is shown, and dropped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

int open64(const char *path, int flags, ...);
int openat64(int dir, const char *path, int flags, ...);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

static void show(const char *way, int fd)
{
	char link[64], path[256];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path));
	printf("%s %.*s\n", way, n < 0 ? 4 : (int)n, n < 0 ? "none" : path);
	close(fd);
}

static void show_opens(void)
{
	const char *fuse = "/dev/fuse";

	show("open", open(fuse, O_RDWR));
	show("open64", open64(fuse, O_RDWR));
	show("openat", openat(AT_FDCWD, fuse, O_RDWR));
	show("openat64", openat64(AT_FDCWD, fuse, O_RDWR));
	show("__open_2", __open_2(fuse, O_RDWR));
	show("__open64_2", __open64_2(fuse, O_RDWR));
	show("__openat_2", __openat_2(AT_FDCWD, fuse, O_RDWR));
	show("__openat64_2", __openat64_2(AT_FDCWD, fuse, O_RDWR));
	show("other", open("/dev/null", O_RDWR));
}

/* The mode reaches the file that is made. */
static void show_mode(const char *dir)
{
	struct stat st = { 0 };
	char path[256];
	int fd;

	umask(0);
	snprintf(path, sizeof(path), "%s/made", dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0640);
	fstat(fd, &st);
	close(fd);
	unlink(path);
	fd = open(dir, O_RDWR | O_TMPFILE, 0604);
	printf("modes %o", st.st_mode & 0777);
	fstat(fd, &st);
	printf(" %o\n", st.st_mode & 0777);
	close(fd);
}

/* The line of @dir in /proc/mounts: type and options. */
static void show_mount(const char *way, const char *dir)
{
	FILE *f = fopen("/proc/self/mounts", "r");
	char line[1024], at[256], type[64], options[256];

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %255s %63s %255s", at, type, options) == 3 &&
		    !strcmp(at, dir))
			printf("%s %s%s\n", way, type,
			       strstr(options, "nofmap") ? " nofmap" : "");
	fclose(f);
}

static void by_mount(const char *dir, const char *type)
{
	int fd = open("/dev/fuse", O_RDWR);
	char options[128];

	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("ways", dir, type, 0, options))
		printf("mount %s: %s\n", type, strerror(errno));
	close(fd);
	show_mount("mount", dir);
	umount2(dir, MNT_DETACH);
}

static int set(int fs, const char *key, const char *value)
{
	return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0);
}

static void by_fsopen(const char *dir, const char *type, const char *subtype)
{
	int fd = open("/dev/fuse", O_RDWR), fs = fsopen(type, 0), mnt = -1;
	char number[16];

	snprintf(number, sizeof(number), "%d", fd);
	if (fs < 0 || (subtype && set(fs, "subtype", subtype)) ||
	    set(fs, "source", "ways") || set(fs, "fd", number) ||
	    set(fs, "rootmode", "40000") || set(fs, "user_id", "0") ||
	    set(fs, "group_id", "0") ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) ||
	    (mnt = fsmount(fs, 0, 0)) < 0 ||
	    move_mount(mnt, "", AT_FDCWD, dir, MOVE_MOUNT_F_EMPTY_PATH))
		printf("fsopen %s: %s\n", type, strerror(errno));
	close(mnt);
	close(fs);
	close(fd);
	show_mount("fsopen", dir);
	umount2(dir, MNT_DETACH);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	show_opens();
	show_mode(argv[1]);
	by_mount(argv[1], "fuse");
	by_mount(argv[1], "fuse.x");
	by_mount(argv[1], "fuseblk");
	by_mount(argv[1], "tmpfs");
	by_fsopen(argv[1], "fuse", NULL);
	by_fsopen(argv[1], "fuse", "x");
	by_fsopen(argv[1], "fuseblk", NULL);
	return 0;
}
