// SPDX-License-Identifier: Apache-2.0
/* marker: what was sent last, as the control topic says: one record for each shard, the last one of
 * the transaction of the epoch that it names.
 *
 *   partition <shard>: key {"shard":0}, value {"epoch":17,...,"ranges":[...]}; the last one counts,
 *   committed or not: its ranges say where to look what became of the epoch.
 *
 * Fails     IO, NOT_FOUND, as cluster.h and consumer.h; CORRUPT: a record that is not ours;
 *           BAD_CONFIG: fewer partitions than shards.
 * Threads   one.
 * Tests     tests/kafka/test_deliver.py
 */
#ifndef CUP_DATAPLANE_DELIVER_MARKER_H
#define CUP_DATAPLANE_DELIVER_MARKER_H

#include <stdatomic.h>

#include "base/text.h"
#include "dataplane/abi/plan.h"
#include "dataplane/deliver/reach.h"
#include "dataplane/kafka/consumer.h"

/* cup_marker_read gives the epoch of the last marker, 0: none, and where the epoch's records are,
 * the marker included. `peek` reads uncommitted records and has no partition yet. Who may still
 * write has been fenced. Looks at *stop while it waits: then IO. */
CUP_MUST_CHECK enum cup_err cup_marker_read(const struct cup_plan     *plan,
                                            struct cup_kafka_consumer *peek,
                                            const atomic_bool *stop, uint64_t *out_epoch,
                                            struct cup_reach *out_reach,
                                            struct cup_fault *out_fault);

/* cup_marker_key and _value write the record of an epoch. */
void cup_marker_key(const struct cup_plan *plan, struct cup_text *out);
void cup_marker_value(const struct cup_plan *plan, uint64_t epoch, uint64_t record_count,
                      const struct cup_reach *reach, struct cup_text *out);

#endif
