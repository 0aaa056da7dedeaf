// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lake/tool/tool_check.h"
#include "lake/tool/tool_commands.h"

/* One pipeline of the lake; all are loaded, because a table may hold files of two. */
struct subject {
    struct cup_ledger *ledger;
    struct cup_report  report;
    bool               chosen;
};

static bool matches(const char *wanted, const char *name)
{
    return wanted == NULL || strcmp(wanted, name) == 0;
}

/* " (name count, name count)" for the outcomes of one class; `accepted` itself needs no name. */
static void print_class(const struct cup_ledger *ledger, enum cup_outcome_class class, FILE *out)
{
    const char *comma = " (";

    for (uint32_t i = 0; i < CUP_OUTCOME_COUNT; i++) {
        if (i == CUP_OUTCOME_ACCEPTED || ledger->outcomes[i] == 0) continue;
        if (cup_ledger_outcome_class((enum cup_outcome)i) != class) continue;
        fprintf(out, "%s%s %" PRIu64, comma, cup_ledger_outcome_name((enum cup_outcome)i),
                ledger->outcomes[i]);
        comma = ", ";
    }
    if (comma[0] == ',') fputs(")", out);
}

static void print_retried(const struct cup_ledger *ledger, FILE *out)
{
    const uint64_t *of = ledger->retried;
    uint64_t total     = of[CUP_CLASS_ACCEPTED] + of[CUP_CLASS_QUARANTINED] + of[CUP_CLASS_DROPPED];

    if (total == 0) return;
    fprintf(out,
            "; retried %" PRIu64 ": %" PRIu64 " accepted, %" PRIu64 " refused again, %" PRIu64
            " dropped",
            total, of[CUP_CLASS_ACCEPTED], of[CUP_CLASS_QUARANTINED], of[CUP_CLASS_DROPPED]);
}

static void print_totals(const struct cup_pipeline *pipeline, const struct cup_ledger *ledger,
                         FILE *out)
{
    fprintf(out, "%s/%s: %" PRIu64 " epochs, %" PRIu64 " records = %" PRIu64 " accepted",
            pipeline->domain, pipeline->name, ledger->mark_count, ledger->records,
            ledger->accepted);
    print_class(ledger, CUP_CLASS_ACCEPTED, out);
    fprintf(out, " + %" PRIu64 " quarantined", ledger->quarantined);
    print_class(ledger, CUP_CLASS_QUARANTINED, out);
    fprintf(out, " + %" PRIu64 " dropped", ledger->dropped);
    print_class(ledger, CUP_CLASS_DROPPED, out);
    print_retried(ledger, out);
    fprintf(out, "; %" PRIu64 " blank lines, %" PRIu64 " files, %" PRIu64 " bytes\n", ledger->blank,
            ledger->file_count, ledger->bytes);
}

static void print_report(const struct cup_report *report, FILE *out)
{
    if (report->text.at != NULL) fputs(report->text.at, out);
    if (report->problem_count > CUP_REPORT_LINES_MAX)
        fprintf(out, "problem: %" PRIu64 " more are not shown\n",
                report->problem_count - CUP_REPORT_LINES_MAX);
    if (report->note_count > CUP_REPORT_LINES_MAX)
        fprintf(out, "note: %" PRIu64 " more are not shown\n",
                report->note_count - CUP_REPORT_LINES_MAX);
    if (report->text.failed) fputs("problem: memory is short, lines are missing\n", out);
    if (report->problem_count == 0)
        fputs("ok\n", out);
    else
        fprintf(out, "%" PRIu64 " problems\n", report->problem_count);
}

static enum cup_err check_all(struct cup_check *check, struct cup_fault *out_fault)
{
    cup_check_ledger(check);
    enum cup_err err = cup_check_open_tables(check, out_fault);
    if (err == CUP_OK) err = cup_check_files(check, out_fault);
    if (err == CUP_OK) err = cup_check_rows(check, out_fault);
    if (err == CUP_OK && check->deep) err = cup_check_twice(check, out_fault);
    if (err == CUP_OK) err = cup_check_bronze(check, out_fault);
    cup_check_close_tables(check);
    return err;
}

static enum cup_err own_files(const struct cup_ledger *ledger, struct cup_texts *owned,
                              struct cup_fault *out_fault)
{
    for (uint64_t i = 0; i < ledger->file_count; i++) {
        const char *path = ledger->names.list[ledger->files[i].path];
        if (cup_texts_put(owned, path, strlen(path)) == CUP_NAME_NONE)
            return cup_fault_set(out_fault, CUP_NO_MEMORY, "verify", path);
    }
    return CUP_OK;
}

/* Marks are sorted: the last one of a shard is how far its ledger tells. */
static enum cup_err note_reach(const char *lake, const struct cup_pipeline *pipeline,
                               const struct cup_ledger *ledger, struct cup_check_reaches *reaches,
                               struct cup_fault *out_fault)
{
    char holder[CUP_HOLDER_BYTES];

