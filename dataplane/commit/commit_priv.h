// SPDX-License-Identifier: Apache-2.0
/* commit_priv: what the files of this room share.
 *
 *   commit.c     open, recovery, positions
 *   shards.c     how many shards share the pipeline's inputs out
 *   follow.c     positions of files that come and go
 *   consume.c    positions of partitions
 *   decide.c     one epoch from parts to done, or to nothing
 *   check.c      what must hold before a decision
 *   ledger.c     the epoch's own rows
 *   table.c      state and columns of one Delta table
 *   declare.c    tables and columns that an epoch needs, before it is decided
 *   schema.c     the bytes of a commit that makes a table, or gives it columns
 *   build.c      the bytes of one table's commit
 *   seal.c       the epoch's files and commits to the disk, before it is decided
 *   apply.c      the decided commits into their logs, side by side
 *   confirm.c    what another writer's commit, or our own, means for ours
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

/* Commits of an epoch that are sealed before it is decided, each with a descriptor: as many tables
 * as an epoch of a tenth of a second has. Those of others are sealed when they are applied. */
#define CUP_COMMIT_SEALED_MAX 64u

/* One Delta table, as the pipeline wants it and as its log is. */
struct cup_commit_table {
    struct cup_store       *store;
    const char             *folder; /* below the lake; lent */
    const char             *description;
    const struct cup_field *fields; /* NULL: not known (recovery of a table the plan has not) */
    uint32_t                field_count;
    struct cup_field       *made_fields; /* silver: fields, malloc'ed; also holds list elements */
    const char *partitions[CUP_PLAN_PARTITIONS_MAX + 1]; /* columns, made with the fields; NULL */
    struct cup_delta_state *state;                       /* NULL: no table, or not looked at */
    bool met; /* state is what the log was at some time, and the journal knew nothing else of it */
};

