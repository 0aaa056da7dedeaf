// SPDX-License-Identifier: Apache-2.0
/* source: the inputs of one worker, read in order, as batches.
 *
 *   file --read or inflate--> buffer --lines--> NDJSON: records in place
 *                                         \---> dump: parsed, value and key unescaped to a region
 *
 * With until_end of the plan the inputs are files that are read one after the other to their ends;
 * without, files come and go (cup_source_follow ...) and nothing ends.
 *
 * Holds     one open file (following: some hundred), buffers of the pool, the names of topics seen.
 * Owner     one worker.
 * Threads   one.
 * Fails     IO, BAD_CONFIG (an input that is no regular file), INPUT_CHANGED (a start behind the
 *           file's end), NO_MEMORY. CORRUPT never: a torn or damaged gzip ends the input with a
 *           TORN record. After a fault nothing is lost: call again.
 * Bounds    a record is 1..record_bytes_max bytes, its LF not counted; longer ones arrive in
 *           pieces. Blank lines are skipped and counted.
 * Tests     tests/dataplane/source/test_lines.c, test_source.c, test_dump.c, test_gzip.c,
 *           test_follow.c
 */
#ifndef CUP_DATAPLANE_SOURCE_SOURCE_H
#define CUP_DATAPLANE_SOURCE_SOURCE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/pool.h"
#include "dataplane/abi/plan.h"
#include "dataplane/source/batch.h"

/* What a position belongs to; kept in the journal, compared on resume. Of a partition it is the
 * anchor: the last record before the position, which must still be what it was. */
struct cup_input_identity {
    uint64_t device;      /* partition: hash of the cluster's id */
    uint64_t inode;       /* partition: the anchor's offset; UINT64_MAX: there is none */
    uint32_t head_bytes;  /* of the first bytes, as stored, that were hashed; partition: of value */
    uint32_t head_crc32c; /* partition: of the anchor's key and value */
    int64_t  born_us;     /* when the file was made; 0: its file system does not say; partition: the
                             anchor's timestamp */
};
#define CUP_ANCHOR_NONE      UINT64_MAX
#define CUP_INPUT_HEAD_BYTES 1024u

/* cup_input_identify reads the identity of the file at path. head_bytes = 0 asks for up to
 * CUP_INPUT_HEAD_BYTES; a smaller number asks for exactly so many (to compare with an old
 * identity; fewer when the file is shorter now). */
CUP_MUST_CHECK enum cup_err cup_input_identify(const char *path, uint32_t head_bytes,
                                               struct cup_input_identity *out_identity,
                                               struct cup_fault          *out_fault);

struct cup_source;

/* cup_source_open prepares the worker's inputs: indexes into the plan's inputs, in reading order,
 * each with the uncompressed byte to start at (0 = from the start). None when following.
 *
 * Keeps     plan, inputs and starts until close. pool: borrowed blocks until close. */
CUP_MUST_CHECK enum cup_err cup_source_open(const struct cup_plan *plan, const uint32_t *inputs,
                                            const uint64_t *starts, uint32_t input_count,
                                            struct cup_pool *pool, struct cup_source **out_source,
                                            struct cup_fault *out_fault);
void                        cup_source_close(struct cup_source *source);

/* A file to follow. Names are copied. */
struct cup_source_file {
    uint32_t    input, group, generation; /* generation: `_partition` of its records */
    uint8_t     form, gzip, pad[2];
    uint64_t    start, device, inode;
    const char *path;  /* where it lies now */
    const char *first; /* where it lay when it was found: its place in the order of its group */
    const char *topic, *name;
};

/* cup_source_follow takes a file on; it is read from `start`. Its place in the order is by group,
 * first path, generation. */
CUP_MUST_CHECK enum cup_err cup_source_follow(struct cup_source            *source,
                                              const struct cup_source_file *file,
                                              struct cup_fault             *out_fault);

/* A partition to consume. Names are copied. */
struct cup_source_partition {
    uint32_t                  input;
    int32_t                   partition;
    int64_t                   start;  /* offset of the first record to hand out */
    int64_t                   end;    /* until_end: the watermark to read to; else INT64_MAX */
    struct cup_input_identity anchor; /* inode CUP_ANCHOR_NONE: nothing to compare */
    const char               *topic;
    const char               *name; /* of the input: topic/partition */
};

/* cup_source_consume takes a partition on; a plan with topics only. What it hands out of it begins
 * at `start`; before that it has compared the anchor with what the cluster has at that offset.
 * Later faults of cup_source_next: INPUT_CHANGED (truncated, made anew, or records deleted that
 * were not read and gaps says halt), IO (the cluster refuses for good: words name the setting). */
CUP_MUST_CHECK enum cup_err cup_source_consume(struct cup_source                 *source,
                                               const struct cup_source_partition *partition,
                                               struct cup_fault                  *out_fault);

/* How far a partition is consumed. */
struct cup_source_lag {
    uint32_t input;
    int64_t  position; /* offset behind the last record handed out */
    int64_t  high; /* the cluster's last known end for readers of committed records; -1: unknown */
    int64_t  last_ms; /* timestamp of the last record handed out; INT64_MIN: none */
};

/* cup_source_lags writes up to cap rows, one a partition; returns how many partitions there are. */
uint32_t cup_source_lags(const struct cup_source *source, struct cup_source_lag *out_lags,
                         uint32_t cap);

/* cup_source_anchors_gone counts anchors that could not be compared, since they were compacted away
 * or deleted. */
uint64_t cup_source_anchors_gone(const struct cup_source *source);

/* What is heard of a file: it has another path now (also: it is back); it may have grown; it has no
 * name any more. An input that has ended is ignored. */
CUP_MUST_CHECK enum cup_err cup_source_moved(struct cup_source *source, uint32_t input,
                                             const char *path, struct cup_fault *out_fault);
void                        cup_source_grew(struct cup_source *source, uint32_t input);
void                        cup_source_gone(struct cup_source *source, uint32_t input);

/* A followed file that ended: removed and read, or truncated in place. */
struct cup_source_end {
    uint32_t input;
    bool     truncated;
    uint64_t position;   /* it ended behind this byte */
    uint64_t lost_bytes; /* seen, and gone before they were read */
};

/* cup_source_take_end gives one that was not told yet; false: there is none. */
bool cup_source_take_end(struct cup_source *source, struct cup_source_end *out_end);

/* cup_source_due is when to ask again after CUP_AGAIN (cup_clock_mono_ns); cup_source_behind is how
 * many stored bytes of plain files were not handed out at the last look. */
uint64_t cup_source_due(const struct cup_source *source);
uint64_t cup_source_behind(const struct cup_source *source);

/* cup_source_next reads the next batch. Following, a last line without LF and the last member of a
 * gzip, if it is not whole, are left: they may still be being written.
 *
 * Lends     *out_batch until the next call.
 * Returns   CUP_OK; CUP_END when all inputs have ended; CUP_AGAIN (following): nothing now;
 * CUP_NO_MEMORY when the pool has no room for the next record now (nothing is lost: free blocks and
 * call again); other faults name the file. */
CUP_MUST_CHECK enum cup_err cup_source_next(struct cup_source *source, struct cup_batch *out_batch,
                                            struct cup_fault *out_fault);

/* cup_source_topic is the name of a record's topic (NUL-terminated UTF-8); lives until close. */
const char *cup_source_topic(const struct cup_source *source, uint32_t topic);

#endif
