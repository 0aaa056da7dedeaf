// SPDX-License-Identifier: Apache-2.0
/* Decimals that arrive as base64 of an integer. Short ones are one 128-bit division; long ones
 * (zeros behind a large scale, numerics of PostgreSQL without precision) are limbs of 32 bits. */
#include <stdbool.h>
#include <string.h>

#include "kernels/value/binary.h"
#include "kernels/value/decimal.h"
#include "kernels/value/ten_priv.h"

#define SHORT_BYTES 16u

/* 38 digits and the longest scale: the largest integer that can be divided down to fit. */
#define FIT_DIGITS (CUP_DECIMAL_PRECISION_MAX + CUP_DECIMAL_EXPONENT_MAX)
#define FIT_BYTES  ((FIT_DIGITS * 3322u / 1000u + 7) / 8 + 1) /* 3.322 > log2(10) bits a digit */

#define FIVE_STEP  13          /* 5^13 is the largest power of five below 2^32 */
#define FIVE_POWER 1220703125u /* 5^13 */
#define TEN_STEP   9
#define TEN_POWER  1000000000u /* 10^9 */

/* An unsigned integer, limbs[0] lowest; the top limb is not 0. */
struct limbs {
    uint32_t *at;
    size_t    count;
};

static void drop_top(struct limbs *limbs)
{
    while (limbs->count > 0 && limbs->at[limbs->count - 1] == 0)
        limbs->count--;
}

/* Divides by a small number; returns the remainder. */
static uint32_t divide(struct limbs *limbs, uint32_t by)
{
    uint64_t rest = 0;

    for (size_t i = limbs->count; i-- > 0;) {
        rest         = rest << 32 | limbs->at[i];
        limbs->at[i] = (uint32_t)(rest / by);
        rest %= by;
    }
    drop_top(limbs);
    return (uint32_t)rest;
}

