// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_merge.h"

#include <stdlib.h>
#include <string.h>

#include "lake/delta_priv.h"

#define SLICE_ROWS      4096u       /* rows of an append; bounds what the writer needs at once */
#define SLICE_ROWS_MIN  64u         /* slices start at whole words of validity bits */
#define GROUP_BYTES_MAX (64u << 20) /* of a row group, packed */
_Static_assert(SLICE_ROWS % SLICE_ROWS_MIN == 0, "halving keeps slices at whole words");

struct merging {
    const struct cup_merge      *merge;
    struct cup_parquet          *file;
    struct cup_field            *fields; /* of the output; children are the state's */
    uint32_t                     field_count;
    struct cup_column           *slice; /* per field: what is appended */
    uint32_t                    *at; /* per field: column of the file at hand; UINT32_MAX: none */
    struct cup_column           *nothing; /* per field: a column of nulls */
    struct cup_delta_priv_arena  arena;
    struct cup_delta_priv_memory memory; /* only its parser is used */
    uint8_t                     *zeros;
    bool                         failed; /* memory is short */
};

/* --- the columns of the output --- */

static enum cup_err no_memory(const struct merging *merging, struct cup_fault *out_fault)
{
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "merge files", merging->merge->table->path);
}

/* A JSON text parsed in a copy that has padding. */
static bool parse(struct merging *merging, const char *text, struct cup_delta_priv_json *out_json)
{
    size_t bytes = strlen(text);
    char  *copy  = cup_delta_priv_take(&merging->arena, bytes + CUP_JSON_PADDING);

    if (copy == NULL) return false;
    memcpy(copy, text, bytes);
    return cup_delta_priv_parse(&merging->memory, copy, bytes, out_json, NULL) == CUP_OK;
}

/* partitionValues has exactly the partition columns. */
static bool is_partition(struct merging *merging, const char *name)
{
    struct cup_delta_priv_json json;

    if (!parse(merging, merging->merge->inputs[0]->partition_json, &json)) return false;
    return cup_json_member(json.at, &json.doc, 0, name, strlen(name)) != 0;
}

/* A column without bounds in all inputs gets none: some texts are not for the log. */
static bool has_bounds(struct merging *merging, const char *name)
{
    struct cup_delta_priv_json json;

    for (uint32_t i = 0; i < merging->merge->input_count; i++) {
        const char *stats = merging->merge->inputs[i]->stats;
        if (stats == NULL || !parse(merging, stats, &json)) continue;
        uint32_t least = cup_delta_priv_member(&json, 0, "minValues");
        if (least != 0 && json.doc.nodes[least].kind == CUP_JSON_OBJECT &&
            cup_delta_priv_member(&json, least, name) != 0)
            return true;
    }
    return false;
}

/* The arena's memory for `count` elements; what is put there when there is none is lost. */
static void *take(struct merging *merging, struct cup_delta_priv_arena *arena, uint32_t count,
                  size_t width)
{
    void *memory = cup_delta_priv_take(arena, count * width);
    if (memory == NULL) merging->failed = true;
    return memory;
}

static void put_nothing(struct merging *merging, const struct cup_field *field,
                        struct cup_column *column, uint32_t rows, uint32_t depth)
{
    CUP_ASSERT(depth <= CUP_DELTA_PRIV_DEPTH_MAX);
    *column = (struct cup_column){.validity    = merging->zeros,
                                  .any         = merging->zeros,
                                  .offsets     = (uint32_t *)(void *)merging->zeros,
                                  .row_count   = rows,
                                  .vec         = (uint8_t)cup_type_vec((enum cup_type)field->type),
                                  .child_count = (uint8_t)field->child_count};
    if (field->child_count == 0) return;
    column->children = take(merging, &merging->arena, field->child_count, sizeof *column->children);
    if (field->type != CUP_TYPE_STRUCT) rows = 0;
    for (uint32_t i = 0; column->children != NULL && i < field->child_count; i++)
        put_nothing(merging, &field->children[i], &column->children[i], rows, depth + 1);
}

