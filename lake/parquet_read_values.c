// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_read_priv.h"

#include <stdlib.h>
#include <string.h>

#define JULIAN_EPOCH 2440588ll /* Julian day of 1970-01-01 */
#define DAY_US       86400000000ll
#define CAP_MIN      4096u

static bool grow(void **memory, size_t *cap, size_t need)
{
    if (need <= *cap) return true;
    size_t more = need > *cap * 2 ? need : *cap * 2;
    if (more < CAP_MIN) more = CAP_MIN;
    void *moved = realloc(*memory, more);
    if (moved == NULL) return false;
    *memory = moved;
    *cap    = more;
    return true;
}

bool cup_parquet_priv_dense_grow(struct cup_parquet_dense *dense, uint64_t bytes, uint32_t values)
{
    size_t ends = ((size_t)dense->count + values) * sizeof(uint32_t);

    if (!grow((void **)&dense->data, &dense->cap, dense->bytes + bytes + 16)) return false;
    return dense->width != 0 || grow((void **)&dense->ends, &dense->ends_cap, ends + 16);
}

void cup_parquet_priv_dense_free(struct cup_parquet_dense *dense)
{
    free(dense->data);
    free(dense->ends);
    *dense = (struct cup_parquet_dense){0};
}

static cup_i128 big_endian(const uint8_t *bytes, uint32_t count)
{
    cup_i128 value = count > 0 && bytes[0] >= 0x80 ? -1 : 0;

    for (uint32_t i = 0; i < count; i++)
        value = value * 256 + bytes[i];
    return value;
}

/* One value of fixed physical width to the form of the vector. False: out of range. */
static bool convert(const struct cup_parquet_node *node, const uint8_t *from, uint8_t *to)
{
    int32_t  narrow;
    int64_t  wide;
    cup_i128 decimal;
    bool     is_decimal = node->field->type == CUP_TYPE_DECIMAL;

    switch (node->physical) {
    case CUP_PARQUET_INT32:
        memcpy(&narrow, from, 4);
        decimal = narrow;
        memcpy(to, is_decimal ? (void *)&decimal : (void *)&narrow, is_decimal ? 16 : 4);
        return true;
    case CUP_PARQUET_INT64:
        memcpy(&wide, from, 8);
        if (node->is_millis && __builtin_mul_overflow(wide, 1000, &wide)) return false;
        decimal = wide;
        memcpy(to, is_decimal ? (void *)&decimal : (void *)&wide, is_decimal ? 16 : 8);
        return true;
    case CUP_PARQUET_INT96: /* nanoseconds of the day, Julian day */
        memcpy(&wide, from, 8);
        memcpy(&narrow, from + 8, 4);
        wide = wide / 1000 + (narrow - JULIAN_EPOCH) * DAY_US;
        memcpy(to, &wide, 8);
        return narrow > -100000000 && narrow < 100000000; /* the product fits */
    case CUP_PARQUET_FLOAT: memcpy(to, from, 4); return true;
    case CUP_PARQUET_DOUBLE: memcpy(to, from, 8); return true;
    default: /* FLBA */
        decimal = big_endian(from, node->flba_bytes);
        memcpy(to, &decimal, 16);
        return true;
    }
}

uint32_t cup_parquet_priv_physical_bytes(const struct cup_parquet_node *node)
{
    switch (node->physical) {
    case CUP_PARQUET_INT32:
    case CUP_PARQUET_FLOAT: return 4;
    case CUP_PARQUET_INT64:
    case CUP_PARQUET_DOUBLE: return 8;
    case CUP_PARQUET_INT96: return 12;
    default: return node->flba_bytes; /* 0: BYTE_ARRAY, BOOLEAN */
    }
}

