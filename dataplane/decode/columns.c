// SPDX-License-Identifier: Apache-2.0
/* The memory of a table's rows. Vectors of a fixed size, and a first share of text for each column,
 * are carved from single blocks when the table gets its first row; what grows beyond its share
 * moves to a run of blocks of its own. All of it goes back when the rows are taken. */
#include <string.h>

#include "dataplane/decode/decode_priv.h"

#define ALIGNMENT      64u
#define SLOTS_MIN      64u /* rows of the widest tables */
#define TABLE_FRACTION 8u  /* a table may take 1/8 of the pool before text grows: two must fit */
#define KEPT_FRACTION                                                                              \
    8u /* of the pool: what it takes to write rows out is not lent to another table */
#define TEXT_SHARE   8u  /* bytes of text a row: a quarter of a block for 2,048 rows */
#define TEXT_RUN_MAX 32u /* 2 MiB of text in a column with rows: then they are taken first */

_Static_assert(CUP_CHANGES_ROWS * sizeof(cup_i128) <= CUP_BLOCK_BYTES, "a vector fits in a block");
_Static_assert(CUP_CHANGES_ROWS *TEXT_SHARE <= CUP_BLOCK_BYTES, "a share of text fits in a block");
_Static_assert(SLOTS_MIN > CUP_SPARE_ROWS, "there is room for a record");

/* Hands out parts of single blocks; with blocks NULL it only counts. */
struct carver {
    uint8_t **blocks;
    uint32_t  block_count, used;
};

static uint8_t *carve(struct carver *carver, uint32_t bytes)
{
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    CUP_ASSERT(bytes <= CUP_BLOCK_BYTES);
    if (carver->block_count == 0 || carver->used + bytes > CUP_BLOCK_BYTES) {
        carver->block_count++;
        carver->used = 0;
    }
    uint32_t at = carver->used;
    carver->used += bytes;
    return carver->blocks == NULL ? NULL : carver->blocks[carver->block_count - 1] + at;
}

static uint32_t text_share(const struct cup_table *table, uint32_t column, uint32_t slots)
{
    bool op = column == table->data_count + CUP_SILVER_OP; /* one byte a row */
    return op ? slots : slots * TEXT_SHARE;
}

/* Carves what columns of `width` bytes a value need (0: bits and offsets), so that like lies with
 * like and blocks fill up. */
static void carve_width(struct carver *carver, struct cup_table *table, uint32_t slots,
                        uint32_t width)
{
    for (uint32_t i = 0; i < table->all_count; i++) {
        struct cup_column *column = &table->columns[i];
        uint32_t           is     = cup_vec_bytes((enum cup_vec)column->vec);
        if (is != width) continue;
        uint8_t *validity = carve(carver, slots / 8);
        uint8_t *values = NULL, *offsets = NULL;
        bool     var = column->vec == CUP_VEC_VAR, list = column->vec == CUP_VEC_LIST;
        if (width > 0) values = carve(carver, slots * width);
        if (column->vec == CUP_VEC_BITS) values = carve(carver, slots / 8);
        if (var || list) offsets = carve(carver, slots * (uint32_t)sizeof(uint32_t));
        if (var) values = carve(carver, text_share(table, i, slots));
        if (carver->blocks == NULL) continue;
        column->validity = validity;
        column->any      = values;
        column->offsets  = (uint32_t *)(void *)offsets;
        column->row_cap  = slots;
        column->text_cap = var ? text_share(table, i, slots) : 0;
        if (offsets != NULL) column->offsets[0] = 0;
    }
}

static void carve_all(struct carver *carver, struct cup_table *table, uint32_t slots)
{
    static const uint32_t widths[] = {16, 8, 4, 0};

    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        carve_width(carver, table, slots, widths[i]);
}

enum cup_err cup_columns_priv_plan(struct cup_decode *decode, struct cup_table *table,
                                   struct cup_fault *out_fault)
{
    uint32_t blocks_max = decode->pool->block_count / TABLE_FRACTION;

    for (table->slot_count = CUP_CHANGES_ROWS;; table->slot_count /= 2) {
        struct carver carver = {0};
        carve_all(&carver, table, table->slot_count);
        table->block_count = carver.block_count;
        if (table->block_count <= blocks_max || table->slot_count == SLOTS_MIN) break;
    }
    if (table->block_count > decode->pool->block_count / 2)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "a table's columns (key: memory)",
                             cup_plan_text(decode->plan, table->plan->path));
    table->blocks = calloc(table->block_count, sizeof *table->blocks);
    if (table->blocks == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "tables of decode", NULL);
    return CUP_OK;
}

