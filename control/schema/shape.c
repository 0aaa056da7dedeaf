// SPDX-License-Identifier: Apache-2.0
#include "control/schema/shape.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DECIMAL_NAME "org.apache.kafka.connect.data.Decimal"
#define TIME_PREFIX  "io.debezium.time."
#define PARSE_FLAGS  JSON_REJECT_DUPLICATES

/* PostgreSQL's scale is a number of 11 bits: numeric(3,-2) has 2046. Real ones end at 1000. */
#define SCALE_MODULUS 2048
#define SCALE_REAL    1000

static const char *text_of(const json_t *node, const char *member)
{
    const char *text = json_string_value(json_object_get(node, member));
    return text == NULL ? "" : text;
}

/* Schema parameters are strings. False when the parameter is missing or no integer. */
static bool parameter(const json_t *node, const char *name, int32_t *out_value)
{
    const char *text = text_of(json_object_get(node, "parameters"), name);
    char       *end;

    errno      = 0;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno != 0) return false;
    if (value < -CUP_PLAN_SCALE_MAX || value > CUP_PLAN_SCALE_MAX) return false;
    *out_value = (int32_t)value;
    return true;
}

int32_t cup_shape_true_scale(int32_t wire_scale)
{
    return wire_scale > SCALE_REAL && wire_scale < SCALE_MODULUS ? wire_scale - SCALE_MODULUS
                                                                 : wire_scale;
}

/* A decimal that no decimal(38) is sure to hold is kept as its exact digits. One without precision
 * is an amount of money. */
static bool decimal_of(const json_t *node, struct cup_shape_type *out_is)
{
    struct cup_shape_type is        = {.encoding = CUP_ENCODING_DECIMAL_BASE64};
    int32_t               precision = 0;

    if (!parameter(node, "scale", &is.wire_scale)) return false;
    bool    known = parameter(node, "connect.decimal.precision", &precision);
    int32_t scale = cup_shape_true_scale(is.wire_scale);
    if (scale < 0) precision -= scale; /* zeros before the point */
    if (!known) is.options |= CUP_MEMBER_MONEY;
    if (known && precision >= 1 && precision <= CUP_DECIMAL_PRECISION_MAX && scale <= precision) {
        is.type      = CUP_TYPE_DECIMAL;
        is.precision = (uint8_t)precision;
        is.scale     = (uint8_t)(scale < 0 ? 0 : scale);
    } else {
        is.type = CUP_TYPE_STRING;
    }
    *out_is = is;
    return true;
}

/* Bits of an unlimited type have the length INT32_MAX; a longer one is not padded either. */
static void bits_of(const json_t *node, struct cup_shape_type *is)
{
    if (!parameter(node, "length", &is->wire_scale) || is->wire_scale < 0) is->wire_scale = 0;
}

/* A text with a meaning of its own (inet, ltree, ...) is kept verbatim; a time that has no row is
 * not: it would have a type. */
static bool is_plain_text(const char *type, const char *semantic)
{
    if (strcmp(type, "string") != 0) return false;
    return strncmp(semantic, TIME_PREFIX, strlen(TIME_PREFIX)) != 0;
}

static bool scalar_of(const json_t *node, struct cup_shape_type *out_is)
{
    const char *type = text_of(node, "type"), *semantic = text_of(node, "name");

    if (strcmp(type, "bytes") == 0 && strcmp(semantic, DECIMAL_NAME) == 0)
        return decimal_of(node, out_is);
    for (uint8_t i = 0; i < CUP_ENCODING_COUNT; i++) {
        const struct cup_encoding_row *row = cup_encoding_row((enum cup_encoding)i);
        if (i == CUP_ENCODING_LIST || i == CUP_ENCODING_MAP ||
            strcmp(row->connect_type, type) != 0 || strcmp(row->semantic, semantic) != 0)
            continue;
        struct cup_shape_type is = {.type = row->type, .encoding = i};
        if (i == CUP_ENCODING_BITS) bits_of(node, &is);
        const char *allowed = text_of(json_object_get(node, "parameters"), "allowed");
        if (i == CUP_ENCODING_ENUM && strstr(allowed, "\\,") != NULL)
            is.options |= CUP_MEMBER_LABEL_COMMA;
        *out_is = is;
        return true;
    }
    if (!is_plain_text(type, semantic)) return false;
    *out_is = (struct cup_shape_type){.type = CUP_TYPE_STRING, .encoding = CUP_ENCODING_STRING};
    return true;
}

