// SPDX-License-Identifier: Apache-2.0
/* Staged rows to files, partition by partition.
 *
 *   stage full:   groups of many rows whose file is open, or may be opened --> their files
 *                 the others --> a sorted run in a scratch file
 *   epoch's end:  no runs: all groups --> their files, each finished at once
 *                 runs: merged --> group after group --> the same
 *
 * So each partition gets one file an epoch, though few files are open at a time. */
#include <string.h>

#include "dataplane/worker/worker_priv.h"

#define GATHER_ROWS_MIN  64u         /* fewer make poor pages: they wait for the merge ... */
#define GATHER_BYTES_MIN (64u << 10) /* ... unless they are long */
#define CHUNK_BYTES_MAX  (1u << 20)  /* unpacked at a time, at least one row of it */

/* --- files --- */

/* What tells a file: its table and partition. */
struct place {
    uint64_t       hash;
    uint32_t       table, key_bytes;
    const uint8_t *key;
};

static struct place place_of(const struct cup_staged *row)
{
    return (struct place){
        .hash = row->hash, .table = row->table, .key_bytes = row->key_bytes, .key = row->bytes};
}

static bool is_same(const struct cup_partition_file *partition, const struct place *place)
{
    if (partition->file.parquet == NULL || partition->hash != place->hash) return false;
    if (partition->file.table != place->table || partition->key_bytes != place->key_bytes)
        return false;
    return memcmp(partition->key, place->key, place->key_bytes) == 0;
}

static bool is_partitioned(const struct cup_worker *worker, uint32_t table)
{
    return cup_plan_tables(worker->plan)[table].partitions.count > 0;
}

/* The open file of a place; NULL: none. */
static struct cup_zone_file *find_file(struct cup_worker *worker, const struct place *place)
{
    struct cup_silver_files *silver = &worker->silver;
    struct cup_zone_file    *table  = &silver->tables[place->table];

    if (!is_partitioned(worker, place->table)) return table->parquet == NULL ? NULL : table;
    for (uint32_t i = 0; i <= silver->file_max; i++)
        if (is_same(&silver->partitions[i], place)) return &silver->partitions[i].file;
    return NULL;
}

/* Describes the file of a place; its first rows open it. One more is possible than may be open
 * otherwise: the file that is opened to be finished at once. */
static struct cup_zone_file *describe_file(struct cup_worker *worker, const struct place *place)
{
    struct cup_silver_files     *silver = &worker->silver;
    const struct cup_plan_table *table  = &cup_plan_tables(worker->plan)[place->table];
    uint32_t                     i      = 0;
    char                         folder[CUP_PARTITION_PATH_BYTES];

    CUP_ASSERT(silver->open_count <= silver->file_max);
    if (!is_partitioned(worker, place->table)) return &silver->tables[place->table];
    while (silver->partitions[i].file.parquet != NULL)
        i++;
    CUP_ASSERT(i <= silver->file_max);
    struct cup_partition_file *partition = &silver->partitions[i];
    partition->hash                      = place->hash;
    partition->key_bytes                 = place->key_bytes;
    memcpy(partition->key, place->key, place->key_bytes);
    cup_partition_folder(worker->plan, table, partition->key, folder);
    int bytes = snprintf(partition->folder, sizeof partition->folder, "%s/%s",
                         cup_plan_text(worker->plan, table->path), folder);
    CUP_ASSERT(bytes > 0 && (size_t)bytes < sizeof partition->folder);
    partition->file           = silver->tables[place->table];
    partition->file.folder    = partition->folder;
    partition->file.partition = partition->key;
    return &partition->file;
}

/* --- rows --- */

/* Appends columns that are closed afterwards. */
static enum cup_err append(struct cup_worker *worker, struct cup_zone_file *file,
                           struct cup_unpacked *rows, uint32_t count, struct cup_fault *out_fault)
{
    enum cup_err err = cup_worker_priv_append(worker, file, rows->columns, count, out_fault);

    cup_unpack_close(rows);
    return err;
}

static enum cup_err append_chunk(struct cup_worker *worker, struct cup_zone_file *file,
                                 uint32_t table, const uint8_t *const *rows, uint32_t count,
                                 struct cup_fault *out_fault)
{
    struct cup_unpacked unpacked;

