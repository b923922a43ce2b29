// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fmap of an inode: asking for it, checking it, putting it in force,
 * replacing it, dropping it.
 *
 * New: fetched message → decoded → the size agrees → the devices are there and
 * large enough → the memory is claimed → in force. What fails before the last
 * step leaves no trace but a message.
 */
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "proto.h"
#include "trace.h"

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

/* The server's GETATTR, if need be asked anew, must say the same size. */
static int check_size(struct inode *inode, const struct fmap *fmap,
		      struct fmap_error *err)
{
	int rc;

	if (i_size_read(inode) == fmap->file_size)
		return 0;
	rc = fmapfs_refresh_attr(inode);
	if (rc)
		return rc;
	if (i_size_read(inode) == fmap->file_size)
		return 0;
	return refuse(err, -ESTALE,
		      offsetof(struct fuse_famfs_fmap_header, file_size),
		      "file_size", fmap->file_size,
		      "the size in the file's attributes");
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
		rc = fmap_check_device(fmap, i, fmapfs_devtab_get(tab, i)->size,
				       err);
		if (rc)
			return rc;
		map->read_only |= test_bit(i, tab->read_only);
	}
	return 0;
}

static int claim_memory(struct inode *inode, struct fmapfs_map *map,
			struct fmap_error *err)
{
	const struct fmap *fmap = map->fmap;
	struct fmapfs_clash clash = {};
	const struct fmap_run *run;
	int rc;

	map->claims = kvcalloc(fmap->nruns, sizeof(*map->claims),
			       GFP_KERNEL_ACCOUNT);
	if (!map->claims)
		return -ENOMEM;
	rc = fmapfs_claims_insert(map, fmapfs_sb(inode->i_sb)->devtab, &clash);
	if (!rc)
		return 0;
	run = &fmap->runs[clash.run];
	if (rc == -ENODEV)
		return refuse(err, rc, fmap_run_at(fmap, clash.run),
			      "se_devindex", run->dev,
			      "that of a device that is still there");
	if (clash.nodeid)
		fmapfs_err_rl(inode->i_sb,
			      "node %llu: device %u, bytes %llu to %llu overlap those of node %llu of mount %u:%u\n",
			      fmapfs_i(inode)->nodeid, run->dev, run->dev_off,
			      run->dev_off + run->len, clash.nodeid,
			      MAJOR(clash.dev), MINOR(clash.dev));
	return refuse(err, rc, fmap_run_at(fmap, clash.run), "se_offset",
		      run->dev_off, clash.nodeid ?
		      "outside of what other files have" :
		      "outside of the map's other extents");
}

/* --- making and freeing --- */

static void map_free(struct fmapfs_map *map)
{
	kvfree(map->claims);
	fmap_destroy(map->fmap);
	kfree(map);
}

/* Unclaims and frees. The map is stopped, or never was in force. */
static void map_drop(struct fmapfs_map *map)
{
	if (!map)
		return;
	fmapfs_claims_remove(map);
	map_free(map);
}

static int check_map(struct inode *inode, struct fmapfs_map *map,
		     bool size_too, struct fmap_error *err)
{
	int rc = 0;

	if (size_too)
		rc = check_size(inode, map->fmap, err);
	if (!rc)
		rc = check_devices(inode, map, err);
	if (!rc)
		rc = claim_memory(inode, map, err);
	return rc;
}

/* Decodes the message and checks the map. */
static int map_fill(struct inode *inode, struct fmapfs_map *map,
		    const void *msg, size_t len, bool size_too)
{
	struct fmap_error err = {};
	int rc = fmap_decode(msg, len, PAGE_SIZE, &map->fmap, &err);

	if (!rc)
		rc = check_map(inode, map, size_too, &err);
	if (rc && err.field)
		log_refused(inode, &err, rc);
	return rc;
}

/*
 * Asks for the map, which with @size_too must be of the inode's size.
 *
 * Return: 0 and a map that has its memory, or NULL, which is the server's
 * answer, too; or an error.
 */
