# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# QEMU's arguments. Needs common.sh.

# accelerator BED: "kvm" or "tcg". /dev/kvm may exist and not work (a kernel
# hangs early with it): try once per boot of this machine, with a short limit.
accelerator() {
	local bed=$1 boot_id answer=tcg file=$cache/accelerator status=0

	boot_id=$(cat /proc/sys/kernel/random/boot_id)
	if [ "$(cut -d' ' -f1 "$file" 2>/dev/null)" = "$boot_id" ]; then
		cut -d' ' -f2 "$file"
		return
	fi
	lock accelerator >&2
	if [ "$(cut -d' ' -f1 "$file" 2>/dev/null)" != "$boot_id" ]; then
		if [ -w /dev/kvm ]; then
			say "trying KVM (15 seconds at most)"
			timeout -k 2 15 "$vm_dir/run" --accel kvm --bed "$bed" \
				--no-payload -- true >/dev/null 2>&1 || status=$?
			[ "$status" != 0 ] || answer=kvm
		fi
		say "guests run under $answer on this machine"
		echo "$boot_id $answer" >"$file.$$"
		mv "$file.$$" "$file"
	fi
	unlock
	cut -d' ' -f2 "$file"
}

# machine_arguments: into qemu_args, from accel, icount, mem, smp, dax_kinds,
# dax_files.
machine_arguments() {
	local machine=q35 cpu=max n=0 cxl=0 i total

	total=$(to_bytes "$mem")
	for i in "${!dax_files[@]}"; do
		case ${dax_kinds[i]} in
		cxl*) cxl=$((cxl + 1)) ;;
		*)
			n=$((n + 1))
			total=$((total + $(stat -c %s "${dax_files[i]}"))) ;;
		esac
	done
	[ "$n" = 0 ] || machine=$machine,nvdimm=on
	case $accel in
	kvm) cpu=host accel=kvm ;;
	tcg) accel=tcg,thread=multi ;;
	esac
	# Where it finds a hypervisor, Linux makes no region.
	[ "$cxl" = 0 ] || cpu=$cpu,-hypervisor
	if [ -n "$icount" ]; then
		accel=tcg,thread=single
		smp=1
		qemu_args+=(-icount "shift=0,sleep=off" -seed 1
			-rtc "base=2026-01-01,clock=vm")
	fi
	qemu_args+=(-M "$machine" -accel "$accel" -cpu "$cpu" -smp "$smp"
		-nodefaults -no-reboot -display none -no-user-config)
	if [ "$n" = 0 ]; then
		qemu_args+=(-m "$mem")
	else
		# Room for each device to be aligned to 1 GiB.
		qemu_args+=(-m "$mem,slots=${#dax_files[@]},maxmem=$(((total >> 30) + n + 2))G")
	fi
	for i in "${!dax_files[@]}"; do
		[[ ${dax_kinds[i]} = cxl* ]] || nvdimm_arguments "$i"
	done
}

# The slot gives the firmware handle: slot + 1.
nvdimm_arguments() { # nvdimm_arguments INDEX
	local options device=nvdimm,id=nvdimm$1,memdev=mem$1,slot=$1

	options=$(memory_options "$1")
	if [ -n "$ro_dax" ]; then
		options=$options,readonly=on
		device=$device,unarmed=on
	fi
	qemu_args+=(-object "$options" -device "$device")
}

memory_options() { # memory_options INDEX
	printf 'memory-backend-file,id=mem%s,share=on,align=2M,size=%s,mem-path=%s' \
		"$1" "$(stat -c %s "${dax_files[$1]}")" "${dax_files[$1]}"
}

# cxl_arguments: the CXL devices. After all others: what names no bus gets the newest.
cxl_arguments() {
	local i window=0 windows=cxl=on

	[[ "${dax_kinds[*]}" = *cxl* ]] || return 0
	for i in "${!dax_files[@]}"; do
		[[ ${dax_kinds[i]} = cxl* ]] || continue
		cxl_device_arguments "$i" "$window"
		windows=$windows,cxl-fmw.$window.targets.0=bridge$i
		windows=$windows,cxl-fmw.$window.size=4G
		window=$((window + 1))
	done
	# In one option: it is a list.
	qemu_args+=(-machine "$windows")
}

# A type-3 device, whose serial number is INDEX + 1, on a host bridge of its own with
# a window of addresses: regions below one bridge come and go in order only.
cxl_device_arguments() { # cxl_device_arguments INDEX WINDOW
	local memory=volatile-memdev=mem$1

	if [ "${dax_kinds[$1]}" = cxl-pmem ]; then
		qemu_args+=(-object "memory-backend-ram,id=lsa$1,size=1M")
		memory=persistent-memdev=mem$1,lsa=lsa$1
	fi
	qemu_args+=(-object "$(memory_options "$1")"
		-device "pxb-cxl,bus_nr=$((32 + 8 * $2)),bus=pcie.0,id=bridge$1"
		-device "cxl-rp,port=0,bus=bridge$1,id=port$1,chassis=$1,slot=2"
		-device "cxl-type3,bus=port$1,$memory,id=cxl$1,sn=$(($1 + 1))")
}

disk_argument() { # disk_argument SERIAL FILE
	qemu_args+=(
		-drive "if=none,id=$1,format=raw,readonly=on,file.locking=off,file=$2"
		-device "virtio-blk-pci,drive=$1,serial=$1")
}

# ioeventfd=off: what the guest has written to a port is in the file before
# the guest's next instruction, hence also before it ends QEMU.
channel_arguments() { # channel_arguments DIR
	local name

	qemu_args+=(-chardev "file,id=console,path=$1/console" -serial chardev:console
		-device "isa-debug-exit,iobase=0xf4,iosize=0x04"
		-device "virtio-serial-pci,ioeventfd=off")
	for name in out verdict dmesg; do
		qemu_args+=(-chardev "file,id=$name,path=$1/$name"
			-device "virtserialport,chardev=$name,name=$name")
	done
	if [ -n "$interactive" ]; then
		qemu_args+=(-chardev "stdio,id=terminal,signal=off"
			-device "virtconsole,chardev=terminal")
	fi
	qemu_args+=(-chardev "pipe,id=monitor,path=$1/monitor"
		-mon "chardev=monitor,mode=readline")
}
