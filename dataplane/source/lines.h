// SPDX-License-Identifier: Apache-2.0
/* lines: cuts a stream of bytes into records at LF, whatever the sizes of the reads.
 *
 *   bytes --> [lines] --> record | part, part, ..., oversize | need more
 *
 *   A record longer than record_bytes_max comes in pieces that are never waited for:
 *
 *       |<- CUP_PIECE_BYTES ->|<- CUP_PIECE_BYTES ->|<- the rest ->| LF
 *              PART                    PART             OVERSIZE
 *
 * Holds     limits, counters and the state between two pieces; never bytes. The caller keeps the
 *           unread tail.
 * Owner     the worker that reads the file.
 * Threads   one.
 * Fails     never: a bad record is data.
 * Bounds    a record is 1..record_bytes_max bytes, its LF not counted; blank lines are skipped. The
 *           tail that NEED_MORE leaves is at most max(record_bytes_max, CUP_PIECE_BYTES) bytes.
 * Tests     tests/dataplane/source/test_lines.c
 */
#ifndef CUP_DATAPLANE_SOURCE_LINES_H
#define CUP_DATAPLANE_SOURCE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dataplane/source/batch.h"

#define CUP_PIECE_BYTES (CUP_BATCH_BYTES - 1u) /* with its LF it fits a batch */

enum cup_piece {
    CUP_PIECE_RECORD,    /* a whole record, without its LF */
    CUP_PIECE_PART,      /* CUP_PIECE_BYTES of a record that is too long; more of it follows */
    CUP_PIECE_OVERSIZE,  /* the last 1..CUP_PIECE_BYTES bytes of such a record */
    CUP_PIECE_NEED_MORE, /* no LF in what is left: keep the tail, read on */
};

struct cup_lines {
    uint32_t record_bytes_max;
    bool     inside;      /* between two pieces of one record */
    uint64_t whole_bytes; /* of the current record, from its start to the end of the last piece */
    uint64_t record_count, oversize_count, blank_count;
};

/* cup_lines_init prepares `lines` for the first byte of a line. */
void cup_lines_init(struct cup_lines *lines, uint32_t record_bytes_max);

/* cup_lines_next finds the next piece of buf[*at..bytes) and moves *at behind it and its LF. ended:
 * no byte follows `bytes`; what is left is then a record too, although no LF ends it.
 *
 * Lends     *out_piece points into buf; untouched by NEED_MORE.
 * Cost      one memchr per record. */
CUP_MUST_CHECK enum cup_piece cup_lines_next(struct cup_lines *lines, const uint8_t *buf,
                                             size_t bytes, bool ended, size_t *at,
                                             const uint8_t **out_piece, size_t *out_piece_bytes);

#endif
