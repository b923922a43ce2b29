// SPDX-License-Identifier: GPL-2.0-only
/* A bar on a terminal. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "look.h"

#define PATIENCE	1000000000ULL	/* ns without a bar */
#define BAR		24

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void progress_start(struct progress *progress, uint64_t total)
{
	*progress = (struct progress){ .total = total, .start = now() };
}

double progress_seconds(const struct progress *progress)
{
	return (now() - progress->start) / 1e9;
}

static void print_left(double seconds)
{
	unsigned int s = seconds;

	if (seconds > 359999)
		return;
	if (s >= 3600)
		fprintf(stderr, ", %u:%02u:%02u left", s / 3600, s / 60 % 60, s % 60);
	else
		fprintf(stderr, ", %u:%02u left", s / 60, s % 60);
}

void progress_show(struct progress *progress, uint64_t done, const char *more)
{
	char a[TOOL_HUMAN_MAX], b[TOOL_HUMAN_MAX], rate[TOOL_HUMAN_MAX];
	double seconds = progress_seconds(progress);
	double share = progress->total ? (double)done / progress->total : 1;
	unsigned int i;

	if (!isatty(STDERR_FILENO) || now() - progress->start < PATIENCE)
		return;
	progress->shown = true;
	fprintf(stderr, "\r%3u%% [", (unsigned int)(100 * share));
	for (i = 0; i < BAR; i++)
		fputc(i < share * BAR ? '=' : ' ', stderr);
	fprintf(stderr, "] %s of %s, %s/s%s%s", tool_human(done, a),
		tool_human(progress->total, b), tool_human(done / seconds, rate),
		*more ? ", " : "", more);
	if (done)
		print_left(seconds / done * (progress->total - done));
	fputs("\033[K", stderr);
	fflush(stderr);
}

void progress_clear(struct progress *progress)
{
	if (!progress->shown)
		return;
	fputs("\r\033[K", stderr);
	progress->shown = false;
}
