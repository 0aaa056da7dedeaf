// SPDX-License-Identifier: Apache-2.0
/* Goal:   cup_plan_check lets no damaged plan through: what it accepts can be used without a bound.
 * Method: a good plan; each word of it set to odd values with the checksum made right again:
 * refused, or every text and list of it can be read (ASan watches an allocation of the exact size);
 * a list of damages that must be refused; cut and grown plans; each byte flipped under the
 * checksum. */
#include "dataplane/abi/plan.h"

#include "dataplane/abi/topic.h"
#include "tests/check.h"
#include "tests/dataplane/plan_maker.h"

static uint64_t touched; /* keeps the reads below alive */

static void touch(const struct cup_plan *plan, struct cup_plan_text text)
{
    const char *at = cup_plan_text(plan, text);

    CHECK(at[text.bytes] == '\0');
    for (uint32_t i = 0; i < text.bytes; i++)
        touched += (uint8_t)at[i];
}

static void touch_rule(const struct cup_plan *plan, const struct cup_plan_table *table,
                       const struct cup_plan_rule *rule)
{
    touch(plan, rule->id);
    touch(plan, rule->bound.text);
    touch(plan, cup_plan_columns(plan, table)[rule->column].name);
    CHECK(*cup_rule_name((enum cup_rule)rule->kind) != '\0');
    CHECK(*cup_rule_text((enum cup_rule)rule->kind) != '\0');
    for (uint32_t i = 0; i < rule->values.count; i++)
        touch(plan, cup_plan_values(plan, rule)[i].text);
}

static void touch_dataset(const struct cup_plan *plan, const struct cup_plan_dataset *dataset)
{
    touch(plan, dataset->id);
    CHECK(*cup_dataset_unit((enum cup_dataset)dataset->kind) != '\0');
    CHECK(*cup_action_name((enum cup_action)dataset->action) != '\0');
    CHECK(dataset->least <= dataset->most);
}

static void touch_table(const struct cup_plan *plan, const struct cup_plan_table *table)
{
    touch(plan, table->source_name);
    touch(plan, table->source_db);
    touch(plan, table->source_schema);
    touch(plan, table->source_table);
    touch(plan, table->path);
    touch(plan, table->description);
    for (uint32_t i = 0; i < table->rules.count; i++)
        touch_rule(plan, table, &cup_plan_rules(plan, table)[i]);
    for (uint32_t i = 0; i < table->datasets.count; i++)
        touch_dataset(plan, &cup_plan_datasets(plan, table)[i]);
    for (uint32_t i = 0; i < table->columns.count; i++) {
        const struct cup_plan_column *column = &cup_plan_columns(plan, table)[i];
        touch(plan, column->name);
        touch(plan, column->comment);
        touch(plan, column->mask_text);
        CHECK(cup_mask_serves((enum cup_mask)column->mask, column->type));
        touched += (uint64_t)cup_type_vec((enum cup_type)column->type);
    }
    CHECK(table->partitions.count <= CUP_PLAN_PARTITIONS_MAX);
    for (uint32_t i = 0; i < table->partitions.count; i++) {
        uint32_t index = cup_plan_partitions(plan, table)[i];
        if (index == CUP_PLAN_PARTITION_DATE) continue;
        const struct cup_plan_column *column = &cup_plan_columns(plan, table)[index];
        touch(plan, column->name);
        CHECK(column->key_place > 0 &&
              cup_plan_partition_type(cup_mask_type((enum cup_mask)column->mask, column->type)));
    }
}

static void touch_settings(const struct cup_plan *plan, struct cup_plan_list list)
{
    for (uint32_t i = 0; i < list.count; i++) {
        const struct cup_plan_setting *setting = &cup_plan_settings(plan, list)[i];
        touch(plan, setting->name);
        touch(plan, setting->value);
        CHECK(!setting->is_file || cup_plan_text(plan, setting->value)[0] == '/');
    }
}

