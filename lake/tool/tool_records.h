// SPDX-License-Identifier: Apache-2.0
/* records: the rows of a bronze index, a few epochs at a time, in the order of each input.
 *
 *   index files --(epoch of each row group)--> windows of whole epochs --sort--> records
 *
 * Holds     one window: all records of its epochs (keys and headers too, values only if inline).
 * Owner     replay.
 * Threads   one.
 * Fails     as reading the index does.
 * Bounds    memory: the index rows of one epoch; of more where another engine merged files.
 * Tests     tests/lake/test_verify_replay.c
 */
#ifndef CUP_LAKE_TOOL_TOOL_RECORDS_H
#define CUP_LAKE_TOOL_TOOL_RECORDS_H

#include "lake/delta_priv.h"
#include "lake/tool/tool_lake.h"
#include "lake/tool/tool_texts.h"

enum cup_index_kind {
    CUP_KIND_VALUE,
    CUP_KIND_NULL,
    CUP_KIND_EMPTY,
    CUP_KIND_LINE,
    CUP_KIND_COUNT
};

struct cup_index_text {
    const uint8_t *at; /* NULL: null */
    uint32_t       bytes;
};

struct cup_index_record {
    uint32_t              input, topic, file; /* in names; CUP_NAME_NONE: null */
    uint32_t              sealed;             /* the day of its key; CUP_NAME_NONE: not sealed */
    int32_t               partition;
    bool                  dump, has_timestamp, has_partition, has_offset;
    bool                  accepted; /* its rows belong in silver */
    enum cup_index_kind   kind;
    int64_t               epoch, position, offset, timestamp_us;
    uint64_t              member_at, at, bytes; /* file != NONE */
    struct cup_index_text key, headers, value;
};

/* Start of a gzip member that a record lies in. */
struct cup_member_start {
    uint32_t file;
    uint64_t at;
};

/* Which records are wanted; zeros: all. A record without a time is of no time. */
struct cup_records_filter {
    const char *input, *topic;      /* NULL: all */
    int64_t     since_us, until_us; /* from, up to but not including; 0: no bound */
    bool        has_offsets;
    int64_t     first, last; /* has_offsets: of the offsets, both included */
};

struct cup_records {
    const struct cup_table     *index;
    struct cup_texts            names;
    struct cup_records_filter   filter; /* its texts are lent */
    struct cup_records_unit    *units;  /* row groups, by epoch */
    uint64_t                    unit_count, unit_cap, next_unit;
    struct cup_index_record    *list; /* of the window, sorted by input and position */
    uint64_t                    count, cap;
    struct cup_member_start    *starts; /* of the window, sorted, each once */
    uint64_t                    start_count, start_cap;
    struct cup_delta_priv_arena texts;
};

/* cup_records_open reads the epochs of all row groups. filter: NULL = all records. */
CUP_MUST_CHECK enum cup_err cup_records_open(const struct cup_table          *index,
                                             const struct cup_records_filter *filter,
                                             struct cup_records              *out_records,
                                             struct cup_fault                *out_fault);
void                        cup_records_close(struct cup_records *records);

/* cup_records_next loads the next window; CUP_END behind the last. Epochs of one window are later
 * than those of all windows before. */
CUP_MUST_CHECK enum cup_err cup_records_next(struct cup_records *records,
                                             struct cup_fault   *out_fault);

/* cup_records_member_end is where the member that starts at `at` ends: the next member's start, or
 * UINT64_MAX for the last one of its file. */
uint64_t cup_records_member_end(const struct cup_records *records, uint32_t file, uint64_t at);

#endif
