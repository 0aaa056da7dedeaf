// SPDX-License-Identifier: Apache-2.0
#include "dataplane/abi/plan.h"

#include <string.h>

#include "dataplane/abi/topic.h"
#include "kernels/pattern/pattern.h"

/* What is being checked; one object instead of four parameters everywhere. */
struct check {
    const uint8_t         *at;
    size_t                 bytes;
    const struct cup_plan *plan;
    struct cup_fault      *fault;
};

uint32_t cup_plan_checksum(const void *bytes, size_t count)
{
    static const uint32_t nibble[16] = {
        /* CRC-32C, reflected polynomial 0x82F63B78, four bits a step: a plan is small and cold */
        0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3,
        0x61C69362, 0x7198540D, 0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9,
        0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75};
    const size_t   skip = offsetof(struct cup_plan, crc32c);
    const uint8_t *at   = bytes;
    uint32_t       crc  = UINT32_MAX;

    for (size_t i = 0; i < count; i++) {
        uint8_t byte = i >= skip && i < skip + sizeof(uint32_t) ? 0 : at[i];
        crc          = nibble[(crc ^ byte) & 15] ^ crc >> 4;
        crc          = nibble[(crc ^ (uint8_t)(byte >> 4)) & 15] ^ crc >> 4;
    }
    return ~crc;
}

static bool bad(const struct check *check, const char *what)
{
    (void)cup_fault_set(check->fault, CUP_BAD_PLAN, what, NULL); /* callers return BAD_PLAN */
    return false;
}

static bool check_text(const struct check *check, struct cup_plan_text text, const char *what)
{
    if (text.offset < sizeof(struct cup_plan) || text.offset >= check->bytes)
        return bad(check, what);
    if (text.bytes >= check->bytes - text.offset) return bad(check, what);
    if (check->at[text.offset + text.bytes] != '\0') return bad(check, what);
    return true;
}

/* A name that will be used with functions that stop at NUL must not hold one. */
static bool check_name(const struct check *check, struct cup_plan_text text, const char *what)
{
    if (!check_text(check, text, what)) return false;
    if (memchr(check->at + text.offset, '\0', text.bytes) != NULL) return bad(check, what);
    return true;
}

static bool check_filled(const struct check *check, struct cup_plan_text text, const char *what)
{
    if (!check_name(check, text, what)) return false;
    return text.bytes > 0 || bad(check, what);
}

static bool check_list(const struct check *check, struct cup_plan_list list, size_t element_bytes,
                       size_t alignment, uint32_t count_max, const char *what)
{
    if (list.count > count_max) return bad(check, what);
    if (list.offset < sizeof(struct cup_plan) || list.offset > check->bytes)
        return bad(check, what);
    if (list.offset % alignment != 0) return bad(check, what);
    if (list.count > (check->bytes - list.offset) / element_bytes) return bad(check, what);
    return true;
}

#define CHECK_LIST(check, list, type, count_max, what)                                             \
    check_list(check, list, sizeof(struct type), _Alignof(struct type), count_max, what)

static bool check_range(const struct check *check, uint64_t value, uint64_t least, uint64_t most,
                        const char *what)
{
    return (value >= least && value <= most) || bad(check, what);
}

/* A relative path: no empty, "." or ".." part. */
static bool check_path(const struct check *check, struct cup_plan_text text, const char *what)
{
    if (!check_filled(check, text, what)) return false;
    const char *part = (const char *)check->at + text.offset;
    for (;;) {
        size_t bytes = strcspn(part, "/");
        if (bytes == 0) return bad(check, what);
        if (bytes == 1 && part[0] == '.') return bad(check, what);
        if (bytes == 2 && part[0] == '.' && part[1] == '.') return bad(check, what);
        if (part[bytes] == '\0') return true;
        part += bytes + 1;
    }
}

static bool check_part(const struct check *check, struct cup_plan_text text, const char *what)
{
    if (!check_path(check, text, what)) return false;
    return memchr(check->at + text.offset, '/', text.bytes) == NULL || bad(check, what);
}

