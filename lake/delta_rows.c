// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "lake/delta_priv.h"

#define ROWS_FIRST 64u
#define TEXT_FIRST 1024u

static bool has_offsets(const struct cup_column *column)
{
    return column->vec == CUP_VEC_VAR || column->vec == CUP_VEC_LIST;
}

static bool grow_rows(struct cup_column *column)
{
    uint32_t cap      = column->row_cap ? column->row_cap * 2 : ROWS_FIRST;
    size_t   width    = cup_vec_bytes((enum cup_vec)column->vec);
    uint8_t *validity = realloc(column->validity, cap / 8);

    if (validity == NULL) return false;
    column->validity = validity;
    if (column->vec == CUP_VEC_BITS || width > 0) {
        void *values = realloc(column->any, width > 0 ? cap * width : cap / 8);
        if (values == NULL) return false;
        column->any = values;
    }
    if (has_offsets(column)) {
        uint32_t *offsets = realloc(column->offsets, ((size_t)cap + 1) * sizeof *offsets);
        if (offsets == NULL) return false;
        offsets[0]      = 0;
        column->offsets = offsets;
    }
    column->row_cap = cap;
    return true;
}

static bool init_columns(struct cup_column *columns, const struct cup_field *fields, uint32_t count,
                         uint32_t depth)
{
    CUP_ASSERT(depth <= CUP_DELTA_PRIV_DEPTH_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct cup_column *column = &columns[i];
        column->vec               = (uint8_t)cup_type_vec((enum cup_type)fields[i].type);
        uint32_t child_count      = fields[i].child_count;
        if (!grow_rows(column)) return false; /* also no rows need offsets[0] */
        if (child_count == 0) continue;
        CUP_ASSERT(child_count <= UINT8_MAX);
        column->children = calloc(child_count, sizeof *column->children);
        if (column->children == NULL) return false;
        column->child_count = (uint8_t)child_count;
        if (!init_columns(column->children, fields[i].children, child_count, depth + 1))
            return false;
    }
    return true;
}

bool cup_delta_priv_rows_init(struct cup_delta_priv_rows *rows, const struct cup_field *fields,
                              uint32_t count)
{
    CUP_ASSERT(count > 0);
    *rows = (struct cup_delta_priv_rows){.columns = calloc(count, sizeof *rows->columns),
                                         .count   = count};
    if (rows->columns == NULL) return false;
    if (init_columns(rows->columns, fields, count, 1)) return true;
    cup_delta_priv_rows_free(rows);
    return false;
}

static void free_columns(struct cup_column *columns, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free(columns[i].validity);
        free(columns[i].any);
        free(columns[i].offsets);
        if (columns[i].children != NULL) free_columns(columns[i].children, columns[i].child_count);
    }
    free(columns);
}

void cup_delta_priv_rows_free(struct cup_delta_priv_rows *rows)
{
    if (rows->columns != NULL) free_columns(rows->columns, rows->count);
    *rows = (struct cup_delta_priv_rows){0};
}

static void clear_columns(struct cup_column *columns, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        columns[i].row_count = columns[i].null_count = 0;
        clear_columns(columns[i].children, columns[i].child_count);
    }
}

void cup_delta_priv_rows_clear(struct cup_delta_priv_rows *rows)
{
    clear_columns(rows->columns, rows->count);
}

/* Counts a new row and says whether it can be filled; its offset is set as if it were empty. */
static bool add_row(struct cup_delta_priv_rows *rows, struct cup_column *column, bool valid)
{
    if (rows->failed) return false;
    if (column->row_count == column->row_cap && !grow_rows(column)) {
        rows->failed = true;
        return false;
    }
    uint32_t row = column->row_count++;
    cup_bit_set(column->validity, row, valid);
    column->null_count += !valid;
    if (has_offsets(column)) column->offsets[row + 1] = column->offsets[row];
    return true;
}

void cup_delta_priv_put_i64(struct cup_delta_priv_rows *rows, struct cup_column *column,
                            int64_t value)
{
    uint32_t row = column->row_count;

    CUP_ASSERT(column->vec != CUP_VEC_VAR && column->vec != CUP_VEC_LIST);
    if (!add_row(rows, column, true)) return;
    if (column->vec == CUP_VEC_I64)
        column->i64[row] = value;
    else if (column->vec == CUP_VEC_I32)
        column->i32[row] = (int32_t)value;
    else
        cup_bit_set(column->bits, row, value != 0);
}

void cup_delta_priv_put_null(struct cup_delta_priv_rows *rows, struct cup_column *column)
{
    uint32_t row   = column->row_count;
    uint32_t width = cup_vec_bytes((enum cup_vec)column->vec);

    if (!add_row(rows, column, false)) return;
    if (column->vec == CUP_VEC_BITS)
        cup_bit_set(column->bits, row, false);
    else if (width > 0)
        memset((uint8_t *)column->any + (size_t)row * width, 0, width);
    if (column->vec != CUP_VEC_NONE) return;
    for (uint8_t i = 0; i < column->child_count; i++) /* depth: CUP_DELTA_PRIV_DEPTH_MAX */
        cup_delta_priv_put_null(rows, &column->children[i]);
}

void cup_delta_priv_put_text(struct cup_delta_priv_rows *rows, struct cup_column *column,
                             const void *bytes, size_t count)
{
    uint32_t row = column->row_count;

    CUP_ASSERT(column->vec == CUP_VEC_VAR);
    if (!add_row(rows, column, true)) return;
    uint32_t at  = column->offsets[row];
    uint64_t cap = column->text_cap ? column->text_cap : TEXT_FIRST;
    while (cap < at + (uint64_t)count)
        cap *= 2;
    if (cap > column->text_cap) {
        uint8_t *text = cap <= UINT32_MAX ? realloc(column->text, cap) : NULL;
        if (text == NULL) {
            rows->failed = true;
            return;
        }
        column->text     = text;
        column->text_cap = (uint32_t)cap;
    }
    if (count > 0) memcpy(column->text + at, bytes, count);
    column->offsets[row + 1] = at + (uint32_t)count;
}

void cup_delta_priv_put_list(struct cup_delta_priv_rows *rows, struct cup_column *column,
                             uint32_t count)
{
    CUP_ASSERT(column->vec == CUP_VEC_LIST);
    if (add_row(rows, column, true)) column->offsets[column->row_count] += count;
}

void cup_delta_priv_put_struct(struct cup_delta_priv_rows *rows, struct cup_column *column)
{
    CUP_ASSERT(column->vec == CUP_VEC_NONE);
    (void)add_row(rows, column, true); /* a failure is kept in rows */
}
