// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layout files with mistakes. For each class of mistake:
 *
 *   1. No layout comes of it.
 *   2. The message says where (line, column), what is wrong and what would be
 *      right, in exactly these words.
 *   3. All mistakes of a file are reported in one run, in the order of the file.
 */
#include "layouts.h"

/* Lines 1 and 2 of most files here; 1 GiB and 4 GiB. */
#define DEVICES "devices:\n" \
	"  - { path: /dev/pmem0 }\n" \
	"  - { path: /dev/pmem1 }\n"	/* lines 1 to 3 */
#define FILES	DEVICES "files:\n"	/* line 4 */
/* A file of one extent, which is right; line 5 when it comes first. */
#define GOOD	"  - { path: /good, size: 2M, extents: [{ device: 0, offset: 512M, length: 2M }] }\n"
#define EXTENTS	"extents: [{ device: 1, offset: 0, length: 2M }] }\n"

struct wrong {
	const char *text;
	const char *mistakes;
};

static void check(const struct wrong *wrong, unsigned int count)
{
	struct layout *layout;
	char *mistakes;
	unsigned int i;

	for (i = 0; i < count; i++) {
		layout = layout_of(wrong[i].text, &mistakes);
		if (strcmp(mistakes, wrong[i].mistakes))
			print_error("%s", wrong[i].text);
		assert_string_equal(mistakes, wrong[i].mistakes);
		assert_null(layout);
		free(mistakes);
	}
}

#define CHECK(wrong)	check(wrong, ARRAY_SIZE(wrong))

static void what_is_not_yaml_is_refused(void **state)
{
	static const struct wrong wrong[] = {
		{ "", "l: error: empty; a layout has 'devices' and 'files'\n" },
		{ "# nothing\n",
		  "l: error: empty; a layout has 'devices' and 'files'\n" },
		{ "files: [\n", "l:2:1: error: not YAML: while parsing a flow node, did not find expected node content (blanks indent, tabs may not; a list item is '- ')\n" },
		{ "files:\n\t- path: /a\n", "l:2:1: error: not YAML: while scanning for the next token, found character that cannot start any token (blanks indent, tabs may not; a list item is '- ')\n" },
		{ "files: *a\n", "l:1:8: error: not YAML: found undefined alias (blanks indent, tabs may not; a list item is '- ')\n" },
		{ "files: []\n---\nfiles: []\n",
		  "l:3:1: error: a second document; a layout is one\n" },
		{ "files: \xff\n", "l: error: not a text in UTF-8: invalid leading UTF-8 octet at byte 7\n" },
	};

	(void)state;
	CHECK(wrong);
}

static void wrong_shapes_are_refused(void **state)
{
	static const struct wrong wrong[] = {
		{ "- a\n",
		  "l:1:1: error: the file: is a list; must be a mapping (key: value)\n" },
		{ "hello\n",
		  "l:1:1: error: the file: is a plain value; must be a mapping (key: value)\n" },
		{ "files: yes\n",
		  "l:1:8: error: files: is a plain value; must be a list\n" },
		{ "files:\ndevices:\n  - path: [a]\n",
		  "l:1:7: error: files: has no value; must be a list\n"
		  "l:3:11: error: devices[0].path: is a list; must be a plain value\n" },
		{ "files:\n  - path: a\n    stripe: [a]\n",
		  "l:3:13: error: files[0].stripe: is a list; must be a mapping (key: value)\n" },
		{ "files:\n  - path: a\n    mode:\n    size: {a: b}\n",
		  "l:3:10: error: files[0].mode: has no value; must be a plain value\n"
		  "l:4:11: error: files[0].size: is a mapping (key: value); must be a plain value\n" },
		{ "files:\n  - path: a\n    path: b\n",
		  "l:3:5: error: files[0].path: is given twice, first in line 2\n" },
		{ "files:\n  - path: \"a\\0b\"\n",
		  "l:2:11: error: files[0].path: has a NUL character in it\n" },
		{ "devices: []\n",
		  "l: error: 'files' is missing; a layout lists 'devices' and 'files' ('files: []' if there are none)\n" },
	};

	(void)state;
	CHECK(wrong);
}

