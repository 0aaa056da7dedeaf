// SPDX-License-Identifier: Apache-2.0
/* merge: the rows of several data files of a table as one file, exactly as they are.
 *
 *   file, file, file --row groups--> columns of the table --slices--> Parquet writer --> sink
 *
 * Columns that an old file lacks become null; partition columns are in no file.
 *
 * Holds     one decoded row group; the pool bounds what is being written.
 * Owner     the tool.
 * Threads   one.
 * Fails     IO, NO_SPACE, NO_MEMORY; UNSUPPORTED or CORRUPT with the input that cannot be merged.
 * Tests     tests/lake/test_compact.c
 */
#ifndef CUP_LAKE_TOOL_TOOL_MERGE_H
#define CUP_LAKE_TOOL_TOOL_MERGE_H

#include "base/pool.h"
#include "lake/tool/tool_lake.h"

#define CUP_MERGE_POOL_BYTES                                                                       \
    (160ull << 20) /* a row group of 64 MiB, and a row of 32 MiB in work                           \
                    */

struct cup_merge {
    const struct cup_table             *table;
    const struct cup_delta_file *const *inputs; /* in the order of their rows */
    uint32_t                            input_count;
    enum cup_codec                      codec;
};

/* cup_merge_write appends the Delta statistics to *stats. On UNSUPPORTED and CORRUPT *out_bad is
 * the input that is to blame; what the sink got is worthless then. */
CUP_MUST_CHECK enum cup_err cup_merge_write(const struct cup_merge *merge, struct cup_pool *pool,
                                            struct cup_sink sink, struct cup_text *stats,
                                            struct cup_parquet_done *out_done, uint32_t *out_bad,
                                            struct cup_fault *out_fault);

#endif
