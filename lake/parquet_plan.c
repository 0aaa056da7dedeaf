// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_priv.h"

static bool fits(struct cup_parquet_extent extent)
{
    return extent.bytes <= CUP_PARQUET_PAGE_BYTES && extent.entries <= CUP_PARQUET_PAGE_ENTRIES;
}

uint32_t cup_parquet_priv_page_end(const struct cup_parquet      *file,
                                   const struct cup_parquet_leaf *leaf,
                                   const struct cup_column *columns, uint32_t lo,
                                   uint32_t row_count, struct cup_parquet_extent *out_extent)
{
    uint32_t good = lo + 1, bad = row_count + 1;

    *out_extent = cup_parquet_priv_extent(file, leaf, columns, lo, row_count);
    if (fits(*out_extent)) return row_count;
    while (good + 1 < bad) {
        uint32_t middle = good + (bad - good) / 2;
        if (middle <= row_count && fits(cup_parquet_priv_extent(file, leaf, columns, lo, middle)))
            good = middle;
        else
            bad = middle;
    }
    *out_extent = cup_parquet_priv_extent(file, leaf, columns, lo, good);
    return good;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

bool cup_parquet_priv_plan(const struct cup_parquet *file, const struct cup_column *columns,
                           uint32_t row_count, struct cup_parquet_need *out_need)
{
    struct cup_parquet_need need = {0};

    for (uint32_t i = 0; i < file->leaf_count; i++) {
        const struct cup_parquet_leaf *leaf = &file->leaves[i];
        struct cup_parquet_extent      extent;
        for (uint32_t lo = 0; lo < row_count;) {
            lo = cup_parquet_priv_page_end(file, leaf, columns, lo, row_count, &extent);
            if (extent.bytes > CUP_PARQUET_BODY_MAX) return false;
            need.body_bytes = most(need.body_bytes, extent.bytes);
            need.entries    = most(need.entries, extent.entries);
            if (leaf->step_count > 0)
                need.nested_entries = most(need.nested_entries, extent.entries);
            if (leaf->width > 0)
                need.dense_bytes = most(need.dense_bytes, extent.entries * leaf->width);
            /* page record, header, body; the record may skip the end of a block */
            need.store_bytes += 2 * sizeof(struct cup_parquet_page) + CUP_PARQUET_PAGE_HEAD_BYTES +
                                cup_parquet_priv_codec_bound(file->codec, extent.bytes) + 8;
        }
    }
    *out_need = need;
    return true;
}

static bool take(const struct cup_parquet *file, uint64_t bytes, struct cup_parquet_run *out_run)
{
    uint64_t blocks = (bytes + CUP_BLOCK_BYTES - 1) / CUP_BLOCK_BYTES;

    if (blocks == 0) return true;
    if (blocks > CUP_POOL_RUN_MAX) return false;
    out_run->memory = cup_pool_take(file->pool, (uint32_t)blocks);
    out_run->blocks = (uint32_t)blocks;
    return out_run->memory != NULL;
}

bool cup_parquet_priv_job_take(const struct cup_parquet *file, const struct cup_parquet_need *need,
                               struct cup_parquet_job *out_job)
{
    struct cup_parquet_job job         = {0};
    size_t                 codec_bytes = cup_parquet_priv_codec_bytes(file->codec);
    size_t                 packed = cup_parquet_priv_codec_bound(file->codec, need->body_bytes);
    uint64_t index  = need->entries * sizeof(uint16_t); /* levels and indices lie in packed */
    uint64_t nested = need->nested_entries * sizeof(struct cup_parquet_entry);

    bool taken = take(file, codec_bytes, &job.codec) && take(file, need->body_bytes, &job.body) &&
                 take(file, most(packed, index), &job.packed) &&
                 take(file, need->dense_bytes, &job.dense) &&
                 take(file, need->entries * sizeof(uint32_t), &job.rows) &&
                 take(file, nested, &job.entries_a) && take(file, nested, &job.entries_b);
    if (!taken) {
        cup_parquet_priv_job_give(file, &job);
        return false;
    }
    job.codec_context = cup_parquet_priv_codec_init(file->codec, job.codec.memory, codec_bytes);
    *out_job          = job;
    return true;
}

void cup_parquet_priv_job_give(const struct cup_parquet *file, struct cup_parquet_job *job)
{
    struct cup_parquet_run runs[] = {job->body,      job->packed,    job->dense, job->rows,
                                     job->entries_a, job->entries_b, job->codec};

    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        cup_pool_give(file->pool, runs[i].memory, runs[i].blocks);
    *job = (struct cup_parquet_job){0};
}
