// SPDX-License-Identifier: Apache-2.0
/* recover: what state a shard is in, what the next run will make of it, and the ways out of it.
 *
 *   look (lock, journal, inputs, tables, leftovers) --> judge --> print
 *                                                    \--> adopt, discard: a new journal
 *
 * Looking writes nothing and works while the shard runs: what is in motion then shows as it was at
 * some moment of it. Adopt and discard hold the shard's lock, note in recover.log what they do
 * before they do it, and change only the journal.
 *
 * Holds     malloc'ed lists; the journal's state.
 * Owner     cup_recover_run.
 * Threads   one.
 * Fails     IO, NO_MEMORY. What is wrong with the lake is a finding, not a failure.
 * Tests     tests/crash/test_recover.py, tests/lake/test_recover.c
 */
#ifndef CUP_LAKE_TOOL_TOOL_RECOVER_H
#define CUP_LAKE_TOOL_TOOL_RECOVER_H

#include "base/rnd.h"
#include "dataplane/commit/journal.h"
#include "lake/tool/tool_commands.h"
#include "lake/tool/tool_ledger.h"
#include "lake/tool/tool_shard.h"

struct cup_recover_segment {
    uint32_t number;
    uint64_t bytes, frames;
    uint64_t bad_at; /* where the good frames end; == bytes when they fill the file */
};

struct cup_recover_table {
    char             *folder;
    char             *expected_id; /* of the journal; NULL: it knows none */
    uint64_t          expected;    /* epoch that must be in its log; 0: none */
    struct cup_table *table;       /* NULL: see err */
    enum cup_err      err;         /* NOT_FOUND: there is no table */
    struct cup_fault  fault;
    uint64_t          epoch; /* of its txn */
    bool              own;   /* index, quarantine or ledger */
};

/* Something that the operator should know. */
struct cup_recover_finding {
    bool  refuses; /* the next run will not begin */
    char *what;
    char *way; /* a command or deed; "" when nothing is to be done */
};

struct cup_recover {
    const char      *lake;
    struct cup_shard shard;
    char             app[CUP_SHARD_BYTES];
    bool             held;
    char             holder[CUP_HOLDER_BYTES];

    struct cup_recover_segment *segments; /* by number */
    uint32_t                    segment_count;
    enum cup_err                journal_err;
    struct cup_fault            journal_fault;
    struct cup_journal_state    journal; /* zeros unless journal_err is OK */
    struct cup_journal_reader   reader;
    char                        open_id[CUP_UUID_TEXT_BYTES]; /* of the epoch that is not done */

    struct cup_recover_table *tables; /* by folder */
    uint32_t                  table_count;
    uint64_t                  staged_files, upkeep_files, placing_files;

    struct cup_recover_finding *findings;
    uint32_t                    finding_count;
};

/* cup_recover_look fills the struct; cup_recover_close frees it (also a half-filled one). mine:
 * this process has the shard's lock. */
CUP_MUST_CHECK enum cup_err cup_recover_look(const char *lake, const struct cup_shard *shard,
                                             bool mine, struct cup_recover *out_recover,
                                             struct cup_fault *out_fault);
void                        cup_recover_close(struct cup_recover *recover);

/* cup_recover_fail says a fault on stderr. Returns CUP_EXIT_PROBLEMS. */
enum cup_exit cup_recover_fail(const struct cup_fault *fault);

/* cup_recover_find_tables lists the tables that the shard commits to; part of looking. */
CUP_MUST_CHECK enum cup_err cup_recover_find_tables(struct cup_recover *recover,
                                                    struct cup_fault   *out_fault);
struct cup_recover_table *cup_recover_table(const struct cup_recover *recover, const char *folder);

/* cup_recover_own writes the folder of one of the pipeline's own tables. */
enum cup_recover_own { CUP_OWN_INDEX, CUP_OWN_QUARANTINE, CUP_OWN_LEDGER, CUP_OWN_COUNT };
void cup_recover_own(const struct cup_shard *shard, enum cup_recover_own own,
                     char out_folder[CUP_SHARD_BYTES]);

/* cup_recover_find adds a finding; format makes `what`. */
void cup_recover_find(struct cup_recover *recover, bool refuses, const char *way,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
void cup_recover_judge(struct cup_recover *recover);
bool cup_recover_refuses(const struct cup_recover *recover);

/* cup_recover_epoch_id finds the epochId of the commit that carries the shard's epoch; false when
 * no commit that still exists does. */
bool cup_recover_epoch_id(const struct cup_recover *recover, const struct cup_recover_table *table,
                          uint64_t epoch, char out_id[CUP_UUID_TEXT_BYTES]);

void cup_recover_print(const struct cup_recover *recover, FILE *out);
void cup_recover_print_json(const struct cup_recover *recover, FILE *out);

/* The open epoch's lines, one after the other: OK, END or CORRUPT. Start with reader_start. */
void cup_recover_open_start(struct cup_recover *recover);

/* cup_recover_store opens the store: for writing, with the shard's lock, or for reading, which
 * makes nothing. cup_recover_unstore closes it. */
struct cup_recover_store {
    struct cup_disk  *disk;
    struct cup_store *store;
};
CUP_MUST_CHECK enum cup_err cup_recover_store(const char *lake, const struct cup_shard *shard,
                                              bool write, struct cup_recover_store *out_store,
                                              struct cup_fault *out_fault);
void                        cup_recover_unstore(struct cup_recover_store *store);

/* --- changing it: what is wrong or done is printed --- */

struct cup_recover_act {
    struct cup_recover *recover;
    struct cup_store   *store; /* with the lock; NULL: only say what would be done */
    FILE               *out;
};
enum cup_exit cup_recover_adopt(const struct cup_recover_act *act);
enum cup_exit cup_recover_discard_epoch(const struct cup_recover_act *act, uint64_t epoch);
enum cup_exit cup_recover_discard_table(const struct cup_recover_act *act, const char *folder);

/* cup_recover_commit notes `members` in recover.log and makes state (NULL: as it is) the journal;
 * prints what kept it from that. Without a store it says how to have it done. */
enum cup_exit cup_recover_commit(const struct cup_recover_act   *act,
                                 const struct cup_journal_state *state, const char *members);

/* cup_recover_ledger loads the pipeline's ledger, or prints what is wrong with it: NULL. */
struct cup_ledger *cup_recover_ledger(const struct cup_recover_act *act);

#endif
