// SPDX-License-Identifier: Apache-2.0
/* reach: where the records of one epoch are, by topic and partition.
 *
 *   acknowledgements --> spans --> text of the marker --> spans of the next instance
 *
 * The control topic is one of the topics, but for the text: a marker cannot say where it will be.
 *
 * Holds     a row for each topic, a part for each of its partitions. Parts stay where they are
 *           until _clear: the producer writes into them.
 * Owner     one transfer.
 * Threads   one.
 * Fails     NO_MEMORY.
 * Tests     tests/dataplane/deliver/test_reach.c
 */
#ifndef CUP_DATAPLANE_DELIVER_REACH_H
#define CUP_DATAPLANE_DELIVER_REACH_H

#include "base/text.h"
#include "dataplane/kafka/cluster.h"
#include "dataplane/kafka/producer.h"

struct cup_reach_part {
    struct cup_kafka_span span; /* first < 0: nothing went there */
    bool                  kept; /* is committed already: not sent again */
};
struct cup_reach_topic {
    char                  *name;
    struct cup_reach_part *parts;
    uint32_t               part_count;
};
struct cup_reach {
    struct cup_reach_topic *topics;
    uint32_t                topic_count, topic_cap;
};

/* cup_reach_topic finds a topic, or adds it with so many partitions. */
CUP_MUST_CHECK enum cup_err cup_reach_topic(struct cup_reach *reach, const char *name,
                                            uint32_t part_count, uint32_t *out_topic,
                                            struct cup_fault *out_fault);

/* cup_reach_find gives a topic's place, or UINT32_MAX. */
uint32_t cup_reach_find(const struct cup_reach *reach, const char *name);

/* cup_reach_clear forgets all topics; _drop only where records are that were not kept. */
void cup_reach_clear(struct cup_reach *reach);
void cup_reach_drop(struct cup_reach *reach);
void cup_reach_free(struct cup_reach *reach);

/* cup_reach_write appends a JSON list of texts, "TOPIC PARTITION/COUNT FIRST-LAST", one for each
 * part that has records. */
void cup_reach_write(const struct cup_reach *reach, struct cup_text *out);

/* cup_reach_read adds what _write wrote at the front of bytes[0..count). False: that is no such
 * list, or there is no memory. */
bool cup_reach_read(struct cup_reach *reach, const char *bytes, size_t count);

/* cup_reach_places lists the parts that have records and were not kept, each with its last offset;
 * the caller frees the list, whose names are the reach's. NULL: no memory. */
struct cup_kafka_place *cup_reach_places(const struct cup_reach *reach, uint32_t *out_count);

#endif
