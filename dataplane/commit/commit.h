// SPDX-License-Identifier: Apache-2.0
/* commit: the epochs of one pipeline shard: journal, Delta commits, recovery.
 *
 *   parts --assert sums, no gap--> INTENT --> place + sync --> DECIDE --> APPLY to tables --> next
 *
 * Holds     the lock, the journal's open segment, the state of every table it has committed to.
 * Owner     the data plane's committer thread.
 * Threads   one.
 * Fails     IO, NO_SPACE, LOCKED, CORRUPT (journal), TABLE_CHANGED, FENCED, INPUT_CHANGED. What a
 *           failed epoch leaves: cup_commit_standing.
 * Source    the protocol: dataplane/commit/README.md
 * Tests     tests/dataplane/test_commit.c, test_commit_consume.c, test_commit_faults.c,
 *           test_journal.c, tests/crash
 */
#ifndef CUP_DATAPLANE_COMMIT_COMMIT_H
#define CUP_DATAPLANE_COMMIT_COMMIT_H

#include "base/err.h"
#include "dataplane/abi/plan.h"
#include "dataplane/commit/epoch.h"

struct cup_commit;

/* cup_commit_open takes the shard's lock (LAKE/_cupel/<domain>/<pipeline>/<shard>/), reads the
 * journal, starts a new segment with BASE, finishes a decided epoch, cleans staging. The store's
 * staging folder is cup_commit_staging of the plan. NO_SPACE: may be tried again with that store.
 */
CUP_MUST_CHECK enum cup_err cup_commit_open(struct cup_store *store, const struct cup_plan *plan,
                                            struct cup_commit **out_commit,
                                            struct cup_fault   *out_fault);
void                        cup_commit_close(struct cup_commit *commit);

/* cup_commit_staging writes the name of the shard's staging folder, below the lake. */
void cup_commit_staging(const struct cup_plan *plan, char out_name[CUP_STORE_NAME_BYTES]);

/* cup_commit_check_owner: FENCED when another process has taken over the shard since open. Any
 * error leaves what CUP_COMMIT_FAILED says. */
CUP_MUST_CHECK enum cup_err cup_commit_check_owner(struct cup_commit *commit,
                                                   struct cup_fault  *out_fault);

/* cup_commit_next_epoch is the number of the epoch that is open now: 1 for a new lake. */
uint64_t cup_commit_next_epoch(const struct cup_commit *commit);

/* cup_commit_quarantine sums the live files of the pipeline's quarantine table: as it was found by
 * cup_commit_open, or behind the last epoch if that put rows there. *out_folder is lent. */
uint64_t cup_commit_quarantine(const struct cup_commit *commit, const char **out_folder);

/* cup_commit_start says where to start reading the plan's input: *out_start is 0 for a file never
 * seen; *out_ended: it was read to its end and has not grown. Compares identities: a path that now
 * leads to another file (or whose first bytes changed, or that is shorter than the position) is
 * INPUT_CHANGED. */
CUP_MUST_CHECK enum cup_err cup_commit_start(struct cup_commit *commit, uint32_t input,
                                             uint64_t *out_start, bool *out_ended,
                                             struct cup_fault *out_fault);

/* A file that was found while the plan never ends. */
struct cup_commit_file {
    const char *path, *topic;
    const char *key; /* the path that names it in the journal; NULL: path */
    bool        gzip;
    bool        beside; /* its name matches no pattern: it counts only if it was read before */
    bool        anew;   /* it was truncated: a new generation, whatever is known of the file */
};

/* What it is. path and name (of ledger and index) are lent until close; they end with ~generation
 * unless that is 0: cup_position_base of journal.h tells where. */
struct cup_commit_place {
    const char               *path, *name;
    uint32_t                  generation;
    bool                      rotated; /* another file was read under this path before */
    bool                      changed; /* the file was read before, and has other bytes now */
    uint64_t                  start;
    struct cup_input_identity identity;
};

/* cup_commit_follow makes the file the shard's input number `input`: the one that the journal knows
 * by its identity, or a new generation of its path. NOT_FOUND: it is gone, or beside and unknown.
 * cup_commit_end is where its decided epochs end, cup_commit_gone: it is over, and is forgotten at
 * a later BASE. cup_commit_scanned: all files there are were told; what else the journal knows, and
 * is not where it was, is gone too. */
CUP_MUST_CHECK enum cup_err cup_commit_follow(struct cup_commit *commit, uint32_t input,
                                              const struct cup_commit_file *file,
                                              struct cup_commit_place      *out_place,
                                              struct cup_fault             *out_fault);
