// SPDX-License-Identifier: Apache-2.0
/* worker: carries batches from its inputs to sealed files, one batch at a time.
 *
 *   a plan without until_end: inputs never end, and come and go by news
 *
 *   RUNNING --close asked--> finish files, hand over the part --> RUNNING (next epoch), or held
 *      |                                                         ^
 *      +-- unknown schema --> PARKED --\                         |
 *      +-- inputs at end ---> ENDED ----+-- close asked ---------+-- released (maybe with a new
 * plan)
 *      +-- bad world -------> FAILED
 *
 * Holds     one pool, source, decode, the open files of an epoch.
 * Owner     the shard (dataplane/shard.c) makes it, starts its thread, takes its parts.
 * Threads   the worker's own; what both sides touch is in struct cup_worker_link under its lock.
 * Fails     open; later faults are reported in the link.
 * Bounds    memory: plan->pool_bytes and what struct cup_worker holds; back-pressure instead of
 *           growth. An epoch: the plan's bytes, and a batch (or a long record) of each worker.
 * Tests     tests/dataplane/test_shard.py, tests/oracle
 */
#ifndef CUP_DATAPLANE_WORKER_WORKER_H
#define CUP_DATAPLANE_WORKER_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "dataplane/abi/plan.h"
#include "dataplane/abi/wire.h"
#include "dataplane/commit/epoch.h"
#include "dataplane/decode/decode.h"
#include "dataplane/source/source.h"

enum cup_worker_state {
    CUP_WORKER_RUNNING,
    CUP_WORKER_PARKED, /* at a record whose schema the plan does not know */
    CUP_WORKER_ENDED,  /* all inputs at their end */
    CUP_WORKER_HELD,   /* has handed over; waits for release */
    CUP_WORKER_FAILED,
};

/* What the shard heard of a followed file or of a partition, and what became of one. */
enum cup_worker_news_kind {
    CUP_NEWS_FOLLOW,
    CUP_NEWS_MOVED, /* file.path only */
    CUP_NEWS_GREW,
    CUP_NEWS_GONE,
    CUP_NEWS_CONSUME, /* partition only */
};
struct cup_worker_news {
    enum cup_worker_news_kind   kind;
    struct cup_source_file      file;      /* its texts are one block that begins at file.path */
    struct cup_source_partition partition; /* its texts stand there too */
};

/* Bytes of input in the open epochs of all workers of a shard, by the last bit of the epoch's
 * number: one worker may have begun the next when another still fills the one before. Who reaches
 * the plan's limit wakes the shard, and no worker begins a batch before that epoch is closed. */
struct cup_worker_fill {
    _Atomic uint64_t bytes[2]; /* all workers add; the shard clears what it has closed */
};

/* What worker and shard share. */
struct cup_worker_link {
    pthread_mutex_t       lock;
    pthread_cond_t        changed;
    enum cup_worker_state state;  /* under the lock, as all that follows */
    enum cup_worker_state before; /* its state when it handed over: RUNNING, PARKED, ENDED */
    struct cup_epoch_part part;   /* if part_ready; the shard takes it and clears the flag */
    bool                  part_ready;
    struct cup_fault      fault;   /* FAILED */
    bool                  reading; /* FAILED: an input could not be read; else the lake's side */
    struct cup_decode_unknown unknown; /* PARKED; its texts are the worker's */
    bool                      hold;    /* after this close wait for a release */
    enum cup_close            why;     /* of this close */
    bool                      released, quit;
    uint64_t                  next_epoch; /* number of the epoch that starts at release */
    const struct cup_plan    *next_plan;  /* NULL: as before */
    bool                      refuse;     /* at release: quarantine what was unknown ... */
    enum cup_outcome          refuse_as;  /* ... with this outcome */

    struct cup_worker_news *news; /* the worker takes the list */
    uint32_t                news_count, news_cap;
    struct cup_source_end  *ends; /* the shard takes the list */
    uint32_t                end_count, end_cap;
    struct cup_source_lag
            *lags; /* of the worker's partitions, a little while ago; the shard looks */
    uint32_t lag_count, lag_cap;

    _Atomic bool has_news;    /* news_count > 0 */
    _Atomic bool close_asked; /* set by the shard, cleared by the worker at its next batch bound */
    _Atomic bool stop_asked;  /* read no further; behave as at the end of the inputs */
    _Atomic uint64_t open_records; /* in the open epoch; written by the worker */
    _Atomic bool full;    /* the open epoch should be closed: it has as many files as it may have */
    int          wake_fd; /* eventfd that the worker writes when its state changes */
};

struct cup_worker_config {
    uint32_t                 index;
    const struct cup_plan   *plan;    /* lives as long as the worker: inputs are read from it */
    const struct cup_plan   *current; /* the generation to begin with; the rest is read from it */
    struct cup_store        *store;
    struct cup_stats_worker *stats;
    struct cup_worker_fill  *fill;   /* of the shard */
    const uint32_t          *inputs; /* indexes in the plan, in order; lent until close */
    const uint64_t          *starts;
    uint32_t                 input_count;
    uint64_t                 epoch;         /* number of the first epoch */
    int                      wake_fd, core; /* core < 0: not pinned */
};

struct cup_worker;

CUP_MUST_CHECK enum cup_err cup_worker_open(const struct cup_worker_config *config,
                                            struct cup_worker             **out_worker,
                                            struct cup_fault               *out_fault);
CUP_MUST_CHECK enum cup_err cup_worker_start(struct cup_worker *worker,
                                             struct cup_fault  *out_fault);

/* cup_worker_close stops the thread (an unsealed epoch is dropped) and frees everything. */
void cup_worker_close(struct cup_worker *worker);

/* cup_worker_tell hands news to the worker; texts are copied. */
CUP_MUST_CHECK enum cup_err cup_worker_tell(struct cup_worker            *worker,
                                            const struct cup_worker_news *news,
                                            struct cup_fault             *out_fault);

struct cup_worker_link *cup_worker_link(struct cup_worker *worker);

#endif
