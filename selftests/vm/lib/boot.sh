# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Make of a root what boots: the kernel as an ELF (QEMU starts that by PVH,
# without the decompression under emulation) and a small initramfs.
# Needs common.sh, beds.sh, root.sh, kernel.sh.

# What the initramfs must be able to load to find the root.
initramfs_modules='virtio_pci virtio_blk erofs overlay crc32c_generic lz4_decompress'

le() { # le FILE OFFSET BYTES: a little-endian number
	od -An -v -j "$2" -N "$3" -t "u$3" "$1" | tr -d ' '
}

# extract_vmlinux BZIMAGE OUT: the payload, found by the boot protocol's header
# (Documentation/arch/x86/boot.rst): setup_sects, payload_offset and _length.
extract_vmlinux() {
	local setup start length magic tool

	setup=$(le "$1" $((0x1f1)) 1)
	start=$(( (setup + 1) * 512 + $(le "$1" $((0x248)) 4) ))
	length=$(le "$1" $((0x24c)) 4)
	magic=$(od -An -v -j "$start" -N 4 -t x1 "$1" | tr -d ' ')
	case $magic in
	fd377a58) tool=xz ;;
	28b52ffd) tool=zstd ;;
	1f8b*) tool=gzip ;;
	*) echo "unknown compression of $1: $magic" >&2; return 1 ;;
	esac
	# All but gzip have the unpacked size, four bytes, appended.
	[ "$tool" = gzip ] || length=$((length - 4))
	tail -c +$((start + 1)) "$1" | head -c "$length" | $tool -dc >"$2"
}

make_initramfs() {
	local tree=$1 kver=$2 out=$3 work

	work=$(mktemp -d "${out%/*}/initramfs-XXXXXX")
	mkdir -p "$work/bin" "$work/sbin" "$work/dev" "$work/proc" "$work/sys"
	cp "$tree/bin/busybox" "$work/bin/"
	ln -s ../bin/busybox "$work/sbin/modprobe"
	[ ! -d "$tree/lib/modules/$kver" ] || add_modules "$tree" "$kver" "$work"
	(cd "$work" && find . | cpio --quiet -o -H newc) >"$out"
	rm -r "$work"
}

add_modules() { # add_modules TREE KVER INITRAMFS
	local tree=$1 kver=$2 moddir=$3/lib/modules/$2 module path

	mkdir -p "$moddir"
	cp "$tree/lib/modules/$kver"/modules.{builtin,builtin.modinfo,order} "$moddir/"
	for module in $initramfs_modules; do
		# -C: no modprobe.d, whose install rules hide dependencies.
		modprobe -C /dev/null -d "$tree" -S "$kver" \
			--show-depends "$module" 2>/dev/null || true
	done | awk '$1 == "insmod" { print $2 }' | sort -u |
	while read -r path; do
		case $path in
		*.xz) xz -dc "$path" >"$moddir/$(basename "$path" .xz)" ;;
		*.zst) zstd -dc "$path" >"$moddir/$(basename "$path" .zst)" ;;
		*) cp "$path" "$moddir/" ;;
		esac
	done
	depmod -b "$3" "$kver"
}

boot_parts() {
	local work=$1 tree=$2 kver=$3

	# The second place since 7.x's linux-binary packages.
	cp "$tree/boot/vmlinuz-$kver" "$work/bzImage" 2>/dev/null ||
		cp "$tree/usr/lib/modules/$kver/vmlinuz" "$work/bzImage"
	extract_vmlinux "$work/bzImage" "$work/vmlinux"
	make_initramfs "$tree" "$kver" "$work/initramfs.cpio"
}

# The same of a kernel that lib/kernel.sh has built.
built_boot_parts() {
	local work=$1 tree=$2 kver=$3 kernel=$4

	ln -s "../../kernels/${kernel##*/}" "$work/kernel"
	# KASAN has no shadow yet where PVH enters: not the ELF file, here.
	cp "$kernel/bzImage" "$work/vmlinux"
	make_initramfs "$tree" "$kver" "$work/initramfs.cpio"
}

bed_stamp() { # bed_stamp BED ROOT-DIR
	{
		echo "$2"
		cat "$vm_dir/lib/boot.sh"
		if [ -n "$(bed_field "$1" 4)" ]; then
			kernel_stamp "$1"
			cat "$vm_dir/lib/kernel.sh" "$vm_dir/lib/kernel-hook"
		fi
	} | sha256sum | cut -c1-16
}

# make_bed BED: sees to it that there is one as these scripts make it; sets
# bed_dir. There are kver, vmlinux, initramfs.cpio, root (a link) and, if the
# kernel is our own, kernel (a link).
make_bed() {
	local bed=$1 stamp work log kver kernel_dir=

	make_root "$(bed_field "$bed" 2)"
	stamp=$(bed_stamp "$bed" "$root_dir")
	bed_dir=$cache/beds/$bed-$stamp
	if [ -e "$bed_dir" ]; then
		touch "$bed_dir/used"
		[ ! -e "$bed_dir/kernel" ] || touch "$bed_dir/kernel/used"
		return
	fi
	[ -z "$(bed_field "$bed" 4)" ] || make_kernel "$bed"
	lock "bed-$bed-$stamp"
	if [ ! -e "$bed_dir" ]; then
		mkdir -p "$cache/beds" "$cache/log"
		log=$cache/log/bed-$bed.log
		: >"$log"
		work=$(mktemp -d "$cache/beds/.new-$bed-XXXXXX")
		undo=$work
		if [ -n "$kernel_dir" ]; then
			kver=$(cat "$kernel_dir/kver")
			step "$log" "taking the kernel $kver" built_boot_parts \
				"$work" "$root_dir/tree" "$kver" "$kernel_dir"
		else
			kver=$(awk -v bed="$bed" '$1 == bed { print $2 }' "$root_dir/kernels")
			step "$log" "unpacking the kernel $kver" \
				boot_parts "$work" "$root_dir/tree" "$kver"
		fi
		echo "$kver" >"$work/kver"
		ln -s "../../roots/${root_dir##*/}" "$work/root"
		touch "$work/used"
		mv -T "$work" "$bed_dir"
		undo=
		prune "$cache/beds" "$bed_dir"
	fi
	unlock
}
