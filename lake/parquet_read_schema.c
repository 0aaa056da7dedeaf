// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_read_priv.h"

#include <string.h>

enum { /* parquet.thrift: LogicalType and ConvertedType, as far as they change how a leaf is read */
       LOGICAL_STRING             = 1,
       LOGICAL_MAP                = 2,
       LOGICAL_LIST               = 3,
       LOGICAL_ENUM               = 4,
       LOGICAL_DECIMAL            = 5,
       LOGICAL_DATE               = 6,
       LOGICAL_TIME               = 7,
       LOGICAL_TIMESTAMP          = 8,
       LOGICAL_INTEGER            = 10,
       LOGICAL_JSON               = 12,
       CONVERTED_UTF8             = 0,
       CONVERTED_MAP              = 1,
       CONVERTED_MAP_KEY_VALUE    = 2,
       CONVERTED_LIST             = 3,
       CONVERTED_ENUM             = 4,
       CONVERTED_DECIMAL          = 5,
       CONVERTED_DATE             = 6,
       CONVERTED_TIME_MILLIS      = 7,
       CONVERTED_TIME_MICROS      = 8,
       CONVERTED_TIMESTAMP_MILLIS = 9,
       CONVERTED_TIMESTAMP_MICROS = 10,
       CONVERTED_UINT8            = 11,
       CONVERTED_UINT64           = 14,
       CONVERTED_INT8             = 15,
       CONVERTED_INT16            = 16,
       CONVERTED_INT64            = 18,
       CONVERTED_JSON             = 19,
       UNIT_MILLIS                = 1,
       UNIT_MICROS                = 2,
       REPETITION_REQUIRED        = 0,
       REPETITION_OPTIONAL        = 1,
       REPETITION_REPEATED        = 2,
};

struct element { /* a SchemaElement; -1: not given */
    int64_t        type, type_length, repetition, children, converted, scale, precision;
    int64_t        logical, bits, unit;
    bool           is_unsigned, utc;
    const uint8_t *name;
    uint32_t       name_bytes;
};

static void read_unit(struct cup_thrift_in *in, struct cup_thrift_field field, int64_t *unit)
{
    struct cup_thrift_field inner;

    cup_thrift_enter(in, field);
    while (cup_thrift_next(in, &inner)) {
        *unit = inner.id;
        cup_thrift_skip(in, inner);
    }
}

/* TIMESTAMP {1 utc, 2 unit}, INTEGER {1 bits, 2 signed}, DECIMAL {1 scale, 2 precision}. */
static void read_logical_type(struct cup_thrift_in *in, struct cup_thrift_field field,
                              struct element *element)
{
    struct cup_thrift_field inner;

    cup_thrift_enter(in, field);
    while (cup_thrift_next(in, &inner)) {
        if (element->logical == LOGICAL_TIMESTAMP && inner.id == 1)
            element->utc = cup_thrift_get_bool(in, inner);
        else if (element->logical == LOGICAL_TIMESTAMP && inner.id == 2)
            read_unit(in, inner, &element->unit);
        else if (element->logical == LOGICAL_INTEGER && inner.id == 1)
            element->bits = cup_thrift_get_int(in, inner);
        else if (element->logical == LOGICAL_INTEGER && inner.id == 2)
            element->is_unsigned = !cup_thrift_get_bool(in, inner);
        else if (element->logical == LOGICAL_DECIMAL && inner.id == 1)
            element->scale = cup_thrift_get_int(in, inner);
        else if (element->logical == LOGICAL_DECIMAL && inner.id == 2)
            element->precision = cup_thrift_get_int(in, inner);
        else
            cup_thrift_skip(in, inner);
    }
}

static void read_logical(struct cup_thrift_in *in, struct cup_thrift_field field,
                         struct element *element)
{
    struct cup_thrift_field inner;

    cup_thrift_enter(in, field);
    while (cup_thrift_next(in, &inner)) {
        element->logical = inner.id;
        read_logical_type(in, inner, element);
    }
}

static struct element read_element(struct cup_thrift_in *in, struct cup_thrift_field field)
{
    struct element element = {.type        = -1,
                              .type_length = -1,
                              .repetition  = -1,
                              .children    = -1,
                              .converted   = -1,
                              .logical     = -1,
                              .unit        = -1};

