// SPDX-License-Identifier: Apache-2.0
/* history: who added and removed the files of a table, as far as its commits still exist.
 *
 * Holds     one entry a path.
 * Owner     the tool; made only when a file is missing from a table or unknown to the ledger.
 * Threads   one.
 * Fails     load: as reading the log does.
 * Tests     tests/lake/test_verify.c
 */
#ifndef CUP_LAKE_TOOL_TOOL_HISTORY_H
#define CUP_LAKE_TOOL_TOOL_HISTORY_H

#include "lake/tool/tool_lake.h"
#include "lake/tool/tool_texts.h"

enum cup_history_flag {
    CUP_HISTORY_OURS    = 1, /* added by a commit of cupel */
    CUP_HISTORY_FOREIGN = 2, /* added by a commit of another engine */
    CUP_HISTORY_REMOVED = 4, /* a commit removed it */
};

struct cup_history {
    struct cup_texts paths; /* decoded, relative to the table */
    uint8_t         *flags; /* CUP_HISTORY_* of each path */
    uint32_t         flag_cap;
    bool             whole;   /* all commits from version 0 on exist */
    bool             changed; /* another engine deleted or changed rows */
};

CUP_MUST_CHECK enum cup_err cup_history_load(const struct cup_table *table,
                                             struct cup_history     *out_history,
                                             struct cup_fault       *out_fault);
void                        cup_history_free(struct cup_history *history);

/* cup_history_of gives the flags of a path; 0 when no commit names it. */
uint8_t cup_history_of(const struct cup_history *history, const char *path);

#endif
