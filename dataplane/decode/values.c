// SPDX-License-Identifier: Apache-2.0
/* The table that says which function reads an encoding, and which column types each can fill; and
 * what is common to all values: texts, lists, equality. */
#include <string.h>

#include "dataplane/decode/values_priv.h"

#define OK ((uint32_t)CUP_OUTCOME_ACCEPTED)

struct cup_span cup_values_priv_text(struct cup_decode *decode, const struct cup_json_node *node)
{
    struct cup_span text = {.at = decode->buf + node->at, .bytes = node->bytes};

    CUP_ASSERT(node->kind == CUP_JSON_STRING);
    if (node->flags & CUP_JSON_ESCAPED) {
        uint8_t *plain = decode->scratch + decode->scratch_used;
        text.bytes     = cup_json_unescape(text.at, text.bytes, plain);
        text.at        = plain;
    }
    return text;
}

/* --- lists and maps --- */

static struct cup_cell child_cell(const struct cup_cell *cell, uint8_t index)
{
    struct cup_cell one = *cell;

    one.column = &cell->column->children[index];
    one.runs   = &cell->table->runs[one.column - cell->table->columns];
    one.row    = cell->column->offsets[cell->row];
    return one;
}

static uint32_t put_list(struct cup_cell *cell, const struct cup_json_node *node)
{
    struct cup_column          *list = cell->column;
    const struct cup_json_node *item = node + 1;
    struct cup_cell             one  = child_cell(cell, 0);
    bool                        any  = node->child_count == 0;

    if (node->kind != CUP_JSON_ARRAY) return CUP_OUTCOME_TYPE_MISMATCH;
    uint32_t outcome = cup_columns_priv_elements(cell, node->child_count);
    if (outcome != OK) return outcome;
    one.member = cell->member->element;
    for (uint32_t i = 0; i < node->child_count; i++, one.row++) {
        outcome = OK;
        any |= item->kind != CUP_JSON_NULL;
        if (item->kind != CUP_JSON_NULL) outcome = one.member->put(&one, item);
        if (outcome != OK && !cup_values_priv_forgive(one.member, outcome)) return outcome;
        if (item->kind == CUP_JSON_NULL || outcome != OK) cup_values_priv_null(&one);
        item = cell->decode->doc.nodes + item->next;
    }
    if (!any) cup_odd_priv_note(cell->decode, cell->member->column, CUP_ODDITY_VALUE_LOST);
    list->offsets[cell->row + 1] = one.row;
    cup_cell_priv_valid(cell);
    return OK;
}

/* {"key": "text", "other": null} */
static uint32_t put_map(struct cup_cell *cell, const struct cup_json_node *node)
{
    struct cup_cell             key = child_cell(cell, 0), value = child_cell(cell, 1);
    const struct cup_json_node *item = node + 1;

    if (node->kind != CUP_JSON_OBJECT) return CUP_OUTCOME_TYPE_MISMATCH;
    uint32_t outcome = cup_columns_priv_elements(cell, node->child_count);
    for (uint32_t i = 0; outcome == OK && i < node->child_count; i++, key.row++, value.row++) {
        struct cup_json_node name = {.kind = CUP_JSON_STRING,
                                     .flags =
                                         item->flags & CUP_JSON_KEY_ESCAPED ? CUP_JSON_ESCAPED : 0,
                                     .at    = item->key_at,
                                     .bytes = item->key_bytes};
        outcome                   = cup_put_priv_string(&key, &name);
        if (item->kind == CUP_JSON_NULL)
            cup_values_priv_null(&value);
        else if (outcome == OK)
            outcome = cup_put_priv_string(&value, item);
        item = cell->decode->doc.nodes + item->next;
    }
    if (outcome != OK) return outcome;
    cell->column->offsets[cell->row + 1] = key.row;
    cup_cell_priv_valid(cell);
    return OK;
}

#define TYPE(id) (1u << CUP_TYPE_##id)
#define INTEGERS (TYPE(BYTE) | TYPE(SHORT) | TYPE(INT) | TYPE(LONG) | TYPE(DECIMAL))
#define DECIMALS (TYPE(DECIMAL) | TYPE(STRING))          /* STRING: exact digits */
#define LOCAL    (TYPE(TIMESTAMP_NTZ) | TYPE(TIMESTAMP)) /* TIMESTAMP: a contract says UTC */

