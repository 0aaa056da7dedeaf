// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_priv.h"

#include <string.h>

#include "kernels/isal/isal.h"

#define MAGIC "PAR1"

/* --- opening --- */

static bool is_list(const struct cup_field *field)
{
    return field->type == CUP_TYPE_LIST || field->type == CUP_TYPE_MAP;
}

/* What a walk knows of a leaf: levels and path are sums over the open levels. */
static void describe_leaf(const struct cup_parquet_walk *walk, const struct cup_field *field,
                          struct cup_parquet_leaf *leaf)
{
    *leaf = (struct cup_parquet_leaf){.field = field, .top = walk->level[0].index};
    for (uint32_t depth = 0; depth < walk->depth; depth++) {
        const struct cup_parquet_walk_level *level = &walk->level[depth];
        const struct cup_field              *node  = &level->fields[level->index];
        const char *name     = cup_parquet_priv_name(node, level->parent_type, level->index);
        bool        optional = cup_parquet_priv_is_optional(node, level->parent_type, level->index);

        leaf->path_bytes += (uint32_t)strlen(name) + 5; /* and its length */
        leaf->max_def = (uint8_t)(leaf->max_def + optional);
        if (is_list(node)) {
            leaf->max_def++;
            leaf->max_rep++;
            leaf->path_bytes += (uint32_t)sizeof "key_value" + 5;
        }
        if (depth > 0) leaf->steps[depth - 1] = (uint8_t)level->index;
    }
    leaf->step_count = (uint8_t)(walk->depth - 1);
    cup_parquet_priv_physical(field, &leaf->physical, &leaf->width);
    if (leaf->step_count == 0) leaf->bound_kind = (uint8_t)cup_parquet_priv_bound_kind(field);
}

/* Calls describe_leaf for every leaf, if there are leaves to fill; returns their number, 0 when the
 * fields cannot be written. */
static uint32_t walk_leaves(const struct cup_field *fields, uint32_t field_count,
                            struct cup_parquet_leaf *leaves)
{
    struct cup_parquet_walk walk;
    const struct cup_field *field;
    uint32_t                count = 0;

    cup_parquet_priv_walk_start(&walk, fields, field_count);
    while ((field = cup_parquet_priv_walk_next(&walk)) != NULL) {
        if (!cup_parquet_priv_is_leaf(field)) {
            /* struct cup_column counts its children in a byte */
            if (field->child_count == 0 || field->child_count > UINT8_MAX) return 0;
            if (!cup_parquet_priv_walk_enter(&walk, field)) return 0;
            continue;
        }
        if (count == CUP_PARQUET_COLUMNS_MAX) return 0;
        if (leaves != NULL) describe_leaf(&walk, field, &leaves[count]);
        count++;
    }
    return count;
}

enum cup_err cup_parquet_open(struct cup_pool *pool, const struct cup_field *fields,
                              uint32_t field_count, enum cup_codec codec, struct cup_sink sink,
                              struct cup_parquet **out_file, struct cup_fault *out_fault)
{
    CUP_ASSERT(pool != NULL);
    CUP_ASSERT(sink.put != NULL);
    uint32_t leaf_count = walk_leaves(fields, field_count, NULL);
    if (leaf_count == 0)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "schema of a Parquet file", NULL);

    size_t bytes  = sizeof(struct cup_parquet) + leaf_count * sizeof(struct cup_parquet_leaf);
    size_t blocks = (bytes + CUP_BLOCK_BYTES - 1) / CUP_BLOCK_BYTES;
    struct cup_parquet *file = (struct cup_parquet *)(void *)cup_pool_take(pool, (uint32_t)blocks);
    if (file == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "open of a Parquet file", NULL);
    *file = (struct cup_parquet){
        .pool        = pool,
        .fields      = fields,
        .field_count = field_count,
        .leaf_count  = leaf_count,
        .block_count = (uint32_t)blocks,
        .codec       = codec,
        .sink        = sink,
        .store       = {.pool = pool},
        .groups      = {.pool = pool},
        .home        = {.pool = pool},
    };
    (void)walk_leaves(fields, field_count, file->leaves); /* as many as counted above */
    file->group_entry_bytes = CUP_PARQUET_GROUP_BYTES;
    for (uint32_t i = 0; i < leaf_count; i++)
        file->group_entry_bytes += CUP_PARQUET_CHUNK_BYTES + file->leaves[i].path_bytes;
    *out_file = file;
    return CUP_OK;
}

