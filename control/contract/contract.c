// SPDX-License-Identifier: Apache-2.0
#include "control/contract/contract.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "control/contract/contract_priv.h"
#include "control/contract/declare.h"
#include "control/schema/names.h"

#define SUFFIX    ".odcs.yaml"
#define API_FRONT "v3."

enum custom {
#define CUP_CUSTOM(id, place, property, words, text) CUSTOM_##id,
#include "control/contract/odcs.def"
#undef CUP_CUSTOM
    CUSTOM_COUNT
};
static const struct cup_contract_custom customs[CUSTOM_COUNT] = {
#define CUP_CUSTOM(id, place, property, words, text)                                               \
    {property, words, text, CUP_PLACE_##place == CUP_PLACE_COLUMN,                                 \
     CUP_PLACE_##place == CUP_PLACE_QUALITY},
#include "control/contract/odcs.def"
#undef CUP_CUSTOM
};

/* What the customProperties of a table or column say; NULL: nothing. */
struct said {
    const char                 *values[CUSTOM_COUNT];
    const struct cup_yaml_node *nodes[CUSTOM_COUNT];
};

uint32_t cup_contract_custom_count(void)
{
    return CUSTOM_COUNT;
}

const struct cup_contract_custom *cup_contract_custom_row(uint32_t index)
{
    CUP_ASSERT(index < CUSTOM_COUNT);
    return &customs[index];
}

/* --- customProperties --- */

/* A property's value; an unquoted null is the mask null. */
static const char *value_of(struct cup_contract_work *work, const struct cup_yaml_node *node,
                            int custom)
{
    const struct cup_yaml_node *value = cup_yaml_find(node, "value");

    if (custom == CUSTOM_MASK && value != NULL && value->is_null) return "null";
    return cup_contract_priv_text(work, node, "value", true);
}

static void take_custom(struct cup_contract_work *work, bool of_column,
                        const struct cup_yaml_node *node, struct said *said)
{
    if (!cup_contract_priv_map(work, node, "customProperties")) return;
    const char *property = cup_contract_priv_text(work, node, "property", true);
    if (property == NULL) return;
    for (int i = 0; i < CUSTOM_COUNT; i++) {
        if (customs[i].of_column != of_column || customs[i].of_quality) continue;
        if (strcmp(customs[i].property, property) == 0) {
            said->values[i] = value_of(work, node, i);
            said->nodes[i]  = node;
            return;
        }
    }
    for (int i = 0; i < CUSTOM_COUNT; i++) { /* a property of the owner's; but not a misspelt one */
        if (customs[i].of_quality) continue;
        bool misplaced = strcmp(customs[i].property, property) == 0;
        if (!misplaced && !cup_names_near(property, customs[i].property)) continue;
        cup_yaml_at(&work->yaml, node, work->says);
        if (misplaced)
            cup_text_printf(work->says, "%s: belongs to a %s\n", property,
                            of_column ? "table, not to a column" : "column, not to a table");
        else
            cup_text_printf(work->says, "%s: did you mean %s?\n", property, customs[i].property);
        work->failed = true;
        return;
    }
}

static struct said customs_of(struct cup_contract_work *work, const struct cup_yaml_node *map,
                              bool of_column)
{
    const struct cup_yaml_node *list = cup_yaml_find(map, "customProperties");
    struct said                 said = {0};

    if (list == NULL) return said;
    if (list->kind != CUP_YAML_LIST) {
        cup_contract_priv_fail(work, list, "customProperties",
                               "must be a list; allowed: - {property: .., value: ..}");
        return said;
    }
    for (uint32_t i = 0; i < list->count; i++)
        take_custom(work, of_column, list->children[i], &said);
    return said;
}

/* The place of the property's value among its words; `otherwise` when it says nothing. */
static uint32_t word_of(struct cup_contract_work *work, const struct said *said, enum custom custom,
                        uint32_t otherwise)
{
    const char *word = customs[custom].words, *value = said->values[custom];

    for (uint32_t i = 0; value != NULL && word != NULL; i++) {
        size_t bytes = strcspn(word, " ");
        if (strlen(value) == bytes && memcmp(word, value, bytes) == 0) return i;
        word = strstr(word, " | ");
        if (word != NULL) word += 3;
    }
    if (value == NULL) return otherwise;
    cup_yaml_at(&work->yaml, said->nodes[custom], work->says);
    cup_text_printf(work->says, "%s: \"%s\" is not known; allowed: %s\n", customs[custom].property,
                    value, customs[custom].words);
    work->failed = true;
    return otherwise;
}

/* --- columns --- */

static uint32_t position_of(struct cup_contract_work *work, const struct cup_yaml_node *node,
                            const char *key)
{
    const char *text = cup_contract_priv_text(work, node, key, false);
    char       *end;

    if (text == NULL || strcmp(text, "-1") == 0) return 0; /* -1 is the standard's "none" */
    errno              = 0;
    unsigned long some = strtoul(text, &end, 10);
    if (*text == '-' || *end != '\0' || errno != 0 || some < 1 || some > CUP_PLAN_COLUMNS_MAX) {
        cup_contract_priv_fail(work, cup_yaml_find(node, key), key,
                               "is no place; allowed: 1, 2, 3, ...");
        return 0;
    }
    return (uint32_t)some;
}

static void check_logical_type(struct cup_contract_work *work, const struct cup_yaml_node *node)
{
    static const char *const allowed[] = {"string",  "date",   "timestamp", "time",   "number",
                                          "integer", "object", "array",     "boolean"};
    const char              *text      = cup_contract_priv_text(work, node, "logicalType", false);

    if (text == NULL) return;
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        if (strcmp(allowed[i], text) == 0) return;
    }
    cup_contract_priv_fail(
        work, cup_yaml_find(node, "logicalType"), "logicalType",
        "is not known; allowed: string, date, timestamp, time, number, integer, object, array, "
        "boolean");
}

