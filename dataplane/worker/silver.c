// SPDX-License-Identifier: Apache-2.0
#include "dataplane/worker/worker_priv.h"

enum cup_err cup_worker_priv_tables_open(struct cup_worker *worker, struct cup_fault *out_fault)
{
    uint32_t count = worker->plan->tables.count;

    CUP_ASSERT(worker->tables == NULL);
    worker->tables = calloc(count == 0 ? 1 : count, sizeof *worker->tables);
    if (worker->tables == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of tables", NULL);
    for (uint32_t i = 0; i < count; i++) {
        worker->tables[i].zone  = CUP_ZONE_SILVER;
        worker->tables[i].table = i;
        worker->tables[i].folder =
            cup_plan_text(worker->plan, cup_plan_tables(worker->plan)[i].path);
    }
    return CUP_OK;
}

void cup_worker_priv_tables_close(struct cup_worker *worker)
{
    for (uint32_t i = 0; worker->tables != NULL && i < worker->plan->tables.count; i++)
        cup_zone_file_drop(&worker->tables[i], worker->config.store);
    free(worker->tables);
    worker->tables = NULL;
}

enum cup_err cup_worker_priv_encode(struct cup_worker *worker, uint32_t table,
                                    struct cup_fault *out_fault)
{
    struct cup_changes    changes = cup_decode_changes(worker->decode, table);
    struct cup_zone_file *file    = &worker->tables[table];

    if (changes.row_count == 0) return CUP_OK;
    file->fields      = changes.fields;
    file->field_count = changes.column_count;
    enum cup_err err =
        cup_worker_priv_append(worker, file, changes.columns, changes.row_count, out_fault);
    if (err != CUP_OK) return err;
    cup_stats_add(&worker->config.stats->counters[CUP_COUNTER_ROWS], changes.row_count);
    cup_decode_taken(worker->decode, table);
    return CUP_OK;
}

enum cup_err cup_worker_priv_encode_all(struct cup_worker *worker, struct cup_fault *out_fault)
{
    for (uint32_t i = 0; i < worker->plan->tables.count; i++) {
        enum cup_err err = cup_worker_priv_encode(worker, i, out_fault);
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}