static const struct {
    cup_value_fn *put;
    uint32_t      types; /* that its columns can have */
} encodings[CUP_ENCODING_COUNT] = {
    [CUP_ENCODING_BOOL]                       = {cup_put_priv_bool, TYPE(BOOL)},
    [CUP_ENCODING_INT8]                       = {cup_put_priv_integer, INTEGERS},
    [CUP_ENCODING_INT16]                      = {cup_put_priv_integer, INTEGERS},
    [CUP_ENCODING_INT32]                      = {cup_put_priv_integer, INTEGERS},
    [CUP_ENCODING_INT64]                      = {cup_put_priv_integer, INTEGERS},
    [CUP_ENCODING_FLOAT]                      = {cup_put_priv_float, TYPE(FLOAT) | TYPE(DOUBLE)},
    [CUP_ENCODING_DOUBLE]                     = {cup_put_priv_double, TYPE(DOUBLE)},
    [CUP_ENCODING_STRING]                     = {cup_put_priv_string, TYPE(STRING)},
    [CUP_ENCODING_JSON]                       = {cup_put_priv_string, TYPE(STRING)},
    [CUP_ENCODING_UUID]                       = {cup_put_priv_uuid, TYPE(STRING)},
    [CUP_ENCODING_ENUM]                       = {cup_put_priv_enum, TYPE(STRING)},
    [CUP_ENCODING_XML]                        = {cup_put_priv_string, TYPE(STRING)},
    [CUP_ENCODING_BYTES_BASE64]               = {cup_put_priv_base64, TYPE(BINARY)},
    [CUP_ENCODING_BYTES_BASE64URL]            = {cup_put_priv_base64url, TYPE(BINARY)},
    [CUP_ENCODING_BYTES_HEX]                  = {cup_put_priv_hex, TYPE(BINARY)},
    [CUP_ENCODING_DECIMAL_BASE64]             = {cup_put_priv_decimal_base64, DECIMALS},
    [CUP_ENCODING_DECIMAL_TEXT]               = {cup_put_priv_decimal_text, DECIMALS},
    [CUP_ENCODING_DECIMAL_NUMBER]             = {cup_put_priv_decimal_number, DECIMALS},
    [CUP_ENCODING_DECIMAL_VARIABLE]           = {cup_put_priv_decimal_variable, DECIMALS},
    [CUP_ENCODING_DATE_DAYS]                  = {cup_put_priv_days, TYPE(DATE)},
    [CUP_ENCODING_DATE_CONNECT]               = {cup_put_priv_days, TYPE(DATE)},
    [CUP_ENCODING_DATE_ISO]                   = {cup_put_priv_date_iso, TYPE(DATE)},
    [CUP_ENCODING_TIME_MS]                    = {cup_put_priv_time_ms, TYPE(LONG)},
    [CUP_ENCODING_TIME_CONNECT]               = {cup_put_priv_time_ms, TYPE(LONG)},
    [CUP_ENCODING_TIME_US]                    = {cup_put_priv_time_us, TYPE(LONG)},
    [CUP_ENCODING_TIME_NS]                    = {cup_put_priv_time_ns, TYPE(LONG)},
    [CUP_ENCODING_TIMESTAMP_MS]               = {cup_put_priv_timestamp_ms, LOCAL},
    [CUP_ENCODING_TIMESTAMP_CONNECT]          = {cup_put_priv_timestamp_ms, LOCAL},
    [CUP_ENCODING_TIMESTAMP_US]               = {cup_put_priv_timestamp_us, LOCAL},
    [CUP_ENCODING_TIMESTAMP_NS]               = {cup_put_priv_timestamp_ns, LOCAL},
    [CUP_ENCODING_TIMESTAMP_ISO]              = {cup_put_priv_timestamp_iso, LOCAL},
    [CUP_ENCODING_TIMESTAMP_ZONED]            = {cup_put_priv_timestamp_zoned, TYPE(TIMESTAMP)},
    [CUP_ENCODING_LIST]                       = {put_list, TYPE(LIST)},
    [CUP_ENCODING_MAP]                        = {put_map, TYPE(MAP)},
    [CUP_ENCODING_YEAR]                       = {cup_put_priv_integer, TYPE(INT) | TYPE(LONG)},
    [CUP_ENCODING_BITS]                       = {cup_put_priv_bits, TYPE(STRING)},
    [CUP_ENCODING_ENUM_SET]                   = {cup_put_priv_string, TYPE(STRING)},
    [CUP_ENCODING_INTERVAL_ISO]               = {cup_put_priv_string, TYPE(STRING)},
    [CUP_ENCODING_DURATION_US]                = {cup_put_priv_duration_us, TYPE(LONG)},
    [CUP_ENCODING_DURATION_NS]                = {cup_put_priv_duration_ns, TYPE(LONG)},
    [CUP_ENCODING_TIME_ISO]                   = {cup_put_priv_time_iso, TYPE(LONG)},
    [CUP_ENCODING_TIME_ZONED]                 = {cup_put_priv_time_zoned, TYPE(STRING)},
    [CUP_ENCODING_POINT]                      = {cup_put_priv_wkb, TYPE(STRING)},
    [CUP_ENCODING_GEOMETRY]                   = {cup_put_priv_wkb, TYPE(STRING)},
    [CUP_ENCODING_GEOGRAPHY]                  = {cup_put_priv_wkb, TYPE(STRING)},
    [CUP_ENCODING_TEXT_BASE64]                = {cup_put_priv_text_base64, TYPE(STRING)},
    [CUP_ENCODING_JSON_TEXT]                  = {cup_put_priv_json_text, TYPE(STRING)},
    [CUP_ENCODING_SPARSE_VECTOR]              = {cup_put_priv_json_text, TYPE(STRING)},
    [CUP_ENCODING_DATE_STRUCTURED]            = {cup_put_priv_date_structured, TYPE(DATE)},
    [CUP_ENCODING_TIME_STRUCTURED]            = {cup_put_priv_time_structured, TYPE(LONG)},
    [CUP_ENCODING_TIMESTAMP_STRUCTURED]       = {cup_put_priv_timestamp_structured, LOCAL},
    [CUP_ENCODING_ZONED_TIMESTAMP_STRUCTURED] = {cup_put_priv_zoned_structured, TYPE(TIMESTAMP)},
    [CUP_ENCODING_ZONED_TIME_STRUCTURED]      = {cup_put_priv_json_text, TYPE(STRING)},
    [CUP_ENCODING_DURATION_STRUCTURED]        = {cup_put_priv_json_text, TYPE(STRING)},
    [CUP_ENCODING_TIMESTAMP_TEXT]             = {cup_texts_priv_timestamp, LOCAL},
    [CUP_ENCODING_TIMESTAMP_EXTENDED]         = {cup_texts_priv_instant, LOCAL},
    [CUP_ENCODING_TIME_TEXT]                  = {cup_texts_priv_time, TYPE(LONG)},
    [CUP_ENCODING_BYTES_LATIN1]               = {cup_texts_priv_latin1, TYPE(BINARY)},
};

