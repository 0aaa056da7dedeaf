// SPDX-License-Identifier: Apache-2.0
/* worker_priv: what the files of this folder share: one worker with all it holds.
 *
 *   worker.c   the thread: batches, states, sealing      silver.c   changes to files or the stage
 *   gather.c   the stage to files
 *   news.c     followed files and partitions: what is heard of them, and told
 *   archive.c  bronze, its index, the quarantine         memory.c   what to spill when blocks run
 * low
 */
#ifndef CUP_DATAPLANE_WORKER_WORKER_PRIV_H
#define CUP_DATAPLANE_WORKER_WORKER_PRIV_H

#include "base/clock.h"
#include "dataplane/abi/partition.h"
#include "dataplane/deliver/publish.h"
#include "dataplane/source/source.h"
#include "dataplane/transform/masks.h"
#include "dataplane/worker/pack.h"
#include "dataplane/worker/rows.h"
#include "dataplane/worker/spill.h"
#include "dataplane/worker/stage.h"
#include "dataplane/worker/worker.h"
#include "dataplane/worker/zone_file.h"
#include "lake/bronze.h"

/* A row group is written out when it borrows this much: readers like groups of some 100,000 rows,
 * and eight tables of this size fit the default pool. */
#define CUP_WORKER_GROUP_BYTES_MAX (16u << 20)

/* Finished files that wait to be sealed together: each holds a descriptor and the store's buffer.
 */
#define CUP_WORKER_SEAL_MAX 32u

/* Silver files that are open at a time, if the pool is large enough: each holds a descriptor, some
 * blocks and the store's buffer of 256 KiB. */
#define CUP_WORKER_FILES_MAX 128u

/* Files are sealed and committed one by one, and the committer needs some 6 KiB for each: an epoch
 * that touches more partitions than this is closed early. Partitions are told apart by bits of
 * their hash, of which one in sixteen falls together with another at that number. */
#define CUP_WORKER_PARTITIONS_MAX (1u << 17)
#define CUP_WORKER_TOUCHED_BITS   (1u << 20)
_Static_assert(CUP_WORKER_TOUCHED_BITS >= 8 * CUP_WORKER_PARTITIONS_MAX, "few fall together");

_Static_assert(CUP_PLAN_PARTITION_PATH_MAX + 1 + CUP_PARTITION_PATH_BYTES + 96 <
                   CUP_STORE_NAME_BYTES,
               "a partition's file has a legal name");
_Static_assert(CUP_PLAN_STORES == CUP_DISK_CHOICE_COUNT, "the plan names a backend");
_Static_assert(CUP_PACK_ROWS_MAX == CUP_CHANGES_ROWS, "rows go as they came");

#define CUP_WORKER_FOLDER_BYTES 512u /* domain, zone and pipeline name */

/* The bronze side of one worker. */
struct cup_archive {
    struct cup_bronze       *bronze;                     /* NULL: the plan writes no bronze */
    struct cup_store_file   *staged;                     /* NULL: no file is open */
    char                     name[CUP_STORE_NAME_BYTES]; /* of the open file, below the lake */
    const char              *short_name;                 /* its part below bronze/<pipeline>/ */
    struct cup_bronze_place *places;         /* of the batch's records; CUP_BATCH_RECORDS_MAX */
    struct cup_bronze_place  oversize_place; /* of the record whose pieces are arriving */
    struct cup_text          oversize; /* its pieces so far, kept when the quarantine is inline */
    bool                     in_oversize;
    uint64_t                 row_count; /* records in the open file */

    struct cup_rows      index, quarantine;
    uint32_t             alike_from; /* records behind this one may have its index row's values */
    struct cup_zone_file index_file, quarantine_file;
    char            bronze_folder[CUP_WORKER_FOLDER_BYTES], index_folder[CUP_WORKER_FOLDER_BYTES];
    char            quarantine_folder[CUP_WORKER_FOLDER_BYTES];
    struct cup_text headers, raw_headers; /* scratch: headers as JSON, and what they are made of */

