// SPDX-License-Identifier: Apache-2.0
#include "kernels/value/real.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "kernels/value/number_priv.h"

#define MANTISSA_MAX     (1ull << 53) /* integers up to here are doubles */
#define EXACT_POWER_MAX  22           /* the last power of ten that is a double */
#define FAST_DIGITS_MAX  19u          /* fit 64 bits whatever they are */
#define SINGLE_TAIL_BITS 29           /* mantissa bits of a double that a float lacks */
#define SINGLE_MIN       0x1p-126
#define SINGLE_MAX       0x1.fffffep127
#define EXPONENT_BYTES   16u /* "e-1000000000" and NUL */

static const double powers[EXACT_POWER_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static locale_t       c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static uint64_t add_digits(uint64_t sum, const uint8_t *digits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum = sum * 10 + (uint64_t)(digits[i] - '0');
    return sum;
}

/* Clinger's case: both operands are exact, so the one operation rounds once, and rightly. */
static bool parse_fast(const uint8_t *text, const struct cup_number *number, double *out_value)
{
    if (number->whole_bytes + number->fraction_bytes > FAST_DIGITS_MAX) return false;
    uint64_t mantissa = add_digits(0, text + number->whole_at, number->whole_bytes);
    mantissa          = add_digits(mantissa, text + number->fraction_at, number->fraction_bytes);
    int64_t exponent  = number->exponent - (int64_t)number->fraction_bytes;
    if (mantissa > MANTISSA_MAX) return false;
    if (exponent < -EXACT_POWER_MAX || exponent > EXACT_POWER_MAX) return false;
    double value = (double)mantissa;
    value        = exponent < 0 ? value / powers[-exponent] : value * powers[exponent];
    *out_value   = number->negative ? -value : value;
    return true;
}

/* A text of bounded length that rounds as the number does. */
struct short_text {
    char    at[CUP_REAL_DIGITS_MAX + 2 + EXPONENT_BYTES]; /* sign, digits, sticky digit, exponent */
    size_t  digits, start; /* start: of the digits, behind the sign */
    bool    sticky;        /* a digit that is not 0 was left out */
    int64_t left_out;      /* digits left out */
};

static void shorten(struct short_text *out, const uint8_t *digits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (out->digits == 0 && digits[i] == '0') continue;
        if (out->digits < CUP_REAL_DIGITS_MAX) {
            out->at[out->start + out->digits++] = (char)digits[i];
        } else {
            out->left_out++;
            out->sticky |= digits[i] != '0';
        }
    }
}

/* Digits beyond the limit can only say "a bit more": one 1 behind the others says that too. */
static void make_short(const uint8_t *text, const struct cup_number *number, struct short_text *out)
{
    out->start  = number->negative;
    out->at[0]  = '-';
    out->digits = 0, out->left_out = 0, out->sticky = false;
    shorten(out, text + number->whole_at, number->whole_bytes);
    shorten(out, text + number->fraction_at, number->fraction_bytes);
    int64_t exponent = number->exponent - (int64_t)number->fraction_bytes + out->left_out;
    if (out->digits == 0) out->at[out->start + out->digits++] = '0';
    if (out->sticky) {
        out->at[out->start + out->digits++] = '1';
        exponent--;
    }
    size_t used = out->start + out->digits;
    int    more = snprintf(out->at + used, sizeof out->at - used, "e%lld", (long long)exponent);
    CUP_ASSERT(more > 0);
    CUP_ASSERT((size_t)more < sizeof out->at - used);
}

enum cup_fit cup_real_parse(const uint8_t *text, size_t bytes, double *out_value)
{
    struct cup_number number;
    struct short_text exact;

    CUP_ASSERT(out_value != NULL);
    if (!cup_number_priv_split(text, bytes, &number)) return CUP_FIT_FORM;
    if (parse_fast(text, &number, out_value)) return CUP_FIT_OK;
    (void)pthread_once(&c_locale_once, make_c_locale); /* cannot fail with a valid control */
    make_short(text, &number, &exact);
    double value = strtod_l(exact.at, NULL, c_locale);
    if (isinf(value)) return CUP_FIT_RANGE;
    *out_value = value;
    return CUP_FIT_OK;
}

/* May value be rounded again? Not when the first rounding made it a midpoint between two floats,
 * nor where floats are spaced otherwise. */
static bool rounds_to_single(double value)
{
    uint64_t bits, half = 1ull << (SINGLE_TAIL_BITS - 1);

    if (value == 0) return true;
    if (fabs(value) < SINGLE_MIN || fabs(value) > SINGLE_MAX) return false;
    memcpy(&bits, &value, sizeof bits);
    return (bits & (2 * half - 1)) != half;
}

enum cup_fit cup_real_parse_single(const uint8_t *text, size_t bytes, float *out_value)
{
    struct cup_number number;
    struct short_text exact;
    double            value;

    CUP_ASSERT(out_value != NULL);
    if (!cup_number_priv_split(text, bytes, &number)) return CUP_FIT_FORM;
    if (parse_fast(text, &number, &value) && rounds_to_single(value)) {
        *out_value = (float)value;
        return CUP_FIT_OK;
    }
    (void)pthread_once(&c_locale_once, make_c_locale); /* cannot fail with a valid control */
    make_short(text, &number, &exact);
    float single = strtof_l(exact.at, NULL, c_locale);
    if (isinf(single)) return CUP_FIT_RANGE;
    *out_value = single;
    return CUP_FIT_OK;
}
