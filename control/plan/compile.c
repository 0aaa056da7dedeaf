// SPDX-License-Identifier: Apache-2.0
#include "control/plan/compile.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control/config/cluster.h"
#include "control/plan/published.h"

#define ALIGNMENT 8u /* of every structure in the plan */
_Static_assert(_Alignof(struct cup_plan) <= ALIGNMENT, "sections start aligned");

/* A blob being made. Sections are cut from `at`; texts are appended to `texts`. */
struct build {
    uint8_t                  *at;
    size_t                    bytes, used;
    struct cup_text           texts;
    const struct cup_compile *from;
};

static size_t rounded(uint64_t count, size_t element_bytes)
{
    return (count * element_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static const struct cup_settings_properties no_properties; /* of no cluster */

/* The clusters that are used; the settings may say more. */
static const struct cup_settings_properties *input_cluster(const struct cup_settings *settings)
{
    return cup_settings_consumes(settings) ? &settings->kafka : &no_properties;
}

static const struct cup_settings_properties *output_cluster(const struct cup_settings *settings)
{
    return settings->output.kind == CUP_OUTPUT_NONE ? &no_properties
                                                    : cup_cluster_of_output(settings);
}

static uint32_t topic_count(const struct cup_settings *settings)
{
    uint32_t count = 0;

    for (uint32_t i = 0; cup_settings_consumes(settings) && i < settings->input_count; i++)
        count += settings->inputs[i].topic_count;
    return count;
}

static size_t topics_bytes(const struct cup_settings *settings)
{
    const size_t property = sizeof(struct cup_plan_setting);
    size_t       bytes    = rounded(topic_count(settings), sizeof(struct cup_plan_topic));

    for (uint32_t i = 0; cup_settings_consumes(settings) && i < settings->input_count; i++) {
        const struct cup_settings_input *input = &settings->inputs[i];
        bytes +=
            input->topic_count * rounded(input->start.offset_count, sizeof(struct cup_plan_offset));
    }
    return bytes + rounded(input_cluster(settings)->count, property) +
           rounded(output_cluster(settings)->count, property) +
           rounded(settings->output.topic_settings.count, property);
}

static size_t structure_bytes(const struct cup_compile *from)
{
    const struct cup_catalog *catalog = from->catalog;
    size_t                    bytes   = rounded(1, sizeof(struct cup_plan));

    bytes += topics_bytes(from->settings);
    bytes += rounded(from->input_count, sizeof(struct cup_plan_input));
    bytes += rounded(catalog->table_count, sizeof(struct cup_plan_table));
    bytes += rounded(catalog->schema_count, sizeof(struct cup_plan_schema));
    for (uint32_t i = 0; i < catalog->table_count; i++) {
        bytes += rounded(catalog->tables[i].column_count, sizeof(struct cup_plan_column));
        bytes += rounded(catalog->tables[i].partition_count, sizeof(uint32_t));
        bytes += rounded(catalog->tables[i].rule_count, sizeof(struct cup_plan_rule));
        for (uint32_t r = 0; r < catalog->tables[i].rule_count; r++)
            bytes +=
                rounded(catalog->tables[i].rules[r].value_count, sizeof(struct cup_plan_value));
        bytes += rounded(catalog->tables[i].dataset_count, sizeof(struct cup_plan_dataset));
    }
    for (uint32_t i = 0; i < catalog->schema_count; i++)
        bytes += rounded(catalog->schemas[i].field_count, sizeof(struct cup_plan_field));
    return bytes;
}

/* Cuts the next section. */
static void *take(struct build *build, uint32_t count, size_t element_bytes,
                  struct cup_plan_list *out_list)
{
    size_t bytes = rounded(count, element_bytes);

    CUP_ASSERT(build->used + bytes <= build->bytes);
    uint8_t *section = build->at + build->used;
    *out_list        = (struct cup_plan_list){.offset = (uint32_t)build->used, .count = count};
    build->used += bytes;
    return section;
}

static struct cup_plan_text put_text(struct build *build, const char *text, size_t bytes)
{
    size_t at = build->bytes + build->texts.bytes;

    cup_text_put(&build->texts, text, bytes);
    cup_text_put(&build->texts, "", 1);
    return (struct cup_plan_text){.offset = (uint32_t)at, .bytes = (uint32_t)bytes};
}

static struct cup_plan_text put_string(struct build *build, const char *string)
{
    CUP_ASSERT(string != NULL);
    return put_text(build, string, strlen(string));
}

/* In percent; at 100 % there is no breaker. */
static double breaker_most(const struct cup_settings *settings)
{
    return settings->breaker_ppm >= 1000000 ? INFINITY : (double)settings->breaker_ppm / 10000;
}

/* DDL records matter where a table under contract must not outlive itself. */
static bool asks_changes(const struct cup_catalog *catalog)
{
    for (uint32_t i = 0; i < catalog->table_count; i++) {
        const struct cup_catalog_table *table = &catalog->tables[i];
        if (table->contracted && table->drift.of[CUP_CHANGE_DROPPED] >= CUP_DRIFT_QUARANTINE)
            return true;
    }
    return false;
}

static void put_header(struct build *build, struct cup_plan *plan)
{
    const struct cup_settings *settings = build->from->settings;

    plan->magic             = CUP_PLAN_MAGIC;
    plan->version           = CUP_PLAN_VERSION;
    plan->worker_count      = (uint32_t)settings->worker_count;
    plan->generation        = build->from->generation;
    plan->lake              = put_string(build, build->from->lake);
    plan->domain            = put_string(build, settings->domain);
    plan->pipeline          = put_string(build, settings->name);
    plan->shard             = (uint32_t)settings->shard;
    plan->shard_count       = (uint32_t)settings->shard_count;
    plan->kernels           = put_string(build, settings->kernels);
    plan->unavailable       = put_string(build, settings->unavailable);
    plan->metadata          = put_string(build, settings->metadata_prefix);
    plan->record_bytes_max  = (uint32_t)settings->record_bytes_max;
    plan->depth_max         = (uint32_t)settings->depth_max;
    plan->members_max       = (uint32_t)settings->members_max;
    plan->key_bytes_max     = (uint32_t)settings->key_bytes_max;
    plan->number_bytes_max  = (uint32_t)settings->number_bytes_max;
    plan->codec             = settings->codec;
    plan->bronze            = settings->bronze;
    plan->silver            = settings->silver;
    plan->quarantine_inline = settings->quarantine_inline || !settings->bronze;
    plan->quarantine_max    = settings->quarantine_max;
    plan->until_end         = settings->until_end;
    plan->format            = settings->format;
    plan->epoch_ns_max      = settings->commit_ns_max;
    plan->epoch_bytes_max   = settings->commit_bytes_max;
    plan->pool_bytes        = settings->pool_bytes;
    plan->file_bytes_max    = settings->file_bytes_max;
    plan->file_rows_max     = settings->file_rows_max;
    plan->log_retention_us  = settings->log_retention_ns / 1000;
    plan->store             = settings->store;
    plan->pause_ns          = settings->breaker_pause_ns;
    plan->breaker           = (struct cup_plan_dataset){.id          = put_string(build, "breaker"),
                                                        .kind        = CUP_DATASET_FAILURE_RATE,
                                                        .action      = settings->breaker_action,
                                                        .least       = -INFINITY,
                                                        .most        = breaker_most(settings),
                                                        .records_min = settings->breaker_records};
    plan->bronze_encrypt    = settings->bronze_encrypt;
    plan->key_folder = put_string(build, settings->key_folder == NULL ? "" : settings->key_folder);
    plan->token_id   = put_string(build, settings->token_id == NULL ? "" : settings->token_id);
    if (settings->token_id != NULL)
        memcpy(plan->token_key, settings->token_key, sizeof plan->token_key);
    plan->ask_changes = asks_changes(build->from->catalog);
}

static void put_inputs(struct build *build, struct cup_plan *plan)
{
    struct cup_plan_input *inputs =
        take(build, build->from->input_count, sizeof(*inputs), &plan->inputs);

    for (uint32_t i = 0; i < build->from->input_count; i++) {
        const struct cup_inputs_file *file = &build->from->inputs[i];
        inputs[i] = (struct cup_plan_input){.path  = put_string(build, file->path),
                                            .topic = put_string(build, file->topic),
                                            .group = file->group,
                                            .form  = file->form,
                                            .gzip  = file->gzip};
    }
}

/* The description, and that the values are masked: the lake's own tables say so. */
static struct cup_plan_text put_comment(struct build                    *build,
                                        const struct cup_catalog_column *column)
{
    struct cup_text text = {0};

    if (column->mask.mask == CUP_MASK_NONE || strstr(column->comment, CUP_MASK_MARK) != NULL)
        return put_string(build, column->comment);
    cup_text_printf(&text, "%s%s" CUP_MASK_MARK "%s)", column->comment,
                    *column->comment == '\0' ? "" : " ",
                    cup_mask_row((enum cup_mask)column->mask.mask)->name);
    struct cup_plan_text put = put_string(build, text.failed ? column->comment : text.at);
    build->texts.failed |= text.failed;
    cup_text_free(&text);
    return put;
}

static void put_columns(struct build *build, const struct cup_catalog_table *table,
                        struct cup_plan_table *out_table)
{
    struct cup_plan_column *columns =
        take(build, table->column_count, sizeof(*columns), &out_table->columns);

    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct cup_catalog_column *column = &table->columns[i];
        columns[i] = (struct cup_plan_column){.name         = put_string(build, column->name),
                                              .comment      = put_comment(build, column),
                                              .type         = column->is.type,
                                              .precision    = column->is.precision,
                                              .scale        = column->is.scale,
                                              .element_type = column->is.element_type,
                                              .key_place    = (uint8_t)column->key_place,
                                              .required     = column->required,
                                              .mask         = column->mask.mask,
                                              .mask_keep    = column->mask.keep,
                                              .generated    = column->generated};
        columns[i].mask_text =
            put_string(build, column->mask.text == NULL ? "" : column->mask.text);
    }
}

/* The contract names them; columns may stand elsewhere in the table. */
static void put_partitions(struct build *build, const struct cup_catalog_table *table,
                           struct cup_plan_table *out_table)
{
    uint32_t *partitions =
        take(build, table->partition_count, sizeof(*partitions), &out_table->partitions);

    for (uint32_t i = 0; i < table->partition_count; i++) {
        uint32_t column = 0;
        while (column < table->column_count &&
               strcmp(table->columns[column].name, table->partitions[i]) != 0)
            column++;
        CUP_ASSERT(column < table->column_count ||
                   strcmp(table->partitions[i], cup_date_field()->name) == 0);
        partitions[i] = column < table->column_count ? column : CUP_PLAN_PARTITION_DATE;
    }
}

static struct cup_plan_value put_value(struct build *build, const struct cup_catalog_value *value)
{
    return (struct cup_plan_value){.words = {value->words[0], value->words[1]},
                                   .text  = put_text(build, value->text, value->text_bytes)};
}

static void put_rule(struct build *build, const struct cup_catalog_rule *rule, uint32_t column,
                     struct cup_plan_rule *out_rule)
{
    *out_rule = (struct cup_plan_rule){.id     = put_string(build, rule->id),
                                       .column = column,
                                       .kind   = rule->kind,
                                       .bound  = put_value(build, &rule->bound)};
    struct cup_plan_value *values =
        take(build, rule->value_count, sizeof(*values), &out_rule->values);
    for (uint32_t i = 0; i < rule->value_count; i++)
        values[i] = put_value(build, &rule->values[i]);
}

/* By column, as a row is looked at. */
static void put_rules(struct build *build, const struct cup_catalog_table *table,
                      struct cup_plan_table *out_table)
{
    struct cup_plan_rule *rules = take(build, table->rule_count, sizeof(*rules), &out_table->rules);
    uint32_t              put   = 0;

    for (uint32_t i = 0; i < table->column_count && put < table->rule_count; i++) {
        for (uint32_t r = 0; r < table->rule_count; r++)
            if (strcmp(table->rules[r].column, table->columns[i].name) == 0)
                put_rule(build, &table->rules[r], i, &rules[put++]);
    }
    CUP_ASSERT(put == table->rule_count); /* a contract's rules are of its columns */
}

static void put_datasets(struct build *build, const struct cup_catalog_table *table,
                         struct cup_plan_table *out_table)
{
    struct cup_plan_dataset *datasets =
        take(build, table->dataset_count, sizeof(*datasets), &out_table->datasets);

    for (uint32_t i = 0; i < table->dataset_count; i++) {
        const struct cup_catalog_dataset *is = &table->datasets[i];
        datasets[i] = (struct cup_plan_dataset){.id          = put_string(build, is->id),
                                                .kind        = is->kind,
                                                .action      = is->action,
                                                .least       = is->least,
                                                .most        = is->most,
                                                .records_min = is->records_min};
    }
}

static void put_tables(struct build *build, struct cup_plan *plan)
{
    const struct cup_catalog *catalog = build->from->catalog;
    struct cup_plan_table    *tables =
        take(build, catalog->table_count, sizeof(*tables), &plan->tables);

    for (uint32_t i = 0; i < catalog->table_count; i++) {
        const struct cup_catalog_table *table = &catalog->tables[i];
        tables[i] =
            (struct cup_plan_table){.source_name      = put_string(build, table->source_name),
                                    .source_db        = put_string(build, table->source_db),
                                    .source_schema    = put_string(build, table->source_schema),
                                    .source_table     = put_string(build, table->source_table),
                                    .path             = put_string(build, table->path),
                                    .description      = put_string(build, table->description),
                                    .images           = table->images,
                                    .write_before     = table->write_before,
                                    .missing          = table->missing,
                                    .topic            = put_string(build, table->topic),
                                    .truncate_applies = table->truncate_applies,
                                    .contracted       = table->contracted,
                                    .stopped          = table->stopped_pos != NULL};
        tables[i].stopped_pos =
            put_string(build, table->stopped_pos == NULL ? "" : table->stopped_pos);
        put_columns(build, table, &tables[i]);
        put_partitions(build, table, &tables[i]);
        put_rules(build, table, &tables[i]);
        put_datasets(build, table, &tables[i]);
    }
}

static void put_schemas(struct build *build, struct cup_plan *plan)
{
    const struct cup_catalog *catalog = build->from->catalog;
    struct cup_plan_schema   *schemas =
        take(build, catalog->schema_count, sizeof(*schemas), &plan->schemas);

    for (uint32_t i = 0; i < catalog->schema_count; i++) {
        const struct cup_catalog_schema *schema = &catalog->schemas[i];
        schemas[i].text                         = put_text(build, schema->text, schema->text_bytes);
        schemas[i].table                        = schema->table;
        schemas[i].quarantine                   = schema->quarantine;
        schemas[i].unknown                      = schema->unknown;
        schemas[i].lost                         = schema->lost;
        schemas[i].slot                         = schema->slot;
        struct cup_plan_field *fields =
            take(build, schema->field_count, sizeof(*fields), &schemas[i].fields);
        for (uint32_t f = 0; f < schema->field_count; f++) {
            const struct cup_catalog_field *field = &schema->fields[f];
            const char *standard                  = field->standard == NULL ? "" : field->standard;
            fields[f].member                      = put_string(build, field->member);
            fields[f].column                      = field->member_column;
            fields[f].encoding                    = field->is.encoding;
            fields[f].element_encoding            = field->is.element_encoding;
            fields[f].unavailable                 = field->is.unavailable;
            fields[f].scale                       = field->is.wire_scale;
            fields[f].options                     = field->is.options;
            fields[f].standard                    = put_string(build, standard);
            fields[f].slot                        = field->slot;
        }
    }
}

/* --- topics and output --- */

static void put_properties(struct build *build, const struct cup_settings_properties *properties,
                           struct cup_plan_list *out_list)
{
    struct cup_plan_setting *settings = take(build, properties->count, sizeof(*settings), out_list);

    for (uint32_t i = 0; i < properties->count; i++) {
        const struct cup_settings_property *property = &properties->list[i];
        settings[i] = (struct cup_plan_setting){.name    = put_string(build, property->name),
                                                .value   = put_string(build, property->value),
                                                .is_file = property->is_file};
    }
}

static void put_topic(struct build *build, const struct cup_settings_topic *topic,
                      const struct cup_settings_start *start, struct cup_plan_topic *out_topic)
{
    out_topic->name       = put_string(build, topic->name);
    out_topic->is_pattern = topic->is_pattern;
    out_topic->start      = start->kind;
    out_topic->start_ms   = start->time_ms;
    struct cup_plan_offset *offsets =
        take(build, start->offset_count, sizeof(*offsets), &out_topic->offsets);
    if (start->offset_count > 0)
        memcpy(offsets, start->offsets, start->offset_count * sizeof(*offsets));
}

static void put_topics(struct build *build, struct cup_plan *plan)
{
    const struct cup_settings *settings = build->from->settings;
    struct cup_plan_topic     *topics =
        take(build, topic_count(settings), sizeof(*topics), &plan->topics);
    uint32_t put = 0;

    for (uint32_t i = 0; cup_settings_consumes(settings) && i < settings->input_count; i++) {
        const struct cup_settings_input *input = &settings->inputs[i];
        for (uint32_t t = 0; t < input->topic_count; t++)
            put_topic(build, &input->topics[t], &input->start, &topics[put++]);
    }
    put_properties(build, input_cluster(settings), &plan->kafka.settings);
    plan->group = put_string(build, settings->group == NULL ? "" : settings->group);
    plan->gaps  = settings->gaps;
}

static void put_output(struct build *build, struct cup_plan *plan)
{
    const struct cup_settings_output *is     = &build->from->settings->output;
    struct cup_plan_output           *output = &plan->output;

    output->kind            = is->kind;
    output->schema          = is->schema;
    output->deletes         = is->deletes;
    output->create          = is->create;
    output->partition_count = (uint32_t)is->partition_count;
    output->replication     = (uint32_t)is->replication;
    output->topic           = put_string(build, is->topic == NULL ? "" : is->topic);
    output->control_topic   = put_string(build, is->control_topic == NULL ? "" : is->control_topic);
    put_properties(build, output_cluster(build->from->settings), &output->cluster.settings);
    put_properties(build, &is->topic_settings, &output->topic_settings);
}

enum cup_err cup_compile_blob(const struct cup_compile *compile, struct cup_text *out_blob,
                              struct cup_fault *out_fault)
{
    struct build         build = {.bytes = structure_bytes(compile), .from = compile};
    struct cup_plan_list header;
    enum cup_err         err = CUP_OK;

    CUP_ASSERT(out_blob->bytes == 0);
    CUP_ASSERT(compile->generation >= 1);
    err = cup_published_check(compile->settings, compile->catalog, out_fault);
    if (err != CUP_OK) return err;
    build.at = build.bytes > CUP_PLAN_BYTES_MAX ? NULL : calloc(1, build.bytes);
    if (build.at == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "compile the plan", NULL);
    struct cup_plan *plan = take(&build, 1, sizeof(*plan), &header);
    put_header(&build, plan);
    put_inputs(&build, plan);
    put_tables(&build, plan);
    put_schemas(&build, plan);
    put_topics(&build, plan);
    put_output(&build, plan);
    CUP_ASSERT(build.used == build.bytes);

    size_t total = build.bytes + build.texts.bytes;
    cup_text_put(out_blob, build.at, build.bytes);
    cup_text_put(out_blob, build.texts.at, build.texts.bytes);
    if (out_blob->failed || build.texts.failed || total > CUP_PLAN_BYTES_MAX) {
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "compile the plan", NULL);
    } else {
        plan              = (struct cup_plan *)(void *)out_blob->at; /* malloc'ed: aligned */
        plan->total_bytes = (uint32_t)total;
        plan->crc32c      = cup_plan_checksum(out_blob->at, total);
        err               = cup_plan_check(out_blob->at, total, out_fault);
    }
    free(build.at);
    cup_text_free(&build.texts);
    return err;
}

enum cup_err cup_compile_seal(const struct cup_text *blob, int *out_fd, struct cup_fault *out_fault)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    int       fd    = memfd_create("cupel-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CUP_ASSERT(blob->bytes >= sizeof(struct cup_plan));
    if (fd < 0) return cup_fault_set(out_fault, CUP_IO, "memfd_create", "cupel-plan");
    for (size_t done = 0; done < blob->bytes;) {
        ssize_t put = write(fd, blob->at + done, blob->bytes - done);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) goto fail;
        done += (size_t)put;
    }
    if (fcntl(fd, F_ADD_SEALS, seals) != 0) goto fail;
    *out_fd = fd;
    return CUP_OK;
fail:
    (void)cup_fault_set(out_fault, CUP_IO, "write the plan", "cupel-plan"); /* IO or NO_SPACE */
    (void)close(fd);                                                        /* it is given up */
    return CUP_IO;
}
