// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_priv.h"

#include <string.h>

#include "kernels/isal/isal.h"

/* With fewer rows in its first append, a table is likely to stay small in this group: dictionaries
 * would cost more memory than they save bytes. */
#define DICT_ROWS_MIN 128u
#define DELTA_EVERY   16u /* pages: what did not pay may pay later */
#define JUDGED_MIN    64u /* fewer values say nothing about how often they repeat */

/* --- one page --- */

/* A level stream with its length in front. */
static uint8_t *end_levels(uint8_t *start, const uint8_t *end)
{
    uint32_t bytes = (uint32_t)(end - start) - 4;

    memcpy(start, &bytes, sizeof bytes);
    return start + 4 + bytes;
}

/* Validity bits are definition levels of width 1: one bit-packed run, unless all are equal. */
static uint8_t *put_bits(uint8_t *to, const uint8_t *bits, uint32_t lo, uint32_t count)
{
    uint32_t groups = (count + 7) / 8, shift = lo % 8;
    uint32_t head = groups << 1 | 1;

    for (; head >= 0x80; head >>= 7)
        *to++ = (uint8_t)(head | 0x80);
    *to++ = (uint8_t)head;
    bits += lo / 8;
    for (uint32_t i = 0; i < groups; i++) {
        uint32_t in_group = count - i * 8 < 8 ? count - i * 8 : 8;
        uint32_t two      = bits[i]; /* the next byte is read only where a value lies in it */
        if (shift + in_group > 8) two |= (uint32_t)bits[i + 1] << 8;
        *to++ = (uint8_t)(two >> shift & (0xFFu >> (8 - in_group)));
    }
    return to;
}

/* Lists the rows of [lo, hi) that have a value; there is room for all of them. */
static void list_rows(const uint8_t *bits, uint32_t lo, uint32_t hi, uint32_t *rows)
{
    uint32_t count = 0;

    for (; lo < hi && lo % 8 != 0; lo++) {
        rows[count] = lo;
        count += cup_bit_get(bits, lo);
    }
    for (uint64_t word; lo + 64 <= hi; lo += 64) {
        memcpy(&word, bits + lo / 8, sizeof word);
        for (; word != 0; word &= word - 1)
            rows[count++] = lo + (uint32_t)__builtin_ctzll(word);
    }
    for (; lo < hi; lo++) {
        rows[count] = lo;
        count += cup_bit_get(bits, lo);
    }
}

static uint32_t count_bits(const uint8_t *bits, uint32_t lo, uint32_t hi)
{
    uint32_t count = 0;

    for (; lo < hi && lo % 8 != 0; lo++)
        count += cup_bit_get(bits, lo);
    for (uint64_t word; lo + 64 <= hi; lo += 64) {
        memcpy(&word, bits + lo / 8, sizeof word);
        count += (uint32_t)__builtin_popcountll(word);
    }
    for (; lo < hi; lo++)
        count += cup_bit_get(bits, lo);
    return count;
}

/* Levels of a flat column, and which rows have values. */
static uint8_t *put_flat_levels(const struct cup_parquet_leaf *leaf, struct cup_parquet_job *job,
                                uint32_t lo, uint32_t hi, struct cup_parquet_values *values)
{
    const uint8_t *validity = values->column->validity;
    uint8_t       *body     = job->body.memory;

    values->first = lo;
    values->rows  = NULL;
    values->count = validity == NULL ? hi - lo : count_bits(validity, lo, hi);
    CUP_ASSERT(leaf->max_def == 1 || values->count == hi - lo); /* REQUIRED is never null */
    if (values->count != hi - lo && values->count > 0) {
        list_rows(validity, lo, hi, (uint32_t *)(void *)job->rows.memory);
        values->rows = (const uint32_t *)(const void *)job->rows.memory;
    }
    if (leaf->max_def == 0) return body;
    if (values->count == 0 || values->count == hi - lo)
        return end_levels(body, cup_parquet_priv_rle_run(body + 4, values->count != 0, hi - lo, 1));
    return end_levels(body, put_bits(body + 4, validity, lo, hi - lo));
}