static void unknown_keys_are_refused(void **state)
{
	static const struct wrong wrong[] = {
		{ "file: []\nfiles: []\n",
		  "l:1:1: error: unknown key 'file'; known here are: devices, directories, files\n" },
		{ FILES "  - path: /a\n    size: 2M\n    extents:\n"
		  "      - device: 0\n        ofset: 0\n        length: 2M\n",
		  "l:8:9: error: files[0].extents[0]: 'offset' is missing\n"
		  "l:9:9: error: files[0].extents[0]: unknown key 'ofset'; known here are: device, offset, length\n" },
		/* Other mistakes are found all the same. */
		{ FILES "  - { pathh: a, size: 9Q, "
		  "extents: [{ device: 0, offset: 1, length: 4K }] }\n",
		  "l:5:5: error: files[0]: 'path' is missing\n"
		  "l:5:7: error: files[0]: unknown key 'pathh'; known here are: path, mode, owner, group, size, truncate, from, extents, stripe, stripes\n"
		  "l:5:23: error: files[0].size: '9Q' is no size; a size is a number of bytes, decimal or 0x..., perhaps with K, M, G or T after it: 2M\n"
		  "l:5:58: error: files[0].extents[0].offset: 1 is not a multiple of the page size, 4096; 0 and 4K are\n" },
		{ "files: []\n? [a]\n: b\n",
		  "l:2:3: error: unknown key '?'; known here are: devices, directories, files\n" },
	};

	(void)state;
	CHECK(wrong);
}

static void missing_keys_are_reported(void **state)
{
	static const struct wrong wrong[] = {
		{ FILES "  - path: /a\n",
		  "l:5:5: error: files[0]: has none of extents, stripe, stripes and from; must have exactly one\n" },
		{ FILES "  - { extents: [{}] }\n",
		  "l:5:5: error: files[0]: 'path' is missing\n"
		  "l:5:5: error: files[0]: 'size' is missing\n"
		  "l:5:17: error: files[0].extents[0]: 'device' is missing\n"
		  "l:5:17: error: files[0].extents[0]: 'offset' is missing\n"
		  "l:5:17: error: files[0].extents[0]: 'length' is missing\n" },
		{ FILES "  - { path: a, size: 1M, stripe: { strips: [{ device: 0, offset: 0, length: 2M }] } }\n",
		  "l:5:34: error: files[0].stripe: 'chunk' is missing\n" },
		{ FILES "  - { path: a, size: 1M, stripe: { chunk: 2M } }\n",
		  "l:5:34: error: files[0].stripe.strips: has 0 entries; must have 1 to 65536\n" },
		{ FILES "  - { path: a, size: 1M, extents: [] }\n",
		  "l:5:35: error: files[0].extents: has 0 entries; must have 1 to 65536\n" },
		{ FILES "  - { path: a, size: 1M, stripes: [] }\n",
		  "l:5:35: error: files[0].stripes: has 0 entries; must have 1 to 65536\n" },
		{ "files: []\ndevices: [{}]\ndirectories: [{}]\n",
		  "l:2:11: error: devices[0]: has none of path, namespace and daxdev; must have exactly one\n"
		  "l:3:15: error: directories[0]: 'path' is missing\n" },
	};

	(void)state;
	CHECK(wrong);
}

static void wrong_values_are_refused(void **state)
{
	static const struct wrong wrong[] = {
		{ FILES "  - { path: a, mode: 0689, owner: nobody-such, group: -1, size: 2M, truncate: yes, " EXTENTS,
		  "l:5:22: error: files[0].mode: '0689' is no mode; must be octal, 0 to 7777, such as 0644\n"
		  "l:5:35: error: files[0].owner: there is no user 'nobody-such'; must be a name or a number\n"
		  "l:5:55: error: files[0].group: there is no group '-1'; must be a name or a number\n"
		  "l:5:79: error: files[0].truncate: 'yes' is unknown; must be refuse or keep\n" },
		{ FILES "  - { path: a, owner: 4294967295, size: 0x8000000000000000, " EXTENTS,
		  "l:5:23: error: files[0].owner: there is no user '4294967295'; must be a name or a number\n"
		  "l:5:41: error: files[0].size: '0x8000000000000000' is too large; a file must be below 2^63 bytes\n" },
		{ FILES "  - { path: a, size: 16777216T, " EXTENTS,
		  "l:5:22: error: files[0].size: '16777216T' is too large; must be below 2^64 bytes\n" },
		{ FILES "  - { path: a, size: 3M, " EXTENTS,
		  "l:5:22: error: files[0].size: 3M is larger than the 2M that its extents cover\n" },
		{ FILES "  - { path: a, size: 1, from: /etc/passwd, " EXTENTS,
		  "l:5:5: error: files[0]: has several of extents, stripe, stripes and from; must have exactly one\n" },
	};

	(void)state;
	CHECK(wrong);
}

