# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The results of many commands: each prints a line "ok - NAME" or "not ok -
# NAME", all are counted. Needs common.sh.

# Counted from the file, since some results come from jobs in the background.
results_start() {
	results_dir=$1
	rm -rf "$results_dir"
	mkdir -p "$results_dir"
	: >"$results_dir/lines"
}

result() { # result ok|"not ok" NAME [TEXT]
	printf '%s - %s\n' "$1" "$2" >>"$results_dir/lines"
	printf '%s - %s%s\n' "$1" "$2" "${3:+ ($3)}"
}

# expect NAME COMMAND...: COMMAND succeeds; else its output is shown.
expect() {
	local name=$1 log status=0 start=$SECONDS

	shift
	log=$results_dir/$(tr -c 'a-zA-Z0-9.\n' - <<<"$name").log
	"$@" </dev/null >"$log" 2>&1 &
	wait $! || status=$?
	if [ "$status" = 0 ]; then
		result ok "$name" "$((SECONDS - start)) s"
	else
		result "not ok" "$name" "status $status, $((SECONDS - start)) s"
		sed 's/^/#   /' "$log"
	fi
	return 0
}

# each_result PREFIX: passes stdin through, counting its results under PREFIX.
each_result() {
	local line

	while read -r line; do
		case $line in
		"ok - "*) result ok "$1: ${line#ok - }" ;;
		"not ok - "*) result "not ok" "$1: ${line#not ok - }" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done
}

# The last line, and the status.
results_end() {
	local passed failed

	passed=$(grep -c '^ok ' "$results_dir/lines" || true)
	failed=$(grep -c '^not ok ' "$results_dir/lines" || true)
	if [ "$failed" != 0 ]; then
		echo "failed:"
		sed -n 's/^not ok - /    /p' "$results_dir/lines"
	fi
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" != 0 ]
}
