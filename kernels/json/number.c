// SPDX-License-Identifier: Apache-2.0
#include "kernels/json/json_priv.h"

static uint32_t skip_digits(const uint8_t *text, uint32_t at, uint32_t end)
{
    while (at < end && (uint8_t)(text[at] - '0') <= 9)
        at++;
    return at;
}

uint32_t cup_json_priv_number(const uint8_t *text, uint32_t at, uint32_t end)
{
    CUP_ASSERT(at < end);

    if (text[at] == '-') at++;
    uint32_t digits = at;
    at              = skip_digits(text, at, end);
    if (at == digits) return at;
    if (text[digits] == '0' && at > digits + 1) return digits + 1;

    if (at < end && text[at] == '.') {
        digits = ++at;
        at     = skip_digits(text, at, end);
        if (at == digits) return at;
    }
    if (at < end && (text[at] | 0x20) == 'e') {
        at++;
        if (at < end && (text[at] == '+' || text[at] == '-')) at++;
        digits = at;
        at     = skip_digits(text, at, end);
        if (at == digits) return at;
    }
    return at == end ? UINT32_MAX : at;
}
