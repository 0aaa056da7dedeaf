// SPDX-License-Identifier: Apache-2.0
#include "control/contract/physical.h"

#include <stdio.h>
#include <string.h>

static bool is_decimal(uint8_t encoding)
{
    return cup_encoding_row((enum cup_encoding)encoding)->type == CUP_TYPE_DECIMAL;
}

/* Times of the day are longs too, of microseconds. */
static bool is_time(uint8_t encoding)
{
    return encoding != CUP_ENCODING_INT64 &&
           cup_encoding_row((enum cup_encoding)encoding)->type == CUP_TYPE_LONG;
}

/* The type of one value: of the column, or of the elements of its arrays. */
static struct cup_shape_type inner_of(const struct cup_shape_type *is)
{
    struct cup_shape_type inner = *is;

    if (is->type == CUP_TYPE_LIST) {
        inner.type     = is->element_type;
        inner.encoding = is->element_encoding;
    }
    return inner;
}

/* Tries one row of sqltype.def, with or without wire. */
static bool try_row(const struct cup_sqltype_row *row, const struct cup_shape_type *is,
                    bool with_wire, struct cup_physical *physical)
{
    const struct cup_shape_type inner = inner_of(is);
    struct cup_sqltype_hints    hints = {0};
    struct cup_shape_type       got   = {0};
    struct cup_text             why   = {0};
    char                        scale[16], digits[16] = "";

    if (row->parameters == CUP_SQLTYPE_DIGITS && inner.type == CUP_TYPE_DECIMAL)
        snprintf(digits, sizeof(digits), "(%u,%u)", inner.precision, inner.scale);
    *physical = (struct cup_physical){.scale = is->wire_scale};
    snprintf(physical->name, sizeof(physical->name), "%s%s%s", row->name, digits,
             is->type == CUP_TYPE_LIST ? "[]" : "");
    if (with_wire) physical->wire = cup_encoding_row((enum cup_encoding)inner.encoding)->name;
    physical->has_scale = with_wire && is_decimal(inner.encoding) &&
                          (*digits == '\0' || is->wire_scale != inner.scale) &&
                          inner.encoding == CUP_ENCODING_DECIMAL_BASE64;
    snprintf(scale, sizeof(scale), "%d", is->wire_scale);
    hints.wire  = physical->wire;
    hints.scale = physical->has_scale ? scale : NULL;
    bool good   = cup_sqltype_parse(physical->name, &hints, &got, &why);
    cup_text_free(&why);
    if (!good || !cup_shape_same_type(&got, is) || got.encoding != is->encoding) return false;
    if (got.element_encoding != is->element_encoding) return false;
    return inner.encoding != CUP_ENCODING_DECIMAL_BASE64 || got.wire_scale == is->wire_scale;
}

bool cup_physical_of(const struct cup_shape_type *is, struct cup_physical *out_physical)
{
    struct cup_physical physical;

    CUP_ASSERT(out_physical != NULL);
    for (int with_wire = 0; with_wire < 2; with_wire++) {
        for (uint32_t i = 0; i < cup_sqltype_count(); i++) {
            if (!try_row(cup_sqltype_row(i), is, with_wire == 1, &physical)) continue;
            *out_physical = physical;
            return true;
        }
    }
    return false;
}

const char *cup_physical_logical(const struct cup_shape_type *is)
{
    switch (is->type) {
    case CUP_TYPE_BOOL: return "boolean";
    case CUP_TYPE_BYTE:
    case CUP_TYPE_SHORT:
    case CUP_TYPE_INT: return "integer";
    case CUP_TYPE_LONG: return is_time(is->encoding) ? "time" : "integer";
    case CUP_TYPE_FLOAT:
    case CUP_TYPE_DOUBLE:
    case CUP_TYPE_DECIMAL: return "number";
    case CUP_TYPE_DATE: return "date";
    case CUP_TYPE_TIMESTAMP:
    case CUP_TYPE_TIMESTAMP_NTZ: return "timestamp";
    case CUP_TYPE_LIST: return "array";
    case CUP_TYPE_MAP: return "object";
    default: return "string";
    }
}
