// SPDX-License-Identifier: Apache-2.0
/* settle: what became of a transaction, partition by partition.
 *
 *   commit --> await: each partition's readers are behind its records --> the next one may begin
 *   connect --> end: what still hangs is aborted --> judge: committed, or to be sent again
 *
 * A broker answers a commit or an abort when its log has it, and tells the partitions then. A
 * partition that has no leader at that moment is never told (Kafka 4.3, broker that shuts down):
 * its records stay open, and become what the *next* transaction of the producer becomes. So none
 * begins before the last one is seen to have ended everywhere.
 *
 * Holds     nothing.
 * Owner     the leg, while it is connected.
 * Threads   one.
 * Fails     AGAIN (await: the time is over), and as producer.h, cluster.h and consumer.h.
 * Tests     tests/kafka/test_settle.py, campaign.py
 */
#ifndef CUP_DATAPLANE_DELIVER_SETTLE_H
#define CUP_DATAPLANE_DELIVER_SETTLE_H

#include <stdatomic.h>

#include "dataplane/deliver/reach.h"
#include "dataplane/kafka/consumer.h"

struct cup_settle {
    const struct cup_kafka_setting *settings;
    uint32_t                        setting_count;
    struct cup_kafka_producer      *producer; /* fenced; no transaction is open */
    struct cup_kafka_consumer      *peek;     /* of uncommitted records */
    const atomic_bool              *stop;     /* looked at while waiting: then IO */
};

/* cup_settle_await waits until readers of committed records are behind what was sent: the parts of
 * reach that have records and were not kept. */
CUP_MUST_CHECK enum cup_err cup_settle_await(struct cup_kafka_client *client,
                                             const struct cup_reach *reach, const atomic_bool *stop,
                                             struct cup_fault *out_fault);

/* cup_settle_end aborts whatever an earlier transaction of the producer's id left open in these
 * parts, wherever in them. Records of other producers are not touched. */
CUP_MUST_CHECK enum cup_err cup_settle_end(struct cup_settle *settle, const struct cup_reach *reach,
                                           struct cup_fault *out_fault);

/* cup_settle_judge sets `kept` of each part that has records: they are committed, or were deleted
 * since by retention. *out_kept, *out_missing: how many are, and are not. */
CUP_MUST_CHECK enum cup_err cup_settle_judge(struct cup_settle *settle, struct cup_reach *reach,
                                             uint32_t *out_kept, uint32_t *out_missing,
                                             struct cup_fault *out_fault);

#endif
