# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# TAP for tests in bash. A test is a function; its first failing command ends it.
#
#	. "$(dirname "$0")/tap.sh"
#	files_are_listed() { mounted; [ "$(ls "$mnt")" = a ]; }
#	run_cases files_are_listed

# shellcheck disable=SC2034 # for the tests
dir=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

say() { echo "# $*"; }

# until_true COMMAND...: poll until it succeeds; fails after a minute, or what
# settings make of that.
until_true() {
	local end=$((SECONDS + 60 * ${TEST_SLOWER:-1}))

	until "$@"; do
		if [ "$SECONDS" -ge "$end" ]; then
			say "did not come about: $*"
			return 1
		fi
		sleep 0.02
	done
}

# fails STATUS COMMAND...: it does, with that status; what it says is in $said.
fails() {
	local want=$1 status=0

	shift
	said=$("$@" 2>&1) || status=$?
	if [ "$status" != "$want" ]; then
		say "status $status, not $want: $*: $said"
		return 1
	fi
}

# has TEXT PATTERN: a line of the text matches the extended regular expression.
has() {
	if ! grep -Eq -- "$2" <<<"$1"; then
		say "\"$2\" is not in: $1"
		return 1
	fi
}

same() { # same GOT WANT
	if [ "$1" != "$2" ]; then
		say "\"$1\" is not \"$2\""
		return 1
	fi
}

run_cases() {
	local number=0 failed=0 case status

	echo "TAP version 13"
	echo "1..$#"
	for case; do
		number=$((number + 1))
		# Not in a condition, where "set -e" would not hold.
		(set -eE; trap 'say "line $LINENO: $BASH_COMMAND"' ERR; "$case") 2>&1
		status=$?
		clean_up
		if [ "$status" = 0 ]; then
			echo "ok $number - $case"
		else
			echo "not ok $number - $case"
			failed=1
		fi
	done
	exit $failed
}
