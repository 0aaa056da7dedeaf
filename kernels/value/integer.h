// SPDX-License-Identifier: Apache-2.0
/* integer: decimal digits to 64-bit integers, and back.
 *
 * Holds     nothing. Pure functions over caller memory.
 * Threads   any.
 * Bounds    texts of any length; cost is linear.
 * Tests     tests/kernels/test_value.c
 */
#ifndef CUP_KERNELS_VALUE_INTEGER_H
#define CUP_KERNELS_VALUE_INTEGER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernels/value/fit.h"

#define CUP_INTEGER_TEXT_BYTES 20u /* of INT64_MIN; no NUL */

/* cup_integer_parse reads a JSON integer: '-' and digits without leading zeros; "-0" is 0.
 *
 * Returns   CUP_FIT_FORM for fractions, exponents (even 1e3) and everything else;
 *           CUP_FIT_RANGE for an integer beyond 64 bits. */
CUP_MUST_CHECK enum cup_fit cup_integer_parse(const uint8_t *text, size_t bytes,
                                              int64_t *out_value);

/* cup_integer_print writes value in decimal digits; returns how many bytes. */
uint32_t cup_integer_print(int64_t value, uint8_t out[CUP_INTEGER_TEXT_BYTES]);

/* cup_integer_hex writes the last `digits` (1..16) hexadecimal digits of value, lower case. */
void cup_integer_hex(uint64_t value, uint32_t digits, uint8_t *out);

#endif