/* Readers take nullable columns in a file for NOT NULL ones of the table; the writer would not take
 * a null that another engine let in. */
static struct cup_field nullable(struct merging *merging, const struct cup_field *field,
                                 uint32_t depth)
{
    struct cup_field  copy = *field;
    struct cup_field *children;

    CUP_ASSERT(depth <= CUP_DELTA_PRIV_DEPTH_MAX);
    copy.flags = 0;
    if (copy.child_count == 0) return copy;
    children      = take(merging, &merging->arena, copy.child_count, sizeof *children);
    copy.children = children;
    for (uint32_t i = 0; children != NULL && i < copy.child_count; i++)
        children[i] = nullable(merging, &field->children[i], depth + 1);
    return copy;
}

static enum cup_err make_fields(struct merging *merging, struct cup_fault *out_fault)
{
    const struct cup_delta_state *state = merging->merge->table->state;
    size_t                        count = state->field_count + 1ul;

    merging->fields  = calloc(count, sizeof *merging->fields);
    merging->slice   = calloc(count, sizeof *merging->slice);
    merging->nothing = calloc(count, sizeof *merging->nothing);
    merging->at      = calloc(count, sizeof *merging->at);
    merging->zeros   = calloc(SLICE_ROWS + 1ul, sizeof(cup_i128));
    if (!merging->fields || !merging->slice || !merging->nothing || !merging->at || !merging->zeros)
        return no_memory(merging, out_fault);
    for (uint32_t i = 0; i < state->field_count; i++) {
        const struct cup_field *from = &state->fields[i];
        struct cup_field       *to   = &merging->fields[merging->field_count];
        if (is_partition(merging, from->name)) continue;
        if (from->child_count > UINT8_MAX)
            return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a struct of too many fields",
                                 from->name);
        *to = nullable(merging, from, 1);
        if (!has_bounds(merging, from->name)) to->flags = CUP_FIELD_NO_BOUNDS;
        put_nothing(merging, to, &merging->nothing[merging->field_count++], SLICE_ROWS, 1);
    }
    if (merging->failed) return no_memory(merging, out_fault);
    return merging->field_count > 0 ? CUP_OK
                                    : cup_fault_set(out_fault, CUP_UNSUPPORTED,
                                                    "a table of nothing but partition columns",
                                                    merging->merge->table->path);
}

/* --- one input --- */

/* Names of elements, keys and values are the writer's business. Bounded by the table's schema. */
static bool same_type(const struct cup_field *file, const struct cup_field *table)
{
    bool named = table->type == CUP_TYPE_STRUCT;

    if (file->type != table->type || file->child_count != table->child_count) return false;
    if (table->type == CUP_TYPE_DECIMAL &&
        (file->precision != table->precision || file->scale != table->scale))
        return false;
    for (uint32_t i = 0; i < table->child_count; i++)
        if (!same_type(&file->children[i], &table->children[i]) ||
            (named && strcmp(file->children[i].name, table->children[i].name) != 0))
            return false;
    return true;
}

/* Which column of the file is which of the table; all of the file's must be the table's. */
static enum cup_err match_columns(struct merging *merging, const struct cup_parquet_reader *reader,
                                  struct cup_fault *out_fault)
{
    uint32_t                count, matched = 0;
    const struct cup_field *fields = cup_parquet_reader_fields(reader, &count);

    for (uint32_t i = 0; i < merging->field_count; i++) {
        merging->at[i] = UINT32_MAX;
        for (uint32_t k = 0; k < count; k++) {
            if (strcmp(fields[k].name, merging->fields[i].name) != 0) continue;
            if (merging->at[i] != UINT32_MAX || !same_type(&fields[k], &merging->fields[i]))
                return cup_fault_set(out_fault, CUP_UNSUPPORTED,
                                     "a column has another type than the table says",
                                     fields[k].name);
            merging->at[i] = k;
            matched++;
        }
    }
    if (matched == count) return CUP_OK;
    return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a file has columns that the table has not",
                         NULL);
}

