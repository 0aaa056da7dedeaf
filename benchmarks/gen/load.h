// SPDX-License-Identifier: Apache-2.0
/* load: the bank at work: which event comes next, and which rows exist.
 *
 *   snapshot: r r r ...  then  c u d d+c(key update) ... chosen by the operation mix
 *
 * Holds     16 bytes a row that exists, per table.
 * Owner     the generator.
 * Threads   one.
 * Fails     NO_MEMORY when the tables cannot grow; what the sink returns.
 * Bounds    2^32 - 1 rows a table.
 * Tests     tests/oracle/test_gen.py
 */
#ifndef CUP_BENCHMARKS_GEN_LOAD_H
#define CUP_BENCHMARKS_GEN_LOAD_H

#include "base/err.h"
#include "base/rnd.h"
#include "benchmarks/gen/bank.h"
#include "benchmarks/gen/event.h"

enum cup_load_op { CUP_LOAD_C, CUP_LOAD_U, CUP_LOAD_D, CUP_LOAD_K, CUP_LOAD_OP_COUNT };

struct cup_load_table {
    struct cup_row *rows; /* those that exist, in no order */
    uint32_t        row_count, row_cap;
    uint32_t        identity_next;
    uint64_t        key_next;
    uint64_t        event_counts[CUP_LOAD_OP_COUNT], snapshot_count;
};

struct cup_load_settings {
    uint64_t seed, snapshot_count;
    uint64_t table_weights[CUP_BANK_COUNT], op_weights[CUP_LOAD_OP_COUNT];
    double   skew, late_percent;
};

/* Where events go. A key update is two events in one call after the other. */
struct cup_load_sink {
    enum cup_err (*put)(void *ctx, const struct cup_event *event, struct cup_fault *out_fault);
    void *ctx;
};

struct cup_load {
    struct cup_load_settings settings;
    struct cup_load_sink     sink;
    struct cup_rnd           rnd;
    struct cup_load_table    tables[CUP_BANK_COUNT];
    uint64_t                 snapshot_left[CUP_BANK_COUNT], snapshot_made;
    uint64_t                 lsn, last_commit, tx, tx_left, event_count;
    int64_t                  now_us;
};

void cup_load_init(struct cup_load *load, const struct cup_load_settings *settings,
                   struct cup_load_sink sink);
void cup_load_free(struct cup_load *load);

/* cup_load_step makes the next change and hands its events to the sink. */
CUP_MUST_CHECK enum cup_err cup_load_step(struct cup_load *load, struct cup_fault *out_fault);

#endif
