// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/commit_priv.h"

#include <string.h>

#include "base/clock.h"

/* A table's commit in the making. */
struct build {
    const struct cup_commit       *commit;
    const struct cup_commit_epoch *epoch;
    const struct cup_commit_table *table;
    struct cup_text                text;
    char                           new_id[CUP_UUID_TEXT_BYTES]; /* of a table that is created */
    uint32_t                       missing;                     /* columns that the log lacks */
};

static int64_t now_ms(const struct build *build)
{
    return build->epoch->decided_us / CUP_US_PER_MS;
}

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
static enum cup_err extend_schema(const struct build *build, struct cup_text *out_schema,
                                  struct cup_fault *out_fault)
{
    const struct cup_delta_state *state = build->table->state;
    const struct cup_text old = {.at = state->schema_string, .bytes = strlen(state->schema_string)};
    struct cup_text       added  = {0};
    struct cup_field     *fields = calloc(build->missing, sizeof *fields);
    uint32_t              count = 0, open = 0, close = 0, added_open = 0, added_close = 0;

    if (fields == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "new columns", NULL);
    for (uint32_t i = 0; i < build->table->field_count; i++)
        if (cup_commit_priv_table_find(state, build->table->fields[i].name) == state->field_count)
            fields[count++] = build->table->fields[i];
    CUP_ASSERT(count == build->missing);
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
static enum cup_err raise_protocol(struct build *build, struct cup_fault *out_fault)
{
    const struct cup_commit_table *table = build->table;
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
    cup_delta_put_protocol(&build->text, table->fields, table->field_count);
    return CUP_OK;
}

static enum cup_err put_alter(struct build *build, struct cup_fault *out_fault)
{
    const struct cup_delta_state *state  = build->table->state;
    struct cup_text               schema = {0};
    enum cup_err                  err    = raise_protocol(build, out_fault);

    if (err == CUP_OK) err = extend_schema(build, &schema, out_fault);
    if (err == CUP_OK && !schema.failed) {
        const struct cup_delta_metadata metadata = {.id                 = state->id,
                                                    .description        = state->description,
                                                    .configuration_json = state->configuration_json,
                                                    .schema_string      = schema.at,
                                                    .partition_columns  = build->table->partitions,
                                                    .created_ms         = state->created_ms};
        cup_delta_put_metadata(&build->text, &metadata);
    }
    if (schema.failed) build->text.failed = true;
    cup_text_free(&schema);
    return err;
}

static void put_create(struct build *build)
{
    const struct cup_delta_metadata metadata = {.id                = build->new_id,
                                                .description       = build->table->description,
                                                .fields            = build->table->fields,
                                                .field_count       = build->table->field_count,
                                                .partition_columns = build->table->partitions,
                                                .created_ms        = now_ms(build)};

    cup_delta_put_protocol(&build->text, build->table->fields, build->table->field_count);
    cup_delta_put_metadata(&build->text, &metadata);
}

static void put_files(struct build *build, struct cup_epoch_file *const *files, uint32_t file_count)
{
    size_t folder_bytes = strlen(build->table->folder);

    for (uint32_t i = 0; i < file_count; i++) {
        const struct cup_epoch_file *file = files[i];
        CUP_ASSERT(strncmp(file->name, build->table->folder, folder_bytes) == 0);
        CUP_ASSERT(file->name[folder_bytes] == '/');
        struct cup_delta_add add = {
            .path           = file->name + folder_bytes + 1,
            .partition_json = file->partition_json.bytes > 0 ? file->partition_json.at : NULL,
            .bytes          = file->bytes,
            .modified_ms    = now_ms(build),
            .stats          = file->stats.bytes > 0 ? file->stats.at : NULL,
            .data_change    = true};
        cup_delta_put_add(&build->text, &add);
    }
}

static enum cup_err put_all(struct build *build, struct cup_epoch_file *const *files,
                            uint32_t file_count, struct cup_fault *out_fault)
{
    bool         creates = build->table->state == NULL;
    enum cup_err err     = CUP_OK;

    struct cup_delta_commit_info info = {.timestamp_ms = now_ms(build),
                                         .operation    = creates              ? "CREATE TABLE"
                                                         : build->missing > 0 ? "ADD COLUMNS"
                                                                              : "WRITE",
                                         .epoch_id     = build->epoch->id,
                                         .epoch        = build->epoch->number,
                                         .blind_append = !creates && build->missing == 0};
    cup_delta_put_commit_info(&build->text, &info);
    if (creates)
        put_create(build);
    else if (build->missing > 0)
        err = put_alter(build, out_fault);
    if (err != CUP_OK) return err;
    cup_delta_put_txn(&build->text, build->commit->app, build->epoch->number, now_ms(build));
    put_files(build, files, file_count);
    if (build->text.failed) err = cup_fault_set(out_fault, CUP_NO_MEMORY, "commit", NULL);
    return err;
}

enum cup_err cup_commit_priv_build(struct cup_commit *commit, const struct cup_commit_epoch *epoch,
                                   struct cup_commit_table      *table,
                                   struct cup_epoch_file *const *files, uint32_t file_count,
                                   struct cup_text *payload, struct cup_fault *out_fault)
{
    struct build build = {.commit = commit, .epoch = epoch, .table = table};

    CUP_ASSERT(file_count > 0);
    enum cup_err err = cup_commit_priv_table_fields(commit, table, out_fault);
    if (err == CUP_OK) err = cup_commit_priv_table_meet(commit, table, out_fault);
    if (err == CUP_OK && table->state != NULL)
        err = cup_commit_priv_table_check(table, &build.missing, out_fault);
    if (err != CUP_OK) return err;
    bool creates = table->state == NULL;
    if (creates) cup_rnd_uuid(build.new_id);
    err                          = put_all(&build, files, file_count, out_fault);
    struct cup_journal_line line = {.kind    = CUP_LINE_COMMIT,
                                    .name    = table->folder,
                                    .id      = creates ? build.new_id : table->state->id,
                                    .creates = creates,
                                    .alters  = build.missing > 0,
                                    .crc32c  = cup_commit_priv_schema_crc(table),
                                    .bytes   = build.text.bytes,
                                    .commit  = build.text.at};
    if (err == CUP_OK) cup_journal_put_line(payload, &line);
    cup_text_free(&build.text);
    return err;
}
