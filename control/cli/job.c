// SPDX-License-Identifier: Apache-2.0
#include "control/cli/job_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "control/cli/describe.h"
#include "control/config/cluster.h"
#include "control/config/detect.h"
#include "control/config/inputs.h"
#include "control/config/keys.h"
#include "control/config/pipeline.h"
#include "control/contract/contract.h"
#include "control/kafka/samples.h"
#include "control/plan/published.h"

enum cup_exit cup_job_priv_complain(struct cup_job *job)
{
    const char *at =
        job->says.failed || job->says.at == NULL ? "there is no memory\n" : job->says.at;

    while (*at != '\0') {
        size_t bytes = strcspn(at, "\n");
        fprintf(stderr, "cupel: %.*s\n", (int)bytes, at);
        at += bytes + (at[bytes] != '\0');
    }
    cup_text_free(&job->says);
    return CUP_EXIT_CONFIG;
}

/* The lake as an absolute path; its last folder is made when it is missing. */
static bool open_lake(struct cup_job *job, bool make)
{
    char path[PATH_MAX];

    if (make && mkdir(job->settings.lake, 0755) != 0 && errno != EEXIST) {
        cup_text_printf(&job->says, "lake: %s: %s\n", job->settings.lake, strerror(errno));
        return false;
    }
    if (realpath(job->settings.lake, path) == NULL) {
        if (make || errno != ENOENT) {
            cup_text_printf(&job->says, "lake: %s: %s\n", job->settings.lake, strerror(errno));
            return false;
        }
        job->lake = job->settings.lake; /* there is none yet: nothing to compare with */
        return true;
    }
    job->lake = cup_keep_string(job->keep, path);
    return true;
}

/* Some of the first records of the topics, as files of a folder. */
static bool sample_topics(struct cup_job *job, const char *folder,
                          struct cup_inputs_file **out_files, uint32_t *out_count)
{
    struct cup_text settings = {0};

    cup_samples_put_settings(&settings, &job->settings.kafka);
    cup_samples_put_topics(&settings, &job->settings);
    const struct cup_samples samples = {.settings = settings.at, .oldest = true};
    bool                     good    = !settings.failed && cup_samples_take(&samples, folder);
    cup_text_free(&settings);
    if (!good) {
        cup_text_puts(&job->says, "format: auto looks at records of the topics, which cannot be "
                                  "read: name the format in pipeline.yaml or with --format\n");
        return false;
    }
    if (!cup_samples_list(job->keep, folder, out_files, out_count, &job->says)) return false;
    if (*out_count > 0) return true;
    cup_text_puts(&job->says,
                  "format: auto looks at records of the topics, and there are none yet: "
                  "name the format in pipeline.yaml or with --format\n");
    return false;
}

/* What `auto` comes to; it is pinned in the plan. */
static bool settle_format(struct cup_job *job, bool brings)
{
    struct cup_inputs_file *files  = job->inputs;
    uint32_t                count  = job->input_count;
    const char             *folder = NULL;
    struct cup_text         says   = {0};
    enum cup_err            err    = CUP_OK;

    if (job->settings.format < CUP_FORMAT_COUNT) return true;
    if (brings) {
        cup_text_puts(&job->says, "format: auto looks at the inputs, and here are none: name the "
                                  "format in pipeline.yaml (cupel validate says which it is)\n");
        return false;
    }
    if (cup_settings_consumes(&job->settings)) {
        folder = cup_samples_folder(job->keep, &job->says);
        if (folder == NULL || !sample_topics(job, folder, &files, &count)) err = CUP_IO;
    }
    if (err == CUP_OK) err = cup_detect_format(files, count, &job->settings.format, &says);
    cup_samples_remove(folder);
    if (says.at != NULL && !says.failed) {
        if (err == CUP_OK)
            fprintf(stderr, "cupel: %s", says.at);
        else
            cup_text_puts(&job->says, says.at);
    }
    cup_text_free(&says);
    return err == CUP_OK;
}