static bool open_rows(struct cup_decode *decode, struct cup_table *table)
{
    uint32_t kept = decode->open_count == 0 ? 0 : decode->pool->block_count / KEPT_FRACTION;

    if (decode->pool->free_count < table->block_count + kept) return false;
    for (uint32_t i = 0; i < table->block_count; i++) {
        table->blocks[i] = cup_pool_take(decode->pool, 1);
        CUP_ASSERT(table->blocks[i] != NULL);
    }
    struct carver carver = {.blocks = table->blocks};
    carve_all(&carver, table, table->slot_count);
    CUP_ASSERT(carver.block_count == table->block_count);
    table->open_index                  = decode->open_count;
    decode->open[decode->open_count++] = (uint32_t)(table - decode->tables);
    return true;
}

static bool stop(struct cup_decode *decode, enum cup_decode_stop why, const struct cup_table *table)
{
    decode->stop       = why;
    decode->stop_table = (uint32_t)(table - decode->tables);
    return false;
}

/* Tables that were opened for records which were then refused hold blocks for nothing. */
static bool close_empty(struct cup_decode *decode, const struct cup_table *except)
{
    bool closed = false;

    for (uint32_t i = decode->open_count; i-- > 0;) {
        struct cup_table *table = &decode->tables[decode->open[i]];
        if (table == except || table->row_count > 0) continue;
        cup_columns_priv_close(decode, table);
        closed = true;
    }
    return closed;
}

uint32_t cup_columns_priv_ready(struct cup_decode *decode, struct cup_table *table, uint32_t rows)
{
    if (table->open_index == CUP_NONE && !open_rows(decode, table)) {
        if (!close_empty(decode, table) || !open_rows(decode, table)) {
            (void)stop(decode, CUP_DECODE_SHORT, table); /* CUP_STOPPED says that it is set */
            return CUP_STOPPED;
        }
    }
    if (rows > table->slot_count - CUP_SPARE_ROWS) return CUP_OUTCOME_RECORD_TOO_LARGE;
    if (table->row_count + rows + CUP_SPARE_ROWS > table->slot_count) {
        (void)stop(decode, CUP_DECODE_FULL, table); /* as above */
        return CUP_STOPPED;
    }
    return CUP_OUTCOME_ACCEPTED;
}

static void give_run(struct cup_decode *decode, struct cup_table *table, void *at, uint32_t *blocks)
{
    if (*blocks == 0) return;
    cup_pool_give(decode->pool, at, *blocks);
    table->run_block_count -= *blocks;
    *blocks = 0;
}

void cup_columns_priv_close(struct cup_decode *decode, struct cup_table *table)
{
    if (table->open_index == CUP_NONE) return;
    for (uint32_t i = 0; i < table->all_count; i++) {
        struct cup_column *column = &table->columns[i];
        give_run(decode, table, column->validity, &table->runs[i].validity);
        give_run(decode, table, column->any, &table->runs[i].values);
        give_run(decode, table, column->offsets, &table->runs[i].offsets);
        column->validity = NULL;
        column->any      = NULL;
        column->offsets  = NULL;
        column->row_cap = column->text_cap = 0;
    }
    CUP_ASSERT(table->run_block_count == 0);
    for (uint32_t i = 0; i < table->block_count; i++)
        cup_pool_give(decode->pool, table->blocks[i], 1);
    uint32_t last                   = decode->open[--decode->open_count];
    decode->open[table->open_index] = last;
    decode->tables[last].open_index = table->open_index;
    table->open_index               = CUP_NONE;
    table->row_count                = 0;
}

