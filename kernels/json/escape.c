// SPDX-License-Identifier: Apache-2.0
#include "kernels/json/json_priv.h"

#include <string.h>

#define NOT_HEX UINT32_MAX

static const uint8_t simple_escape[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

static uint32_t hex_digit(uint8_t c)
{
    if ((uint8_t)(c - '0') <= 9) return (uint32_t)(c - '0');
    c |= 0x20;
    return (uint8_t)(c - 'a') <= 5 ? (uint32_t)(c - 'a') + 10 : NOT_HEX;
}

static uint32_t hex4(const uint8_t *digits)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        uint32_t digit = hex_digit(digits[i]);
        if (digit == NOT_HEX) return NOT_HEX;
        value = value << 4 | digit;
    }
    return value;
}

/* The first backslash of text[at..end), or end. Escaped JSON inside a string has one every few
 * bytes: calling memchr for each would cost more than the search itself. */
static inline uint32_t find_backslash(const uint8_t *text, uint32_t at, uint32_t end)
{
    const uint64_t ones = 0x0101010101010101u, tops = ones << 7;

    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, text + at, 8);
        word ^= ones * '\\';
        uint64_t zero = (word - ones) & ~word & tops;
        if (zero != 0) return at + (uint32_t)__builtin_ctzll(zero) / 8;
        at += 8;
    }
    while (at < end && text[at] != '\\')
        at++;
    return at;
}

/* The length of the \u escape at `at`, with its second half when it is a pair; 0 when it is bad. */
static uint32_t judge_unicode(const uint8_t *text, uint32_t at, uint32_t end,
                              enum cup_json_verdict *out_verdict)
{
    uint32_t unit = end - at >= 6 ? hex4(text + at + 2) : NOT_HEX;
    if (unit == NOT_HEX) {
        *out_verdict = CUP_JSON_SYNTAX;
        return 0;
    }
    if (unit < 0xD800 || unit > 0xDFFF) return 6;
    if (unit <= 0xDBFF && end - at >= 12 && text[at + 6] == '\\' && text[at + 7] == 'u') {
        uint32_t low = hex4(text + at + 8);
        if (low >= 0xDC00 && low <= 0xDFFF) return 12;
    }
    *out_verdict = CUP_JSON_UTF8;
    return 0;
}

enum cup_json_verdict cup_json_priv_escapes(const uint8_t *text, uint32_t at, uint32_t end,
                                            uint32_t *out_bad_at)
{
    CUP_ASSERT(at <= end);

    for (at = find_backslash(text, at, end); at < end; at = find_backslash(text, at, end)) {
        enum cup_json_verdict verdict = CUP_JSON_SYNTAX;
        uint32_t              bytes   = 0;
        if (end - at >= 2 && simple_escape[text[at + 1]] != 0)
            bytes = 2;
        else if (end - at >= 2 && text[at + 1] == 'u')
            bytes = judge_unicode(text, at, end, &verdict);
        if (bytes == 0) {
            *out_bad_at = at;
            return verdict;
        }
        at += bytes;
    }
    return CUP_JSON_OK;
}

static uint32_t put_utf8(uint8_t *dst, uint32_t point)
{
    if (point < 0x80) {
        dst[0] = (uint8_t)point;
        return 1;
    }
    uint32_t tail_count = 1u + (point > 0x7FF) + (point > 0xFFFF);
    for (uint32_t i = tail_count; i > 0; i--, point >>= 6)
        dst[i] = (uint8_t)(0x80 | (point & 0x3F));
    dst[0] = (uint8_t)(0xF0 << (3 - tail_count) | point);
    return tail_count + 1;
}

/* Copies src[at..] up to the next backslash. Writing whole words is safe: the result never gets
 * ahead of the source, so dst has at least as many bytes left. */
static inline uint32_t copy_plain(const uint8_t *src, uint32_t at, uint32_t bytes, uint8_t *dst)
{
    const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
    uint32_t       from = at;

    for (; bytes - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, src + at, 8);
        memcpy(dst + (at - from), &word, 8);
        word ^= ones * '\\';
        uint64_t zero = (word - ones) & ~word & tops;
        if (zero != 0) return at + (uint32_t)__builtin_ctzll(zero) / 8;
    }
    for (; at < bytes && src[at] != '\\'; at++)
        dst[at - from] = src[at];
    return at;
}

uint32_t cup_json_unescape(const uint8_t *src, uint32_t bytes, uint8_t *dst)
{
    uint32_t at = 0, written = 0;

    for (;;) {
        uint32_t next = copy_plain(src, at, bytes, dst + written);
        written += next - at;
        at = next;
        if (at == bytes) break;

        CUP_ASSERT(bytes - at >= 2);
        uint8_t simple = simple_escape[src[at + 1]];
        if (simple != 0) {
            dst[written++] = simple;
            at += 2;
            continue;
        }
        CUP_ASSERT(bytes - at >= 6);
        uint32_t point = hex4(src + at + 2);
        at += 6;
        if (point >= 0xD800 && point <= 0xDBFF) {
            CUP_ASSERT(bytes - at >= 6);
            point = 0x10000 + ((point - 0xD800) << 10) + (hex4(src + at + 2) - 0xDC00);
            at += 6;
        }
        written += put_utf8(dst + written, point);
    }
    CUP_ASSERT(written <= bytes);
    return written;
}
