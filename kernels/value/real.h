// SPDX-License-Identifier: Apache-2.0
/* real: number texts to floating point, correctly rounded (to nearest, ties to even).
 *
 * Holds     nothing. Pure functions over caller memory; no locale has any effect.
 * Threads   any.
 * Bounds    texts of any length; digits beyond CUP_REAL_DIGITS_MAX only matter as "more than".
 * Tests     tests/kernels/test_value.c
 */
#ifndef CUP_KERNELS_VALUE_REAL_H
#define CUP_KERNELS_VALUE_REAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernels/value/fit.h"

/* No midpoint between two doubles has more than 767 significant digits. */
#define CUP_REAL_DIGITS_MAX 800u

/* cup_real_parse reads a JSON number as a double, cup_real_parse_single as a float (one rounding
 * only). -0 stays -0; what is too small becomes 0.
 *
 * Returns   CUP_FIT_RANGE when the result would be infinite; CUP_FIT_FORM when it is no number. */
CUP_MUST_CHECK enum cup_fit cup_real_parse(const uint8_t *text, size_t bytes, double *out_value);
CUP_MUST_CHECK enum cup_fit cup_real_parse_single(const uint8_t *text, size_t bytes,
                                                  float *out_value);

#endif
