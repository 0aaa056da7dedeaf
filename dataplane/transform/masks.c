// SPDX-License-Identifier: Apache-2.0
#include "dataplane/transform/masks.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/token/canon.h"
#include "kernels/value/civil.h"

#define ALIGNMENT 64u
#define OFFSETS_BYTES                                                                              \
    ((CUP_CHANGES_ROWS + 16) * sizeof(uint32_t)) /* one more than rows, aligned                    \
                                                  */
#define STARS         "****"
#define STARS_BYTES   4u
#define POOL_FRACTION 2u /* of the pool's size, at most, for masked vectors */

_Static_assert(OFFSETS_BYTES % ALIGNMENT == 0, "texts begin aligned");

/* What null columns are made of: no validity bit, no offset, no value. Only ever read. */
static _Alignas(ALIGNMENT) uint8_t zeros[(CUP_CHANGES_ROWS + 16) * sizeof(cup_i128)];

struct table {
    struct cup_field  *fields; /* NULL: no column is masked */
    struct cup_column *columns;
};

struct cup_masks {
    const struct cup_plan *plan;
    struct cup_token      *token; /* NULL: no column is a token */
    struct table          *tables;
    uint8_t               *room;
    size_t                 room_bytes, used;
    bool                   of_key;
    struct cup_column      empty[2]; /* children of lists and maps that are null: no element */
};

/* --- open --- */

/* The longest text that a mask makes of one value. */
static uint32_t text_bytes(const struct cup_plan_column *column)
{
    switch ((enum cup_mask)column->mask) {
    case CUP_MASK_CONSTANT: return column->mask_text.bytes;
    case CUP_MASK_KEEP_LAST: return STARS_BYTES + 4u * column->mask_keep; /* UTF-8 */
    case CUP_MASK_HMAC: return CUP_TOKEN_TEXT_MAX;
    default: return 0;
    }
}

