// SPDX-License-Identifier: Apache-2.0
#include "lake/parquet_priv.h"

#include <math.h>
#include <string.h>

#define DAY_US        86400000000ll
#define TIMESTAMP_MAX 48u /* bytes of a formatted value */

enum cup_parquet_bound_kind cup_parquet_priv_bound_kind(const struct cup_field *field)
{
    if (field->flags & CUP_FIELD_NO_BOUNDS) return CUP_PARQUET_BOUND_NONE;
    switch ((enum cup_type)field->type) {
    case CUP_TYPE_BYTE:
    case CUP_TYPE_SHORT:
    case CUP_TYPE_INT:
    case CUP_TYPE_LONG:
    case CUP_TYPE_DATE:
    case CUP_TYPE_TIMESTAMP:
    case CUP_TYPE_TIMESTAMP_NTZ: return CUP_PARQUET_BOUND_I64;
    case CUP_TYPE_FLOAT:
    case CUP_TYPE_DOUBLE: return CUP_PARQUET_BOUND_F64;
    case CUP_TYPE_DECIMAL:
        return field->precision <= 18 ? CUP_PARQUET_BOUND_I64 : CUP_PARQUET_BOUND_I128;
    case CUP_TYPE_STRING: return CUP_PARQUET_BOUND_TEXT;
    case CUP_TYPE_BOOL:
    case CUP_TYPE_BINARY:
    case CUP_TYPE_LIST:
    case CUP_TYPE_MAP:
    case CUP_TYPE_STRUCT:
    case CUP_TYPE_COUNT: break;
    }
    return CUP_PARQUET_BOUND_NONE;
}

static void widen_i64(struct cup_parquet_bounds *bounds, int64_t min, int64_t max)
{
    if (!bounds->has || min < bounds->i64.min) bounds->i64.min = min;
    if (!bounds->has || max > bounds->i64.max) bounds->i64.max = max;
    bounds->has = true;
}

