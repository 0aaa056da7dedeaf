// SPDX-License-Identifier: Apache-2.0
#include "dataplane/worker/rows.h"

#include <string.h>

#define VALIDITY_BYTES (CUP_ROWS_MAX / 8)
#define OFFSETS_BYTES  ((CUP_ROWS_MAX + 16) * sizeof(uint32_t)) /* one more than rows, aligned */
_Static_assert(OFFSETS_BYTES % 64 == 0 && VALIDITY_BYTES % 64 == 0, "vectors are 64-byte aligned");

static size_t fixed_bytes(const struct cup_field *field)
{
    enum cup_vec vec = cup_type_vec((enum cup_type)field->type);

    if (vec == CUP_VEC_VAR) return VALIDITY_BYTES + OFFSETS_BYTES;
    CUP_ASSERT(vec == CUP_VEC_I32 || vec == CUP_VEC_I64);
    return VALIDITY_BYTES + (size_t)CUP_ROWS_MAX * cup_vec_bytes(vec);
}

static void carve(struct cup_rows *rows)
{
    uint8_t *at = rows->fixed;

    for (uint32_t i = 0; i < rows->column_count; i++) {
        struct cup_column *column = &rows->columns[i];
        *column =
            (struct cup_column){.validity = at,
                                .row_cap  = CUP_ROWS_MAX,
                                .vec = (uint8_t)cup_type_vec((enum cup_type)rows->fields[i].type)};
        if (column->vec == CUP_VEC_VAR) {
            column->offsets    = (uint32_t *)(void *)(at + VALIDITY_BYTES);
            column->offsets[0] = 0;
        } else {
            column->any = at + VALIDITY_BYTES;
        }
        memset(column->validity, 0, VALIDITY_BYTES);
        at += fixed_bytes(&rows->fields[i]);
    }
}

bool cup_rows_open(struct cup_rows *rows, struct cup_pool *pool, const struct cup_field *fields,
                   uint32_t column_count)
{
    size_t bytes = 0;

    CUP_ASSERT(column_count <= CUP_ROWS_COLUMNS_MAX);
    for (uint32_t i = 0; i < column_count; i++)
        bytes += fixed_bytes(&fields[i]);
    uint32_t blocks = (uint32_t)((bytes + CUP_BLOCK_BYTES - 1) / CUP_BLOCK_BYTES);
    uint8_t *fixed  = cup_pool_take(pool, blocks);
    if (fixed == NULL) return false;
    *rows = (struct cup_rows){.pool         = pool,
                              .fields       = fields,
                              .column_count = column_count,
                              .fixed        = fixed,
                              .fixed_blocks = blocks};
    carve(rows);
    return true;
}

static void give_text(struct cup_rows *rows, uint32_t column)
{
    if (rows->text_blocks[column] == 0) return;
    cup_pool_give(rows->pool, rows->columns[column].text, rows->text_blocks[column]);
    rows->columns[column].text     = NULL;
    rows->columns[column].text_cap = 0;
    rows->text_blocks[column]      = 0;
}

void cup_rows_close(struct cup_rows *rows)
{
    if (rows->fixed == NULL) return;
    for (uint32_t i = 0; i < rows->column_count; i++)
        give_text(rows, i);
    cup_pool_give(rows->pool, rows->fixed, rows->fixed_blocks);
    *rows = (struct cup_rows){0};
}

/* Takes back what was set in the row behind the last. */
static void forget_open_row(struct cup_rows *rows)
{
    for (uint32_t i = 0; i < rows->column_count; i++) {
        rows->set_count[i] -= cup_bit_get(rows->columns[i].validity, rows->row_count);
        cup_bit_set(rows->columns[i].validity, rows->row_count, false);
    }
}

/* --- rows that are like the one before --- */

/* How many more rows like the last one the texts have room for. */
static uint32_t count_room(const struct cup_rows *rows)
{
    uint32_t row = rows->row_count, most = row == 0 ? 0 : CUP_ROWS_MAX - row;

    for (uint32_t i = 0; i < rows->column_count && most > 0; i++) {
        const struct cup_column *column = &rows->columns[i];
        if (column->vec != CUP_VEC_VAR) continue;
        uint32_t bytes = column->offsets[row] - column->offsets[row - 1];
        uint32_t room  = column->text_cap - column->offsets[row];
        if (bytes > 0 && room / bytes < most) most = room / bytes;
    }
    return most;
}

static void set_bits(uint8_t *bits, uint32_t from, uint32_t to)
{
    for (; from < to && from % 8 != 0; from++)
        cup_bit_set(bits, from, true);
    for (; to - from >= 8; from += 8)
        bits[from / 8] = 0xFF;
    for (; from < to; from++)
        cup_bit_set(bits, from, true);
}

/* The text of the row before `from` again and again: what is there is copied, twice as much each
 * time. */
static void repeat_text(struct cup_column *column, uint32_t from, uint32_t to)
{
    uint32_t start = column->offsets[from - 1], bytes = column->offsets[from] - start;
    size_t   whole = (size_t)bytes * (to - from), done = bytes;

    for (uint32_t row = from; row < to; row++)
        column->offsets[row + 1] = column->offsets[row] + bytes;
    CUP_ASSERT(column->offsets[to] <= column->text_cap);
    for (; bytes > 0 && done < whole + bytes; done *= 2) {
        size_t left = whole + bytes - done;
        memcpy(column->text + start + done, column->text + start, done < left ? done : left);
    }
}

