// SPDX-License-Identifier: Apache-2.0
#include "control/schema/catalog.h"

#include <string.h>

#include "control/schema/catalog_priv.h"
#include "control/schema/existing.h"
#include "control/schema/merge_priv.h"
#include "control/schema/names.h"

/* Learning one schema keeps its text, its lists and a draft of its table. */
#define LEARN_BYTES(text_bytes)                                                                    \
    ((text_bytes)*4 + 8u * CUP_PLAN_COLUMNS_MAX * sizeof(struct cup_catalog_column) + (4u << 20))

/* What a contract leaves open matches any. */
static bool names_match(const char *declared, const char *seen)
{
    if (*seen == '\0') return true; /* not every format tells it */
    return *declared == '\0' || strcmp(declared, seen) == 0;
}

struct cup_catalog_table *cup_catalog_priv_table(const struct cup_catalog         *catalog,
                                                 const struct cup_catalog_unknown *unknown)
{
    for (uint32_t i = 0; i < catalog->table_count; i++) {
        struct cup_catalog_table *table = &catalog->tables[i];
        if (names_match(table->source_name, unknown->source_name) &&
            names_match(table->source_db, unknown->source_db) &&
            strcmp(table->source_schema, unknown->source_schema) == 0 &&
            strcmp(table->source_table, unknown->source_table) == 0)
            return table;
    }
    return NULL;
}

static struct cup_catalog_schema *find_schema(const struct cup_catalog *catalog, const char *text,
                                              uint32_t table)
{
    size_t bytes = strlen(text);

    for (uint32_t i = 0; i < catalog->schema_count; i++) {
        struct cup_catalog_schema *schema = &catalog->schemas[i];
        if (schema->table == table && schema->text_bytes == bytes &&
            memcmp(schema->text, text, bytes) == 0)
            return schema;
    }
    return NULL;
}

static const char *table_path(struct cup_catalog *catalog, const struct cup_catalog_table *table)
{
    const char *source   = catalog->source != NULL ? catalog->source : table->source_name;
    const char *schema   = *table->source_schema != '\0' ? table->source_schema : table->source_db;
    struct cup_text text = {0};

    cup_text_printf(&text, "%s/silver/%s/%s/%s", catalog->domain,
                    cup_names_folder(catalog->keep, source),
                    cup_names_folder(catalog->keep, schema),
                    cup_names_folder(catalog->keep, table->source_table));
    CUP_ASSERT(!text.failed);
    const char *path = cup_keep_text(catalog->keep, text.at, text.bytes);
    cup_text_free(&text);
    return path;
}

void cup_catalog_priv_put_table(struct cup_text *says, const struct cup_catalog_table *table)
{
    const char *parts[] = {table->source_name, table->source_db, table->source_schema,
                           table->source_table};

    for (uint32_t i = 0, put = 0; i < 4; i++) {
        if (*parts[i] != '\0') cup_text_printf(says, "%s%s", put++ > 0 ? "." : "", parts[i]);
    }
}

struct cup_drift_policy cup_catalog_priv_policy(const struct cup_catalog       *catalog,
                                                const struct cup_catalog_table *table)
{
    return table != NULL && table->contracted ? table->drift : catalog->drift;
}

void cup_catalog_priv_put_halt(struct cup_text *says, const struct cup_catalog_unknown *unknown,
                               enum cup_change change)
{
    const struct cup_change_row *row = cup_change_row(change);

    cup_text_printf(says,
                    "the run ends before topic %s, partition %d, offset %lld: what came before is "
                    "in the lake, this record is not\n",
                    unknown->topic, unknown->partition, (long long)unknown->offset);
    if (*row->name == '\0') return;
    cup_text_printf(says, "to go on from there: drift.%s in pipeline.yaml", row->name);
    if (*row->property != '\0')
        cup_text_printf(says, ", or %s in the table's contract", row->property);
    cup_text_printf(says, "; allowed: %s\n", row->words);
}

