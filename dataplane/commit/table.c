// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/commit_priv.h"

#include <string.h>
#include <strings.h>

#include "dataplane/abi/tables.h"
#include "kernels/isal/isal.h"

static struct cup_commit_table make_table(struct cup_store *store, const char *folder,
                                          const struct cup_field *fields, uint32_t field_count,
                                          const char *description)
{
    return (struct cup_commit_table){.store       = store,
                                     .folder      = folder,
                                     .fields      = fields,
                                     .field_count = field_count,
                                     .description = description};
}

enum cup_err cup_commit_priv_tables_open(struct cup_commit *commit, struct cup_fault *out_fault)
{
    const struct cup_plan *plan  = commit->plan;
    struct cup_store      *store = commit->store;

    commit->silver = calloc(plan->tables.count + 1ul, sizeof *commit->silver);
    if (commit->silver == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of tables", NULL);
    commit->index = make_table(store, commit->index_folder, cup_index_fields(), CUP_INDEX_COUNT,
                               "one row a record: where its bytes lie and what became of it");
    commit->quarantine =
        make_table(store, commit->quarantine_folder, cup_quarantine_fields(), CUP_QUARANTINE_COUNT,
                   "one row a record that was not accepted, and why");
    commit->ledger = make_table(store, commit->ledger_folder, cup_ledger_fields(), CUP_LEDGER_COUNT,
                                "per epoch one row an input and one a file");
    for (uint32_t i = 0; i < plan->tables.count; i++) {
        const struct cup_plan_table *table = &cup_plan_tables(plan)[i];
        const char                  *text  = cup_plan_text(plan, table->description);
        commit->silver[i] = make_table(store, cup_plan_text(plan, table->path), NULL, 0,
                                       table->description.bytes > 0 ? text : NULL);
    }
    return CUP_OK;
}

void cup_commit_priv_table_close(struct cup_commit_table *table)
{
    cup_delta_state_free(table->state);
    free(table->made_fields);
    *table = (struct cup_commit_table){0};
}

void cup_commit_priv_tables_close(struct cup_commit *commit)
{
    cup_commit_priv_table_close(&commit->index);
    cup_commit_priv_table_close(&commit->quarantine);
    cup_commit_priv_table_close(&commit->ledger);
    for (uint32_t i = 0; commit->silver != NULL && i < commit->plan->tables.count; i++)
        cup_commit_priv_table_close(&commit->silver[i]);
    free(commit->silver);
    commit->silver = NULL;
}

/* Data columns as the plan says, masked, without dropped ones; then the generated ones, then _date.
 * List elements lie behind. */
enum cup_err cup_commit_priv_table_fields(struct cup_commit *commit, struct cup_commit_table *table,
                                          struct cup_fault *out_fault)
{
    if (table->fields != NULL) return CUP_OK;
    CUP_ASSERT(table >= commit->silver && table < commit->silver + commit->plan->tables.count);
    const struct cup_plan_table *planned = cup_plan_tables(commit->plan) + (table - commit->silver);
    const struct cup_plan_column *columns = cup_plan_columns(commit->plan, planned);
    uint32_t                      count   = 0;
    struct cup_field             *fields =
        calloc(2ul * planned->columns.count + CUP_SILVER_COUNT + 1, sizeof *fields);

    if (fields == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "columns", table->folder);
    for (uint32_t i = 0; i < planned->columns.count; i++) {
        const struct cup_plan_column *column = &columns[i];
        struct cup_field             *field  = &fields[count];
        struct cup_field *element = &fields[planned->columns.count + CUP_SILVER_COUNT + 1 + i];
        bool              is_list = column->type == CUP_TYPE_LIST;
        bool              digits  = !is_list && column->mask != CUP_MASK_HMAC;

        element->name      = "element";
        element->type      = column->element_type;
        element->precision = column->precision;
        element->scale     = column->scale;
        if (column->mask == CUP_MASK_DROP) continue;
        field->name        = cup_plan_text(commit->plan, column->name);
        field->type        = cup_mask_type((enum cup_mask)column->mask, column->type);
        field->precision   = digits ? column->precision : 0;
        field->scale       = digits ? column->scale : 0;
        field->child_count = is_list;
        field->children    = is_list ? element : NULL;
        if (field->type == CUP_TYPE_MAP) *field = cup_map_field(field->name);
        if (column->comment.bytes > 0)
            field->comment = cup_plan_text(commit->plan, column->comment);
        count++;
    }
    memcpy(fields + count, cup_silver_fields(), CUP_SILVER_COUNT * sizeof *fields);
    table->made_fields = fields;
    table->fields      = fields;
    table->field_count = count + CUP_SILVER_COUNT;
    cup_commit_priv_partitions_name(commit->plan, planned, table);
    for (uint32_t i = 0; i < planned->partitions.count; i++) /* its place is one of the columns */
        if (cup_plan_partitions(commit->plan, planned)[i] == CUP_PLAN_PARTITION_DATE)
            fields[table->field_count++] = *cup_date_field();
    return CUP_OK;
}

static enum cup_err io_get(void *arg, const char *name, struct cup_text *out,
                           struct cup_fault *out_fault)
{
    const struct cup_commit_table *table = arg;
    char                           whole[CUP_STORE_NAME_BYTES];
    enum cup_err err = cup_commit_priv_join(table->folder, name, whole, out_fault);