static cup_i128 ten_to(uint32_t exponent)
{
    cup_i128 power = 1;

    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* What the writer takes for granted of our own columns: keys are not null, decimals have no more
 * digits than their type. Bounded by the table's schema. */
static bool is_sound(const struct cup_field *field, const struct cup_column *column)
{
    if (field->type == CUP_TYPE_MAP && column->children[0].null_count > 0) return false;
    if (field->type == CUP_TYPE_DECIMAL) {
        cup_i128 most = ten_to(field->precision);
        for (uint32_t row = 0; row < column->row_count; row++)
            if (!cup_column_is_null(column, row) &&
                (column->i128[row] >= most || column->i128[row] <= -most))
                return false;
    }
    for (uint32_t i = 0; i < field->child_count; i++)
        if (!is_sound(&field->children[i], &column->children[i])) return false;
    return true;
}

static enum cup_err check_sound(const struct merging *merging, const struct cup_column *columns,
                                struct cup_fault *out_fault)
{
    for (uint32_t i = 0; i < merging->field_count; i++)
        if (merging->at[i] != UINT32_MAX &&
            !is_sound(&merging->fields[i], &columns[merging->at[i]]))
            return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a value that its type does not allow",
                                 merging->fields[i].name);
    return CUP_OK;
}

/* Rows [lo, lo + count) of a column; lo is a multiple of SLICE_ROWS_MIN. Children of lists stay
 * whole: offsets count from their start. */
static struct cup_column slice_of(struct merging *merging, const struct cup_column *whole,
                                  uint32_t lo, uint32_t count, struct cup_delta_priv_arena *arena)
{
    struct cup_column part  = *whole;
    uint32_t          width = cup_vec_bytes((enum cup_vec)whole->vec);

    part.row_count = part.row_cap = count;
    part.null_count               = 0; /* the writer counts bits */
    if (whole->validity != NULL) part.validity = whole->validity + lo / 8;
    if (whole->vec == CUP_VEC_BITS)
        part.bits = whole->bits + lo / 8;
    else if (width > 0)
        part.any = (uint8_t *)whole->any + (size_t)lo * width;
    if (whole->vec == CUP_VEC_VAR || whole->vec == CUP_VEC_LIST) part.offsets = whole->offsets + lo;
    if (whole->vec != CUP_VEC_NONE || whole->child_count == 0) return part;
    part.children = take(merging, arena, whole->child_count, sizeof *part.children);
    for (uint8_t i = 0; part.children != NULL && i < whole->child_count; i++)
        part.children[i] = slice_of(merging, &whole->children[i], lo, count, arena);
    return part;
}

static enum cup_err append_slice(struct merging *merging, const struct cup_column *columns,
                                 uint32_t lo, uint32_t count, struct cup_fault *out_fault)
{
    struct cup_delta_priv_arena arena = {0};

    for (uint32_t i = 0; i < merging->field_count; i++) {
        uint32_t at = merging->at[i];
        if (at == UINT32_MAX)
            merging->slice[i] = slice_of(merging, &merging->nothing[i], 0, count, &arena);
        else
            merging->slice[i] = slice_of(merging, &columns[at], lo, count, &arena);
    }
    enum cup_err err = merging->failed ? no_memory(merging, out_fault) : CUP_OK;
    if (err == CUP_OK) err = cup_parquet_append(merging->file, merging->slice, count, out_fault);
    cup_delta_priv_release(&arena);
    return err;
}

/* A slice that does not fit what is left of the pool closes the row group; one that does not fit an
 * empty pool is cut. */
