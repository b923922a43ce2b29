#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The real server, fmapfsd, with real programs on its files.
#
# 1. A layout is mounted as it says: names, sizes, modes, extents.
# 2. What goes in by cp, dd or a mapping comes out by any other way, also by
#    another daemon, later.
# 3. SIGTERM and umount(8) end it cleanly, kill -9 harms nobody.
# 4. --check tells what is wrong, and where; wrong command lines are status 2.
# 5. The smallest server, memfile, works as well.
# shellcheck disable=SC2317 # cases are called by name
set -u

# shellcheck source=selftests/tap.sh
. "$(dirname "$0")/tap.sh"

mnt=$tmp/mnt
layout=$tmp/layout.yaml
mkdir "$mnt"
memfile=$dir/../examples/memfile
mapdemo=$dir/../demo/mapdemo
pmem() { awk -v n="$1" '$1 == "pmem" && n-- == 0 { print $2 }' /run/fmapfs/dax; }
pmem0=$(pmem 0)
pmem1=$(pmem 1)
daemon=

clean_up() {
	local pid

	umount -l "$mnt" 2>/dev/null
	for pid in $(pidof fmapfsd memfile mapdemo); do
		kill -9 "$pid"
	done
	until_true no_daemon
}

no_daemon() { [ -z "$(pidof fmapfsd memfile mapdemo)" ]; }
mounted() { grep -q " $mnt fmapfs" /proc/mounts; }
unmounted() { ! mounted; }

write_layout() {
	echo "from the host" >"$tmp/host"
	cat >"$layout" <<-END
		devices:
		  - path: $pmem0
		  - path: $pmem1
		directories:
		  - path: /models
		    mode: 0750
		files:
		  - path: /models/simple
		    mode: 0640
		    owner: 12
		    size: 23000001
		    truncate: keep
		    extents:
		      - { device: 0, offset: 32M, length: 16M }
		      - { device: 1, offset: 64M, length: 8M }
		  - path: /striped
		    size: 15M
		    truncate: keep
		    stripe:
		      chunk: 2M
		      strips:
		        - { device: 0, offset: 128M, length: 8M }
		        - { device: 1, offset: 128M, length: 8M }
		  - path: /fixed
		    size: 1M
		    extents: [ { device: 0, offset: 256M, length: 1M } ]
		  - path: /host
		    from: $tmp/host
	END
}

