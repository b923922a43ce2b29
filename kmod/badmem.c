// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is bad: what must not be touched until the server gives up what it
 * held.
 *
 * A page becomes bad when the kernel tells of a memory error (claim.c), or when
 * its driver refuses it as poisoned, which is found out when a device is first
 * held and when an access to it fails. From then on faults, reads and writes go
 * around it (dax.c).
 *
 * The ranges are an index, of bounded size, so that nothing has to be allocated
 * when memory fails: if they are too many, the two that are closest become one,
 * with the good memory between them. Which pages are really bad, the driver and
 * the pages' own flag (PG_hwpoison) tell; nothing else is ever zeroed.
 *
 * All this lives as long as the module holds the device. Afterwards there are the
 * driver's list and the flags of the pages, which last until it is unbound; what
 * is lost is only that an error was simulated, see clear_page_of().
 */
#include <linux/dax.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/sched/signal.h>
#include "daxdev.h"

/* So many pages are asked for at once, when it is looked for bad ones. */
#define LOOK_PAGES	512

/* How often a page is cleared that fails again meanwhile. */
#define CLEAR_TRIES	3

static DEFINE_MUTEX(clear_lock);	/* one clears at a time */

/* --- the ranges: sorted, apart from each other; guarded by fmapfs_bad.lock --- */

void fmapfs_bad_init(struct fmapfs_bad *bad)
{
	spin_lock_init(&bad->lock);
}

