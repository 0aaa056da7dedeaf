// SPDX-License-Identifier: Apache-2.0
/* Rules for the values of one column: logicalTypeOptions, enum, unique and quality. */
#include <stdlib.h>
#include <string.h>

#include "control/contract/bound.h"
#include "control/contract/contract_priv.h"
#include "kernels/pattern/pattern.h"

/* The column whose rules are being read. */
struct column_work {
    struct cup_contract_work  *work;
    struct cup_catalog_table  *table;
    struct cup_catalog_column *column;
    const char                *table_name;
};

static const struct cup_contract_format formats[] = {
#define CUP_FORMAT(name, pattern, text) {name, pattern, text},
#include "control/contract/format.def"
#undef CUP_FORMAT
};
#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

/* Formats of whole numbers: as Rust names them. */
static const struct {
    const char *name, *least, *most;
} ranges[] = {
    {"i8", "-128", "127"},
    {"i16", "-32768", "32767"},
    {"i32", "-2147483648", "2147483647"},
    {"i64", "-9223372036854775808", "9223372036854775807"},
    {"i128", NULL, NULL},
    {"u8", "0", "255"},
    {"u16", "0", "65535"},
    {"u32", "0", "4294967295"},
    {"u64", "0", "18446744073709551615"},
    {"u128", "0", NULL},
};

uint32_t cup_contract_format_count(void)
{
    return FORMAT_COUNT;
}

const struct cup_contract_format *cup_contract_format_row(uint32_t index)
{
    CUP_ASSERT(index < FORMAT_COUNT);
    return &formats[index];
}

void cup_contract_priv_unchecked(struct cup_contract_work *work, const struct cup_yaml_node *node,
                                 const char *table, const char *column, const char *what)
{
    struct cup_catalog *catalog = work->catalog;
    struct cup_text     text    = {0};

    cup_yaml_at(&work->yaml, node, &text);
    cup_text_printf(&text, "%s%s%s: %s", table, *column == '\0' ? "" : ".", column, what);
    CUP_ASSERT(!text.failed);
    catalog->unchecked = cup_keep_grow(catalog->keep, catalog->unchecked, catalog->unchecked_count,
                                       &catalog->unchecked_cap, sizeof(*catalog->unchecked));
    catalog->unchecked[catalog->unchecked_count++] =
        cup_keep_text(catalog->keep, text.at, text.bytes);
    cup_text_free(&text);
}

static void unchecked(struct column_work *at, const struct cup_yaml_node *node, const char *what)
{
    cup_contract_priv_unchecked(at->work, node, at->table_name, at->column->name, what);
}

static void fail(struct column_work *at, const struct cup_yaml_node *node, const char *key,
                 const struct cup_text *why)
{
    cup_yaml_at(&at->work->yaml, node, at->work->says);
    cup_text_printf(at->work->says, "%s: column %s: %s\n", key, at->column->name,
                    why->failed || why->at == NULL ? "is wrong" : why->at);
    at->work->failed = true;
}

static bool has_id(const struct cup_catalog_table *table, const char *id)
{
    for (uint32_t i = 0; i < table->rule_count; i++)
        if (strcmp(table->rules[i].id, id) == 0) return true;
    return false;
}

/* customer.email.pattern, or with the name that the contract gives; a second one gets .2 */
static const char *make_id(struct column_work *at, const char *name)
{
    struct cup_text text = {0};

    cup_text_printf(&text, "%s.%s.%s", at->table_name, at->column->name, name);
    size_t bytes = text.bytes;
    for (uint32_t i = 2; !text.failed && has_id(at->table, text.at); i++) {
        text.bytes = bytes;
        cup_text_printf(&text, ".%u", i);
    }
    CUP_ASSERT(!text.failed);
    const char *id = cup_keep_text(at->work->keep, text.at, text.bytes);
    cup_text_free(&text);
    return id;
}

static struct cup_catalog_rule *add_rule(struct column_work *at, const struct cup_yaml_node *node,
                                         enum cup_rule kind, const char *name)
{
    static struct cup_catalog_rule nowhere;
    struct cup_catalog_table      *table = at->table;

