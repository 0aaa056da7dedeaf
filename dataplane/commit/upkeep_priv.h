// SPDX-License-Identifier: Apache-2.0
/* upkeep_priv: a manifest that was read. */
#ifndef CUP_DATAPLANE_COMMIT_UPKEEP_PRIV_H
#define CUP_DATAPLANE_COMMIT_UPKEEP_PRIV_H

#include "dataplane/commit/commit_priv.h"
#include "dataplane/commit/upkeep.h"

struct cup_upkeep_merges {
    struct cup_upkeep_merge *list;
    uint32_t                 count;
    void                    *memory; /* what the list points into */
};

/* cup_commit_priv_merges_read reads a manifest; BAD_DATA when it is none. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_merges_read(const struct cup_text    *manifest,
                                                        struct cup_upkeep_merges *out_merges,
                                                        struct cup_fault         *out_fault);
void                        cup_commit_priv_merges_free(struct cup_upkeep_merges *merges);

/* cup_commit_priv_checkpoint writes a checkpoint of the table as it is now and removes the part of
 * the log that is older than the retention and that no reader of newer versions needs. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_checkpoint(struct cup_commit_table *table,
                                                       uint64_t                 log_retention_us,
                                                       struct cup_fault        *out_fault);

#endif