static bool check_absolute(const struct check *check, struct cup_plan_text text, const char *what)
{
    if (!check_filled(check, text, what)) return false;
    return check->at[text.offset] == '/' || bad(check, what);
}

static bool check_limits(const struct check *check)
{
    const struct cup_plan *plan = check->plan;

    return check_range(check, plan->worker_count, 1, CUP_PLAN_WORKERS_MAX, "plan: worker_count") &&
           check_range(check, plan->generation, 1, UINT64_MAX, "plan: generation") &&
           check_range(check, plan->shard_count, 1, CUP_PLAN_SHARDS_MAX, "plan: shard_count") &&
           check_range(check, plan->shard, 0, plan->shard_count - 1, "plan: shard") &&
           check_range(check, plan->record_bytes_max, CUP_RECORD_BYTES_MIN, CUP_RECORD_BYTES_MAX,
                       "plan: record_bytes_max") &&
           check_range(check, plan->depth_max, 1, 1024, "plan: depth_max") &&
           check_range(check, plan->members_max, 1, 65536, "plan: members_max") &&
           check_range(check, plan->key_bytes_max, 1, 4096, "plan: key_bytes_max") &&
           check_range(check, plan->number_bytes_max, 1, 65536, "plan: number_bytes_max") &&
           (plan->codec == 0 || plan->codec == 1 || plan->codec == 6 ||
            bad(check, "plan: codec")) &&
           check_range(check, plan->bronze, 0, 1, "plan: bronze") &&
           check_range(check, plan->silver, 0, 1, "plan: silver") &&
           check_range(check, plan->until_end, 0, 1, "plan: until_end") &&
           check_range(check, plan->format, 0, CUP_FORMAT_COUNT - 1, "plan: format") &&
           check_range(check, plan->quarantine_inline, 0, 1, "plan: quarantine_inline") &&
           (plan->bronze || plan->quarantine_inline ||
            bad(check, "plan: quarantine without bronze")) &&
           check_range(check, plan->epoch_ns_max, 1, UINT64_MAX, "plan: epoch_ns_max") &&
           check_range(check, plan->epoch_bytes_max, 1, UINT64_MAX, "plan: epoch_bytes_max") &&
           check_range(check, plan->pool_bytes, CUP_PLAN_POOL_BYTES_MIN, CUP_PLAN_POOL_BYTES_MAX,
                       "plan: pool_bytes");
}

static bool check_files(const struct check *check)
{
    const struct cup_plan *plan = check->plan;

    return check_range(check, plan->quarantine_max, CUP_PLAN_QUARANTINE_BYTES_MIN,
                       CUP_PLAN_QUARANTINE_BYTES_MAX, "plan: quarantine_max") &&
           check_range(check, plan->file_bytes_max, CUP_PLAN_FILE_BYTES_MIN, CUP_PLAN_FILE_MAX,
                       "plan: file_bytes_max") &&
           check_range(check, plan->file_rows_max, CUP_PLAN_FILE_ROWS_MIN, CUP_PLAN_FILE_MAX,
                       "plan: file_rows_max") &&
           check_range(check, plan->log_retention_us, CUP_PLAN_LOG_RETENTION_US_MIN,
                       CUP_PLAN_LOG_RETENTION_US_MAX, "plan: log_retention_us") &&
           check_range(check, plan->store, 0, CUP_PLAN_STORES - 1, "plan: store") &&
           check_range(check, plan->ask_changes, 0, 1, "plan: ask_changes");
}

static bool check_secrets(const struct check *check)
{
    const struct cup_plan *plan = check->plan;

    if (!check_name(check, plan->token_id, "plan: token key")) return false;
    if (plan->token_id.bytes > CUP_TOKEN_ID_MAX) return bad(check, "plan: token key");
    if (!check_range(check, plan->bronze_encrypt, 0, 1, "plan: bronze_encrypt")) return false;
    return plan->bronze_encrypt == 0 ? check_name(check, plan->key_folder, "plan: key folder")
                                     : check_absolute(check, plan->key_folder, "plan: key folder");
}

