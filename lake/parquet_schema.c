// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_priv.h"

#include <string.h>

bool cup_parquet_priv_is_leaf(const struct cup_field *field)
{
    return field->type < CUP_TYPE_LIST;
}

const char *cup_parquet_priv_name(const struct cup_field *field, uint8_t parent_type,
                                  uint32_t index)
{
    if (parent_type == CUP_TYPE_LIST) return "element";
    if (parent_type == CUP_TYPE_MAP) return index == 0 ? "key" : "value";
    return field->name;
}

void cup_parquet_priv_walk_start(struct cup_parquet_walk *walk, const struct cup_field *fields,
                                 uint32_t count)
{
    walk->depth    = 1;
    walk->level[0] = (struct cup_parquet_walk_level){
        .fields = fields, .count = count, .parent_type = CUP_TYPE_COUNT};
}

const struct cup_field *cup_parquet_priv_walk_next(struct cup_parquet_walk *walk)
{
    while (walk->depth > 0) {
        struct cup_parquet_walk_level *level = &walk->level[walk->depth - 1];
        if (level->next < level->count) {
            level->index = level->next++;
            return &level->fields[level->index];
        }
        walk->depth--;
    }
    return NULL;
}

bool cup_parquet_priv_walk_enter(struct cup_parquet_walk *walk, const struct cup_field *field)
{
    CUP_ASSERT(!cup_parquet_priv_is_leaf(field));
    if (walk->depth > CUP_PARQUET_DEPTH_MAX) return false;
    walk->level[walk->depth++] = (struct cup_parquet_walk_level){
        .fields = field->children, .count = field->child_count, .parent_type = field->type};
    return true;
}

/* The least width whose signed range holds every value of the precision. */
static uint8_t decimal_width(uint32_t precision)
{
    static const uint8_t widths[] = {/* 19 */ 9,  9,  9,  10, 10, 11, 11, 11, 12, 12,
                                     /* 29 */ 13, 13, 13, 14, 14, 15, 15, 16, 16, 16};

    if (precision <= 9) return 4;
    return precision <= 18 ? 8 : widths[precision - 19];
}

void cup_parquet_priv_physical(const struct cup_field *field, uint8_t *out_physical,
                               uint8_t *out_width)
{
    static const uint8_t physical[CUP_VEC_LIST + 1] = {
        [CUP_VEC_BITS] = CUP_PARQUET_BOOLEAN,  [CUP_VEC_I32] = CUP_PARQUET_INT32,
        [CUP_VEC_I64] = CUP_PARQUET_INT64,     [CUP_VEC_I128] = CUP_PARQUET_FLBA,
        [CUP_VEC_F32] = CUP_PARQUET_FLOAT,     [CUP_VEC_F64] = CUP_PARQUET_DOUBLE,
        [CUP_VEC_VAR] = CUP_PARQUET_BYTE_ARRAY};
    enum cup_vec vec = cup_type_vec((enum cup_type)field->type);

    CUP_ASSERT(cup_parquet_priv_is_leaf(field));
    *out_physical = physical[vec];
    *out_width    = (uint8_t)cup_vec_bytes(vec);
    if (vec != CUP_VEC_I128) return;
    *out_width = decimal_width(field->precision);
    if (*out_width <= 8) *out_physical = *out_width == 4 ? CUP_PARQUET_INT32 : CUP_PARQUET_INT64;
}

/* --- SchemaElement --- */

enum { /* parquet.thrift: ConvertedType, fields of LogicalType */
       CONVERTED_UTF8         = 0,
       CONVERTED_MAP          = 1,
       CONVERTED_LIST         = 3,
       CONVERTED_DECIMAL      = 5,
       CONVERTED_DATE         = 6,
       CONVERTED_TIMESTAMP_US = 10,
       CONVERTED_INT8         = 15,
       CONVERTED_INT16        = 16,
       LOGICAL_STRING         = 1,
       LOGICAL_MAP            = 2,
       LOGICAL_LIST           = 3,
       LOGICAL_DECIMAL        = 5,
       LOGICAL_DATE           = 6,
       LOGICAL_TIMESTAMP      = 8,
       LOGICAL_INTEGER        = 10,
       UNIT_MICROS            = 2,
       REPETITION_REPEATED    = 2,
};

/* LogicalType is a union: one field, which is a struct, here an empty one. */
static void put_logical(struct cup_thrift_out *out, int32_t converted, int16_t logical)
{
    cup_thrift_put_i32(out, 6, converted);
    cup_thrift_put_struct(out, 10);
    cup_thrift_put_struct(out, logical);
    cup_thrift_end(out);
    cup_thrift_end(out);
}

static void put_integer(struct cup_thrift_out *out, int32_t converted, int8_t bits)
{
    cup_thrift_put_i32(out, 6, converted);
    cup_thrift_put_struct(out, 10);
    cup_thrift_put_struct(out, LOGICAL_INTEGER);
    cup_thrift_put_i8(out, 1, bits);
    cup_thrift_put_bool(out, 2, true);
    cup_thrift_end(out);
    cup_thrift_end(out);
}

static void put_timestamp(struct cup_thrift_out *out, bool utc)
{
    if (utc) cup_thrift_put_i32(out, 6, CONVERTED_TIMESTAMP_US);
    cup_thrift_put_struct(out, 10);
    cup_thrift_put_struct(out, LOGICAL_TIMESTAMP);
    cup_thrift_put_bool(out, 1, utc);
    cup_thrift_put_struct(out, 2);
    cup_thrift_put_struct(out, UNIT_MICROS);
    for (int open = 0; open < 4; open++)
        cup_thrift_end(out);
}

