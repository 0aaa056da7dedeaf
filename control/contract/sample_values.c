// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/contract/looks.h"
#include "control/contract/sample_priv.h"

#define ELEMENTS_MAX 64u                /* of an array are looked at */
#define EXACT_MAX    9007199254740992.0 /* 2^53 */
#define DIGITS_MAX   17                 /* that tell every double from its neighbours */

/* Debezium's default placeholder for a value that the database did not send, in its forms. */
static const char *const unavailables[] = {
    "__debezium_unavailable_value",
    "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==", "b68a35a7-17ad-35b3-af2a-ae46edb4545a"};
#define UNAVAILABLE_RAW 1u /* the second is what bytes look like */

static const char *const not_finites[] = {"NaN", "Infinity", "-Infinity"};

static bool is_one_of(const char *text, const char *const *list, size_t count, size_t *out_index)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, list[i]) != 0) continue;
        *out_index = i;
        return true;
    }
    return false;
}

static void raise_to(uint32_t *most, uint32_t value)
{
    if (value > *most) *most = value;
}

static void take_looks(struct cup_sample_values *values, uint64_t before, uint32_t looks,
                       uint32_t sure)
{
    values->looks = before == 0 ? looks : values->looks & looks;
    values->sure |= sure;
}

static void take_text(struct cup_sample_values *values, const json_t *value)
{
    const char *text  = json_string_value(value);
    size_t      bytes = json_string_length(value), which = 0;
    uint32_t    sure = 0, before = 0, behind = 0;

    if (is_one_of(text, unavailables, 3, &which)) {
        values->unavailable++;
        values->unavailable_raw += which == UNAVAILABLE_RAW;
        return;
    }
    if (is_one_of(text, not_finites, 3, &which)) values->not_finite++;
    if (bytes == 0) {
        values->empties++;
        return;
    }
    uint32_t looks = cup_looks_of_text(text, bytes, &sure);
    take_looks(values, values->texts, looks, sure);
    if ((looks & 1u << CUP_LOOK_DECIMAL_TEXT) != 0) {
        cup_looks_digits(text, &before, &behind);
        raise_to(&values->digits_before, before);
        raise_to(&values->digits_behind, behind);
    }
    values->texts++;
}

static void take_integer(struct cup_sample_values *values, int64_t value)
{
    uint32_t sure  = 0;
    uint32_t looks = cup_looks_of_integer(value, &sure);

    take_looks(values, values->integers, looks, sure);
    values->integers++;
}

/* The digits that the shortest text of a double has; its own text is gone. */
static void take_real(struct cup_sample_values *values, double value, bool wide)
{
    char     text[64];
    uint32_t before = 0, behind = 0;

    if (wide && value == floor(value)) {
        if (fabs(value) < EXACT_MAX)
            take_integer(values, (int64_t)value);
        else
            values->huge++;
        return;
    }
    values->reals++;
    if (fabs(value) >= EXACT_MAX) return;
    for (int digits = 0; digits <= DIGITS_MAX; digits++) {
        snprintf(text, sizeof(text), "%.*f", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    cup_looks_digits(text, &before, &behind);
    raise_to(&values->digits_before, before);
    raise_to(&values->digits_behind, behind);
}

/* An array of one placeholder, or of its 28 bytes as numbers. */
static bool is_unavailable_list(const json_t *list)
{
    const char *text  = json_string_value(json_array_get(list, 0));
    size_t      count = json_array_size(list), which = 0;

    if (count == 1 && text != NULL) return is_one_of(text, unavailables, 3, &which);
    if (count != strlen(unavailables[0])) return false;
    for (size_t i = 0; i < count; i++) {
        if (json_integer_value(json_array_get(list, i)) != unavailables[0][i]) return false;
    }
    return true;
}

static void take_list(struct cup_sample_values *values, struct cup_sample_values *elements,
                      const json_t *list, bool wide)
{
    if (elements != NULL && is_unavailable_list(list)) {
        values->unavailable++;
        return;
    }
    values->lists++;
    for (size_t i = 0; elements != NULL && i < json_array_size(list) && i < ELEMENTS_MAX; i++)
        cup_sample_priv_value(elements, NULL, json_array_get(list, i), wide);
}

static bool is_variable(const json_t *object)
{
    return json_object_size(object) == 2 && json_is_number(json_object_get(object, "scale")) &&
           json_is_string(json_object_get(object, "value"));
}

void cup_sample_priv_value(struct cup_sample_values *values, struct cup_sample_values *elements,
                           const json_t *value, bool wide)
{
    switch (json_typeof(value)) {
    case JSON_NULL: values->nulls++; return;
    case JSON_TRUE:
    case JSON_FALSE: values->bools++; return;
    case JSON_INTEGER: take_integer(values, json_integer_value(value)); return;
    case JSON_REAL: take_real(values, json_real_value(value), wide); return;
    case JSON_STRING: take_text(values, value); return;
    case JSON_ARRAY: take_list(values, elements, value, wide); return;
    case JSON_OBJECT:
        if (is_variable(value)) {
            values->variable++;
            return;
        }
        uint32_t looks = cup_looks_of_object(value);
        take_looks(values, values->objects, looks, looks);
        values->objects++;
        return;
    }
}