/* Moves a vector of `used` bytes to a run that holds `bytes`; *out_bytes is what it then holds. */
static uint32_t move(const struct cup_cell *cell, uint8_t **vector, uint32_t *run_blocks,
                     uint64_t used, uint64_t bytes, uint64_t *out_bytes)
{
    struct cup_decode *decode = cell->decode;
    struct cup_table  *table  = cell->table;
    uint64_t           need   = (bytes + CUP_BLOCK_BYTES - 1) / CUP_BLOCK_BYTES;
    uint32_t           most   = decode->pool->block_count / 2;

    if (most > CUP_POOL_RUN_MAX) most = CUP_POOL_RUN_MAX;
    if (table->row_count > 0 && need > TEXT_RUN_MAX) {
        (void)stop(decode, CUP_DECODE_FULL, table); /* CUP_STOPPED says that decode->stop is set */
        return CUP_STOPPED;
    }
    if (need > most) return CUP_OUTCOME_RECORD_TOO_LARGE;
    uint64_t blocks = 2ull * *run_blocks > need ? 2ull * *run_blocks : need;
    if (blocks > TEXT_RUN_MAX && need <= TEXT_RUN_MAX) blocks = TEXT_RUN_MAX;
    if (blocks > most) blocks = need;
    uint8_t *run = cup_pool_take(decode->pool, (uint32_t)blocks);
    if (run == NULL && close_empty(decode, table))
        run = cup_pool_take(decode->pool, (uint32_t)blocks);
    if (run == NULL) {
        (void)stop(decode, CUP_DECODE_SHORT, table); /* as above */
        return CUP_STOPPED;
    }
    memcpy(run, *vector, used);
    give_run(decode, table, *vector, run_blocks);
    table->run_block_count += (uint32_t)blocks;
    *run_blocks = (uint32_t)blocks;
    *vector     = run;
    *out_bytes  = blocks * CUP_BLOCK_BYTES;
    return CUP_OUTCOME_ACCEPTED;
}

uint32_t cup_columns_priv_grow(const struct cup_cell *cell, uint64_t bytes)
{
    struct cup_column *column = cell->column;
    uint64_t           used   = column->offsets[cell->row], cap;

    CUP_ASSERT(column->vec == CUP_VEC_VAR);
    uint32_t outcome = move(cell, &column->text, &cell->runs->values, used, used + bytes, &cap);
    if (outcome == CUP_OUTCOME_ACCEPTED) column->text_cap = (uint32_t)cap;
    return outcome;
}

static uint32_t grow_child(const struct cup_cell *cell, struct cup_column *child, uint32_t elements)
{
    struct cup_runs *runs  = &cell->table->runs[child - cell->table->columns];
    uint64_t         used  = cell->column->offsets[cell->row];
    uint64_t         need  = used + elements + 1, cap, rows; /* one more: the last offset */
    uint32_t         width = cup_vec_bytes((enum cup_vec)child->vec);

    if (need <= child->row_cap) return CUP_OUTCOME_ACCEPTED;
    if (need < 2ull * child->row_cap) need = 2ull * child->row_cap;
    uint64_t bits    = (need + 7) / 8;
    uint32_t outcome = move(cell, &child->validity, &runs->validity, (used + 7) / 8, bits, &cap);
    rows             = cap * 8;
    if (outcome == CUP_OUTCOME_ACCEPTED && child->vec == CUP_VEC_BITS) {
        outcome = move(cell, &child->bits, &runs->values, (used + 7) / 8, bits, &cap);
        if (cap * 8 < rows) rows = cap * 8;
    } else if (outcome == CUP_OUTCOME_ACCEPTED && width > 0) {
        uint8_t *values = child->any;
        outcome         = move(cell, &values, &runs->values, used * width, need * width, &cap);
        child->any      = values;
        if (cap / width < rows) rows = cap / width;
    } else if (outcome == CUP_OUTCOME_ACCEPTED) {
        uint8_t *offsets = (uint8_t *)child->offsets;
        outcome          = move(cell, &offsets, &runs->offsets, (used + 1) * sizeof *child->offsets,
                                need * sizeof *child->offsets, &cap);
        child->offsets   = (uint32_t *)(void *)offsets;
        if (cap / sizeof *child->offsets < rows) rows = cap / sizeof *child->offsets;
    }
    if (outcome == CUP_OUTCOME_ACCEPTED) child->row_cap = (uint32_t)rows;
    return outcome;
}

uint32_t cup_columns_priv_elements(const struct cup_cell *cell, uint32_t elements)
{
    uint32_t outcome = CUP_OUTCOME_ACCEPTED;

    CUP_ASSERT(cell->column->vec == CUP_VEC_LIST);
    for (uint8_t i = 0; outcome == CUP_OUTCOME_ACCEPTED && i < cell->column->child_count; i++)
        outcome = grow_child(cell, &cell->column->children[i], elements);
    return outcome;
}
