// SPDX-License-Identifier: Apache-2.0
/* vacuum: removes data files of a lake's tables that nothing refers to any more.
 *
 * A file goes when all of this holds: it is a .parquet file below its table's folder, not in a
 * hidden folder; no live state and no tombstone younger than the retention names it; no journal
 * and no manifest of a shard names it; it is itself older than the retention.
 *
 * Holds     one table's state at a time.
 * Owner     main, as its own process.
 * Threads   one.
 * Fails     by exit code; what is wrong is on stderr.
 * Tests     tests/lake/test_compact.c, tests/oracle/test_upkeep.py
 */
#ifndef CUP_LAKE_TOOL_TOOL_VACUUM_H
#define CUP_LAKE_TOOL_TOOL_VACUUM_H

#include "lake/tool/tool_commands.h"
#include "lake/tool/tool_shard.h"

#define CUP_VACUUM_RETAIN_US_MIN                                                                   \
    (24 * 3600 * 1000000ll) /* below it, readers and writers of today */

/* All that the shards of a lake have in hand: open epochs, placements, manifests. */
struct cup_in_hand {
    struct cup_text text;
};
CUP_MUST_CHECK enum cup_err cup_in_hand_read(const char *lake, const struct cup_shards *shards,
                                             struct cup_in_hand *out_hand,
                                             struct cup_fault   *out_fault);
bool cup_in_hand_names(const struct cup_in_hand *hand, const char *path); /* by its last part */
void cup_in_hand_free(struct cup_in_hand *hand);

#endif
