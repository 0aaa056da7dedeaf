// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>

#include "lake/delta_priv.h"
#include "lake/parquet.h"

#define BATCH_ROWS        1024u
#define GROUP_BYTES_MAX   (16u << 20)  /* of encoded pages: a row group is closed past it */
#define BATCH_BYTES_MAX   (8u << 20)   /* of stats and paths: a batch is handed over past it */
#define POOL_BYTES        (256u << 20) /* address space; touched as far as it is used */
#define FIELD_COUNT(list) ((uint32_t)(sizeof(list) / sizeof(list)[0]))

/* --- the columns --- */

#define LEAF(title, kind)                                                                          \
    {                                                                                              \
        .name = (title), .type = CUP_TYPE_##kind                                                   \
    }
#define NEST(title, kind, list)                                                                    \
    {                                                                                              \
        .name = (title), .type = CUP_TYPE_##kind, .child_count = FIELD_COUNT(list),                \
        .children = (list)                                                                         \
    }

static const struct cup_field texts[] = {LEAF("element", STRING)};
static const struct cup_field pairs[] = {
    {.name = "key", .type = CUP_TYPE_STRING, .flags = CUP_FIELD_REQUIRED}, LEAF("value", STRING)};
static const struct cup_field txn_fields[] = {LEAF("appId", STRING), LEAF("version", LONG),
                                              LEAF("lastUpdated", LONG)};
static const struct cup_field add_fields[] = {
    {.name = "path", .type = CUP_TYPE_STRING, .flags = CUP_FIELD_NO_DICT},
    NEST("partitionValues", MAP, pairs),
    LEAF("size", LONG),
    LEAF("modificationTime", LONG),
    LEAF("dataChange", BOOL),
    {.name = "stats", .type = CUP_TYPE_STRING, .flags = CUP_FIELD_NO_DICT | CUP_FIELD_NO_BOUNDS}};
static const struct cup_field remove_fields[] = {
    {.name = "path", .type = CUP_TYPE_STRING, .flags = CUP_FIELD_NO_DICT},
    LEAF("deletionTimestamp", LONG),
    LEAF("dataChange", BOOL)};
static const struct cup_field format_fields[]   = {LEAF("provider", STRING),
                                                   NEST("options", MAP, pairs)};
static const struct cup_field metadata_fields[] = {LEAF("id", STRING),
                                                   LEAF("description", STRING),
                                                   NEST("format", STRUCT, format_fields),
                                                   LEAF("schemaString", STRING),
                                                   NEST("partitionColumns", LIST, texts),
                                                   NEST("configuration", MAP, pairs),
                                                   LEAF("createdTime", LONG)};
static const struct cup_field protocol_fields[] = {
    LEAF("minReaderVersion", INT), LEAF("minWriterVersion", INT),
    NEST("readerFeatures", LIST, texts), NEST("writerFeatures", LIST, texts)};
static const struct cup_field action_fields[] = {
    NEST("txn", STRUCT, txn_fields), NEST("add", STRUCT, add_fields),
    NEST("remove", STRUCT, remove_fields), NEST("metaData", STRUCT, metadata_fields),
    NEST("protocol", STRUCT, protocol_fields)};

enum { TXN, ADD, REMOVE, METADATA, PROTOCOL, ACTIONS };
_Static_assert(sizeof action_fields / sizeof action_fields[0] == ACTIONS, "one column an action");

/* --- values --- */

struct build {
    const struct cup_delta_state *state;
    struct cup_delta_priv_rows    rows;
    struct cup_pool               pool;
    struct cup_parquet           *file;
    struct cup_text              *out;
    uint64_t                      row_count, batch_bytes;
};

static void put_string(struct build *build, struct cup_column *column, const char *text)
{
    if (text == NULL)
        cup_delta_priv_put_null(&build->rows, column);
    else
        cup_delta_priv_put_text(&build->rows, column, text, strlen(text));
}