static bool check_inputs(const struct check *check)
{
    const struct cup_plan_input *inputs = cup_plan_inputs(check->plan);

    for (uint32_t i = 0; i < check->plan->inputs.count; i++) {
        if (!check_absolute(check, inputs[i].path, "plan: input path")) return false;
        if (!check_filled(check, inputs[i].topic, "plan: input topic")) return false;
        bool is_retry = strncmp(cup_plan_text(check->plan, inputs[i].topic), CUP_RETRY_PREFIX,
                                sizeof CUP_RETRY_PREFIX - 1) == 0;
        if (inputs[i].form > CUP_INPUT_RETRY || inputs[i].gzip > 1 ||
            is_retry != (inputs[i].form == CUP_INPUT_RETRY))
            return bad(check, "plan: input form");
        if (i > 0 && inputs[i].group < inputs[i - 1].group) return bad(check, "plan: input group");
    }
    return true;
}

static bool check_type(const struct check *check, uint8_t type, uint8_t precision, uint8_t scale)
{
    if (type >= CUP_TYPE_LIST && type != CUP_TYPE_MAP) return bad(check, "plan: column type");
    if (type != CUP_TYPE_DECIMAL) return true;
    if (precision < 1 || precision > CUP_DECIMAL_PRECISION_MAX || scale > precision)
        return bad(check, "plan: column precision");
    return true;
}

static bool check_mask(const struct check *check, const struct cup_plan_column *column)
{
    enum cup_mask mask = (enum cup_mask)column->mask;

    if (column->mask >= CUP_MASK_COUNT || !cup_mask_serves(mask, column->type))
        return bad(check, "plan: column mask");
    if (column->key_place > 0 && !cup_mask_row(mask)->of_key)
        return bad(check, "plan: mask of a key");
    if (mask == CUP_MASK_KEEP_LAST &&
        (column->mask_keep == 0 || column->mask_keep > CUP_MASK_KEEP_MAX))
        return bad(check, "plan: mask's characters");
    if (column->mask_text.bytes > CUP_MASK_CONSTANT_MAX) return bad(check, "plan: mask's text");
    if (mask == CUP_MASK_HMAC && check->plan->token_id.bytes == 0)
        return bad(check, "plan: token without key");
    return check_name(check, column->mask_text, "plan: mask's text");
}

static bool check_columns(const struct check *check, const struct cup_plan_table *table)
{
    const struct cup_plan_column *columns = cup_plan_columns(check->plan, table);

    for (uint32_t i = 0; i < table->columns.count; i++) {
        bool    is_list = columns[i].type == CUP_TYPE_LIST;
        uint8_t type    = is_list ? columns[i].element_type : columns[i].type;
        if (is_list && type == CUP_TYPE_MAP) return bad(check, "plan: column type");
        if (!check_filled(check, columns[i].name, "plan: column name")) return false;
        if (!check_name(check, columns[i].comment, "plan: column comment")) return false;
        if (!check_type(check, type, columns[i].precision, columns[i].scale)) return false;
        if (columns[i].generated >= CUP_GENERATED_COUNT) return bad(check, "plan: generated");
        if (columns[i].required > 1 || columns[i].key_place > table->columns.count)
            return bad(check, "plan: column key");
        if (!check_mask(check, &columns[i])) return false;
    }
    return true;
}

bool cup_plan_partition_type(uint8_t type)
{
    switch (type) {
    case CUP_TYPE_BOOL:
    case CUP_TYPE_BYTE:
    case CUP_TYPE_SHORT:
    case CUP_TYPE_INT:
    case CUP_TYPE_LONG:
    case CUP_TYPE_DATE:
    case CUP_TYPE_TIMESTAMP:
    case CUP_TYPE_STRING: return true;
    default: return false; /* no text that all readers take back: facts in README.md */
    }
}

