// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/commit_priv.h"

#include <string.h>

#include "base/clock.h"

/* One epoch from sealed files to done. */
struct decide {
    struct cup_commit       *commit;
    struct cup_epoch_part   *parts;
    uint32_t                 part_count;
    struct cup_commit_epoch  epoch;
    struct cup_epoch_file    ledger;
    struct cup_epoch_file  **files; /* of the tables: sorted by zone and table, the ledger last */
    uint32_t                 file_count;
    struct cup_text          payload;
    struct cup_commit_result result;
};

static int compare_files(const void *a, const void *b)
{
    const struct cup_epoch_file *left  = *(struct cup_epoch_file *const *)a;
    const struct cup_epoch_file *right = *(struct cup_epoch_file *const *)b;

    if (left->zone != right->zone) return left->zone < right->zone ? -1 : 1;
    if (left->zone == CUP_ZONE_SILVER && left->table != right->table)
        return left->table < right->table ? -1 : 1;
    return strcmp(left->name, right->name);
}

static enum cup_err sort_files(struct decide *decide, struct cup_fault *out_fault)
{
    size_t count = 1; /* the ledger */

    for (uint32_t p = 0; p < decide->part_count; p++)
        count += decide->parts[p].file_count;
    decide->files = calloc(count, sizeof *decide->files);
    if (decide->files == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "files", NULL);
    for (uint32_t p = 0; p < decide->part_count; p++)
        for (uint32_t i = 0; i < decide->parts[p].file_count; i++)
            decide->files[decide->file_count++] = &decide->parts[p].files[i];
    decide->files[decide->file_count++] = &decide->ledger;
    qsort(decide->files, decide->file_count, sizeof *decide->files, compare_files);
    return CUP_OK;
}

static enum cup_err place(struct decide *decide, struct cup_fault *out_fault)
{
    struct cup_store *store = decide->commit->store;

    for (uint32_t i = 0; i < decide->file_count; i++) {
        struct cup_epoch_file *file = decide->files[i];
        enum cup_err           err  = cup_store_place(store, file->staged, file->name, out_fault);
        if (err != CUP_OK) return err;
        file->staged = NULL;
        cup_commit_priv_reach("placed");
    }
    enum cup_err err = cup_store_sync(store, out_fault);
    cup_commit_priv_reach("synced");
    return err;
}

static void put_range(struct decide *decide, const struct cup_epoch_range *range)
{
    const struct cup_position *position = decide->commit->inputs[range->input];
    struct cup_journal_line    line     = {.kind     = CUP_LINE_RANGE,
                                           .name     = position->path,
                                           .topic    = position->topic,
                                           .identity = position->identity,
                                           .size     = position->size,
                                           .start    = range->start,
                                           .end      = range->end,
                                           .ended    = range->ended,
                                           .records  = range->record_count};

    if (cup_commit_priv_advances(position, range)) cup_journal_put_line(&decide->payload, &line);
}

static void put_facts(struct decide *decide)
{
    const struct cup_plan  *plan = decide->commit->plan;
    struct cup_journal_line head = {.kind       = CUP_LINE_EPOCH,
                                    .epoch      = decide->epoch.number,
                                    .id         = decide->epoch.id,
                                    .generation = plan->generation,
                                    .decided_us = decide->epoch.decided_us};

    cup_journal_put_line(&decide->payload, &head);
    for (uint32_t p = 0; p < decide->part_count; p++)
        for (uint32_t i = 0; i < decide->parts[p].range_count; i++)
            put_range(decide, &decide->parts[p].ranges[i]);
    for (uint32_t i = 0; i < decide->file_count; i++) {
        const struct cup_epoch_file *file = decide->files[i];
        struct cup_journal_line      line = {.kind   = CUP_LINE_FILE,
                                             .topic  = cup_commit_priv_zone_name(file->zone),
                                             .name   = file->name,
                                             .bytes  = file->bytes,
                                             .crc32c = file->crc32c,
                                             .rows   = file->row_count};
        cup_journal_put_line(&decide->payload, &line);
    }
}

static struct cup_commit_table *table_of(struct cup_commit           *commit,
                                         const struct cup_epoch_file *file)
{
    switch (file->zone) {
    case CUP_ZONE_INDEX: return &commit->index;
    case CUP_ZONE_SILVER: return &commit->silver[file->table];
    case CUP_ZONE_QUARANTINE: return &commit->quarantine;
    case CUP_ZONE_LEDGER: return &commit->ledger;
    case CUP_ZONE_BRONZE:
    case CUP_ZONE_COUNT: break;
    }
    return NULL;
}