void cup_parquet_priv_bounds_i32(struct cup_parquet_bounds *bounds, const int32_t *values,
                                 uint32_t count)
{
    if (count == 0) return;
    int32_t min = values[0], max = values[0];
    for (uint32_t i = 1; i < count; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    widen_i64(bounds, min, max);
}

void cup_parquet_priv_bounds_i64(struct cup_parquet_bounds *bounds, const int64_t *values,
                                 uint32_t count)
{
    if (count == 0) return;
    int64_t min = values[0], max = values[0];
    for (uint32_t i = 1; i < count; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    widen_i64(bounds, min, max);
}

static void widen_f64(struct cup_parquet_bounds *bounds, double value)
{
    if (!isfinite(value)) {
        bounds->spoiled = true;
        return;
    }
    if (!bounds->has || value < bounds->f64.min) bounds->f64.min = value;
    if (!bounds->has || value > bounds->f64.max) bounds->f64.max = value;
    bounds->has = true;
}

void cup_parquet_priv_bounds_f32(struct cup_parquet_bounds *bounds, const float *values,
                                 uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        widen_f64(bounds, (double)values[i]);
}

void cup_parquet_priv_bounds_f64(struct cup_parquet_bounds *bounds, const double *values,
                                 uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        widen_f64(bounds, values[i]);
}

void cup_parquet_priv_bounds_i128(struct cup_parquet_bounds *bounds, cup_i128 value)
{
    if (!bounds->has || value < bounds->i128.min) bounds->i128.min = value;
    if (!bounds->has || value > bounds->i128.max) bounds->i128.max = value;
    bounds->has = true;
}

/* --- texts: only a prefix of each bound is kept; prefixes compare like the texts they begin --- */

/* Length of the first CUP_PARQUET_BOUND_CHARACTERS characters; never inside one. */
static uint32_t prefix_bytes(const uint8_t *text, uint32_t bytes)
{
    uint32_t at = 0, characters = 0;

    if (bytes <= CUP_PARQUET_BOUND_CHARACTERS) return bytes;
    for (; at < bytes && at <= CUP_PARQUET_BOUND_BYTES; at++) {
        bool starts = (text[at] & 0xC0) != 0x80;
        if (starts && characters++ == CUP_PARQUET_BOUND_CHARACTERS) return at;
    }
    /* Only a text that is not UTF-8 has more bytes than that in 32 characters. */
    return at < CUP_PARQUET_BOUND_BYTES ? at : CUP_PARQUET_BOUND_BYTES;
}

static int compare(const uint8_t *a, uint32_t a_bytes, const uint8_t *b, uint32_t b_bytes)
{
    int order = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);

    return order != 0 ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

static uint64_t key_of(const uint8_t *text, uint32_t bytes)
{
    uint8_t padded[8] = {0};

    memcpy(padded, text, bytes < 8 ? bytes : 8);
    return cup_parquet_priv_key(padded, 8);
}

static void set_min(struct cup_parquet_bounds *bounds, const uint8_t *text, uint32_t bytes,
                    bool cut)
{
    memcpy(bounds->text.min, text, bytes);
    bounds->text.min_bytes = (uint8_t)bytes;
    bounds->text.min_key   = key_of(text, bytes);
    bounds->min_cut        = cut;
}

static void set_max(struct cup_parquet_bounds *bounds, const uint8_t *text, uint32_t bytes,
                    bool cut)
{
    memcpy(bounds->text.max, text, bytes);
    bounds->text.max_bytes = (uint8_t)bytes;
    bounds->text.max_key   = key_of(text, bytes);
    bounds->max_cut        = cut;
}

static void widen_text(struct cup_parquet_bounds *bounds, const uint8_t *min, uint32_t min_bytes,
                       bool min_cut, const uint8_t *max, uint32_t max_bytes, bool max_cut)
{
    bool first = !bounds->has;
    int  below = first ? -1 : compare(min, min_bytes, bounds->text.min, bounds->text.min_bytes);
    int  above = first ? 1 : compare(max, max_bytes, bounds->text.max, bounds->text.max_bytes);

    if (below < 0) set_min(bounds, min, min_bytes, min_cut);
    if (below == 0) bounds->min_cut = bounds->min_cut && min_cut;
    if (above > 0) set_max(bounds, max, max_bytes, max_cut);
    if (above == 0) bounds->max_cut = bounds->max_cut || max_cut;
    bounds->has = true;
}

void cup_parquet_priv_bounds_text_slow(struct cup_parquet_bounds *bounds, const uint8_t *text,
                                       uint32_t bytes)
{
    uint32_t prefix = prefix_bytes(text, bytes);

    widen_text(bounds, text, prefix, prefix < bytes, text, prefix, prefix < bytes);
}

void cup_parquet_priv_bounds_merge(struct cup_parquet_bounds       *into,
                                   const struct cup_parquet_bounds *from,
                                   enum cup_parquet_bound_kind      kind)
{
    into->spoiled = into->spoiled || from->spoiled;
    if (!from->has) return;
    switch (kind) {
    case CUP_PARQUET_BOUND_NONE: break;
    case CUP_PARQUET_BOUND_I64: widen_i64(into, from->i64.min, from->i64.max); break;
    case CUP_PARQUET_BOUND_F64:
        widen_f64(into, from->f64.min);
        widen_f64(into, from->f64.max);
        break;
    case CUP_PARQUET_BOUND_I128:
        cup_parquet_priv_bounds_i128(into, from->i128.min);
        cup_parquet_priv_bounds_i128(into, from->i128.max);
        break;
    case CUP_PARQUET_BOUND_TEXT:
        widen_text(into, from->text.min, from->text.min_bytes, from->min_cut, from->text.max,
                   from->text.max_bytes, from->max_cut);
        break;
    }
}

/* Decodes the character at text[at]; 0 when it is none (our texts are UTF-8, but this is the last
 * place to find out). */
static uint32_t character_at(const uint8_t *text, uint32_t at, uint32_t bytes)
{
    uint8_t  head   = text[at];
    uint32_t length = head < 0x80 ? 1 : head < 0xC0 ? 0 : head < 0xE0 ? 2 : head < 0xF0 ? 3 : 4;
    uint32_t point  = length == 1 ? head : head & (0x7Fu >> length);

    if (length == 0 || at + length != bytes) return 0;
    for (uint32_t i = 1; i < length; i++)
        point = point << 6 | (text[at + i] & 0x3F);
    return point;
}

static uint32_t put_character(uint8_t *to, uint32_t point)
{
    if (point < 0x80) {
        to[0] = (uint8_t)point;
        return 1;
    }
    uint32_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (uint32_t i = length - 1; i > 0; i--, point >>= 6)
        to[i] = (uint8_t)(0x80 | (point & 0x3F));
    to[0] = (uint8_t)(0xF00u >> length | point);
    return length;
}

bool cup_parquet_priv_bound_raise(uint8_t *text, uint8_t *bytes)
{
    for (uint32_t end = *bytes; end > 0;) {
        uint32_t at = end - 1;
        while (at > 0 && (text[at] & 0xC0) == 0x80)
            at--;
        uint32_t point = character_at(text, at, end);
        if (point == 0 && text[at] != 0) return false;
        end = at;
        if (point == 0x10FFFF) continue; /* nothing above it: raise the one before */
        point  = point == 0xD7FF ? 0xE000 : point + 1;
        *bytes = (uint8_t)(at + put_character(text + at, point));
        return true;
    }
    return false;
}

/* --- JSON --- */

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

/* Days since 1970-01-01 to a date, proleptic Gregorian, any int64_t day that a value can have. */
static void put_date(struct cup_text *text, int64_t days)
{
    int64_t shifted = days + 719468; /* to 0000-03-01: a leap day is then the last of its year */
    int64_t era     = floor_div(shifted, 146097);
    int64_t day     = shifted - era * 146097;
    int64_t year    = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    int64_t month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;
    month = month < 10 ? month + 3 : month - 9;
    year += era * 400 + (month <= 2);
    cup_text_printf(text, "%04lld-%02lld-%02lld", (long long)year, (long long)month,
                    (long long)day + 1);
}

static void put_timestamp(struct cup_text *text, int64_t us, bool is_max, bool zone)
{
    int64_t ms   = floor_div(us, 1000) + (is_max && us % 1000 != 0);
    int64_t days = floor_div(ms, DAY_US / 1000);
    int64_t rest = ms - days * (DAY_US / 1000);

    put_date(text, days);
    cup_text_printf(text, "T%02lld:%02lld:%02lld.%03lld%s", (long long)(rest / 3600000),
                    (long long)(rest / 60000 % 60), (long long)(rest / 1000 % 60),
                    (long long)(rest % 1000), zone ? "Z" : "");
}

static void put_decimal(struct cup_text *text, cup_i128 value, uint32_t scale)
{
    char     digits[TIMESTAMP_MAX];
    uint32_t at   = sizeof digits;
    cup_i128 rest = value;

    for (uint32_t count = 0; rest != 0 || count <= scale; count++) {
        int digit = (int)(rest % 10); /* has the sign of the value */
        if (count == scale && scale > 0) digits[--at] = '.';
        digits[--at] = (char)('0' + (digit < 0 ? -digit : digit));
        rest /= 10;
    }
    if (value < 0) digits[--at] = '-';
    cup_text_put(text, digits + at, sizeof digits - at);
}

static void put_i64(struct cup_text *text, const struct cup_field *field, int64_t value,
                    bool is_max)
{
    switch ((enum cup_type)field->type) {
    case CUP_TYPE_DATE:
        cup_text_puts(text, "\"");
        put_date(text, value);
        cup_text_puts(text, "\"");
        break;
    case CUP_TYPE_TIMESTAMP:
    case CUP_TYPE_TIMESTAMP_NTZ:
        cup_text_puts(text, "\"");
        put_timestamp(text, value, is_max, field->type == CUP_TYPE_TIMESTAMP);
        cup_text_puts(text, "\"");
        break;
    case CUP_TYPE_DECIMAL: put_decimal(text, value, field->scale); break;
    default: cup_text_printf(text, "%lld", (long long)value); break;
    }
}

static bool put_text(const struct cup_parquet_bounds *bounds, bool is_max, struct cup_text *text)
{
    uint8_t copy[CUP_PARQUET_BOUND_BYTES + 4];
    uint8_t bytes = is_max ? bounds->text.max_bytes : bounds->text.min_bytes;

    memcpy(copy, is_max ? bounds->text.max : bounds->text.min, bytes);
    if (is_max && bounds->max_cut && !cup_parquet_priv_bound_raise(copy, &bytes)) return false;
    cup_text_json(text, copy, bytes);
    return true;
}

bool cup_parquet_priv_bound_json(const struct cup_parquet_bounds *bounds,
                                 const struct cup_field *field, bool is_max, struct cup_text *text)
{
    if (!bounds->has || bounds->spoiled) return false;
    switch (cup_parquet_priv_bound_kind(field)) {
    case CUP_PARQUET_BOUND_NONE: return false;
    case CUP_PARQUET_BOUND_I64:
        put_i64(text, field, is_max ? bounds->i64.max : bounds->i64.min, is_max);
        return true;
    case CUP_PARQUET_BOUND_F64: {
        double value = is_max ? bounds->f64.max : bounds->f64.min;
        if (value == 0) value = is_max ? 0.0 : -0.0; /* either zero may have been seen */
        cup_text_printf(text, "%.17g", value);
        return true;
    }
    case CUP_PARQUET_BOUND_I128:
        put_decimal(text, is_max ? bounds->i128.max : bounds->i128.min, field->scale);
        return true;
    case CUP_PARQUET_BOUND_TEXT: return put_text(bounds, is_max, text);
    }
    return false;
}
