// SPDX-License-Identifier: Apache-2.0
/* decimal: exact decimals from number texts and from two's complement integers in base64.
 *
 *   "12.50", scale 3 --> 12500        base64 of 0x04e2 with wire scale 2, scale 3 --> 12500
 *
 * Nothing is ever rounded: fraction digits beyond the column's scale must be zero.
 *
 * Holds     nothing. Pure functions over caller memory.
 * Threads   any.
 * Bounds    CUP_DECIMAL_INTEGER_BYTES_MAX, CUP_DECIMAL_EXPONENT_MAX; longer is CUP_FIT_RANGE.
 * Tests     tests/kernels/test_value.c, test_value_decimal.c
 */
#ifndef CUP_KERNELS_VALUE_DECIMAL_H
#define CUP_KERNELS_VALUE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/column.h"
#include "base/err.h"
#include "kernels/value/fit.h"

/* PostgreSQL's numeric: 131072 digits before the point and 16383 behind it fit in 62,000 bytes. */
#define CUP_DECIMAL_INTEGER_BYTES_MAX 62000u
#define CUP_DECIMAL_EXPONENT_MAX      20000 /* beyond, only zero is read */

/* The column: 1 <= precision <= 38, scale <= precision. */
struct cup_decimal_type {
    uint8_t precision, scale;
};

/* cup_decimal_text reads [-]digits[.digits][e[+-]digits] as an unscaled integer of the type.
 *
 * Returns   CUP_FIT_FORM, CUP_FIT_RANGE (more digits than precision) or CUP_FIT_SCALE. */
CUP_MUST_CHECK enum cup_fit cup_decimal_text(const uint8_t *text, size_t bytes,
                                             struct cup_decimal_type type, cup_i128 *out_unscaled);

/* cup_decimal_base64 reads base64 of a big-endian two's complement integer, minimal or not, whose
 * last wire_scale digits are the fraction (negative: so many zeros are missing at its end).
 *
 * Cost      16 bytes: constant. Longer: at most a division of 8 KiB by a power of five, and only
 *           when the integer ends in as many zero bits as digits have to go. */
CUP_MUST_CHECK enum cup_fit cup_decimal_base64(const uint8_t *text, size_t bytes,
                                               int32_t wire_scale, struct cup_decimal_type type,
                                               cup_i128 *out_unscaled);

/* cup_decimal_plain_max is the room that cup_decimal_plain needs for `bytes` of base64. */
size_t cup_decimal_plain_max(size_t bytes, int32_t wire_scale);

/* cup_decimal_plain writes base64 of an integer with its scale as digits without exponent:
 * "-0.0123". The fraction has exactly wire_scale digits; 0 needs no "-".
 *
 * Returns   CUP_FIT_FORM, or CUP_FIT_RANGE beyond the bounds above.
 * Cost      quadratic in the digits: 0.2 s at the bound, microseconds for a hundred digits. */
CUP_MUST_CHECK enum cup_fit cup_decimal_plain(const uint8_t *text, size_t bytes, int32_t wire_scale,
                                              uint8_t *out, size_t *out_bytes);

/* cup_decimal_expand_max and cup_decimal_expand write a number text without exponent: 1.5E+3 is
 * 1500; digits that were written stay. */
size_t                      cup_decimal_expand_max(size_t bytes);
CUP_MUST_CHECK enum cup_fit cup_decimal_expand(const uint8_t *text, size_t bytes, uint8_t *out,
                                               size_t *out_bytes);

#endif
