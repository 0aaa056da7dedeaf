// SPDX-License-Identifier: Apache-2.0
#include "kernels/value/decimal.h"

#include <string.h>

#include "kernels/value/number_priv.h"
#include "kernels/value/ten_priv.h"

#define DIGITS_MAX CUP_DECIMAL_PRECISION_MAX

/* The significant digits of a number: without zeros in front, zeros behind held back. */
struct digits {
    cup_u128 sum;      /* of the first DIGITS_MAX */
    uint64_t count;    /* significant, held back zeros not counted */
    uint64_t trailing; /* zeros held back */
};

static void add_digits(struct digits *digits, const uint8_t *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t digit = (uint32_t)(text[i] - '0');
        if (digit == 0) {
            digits->trailing += digits->count > 0;
            continue;
        }
        digits->count += digits->trailing + 1;
        if (digits->count <= DIGITS_MAX)
            digits->sum = digits->sum * cup_ten_priv_power((uint32_t)digits->trailing + 1) + digit;
        digits->trailing = 0;
    }
}

/* Numbers of up to 18 digits without exponent, most of what arrives: no 128-bit arithmetic. */
static bool parse_short(const uint8_t *text, const struct cup_number *number,
                        struct cup_decimal_type type, cup_i128 *out_unscaled)
{
    uint64_t sum = 0;

    if (number->has_exponent || number->fraction_bytes > type.scale) return false;
    if (number->whole_bytes + type.scale > 18) return false;
    if (number->whole_bytes + type.scale > type.precision) return false;
    for (size_t i = 0; i < number->whole_bytes; i++)
        sum = sum * 10 + (uint64_t)(text[number->whole_at + i] - '0');
    for (size_t i = 0; i < number->fraction_bytes; i++)
        sum = sum * 10 + (uint64_t)(text[number->fraction_at + i] - '0');
    sum *= (uint64_t)cup_ten_priv_power((uint32_t)(type.scale - number->fraction_bytes));
    *out_unscaled = number->negative ? -(cup_i128)sum : (cup_i128)sum;
    return true;
}

enum cup_fit cup_decimal_text(const uint8_t *text, size_t bytes, struct cup_decimal_type type,
                              cup_i128 *out_unscaled)
{
    struct cup_number number;
    struct digits     digits = {0};

    CUP_ASSERT(out_unscaled != NULL);
    CUP_ASSERT(type.precision >= 1 && type.precision <= DIGITS_MAX && type.scale <= type.precision);
    if (!cup_number_priv_split(text, bytes, &number)) return CUP_FIT_FORM;
    if (parse_short(text, &number, type, out_unscaled)) return CUP_FIT_OK;
    add_digits(&digits, text + number.whole_at, number.whole_bytes);
    add_digits(&digits, text + number.fraction_at, number.fraction_bytes);
    if (digits.count == 0) { /* a zero with any exponent is zero */
        *out_unscaled = 0;
        return CUP_FIT_OK;
    }
    if (number.exponent > CUP_DECIMAL_EXPONENT_MAX) return CUP_FIT_RANGE;
    if (number.exponent < -CUP_DECIMAL_EXPONENT_MAX) return CUP_FIT_SCALE;
    int64_t shift =
        number.exponent - (int64_t)number.fraction_bytes + (int64_t)digits.trailing + type.scale;
    if (shift < 0) return CUP_FIT_SCALE;
    if (digits.count + (uint64_t)shift > type.precision) return CUP_FIT_RANGE;
    cup_i128 unscaled = (cup_i128)(digits.sum * cup_ten_priv_power((uint32_t)shift));
    *out_unscaled     = number.negative ? -unscaled : unscaled;
    return CUP_FIT_OK;
}

size_t cup_decimal_expand_max(size_t bytes)
{
    return bytes + CUP_DECIMAL_EXPONENT_MAX + 3; /* zeros, "0." and "-" */
}

/* The digit of the number at `place` of whole and fraction read as one row; 0 outside. */
static uint8_t digit_at(const uint8_t *text, const struct cup_number *number, int64_t place)
{
    if (place < 0 || place >= (int64_t)(number->whole_bytes + number->fraction_bytes)) return '0';
    if (place < (int64_t)number->whole_bytes) return text[number->whole_at + (size_t)place];
    return text[number->fraction_at + (size_t)place - number->whole_bytes];
}

enum cup_fit cup_decimal_expand(const uint8_t *text, size_t bytes, uint8_t *out, size_t *out_bytes)
{
    struct cup_number number;
    size_t            made = 0;

    CUP_ASSERT(out != NULL);
    CUP_ASSERT(out_bytes != NULL);
    if (!cup_number_priv_split(text, bytes, &number)) return CUP_FIT_FORM;
    if (number.exponent > CUP_DECIMAL_EXPONENT_MAX || number.exponent < -CUP_DECIMAL_EXPONENT_MAX)
        return CUP_FIT_RANGE;
    int64_t point = (int64_t)number.whole_bytes + number.exponent; /* where the point goes */
    int64_t end   = (int64_t)(number.whole_bytes + number.fraction_bytes);
    int64_t from  = 0;
    if (number.negative) out[made++] = '-';
    while (from + 1 < point && digit_at(text, &number, from) == '0')
        from++;
    if (point <= 0) out[made++] = '0';
    for (int64_t place = from; place < point; place++)
        out[made++] = digit_at(text, &number, place);
    if (end > point) out[made++] = '.';
    for (int64_t place = point; place < end; place++)
        out[made++] = digit_at(text, &number, place);
    CUP_ASSERT(made <= cup_decimal_expand_max(bytes));
    *out_bytes = made;
    return CUP_FIT_OK;
}
