/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fmapfs, the tool: what its commands share.
 *
 * A command is a struct command, in cmd_NAME.c, listed in commands_pools.c or
 * commands_files.c. What it prints for people goes to stdout, or with --json one JSON
 * value instead; what is wrong goes to stderr, with what to do next.
 */
#ifndef FMAPFS_TOOL_H
#define FMAPFS_TOOL_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "../pool/pool.h"
#include "../server/size.h"

/*
 * Exit codes. mount and mount.fmapfs have those of mount(8): mount_plan.h; fsck those of
 * fsck(8): fsck.h.
 */
enum {
	TOOL_FINE = 0,
	TOOL_FAILED = 1,
	TOOL_USAGE = 2,		/* wrong command line: nothing was done */
};

/* ------------------------------------------------------------------------
 * Commands. main.c
 */

/**
 * struct command - one command
 * @name: as it is written
 * @args: what follows it, for help: "[-f] POOL DEV"
 * @help: in a line, for the list of all
 * @more: options and exit codes, several lines with a newline each; or NULL
 * @shorts, @longs: as for getopt_long(3), without --help and --json; @longs ends with
 *	an empty element, or is NULL; values of long options alone from TOOL_OPT on
 * @usage: exit code for a wrong command line; 0: TOOL_USAGE
 * @run: does it; argv[0] is "fmapfs @name". Return: exit code
 */
struct command {
	const char *name;
	const char *args;
	const char *help;
	const char *more;
	const char *shorts;
	const struct option *longs;
	int usage;
	int (*run)(const struct command *cmd, int argc, char **argv);
};

#define TOOL_OPT	256

/* Both end with NULL. */
extern const struct command *const commands_pools[];
extern const struct command *const commands_files[];

/**
 * tool_option - the next option of a command
 *
 * --help and what is unknown end the program here; --json sets tool_json, and so does -j
 * unless the command has another use for it. To be called
 * until it is -1, before anything is done; then optind is the first operand.
 *
 * Return: as getopt_long(3), but never '?'.
 */
int tool_option(const struct command *cmd, int argc, char **argv);

/**
 * tool_usage - say that a command line is wrong
 * Return: @cmd->usage or TOOL_USAGE, for run() to return.
 */
__attribute__((format(printf, 2, 3)))
int tool_usage(const struct command *cmd, const char *fmt, ...);

/* ------------------------------------------------------------------------
 * Messages, numbers, JSON. common.c
 */

/* Set by --json. */
extern bool tool_json;
/* The command, for messages. */
extern const char *tool_command;

/* tool_error, tool_warn - a message to stderr: "fmapfs mkfs: ..."; without newline */
__attribute__((format(printf, 1, 2)))
void tool_error(const char *fmt, ...);
__attribute__((format(printf, 1, 2)))
void tool_warn(const char *fmt, ...);

/* tool_say - a line to stdout for people; nothing with --json */
__attribute__((format(printf, 1, 2)))
void tool_say(const char *fmt, ...);

/* For pool_open() and others: messages to stderr, up to LOG_NOTICE. */
extern const struct pool_log tool_log;

/**
 * tool_size - read a size: an option's value
 * @what: "--log-size", for the message
 * Return: false: it is none, and that was said.
 */
bool tool_size(const char *what, const char *text, uint64_t *size);
/* tool_number - the same for a decimal number from @min to @max */
bool tool_number(const char *what, const char *text, uint64_t min, uint64_t max,
		 uint64_t *value);

#define TOOL_HUMAN_MAX	16

/* tool_human - a size in bytes in at most six characters: "1.5G". Return: @buf */
char *tool_human(uint64_t size, char buf[TOOL_HUMAN_MAX]);

/* tool_uuid - text of a uuid; all zeroes: "". Return: @buf */
char *tool_uuid(const uint8_t uuid[16], char buf[37]);

/**
 * tool_print_json - print a value to stdout, and put it
 * Return: TOOL_FINE, or TOOL_FAILED if it could not be written.
 */
int tool_print_json(struct json_object *value);
/*
 * Members. Of @text NULL or "" the value is null; of its bytes what is not UTF-8 becomes
 * \ooo, which a path may hold. Out of memory ends the program.
 */
void tool_json_text(struct json_object *obj, const char *key, const char *text);
void tool_json_u64(struct json_object *obj, const char *key, uint64_t value);
void tool_json_bool(struct json_object *obj, const char *key, bool value);

/* tool_alloc - calloc(3) that ends the program when there is no memory */
void *tool_alloc(size_t count, size_t size);
/* tool_text - asprintf(3), likewise */
__attribute__((format(printf, 1, 2)))
char *tool_text(const char *fmt, ...);

/* ------------------------------------------------------------------------
 * Terminals and tables. table.c
 */

enum tool_colour {
	TOOL_PLAIN,	/* back to normal */
	TOOL_BOLD,
	TOOL_DIM,
	TOOL_RED,
	TOOL_GREEN,
	TOOL_YELLOW,
	TOOL_BLUE,
};

/* tool_colours - is stdout a terminal that shows colours? (NO_COLOR, TERM=dumb: no) */
bool tool_colours(void);
/* tool_colour - the escape sequence, or "" where there are no colours */
const char *tool_colour(enum tool_colour colour);
/* tool_columns - of the terminal that stdout is; 80 if it is none */
unsigned int tool_columns(void);

/**
 * struct table - rows of text in columns as wide as needed
 */
struct table;

/* table_new - @heads: "NAME", or ">SIZE" for numbers, which go to the right */
struct table *table_new(const char *const *heads, unsigned int ncolumns);
/* table_row - one cell a column, copied; "" is shown as "-" */
void table_row(struct table *table, const char *const *cells);
/* table_print - print it to stdout, and free it */
void table_print(struct table *table);

/* ------------------------------------------------------------------------
 * Mounts of fmapfs on this host. mounts.c
 */

/**
 * struct tool_mount - a mount of type fmapfs.*, from /proc/self/mountinfo
 * @dir: where
 * @source: what was mounted: a pool's device or uuid, a layout
 * @type: as there: fmapfs.fuse...; @options: those of the mount and of the super block
 * @dev: st_dev
 */
struct tool_mount {
	char *dir;
	char *source;
	char *type;
	char *options;
	uint64_t dev;
};

/* tool_mounts - all of them, the latest last. 0 or -errno; for tool_mounts_free() */
int tool_mounts(struct tool_mount **mounts, size_t *count);
void tool_mounts_free(struct tool_mount *mounts, size_t count);

/* How a server answers. */
enum tool_life {
	TOOL_ALIVE,	/* it does */
	TOOL_DEAD,	/* there is none: ENOTCONN */
	TOOL_HUNG,	/* not in time */
};

/**
 * tool_life - does the server of a mount answer?
 * @dir: where it is mounted
 *
 * Asked by a child, which is left behind if it hangs, for at most three seconds. Whoever
 * opens files of a mount and must not hang asks this first.
 */
enum tool_life tool_life(const char *dir);

#endif /* FMAPFS_TOOL_H */
