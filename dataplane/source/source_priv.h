// SPDX-License-Identifier: Apache-2.0
/* source_priv: the state of a source, shared by source.c (which input, which bytes) and records.c
 * (bytes to records).
 *
 * Holds     see the members; everything from the pool is borrowed at first use and kept to close,
 *           except long_region and the buffer's long run.
 * Threads   one.
 */
#ifndef CUP_DATAPLANE_SOURCE_SOURCE_PRIV_H
#define CUP_DATAPLANE_SOURCE_SOURCE_PRIV_H

#include "dataplane/source/buffer_priv.h"
#include "dataplane/source/follow_priv.h"
#include "dataplane/source/lines.h"
#include "dataplane/source/partitions_priv.h"
#include "dataplane/source/reader_priv.h"
#include "dataplane/source/source.h"
#include "dataplane/source/topics_priv.h"
#include "kernels/json/json.h"

#define CUP_SOURCE_RECORD_BLOCKS                                                                   \
    ((CUP_BATCH_RECORDS_MAX * sizeof(struct cup_record) + CUP_BLOCK_BYTES - 1) / CUP_BLOCK_BYTES)
#define CUP_SOURCE_REGION_BLOCKS 5u
_Static_assert(CUP_BATCH_BYTES + CUP_BATCH_PADDING <= CUP_SOURCE_REGION_BLOCKS * CUP_BLOCK_BYTES,
               "a batch and its padding fit a region");

/* A line of a dump holds escapes: twice the value, and room for key and headers. One of a retry
 * holds at most such a line as base64, and where it came from. */
#define CUP_DUMP_LINE_EXTRA  (64u << 10)
#define CUP_RETRY_LINE_EXTRA (256u << 10)

struct cup_source_piece {
    enum cup_piece kind; /* NEED_MORE: none */
    uint8_t       *at;
    size_t         bytes;
};

struct cup_source {
    const struct cup_plan *plan;
    const uint32_t        *inputs;
    const uint64_t        *starts;
    uint32_t               input_count, at_input;
    struct cup_pool       *pool;
    bool                   following;
    struct cup_follow      follow;     /* of a plan without until_end */
    struct cup_partitions *partitions; /* of a plan with topics; then nothing below is used but
                                          the topics */
    struct cup_inflate *inflate;       /* NULL when no input is gzip */
    struct cup_json    *json;          /* NULL when no input is a dump or a retry */

    /* the open input */
    bool              input_open, input_done; /* done: its last batch was handed out */
    bool              skipping;               /* gzip: inflating to the start */
    bool              tear_reported;          /* an earlier run ended behind the tear */
    bool              is_dump, is_retry; /* a line is an object around the record: dump or retry */
    bool              ends;              /* its last line counts, LF or not */
    uint32_t          file_topic, file_input;
    int32_t           file_partition;
    uint64_t          file_start;
    const char       *file_name;
    struct cup_reader reader;
    struct cup_buffer buffer;
    struct cup_lines  lines;
    struct cup_topics topics;
    size_t            slice_end; /* what json has indexed ends here in the buffer; 0: nothing */

    /* the batch being made */
    struct cup_batch        batch;
    struct cup_record      *records;
    uint64_t                blank_base;    /* lines.blank_count when it began */
    struct cup_source_piece pending;       /* cut, but not in the batch before */
    uint8_t                *region, *side; /* dump: values; keys and headers */
    uint8_t                *long_region;   /* dump: one line that needs more than a region */
    uint32_t                long_blocks;
    uint32_t                region_used, side_used;
    uint8_t                *held; /* an LF stands here for the batch; held_byte belongs here */
    uint8_t                 held_byte;
};

static inline uint64_t cup_source_priv_position(const struct cup_source *source, const uint8_t *at)
{
    return source->buffer.position + (uint64_t)(at - source->buffer.run);
}

/* cup_source_priv_begin starts an empty batch; what the one before lent is dead. */
void cup_source_priv_begin(struct cup_source *source);

/* cup_source_priv_collect cuts what the buffer holds into records of the batch until it is full or
 * the buffer is used up. ended: the bytes in the buffer are the input's last ones.
 *
 * Returns   CUP_OK; CUP_NO_MEMORY with an empty batch and nothing lost. */
CUP_MUST_CHECK enum cup_err cup_source_priv_collect(struct cup_source *source, bool ended,
                                                    struct cup_fault *out_fault);

/* cup_source_priv_tear marks the record that the input's damage cut: the batch's last one, or one
 * of no bytes. */
void cup_source_priv_tear(struct cup_source *source);

/* cup_source_priv_finish closes the batch's bounds. */
void cup_source_priv_finish(struct cup_source *source);

#endif
