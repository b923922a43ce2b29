# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Backing files of DAX devices. A namespace (its mode, its info block) lies in
# the memory itself, so a golden image of each kind and size is made once, by
# ndctl in a guest, and copied for each run.
#
# --dax KIND:SIZE		a new device that goes with the run
# --dax KIND:SIZE:FILE		made in FILE if there is no FILE yet
# --dax KIND:FILE		what is in FILE
# KIND is pmem (a namespace in mode fsdax: /dev/pmemN), devdax (/dev/daxN.M) or
# fsdev (devdax, bound to the fsdev_dax driver when the guest is up); or a CXL type-3
# device, of which the guest makes a region each time: cxl (volatile, used as fsdev)
# or cxl-pmem (persistent, used as pmem).
# Needs common.sh.

# to_bytes SIZE: of 512M, 1G, 1073741824.
to_bytes() { numfmt --from=iec "$1"; }

# golden_image KIND SIZE BED: sees to it that $cache/golden/KIND-SIZE is there.
golden_image() {
	local kind=$1 bytes=$2 bed=$3 dst mode work

	dst=$cache/golden/$kind-$bytes
	[ ! -e "$dst" ] || return 0
	lock "golden-$kind-$bytes"
	if [ ! -e "$dst" ]; then
		say "formatting a $kind device of $((bytes >> 20)) MiB, once"
		case $kind in
		pmem) mode=fsdax ;;
		devdax) mode=devdax ;;
		esac
		mkdir -p "$cache/golden"
		work=$(mktemp "$cache/golden/.new-XXXXXX")
		truncate -s "$bytes" "$work"
		# No lock is needed on what only this process knows.
		"$vm_dir/run" --bed "$bed" --no-payload --dax "raw:$work" -- \
			ndctl create-namespace -f -e namespace0.0 \
			-m $mode -M mem >"$work.log" 2>&1 || {
			cat "$work.log" >&2
			rm -f "$work" "$work.log"
			die "ndctl could not format a $kind device"
		}
		rm "$work.log"
		mv "$work" "$dst"
	fi
	unlock
}

# dax_backing SPEC INDEX DIR BED: sets dax_kind, dax_file.
dax_backing() {
	local spec=$1 index=$2 dir=$3 bed=$4 rest size file image step=$((2 << 20))

	dax_kind=${spec%%:*}
	rest=${spec#*:}
	size=${rest%%:*}
	file=
	case $dax_kind in
	raw | pmem | devdax | fsdev) ;;
	cxl | cxl-pmem) step=$((256 << 20)) ;;
	*) die "--dax $spec: the kind must be pmem, devdax, fsdev, cxl or cxl-pmem" ;;
	esac
	if [[ $size =~ ^[0-9]+[KMGT]?$ ]]; then
		[ "$rest" = "$size" ] || file=${rest#*:}
		size=$(to_bytes "$size")
		if [ $((size % step)) != 0 ] || [ "$size" -lt $((16 << 20)) ]; then
			die "--dax $spec: the size must be a multiple of $((step >> 20))M, at least 16M"
		fi
	else
		file=$rest
		[ -e "$file" ] || die "--dax $spec: there is no such file, and no size to make it"
	fi
	if [[ $dax_kind = cxl* ]]; then
		[ -n "$file" ] || file=$dir/dax$index
		[ -e "$file" ] || truncate -s "$size" "$file"
	elif [ -z "$file" ] || [ ! -e "$file" ]; then
		image=${dax_kind/fsdev/devdax}
		golden_image "$image" "$size" "$bed"
		image=$cache/golden/$image-$size
		if [ -z "$file" ]; then
			file=$dir/dax$index
			cp --sparse=always "$image" "$file"
		else
			# Complete when it appears; the first of two runs makes it.
			cp --sparse=always "$image" "$file.$$"
			ln -T "$file.$$" "$file" 2>/dev/null || true
			rm "$file.$$"
		fi
	fi
	# shellcheck disable=SC2034 # for the caller
	dax_file=$(realpath "$file")
}