    cup_thrift_enter(in, field);
    while (cup_thrift_next(in, &field)) {
        switch (field.id) {
        case 1: element.type = cup_thrift_get_int(in, field); break;
        case 2: element.type_length = cup_thrift_get_int(in, field); break;
        case 3: element.repetition = cup_thrift_get_int(in, field); break;
        case 4: element.name = cup_thrift_get_bytes(in, field, &element.name_bytes); break;
        case 5: element.children = cup_thrift_get_int(in, field); break;
        case 6: element.converted = cup_thrift_get_int(in, field); break;
        case 7: element.scale = cup_thrift_get_int(in, field); break;
        case 8: element.precision = cup_thrift_get_int(in, field); break;
        case 10: read_logical(in, field, &element); break;
        default: cup_thrift_skip(in, field);
        }
    }
    /* A leaf may say that it has 0 children. */
    if (element.type >= 0 && element.children == 0) element.children = -1;
    return element;
}

/* --- what a leaf means --- */

static bool is_decimal(const struct element *element)
{
    return element->logical == LOGICAL_DECIMAL || element->converted == CONVERTED_DECIMAL;
}

static int type_of_int32(const struct element *element)
{
    bool integer = element->logical == LOGICAL_INTEGER;

    if (element->logical == LOGICAL_DATE || element->converted == CONVERTED_DATE)
        return CUP_TYPE_DATE;
    if ((integer && element->bits == 8) || element->converted == CONVERTED_INT8)
        return CUP_TYPE_BYTE;
    if ((integer && element->bits == 16) || element->converted == CONVERTED_INT16)
        return CUP_TYPE_SHORT;
    return CUP_TYPE_INT;
}

static int type_of_int64(const struct element *element)
{
    if (element->logical == LOGICAL_TIMESTAMP) {
        if (element->unit != UNIT_MILLIS && element->unit != UNIT_MICROS) return -1;
        return element->utc ? CUP_TYPE_TIMESTAMP : CUP_TYPE_TIMESTAMP_NTZ;
    }
    if (element->converted == CONVERTED_TIMESTAMP_MILLIS ||
        element->converted == CONVERTED_TIMESTAMP_MICROS)
        return CUP_TYPE_TIMESTAMP;
    return CUP_TYPE_LONG;
}

static int type_of_bytes(const struct element *element)
{
    bool text = element->logical == LOGICAL_STRING || element->logical == LOGICAL_ENUM ||
                element->logical == LOGICAL_JSON || element->converted == CONVERTED_UTF8 ||
                element->converted == CONVERTED_ENUM || element->converted == CONVERTED_JSON;

    return text ? CUP_TYPE_STRING : CUP_TYPE_BINARY;
}

/* The column type of a leaf, -1 when there is none: unsigned numbers, times, nanoseconds. */
static int type_of(const struct element *element)
{
    bool is_unsigned = element->is_unsigned || (element->converted >= CONVERTED_UINT8 &&
                                                element->converted <= CONVERTED_UINT64);
    bool is_time     = element->logical == LOGICAL_TIME ||
                   element->converted == CONVERTED_TIME_MILLIS ||
                   element->converted == CONVERTED_TIME_MICROS;

    if (is_unsigned || is_time) return -1;
    if (is_decimal(element)) {
        bool sound = element->precision >= 1 && element->precision <= CUP_DECIMAL_PRECISION_MAX &&
                     element->scale >= 0 && element->scale <= element->precision;
        bool fits = element->type == CUP_PARQUET_INT32 || element->type == CUP_PARQUET_INT64 ||
                    element->type == CUP_PARQUET_BYTE_ARRAY ||
                    (element->type == CUP_PARQUET_FLBA && element->type_length <= 16);
        return sound && fits ? CUP_TYPE_DECIMAL : -1;
    }
    switch (element->type) {
    case CUP_PARQUET_BOOLEAN: return CUP_TYPE_BOOL;
    case CUP_PARQUET_INT32: return type_of_int32(element);
    case CUP_PARQUET_INT64: return type_of_int64(element);
    case CUP_PARQUET_INT96: return CUP_TYPE_TIMESTAMP; /* what Spark once meant by it */
    case CUP_PARQUET_FLOAT: return CUP_TYPE_FLOAT;
    case CUP_PARQUET_DOUBLE: return CUP_TYPE_DOUBLE;
    case CUP_PARQUET_BYTE_ARRAY:
    case CUP_PARQUET_FLBA: return type_of_bytes(element);
    default: return -1;
    }
}

/* --- from elements to nodes --- */

struct frame { /* an open parent */
    uint32_t          node, left, count;
    struct cup_field *children;
    uint8_t           slot_def, def, rep;
};

struct builder {
    struct cup_parquet_reader *reader;
    struct cup_thrift_in      *in;
    struct cup_thrift_field    list_element;
    uint32_t                   left; /* elements not read yet */
    uint32_t                   depth;
    struct frame               frames[CUP_PARQUET_DEPTH_MAX + 1];
    struct element             pushed; /* given back: it comes next again */
    bool                       has_pushed;
    struct cup_fault          *fault;
};

static enum cup_err refuse(struct builder *builder, enum cup_err err, const char *what)
{
    return cup_fault_set(builder->fault, err, what, NULL);
}

