// SPDX-License-Identifier: GPL-2.0-only
/* What is around the protocol: a few inodes, devices, and nothing else. */
#include "reply.h"

struct super_block sb;
struct fmapfs_sb fs;
struct fmapfs_inode nodes[NR_NODES];
const struct file_operations *dev_fops;

static struct fmapfs_devtab devtab;
static struct backing_dev_info bdi = { .ra_pages = 32 };
static struct dentry alias, child;

static const umode_t modes[NR_NODES] = {
	S_IFDIR | 0755, S_IFDIR | 0755, S_IFREG | 0644, S_IFLNK | 0777,
};

void around_begin(void)
{
	unsigned int i;

	memset(&fs, 0, sizeof(fs));
	memset(nodes, 0, sizeof(nodes));
	memset(&devtab, 0, sizeof(devtab));
	sb = (struct super_block) { .s_fs_info = &fs, .s_bdi = &bdi };
	fs.sb = &sb;
	fs.devtab = &devtab;
	fs.dax = true;
	devtab.count.n = 1;
	for (i = 0; i < NR_NODES; i++) {
		nodes[i].nodeid = FUSE_ROOT_ID + i;
		nodes[i].inode.i_mode = modes[i];
		nodes[i].inode.i_sb = &sb;
		nodes[i].inode.i_size = 10000;
		nodes[i].inode.i_gid.val = 7;
		nodes[i].inode.i_count = 1;
		nodes[i].forget = fmapfs_forget_new(GFP_KERNEL | __GFP_NOFAIL);
		if (i)
			server_hands_out(nodes[i].nodeid);
	}
}

void around_end(void)
{
	unsigned int i;

	MUST(devtab.count.n == 1);
	MUST(!devtab.ask.held);
	for (i = 0; i < FUSE_FAMFS_MAX_DAXDEVS; i++)
		fmapfs_daxdev_put(devtab.devs[i]);
	for (i = 0; i < NR_NODES; i++) {
		MUST(nodes[i].inode.i_count == 1);
		MUST(!nodes[i].inode.i_rwsem.held);
	}
	MUST(!alias.d_count && !child.d_count);
}

/* A node that is evicted comes back by another node id. */
umode_t mode_of(u64 nodeid)
{
	u64 i = (nodeid - FUSE_ROOT_ID) % NODE_STEP;

	return i < NR_NODES ? modes[i] : S_IFREG | 0644;
}

void evict(struct fmapfs_inode *fi)
{
	struct fmapfs_forget *forget = fi->forget;

	fi->forget = fmapfs_forget_new(GFP_KERNEL | __GFP_NOFAIL);
	fmapfs_forget_send(fs.conn, forget, fi->nodeid, 1);
	fi->nodeid += NODE_STEP;
	server_hands_out(fi->nodeid);
}

static bool get(void *p)
{
	MUST(p == &sb);
	return true;
}

static void put(void *p)
{
}

const struct fmapfs_conn_ops conn_ops = {
	.get = get, .put = put, .ready = put, .notify = fmapfs_notify,
};

int misc_register(struct miscdevice *misc)
{
	dev_fops = misc->fops;
	return 0;
}

/* --- inodes and names --- */

bool env_is_root(const struct inode *inode)
{
	return inode == &nodes[NODE_ROOT].inode;
}

struct inode *fmapfs_find_inode(struct super_block *s, u64 nodeid)
{
	unsigned int i;

	env_may_sleep();
	for (i = 0; i < NR_NODES; i++)
		if (nodes[i].nodeid == nodeid) {
			nodes[i].inode.i_count++;
			return &nodes[i].inode;
		}
	return NULL;
}

void iput(struct inode *inode)
{
	if (!inode)
		return;
	MUST(inode->i_count > 1);
	inode->i_count--;
}

void dput(struct dentry *dentry)
{
	MUST(dentry->d_count > 0);
	dentry->d_count--;
}

struct dentry *d_find_alias(struct inode *inode)
{
	alias.d_inode = inode;
	alias.d_count++;
	return &alias;
}

/* Names of one byte are there. */
struct dentry *d_lookup(const struct dentry *parent, const struct qstr *name)
{
	MUST(parent->d_count > 0);
	MUST(strlen(name->name) <= name->len);
	if (name->len != 1)
		return NULL;
	child.d_inode = &nodes[NODE_FILE].inode;
	child.d_count++;
	return &child;
}

