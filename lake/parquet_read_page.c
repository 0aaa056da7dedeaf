// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_read_priv.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/isal/isal.h"

struct page { /* PageHeader with the header of its kind */
    int64_t type, body_bytes, stored_bytes, crc, entries, encoding;
    int64_t def_encoding, rep_encoding; /* V1 */
    int64_t def_bytes, rep_bytes;       /* V2 */
    bool    has_crc, has_kind, is_uncompressed;
};

/* One chunk while it is being read. */
struct chunk_reader {
    const struct cup_parquet_node  *node;
    const struct cup_parquet_chunk *chunk;
    struct cup_parquet_leaf_data   *data;
    struct cup_parquet_dense        dict;
    uint8_t                        *body;    /* of the page, unpacked */
    uint32_t                       *numbers; /* levels or indices of the page */
    bool                            has_dict;
};

static uint32_t vector_bytes(const struct cup_parquet_node *node)
{
    enum cup_vec vec = cup_type_vec((enum cup_type)node->field->type);

    return vec == CUP_VEC_BITS ? 1 : cup_vec_bytes(vec);
}

static void read_kind(struct cup_thrift_in *in, struct cup_thrift_field field, struct page *page)
{
    bool v2        = field.id == 8;
    page->has_kind = true;
    cup_thrift_enter(in, field);
    while (cup_thrift_next(in, &field)) {
        if (field.id == 1)
            page->entries = cup_thrift_get_int(in, field);
        else if (field.id == (v2 ? 4 : 2))
            page->encoding = cup_thrift_get_int(in, field);
        else if (!v2 && field.id == 3 && page->type == CUP_PARQUET_DATA_PAGE)
            page->def_encoding = cup_thrift_get_int(in, field);
        else if (!v2 && field.id == 4)
            page->rep_encoding = cup_thrift_get_int(in, field);
        else if (v2 && field.id == 5)
            page->def_bytes = cup_thrift_get_int(in, field);
        else if (v2 && field.id == 6)
            page->rep_bytes = cup_thrift_get_int(in, field);
        else if (v2 && field.id == 7)
            page->is_uncompressed = !cup_thrift_get_bool(in, field);
        else
            cup_thrift_skip(in, field);
    }
}

/* The header at *at; false when it makes no sense. */
static bool read_head(const uint8_t **at, const uint8_t *end, struct page *out_page)
{
    struct cup_thrift_in    in   = cup_thrift_read(*at, (size_t)(end - *at));
    struct page             page = {.type         = -1,
                                    .body_bytes   = -1,
                                    .stored_bytes = -1,
                                    .entries      = -1,
                                    .encoding     = -1,
                                    .def_encoding = CUP_PARQUET_RLE,
                                    .rep_encoding = CUP_PARQUET_RLE};
    struct cup_thrift_field field;

    while (cup_thrift_next(&in, &field)) {
        bool kind = (field.id == 5 && page.type == CUP_PARQUET_DATA_PAGE) ||
                    (field.id == 7 && page.type == CUP_PARQUET_DICTIONARY_PAGE) ||
                    (field.id == 8 && page.type == CUP_PARQUET_DATA_PAGE_V2);
        if (field.id == 1)
            page.type = cup_thrift_get_int(&in, field);
        else if (field.id == 2)
            page.body_bytes = cup_thrift_get_int(&in, field);
        else if (field.id == 3)
            page.stored_bytes = cup_thrift_get_int(&in, field);
        else if (field.id == 4)
            page.crc = cup_thrift_get_int(&in, field), page.has_crc = true;
        else if (kind)
            read_kind(&in, field, &page);
        else
            cup_thrift_skip(&in, field);
    }
    if (in.bad || page.type < 0 || page.body_bytes < 0 || page.stored_bytes < 0) return false;
    if (page.stored_bytes > end - in.at || page.body_bytes > CUP_PARQUET_READ_PAGE_MAX)
        return false;
    *at       = in.at;
    *out_page = page;
    return true;
}

/* Unpacks stored[0..) behind the `plain_bytes` bytes that are never packed (levels of V2). */
static enum cup_err unpack(struct chunk_reader *reader, const struct page *page,
                           const uint8_t *stored, size_t plain_bytes)
{
    size_t  stored_bytes = (size_t)page->stored_bytes, body_bytes = (size_t)page->body_bytes;
    int32_t codec = page->is_uncompressed ? CUP_CODEC_NONE : reader->chunk->codec;

    if (page->has_crc && (uint32_t)page->crc != cup_crc32(0, stored, stored_bytes))
        return CUP_CORRUPT;
    if (!cup_parquet_priv_codec_known(codec)) return CUP_UNSUPPORTED;
    if (plain_bytes > stored_bytes || plain_bytes > body_bytes) return CUP_CORRUPT;
    free(reader->body);
    reader->body = malloc(body_bytes + 16);
    if (reader->body == NULL) return CUP_NO_MEMORY;
    if (plain_bytes > 0) memcpy(reader->body, stored, plain_bytes);
    /* Some writers leave nothing as nothing instead of packing it. */
    if (stored_bytes == plain_bytes && body_bytes == plain_bytes) return CUP_OK;
    return cup_parquet_priv_codec_unpack(codec, stored + plain_bytes, stored_bytes - plain_bytes,
                                         reader->body + plain_bytes, body_bytes - plain_bytes)
               ? CUP_OK
               : CUP_CORRUPT;
}

