// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making an fmap: fetched message → decoded → the size agrees → the devices are
 * there and large enough. Then its memory can be claimed, and it be put in force
 * (fmap.c). What fails before leaves no trace but a message. And showing it.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "proto.h"

/* --- checking --- */

static int refuse(struct fmap_error *err, int error, size_t at,
		  const char *field, u64 value, const char *rule)
{
	err->at = at;
	err->field = field;
	err->value = value;
	err->rule = rule;
	return error;
}

static void log_refused(struct inode *inode, const struct fmap_error *err,
			int error)
{
	fmapfs_count(inode->i_sb, FMAPFS_FMAP_REFUSED, 1);
	fmapfs_err_rl(inode->i_sb,
		      "node %llu: fmap refused (%d): %s at byte %zu is %llu (%#llx), must be %s\n",
		      fmapfs_i(inode)->nodeid, error, err->field, err->at,
		      err->value, err->value, err->rule);
}

/* Gets the message, whatever its size. Return: its bytes, or -errno. */
static ssize_t get_message(struct inode *inode, void **msgp)
{
	struct fmap_error err = {};
	ssize_t n = fmapfs_proto_get_fmap(inode, FAMFS_FMAP_MAX, msgp);
	size_t wanted;

	if (n < 0)
		return n;
	wanted = fmap_wanted_size(*msgp, n);
	if (!wanted)
		return n;
	kvfree(*msgp);
	*msgp = NULL;
	if (wanted > FAMFS_FMAP_SIZED_MAX) {
		refuse(&err, -EINVAL,
		       offsetof(struct fuse_famfs_fmap_header, reserved0),
		       "reserved0", wanted, "no more than 16777216");
		log_refused(inode, &err, -EINVAL);
		return -EINVAL;
	}
	return fmapfs_proto_get_fmap(inode, wanted, msgp);
}

static int wrong_size(const struct fmap *fmap, struct fmap_error *err,
		      const char *rule)
{
	return refuse(err, -ESTALE,
		      offsetof(struct fuse_famfs_fmap_header, file_size),
		      "file_size", fmap->file_size, rule);
}

/*
 * The server's GETATTR, if need be asked anew, must say the same size. An answer that
 * is not taken over says nothing: something has changed meanwhile.
 */
static int check_size(struct inode *inode, const struct fmap *fmap,
		      struct fmap_error *err)
{
	int rc;

	if (i_size_read(inode) == fmap->file_size)
		return 0;
	rc = fmapfs_try_refresh_attr(inode);
	if (rc < 0)
		return rc;
	if (i_size_read(inode) == fmap->file_size)
		return 0;
	if (!rc)
		return FMAPFS_MAP_IS_OLD;
	return wrong_size(fmap, err, "the size in the file's attributes");
}

static size_t first_use(const struct fmap *fmap, u32 dev)
{
	u32 i;

	for (i = 0; i < fmap->nruns - 1; i++)
		if (fmap->runs[i].dev == dev)
			break;
	return fmap_run_at(fmap, i);
}

static int check_devices(struct inode *inode, struct fmapfs_map *map,
			 struct fmap_error *err)
{
	struct fmapfs_devtab *tab = fmapfs_sb(inode->i_sb)->devtab;
	const struct fmap *fmap = map->fmap;
	u32 i;

	for (i = 0; i < FUSE_FAMFS_MAX_DAXDEVS; i++) {
		u64 size;
		int rc;

		if (!(fmap->dev_mask & BIT_ULL(i)))
			continue;
		rc = fmapfs_proto_get_daxdev(inode->i_sb, i);
		if (rc == -ENODEV || rc == -EBUSY)
			return refuse(err, rc, first_use(fmap, i),
				      "se_devindex", i,
				      "that of a DAX device that can be used");
		if (rc)
			return rc;
		size = fmapfs_daxdev_size(fmapfs_devtab_get(tab, i));
		rc = fmap_check_device(fmap, i, size, err);
		if (rc)
			return rc;
		map->read_only |= test_bit(i, tab->read_only);
	}
	return 0;
}

/* Says what is in the way of a map. Return: -EEXIST or -ENODEV, @rc. */
static int refuse_claim(struct inode *inode, const struct fmap *fmap,
			const struct fmapfs_clash *clash, int rc,
			struct fmap_error *err)
{
	const struct fmap_run *run = &fmap->runs[clash->run];

	if (rc == -ENODEV)
		return refuse(err, rc, fmap_run_at(fmap, clash->run),
			      "se_devindex", run->dev,
			      "that of a device that is still there");
	if (clash->nodeid)
		fmapfs_err_rl(inode->i_sb,
			      "node %llu: device %u, bytes %llu to %llu overlap those of node %llu of mount %u:%u\n",
			      fmapfs_i(inode)->nodeid, run->dev, run->dev_off,
			      run->dev_off + run->len, clash->nodeid,
			      MAJOR(clash->dev), MINOR(clash->dev));
	return refuse(err, rc, fmap_run_at(fmap, clash->run), "se_offset",
		      run->dev_off, clash->nodeid ?
		      "outside of what other files have" :
		      "outside of the map's other extents");
}

