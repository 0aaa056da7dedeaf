// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "lake/delta_priv.h"
#include "lake/parquet.h"

/* A column of a checkpoint with its field, or both NULL when the file lacks it. */
struct place {
    const struct cup_field  *field;
    const struct cup_column *column;
};

static struct place child(struct place parent, const char *name)
{
    struct place found = {0};

    if (parent.column == NULL || parent.field->type != CUP_TYPE_STRUCT) return found;
    CUP_ASSERT(parent.column->child_count == parent.field->child_count);
    for (uint32_t i = 0; i < parent.field->child_count; i++)
        if (strcmp(parent.field->children[i].name, name) == 0)
            found = (struct place){&parent.field->children[i], &parent.column->children[i]};
    return found;
}

static bool has_value(struct place place, uint32_t row)
{
    return place.column != NULL && row < place.column->row_count &&
           !cup_column_is_null(place.column, row);
}

static struct cup_delta_priv_text get_text(struct place place, uint32_t row)
{
    if (!has_value(place, row) || place.column->vec != CUP_VEC_VAR)
        return (struct cup_delta_priv_text){0};
    const uint32_t *offsets = place.column->offsets;
    const char     *text    = place.column->text ? (const char *)place.column->text : "";
    return (struct cup_delta_priv_text){text + offsets[row], offsets[row + 1] - offsets[row]};
}

static int64_t get_i64(struct place place, uint32_t row, int64_t missing)
{
    if (!has_value(place, row)) return missing;
    if (place.column->vec == CUP_VEC_I64) return place.column->i64[row];
    return place.column->vec == CUP_VEC_I32 ? place.column->i32[row] : missing;
}

static void put_json_text(struct cup_text *out, struct cup_delta_priv_text text)
{
    if (text.at == NULL)
        cup_text_puts(out, "null");
    else
        cup_text_json(out, text.at, text.bytes);
}

/* A map of texts as a JSON object, a list as an array; absent when the column is. */
static struct cup_delta_priv_text get_json(struct place place, uint32_t row, struct cup_text *out)
{
    if (!has_value(place, row) || place.column->vec != CUP_VEC_LIST)
        return (struct cup_delta_priv_text){0};
    bool     map   = place.field->type == CUP_TYPE_MAP;
    uint32_t value = map ? 1 : 0;
    cup_text_clear(out);
    cup_text_puts(out, map ? "{" : "[");
    for (uint32_t i = place.column->offsets[row]; i < place.column->offsets[row + 1]; i++) {
        if (i > place.column->offsets[row]) cup_text_puts(out, ",");
        struct place key = {&place.field->children[0], &place.column->children[0]};
        if (map) put_json_text(out, get_text(key, i));
        if (map) cup_text_puts(out, ":");
        struct place of = {&place.field->children[value], &place.column->children[value]};
        put_json_text(out, get_text(of, i));
    }
    cup_text_puts(out, map ? "}" : "]");
    if (out->failed) return (struct cup_delta_priv_text){0};
    return (struct cup_delta_priv_text){out->at, out->bytes};
}

/* --- actions --- */

struct reading {
    struct cup_delta_state *state;
    struct cup_text         texts[2]; /* maps and lists of the row as JSON */
    bool                    failed;   /* memory is short */
};

static enum cup_err apply_txn(struct reading *reading, struct place txn, uint32_t row,
                              struct cup_fault *out_fault)
{
    return cup_delta_priv_txn(reading->state, get_text(child(txn, "appId"), row),
                              get_i64(child(txn, "version"), row, -1),
                              get_i64(child(txn, "lastUpdated"), row, 0), out_fault);
}

static enum cup_err apply_add(struct reading *reading, struct place add, uint32_t row,
                              struct cup_fault *out_fault)
{
    if (has_value(child(add, "deletionVector"), row))
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a file with a deletion vector", NULL);
    struct cup_delta_priv_add action = {
        .path           = get_text(child(add, "path"), row),
        .partition_json = get_json(child(add, "partitionValues"), row, &reading->texts[0]),
        .stats          = get_text(child(add, "stats"), row),
        .bytes          = get_i64(child(add, "size"), row, -1),
        .modified_ms    = get_i64(child(add, "modificationTime"), row, 0)};
    return cup_delta_priv_add(reading->state, &action, out_fault);
}

static enum cup_err apply_remove(struct reading *reading, struct place remove, uint32_t row,
                                 struct cup_fault *out_fault)
{
    return cup_delta_priv_bury(reading->state, get_text(child(remove, "path"), row),
                               get_i64(child(remove, "deletionTimestamp"), row, 0), out_fault);
}

static enum cup_err apply_metadata(struct reading *reading, struct place metadata, uint32_t row,
                                   struct cup_fault *out_fault)
{
    struct cup_delta_priv_metadata action = {
        .id            = get_text(child(metadata, "id"), row),
        .schema_string = get_text(child(metadata, "schemaString"), row),
        .description   = get_text(child(metadata, "description"), row),
        .partition_columns_json =
            get_json(child(metadata, "partitionColumns"), row, &reading->texts[0]),
        .configuration_json = get_json(child(metadata, "configuration"), row, &reading->texts[1]),
        .created_ms         = get_i64(child(metadata, "createdTime"), row, 0)};
    return cup_delta_priv_metadata(reading->state, &action, out_fault);
}

