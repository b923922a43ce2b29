#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fmapfs-run: programs that know nothing of fmapfs, on fmapfs.
#
# 1. A server for stock libfuse is mounted by it as type fmapfs.fuse, nosuid and
#    nodev unless it asks otherwise, and not offered fmaps; it works and ends as
#    on /dev/fuse.
# 2. Every way of opening /dev/fuse and of mounting it is led to fmapfs; others
#    are left alone.
# 3. --fd: the same for a static server, in the foreground and in the background;
#    nothing is left when it ends, or is killed.
# 4. --fmap: a server that knows of fmaps by itself gets them.
# 5. What cannot be is said, with the exit codes of env(1): a program that nothing
#    can be preloaded into, --fd of what the program is not told.
# shellcheck disable=SC2317 # cases are called by name
set -u

# shellcheck source=selftests/tap.sh
. "$(dirname "$0")/tap.sh"

mnt=$tmp/mnt
mkdir "$mnt"
run=$dir/../run
pmem0=$(awk '$1 == "pmem" { print $2; exit }' /run/fmapfs/dax)
server=

clean_up() {
	local pid

	umount -l "$mnt" 2>/dev/null
	for pid in $(pidof hello hello-static native fmapfs-run); do
		kill -9 "$pid"
	done
	until_true no_server
}

no_server() { [ -z "$(pidof hello hello-static native fmapfs-run)" ]; }
mount_line() { grep " $mnt " /proc/mounts; }
mounted() { grep -q " $mnt fmapfs" /proc/mounts; }
unmounted() { ! mounted; }
type_of() { mount_line | cut -d' ' -f3; }
options_of() { mount_line | cut -d' ' -f4 | tr , '\n'; }

# serve COMMAND...: in the foreground, beside the test; its pid is $server.
serve() {
	"$@" &
	server=$!
	until_true mounted
}

ended() { # ended STATUS
	local status=0

	wait "$server" || status=$?
	same "$status" "$1"
	unmounted
}

server_is_mounted_and_works() {
	serve fmapfs-run "$run/hello" -f "$mnt"
	# The subtype is what libfuse makes of the program's name.
	same "$(type_of)" fmapfs.fuse.hello
	has "$(options_of)" '^nosuid$'
	has "$(options_of)" '^nodev$'
	has "$(options_of)" '^nofmap$'
	same "$(cat "$mnt/hello")" "hello, world"
	fails 1 cat "$mnt/other"
	# It is the server itself that was started, nothing beside it.
	same "$(cat "/proc/$server/comm")" hello
	kill "$server"
	ended 7
	serve fmapfs-run "$run/hello" -f "$mnt"
	same "$(cat "$mnt/hello")" "hello, world"
	umount "$mnt"
	ended 7
}

its_own_options_count() {
	serve fmapfs-run -- "$run/hello" -f -o subtype=x,fsname=y,suid,dev,ro,allow_other "$mnt"
	same "$(type_of)" fmapfs.fuse.x
	same "$(mount_line | cut -d' ' -f1)" y
	fails 1 grep -E '^(nosuid|nodev)$' <(options_of)
	has "$(options_of)" '^ro$'
	has "$(options_of)" '^allow_other$'
	kill "$server"
	ended 7
}

server_may_go_into_the_background() {
	fmapfs-run "$run/hello" "$mnt"
	same "$(cat "$mnt/hello")" "hello, world"
	umount "$mnt"
	until_true no_server
}

all_ways_lead_to_fmapfs() {
	local way

	fmapfs-run "$run/ways" "$mnt" >"$tmp/ways"
	for way in open open64 openat openat64 __open_2 __open64_2 __openat_2 \
		__openat64_2; do
		has "$(cat "$tmp/ways")" "^$way /dev/fmapfs$"
	done
	has "$(cat "$tmp/ways")" '^other /dev/null$'
	has "$(cat "$tmp/ways")" '^modes 640 604$'
	same "$(grep -E '^(mount|fsopen)' "$tmp/ways" | tr '\n' ,)" \
		"mount fmapfs.fuse nofmap,mount fmapfs.fuse.x nofmap,mount fmapfs.fuseblk nofmap,mount tmpfs: Invalid argument,fsopen fmapfs.fuse nofmap,fsopen fmapfs.fuse.x nofmap,fsopen fmapfs.fuse nofmap,"
}

with_fmap_they_are_offered() {
	fmapfs-run --fmap "$run/ways" "$mnt" >"$tmp/ways"
	fails 1 grep nofmap "$tmp/ways"
	same "$(grep -c 'fmapfs.fuse' "$tmp/ways")" 6
}