uint32_t cup_catalog_priv_slot(struct cup_catalog *catalog, const char *path, const char *member)
{
    for (uint32_t i = 0; i < catalog->ignored_count; i++) {
        const struct cup_catalog_ignored *one = &catalog->ignored[i];
        if (strcmp(one->path, path) == 0 && strcmp(one->member, member) == 0) return i;
    }
    if (catalog->ignored_count == CUP_PLAN_IGNORED_SLOTS - 1) return CUP_PLAN_IGNORED_SLOTS - 1;
    catalog->ignored[catalog->ignored_count] =
        (struct cup_catalog_ignored){.path = path, .member = member};
    return catalog->ignored_count++;
}

/* Two routes to one folder would mix two tables. */
static bool path_is_free(const struct cup_catalog *catalog, const struct cup_catalog_table *table,
                         struct cup_text *says)
{
    for (uint32_t i = 0; i < catalog->table_count; i++) {
        if (!cup_names_equal(catalog->tables[i].path, table->path)) continue;
        cup_text_puts(says, "tables ");
        cup_catalog_priv_put_table(says, &catalog->tables[i]);
        cup_text_puts(says, " and ");
        cup_catalog_priv_put_table(says, table);
        cup_text_printf(says, " would both be written to %s\n", table->path);
        return false;
    }
    return true;
}

static uint32_t add_table(struct cup_catalog *catalog, const struct cup_catalog_table *table)
{
    CUP_ASSERT(catalog->table_count < CUP_PLAN_TABLES_MAX);
    catalog->tables = cup_keep_grow(catalog->keep, catalog->tables, catalog->table_count,
                                    &catalog->table_cap, sizeof(*catalog->tables));
    catalog->tables[catalog->table_count] = *table;
    return catalog->table_count++;
}

static void add_schema(struct cup_catalog *catalog, const struct cup_catalog_schema *schema)
{
    CUP_ASSERT(catalog->schema_count < CUP_PLAN_SCHEMAS_MAX);
    catalog->schemas = cup_keep_grow(catalog->keep, catalog->schemas, catalog->schema_count,
                                     &catalog->schema_cap, sizeof(*catalog->schemas));
    catalog->schemas[catalog->schema_count++] = *schema;
}

/* What was masked stays empty when no contract says any more how to mask it. */
static struct cup_mask_choice mask_of_lake(const char *comment)
{
    bool masked = strstr(comment, CUP_MASK_MARK) != NULL;

    return (struct cup_mask_choice){.mask = masked ? CUP_MASK_NULL : CUP_MASK_NONE};
}

/* The columns that earlier runs wrote, in their order. */
static enum cup_err take_existing(struct cup_catalog *catalog, struct cup_catalog_table *table,
                                  struct cup_text *says)
{
    struct cup_shape_member *existing = NULL;
    uint32_t                 count    = 0;
    enum cup_err             err =
        cup_existing_load(catalog->keep, catalog->lake, table->path, &existing, &count, says);

    if (err != CUP_OK) return err;
    if (count > CUP_PLAN_COLUMNS_MAX) {
        cup_text_printf(says, "table %s has %u columns; at most %u are allowed\n", table->path,
                        count, CUP_PLAN_COLUMNS_MAX);
        return CUP_UNSUPPORTED;
    }
    for (uint32_t i = 0; i < count; i++)
        *cup_merge_priv_add(catalog->keep, table) =
            (struct cup_catalog_column){.name    = existing[i].name,
                                        .comment = existing[i].comment,
                                        .member  = "",
                                        .is      = existing[i].is,
                                        .mask    = mask_of_lake(existing[i].comment)};
    return CUP_OK;
}

/* --- contracts --- */

static bool same_declared(const struct cup_catalog_table *draft, uint32_t existing_count,
                          const struct cup_catalog_column *column, uint32_t *out_index,
                          struct cup_text *says)
{
    struct cup_shape_type stored = cup_mask_stored(&column->mask, &column->is);

