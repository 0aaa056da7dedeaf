// SPDX-License-Identifier: Apache-2.0
#include "dataplane/deliver/json_row.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/deliver/json_row_priv.h"

/* The generated columns that are published: what a reader needs to apply a row, to order it, and to
 * find the record it came from. */
static const enum cup_silver generated[] = {
    CUP_SILVER_OP,    CUP_SILVER_TS,        CUP_SILVER_POS,     CUP_SILVER_SUB,
    CUP_SILVER_TX,    CUP_SILVER_SNAPSHOT,  CUP_SILVER_OLD_KEY, CUP_SILVER_UNSET,
    CUP_SILVER_TOPIC, CUP_SILVER_PARTITION, CUP_SILVER_OFFSET,  CUP_SILVER_EPOCH,
};
#define GENERATED_COUNT (sizeof generated / sizeof *generated)

/* A column that is published. */
struct member {
    uint32_t column, head_at, head_bytes; /* head: `"name":` in heads */
    bool     key;
};

struct cup_json_row {
    enum cup_output_schema  schema;
    const struct cup_field *fields;
    uint32_t                data_count; /* columns of the table, dropped ones too */
    struct member          *members, *keys;
    uint32_t                member_count, data_members, key_count;
    struct cup_text         heads;
    struct cup_text         key_front, value_front; /* {"schema":...,"payload": */
};

/* --- open --- */

static bool is_published(const struct cup_plan *plan, const struct cup_plan_table *table,
                         uint32_t column)
{
    return cup_plan_columns(plan, table)[column].mask != CUP_MASK_DROP;
}

static struct member make_member(struct cup_json_row *row, uint32_t column)
{
    struct member member = {.column = column, .head_at = (uint32_t)row->heads.bytes};

    cup_json_row_priv_quote(&row->heads, row->fields[column].name);
    cup_text_puts(&row->heads, ":");
    member.head_bytes = (uint32_t)row->heads.bytes - member.head_at;
    return member;
}

/* Members in the table's order, keys in that of the primary key. */
static void list_members(struct cup_json_row *row, const struct cup_plan *plan,
                         const struct cup_plan_table *table)
{
    const struct cup_plan_column *columns = cup_plan_columns(plan, table);

    for (uint32_t i = 0; i < table->columns.count; i++) {
        if (!is_published(plan, table, i)) continue;
        struct member member              = make_member(row, i);
        member.key                        = columns[i].key_place > 0;
        row->members[row->member_count++] = member;
    }
    row->data_members = row->member_count;
    for (size_t i = 0; i < GENERATED_COUNT; i++)
        row->members[row->member_count++] =
            make_member(row, row->data_count + (uint32_t)generated[i]);
    for (uint32_t place = 1; place <= row->data_members; place++)
        for (uint32_t i = 0; i < row->data_members; i++)
            if (columns[row->members[i].column].key_place == place)
                row->keys[row->key_count++] = row->members[i];
}

static void put_schema(struct cup_text *out, const struct cup_json_row *row,
                       const struct member *members, uint32_t count, const char *path,
                       const char *what)
{
    bool is_key = members == row->keys;

    cup_text_puts(out, "{\"schema\":{\"type\":\"struct\",\"fields\":[");
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) cup_text_puts(out, ",");
        cup_json_row_priv_field(out, &row->fields[members[i].column], !is_key);
    }
    cup_text_puts(out, "],\"optional\":false,\"name\":");
    size_t name = out->bytes;
    cup_json_row_priv_quote(out, path);
    for (size_t i = name; !out->failed && i < out->bytes; i++)
        if (out->at[i] == '/') out->at[i] = '.';
    if (!out->failed) out->bytes--; /* the quote */
    cup_text_printf(out, ".%s\"},\"payload\":", what);
}

enum cup_err cup_json_row_open(const struct cup_plan *plan, const struct cup_plan_table *table,
                               const struct cup_field *fields, enum cup_output_schema schema,
                               struct cup_json_row **out_row, struct cup_fault *out_fault)
{
    struct cup_json_row *row  = calloc(1, sizeof *row);
    const char          *path = cup_plan_text(plan, table->path);

    if (row == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "rows as JSON", path);
    *row = (struct cup_json_row){
        .schema = schema, .fields = fields, .data_count = table->columns.count};
    row->members = calloc(row->data_count + GENERATED_COUNT, sizeof *row->members);
    row->keys    = calloc(row->data_count + 1ul, sizeof *row->keys);
    if (row->members != NULL && row->keys != NULL) {
        list_members(row, plan, table);
        if (schema == CUP_OUTPUT_SCHEMA) {
            put_schema(&row->key_front, row, row->keys, row->key_count, path, "Key");
            put_schema(&row->value_front, row, row->members, row->member_count, path, "Value");
        }
    }
    if (row->members == NULL || row->keys == NULL || row->heads.failed || row->key_front.failed ||
        row->value_front.failed) {
        cup_json_row_close(row);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "rows as JSON", path);
    }
    *out_row = row;
    return CUP_OK;
}

