// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gen/put.h"

#include <stdbool.h>

#include "base/err.h"

#define U64_DIGITS_MAX 20u
#define DAY_US         86400000000ll

uint8_t *cup_put_u64(uint8_t *at, uint64_t value)
{
    uint8_t  digits[U64_DIGITS_MAX];
    uint32_t first = U64_DIGITS_MAX;
    do {
        digits[--first] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return cup_put_bytes(at, digits + first, U64_DIGITS_MAX - first);
}

uint8_t *cup_put_i64(uint8_t *at, int64_t value)
{
    if (value >= 0) return cup_put_u64(at, (uint64_t)value);
    *at++ = '-';
    return cup_put_u64(at, 0 - (uint64_t)value);
}

uint8_t *cup_put_digits(uint8_t *at, uint64_t value, uint32_t digits)
{
    for (uint32_t i = digits; i > 0; i--) {
        at[i - 1] = (uint8_t)('0' + value % 10);
        value /= 10;
    }
    CUP_ASSERT(value == 0);
    return at + digits;
}

uint8_t *cup_put_hex(uint8_t *at, uint64_t value, uint32_t digits)
{
    for (uint32_t i = digits; i > 0; i--) {
        at[i - 1] = (uint8_t) "0123456789abcdef"[value & 0xf];
        value >>= 4;
    }
    return at + digits;
}

uint8_t *cup_put_decimal(uint8_t *at, int64_t unscaled, uint32_t scale)
{
    uint64_t size = unscaled < 0 ? 0 - (uint64_t)unscaled : (uint64_t)unscaled;
    uint64_t unit = 1;
    for (uint32_t i = 0; i < scale; i++)
        unit *= 10;
    if (unscaled < 0) *at++ = '-';
    at = cup_put_u64(at, size / unit);
    if (scale == 0) return at;
    *at++ = '.';
    return cup_put_digits(at, size % unit, scale);
}

uint8_t *cup_put_quarters(uint8_t *at, int64_t quarters)
{
    static const char *const fractions[] = {".0", ".25", ".5", ".75"};
    uint64_t                 size = quarters < 0 ? 0 - (uint64_t)quarters : (uint64_t)quarters;
    if (quarters < 0) *at++ = '-';
    at = cup_put_u64(at, size / 4);
    return cup_put_string(at, fractions[size % 4]);
}

uint8_t *cup_put_base64_integer(uint8_t *at, int64_t unscaled)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t  big[10] = {0}; /* 8 bytes, and zeros for the last group of three */
    uint32_t bytes   = 1;
    while (bytes < 8 && unscaled >> (8 * bytes - 1) != (unscaled < 0 ? -1 : 0))
        bytes++;
    for (uint32_t i = 0; i < bytes; i++)
        big[i] = (uint8_t)((uint64_t)unscaled >> 8 * (bytes - 1 - i));
    for (uint32_t i = 0; i < bytes; i += 3) {
        uint32_t group = (uint32_t)big[i] << 16 | (uint32_t)big[i + 1] << 8 | big[i + 2];
        *at++          = (uint8_t)alphabet[group >> 18];
        *at++          = (uint8_t)alphabet[group >> 12 & 63];
        *at++          = i + 1 < bytes ? (uint8_t)alphabet[group >> 6 & 63] : '=';
        *at++          = i + 2 < bytes ? (uint8_t)alphabet[group & 63] : '=';
    }
    return at;
}

uint8_t *cup_put_date(uint8_t *at, int64_t days)
{
    /* days to civil: eras of 400 years that begin on 1 March, so that leap days come last */
    int64_t  shifted = days + 719468;
    int64_t  era     = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    uint64_t doe     = (uint64_t)(shifted - era * 146097);
    uint64_t yoe     = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy     = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint64_t mp      = (5 * doy + 2) / 153;
    uint64_t month   = mp < 10 ? mp + 3 : mp - 9;
    uint64_t year    = (uint64_t)((int64_t)yoe + era * 400) + (month <= 2);

    at    = cup_put_digits(at, year, 4);
    *at++ = '-';
    at    = cup_put_digits(at, month, 2);
    *at++ = '-';
    return cup_put_digits(at, doy - (153 * mp + 2) / 5 + 1, 2);
}

uint8_t *cup_put_time(uint8_t *at, int64_t us)
{
    int64_t  days = (us >= 0 ? us : us - (DAY_US - 1)) / DAY_US;
    uint64_t rest = (uint64_t)(us - days * DAY_US);
    at            = cup_put_date(at, days);
    *at++         = 'T';
    at            = cup_put_digits(at, rest / 3600000000u, 2);
    *at++         = ':';
    at            = cup_put_digits(at, rest / 60000000u % 60, 2);
    *at++         = ':';
    at            = cup_put_digits(at, rest / 1000000u % 60, 2);
    *at++         = '.';
    return cup_put_digits(at, rest % 1000000u, 6);
}

static uint8_t *put_unit(uint8_t *at, uint32_t unit)
{
    static const char upper[] = "0123456789ABCDEF";
    *at++                     = '\\';
    *at++                     = 'u';
    for (int shift = 12; shift >= 0; shift -= 4)
        *at++ = (uint8_t)upper[unit >> shift & 0xf];
    return at;
}

static uint8_t *put_pair(uint8_t *at, const uint8_t *four)
{
    uint32_t code =
        (four[0] & 7u) << 18 | (four[1] & 63u) << 12 | (four[2] & 63u) << 6 | (four[3] & 63u);
    code -= 0x10000;
    at = put_unit(at, 0xD800 + (code >> 10));
    return put_unit(at, 0xDC00 + (code & 0x3ff));
}

uint8_t *cup_put_json(uint8_t *at, const void *text, size_t count)
{
    const uint8_t *bytes = text;
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = bytes[i];
        if (byte >= 0xF0) {
            CUP_ASSERT(i + 3 < count);
            at = put_pair(at, bytes + i);
            i += 3;
        } else if (byte == '"' || byte == '\\') {
            *at++ = '\\';
            *at++ = byte;
        } else if (byte < 0x20) {
            at = put_unit(at, byte);
        } else {
            *at++ = byte;
        }
    }
    return at;
}

uint8_t *cup_put_escaped(uint8_t *at, const uint8_t *json, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool special = json[i] == '"' || json[i] == '\\';
        *at          = '\\';
        at += special;
        *at++ = json[i];
    }
    return at;
}
