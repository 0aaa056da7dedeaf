// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "control/contract/sample_priv.h"

#define ROOM_BYTES (4u * CUP_RECORD_BYTES_MAX) /* the names of one more record, whatever it is */

/* --- tables and columns --- */

static bool is_table(const struct cup_sample_table *table, const struct cup_sample_row *row)
{
    return strcmp(table->table, row->table) == 0 && strcmp(table->schema, row->schema) == 0 &&
           strcmp(table->db, row->db) == 0 && strcmp(table->source, row->source) == 0;
}

static struct cup_sample_table *table_of(struct cup_sample           *sample,
                                         const struct cup_sample_row *row)
{
    struct cup_keep *keep = sample->keep;

    for (uint32_t i = 0; i < sample->table_count; i++) {
        uint32_t index = (sample->last_table + i) % sample->table_count;
        if (!is_table(&sample->tables[index], row)) continue;
        sample->last_table = index;
        return &sample->tables[index];
    }
    if (sample->table_count == CUP_PLAN_TABLES_MAX) return NULL;
    sample->tables = cup_keep_grow(keep, sample->tables, sample->table_count, &sample->table_cap,
                                   sizeof(*sample->tables));
    sample->last_table             = sample->table_count;
    struct cup_sample_table *table = &sample->tables[sample->table_count++];
    *table = (struct cup_sample_table){.source    = cup_keep_string(keep, row->source),
                                       .db        = cup_keep_string(keep, row->db),
                                       .schema    = cup_keep_string(keep, row->schema),
                                       .table     = cup_keep_string(keep, row->table),
                                       .connector = cup_keep_string(keep, row->connector)};
    if (row->topic != NULL) table->topic = cup_keep_string(keep, row->topic);
    return table;
}

struct cup_sample_column *cup_sample_priv_column(struct cup_sample       *sample,
                                                 struct cup_sample_table *table, const char *name,
                                                 uint32_t hint)
{
    for (uint32_t i = 0; i < table->column_count; i++) { /* members come in one order, mostly */
        struct cup_sample_column *column = &table->columns[(hint + i) % table->column_count];
        if (strcmp(column->name, name) == 0) return column;
    }
    if (table->column_count == CUP_PLAN_COLUMNS_MAX) return NULL;
    table->columns = cup_keep_grow(sample->keep, table->columns, table->column_count,
                                   &table->column_cap, sizeof(*table->columns));
    struct cup_sample_column *column = &table->columns[table->column_count++];
    *column =
        (struct cup_sample_column){.name = cup_keep_string(sample->keep, name), .comment = ""};
    return column;
}

/* --- keys --- */

static void take_key(struct cup_sample *sample, struct cup_sample_table *table, const json_t *key)
{
    uint32_t      place = 0;
    const char   *name;
    const json_t *value;

    if (!json_is_object(key)) return;
    table->key_count++;
    json_object_foreach((json_t *)key, name, value)
    {
        struct cup_sample_column *column = cup_sample_priv_column(sample, table, name, place);
        place++;
        if (column != NULL && column->key_place == 0) column->key_place = place;
    }
}

/* Remembers the value of an insert: a column whose values never come twice may be the key. */
static void take_candidate(struct cup_sample *sample, struct cup_sample_column *column,
                           const json_t *value)
{
    int64_t  integer = (int64_t)json_integer_value(value);
    bool     room    = cup_keep_room(sample->keep, column->hash_cap * 16u + ROOM_BYTES);
    uint64_t hash;

    if (column->no_candidate) return;
    if (json_is_real(value) && fabs(json_real_value(value)) < INT64_MAX / 2) /* all reals: wide */
        integer = (int64_t)json_real_value(value);
    if (json_is_string(value))
        hash = cup_hash_bytes(CUP_HASH_START, json_string_value(value), json_string_length(value));
    else
        hash = cup_hash_bytes(CUP_HASH_START, &integer, sizeof(integer));
    column->no_candidate = !room || !(json_is_string(value) || json_is_number(value));
    if (column->no_candidate) return;
    column->hashes = cup_keep_grow(sample->keep, column->hashes, column->hash_count,
                                   &column->hash_cap, sizeof(*column->hashes));
    column->hashes[column->hash_count++] = hash;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

bool cup_sample_is_unique(const struct cup_sample_table *table, struct cup_sample_column *column)
{
    const struct cup_sample_values *values = &column->values;

    if (column->no_candidate || values->nulls > 0 || column->hash_count < 2) return false;
    if (column->seen < table->row_count) return false;
    if (values->integers != column->seen && values->texts != column->seen) return false;
    if (values->not_finite > 0) return false;
    qsort(column->hashes, column->hash_count, sizeof(*column->hashes), by_value);
    for (uint32_t i = 1; i < column->hash_count; i++) {
        if (column->hashes[i] == column->hashes[i - 1]) return false;
    }
    return true;
}

/* --- images --- */

static bool is_filler(const json_t *value)
{
    if (json_is_string(value)) return json_string_length(value) == 0;
    if (json_is_number(value)) return json_number_value(value) == 0;
    return json_is_null(value) || json_is_false(value);
}

/* An update whose before image has a value outside of the key proves full images, one without
 * before image disproves them. Deletes prove nothing: their filler may look like values. */
static void take_before(struct cup_sample *sample, struct cup_sample_table *table,
                        const struct cup_sample_row *row)
{
    uint32_t      hint = 0;
    const char   *name;
    const json_t *value;
    uint32_t      known = 0; /* values outside of the key */

    if (row->op == 'u' && !json_is_object(row->before)) table->before_none++;
    if (!json_is_object(row->before)) return;
    json_object_foreach((json_t *)row->before, name, value)
    {
        struct cup_sample_column *column = cup_sample_priv_column(sample, table, name, hint++);
        if (column == NULL) return;
        known += column->key_place == 0 && !json_is_null(value);
        if (row->op == 'd' && is_filler(value)) column->no_candidate = true;
    }
    if (row->op == 'u' && known > (table->key_count == 0)) table->before_full++;
}

static void take_after(struct cup_sample *sample, struct cup_sample_table *table,
                       const struct cup_sample_row *row)
{
    uint32_t      hint = 0;
    const char   *name;
    const json_t *value;

    if (!json_is_object(row->after)) return;
    table->row_count++;
    json_object_foreach((json_t *)row->after, name, value)
    {
        struct cup_sample_column *column = cup_sample_priv_column(sample, table, name, hint++);
        if (column == NULL) return;
        column->seen++;
        cup_sample_priv_value(&column->values, &column->elements, value, row->wide);
        if (row->op != 'u' && table->key_count == 0) take_candidate(sample, column, value);
    }
}

enum cup_sample_kind cup_sample_priv_row(struct cup_sample           *sample,
                                         const struct cup_sample_row *row)
{
    if (!cup_keep_room(sample->keep, ROOM_BYTES)) return CUP_SAMPLE_OTHER;
    struct cup_sample_table *table = table_of(sample, row);
    if (table == NULL) return CUP_SAMPLE_OTHER;
    if (table->record_count >= sample->record_max) return CUP_SAMPLE_SKIPPED;
    table->record_count++;
    table->may_have_key |= row->keyed;
    if (row->value_schema != NULL) cup_sample_priv_schema(sample, table, row);
    take_key(sample, table, row->key);
    take_after(sample, table, row);
    take_before(sample, table, row);
    return CUP_SAMPLE_ROW;
}
