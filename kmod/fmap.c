// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fmap of an inode: putting it in force, taking it back, replacing it,
 * dropping it. map.c makes it.
 *
 * A map that the server has revoked stays with its inode, but has no memory and
 * is not used, until the next access has asked for another.
 */
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "cache.h"
#include "trace.h"

/* How often a map is asked for that is not of the size of the attributes. */
#define SIZE_TRIES	3

/* Nobody else answers these: some pages are pinned; */
#define PINNED		(-ERESTARTNOHAND)
/* somebody uses the file as an ordinary one; */
#define IN_USE		(-ERESTART_RESTARTBLOCK)
/* somebody is at its page cache, for a moment. */
#define CACHE_IN_USE	(-ERESTARTSYS)

/*
 * Pinned pages are waited for by turns, in jiffies. First with the file locked:
 * who has some page pinned at all times, but none for long, is through with it
 * then. Then with nothing locked, for a while that gets longer: who has a page
 * pinned may need the file before he lets go of it, and whoever sees to memory
 * errors and to removal, the whole machine waiting, needs the map.
 */
#define PINNED_LOCKED	(HZ / 20)
#define PINNED_UNLOCKED	(HZ / 20)

/* --- putting it in force --- */

/* Guarded by fi->lock. @map is seen last. */
static void publish(struct inode *inode, struct fmapfs_map *map)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	lockdep_assert_held(&fi->lock);
	inode->i_blocks = DIV_ROUND_UP_ULL(map->fmap->file_size, 512);
	WRITE_ONCE(fi->devs_used, fi->devs_used | map->fmap->dev_mask);
	WRITE_ONCE(fi->map_error, 0);
	/* Pairs with fmapfs_has_map(). */
	smp_store_release(&fi->map, map);
	WRITE_ONCE(fi->revoked, false);
}

/*
 * Makes a DAX file of an ordinary one, with which nobody does anything: nobody comes to,
 * before he sees the map.
 */
static int become_dax(struct inode *inode, struct fmapfs_map *map)
{
	struct address_space *mapping = inode->i_mapping;
	struct fmapfs_inode *fi = fmapfs_i(inode);

	lockdep_assert_held(&fi->lock);
	if (fi->frozen)
		return CACHE_IN_USE;
	if (fi->ordinary || !list_empty(&fi->fills) ||
	    !list_empty(&fi->changes) || mapping_mapped(mapping) ||
	    !mapping_empty(mapping))
		return IN_USE;
	mapping->a_ops = &fmapfs_dax_aops;
	/* Without the server, times are ours to keep. */
	inode_set_flags(inode, S_DAX, S_DAX | S_NOCMTIME);
	fmapfs_update_nosec(inode);
	return 0;
}

/* Guarded by map_lock and invalidate_lock, and the map is not in force. */
static int install(struct inode *inode, struct fmapfs_map *map)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	int rc = 0;

	spin_lock(&fi->lock);
	/* Since it was checked. Once the map is seen, the size is the map's. */
	if (i_size_read(inode) != map->fmap->file_size)
		rc = FMAPFS_MAP_IS_OLD;
	else if (!fi->map)
		rc = become_dax(inode, map);
	if (!rc)
		publish(inode, map);
	spin_unlock(&fi->lock);
	return rc;
}

/*
 * Guarded by map_lock. What an ordinary file has in the page cache goes, without waiting
 * for who may be waiting for the server. Return: 0, IN_USE or -EINTR.
 */
static int empty_cache(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	if (fi->map)
		return 0;
	if (READ_ONCE(fi->ordinary))
		return IN_USE;
	fmapfs_cache_truncate(inode, 0);
	return fmapfs_cache_wait(inode);
}

/* As claim_and_install(), of memory that was claimed. */
static int try_install(struct inode *inode, struct fmapfs_map *map)
{
	int rc = empty_cache(inode);

	if (rc)
		return rc;
	filemap_invalidate_lock(inode->i_mapping);
	/* What has come since: not what somebody has locked. */
	if (!fmapfs_i(inode)->map)
		invalidate_mapping_pages(inode->i_mapping, 0, ULONG_MAX);
	rc = install(inode, map);
	filemap_invalidate_unlock(inode->i_mapping);
	return rc;
}