static enum cup_err read_booleans(const uint8_t **at, const uint8_t *end, uint32_t count,
                                  struct cup_parquet_dense *dense)
{
    if ((count + 7ul) / 8 > (size_t)(end - *at)) return CUP_CORRUPT;
    if (!cup_parquet_priv_dense_grow(dense, count, count)) return CUP_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        dense->data[dense->bytes++] = cup_bit_get(*at, i);
    *at += (count + 7) / 8;
    dense->count += count;
    return CUP_OK;
}

static enum cup_err read_fixed(const struct cup_parquet_node *node, const uint8_t **at,
                               const uint8_t *end, uint32_t count, struct cup_parquet_dense *dense)
{
    uint32_t width = cup_parquet_priv_physical_bytes(node);

    if ((uint64_t)count * width > (uint64_t)(end - *at)) return CUP_CORRUPT;
    if (!cup_parquet_priv_dense_grow(dense, (uint64_t)count * dense->width, count))
        return CUP_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        if (!convert(node, *at, dense->data + dense->bytes)) return CUP_UNSUPPORTED;
        *at += width;
        dense->bytes += dense->width;
    }
    dense->count += count;
    return CUP_OK;
}

/* BYTE_ARRAY, or FLBA that is no decimal: one text, or one decimal of any length. */
static enum cup_err read_one_text(const uint8_t *text, uint32_t bytes,
                                  struct cup_parquet_dense *dense)
{
    if (dense->width == 16) {
        if (bytes > 16) return CUP_UNSUPPORTED;
        cup_i128 decimal = big_endian(text, bytes);
        if (!cup_parquet_priv_dense_grow(dense, 16, 1)) return CUP_NO_MEMORY;
        memcpy(dense->data + dense->bytes, &decimal, 16);
        dense->bytes += 16;
        dense->count++;
        return CUP_OK;
    }
    if (dense->bytes + bytes > CUP_PARQUET_READ_TEXT_MAX) return CUP_UNSUPPORTED;
    if (!cup_parquet_priv_dense_grow(dense, bytes, 1)) return CUP_NO_MEMORY;
    if (bytes > 0) memcpy(dense->data + dense->bytes, text, bytes);
    dense->bytes += bytes;
    dense->ends[dense->count++] = (uint32_t)dense->bytes;
    return CUP_OK;
}

enum cup_err cup_parquet_priv_read_plain(const struct cup_parquet_node *node, const uint8_t **at,
                                         const uint8_t *end, uint32_t count,
                                         struct cup_parquet_dense *dense)
{
    bool fixed = cup_parquet_priv_physical_bytes(node) > 0 && dense->width > 0;

    if (node->physical == CUP_PARQUET_BOOLEAN) return read_booleans(at, end, count, dense);
    if (fixed) return read_fixed(node, at, end, count, dense);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bytes = node->flba_bytes;
        if (node->physical == CUP_PARQUET_BYTE_ARRAY) {
            if (end - *at < 4) return CUP_CORRUPT;
            memcpy(&bytes, *at, 4);
            *at += 4;
        }
        if (bytes > (size_t)(end - *at)) return CUP_CORRUPT;
        enum cup_err err = read_one_text(*at, bytes, dense);
        if (err != CUP_OK) return err;
        *at += bytes;
    }
    return CUP_OK;
}

enum cup_err cup_parquet_priv_read_indices(const struct cup_parquet_dense *dict,
                                           const uint32_t *index, uint32_t count,
                                           struct cup_parquet_dense *dense)
{
    if (dense->width > 0) {
        if (!cup_parquet_priv_dense_grow(dense, (uint64_t)count * dense->width, count))
            return CUP_NO_MEMORY;
        for (uint32_t i = 0; i < count; i++, dense->bytes += dense->width)
            memcpy(dense->data + dense->bytes, dict->data + (size_t)index[i] * dict->width,
                   dense->width);
        dense->count += count;
        return CUP_OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t     start = index[i] > 0 ? dict->ends[index[i] - 1] : 0;
        enum cup_err err   = read_one_text(dict->data + start, dict->ends[index[i]] - start, dense);
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}
