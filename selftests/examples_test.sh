#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# libfuse's own example servers, as the distribution's source package has them,
# on the in-tree fuse and on fmapfs: what they are there to show, and the same on
# both.
#
# 1. hello_ll: the file is there, can be read, not written.
# 2. passthrough_ll: libfuse's test_syscalls finds nothing wrong. passthrough_hp:
#    it finds the same (utime() is the server's EOPNOTSUPP on both).
# 3. memfs_ll (from libfuse 3.17 on): files and directories come and go.
# 4. notify_inval_inode, notify_store_retrieve: a file shows its new content
#    before what is cached times out; for the latter the server itself compares
#    what it retrieves.
# 5. notify_inval_entry: a name goes before its time-out, invalidated or expired.
# 6. poll: its client sees files become readable.
# 7. ioctl: its client sees and sets a size.
#
# PEER_ON in the environment: just on this ("fuse" or "fmapfs").
# shellcheck disable=SC2317 # cases are called by name
set -u

# shellcheck source=selftests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=selftests/peer/servers.sh
. "$dir/peer/servers.sh"

src=$tmp/src

# on_both FUNCTION: with both types; what it says must be the same.
on_both() {
	local type

	# What a function says goes to a file, what failed there, too.
	trap 'tail -n 30 "$tmp"/said.*' EXIT
	for type in ${PEER_ON:-fuse fmapfs}; do
		rm -rf "$src"
		mkdir "$src"
		"$1" "$type" >"$tmp/said.$type"
	done
	[ -n "${PEER_ON:-}" ] || diff "$tmp/said.fuse" "$tmp/said.fmapfs"
	trap - EXIT
	rm -f "$tmp"/said.*
}

hello() {
	serve "$1" hello_ll -f -s @
	ls -l --time-style=+ "$mnt"
	cat "$mnt/hello"
	same "$(cat "$mnt/hello")" "Hello World!"
	fails 1 dd if=/dev/null of="$mnt/hello" conv=notrunc
	has "$said" "Permission denied"
	fails 1 cat "$mnt/hello-not"
	has "$said" "No such file"
	getfattr -d -m - "$mnt/hello" 2>&1 || true
	setfattr -n user.a -v b "$mnt/hello" 2>&1 || true
	ended
}
hello_ll_says_hello() { on_both hello; }

ll() {
	serve "$1" passthrough_ll -f -o "cache=$cache" @
	"$libfuse/test_syscalls" "$mnt$src" ":$src" 2>&1
	ended
}
passthrough_ll_passes_test_syscalls() {
	for cache in auto never always; do
		on_both ll
	done
}

hp() {
	# shellcheck disable=SC2046 # none, or one word
	serve "$1" passthrough_hp --foreground --nocache $(not_past_it) "$src" @
	"$libfuse/test_syscalls" "$mnt" ":$src" -u 2>&1 || echo "status $?"
	ended
}
passthrough_hp_passes_the_same_of_test_syscalls() { on_both hp; }

# Where there is none in the source package, there is nothing to compare. It is
# not asked to truncate: it waits for a lock of its own then, for ever.
memory() {
	serve "$1" memfs_ll -f @
	mkdir "$mnt/d" "$mnt/d/e"
	seq 100000 >"$mnt/d/file"
	cksum <"$mnt/d/file"
	mv "$mnt/d/file" "$mnt/d/e/moved"
	ls -lR --time-style=+ "$mnt"
	echo more >>"$mnt/d/e/moved"
	cksum <"$mnt/d/e/moved"
	fails 1 rmdir "$mnt/d"
	rm -r "$mnt/d"
	ls "$mnt"
	ended
}
memfs_ll_has_files() {
	[ ! -e "$libfuse/memfs_ll" ] || on_both memory
}

changed() { [ "$(cat "$mnt"/*)" != "$before" ]; }
first_content() {
	serve "$1" "$2" -f --update-interval=1 @
	before=$(cat "$mnt"/*) && [ -n "$before" ]
}
# A server may store what the file has become while the kernel is looking it up, and
# gives up if the kernel does not know the file yet: then once more.
content_changes() { # content_changes TYPE SERVER
	until first_content "$@"; do
		grep 'notify_store() failed with No such file' "$tmp/server"
		clean_up
	done
	until_true changed
	before=$(cat "$mnt"/*)
	until_true changed
	ended
}
inval_inode() { content_changes "$1" notify_inval_inode; }
notify_inval_inode_shows_the_new_content() { on_both inval_inode; }
store() { content_changes "$1" notify_store_retrieve; }
notify_store_retrieve_agrees_with_the_cache() { on_both store; }

name_goes() { ! stat "$name" >/dev/null 2>&1; }
entry() {
	# shellcheck disable=SC2086 # none or one
	serve "$1" notify_inval_entry -f --update-interval=2 --timeout=86400 $only_expire @
	for _ in 1 2; do
		name=
		until_true name_is_there
		until_true name_goes
	done
	ended
}
name_is_there() {
	name=$(echo "$mnt"/*)
	stat "$name" >/dev/null 2>&1
}
notify_inval_entry_lets_a_name_go() {
	only_expire=
	on_both entry
}
# Expiring is offered from 6.2 on; the server does not start where it is not.
notify_inval_entry_lets_a_name_expire() {
	only_expire=--only-expire
	case $(uname -r) in
	6.1.*) say "6.1's fuse knows no expiring" ;;
	*) on_both entry ;;
	esac
}

poll_files() {
	serve "$1" poll -f @
	(cd "$mnt" && "$libfuse/poll_client") >"$tmp/polled"
	same "$(wc -l <"$tmp/polled")" 16
	fails 1 grep -v '[0-9A-F]:[0-9]' "$tmp/polled"
	cut -d: -f1 "$tmp/polled" | wc -l
	ended
}
poll_client_sees_files_become_ready() { on_both poll_files; }

ioctl_size() {
	serve "$1" ioctl -f @
	same "$("$libfuse/ioctl_client" "$mnt/fioc")" 0
	printf foobar >"$mnt/fioc"
	same "$("$libfuse/ioctl_client" "$mnt/fioc")" 6
	"$libfuse/ioctl_client" "$mnt/fioc" 3
	same "$(cat "$mnt/fioc")" foo
	fails 1 "$libfuse/ioctl_client" "$mnt"
	echo "${said//$mnt/}"
	ended
}
ioctl_client_sets_the_size() { on_both ioctl_size; }

run_cases \
	hello_ll_says_hello \
	passthrough_ll_passes_test_syscalls \
	passthrough_hp_passes_the_same_of_test_syscalls \
	memfs_ll_has_files \
	notify_inval_inode_shows_the_new_content \
	notify_store_retrieve_agrees_with_the_cache \
	notify_inval_entry_lets_a_name_go \
	notify_inval_entry_lets_a_name_expire \
	poll_client_sees_files_become_ready \
	ioctl_client_sets_the_size
