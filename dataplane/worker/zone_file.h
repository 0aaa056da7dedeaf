// SPDX-License-Identifier: Apache-2.0
/* zone_file: one Parquet file of an epoch: from its first rows to a whole file with its row in the
 * part.
 *
 *   columns --append--> row group in pool blocks --close_group--> staged file --finish-->
 * cup_epoch_file
 *
 * Holds     at most one open file; opened by the first append of an epoch.
 * Owner     one worker.
 * Threads   one.
 * Fails     NO_MEMORY (nothing was taken: free blocks, call again), IO, NO_SPACE.
 */
#ifndef CUP_DATAPLANE_WORKER_ZONE_FILE_H
#define CUP_DATAPLANE_WORKER_ZONE_FILE_H

#include "base/column.h"
#include "base/err.h"
#include "base/pool.h"
#include "dataplane/commit/epoch.h"
#include "dataplane/store/store.h"
#include "lake/parquet.h"

struct cup_zone_file {
    enum cup_zone           zone;
    uint32_t                table;  /* SILVER: index in the plan */
    const char             *folder; /* below the lake; lent until finish */
    const struct cup_field *fields; /* lent until finish */
    uint32_t                field_count;
    struct cup_parquet     *parquet; /* NULL: no file is open */
    struct cup_store_file  *staged;
    const uint8_t          *partition; /* key of its partition, lent until finish; NULL: none */
    uint64_t                bytes, row_count; /* of the open file: written out; appended */
};

/* What all files of a worker share. */
struct cup_zone_context {
    struct cup_store      *store;
    const struct cup_plan *plan; /* of the running generation */
    struct cup_pool       *pool;
    enum cup_codec         codec;
    uint32_t               worker;
    uint64_t               epoch;
};

/* cup_zone_file_append encodes rows; opens the file first when there is none: it must then stay
 * where it is. */
CUP_MUST_CHECK enum cup_err cup_zone_file_append(struct cup_zone_file          *file,
                                                 const struct cup_zone_context *context,
                                                 const struct cup_column       *columns,
                                                 uint32_t row_count, struct cup_fault *out_fault);

/* cup_zone_file_bytes is what the open row group borrows; cup_zone_file_spill writes it out. */
uint64_t                    cup_zone_file_bytes(const struct cup_zone_file *file);
CUP_MUST_CHECK enum cup_err cup_zone_file_spill(struct cup_zone_file *file,
                                                struct cup_fault     *out_fault);

/* cup_zone_file_finish writes the footer and fills *out_done, which then has the staged file:
 * whole, but not sealed. None is open afterwards, also on failure. Must not be called when none is
 * open. */
CUP_MUST_CHECK enum cup_err cup_zone_file_finish(struct cup_zone_file          *file,
                                                 const struct cup_zone_context *context,
                                                 struct cup_epoch_file         *out_done,
                                                 struct cup_fault              *out_fault);

/* cup_zone_file_drop forgets an open file. */
void cup_zone_file_drop(struct cup_zone_file *file, struct cup_store *store);

#endif
