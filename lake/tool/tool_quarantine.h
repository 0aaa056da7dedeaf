// SPDX-License-Identifier: Apache-2.0
/* quarantine: the records of a pipeline's quarantine, each as its latest row has it.
 *
 *   quarantine table --all rows--> by (first_epoch, input, position), the row of its latest retry
 *       --state, filter--> selected, oldest first --bytes: inline, or from bronze--> show,
 * export
 *
 * Holds     malloc'ed rows without keys, headers and values: these are read when they are asked
 * for. Owner     the tool. Threads   one. Fails     NOT_FOUND: the pipeline has no quarantine
 * (nothing was ever refused); IO, CORRUPT, NO_MEMORY. Bounds    memory: 160 bytes a row, and one
 * row group with its values. Tests     tests/oracle/test_quarantine.py
 */
#ifndef CUP_LAKE_TOOL_TOOL_QUARANTINE_H
#define CUP_LAKE_TOOL_TOOL_QUARANTINE_H

#include "base/text.h"
#include "lake/tool/tool_lake.h"
#include "lake/tool/tool_member.h"
#include "lake/tool/tool_texts.h"

/* What is asked for; NULL, or since_us 0: all, unless it says otherwise. */
struct cup_quarantine_filter {
    const char *state; /* of its latest row; NULL: open */
    const char *reason, *table, *input;
    const char *place; /* TOPIC/PARTITION/OFFSET */
    int64_t     since_us;
};

struct cup_quarantine_row {
    int64_t  epoch, first_epoch, position, offset, ingested_us, timestamp_us, member_at, at;
    int64_t  bytes, byte; /* -1: null, of all that is not known */
    uint32_t input, topic, reason, path, rule, table, file, by; /* in names, or NONE */
    uint32_t state, form, kind, sealed, withheld;
    int32_t  partition;
    uint32_t in_file, in_group, in_row; /* where the row lies in the table */
    bool     has_timestamp;
};

struct cup_quarantine {
    const char                *lake;
    char                       bronze[CUP_PATH_BYTES];
    struct cup_table          *table;
    struct cup_texts           names;
    struct cup_quarantine_row *rows; /* the selected ones, by first epoch, input, position */
    uint64_t                   count, cap;
    struct cup_member          member;
    bool                       member_open;
};

/* cup_quarantine_open reads and selects.
 * Gives     *out; cup_quarantine_close. */
CUP_MUST_CHECK enum cup_err cup_quarantine_open(const char *lake, const struct cup_pipeline *of,
                                                const struct cup_quarantine_filter *filter,
                                                struct cup_quarantine              *out,
                                                struct cup_fault                   *out_fault);
void                        cup_quarantine_close(struct cup_quarantine *quarantine);

/* The text of a row's name, "" for none. */
const char *cup_quarantine_name(const struct cup_quarantine *quarantine, uint32_t name);
/* Whether a name is this text. */
bool cup_quarantine_is(const struct cup_quarantine *quarantine, uint32_t name, const char *text);

/* One record with its bytes. value NULL: it has none, or they were not kept (`kept`). */
struct cup_quarantine_record {
    const struct cup_quarantine_row *row;
    const char                      *key, *headers, *value; /* NULL: null */
    size_t                           key_bytes, headers_bytes, value_bytes;
    bool                             kept; /* the value is whole */
};
typedef enum cup_err cup_quarantine_fn(void *arg, const struct cup_quarantine_record *record,
                                       struct cup_fault *out_fault);

/* cup_quarantine_each gives the selected records [0, limit) in order to each(). bytes false:
 * without key, headers and value. */
CUP_MUST_CHECK enum cup_err cup_quarantine_each(struct cup_quarantine *quarantine, uint64_t limit,
                                                bool bytes, cup_quarantine_fn *each, void *arg,
                                                struct cup_fault *out_fault);

#endif