/* Fills what cup_rows_repeat left to be filled: all but the numbers that it was given. */
static void settle(struct cup_rows *rows)
{
    uint32_t to = rows->row_count, from = to - rows->alike_count;

    if (from == to) return;
    for (uint32_t i = 0; i < rows->column_count; i++) {
        struct cup_column *column  = &rows->columns[i];
        bool               changed = rows->alike_changed >> i & 1;
        bool               valid   = cup_bit_get(column->validity, from - 1);
        CUP_ASSERT(valid || !changed);
        if (valid) set_bits(column->validity, from, to);
        if (valid) rows->set_count[i] += to - from;
        if (column->vec == CUP_VEC_VAR) repeat_text(column, from, to);
        for (uint32_t row = from; row < to && valid && !changed; row++) {
            if (column->vec == CUP_VEC_I64) column->i64[row] = column->i64[from - 1];
            if (column->vec == CUP_VEC_I32) column->i32[row] = column->i32[from - 1];
        }
    }
    rows->alike_count = 0;
}

void cup_rows_begin(struct cup_rows *rows)
{
    CUP_ASSERT(!cup_rows_full(rows));
    settle(rows);
    if (rows->open) forget_open_row(rows);
    rows->open = true;
    for (uint32_t i = 0; i < rows->column_count; i++) {
        struct cup_column *column = &rows->columns[i];
        if (column->vec != CUP_VEC_VAR) continue;
        column->offsets[rows->row_count + 1] = column->offsets[rows->row_count];
    }
}

bool cup_rows_repeat(struct cup_rows *rows, const uint32_t *columns, const int64_t *values,
                     uint32_t count)
{
    uint32_t row = rows->row_count, changed = 0;

    CUP_ASSERT(!cup_rows_full(rows));
    if (rows->open) forget_open_row(rows);
    rows->open = false;
    if (rows->alike_count == 0) rows->alike_max = count_room(rows);
    if (rows->alike_count == rows->alike_max) return false;
    for (uint32_t i = 0; i < count; i++) {
        struct cup_column *into = &rows->columns[columns[i]];
        CUP_ASSERT(into->vec == CUP_VEC_I64);
        into->i64[row] = values[i];
        changed |= 1u << columns[i];
    }
    CUP_ASSERT(rows->alike_count == 0 || changed == rows->alike_changed);
    rows->alike_changed = changed;
    rows->alike_count++;
    rows->row_count++;
    return true;
}

/* Bits are clear until set: open and clear see to it. */
static void mark_set(struct cup_rows *rows, uint32_t column)
{
    CUP_ASSERT(rows->open);
    CUP_ASSERT(!cup_bit_get(rows->columns[column].validity, rows->row_count));
    cup_bit_set(rows->columns[column].validity, rows->row_count, true);
    rows->set_count[column]++;
}

void cup_rows_set_int(struct cup_rows *rows, uint32_t column, int64_t value)
{
    struct cup_column *into = &rows->columns[column];

    CUP_ASSERT(column < rows->column_count);
    CUP_ASSERT(into->vec == CUP_VEC_I64 || (value >= INT32_MIN && value <= INT32_MAX));
    mark_set(rows, column);
    if (into->vec == CUP_VEC_I64)
        into->i64[rows->row_count] = value;
    else
        into->i32[rows->row_count] = (int32_t)value;
}

/* Moves the text of a column to a run that holds `bytes`. */
static bool grow_text(struct cup_rows *rows, uint32_t column, size_t bytes)
{
    struct cup_column *into   = &rows->columns[column];
    size_t             wanted = bytes > 2ul * into->text_cap ? bytes : 2ul * into->text_cap;
    uint32_t           blocks = (uint32_t)((wanted + CUP_BLOCK_BYTES - 1) / CUP_BLOCK_BYTES);

    if (blocks > CUP_POOL_RUN_MAX) return false;
    uint8_t *run = cup_pool_take(rows->pool, blocks);
    if (run == NULL) return false;
    uint32_t used = into->offsets[rows->row_count];
    if (used > 0) memcpy(run, into->text, used);
    give_text(rows, column);
    into->text                = run;
    into->text_cap            = blocks * CUP_BLOCK_BYTES;
    rows->text_blocks[column] = blocks;
    return true;
}

bool cup_rows_set_text(struct cup_rows *rows, uint32_t column, const void *bytes, size_t count)
{
    struct cup_column *into = &rows->columns[column];

    CUP_ASSERT(column < rows->column_count);
    CUP_ASSERT(into->vec == CUP_VEC_VAR);
    uint32_t used = into->offsets[rows->row_count];
    if (count > into->text_cap - used && !grow_text(rows, column, used + count)) return false;
    if (count > 0) memcpy(into->text + used, bytes, count);
    into->offsets[rows->row_count + 1] = used + (uint32_t)count;
    mark_set(rows, column);
    return true;
}

void cup_rows_commit(struct cup_rows *rows)
{
    CUP_ASSERT(rows->open);
    rows->open = false;
    rows->row_count++;
}

void cup_rows_finish(struct cup_rows *rows)
{
    settle(rows);
    if (rows->open) forget_open_row(rows);
    rows->open = false;
    for (uint32_t i = 0; i < rows->column_count; i++) {
        rows->columns[i].row_count  = rows->row_count;
        rows->columns[i].null_count = rows->row_count - rows->set_count[i];
    }
}

void cup_rows_clear(struct cup_rows *rows)
{
    rows->row_count = rows->alike_count = 0;
    rows->open                          = false;
    for (uint32_t i = 0; i < rows->column_count; i++) {
        rows->set_count[i]         = 0;
        rows->columns[i].row_count = rows->columns[i].null_count = 0;
        memset(rows->columns[i].validity, 0, VALIDITY_BYTES);
        if (rows->text_blocks[i] > 1) give_text(rows, i);
    }
}