    if (table->rule_count == CUP_PLAN_RULES_MAX) {
        cup_contract_priv_fail(at->work, node, name, "too many rules; allowed: 20000 of a table");
        return &nowhere;
    }
    table->rules = cup_keep_grow(at->work->keep, table->rules, table->rule_count, &table->rule_cap,
                                 sizeof(*table->rules));
    struct cup_catalog_rule *rule = &table->rules[table->rule_count];
    *rule                         = (struct cup_catalog_rule){0};
    rule->id                      = make_id(at, name);
    rule->column                  = at->column->name;
    rule->kind                    = (uint8_t)kind;
    rule->bound.text              = "";
    table->rule_count++;
    return rule;
}

/* --- one rule --- */

static bool read_count(const char *text, struct cup_catalog_value *out, struct cup_text *why)
{
    char              *end;
    unsigned long long count = strtoull(text, &end, 10);

    *out = (struct cup_catalog_value){.words = {count, 0}, .text = ""};
    if (*text >= '0' && *text <= '9' && *end == '\0' && count <= CUP_PLAN_RULE_COUNT_MAX)
        return true;
    cup_text_puts(why, "is no count; allowed: 0, 1, 2, ...");
    return false;
}

static bool read_pattern(const char *text, struct cup_catalog_value *out, struct cup_text *why)
{
    struct cup_pattern *pattern = NULL;
    struct cup_fault    fault   = {0};

    *out = (struct cup_catalog_value){.text = text, .text_bytes = strlen(text)};
    if (cup_pattern_open(text, strlen(text), &pattern, &fault) == CUP_OK) {
        cup_pattern_close(pattern);
        return true;
    }
    cup_text_printf(why, "is no pattern: %s at byte %llu of it", fault.where,
                    (unsigned long long)fault.at_offset);
    return false;
}

static bool read_order(const struct cup_shape_type *is, enum cup_rule kind, const char *text,
                       struct cup_catalog_value *out, struct cup_text *why)
{
    bool up = kind == CUP_RULE_MINIMUM || kind == CUP_RULE_EXCLUSIVE_MAXIMUM;

    if (kind == CUP_RULE_MULTIPLE_OF) return cup_bound_multiple(is, text, out, why);
    return cup_bound_read(is, text, up ? CUP_BOUND_UP : CUP_BOUND_DOWN, out, why);
}

/* What a rule of the kind can be said of; says it. */
static bool fits(const struct cup_shape_type *is, enum cup_rule kind, struct cup_text *why)
{
    enum cup_order order = cup_plan_order(is->type);
    bool           good  = true;

    switch (cup_rule_operand(kind)) {
    case CUP_OPERAND_ORDER: good = order == CUP_ORDER_INTEGER || order == CUP_ORDER_REAL; break;
    case CUP_OPERAND_TEXT: good = order == CUP_ORDER_TEXT; break;
    case CUP_OPERAND_COUNT:
        good = kind == CUP_RULE_MIN_ITEMS || kind == CUP_RULE_MAX_ITEMS ? is->type == CUP_TYPE_LIST
                                                                        : order == CUP_ORDER_TEXT;
        break;
    case CUP_OPERAND_LIST: good = order != CUP_ORDER_NONE; break;
    case CUP_OPERAND_NONE: good = kind != CUP_RULE_UNIQUE_ITEMS || is->type == CUP_TYPE_LIST; break;
    }
    if (good) return true;
    cup_text_puts(why, "is no rule for values of its type, ");
    cup_shape_put_type(why, is);
    if (is->type == CUP_TYPE_STRING)
        cup_text_puts(why, " (numbers that are kept as text can have a pattern)");
    return false;
}

