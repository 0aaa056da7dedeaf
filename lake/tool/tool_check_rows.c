// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>

#include "lake/tool/tool_check.h"

/* Rows that fit nowhere, counted per scan so that one cause makes one line. */
struct strays {
    uint64_t no_epoch, no_range, no_outcome;
};

struct counting {
    struct cup_check             *check;
    const struct cup_check_table *table;
    struct strays                 strays;
};

static void count_unknown_epoch(struct counting *counting, uint64_t epoch)
{
    counting->strays.no_epoch += !cup_check_is_later(counting->check, counting->table, epoch);
}

static uint64_t epoch_cell(const struct cup_rows *rows, uint32_t row)
{
    int64_t epoch;
    return cup_cell_i64(rows->columns[0], row, &epoch) && epoch > 0 ? (uint64_t)epoch : 0;
}

static enum cup_outcome outcome_cell(const struct cup_column *column, uint32_t row)
{
    uint32_t    bytes = 0;
    const char *text  = cup_cell_text(column, row, &bytes);
    return text != NULL ? cup_ledger_outcome(text, bytes) : CUP_OUTCOME_COUNT;
}

/* --- index --- */

static void count_index_row(struct counting *counting, const struct cup_rows *rows, uint32_t row)
{
    struct cup_check        *check  = counting->check;
    struct cup_ledger       *ledger = check->ledger;
    uint32_t                 bytes  = 0;
    int64_t                  position;
    const char              *input   = cup_cell_text(rows->columns[1], row, &bytes);
    enum cup_outcome         outcome = outcome_cell(rows->columns[3], row);
    struct cup_ledger_epoch *epoch   = cup_ledger_find_epoch(ledger, epoch_cell(rows, row));

    if (epoch == NULL) {
        count_unknown_epoch(counting, epoch_cell(rows, row));
        return;
    }
    epoch->index_rows++;
    if (outcome == CUP_OUTCOME_COUNT)
        counting->strays.no_outcome++;
    else
        epoch->index_left[outcome]--;
    uint32_t name = input != NULL ? cup_texts_find(&ledger->names, input, bytes) : CUP_NAME_NONE;
    if (name == CUP_NAME_NONE || !cup_cell_i64(rows->columns[2], row, &position) || position < 0) {
        counting->strays.no_range++;
        return;
    }
    struct cup_ledger_range *range =
        cup_ledger_find_range(ledger, name, epoch->epoch, (uint64_t)position);
    if (range == NULL) {
        counting->strays.no_range++;
        return;
    }
    range->index_rows++;
    bool inside = (uint64_t)position >= range->start && (uint64_t)position < range->end;
    if (inside || range->strayed) return;
    range->strayed = true;
    cup_report_problem(check->report,
                       "index: epoch %" PRIu64 ", input %s: a record at byte %" PRId64
                       " lies outside of the ledger's range %" PRIu64 " to %" PRIu64,
                       range->epoch, ledger->names.list[name], position, range->start, range->end);
}

static enum cup_err each_index(void *arg, const struct cup_rows *rows, struct cup_fault *out_fault)
{
    (void)out_fault; /* nothing can fail here */
    for (uint32_t row = 0; row < rows->row_count; row++)
        count_index_row(arg, rows, row);
    return CUP_OK;
}

/* --- quarantine --- */

static enum cup_err each_quarantine(void *arg, const struct cup_rows *rows,
                                    struct cup_fault *out_fault)
{
    struct counting *counting = arg;

    (void)out_fault; /* nothing can fail here */
    for (uint32_t row = 0; row < rows->row_count; row++) {
        struct cup_ledger_epoch *epoch =
            cup_ledger_find_epoch(counting->check->ledger, epoch_cell(rows, row));
        enum cup_outcome reason = outcome_cell(rows->columns[1], row);
        if (epoch == NULL) {
            count_unknown_epoch(counting, epoch_cell(rows, row));
            continue;
        }
        epoch->quarantine_rows++;
        if (reason == CUP_OUTCOME_COUNT)
            counting->strays.no_outcome++;
        else
            epoch->quarantine_left[reason]--;
    }
    return CUP_OK;
}

/* --- both --- */

static enum cup_err scan_table(struct counting *counting, const struct cup_check_table *table,
                               const char *const *names, const uint8_t *types, uint32_t name_count,
                               cup_rows_fn *each, struct cup_fault *out_fault)
{
    const struct cup_delta_state *state = table->table->state;

    counting->table = table;
    for (uint64_t i = 0; i < state->file_count; i++) {
        struct cup_fault fault;
        if (cup_check_is_newer(counting->check, table, state->files[i].path)) continue;
        struct cup_scan scan = {.folder     = table->table->path,
                                .file       = state->files[i].path,
                                .names      = names,
                                .types      = types,
                                .name_count = name_count,
                                .group      = UINT32_MAX,
                                .each       = each,
                                .arg        = counting};
        enum cup_err    err  = cup_lake_scan(&scan, NULL, &fault);
        if (err == CUP_NO_MEMORY) {
            *out_fault = fault;
            return err;
        }
        if (err != CUP_OK)
            cup_report_fault(counting->check->report, "a file's rows cannot be counted", &fault);
    }
    const struct strays *strays = &counting->strays;
    if (strays->no_epoch + strays->no_range + strays->no_outcome > 0)
        cup_report_problem(counting->check->report,
                           "table %s: %" PRIu64 " rows of epochs, %" PRIu64
                           " of ranges that the ledger does not know, %" PRIu64
                           " with an unknown outcome",
                           table->name, strays->no_epoch, strays->no_range, strays->no_outcome);
    return CUP_OK;
}

