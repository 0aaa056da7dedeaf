// SPDX-License-Identifier: Apache-2.0
/* value: a record of the index with its key, headers and value in the clear.
 *
 *   index record --(member of bronze | cell of the index)--[day's key]--> texts
 *
 * Holds     one member, the day's key, the texts of the last record.
 * Owner     replay, verify.
 * Threads   one.
 * Fails     NOT_FOUND: the record is erased (and counted); what members and keys fail with.
 * Tests     tests/lake/test_verify_replay.c, tests/oracle/test_sealed.py
 */
#ifndef CUP_LAKE_TOOL_TOOL_VALUE_H
#define CUP_LAKE_TOOL_TOOL_VALUE_H

#include "lake/tool/tool_keys.h"
#include "lake/tool/tool_member.h"
#include "lake/tool/tool_records.h"

struct cup_value {
    struct cup_index_text key, headers, value;
};

struct cup_values {
    const struct cup_records *records;
    struct cup_member         member;
    struct cup_keys           keys;
    struct cup_text           key, headers, value; /* what was sealed in cells */
};

/* cup_values_open: bronze is the pipeline's folder; it, domain and pipeline are lent. The struct
 * must stay where it is. cup_values_close accepts a zeroed one. */
CUP_MUST_CHECK enum cup_err cup_values_open(struct cup_values *values, const char *bronze,
                                            const char *keys, const char *domain,
                                            const char *pipeline, struct cup_fault *out_fault);
void                        cup_values_close(struct cup_values *values);

/* cup_values_read lends texts until the next call. */
CUP_MUST_CHECK enum cup_err cup_values_read(struct cup_values             *values,
                                            const struct cup_index_record *record,
                                            struct cup_value              *out_value,
                                            struct cup_fault              *out_fault);

/* cup_value_put_base64 appends bytes as a JSON string of base64; NULL as null. */
void cup_value_put_base64(struct cup_text *text, const void *bytes, size_t count);

#endif
