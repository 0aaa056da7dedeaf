// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

#include "dataplane/shard_priv.h"

void cup_shard_priv_epoch_open(struct cup_shard *shard, uint64_t opened_ns)
{
    shard->epoch_opened_ns = opened_ns;
    cup_clock_day_text(cup_clock_wall_us(), shard->epoch_day);
}

/* --- parts --- */

static void ask_close(struct cup_worker_link *link, bool hold, enum cup_close why)
{
    CUP_ASSERT(link != NULL);
    pthread_mutex_lock(&link->lock);
    link->hold = hold;
    link->why  = why;
    /* pairs with the acquire in the worker's step */
    atomic_store_explicit(&link->close_asked, true, memory_order_release);
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->lock);
}

static enum cup_err wait_wake(struct cup_shard *shard, struct cup_fault *out_fault)
{
    struct pollfd ready = {.fd = shard->wake_fd, .events = POLLIN};
    uint64_t      count;

    if (poll(&ready, 1, -1) < 0 && errno != EINTR)
        return cup_fault_set(out_fault, CUP_IO, "wait for workers", NULL);
    (void)!read(shard->wake_fd, &count, sizeof count); /* non-blocking: only empties it */
    return CUP_OK;
}

/* Takes the worker's part when it is there. */
static enum cup_err take_part(struct cup_shard *shard, struct cup_worker_link *link,
                              struct cup_epoch_part *part, bool *taken, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    pthread_mutex_lock(&link->lock);
    if (link->state == CUP_WORKER_FAILED) {
        err = cup_shard_priv_worker_failed(shard, link, out_fault);
    } else if (link->part_ready) {
        *part            = link->part;
        link->part       = (struct cup_epoch_part){0};
        link->part_ready = false;
        *taken           = true;
    }
    pthread_mutex_unlock(&link->lock);
    return err;
}

static void free_parts(struct cup_shard *shard, struct cup_epoch_part *parts)
{
    for (uint32_t i = 0; i < shard->worker_count; i++)
        cup_epoch_part_free(&parts[i], shard->store);
}

/* Collects the part of every worker. On failure what was taken is freed. */
static enum cup_err collect(struct cup_shard *shard, struct cup_epoch_part *parts,
                            struct cup_fault *out_fault)
{
    bool         taken[CUP_PLAN_WORKERS_MAX] = {0};
    uint32_t     missing                     = shard->worker_count;
    enum cup_err err                         = CUP_OK;

    while (err == CUP_OK && missing > 0) {
        missing = 0;
        for (uint32_t i = 0; err == CUP_OK && i < shard->worker_count; i++) {
            struct cup_worker_link *link = cup_worker_link(shard->workers[i]);
            if (!taken[i]) err = take_part(shard, link, &parts[i], &taken[i], out_fault);
            missing += !taken[i];
        }
        if (err == CUP_OK && missing > 0) err = wait_wake(shard, out_fault);
    }
    if (err != CUP_OK) free_parts(shard, parts);
    return err;
}

/* --- sums: parts are freed by the commit --- */

static void tally_range(struct cup_shard_tally *tally, const struct cup_epoch_range *range)
{
    tally->counters[CUP_COUNTER_RECORDS] += range->record_count;
    tally->counters[CUP_COUNTER_BYTES] += range->bytes;
    tally->counters[CUP_COUNTER_RECORDS_LOST] += range->lost_count;
    tally->counters[CUP_COUNTER_BLANK_LINES] += range->blank_count;
    for (uint32_t i = 0; i < CUP_OUTCOME_COUNT; i++) {
        enum cup_outcome_class class = cup_outcome_class((enum cup_outcome)i);
        tally->outcomes[i] += range->outcomes[i];
        if (class == CUP_CLASS_QUARANTINED)
            tally->counters[CUP_COUNTER_QUARANTINED] += range->outcomes[i];
        if (class == CUP_CLASS_DROPPED) tally->counters[CUP_COUNTER_DROPPED] += range->outcomes[i];
    }
}

static void tally_file(struct cup_shard_tally *tally, const struct cup_epoch_file *file)
{
    tally->counters[CUP_COUNTER_FILES]++;
    tally->counters[CUP_COUNTER_OF_CLOSE(file->closed)]++;
    if (file->zone == CUP_ZONE_BRONZE) tally->counters[CUP_COUNTER_BRONZE_BYTES] += file->bytes;
    if (file->zone != CUP_ZONE_SILVER) return;
    tally->counters[CUP_COUNTER_SILVER_BYTES] += file->bytes;
    tally->counters[CUP_COUNTER_ROWS] += file->row_count;
}

static void tally_parts(struct cup_shard *shard, const struct cup_epoch_part *parts,
                        struct cup_shard_tally *tallies)
{
    for (uint32_t p = 0; p < shard->worker_count; p++) {
        tallies[p] = shard->committed[p];
        for (uint32_t i = 0; i < parts[p].range_count; i++)
            tally_range(&tallies[p], &parts[p].ranges[i]);
        for (uint32_t i = 0; i < parts[p].file_count; i++)
            tally_file(&tallies[p], &parts[p].files[i]);
    }
}

