// SPDX-License-Identifier: Apache-2.0
#include "dataplane/worker/pack.h"

#include <string.h>

#define ALIGNMENT    64u
#define CHILDREN_MAX 2u /* a map has keys and values */

static const struct cup_column *column_of(const struct cup_layout *layout,
                                          const struct cup_column *columns, uint32_t field)
{
    return &columns[layout->columns == NULL ? field : layout->columns[field]];
}

static uint32_t validity_bytes(const struct cup_layout *layout)
{
    return (layout->field_count + 7) / 8;
}

/* --- packing --- */

/* Bytes of one value that is not null. */
static uint64_t value_bytes(const struct cup_column *column, uint32_t row)
{
    if (column->vec == CUP_VEC_BITS) return 1;
    if (column->vec == CUP_VEC_VAR)
        return sizeof(uint32_t) + column->offsets[row + 1] - column->offsets[row];
    return cup_vec_bytes((enum cup_vec)column->vec);
}

static uint64_t list_bytes(const struct cup_column *column, uint32_t row)
{
    uint64_t sum = sizeof(uint32_t);

    for (uint32_t i = column->offsets[row]; i < column->offsets[row + 1]; i++)
        for (uint8_t c = 0; c < column->child_count; c++)
            sum += 1 + (cup_column_is_null(&column->children[c], i)
                            ? 0
                            : value_bytes(&column->children[c], i));
    return sum;
}

uint64_t cup_pack_bytes(const struct cup_layout *layout, const struct cup_column *columns,
                        uint32_t row)
{
    uint64_t sum = validity_bytes(layout);

    for (uint32_t i = 0; i < layout->field_count; i++) {
        const struct cup_column *column = column_of(layout, columns, i);
        if (cup_column_is_null(column, row)) continue;
        sum += column->vec == CUP_VEC_LIST ? list_bytes(column, row) : value_bytes(column, row);
    }
    return sum;
}