static enum cup_err read_dict(struct chunk_reader *reader, const struct page *page,
                              const uint8_t *stored)
{
    enum cup_err err = unpack(reader, page, stored, 0);

    if (err != CUP_OK) return err;
    if (reader->has_dict || !page->has_kind || page->entries < 0 || page->entries > INT32_MAX)
        return CUP_CORRUPT;
    if (page->encoding != CUP_PARQUET_PLAIN && page->encoding != CUP_PARQUET_PLAIN_DICTIONARY)
        return CUP_UNSUPPORTED;
    const uint8_t *at = reader->body, *end = at + page->body_bytes;
    reader->has_dict = true;
    err =
        cup_parquet_priv_read_plain(reader->node, &at, end, (uint32_t)page->entries, &reader->dict);
    return err == CUP_OK && at != end ? CUP_CORRUPT : err;
}

/* Level stream of a page to out_levels, which has room for count. V1 has its length in front. */
static enum cup_err read_levels(struct chunk_reader *reader, const uint8_t **at, const uint8_t *end,
                                bool has_length, uint64_t bytes, uint32_t level_max, uint32_t count,
                                uint8_t *out_levels)
{
    if (has_length) {
        uint32_t length;
        if (end - *at < 4) return CUP_CORRUPT;
        memcpy(&length, *at, 4);
        *at += 4;
        bytes = length;
    }
    if (bytes > (uint64_t)(end - *at)) return CUP_CORRUPT;
    const uint8_t *from = *at;
    *at += bytes;
    if (!cup_parquet_priv_rle_get(&from, *at, cup_parquet_priv_width(level_max), level_max,
                                  reader->numbers, count))
        return CUP_CORRUPT;
    for (uint32_t i = 0; i < count; i++)
        out_levels[i] = (uint8_t)reader->numbers[i];
    return CUP_OK;
}

static enum cup_err read_rle_booleans(struct chunk_reader *reader, const uint8_t *at,
                                      const uint8_t *end, uint32_t count)
{
    struct cup_parquet_dense *dense = &reader->data->values;

    if (end - at < 4) return CUP_CORRUPT; /* the length: the rest of the page */
    at += 4;
    if (!cup_parquet_priv_rle_get(&at, end, 1, 1, reader->numbers, count)) return CUP_CORRUPT;
    if (!cup_parquet_priv_dense_grow(dense, count, count)) return CUP_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        dense->data[dense->bytes++] = (uint8_t)reader->numbers[i];
    dense->count += count;
    return CUP_OK;
}

static enum cup_err read_other(struct chunk_reader *reader, int64_t encoding, const uint8_t *at,
                               const uint8_t *end, uint32_t count)
{
    struct cup_text plain = {0};

    enum cup_err err = cup_parquet_priv_to_plain(reader->node, encoding, at, end, count, &plain);
    if (err == CUP_OK && count > 0) {
        const uint8_t *from = (const uint8_t *)plain.at;
        err = cup_parquet_priv_read_plain(reader->node, &from, from + plain.bytes, count,
                                          &reader->data->values);
    }
    cup_text_free(&plain);
    return err;
}

static enum cup_err read_values(struct chunk_reader *reader, const struct page *page,
                                const uint8_t *at, const uint8_t *end, uint32_t count)
{
    switch (page->encoding) {
    case CUP_PARQUET_PLAIN:
        return cup_parquet_priv_read_plain(reader->node, &at, end, count, &reader->data->values);
    case CUP_PARQUET_RLE:
        if (reader->node->physical != CUP_PARQUET_BOOLEAN) return CUP_UNSUPPORTED;
        return read_rle_booleans(reader, at, end, count);
    case CUP_PARQUET_PLAIN_DICTIONARY:
    case CUP_PARQUET_RLE_DICTIONARY: {
        if (count == 0) return CUP_OK;
        if (!reader->has_dict || reader->dict.count == 0 || at == end) return CUP_CORRUPT;
        uint32_t width = *at++;
        if (!cup_parquet_priv_rle_get(&at, end, width, reader->dict.count - 1, reader->numbers,
                                      count))
            return CUP_CORRUPT;
        return cup_parquet_priv_read_indices(&reader->dict, reader->numbers, count,
                                             &reader->data->values);
    }
    default: return read_other(reader, page->encoding, at, end, count);
    }
}

