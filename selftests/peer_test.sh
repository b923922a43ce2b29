#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The same calls on fmapfs and on the in-tree fuse, with the same server.
#
# For each case and seed:
# 1. A fresh tree is made on a disk; one of libfuse's servers gives access to
#    it on the in-tree fuse. peer does its calls there, then the whole tree is
#    told, through the mount and, after unmounting, on the disk.
# 2. The same on fmapfs. Expect the same lines, but for peer/differences; and that
#    of each call the server got the same requests, but for peer/requests.
#
# What requests came is told by peer/tap.c in the server, which then has one
# thread. What is not compared of them is said there and in peer/requests.awk.
# Readahead makes READs that depend on the size of folios, so most cases do without.
#
# PEER_SEEDS and PEER_COUNT in the environment: other seeds, more calls;
# PEER_ON=fuse: the in-tree fuse again, which must agree with itself;
# PEER_KEEP=DIR: the logs are put there.
# shellcheck disable=SC2317 # cases are called by name
set -u

# shellcheck source=selftests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=selftests/peer/servers.sh
. "$dir/peer/servers.sh"

seeds=${PEER_SEEDS:-1}
count=${PEER_COUNT:-200}
tap=
readahead=0 # KiB; empty: what is usual
disk=$tmp/disk
peer=$dir/peer/peer

# One disk for all: what the order of a directory hangs on is the same. It journals
# data, and so takes O_DIRECT as it comes: what a server writes from may be on its
# stack, aligned by chance.
make_disk() {
	truncate -s 512M "$tmp/image"
	mkfs.ext4 -q -F -N 100000 "$tmp/image"
	mkdir "$disk"
	modprobe loop
	mount -o loop,user_xattr,nodelalloc "$tmp/image" "$disk"
	chattr +j "$disk"
}
make_disk
trap 'umount "$disk"; rm -rf "$tmp"' EXIT

# run_peer LOG TYPE SEED SERVER [ARG...]
run_peer() {
	local log=$1 type=$2 seed=$3 source=$disk/tree

	shift 3
	rm -rf "$source"
	mkdir "$source"
	"$peer" populate "$source"
	if [ -n "$tap" ]; then
		export PEER_REQUESTS=$log.requests
		: >"$PEER_REQUESTS"
	fi
	serve "$type" "$@"
	[ -z "$readahead" ] ||
		echo "$readahead" >"/sys/class/bdi/$(mountpoint -d "$mnt")/read_ahead_kb"
	"$peer" "$seed" "$count" "$mnt/1/2/3/4/5/work" >"$log"
	"$peer" walk "$mnt" >>"$log"
	ended
	"$peer" walk "$source" >>"$log"
}

# told SCRIPT [ARG...]: what it says of differences; all of it, if there are.
told() {
	local status=0 line

	awk -v kernel="$(uname -r)${readahead:+ without readahead}" -f "$dir/peer/$1" "${@:2}" >"$tmp/differences" ||
		status=1
	while IFS= read -r line; do
		say "seed $seed: $line"
	done <"$tmp/differences"
	return "$status"
}

keep() { # keep DIR
	mkdir -p "$1"
	cp "$tmp"/log.* "$1"
}

compare() { # compare SERVER [ARG...]
	local seed status=0

	for seed in $seeds; do
		run_peer "$tmp/log.a" fuse "$seed" "$@"
		run_peer "$tmp/log.b" "${PEER_ON:-fmapfs}" "$seed" "$@"
		told compare.awk "$dir/peer/differences" "$tmp/log.a" "$tmp/log.b" ||
			status=1
		[ -z "$tap" ] || told requests.awk "$dir/peer/requests" \
			"$tmp/log.a.requests" "$tmp/log.b.requests" || status=1
		[ -z "${PEER_KEEP:-}" ] || keep "$PEER_KEEP/$case.$seed"
	done
	return "$status"
}

passthrough_ll() { # passthrough_ll OPTIONS
	tap=$dir/peer/tap.so
	compare passthrough_ll -f -s -o "source=$disk/tree,$1" @
}

passthrough_ll_caches_forever() {
	options=allow_other
	passthrough_ll cache=always,timeout=86400,xattr
}

passthrough_ll_reads_ahead() {
	options=allow_other
	readahead=
	passthrough_ll cache=always,timeout=86400,xattr
}

passthrough_ll_caches_nothing() {
	options=allow_other
	passthrough_ll cache=never,timeout=0,xattr
}

passthrough_ll_checks_permissions() {
	options=allow_other,default_permissions
	passthrough_ll cache=always,timeout=86400,xattr,flock
}

passthrough_ll_is_for_its_owner() {
	options=
	passthrough_ll cache=auto,timeout=86400,no_xattr,no_flock
}

# If it caches, it wants the writeback cache, which fmapfs has not: times and
# sizes are the kernel's then, and its requests are others.
passthrough_hp_does_not_cache() {
	options=
	# shellcheck disable=SC2046 # none, or one word
	compare passthrough_hp --foreground --nocache $(not_past_it) "$disk/tree" @
}

run_cases \
	passthrough_ll_caches_forever \
	passthrough_ll_reads_ahead \
	passthrough_ll_caches_nothing \
	passthrough_ll_checks_permissions \
	passthrough_ll_is_for_its_owner \
	passthrough_hp_does_not_cache