static void put_strings(struct build *build, struct cup_column *column, char *const *list)
{
    uint32_t count = 0;

    if (list == NULL) { /* never an empty list: readers refuse it */
        cup_delta_priv_put_null(&build->rows, column);
        return;
    }
    for (; list[count] != NULL; count++)
        put_string(build, &column->children[0], list[count]);
    cup_delta_priv_put_list(&build->rows, column, count);
}

/* A STRING node's text, or the raw text of another kind. */
static void put_node(struct build *build, struct cup_column *column,
                     const struct cup_delta_priv_json *json, uint32_t at)
{
    const struct cup_json_node *node = &json->doc.nodes[at];
    struct cup_text             text = {0};

    if (node->kind == CUP_JSON_NULL) {
        cup_delta_priv_put_null(&build->rows, column);
        return;
    }
    cup_text_put(&text, json->at + node->at, node->bytes);
    if (text.failed) {
        build->rows.failed = true;
        return;
    }
    if (node->kind == CUP_JSON_STRING)
        text.bytes = cup_json_unescape(json->at + node->at, node->bytes, (uint8_t *)text.at);
    cup_delta_priv_put_text(&build->rows, column, text.at ? text.at : "", text.bytes);
    cup_text_free(&text);
}

static void put_key(struct build *build, struct cup_column *column,
                    const struct cup_delta_priv_json *json, uint32_t at)
{
    const struct cup_json_node *node = &json->doc.nodes[at];
    uint8_t                     key[4096];

    CUP_ASSERT(node->key_bytes <= sizeof key);
    uint32_t bytes = cup_json_unescape(json->at + node->key_at, node->key_bytes, key);
    cup_delta_priv_put_text(&build->rows, column, key, bytes);
}

/* A JSON object as a map, an array (wrapped, because only objects are parsed) as a list. */
static enum cup_err put_json(struct build *build, struct cup_column *column, const char *text,
                             bool map, struct cup_fault *out_fault)
{
    static const char             padding[CUP_JSON_PADDING];
    struct cup_delta_priv_memory *memory = build->state->memory;
    struct cup_delta_priv_json    json;
    struct cup_text               copy = {0};

    if (strcmp(text, map ? "{}" : "[]") == 0) {
        cup_delta_priv_put_list(&build->rows, column, 0);
        return CUP_OK;
    }
    cup_text_printf(&copy, map ? "%s" : "{\"x\":%s}", text);
    size_t bytes = copy.bytes;
    cup_text_put(&copy, padding, sizeof padding);
    enum cup_err err = CUP_NO_MEMORY;
    if (!copy.failed) err = cup_delta_priv_parse(memory, copy.at, bytes, &json, out_fault);
    if (err == CUP_OK) {
        uint32_t list  = map ? 0 : 1;
        uint32_t count = json.doc.nodes[list].child_count;
        uint32_t at    = list + 1;
        for (uint32_t i = 0; i < count; i++, at = json.doc.nodes[at].next) {
            if (map) put_key(build, &column->children[0], &json, at);
            put_node(build, &column->children[map ? 1 : 0], &json, at);
        }
        cup_delta_priv_put_list(&build->rows, column, count);
    }
    cup_text_free(&copy);
    return err;
}

/* --- rows --- */

/* Hands the batch to the file. */
static enum cup_err hand_over(struct build *build, struct cup_fault *out_fault)
{
    uint32_t count = build->rows.columns[TXN].row_count;

    if (build->rows.failed)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "make a checkpoint", NULL);
    if (count == 0) return CUP_OK;
    enum cup_err err = cup_parquet_append(build->file, build->rows.columns, count, out_fault);
    if (err != CUP_OK) return err;
    cup_delta_priv_rows_clear(&build->rows);
    build->row_count += count;
    build->batch_bytes = 0;
    if (cup_parquet_group_bytes(build->file) < GROUP_BYTES_MAX) return CUP_OK;
    return cup_parquet_close_group(build->file, out_fault);
}

