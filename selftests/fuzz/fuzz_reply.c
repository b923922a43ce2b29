// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whole streams of replies and notifications, to the module's own transport and
 * protocol (dev.c, conn.c, queue.c, init.c, proto*.c, notify.c), with kernel/ for
 * a kernel and reply/ for what is around.
 *
 *   1. Calls end, with a result that the VFS can have; what they hand on keeps
 *      what the protocol's types promise: types, sizes, names, times.
 *   2. A server that acts never has to wait for itself; who waits can be killed.
 *   3. Whatever a server replies, and whoever is killed meanwhile: all lookups and
 *      handles that were handed out are given back, no request is left over, and
 *      no memory. Nothing is asked about a node or handle that was given back.
 *
 * Input: which allocation fails (one byte; 0: none), then calls and, whenever one
 * waits, what the server does.
 */
#include "calls.h"

#define MAX_CALLS	200

static void mount_(void)
{
	bool sync;

	fs.conn = fmapfs_conn_new(fs.devtab, 1);
	MUST(fs.conn);
	fmapfs_conn_bind(fs.conn, &conn_ops, &sb);
	MUST(!dev_fops->open(NULL, &dev));
	MUST(!fmapfs_dev_attach(&dev, fs.conn, &sync));
}

/* Forgets all that it has, as eviction does. */
static void unmount(void)
{
	unsigned int i;

	close_all();
	fmapfs_conn_unbind(fs.conn);
	for (i = 0; i < NR_NODES; i++)
		fmapfs_forget_send(fs.conn, nodes[i].forget, nodes[i].nodeid,
				   i ? 1 : 0);
}

static void evict_one(void)
{
	unsigned int i = 1 + take(1) % (NR_NODES - 1);

	if (!is_open(&nodes[i].inode))
		evict(&nodes[i]);
}

/* A call, or what is done uncalled. */
static void call(void)
{
	unsigned int which = take(1) % (nname_calls + nfile_calls + 1);

	if (which < nname_calls)
		name_calls[which]();
	else if (which < nname_calls + nfile_calls)
		file_calls[which - nname_calls]();
	else if (take(1) % 2)
		evict_one();
	else
		env_serve();
}

static void run_mount(void)
{
	unsigned int n;
	bool alive;

	fmapfs_proto_init(&sb);
	for (n = 0; n < MAX_CALLS && input.left; n++)
		call();
	env_fail_at = 0;
	server_drain();
	unmount();
	server_drain();
	alive = fmapfs_conn_alive(fs.conn);
	MUST(!fmapfs_conn_waiting(fs.conn));
	/* Without a server there is nobody to give back to. */
	if (alive)
		server_check_balance();
	fmapfs_proto_goodbye(fs.conn);
	server_drain();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;

	if (!begun) {
		fmapfs_queue_init();
		fmapfs_dev_init();
		begun = true;
	}
	input = (struct input) { data, size };
	env_fail_at = 0;
	server_begin();
	around_begin();
	mount_();
	env_fail_at = take(1);
	run_mount();
	dev_fops->release(NULL, &dev);
	fmapfs_conn_put(fs.conn);
	server_end();
	around_end();
	MUST(!env_spinning);
	MUST(!env_allocations);
	return 0;
}
