// SPDX-License-Identifier: Apache-2.0
/* Compaction, by cupel or by another engine, replaces the files that the ledger names by others
 * that hold the same rows. So rows decide: of each epoch as many must be in files that no ledger
 * names as were in those of the ledger that are gone. Who did what is asked of the log only when
 * they differ.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lake/tool/tool_check.h"

/* One table of which something was replaced. */
struct settle {
    struct cup_check       *check;
    struct cup_check_table *table;
    int64_t                *missing; /* by the epoch's number in the ledger; below 0: too many */
    uint64_t                coming, given_up; /* files */
    uint64_t                foreign_rows;     /* of the file at hand: of no epoch of the ledger */
};

static const char *path_of(const struct settle *settle, const struct cup_ledger_file *file)
{
    return settle->check->ledger->names.list[file->path];
}

static int64_t *missing_of(const struct settle *settle, uint64_t number)
{
    struct cup_ledger       *ledger = settle->check->ledger;
    struct cup_ledger_epoch *epoch  = cup_ledger_find_epoch(ledger, number);

    return epoch != NULL ? &settle->missing[epoch - ledger->epochs] : NULL;
}

/* --- counting --- */

static void count_dead(struct settle *settle, const struct cup_ledger_file *file)
{
    struct cup_check        *check = settle->check;
    struct cup_ledger_epoch *epoch = cup_ledger_find_epoch(check->ledger, file->epoch);

    CUP_ASSERT(epoch != NULL);
    if (cup_audit_excuses(check->audit, settle->table->name, file->epoch)) {
        settle->given_up++;
    } else if (cup_check_is_coming(check, settle->table, file->shard, file->epoch)) {
        settle->coming++;
        epoch->unsettled = true;
    } else {
        *missing_of(settle, file->epoch) += (int64_t)file->rows;
    }
}

static enum cup_err each_row(void *arg, const struct cup_rows *rows, struct cup_fault *out_fault)
{
    struct settle *settle = arg;
    int64_t        last = 0, *missing = NULL; /* rows of one epoch stand together */

    (void)out_fault; /* nothing can fail here */
    for (uint32_t row = 0; row < rows->row_count; row++) {
        int64_t epoch;
        bool    known = cup_cell_i64(rows->columns[0], row, &epoch) && epoch > 0;
        if (known && epoch != last) missing = missing_of(settle, (uint64_t)(last = epoch));
        if (known && missing != NULL)
            --*missing;
        else if (!known || !cup_check_is_later(settle->check, settle->table, (uint64_t)epoch))
            settle->foreign_rows++;
    }
    return CUP_OK;
}

/* Size and footer against the log; with deep, every page. Nothing else vouches for such a file. */
static enum cup_err count_stranger(struct settle *settle, const struct cup_delta_file *live,
                                   struct cup_fault *out_fault)
{
    static const uint8_t    types[] = {CUP_TYPE_LONG};
    struct cup_report      *report  = settle->check->report;
    struct cup_check_table *table   = settle->table;
    struct cup_lake_file    file;
    struct cup_fault        fault;
    uint64_t                row_count = 0;
    struct cup_scan         scan      = {.folder     = table->table->path,
                                         .file       = live->path,
                                         .names      = &table->epoch_column,
                                         .types      = types,
                                         .name_count = 1,
                                         .group      = UINT32_MAX,
                                         .each       = each_row,
                                         .arg        = settle};
    struct cup_scan all = {.folder = table->table->path, .file = live->path, .group = UINT32_MAX};

    enum cup_err err = cup_lake_file_open(table->table->path, live->path, &file, &fault);
    if (err == CUP_OK) {
        if (file.source.bytes != live->bytes)
            cup_report_problem(report,
                               "table %s: file %s has %" PRIu64 " bytes, the log says %" PRIu64
                               "; restore it",
                               table->name, live->path, file.source.bytes, live->bytes);
        cup_lake_file_close(&file);
        err = cup_lake_scan(&scan, &row_count, &fault);
    }
    if (err == CUP_OK && settle->check->deep) err = cup_lake_scan(&all, NULL, &fault);
    if (err == CUP_NO_MEMORY) {
        *out_fault = fault;
        return err;
    }
    if (err != CUP_OK)
        cup_report_fault(report, "a live file that is in no ledger cannot be read", &fault);
    else if (live->row_count != UINT64_MAX && live->row_count != row_count)
        cup_report_problem(report,
                           "table %s: file %s holds %" PRIu64 " rows, the log says %" PRIu64,
                           table->name, live->path, row_count, live->row_count);
    return CUP_OK;
}

