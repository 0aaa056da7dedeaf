// SPDX-License-Identifier: Apache-2.0
/* buffer: the uncompressed bytes of an input that wait to be handed out.
 *
 *   run   | handed out | the batch being made | not cut into lines yet |  room  | LF + padding |
 *         0            from                   at                       to
 *
 * Holds     a base run of CUP_BUFFER_BLOCKS; while one record is longer than that, a larger run.
 * Owner     the source.
 * Threads   one.
 * Fails     when the pool has no larger run: nothing is lost, ask again.
 * Tests     tests/dataplane/source/test_source.c
 */
#ifndef CUP_DATAPLANE_SOURCE_BUFFER_PRIV_H
#define CUP_DATAPLANE_SOURCE_BUFFER_PRIV_H

#include "base/pool.h"
#include "dataplane/source/lines.h"
#include "dataplane/source/reader_priv.h"

#define CUP_BUFFER_BLOCKS 5u
#define CUP_BUFFER_SPARE  (1u + CUP_BATCH_PADDING) /* an LF that the input lacks; readable bytes */
_Static_assert(CUP_BATCH_BYTES + CUP_READER_CHUNK + CUP_BUFFER_SPARE <=
                   CUP_BUFFER_BLOCKS * CUP_BLOCK_BYTES,
               "a batch, its unfinished tail and one more read fit the base run");
_Static_assert(CUP_PIECE_BYTES + CUP_READER_CHUNK + CUP_BUFFER_SPARE <=
                   CUP_BUFFER_BLOCKS * CUP_BLOCK_BYTES,
               "the longest tail of a record in pieces fits the base run");

struct cup_buffer {
    struct cup_pool *pool;
    uint8_t         *base, *run; /* equal while no long record is around */
    uint32_t         blocks, blocks_max;
    size_t           from, at, to;
    uint64_t         position; /* in the input, of run[0] */
};

/* cup_buffer_priv_borrow takes the base run; true when it has one. */
CUP_MUST_CHECK bool cup_buffer_priv_borrow(struct cup_buffer *buffer);
void                cup_buffer_priv_release(struct cup_buffer *buffer);

/* cup_buffer_priv_reset empties it for an input whose first byte wanted is `position`; a line of
 * line_bytes_max bytes must find room. */
void cup_buffer_priv_reset(struct cup_buffer *buffer, uint64_t position, uint32_t line_bytes_max);

/* cup_buffer_priv_room moves what is left to the front and makes room for CUP_READER_CHUNK bytes.
 * False when the pool has no run for it. */
CUP_MUST_CHECK bool cup_buffer_priv_room(struct cup_buffer *buffer);

/* cup_buffer_priv_goal is how far a refill should fill the buffer. */
size_t cup_buffer_priv_goal(const struct cup_buffer *buffer);

static inline size_t cup_buffer_priv_capacity(const struct cup_buffer *buffer)
{
    return (size_t)buffer->blocks * CUP_BLOCK_BYTES - CUP_BUFFER_SPARE;
}

#endif