# serve [OPTION...]: in the foreground, beside the test; its pid is $daemon.
serve() {
	fmapfsd -f "$@" "$layout" "$mnt" >"$tmp/log" 2>&1 &
	daemon=$!
	until_true mounted
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

counter() {
	local minor

	minor=$(awk -v d="$mnt" '$5 == d { split($3, a, ":"); print a[2] }' \
		/proc/self/mountinfo)
	cat "/sys/fs/fmapfs/$minor/counters/$1"
}

sha() { sha256sum | cut -d' ' -f1; }
by_read() { sha <"$1"; }
by_mmap() { "$mapdemo" get "$1" | sha; }
random() { head -c "$1" /dev/urandom >"$tmp/random"; sha <"$tmp/random"; }

layout_is_served_as_it_says() {
	write_layout
	serve
	same "$(cd "$mnt" && find . | sort | tr '\n' ' ')" \
		". ./fixed ./host ./models ./models/simple ./striped "
	same "$(stat -c '%s %a %u %F' "$mnt/models/simple")" \
		"23000001 640 12 regular file"
	same "$(stat -c '%a %F' "$mnt/models")" "750 directory"
	same "$(stat -c %s "$mnt/striped")" $((15 << 20))
	same "$(cat "$mnt/host")" "from the host"
	ended TERM
}

contents_are_the_same_by_all_ways() {
	local sum

	write_layout
	serve
	sum=$(random 23000001)
	cp "$tmp/random" "$mnt/models/simple"
	same "$(by_read "$mnt/models/simple")" "$sum"
	same "$(by_mmap "$mnt/models/simple")" "$sum"
	sum=$(random $((15 << 20)))
	"$mapdemo" put "$mnt/striped" <"$tmp/random"
	same "$(by_read "$mnt/striped")" "$sum"
	same "$(by_mmap "$mnt/striped")" "$sum"
	dd if="$tmp/random" of="$mnt/fixed" bs=64K count=16 conv=notrunc status=none
	cmp -n 1048576 "$tmp/random" "$mnt/fixed"
	[ "$(counter fault_pmd)" -gt 0 ]
	same "$(counter fault_error)" 0
	# Another daemon finds it again.
	ended TERM
	serve
	same "$(by_mmap "$mnt/striped")" "$sum"
	ended TERM
	# And one that reads the devices by itself.
	serve --no-fmap
	same "$(by_read "$mnt/striped")" "$sum"
	same "$(counter get_fmap)" 0
	ended TERM
}

no_fmap_writes_what_a_mapping_reads() {
	local sum

	write_layout
	serve --no-fmap
	sum=$(random 23000001)
	cp "$tmp/random" "$mnt/models/simple"
	sync -f "$mnt/models/simple"
	ended TERM
	serve
	same "$(by_mmap "$mnt/models/simple")" "$sum"
	ended TERM
}

# What filefrag tells, as "logical physical length" in MiB.
extents() {
	filefrag -v -b4096 "$1" | awk -F'[:. ]+' '
		$2 ~ /^[0-9]+$/ && NF > 6 {
			print $3 / 256, $5 / 256, $7 / 256 }' | tr '\n' ,
}

filefrag_shows_the_extents() {
	write_layout
	serve
	same "$(extents "$mnt/fixed")" "0 256 1,"
	same "$(extents "$mnt/striped")" \
		"0 128 2,2 128 2,4 130 2,6 130 2,8 132 2,10 132 2,12 134 2,14 134 1,"
	ended TERM
}

umount_ends_the_daemon() {
	write_layout
	serve
	umount "$mnt"
	ended
}

background_daemon_is_ready_when_the_command_returns() {
	write_layout
	fmapfsd "$layout" "$mnt"
	mounted
	same "$(cat "$mnt/host")" "from the host"
	umount "$mnt"
	until_true no_daemon
}

pushed_devices_are_not_asked_for() {
	write_layout
	serve --push
	by_mmap "$mnt/fixed" >/dev/null
	same "$(counter get_daxdev)" 0
	same "$(counter fmaps)" 1
	ended TERM
}

names_cannot_be_changed() {
	write_layout
	serve
	fails 1 touch "$mnt/new"
	fails 1 mkdir "$mnt/new"
	fails 1 rm -f "$mnt/fixed"
	fails 1 mv "$mnt/fixed" "$mnt/other"
	fails 1 ln -s x "$mnt/link"
	fails 1 truncate -s 0 "$mnt/fixed"
	has "$said" "not supported"
	truncate -s 0 "$mnt/striped"
	same "$(stat -c %s "$mnt/striped")" $((15 << 20))
	ended TERM
}

lines() { wc -l <"$1"; }
more_lines() { [ "$(lines "$1")" -gt "$2" ]; }

killed_daemon_leaves_mappings_working() {
	local sum n

	write_layout
	serve
	sum=$(random $((15 << 20)))
	cp "$tmp/random" "$mnt/striped"
	"$mapdemo" hold "$mnt/striped" >"$tmp/watch" &
	until_true more_lines "$tmp/watch" 1
	kill -9 "$daemon"
	wait "$daemon" || true
	n=$(lines "$tmp/watch")
	until_true more_lines "$tmp/watch" $((n + 2))
	same "$(sed '$d' "$tmp/watch" | cut -d' ' -f2 | sort -u | wc -l)" 1
	fails 2 ls "$mnt"
	has "$said" "not connected"
	fails 32 umount "$mnt"
	kill "$(pidof mapdemo)"
	until_true umount "$mnt"
	serve
	same "$(by_mmap "$mnt/striped")" "$sum"
	ended TERM
}

second_mount_may_not_overlap() {
	write_layout
	serve
	: <"$mnt/fixed"
	mkdir -p "$tmp/mnt2"
	sed 's/offset: 256M/offset: 257M/; s/size: 1M/size: 2M/; s/length: 1M/length: 2M/' \
		"$layout" >"$tmp/other.yaml"
	sed -i 's/offset: 257M/offset: 255M/' "$tmp/other.yaml"
	fmapfsd "$tmp/other.yaml" "$tmp/mnt2"
	fails 1 cat "$tmp/mnt2/fixed"
	has "$said" "File exists"
	umount "$tmp/mnt2"
	by_mmap "$mnt/fixed" >/dev/null
	ended TERM
}

check_says_nothing_wrong() {
	write_layout
	fmapfsd --check "$layout" >"$tmp/said"
	has "$(cat "$tmp/said")" "nothing wrong: files 4, directories 2, devices 2"
}

# wrong SED-SCRIPT PATTERN: with that change --check fails and says so.
wrong() {
	write_layout
	sed -i "$1" "$layout"
	fails 1 fmapfsd --check "$layout"
	has "$said" "$2"
	has "$said" "layout.yaml:[0-9]+"
	fails 1 fmapfsd "$layout" "$mnt"
	unmounted
}

check_names_the_line_and_the_mistake() {
	wrong 's/offset: 32M/offset: 32M1/' 'files\[0\].extents\[0\].offset'
	wrong 's/length: 16M/length: 1000/' 'files\[0\].extents\[0\].length'
	wrong 's/size: 23000001/size: 50M/' 'files\[0\]'
	wrong 's/chunk: 2M/chunk: 3M/' 'chunk'
	wrong 's/device: 1, offset: 64M/device: 7, offset: 64M/' 'device'
	wrong 's/offset: 256M/offset: 33M/' 'files\[2\]'
	wrong 's/offset: 256M/offset: 2000M/' 'files\[2\]'
	wrong 's/truncate: keep/truncate: maybe/' 'truncate'
	wrong "s,$pmem1,/dev/no-such-device," 'no-such-device'
	wrong 's/stripe:/stripes_of:/' 'stripes_of'
}

wrong_command_lines_are_status_2() {
	write_layout
	fails 2 fmapfsd --no-such-option "$layout" "$mnt"
	fails 2 fmapfsd "$layout"
	fails 2 fmapfsd
	fails 1 fmapfsd "$tmp/no-such-layout" "$mnt"
	fails 1 fmapfsd "$layout" "$tmp/no-such-directory"
	fmapfsd --help >/dev/null
	fmapfsd --version >/dev/null
}

smallest_server_works() {
	local sum

	sum=$(random 3000000)
	"$memfile" "$pmem0" $((64 << 20)) 3000000 "$mnt" -f &
	daemon=$!
	until_true mounted
	same "$(ls "$mnt")" memory
	"$mapdemo" put "$mnt/memory" <"$tmp/random"
	same "$(by_read "$mnt/memory")" "$sum"
	same "$(counter fault_pmd)" 1
	cmp -n 3000000 "$tmp/random" <(dd if="$pmem0" bs=1M skip=64 count=3 \
		iflag=direct status=none)
	umount "$mnt"
	wait "$daemon"
}

run_cases \
	layout_is_served_as_it_says \
	contents_are_the_same_by_all_ways \
	no_fmap_writes_what_a_mapping_reads \
	filefrag_shows_the_extents \
	umount_ends_the_daemon \
	background_daemon_is_ready_when_the_command_returns \
	pushed_devices_are_not_asked_for \
	names_cannot_be_changed \
	killed_daemon_leaves_mappings_working \
	second_mount_may_not_overlap \
	check_says_nothing_wrong \
	check_names_the_line_and_the_mistake \
	wrong_command_lines_are_status_2 \
	smallest_server_works
