// SPDX-License-Identifier: GPL-2.0
/*
 * ioctls on files and directories.
 *
 * 1. The server gets the ioctl with the memory that its number says, and what it
 *    brings back is stored; its result, or error, is the ioctl's. ENOSYS, either
 *    way, becomes ENOTTY.
 * 2. It cannot ask for more memory, nor bring more than the number says: EIO.
 * 3. Directories and 32-bit programs are told by flags.
 * 4. What chattr(1) and lsattr(1) do becomes ioctls on a handle of their own.
 * 5. fs-verity's have their own ways to say how long things are.
 * 6. Who may not use the mount may not by an open file either; callers can be
 *    killed; our own ioctl is not the server's.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/fmapfs.h>
#include <linux/fs.h>
#include <linux/fsverity.h>

#include "lib/env.h"

#define BIG	((1 << _IOC_SIZEBITS) - 1)

#define IO_NONE	_IO('E', 1)
#define IO_PUT	_IOC(_IOC_WRITE, 'E', 2, 8)
#define IO_GET	_IOC(_IOC_READ, 'E', 3, 8)
#define IO_BOTH	_IOC(_IOC_READ | _IOC_WRITE, 'E', 4, 8)
#define IO_BIG	_IOC(_IOC_READ | _IOC_WRITE, 'E', 5, BIG)

static const struct fuse_ioctl_in *last(struct srv *s)
{
	return srv_last_body(s, FUSE_IOCTL);
}

static void bring(struct srv *s, const void *data, size_t len)
{
	memcpy(s->ioctl_data, data, len);
	s->ioctl_len = len;
}

static struct mnt *mnt_with_file(struct srv **s, int *fd)
{
	struct mnt *m;

	*s = srv_new();
	srv_plain(*s, "a", "content", 7);
	srv_dir(*s, ROOT_ID, "dir");
	m = mnt_new(*s);
	*fd = OK(open_in(m, "a", O_RDWR));
	return m;
}

static void end(struct mnt *m, int fd)
{
	OK(close(fd));
	mnt_end(m);
}

TEST(data_goes_as_the_number_says)
{
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);
	char buf[9] = "12345678";

	EQ(ioctl(fd, IO_NONE, 77UL), 0);
	EQ(last(s)->fh, srv_last(s, FUSE_OPEN)->unique);
	EQ(last(s)->cmd, IO_NONE);
	EQ(last(s)->arg, 77);
	EQ(last(s)->flags, 0);
	EQ(last(s)->in_size, 0);
	EQ(last(s)->out_size, 0);
	EQ(ioctl(fd, IO_PUT, buf), 0);
	EQ(last(s)->arg, (uintptr_t)buf);
	EQ(last(s)->in_size, 8);
	EQ(last(s)->out_size, 0);
	EQ(memcmp(s->ioctl_taken, "12345678", 8), 0);
	bring(s, "abcdefgh", 8);
	EQ(ioctl(fd, IO_GET, buf), 0);
	EQ(last(s)->in_size, 0);
	EQ(last(s)->out_size, 8);
	EQ_STR(buf, "abcdefgh");
	/* Fewer will do. */
	bring(s, "ABC", 3);
	EQ(ioctl(fd, IO_BOTH, buf), 0);
	EQ(memcmp(s->ioctl_taken, "abcdefgh", 8), 0);
	EQ_STR(buf, "ABCdefgh");
	end(m, fd);
}

TEST(largest_there_is)
{
	static char buf[BIG + 1];
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);

	memset(buf, 'x', BIG);
	memset(s->ioctl_data, 'y', BIG);
	s->ioctl_len = BIG;
	EQ(ioctl(fd, IO_BIG, buf), 0);
	EQ(s->ioctl_taken[BIG - 1], 'x');
	EQ(s->ioctl_taken[BIG], 0);
	EQ(buf[BIG - 1], 'y');
	EQ(buf[BIG], 0);
	end(m, fd);
}

TEST(more_than_a_request_may_have_is_enomem)
{
	struct srv *s = srv_new();
	static char buf[BIG];
	struct mnt *m;
	int fd;

	srv_plain(s, "a", "content", 7);
	s->max_pages = 1;
	m = mnt_new(s);
	fd = OK(open_in(m, "a", O_RDWR));
	FAILS(ENOMEM, ioctl(fd, IO_BIG, buf));
	EQ(srv_seen(s, FUSE_IOCTL), 0);
	OK(ioctl(fd, IO_PUT, buf));
	end(m, fd);
}

