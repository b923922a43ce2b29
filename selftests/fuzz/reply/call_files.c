// SPDX-License-Identifier: GPL-2.0-only
/* Open files, and memory. */
#include "calls.h"

#define MAX_FILES	6

static struct file files[MAX_FILES];

struct file *open_file(umode_t type)
{
	unsigned int i, from = take(1);

	for (i = 0; i < MAX_FILES; i++) {
		struct file *f = &files[(from + i) % MAX_FILES];

		if (f->private_data &&
		    (!type || (f->f_inode->i_mode & S_IFMT) == type))
			return f;
	}
	return NULL;
}

bool is_open(const struct inode *inode)
{
	unsigned int i;

	for (i = 0; i < MAX_FILES; i++)
		if (files[i].private_data && files[i].f_inode == inode)
			return true;
	return false;
}

static struct file *free_file(void)
{
	unsigned int i;

	for (i = 0; i < MAX_FILES; i++)
		if (!files[i].private_data)
			return &files[i];
	return NULL;
}

static void open_(void)
{
	struct inode *inode = &nodes[take(1) % 2 ? NODE_FILE : NODE_DIR].inode;
	struct file *f = free_file();
	struct fmapfs_file *ff;
	int rc;

	if (!f)
		return;
	rc = fmapfs_proto_open(inode, O_RDWR, &ff);
	check_rc(rc);
	if (!rc)
		*f = (struct file) { .f_inode = inode, .private_data = ff };
}

static void create(void)
{
	struct file *f = free_file();
	struct fmapfs_file *ff;
	struct fmapfs_made made;
	int rc;

	if (!f)
		return;
	rc = fmapfs_proto_create(&nodes[NODE_DIR].inode, any_name(),
				 O_RDWR | O_CREAT, S_IFREG | 0600, take(1) % 2,
				 &made, &ff);
	if (!rc) {
		fmapfs_created_of(ff, made.forget);
		*f = (struct file) { .f_inode = &nodes[NODE_FILE].inode,
				     .private_data = ff };
	}
	check_made(rc, &made, S_IFREG);
}

static void close_file(struct file *f)
{
	struct fmapfs_file *ff = f->private_data;

	fmapfs_polled_close(fs.conn, ff->polled);
	fmapfs_proto_close(ff, O_RDWR);
	f->private_data = NULL;
}

static void close_(void)
{
	struct file *f = open_file(0);

	if (f)
		close_file(f);
}

static void flush(void)
{
	struct file *f = open_file(0);

	if (f)
		check_rc(fmapfs_proto_flush(f->f_inode, f->private_data, f,
					    take(1) % 2));
}

static void fsync_(void)
{
	struct file *f = open_file(0);

	if (f)
		check_rc(fmapfs_proto_fsync(f->f_inode, f->private_data, true));
}

static void check_dirent(const struct fmapfs_dirent *ent,
			 const struct fmapfs_dirbuf *buf)
{
	const char *begin = buf->req->out, *end = begin + buf->req->out_len;

	MUST(ent->name > begin && ent->name + ent->namelen <= end);
	MUST(ent->namelen && ent->namelen <= FMAPFS_NAME_MAX);
	MUST(!memchr(ent->name, '/', ent->namelen));
	MUST(!memchr(ent->name, 0, ent->namelen));
	if (!ent->has_entry)
		return;
	check_entry(&ent->entry);
	MUST(ent->entry.nodeid > FUSE_ROOT_ID);
	give_back(fmapfs_forget_new(GFP_KERNEL | __GFP_NOFAIL),
		  ent->entry.nodeid);
}

static void readdir_(void)
{
	struct file *f = open_file(S_IFDIR);
	struct fmapfs_dirbuf buf;
	struct fmapfs_dirent ent;
	unsigned int left;
	int rc;

	if (!f)
		return;
	rc = fmapfs_proto_readdir(f, take(1), 1 + take(2) % 8192, take(1) % 2,
				  &buf);
	check_rc(rc);
	if (rc)
		return;
	/* The caller may have enough of it. */
	for (left = take(1); left; left--) {
		rc = fmapfs_dirbuf_next(&sb, &buf, &ent);
		MUST(rc == 1 || rc == 0 || rc == -EIO);
		if (rc <= 0)
			break;
		check_dirent(&ent, &buf);
	}
	fmapfs_dirbuf_free(&buf);
}

static void read_(void)
{
	struct file *f = open_file(S_IFREG);
	u32 size = 1 + take(2) % 8192;
	u8 *data = malloc(size);
	struct iov_iter to = { .to = data, .count = size };

	if (f)
		check_size(fmapfs_proto_read(f->f_inode, f->private_data, 0,
					     take(8), size, NULL, &to), size);
	free(data);
}

static void write_(void)
{
	struct file *f = open_file(S_IFREG);
	struct fmapfs_write w = { .size = 1 + take(1) % 100 };
	struct iov_iter from = { .from = (u8 [100]) {}, .count = w.size };
	struct fmapfs_req *req;

	if (!f)
		return;
	req = fmapfs_proto_write_new(f->f_inode, f->private_data, &w, &from);
	if (IS_ERR(req))
		return check_rc(PTR_ERR(req));
	check_size(fmapfs_proto_write_send(f->f_inode, req), w.size);
	fmapfs_req_put(req);
}

