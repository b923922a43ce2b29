// SPDX-License-Identifier: GPL-2.0-only
/*
 * The map of a pool, and its pictures.
 *
 *   1. The ranges of each device cover it without gaps and overlaps, and say what the
 *      map of free space says; each extent and strip is there once.
 *   2. The figure is well-formed XML, whatever files are called; each extent is drawn,
 *      where it lies and as wide as it is; strips of one file have one colour.
 *   3. A pool of many files makes a figure of bounded size.
 *   4. The picture of a terminal has lines as wide as asked for, and a block is free
 *      only if all of it is.
 */
#include <ctype.h>

#include "tool_image.h"
#include "../../user/tool/map.h"
#include "../../user/tool/text.h"

static struct source source;
static struct map map;
static char *text;
static size_t text_len;

static void open_map(void)
{
	assert_int_equal(image_open(&source, true, false), 0);
	assert_int_equal(source.stop, 0);
	assert_int_equal(map_make(&map, &source), 0);
}

static void close_map(void)
{
	map_free(&map);
	source_close(&source);
	free(text);
	text = NULL;
}

static void draw_svg(void)
{
	FILE *out;

	free(text);
	out = open_memstream(&text, &text_len);
	map_svg(&map, out);
	assert_int_equal(fclose(out), 0);
}

static void draw_term(unsigned int columns, bool colours)
{
	FILE *out;

	free(text);
	out = open_memstream(&text, &text_len);
	map_term(&map, out, columns, colours);
	assert_int_equal(fclose(out), 0);
}

/* ------------------------------------------------------------------------ */

static void ranges_cover_each_device(void **state)
{
	uint64_t sums[4], at;
	unsigned int i;
	size_t k;

	(void)state;
	open_map();
	assert_int_equal(map.ndevices, IMAGES);
	assert_int_equal(map.nfiles, 4);
	for (i = 0; i < map.ndevices; i++) {
		const struct map_device *d = &map.devices[i];

		memset(sums, 0, sizeof(sums));
		for (k = 0, at = 0; k < d->nranges; k++) {
			assert_int_equal(d->ranges[k].off, at);
			assert_true(d->ranges[k].len > 0);
			at += d->ranges[k].len;
			sums[d->ranges[k].kind] += d->ranges[k].len;
		}
		assert_int_equal(at, d->size);
		assert_int_equal(sums[MAP_FILE], d->used);
		assert_int_equal(sums[MAP_FREE], d->free);
		assert_int_equal(sums[MAP_SUPER] + sums[MAP_LOG], d->reserved);
	}
	close_map();
}

static void largest_files_come_first(void **state)
{
	size_t files[3];
	char path[TEXT_PATH_MAX];

	(void)state;
	open_map();
	assert_int_equal(map_largest(&map, files, 3), 3);
	assert_string_equal(map_path(&map, files[0], path), "striped");
	/* Of equals the earlier. */
	assert_string_equal(map_path(&map, files[1], path), "d/simple");
	assert_string_equal(map_path(&map, files[2], path), "last");
	close_map();
}

/* ------------------------------------------------------------------------
 * XML, as far as there is any of it
 */

static const char *skip_name(const char *p)
{
	assert_true(isalpha((unsigned char)*p));
	while (isalnum((unsigned char)*p) || *p == '-' || *p == ':')
		p++;
	return p;
}

/* Text up to @end: no control, no '<', only the entities that there are; UTF-8. */
static const char *skip_text(const char *p, char end)
{
	static const char *const entities[] = { "&amp;", "&lt;", "&gt;", "&quot;" };
	unsigned int i;
	size_t n;

	for (; *p != end; p += n) {
		n = text_utf8(p);
		if (*p == '\n')
			n = 1;
		assert_true(n > 0);
		assert_true(*p != '<' && (*p != '>' || end == '"'));
		for (i = 0; *p == '&' && i < ARRAY_SIZE(entities); i++)
			if (!strncmp(p, entities[i], strlen(entities[i])))
				n = strlen(entities[i]);
		assert_true(*p != '&' || n > 1);
	}
	return p;
}