static void put_decimal(struct cup_thrift_out *out, const struct cup_field *field)
{
    cup_thrift_put_i32(out, 6, CONVERTED_DECIMAL);
    cup_thrift_put_i32(out, 7, field->scale);
    cup_thrift_put_i32(out, 8, field->precision);
    cup_thrift_put_struct(out, 10);
    cup_thrift_put_struct(out, LOGICAL_DECIMAL);
    cup_thrift_put_i32(out, 1, field->scale);
    cup_thrift_put_i32(out, 2, field->precision);
    cup_thrift_end(out);
    cup_thrift_end(out);
}

static void put_meaning(struct cup_thrift_out *out, const struct cup_field *field)
{
    switch ((enum cup_type)field->type) {
    case CUP_TYPE_STRING: put_logical(out, CONVERTED_UTF8, LOGICAL_STRING); break;
    case CUP_TYPE_BYTE: put_integer(out, CONVERTED_INT8, 8); break;
    case CUP_TYPE_SHORT: put_integer(out, CONVERTED_INT16, 16); break;
    case CUP_TYPE_DATE: put_logical(out, CONVERTED_DATE, LOGICAL_DATE); break;
    case CUP_TYPE_TIMESTAMP: put_timestamp(out, true); break;
    case CUP_TYPE_TIMESTAMP_NTZ: put_timestamp(out, false); break;
    case CUP_TYPE_DECIMAL: put_decimal(out, field); break;
    default: break;
    }
}

static void put_leaf(struct cup_thrift_out *out, const struct cup_field *field, const char *name,
                     bool optional)
{
    uint8_t physical, width;

    cup_parquet_priv_physical(field, &physical, &width);
    cup_thrift_element_struct(out);
    cup_thrift_put_i32(out, 1, physical);
    if (physical == CUP_PARQUET_FLBA) cup_thrift_put_i32(out, 2, width);
    cup_thrift_put_i32(out, 3, optional);
    cup_thrift_put_bytes(out, 4, name, strlen(name));
    put_meaning(out, field);
    cup_thrift_end(out);
}

static void put_repeated(struct cup_thrift_out *out, const struct cup_field *field)
{
    const char *name = field->type == CUP_TYPE_MAP ? "key_value" : "list";

    cup_thrift_element_struct(out);
    cup_thrift_put_i32(out, 3, REPETITION_REPEATED);
    cup_thrift_put_bytes(out, 4, name, strlen(name));
    cup_thrift_put_i32(out, 5, (int32_t)field->child_count);
    cup_thrift_end(out);
}

static void put_nested(struct cup_thrift_out *out, const struct cup_field *field, const char *name,
                       bool optional)
{
    bool is_struct = field->type == CUP_TYPE_STRUCT;

    cup_thrift_element_struct(out);
    cup_thrift_put_i32(out, 3, optional);
    cup_thrift_put_bytes(out, 4, name, strlen(name));
    cup_thrift_put_i32(out, 5, is_struct ? (int32_t)field->child_count : 1);
    if (field->type == CUP_TYPE_LIST) put_logical(out, CONVERTED_LIST, LOGICAL_LIST);
    if (field->type == CUP_TYPE_MAP) put_logical(out, CONVERTED_MAP, LOGICAL_MAP);
    cup_thrift_end(out);
    if (!is_struct) put_repeated(out, field);
}

static uint32_t count_elements(const struct cup_parquet *file)
{
    struct cup_parquet_walk walk;
    const struct cup_field *field;
    uint32_t                count = 1; /* the root */

    cup_parquet_priv_walk_start(&walk, file->fields, file->field_count);
    while ((field = cup_parquet_priv_walk_next(&walk)) != NULL) {
        count += field->type == CUP_TYPE_LIST || field->type == CUP_TYPE_MAP ? 2 : 1;
        if (!cup_parquet_priv_is_leaf(field)) (void)cup_parquet_priv_walk_enter(&walk, field);
    }
    return count;
}

void cup_parquet_priv_put_schema(const struct cup_parquet *file, struct cup_thrift_out *out)
{
    struct cup_parquet_walk walk;
    const struct cup_field *field;

    cup_thrift_put_list(out, 2, CUP_THRIFT_STRUCT, count_elements(file));
    cup_thrift_element_struct(out);
    cup_thrift_put_bytes(out, 4, "schema", 6);
    cup_thrift_put_i32(out, 5, (int32_t)file->field_count);
    cup_thrift_end(out);
    cup_parquet_priv_walk_start(&walk, file->fields, file->field_count);
    while ((field = cup_parquet_priv_walk_next(&walk)) != NULL) {
        const struct cup_parquet_walk_level *level = &walk.level[walk.depth - 1];
        const char *name = cup_parquet_priv_name(field, level->parent_type, level->index);
        bool optional    = cup_parquet_priv_is_optional(field, level->parent_type, level->index);
        if (cup_parquet_priv_is_leaf(field)) {
            put_leaf(out, field, name, optional);
            continue;
        }
        put_nested(out, field, name, optional);
        /* cup_parquet_open has checked the depth */
        CUP_ASSERT(cup_parquet_priv_walk_enter(&walk, field));
    }
}