TEST(result_is_the_servers)
{
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);

	s->ioctl.result = 42;
	EQ(ioctl(fd, IO_NONE, 0), 42);
	s->ioctl.result = -EXDEV;
	FAILS(EXDEV, ioctl(fd, IO_NONE, 0));
	s->ioctl.result = -ENOSYS;
	FAILS(ENOTTY, ioctl(fd, IO_NONE, 0));
	s->ioctl.result = 0;
	srv_on(s, FUSE_IOCTL, 0, ACT_ERROR, EPERM);
	FAILS(EPERM, ioctl(fd, IO_NONE, 0));
	srv_on(s, FUSE_IOCTL, 0, ACT_ERROR, ENOSYS);
	FAILS(ENOTTY, ioctl(fd, IO_NONE, 0));
	/* It is asked again. */
	EQ(ioctl(fd, IO_NONE, 0), 0);
	end(m, fd);
}

/* With a result below zero data is stored as well. */
TEST(failing_ioctl_may_bring_data)
{
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);
	char buf[9] = "12345678";

	bring(s, "abcdefgh", 8);
	s->ioctl.result = -EXDEV;
	FAILS(EXDEV, ioctl(fd, IO_GET, buf));
	EQ_STR(buf, "abcdefgh");
	end(m, fd);
}

TEST(asking_for_more_memory_is_eio)
{
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);
	struct fuse_ioctl_iovec iov[2] = { { 0 } };
	char buf[8];

	bring(s, iov, sizeof(iov));
	s->ioctl.flags = FUSE_IOCTL_RETRY;
	s->ioctl.in_iovs = s->ioctl.out_iovs = 1;
	FAILS(EIO, ioctl(fd, IO_BOTH, buf));
	EQ(srv_seen(s, FUSE_IOCTL), 1);
	EQ(counter(m, "bad_reply"), 1);
	end(m, fd);
}

TEST(more_than_the_number_says_is_eio)
{
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);
	char buf[17] = "0123456789abcdef";

	bring(s, "ABCDEFGHI", 9);
	FAILS(EIO, ioctl(fd, IO_GET, buf));
	FAILS(EIO, ioctl(fd, IO_PUT, buf));
	FAILS(EIO, ioctl(fd, IO_NONE, buf));
	EQ_STR(buf, "0123456789abcdef");
	/* So much that the server is told, too. */
	s->ioctl_len = PAGE + 1;
	struct rule *r = srv_on(s, FUSE_IOCTL, 0, ACT_BAD, 0);

	r->bad.unique_xor = 2;
	FAILS(EIO, ioctl(fd, IO_GET, buf));
	UNTIL(r->good_errno >= 0);
	EQ(r->good_errno, EINVAL);
	end(m, fd);
}

TEST(reply_without_a_result_is_einval)
{
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);
	struct rule *r = srv_on(s, FUSE_IOCTL, 0, ACT_BODY, 0);
	char buf[8];

	r->bad.body = srv_alloc(s, 64);
	r->bad.body_len = sizeof(struct fuse_ioctl_out) - 1;
	FAILS(EIO, ioctl(fd, IO_GET, buf));
	UNTIL(r->good_errno >= 0);
	EQ(r->good_errno, EINVAL);
	end(m, fd);
}

TEST(result_that_is_no_errno_is_eio)
{
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);

	/* ERESTART_RESTARTBLOCK */
	s->ioctl.result = -516;
	FAILS(EIO, ioctl(fd, IO_NONE, 0));
	s->ioctl.result = INT32_MIN;
	FAILS(EIO, ioctl(fd, IO_NONE, 0));
	s->ioctl.result = -511;
	FAILS(511, ioctl(fd, IO_NONE, 0));
	end(m, fd);
}

TEST(memory_that_is_not_there_is_efault)
{
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);
	void *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	FAILS(EFAULT, ioctl(fd, IO_PUT, none));
	EQ(srv_seen(s, FUSE_IOCTL), 0);
	bring(s, "abcdefgh", 8);
	FAILS(EFAULT, ioctl(fd, IO_GET, none));
	EQ(srv_seen(s, FUSE_IOCTL), 1);
	end(m, fd);
}

TEST(directory_is_told_by_a_flag)
{
	struct srv *s;
	int fd, dir;
	struct mnt *m = mnt_with_file(&s, &fd);
	struct fmapfs_get_fmap get = { 0 };

	TRUE(s->init.flags & FUSE_HAS_IOCTL_DIR);
	dir = OK(open_in(m, "dir", O_RDONLY | O_DIRECTORY));
	EQ(ioctl(dir, IO_NONE, 0), 0);
	EQ(last(s)->flags, FUSE_IOCTL_DIR);
	EQ(last(s)->fh, srv_last(s, FUSE_OPENDIR)->unique);
	FAILS(ENOTTY, ioctl(dir, FMAPFS_IOC_GET_FMAP, &get));
	EQ(srv_seen(s, FUSE_IOCTL), 1);
	OK(close(dir));
	end(m, fd);
}

