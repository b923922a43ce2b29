// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU caches. The instructions are written down here rather than left to the compiler:
 * that would take options of one CPU for all of the library.
 */
#include "media.h"

#if defined(__x86_64__)

#include <cpuid.h>

/* Of leaf 7, EBX. */
#define HAS_CLFLUSHOPT	(1U << 23)
#define HAS_CLWB	(1U << 24)
/* Of leaf 1, EBX: in units of 8 bytes. */
#define LINE_SIZE(ebx)	((((ebx) >> 8) & 0xff) * 8)

/* What the CPU has: bits of leaf 7 and, below, bytes of a line. */
#define LINE_MASK	0xfffU

/*
 * Asked for once: in a virtual machine cpuid is a trap. Threads that ask at the same
 * time store the same.
 */
static unsigned int cpu_has(void)
{
	static unsigned int has;
	unsigned int a, b, c, d, found = __atomic_load_n(&has, __ATOMIC_RELAXED);

	if (found)
		return found;
	if (__get_cpuid(1, &a, &b, &c, &d))
		found = LINE_SIZE(b);
	if (!found)
		found = 64;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
		found |= b & (HAS_CLFLUSHOPT | HAS_CLWB);
	__atomic_store_n(&has, found, __ATOMIC_RELAXED);
	return found;
}

#define FOR_LINES(line, addr, len, size)				\
	for ((line) = (const char *)((uintptr_t)(addr) & ~((size) - 1)); \
	     (line) < (const char *)(addr) + (len); (line) += (size))

#define ON_LINE(instruction, line)					\
	__asm__ volatile(instruction " %0"				\
			 : "+m"(*(volatile char *)(uintptr_t)(line)) : : "memory")

static void drop_lines(const void *addr, size_t len, unsigned int has)
{
	uintptr_t size = has & LINE_MASK;
	const char *line;

	if (has & HAS_CLFLUSHOPT)
		FOR_LINES(line, addr, len, size)
			ON_LINE("clflushopt", line);
	else
		FOR_LINES(line, addr, len, size)
			ON_LINE("clflush", line);
}

void media_writeback(const void *addr, size_t len)
{
	unsigned int has = cpu_has();
	uintptr_t size = has & LINE_MASK;
	const char *line;

	if (has & HAS_CLWB)
		FOR_LINES(line, addr, len, size)
			ON_LINE("clwb", line);
	else
		drop_lines(addr, len, has);
	__asm__ volatile("sfence" : : : "memory");
}

void media_invalidate(const void *addr, size_t len)
{
	drop_lines(addr, len, cpu_has());
	/* Loads that follow wait for it, which sfence would not have them do. */
	__asm__ volatile("mfence" : : : "memory");
}

#elif defined(__aarch64__)

/* Bytes of the smallest line of all data caches. */
static uintptr_t line_size(void)
{
	uint64_t ctr;

	__asm__("mrs %0, ctr_el0" : "=r"(ctr));
	return 4ULL << ((ctr >> 16) & 0xf);
}

/* @op is an instruction that Linux has user space use (SCTLR_EL1.UCI). */
#define ON_LINES(op, addr, len)						\
	do {								\
		uintptr_t size = line_size();				\
		uintptr_t line = (uintptr_t)(addr) & ~(size - 1);	\
									\
		for (; line < (uintptr_t)(addr) + (len); line += size)	\
			__asm__ volatile("dc " op ", %0"		\
					 : : "r"(line) : "memory");	\
		/* All of the system, not only the CPUs of this host. */ \
		__asm__ volatile("dsb sy" : : : "memory");		\
	} while (0)

void media_writeback(const void *addr, size_t len)
{
	ON_LINES("cvac", addr, len);
}

void media_invalidate(const void *addr, size_t len)
{
	ON_LINES("civac", addr, len);
}

#else
#error "how are CPU caches written back here? cache.c knows x86-64 and arm64"
#endif
