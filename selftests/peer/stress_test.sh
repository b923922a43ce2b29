#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# stress-ng's file-system stressors and fio with verify, on passthrough_ll on
# fmapfs, for STRESS_MINUTES (10). Not one of run_tests' list: vm/check-long runs
# it. That nothing is in the kernel's log and the module can go afterwards, the
# guest sees to.
#
# 1. Each stressor of the class "filesystem" that is not in $not, with two
#    processes, with --verify. Expect no failure.
# 2. fio: buffered, direct and synchronous, sequential and random, all read back
#    and compared. Expect no error.
# 3. What the server was sent is forgotten after unmounting: it ends by itself.
#
# PEER_ON=fuse in the environment: on the in-tree fuse.
# shellcheck disable=SC2317 # cases are called by name
set -u

# shellcheck source=selftests/tap.sh
. "$(dirname "$0")/../tap.sh"
dir=${dir%/peer}
# shellcheck source=selftests/peer/servers.sh
. "$dir/peer/servers.sh"

minutes=${STRESS_MINUTES:-10}

# With O_DIRECT and attributes of users, which tmpfs does not have everywhere.
src=$tmp/src
mkdir "$src"
truncate -s 800M "$tmp/disk"
mkfs.ext4 -q "$tmp/disk"
modprobe loop
mount -o loop "$tmp/disk" "$src" || exit
trap 'umount "$src"; rm -rf "$tmp"' EXIT

# Stressors that use no file of ours, or mount and unmount what the guest needs:
not=(bind-mount binderfs eventfd ioprio procfs statmount)

stressors() {
	stress-ng --class 'filesystem?' | sed 's/.*: //' | tr ' ' '\n' |
		grep -vxF "$(printf '%s\n' "${not[@]}")"
}

# passthrough_ll has a file open for each inode that is known.
ulimit -n 1048576

serve_src() {
	options=allow_other,default_permissions
	serve "${PEER_ON:-fmapfs}" passthrough_ll -f \
		-o "source=$src,cache=$1,xattr,flock" @
}

# Two thirds of the time is stress-ng's. Status 3 and 4: the stressor found that
# the file system lacks what it wants. Some look at the time only after a round
# of thousands of links, which takes minutes under emulation.
stress_ng_finds_no_failure() {
	local list each name status bad=

	list=$(stressors)
	each=$((minutes * 40 / $(wc -w <<<"$list")))
	[ "$each" -gt 0 ] || each=1
	serve_src auto
	for name in $list; do
		status=0
		(cd "$mnt" && timeout -k 9 $((each + 900)) stress-ng "--$name" 2 --timeout "$each" --verify \
			--dentries 128 --temp-path "$mnt" --no-rand-seed) >"$tmp/said" 2>&1 || status=$?
		case $status in
		0) ;;
		3 | 4) say "$name: not here: $(grep -m 1 skip "$tmp/said")" ;;
		*)
			say "$name: status $status"
			sed 's/^/#   /' "$tmp/said"
			bad=1 ;;
		esac
	done
	ended
	[ -z "$bad" ]
}

# Blocks that overlap cannot be verified: random ones are of one size, or aligned.
jobs=(
	"--rw=write --bsrange=512-128k --bs_unaligned --ioengine=psync"
	"--rw=randwrite --bs=3000 --bs_unaligned --ioengine=psync"
	"--rw=randwrite --bs=4k --sync=1 --ioengine=psync"
	"--rw=randwrite --bsrange=4k-256k --direct=1 --ioengine=libaio --iodepth=8"
)

fio_reads_what_it_wrote() {
	local each=$((minutes * 20 / 2 / ${#jobs[@]})) cache job
	local common=(--directory="$mnt" --size=24m --numjobs=2 --time_based
		--runtime="$each" --verify=crc32c --verify_fatal=1 --verify_backlog=64
		--group_reporting --output-format=terse)

	for cache in auto never; do
		serve_src "$cache"
		for job in "${jobs[@]}"; do
			# shellcheck disable=SC2086 # a list
			fio --name=f "${common[@]}" $job >"$tmp/said" 2>&1 || {
				say "cache=$cache $job"
				sed 's/^/#   /' "$tmp/said"
				return 1
			}
			rm -f "$mnt"/f.*
		done
		ended
	done
}

run_cases \
	stress_ng_finds_no_failure \
	fio_reads_what_it_wrote