struct cup_commit {
    struct cup_store        *store;
    const struct cup_plan   *plan;
    struct cup_journal      *journal;
    struct cup_journal_state state;
    struct cup_journal_state
        *others; /* per shard, as this process found them; NULL: there is one */
    struct cup_journal_reader reader;
    struct cup_pool           pool;   /* for the ledger's Parquet file */
    struct cup_position     **inputs; /* per input; NULL: cup_commit_start not called */
    uint32_t                  input_count;
    uint32_t                 *buckets; /* positions by device and inode: index + 1, or 0 */
    uint32_t                  bucket_count, indexed;             /* of positions, so many */
    struct cup_commit_table  index, quarantine, ledger, *silver; /* silver: per table of the plan */
    uint32_t                 found;                              /* silver table found last */
    enum cup_commit_standing standing;                      /* FAILED until recovery is through */
    struct cup_commit_result result;                        /* of the epoch that was decided last */
    struct cup_store_file   *sealed[CUP_COMMIT_SEALED_MAX]; /* its commits, in their order: what has
                                                               no name yet; NULL else */
    bool fresh;   /* it was built by this process from the plan in use */
    bool decided; /* this process has decided an epoch: what is ahead of it is not its own */
    char app[CUP_COMMIT_APP_BYTES];
    char shard_folder[CUP_STORE_NAME_BYTES];
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

/* --- shards.c --- */

/* cup_commit_priv_shards: BAD_CONFIG when the pipeline was begun with another number of shards than
 * the plan's; the first one notes it. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_shards(struct cup_commit *commit,
                                                   struct cup_fault  *out_fault);

/* cup_commit_priv_others_read reads the positions of the other shards, as they are now.
 * cup_commit_priv_is_ours: INPUT_CHANGED when this shard does not know an input that another has.
 */
CUP_MUST_CHECK enum cup_err cup_commit_priv_others_read(struct cup_commit *commit,
                                                        struct cup_fault  *out_fault);
void                        cup_commit_priv_others_free(struct cup_commit *commit);
CUP_MUST_CHECK enum cup_err cup_commit_priv_is_ours(const struct cup_commit   *commit,
                                                    const struct cup_position *position,
                                                    struct cup_fault          *out_fault);

/* --- check.c --- */

/* cup_commit_priv_check asserts sums and continuity; *out_progress: there is something to decide.
 */
void cup_commit_priv_check(struct cup_commit *commit, const struct cup_epoch_part *parts,
                           uint32_t part_count, bool *out_progress);

/* cup_commit_priv_advances says whether a range changes what is known of its input. */
bool cup_commit_priv_advances(const struct cup_position    *position,
                              const struct cup_epoch_range *range);

/* cup_commit_priv_identity is what the input's position belongs to behind a range. */
struct cup_input_identity cup_commit_priv_identity(const struct cup_position    *position,
                                                   const struct cup_epoch_range *range);

/* --- follow.c --- */

/* cup_commit_priv_put_input makes a position the input's; false when memory is short. */
bool cup_commit_priv_put_input(struct cup_commit *commit, uint32_t input,
                               struct cup_position *position);

/* --- ledger.c --- */

/* cup_commit_priv_ledger writes the epoch's ledger rows to a staged file. */
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

/* cup_commit_priv_table_meet looks, and compares with what the journal knows of the table:
 * TABLE_CHANGED when it was lost, put back or replaced, or the journal was; FENCED when another
 * instance commits under our name while this one runs. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_table_meet(struct cup_commit       *commit,
                                                       struct cup_commit_table *table,
                                                       struct cup_fault        *out_fault);

/* cup_commit_priv_table_at is the plan's table in a folder; NULL when it has none. */
struct cup_commit_table *cup_commit_priv_table_at(struct cup_commit *commit, const char *folder);

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

/* cup_commit_priv_partitions_name lists a silver table's partition columns; _check: TABLE_CHANGED
 * when the log has others. */
void                        cup_commit_priv_partitions_name(const struct cup_plan       *plan,
                                                            const struct cup_plan_table *planned,
                                                            struct cup_commit_table     *table);
CUP_MUST_CHECK enum cup_err cup_commit_priv_partitions_check(const struct cup_commit_table *table,
                                                             struct cup_fault *out_fault);

/* cup_commit_priv_table_find is the field's place in the log's columns, or field_count. */
uint32_t cup_commit_priv_table_find(const struct cup_delta_state *state, const char *name);

/* cup_commit_priv_schema_crc is the checksum of the log's schema; 0 without a table. */
uint32_t cup_commit_priv_schema_crc(const struct cup_commit_table *table);

/* --- declare.c --- */

/* cup_commit_priv_declare meets the tables, makes what is missing of them durable by commits of
 * their own, and leaves an INTENT in the journal: `names`, and the bytes of those commits. Sets the
 * standing. Behind it each table has a state that its files fit. */
CUP_MUST_CHECK enum cup_err
cup_commit_priv_declare(struct cup_commit *commit, struct cup_commit_table **tables, uint32_t count,
                        int64_t now_us, const struct cup_text *names, struct cup_fault *out_fault);

/* cup_commit_priv_declare_again takes up a DECLARE line of an INTENT that no epoch followed. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_declare_again(struct cup_commit             *commit,
                                                          const struct cup_commit_table *table,
                                                          const struct cup_journal_line *line,
                                                          struct cup_fault              *out_fault);

/* --- schema.c --- */

/* cup_commit_priv_schema appends the commit that makes the table (no state: with this id) or adds
 * the `missing` columns. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_schema(const struct cup_commit_table *table,
                                                   uint32_t missing, int64_t now_us, const char *id,
                                                   struct cup_text  *out_text,
                                                   struct cup_fault *out_fault);

/* --- build.c --- */

/* cup_commit_priv_build appends the commit line of one declared table with its bytes to the
 * payload.
 */
CUP_MUST_CHECK enum cup_err
cup_commit_priv_build(struct cup_commit *commit, const struct cup_commit_epoch *epoch,
                      const struct cup_commit_table *table, struct cup_epoch_file *const *files,
                      uint32_t file_count, struct cup_text *payload, struct cup_fault *out_fault);

/* --- decide.c --- */

/* cup_commit_priv_finish brings the open epoch into all tables and sets the standing. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_finish(struct cup_commit *commit,
                                                   struct cup_fault  *out_fault);

/* --- apply.c --- */

/* One commit of a decided epoch on its way into its log. */
struct cup_commit_target {
    struct cup_commit_table *table;
    struct cup_commit_table  other; /* the plan may have lost the table since: then this is it */
    struct cup_journal_line  line;  /* COMMIT; its texts are below */
    uint64_t                 seen;  /* versions up to here were looked at */
    uint64_t                 before, version; /* of the log at first; to be tried now */
    struct cup_store_file  **sealed;          /* where the line's sealed file may be; or NULL */
    uint32_t                 error_count;
    bool                     lost, done, stuck; /* lost: a try failed, look before the next */
    bool                     unsynced;          /* the commit may be there, but not durable */
    char                     folder[CUP_STORE_NAME_BYTES], name[CUP_STORE_NAME_BYTES];
    char                     table_id[CUP_UUID_TEXT_BYTES * 4]; /* others' ids may be odd */
};

/* cup_commit_priv_apply brings every commit of the open epoch into its log. What cannot get better
 * by trying again sets the standing to FAILED. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_apply(struct cup_commit *commit,
                                                  struct cup_fault  *out_fault);

/* --- seal.c --- */

/* cup_commit_priv_sum notes the checksums of files that are not sealed yet. */
void cup_commit_priv_sum(struct cup_epoch_part *part);

/* cup_commit_priv_write writes the files, not durably: a disk that takes no data is noticed before
 * the journal is written to, and the epoch may be tried again. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_write(struct cup_epoch_file *const *files,
                                                  uint32_t count, struct cup_fault *out_fault);

/* cup_commit_priv_seal makes the files, and the commits in the payload, durable in one go;
 * _unseal discards the commits that got no name. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_seal(struct cup_commit            *commit,
                                                 struct cup_epoch_file *const *files,
                                                 uint32_t count, const struct cup_text *payload,
                                                 struct cup_fault *out_fault);
void                        cup_commit_priv_unseal(struct cup_commit *commit);

/* --- confirm.c --- */

CUP_MUST_CHECK enum cup_err cup_commit_priv_version_name(const struct cup_commit_target *target,
                                                         uint64_t                        version,
                                                         char out_name[CUP_STORE_NAME_BYTES],
                                                         struct cup_fault *out_fault);

/* cup_commit_priv_confirm: the log has our epoch's number. Was it this epoch? Then it is made
 * durable, because visible is not yet that; else FENCED. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_confirm(struct cup_commit              *commit,
                                                    const struct cup_commit_target *target,
                                                    const char                     *epoch_id,
                                                    struct cup_fault               *out_fault);

/* cup_commit_priv_fit: does the commit, as it was built, still fit the table as it is now? */
CUP_MUST_CHECK enum cup_err cup_commit_priv_fit(struct cup_commit        *commit,
                                                struct cup_commit_target *target,
                                                struct cup_fault         *out_fault);

/* --- orphan.c --- */

/* cup_commit_priv_verify meets the tables that every epoch commits to. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_verify(struct cup_commit *commit,
                                                   struct cup_fault  *out_fault);

/* cup_commit_priv_remove_orphans removes what the journal's last INTENT names. */
CUP_MUST_CHECK enum cup_err cup_commit_priv_remove_orphans(struct cup_commit *commit,
                                                           struct cup_fault  *out_fault);

#endif
