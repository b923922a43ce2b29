// SPDX-License-Identifier: GPL-2.0-only
/* Terminals, colours, tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "tool.h"

/**
 * struct table - rows of text
 * @cells: ncolumns a row, the first row are the heads; owned
 * @right: columns of numbers
 */
struct table {
	unsigned int ncolumns;
	size_t nrows;
	char **cells;
	bool *right;
};

bool tool_colours(void)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no) && term &&
	       strcmp(term, "dumb");
}

const char *tool_colour(enum tool_colour colour)
{
	static const char *const codes[] = {
		[TOOL_PLAIN] = "\033[0m", [TOOL_BOLD] = "\033[1m",
		[TOOL_DIM] = "\033[2m", [TOOL_RED] = "\033[31m",
		[TOOL_GREEN] = "\033[32m", [TOOL_YELLOW] = "\033[33m",
		[TOOL_BLUE] = "\033[34m",
	};

	return tool_colours() ? codes[colour] : "";
}

unsigned int tool_columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col;
}

static void add_cell(struct table *table, size_t at, const char *text)
{
	table->cells[at] = tool_text("%s", text && *text ? text : "-");
}

struct table *table_new(const char *const *heads, unsigned int ncolumns)
{
	struct table *table = tool_alloc(1, sizeof(*table));
	unsigned int i;

	table->ncolumns = ncolumns;
	table->nrows = 1;
	table->cells = tool_alloc(ncolumns, sizeof(*table->cells));
	table->right = tool_alloc(ncolumns, sizeof(*table->right));
	for (i = 0; i < ncolumns; i++) {
		table->right[i] = heads[i][0] == '>';
		add_cell(table, i, heads[i] + table->right[i]);
	}
	return table;
}

void table_row(struct table *table, const char *const *cells)
{
	size_t at = table->nrows * table->ncolumns;
	char **more;
	unsigned int i;

	/* By doubling: a listing may be long. */
	if (!(table->nrows & (table->nrows - 1))) {
		more = tool_alloc(2 * at, sizeof(*more));
		memcpy(more, table->cells, at * sizeof(*more));
		free(table->cells);
		table->cells = more;
	}
	table->nrows++;
	for (i = 0; i < table->ncolumns; i++)
		add_cell(table, at + i, cells[i]);
}

/* Characters, or bytes if it is no text of this locale. */
static unsigned int width(const char *text)
{
	size_t n = mbstowcs(NULL, text, 0);

	return n == (size_t)-1 ? strlen(text) : n;
}

static unsigned int column_width(const struct table *table, unsigned int column)
{
	unsigned int most = 0, n;
	size_t row;

	for (row = 0; row < table->nrows; row++) {
		n = width(table->cells[row * table->ncolumns + column]);
		if (n > most)
			most = n;
	}
	return most;
}

/* The last column is not filled up. */
static void print_cell(const struct table *table, const char *text,
		       unsigned int column, unsigned int wide)
{
	bool last = column + 1 == table->ncolumns;
	int fill = wide - width(text);

	if (table->right[column])
		printf("%*s%s%s", fill, "", text, last ? "" : "  ");
	else
		printf("%s%*s%s", text, last ? 0 : fill, "", last ? "" : "  ");
}

void table_print(struct table *table)
{
	unsigned int *widths = tool_alloc(table->ncolumns, sizeof(*widths)), i;
	char **cell = table->cells;
	size_t row;

	for (i = 0; i < table->ncolumns; i++)
		widths[i] = column_width(table, i);
	for (row = 0; row < table->nrows; row++) {
		fputs(row ? "" : tool_colour(TOOL_BOLD), stdout);
		for (i = 0; i < table->ncolumns; i++) {
			print_cell(table, *cell, i, widths[i]);
			free(*cell++);
		}
		printf("%s\n", row ? "" : tool_colour(TOOL_PLAIN));
	}
	free(widths);
	free(table->cells);
	free(table->right);
	free(table);
}
