// SPDX-License-Identifier: Apache-2.0
/* harness: records in, verdicts and rows as text out, for the tests of decode.
 *
 * A row is printed as "table: column=value column=value ..." with nulls left out, so that a test
 * says what it expects in one line. Rows are collected when decode is full or short, and at the
 * end; verdicts in the order of the records.
 */
#ifndef CUP_TESTS_DATAPLANE_DECODE_HARNESS_H
#define CUP_TESTS_DATAPLANE_DECODE_HARNESS_H

#include "base/text.h"
#include "dataplane/decode/decode.h"

#define CUP_HARNESS_REGION  (24u << 20)
#define CUP_HARNESS_RECORDS CUP_BATCH_RECORDS_MAX

struct cup_harness {
    uint8_t           *region;
    struct cup_record *records;
    uint32_t           region_bytes, record_count;

    struct cup_pool    pool;
    struct cup_plan   *plan;
    struct cup_decode *decode;

    struct cup_verdict verdicts[CUP_HARNESS_RECORDS];
    char               paths[CUP_HARNESS_RECORDS][CUP_BAD_PATH_BYTES];
    char             **rows;
    uint32_t           row_count, row_cap;
    uint32_t           full_count, short_count; /* stops that were answered by taking rows */
    bool               silver;                  /* print generated columns too */
    int32_t            partition;               /* of records that are added */
    bool               no_keys; /* the batch comes from a form without record keys */
};

/* cup_harness_open keeps plan and frees it at close. */
struct cup_harness *cup_harness_open(struct cup_plan *plan, size_t pool_bytes);
void                cup_harness_close(struct cup_harness *harness);

/* cup_harness_add adds a record; value or key NULL = a NULL of Kafka. Headers: pairs of texts. */
struct cup_record *cup_harness_add(struct cup_harness *harness, const char *value, const char *key);
struct cup_record *cup_harness_add_bytes(struct cup_harness *harness, const void *value,
                                         size_t bytes, const char *key);
void cup_harness_header(struct cup_harness *harness, const char *name, const char *value);

/* cup_harness_run decodes all records added; stops at DONE or UNKNOWN, which it returns. */
enum cup_decode_stop cup_harness_run(struct cup_harness *harness, uint32_t *next);

/* cup_harness_clear forgets records and rows; decode stays. */
void cup_harness_clear(struct cup_harness *harness);

#endif
