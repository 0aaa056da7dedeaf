// SPDX-License-Identifier: Apache-2.0
/* check: the checks of one pipeline; each adds its problems to the report and goes on.
 *
 *   ledger alone --> tables: logs, live files --> files: size, footer, checksum --> merged files:
 *   rows per epoch --> index and quarantine: rows per epoch and outcome --> deep: rows that stand
 *   twice
 *
 * The ledger is read first. A pipeline that runs goes on meanwhile: a table may then hold epochs
 * that the ledger as read has not (they are left out), or not yet the ledger's last one (a note).
 *
 * Holds     the tables of the pipeline, open.
 * Owner     cup_verify_run.
 * Threads   one.
 * Fails     NO_MEMORY only; what is wrong in the lake is a line of the report.
 * Tests     tests/lake/test_verify.c: each check is seen to fail
 */
#ifndef CUP_LAKE_TOOL_TOOL_CHECK_H
#define CUP_LAKE_TOOL_TOOL_CHECK_H

#include "lake/tool/tool_history.h"
#include "lake/tool/tool_ledger.h"
#include "lake/tool/tool_shard.h"

struct cup_check_table {
    char              *name;  /* below the lake */
    struct cup_table  *table; /* NULL: cannot be read (reported) */
    struct cup_history history;
    bool               has_history;
    const char        *epoch_column; /* "_epoch" in silver, else "epoch" */
    uint64_t          *strangers;    /* live files that are in no ledger: numbers in the state */
    uint64_t           stranger_count;
};

/* How far a shard's ledger tells, and whether the shard is running. */
struct cup_check_reach {
    struct cup_shard shard;
    char             app[CUP_SHARD_BYTES];
    uint64_t         epoch;
    bool             running;
};
struct cup_check_reaches {
    struct cup_check_reach *list;
    uint32_t                count;
};

struct cup_check {
    const char                     *lake;
    const struct cup_pipeline      *pipeline;
    bool                            deep;
    const char                     *keys; /* folder; NULL: none */
    struct cup_ledger              *ledger;
    const struct cup_texts         *owned;   /* files of all pipelines' ledgers */
    const struct cup_check_reaches *reaches; /* of all pipelines */
    const struct cup_audit         *audit;   /* what was given up */
    struct cup_report              *report;
    struct cup_check_table         *tables;
    uint32_t                        table_count, index, quarantine; /* UINT32_MAX: no such table */
};

/* Epochs without a hole, ranges without gap or overlap. */
void cup_check_ledger(struct cup_check *check);

/* Opens the tables that the ledger's files lie in, and the pipeline's index and quarantine. */
CUP_MUST_CHECK enum cup_err cup_check_open_tables(struct cup_check *check,
                                                  struct cup_fault *out_fault);
void                        cup_check_close_tables(struct cup_check *check);

/* Every file of the ledger is there, whole, and live, or its rows are in files that replaced it;
 * every live file is in a ledger, or holds nothing but such rows, or is another engine's. */
CUP_MUST_CHECK enum cup_err cup_check_files(struct cup_check *check, struct cup_fault *out_fault);

/* cup_check_merged is the part of it that looks at files of which a ledger and a table do not both
 * know. */
CUP_MUST_CHECK enum cup_err cup_check_merged(struct cup_check *check, struct cup_fault *out_fault);

/* Whether a file was committed after the ledger was read. */
bool cup_check_is_newer(const struct cup_check *check, const struct cup_check_table *table,
                        const char *path);
/* Whether a row's epoch is one: merged files may hold rows of epochs before and behind the ledger's
 * last one. */
bool cup_check_is_later(const struct cup_check *check, const struct cup_check_table *table,
                        uint64_t epoch);
/* Whether a running pipeline has yet to bring a shard's epoch into a table. */
bool cup_check_is_coming(const struct cup_check *check, const struct cup_check_table *table,
                         int32_t shard, uint64_t epoch);

/* Rows of index and quarantine per epoch, input and outcome equal the ledger's counts. */
CUP_MUST_CHECK enum cup_err cup_check_rows(struct cup_check *check, struct cup_fault *out_fault);

/* With deep: no row stands twice. Two of one place (topic, partition, offset, row of the record)
 * are right only where the record was read as often. Memory: 512 MiB for hashes, 96 for places. */
CUP_MUST_CHECK enum cup_err cup_check_twice(struct cup_check *check, struct cup_fault *out_fault);

/* With keys: every record of bronze can be read, or is erased (a note says how many). */
CUP_MUST_CHECK enum cup_err cup_check_bronze(struct cup_check *check, struct cup_fault *out_fault);

#endif