/* What the contract says of the values beside their type and encoding. */
static void read_declared(struct cup_contract_work *work, const char *name, const struct said *said,
                          struct cup_catalog_column *column)
{
    const char *labels = said->values[CUSTOM_ENUM_VALUES];

    for (int i = 0; i < CUSTOM_COUNT; i++) {
        struct cup_text why = {0};
        if (!customs[i].of_column ||
            cup_declare_apply(customs[i].property, said->values[i], &column->is, &why))
            continue;
        cup_yaml_at(&work->yaml, said->nodes[i], work->says);
        cup_text_printf(work->says, "column %s: %s\n", name, why.failed ? "is wrong" : why.at);
        cup_text_free(&why);
        work->failed = true;
    }
    if (labels != NULL && strstr(labels, "\\,") != NULL)
        column->is.options |= CUP_MEMBER_LABEL_COMMA;
    column->standard = said->values[CUSTOM_SOURCE_DEFAULT];
}

static bool read_type(struct cup_contract_work *work, const struct cup_yaml_node *node,
                      const char *name, const struct said *said, struct cup_catalog_column *column)
{
    const struct cup_sqltype_hints hints = {.wire  = said->values[CUSTOM_WIRE],
                                            .scale = said->values[CUSTOM_SCALE],
                                            .zone  = said->values[CUSTOM_ZONE]};
    const char     *physical             = cup_contract_priv_text(work, node, "physicalType", true);
    struct cup_text why                  = {0};

    if (said->values[CUSTOM_GENERATED] != NULL)
        column->generated = word_of(work, said, CUSTOM_GENERATED, 0) == 1 ? CUP_GENERATED_UNSET
                                                                          : CUP_GENERATED_NULL;
    if (physical == NULL) return false;
    bool good = cup_sqltype_parse(physical, &hints, &column->is, &why);
    if (!good) {
        const struct cup_yaml_node *at = said->nodes[CUSTOM_WIRE] != NULL
                                             ? said->nodes[CUSTOM_WIRE]
                                             : cup_yaml_find(node, "physicalType");
        cup_yaml_at(&work->yaml, at, work->says);
        cup_text_printf(work->says, "column %s: %s\n", name, why.failed ? "is wrong" : why.at);
        work->failed = true;
    }
    cup_text_free(&why);
    return good;
}

