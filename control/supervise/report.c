// SPDX-License-Identifier: Apache-2.0
#include "control/supervise/report.h"

#include <string.h>

#include "base/clock.h"

#define MEGA         1e6 /* MB, as disks and networks count */
#define MIB_SHIFT    20
#define AMOUNT_BYTES 32

void cup_report_begin(struct cup_report *report, struct cup_keep *keep,
                      const struct cup_stats *stats, const struct cup_inputs_file *inputs,
                      uint32_t input_count)
{
    CUP_ASSERT(keep != NULL && stats != NULL);
    *report = (struct cup_report){
        .keep = keep, .stats = stats, .inputs = inputs, .input_count = input_count};
    report->started_ns = report->last_ns = cup_clock_mono_ns();
}

void cup_report_end(struct cup_report *report)
{
    cup_lag_free(&report->lag);
}

uint64_t cup_report_counter(const struct cup_report *report, enum cup_counter counter)
{
    uint64_t sum = 0;

    CUP_ASSERT(counter < CUP_COUNTER_COUNT);
    for (uint32_t i = 0; i < CUP_PLAN_WORKERS_MAX; i++)
        sum += atomic_load_explicit(&report->stats->workers[i].counters[counter],
                                    memory_order_relaxed);
    return sum;
}

uint64_t cup_report_outcome(const struct cup_report *report, enum cup_outcome outcome)
{
    uint64_t sum = 0;

    CUP_ASSERT(outcome < CUP_OUTCOME_COUNT);
    for (uint32_t i = 0; i < CUP_PLAN_WORKERS_MAX; i++)
        sum += atomic_load_explicit(&report->stats->workers[i].outcomes[outcome],
                                    memory_order_relaxed);
    return sum;
}

static struct cup_report_table *table_of(struct cup_report *report, const char *path)
{
    for (uint32_t i = 0; i < report->table_count; i++) {
        if (strcmp(report->tables[i].path, path) == 0) return &report->tables[i];
    }
    report->tables = cup_keep_grow(report->keep, report->tables, report->table_count,
                                   &report->table_cap, sizeof(*report->tables));
    struct cup_report_table *table = &report->tables[report->table_count++];
    *table = (struct cup_report_table){.path = cup_keep_string(report->keep, path)};
    return table;
}

static void add_odd(struct cup_report *report, struct cup_wire_epoch_odd *odd)
{
    uint32_t i = 0;

    odd->path[sizeof(odd->path) - 1]     = '\0';
    odd->column[sizeof(odd->column) - 1] = '\0';
    while (i < report->odd_count &&
           (report->odds[i].oddity != odd->oddity || strcmp(report->odds[i].path, odd->path) != 0 ||
            strcmp(report->odds[i].column, odd->column) != 0))
        i++;
    if (i == report->odd_count) {
        report->odds = cup_keep_grow(report->keep, report->odds, report->odd_count,
                                     &report->odd_cap, sizeof(*report->odds));
        report->odds[report->odd_count++] =
            (struct cup_report_odd){.path   = cup_keep_string(report->keep, odd->path),
                                    .column = cup_keep_string(report->keep, odd->column),
                                    .oddity = odd->oddity};
    }
    report->odds[i].count += odd->count;
}

bool cup_report_epoch(struct cup_report *report, const struct cup_text *payload)
{
    struct cup_wire_epoch       epoch;
    struct cup_wire_epoch_table row;
    struct cup_wire_epoch_odd   odd;

    if (payload->bytes < sizeof(epoch)) return false;
    memcpy(&epoch, payload->at, sizeof(epoch));
    size_t odds_at = sizeof(epoch) + (size_t)epoch.table_count * sizeof(row);
    if (payload->bytes != odds_at + (size_t)epoch.odd_count * sizeof(odd)) return false;
    for (uint32_t i = 0; i < epoch.odd_count; i++) {
        memcpy(&odd, payload->at + odds_at + i * sizeof(odd), sizeof(odd));
        if (odd.oddity >= CUP_ODDITY_COUNT) return false;
        add_odd(report, &odd);
    }
    report->epoch_count++;
    report->epoch_records += epoch.records;
    report->epoch_last = epoch.epoch;
    report->bronze_bytes += epoch.bronze_bytes;
    report->bronze_files += epoch.bronze_files;
    if (epoch.apply_ns > report->apply_ns_max) report->apply_ns_max = epoch.apply_ns;
    for (uint32_t i = 0; i < epoch.table_count; i++) {
        memcpy(&row, payload->at + sizeof(epoch) + i * sizeof(row), sizeof(row));
        row.path[sizeof(row.path) - 1] = '\0';
        if (row.files == 0) continue;
        struct cup_report_table *table = table_of(report, row.path);
        table->files += row.files;
        table->rows += row.rows;
        table->bytes += row.bytes;
    }
    return true;
}