    for (uint32_t i = 0; i < existing_count; i++) {
        if (!cup_names_equal(draft->columns[i].name, column->name)) continue;
        if (!cup_shape_same_type(&draft->columns[i].is, &stored)) {
            cup_text_printf(says, "table %s: the contract says that %s is ", draft->path,
                            column->name);
            cup_shape_put_type(says, &stored);
            cup_text_puts(says, column->mask.mask == CUP_MASK_NONE ? "" : " (masked)");
            cup_text_puts(says, ", but the table in the lake has it as ");
            cup_shape_put_type(says, &draft->columns[i].is);
            cup_text_puts(says, "; a type never changes under old files: give the column "
                                "another name in the contract\n");
            return false;
        }
        *out_index = i;
        return true;
    }
    *out_index = UINT32_MAX;
    return true;
}

static bool add_declared(struct cup_catalog *catalog, struct cup_catalog_table *draft,
                         const struct cup_catalog_table *table, struct cup_text *says)
{
    uint32_t existing_count = draft->column_count;

    for (uint32_t i = 0; i < table->column_count; i++) {
        uint32_t index;
        if (!same_declared(draft, existing_count, &table->columns[i], &index, says)) return false;
        if (index == UINT32_MAX && draft->column_count == CUP_PLAN_COLUMNS_MAX) {
            cup_text_printf(says, "table %s would have more than %u columns\n", draft->path,
                            CUP_PLAN_COLUMNS_MAX);
            return false;
        }
        if (index == UINT32_MAX)
            *cup_merge_priv_add(catalog->keep, draft) = table->columns[i];
        else
            draft->columns[index] = table->columns[i];
    }
    return true;
}

/* What records without schema do not say: evolve needs a type, so that it is quarantine here. What
 * is ignored is asked about once a member, so that each is told and counted. */
static void settle_drift(struct cup_catalog_schema *schema, const struct cup_drift_policy *policy)
{
    static const uint8_t unknown[CUP_DRIFT_COUNT] = {
        [CUP_DRIFT_EVOLVE]     = CUP_UNKNOWN_REFUSE,
        [CUP_DRIFT_IGNORE]     = CUP_UNKNOWN_ASK,
        [CUP_DRIFT_QUARANTINE] = CUP_UNKNOWN_REFUSE,
        [CUP_DRIFT_HALT]       = CUP_UNKNOWN_ASK,
    };
    static const uint8_t lost[CUP_DRIFT_COUNT] = {
        [CUP_DRIFT_EVOLVE]     = CUP_LOST_NULL,
        [CUP_DRIFT_IGNORE]     = CUP_LOST_NULL,
        [CUP_DRIFT_QUARANTINE] = CUP_LOST_REFUSE,
        [CUP_DRIFT_HALT]       = CUP_LOST_ASK,
    };

    schema->unknown = unknown[policy->of[CUP_CHANGE_COLUMNS]];
    schema->lost    = lost[policy->of[CUP_CHANGE_MISSING]];
}

enum cup_err cup_catalog_declare(struct cup_catalog *catalog, const struct cup_catalog_table *table,
                                 struct cup_text *says)
{
    struct cup_catalog_table draft = *table;

    CUP_ASSERT(table->column_count > 0);
    CUP_ASSERT(table->contracted);
    draft.columns      = NULL;
    draft.column_count = draft.column_cap = 0;
    draft.path                            = table_path(catalog, table);
    if (!path_is_free(catalog, &draft, says)) return CUP_BAD_CONFIG;
    enum cup_err err = take_existing(catalog, &draft, says);
    if (err != CUP_OK) return err;
    if (!add_declared(catalog, &draft, table, says)) return CUP_BAD_CONFIG;