/* What an epoch brought, for control's summary and for the counters. */
struct sums {
    struct cup_wire_epoch_table *tables; /* of the plan */
    struct cup_wire_epoch_odd   *odds;
    uint32_t                     odd_count;
    struct cup_text              lost; /* notes of a line each */
    struct cup_shard_tally       tallies[CUP_PLAN_WORKERS_MAX];
};

static void count_table(struct cup_wire_epoch_table *row, const struct cup_epoch_file *file)
{
    row->files++;
    row->rows += file->row_count;
    row->bytes += file->bytes;
}

static void sum_tables(const struct cup_shard *shard, const struct cup_epoch_part *parts,
                       struct cup_wire_epoch_table *rows)
{
    const struct cup_plan *plan = shard->current.plan;

    for (uint32_t i = 0; i < plan->tables.count; i++) {
        snprintf(rows[i].path, sizeof rows[i].path, "%s",
                 cup_plan_text(plan, cup_plan_tables(plan)[i].path));
        rows[i].zone = CUP_ZONE_SILVER;
    }
    for (uint32_t p = 0; p < shard->worker_count; p++)
        for (uint32_t f = 0; f < parts[p].file_count; f++)
            if (parts[p].files[f].zone == CUP_ZONE_SILVER)
                count_table(&rows[parts[p].files[f].table], &parts[p].files[f]);
}

static void sum_odds(const struct cup_shard *shard, const struct cup_epoch_part *parts,
                     struct sums *sums)
{
    const struct cup_plan *plan = shard->current.plan;

    for (uint32_t p = 0; p < shard->worker_count; p++)
        for (uint32_t i = 0; i < parts[p].odd_count; i++) {
            const struct cup_epoch_odd   *odd    = &parts[p].odds[i];
            const struct cup_plan_table  *table  = &cup_plan_tables(plan)[odd->table];
            const struct cup_plan_column *column = cup_plan_columns(plan, table);
            struct cup_wire_epoch_odd    *row    = &sums->odds[sums->odd_count++];
            row->count                           = odd->count;
            row->oddity                          = odd->oddity;
            snprintf(row->path, sizeof row->path, "%s", cup_plan_text(plan, table->path));
            if (odd->column == UINT32_MAX) continue;
            snprintf(row->column, sizeof row->column, "%s",
                     cup_plan_text(plan, column[odd->column].name));
        }
}

/* What retention was quicker with is told once it is decided that nobody reads it any more. */
static void sum_lost(const struct cup_shard *shard, const struct cup_epoch_part *parts,
                     struct cup_text *lost)
{
    for (uint32_t p = 0; p < shard->worker_count; p++)
        for (uint32_t i = 0; i < parts[p].range_count; i++) {
            const struct cup_epoch_range *range = &parts[p].ranges[i];
            if (range->lost_count == 0) continue;
            cup_text_printf(lost,
                            "input %s: %" PRIu64 " of the offsets %" PRIu64 " to %" PRIu64
                            " were deleted before they could be read, and are skipped "
                            "(kafka.gaps); the ledger has it\n",
                            cup_commit_reading(shard->commit, range->input).name, range->lost_count,
                            range->start, range->end);
        }
}

static void free_sums(struct sums *sums)
{
    free(sums->tables);
    free(sums->odds);
    cup_text_free(&sums->lost);
    free(sums);
}

static enum cup_err make_sums(struct cup_shard *shard, const struct cup_epoch_part *parts,
                              struct sums **out_sums, struct cup_fault *out_fault)
{
    struct sums *sums = calloc(1, sizeof *sums);
    size_t       odds = 1;

    for (uint32_t p = 0; p < shard->worker_count; p++)
        odds += parts[p].odd_count;
    if (sums != NULL) {
        sums->tables = calloc(shard->current.plan->tables.count + 1ul, sizeof *sums->tables);
        sums->odds   = calloc(odds, sizeof *sums->odds);
    }
    if (sums == NULL || sums->tables == NULL || sums->odds == NULL) {
        if (sums != NULL) free_sums(sums);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "summary of an epoch", NULL);
    }
    sum_tables(shard, parts, sums->tables);
    sum_odds(shard, parts, sums);
    tally_parts(shard, parts, sums->tallies);
    sum_lost(shard, parts, &sums->lost);
    *out_sums = sums;
    return CUP_OK;
}

/* --- the commit --- */

static enum cup_err send_epoch(struct cup_shard *shard, const struct cup_commit_result *result,
                               const struct sums *sums, struct cup_fault *out_fault)
{
    uint32_t              count = shard->current.plan->tables.count;
    struct cup_wire_epoch epoch = {.epoch        = result->epoch,
                                   .generation   = shard->current.plan->generation,
                                   .records      = result->record_count,
                                   .apply_ns     = result->apply_ns,
                                   .bronze_bytes = result->zones[CUP_ZONE_BRONZE].bytes,
                                   .bronze_files = result->zones[CUP_ZONE_BRONZE].files,
                                   .table_count  = count,
                                   .odd_count    = sums->odd_count};

    cup_text_clear(&shard->message);
    cup_text_put(&shard->message, &epoch, sizeof epoch);
    cup_text_put(&shard->message, sums->tables, count * sizeof *sums->tables);
    cup_text_put(&shard->message, sums->odds, sums->odd_count * sizeof *sums->odds);
    if (shard->message.failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "message", NULL);
    return cup_wire_send(shard->socket, CUP_WIRE_EPOCH, shard->message.at, shard->message.bytes, -1,
                         out_fault);
}

