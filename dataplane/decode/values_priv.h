// SPDX-License-Identifier: Apache-2.0
/* values_priv: what the files of value functions share: writing one cell, reading one node.
 *
 *   node --> put function --> value behind the rows of its column, or an outcome
 *
 * A function is named for its encoding; which encodings there are, and which column types each of
 * them fills, is the table in values.c.
 */
#ifndef CUP_DATAPLANE_DECODE_VALUES_PRIV_H
#define CUP_DATAPLANE_DECODE_VALUES_PRIV_H

#include "dataplane/decode/decode_priv.h"
#include "kernels/value/decimal.h"
#include "kernels/value/integer.h"

/* values_number.c */
cup_value_fn cup_put_priv_bool, cup_put_priv_integer, cup_put_priv_float, cup_put_priv_double;
cup_value_fn cup_put_priv_decimal_base64, cup_put_priv_decimal_text, cup_put_priv_decimal_number;
cup_value_fn cup_put_priv_decimal_variable;

/* values_text.c */
cup_value_fn cup_put_priv_string, cup_put_priv_uuid, cup_put_priv_enum, cup_put_priv_json_text;
cup_value_fn cup_put_priv_base64, cup_put_priv_base64url, cup_put_priv_hex;
cup_value_fn cup_put_priv_text_base64, cup_put_priv_bits;

/* values_time.c */
cup_value_fn cup_put_priv_days, cup_put_priv_date_iso, cup_put_priv_time_ms, cup_put_priv_time_us;
cup_value_fn cup_put_priv_time_ns, cup_put_priv_timestamp_ms, cup_put_priv_timestamp_us;
cup_value_fn cup_put_priv_timestamp_ns, cup_put_priv_timestamp_iso, cup_put_priv_timestamp_zoned;
cup_value_fn cup_put_priv_duration_us, cup_put_priv_duration_ns, cup_put_priv_time_iso;
cup_value_fn cup_put_priv_time_zoned;

/* A day, a microsecond since 1970-01-01: whether it is in range, and what is declared about it. */
uint32_t cup_cell_priv_date(const struct cup_cell *cell, int64_t days);
uint32_t cup_cell_priv_moment(const struct cup_cell *cell, int64_t us);

/* values_struct.c */
cup_value_fn cup_put_priv_wkb, cup_put_priv_date_structured, cup_put_priv_time_structured;
cup_value_fn cup_put_priv_timestamp_structured, cup_put_priv_zoned_structured;

static inline const uint8_t *cup_cell_priv_text(const struct cup_cell      *cell,
                                                const struct cup_json_node *node)
{
    return cell->decode->buf + node->at;
}

static inline void cup_cell_priv_valid(const struct cup_cell *cell)
{
    cup_bit_set(cell->column->validity, cell->row, true);
}

static inline uint32_t cup_cell_priv_32(const struct cup_cell *cell, int32_t value)
{
    CUP_ASSERT(cell->column->vec == CUP_VEC_I32);
    cell->column->i32[cell->row] = value;
    cup_cell_priv_valid(cell);
    return CUP_OUTCOME_ACCEPTED;
}

static inline uint32_t cup_cell_priv_64(const struct cup_cell *cell, int64_t value)
{
    CUP_ASSERT(cell->column->vec == CUP_VEC_I64);
    cell->column->i64[cell->row] = value;
    cup_cell_priv_valid(cell);
    return CUP_OUTCOME_ACCEPTED;
}

static inline uint32_t cup_cell_priv_128(const struct cup_cell *cell, cup_i128 value)
{
    CUP_ASSERT(cell->column->vec == CUP_VEC_I128);
    cell->column->i128[cell->row] = value;
    cup_cell_priv_valid(cell);
    return CUP_OUTCOME_ACCEPTED;
}

/* Room for up to `bytes` at the end of a text column; *out_at is where they go. */
static inline uint32_t cup_cell_priv_room(const struct cup_cell *cell, uint64_t bytes,
                                          uint8_t **out_at)
{
    struct cup_column *column = cell->column;
    uint32_t           used   = column->offsets[cell->row];

    if (used + bytes > column->text_cap) {
        uint32_t outcome = cup_columns_priv_grow(cell, bytes);
        if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    }
    *out_at = column->text + used;
    return CUP_OUTCOME_ACCEPTED;
}

/* What cup_cell_priv_room() gave now holds `bytes`: they are the row's value. */
static inline uint32_t cup_cell_priv_end(const struct cup_cell *cell, size_t bytes)
{
    struct cup_column *column = cell->column;

    column->offsets[cell->row + 1] = column->offsets[cell->row] + (uint32_t)bytes;
    CUP_ASSERT(column->offsets[cell->row + 1] <= column->text_cap);
    cup_cell_priv_valid(cell);
    return CUP_OUTCOME_ACCEPTED;
}

static inline uint32_t cup_cell_priv_outcome(enum cup_fit fit, enum cup_outcome form,
                                             enum cup_outcome range)
{
    if (__builtin_expect(fit == CUP_FIT_OK, 1)) return CUP_OUTCOME_ACCEPTED;
    switch (fit) {
    case CUP_FIT_OK: break;
    case CUP_FIT_FORM: return form;
    case CUP_FIT_RANGE: return range;
    case CUP_FIT_SCALE: return CUP_OUTCOME_DECIMAL_SCALE;
    case CUP_FIT_PRECISION: return CUP_OUTCOME_TIME_PRECISION;
    }
    return form;
}

/* An integer of the wire, whatever column it is for. */
static inline uint32_t cup_cell_priv_integer(const struct cup_cell      *cell,
                                             const struct cup_json_node *node, int64_t *out_value)
{
    if (node->kind != CUP_JSON_NUMBER) return CUP_OUTCOME_TYPE_MISMATCH;
    return cup_cell_priv_outcome(
        cup_integer_parse(cup_cell_priv_text(cell, node), node->bytes, out_value),
        CUP_OUTCOME_TYPE_MISMATCH, CUP_OUTCOME_INT_OVERFLOW);
}

#endif