TEST(our_own_is_not_the_servers)
{
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);
	struct fmapfs_get_fmap get = { 0 };

	FAILS(ENODATA, ioctl(fd, FMAPFS_IOC_GET_FMAP, &get));
	EQ(srv_seen(s, FUSE_IOCTL), 0);
	end(m, fd);
}

#ifdef __x86_64__
/* ioctl(2) as a 32-bit program does it. */
static int ioctl32(int fd, unsigned int cmd, void *arg)
{
	long rc = 54;

	asm volatile("int $0x80" : "+a" (rc)
		     : "b" (fd), "c" (cmd), "d" (arg)
		     : "memory", "r8", "r9", "r10", "r11");
	errno = (int)rc < 0 ? -(int)rc : 0;
	return (int)rc < 0 ? -1 : (int)rc;
}

TEST(program_of_32_bits_is_told_by_flags)
{
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);
	char *low = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct fmapfs_get_fmap *get = (void *)low;

	TRUE(low != MAP_FAILED);
	bring(s, "abcdefgh", 8);
	OK(ioctl32(fd, IO_GET, low));
	EQ_STR(low, "abcdefgh");
	EQ(last(s)->flags, FUSE_IOCTL_COMPAT | FUSE_IOCTL_32BIT);
	EQ(last(s)->arg, (uintptr_t)low);
	memset(low, 0, PAGE);
	FAILS(ENODATA, ioctl32(fd, FMAPFS_IOC_GET_FMAP, get));
	EQ(srv_seen(s, FUSE_IOCTL), 1);
	end(m, fd);
}
#endif

/* --- chattr --- */

TEST(attributes_are_read_by_a_handle_of_their_own)
{
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);
	uint32_t flags = FS_NOATIME_FL | FS_NODUMP_FL;
	long got = 0;

	bring(s, &flags, sizeof(flags));
	OK(ioctl(fd, FS_IOC_GETFLAGS, &got));
	EQ((int)got, flags);
	EQ(srv_seen(s, FUSE_OPEN), 2);
	EQ(last(s)->cmd, FS_IOC_GETFLAGS);
	EQ(last(s)->arg, 0);
	EQ(last(s)->in_size, 0);
	EQ(last(s)->out_size, 4);
	EQ(last(s)->fh, srv_last(s, FUSE_OPEN)->unique);
	UNTIL(srv_seen(s, FUSE_RELEASE) == 1);
	end(m, fd);
}

TEST(attributes_are_changed)
{
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);
	int flags = FS_NOATIME_FL;
	struct rule *r;

	/* The VFS asks for the old ones first. */
	r = srv_on(s, FUSE_IOCTL, 0, ACT_BODY, 0);
	r->bad.body = srv_alloc(s, 64);
	r->bad.body_len = sizeof(struct fuse_ioctl_out) +
			  sizeof(struct fsxattr);
	OK(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	EQ(last(s)->cmd, FS_IOC_SETFLAGS);
	EQ(last(s)->in_size, 4);
	EQ(last(s)->out_size, 0);
	EQ(memcmp(s->ioctl_taken, &flags, 4), 0);
	UNTIL(srv_seen(s, FUSE_RELEASE) == 2);
	end(m, fd);
}

TEST(extended_attributes_of_a_directory)
{
	struct fsxattr x = { .fsx_projid = 7, .fsx_extsize = 4096 }, got;
	struct srv *s;
	int fd, dir;
	struct mnt *m = mnt_with_file(&s, &fd);
	struct rule *r;

	dir = OK(open_in(m, "dir", O_RDONLY | O_DIRECTORY));
	bring(s, &x, sizeof(x));
	OK(ioctl(dir, FS_IOC_FSGETXATTR, &got));
	EQ(got.fsx_projid, 7);
	EQ(got.fsx_extsize, 4096);
	EQ(last(s)->cmd, FS_IOC_FSGETXATTR);
	EQ(last(s)->flags, FUSE_IOCTL_DIR);
	EQ(last(s)->out_size, sizeof(x));
	r = srv_on(s, FUSE_IOCTL, 0, ACT_BODY, 0);
	r->bad.body = srv_alloc(s, 64);
	r->bad.body_len = sizeof(struct fuse_ioctl_out) + sizeof(x);
	s->ioctl_len = 0;
	x = (struct fsxattr) { .fsx_projid = 9 };
	OK(ioctl(dir, FS_IOC_FSSETXATTR, &x));
	EQ(last(s)->cmd, FS_IOC_FSSETXATTR);
	EQ(((struct fsxattr *)s->ioctl_taken)->fsx_projid, 9);
	OK(close(dir));
	end(m, fd);
}

