// SPDX-License-Identifier: Apache-2.0
#include "control/schema/names.h"

#include <locale.h>
#include <string.h>
#include <wctype.h>

#include "dataplane/abi/plan.h"

#define NEAR_BYTES_MIN 3u /* every two-letter word is one error away from many others */

/* C1 controls are two bytes in UTF-8: C2 80 .. C2 9F. */
static bool is_c1_control(const char *at)
{
    return (unsigned char)at[0] == 0xC2 && (unsigned char)at[1] >= 0x80 &&
           (unsigned char)at[1] <= 0x9F;
}

static char *replace(struct cup_keep *keep, const char *name, const char *banned)
{
    char  *copy  = cup_keep_bytes(keep, strlen(name) + 3); /* "_" may be added, and the NUL */
    size_t bytes = 0;

    for (const char *at = name; *at != '\0'; at++) {
        bool c1       = is_c1_control(at);
        bool plain    = (unsigned char)*at >= 0x20 && *at != 0x7F && strchr(banned, *at) == NULL;
        copy[bytes++] = plain && !c1 ? *at : '_';
        at += c1;
    }
    return copy;
}

bool cup_names_is_generated(const char *name)
{
    const struct cup_field *generated = cup_silver_fields();

    for (uint32_t i = 0; i < CUP_SILVER_COUNT; i++) {
        if (cup_names_equal(generated[i].name, name)) return true;
    }
    return cup_names_equal(cup_date_field()->name, name);
}

const char *cup_names_column(struct cup_keep *keep, const char *name)
{
    CUP_ASSERT(name != NULL);
    char *column = replace(keep, name, " ,;{}()=");
    if (column[0] == '\0') column[0] = '_';
    /* zeroed memory: the NUL is behind it */
    if (cup_names_is_generated(column)) column[strlen(column)] = '_';
    return column;
}

const char *cup_names_folder(struct cup_keep *keep, const char *name)
{
    CUP_ASSERT(name != NULL);
    char *folder = replace(keep, name, " ,;{}()=/\\%:*?\"<>|#");
    if (folder[0] == '\0' || strcmp(folder, ".") == 0) folder[0] = '_';
    if (strcmp(folder, "..") == 0) memcpy(folder, "__", 2);
    return folder;
}

const char *cup_names_version(struct cup_keep *keep, const char *name, uint32_t version)
{
    char text[16];

    CUP_ASSERT(version >= 2);
    int   digits = snprintf(text, sizeof(text), "__%u", version);
    char *copy   = cup_keep_bytes(keep, strlen(name) + (size_t)digits + 1);
    memcpy(copy, name, strlen(name));
    memcpy(copy + strlen(name), text, (size_t)digits);
    return copy;
}

/* Decodes one character; a byte that starts no legal one stands for itself, out of Unicode. */
static uint32_t decode(const char **at)
{
    const unsigned char *s      = (const unsigned char *)*at;
    uint32_t             length = s[0] < 0x80 ? 1u : s[0] < 0xE0 ? 2u : s[0] < 0xF0 ? 3u : 4u;
    uint32_t             code   = s[0];

    if (s[0] >= 0x80 && (s[0] < 0xC2 || s[0] > 0xF4)) length = 0;
    if (length > 1) code = s[0] & (0x7Fu >> length);
    for (uint32_t i = 1; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            length = 0;
            break;
        }
        code = code << 6 | (s[i] & 0x3Fu);
    }
    *at += length == 0 ? 1 : length;
    return length == 0 ? 0x110000u + s[0] : code;
}

/* The C library's table of Unicode; ASCII alone where the locale is missing. */
static uint32_t lower(uint32_t code)
{
    static locale_t unicode;
    static bool     tried;

    if (code < 0x80) return code >= 'A' && code <= 'Z' ? code + 32 : code;
    if (!tried) unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    tried = true;
    if (unicode == (locale_t)0 || code >= 0x110000u) return code;
    return (uint32_t)towlower_l((wint_t)code, unicode);
}

bool cup_names_equal(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        if (lower(decode(&a)) != lower(decode(&b))) return false;
    }
    return *a == *b;
}

bool cup_names_near(const char *a, const char *b)
{
    size_t a_bytes = strlen(a), b_bytes = strlen(b), head = 0, tail = 0;

    if (a_bytes < NEAR_BYTES_MIN || b_bytes < NEAR_BYTES_MIN) return false;
    while (head < a_bytes && head < b_bytes && a[head] == b[head])
        head++;
    while (tail < a_bytes - head && tail < b_bytes - head &&
           a[a_bytes - 1 - tail] == b[b_bytes - 1 - tail])
        tail++;
    size_t a_rest = a_bytes - head - tail, b_rest = b_bytes - head - tail;
    if (a_rest <= 1 && b_rest <= 1) return a_rest + b_rest > 0;
    return a_rest == 2 && b_rest == 2 && a[head] == b[head + 1] && a[head + 1] == b[head];
}
