// SPDX-License-Identifier: Apache-2.0
/* Rules for the records of a table in one epoch: the table's quality, and slaProperties. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/contract/contract_priv.h"

/* With fewer records a rate says little. */
#define RATE_RECORDS_MIN 100u

static const struct {
    const char *name;
    double      seconds;
} units[] = {
    {"s", 1},         {"sec", 1},        {"second", 1},  {"seconds", 1},  {"min", 60},
    {"minute", 60},   {"minutes", 60},   {"h", 3600},    {"hr", 3600},    {"hour", 3600},
    {"hours", 3600},  {"d", 86400},      {"day", 86400}, {"days", 86400}, {"w", 604800},
    {"week", 604800}, {"weeks", 604800},
};

static bool number_of(const struct cup_yaml_node *node, double *out)
{
    char *end;

    if (node->kind != CUP_YAML_SCALAR || *node->text == '\0') return false;
    *out = strtod(node->text, &end);
    return *end == '\0' && isfinite(*out);
}

static void add(struct cup_contract_work *work, const struct cup_yaml_node *node,
                struct cup_catalog_table *table, const struct cup_catalog_dataset *dataset)
{
    if (table->dataset_count == CUP_PLAN_DATASETS_MAX) {
        cup_contract_priv_fail(work, node, "quality",
                               "too many rules for the records of one table; allowed: 64");
        return;
    }
    table->datasets = cup_keep_grow(work->keep, table->datasets, table->dataset_count,
                                    &table->dataset_cap, sizeof(*table->datasets));
    table->datasets[table->dataset_count++] = *dataset;
}

static const char *make_id(struct cup_contract_work *work, const char *table, const char *name)
{
    struct cup_text text = {0};

    cup_text_printf(&text, "%s.%s", table, name);
    CUP_ASSERT(!text.failed);
    const char *id = cup_keep_text(work->keep, text.at, text.bytes);
    cup_text_free(&text);
    return id;
}

/* --- customProperties of a check, or of the table --- */

static const struct cup_yaml_node *custom_of(const struct cup_yaml_node *map, const char *property)
{
    const struct cup_yaml_node *list = cup_yaml_find(map, "customProperties");

    for (uint32_t i = 0; list != NULL && list->kind == CUP_YAML_LIST && i < list->count; i++) {
        const struct cup_yaml_node *item = list->children[i];
        if (item->kind != CUP_YAML_MAP) continue;
        const struct cup_yaml_node *name = cup_yaml_find(item, "property");
        if (name != NULL && name->kind == CUP_YAML_SCALAR && strcmp(name->text, property) == 0)
            return cup_yaml_find(item, "value");
    }
    return NULL;
}

static uint8_t action_of(struct cup_contract_work *work, const struct cup_yaml_node *check,
                         const struct cup_yaml_node *table, enum cup_action otherwise)
{
    const struct cup_yaml_node *node = check == NULL ? NULL : custom_of(check, "onFailure");

    if (node == NULL) node = custom_of(table, "onFailure");
    if (node == NULL) return (uint8_t)otherwise;
    for (int i = 0; node->kind == CUP_YAML_SCALAR && i < CUP_ACTION_COUNT; i++)
        if (strcmp(cup_action_name((enum cup_action)i), node->text) == 0) return (uint8_t)i;
    cup_contract_priv_fail(work, node, "onFailure", "is not known; allowed: warn, pause, abort");
    return (uint8_t)otherwise;
}

static uint64_t records_min_of(struct cup_contract_work *work, const struct cup_yaml_node *check,
                               uint64_t otherwise)
{
    const struct cup_yaml_node *node = custom_of(check, "minRecords");
    double                      count;

    if (node == NULL) return otherwise;
    if (number_of(node, &count) && count >= 0 && count <= 1e15 && count == floor(count))
        return (uint64_t)count;
    cup_contract_priv_fail(work, node, "minRecords", "is no count; allowed: 0, 1, 2, ...");
    return otherwise;
}

/* --- quality --- */

/* The bounds that the operators give; false when one of them says something else. */
static bool bounds_of(struct cup_contract_work *work, const struct cup_yaml_node *check,
                      struct cup_catalog_dataset *dataset)
{
    static const char *const    keys[]  = {"mustBe", "mustBeGreaterThan", "mustBeLessThan",
                                           "mustBeGreaterOrEqualTo", "mustBeLessOrEqualTo"};
    const struct cup_yaml_node *between = cup_yaml_find(check, "mustBeBetween");
    double                      low, high;
    bool                        any = false;

