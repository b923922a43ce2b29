#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The demo: two virtual hosts with stock kernels share two memory devices, and
# one file system of memory files. Ends with "demo: ok".
set -eu

demo_dir=$(cd "$(dirname "$0")" && pwd)
vm_dir=$(cd "$demo_dir/../vm" && pwd)
top_dir=$(cd "$demo_dir/../.." && pwd)

bed_a=debian12		# Linux 6.1
bed_b=debian13-bpo	# Linux 7.3

say() { printf '\n== %s\n' "$*"; }

# align BYTES: up to 2 MiB, in bytes
align() { echo $((($1 + (2 << 20) - 1) >> 21 << 21)); }

# strip BYTES: what each of four strips must hold, by chunks of 2 MiB
strip() { echo $(((($1 + (8 << 20) - 1) / (8 << 20)) << 21)); }

collect_files() {
	local lib

	cp "$("$vm_dir/bed" --dir "$bed_a")/bzImage" "$share/kernel"
	lib=$(ldd /bin/sh | awk '/libc\.so/ { print $3 }')
	cp "$lib" "$share/library"
	# The project, and the kernel image once more to make it worth striping.
	tar -cf "$share/project.tar" --exclude=.git --exclude='*.o' -C "$top_dir" . \
		-C "$share" kernel
	(cd "$share" && sha256sum kernel library project.tar >sums)
}

write_layout() {
	local kernel library project

	kernel=$(stat -c %s "$share/kernel")
	library=$(stat -c %s "$share/library")
	project=$(stat -c %s "$share/project.tar")
	cat >"$share/layout.yaml" <<EOF
devices:
  - path: @DAX0@
  - path: @DAX1@
files:
  - path: /kernel             # in one piece, aligned to 2 MiB
    size: $kernel
    extents:
      - { device: 0, offset: 2M, length: $(align "$kernel") }
  - path: /library            # in two pieces, on two devices
    size: $library
    extents:
      - { device: 1, offset: 2M, length: 1M }
      - { device: 0, offset: 256M, length: $(align "$library") }
  - path: /project.tar        # striped; cp may "truncate" it
    size: $project
    truncate: keep
    stripe:
      chunk: 2M
      strips:
        - { device: 0, offset: 384M, length: $(strip "$project") }
        - { device: 1, offset: 384M, length: $(strip "$project") }
        - { device: 0, offset: 640M, length: $(strip "$project") }
        - { device: 1, offset: 640M, length: $(strip "$project") }
  - path: /note
    size: 4K
    extents:
      - { device: 1, offset: 900M, length: 4K }
  - path: /served/kernel      # an ordinary file, from the server, to compare
    from: /tmp/kernel
EOF
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

say "Making a layout for real files: a kernel image, a library, a tar of this project"
collect_files
write_layout

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
echo
echo "demo: ok"
