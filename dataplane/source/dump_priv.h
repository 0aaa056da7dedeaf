// SPDX-License-Identifier: Apache-2.0
/* dump: reads one line of a record dump.
 *
 *   {"topic":"pg.bank.account","partition":0,"offset":7,"key":"{..}" | null,"value":"{..}" | null,
 *    "headers":{"name":"text" | null, ..} | [["name","text" | null], ..] | null,"timestamp":ms}
 *
 * {"base64":".."} stands for a key, value or header that is no UTF-8.
 * topic, partition, offset and value must be there; members of other names are ignored; a member
 * of the wrong type makes the line no dump record.
 *
 * Threads   one.
 * Bounds    what is written for a line is at most cup_dump_priv_bound of its length.
 * Tests     tests/dataplane/source/test_dump.c
 */
#ifndef CUP_DATAPLANE_SOURCE_DUMP_PRIV_H
#define CUP_DATAPLANE_SOURCE_DUMP_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/source/batch.h"
#include "kernels/json/json.h"

struct cup_dump_line {
    uint32_t topic, key, value, headers; /* nodes; 0: not there */
    int32_t  partition;
    bool     is_base64;            /* key, value and values of headers are bytes in base64 */
    int64_t  offset, timestamp_ms; /* timestamp: INT64_MIN when unknown */
};

/* cup_dump_priv_read finds the members; false when the line is no dump record. */
CUP_MUST_CHECK bool cup_dump_priv_read(const uint8_t *buf, const struct cup_json_doc *doc,
                                       struct cup_dump_line *out_line);

/* cup_dump_priv_text writes the text of a STRING node to dst, unescaped; returns its length. */
uint32_t cup_dump_priv_text(const uint8_t *buf, const struct cup_json_node *node, uint8_t *dst);

/* cup_dump_priv_bytes writes what a key, value or header of an accepted line stands for; returns
 * its length, UINT32_MAX for null. */
uint32_t cup_dump_priv_bytes(const uint8_t *buf, const struct cup_json_node *node, uint8_t *dst);

/* cup_dump_priv_headers writes the headers of an accepted line; returns their bytes. */
uint32_t cup_dump_priv_headers(const uint8_t *buf, const struct cup_json_doc *doc,
                               const struct cup_dump_line *line, uint8_t *dst);

/* A header is written with 8 bytes of lengths. The shortest in JSON are "":"", with 6 bytes besides
 * its name and value, at least one of which an object of many headers needs: 9 for 7. */
static inline uint64_t cup_dump_priv_bound(uint64_t line_bytes)
{
    return line_bytes + line_bytes / 3 + 16;
}

#endif
