/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A YAML file with its places.
 *
 * libcyaml loads a file by a schema but keeps no line numbers and stops at the
 * first mistake. So the file is composed a second time by libyaml: this part
 * knows where "files[3].extents[0].offset" stands, and checks the file by
 * libcyaml's own schema, all of it in one go.
 */
#ifndef FMAPFSD_DOC_H
#define FMAPFSD_DOC_H

#include <stdbool.h>
#include <stddef.h>

#include <cyaml/cyaml.h>

#include "diag.h"

struct doc;

/**
 * doc_parse - compose the one document of a text
 * @text: the text; not referred to after the call
 * @len: bytes of it
 * @diag: takes what is no YAML, or not one document
 *
 * Return: the document, to be freed with doc_free(), or NULL.
 */
struct doc *doc_parse(const char *text, size_t len, struct diag *diag);

/**
 * doc_check - does the document fit the schema?
 * @doc: the document
 * @schema: of its top; mappings, sequences and strings only
 * @diag: takes unknown and repeated keys, missing values and wrong types
 *
 * Return: true if libcyaml can load it, perhaps ignoring unknown keys.
 */
bool doc_check(const struct doc *doc, const cyaml_schema_value_t *schema,
	       struct diag *diag);

/**
 * doc_at - where a value stands
 * @doc: the document
 * @fmt: its path, such as "files[3].extents[0].offset"
 *
 * Return: the place of the value; if there is none, that of what is to hold it.
 */
struct mark doc_at(const struct doc *doc, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * doc_has - does the document have such a value?
 * @doc: the document
 * @fmt: its path
 */
bool doc_has(const struct doc *doc, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * doc_free - free a document
 * @doc: the document, or NULL
 */
void doc_free(struct doc *doc);

#endif /* FMAPFSD_DOC_H */
