// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_read_priv.h"

#include <stdlib.h>
#include <string.h>

/* Encodings that other writers choose, turned into the PLAIN bytes that the reader knows:
 *
 *   DELTA_BINARY_PACKED      head | block: least delta, widths, miniblocks | block ...
 *   DELTA_LENGTH_BYTE_ARRAY  lengths (as above) | all bytes
 *   DELTA_BYTE_ARRAY         lengths of common prefixes | the rest as above
 *   BYTE_STREAM_SPLIT        first bytes of all values | second bytes of all values | ...
 */
#define BLOCK_VALUES_MAX (1u << 20) /* writers use 128 */
#define MINI_VALUES_UNIT 32u        /* parquet-format, Encodings.md */

static bool get_varint(const uint8_t **at, const uint8_t *end, uint64_t *out_value)
{
    uint64_t value = 0;

    for (uint32_t shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out_value = value;
            return true;
        }
    }
    return false;
}

static uint64_t unzigzag(uint64_t value)
{
    return value >> 1 ^ (~(value & 1) + 1);
}

struct packed { /* DELTA_BINARY_PACKED being read; arithmetic wraps */
    uint64_t mini_count, mini_values, value, least;
    uint64_t count, left; /* all values; those not given out yet */
};

static bool read_head(const uint8_t **at, const uint8_t *end, struct packed *out)
{
    uint64_t block, first;

    if (!get_varint(at, end, &block) || !get_varint(at, end, &out->mini_count) ||
        !get_varint(at, end, &out->count) || !get_varint(at, end, &first))
        return false;
    if (block == 0 || block > BLOCK_VALUES_MAX || out->mini_count == 0 || out->mini_count > block ||
        block % out->mini_count != 0)
        return false;
    out->mini_values = block / out->mini_count;
    out->value       = unzigzag(first);
    out->left        = out->count;
    return out->mini_values % MINI_VALUES_UNIT == 0;
}

/* `width` bits from bit `from` on, least significant first. */
static uint64_t get_bits(const uint8_t *bytes, uint64_t from, uint32_t width)
{
    uint64_t value = 0;

    for (uint32_t got = 0; got < width;) {
        uint32_t skip = (uint32_t)((from + got) % 8), take = 8 - skip;
        if (take > width - got) take = width - got;
        uint64_t part = (uint64_t)bytes[(from + got) / 8] >> skip & ((1u << take) - 1);
        value |= part << got;
        got += take;
    }
    return value;
}

static bool read_mini(const uint8_t **at, const uint8_t *end, uint32_t width, struct packed *packed,
                      uint64_t **out)
{
    uint64_t bytes = packed->mini_values / 8 * width;

    if (width > 64 || bytes > (uint64_t)(end - *at)) return false;
    for (uint64_t i = 0; i < packed->mini_values && packed->left > 0; i++, packed->left--) {
        packed->value += packed->least + get_bits(*at, i * width, width);
        *(*out)++ = packed->value;
    }
    *at += bytes;
    return true;
}

/* Exactly count values; the stream says itself how many it holds. */
static bool read_packed(const uint8_t **at, const uint8_t *end, uint32_t count, uint64_t *out)
{
    struct packed packed;

    CUP_ASSERT(count > 0);
    if (!read_head(at, end, &packed) || packed.count != count) return false;
    *out++ = packed.value;
    packed.left--;
    while (packed.left > 0) {
        uint64_t least;
        if (!get_varint(at, end, &least)) return false;
        packed.least          = unzigzag(least);
        const uint8_t *widths = *at;
        if (packed.mini_count > (uint64_t)(end - *at)) return false;
        *at += packed.mini_count;
        for (uint64_t i = 0; i < packed.mini_count && packed.left > 0; i++)
            if (!read_mini(at, end, widths[i], &packed, &out)) return false;
    }
    return true;
}

/* --- into PLAIN --- */

static enum cup_err plain_numbers(const struct cup_parquet_node *node, const uint8_t *at,
                                  const uint8_t *end, uint32_t count, uint64_t *numbers,
                                  struct cup_text *plain)
{
    if (node->physical != CUP_PARQUET_INT32 && node->physical != CUP_PARQUET_INT64)
        return CUP_UNSUPPORTED;
    if (!read_packed(&at, end, count, numbers)) return CUP_CORRUPT;
    for (uint32_t i = 0; i < count; i++)
        cup_text_put(plain, &numbers[i], node->physical == CUP_PARQUET_INT32 ? 4 : 8);
    return CUP_OK;
}