static bool grow_entries(struct chunk_reader *reader, uint32_t count)
{
    struct cup_parquet_leaf_data *data = reader->data;
    size_t                        need = (size_t)data->entries + count;

    free(reader->numbers);
    reader->numbers = malloc((count + 1ul) * sizeof *reader->numbers);
    if (reader->numbers == NULL) return false;
    if (need <= data->entry_cap) return true;
    if (need < data->entry_cap * 2) need = data->entry_cap * 2;
    uint8_t *def = realloc(data->def, need);
    if (def != NULL) data->def = def;
    uint8_t *rep = realloc(data->rep, need);
    if (rep != NULL) data->rep = rep;
    if (def == NULL || rep == NULL) return false;
    data->entry_cap = need;
    return true;
}

static enum cup_err read_data(struct chunk_reader *reader, const struct page *page,
                              const uint8_t *stored)
{
    const struct cup_parquet_node *node = reader->node;
    struct cup_parquet_leaf_data  *data = reader->data;
    bool                           v2   = page->type == CUP_PARQUET_DATA_PAGE_V2;

    if (!page->has_kind || page->entries < 0 || page->def_bytes < 0 || page->rep_bytes < 0 ||
        page->def_bytes > page->body_bytes || page->rep_bytes > page->body_bytes ||
        (uint64_t)page->entries > reader->chunk->entries - data->entries)
        return CUP_CORRUPT;
    /* the encoding of levels that are not there says nothing */
    if ((node->def > 0 && page->def_encoding != CUP_PARQUET_RLE) ||
        (node->rep > 0 && page->rep_encoding != CUP_PARQUET_RLE))
        return CUP_UNSUPPORTED;
    enum cup_err err =
        unpack(reader, page, stored, v2 ? (size_t)(page->def_bytes + page->rep_bytes) : 0);
    if (err != CUP_OK) return err;

    uint32_t       count = (uint32_t)page->entries, values = 0;
    const uint8_t *at = reader->body, *end = at + page->body_bytes;
    if (!grow_entries(reader, count)) return CUP_NO_MEMORY;
    uint8_t *rep = data->rep + data->entries, *def = data->def + data->entries;
    memset(rep, 0, count);
    memset(def, node->def, count);
    if (node->rep > 0 || (v2 && page->rep_bytes > 0))
        err = read_levels(reader, &at, end, !v2, (uint64_t)page->rep_bytes, node->rep, count, rep);
    if (err == CUP_OK && (node->def > 0 || (v2 && page->def_bytes > 0)))
        err = read_levels(reader, &at, end, !v2, (uint64_t)page->def_bytes, node->def, count, def);
    if (err != CUP_OK) return err;
    for (uint32_t i = 0; i < count; i++)
        values += def[i] == node->def;
    data->entries += count;
    return read_values(reader, page, at, end, values);
}

static enum cup_err read_pages(struct chunk_reader *reader, const uint8_t *at, const uint8_t *end)
{
    while (at < end && reader->data->entries < reader->chunk->entries) {
        struct page  page;
        enum cup_err err = CUP_OK;
        if (!read_head(&at, end, &page)) return CUP_CORRUPT;
        if (page.type == CUP_PARQUET_DICTIONARY_PAGE)
            err = read_dict(reader, &page, at);
        else if (page.type == CUP_PARQUET_DATA_PAGE || page.type == CUP_PARQUET_DATA_PAGE_V2)
            err = read_data(reader, &page, at);
        if (err != CUP_OK) return err;
        at += page.stored_bytes;
    }
    return reader->data->entries == reader->chunk->entries ? CUP_OK : CUP_CORRUPT;
}

enum cup_err cup_parquet_priv_read_chunk(struct cup_parquet_reader      *file,
                                         const struct cup_parquet_node  *node,
                                         const struct cup_parquet_chunk *chunk,
                                         struct cup_parquet_leaf_data   *data,
                                         struct cup_fault               *out_fault)
{
    struct chunk_reader reader = {.node = node, .chunk = chunk, .data = data};
    uint8_t            *bytes  = malloc(chunk->bytes + 1);
    enum cup_err        err    = CUP_NO_MEMORY;

    data->values.width = reader.dict.width = vector_bytes(node);
    if (bytes != NULL)
        err = file->source.read(file->source.arg, chunk->at, bytes, chunk->bytes, out_fault);
    bool source_failed = err != CUP_OK && bytes != NULL;
    if (err == CUP_OK) err = read_pages(&reader, bytes, bytes + chunk->bytes);
    cup_parquet_priv_dense_free(&reader.dict);
    free(reader.body);
    free(reader.numbers);
    free(bytes);
    if (err == CUP_OK || source_failed) return err;
    return cup_fault_set(out_fault, err, "read of a Parquet column", node->field->name);
}