/* Guarded by map_lock. On an error @map has no memory. */
static int claim_and_install(struct inode *inode, struct fmapfs_map *map)
{
	int rc = fmapfs_map_claim(map);

	if (rc)
		return rc;
	/* Before the first fault, so that a removal finds every page. */
	fmapfs_claims_start(map);
	do {
		rc = try_install(inode, map);
	} while (rc == CACHE_IN_USE);
	if (rc) {
		fmapfs_claims_stop(map);
		fmapfs_claims_remove(map);
	}
	return rc;
}

/*
 * Puts a map in force for none, or for one that was revoked. @since: revocations
 * before it was asked for. On an error @map has no memory.
 */
static int put_in_force(struct inode *inode, struct fmapfs_map *map, u64 since)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	struct fmapfs_map *old;
	int rc = FMAPFS_MAP_IS_OLD;

	if (down_write_killable(&fi->map_lock))
		return -EINTR;
	old = fi->map;
	if (fi->revocations == since)
		rc = claim_and_install(inode, map);
	up_write(&fi->map_lock);
	if (rc)
		return rc;
	fmapfs_count(inode->i_sb, FMAPFS_FMAPS, 1);
	trace_fmapfs_fmap_install(inode, map);
	fmapfs_map_drop(old);
	return 0;
}

static u64 revocations(struct inode *inode)
{
	return READ_ONCE(fmapfs_i(inode)->revocations);
}

/*
 * Asks, and puts in force what is answered; anew if it was revoked meanwhile. The
 * server may have changed the file between its answers to GET_FMAP and GETATTR:
 * a map of another size is asked for again, but not for ever.
 */
static int ask(struct inode *inode, bool *none)
{
	int tries = SIZE_TRIES;
	int rc;

	lockdep_assert_held(&fmapfs_i(inode)->open_lock);
	do {
		u64 since = revocations(inode);
		struct fmapfs_map *map;

		rc = fmapfs_map_new(inode, NULL, &map);
		*none = !rc && !map;
		if (!rc && map)
			rc = put_in_force(inode, map, since);
		if (rc)
			fmapfs_map_drop(map);
		if (rc == -ESTALE && fmapfs_has_map(inode) && --tries)
			rc = FMAPFS_MAP_IS_OLD;
	} while (rc == FMAPFS_MAP_IS_OLD);
	return rc;
}

/*
 * Guarded by open_lock. While the file is in use as an ordinary one it stays that: who
 * opens it next asks.
 */
static int ask_first(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	bool none;
	int rc;

	if (fi->asked || READ_ONCE(fi->ordinary) ||
	    READ_ONCE(fmapfs_sb(inode->i_sb)->no_fmap))
		return 0;
	rc = ask(inode, &none);
	fi->asked = !rc;
	return rc == IN_USE ? 0 : rc;
}

/**
 * fmapfs_fmap_fetch - know whether a file has a map, and have it
 * @inode: a regular file, which is being opened
 *
 * Asks the server the first time, and for a map that was revoked. Return: 0, and
 * fmapfs_has_map() tells; or an error, with which the open fails.
 */
int fmapfs_fmap_fetch(struct inode *inode)
{
	u64 flags = fmapfs_agreed(inode->i_sb)->flags;
	struct fmapfs_inode *fi = fmapfs_i(inode);
	int rc;

	if (!(flags & FUSE_DAX_FMAP) || fmapfs_map_in_force(inode))
		return 0;
	if (fmapfs_has_map(inode))
		return fmapfs_fmap_renew(inode);
	if (mutex_lock_killable(&fi->open_lock))
		return -EINTR;
	rc = ask_first(inode);
	mutex_unlock(&fi->open_lock);
	return rc;
}

/**
 * fmapfs_fmap_ask_again - a file without a map was given a size: now it may have one
 * @inode: a regular file; its i_rwsem is held for writing
 *
 * So who makes a file, and gives it a size, can map it there and then. Return: 0, and
 * fmapfs_has_map() tells; or an error: the size is what it was given, but the map that
 * the server tells of cannot be had.
 */
