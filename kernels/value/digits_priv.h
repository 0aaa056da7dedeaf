// SPDX-License-Identifier: Apache-2.0
/* digits_priv: eight decimal digits at a time, for integer.c and moment.c. Words are in memory
 * order: the first digit is the lowest byte. */
#ifndef CUP_KERNELS_VALUE_DIGITS_PRIV_H
#define CUP_KERNELS_VALUE_DIGITS_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#define CUP_DIGITS_ZEROS 0x3030303030303030u

/* cup_digits_priv_are: are all eight bytes ASCII digits? Bits above the low nibble tell. */
static inline bool cup_digits_priv_are(uint64_t eight)
{
    const uint64_t high = 0xf0f0f0f0f0f0f0f0u, six = 0x0606060606060606u;

    return ((eight & high) | (((eight + six) & high) >> 4)) == 0x3333333333333333u;
}

/* cup_digits_priv_value is their number: pairs, then fours, then all eight, each step in one
 * multiplication. */
static inline uint64_t cup_digits_priv_value(uint64_t eight)
{
    eight -= CUP_DIGITS_ZEROS;
    eight         = eight * 10 + (eight >> 8);
    uint64_t low  = (eight & 0x000000ff000000ffu) * 0x000f424000000064u;
    uint64_t high = (eight >> 16 & 0x000000ff000000ffu) * 0x0000271000000001u;
    return (low + high) >> 32;
}

#endif