/* --- what differs --- */

/* NULL when the history cannot be read (reported). */
static const struct cup_history *history_of(struct settle *settle)
{
    struct cup_check_table *table = settle->table;
    struct cup_fault        fault;

    if (table->has_history) return &table->history;
    if (cup_history_load(table->table, &table->history, &fault) != CUP_OK) {
        cup_report_fault(settle->check->report, "the history of a table cannot be read", &fault);
        return NULL;
    }
    table->has_history = true;
    return &table->history;
}

/* A live file that no ledger names, with rows that replace nothing. */
static void report_stranger(struct settle *settle, const char *path)
{
    const struct cup_history *history = history_of(settle);
    struct cup_report        *report  = settle->check->report;

    if (history == NULL) return;
    uint8_t flags = cup_history_of(history, path);
    if (flags & CUP_HISTORY_FOREIGN)
        cup_report_note(report, "table %s: file %s was added by another engine",
                        settle->table->name, path);
    else if (flags & CUP_HISTORY_OURS || history->whole)
        cup_report_problem(report,
                           "table %s: live file %s is in no ledger; its rows have no evidence: "
                           "restore the ledger, or remove the file from the table",
                           settle->table->name, path);
    else
        cup_report_note(report,
                        "table %s: file %s is in no ledger, and the log no longer tells who added "
                        "it",
                        settle->table->name, path);
}

/* A file of the ledger whose epoch lacks rows. */
static void report_dead(struct settle *settle, const struct cup_ledger_file *file)
{
    const struct cup_history *history = history_of(settle);
    struct cup_report        *report  = settle->check->report;
    const char               *path    = path_of(settle, file);

    if (history == NULL) return;
    uint8_t flags = cup_history_of(history, path + strlen(settle->table->name) + 1);
    if (flags == 0 && history->whole)
        cup_report_problem(report,
                           "%s: epoch %" PRIu64
                           ": the ledger names it, but no commit of table %s adds it; its rows are "
                           "missing: run the pipeline once more (it finishes decided epochs)",
                           path, file->epoch, settle->table->name);
    else if (history->changed || !history->whole)
        cup_report_note(report,
                        "%s: another engine replaced it (epoch %" PRIu64
                        ") and deleted or changed rows",
                        path, file->epoch);
    else
        cup_report_problem(report,
                           "%s: epoch %" PRIu64
                           ": it was replaced, but the files that replaced it lack rows: restore "
                           "table %s",
                           path, file->epoch, settle->table->name);
}

/* Two pipelines' epochs cannot be told apart in one table's rows. */
static bool is_shared(const struct settle *settle)
{
    const struct cup_delta_state *state = settle->table->table->state;
    const struct cup_pipeline    *own   = settle->check->pipeline;
    char                          app[CUP_SHARD_BYTES];

    int bytes = snprintf(app, sizeof app, "cupel/%s/%s/", own->domain, own->name);
    for (uint32_t i = 0; i < state->txn_count; i++)
        if (strncmp(state->txns[i].app_id, "cupel/", 6) == 0 &&
            strncmp(state->txns[i].app_id, app, (size_t)bytes) != 0)
            return true;
    return false;
}

static void report_surplus(struct settle *settle)
{
    const struct cup_ledger *ledger = settle->check->ledger;

    for (uint64_t i = 0; i < ledger->epoch_count; i++)
        if (settle->missing[i] < 0)
            cup_report_problem(settle->check->report,
                               "table %s: epoch %" PRIu64 ": %" PRId64
                               " rows more than the ledger says are in files that it does not name",
                               settle->table->name, ledger->epochs[i].epoch, -settle->missing[i]);
}

/* --- one table --- */

static void report_counted(struct settle *settle)
{
    struct cup_report *report = settle->check->report;

    if (settle->given_up > 0)
        cup_report_note(report,
                        "table %s: %" PRIu64
                        " files were given up with `cupel recover`; their rows are not in it",
                        settle->table->name, settle->given_up);
    if (settle->coming > 0)
        cup_report_note(report, "table %s: the running pipeline is bringing an epoch into it",
                        settle->table->name);
}

