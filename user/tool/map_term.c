// SPDX-License-Identifier: GPL-2.0-only
/* What lies where, in blocks of a terminal. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "text.h"
#include "tool.h"

#define ROWS		4	/* of blocks a device */
#define LEGEND_FILES	12
#define LETTERS		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/**
 * struct cell - a block: the bytes of a device that it stands for, by what is there
 * @kind, @file: what most of it is
 * @most: bytes of that
 * @seen: bytes that are not free
 */
struct cell {
	enum map_kind kind;
	size_t file;
	uint64_t most;
	uint64_t seen;
};

/* Of @total bytes in @ncells cells, the first of cell @i. */
static uint64_t cell_start(uint64_t total, unsigned int ncells, unsigned int i)
{
	return (unsigned __int128)total * i / ncells;
}

static void look_at(struct cell *cell, const struct map_range *range, uint64_t len)
{
	if (range->kind == MAP_FREE)
		return;
	cell->seen += len;
	if (len > cell->most) {
		cell->most = len;
		cell->kind = range->kind;
		cell->file = range->file;
	}
}

/* What is anywhere in a cell is to be seen: free is only what is all free. */
static void fill_cells(const struct map_device *d, struct cell *cells,
		       unsigned int ncells)
{
	const struct map_range *range = d->ranges;
	uint64_t from, to, start, end, range_end;
	unsigned int i;

	for (i = 0; i < ncells; i++) {
		start = cell_start(d->size, ncells, i);
		end = cell_start(d->size, ncells, i + 1);
		cells[i] = (struct cell){ .kind = MAP_FREE };
		for (; range < d->ranges + d->nranges; range++) {
			range_end = range->off + range->len;
			from = range->off > start ? range->off : start;
			to = range_end < end ? range_end : end;
			if (from < to)
				look_at(&cells[i], range, to - from);
			if (range_end > end)
				break;
		}
	}
}

/* One of the 6 x 6 x 6 colours of 256, by its hue: bright enough for either ground. */
static unsigned int colour_of(size_t file)
{
	static const unsigned char wheel[24] = {
		203, 209, 215, 221, 227, 191, 155, 119, 83, 84, 85, 86,
		87, 81, 75, 69, 63, 99, 135, 171, 207, 206, 205, 204,
	};

	return wheel[map_hue(file) * 24 / 360];
}

static char letter_of(size_t file)
{
	return LETTERS[file % (sizeof(LETTERS) - 1)];
}

static void print_block(FILE *out, enum map_kind kind, size_t file, bool full,
			bool colours)
{
	const char *block = full ? "█" : "▓";

	if (!colours)
		fputc(kind == MAP_FREE ? '.' : kind == MAP_SUPER ? '@' :
		      kind == MAP_LOG ? '=' : letter_of(file), out);
	else if (kind == MAP_FREE)
		fputs("\033[2m·\033[0m", out);
	else if (kind == MAP_FILE)
		fprintf(out, "\033[38;5;%um%s\033[0m", colour_of(file), block);
	else
		fprintf(out, "\033[38;5;%um%s\033[0m", kind == MAP_SUPER ? 245 : 250,
			block);
}

static void print_device(const struct map *map, const struct map_device *d,
			 FILE *out, unsigned int columns, bool colours)
{
	unsigned int width = columns > 20 ? columns - 10 : 10, i;
	unsigned int ncells = width * ROWS;
	char at[TOOL_HUMAN_MAX], free_text[TOOL_HUMAN_MAX], size[TOOL_HUMAN_MAX];
	char name[sizeof(d->path)];
	struct cell *cells = calloc(ncells, sizeof(*cells));

	if (!cells)
		return;
	if (d->path[0])
		text_escape(d->path, name, sizeof(name));
	else
		snprintf(name, sizeof(name), "%s", d->index ? "" : "primary");
	fprintf(out, "device %u%s%s, %s, %s free%s\n", d->index, *name ? ", " : "",
		name, tool_human(d->size, size), tool_human(d->free, free_text),
		map->source->devices[d->index].missing ? ", MISSING" : "");
	fill_cells(d, cells, ncells);
	for (i = 0; i < ncells; i++) {
		if (i % width == 0)
			fprintf(out, "%8s ",
				tool_human(cell_start(d->size, ncells, i), at));
		print_block(out, cells[i].kind, cells[i].file,
			    cells[i].most >= cells[i].seen, colours);
		if (i % width == width - 1)
			fputc('\n', out);
	}
	free(cells);
}

static void print_legend(const struct map *map, FILE *out, bool colours)
{
	char path[TEXT_PATH_MAX], size[TOOL_HUMAN_MAX];
	size_t files[LEGEND_FILES], n, i;

	fputc('\n', out);
	print_block(out, MAP_SUPER, 0, true, colours);
	fputs(" superblock  ", out);
	print_block(out, MAP_LOG, 0, true, colours);
	fputs(" log  ", out);
	print_block(out, MAP_FREE, 0, true, colours);
	fputs(" free", out);
	if (colours) {
		fputs("  ", out);
		print_block(out, MAP_FILE, 0, false, true);
		fputs(" several in one block", out);
	}
	fputc('\n', out);
	n = map_largest(map, files, LEGEND_FILES);
	for (i = 0; i < n; i++) {
		print_block(out, MAP_FILE, files[i], true, colours);
		fprintf(out, " %6s %s", tool_human(map->files[files[i]].node->size, size),
			map_path(map, files[i], path));
		if (map->files[files[i]].node->map_type == FAMFS_MAP_INTERLEAVED)
			fprintf(out, " (%u strips)", map->files[files[i]].node->nextents);
		fputc('\n', out);
	}
	if (map->nfiles > n)
		fprintf(out, "and %zu smaller files\n", map->nfiles - n);
}

void map_term(const struct map *map, FILE *out, unsigned int columns, bool colours)
{
	unsigned int i;

	for (i = 0; i < map->ndevices; i++)
		print_device(map, &map->devices[i], out, columns, colours);
	print_legend(map, out, colours);
}