    struct cup_catalog_schema schema = {.text = "", .table = catalog->table_count};
    schema.fields = cup_keep_bytes(catalog->keep, table->column_count * sizeof(*schema.fields));
    for (uint32_t i = 0; i < draft.column_count; i++) {
        const struct cup_catalog_column *column = &draft.columns[i];
        if (!column->declared) continue;
        schema.fields[schema.field_count++] =
            (struct cup_catalog_field){.member_column = i,
                                       .member        = column->member,
                                       .standard      = column->standard,
                                       .is            = column->is};
    }
    settle_drift(&schema, &table->drift);
    (void)add_table(catalog, &draft); /* its index is schema.table */
    add_schema(catalog, &schema);
    catalog->contract_count++;
    return CUP_OK;
}

/* --- embedded schemas --- */

/* A new table as the record names it, with what the lake has of it. */
static enum cup_catalog_answer open_table(struct cup_catalog               *catalog,
                                          const struct cup_catalog_unknown *unknown,
                                          struct cup_catalog_table         *out_table,
                                          enum cup_outcome *out_outcome, struct cup_text *says)
{
    struct cup_catalog_table table = {
        .source_name   = cup_keep_string(catalog->keep, unknown->source_name),
        .source_db     = cup_keep_string(catalog->keep, unknown->source_db),
        .source_schema = cup_keep_string(catalog->keep, unknown->source_schema),
        .source_table  = cup_keep_string(catalog->keep, unknown->source_table),
        .topic = catalog->metadata == NULL ? "" : cup_keep_string(catalog->keep, unknown->topic),
        .description = ""};

    table.path      = table_path(catalog, &table);
    uint8_t verdict = catalog->drift.of[CUP_CHANGE_TABLES];
    if (verdict == CUP_DRIFT_HALT || verdict == CUP_DRIFT_QUARANTINE) {
        cup_catalog_priv_put_table(says, &table);
        cup_text_printf(says, ": no contract names this table, and drift.tables is %s\n",
                        cup_drift_name((enum cup_drift)verdict));
        *out_outcome = CUP_OUTCOME_UNKNOWN_TABLE;
        if (verdict == CUP_DRIFT_QUARANTINE) return CUP_CATALOG_REFUSE;
        cup_catalog_priv_put_halt(says, unknown, CUP_CHANGE_TABLES);
        return CUP_CATALOG_STOP;
    }
    if (!path_is_free(catalog, &table, says) || catalog->table_count == CUP_PLAN_TABLES_MAX) {
        *out_outcome = CUP_OUTCOME_UNKNOWN_TABLE;
        return CUP_CATALOG_REFUSE;
    }
    if (take_existing(catalog, &table, says) != CUP_OK) return CUP_CATALOG_STOP;
    *out_table = table;
    return CUP_CATALOG_PLAN;
}

/* The schema will not be used: its records go to quarantine. A table that is known can say so in
 * the plan; one that is not has no place there. */
static enum cup_catalog_answer refuse_schema(struct cup_catalog               *catalog,
                                             const struct cup_catalog_unknown *unknown,
                                             uint32_t table, enum cup_outcome *out_outcome)
{
    if (table == UINT32_MAX) {
        *out_outcome = CUP_OUTCOME_SCHEMA_DRIFT;
        return CUP_CATALOG_REFUSE;
    }
    struct cup_catalog_schema schema = {.text = cup_keep_string(catalog->keep, unknown->schema),
                                        .text_bytes = strlen(unknown->schema),
                                        .table      = table,
                                        .quarantine = true};
    add_schema(catalog, &schema);
    return CUP_CATALOG_PLAN;
}

/* What the policy makes of a merge: HALT or QUARANTINE, for *out_change; EVOLVE stands for "take
 * it". */
static enum cup_drift judge(const struct cup_drift_policy *policy, const struct cup_merge *merge,
                            enum cup_change *out_change)
{
    enum cup_drift verdict = CUP_DRIFT_EVOLVE;

