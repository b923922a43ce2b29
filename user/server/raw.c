// SPDX-License-Identifier: GPL-2.0-only
/* The schema of layout files. */
#include "raw.h"

/*
 * All keys are optional here: that libcyaml finds one missing would end its
 * work, while those who read the values find all that are missing.
 */
#define TEXT(key, type, member) \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
			       struct type, member, 0, CYAML_UNLIMITED)
#define LIST(key, type, member, entry) \
	CYAML_FIELD_SEQUENCE_COUNT(key, CYAML_FLAG_POINTER | \
				   CYAML_FLAG_OPTIONAL, struct type, member, \
				   n ## member, entry, 0, CYAML_UNLIMITED)
#define ENTRY(type, fields) \
	{ CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct type, fields) }

static const cyaml_schema_field_t device_fields[] = {
	TEXT("path", raw_device, path),
	TEXT("namespace", raw_device, nspace),
	TEXT("daxdev", raw_device, daxdev),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t device_entry =
	ENTRY(raw_device, device_fields);

static const cyaml_schema_field_t directory_fields[] = {
	TEXT("path", raw_directory, path),
	TEXT("mode", raw_directory, mode),
	TEXT("owner", raw_directory, owner),
	TEXT("group", raw_directory, group),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t directory_entry =
	ENTRY(raw_directory, directory_fields);

static const cyaml_schema_field_t extent_fields[] = {
	TEXT("device", raw_extent, device),
	TEXT("offset", raw_extent, offset),
	TEXT("length", raw_extent, length),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t extent_entry =
	ENTRY(raw_extent, extent_fields);

static const cyaml_schema_field_t stripe_fields[] = {
	TEXT("chunk", raw_stripe, chunk),
	TEXT("bytes", raw_stripe, bytes),
	LIST("strips", raw_stripe, strips, &extent_entry),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t stripe_entry =
	ENTRY(raw_stripe, stripe_fields);

static const cyaml_schema_field_t file_fields[] = {
	TEXT("path", raw_file, path),
	TEXT("mode", raw_file, mode),
	TEXT("owner", raw_file, owner),
	TEXT("group", raw_file, group),
	TEXT("size", raw_file, size),
	TEXT("truncate", raw_file, truncate),
	TEXT("from", raw_file, from),
	LIST("extents", raw_file, extents, &extent_entry),
	CYAML_FIELD_MAPPING_PTR("stripe", CYAML_FLAG_POINTER |
				CYAML_FLAG_OPTIONAL, struct raw_file, stripe,
				stripe_fields),
	LIST("stripes", raw_file, stripes, &stripe_entry),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t file_entry = ENTRY(raw_file, file_fields);

static const cyaml_schema_field_t layout_fields[] = {
	LIST("devices", raw_layout, devices, &device_entry),
	LIST("directories", raw_layout, directories, &directory_entry),
	LIST("files", raw_layout, files, &file_entry),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t layout_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_layout,
			    layout_fields),
};

/* Unknown keys were reported by doc_check(), and all else in better words. */
static const cyaml_config_t config = {
	.mem_fn = cyaml_mem,
	.flags = CYAML_CFG_IGNORE_UNKNOWN_KEYS,
};

struct raw_layout *raw_load(const char *text, size_t len, struct doc **doc,
			    struct diag *diag)
{
	struct raw_layout *raw = NULL;
	cyaml_err_t err;

	*doc = doc_parse(text, len, diag);
	if (!*doc || !doc_check(*doc, &layout_schema, diag))
		return NULL;
	err = cyaml_load_data((const uint8_t *)text, len, &config,
			      &layout_schema, (cyaml_data_t **)&raw, NULL);
	if (err == CYAML_OK)
		return raw;
	/* An anchor within what was ignored, say: that is reported already. */
	if (!diag_count(diag))
		diag_add(diag, (struct mark){ 0, 0 }, "libcyaml cannot load it: %s",
			 cyaml_strerror(err));
	return NULL;
}

void raw_free(struct raw_layout *raw)
{
	cyaml_free(&config, &layout_schema, raw, 0);
}