void cup_report_fault(struct cup_text *text, const char *what, const struct cup_fault *fault)
{
    cup_text_printf(text, "%s: %s", what, cup_err_text(fault->err));
    if (fault->where[0] != '\0') cup_text_printf(text, ": %s", fault->where);
    if (fault->at_offset != 0)
        cup_text_printf(text, " at %llu", (unsigned long long)fault->at_offset);
    if (fault->os_errno != 0) cup_text_printf(text, " (%s)", strerror(fault->os_errno));
}

/* --- the state --- */

static void put_room(const struct cup_wire_status *status, struct cup_text *text)
{
    cup_text_printf(text, "%llu MiB free, %llu MiB needed",
                    (unsigned long long)status->free_bytes >> MIB_SHIFT,
                    (unsigned long long)status->needed_bytes >> MIB_SHIFT);
}

static void say_paused(const struct cup_wire_status *status, const char *lake,
                       struct cup_text *says)
{
    cup_text_printf(says, "paused: the disk of %s is full: ", lake);
    put_room(status, says);
    if (status->decided != 0)
        cup_text_printf(says, "; epoch %llu is decided, and is finished when there is room",
                        (unsigned long long)status->epoch);
    cup_text_puts(says, "; goes on by itself when there is room\n");
}

static void say_retrying(const struct cup_wire_status *status, const char *what,
                         struct cup_text *says)
{
    cup_text_puts(says, status->decided != 0 ? "trying again: " : "reading again: ");
    cup_report_fault(says, what, &status->fault);
    cup_text_printf(says, "; epoch %llu %s", (unsigned long long)status->epoch,
                    status->decided != 0 ? "is decided, but not yet in all tables"
                                         : "was abandoned");
    if (status->tries_max > 0)
        cup_text_printf(says, " (%u of %u)", status->tries, status->tries_max);
    cup_text_puts(says, "\n");
}

static void put_bounds(const struct cup_wire_broken *broken, struct cup_text *says)
{
    const char *unit = cup_dataset_unit((enum cup_dataset)broken->kind);

    cup_text_printf(says, "%.6g %s", broken->measured, unit);
    if (broken->measured < broken->least)
        cup_text_printf(says, ", allowed: at least %.6g", broken->least);
    else
        cup_text_printf(says, ", allowed: at most %.6g", broken->most);
}

static void put_action(const struct cup_wire_broken *broken, struct cup_text *says)
{
    switch ((enum cup_action)broken->action) {
    case CUP_ACTION_ABORT:
        cup_text_puts(says, "the epoch was dropped and the run ends; correct the source, the "
                            "contract or the limit, and run again: its records are read again");
        return;
    case CUP_ACTION_PAUSE:
        cup_text_puts(says, "the epoch is committed");
        if (broken->wait_ns > 0)
            cup_text_printf(says, ", and nothing is read for %.4g s",
                            (double)broken->wait_ns / (double)CUP_NS_PER_S);
        else
            cup_text_puts(says, "; the run ends anyway");
        break;
    default: cup_text_puts(says, "the epoch is committed, the run goes on"); break;
    }
    cup_text_puts(says, "; the quarantine has the records that were refused");
}

bool cup_report_broken(const struct cup_text *payload, struct cup_text *says)
{
    struct cup_wire_broken broken;

    if (payload->bytes != sizeof(broken)) return false;
    memcpy(&broken, payload->at, sizeof(broken));
    if (broken.kind >= CUP_DATASET_COUNT || broken.action >= CUP_ACTION_COUNT) return false;
    broken.rule[sizeof(broken.rule) - 1]   = '\0';
    broken.table[sizeof(broken.table) - 1] = '\0';
    cup_text_printf(says, "rule %s is broken in epoch %llu: %s: ", broken.rule,
                    (unsigned long long)broken.epoch,
                    cup_dataset_text((enum cup_dataset)broken.kind));
    put_bounds(&broken, says);
    cup_text_printf(says, " (%llu records of %s); ", (unsigned long long)broken.record_count,
                    broken.table[0] == '\0' ? "all tables" : broken.table);
    put_action(&broken, says);
    cup_text_puts(says, "\n");
    return true;
}