/* Maps of texts by text; those with other keys are not written as objects. */
static bool map_of(const json_t *node, struct cup_shape_type *out_is)
{
    const json_t *key = json_object_get(node, "keys"), *value = json_object_get(node, "values");

    if (strcmp(text_of(key, "type"), "string") != 0) return false;
    if (strcmp(text_of(value, "type"), "string") != 0) return false;
    *out_is = (struct cup_shape_type){.type = CUP_TYPE_MAP, .encoding = CUP_ENCODING_MAP};
    return true;
}

static bool type_of(const json_t *node, struct cup_shape_type *out_is)
{
    struct cup_shape_type element;

    if (strcmp(text_of(node, "type"), "map") == 0) return map_of(node, out_is);
    if (strcmp(text_of(node, "type"), "array") != 0) return scalar_of(node, out_is);
    if (!scalar_of(json_object_get(node, "items"), &element)) return false;
    *out_is = (struct cup_shape_type){.type             = CUP_TYPE_LIST,
                                      .precision        = element.precision,
                                      .scale            = element.scale,
                                      .element_type     = element.type,
                                      .encoding         = CUP_ENCODING_LIST,
                                      .element_encoding = element.encoding,
                                      .wire_scale       = element.wire_scale,
                                      .options          = element.options};
    return true;
}

bool cup_shape_out_of_line(enum cup_encoding encoding)
{
    switch (encoding) {
    case CUP_ENCODING_STRING:
    case CUP_ENCODING_JSON:
    case CUP_ENCODING_XML:
    case CUP_ENCODING_BYTES_BASE64:
    case CUP_ENCODING_BYTES_BASE64URL:
    case CUP_ENCODING_BYTES_HEX:
    case CUP_ENCODING_DECIMAL_TEXT:
    case CUP_ENCODING_TEXT_BASE64:
    case CUP_ENCODING_MAP:
    case CUP_ENCODING_LIST: return true;
    default: return false;
    }
}

bool cup_shape_hides(const struct cup_shape_type *is)
{
    uint8_t encoding = is->encoding == CUP_ENCODING_LIST ? is->element_encoding : is->encoding;
    bool    list     = is->encoding == CUP_ENCODING_LIST;

    switch (encoding) {
    case CUP_ENCODING_DECIMAL_VARIABLE:
    case CUP_ENCODING_BYTES_BASE64URL: return true;
    case CUP_ENCODING_DECIMAL_NUMBER: return !list && is->type == CUP_TYPE_STRING;
    case CUP_ENCODING_BYTES_HEX:
    case CUP_ENCODING_DOUBLE:
    case CUP_ENCODING_DATE_ISO:
    case CUP_ENCODING_DATE_CONNECT: return list;
    default: return false;
    }
}

/* The default of a nullable column, which a null is replaced by: compared as JSON with values. */
static const char *standard_of(struct cup_keep *keep, const json_t *node)
{
    const json_t *standard = json_object_get(node, "default");

    if (!json_is_true(json_object_get(node, "optional")) || standard == NULL) return "";
    char *text = json_dumps(standard, JSON_ENCODE_ANY | JSON_COMPACT);
    if (text == NULL) return "";
    const char *kept = cup_keep_string(keep, text);
    free(text);
    return kept;
}

