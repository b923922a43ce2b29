#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A pool in an image file, served by fmapfsd through the kernel's own fuse, with real
# programs on it. Needs no memory that is special, and no module.
#
# 1. cp, tar, dd, cat >, truncate, fallocate, mkdir -p make files; another server, a
#    client, shows the same, as they appear.
# 2. rm, mv, ln and so on are refused, and the log says why.
# 3. A full pool is an error at close at the latest, and leaves nothing behind.
# 4. What was closed is there after SIGTERM, at once, and after kill -9; what was open
#    is not.
# 5. --check tells what is in it, and what is wrong with it.
# shellcheck disable=SC2317 # cases are called by name
set -u

# shellcheck source=selftests/tap.sh
. "$(dirname "$0")/tap.sh"

mnt=$tmp/mnt
mnt2=$tmp/mnt2
image=$tmp/pool
mkdir "$mnt" "$mnt2"

# What a case has started.
clean_up() {
	local pid

	umount -l "$mnt" "$mnt2" 2>/dev/null
	for pid in "$tmp"/pid*; do
		kill -9 "${pid##*/pid}" 2>/dev/null
	done
	rm -f "$tmp"/pid* "$image"
}

new_pool() { # new_pool [SIZE [OPTION...]]
	rm -f "$image"
	truncate -s "${1:-1G}" "$image"
	fmapfs mkfs --image --system-uuid="$tmp/uuid" "${@:2}" "$image" \
		>/dev/null 2>&1
}

mounted() { grep -q " $1 fuse" /proc/mounts; }

# serve DIR [OPTION...]: its pid is $daemon, its log $tmp/log of that directory.
serve() {
	fmapfsd -f --plain-fuse --layout=famfs --system-uuid="$tmp/uuid" \
		--poll=0.1 "${@:2}" "$image" "$1" >"$1.log" 2>&1 &
	daemon=$!
	: >"$tmp/pid$daemon"
	until_true mounted "$1"
	ls "$1" >/dev/null
}

