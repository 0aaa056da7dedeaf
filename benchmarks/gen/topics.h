// SPDX-License-Identifier: Apache-2.0
/* topics: events as records of a Kafka cluster: a topic for each table, keys choose the partition.
 *
 * Holds     a producer, room for one record.
 * Owner     the generator.
 * Threads   one.
 * Fails     as the producer's calls: the words name what to change.
 * Bounds    a record is at most cup_event_bytes_max; a cluster that is away fails open after 10 s.
 * Tests     tests/kafka/test_gen.py
 */
#ifndef CUP_BENCHMARKS_GEN_TOPICS_H
#define CUP_BENCHMARKS_GEN_TOPICS_H

#include "base/err.h"
#include "benchmarks/gen/event.h"

struct cup_gen_topics;

struct cup_gen_topics_config {
    const char              *brokers, *prefix;
    uint32_t                 partition_count; /* of topics that are missing */
    struct cup_event_writer *writer;          /* lent until close; writes NDJSON */
};

CUP_MUST_CHECK enum cup_err cup_gen_topics_open(const struct cup_gen_topics_config *config,
                                                struct cup_gen_topics             **out_topics,
                                                struct cup_fault                   *out_fault);
void                        cup_gen_topics_close(struct cup_gen_topics *topics);

/* cup_gen_topics_put queues the record of an event; _flush waits until all are acknowledged. */
CUP_MUST_CHECK enum cup_err cup_gen_topics_put(struct cup_gen_topics  *topics,
                                               const struct cup_event *event,
                                               struct cup_fault       *out_fault);
CUP_MUST_CHECK enum cup_err cup_gen_topics_flush(struct cup_gen_topics *topics,
                                                 struct cup_fault      *out_fault);

/* cup_gen_topics_bytes is the sum of keys and values. */
uint64_t cup_gen_topics_bytes(const struct cup_gen_topics *topics);

#endif
