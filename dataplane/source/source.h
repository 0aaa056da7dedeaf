// SPDX-License-Identifier: Apache-2.0
/* source: the inputs of one worker, read in order, as batches.
 *
 *   file --read or inflate--> buffer --lines--> NDJSON: records in place
 *                                         \---> dump: parsed, value and key unescaped to a region
 *
 * Holds     one open file, buffers of the pool, the names of topics seen.
 * Owner     one worker.
 * Threads   one.
 * Fails     IO, BAD_CONFIG (an input that is no regular file), INPUT_CHANGED (a start behind the
 *           file's end), NO_MEMORY. CORRUPT never: a torn or damaged gzip ends the input with a
 *           TORN record. After a fault nothing is lost: call again.
 * Bounds    a record is 1..record_bytes_max bytes, its LF not counted; longer ones arrive in
 *           pieces. Blank lines are skipped and counted.
 * Tests     tests/dataplane/source/test_lines.c, test_source.c, test_dump.c, test_gzip.c
 */
#ifndef CUP_DATAPLANE_SOURCE_SOURCE_H
#define CUP_DATAPLANE_SOURCE_SOURCE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/pool.h"
#include "dataplane/abi/plan.h"
#include "dataplane/source/batch.h"

/* What a position belongs to; kept in the journal, compared on resume. */
struct cup_input_identity {
    uint64_t device, inode;
    uint32_t head_bytes; /* of the first bytes, as stored, that were hashed */
    uint32_t head_crc32c;
};
#define CUP_INPUT_HEAD_BYTES 1024u

/* cup_input_identify reads the identity of the file at path. head_bytes = 0 asks for up to
 * CUP_INPUT_HEAD_BYTES; a smaller number asks for exactly so many (to compare with an old
 * identity; fewer when the file is shorter now). */
CUP_MUST_CHECK enum cup_err cup_input_identify(const char *path, uint32_t head_bytes,
                                               struct cup_input_identity *out_identity,
                                               struct cup_fault          *out_fault);

struct cup_source;

/* cup_source_open prepares the worker's inputs: indexes into the plan's inputs, in reading order,
 * each with the uncompressed byte to start at (0 = from the start).
 *
 * Keeps     plan, inputs and starts until close. pool: borrowed blocks until close. */
CUP_MUST_CHECK enum cup_err cup_source_open(const struct cup_plan *plan, const uint32_t *inputs,
                                            const uint64_t *starts, uint32_t input_count,
                                            struct cup_pool *pool, struct cup_source **out_source,
                                            struct cup_fault *out_fault);
void                        cup_source_close(struct cup_source *source);

/* cup_source_next reads the next batch. until_end of the plan 0: a last line without LF, and a
 * gzip that ends inside a member, are left for a later run: they may still be being written.
 *
 * Lends     *out_batch until the next call.
 * Returns   CUP_OK; CUP_END when all inputs have ended; CUP_NO_MEMORY when the pool has no room for
 * the next record now (nothing is lost: free blocks and call again); other faults name the file. */
CUP_MUST_CHECK enum cup_err cup_source_next(struct cup_source *source, struct cup_batch *out_batch,
                                            struct cup_fault *out_fault);

/* cup_source_topic is the name of a record's topic (NUL-terminated UTF-8); lives until close. */
const char *cup_source_topic(const struct cup_source *source, uint32_t topic);

#endif