static void touch_topics(const struct cup_plan *plan)
{
    const struct cup_plan_output *output = &plan->output;

    CHECK(plan->shard < plan->shard_count);
    touch(plan, plan->group);
    touch_settings(plan, plan->kafka.settings);
    for (uint32_t i = 0; i < plan->topics.count; i++) {
        const struct cup_plan_topic *topic = &cup_plan_topics(plan)[i];
        touch(plan, topic->name);
        for (uint32_t k = 0; k < topic->offsets.count; k++)
            touched += (uint64_t)cup_plan_offsets(plan, topic)[k].offset;
    }
    touch_settings(plan, output->cluster.settings);
    touch_settings(plan, output->topic_settings);
    touch(plan, output->topic);
    touch(plan, output->control_topic);
    if (output->kind == CUP_OUTPUT_NONE) return;
    char                         name[CUP_TOPIC_NAME_MAX + 1];
    const struct cup_topic_parts parts = cup_topic_parts_of("d", "p", "d/silver/s/a/b", "t");
    touched += cup_topic_name(cup_plan_text(plan, output->topic), &parts, name);
}

/* Reads everything that a data plane would. */
static void use(const struct cup_plan *plan)
{
    touch(plan, plan->lake);
    touch(plan, plan->domain);
    touch(plan, plan->pipeline);
    touch(plan, plan->kernels);
    touch(plan, plan->unavailable);
    touch_dataset(plan, &plan->breaker);
    touch(plan, plan->token_id);
    touch(plan, plan->key_folder);
    for (uint32_t i = 0; i < plan->inputs.count; i++) {
        touch(plan, cup_plan_inputs(plan)[i].path);
        touch(plan, cup_plan_inputs(plan)[i].topic);
    }
    touch_topics(plan);
    for (uint32_t i = 0; i < plan->tables.count; i++)
        touch_table(plan, &cup_plan_tables(plan)[i]);
    for (uint32_t i = 0; i < plan->schemas.count; i++) {
        const struct cup_plan_schema *schema = &cup_plan_schemas(plan)[i];
        const struct cup_plan_table  *table  = &cup_plan_tables(plan)[schema->table];
        touch(plan, schema->text);
        for (uint32_t f = 0; f < schema->fields.count; f++) {
            const struct cup_plan_field *field = &cup_plan_fields(plan, schema)[f];
            touch(plan, field->member);
            if (field->column == CUP_PLAN_IGNORED) continue;
            touch(plan, cup_plan_columns(plan, table)[field->column].name);
            CHECK(cup_encoding_row((enum cup_encoding)field->encoding)->name != NULL);
        }
    }
}

static struct cup_plan *make(void)
{
    static const struct cup_spec_column columns[] = {
        {"id", "long", "int64", .key = 1},
        {"amount", "decimal(10,2)", "decimal_base64", .scale = 2, .required = 1},
        {"tags", "string", "list", .element = "string", .unavailable = 1},
        {"note", "string", "string", .key = 0},
        {"rate", "double", "double", .key = 0}};
    static const struct cup_spec_value values[] = {{.text = "a"}, {.text = "b"}};
    static const struct cup_spec_rule  rules[]  = {
          {.kind = CUP_RULE_MULTIPLE_OF, .bound = {.number = 5}},
          {.kind = CUP_RULE_MINIMUM, .bound = {.number = -5}, .column = 1},
          {.kind = CUP_RULE_UNIQUE_ITEMS, .column = 2},
          {.kind = CUP_RULE_VALID_VALUES, .column = 3, .values = values, .value_count = 2},
          {.kind = CUP_RULE_PATTERN, .column = 3, .bound = {.text = "a"}},
          {.kind = CUP_RULE_MAXIMUM, .column = 4, .bound = {.real = 0.5}}};
    static const struct cup_plan_dataset datasets[] = {
        {.kind = CUP_DATASET_ROW_COUNT, .least = 1, .most = 9, .action = CUP_ACTION_ABORT}};
    static const char *const           texts[]  = {"", "{\"type\":\"struct\"}"};
    static const struct cup_spec_table tables[] = {{.name          = "pg",
                                                    .schema        = "bank",
                                                    .table         = "t",
                                                    .columns       = columns,
                                                    .column_count  = 5,
                                                    .rules         = rules,
                                                    .rule_count    = 6,
                                                    .datasets      = datasets,
                                                    .dataset_count = 1,
                                                    .partitions    = {"_date", "id"},
                                                    .texts         = texts,
                                                    .text_count    = 2}};
    static const struct cup_spec_input inputs[] = {{.path = "/in/a", .topic = "a"},
                                                   {.path = "/in/b", .topic = "b", .form = 1}};