/* Levels of a nested leaf; returns the number of entries. */
static uint32_t put_nested_levels(const struct cup_parquet      *file,
                                  const struct cup_parquet_leaf *leaf, struct cup_parquet_job *job,
                                  const struct cup_column *columns, uint32_t lo, uint32_t hi,
                                  struct cup_parquet_values *values, uint8_t **out_at)
{
    const struct cup_parquet_entry *entries;
    struct cup_parquet_entry       *a = (struct cup_parquet_entry *)(void *)job->entries_a.memory;
    struct cup_parquet_entry       *b = (struct cup_parquet_entry *)(void *)job->entries_b.memory;

    uint32_t  count  = cup_parquet_priv_shred(file, leaf, columns, lo, hi, a, b, &entries);
    uint16_t *levels = (uint16_t *)(void *)job->packed.memory;
    uint32_t *rows   = (uint32_t *)(void *)job->rows.memory;
    uint8_t  *at     = job->body.memory;

    if (leaf->max_rep > 0) {
        for (uint32_t i = 0; i < count; i++)
            levels[i] = entries[i].rep;
        at = end_levels(at, cup_parquet_priv_rle_put(at + 4, levels, count,
                                                     cup_parquet_priv_width(leaf->max_rep)));
    }
    if (leaf->max_def > 0) {
        for (uint32_t i = 0; i < count; i++)
            levels[i] = entries[i].def;
        at = end_levels(at, cup_parquet_priv_rle_put(at + 4, levels, count,
                                                     cup_parquet_priv_width(leaf->max_def)));
    }
    values->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        rows[values->count] = entries[i].row;
        values->count += entries[i].live;
    }
    values->rows = rows;
    *out_at      = at;
    return count;
}

/* --- dictionary, differences or PLAIN --- */

/* May this page be tried with the dictionary? */
static bool dict_ready(struct cup_parquet *file, struct cup_parquet_leaf *leaf, uint32_t row_count)
{
    struct cup_parquet_dict *dict = &leaf->dict;

    if (dict->state == CUP_PARQUET_DICT_ALIVE) return true;
    if (dict->state != CUP_PARQUET_DICT_UNTRIED) return false;
    bool wanted = row_count >= DICT_ROWS_MIN && leaf->physical != CUP_PARQUET_BOOLEAN &&
                  (leaf->field->flags & CUP_FIELD_NO_DICT) == 0;
    if (wanted && cup_parquet_priv_dict_begin(&file->home, dict)) return true;
    dict->state = CUP_PARQUET_DICT_REFUSED;
    return false;
}

/* Half of the page's values were new: a dictionary does not pay here. Forgets what the page added.
 */
static void dict_stop(struct cup_parquet *file, struct cup_parquet_leaf *leaf, uint32_t count,
                      uint32_t bytes)
{
    struct cup_parquet_dict *dict = &leaf->dict;

    dict->count = count;
    dict->bytes = bytes;
    dict->state = leaf->dict_pages > 0 ? CUP_PARQUET_DICT_CLOSED : CUP_PARQUET_DICT_REFUSED;
    if (leaf->dict_pages == 0) cup_parquet_priv_dict_free(&file->home, dict);
}

/* Are all values equal? Columns that say where a record came from are so for whole appends; in the
 * others the first few values say no. */
static bool is_constant(const struct cup_parquet_leaf *leaf, const struct cup_parquet_texts *texts,
                        const uint8_t *dense, uint32_t count)
{
    if (count < 2) return false;
    if (dense != NULL)
        return memcmp(dense, dense + leaf->width, (size_t)(count - 1) * leaf->width) == 0;
    if (texts->offsets == NULL || texts->rows != NULL) return false;
    const uint32_t *offsets = texts->offsets + texts->first;
    const uint8_t  *text    = texts->text + offsets[0];
    uint32_t        bytes   = offsets[1] - offsets[0];
    if (offsets[count] - offsets[0] != (uint64_t)bytes * count) return false;
    if (memcmp(text, text + bytes, (size_t)bytes * (count - 1)) != 0) return false;
    for (uint32_t i = 1; i < count; i++)
        if (offsets[i + 1] - offsets[i] != bytes) return false;
    return true;
}

