// SPDX-License-Identifier: Apache-2.0
/* How much work a page is worth. Three ways, all of them a valid stream of the file's codec, so
 * that every page of a chunk may go its own way:
 *
 *   FULL     repetitions and entropy   texts, keys
 *   ENTROPY  entropy only (zstd)       digits, hexadecimal: nothing longer than a byte repeats
 *   RAW      stored as it is           bit-packed indices, random numbers, constants
 */
#include "lake/parquet_priv.h"

#define TRIED_EVERY 16u /* pages; a trial costs about two pages of work */
#define TRIED_GROWN 4u  /* a page so many times larger than the tried one is another matter */
#define TINY_BYTES  64u /* not even a stream's own head is won back */

/* Is `packed` small enough? Below that, unpacking it costs readers more than reading it. */
static bool shrinks(size_t packed, size_t bytes)
{
    return packed < bytes - bytes / 8;
}

static bool is_due(const struct cup_parquet_habit *habit, size_t bytes)
{
    return habit->pages_left == 0 || bytes / TRIED_GROWN > habit->tried_bytes;
}

static size_t pack(const struct cup_parquet *file, struct cup_parquet_job *job,
                   enum cup_parquet_effort effort, size_t bytes)
{
    return cup_parquet_priv_codec_pack(file->codec, job->codec_context, effort, job->body.memory,
                                       bytes, job->packed.memory,
                                       (size_t)job->packed.blocks * CUP_BLOCK_BYTES);
}

/* Packs the page in all ways and keeps the one that pays; the packed form of FULL is in the job. */
static size_t try_all(const struct cup_parquet *file, struct cup_parquet_job *job,
                      struct cup_parquet_habit *habit, size_t bytes)
{
    size_t entropy =
        file->codec == CUP_CODEC_ZSTD ? pack(file, job, CUP_PARQUET_ENTROPY, bytes) : SIZE_MAX;
    size_t full = pack(file, job, CUP_PARQUET_FULL, bytes);

    habit->effort      = !shrinks(full, bytes)         ? CUP_PARQUET_RAW
                         : entropy <= full + full / 10 ? CUP_PARQUET_ENTROPY
                                                       : CUP_PARQUET_FULL;
    habit->pages_left  = TRIED_EVERY;
    habit->tried_bytes = (uint32_t)bytes;
    return full;
}

void cup_parquet_priv_pack(const struct cup_parquet *file, struct cup_parquet_habit *habit,
                           struct cup_parquet_job *job, size_t bytes,
                           struct cup_parquet_packed *out)
{
    enum cup_parquet_effort effort;
    size_t                  packed = 0;

    CUP_ASSERT(bytes <= (size_t)job->body.blocks * CUP_BLOCK_BYTES);
    if (file->codec == CUP_CODEC_NONE || bytes < TINY_BYTES) {
        effort = CUP_PARQUET_RAW;
    } else if (bytes > CUP_PARQUET_PAGE_BYTES) { /* one long value says nothing about the others */
        effort = CUP_PARQUET_FULL;
        packed = pack(file, job, effort, bytes);
    } else if (is_due(habit, bytes)) {
        packed = try_all(file, job, habit, bytes);
        effort = (enum cup_parquet_effort)habit->effort;
    } else {
        habit->pages_left--;
        effort = (enum cup_parquet_effort)habit->effort;
        if (effort != CUP_PARQUET_RAW) packed = pack(file, job, effort, bytes);
    }
    *out = (struct cup_parquet_packed){.bytes = job->packed.memory, .count = (uint32_t)packed};
    if (effort != CUP_PARQUET_RAW) return;
    out->head_bytes = (uint32_t)cup_parquet_priv_codec_stored(file->codec, bytes, out->head);
    out->bytes      = job->body.memory;
    out->count      = (uint32_t)bytes;
}