/* Key columns of types that can name a folder, each once. */
static bool check_partitions(const struct check *check, const struct cup_plan_table *table)
{
    if (!check_list(check, table->partitions, sizeof(uint32_t), _Alignof(uint32_t),
                    CUP_PLAN_PARTITIONS_MAX, "plan: partitions"))
        return false;
    const struct cup_plan_column *columns    = cup_plan_columns(check->plan, table);
    const uint32_t               *partitions = cup_plan_partitions(check->plan, table);

    for (uint32_t i = 0; i < table->partitions.count; i++) {
        for (uint32_t k = 0; k < i; k++)
            if (partitions[k] == partitions[i]) return bad(check, "plan: partition twice");
        if (partitions[i] == CUP_PLAN_PARTITION_DATE) continue;
        if (partitions[i] >= table->columns.count) return bad(check, "plan: partition column");
        const struct cup_plan_column *column = &columns[partitions[i]];
        if (column->key_place == 0) return bad(check, "plan: partition is no key");
        if (!cup_plan_partition_type(cup_mask_type((enum cup_mask)column->mask, column->type)))
            return bad(check, "plan: partition type");
        if (column->name.bytes > CUP_PLAN_PARTITION_NAME_MAX)
            return bad(check, "plan: partition name");
    }
    if (table->partitions.count > 0 && table->path.bytes > CUP_PLAN_PARTITION_PATH_MAX)
        return bad(check, "plan: path of a partitioned table");
    return true;
}

/* --- rules --- */

enum cup_order cup_plan_order(uint8_t type)
{
    switch ((enum cup_type)type) {
    case CUP_TYPE_BOOL:
    case CUP_TYPE_BYTE:
    case CUP_TYPE_SHORT:
    case CUP_TYPE_INT:
    case CUP_TYPE_LONG:
    case CUP_TYPE_DECIMAL:
    case CUP_TYPE_DATE:
    case CUP_TYPE_TIMESTAMP:
    case CUP_TYPE_TIMESTAMP_NTZ: return CUP_ORDER_INTEGER;
    case CUP_TYPE_FLOAT:
    case CUP_TYPE_DOUBLE: return CUP_ORDER_REAL;
    case CUP_TYPE_STRING: return CUP_ORDER_TEXT;
    default: return CUP_ORDER_NONE;
    }
}

static bool check_real(const struct check *check, uint64_t word)
{
    double real;

    memcpy(&real, &word, sizeof real);
    return real == real || bad(check, "plan: rule is no number");
}

/* What a rule of the kind can be said of, and with which bound. */
static bool check_bound(const struct check *check, const struct cup_plan_rule *rule, uint8_t type)
{
    enum cup_order order   = cup_plan_order(type);
    bool           ordered = order == CUP_ORDER_INTEGER || order == CUP_ORDER_REAL;

    switch ((enum cup_rule)rule->kind) {
    case CUP_RULE_REQUIRED: return true;
    case CUP_RULE_MINIMUM:
    case CUP_RULE_EXCLUSIVE_MINIMUM:
    case CUP_RULE_MAXIMUM:
    case CUP_RULE_EXCLUSIVE_MAXIMUM:
        if (order == CUP_ORDER_REAL && !check_real(check, rule->bound.words[0])) return false;
        return ordered || bad(check, "plan: rule of an order");
    case CUP_RULE_MULTIPLE_OF: /* of a positive number */
        if (order != CUP_ORDER_INTEGER || rule->bound.words[1] >> 63 != 0 ||
            (rule->bound.words[0] | rule->bound.words[1]) == 0)
            return bad(check, "plan: rule of multiples");
        return true;
    case CUP_RULE_MIN_LENGTH:
    case CUP_RULE_MAX_LENGTH:
        if (order != CUP_ORDER_TEXT) return bad(check, "plan: rule of a length");
        return check_range(check, rule->bound.words[0], 0, CUP_PLAN_RULE_COUNT_MAX,
                           "plan: length of a rule");
    case CUP_RULE_PATTERN: return order == CUP_ORDER_TEXT || bad(check, "plan: rule of a pattern");
    case CUP_RULE_MIN_ITEMS:
    case CUP_RULE_MAX_ITEMS:
        if (type != CUP_TYPE_LIST) return bad(check, "plan: rule of items");
        return check_range(check, rule->bound.words[0], 0, CUP_PLAN_RULE_COUNT_MAX,
                           "plan: items of a rule");
    case CUP_RULE_UNIQUE_ITEMS: return type == CUP_TYPE_LIST || bad(check, "plan: rule of items");
    case CUP_RULE_VALID_VALUES:
    case CUP_RULE_MISSING_VALUES:
        return order != CUP_ORDER_NONE || bad(check, "plan: rule of values");
    case CUP_RULE_COUNT: break;
    }
    return bad(check, "plan: rule");
}