static void read_options(struct cup_shape_member *member, bool postgres)
{
    struct cup_shape_type *is = &member->is;

    is->unavailable = postgres && cup_shape_out_of_line((enum cup_encoding)is->encoding);
    if (!postgres) is->options &= ~(uint32_t)CUP_MEMBER_MONEY;
    if (postgres && cup_shape_hides(is)) is->options |= CUP_MEMBER_NULL_MAY_BE_UNSET;
    if (*member->standard != '\0') is->options |= CUP_MEMBER_NULL_HAS_DEFAULT;
}

static void put_unsupported(struct cup_text *says, const char *member, const json_t *node)
{
    const json_t *inner = json_object_get(node, "items");

    cup_text_printf(says, "column \"%s\" has the type %s", member, text_of(node, "type"));
    if (*text_of(node, "name") != '\0') cup_text_printf(says, " (%s)", text_of(node, "name"));
    if (inner != NULL)
        cup_text_printf(says, " of %s %s", text_of(inner, "type"), text_of(inner, "name"));
    cup_text_puts(says, ", which this version of cupel cannot store without loss");
}

static const json_t *field_of(const json_t *schema, const char *name)
{
    const json_t *fields = json_object_get(schema, "fields");

    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        if (strcmp(text_of(field, "field"), name) == 0) return field;
    }
    return NULL;
}

/* metadata: what the names of members begin with that are no columns; NULL: there are none. */
static enum cup_err read_members(struct cup_keep *keep, const json_t *row, const char *connector,
                                 const char *metadata, struct cup_shape *shape,
                                 struct cup_text *says)
{
    const json_t *fields   = json_object_get(row, "fields");
    size_t        count    = json_array_size(fields);
    bool          postgres = strcmp(connector, "postgresql") == 0;

    if (count == 0 || count > CUP_PLAN_COLUMNS_MAX) {
        cup_text_printf(says, "the schema has %zu columns; allowed: 1 to %u", count,
                        CUP_PLAN_COLUMNS_MAX);
        return CUP_BAD_DATA;
    }
    shape->members = cup_keep_bytes(keep, count * sizeof(*shape->members));
    for (size_t i = 0; i < count; i++) {
        const json_t            *node   = json_array_get(fields, i);
        struct cup_shape_member *member = &shape->members[shape->member_count];
        const char              *name   = text_of(node, "field");
        if (metadata != NULL && strncmp(name, metadata, strlen(metadata)) == 0) continue;
        if (*name == '\0') {
            cup_text_printf(says, "column %zu of the schema has no name", i + 1);
            return CUP_BAD_DATA;
        }
        if (!type_of(node, &member->is)) {
            put_unsupported(says, name, node);
            return CUP_BAD_DATA;
        }
        member->name     = cup_keep_string(keep, name);
        member->comment  = cup_keep_string(keep, text_of(node, "doc"));
        member->standard = standard_of(keep, node);
        read_options(member, postgres);
        shape->member_count++;
    }
    if (shape->member_count > 0) return CUP_OK;
    cup_text_puts(says, "the schema has no columns");
    return CUP_BAD_DATA;
}

static enum cup_err read_key(struct cup_keep *keep, const json_t *key, struct cup_shape *shape,
                             struct cup_text *says)
{
    const json_t *fields = json_object_get(key, "fields");
    size_t        count  = json_array_size(fields);

    if (strcmp(text_of(key, "type"), "struct") != 0 || count == 0) {
        cup_text_puts(says, "the key's schema is no struct of columns");
        return CUP_BAD_DATA;
    }
    shape->keys = cup_keep_bytes(keep, count * sizeof(*shape->keys));
    for (size_t i = 0; i < count; i++) {
        const char *name = text_of(json_array_get(fields, i), "field");
        uint32_t    m    = 0;
        while (m < shape->member_count && strcmp(shape->members[m].name, name) != 0)
            m++;
        if (m == shape->member_count) {
            cup_text_printf(says, "the key names \"%s\", which is no column of the row", name);
            return CUP_BAD_DATA;
        }
        shape->keys[i] = shape->members[m].name;
    }
    shape->key_count = (uint32_t)count;
    return CUP_OK;
}