static enum cup_err count_strangers(struct settle *settle, struct cup_fault *out_fault)
{
    struct cup_check_table       *table = settle->table;
    const struct cup_delta_state *state = table->table->state;
    enum cup_err                  err   = CUP_OK;

    for (uint64_t i = 0; err == CUP_OK && i < table->stranger_count; i++) {
        settle->foreign_rows = 0;
        err = count_stranger(settle, &state->files[table->strangers[i]], out_fault);
        if (err == CUP_OK && settle->foreign_rows > 0)
            report_stranger(settle, state->files[table->strangers[i]].path);
    }
    return err;
}

static bool is_settled(const struct settle *settle)
{
    for (uint64_t i = 0; i < settle->check->ledger->epoch_count; i++)
        if (settle->missing[i] != 0) return false;
    return true;
}

static void report_difference(struct settle *settle, const uint64_t *dead, uint64_t dead_count)
{
    struct cup_check             *check  = settle->check;
    const struct cup_delta_state *state  = settle->table->table->state;
    uint64_t                      before = check->report->problem_count;

    if (is_shared(settle)) {
        cup_report_note(check->report,
                        "table %s: files of two pipelines were merged; which rows are whose cannot "
                        "be told",
                        settle->table->name);
        return;
    }
    for (uint64_t i = 0; i < dead_count; i++) {
        const struct cup_ledger_file *file = &check->ledger->files[dead[i]];
        if (*missing_of(settle, file->epoch) > 0) report_dead(settle, file);
    }
    if (dead_count > 0 && check->report->problem_count == before) report_surplus(settle);
    for (uint64_t i = 0; dead_count == 0 && i < settle->table->stranger_count; i++)
        report_stranger(settle, state->files[settle->table->strangers[i]].path);
}

/* dead: numbers of the table's files of the ledger that are not live. */
static enum cup_err settle_table(struct settle *settle, const uint64_t *dead, uint64_t dead_count,
                                 struct cup_fault *out_fault)
{
    struct cup_ledger *ledger = settle->check->ledger;

    settle->missing = calloc(ledger->epoch_count + 1, sizeof *settle->missing);
    if (settle->missing == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "verify", NULL);
    for (uint64_t i = 0; i < dead_count; i++)
        count_dead(settle, &ledger->files[dead[i]]);
    enum cup_err err = count_strangers(settle, out_fault);
    report_counted(settle);
    if (err == CUP_OK && !is_settled(settle)) report_difference(settle, dead, dead_count);
    free(settle->missing);
    return err;
}

/* --- all tables --- */

/* The numbers of the dead files, table by table; those of table t begin at starts[t]. */
struct dead {
    uint64_t *list, *starts;
};

static bool is_dead(const struct cup_ledger_file *file)
{
    /* no table: that was reported */
    return file->zone != CUP_LEDGER_BRONZE && file->table != UINT32_MAX && !file->live;
}

static enum cup_err sort_dead(const struct cup_check *check, struct dead *dead,
                              struct cup_fault *out_fault)
{
    const struct cup_ledger *ledger = check->ledger;

    dead->list   = calloc(ledger->file_count + 1, sizeof *dead->list);
    dead->starts = calloc(check->table_count + 2ul, sizeof *dead->starts);
    if (dead->list == NULL || dead->starts == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "verify", NULL);
    for (uint64_t i = 0; i < ledger->file_count; i++)
        if (is_dead(&ledger->files[i])) dead->starts[ledger->files[i].table + 2]++;
    for (uint32_t t = 2; t <= check->table_count + 1; t++)
        dead->starts[t] += dead->starts[t - 1];
    for (uint64_t i = 0; i < ledger->file_count; i++)
        if (is_dead(&ledger->files[i])) dead->list[dead->starts[ledger->files[i].table + 1]++] = i;
    return CUP_OK;
}

enum cup_err cup_check_merged(struct cup_check *check, struct cup_fault *out_fault)
{
    struct dead  dead = {0};
    enum cup_err err  = sort_dead(check, &dead, out_fault);

    for (uint32_t t = 0; err == CUP_OK && t < check->table_count; t++) {
        struct settle settle = {.check = check, .table = &check->tables[t]};
        uint64_t      first = dead.starts[t], count = dead.starts[t + 1] - first;
        if (settle.table->table != NULL && count + settle.table->stranger_count > 0)
            err = settle_table(&settle, dead.list + first, count, out_fault);
    }
    free(dead.list);
    free(dead.starts);
    return err;
}
