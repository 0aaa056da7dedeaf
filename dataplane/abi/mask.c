// SPDX-License-Identifier: Apache-2.0
#include "dataplane/abi/mask.h"

#include "base/column.h"
#include "base/err.h"
#include "kernels/token/canon.h"

enum kind { KIND_ANY, KIND_TEXT, KIND_TIME, KIND_PLAIN };
enum answer { ANSWER_NO, ANSWER_YES };

#define WORDS_ANY   "columns of any type"
#define WORDS_TEXT  "columns of text"
#define WORDS_TIME  "dates and timestamps"
#define WORDS_PLAIN "text, binary, integers, decimals, booleans, dates and timestamps"

static const struct {
    struct cup_mask_row row;
    enum kind           kind;
} masks[CUP_MASK_COUNT] = {
#define CUP_MASK(id, name, follows, key, types, text)                                              \
    {{name, follows, WORDS_##types, text, ANSWER_##key == ANSWER_YES}, KIND_##types},
#include "dataplane/abi/mask.def"
#undef CUP_MASK
};

const struct cup_mask_row *cup_mask_row(enum cup_mask mask)
{
    CUP_ASSERT(mask < CUP_MASK_COUNT);
    return &masks[mask].row;
}

bool cup_mask_serves(enum cup_mask mask, uint8_t type)
{
    CUP_ASSERT(mask < CUP_MASK_COUNT);
    switch (masks[mask].kind) {
    case KIND_ANY: return true;
    case KIND_TEXT: return type == CUP_TYPE_STRING;
    case KIND_TIME:
        return type == CUP_TYPE_DATE || type == CUP_TYPE_TIMESTAMP ||
               type == CUP_TYPE_TIMESTAMP_NTZ;
    case KIND_PLAIN: return cup_canon_has(type);
    }
    return false;
}

uint8_t cup_mask_type(enum cup_mask mask, uint8_t type)
{
    return mask == CUP_MASK_HMAC ? (uint8_t)CUP_TYPE_STRING : type;
}
