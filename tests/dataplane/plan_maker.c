// SPDX-License-Identifier: Apache-2.0
#include "tests/dataplane/plan_maker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

#define BLOB_BYTES_MAX (64u << 20)

struct blob {
    uint8_t *at;
    uint32_t bytes;
};

static uint32_t put(struct blob *blob, const void *bytes, size_t count)
{
    uint32_t at = (blob->bytes + 7u) & ~7u;

    CHECK(at + count < BLOB_BYTES_MAX);
    if (bytes != NULL) memcpy(blob->at + at, bytes, count);
    blob->bytes = at + (uint32_t)count;
    return at;
}

static struct cup_plan_text put_text(struct blob *blob, const char *text)
{
    uint32_t bytes = text == NULL ? 0 : (uint32_t)strlen(text);

    return (struct cup_plan_text){.offset = put(blob, text == NULL ? "" : text, bytes + 1u),
                                  .bytes  = bytes};
}

static struct cup_plan_text put_default(struct blob *blob, const char *text, const char *otherwise)
{
    return put_text(blob, text == NULL ? otherwise : text);
}

static uint8_t encoding_named(const char *name)
{
    for (uint8_t i = 0; i < CUP_ENCODING_COUNT; i++)
        if (strcmp(cup_encoding_row((enum cup_encoding)i)->name, name) == 0) return i;
    fprintf(stderr, "plan_maker: no encoding %s\n", name);
    exit(1);
}

static struct cup_plan_list put_columns(struct blob *blob, const struct cup_spec_table *table)
{
    struct cup_plan_list list = {.count = table->column_count};

    list.offset = put(blob, NULL, list.count * sizeof(struct cup_plan_column));
    for (uint32_t i = 0; i < list.count; i++) {
        const struct cup_spec_column *is     = &table->columns[i];
        struct cup_plan_column        column = {.name      = put_text(blob, is->name),
                                                .comment   = put_text(blob, ""),
                                                .key_place = is->key,
                                                .required  = is->required,
                                                .mask      = is->mask,
                                                .mask_keep = is->mask_keep,
                                                .generated = is->generated};
        column.mask_text = put_text(blob, is->mask_text == NULL ? "" : is->mask_text);
        column.type      = CUP_TYPE_MAP; /* of texts: no name says what is in it */
        if (strcmp(is->type, "map") != 0)
            CHECK(cup_type_parse(is->type, strlen(is->type), &column.type, &column.precision,
                                 &column.scale));
        if (is->element != NULL) {
            column.element_type = column.type;
            column.type         = CUP_TYPE_LIST;
        }
        memcpy(blob->at + list.offset + i * sizeof column, &column, sizeof column);
    }
    return list;
}

/* Columns by name; "_date" is the generated one. */
static struct cup_plan_list put_partitions(struct blob *blob, const struct cup_spec_table *table)
{
    struct cup_plan_list list = {0};

    list.offset = put(blob, NULL, CUP_PLAN_PARTITIONS_MAX * sizeof(uint32_t));
    for (; table->partitions[list.count] != NULL; list.count++) {
        uint32_t column = 0;
        while (column < table->column_count &&
               strcmp(table->columns[column].name, table->partitions[list.count]) != 0)
            column++;
        if (column == table->column_count) {
            CHECK(strcmp(table->partitions[list.count], "_date") == 0);
            column = CUP_PLAN_PARTITION_DATE;
        }
        memcpy(blob->at + list.offset + list.count * sizeof column, &column, sizeof column);
    }
    return list;
}

/* A bound or value: a number in the column's unit ("" for none), and its text. */
static struct cup_plan_value make_value(struct blob *blob, const struct cup_spec_value *is)
{
    struct cup_plan_value value = {.text = put_text(blob, is->text)};

    if (is->real != 0)
        memcpy(&value.words[0], &is->real, sizeof is->real);
    else
        memcpy(value.words, &(cup_i128){is->number}, sizeof value.words);
    return value;
}

static struct cup_plan_list put_rules(struct blob *blob, const struct cup_spec_table *table)
{
    struct cup_plan_list list = {.count = table->rule_count};

