// SPDX-License-Identifier: Apache-2.0
/* sqltype: what a contract's physicalType is in the table and on the wire; rows of sqltype.def.
 *
 * Threads   any.
 * Fails     false with a sentence in says that lists what is allowed.
 * Tests     tests/control/test_sqltype.c
 */
#ifndef CUP_CONTROL_CONTRACT_SQLTYPE_H
#define CUP_CONTROL_CONTRACT_SQLTYPE_H

#include "base/text.h"
#include "control/schema/shape.h"

struct cup_sqltype_row {
    const char *name, *text;
    uint8_t     type;       /* enum cup_type */
    uint8_t     wire;       /* enum cup_encoding; CUP_ENCODING_COUNT: must be given */
    uint8_t     parameters; /* enum cup_sqltype_parameters */
};
enum cup_sqltype_parameters {
    CUP_SQLTYPE_NONE,
    CUP_SQLTYPE_LENGTH,
    CUP_SQLTYPE_DIGITS,
    CUP_SQLTYPE_UNSIGNED,
    CUP_SQLTYPE_BITS,
    CUP_SQLTYPE_VARBITS,
};

uint32_t                      cup_sqltype_count(void);
const struct cup_sqltype_row *cup_sqltype_row(uint32_t index);

/* What a contract says of a column beside its type; NULL: nothing. */
struct cup_sqltype_hints {
    const char *wire, *scale, *zone;
};

/* cup_sqltype_parse turns "numeric(18,2)", "timestamp(3) without time zone", "text[]" into a type
 * with its encoding. For arrays the encoding is that of the elements. */
CUP_MUST_CHECK bool cup_sqltype_parse(const char *physical, const struct cup_sqltype_hints *hints,
                                      struct cup_shape_type *out_is, struct cup_text *says);

#endif
