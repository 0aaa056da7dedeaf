// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/deliver/json_row_priv.h"
#include "kernels/token/canon.h"
#include "kernels/value/binary.h"

#define REAL_BYTES 40u

typedef void put_fn(struct cup_text *out, const struct cup_field *field,
                    const struct cup_column *column, uint32_t at, enum cup_output_schema schema);

static void put_integer(struct cup_text *out, int64_t value)
{
    char     room[24];
    char    *to   = room + sizeof room;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        *--to = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) *--to = '-';
    cup_text_put(out, to, (size_t)(room + sizeof room - to));
}

static void put_bool(struct cup_text *out, const struct cup_field *field,
                     const struct cup_column *column, uint32_t at, enum cup_output_schema schema)
{
    (void)field;
    (void)schema;
    cup_text_puts(out, cup_bit_get(column->bits, at) ? "true" : "false");
}

static void put_i32(struct cup_text *out, const struct cup_field *field,
                    const struct cup_column *column, uint32_t at, enum cup_output_schema schema)
{
    (void)field;
    (void)schema;
    put_integer(out, column->i32[at]);
}

static void put_i64(struct cup_text *out, const struct cup_field *field,
                    const struct cup_column *column, uint32_t at, enum cup_output_schema schema)
{
    (void)field;
    (void)schema;
    put_integer(out, column->i64[at]);
}

static bool put_no_number(struct cup_text *out, double value)
{
    if (isfinite(value)) return false;
    cup_text_puts(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    return true;
}

/* Digits that read back as the same value: nine, or seventeen, always do. */
static void put_f32(struct cup_text *out, const struct cup_field *field,
                    const struct cup_column *column, uint32_t at, enum cup_output_schema schema)
{
    float value = column->f32[at];
    char  room[REAL_BYTES];

    (void)field;
    (void)schema;
    if (put_no_number(out, (double)value)) return;
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(room, sizeof room, "%.*g", digits, (double)value);
        if (strtof(room, NULL) == value) break;
    }
    cup_text_puts(out, room);
}

static void put_f64(struct cup_text *out, const struct cup_field *field,
                    const struct cup_column *column, uint32_t at, enum cup_output_schema schema)
{
    double value = column->f64[at];
    char   room[REAL_BYTES];

    (void)field;
    (void)schema;
    if (put_no_number(out, value)) return;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(room, sizeof room, "%.*g", digits, value);
        if (strtod(room, NULL) == value) break;
    }
    cup_text_puts(out, room);
}

/* What has a canonical text: decimals, dates, moments. */
static void put_canon(struct cup_text *out, const struct cup_field *field,
                      const struct cup_column *column, uint32_t at, enum cup_output_schema schema)
{
    char        room[CUP_CANON_BYTES];
    const void *text;
    uint32_t    bytes = cup_canon_bytes(column, field->type, field->scale, at, room, &text);

    (void)schema;
    cup_text_put(out, "\"", 1);
    cup_text_put(out, text, bytes);
    cup_text_put(out, "\"", 1);
}

static void put_base64(struct cup_text *out, const uint8_t *bytes, size_t count)
{
    cup_text_put(out, "\"", 1);
    uint8_t *room = cup_text_room(out, (count + 2) / 3 * 4);
    if (room != NULL) (void)cup_base64_encode(bytes, count, room); /* its length is the room's */
    cup_text_put(out, "\"", 1);
}

/* As few bytes, highest first, as hold the integer and its sign. */
static void put_unscaled(struct cup_text *out, cup_i128 value)
{
    uint8_t  bytes[16];
    uint32_t first = 0;

    for (uint32_t i = 0; i < 16; i++)
        bytes[15 - i] = (uint8_t)(value >> (8 * i) & 0xff);
    uint8_t sign = value < 0 ? 0xff : 0;
    while (first < 15 && bytes[first] == sign && (bytes[first + 1] & 0x80) == (sign & 0x80))
        first++;
    put_base64(out, bytes + first, 16 - first);
}

static void put_decimal(struct cup_text *out, const struct cup_field *field,
                        const struct cup_column *column, uint32_t at, enum cup_output_schema schema)
{
    if (schema == CUP_OUTPUT_SCHEMALESS)
        put_canon(out, field, column, at, schema);
    else
        put_unscaled(out, column->i128[at]);
}

