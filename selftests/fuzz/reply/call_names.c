// SPDX-License-Identifier: GPL-2.0-only
/* Names and attributes. */
#include "calls.h"

struct inode *any_node(void)
{
	return &nodes[take(1) % NR_NODES].inode;
}

struct dentry *any_name(void)
{
	static struct dentry d;

	d.d_name = (struct qstr)QSTR_INIT("name", 4);
	return &d;
}

static void lookup(void)
{
	struct fmapfs_forget *forget = NULL;
	struct fmapfs_entry entry;
	struct inode *dir = any_node();
	int rc = fmapfs_proto_lookup(dir, &any_name()->d_name, &entry, &forget);

	check_rc(rc);
	MUST(!!forget == (!rc && entry.nodeid));
	if (rc)
		return;
	check_entry(&entry);
	MUST(entry.nodeid != FUSE_ROOT_ID);
	if (forget)
		give_back(forget, entry.nodeid);
}

static void lookup_node(void)
{
	struct fmapfs_forget *forget = NULL;
	struct fmapfs_entry entry;
	int rc = fmapfs_proto_lookup_node(&sb, take(8), "..", &entry, &forget);

	check_rc(rc);
	MUST(!!forget == (!rc && entry.nodeid));
	if (!rc)
		check_entry(&entry);
	if (forget)
		give_back(forget, entry.nodeid);
}

static void mknod_(void)
{
	static const umode_t types[] = { S_IFREG, S_IFCHR, S_IFIFO, S_IFSOCK };
	umode_t type = types[take(1) % ARRAY_SIZE(types)];
	struct fmapfs_made made;

	check_made(fmapfs_proto_mknod(any_node(), any_name(), type | 0600, 5, &made),
		   &made, type);
}

static void mkdir_(void)
{
	struct fmapfs_made made;

	check_made(fmapfs_proto_mkdir(any_node(), any_name(), 0700, &made), &made,
		   S_IFDIR);
}

static void symlink_(void)
{
	struct fmapfs_made made;

	check_made(fmapfs_proto_symlink(any_node(), any_name(), "to", &made), &made,
		   S_IFLNK);
}

static void link_(void)
{
	struct inode *inode = any_node();
	struct fmapfs_made made;

	check_made(fmapfs_proto_link(inode, &nodes[NODE_DIR].inode, any_name(),
				     &made), &made, inode->i_mode);
}

static void unlink_(void)
{
	struct inode *dir = any_node();

	check_rc(fmapfs_proto_unlink(dir, &any_name()->d_name));
	check_rc(fmapfs_proto_rmdir(dir, &any_name()->d_name));
}

static void rename_(void)
{
	struct inode *from = any_node(), *to = any_node();
	unsigned int flags = take(1) % 3;

	check_rc(fmapfs_proto_rename(from, &any_name()->d_name, to,
				     &any_name()->d_name, flags));
}

static void readlink_(void)
{
	u32 size = 1 + take(2) % 4096;
	char *link = malloc(size);

	check_size(fmapfs_proto_readlink(any_node(), link, size), size);
	free(link);
}

/* --- attributes --- */

static void check_attr_of(int rc, const struct inode *inode,
			  const struct fmapfs_attr *attr)
{
	check_rc(rc);
	if (rc)
		return;
	check_attr(attr);
	MUST(!((attr->mode ^ inode->i_mode) & S_IFMT));
}

static void getattr(void)
{
	struct file *f = open_file(0);
	struct inode *inode = f ? f->f_inode : any_node();
	struct fmapfs_attr attr = { 0 };

	check_attr_of(fmapfs_proto_getattr(inode, f ? f->private_data : NULL,
					   &attr), inode, &attr);
}

static void statx_(void)
{
	struct fmapfs_attr attr = { 0 };
	struct inode *inode = any_node();
	u32 mask;

	check_attr_of(fmapfs_proto_statx(inode, &mask, &attr), inode, &attr);
}

static void setattr(void)
{
	struct file *f = open_file(S_IFREG);
	struct inode *inode = f ? f->f_inode : any_node();
	struct iattr iattr = { .ia_valid = take(2), .ia_size = take(4) };
	struct fmapfs_attr attr = { 0 };

	check_attr_of(fmapfs_proto_setattr(inode, &iattr,
					   f ? f->private_data : NULL, &attr),
		      inode, &attr);
}

static void access_(void)
{
	check_rc(fmapfs_proto_access(any_node(), take(1)));
}

static void statfs_(void)
{
	struct dentry d = { .d_inode = any_node() };
	struct kstatfs buf;

	check_rc(fmapfs_proto_statfs(&d, &buf));
}

static void getxattr_(void)
{
	size_t size = take(2) % 300;
	char *value = malloc(size);

	check_size(fmapfs_proto_getxattr(any_node(), "user.x", value, size),
		   size ? size : XATTR_SIZE_MAX);
	free(value);
}

static void listxattr_(void)
{
	size_t size = take(2) % 300;
	char *list = malloc(size);
	ssize_t rc = fmapfs_proto_listxattr(any_node(), list, size);

	check_size(rc, size ? size : XATTR_LIST_MAX);
	if (rc > 0 && size)
		MUST(list[0] && !list[rc - 1]);
	free(list);
}

static void setxattr_(void)
{
	struct inode *inode = any_node();

	check_rc(fmapfs_proto_setxattr(inode, "user.x", "v", 1, 0, 1));
	check_rc(fmapfs_proto_removexattr(inode, "user.x"));
}

const call_fn name_calls[] = {
	lookup, lookup_node, mknod_, mkdir_, symlink_, link_, unlink_, rename_,
	readlink_, getattr, statx_, setattr, access_, statfs_, getxattr_,
	listxattr_, setxattr_,
};
const unsigned int nname_calls = ARRAY_SIZE(name_calls);