int fmapfs_fmap_ask_again(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	int rc = 0;

	if (!(fmapfs_agreed(inode->i_sb)->flags & FUSE_DAX_FMAP) ||
	    fmapfs_has_map(inode))
		return 0;
	if (mutex_lock_killable(&fi->open_lock))
		return -EINTR;
	fi->asked = false;
	if (!fmapfs_has_map(inode))
		rc = ask_first(inode);
	mutex_unlock(&fi->open_lock);
	return rc;
}

/* --- taking it back --- */

/* Under invalidate_lock: afterwards nobody can dirty the file by a mapping. */
static int unmap_and_flush(struct inode *inode)
{
	unmap_mapping_range(inode->i_mapping, 0, 0, 0);
	return filemap_write_and_wait(inode->i_mapping);
}

/*
 * Guarded by map_lock and invalidate_lock: nothing can be mapped, and so no page
 * be pinned anew. Return: 0: none is; PINNED; or -ERESTARTSYS.
 */
static int wait_until_idle(struct inode *inode)
{
	long left = PINNED_LOCKED;
	struct page *page;

	while ((page = fmapfs_dax_busy_page(inode->i_mapping))) {
		left = fmapfs_dax_wait_page(page, left);
		if (left <= 0)
			return left ? left : PINNED;
	}
	/* What it finds busy now is so for a moment, and not by a mapping. */
	return dax_break_layout(inode, 0, LLONG_MAX, NULL) ? PINNED : 0;
}

/* Guarded by map_lock. */
static int empty_mapping(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	int rc;

	filemap_invalidate_lock(inode->i_mapping);
	rc = unmap_and_flush(inode);
	if (!rc)
		rc = wait_until_idle(inode);
	if (!rc) {
		spin_lock(&fi->lock);
		WRITE_ONCE(fi->revoked, true);
		spin_unlock(&fi->lock);
	}
	filemap_invalidate_unlock(inode->i_mapping);
	return rc;
}

/*
 * Guarded by map_lock. Return: 0: nobody uses the map's memory any more; PINNED,
 * or an error, and all is as it was.
 */
static int take_back(struct inode *inode)
{
	struct fmapfs_map *map = fmapfs_i(inode)->map;
	int rc;

	lockdep_assert_held_write(&fmapfs_i(inode)->map_lock);
	rc = fmapfs_claims_stop_killable(map);
	if (rc)
		return rc;
	rc = empty_mapping(inode);
	if (rc) {
		fmapfs_claims_start(map);
		return rc;
	}
	fmapfs_claims_remove(map);
	fmapfs_count(inode->i_sb, FMAPFS_FMAPS, -1);
	trace_fmapfs_fmap_drop(inode);
	return 0;
}

/* A page is pinned: lets others go on. @turn: the how manieth time. */
static int let_go_on(unsigned int turn)
{
	schedule_timeout_interruptible(PINNED_UNLOCKED << min(turn, 3U));
	return signal_pending(current) ? -ERESTARTSYS : 0;
}

static int revoke(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	int rc = 0;

	if (down_write_killable(&fi->map_lock))
		return -EINTR;
	if (fmapfs_map_in_force(inode)) {
		rc = take_back(inode);
		/* Until now the map's size was shown, whatever attributes came. */
		if (!rc)
			fmapfs_expire_attr(inode);
	}
	if (!rc)
		WRITE_ONCE(fi->revocations, fi->revocations + 1);
	up_write(&fi->map_lock);
	return rc;
}

/**
 * fmapfs_fmap_revoke - the server says that a file's data have changed
 * @inode: a regular file, with or without a map
 *
 * Runs in the server's thread, and does not wait for the server. Who maps, reads
 * or writes the file from here on asks for its map again, and so do those who
 * are asking just now. Waits for pinned pages; a signal ends that. Return: 0; or
 * an error, and a map that is there stays in force.
 */
int fmapfs_fmap_revoke(struct inode *inode)
{
	unsigned int turn = 0;
	int rc;

	while ((rc = revoke(inode)) == PINNED) {
		rc = let_go_on(turn++);
		if (rc)
			break;
	}
	return rc;
}

/**
 * fmapfs_fmap_renew - get another map for one that was revoked
 * @inode: a file with a map
 *
 * The caller holds no lock but, maybe, i_rwsem. Return: 0: there is one, or was
 * just now; -EIO: the file has none any more; or the server's error.
 */
