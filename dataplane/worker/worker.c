// SPDX-License-Identifier: Apache-2.0
#include "dataplane/worker/worker.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "dataplane/worker/worker_priv.h"

/* --- open and close --- */

static const char *topic_of(const void *arg, uint32_t topic)
{
    return cup_source_topic(arg, topic);
}

static bool is_judged(const struct cup_plan *plan)
{
    for (uint32_t i = 0; i < plan->tables.count; i++)
        if (cup_plan_tables(plan)[i].datasets.count > 0) return true;
    return false;
}

static enum cup_err open_decode(struct cup_worker *worker, struct cup_fault *out_fault)
{
    worker->judged = is_judged(worker->plan);
    enum cup_err err =
        cup_publish_open(worker->plan, worker->config.store, &worker->publish, out_fault);
    if (err != CUP_OK || !worker->plan->silver) return err;
    err = cup_decode_open(worker->plan, &worker->pool, topic_of, worker->source, &worker->decode,
                          out_fault);
    if (err == CUP_OK)
        err = cup_masks_open(worker->plan, worker->decode, &worker->masks, out_fault);
    return err == CUP_OK ? cup_worker_priv_tables_open(worker, out_fault) : err;
}

static enum cup_err open_rooms(struct cup_worker *worker, struct cup_fault *out_fault)
{
    const struct cup_worker_config *config = &worker->config;

    enum cup_err err = cup_pool_init(&worker->pool, config->plan->pool_bytes, out_fault);
    if (err == CUP_OK)
        err = cup_source_open(config->plan, config->inputs, config->starts, config->input_count,
                              &worker->pool, &worker->source, out_fault);
    if (err == CUP_OK) err = open_decode(worker, out_fault);
    if (err == CUP_OK) err = cup_worker_priv_archive_open(worker, out_fault);
    return err;
}

