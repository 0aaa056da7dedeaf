// SPDX-License-Identifier: Apache-2.0
/* mask: what a column may be turned into before anything of it is written.
 *
 * Holds     nothing; rows of mask.def.
 * Threads   any.
 * Tests     tests/dataplane/test_masks.c, tests/control/test_mask.c
 */
#ifndef CUP_DATAPLANE_ABI_MASK_H
#define CUP_DATAPLANE_ABI_MASK_H

#include <stdbool.h>
#include <stdint.h>

#define CUP_MASK_KEEP_MAX     16u /* characters: more would be the value */
#define CUP_MASK_CONSTANT_MAX 64u /* bytes */

enum cup_mask {
#define CUP_MASK(id, name, follows, key, types, text) CUP_MASK_##id,
#include "dataplane/abi/mask.def"
#undef CUP_MASK
    CUP_MASK_COUNT
};

struct cup_mask_row {
    const char *name, *follows; /* follows: "", "N" or "TEXT" */
    const char *types;          /* in words */
    const char *text;
    bool        of_key; /* allowed for key columns */
};
const struct cup_mask_row *cup_mask_row(enum cup_mask mask);

/* cup_mask_serves: the mask can be laid over a column of this type. cup_mask_type: what the column
 * is then in the table. */
bool    cup_mask_serves(enum cup_mask mask, uint8_t type);
uint8_t cup_mask_type(enum cup_mask mask, uint8_t type);

#endif