/* The time spent in pauses ends and begins here. */
static void clock_pause(struct cup_report *report, bool was_paused, bool is_paused)
{
    uint64_t now = cup_clock_mono_ns();

    if (was_paused && !is_paused) report->paused_ns += now - report->paused_since_ns;
    if (was_paused || !is_paused) return;
    report->paused_since_ns = now;
    report->pause_count++;
}

/* Once: it is tried again and again, and what failed is the same. */
static void say_cut_off(const struct cup_wire_status *status, const char *what,
                        struct cup_text *says)
{
    cup_text_puts(says, "the cluster is away: ");
    cup_report_fault(says, what, &status->fault);
    cup_text_puts(says, "; what was read is committed as ever, and reading goes on when it is "
                        "back\n");
}

bool cup_report_status(struct cup_report *report, const struct cup_text *payload, const char *lake,
                       struct cup_text *says)
{
    struct cup_wire_status status, before = report->status;

    if (payload->bytes < sizeof(status)) return false;
    memcpy(&status, payload->at, sizeof(status));
    const char *what = payload->at + sizeof(status); /* a cup_text ends with NUL */
    if (status.state >= CUP_WIRE_STATE_COUNT) return false;
    status.fault.where[sizeof(status.fault.where) - 1] = '\0';
    report->status                                     = status;
    clock_pause(report, before.state == CUP_WIRE_PAUSED, status.state == CUP_WIRE_PAUSED);
    switch ((enum cup_wire_state)status.state) {
    case CUP_WIRE_PAUSED:
        if (before.state != CUP_WIRE_PAUSED) say_paused(&status, lake, says);
        break;
    case CUP_WIRE_RETRYING: say_retrying(&status, what, says); break;
    case CUP_WIRE_WAITING: break; /* the broken rule was told */
    case CUP_WIRE_CUT_OFF:
        if (before.state != CUP_WIRE_CUT_OFF) say_cut_off(&status, what, says);
        break;
    case CUP_WIRE_RUNNING:
    case CUP_WIRE_STATE_COUNT: cup_text_puts(says, "going on\n"); break;
    }
    return true;
}

/* 1234567 as 1,234,567 */
static const char *amount(uint64_t value, char out_text[AMOUNT_BYTES])
{
    char digits[AMOUNT_BYTES];
    int  count = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    int  at    = 0;

    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0) out_text[at++] = ',';
        out_text[at++] = digits[i];
    }
    out_text[at] = '\0';
    return out_text;
}

/* The input that the first busy worker reads, and how far it is. */
static void put_position(const struct cup_report *report, struct cup_text *line)
{
    const struct cup_stats_worker *worker = &report->stats->workers[0];

    for (uint32_t i = 0; i < CUP_PLAN_WORKERS_MAX; i++) {
        uint64_t position =
            atomic_load_explicit(&report->stats->workers[i].position, memory_order_relaxed);
        if (position == 0) continue;
        worker = &report->stats->workers[i];
        break;
    }
    uint64_t input    = atomic_load_explicit(&worker->input, memory_order_relaxed);
    uint64_t position = atomic_load_explicit(&worker->position, memory_order_relaxed);
    if (input >= report->input_count) return;
    const struct cup_inputs_file *file = &report->inputs[input];
    cup_text_printf(line, "  at %s", file->topic);
    if (file->gzip || file->bytes == 0)
        cup_text_printf(line, " %.1f MB", (double)position / MEGA);
    else
        cup_text_printf(line, " %.0f%%", 100.0 * (double)position / (double)file->bytes);
    if (report->input_count > 1)
        cup_text_printf(line, " (file %llu of %u)", (unsigned long long)input + 1,
                        report->input_count);
}

/* Of a run that follows files. */
static void put_followed(const struct cup_report *report, struct cup_text *line)
{
    uint64_t begun  = cup_report_counter(report, CUP_COUNTER_INPUTS_BEGUN);
    uint64_t ended  = cup_report_counter(report, CUP_COUNTER_INPUTS_ENDED);
    uint64_t behind = cup_report_counter(report, CUP_COUNTER_INPUTS_BEHIND);

    if (begun == 0) return;
    cup_text_printf(line, "  %llu files followed, %llu new, %llu rotated, %llu truncated",
                    (unsigned long long)(begun - ended), (unsigned long long)begun,
                    (unsigned long long)cup_report_counter(report, CUP_COUNTER_INPUTS_ROTATED),
                    (unsigned long long)cup_report_counter(report, CUP_COUNTER_INPUTS_TRUNCATED));
    cup_text_printf(line, ", %.1f MB behind", (double)behind / MEGA);
}

