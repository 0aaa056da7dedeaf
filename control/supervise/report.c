// SPDX-License-Identifier: Apache-2.0
#include "control/supervise/report.h"

#include <string.h>

#include "base/clock.h"

#define MEGA         1e6 /* MB, as disks and networks count */
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

bool cup_report_epoch(struct cup_report *report, const struct cup_text *payload)
{
    struct cup_wire_epoch       epoch;
    struct cup_wire_epoch_table row;

    if (payload->bytes < sizeof(epoch)) return false;
    memcpy(&epoch, payload->at, sizeof(epoch));
    if ((payload->bytes - sizeof(epoch)) / sizeof(row) != epoch.table_count ||
        (payload->bytes - sizeof(epoch)) % sizeof(row) != 0)
        return false;
    report->epoch_count++;
    report->epoch_records += epoch.records;
    report->epoch_last = epoch.epoch;
    report->bronze_bytes += epoch.bronze_bytes;
    report->bronze_files += epoch.bronze_files;
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

    CUP_ASSERT(records >= report->last_records);
    if (elapsed <= 0) elapsed = 1e-9;
    cup_text_printf(line, "%.0f s  %s records",
                    (double)(now - report->started_ns) / (double)CUP_NS_PER_S,
                    amount(records, text));
    cup_text_printf(line, "  %s/s",
                    amount((uint64_t)((double)(records - report->last_records) / elapsed), text));
    cup_text_printf(line, "  %.1f MB/s", (double)(bytes - report->last_bytes) / MEGA / elapsed);
    put_position(report, line);
    cup_text_printf(line, "  quarantined %s",
                    amount(class_sum(report, CUP_CLASS_QUARANTINED), text));
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
    put_outcomes(report, CUP_CLASS_QUARANTINED, "quarantined", text);
    put_outcomes(report, CUP_CLASS_DROPPED, "dropped by rule (bronze has them)", text);
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
        cup_text_printf(text, ", the last is %llu", (unsigned long long)report->epoch_last);
    cup_text_puts(text, "\n");
}