/* The column's own mask, or that of its classification. */
static void read_mask(struct cup_contract_work *work, const struct cup_yaml_node *node,
                      const struct said *said, struct cup_catalog_column *column)
{
    const char     *classification = cup_contract_priv_text(work, node, "classification", false);
    const char     *own            = said->values[CUSTOM_MASK];
    struct cup_text why            = {0};

    for (uint32_t i = 0; own == NULL && classification != NULL && i < work->catalog->mask_count;
         i++)
        if (strcmp(work->catalog->masks[i].classification, classification) == 0)
            column->mask = work->catalog->masks[i].choice;
    bool good = own == NULL || cup_mask_parse(own, &column->mask, &why);
    good      = good && cup_mask_fits(&column->mask, &column->is, column->key_place > 0, &why);
    if (!good) {
        const struct cup_yaml_node *at =
            own != NULL ? said->nodes[CUSTOM_MASK] : cup_yaml_find(node, "classification");
        cup_yaml_at(&work->yaml, at, work->says);
        cup_text_printf(work->says, "column %s: %s: %s\n", column->name,
                        own != NULL ? "mask" : "classification (masks of pipeline.yaml)",
                        why.failed ? "is wrong" : why.at);
        work->failed = true;
    }
    cup_text_free(&why);
}

/* partitioned, partitionKeyPosition: only what every row of a key has can name its folder. */
static void read_partition(struct cup_contract_work *work, const struct cup_yaml_node *node,
                           struct cup_catalog_table *table, struct cup_catalog_column *column)
{
    uint32_t                    position = position_of(work, node, "partitionKeyPosition");
    const struct cup_yaml_node *at       = cup_yaml_find(node, "partitioned");

    if (!cup_contract_priv_bool(work, node, "partitioned")) return;
    if (column->key_place == 0)
        cup_contract_priv_fail(
            work, at, "partitioned",
            "the column is not in the key: changes of one key would be in several partitions; "
            "allowed: columns with primaryKey: true, or partitionBy: _date for the table");
    else if (!cup_plan_partition_type(cup_mask_stored(&column->mask, &column->is).type))
        cup_contract_priv_fail(
            work, at, "partitioned",
            "not all engines read partition values of this type; allowed: columns of text, "
            "integers, booleans, dates and timestamps with time zone");
    else if (strlen(column->name) > CUP_PLAN_PARTITION_NAME_MAX)
        cup_contract_priv_fail(work, at, "partitioned",
                               "the column's name is too long for folders; allowed: 64 bytes");
    table->partition_count++;
    column->partition_place = position > 0 ? position : table->partition_count;
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].partition_place == column->partition_place)
            cup_contract_priv_fail(work, at, "partitionKeyPosition",
                                   "two columns have one place; give each its own");
    }
}

static void read_column(struct cup_contract_work *work, const struct cup_yaml_node *node,
                        struct cup_catalog_table *table, const char *table_name)
{
    struct cup_catalog_column column = {.declared = true};

    if (!cup_contract_priv_map(work, node, "properties")) return;
    const char *name = cup_contract_priv_text(work, node, "name", true);
    if (name == NULL) return;
    const char *member      = cup_contract_priv_text(work, node, "physicalName", false);
    const char *description = cup_contract_priv_text(work, node, "description", false);
    column.name             = cup_names_column(work->keep, name);
    column.member           = member == NULL ? name : member;
    column.comment          = description == NULL ? "" : description;
    column.required         = cup_contract_priv_bool(work, node, "required");
    bool     is_key         = cup_contract_priv_bool(work, node, "primaryKey");
    uint32_t position       = position_of(work, node, "primaryKeyPosition");
    check_logical_type(work, node);
    const struct said said  = customs_of(work, node, true);
    bool              typed = read_type(work, node, name, &said, &column);
    if (typed) read_declared(work, name, &said, &column);
    if (typed) cup_contract_priv_rules(work, node, table, &column, table_name);
    if (is_key) column.key_place = position > 0 ? position : table->key_count + 1;
    table->key_count += is_key;
    if (typed) read_mask(work, node, &said, &column);
    read_partition(work, node, table, &column);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct cup_catalog_column *other    = &table->columns[i];
        bool                             same_key = is_key && other->key_place == column.key_place;
        if (!same_key && !cup_names_equal(other->name, column.name)) continue;
        cup_yaml_at(&work->yaml, node, work->says);
        cup_text_printf(work->says, "columns %s and %s have one %s\n", other->member, column.member,
                        same_key ? "place in the key" : "name in the table");
        work->failed = true;
    }
    table->columns[table->column_count++] = column;
}

