/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: request send and end, fmap install and drop, device up and down,
 * fault. Numbers only, so that a trace costs the fault path no string.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM fmapfs

#if !defined(FMAPFS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define FMAPFS_TRACE_H

#include <linux/mm.h>
#include <linux/tracepoint.h>

/*
 * The transport, which knows nothing of inodes, traces too: main.c alone, which
 * makes the tracepoints, needs fmapfs_i.h before this header.
 */
struct fmapfs_map;
struct inode;

TRACE_EVENT(fmapfs_req_send,
	TP_PROTO(unsigned int conn, u64 unique, u32 opcode, u64 nodeid),
	TP_ARGS(conn, unique, opcode, nodeid),
	TP_STRUCT__entry(
		__field(u64, unique)
		__field(u64, nodeid)
		__field(unsigned int, conn)
		__field(u32, opcode)
	),
	TP_fast_assign(
		__entry->unique = unique;
		__entry->nodeid = nodeid;
		__entry->conn = conn;
		__entry->opcode = opcode;
	),
	TP_printk("conn %u unique %llu opcode %u nodeid %llu",
		  __entry->conn, __entry->unique, __entry->opcode,
		  __entry->nodeid)
);

TRACE_EVENT(fmapfs_req_end,
	TP_PROTO(u64 unique, int error),
	TP_ARGS(unique, error),
	TP_STRUCT__entry(
		__field(u64, unique)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->unique = unique;
		__entry->error = error;
	),
	TP_printk("unique %llu error %d", __entry->unique, __entry->error)
);

TRACE_EVENT(fmapfs_fmap_install,
	TP_PROTO(const struct inode *inode, const struct fmapfs_map *map),
	TP_ARGS(inode, map),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, nodeid)
		__field(u64, file_size)
		__field(u64, dev_mask)
		__field(u32, nextents)
		__field(u32, nruns)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->nodeid = fmapfs_i(inode)->nodeid;
		__entry->file_size = map->fmap->file_size;
		__entry->dev_mask = map->fmap->dev_mask;
		__entry->nextents = map->fmap->nextents;
		__entry->nruns = map->fmap->nruns;
	),
	TP_printk("dev %d:%d nodeid %llu size %llu devices %#llx extents %u runs %u",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->nodeid,
		  __entry->file_size, __entry->dev_mask, __entry->nextents,
		  __entry->nruns)
);

TRACE_EVENT(fmapfs_fmap_drop,
	TP_PROTO(const struct inode *inode),
	TP_ARGS(inode),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, nodeid)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->nodeid = fmapfs_i(inode)->nodeid;
	),
	TP_printk("dev %d:%d nodeid %llu",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->nodeid)
);

TRACE_EVENT(fmapfs_fault,
	TP_PROTO(const struct inode *inode, pgoff_t pgoff, unsigned int order,
		 unsigned int vmf_flags, vm_fault_t ret),
	TP_ARGS(inode, pgoff, order, vmf_flags, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, nodeid)
		__field(pgoff_t, pgoff)
		__field(unsigned int, order)
		__field(unsigned int, vmf_flags)
		__field(unsigned int, ret)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->nodeid = fmapfs_i(inode)->nodeid;
		__entry->pgoff = pgoff;
		__entry->order = order;
		__entry->vmf_flags = vmf_flags;
		__entry->ret = (__force unsigned int)ret;
	),
	/* ret: VM_FAULT_*, whose kernel table of names is not clean for sparse */
	TP_printk("dev %d:%d nodeid %llu pgoff %#lx order %u flags %s ret %#x",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->nodeid,
		  __entry->pgoff, __entry->order,
		  __print_flags(__entry->vmf_flags, "|", FAULT_FLAG_TRACE),
		  __entry->ret)
);

DECLARE_EVENT_CLASS(fmapfs_dev,
	TP_PROTO(dev_t dev),
	TP_ARGS(dev),
	TP_STRUCT__entry(
		__field(dev_t, dev)
	),
	TP_fast_assign(
		__entry->dev = dev;
	),
	TP_printk("dev %d:%d", MAJOR(__entry->dev), MINOR(__entry->dev))
);

DEFINE_EVENT(fmapfs_dev, fmapfs_dev_up, TP_PROTO(dev_t dev), TP_ARGS(dev));
DEFINE_EVENT(fmapfs_dev, fmapfs_dev_down, TP_PROTO(dev_t dev), TP_ARGS(dev));

#endif /* FMAPFS_TRACE_H */

/* Found by the -I of Kbuild: an out-of-tree module has no place of its own. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