/* Of the output: how far it is behind the lake. */
static void put_output_behind(const struct cup_report *report, struct cup_text *line)
{
    uint64_t waiting   = cup_report_counter(report, CUP_COUNTER_SPOOL_BYTES);
    uint64_t delivered = cup_report_counter(report, CUP_COUNTER_DELIVERED_EPOCH);

    if (!report->publishes || waiting == 0) return;
    cup_text_puts(line, "  output ");
    if (report->epoch_last > delivered)
        cup_text_printf(line, "%llu epochs, ",
                        (unsigned long long)(report->epoch_last - delivered));
    cup_text_printf(line, "%.1f MB behind", (double)waiting / MEGA);
}

static uint64_t class_sum(const struct cup_report *report, enum cup_outcome_class class)
{
    uint64_t sum = 0;

    for (int i = 0; i < CUP_OUTCOME_COUNT; i++) {
        if (cup_outcome_class((enum cup_outcome)i) == class)
            sum += cup_report_outcome(report, (enum cup_outcome)i);
    }
    return sum;
}

void cup_report_progress(struct cup_report *report, struct cup_text *line)
{
    uint64_t now     = cup_clock_mono_ns();
    uint64_t records = cup_report_counter(report, CUP_COUNTER_RECORDS);
    uint64_t bytes   = cup_report_counter(report, CUP_COUNTER_BYTES);
    double   elapsed = (double)(now - report->last_ns) / (double)CUP_NS_PER_S;
    char     text[AMOUNT_BYTES];

    if (elapsed <= 0) elapsed = 1e-9;
    /* an abandoned epoch takes its records back */
    if (records < report->last_records) report->last_records = records;
    if (bytes < report->last_bytes) report->last_bytes = bytes;
    cup_text_printf(line, "%.0f s  %s records",
                    (double)(now - report->started_ns) / (double)CUP_NS_PER_S,
                    amount(records, text));
    cup_text_printf(line, "  %s/s",
                    amount((uint64_t)((double)(records - report->last_records) / elapsed), text));
    cup_text_printf(line, "  %.1f MB/s", (double)(bytes - report->last_bytes) / MEGA / elapsed);
    if (report->consumes) {
        cup_lag_progress(&report->lag, line);
    } else {
        put_position(report, line);
        put_followed(report, line);
    }
    put_output_behind(report, line);
    cup_text_printf(line, "  quarantined %s",
                    amount(class_sum(report, CUP_CLASS_QUARANTINED), text));
    if (report->status.state == CUP_WIRE_PAUSED) {
        cup_text_puts(line, "  paused: ");
        put_room(&report->status, line);
    }
    if (report->status.state == CUP_WIRE_WAITING)
        cup_text_puts(line, "  waiting: a rule is broken");
    if (report->status.state == CUP_WIRE_CUT_OFF) cup_text_puts(line, "  the cluster is away");
    report->last_ns      = now;
    report->last_records = records;
    report->last_bytes   = bytes;
}

static void put_outcomes(const struct cup_report *report, enum cup_outcome_class class,
                         const char *title, struct cup_text *text)
{
    char number[AMOUNT_BYTES];
    bool any = false;

    for (int i = 0; i < CUP_OUTCOME_COUNT; i++) {
        enum cup_outcome outcome = (enum cup_outcome)i;
        uint64_t         count   = cup_report_outcome(report, outcome);
        if (count == 0 || cup_outcome_class(outcome) != class) continue;
        if (!any) cup_text_printf(text, "\n%s\n", title);
        any = true;
        cup_text_printf(text, "  %12s  %-20s %s\n", amount(count, number),
                        cup_outcome_name(outcome), cup_outcome_text(outcome));
    }
}