static const char *skip_attributes(const char *p)
{
	while (*p == ' ') {
		p = skip_name(p + 1);
		assert_memory_equal(p, "=\"", 2);
		p = skip_text(p + 2, '"') + 1;
	}
	return p;
}

/* Elements that are open: their names, in @text. */
static void assert_well_formed(void)
{
	const char *open[32], *p = text, *name;
	unsigned int depth = 0;

	do {
		p = skip_text(p, '<') + 1;
		if (*p == '/') {
			assert_true(depth > 0);
			name = p + 1;
			p = skip_name(name);
			depth--;
			assert_memory_equal(open[depth], name, p - name);
			assert_false(isalnum((unsigned char)open[depth][p - name]));
		} else {
			open[depth++] = p;
			assert_true(depth < 32);
			p = skip_attributes(skip_name(p));
			if (*p == '/') {
				p++;
				depth--;
			}
		}
		assert_int_equal(*p, '>');
		p++;
	} while (depth);
	assert_string_equal(p, "\n");
}

/* Rectangles whose title begins like this; the first's x, width, and colour. */
static unsigned int count_rects(const char *title, double *x, double *width,
				char fill[8])
{
	const char *p = text, *at, *rect;
	unsigned int n = 0;
	char all[512];

	snprintf(all, sizeof(all), "><title>%s", title);
	for (; (p = strstr(p, all)); p++) {
		for (rect = p; *rect != '<'; rect--)
			;
		at = strstr(rect, " fill=\"");
		if (at && at < p && fill)
			memcpy(fill, at + 7, 7);
		if (!n++ && x) {
			*x = atof(strstr(rect, " x=\"") + 4);
			*width = atof(strstr(rect, " width=\"") + 8);
		}
	}
	return n;
}

static void figure_shows_each_extent(void **state)
{
	char fill[4][8] = { "" }, title[64];
	double x, width, all;
	unsigned int i;

	(void)state;
	open_map();
	draw_svg();
	assert_well_formed();
	assert_non_null(strstr(text, "f5f5f5f5-f5f5-f5f5-f5f5-f5f5f5f5f5f5"));
	assert_int_equal(count_rects("superblock: 2M at 0", &x, &width, NULL) > 0, 1);
	all = width * IMAGE_SIZE / (2 * MIB);
	for (i = 0; i < 4; i++) {
		snprintf(title, sizeof(title), "striped, strip %u of 4: 2M at %llu", i + 1,
			 (i < 2 ? 32 : 64) * MIB);
		assert_int_equal(count_rects(title, &x, &width, fill[i]), 1);
		assert_string_equal(fill[i], fill[0]);
		assert_true(width > all / 64 - 1 && width < all / 64 + 1);
	}
	assert_true(count_rects("last, extent 2 of 2: 2M at 132120576", &x, &width,
				fill[1]) > 0);
	assert_true(x > 20 + all * 126 / 128 - 1 && x < 20 + all * 126 / 128 + 1);
	assert_string_not_equal(fill[0], fill[1]);
	assert_true(count_rects("d/simple: 4M at 16777216", NULL, NULL, fill[2]) > 0);
	assert_string_not_equal(fill[1], fill[2]);
	assert_true(count_rects("d/small: 2M at 2097152", NULL, NULL, NULL) > 0);
	assert_true(count_rects("log: 8M at 2097152", NULL, NULL, NULL) > 0);
	assert_true(count_rects("free: ", NULL, NULL, NULL) > 5);
	close_map();
}

