// SPDX-License-Identifier: Apache-2.0
/* retry: reads one line of a retry file: a record that was refused once, to be judged again.
 *
 *   {"topic":..,"partition":..,"offset":..,"timestamp":ms,"headers":[..],
 *    "key":base64 | null,"value":base64 | null,
 *    "origin":{"epoch":3,"input":"in/a.ndjson","position":812,"form":"ndjson" | "dump",
 *              "line":true?,"torn":true?,"discard":true?,"bytes":..?,
 *              "file":"date=../..","member_at":..,"at":..,"by":"root (uid 0)"}}
 *
 * The line of a record dump (dump_priv.h) with its key and value as base64: they may be no text.
 * `cupel-lake quarantine export` writes such lines; nobody else does.
 *
 * Threads   one.
 * Bounds    what is written for a line is at most cup_retry_priv_bound of its length.
 * Tests     tests/dataplane/source/test_retry.c
 */
#ifndef CUP_DATAPLANE_SOURCE_RETRY_PRIV_H
#define CUP_DATAPLANE_SOURCE_RETRY_PRIV_H

#include "dataplane/source/dump_priv.h"

struct cup_retry_line {
    struct cup_dump_line record;
    uint32_t             input, file, by; /* nodes; 0: not there */
    uint64_t             first_epoch, position, member_at, at;
    uint64_t             bytes; /* discard: of the value, which is not there */
    bool                 is_dump, is_line, torn, discard;
};

/* cup_retry_priv_read finds the members; false when the line is none of a retry file. */
CUP_MUST_CHECK bool cup_retry_priv_read(const uint8_t *buf, const struct cup_json_doc *doc,
                                        struct cup_retry_line *out_line);

/* cup_retry_priv_bytes decodes the base64 of a STRING node to dst; false when it is none. */
CUP_MUST_CHECK bool cup_retry_priv_bytes(const uint8_t *buf, const struct cup_json_node *node,
                                         uint8_t *dst, uint32_t *out_bytes);

/* cup_retry_priv_origin writes the origin of an accepted line to dst; returns its bytes. */
uint32_t cup_retry_priv_origin(const uint8_t *buf, const struct cup_json_doc *doc,
                               const struct cup_retry_line *line, uint8_t *dst);

/* Key and value come back shorter than their base64, headers (pairs) no longer than they are. A
 * dump line is kept beside the record that is read from it. */
static inline uint64_t cup_retry_priv_bound(uint64_t line_bytes, bool is_line)
{
    return line_bytes + CUP_ORIGIN_BYTES + 32 + (is_line ? line_bytes / 4 * 3 : 0);
}

#endif
