// SPDX-License-Identifier: Apache-2.0
/* deliver: the output's leg: what decided epochs have spooled goes to topics, each epoch in one
 * transaction, in order.
 *
 *   worker --> spool file --+                     +--> topics
 *                           +--> [leg, a thread] --+
 *   journal: decided epoch --+                    +--> control topic: the epoch (marker)
 *
 *   CONNECTING --opened, fenced, marker read--> DELIVERING --an answer that never came-->
 * CONNECTING
 *        \--refused--> HALTED --a pause--> CONNECTING          \--a newer instance--> FENCED
 *
 * The lake never waits for it: while the cluster is away, files wait in the spool folder. What was
 * delivered is known from the marker alone, which is in the transaction of its epoch.
 *
 * Holds     a thread, a producer, one spool file at a time.
 * Owner     the shard. One leg per transactional id: a second one ends the first.
 * Threads   its own; the functions are the shard's.
 * Fails     open: NO_MEMORY. The rest is in the standing.
 * Tests     tests/kafka/test_deliver.py
 */
#ifndef CUP_DATAPLANE_DELIVER_DELIVER_H
#define CUP_DATAPLANE_DELIVER_DELIVER_H

#include "dataplane/abi/plan.h"
#include "dataplane/store/store.h"

struct cup_deliver;

struct cup_deliver_config {
    const struct cup_plan *plan; /* lent until close */
    struct cup_disk       *disk;
    uint64_t               decided; /* last epoch; what is spooled of it, and before, is whole */
};

CUP_MUST_CHECK enum cup_err cup_deliver_open(const struct cup_deliver_config *config,
                                             struct cup_deliver             **out_deliver,
                                             struct cup_fault                *out_fault);
/* cup_deliver_close ends the thread, whatever it waits for; what is not delivered stays. */
void cup_deliver_close(struct cup_deliver *deliver); /* NULL is accepted */

/* cup_deliver_again lets a leg that is FENCED connect once more: it then fences who fenced it. For
 * an owner that knows that the lake is still its own. */
CUP_MUST_CHECK enum cup_err cup_deliver_again(struct cup_deliver *deliver,
                                              struct cup_fault   *out_fault);

/* cup_deliver_decided: an epoch is decided; so many bytes were spooled in it. */
void cup_deliver_decided(struct cup_deliver *deliver, uint64_t epoch, uint64_t spool_bytes);

enum cup_deliver_state {
    CUP_DELIVER_CONNECTING, /* fault: what kept it from it the last time, if anything */
    CUP_DELIVER_DELIVERING,
    CUP_DELIVER_HALTED, /* fault: it will not pass by itself; looked at again now and then */
    CUP_DELIVER_FENCED, /* fault: a newer instance owns the output; the thread has ended */
};

struct cup_deliver_standing {
    enum cup_deliver_state state;
    struct cup_fault       fault;              /* err CUP_OK: none */
    uint64_t               change_count;       /* of state and fault */
    uint64_t               decided, delivered; /* epochs; delivered: all up to it */
    uint64_t               record_count, spool_bytes, failed_count;
};
void cup_deliver_look(struct cup_deliver *deliver, struct cup_deliver_standing *out_standing);

#endif