TEST(server_without_attributes)
{
	struct srv *s;
	int fd, flags = 0;
	struct mnt *m = mnt_with_file(&s, &fd);
	struct rule *r = srv_on(s, FUSE_IOCTL, 0, ACT_ERROR, ENOSYS);

	r->left = 2;
	FAILS(ENOTTY, ioctl(fd, FS_IOC_GETFLAGS, &flags));
	FAILS(ENOTTY, ioctl(fd, FS_IOC_SETFLAGS, &flags));
	s->ioctl.result = -EPERM;
	s->ioctl_len = 4;
	FAILS(EPERM, ioctl(fd, FS_IOC_GETFLAGS, &flags));
	/* Nothing but what was asked for will do. */
	s->ioctl.result = 0;
	s->ioctl_len = 3;
	FAILS(EIO, ioctl(fd, FS_IOC_GETFLAGS, &flags));
	UNTIL(srv_seen(s, FUSE_RELEASE) == srv_seen(s, FUSE_OPEN) - 1);
	end(m, fd);
}

/* --- verity --- */

TEST(digest_says_how_long_it_is)
{
	struct {
		struct fsverity_digest d;
		char digest[64];
	} arg = { .d.digest_size = 64 };
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);

	memset(s->ioctl_data, 'd', SRV_IOCTL_MAX);
	s->ioctl_len = sizeof(arg.d) + 64;
	OK(ioctl(fd, FS_IOC_MEASURE_VERITY, &arg));
	EQ(last(s)->in_size, sizeof(arg.d) + 64);
	EQ(last(s)->out_size, sizeof(arg.d) + 64);
	EQ(arg.digest[63], 'd');
	end(m, fd);
}

TEST(salt_and_signature_go_along)
{
	static char salt[] = "salt", sig[] = "signature";
	struct fsverity_enable_arg arg = {
		.version = 1, .salt_size = 4, .salt_ptr = (uintptr_t)salt,
		.sig_size = 9, .sig_ptr = (uintptr_t)sig,
	};
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);

	OK(ioctl(fd, FS_IOC_ENABLE_VERITY, &arg));
	EQ(last(s)->in_size, sizeof(arg) + 13);
	EQ(last(s)->out_size, 0);
	EQ(memcmp(s->ioctl_taken + sizeof(arg), "saltsignature", 13), 0);
	arg.salt_size = 0;
	OK(ioctl(fd, FS_IOC_ENABLE_VERITY, &arg));
	EQ(memcmp(s->ioctl_taken + sizeof(arg), "signature", 9), 0);
	arg.sig_size = 256 * PAGE + 1;
	FAILS(ENOMEM, ioctl(fd, FS_IOC_ENABLE_VERITY, &arg));
	arg.sig_size = 256 * PAGE;
	FAILS(ENOMEM, ioctl(fd, FS_IOC_ENABLE_VERITY, &arg));
	arg.sig_size = 9;
	arg.sig_ptr = 1;
	FAILS(EFAULT, ioctl(fd, FS_IOC_ENABLE_VERITY, &arg));
	EQ(srv_seen(s, FUSE_IOCTL), 2);
	end(m, fd);
}

/* --- who may, who leaves --- */

static int ioctl_as_nobody(void *fd)
{
	if (setresuid(65534, 65534, 65534))
		return -1;
	return ioctl(*(int *)fd, IO_NONE, 0) < 0 ? errno : 0;
}

TEST(stranger_with_an_open_file_is_eacces)
{
	struct srv *s = srv_new();
	struct mnt *m;
	struct task t;
	int fd;

	srv_plain(s, "a", "content", 7);
	m = mnt_new_opts(s, "");
	fd = OK(open_in(m, "a", O_RDWR));
	t = task_start(ioctl_as_nobody, &fd);
	EQ(task_wait(&t), EACCES);
	EQ(srv_seen(s, FUSE_IOCTL), 0);
	OK(ioctl(fd, IO_NONE, 0));
	end(m, fd);
}

static int child_ioctl(void *fd)
{
	return ioctl(*(int *)fd, IO_NONE, 0) < 0 ? errno : 0;
}

TEST(caller_of_an_ioctl_can_be_killed)
{
	struct srv *s;
	int fd;
	struct mnt *m = mnt_with_file(&s, &fd);
	struct rule *r = srv_on(s, FUSE_IOCTL, 0, ACT_STALL, 0);
	struct task t = task_start(child_ioctl, &fd);

	UNTIL(r->hits == 1);
	task_kill(&t);
	srv_release(s, r);
	UNTIL(r->good_errno == 0);
	end(m, fd);
}