struct file *env_fget(unsigned int fd)
{
	return NULL;
}

void fmapfs_make_bad(struct inode *inode)
{
	fmapfs_i(inode)->bad = true;
}

u64 fmapfs_entry_until(struct super_block *s, u64 version, u64 expires)
{
	return expires;
}

void fmapfs_expire_attr(struct inode *inode)
{
}

void fmapfs_expire_unknown(struct super_block *sb)
{
}

void fmapfs_forget_link(struct inode *inode)
{
}

void fmapfs_set_entry_expiry(struct dentry *dentry, u64 expires)
{
	MUST(dentry->d_count > 0);
}

void fmapfs_new_epoch(struct super_block *s)
{
	fs.epoch++;
}

/* --- data --- */

int fmapfs_fmap_revoke(struct inode *inode)
{
	MUST(S_ISREG(inode->i_mode));
	return 0;
}

int fmapfs_cache_invalidate(struct inode *inode, pgoff_t first, pgoff_t last)
{
	return 0;
}

int fmapfs_store(struct inode *inode, loff_t pos, u64 len,
		 struct iov_iter *from)
{
	u8 page[PAGE_SIZE];

	MUST(pos >= 0 && len <= (u64)MAX_LFS_FILESIZE - pos);
	for (; len; len -= min_t(u64, len, sizeof(page))) {
		u64 n = min_t(u64, len, sizeof(page));

		MUST(copy_from_iter(page, n, from) == n);
	}
	return 0;
}

u32 fmapfs_copy_cached(struct inode *inode, loff_t pos, void *buf, u32 len)
{
	MUST(!len || (pos >= 0 && pos + len <= inode->i_size));
	memset(buf, 'c', len);
	return len;
}

struct fmapfs_flushing *fmapfs_flush_begin(struct inode *inode)
{
	return NULL;
}

void fmapfs_flush_over(struct fmapfs_flushing *flush)
{
}

int fmapfs_notify_poll(struct super_block *s, u64 kh)
{
	fmapfs_polled_wake(fs.conn, kh);
	return 0;
}

void fmapfs_timeout_start(struct fmapfs_conn *conn, unsigned int seconds)
{
}

void fmapfs_timeout_stop(struct fmapfs_conn *conn)
{
}

ssize_t fmapfs_dev_splice(struct file *file, struct fmapfs_conn *conn,
			  struct pipe_inode_info *pipe, size_t len)
{
	return -EINVAL;
}

/* --- devices --- */

bool fmapfs_daxdev_has_char(void)
{
	return true;
}

/* Those below /dev are there. */
int fmapfs_daxdev_open_path(const char *path, const struct cred *cred,
			    struct fmapfs_found *found)
{
	MUST(cred);
	env_may_sleep();
	MUST(strnlen(path, DAXDEV_NAME_MAX) < DAXDEV_NAME_MAX);
	if (strncmp(path, "/dev/", 5)) {
		found->why = "there is none";
		return -ENODEV;
	}
	found->dev = kzalloc(sizeof(*found->dev), __GFP_NOFAIL);
	return 0;
}

void fmapfs_daxdev_put(struct fmapfs_daxdev *daxdev)
{
	kfree(daxdev);
}

int fmapfs_devtab_add(struct fmapfs_devtab *tab, u32 index,
		      struct fmapfs_found *found)
{
	MUST(index < FUSE_FAMFS_MAX_DAXDEVS && found->dev);
	if (tab->devs[index])
		return -EEXIST;
	tab->devs[index] = found->dev;
	found->dev = NULL;
	return 0;
}

int fmapfs_devtab_add_file(struct fmapfs_devtab *tab, u32 index,
			   struct file *file)
{
	return -EINVAL;
}

int fmapfs_devtab_clear_bad(struct fmapfs_devtab *tab,
			    const struct fmapfs_clear_bad __user *arg)
{
	return -ENODEV;
}

struct fmapfs_devtab *fmapfs_devtab_hold(struct fmapfs_devtab *tab)
{
	refcount_inc(&tab->count);
	return tab;
}

void fmapfs_devtab_put(struct fmapfs_devtab *tab)
{
	MUST(!refcount_dec_and_test(&tab->count));
}