    _Static_assert(CUP_DRIFT_HALT > CUP_DRIFT_QUARANTINE, "the strictest is the last");
    for (int i = 0; i < CUP_CHANGE_COUNT; i++) {
        enum cup_drift drift = (enum cup_drift)policy->of[i];
        if (merge->counts[i] == 0 || drift < CUP_DRIFT_QUARANTINE || drift <= verdict) continue;
        verdict     = drift;
        *out_change = (enum cup_change)i;
    }
    return verdict;
}

static void accept_merge(struct cup_catalog *catalog, const struct cup_catalog_unknown *unknown,
                         const struct cup_merge *merge, uint32_t table)
{
    struct cup_catalog_schema schema = {.text = cup_keep_string(catalog->keep, unknown->schema),
                                        .text_bytes  = strlen(unknown->schema),
                                        .table       = table,
                                        .fields      = merge->fields,
                                        .field_count = merge->field_count};

    for (uint32_t i = 0; i < schema.field_count; i++) {
        struct cup_catalog_field *field = &schema.fields[i];
        if (field->member_column == CUP_PLAN_IGNORED)
            field->slot = cup_catalog_priv_slot(catalog, merge->table.path, field->member);
    }
    if (merge->table.images == CUP_IMAGES_FULL) { /* then the source sends every value */
        for (uint32_t i = 0; i < schema.field_count; i++)
            schema.fields[i].is.unavailable = 0;
    }
    if (table == UINT32_MAX)
        schema.table = add_table(catalog, &merge->table);
    else
        catalog->tables[table] = merge->table;
    add_schema(catalog, &schema);
}

static bool parse_shape(struct cup_catalog *catalog, const struct cup_catalog_unknown *unknown,
                        const char *path, struct cup_shape *out_shape, struct cup_text *says)
{
    struct cup_text why = {0};
    enum cup_err    err =
        catalog->metadata == NULL
               ? cup_shape_parse(catalog->keep, unknown->schema, unknown->key_schema,
                                 unknown->connector, out_shape, &why)
               : cup_shape_parse_row(catalog->keep, unknown->schema, unknown->key_schema,
                                     unknown->connector, catalog->metadata, out_shape, &why);

    if (err != CUP_OK)
        cup_text_printf(says, "table %s: %s; its records go to quarantine\n", path,
                        why.failed ? "the schema cannot be read" : why.at);
    cup_text_free(&why);
    return err == CUP_OK;
}

static enum cup_catalog_answer learn_schema(struct cup_catalog               *catalog,
                                            const struct cup_catalog_unknown *unknown,
                                            struct cup_catalog_table         *known,
                                            enum cup_outcome *out_outcome, struct cup_text *says)
{
    uint32_t index = known == NULL ? UINT32_MAX : (uint32_t)(known - catalog->tables);
    struct cup_catalog_table opened;
    struct cup_shape         shape;
    struct cup_merge         merge;
    struct cup_drift_policy  policy = cup_catalog_priv_policy(catalog, known);
    enum cup_change          change = CUP_CHANGE_COLUMNS;

