// SPDX-License-Identifier: Apache-2.0
#include "control/contract/bound.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/value/decimal.h"
#include "kernels/value/moment.h"
#include "kernels/value/real.h"

#define LARGEST ((cup_i128)INT64_MAX << 64 | (cup_i128)UINT64_MAX)

/* A number text cut into what the column holds and what is left. */
struct number {
    bool     negative, rest; /* rest: digits that the scale has no place for, not all 0 */
    cup_i128 units;          /* without sign; LARGEST: too large */
    uint32_t rest_digits;
    cup_i128 with_rest; /* all digits, when they fit; else LARGEST */
};

static void push(cup_i128 *value, char digit)
{
    if (*value > (LARGEST - 9) / 10)
        *value = LARGEST;
    else if (*value != LARGEST)
        *value = *value * 10 + (digit - '0');
}

/* Digits without exponent; false: no number. */
static bool cut(const char *text, uint8_t scale, struct number *out)
{
    size_t        bytes = strlen(text), count = 0, place = 0;
    bool          behind = false;
    struct number number = {.negative = *text == '-'};
    uint8_t      *plain  = malloc(cup_decimal_expand_max(bytes) + 1);

    CUP_ASSERT(plain != NULL);
    bool good = cup_decimal_expand((const uint8_t *)text, bytes, plain, &count) == CUP_FIT_OK;
    for (size_t i = number.negative; good && i < count; i++) {
        if (plain[i] == '.') {
            behind = true;
            continue;
        }
        place += behind;
        push(&number.with_rest, (char)plain[i]);
        if (place <= scale)
            push(&number.units, (char)plain[i]);
        else
            number.rest |= plain[i] != '0', number.rest_digits++;
    }
    for (; place < scale; place++)
        push(&number.units, '0'), push(&number.with_rest, '0');
    free(plain);
    *out = number;
    return good;
}

static void keep(struct cup_catalog_value *value, cup_i128 number)
{
    memcpy(value->words, &number, sizeof number);
    value->text       = "";
    value->text_bytes = 0;
}

static bool read_number(const struct cup_shape_type *is, const char *text,
                        enum cup_bound_round round, struct cup_catalog_value *out,
                        struct cup_text *says)
{
    uint8_t       scale = is->type == CUP_TYPE_DECIMAL ? is->scale : 0;
    struct number number;

    if (!cut(text, scale, &number)) {
        cup_text_puts(says, "is no number; allowed: digits, as -12.50");
        return false;
    }
    if (number.rest && round == CUP_BOUND_EXACT) {
        cup_text_printf(says, "has more fraction digits than the column (%u)", scale);
        return false;
    }
    cup_i128 value = number.negative ? -number.units : number.units;
    if (number.rest && round == CUP_BOUND_UP && !number.negative && value != LARGEST) value++;
    if (number.rest && round == CUP_BOUND_DOWN && number.negative && value != -LARGEST) value--;
    keep(out, value);
    return true;
}

static bool read_real(const char *text, struct cup_catalog_value *out, struct cup_text *says)
{
    double real;

    if (cup_real_parse((const uint8_t *)text, strlen(text), &real) != CUP_FIT_OK) {
        cup_text_puts(says, "is no number; allowed: digits, as -12.5 or 1e-3");
        return false;
    }
    keep(out, 0);
    memcpy(out->words, &real, sizeof real);
    return true;
}

static bool read_date(const char *text, struct cup_catalog_value *out, struct cup_text *says)
{
    int32_t days;

    if (cup_moment_date((const uint8_t *)text, strlen(text), &days) != CUP_FIT_OK) {
        cup_text_puts(says, "is no date; allowed: YYYY-MM-DD, from 0001-01-01 to 9999-12-31");
        return false;
    }
    keep(out, days);
    return true;
}

/* A timestamp, a date (its first moment), or a time of day; a moment without zone is UTC, as the
 * standard says. */
static bool read_moment(const char *text, bool time_of_day, struct cup_catalog_value *out,
                        struct cup_text *says)
{
    char    whole[64];
    int64_t us;

