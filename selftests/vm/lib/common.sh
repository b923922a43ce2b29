# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every script of the test bed shares: where things lie, how to report a
# step, how to lock. Sourced, never run. Callers have set -eu in force.

# A cancelled set -e (inside "if", "||") would let a failed step pass unseen,
# so no function here that does work is called in a condition.

vm_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
top_dir=$(cd "$vm_dir/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/fmapfs
me=${0##*/}

say() { printf '%s: %s\n' "$me" "$*" >&2; }

die() {
	say "$*"
	exit "${die_status:-1}"
}

# job COMMAND [ARG...]: do it; its status is in job_status. If this script is
# ended meanwhile, so is COMMAND: while something runs in the foreground, traps
# have to wait. set -e holds in functions, too. It has a process group of its own,
# and so no terminal to read from.
job() {
	job_status=0
	set -m
	"$@" &
	job_pid=$!
	set +m
	wait "$job_pid" || job_status=$?
	job_pid=
}

# step LOG TEXT COMMAND [ARG...]: say what is done, do it with its output in
# LOG, and show the end of LOG when it fails.
step() {
	local log=$1 text=$2

	shift 2
	say "$text"
	printf '\n== %s\n' "$text" >>"$log"
	job "$@" </dev/null >>"$log" 2>&1
	if [ "$job_status" != 0 ]; then
		tail -n 40 "$log" | sed 's/^/    /' >&2
		die "failed: $text (all of it is in $log)"
	fi
}

# A process group. Not all end by SIGTERM: process 1 of a namespace does not.
stop_group() {
	local n=0

	kill -TERM -- "-$1" 2>/dev/null || return 0
	while kill -0 -- "-$1" 2>/dev/null && [ "$n" -lt 50 ]; do
		n=$((n + 1))
		sleep 0.1
	done
	kill -KILL -- "-$1" 2>/dev/null || true
}

# What a script has to undo when it ends early: a directory half made, a job
# still running.
undo=
job_pid=
cleanup() {
	[ -z "$job_pid" ] || stop_group "$job_pid"
	[ -z "$undo" ] || rm -rf --one-file-system "$undo"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# lock NAME [-s]: take the lock NAME until this process ends; -s: shared.
lock() {
	local name=${1//\//_} fd

	mkdir -p "$cache/locks"
	exec {fd}>"$cache/locks/$name"
	if ! flock -n ${2:+"$2"} "$fd"; then
		say "waiting for another run that uses $1"
		flock ${2:+"$2"} "$fd"
	fi
	# shellcheck disable=SC2034 # for unlock()
	lock_fd=$fd
}

unlock() {
	exec {lock_fd}>&-
}

# prune DIR KEEP: remove of DIR what no run has used for three days, and what is
# left of runs that were killed. KEEP stays.
prune() {
	local entry

	find "$1" -mindepth 1 -maxdepth 1 -type d ! -path "$2" -mtime +3 |
		while read -r entry; do
		[ -n "$(find "$entry" -maxdepth 1 -name used -mtime -3)" ] ||
			rm -rf --one-file-system "$entry"
	done
}

# Where the builds of this source tree lie: two clones must not mix.
tree_key() {
	printf '%s' "$top_dir" | sha256sum | cut -c1-12
}

need_root() {
	[ "$(id -u)" = 0 ] || die "must be run as root (chroot, mounts)"
}