static bool check_values(const struct check *check, const struct cup_plan_rule *rule, uint8_t type)
{
    bool     listed = cup_rule_operand((enum cup_rule)rule->kind) == CUP_OPERAND_LIST;
    uint32_t most   = listed ? CUP_PLAN_RULE_VALUES_MAX : 0;

    if (!CHECK_LIST(check, rule->values, cup_plan_value, most, "plan: values of a rule"))
        return false;
    const struct cup_plan_value *values = cup_plan_values(check->plan, rule);
    for (uint32_t i = 0; i < rule->values.count; i++) {
        if (!check_text(check, values[i].text, "plan: value of a rule")) return false;
        if (cup_plan_order(type) == CUP_ORDER_REAL && !check_real(check, values[i].words[0]))
            return false;
    }
    return true;
}

static bool check_rules(const struct check *check, const struct cup_plan_table *table)
{
    if (!CHECK_LIST(check, table->rules, cup_plan_rule, CUP_PLAN_RULES_MAX, "plan: rules"))
        return false;
    const struct cup_plan_column *columns = cup_plan_columns(check->plan, table);
    const struct cup_plan_rule   *rules   = cup_plan_rules(check->plan, table);

    for (uint32_t i = 0; i < table->rules.count; i++) {
        if (!check_filled(check, rules[i].id, "plan: rule id") ||
            !check_text(check, rules[i].bound.text, "plan: rule bound"))
            return false;
        if (rules[i].column >= table->columns.count) return bad(check, "plan: rule column");
        if (i > 0 && rules[i].column < rules[i - 1].column) return bad(check, "plan: rule order");
        if (rules[i].kind >= CUP_RULE_COUNT) return bad(check, "plan: rule kind");
        uint8_t type = columns[rules[i].column].type;
        if (!check_bound(check, &rules[i], type) || !check_values(check, &rules[i], type))
            return false;
    }
    return true;
}

static bool check_dataset(const struct check *check, const struct cup_plan_dataset *dataset)
{
    if (!check_filled(check, dataset->id, "plan: dataset rule id")) return false;
    if (dataset->kind >= CUP_DATASET_COUNT || dataset->action >= CUP_ACTION_COUNT)
        return bad(check, "plan: dataset rule");
    return dataset->least <= dataset->most || bad(check, "plan: dataset rule bounds"); /* no NaN */
}

static bool check_datasets(const struct check *check, const struct cup_plan_table *table)
{
    if (!CHECK_LIST(check, table->datasets, cup_plan_dataset, CUP_PLAN_DATASETS_MAX,
                    "plan: dataset rules"))
        return false;
    const struct cup_plan_dataset *datasets = cup_plan_datasets(check->plan, table);
    for (uint32_t i = 0; i < table->datasets.count; i++)
        if (!check_dataset(check, &datasets[i])) return false;
    return true;
}