/* --- tables --- */

/* Names as they stand in the records. physicalName may be schema.table. */
static void read_names(struct cup_contract_work *work, const struct cup_yaml_node *node,
                       const char *name, const struct said *said, struct cup_catalog_table *table)
{
    const char *physical = cup_contract_priv_text(work, node, "physicalName", false);
    const char *full     = physical == NULL ? name : physical;
    const char *dot      = strrchr(full, '.');
    const char *schema   = said->values[CUSTOM_SOURCE_SCHEMA];
    const char *own      = said->values[CUSTOM_SOURCE_TABLE];
    bool        split    = own == NULL && schema == NULL && physical != NULL && dot != NULL;

    table->source_table  = own != NULL ? own : split ? dot + 1 : full;
    table->source_schema = schema != NULL ? schema
                           : split        ? cup_keep_text(work->keep, full, (size_t)(dot - full))
                                          : "";
    table->source_name   = said->values[CUSTOM_SOURCE_NAME];
    table->source_db     = said->values[CUSTOM_SOURCE_DATABASE];
    if (table->source_name == NULL) table->source_name = "";
    if (table->source_db == NULL) table->source_db = "";
    if (*table->source_schema == '\0' && *table->source_db == '\0')
        cup_contract_priv_fail(
            work, node, name,
            "nothing says which schema it is in; allowed: physicalName: schema.table, or "
            "customProperties sourceSchema or (MySQL, MariaDB) sourceDatabase");
    if (*table->source_name == '\0' && work->catalog->source == NULL)
        cup_contract_priv_fail(
            work, node, name,
            "nothing names its source; allowed: source: in pipeline.yaml (or --source), or "
            "customProperties sourceName");
}

/* How records find the table, and what they leave open. */
static void settle_rules(struct cup_contract_work *work, const struct said *said,
                         struct cup_catalog_table *table)
{
    static const uint8_t missing[] = {CUP_MISSING_QUARANTINE, CUP_MISSING_NULL, CUP_MISSING_KEEP,
                                      CUP_MISSING_FORMAT};

    table->missing          = missing[word_of(work, said, CUSTOM_MISSING, 3)];
    table->truncate_applies = word_of(work, said, CUSTOM_TRUNCATE, 0) == 1;
    table->topic            = said->values[CUSTOM_TOPIC] == NULL ? "" : said->values[CUSTOM_TOPIC];
    for (uint32_t i = 0;
         *table->topic != '\0' && work->catalog != NULL && i < work->catalog->table_count; i++) {
        if (strcmp(work->catalog->tables[i].topic, table->topic) != 0) continue;
        cup_yaml_at(&work->yaml, said->nodes[CUSTOM_TOPIC], work->says);
        cup_text_printf(work->says,
                        "topic: \"%s\" is claimed by %s too; records of one topic that do not "
                        "name their table cannot be told apart\n",
                        table->topic, work->catalog->tables[i].path);
        work->failed = true;
    }
}

/* With whole images the source sends every value. */
static void unhide(struct cup_shape_type *is)
{
    is->unavailable = 0;
    is->options &= ~(uint32_t)CUP_MEMBER_NULL_MAY_BE_UNSET;
}

