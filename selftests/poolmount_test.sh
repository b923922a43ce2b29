#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A pool as its users have it: made, mounted, filled by ordinary programs.
#
# 1. What goes in by cp, tar, dd, cat > and install is there after a new mount, with
#    its modes and owners, byte for byte, read and mapped.
# 2. A size allocates at once (truncate, fallocate), zeroed; df tells it exactly.
# 3. Stripes lie on both devices, by the mount's policy and by the file's own.
# 4. What the format cannot express is EOPNOTSUPP, and the log says why.
# 5. ENOSPC is exact, and leaves nothing half-made.
# 6. A client can write data, as the files' flags say, and no names.
# 7. mount -t fmapfs, fstab and umount(8) work; a mount that cannot be is an error,
#    not a hang.
# 8. A server that is killed leaves what was committed: by fsync, by a size, or by a
#    close that the next operation has seen done; nothing half-made.
# 9. A pool of 100,000 files is mounted, listed and read.
# shellcheck disable=SC2317 # cases are called by name
set -u

# shellcheck source=selftests/tap.sh
. "$(dirname "$0")/tap.sh"

mnt=$tmp/mnt
mkdir "$mnt"
mapdemo=$dir/../demo/mapdemo
pmem() { awk -v n="$1" '$1 == "pmem" && n-- == 0 { print $2 }' /run/fmapfs/dax; }
pmem0=$(pmem 0)
pmem1=$(pmem 1)
uuid_file=$tmp/system_uuid
daemon=

mounted() { grep -q " $mnt fmapfs" /proc/mounts; }
no_daemon() { [ -z "$(pidof fmapfsd)" ]; }

clean_up() {
	local pid

	umount -l "$mnt" 2>/dev/null
	for pid in $(pidof fmapfsd mapdemo); do
		kill -9 "$pid"
	done
	until_true no_daemon
	daemon=
}

# make [OPTION...]: a pool on both devices, whatever they hold.
make() {
	fmapfs mkfs --force --system-uuid "$uuid_file" "$@" "$pmem0" "$pmem1" >"$tmp/mkfs"
}

# serve [OPTION...]: in the foreground, beside the test; what it says is in $tmp/log.
serve() {
	fmapfsd -f --layout=famfs --system-uuid="$uuid_file" "$@" "$pmem0" "$mnt" \
		>"$tmp/log" 2>&1 &
	daemon=$!
	until_true mounted || { cat "$tmp/log"; return 1; }
	ls "$mnt" >/dev/null
}

