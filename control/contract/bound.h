// SPDX-License-Identifier: Apache-2.0
/* bound: a value that a contract writes, in the type of its column, so that the data plane compares
 * numbers.
 *
 *   "0.005" for decimal(10,2), least allowed --> 1 (0.01)      "2024-02-29" for date --> 19782
 *
 * Threads   any.
 * Fails     false with a sentence in says: what is wrong, and what is allowed.
 * Bounds    CUP_BOUND_BYTES_MAX. A number beyond 128 bits is the largest or least of them: no
 *           column has such a value, so that comparisons stay right.
 * Tests     tests/control/test_bound.c
 */
#ifndef CUP_CONTROL_CONTRACT_BOUND_H
#define CUP_CONTROL_CONTRACT_BOUND_H

#include "base/text.h"
#include "control/schema/catalog.h"

#define CUP_BOUND_BYTES_MAX 4096u

/* Where a number goes that lies between two values of the column. */
enum cup_bound_round { CUP_BOUND_EXACT, CUP_BOUND_DOWN, CUP_BOUND_UP };

/* cup_bound_read reads a text as a value of the type. The text is kept, not copied. */
CUP_MUST_CHECK bool cup_bound_read(const struct cup_shape_type *is, const char *text,
                                   enum cup_bound_round round, struct cup_catalog_value *out_value,
                                   struct cup_text *says);

/* cup_bound_multiple reads a divisor: the least whole number of the column's units of which exactly
 * the multiples of it that the column can hold are multiples. */
CUP_MUST_CHECK bool cup_bound_multiple(const struct cup_shape_type *is, const char *text,
                                       struct cup_catalog_value *out_value, struct cup_text *says);

#endif
