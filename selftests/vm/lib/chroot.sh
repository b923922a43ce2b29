# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Work inside a bed's root. Needs common.sh.

# in_root TREE SRC PAYLOAD COMMAND...: run COMMAND in TREE, which stays
# read-only, with SRC as /src and PAYLOAD as /payload, in namespaces of its own
# that leave neither a mount nor a process behind. /run/kernel is kernel_tree, if
# that is set: what a kernel of our own making has for its modules.
read_only=1
kernel_tree=
in_root() {
	local tree=$1 src=$2 payload=$3

	shift 3
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --pid --fork --kill-child --propagation private \
		bash -euc '
		tree=$1 src=$2 payload=$3 read_only=$4 kernel=$5
		shift 5
		mount --bind "$tree" "$tree"
		cd "$tree"
		[ -z "$read_only" ] || mount -o remount,bind,ro .
		mount -t proc proc proc
		mount -t sysfs -o ro sys sys
		mount --rbind /dev dev
		mount -t tmpfs -o mode=1777 tmp tmp
		mount -t tmpfs -o mode=755 run run
		mount --bind "$src" src
		mount --bind "$payload" payload
		if [ -n "$kernel" ]; then
			mkdir run/kernel
			mount --bind "$kernel" run/kernel
			mount -o remount,bind,ro run/kernel
		fi
		cd src
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 \
			TERM="${TERM:-dumb}" chroot "$tree" /usr/bin/env -C /src "$@"
	' in_root "$tree" "$src" "$payload" "$read_only" "$kernel_tree" "$@"
}

# in_scratch_root TREE SRC COMMAND...: the same, but all of the root may be
# written to; what is written is gone afterwards.
in_scratch_root() {
	local tree=$1 src=$2

	shift 2
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --propagation private bash -euc '
		. "$1/lib/common.sh"
		. "$1/lib/chroot.sh"
		tree=$2 src=$3 kernel_tree=$4 scratch=/mnt
		shift 4
		mount -t tmpfs scratch $scratch
		mkdir $scratch/upper $scratch/work $scratch/root
		mount -t overlay scratch $scratch/root \
			-o "lowerdir=$tree,upperdir=$scratch/upper,workdir=$scratch/work"
		read_only=
		in_root $scratch/root "$src" "$src" "$@"
	' in_scratch_root "$vm_dir" "$tree" "$src" "$kernel_tree" "$@"
}

# copy_tree DIR: bring DIR to the state of this source tree (what git tracks or
# would track), keeping what else is there: the objects of the last build.
copy_tree() {
	local dst=$1 list=$1.list

	git -c "safe.directory=$top_dir" -C "$top_dir" ls-files -z --cached --others --exclude-standard |
		while read -r -d '' file; do
			[ ! -e "$top_dir/$file" ] || printf '%s\0' "$file"
		done | sort -zu >"$list.new"
	[ -s "$list.new" ] || die "git knows no file in $top_dir"
	mkdir -p "$dst"
	if [ -e "$list" ]; then
		comm -z -23 "$list" "$list.new" | (cd "$dst" && xargs -0 -r rm -f)
	fi
	rsync -a --from0 --files-from="$list.new" "$top_dir/" "$dst/"
	mv "$list.new" "$list"
}
