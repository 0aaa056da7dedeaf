// SPDX-License-Identifier: Apache-2.0
#include "control/contract/declare.h"

#include <string.h>

enum kind { KIND_ANY, KIND_UNSIGNED, KIND_BOOL, KIND_TIME, KIND_NUMBER };
#define CUP_MEMBER_NONE 0u /* a word that changes nothing */

static const struct {
    const char *property, *word, *text;
    uint32_t    option;
    uint8_t     kind;
} rows[] = {
#define CUP_DECLARE(property, word, option, columns, text)                                         \
    {property, word, text, CUP_MEMBER_##option, KIND_##columns},
#include "control/contract/declare.def"
#undef CUP_DECLARE
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const char *const kind_names[] = {
    [KIND_ANY]      = "any column",
    [KIND_UNSIGNED] = "bigint unsigned",
    [KIND_BOOL]     = "boolean",
    [KIND_TIME]     = "dates, times, timestamps and intervals in one unit",
    [KIND_NUMBER]   = "numeric and floating point numbers",
};

static bool is_time(uint8_t encoding)
{
    switch ((enum cup_encoding)encoding) {
    case CUP_ENCODING_DURATION_US:
    case CUP_ENCODING_DURATION_NS: return true;
    default: break;
    }
    const struct cup_encoding_row *row = cup_encoding_row((enum cup_encoding)encoding);
    return row->type == CUP_TYPE_DATE || row->type == CUP_TYPE_TIMESTAMP ||
           row->type == CUP_TYPE_TIMESTAMP_NTZ ||
           (row->type == CUP_TYPE_LONG && encoding != CUP_ENCODING_INT64);
}

static bool is_number(uint8_t type, uint8_t encoding)
{
    uint8_t natural = cup_encoding_row((enum cup_encoding)encoding)->type;

    return type == CUP_TYPE_DECIMAL || natural == CUP_TYPE_DECIMAL || natural == CUP_TYPE_DOUBLE ||
           natural == CUP_TYPE_FLOAT || encoding == CUP_ENCODING_DECIMAL_VARIABLE;
}

static bool suits(uint8_t kind, const struct cup_shape_type *is)
{
    bool    list     = is->type == CUP_TYPE_LIST;
    uint8_t type     = list ? is->element_type : is->type;
    uint8_t encoding = list ? is->element_encoding : is->encoding;

    switch ((enum kind)kind) {
    case KIND_ANY: return true;
    case KIND_UNSIGNED: return (is->options & CUP_MEMBER_UNSIGNED) != 0 && type == CUP_TYPE_DECIMAL;
    case KIND_BOOL: return type == CUP_TYPE_BOOL;
    case KIND_TIME: return is_time(encoding);
    case KIND_NUMBER: return is_number(type, encoding);
    }
    return false;
}

bool cup_declare_apply(const char *property, const char *word, struct cup_shape_type *is,
                       struct cup_text *says)
{
    bool known = false;

    CUP_ASSERT(property != NULL && is != NULL);
    if (word == NULL) return true;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].property, property) != 0) continue;
        known = true;
        if (!suits(rows[i].kind, is)) {
            cup_text_printf(says, "%s is for %s", property, kind_names[rows[i].kind]);
            return false;
        }
        if (strcmp(rows[i].word, word) != 0) continue;
        is->options |= rows[i].option;
        return true;
    }
    if (!known) return true;
    cup_text_printf(says, "%s: \"%s\" is not known; allowed:", property, word);
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].property, property) == 0)
            cup_text_printf(says, " %s (%s)", rows[i].word, rows[i].text);
    return false;
}

bool cup_declare_check(const char *physical, const struct cup_shape_type *is, struct cup_text *says)
{
    size_t bytes   = strlen(physical);
    bool   list    = bytes > 2 && strcmp(physical + bytes - 2, "[]") == 0;
    bool   its_own = list || strcmp(physical, "bytea") == 0 || strcmp(physical, "numeric") == 0;

    if (!its_own || !cup_shape_hides(is) || is->options & CUP_MEMBER_NULL_MAY_BE_UNSET) return true;
    cup_text_printf(says,
                    "%s in this encoding comes as null when PostgreSQL keeps it out of line and it "
                    "did not change: nobody can tell that from NULL; allowed: an encoding with a "
                    "placeholder (numeric: decimal_text; bytea: bytes_base64, bytes_hex), "
                    "replicaIdentity: full, or toastNull: accept",
                    physical);
    return false;
}
