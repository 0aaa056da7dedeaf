// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/commit_priv.h"

#include <string.h>

#include "base/clock.h"

/* A commit of metadata in the making. */
struct meta {
    const struct cup_commit_table *table;
    uint32_t                       missing; /* columns that the log lacks */
    int64_t                        now_ms;
    const char                    *id;   /* of the table */
    struct cup_text               *text; /* out */
};

/* The brackets of the root's member "fields" in a schema string. */
static enum cup_err find_fields(const struct cup_text *schema, uint32_t *out_open,
                                uint32_t *out_close, struct cup_fault *out_fault)
{
    static const char      padding[CUP_JSON_PADDING];
    struct cup_json       *json   = NULL;
    struct cup_json_doc    doc    = {0};
    struct cup_text        padded = {0};
    struct cup_json_limits limits = CUP_JSON_LIMITS_DEFAULT;

    cup_text_put(&padded, schema->at, schema->bytes);
    cup_text_put(&padded, padding, sizeof padding);
    if (padded.failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "schema", NULL);
    enum cup_err err = cup_json_open("auto", schema->bytes + 1, limits, &json, out_fault);
    if (err == CUP_OK) {
        const uint8_t *buf = (const uint8_t *)padded.at;
        cup_json_text(json, buf, (uint32_t)schema->bytes, &doc);
        uint32_t at = doc.verdict == CUP_JSON_OK && doc.nodes[0].kind == CUP_JSON_OBJECT
                          ? cup_json_member(buf, &doc, 0, "fields", 6)
                          : 0;
        if (at == 0 || doc.nodes[at].kind != CUP_JSON_ARRAY) {
            err = cup_fault_set(out_fault, CUP_CORRUPT, "a schema without fields", NULL);
        } else {
            *out_open  = doc.nodes[at].at;
            *out_close = doc.nodes[at].at + doc.nodes[at].bytes - 1;
        }
    }
    if (json != NULL) cup_json_close(json);
    cup_text_free(&padded);
    return err;
}

/* The log's schema with the missing columns behind its own, which stay byte for byte: other writers
 * keep notes in there. */
static enum cup_err extend_schema(const struct meta *meta, struct cup_text *out_schema,
                                  struct cup_fault *out_fault)
{
    const struct cup_delta_state *state = meta->table->state;
    const struct cup_text old = {.at = state->schema_string, .bytes = strlen(state->schema_string)};
    struct cup_text       added  = {0};
    struct cup_field     *fields = calloc(meta->missing, sizeof *fields);
    uint32_t              count = 0, open = 0, close = 0, added_open = 0, added_close = 0;

    if (fields == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "new columns", NULL);
    for (uint32_t i = 0; i < meta->table->field_count; i++)
        if (cup_commit_priv_table_find(state, meta->table->fields[i].name) == state->field_count)
            fields[count++] = meta->table->fields[i];
    CUP_ASSERT(count == meta->missing);
    cup_delta_schema_string(&added, fields, count);
    free(fields);
    enum cup_err err = find_fields(&old, &open, &close, out_fault);
    if (err == CUP_OK) err = find_fields(&added, &added_open, &added_close, out_fault);
    if (err == CUP_OK) {
        cup_text_put(out_schema, old.at, close);
        if (state->field_count > 0) cup_text_puts(out_schema, ",");
        cup_text_put(out_schema, added.at + added_open + 1, added_close - added_open - 1);
        cup_text_put(out_schema, old.at + close, old.bytes - close);
    }
    cup_text_free(&added);
    return err;
}

static bool needs_ntz(const struct cup_field *field)
{
    return field->type == CUP_TYPE_TIMESTAMP_NTZ ||
           (field->child_count > 0 && field->children[0].type == CUP_TYPE_TIMESTAMP_NTZ);
}

/* A first zoneless timestamp raises the protocol of a table that has no feature list yet. */
static enum cup_err raise_protocol(struct meta *meta, struct cup_fault *out_fault)
{
    const struct cup_commit_table *table = meta->table;
    const struct cup_delta_state  *state = table->state;
    bool                           need = false, have = false;

    for (uint32_t i = 0; i < table->field_count; i++)
        need |= needs_ntz(&table->fields[i]);
    for (char **feature = state->writer_features; feature != NULL && *feature != NULL; feature++)
        have |= strcmp(*feature, "timestampNtz") == 0;
    if (!need || have) return CUP_OK;
    if (state->min_writer > 2)
        return cup_fault_set(out_fault, CUP_TABLE_CHANGED,
                             "the table lacks the feature timestampNtz that a new column needs",
                             table->folder);
    cup_delta_put_protocol(meta->text, table->fields, table->field_count);
    return CUP_OK;
}

static enum cup_err put_alter(struct meta *meta, struct cup_fault *out_fault)
{
    const struct cup_delta_state *state  = meta->table->state;
    struct cup_text               schema = {0};
    enum cup_err                  err    = raise_protocol(meta, out_fault);

    if (err == CUP_OK) err = extend_schema(meta, &schema, out_fault);
    if (err == CUP_OK && !schema.failed) {
        const struct cup_delta_metadata metadata = {.id                 = state->id,
                                                    .description        = state->description,
                                                    .configuration_json = state->configuration_json,
                                                    .schema_string      = schema.at,
                                                    .partition_columns  = meta->table->partitions,
                                                    .created_ms         = state->created_ms};
        cup_delta_put_metadata(meta->text, &metadata);
    }
    if (schema.failed) meta->text->failed = true;
    cup_text_free(&schema);
    return err;
}

static void put_create(struct meta *meta)
{
    const struct cup_commit_table  *table    = meta->table;
    const struct cup_delta_metadata metadata = {.id                = meta->id,
                                                .description       = table->description,
                                                .fields            = table->fields,
                                                .field_count       = table->field_count,
                                                .partition_columns = table->partitions,
                                                .created_ms        = meta->now_ms};

    cup_delta_put_protocol(meta->text, table->fields, table->field_count);
    cup_delta_put_metadata(meta->text, &metadata);
}

enum cup_err cup_commit_priv_schema(const struct cup_commit_table *table, uint32_t missing,
                                    int64_t now_us, const char *id, struct cup_text *out_text,
                                    struct cup_fault *out_fault)
{
    struct meta  meta    = {.table   = table,
                            .missing = missing,
                            .now_ms  = now_us / CUP_US_PER_MS,
                            .id      = id,
                            .text    = out_text};
    bool         creates = table->state == NULL;
    enum cup_err err     = CUP_OK;

    struct cup_delta_commit_info info = {.timestamp_ms = meta.now_ms,
                                         .operation    = creates ? "CREATE TABLE" : "ADD COLUMNS",
                                         .epoch_id     = ""};
    CUP_ASSERT(creates || missing > 0);
    cup_delta_put_commit_info(out_text, &info);
    if (creates)
        put_create(&meta);
    else
        err = put_alter(&meta, out_fault);
    if (err == CUP_OK && out_text->failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "commit of columns", table->folder);
    return err;
}