# ended [SIGNAL]: the daemon ends, with status 0.
ended() {
	local status=0

	[ $# = 0 ] || kill "-$1" "$daemon"
	wait "$daemon" || status=$?
	[ "$status" = 0 ] || { say "status $status: $(cat "$tmp/log")"; return 1; }
	mounted && say "still mounted" && return 1
	return 0
}

again() { ended TERM; serve; }

free_bytes() { stat -f -c '%a %S' "$mnt" | awk '{ printf "%.0f", $1 * $2 }'; }
sha() { sha256sum | cut -d' ' -f1; }
by_mmap() { "$mapdemo" get "$1" | sha; }

# tree DIR: names, kinds, modes, owners, sizes and contents of all below it. Not the
# modes of directories: cp makes them 0700, and changes that when they are full, which
# the log has no word for.
tree() {
	(cd "$1" && find . ! -path ./.meta ! -path './.meta/*' ! -path . -printf '%p %y %m %U %G ' \
		\( -type f -printf '%s ' -exec sh -c 'sha256sum <"$1"' - {} \; -o -printf '\n' \) |
		sed 's/^\([^ ]*\) d [0-7]*/\1 d/' | sort)
}

# A tree of ordinary files to be copied.
make_source() {
	rm -rf "$tmp/source"
	mkdir -p "$tmp/source/a/b/c" "$tmp/source/empty"
	head -c 5000001 /dev/urandom >"$tmp/source/a/odd"
	head -c 4096 /dev/urandom >"$tmp/source/a/b/page"
	head -c 1 /dev/urandom >"$tmp/source/a/b/c/byte"
	head -c 12582912 /dev/urandom >"$tmp/source/large"
	cp "$(command -v busybox)" "$tmp/source/program"
	chmod 640 "$tmp/source/a/odd"
	chmod 751 "$tmp/source/a/b"
	chown 12:34 "$tmp/source/a/b/page"
}

what_goes_in_is_there() {
	make
	serve
	make_source
	cp -r --preserve=mode,ownership "$tmp/source" "$mnt/cp"
	mkdir "$mnt/tar" "$mnt/ours"
	tar -C "$tmp/source" -cf - . | tar -C "$mnt/tar" -xf -
	fmapfs cp -r "$tmp/source/." "$mnt/ours"
	cat "$tmp/source/large" >"$mnt/cat"
	dd if="$tmp/source/large" of="$mnt/dd" bs=1000001 status=none
	(umask 077; cp "$tmp/source/program" "$mnt/busybox")
	{ cat "$tmp/source/a/odd"; cat "$tmp/source/a/b/page"; } >"$mnt/two"
	cat "$tmp/source/a/odd" >"$mnt/appended"
	"$mnt/busybox" true
	sync -f "$mnt"
	again
	same "$(tree "$mnt/cp" | sed 's,^,x,')" "$(tree "$tmp/source" | sed 's,^,x,')"
	same "$(by_mmap "$mnt/cat")" "$(sha <"$tmp/source/large")"
	same "$(by_mmap "$mnt/dd")" "$(sha <"$tmp/source/large")"
	same "$(sha <"$mnt/two")" "$(cat "$tmp/source/a/odd" "$tmp/source/a/b/page" | sha)"
	same "$(sha <"$mnt/tar/a/odd")" "$(sha <"$tmp/source/a/odd")"
	same "$(sha <"$mnt/ours/a/odd")" "$(sha <"$tmp/source/a/odd")"
	same "$(stat -c %a "$mnt/busybox")" 700
	"$mnt/busybox" true
	ended TERM
	fmapfs fsck "$pmem0"
}

a_size_allocates_at_once() {
	local before

	make
	serve
	before=$(free_bytes)
	truncate -s 100M "$mnt/sized"
	same $((before - $(free_bytes))) $((100 << 20))
	fallocate -l 3M "$mnt/allocated"
	same $((before - $(free_bytes))) $((104 << 20))
	same "$(by_mmap "$mnt/sized")" "$(head -c 100M /dev/zero | sha)"
	head -c 100M /dev/urandom >"$tmp/random"
	"$mapdemo" put "$mnt/sized" <"$tmp/random"
	cmp "$mnt/sized" "$tmp/random"
	again
	cmp "$mnt/sized" "$tmp/random"
	same "$(stat -c %s "$mnt/allocated")" $((3 << 20))
	same $((before - $(free_bytes))) $((104 << 20))
	ended TERM
}

# By the handle that made it, then by another, then after a mount, then truncated to
# what it has.
who_makes_a_file_maps_it() {
	local i

	make
	serve
	head -c 6M /dev/urandom >"$tmp/random"
	for i in 1 2 3; do
		"$mapdemo" new "$mnt/made$i" $((6 << 20)) <"$tmp/random"
		cmp "$mnt/made$i" "$tmp/random"
		same "$(by_mmap "$mnt/made$i")" "$(sha <"$tmp/random")"
	done
	truncate -s 6M "$mnt/made1"
	again
	for i in 1 2 3; do
		cmp "$mnt/made$i" "$tmp/random"
	done
	ended TERM
	fmapfs fsck "$pmem0"
}

devices_of() { fmapfs fmap --json "$1" | grep -o '"device": *[0-9]*' | sort -u | wc -l; }

stripes_lie_on_both_devices() {
	make
	serve --strips=2 --chunk=2M
	truncate -s 24M "$mnt/policy"
	same "$(devices_of "$mnt/policy")" 2
	same "$(filefrag -v -b4096 "$mnt/policy" | grep -c '^ *[0-9]*:')" 12
	ended TERM
	serve
	fmapfs create -s 24M --stripe 2 "$mnt/own"
	same "$(devices_of "$mnt/own")" 2
	truncate -s 24M "$mnt/plain"
	same "$(devices_of "$mnt/plain")" 1
	head -c 24M /dev/urandom >"$tmp/random"
	"$mapdemo" put "$mnt/own" <"$tmp/random"
	again
	cmp "$mnt/own" "$tmp/random"
	ended TERM
}

what_cannot_be_is_refused() {
	make
	serve
	truncate -s 4M "$mnt/file"
	mkdir "$mnt/dir"
	fails 1 rm "$mnt/file"
	has "$said" 'Operation not supported'
	fails 1 rmdir "$mnt/dir"
	has "$said" 'Operation not supported'
	fails 1 mv "$mnt/file" "$mnt/other"
	has "$said" 'Operation not supported'
	fails 1 ln "$mnt/file" "$mnt/other"
	has "$said" 'Operation not supported'
	fails 1 ln -s file "$mnt/other"
	has "$said" 'Operation not supported'
	fails 1 truncate -s 8M "$mnt/file"
	has "$said" 'Operation not supported'
	fails 1 truncate -s 1M "$mnt/file"
	has "$said" 'Operation not supported'
	fails 1 mkdir "$mnt/$(printf '%080d' 0)"
	has "$said" 'File name too long'
	truncate -s 4M "$mnt/file"
	has "$(cat "$tmp/log")" 'cannot'
	again
	same "$(tree "$mnt" | cut -d' ' -f1 | tr '\n' ' ')" "./dir ./file "
	ended TERM
}

no_space_is_exact() {
	local free

	make
	serve
	free=$(free_bytes)
	fails 1 truncate -s $((free + 1)) "$mnt/more"
	has "$said" 'No space left'
	truncate -s $((free - (2 << 20))) "$mnt/all"
	same "$(free_bytes)" $((2 << 20))
	fails 1 dd if=/dev/zero of="$mnt/over" bs=3M count=1 status=none
	has "$said" 'No space left'
	dd if=/dev/urandom of="$mnt/last" bs=2M count=1 status=none
	sync "$mnt/last"
	same "$(free_bytes)" 0
	fails 1 sh -c "echo x >$mnt/none"
	again
	same "$(tree "$mnt" | cut -d' ' -f1 | tr '\n' ' ')" "./all ./last "
	ended TERM
	fmapfs fsck "$pmem0"
}

client() { uuidgen >"$tmp/client_uuid" 2>/dev/null || cat /proc/sys/kernel/random/uuid >"$tmp/client_uuid"; }

clients_write_data_and_no_names() {
	local who

	make
	client
	serve
	mkdir "$mnt/dir"
	truncate -s 4M "$mnt/dir/all"
	ended TERM
	serve --writers=master
	truncate -s 4M "$mnt/dir/masters"
	ended TERM
	serve --writers=none
	truncate -s 4M "$mnt/dir/nobodys"
	fails 1 dd if=/dev/zero of="$mnt/dir/nobodys" bs=1 count=1 conv=notrunc status=none
	ended TERM
	for who in "--system-uuid=$tmp/client_uuid" --client; do
		serve "$who"
		fails 1 mkdir "$mnt/new"
		has "$said" 'Read-only file system'
		fails 1 touch "$mnt/new"
		has "$said" 'Read-only file system'
		echo data | dd of="$mnt/dir/all" conv=notrunc status=none
		fails 1 dd if=/dev/zero of="$mnt/dir/masters" bs=1 count=1 conv=notrunc status=none
		fails 1 dd if=/dev/zero of="$mnt/dir/nobodys" bs=1 count=1 conv=notrunc status=none
		same "$(head -c 4 "$mnt/dir/all")" data
		same "$(stat -c %a "$mnt/.meta/.log")" 444
		ended TERM
	done
	serve
	same "$(stat -c %a "$mnt/.meta/.log")" 644
	same "$(stat -c '%a %s' "$mnt/.meta/.superblock")" "444 $((2 << 20))"
	ended TERM
}

mount_and_fstab_work() {
	make
	mount -t fmapfs -o "system_uuid=$uuid_file" "$pmem0" "$mnt"
	mounted
	mkdir "$mnt/dir"
	has "$(fmapfs status)" "$mnt"
	umount "$mnt"
	until_true no_daemon
	echo "$pmem0 $mnt fmapfs system_uuid=$uuid_file,nofail,strips=2 0 0" >"$tmp/fstab"
	mount -T "$tmp/fstab" "$mnt"
	[ -d "$mnt/dir" ]
	fmapfs umount "$mnt"
	until_true no_daemon
	fails 32 mount -t fmapfs "$pmem1" "$mnt"
	fails 32 mount -t fmapfs -o "system_uuid=$uuid_file" /dev/null "$mnt"
	fmapfs mount -o "system_uuid=$uuid_file" "$pmem0" "$mnt"
	fails 1 fmapfs mkfs --force --system-uuid "$uuid_file" "$pmem0"
	umount "$mnt"
	until_true no_daemon
}

a_killed_server_leaves_what_was_committed() {
	local i

	make
	serve
	truncate -s 4M "$mnt/sized"
	for i in 1 2 3; do
		head -c 3000000 /dev/urandom >"$tmp/synced$i"
		dd if="$tmp/synced$i" of="$mnt/synced$i" bs=1M conv=fsync status=none
	done
	# Being written when the server goes.
	{ head -c 100000 /dev/urandom; sleep 1000; } >"$mnt/half" &
	until_true [ -e "$mnt/half" ]
	kill -9 "$daemon"
	wait "$daemon" || true
	kill %2 2>/dev/null || kill $! || true
	umount -l "$mnt"
	fmapfs fsck "$pmem0"
	serve
	for i in 1 2 3; do
		cmp "$mnt/synced$i" "$tmp/synced$i"
	done
	same "$(tree "$mnt" | cut -d' ' -f1 | tr '\n' ' ')" \
		"./sized ./synced1 ./synced2 ./synced3 "
	ended TERM
}

a_hundred_thousand_files() {
	make --unit 4K --log-size 64M
	"$dir/pool_fill" "$pmem0" "$pmem1" 100000
	serve
	same "$(find "$mnt" -name 'f*' -type f | wc -l)" 100000
	same "$(stat -c %s "$mnt/d0042/f042999" 2>/dev/null || find "$mnt" -name f042999 -printf %s)" 4096
	same "$(find "$mnt" -name f099999 -exec cat {} \; | tr -d '\0' | wc -c)" 0
	truncate -s 4096 "$mnt/one-more"
	ended TERM
	fmapfs fsck "$pmem0"
}

modprobe fmapfs
run_cases what_goes_in_is_there \
	a_size_allocates_at_once \
	who_makes_a_file_maps_it \
	stripes_lie_on_both_devices \
	what_cannot_be_is_refused \
	no_space_is_exact \
	clients_write_data_and_no_names \
	mount_and_fstab_work \
	a_killed_server_leaves_what_was_committed \
	a_hundred_thousand_files