    return err == CUP_OK ? cup_store_get(table->store, whole, out, out_fault) : err;
}

static enum cup_err io_list(void *arg, const char *folder, void (*each)(void *, const char *name),
                            void *each_arg, struct cup_fault *out_fault)
{
    const struct cup_commit_table *table = arg;
    char                           whole[CUP_STORE_NAME_BYTES];
    enum cup_err err = cup_commit_priv_join(table->folder, folder, whole, out_fault);

    return err == CUP_OK ? cup_store_list(table->store, whole, each, each_arg, out_fault) : err;
}

enum cup_err cup_commit_priv_table_look(struct cup_commit_table *table, struct cup_fault *out_fault)
{
    struct cup_delta_io io  = {.arg = table, .get = io_get, .list = io_list};
    enum cup_err        err = CUP_NOT_FOUND;

    if (table->state != NULL) {
        err = cup_delta_refresh(table->state, &io, out_fault);
        if (err != CUP_OK) {
            /* commits that the state does not continue: look at the whole log */
            cup_delta_state_free(table->state);
            table->state = NULL;
        }
    }
    if (err != CUP_OK) err = cup_delta_load(&io, &table->state, out_fault);
    if (err == CUP_NOT_FOUND) err = CUP_OK;
    table->met &= err == CUP_OK; /* the state is lost */
    return err;
}

/* What the journal knows of a table must be so. */
static enum cup_err compare(const struct cup_commit *commit, const struct cup_commit_table *table,
                            uint64_t txn, struct cup_fault *out_fault)
{
    const struct cup_journal_table *known =
        cup_journal_tables_find(&commit->state.tables, table->folder);
    uint64_t    applied = known == NULL ? 0 : cup_journal_applied(&commit->state, known);
    const char *what    = NULL;

    if (applied == 0) return CUP_OK;
    if (table->state == NULL)
        what = "the table is gone, but the journal has committed to it; put it back, or see "
               "`cupel recover LAKE`";
    else if (strcmp(table->state->id, known->id) != 0)
        what = "the table was created anew by another writer: its id is not the one that the "
               "journal knows; see `cupel recover LAKE`";
    else if (txn < applied)
        what = "the table is behind the journal: it was put back from a copy or replaced; see "
               "`cupel recover LAKE`";
    return what == NULL ? CUP_OK : cup_fault_set(out_fault, CUP_TABLE_CHANGED, what, table->folder);
}

enum cup_err cup_commit_priv_table_meet(struct cup_commit *commit, struct cup_commit_table *table,
                                        struct cup_fault *out_fault)
{
    enum cup_err err = cup_commit_priv_table_look(table, out_fault);

    if (err != CUP_OK) return err;
    uint64_t txn = table->state == NULL ? 0 : cup_delta_txn_version(table->state, commit->app);
    if (txn <= commit->state.epoch)
        err = compare(commit, table, txn, out_fault);
    else if (table->met || commit->decided)
        err = cup_fault_set(out_fault, CUP_FENCED,
                            "another instance commits to the table under this pipeline's name; end "
                            "one of the two",
                            table->folder);
    else
        err = cup_fault_set(out_fault, CUP_TABLE_CHANGED,
                            "the table is ahead of the journal: the journal was lost or put back "
                            "from a copy; see `cupel recover LAKE`",
                            table->folder);
    table->met |= err == CUP_OK;
    return err;
}

struct cup_commit_table *cup_commit_priv_table_at(struct cup_commit *commit, const char *folder)
{
    struct cup_commit_table *own[] = {&commit->index, &commit->quarantine, &commit->ledger};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(own[i]->folder, folder) == 0) return own[i];
    uint32_t count = commit->plan->tables.count;
    for (uint32_t i = 0; i < count; i++) {
        /* commits come in the plan's order: the search goes on where the last one ended */
        uint32_t at = (commit->found + i) % count;
        if (strcmp(commit->silver[at].folder, folder) != 0) continue;
        commit->found = at;
        return &commit->silver[at];
    }
    return NULL;
}