    if (known != NULL) {
        opened = *known;
    } else {
        enum cup_catalog_answer answer = open_table(catalog, unknown, &opened, out_outcome, says);
        if (answer != CUP_CATALOG_PLAN) return answer;
    }
    if (!parse_shape(catalog, unknown, opened.path, &shape, says))
        return refuse_schema(catalog, unknown, index, out_outcome);
    if (!cup_merge_priv_shape(catalog->keep, &opened, &shape, &policy, says, &merge))
        return refuse_schema(catalog, unknown, index, out_outcome);
    enum cup_drift verdict = judge(&policy, &merge, &change);
    if (verdict != CUP_DRIFT_EVOLVE)
        cup_text_printf(says, "the drift policy is %s (drift.%s)\n", cup_drift_name(verdict),
                        cup_change_row(change)->name);
    if (verdict == CUP_DRIFT_HALT) {
        cup_catalog_priv_put_halt(says, unknown, change);
        return CUP_CATALOG_STOP;
    }
    if (verdict == CUP_DRIFT_QUARANTINE) return refuse_schema(catalog, unknown, index, out_outcome);
    if (!cup_merge_priv_key(&merge, &shape, unknown->connector, known == NULL)) {
        cup_text_printf(says,
                        "table %s: the primary key of the records is not the table's; "
                        "this needs a decision of its owner\n",
                        opened.path);
        cup_catalog_priv_put_halt(says, unknown, CUP_CHANGE_KEYS);
        return CUP_CATALOG_STOP;
    }
    accept_merge(catalog, unknown, &merge, index);
    if (known == NULL)
        cup_text_printf(says, "table %s: %u columns, %u of them the key\n", merge.table.path,
                        merge.table.column_count, merge.table.key_count);
    return CUP_CATALOG_PLAN;
}

/* --- members of records without schema --- */

#define IGNORED_FIELDS_MAX 64u /* of a schema; a table with more loses them uncounted by name */

static void ignore_member(struct cup_catalog *catalog, struct cup_catalog_schema *schema,
                          const char *path, const char *member)
{
    uint32_t count = schema->field_count;

    if (schema->ignored_count == IGNORED_FIELDS_MAX || count == CUP_PLAN_COLUMNS_MAX) {
        schema->unknown = CUP_UNKNOWN_IGNORE;
        schema->slot    = cup_catalog_priv_slot(catalog, path, "");
        return;
    }
    struct cup_catalog_field *fields =
        cup_keep_bytes(catalog->keep, (count + 1) * sizeof(*schema->fields));
    memcpy(fields, schema->fields, count * sizeof(*schema->fields));
    fields[count] =
        (struct cup_catalog_field){.member_column = CUP_PLAN_IGNORED,
                                   .member        = member,
                                   .slot          = cup_catalog_priv_slot(catalog, path, member)};
    schema->fields      = fields;
    schema->field_count = count + 1;
    schema->ignored_count++;
}

/* A member that the contract does not know, or one that the record lacks. Several workers may ask
 * about one. */
static enum cup_catalog_answer learn_member(struct cup_catalog               *catalog,
                                            const struct cup_catalog_unknown *unknown,
                                            const struct cup_catalog_table   *table,
                                            struct cup_text                  *says)
{
    bool            missing = unknown->kind == CUP_UNKNOWN_KIND_MISSING;
    enum cup_change change  = missing ? CUP_CHANGE_MISSING : CUP_CHANGE_COLUMNS;

    CUP_ASSERT(table != NULL && table->contracted);
    struct cup_catalog_schema *schema =
        find_schema(catalog, "", (uint32_t)(table - catalog->tables));
    CUP_ASSERT(schema != NULL);
    if (table->drift.of[change] != CUP_DRIFT_IGNORE) {
        cup_text_printf(says, "table %s: %s \"%s\", and drift.%s is halt\n", table->path,
                        missing ? "the record lacks the member"
                                : "the contract has no column for the member",
                        unknown->what, cup_change_row(change)->name);
        cup_catalog_priv_put_halt(says, unknown, change);
        return CUP_CATALOG_STOP;
    }
    for (uint32_t i = 0; i < schema->field_count; i++) {
        if (strcmp(schema->fields[i].member, unknown->what) == 0) return CUP_CATALOG_PLAN;
    }
    if (schema->unknown == CUP_UNKNOWN_IGNORE) return CUP_CATALOG_PLAN;
    ignore_member(catalog, schema, table->path, unknown->what);
    cup_text_printf(says,
                    "table %s: ignored the member \"%s\", first seen in topic %s, partition %d, "
                    "offset %lld; bronze keeps it\n",
                    table->path, unknown->what, unknown->topic, unknown->partition,
                    (long long)unknown->offset);
    return CUP_CATALOG_PLAN;
}

