#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The demo: two virtual hosts with stock kernels share two memory devices, and a
# pool of files on them. Ends with "demo: ok"; the picture of the pool is left in
# ~/.cache/fmapfs/demo-pool.svg.
set -eu

demo_dir=$(cd "$(dirname "$0")" && pwd)
vm_dir=$(cd "$demo_dir/../vm" && pwd)
top_dir=$(cd "$demo_dir/../.." && pwd)

bed_a=debian12		# Linux 6.1
bed_b=debian13-bpo	# Linux 7.3

say() { printf '\n== %s\n' "$*"; }

collect_files() {
	local lib

	cp "$("$vm_dir/bed" --dir "$bed_a")/bzImage" "$share/kernel"
	lib=$(ldd /bin/sh | awk '/libc\.so/ { print $3 }')
	cp "$lib" "$share/library"
	# The project, and the kernel image once more to make it worth striping.
	tar -cf "$share/project.tar" --exclude=.git --exclude='*.o' -C "$top_dir" . \
		-C "$share" kernel
	mkdir "$share/sources"
	cp -r "$top_dir/uapi" "$share/sources/"
	(cd "$share" && find kernel library project.tar sources -type f \
		-exec sha256sum {} + >sums)
}

# host NAME BED: starts a host; its output is told apart by its name. If it
# fails in whatever way, the other does not wait for it.
host() {
	"$vm_dir/run" --bed "$2" --dax "pmem:1G:$work/memory0" \
		--dax "pmem:1G:$work/memory1" --share "$share" --timeout 900 \
		-- /usr/lib/fmapfs/demo/host "$1" 2>&1 | sed -u "s/^/  $1 | /" || {
		touch "$share/failed"
		return 1
	}
}

cache=${XDG_CACHE_HOME:-$HOME/.cache}/fmapfs
mkdir -p "$cache/run"
work=$(mktemp -d "$cache/run/demo-XXXXXX")
share=$work/share
hosts=()
cleanup() {
	local pid

	for pid in "${hosts[@]}"; do
		kill -- "-$pid" 2>/dev/null || true
	done
	wait
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$share"

say "Installing what this machine lacks, and building for both hosts"
"$vm_dir/deps"
"$vm_dir/build" "$bed_a"
"$vm_dir/build" "$bed_b"

say "Real files for the pool: a kernel image, a library, a tar of this project, some sources"
collect_files

say "Starting two virtual hosts, A and B, on the same two memory devices of 1 GiB"
set -o pipefail
# Each host is a job with a process group of its own, for cleanup().
set -m
host A "$bed_a" &
hosts+=($!)
host B "$bed_b" &
hosts+=($!)
set +m
status=0
for pid in "${hosts[@]}"; do
	wait "$pid" || status=$?
done
hosts=()
if [ "$status" != 0 ]; then
	say "demo: failed"
	exit 1
fi
cp "$share/pool.svg" "$cache/demo-pool.svg"
echo
echo "The picture of the pool: $cache/demo-pool.svg"
echo
echo "demo: ok"