uint64_t                    cup_commit_end(const struct cup_commit *commit, uint32_t input);
void                        cup_commit_gone(struct cup_commit *commit, uint32_t input);
void                        cup_commit_scanned(struct cup_commit *commit);

/* A partition of a topic, of the cluster whose id has that hash. */
struct cup_commit_partition {
    const char *topic;
    int32_t     partition;
    uint64_t    cluster_hash;
};

/* Where to read it on. */
struct cup_commit_reading {
    const char               *name;   /* of the input: topic/partition; lent until close */
    bool                      known;  /* false: nobody knows where it begins */
    uint64_t                  start;  /* offset of the first record that is in no decided epoch */
    struct cup_input_identity anchor; /* a record before that; inode CUP_ANCHOR_NONE: none */
};

/* cup_commit_consume makes the partition the shard's input number `input`; may be asked again. One
 * that is not known then needs cup_commit_begin, which says where it begins: that is as good as
 * decided when an epoch was that had the part of cup_commit_starts for it. INPUT_CHANGED: the
 * journal's position belongs to another cluster. */
CUP_MUST_CHECK enum cup_err cup_commit_consume(struct cup_commit *commit, uint32_t input,
                                               const struct cup_commit_partition *partition,
                                               struct cup_commit_reading         *out_reading,
                                               struct cup_fault                  *out_fault);
void cup_commit_begin(struct cup_commit *commit, uint32_t input, uint64_t start);

/* cup_commit_consumed says whether the journal knows a partition of any topic. */
bool cup_commit_consumed(const struct cup_commit *commit);

/* cup_commit_starts makes one more part of an epoch that is these parts: of what begins with inputs
 * from `from` on, is not in the journal yet, and has no range in them: ranges without records. */
CUP_MUST_CHECK enum cup_err cup_commit_starts(const struct cup_commit *commit, uint32_t from,
                                              const struct cup_epoch_part *parts,
                                              uint32_t part_count, struct cup_epoch_part *out_part,
                                              struct cup_fault *out_fault);

/* cup_commit_reading is how far a consumed input is decided. */
struct cup_commit_reading cup_commit_reading(const struct cup_commit *commit, uint32_t input);

/* What a failed cup_commit_epoch or cup_commit_resume leaves behind.
 *   READY    nothing was decided: what it placed is gone again; positions are as before the epoch.
 *            The caller has inputs read again from cup_commit_start (which may be asked again).
 *   DECIDED  the epoch is decided and not in all tables: cup_commit_resume until it is OK.
 *   FAILED   only the next cup_commit_open knows what is true: close, end the process. */
enum cup_commit_standing { CUP_COMMIT_READY, CUP_COMMIT_DECIDED, CUP_COMMIT_FAILED };
enum cup_commit_standing cup_commit_standing(const struct cup_commit *commit);

/* cup_commit_adopt switches to a new plan (same lake, domain, pipeline, shard; asserted) for the
 * epochs that follow. Inputs keep their positions by path and identity, not by index. */
void cup_commit_adopt(struct cup_commit *commit, const struct cup_plan *plan);

struct cup_commit_result {
    uint64_t epoch; /* decided number; 0: the parts were empty, nothing was written */
    uint64_t record_count;
    uint64_t apply_ns;
    uint64_t checkpoint_failed_count; /* not fatal: readers start slower until the next one */
    struct {
        uint64_t files, rows, bytes;
    } zones[CUP_ZONE_COUNT];
};

/* cup_commit_epoch makes the parts one epoch and returns when it is DONE. Parts are freed in any
 * case. A table that is not there yet, or lacks columns of the plan, gets a commit of metadata
 * before the epoch is decided. */
CUP_MUST_CHECK enum cup_err cup_commit_epoch(struct cup_commit     *commit,
                                             struct cup_epoch_part *parts, uint32_t part_count,
                                             struct cup_commit_result *out_result,
                                             struct cup_fault         *out_fault);

/* cup_commit_resume finishes a DECIDED epoch; as often as needed. */
CUP_MUST_CHECK enum cup_err cup_commit_resume(struct cup_commit        *commit,
                                              struct cup_commit_result *out_result,
                                              struct cup_fault         *out_fault);

/* cup_commit_upkeep commits the merged files that `cupel-lake compact` left in the shard's upkeep
 * folder. READY only. What cannot be committed any more (a merged file was removed by another
 * engine) is dropped. *out_count: tables that got a commit. Failures are IO and NO_SPACE; nothing
 * is half done. */
CUP_MUST_CHECK enum cup_err cup_commit_upkeep(struct cup_commit *commit, uint32_t *out_count,
                                              struct cup_fault *out_fault);

#endif
