// SPDX-License-Identifier: Apache-2.0
/* commit_priv: what the files of this room share.
 *
 *   commit.c     open, recovery, positions
 *   decide.c     one epoch from parts to done
 *   check.c      what must hold before a decision
 *   ledger.c     the epoch's own rows
 *   table.c      state and columns of one Delta table
 *   build.c      the bytes of one table's commit
 *   apply.c      those bytes into a log, once
 *   orphan.c     files that an undecided epoch left behind
 */
#ifndef CUP_DATAPLANE_COMMIT_COMMIT_PRIV_H
#define CUP_DATAPLANE_COMMIT_COMMIT_PRIV_H

#include "base/pool.h"
#include "base/rnd.h"
#include "dataplane/commit/commit.h"
#include "dataplane/commit/journal.h"
#include "lake/delta.h"

#define CUP_COMMIT_APP_BYTES 1100u /* "cupel/<domain>/<pipeline>/<shard>" */
_Static_assert(CUP_COMMIT_APP_BYTES > CUP_STORE_NAME_BYTES + 64, "an app id is as long as a name");

/* One Delta table, as the pipeline wants it and as its log is. */
struct cup_commit_table {
    struct cup_store       *store;
    const char             *folder; /* below the lake; lent */
    const char             *description;
    const struct cup_field *fields; /* NULL: not known (recovery of a table the plan has not) */
    uint32_t                field_count;
    struct cup_field       *made_fields; /* silver: fields, malloc'ed; also holds list elements */
    struct cup_delta_state *state;       /* NULL: no table, or not looked at */
    bool                    looked;
};

struct cup_commit {
    struct cup_store         *store;
    const struct cup_plan    *plan;
    struct cup_journal       *journal;
    struct cup_journal_state  state;
    struct cup_journal_reader reader;
    struct cup_pool           pool;   /* for the ledger's Parquet file */
    struct cup_position     **inputs; /* per input of the plan; NULL: cup_commit_start not called */
    struct cup_commit_table index, quarantine, ledger, *silver; /* silver: per table of the plan */
    uint32_t                found;                              /* silver table found last */
    uint64_t                checkpoint_failed_count;            /* in the epoch being applied */
    bool                    failed; /* an epoch failed: only the next open knows what is true */
    char                    app[CUP_COMMIT_APP_BYTES];
    char                    shard_folder[CUP_STORE_NAME_BYTES];
    char index_folder[CUP_STORE_NAME_BYTES], quarantine_folder[CUP_STORE_NAME_BYTES];
    char ledger_folder[CUP_STORE_NAME_BYTES], bronze_folder[CUP_STORE_NAME_BYTES];
};

/* The epoch being decided. */
struct cup_commit_epoch {
    uint64_t number;
    char     id[CUP_UUID_TEXT_BYTES];
    int64_t  decided_us;
};

/* cup_commit_priv_step is called at named steps by tests; NULL in production. */
extern void (*cup_commit_priv_step)(const char *step);
void cup_commit_priv_reach(const char *step);

/* cup_commit_priv_join writes "folder/leaf"; BAD_CONFIG when it is too long. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_join(const char *folder, const char *leaf,
                                                 char              out_name[CUP_STORE_NAME_BYTES],
                                                 struct cup_fault *out_fault);

/* cup_commit_priv_zone_name: "bronze", "index", "silver", "quarantine", "ledger". */
const char *cup_commit_priv_zone_name(enum cup_zone zone);

/* --- check.c --- */

/* cup_commit_priv_check asserts sums and continuity; *out_progress: there is something to decide.
 */
void cup_commit_priv_check(struct cup_commit *commit, const struct cup_epoch_part *parts,
                           uint32_t part_count, bool *out_progress);

/* cup_commit_priv_advances says whether a range changes what is known of its input. */
bool cup_commit_priv_advances(const struct cup_position    *position,
                              const struct cup_epoch_range *range);

/* --- ledger.c --- */

/* cup_commit_priv_ledger writes the epoch's ledger rows to a sealed file. */
CUP_MUST_CHECK enum cup_err
cup_commit_priv_ledger(struct cup_commit *commit, const struct cup_commit_epoch *epoch,
                       const struct cup_epoch_part *parts, uint32_t part_count,
                       struct cup_epoch_file *out_file, struct cup_fault *out_fault);

/* --- table.c --- */

CUP_MUST_CHECK enum cup_err cup_commit_priv_tables_open(struct cup_commit *commit,
                                                        struct cup_fault  *out_fault);
void                        cup_commit_priv_tables_close(struct cup_commit *commit);
void                        cup_commit_priv_table_close(struct cup_commit_table *table);

/* cup_commit_priv_table_look brings table->state up to the log's end. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_table_look(struct cup_commit_table *table,
                                                       struct cup_fault        *out_fault);

/* cup_commit_priv_table_fields makes table->fields of a silver table. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_table_fields(struct cup_commit       *commit,
                                                         struct cup_commit_table *table,
                                                         struct cup_fault        *out_fault);

/* cup_commit_priv_table_check compares the log's columns with the fields: TABLE_CHANGED when one
 * cannot be written; *out_missing counts those that the log lacks. No fields: the rest is checked.
 */
CUP_MUST_CHECK enum cup_err cup_commit_priv_table_check(const struct cup_commit_table *table,
                                                        uint32_t                      *out_missing,
                                                        struct cup_fault              *out_fault);

/* cup_commit_priv_table_find is the field's place in the log's columns, or field_count. */
uint32_t cup_commit_priv_table_find(const struct cup_delta_state *state, const char *name);

/* cup_commit_priv_schema_crc is the checksum of the log's schema; 0 without a table. */
uint32_t cup_commit_priv_schema_crc(const struct cup_commit_table *table);

/* --- build.c --- */

/* cup_commit_priv_build appends the commit line of one table with its bytes to the payload. */
CUP_MUST_CHECK enum cup_err
cup_commit_priv_build(struct cup_commit *commit, const struct cup_commit_epoch *epoch,
                      struct cup_commit_table *table, struct cup_epoch_file *const *files,
                      uint32_t file_count, struct cup_text *payload, struct cup_fault *out_fault);

/* --- apply.c --- */

/* cup_commit_priv_apply brings every commit of a decided epoch's payload into its log. fresh: it
 * was built by this process from the plan in use. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_apply(struct cup_commit     *commit,
                                                  const struct cup_text *payload, bool fresh,
                                                  struct cup_fault *out_fault);

/* --- orphan.c --- */

/* cup_commit_priv_verify refuses tables that are ahead of the journal or behind it. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_verify(struct cup_commit *commit,
                                                   struct cup_fault  *out_fault);

/* cup_commit_priv_remove_orphans removes what the epoch behind the last decided one placed. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_remove_orphans(struct cup_commit *commit,
                                                           struct cup_fault  *out_fault);

#endif