static enum cup_err next_element(struct builder *builder, struct element *out_element)
{
    if (builder->has_pushed) {
        builder->has_pushed = false;
        *out_element        = builder->pushed;
        return CUP_OK;
    }
    if (builder->left == 0) return refuse(builder, CUP_CORRUPT, "Parquet schema is too short");
    builder->left--;
    *out_element = read_element(builder->in, builder->list_element);
    if (builder->in->bad || out_element->name == NULL)
        return refuse(builder, CUP_CORRUPT, "Parquet schema element");
    if (out_element->children > (int64_t)builder->left || out_element->children == 0)
        return refuse(builder, CUP_CORRUPT, "Parquet schema: number of children");
    return CUP_OK;
}

static char *copy_name(struct builder *builder, const struct element *element)
{
    if (memchr(element->name, '\0', element->name_bytes) != NULL) return NULL;
    char *name = cup_parquet_priv_arena_take(&builder->reader->memory, element->name_bytes + 1u);
    if (name != NULL && element->name_bytes > 0) memcpy(name, element->name, element->name_bytes);
    return name;
}

static enum cup_err open_frame(struct builder *builder, uint32_t node_index, uint32_t count,
                               struct frame frame)
{
    if (builder->depth > CUP_PARQUET_DEPTH_MAX)
        return refuse(builder, CUP_UNSUPPORTED, "Parquet schema is nested too deep");
    frame.node  = node_index;
    frame.left  = count;
    frame.count = count;
    frame.children =
        cup_parquet_priv_arena_take(&builder->reader->memory, count * sizeof *frame.children);
    if (frame.children == NULL) return refuse(builder, CUP_NO_MEMORY, "Parquet schema");
    builder->frames[builder->depth++] = frame;
    return CUP_OK;
}

/* Old writers put the elements themselves where the repeated group belongs: parquet-format,
 * LogicalTypes.md, "Backward-compatibility rules". */
static bool is_two_level(const struct element *list, const struct element *repeated)
{
    static const char tuple[] = "_tuple";
    uint32_t          bytes   = list->name_bytes;

    if (repeated->children != 1) return true; /* a leaf, or a struct of several fields */
    if (repeated->name_bytes == 5 && memcmp(repeated->name, "array", 5) == 0) return true;
    return repeated->name_bytes == bytes + strlen(tuple) &&
           memcmp(repeated->name, list->name, bytes) == 0 &&
           memcmp(repeated->name + bytes, tuple, strlen(tuple)) == 0;
}

/* LIST and MAP groups: the repeated group between them and their children carries no name. */
static enum cup_err open_list(struct builder *builder, struct cup_parquet_node *node,
                              uint32_t node_index, const struct element *element, bool is_map)
{
    struct element repeated;
    uint32_t       children = is_map ? 2 : 1;

    if (element->children != 1)
        return refuse(builder, CUP_CORRUPT, "Parquet list or map of several children");
    enum cup_err err = next_element(builder, &repeated);
    if (err != CUP_OK) return err;
    if (repeated.repetition != REPETITION_REPEATED)
        return refuse(builder, CUP_CORRUPT, "Parquet list or map without a repeated group");
    if (is_map && repeated.children != 2)
        return refuse(builder, CUP_CORRUPT, "Parquet map without key and value");
    if (!is_map && is_two_level(element, &repeated)) {
        repeated.repetition = REPETITION_REQUIRED;
        builder->pushed     = repeated;
        builder->has_pushed = true;
    }
    node->field->type        = is_map ? CUP_TYPE_MAP : CUP_TYPE_LIST;
    node->field->child_count = children;
    err                      = open_frame(builder, node_index, children,
                                          (struct frame){.slot_def = (uint8_t)(node->def + 1),
                                                         .def      = (uint8_t)(node->def + 1),
                                                         .rep      = (uint8_t)(node->rep + 1)});
    if (err == CUP_OK) node->field->children = builder->frames[builder->depth - 1].children;
    return err;
}

static enum cup_err open_group(struct builder *builder, struct cup_parquet_node *node,
                               uint32_t node_index, const struct element *element)
{
    bool is_list = element->logical == LOGICAL_LIST || element->converted == CONVERTED_LIST;
    bool is_map  = element->logical == LOGICAL_MAP || element->converted == CONVERTED_MAP ||
                  element->converted == CONVERTED_MAP_KEY_VALUE;

    if (is_list || is_map) return open_list(builder, node, node_index, element, is_map);
    node->unreadable         = element->children > UINT8_MAX; /* a column counts them in 8 bits */
    node->field->type        = CUP_TYPE_STRUCT;
    node->field->child_count = (uint32_t)element->children;
    enum cup_err err =
        open_frame(builder, node_index, (uint32_t)element->children,
                   (struct frame){.slot_def = node->slot_def, .def = node->def, .rep = node->rep});
    if (err == CUP_OK) node->field->children = builder->frames[builder->depth - 1].children;
    return err;
}