    return cup_spec_plan(
        &(struct cup_spec){.inputs = inputs, .input_count = 2, .tables = tables, .table_count = 1});
}

/* Of topics, and with output. */
static struct cup_plan *make_topics(void)
{
    static const struct cup_spec_column columns[] = {{"id", "long", "int64", .key = 1}};
    static const struct cup_spec_table  tables[]  = {
          {.name = "pg", .schema = "bank", .table = "t", .columns = columns, .column_count = 1}};
    static const struct cup_spec_setting settings[] = {{"security.protocol", "sasl_ssl", 0},
                                                       {"sasl.password", "/secrets/kafka", 1}};
    static const struct cup_plan_offset  offsets[]  = {{.partition = 0, .offset = 100},
                                                       {.partition = 2, .offset = 0}};
    static const struct cup_spec_topic   topics[]   = {{.name         = "bank.customer",
                                                        .start        = CUP_START_OFFSETS,
                                                        .offsets      = offsets,
                                                        .offset_count = 2},
                                                       {.name       = "bank\\..*",
                                                        .is_pattern = 1,
                                                        .start      = CUP_START_TIMESTAMP,
                                                        .start_ms   = 1795219200000}};
    static const struct cup_spec_setting made[]     = {{"cleanup.policy", "compact", 0}};

    return cup_spec_plan(&(struct cup_spec){.tables        = tables,
                                            .table_count   = 1,
                                            .brokers       = "localhost:9092",
                                            .settings      = settings,
                                            .setting_count = 2,
                                            .topics        = topics,
                                            .topic_count   = 2,
                                            .gaps          = CUP_GAPS_SKIP,
                                            .shard         = 1,
                                            .shard_count   = 3,
                                            .output        = {.kind          = CUP_OUTPUT_CHANGES,
                                                              .deletes       = CUP_OUTPUT_BOTH,
                                                              .schema        = CUP_OUTPUT_SCHEMA,
                                                              .settings      = made,
                                                              .setting_count = 1}});
}

static enum cup_err check_sealed(struct cup_plan *plan, size_t bytes)
{
    struct cup_fault fault;

    plan->crc32c = cup_plan_checksum(plan, bytes);
    return cup_plan_check(plan, bytes, &fault);
}

static void check_every_word(const struct cup_plan *good)
{
    static const uint32_t odd[]    = {0,    1,     2,     7,          8,          255,
                                      4096, 65535, 65537, 0x7fffffff, 0x80000000, UINT32_MAX};
    size_t                bytes    = good->total_bytes;
    uint32_t              accepted = 0, refused = 0;

    for (size_t at = 0; at + 4 <= bytes; at += 4) {
        for (size_t i = 0; i < sizeof odd / sizeof odd[0] + 2; i++) {
            struct cup_plan *plan = malloc(bytes);
            CHECK(plan != NULL);
            memcpy(plan, good, bytes);
            uint32_t word;
            memcpy(&word, (uint8_t *)plan + at, 4);
            word = i < sizeof odd / sizeof odd[0] ? odd[i] : i % 2 ? word + 1 : word - 1;
            memcpy((uint8_t *)plan + at, &word, 4);
            bool good_plan = check_sealed(plan, bytes) == CUP_OK;
            if (good_plan) use(plan);
            accepted += good_plan;
            refused += !good_plan;
            free(plan);
        }
    }
    CHECK(accepted > 0 && refused > 1000);
}