    struct cup_seal_key key; /* bronze.encrypt: of the open epoch */
    uint64_t            key_epoch;
    char                key_day[CUP_DAY_TEXT_BYTES];
    struct cup_text     sealed; /* scratch */
};

/* The open file of a partition; its place is free when no file is open. */
struct cup_partition_file {
    struct cup_zone_file file;
    uint64_t             hash; /* cup_stage_hash */
    uint32_t             key_bytes;
    uint8_t              key[CUP_PARTITION_KEY_BYTES];
    char                 folder[CUP_STORE_NAME_BYTES];
};

/* The silver side of one worker. */
struct cup_silver_files {
    struct cup_zone_file      *tables; /* one per table of the plan, used if it has no partitions */
    struct cup_layout         *layouts;    /* one per table */
    struct cup_partition_file *partitions; /* file_max + 1 */
    struct cup_zone_file      *open[CUP_WORKER_FILES_MAX + 1];
    struct cup_column         *compact; /* the columns of a row that stand in files, in order */
    uint32_t                   open_count, file_max;
    bool                       gathering; /* the stage is being emptied: leave it alone */
    struct cup_stage           stage;
    struct cup_spill           spill;
    uint8_t                   *touched; /* CUP_WORKER_TOUCHED_BITS: partitions in the runs */
    uint32_t                   touched_count;
};

struct cup_worker {
    struct cup_worker_link   link;
    struct cup_worker_config config;
    const struct cup_plan   *plan; /* of the running generation */
    struct cup_pool          pool;
    struct cup_source       *source;
    struct cup_decode       *decode;  /* NULL: the plan writes no silver */
    struct cup_masks        *masks;   /* as decode */
    struct cup_publish      *publish; /* NULL: the plan has no output */
    struct cup_zone_context  context;
    struct cup_silver_files  silver;
    struct cup_archive       archive;
    struct cup_epoch_part    part; /* of the open epoch: its ranges, and files that are finished */
    uint32_t                 range_cap; /* of part.ranges */
    uint32_t                *range_at;  /* per input the place of its range, if it has one */
    uint32_t                 range_at_cap;
    struct cup_verdict      *verdicts; /* CUP_BATCH_RECORDS_MAX */
    bool                     judged;   /* a rule of the plan asks for tallies of tables */
    struct cup_batch         batch;
    uint32_t                 batch_next;  /* first record of the batch that is not done */
    bool                     batch_open;  /* the batch has records (or an end) that are not done */
    int64_t                  ingested_us; /* of the batch */
    enum cup_close           closing;     /* why the epoch is being sealed */
    pthread_t                thread;
    bool                     started;
    bool                     reading; /* what failed was the input */
    uint64_t                 lags_due_ns;
};

