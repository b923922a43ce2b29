# SPDX-License-Identifier: GPL-2.0-only
#
# awk -v kernel=RELEASE -f requests.awk RULES IN-TREE-LOG FMAPFS-LOG: tell the
# calls for which the server got other requests (the logs: see tap.c), but for
# what RULES lists, a line each:
#	ERE of kernels :: of calls :: of in-tree requests :: of fmapfs's :: reason
# Of a call that differs, requests that match are left out ("-": none do); the
# rest must agree. Status 1: there is such a call.
#
# Left out from the start: what is before the first call and after the last
# (mounting, INIT, the walk, DESTROY), and the STATFS between two calls, which is
# peer's. READs that go on where the last one ends are made one: how many there
# are is what readahead has found best.

function rule(   part) {
	if (split($0, part, " :: ") != 5) {
		print "no rule: " $0
		wrong = 1
	} else if (kernel ~ part[1]) {
		rules++
		calls[rules] = part[2]
		left[rules] = part[3]
		right[rules] = part[4]
		reason[rules] = part[5]
	}
}

function field(request, name) {
	if (!match(request, " " name "=[0-9]+"))
		return ""
	return substr(request, RSTART + length(name) + 2, RLENGTH - length(name) - 2)
}

# All but where and how much.
function kind(request) {
	sub(/ offset=[0-9]+ size=[0-9]+/, "", request)
	return request
}

function add(request,   last) {
	opcode = request
	sub(/ .*/, "", opcode)
	count[log_number, opcode]++
	if (!(opcode in seen)) {
		seen[opcode] = 1
		order[++opcodes] = opcode
	}
	last = list[n]
	if (n && opcode == "READ" && kind(last) == kind(request) &&
	    field(last, "offset") + field(last, "size") == field(request, "offset") + 0)
		sub(/ size=[0-9]+/, sprintf(" size=%.0f", field(last, "size") + \
		    field(request, "size")), list[n])
	else
		list[++n] = request
}

function end_call(   i) {
	if (call == "")
		return
	if (n && list[n] ~ /^STATFS /) {
		count[log_number, "STATFS"]--
		n--
	}
	lines[log_number]++
	name[log_number, lines[log_number]] = call
	for (i = 1; i <= n; i++)
		request[log_number, lines[log_number], i] = list[i]
	requests[log_number, lines[log_number]] = n
}

# The requests of call @i, without those of rule @r, and of those before it.
function rest(log_number, i, r,   text, j, k, out) {
	for (j = 1; j <= requests[log_number, i]; j++) {
		out = 0
		for (k = 1; k <= r; k++)
			if (matches[k] && request[log_number, i, j] ~ \
			    (log_number == 1 ? left[k] : right[k]))
				out = 1
		if (!out)
			text = text "\n    " request[log_number, i, j]
	}
	return text
}

# By the fewest rules, in their order.
function listed(i,   r) {
	for (r = 1; r <= rules; r++) {
		matches[r] = name[1, i] ~ calls[r]
		if (matches[r] && rest(1, i, r) == rest(2, i, r)) {
			used[r]++
			return 1
		}
	}
	return 0
}

FILENAME == ARGV[1] {
	if ($0 !~ /^(#|$)/)
		rule()
	next
}

FNR == 1 {
	log_number++
	call = ""
	n = 0
}

/^call / {
	end_call()
	call = $0 == "call end" ? "" : substr($0, 6)
	n = 0
	next
}

call != "" { add($0) }

END {
	if (!lines[1] || lines[1] != lines[2]) {
		print "in-tree has " lines[1] + 0 " calls, fmapfs " lines[2] + 0
		wrong = 1
	}
	for (i = 1; i <= lines[1]; i++) {
		if (rest(1, i, 0) == rest(2, i, 0) || listed(i))
			continue
		if (++different <= 12)
			print name[1, i] "\n  in-tree:" rest(1, i, 0) "\n  fmapfs:" \
				rest(2, i, 0)
	}
	for (i = 1; i <= opcodes; i++) {
		a = count[1, order[i]] + 0
		b = count[2, order[i]] + 0
		if (!a && !b)
			continue
		text = text (text != "" ? ", " : "") order[i] " " a (a == b ? "" : "/" b)
	}
	print "requests (in-tree/fmapfs, if not the same): " text
	for (i = 1; i <= rules; i++)
		if (used[i])
			print "of " used[i] " calls they differ, as listed: " reason[i]
	print "requests of " lines[1] + 0 " calls, of " different + 0 " they differ"
	exit different || wrong
}