# ended [SIGNAL]: the daemon ends, with status 0.
ended() {
	local status=0

	[ $# = 0 ] || kill "-$1" "$daemon"
	wait "$daemon" || status=$?
	rm -f "$tmp/pid$daemon"
	[ "$status" = 0 ] || { say "status $status: $(cat "$mnt.log")"; return 1; }
}

# In the log, and not only known to the server: node ids of before are large.
logged() { [ "$(stat -c %i "$1")" -lt $((1 << 62)) ]; }

make_tree() {
	rm -rf "$tmp/tree"
	mkdir -p "$tmp/tree/a/b" "$tmp/tree/c"
	head -c 5000000 /dev/urandom >"$tmp/tree/a/large"
	head -c 4097 /dev/urandom >"$tmp/tree/a/b/odd"
	echo hello >"$tmp/tree/c/text"
	chmod 751 "$tmp/tree/c/text"
	touch -d 2001-02-03 "$tmp/tree/c/text"
}

programs_make_files() {
	make_tree
	new_pool
	serve "$mnt"
	cp -rp "$tmp/tree" "$mnt/cp"
	diff -r "$tmp/tree" "$mnt/cp"
	same "$(stat -c '%a %y' "$mnt/cp/c/text" | cut -c-14)" "751 2001-02-03"
	mkdir "$mnt/tar"
	tar -C "$tmp/tree" -c . | tar -C "$mnt/tar" -x
	diff -r "$tmp/tree" "$mnt/tar"
	mkdir -p "$mnt/x/y/z"
	dd if="$tmp/tree/a/large" of="$mnt/x/dd" bs=64K conv=fsync status=none
	cmp "$tmp/tree/a/large" "$mnt/x/dd"
	cat <"$tmp/tree/a/large" >"$mnt/x/y/cat"
	cmp "$tmp/tree/a/large" "$mnt/x/y/cat"
	(echo one; /bin/echo two; cat "$tmp/tree/c/text") >"$mnt/x/three"
	same "$(tr '\n' ' ' <"$mnt/x/three")" "one two hello "
	ended TERM
	serve "$mnt"
	diff -r "$tmp/tree" "$mnt/cp"
	cmp "$tmp/tree/a/large" "$mnt/x/dd"
	ended TERM
}

files_get_memory_with_their_size() {
	new_pool
	serve "$mnt"
	truncate -s 3M "$mnt/t"
	fallocate -l 5000000 "$mnt/f"
	same "$(stat -c %s "$mnt/t") $(stat -c %s "$mnt/f")" "3145728 5000000"
	cmp -n 3145728 "$mnt/t" /dev/zero
	# 1 GiB without 10 MiB, 4 MiB and 6 MiB.
	same "$(df --output=avail -B1M "$mnt" | tail -n 1 | tr -d ' ')" 1004
	printf abc | dd of="$mnt/t" bs=1 seek=7 conv=notrunc status=none
	ended TERM
	serve "$mnt"
	same "$(dd if="$mnt/t" bs=1 skip=7 count=3 status=none)" abc
	ended TERM
}

listed() { [ "$(find "$1" -name "$2" | wc -l)" = 1 ]; }

clients_see_new_files() {
	local master

	new_pool
	serve "$mnt"
	master=$daemon
	serve "$mnt2" --client
	fails 1 cat "$mnt2/f"
	ls "$mnt2" >/dev/null
	echo hello >"$mnt/f"
	mkdir -p "$mnt/d/e"
	echo deep >"$mnt/d/e/g"
	until_true cmp -s "$mnt/f" "$mnt2/f"
	until_true listed "$mnt2" g
	same "$(cat "$mnt2/d/e/g")" deep
	fails 1 mkdir "$mnt2/no"
	has "$said" "Read-only"
	fails 1 touch "$mnt2/no"
	has "$said" "Read-only"
	# Data are another matter.
	printf J | dd of="$mnt2/f" conv=notrunc status=none
	until_true grep -q Jello "$mnt/f"
	ended TERM
	daemon=$master
	ended TERM
}

what_is_there_stays() {
	new_pool
	serve "$mnt"
	mkdir "$mnt/d"
	echo hello >"$mnt/f"
	until_true logged "$mnt/f"
	fails 1 rm "$mnt/f"
	has "$said" "not supported"
	fails 1 rmdir "$mnt/d"
	fails 1 mv "$mnt/f" "$mnt/g"
	fails 1 ln "$mnt/f" "$mnt/g"
	fails 1 ln -s f "$mnt/g"
	fails 1 mknod "$mnt/g" p
	fails 1 truncate -s 0 "$mnt/f"
	fails 1 truncate -s 7 "$mnt/f"
	truncate -s 6 "$mnt/f"
	fails 1 cp /etc/passwd "$mnt/f"
	same "$(cat "$mnt/f")" hello
	has "$(cat "$mnt.log")" '"f" cannot be removed'
	has "$(cat "$mnt.log")" '"f" cannot become "g"'
	has "$(cat "$mnt.log")" 'keeps its size'
	fails 1 mkdir "$mnt/$(printf '%080d' 0)"
	has "$said" "too long"
	# What is not in the log yet is another matter.
	: >"$mnt/empty"
	mv "$mnt/empty" "$mnt/void"
	same "$(cd "$mnt" && echo [a-z]*)" "d f void"
	rm "$mnt/void"
	same "$(cd "$mnt" && echo [a-z]*)" "d f"
	ended TERM
}

full_pool_is_an_error() {
	local avail

	new_pool 64M
	serve "$mnt"
	avail=$(df --output=avail -B1 "$mnt" | tail -n 1)
	fails 1 dd if=/dev/zero of="$mnt/large" bs=1M count=100
	has "$said" "No space"
	until_true [ ! -e "$mnt/large" ]
	fails 1 fallocate -l $((avail + 1)) "$mnt/large2"
	same "$(df --output=avail -B1 "$mnt" | tail -n 1)" "$avail"
	fallocate -l "$avail" "$mnt/all"
	same "$(df --output=avail -B1 "$mnt" | tail -n 1 | tr -d ' ')" 0
	fails 1 cp /etc/passwd "$mnt/more"
	has "$said" "No space"
	ended TERM
	serve "$mnt"
	same "$(cd "$mnt" && echo [a-z]*)" all
	ended TERM
}

closed_files_survive() {
	local i

	make_tree
	new_pool
	for i in 1 2 3; do
		serve "$mnt"
		cp "$tmp/tree/a/large" "$mnt/closed$i"
		ended TERM
	done
	serve "$mnt"
	for i in 1 2 3; do
		cmp "$tmp/tree/a/large" "$mnt/closed$i"
	done
	exec 9>"$mnt/open"
	echo hello >&9
	ended TERM
	exec 9>&-
	serve "$mnt"
	[ ! -e "$mnt/open" ]
	echo hello >"$mnt/killed"
	until_true logged "$mnt/killed"
	kill -9 "$daemon"
	wait "$daemon" || true
	umount -l "$mnt"
	serve "$mnt"
	same "$(cat "$mnt/killed")" hello
	ended TERM
}

meta_files_show_the_medium() {
	new_pool
	serve "$mnt"
	same "$(stat -c '%s %a' "$mnt/.meta/.superblock")" "2097152 444"
	same "$(stat -c '%s %a' "$mnt/.meta/.log")" "8388608 644"
	mkdir "$mnt/d"
	cmp "$mnt/.meta/.superblock" "$image" -n 2097152
	cmp "$mnt/.meta/.log" "$image" -i 0:2097152 -n 8388608
	fails 1 dd if=/dev/zero of="$mnt/.meta/.log" count=1 conv=notrunc
	has "$said" "not supported"
	ended TERM
}

check_tells_what_is_wrong() {
	new_pool
	serve "$mnt"
	mkdir "$mnt/d" "$mnt/e"
	ended TERM
	fmapfsd --check --no-fmap --layout=famfs "$image" >"$tmp/said"
	has "$(cat "$tmp/said")" "nothing wrong: files 0, directories 2, devices 1"
	# The mode of the second entry.
	printf '\1' | dd of="$image" bs=1 conv=notrunc status=none \
		seek=$((2097152 + 48 + 544 + 24))
	fails 1 fmapfsd --check --no-fmap --layout=famfs "$image"
	has "$said" "log entry 1"
	serve "$mnt"
	same "$(cd "$mnt" && echo [a-z]*)" d
	has "$(cat "$mnt.log")" "log entry 1"
	ended TERM
	fails 2 fmapfsd --check --poll=1 /dev/null
	fails 2 fmapfsd --check --no-devices --layout=famfs "$image"
	fails 2 fmapfsd --layout=famfs --poll=0 "$image" "$mnt"
}

run_cases \
	programs_make_files \
	files_get_memory_with_their_size \
	clients_see_new_files \
	what_is_there_stays \
	full_pool_is_an_error \
	closed_files_survive \
	meta_files_show_the_medium \
	check_tells_what_is_wrong
