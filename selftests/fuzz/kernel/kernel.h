/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel, for one thread, as the transport and the protocol of the
 * module need: in place of compat.h and of all of the kernel's headers.
 *
 * What can be checked is: that locks are not taken twice and not held where one
 * may sleep, that counts neither wrap nor come back from 0, that memory is given
 * back. Who waits runs the server meanwhile: env_serve().
 */
#ifndef FUZZ_KERNEL_H
#define FUZZ_KERNEL_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include <linux/ioctl.h>
#include <linux/limits.h>
#include <linux/types.h>
#include "fmap_env.h"
#include "../fuzz.h"
#include "list.h"

typedef int8_t s8;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned short umode_t;
typedef unsigned int gfp_t;
typedef unsigned int __poll_t;
typedef void *fl_owner_t;
typedef unsigned long pgoff_t;
typedef unsigned int vm_fault_t;

/* --- the compiler's --- */

#define __user
#define __init
#define __ro_after_init
#define __releases(x)
#define fallthrough		__attribute__((__fallthrough__))
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, v)	((x) = (v))
#define smp_load_acquire(p)	(*(p))
#define smp_store_release(p, v)	(*(p) = (v))
#define cmpxchg_release(p, o, n) \
	({ __typeof__(*(p)) __old = *(p); if (__old == (o)) *(p) = (n); __old; })
#define BIT(n)			(1UL << (n))
#define DECLARE_BITMAP(name, bits) \
	unsigned long name[((bits) + 63) / 64]
#define test_bit(n, p)		((*(p) >> (n)) & 1)
#define set_bit(n, p)		((void)(*(p) |= 1UL << (n)))
#define offsetofend(type, m) \
	(offsetof(type, m) + sizeof(((type *)0)->m))
#define min_t(t, a, b) \
	({ t __a = (a), __b = (b); __a < __b ? __a : __b; })
#define max_t(t, a, b) \
	({ t __a = (a), __b = (b); __a > __b ? __a : __b; })
#define min3(a, b, c)		min_t(__typeof__(a), min_t(__typeof__(a), a, b), c)
#define clamp_t(t, v, lo, hi)	min_t(t, max_t(t, v, lo), hi)
#define lower_32_bits(n)	((u32)(n))
#define upper_32_bits(n)	((u32)((u64)(n) >> 32))
#define PAGE_SHIFT		12
#define PAGE_SIZE		4096UL
#define SZ_4K			4096
#define offset_in_page(p)	((unsigned long)(p) & (PAGE_SIZE - 1))
#define S32_MAX			INT32_MAX
#define U64_MAX			UINT64_MAX
#define OFFSET_MAX		INT64_MAX
#define MAX_LFS_FILESIZE	INT64_MAX
#define NSEC_PER_SEC		1000000000L
#define HZ			250
#define XATTR_SIZE_MAX		65536
#define XATTR_LIST_MAX		65536
#define ERESTARTSYS		512
#define WARN_ON_ONCE(bad)	MUST(!(bad))

#define MAX_ERRNO		4095
#define IS_ERR(p)		((unsigned long)(p) >= (unsigned long)-MAX_ERRNO)
#define PTR_ERR(p)		((long)(p))
#define ERR_PTR(n)		((void *)(long)(n))
#define PTR_ERR_OR_ZERO(p)	(IS_ERR(p) ? PTR_ERR(p) : 0)

static inline ssize_t strscpy(char *to, const char *from, size_t size)
{
	size_t len = strnlen(from, size - 1);

	memcpy(to, from, len);
	to[len] = 0;
	return len;
}

/* --- memory: none may be left when all is over --- */

#define GFP_KERNEL		0
#define GFP_KERNEL_ACCOUNT	0
#define __GFP_NOFAIL		1
#define __GFP_ACCOUNT		0
#define SLAB_ACCOUNT		0

extern long env_allocations;
/* The allocation that fails, counted down; 0: none does. */
extern unsigned int env_fail_at;

void *env_alloc(size_t size, gfp_t gfp, bool zeroed);
void *krealloc(const void *p, size_t size, gfp_t gfp);
void kfree(const void *p);

#define kmalloc(size, gfp)	env_alloc(size, gfp, false)
#define kzalloc(size, gfp)	env_alloc(size, gfp, true)
#define kvmalloc(size, gfp)	env_alloc(size, gfp, false)
#define kvzalloc(size, gfp)	env_alloc(size, gfp, true)
#define kmalloc_array(n, size, gfp) env_alloc((n) * (size), gfp, false)
#define kvfree(p)		kfree(p)
#define kfree_rcu(p, member)	kfree(p)

struct kmem_cache;
#define KMEM_CACHE(type, flags)	((struct kmem_cache *)sizeof(struct type))
#define kmem_cache_zalloc(c, gfp) env_alloc((size_t)(c), gfp, true)
#define kmem_cache_free(c, p)	kfree(p)
#define kmem_cache_destroy(c)	((void)(c))

/* --- locks --- */

typedef struct { bool held; } spinlock_t;
struct mutex { bool held; };
struct rw_semaphore { bool held; };
struct rcu_head { char unused; };

extern unsigned int env_spinning;

#define env_may_sleep()		MUST(!env_spinning)
#define spin_lock_init(l)	((l)->held = false)
#define spin_lock(l) \
	do { MUST(!(l)->held); (l)->held = true; env_spinning++; } while (0)
#define spin_unlock(l) \
	do { MUST((l)->held); (l)->held = false; env_spinning--; } while (0)