static enum cup_err add_leaf(struct builder *builder, struct cup_parquet_node *node,
                             const struct element *element)
{
    struct cup_parquet_reader *reader = builder->reader;
    int                        type   = type_of(element);

    node->unreadable = type < 0;
    if (type < 0) type = CUP_TYPE_BINARY;
    if (element->type == CUP_PARQUET_FLBA &&
        (element->type_length < 1 || element->type_length > CUP_PARQUET_BODY_MAX))
        return refuse(builder, CUP_CORRUPT, "width of a Parquet column");
    if (reader->leaf_count == CUP_PARQUET_READ_LEAVES_MAX)
        return refuse(builder, CUP_UNSUPPORTED, "Parquet file of too many columns");
    node->is_leaf    = true;
    node->physical   = (uint8_t)element->type;
    node->flba_bytes = element->type == CUP_PARQUET_FLBA ? (uint32_t)element->type_length : 0;
    node->is_millis  = (element->logical == LOGICAL_TIMESTAMP && element->unit == UNIT_MILLIS) ||
                      element->converted == CONVERTED_TIMESTAMP_MILLIS;
    node->field->type = (uint8_t)type;
    if (type == CUP_TYPE_DECIMAL) {
        node->field->precision = (uint8_t)element->precision;
        node->field->scale     = (uint8_t)element->scale;
    }
    reader->leaf_count++;
    return CUP_OK;
}

static enum cup_err add_node(struct builder *builder)
{
    struct cup_parquet_reader *reader = builder->reader;
    struct frame              *parent = &builder->frames[builder->depth - 1];
    uint32_t                   index  = parent->count - parent->left--;
    uint32_t                   at     = reader->node_count++;
    struct cup_parquet_node   *node   = &reader->nodes[at];
    struct element             element;

    enum cup_err err = next_element(builder, &element);
    if (err != CUP_OK) return err;
    if (element.repetition != REPETITION_OPTIONAL && element.repetition != REPETITION_REQUIRED)
        return refuse(builder, CUP_UNSUPPORTED, "repeated Parquet column without a list");
    *node = (struct cup_parquet_node){
        .field    = &parent->children[index],
        .parent   = parent->node,
        .index    = index,
        .top      = parent->node == UINT32_MAX ? index : reader->nodes[parent->node].top,
        .leaf     = reader->leaf_count,
        .slot_def = parent->slot_def,
        .def      = (uint8_t)(parent->def + (element.repetition == REPETITION_OPTIONAL)),
        .rep      = parent->rep,
    };
    node->field->name  = copy_name(builder, &element);
    node->field->flags = element.repetition == REPETITION_REQUIRED ? CUP_FIELD_REQUIRED : 0;
    if (node->field->name == NULL) return refuse(builder, CUP_CORRUPT, "name of a Parquet column");
    if (element.children < 0) return add_leaf(builder, node, &element);
    return open_group(builder, node, at, &element);
}

enum cup_err cup_parquet_priv_read_schema(struct cup_parquet_reader *reader,
                                          struct cup_thrift_in *in, struct cup_thrift_field list,
                                          struct cup_fault *out_fault)
{
    struct builder builder = {.reader = reader, .in = in, .fault = out_fault};
    struct element root;

    if (reader->nodes != NULL) return refuse(&builder, CUP_CORRUPT, "second Parquet schema");
    builder.left = cup_thrift_get_list(in, list, &builder.list_element);
    reader->nodes =
        cup_parquet_priv_arena_take(&reader->memory, (builder.left + 1ul) * sizeof *reader->nodes);
    if (reader->nodes == NULL) return refuse(&builder, CUP_NO_MEMORY, "Parquet schema");
    enum cup_err err = next_element(&builder, &root);
    if (err != CUP_OK) return err;
    if (root.children < 1) return refuse(&builder, CUP_UNSUPPORTED, "Parquet file of no columns");
    err = open_frame(&builder, UINT32_MAX, (uint32_t)root.children, (struct frame){0});
    if (err != CUP_OK) return err;
    reader->fields      = builder.frames[0].children;
    reader->field_count = (uint32_t)root.children;
    while (builder.depth > 0 && err == CUP_OK) {
        if (builder.frames[builder.depth - 1].left == 0)
            builder.depth--;
        else
            err = add_node(&builder);
    }
    if (err == CUP_OK && builder.left > 0)
        return refuse(&builder, CUP_CORRUPT, "Parquet schema is too long");
    return err;
}
