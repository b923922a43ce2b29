// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is bad: what must not be touched.
 *
 * A page becomes bad when the kernel tells of a memory error (claim.c), or when
 * its driver refuses it as poisoned, which is found out when a device is first
 * held and when an access to it fails. From then on faults, reads and writes go
 * around it (dax.c).
 *
 * The ranges are an index, of bounded size, so that nothing has to be allocated
 * when memory fails: if they are too many, the two that are closest become one,
 * with the good memory between them. Which pages are really bad, the driver and
 * the pages' own flag (PG_hwpoison) tell.
 *
 * All this lives as long as the module holds the device. Afterwards there are the
 * driver's list and the flags of the pages, which last until it is unbound; what
 * is lost is only that an error was simulated.
 */
#include <linux/dax.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/sched/signal.h>
#include "daxdev.h"

/* So many pages are asked for at once, when it is looked for bad ones. */
#define LOOK_PAGES	512

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
