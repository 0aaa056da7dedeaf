// SPDX-License-Identifier: Apache-2.0
/* Changes of tables to their files: straight into the file of a table that is not partitioned, or
 * by way of the stage. gather.c takes them from there. */
#include <string.h>

#include "dataplane/worker/worker_priv.h"

#define FILE_BLOCKS    16u /* of the pool for each open file: a few for pages, a few for its ends */
#define STAGE_FRACTION 8u  /* of the pool, at most */
#define MERGE_FRACTION 4u  /* of the pool, at most, for the buffers of a merge */
#define EARLY_ROWS_MIN 256u /* fewer make poor pages: they wait in the stage */

/* --- open and close --- */

/* Partition columns stand in the names of folders, dropped ones nowhere. */
static bool is_in_files(const struct cup_plan *plan, const struct cup_plan_table *table,
                        uint32_t column)
{
    if (column < table->columns.count &&
        cup_plan_columns(plan, table)[column].mask == CUP_MASK_DROP)
        return false;
    for (uint32_t i = 0; i < table->partitions.count; i++)
        if (cup_plan_partitions(plan, table)[i] == column) return false;
    return true;
}

/* The columns of a table that stand in its files, when they are not all. */
static bool make_layout(const struct cup_plan *plan, const struct cup_plan_table *table,
                        const struct cup_changes *changes, struct cup_layout *out_layout)
{
    struct cup_field *fields  = calloc(changes->column_count, sizeof *fields);
    uint32_t         *columns = calloc(changes->column_count, sizeof *columns);
    uint32_t          count   = 0;

    for (uint32_t i = 0; fields != NULL && columns != NULL && i < changes->column_count; i++) {
        if (!is_in_files(plan, table, i)) continue;
        fields[count]    = changes->fields[i];
        columns[count++] = i;
    }
    *out_layout = (struct cup_layout){.fields = fields, .columns = columns, .field_count = count};
    return fields != NULL && columns != NULL;
}

static bool make_layouts(struct cup_worker *worker)
{
    struct cup_silver_files *silver = &worker->silver;
    bool                     ok     = true;

    for (uint32_t i = 0; ok && i < worker->plan->tables.count; i++) {
        const struct cup_plan_table *table   = &cup_plan_tables(worker->plan)[i];
        struct cup_changes           changes = cup_decode_changes(worker->decode, i);
        struct cup_layout           *layout  = &silver->layouts[i];
        bool                         whole   = true;
        changes.fields                       = cup_masks_fields(worker->masks, &changes);
        *layout =
            (struct cup_layout){.fields = changes.fields, .field_count = changes.column_count};
        for (uint32_t c = 0; c < changes.column_count; c++)
            whole &= is_in_files(worker->plan, table, c);
        if (!whole) ok = make_layout(worker->plan, table, &changes, layout);
        silver->tables[i] =
            (struct cup_zone_file){.zone        = CUP_ZONE_SILVER,
                                   .table       = i,
                                   .folder      = cup_plan_text(worker->plan, table->path),
                                   .fields      = layout->fields,
                                   .field_count = layout->field_count};
    }
    return ok;
}

enum cup_err cup_worker_priv_tables_open(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_silver_files *silver = &worker->silver;
    uint32_t                 blocks = worker->pool.block_count, most = blocks / FILE_BLOCKS;
    size_t                   count = worker->plan->tables.count + 1ul;

    CUP_ASSERT(silver->tables == NULL);
    silver->file_max   = most < CUP_WORKER_FILES_MAX ? most : CUP_WORKER_FILES_MAX;
    silver->tables     = calloc(count, sizeof *silver->tables);
    silver->layouts    = calloc(count, sizeof *silver->layouts);
    silver->partitions = calloc(silver->file_max + 1ul, sizeof *silver->partitions);
    silver->touched    = calloc(1, CUP_WORKER_TOUCHED_BITS / 8);
    silver->compact    = calloc(CUP_PLAN_COLUMNS_MAX + CUP_SILVER_COUNT, sizeof *silver->compact);
    cup_stage_init(&silver->stage, &worker->pool, blocks / STAGE_FRACTION);
    cup_spill_init(&silver->spill, worker->config.store, &worker->pool,
                   blocks / MERGE_FRACTION / CUP_SPILL_CURSOR_BLOCKS);
    if (silver->tables == NULL || silver->layouts == NULL || silver->partitions == NULL ||
        silver->touched == NULL || silver->compact == NULL || !make_layouts(worker))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of tables", NULL);
    return CUP_OK;
}

static void free_layouts(struct cup_worker *worker)
{
    for (uint32_t i = 0; i < worker->plan->tables.count; i++) {
        struct cup_layout *layout = &worker->silver.layouts[i];
        if (layout->columns == NULL) continue; /* its fields are decode's */
        free((void *)(uintptr_t)layout->fields);
        free((void *)(uintptr_t)layout->columns);
    }
}

void cup_worker_priv_tables_close(struct cup_worker *worker)
{
    struct cup_silver_files *silver = &worker->silver;

    if (silver->tables == NULL) return;
    while (silver->open_count > 0)
        cup_zone_file_drop(silver->open[--silver->open_count], worker->config.store);
    cup_stage_clear(&silver->stage);
    cup_spill_clear(&silver->spill);
    if (silver->layouts != NULL) free_layouts(worker);
    free(silver->tables);
    free(silver->layouts);
    free(silver->partitions);
    free(silver->touched);
    free(silver->compact);
    *silver = (struct cup_silver_files){0};
}