cup_value_fn *cup_values_priv_find(enum cup_encoding encoding, enum cup_type type)
{
    CUP_ASSERT(encoding < CUP_ENCODING_COUNT);
    CUP_ASSERT(type < CUP_TYPE_COUNT);
    return encodings[encoding].types >> type & 1 ? encodings[encoding].put : NULL;
}

bool cup_values_priv_forgive(const struct cup_member *member, uint32_t outcome)
{
    if (outcome == CUP_OUTCOME_TIME_RANGE) return member->options & CUP_MEMBER_RANGE_NULL;
    if (outcome == CUP_OUTCOME_NOT_FINITE) return member->options & CUP_MEMBER_NOT_FINITE_NULL;
    return false;
}

static bool equal_var(const struct cup_column *column, uint32_t a, uint32_t b)
{
    uint32_t bytes = column->offsets[a + 1] - column->offsets[a];

    if (column->offsets[b + 1] - column->offsets[b] != bytes) return false;
    return memcmp(column->text + column->offsets[a], column->text + column->offsets[b], bytes) == 0;
}

bool cup_values_priv_equal(const struct cup_column *column, uint32_t a, uint32_t b)
{
    if (cup_column_is_null(column, a) || cup_column_is_null(column, b))
        return cup_column_is_null(column, a) == cup_column_is_null(column, b);
    switch ((enum cup_vec)column->vec) {
    case CUP_VEC_BITS: return cup_bit_get(column->bits, a) == cup_bit_get(column->bits, b);
    case CUP_VEC_I32: return column->i32[a] == column->i32[b];
    case CUP_VEC_I64: return column->i64[a] == column->i64[b];
    case CUP_VEC_I128: return column->i128[a] == column->i128[b];
    case CUP_VEC_F32: return memcmp(&column->f32[a], &column->f32[b], sizeof(float)) == 0;
    case CUP_VEC_F64: return memcmp(&column->f64[a], &column->f64[b], sizeof(double)) == 0;
    case CUP_VEC_VAR: return equal_var(column, a, b);
    case CUP_VEC_LIST:
    case CUP_VEC_NONE: return false; /* no source has a list in a key */
    }
    return false;
}
