// SPDX-License-Identifier: Apache-2.0
/* epoch: what one worker made of its part of an epoch: ranges of inputs and finished files.
 *
 *   worker 0: part --\
 *   worker 1: part ---+--> cup_commit_epoch: seal, place, DECIDE (journal), APPLY (Delta), DONE
 *
 * Holds     the lists below, malloc'ed at epoch bounds (not on the hot path).
 * Owner     the worker until it hands the part over, then the committer.
 * Threads   one at a time.
 */
#ifndef CUP_DATAPLANE_COMMIT_EPOCH_H
#define CUP_DATAPLANE_COMMIT_EPOCH_H

#include <stdint.h>

#include "base/text.h"
#include "dataplane/abi/plan.h"
#include "dataplane/source/source.h"
#include "dataplane/store/store.h"

enum cup_zone {
    CUP_ZONE_BRONZE,     /* an archive file; no Delta commit of its own */
    CUP_ZONE_INDEX,      /* bronze/<pipeline>/_index */
    CUP_ZONE_SILVER,     /* the table's path */
    CUP_ZONE_QUARANTINE, /* quarantine/<pipeline> */
    CUP_ZONE_SPOOL,  /* records for the output, below the shard's folder; no Delta commit; removed
                        when they are delivered */
    CUP_ZONE_LEDGER, /* _cupel/<domain>/<pipeline>/ledger; made by the committer */
    CUP_ZONE_COUNT
};

struct cup_epoch_file {
    enum cup_zone          zone;
    enum cup_close         closed;                     /* why */
    uint32_t               table;                      /* SILVER: index in the plan */
    struct cup_store_file *staged;                     /* finished; freed when placed or dropped */
    char                   name[CUP_STORE_NAME_BYTES]; /* final, below the lake */
    uint64_t               bytes, row_count;
    uint32_t               crc32c;
    struct cup_text        stats;          /* Delta statistics JSON; empty for BRONZE */
    struct cup_text        partition_json; /* partitionValues, a JSON object; empty: none */
};

struct cup_epoch_range {
    uint32_t input;      /* index in the plan */
    uint64_t start, end; /* uncompressed bytes, or offsets of a partition; half-open */
    uint64_t bytes;      /* of its input: end - start, or the sum of a partition's values */
    uint64_t lost_count; /* offsets that were deleted before they could be read */
    struct cup_input_identity anchor; /* partitions: what the position is then compared with */
    uint64_t                  record_count;
    uint64_t outcomes[CUP_OUTCOME_COUNT]; /* sums to record_count (asserted before DECIDE) */
    uint64_t blank_count;
    bool     ended; /* the input was read to its end */
};

/* What became of the records of one table. */
struct cup_epoch_tally {
    uint64_t accepted_count, quarantined_count, row_count;
    int64_t  newest_us; /* largest _ts of the rows; INT64_MIN: none has one */
};

/* Accepted records with something odd in one column, see oddity.def. */
struct cup_epoch_odd {
    uint32_t table, column; /* in the plan; column UINT32_MAX: the row as a whole */
    uint32_t oddity, pad;
    uint64_t count;
};

struct cup_epoch_part {
    struct cup_epoch_file  *files;
    uint32_t                file_count;
    uint32_t                sealed_count; /* so many of files are durable; the rest only finished */
    struct cup_epoch_range *ranges;
    uint32_t                range_count;
    struct cup_epoch_tally *tallies; /* per table of the plan; NULL: no record, or no rule asks */
    struct cup_epoch_odd   *odds;
    uint32_t                odd_count;
};

/* cup_epoch_part_free discards what is still staged and frees the lists; the struct is empty after.
 */
void cup_epoch_part_free(struct cup_epoch_part *part, struct cup_store *store);

#endif
