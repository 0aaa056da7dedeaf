// SPDX-License-Identifier: Apache-2.0
/* targets: the topics of the output: looked up, and made if they are missing and may be made.
 *
 * Holds     what the cluster told, and what was made since.
 * Owner     the leg; one for each time that it connects.
 * Threads   one.
 * Fails     BAD_DATA: a topic is missing and output.create is false, or was refused; IO; NO_MEMORY.
 * Tests     tests/kafka/test_deliver.py
 */
#ifndef CUP_DATAPLANE_DELIVER_TARGETS_H
#define CUP_DATAPLANE_DELIVER_TARGETS_H

#include "dataplane/abi/plan.h"
#include "dataplane/kafka/cluster.h"

struct cup_targets {
    const struct cup_plan   *plan;
    struct cup_kafka_client *client;
    struct cup_kafka_topics  topics; /* empty: not asked yet */
    uint64_t                 asked_ns;
};

void cup_targets_open(struct cup_targets *targets, const struct cup_plan *plan,
                      struct cup_kafka_client *client);
void cup_targets_close(struct cup_targets *targets);

/* cup_targets_find gives a topic's number of partitions. */
CUP_MUST_CHECK enum cup_err cup_targets_find(struct cup_targets *targets, const char *name,
                                             uint32_t         *out_partition_count,
                                             struct cup_fault *out_fault);

/* cup_targets_control makes sure that the control topic is there, with a partition for each shard.
 */
CUP_MUST_CHECK enum cup_err cup_targets_control(struct cup_targets *targets,
                                                struct cup_fault   *out_fault);

#endif
