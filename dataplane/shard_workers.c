// SPDX-License-Identifier: Apache-2.0
#include "dataplane/shard_priv.h"
#include "dataplane/topology.h"

/* Deals the inputs to the workers by group; finished inputs are left out. */
static enum cup_err deal_inputs(struct cup_shard *shard, uint32_t worker, uint32_t *at,
                                uint32_t *out_count, struct cup_fault *out_fault)
{
    const struct cup_plan       *plan   = shard->first.plan;
    const struct cup_plan_input *inputs = cup_plan_inputs(plan);
    uint32_t                     from   = *at;

    for (uint32_t i = 0; i < plan->inputs.count; i++) {
        uint64_t start;
        bool     ended;
        if (inputs[i].group % plan->worker_count != worker) continue;
        enum cup_err err = cup_commit_start(shard->commit, i, &start, &ended, out_fault);
        if (err != CUP_OK) return err;
        if (ended) continue;
        shard->inputs[*at] = i;
        shard->starts[*at] = start;
        ++*at;
    }
    *out_count = *at - from;
    return CUP_OK;
}

static enum cup_err open_all(struct cup_shard *shard, struct cup_fault *out_fault)
{
    const struct cup_plan *plan = shard->first.plan;
    int                    cores[CUP_PLAN_WORKERS_MAX];
    uint32_t               at    = 0;
    size_t                 count = plan->inputs.count == 0 ? 1 : plan->inputs.count;

    CUP_ASSERT(shard->inputs == NULL && shard->starts == NULL);
    shard->inputs = calloc(count, sizeof *shard->inputs);
    shard->starts = calloc(count, sizeof *shard->starts);
    if (shard->inputs == NULL || shard->starts == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of inputs", NULL);
    cup_topology_pick(plan->worker_count, cores);
    for (uint32_t i = 0; i < plan->worker_count; i++) {
        struct cup_worker_config config = {.index   = i,
                                           .plan    = plan,
                                           .current = shard->current.plan,
                                           .store   = shard->store,
                                           .stats   = &shard->stats->workers[i],
                                           .fill    = &shard->fill,
                                           .inputs  = shard->inputs + at,
                                           .starts  = shard->starts + at,
                                           .epoch   = cup_commit_next_epoch(shard->commit),
                                           .wake_fd = shard->wake_fd,
                                           .core    = cores[i]};
        enum cup_err             err = deal_inputs(shard, i, &at, &config.input_count, out_fault);
        if (err == CUP_OK) err = cup_worker_open(&config, &shard->workers[i], out_fault);
        if (err != CUP_OK) return err;
        shard->worker_count++;
    }
    return CUP_OK;
}

enum cup_err cup_shard_priv_workers_start(struct cup_shard *shard, struct cup_fault *out_fault)
{
    CUP_ASSERT(shard->worker_count == 0);
    for (uint32_t i = 0; i < 2; i++)
        atomic_store_explicit(&shard->fill.bytes[i], 0, memory_order_relaxed);
    enum cup_err err = cup_store_free_bytes(shard->store, &shard->free_at_start, out_fault);
    if (err == CUP_OK) err = open_all(shard, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_inputs_follow(shard, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_topics_consume(shard, out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < shard->worker_count; i++)
        err = cup_worker_start(shard->workers[i], out_fault);
    return err;
}

void cup_shard_priv_workers_close(struct cup_shard *shard)
{
    for (uint32_t i = 0; i < shard->worker_count; i++)
        cup_worker_close(shard->workers[i]);
    shard->worker_count = 0;
    free(shard->inputs);
    free(shard->starts);
    shard->inputs = NULL;
    shard->starts = NULL;
}

void cup_shard_priv_workers_stop(struct cup_shard *shard)
{
    for (uint32_t i = 0; i < shard->worker_count; i++)
        atomic_store_explicit(&cup_worker_link(shard->workers[i])->stop_asked, true,
                              memory_order_relaxed);
}

void cup_shard_priv_workers_release(struct cup_shard *shard, uint32_t asker,
                                    const struct cup_shard_answer *answer)
{
    for (uint32_t i = 0; i < shard->worker_count; i++) {
        struct cup_worker_link *link = cup_worker_link(shard->workers[i]);
        pthread_mutex_lock(&link->lock);
        if (link->state == CUP_WORKER_HELD) {
            link->next_epoch = cup_commit_next_epoch(shard->commit);
            link->next_plan  = answer->plan.plan;
            link->refuse     = answer->refuse && i == asker;
            link->refuse_as  = answer->refuse_as;
            link->released   = true;
            pthread_cond_broadcast(&link->changed);
        }
        pthread_mutex_unlock(&link->lock);
    }
}

enum cup_err cup_shard_priv_worker_failed(struct cup_shard             *shard,
                                          const struct cup_worker_link *link,
                                          struct cup_fault             *out_fault)
{
    CUP_ASSERT(link->state == CUP_WORKER_FAILED);
    if (!link->reading) return cup_shard_priv_setback(shard, &link->fault, out_fault);
    *out_fault = link->fault;
    return link->fault.err;
}

void cup_shard_priv_workers_look(const struct cup_shard *shard, struct cup_shard_census *census)
{
    uint64_t epoch = cup_commit_next_epoch(shard->commit);

    census->bytes   = atomic_load_explicit(&shard->fill.bytes[epoch & 1], memory_order_relaxed);
    census->records = 0;
    census->full    = false;
    for (uint32_t i = 0; i < shard->worker_count; i++) {
        struct cup_worker_link *link = cup_worker_link(shard->workers[i]);
        census->records += atomic_load_explicit(&link->open_records, memory_order_relaxed);
        census->full |= atomic_load_explicit(&link->full, memory_order_relaxed);
    }
}

enum cup_err cup_shard_priv_workers_count(struct cup_shard        *shard,
                                          struct cup_shard_census *out_census,
                                          struct cup_fault        *out_fault)
{
    struct cup_shard_census census = {0};
    enum cup_err            err    = CUP_OK;

    for (uint32_t i = 0; err == CUP_OK && i < shard->worker_count; i++) {
        struct cup_worker_link *link = cup_worker_link(shard->workers[i]);
        pthread_mutex_lock(&link->lock);
        enum cup_worker_state state = link->state;
        if (state == CUP_WORKER_FAILED) err = cup_shard_priv_worker_failed(shard, link, out_fault);
        pthread_mutex_unlock(&link->lock);
        census.parked += state == CUP_WORKER_PARKED;
        census.ended += state == CUP_WORKER_ENDED;
        census.running += state == CUP_WORKER_RUNNING;
    }
    cup_shard_priv_workers_look(shard, &census);
    if (err == CUP_OK) *out_census = census;
    return err;
}
