// SPDX-License-Identifier: GPL-2.0-only
/* Contents: fmaps and devices; or READ and WRITE, where there is no fmap. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"
#include "server.h"

/* FLUSH and FSYNC do not say how a file was opened: the handle does. */
static void open_by_layout(fuse_req_t req, fuse_ino_t ino,
			   struct fuse_file_info *fi)
{
	struct server *srv = server_of(req);
	bool direct = false;
	int rc = srv->ops->open(srv->layout, ino, fi->flags, &direct);

	if (rc) {
		fuse_reply_err(req, -rc);
		return;
	}
	fi->fh = fi->flags & O_ACCMODE;
	fi->direct_io = direct;
	/* Who wanted to open it is gone. */
	if (fuse_reply_open(req, fi))
		srv->ops->release(srv->layout, ino, fi->flags);
}

void server_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	bool writes = (fi->flags & O_ACCMODE) != O_RDONLY;
	struct server *srv = server_of(req);
	const struct fuse_fmap *fmap;
	int rc, fd;

	if (srv->ops->open) {
		open_by_layout(req, ino, fi);
		return;
	}
	rc = srv->ops->fmap(srv->layout, ino, &fmap);
	if (rc == -EOPNOTSUPP) {
		rc = srv->ops->host(srv->layout, ino, &fd);
		if (!rc && writes)
			rc = -EROFS;
		else if (rc == -EOPNOTSUPP)
			rc = -EISDIR;
	}
	if (rc)
		fuse_reply_err(req, -rc);
	else
		fuse_reply_open(req, fi);
}

/* How much of @size bytes at @off lies in the file; -errno. */
static int64_t bytes_in_file(struct server *srv, fuse_ino_t ino, size_t size,
			     off_t off)
{
	struct stat st;
	int rc = srv->ops->getattr(srv->layout, ino, &st);

	if (rc)
		return rc;
	if (size > SERVER_IO_MAX || off < 0)
		return -EINVAL;
	if (off >= st.st_size)
		return 0;
	return (off_t)size < st.st_size - off ? (off_t)size : st.st_size - off;
}

static int read_host(int fd, char *buf, int64_t *size, off_t off)
{
	ssize_t n;

	do
		n = pread(fd, buf, *size, off);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*size = n;
	return 0;
}

static int read_file(struct server *srv, fuse_ino_t ino, char *buf,
		     int64_t *size, off_t off)
{
	const struct fuse_fmap *fmap;
	int fd, rc;

	if (!srv->ops->fmap(srv->layout, ino, &fmap))
		return srv->raw ? rawio_read(srv->raw, fmap, buf, *size, off) :
				  -EOPNOTSUPP;
	rc = srv->ops->host(srv->layout, ino, &fd);
	return rc ? rc : read_host(fd, buf, size, off);
}

static void read_by_layout(fuse_req_t req, fuse_ino_t ino, size_t size,
			   off_t off)
{
	struct server *srv = server_of(req);
	int64_t n = size > SERVER_IO_MAX || off < 0 ? -EINVAL : 0;
	char *buf = NULL;

	if (!n) {
		buf = malloc(size ? size : 1);
		n = buf ? srv->ops->read(srv->layout, ino, buf, size, off) :
			  -ENOMEM;
	}
	if (n < 0)
		fuse_reply_err(req, -n);
	else
		fuse_reply_buf(req, buf, n);
	free(buf);
}

void server_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 struct fuse_file_info *fi)
{
	struct server *srv = server_of(req);
	char *buf = NULL;
	int64_t n;
	int rc;

	(void)fi;
	if (srv->ops->read) {
		read_by_layout(req, ino, size, off);
		return;
	}
	n = bytes_in_file(srv, ino, size, off);
	rc = n < 0 ? n : 0;
	if (n > 0) {
		buf = malloc(n);
		rc = buf ? read_file(srv, ino, buf, &n, off) : -ENOMEM;
	}
	if (rc)
		fuse_reply_err(req, -rc);
	else
		fuse_reply_buf(req, buf, n);
	free(buf);
}

