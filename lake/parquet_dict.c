// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_priv.h"

#include <string.h>

#define SLICE_BYTES 4080u /* 16 of them and the link fill a block */
#define SLICE_COUNT 16u

struct cup_parquet_slices {
    struct cup_parquet_slices *next;
    uint32_t                   used, pad;
    uint8_t                    slices[SLICE_COUNT][SLICE_BYTES];
};
_Static_assert(sizeof(struct cup_parquet_slices) <= CUP_BLOCK_BYTES, "slices fill one block");

/* Most columns with a dictionary have few values: they start in a slice and move up when full.
 * Memory is | slots | starts | data |. */
static const struct size_class {
    uint32_t values_max, blocks, memory_bytes;
} classes[] = {
    {128, 0, SLICE_BYTES},
    {1024, 1, CUP_BLOCK_BYTES},
    {CUP_PARQUET_DICT_VALUES_MAX, 2, 2 * CUP_BLOCK_BYTES},
};
#define CLASS_COUNT (sizeof classes / sizeof *classes)
#define SLOTS       2u /* per value: probes stay short */

static uint32_t head_bytes(const struct size_class *class)
{
    return class->values_max * (SLOTS * (uint32_t)sizeof(uint16_t) + (uint32_t)sizeof(uint32_t));
}

/* 8 bytes less: texts are compared and hashed in whole words. */
static uint32_t data_bytes(const struct size_class *class)
{
    uint32_t bytes = class->memory_bytes - head_bytes(class) - 8;

    return bytes < CUP_PARQUET_DICT_BYTES_MAX ? bytes : CUP_PARQUET_DICT_BYTES_MAX;
}

static bool may_take(const struct cup_parquet_dict_home *home, uint32_t blocks)
{
    return home->pool->free_count >= home->spare + blocks;
}

static uint8_t *take_slice(struct cup_parquet_dict_home *home)
{
    if (home->slices == NULL || home->slices->used == SLICE_COUNT) {
        struct cup_parquet_slices *more =
            may_take(home, 1) ? (struct cup_parquet_slices *)(void *)cup_pool_take(home->pool, 1)
                              : NULL;
        if (more == NULL) return NULL;
        more->next   = home->slices;
        more->used   = 0;
        home->slices = more;
        home->blocks++;
    }
    return home->slices->slices[home->slices->used++];
}

static uint8_t *take(struct cup_parquet_dict_home *home, uint32_t size)
{
    uint32_t blocks = classes[size].blocks;

    if (blocks == 0) return take_slice(home);
    uint8_t *memory = may_take(home, blocks) ? cup_pool_take(home->pool, blocks) : NULL;
    if (memory != NULL) home->blocks += blocks;
    return memory;
}

static void give(struct cup_parquet_dict_home *home, uint8_t *memory, uint32_t size)
{
    if (memory == NULL || classes[size].blocks == 0) return; /* slices go with their block */
    cup_pool_give(home->pool, memory, classes[size].blocks);
    home->blocks -= classes[size].blocks;
}

static void lay_out(struct cup_parquet_dict *dict, uint8_t *memory, uint32_t size)
{
    const struct size_class *class = &classes[size];

    dict->memory = memory;
    dict->size   = (uint8_t)size;
    dict->slots  = (uint16_t *)(void *)memory;
    dict->starts = (uint32_t *)(void *)(memory + class->values_max * SLOTS * sizeof(uint16_t));
    dict->data   = memory + head_bytes(class);
    memset(dict->slots, 0, class->values_max * SLOTS * sizeof(uint16_t));
}

bool cup_parquet_priv_dict_begin(struct cup_parquet_dict_home *home, struct cup_parquet_dict *dict)
{
    CUP_ASSERT(dict->memory == NULL);
    uint8_t *memory = take(home, 0);

    if (memory == NULL) return false;
    dict->count = dict->bytes = 0;
    lay_out(dict, memory, 0);
    return true;
}

void cup_parquet_priv_dict_free(struct cup_parquet_dict_home *home, struct cup_parquet_dict *dict)
{
    give(home, dict->memory, dict->size);
    *dict = (struct cup_parquet_dict){.state = dict->state};
}