bool cup_job_priv_load(struct cup_job *job, const struct cup_args *args, uint32_t flags)
{
    struct cup_settings *settings = &job->settings;
    bool                 brings   = flags & CUP_JOB_BRINGS_INPUT;

    cup_settings_default(settings);
    if (args->folder != NULL &&
        cup_pipeline_load(job->keep, args->folder, settings, &job->says) != CUP_OK)
        return false;
    if (cup_args_apply(job->keep, args, settings, &job->says) != CUP_OK) return false;
    if (brings) { /* one is there, whatever is configured */
        settings->inputs      = NULL;
        settings->input_count = 1;
    }
    cup_cluster_complete(job->keep, settings);
    if (cup_settings_check(settings, &job->says) != CUP_OK) return false;
    if (!cup_cluster_check_files(settings, &job->says)) return false;
    /* a run that never ends finds its files while it runs; topics are found there */
    bool ends = settings->until_end || !(flags & CUP_JOB_MAKES_LAKE);
    if (ends && !brings && !cup_settings_consumes(settings) &&
        cup_inputs_find(job->keep, settings, &job->inputs, &job->input_count, &job->says) != CUP_OK)
        return false;
    if (!settle_format(job, brings)) return false; /* by the files of all shards */
    job->input_count = cup_inputs_keep(settings, job->inputs, job->input_count);
    if (!open_lake(job, flags & CUP_JOB_MAKES_LAKE)) return false;
    bool rows = settings->format == CUP_FORMAT_FLATTENED || settings->format == CUP_FORMAT_UPSERT;
    job->catalog = (struct cup_catalog){.keep       = job->keep,
                                        .lake       = job->lake,
                                        .domain     = settings->domain,
                                        .source     = settings->source,
                                        .metadata   = rows ? settings->metadata_prefix : NULL,
                                        .drift      = settings->drift,
                                        .masks      = settings->masks,
                                        .mask_count = settings->mask_count};
    if (args->folder != NULL &&
        cup_contract_load(&job->catalog, args->folder, &job->says) != CUP_OK)
        return false;
    return cup_keys_load(&job->catalog, settings, &job->says) == CUP_OK;
}

enum cup_exit cup_job_run(struct cup_keep *keep, const struct cup_args *args)
{
    struct cup_job job = {.keep = keep};

    if (!cup_job_priv_load(&job, args, CUP_JOB_MAKES_LAKE)) return cup_job_priv_complain(&job);
    if (job.settings.until_end && job.input_count == 0 && !cup_settings_consumes(&job.settings)) {
        printf("shard %" PRIu64 "/%" PRIu64 " has no entry of input: nothing to do\n",
               job.settings.shard, job.settings.shard_count);
        cup_text_free(&job.says);
        return CUP_EXIT_OK;
    }
    const struct cup_supervise run  = {.settings    = &job.settings,
                                       .lake        = job.lake,
                                       .inputs      = job.inputs,
                                       .input_count = job.input_count,
                                       .catalog     = &job.catalog};
    enum cup_exit              code = cup_supervise_run(&run);
    cup_text_free(&job.says);
    return code;
}

static void put_rules(const struct cup_catalog_table *table, struct cup_text *text)
{
    for (uint32_t i = 0; i < table->rule_count; i++)
        cup_text_printf(text, "    rule %s: %s\n", table->rules[i].id,
                        cup_rule_text((enum cup_rule)table->rules[i].kind));
    for (uint32_t i = 0; i < table->dataset_count; i++) {
        const struct cup_catalog_dataset *dataset = &table->datasets[i];
        enum cup_dataset                  kind    = (enum cup_dataset)dataset->kind;
        cup_text_printf(text, "    rule %s, per epoch: %s: ", dataset->id, cup_dataset_text(kind));
        if (isfinite(dataset->least)) cup_text_printf(text, "at least %.6g ", dataset->least);
        if (isfinite(dataset->most)) cup_text_printf(text, "at most %.6g ", dataset->most);
        cup_text_printf(text, "%s, else %s\n", cup_dataset_unit(kind),
                        cup_action_name((enum cup_action)dataset->action));
    }
}

static void put_tables(const struct cup_job *job, struct cup_text *text)
{
    const struct cup_catalog *catalog = &job->catalog;

    cup_text_printf(text, "%u tables by contract\n", catalog->table_count);
    for (uint32_t i = 0; i < catalog->table_count; i++) {
        const struct cup_catalog_table *table = &catalog->tables[i];
        cup_text_printf(text, "  %s: %s images", table->path,
                        table->images == CUP_IMAGES_FULL ? "full" : "key-only");
        if (table->key_count == 0) cup_text_puts(text, ", no primary key");
        cup_text_puts(text, "\n");
        for (uint32_t c = 0; c < table->column_count; c++) {
            const struct cup_catalog_column *column = &table->columns[c];
            cup_text_printf(text, "    %-24s ", column->name);
            cup_shape_put_type(text, &column->is);
            if (column->declared)
                cup_text_printf(text, " from %s",
                                cup_encoding_row((enum cup_encoding)column->is.encoding)->name);
            else
                cup_text_puts(text, ", only in the lake: always null from now on");
            if (column->key_place > 0) cup_text_printf(text, ", key %u", column->key_place);
            if (column->required) cup_text_puts(text, ", required");
            if (column->mask.mask != CUP_MASK_NONE)
                cup_text_printf(text, ", masked: %s",
                                cup_mask_row((enum cup_mask)column->mask.mask)->name);
            cup_text_puts(text, "\n");
        }
        put_rules(table, text);
    }
    for (uint32_t i = 0; i < catalog->unchecked_count; i++)
        cup_text_printf(text, "not checked by cupel: %s\n", catalog->unchecked[i]);
}