/* --- appending --- */

static uint64_t chain_blocks(const struct cup_chain *chain, uint64_t bytes)
{
    uint64_t room = chain->last == NULL ? 0 : CUP_CHAIN_DATA_BYTES - chain->last->used;

    if (bytes <= room) return 0;
    return (bytes - room + CUP_CHAIN_DATA_BYTES - 1) / CUP_CHAIN_DATA_BYTES;
}

/* Keeps the blocks that the group's footer entry will need, so that closing it cannot fail for
 * want of memory. */
static void keep_blocks(struct cup_parquet *file, uint64_t blocks)
{
    for (; blocks > 0; blocks--) {
        struct cup_parquet_reserve *kept =
            (struct cup_parquet_reserve *)(void *)cup_pool_take(file->pool, 1);
        CUP_ASSERT(kept != NULL); /* counted by the caller */
        kept->next    = file->reserve;
        file->reserve = kept;
        file->reserve_blocks++;
    }
}

static void give_kept(struct cup_parquet *file)
{
    for (struct cup_parquet_reserve *kept = file->reserve, *next; kept != NULL; kept = next) {
        next = kept->next;
        cup_pool_give(file->pool, (uint8_t *)kept, 1);
    }
    file->reserve        = NULL;
    file->reserve_blocks = 0;
}

enum cup_err cup_parquet_append(struct cup_parquet *file, const struct cup_column *columns,
                                uint32_t row_count, struct cup_fault *out_fault)
{
    struct cup_parquet_need need;
    struct cup_parquet_job  job;

    if (file->broken != CUP_OK)
        return cup_fault_set(out_fault, file->broken, "append to a broken Parquet file", NULL);
    if (row_count == 0) return CUP_OK;
    if (!cup_parquet_priv_plan(file, columns, row_count, &need))
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a row too large for a Parquet page",
                             NULL);
    if (!cup_parquet_priv_job_take(file, &need, &job))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "scratch of a Parquet append", NULL);

    /* All that can run out is counted here: from now on nothing fails. */
    bool     first         = file->group_row_count == 0;
    uint64_t footer_blocks = first ? chain_blocks(&file->groups, file->group_entry_bytes) : 0;
    uint64_t store_blocks  = chain_blocks(&file->store, need.store_bytes);
    if (footer_blocks + store_blocks > file->pool->free_count) {
        cup_parquet_priv_job_give(file, &job);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "pages of a Parquet append", NULL);
    }
    keep_blocks(file, footer_blocks);
    file->home.spare = (uint32_t)store_blocks;
    cup_parquet_priv_encode(file, &job, columns, row_count);
    cup_parquet_priv_job_give(file, &job);
    file->group_row_count += row_count;
    return CUP_OK;
}

uint64_t cup_parquet_group_rows(const struct cup_parquet *file)
{
    return file->group_row_count;
}

uint64_t cup_parquet_group_bytes(const struct cup_parquet *file)
{
    uint64_t blocks = file->home.blocks + file->reserve_blocks;

    blocks += (file->store.bytes + CUP_CHAIN_DATA_BYTES - 1) / CUP_CHAIN_DATA_BYTES;
    return blocks * CUP_BLOCK_BYTES;
}

/* --- closing a group --- */

static enum cup_err put(struct cup_parquet *file, const void *bytes, size_t count,
                        struct cup_fault *out_fault)
{
    if (count == 0) return CUP_OK;
    enum cup_err err = file->sink.put(file->sink.arg, bytes, count, out_fault);
    if (err != CUP_OK) {
        file->broken = err;
        return err;
    }
    file->at += count;
    return CUP_OK;
}

static enum cup_err put_magic(struct cup_parquet *file, struct cup_fault *out_fault)
{
    return file->at == 0 ? put(file, MAGIC, 4, out_fault) : CUP_OK;
}

