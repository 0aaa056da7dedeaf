// SPDX-License-Identifier: Apache-2.0
/* check: the checks of one pipeline; each adds its problems to the report and goes on.
 *
 *   ledger alone --> tables: logs, live files --> files: size, footer, checksum --> rows per epoch
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

struct cup_check_table {
    char              *name;  /* below the lake */
    struct cup_table  *table; /* NULL: cannot be read (reported) */
    struct cup_history history;
    bool               has_history;
};

struct cup_check {
    const char                *lake;
    const struct cup_pipeline *pipeline;
    bool                       deep;
    struct cup_ledger         *ledger;
    const struct cup_names    *owned; /* files of all pipelines' ledgers */
    struct cup_report         *report;
    struct cup_check_table    *tables;
    uint32_t                   table_count, index, quarantine; /* UINT32_MAX: no such table */
};

/* Epochs without a hole, ranges without gap or overlap. */
void cup_check_ledger(struct cup_check *check);

/* Opens the tables that the ledger's files lie in, and the pipeline's index and quarantine. */
CUP_MUST_CHECK enum cup_err cup_check_open_tables(struct cup_check *check,
                                                  struct cup_fault *out_fault);
void                        cup_check_close_tables(struct cup_check *check);

/* Every file of the ledger is there, whole, and live; every live file is in a ledger. */
CUP_MUST_CHECK enum cup_err cup_check_files(struct cup_check *check, struct cup_fault *out_fault);

/* Rows of index and quarantine per epoch, input and outcome equal the ledger's counts. */
CUP_MUST_CHECK enum cup_err cup_check_rows(struct cup_check *check, struct cup_fault *out_fault);

#endif
