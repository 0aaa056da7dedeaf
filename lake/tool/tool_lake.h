// SPDX-License-Identifier: Apache-2.0
/* lake: a lake folder as tools see it: its pipelines, its tables, the rows of a table.
 *
 *   folder --_delta_log--> cup_table --live files, row groups--> cup_rows (some columns)
 *
 * Holds     a table: its path and Delta state. Read only: nothing in the lake is ever written.
 * Owner     the tool.
 * Threads   one.
 * Fails     IO, NOT_FOUND, CORRUPT, UNSUPPORTED, NO_MEMORY; the fault names the file.
 * Tests     tests/lake/test_verify.c
 */
#ifndef CUP_LAKE_TOOL_TOOL_LAKE_H
#define CUP_LAKE_TOOL_TOOL_LAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "lake/delta.h"
#include "lake/parquet.h"

#define CUP_PATH_BYTES 4096u /* PATH_MAX of Linux */

struct cup_pipeline {
    char *domain, *name;
};
struct cup_pipelines {
    struct cup_pipeline *list; /* by domain and name */
    uint32_t             count;
};

/* cup_pipelines_find lists what has a ledger in LAKE/_cupel; domain, name: NULL = all. */
CUP_MUST_CHECK enum cup_err cup_pipelines_find(const char *lake, const char *domain,
                                               const char *name, struct cup_pipelines *out,
                                               struct cup_fault *out_fault);
void                        cup_pipelines_free(struct cup_pipelines *pipelines);

struct cup_table {
    char                    path[CUP_PATH_BYTES]; /* of the folder, with the lake's */
    struct cup_delta_io     io;
    struct cup_delta_state *state;
};

/* cup_table_open loads the table in LAKE/name; NOT_FOUND when there is none.
 * Gives     *out_table; cup_table_close (NULL accepted). */
CUP_MUST_CHECK enum cup_err cup_table_open(const char *lake, const char *name,
                                           struct cup_table **out_table,
                                           struct cup_fault  *out_fault);
void                        cup_table_close(struct cup_table *table);

/* A file of the lake, opened for reading; source.read needs the struct to stay where it is. */
struct cup_lake_file {
    int                     fd;
    char                    path[CUP_PATH_BYTES];
    struct cup_bytes_source source;
};
CUP_MUST_CHECK enum cup_err cup_lake_file_open(const char *folder, const char *name,
                                               struct cup_lake_file *out_file,
                                               struct cup_fault     *out_fault);
void                        cup_lake_file_close(struct cup_lake_file *file);

/* Rows of one row group. columns[i] belongs to names[i] of the scan; NULL when the file lacks it or
 * has it with another vector than the table's schema. */
#define CUP_SCAN_COLUMNS_MAX 32u
struct cup_rows {
    const char              *file; /* relative to the table */
    uint32_t                 group, row_count;
    const struct cup_column *columns[CUP_SCAN_COLUMNS_MAX];
};
typedef enum cup_err cup_rows_fn(void *arg, const struct cup_rows *rows,
                                 struct cup_fault *out_fault);

/* cup_lake_scan gives the row groups of one Parquet file to each(). names NULL: all columns are
 * decoded (that checks every page), none handed over. group UINT32_MAX: all groups. */
struct cup_scan {
    const char        *folder, *file;
    const char *const *names;
    const uint8_t     *types; /* enum cup_type of each name */
    uint32_t           name_count, group;
    cup_rows_fn       *each;
    void              *arg;
};
CUP_MUST_CHECK enum cup_err cup_lake_scan(const struct cup_scan *scan, uint64_t *out_row_count,
                                          struct cup_fault *out_fault);

/* cup_cell_i64, cup_cell_text read a cell; false (NULL) for null and for a missing column. */
bool        cup_cell_i64(const struct cup_column *column, uint32_t row, int64_t *out_value);
const char *cup_cell_text(const struct cup_column *column, uint32_t row, uint32_t *out_bytes);

#endif