static void write_by_layout(fuse_req_t req, fuse_ino_t ino, const char *buf,
			    size_t size, off_t off, struct fuse_file_info *fi)
{
	struct server *srv = server_of(req);
	int64_t n = size > SERVER_IO_MAX || off < 0 ? -EINVAL :
		    srv->ops->write(srv->layout, ino, buf, size, off,
				    fi->flags);

	if (n < 0)
		fuse_reply_err(req, -n);
	else
		fuse_reply_write(req, n);
}

/* Only without fmaps; with one the kernel writes to the memory itself. */
void server_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
		  off_t off, struct fuse_file_info *fi)
{
	struct server *srv = server_of(req);
	const struct fuse_fmap *fmap;
	int64_t n;
	int rc;

	if (srv->ops->write) {
		write_by_layout(req, ino, buf, size, off, fi);
		return;
	}
	n = bytes_in_file(srv, ino, size, off);
	if (n < 0)
		rc = n;
	else if (srv->ops->fmap(srv->layout, ino, &fmap))
		rc = -EROFS;
	else if (!srv->raw)
		rc = -EOPNOTSUPP;
	else if (size && !n)
		rc = -ENOSPC;
	else
		rc = rawio_write(srv->raw, fmap, buf, n, off);
	if (rc)
		fuse_reply_err(req, -rc);
	else
		fuse_reply_write(req, n);
}

void server_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		  struct fuse_file_info *fi)
{
	struct server *srv = server_of(req);
	const struct fuse_fmap *fmap;
	int rc = 0;

	(void)datasync;
	if (srv->ops->fsync)
		rc = srv->ops->fsync(srv->layout, ino, fi->fh);
	else if (srv->raw && !srv->ops->fmap(srv->layout, ino, &fmap))
		rc = rawio_sync(srv->raw, fmap);
	fuse_reply_err(req, -rc);
}

/* ENOSYS: the kernel does not ask again, as it would without this. */
void server_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct server *srv = server_of(req);
	int rc = srv->ops->flush ?
		srv->ops->flush(srv->layout, ino, fi->fh) : -ENOSYS;

	fuse_reply_err(req, -rc);
}

/* Whoever has closed it does not wait: what there is to be done may take long. */
void server_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct server *srv = server_of(req);

	if (srv->ops->release)
		srv->ops->release(srv->layout, ino, fi->fh);
	srv->released++;
	fuse_reply_err(req, 0);
}

void server_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
		      off_t len, struct fuse_file_info *fi)
{
	struct server *srv = server_of(req);
	int rc = -ENOSYS;

	(void)fi;
	if (srv->ops->fallocate)
		rc = off < 0 || len < 0 ? -EINVAL :
		     srv->ops->fallocate(srv->layout, ino, mode, off, len);
	fuse_reply_err(req, -rc);
}

void server_get_fmap(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct server *srv = server_of(req);
	const struct fuse_fmap *fmap;
	int rc = srv->no_fmap ? -ENOSYS :
				srv->ops->fmap(srv->layout, ino, &fmap);

	if (rc)
		fuse_reply_err(req, -rc);
	else
		fuse_fmap_reply(req, fmap, size);
}

void server_get_daxdev(fuse_req_t req, int index)
{
	struct server *srv = server_of(req);
	const struct dev_info *dev;
	int rc = index < 0 ? -ENODEV :
			     srv->ops->device(srv->layout, index, &dev);

	if (rc) {
		fuse_reply_err(req, -rc);
		return;
	}
	log_line(LOG_DEBUG, "device %d is %s", index, dev->path);
	rc = fuse_fmap_reply_daxdev(req, index, dev->path);
	if (rc && rc != -ENOENT)
		log_line(LOG_ERR, "device %d, %s, is refused by the kernel (errno %d); its log says why",
			 index, dev->path, -rc);
}
