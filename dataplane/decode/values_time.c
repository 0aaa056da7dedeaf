// SPDX-License-Identifier: Apache-2.0
/* Dates, times of day, timestamps, intervals. What a contract declares about zero dates, about the
 * range and about digits that are too fine is applied here; the rest of it in rows.c. */
#include <string.h>

#include "dataplane/decode/values_priv.h"
#include "kernels/value/moment.h"

#define OK             ((uint32_t)CUP_OUTCOME_ACCEPTED)
#define TIME_US_MAX    3020399999999ll /* 838:59:59.999999, the widest TIME of any source */
#define GREGORIAN_DAYS (-141427)       /* 1582-10-15: older days of a snapshot may be shifted */
#define GREGORIAN_US   (GREGORIAN_DAYS * CUP_MOMENT_US_PER_DAY)

static inline bool has(const struct cup_cell *cell, enum cup_member_option option)
{
    return (cell->member->options & (uint32_t)option) != 0;
}

/* A day or microsecond of long ago: whether it may be stored. */
static uint32_t judge_old(const struct cup_cell *cell)
{
    if (cell->decode->envelope.op != 'r') return OK;
    if (has(cell, CUP_MEMBER_OLD_DATES_QUARANTINE)) return CUP_OUTCOME_TIME_RANGE;
    cup_odd_priv_note(cell->decode, cell->member->column, CUP_ODDITY_PRE_GREGORIAN);
    return OK;
}

static uint32_t put_zero(const struct cup_cell *cell)
{
    cup_values_priv_null(cell);
    return OK;
}

uint32_t cup_cell_priv_date(const struct cup_cell *cell, int64_t days)
{
    if (days < CUP_MOMENT_DAYS_MIN || days > CUP_MOMENT_DAYS_MAX) {
        if (!has(cell, CUP_MEMBER_RANGE_CLAMP)) return CUP_OUTCOME_TIME_RANGE;
        days = days < 0 ? CUP_MOMENT_DAYS_MIN : CUP_MOMENT_DAYS_MAX;
    } else if (days < GREGORIAN_DAYS) {
        uint32_t outcome = judge_old(cell);
        if (outcome != OK) return outcome;
    } else if (days == 0 && has(cell, CUP_MEMBER_ZERO_IS_NULL)) {
        return put_zero(cell);
    }
    return cup_cell_priv_32(cell, (int32_t)days);
}

uint32_t cup_cell_priv_moment(const struct cup_cell *cell, int64_t us)
{
    if (us < CUP_MOMENT_US_MIN || us > CUP_MOMENT_US_MAX) {
        if (!has(cell, CUP_MEMBER_RANGE_CLAMP)) return CUP_OUTCOME_TIME_RANGE;
        us = us < 0 ? CUP_MOMENT_US_MIN : CUP_MOMENT_US_MAX;
    } else if (us < GREGORIAN_US) {
        uint32_t outcome = judge_old(cell);
        if (outcome != OK) return outcome;
    } else if (us == 0 && has(cell, CUP_MEMBER_ZERO_IS_NULL)) {
        return put_zero(cell);
    }
    return cup_cell_priv_64(cell, us);
}

/* Texts beyond the range: the sign of the year, or of infinity, says on which side; 0000 has none.
 */
static bool is_below(struct cup_span text)
{
    return text.bytes > 0 && (text.at[0] == '-' || text.at[0] == '0');
}

uint32_t cup_put_priv_days(struct cup_cell *cell, const struct cup_json_node *node)
{
    int64_t  days;
    uint32_t outcome = cup_cell_priv_integer(cell, node, &days);

    return outcome == OK ? cup_cell_priv_date(cell, days) : outcome;
}

uint32_t cup_put_priv_date_iso(struct cup_cell *cell, const struct cup_json_node *node)
{
    int32_t days;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text = cup_values_priv_text(cell->decode, node);
    enum cup_fit    fit  = cup_moment_date(text.at, text.bytes, &days);
    if (fit == CUP_FIT_RANGE)
        return cup_cell_priv_date(cell, is_below(text) ? INT32_MIN : INT32_MAX);
    uint32_t outcome = cup_cell_priv_outcome(fit, CUP_OUTCOME_TIME_SYNTAX, CUP_OUTCOME_TIME_RANGE);
    return outcome == OK ? cup_cell_priv_date(cell, days) : outcome;
}

/* --- units of time: us_per > 1: a unit is so many microseconds; per_us > 1: so many units make
 * one. --- */

/* Nanoseconds as microseconds; what is finer is refused, or dropped towards the past. */
static uint32_t coarsen(const struct cup_cell *cell, int64_t per_us, int64_t *value)
{
    int64_t rest = *value % per_us;

    if (rest != 0 && !has(cell, CUP_MEMBER_TRUNCATE_NS)) return CUP_OUTCOME_TIME_PRECISION;
    *value = *value / per_us - (rest < 0);
    return OK;
}

