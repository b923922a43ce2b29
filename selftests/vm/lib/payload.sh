# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What "make install" leaves becomes an image that guests lay over the root.
# Needs common.sh, chroot.sh.

# /lib and the like are links into /usr in the root, which a directory of the
# same name in the layer above would hide.
merged_dirs='bin lib lib64 sbin'

empty_payload() {
	local name

	rm -rf --one-file-system "$1"
	mkdir -p "$1/usr"
	for name in $merged_dirs; do
		mkdir "$1/usr/$name"
		ln -s "usr/$name" "$1/$name"
	done
}

# index_modules KVER: runs in the root. depmod over the root's modules and ours,
# the result beside ours: in the guest it hides the root's.
index_modules() {
	local kver=$1 root=/usr/lib/modules/$1 ours=/payload/usr/lib/modules/$1
	local both=/tmp/both/lib/modules/$1

	mkdir -p "$both/kernel" "$both/updates"
	if [ -d "$root" ]; then
		mount --bind "$root/kernel" "$both/kernel"
	else
		root=/run/kernel # which has all built in
	fi
	mount --bind "$ours/updates" "$both/updates"
	cp "$root"/modules.{order,builtin,builtin.modinfo} "$both/"
	depmod -b /tmp/both "$kver"
	rm -f "$ours"/modules.*
	cp "$both"/modules.* "$ours/"
}

# pack_payload TREE KVER PAYLOAD IMAGE
pack_payload() {
	local tree=$1 kver=$2 payload=$3 image=$4 name

	if [ -d "$payload/usr/lib/modules/$kver/updates" ]; then
		in_root "$tree" "$payload" "$payload" bash -euc \
			"$(declare -f index_modules); index_modules $kver"
	fi
	for name in $merged_dirs; do
		rm "$payload/$name"
		rmdir "$payload/usr/$name" 2>/dev/null || true
	done
	mkfs.erofs "$image.new" "$payload" >/dev/null
	mv "$image.new" "$image"
}
