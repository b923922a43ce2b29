// SPDX-License-Identifier: GPL-2.0-only
/*
 * What lies where, as a figure: one bar a device, true to scale; below it, where files
 * would be hairs in that, the same once more with large ranges made short; a legend.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "text.h"
#include "tool.h"

/* All in units of the figure, which is so wide. */
#define WIDTH		1000.0
#define MARGIN		20.0
#define INNER		(WIDTH - 2 * MARGIN)
#define TITLE		56.0
#define HEAD		22.0	/* a device's line of text */
#define BAR		34.0
#define SCALE		22.0	/* ticks and their labels */
#define DETAIL		30.0
#define GAP		18.0
#define LEGEND_LINE	18.0
#define LEGEND_COLUMNS	3
#define LEGEND_FILES	24
#define CHARACTER	6.3	/* how wide one is, about */

#define HAIR		0.6	/* what is narrower is drawn so wide */
#define LABEL_MIN	34.0	/* a range that has room for a label */
#define DETAIL_NEEDS	8.0	/* a file's range narrower than this has need of it */
#define DETAIL_MAX	240	/* with more ranges it would be hairs again */

struct svg {
	const struct map *map;
	FILE *out;
	double y;
	bool merge;
};

/* ------------------------------------------------------------------------
 * Numbers, texts, colours
 */

/* As "12.34" in any locale. */
static void put_at(struct svg *svg, const char *name, double value)
{
	long n = lround(value * 100);

	fprintf(svg->out, " %s=\"%s%ld.%02ld\"", name, n < 0 ? "-" : "",
		labs(n) / 100, labs(n) % 100);
}

/* @text: escaped for people already, so that it is UTF-8 without controls. */
static void put_xml(struct svg *svg, const char *text, size_t len)
{
	for (; len && *text; text++, len--) {
		switch (*text) {
		case '&':
			fputs("&amp;", svg->out);
			break;
		case '<':
			fputs("&lt;", svg->out);
			break;
		case '>':
			fputs("&gt;", svg->out);
			break;
		default:
			fputc(*text, svg->out);
		}
	}
}

/* Bytes of as many characters of @text as there is room for in @width. */
static size_t fitting(const char *text, double width, bool *cut)
{
	size_t room = width > 0 ? width / CHARACTER : 0, chars = 0, at = 0, last = 0;

	*cut = false;
	while (text[at]) {
		if (++chars > room) {
			*cut = true;
			return last;
		}
		/* One less, for the ellipsis. */
		if (chars == room)
			last = at;
		at += text_utf8(text + at) ? text_utf8(text + at) : 1;
	}
	return at;
}

static void put_text(struct svg *svg, const char *class, double x, double y,
		     const char *text, double width)
{
	size_t len;
	bool cut;

	len = fitting(text, width, &cut);
	if (!len)
		return;
	fprintf(svg->out, "<text class=\"%s\"", class);
	put_at(svg, "x", x);
	put_at(svg, "y", y);
	fputc('>', svg->out);
	put_xml(svg, text, len);
	fputs(cut ? "…</text>\n" : "</text>\n", svg->out);
}

static unsigned int channel(double hue, double from)
{
	double k = fmod(from + hue / 30, 12), m = fmin(fmin(k - 3, 9 - k), 1);

	/* Of hsl(hue 62% 66%): dark text can be read on it on either ground. */
	return lround(255 * (0.66 - 0.62 * 0.34 * fmax(m, -1)));
}

static void colour_of(size_t file, char buf[8])
{
	double hue = map_hue(file);

	snprintf(buf, 8, "#%02x%02x%02x", channel(hue, 0), channel(hue, 8),
		 channel(hue, 4));
}

/* ------------------------------------------------------------------------
 * Ranges
 */