static int map_new(struct inode *inode, bool size_too, struct fmapfs_map **mapp)
{
	struct fmapfs_map *map;
	void *msg = NULL;
	ssize_t n;
	int rc;

	*mapp = NULL;
	n = get_message(inode, &msg);
	if (n == -ENOSYS)
		fmapfs_sb(inode->i_sb)->no_fmap = true;
	if (n == -ENOSYS || n == -EOPNOTSUPP)
		return 0;
	if (n < 0)
		return n;

	rc = -ENOMEM;
	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		goto free_msg;
	map->inode = inode;
	rc = map_fill(inode, map, msg, n, size_too);
	if (rc)
		map_free(map);
	else
		*mapp = map;

free_msg:
	kvfree(msg);
	return rc;
}

/* --- the first map --- */

/* Makes a DAX file of an ordinary one; @map is seen last. */
static int become_dax(struct inode *inode, struct fmapfs_map *map)
{
	struct address_space *mapping = inode->i_mapping;
	struct fmapfs_inode *fi = fmapfs_i(inode);

	lockdep_assert_held(&fi->lock);
	if (mapping_mapped(mapping) || !mapping_empty(mapping))
		return -EBUSY;
	/* Since it was checked. Once the map is seen, the size is the map's. */
	if (i_size_read(inode) != map->fmap->file_size)
		return -ESTALE;
	mapping->a_ops = &fmapfs_dax_aops;
	/* Without the server, times are ours to keep. */
	inode_set_flags(inode, S_DAX, S_DAX | S_NOCMTIME);
	fmapfs_update_nosec(inode);
	inode->i_blocks = DIV_ROUND_UP_ULL(map->fmap->file_size, 512);
	/* Pairs with fmapfs_has_map(). */
	smp_store_release(&fi->map, map);
	return 0;
}

static int install(struct inode *inode, struct fmapfs_map *map)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	int rc;

	/* Before the first fault, so that a removal finds every page. */
	fmapfs_claims_start(map);
	filemap_invalidate_lock(inode->i_mapping);
	/* What FUSE_NOTIFY_STORE may have left. Nobody has the file open yet. */
	truncate_inode_pages(inode->i_mapping, 0);
	spin_lock(&fi->lock);
	rc = become_dax(inode, map);
	spin_unlock(&fi->lock);
	filemap_invalidate_unlock(inode->i_mapping);
	if (rc) {
		fmapfs_claims_stop(map);
		return rc;
	}
	fmapfs_count(inode->i_sb, FMAPFS_FMAPS, 1);
	trace_fmapfs_fmap_install(inode, map);
	return 0;
}

static int fetch(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	struct fmapfs_map *map;
	int rc = map_new(inode, true, &map);

	lockdep_assert_held(&fi->open_lock);
	if (!rc && map)
		rc = install(inode, map);
	if (rc) {
		map_drop(map);
		return rc;
	}
	fi->asked = true;
	return 0;
}

/**
 * fmapfs_fmap_fetch - know whether a file has a map, and have it
 * @inode: a regular file, which is being opened
 *
 * Asks the server the first time. Return: 0, and fmapfs_has_map() tells; or an
 * error, with which the open fails.
 */
int fmapfs_fmap_fetch(struct inode *inode)
{
	u64 flags = fmapfs_agreed(inode->i_sb)->flags;
	struct fmapfs_inode *fi = fmapfs_i(inode);
	int rc = 0;

	if (!(flags & FUSE_DAX_FMAP) || fmapfs_has_map(inode))
		return 0;
	if (mutex_lock_killable(&fi->open_lock))
		return -EINTR;
	if (!fi->asked && !fmapfs_sb(inode->i_sb)->no_fmap)
		rc = fetch(inode);
	mutex_unlock(&fi->open_lock);
	return rc;
}

/* --- another map --- */

/* Under invalidate_lock: afterwards nobody can dirty the file by a mapping. */
static int unmap_and_flush(struct inode *inode)
{
	unmap_mapping_range(inode->i_mapping, 0, 0, 0);
	return filemap_write_and_wait(inode->i_mapping);
}

/* While a page is pinned, faults go on, for its owner may need them. */
static void wait_unlocked(struct inode *inode)
{
	filemap_invalidate_unlock(inode->i_mapping);
	schedule();
	filemap_invalidate_lock(inode->i_mapping);
	unmap_and_flush(inode);
}