static bool check_tables(const struct check *check)
{
    const struct cup_plan_table *tables = cup_plan_tables(check->plan);

    for (uint32_t i = 0; i < check->plan->tables.count; i++) {
        const struct cup_plan_table *table = &tables[i];
        if (!check_name(check, table->source_name, "plan: source name") ||
            !check_name(check, table->source_db, "plan: source database") ||
            !check_name(check, table->source_schema, "plan: source schema") ||
            !check_filled(check, table->source_table, "plan: source table") ||
            !check_path(check, table->path, "plan: table path") ||
            !check_name(check, table->description, "plan: table description") ||
            !check_name(check, table->topic, "plan: table topic") ||
            !CHECK_LIST(check, table->columns, cup_plan_column, CUP_PLAN_COLUMNS_MAX,
                        "plan: columns"))
            return false;
        if (table->images > CUP_IMAGES_FULL || table->write_before > 1 || table->contracted > 1)
            return bad(check, "plan: table images");
        if (table->missing >= CUP_MISSING_COUNT || table->truncate_applies > 1)
            return bad(check, "plan: table rules");
        if (table->stopped > 1) return bad(check, "plan: stopped");
        if (!check_text(check, table->stopped_pos, "plan: stopped")) return false;
        if (table->columns.count == 0) return bad(check, "plan: table without columns");
        if (!check_columns(check, table) || !check_partitions(check, table) ||
            !check_rules(check, table) || !check_datasets(check, table))
            return false;
    }
    return true;
}

static bool check_fields(const struct check *check, const struct cup_plan_schema *schema)
{
    const struct cup_plan_table *table  = &cup_plan_tables(check->plan)[schema->table];
    const struct cup_plan_field *fields = cup_plan_fields(check->plan, schema);

    for (uint32_t i = 0; i < schema->fields.count; i++) {
        if (!check_filled(check, fields[i].member, "plan: field member")) return false;
        if (fields[i].column == CUP_PLAN_IGNORED) {
            if (fields[i].slot >= CUP_PLAN_IGNORED_SLOTS) return bad(check, "plan: field slot");
            continue;
        }
        if (fields[i].column >= table->columns.count) return bad(check, "plan: field column");
        if (fields[i].encoding >= CUP_ENCODING_COUNT ||
            fields[i].element_encoding >= CUP_ENCODING_COUNT || fields[i].unavailable > 1)
            return bad(check, "plan: field encoding");
        if ((fields[i].encoding == CUP_ENCODING_LIST) !=
            (cup_plan_columns(check->plan, table)[fields[i].column].type == CUP_TYPE_LIST))
            return bad(check, "plan: list field");
        if (fields[i].encoding == CUP_ENCODING_LIST &&
            fields[i].element_encoding == CUP_ENCODING_LIST)
            return bad(check, "plan: list of lists");
        if (fields[i].scale < -CUP_PLAN_SCALE_MAX || fields[i].scale > CUP_PLAN_SCALE_MAX)
            return bad(check, "plan: field scale");
        if (!check_text(check, fields[i].standard, "plan: field default")) return false;
        if ((fields[i].options & ~(uint32_t)CUP_MEMBER_ALL) != 0)
            return bad(check, "plan: field options");
    }
    return true;
}

static bool check_schemas(const struct check *check)
{
    const struct cup_plan_schema *schemas = cup_plan_schemas(check->plan);

    for (uint32_t i = 0; i < check->plan->schemas.count; i++) {
        if (!check_text(check, schemas[i].text, "plan: schema text")) return false;
        if (schemas[i].table >= check->plan->tables.count) return bad(check, "plan: schema table");
        if (schemas[i].quarantine > 1 || schemas[i].unknown >= CUP_UNKNOWN_COUNT ||
            schemas[i].lost >= CUP_LOST_COUNT || schemas[i].slot >= CUP_PLAN_IGNORED_SLOTS)
            return bad(check, "plan: schema policy");
        if (!CHECK_LIST(check, schemas[i].fields, cup_plan_field, CUP_PLAN_COLUMNS_MAX,
                        "plan: fields"))
            return false;
        if (!check_fields(check, &schemas[i])) return false;
    }
    return true;
}