    while (
        !cup_unpack_open(&unpacked, &worker->pool, &worker->silver.layouts[table], rows, count)) {
        enum cup_err err = cup_worker_priv_relieve(worker, out_fault);
        if (err != CUP_OK) return err;
    }
    return append(worker, file, &unpacked, count, out_fault);
}

static enum cup_err append_group(struct cup_worker *worker, struct cup_zone_file *file,
                                 const struct cup_stage_group *group, struct cup_fault *out_fault)
{
    const uint8_t           *rows[CUP_PACK_ROWS_MAX];
    const struct cup_staged *row = group->first;
    enum cup_err             err = CUP_OK;

    while (err == CUP_OK && row != NULL) {
        uint32_t count = 0, bytes = 0;
        for (; row != NULL && count < CUP_PACK_ROWS_MAX && bytes < CHUNK_BYTES_MAX;
             row = row->next) {
            rows[count++] = cup_staged_row(row);
            bytes += row->row_bytes;
        }
        err = append_chunk(worker, file, group->first->table, rows, count, out_fault);
    }
    return err;
}

/* A row longer than the stage takes goes into its file at once. */
enum cup_err cup_worker_priv_put_large(struct cup_worker *worker, const struct cup_changes *changes,
                                       uint32_t row, const struct cup_partition_key *key,
                                       struct cup_fault *out_fault)
{
    struct cup_silver_files *silver = &worker->silver;
    enum cup_err             err    = CUP_OK;
    struct cup_unpacked      view;
    const struct place       place = {.hash  = cup_stage_hash(changes->table, key->at, key->bytes),
                                      .table = changes->table,
                                      .key_bytes = key->bytes,
                                      .key       = key->at};

    CUP_ASSERT(!silver->gathering);
    silver->gathering          = true; /* nobody else may take the file's place */
    struct cup_zone_file *file = find_file(worker, &place);
    if (file == NULL && silver->open_count > silver->file_max)
        err = cup_worker_priv_finish(worker, silver->open[0], CUP_CLOSE_MEMORY, out_fault);
    if (err == CUP_OK && file == NULL) file = describe_file(worker, &place);
    while (err == CUP_OK && !cup_unpack_view(&view, &worker->pool, &silver->layouts[changes->table],
                                             changes->columns, row))
        err = cup_worker_priv_relieve(worker, out_fault);
    if (err == CUP_OK) err = append(worker, file, &view, 1, out_fault);
    silver->gathering = false;
    return err;
}

/* --- the stage is full --- */

static bool is_worth_a_page(const struct cup_stage_group *group)
{
    return group->row_count >= GATHER_ROWS_MIN || group->bytes >= GATHER_BYTES_MIN;
}

/* Appends the groups that can be appended; the others move to the front of the stage. */
static enum cup_err spread(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_silver_files *silver = &worker->silver;
    struct cup_stage        *stage  = &silver->stage;
    uint32_t                 kept   = 0;

    for (uint32_t i = 0; i < stage->group_count; i++) {
        const struct cup_stage_group *group = &stage->groups[i];
        const struct place            place = place_of(group->first);
        struct cup_zone_file         *file  = find_file(worker, &place);
        bool                          fits  = file != NULL || silver->open_count < silver->file_max;
        if (!fits || !is_worth_a_page(group)) {
            stage->groups[kept++] = *group;
            continue;
        }
        if (file == NULL) file = describe_file(worker, &place);
        enum cup_err err = append_group(worker, file, group, out_fault);
        if (err != CUP_OK) return err;
    }
    stage->group_count = kept;
    return CUP_OK;
}

/* Notes that the partition of a group has rows in this epoch. */
static void touch(struct cup_worker *worker, const struct cup_stage_group *group)
{
    struct cup_silver_files *silver = &worker->silver;
    uint32_t                 bit    = (uint32_t)(group->hash >> 32) % CUP_WORKER_TOUCHED_BITS;

    if (cup_bit_get(silver->touched, bit)) return;
    cup_bit_set(silver->touched, bit, true);
    if (++silver->touched_count != CUP_WORKER_PARTITIONS_MAX) return;
    atomic_store_explicit(&worker->link.full, true, memory_order_relaxed);
    cup_worker_priv_wake(worker);
}

