// SPDX-License-Identifier: Apache-2.0
/* Booleans, integers, floating point and decimals. */
#include <math.h>
#include <string.h>

#include "dataplane/decode/values_priv.h"
#include "kernels/value/real.h"

#define OK ((uint32_t)CUP_OUTCOME_ACCEPTED)

/* --- BOOL, integers, floating point --- */

uint32_t cup_put_priv_bool(struct cup_cell *cell, const struct cup_json_node *node)
{
    const uint32_t options = cell->member->options;
    bool           value   = node->kind == CUP_JSON_TRUE;
    int64_t        number;

    if (node->kind == CUP_JSON_NUMBER &&
        options & (CUP_MEMBER_BOOL_NONZERO | CUP_MEMBER_BOOL_STRICT)) {
        uint32_t outcome = cup_cell_priv_integer(cell, node, &number);
        if (outcome != OK) return outcome;
        value = number != 0;
        if (options & CUP_MEMBER_BOOL_STRICT && number != value) return CUP_OUTCOME_INT_OVERFLOW;
    } else if (!value && node->kind != CUP_JSON_FALSE) {
        return CUP_OUTCOME_TYPE_MISMATCH;
    }
    cup_bit_set(cell->column->bits, cell->row, value);
    cup_cell_priv_valid(cell);
    return OK;
}

static struct cup_decimal_type decimal_type(const struct cup_cell *cell)
{
    return (struct cup_decimal_type){.precision = cell->member->precision,
                                     .scale     = cell->member->scale};
}

/* Unsigned 64-bit columns are decimal(20,0): their integers are read as decimals, not as INT64. */
static uint32_t put_integer_as_decimal(const struct cup_cell      *cell,
                                       const struct cup_json_node *node)
{
    const uint8_t *text = cup_cell_priv_text(cell, node);
    cup_i128       value;

    if (node->kind != CUP_JSON_NUMBER) return CUP_OUTCOME_TYPE_MISMATCH;
    for (uint32_t i = 0; i < node->bytes; i++)
        if (text[i] == '.' || (text[i] | 0x20) == 'e') return CUP_OUTCOME_TYPE_MISMATCH;
    uint32_t outcome =
        cup_cell_priv_outcome(cup_decimal_text(text, node->bytes, decimal_type(cell), &value),
                              CUP_OUTCOME_TYPE_MISMATCH, CUP_OUTCOME_INT_OVERFLOW);
    if (outcome != OK) return outcome;
    if (value < 0 && cell->member->options & CUP_MEMBER_UNSIGNED) {
        if ((cell->member->options & CUP_MEMBER_UNSIGNED_WRAPPED) == 0 || value < INT64_MIN)
            return CUP_OUTCOME_INT_OVERFLOW;
        value += (cup_i128)UINT64_MAX + 1;
    }
    return cup_cell_priv_128(cell, value);
}

uint32_t cup_put_priv_integer(struct cup_cell *cell, const struct cup_json_node *node)
{
    int64_t value, most = INT32_MAX;

    if (cell->member->type == CUP_TYPE_DECIMAL) return put_integer_as_decimal(cell, node);
    uint32_t outcome = cup_cell_priv_integer(cell, node, &value);
    if (outcome != OK) return outcome;
    if (value < 0 && cell->member->options & CUP_MEMBER_UNSIGNED) return CUP_OUTCOME_INT_OVERFLOW;
    if (cell->member->type == CUP_TYPE_LONG) return cup_cell_priv_64(cell, value);
    if (cell->member->type == CUP_TYPE_BYTE) most = INT8_MAX;
    if (cell->member->type == CUP_TYPE_SHORT) most = INT16_MAX;
    if (value > most || value < -most - 1) return CUP_OUTCOME_INT_OVERFLOW;
    return cup_cell_priv_32(cell, (int32_t)value);
}

/* Producers write what JSON cannot say as strings. */
static bool read_special(struct cup_span text, double *out_value)
{
    static const struct {
        const char *text;
        double      value;
    } specials[] = {{"NaN", (double)NAN}, {"Infinity", HUGE_VAL}, {"-Infinity", -HUGE_VAL}};

    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        if (strlen(specials[i].text) != text.bytes) continue;
        if (memcmp(specials[i].text, text.at, text.bytes) != 0) continue;
        *out_value = specials[i].value;
        return true;
    }
    return false;
}

