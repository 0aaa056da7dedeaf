// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"
#include "kernels/value/number_priv.h"

static size_t digits_end(const uint8_t *text, size_t at, size_t bytes)
{
    while (at < bytes && text[at] >= '0' && text[at] <= '9')
        at++;
    return at;
}

/* The exponent behind its letter; false when it has no digits or something follows it. */
static bool read_exponent(const uint8_t *text, size_t at, size_t bytes, int64_t *out_exponent)
{
    bool    negative = at < bytes && text[at] == '-';
    int64_t sum      = 0;

    if (at < bytes && (text[at] == '-' || text[at] == '+')) at++;
    if (at == bytes || digits_end(text, at, bytes) != bytes) return false;
    for (; at < bytes; at++)
        if (sum < CUP_NUMBER_EXPONENT_MAX) sum = sum * 10 + (text[at] - '0');
    if (sum > CUP_NUMBER_EXPONENT_MAX) sum = CUP_NUMBER_EXPONENT_MAX;
    *out_exponent = negative ? -sum : sum;
    return true;
}

bool cup_number_priv_split(const uint8_t *text, size_t bytes, struct cup_number *out_number)
{
    struct cup_number number = {.negative = bytes > 0 && text[0] == '-'};

    CUP_ASSERT(text != NULL || bytes == 0);
    CUP_ASSERT(out_number != NULL);
    number.whole_at    = number.negative;
    size_t at          = digits_end(text, number.whole_at, bytes);
    number.whole_bytes = at - number.whole_at;
    if (number.whole_bytes == 0) return false;
    if (at < bytes && text[at] == '.') {
        number.fraction_at    = at + 1;
        at                    = digits_end(text, number.fraction_at, bytes);
        number.fraction_bytes = at - number.fraction_at;
        if (number.fraction_bytes == 0) return false;
    }
    if (at < bytes) {
        if (text[at] != 'e' && text[at] != 'E') return false;
        number.has_exponent = true;
        if (!read_exponent(text, at + 1, bytes, &number.exponent)) return false;
    }
    *out_number = number;
    return true;
}