static void names_cannot_break_the_figure(void **state)
{
	static const char *const names[] = {
		"<script>", "a&b", "\"quoted'", "]]>", "&lt;", "\001\033[2J", "\xff\xfe",
		"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xef\xbf\xbf", "\xed\xa0\x80",
		"\xc2\x85", "back\\slash", "d/--><!--",
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		image_append_file(names[i], 1, 1, 80 * MIB + i * IMAGE_UNIT, IMAGE_UNIT);
	open_map();
	draw_svg();
	assert_well_formed();
	assert_null(strpbrk(text, "\001\033"));
	assert_true(count_rects("&lt;script&gt;: 2M", NULL, NULL, NULL) > 0);
	assert_true(count_rects("a&amp;b: 2M", NULL, NULL, NULL) > 0);
	assert_true(count_rects("\\001\\033[2J: 2M", NULL, NULL, NULL) > 0);
	assert_true(count_rects("\\377\\376: 2M", NULL, NULL, NULL) > 0);
	assert_true(count_rects("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80: 2M", NULL, NULL,
				NULL) > 0);
	assert_true(count_rects("\\357\\277\\277: 2M", NULL, NULL, NULL) > 0);
	assert_true(count_rects("\\355\\240\\200: 2M", NULL, NULL, NULL) > 0);
	assert_true(count_rects("\\302\\205: 2M", NULL, NULL, NULL) > 0);
	assert_true(count_rects("back\\134slash: 2M", NULL, NULL, NULL) > 0);
	draw_term(100, false);
	assert_null(strpbrk(text, "\001\033\xff"));
	close_map();
}

/* What is made up: a map of many ranges, without a medium. */
static void many_files_make_no_huge_figure(void **state)
{
	const size_t count = 40000;
	struct map_device *d;
	size_t i;

	(void)state;
	open_map();
	d = &map.devices[0];
	free(d->ranges);
	d->ranges = calloc(count, sizeof(*d->ranges));
	d->nranges = count;
	d->size = count * IMAGE_UNIT;
	for (i = 0; i < count; i++)
		d->ranges[i] = (struct map_range){ i * IMAGE_UNIT, IMAGE_UNIT,
			i % 3 ? MAP_FILE : MAP_FREE, 0, i % map.nfiles };
	draw_svg();
	assert_well_formed();
	assert_true(text_len < 1024 * 1024);
	assert_true(strstr(text, "class=\"many\"") != NULL);
	close_map();
}

static void picture_is_as_wide_as_asked(void **state)
{
	unsigned int columns[] = { 40, 80, 200 }, i, rows;
	char *line, *save;
	size_t n;

	(void)state;
	open_map();
	for (i = 0; i < ARRAY_SIZE(columns); i++) {
		draw_term(columns[i], false);
		for (rows = 0, save = text; (line = strsep(&save, "\n"));) {
			if (!*line)
				break;
			if (!strncmp(line, "device", 6))
				continue;
			rows++;
			assert_int_equal(strlen(line), columns[i] - 1);
		}
		assert_int_equal(rows, 4 * IMAGES);
	}
	/* 2 MiB of 128 in blocks of 128 MiB / (4 * 30): not missed. */
	draw_term(40, false);
	n = strspn(text, "\n");
	assert_non_null(strchr(text + n, '@'));
	close_map();
}

static void block_is_free_only_if_all_of_it_is(void **state)
{
	const char *p;
	unsigned int n = 0;

	(void)state;
	/* One unit amidst a device that is free else. */
	open_map();
	draw_term(20, false);
	p = strstr(text, "device 1");
	assert_non_null(p);
	/* Ten in a row, four rows: 3.2 MiB each. The superblock and d/small share the
	 * first two, strips lie in those of 32 and 64 MiB.
	 */
	for (p = strchr(p, '\n'); *p && strncmp(p, "\n\n", 2); p++)
		n += *p == '.' && !isdigit((unsigned char)p[1]);
	assert_true(n >= 34 && n <= 36);
	draw_term(20, true);
	assert_non_null(strstr(text, "\033[38;5;"));
	close_map();
}

#define IMAGE(test) \
	cmocka_unit_test_setup_teardown(test, image_setup, image_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IMAGE(ranges_cover_each_device),
		IMAGE(largest_files_come_first),
		IMAGE(figure_shows_each_extent),
		IMAGE(names_cannot_break_the_figure),
		IMAGE(many_files_make_no_huge_figure),
		IMAGE(picture_is_as_wide_as_asked),
		IMAGE(block_is_free_only_if_all_of_it_is),
	};

	return cmocka_run_group_tests_name("tool_map", tests, NULL, NULL);
}
