// SPDX-License-Identifier: Apache-2.0
/* consumer_priv: a consumer and its partitions, shared by consumer.c (messages to events) and
 * turns.c (who is fetched).
 *
 *              its turn is over, others wait
 *   fetched --------------------------------------> resting
 *      ^                                               |
 *      +--- all had theirs; or nothing else comes -----+   if its topic was not fetched: suspect
 *
 * The library (2.0.2) fetches nothing while the queue is full, and then begins with the same
 * partition again: of those that do not fit one answer the last would wait until the first are read
 * to their ends. So when more partitions may have records than fit one answer, all that is queued
 * is taken, and those that had their turn are stopped until the others had theirs.
 *
 * Holds     the messages taken: one batch; in turns all that was queued.
 * Threads   one.
 * Bounds    see consumer.h
 */
#ifndef CUP_DATAPLANE_KAFKA_CONSUMER_PRIV_H
#define CUP_DATAPLANE_KAFKA_CONSUMER_PRIV_H

#include "dataplane/kafka/client_priv.h"
#include "dataplane/kafka/consumer.h"

#define CUP_KAFKA_PRIV_NO_TAG UINT32_MAX

/* A topic's handle is what a message names; several partitions share it. */
struct cup_kafka_topic {
    rd_kafka_topic_t *handle;
    uint32_t         *tags; /* by partition; NO_TAG */
    uint32_t          tag_cap;
    uint32_t          fetched_count;    /* partitions */
    uint64_t          fetched_since_ns; /* one of them at least, all the time */
};

struct cup_kafka_partition {
    struct cup_kafka_topic *topic;
    int32_t                 number;
    bool                    fetched;
    bool                    suspect;    /* that is to be told */
    bool                    hungry;     /* its end was not met since its last record */
    int64_t                 next;       /* behind what was taken of it */
    uint64_t                valid_from; /* what was taken before this message is not handed out */
    uint64_t                turn_bytes; /* taken in this round, since it was hungry */
    uint64_t                rested_ns;  /* it rests since then; 0: it does not */
};

struct cup_kafka_consumer {
    struct cup_kafka_client *client;
    rd_kafka_t              *handle;
    rd_kafka_queue_t        *queue;

    struct cup_kafka_partition *partitions; /* by tag */
    uint32_t                    partition_count, partition_cap;
    struct cup_kafka_topic **topics; /* hash table by handle; a power of two, half full at most */
    uint32_t                 topic_count, topic_cap;
    struct cup_kafka_topic  *last; /* the answer before */

    rd_kafka_message_t **messages; /* taken, and handed out up to message_at */
    uint32_t             message_count, message_at, message_cap;
    uint64_t             message_base;   /* so many were taken before messages[0] */
    uint64_t             take_bytes_max; /* the library's queue at its fullest */

    unsigned doubt_count; /* as it was when all partitions were told to be suspect */
    uint32_t suspect_at;  /* none before this one is to be told */

    /* turns */
    uint32_t answer_parts;   /* so many partitions fit one answer: fewer need no turns */
    uint64_t turn_bytes_min; /* the shortest turn */
    uint64_t round_bytes;    /* taken since this round began */
    uint64_t idle_ns;        /* nothing came since then; 0: something did */
    uint32_t hungry_count;   /* partitions */
    uint32_t rest_count;

    bool     wakes; /* the library's threads have to be woken */
    uint64_t wake_bytes, taken_bytes, woken_ns;
    char    *username, *password; /* for that: as they are; "": none */
};

/* cup_kafka_priv_start has a partition fetched from `offset` on; _stop has it fetched no more, and
 * drops what the library has of it. */
CUP_MUST_CHECK enum cup_err cup_kafka_priv_start(struct cup_kafka_consumer *consumer, uint32_t tag,
                                                 int64_t offset, struct cup_fault *out_fault);
void                        cup_kafka_priv_stop(struct cup_kafka_partition *partition);

/* cup_kafka_priv_are_turns: all that is queued has to be taken at once, since partitions may be
 * stopped, and the library drops what it has of those. */
bool cup_kafka_priv_are_turns(const struct cup_kafka_consumer *consumer);

/* cup_kafka_priv_taken counts a message that was taken. */
void cup_kafka_priv_taken(struct cup_kafka_consumer  *consumer,
                          struct cup_kafka_partition *partition, const rd_kafka_message_t *message);

/* cup_kafka_priv_hunger: whether there may be records that were not taken. A turn begins or ends.
 */
void cup_kafka_priv_hunger(struct cup_kafka_consumer  *consumer,
                           struct cup_kafka_partition *partition, bool hungry);

/* cup_kafka_priv_turn stops those that are done, or begins a round, after messages were taken or
 * none were there. is_whole: all that was queued was taken. */
CUP_MUST_CHECK enum cup_err cup_kafka_priv_turn(struct cup_kafka_consumer *consumer, bool is_whole,
                                                struct cup_fault *out_fault);

#endif