/* Tries the dictionary; true when the values are written to *at as indices. */
static bool put_indices(struct cup_parquet *file, struct cup_parquet_leaf *leaf,
                        struct cup_parquet_job *job, const struct cup_parquet_values *values,
                        const uint8_t *dense, struct cup_parquet_bounds *bounds, uint8_t **at)
{
    struct cup_parquet_dict *dict  = &leaf->dict;
    uint16_t                *index = (uint16_t *)(void *)job->packed.memory;
    uint32_t                 count = dict->count, bytes = dict->bytes;
    struct cup_parquet_texts texts    = cup_parquet_priv_texts(values);
    bool                     constant = is_constant(leaf, &texts, dense, values->count);
    uint32_t                 sought   = constant ? 1 : values->count;
    bool                     done;

    if (dense != NULL || values->count == 0)
        done = cup_parquet_priv_dict_fixed(&file->home, dict, dense, sought,
                                           leaf->width ? leaf->width : 8, index);
    else
        done = cup_parquet_priv_dict_texts(&file->home, dict, &texts, sought, bounds, index);
    bool fresh = values->count >= JUDGED_MIN && (dict->count - count) * 2 > values->count;
    if (!done || fresh) {
        dict_stop(file, leaf, count, bytes);
        return false;
    }
    uint32_t width = cup_parquet_priv_width(dict->count > 0 ? dict->count - 1 : 0);
    *(*at)++       = (uint8_t)width;
    *at            = constant ? cup_parquet_priv_rle_run(*at, index[0], values->count, width)
                              : cup_parquet_priv_rle_put(*at, index, values->count, width);
    dict->state    = CUP_PARQUET_DICT_ALIVE;
    leaf->dict_pages++;
    return true;
}

/* Tries differences where pages of the leaf may have few bits of them. */
static bool put_differences(struct cup_parquet_leaf *leaf, const uint8_t *dense, uint32_t count,
                            uint8_t **at)
{
    if (leaf->physical != CUP_PARQUET_INT32 && leaf->physical != CUP_PARQUET_INT64) return false;
    if (leaf->habit.delta_left > 0) {
        leaf->habit.delta_left--;
        return false;
    }
    uint8_t *end = cup_parquet_priv_delta_put(*at, dense, count, leaf->width);
    if (end == NULL) {
        leaf->habit.delta_left = DELTA_EVERY;
        return false;
    }
    *at = end;
    leaf->delta_pages++;
    return true;
}

/* Writes the values to *at; returns their encoding. */
static int32_t put_values(struct cup_parquet *file, struct cup_parquet_leaf *leaf,
                          struct cup_parquet_job *job, const struct cup_parquet_values *values,
                          uint32_t row_count, uint8_t **at)
{
    struct cup_parquet_bounds *bounds =
        leaf->bound_kind == CUP_PARQUET_BOUND_NONE ? NULL : &leaf->group_bounds;
    const uint8_t *dense =
        leaf->width > 0 ? cup_parquet_priv_dense(leaf, job, values, bounds) : NULL;

    if (dense != NULL && bounds != NULL) cup_parquet_priv_widen(leaf, dense, values->count, bounds);
    if (dict_ready(file, leaf, row_count) &&
        put_indices(file, leaf, job, values, dense, bounds, at))
        return CUP_PARQUET_RLE_DICTIONARY;
    if (dense != NULL && put_differences(leaf, dense, values->count, at))
        return CUP_PARQUET_DELTA_BINARY_PACKED;
    if (dense != NULL) {
        memcpy(*at, dense, (size_t)values->count * leaf->width);
        *at += (size_t)values->count * leaf->width;
    } else if (leaf->physical == CUP_PARQUET_BOOLEAN) {
        *at = cup_parquet_priv_put_booleans(*at, values);
    } else if (leaf->physical == CUP_PARQUET_BYTE_ARRAY) {
        struct cup_parquet_texts texts = cup_parquet_priv_texts(values);
        *at = cup_parquet_priv_put_texts(*at, &texts, values->count, bounds);
    }
    return CUP_PARQUET_PLAIN;
}

/* --- page store --- */

/* Room was reserved by cup_parquet_append. */
static void store_bytes(struct cup_parquet *file, const void *bytes, size_t count)
{
    bool stored = cup_chain_append(&file->store, bytes, count);

    CUP_ASSERT(stored);
}