static void put_what(struct svg *svg, const struct map_range *range)
{
	const struct media_node *node;
	char path[TEXT_PATH_MAX], size[TOOL_HUMAN_MAX];

	switch (range->kind) {
	case MAP_FREE:
		fputs("free", svg->out);
		break;
	case MAP_SUPER:
		fputs("superblock", svg->out);
		break;
	case MAP_LOG:
		fputs("log", svg->out);
		break;
	case MAP_FILE:
		node = svg->map->files[range->file].node;
		map_path(svg->map, range->file, path);
		put_xml(svg, path, strlen(path));
		if (node->nextents > 1)
			fprintf(svg->out, ", %s %" PRIu32 " of %" PRIu32,
				node->map_type == FAMFS_MAP_INTERLEAVED ? "strip" :
				"extent", range->part + 1, node->nextents);
	}
	fprintf(svg->out, ": %s at %" PRIu64, tool_human(range->len, size), range->off);
}

static void put_rect(struct svg *svg, const struct map_range *range, double x,
		     double width, double height)
{
	static const char *const classes[] = {
		[MAP_FREE] = "free", [MAP_SUPER] = "sb", [MAP_LOG] = "log",
		[MAP_FILE] = "file",
	};
	char fill[8];

	fprintf(svg->out, "<rect class=\"%s\"", classes[range->kind]);
	if (range->kind == MAP_FILE) {
		colour_of(range->file, fill);
		fprintf(svg->out, " fill=\"%s\"", fill);
	}
	put_at(svg, "x", x);
	put_at(svg, "y", svg->y);
	put_at(svg, "width", width < HAIR ? HAIR : width);
	put_at(svg, "height", height);
	fputs("><title>", svg->out);
	put_what(svg, range);
	fputs("</title></rect>\n", svg->out);
}

static void put_label(struct svg *svg, const struct map_range *range, double x,
		      double width, double height)
{
	char path[TEXT_PATH_MAX], size[TOOL_HUMAN_MAX], text[32];
	const char *name = "log", *slash;

	if (width < LABEL_MIN || range->kind == MAP_SUPER)
		return;
	if (range->kind == MAP_FREE) {
		snprintf(text, sizeof(text), "%s free", tool_human(range->len, size));
		name = text;
	} else if (range->kind == MAP_FILE) {
		name = map_path(svg->map, range->file, path);
		slash = strrchr(name, '/');
		name = slash ? slash + 1 : name;
	}
	/* A size that is cut would be another size. */
	if (range->kind != MAP_FILE && strlen(name) * CHARACTER > width - 8)
		return;
	put_text(svg, range->kind == MAP_FREE ? "m" : "on", x + 4,
		 svg->y + height / 2 + 4, name, width - 8);
}

/* From @range on what is narrower than a hair, as one. Return: how many these are. */
static size_t put_merged(struct svg *svg, const struct map_device *d,
			 const struct map_range *range, double x)
{
	const struct map_range *end = d->ranges + d->nranges, *r = range;
	uint64_t bytes = 0;
	size_t files = 0;

	for (; r < end && INNER * r->len / d->size < HAIR &&
	     INNER * bytes / d->size < HAIR; r++) {
		bytes += r->len;
		files += r->kind == MAP_FILE;
	}
	if (r - range < 2 || !files)
		return 0;
	fputs("<rect class=\"many\"", svg->out);
	put_at(svg, "x", x);
	put_at(svg, "y", svg->y);
	put_at(svg, "width", fmax(INNER * bytes / d->size, HAIR));
	put_at(svg, "height", BAR);
	fprintf(svg->out, "><title>%zu extents from %" PRIu64 " on</title></rect>\n",
		files, range->off);
	return r - range;
}

static void put_bar(struct svg *svg, const struct map_device *d)
{
	const struct map_range *range = d->ranges, *end = d->ranges + d->nranges;
	double x, width;
	size_t n;

	for (; range < end; range += n) {
		x = MARGIN + INNER * range->off / d->size;
		width = INNER * range->len / d->size;
		n = svg->merge ? put_merged(svg, d, range, x) : 0;
		if (n)
			continue;
		put_rect(svg, range, x, width, BAR);
		n = 1;
	}
	/* Labels on top of all, or what is beside would hide them. */
	for (range = d->ranges; range < end; range++)
		put_label(svg, range, MARGIN + INNER * range->off / d->size,
			  INNER * range->len / d->size, BAR);
	svg->y += BAR;
}