/* cup_worker_priv_seal makes the finished files of the open epoch durable: too many wait for the
 * committer, which seals the last ones with its own. On failure some are poisoned. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_seal(struct cup_epoch_part *part,
                                                 struct cup_fault      *out_fault);

/* cup_worker_priv_relieve frees blocks by writing out what borrows most: a row group, or the stage;
 * a whole file when there is neither. cup_worker_priv_make_room also takes rows from decode.
 * Returns   CUP_NO_MEMORY with a fault when nothing can be written out: the pool is too small. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_relieve(struct cup_worker *worker,
                                                    struct cup_fault  *out_fault);

CUP_MUST_CHECK enum cup_err cup_worker_priv_make_room(struct cup_worker *worker,
                                                      struct cup_fault  *out_fault);

/* cup_worker_priv_keep_low spills until an eighth of the pool is free again. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_keep_low(struct cup_worker *worker,
                                                     struct cup_fault  *out_fault);

/* cup_worker_priv_append encodes rows into a file, relieving the pool as often as needed. The file
 * is finished when it is as large as the plan allows: it has none open then. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_append(struct cup_worker       *worker,
                                                   struct cup_zone_file    *file,
                                                   const struct cup_column *columns,
                                                   uint32_t row_count, struct cup_fault *out_fault);

/* Silver: make the files' descriptions for a plan; take open changes; one table or all. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_tables_open(struct cup_worker *worker,
                                                        struct cup_fault  *out_fault);
void                        cup_worker_priv_tables_close(struct cup_worker *worker);
/* early: for memory's sake; few rows then wait in the stage. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_encode(struct cup_worker *worker, uint32_t table,
                                                   bool early, struct cup_fault *out_fault);

/* cup_worker_priv_tables_finish ends the epoch's silver side: all rows in finished files. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_tables_finish(struct cup_worker *worker,
                                                          enum cup_close     why,
                                                          struct cup_fault  *out_fault);

/* Gather: the stage to files and runs, or, at the epoch's end, all rows to finished files; one row
 * that is too long for the stage. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_gather(struct cup_worker *worker,
                                                   struct cup_fault  *out_fault);
CUP_MUST_CHECK enum cup_err cup_worker_priv_gather_all(struct cup_worker *worker,
                                                       enum cup_close     why,
                                                       struct cup_fault  *out_fault);
CUP_MUST_CHECK enum cup_err cup_worker_priv_put_large(struct cup_worker              *worker,
                                                      const struct cup_changes       *changes,
                                                      uint32_t                        row,
                                                      const struct cup_partition_key *key,
                                                      struct cup_fault               *out_fault);

/* Archive: open at boot, take records [from, to) of the batch, finish or drop at an epoch's end. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_archive_open(struct cup_worker *worker,
                                                         struct cup_fault  *out_fault);
void                        cup_worker_priv_archive_close(struct cup_worker *worker);
CUP_MUST_CHECK enum cup_err cup_worker_priv_archive(struct cup_worker *worker, uint32_t from,
                                                    uint32_t to, struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_worker_priv_archive_finish(struct cup_worker *worker,
                                                           enum cup_close     why,
                                                           struct cup_fault  *out_fault);

/* Sealed: the key of the open epoch, made on the first record of a day; a text of an index or
 * quarantine row, sealed if the plan says so (headers then as base64). */
CUP_MUST_CHECK enum cup_err cup_worker_priv_key_ready(struct cup_worker *worker,
                                                      struct cup_fault  *out_fault);
CUP_MUST_CHECK bool cup_worker_priv_set_sealed(struct cup_worker *worker, struct cup_rows *rows,
                                               uint32_t column, enum cup_seal_kind kind,
                                               uint64_t position, const void *bytes, size_t count);

/* cup_worker_priv_part_file adds an empty file to the open epoch's part; the caller fills it at
 * once. cup_worker_priv_finish does both for an open Parquet file. When as many files wait as one
 * batch seals, they are sealed; the committer seals the rest. */
CUP_MUST_CHECK struct cup_epoch_file *cup_worker_priv_part_file(struct cup_worker *worker);

CUP_MUST_CHECK enum cup_err cup_worker_priv_finish(struct cup_worker    *worker,
                                                   struct cup_zone_file *file, enum cup_close why,
                                                   struct cup_fault *out_fault);

/* News: take what the shard told; tell it which files ended, and now and then how far partitions
 * are; wait until there may be something. */
CUP_MUST_CHECK enum cup_err cup_worker_priv_take_news(struct cup_worker *worker,
                                                      struct cup_fault  *out_fault);
CUP_MUST_CHECK enum cup_err cup_worker_priv_tell_ends(struct cup_worker *worker,
                                                      struct cup_fault  *out_fault);
CUP_MUST_CHECK enum cup_err cup_worker_priv_tell_lags(struct cup_worker *worker,
                                                      struct cup_fault  *out_fault);
CUP_MUST_CHECK enum cup_err cup_worker_priv_idle(struct cup_worker *worker,
                                                 struct cup_fault  *out_fault);
void                        cup_worker_priv_news_free(struct cup_worker *worker);

/* cup_worker_priv_wake makes the shard look. */
void cup_worker_priv_wake(struct cup_worker *worker);

/* cup_worker_priv_forget: the file is not open any more. */
void cup_worker_priv_forget(struct cup_worker *worker, const struct cup_zone_file *file);

#endif
