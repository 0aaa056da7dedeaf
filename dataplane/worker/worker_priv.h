// SPDX-License-Identifier: Apache-2.0
/* worker_priv: what the files of this folder share: one worker with all it holds.
 *
 *   worker.c   the thread: batches, states, sealing      silver.c   changes to table files
 *   archive.c  bronze, its index, the quarantine         memory.c   what to spill when blocks run
 * low
 */
#ifndef CUP_DATAPLANE_WORKER_WORKER_PRIV_H
#define CUP_DATAPLANE_WORKER_WORKER_PRIV_H

#include "dataplane/source/source.h"
#include "dataplane/worker/rows.h"
#include "dataplane/worker/worker.h"
#include "dataplane/worker/zone_file.h"
#include "lake/bronze.h"

/* A row group is written out when it borrows this much: readers like groups of some 100,000 rows,
 * and eight tables of this size fit the default pool. */
#define CUP_WORKER_GROUP_BYTES_MAX (16u << 20)

#define CUP_WORKER_FOLDER_BYTES 512u /* domain, zone and pipeline name */

/* The bronze side of one worker. */
struct cup_archive {
    struct cup_bronze       *bronze;                     /* NULL: the plan writes no bronze */
    struct cup_store_file   *staged;                     /* NULL: no file is open */
    char                     name[CUP_STORE_NAME_BYTES]; /* of the open file, below the lake */
    const char              *short_name;                 /* its part below bronze/<pipeline>/ */
    struct cup_bronze_place *places;         /* of the batch's records; CUP_BATCH_RECORDS_MAX */
    struct cup_bronze_place  oversize_place; /* of the record whose pieces are arriving */
    struct cup_text oversize_head; /* its first piece, kept when the quarantine is inline */
    bool            in_oversize;
    uint64_t        row_count; /* records in the open file */

    struct cup_rows      index, quarantine;
    struct cup_zone_file index_file, quarantine_file;
    char            bronze_folder[CUP_WORKER_FOLDER_BYTES], index_folder[CUP_WORKER_FOLDER_BYTES];
    char            quarantine_folder[CUP_WORKER_FOLDER_BYTES];
    struct cup_text headers; /* scratch: headers as JSON */
};

struct cup_worker {
    struct cup_worker_link   link;
    struct cup_worker_config config;
    const struct cup_plan   *plan; /* of the running generation */
    struct cup_pool          pool;
    struct cup_source       *source;
    struct cup_decode       *decode; /* NULL: the plan writes no silver */
    struct cup_zone_context  context;
    struct cup_zone_file    *tables; /* one per table of the plan */
    struct cup_archive       archive;
    struct cup_epoch_range  *ranges; /* of the open epoch */
    uint32_t                 range_count, range_cap;
    struct cup_verdict      *verdicts; /* CUP_BATCH_RECORDS_MAX */
    struct cup_batch         batch;
    uint32_t                 batch_next;  /* first record of the batch that is not done */
    bool                     batch_open;  /* the batch has records (or an end) that are not done */
    int64_t                  ingested_us; /* of the batch */
    pthread_t                thread;
    bool                     started;
};

/* cup_worker_priv_relieve frees blocks by writing out the largest open row group.
 * Returns   CUP_NO_MEMORY with a fault when nothing can be written out: the pool is too small. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_relieve(struct cup_worker *worker,
                                                    struct cup_fault  *out_fault);

/* cup_worker_priv_keep_low spills until an eighth of the pool is free again. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_keep_low(struct cup_worker *worker,
                                                     struct cup_fault  *out_fault);

/* cup_worker_priv_append encodes rows into a file, relieving the pool as often as needed. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_append(struct cup_worker       *worker,
                                                   struct cup_zone_file    *file,
                                                   const struct cup_column *columns,
                                                   uint32_t row_count, struct cup_fault *out_fault);

/* Silver: make the files' descriptions for a plan; take open changes; one table or all. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_tables_open(struct cup_worker *worker,
                                                        struct cup_fault  *out_fault);
void                        cup_worker_priv_tables_close(struct cup_worker *worker);
CUP_MUST_CHECK enum cup_err cup_worker_priv_encode(struct cup_worker *worker, uint32_t table,
                                                   struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_worker_priv_encode_all(struct cup_worker *worker,
                                                       struct cup_fault  *out_fault);

/* Archive: open at boot, take records [from, to) of the batch, seal or drop at an epoch's end. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_archive_open(struct cup_worker *worker,
                                                         struct cup_fault  *out_fault);
void                        cup_worker_priv_archive_close(struct cup_worker *worker);
CUP_MUST_CHECK enum cup_err cup_worker_priv_archive(struct cup_worker *worker, uint32_t from,
                                                    uint32_t to, struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_worker_priv_archive_seal(struct cup_worker     *worker,
                                                         struct cup_epoch_part *part,
                                                         struct cup_fault      *out_fault);

/* cup_worker_priv_part_file adds a file to a part; the list grows as needed. */
CUP_MUST_CHECK struct cup_epoch_file *cup_worker_priv_part_file(struct cup_epoch_part *part);

#endif