static void put_scale(struct svg *svg, const struct map_device *d)
{
	uint64_t step = 1, at;
	char text[TOOL_HUMAN_MAX];
	double x;

	while (step < d->size / 8)
		step <<= 1;
	for (at = 0; at <= d->size && step; at += step) {
		x = MARGIN + INNER * at / d->size;
		fputs("<path class=\"tick\" d=\"M0 0v5\"", svg->out);
		fprintf(svg->out, " transform=\"translate(%ld %ld)\"/>\n", lround(x),
			lround(svg->y));
		put_text(svg, "m", x + (x > WIDTH - 60 ? -34 : 2), svg->y + 15,
			 tool_human(at, text), 60);
		if (at > UINT64_MAX - step)
			break;
	}
	svg->y += SCALE;
}

/* ------------------------------------------------------------------------
 * Where files would be hairs
 */

static bool needs_detail(const struct map_device *d)
{
	size_t i;

	for (i = 0; i < d->nranges && d->nranges <= DETAIL_MAX; i++)
		if (d->ranges[i].kind == MAP_FILE &&
		    INNER * d->ranges[i].len / d->size < DETAIL_NEEDS)
			return true;
	return false;
}

/* The larger the wider still; but free space, which nobody looks for, not so much. */
static double weight(const struct map_range *range)
{
	return sqrt(range->len) * (range->kind == MAP_FREE ? 0.1 : 1.0);
}

static void put_detail(struct svg *svg, const struct map_device *d)
{
	double sum = 0, x = MARGIN, width, least = INNER / d->nranges / 3;
	size_t i;

	for (i = 0; i < d->nranges; i++)
		sum += weight(&d->ranges[i]);
	put_text(svg, "m", MARGIN, svg->y + 8, "the same, not to scale:", 400);
	svg->y += 13;
	for (i = 0; i < d->nranges; i++, x += width) {
		/* A third of the bar in equal shares, the rest by weight. */
		width = least + (INNER - least * d->nranges) * weight(&d->ranges[i]) / sum;
		put_rect(svg, &d->ranges[i], x, width, DETAIL);
		put_label(svg, &d->ranges[i], x, width, DETAIL);
	}
	svg->y += DETAIL;
}

static double device_height(const struct map_device *d)
{
	return HEAD + BAR + SCALE + (needs_detail(d) ? DETAIL + 13 : 0) + GAP;
}

static void put_device(struct svg *svg, const struct map_device *d)
{
	char name[sizeof(d->path)], used[TOOL_HUMAN_MAX], size[TOOL_HUMAN_MAX];
	char rest[TOOL_HUMAN_MAX], text[512];

	text_escape(d->path, name, sizeof(name));
	snprintf(text, sizeof(text), "device %u%s%s: %s, files %s, free %s%s", d->index,
		 *name ? ", " : "", name, tool_human(d->size, size),
		 tool_human(d->used, used), tool_human(d->free, rest),
		 svg->map->source->devices[d->index].missing ? " (missing)" : "");
	put_text(svg, "t", MARGIN, svg->y + 14, text, INNER);
	svg->y += HEAD;
	put_bar(svg, d);
	put_scale(svg, d);
	if (needs_detail(d))
		put_detail(svg, d);
	svg->y += GAP;
}

/* ------------------------------------------------------------------------
 * Legend and frame
 */

static void put_key(struct svg *svg, unsigned int n, const char *class,
		    const char *fill, const char *text)
{
	double column = INNER / LEGEND_COLUMNS;
	double x = MARGIN + column * (n % LEGEND_COLUMNS);
	double y = svg->y + LEGEND_LINE * (n / LEGEND_COLUMNS);

	fprintf(svg->out, "<rect class=\"%s\"%s%s%s", class, fill ? " fill=\"" : "",
		fill ? fill : "", fill ? "\"" : "");
	put_at(svg, "x", x);
	put_at(svg, "y", y);
	fputs(" width=\"12\" height=\"12\" rx=\"2\"/>\n", svg->out);
	put_text(svg, "t", x + 18, y + 10, text, column - 24);
}

