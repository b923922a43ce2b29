// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a server to a mount, and back.
 *
 * A mount is good once INIT is answered and requests come through. A thread
 * finds that out as any user would, by stat(2) on the mount point, and then
 * tells the parent, which waits at the other end of a pipe.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fuse_opt.h>

#include "diag.h"
#include "log.h"
#include "refresh.h"
#include "run.h"
#include "wake.h"

/**
 * struct starter - the thread that waits for the mount to be good
 * @lock: held while devices are pushed, for they need the session's device fd
 * @ending: the loop has ended, there is nothing to be started; guarded by @lock
 * @taken: a mount was taken over
 * @changed: from a server that had another layout
 * @good: it is; read when the thread has ended
 * @late: the loop had ended before that was known; likewise
 * @drainer: asks while the last requests are answered, if @draining
 */
struct starter {
	struct server *srv;
	const struct options *opt;
	char *mountpoint;
	int ready_fd;
	pthread_t thread;
	pthread_mutex_t lock;
	bool ending;
	bool taken;
	bool changed;
	bool good;
	bool late;
	pthread_t drainer;
	bool draining;
};

/* What the parent does: returns never. */
static void wait_for_child(pid_t child, int fd)
{
	char byte;
	int status;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(EXIT_FINE);
	if (waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	    WEXITSTATUS(status))
		_exit(WEXITSTATUS(status));
	_exit(EXIT_WRONG);
}

int run_detach(void)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0) {
		int rc = -errno;

		close(fds[0]);
		close(fds[1]);
		return rc;
	}
	if (pid) {
		close(fds[1]);
		wait_for_child(pid, fds[0]);
	}
	close(fds[0]);
	setsid();
	return fds[1];
}

/* Lets go of the terminal. */
static void leave_stdio(int level)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	log_open(level, true);
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

static bool push_devices(struct server *srv)
{
	const struct dev_info *dev;
	unsigned int i;
	int fd, rc;

	for (i = 0; i < FUSE_FAMFS_MAX_DAXDEVS; i++) {
		if (srv->ops->device(srv->layout, i, &dev))
			continue;
		fd = open(dev->path, O_RDWR | O_CLOEXEC);
		rc = fd < 0 ? -errno :
			      fuse_fmap_push_daxdev(srv->session, i, fd);
		if (fd >= 0)
			close(fd);
		if (rc) {
			log_line(LOG_ERR, "device %u, %s, is refused by the kernel: %s",
				 i, dev->path, strerror(-rc));
			return false;
		}
	}
	return true;
}

/* Can the mount be used? stat(2) waits for INIT; so the lock is not held. */
static bool try_mount(struct starter *s)
{
	struct server *srv = s->srv;
	struct stat st;
	int rc = stat(s->mountpoint, &st) ? -errno : 0;
	bool good = false, over;

	pthread_mutex_lock(&s->lock);
	s->late = s->ending;
	over = s->late || srv->failed;
	if (!over && rc)
		log_line(LOG_ERR, "%s: the mount cannot be used: %s",
			 s->mountpoint, strerror(-rc));
	else if (!over)
		good = !s->opt->push || push_devices(srv);
	pthread_mutex_unlock(&s->lock);
	return good;
}

/* Return: false if the parent is gone: it was told to give up. */
static bool tell_parent(struct starter *s)
{
	bool told;

	if (s->ready_fd < 0)
		return true;
	leave_stdio(s->opt->level);
	told = write(s->ready_fd, "", 1) == 1;
	if (!told)
		log_line(LOG_ERR, "the process that was to be told of the mount is gone");
	close(s->ready_fd);
	return told;
}

static void tell_manager(const struct starter *s)
{
	char *what = must_print("READY=1\nSTATUS=%s is mounted on %s",
				s->opt->source, s->mountpoint);

	store_tell(what);
	free(what);
}

static void *start(void *arg)
{
	struct starter *s = arg;

	if (try_mount(s)) {
		if (s->changed && refresh(s->srv))
			store_refreshed(s->srv->store, s->srv->ops,
					s->srv->layout);
		log_line(LOG_INFO, "%s is mounted on %s", s->opt->source,
			 s->mountpoint);
		s->good = tell_parent(s);
		if (s->opt->foreground)
			tell_manager(s);
	}
	if (!s->good && !s->late) {
		s->srv->failed = true;
		fuse_fmap_session_exit(s->srv->session);
	}
	return NULL;
}

static int loop(struct server *srv, unsigned int threads)
{
	if (threads == 1)
		return fuse_fmap_session_loop(srv->session);
	return fuse_fmap_session_loop_mt(srv->session, threads);
}

/* How long the last requests may take at most, seconds. */
#define DRAIN_MAX	30

/*
 * The server answers one request after another: when this one is, what was sent
 * before is, too. Closing a file may let the kernel send another.
 */
