// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_priv.h"

#include <string.h>

static uint32_t row_at(const struct cup_parquet_values *values, uint32_t i)
{
    return values->rows != NULL ? values->rows[i] : values->first + i;
}

/* Decimals get the width that their precision needs; the precision bounds the values. */
static void narrow4(const struct cup_parquet_values *values, uint8_t *dense)
{
    int32_t *to = (int32_t *)(void *)dense;

    for (uint32_t i = 0; i < values->count; i++) {
        cup_i128 value = values->column->i128[row_at(values, i)];
        CUP_ASSERT(value == (int32_t)value);
        to[i] = (int32_t)value;
    }
}

static void narrow8(const struct cup_parquet_values *values, uint8_t *dense)
{
    int64_t *to = (int64_t *)(void *)dense;

    for (uint32_t i = 0; i < values->count; i++) {
        cup_i128 value = values->column->i128[row_at(values, i)];
        CUP_ASSERT(value == (int64_t)value);
        to[i] = (int64_t)value;
    }
}

/* FLBA is big endian: the last bytes of the value turned round. */
static void narrow_flba(const struct cup_parquet_values *values, uint32_t width, uint8_t *dense,
                        struct cup_parquet_bounds *bounds)
{
    for (uint32_t i = 0; i < values->count; i++, dense += width) {
        cup_i128 value    = values->column->i128[row_at(values, i)];
        uint64_t turned[] = {__builtin_bswap64((uint64_t)(value >> 64)),
                             __builtin_bswap64((uint64_t)value)};
        CUP_ASSERT(value >> (8 * width - 1) == (value < 0 ? -1 : 0));
        memcpy(dense, (const uint8_t *)turned + (sizeof turned - width), width);
        if (bounds != NULL) cup_parquet_priv_bounds_i128(bounds, value);
    }
}

static void narrow_decimals(const struct cup_parquet_leaf   *leaf,
                            const struct cup_parquet_values *values, uint8_t *dense,
                            struct cup_parquet_bounds *bounds)
{
    if (leaf->physical == CUP_PARQUET_INT32)
        narrow4(values, dense);
    else if (leaf->physical == CUP_PARQUET_INT64)
        narrow8(values, dense);
    else
        narrow_flba(values, leaf->width, dense, bounds);
}

static void gather4(uint8_t *dense, const struct cup_parquet_values *values)
{
    for (uint32_t i = 0; i < values->count; i++)
        memcpy(dense + (size_t)i * 4, &values->column->i32[values->rows[i]], 4);
}

static void gather8(uint8_t *dense, const struct cup_parquet_values *values)
{
    for (uint32_t i = 0; i < values->count; i++)
        memcpy(dense + (size_t)i * 8, &values->column->i64[values->rows[i]], 8);
}

const uint8_t *cup_parquet_priv_dense(const struct cup_parquet_leaf   *leaf,
                                      struct cup_parquet_job          *job,
                                      const struct cup_parquet_values *values,
                                      struct cup_parquet_bounds       *bounds)
{
    uint8_t *dense = job->dense.memory;

    if (leaf->field->type == CUP_TYPE_DECIMAL) {
        narrow_decimals(leaf, values, dense, bounds);
        return dense;
    }
    if (values->count == 0) return dense;
    if (values->rows == NULL)
        return (const uint8_t *)values->column->any + (size_t)values->first * leaf->width;
    if (leaf->width == 4)
        gather4(dense, values);
    else
        gather8(dense, values);
    return dense;
}

void cup_parquet_priv_widen(const struct cup_parquet_leaf *leaf, const uint8_t *dense,
                            uint32_t count, struct cup_parquet_bounds *bounds)
{
    const void *values = dense;

    switch (leaf->physical) {
    case CUP_PARQUET_INT32: cup_parquet_priv_bounds_i32(bounds, values, count); break;
    case CUP_PARQUET_INT64: cup_parquet_priv_bounds_i64(bounds, values, count); break;
    case CUP_PARQUET_FLOAT: cup_parquet_priv_bounds_f32(bounds, values, count); break;
    case CUP_PARQUET_DOUBLE: cup_parquet_priv_bounds_f64(bounds, values, count); break;
    default: break; /* FLBA: narrow_decimals did it */
    }
}

uint8_t *cup_parquet_priv_put_booleans(uint8_t *to, const struct cup_parquet_values *values)
{
    const uint8_t *bits = values->column->bits;
    uint32_t       byte = 0;

    for (uint32_t i = 0; i < values->count; i++) {
        byte |= (uint32_t)cup_bit_get(bits, row_at(values, i)) << i % 8;
        if (i % 8 == 7) *to++ = (uint8_t)byte, byte = 0;
    }
    if (values->count % 8 != 0) *to++ = (uint8_t)byte;
    return to;
}

/* Short texts are copied as SHORT_BYTES whatever their length: no call, no branch on the length.
 * The body has so much room behind the last one (see cup_parquet_priv_extent). */
#define SHORT_BYTES 16u

uint8_t *cup_parquet_priv_put_texts(uint8_t *to, const struct cup_parquet_texts *texts,
                                    uint32_t count, struct cup_parquet_bounds *bounds)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row   = texts->rows != NULL ? texts->rows[i] : texts->first + i;
        uint32_t start = texts->offsets[row], bytes = texts->offsets[row + 1] - start;
        memcpy(to, &bytes, 4);
        to += 4;
        if (bytes <= SHORT_BYTES && texts->text_bytes - start >= SHORT_BYTES)
            memcpy(to, texts->text + start, SHORT_BYTES);
        else
            memcpy(to, texts->text + start, bytes);
        if (bounds != NULL) {
            uint64_t key = cup_parquet_priv_key(to, bytes);
            if (!bounds->has || key <= bounds->text.min_key || key >= bounds->text.max_key)
                cup_parquet_priv_bounds_text_slow(bounds, to, bytes);
        }
        to += bytes;
    }
    return to;
}

struct cup_parquet_texts cup_parquet_priv_texts(const struct cup_parquet_values *values)
{
    static const uint8_t none[8];

    if (values->column->vec != CUP_VEC_VAR || values->count == 0)
        return (struct cup_parquet_texts){0};
    return (struct cup_parquet_texts){
        .text       = values->column->text != NULL ? values->column->text : none,
        .offsets    = values->column->offsets,
        .rows       = values->rows,
        .first      = values->first,
        .text_bytes = values->column->offsets[values->column->row_count],
    };
}