/* Values that are null when they did not change, and a contract that does not know it. */
static void check_hidden(struct cup_contract_work *work, const struct cup_yaml_node *columns,
                         const struct cup_catalog_table *table)
{
    if (work->failed || table->images == CUP_IMAGES_FULL) return;
    for (uint32_t i = 0; i < columns->count; i++) {
        const struct cup_yaml_node *node = columns->children[i];
        struct cup_text             why  = {0};
        if (!cup_declare_check(cup_contract_priv_text(work, node, "physicalType", true),
                               &table->columns[i].is, &why)) {
            cup_contract_priv_fail(work, cup_yaml_find(node, "physicalType"),
                                   table->columns[i].name, why.failed ? "is wrong" : why.at);
            cup_text_free(&why);
        }
    }
}

static void settle_images(struct cup_contract_work *work, const struct said *said,
                          struct cup_catalog_table *table)
{
    bool full = word_of(work, said, CUSTOM_REPLICA_IDENTITY, 0) == 1;

    /* without a key only whole rows can be named */
    if (said->values[CUSTOM_REPLICA_IDENTITY] == NULL) full = table->key_count == 0;
    table->images       = full ? CUP_IMAGES_FULL : CUP_IMAGES_KEY_ONLY;
    table->write_before = word_of(work, said, CUSTOM_IMAGES, 0) == 1;
    for (uint32_t i = 0; full && i < table->column_count; i++)
        unhide(&table->columns[i].is);
}

/* What the pipeline does about drift, unless the table says otherwise. */
static void settle_drift(struct cup_contract_work *work, const struct said *said,
                         struct cup_catalog_table *table)
{
    table->drift = work->catalog == NULL ? cup_drift_default() : work->catalog->drift;
    for (int i = 0; i < CUSTOM_COUNT; i++) {
        enum cup_change change = cup_change_of_property(customs[i].property);
        if (change == CUP_CHANGE_COUNT || said->values[i] == NULL) continue;
        if (cup_drift_parse(change, said->values[i], &table->drift.of[change])) continue;
        cup_yaml_at(&work->yaml, said->nodes[i], work->says);
        cup_text_printf(work->says, "%s: \"%s\" is not known; allowed: %s\n", customs[i].property,
                        said->values[i], customs[i].words);
        work->failed = true;
    }
}

/* The partition column with the least place behind `after`; NULL: none. */
static const struct cup_catalog_column *next_partition(const struct cup_catalog_table *table,
                                                       uint32_t                        after)
{
    const struct cup_catalog_column *next = NULL;

    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct cup_catalog_column *column = &table->columns[i];
        if (column->partition_place <= after) continue;
        if (next == NULL || column->partition_place < next->partition_place) next = column;
    }
    return next;
}

/* By their places; the day comes first: what is deleted together lies together. */
static void settle_partitions(struct cup_contract_work *work, const struct cup_yaml_node *node,
                              const struct said *said, struct cup_catalog_table *table)
{
    const char                      *by     = said->values[CUSTOM_PARTITION_BY];
    const struct cup_catalog_column *column = next_partition(table, 0);

    table->partition_count = 0;
    if (by != NULL && strcmp(by, cup_date_field()->name) == 0) {
        table->partitions[table->partition_count++] = by;
    } else if (by != NULL) {
        cup_yaml_at(&work->yaml, said->nodes[CUSTOM_PARTITION_BY], work->says);
        cup_text_printf(work->says, "partitionBy: \"%s\" is not known; allowed: %s\n", by,
                        customs[CUSTOM_PARTITION_BY].words);
        work->failed = true;
    }
    for (; column != NULL; column = next_partition(table, column->partition_place)) {
        if (table->partition_count == CUP_PLAN_PARTITIONS_MAX) {
            cup_contract_priv_fail(work, node, "partitioned",
                                   "too many; allowed: 4 partition columns of a table");
            return;
        }
        table->partitions[table->partition_count++] = column->name;
    }
}

static void keep_table(struct cup_contract_work *work, const struct cup_yaml_node *node,
                       const struct cup_catalog_table *table)
{
    struct cup_contract_file *file = work->file;

    file->tables = cup_keep_grow(work->keep, file->tables, file->table_count, &file->table_cap,
                                 sizeof(*file->tables));
    file->tables[file->table_count++] = (struct cup_contract_table){.node = node, .table = *table};
}

