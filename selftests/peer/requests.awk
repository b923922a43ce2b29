# SPDX-License-Identifier: GPL-2.0-only
#
# awk -v kernel="RELEASE [without readahead]" -f requests.awk RULES IN-TREE-LOG
# FMAPFS-LOG: tell the calls for which the server got other requests (the logs: see
# tap.c), but for what RULES lists, a line each:
#	ERE of kernels :: of calls :: of in-tree requests :: of fmapfs's :: reason
# Of a call that differs, requests that the other side has not are left out if they
# match ("-": none do); the rest must agree. Status 1: there is such a call.
#
# "later" for fmapfs's: what it has left out, it may send from then on, once, unless
# both have sent it meanwhile: one of the same opcode, of the same node. Within a
# call the order of these does not matter.
#
# Left out from the start: what is before the first call and after the last
# (mounting, INIT, the walk, DESTROY), and the STATFS between two calls, which is
# peer's. READs that go on where the last one ends are made one: how many there
# are is what readahead has found best.

# No request is empty.
function none(ere) {
	return ere == "-" ? "^$" : ere
}

function rule(   part) {
	if (split($0, part, " :: ") != 5) {
		print "no rule: " $0
		wrong = 1
	} else if (kernel ~ part[1]) {
		rules++
		calls[rules] = part[2]
		left[rules] = none(part[3])
		right[rules] = none(part[4])
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

# The requests of call @i, a line each.
function all(log_number, i,   text, j) {
	for (j = 1; j <= requests[log_number, i]; j++)
		text = text "\n    " request[log_number, i, j]
	return text
}

# Opcode and node.
function what(text,   words) {
	split(text, words, " ")
	return words[1] " " words[2]
}

# Is it among what may come later, by a rule of those up to @r that match the call?
function may_wait(text, r,   k) {
	for (k = 1; k <= r; k++)
		if (matches[k] && right[k] == "later" && text ~ left[k])
			return 1
	return 0
}

# May one side have @text alone?
function may_differ(text, r, ere,   k) {
	for (k = 1; k <= r; k++)
		if (matches[k] && right[k] != "later" && text ~ ere[k])
			return 1
	return 0
}

# Do the requests of call @i agree, by the rules up to @r?
function agree(i, r,   a, b, key, one, other) {
	split("", same)
	split("", waits)
	a = b = 1
	while (a <= requests[1, i] || b <= requests[2, i]) {
		one = a <= requests[1, i] ? request[1, i, a] : ""
		other = b <= requests[2, i] ? request[2, i, b] : ""
		if (one != "" && may_wait(one, r)) {
			waits[what(one)]++
			a++
		} else if (other != "" && may_wait(other, r)) {
			waits[what(other)]--
			b++
		} else if (one == other) {
			same[what(one)] = 1
			a++
			b++
		} else if (one != "" && may_differ(one, r, left)) {
			a++
		} else if (other != "" && may_differ(other, r, right)) {
			b++
		} else {
			return 0
		}
	}
	for (key in waits)
		if (waits[key] + owed[key] < 0)
			return 0
	for (key in same)
		owed[key] = 0
	for (key in waits)
		owed[key] = waits[key] > 0
	return 1
}

# By the fewest rules, in their order.
function listed(i,   r) {
	for (r = 1; r <= rules; r++) {
		matches[r] = name[1, i] ~ calls[r]
		if (matches[r] && agree(i, r)) {
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
		if (agree(i, 0) || listed(i))
			continue
		if (++different <= 12)
			print name[1, i] "\n  in-tree:" all(1, i) "\n  fmapfs:" \
				all(2, i)
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