static int swap_maps(struct inode *inode, struct fmapfs_map *map)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	int rc;

	filemap_invalidate_lock(inode->i_mapping);
	rc = unmap_and_flush(inode);
	if (!rc)
		rc = dax_break_layout(inode, 0, LLONG_MAX, wait_unlocked);
	if (!rc) {
		fmapfs_claims_start(map);
		spin_lock(&fi->lock);
		i_size_write(inode, map->fmap->file_size);
		inode->i_blocks = DIV_ROUND_UP_ULL(map->fmap->file_size, 512);
		/* Pairs with fmapfs_has_map(). */
		smp_store_release(&fi->map, map);
		spin_unlock(&fi->lock);
	}
	filemap_invalidate_unlock(inode->i_mapping);
	return rc;
}

/* @map: the new one, or NULL */
static int check_new_size(struct inode *inode, const struct fmapfs_map *map,
			  u64 size)
{
	struct fmap_error err = {};

	if (!map)
		return -ESTALE;
	if (map->fmap->file_size == size)
		return 0;
	refuse(&err, -ESTALE,
	       offsetof(struct fuse_famfs_fmap_header, file_size), "file_size",
	       map->fmap->file_size, "the size that SETATTR was answered with");
	log_refused(inode, &err, -ESTALE);
	return -ESTALE;
}

/**
 * fmapfs_fmap_refetch - the server has changed a file: get its new map
 * @inode: a file with a map; the caller holds its i_rwsem for writing
 * @size: what the server says its size is now, bytes
 *
 * Waits for the server and for pinned pages; a signal ends both. The size
 * becomes that of the new map. Return: 0; or an error, and all is as it was.
 */
int fmapfs_fmap_refetch(struct inode *inode, u64 size)
{
	struct fmapfs_map *old = fmapfs_i(inode)->map;
	struct fmapfs_map *map;
	int rc;

	lockdep_assert_held_write(&inode->i_rwsem);
	rc = map_new(inode, false, &map);
	if (rc)
		return rc;
	rc = check_new_size(inode, map, size);
	if (!rc)
		rc = fmapfs_claims_stop_killable(old);
	if (rc) {
		map_drop(map);
		return rc;
	}
	rc = swap_maps(inode, map);
	if (rc) {
		fmapfs_claims_start(old);
		map_drop(map);
		return rc;
	}
	trace_fmapfs_fmap_drop(inode);
	trace_fmapfs_fmap_install(inode, map);
	map_drop(old);
	return 0;
}

/* --- the end --- */

/**
 * fmapfs_dax_evict - before the pages of an inode with a map are truncated
 * @inode: a file with a map, which is being evicted
 *
 * Memory that is pinned for I/O outlives the last mapping: waits for it, as the
 * pages must not be anybody else's before.
 */
void fmapfs_dax_evict(struct inode *inode)
{
	fmapfs_claims_stop(fmapfs_i(inode)->map);
	/* Nobody else does: what was stored is in the CPU's caches yet. */
	filemap_write_and_wait(inode->i_mapping);
	dax_break_layout_final(inode);
}

/**
 * fmapfs_fmap_evict - when no page of an inode is left
 * @inode: a file, which is being evicted; with or without a map
 */
void fmapfs_fmap_evict(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	struct fmapfs_map *map = fi->map;

	if (!map)
		return;
	trace_fmapfs_fmap_drop(inode);
	fi->map = NULL;
	map_drop(map);
	fmapfs_count(inode->i_sb, FMAPFS_FMAPS, -1);
}

/* --- showing it --- */

static int encode(struct inode *inode, void **bufp, u32 *size)
{
	const struct fmapfs_map *map;
	int rc = 0;

	if (down_read_killable(&inode->i_rwsem))
		return -EINTR;
	map = fmapfs_i(inode)->map;
	if (!map) {
		rc = -ENODATA;
		goto unlock;
	}
	if (*size < map->fmap->wire_size) {
		*size = map->fmap->wire_size;
		rc = -EOVERFLOW;
		goto unlock;
	}
	*size = map->fmap->wire_size;
	*bufp = kvmalloc(*size, GFP_KERNEL_ACCOUNT);
	rc = *bufp ? fmap_encode(map->fmap, *bufp, *size) : -ENOMEM;

unlock:
	up_read(&inode->i_rwsem);
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
