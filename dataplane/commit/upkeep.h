// SPDX-License-Identifier: Apache-2.0
/* upkeep: merged files that another process staged become commits of their tables.
 *
 *   cupel-lake compact                            whoever holds the shard's lock
 *   files in <shard>/upkeep/staging               publish, commit (add + remove, no data change)
 *   <shard>/upkeep/manifest: a line a merge  -->  manifest and staged files are removed
 *
 * A merge replaces files of one partition by one file with the same rows. It counts only while all
 * its inputs are live. Until the manifest is gone everything may be done again.
 *
 * Holds     nothing.
 * Owner     who holds the shard's lock commits; who holds <shard>/upkeep/lock stages.
 * Threads   one.
 * Fails     IO, NO_SPACE, NO_MEMORY: call again later, nothing is half done.
 * Tests     tests/dataplane/test_upkeep.c, tests/oracle/test_upkeep.py
 */
#ifndef CUP_DATAPLANE_COMMIT_UPKEEP_H
#define CUP_DATAPLANE_COMMIT_UPKEEP_H

#include "base/text.h"
#include "dataplane/store/store.h"

/* Below a shard's folder _cupel/<domain>/<pipeline>/<shard>. */
#define CUP_UPKEEP_MANIFEST "upkeep/manifest"
#define CUP_UPKEEP_LOCK     "upkeep/lock"
#define CUP_UPKEEP_STAGING  "upkeep/staging"
#define CUP_UPKEEP_SHARD    "lock" /* what the shard's owner holds */

struct cup_upkeep_merge {
    const char        *table, *table_id; /* folder below the lake; the id of its metaData */
    const char        *staged;           /* below the lake */
    const char        *path;             /* it gets, relative to the table */
    const char        *stats, *partition_json;
    uint64_t           bytes, row_count;
    const char *const *inputs; /* paths, relative to the table */
    uint32_t           input_count;
};

/* cup_upkeep_put appends a line. Merges of one table stand together; no file is in two. */
void cup_upkeep_put(struct cup_text *manifest, const struct cup_upkeep_merge *merge);

/* cup_upkeep_commit commits what the manifest of a shard's folder (below the lake) says, if there
 * is one. log_retention_us: 0 = the standard. *out_count: tables that got a commit. */
CUP_MUST_CHECK enum cup_err cup_upkeep_commit(struct cup_store *store, const char *shard_folder,
                                              uint64_t log_retention_us, uint32_t *out_count,
                                              struct cup_fault *out_fault);

#endif