static void read_table(struct cup_contract_work *work, const struct cup_yaml_node *node)
{
    struct cup_catalog_table table = {.contracted = true};
    struct cup_text          why   = {0};

    if (!cup_contract_priv_map(work, node, "schema")) return;
    const char                 *name    = cup_contract_priv_text(work, node, "name", true);
    const struct cup_yaml_node *columns = cup_yaml_find(node, "properties");
    const struct said           said    = customs_of(work, node, false);
    if (name == NULL) return;
    const char *description = cup_contract_priv_text(work, node, "description", false);
    table.description       = description == NULL ? "" : description;
    read_names(work, node, name, &said, &table);
    if (columns == NULL || columns->kind != CUP_YAML_LIST || columns->count == 0 ||
        columns->count > CUP_PLAN_COLUMNS_MAX) {
        cup_contract_priv_fail(work, columns == NULL ? node : columns, "properties",
                               "must be a list of 1 to 2000 columns");
        return;
    }
    table.columns = cup_keep_bytes(work->keep, columns->count * sizeof(*table.columns));
    for (uint32_t i = 0; i < columns->count; i++)
        read_column(work, columns->children[i], &table, name);
    cup_contract_priv_unique(work, node, &table, name);
    cup_contract_priv_datasets(work, node, &table, name);
    settle_images(work, &said, &table);
    check_hidden(work, columns, &table);
    settle_rules(work, &said, &table);
    settle_drift(work, &said, &table);
    settle_partitions(work, node, &said, &table);
    if (work->failed) return;
    if (work->file != NULL) {
        keep_table(work, node, &table);
        return;
    }
    if (cup_catalog_declare(work->catalog, &table, &why) != CUP_OK)
        cup_contract_priv_fail(work, node, name,
                               why.failed || why.at == NULL ? "cannot be used" : why.at);
    cup_text_free(&why);
}

static void read_contract(struct cup_contract_work *work)
{
    const struct cup_yaml_node *root   = work->yaml.root;
    const struct cup_yaml_node *schema = cup_yaml_find(root, "schema");

    if (!cup_contract_priv_map(work, root, "contract")) return;
    const char *version = cup_contract_priv_text(work, root, "apiVersion", true);
    const char *kind    = cup_contract_priv_text(work, root, "kind", true);
    if (version != NULL && strncmp(version, API_FRONT, strlen(API_FRONT)) != 0)
        cup_contract_priv_fail(
            work, cup_yaml_find(root, "apiVersion"), "apiVersion",
            "is another version of the standard; allowed: v3.1.0 and others that begin with v3.");
    if (kind != NULL && strcmp(kind, "DataContract") != 0)
        cup_contract_priv_fail(work, cup_yaml_find(root, "kind"), "kind",
                               "is not known; allowed: DataContract");
    (void)cup_contract_priv_text(work, root, "id",
                                 true); /* the standard wants them, cupel does not use them */
    (void)cup_contract_priv_text(work, root, "version", true);
    (void)cup_contract_priv_text(work, root, "status", true);
    if (schema == NULL || schema->kind != CUP_YAML_LIST || schema->count == 0) {
        cup_contract_priv_fail(work, schema == NULL ? root : schema, "schema",
                               "must be a list of tables");
        return;
    }
    for (uint32_t i = 0; i < schema->count; i++)
        read_table(work, schema->children[i]);
    cup_contract_priv_sla(work);
}

static bool load_file(struct cup_catalog *catalog, const char *path, struct cup_text *says)
{
    struct cup_contract_work work  = {.catalog = catalog, .keep = catalog->keep, .says = says};
    size_t                   bytes = strlen(path), suffix = strlen(SUFFIX);

    if (bytes < suffix || strcmp(path + bytes - suffix, SUFFIX) != 0) {
        cup_text_printf(says, "%s: would not be read; name it so that it ends in " SUFFIX "\n",
                        path);
        return false;
    }
    path = cup_keep_string(catalog->keep, path);
    if (cup_yaml_load(catalog->keep, path, false, &work.yaml, says) != CUP_OK) return false;
    cup_contract_priv_keys(&work);
    read_contract(&work);
    return !work.failed;
}