static void read_rule(struct column_work *at, const struct cup_yaml_node *node, enum cup_rule kind,
                      const char *text, const char *name)
{
    const struct cup_shape_type *is    = &at->column->is;
    struct cup_catalog_value     bound = {.text = ""};
    struct cup_text              why   = {0};

    bool good = fits(is, kind, &why);
    if (good && cup_rule_operand(kind) == CUP_OPERAND_COUNT) good = read_count(text, &bound, &why);
    if (good && cup_rule_operand(kind) == CUP_OPERAND_TEXT) good = read_pattern(text, &bound, &why);
    if (good && cup_rule_operand(kind) == CUP_OPERAND_ORDER)
        good = read_order(is, kind, text, &bound, &why);
    if (good)
        add_rule(at, node, kind, name)->bound = bound;
    else
        fail(at, node, name, &why);
    cup_text_free(&why);
}

/* A list of values; NULL among them: *out_null. objects: each is {value: ..}, as enum has them. */
static void read_values(struct column_work *at, const struct cup_yaml_node *list,
                        enum cup_rule kind, const char *name, bool *out_null)
{
    struct cup_text why = {0};

    *out_null = false;
    if (!fits(&at->column->is, kind, &why)) {
        fail(at, list, name, &why);
        cup_text_free(&why);
        return;
    }
    if (list->kind != CUP_YAML_LIST || list->count == 0 || list->count > CUP_PLAN_RULE_VALUES_MAX) {
        cup_contract_priv_fail(at->work, list, name, "must be a list of 1 to 100000 values");
        return;
    }
    struct cup_catalog_rule *rule = add_rule(at, list, kind, name);
    rule->values = cup_keep_bytes(at->work->keep, list->count * sizeof(*rule->values));
    for (uint32_t i = 0; i < list->count; i++) {
        const struct cup_yaml_node *item = list->children[i];
        if (item->kind == CUP_YAML_MAP && cup_yaml_find(item, "value") != NULL)
            item = cup_yaml_find(item, "value");
        if (item->kind == CUP_YAML_SCALAR && item->is_null) {
            *out_null = true;
            continue;
        }
        if (item->kind != CUP_YAML_SCALAR)
            cup_contract_priv_fail(at->work, item, name, "must be a text or a number");
        else if (!cup_bound_read(&at->column->is, item->text, CUP_BOUND_EXACT,
                                 &rule->values[rule->value_count++], &why))
            fail(at, item, name, &why);
        cup_text_clear(&why);
    }
    cup_text_free(&why);
}

static void require(struct column_work *at, const struct cup_yaml_node *node, const char *name)
{
    if (at->column->required) return;
    at->column->required = true;
    (void)add_rule(at, node, CUP_RULE_REQUIRED, name); /* it has no bound */
}

/* --- logicalTypeOptions --- */

static void read_format(struct column_work *at, const struct cup_yaml_node *node)
{
    const char *text = node->text;

    if (at->column->is.type == CUP_TYPE_STRING) {
        for (size_t i = 0; i < FORMAT_COUNT; i++) {
            if (strcmp(formats[i].name, text) != 0) continue;
            read_rule(at, node, CUP_RULE_PATTERN, formats[i].pattern, "format");
            return;
        }
    }
    if (cup_plan_order(at->column->is.type) == CUP_ORDER_INTEGER) {
        for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
            if (strcmp(ranges[i].name, text) != 0) continue;
            if (ranges[i].least != NULL)
                read_rule(at, node, CUP_RULE_MINIMUM, ranges[i].least, "format");
            if (ranges[i].most != NULL)
                read_rule(at, node, CUP_RULE_MAXIMUM, ranges[i].most, "format");
            return;
        }
    }
    unchecked(at, node, "logicalTypeOptions.format: says how a value is meant or written");
}

