// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_priv.h"

#include <string.h>

#define GROUP 8u /* values of a bit-packed group, and the shortest run that is worth one */

uint32_t cup_parquet_priv_width(uint32_t value_max)
{
    return value_max == 0 ? 0 : 32 - (uint32_t)__builtin_clz(value_max);
}

uint8_t *cup_parquet_priv_rle_run(uint8_t *to, uint32_t value, uint32_t count, uint32_t width)
{
    CUP_ASSERT(count > 0);
    to = cup_parquet_priv_put_varint(to, count << 1);
    for (uint32_t bit = 0; bit < width; bit += 8)
        *to++ = (uint8_t)(value >> bit);
    return to;
}

static uint8_t *pack_group(uint8_t *to, const uint16_t *values, uint32_t width)
{
    uint64_t bits = 0;
    uint32_t held = 0;

    for (uint32_t i = 0; i < GROUP; i++) {
        bits |= (uint64_t)values[i] << held;
        held += width;
        for (; held >= 8; held -= 8, bits >>= 8)
            *to++ = (uint8_t)bits;
    }
    return to;
}

static uint8_t *pack(uint8_t *to, const uint16_t *values, uint32_t count, uint32_t width)
{
    uint32_t groups = (count + GROUP - 1) / GROUP;

    if (groups == 0) return to;
    to = cup_parquet_priv_put_varint(to, groups << 1 | 1);
    for (uint32_t whole = count / GROUP; whole > 0; whole--, values += GROUP)
        to = pack_group(to, values, width);
    if (count % GROUP != 0) {
        uint16_t last[GROUP] = {0};
        memcpy(last, values, count % GROUP * sizeof *values);
        to = pack_group(to, last, width);
    }
    return to;
}

/* How many values from `at` on are equal. */
static uint32_t run_length(const uint16_t *values, uint32_t at, uint32_t count)
{
    uint32_t end = at + 1;

    while (end < count && values[end] == values[at])
        end++;
    return end - at;
}

uint8_t *cup_parquet_priv_rle_put(uint8_t *to, const uint16_t *values, uint32_t count,
                                  uint32_t width)
{
    uint32_t at = 0, packed_to = 0; /* values[packed_to..at) wait to be bit-packed */

    CUP_ASSERT(width <= 16);
    if (count > 0 && width == 0) return cup_parquet_priv_rle_run(to, 0, count, 0);
    while (at < count) {
        uint32_t run = run_length(values, at, count);
        if (run < GROUP) {
            at += GROUP;
            continue;
        }
        to = pack(to, values + packed_to, at - packed_to, width);
        to = cup_parquet_priv_rle_run(to, values[at], run, width);
        at += run;
        packed_to = at;
    }
    return packed_to < count ? pack(to, values + packed_to, count - packed_to, width) : to;
}

/* --- reading --- */

static bool get_varint(const uint8_t **at, const uint8_t *end, uint32_t *out_value)
{
    uint32_t value = 0;

    for (uint32_t shift = 0; shift < 35 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint32_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *out_value = value;
            return true;
        }
    }
    return false;
}

/* Unpacks `count` values of a run of `groups` groups and moves behind the run. A last run may be
 * shorter in bytes than its groups say: some writers leave the padding out. */
static bool unpack(const uint8_t **at, const uint8_t *end, uint32_t groups, uint32_t width,
                   uint32_t *out_values, uint32_t count)
{
    const uint8_t *from  = *at;
    uint64_t       bytes = (uint64_t)groups * width;
    uint64_t       bits  = 0;
    uint32_t       held  = 0;

    if (((uint64_t)count * width + 7) / 8 > (uint64_t)(end - from)) return false;
    for (uint32_t i = 0; i < count; i++) {
        for (; held < width; held += 8)
            bits |= (uint64_t)*from++ << held;
        out_values[i] = (uint32_t)(bits & ((1ull << width) - 1));
        bits >>= width;
        held -= width;
    }
    *at += bytes < (uint64_t)(end - *at) ? (size_t)bytes : (size_t)(end - *at);
    return true;
}

bool cup_parquet_priv_rle_get(const uint8_t **at, const uint8_t *end, uint32_t width,
                              uint32_t value_max, uint32_t *out_values, uint32_t count)
{
    uint32_t head, done = 0;

    if (width > 32) return false;
    while (done < count) {
        if (!get_varint(at, end, &head) || head >> 1 == 0) return false;
        uint32_t left = count - done;
        if (head & 1) {
            uint32_t groups = head >> 1;
            uint32_t part   = groups > left / GROUP ? left : groups * GROUP;
            if (!unpack(at, end, groups, width, out_values + done, part)) return false;
            done += part;
            continue;
        }
        uint32_t value = 0, part = head >> 1 < left ? head >> 1 : left;
        if ((width + 7) / 8 > (size_t)(end - *at)) return false;
        for (uint32_t bit = 0; bit < width; bit += 8)
            value |= (uint32_t) * (*at)++ << bit;
        for (uint32_t i = 0; i < part; i++)
            out_values[done + i] = value;
        done += part;
    }
    for (uint32_t i = 0; i < count; i++)
        if (out_values[i] > value_max) return false;
    return true;
}
