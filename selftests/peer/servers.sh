# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Start a libfuse server on the in-tree fuse ("fuse") or on "fmapfs", and end it.
# Sourced, after tap.sh.
#
#	serve fmapfs passthrough_ll -o source=/src @
#	...; ended

libfuse=$dir/peer/libfuse
mnt=$tmp/mnt
server=
mkdir "$mnt"

mounted() { awk -v dir="$mnt" '$5 == dir { found = 1 } END { exit !found }' /proc/self/mountinfo; }
unmounted() { ! mounted; }
answers() { mounted && stat -f "$mnt" >/dev/null 2>&1; }

# An option of passthrough_hp, where it has it: reads and writes come to the server.
# fmapfs has no other way; of the other, in the in-tree fuse of 7.3, lockdep says that it
# may deadlock (write(2) with the inode locked waits for freezing, which splice(2)
# holds off while it waits for the inode), and is silent from then on.
not_past_it() {
	"$libfuse/passthrough_hp" --help 2>&1 | grep -o -m 1 -e --nopassthrough || true
}

# serve TYPE PROGRAM [ARG...]: "@" is where it mounts; $options are those of the
# mount, $tap what is preloaded. What it says is in $tmp/server.
options=
serve() {
	local type=$1 program=$libfuse/$2 args=() run=() arg

	shift 2
	for arg; do
		[ "$arg" != @ ] || arg=$mnt
		args+=("$arg")
	done
	if [ "$type" = fuse ]; then
		modprobe fuse
	else
		run=(fmapfs-run)
	fi
	LD_PRELOAD=${tap:-} "${run[@]}" "$program" "${args[@]}" ${options:+-o "$options"} >"$tmp/server" 2>&1 &
	server=$!
	until_true answers_or_ended
	if ! answers; then
		say "$program did not start: $(cat "$tmp/server")"
		return 1
	fi
}
answers_or_ended() { answers || ! kill -0 "$server" 2>/dev/null; }

# Unmounting ends the server, with status 0.
ended() {
	until_true umount "$mnt"
	wait "$server"
	server=
}

clean_up() {
	[ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
	umount -l "$mnt" 2>/dev/null || true
	[ -z "$server" ] || wait "$server" 2>/dev/null || true
	server=
}