void cup_parquet_priv_dict_home_clear(struct cup_parquet_dict_home *home)
{
    for (struct cup_parquet_slices *slices = home->slices, *next; slices != NULL; slices = next) {
        next = slices->next;
        cup_pool_give(home->pool, (uint8_t *)slices, 1);
        home->blocks--;
    }
    home->slices = NULL;
    CUP_ASSERT(home->blocks == 0);
}

static inline uint64_t load8(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, 8);
    return word;
}

static inline uint32_t load4(const uint8_t *from)
{
    uint32_t word;
    memcpy(&word, from, 4);
    return word;
}

static inline uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u; /* 2^64 / golden ratio */
    return hash ^ hash >> 29;
}

/* Reads only text[0..bytes): the last words overlap. */
static inline uint64_t hash_bytes(const uint8_t *text, uint32_t bytes)
{
    uint64_t hash = bytes;

    if (bytes >= 8) {
        for (uint32_t at = 0; at + 8 < bytes; at += 8)
            hash = mix(hash, load8(text + at));
        return mix(hash, load8(text + bytes - 8));
    }
    if (bytes >= 4) return mix(hash, load4(text) | (uint64_t)load4(text + bytes - 4) << 32);
    if (bytes == 0) return mix(hash, 0);
    return mix(hash, text[0] | (uint64_t)text[bytes / 2] << 8 | (uint64_t)text[bytes - 1] << 16);
}

static inline bool equal_bytes(const uint8_t *a, const uint8_t *b, uint32_t bytes)
{
    if (bytes >= 8) {
        for (uint32_t at = 0; at + 8 < bytes; at += 8)
            if (load8(a + at) != load8(b + at)) return false;
        return load8(a + bytes - 8) == load8(b + bytes - 8);
    }
    if (bytes >= 4) return load4(a) == load4(b) && load4(a + bytes - 4) == load4(b + bytes - 4);
    for (uint32_t at = 0; at < bytes; at++)
        if (a[at] != b[at]) return false;
    return true;
}

static inline uint32_t slot_of(const struct cup_parquet_dict *dict, uint64_t hash)
{
    return (uint32_t)(hash >> 32) & (classes[dict->size].values_max * SLOTS - 1);
}

static void insert_slot(struct cup_parquet_dict *dict, uint64_t hash, uint32_t index)
{
    uint32_t mask = classes[dict->size].values_max * SLOTS - 1;
    uint32_t slot = slot_of(dict, hash);

    while (dict->slots[slot] != 0)
        slot = (slot + 1) & mask;
    dict->slots[slot] = (uint16_t)(index + 1);
}

/* Moves to the next size class; width 0: texts. */
static bool grow(struct cup_parquet_dict_home *home, struct cup_parquet_dict *dict, uint32_t width)
{
    struct cup_parquet_dict old    = *dict;
    uint32_t                size   = old.size + 1u;
    uint8_t                *memory = size < CLASS_COUNT ? take(home, size) : NULL;

    if (memory == NULL) return false;
    lay_out(dict, memory, size);
    memcpy(dict->data, old.data, old.bytes);
    if (width == 0) memcpy(dict->starts, old.starts, old.count * sizeof *old.starts);
    for (uint32_t i = 0; i < old.count; i++) {
        const uint8_t *value = dict->data + (width != 0 ? i * width : dict->starts[i] + 4);
        uint32_t       bytes = width != 0 ? width : load4(value - 4);
        insert_slot(dict, hash_bytes(value, bytes), i);
    }
    give(home, old.memory, old.size);
    return true;
}

static bool has_room(struct cup_parquet_dict_home *home, struct cup_parquet_dict *dict,
                     uint32_t bytes, uint32_t width)
{
    while (dict->count == classes[dict->size].values_max ||
           dict->bytes + bytes > data_bytes(&classes[dict->size]))
        if (!grow(home, dict, width)) return false;
    return true;
}

