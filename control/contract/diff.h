// SPDX-License-Identifier: Apache-2.0
/* diff: what changed between two versions of contracts, and for whom it breaks something; every
 * kind of change is a row of diff.def.
 *
 *   OLD, NEW --read--> tables, paired by source --> columns, paired by name or member --> changes
 *
 * Types, keys and partitions are compared as cupel understands them, everything else as it is
 * written, without regard to the order of keys.
 *
 * Holds     changes in the caller's keep.
 * Threads   one.
 * Fails     what cup_contract_read fails with, BAD_CONFIG also for contracts with mistakes.
 * Tests     tests/control/test_diff.c
 */
#ifndef CUP_CONTROL_CONTRACT_DIFF_H
#define CUP_CONTROL_CONTRACT_DIFF_H

#include "base/text.h"
#include "control/schema/keep.h"

enum cup_diff_kind {
#define CUP_DIFF(id, kind, producers, consumers, lake, text) CUP_DIFF_##id,
#include "control/contract/diff.def"
#undef CUP_DIFF
    CUP_DIFF_COUNT
};

#define CUP_DIFF_PRODUCERS 1u
#define CUP_DIFF_CONSUMERS 2u
#define CUP_DIFF_LAKE      4u

struct cup_diff_row {
    const char *kind, *text;
    uint8_t     breaks; /* CUP_DIFF_PRODUCERS, ... */
};
const struct cup_diff_row *cup_diff_row(enum cup_diff_kind kind);

struct cup_diff_change {
    uint8_t     kind; /* enum cup_diff_kind */
    const char *file; /* the new one, or the old one for what is gone */
    uint32_t    line, column;
    const char *table, *member; /* "" when it is not about one */
    const char *what;           /* the key, the rule; "" when the kind says it */
    const char *was, *is;       /* "" when there was nothing */
};

struct cup_diff {
    struct cup_keep        *keep;
    struct cup_diff_change *list;
    uint32_t                count, cap, breaking_count;
};

/* cup_diff_run compares two contracts, or two folders of them. diff->keep is set by the caller. */
CUP_MUST_CHECK enum cup_err cup_diff_run(struct cup_diff *diff, const char *old, const char *new,
                                         struct cup_text *says);

void cup_diff_put_text(struct cup_text *text, const struct cup_diff *diff);
void cup_diff_put_json(struct cup_text *text, const struct cup_diff *diff);

/* cup_diff_put_help lists the kinds, for help. */
void cup_diff_put_help(struct cup_text *text);

#endif
