// SPDX-License-Identifier: Apache-2.0
/* mask: how a contract or a pipeline says what hides a column: "hmac", "keep_last 4".
 *
 * Rows of dataplane/abi/mask.def.
 *
 * Holds     texts of the caller.
 * Threads   one.
 * Fails     false, and a sentence in *why: what is wrong, what is allowed.
 * Tests     tests/control/test_mask.c
 */
#ifndef CUP_CONTROL_SCHEMA_MASK_H
#define CUP_CONTROL_SCHEMA_MASK_H

#include "base/text.h"
#include "control/schema/shape.h"

/* A comment of the lake's table says that the column is masked: " (masked: hmac)" at its end. */
#define CUP_MASK_MARK "(masked: "

struct cup_mask_choice {
    uint8_t     mask; /* enum cup_mask */
    uint8_t     keep; /* keep_last */
    const char *text; /* constant; else NULL */
};

/* What a pipeline says of a classification. */
struct cup_mask_rule {
    const char            *classification;
    struct cup_mask_choice choice;
};

/* cup_mask_parse reads a choice; its text points into `text`. */
bool cup_mask_parse(const char *text, struct cup_mask_choice *out_choice, struct cup_text *why);

/* cup_mask_fits: the mask can hide a column of this type, and a key column if it is one. */
bool cup_mask_fits(const struct cup_mask_choice *choice, const struct cup_shape_type *is,
                   bool is_key, struct cup_text *why);

/* cup_mask_stored is what the column is in the table. */
struct cup_shape_type cup_mask_stored(const struct cup_mask_choice *choice,
                                      const struct cup_shape_type  *is);

#endif
