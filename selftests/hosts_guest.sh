#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# hosts_guest.sh NAME LIFE HOSTS: what one of several hosts does that share a pool
# (vm/hosts). A is the master, and has two lives; HOSTS is how many there are in all.
#
# 1. A makes a pool of all devices and mounts it; the others mount it as clients.
# 2. What A makes, the others see by themselves, also what they have looked for in
#    vain before: directories, files with a size, files that were copied, striped ones;
#    byte for byte, read and mapped.
# 3. What a client writes into a file, A reads.
# 4. A dies while it makes files (QEMU is killed). The others go on reading and writing.
# 5. A comes back: it has all that was synced, nothing half-made; what it makes then,
#    the others see, with no new mount.
set -eu

me=$1
life=$2
hosts=$3
share=/mnt/share
mnt=/mnt/pool
mapdemo=/usr/lib/fmapfs/demo/mapdemo
uuid_file=/tmp/system_uuid

say() { printf '# %s\n' "$*"; }

tell() { echo "${2:-}" >"$share/.$1" && mv "$share/.$1" "$share/$1"; }

# The runner ends what waits for ever.
wait_for() {
	while [ ! -e "$share/$1" ]; do
		[ ! -e "$share/failed" ] || exit 1
		sleep 0.2
	done
}

wait_all() { # wait_all WHAT: by all other hosts
	local n name

	for n in $(seq 1 $((hosts - 1))); do
		name=$(printf '\\x%x' $((65 + n)))
		wait_for "$1-$(printf '%b' "$name")"
	done
}

# seen FILE: nothing but looking makes it appear.
seen() {
	until [ -e "$mnt/$1" ]; do
		[ ! -e "$share/failed" ] || exit 1
		sleep 0.2
	done
}

sha() { sha256sum | cut -d' ' -f1; }

mount_pool() {
	modprobe fmapfs
	mkdir -p "$mnt"
	fmapfs mount -o "system_uuid=$uuid_file,poll=0.5" "$FMAPFS_DAX0" "$mnt"
}

# right FILE: it is what A has put there, by read(2) and by a mapping.
right() {
	local want

	want=$(cat "$share/sum.$(basename "$1")")
	[ "$(sha <"$mnt/$1")" = "$want" ] || { say "$me: $1 is wrong when read"; exit 1; }
	[ "$("$mapdemo" get "$mnt/$1" | sha)" = "$want" ] ||
		{ say "$me: $1 is wrong when mapped"; exit 1; }
}

make_sum() { # make_sum NAME BYTES: a file of random bytes in /tmp
	head -c "$2" /dev/urandom >"/tmp/$1"
	sha <"/tmp/$1" >"$share/sum.$1"
}

first_life() {
	local devices=() i name

	for i in $(seq 0 15); do
		name=FMAPFS_DAX$i
		[ -z "${!name:-}" ] || devices+=("${!name}")
	done
	modprobe fmapfs
	fmapfs mkfs --system-uuid "$uuid_file" "${devices[@]}"
	cp "$uuid_file" "$share/uuid"
	mount_pool
	say "A: Linux $(uname -r), devices: ${#devices[@]}"
	tell made
	wait_all looked
	mkdir -p "$mnt/dir/deep"
	make_sum copied 5000001
	cp /tmp/copied "$mnt/dir/copied"
	make_sum striped 25165824
	fmapfs create -s 25165824 --stripe "${#devices[@]}" "$mnt/dir/deep/striped"
	"$mapdemo" put "$mnt/dir/deep/striped" </tmp/striped
	fmapfs flush "$mnt/dir/deep/striped"
	truncate -s 4M "$mnt/board"
	sync -f "$mnt"
	tell written
	wait_all answered
	for i in $(seq 1 $((hosts - 1))); do
		fmapfs flush --invalidate "$mnt/board"
		dd if="$mnt/board" bs=4096 skip="$i" count=1 status=none | grep -q "host $i"
	done
	say "A: has read what the others have written"
	# Makes files until the machine is killed.
	tell kill-me
	for i in $(seq 1 100000); do
		make_sum "many$i" 65536
		cp "/tmp/many$i" "$mnt/dir/many$i"
		sync "$mnt/dir/many$i"
		rm "/tmp/many$i"
		tell "done.many$i"
	done
}

second_life() {
	local i=1 name

	cp "$share/uuid" "$uuid_file"
	fmapfs_fsck
	mount_pool
	say "A: is back, and finds $(find "$mnt/dir" -name 'many*' | wc -l) of the files it was making"
	while [ -e "$share/done.many$i" ]; do
		right "dir/many$i"
		i=$((i + 1))
	done
	say "A: all $((i - 1)) that were synced are there"
	for name in "$mnt"/dir/many*; do
		[ "$(stat -c %s "$name")" = 65536 ] || { say "$name is half-made"; exit 1; }
	done
	right dir/copied
	right dir/deep/striped
	make_sum later 3000000
	mkdir "$mnt/second"
	cp /tmp/later "$mnt/second/later"
	sync "$mnt/second/later"
	tell back
	wait_all over
	umount "$mnt"
}

fmapfs_fsck() {
	modprobe fmapfs
	fmapfs fsck "$FMAPFS_DAX0" || [ $? -le 1 ]
}

client() {
	local n

	n=$(($(printf '%d' "'$me") - 65))
	wait_for made
	cat /proc/sys/kernel/random/uuid >"$uuid_file"
	mount_pool
	say "$me: Linux $(uname -r)"
	# They are not there yet, and the kernel may remember that.
	[ ! -e "$mnt/dir" ]
	[ ! -e "$mnt/second" ]
	if mkdir "$mnt/mine" 2>/dev/null; then
		say "a client has made a directory"
		exit 1
	fi
	tell "looked-$me"
	wait_for written
	seen dir/deep/striped
	seen board
	right dir/copied
	right dir/deep/striped
	say "$me: has seen what A made, and it is right"
	printf 'Greetings from host %d\n' "$n" |
		dd of="$mnt/board" bs=4096 seek="$n" conv=notrunc,fsync status=none
	fmapfs flush "$mnt/board"
	tell "answered-$me"
	wait_for dead
	right dir/copied
	right dir/deep/striped
	[ -e "$mnt/dir/many1" ] && right dir/many1
	ls -R "$mnt" >/dev/null
	echo "still here" | dd of="$mnt/board" bs=4096 seek="$n" conv=notrunc,fsync status=none
	say "$me: A is dead, and all goes on"
	tell "outlived-$me"
	wait_for back
	seen second/later
	right second/later
	right dir/copied
	say "$me: A is back, and what it makes is seen"
	tell "over-$me"
	umount "$mnt"
}

trap '[ $? = 0 ] || tell failed "host $me, life $life"' EXIT
case $me$life in
A1) first_life ;;
A2) second_life ;;
*) client ;;
esac
