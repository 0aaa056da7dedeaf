// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_read_priv.h"

#include <string.h>

static enum cup_err corrupt(struct cup_fault *out_fault, const char *what)
{
    return cup_fault_set(out_fault, CUP_CORRUPT, what, NULL);
}

struct chunk_meta { /* ColumnMetaData */
    int64_t type, codec, entries, stored_bytes, data_at, dict_at;
};

static struct chunk_meta read_chunk_meta(struct cup_thrift_in *in, struct cup_thrift_field field)
{
    struct chunk_meta meta = {.type = -1, .codec = -1, .entries = -1, .stored_bytes = -1};

    cup_thrift_enter(in, field);
    while (cup_thrift_next(in, &field)) {
        switch (field.id) {
        case 1: meta.type = cup_thrift_get_int(in, field); break;
        case 4: meta.codec = cup_thrift_get_int(in, field); break;
        case 5: meta.entries = cup_thrift_get_int(in, field); break;
        case 7: meta.stored_bytes = cup_thrift_get_int(in, field); break;
        case 9: meta.data_at = cup_thrift_get_int(in, field); break;
        case 11: meta.dict_at = cup_thrift_get_int(in, field); break;
        default: cup_thrift_skip(in, field);
        }
    }
    return meta;
}

static const struct cup_parquet_node *leaf_node(const struct cup_parquet_reader *reader,
                                                uint32_t *node, uint32_t leaf)
{
    while (!reader->nodes[*node].is_leaf || reader->nodes[*node].leaf != leaf)
        (*node)++;
    return &reader->nodes[*node];
}

static enum cup_err check_chunk(const struct cup_parquet_reader *reader,
                                const struct cup_parquet_node *node, const struct chunk_meta *meta,
                                struct cup_parquet_chunk *chunk, struct cup_fault *out_fault)
{
    int64_t end = (int64_t)reader->source.bytes;
    /* Some writers say 0 for "no dictionary". */
    int64_t at = meta->dict_at > 0 && meta->dict_at < meta->data_at ? meta->dict_at : meta->data_at;

    if (meta->type != node->physical) return corrupt(out_fault, "type of a Parquet chunk");
    if (meta->entries < 0 || at < 4 || at > end || meta->stored_bytes < 0 ||
        meta->stored_bytes > end - at)
        return corrupt(out_fault, "place of a Parquet chunk");
    if (meta->entries > CUP_PARQUET_READ_ENTRIES_MAX)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "Parquet row group of too many values",
                             NULL);
    *chunk = (struct cup_parquet_chunk){
        .at      = (uint64_t)at,
        .bytes   = (uint64_t)meta->stored_bytes,
        .entries = (uint64_t)meta->entries,
        .codec   = (int32_t)(meta->codec >= 0 && meta->codec <= INT8_MAX ? meta->codec : -1),
    };
    return CUP_OK;
}

static enum cup_err read_chunks(struct cup_parquet_reader *reader, struct cup_thrift_in *in,
                                struct cup_thrift_field list, struct cup_parquet_group *group,
                                struct cup_fault *out_fault)
{
    struct cup_thrift_field element, field;
    uint32_t                count = cup_thrift_get_list(in, list, &element), node = 0;

    if (count != reader->leaf_count || group->chunks != NULL)
        return corrupt(out_fault, "number of chunks in a Parquet row group");
    group->chunks = cup_parquet_priv_arena_take(&reader->memory, count * sizeof *group->chunks);
    if (group->chunks == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "Parquet footer", NULL);
    for (uint32_t i = 0; i < count; i++) {
        struct chunk_meta meta = {.type = -1};
        cup_thrift_enter(in, element);
        while (cup_thrift_next(in, &field)) {
            if (field.id == 1)
                return cup_fault_set(out_fault, CUP_UNSUPPORTED, "Parquet chunk in another file",
                                     NULL);
            if (field.id == 3)
                meta = read_chunk_meta(in, field);
            else
                cup_thrift_skip(in, field);
        }
        if (in->bad) return corrupt(out_fault, "Parquet chunk");
        enum cup_err err =
            check_chunk(reader, leaf_node(reader, &node, i), &meta, &group->chunks[i], out_fault);
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}

static enum cup_err read_groups(struct cup_parquet_reader *reader, struct cup_thrift_in *in,
                                struct cup_thrift_field list, struct cup_fault *out_fault)
{
    struct cup_thrift_field element, field;
    uint32_t                count = cup_thrift_get_list(in, list, &element);

    if (reader->nodes == NULL || reader->groups != NULL)
        return corrupt(out_fault, "order of the Parquet footer");
    reader->groups =
        cup_parquet_priv_arena_take(&reader->memory, (count + 1ul) * sizeof *reader->groups);
    if (reader->groups == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "Parquet footer", NULL);
    reader->group_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct cup_parquet_group *group = &reader->groups[i];
        int64_t                   rows  = -1;
        cup_thrift_enter(in, element);
        while (cup_thrift_next(in, &field)) {
            enum cup_err err = CUP_OK;
            if (field.id == 1)
                err = read_chunks(reader, in, field, group, out_fault);
            else if (field.id == 3)
                rows = cup_thrift_get_int(in, field);
            else
                cup_thrift_skip(in, field);
            if (err != CUP_OK) return err;
        }
        if (in->bad || rows < 0 || group->chunks == NULL)
            return corrupt(out_fault, "Parquet row group");
        if (rows > CUP_PARQUET_READ_ENTRIES_MAX)
            return cup_fault_set(out_fault, CUP_UNSUPPORTED, "Parquet row group of too many rows",
                                 NULL);
        group->rows = (uint64_t)rows;
    }
    return CUP_OK;
}

enum cup_err cup_parquet_priv_read_footer(struct cup_parquet_reader *reader, const uint8_t *bytes,
                                          size_t count, struct cup_fault *out_fault)
{
    struct cup_thrift_in    in = cup_thrift_read(bytes, count);
    struct cup_thrift_field field;
    enum cup_err            err  = CUP_OK;
    int64_t                 rows = -1;
    uint64_t                sum  = 0;

    while (err == CUP_OK && cup_thrift_next(&in, &field)) {
        if (field.id == 2)
            err = cup_parquet_priv_read_schema(reader, &in, field, out_fault);
        else if (field.id == 3)
            rows = cup_thrift_get_int(&in, field);
        else if (field.id == 4)
            err = read_groups(reader, &in, field, out_fault);
        else
            cup_thrift_skip(&in, field);
    }
    if (err != CUP_OK) return err;
    if (in.bad || reader->groups == NULL || rows < 0) return corrupt(out_fault, "Parquet footer");
    for (uint32_t i = 0; i < reader->group_count; i++)
        sum += reader->groups[i].rows;
    /* Others answer COUNT(*) from the first number: a file that contradicts itself is damaged. */
    if (sum != (uint64_t)rows) return corrupt(out_fault, "number of rows in a Parquet footer");
    reader->rows = sum;
    return CUP_OK;
}