static void lseek_(void)
{
	struct file *f = open_file(S_IFREG);
	u64 at;

	if (f)
		check_rc(fmapfs_proto_lseek(f->f_inode, f->private_data, 5,
					    SEEK_DATA, &at));
}

static void fallocate_(void)
{
	struct file *f = open_file(S_IFREG);
	struct fmapfs_req *req;

	if (!f)
		return;
	req = fmapfs_proto_fallocate_new(f->f_inode, f->private_data, 0, 0, 5);
	if (!req)
		return;
	check_rc(fmapfs_req_send(req));
	fmapfs_req_put(req);
}

static void copy(void)
{
	struct fmapfs_copy c = {
		.in = open_file(S_IFREG), .out = open_file(S_IFREG), .len = 50,
	};
	struct fmapfs_req *req;

	if (!c.in)
		return;
	req = fmapfs_proto_copy_new(take(1) % 2 ? FUSE_COPY_FILE_RANGE :
				    FUSE_COPY_FILE_RANGE_64, &c);
	if (!req)
		return;
	check_size(fmapfs_proto_copy_send(c.in->f_inode, req), c.len);
	fmapfs_req_put(req);
}

static void ioctl_(void)
{
	struct file *f = open_file(0);
	u8 in[8] = { 0 }, *out;
	struct fmapfs_ioctl io = {
		.cmd = 5, .in_size = take(1) % 9, .out_size = take(1),
		.exact = take(1) % 2,
	};

	if (!f)
		return;
	out = malloc(io.out_size);
	io.from = (struct iov_iter) { .from = in, .count = io.in_size };
	io.to = (struct iov_iter) { .to = out, .count = io.out_size };
	MUST(fmapfs_proto_ioctl(f->f_inode, f->private_data, &io) >
	     -ERESTARTSYS);
	free(out);
}

static void poll_(void)
{
	struct file *f = open_file(0);
	__poll_t events = 0, all = POLLIN | POLLERR | POLLHUP;
	struct fmapfs_polled *polled;
	struct fmapfs_file *ff;

	if (!f)
		return;
	ff = f->private_data;
	polled = fmapfs_polled_of(fs.conn, &ff->polled);
	if (!polled)
		return;
	if (take(1) % 2)
		fmapfs_polled_add(fs.conn, polled);
	check_rc(fmapfs_proto_poll(f->f_inode, ff, all, true, &events));
}

static void getlk(void)
{
	struct file *f = open_file(0);
	struct file_lock fl = { .c.flc_type = F_WRLCK, .fl_end = OFFSET_MAX };
	int rc;

	if (!f)
		return;
	rc = fmapfs_proto_getlk(f, &fl);
	check_rc(rc);
	if (rc)
		return;
	MUST(fl.c.flc_type == F_UNLCK || fl.c.flc_type == F_RDLCK ||
	     fl.c.flc_type == F_WRLCK);
	MUST(fl.fl_start >= 0 && fl.fl_end >= fl.fl_start);
}

static void setlk(void)
{
	static const unsigned char types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	struct file *f = open_file(0);
	struct file_lock fl = { .c.flc_type = types[take(1) % 3],
				.c.flc_flags = take(1) % 2 ? FL_SLEEP : 0 };
	bool flock = take(1) % 2;
	int rc;

	if (!f)
		return;
	rc = fmapfs_proto_setlk(f, &fl, flock);
	if (rc != -ERESTARTSYS)
		check_rc(rc);
}

/* --- memory --- */

static void get_fmap(void)
{
	u32 size = 1 + take(2) % 8192;
	struct fmap_error err;
	struct fmap *fmap;
	void *msg = NULL;
	ssize_t rc = fmapfs_proto_get_fmap(&nodes[NODE_FILE].inode, size, &msg);

	check_size(rc, size);
	MUST(!!msg == (rc >= 0));
	if (rc < 0)
		return;
	if (!fmap_wanted_size(msg, rc) &&
	    !fmap_decode(msg, rc, PAGE_SIZE, &fmap, &err))
		fmap_destroy(fmap);
	kfree(msg);
}

static void get_daxdev(void)
{
	u32 index = take(1) % FUSE_FAMFS_MAX_DAXDEVS;
	int rc = fmapfs_proto_get_daxdev(&sb, index);

	check_rc(rc);
	MUST(!!fs.devtab->devs[index] == !rc);
}

const call_fn file_calls[] = {
	open_, create, close_, flush, fsync_, readdir_, read_, write_, lseek_,
	fallocate_, copy, ioctl_, poll_, getlk, setlk, get_fmap, get_daxdev,
};
const unsigned int nfile_calls = ARRAY_SIZE(file_calls);

void close_all(void)
{
	unsigned int i;

	for (i = 0; i < MAX_FILES; i++)
		if (files[i].private_data)
			close_file(&files[i]);
}