static uint32_t put_real(const struct cup_cell *cell, double value)
{
    if (cell->column->vec == CUP_VEC_F32)
        cell->column->f32[cell->row] = (float)value;
    else
        cell->column->f64[cell->row] = value;
    cup_cell_priv_valid(cell);
    return OK;
}

uint32_t cup_put_priv_float(struct cup_cell *cell, const struct cup_json_node *node)
{
    double value;
    float  single;

    if (node->kind == CUP_JSON_STRING) {
        if (!read_special(cup_values_priv_text(cell->decode, node), &value))
            return CUP_OUTCOME_TYPE_MISMATCH;
        return put_real(cell, value);
    }
    if (node->kind != CUP_JSON_NUMBER) return CUP_OUTCOME_TYPE_MISMATCH;
    uint32_t outcome = cup_cell_priv_outcome(
        cup_real_parse_single(cup_cell_priv_text(cell, node), node->bytes, &single),
        CUP_OUTCOME_TYPE_MISMATCH, CUP_OUTCOME_NOT_FINITE);
    return outcome == OK ? put_real(cell, (double)single) : outcome;
}

uint32_t cup_put_priv_double(struct cup_cell *cell, const struct cup_json_node *node)
{
    double value;

    if (node->kind == CUP_JSON_STRING) {
        if (!read_special(cup_values_priv_text(cell->decode, node), &value))
            return CUP_OUTCOME_TYPE_MISMATCH;
        return put_real(cell, value);
    }
    if (node->kind != CUP_JSON_NUMBER) return CUP_OUTCOME_TYPE_MISMATCH;
    uint32_t outcome =
        cup_cell_priv_outcome(cup_real_parse(cup_cell_priv_text(cell, node), node->bytes, &value),
                              CUP_OUTCOME_TYPE_MISMATCH, CUP_OUTCOME_NOT_FINITE);
    return outcome == OK ? put_real(cell, value) : outcome;
}

/* --- decimals --- */

/* PostgreSQL's money goes through a double in a snapshot: beyond 2^53 of its smallest unit it may
 * be another amount. `unscaled` has two digits behind the point, or the column's. */
static void judge_money(const struct cup_cell *cell, cup_i128 unscaled)
{
    const cup_i128 exact = (cup_i128)1 << 53;

    if (cell->decode->envelope.op != 'r') return;
    if (unscaled > exact || unscaled < -exact)
        cup_odd_priv_note(cell->decode, cell->member->column, CUP_ODDITY_MONEY_NOT_EXACT);
}

static struct cup_decimal_type money_type(const struct cup_cell *cell)
{
    if (cell->member->type == CUP_TYPE_DECIMAL) return decimal_type(cell);
    return (struct cup_decimal_type){.precision = CUP_DECIMAL_PRECISION_MAX, .scale = 2};
}

static bool is_money(const struct cup_cell *cell)
{
    return (cell->member->options & CUP_MEMBER_MONEY) != 0;
}

static uint32_t put_wire_decimal(const struct cup_cell *cell, struct cup_span text, int32_t scale)
{
    cup_i128 value = 0;
    uint8_t *to;
    size_t   made;

    if (is_money(cell) &&
        cup_decimal_base64(text.at, text.bytes, scale, money_type(cell), &value) == CUP_FIT_OK)
        judge_money(cell, value);
    if (cell->member->type == CUP_TYPE_STRING) {
        uint32_t outcome = cup_cell_priv_room(cell, cup_decimal_plain_max(text.bytes, scale), &to);
        if (outcome != OK) return outcome;
        outcome = cup_cell_priv_outcome(cup_decimal_plain(text.at, text.bytes, scale, to, &made),
                                        CUP_OUTCOME_DECIMAL_ENCODING, CUP_OUTCOME_DECIMAL_OVERFLOW);
        return outcome == OK ? cup_cell_priv_end(cell, made) : outcome;
    }
    uint32_t outcome = cup_cell_priv_outcome(
        cup_decimal_base64(text.at, text.bytes, scale, decimal_type(cell), &value),
        CUP_OUTCOME_DECIMAL_ENCODING, CUP_OUTCOME_DECIMAL_OVERFLOW);
    return outcome == OK ? cup_cell_priv_128(cell, value) : outcome;
}

uint32_t cup_put_priv_decimal_base64(struct cup_cell *cell, const struct cup_json_node *node)
{
    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    return put_wire_decimal(cell, cup_values_priv_text(cell->decode, node),
                            cell->member->wire_scale);
}

