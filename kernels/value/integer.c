// SPDX-License-Identifier: Apache-2.0
#include "kernels/value/integer.h"

#include <stdbool.h>
#include <string.h>

#include "kernels/value/digits_priv.h"

#define DIGITS_MAX 19u /* of INT64_MAX; 19 nines still fit an unsigned 64-bit integer */

static enum cup_fit form_or_range(const uint8_t *digits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (digits[i] < '0' || digits[i] > '9') return CUP_FIT_FORM;
    return CUP_FIT_RANGE;
}

/* text[0..count) at the end of eight bytes, zeros before it; 1 <= count <= 7. Nothing outside of
 * the text is read: the two words overlap where they hold the same bytes. */
static uint64_t load_few(const uint8_t *text, size_t count)
{
    const uint64_t zeros = 0x3030303030303030u;
    uint64_t       few;

    if (count >= 4) {
        uint32_t first, last;
        memcpy(&first, text, sizeof first);
        memcpy(&last, text + count - 4, sizeof last);
        few = first | (uint64_t)last << (8 * (count - 4));
    } else {
        few = text[0] | (uint64_t)text[count / 2] << (8 * (count / 2)) |
              (uint64_t)text[count - 1] << (8 * (count - 1));
    }
    return few << (64 - 8 * count) | zeros >> (8 * count);
}

enum cup_fit cup_integer_parse(const uint8_t *text, size_t bytes, int64_t *out_value)
{
    CUP_ASSERT(text != NULL || bytes == 0);
    CUP_ASSERT(out_value != NULL);

    size_t         negative = bytes > 0 && text[0] == '-';
    const uint8_t *digits   = text + negative;
    size_t         count = bytes - negative, few = count % 8;
    uint64_t       sum = 0;

    if (count == 0 || (count > 1 && digits[0] == '0')) return CUP_FIT_FORM;
    if (count > DIGITS_MAX) return form_or_range(digits, count);
    if (few > 0) {
        uint64_t eight = load_few(digits, few);
        if (!cup_digits_priv_are(eight)) return CUP_FIT_FORM;
        sum = cup_digits_priv_value(eight);
    }
    for (size_t at = few; at < count; at += 8) {
        uint64_t eight;
        memcpy(&eight, digits + at, sizeof eight);
        if (!cup_digits_priv_are(eight)) return CUP_FIT_FORM;
        sum = sum * 100000000u + cup_digits_priv_value(eight);
    }
    if (sum > (uint64_t)INT64_MAX + negative) return CUP_FIT_RANGE;
    *out_value = (int64_t)(negative ? 0 - sum : sum);
    return CUP_FIT_OK;
}

uint32_t cup_integer_print(int64_t value, uint8_t out[CUP_INTEGER_TEXT_BYTES])
{
    uint8_t  reversed[CUP_INTEGER_TEXT_BYTES];
    uint64_t rest  = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint32_t count = 0;

    CUP_ASSERT(out != NULL);
    do {
        reversed[count++] = (uint8_t)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0) reversed[count++] = '-';
    CUP_ASSERT(count <= CUP_INTEGER_TEXT_BYTES);
    for (uint32_t i = 0; i < count; i++)
        out[i] = reversed[count - 1 - i];
    return count;
}

/* The eight hexadecimal digits of a number, the first one in the lowest byte. */
static uint64_t hex_digits(uint32_t value)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t       word = __builtin_bswap32(value);

    word          = (word | word << 16) & 0x0000ffff0000ffffu;
    word          = (word | word << 8) & 0x00ff00ff00ff00ffu;
    word          = (word >> 4 | word << 8) & 0x0f0f0f0f0f0f0f0fu;
    uint64_t over = (word + 6 * ones) >> 4 & ones; /* 1 where a letter is needed */
    return word + '0' * ones + over * ('a' - '0' - 10);
}

void cup_integer_hex(uint64_t value, uint32_t digits, uint8_t *out)
{
    CUP_ASSERT(digits >= 1);
    CUP_ASSERT(digits <= 16);
    uint64_t text[2] = {hex_digits((uint32_t)(value >> 32)), hex_digits((uint32_t)value)};
    memcpy(out, (const uint8_t *)text + 16 - digits, digits);
}