    dataset->least = -INFINITY;
    dataset->most  = INFINITY;
    if (cup_yaml_find(check, "mustNotBe") != NULL ||
        cup_yaml_find(check, "mustNotBeBetween") != NULL)
        return false;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct cup_yaml_node *node = cup_yaml_find(check, keys[i]);
        if (node == NULL) continue;
        any = true;
        if (!number_of(node, &low)) {
            cup_contract_priv_fail(work, node, keys[i], "is no number");
            return true;
        }
        if (i == 0 || i == 3) dataset->least = low;
        if (i == 0 || i == 4) dataset->most = low;
        bool whole = dataset->kind != CUP_DATASET_FAILURE_RATE;
        if (i == 1) dataset->least = whole ? floor(low) + 1 : nextafter(low, INFINITY);
        if (i == 2) dataset->most = whole ? ceil(low) - 1 : nextafter(low, -INFINITY);
    }
    if (between != NULL) {
        bool two = between->kind == CUP_YAML_LIST && between->count == 2 &&
                   number_of(between->children[0], &low) && number_of(between->children[1], &high);
        dataset->least = two ? low : 0;
        dataset->most  = two ? high : 0;
        if (!two || low > high)
            cup_contract_priv_fail(work, between, "mustBeBetween",
                                   "must be two numbers, the smaller first");
    }
    if (!any && between == NULL)
        cup_contract_priv_fail(work, check, "quality",
                               "says nothing of what must be; allowed: mustBe, mustBeLessThan, "
                               "mustBeLessOrEqualTo, mustBeGreaterThan, mustBeGreaterOrEqualTo, "
                               "mustBeBetween");
    return true;
}

static bool kind_of(struct cup_contract_work *work, const struct cup_yaml_node *check,
                    const char *metric, uint8_t *out_kind)
{
    const char *unit = cup_contract_priv_text(work, check, "unit", false);

    if (unit == NULL) unit = "rows";
    if (strcmp(metric, "rowCount") == 0 && strcmp(unit, "rows") == 0)
        *out_kind = CUP_DATASET_ROW_COUNT;
    else if (strcmp(metric, "invalidValues") == 0 && strcmp(unit, "percent") == 0)
        *out_kind = CUP_DATASET_FAILURE_RATE;
    else if (strcmp(metric, "invalidValues") == 0 && strcmp(unit, "rows") == 0)
        *out_kind = CUP_DATASET_FAILURES;
    else
        return false;
    return true;
}

static void read_check(struct cup_contract_work *work, const struct cup_yaml_node *check,
                       const struct cup_yaml_node *node, struct cup_catalog_table *table,
                       const char *table_name)
{
    struct cup_catalog_dataset dataset = {0};
    const char                *metric  = NULL;

    if (!cup_contract_priv_map(work, check, "quality")) return;
    if (!cup_contract_priv_metric(work, check, table_name, "", &metric)) return;
    const char *name = cup_contract_priv_text(work, check, "id", false);
    if (!kind_of(work, check, metric, &dataset.kind) || !bounds_of(work, check, &dataset)) {
        struct cup_text what = {0};
        cup_text_printf(&what, "quality: %s of this unit or operator", metric);
        cup_contract_priv_unchecked(work, check, table_name, "", what.failed ? metric : what.at);
        cup_text_free(&what);
        return;
    }
    bool rate = dataset.kind == CUP_DATASET_FAILURE_RATE;
    if (name == NULL) name = cup_dataset_name((enum cup_dataset)dataset.kind);
    dataset.id          = make_id(work, table_name, name);
    dataset.action      = action_of(work, check, node, CUP_ACTION_PAUSE);
    dataset.records_min = records_min_of(work, check, rate ? RATE_RECORDS_MIN : 0);
    add(work, check, table, &dataset);
}

/* --- slaProperties --- */

static bool is_freshness(const char *property)
{
    return strcmp(property, "latency") == 0 || strcmp(property, "freshness") == 0 ||
           strcmp(property, "ly") == 0;
}

/* Whether one of the elements, separated by commas, is the table or its commit time. */
static bool names_table(const char *elements, const char *table)
{
    size_t bytes = strlen(table);

    for (const char *at = elements; *at != '\0'; at += *at == ',') {
        at += strspn(at, " ");
        size_t      length = strcspn(at, ",");
        const char *rest   = at + bytes;
        if (length >= bytes && strncmp(at, table, bytes) == 0 &&
            (length == bytes || *rest == ' ' || strncmp(rest, "._ts", 4) == 0))
            return true;
        at += length;
    }
    return false;
}