/* Records of one schema that come with another key: the value's schema does not say so. */
static enum cup_catalog_answer learn_key(const struct cup_catalog_unknown *unknown,
                                         const struct cup_catalog_table   *table,
                                         struct cup_text                  *says)
{
    cup_text_printf(says,
                    "table %s: the primary key of the records is not the table's (\"%s\"); this "
                    "needs a decision of its owner: a contract that names the key\n",
                    table == NULL ? unknown->source_table : table->path, unknown->what);
    cup_catalog_priv_put_halt(says, unknown, CUP_CHANGE_KEYS);
    return CUP_CATALOG_STOP;
}

/* No schema in the record, no contract for its table. */
static enum cup_catalog_answer learn_nothing(const struct cup_catalog         *catalog,
                                             const struct cup_catalog_unknown *unknown,
                                             enum cup_outcome *out_outcome, struct cup_text *says)
{
    struct cup_catalog_table table = {.source_name   = unknown->source_name,
                                      .source_db     = unknown->source_db,
                                      .source_schema = unknown->source_schema,
                                      .source_table  = unknown->source_table};

    cup_text_puts(says, "table ");
    cup_catalog_priv_put_table(says, &table);
    cup_text_printf(says, " (topic %s): its records carry no schema and no contract names it",
                    unknown->topic);
    if (catalog->contract_count == 0 && catalog->schema_count == 0) {
        cup_text_puts(says, "\n");
        return CUP_CATALOG_STOP;
    }
    cup_text_puts(says, "; they go to quarantine\n");
    *out_outcome = CUP_OUTCOME_UNKNOWN_TABLE;
    return CUP_CATALOG_REFUSE;
}

enum cup_catalog_answer cup_catalog_learn(struct cup_catalog               *catalog,
                                          const struct cup_catalog_unknown *unknown,
                                          enum cup_outcome *out_outcome, struct cup_text *says)
{
    CUP_ASSERT(catalog->lake != NULL && catalog->domain != NULL);
    CUP_ASSERT(unknown->schema != NULL && unknown->key_schema != NULL);
    size_t bytes = strlen(unknown->schema) + strlen(unknown->key_schema);
    if (!cup_keep_room(catalog->keep, LEARN_BYTES(bytes)) ||
        catalog->schema_count == CUP_PLAN_SCHEMAS_MAX) {
        cup_text_puts(says, "there are more schemas than one run can hold\n");
        return CUP_CATALOG_STOP;
    }
    if (unknown->kind == CUP_UNKNOWN_KIND_SCHEMA &&
        *unknown->source_table == '\0') { /* nothing says where its rows would belong */
        *out_outcome = CUP_OUTCOME_UNKNOWN_TABLE;
        return CUP_CATALOG_REFUSE;
    }
    if (unknown->kind == CUP_UNKNOWN_KIND_DDL)
        return cup_ddl_priv_learn(catalog, unknown, out_outcome, says);
    struct cup_catalog_table *table = cup_catalog_priv_table(catalog, unknown);
    if (unknown->kind == CUP_UNKNOWN_KIND_KEY) return learn_key(unknown, table, says);
    if (unknown->kind != CUP_UNKNOWN_KIND_SCHEMA)
        return learn_member(catalog, unknown, table, says);
    if (*unknown->schema == '\0') {
        if (table == NULL || !table->contracted)
            return learn_nothing(catalog, unknown, out_outcome, says);
        return CUP_CATALOG_PLAN;
    }
    uint32_t index = table == NULL ? UINT32_MAX : (uint32_t)(table - catalog->tables);
    if (table != NULL && find_schema(catalog, unknown->schema, index) != NULL)
        return CUP_CATALOG_PLAN;
    return learn_schema(catalog, unknown, table, out_outcome, says);
}