/* Bounded: fields of a plan are lists or maps of scalars at most; a log's were parsed with a limit,
 * and the plan's side ends first. */
static bool equal_types(const struct cup_field *a, const struct cup_field *b)
{
    if (a->type != b->type || a->child_count != b->child_count) return false;
    if (a->type == CUP_TYPE_DECIMAL && (a->precision != b->precision || a->scale != b->scale))
        return false;
    CUP_ASSERT(a->child_count <= 2);
    for (uint32_t i = 0; i < a->child_count; i++)
        if (!equal_types(&a->children[i], &b->children[i])) return false;
    return true;
}

uint32_t cup_commit_priv_table_find(const struct cup_delta_state *state, const char *name)
{
    uint32_t i = 0;

    /* readers of Delta tables ignore case */
    while (i < state->field_count && strcasecmp(state->fields[i].name, name) != 0)
        i++;
    return i;
}

uint32_t cup_commit_priv_schema_crc(const struct cup_commit_table *table)
{
    const char *schema = table->state == NULL ? NULL : table->state->schema_string;

    return schema == NULL ? 0 : cup_crc32c(0, schema, strlen(schema));
}

/* A fault that names the table and, if it is one, the column. */
static enum cup_err refuse(struct cup_fault *out_fault, const char *what,
                           const struct cup_commit_table *table, const char *column)
{
    char where[CUP_STORE_NAME_BYTES + 512];

    snprintf(where, sizeof where, column == NULL ? "%s" : "%s: %s", table->folder, column);
    return cup_fault_set(out_fault, CUP_TABLE_CHANGED, what, where);
}

/* A writer must know every feature that the table demands of writers. */
static enum cup_err check_protocol(const struct cup_commit_table *table,
                                   struct cup_fault              *out_fault)
{
    static const char *const      known[] = {"timestampNtz", "appendOnly", "invariants"};
    const struct cup_delta_state *state   = table->state;

    if (state->min_writer > 2 && state->min_writer != 7)
        return refuse(out_fault, "the table demands a newer writer", table, NULL);
    for (char **feature = state->writer_features; feature != NULL && *feature != NULL; feature++) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found |= strcmp(known[i], *feature) == 0;
        if (!found)
            return refuse(out_fault, "the table demands a writer feature that cupel has not", table,
                          *feature);
    }
    return CUP_OK;
}

static enum cup_err check_properties(const struct cup_commit_table *table,
                                     struct cup_fault              *out_fault)
{
    const struct cup_delta_state *state = table->state;

    if (state->configuration_json != NULL &&
        strstr(state->configuration_json, "\"delta.setTransactionRetentionDuration\"") != NULL)
        return refuse(out_fault,
                      "delta.setTransactionRetentionDuration would make cupel forget what it "
                      "committed; remove the property",
                      table, NULL);
    for (uint32_t i = 0; i < state->field_count; i++)
        if ((state->fields[i].flags & CUP_FIELD_REQUIRED) != 0)
            return refuse(out_fault, "a NOT NULL column", table, state->fields[i].name);
    return CUP_OK;
}

enum cup_err cup_commit_priv_table_check(const struct cup_commit_table *table,
                                         uint32_t *out_missing, struct cup_fault *out_fault)
{
    const struct cup_delta_state *state   = table->state;
    uint32_t                      missing = 0;

    CUP_ASSERT(state != NULL);
    enum cup_err err = check_protocol(table, out_fault);
    if (err == CUP_OK) err = check_properties(table, out_fault);
    if (err == CUP_OK && table->fields != NULL)
        err = cup_commit_priv_partitions_check(table, out_fault);
    if (err != CUP_OK) return err;
    for (uint32_t i = 0; i < table->field_count; i++) {
        const struct cup_field *field = &table->fields[i];
        uint32_t                at    = cup_commit_priv_table_find(state, field->name);
        if (at == state->field_count) {
            missing++;
            continue;
        }
        if (strcmp(state->fields[at].name, field->name) != 0)
            return refuse(out_fault, "a column's name differs in case", table, field->name);
        if (!equal_types(field, &state->fields[at]))
            return refuse(out_fault, "a column has another type", table, field->name);
    }
    *out_missing = missing;
    return CUP_OK;
}
