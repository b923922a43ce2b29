# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Make a root: a directory tree with a Debian suite, its kernels, what is
# needed to build the project, and an erofs image of it for the guests.
# Needs common.sh, beds.sh, mirror.sh.

# What the guest's image leaves out: building happens in the tree. ndctl's
# modprobe rule would run a key loader before libnvdimm.
image_exclude='^(usr/src|usr/include|usr/lib/gcc|usr/libexec/gcc|usr/lib/linux-kbuild.*|usr/lib/.*\.a|var/cache/.*|var/lib/apt/.*|(etc|usr/lib|lib)/modprobe\.d/nvdimm-security\.conf|boot/.*)$'

root_stamp() {
	{
		echo "$1"
		root_packages
		kernel_module_dirs
		root_beds "$1"
		cat "$vm_dir/lib/root.sh" "$vm_dir/lib/root-hook"
	} | sha256sum | cut -c1-16
}

bootstrap() {
	local root=$1 dir=$2 settings

	mapfile -t settings < <(apt_settings)
	root_beds "$root" >"$dir/beds"
	kernel_module_dirs | tr ' ' '\n' >"$dir/modules"
	# linux-* from backports lean on linux-base from there.
	cat >"$dir/pin" <<-EOF
		Package: linux-*
		Pin: release n=trixie-backports
		Pin-Priority: 600
	EOF
	root_sources "$root" >"$dir/sources"
	mmdebstrap --mode=root --variant=minbase \
		"${settings[@]}" \
		--aptopt='APT::Install-Recommends "false"' \
		--dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--include="$(root_packages | tr ' ' ,)" \
		--setup-hook="mkdir -p \"\$1/etc/apt/preferences.d\"" \
		--setup-hook="cp '$dir/pin' \"\$1/etc/apt/preferences.d/bed\"" \
		--customize-hook="'$vm_dir/lib/root-hook' \"\$1\" '$dir'" \
		"$root" "$dir/tree" - <"$dir/sources"
	# Places to mount on: the tree itself is used read-only.
	mkdir -p "$dir/tree/src" "$dir/tree/payload"
	while read -r _ kver; do
		mkdir -p "$dir/tree/lib/modules/$kver/updates"
	done <"$dir/kernels"
}

# pack IMAGE TREE [OPTION...]: mkfs.erofs names every file on its stdout.
pack() {
	mkfs.erofs -zlz4 "${@:3}" "$1" "$2" >/dev/null
}

# make_root ROOT: sees to it that there is one as these scripts make it; sets
# root_dir. Roots of other versions of the scripts lie beside it.
make_root() {
	local root=$1 stamp work log

	stamp=$(root_stamp "$root")
	root_dir=$cache/roots/$root-$stamp
	if [ -e "$root_dir" ]; then
		touch "$root_dir/used"
		return
	fi
	lock "$root-$stamp"
	# Another run may have made it meanwhile.
	if [ ! -e "$root_dir" ]; then
		mkdir -p "$cache/roots" "$cache/log"
		log=$cache/log/root-$root.log
		: >"$log"
		find_mirrors
		work=$(mktemp -d "$cache/roots/.new-$root-XXXXXX")
		undo=$work
		step "$log" "making the $root root with its kernels" \
			bootstrap "$root" "$work"
		step "$log" "packing the $root root" pack "$work/image.erofs" \
			"$work/tree" --exclude-regex="$image_exclude"
		touch "$work/used"
		mv -T "$work" "$root_dir"
		undo=
		prune "$cache/roots" "$root_dir"
	fi
	unlock
}