#define REFUSED(statement)                                                                         \
    do {                                                                                           \
        struct cup_plan *plan = malloc(good->total_bytes);                                         \
        CHECK(plan != NULL);                                                                       \
        memcpy(plan, good, good->total_bytes);                                                     \
        struct cup_plan_table   *table   = (void *)(uintptr_t)cup_plan_tables(plan);               \
        struct cup_plan_schema  *schema  = (void *)(uintptr_t)cup_plan_schemas(plan);              \
        struct cup_plan_column  *column  = (void *)(uintptr_t)cup_plan_columns(plan, table);       \
        struct cup_plan_field   *field   = (void *)(uintptr_t)cup_plan_fields(plan, schema);       \
        struct cup_plan_input   *input   = (void *)(uintptr_t)cup_plan_inputs(plan);               \
        char                    *path    = (char *)plan + table->path.offset;                      \
        uint32_t                *by      = (void *)(uintptr_t)cup_plan_partitions(plan, table);    \
        struct cup_plan_rule    *rule    = (void *)(uintptr_t)cup_plan_rules(plan, table);         \
        struct cup_plan_dataset *dataset = (void *)(uintptr_t)cup_plan_datasets(plan, table);      \
        (void)column, (void)field, (void)input, (void)path, (void)by, (void)rule, (void)dataset;   \
        statement;                                                                                 \
        CHECK(check_sealed(plan, good->total_bytes) == CUP_BAD_PLAN);                              \
        free(plan);                                                                                \
    } while (0)

static void check_secrets_refused(const struct cup_plan *good)
{
    REFUSED(column[1].mask = CUP_MASK_COUNT);
    REFUSED(column[1].mask = CUP_MASK_KEEP_LAST); /* a decimal */
    REFUSED(column[1].mask = CUP_MASK_HMAC);      /* no key */
    REFUSED(column[0].mask = CUP_MASK_NULL);      /* of a key column */
    REFUSED(column[0].mask = CUP_MASK_DROP);
    REFUSED(column[1].mask_text.offset = plan->total_bytes);
    REFUSED(column[1].mask_text       = plan->lake;
            column[1].mask_text.bytes = CUP_MASK_CONSTANT_MAX + 1);
    REFUSED(plan->token_id = plan->unavailable); /* longer than an id */
    REFUSED(plan->bronze_encrypt = 2);
    REFUSED(plan->bronze_encrypt = 1); /* no folder */
}