static enum cup_err append_rows(struct merging *merging, const struct cup_column *columns,
                                uint32_t row_count, struct cup_fault *out_fault)
{
    uint32_t most = SLICE_ROWS;

    for (uint32_t lo = 0; lo < row_count;) {
        uint32_t     count = row_count - lo < most ? row_count - lo : most;
        bool         empty = cup_parquet_group_rows(merging->file) == 0;
        enum cup_err err   = append_slice(merging, columns, lo, count, out_fault);
        if (err == CUP_NO_MEMORY && !empty) {
            err = cup_parquet_close_group(merging->file, out_fault);
            if (err != CUP_OK) return err;
            continue;
        }
        if (err == CUP_NO_MEMORY && most > SLICE_ROWS_MIN) {
            most /= 2;
            continue;
        }
        if (err != CUP_OK) return err;
        lo += count;
        if (cup_parquet_group_bytes(merging->file) < GROUP_BYTES_MAX) continue;
        err = cup_parquet_close_group(merging->file, out_fault);
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}

static enum cup_err append_groups(struct merging *merging, struct cup_parquet_reader *reader,
                                  struct cup_fault *out_fault)
{
    enum cup_err err = match_columns(merging, reader, out_fault);

    for (uint32_t i = 0; err == CUP_OK && i < cup_parquet_reader_group_count(reader); i++) {
        const struct cup_column *columns;
        uint32_t                 row_count;
        err = cup_parquet_reader_group(reader, i, NULL, &columns, &row_count, out_fault);
        if (err == CUP_OK) err = check_sound(merging, columns, out_fault);
        if (err == CUP_OK) err = append_rows(merging, columns, row_count, out_fault);
    }
    return err;
}

static enum cup_err append_file(struct merging *merging, const struct cup_delta_file *input,
                                struct cup_fault *out_fault)
{
    struct cup_lake_file       file;
    struct cup_parquet_reader *reader;

    enum cup_err err =
        cup_lake_file_open(merging->merge->table->path, input->path, &file, out_fault);
    if (err != CUP_OK) return err == CUP_NOT_FOUND ? CUP_CORRUPT : err;
    if (file.source.bytes != input->bytes)
        err = cup_fault_set(out_fault, CUP_CORRUPT, "size of a file", file.path);
    if (err == CUP_OK) err = cup_parquet_reader_open(file.source, &reader, out_fault);
    if (err == CUP_OK) {
        uint64_t rows = cup_parquet_reader_rows(reader);
        if (input->row_count != UINT64_MAX && input->row_count != rows)
            err = cup_fault_set(out_fault, CUP_CORRUPT, "rows of a file", file.path);
        if (err == CUP_OK) err = append_groups(merging, reader, out_fault);
        cup_parquet_reader_close(reader);
    }
    cup_lake_file_close(&file);
    return err;
}

/* --- all of them --- */

static enum cup_err write_all(struct merging *merging, struct cup_pool *pool, struct cup_sink sink,
                              struct cup_text *stats, struct cup_parquet_done *out_done,
                              uint32_t *out_bad, struct cup_fault *out_fault)
{
    const struct cup_merge *merge = merging->merge;

    enum cup_err err = make_fields(merging, out_fault);
    if (err == CUP_OK)
        err = cup_parquet_open(pool, merging->fields, merging->field_count, merge->codec, sink,
                               &merging->file, out_fault);
    if (err != CUP_OK) return err;
    for (uint32_t i = 0; err == CUP_OK && i < merge->input_count; i++) {
        err = append_file(merging, merge->inputs[i], out_fault);
        if (err != CUP_OK) *out_bad = i;
    }
    if (err == CUP_OK) return cup_parquet_finish(merging->file, stats, out_done, out_fault);
    cup_parquet_drop(merging->file);
    return err;
}

enum cup_err cup_merge_write(const struct cup_merge *merge, struct cup_pool *pool,
                             struct cup_sink sink, struct cup_text *stats,
                             struct cup_parquet_done *out_done, uint32_t *out_bad,
                             struct cup_fault *out_fault)
{
    struct merging merging = {.merge = merge};

    CUP_ASSERT(merge->input_count > 0);
    *out_bad         = UINT32_MAX;
    enum cup_err err = write_all(&merging, pool, sink, stats, out_done, out_bad, out_fault);
    free(merging.fields);
    free(merging.slice);
    free(merging.nothing);
    free(merging.at);
    free(merging.zeros);
    cup_delta_priv_release(&merging.arena);
    cup_json_close(merging.memory.json);
    cup_text_free(&merging.memory.scratch);
    return err;
}