/* Bytes of a page lie in one block or run over into the next. */
static enum cup_err put_page(struct cup_parquet *file, const struct cup_parquet_page *page,
                             struct cup_fault *out_fault)
{
    const uint8_t                *at    = (const uint8_t *)(page + 1);
    size_t                        index = (size_t)(at - 1 - file->pool->memory) / CUP_BLOCK_BYTES;
    const struct cup_chain_block *block =
        (const struct cup_chain_block *)(const void *)(file->pool->memory +
                                                       index * CUP_BLOCK_BYTES);
    for (size_t left = page->bytes, part; left > 0; left -= part) {
        size_t room      = (size_t)(block->data + CUP_CHAIN_DATA_BYTES - at);
        part             = left < room ? left : room;
        enum cup_err err = put(file, at, part, out_fault);
        if (err != CUP_OK) return err;
        if (left > part) {
            block = block->next;
            at    = block->data;
        }
    }
    return CUP_OK;
}

/* The dictionary is packed where memory can be had, else it is stored as it is: a group can always
 * be closed, because closing is how memory is won back. */
static enum cup_err put_dictionary(struct cup_parquet *file, struct cup_parquet_leaf *leaf,
                                   struct cup_fault *out_fault)
{
    struct cup_parquet_dict      *dict = &leaf->dict;
    uint8_t                       head[CUP_PARQUET_STORED_BYTES];
    size_t                        head_bytes = 0, stored_bytes = dict->bytes;
    const uint8_t                *stored = dict->data;
    const struct cup_parquet_need need   = {.body_bytes = dict->bytes};
    struct cup_parquet_job        job    = {0};

    if (file->codec != CUP_CODEC_NONE) {
        if (dict->bytes > 0 && cup_parquet_priv_job_take(file, &need, &job)) {
            stored       = job.packed.memory;
            stored_bytes = cup_parquet_priv_codec_pack(
                file->codec, job.codec_context, CUP_PARQUET_FULL, dict->data, dict->bytes,
                job.packed.memory, (size_t)job.packed.blocks * CUP_BLOCK_BYTES);
        } else {
            head_bytes = cup_parquet_priv_codec_stored(file->codec, dict->bytes, head);
        }
    }
    struct cup_thrift_out              out;
    const struct cup_parquet_page_head page = {
        .type         = CUP_PARQUET_DICTIONARY_PAGE,
        .body_bytes   = (int32_t)dict->bytes,
        .stored_bytes = (int32_t)(head_bytes + stored_bytes),
        .crc          = cup_crc32(cup_crc32(0, head, head_bytes), stored, stored_bytes),
        .entry_count  = (int32_t)dict->count,
        .encoding     = CUP_PARQUET_PLAIN,
    };
    cup_parquet_priv_put_page_head(&out, &page);
    leaf->page_bytes += out.used + head_bytes + stored_bytes;
    leaf->body_bytes += out.used + dict->bytes;
    enum cup_err err = put(file, out.buffer, out.used, out_fault);
    if (err == CUP_OK) err = put(file, head, head_bytes, out_fault);
    if (err == CUP_OK) err = put(file, stored, stored_bytes, out_fault);
    cup_parquet_priv_job_give(file, &job);
    return err;
}

static enum cup_err put_chunk(struct cup_parquet *file, struct cup_parquet_leaf *leaf,
                              struct cup_fault *out_fault)
{
    leaf->chunk_at = file->at;
    if (leaf->dict_pages > 0) {
        enum cup_err err = put_dictionary(file, leaf, out_fault);
        if (err != CUP_OK) return err;
    }
    leaf->data_at = file->at;
    for (const struct cup_parquet_page *page = leaf->first; page != NULL; page = page->next) {
        enum cup_err err = put_page(file, page, out_fault);
        if (err != CUP_OK) return err;
    }
    CUP_ASSERT(file->at - leaf->chunk_at == leaf->page_bytes);
    return CUP_OK;
}

static void clear_group(struct cup_parquet *file)
{
    for (uint32_t i = 0; i < file->leaf_count; i++)
        cup_parquet_priv_dict_free(&file->home, &file->leaves[i].dict);
    cup_parquet_priv_dict_home_clear(&file->home);
    cup_chain_clear(&file->store);
    give_kept(file);
}

