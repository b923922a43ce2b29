// SPDX-License-Identifier: GPL-2.0-only
/* Mistakes in a file. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"

#define PRINT_MAX	100	/* mistakes; whoever has more has one many times */

struct entry {
	struct mark at;
	size_t number;		/* keeps the order of those at one place */
	char *text;
};

struct diag {
	char *file;
	struct entry *entries;
	size_t count;
	size_t room;
};

static void *need(void *p)
{
	if (!p) {
		fputs("fmapfsd: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

void *must_alloc(size_t count, size_t size)
{
	return need(calloc(count ? count : 1, size));
}

void *must_resize(void *p, size_t count, size_t size)
{
	return need(reallocarray(p, count, size));
}

static char *print(const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	return need(text);
}

char *must_print(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = print(fmt, ap);
	va_end(ap);
	return text;
}

struct diag *diag_new(const char *file)
{
	struct diag *diag = must_alloc(1, sizeof(*diag));

	diag->file = need(strdup(file));
	return diag;
}

void diag_add(struct diag *diag, struct mark at, const char *fmt, ...)
{
	struct entry *entry;
	va_list ap;

	if (diag->count == diag->room) {
		diag->room = diag->room ? 2 * diag->room : 16;
		diag->entries = must_resize(diag->entries, diag->room,
					    sizeof(*entry));
	}
	entry = &diag->entries[diag->count];
	entry->at = at;
	entry->number = diag->count++;
	va_start(ap, fmt);
	entry->text = print(fmt, ap);
	va_end(ap);
}

size_t diag_count(const struct diag *diag)
{
	return diag->count;
}

static int in_order(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;

	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.column != b->at.column)
		return a->at.column < b->at.column ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

void diag_print(struct diag *diag, FILE *to)
{
	size_t i;

	if (diag->count)
		qsort(diag->entries, diag->count, sizeof(*diag->entries),
		      in_order);
	for (i = 0; i < diag->count && i < PRINT_MAX; i++) {
		const struct entry *e = &diag->entries[i];
		const char *p;

		fprintf(to, "%s:", diag->file);
		if (e->at.line)
			fprintf(to, "%u:%u:", e->at.line, e->at.column);
		fputs(" error: ", to);
		for (p = e->text; *p; p++) {
			putc(*p, to);
			if (*p == '\n')
				fputs("    ", to);
		}
		putc('\n', to);
	}
	if (diag->count > PRINT_MAX)
		fprintf(to, "%s: the first %d mistakes are shown\n",
			diag->file, PRINT_MAX);
}

void diag_free(struct diag *diag)
{
	size_t i;

	if (!diag)
		return;
	for (i = 0; i < diag->count; i++)
		free(diag->entries[i].text);
	free(diag->entries);
	free(diag->file);
	free(diag);
}