/* --- topics --- */

#define BOOTSTRAP "bootstrap.servers" /* without it there is no cluster */

static bool check_settings(const struct check *check, struct cup_plan_list list)
{
    if (!CHECK_LIST(check, list, cup_plan_setting, CUP_PLAN_SETTINGS_MAX, "plan: settings"))
        return false;
    const struct cup_plan_setting *settings = cup_plan_settings(check->plan, list);
    for (uint32_t i = 0; i < list.count; i++) {
        if (!check_filled(check, settings[i].name, "plan: setting")) return false;
        if (settings[i].is_file > 1) return bad(check, "plan: setting from a file");
        if (settings[i].is_file
                ? !check_absolute(check, settings[i].value, "plan: file of a setting")
                : !check_name(check, settings[i].value, "plan: value of a setting"))
            return false;
    }
    return true;
}

/* needed: there must be a cluster; else there must be none. */
static bool check_cluster(const struct check *check, const struct cup_plan_kafka *cluster,
                          bool needed)
{
    if (!check_settings(check, cluster->settings)) return false;
    const struct cup_plan_setting *settings = cup_plan_settings(check->plan, cluster->settings);
    bool                           found    = false;

    for (uint32_t i = 0; i < cluster->settings.count && !found; i++)
        found = strcmp(cup_plan_text(check->plan, settings[i].name), BOOTSTRAP) == 0;
    if (!needed) return cluster->settings.count == 0 || bad(check, "plan: cluster without use");
    return found || bad(check, "plan: cluster");
}

static bool check_start(const struct check *check, const struct cup_plan_topic *topic)
{
    uint32_t most = topic->start == CUP_START_OFFSETS ? CUP_PLAN_OFFSETS_MAX : 0;

    if (topic->start >= CUP_START_COUNT) return bad(check, "plan: start");
    if (topic->start == CUP_START_TIMESTAMP && topic->start_ms < 0)
        return bad(check, "plan: time of a start");
    if (!CHECK_LIST(check, topic->offsets, cup_plan_offset, most, "plan: offsets")) return false;
    const struct cup_plan_offset *offsets = cup_plan_offsets(check->plan, topic);
    for (uint32_t i = 0; i < topic->offsets.count; i++) {
        if (offsets[i].partition < 0 || offsets[i].offset < 0) return bad(check, "plan: offset");
        if (i > 0 && offsets[i].partition <= offsets[i - 1].partition)
            return bad(check, "plan: order of offsets");
    }
    return true;
}

static bool check_topics(const struct check *check)
{
    const struct cup_plan *plan = check->plan;

    if (!CHECK_LIST(check, plan->topics, cup_plan_topic, CUP_PLAN_TOPICS_MAX, "plan: topics"))
        return false;
    const struct cup_plan_topic *topics = cup_plan_topics(plan);
    for (uint32_t i = 0; i < plan->topics.count; i++) {
        if (!check_filled(check, topics[i].name, "plan: topic")) return false;
        if (topics[i].is_pattern > 1) return bad(check, "plan: topic");
        if (topics[i].is_pattern
                ? topics[i].name.bytes > CUP_PATTERN_BYTES_MAX
                : !cup_topic_is_legal(cup_plan_text(plan, topics[i].name), topics[i].name.bytes))
            return bad(check, "plan: name of a topic");
        if (!check_start(check, &topics[i])) return false;
    }
    if (cup_plan_consumes(plan) && plan->inputs.count > 0)
        return bad(check, "plan: files and topics");
    return check_cluster(check, &plan->kafka, cup_plan_consumes(plan)) &&
           check_range(check, plan->gaps, 0, CUP_GAPS_COUNT - 1, "plan: gaps") &&
           (cup_plan_consumes(plan) ? check_filled(check, plan->group, "plan: group")
                                    : check_name(check, plan->group, "plan: group"));
}

