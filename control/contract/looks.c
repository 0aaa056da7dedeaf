// SPDX-License-Identifier: Apache-2.0
#include "control/contract/looks.h"

#include <string.h>

#include "base/err.h"

#define UUID_BYTES 36u
#define HINT_BYTES 64u
#define BIT(look)  (1u << CUP_LOOK_##look)
#define DAY_MS     86400000ll

static const struct cup_look_row rows[CUP_LOOK_COUNT] = {
#define CUP_LOOK(id, of, physical, wire, hint, text) {physical, wire, hint, text, CUP_LOOK_OF_##of},
#include "control/contract/looks.def"
#undef CUP_LOOK
};

const struct cup_look_row *cup_look_row(enum cup_look look)
{
    CUP_ASSERT(look < CUP_LOOK_COUNT);
    return &rows[look];
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Does the text follow the pattern? 9: a digit, x: a hexadecimal digit, else itself. */
static bool follows(const char *text, const char *pattern)
{
    for (; *pattern != '\0'; text++, pattern++) {
        bool good = *pattern == '9'   ? is_digit(*text)
                    : *pattern == 'x' ? is_hex(*text) || (*text >= 'A' && *text <= 'F')
                                      : *text == *pattern;
        if (!good) return false;
    }
    return true;
}

static bool is_uuid(const char *text, size_t bytes)
{
    return bytes == UUID_BYTES && follows(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
}

/* -12.30, without superfluous zeros: 007 is a code, not a number. */
static bool is_decimal(const char *text)
{
    const char *at = text + (*text == '-');

    if (!is_digit(*at) || (*at == '0' && is_digit(at[1]))) return false;
    at += strspn(at, "0123456789");
    if (*at == '\0') return true;
    return *at == '.' && is_digit(at[1]) && at[1 + strspn(at + 1, "0123456789")] == '\0';
}

void cup_looks_digits(const char *text, uint32_t *out_before, uint32_t *out_behind)
{
    const char *at    = text + (*text == '-');
    const char *point = strchr(at, '.');
    size_t      all   = strlen(at);

    *out_before = (uint32_t)(point == NULL ? all : (size_t)(point - at));
    *out_behind = (uint32_t)(point == NULL ? 0 : all - *out_before - 1);
    if (*out_before == 1 && *at == '0') *out_before = 0;
}

/* The time of the day at the start of a text; NULL: there is none. */
static const char *skip_time(const char *at)
{
    if (!follows(at, "99:99")) return NULL;
    at += 5;
    if (follows(at, ":99")) at += 3;
    if (*at == '.' && is_digit(at[1])) at += 1 + strspn(at + 1, "0123456789");
    return at;
}

static bool is_offset(const char *at)
{
    return (*at == '+' || *at == '-') && follows(at + 1, "99:99") && at[6] == '\0';
}

/* P1Y2M3DT4H5M6.78S, each part with a sign of its own. */
static bool is_interval(const char *text)
{
    const char *at = text + (*text == '-');

    return *at == 'P' && at[1] != '\0' && strpbrk(at, "0123456789") != NULL &&
           at[1 + strspn(at + 1, "0123456789.-YMWDTHS")] == '\0';
}

static uint32_t look_at_time(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');

    const char *end = skip_time(text);
    if (end != NULL && *end == '\0') return BIT(TIME_ISO);
    if (end != NULL && strcmp(end, "Z") == 0) return BIT(TIME_ISO) | BIT(TIME_ZONED);
    if (end != NULL) return is_offset(end) ? BIT(TIME_ZONED) : 0;
    if (strcmp(text, "infinity") == 0 || strcmp(text, "-infinity") == 0)
        return BIT(TIMESTAMP_ZONED);
    size_t years = strspn(at, "0123456789");
    if (years < 4 || years > 9 || !follows(at + years, "-99-99")) return 0;
    at += years + 6;
    if (*at == '\0' || strcmp(at, "Z") == 0) return BIT(DATE_ISO);
    if ((*at != 'T' && *at != ' ') || (end = skip_time(at + 1)) == NULL) return 0;
    if (*end == '\0') return BIT(TIMESTAMP_ISO);
    if (strcmp(end, "Z") == 0) return BIT(TIMESTAMP_ISO) | BIT(TIMESTAMP_ZONED);
    return is_offset(end) ? BIT(TIMESTAMP_ZONED) : 0;
}

/* Both alphabets of base64 with padding, and hexadecimal digits. */
static uint32_t look_at_bytes(const char *text, size_t bytes, uint32_t *sure)
{
    size_t   plain = 0, marks = 0, url_marks = 0, hex = 0, digits = 0;
    size_t   padding = bytes - strcspn(text, "=");
    uint32_t looks   = 0;

    for (size_t i = 0; i < bytes; i++) {
        plain += is_letter(text[i]) || is_digit(text[i]);
        marks += text[i] == '+' || text[i] == '/';
        url_marks += text[i] == '-' || text[i] == '_';
        hex += is_hex(text[i]);
        digits += is_digit(text[i]);
    }
    bool whole = bytes % 4 == 0 && padding <= 2 && strspn(text + (bytes - padding), "=") == padding;
    if (whole && plain + marks + padding == bytes) {
        looks |= BIT(BYTES_BASE64) | BIT(DECIMAL_BASE64) | BIT(BITS);
        if (padding > 0 || marks > 0) *sure |= BIT(BYTES_BASE64) | BIT(DECIMAL_BASE64) | BIT(BITS);
    }
    if (whole && plain + url_marks + padding == bytes) {
        looks |= BIT(BYTES_BASE64URL);
        if (url_marks > 0 && padding > 0) *sure |= BIT(BYTES_BASE64URL);
    }
    if (bytes % 2 == 0 && hex == bytes) {
        looks |= BIT(BYTES_HEX);
        if (digits > 0 && digits < bytes) *sure |= BIT(BYTES_HEX);
    }
    return looks;
}

static bool is_json(const char *text, size_t bytes)
{
    if (*text != '{' && *text != '[') return false;
    json_t *root = json_loadb(text, bytes, JSON_ALLOW_NUL, NULL);
    json_decref(root);
    return root != NULL;
}

uint32_t cup_looks_of_text(const char *text, size_t bytes, uint32_t *out_sure)
{
    uint32_t sure = BIT(UUID) | BIT(DECIMAL_TEXT) | BIT(DATE_ISO) | BIT(TIMESTAMP_ZONED) |
                    BIT(TIMESTAMP_ISO) | BIT(TIME_ISO) | BIT(TIME_ZONED) | BIT(INTERVAL_ISO) |
                    BIT(JSON);
    uint32_t looks = 0;

    CUP_ASSERT(text[bytes] == '\0');
    if (strlen(text) == bytes) {
        if (is_uuid(text, bytes)) looks |= BIT(UUID);
        if (is_decimal(text)) looks |= BIT(DECIMAL_TEXT);
        if (is_interval(text)) looks |= BIT(INTERVAL_ISO);
        if (is_json(text, bytes)) looks |= BIT(JSON);
        looks |= look_at_time(text) | look_at_bytes(text, bytes, &sure);
    }
    *out_sure = looks & sure;
    return looks;
}

static bool is_between(int64_t value, int64_t least, int64_t most)
{
    return value >= least && value <= most;
}

/* A unit of time: what it may hold (years 1 to 9999), and what only it holds: dates of business,
 * 1973 to 2128, whose magnitudes differ from unit to unit. */
static uint32_t look_at_unit(int64_t value, uint32_t bit, int64_t per_ms, uint32_t *sure)
{
    const int64_t least = -62135596800000ll, most = 253402300799999ll;
    const int64_t early = 100000000000ll, late = 5000000000000ll;

    if (is_between(value / per_ms, early, late)) *sure |= bit;
    return is_between(value / per_ms, least, most) ? bit : 0;
}

uint32_t cup_looks_of_integer(int64_t value, uint32_t *out_sure)
{
    uint32_t sure = 0, looks = 0;

    if (is_between(value, -47482, 73049)) sure |= BIT(DATE_DAYS); /* 1840 to 2170 */
    if (is_between(value, 0, DAY_MS)) sure |= BIT(TIME_MS);
    if (is_between(value, 0, DAY_MS * 1000)) sure |= BIT(TIME_US);
    if (is_between(value, 0, DAY_MS * 1000000)) sure |= BIT(TIME_NS);
    looks = sure;
    looks |= look_at_unit(value, BIT(TIMESTAMP_MS), 1, &sure);
    looks |= look_at_unit(value, BIT(TIMESTAMP_US), 1000, &sure);
    looks |= look_at_unit(value, BIT(TIMESTAMP_NS), 1000000, &sure);
    *out_sure = sure;
    return looks;
}

/* All values are texts or null. */
static bool is_map(const json_t *object)
{
    const char *name;
    json_t     *value;

    json_object_foreach((json_t *)object, name, value)
    {
        if (!json_is_string(value) && !json_is_null(value)) return false;
    }
    return true;
}

uint32_t cup_looks_of_object(const json_t *object)
{
    bool wkb =
        json_is_string(json_object_get(object, "wkb")) && json_object_get(object, "srid") != NULL;
    bool xy = json_object_get(object, "x") != NULL && json_object_get(object, "y") != NULL;

    if (wkb) return xy ? BIT(POINT) : BIT(GEOMETRY);
    return is_map(object) ? BIT(HSTORE) : 0;
}

bool cup_looks_hinted(const struct cup_look_row *row, const char *name)
{
    const char *word = row->hint;

    if (*word == '\0') return true;
    while (*word != '\0') {
        char   hint[HINT_BYTES];
        size_t bytes = strcspn(word, " ");
        CUP_ASSERT(bytes < sizeof(hint));
        memcpy(hint, word, bytes);
        hint[bytes] = '\0';
        if (strcasestr(name, hint) != NULL) return true;
        word += bytes + (word[bytes] == ' ');
    }
    return false;
}