void cup_json_row_close(struct cup_json_row *row)
{
    if (row == NULL) return;
    free(row->members);
    free(row->keys);
    cup_text_free(&row->heads);
    cup_text_free(&row->key_front);
    cup_text_free(&row->value_front);
    free(row);
}

/* --- rows --- */

bool cup_json_row_has_key(const struct cup_json_row *row)
{
    return row->key_count > 0;
}

char cup_json_row_op(const struct cup_json_row *row, const struct cup_column *columns, uint32_t at)
{
    const struct cup_column *op = &columns[row->data_count + CUP_SILVER_OP];

    if (cup_column_is_null(op, at) || op->offsets[at + 1] == op->offsets[at]) return '\0';
    return (char)op->text[op->offsets[at]];
}

/* Columns of the row that the source did not send; "*": all but the key. */
struct unset {
    const struct cup_column *names; /* NULL: none */
    uint32_t                 from, to;
};

static struct unset unset_of(const struct cup_json_row *row, const struct cup_column *columns,
                             uint32_t at)
{
    const struct cup_column *list = &columns[row->data_count + CUP_SILVER_UNSET];

    if (cup_column_is_null(list, at)) return (struct unset){0};
    return (struct unset){.names =
                              list->offsets[at] < list->offsets[at + 1] ? list->children : NULL,
                          .from = list->offsets[at],
                          .to   = list->offsets[at + 1]};
}

static bool is_name(const struct cup_column *names, uint32_t i, const char *name)
{
    size_t bytes = names->offsets[i + 1] - names->offsets[i];

    return bytes == strlen(name) && memcmp(names->text + names->offsets[i], name, bytes) == 0;
}

static bool is_unset(const struct unset *unset, const struct cup_json_row *row,
                     const struct member *member)
{
    for (uint32_t i = unset->from; unset->names != NULL && i < unset->to; i++) {
        if (is_name(unset->names, i, row->fields[member->column].name)) return true;
        if (!member->key && is_name(unset->names, i, "*")) return true;
    }
    return false;
}

static void put_member(struct cup_text *out, const struct cup_json_row *row,
                       const struct member *member, const struct cup_column *columns, uint32_t at)
{
    const struct cup_column *column = &columns[member->column];

    cup_text_put(out, row->heads.at + member->head_at, member->head_bytes);
    if (cup_column_is_null(column, at))
        cup_text_put(out, "null", 4);
    else
        cup_json_row_priv_value(out, &row->fields[member->column], column, at, row->schema);
}

void cup_json_row_key(const struct cup_json_row *row, const struct cup_column *columns, uint32_t at,
                      struct cup_text *out)
{
    CUP_ASSERT(row->key_count > 0);
    if (row->schema == CUP_OUTPUT_SCHEMA)
        cup_text_put(out, row->key_front.at, row->key_front.bytes);
    for (uint32_t i = 0; i < row->key_count; i++) {
        cup_text_put(out, i == 0 ? "{" : ",", 1);
        put_member(out, row, &row->keys[i], columns, at);
    }
    cup_text_put(out, "}", 1);
    if (row->schema == CUP_OUTPUT_SCHEMA) cup_text_put(out, "}", 1);
}

void cup_json_row_value(const struct cup_json_row *row, const struct cup_column *columns,
                        uint32_t at, struct cup_text *out)
{
    const struct unset unset = unset_of(row, columns, at);
    const char        *mark  = "{";

    if (row->schema == CUP_OUTPUT_SCHEMA)
        cup_text_put(out, row->value_front.at, row->value_front.bytes);
    for (uint32_t i = 0; i < row->member_count; i++) {
        const struct member *member = &row->members[i];
        bool                 data   = i < row->data_members;
        if (data && is_unset(&unset, row, member)) continue;
        if (!data && cup_column_is_null(&columns[member->column], at)) continue;
        cup_text_put(out, mark, 1);
        mark = ",";
        put_member(out, row, member, columns, at);
    }
    if (*mark == '{') cup_text_put(out, "{", 1);
    cup_text_put(out, "}", 1);
    if (row->schema == CUP_OUTPUT_SCHEMA) cup_text_put(out, "}", 1);
}