    list.offset = put(blob, NULL, list.count * sizeof(struct cup_plan_rule));
    for (uint32_t i = 0; i < list.count; i++) {
        const struct cup_spec_rule *is   = &table->rules[i];
        struct cup_plan_rule        rule = {.id     = put_default(blob, is->id, "rule"),
                                            .column = is->column,
                                            .kind   = is->kind,
                                            .bound  = make_value(blob, &is->bound),
                                            .values = {.count = is->value_count}};
        rule.values.offset = put(blob, NULL, is->value_count * sizeof(struct cup_plan_value));
        for (uint32_t v = 0; v < is->value_count; v++) {
            struct cup_plan_value value = make_value(blob, &is->values[v]);
            memcpy(blob->at + rule.values.offset + v * sizeof value, &value, sizeof value);
        }
        memcpy(blob->at + list.offset + i * sizeof rule, &rule, sizeof rule);
    }
    return list;
}

static struct cup_plan_list put_datasets(struct blob *blob, const struct cup_spec_table *table)
{
    struct cup_plan_list list = {.count = table->dataset_count};

    list.offset = put(blob, NULL, list.count * sizeof(struct cup_plan_dataset));
    for (uint32_t i = 0; i < list.count; i++) {
        struct cup_plan_dataset dataset = table->datasets[i];
        dataset.id                      = put_text(blob, "dataset");
        memcpy(blob->at + list.offset + i * sizeof dataset, &dataset, sizeof dataset);
    }
    return list;
}

static struct cup_plan_list put_fields(struct blob *blob, const struct cup_spec_table *table)
{
    struct cup_plan_list list = {0};

    list.offset = put(blob, NULL, table->column_count * sizeof(struct cup_plan_field));
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct cup_spec_column *is = &table->columns[i];
        if (is->encoding == NULL) continue;
        struct cup_plan_field field = {.member      = put_default(blob, is->member, is->name),
                                       .column      = i,
                                       .encoding    = encoding_named(is->encoding),
                                       .unavailable = is->unavailable,
                                       .scale       = is->scale,
                                       .options     = is->options,
                                       .standard    = put_default(blob, is->standard, "")};
        if (is->ignored_slot > 0) {
            field.column   = CUP_PLAN_IGNORED;
            field.slot     = is->ignored_slot;
            field.encoding = 0;
        }
        if (is->element != NULL) field.element_encoding = encoding_named(is->element);
        memcpy(blob->at + list.offset + list.count++ * sizeof field, &field, sizeof field);
    }
    return list;
}

static struct cup_plan_table put_table(struct blob *blob, const struct cup_spec_table *is)
{
    char path[256];

    snprintf(path, sizeof path, "default/silver/%s/%s", is->schema == NULL ? "none" : is->schema,
             is->table);
    return (struct cup_plan_table){.source_name      = put_text(blob, is->name),
                                   .source_db        = put_text(blob, is->db),
                                   .source_schema    = put_text(blob, is->schema),
                                   .source_table     = put_text(blob, is->table),
                                   .path             = put_default(blob, is->path, path),
                                   .description      = put_text(blob, ""),
                                   .columns          = put_columns(blob, is),
                                   .partitions       = put_partitions(blob, is),
                                   .rules            = put_rules(blob, is),
                                   .datasets         = put_datasets(blob, is),
                                   .images           = is->images,
                                   .write_before     = is->write_before,
                                   .topic            = put_text(blob, is->topic),
                                   .missing          = is->missing,
                                   .truncate_applies = is->truncate_applies,
                                   .contracted       = is->texts == NULL,
                                   .stopped          = is->stopped_pos != NULL,
                                   .stopped_pos      = put_text(blob, is->stopped_pos)};
}

static uint32_t count_schemas(const struct cup_spec *spec)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < spec->table_count; i++)
        count += spec->tables[i].texts == NULL ? 1 : spec->tables[i].text_count;
    return count;
}

static void put_tables(struct blob *blob, const struct cup_spec *spec, struct cup_plan *plan)
{
    uint32_t schema = 0;

    plan->tables         = (struct cup_plan_list){.count = spec->table_count};
    plan->schemas        = (struct cup_plan_list){.count = count_schemas(spec)};
    plan->tables.offset  = put(blob, NULL, plan->tables.count * sizeof(struct cup_plan_table));
    plan->schemas.offset = put(blob, NULL, plan->schemas.count * sizeof(struct cup_plan_schema));
    for (uint32_t i = 0; i < spec->table_count; i++) {
        const struct cup_spec_table *is    = &spec->tables[i];
        struct cup_plan_table        table = put_table(blob, is);
        memcpy(blob->at + plan->tables.offset + i * sizeof table, &table, sizeof table);
        uint32_t texts = is->texts == NULL ? 1 : is->text_count;
        for (uint32_t k = 0; k < texts; k++) {
            struct cup_plan_schema one = {.text =
                                              put_text(blob, is->texts == NULL ? "" : is->texts[k]),
                                          .table      = i,
                                          .fields     = put_fields(blob, is),
                                          .quarantine = is->quarantine >> k & 1,
                                          .unknown    = is->unknown,
                                          .lost       = is->lost,
                                          .slot       = is->slot};
            memcpy(blob->at + plan->schemas.offset + schema++ * sizeof one, &one, sizeof one);
        }
    }
}

