// SPDX-License-Identifier: Apache-2.0
/* consumer: records of assigned partitions, one at a time, lent.
 *
 * No group is joined and nothing is rebalanced: partitions are assigned at offsets that the journal
 * knows. Offsets of a partition ascend; holes are legal (transaction marks, aborted and compacted
 * records). Partitions with more records than fit an answer take turns.
 *
 * Holds     one client; fetched records up to the queue's bytes.
 * Owner     one worker.
 * Threads   one.
 * Fails     IO, BAD_CONFIG, NO_MEMORY as client.h; what befalls one partition is an event.
 * Bounds    queue_bytes of fetched records for all partitions together (below 4 MiB: 4 MiB).
 * Tests     tests/kafka/test_partitions.py, test_many.py
 */
#ifndef CUP_DATAPLANE_KAFKA_CONSUMER_H
#define CUP_DATAPLANE_KAFKA_CONSUMER_H

#include "dataplane/kafka/client.h"

struct cup_kafka_consumer;

struct cup_kafka_consumer_config {
    const struct cup_kafka_setting *settings;
    uint32_t                        setting_count;
    uint64_t                        queue_bytes;
    uint32_t                        record_bytes_max;
    bool                            uncommitted; /* open and aborted transactions, too */
};

CUP_MUST_CHECK enum cup_err cup_kafka_consumer_open(const struct cup_kafka_consumer_config *config,
                                                    struct cup_kafka_consumer **out_consumer,
                                                    struct cup_fault           *out_fault);
void                        cup_kafka_consumer_close(struct cup_kafka_consumer *consumer);

/* cup_kafka_consumer_client lends the handle for cluster.h. */
struct cup_kafka_client *cup_kafka_consumer_client(struct cup_kafka_consumer *consumer);

/* cup_kafka_consumer_add consumes a partition, also, from `offset` on; the tag comes with each
 * event of it: 0 for the first, 1 for the next, and so on. _move has one read from another offset:
 * what was fetched of it before is not handed out. */
CUP_MUST_CHECK enum cup_err cup_kafka_consumer_add(struct cup_kafka_consumer *consumer,
                                                   const char *topic, int32_t partition,
                                                   int64_t offset, uint32_t tag,
                                                   struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_kafka_consumer_move(struct cup_kafka_consumer *consumer,
                                                    uint32_t tag, int64_t offset,
                                                    struct cup_fault *out_fault);

/* cup_kafka_consumer_stop reads no more of a partition; nothing more is handed out of it until it
 * is moved. */
void cup_kafka_consumer_stop(struct cup_kafka_consumer *consumer, uint32_t tag);

enum cup_kafka_event_kind {
    CUP_KAFKA_NOTHING,      /* the time is over */
    CUP_KAFKA_RECORD,       /* a record; release it */
    CUP_KAFKA_AT_END,       /* all there is was handed out, up to `offset` */
    CUP_KAFKA_OUT_OF_RANGE, /* the offset to read is not there: too old, or never was */
    CUP_KAFKA_SUSPECT, /* the topic was gone for a moment, or its leader lost records: what lies
                          at known offsets must be looked at again */
    CUP_KAFKA_REFUSED, /* authorisation, or the topic is not there; may pass: `fault` says */
};

struct cup_kafka_event {
    enum cup_kafka_event_kind kind;
    uint32_t                  tag;
    int64_t                   offset, timestamp_ms; /* INT64_MIN: none */
    const void               *key, *value;          /* NULL: null */
    size_t                    key_bytes, value_bytes;
    void                     *lent;    /* RECORD: to be given back */
    void                     *headers; /* of `lent`; NULL: none */
};

/* cup_kafka_consumer_next waits up to timeout_ms. REFUSED fills *out_fault and returns CUP_OK. */
CUP_MUST_CHECK enum cup_err cup_kafka_consumer_next(struct cup_kafka_consumer *consumer,
                                                    int                        timeout_ms,
                                                    struct cup_kafka_event    *out_event,
                                                    struct cup_fault          *out_fault);
void                        cup_kafka_event_release(struct cup_kafka_event *event);

/* cup_kafka_event_header gives header number `index` of a record; false behind the last. */
bool cup_kafka_event_header(const struct cup_kafka_event *event, uint32_t index,
                            const char **out_name, const void **out_value, size_t *out_bytes);

/* cup_kafka_event_drop_headers: the caller has copied them; there are none any more. */
void cup_kafka_event_drop_headers(struct cup_kafka_event *event);

/* cup_kafka_consumer_high is the last known end of a partition for readers of committed records;
 * -1: unknown. Costs no request. */
int64_t cup_kafka_consumer_high(struct cup_kafka_consumer *consumer, uint32_t tag);

#endif
