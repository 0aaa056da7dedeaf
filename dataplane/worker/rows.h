// SPDX-License-Identifier: Apache-2.0
/* rows: builds the rows of a flat table one by one; for the bronze index and the quarantine.
 *
 *   set_* fill the row behind the last, commit keeps it; an uncommitted row leaves no trace
 *
 * Holds     vectors for CUP_ROWS_MAX rows in pool blocks; texts in runs that grow.
 * Owner     one worker.
 * Threads   one.
 * Fails     open and texts: false when the pool is short (nothing is lost: empty the rows, set
 * again). Bounds    CUP_ROWS_MAX rows, CUP_ROWS_COLUMNS_MAX columns of scalar types. Tests
 * tests/dataplane/test_rows.c
 */
#ifndef CUP_DATAPLANE_WORKER_ROWS_H
#define CUP_DATAPLANE_WORKER_ROWS_H

#include <stdbool.h>

#include "base/column.h"
#include "base/pool.h"

#define CUP_ROWS_MAX         2048u
#define CUP_ROWS_COLUMNS_MAX 32u /* a bit each in 32 */

struct cup_rows {
    struct cup_pool        *pool;
    const struct cup_field *fields;
    uint32_t                column_count, row_count;
    struct cup_column       columns[CUP_ROWS_COLUMNS_MAX];
    uint32_t                text_blocks[CUP_ROWS_COLUMNS_MAX];
    uint32_t                set_count[CUP_ROWS_COLUMNS_MAX]; /* values that are not null */
    bool                    open;                            /* a row was begun and not committed */
    uint32_t alike_count, alike_max; /* last rows that repeat the one before them, still to fill */
    uint32_t alike_changed;          /* a bit for each column whose numbers they have already */
    uint8_t *fixed;                  /* validity, offsets, values of all columns */
    uint32_t fixed_blocks;
};

CUP_MUST_CHECK bool cup_rows_open(struct cup_rows *rows, struct cup_pool *pool,
                                  const struct cup_field *fields, uint32_t column_count);
void                cup_rows_close(struct cup_rows *rows); /* also when never opened (zeroed) */

static inline bool cup_rows_full(const struct cup_rows *rows)
{
    return rows->row_count == CUP_ROWS_MAX;
}

/* cup_rows_begin makes all columns of the next row null; there must be room. What was set since an
 * earlier begin without commit is forgotten. */
void cup_rows_begin(struct cup_rows *rows);

/* cup_rows_repeat adds a row that is like the last one but for some numbers of LONG columns, none
 * of them null: the same columns in all rows that follow each other so. What is equal is filled
 * later, for all such rows at once. False: there is no last row, or no room for its texts. */
CUP_MUST_CHECK bool cup_rows_repeat(struct cup_rows *rows, const uint32_t *columns,
                                    const int64_t *values, uint32_t count);

/* Sets a column of the open row. Integers go into I32 and I64 columns (asserted to fit). */
void                cup_rows_set_int(struct cup_rows *rows, uint32_t column, int64_t value);
CUP_MUST_CHECK bool cup_rows_set_text(struct cup_rows *rows, uint32_t column, const void *bytes,
                                      size_t count);

void cup_rows_commit(struct cup_rows *rows); /* keeps the open row */

/* cup_rows_finish makes columns[] whole (row and null counts) for a reader of them. */
void cup_rows_finish(struct cup_rows *rows);
void cup_rows_clear(struct cup_rows *rows); /* empties; keeps its blocks but large text runs */

#endif