/* A record's head is linked in place, so it must not lie across two blocks. */
static struct cup_parquet_page *store_page(struct cup_parquet *file, uint32_t bytes)
{
    static const uint8_t    zeros[sizeof(struct cup_parquet_page)];
    struct cup_parquet_page page = {.bytes = bytes};
    struct cup_chain_block *last = file->store.last;

    if (last != NULL) {
        uint32_t align = (8 - last->used % 8) % 8;
        store_bytes(file, zeros, align);
        uint32_t room = CUP_CHAIN_DATA_BYTES - last->used;
        if (room < sizeof page) store_bytes(file, zeros, room);
    }
    store_bytes(file, &page, sizeof page);
    last = file->store.last;
    return (struct cup_parquet_page *)(void *)(last->data + last->used - sizeof page);
}

static void finish_page(struct cup_parquet *file, struct cup_parquet_leaf *leaf,
                        struct cup_parquet_job *job, size_t body_bytes, uint32_t entries,
                        int32_t encoding)
{
    struct cup_parquet_packed packed;
    struct cup_thrift_out     out;

    cup_parquet_priv_pack(file, &leaf->habit, job, body_bytes, &packed);
    uint32_t                           stored_bytes = packed.head_bytes + packed.count;
    uint32_t                           head_crc     = cup_crc32(0, packed.head, packed.head_bytes);
    const struct cup_parquet_page_head head         = {
                .type         = CUP_PARQUET_DATA_PAGE,
                .body_bytes   = (int32_t)body_bytes,
                .stored_bytes = (int32_t)stored_bytes,
                .crc          = cup_crc32(head_crc, packed.bytes, packed.count),
                .entry_count  = (int32_t)entries,
                .encoding     = encoding,
    };
    cup_parquet_priv_put_page_head(&out, &head);
    struct cup_parquet_page *page = store_page(file, (uint32_t)out.used + stored_bytes);
    store_bytes(file, out.buffer, out.used);
    store_bytes(file, packed.head, packed.head_bytes);
    store_bytes(file, packed.bytes, packed.count);
    *(leaf->last == NULL ? &leaf->first : &leaf->last->next) = page;
    leaf->last                                               = page;
    leaf->page_bytes += out.used + stored_bytes;
    leaf->body_bytes += out.used + body_bytes;
}

static void encode_leaf(struct cup_parquet *file, struct cup_parquet_leaf *leaf,
                        struct cup_parquet_job *job, const struct cup_column *columns,
                        uint32_t row_count)
{
    struct cup_parquet_values values = {.column = cup_parquet_priv_leaf_column(leaf, columns)};

    for (uint32_t lo = 0, hi; lo < row_count; lo = hi) {
        struct cup_parquet_extent extent;
        hi = cup_parquet_priv_page_end(file, leaf, columns, lo, row_count, &extent);
        uint8_t *at;
        uint32_t entries = hi - lo;
        if (leaf->step_count == 0)
            at = put_flat_levels(leaf, job, lo, hi, &values);
        else
            entries = put_nested_levels(file, leaf, job, columns, lo, hi, &values, &at);
        int32_t encoding   = put_values(file, leaf, job, &values, row_count, &at);
        size_t  body_bytes = (size_t)(at - job->body.memory);
        CUP_ASSERT(body_bytes <= extent.bytes);
        finish_page(file, leaf, job, body_bytes, entries, encoding);
        leaf->entry_count += entries;
        leaf->null_count += entries - values.count;
    }
}

void cup_parquet_priv_encode(struct cup_parquet *file, struct cup_parquet_job *job,
                             const struct cup_column *columns, uint32_t row_count)
{
    for (uint32_t i = 0; i < file->leaf_count; i++) {
        struct cup_parquet_leaf *leaf = &file->leaves[i];
        encode_leaf(file, leaf, job, columns, row_count);
        bool first_of_top = i == 0 || file->leaves[i - 1].top != leaf->top;
        if (leaf->step_count == 0 || !first_of_top) continue;
        const uint8_t *validity = columns[leaf->top].validity;
        if (validity != NULL)
            leaf->group_top_null_count += row_count - count_bits(validity, 0, row_count);
    }
}
