// SPDX-License-Identifier: Apache-2.0
/* canon: the one byte form of a value that tokens are made of, whatever its column's encoding.
 *
 *   text, binary    its bytes                            date            2024-01-31
 *   integers        decimal digits, a '-' before them    timestamp 2024-01-31T12:00:00.000000Z
 *   decimal(p,s)    digits with exactly s behind '.'     timestamp_ntz   the same without Z
 *   boolean         true, false
 *
 * So an integer and a text of the same digits have one token, and decimal(9,2) 1.50 is not
 * decimal(9,1) 1.5.
 *
 * Holds     nothing.
 * Threads   any.
 * Bounds    CUP_CANON_BYTES for what is not text or binary.
 * Tests     tests/kernels/test_token.c
 */
#ifndef CUP_KERNELS_TOKEN_CANON_H
#define CUP_KERNELS_TOKEN_CANON_H

#include "base/column.h"

#define CUP_CANON_BYTES 64u

/* cup_canon_has: values of this type have a byte form. Floats have none: one number, many texts. */
bool cup_canon_has(uint8_t type);

/* cup_canon_bytes points *out_at to the form of a value that is not null: in the column, or in
 * room. Returns   how many bytes. */
uint32_t cup_canon_bytes(const struct cup_column *column, uint8_t type, uint8_t scale, uint32_t row,
                         char room[CUP_CANON_BYTES], const void **out_at);

#endif