static uint32_t put_digits(const struct cup_cell *cell, struct cup_span text)
{
    cup_i128 value = 0;
    uint8_t *to;
    size_t   made;

    if (is_money(cell) &&
        cup_decimal_text(text.at, text.bytes, money_type(cell), &value) == CUP_FIT_OK)
        judge_money(cell, value);
    if (cell->member->type == CUP_TYPE_STRING) {
        uint32_t outcome = cup_cell_priv_room(cell, cup_decimal_expand_max(text.bytes), &to);
        if (outcome != OK) return outcome;
        outcome = cup_cell_priv_outcome(cup_decimal_expand(text.at, text.bytes, to, &made),
                                        CUP_OUTCOME_DECIMAL_ENCODING, CUP_OUTCOME_DECIMAL_OVERFLOW);
        return outcome == OK ? cup_cell_priv_end(cell, made) : outcome;
    }
    uint32_t outcome =
        cup_cell_priv_outcome(cup_decimal_text(text.at, text.bytes, decimal_type(cell), &value),
                              CUP_OUTCOME_DECIMAL_ENCODING, CUP_OUTCOME_DECIMAL_OVERFLOW);
    return outcome == OK ? cup_cell_priv_128(cell, value) : outcome;
}

/* Both spellings that producers have for what a decimal cannot hold. */
static bool is_not_finite(struct cup_span text)
{
    static const char *const names[] = {"NAN", "POSITIVE_INFINITY", "NEGATIVE_INFINITY",
                                        "NaN", "Infinity",          "-Infinity"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == text.bytes && memcmp(names[i], text.at, text.bytes) == 0)
            return true;
    return false;
}

uint32_t cup_put_priv_decimal_text(struct cup_cell *cell, const struct cup_json_node *node)
{
    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text    = cup_values_priv_text(cell->decode, node);
    uint32_t        outcome = put_digits(cell, text);
    if (outcome == CUP_OUTCOME_DECIMAL_ENCODING && is_not_finite(text))
        return CUP_OUTCOME_NOT_FINITE;
    return outcome;
}

uint32_t cup_put_priv_decimal_number(struct cup_cell *cell, const struct cup_json_node *node)
{
    if (node->kind == CUP_JSON_STRING)
        return is_not_finite(cup_values_priv_text(cell->decode, node)) ? CUP_OUTCOME_NOT_FINITE
                                                                       : CUP_OUTCOME_TYPE_MISMATCH;
    if (node->kind != CUP_JSON_NUMBER) return CUP_OUTCOME_TYPE_MISMATCH;
    return put_digits(
        cell, (struct cup_span){.at = cup_cell_priv_text(cell, node), .bytes = node->bytes});
}

/* {"scale": n, "value": "base64"}: the members stand right behind the object. */
uint32_t cup_put_priv_decimal_variable(struct cup_cell *cell, const struct cup_json_node *node)
{
    struct cup_decode          *decode     = cell->decode;
    const struct cup_json_node *scale_node = NULL, *value_node = NULL;
    uint32_t                    at = (uint32_t)(node - decode->doc.nodes) + 1;
    int64_t                     scale;

    if (node->kind != CUP_JSON_OBJECT) return CUP_OUTCOME_TYPE_MISMATCH;
    for (uint32_t i = 0; i < node->child_count; i++, at = decode->doc.nodes[at].next) {
        const struct cup_json_node *member = &decode->doc.nodes[at];
        if (member->key_bytes != 5) return CUP_OUTCOME_DECIMAL_ENCODING;
        if (memcmp(decode->buf + member->key_at, "scale", 5) == 0) scale_node = member;
        if (memcmp(decode->buf + member->key_at, "value", 5) == 0) value_node = member;
    }
    if (scale_node == NULL || value_node == NULL || node->child_count != 2 ||
        value_node->kind != CUP_JSON_STRING ||
        cup_cell_priv_integer(cell, scale_node, &scale) != OK)
        return CUP_OUTCOME_DECIMAL_ENCODING;
    if (scale > CUP_DECIMAL_EXPONENT_MAX || scale < -CUP_DECIMAL_EXPONENT_MAX)
        return CUP_OUTCOME_DECIMAL_OVERFLOW;
    return put_wire_decimal(cell, cup_values_priv_text(decode, value_node), (int32_t)scale);
}