enum cup_err cup_worker_open(const struct cup_worker_config *config, struct cup_worker **out_worker,
                             struct cup_fault *out_fault)
{
    CUP_ASSERT(config->stats != NULL);
    struct cup_worker  *worker   = calloc(1, sizeof *worker);
    struct cup_verdict *verdicts = calloc(CUP_BATCH_RECORDS_MAX, sizeof *verdicts);
    pthread_condattr_t  monotonic;
    if (worker == NULL || verdicts == NULL) {
        free(worker);
        free(verdicts);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "worker", NULL);
    }
    worker->config       = *config;
    worker->plan         = config->current;
    worker->verdicts     = verdicts;
    worker->link.wake_fd = config->wake_fd;
    worker->context      = (struct cup_zone_context){.store  = config->store,
                                                     .plan   = config->current,
                                                     .pool   = &worker->pool,
                                                     .codec  = (enum cup_codec)config->plan->codec,
                                                     .worker = config->index,
                                                     .epoch  = config->epoch};
    CUP_ASSERT(pthread_mutex_init(&worker->link.lock, NULL) == 0);
    CUP_ASSERT(pthread_condattr_init(&monotonic) == 0);
    CUP_ASSERT(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CUP_ASSERT(pthread_cond_init(&worker->link.changed, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);

    enum cup_err err = open_rooms(worker, out_fault);
    if (err != CUP_OK) {
        cup_worker_close(worker);
        return err;
    }
    *out_worker = worker;
    return CUP_OK;
}

static void close_decode(struct cup_worker *worker)
{
    cup_worker_priv_tables_close(worker);
    cup_publish_close(worker->publish);
    worker->publish = NULL;
    cup_masks_close(worker->masks);
    worker->masks = NULL;
    cup_decode_close(worker->decode);
    worker->decode = NULL;
}

void cup_worker_close(struct cup_worker *worker)
{
    if (worker == NULL) return;
    if (worker->started) {
        pthread_mutex_lock(&worker->link.lock);
        worker->link.quit = true;
        atomic_store_explicit(&worker->link.close_asked, true, memory_order_release);
        pthread_cond_broadcast(&worker->link.changed);
        pthread_mutex_unlock(&worker->link.lock);
        CUP_ASSERT(pthread_join(worker->thread, NULL) == 0);
    }
    close_decode(worker);
    cup_worker_priv_archive_close(worker);
    cup_source_close(worker->source);
    cup_epoch_part_free(&worker->link.part, worker->config.store);
    cup_epoch_part_free(&worker->part, worker->config.store);
    cup_pool_fini(&worker->pool);
    pthread_mutex_destroy(&worker->link.lock);
    pthread_cond_destroy(&worker->link.changed);
    cup_worker_priv_news_free(worker);
    free(worker->range_at);
    free(worker->verdicts);
    free(worker);
}

struct cup_worker_link *cup_worker_link(struct cup_worker *worker)
{
    return &worker->link;
}

/* --- one batch --- */

/* Doubles a list until it holds `count`. */
static void *make_room(void *list, uint32_t count, uint32_t *cap, size_t bytes)
{
    uint32_t more = *cap == 0 ? 16 : *cap;

    if (count <= *cap) return list;
    while (more < count)
        more *= 2;
    void *grown = realloc(list, more * bytes);
    if (grown == NULL) return NULL;
    memset((uint8_t *)grown + *cap * bytes, 0, (more - *cap) * bytes);
    *cap = more;
    return grown;
}

/* The range of the batch's input in the open epoch, started at `start` if there is none. */
static struct cup_epoch_range *range_of(struct cup_worker *worker, uint64_t start)
{
    struct cup_epoch_part *part  = &worker->part;
    uint32_t               input = worker->batch.input;

    void *places =
        make_room(worker->range_at, input + 1, &worker->range_at_cap, sizeof *worker->range_at);
    if (places == NULL) return NULL;
    worker->range_at = places;
    uint32_t at      = worker->range_at[input];
    if (at < part->range_count && part->ranges[at].input == input) return &part->ranges[at];
    void *ranges =
        make_room(part->ranges, part->range_count + 1, &worker->range_cap, sizeof *part->ranges);
    if (ranges == NULL) return NULL;
    part->ranges                  = ranges;
    worker->range_at[input]       = part->range_count;
    struct cup_epoch_range *range = &part->ranges[part->range_count++];
    *range              = (struct cup_epoch_range){.input = input, .start = start, .end = start};
    range->anchor.inode = CUP_ANCHOR_NONE;
    return range;
}

/* The epoch's tallies per table; *out_tallies is NULL when no rule looks at them. */
static bool tallies_of(struct cup_worker *worker, struct cup_epoch_tally **out_tallies)
{
    struct cup_epoch_part *part  = &worker->part;
    uint32_t               count = worker->plan->tables.count;

    if (part->tallies == NULL && worker->judged) {
        part->tallies = calloc(count + 1ul, sizeof *part->tallies);
        if (part->tallies == NULL) return false;
        for (uint32_t i = 0; i < count; i++)
            part->tallies[i].newest_us = INT64_MIN;
    }
    *out_tallies = part->tallies;
    return true;
}

static void tally(struct cup_epoch_tally *tallies, const struct cup_verdict *verdict)
{
    struct cup_epoch_tally *tally = &tallies[verdict->table];

    tally->row_count += verdict->row_count;
    switch (cup_outcome_class((enum cup_outcome)verdict->outcome)) {
    case CUP_CLASS_ACCEPTED: tally->accepted_count++; break;
    case CUP_CLASS_QUARANTINED: tally->quarantined_count++; break;
    case CUP_CLASS_DROPPED: break;
    }
}

/* Bytes of input that records [from, to) are: offsets of a partition do not count them. */
static uint64_t bytes_of(const struct cup_worker *worker, uint32_t from, uint32_t to,
                         uint64_t covered)
{
    uint64_t bytes = 0;

    if (!cup_plan_consumes(worker->config.plan)) return covered;
    for (uint32_t i = from; i < to; i++)
        bytes += worker->batch.records[i].value_bytes;
    return bytes;
}

static _Atomic uint64_t *fill_of(const struct cup_worker *worker)
{
    return &worker->config.fill->bytes[worker->context.epoch & 1];
}

/* True for the worker that reaches the limit. */
static bool add_bytes(struct cup_worker *worker, uint64_t bytes)
{
    uint64_t most   = worker->plan->epoch_bytes_max;
    uint64_t before = atomic_fetch_add_explicit(fill_of(worker), bytes, memory_order_relaxed);

    return before < most && before + bytes >= most;
}

static bool is_filled(const struct cup_worker *worker)
{
    uint64_t bytes = atomic_load_explicit(fill_of(worker), memory_order_relaxed);

    return bytes >= worker->plan->epoch_bytes_max;
}

/* Books records [from, to) in the range, the counters and the totals of the open epoch. */
static enum cup_err account(struct cup_worker *worker, uint32_t from, uint32_t to,
                            struct cup_fault *out_fault)
{
    const struct cup_batch  *batch = &worker->batch;
    struct cup_stats_worker *stats = worker->config.stats;
    uint64_t                 start = from == 0 ? batch->start : batch->records[from].position;
    uint64_t end   = to == batch->record_count ? batch->end : batch->records[to].position;
    uint64_t bytes = bytes_of(worker, from, to, end - start);
    struct cup_epoch_range *range = range_of(worker, start);
    struct cup_epoch_tally *tallies;

    if (range == NULL || !tallies_of(worker, &tallies))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of ranges", NULL);
    CUP_ASSERT(range->end == start);
    uint64_t classes[3] = {0}, records = 0;
    for (uint32_t i = from; i < to; i++) {
        if (!cup_verdict_counts(&batch->records[i])) continue;
        enum cup_outcome outcome = (enum cup_outcome)worker->verdicts[i].outcome;
        range->outcomes[outcome]++;
        records++;
        classes[cup_outcome_class(outcome)]++;
        if (tallies != NULL && worker->verdicts[i].table != UINT32_MAX)
            tally(tallies, &worker->verdicts[i]);
        cup_stats_add(&stats->outcomes[outcome], 1);
    }
    if (worker->decode != NULL) cup_decode_move_ignored(worker->decode, stats->ignored);
    range->record_count += records;
    range->end = end;
    range->bytes += bytes;
    cup_stats_add(&stats->counters[CUP_COUNTER_RECORDS], records);
    cup_stats_add(&stats->counters[CUP_COUNTER_BYTES], bytes);
    cup_stats_add(&stats->counters[CUP_COUNTER_QUARANTINED], classes[CUP_CLASS_QUARANTINED]);
    cup_stats_add(&stats->counters[CUP_COUNTER_DROPPED], classes[CUP_CLASS_DROPPED]);
    atomic_store_explicit(&stats->input, batch->input, memory_order_relaxed);
    atomic_store_explicit(&stats->position, end, memory_order_relaxed);
    bool first = atomic_load_explicit(&worker->link.open_records, memory_order_relaxed) == 0;
    cup_stats_add(&worker->link.open_records, records);
    bool filled = add_bytes(worker, bytes);
    if (filled || (first && records > 0)) cup_worker_priv_wake(worker); /* the epoch may be due */
    return CUP_OK;
}

static enum cup_err finish_batch(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_epoch_range *range = range_of(worker, worker->batch.start);

    if (range == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of ranges", NULL);
    range->blank_count += worker->batch.blank_count;
    range->lost_count += worker->batch.lost_count;
    if (worker->batch.anchor != NULL) range->anchor = *worker->batch.anchor;
    range->ended = worker->batch.ends_input != 0 && !cup_plan_consumes(worker->config.plan);
    cup_stats_add(&worker->config.stats->counters[CUP_COUNTER_RECORDS_LOST],
                  worker->batch.lost_count);
    cup_stats_add(&worker->config.stats->counters[CUP_COUNTER_BLANK_LINES],
                  worker->batch.blank_count);
    worker->batch_open = false;
    return CUP_OK;
}

static enum cup_decode_stop judge(struct cup_worker *worker, uint32_t *next)
{
    struct cup_decode_stamp stamp = {.ingested_us = worker->ingested_us,
                                     .epoch       = worker->context.epoch};

    if (worker->decode != NULL)
        return cup_decode_batch(worker->decode, &worker->batch, &stamp, next, worker->verdicts);
    for (; *next < worker->batch.record_count; ++*next)
        worker->verdicts[*next] = (struct cup_verdict){.outcome = CUP_OUTCOME_ARCHIVED,
                                                       .table   = UINT32_MAX,
                                                       .bad_at  = UINT32_MAX,
                                                       .bad     = UINT32_MAX,
                                                       .rule    = UINT32_MAX};
    return CUP_DECODE_DONE;
}

/* Hands records [from, to) on as they came, if the output wants that. */
static enum cup_err forward(struct cup_worker *worker, uint32_t from, uint32_t to,
                            struct cup_fault *out_fault)
{
    uint64_t     left;
    enum cup_err err = cup_publish_records(worker->publish, &worker->batch, from, to, topic_of,
                                           worker->source, &left, out_fault);

    cup_stats_add(&worker->config.stats->counters[CUP_COUNTER_NOT_FORWARDED], left);
    return err;
}

/* Carries the batch on from where it stands. CUP_AGAIN: parked at an unknown schema. */
static enum cup_err run_batch(struct cup_worker *worker, struct cup_fault *out_fault)
{
    for (;;) {
        uint32_t             from = worker->batch_next, next = from;
        enum cup_decode_stop stop = judge(worker, &next);
        enum cup_err         err  = CUP_OK;

        if (next > from || (stop == CUP_DECODE_DONE && worker->batch.record_count == 0)) {
            err = cup_worker_priv_archive(worker, from, next, out_fault);
            if (err == CUP_OK) err = forward(worker, from, next, out_fault);
            if (err == CUP_OK) err = account(worker, from, next, out_fault);
            worker->batch_next = next;
        }
        if (err != CUP_OK) return err;
        switch (stop) {
        case CUP_DECODE_DONE: return finish_batch(worker, out_fault);
        case CUP_DECODE_UNKNOWN: return CUP_AGAIN;
        case CUP_DECODE_SHORT: err = cup_worker_priv_make_room(worker, out_fault); break;
        case CUP_DECODE_FULL:
            err = cup_worker_priv_encode(worker, cup_decode_stop_table(worker->decode), false,
                                         out_fault);
            break;
        }
        if (err != CUP_OK) return err;
    }
}

/* --- the end of an epoch --- */

struct cup_epoch_file *cup_worker_priv_part_file(struct cup_worker *worker)
{
    struct cup_epoch_part *part  = &worker->part;
    uint32_t               count = part->file_count;

    if ((count & (count - 1)) == 0) { /* 0, 1, 2, 4, ...: full at powers of two */
        void *grown = realloc(part->files, (count == 0 ? 1 : 2ul * count) * sizeof *part->files);
        CUP_ASSERT(grown != NULL); /* a few KiB per file, once an epoch */
        part->files = grown;
    }
    part->files[count] = (struct cup_epoch_file){0};
    part->file_count++;
    return &part->files[count];
}

enum cup_err cup_worker_priv_finish(struct cup_worker *worker, struct cup_zone_file *file,
                                    enum cup_close why, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    if (worker->part.file_count - worker->part.sealed_count >= CUP_WORKER_SEAL_MAX)
        err = cup_worker_priv_seal(&worker->part, out_fault);
    if (err != CUP_OK) return err;
    cup_worker_priv_forget(worker, file);
    struct cup_epoch_file *done = cup_worker_priv_part_file(worker);
    err                         = cup_zone_file_finish(file, &worker->context, done, out_fault);
    done->closed                = why;
    return err;
}

static void count_file(struct cup_worker *worker, const struct cup_epoch_file *file)
{
    _Atomic uint64_t *counters = worker->config.stats->counters;

    cup_stats_add(&counters[CUP_COUNTER_FILES], 1);
    if (file->zone == CUP_ZONE_SILVER)
        cup_stats_add(&counters[CUP_COUNTER_SILVER_BYTES], file->bytes);
    if (file->zone == CUP_ZONE_BRONZE)
        cup_stats_add(&counters[CUP_COUNTER_BRONZE_BYTES], file->bytes);
    cup_stats_add(&counters[CUP_COUNTER_OF_CLOSE(file->closed)], 1);
}

/* What was odd in the epoch's records, by table and column. */
static enum cup_err take_odds(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_epoch_part *part = &worker->part;
    struct cup_decode_odd  odd  = {0};

    while (worker->decode != NULL && cup_decode_take_odd(worker->decode, &odd)) {
        uint32_t count = part->odd_count;
        if ((count & (count - 1)) == 0) { /* as files */
            void *grown = realloc(part->odds, (count == 0 ? 1 : 2ul * count) * sizeof *part->odds);
            if (grown == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "oddities", NULL);
            part->odds = grown;
        }
        part->odds[part->odd_count++] = (struct cup_epoch_odd){
            .table = odd.table, .column = odd.column, .oddity = odd.oddity, .count = odd.count};
    }
    return CUP_OK;
}

static enum cup_err finish_spool(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_published published;
    enum cup_err         err = cup_publish_finish(worker->publish, worker->context.epoch,
                                                  worker->config.index, &published, out_fault);

    if (err != CUP_OK || published.staged == NULL) return err;
    struct cup_epoch_file *file = cup_worker_priv_part_file(worker);
    file->zone                  = CUP_ZONE_SPOOL;
    file->closed                = worker->closing;
    file->staged                = published.staged;
    file->bytes                 = published.bytes;
    file->row_count             = published.record_count;
    memcpy(file->name, published.name, sizeof file->name);
    return CUP_OK;
}

static enum cup_err finish_epoch(struct cup_worker *worker, struct cup_epoch_part *out_part,
                                 struct cup_fault *out_fault)
{
    enum cup_err err = cup_worker_priv_archive_finish(worker, worker->closing, out_fault);
    if (err == CUP_OK) err = cup_worker_priv_tables_finish(worker, worker->closing, out_fault);
    if (err == CUP_OK) err = finish_spool(worker, out_fault);
    if (err == CUP_OK) err = take_odds(worker, out_fault);
    if (err != CUP_OK) return err;
    for (uint32_t i = 0; i < worker->part.file_count; i++)
        count_file(worker, &worker->part.files[i]);
    cup_stats_add(&worker->config.stats->counters[CUP_COUNTER_EPOCHS], 1);
    *out_part         = worker->part;
    worker->part      = (struct cup_epoch_part){0};
    worker->range_cap = 0;
    return CUP_OK;
}

void cup_worker_priv_wake(struct cup_worker *worker)
{
    uint64_t one = 1;

    CUP_ASSERT(write(worker->link.wake_fd, &one, sizeof one) == (ssize_t)sizeof one);
}

static enum cup_err adopt(struct cup_worker *worker, const struct cup_plan *plan,
                          struct cup_fault *out_fault)
{
    close_decode(worker);
    worker->plan         = plan;
    worker->context.plan = plan;
    return open_decode(worker, out_fault);
}

/* What the shard said at release. */
static enum cup_err obey_release(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_worker_link *link = &worker->link;
    enum cup_err            err  = CUP_OK;

    worker->context.epoch = link->next_epoch;
    if (link->next_plan != NULL) err = adopt(worker, link->next_plan, out_fault);
    if (err == CUP_OK && link->refuse) cup_decode_refuse(worker->decode, link->refuse_as);
    link->next_plan = NULL;
    link->refuse    = false;
    link->released  = false;
    return err;
}

/* Finishes the epoch's files and hands them over; `before` says what the worker was doing. Returns
 * CUP_END to quit. */
static enum cup_err hand_over(struct cup_worker *worker, enum cup_worker_state before,
                              struct cup_fault *out_fault)
{
    struct cup_worker_link *link = &worker->link;
    struct cup_epoch_part   part;

    pthread_mutex_lock(&link->lock);
    worker->closing = link->why;
    pthread_mutex_unlock(&link->lock);
    enum cup_err err = finish_epoch(worker, &part, out_fault);
    if (err != CUP_OK) return err;
    atomic_store_explicit(&link->open_records, 0, memory_order_relaxed);

    pthread_mutex_lock(&link->lock);
    CUP_ASSERT(!link->part_ready);
    link->part       = part;
    link->part_ready = true;
    link->before     = before;
    bool held        = link->hold || before != CUP_WORKER_RUNNING;
    link->state      = held ? CUP_WORKER_HELD : CUP_WORKER_RUNNING;
    atomic_store_explicit(&link->close_asked, false, memory_order_relaxed);
    cup_worker_priv_wake(worker);
    while (held && !link->released && !link->quit)
        pthread_cond_wait(&link->changed, &link->lock);
    bool quit = link->quit;
    if (held && !quit) {
        err         = obey_release(worker, out_fault);
        link->state = CUP_WORKER_RUNNING;
        pthread_cond_broadcast(&link->changed); /* the shard's wait_running */
    }
    pthread_mutex_unlock(&link->lock);
    if (!held) worker->context.epoch++; /* the shard closes no empty epoch without holding */
    return quit ? CUP_END : err;
}

/* Stops at `state` until the shard asks for the epoch. */
static enum cup_err wait_for_close(struct cup_worker *worker, enum cup_worker_state state,
                                   struct cup_fault *out_fault)
{
    struct cup_worker_link *link = &worker->link;

    pthread_mutex_lock(&link->lock);
    link->state = state;
    if (state == CUP_WORKER_PARKED) link->unknown = *cup_decode_unknown(worker->decode);
    cup_worker_priv_wake(worker);
    while (!atomic_load_explicit(&link->close_asked, memory_order_acquire))
        pthread_cond_wait(&link->changed, &link->lock);
    bool quit = link->quit;
    pthread_mutex_unlock(&link->lock);
    return quit ? CUP_END : hand_over(worker, state, out_fault);
}

/* The open epoch takes no more; the shard asks for it when the one before is applied. */
static void wait_for_room(struct cup_worker *worker)
{
    struct cup_worker_link *link = &worker->link;

    pthread_mutex_lock(&link->lock);
    while (!atomic_load_explicit(&link->close_asked, memory_order_acquire))
        pthread_cond_wait(&link->changed, &link->lock);
    pthread_mutex_unlock(&link->lock);
}

/* --- the thread --- */

static enum cup_err next_batch(struct cup_worker *worker, struct cup_fault *out_fault)
{
    enum cup_err err = cup_source_next(worker->source, &worker->batch, out_fault);

    while (err == CUP_NO_MEMORY) {
        err = cup_worker_priv_make_room(worker, out_fault);
        if (err != CUP_OK) return err;
        err = cup_source_next(worker->source, &worker->batch, out_fault);
    }
    worker->reading = err != CUP_OK && err != CUP_AGAIN && err != CUP_END;
    if (err != CUP_OK) return err;
    worker->batch_open  = true;
    worker->batch_next  = 0;
    worker->ingested_us = cup_clock_wall_us();
    return CUP_OK;
}

/* One step of the worker's life. CUP_END: quit. */
static enum cup_err step(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_worker_link *link = &worker->link;
    bool between = !worker->archive.in_oversize; /* an epoch ends at a record bound */

    /* pairs with the release in the shard's ask_close and in cup_worker_close */
    if (between && atomic_load_explicit(&link->close_asked, memory_order_acquire)) {
        pthread_mutex_lock(&link->lock);
        bool quit = link->quit;
        pthread_mutex_unlock(&link->lock);
        return quit ? CUP_END : hand_over(worker, CUP_WORKER_RUNNING, out_fault);
    }
    if (!worker->batch_open) {
        if (between && atomic_load_explicit(&link->stop_asked, memory_order_relaxed))
            return wait_for_close(worker, CUP_WORKER_ENDED, out_fault);
        if (between && is_filled(worker)) {
            wait_for_room(worker);
            return CUP_OK;
        }
        enum cup_err err = cup_worker_priv_take_news(worker, out_fault);
        worker->reading  = err != CUP_OK;
        if (err == CUP_OK) err = cup_worker_priv_tell_lags(worker, out_fault);
        if (err == CUP_OK) err = next_batch(worker, out_fault);
        if (err == CUP_AGAIN) return cup_worker_priv_idle(worker, out_fault);
        if (err == CUP_END) return wait_for_close(worker, CUP_WORKER_ENDED, out_fault);
        if (err == CUP_OK) err = cup_worker_priv_tell_ends(worker, out_fault);
        if (err != CUP_OK) return err;
    }
    enum cup_err err = run_batch(worker, out_fault);
    if (err == CUP_AGAIN) {
        cup_stats_add(&worker->config.stats->counters[CUP_COUNTER_PARKED], 1);
        return wait_for_close(worker, CUP_WORKER_PARKED, out_fault);
    }
    return err == CUP_OK ? cup_worker_priv_keep_low(worker, out_fault) : err;
}

static void pin(int core)
{
    cpu_set_t set;

    if (core < 0) return;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set); /* only slower if refused */
}

static void *run(void *arg)
{
    struct cup_worker *worker = arg;
    struct cup_fault   fault  = {0};
    enum cup_err       err    = CUP_OK;

    pin(worker->config.core);
    while (err == CUP_OK)
        err = step(worker, &fault);
    if (err == CUP_END) return NULL;
    pthread_mutex_lock(&worker->link.lock);
    worker->link.state   = CUP_WORKER_FAILED;
    worker->link.fault   = fault;
    worker->link.reading = worker->reading;
    cup_worker_priv_wake(worker);
    pthread_mutex_unlock(&worker->link.lock);
    return NULL;
}

enum cup_err cup_worker_start(struct cup_worker *worker, struct cup_fault *out_fault)
{
    CUP_ASSERT(!worker->started);
    if (pthread_create(&worker->thread, NULL, run, worker) != 0)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "worker thread", NULL);
    worker->started = true;
    return CUP_OK;
}
