# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A QEMU that knows CXL memory: this machine's, or that of Debian 13, unpacked into
# a tree of its own (170 MB) and run from there by its own dynamic linker.
# Needs common.sh, mirror.sh.

newqemu_suite=trixie

# What to start in place of qemu-system-x86_64, as the array qemu.
find_cxl_qemu() {
	local tree lib

	qemu=(qemu-system-x86_64)
	# The first whose volatile CXL memory a guest can use.
	if [ "$(printf '%s\n' 8.2 "$(host_qemu_version)" | sort -V | head -n 1)" = 8.2 ]; then
		return
	fi
	make_newqemu
	tree=$newqemu_dir/tree
	lib=$tree/usr/lib/x86_64-linux-gnu
	qemu=("$tree/usr/lib64/ld-linux-x86-64.so.2" --library-path "$lib"
		"$tree/usr/bin/qemu-system-x86_64"
		-L "$tree/usr/share/qemu" -L "$tree/usr/share/seabios")
}

host_qemu_version() {
	qemu-system-x86_64 --version | sed -n 's/^QEMU emulator version \([0-9.]*\).*/\1/p'
}

unpack_newqemu() {
	local dir=$1 settings

	mapfile -t settings < <(apt_settings)
	root_sources "$newqemu_suite" | grep '^deb ' >"$dir/sources"
	mmdebstrap --mode=root --variant=extract "${settings[@]}" \
		--aptopt='APT::Install-Recommends "false"' \
		--include=qemu-system-x86 \
		"$newqemu_suite" "$dir/tree" - <"$dir/sources"
	"$dir/tree/usr/lib64/ld-linux-x86-64.so.2" \
		--library-path "$dir/tree/usr/lib/x86_64-linux-gnu" \
		"$dir/tree/usr/bin/qemu-system-x86_64" --version
}

# Sees to it that it is there; sets newqemu_dir.
make_newqemu() {
	local stamp work log

	stamp=$(sha256sum <"$vm_dir/lib/newqemu.sh" | cut -c1-16)
	newqemu_dir=$cache/roots/qemu-$stamp
	if [ ! -e "$newqemu_dir" ]; then
		lock "qemu-$stamp"
		if [ ! -e "$newqemu_dir" ]; then
			need_root
			mkdir -p "$cache/roots" "$cache/log"
			log=$cache/log/qemu.log
			: >"$log"
			find_mirrors
			work=$(mktemp -d "$cache/roots/.new-qemu-XXXXXX")
			undo=$work
			step "$log" "unpacking the QEMU of $newqemu_suite" \
				unpack_newqemu "$work"
			mv -T "$work" "$newqemu_dir"
			undo=
		fi
		unlock
	fi
	touch "$newqemu_dir/used"
}