/* prefixes NULL: none. A prefix repeats what the text before begins with. */
static enum cup_err plain_texts(const struct cup_parquet_node *node, const uint8_t *at,
                                const uint8_t *end, uint32_t count, const uint64_t *prefixes,
                                uint64_t *lengths, struct cup_text *plain)
{
    size_t before = 0, before_bytes = 0; /* the last text, in plain */

    if (!read_packed(&at, end, count, lengths)) return CUP_CORRUPT;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t prefix = prefixes == NULL ? 0 : prefixes[i];
        if (prefix > before_bytes || lengths[i] > (uint64_t)(end - at)) return CUP_CORRUPT;
        uint32_t bytes = (uint32_t)(prefix + lengths[i]);
        bool     flba  = node->physical == CUP_PARQUET_FLBA;
        if (flba && bytes != node->flba_bytes) return CUP_CORRUPT;
        if (plain->bytes + bytes > CUP_PARQUET_READ_TEXT_MAX) return CUP_UNSUPPORTED;
        if (!flba) cup_text_put(plain, &bytes, sizeof bytes);
        size_t start = plain->bytes;
        for (uint64_t k = 0; k < prefix && !plain->failed; k++) /* plain may move while it grows */
            cup_text_put(plain, &(uint8_t){(uint8_t)plain->at[before + k]}, 1);
        cup_text_put(plain, at, lengths[i]);
        if (plain->failed) return CUP_NO_MEMORY;
        at += lengths[i];
        before       = start;
        before_bytes = bytes;
    }
    return CUP_OK;
}

static enum cup_err plain_prefixed(const struct cup_parquet_node *node, const uint8_t *at,
                                   const uint8_t *end, uint32_t count, uint64_t *numbers,
                                   struct cup_text *plain)
{
    uint64_t *prefixes = malloc(count * sizeof *prefixes);

    if (prefixes == NULL) return CUP_NO_MEMORY;
    enum cup_err err = read_packed(&at, end, count, prefixes) ? CUP_OK : CUP_CORRUPT;
    if (err == CUP_OK) err = plain_texts(node, at, end, count, prefixes, numbers, plain);
    free(prefixes);
    return err;
}

static enum cup_err plain_split(const uint8_t *at, const uint8_t *end, uint32_t count,
                                uint32_t width, struct cup_text *plain)
{
    if (width == 0) return CUP_UNSUPPORTED;
    if ((uint64_t)count * width != (uint64_t)(end - at)) return CUP_CORRUPT;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < width; k++)
            cup_text_put(plain, at + (size_t)k * count + i, 1);
    return CUP_OK;
}

enum cup_err cup_parquet_priv_to_plain(const struct cup_parquet_node *node, int64_t encoding,
                                       const uint8_t *at, const uint8_t *end, uint32_t count,
                                       struct cup_text *plain)
{
    uint64_t    *numbers = malloc((count + 1ul) * sizeof *numbers);
    bool         is_text = node->physical == CUP_PARQUET_BYTE_ARRAY;
    enum cup_err err     = CUP_UNSUPPORTED;

    CUP_ASSERT(plain->bytes == 0);
    if (numbers == NULL) return CUP_NO_MEMORY;
    if (count == 0)
        err = CUP_OK; /* some writers leave the head out then */
    else if (encoding == CUP_PARQUET_DELTA_BINARY_PACKED)
        err = plain_numbers(node, at, end, count, numbers, plain);
    else if (encoding == CUP_PARQUET_DELTA_LENGTH_BYTE_ARRAY && is_text)
        err = plain_texts(node, at, end, count, NULL, numbers, plain);
    else if (encoding == CUP_PARQUET_DELTA_BYTE_ARRAY &&
             (is_text || node->physical == CUP_PARQUET_FLBA))
        err = plain_prefixed(node, at, end, count, numbers, plain);
    else if (encoding == CUP_PARQUET_BYTE_STREAM_SPLIT)
        err = plain_split(at, end, count, cup_parquet_priv_physical_bytes(node), plain);
    free(numbers);
    return err == CUP_OK && plain->failed ? CUP_NO_MEMORY : err;
}