static void compare_outcomes(struct cup_check *check, uint64_t epoch, const char *table,
                             const int64_t *left)
{
    for (uint32_t i = 0; i < CUP_OUTCOME_COUNT; i++)
        if (left[i] != 0)
            cup_report_problem(
                check->report, "%s: epoch %" PRIu64 ": %" PRId64 " rows too %s with outcome %s",
                table, epoch, left[i] < 0 ? -left[i] : left[i], left[i] < 0 ? "many" : "few",
                cup_ledger_outcome_name((enum cup_outcome)i));
}

/* An epoch without any bronze file was made with bronze switched off: nothing to compare. */
static bool has_bronze(const struct cup_ledger_epoch *epoch)
{
    return epoch->file_counts[CUP_LEDGER_BRONZE] > 0 ||
           epoch->file_counts[CUP_LEDGER_INDEX_ZONE] > 0 || epoch->index_rows > 0;
}

/* Rows of this epoch are on their way into the table, or were given up. */
static bool is_open(const struct cup_check *check, uint32_t table,
                    const struct cup_ledger_epoch *epoch)
{
    return epoch->unsettled ||
           (table != UINT32_MAX &&
            cup_audit_excuses(check->audit, check->tables[table].name, epoch->epoch));
}

static void compare_epochs(struct cup_check *check)
{
    const struct cup_ledger *ledger = check->ledger;

    for (uint64_t i = 0; i < ledger->epoch_count; i++) {
        const struct cup_ledger_epoch *epoch = &ledger->epochs[i];
        if (has_bronze(epoch) && !is_open(check, check->index, epoch)) {
            if (epoch->index_rows != epoch->records - epoch->retried)
                cup_report_problem(check->report,
                                   "index: epoch %" PRIu64 ": %" PRIu64
                                   " rows, the ledger says %" PRIu64 " records; restore the index",
                                   epoch->epoch, epoch->index_rows,
                                   epoch->records - epoch->retried);
            compare_outcomes(check, epoch->epoch, "index", epoch->index_left);
        }
        if (is_open(check, check->quarantine, epoch)) continue;
        if (epoch->quarantine_rows != epoch->quarantine_due)
            cup_report_problem(check->report,
                               "quarantine: epoch %" PRIu64 ": %" PRIu64
                               " rows, the ledger says %" PRIu64 "; restore the table",
                               epoch->epoch, epoch->quarantine_rows, epoch->quarantine_due);
        compare_outcomes(check, epoch->epoch, "quarantine", epoch->quarantine_left);
    }
    for (uint64_t i = 0; i < ledger->range_count; i++) {
        const struct cup_ledger_range *range = &ledger->ranges[i];
        const struct cup_ledger_epoch *epoch = cup_ledger_find_epoch(ledger, range->epoch);
        CUP_ASSERT(epoch != NULL);
        if (range->retry || is_open(check, check->index, epoch)) continue;
        if (has_bronze(epoch) && range->index_rows != range->records)
            cup_report_problem(check->report,
                               "index: epoch %" PRIu64 ", input %s: %" PRIu64
                               " rows, the ledger says %" PRIu64 " records",
                               range->epoch, ledger->names.list[range->input], range->index_rows,
                               range->records);
    }
}

enum cup_err cup_check_rows(struct cup_check *check, struct cup_fault *out_fault)
{
    static const char *const index_names[]      = {"epoch", "input", "position", "outcome"};
    static const uint8_t     index_types[]      = {CUP_TYPE_LONG, CUP_TYPE_STRING, CUP_TYPE_LONG,
                                                   CUP_TYPE_STRING};
    static const char *const quarantine_names[] = {"epoch", "reason"};
    static const uint8_t     quarantine_types[] = {CUP_TYPE_LONG, CUP_TYPE_STRING};
    struct counting          index = {.check = check}, quarantine = {.check = check};
    enum cup_err             err = CUP_OK;

    if (check->index != UINT32_MAX && check->tables[check->index].table != NULL)
        err = scan_table(&index, &check->tables[check->index], index_names, index_types, 4,
                         each_index, out_fault);
    if (err == CUP_OK && check->quarantine != UINT32_MAX &&
        check->tables[check->quarantine].table != NULL)
        err = scan_table(&quarantine, &check->tables[check->quarantine], quarantine_names,
                         quarantine_types, 2, each_quarantine, out_fault);
    if (err == CUP_OK) compare_epochs(check);
    return err;
}