static void wrong_host_files_are_refused(void **state)
{
	static const struct wrong wrong[] = {
		{ "files:\n  - { path: a, from: etc/passwd, size: 1 }\n"
		  "  - { path: b, from: /nowhere/at/all, truncate: keep }\n"
		  "  - { path: c, from: /dev/null }\n"
		  "  - { path: d, from: /usr }\n",
		  "l:2:22: error: files[0].from: etc/passwd: must be an absolute path\n"
		  "l:2:40: error: files[0].size: a file with 'from' is what it is on the host; leave 'size' out\n"
		  "l:3:22: error: files[1].from: /nowhere/at/all: No such file or directory\n"
		  "l:3:49: error: files[1].truncate: a file with 'from' is what it is on the host; leave 'truncate' out\n"
		  "l:4:22: error: files[2].from: /dev/null: must be a regular file\n"
		  "l:5:22: error: files[3].from: /usr: must be a regular file\n" },
	};

	(void)state;
	CHECK(wrong);
}

#define BECAUSE	"; must be names with single slashes between, such as /models/a.bin\n"

static void wrong_paths_are_refused(void **state)
{
	static const struct wrong wrong[] = {
		{ "directories:\n"
		  "  - path: /a/../b\n"
		  "  - path: ..\n"
		  "  - path: ./a\n"
		  "  - path: a//b\n"
		  "  - path: //a\n"
		  "  - path: a/\n"
		  "files: []\n",
		  "l:2:11: error: directories[0].path: '/a/../b' has a component '..'" BECAUSE
		  "l:3:11: error: directories[1].path: '..' has a component '..'" BECAUSE
		  "l:4:11: error: directories[2].path: './a' has a component '.'" BECAUSE
		  "l:5:11: error: directories[3].path: 'a//b' has an empty component (a slash too many)" BECAUSE
		  "l:6:11: error: directories[4].path: '//a' has an empty component (a slash too many)" BECAUSE
		  "l:7:11: error: directories[5].path: 'a/' has an empty component (a slash too many)" BECAUSE },
		{ FILES "  - { path: /, size: 2M, " EXTENTS,
		  "l:5:13: error: files[0].path: '/' is the root, which is a directory\n" },
	};

	(void)state;
	CHECK(wrong);
}

static void long_names_are_refused(void **state)
{
	char text[6000], *p, *mistakes;
	unsigned int i;

	(void)state;
	p = text + sprintf(text, "files: []\ndirectories:\n  - path: /");
	memset(p, 'x', 256);
	strcpy(p + 256, "\n");
	assert_null(layout_of(text, &mistakes));
	assert_non_null(strstr(mistakes, "l:3:11: error: directories[0].path: "));
	assert_non_null(strstr(mistakes, "has a component of more than 255 bytes"));
	free(mistakes);
	for (i = 0; i < 2048; i++)
		p += sprintf(p, "a/");
	strcpy(p, "a\n");
	assert_null(layout_of(text, &mistakes));
	assert_non_null(strstr(mistakes, "has more than 4095 bytes"));
	free(mistakes);
}

static void paths_that_collide_are_refused(void **state)
{
	static const struct wrong wrong[] = {
		{ FILES "  - { path: /a, size: 2M, extents: [{ device: 0, offset: 0, length: 2M }] }\n"
		  "  - { path: a, size: 2M, " EXTENTS,
		  "l:6:13: error: files[1].path: /a is there already: files[0] (line 5)\n" },
		{ FILES GOOD "directories:\n  - path: good\n  - path: d\n  - path: /d\n",
		  "l:5:13: error: files[0].path: /good is there already: directories[0] (line 7)\n"
		  "l:9:11: error: directories[2].path: /d is there already: directories[1] (line 8)\n" },
		/* Whichever comes first, the one below is the one that is wrong. */
		{ FILES "  - { path: /good/sub/x, size: 2M, " EXTENTS GOOD,
		  "l:5:13: error: files[0].path: /good/sub/x lies below /good, which is a file: files[1] (line 6)\n" },
		{ FILES GOOD "directories: [{ path: good/x }]\n",
		  "l:6:23: error: directories[0].path: /good/x lies below /good, which is a file: files[0] (line 5)\n" },
	};

	(void)state;
	CHECK(wrong);
}