static void *drain(void *arg)
{
	struct starter *s = arg;
	time_t end = time(NULL) + DRAIN_MAX;
	unsigned int before;
	struct statvfs st;

	do {
		before = s->srv->released;
	} while (!statvfs(s->mountpoint, &st) && before != s->srv->released &&
		 time(NULL) < end);
	fuse_fmap_session_exit(s->srv->session);
	return NULL;
}

/*
 * A signal has ended the loop. Who has closed a file was told that all is well, but
 * what follows from that the server may not have heard of yet.
 */
static void serve_the_last(struct starter *s)
{
	if (!s->srv->ops->release || wake_start(&s->drainer, drain, s))
		return;
	s->draining = true;
	fuse_fmap_session_loop(s->srv->session);
}

/* The kernel's own fuse: what fusermount3 would do, for root. */
static int mount_plain_fuse(struct server *srv, const struct options *opt,
			    const char *mountpoint)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char *data;
	int rc;

	if (fd < 0)
		return -errno;
	data = must_print("fd=%d,rootmode=40000,user_id=%u,group_id=%u,default_permissions%s",
			  fd, getuid(), getgid(),
			  opt->private ? "" : ",allow_other");
	rc = mount(opt->source, mountpoint, "fuse", MS_NOSUID | MS_NODEV,
		   data) ? -errno : 0;
	free(data);
	if (rc) {
		close(fd);
		return rc;
	}
	rc = fuse_fmap_session_attach(srv->session, fd, mountpoint);
	if (rc) {
		umount2(mountpoint, MNT_DETACH);
		close(fd);
	}
	return rc;
}

static int add_option(struct fuse_args *args, const char *option)
{
	return fuse_opt_add_arg(args, "-o") || fuse_opt_add_arg(args, option);
}

static int new_session(struct server *srv, const struct options *opt)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	char *name = must_print("fsname=%s", opt->source), *all = NULL;
	int rc = -ENOMEM;

	if (fuse_opt_add_opt_escaped(&all, name) ||
	    fuse_opt_add_arg(&args, "fmapfsd") || add_option(&args, all) ||
	    add_option(&args, "default_permissions") ||
	    (!opt->private && add_option(&args, "allow_other")) ||
	    (opt->mount_options && add_option(&args, opt->mount_options)) ||
	    (opt->level == LOG_DEBUG && add_option(&args, "debug")))
		goto out;
	rc = fuse_fmap_session_new(&srv->session, &args, &server_ops,
				   sizeof(server_ops), &server_fmap_ops,
				   sizeof(server_fmap_ops), srv);
out:
	if (rc)
		log_line(LOG_ERR, "no session: %s", strerror(-rc));
	fuse_opt_free_args(&args);
	free(all);
	free(name);
	return rc;
}

/*
 * Should stat(2) wait still, this ends it: as soon as nobody has the device open,
 * so the service manager must not keep it either.
 */
static void end_mount(struct server *srv)
{
	store_forget(srv->store);
	fuse_fmap_session_unmount(srv->session);
}

/*
 * The loop has ended with @rc. Who takes over what has just been unmounted has nothing
 * to serve, and nothing to complain of either: the service is not to be started again.
 */
static int exit_code(const struct starter *s, int rc)
{
	bool unmounted = !rc && s->taken && !s->srv->failed;

	if (!s->good)
		return rc > 0 || unmounted ? EXIT_FINE : EXIT_WRONG;
	return rc < 0 || s->srv->failed ? EXIT_BROKE : EXIT_FINE;
}

/* Who waits for this server waits no more, and who waits for that goes on. */
static void abort_mount(void *arg)
{
	struct starter *s = arg;

	if (umount2(s->mountpoint, MNT_FORCE) && errno != EBUSY)
		log_line(LOG_WARNING, "%s: requests cannot be aborted: %s",
			 s->mountpoint, strerror(errno));
}

static int start_layout(struct starter *s)
{
	struct server *srv = s->srv;

	return srv->ops->start ?
		srv->ops->start(srv->layout, srv->session, s->taken) : 0;
}

static void stop_layout(struct starter *s)
{
	struct server *srv = s->srv;

	if (srv->ops->stop)
		srv->ops->stop(srv->layout, abort_mount, s);
}

static int serve(struct starter *s)
{
	struct server *srv = s->srv;
	int rc = start_layout(s);

	if (!rc)
		rc = wake_start(&s->thread, start, s);
	if (rc) {
		log_line(LOG_ERR, "no thread: %s", strerror(-rc));
		stop_layout(s);
		end_mount(srv);
		return EXIT_WRONG;
	}
	rc = loop(srv, s->opt->threads);
	if (rc > 0)
		serve_the_last(s);
	if (rc > 0)
		log_line(LOG_INFO, "%s: signal %d (%s)", s->mountpoint, rc,
			 strsignal(rc));
	else if (rc < 0)
		log_line(LOG_ERR, "%s: serving ended: %s", s->mountpoint,
			 strerror(-rc));
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	pthread_mutex_unlock(&s->lock);
	stop_layout(s);
	end_mount(srv);
	if (s->draining)
		pthread_join(s->drainer, NULL);
	/* It may be telling the kernel what has changed. */
	wake_join(s->thread);
	return exit_code(s, rc);
}

