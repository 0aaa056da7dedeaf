// SPDX-License-Identifier: Apache-2.0
/* Values as producers other than Debezium write them: SQL's texts of dates and times, bytes as
 * characters, dates of Extended JSON. */
#include <string.h>

#include "dataplane/decode/decode_priv.h"
#include "kernels/value/integer.h"
#include "kernels/value/moment.h"

#define OK ((uint32_t)CUP_OUTCOME_ACCEPTED)

#define DATE_BYTES       10u /* YYYY-MM-DD */
#define MOMENT_BYTES_MAX 40u /* nine digits of a second, and an offset */
#define TIME_HOURS_MAX   838 /* the widest TIME of any source */

static uint32_t put_micros(const struct cup_cell *cell, int64_t us)
{
    CUP_ASSERT(cell->column->vec == CUP_VEC_I64);
    cell->column->i64[cell->row] = us;
    cup_bit_set(cell->column->validity, cell->row, true);
    return OK;
}

static uint32_t outcome_of(enum cup_fit fit)
{
    switch (fit) {
    case CUP_FIT_OK: return OK;
    case CUP_FIT_RANGE: return CUP_OUTCOME_TIME_RANGE;
    case CUP_FIT_PRECISION: return CUP_OUTCOME_TIME_PRECISION;
    case CUP_FIT_FORM:
    case CUP_FIT_SCALE: break;
    }
    return CUP_OUTCOME_TIME_SYNTAX;
}

uint32_t cup_texts_priv_timestamp(struct cup_cell *cell, const struct cup_json_node *node)
{
    uint8_t copy[MOMENT_BYTES_MAX];
    int64_t us;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text = cup_values_priv_text(cell->decode, node);
    if (text.bytes <= DATE_BYTES || text.bytes > sizeof copy) return CUP_OUTCOME_TIME_SYNTAX;
    memcpy(copy, text.at, text.bytes);
    if (copy[DATE_BYTES] == ' ') copy[DATE_BYTES] = 'T';
    uint32_t outcome = outcome_of(cup_moment_local(copy, text.bytes, &us));
    return outcome == OK ? put_micros(cell, us) : outcome;
}

/* Milliseconds, or a text with its offset. */
uint32_t cup_texts_priv_instant(struct cup_cell *cell, const struct cup_json_node *node)
{
    int64_t us;

    if (node->kind == CUP_JSON_NUMBER) {
        if (cup_integer_parse(cell->decode->buf + node->at, node->bytes, &us) != CUP_FIT_OK)
            return CUP_OUTCOME_TYPE_MISMATCH;
        if (us > CUP_MOMENT_US_MAX / 1000 || us < CUP_MOMENT_US_MIN / 1000)
            return CUP_OUTCOME_TIME_RANGE;
        return put_micros(cell, us * 1000);
    }
    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text    = cup_values_priv_text(cell->decode, node);
    uint32_t        outcome = outcome_of(cup_moment_instant(text.at, text.bytes, &us));
    return outcome == OK ? put_micros(cell, us) : outcome;
}

/* Digits at *at up to another character; -1: none, or too many. */
static int64_t take_digits(struct cup_span text, uint32_t *at, uint32_t most)
{
    int64_t  value = 0;
    uint32_t start = *at;

    while (*at < text.bytes && text.at[*at] >= '0' && text.at[*at] <= '9' && *at - start < most)
        value = value * 10 + (text.at[(*at)++] - '0');
    return *at == start ? -1 : value;
}

/* [-]hh:mm:ss[.ffffff]; hours beyond the day are MySQL's. */
uint32_t cup_texts_priv_time(struct cup_cell *cell, const struct cup_json_node *node)
{
    int64_t  parts[3], fraction = 0;
    uint32_t at = 0;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text     = cup_values_priv_text(cell->decode, node);
    bool            negative = text.bytes > 0 && text.at[0] == '-';
    at                       = negative;
    for (uint32_t i = 0; i < 3; i++) {
        if (i > 0 && (at == text.bytes || text.at[at++] != ':')) return CUP_OUTCOME_TIME_SYNTAX;
        parts[i] = take_digits(text, &at, 3);
        if (parts[i] < 0 || (i > 0 && parts[i] > 59)) return CUP_OUTCOME_TIME_SYNTAX;
    }
    if (at < text.bytes && text.at[at] == '.') {
        uint32_t start = ++at;
        fraction       = take_digits(text, &at, 6);
        if (fraction < 0) return CUP_OUTCOME_TIME_SYNTAX;
        for (uint32_t i = at - start; i < 6; i++)
            fraction *= 10;
        while (at < text.bytes && text.at[at] == '0')
            at++;
        if (at < text.bytes && text.at[at] > '0' && text.at[at] <= '9')
            return CUP_OUTCOME_TIME_PRECISION;
    }
    if (at != text.bytes) return CUP_OUTCOME_TIME_SYNTAX;
    if (parts[0] > TIME_HOURS_MAX) return CUP_OUTCOME_TIME_RANGE;
    int64_t us = ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1000000 + fraction;
    return put_micros(cell, negative ? -us : us);
}

/* Characters U+0000 to U+00FF are bytes. */
uint32_t cup_texts_priv_latin1(struct cup_cell *cell, const struct cup_json_node *node)
{
    struct cup_column *column = cell->column;
    uint32_t           used = column->offsets[cell->row], made = used;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text = cup_values_priv_text(cell->decode, node);
    if ((uint64_t)used + text.bytes > column->text_cap) {
        uint32_t outcome = cup_columns_priv_grow(cell, text.bytes);
        if (outcome != OK) return outcome;
    }
    for (uint32_t i = 0; i < text.bytes; i++) {
        uint8_t lead = text.at[i];
        if (lead > 0xc3) return CUP_OUTCOME_BASE64; /* beyond U+00FF */
        if (lead >= 0x80) lead = (uint8_t)(lead << 6 | (text.at[++i] & 0x3f));
        column->text[made++] = lead;
    }
    column->offsets[cell->row + 1] = made;
    cup_bit_set(column->validity, cell->row, true);
    return OK;
}