/* One commit per table. */
static enum cup_err put_commits(struct decide *decide, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    for (uint32_t from = 0, to; err == CUP_OK && from < decide->file_count; from = to) {
        struct cup_commit_table *table = table_of(decide->commit, decide->files[from]);
        for (to = from + 1; to < decide->file_count; to++)
            if (table_of(decide->commit, decide->files[to]) != table) break;
        if (table == NULL) continue; /* bronze: its index is the table */
        err = cup_commit_priv_build(decide->commit, &decide->epoch, table, decide->files + from,
                                    to - from, &decide->payload, out_fault);
    }
    if (err == CUP_OK && decide->payload.failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "decision", NULL);
    return err;
}

/* The decision is durable: memory follows it. */
static void advance(struct decide *decide)
{
    decide->commit->state.epoch = decide->epoch.number;
    decide->commit->state.clean = false;
    for (uint32_t p = 0; p < decide->part_count; p++) {
        for (uint32_t i = 0; i < decide->parts[p].range_count; i++) {
            const struct cup_epoch_range *range    = &decide->parts[p].ranges[i];
            struct cup_position          *position = decide->commit->inputs[range->input];
            decide->result.record_count += range->record_count;
            if (!cup_commit_priv_advances(position, range)) continue;
            position->end      = range->end;
            position->checked  = range->end;
            position->ended    = range->ended;
            position->recorded = true;
        }
    }
    for (uint32_t i = 0; i < decide->file_count; i++) {
        const struct cup_epoch_file *file = decide->files[i];
        decide->result.zones[file->zone].files++;
        decide->result.zones[file->zone].rows += file->row_count;
        decide->result.zones[file->zone].bytes += file->bytes;
    }
}

static enum cup_err run(struct decide *decide, struct cup_fault *out_fault)
{
    struct cup_commit *commit = decide->commit;
    enum cup_err       err;

    decide->epoch.number     = commit->state.epoch + 1;
    decide->epoch.decided_us = cup_clock_wall_us();
    cup_rnd_uuid(decide->epoch.id);
    err = cup_commit_priv_ledger(commit, &decide->epoch, decide->parts, decide->part_count,
                                 &decide->ledger, out_fault);
    if (err == CUP_OK) err = sort_files(decide, out_fault);
    if (err == CUP_OK) {
        put_facts(decide);
        err = put_commits(decide, out_fault);
    }
    if (err == CUP_OK) err = place(decide, out_fault);
    if (err == CUP_OK)
        err = cup_journal_decide(commit->journal, decide->payload.at, decide->payload.bytes,
                                 out_fault);
    if (err != CUP_OK) return err;
    cup_commit_priv_reach("decided");
    advance(decide);
    uint64_t start                  = cup_clock_mono_ns();
    commit->checkpoint_failed_count = 0;
    err = cup_commit_priv_apply(commit, &decide->payload, true, out_fault);
    if (err == CUP_OK) err = cup_journal_turn(commit->journal, &commit->state, out_fault);
    decide->result.apply_ns                = cup_clock_mono_ns() - start;
    decide->result.epoch                   = decide->epoch.number;
    decide->result.checkpoint_failed_count = commit->checkpoint_failed_count;
    return err;
}

enum cup_err cup_commit_epoch(struct cup_commit *commit, struct cup_epoch_part *parts,
                              uint32_t part_count, struct cup_commit_result *out_result,
                              struct cup_fault *out_fault)
{
    struct decide decide   = {.commit = commit, .parts = parts, .part_count = part_count};
    enum cup_err  err      = CUP_OK;
    bool          progress = false;

    CUP_ASSERT(!commit->failed);
    cup_commit_priv_check(commit, parts, part_count, &progress);
    if (progress) err = run(&decide, out_fault);
    commit->failed = err != CUP_OK;
    cup_store_discard(commit->store, decide.ledger.staged);
    cup_text_free(&decide.ledger.stats);
    cup_text_free(&decide.payload);
    free(decide.files);
    for (uint32_t p = 0; p < part_count; p++)
        cup_epoch_part_free(&parts[p], commit->store);
    if (err == CUP_OK) *out_result = decide.result;
    return err;
}