/* Files below a folder, sorted; none is no failure. */
static bool find_files(const char *folder, const char *pattern, glob_t *names,
                       struct cup_text *says)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", folder, pattern) >= PATH_MAX) {
        cup_text_printf(says, "%s: the path is too long\n", folder);
        return false;
    }
    int err = glob(path, 0, NULL, names);
    if (err == GLOB_NOMATCH) names->gl_pathc = 0;
    if (err == 0 || err == GLOB_NOMATCH) return true;
    names->gl_pathc = 0;
    cup_text_printf(says, "%s: cannot be read\n", path);
    return false;
}

enum cup_err cup_contract_load(struct cup_catalog *catalog, const char *folder,
                               struct cup_text *says)
{
    glob_t names = {0};
    bool   good  = true;

    CUP_ASSERT(folder != NULL);
    if (!find_files(folder, "contracts/*.y*ml", &names, says)) good = false;
    for (size_t i = 0; i < names.gl_pathc; i++)
        good &= load_file(catalog, names.gl_pathv[i], says);
    globfree(&names);
    return good ? CUP_OK : CUP_BAD_CONFIG;
}

/* --- for tools --- */

static enum cup_err read_file(struct cup_keep *keep, const char *path,
                              struct cup_contract_file *out_file, struct cup_text *says)
{
    struct cup_contract_file file = {0};
    struct cup_catalog       none = {.keep = keep, .lake = "", .domain = "", .source = ""};
    struct cup_contract_work work = {.catalog = &none, .file = &file, .keep = keep, .says = says};
    enum cup_err err = cup_yaml_load(keep, cup_keep_string(keep, path), false, &work.yaml, says);

    if (err != CUP_OK) return err;
    cup_contract_priv_keys(&work);
    read_contract(&work);
    file.yaml = work.yaml;
    *out_file = file;
    return CUP_OK;
}

static enum cup_err read_folder(struct cup_keep *keep, const char *folder, const char *pattern,
                                struct cup_contract_file **out_files, uint32_t *out_count,
                                struct cup_text *says)
{
    struct cup_contract_file *files = NULL;
    glob_t                    names = {0};
    enum cup_err              err   = CUP_OK;

    if (!find_files(folder, pattern, &names, says)) err = CUP_IO;
    files = cup_keep_bytes(keep, (names.gl_pathc + 1) * sizeof(*files));
    for (size_t i = 0; err == CUP_OK && i < names.gl_pathc; i++)
        err = read_file(keep, names.gl_pathv[i], &files[i], says);
    if (err == CUP_OK) {
        *out_files = files;
        *out_count = (uint32_t)names.gl_pathc;
    }
    globfree(&names);
    return err;
}

enum cup_err cup_contract_read(struct cup_keep *keep, const char *path,
                               struct cup_contract_file **out_files, uint32_t *out_count,
                               struct cup_text *says)
{
    struct stat status;

    CUP_ASSERT(path != NULL && out_files != NULL);
    if (stat(path, &status) != 0) {
        cup_text_printf(says, "%s: %s\n", path, strerror(errno));
        return CUP_NOT_FOUND;
    }
    if (!S_ISDIR(status.st_mode)) {
        struct cup_contract_file *file = cup_keep_bytes(keep, sizeof(*file));
        enum cup_err              err  = read_file(keep, path, file, says);
        if (err != CUP_OK) return err;
        *out_files = file;
        *out_count = 1;
        return CUP_OK;
    }
    uint32_t     count = 0;
    enum cup_err err   = read_folder(keep, path, "contracts/*.y*ml", out_files, &count, says);
    if (err == CUP_OK && count == 0)
        err = read_folder(keep, path, "*" SUFFIX, out_files, &count, says);
    if (err != CUP_OK) return err;
    if (count == 0) {
        cup_text_printf(says, "%s: there is no contract (contracts/*" SUFFIX " or *" SUFFIX ")\n",
                        path);
        return CUP_NOT_FOUND;
    }
    *out_count = count;
    return CUP_OK;
}
