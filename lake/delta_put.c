// SPDX-License-Identifier: Apache-2.0
#include "lake/delta.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lake/delta_priv.h"

/* Appends `"name":` behind a comma unless it is the first member of its object. */
static void put_name(struct cup_text *text, const char *name)
{
    CUP_ASSERT(text->failed || text->bytes > 0);
    if (!text->failed && text->at[text->bytes - 1] != '{') cup_text_puts(text, ",");
    cup_text_json(text, name, strlen(name));
    cup_text_puts(text, ":");
}

static void put_string(struct cup_text *text, const char *name, const char *value)
{
    put_name(text, name);
    if (value == NULL)
        cup_text_puts(text, "null");
    else
        cup_text_json(text, value, strlen(value));
}

static void put_i64(struct cup_text *text, const char *name, int64_t value)
{
    put_name(text, name);
    cup_text_printf(text, "%" PRId64, value);
}

static void put_u64(struct cup_text *text, const char *name, uint64_t value)
{
    put_name(text, name);
    cup_text_printf(text, "%" PRIu64, value);
}

static void put_bool(struct cup_text *text, const char *name, bool value)
{
    put_name(text, name);
    cup_text_puts(text, value ? "true" : "false");
}

/* List is NULL-terminated or NULL. */
static void put_list(struct cup_text *text, const char *name, const char *const *list)
{
    put_name(text, name);
    cup_text_puts(text, "[");
    for (uint32_t i = 0; list != NULL && list[i] != NULL; i++) {
        if (i > 0) cup_text_puts(text, ",");
        cup_text_json(text, list[i], strlen(list[i]));
    }
    cup_text_puts(text, "]");
}

void cup_delta_put_commit_info(struct cup_text *text, const struct cup_delta_commit_info *info)
{
    CUP_ASSERT(info->operation != NULL);
    CUP_ASSERT(info->epoch_id != NULL);

    cup_text_puts(text, "{\"commitInfo\":{");
    put_i64(text, "timestamp", info->timestamp_ms);
    put_string(text, "operation", info->operation);
    cup_text_puts(text, ",\"operationParameters\":{}");
    put_bool(text, "isBlindAppend", info->blind_append);
    put_string(text, "engineInfo", CUP_ENGINE_INFO);
    if (info->epoch_id[0] != '\0') {
        put_string(text, "txnId", info->epoch_id);
        put_string(text, "epochId", info->epoch_id);
        put_u64(text, "epoch", info->epoch);
    }
    cup_text_puts(text, "}}\n");
}

static void put_field(struct cup_text *text, const struct cup_field *field, uint32_t depth);

/* Recursion ends at CUP_DELTA_PRIV_DEPTH_MAX: schemas are ours or were parsed with that limit. */
static void put_type(struct cup_text *text, const struct cup_field *field, uint32_t depth)
{
    CUP_ASSERT(depth <= CUP_DELTA_PRIV_DEPTH_MAX);
    CUP_ASSERT(field->type < CUP_TYPE_COUNT);

    if (field->type == CUP_TYPE_DECIMAL) {
        cup_text_printf(text, "\"decimal(%u,%u)\"", field->precision, field->scale);
    } else if (field->type == CUP_TYPE_LIST) {
        cup_text_puts(text, "{\"type\":\"array\",\"elementType\":");
        put_type(text, &field->children[0], depth + 1);
        cup_text_printf(text, ",\"containsNull\":%s}",
                        field->children[0].flags & CUP_FIELD_REQUIRED ? "false" : "true");
    } else if (field->type == CUP_TYPE_MAP) {
        cup_text_puts(text, "{\"type\":\"map\",\"keyType\":");
        put_type(text, &field->children[0], depth + 1);
        cup_text_puts(text, ",\"valueType\":");
        put_type(text, &field->children[1], depth + 1);
        cup_text_printf(text, ",\"valueContainsNull\":%s}",
                        field->children[1].flags & CUP_FIELD_REQUIRED ? "false" : "true");
    } else if (field->type == CUP_TYPE_STRUCT) {
        cup_text_puts(text, "{\"type\":\"struct\",\"fields\":[");
        for (uint32_t i = 0; i < field->child_count; i++) {
            if (i > 0) cup_text_puts(text, ",");
            put_field(text, &field->children[i], depth + 1);
        }
        cup_text_puts(text, "]}");
    } else {
        const char *name = cup_type_delta((enum cup_type)field->type);
        cup_text_json(text, name, strlen(name));
    }
}

static void put_field(struct cup_text *text, const struct cup_field *field, uint32_t depth)
{
    CUP_ASSERT(field->name != NULL && field->name[0] != '\0');
    cup_text_puts(text, "{\"name\":");
    cup_text_json(text, field->name, strlen(field->name));
    cup_text_puts(text, ",\"type\":");
    put_type(text, field, depth);
    cup_text_printf(text, ",\"nullable\":%s,\"metadata\":{",
                    field->flags & CUP_FIELD_REQUIRED ? "false" : "true");
    if (field->comment != NULL && field->comment[0] != '\0') {
        cup_text_puts(text, "\"comment\":");
        cup_text_json(text, field->comment, strlen(field->comment));
    }
    cup_text_puts(text, "}}");
}

void cup_delta_schema_string(struct cup_text *text, const struct cup_field *fields, uint32_t count)
{
    const struct cup_field root = {
        .type = CUP_TYPE_STRUCT, .child_count = count, .children = fields};

    CUP_ASSERT(fields != NULL || count == 0);
    put_type(text, &root, 0);
}

/* What the schema needs, whatever its depth. The walk is bounded: fields are ours or were parsed
 * with CUP_DELTA_PRIV_DEPTH_MAX. */