static void check_must_refuse(const struct cup_plan *good)
{
    REFUSED(plan->magic ^= 1);
    REFUSED(plan->version++);
    REFUSED(plan->total_bytes--);
    REFUSED(plan->worker_count = 0);
    REFUSED(plan->worker_count = CUP_PLAN_WORKERS_MAX + 1);
    REFUSED(plan->generation = 0);
    REFUSED(plan->record_bytes_max = CUP_RECORD_BYTES_MAX + 1);
    REFUSED(plan->record_bytes_max = CUP_RECORD_BYTES_MIN - 1);
    REFUSED(plan->depth_max = 1025);
    REFUSED(plan->codec = 2);
    REFUSED((plan->bronze = 0, plan->quarantine_inline = 0));
    REFUSED(plan->epoch_ns_max = 0);
    REFUSED(plan->pool_bytes = CUP_PLAN_POOL_BYTES_MIN - 1);
    REFUSED(plan->file_bytes_max = CUP_PLAN_FILE_BYTES_MIN - 1);
    REFUSED(plan->file_bytes_max = CUP_PLAN_FILE_MAX + 1);
    REFUSED(plan->file_rows_max = 0);
    REFUSED(plan->file_rows_max = CUP_PLAN_FILE_MAX + 1);
    REFUSED(plan->quarantine_max = CUP_PLAN_QUARANTINE_BYTES_MIN - 1);
    REFUSED(plan->quarantine_max = CUP_PLAN_QUARANTINE_BYTES_MAX + 1);
    REFUSED(plan->log_retention_us = 0);
    REFUSED(plan->log_retention_us = CUP_PLAN_LOG_RETENTION_US_MAX + 1);
    REFUSED(plan->store = CUP_PLAN_STORES);
    REFUSED(field->options = 1u << CUP_MEMBER_COUNT);
    REFUSED(by[1] = 1); /* amount: no key column */
    REFUSED(by[1] = 5);
    REFUSED(by[1] = CUP_PLAN_PARTITION_DATE);
    REFUSED((by[0] = 0, by[1] = 0));
    REFUSED(table->partitions.count = CUP_PLAN_PARTITIONS_MAX + 1);
    REFUSED(table->partitions.offset += 2);
    REFUSED(table->partitions.offset = plan->total_bytes);
    REFUSED(column->type = CUP_TYPE_DOUBLE);
    REFUSED((column->type = CUP_TYPE_DECIMAL, column->precision = 9));
    REFUSED(column->name.bytes = CUP_PLAN_PARTITION_NAME_MAX + 1);
    REFUSED(plan->lake.bytes = 0);
    REFUSED(((char *)plan)[plan->lake.offset] = 'x');
    REFUSED(((char *)plan)[plan->lake.offset + 1] = '\0');
    REFUSED(((char *)plan)[plan->domain.offset] = '/');
    REFUSED(memcpy((char *)plan + plan->pipeline.offset, "..", 3); plan->pipeline.bytes = 2);
    REFUSED(path[0] = '/');
    REFUSED((path[0] = '.', path[1] = '.', path[2] = '/'));
    REFUSED(path[table->path.bytes - 1] = '/');
    REFUSED(path[table->path.bytes] = 'x');
    REFUSED(table->columns.count = 0);
    REFUSED(table->images = 2);
    REFUSED(column->type = CUP_TYPE_COUNT);
    REFUSED(column->type = CUP_TYPE_STRUCT);
    REFUSED(column[1].precision = 39);
    REFUSED(column[1].scale = 11);
    REFUSED(column->key_place = 6);
    REFUSED(schema->table = 1);
    REFUSED(schema->quarantine = 2);
    REFUSED(schema->unknown = CUP_UNKNOWN_COUNT);
    REFUSED(schema->lost = CUP_LOST_COUNT);
    REFUSED(schema->slot = CUP_PLAN_IGNORED_SLOTS);
    REFUSED(table->stopped = 2);
    REFUSED(column->generated = CUP_GENERATED_COUNT);
    REFUSED((field->column = CUP_PLAN_IGNORED, field->slot = CUP_PLAN_IGNORED_SLOTS));
    REFUSED(field->column = 5);
    REFUSED(field->encoding = CUP_ENCODING_COUNT);
    REFUSED(field->encoding = CUP_ENCODING_LIST);
    REFUSED(field[2].element_encoding = CUP_ENCODING_LIST);
    REFUSED(field->scale = CUP_PLAN_SCALE_MAX + 1);
    REFUSED(input->form = 2);
    REFUSED(input[0].group = 1);
    REFUSED(input->topic.bytes = 0);
    REFUSED(plan->tables.offset += 1);
    REFUSED(plan->inputs.count = UINT32_MAX);
}

#define REFUSED_TOPICS(statement)                                                                  \
    do {                                                                                           \
        struct cup_plan *plan = malloc(good->total_bytes);                                         \
        CHECK(plan != NULL);                                                                       \
        memcpy(plan, good, good->total_bytes);                                                     \
        struct cup_plan_topic   *topic  = (void *)(uintptr_t)cup_plan_topics(plan);                \
        struct cup_plan_offset  *offset = (void *)(uintptr_t)cup_plan_offsets(plan, topic);        \
        struct cup_plan_output  *output = &plan->output;                                           \
        struct cup_plan_setting *setting =                                                         \
            (void *)(uintptr_t)cup_plan_settings(plan, plan->kafka.settings);                      \
        struct cup_plan_setting *made =                                                            \
            (void *)(uintptr_t)cup_plan_settings(plan, output->topic_settings);                    \
        (void)topic, (void)offset, (void)setting, (void)made;                                      \
        statement;                                                                                 \
        CHECK(check_sealed(plan, good->total_bytes) == CUP_BAD_PLAN);                              \
        free(plan);                                                                                \
    } while (0)

