// SPDX-License-Identifier: Apache-2.0
/* archive_priv: what the rows of the bronze index and of the quarantine have in common.
 *
 * Holds     nothing.
 * Owner     the worker.
 * Threads   one.
 * Fails     false: the pool is short; nothing is lost, the row is built again.
 * Tests     tests/dataplane/test_shard.py, tests/oracle
 */
#ifndef CUP_DATAPLANE_WORKER_ARCHIVE_PRIV_H
#define CUP_DATAPLANE_WORKER_ARCHIVE_PRIV_H

#include "dataplane/worker/worker_priv.h"

/* What a message says of itself: the columns of a table. */
struct cup_message_columns {
    uint32_t topic, partition, offset, timestamp, key, bytes;
};
CUP_MUST_CHECK bool cup_archive_priv_set_message(struct cup_worker *worker, struct cup_rows *rows,
                                                 const struct cup_message_columns *columns,
                                                 const struct cup_record          *record);

/* Where the record stood in its input, and where its bytes are now; likewise. */
struct cup_place_columns {
    uint32_t input, position, file, member_at, at, sealed;
};
CUP_MUST_CHECK bool cup_archive_priv_set_place(struct cup_worker *worker, struct cup_rows *rows,
                                               const struct cup_place_columns *columns, uint32_t i);

CUP_MUST_CHECK bool cup_archive_priv_set_bytes(struct cup_worker *worker, struct cup_rows *rows,
                                               uint32_t column, enum cup_seal_kind kind,
                                               uint64_t position, const void *bytes, size_t count);
CUP_MUST_CHECK bool cup_archive_priv_set_headers(struct cup_worker *worker, struct cup_rows *rows,
                                                 uint32_t column, const struct cup_record *record);
CUP_MUST_CHECK bool cup_archive_priv_set_string(struct cup_rows *rows, uint32_t column,
                                                const char *text);

/* The column `kind` of a record that came in an input of this form. */
const char *cup_archive_priv_kind(const struct cup_record *record, bool is_dump);

/* Whether the record's bytes are in a file of bronze. */
bool cup_archive_priv_holds(const struct cup_worker *worker, const struct cup_record *record);

/* Of a quarantine that is not inline only bronze may hold keys that silver masks; nor headers,
 * which carry keys too (a key change). */
bool cup_archive_priv_hides(const struct cup_worker *worker, const struct cup_rows *rows);

/* Quarantine: one row of it; the pieces of an oversize record, which an inline row keeps. */
bool cup_quarantine_priv_build(struct cup_worker *worker, uint32_t i);
void cup_quarantine_priv_keep(struct cup_worker *worker, uint32_t from, uint32_t to);

#endif
