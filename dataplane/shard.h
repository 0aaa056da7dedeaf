// SPDX-License-Identifier: Apache-2.0
/* shard: one pipeline shard: its workers, its epochs, its talk with control.
 *
 *   PLAN --> open store, commit, workers --> loop: wake, close the epoch when due, commit it
 *                     ^                        |   parked: ask control, adopt the answer
 *                     |                        +--> all ended or STOP: last epoch, ENDED
 *                     +-- the lake's disk failed or is full: abandon the epoch, wait, begin again
 *
 * Holds     the plans in use, the committer, the workers.
 * Owner     the main thread of the data plane.
 * Threads   the caller's; it is the committer thread too.
 * Fails     what commit, store, source and the socket return; the open epoch is then dropped. IO of
 *           the lake only when it comes again and again, NO_SPACE only after STOP.
 * Tests     tests/dataplane/test_shard.py, tests/crash, tests/oracle
 */
#ifndef CUP_DATAPLANE_SHARD_H
#define CUP_DATAPLANE_SHARD_H

#include "base/err.h"
#include "dataplane/abi/wire.h"

/* cup_shard_run serves one pipeline shard until it has ended or failed: receives its first plan
 * from `socket`, sends READY, EPOCH, STATUS and UNKNOWN messages, and ENDED at the end. A fault is
 * returned, not sent. */
CUP_MUST_CHECK enum cup_err cup_shard_run(int socket, struct cup_stats *stats,
                                          struct cup_fault *out_fault);

#endif
