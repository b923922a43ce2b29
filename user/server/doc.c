// SPDX-License-Identifier: GPL-2.0-only
/* A YAML file with its places. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "doc.h"

struct doc {
	/* libyaml's accessors take it without const. */
	yaml_document_t *yaml;
};

static struct mark mark_of(yaml_mark_t at)
{
	return (struct mark){ at.line + 1, at.column + 1 };
}

static void add_syntax_error(struct diag *diag, const yaml_parser_t *parser)
{
	const char *context = parser->context ? parser->context : "";

	if (parser->error == YAML_READER_ERROR)
		diag_add(diag, (struct mark){ 0, 0 },
			 "not a text in UTF-8: %s at byte %zu",
			 parser->problem, parser->problem_offset);
	else if (parser->error == YAML_MEMORY_ERROR)
		diag_add(diag, (struct mark){ 0, 0 }, "out of memory");
	else
		diag_add(diag, mark_of(parser->problem_mark),
			 "not YAML: %s%s%s (blanks indent, tabs may not; a list item is '- ')",
			 context, *context ? ", " : "", parser->problem);
}

/* 1: loaded; 0: there is none; -1: *@diag says why not */
static int load(yaml_parser_t *parser, yaml_document_t *yaml, struct diag *diag)
{
	if (!yaml_parser_load(parser, yaml)) {
		add_syntax_error(diag, parser);
		return -1;
	}
	if (yaml_document_get_root_node(yaml))
		return 1;
	yaml_document_delete(yaml);
	return 0;
}

static bool refuse_second(yaml_parser_t *parser, struct diag *diag)
{
	yaml_document_t second;
	int rc = load(parser, &second, diag);

	if (rc > 0) {
		diag_add(diag, mark_of(yaml_document_get_root_node(&second)->
				       start_mark),
			 "a second document; a layout is one");
		yaml_document_delete(&second);
	}
	return rc;
}

struct doc *doc_parse(const char *text, size_t len, struct diag *diag)
{
	struct doc *doc = must_alloc(1, sizeof(*doc));
	yaml_parser_t parser;
	int rc;