    int bytes = snprintf(whole, sizeof whole, "%s%s%s", time_of_day ? "1970-01-01T" : "", text,
                         !time_of_day && strlen(text) == 10 ? "T00:00:00" : "");
    if (bytes > 10 && bytes < (int)sizeof whole && whole[10] == ' ') whole[10] = 'T';
    const uint8_t *at = (const uint8_t *)whole;
    if (bytes >= (int)sizeof whole || (cup_moment_instant(at, (size_t)bytes, &us) != CUP_FIT_OK &&
                                       cup_moment_local(at, (size_t)bytes, &us) != CUP_FIT_OK)) {
        cup_text_puts(says, time_of_day ? "is no time; allowed: HH:MM:SS"
                                        : "is no timestamp; allowed: YYYY-MM-DDTHH:MM:SSZ");
        return false;
    }
    keep(out, us);
    return true;
}

static bool is_time_of_day(const struct cup_shape_type *is)
{
    const char *name = cup_encoding_row((enum cup_encoding)is->encoding)->name;

    return is->type == CUP_TYPE_LONG && strncmp(name, "time_", 5) == 0;
}

static bool read_bool(const char *text, struct cup_catalog_value *out, struct cup_text *says)
{
    bool is_true = strcmp(text, "true") == 0;

    if (!is_true && strcmp(text, "false") != 0) {
        cup_text_puts(says, "is no truth value; allowed: true, false");
        return false;
    }
    keep(out, is_true);
    return true;
}

bool cup_bound_read(const struct cup_shape_type *is, const char *text, enum cup_bound_round round,
                    struct cup_catalog_value *out_value, struct cup_text *says)
{
    if (strlen(text) > CUP_BOUND_BYTES_MAX) {
        cup_text_printf(says, "is too long; allowed: %u bytes", CUP_BOUND_BYTES_MAX);
        return false;
    }
    if (is_time_of_day(is)) return read_moment(text, true, out_value, says);
    switch ((enum cup_type)is->type) {
    case CUP_TYPE_BOOL: return read_bool(text, out_value, says);
    case CUP_TYPE_DATE: return read_date(text, out_value, says);
    case CUP_TYPE_TIMESTAMP:
    case CUP_TYPE_TIMESTAMP_NTZ: return read_moment(text, false, out_value, says);
    case CUP_TYPE_FLOAT:
    case CUP_TYPE_DOUBLE: return read_real(text, out_value, says);
    case CUP_TYPE_STRING:
        *out_value = (struct cup_catalog_value){.text = text, .text_bytes = strlen(text)};
        return true;
    default: break;
    }
    if (cup_plan_order(is->type) == CUP_ORDER_INTEGER)
        return read_number(is, text, round, out_value, says);
    cup_text_puts(says, "cannot be compared with values of this column's type: ");
    cup_shape_put_type(says, is);
    return false;
}

static cup_i128 common_divisor(cup_i128 a, cup_i128 b)
{
    while (b != 0) {
        cup_i128 rest = a % b;
        a             = b;
        b             = rest;
    }
    return a;
}

/* With m = 0.005 and cents: v cents are a multiple of it when 10 v is one of 5, so when v is one of
 * 5 / gcd(5, 10). */
bool cup_bound_multiple(const struct cup_shape_type *is, const char *text,
                        struct cup_catalog_value *out_value, struct cup_text *says)
{
    uint8_t       scale = is->type == CUP_TYPE_DECIMAL ? is->scale : 0;
    struct number number;
    cup_i128      ten = 1;

    bool whole = is->type == CUP_TYPE_DECIMAL || is->type == CUP_TYPE_BYTE ||
                 is->type == CUP_TYPE_SHORT || is->type == CUP_TYPE_INT ||
                 is->type == CUP_TYPE_LONG;
    if (!whole) {
        cup_text_puts(says, "is for whole numbers and decimals; floating point is not exact");
        return false;
    }
    bool good = strlen(text) <= CUP_BOUND_BYTES_MAX && cut(text, scale, &number) &&
                !number.negative && number.with_rest != 0;
    for (uint32_t i = 0; good && i < number.rest_digits; i++)
        push(&ten, '0');
    if (!good || number.with_rest == LARGEST || ten == LARGEST) {
        cup_text_puts(says, "is no divisor; allowed: a number above 0 with at most 38 digits");
        return false;
    }
    keep(out_value, number.with_rest / common_divisor(number.with_rest, ten));
    return true;
}