fd_is_served() { # fd_is_served PROGRAM
	serve fmapfs-run --fd="$mnt" "$1" -f "$mnt"
	same "$(type_of)" fmapfs.fuse
	has "$(options_of)" '^nosuid$'
	has "$(options_of)" '^nodev$'
	has "$(options_of)" '^nofmap$'
	same "$(cat "$mnt/hello")" "hello, world"
	kill "$server"
	ended 7
	serve fmapfs-run --fd="$mnt" -o suid,subtype=x,noexec,allow_other -o dev,nosymfollow "$1" -f "$mnt"
	same "$(type_of)" fmapfs.fuse.x
	fails 1 grep -E '^(nosuid|nodev)$' <(options_of)
	has "$(options_of)" '^noexec$'
	has "$(options_of)" '^nosymfollow$'
	has "$(options_of)" '^allow_other$'
	umount "$mnt"
	ended 7
}

mount_point_may_be_an_fd() {
	fd_is_served "$run/hello"
	fd_is_served "$run/hello-static"
}

killed_server_leaves_no_mount() {
	serve fmapfs-run --fd="$mnt" "$run/hello-static" -f "$mnt"
	same "$(cat "$mnt/hello")" "hello, world"
	kill -9 "$(pidof hello-static)"
	ended 137
}

server_in_the_background_keeps_its_fd() {
	fmapfs-run --fd="$mnt" "$run/hello-static" "$mnt"
	same "$(cat "$mnt/hello")" "hello, world"
	umount "$mnt"
	until_true no_server
}

server_may_know_of_fmaps_by_itself() {
	head -c 1048576 /dev/urandom >"$tmp/random"
	dd if="$tmp/random" of="$pmem0" bs=1M seek=8 conv=notrunc,fsync \
		oflag=direct status=none
	serve fmapfs-run --fmap "$run/native" "$pmem0" $((8 << 20)) "$mnt"
	same "$(type_of)" fmapfs.fuse.native
	cmp "$tmp/random" "$mnt/memory"
	umount "$mnt"
	ended 0
	# Without, it is offered none.
	fails 8 fmapfs-run "$run/native" "$pmem0" $((8 << 20)) "$mnt"
	umount "$mnt"
}

what_cannot_be_is_said() {
	fails 125 fmapfs-run "$run/hello-static" -f "$mnt"
	has "$said" "statically linked; use --fd"
	# In all but its class the one that is run.
	(head -c 4 "$run/hello"; printf '\001'; tail -c +6 "$run/hello") >"$tmp/hello-32"
	chmod 755 "$tmp/hello-32"
	fails 125 fmapfs-run "$tmp/hello-32" -f "$mnt"
	has "$said" "32-bit program; use --fd"
	fails 127 fmapfs-run no-such-command
	fails 127 fmapfs-run --fd="$mnt" no-such-command "$mnt"
	unmounted
	fails 125 fmapfs-run --fd="$mnt" "$run/hello-static" -f "$mnt/"
	has "$said" "no argument of the command"
	unmounted
	echo nothing >"$tmp/file"
	fails 126 fmapfs-run "$tmp/file"
	fails 125 fmapfs-run --fd="$tmp/none" "$run/hello" "$tmp/none"
	has "$said" "No such file"
	fails 125 fmapfs-run -o ro "$run/hello" "$mnt"
	fails 125 fmapfs-run
	fails 125 fmapfs-run --no-such-option "$run/hello"
	chmod 755 "$tmp"
	fails 125 setpriv --reuid=65534 --clear-groups fmapfs-run "$run/hello" "$mnt"
	has "$said" "needs root"
	rmmod fmapfs
	fails 125 fmapfs-run "$run/hello" -f "$mnt"
	has "$said" "modprobe fmapfs"
	modprobe fmapfs
	fails 9 fmapfs-run sh -c 'exit 9'
	has "$(fmapfs-run --help)" "Exit codes"
	has "$(fmapfs-run --version)" "^fmapfs-run [0-9.]+$"
}

run_cases \
	server_is_mounted_and_works \
	its_own_options_count \
	server_may_go_into_the_background \
	all_ways_lead_to_fmapfs \
	with_fmap_they_are_offered \
	mount_point_may_be_an_fd \
	killed_server_leaves_no_mount \
	server_in_the_background_keeps_its_fd \
	server_may_know_of_fmaps_by_itself \
	what_cannot_be_is_said