/* Where partitions begin of which nothing was read yet. */
static enum cup_err add_starts(struct cup_shard *shard, struct cup_epoch_part *all,
                               struct cup_fault *out_fault)
{
    if (shard->topics.begun == shard->topics.count) return CUP_OK;
    enum cup_err err = cup_commit_starts(shard->commit, shard->topics.begun, all + 1,
                                         shard->worker_count, all, out_fault);
    if (err != CUP_OK) free_parts(shard, all + 1);
    return err;
}

/* Decides and applies. A decided epoch is not given up: it is tried again until it is in all
 * tables, or must be left to the next start. */
static enum cup_err commit_parts(struct cup_shard *shard, struct cup_epoch_part *parts,
                                 uint32_t part_count, struct cup_commit_result *out_result,
                                 struct cup_fault *out_fault)
{
    struct cup_fault why = {0};

    enum cup_err err = cup_commit_epoch(shard->commit, parts, part_count, out_result, &why);
    for (uint32_t tries = 0; err != CUP_OK; tries++) {
        enum cup_commit_standing standing = cup_commit_standing(shard->commit);
        if (standing == CUP_COMMIT_READY) return cup_shard_priv_setback(shard, &why, out_fault);
        *out_fault = why;
        if (standing == CUP_COMMIT_FAILED) return err;
        if (err != CUP_IO && err != CUP_NO_SPACE) return err;
        err = cup_shard_priv_await_resume(shard, &why, tries, out_fault);
        if (err != CUP_OK) return err;
        err = cup_commit_resume(shard->commit, out_result, &why);
    }
    return cup_shard_priv_tell_running(shard, out_fault);
}

static enum cup_err book_epoch(struct cup_shard *shard, struct sums *sums,
                               const struct cup_commit_result *result, struct cup_fault *out_fault)
{
    for (uint32_t i = 0; i < shard->worker_count; i++)
        shard->committed[i] = sums->tallies[i];
    if (result->epoch == 0) return CUP_OK;
    shard->failed_in_row = shard->full_in_row = 0;
    atomic_store_explicit(&shard->stats->epoch, result->epoch, memory_order_relaxed);
    if (shard->deliver != NULL)
        cup_deliver_decided(shard->deliver, result->epoch, result->zones[CUP_ZONE_SPOOL].bytes);
    enum cup_err err = cup_shard_priv_note(shard, &sums->lost, out_fault);
    return err == CUP_OK ? send_epoch(shard, result, sums, out_fault) : err;
}

enum cup_err cup_shard_priv_epoch_close(struct cup_shard *shard, bool hold, enum cup_close why,
                                        struct cup_fault *out_fault)
{
    /* the first is the shard's own: where partitions begin */
    struct cup_epoch_part    all[1 + CUP_PLAN_WORKERS_MAX] = {0}, *parts = all + 1;
    struct cup_commit_result result;
    struct sums             *sums     = NULL;
    uint32_t                 over     = shard->inputs_followed.over_count;
    uint32_t                 begun    = shard->topics.count;
    uint64_t                 epoch    = cup_commit_next_epoch(shard->commit);
    uint64_t                 asked_ns = cup_clock_mono_ns();
    enum cup_action          action;

    for (uint32_t i = 0; i < shard->worker_count; i++)
        ask_close(cup_worker_link(shard->workers[i]), hold, why);
    enum cup_err err = collect(shard, parts, out_fault);
    if (err != CUP_OK) return err;
    err = cup_shard_priv_judge(shard, parts, why == CUP_CLOSE_DRAIN, &action, out_fault);
    if (err == CUP_OK) err = make_sums(shard, parts, &sums, out_fault);
    if (err != CUP_OK) {
        free_parts(shard, parts);
        return err;
    }
    atomic_store_explicit(&shard->fill.bytes[epoch & 1], 0, memory_order_relaxed);
    cup_shard_priv_epoch_open(shard, asked_ns); /* intervals are from close to close */
    err = add_starts(shard, all, out_fault);
    if (err == CUP_OK) err = commit_parts(shard, all, 1 + shard->worker_count, &result, out_fault);
    if (err == CUP_OK) err = book_epoch(shard, sums, &result, out_fault);
    if (err == CUP_OK) cup_shard_priv_inputs_decided(shard, over);
    if (err == CUP_OK) shard->topics.begun = begun;
    free_sums(sums);
    if (err == CUP_OK && result.zones[CUP_ZONE_QUARANTINE].files > 0)
        err = cup_shard_priv_bound(shard, out_fault);
    if (err != CUP_OK || action != CUP_ACTION_PAUSE) return err;
    err = cup_shard_priv_wait(shard, out_fault);
    cup_shard_priv_epoch_open(shard, cup_clock_mono_ns());
    return err;
}
