// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "control/contract/sample_priv.h"

/* The row's schema in an envelope's: its member after. */
static const json_t *field_of(const json_t *schema, const char *name)
{
    const json_t *fields = json_object_get(schema, "fields");

    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        const char   *text  = json_string_value(json_object_get(field, "field"));
        if (text != NULL && strcmp(text, name) == 0) return field;
    }
    return NULL;
}

/* Of two types of one column the one that holds both; the later one when there is none. */
static struct cup_shape_type both_of(const struct cup_shape_type *earlier,
                                     const struct cup_shape_type *later)
{
    struct cup_shape_type both   = *later;
    int                   before = earlier->precision - earlier->scale;
    int                   behind = earlier->scale > later->scale ? earlier->scale : later->scale;

    if (cup_shape_fits(later, earlier)) return both;
    if (cup_shape_fits(earlier, later)) {
        both.type      = earlier->type;
        both.precision = earlier->precision;
        both.scale     = earlier->scale;
        return both;
    }
    if (earlier->type != CUP_TYPE_DECIMAL || later->type != CUP_TYPE_DECIMAL) return both;
    if (later->precision - later->scale > before) before = later->precision - later->scale;
    if (before + behind > CUP_DECIMAL_PRECISION_MAX) return both;
    both.precision = (uint8_t)(before + behind);
    both.scale     = (uint8_t)behind;
    return both;
}

static void take_type(struct cup_sample_column *column, const struct cup_shape_member *member)
{
    const struct cup_shape_type *is = &member->is;

    if (column->typed && !cup_shape_same_type(&column->is, is)) {
        bool told = false;
        for (uint32_t i = 0; i < column->earlier_count; i++)
            told |= cup_shape_same_type(&column->earlier[i], &column->is);
        if (!told && column->earlier_count < CUP_SAMPLE_SPELLINGS)
            column->earlier[column->earlier_count++] = column->is;
        column->is = both_of(&column->is, is);
    } else {
        column->is = *is;
    }
    column->typed   = true;
    column->gone    = false;
    column->comment = member->comment;
}

/* The schema of a row as an envelope's: its metadata is no column of it. Gives a reference. */
static json_t *enveloped(const json_t *schema, enum cup_format format)
{
    json_t       *row = json_copy((json_t *)schema), *fields = json_array();
    const json_t *all = json_object_get(schema, "fields");

    for (size_t i = 0; i < json_array_size(all); i++) {
        json_t     *field = json_array_get(all, i);
        const char *name  = json_string_value(json_object_get(field, "field"));
        bool        meta =
            format == CUP_FORMAT_FLATTENED && name != NULL && name[0] == '_' && name[1] == '_';
        if (!meta) (void)json_array_append(fields, field);
    }
    (void)json_object_set_new(row, "fields", fields);
    (void)json_object_set_new(row, "field", json_string("after"));
    return json_pack("{s:s, s:[o]}", "type", "struct", "fields", row);
}

static void take_members(struct cup_sample *sample, struct cup_sample_table *table,
                         const json_t *schema, const struct cup_shape *shape)
{
    const json_t *row = field_of(schema, "after");

    if (row == NULL) row = field_of(schema, "before");
    for (uint32_t i = 0; i < table->column_count; i++)
        table->columns[i].gone = true;
    for (uint32_t i = 0; i < shape->member_count; i++) {
        const struct cup_shape_member *member = &shape->members[i];
        const json_t                  *node   = field_of(row, member->name);
        struct cup_sample_column *column = cup_sample_priv_column(sample, table, member->name, i);
        if (column == NULL) return;
        take_type(column, member);
        column->schema_count++;
        column->optional |= !json_is_false(json_object_get(node, "optional"));
        column->has_default |= json_object_get(node, "default") != NULL;
    }
    for (uint32_t i = 0; i < shape->key_count; i++) {
        struct cup_sample_column *column = cup_sample_priv_column(sample, table, shape->keys[i], i);
        if (column != NULL && column->key_place == 0) column->key_place = i + 1;
    }
}

void cup_sample_priv_schema(struct cup_sample *sample, struct cup_sample_table *table,
                            const struct cup_sample_row *row)
{
    struct cup_shape shape;
    struct cup_text  why = {0};

    if (table->last_schema != NULL && json_equal(table->last_schema, row->value_schema)) return;
    json_decref(table->last_schema);
    table->last_schema = json_incref(row->value_schema);
    table->schema_count++;
    bool    plain = sample->format == CUP_FORMAT_FLATTENED || sample->format == CUP_FORMAT_UPSERT;
    json_t *schema =
        plain ? enveloped(row->value_schema, sample->format) : json_incref(row->value_schema);
    char *text     = json_dumps(schema, JSON_COMPACT);
    char *key_text = row->key_schema == NULL ? NULL : json_dumps(row->key_schema, JSON_COMPACT);
    bool  room     = text != NULL && cup_keep_room(sample->keep, 4 * strlen(text) + (1u << 20));
    if (room && cup_shape_parse(sample->keep, text, key_text == NULL ? "" : key_text,
                                table->connector, &shape, &why) == CUP_OK)
        take_members(sample, table, schema, &shape);
    else
        table->refused =
            room && why.at != NULL ? cup_keep_string(sample->keep, why.at) : "there is no memory";
    free(key_text);
    free(text);
    json_decref(schema);
    cup_text_free(&why);
}
