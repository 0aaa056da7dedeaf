// SPDX-License-Identifier: Apache-2.0
#include "control/contract/sqltype.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CUP_ENCODING_NONE CUP_ENCODING_COUNT
#define NAME_BYTES        64u /* the longest name has 27 */

static const struct cup_sqltype_row rows[] = {
#define CUP_SQLTYPE(name, type, wire, parameters, text)                                            \
    {name, text, CUP_TYPE_##type, CUP_ENCODING_##wire, CUP_SQLTYPE_##parameters},
#include "control/contract/sqltype.def"
#undef CUP_SQLTYPE
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* A physical type taken apart: "numeric(18,2)[]". */
struct parts {
    char     name[NAME_BYTES]; /* lower case, single spaces, without parameters */
    int64_t  digits[2];
    uint32_t digit_count;
    bool     is_array;
};

uint32_t cup_sqltype_count(void)
{
    return (uint32_t)ROW_COUNT;
}

const struct cup_sqltype_row *cup_sqltype_row(uint32_t index)
{
    CUP_ASSERT(index < ROW_COUNT);
    return &rows[index];
}

/* Reads "(18,2)" from *at and moves behind it. */
static bool read_parameters(const char **at, struct parts *parts)
{
    const char *s = *at + 1;

    for (parts->digit_count = 0; parts->digit_count < 2;) {
        char *end;
        errno    = 0;
        long one = strtol(s, &end, 10);
        if (end == s || errno != 0 || one > INT32_MAX || one < -CUP_PLAN_SCALE_MAX) return false;
        parts->digits[parts->digit_count++] = one;
        s                                   = end + strspn(end, " ");
        if (*s != ',') break;
        s++;
    }
    if (*s != ')') return false;
    *at = s + 1;
    return true;
}

static bool take_apart(const char *physical, struct parts *out_parts)
{
    struct parts parts = {0};
    size_t       bytes = 0;

    for (const char *at = physical; *at != '\0';) {
        if (*at == '(') {
            if (parts.digit_count > 0 || !read_parameters(&at, &parts)) return false;
            continue;
        }
        if (strcmp(at, "[]") == 0 || strcmp(at, "[][]") == 0) { /* of two, values are lost */
            parts.is_array = true;
            break;
        }
        char one = (char)tolower((unsigned char)*at++);
        if (one == ' ' && (bytes == 0 || parts.name[bytes - 1] == ' ')) continue;
        if (bytes + 1 >= sizeof(parts.name)) return false;
        parts.name[bytes++] = one;
    }
    while (bytes > 0 && parts.name[bytes - 1] == ' ')
        parts.name[--bytes] = '\0';
    *out_parts = parts;
    return true;
}

static bool unknown_type(const char *physical, struct cup_text *says)
{
    cup_text_printf(says, "physicalType \"%s\" is not known; allowed: ", physical);
    for (size_t i = 0; i < ROW_COUNT; i++)
        cup_text_printf(says, "%s%s", i == 0 ? "" : ", ", rows[i].name);
    cup_text_puts(says, "; [] behind it makes an array");
    return false;
}

static bool is_decimal_wire(uint8_t encoding)
{
    return cup_encoding_row((enum cup_encoding)encoding)->type == CUP_TYPE_DECIMAL ||
           encoding == CUP_ENCODING_DECIMAL_VARIABLE;
}

/* The types that keep whatever comes: exact digits too, where a decimal would refuse some. */
static bool is_any_text(const struct cup_sqltype_row *row)
{
    return row->type == CUP_TYPE_STRING && row->wire == CUP_ENCODING_STRING &&
           row->parameters == CUP_SQLTYPE_NONE;
}

/* Its type follows from the encoding. */
static bool is_interval(const struct cup_sqltype_row *row)
{
    return strcmp(row->name, "interval") == 0;
}

/* May a column of the row's type come in this encoding? Integers may come narrower, numbers as
 * exact text, zoneless times as an instant when the contract says utc. */
static bool wire_is_allowed(const struct cup_sqltype_row *row, uint8_t encoding)
{
    uint8_t natural = cup_encoding_row((enum cup_encoding)encoding)->type;
    bool    of_time = strncmp(row->name, "time", 4) == 0 && row->type == CUP_TYPE_LONG;
    bool    span    = encoding == CUP_ENCODING_DURATION_US || encoding == CUP_ENCODING_DURATION_NS;

    if (encoding == CUP_ENCODING_LIST) return false;
    if (encoding == CUP_ENCODING_MAP) return strcmp(row->name, "hstore") == 0;
    if (is_interval(row)) return span || encoding == CUP_ENCODING_INTERVAL_ISO;
    if (span) return false;
    if (row->type == CUP_TYPE_DECIMAL)
        return is_decimal_wire(encoding) || (encoding == row->wire && natural == CUP_TYPE_LONG);
    if (is_decimal_wire(encoding)) return is_any_text(row);
    if (natural == CUP_TYPE_LONG && encoding != CUP_ENCODING_INT64) return of_time;
    if (of_time) return false;
    struct cup_shape_type column = {.type = row->type}, wire = {.type = natural};
    return cup_shape_fits(&column, &wire);
}

static void put_allowed_wires(const struct cup_sqltype_row *row, struct cup_text *says)
{
    const char *comma = "";

    cup_text_puts(says, "; allowed: ");
    for (uint8_t i = 0; i < CUP_ENCODING_COUNT; i++) {
        if (!wire_is_allowed(row, i)) continue;
        const struct cup_encoding_row *encoding = cup_encoding_row((enum cup_encoding)i);
        cup_text_printf(says, "%s%s (%s)", comma, encoding->name, encoding->text);
        comma = ", ";
    }
}

static bool find_wire(const struct cup_sqltype_row *row, const char *wire, uint8_t *out_encoding,
                      struct cup_text *says)
{
    if (wire == NULL && row->wire != CUP_ENCODING_COUNT) {
        *out_encoding = row->wire;
        return true;
    }
    for (uint8_t i = 0; wire != NULL && i < CUP_ENCODING_COUNT; i++) {
        if (strcmp(cup_encoding_row((enum cup_encoding)i)->name, wire) != 0) continue;
        if (!wire_is_allowed(row, i)) break;
        *out_encoding = i;
        return true;
    }
    if (wire == NULL)
        cup_text_printf(says, "%s needs customProperties: wire, which says how records carry it",
                        row->name);
    else
        cup_text_printf(says, "wire \"%s\" is no encoding of %s", wire, row->name);
    put_allowed_wires(row, says);
    return false;
}

static bool read_scale(const char *text, int32_t *out_scale, struct cup_text *says)
{
    char *end;

    errno     = 0;
    long some = strtol(text, &end, 10);
    if (*text != '\0' && *end == '\0' && errno == 0 && some >= -CUP_PLAN_SCALE_MAX &&
        some <= CUP_PLAN_SCALE_MAX) {
        *out_scale = (int32_t)some;
        return true;
    }
    cup_text_printf(says, "scale \"%s\" is no number; allowed: %d to %d", text, -CUP_PLAN_SCALE_MAX,
                    CUP_PLAN_SCALE_MAX);
    return false;
}

/* The digits of a decimal: of the column, and on the wire. */
static bool settle_decimal(const struct parts *parts, const struct cup_sqltype_hints *hints,
                           struct cup_shape_type *is, struct cup_text *says)
{
    int64_t precision = parts->digit_count > 0 ? parts->digits[0] : 0;
    int64_t scale     = parts->digit_count > 1 ? parts->digits[1] : 0;

    if (parts->digit_count > 1 && precision <= CUP_DECIMAL_PRECISION_MAX && scale > precision) {
        cup_text_printf(says, "%s(%lld,%lld): the scale is larger than the precision", parts->name,
                        (long long)precision, (long long)scale);
        return false;
    }
    bool negative = scale < 0; /* zeros before the point; on the wire 2048 more, or as it is */
    if (negative) precision -= scale;
    bool fits      = precision >= 1 && precision <= CUP_DECIMAL_PRECISION_MAX && scale <= precision;
    is->wire_scale = (int32_t)scale;
    if (hints->scale != NULL && !read_scale(hints->scale, &is->wire_scale, says)) return false;
    bool needs_scale =
        is->encoding == CUP_ENCODING_DECIMAL_BASE64 && (parts->digit_count == 0 || negative);
    if (needs_scale && hints->scale == NULL) {
        cup_text_printf(says,
                        "%s %s as decimal_base64 needs customProperties: scale, the digits behind "
                        "the point%s",
                        parts->name, negative ? "with a negative scale" : "without digits",
                        negative ? " (PostgreSQL sends 2046 for -2)" : "");
        return false;
    }
    is->type      = fits ? CUP_TYPE_DECIMAL : CUP_TYPE_STRING;
    is->precision = fits ? (uint8_t)precision : 0;
    is->scale     = fits && !negative ? (uint8_t)scale : 0;
    return true;
}

/* What the type says beside its name. */
static void settle_kind(const struct cup_sqltype_row *row, const struct parts *parts,
                        const struct cup_sqltype_hints *hints, struct cup_shape_type *is)
{
    bool one = parts->digit_count == 0 || parts->digits[0] == 1;

    if (row->parameters == CUP_SQLTYPE_UNSIGNED) is->options |= CUP_MEMBER_UNSIGNED;
    if (row->parameters == CUP_SQLTYPE_UNSIGNED && row->type == CUP_TYPE_DECIMAL)
        is->precision = 20; /* of 2^64 - 1 */
    if (row->parameters == CUP_SQLTYPE_BITS && one && hints->wire == NULL) {
        is->type     = CUP_TYPE_BOOL;
        is->encoding = CUP_ENCODING_BOOL;
    } else if (row->parameters == CUP_SQLTYPE_BITS) {
        bool padded    = !one && parts->digits[0] <= CUP_PLAN_SCALE_MAX && parts->digits[0] > 0;
        is->wire_scale = padded ? (int32_t)parts->digits[0] : one;
    }
    if (is->encoding == CUP_ENCODING_MAP) is->type = CUP_TYPE_MAP;
    if (is_interval(row) && is->encoding != CUP_ENCODING_INTERVAL_ISO) is->type = CUP_TYPE_LONG;
    if (strcmp(row->name, "money") == 0) is->options |= CUP_MEMBER_MONEY;
}

static bool settle_zone(const char *zone, struct cup_shape_type *is, struct cup_text *says)
{
    if (zone == NULL) return true;
    if (is->type != CUP_TYPE_TIMESTAMP_NTZ || strcmp(zone, "utc") != 0) {
        cup_text_printf(says,
                        "zone \"%s\" is not allowed here; allowed: utc, for a timestamp without "
                        "time zone",
                        zone);
        return false;
    }
    is->type = CUP_TYPE_TIMESTAMP;
    return true;
}

bool cup_sqltype_parse(const char *physical, const struct cup_sqltype_hints *hints,
                       struct cup_shape_type *out_is, struct cup_text *says)
{
    const struct cup_sqltype_row *row = NULL;
    struct cup_shape_type         is  = {0};
    struct parts                  parts;

    CUP_ASSERT(physical != NULL && hints != NULL);
    if (!take_apart(physical, &parts)) return unknown_type(physical, says);
    for (size_t i = 0; i < ROW_COUNT && row == NULL; i++)
        row = strcmp(rows[i].name, parts.name) == 0 ? &rows[i] : NULL;
    if (row == NULL || (row->parameters == CUP_SQLTYPE_NONE && parts.digit_count > 0))
        return unknown_type(physical, says);
    is.type = row->type;
    if (!find_wire(row, hints->wire, &is.encoding, says)) return false;
    if (strcmp(row->name, "money") == 0 && parts.digit_count == 0)
        parts = (struct parts){
            .digits = {19, 2}, .digit_count = 2, .name = "money", .is_array = parts.is_array};
    bool is_integer = row->parameters == CUP_SQLTYPE_UNSIGNED;
    if (row->parameters == CUP_SQLTYPE_DIGITS || (is_decimal_wire(is.encoding) && !is_integer)) {
        if (!settle_decimal(&parts, hints, &is, says)) return false;
    } else if (hints->scale != NULL) {
        cup_text_printf(says, "scale is for decimals, not for %s", row->name);
        return false;
    }
    settle_kind(row, &parts, hints, &is);
    if (!settle_zone(hints->zone, &is, says)) return false;
    if (parts.is_array && is.type == CUP_TYPE_MAP) return unknown_type(physical, says);
    if (parts.is_array) {
        is.element_type     = is.type;
        is.element_encoding = is.encoding;
        is.type             = CUP_TYPE_LIST;
        is.encoding         = CUP_ENCODING_LIST;
    }
    is.unavailable = cup_shape_out_of_line((enum cup_encoding)is.encoding);
    *out_is        = is;
    return true;
}
