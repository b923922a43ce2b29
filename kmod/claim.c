// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who uses which memory: the claims of maps, and what happens to files when
 * memory fails or is taken away.
 *
 * The kernel tells removal and memory errors with a device's lock held, or from
 * within an exception's aftermath, so nothing here may wait for devices to come
 * and go. A handler reaches inodes through the claims, without references to
 * them (which could be the last, and with it the mount's): it pins the map
 * instead, and whoever wants to replace or evict the map stops it first, which
 * waits until nobody has it pinned and keeps others from doing so.
 */
#include <linux/dax.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include "fmapfs_i.h"
#include "place.h"

DEFINE_MUTEX(fmapfs_claims_lock);	/* claims, mems, states of maps */
static LIST_HEAD(mems);			/* of fmapfs_mem; claims_lock */
static unsigned long changes;		/* of a map's state; claims_lock */
static DECLARE_WAIT_QUEUE_HEAD(changed);	/* changes, or a map's pins */

/* --- the DAX devices that are held --- */

void fmapfs_mem_add(struct fmapfs_mem *mem)
{
	mutex_lock(&fmapfs_claims_lock);
	list_add(&mem->list, &mems);
	mutex_unlock(&fmapfs_claims_lock);
}

void fmapfs_mem_del(struct fmapfs_mem *mem)
{
	mutex_lock(&fmapfs_claims_lock);
	list_del(&mem->list);
	mutex_unlock(&fmapfs_claims_lock);
}

/* Return: with a reference; or NULL. A removed device is not found. */
struct fmapfs_mem *fmapfs_mem_find(struct dax_device *dax_dev)
{
	struct fmapfs_mem *mem, *found = NULL;

	mutex_lock(&fmapfs_claims_lock);
	list_for_each_entry(mem, &mems, list) {
		if (mem->dax_dev != dax_dev || mem->gone)
			continue;
		refcount_inc(&mem->count);
		found = mem;
		break;
	}
	mutex_unlock(&fmapfs_claims_lock);
	return found;
}

void fmapfs_mem_put(struct fmapfs_mem *mem)
{
	if (!refcount_dec_and_test(&mem->count))
		return;
	WARN_ON_ONCE(!RB_EMPTY_ROOT(&mem->claims.rb_root));
	kfree(mem);
}

/* --- claims --- */

static struct fmapfs_claim *first_claim(struct fmapfs_mem *mem,
					unsigned long first, unsigned long last)
{
	struct interval_tree_node *node;

	node = interval_tree_iter_first(&mem->claims, first, last);
	return node ? container_of(node, struct fmapfs_claim, node) : NULL;
}

static struct fmapfs_claim *next_claim(struct fmapfs_claim *claim,
				       unsigned long first, unsigned long last)
{
	struct interval_tree_node *node;

	node = interval_tree_iter_next(&claim->node, first, last);
	return node ? container_of(node, struct fmapfs_claim, node) : NULL;
}

/* Who is in the way of @claim? The map that this one replaces is not. */
static struct fmapfs_claim *in_the_way(struct fmapfs_mem *mem,
				       const struct fmapfs_claim *claim)
{
	unsigned long first = claim->node.start, last = claim->node.last;
	struct fmapfs_claim *other = first_claim(mem, first, last);

	while (other && other->map != claim->map &&
	       other->map->inode == claim->map->inode)
		other = next_claim(other, first, last);
	return other;
}

static void remove_claim(struct fmapfs_claim *claim)
{
	if (claim->mem)
		interval_tree_remove(&claim->node, &claim->mem->claims);
	claim->mem = NULL;
}

static void remove_claims(struct fmapfs_map *map, u32 n)
{
	lockdep_assert_held(&fmapfs_claims_lock);
	while (n--)
		remove_claim(&map->claims[n]);
}

static int insert_claim(struct fmapfs_claim *claim,
			const struct fmap_run *run,
			const struct fmapfs_daxdev *dev,
			struct fmapfs_clash *clash)
{
	const struct fmapfs_claim *other;
	u64 start = dev->start + run->dev_off;

	if (dev->mem->gone)
		return -ENODEV;
	claim->node.start = start >> PAGE_SHIFT;
	claim->node.last = (start + run->len - 1) >> PAGE_SHIFT;
	other = in_the_way(dev->mem, claim);
	if (other) {
		bool same = other->map == claim->map;

		clash->dev = other->map->inode->i_sb->s_dev;
		clash->nodeid = same ? 0 : fmapfs_i(other->map->inode)->nodeid;
		return -EEXIST;
	}
	interval_tree_insert(&claim->node, &dev->mem->claims);
	claim->mem = dev->mem;
	return 0;
}

static void init_claims(struct fmapfs_map *map)
{
	const struct fmap *fmap = map->fmap;
	u32 e, r;

	for (e = 0; e < fmap->nextents; e++) {
		const struct fmap_extent *ext = &fmap->extents[e];

		for (r = ext->first_run; r < ext->first_run + ext->nruns; r++) {
			map->claims[r].map = map;
			map->claims[r].extent = e;
			map->claims[r].mem = NULL;
		}
	}
}

/**
 * fmapfs_claims_insert - take the memory of a map
 * @map: a new map; its ranges lie on their devices
 * @tab: has all devices of the map
 * @clash: says what is in the way, on -EEXIST and -ENODEV
 *
 * What another map of the same file has is not in the way: the one is to
 * replace the other. Return: 0; -EEXIST: another file, or the map itself, uses
 * some of it; -ENODEV: a device was removed. On error nothing is taken.
 */
int fmapfs_claims_insert(struct fmapfs_map *map, struct fmapfs_devtab *tab,
			 struct fmapfs_clash *clash)
{
	const struct fmap *fmap = map->fmap;
	int rc = 0;
	u32 i;

	init_claims(map);
	mutex_lock(&fmapfs_claims_lock);
	map->state = FMAPFS_MAP_NEW;
	for (i = 0; i < fmap->nruns; i++) {
		const struct fmap_run *run = &fmap->runs[i];

		clash->run = i;
		rc = insert_claim(&map->claims[i], run,
				  fmapfs_devtab_get(tab, run->dev), clash);
		if (rc) {
			remove_claims(map, i);
			break;
		}
	}
	mutex_unlock(&fmapfs_claims_lock);
	return rc;
}

static void set_state(struct fmapfs_map *map, enum fmapfs_map_state state)
{
	lockdep_assert_held(&fmapfs_claims_lock);
	map->state = state;
	WRITE_ONCE(changes, changes + 1);
	wake_up_all(&changed);
}

/* The map is in force, or again in force: its inode may be reached by it. */
void fmapfs_claims_start(struct fmapfs_map *map)
{
	mutex_lock(&fmapfs_claims_lock);
	set_state(map, FMAPFS_MAP_LIVE);
	mutex_unlock(&fmapfs_claims_lock);
}

/*
 * Nobody reaches the inode by the map any more once this returns. Waits, for a
 * bounded time, for who does; the caller holds none of the inode's locks that
 * they take (invalidate_lock).
 */
void fmapfs_claims_stop(struct fmapfs_map *map)
{
	mutex_lock(&fmapfs_claims_lock);
	set_state(map, FMAPFS_MAP_STOPPED);
	mutex_unlock(&fmapfs_claims_lock);
	/* Pairs with unpin(): what was done with the inode is over. */
	wait_event(changed, !smp_load_acquire(&map->pins));
}

/* The same, for who can go without. Return: 0; -EINTR: the map is live again. */
int fmapfs_claims_stop_killable(struct fmapfs_map *map)
{
	mutex_lock(&fmapfs_claims_lock);
	set_state(map, FMAPFS_MAP_STOPPED);
	mutex_unlock(&fmapfs_claims_lock);
	/* Pairs with unpin(). */
	if (!wait_event_killable(changed, !smp_load_acquire(&map->pins)))
		return 0;
	fmapfs_claims_start(map);
	return -EINTR;
}

/* Gives up the memory of a map that is stopped, or never was in force. */
void fmapfs_claims_remove(struct fmapfs_map *map)
{
	mutex_lock(&fmapfs_claims_lock);
	WARN_ON_ONCE(map->pins);
	remove_claims(map, map->fmap->nruns);
	set_state(map, FMAPFS_MAP_STOPPED);
	mutex_unlock(&fmapfs_claims_lock);
}

/**
 * fmapfs_claims_by_others - does another mount use memory?
 * @mem: the memory
 * @first: first page, of the DAX device
 * @last: last page
 * @tab: of the mount that is asking
 */
bool fmapfs_claims_by_others(struct fmapfs_mem *mem, u64 first, u64 last,
			     const struct fmapfs_devtab *tab)
{
	const struct fmapfs_sb *fs;
	struct fmapfs_claim *claim;

	mutex_lock(&fmapfs_claims_lock);
	claim = first_claim(mem, first, last);
	for (; claim; claim = next_claim(claim, first, last)) {
		fs = fmapfs_sb(claim->map->inode->i_sb);
		if (fs->devtab != tab)
			break;
	}
	mutex_unlock(&fmapfs_claims_lock);
	return claim;
}

/* --- pinning, for the handlers --- */

static void pin(struct fmapfs_map *map)
{
	lockdep_assert_held(&fmapfs_claims_lock);
	WRITE_ONCE(map->pins, map->pins + 1);
}

static void unpin(struct fmapfs_map *map)
{
	lockdep_assert_held(&fmapfs_claims_lock);
	/* Pairs with fmapfs_claims_stop(). */
	smp_store_release(&map->pins, map->pins - 1);
	if (!map->pins)
		wake_up_all(&changed);
}

/* A stopped map is in the way: waits until it starts again or is no more. */
static void wait_change(void)
{
	unsigned long since = changes;

	lockdep_assert_held(&fmapfs_claims_lock);
	mutex_unlock(&fmapfs_claims_lock);
	wait_event(changed, READ_ONCE(changes) != since);
	mutex_lock(&fmapfs_claims_lock);
}

/* --- a device is removed --- */

/* After this no fault is under way that has not seen what was marked before. */
static void wait_for_faults(struct address_space *mapping)
{
	filemap_invalidate_lock(mapping);
	filemap_invalidate_unlock(mapping);
}

/* Takes everything away from a file whose map is pinned and marked as gone. */
static void revoke(struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;

	wait_for_faults(mapping);
	unmap_mapping_range(mapping, 0, 0, 0);
	/* The memory is still there. What is in the CPU's caches belongs to it. */
	filemap_write_and_wait(mapping);
	fmapfs_dax_revoke(inode);
}

static void remove_claims_of(struct fmapfs_map *map, struct fmapfs_mem *mem)
{
	u32 i;

	for (i = 0; i < map->fmap->nruns; i++)
		if (map->claims[i].mem == mem)
			remove_claim(&map->claims[i]);
}

static int mem_removed(struct fmapfs_mem *mem)
{
	struct fmapfs_claim *claim;

	mutex_lock(&fmapfs_claims_lock);
	WRITE_ONCE(mem->gone, true);
	while ((claim = first_claim(mem, 0, ULONG_MAX))) {
		struct fmapfs_map *map = claim->map;

		if (map->state == FMAPFS_MAP_STOPPED) {
			wait_change();
			continue;
		}
		WRITE_ONCE(map->gone, true);
		if (map->state == FMAPFS_MAP_LIVE) {
			pin(map);
			mutex_unlock(&fmapfs_claims_lock);
			revoke(map->inode);
			mutex_lock(&fmapfs_claims_lock);
			unpin(map);
		}
		remove_claims_of(map, mem);
	}
	mutex_unlock(&fmapfs_claims_lock);
	return 0;
}

/* --- memory fails --- */

/*
 * Where in the file a page of a claim lies, and how much of the file is
 * contiguous from there, at most @len bytes. False: the file does not reach it.
 */
static bool file_range(const struct fmapfs_claim *claim, u64 off, u64 *len,
		       u64 *file_off)
{
	const struct fmapfs_map *map = claim->map;
	const struct fmap_extent *ext = &map->fmap->extents[claim->extent];
	u64 strip = claim - map->claims - ext->first_run;
	u64 chunk_size = 1ULL << ext->chunk_shift;
	u64 rel = off;

	if (map->fmap->ext_type == FUSE_FAMFS_EXT_INTERLEAVE) {
		u64 stripe = off >> ext->chunk_shift;
		u64 in_chunk = off & (chunk_size - 1);

		rel = ((stripe * ext->nruns + strip) << ext->chunk_shift) +
		      in_chunk;
		*len = min(*len, chunk_size - in_chunk);
	}
	*file_off = ext->file_off + rel;
	return rel < ext->nbytes;
}

/* Under invalidate_lock: has what is good there leave the CPU's caches. */
static void flush_good(const struct inode *inode, u64 off, u64 end)
{
	struct fmapfs_place place;
	void *kaddr;

	while (off < end) {
		long n = 0;

		if (!fmapfs_find_good_place(inode, off, end - off, false,
					    &place))
			n = dax_direct_access(place.mem->dax_dev,
					      PHYS_PFN(place.addr),
					      PFN_UP(place.len), DAX_ACCESS,
					      &kaddr, NULL);
		if (n > 0)
			dax_flush(place.mem->dax_dev, kaddr, PFN_PHYS(n));
		off += PFN_PHYS(max(n, 1L));
	}
}

/*
 * Unmaps all of the file, and drops the entries around what is bad: a dirty one
 * would be written back, and the kernel's own mapping of a bad page may be gone. An
 * entry may be that of 2 MiB. While a page of the file is pinned, they have to stay.
 */
static void drop_entries(struct address_space *mapping, pgoff_t index,
			 unsigned long npages)
{
	u64 start = round_down((u64)index << PAGE_SHIFT, PMD_SIZE);
	u64 end = round_up((u64)(index + npages) << PAGE_SHIFT, PMD_SIZE);

	filemap_invalidate_lock(mapping);
	if (!fmapfs_dax_busy_page(mapping)) {
		flush_good(mapping->host, start, end);
		dax_delete_mapping_range(mapping, start, end - 1);
	}
	filemap_invalidate_unlock(mapping);
}

/*
 * Who has it mapped and is not killed now gets to know when he touches it. That
 * it has not been written back is for fsync() to say.
 */
static int kill_mappers_of(struct address_space *mapping, pgoff_t index,
			   unsigned long npages, int mf_flags)
{
	unsigned long i;
	int rc;

	for (i = index; i < index + npages; i++) {
		if (!xa_get_mark(&mapping->i_pages, i, PAGECACHE_TAG_DIRTY))
			continue;
		filemap_set_wb_err(mapping, -EIO);
		break;
	}
	rc = mf_dax_kill_procs(mapping, index, npages, mf_flags);
	drop_entries(mapping, index, npages);
	return rc;
}

/* Kills who has mapped the pages @first to @last of a pinned map's claim. */
static int kill_mappers(const struct fmapfs_claim *claim, unsigned long first,
			unsigned long last, int mf_flags)
{
	struct address_space *mapping = claim->map->inode->i_mapping;
	u64 off = (u64)(first - claim->node.start) << PAGE_SHIFT;
	u64 end = (u64)(last - claim->node.start + 1) << PAGE_SHIFT;
	int rc = 0;

	wait_for_faults(mapping);
	while (off < end && !rc) {
		u64 len = end - off;
		u64 file_off;

		if (!file_range(claim, off, &len, &file_off))
			break;
		rc = kill_mappers_of(mapping, file_off >> PAGE_SHIFT,
				     len >> PAGE_SHIFT, mf_flags);
		off += len;
	}
	return rc;
}

static struct fmapfs_claim *first_in_force(struct fmapfs_mem *mem,
					   unsigned long first,
					   unsigned long last)
{
	struct fmapfs_claim *claim = first_claim(mem, first, last);

	while (claim && claim->map->state == FMAPFS_MAP_NEW)
		claim = next_claim(claim, first, last);
	return claim;
}

static int mem_failed(struct fmapfs_mem *mem, unsigned long first,
		      unsigned long last, int mf_flags)
{
	struct fmapfs_claim *claim;
	/* Of what is nobody's here, the kernel is to see for itself. */
	int rc = -EOPNOTSUPP;
	u64 start = first;

	fmapfs_bad_add(mem, first, last, !(mf_flags & MF_SW_SIMULATED));
	mutex_lock(&fmapfs_claims_lock);
	while ((claim = first_in_force(mem, first, last))) {
		unsigned long from = max(first, claim->node.start);
		unsigned long to = min(last, claim->node.last);
		int err;

		if (claim->map->state == FMAPFS_MAP_STOPPED) {
			wait_change();
			continue;
		}
		pin(claim->map);
		mutex_unlock(&fmapfs_claims_lock);
		err = kill_mappers(claim, from, to, mf_flags);
		fmapfs_err_rl(claim->map->inode->i_sb,
			      "node %llu: memory error at page %#lx to %#lx of its device (%d)\n",
			      fmapfs_i(claim->map->inode)->nodeid, from, to,
			      err);
		mutex_lock(&fmapfs_claims_lock);
		unpin(claim->map);
		if (!rc || rc == -EOPNOTSUPP)
			rc = err;
		if (to == last)
			break;
		first = to + 1;
	}
	mutex_unlock(&fmapfs_claims_lock);
	fmapfs_bad_flag(mem, start, last);
	return rc;
}

/*
 * Called with the DAX core's read lock held, which may sleep. The holder pointer
 * is not looked at: it may be that of a device which is just being released.
 */
static int notify_failure(struct dax_device *dax_dev, u64 off, u64 len,
			  int mf_flags)
{
	struct fmapfs_mem *mem = fmapfs_mem_find(dax_dev);
	u64 last;
	int rc;

	if (!mem)
		return -EOPNOTSUPP;
	if (check_add_overflow(off, len - 1, &last))
		last = U64_MAX;
	if (fmapfs_mf_is_removal(off, len, mf_flags))
		rc = mem_removed(mem);
	else
		rc = mem_failed(mem, off >> PAGE_SHIFT, last >> PAGE_SHIFT,
				mf_flags);
	fmapfs_mem_put(mem);
	return rc;
}

const struct dax_holder_operations fmapfs_holder_ops = {
	.notify_failure = notify_failure,
};
