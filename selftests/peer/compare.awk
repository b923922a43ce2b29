# SPDX-License-Identifier: GPL-2.0-only
#
# awk -f compare.awk DIFFERENCES IN-TREE-LOG FMAPFS-LOG: tell where they differ,
# but for what DIFFERENCES lists, a line each:
#	ERE of the in-tree line :: ERE of fmapfs's line :: reason
# Status 1: they do. What is listed is counted, too.

function listed(a, b,   i) {
	for (i = 1; i <= rules; i++)
		if (a ~ left[i] && b ~ right[i]) {
			used[i]++
			return 1
		}
	return 0
}

FILENAME == ARGV[1] {
	if ($0 !~ /^(#|$)/) {
		if (split($0, part, " :: ") != 3) {
			print "no rule: " $0
			wrong = 1
		}
		rules++
		left[rules] = part[1]
		right[rules] = part[2]
		reason[rules] = part[3]
	}
	next
}

FILENAME == ARGV[2] { a[++lines] = $0; next }

{
	b = $0
	if (++n > lines || (a[n] != b && !listed(a[n], b))) {
		if (++different <= 12)
			print "in-tree: " a[n] "\nfmapfs:  " b
	}
}

END {
	if (n != lines || !lines) {
		print "in-tree has " lines + 0 " lines, fmapfs " n + 0
		wrong = 1
	}
	for (i = 1; i <= rules; i++)
		if (used[i])
			print used[i] " lines differ, as listed: " reason[i]
	print n + 0 " lines, " different + 0 " differ"
	exit different || wrong
}