static void put_inputs(struct blob *blob, const struct cup_spec *spec, struct cup_plan *plan)
{
    plan->inputs        = (struct cup_plan_list){.count = spec->input_count};
    plan->inputs.offset = put(blob, NULL, plan->inputs.count * sizeof(struct cup_plan_input));
    for (uint32_t i = 0; i < spec->input_count; i++) {
        const struct cup_spec_input *is    = &spec->inputs[i];
        struct cup_plan_input        input = {.path  = put_text(blob, is->path),
                                              .topic = put_text(blob, is->topic),
                                              .group = is->group,
                                              .form  = is->form,
                                              .gzip  = is->gzip};
        memcpy(blob->at + plan->inputs.offset + i * sizeof input, &input, sizeof input);
    }
}

static struct cup_plan_list put_settings(struct blob *blob, const char *brokers,
                                         const struct cup_spec_setting *settings, uint32_t count)
{
    struct cup_plan_list    list = {.count = count + (brokers != NULL)};
    struct cup_plan_setting one;

    list.offset = put(blob, NULL, list.count * sizeof one);
    for (uint32_t i = 0; i < count; i++) {
        one = (struct cup_plan_setting){.name    = put_text(blob, settings[i].name),
                                        .value   = put_text(blob, settings[i].value),
                                        .is_file = settings[i].is_file};
        memcpy(blob->at + list.offset + i * sizeof one, &one, sizeof one);
    }
    if (brokers == NULL) return list;
    one = (struct cup_plan_setting){.name  = put_text(blob, "bootstrap.servers"),
                                    .value = put_text(blob, brokers)};
    memcpy(blob->at + list.offset + count * sizeof one, &one, sizeof one);
    return list;
}

static void put_topics(struct blob *blob, const struct cup_spec *spec, struct cup_plan *plan)
{
    bool consumes = spec->topic_count > 0;

    plan->group          = put_default(blob, spec->group, consumes ? "cupel.test" : "");
    plan->kafka.settings = put_settings(blob, consumes ? spec->brokers : NULL, spec->settings,
                                        consumes ? spec->setting_count : 0);
    plan->topics         = (struct cup_plan_list){.count = spec->topic_count};
    plan->topics.offset  = put(blob, NULL, spec->topic_count * sizeof(struct cup_plan_topic));
    for (uint32_t i = 0; i < spec->topic_count; i++) {
        const struct cup_spec_topic *is    = &spec->topics[i];
        size_t                       bytes = is->offset_count * sizeof(struct cup_plan_offset);
        struct cup_plan_topic        topic = {.name       = put_text(blob, is->name),
                                              .is_pattern = is->is_pattern,
                                              .start      = is->start,
                                              .start_ms   = is->start_ms,
                                              .offsets    = {.count = is->offset_count}};
        topic.offsets.offset               = put(blob, is->offsets, bytes);
        memcpy(blob->at + plan->topics.offset + i * sizeof topic, &topic, sizeof topic);
    }
}

static void put_output(struct blob *blob, const struct cup_spec *spec, struct cup_plan *plan)
{
    const struct cup_spec_output *is      = &spec->output;
    const char                   *brokers = is->brokers == NULL ? spec->brokers : is->brokers;
    bool                          any     = is->kind != CUP_OUTPUT_NONE;
    bool                          raw     = is->kind == CUP_OUTPUT_RAW;

    plan->output = (struct cup_plan_output){
        .kind            = is->kind,
        .schema          = is->schema,
        .deletes         = is->deletes,
        .create          = any && !is->no_create,
        .partition_count = is->partition_count == 0 ? 1 : is->partition_count,
        .replication     = is->replication,
        .cluster         = {.settings = put_settings(blob, any ? brokers : NULL, NULL, 0)},
        .topic           = put_default(blob, is->topic, raw ? "{topic}.copy" : "{schema}.{table}"),
        .control_topic   = put_default(blob, is->control_topic, "_cupel.test"),
        .topic_settings  = put_settings(blob, NULL, is->settings, is->setting_count)};
}