/* Ends a row that has its one action. */
static enum cup_err end_row(struct build *build, uint32_t action, size_t bytes,
                            struct cup_fault *out_fault)
{
    for (uint32_t i = 0; i < ACTIONS; i++)
        if (i != action) cup_delta_priv_put_null(&build->rows, &build->rows.columns[i]);
    build->batch_bytes += bytes;
    bool full =
        build->rows.columns[TXN].row_count == BATCH_ROWS || build->batch_bytes > BATCH_BYTES_MAX;
    return full ? hand_over(build, out_fault) : CUP_OK;
}

static enum cup_err put_protocol(struct build *build, struct cup_fault *out_fault)
{
    const struct cup_delta_state *state  = build->state;
    struct cup_column            *column = &build->rows.columns[PROTOCOL];

    cup_delta_priv_put_struct(&build->rows, column);
    cup_delta_priv_put_i64(&build->rows, &column->children[0], state->min_reader);
    cup_delta_priv_put_i64(&build->rows, &column->children[1], state->min_writer);
    put_strings(build, &column->children[2], state->reader_features);
    put_strings(build, &column->children[3], state->writer_features);
    return end_row(build, PROTOCOL, 0, out_fault);
}

static enum cup_err put_metadata(struct build *build, struct cup_fault *out_fault)
{
    const struct cup_delta_state *state  = build->state;
    struct cup_column            *column = &build->rows.columns[METADATA];
    struct cup_column            *format = &column->children[2];

    cup_delta_priv_put_struct(&build->rows, column);
    put_string(build, &column->children[0], state->id);
    put_string(build, &column->children[1], state->description);
    cup_delta_priv_put_struct(&build->rows, format);
    put_string(build, &format->children[0], "parquet");
    cup_delta_priv_put_list(&build->rows, &format->children[1], 0);
    put_string(build, &column->children[3], state->schema_string);
    enum cup_err err =
        put_json(build, &column->children[4], state->partition_columns_json, false, out_fault);
    if (err == CUP_OK)
        err = put_json(build, &column->children[5], state->configuration_json, true, out_fault);
    if (err != CUP_OK) return err;
    cup_delta_priv_put_i64(&build->rows, &column->children[6], state->created_ms);
    return end_row(build, METADATA, strlen(state->schema_string), out_fault);
}

static enum cup_err put_txn(struct build *build, const struct cup_delta_txn *txn,
                            struct cup_fault *out_fault)
{
    struct cup_column *column = &build->rows.columns[TXN];

    cup_delta_priv_put_struct(&build->rows, column);
    put_string(build, &column->children[0], txn->app_id);
    cup_delta_priv_put_i64(&build->rows, &column->children[1], (int64_t)txn->version);
    if (txn->updated_ms != 0)
        cup_delta_priv_put_i64(&build->rows, &column->children[2], txn->updated_ms);
    else
        cup_delta_priv_put_null(&build->rows, &column->children[2]);
    return end_row(build, TXN, 0, out_fault);
}

static enum cup_err put_path(struct build *build, struct cup_column *column, const char *path,
                             struct cup_fault *out_fault)
{
    struct cup_text text = {0};

    cup_delta_priv_encode_path(&text, path);
    if (text.failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "make a checkpoint", NULL);
    put_string(build, column, text.at);
    cup_text_free(&text);
    return CUP_OK;
}

static enum cup_err put_add(struct build *build, const struct cup_delta_file *file,
                            struct cup_fault *out_fault)
{
    struct cup_column *column = &build->rows.columns[ADD];

    cup_delta_priv_put_struct(&build->rows, column);
    enum cup_err err = put_path(build, &column->children[0], file->path, out_fault);
    if (err == CUP_OK)
        err = put_json(build, &column->children[1], file->partition_json, true, out_fault);
    if (err != CUP_OK) return err;
    cup_delta_priv_put_i64(&build->rows, &column->children[2], (int64_t)file->bytes);
    cup_delta_priv_put_i64(&build->rows, &column->children[3], file->modified_ms);
    cup_delta_priv_put_i64(&build->rows, &column->children[4], false); /* dataChange */
    put_string(build, &column->children[5], file->stats);
    return end_row(build, ADD, file->stats ? strlen(file->stats) : 0, out_fault);
}