static void scan_fields(const struct cup_field *fields, uint32_t count, uint32_t depth,
                        bool *out_ntz, bool *out_required)
{
    CUP_ASSERT(depth <= CUP_DELTA_PRIV_DEPTH_MAX);
    for (uint32_t i = 0; i < count; i++) {
        bool in_map = false;
        if (fields[i].type == CUP_TYPE_TIMESTAMP_NTZ) *out_ntz = true;
        if (fields[i].flags & CUP_FIELD_REQUIRED) *out_required = true;
        in_map       = fields[i].type == CUP_TYPE_MAP || fields[i].type == CUP_TYPE_LIST;
        bool ignored = false; /* keys and elements have containsNull instead of an invariant */
        scan_fields(fields[i].children, fields[i].child_count, depth + 1, out_ntz,
                    in_map ? &ignored : out_required);
    }
}

void cup_delta_put_protocol(struct cup_text *text, const struct cup_field *fields, uint32_t count)
{
    bool ntz = false, required = false;

    CUP_ASSERT(fields != NULL || count == 0);
    scan_fields(fields, count, 1, &ntz, &required);
    if (!ntz) {
        cup_text_puts(text, "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n");
        return;
    }
    /* Writer 7 has no implied features: a NOT NULL column needs `invariants` by name. */
    cup_text_puts(text, "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,"
                        "\"readerFeatures\":[\"timestampNtz\"],\"writerFeatures\":[");
    cup_text_puts(text,
                  required ? "\"timestampNtz\",\"invariants\"]}}\n" : "\"timestampNtz\"]}}\n");
}

void cup_delta_put_metadata(struct cup_text *text, const struct cup_delta_metadata *metadata)
{
    struct cup_text schema = {0};

    CUP_ASSERT(metadata->id != NULL);
    CUP_ASSERT(metadata->fields != NULL || metadata->schema_string != NULL);
    if (metadata->schema_string != NULL)
        cup_text_puts(&schema, metadata->schema_string);
    else
        cup_delta_schema_string(&schema, metadata->fields, metadata->field_count);
    if (schema.failed) text->failed = true;

    cup_text_puts(text, "{\"metaData\":{");
    put_string(text, "id", metadata->id);
    if (metadata->description != NULL) put_string(text, "description", metadata->description);
    cup_text_puts(text, ",\"format\":{\"provider\":\"parquet\",\"options\":{}}");
    put_name(text, "schemaString");
    cup_text_json(text, schema.at, schema.bytes);
    put_list(text, "partitionColumns", metadata->partition_columns);
    put_name(text, "configuration");
    cup_text_puts(text, metadata->configuration_json ? metadata->configuration_json : "{}");
    put_i64(text, "createdTime", metadata->created_ms);
    cup_text_puts(text, "}}\n");
    cup_text_free(&schema);
}

void cup_delta_put_txn(struct cup_text *text, const char *app_id, uint64_t version,
                       int64_t updated_ms)
{
    CUP_ASSERT(app_id != NULL);
    CUP_ASSERT(version <= INT64_MAX);
    cup_text_puts(text, "{\"txn\":{");
    put_string(text, "appId", app_id);
    put_u64(text, "version", version);
    put_i64(text, "lastUpdated", updated_ms);
    cup_text_puts(text, "}}\n");
}

static void put_partition(struct cup_text *text, const struct cup_delta_add *add)
{
    const char *const *pair = add->partition_values;

    if (add->partition_json != NULL) {
        CUP_ASSERT(add->partition_json[0] == '{' && pair == NULL);
        cup_text_puts(text, add->partition_json);
        return;
    }
    cup_text_puts(text, "{");
    for (; pair != NULL && *pair != NULL; pair += 2)
        put_string(text, pair[0], pair[1]);
    cup_text_puts(text, "}");
}

void cup_delta_put_add(struct cup_text *text, const struct cup_delta_add *add)
{
    CUP_ASSERT(add->path != NULL && add->path[0] != '/');
    CUP_ASSERT(add->stats == NULL || add->stats[0] == '{');

    cup_text_puts(text, "{\"add\":{");
    put_name(text, "path");
    cup_text_puts(text, "\"");
    cup_delta_priv_encode_path(text, add->path);
    cup_text_puts(text, "\"");
    put_name(text, "partitionValues");
    put_partition(text, add);
    put_u64(text, "size", add->bytes);
    put_i64(text, "modificationTime", add->modified_ms);
    put_bool(text, "dataChange", add->data_change);
    if (add->stats != NULL) put_string(text, "stats", add->stats);
    cup_text_puts(text, "}}\n");
}

void cup_delta_put_remove(struct cup_text *text, const struct cup_delta_file *file,
                          int64_t deleted_ms, bool data_change)
{
    CUP_ASSERT(file->path != NULL && file->partition_json != NULL);
    cup_text_puts(text, "{\"remove\":{");
    put_name(text, "path");
    cup_text_puts(text, "\"");
    cup_delta_priv_encode_path(text, file->path);
    cup_text_puts(text, "\"");
    put_i64(text, "deletionTimestamp", deleted_ms);
    put_bool(text, "dataChange", data_change);
    put_bool(text, "extendedFileMetadata", true);
    put_name(text, "partitionValues");
    cup_text_puts(text, file->partition_json);
    put_u64(text, "size", file->bytes);
    cup_text_puts(text, "}}\n");
}

void cup_delta_version_name(char out_name[CUP_DELTA_NAME_BYTES], uint64_t version)
{
    int bytes = snprintf(out_name, CUP_DELTA_NAME_BYTES, "_delta_log/%020" PRIu64 ".json", version);
    CUP_ASSERT(bytes > 0 && bytes < (int)CUP_DELTA_NAME_BYTES);
}
