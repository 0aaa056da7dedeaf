// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lake/tool/tool_quarantine_priv.h"
#include "lake/tool/tool_tables.h"

/* --- one pipeline --- */

static enum cup_err open_selected(const struct cup_quarantine_options *options,
                                  const struct cup_pipeline *of, struct cup_quarantine *out,
                                  struct cup_fault *out_fault)
{
    const struct cup_quarantine_filter filter = {.reason   = options->reason,
                                                 .table    = options->table,
                                                 .input    = options->input,
                                                 .place    = options->place,
                                                 .since_us = options->since_us};

    return cup_quarantine_open(options->lake, of, &filter, out, out_fault);
}

static enum cup_err look(const struct cup_quarantine_options *options,
                         const struct cup_pipeline *of, FILE *out, struct cup_fault *out_fault)
{
    struct cup_quarantine  quarantine;
    enum cup_quarantine_as as = options->raw    ? CUP_QUARANTINE_RAW
                                : options->json ? CUP_QUARANTINE_JSON
                                                : CUP_QUARANTINE_TEXT;

    enum cup_err err = open_selected(options, of, &quarantine, out_fault);
    if (err == CUP_NOT_FOUND) { /* nothing was ever refused */
        if (!options->json && !options->raw)
            fprintf(out, "%s/%s: 0 open records, 0 bytes\n", of->domain, of->name);
        return CUP_OK;
    }
    if (err != CUP_OK) return err;
    if (options->action == CUP_QUARANTINE_LS)
        err = cup_quarantine_priv_ls(&quarantine, of, options->json, out, out_fault);
    else
        err = cup_quarantine_priv_show(&quarantine, as, options->limit, out, out_fault);
    cup_quarantine_close(&quarantine);
    return err;
}

/* --- export --- */

struct answer {
    FILE    *out;
    uint32_t shard_count;
};

static void print_sums(const struct answer *answer, const char *word, const char *path,
                       const struct cup_retry_sums *sums)
{
    fprintf(answer->out, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu32 " %s\n", word,
            sums->records, sums->too_long, sums->not_kept, answer->shard_count, path);
}

static enum cup_err export_new(const struct cup_quarantine_options *options,
                               const struct cup_pipeline *of, const struct cup_retry_folder *folder,
                               const struct answer *answer, struct cup_fault *out_fault)
{
    struct cup_quarantine quarantine;
    struct cup_retry_sums sums = {0};
    char                  path[CUP_PATH_BYTES];

    enum cup_err err = open_selected(options, of, &quarantine, out_fault);
    if (err == CUP_NOT_FOUND) {
        print_sums(answer, "none", "", &sums);
        return CUP_OK;
    }
    if (err != CUP_OK) return err;
    err = cup_retry_priv_export(&quarantine, folder, options, path, &sums, out_fault);
    if (err == CUP_OK) print_sums(answer, path[0] != '\0' ? "made" : "none", path, &sums);
    cup_quarantine_close(&quarantine);
    return err;
}

/* A line for the program that called: a word, records, those left out for their length and because
 * their bytes are not kept, the pipeline's shards, and the file. */
static enum cup_err export_some(const struct cup_quarantine_options *options,
                                const struct cup_pipeline *of, FILE *out,
                                struct cup_fault *out_fault)
{
    struct cup_shard        shard  = {.number = 0};
    const struct answer     answer = {out, cup_shards_count(options->lake, of->domain, of->name)};
    struct cup_retry_folder folder;
    char                    holder[CUP_HOLDER_BYTES];

    snprintf(shard.domain, sizeof shard.domain, "%s", of->domain);
    snprintf(shard.pipeline, sizeof shard.pipeline, "%s", of->name);
    if (cup_shard_held(options->lake, &shard, holder))
        return cup_fault_set(out_fault, CUP_LOCKED,
                             "the pipeline is running; wait for its end or stop it, then retry",
                             holder);
    enum cup_err err = cup_retry_folder_open(options->lake, &shard, &folder, out_fault);
    if (err != CUP_OK) return err;
    if (folder.pending[0] != '\0')
        print_sums(&answer, "pending", folder.pending, &(struct cup_retry_sums){0});
    else
        err = export_new(options, of, &folder, &answer, out_fault);
    cup_retry_folder_close(&folder);
    return err;
}

/* --- the command --- */

static enum cup_exit run(const struct cup_quarantine_options *options,
                         const struct cup_pipelines *pipelines, FILE *out)
{
    struct cup_fault fault = {0};
    enum cup_err     err   = CUP_OK;

    if (options->action != CUP_QUARANTINE_LS && pipelines->count > 1) {
        fprintf(stderr, "cupel-lake: %s: choose one of these with --pipeline DOMAIN/NAME:\n",
                options->lake);
        for (uint32_t i = 0; i < pipelines->count; i++)
            fprintf(stderr, "  %s/%s\n", pipelines->list[i].domain, pipelines->list[i].name);
        return CUP_EXIT_USAGE;
    }
    for (uint32_t i = 0; err == CUP_OK && i < pipelines->count; i++)
        err = options->action == CUP_QUARANTINE_EXPORT
                  ? export_some(options, &pipelines->list[i], out, &fault)
                  : look(options, &pipelines->list[i], out, &fault);
    if (err == CUP_OK) return CUP_EXIT_OK;
    cup_tables_say_fault(options->lake, &fault, "");
    return CUP_EXIT_PROBLEMS;
}

enum cup_exit cup_quarantine_run(const struct cup_quarantine_options *options, FILE *out)
{
    struct cup_pipelines pipelines = {0};
    struct cup_fault     fault     = {0};

    CUP_ASSERT(options->lake != NULL);
    if (cup_pipelines_find(options->lake, options->domain, options->pipeline, &pipelines, &fault) !=
        CUP_OK) {
        fprintf(stderr, "cupel-lake: %s: this is no lake of cupel (%s)\n", options->lake,
                cup_err_text(fault.err));
        return CUP_EXIT_PROBLEMS;
    }
    enum cup_exit code = CUP_EXIT_PROBLEMS;
    if (pipelines.count == 0)
        fprintf(stderr,
                "cupel-lake: %s: no such pipeline has a ledger below _cupel; has it run yet?\n",
                options->lake);
    else
        code = run(options, &pipelines, out);
    cup_pipelines_free(&pipelines);
    return code;
}