static void read_option(struct column_work *at, const char *key, const struct cup_yaml_node *node)
{
    if (node->kind == CUP_YAML_SCALAR && node->is_null) return;
    for (int i = 0; i < CUP_RULE_COUNT; i++) {
        enum cup_rule    kind    = (enum cup_rule)i;
        enum cup_operand operand = cup_rule_operand(kind);
        if (strcmp(cup_rule_name(kind), key) != 0 || operand == CUP_OPERAND_LIST ||
            kind == CUP_RULE_REQUIRED)
            continue;
        if (node->kind != CUP_YAML_SCALAR)
            cup_contract_priv_fail(at->work, node, key, "must be a text or a number");
        else if (kind != CUP_RULE_UNIQUE_ITEMS || strcmp(node->text, "true") == 0)
            read_rule(at, node, kind, node->text, key);
        return;
    }
    if (strcmp(key, "format") == 0 && node->kind == CUP_YAML_SCALAR)
        read_format(at, node);
    else
        unchecked(at, node, cup_keep_string(at->work->keep, key));
}

static void read_options(struct column_work *at, const struct cup_yaml_node *node)
{
    const struct cup_yaml_node *options = cup_yaml_find(node, "logicalTypeOptions");

    if (options == NULL) return;
    if (!cup_contract_priv_map(at->work, options, "logicalTypeOptions")) return;
    for (uint32_t i = 0; i < options->count; i++)
        read_option(at, options->keys[i]->text, options->children[i]);
}

/* --- quality --- */

static const char *const metrics[] = {"nullValues", "missingValues", "invalidValues",
                                      "duplicateValues", "rowCount"};

bool cup_contract_priv_metric(struct cup_contract_work *work, const struct cup_yaml_node *check,
                              const char *table, const char *column, const char **out_metric)
{
    const char *metric = cup_contract_priv_text(work, check, "metric", false);
    const char *type   = cup_contract_priv_text(work, check, "type", false);

    if (metric == NULL) metric = cup_contract_priv_text(work, check, "rule", false); /* v3.0 */
    if (type == NULL) type = metric == NULL ? "text" : "library";
    if (strcmp(type, "library") != 0) {
        struct cup_text what = {0};
        cup_text_printf(&what, "quality of type %s", type);
        cup_contract_priv_unchecked(work, check, table, column, what.failed ? "quality" : what.at);
        cup_text_free(&what);
        return false;
    }
    for (size_t i = 0; metric != NULL && i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        if (strcmp(metrics[i], metric) != 0) continue;
        *out_metric = metrics[i];
        return true;
    }
    cup_contract_priv_fail(work, metric == NULL ? check : cup_yaml_find(check, "metric"), "metric",
                           "is not known; allowed: nullValues, missingValues, invalidValues, "
                           "duplicateValues, rowCount");
    return false;
}

/* Whether the check says that there must be none: what can be said of one record. */
static bool wants_none(const struct cup_yaml_node *check)
{
    static const struct {
        const char *key, *value;
    } none[] = {{"mustBe", "0"}, {"mustBeLessOrEqualTo", "0"}, {"mustBeLessThan", "1"}};

    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        const struct cup_yaml_node *value = cup_yaml_find(check, none[i].key);
        if (value != NULL && value->kind == CUP_YAML_SCALAR &&
            strcmp(value->text, none[i].value) == 0)
            return true;
    }
    return false;
}

static void read_arguments(struct column_work *at, const struct cup_yaml_node *check,
                           const char *metric, const char *name)
{
    const struct cup_yaml_node *arguments = cup_yaml_find(check, "arguments"), *list = NULL;
    bool                        is_map = arguments != NULL && arguments->kind == CUP_YAML_MAP, null;

    if (strcmp(metric, "missingValues") == 0) {
        if (is_map) list = cup_yaml_find(arguments, "missingValues");
        if (list == NULL) {
            cup_contract_priv_fail(at->work, check, "arguments", "has no list missingValues");
            return;
        }
        read_values(at, list, CUP_RULE_MISSING_VALUES,
                    name == NULL ? cup_rule_name(CUP_RULE_MISSING_VALUES) : name, &null);
        if (null) require(at, list, name == NULL ? cup_rule_name(CUP_RULE_REQUIRED) : name);
        return;
    }
    const struct cup_yaml_node *pattern = is_map ? cup_yaml_find(arguments, "pattern") : NULL;
    if (is_map) list = cup_yaml_find(arguments, "validValues");
    if (list != NULL)
        read_values(at, list, CUP_RULE_VALID_VALUES,
                    name == NULL ? cup_rule_name(CUP_RULE_VALID_VALUES) : name, &null);
    if (pattern != NULL && pattern->kind == CUP_YAML_SCALAR)
        read_rule(at, pattern, CUP_RULE_PATTERN, pattern->text,
                  name == NULL ? cup_rule_name(CUP_RULE_PATTERN) : name);
    if (list == NULL && pattern == NULL)
        cup_contract_priv_fail(at->work, check, "arguments",
                               "says nothing of what is valid; allowed: validValues, pattern");
}