static char **get_list(struct reading *reading, struct place place, uint32_t row)
{
    struct cup_delta_priv_memory *memory = reading->state->memory;

    if (!has_value(place, row) || place.column->vec != CUP_VEC_LIST) return NULL;
    uint32_t     first = place.column->offsets[row];
    uint32_t     count = place.column->offsets[row + 1] - first;
    char       **list  = cup_delta_priv_take(&memory->protocol, ((size_t)count + 1) * sizeof *list);
    struct place of    = {&place.field->children[0], &place.column->children[0]};
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        struct cup_delta_priv_text text = get_text(of, first + i);
        list[i] = cup_delta_priv_copy(&memory->protocol, text.at, text.bytes);
        if (list[i] == NULL) reading->failed = true;
    }
    if (list == NULL) reading->failed = true;
    return list;
}

static enum cup_err apply_protocol(struct reading *reading, struct place protocol, uint32_t row,
                                   struct cup_fault *out_fault)
{
    struct cup_delta_state       *state  = reading->state;
    struct cup_delta_priv_memory *memory = state->memory;

    state->reader_features = state->writer_features = NULL;
    cup_delta_priv_release(&memory->protocol);
    char **reader = get_list(reading, child(protocol, "readerFeatures"), row);
    char **writer = get_list(reading, child(protocol, "writerFeatures"), row);
    return cup_delta_priv_protocol(state, get_i64(child(protocol, "minReaderVersion"), row, -1),
                                   get_i64(child(protocol, "minWriterVersion"), row, -1), reader,
                                   writer, out_fault);
}

static const struct {
    const char *name;
    enum cup_err (*apply)(struct reading *, struct place, uint32_t row, struct cup_fault *);
    /* what is used; others (stats_parsed, tags, baseRowId, ...) are not even read: some have types
     * that the reader does not know, and there may be thousands */
    const char *columns[8];
} actions[] = {
    {"txn", apply_txn, {"appId", "version", "lastUpdated"}},
    {"add",
     apply_add,
     {"path", "partitionValues", "size", "modificationTime", "stats", "deletionVector"}},
    {"remove", apply_remove, {"path", "deletionTimestamp"}},
    {"metaData",
     apply_metadata,
     {"id", "schemaString", "description", "partitionColumns", "configuration", "createdTime"}},
    {"protocol",
     apply_protocol,
     {"minReaderVersion", "minWriterVersion", "readerFeatures", "writerFeatures"}},
};
#define ACTION_COUNT (sizeof actions / sizeof actions[0])

static enum cup_err apply_group(struct reading *reading, const struct place *places,
                                uint32_t row_count, struct cup_fault *out_fault)
{
    for (uint32_t row = 0; row < row_count; row++) {
        for (size_t i = 0; i < ACTION_COUNT; i++) {
            if (!has_value(places[i], row)) continue;
            enum cup_err err = actions[i].apply(reading, places[i], row, out_fault);
            if (err != CUP_OK) return err;
            if (reading->failed || reading->texts[0].failed || reading->texts[1].failed)
                return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a checkpoint", NULL);
        }
    }
    return CUP_OK;
}

/* Reads only the columns of known actions: foreign checkpoints hold more (sidecar, ...). */
static enum cup_err read_groups(struct reading *reading, struct cup_parquet_reader *reader,
                                struct cup_fault *out_fault)
{
    uint8_t                 wanted[CUP_PARQUET_COLUMNS_MAX] = {0};
    uint32_t                field_count, at[ACTION_COUNT];
    const struct cup_field *fields = cup_parquet_reader_fields(reader, &field_count);

    if (field_count > CUP_PARQUET_COLUMNS_MAX)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a checkpoint has too many columns", NULL);
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        at[i] = UINT32_MAX;
        for (uint32_t k = 0; k < field_count; k++) {
            if (strcmp(fields[k].name, actions[i].name) != 0) continue;
            at[i]     = k;
            wanted[k] = 1;
            cup_parquet_reader_only(reader, k, actions[i].columns);
        }
    }
    uint32_t group_count = cup_parquet_reader_group_count(reader);
    for (uint32_t group = 0; group < group_count; group++) {
        const struct cup_column *columns;
        uint32_t                 row_count;
        enum cup_err             err =
            cup_parquet_reader_group(reader, group, wanted, &columns, &row_count, out_fault);
        if (err != CUP_OK) return err;
        struct place places[ACTION_COUNT] = {0};
        for (size_t i = 0; i < ACTION_COUNT; i++)
            if (at[i] != UINT32_MAX) places[i] = (struct place){&fields[at[i]], &columns[at[i]]};
        err = apply_group(reading, places, row_count, out_fault);
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}

static enum cup_err read_bytes(void *arg, uint64_t at, void *bytes, size_t count,
                               struct cup_fault *out_fault)
{
    const struct cup_text *file = arg;

    if (at > file->bytes || count > file->bytes - at)
        return cup_fault_set(out_fault, CUP_CORRUPT, "a checkpoint is cut off", NULL);
    if (count > 0) memcpy(bytes, file->at + at, count);
    return CUP_OK;
}

enum cup_err cup_delta_priv_read_checkpoint(struct cup_delta_state *state,
                                            const struct cup_text  *file,
                                            struct cup_fault       *out_fault)
{
    struct reading          reading = {.state = state};
    struct cup_bytes_source source  = {
         .arg = (void *)file, .bytes = file->bytes, .read = read_bytes}; /* read only */
    struct cup_parquet_reader *reader;

    CUP_ASSERT(state->version == 0);
    CUP_ASSERT(!file->failed);
    enum cup_err err = cup_parquet_reader_open(source, &reader, out_fault);
    if (err != CUP_OK) return err;
    err = read_groups(&reading, reader, out_fault);
    cup_parquet_reader_close(reader);
    cup_text_free(&reading.texts[0]);
    cup_text_free(&reading.texts[1]);
    return err;
}