static bool seconds_of(struct cup_contract_work *work, const struct cup_yaml_node *sla, double *out)
{
    const struct cup_yaml_node *value = cup_yaml_find(sla, "value");
    const char                 *unit  = cup_contract_priv_text(work, sla, "unit", true);

    if (unit == NULL) return false;
    if (value == NULL || !number_of(value, out) || *out <= 0) {
        cup_contract_priv_fail(work, value == NULL ? sla : value, "value",
                               "is no duration; allowed: a number above 0");
        return false;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(units[i].name, unit) != 0) continue;
        *out *= units[i].seconds;
        return true;
    }
    cup_contract_priv_fail(work, cup_yaml_find(sla, "unit"), "unit",
                           "is no unit of time; allowed: s, min, h, d, w");
    return false;
}

/* The freshness that the contract promises for this table. */
static void read_freshness(struct cup_contract_work *work, const struct cup_yaml_node *node,
                           struct cup_catalog_table *table, const char *table_name)
{
    const struct cup_yaml_node *list    = cup_yaml_find(work->yaml.root, "slaProperties");
    struct cup_catalog_dataset  dataset = {.kind = CUP_DATASET_FRESHNESS, .least = -INFINITY};

    for (uint32_t i = 0; list != NULL && list->kind == CUP_YAML_LIST && i < list->count; i++) {
        const struct cup_yaml_node *sla = list->children[i];
        if (sla->kind != CUP_YAML_MAP) continue;
        const char *property = cup_contract_priv_text(work, sla, "property", false);
        const char *element  = cup_contract_priv_text(work, sla, "element", false);
        if (property == NULL || !is_freshness(property)) continue;
        if (element != NULL && !names_table(element, table_name)) continue;
        if (!seconds_of(work, sla, &dataset.most)) return;
        dataset.id     = make_id(work, table_name, property);
        dataset.action = action_of(work, NULL, node, CUP_ACTION_WARN);
        add(work, sla, table, &dataset);
    }
}

void cup_contract_priv_datasets(struct cup_contract_work *work, const struct cup_yaml_node *node,
                                struct cup_catalog_table *table, const char *table_name)
{
    const struct cup_yaml_node *quality = cup_yaml_find(node, "quality");

    read_freshness(work, node, table, table_name);
    if (quality == NULL) return;
    if (quality->kind != CUP_YAML_LIST) {
        cup_contract_priv_fail(work, quality, "quality", "must be a list");
        return;
    }
    for (uint32_t i = 0; i < quality->count; i++)
        read_check(work, quality->children[i], node, table, table_name);
}

/* Whether an element names a table of the contract, alone or with _ts. */
static bool is_known_element(const struct cup_yaml_node *schema, const char *elements)
{
    for (uint32_t i = 0; schema != NULL && schema->kind == CUP_YAML_LIST && i < schema->count;
         i++) {
        const struct cup_yaml_node *table = schema->children[i];
        if (table->kind != CUP_YAML_MAP) continue;
        const struct cup_yaml_node *name = cup_yaml_find(table, "name");
        if (name != NULL && name->kind == CUP_YAML_SCALAR && names_table(elements, name->text))
            return true;
    }
    return false;
}

void cup_contract_priv_sla(struct cup_contract_work *work)
{
    const struct cup_yaml_node *list   = cup_yaml_find(work->yaml.root, "slaProperties");
    const struct cup_yaml_node *schema = cup_yaml_find(work->yaml.root, "schema");

    if (list == NULL) return;
    if (list->kind != CUP_YAML_LIST) {
        cup_contract_priv_fail(work, list, "slaProperties", "must be a list");
        return;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        const struct cup_yaml_node *sla = list->children[i];
        if (!cup_contract_priv_map(work, sla, "slaProperties")) continue;
        const char *property = cup_contract_priv_text(work, sla, "property", true);
        const char *element  = cup_contract_priv_text(work, sla, "element", false);
        if (property == NULL) continue;
        if (is_freshness(property) && (element == NULL || is_known_element(schema, element)))
            continue;
        cup_contract_priv_unchecked(work, sla, "slaProperties", property,
                                    is_freshness(property)
                                        ? "element is no table of this contract, nor its _ts"
                                        : "is no property of the records of an epoch");
    }
}