static void wrong_devices_are_refused(void **state)
{
	static const struct wrong wrong[] = {
		{ "files: []\ndevices:\n  - path: /dev/none\n  - daxdev: dax1.0\n"
		  "  - { path: /dev/pmem0, daxdev: dax0.0 }\n",
		  "l:3:11: error: devices[0].path: there is none\n"
		  "l:4:13: error: devices[1].daxdev: is bound to device_dax\n"
		  "      echo unbind\n"
		  "l:5:5: error: devices[2]: has several of path, namespace and daxdev; must have exactly one\n" },
		{ "files: []\ndevices:\n  - path: /dev/pmem0\n  - namespace: " MADE_UP_UUID "\n"
		  "  - path: /dev/pmem1\n  - path: /dev/pmem0p1\n",
		  "l:4:16: error: devices[1].namespace: /dev/pmem0 is the same memory as devices[0] (line 3), /dev/pmem0; list it once\n"
		  "l:6:11: error: devices[3].path: /dev/pmem0p1 is the same memory as devices[0] (line 3), /dev/pmem0; list it once\n"
		  "l:6:11: error: devices[3].path: /dev/pmem0p1 is the same memory as devices[1] (line 4), /dev/pmem0; list it once\n" },
		{ FILES "  - path: a\n    size: 1\n    extents:\n"
		  "      - { device: 2, offset: 0, length: 4K }\n"
		  "      - { device: pmem0, offset: 4K, length: 4K }\n"
		  "      - { device: 99999999999999999999, offset: 4K, length: 4K }\n",
		  "l:8:19: error: files[0].extents[0].device: there is no device 2: 'devices' lists 2, counted from 0, so the last is 1\n"
		  "l:9:19: error: files[0].extents[1].device: 'pmem0' is no number; a device is named by its place in 'devices', counted from 0\n"
		  "l:10:19: error: files[0].extents[2].device: there is no device 99999999999999999999: 'devices' lists 2, counted from 0, so the last is 1\n" },
		{ "files:\n  - { path: a, size: 1, extents: [{ device: 0, offset: 0, length: 4K }] }\n",
		  "l:2:45: error: files[0].extents[0].device: there is no device 0: 'devices' lists none\n" },
	};

	(void)state;
	CHECK(wrong);
}

static void more_than_64_devices_are_refused(void **state)
{
	char text[4000] = "files: []\ndevices:\n", *mistakes;
	unsigned int i;

	(void)state;
	for (i = 0; i < 65; i++)
		strcat(text, i ? "  - path: /x\n" : "  - path: /dev/pmem0\n");
	assert_null(layout_of(text, &mistakes));
	assert_non_null(strstr(mistakes, "l:67:5: error: devices: 65 are listed; a mount can have 64 at most\n"));
	assert_non_null(strstr(mistakes, "devices[63].path"));
	assert_null(strstr(mistakes, "devices[64].path"));
	free(mistakes);
}