/* --- staging --- */

/* Puts one row into the stage, which makes room by being emptied. */
static enum cup_err stage_row(struct cup_worker *worker, const struct cup_changes *changes,
                              uint32_t row, const struct cup_partition_key *key, uint32_t bytes,
                              struct cup_fault *out_fault)
{
    struct cup_silver_files *silver = &worker->silver;
    enum cup_err             err    = CUP_OK;

    for (;;) {
        struct cup_staged *staged =
            cup_stage_put(&silver->stage, changes->table, key->at, key->bytes, bytes);
        if (staged != NULL) {
            cup_pack_put(&silver->layouts[changes->table], changes->columns, row,
                         staged->bytes + staged->key_bytes);
            return CUP_OK;
        }
        err = silver->stage.group_count > 0 ? cup_worker_priv_gather(worker, out_fault)
                                            : cup_worker_priv_relieve(worker, out_fault);
        if (err != CUP_OK) return err;
    }
}

static enum cup_err stage_rows(struct cup_worker *worker, const struct cup_changes *changes,
                               struct cup_fault *out_fault)
{
    const struct cup_plan_table *table  = &cup_plan_tables(worker->plan)[changes->table];
    const struct cup_layout     *layout = &worker->silver.layouts[changes->table];
    struct cup_partition_key     key    = {.bytes = 0};
    enum cup_err                 err    = CUP_OK;

    for (uint32_t row = 0; err == CUP_OK && row < changes->row_count; row++) {
        enum cup_outcome outcome =
            cup_partition_key(worker->plan, table, changes->columns, row, &key);
        CUP_ASSERT(outcome == CUP_OUTCOME_ACCEPTED); /* decode refused the others */
        uint64_t bytes = cup_pack_bytes(layout, changes->columns, row);
        if (bytes + key.bytes <= CUP_STAGE_ROW_MAX)
            err = stage_row(worker, changes, row, &key, (uint32_t)bytes, out_fault);
        else
            err = cup_worker_priv_put_large(worker, changes, row, &key, out_fault);
    }
    return err;
}

/* --- tables --- */

static bool is_direct(const struct cup_worker *worker, const struct cup_changes *changes,
                      bool early)
{
    const struct cup_silver_files *silver = &worker->silver;

    if (cup_plan_tables(worker->plan)[changes->table].partitions.count > 0) return false;
    if (early && changes->row_count < EARLY_ROWS_MIN) return false;
    return silver->tables[changes->table].parquet != NULL || silver->open_count < silver->file_max;
}

/* The columns as the table's files have them. */
static const struct cup_column *in_files(struct cup_worker        *worker,
                                         const struct cup_changes *changes)
{
    const struct cup_layout *layout  = &worker->silver.layouts[changes->table];
    struct cup_column       *compact = worker->silver.compact;

    if (layout->columns == NULL) return changes->columns;
    for (uint32_t i = 0; i < layout->field_count; i++)
        compact[i] = changes->columns[layout->columns[i]];
    return compact;
}

/* The newest commit time of the table's rows, for rules about it. */
static void tally_newest(struct cup_worker *worker, const struct cup_changes *changes)
{
    uint32_t                 data  = cup_plan_tables(worker->plan)[changes->table].columns.count;
    const struct cup_column *ts    = &changes->columns[data + CUP_SILVER_TS];
    struct cup_epoch_tally  *tally = &worker->part.tallies[changes->table];

    for (uint32_t row = 0; row < changes->row_count; row++)
        if (!cup_column_is_null(ts, row) && ts->i64[row] > tally->newest_us)
            tally->newest_us = ts->i64[row];
}

enum cup_err cup_worker_priv_encode(struct cup_worker *worker, uint32_t table, bool early,
                                    struct cup_fault *out_fault)
{
    struct cup_changes changes = cup_decode_changes(worker->decode, table);
    enum cup_err       err;

    if (changes.row_count == 0) return CUP_OK;
    cup_masks_apply(worker->masks, &changes);
    err = cup_publish_rows(worker->publish, table, changes.fields, changes.columns,
                           changes.row_count, out_fault);
    if (err != CUP_OK) return err;
    if (is_direct(worker, &changes, early))
        err = cup_worker_priv_append(worker, &worker->silver.tables[table],
                                     in_files(worker, &changes), changes.row_count, out_fault);
    else
        err = stage_rows(worker, &changes, out_fault);
    if (err != CUP_OK) return err;
    if (worker->part.tallies != NULL) tally_newest(worker, &changes);
    cup_stats_add(&worker->config.stats->counters[CUP_COUNTER_ROWS], changes.row_count);
    cup_decode_taken(worker->decode, table);
    return CUP_OK;
}

enum cup_err cup_worker_priv_tables_finish(struct cup_worker *worker, enum cup_close why,
                                           struct cup_fault *out_fault)
{
    struct cup_silver_files *silver = &worker->silver;
    enum cup_err             err    = CUP_OK;

    if (worker->decode == NULL) return CUP_OK;
    for (uint32_t i = 0; err == CUP_OK && i < worker->plan->tables.count; i++)
        err = cup_worker_priv_encode(worker, i, false, out_fault);
    if (err == CUP_OK) err = cup_worker_priv_gather_all(worker, why, out_fault);
    while (err == CUP_OK && silver->open_count > 0)
        err = cup_worker_priv_finish(worker, silver->open[silver->open_count - 1], why, out_fault);
    return err;
}