static void reset_leaf(struct cup_parquet_leaf *leaf)
{
    cup_parquet_priv_bounds_merge(&leaf->file_bounds, &leaf->group_bounds,
                                  (enum cup_parquet_bound_kind)leaf->bound_kind);
    leaf->file_null_count += leaf->null_count;
    leaf->file_top_null_count += leaf->group_top_null_count;
    leaf->first = leaf->last = NULL;
    leaf->entry_count = leaf->null_count = leaf->group_top_null_count = 0;
    leaf->page_bytes = leaf->body_bytes = 0;
    leaf->dict_pages = leaf->delta_pages = 0;
    leaf->dict                           = (struct cup_parquet_dict){0};
    leaf->group_bounds                   = (struct cup_parquet_bounds){0};
}

static bool flush_groups(void *arg, const uint8_t *bytes, size_t count)
{
    return cup_chain_append(arg, bytes, count);
}

enum cup_err cup_parquet_close_group(struct cup_parquet *file, struct cup_fault *out_fault)
{
    if (file->broken != CUP_OK)
        return cup_fault_set(out_fault, file->broken, "close of a broken Parquet file", NULL);
    if (file->group_row_count == 0) return CUP_OK;
    enum cup_err err = put_magic(file, out_fault);
    for (uint32_t i = 0; i < file->leaf_count && err == CUP_OK; i++)
        err = put_chunk(file, &file->leaves[i], out_fault);
    clear_group(file);
    if (err != CUP_OK) return err;

    struct cup_thrift_out out;
    cup_thrift_start(&out, flush_groups, &file->groups);
    cup_parquet_priv_put_group(file, &out);
    CUP_ASSERT(!out.failed); /* its blocks were kept since the first append */
    file->group_count++;
    file->row_count += file->group_row_count;
    file->group_row_count = 0;
    for (uint32_t i = 0; i < file->leaf_count; i++)
        reset_leaf(&file->leaves[i]);
    return CUP_OK;
}

/* --- the end --- */

struct footer {
    struct cup_parquet *file;
    struct cup_fault   *fault;
};

static bool flush_footer(void *arg, const uint8_t *bytes, size_t count)
{
    struct footer *footer = arg;

    return put(footer->file, bytes, count, footer->fault) == CUP_OK;
}

static enum cup_err put_end(struct cup_parquet *file, struct cup_fault *out_fault)
{
    struct footer         footer = {file, out_fault};
    struct cup_thrift_out out;
    enum cup_err          err = put_magic(file, out_fault);

    if (err != CUP_OK) return err;
    uint64_t start = file->at;
    cup_thrift_start(&out, flush_footer, &footer);
    cup_parquet_priv_put_footer(file, &out);
    if (out.failed) return file->broken;
    uint32_t bytes = (uint32_t)(file->at - start);
    err            = put(file, &bytes, sizeof bytes, out_fault);
    return err == CUP_OK ? put(file, MAGIC, 4, out_fault) : err;
}

enum cup_err cup_parquet_finish(struct cup_parquet *file, struct cup_text *stats,
                                struct cup_parquet_done *out_done, struct cup_fault *out_fault)
{
    CUP_ASSERT(file != NULL);
    enum cup_err err = cup_parquet_close_group(file, out_fault);

    if (err == CUP_OK) err = put_end(file, out_fault);
    if (err == CUP_OK) {
        cup_parquet_priv_put_stats(file, stats);
        if (stats->failed)
            err = cup_fault_set(out_fault, CUP_NO_MEMORY, "statistics of a Parquet file", NULL);
    }
    if (err == CUP_OK)
        *out_done = (struct cup_parquet_done){.row_count = file->row_count, .bytes = file->at};
    cup_parquet_drop(file);
    return err;
}

void cup_parquet_drop(struct cup_parquet *file)
{
    if (file == NULL) return;
    clear_group(file);
    cup_chain_clear(&file->groups);
    cup_pool_give(file->pool, (uint8_t *)file, file->block_count);
}
