// SPDX-License-Identifier: Apache-2.0
/* group: which files of a table are worth merging.
 *
 *   live files --partition--> small ones --enough?--> in order of their rows --target--> groups
 *
 * Holds     pointers into the state.
 * Owner     the tool.
 * Threads   one.
 * Fails     NO_MEMORY.
 * Bounds    CUP_GROUP_FILES_MAX files a group; a byte is written anew at most about
 *           log2(target / first size) times, however often this runs.
 * Tests     tests/lake/test_compact.c
 */
#ifndef CUP_LAKE_TOOL_TOOL_GROUP_H
#define CUP_LAKE_TOOL_TOOL_GROUP_H

#include "lake/delta.h"

#define CUP_GROUP_FILES_MAX 4096u

struct cup_group {
    const struct cup_delta_file **inputs; /* by epoch and name */
    uint32_t                      count;
    uint64_t                      bytes;
};
struct cup_groups {
    struct cup_group *list;
    uint32_t          count;
    uint64_t          file_count, bytes; /* of all groups */
    void             *memory;            /* private */
};

/* cup_groups_plan: files of three quarters of target_bytes are large, a partition with fewer than
 * files_min small ones (at least 2) is left alone. */
CUP_MUST_CHECK enum cup_err cup_groups_plan(const struct cup_delta_state *state,
                                            uint64_t target_bytes, uint32_t files_min,
                                            struct cup_groups *out_groups,
                                            struct cup_fault  *out_fault);
void                        cup_groups_free(struct cup_groups *groups);

/* cup_group_epoch is the epoch in the name of a file of ours; 0 for others. */
uint64_t cup_group_epoch(const char *path);

#endif
