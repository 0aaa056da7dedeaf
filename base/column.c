// SPDX-License-Identifier: Apache-2.0
#include "base/column.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

static const struct {
    const char *delta;
    uint8_t     vec;
} types[CUP_TYPE_COUNT] = {
#define CUP_TYPE(id, vec, delta, text) {delta, CUP_VEC_##vec},
#include "base/type.def"
#undef CUP_TYPE
};

enum cup_vec cup_type_vec(enum cup_type type)
{
    CUP_ASSERT(type < CUP_TYPE_COUNT);
    return (enum cup_vec)types[type].vec;
}

const char *cup_type_delta(enum cup_type type)
{
    CUP_ASSERT(type < CUP_TYPE_COUNT);
    return types[type].delta;
}

static bool parse_decimal(const char *text, size_t bytes, uint8_t *out_precision,
                          uint8_t *out_scale)
{
    char     copy[24]; /* "decimal(38,38)" is the longest */
    unsigned precision, scale;
    int      used = 0;

    if (bytes >= sizeof copy) return false;
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    if (sscanf(copy, "decimal(%2u,%2u)%n", &precision, &scale, &used) != 2) return false;
    if ((size_t)used != bytes) return false;
    if (precision < 1 || precision > CUP_DECIMAL_PRECISION_MAX || scale > precision) return false;
    *out_precision = (uint8_t)precision;
    *out_scale     = (uint8_t)scale;
    return true;
}

bool cup_type_parse(const char *text, size_t bytes, uint8_t *out_type, uint8_t *out_precision,
                    uint8_t *out_scale)
{
    CUP_ASSERT(text != NULL);
    if (bytes > 8 && memcmp(text, "decimal(", 8) == 0) {
        if (!parse_decimal(text, bytes, out_precision, out_scale)) return false;
        *out_type = CUP_TYPE_DECIMAL;
        return true;
    }
    for (uint8_t type = 0; type < CUP_TYPE_LIST; type++) {
        if (type == CUP_TYPE_DECIMAL || strlen(types[type].delta) != bytes) continue;
        if (memcmp(types[type].delta, text, bytes) != 0) continue;
        *out_type      = type;
        *out_precision = *out_scale = 0;
        return true;
    }
    return false;
}

uint32_t cup_vec_bytes(enum cup_vec vec)
{
    switch (vec) {
    case CUP_VEC_I32:
    case CUP_VEC_F32: return 4;
    case CUP_VEC_I64:
    case CUP_VEC_F64: return 8;
    case CUP_VEC_I128: return 16;
    case CUP_VEC_NONE:
    case CUP_VEC_BITS:
    case CUP_VEC_VAR:
    case CUP_VEC_LIST: return 0;
    }
    return 0;
}