static uint32_t put_time(struct cup_cell *cell, const struct cup_json_node *node, int64_t us_per,
                         int64_t per_us)
{
    int64_t  value;
    uint32_t outcome = cup_cell_priv_integer(cell, node, &value);

    if (outcome == OK && per_us > 1) outcome = coarsen(cell, per_us, &value);
    if (outcome != OK) return outcome;
    if (value > TIME_US_MAX / us_per || value < -TIME_US_MAX / us_per) {
        if (!has(cell, CUP_MEMBER_RANGE_CLAMP)) return CUP_OUTCOME_TIME_RANGE;
        return cup_cell_priv_64(cell, value < 0 ? -TIME_US_MAX : TIME_US_MAX);
    }
    return cup_cell_priv_64(cell, value * us_per);
}

uint32_t cup_put_priv_time_ms(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_time(cell, node, 1000, 1);
}

uint32_t cup_put_priv_time_us(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_time(cell, node, 1, 1);
}

uint32_t cup_put_priv_time_ns(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_time(cell, node, 1, 1000);
}

static uint32_t put_timestamp(struct cup_cell *cell, const struct cup_json_node *node,
                              int64_t us_per, int64_t per_us)
{
    int64_t  value;
    uint32_t outcome = cup_cell_priv_integer(cell, node, &value);

    if (outcome == OK && per_us > 1) outcome = coarsen(cell, per_us, &value);
    if (outcome != OK) return outcome;
    if (__builtin_mul_overflow(value, us_per, &value)) value = value < 0 ? INT64_MIN : INT64_MAX;
    return cup_cell_priv_moment(cell, value);
}

uint32_t cup_put_priv_timestamp_ms(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_timestamp(cell, node, 1000, 1);
}

uint32_t cup_put_priv_timestamp_us(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_timestamp(cell, node, 1, 1);
}

uint32_t cup_put_priv_timestamp_ns(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_timestamp(cell, node, 1, 1000);
}

/* An interval in one unit: the ends of 64 bits are what a longer one was cut to. */
static uint32_t put_duration(struct cup_cell *cell, const struct cup_json_node *node,
                             int64_t per_us)
{
    int64_t  value;
    uint32_t outcome = cup_cell_priv_integer(cell, node, &value);

    if (outcome != OK) return outcome;
    bool cut = value == INT64_MAX || value == INT64_MIN;
    if (cut && !has(cell, CUP_MEMBER_RANGE_CLAMP)) return CUP_OUTCOME_TIME_RANGE;
    if (per_us > 1 && cut)
        value /= per_us;
    else if (per_us > 1)
        outcome = coarsen(cell, per_us, &value);
    return outcome == OK ? cup_cell_priv_64(cell, value) : outcome;
}

uint32_t cup_put_priv_duration_us(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_duration(cell, node, 1);
}

uint32_t cup_put_priv_duration_ns(struct cup_cell *cell, const struct cup_json_node *node)
{
    return put_duration(cell, node, 1000);
}

/* --- texts --- */

typedef enum cup_fit text_fn(const uint8_t *text, size_t bytes, int64_t *out_us);

/* A text as microseconds; out of range it is one end of 64 bits. */
static uint32_t read_text(const struct cup_cell *cell, const struct cup_json_node *node,
                          text_fn *read, int64_t *out_us)
{
    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text = cup_values_priv_text(cell->decode, node);
    enum cup_fit    fit  = read(text.at, text.bytes, out_us);
    if (fit == CUP_FIT_PRECISION && has(cell, CUP_MEMBER_TRUNCATE_NS)) fit = CUP_FIT_OK;
    if (fit == CUP_FIT_RANGE) {
        *out_us = is_below(text) ? INT64_MIN : INT64_MAX;
        return OK;
    }
    return cup_cell_priv_outcome(fit, CUP_OUTCOME_TIME_SYNTAX, CUP_OUTCOME_TIME_RANGE);
}

uint32_t cup_put_priv_timestamp_iso(struct cup_cell *cell, const struct cup_json_node *node)
{
    int64_t  us;
    uint32_t outcome = read_text(cell, node, cup_moment_local, &us);

    return outcome == OK ? cup_cell_priv_moment(cell, us) : outcome;
}

uint32_t cup_put_priv_timestamp_zoned(struct cup_cell *cell, const struct cup_json_node *node)
{
    int64_t  us;
    uint32_t outcome = read_text(cell, node, cup_moment_instant, &us);

    return outcome == OK ? cup_cell_priv_moment(cell, us) : outcome;
}

uint32_t cup_put_priv_time_iso(struct cup_cell *cell, const struct cup_json_node *node)
{
    int64_t  us;
    uint32_t outcome = read_text(cell, node, cup_moment_time, &us);

    return outcome == OK ? cup_cell_priv_64(cell, us) : outcome;
}

/* The time of day of an unknown day in a zone is no number: it stays the text that it is. */
uint32_t cup_put_priv_time_zoned(struct cup_cell *cell, const struct cup_json_node *node)
{
    int64_t us;

    if (node->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    struct cup_span text = cup_values_priv_text(cell->decode, node);
    if (cup_moment_time_zoned(text.at, text.bytes, &us) == CUP_FIT_FORM)
        return CUP_OUTCOME_TIME_SYNTAX;
    return cup_put_priv_string(cell, node);
}
