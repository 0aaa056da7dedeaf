// SPDX-License-Identifier: Apache-2.0
/* compact: small files of a lake's tables become large ones, with the same rows.
 *
 *   per shard: tables it owns --groups--> merged files in <shard>/upkeep/ready
 *              manifest --> taken by the pipeline that runs, or by ourselves when none does
 *
 * Holds     the lock <shard>/upkeep/lock while it works on a shard.
 * Owner     main, as its own process.
 * Threads   one.
 * Fails     by exit code; what is wrong is on stderr. What was handed over stays handed over.
 * Tests     tests/lake/test_compact.c, tests/oracle/test_upkeep.py
 */
#ifndef CUP_LAKE_TOOL_TOOL_COMPACT_H
#define CUP_LAKE_TOOL_TOOL_COMPACT_H

#include "dataplane/commit/upkeep.h"
#include "lake/tool/tool_commands.h"
#include "lake/tool/tool_group.h"
#include "lake/tool/tool_shard.h"

/* Merged files of one shard on their way into their tables. */
struct cup_handover {
    const struct cup_compact_options *options;
    const struct cup_shard           *shard;
    struct cup_disk                  *disk;
    struct cup_store                 *store;
    struct cup_text                   manifest;
    uint64_t                          bytes; /* staged since the last flush */
    uint32_t                          count;
};

/* cup_handover_open takes the lock, has what an earlier process left committed, and cleans up.
 * LOCKED: another process compacts this shard. */
CUP_MUST_CHECK enum cup_err cup_handover_open(struct cup_handover *handover,
                                              struct cup_fault    *out_fault);
/* cup_handover_add: a file that was placed at merge->staged. */
void cup_handover_add(struct cup_handover *handover, const struct cup_upkeep_merge *merge);
/* cup_handover_flush writes the manifest and waits until it was taken. */
CUP_MUST_CHECK enum cup_err cup_handover_flush(struct cup_handover *handover,
                                               struct cup_fault    *out_fault);
void                        cup_handover_close(struct cup_handover *handover);

#endif
