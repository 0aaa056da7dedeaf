// SPDX-License-Identifier: Apache-2.0
/* parquet: writes and reads Parquet files of the safe profile (V1 pages, PLAIN or RLE_DICTIONARY,
 * page CRC) from and to columns.
 *
 *   columns --append--> pages in pool blocks --close_group--> bytes to the sink --finish--> footer
 *
 * Holds     writer: the open row group, encoded, in borrowed blocks; footer entries of closed ones.
 * Owner     one worker or tool; the pool is the caller's.
 * Threads   one.
 * Fails     NO_MEMORY (the pool is empty: the writer is unchanged, close a group and call again;
 *           closing a group and finishing need no free block); what the sink returns; reading:
 *           CORRUPT, UNSUPPORTED.
 * Bounds    CUP_PARQUET_COLUMNS_MAX leaves, nested 16 deep; a page of one row: 32 MiB; a
 *           dictionary: CUP_PARQUET_DICT_BYTES_MAX bytes and CUP_PARQUET_DICT_VALUES_MAX values,
 *           then the column goes on PLAIN.
 * Source    parquet-format 2.10: parquet.thrift, Encodings.md, LogicalTypes.md; choices in
 *           lake/README.md
 * Tests     tests/lake/test_parquet.c, tests/lake/test_parquet_pack.c,
 *           tests/lake/test_parquet_readers.py
 */
#ifndef CUP_LAKE_PARQUET_H
#define CUP_LAKE_PARQUET_H

#include <stddef.h>
#include <stdint.h>

#include "base/column.h"
#include "base/err.h"
#include "base/pool.h"
#include "base/text.h"

#define CUP_PARQUET_COLUMNS_MAX     4096u
#define CUP_PARQUET_DICT_BYTES_MAX  CUP_BLOCK_BYTES
#define CUP_PARQUET_DICT_VALUES_MAX 4096u

enum cup_codec {
    CUP_CODEC_NONE   = 0,
    CUP_CODEC_SNAPPY = 1,
    CUP_CODEC_ZSTD   = 6
}; /* parquet.thrift */

/* --- writing --- */

/* Where encoded bytes go; called from close_group and finish only. */
struct cup_sink {
    void *arg;
    enum cup_err (*put)(void *arg, const void *bytes, size_t count, struct cup_fault *out_fault);
};

struct cup_parquet; /* a file being written; lives in pool blocks */

/* cup_parquet_open starts a file. fields are lent until finish or drop. Codec level is 1.
 * Cost      one block per 64 leaves until the first append.
 * Returns   CUP_NO_MEMORY; CUP_UNSUPPORTED: no leaf, too many of them, or nested too deep. */
CUP_MUST_CHECK enum cup_err cup_parquet_open(struct cup_pool *pool, const struct cup_field *fields,
                                             uint32_t field_count, enum cup_codec codec,
                                             struct cup_sink sink, struct cup_parquet **out_file,
                                             struct cup_fault *out_fault);

/* cup_parquet_append encodes `row_count` rows (columns[i] belongs to fields[i]) into the open
 * group. Reads columns only; a REQUIRED field has no nulls and a DECIMAL no more digits than its
 * precision (both asserted). CUP_NO_MEMORY and CUP_UNSUPPORTED (a row too large for a page) leave
 * the file as it was. */
CUP_MUST_CHECK enum cup_err cup_parquet_append(struct cup_parquet      *file,
                                               const struct cup_column *columns, uint32_t row_count,
                                               struct cup_fault *out_fault);

/* Rows and borrowed bytes of the open group. */
uint64_t cup_parquet_group_rows(const struct cup_parquet *file);
uint64_t cup_parquet_group_bytes(const struct cup_parquet *file);

/* cup_parquet_close_group writes the open group to the sink and returns its blocks; an empty group
 * is no error. When the sink fails the group is lost: the file can only be dropped (or finished,
 * which gives the same error). */
CUP_MUST_CHECK enum cup_err cup_parquet_close_group(struct cup_parquet *file,
                                                    struct cup_fault   *out_fault);

struct cup_parquet_done {
    uint64_t row_count, bytes; /* of the file */
};

/* cup_parquet_finish closes the group, writes the footer, appends the Delta statistics JSON
 * (numRecords, minValues, maxValues, nullCount) to *stats, and frees the file, also on failure. */
CUP_MUST_CHECK enum cup_err cup_parquet_finish(struct cup_parquet *file, struct cup_text *stats,
                                               struct cup_parquet_done *out_done,
                                               struct cup_fault        *out_fault);

/* cup_parquet_drop frees an unfinished file. NULL is accepted. */
void cup_parquet_drop(struct cup_parquet *file);

/* --- reading --- */

/* A file as bytes; `read` must fill all of bytes[0..count) or fail. */
struct cup_bytes_source {
    void    *arg;
    uint64_t bytes; /* size of the file */
    enum cup_err (*read)(void *arg, uint64_t at, void *bytes, size_t count,
                         struct cup_fault *out_fault);
};

struct cup_parquet_reader; /* malloc'ed: tools and the committer read, workers never do */

CUP_MUST_CHECK enum cup_err cup_parquet_reader_open(struct cup_bytes_source     source,
                                                    struct cup_parquet_reader **out_reader,
                                                    struct cup_fault           *out_fault);
void                        cup_parquet_reader_close(struct cup_parquet_reader *reader);

/* A field of a type that no column can hold is listed as BINARY, and UNSUPPORTED when it is read.
 */
uint64_t                cup_parquet_reader_rows(const struct cup_parquet_reader *reader);
uint32_t                cup_parquet_reader_group_count(const struct cup_parquet_reader *reader);
const struct cup_field *cup_parquet_reader_fields(const struct cup_parquet_reader *reader,
                                                  uint32_t                        *out_count);

/* cup_parquet_reader_only has groups hold, of a top-level struct, only the children of these names
 * (NULL-terminated); the others come without rows. Nothing for fields of other types. */
void cup_parquet_reader_only(struct cup_parquet_reader *reader, uint32_t field,
                             const char *const *names);

/* cup_parquet_reader_group decodes row group `group`, all columns, or only those whose bit is set
 * in `wanted` (NULL = all; one byte per top-level field); others come with row_count 0. Page CRCs
 * are checked.
 *
 * Lends     columns (one per top-level field) until the next call. */
CUP_MUST_CHECK enum cup_err cup_parquet_reader_group(struct cup_parquet_reader *reader,
                                                     uint32_t group, const uint8_t *wanted,
                                                     const struct cup_column **out_columns,
                                                     uint32_t                 *out_row_count,
                                                     struct cup_fault         *out_fault);

#endif
