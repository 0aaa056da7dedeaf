// SPDX-License-Identifier: Apache-2.0
/* lag: how far the partitions of topics are read and in the lake, as the data plane tells it.
 *
 *   consumed  -->  committed  -->  visible                      offsets of the next record
 *      |               |              |
 *   a worker has it   decided        in all tables   ... end    "behind" is end - visible
 *
 * Holds     the last LAG message.
 * Owner     the report of a run; cup_lag_free at its end.
 * Threads   one.
 * Fails     take: false when the message has not the form; the one before is kept.
 * Tests     tests/control/test_lag.c
 */
#ifndef CUP_CONTROL_SUPERVISE_LAG_H
#define CUP_CONTROL_SUPERVISE_LAG_H

#include "base/text.h"
#include "dataplane/abi/wire.h"

#define CUP_LAG_WORST 10u /* partitions that a summary lists */

struct cup_lag {
    struct cup_text rows;                 /* as they came */
    uint32_t        count, unknown_count; /* unknown: where it ends */
    uint64_t        records;              /* behind, at most: marks and compaction leave holes */
    int64_t         ms;                   /* of the one that is longest behind */
};

CUP_MUST_CHECK bool cup_lag_take(struct cup_lag *lag, const struct cup_text *payload);

/* cup_lag_progress appends "  3 partitions, 1,234 records and 0.8 s behind". */
void cup_lag_progress(const struct cup_lag *lag, struct cup_text *line);

/* cup_lag_summary appends the partitions that are most behind, each with its offsets. */
void cup_lag_summary(const struct cup_lag *lag, struct cup_text *text);

void cup_lag_free(struct cup_lag *lag);

#endif