#define lockdep_assert_held(l)	MUST((l)->held)
#define env_lock(l) \
	do { env_may_sleep(); MUST(!(l)->held); (l)->held = true; } while (0)
#define env_unlock(l) \
	do { MUST((l)->held); (l)->held = false; } while (0)
#define DEFINE_MUTEX(name)	struct mutex name
#define mutex_lock(l)		env_lock(l)
#define mutex_unlock(l)		env_unlock(l)
#define mutex_lock_killable(l)	({ env_lock(l); 0; })
#define I_MUTEX_PARENT		1
#define down_write_killable(l)	({ env_lock(l); 0; })
#define down_write_killable_nested(l, c) ({ env_lock(l); 0; })
#define rcu_read_lock()		((void)0)
#define rcu_read_unlock()	((void)0)
#define cond_resched()		env_may_sleep()

/* --- counts --- */

typedef struct { int n; } refcount_t;
typedef struct { int n; } atomic_t;
typedef struct { s64 n; } atomic64_t;
struct percpu_counter { s64 n; };

#define refcount_set(r, v)	((void)((r)->n = (v)))
#define refcount_inc(r) \
	do { MUST((r)->n > 0 && (r)->n < INT_MAX); (r)->n++; } while (0)
#define refcount_dec_and_test(r) \
	({ MUST((r)->n > 0); --(r)->n == 0; })
#define atomic64_read(a)	((a)->n)
#define percpu_counter_add(c, v) ((void)((c)->n += (v)))

/* --- waiting --- */

typedef struct { char unused; } wait_queue_head_t;
#define DECLARE_WAIT_QUEUE_HEAD(name) wait_queue_head_t name
#define init_waitqueue_head(q)	((void)(q))
#define wake_up(q)		((void)(q))
#define wake_up_all(q)		((void)(q))
#define wake_up_interruptible(q) ((void)(q))
#define wake_up_interruptible_all(q) ((void)(q))

/* The server does something. False: the one that waits gets a signal instead. */
bool env_serve(void);

#define wait_event_killable(q, condition)				\
	({								\
		int __rc = 0;						\
									\
		env_may_sleep();					\
		while (!(condition) && !__rc)				\
			if (!env_serve())				\
				__rc = -ERESTARTSYS;			\
		__rc;							\
	})
#define wait_event_interruptible(q, c)		wait_event_killable(q, c)
#define wait_event_interruptible_exclusive(q, c) wait_event_killable(q, c)
#define wait_event_interruptible_timeout(q, c, timeout) \
	(wait_event_killable(q, c) ? 0 : 1)

struct work_struct { char unused; };
struct delayed_work { char unused; };
struct completion { char unused; };
struct kobject { char unused; };

/* Not 0, and never changing. */
#define jiffies			1000UL
#define get_jiffies_64()	1000UL
#define time_before64(a, b)	((s64)((a) - (b)) < 0)

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

static inline u64 timespec64_to_jiffies(const struct timespec64 *ts)
{
	MUST(ts->tv_sec >= 0 && ts->tv_nsec >= 0 &&
	     ts->tv_nsec < NSEC_PER_SEC);
	return ts->tv_sec * HZ + ts->tv_nsec / (NSEC_PER_SEC / HZ);
}

/* --- who --- */

typedef struct { u32 val; } kuid_t;
typedef struct { u32 val; } kgid_t;
struct user_namespace { char unused; };
struct pid_namespace { char unused; };
struct cred { char unused; };
struct pid { char unused; };
struct task { void *files; };
extern struct user_namespace init_user_ns;
extern struct pid_namespace init_pid_ns;
extern struct task env_current;

#define current			(&env_current)
#define make_kuid(ns, id)	((kuid_t) { id })
#define make_kgid(ns, id)	((kgid_t) { id })
#define from_kuid(ns, id)	((id).val)
#define from_kgid(ns, id)	((id).val)
#define from_kuid_munged(ns, id) ((id).val)
#define from_kgid_munged(ns, id) ((id).val)
#define current_fsuid()		((kuid_t) { 1000 })
#define current_fsgid()		((kgid_t) { 1000 })
#define current_umask()		022
#define gid_eq(a, b)		((a).val == (b).val)
#define in_group_p(gid)		((gid).val == 7)
#define CAP_FSETID		4
#define capable(cap)		((void)(cap), false)
/* Each reference is one of its own, so that none is lost or used too long. */
const struct cred *get_current_cred(void);
#define put_cred(cred)		kfree((void *)(cred))
#define fatal_signal_pending(t)	((void)(t), false)
#define task_pid(t)		((void)(t), (struct pid *)NULL)
#define task_tgid(t)		((void)(t), (struct pid *)NULL)
#define pid_nr_ns(pid, ns)	((void)(pid), (void)(ns), 42)
#define find_pid_ns(nr, ns)	((void)(nr), (void)(ns), (struct pid *)NULL)
#define get_pid_ns(ns)		(ns)
#define put_pid_ns(ns)		((void)(ns))
#define task_active_pid_ns(t)	((void)(t), &init_pid_ns)

/* --- copying --- */

struct iov_iter {
	const u8 *from;
	u8 *to;
	size_t count;
};

#define iov_iter_count(i)	((i)->count)
size_t copy_to_iter(const void *p, size_t size, struct iov_iter *to);
size_t copy_from_iter(void *p, size_t size, struct iov_iter *from);
#define copy_from_user(to, from, n) (memcpy(to, from, n), 0)
#define copy_to_user(to, from, n) (memcpy(to, from, n), 0)
#define get_user(v, p)		({ (v) = *(p); 0; })

#include "vfs.h"

#endif /* FUZZ_KERNEL_H */
