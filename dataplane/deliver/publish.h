// SPDX-License-Identifier: Apache-2.0
/* publish: what a worker made of an epoch, as records of the spool.
 *
 *   CHANGES   rows of a table, in order  --> key, row as JSON | key, null
 *   RAW       records of a batch         --> the same bytes
 *
 * | row                | with a primary key                        | without                      |
 * |--------------------|-------------------------------------------|------------------------------|
 * | c, u, r            | key, row                                  | null key, row                |
 * | d                  | key and null, or the row, or both         | null key, row                |
 * | b (before image)   | nothing: the u behind it has the row      | null key, row                |
 * | t (truncate)       | key of nulls, row: a copy to each partition                              |
 *
 * Records with a key go where Java clients put them; the others keep their source's partition, as
 * far as the topic has so many.
 *
 * Holds     one spool file; the texts of a row; what is known of tables.
 * Owner     one worker; one per plan generation.
 * Threads   one.
 * Fails     BAD_CONFIG (a topic's name), NO_MEMORY, IO, NO_SPACE.
 * Tests     tests/dataplane/deliver/test_publish.c, tests/kafka/test_deliver.py
 */
#ifndef CUP_DATAPLANE_DELIVER_PUBLISH_H
#define CUP_DATAPLANE_DELIVER_PUBLISH_H

#include "base/column.h"
#include "dataplane/abi/plan.h"
#include "dataplane/source/batch.h"
#include "dataplane/store/store.h"

struct cup_publish;

/* cup_publish_open: *out_publish is NULL when the plan has no output. */
CUP_MUST_CHECK enum cup_err cup_publish_open(const struct cup_plan *plan, struct cup_store *store,
                                             struct cup_publish **out_publish,
                                             struct cup_fault    *out_fault);
void cup_publish_close(struct cup_publish *publish); /* drops the open file; NULL is accepted */

/* cup_publish_rows takes rows as they are in the lake; fields must outlive the publish. Nothing
 * unless the plan says CHANGES; publish may be NULL. */
CUP_MUST_CHECK enum cup_err cup_publish_rows(struct cup_publish *publish, uint32_t table,
                                             const struct cup_field  *fields,
                                             const struct cup_column *columns, uint32_t row_count,
                                             struct cup_fault *out_fault);

/* cup_publish_records takes records [from, to) of a batch; topic_of names their topics. Nothing
 * unless the plan says RAW; publish may be NULL. *out_left: records too long for any topic. */
typedef const char         *cup_publish_topic_fn(const void *arg, uint32_t topic);
CUP_MUST_CHECK enum cup_err cup_publish_records(struct cup_publish     *publish,
                                                const struct cup_batch *batch, uint32_t from,
                                                uint32_t to, cup_publish_topic_fn *topic_of,
                                                const void *topic_arg, uint64_t *out_left,
                                                struct cup_fault *out_fault);

/* The file of an epoch, whole and not sealed. */
struct cup_published {
    struct cup_store_file *staged; /* NULL: nothing was published */
    uint64_t               bytes, record_count;
    char                   name[CUP_STORE_NAME_BYTES]; /* final, below the lake */
};
CUP_MUST_CHECK enum cup_err cup_publish_finish(struct cup_publish *publish, uint64_t epoch,
                                               uint32_t worker, struct cup_published *out_published,
                                               struct cup_fault *out_fault);

/* cup_publish_folder is where the files of a shard wait. */
void cup_publish_folder(const struct cup_plan *plan, char out_name[CUP_STORE_NAME_BYTES]);

#endif
