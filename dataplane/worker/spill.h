// SPDX-License-Identifier: Apache-2.0
/* spill: what the stage cannot hold, sorted, in a scratch file; merged at the epoch's end.
 *
 *   stage --run--> | rows by group | rows by group | ...   --merge--> rows, group after group
 *
 * Holds     a scratch file while there are runs; while merging, two blocks a run.
 * Owner     one worker.
 * Threads   one.
 * Fails     IO, NO_SPACE; NO_MEMORY: the pool is short, nothing is changed, free blocks and call
 *           again.
 * Bounds    run_max runs.
 * Tests     tests/dataplane/test_stage.c
 */
#ifndef CUP_DATAPLANE_WORKER_SPILL_H
#define CUP_DATAPLANE_WORKER_SPILL_H

#include "dataplane/store/store.h"
#include "dataplane/worker/stage.h"

#define CUP_SPILL_RUNS_MAX      256u /* with two blocks each, 32 MiB */
#define CUP_SPILL_CURSOR_BLOCKS 2u   /* a row of any size, and some more to read at once */
_Static_assert(CUP_STAGE_ROW_MAX + sizeof(struct cup_staged) <=
                   CUP_SPILL_CURSOR_BLOCKS * CUP_BLOCK_BYTES,
               "a cursor holds a whole row");

/* Where a merge stands in one run. */
struct cup_spill_cursor {
    uint64_t at, end; /* of what is not read yet, in the file */
    uint8_t *buffer;  /* NULL: no block is lent */
    uint32_t from, to;
};

struct cup_spill {
    struct cup_store       *store;
    struct cup_pool        *pool;
    int                     fd; /* -1: no file */
    uint64_t                bytes;
    uint32_t                run_count, run_max;
    struct cup_spill_cursor cursors[CUP_SPILL_RUNS_MAX];
    uint32_t                heap[CUP_SPILL_RUNS_MAX], heap_count; /* cursors, the least first */
};

void cup_spill_init(struct cup_spill *spill, struct cup_store *store, struct cup_pool *pool,
                    uint32_t run_max);

static inline bool cup_spill_full(const struct cup_spill *spill)
{
    return spill->run_count == spill->run_max;
}

/* cup_spill_run writes the groups of a sorted stage as a run; there must be one left. */
CUP_MUST_CHECK enum cup_err cup_spill_run(struct cup_spill *spill, const struct cup_stage *stage,
                                          struct cup_fault *out_fault);

/* cup_spill_merge begins to read all runs side by side. */
CUP_MUST_CHECK enum cup_err cup_spill_merge(struct cup_spill *spill, struct cup_fault *out_fault);

/* cup_spill_row lends the next row: groups in the order of cup_stage_compare, in a group rows as
 * they came; NULL at the end. cup_spill_next passes it. */
const struct cup_staged    *cup_spill_row(const struct cup_spill *spill);
CUP_MUST_CHECK enum cup_err cup_spill_next(struct cup_spill *spill, struct cup_fault *out_fault);

/* cup_spill_clear forgets all runs. */
void cup_spill_clear(struct cup_spill *spill);

#endif
