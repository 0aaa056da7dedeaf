// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>

#include "dataplane/commit/journal.h"
#include "lake/tool/tool_check.h"

static void check_epochs(struct cup_check *check)
{
    const struct cup_ledger *ledger = check->ledger;
    uint64_t                 next   = 1;

    for (uint64_t i = 0; i < ledger->mark_count; i++) {
        const struct cup_ledger_mark *mark       = &ledger->marks[i];
        bool                          same_shard = i > 0 && mark[-1].shard == mark->shard;
        if (same_shard && mark[-1].epoch == mark->epoch) {
            cup_report_problem(check->report,
                               "ledger: shard %d: epoch %" PRIu64
                               " carries two identities, %s and %s; two instances wrote it",
                               mark->shard, mark->epoch, ledger->names.list[mark[-1].id],
                               ledger->names.list[mark->id]);
            continue;
        }
        if (!same_shard) next = 1;
        if (mark->epoch != next)
            cup_report_problem(check->report,
                               "ledger: shard %d: epochs %" PRIu64 " to %" PRIu64
                               " are missing; restore the ledger's files or replay their inputs",
                               mark->shard, next, mark->epoch - 1);
        next = mark->epoch + 1;
    }
}

/* A partition of a topic has its name where a file has its path. */
static bool is_consumed(const struct cup_ledger *ledger, const struct cup_ledger_range *range)
{
    return range->path != CUP_NAME_NONE && cup_position_consumed(ledger->names.list[range->path]);
}

/* device:inode of an identity; the hashed head may grow with a file that is appended to. Of a
 * partition the cluster: what follows moves with each epoch. */
static bool same_file(const char *a, const char *b, bool consumed)
{
    size_t bytes = strcspn(a, ":");
    if (a[bytes] == ':' && !consumed) bytes += 1 + strcspn(a + bytes + 1, ":");
    return strncmp(a, b, bytes) == 0 && (b[bytes] == ':' || b[bytes] == '\0');
}

static void check_range(struct cup_check *check, const struct cup_ledger_range *last,
                        const struct cup_ledger_range *range)
{
    const struct cup_ledger *ledger   = check->ledger;
    const char              *input    = ledger->names.list[range->input];
    const char              *file     = ledger->names.list[range->identity];
    bool                     consumed = is_consumed(ledger, range);
    const char              *unit     = consumed ? "offsets" : "bytes";
    uint64_t                 at       = consumed ? range->start : 0; /* it begins anywhere */
    bool                     same     = false;

    if (range->end < range->start)
        cup_report_problem(check->report,
                           "ledger: epoch %" PRIu64 ", input %s: the range ends at %" PRIu64
                           ", before its start %" PRIu64,
                           range->epoch, input, range->end, range->start);
    if (last != NULL) {
        same = same_file(ledger->names.list[last->identity], file, consumed);
        at   = same || consumed || range->start != 0 ? last->end : 0; /* another file starts anew */
    }
    if (range->start > at)
        cup_report_problem(check->report,
                           "ledger: epoch %" PRIu64 ", input %s: gap: %s %" PRIu64 " to %" PRIu64
                           " are in no epoch; read the input again into a new lake",
                           range->epoch, input, unit, at, range->start);
    else if (range->start < at)
        cup_report_problem(check->report,
                           "ledger: epoch %" PRIu64 ", input %s: overlap: %s %" PRIu64
                           " to %" PRIu64 " were in epoch %" PRIu64
                           " already; their records are in the lake twice",
                           range->epoch, input, unit, range->start, at, last ? last->epoch : 0);
    else if (last != NULL && !same && range->start != 0)
        cup_report_problem(check->report,
                           "ledger: epoch %" PRIu64
                           ", input %s: the range goes on in another %s (%s, before %s)",
                           range->epoch, input, consumed ? "cluster" : "file", file,
                           ledger->names.list[last->identity]);
}

/* What retention deleted first is in no table, and is no damage of the lake: it is told. */
static void note_lost(struct cup_check *check, const struct cup_ledger_range *range)
{
    const struct cup_ledger *ledger = check->ledger;

    if (range->lost == 0) return;
    cup_report_note(check->report,
                    "ledger: epoch %" PRIu64 ", input %s: offsets %" PRIu64 " to %" PRIu64
                    " hold %" PRIu64 " that were deleted before they could be read (gaps: skip)",
                    range->epoch, ledger->names.list[range->input], range->start, range->end,
                    range->lost);
    if (range->lost > range->end - range->start)
        cup_report_problem(check->report,
                           "ledger: epoch %" PRIu64 ", input %s: more offsets are lost than the "
                           "range has",
                           range->epoch, ledger->names.list[range->input]);
}

void cup_check_ledger(struct cup_check *check)
{
    const struct cup_ledger *ledger = check->ledger;

    CUP_ASSERT(ledger != NULL);
    check_epochs(check);
    for (uint64_t i = 0; i < ledger->range_count; i++) {
        const struct cup_ledger_range *range = &ledger->ranges[i];
        bool                           again = i > 0 && range[-1].input == range->input;
        check_range(check, again ? range - 1 : NULL, range);
        note_lost(check, range);
    }
    for (uint64_t i = 0; i < ledger->epoch_count; i++) {
        const struct cup_ledger_epoch *epoch = &ledger->epochs[i];
        if (epoch->file_counts[CUP_LEDGER_SILVER] > 0 && epoch->silver_rows < epoch->accepted)
            cup_report_problem(check->report,
                               "ledger: epoch %" PRIu64 ": %" PRIu64
                               " records accepted, but its silver files hold %" PRIu64 " rows",
                               epoch->epoch, epoch->accepted, epoch->silver_rows);
        if (epoch->quarantine_due > 0 && epoch->file_counts[CUP_LEDGER_QUARANTINE] == 0)
            cup_report_problem(check->report,
                               "ledger: epoch %" PRIu64 ": %" PRIu64
                               " records quarantined or retried, but no quarantine file",
                               epoch->epoch, epoch->quarantine_due);
    }
}