static json_t *load(const char *text, const char *what, struct cup_text *says)
{
    json_error_t error;
    json_t      *root = json_loads(text, PARSE_FLAGS, &error);

    if (root == NULL) cup_text_printf(says, "%s is no JSON: %s", what, error.text);
    return root;
}

static enum cup_err parse(struct cup_keep *keep, const char *schema, const char *key_schema,
                          const char *connector, const char *metadata, struct cup_shape *out_shape,
                          struct cup_text *says)
{
    struct cup_shape shape = {0};
    enum cup_err     err   = CUP_BAD_DATA;
    json_t          *key   = NULL;

    CUP_ASSERT(schema != NULL && key_schema != NULL);
    CUP_ASSERT(connector != NULL && says != NULL);
    json_t *root = load(schema, "the schema", says);
    if (root == NULL) return CUP_BAD_DATA;
    const json_t *row = metadata != NULL ? root : field_of(root, "after");
    if (row == NULL) row = field_of(root, "before");
    if (row == NULL) {
        cup_text_puts(says, "the schema is no change envelope: it has neither before nor after");
        goto out;
    }
    err = read_members(keep, row, connector, metadata, &shape, says);
    if (err != CUP_OK || *key_schema == '\0') goto out;
    key = load(key_schema, "the key's schema", says);
    err = key == NULL ? CUP_BAD_DATA : read_key(keep, key, &shape, says);
out:
    json_decref(key);
    json_decref(root);
    if (err == CUP_OK) *out_shape = shape;
    return err;
}

enum cup_err cup_shape_parse(struct cup_keep *keep, const char *schema, const char *key_schema,
                             const char *connector, struct cup_shape *out_shape,
                             struct cup_text *says)
{
    return parse(keep, schema, key_schema, connector, NULL, out_shape, says);
}

enum cup_err cup_shape_parse_row(struct cup_keep *keep, const char *schema, const char *key_schema,
                                 const char *connector, const char *metadata,
                                 struct cup_shape *out_shape, struct cup_text *says)
{
    CUP_ASSERT(metadata != NULL);
    return parse(keep, schema, key_schema, connector, metadata, out_shape, says);
}

bool cup_shape_same_type(const struct cup_shape_type *a, const struct cup_shape_type *b)
{
    if (a->type != b->type || a->element_type != b->element_type) return false;
    return a->precision == b->precision && a->scale == b->scale;
}

bool cup_shape_fits(const struct cup_shape_type *column, const struct cup_shape_type *wire)
{
    if (cup_shape_same_type(column, wire)) return true;
    switch (column->type) {
    case CUP_TYPE_SHORT: return wire->type == CUP_TYPE_BYTE;
    case CUP_TYPE_INT: return wire->type == CUP_TYPE_BYTE || wire->type == CUP_TYPE_SHORT;
    case CUP_TYPE_LONG: /* a time of day is also a long, but of another unit */
        return wire->type == CUP_TYPE_BYTE || wire->type == CUP_TYPE_SHORT ||
               wire->type == CUP_TYPE_INT;
    case CUP_TYPE_DOUBLE: return wire->type == CUP_TYPE_FLOAT;
    case CUP_TYPE_DECIMAL:
        return wire->type == CUP_TYPE_DECIMAL && column->scale >= wire->scale &&
               column->precision - column->scale >= wire->precision - wire->scale;
    default: return false;
    }
}

void cup_shape_put_type(struct cup_text *text, const struct cup_shape_type *is)
{
    bool    list  = is->type == CUP_TYPE_LIST;
    uint8_t inner = list ? is->element_type : is->type;

    if (is->type == CUP_TYPE_MAP) {
        cup_text_puts(text, "map<string,string>");
        return;
    }
    cup_text_printf(text, "%s%s", list ? "array<" : "", cup_type_delta((enum cup_type)inner));
    if (inner == CUP_TYPE_DECIMAL) cup_text_printf(text, "(%u,%u)", is->precision, is->scale);
    if (list) cup_text_puts(text, ">");
}