#define OR(value, otherwise) ((value) != 0 ? (value) : (otherwise))

static struct cup_plan header(const struct cup_spec *spec)
{
    return (struct cup_plan){
        .magic             = CUP_PLAN_MAGIC,
        .version           = CUP_PLAN_VERSION,
        .worker_count      = OR(spec->workers, 1),
        .generation        = OR(spec->generation, 1),
        .shard             = spec->shard,
        .shard_count       = OR(spec->shard_count, spec->shard + 1),
        .gaps              = spec->gaps,
        .record_bytes_max  = OR(spec->record_bytes_max, CUP_RECORD_BYTES_DEFAULT),
        .depth_max         = OR(spec->depth_max, 64),
        .members_max       = OR(spec->members_max, 4096),
        .key_bytes_max     = OR(spec->key_bytes_max, 256),
        .number_bytes_max  = OR(spec->number_bytes_max, 4096),
        .codec             = spec->codec,
        .quarantine_inline = spec->no_bronze,
        .bronze            = !spec->no_bronze,
        .silver            = !spec->no_silver,
        .until_end         = spec->until_end,
        .format            = spec->format,
        .epoch_ns_max      = OR(spec->epoch_ns_max, 10000000000ull),
        .epoch_bytes_max   = OR(spec->epoch_bytes_max, 1ull << 30),
        .pool_bytes        = OR(spec->pool_bytes, 64ull << 20),
        .file_bytes_max    = OR(spec->file_bytes_max, CUP_PLAN_FILE_BYTES_DEFAULT),
        .file_rows_max     = OR(spec->file_rows_max, CUP_PLAN_FILE_ROWS_DEFAULT),
        .log_retention_us  = OR(spec->log_retention_us, CUP_PLAN_LOG_RETENTION_US_DEFAULT),
        .quarantine_max    = OR(spec->quarantine_max, 10ull << 30),
        .store             = spec->store,
        .pause_ns          = 1000000000ull,
        .breaker           = {.kind = CUP_DATASET_FAILURE_RATE, .most = INFINITY}};
}

struct cup_plan *cup_spec_plan(const struct cup_spec *spec)
{
    struct blob      blob = {.at = calloc(1, BLOB_BYTES_MAX)};
    struct cup_plan  plan = header(spec);
    struct cup_fault fault;

    CHECK(blob.at != NULL);
    (void)put(&blob, NULL, sizeof plan); /* it stands at 0 */
    plan.lake           = put_default(&blob, spec->lake, "/nowhere");
    plan.domain         = put_default(&blob, spec->domain, "default");
    plan.pipeline       = put_default(&blob, spec->pipeline, "run");
    plan.kernels        = put_default(&blob, spec->kernels, "auto");
    plan.metadata       = put_default(&blob, spec->metadata, "__");
    plan.unavailable    = put_default(&blob, spec->unavailable, "__debezium_unavailable_value");
    plan.token_id       = put_default(&blob, spec->token_id, "");
    plan.key_folder     = put_default(&blob, spec->key_folder, "");
    plan.bronze_encrypt = spec->bronze_encrypt;
    memset(plan.token_key, 'T', sizeof plan.token_key);
    plan.breaker.id = put_text(&blob, "breaker");
    put_inputs(&blob, spec, &plan);
    put_tables(&blob, spec, &plan);
    put_topics(&blob, spec, &plan);
    put_output(&blob, spec, &plan);
    plan.total_bytes = blob.bytes;
    memcpy(blob.at, &plan, sizeof plan);
    plan.crc32c = cup_plan_checksum(blob.at, blob.bytes);
    memcpy(blob.at, &plan, sizeof plan);

    struct cup_plan *made = malloc(blob.bytes);
    CHECK(made != NULL);
    memcpy(made, blob.at, blob.bytes);
    free(blob.at);
    if (cup_plan_check(made, made->total_bytes, &fault) != CUP_OK) {
        fprintf(stderr, "plan_maker: %s\n", fault.what);
        exit(1);
    }
    return made;
}