/* Magnitude of a big-endian two's complement integer. limbs->at holds count / 4 + 1 limbs. */
static void load(const uint8_t *bytes, size_t count, bool negative, struct limbs *limbs)
{
    uint64_t carry = negative;

    limbs->count = (count + 3) / 4;
    for (size_t i = 0; i < limbs->count; i++) {
        uint32_t limb = 0;
        for (size_t k = 0; k < 4; k++) {
            size_t  place = i * 4 + k;
            uint8_t byte  = place < count ? bytes[count - 1 - place] : negative ? 0xff : 0;
            limb |= (uint32_t)byte << (8 * k);
        }
        carry += negative ? ~limb : limb;
        limbs->at[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) limbs->at[limbs->count++] = (uint32_t)carry;
    drop_top(limbs);
}

static void shift_right(struct limbs *limbs, size_t bits)
{
    size_t whole = bits / 32, part = bits % 32;

    CUP_ASSERT(whole < limbs->count);
    for (size_t i = whole; i < limbs->count; i++) {
        uint64_t pair = limbs->at[i];
        if (i + 1 < limbs->count) pair |= (uint64_t)limbs->at[i + 1] << 32;
        limbs->at[i - whole] = (uint32_t)(pair >> part);
    }
    limbs->count -= whole;
    drop_top(limbs);
}

static size_t zero_bits(const struct limbs *limbs)
{
    size_t i = 0;

    while (i < limbs->count && limbs->at[i] == 0)
        i++;
    return i == limbs->count ? SIZE_MAX : i * 32 + (size_t)__builtin_ctz(limbs->at[i]);
}

/* Divides by 10^digits if that leaves no rest: first the factor two, which is cheap to refuse. */
static bool drop_zeros(struct limbs *limbs, uint32_t digits)
{
    if (zero_bits(limbs) < digits) return false;
    shift_right(limbs, digits);
    for (; digits >= FIVE_STEP; digits -= FIVE_STEP)
        if (divide(limbs, FIVE_POWER) != 0) return false;
    for (; digits > 0; digits--)
        if (divide(limbs, 5) != 0) return false;
    return true;
}

static enum cup_fit fit_magnitude(cup_u128 magnitude, bool negative, uint32_t precision,
                                  cup_i128 *out_unscaled)
{
    if (magnitude >= cup_ten_priv_power(precision)) return CUP_FIT_RANGE;
    *out_unscaled = negative ? -(cup_i128)magnitude : (cup_i128)magnitude;
    return CUP_FIT_OK;
}

static enum cup_fit fit_long(const uint8_t *bytes, size_t count, bool negative, int64_t surplus,
                             uint32_t precision, cup_i128 *out_unscaled)
{
    uint32_t     memory[FIT_BYTES / 4 + 2];
    struct limbs limbs     = {.at = memory};
    cup_u128     magnitude = 0;

    if (surplus <= 0) return CUP_FIT_RANGE; /* more than 16 bytes, and nothing to drop */
    load(bytes, count, negative, &limbs);
    if (!drop_zeros(&limbs, (uint32_t)surplus)) return CUP_FIT_SCALE;
    if (limbs.count > 4) return CUP_FIT_RANGE;
    for (size_t i = limbs.count; i-- > 0;)
        magnitude = magnitude << 32 | limbs.at[i];
    return fit_magnitude(magnitude, negative, precision, out_unscaled);
}

static enum cup_fit fit_short(const uint8_t *bytes, size_t count, bool negative, int64_t surplus,
                              uint32_t precision, cup_i128 *out_unscaled)
{
    cup_u128 value = negative ? ~(cup_u128)0 : 0;

    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    cup_u128 magnitude = negative ? 0 - value : value;
    if (magnitude == 0) surplus = 0;
    if (surplus > CUP_DECIMAL_PRECISION_MAX) return CUP_FIT_SCALE; /* 10^39 > 2^127 */
    if (surplus < -CUP_DECIMAL_PRECISION_MAX) return CUP_FIT_RANGE;
    if (surplus > 0) {
        cup_u128 power = cup_ten_priv_power((uint32_t)surplus);
        if (magnitude % power != 0) return CUP_FIT_SCALE;
        magnitude /= power;
    } else if (surplus < 0) {
        cup_u128 power = cup_ten_priv_power((uint32_t)-surplus);
        if (magnitude >= cup_ten_priv_power(CUP_DECIMAL_PRECISION_MAX) / power)
            return CUP_FIT_RANGE;
        magnitude *= power;
    }
    return fit_magnitude(magnitude, negative, precision, out_unscaled);
}

/* Skips characters that only repeat the sign; four stay, and the sign is kept aside. */
static void skip_sign(const uint8_t **text, size_t *bytes, bool negative)
{
    const char *repeated = negative ? "////" : "AAAA";

    while (*bytes > 8 && memcmp(*text, repeated, 4) == 0) {
        *text += 4;
        *bytes -= 4;
    }
}

/* The sign stands in the top bit of the first character: '+' and '/' and lower case from g on, and
 * digits. True characters are checked later, by the decoder. */
static bool is_negative(uint8_t first)
{
    return (first >= 'g' && first <= 'z') || (first >= '0' && first <= '9') || first == '+' ||
           first == '/';
}

/* Integers of up to six bytes with the column's own scale: most amounts. False: decided by the
 * general way, whatever the text is. */
static bool fit_few(const uint8_t *text, size_t bytes, uint32_t precision, cup_i128 *out_unscaled)
{
    uint8_t integer[6];
    size_t  count;
    int64_t value = 0;

    if (bytes != 4 && bytes != 8) return false;
    if (!cup_base64_decode(text, bytes, false, integer, &count)) return false;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | integer[i];
    uint32_t spare_bits = 64 - 8 * (uint32_t)count;
    value               = (int64_t)((uint64_t)value << spare_bits) >> spare_bits;
    uint64_t magnitude  = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (magnitude >= cup_ten_priv_power(precision)) return false;
    *out_unscaled = value;
    return true;
}

enum cup_fit cup_decimal_base64(const uint8_t *text, size_t bytes, int32_t wire_scale,
                                struct cup_decimal_type type, cup_i128 *out_unscaled)
{
    uint8_t integer[FIT_BYTES + 8];
    size_t  count;

    CUP_ASSERT(out_unscaled != NULL);
    CUP_ASSERT(type.precision >= 1 && type.precision <= CUP_DECIMAL_PRECISION_MAX);
    CUP_ASSERT(wire_scale >= -CUP_DECIMAL_EXPONENT_MAX && wire_scale <= CUP_DECIMAL_EXPONENT_MAX);
    if (bytes == 0) return CUP_FIT_FORM;
    if (wire_scale == type.scale && fit_few(text, bytes, type.precision, out_unscaled))
        return CUP_FIT_OK;
    bool negative = is_negative(text[0]);
    skip_sign(&text, &bytes, negative);
    if (bytes / 4 * 3 > FIT_BYTES) return CUP_FIT_RANGE;
    if (!cup_base64_decode(text, bytes, false, integer, &count)) return CUP_FIT_FORM;
    const uint8_t *first = integer;
    while (count > 1 && *first == (negative ? 0xff : 0)) {
        first++;
        count--;
    }
    int64_t surplus = (int64_t)wire_scale - type.scale;
    if (count <= SHORT_BYTES - 1 || (count == SHORT_BYTES && (first[0] >> 7) == negative))
        return fit_short(first, count, negative, surplus, type.precision, out_unscaled);
    return fit_long(first, count, negative, surplus, type.precision, out_unscaled);
}

size_t cup_decimal_plain_max(size_t bytes, int32_t wire_scale)
{
    size_t digits = bytes / 4 * 3 * 2409 / 1000 + 1; /* 2.409 > log10(256) digits a byte */
    size_t zeros  = (size_t)(wire_scale < 0 ? -wire_scale : wire_scale);

    return digits + zeros + 3 + TEN_STEP;
}

/* Writes the digits in front of out[end]; returns where they start. limbs are used up. */
static size_t print_digits(struct limbs *limbs, uint8_t *out, size_t end)
{
    while (limbs->count > 0) {
        uint32_t nine = divide(limbs, TEN_POWER);
        for (int i = 0; i < TEN_STEP && (nine > 0 || limbs->count > 0); i++, nine /= 10)
            out[--end] = (uint8_t)('0' + nine % 10);
    }
    return end;
}

/* Puts the point: digits[0..count) with `scale` of them behind it. */
static size_t put_point(const uint8_t *digits, size_t count, int32_t scale, bool negative,
                        uint8_t *out)
{
    size_t made = 0, fraction = scale > 0 ? (size_t)scale : 0;
    size_t whole = count > fraction ? count - fraction : 0;

    if (negative) out[made++] = '-';
    if (whole == 0) out[made++] = '0';
    memmove(out + made, digits, whole);
    made += whole;
    if (scale < 0 && count > 0) {
        memset(out + made, '0', (size_t)-scale);
        made += (size_t)-scale;
    }
    if (fraction == 0) return made;
    size_t zeros = fraction - (count - whole);
    out[made++]  = '.';
    memset(out + made, '0', zeros);
    memmove(out + made + zeros, digits + whole, count - whole);
    return made + fraction;
}

enum cup_fit cup_decimal_plain(const uint8_t *text, size_t bytes, int32_t wire_scale, uint8_t *out,
                               size_t *out_bytes)
{
    uint32_t     memory[CUP_DECIMAL_INTEGER_BYTES_MAX / 4 + 4];
    uint8_t      integer[CUP_DECIMAL_INTEGER_BYTES_MAX + 8];
    struct limbs limbs = {.at = memory};
    size_t       count;

    CUP_ASSERT(out != NULL);
    CUP_ASSERT(out_bytes != NULL);
    if (bytes == 0) return CUP_FIT_FORM;
    if (wire_scale < -CUP_DECIMAL_EXPONENT_MAX || wire_scale > CUP_DECIMAL_EXPONENT_MAX)
        return CUP_FIT_RANGE;
    size_t room     = cup_decimal_plain_max(bytes, wire_scale);
    bool   negative = is_negative(text[0]);
    skip_sign(&text, &bytes, negative);
    if (bytes / 4 * 3 > CUP_DECIMAL_INTEGER_BYTES_MAX) return CUP_FIT_RANGE;
    if (!cup_base64_decode(text, bytes, false, integer, &count)) return CUP_FIT_FORM;
    load(integer, count, negative, &limbs);
    /* the digits go to the end of out first: the text grows towards them and never reaches them */
    size_t start = print_digits(&limbs, out, room);
    *out_bytes   = put_point(out + start, room - start, wire_scale, negative, out);
    return CUP_FIT_OK;
}