static void put_tables(const struct cup_report *report, struct cup_text *text)
{
    char number[AMOUNT_BYTES];

    if (report->table_count == 0) return;
    cup_text_puts(text, "\nsilver          rows   files          MB  table\n");
    for (uint32_t i = 0; i < report->table_count; i++) {
        const struct cup_report_table *table = &report->tables[i];
        cup_text_printf(text, "  %18s", amount(table->rows, number));
        cup_text_printf(text, "  %6llu  %10.2f  %s\n", (unsigned long long)table->files,
                        (double)table->bytes / MEGA, table->path);
    }
}

/* What drift.columns: ignore has cost, per member. */
static void put_ignored(const struct cup_report *report, struct cup_text *text)
{
    char number[AMOUNT_BYTES];
    bool any = false;

    for (uint32_t i = 0; report->catalog != NULL && i < CUP_PLAN_IGNORED_SLOTS; i++) {
        const struct cup_catalog_ignored *one = &report->catalog->ignored[i];
        uint64_t                          sum = 0;
        for (uint32_t w = 0; w < CUP_PLAN_WORKERS_MAX; w++)
            sum +=
                atomic_load_explicit(&report->stats->workers[w].ignored[i], memory_order_relaxed);
        if (sum == 0) continue;
        if (!any) cup_text_puts(text, "\nvalues left out of silver (bronze has them)\n");
        any = true;
        cup_text_printf(text, "  %12s  ", amount(sum, number));
        if (i >= report->catalog->ignored_count)
            cup_text_puts(text, "members of other tables\n");
        else
            cup_text_printf(text, "%s: %s\n", one->path,
                            *one->member == '\0' ? "all other members" : one->member);
    }
}

/* By what is odd, then by table and column as they came. */
static void put_odds(const struct cup_report *report, struct cup_text *text)
{
    char number[AMOUNT_BYTES];

    if (report->odd_count > 0) cup_text_puts(text, "\nlost or changed before they were sent\n");
    for (int oddity = 0; oddity < CUP_ODDITY_COUNT; oddity++) {
        bool any = false;
        for (uint32_t i = 0; i < report->odd_count; i++) {
            const struct cup_report_odd *odd = &report->odds[i];
            if (odd->oddity != (uint32_t)oddity) continue;
            if (!any)
                cup_text_printf(text, "  %s: %s\n", cup_oddity_name((enum cup_oddity)oddity),
                                cup_oddity_text((enum cup_oddity)oddity));
            any = true;
            cup_text_printf(text, "  %12s  %s%s%s\n", amount(odd->count, number), odd->path,
                            *odd->column == '\0' ? "" : " ", odd->column);
        }
    }
}

static void put_sum(const struct cup_report *report, struct cup_text *text)
{
    char number[AMOUNT_BYTES];

    cup_text_printf(text, "\n%s records",
                    amount(cup_report_counter(report, CUP_COUNTER_RECORDS), number));
    cup_text_printf(text, " = %s accepted", amount(class_sum(report, CUP_CLASS_ACCEPTED), number));
    cup_text_printf(text, " + %s quarantined",
                    amount(class_sum(report, CUP_CLASS_QUARANTINED), number));
    cup_text_printf(text, " + %s dropped by rule\n",
                    amount(class_sum(report, CUP_CLASS_DROPPED), number));
}

static void put_setbacks(const struct cup_report *report, struct cup_text *text)
{
    uint64_t abandoned = cup_report_counter(report, CUP_COUNTER_EPOCHS_ABANDONED);
    uint64_t paused_ns = report->paused_ns;

    if (report->status.state == CUP_WIRE_PAUSED)
        paused_ns += cup_clock_mono_ns() - report->paused_since_ns;
    if (report->pause_count > 0)
        cup_text_printf(text, "paused %llu times for %.0f s: the disk was full\n",
                        (unsigned long long)report->pause_count,
                        (double)paused_ns / (double)CUP_NS_PER_S);
    if (abandoned > 0)
        cup_text_printf(text, "%llu epochs abandoned, their input read again\n",
                        (unsigned long long)abandoned);
}

static void put_inputs(const struct cup_report *report, struct cup_text *text)
{
    uint64_t lost = cup_report_counter(report, CUP_COUNTER_INPUTS_LOST_BYTES);
    uint64_t gone = cup_report_counter(report, CUP_COUNTER_RECORDS_LOST);

    if (gone > 0)
        cup_text_printf(text,
                        "%llu offsets were skipped: their records were deleted before they could "
                        "be read (kafka.gaps: skip; the ledger says which)\n",
                        (unsigned long long)gone);
    if (report->consumes && report->lag.count == 0)
        cup_text_puts(text,
                      "no partition was read: no topic fits input[].topics (what output.topic may "
                      "name never does), or none is this shard's; `cupel discover` lists topics\n");
    if (report->consumes) return;
    if (cup_report_counter(report, CUP_COUNTER_INPUTS_BEGUN) == 0) return;
    cup_text_puts(text, "inputs:");
    put_followed(report, text);
    cup_text_puts(text, "\n");
    if (lost > 0)
        cup_text_printf(text, "%llu bytes of input were lost: see the messages above\n",
                        (unsigned long long)lost);
}

