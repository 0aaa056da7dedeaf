// SPDX-License-Identifier: Apache-2.0
/* producer: records to topics, alone or in transactions.
 *
 *   open --> fence (ends whoever has the same id) --> begin --> put ... put --> commit --> begin
 * ... ^                                                                  |
 *     +--- close <--- an answer that never came: whether it was committed is read elsewhere
 *
 * Holds     one client; records on their way, 64 MiB unless the owner's settings say otherwise.
 * Owner     one thread.
 * Threads   one; _cancel: any.
 * Fails     FENCED (a newer instance has the id: end), AGAIN (the transaction was aborted:
 *           close, open, fence, and send it once more), BAD_DATA (a record that the cluster does
 *           not take: too large, a topic that is not there or not allowed; the transaction was
 *           aborted; `where` says the topic), any other (nobody knows what became of it: close,
 *           open, fence, look).
 * Bounds    no call waits longer than five minutes.
 * Tests     tests/kafka/test_deliver.py
 */
#ifndef CUP_DATAPLANE_KAFKA_PRODUCER_H
#define CUP_DATAPLANE_KAFKA_PRODUCER_H

#include "dataplane/kafka/client.h"

struct cup_kafka_producer;

/* cup_kafka_producer_open makes an idempotent producer; it connects in the background.
 * transactional_id NULL: no transactions. Keys land as Java clients put them, unless the settings
 * have another `partitioner`. _close drops what is still on its way. */
CUP_MUST_CHECK enum cup_err cup_kafka_producer_open(const struct cup_kafka_setting *settings,
                                                    uint32_t count, const char *transactional_id,
                                                    struct cup_kafka_producer **out_producer,
                                                    struct cup_fault           *out_fault);
void                        cup_kafka_producer_close(struct cup_kafka_producer *producer);

/* cup_kafka_producer_fence registers the transactional id: a transaction that an older instance
 * left open is aborted, and that instance is FENCED from now on. Once, before the first begin. */
CUP_MUST_CHECK enum cup_err cup_kafka_producer_fence(struct cup_kafka_producer *producer,
                                                     struct cup_fault          *out_fault);

/* cup_kafka_producer_cancel lets whatever waits in the other calls return IO soon, now and later.
 */
void cup_kafka_producer_cancel(struct cup_kafka_producer *producer);

struct cup_kafka_header {
    const char *name;
    const void *value; /* NULL: null */
    size_t      bytes;
};
/* Where records of one partition are; the caller sets first to -1. */
struct cup_kafka_span {
    int64_t first, last;
};
struct cup_kafka_record {
    const char                    *topic;
    int32_t                        partition;    /* -1: by key, see _partition */
    int64_t                        timestamp_ms; /* 0: now; the library knows no other 0 */
    const void                    *key, *value;  /* NULL: null */
    size_t                         key_bytes, value_bytes;
    const struct cup_kafka_header *headers;
    uint32_t                       header_count;
    struct cup_kafka_span *span; /* NULL, or grows with each acknowledgement, until _close */
};

/* cup_kafka_producer_partition says where a key belongs, as Java clients do (murmur2). */
uint32_t cup_kafka_producer_partition(const void *key, size_t key_bytes, uint32_t partition_count);

/* cup_kafka_producer_put queues a copy; waits while the queue is full. */
CUP_MUST_CHECK enum cup_err cup_kafka_producer_put(struct cup_kafka_producer     *producer,
                                                   const struct cup_kafka_record *record,
                                                   struct cup_fault              *out_fault);

/* cup_kafka_producer_flush waits until all that was put is acknowledged; the transaction stays
 * open.
 */
CUP_MUST_CHECK enum cup_err cup_kafka_producer_flush(struct cup_kafka_producer *producer,
                                                     struct cup_fault          *out_fault);

CUP_MUST_CHECK enum cup_err cup_kafka_producer_begin(struct cup_kafka_producer *producer,
                                                     struct cup_fault          *out_fault);
CUP_MUST_CHECK enum cup_err cup_kafka_producer_commit(struct cup_kafka_producer *producer,
                                                      struct cup_fault          *out_fault);
CUP_MUST_CHECK enum cup_err cup_kafka_producer_abort(struct cup_kafka_producer *producer,
                                                     struct cup_fault          *out_fault);

/* cup_kafka_producer_client lends the handle for cluster.h. */
struct cup_kafka_client *cup_kafka_producer_client(struct cup_kafka_producer *producer);

#endif