static void check_topics_refused(const struct cup_plan *good)
{
    REFUSED_TOPICS(plan->shard_count = 0);
    REFUSED_TOPICS(plan->shard_count = CUP_PLAN_SHARDS_MAX + 1);
    REFUSED_TOPICS(plan->shard = 3);
    REFUSED_TOPICS(plan->gaps = CUP_GAPS_COUNT);
    REFUSED_TOPICS(plan->group.bytes = 0);
    REFUSED_TOPICS(plan->topics.count = CUP_PLAN_TOPICS_MAX + 1);
    REFUSED_TOPICS(plan->topics.offset += 4);
    REFUSED_TOPICS(plan->topics.count = 0);         /* a cluster without use */
    REFUSED_TOPICS(plan->kafka.settings.count = 2); /* no broker */
    REFUSED_TOPICS(plan->kafka.settings.count = CUP_PLAN_SETTINGS_MAX + 1);
    REFUSED_TOPICS(setting->name.bytes = 0);
    REFUSED_TOPICS(setting->is_file = 1); /* no absolute path */
    REFUSED_TOPICS(setting[1].is_file = 2);
    REFUSED_TOPICS(setting[1].value.offset = plan->total_bytes);
    REFUSED_TOPICS(((char *)plan)[setting->value.offset] = '\0');
    REFUSED_TOPICS(topic->name.bytes = 0);
    REFUSED_TOPICS(topic->is_pattern = 2);
    REFUSED_TOPICS(topic[1].is_pattern = 0); /* no legal name */
    REFUSED_TOPICS(topic[1].start = CUP_START_COUNT);
    REFUSED_TOPICS(topic->start = CUP_START_LATEST); /* that has offsets */
    REFUSED_TOPICS(topic[1].start_ms = -1);
    REFUSED_TOPICS(topic->offsets.count = CUP_PLAN_OFFSETS_MAX + 1);
    REFUSED_TOPICS(topic->offsets.offset += 4);
    REFUSED_TOPICS(offset->partition = -1);
    REFUSED_TOPICS(offset->partition = 2);
    REFUSED_TOPICS(offset[1].offset = -1);
    REFUSED_TOPICS(output->kind = CUP_OUTPUT_COUNT);
    REFUSED_TOPICS(output->kind = CUP_OUTPUT_NONE); /* a cluster without use */
    REFUSED_TOPICS(output->kind = CUP_OUTPUT_RAW);  /* {table} is none of its parts */
    REFUSED_TOPICS(plan->silver = 0);
    REFUSED_TOPICS(output->schema = CUP_OUTPUT_SCHEMA_COUNT);
    REFUSED_TOPICS(output->deletes = CUP_OUTPUT_DELETES_COUNT);
    REFUSED_TOPICS(output->create = 2);
    REFUSED_TOPICS(output->partition_count = 0);
    REFUSED_TOPICS(output->partition_count = CUP_PLAN_TOPIC_PARTITIONS_MAX + 1);
    REFUSED_TOPICS(output->replication = CUP_PLAN_REPLICATION_MAX + 1u);
    REFUSED_TOPICS(output->cluster.settings.count = 0);
    REFUSED_TOPICS(output->topic.bytes = 0);
    REFUSED_TOPICS(((char *)plan)[output->topic.offset] = '[');
    REFUSED_TOPICS(((char *)plan)[output->control_topic.offset] = '/');
    REFUSED_TOPICS(output->control_topic.bytes = 0);
    REFUSED_TOPICS(made->name.offset = 0);
    REFUSED_TOPICS(output->topic_settings.offset += 4);
    const struct cup_plan_input file = {.path = good->lake, .topic = good->domain};
    REFUSED_TOPICS((topic->start = CUP_START_EARLIEST, topic->offsets.count = 0,
                    memcpy(offset, &file, sizeof file), plan->inputs.count  = 1,
                    plan->inputs.offset = topic->offsets.offset)); /* files and topics */
}