static void put_output(const struct cup_report *report, struct cup_text *text)
{
    uint64_t waiting = cup_report_counter(report, CUP_COUNTER_SPOOL_BYTES);
    uint64_t stops   = cup_report_counter(report, CUP_COUNTER_DELIVERY_FAILED);
    uint64_t large   = cup_report_counter(report, CUP_COUNTER_NOT_FORWARDED);
    char     number[AMOUNT_BYTES];

    if (!report->publishes) return;
    cup_text_printf(text, "output: %s records published, up to epoch %llu\n",
                    amount(cup_report_counter(report, CUP_COUNTER_PUBLISHED), number),
                    (unsigned long long)cup_report_counter(report, CUP_COUNTER_DELIVERED_EPOCH));
    if (waiting > 0)
        cup_text_printf(text, "output: %.2f MB of later epochs wait for the next run\n",
                        (double)waiting / MEGA);
    if (stops > 0)
        cup_text_printf(text, "output: stopped and begun anew %llu times, see the messages above\n",
                        (unsigned long long)stops);
    if (large > 0)
        cup_text_printf(text, "output: %s records of more than 100 MiB were not forwarded\n",
                        amount(large, number));
}

static void put_closes(const struct cup_report *report, struct cup_text *text)
{
    char        number[AMOUNT_BYTES];
    const char *comma = "\nfiles closed:";

    for (int i = 0; i < CUP_CLOSE_COUNT; i++) {
        uint64_t count = cup_report_counter(report, CUP_COUNTER_OF_CLOSE(i));
        if (count == 0) continue;
        cup_text_printf(text, "%s %s %s", comma, amount(count, number),
                        cup_close_name((enum cup_close)i));
        comma = ",";
    }
    if (*comma == ',') cup_text_puts(text, "\n");
}

void cup_report_summary(const struct cup_report *report, struct cup_text *text)
{
    uint64_t records = cup_report_counter(report, CUP_COUNTER_RECORDS);
    uint64_t bytes   = cup_report_counter(report, CUP_COUNTER_BYTES);
    double   seconds = (double)(cup_clock_mono_ns() - report->started_ns) / (double)CUP_NS_PER_S;
    char     number[AMOUNT_BYTES];

    put_tables(report, text);
    if (report->bronze_bytes > 0)
        cup_text_printf(
            text, "\nbronze  %.2f MB in %llu files, %.2f times smaller than the input\n",
            (double)report->bronze_bytes / MEGA, (unsigned long long)report->bronze_files,
            (double)bytes / (double)report->bronze_bytes);
    put_closes(report, text);
    cup_lag_summary(&report->lag, text);
    put_ignored(report, text);
    put_outcomes(report, CUP_CLASS_QUARANTINED, "quarantined", text);
    put_outcomes(report, CUP_CLASS_DROPPED, "dropped by rule (bronze has them)", text);
    put_odds(report, text);
    put_sum(report, text);
    if (report->epoch_records < records)
        cup_text_printf(text,
                        "only %s of them are in the lake: the next run reads the rest again\n",
                        amount(report->epoch_records, number));
    cup_text_printf(text, "%.2f MB in %.2f s: %.1f MB/s, ", (double)bytes / MEGA, seconds,
                    (double)bytes / MEGA / seconds);
    cup_text_printf(text, "%s records/s; ", amount((uint64_t)((double)records / seconds), number));
    cup_text_printf(text, "%llu epochs", (unsigned long long)report->epoch_count);
    if (report->epoch_count > 0)
        cup_text_printf(text, ", the last is %llu, longest apply %.3f s",
                        (unsigned long long)report->epoch_last,
                        (double)report->apply_ns_max / (double)CUP_NS_PER_S);
    cup_text_puts(text, "\n");
    put_inputs(report, text);
    put_output(report, text);
    put_setbacks(report, text);
}