static void wrong_ranges_are_refused(void **state)
{
	static const struct wrong wrong[] = {
		{ FILES "  - path: a\n    size: 1\n    extents:\n"
		  "      - { device: 0, offset: 10000, length: 2M }\n"
		  "      - { device: 0, offset: 4M, length: 4097 }\n"
		  "      - { device: 0, offset: 8M, length: 0 }\n"
		  "      - { device: 0, offset: 12M, length: -4K }\n"
		  "      - { device: 0, offset: 0xfffffffffffff000, length: 4K }\n",
		  "l:8:30: error: files[0].extents[0].offset: 10000 is not a multiple of the page size, 4096; 8K and 12K are\n"
		  "l:9:42: error: files[0].extents[1].length: 4097 is not a multiple of the page size, 4096; 4K and 8K are\n"
		  "l:10:42: error: files[0].extents[2].length: must not be 0\n"
		  "l:11:43: error: files[0].extents[3].length: '-4K' is no size; a size is a number of bytes, decimal or 0x..., perhaps with K, M, G or T after it: 2M\n"
		  "l:12:58: error: files[0].extents[4].length: offset + length is 2^64 or more\n" },
		{ FILES "  - path: a\n    size: 1\n    extents:\n"
		  "      - { device: 0, offset: 1022M, length: 2M }\n"
		  "      - { device: 0, offset: 1020M, length: 2M }\n"
		  "  - path: b\n    size: 1\n    extents:\n"
		  "      - { device: 0, offset: 1G, length: 4K }\n"
		  "      - { device: 1, offset: 3G, length: 0x40001000 }\n",
		  "l:13:9: error: files[1].extents[0]: ends at 1048580K, beyond the end of device 0, /dev/pmem0, which has 1G (1073741824 bytes)\n"
		  "l:14:9: error: files[1].extents[1]: ends at 4194308K, beyond the end of device 1, /dev/pmem1, which has 4G (4294967296 bytes)\n" },
	};

	(void)state;
	CHECK(wrong);
}

static void overlaps_are_refused(void **state)
{
	static const struct wrong wrong[] = {
		{ FILES "  - path: a\n    size: 1\n    extents:\n"
		  "      - { device: 0, offset: 0, length: 4M }\n"
		  "      - { device: 1, offset: 0, length: 4M }\n"
		  "      - { device: 0, offset: 2M, length: 4K }\n"
		  "  - path: b\n    size: 1\n    extents:\n"
		  "      - { device: 0, offset: 4M, length: 4M }\n"
		  "      - { device: 1, offset: 0x3ff000, length: 8K }\n",
		  "l:10:9: error: files[0].extents[2]: overlaps files[0].extents[0] (line 8): both have bytes 2M to 2052K of device 0; each byte may be in one place only\n"
		  "l:15:9: error: files[1].extents[1]: overlaps files[0].extents[1] (line 9): both have bytes 4092K to 4M of device 1; each byte may be in one place only\n" },
		/* One that reaches over several; the file is the wrong way round. */
		{ FILES "  - { path: a, size: 1, extents: [{ device: 0, offset: 8M, length: 4K }] }\n"
		  "  - { path: b, size: 1, extents: [{ device: 0, offset: 6M, length: 4K }] }\n"
		  "  - { path: c, size: 1, extents: [{ device: 0, offset: 2M, length: 10M }] }\n",
		  "l:7:35: error: files[2].extents[0]: overlaps files[1].extents[0] (line 6): both have bytes 6M to 6148K of device 0; each byte may be in one place only\n"
		  "l:7:35: error: files[2].extents[0]: overlaps files[0].extents[0] (line 5): both have bytes 8M to 8196K of device 0; each byte may be in one place only\n" },
		/* An extent with a strip, in a file that is wrong otherwise too. */
		{ FILES GOOD "  - path: b\n    size: 8M\n    stripe:\n      chunk: 3M\n"
		  "      strips:\n        - { device: 0, offset: 510M, length: 4M }\n",
		  "l:9:14: error: files[1].stripe.chunk: '3M' will not do; must be a power of two, from the page size, 4096, to 2G\n"
		  "l:11:11: error: files[1].stripe.strips[0]: overlaps files[0].extents[0] (line 5): both have bytes 512M to 514M of device 0; each byte may be in one place only\n" },
	};

	(void)state;
	CHECK(wrong);
}

#define STRIPE(chunk, a, b) FILES "  - path: a\n    size: 7M\n    stripe:\n" \
	"      chunk: " chunk "\n      strips:\n" \
	"        - { device: 0, offset: 0, length: " a " }\n" \
	"        - { device: 1, offset: 0, length: " b " }\n"
#define CHUNK	" will not do; must be a power of two, from the page size, 4096, to 2G\n"

