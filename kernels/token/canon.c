// SPDX-License-Identifier: Apache-2.0
#include "kernels/token/canon.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "kernels/value/civil.h"

_Static_assert(CUP_CIVIL_TEXT_BYTES <= CUP_CANON_BYTES, "a moment fits");

bool cup_canon_has(uint8_t type)
{
    switch (type) {
    case CUP_TYPE_FLOAT:
    case CUP_TYPE_DOUBLE: return false;
    default: return type < CUP_TYPE_LIST;
    }
}

/* 38 digits, a point, a sign; from the last digit to the first. */
static void print_decimal(cup_i128 value, uint8_t scale, char room[CUP_CANON_BYTES])
{
    bool     negative = value < 0;
    cup_i128 left     = negative ? -value : value; /* fewer than 39 digits: it has an opposite */
    char    *at       = room + CUP_CANON_BYTES;

    *--at = '\0';
    for (uint32_t digits = 0; left > 0 || digits <= scale; digits++) {
        if (digits == scale && scale > 0) *--at = '.';
        *--at = (char)('0' + (int)(left % 10));
        left /= 10;
    }
    if (negative) *--at = '-';
    memmove(room, at, (size_t)(room + CUP_CANON_BYTES - at));
}

uint32_t cup_canon_bytes(const struct cup_column *column, uint8_t type, uint8_t scale, uint32_t row,
                         char room[CUP_CANON_BYTES], const void **out_at)
{
    CUP_ASSERT(cup_canon_has(type));
    *out_at = room;
    switch (type) {
    case CUP_TYPE_STRING:
    case CUP_TYPE_BINARY:
        *out_at = column->text + column->offsets[row];
        return column->offsets[row + 1] - column->offsets[row];
    case CUP_TYPE_BOOL:
        snprintf(room, CUP_CANON_BYTES, cup_bit_get(column->bits, row) ? "true" : "false");
        break;
    case CUP_TYPE_LONG: snprintf(room, CUP_CANON_BYTES, "%" PRId64, column->i64[row]); break;
    case CUP_TYPE_DECIMAL: print_decimal(column->i128[row], scale, room); break;
    case CUP_TYPE_DATE: cup_civil_day_text(column->i32[row], room); break;
    case CUP_TYPE_TIMESTAMP_NTZ: cup_civil_moment_text(column->i64[row], room); break;
    case CUP_TYPE_TIMESTAMP:
        cup_civil_moment_text(column->i64[row], room);
        memcpy(room + strlen(room), "Z", 2);
        break;
    default: snprintf(room, CUP_CANON_BYTES, "%" PRId32, column->i32[row]); break;
    }
    return (uint32_t)strlen(room);
}
