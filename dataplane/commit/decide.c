// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/commit_priv.h"

#include <string.h>

#include "base/clock.h"
#include "dataplane/commit/journal_priv.h"

/* One epoch from sealed files to done. */
struct decide {
    struct cup_commit      *commit;
    struct cup_epoch_part  *parts;
    uint32_t                part_count;
    struct cup_commit_epoch epoch;
    struct cup_epoch_file   ledger;
    struct cup_epoch_file **files; /* of the tables: sorted by zone and table, the ledger last */
    uint32_t                file_count;
    struct cup_text         payload;
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

static struct cup_commit_table *table_of(struct cup_commit           *commit,
                                         const struct cup_epoch_file *file)
{
    switch (file->zone) {
    case CUP_ZONE_INDEX: return &commit->index;
    case CUP_ZONE_SILVER: return &commit->silver[file->table];
    case CUP_ZONE_QUARANTINE: return &commit->quarantine;
    case CUP_ZONE_LEDGER: return &commit->ledger;
    case CUP_ZONE_BRONZE:
    case CUP_ZONE_SPOOL:
    case CUP_ZONE_COUNT: break;
    }
    return NULL;
}

/* What the epoch's files are to be called, and which tables must be there for them. */
static enum cup_err declare(struct decide *decide, struct cup_fault *out_fault)
{
    struct cup_commit        *commit = decide->commit;
    struct cup_text           text   = {0};
    struct cup_journal_line   intent = {.kind = CUP_LINE_INTENT, .epoch = decide->epoch.number};
    struct cup_commit_table **tables =
        calloc(decide->file_count, sizeof(struct cup_commit_table *));
    uint32_t count = 0;

    cup_journal_put_line(&text, &intent);
    for (uint32_t i = 0; tables != NULL && i < decide->file_count; i++) {
        struct cup_commit_table *table = table_of(commit, decide->files[i]);
        struct cup_journal_line  place = {.kind  = CUP_LINE_PLACE,
                                          .topic = table == NULL ? "" : table->folder,
                                          .name  = decide->files[i]->name};
        cup_journal_put_line(&text, &place);
        if (table != NULL && (count == 0 || tables[count - 1] != table)) tables[count++] = table;
    }
    enum cup_err err = tables == NULL || text.failed
                           ? cup_fault_set(out_fault, CUP_NO_MEMORY, "intent", NULL)
                           : cup_commit_priv_declare(commit, tables, count,
                                                     decide->epoch.decided_us, &text, out_fault);
    free(tables);
    cup_text_free(&text);
    return err;
}

static enum cup_err place(struct decide *decide, struct cup_fault *out_fault)
{
    uint32_t                count  = decide->file_count;
    struct cup_store_file **staged = calloc(count, sizeof *staged);
    const char            **names  = calloc(count, sizeof *names);
    enum cup_err            err;

    if (staged == NULL || names == NULL) {
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "files", NULL);
    } else {
        for (uint32_t i = 0; i < count; i++) {
            staged[i] = decide->files[i]->staged;
            names[i]  = decide->files[i]->name;
        }
        err = cup_store_place_all(decide->commit->store, staged, names, count, out_fault);
        for (uint32_t i = 0; i < count; i++)
            decide->files[i]->staged = staged[i];
    }
    free(staged);
    free(names);
    return err;
}

/* Nothing was decided: what was placed loses its name again, durably, because the names of the next
 * try take the place of these in the journal. A name that was taken is somebody else's file; after
 * any other failure a file may have its name although it is not known. */
static enum cup_err take_back(struct decide *decide, bool taken)
{
    struct cup_store *store = decide->commit->store;
    enum cup_err      err   = CUP_OK;

    for (uint32_t i = 0; err == CUP_OK && i < decide->file_count; i++)
        if (!taken || decide->files[i]->staged == NULL)
            err = cup_store_remove(store, decide->files[i]->name, NULL);
    return err == CUP_OK ? cup_store_sync(store, NULL) : err;
}