static void put_date(struct cup_text *out, const struct cup_field *field,
                     const struct cup_column *column, uint32_t at, enum cup_output_schema schema)
{
    if (schema == CUP_OUTPUT_SCHEMALESS)
        put_canon(out, field, column, at, schema);
    else
        put_integer(out, column->i32[at]);
}

static void put_ntz(struct cup_text *out, const struct cup_field *field,
                    const struct cup_column *column, uint32_t at, enum cup_output_schema schema)
{
    if (schema == CUP_OUTPUT_SCHEMALESS)
        put_canon(out, field, column, at, schema);
    else
        put_integer(out, column->i64[at]);
}

static void put_string(struct cup_text *out, const struct cup_field *field,
                       const struct cup_column *column, uint32_t at, enum cup_output_schema schema)
{
    uint32_t start = column->offsets[at];

    (void)field;
    (void)schema;
    cup_text_json(out, column->text + start, column->offsets[at + 1] - start);
}

static void put_binary(struct cup_text *out, const struct cup_field *field,
                       const struct cup_column *column, uint32_t at, enum cup_output_schema schema)
{
    uint32_t start = column->offsets[at];

    (void)field;
    (void)schema;
    put_base64(out, column->text + start, column->offsets[at + 1] - start);
}

static void put_or_null(struct cup_text *out, const struct cup_field *field,
                        const struct cup_column *column, uint32_t at, enum cup_output_schema schema)
{
    if (cup_column_is_null(column, at))
        cup_text_put(out, "null", 4);
    else
        cup_json_row_priv_value(out, field, column, at, schema);
}

static void put_list(struct cup_text *out, const struct cup_field *field,
                     const struct cup_column *column, uint32_t at, enum cup_output_schema schema)
{
    cup_text_put(out, "[", 1);
    for (uint32_t i = column->offsets[at]; i < column->offsets[at + 1]; i++) {
        if (i > column->offsets[at]) cup_text_put(out, ",", 1);
        put_or_null(out, &field->children[0], &column->children[0], i, schema);
    }
    cup_text_put(out, "]", 1);
}

static void put_map(struct cup_text *out, const struct cup_field *field,
                    const struct cup_column *column, uint32_t at, enum cup_output_schema schema)
{
    cup_text_put(out, "{", 1);
    for (uint32_t i = column->offsets[at]; i < column->offsets[at + 1]; i++) {
        if (i > column->offsets[at]) cup_text_put(out, ",", 1);
        put_string(out, &field->children[0], &column->children[0], i, schema);
        cup_text_put(out, ":", 1);
        put_or_null(out, &field->children[1], &column->children[1], i, schema);
    }
    cup_text_put(out, "}", 1);
}

static put_fn *const puts_of[CUP_TYPE_COUNT] = {
    [CUP_TYPE_BOOL] = put_bool,         [CUP_TYPE_BYTE] = put_i32,
    [CUP_TYPE_SHORT] = put_i32,         [CUP_TYPE_INT] = put_i32,
    [CUP_TYPE_LONG] = put_i64,          [CUP_TYPE_FLOAT] = put_f32,
    [CUP_TYPE_DOUBLE] = put_f64,        [CUP_TYPE_DECIMAL] = put_decimal,
    [CUP_TYPE_DATE] = put_date,         [CUP_TYPE_TIMESTAMP] = put_canon,
    [CUP_TYPE_TIMESTAMP_NTZ] = put_ntz, [CUP_TYPE_STRING] = put_string,
    [CUP_TYPE_BINARY] = put_binary,     [CUP_TYPE_LIST] = put_list,
    [CUP_TYPE_MAP] = put_map,
};

void cup_json_row_priv_value(struct cup_text *out, const struct cup_field *field,
                             const struct cup_column *column, uint32_t at,
                             enum cup_output_schema schema)
{
    CUP_ASSERT(field->type < CUP_TYPE_COUNT);
    CUP_ASSERT(puts_of[field->type] != NULL); /* plans have no other types */
    puts_of[field->type](out, field, column, at, schema);
}

void cup_json_row_priv_quote(struct cup_text *out, const char *text)
{
    cup_text_json(out, text, strlen(text));
}
