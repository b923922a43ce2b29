# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Build a kernel with checkers of the distribution's linux-source package, for
# the beds whose line in the table names fragments of a configuration. Needs
# common.sh, beds.sh, mirror.sh, chroot.sh.
#
# The compiler is that of the bed's suite, in a root of its own, which is gone
# afterwards. What is built stays in the cache, by fragments and version of the
# package: a kernel is built once, not for each bed that is made of it.

kernel_tools='bc bison flex gcc kmod libelf-dev make perl python3-minimal xz-utils'

kernel_fragments() { # kernel_fragments BED
	local name

	for name in $(bed_field "$1" 4 | tr + ' '); do
		echo "$vm_dir/lib/kernel-$name.config"
	done
}

kernel_stamp() {
	kernel_fragments "$1" | xargs cat | sha256sum | cut -c1-16
}

# A root with the compiler. The hook looks for the package, writes its version to
# DIR/version and, unless that kernel is there already, unpacks it.
kernel_root() { # kernel_root BED DIR PREFIX
	local bed=$1 dir=$2 prefix=$3 suite settings

	suite=$(bed_field "$bed" 2)
	mapfile -t settings < <(apt_settings)
	root_sources "$suite" >"$dir/sources"
	mmdebstrap --mode=root --variant=minbase \
		"${settings[@]}" \
		--aptopt='APT::Install-Recommends "false"' \
		--dpkgopt=force-unsafe-io \
		--include="$(tr ' ' , <<<"$kernel_tools")" \
		--customize-hook="'$vm_dir/lib/kernel-hook' \"\$1\" '$dir' '$(bed_field "$bed" 3)' '$prefix'" \
		"$suite" "$dir/tree" - <"$dir/sources"
	mkdir -p "$dir/tree/src" "$dir/tree/payload"
}

# configure SRC FRAGMENT...: in the root.
configure() {
	local src=$1

	shift
	cd "$src"
	make tinyconfig
	scripts/kconfig/merge_config.sh -m .config "$@"
	make olddefconfig
}

# What the fragments ask for and the configuration has not; nothing, if it is all
# there. Options that this version does not know are passed over.
config_lacks() { # config_lacks SRC FRAGMENT...
	local src=$1

	shift
	find "$src" -name 'Kconfig*' -type f -print0 | xargs -0 cat |
	awk '
		{ where = FILENAME == "-" ? "known" : FILENAME == config ? "has" : "wants" }
		where == "known" && ($1 == "config" || $1 == "menuconfig") {
			known["CONFIG_" $2]
		}
		where == "known" || !/^CONFIG_/ { next }
		{
			name = substr($0, 1, index($0, "=") - 1)
			value = substr($0, index($0, "=") + 1)
		}
		where == "has" { has[name] = value; next }
		!(name in known) { next }
		(name in has ? has[name] : "n") != value {
			print name " is not " value " but " \
				(name in has ? has[name] : "n")
		}
	' config="$src/.config" - "$src/.config" "$@"
}

build_kernel() { # build_kernel TREE DIR FRAGMENT...
	local tree=$1 dir=$2 lacks

	shift 2
	cat "$@" >"$dir/fragment"
	in_root "$tree" "$dir/src" "$dir" bash -euc \
		"$(declare -f configure); configure /src /payload/fragment"
	lacks=$(config_lacks "$dir/src" "$@")
	if [ -n "$lacks" ]; then
		printf '%s\n' "$lacks"
		return 1
	fi
	in_root "$tree" "$dir/src" "$dir" make -j"$(nproc)" bzImage modules
	cp "$dir/src/arch/x86/boot/bzImage" "$dir/"
	# Modules are built without these; two thirds of the tree.
	find "$dir/src" \( -path "$dir/src/scripts" -o -path "$dir/src/tools" \) -prune -o \
		\( -name '*.o' -o -name '*.a' -o -name '.*.cmd' -o -name '.tmp_vmlinux*' \) \
		-type f -exec rm {} +
	cp "$dir/src/include/config/kernel.release" "$dir/kver"
}

# make_kernel BED: sees to it that its kernel is built; sets kernel_dir. There
# are src (what modules are built against), bzImage and kver. A build that was ended
# goes on where it was.
make_kernel() {
	local bed=$1 log=$cache/log/kernel-$1.log work prefix fragments

	mapfile -t fragments < <(kernel_fragments "$bed")
	prefix=$cache/kernels/$bed-$(kernel_stamp "$bed")
	lock "kernel-${prefix##*/}"
	mkdir -p "$cache/kernels" "$cache/log"
	: >"$log"
	find_mirrors
	work=$(mktemp -d "$cache/kernels/.new-$bed-XXXXXX")
	undo=$work
	step "$log" "making a root to build the kernel in" \
		kernel_root "$bed" "$work" "$prefix"
	kernel_dir=$prefix-$(cat "$work/version")
	if [ ! -e "$kernel_dir/kver" ]; then
		step "$log" "building the kernel (25 minutes on two CPUs)" \
			build_kernel "$work/tree" "$kernel_dir" "${fragments[@]}"
	fi
	rm -rf --one-file-system "$work"
	undo=
	touch "$kernel_dir/used"
	prune "$cache/kernels" "$kernel_dir"
	unlock
}