    for (uint64_t i = 0; i < ledger->mark_count; i++) {
        const struct cup_ledger_mark *mark = &ledger->marks[i];
        if (i + 1 < ledger->mark_count && mark[1].shard == mark->shard) continue;
        struct cup_check_reach *list =
            realloc(reaches->list, (reaches->count + 1) * sizeof *reaches->list);
        if (list == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "verify", NULL);
        reaches->list                 = list;
        struct cup_check_reach *reach = &list[reaches->count++];
        *reach                        = (struct cup_check_reach){.epoch = mark->epoch};
        reach->shard.number           = (uint32_t)mark->shard;
        snprintf(reach->shard.domain, sizeof reach->shard.domain, "%s", pipeline->domain);
        snprintf(reach->shard.pipeline, sizeof reach->shard.pipeline, "%s", pipeline->name);
        cup_shard_app(&reach->shard, reach->app);
        reach->running = cup_shard_held(lake, &reach->shard, holder);
    }
    return CUP_OK;
}

static enum cup_err read_audits(const struct cup_verify_options *options, struct cup_audit *audit,
                                struct cup_fault *out_fault)
{
    struct cup_shards shards = {0};
    enum cup_err      err =
        cup_shards_find(options->lake, NULL, NULL, CUP_SHARD_ANY, &shards, out_fault);

    for (uint32_t i = 0; err == CUP_OK && i < shards.count; i++)
        err = cup_audit_read(options->lake, &shards.list[i], audit, out_fault);
    cup_shards_free(&shards);
    return err;
}

static enum cup_err verify(const struct cup_verify_options *options,
                           const struct cup_pipelines *pipelines, struct subject *subjects,
                           FILE *out, uint64_t *out_problems, struct cup_fault *out_fault)
{
    struct cup_texts         owned    = {0};
    struct cup_check_reaches reaches  = {0};
    struct cup_audit         audit    = {0};
    uint64_t                 problems = 0;
    enum cup_err             err      = read_audits(options, &audit, out_fault);

    for (uint32_t i = 0; err == CUP_OK && i < pipelines->count; i++) {
        err = cup_ledger_load(options->lake, &pipelines->list[i], &subjects[i].report,
                              &subjects[i].ledger, out_fault);
        if (err == CUP_OK) err = own_files(subjects[i].ledger, &owned, out_fault);
        if (err == CUP_OK)
            err = note_reach(options->lake, &pipelines->list[i], subjects[i].ledger, &reaches,
                             out_fault);
    }
    for (uint32_t i = 0; err == CUP_OK && i < pipelines->count; i++) {
        struct cup_check check = {.lake     = options->lake,
                                  .pipeline = &pipelines->list[i],
                                  .deep     = options->deep,
                                  .keys     = options->keys,
                                  .ledger   = subjects[i].ledger,
                                  .owned    = &owned,
                                  .reaches  = &reaches,
                                  .audit    = &audit,
                                  .report   = &subjects[i].report};
        if (!subjects[i].chosen) continue;
        err = check_all(&check, out_fault);
        if (err != CUP_OK) break;
        print_totals(&pipelines->list[i], subjects[i].ledger, out);
        print_report(&subjects[i].report, out);
        problems += subjects[i].report.problem_count;
    }
    cup_texts_free(&owned);
    cup_audit_free(&audit);
    free(reaches.list);
    if (err == CUP_OK) *out_problems = problems;
    return err;
}

static uint32_t choose(const struct cup_verify_options *options,
                       const struct cup_pipelines *pipelines, struct subject *subjects)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < pipelines->count; i++) {
        subjects[i].chosen = matches(options->domain, pipelines->list[i].domain) &&
                             matches(options->pipeline, pipelines->list[i].name);
        count += subjects[i].chosen;
    }
    return count;
}

enum cup_exit cup_verify_run(const struct cup_verify_options *options, FILE *out)
{
    struct cup_pipelines pipelines = {0};
    struct cup_fault     fault     = {0};
    uint64_t             problems  = 0;

    CUP_ASSERT(options->lake != NULL);
    if (cup_pipelines_find(options->lake, NULL, NULL, &pipelines, &fault) != CUP_OK) {
        fprintf(stderr, "cupel-lake: %s: this is no lake of cupel (%s)\n", options->lake,
                cup_err_text(fault.err));
        return CUP_EXIT_PROBLEMS;
    }
    struct subject *subjects = calloc((size_t)pipelines.count + 1, sizeof *subjects);
    CUP_ASSERT(subjects != NULL);
    enum cup_exit code = CUP_EXIT_PROBLEMS;
    if (choose(options, &pipelines, subjects) == 0)
        fprintf(stderr,
                "cupel-lake: %s: no such pipeline has a ledger below _cupel; has it run yet?\n",
                options->lake);
    else if (verify(options, &pipelines, subjects, out, &problems, &fault) != CUP_OK)
        fprintf(stderr, "cupel-lake: %s: %s %s\n", cup_err_text(fault.err), fault.what,
                fault.where);
    else
        code = problems > 0 ? CUP_EXIT_PROBLEMS : CUP_EXIT_OK;
    for (uint32_t i = 0; i < pipelines.count; i++) {
        cup_ledger_free(subjects[i].ledger);
        cup_text_free(&subjects[i].report.text);
    }
    free(subjects);
    cup_pipelines_free(&pipelines);
    return code;
}