int fmapfs_fmap_renew(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	bool none = false;
	int rc = 0;

	if (mutex_lock_killable(&fi->open_lock))
		return -EINTR;
	if (READ_ONCE(fi->revoked))
		rc = ask(inode, &none);
	if (none)
		rc = -EIO;
	/* Who has been interrupted has not got an answer. */
	if (rc && !(rc == -EINTR && signal_pending(current)))
		WRITE_ONCE(fi->map_error, rc);
	mutex_unlock(&fi->open_lock);
	return rc;
}

/**
 * fmapfs_map_lock - have a map in force, and keep it
 * @inode: a file with a map; no lock of it is held
 *
 * Return: 0, and map_lock is held shared; or -errno.
 */
int fmapfs_map_lock(struct inode *inode)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	int rc = 0;

	while (!rc) {
		if (down_read_killable(&fi->map_lock))
			return -EINTR;
		if (!fi->revoked)
			return 0;
		up_read(&fi->map_lock);
		rc = fmapfs_fmap_renew(inode);
	}
	return rc;
}

/* --- another map, with a new size --- */

/* Guarded by map_lock. The size goes with the map. */
static void swap_maps(struct inode *inode, struct fmapfs_map *map)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);

	fmapfs_claims_start(map);
	filemap_invalidate_lock(inode->i_mapping);
	spin_lock(&fi->lock);
	i_size_write(inode, map->fmap->file_size);
	publish(inode, map);
	spin_unlock(&fi->lock);
	filemap_invalidate_unlock(inode->i_mapping);
}

/*
 * Guarded by map_lock. Return: 0; PINNED, or an error: @map has no memory, and all
 * is as it was.
 */
static int claim_and_swap(struct inode *inode, struct fmapfs_map *map)
{
	int rc = fmapfs_map_claim(map);

	if (rc)
		return rc;
	if (!fmapfs_i(inode)->revoked)
		rc = take_back(inode);
	if (rc)
		fmapfs_claims_remove(map);
	else
		swap_maps(inode, map);
	return rc;
}

/* As claim_and_swap(). @since: as above. @old: result: what is to be dropped. */
static int swap_if_new(struct inode *inode, struct fmapfs_map *map, u64 since,
		       struct fmapfs_map **old)
{
	struct fmapfs_inode *fi = fmapfs_i(inode);
	int rc = FMAPFS_MAP_IS_OLD;

	if (down_write_killable(&fi->map_lock))
		return -EINTR;
	*old = fi->map;
	if (fi->revocations == since)
		rc = claim_and_swap(inode, map);
	up_write(&fi->map_lock);
	return rc;
}

/* On an error @map is dropped. */
static int replace(struct inode *inode, struct fmapfs_map *map, u64 since)
{
	struct fmapfs_map *old;
	unsigned int turn = 0;
	int rc;

	while ((rc = swap_if_new(inode, map, since, &old)) == PINNED) {
		rc = let_go_on(turn++);
		if (rc)
			break;
	}
	if (rc) {
		fmapfs_map_drop(map);
		return rc;
	}
	fmapfs_count(inode->i_sb, FMAPFS_FMAPS, 1);
	trace_fmapfs_fmap_install(inode, map);
	fmapfs_map_drop(old);
	return 0;
}

static int ask_and_replace(struct inode *inode, u64 size)
{
	struct fmapfs_map *map;
	u64 since = revocations(inode);
	int rc = fmapfs_map_new(inode, &size, &map);

	if (rc)
		return rc;
	return map ? replace(inode, map, since) : -ESTALE;
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
	struct fmapfs_inode *fi = fmapfs_i(inode);
	int rc;

	lockdep_assert_held_write(&inode->i_rwsem);
	if (mutex_lock_killable(&fi->open_lock))
		return -EINTR;
	do {
		rc = ask_and_replace(inode, size);
	} while (rc == FMAPFS_MAP_IS_OLD);
	mutex_unlock(&fi->open_lock);
	return rc;
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
	/* With the handlers at work: this may take long. No page is pinned anew. */
	wait_layout_idle(inode);
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
	if (!fi->revoked) {
		trace_fmapfs_fmap_drop(inode);
		fmapfs_count(inode->i_sb, FMAPFS_FMAPS, -1);
	}
	fi->map = NULL;
	fmapfs_map_drop(map);
}