static bool check_output(const struct check *check)
{
    const struct cup_plan        *plan   = check->plan;
    const struct cup_plan_output *output = &plan->output;

    if (output->kind >= CUP_OUTPUT_COUNT || output->schema >= CUP_OUTPUT_SCHEMA_COUNT ||
        output->deletes >= CUP_OUTPUT_DELETES_COUNT || output->create > 1)
        return bad(check, "plan: output");
    if (!check_name(check, output->topic, "plan: topic of the output") ||
        !check_name(check, output->control_topic, "plan: control topic") ||
        !check_settings(check, output->topic_settings) ||
        !check_cluster(check, &output->cluster, output->kind != CUP_OUTPUT_NONE))
        return false;
    if (output->kind == CUP_OUTPUT_NONE) return true;
    if (output->kind == CUP_OUTPUT_CHANGES && !plan->silver)
        return bad(check, "plan: changes without silver");
    if (output->topic.bytes == 0 ||
        cup_topic_template_wrong(cup_plan_text(plan, output->topic),
                                 (enum cup_output_kind)output->kind) != NULL)
        return bad(check, "plan: topic of the output");
    if (!cup_topic_is_legal(cup_plan_text(plan, output->control_topic),
                            output->control_topic.bytes))
        return bad(check, "plan: control topic");
    return check_range(check, output->partition_count, 1, CUP_PLAN_TOPIC_PARTITIONS_MAX,
                       "plan: partitions of the output") &&
           check_range(check, output->replication, 0, CUP_PLAN_REPLICATION_MAX,
                       "plan: replication of the output");
}

static bool check_header(const struct check *check)
{
    const struct cup_plan *plan = check->plan;

    if (plan->magic != CUP_PLAN_MAGIC) return bad(check, "plan: magic");
    if (plan->version != CUP_PLAN_VERSION) return bad(check, "plan: version");
    if (plan->total_bytes != check->bytes) return bad(check, "plan: size");
    if (plan->crc32c != cup_plan_checksum(check->at, check->bytes))
        return bad(check, "plan: checksum");
    return check_absolute(check, plan->lake, "plan: lake") &&
           check_part(check, plan->domain, "plan: domain") &&
           check_part(check, plan->pipeline, "plan: pipeline") &&
           check_filled(check, plan->kernels, "plan: kernels") &&
           check_filled(check, plan->unavailable, "plan: unavailable") &&
           check_range(check, plan->pause_ns, 1, CUP_PLAN_PAUSE_NS_MAX, "plan: pause_ns") &&
           check_dataset(check, &plan->breaker) &&
           (plan->breaker.kind == CUP_DATASET_FAILURE_RATE || bad(check, "plan: breaker")) &&
           check_filled(check, plan->metadata, "plan: metadata") &&
           CHECK_LIST(check, plan->inputs, cup_plan_input, CUP_PLAN_INPUTS_MAX, "plan: inputs") &&
           CHECK_LIST(check, plan->tables, cup_plan_table, CUP_PLAN_TABLES_MAX, "plan: tables") &&
           CHECK_LIST(check, plan->schemas, cup_plan_schema, CUP_PLAN_SCHEMAS_MAX, "plan: schemas");
}

enum cup_err cup_plan_check(const void *bytes, size_t count, struct cup_fault *out_fault)
{
    struct check check = {.at = bytes, .bytes = count, .plan = bytes, .fault = out_fault};

    CUP_ASSERT(bytes != NULL);
    CUP_ASSERT((uintptr_t)bytes % _Alignof(struct cup_plan) == 0);
    if (count < sizeof(struct cup_plan) || count > CUP_PLAN_BYTES_MAX)
        return cup_fault_set(out_fault, CUP_BAD_PLAN, "plan: size", NULL);
    bool good = check_header(&check) && check_limits(&check) && check_files(&check) &&
                check_secrets(&check) && check_inputs(&check) && check_tables(&check) &&
                check_schemas(&check) && check_topics(&check) && check_output(&check);
    return good ? CUP_OK : CUP_BAD_PLAN;
}