/* evolve needs a type, which a record without schema does not say. */
static void put_drift(const struct cup_job *job, struct cup_text *text)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < job->catalog.table_count; i++)
        count += job->catalog.tables[i].drift.of[CUP_CHANGE_COLUMNS] == CUP_DRIFT_EVOLVE;
    if (count == 0) return;
    cup_text_printf(text,
                    "warning: drift.columns is evolve for %u tables by contract: records that "
                    "carry their schema add new columns; from others nobody knows the type, so "
                    "that a new member sends them to quarantine (ignore: leaves the member out)\n",
                    count);
}

/* Nanoseconds in 64 bits end in 2262; what lies beyond looks like another time. */
static void put_wrapped(const struct cup_catalog *catalog, struct cup_text *text)
{
    for (uint32_t t = 0; t < catalog->table_count; t++) {
        const struct cup_catalog_table *table = &catalog->tables[t];
        for (uint32_t i = 0; i < table->column_count; i++) {
            const struct cup_catalog_column *column = &table->columns[i];
            bool checked = (column->is.options & CUP_MEMBER_RANGE_CHECKED) != 0;
            if (!column->declared || column->is.encoding != CUP_ENCODING_TIMESTAMP_NS || checked)
                continue;
            cup_text_printf(text,
                            "warning: table %s: column %s: nanoseconds wrap outside 1677 to 2262, "
                            "and nothing shows it; use microseconds at the source, or declare "
                            "range: checked_at_source\n",
                            table->path, column->name);
        }
    }
}

/* What is allowed, but may be a mistake. */
static void put_warnings(const struct cup_job *job, struct cup_text *text)
{
    const struct cup_settings *settings = &job->settings;

    if (*settings->owner == '\0')
        cup_text_puts(text, "warning: owner: nobody answers for this data\n");
    if (settings->kafka.count > 0 && !cup_settings_consumes(settings) &&
        (settings->output.kind == CUP_OUTPUT_NONE || settings->output.has_cluster))
        cup_text_puts(text, "warning: kafka: nobody uses it: input has no topics, and output is "
                            "none or has a cluster of its own\n");
    if (!settings->bronze) cup_text_puts(text, "warning: bronze is off: nothing can be replayed\n");
    if (strcmp(settings->unavailable, cup_key_row(CUP_KEY_UNAVAILABLE)->standard) == 0)
        cup_text_puts(text, "warning: unavailable: a user's text may equal the well-known "
                            "placeholder; set the connector's unavailable.value.placeholder to a "
                            "text that nobody can know\n");
    put_wrapped(&job->catalog, text);
    if (job->catalog.contract_count == 0)
        cup_text_puts(text, "warning: there are no contracts: only records with embedded schemas "
                            "can be read\n");
    put_drift(job, text);
}

static void put_inputs(const struct cup_job *job, struct cup_text *text)
{
    static const char *const forms[] = {"ndjson", "dump"};

    if (cup_settings_consumes(&job->settings)) {
        cup_describe_input(&job->settings, text);
        return;
    }
    cup_text_printf(text, "%u input files\n", job->input_count);
    for (uint32_t i = 0; i < job->input_count; i++) {
        const struct cup_inputs_file *file = &job->inputs[i];
        cup_text_printf(text, "  %s: %s%s, %llu bytes, group %u\n", file->path, forms[file->form],
                        file->gzip ? ", gzip" : "", (unsigned long long)file->bytes, file->group);
    }
}

/* What the run would be refused for, once it knows its tables. */
static bool check_published(struct cup_job *job)
{
    struct cup_fault fault = {0};

    if (cup_published_check(&job->settings, &job->catalog, &fault) == CUP_OK) return true;
    cup_text_printf(&job->says, "%s: %s\n", fault.what, fault.where);
    return false;
}

enum cup_exit cup_job_validate(struct cup_keep *keep, const struct cup_args *args)
{
    struct cup_job  job  = {.keep = keep};
    struct cup_text text = {0};

    if (args->folder == NULL) {
        cup_text_puts(&job.says, "validate needs the folder of a pipeline\n");
        return cup_job_priv_complain(&job);
    }
    if (!cup_job_priv_load(&job, args, 0) || !check_published(&job))
        return cup_job_priv_complain(&job);
    cup_text_printf(&text, "pipeline %s of domain %s, lake %s\n", job.settings.name,
                    job.settings.domain, job.lake);
    cup_text_printf(&text, "format %s: %s\n", cup_format_name((enum cup_format)job.settings.format),
                    cup_format_text((enum cup_format)job.settings.format));
    put_inputs(&job, &text);
    cup_describe_output(&job.settings, &job.catalog, &text);
    put_tables(&job, &text);
    put_warnings(&job, &text);
    if (!text.failed) fputs(text.at, stdout);
    cup_text_free(&text);
    cup_text_free(&job.says);
    return CUP_EXIT_OK;
}