static uint8_t *put_u32(uint8_t *to, uint32_t value)
{
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

static uint8_t *put_value(uint8_t *to, const struct cup_column *column, uint32_t row)
{
    uint32_t width = cup_vec_bytes((enum cup_vec)column->vec);

    if (column->vec == CUP_VEC_BITS) {
        *to = cup_bit_get(column->bits, row);
        return to + 1;
    }
    if (column->vec == CUP_VEC_VAR) {
        uint32_t bytes = column->offsets[row + 1] - column->offsets[row];
        to             = put_u32(to, bytes);
        if (bytes > 0) memcpy(to, column->text + column->offsets[row], bytes);
        return to + bytes;
    }
    CUP_ASSERT(width > 0);
    memcpy(to, (const uint8_t *)column->any + (size_t)row * width, width);
    return to + width;
}

/* Element by element; of a map each one's key and value. */
static uint8_t *put_list(uint8_t *to, const struct cup_column *column, uint32_t row)
{
    uint32_t end = column->offsets[row + 1];

    to = put_u32(to, end - column->offsets[row]);
    for (uint32_t i = column->offsets[row]; i < end; i++) {
        for (uint8_t c = 0; c < column->child_count; c++) {
            *to = !cup_column_is_null(&column->children[c], i);
            to  = *to ? put_value(to + 1, &column->children[c], i) : to + 1;
        }
    }
    return to;
}

void cup_pack_put(const struct cup_layout *layout, const struct cup_column *columns, uint32_t row,
                  uint8_t *to)
{
    uint8_t *validity = to;

    memset(validity, 0, validity_bytes(layout));
    to += validity_bytes(layout);
    for (uint32_t i = 0; i < layout->field_count; i++) {
        const struct cup_column *column = column_of(layout, columns, i);
        if (cup_column_is_null(column, row)) continue;
        cup_bit_set(validity, i, true);
        to = column->vec == CUP_VEC_LIST ? put_list(to, column, row) : put_value(to, column, row);
    }
}

/* --- columns being made --- */

/* What a column of the result will hold; then how far it is filled. */
struct extent {
    uint64_t text_bytes[CHILDREN_MAX]; /* of the column, or of the children of a list or map */
    uint64_t elements;
};

static uint32_t take_u32(const uint8_t **at)
{
    uint32_t value;

    memcpy(&value, *at, sizeof value);
    *at += sizeof value;
    return value;
}

/* Passes a value; returns its text bytes. */
static uint32_t skip_value(const uint8_t **at, enum cup_vec vec)
{
    uint32_t bytes = vec == CUP_VEC_VAR ? take_u32(at) : 0;

    *at += vec == CUP_VEC_VAR ? bytes : vec == CUP_VEC_BITS ? 1 : cup_vec_bytes(vec);
    return bytes;
}

static enum cup_vec vec_of(const struct cup_field *field)
{
    return cup_type_vec((enum cup_type)field->type);
}

static void measure(const struct cup_layout *layout, const uint8_t *row, struct extent *extents)
{
    const uint8_t *at = row + validity_bytes(layout);

    for (uint32_t i = 0; i < layout->field_count; i++) {
        enum cup_vec vec = vec_of(&layout->fields[i]);
        if (!cup_bit_get(row, i)) continue;
        if (vec != CUP_VEC_LIST) {
            extents[i].text_bytes[0] += skip_value(&at, vec);
            continue;
        }
        const struct cup_field *field = &layout->fields[i];
        uint32_t                count = take_u32(&at);
        extents[i].elements += count;
        for (uint32_t k = 0; k < count; k++)
            for (uint32_t c = 0; c < field->child_count; c++)
                if (*at++ != 0)
                    extents[i].text_bytes[c] += skip_value(&at, vec_of(&field->children[c]));
    }
}

/* Hands out parts of a run; without one it only counts. */
struct carver {
    uint8_t *run;
    uint64_t used;
};

static void *carve(struct carver *carver, uint64_t bytes)
{
    uint64_t at = carver->used;

    carver->used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return carver->run == NULL ? NULL : carver->run + at;
}

/* The vectors of one column of `rows` rows. */
static void carve_column(struct carver *carver, struct cup_column *column, enum cup_vec vec,
                         uint64_t rows, uint64_t text_bytes)
{
    uint64_t width = cup_vec_bytes(vec);

    *column          = (struct cup_column){.vec = (uint8_t)vec};
    column->row_cap  = (uint32_t)rows;
    column->validity = carve(carver, (rows + 7) / 8);
    if (vec == CUP_VEC_BITS) column->bits = carve(carver, (rows + 7) / 8);
    if (width > 0) column->any = carve(carver, rows * width);
    if (vec == CUP_VEC_VAR || vec == CUP_VEC_LIST)
        column->offsets = carve(carver, (rows + 1) * sizeof(uint32_t));
    if (vec == CUP_VEC_VAR) column->text = carve(carver, text_bytes);
    column->text_cap = vec == CUP_VEC_VAR ? (uint32_t)text_bytes : 0;
}

static void carve_all(struct carver *carver, const struct cup_layout *layout,
                      struct cup_column *columns, const struct extent *extents, uint32_t rows)
{
    struct cup_column *child = columns + layout->field_count;

    for (uint32_t i = 0; i < layout->field_count; i++) {
        enum cup_vec vec = vec_of(&layout->fields[i]);
        carve_column(carver, &columns[i], vec, rows, extents[i].text_bytes[0]);
        if (vec != CUP_VEC_LIST) continue;
        CUP_ASSERT(layout->fields[i].child_count <= CHILDREN_MAX);
        columns[i].child_count = (uint8_t)layout->fields[i].child_count;
        columns[i].children    = child;
        for (uint8_t c = 0; c < columns[i].child_count; c++)
            carve_column(carver, child++, vec_of(&layout->fields[i].children[c]),
                         extents[i].elements, extents[i].text_bytes[c]);
    }
}

static bool take(struct cup_pool *pool, uint64_t bytes, uint8_t **out_at, uint32_t *out_blocks)
{
    uint64_t blocks = (bytes + CUP_BLOCK_BYTES - 1) / CUP_BLOCK_BYTES;

    if (blocks > CUP_POOL_RUN_MAX) return false;
    *out_at     = cup_pool_take(pool, (uint32_t)blocks);
    *out_blocks = (uint32_t)blocks;
    return *out_at != NULL;
}

/* Columns, children and extents, zeroed. */
static bool open_head(struct cup_unpacked *out, struct cup_pool *pool,
                      const struct cup_layout *layout, struct extent **out_extents)
{
    uint64_t columns = (1ull + CHILDREN_MAX) * layout->field_count * sizeof(struct cup_column);
    uint64_t bytes   = columns + layout->field_count * sizeof(struct extent);

    *out = (struct cup_unpacked){.pool = pool};
    if (!take(pool, bytes, &out->head, &out->head_blocks)) return false;
    memset(out->head, 0, bytes);
    out->columns = (struct cup_column *)(void *)out->head;
    *out_extents = (struct extent *)(void *)(out->head + columns);
    return true;
}

static bool open_body(struct cup_unpacked *out, const struct cup_layout *layout,
                      const struct extent *extents, uint32_t rows)
{
    struct carver carver = {0};

    carve_all(&carver, layout, out->columns, extents, rows);
    if (!take(out->pool, carver.used, &out->body, &out->body_blocks)) {
        out->body = NULL;
        cup_unpack_close(out);
        return false;
    }
    memset(out->body, 0, carver.used);
    carver = (struct carver){.run = out->body};
    carve_all(&carver, layout, out->columns, extents, rows);
    return true;
}

void cup_unpack_close(struct cup_unpacked *unpacked)
{
    cup_pool_give(unpacked->pool, unpacked->body, unpacked->body_blocks);
    cup_pool_give(unpacked->pool, unpacked->head, unpacked->head_blocks);
    *unpacked = (struct cup_unpacked){0};
}

/* --- filling --- */

/* Appends the value at *at, or a null, as the next row. */
static void add_value(struct cup_column *column, bool null, const uint8_t **at)
{
    uint32_t row = column->row_count++, width = cup_vec_bytes((enum cup_vec)column->vec);

    CUP_ASSERT(row < column->row_cap);
    column->null_count += null;
    if (!null) column->validity[row / 8] = (uint8_t)(column->validity[row / 8] | 1u << row % 8);
    if (column->vec == CUP_VEC_VAR) {
        uint32_t used = column->offsets[row], bytes = null ? 0 : take_u32(at);
        CUP_ASSERT(used + (uint64_t)bytes <= column->text_cap);
        if (bytes > 0) memcpy(column->text + used, *at, bytes);
        column->offsets[row + 1] = used + bytes;
        *at += bytes;
    } else if (!null && column->vec == CUP_VEC_BITS) {
        if (**at) column->bits[row / 8] = (uint8_t)(column->bits[row / 8] | 1u << row % 8);
        ++*at;
    } else if (!null) {
        memcpy((uint8_t *)column->any + (size_t)row * width, *at, width);
        *at += width;
    }
}

static void add_list(struct cup_column *column, bool null, const uint8_t **at)
{
    uint32_t row = column->row_count++, count = null ? 0 : take_u32(at);

    column->null_count += null;
    cup_bit_set(column->validity, row, !null);
    for (uint32_t i = 0; i < count; i++) {
        for (uint8_t c = 0; c < column->child_count; c++) {
            bool valid = *(*at)++ != 0;
            add_value(&column->children[c], !valid, at);
        }
    }
    column->offsets[row + 1] = column->offsets[row] + count;
}

bool cup_unpack_open(struct cup_unpacked *out, struct cup_pool *pool,
                     const struct cup_layout *layout, const uint8_t *const *rows, uint32_t count)
{
    struct extent *extents;

    CUP_ASSERT(count > 0 && count <= CUP_PACK_ROWS_MAX);
    if (!open_head(out, pool, layout, &extents)) return false;
    for (uint32_t row = 0; row < count; row++)
        measure(layout, rows[row], extents);
    if (!open_body(out, layout, extents, count)) return false;
    for (uint32_t row = 0; row < count; row++) {
        const uint8_t *at = rows[row] + validity_bytes(layout);
        for (uint32_t i = 0; i < layout->field_count; i++) {
            bool null = !cup_bit_get(rows[row], i);
            if (out->columns[i].vec == CUP_VEC_LIST)
                add_list(&out->columns[i], null, &at);
            else
                add_value(&out->columns[i], null, &at);
        }
    }
    return true;
}

/* --- a row that is too large to be copied --- */

/* Rows [from, to) of `is`, in vectors carved without room for texts. */
static void view_column(struct cup_column *out, const struct cup_column *is, uint32_t from,
                        uint32_t to)
{
    uint32_t width = cup_vec_bytes((enum cup_vec)is->vec);

    for (uint32_t row = from; row < to; row++) {
        bool null = cup_column_is_null(is, row);
        cup_bit_set(out->validity, row - from, !null);
        out->null_count += null;
        if (is->vec == CUP_VEC_BITS) cup_bit_set(out->bits, row - from, cup_bit_get(is->bits, row));
        if (out->offsets != NULL)
            out->offsets[row - from + 1] = is->offsets[row + 1] - is->offsets[from];
    }
    out->row_count = to - from;
    if (width > 0) out->any = (uint8_t *)is->any + (size_t)from * width;
    if (is->vec == CUP_VEC_VAR && to > from) {
        out->text     = is->text + is->offsets[from];
        out->text_cap = is->offsets[to] - is->offsets[from];
    }
}

bool cup_unpack_view(struct cup_unpacked *out, struct cup_pool *pool,
                     const struct cup_layout *layout, const struct cup_column *columns,
                     uint32_t row)
{
    struct extent *extents;

    if (!open_head(out, pool, layout, &extents)) return false;
    for (uint32_t i = 0; i < layout->field_count; i++) {
        const struct cup_column *column = column_of(layout, columns, i);
        if (column->vec == CUP_VEC_LIST)
            extents[i].elements = column->offsets[row + 1] - column->offsets[row];
    }
    if (!open_body(out, layout, extents, 1)) return false;
    for (uint32_t i = 0; i < layout->field_count; i++) {
        const struct cup_column *column = column_of(layout, columns, i);
        view_column(&out->columns[i], column, row, row + 1);
        for (uint8_t c = 0; column->vec == CUP_VEC_LIST && c < column->child_count; c++)
            view_column(&out->columns[i].children[c], &column->children[c], column->offsets[row],
                        column->offsets[row + 1]);
    }
    return true;
}