static void put_legend(struct svg *svg, const size_t *files, size_t count)
{
	char path[TEXT_PATH_MAX], text[TEXT_PATH_MAX + 40], size[TOOL_HUMAN_MAX], fill[8];
	const struct media_node *node;
	unsigned int n = 0;
	size_t i;

	put_key(svg, n++, "sb", NULL, "superblock");
	put_key(svg, n++, "log", NULL, "log");
	put_key(svg, n++, "free", NULL, "free");
	for (i = 0; i < count; i++) {
		node = svg->map->files[files[i]].node;
		colour_of(files[i], fill);
		snprintf(text, sizeof(text), "%s %s", tool_human(node->size, size),
			 map_path(svg->map, files[i], path));
		put_key(svg, n++, "file", fill, text);
	}
	if (svg->merge)
		put_key(svg, n++, "many", NULL, "several files");
	if (svg->map->nfiles > count) {
		snprintf(text, sizeof(text), "and %zu smaller files",
			 svg->map->nfiles - count);
		put_key(svg, n++, "none", NULL, text);
	}
}

static const char style[] =
	"<style>\n"
	"text{font:11px system-ui,sans-serif}\n"
	".h{font-size:17px;font-weight:600}\n"
	".bg{fill:#fff}.h,.t{fill:#1f2328}.m{fill:#59636e}.on{fill:#12161b}\n"
	".free{fill:#eaeef2}.sb{fill:#6e7781}.log{fill:#a8b3bf}.many{fill:#d4a72c}\n"
	".none{fill:none}.file,.sb,.log{stroke:#fff;stroke-width:.4}.tick{stroke:#8c959f;fill:none}\n"
	"@media(prefers-color-scheme:dark){\n"
	".bg{fill:#0d1117}.h,.t{fill:#e6edf3}.m{fill:#9198a1}.free{fill:#212830}\n"
	".file,.sb,.log{stroke:#0d1117}.tick{stroke:#656c76}}\n"
	"</style>\n";

static void put_title(struct svg *svg)
{
	const struct map *map = svg->map;
	char uuid[37], text[256], size[TOOL_HUMAN_MAX], used[TOOL_HUMAN_MAX];
	char rest[TOOL_HUMAN_MAX];
	struct media_usage all;

	media_space_usage(media_fs_space(map->source->fs), &all);
	snprintf(text, sizeof(text), "Pool %s", tool_uuid(map->source->sb.fs_uuid, uuid));
	put_text(svg, "h", MARGIN, svg->y + 26, text, WIDTH);
	snprintf(text, sizeof(text), "%u device%s, %s; %zu file%s, %s; %s free, the largest "
		 "range of it %s", map->ndevices, map->ndevices == 1 ? "" : "s",
		 tool_human(all.size, size), map->nfiles, map->nfiles == 1 ? "" : "s",
		 tool_human(all.used, used),
		 tool_human(all.size - all.reserved - all.used, rest),
		 tool_human(all.largest, (char[TOOL_HUMAN_MAX]){ 0 }));
	put_text(svg, "m", MARGIN, svg->y + 44, text, INNER);
	svg->y += TITLE;
}

void map_svg(const struct map *map, FILE *out)
{
	struct svg svg = { .map = map, .out = out };
	size_t files[LEGEND_FILES], n, keys, ranges = 0;
	double height = TITLE;
	unsigned int i;

	for (i = 0; i < map->ndevices; i++) {
		height += device_height(&map->devices[i]);
		ranges += map->devices[i].nranges;
	}
	svg.merge = ranges > MAP_SVG_MAX;
	n = map_largest(map, files, LEGEND_FILES);
	keys = 3 + n + svg.merge + (map->nfiles > n);
	height += LEGEND_LINE * ((keys + LEGEND_COLUMNS - 1) / LEGEND_COLUMNS) + MARGIN;
	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %ld %ld\" "
		"role=\"img\">\n<title>What lies where in a pool</title>\n%s"
		"<rect class=\"bg\" width=\"%ld\" height=\"%ld\"/>\n", lround(WIDTH),
		lround(height), style, lround(WIDTH), lround(height));
	put_title(&svg);
	for (i = 0; i < map->ndevices; i++)
		put_device(&svg, &map->devices[i]);
	put_legend(&svg, files, n);
	fputs("</svg>\n", out);
}
