# SPDX-License-Identifier: GPL-2.0-only
#
# Passes on what kmemleak finds, but for the name of a slab cache that sysfs had no
# memory for: 6.12 forgets it when it gives up making the cache (sysfs_slab_add() in
# mm/slub.c; 7.3 does not give up), and nomem_mount_test has it do so.

function tell()
{
	if (report != "" && !theirs)
		printf "%s", report
	report = ""
	theirs = 0
}

/^unreferenced object / {
	tell()
}

/ kobject_init_and_add\+/ {
	added = NR
}

/ sysfs_slab_add\+/ && added == NR - 1 {
	theirs = 1
}

{
	report = report $0 "\n"
}

END {
	tell()
}
