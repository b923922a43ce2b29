# SPDX-License-Identifier: GPL-2.0-only
# The guest tests: programs (X_test.c, linked with lib/) and scripts; and what
# these need besides.
TEST_GEN_PROGS := \
	mount_test \
	transport_test \
	privilege_test \
	rights_test \
	secrecy_test \
	reply_test \
	interrupt_test \
	names_test \
	namei_test \
	namei_reply_test \
	listing_test \
	handle_test \
	attr_test \
	xattr_test \
	plain_test \
	cache_test \
	inflight_test \
	direct_test \
	data_test \
	plainfsx_test \
	refuse_test \
	fmap_test \
	fmapio_test \
	fault_test \
	mmap_test \
	flush_test \
	flush_write_test \
	crash_test \
	lock_test \
	lock_wait_test \
	ioctl_test \
	poll_test \
	rw_test \
	stripe_test \
	fsx_test \
	device_test \
	lifetime_test \
	alias_test \
	partition_test \
	removal_test \
	badflush_test \
	badmem_test \
	badclear_test \
	hotremove_test \
	become_test \
	refetch_test \
	refresh_test \
	populate_test \
	pins_test \
	fire_test \
	notify_test \
	store_test \
	resend_test \
	timeout_test \
	corpus_test \
	stress_test \
	hostile_frame_test \
	hostile_lock_test \
	hostile_fuzz_test \
	hostile_others_test \
	hostile_init_test \
	hostile_notify_test \
	hostile_data_test \
	hostile_dir_test \
	hostile_attr_test \
	hostile_entry_test \
	takeover_test \
	takeover_change_test \
	window_test \
	pool_test
# Programs for kernels with fault injection only: those of debug beds.
TEST_DEBUG_PROGS := \
	nomem_test \
	nomem_plain_test \
	nomem_mount_test
# Not run with the others: crash_guest is a part of vm/crash, and cxl_test needs
# another guest (vm/check-long).
TEST_GEN_PROGS_EXTENDED := \
	crash_guest \
	cxl_test
# What tests call, linked without lib/.
TEST_HELPERS := \
	pool_fill
# Made and installed by the Makefiles of their directories.
TEST_DIR_PROGS := \
	stress/soak_test
TEST_PROGS := \
	fmapfsd_test.sh \
	famfs_plain_test.sh \
	run_test.sh \
	peer_test.sh \
	examples_test.sh \
	tool_test.sh \
	poolmount_test.sh
# Of several hosts, by vm/hosts.
TEST_GUESTS := hosts_guest.sh
TEST_FILES := tap.sh