/* A mount that nobody serves, and nobody will: it is in the way. */
static void clear_away(const char *mountpoint, const char *why)
{
	log_line(LOG_WARNING, "%s: cannot be gone on with (%s) and is given up",
		 mountpoint, why);
	if (umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW))
		log_line(LOG_ERR, "%s: cannot be unmounted: %s", mountpoint,
			 strerror(errno));
}

/* What was handed over is of no use. */
static void give_up(struct store *store, const char *why)
{
	const char *mountpoint = store->saved.mountpoint;

	if (store_is_mounted(store))
		clear_away(mountpoint, why);
	else
		log_line(LOG_WARNING, "%s: what was mounted there cannot be gone on with (%s); something else is there now, which stays",
			 mountpoint, why);
	store_forget(store);
	store_close(store);
}

static int mount_anew(struct starter *s)
{
	struct server *srv = s->srv;

	return s->opt->plain_fuse ?
		mount_plain_fuse(srv, s->opt, s->mountpoint) :
		fuse_fmap_session_mount(srv->session, s->mountpoint);
}

/* The mount of a predecessor, whose device the service manager has kept. */
static int take_over(struct starter *s)
{
	struct store *store = s->srv->store;
	int rc = fuse_fmap_session_resume(s->srv->session, store->dev,
					  store->saved.init_size ?
						store->saved.init : NULL,
					  store->saved.init_size,
					  s->mountpoint);

	if (rc)
		return rc;
	store->dev = -1;
	s->taken = true;
	s->changed = store->saved.digest !=
		     s->srv->ops->digest(s->srv->layout);
	log_line(LOG_INFO, "%s: taken over", s->mountpoint);
	return 0;
}

static int attach(struct starter *s)
{
	struct server *srv = s->srv;
	int rc = srv->store->dev < 0 ? mount_anew(s) : take_over(s);

	if (rc == -EINVAL && srv->store->dev >= 0) {
		give_up(srv->store, "its state is another version's");
		rc = mount_anew(s);
	}
	if (!rc)
		store_begin(srv->store, srv->ops, srv->layout, s->mountpoint,
			    s->opt->plain_fuse,
			    fuse_fmap_session_fd(srv->session));
	return rc;
}

static int mount_and_serve(struct starter *s)
{
	struct server *srv = s->srv;
	struct fuse_session *fuse;
	int code, rc;

	if (new_session(srv, s->opt))
		return EXIT_WRONG;
	fuse = fuse_fmap_session_fuse(srv->session);
	rc = fuse_set_signal_handlers(fuse) ? -EINVAL : 0;
	if (!rc)
		rc = attach(s);
	if (rc) {
		log_line(LOG_ERR, "%s: cannot be mounted: %s", s->mountpoint,
			 strerror(-rc));
		code = EXIT_WRONG;
	} else {
		code = serve(s);
	}
	fuse_remove_signal_handlers(fuse);
	fuse_fmap_session_destroy(srv->session);
	return code;
}

/*
 * Is there a directory to be mounted on? What is to be taken over is not looked
 * at: stat(2) would wait for the server, who is us. Return: NULL, or why not.
 */
static const char *check_mountpoint(struct starter *s)
{
	struct store *store = s->srv->store;
	struct stat st;
	const char *why;

	if (store->dev >= 0) {
		why = store_refusal(store, s->srv->ops, s->srv->layout,
				    s->mountpoint, s->opt->plain_fuse);
		if (!why)
			return NULL;
		give_up(store, why);
	}
	if (!stat(s->mountpoint, &st))
		return S_ISDIR(st.st_mode) ? NULL : "is not a directory";
	if (errno != ENOTCONN || !store->keep)
		return strerror(errno);
	clear_away(s->mountpoint, strerror(ENOTCONN));
	return stat(s->mountpoint, &st) ? strerror(errno) : NULL;
}

int run(struct server *srv, const struct options *opt, int ready_fd)
{
	struct starter s = {
		.srv = srv, .opt = opt, .ready_fd = ready_fd,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	int code = EXIT_WRONG;
	const char *why;

	s.mountpoint = realpath(opt->mountpoint, NULL);
	why = s.mountpoint ? check_mountpoint(&s) : strerror(errno);
	if (why)
		log_line(LOG_ERR, "%s: %s",
			 s.mountpoint ? s.mountpoint : opt->mountpoint, why);
	else if (ready_fd >= 0 && chdir("/"))
		log_line(LOG_ERR, "/: %s", strerror(errno));
	else
		code = mount_and_serve(&s);
	free(s.mountpoint);
	return code;
}
