// SPDX-License-Identifier: Apache-2.0
/* number_priv: the parts of a number text, for real.c and decimal.c. */
#ifndef CUP_KERNELS_VALUE_NUMBER_PRIV_H
#define CUP_KERNELS_VALUE_NUMBER_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What no text can mean exactly is cut off here; far beyond every limit that follows. */
#define CUP_NUMBER_EXPONENT_MAX 1000000000

/* -12.30e5: negative, whole "12" at 1, fraction "30" at 4, exponent 5. */
struct cup_number {
    bool    negative, has_exponent;
    size_t  whole_at, whole_bytes;       /* at least one digit */
    size_t  fraction_at, fraction_bytes; /* 0 bytes: no '.' */
    int64_t exponent;                    /* within +-CUP_NUMBER_EXPONENT_MAX */
};

/* cup_number_priv_split reads [-]digits[.digits][(e|E)[+|-]digits]; false when the text is another.
 */
bool cup_number_priv_split(const uint8_t *text, size_t bytes, struct cup_number *out_number);

#endif