static void check_rules_refused(const struct cup_plan *good)
{
    const uint64_t nan = 0x7ff8000000000000ull;

    REFUSED(rule->id.bytes = 0);
    REFUSED(rule[4].bound.text.offset = plan->total_bytes);
    REFUSED(rule[5].column = 5);
    REFUSED(rule[5].column = 2); /* by column */
    REFUSED(rule->kind = CUP_RULE_COUNT);
    REFUSED(rule->bound.words[0] = 0); /* a multiple of 0 */
    REFUSED(rule->bound.words[1] = 1ull << 63);
    REFUSED(rule->kind = CUP_RULE_PATTERN);
    REFUSED(rule->kind = CUP_RULE_MIN_LENGTH);
    REFUSED(rule->kind = CUP_RULE_MAX_ITEMS);
    REFUSED(rule[2].kind = CUP_RULE_MINIMUM);
    REFUSED(rule[2].kind = CUP_RULE_VALID_VALUES);
    REFUSED((rule[2].kind = CUP_RULE_MIN_ITEMS, rule[2].bound.words[0] = 1ull << 32));
    REFUSED(rule[3].kind = CUP_RULE_UNIQUE_ITEMS);
    REFUSED(rule[3].kind = CUP_RULE_PATTERN); /* that has no values */
    REFUSED(rule[3].kind = CUP_RULE_MINIMUM);
    REFUSED(rule[3].values.count = CUP_PLAN_RULE_VALUES_MAX + 1);
    REFUSED(rule[3].values.offset += 4);
    REFUSED(rule[5].bound.words[0] = nan);
    REFUSED(rule[5].kind = CUP_RULE_MULTIPLE_OF);
    REFUSED(table->rules.count = CUP_PLAN_RULES_MAX + 1);
    REFUSED(table->datasets.count = CUP_PLAN_DATASETS_MAX + 1);
    REFUSED(dataset->kind = CUP_DATASET_COUNT);
    REFUSED(dataset->action = CUP_ACTION_COUNT);
    REFUSED(dataset->least = 10);
    REFUSED(memcpy(&dataset->least, &nan, sizeof nan));
    REFUSED(dataset->id.bytes = 0);
    REFUSED(plan->breaker.kind = CUP_DATASET_ROW_COUNT);
    REFUSED(plan->breaker.id.bytes = 0);
    REFUSED(plan->pause_ns = 0);
}

static void check_bytes(const struct cup_plan *good)
{
    size_t           bytes = good->total_bytes;
    struct cup_fault fault;
    struct cup_plan *plan = malloc(bytes + 8);

    CHECK(plan != NULL);
    for (size_t at = 0; at < bytes; at++) { /* the checksum is left alone */
        memcpy(plan, good, bytes);
        ((uint8_t *)plan)[at] ^= 0x10;
        CHECK(cup_plan_check(plan, bytes, &fault) == CUP_BAD_PLAN);
    }
    memcpy(plan, good, bytes);
    CHECK(cup_plan_check(plan, bytes - 1, &fault) == CUP_BAD_PLAN);
    CHECK(cup_plan_check(plan, bytes + 1, &fault) == CUP_BAD_PLAN);
    CHECK(cup_plan_check(plan, 16, &fault) == CUP_BAD_PLAN && fault.what != NULL);
    CHECK(cup_plan_check(plan, bytes, &fault) == CUP_OK);
    free(plan);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    struct cup_plan *good = make();

    for (int i = 0; i < CUP_CLOSE_COUNT; i++)
        CHECK(*cup_close_name((enum cup_close)i) != '\0' &&
              *cup_close_text((enum cup_close)i) != '\0');
    use(good);
    check_every_word(good);
    check_must_refuse(good);
    check_rules_refused(good);
    check_secrets_refused(good);
    check_bytes(good);
    struct cup_plan *topics = make_topics();
    use(topics);
    check_every_word(topics);
    check_topics_refused(topics);
    free(topics);
    CHECK(cup_plan_checksum("123456789", 9) == 0xe3069283); /* the vector of CRC-32C */
    free(good);
    return touched == 0;
}
