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

# machine_arguments: into qemu_args, from accel, icount, mem, smp, dax_files.
machine_arguments() {
	local machine=q35 cpu=max n=${#dax_files[@]} bytes i total options device

	total=$(to_bytes "$mem")
	for i in "${!dax_files[@]}"; do
		total=$((total + $(stat -c %s "${dax_files[i]}")))
	done
	[ "$n" = 0 ] || machine=q35,nvdimm=on
	case $accel in
	kvm) cpu=host accel=kvm ;;
	tcg) accel=tcg,thread=multi ;;
	esac
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
		qemu_args+=(-m "$mem,slots=$n,maxmem=$(((total >> 30) + n + 2))G")
	fi
	for i in "${!dax_files[@]}"; do
		bytes=$(stat -c %s "${dax_files[i]}")
		options=memory-backend-file,id=mem$i,share=on,align=2M,size=$bytes
		options=$options,mem-path=${dax_files[i]}
		# The slot gives the firmware handle: slot + 1.
		device=nvdimm,id=nvdimm$i,memdev=mem$i,slot=$i
		if [ -n "$ro_dax" ]; then
			options=$options,readonly=on
			device=$device,unarmed=on
		fi
		qemu_args+=(-object "$options" -device "$device")
	done
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