/* Writes what is in the stage as a run. */
static enum cup_err write_run(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_silver_files *silver = &worker->silver;

    if (silver->stage.group_count == 0) return CUP_OK;
    for (uint32_t i = 0; i < silver->stage.group_count; i++)
        touch(worker, &silver->stage.groups[i]);
    cup_stage_sort(&silver->stage);
    enum cup_err err = cup_spill_run(&silver->spill, &silver->stage, out_fault);
    while (err == CUP_NO_MEMORY) {
        err = cup_worker_priv_relieve(worker, out_fault);
        if (err == CUP_OK) err = cup_spill_run(&silver->spill, &silver->stage, out_fault);
    }
    return err;
}

/* --- merging --- */

/* Appends all groups and finishes their files; `more`: rows of the last group may follow. */
static enum cup_err drain(struct cup_worker *worker, bool more, enum cup_close why,
                          struct cup_fault *out_fault)
{
    struct cup_stage *stage = &worker->silver.stage;

    for (uint32_t i = 0; i < stage->group_count; i++) {
        const struct cup_stage_group *group = &stage->groups[i];
        const struct place            place = place_of(group->first);
        struct cup_zone_file         *file  = find_file(worker, &place);
        if (file == NULL) file = describe_file(worker, &place);
        enum cup_err err = append_group(worker, file, group, out_fault);
        if (err != CUP_OK) return err;
        if ((more && i + 1 == stage->group_count) || file->parquet == NULL) continue;
        err = cup_worker_priv_finish(worker, file, why, out_fault);
        if (err != CUP_OK) return err;
    }
    cup_stage_clear(stage);
    return CUP_OK;
}

static enum cup_err begin_merge(struct cup_worker *worker, struct cup_fault *out_fault)
{
    enum cup_err err = cup_spill_merge(&worker->silver.spill, out_fault);

    while (err == CUP_NO_MEMORY) {
        err = cup_worker_priv_relieve(worker, out_fault);
        if (err == CUP_OK) err = cup_spill_merge(&worker->silver.spill, out_fault);
    }
    return err;
}

static enum cup_err merge(struct cup_worker *worker, enum cup_close why,
                          struct cup_fault *out_fault)
{
    struct cup_silver_files *silver = &worker->silver;
    const struct cup_staged *row;
    enum cup_err             err = begin_merge(worker, out_fault);

    CUP_ASSERT(silver->stage.group_count == 0);
    while (err == CUP_OK && (row = cup_spill_row(&silver->spill)) != NULL) {
        if (cup_stage_copy(&silver->stage, row))
            err = cup_spill_next(&silver->spill, out_fault);
        else if (silver->stage.group_count > 0)
            err = drain(worker, true, why, out_fault);
        else
            err = cup_worker_priv_relieve(worker, out_fault);
    }
    if (err == CUP_OK) err = drain(worker, false, why, out_fault);
    if (err == CUP_OK) cup_spill_clear(&silver->spill);
    return err;
}

enum cup_err cup_worker_priv_gather(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_silver_files *silver = &worker->silver;

    CUP_ASSERT(!silver->gathering);
    silver->gathering = true;
    enum cup_err err  = spread(worker, out_fault);
    if (err == CUP_OK) err = write_run(worker, out_fault);
    if (err == CUP_OK) cup_stage_clear(&silver->stage);
    if (err == CUP_OK && cup_spill_full(&silver->spill))
        err = merge(worker, CUP_CLOSE_MEMORY, out_fault);
    silver->gathering = false;
    return err;
}

enum cup_err cup_worker_priv_gather_all(struct cup_worker *worker, enum cup_close why,
                                        struct cup_fault *out_fault)
{
    struct cup_silver_files *silver = &worker->silver;
    enum cup_err             err;

    CUP_ASSERT(!silver->gathering);
    silver->gathering = true;
    if (silver->spill.run_count == 0) {
        err = drain(worker, false, why, out_fault);
    } else {
        err = write_run(worker, out_fault);
        if (err == CUP_OK) cup_stage_clear(&silver->stage);
        if (err == CUP_OK) err = merge(worker, why, out_fault);
        memset(silver->touched, 0, CUP_WORKER_TOUCHED_BITS / 8);
        silver->touched_count = 0;
        atomic_store_explicit(&worker->link.full, false, memory_order_relaxed);
    }
    silver->gathering = false;
    return err;
}
