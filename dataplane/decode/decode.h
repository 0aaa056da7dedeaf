// SPDX-License-Identifier: Apache-2.0
/* decode: turns the raw records of a batch into typed rows per table.
 *
 *   batch --index, parse--> nodes --envelope--> op, source, before/after --values--> changes of a
 * table
 *                              \--> verdict per record: accepted, quarantined (why, where), dropped
 *
 * A record is taken or refused as a whole: a refused one leaves no row. Rows collect in the changes
 * of their table until the worker takes them.
 *
 * Holds     two JSON parsers; per table with open rows: columns in pool blocks.
 * Owner     one worker. One decode per plan generation: close it and open another for a new plan.
 * Threads   one.
 * Fails     open only (BAD_CONFIG, NO_MEMORY).
 * Bounds    CUP_CHANGES_ROWS rows a table.
 * Tests     tests/dataplane/decode/test_decode.c, test_values.c, test_notes.c,
 *           test_resume.c, tests/oracle/test_captures.py
 */
#ifndef CUP_DATAPLANE_DECODE_DECODE_H
#define CUP_DATAPLANE_DECODE_DECODE_H

#include <stdbool.h>

#include "base/column.h"
#include "base/err.h"
#include "base/pool.h"
#include "dataplane/abi/plan.h"
#include "dataplane/abi/wire.h"
#include "dataplane/source/batch.h"

#define CUP_CHANGES_ROWS 2048u

/* Rows of one table, waiting to be encoded. Columns: the table's data columns, then
 * CUP_SILVER_COUNT generated ones. */
struct cup_changes {
    uint32_t                 table;
    uint32_t                 row_count;
    uint32_t                 column_count;
    const struct cup_column *columns;
    const struct cup_field  *fields; /* as the file's schema; lives as long as the decode */
    uint64_t                 bytes;  /* of pool blocks borrowed */
};

#define CUP_BAD_PATH_BYTES 96u

struct cup_verdict {
    uint16_t outcome;   /* enum cup_outcome */
    uint16_t row_count; /* rows in silver: 0 unless accepted */
    uint32_t table;     /* index in the plan; UINT32_MAX when no table is known */
    uint32_t bad_at; /* quarantined: byte in the value (0 = its first); UINT32_MAX: no one byte */
    uint32_t bad;    /* index for cup_decode_bad_path, UINT32_MAX: none */
    uint32_t rule;   /* place among the table's rules in the plan; UINT32_MAX: none was broken */
};

enum cup_decode_stop {
    CUP_DECODE_DONE,  /* the batch is through */
    CUP_DECODE_FULL,  /* the changes of cup_decode_stop_table have no room: take them, call again */
    CUP_DECODE_SHORT, /* the pool is short: free blocks (encode or close something), call again */
    CUP_DECODE_UNKNOWN, /* the record at *next has a schema or table that the plan does not know */
};

/* What CUP_DECODE_UNKNOWN found. Texts point into the batch and are raw; the names are unescaped.
 */
struct cup_decode_unknown {
    enum cup_unknown_kind kind;
    int32_t               partition;
    int64_t               offset;
    const uint8_t        *schema, *key_schema; /* NULL when the record has none */
    uint32_t              schema_bytes, key_schema_bytes;
    char                  source_name[256], source_db[256], source_schema[256], source_table[256];
    char                  connector[64], topic[256];
    char                  what[256]; /* MEMBER, MISSING: its name; DDL: its position */
};

struct cup_decode_stamp { /* what all rows of a call get */
    int64_t  ingested_us;
    uint64_t epoch;
};

struct cup_decode;

typedef const char *cup_topic_of_fn(const void *arg, uint32_t topic);

/* topic_of names a record's topic (cup_source_topic with its source as arg). */
CUP_MUST_CHECK enum cup_err cup_decode_open(const struct cup_plan *plan, struct cup_pool *pool,
                                            cup_topic_of_fn *topic_of, const void *topic_arg,
                                            struct cup_decode **out_decode,
                                            struct cup_fault   *out_fault);
void                        cup_decode_close(struct cup_decode *decode); /* drops open rows */

/* cup_decode_batch decodes records *next.. of the batch, writes verdicts[i] for each record it is
 * done with and moves *next. Pieces of an oversize record (CUP_RECORD_PART) get outcome
 * RECORD_TOO_LARGE too, but only the last piece counts as the record: see cup_verdict_counts. */
CUP_MUST_CHECK enum cup_decode_stop cup_decode_batch(struct cup_decode             *decode,
                                                     const struct cup_batch        *batch,
                                                     const struct cup_decode_stamp *stamp,
                                                     uint32_t *next, struct cup_verdict *verdicts);

/* A piece that is not the last one of its record is no record. */
static inline bool cup_verdict_counts(const struct cup_record *record)
{
    return (record->flags & CUP_RECORD_PART) == 0;
}

uint32_t                         cup_decode_stop_table(const struct cup_decode *decode);
const struct cup_decode_unknown *cup_decode_unknown(const struct cup_decode *decode);

/* cup_decode_refuse: records like the unknown one are quarantined with `outcome` from now on. */
void cup_decode_refuse(struct cup_decode *decode, enum cup_outcome outcome);

/* cup_decode_move_ignored adds the values that were left out of silver since the last call to
 * totals[CUP_PLAN_IGNORED_SLOTS]. */
void cup_decode_move_ignored(struct cup_decode *decode, _Atomic uint64_t *totals);

/* cup_decode_bad_path is the JSON path or column of a refused value, e.g. "after.amount"; "" for
 * none. Lends until the next cup_decode_batch that starts at record 0. */
const char *cup_decode_bad_path(const struct cup_decode *decode, uint32_t bad);

/* cup_decode_changes is the open rows of a table (row_count may be 0); cup_decode_taken empties
 * them and returns their blocks. */
struct cup_changes cup_decode_changes(const struct cup_decode *decode, uint32_t table);
void               cup_decode_taken(struct cup_decode *decode, uint32_t table);

/* Records with something odd in one column since it was last taken; see oddity.def. */
struct cup_decode_odd {
    uint32_t table, column; /* column UINT32_MAX: the whole row */
    uint32_t oddity, place; /* place: where cup_decode_take_odd goes on */
    uint64_t count;
};

/* cup_decode_take_odd gives the next count and forgets it; *at begins as zeros. False: no more. */
CUP_MUST_CHECK bool cup_decode_take_odd(struct cup_decode *decode, struct cup_decode_odd *at);

/* cup_decode_largest is the table whose open rows borrow most; UINT32_MAX when none has rows. */
uint32_t cup_decode_largest(const struct cup_decode *decode);

/* cup_decode_bytes is what the open rows of all tables borrow. */
uint64_t cup_decode_bytes(const struct cup_decode *decode);

#endif