/**
 * fmapfs_map_claim - take the memory of a map
 * @map: a new map
 *
 * Under the map_lock of its inode, with which it is known whether the map still
 * is what the server has told last: one that is not must not stand in the way of
 * who has the memory now. Return: 0; or an error, as the protocol says, and
 * nothing is taken.
 */
int fmapfs_map_claim(struct fmapfs_map *map)
{
	struct inode *inode = map->inode;
	struct fmapfs_clash clash = {};
	struct fmap_error err = {};
	int rc;

	lockdep_assert_held_write(&fmapfs_i(inode)->map_lock);
	rc = fmapfs_claims_insert(map, fmapfs_sb(inode->i_sb)->devtab, &clash);
	if (rc) {
		refuse_claim(inode, map->fmap, &clash, rc, &err);
		log_refused(inode, &err, rc);
	}
	return rc;
}

/* --- making and freeing --- */

static void map_free(struct fmapfs_map *map)
{
	kvfree(map->claims);
	fmap_destroy(map->fmap);
	kfree(map);
}

/**
 * fmapfs_map_drop - give up a map's memory, and free it
 * @map: stopped, or never was in force; or NULL
 */
void fmapfs_map_drop(struct fmapfs_map *map)
{
	if (!map)
		return;
	fmapfs_claims_remove(map);
	map_free(map);
}

static int check_map(struct inode *inode, struct fmapfs_map *map,
		     const u64 *size, struct fmap_error *err)
{
	int rc = 0;

	if (!size)
		rc = check_size(inode, map->fmap, err);
	else if (map->fmap->file_size != *size)
		rc = wrong_size(map->fmap, err,
				"the size that SETATTR was answered with");
	if (!rc)
		rc = check_devices(inode, map, err);
	if (rc)
		return rc;
	map->claims = kvcalloc(map->fmap->nruns, sizeof(*map->claims),
			       GFP_KERNEL_ACCOUNT);
	return map->claims ? 0 : -ENOMEM;
}

/* Decodes the message and checks the map. */
static int map_fill(struct inode *inode, struct fmapfs_map *map,
		    const void *msg, size_t len, const u64 *size)
{
	struct fmap_error err = {};
	int rc = fmap_decode(msg, len, PAGE_SIZE, &map->fmap, &err);

	if (!rc)
		rc = check_map(inode, map, size, &err);
	if (rc && err.field)
		log_refused(inode, &err, rc);
	return rc;
}

/**
 * fmapfs_map_new - ask for a file's map
 * @inode: the file
 * @size: of the map that it is to be, bytes; NULL: as the file's attributes say
 * @mapp: result: a map that has no memory yet, or NULL, which is the server's
 *	answer, too
 *
 * Return: 0; FMAPFS_MAP_IS_OLD, if @size is NULL; or an error: the server's, or a map
 * that is not accepted.
 */
int fmapfs_map_new(struct inode *inode, const u64 *size,
		   struct fmapfs_map **mapp)
{
	struct fmapfs_map *map;
	void *msg = NULL;
	ssize_t n;
	int rc;

	*mapp = NULL;
	n = get_message(inode, &msg);
	if (n == -ENOSYS)
		WRITE_ONCE(fmapfs_sb(inode->i_sb)->no_fmap, true);
	if (n == -ENOSYS || n == -EOPNOTSUPP)
		return 0;
	if (n < 0)
		return n;

	rc = -ENOMEM;
	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		goto free_msg;
	map->inode = inode;
	rc = map_fill(inode, map, msg, n, size);
	if (rc)
		map_free(map);
	else
		*mapp = map;

free_msg:
	kvfree(msg);
	return rc;
}

/* --- showing it --- */

static int encode(struct inode *inode, void **bufp, u32 *size)
{
	const struct fmapfs_map *map;
	int rc;

	if (!fmapfs_has_map(inode))
		return -ENODATA;
	rc = fmapfs_map_lock(inode);
	if (rc)
		return rc;
	map = fmapfs_i(inode)->map;
	if (*size < map->fmap->wire_size) {
		*size = map->fmap->wire_size;
		rc = -EOVERFLOW;
		goto unlock;
	}
	*size = map->fmap->wire_size;
	*bufp = kvmalloc(*size, GFP_KERNEL_ACCOUNT);
	rc = *bufp ? fmap_encode(map->fmap, *bufp, *size) : -ENOMEM;

unlock:
	up_read(&fmapfs_i(inode)->map_lock);
	return rc;
}

/**
 * fmapfs_fmap_ioctl - FMAPFS_IOC_GET_FMAP
 * @inode: a regular file
 * @arg: see struct fmapfs_get_fmap
 *
 * Return: 0 or -errno, as documented with the structure.
 */
long fmapfs_fmap_ioctl(struct inode *inode, struct fmapfs_get_fmap __user *arg)
{
	struct fmapfs_get_fmap get;
	void *buf = NULL;
	int rc;

	if (copy_from_user(&get, arg, sizeof(get)))
		return -EFAULT;
	if (get.flags)
		return -EINVAL;
	rc = encode(inode, &buf, &get.size);
	if (!rc && copy_to_user(u64_to_user_ptr(get.buf), buf, get.size))
		rc = -EFAULT;
	if ((!rc || rc == -EOVERFLOW) && put_user(get.size, &arg->size))
		rc = -EFAULT;
	kvfree(buf);
	return rc;
}