static void wrong_stripes_are_refused(void **state)
{
	static const struct wrong wrong[] = {
		{ STRIPE("0", "4M", "4M"),
		  "l:8:14: error: files[0].stripe.chunk: '0'" CHUNK },
		{ STRIPE("2K", "4M", "4M"),
		  "l:8:14: error: files[0].stripe.chunk: '2K'" CHUNK },
		{ STRIPE("12K", "4M", "4M"),
		  "l:8:14: error: files[0].stripe.chunk: '12K'" CHUNK },
		/* 32 bits on the wire: it must not be taken modulo 2^32. */
		{ STRIPE("0x100001000", "4M", "4M"),
		  "l:8:14: error: files[0].stripe.chunk: '0x100001000'" CHUNK },
		{ STRIPE("1M", "4M", "2M"),
		  "l:11:43: error: files[0].stripe.strips[1].length: 2M is too short: the stripe is to cover 7M of the file by chunks of 1M over 2 strips\n" },
		{ STRIPE("1M", "2M", "4M"),
		  "l:10:43: error: files[0].stripe.strips[0].length: 2M is too short: the stripe is to cover 7M of the file by chunks of 1M over 2 strips\n" },
		{ STRIPE("1M", "1000", "4M"),
		  "l:10:43: error: files[0].stripe.strips[0].length: 1000 is not a multiple of the page size, 4096; 0 and 4K are\n" },
		{ FILES "  - path: a\n    size: 8M\n    stripes:\n"
		  "      - { chunk: 1M, bytes: 4097, strips: [{ device: 0, offset: 0, length: 2M }] }\n"
		  "      - { chunk: 1M, strips: [{ device: 0, offset: 8M, length: 8M }] }\n",
		  "l:8:29: error: files[0].stripes[0].bytes: 4097 is not a multiple of the page size, 4096; only the last stripe may end within a page\n" },
		{ FILES "  - path: a\n    size: 8M\n    stripes:\n"
		  "      - { chunk: 1M, strips: [{ device: 0, offset: 0, length: 64K }] }\n"
		  "      - { chunk: 1M, bytes: 0, strips: [{ device: 0, offset: 8M, length: 8M }] }\n",
		  "l:8:9: error: files[0].stripes[0]: covers nothing; 'bytes' must not be 0, nor a strip be shorter than a chunk\n"
		  "l:9:9: error: files[0].stripes[1]: covers nothing; 'bytes' must not be 0, nor a strip be shorter than a chunk\n" },
		{ FILES "  - path: a\n    size: 8M\n    stripes:\n"
		  "      - { chunk: 1M, bytes: 2M, strips: [{ device: 0, offset: 0, length: 2M }] }\n"
		  "      - { chunk: 1M, bytes: 2M, strips: [{ device: 0, offset: 8M, length: 8M }] }\n",
		  "l:6:11: error: files[0].size: 8M is larger than the 4M that its stripes cover\n" },
	};

	(void)state;
	CHECK(wrong);
}

static void more_than_65536_extents_are_refused(void **state)
{
	const size_t count = 65537;
	char *text = malloc(100 + count * 64), *p = text, *mistakes;
	size_t i;

	(void)state;
	p += sprintf(p, FILES "  - path: a\n    size: 1\n    extents:\n");
	for (i = 0; i < count; i++)
		p += sprintf(p, "      - {device: 1, offset: %zuK, length: 4K}\n",
			     4 * i);
	assert_null(layout_of(text, &mistakes));
	assert_string_equal(mistakes, "l:8:7: error: files[0].extents: has 65537 entries; must have 1 to 65536\n");
	free(mistakes);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_yaml_is_refused),
		cmocka_unit_test(wrong_shapes_are_refused),
		cmocka_unit_test(unknown_keys_are_refused),
		cmocka_unit_test(missing_keys_are_reported),
		cmocka_unit_test(wrong_values_are_refused),
		cmocka_unit_test(wrong_host_files_are_refused),
		cmocka_unit_test(wrong_paths_are_refused),
		cmocka_unit_test(long_names_are_refused),
		cmocka_unit_test(paths_that_collide_are_refused),
		cmocka_unit_test(wrong_devices_are_refused),
		cmocka_unit_test(more_than_64_devices_are_refused),
		cmocka_unit_test(wrong_ranges_are_refused),
		cmocka_unit_test(overlaps_are_refused),
		cmocka_unit_test(wrong_stripes_are_refused),
		cmocka_unit_test(more_than_65536_extents_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