static void read_check(struct column_work *at, const struct cup_yaml_node *check)
{
    const char *metric = NULL;

    if (!cup_contract_priv_map(at->work, check, "quality")) return;
    if (!cup_contract_priv_metric(at->work, check, at->table_name, at->column->name, &metric))
        return;
    const char *name = cup_contract_priv_text(at->work, check, "id", false);
    if (strcmp(metric, "duplicateValues") == 0 || strcmp(metric, "rowCount") == 0)
        unchecked(at, check, "quality: looks at all rows of the table");
    else if (!wants_none(check))
        unchecked(at, check, "quality: records are judged one by one; cupel checks mustBe: 0");
    else if (strcmp(metric, "nullValues") == 0)
        require(at, check, name == NULL ? cup_rule_name(CUP_RULE_REQUIRED) : name);
    else
        read_arguments(at, check, metric, name);
}

/* --- the column --- */

static void read_lists(struct column_work *at, const struct cup_yaml_node *node)
{
    const struct cup_yaml_node *allowed = cup_yaml_find(node, "enum");
    const struct cup_yaml_node *quality = cup_yaml_find(node, "quality");
    const struct cup_yaml_node *items   = cup_yaml_find(node, "items");
    bool                        null;

    if (allowed != NULL) read_values(at, allowed, CUP_RULE_VALID_VALUES, "enum", &null);
    if (items != NULL && items->kind == CUP_YAML_MAP &&
        (cup_yaml_find(items, "logicalTypeOptions") != NULL ||
         cup_yaml_find(items, "quality") != NULL || cup_yaml_find(items, "enum") != NULL))
        unchecked(at, items, "items: rules for the items of an array");
    if (quality == NULL) return;
    if (quality->kind != CUP_YAML_LIST) {
        cup_contract_priv_fail(at->work, quality, "quality", "must be a list");
        return;
    }
    for (uint32_t i = 0; i < quality->count; i++)
        read_check(at, quality->children[i]);
}

void cup_contract_priv_rules(struct cup_contract_work *work, const struct cup_yaml_node *node,
                             struct cup_catalog_table *table, struct cup_catalog_column *column,
                             const char *table_name)
{
    struct column_work at = {
        .work = work, .table = table, .column = column, .table_name = table_name};

    if (column->required) {
        column->required = false;
        require(&at, cup_yaml_find(node, "required"), cup_rule_name(CUP_RULE_REQUIRED));
    }
    read_options(&at, node);
    read_lists(&at, node);
}

void cup_contract_priv_unique(struct cup_contract_work *work, const struct cup_yaml_node *node,
                              const struct cup_catalog_table *table, const char *table_name)
{
    const struct cup_yaml_node *columns = cup_yaml_find(node, "properties");

    for (uint32_t i = 0; i < columns->count; i++) {
        const struct cup_yaml_node *column = columns->children[i];
        if (column->kind != CUP_YAML_MAP || !cup_contract_priv_bool(work, column, "unique"))
            continue;
        if (table->key_count == 1 && cup_contract_priv_bool(work, column, "primaryKey")) continue;
        const char *name = cup_contract_priv_text(work, column, "name", false);
        cup_contract_priv_unchecked(work, cup_yaml_find(column, "unique"), table_name,
                                    name == NULL ? "" : name,
                                    "unique: looks at all rows of the table");
    }
}
