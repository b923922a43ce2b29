#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The tool fmapfs, and mount.fmapfs, on real devices and with the real server.
#
#  1. devices tells each device's mode and pool; --json the same; what to do with one
#     whose driver is another.
#  2. mkfs refuses what holds an ext4, a partition table or a pool, and says so; with
#     --force that is gone, for blkid also.
#  3. mkfs refuses what is in use, with --force too: mounted by another file system, or
#     a partition of it, or by fmapfs, a static layout included; and a device twice.
#  4. mkfs killed at any moment leaves no pool or a whole one.
#  5. A pool is mounted by mount(8), from fstab, by mount -a; remounted; unmounted by
#     umount(8). Wrong options and pools that are not there are the exit codes of
#     mount(8), nofail is heeded.
#  6. add makes a device one more of a pool: not of a mounted one, not on a client.
#  7. fmapfs umount is back when the devices are free.
#  8. status tells master from client, and a server that is dead or hangs, without
#     hanging itself.
#  9. unbind and bind take a DAX device to another driver and back; what is in use,
#     open or persistent memory is refused, and nothing has changed.
# shellcheck disable=SC2317 # cases are called by name
set -u

# shellcheck source=selftests/tap.sh
. "$(dirname "$0")/tap.sh"

mnt=$tmp/mnt
mkdir "$mnt"
device() { awk -v k="$1" -v n="$2" '$1 == k && n-- == 0 { print $2 }' /run/fmapfs/dax; }
pmem0=$(device pmem 0)
pmem1=$(device pmem 1)
dax=$(device fsdev 0)
cp /etc/fstab "$tmp/fstab" 2>/dev/null || : >"$tmp/fstab"

# One that has ended is none, even if its parent has not noticed yet.
no_daemon() {
	local pid

	for pid in $(pidof fmapfsd); do
		! grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$pid/status" || return 1
	done
}

clean_up() {
	local pid

	for pid in $(pidof fmapfsd); do
		kill -CONT "$pid"
	done
	umount -l "$mnt" 2>/dev/null
	for pid in $(pidof fmapfsd fmapfs); do
		kill -9 "$pid"
	done
	until_true no_daemon
	cp "$tmp/fstab" /etc/fstab
	[ -z "$dax" ] || [ "$(driver "$dax")" = fsdev_dax ] || fmapfs bind "$dax"
}