/* One value of constant width: the compiler makes a copy of the loop for 4 and for 8. */
static inline bool index_fixed(struct cup_parquet_dict_home *home, struct cup_parquet_dict *dict,
                               const uint8_t *dense, uint32_t count, uint32_t width,
                               uint16_t *out_index)
{
    uint32_t before = 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *value = dense + (size_t)i * width;
        if (i > 0 && equal_bytes(value, value - width, width)) {
            out_index[i] = (uint16_t)before;
            continue;
        }
        uint64_t hash = hash_bytes(value, width);
        uint32_t mask = classes[dict->size].values_max * SLOTS - 1;
        uint32_t slot = slot_of(dict, hash), found;
        while ((found = dict->slots[slot]) != 0 &&
               !equal_bytes(dict->data + (size_t)(found - 1) * width, value, width))
            slot = (slot + 1) & mask;
        if (found == 0) {
            if (!has_room(home, dict, width, width)) return false;
            memcpy(dict->data + dict->bytes, value, width);
            dict->bytes += width;
            insert_slot(dict, hash, dict->count);
            found = ++dict->count;
        }
        before       = found - 1;
        out_index[i] = (uint16_t)before;
    }
    return true;
}

bool cup_parquet_priv_dict_fixed(struct cup_parquet_dict_home *home, struct cup_parquet_dict *dict,
                                 const uint8_t *dense, uint32_t count, uint32_t width,
                                 uint16_t *out_index)
{
    CUP_ASSERT(width >= 4);
    CUP_ASSERT(dict->memory != NULL);
    if (width == 4) return index_fixed(home, dict, dense, count, 4, out_index);
    if (width == 8) return index_fixed(home, dict, dense, count, 8, out_index);
    return index_fixed(home, dict, dense, count, width, out_index);
}

static bool add_text(struct cup_parquet_dict_home *home, struct cup_parquet_dict *dict,
                     const uint8_t *text, uint32_t bytes, uint64_t hash)
{
    if (bytes > CUP_PARQUET_DICT_BYTES_MAX || !has_room(home, dict, bytes + 4, 0)) return false;
    dict->starts[dict->count] = dict->bytes;
    memcpy(dict->data + dict->bytes, &bytes, 4);
    memcpy(dict->data + dict->bytes + 4, text, bytes);
    dict->bytes += bytes + 4;
    insert_slot(dict, hash, dict->count);
    dict->count++;
    return true;
}

bool cup_parquet_priv_dict_texts(struct cup_parquet_dict_home *home, struct cup_parquet_dict *dict,
                                 const struct cup_parquet_texts *texts, uint32_t count,
                                 struct cup_parquet_bounds *bounds, uint16_t *out_index)
{
    const uint8_t *last       = NULL;
    uint32_t       last_bytes = 0, before = 0;

    CUP_ASSERT(dict->memory != NULL);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t       row   = texts->rows != NULL ? texts->rows[i] : texts->first + i;
        const uint8_t *text  = texts->text + texts->offsets[row];
        uint32_t       bytes = texts->offsets[row + 1] - texts->offsets[row];
        if (last != NULL && bytes == last_bytes && equal_bytes(text, last, bytes)) {
            out_index[i] = (uint16_t)before;
            continue;
        }
        uint64_t hash = hash_bytes(text, bytes);
        uint32_t mask = classes[dict->size].values_max * SLOTS - 1;
        uint32_t slot = slot_of(dict, hash), found;
        while ((found = dict->slots[slot]) != 0) {
            const uint8_t *value = dict->data + dict->starts[found - 1];
            if (load4(value) == bytes && equal_bytes(value + 4, text, bytes)) break;
            slot = (slot + 1) & mask;
        }
        if (found == 0) {
            if (!add_text(home, dict, text, bytes, hash)) return false;
            found = dict->count;
            if (bounds != NULL) cup_parquet_priv_bounds_text_slow(bounds, text, bytes);
        }
        last         = text;
        last_bytes   = bytes;
        before       = found - 1;
        out_index[i] = (uint16_t)before;
    }
    return true;
}
