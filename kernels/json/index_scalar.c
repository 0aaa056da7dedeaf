// SPDX-License-Identifier: Apache-2.0
#include "kernels/json/index.h"

#include <stdbool.h>

#include "base/err.h"

/* What the next byte depends on. */
struct lex {
    bool    escaped;    /* the byte before is a backslash that is not escaped itself */
    bool    in_string;  /* behind an opening quote */
    bool    in_scalar;  /* the byte before continues a token that is no string */
    uint8_t p1, p2, p3; /* the three bytes before, newest first */
};

enum lex_bit {
    LEX_START   = 1,
    LEX_CONTROL = 2,
    LEX_UTF8    = 4,
};

enum lex_class {
    CLASS_OTHER,
    CLASS_SPACE,
    CLASS_OPERATOR,
};

/* 0C and 1A are no JSON, but every level lists them as tokens of their own: the vector forms tell
 * operators by five bits of the byte. The walker refuses them. */
static const uint8_t class_of[256] = {
    [' '] = CLASS_SPACE,    ['\t'] = CLASS_SPACE,    ['\n'] = CLASS_SPACE,
    ['\r'] = CLASS_SPACE,   ['{'] = CLASS_OPERATOR,  ['}'] = CLASS_OPERATOR,
    ['['] = CLASS_OPERATOR, [']'] = CLASS_OPERATOR,  [':'] = CLASS_OPERATOR,
    [','] = CLASS_OPERATOR, [0x0C] = CLASS_OPERATOR, [0x1A] = CLASS_OPERATOR,
};

/* A byte and the three before it are enough to tell that UTF-8 breaks here. */
static bool breaks_utf8(uint8_t b, uint8_t p1, uint8_t p2, uint8_t p3)
{
    bool must_continue = p1 >= 0xC0 || p2 >= 0xE0 || p3 >= 0xF0;
    bool continues     = (b & 0xC0) == 0x80;

    if (must_continue != continues) return true;
    if (b == 0xC0 || b == 0xC1 || b >= 0xF5) return true;
    return (p1 == 0xE0 && b < 0xA0) || (p1 == 0xED && b >= 0xA0) || (p1 == 0xF0 && b < 0x90) ||
           (p1 == 0xF4 && b >= 0x90);
}

static bool ends_inside_utf8(const struct lex *lex)
{
    return lex->p1 >= 0xC0 || lex->p2 >= 0xE0 || lex->p3 >= 0xF0;
}

/* One byte. Returns LEX_* bits. */
static unsigned lex_step(struct lex *lex, uint8_t c)
{
    uint8_t class  = class_of[c];
    bool     quote = c == '"' && !lex->escaped;
    unsigned bits  = 0;

    lex->escaped = c == '\\' && !lex->escaped;
    lex->in_string ^= quote;
    bool inside = lex->in_string ^ quote; /* opening quote no, closing quote yes */
    bool starts = class == CLASS_OPERATOR || (class == CLASS_OTHER && !lex->in_scalar);
    if (starts && !inside) bits |= LEX_START;
    lex->in_scalar = class == CLASS_OTHER && !quote;

    if (c < 0x20 && lex->in_string) bits |= LEX_CONTROL;
    if ((c | lex->p1 | lex->p2 | lex->p3) >= 0x80 && breaks_utf8(c, lex->p1, lex->p2, lex->p3))
        bits |= LEX_UTF8;
    lex->p3 = lex->p2;
    lex->p2 = lex->p1;
    lex->p1 = c;
    return bits;
}

enum cup_index_status cup_index_scalar(const uint8_t *buf, uint32_t bytes, uint32_t *pos,
                                       uint32_t *out_count)
{
    CUP_ASSERT(pos != NULL);
    CUP_ASSERT(bytes <= UINT32_MAX - CUP_INDEX_SENTINELS);

    struct lex lex   = {0};
    uint32_t   count = 0;
    unsigned   seen  = 0;
    for (uint32_t i = 0; i < bytes; i++) {
        unsigned bits = lex_step(&lex, buf[i]);
        pos[count]    = i;
        count += bits & LEX_START;
        seen |= bits;
    }
    if (lex.in_string) return CUP_INDEX_UNCLOSED;
    if (seen & LEX_CONTROL) return CUP_INDEX_CONTROL;
    if (count == 0) return CUP_INDEX_EMPTY;
    if ((seen & LEX_UTF8) || ends_inside_utf8(&lex)) return CUP_INDEX_UTF8;
    for (uint32_t i = 0; i < CUP_INDEX_SENTINELS; i++)
        pos[count + i] = bytes;
    *out_count = count;
    return CUP_INDEX_OK;
}

uint32_t cup_index_count(const uint8_t *buf, uint32_t bytes)
{
    struct lex lex   = {0};
    uint32_t   count = 0;

    for (uint32_t i = 0; i < bytes; i++)
        count += lex_step(&lex, buf[i]) & LEX_START;
    return count;
}

enum cup_index_status cup_index_locate(const uint8_t *buf, uint32_t bytes, uint32_t *out_at)
{
    struct lex lex = {0};

    for (uint32_t i = 0; i < bytes; i++) {
        unsigned bits = lex_step(&lex, buf[i]);
        if ((bits & (LEX_CONTROL | LEX_UTF8)) == 0) continue;
        *out_at = i;
        return bits & LEX_CONTROL ? CUP_INDEX_CONTROL : CUP_INDEX_UTF8;
    }
    bool cut = ends_inside_utf8(&lex);
    if (!cut && !lex.in_string) return CUP_INDEX_OK;
    *out_at = bytes;
    return cut ? CUP_INDEX_UTF8 : CUP_INDEX_UNCLOSED;
}
