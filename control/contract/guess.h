// SPDX-License-Identifier: Apache-2.0
/* guess: what a contract says of a column whose records were seen: a type that loses nothing, and
 * in a comment what else it may be.
 *
 * An embedded schema decides. Without one the kind of the JSON values decides only how they are
 * kept exactly: integers as bigint, booleans as boolean, texts as text, numbers with a point as
 * text of their digits. Every other reading (looks.def) is offered in the comment, never taken.
 *
 * Holds     the comment, until cup_guess_free.
 * Threads   any.
 * Tests     tests/control/test_infer.c
 */
#ifndef CUP_CONTROL_CONTRACT_GUESS_H
#define CUP_CONTROL_CONTRACT_GUESS_H

#include "control/contract/physical.h"
#include "control/contract/sample.h"

struct cup_guess {
    struct cup_physical physical;
    const char         *logical;
    bool                required;
    bool                storable; /* false: no type keeps it; the comment says why */
    struct cup_text     comment;  /* lines, without "# "; "" when there is nothing to say */
};

void cup_guess_column(const struct cup_sample_table *table, const struct cup_sample_column *column,
                      struct cup_guess *out_guess);
void cup_guess_free(struct cup_guess *guess);

/* cup_guess_put_count appends 1234567 as 1,234,567. */
void cup_guess_put_count(struct cup_text *text, uint64_t count);

#endif
