// SPDX-License-Identifier: Apache-2.0
/* partitions: records of a worker's partitions as batches.
 *
 *   consumer --> take: what is queued now --> lists, one a partition --> hand out: a batch of one
 *                                                                        partition, then the next
 *
 *            add                the anchor is there           at `end`, or told so
 *   (none) -------> VERIFYING ------------------------> READING ------------------> ENDED
 *                    ^  ^  |                             |  |
 *                    |  |  +--- OUT_OF_RANGE ---> ASKING <--+   low, high: a gap, or INPUT_CHANGED
 *                    |  +------ a second later -- WAITING <-+   REFUSED; for too long: a fault
 *                    +--------- SUSPECT --------------------+
 *
 * A partition without anchor, of which nothing was read, skips VERIFYING.
 *
 * Holds     a consumer; the events taken from it, up to CUP_TAKEN_MAX and a batch's bytes; blocks
 *           of the pool: the region, the lists, and as many as the consumer's queue may take.
 * Owner     the source.
 * Threads   one.
 * Fails     INPUT_CHANGED, IO and what the consumer fails with; words name topic and partition.
 * Bounds    see source/README.md
 * Tests     tests/kafka/test_partitions.py
 */
#ifndef CUP_DATAPLANE_SOURCE_PARTITIONS_PRIV_H
#define CUP_DATAPLANE_SOURCE_PARTITIONS_PRIV_H

#include "base/clock.h"
#include "dataplane/kafka/consumer.h"
#include "dataplane/source/source.h"
#include "dataplane/source/topics_priv.h"

#define CUP_TAKEN_MAX           2048u /* at 128 bytes a record as many as fit a batch */
#define CUP_TAKEN_HEADERS_BYTES (128u << 10)

#define CUP_PARTITION_SILENCE_NS (2 * CUP_NS_PER_S) /* the anchor should have come by then */

enum cup_partition_state {
    CUP_PARTITION_VERIFYING, /* the first record must be the anchor */
    CUP_PARTITION_READING,
    CUP_PARTITION_ASKING,  /* its offset is not there; the cluster is to say what is */
    CUP_PARTITION_WAITING, /* refused; tried again at due_ns */
    CUP_PARTITION_ENDED,
};

struct cup_partition {
    const char               *name; /* of the input; a copy */
    const char               *topic_name;
    uint32_t                  input, topic;
    int32_t                   number;
    uint8_t                   state;
    bool                      suspect;  /* while VERIFYING: once more */
    bool                      queued;   /* it is in `ready` */
    bool                      ends;     /* an end is to be handed out */
    int64_t                   position; /* behind what was handed out */
    int64_t                   next;     /* behind what was taken */
    int64_t                   end;
    int64_t                   at_end;  /* nothing is between `next` and here; -1 */
    int64_t                   lost_to; /* > position: what is before it was deleted */
    int64_t                   last_ms;
    struct cup_input_identity anchor;
    uint32_t                  first, last;   /* its records: indexes of taken + 1; 0: none */
    uint32_t                  strange_count; /* out of range, though the cluster has it */
    uint64_t                  due_ns, refused_ns, moved_ns;
};

struct cup_taken {
    struct cup_kafka_event event;
    uint32_t               next;                      /* of the same partition; index + 1 */
    uint32_t               side_bytes;                /* key with its LF, and headers */
    uint32_t               headers_at, headers_bytes; /* in `headers`; 0 bytes: event has them */
};

struct cup_partitions {
    const struct cup_plan     *plan;
    struct cup_pool           *pool;
    struct cup_topics         *topics;
    struct cup_kafka_consumer *consumer;

    struct cup_partition *list;  /* by tag */
    uint32_t             *ready; /* tags that have something to hand out; a ring */
    uint32_t              count, cap, ready_at, ready_count;
    uint32_t              ended_count;
    uint64_t              settle_ns; /* when all are looked at again */
    bool                  settling;  /* some are ASKING or WAITING */

    struct cup_taken *taken;
    uint32_t          taken_count, taken_bytes;
    uint8_t          *headers; /* of taken records, as far as they fit */
    uint32_t          headers_used;
    uint64_t          anchors_gone_count; /* anchors that were compacted away or deleted */

    struct cup_record        *records;
    uint8_t                  *region, *long_region;
    uint32_t                  long_blocks, reserved_blocks, region_used, record_count;
    uint8_t                  *reserved;
    size_t                    piece_at; /* so much of an oversize value was handed out */
    struct cup_input_identity batch_anchor;
};

CUP_MUST_CHECK enum cup_err cup_partitions_priv_open(const struct cup_plan  *plan,
                                                     struct cup_pool        *pool,
                                                     struct cup_topics      *topics,
                                                     struct cup_partitions **out_partitions,
                                                     struct cup_fault       *out_fault);
void                        cup_partitions_priv_close(struct cup_partitions *partitions);

CUP_MUST_CHECK enum cup_err cup_partitions_priv_add(struct cup_partitions             *partitions,
                                                    const struct cup_source_partition *what,
                                                    struct cup_fault                  *out_fault);

/* cup_partitions_priv_next is cup_source_next. It waits some milliseconds for a record. */
CUP_MUST_CHECK enum cup_err cup_partitions_priv_next(struct cup_partitions *partitions,
                                                     struct cup_batch      *out_batch,
                                                     struct cup_fault      *out_fault);
uint32_t                    cup_partitions_priv_lags(const struct cup_partitions *partitions,
                                                     struct cup_source_lag *out_lags, uint32_t cap);

/* --- between the files of partitions --- */

/* cup_partitions_priv_fault fills *out_fault; where: topic/partition and offsets. */
enum cup_err cup_partitions_priv_fault(const struct cup_partition *partition, enum cup_err err,
                                       const char *what, int64_t from, int64_t to,
                                       struct cup_fault *out_fault);

/* cup_partitions_priv_announce: it has something to hand out. */
void cup_partitions_priv_announce(struct cup_partitions *partitions,
                                  struct cup_partition  *partition);

/* cup_partitions_priv_finish: it is read to its end; that is to be handed out. */
void cup_partitions_priv_finish(struct cup_partitions *partitions, struct cup_partition *partition);

/* cup_partitions_priv_restart reads a partition from its anchor again, or from its position if it
 * has none; what was taken and not handed out is dropped. */
CUP_MUST_CHECK enum cup_err cup_partitions_priv_restart(struct cup_partitions *partitions,
                                                        struct cup_partition  *partition,
                                                        struct cup_fault      *out_fault);

/* cup_partitions_priv_meet does what an event asks for. A record is kept in its partition's list,
 * or released. */
CUP_MUST_CHECK enum cup_err cup_partitions_priv_meet(struct cup_partitions  *partitions,
                                                     struct cup_kafka_event *event,
                                                     struct cup_fault       *out_fault);

/* cup_partitions_priv_settle looks after those that do not simply read on. */
CUP_MUST_CHECK enum cup_err cup_partitions_priv_settle(struct cup_partitions *partitions,
                                                       uint64_t               now_ns,
                                                       struct cup_fault      *out_fault);

/* cup_partitions_priv_identity is a record as an anchor. */
struct cup_input_identity cup_partitions_priv_identity(const struct cup_kafka_event *event);

/* cup_partitions_priv_make makes a batch of what a partition has to hand out.
 *
 * Returns   CUP_OK; CUP_NO_MEMORY: nothing is lost. */
CUP_MUST_CHECK enum cup_err cup_partitions_priv_make(struct cup_partitions *partitions,
                                                     struct cup_partition  *partition,
                                                     struct cup_batch      *out_batch,
                                                     struct cup_fault      *out_fault);

#endif