static enum cup_err put_remove(struct build *build, const struct cup_delta_tombstone *tombstone,
                               struct cup_fault *out_fault)
{
    struct cup_column *column = &build->rows.columns[REMOVE];

    cup_delta_priv_put_struct(&build->rows, column);
    enum cup_err err = put_path(build, &column->children[0], tombstone->path, out_fault);
    if (err != CUP_OK) return err;
    cup_delta_priv_put_i64(&build->rows, &column->children[1], tombstone->deleted_ms);
    cup_delta_priv_put_i64(&build->rows, &column->children[2], false); /* dataChange */
    return end_row(build, REMOVE, 0, out_fault);
}

static enum cup_err put_rows(struct build *build, struct cup_fault *out_fault)
{
    const struct cup_delta_state *state = build->state;

    enum cup_err err = put_protocol(build, out_fault);
    if (err == CUP_OK) err = put_metadata(build, out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < state->txn_count; i++)
        err = put_txn(build, &state->txns[i], out_fault);
    for (uint64_t i = 0; err == CUP_OK && i < state->file_count; i++)
        err = put_add(build, &state->files[i], out_fault);
    for (uint64_t i = 0; err == CUP_OK && i < state->tombstone_count; i++)
        if (cup_delta_find(state, state->tombstones[i].path) == NULL)
            err = put_remove(build, &state->tombstones[i], out_fault);
    return err == CUP_OK ? hand_over(build, out_fault) : err;
}

static enum cup_err put_bytes(void *arg, const void *bytes, size_t count,
                              struct cup_fault *out_fault)
{
    struct cup_text *out = arg;

    cup_text_put(out, bytes, count);
    if (out->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "make a checkpoint", NULL);
    return CUP_OK;
}

static enum cup_err encode(struct build *build, struct cup_fault *out_fault)
{
    struct cup_sink         sink  = {.arg = build->out, .put = put_bytes};
    struct cup_text         stats = {0};
    struct cup_parquet_done done;

    enum cup_err err = cup_parquet_open(&build->pool, action_fields, ACTIONS, CUP_CODEC_ZSTD, sink,
                                        &build->file, out_fault);
    if (err != CUP_OK) return err;
    err = put_rows(build, out_fault);
    if (err != CUP_OK) {
        cup_parquet_drop(build->file);
        return err;
    }
    err = cup_parquet_finish(build->file, &stats, &done, out_fault);
    CUP_ASSERT(err != CUP_OK || done.row_count == build->row_count);
    cup_text_free(&stats);
    return err;
}

enum cup_err cup_delta_checkpoint(const struct cup_delta_state *state, struct cup_text *out_file,
                                  struct cup_text *out_last, struct cup_fault *out_fault)
{
    struct build build = {.state = state, .out = out_file};

    CUP_ASSERT(state->id != NULL && state->min_reader > 0);
    CUP_ASSERT(out_file->bytes == 0 && out_last->bytes == 0);
    enum cup_err err = cup_pool_init(&build.pool, POOL_BYTES, out_fault);
    if (err != CUP_OK) return err;
    if (cup_delta_priv_rows_init(&build.rows, action_fields, ACTIONS))
        err = encode(&build, out_fault);
    else
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "make a checkpoint", NULL);
    cup_delta_priv_rows_free(&build.rows);
    cup_pool_fini(&build.pool);
    if (err != CUP_OK) {
        cup_text_clear(out_file);
        return err;
    }
    cup_text_printf(out_last,
                    "{\"version\":%" PRIu64 ",\"size\":%" PRIu64
                    ",\"sizeInBytes\":%zu,\"numOfAddFiles\":%" PRIu64 "}",
                    state->version, build.row_count, out_file->bytes, state->file_count);
    return out_last->failed ? cup_fault_set(out_fault, CUP_NO_MEMORY, "make a checkpoint", NULL)
                            : CUP_OK;
}