/* Index of the first range that ends at or behind @page. */
static unsigned int index_of(const struct fmapfs_bad *bad, u64 page)
{
	unsigned int low = 0, high = bad->n;

	lockdep_assert_held(&bad->lock);
	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (bad->ranges[mid].last < page)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void remove_at(struct fmapfs_bad *bad, unsigned int i)
{
	memmove(&bad->ranges[i], &bad->ranges[i + 1],
		(bad->n - i - 1) * sizeof(*bad->ranges));
	WRITE_ONCE(bad->n, bad->n - 1);
}

static void insert_at(struct fmapfs_bad *bad, unsigned int i,
		      const struct fmapfs_bad_range *range)
{
	memmove(&bad->ranges[i + 1], &bad->ranges[i],
		(bad->n - i) * sizeof(*bad->ranges));
	bad->ranges[i] = *range;
	WRITE_ONCE(bad->n, bad->n + 1);
}

/* Makes room for one more, at the least cost in good memory. */
static void join_closest(struct fmapfs_bad *bad)
{
	struct fmapfs_bad_range *r = bad->ranges;
	unsigned int i, best = 0;
	u64 least = U64_MAX;

	for (i = 0; i + 1 < bad->n; i++) {
		u64 gap = r[i + 1].first - r[i].last;

		if (gap < least) {
			least = gap;
			best = i;
		}
	}
	r[best].last = r[best + 1].last;
	r[best].hard |= r[best + 1].hard;
	remove_at(bad, best + 1);
}

/* Takes into @range what overlaps it, and what of its kind touches it. */
static void swallow(struct fmapfs_bad *bad, struct fmapfs_bad_range *range)
{
	unsigned int i = index_of(bad, range->first ? range->first - 1 : 0);

	while (i < bad->n) {
		const struct fmapfs_bad_range *r = &bad->ranges[i];
		bool overlaps = r->first <= range->last &&
				r->last >= range->first;

		if (r->first > range->last && r->first - 1 > range->last)
			break;
		if (!overlaps && r->hard != range->hard) {
			i++;
			continue;
		}
		range->first = min(range->first, r->first);
		range->last = max(range->last, r->last);
		range->hard |= r->hard;
		remove_at(bad, i);
	}
}

/**
 * fmapfs_bad_add - pages are bad
 * @mem: the memory
 * @first: first page, of the DAX device
 * @last: last page
 * @hard: the error may be the hardware's, and not just have been simulated
 *
 * Never fails. Who looks from now on does not find them good.
 */
void fmapfs_bad_add(struct fmapfs_mem *mem, u64 first, u64 last, bool hard)
{
	struct fmapfs_bad *bad = &mem->bad;
	struct fmapfs_bad_range range = {
		.first = first,
		.last = last,
		.hard = hard,
	};

	spin_lock(&bad->lock);
	bad->marks++;
	swallow(bad, &range);
	if (bad->n == FMAPFS_BAD_MAX) {
		join_closest(bad);
		/* It may lie in between. */
		swallow(bad, &range);
	}
	insert_at(bad, index_of(bad, range.first), &range);
	spin_unlock(&bad->lock);
}

/**
 * fmapfs_bad_next - find bad memory
 * @mem: the memory
 * @first: first page, of the DAX device
 * @last: last page
 * @range: result, as far as it lies between these
 *
 * Return: is there any?
 */
bool fmapfs_bad_next(struct fmapfs_mem *mem, u64 first, u64 last,
		     struct fmapfs_bad_range *range)
{
	struct fmapfs_bad *bad = &mem->bad;
	unsigned int i;
	bool found;

	if (!READ_ONCE(bad->n))
		return false;
	spin_lock(&bad->lock);
	i = index_of(bad, first);
	found = i < bad->n && bad->ranges[i].first <= last;
	if (found) {
		*range = bad->ranges[i];
		range->first = max(range->first, first);
		range->last = min(range->last, last);
	}
	spin_unlock(&bad->lock);
	return found;
}

static bool is_bad(struct fmapfs_mem *mem, u64 page)
{
	struct fmapfs_bad_range range;

	return fmapfs_bad_next(mem, page, page, &range);
}

/**
 * fmapfs_bad_avoid - how much is good
 * @mem: the memory
 * @page: first page, of the DAX device
 * @npages: how many are wanted; at least one
 *
 * Return: how many are, up to the first bad one.
 */
u64 fmapfs_bad_avoid(struct fmapfs_mem *mem, u64 page, u64 npages)
{
	struct fmapfs_bad_range range;

	if (!fmapfs_bad_next(mem, page, page + npages - 1, &range))
		return npages;
	return range.first - page;
}

/*
 * The page is good, unless something has failed since there were so many marks.
 * Return: 0; -EAGAIN: something has; -ENOSPC: there is no room for the two ranges
 * that one would become.
 */
static int forget(struct fmapfs_mem *mem, u64 page, unsigned long marks)
{
	struct fmapfs_bad *bad = &mem->bad;
	struct fmapfs_bad_range *r, rest;
	unsigned int i;
	int rc = 0;

	spin_lock(&bad->lock);
	i = index_of(bad, page);
	r = &bad->ranges[i];
	rest = *r;
	rest.first = page + 1;
	if (bad->marks != marks) {
		rc = -EAGAIN;
	} else if (r->first == page && r->last == page) {
		remove_at(bad, i);
	} else if (r->first == page) {
		r->first++;
	} else if (r->last == page) {
		r->last--;
	} else if (bad->n == FMAPFS_BAD_MAX) {
		rc = -ENOSPC;
	} else {
		r->last = page - 1;
		insert_at(bad, i + 1, &rest);
	}
	spin_unlock(&bad->lock);
	return rc;
}

/* --- what driver and pages know --- */

/* Under dax_read_lock. Return: as dax_direct_access(). */
static long access_pages(struct fmapfs_mem *mem, u64 first, u64 npages,
			 struct page **page)
{
	void *kaddr;
	long n = dax_direct_access(mem->dax_dev, first, npages, DAX_ACCESS,
				   &kaddr, NULL);

	if (n > 0)
		*page = virt_to_page(kaddr);
	return n;
}

/* One by one. Under dax_read_lock. */
static bool look_at_each(struct fmapfs_mem *mem, u64 first, u64 npages)
{
	struct page *page;
	bool found = false;
	u64 i;

	for (i = first; i < first + npages; i++) {
		long n = access_pages(mem, i, 1, &page);

		if (n != FMAPFS_DAX_POISON && !(n > 0 && PageHWPoison(page)))
			continue;
		found = true;
		if (!is_bad(mem, i))
			fmapfs_bad_add(mem, i, i, true);
	}
	return found;
}

static bool any_flagged(struct page *page, u64 npages)
{
	while (npages--)
		if (PageHWPoison(page++))
			return true;
	return false;
}

/**
 * fmapfs_bad_look - see what the kernel knows to be bad, and remember it
 * @mem: the memory; it is held, or being held
 * @first: first page, of the DAX device
 * @npages: how many; they are all its own
 *
 * May sleep, and takes a while if they are many. Return: is there bad memory?
 */
bool fmapfs_bad_look(struct fmapfs_mem *mem, u64 first, u64 npages)
{
	bool found = false;

	while (npages && !fatal_signal_pending(current)) {
		u64 some = min_t(u64, npages, LOOK_PAGES);
		struct page *page;
		int id = dax_read_lock();

		if (!READ_ONCE(mem->gone) &&
		    (access_pages(mem, first, some, &page) < (long)some ||
		     any_flagged(page, some)))
			found |= look_at_each(mem, first, some);
		dax_read_unlock(id);
		first += some;
		npages -= some;
		cond_resched();
	}
	return found;
}

/*
 * If the page was mapped by an entry of 2 MiB, the kernel has flagged the first
 * one of those instead.
 */
static void unflag_first(struct fmapfs_mem *mem, struct page *page, u64 index)
{
	unsigned long pfn = page_to_pfn(page);
	unsigned long before = pfn & ((PMD_SIZE >> PAGE_SHIFT) - 1);

	if (!before || before > index || is_bad(mem, index - before))
		return;
	ClearPageHWPoison(pfn_to_page(pfn - before));
}

/**
 * fmapfs_bad_flag - have the pages know that they are bad
 * @mem: the memory
 * @first: first page, of the DAX device, that has been added
 * @last: last page
 *
 * The kernel does so only for what is mapped. Called with the DAX core's read
 * lock held, and after mf_dax_kill_procs().
 */
void fmapfs_bad_flag(struct fmapfs_mem *mem, u64 first, u64 last)
{
	u64 end = min(last, READ_ONCE(mem->end) - 1);
	struct page *page;
	u64 i;

	for (i = first; mem->end && i <= end; i++) {
		/* Otherwise the driver knows, or there is no driver any more. */
		if (access_pages(mem, i, 1, &page) <= 0)
			continue;
		SetPageHWPoison(page);
		unflag_first(mem, page, i);
		cond_resched();
	}
}

/* --- clearing --- */

/* Under dax_read_lock. The driver says that the page is poisoned. */
static int clear_by_driver(struct fmapfs_mem *mem, u64 index)
{
	struct page *page;

	/* What it is to overwrite, it clears. */
	if (dax_zero_page_range(mem->dax_dev, index, 1))
		return -EIO;
	if (access_pages(mem, index, 1, &page) <= 0 || PageHWPoison(page))
		return -EIO;
	return 0;
}

/*
 * Under dax_read_lock. Only the driver can clear the hardware's poison. Of a page
 * that it knows nothing of, the kernel's mapping may be gone, and to write to it
 * may be futile, or the end of the machine; unless the error was simulated, which
 * is known only as long as the device is held.
 */
static int clear_page_of(struct fmapfs_mem *mem, u64 index, bool hard)
{
	struct page *page;
	long n;

	if (READ_ONCE(mem->gone))
		return -ENODEV;
	n = access_pages(mem, index, 1, &page);
	if (n == FMAPFS_DAX_POISON)
		return clear_by_driver(mem, index);
	if (n <= 0)
		return -EIO;
	/* It is good, and was just between others. */
	if (!PageHWPoison(page))
		return 0;
	if (hard)
		return -EOPNOTSUPP;
	if (dax_zero_page_range(mem->dax_dev, index, 1))
		return -EIO;
	ClearPageHWPoison(page);
	return 0;
}

static unsigned long marks_of(struct fmapfs_mem *mem)
{
	unsigned long marks;

	spin_lock(&mem->bad.lock);
	marks = mem->bad.marks;
	spin_unlock(&mem->bad.lock);
	return marks;
}

static int clear_and_forget(struct fmapfs_mem *mem, u64 index, bool hard)
{
	int tries = CLEAR_TRIES;
	int rc;

	do {
		unsigned long marks = marks_of(mem);
		int id = dax_read_lock();

		rc = clear_page_of(mem, index, hard);
		dax_read_unlock(id);
		if (!rc)
			rc = forget(mem, index, marks);
	} while (rc == -EAGAIN && --tries);
	return rc == -EAGAIN ? -EIO : rc;
}

/**
 * fmapfs_bad_clear - use bad memory again, zeroed
 * @mem: the memory, which the caller keeps held
 * @first: first page, of the DAX device
 * @last: last page
 *
 * Good memory there is left alone. Pages are in nobody's reach while they are
 * cleared. Return: 0: none is bad any more; or of the pages that still are, why
 * the first one is: -EOPNOTSUPP: nobody knows how to clear it; -EIO: the driver
 * has failed to; -ENOSPC: there would be too many ranges; -ENODEV: the device is
 * gone; -EINTR: killed.
 */
int fmapfs_bad_clear(struct fmapfs_mem *mem, u64 first, u64 last)
{
	struct fmapfs_bad_range range;
	int rc = 0;

	if (mutex_lock_killable(&clear_lock))
		return -EINTR;
	while (first <= last && fmapfs_bad_next(mem, first, last, &range)) {
		int err;

		if (fatal_signal_pending(current)) {
			rc = -EINTR;
			break;
		}
		err = clear_and_forget(mem, range.first, range.hard);
		if (!rc)
			rc = err;
		first = range.first + 1;
		cond_resched();
	}
	mutex_unlock(&clear_lock);
	return rc;
}
