// SPDX-License-Identifier: Apache-2.0
/* DELTA_BINARY_PACKED: whole numbers as differences to the one before. Counters, places, times and
 * keys need one or two bytes so, and no codec, which costs twenty times as much.
 *
 *   head: 128 values a block, 4 miniblocks, count, first value | block | block ...
 *   block: least difference | 4 widths | 4 times 32 differences above the least, bit-packed
 */
#include "lake/parquet_priv.h"

#include <string.h>

#define MINI_VALUES  32u
#define MINI_COUNT   4u
#define BLOCK_VALUES (MINI_VALUES * MINI_COUNT)
#define VARINT_BYTES 10u /* of 64 bits */
#define COUNT_MIN    64u /* fewer values are not worth a head and a block that is not full */
#define HEAD_BYTES   (4u * VARINT_BYTES)

/* With more than so many bits of ten that PLAIN takes, entropy coding packs better. */
#define TENTHS_MAX 7u

struct block {
    int64_t  least;
    uint64_t above[BLOCK_VALUES]; /* zeros behind the last value */
    uint8_t  widths[MINI_COUNT];
};

static uint8_t *put_zigzag(uint8_t *to, int64_t value)
{
    return cup_parquet_priv_put_varint(to, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

static inline int64_t load(const uint8_t *dense, uint32_t i, uint32_t width)
{
    int32_t narrow;
    int64_t wide;

    if (width == 8) {
        memcpy(&wide, dense + (size_t)i * 8, sizeof wide);
        return wide;
    }
    memcpy(&narrow, dense + (size_t)i * 4, sizeof narrow);
    return narrow;
}

/* Differences of values[from..from + count) to the ones before, in the arithmetic of their width,
 * which wraps. Returns the bytes that they will take behind the least one. */
static inline uint32_t fill_block(struct block *block, const uint8_t *dense, uint32_t from,
                                  uint32_t count, uint32_t width)
{
    uint32_t bytes = MINI_COUNT;

    block->least = INT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        int64_t apart = (int64_t)((uint64_t)load(dense, from + i, width) -
                                  (uint64_t)load(dense, from + i - 1, width));
        if (width == 4) apart = (int32_t)apart;
        if (apart < block->least) block->least = apart;
        block->above[i] = (uint64_t)apart;
    }
    for (uint32_t i = 0; i < count; i++)
        block->above[i] -= (uint64_t)block->least;
    for (uint32_t i = count; i < BLOCK_VALUES; i++)
        block->above[i] = 0;
    for (uint32_t mini = 0; mini < MINI_COUNT; mini++) {
        uint64_t all = 0;
        for (uint32_t i = 0; i < MINI_VALUES; i++)
            all |= block->above[mini * MINI_VALUES + i];
        block->widths[mini] = all == 0 ? 0 : (uint8_t)(64 - __builtin_clzll(all));
        bytes += block->widths[mini] * (MINI_VALUES / 8);
    }
    return bytes;
}

/* 32 numbers of `width` bits, the lowest bit first, are 4 * width bytes. */
static uint8_t *put_mini(uint8_t *to, const uint64_t *numbers, uint32_t width)
{
    uint64_t bits = 0;
    uint32_t held = 0;

    for (uint32_t i = 0; i < MINI_VALUES; i++) {
        bits |= numbers[i] << held;
        held += width;
        if (held < 64) continue;
        memcpy(to, &bits, sizeof bits);
        to += sizeof bits;
        held -= 64;
        bits = held > 0 ? numbers[i] >> (width - held) : 0;
    }
    memcpy(to, &bits, held / 8);
    return to + held / 8;
}

static uint8_t *put_block(uint8_t *to, const struct block *block)
{
    to = put_zigzag(to, block->least);
    memcpy(to, block->widths, MINI_COUNT);
    to += MINI_COUNT;
    for (uint32_t mini = 0; mini < MINI_COUNT; mini++)
        if (block->widths[mini] > 0)
            to = put_mini(to, block->above + mini * MINI_VALUES, block->widths[mini]);
    return to;
}

/* The compiler makes a copy of the loop for 4 and for 8. */
static inline uint8_t *put_numbers(uint8_t *to, const uint8_t *dense, uint32_t count,
                                   uint32_t width)
{
    const uint8_t *end = to + (size_t)count * width * TENTHS_MAX / 10;
    struct block   block;

    to = cup_parquet_priv_put_varint(to, BLOCK_VALUES);
    to = cup_parquet_priv_put_varint(to, MINI_COUNT);
    to = cup_parquet_priv_put_varint(to, count);
    to = put_zigzag(to, load(dense, 0, width));
    for (uint32_t from = 1; from < count; from += BLOCK_VALUES) {
        uint32_t some  = count - from < BLOCK_VALUES ? count - from : BLOCK_VALUES;
        uint32_t bytes = fill_block(&block, dense, from, some, width);
        if (end < to || (size_t)(end - to) < VARINT_BYTES + bytes) return NULL;
        to = put_block(to, &block);
    }
    return to;
}

uint8_t *cup_parquet_priv_delta_put(uint8_t *to, const uint8_t *dense, uint32_t count,
                                    uint32_t width)
{
    _Static_assert(COUNT_MIN * 4 >= HEAD_BYTES, "the head fits where PLAIN would");
    CUP_ASSERT(width == 4 || width == 8);
    if (count < COUNT_MIN) return NULL;
    return width == 4 ? put_numbers(to, dense, count, 4) : put_numbers(to, dense, count, 8);
}
