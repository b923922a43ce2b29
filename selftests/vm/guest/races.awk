# SPDX-License-Identifier: GPL-2.0-only
#
# Passes the kernel's log through, but for the titles of those reports of KCSAN in
# which the module has no part, neither in the access nor in what led to it: the
# kernel has races of its own. The rest of such a report is no complaint.

function tell()
{
	if (title != "" && ours)
		print title
	title = ""
	ours = 0
}

/BUG: KCSAN: / {
	tell()
	title = $0
	ours = /\[fmapfs\]/
	next
}

title != "" && /\[fmapfs\]/ { ours = 1 }

/==========/ { tell() }

{ print }

END { tell() }