	doc->yaml = must_alloc(1, sizeof(*doc->yaml));
	if (!yaml_parser_initialize(&parser)) {
		diag_add(diag, (struct mark){ 0, 0 }, "out of memory");
		goto free_doc;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	rc = load(&parser, doc->yaml, diag);
	if (!rc)
		diag_add(diag, (struct mark){ 0, 0 },
			 "empty; a layout has 'devices' and 'files'");
	if (rc > 0 && refuse_second(&parser, diag)) {
		yaml_document_delete(doc->yaml);
		rc = -1;
	}
	yaml_parser_delete(&parser);
	if (rc > 0)
		return doc;
free_doc:
	free(doc->yaml);
	free(doc);
	return NULL;
}

void doc_free(struct doc *doc)
{
	if (!doc)
		return;
	yaml_document_delete(doc->yaml);
	free(doc->yaml);
	free(doc);
}

static yaml_node_t *node(const struct doc *doc, int index)
{
	return yaml_document_get_node(doc->yaml, index);
}

/* A plain string, without NUL in it: what all keys must be. */
static const char *scalar(const yaml_node_t *n)
{
	const char *s;

	if (n->type != YAML_SCALAR_NODE)
		return NULL;
	s = (const char *)n->data.scalar.value;
	return strlen(s) == n->data.scalar.length ? s : NULL;
}

/* The first of them, if a key is given twice. */
static yaml_node_pair_t *find_pair(const struct doc *doc,
				   const yaml_node_t *map, const char *key,
				   size_t len)
{
	yaml_node_pair_t *pair;

	for (pair = map->data.mapping.pairs.start;
	     pair < map->data.mapping.pairs.top; pair++) {
		const char *s = scalar(node(doc, pair->key));

		if (s && strlen(s) == len && !memcmp(s, key, len))
			return pair;
	}
	return NULL;
}

static yaml_node_t *member(const struct doc *doc, const yaml_node_t *map,
			   const char *key, size_t len)
{
	yaml_node_pair_t *pair = NULL;

	if (map->type == YAML_MAPPING_NODE)
		pair = find_pair(doc, map, key, len);
	return pair ? node(doc, pair->value) : NULL;
}

static yaml_node_t *item(const struct doc *doc, const yaml_node_t *seq,
			 unsigned long i)
{
	yaml_node_item_t *start = seq->data.sequence.items.start;

	if (seq->type != YAML_SEQUENCE_NODE ||
	    i >= (unsigned long)(seq->data.sequence.items.top - start))
		return NULL;
	return node(doc, start[i]);
}

/* Follows @path; *@near is the last node on the way. */
static yaml_node_t *follow(const struct doc *doc, const char *path,
			   yaml_node_t **near)
{
	yaml_node_t *n = yaml_document_get_root_node(doc->yaml);

	while (n && *path) {
		*near = n;
		if (*path == '[') {
			char *end;

			n = item(doc, n, strtoul(path + 1, &end, 10));
			path = end + 1;
		} else {
			size_t len;

			path += *path == '.';
			len = strcspn(path, ".[");
			n = member(doc, n, path, len);
			path += len;
		}
	}
	return n;
}

struct mark doc_at(const struct doc *doc, const char *fmt, ...)
{
	yaml_node_t *near = yaml_document_get_root_node(doc->yaml), *n;
	char path[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	n = follow(doc, path, &near);
	return mark_of(n ? n->start_mark : near->start_mark);
}

bool doc_has(const struct doc *doc, const char *fmt, ...)
{
	yaml_node_t *near = NULL;
	char path[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return follow(doc, path, &near);
}

/*
 * The check by the schema
 */
struct check {
	const struct doc *doc;
	struct diag *diag;
	bool loadable;
};

static const char *kind_name(yaml_node_type_t type)
{
	return type == YAML_SEQUENCE_NODE ? "a list" :
	       type == YAML_MAPPING_NODE ? "a mapping (key: value)" :
					   "a plain value";
}

static bool right_kind(struct check *c, const yaml_node_t *n,
		       const char *path, const cyaml_schema_value_t *schema)
{
	yaml_node_type_t want = schema->type == CYAML_MAPPING ?
		YAML_MAPPING_NODE : schema->type == CYAML_SEQUENCE ?
		YAML_SEQUENCE_NODE : YAML_SCALAR_NODE;
	const char *s = scalar(n);
	bool empty = s && !*s &&
		     n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (empty)
		diag_add(c->diag, mark_of(n->start_mark),
			 "%s: has no value; must be %s", path, kind_name(want));
	else if (n->type != want)
		diag_add(c->diag, mark_of(n->start_mark),
			 "%s: is %s; must be %s", path, kind_name(n->type),
			 kind_name(want));
	else if (want == YAML_SCALAR_NODE && !s)
		diag_add(c->diag, mark_of(n->start_mark),
			 "%s: has a NUL character in it", path);
	else
		return true;
	c->loadable = false;
	return false;
}

/* "a, b, c", to be freed */
static char *list_keys(const cyaml_schema_field_t *fields)
{
	char *list = must_print("%s", fields->key), *more;

	while ((++fields)->key) {
		more = must_print("%s, %s", list, fields->key);
		free(list);
		list = more;
	}
	return list;
}

static const cyaml_schema_field_t *
known_key(struct check *c, const yaml_node_t *key, const char *path,
	  const cyaml_schema_field_t *fields)
{
	const cyaml_schema_field_t *f;
	const char *s = scalar(key);
	char *keys;

	for (f = fields; s && f->key; f++)
		if (!strcmp(f->key, s))
			return f;
	keys = list_keys(fields);
	diag_add(c->diag, mark_of(key->start_mark),
		 "%s%sunknown key '%s'; known here are: %s", path,
		 *path ? ": " : "", s ? s : "?", keys);
	free(keys);
	/* libcyaml can ignore strings only. */
	if (!s)
		c->loadable = false;
	return NULL;
}

static void check_value(struct check *c, const yaml_node_t *n,
			const char *path, const cyaml_schema_value_t *schema);

static void check_pair(struct check *c, const yaml_node_t *map,
		       const yaml_node_pair_t *pair, const char *path,
		       const cyaml_schema_field_t *fields)
{
	const yaml_node_t *key = node(c->doc, pair->key);
	const cyaml_schema_field_t *f = known_key(c, key, path, fields);
	const yaml_node_pair_t *first;
	char *below;

	if (!f)
		return;
	below = must_print("%s%s%s", path, *path ? "." : "", f->key);
	first = find_pair(c->doc, map, f->key, strlen(f->key));
	if (first == pair) {
		check_value(c, node(c->doc, pair->value), below, &f->value);
	} else {
		diag_add(c->diag, mark_of(key->start_mark),
			 "%s: is given twice, first in line %u", below,
			 mark_of(node(c->doc, first->key)->start_mark).line);
		c->loadable = false;
	}
	free(below);
}

static void check_mapping(struct check *c, const yaml_node_t *n,
			  const char *path,
			  const cyaml_schema_value_t *schema)
{
	const yaml_node_pair_t *pair;

	for (pair = n->data.mapping.pairs.start;
	     pair < n->data.mapping.pairs.top; pair++)
		check_pair(c, n, pair, path, schema->mapping.fields);
}

static void check_value(struct check *c, const yaml_node_t *n,
			const char *path, const cyaml_schema_value_t *schema)
{
	const yaml_node_item_t *it;
	char *below;

	if (!right_kind(c, n, *path ? path : "the file", schema))
		return;
	if (schema->type == CYAML_MAPPING) {
		check_mapping(c, n, path, schema);
		return;
	}
	if (schema->type != CYAML_SEQUENCE)
		return;
	for (it = n->data.sequence.items.start;
	     it < n->data.sequence.items.top; it++) {
		below = must_print("%s[%zu]", path, (size_t)
				   (it - n->data.sequence.items.start));
		check_value(c, node(c->doc, *it), below,
			    schema->sequence.entry);
		free(below);
	}
}

bool doc_check(const struct doc *doc, const cyaml_schema_value_t *schema,
	       struct diag *diag)
{
	struct check c = { .doc = doc, .diag = diag, .loadable = true };

	check_value(&c, yaml_document_get_root_node(doc->yaml), "", schema);
	return c.loadable;
}
