// SPDX-License-Identifier: Apache-2.0
/* ledger: what a pipeline says of itself: the ranges it read, what became of their records, and
 * the files it made; read from LAKE/_cupel/<domain>/<pipeline>/ledger.
 *
 * Holds     malloc'ed lists, sorted; a report of what is wrong.
 * Owner     the tool.
 * Threads   one.
 * Fails     NO_MEMORY. What is wrong in the lake is no error: it is a line of the report.
 * Tests     tests/lake/test_verify.c
 */
#ifndef CUP_LAKE_TOOL_TOOL_LEDGER_H
#define CUP_LAKE_TOOL_TOOL_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "dataplane/abi/plan.h"
#include "dataplane/abi/tables.h"
#include "lake/tool/tool_lake.h"
#include "lake/tool/tool_texts.h"

/* Problems, one line each; the text is printed after the totals. */
struct cup_report {
    struct cup_text text;
    uint64_t        problem_count;
    uint64_t        note_count;
};
#define CUP_REPORT_LINES_MAX 1000u /* more of one kind teach nothing new; they are counted */
void cup_report_problem(struct cup_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void cup_report_note(struct cup_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* cup_report_fault turns a fault into a problem; `what` says what could not be done. */
void cup_report_fault(struct cup_report *report, const char *what, const struct cup_fault *fault);

/* Outcomes as the ledger names them; CUP_OUTCOME_COUNT when there is no such name. */
enum cup_outcome       cup_ledger_outcome(const char *name, size_t bytes);
const char            *cup_ledger_outcome_name(enum cup_outcome outcome);
enum cup_outcome_class cup_ledger_outcome_class(enum cup_outcome outcome);

/* Files; the order of ledger_zone_names in the .c. */
enum cup_ledger_zone {
    CUP_LEDGER_BRONZE,
    CUP_LEDGER_INDEX_ZONE,
    CUP_LEDGER_SILVER,
    CUP_LEDGER_QUARANTINE,
    CUP_LEDGER_ZONES
};

struct cup_ledger_range {
    uint32_t input, identity; /* in names */
    uint32_t path;            /* in names; CUP_NAME_NONE: an older cupel wrote none */
    int32_t  shard;
    bool     ended, strayed; /* strayed: an index row outside of it was reported */
    uint64_t epoch, start, end;
    uint64_t size; /* of the input as stored, when its reading began; topic: of the values */
    uint64_t lost; /* topic: offsets that were deleted before they could be read */
    uint64_t records, accepted, quarantined, dropped;
    uint64_t index_rows; /* counted in the index */
    bool     retry;      /* its records came before: they have quarantine rows only */
};

struct cup_ledger_file {
    uint32_t             path; /* in names */
    enum cup_ledger_zone zone;
    int32_t              shard;
    uint64_t             epoch, bytes, rows;
    uint32_t             crc32c;
    uint32_t             table; /* number of its table in the check; UINT32_MAX: none */
    bool                 live;
};

struct cup_ledger_epoch {
    uint64_t epoch;
    uint64_t records, accepted, quarantined, index_rows, quarantine_rows, silver_rows;
    uint64_t
        retried; /* of the records: those of retries, which are in quarantine and not in bronze */
    uint64_t quarantine_due; /* rows there: of refused records, and of all that were retried */
    uint32_t file_counts[CUP_LEDGER_ZONES];
    bool     unsettled; /* a running pipeline is bringing it into its tables */
    /* ledger's counts minus those of the index, and of the quarantine */
    int64_t index_left[CUP_OUTCOME_COUNT], quarantine_left[CUP_OUTCOME_COUNT];
};

/* One (shard, epoch), with the identity that its rows carry. */
struct cup_ledger_mark {
    uint64_t epoch;
    int32_t  shard;
    uint32_t id;
};

struct cup_ledger {
    struct cup_texts         names;
    struct cup_ledger_range *ranges; /* by input, epoch, start */
    struct cup_ledger_file  *files;  /* by epoch */
    struct cup_ledger_epoch *epochs; /* by epoch */
    struct cup_ledger_mark  *marks;  /* by shard, epoch; each once */
    uint64_t                 range_count, file_count, epoch_count, mark_count;
    uint64_t                 range_cap, file_cap, mark_cap;
    uint64_t                 outcomes[CUP_OUTCOME_COUNT]; /* totals */
    uint64_t                 records, accepted, quarantined, dropped, blank, bytes;
    uint64_t retried[3]; /* by class: what retries made of records that are counted already */
};

/* cup_ledger_load reads the ledger; a table that cannot be read is a problem in the report and an
 * empty ledger. Gives *out_ledger; cup_ledger_free (NULL accepted). */
CUP_MUST_CHECK enum cup_err cup_ledger_load(const char *lake, const struct cup_pipeline *pipeline,
                                            struct cup_report  *report,
                                            struct cup_ledger **out_ledger,
                                            struct cup_fault   *out_fault);
void                        cup_ledger_free(struct cup_ledger *ledger);

/* NULL when the ledger has no such epoch, no such range. */
struct cup_ledger_epoch *cup_ledger_find_epoch(const struct cup_ledger *ledger, uint64_t epoch);
struct cup_ledger_range *cup_ledger_find_range(const struct cup_ledger *ledger, uint32_t input,
                                               uint64_t epoch, uint64_t position);

#endif