static size_t room_of(const struct cup_plan_column *column)
{
    size_t bytes = (size_t)CUP_CHANGES_ROWS * text_bytes(column);

    if (column->mask == CUP_MASK_YEAR) return CUP_CHANGES_ROWS * sizeof(int64_t);
    if (bytes == 0 && column->mask != CUP_MASK_CONSTANT) return 0;
    return OFFSETS_BYTES + (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* The bytes that the masked vectors of a table take; *out_masked: it has masked columns. */
static size_t measure(const struct cup_plan *plan, const struct cup_plan_table *table,
                      bool *out_masked)
{
    const struct cup_plan_column *columns = cup_plan_columns(plan, table);
    size_t                        bytes   = 0;

    *out_masked = false;
    for (uint32_t i = 0; i < table->columns.count; i++) {
        *out_masked |= columns[i].mask != CUP_MASK_NONE;
        bytes += room_of(&columns[i]);
    }
    return bytes;
}

static bool has_masked_key(const struct cup_plan *plan, const struct cup_plan_table *table)
{
    const struct cup_plan_column *columns = cup_plan_columns(plan, table);

    for (uint32_t i = 0; i < table->columns.count; i++)
        if (columns[i].key_place > 0 && columns[i].mask != CUP_MASK_NONE) return true;
    return false;
}

static bool fill_table(const struct cup_plan *plan, const struct cup_changes *changes,
                       struct table *table)
{
    const struct cup_plan_table  *planned = &cup_plan_tables(plan)[changes->table];
    const struct cup_plan_column *columns = cup_plan_columns(plan, planned);

    table->fields  = calloc(changes->column_count, sizeof *table->fields);
    table->columns = calloc(changes->column_count, sizeof *table->columns);
    if (table->fields == NULL || table->columns == NULL) return false;
    memcpy(table->fields, changes->fields, changes->column_count * sizeof *table->fields);
    for (uint32_t i = 0; i < planned->columns.count; i++) {
        struct cup_field *field = &table->fields[i];
        uint8_t           type  = cup_mask_type((enum cup_mask)columns[i].mask, field->type);
        if (type == field->type) continue;
        field->type      = type;
        field->precision = field->scale = 0;
    }
    return true;
}

static enum cup_err open_tables(struct cup_masks *masks, const struct cup_decode *decode,
                                struct cup_fault *out_fault)
{
    const struct cup_plan *plan = masks->plan;
    bool                   masked;

    for (uint32_t i = 0; i < plan->tables.count; i++) {
        const struct cup_plan_table *table = &cup_plan_tables(plan)[i];
        size_t                       bytes = measure(plan, table, &masked);
        if (bytes > plan->pool_bytes / POOL_FRACTION)
            return cup_fault_set(out_fault, CUP_NO_MEMORY,
                                 "masked columns of one table (key: memory)",
                                 cup_plan_text(plan, table->path));
        if (bytes > masks->room_bytes) masks->room_bytes = bytes;
        masks->of_key |= has_masked_key(plan, table);
        if (!masked) continue;
        const struct cup_changes changes = cup_decode_changes(decode, i);
        if (!fill_table(plan, &changes, &masks->tables[i]))
            return cup_fault_set(out_fault, CUP_NO_MEMORY, "masks", NULL);
    }
    masks->room = aligned_alloc(ALIGNMENT, masks->room_bytes + ALIGNMENT);
    if (masks->room == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "masks", NULL);
    if (plan->token_id.bytes == 0) return CUP_OK;
    return cup_token_open(plan->token_key, sizeof plan->token_key,
                          cup_plan_text(plan, plan->token_id), &masks->token, out_fault);
}

enum cup_err cup_masks_open(const struct cup_plan *plan, const struct cup_decode *decode,
                            struct cup_masks **out_masks, struct cup_fault *out_fault)
{
    struct cup_masks *masks = calloc(1, sizeof *masks);

    if (masks == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "masks", NULL);
    masks->plan   = plan;
    masks->tables = calloc(plan->tables.count + 1ul, sizeof *masks->tables);
    for (int i = 0; i < 2; i++)
        masks->empty[i] = (struct cup_column){
            .validity = zeros, .any = zeros, .offsets = (uint32_t *)(void *)zeros};
    enum cup_err err = masks->tables == NULL
                           ? cup_fault_set(out_fault, CUP_NO_MEMORY, "masks", NULL)
                           : open_tables(masks, decode, out_fault);
    if (err != CUP_OK) {
        cup_masks_close(masks);
        return err;
    }
    *out_masks = masks;
    return CUP_OK;
}

void cup_masks_close(struct cup_masks *masks)
{
    if (masks == NULL) return;
    for (uint32_t i = 0; masks->tables != NULL && i < masks->plan->tables.count; i++) {
        free(masks->tables[i].fields);
        free(masks->tables[i].columns);
    }
    cup_token_close(masks->token);
    free(masks->tables);
    free(masks->room);
    free(masks);
}

bool cup_masks_of_key(const struct cup_masks *masks)
{
    return masks->of_key;
}

const struct cup_field *cup_masks_fields(const struct cup_masks   *masks,
                                         const struct cup_changes *changes)
{
    const struct table *table = &masks->tables[changes->table];

    return table->fields == NULL ? changes->fields : table->fields;
}

/* --- one column --- */

/* One masked column in the making. */
struct work {
    struct cup_masks             *masks;
    const struct cup_plan_column *planned;
    const struct cup_column      *from;
    struct cup_column            *to;
    uint32_t                      rows;
};

static void *take(struct cup_masks *masks, size_t bytes)
{
    uint8_t *at = masks->room + masks->used;

    masks->used += bytes;
    CUP_ASSERT(masks->used <= masks->room_bytes);
    return at;
}

static void put_nulls(const struct work *work)
{
    struct cup_column *to = work->to;

    to->validity   = zeros;
    to->any        = zeros;
    to->null_count = work->rows;
    to->text_cap   = 0;
    if (to->vec != CUP_VEC_VAR && to->vec != CUP_VEC_LIST) return;
    to->offsets = (uint32_t *)(void *)zeros;
    if (to->vec == CUP_VEC_VAR) return;
    CUP_ASSERT(work->from->child_count >= 1 && work->from->child_count <= 2);
    for (uint32_t i = 0; i < work->from->child_count; i++)
        work->masks->empty[i].vec = work->from->children[i].vec;
    to->children = work->masks->empty;
}

static uint32_t put_last(const struct work *work, uint32_t row, uint8_t *out)
{
    const uint8_t *text  = work->from->text + work->from->offsets[row];
    uint32_t       bytes = work->from->offsets[row + 1] - work->from->offsets[row];
    uint32_t       start = bytes, kept = 0;

    memcpy(out, STARS, STARS_BYTES);
    while (start > 0 && kept < work->planned->mask_keep) {
        start--;
        kept += (text[start] & 0xC0) != 0x80; /* the first byte of a character */
    }
    if (start == 0) return STARS_BYTES; /* nothing would be hidden */
    memcpy(out + STARS_BYTES, text + start, bytes - start);
    return STARS_BYTES + bytes - start;
}

static uint32_t put_token(const struct work *work, uint32_t row, uint8_t *out)
{
    char        room[CUP_CANON_BYTES];
    const void *at;
    uint32_t    bytes =
        cup_canon_bytes(work->from, work->planned->type, work->planned->scale, row, room, &at);

    return cup_token_text(work->masks->token, at, bytes, (char *)out);
}

static uint32_t put_constant(const struct work *work, uint32_t row, uint8_t *out)
{
    struct cup_plan_text text = work->planned->mask_text;

    (void)row; /* all are the same */
    memcpy(out, cup_plan_text(work->masks->plan, text), text.bytes);
    return text.bytes;
}

static void put_texts(const struct work *work,
                      uint32_t (*put)(const struct work *work, uint32_t row, uint8_t *out))
{
    struct cup_column *to   = work->to;
    uint32_t           used = 0;
    size_t             room = room_of(work->planned);

    to->vec      = CUP_VEC_VAR;
    to->offsets  = take(work->masks, room);
    to->text     = (uint8_t *)to->offsets + OFFSETS_BYTES;
    to->text_cap = (uint32_t)(room - OFFSETS_BYTES);
    for (uint32_t row = 0; row < work->rows; row++) {
        to->offsets[row] = used;
        if (!cup_column_is_null(work->from, row)) used += put(work, row, to->text + used);
        CUP_ASSERT(used <= to->text_cap);
    }
    to->offsets[work->rows] = used;
}

/* What NULL hides is zero, and stays so. */
static void put_years(const struct work *work)
{
    bool     is_date = work->from->vec == CUP_VEC_I32;
    int32_t *days    = take(work->masks, room_of(work->planned));
    int64_t *moments = (int64_t *)(void *)days;

    work->to->any = days;
    for (uint32_t row = 0; row < work->rows; row++) {
        bool null = cup_column_is_null(work->from, row);
        if (is_date)
            days[row] = null ? 0 : (int32_t)cup_civil_year_day(work->from->i32[row]);
        else
            moments[row] = null ? 0
                                : cup_civil_year_day(cup_civil_day(work->from->i64[row])) *
                                      CUP_CIVIL_US_PER_DAY;
    }
}

static void mask_column(const struct work *work)
{
    switch ((enum cup_mask)work->planned->mask) {
    case CUP_MASK_DROP:
    case CUP_MASK_NULL: put_nulls(work); return;
    case CUP_MASK_CONSTANT: put_texts(work, put_constant); return;
    case CUP_MASK_KEEP_LAST: put_texts(work, put_last); return;
    case CUP_MASK_YEAR: put_years(work); return;
    case CUP_MASK_HMAC: put_texts(work, put_token); return;
    case CUP_MASK_NONE:
    case CUP_MASK_COUNT: return;
    }
}

void cup_masks_apply(struct cup_masks *masks, struct cup_changes *changes)
{
    const struct table          *table   = &masks->tables[changes->table];
    const struct cup_plan_table *planned = &cup_plan_tables(masks->plan)[changes->table];

    CUP_ASSERT(changes->row_count <= CUP_CHANGES_ROWS);
    if (table->fields == NULL) return;
    memcpy(table->columns, changes->columns, changes->column_count * sizeof *table->columns);
    masks->used = 0;
    for (uint32_t i = 0; i < planned->columns.count; i++) {
        const struct work work = {.masks   = masks,
                                  .planned = &cup_plan_columns(masks->plan, planned)[i],
                                  .from    = &changes->columns[i],
                                  .to      = &table->columns[i],
                                  .rows    = changes->row_count};
        mask_column(&work);
    }
    changes->columns = table->columns;
    changes->fields  = table->fields;
}