driver() { basename "$(readlink "/sys/bus/dax/devices/${1##*/}/driver")"; }
mounted() { grep -q " $mnt fmapfs" /proc/mounts; }
unmounted() { ! mounted; }
# No mount of a program for itself either; one that was killed leaves a moment later.
no_mounts() { ! compgen -G '/sys/fs/fmapfs/[0-9]*' >/dev/null; }

# value KEY: of the JSON value that is read, which has one a line.
value() { sed -n "s/^ *\"$1\": *\"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" | head -1; }

# wipe DEVICE...: they hold nothing that is known.
wipe() {
	local dev

	for dev; do
		dd if=/dev/zero of="$dev" bs=1M count=16 oflag=direct status=none
		blockdev --rereadpt "$dev" 2>/dev/null || :
		blockdev --flushbufs "$dev"
	done
}

new_pool() { # new_pool [DEVICE...]
	wipe "$pmem0" "$pmem1"
	fmapfs mkfs "${@:-$pmem0}" >/dev/null 2>&1
}

devices_are_told() {
	local uuid

	new_pool "$pmem0" "$pmem1"
	uuid=$(fmapfs devices --json | grep -A3 '"pool":{' | value uuid)
	has "$uuid" '^[0-9a-f-]{36}$'
	said=$(fmapfs devices)
	if grep 'switched off' <<<"$said"; then
		return 1
	fi
	has "$said" "^$pmem0 +fsdax .* $uuid primary"
	has "$said" "^$pmem1 +fsdax .* $uuid secondary"
	mount -t fmapfs "$pmem0" "$mnt"
	has "$(fmapfs devices)" "^$pmem0 .*mounted by fmapfs on $mnt"
}

ext4_is_refused() {
	wipe "$pmem0"
	mkfs.ext4 -q -F "$pmem0"
	fails 1 fmapfs mkfs "$pmem0"
	has "$said" "holds ext4.*--force"
	same "$(blkid -p -s TYPE -o value "$pmem0")" ext4
	mount -t ext4 "$pmem0" "$mnt"
	fails 1 fmapfs mkfs --force "$pmem0"
	has "$said" "in use"
	umount "$mnt"
	fsck.ext4 -nf "$pmem0" >/dev/null 2>&1
	fmapfs mkfs --force "$pmem0"
	fails 2 blkid -p "$pmem0"
	fails 1 fmapfs mkfs "$pmem0"
	has "$said" "holds a famfs pool"
	fmapfs ls "$pmem0"
}

# One of 512 MiB, from 2 MiB on.
partition() {
	wipe "$1"
	printf '\0\0\0\0\203\0\0\0\0\020\0\0\0\0\020\0' |
		dd of="$1" bs=1 seek=446 conv=notrunc status=none
	printf '\125\252' | dd of="$1" bs=1 seek=510 conv=notrunc status=none
	blockdev --rereadpt "$1"
	until_true test -b "$1p1"
}

partitions_are_refused() {
	partition "$pmem0"
	fails 1 fmapfs mkfs "$pmem0"
	has "$said" "a partition table"
	mkfs.ext4 -q -F "${pmem0}p1"
	mount -t ext4 "${pmem0}p1" "$mnt"
	fails 1 fmapfs mkfs --force "$pmem0"
	has "$said" "in use"
	umount "$mnt"
	fails 1 fmapfs mkfs --force "$pmem0" "${pmem0}p1"
	has "$said" "same memory"
	# On one of them there can be a pool.
	fmapfs mkfs --force "${pmem0}p1"
	fmapfs ls "${pmem0}p1"
	fmapfs mkfs --force "$pmem0"
	until_true test ! -b "${pmem0}p1"
	fmapfs ls "$pmem0"
}

a_device_goes_in_once() {
	wipe "$pmem0"
	ln -s "$pmem0" "$tmp/link"
	fails 1 fmapfs mkfs --force "$pmem0" "$tmp/link"
	has "$said" "same memory"
	fails 1 fmapfs mkfs --force "$pmem0" "${pmem0##*/}"
	has "$said" "same memory"
}

what_fmapfs_uses_is_refused() {
	new_pool
	mount -t fmapfs "$pmem0" "$mnt"
	cp /etc/passwd "$mnt/file"
	fails 1 fmapfs mkfs --force "$pmem0"
	has "$said" "in use: mounted by fmapfs on $mnt"
	fails 1 fmapfs mkfs --force "$pmem1" "$pmem0"
	cmp /etc/passwd "$mnt/file"
	fmapfs umount "$mnt"
	fmapfs fsck "$pmem0"
	# A layout whose files lie elsewhere than superblock and log.
	cat >"$tmp/layout.yaml" <<-END
		devices: [ { path: $pmem0 } ]
		files:
		  - { path: /a, size: 2M, extents: [ { device: 0, offset: 64M, length: 2M } ] }
	END
	mount -t fmapfs "$tmp/layout.yaml" "$mnt"
	head -c 1 "$mnt/a" >/dev/null
	fails 1 fmapfs mkfs --force "$pmem0"
	has "$said" "in use: mounted by fmapfs on $mnt"
}

# none_or_whole: of pmem0 and pmem1.
none_or_whole() {
	local status=0

	until_true no_mounts
	said=$(fmapfs ls "$pmem0" 2>&1) || status=$?
	if [ "$status" = 0 ]; then
		fmapfs fsck "$pmem0" >/dev/null || [ $? = 1 ]
	else
		has "$said" "no pool"
	fi
}

killed_it_leaves_none_or_a_whole_one() {
	local i pid killed=0 ended=0

	new_pool "$pmem0" "$pmem1"
	for i in $(seq 30); do
		fmapfs mkfs --force --log-size 64M "$pmem0" "$pmem1" >/dev/null 2>&1 &
		pid=$!
		sleep "0.$(printf %03d $((RANDOM % 300 * ${TEST_SLOWER:-1} % 1000)))"
		kill -9 "$pid" 2>/dev/null || :
		if wait "$pid"; then ended=$((ended + 1)); else killed=$((killed + 1)); fi
		none_or_whole
	done
	say "$killed killed, $ended ended before"
	[ "$killed" -gt 0 ]
	fmapfs mkfs --force "$pmem0" "$pmem1"
	none_or_whole
	fmapfs ls "$pmem0"
}

mount_8_mounts() {
	new_pool
	mount -t fmapfs "$pmem0" "$mnt"
	mounted
	cp /etc/passwd "$mnt/file"
	mount -o remount,ro "$mnt"
	fails 1 touch "$mnt/file"
	has "$said" "Read-only"
	mount -o remount,rw "$mnt"
	mkdir "$mnt/dir"
	umount "$mnt"
	until_true no_daemon
	fmapfs mount -o poll=0.2,noexec "$pmem0" "$mnt"
	has "$(grep " $mnt " /proc/mounts)" noexec
	cmp /etc/passwd "$mnt/file"
	[ -d "$mnt/dir" ]
	fmapfs umount "$mnt"
	no_daemon
}

fstab_works() {
	new_pool
	echo "$pmem0 $mnt fmapfs poll=0.5,device=$pmem1,nofail,_netdev,x-test 0 0" >/etc/fstab
	echo "/dev/nowhere /mnt fmapfs nofail 0 0" >>/etc/fstab
	mount "$mnt"
	mounted
	umount "$mnt"
	until_true no_daemon
	mount -a
	mounted
	# What is mounted is not mounted again.
	mount -a
	same "$(grep -c " $mnt fmapfs" /proc/mounts)" 1
}

wrong_mounts_are_told() {
	wipe "$pmem0"
	fails 1 mount -t fmapfs -o frobnicate "$pmem0" "$mnt"
	has "$said" "frobnicate"
	fails 32 mount -t fmapfs "$pmem0" "$mnt"
	has "$said" "no pool"
	fails 32 mount -t fmapfs /dev/nowhere "$mnt"
	fails 1 fmapfs mount "$pmem0"
	no_daemon
	unmounted
	mount -f -t fmapfs "$pmem0" "$mnt"
	unmounted
}

add_makes_pools_larger() {
	local before after

	new_pool
	mount -t fmapfs "$pmem0" "$mnt"
	fails 1 fmapfs add "$pmem0" "$pmem1"
	has "$said" "mounted"
	before=$(stat -f -c %b "$mnt")
	fmapfs umount "$mnt"
	uuidgen >"$tmp/other" 2>/dev/null || cat /proc/sys/kernel/random/uuid >"$tmp/other"
	fails 1 fmapfs add --system-uuid "$tmp/other" "$pmem0" "$pmem1"
	has "$said" "master"
	mkfs.ext4 -q -F "$pmem1"
	fails 1 fmapfs add "$pmem0" "$pmem1"
	has "$said" ext4
	fmapfs add --force "$pmem0" "$pmem1"
	fails 1 fmapfs add --force "$pmem0" "$pmem1"
	mount -t fmapfs "$pmem0" "$mnt"
	after=$(stat -f -c %b "$mnt")
	[ "$after" -gt $((before + before / 2)) ]
	fmapfs create -s 4M --stripe 2 "$mnt/striped"
	fmapfs umount "$mnt"
	fmapfs fsck "$pmem0"
	fmapfs mkfs --force --version 47 "$pmem0"
	wipe "$pmem1"
	fails 1 fmapfs add "$pmem0" "$pmem1"
	has "$said" "version 47"
}

umount_waits_for_the_server() {
	local i

	new_pool
	for i in 1 2 3 4 5; do
		fmapfs mount "$pmem0" "$mnt"
		echo "$i" >"$mnt/$i"
		fmapfs umount "$mnt"
		# Who would find it in use now would be told so.
		fmapfs ls "$pmem0" >/dev/null
	done
	same "$(fmapfs ls "$pmem0" | grep -c '[1-5]$')" 5
	fails 1 fmapfs umount "$mnt"
	has "$said" "no fmapfs is mounted"
	fails 1 fmapfs umount /
}

status_tells_the_role() {
	new_pool
	has "$(fmapfs status)" "no fmapfs is mounted"
	mount -t fmapfs "$pmem0" "$mnt"
	cp /etc/passwd "$mnt/file"
	cat "$mnt/file" >/dev/null
	said=$(fmapfs status)
	has "$said" "^$mnt"
	has "$said" "the master"
	has "$said" "answers"
	has "$said" "0: ${pmem0##*/}, "
	said=$(fmapfs status --json)
	same "$(value role <<<"$said")" master
	same "$(value server <<<"$said")" alive
	same "$(value waiting <<<"$said")" 0
	has "$said" '"fmaps_cached":'
	fmapfs umount "$mnt"
	cat /proc/sys/kernel/random/uuid >"$tmp/other"
	mount -t fmapfs -o "system_uuid=$tmp/other" "$pmem0" "$mnt"
	same "$(fmapfs status --json "$mnt" | value role)" client
	fails 1 fmapfs status /
}

status_does_not_hang() {
	local pid

	new_pool
	mount -t fmapfs "$pmem0" "$mnt"
	pid=$(pidof fmapfsd)
	kill -STOP "$pid"
	said=$(timeout $((30 * ${TEST_SLOWER:-1})) fmapfs status)
	has "$said" "does not answer"
	has "$said" "source +$pmem0"
	kill -CONT "$pid"
	until_true alive
	kill -9 "$pid"
	until_true no_daemon
	same "$(fmapfs status --json | value server)" dead
	has "$(fmapfs status)" "is dead"
	fmapfs umount "$mnt"
	unmounted
}
alive() { [ "$(fmapfs status --json | value server)" = alive ]; }

pmem_needs_no_binding() {
	fails 1 fmapfs bind "$pmem0"
	has "$said" "needs no binding"
	fails 1 fmapfs unbind "$pmem0"
	fails 1 fmapfs bind /dev/null
	fails 1 fmapfs bind dax99.9
	if [ -z "$dax" ]; then
		say "no DAX device under fsdev_dax here"
	fi
}

dax_devices_change_their_driver() {
	same "$(driver "$dax")" fsdev_dax
	has "$(fmapfs bind "$dax")" "already"
	fmapfs unbind --to device_dax "${dax##*/}"
	same "$(driver "$dax")" device_dax
	has "$(fmapfs devices)" "fmapfs bind ${dax##*/}"
	fails 1 fmapfs mkfs "$dax"
	has "$said" "fmapfs bind"
	fmapfs bind "$dax"
	same "$(driver "$dax")" fsdev_dax
	# To what it was bound to before.
	fmapfs unbind "$dax"
	same "$(driver "$dax")" device_dax
	fmapfs unbind --to none "$dax"
	[ ! -e "/sys/bus/dax/devices/${dax##*/}/driver" ]
	same "$(fmapfs bind --json "$dax" | value driver)" fsdev_dax
	fmapfs unbind "$dax"
	[ ! -e "/sys/bus/dax/devices/${dax##*/}/driver" ]
	fmapfs bind "$dax"
	same "$(driver "$dax")" fsdev_dax
}

dax_devices_in_use_keep_their_driver() {
	fmapfs mkfs --force "$dax"
	fails 1 fmapfs mkfs "$dax"
	has "$said" "holds a famfs pool"
	mount -t fmapfs "$dax" "$mnt"
	fails 1 fmapfs unbind "$dax"
	has "$said" "in use"
	same "$(driver "$dax")" fsdev_dax
	cp /etc/passwd "$mnt/file"
	fmapfs umount "$mnt"
	fmapfs unbind --to device_dax "$dax"
	until_true test -c "$dax"
	exec 9<"$dax"
	fails 1 fmapfs bind "$dax"
	has "$said" "in use.*process"
	exec 9<&-
	same "$(driver "$dax")" device_dax
	fmapfs bind "$dax"
	mount -t fmapfs "${dax##*/}" "$mnt"
	cmp /etc/passwd "$mnt/file"
}

cases=(devices_are_told ext4_is_refused partitions_are_refused
	a_device_goes_in_once what_fmapfs_uses_is_refused
	killed_it_leaves_none_or_a_whole_one mount_8_mounts fstab_works
	wrong_mounts_are_told add_makes_pools_larger umount_waits_for_the_server
	status_tells_the_role status_does_not_hang pmem_needs_no_binding)
# Kernels before 7.0 have no fsdev_dax.
if [ -n "$dax" ]; then
	cases+=(dax_devices_change_their_driver dax_devices_in_use_keep_their_driver)
fi
run_cases "${cases[@]}"
