// SPDX-License-Identifier: Apache-2.0
/* bank: the tables of a small bank, and the value of every cell as a pure function.
 *
 *   (seed, table, row identity, version, column) --cup_bank_cell--> typed value
 *
 * Because a cell can be computed again at any time, the generator keeps 16 bytes a row, and the
 * truth at the end is made from the same rows without replaying events.
 *
 * Holds     nothing.
 * Threads   any.
 * Tests     tests/oracle/test_gen.py
 */
#ifndef CUP_BENCHMARKS_GEN_BANK_H
#define CUP_BENCHMARKS_GEN_BANK_H

#include <stdbool.h>
#include <stdint.h>

enum cup_bank_table { CUP_BANK_CUSTOMER, CUP_BANK_ACCOUNT, CUP_BANK_TRANSACTION, CUP_BANK_COUNT };

enum cup_cell_kind {
    CUP_CELL_LONG,
    CUP_CELL_SHORT,
    CUP_CELL_BOOL,
    CUP_CELL_DOUBLE,  /* number = value * 4: quarters, so that text and binary agree exactly */
    CUP_CELL_DECIMAL, /* number = unscaled integer */
    CUP_CELL_DATE,    /* number = days */
    CUP_CELL_ZONED,   /* number = microseconds UTC */
    CUP_CELL_LOCAL,   /* number = microseconds without zone */
    CUP_CELL_UUID,
    CUP_CELL_JSON,
    CUP_CELL_TEXT,
    CUP_CELL_TAGS, /* labels[0..number) */
};

#define CUP_CELL_SCRATCH_BYTES 640u /* the longest made text is a kyc of about 400 bytes */
#define CUP_CELL_LABELS_MAX    4u

struct cup_cell {
    bool        is_null;
    bool        plain; /* text needs no JSON escape */
    int64_t     number;
    const char *text; /* not NUL-terminated; in scratch or static */
    uint32_t    bytes;
    const char *labels[CUP_CELL_LABELS_MAX];
    char        scratch[CUP_CELL_SCRATCH_BYTES];
};

/* Who a row is. key moves on a key update; identity does not. */
struct cup_row {
    uint64_t key;
    uint32_t identity, version;
};

struct cup_bank {
    uint64_t seed;
    uint32_t filler_bytes[CUP_BANK_COUNT]; /* mean length of the free text; 0 = short */
};

typedef void cup_cell_make(const struct cup_bank *bank, enum cup_bank_table table, uint64_t hash,
                           const struct cup_row *row, struct cup_cell *out_cell);

struct cup_bank_column {
    const char         *name;
    enum cup_cell_kind  kind;
    uint8_t             precision, scale;
    uint8_t             null_in;
    bool                changes;
    cup_cell_make      *make;
    const char         *text;
    enum cup_bank_table table;
};

#define CUP_BANK_COLUMNS_MAX 24u

/* cup_bank_columns gives the columns of a table and how many. */
const struct cup_bank_column *cup_bank_columns(enum cup_bank_table table, uint32_t *out_count);
const char                   *cup_bank_name(enum cup_bank_table table);

/* cup_bank_prepare fills the text that free-text columns are cut from; once per process. */
void cup_bank_prepare(void);
#define CUP_FILLER_BYTES_MAX (16u << 20) /* a record is never longer than cupel's own ceiling */

/* cup_bank_cell computes one cell. */
void cup_bank_cell(const struct cup_bank *bank, const struct cup_bank_column *column,
                   uint32_t index, const struct cup_row *row, struct cup_cell *out_cell);

#endif