static void put_range(struct decide *decide, const struct cup_epoch_range *range)
{
    const struct cup_position *position = decide->commit->inputs[range->input];
    struct cup_journal_line    line     = {.kind     = CUP_LINE_RANGE,
                                           .name     = position->path,
                                           .topic    = position->topic,
                                           .identity = cup_commit_priv_identity(position, range),
                                           .size     = position->size,
                                           .start    = range->start,
                                           .end      = range->end,
                                           .ended    = range->ended,
                                           .records  = range->record_count,

                                           .file_generation = position->generation};

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

/* One commit per table. */
static enum cup_err put_commits(struct decide *decide, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    for (uint32_t from = 0, to; err == CUP_OK && from < decide->file_count; from = to) {
        struct cup_commit_table *table = table_of(decide->commit, decide->files[from]);
        for (to = from + 1; to < decide->file_count; to++)
            if (table_of(decide->commit, decide->files[to]) != table) break;
        if (table == NULL) continue; /* bronze: its index is the table; spool: no table */
        err = cup_commit_priv_build(decide->commit, &decide->epoch, table, decide->files + from,
                                    to - from, &decide->payload, out_fault);
    }
    if (err == CUP_OK && decide->payload.failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "decision", NULL);
    return err;
}

static void count(const struct decide *decide, struct cup_commit_result *out_result)
{
    struct cup_commit_result result = {.epoch = decide->epoch.number};

    for (uint32_t p = 0; p < decide->part_count; p++)
        for (uint32_t i = 0; i < decide->parts[p].range_count; i++)
            result.record_count += decide->parts[p].ranges[i].record_count;
    for (uint32_t i = 0; i < decide->file_count; i++) {
        const struct cup_epoch_file *file = decide->files[i];
        result.zones[file->zone].files++;
        result.zones[file->zone].rows += file->row_count;
        result.zones[file->zone].bytes += file->bytes;
    }
    *out_result = result;
}

static enum cup_err prepare(struct decide *decide, struct cup_fault *out_fault)
{
    struct cup_commit *commit = decide->commit;

    decide->epoch.number     = commit->state.epoch + 1;
    decide->epoch.decided_us = cup_clock_wall_us();
    cup_rnd_uuid(decide->epoch.id);
    for (uint32_t p = 0; p < decide->part_count; p++)
        cup_commit_priv_sum(&decide->parts[p]);
    enum cup_err err = cup_commit_priv_ledger(commit, &decide->epoch, decide->parts,
                                              decide->part_count, &decide->ledger, out_fault);
    if (err == CUP_OK) err = sort_files(decide, out_fault);
    if (err == CUP_OK) err = cup_commit_priv_write(decide->files, decide->file_count, out_fault);
    if (err == CUP_OK) err = declare(decide, out_fault);
    if (err != CUP_OK) return err;
    put_facts(decide);
    err = put_commits(decide, out_fault);
    if (err != CUP_OK) return err;
    return cup_commit_priv_seal(commit, decide->files, decide->file_count, &decide->payload,
                                out_fault);
}

/* From names to decision. Each step says what its failure leaves: a journal that cannot be written
 * to and a folder that cannot be synced are not believed again by this process. */
static enum cup_err decide_prepared(struct decide *decide, struct cup_fault *out_fault)
{
    struct cup_commit *commit = decide->commit;

    commit->standing   = CUP_COMMIT_FAILED;
    enum cup_err err   = place(decide, out_fault);
    bool         taken = err == CUP_EXISTS, placed = err == CUP_OK;
    cup_commit_priv_reach("placed");
    if (placed) {
        err = cup_store_sync(commit->store, out_fault);
        if (err != CUP_OK) return err;
        cup_commit_priv_reach("synced");
        err = cup_journal_decide(commit->journal, decide->payload.at, decide->payload.bytes,
                                 out_fault);
        if (err == CUP_OK) return CUP_OK;
    }
    if ((!placed || err == CUP_NO_SPACE) && take_back(decide, taken) == CUP_OK)
        commit->standing = CUP_COMMIT_READY;
    return err;
}

/* The decision is durable: memory follows it, in the way it will be read. */
static enum cup_err follow(struct decide *decide, struct cup_fault *out_fault)
{
    struct cup_commit *commit = decide->commit;

    cup_commit_priv_reach("decided");
    count(decide, &commit->result);
    commit->fresh   = true;
    commit->decided = true;
    return cup_journal_priv_take(&commit->state, CUP_FRAME_EPOCH, &decide->payload, &commit->reader,
                                 commit->shard_folder, out_fault);
}

enum cup_err cup_commit_priv_finish(struct cup_commit *commit, struct cup_fault *out_fault)
{
    uint64_t start = cup_clock_mono_ns();

    CUP_ASSERT(commit->state.open.bytes > 0);
    commit->standing = CUP_COMMIT_DECIDED;
    enum cup_err err = cup_commit_priv_apply(commit, out_fault);
    if (err == CUP_OK) {
        cup_text_free(&commit->state.open);
        err              = cup_journal_turn(commit->journal, &commit->state, out_fault);
        commit->standing = err == CUP_OK ? CUP_COMMIT_READY : CUP_COMMIT_FAILED;
    }
    commit->result.apply_ns += cup_clock_mono_ns() - start;
    return err;
}

static enum cup_err run(struct decide *decide, struct cup_fault *out_fault)
{
    enum cup_err err = prepare(decide, out_fault);

    if (err == CUP_OK) err = decide_prepared(decide, out_fault);
    if (err == CUP_OK) err = follow(decide, out_fault);
    return err == CUP_OK ? cup_commit_priv_finish(decide->commit, out_fault) : err;
}

enum cup_err cup_commit_epoch(struct cup_commit *commit, struct cup_epoch_part *parts,
                              uint32_t part_count, struct cup_commit_result *out_result,
                              struct cup_fault *out_fault)
{
    struct decide decide   = {.commit = commit, .parts = parts, .part_count = part_count};
    enum cup_err  err      = CUP_OK;
    bool          progress = false;

    CUP_ASSERT(commit->standing == CUP_COMMIT_READY);
    commit->result = (struct cup_commit_result){0};
    cup_commit_priv_check(commit, parts, part_count, &progress);
    if (progress) err = run(&decide, out_fault);
    cup_commit_priv_unseal(commit);
    cup_store_discard(commit->store, decide.ledger.staged);
    cup_text_free(&decide.ledger.stats);
    cup_text_free(&decide.payload);
    free(decide.files);
    for (uint32_t p = 0; p < part_count; p++)
        cup_epoch_part_free(&parts[p], commit->store);
    if (err == CUP_OK) *out_result = commit->result;
    return cup_journal_blame(commit->journal, err, out_fault);
}

enum cup_err cup_commit_resume(struct cup_commit *commit, struct cup_commit_result *out_result,
                               struct cup_fault *out_fault)
{
    CUP_ASSERT(commit->standing == CUP_COMMIT_DECIDED);
    enum cup_err err = cup_commit_priv_finish(commit, out_fault);
    if (err == CUP_OK) *out_result = commit->result;
    return cup_journal_blame(commit->journal, err, out_fault);
}
