// SPDX-License-Identifier: Apache-2.0
#include "dataplane/worker/worker_priv.h"

/* The open file whose row group borrows most; NULL when none has any. */
static struct cup_zone_file *largest_file(struct cup_worker *worker)
{
    struct cup_zone_file *largest = &worker->archive.index_file;

    if (cup_zone_file_bytes(&worker->archive.quarantine_file) > cup_zone_file_bytes(largest))
        largest = &worker->archive.quarantine_file;
    for (uint32_t i = 0; worker->tables != NULL && i < worker->plan->tables.count; i++)
        if (cup_zone_file_bytes(&worker->tables[i]) > cup_zone_file_bytes(largest))
            largest = &worker->tables[i];
    return cup_zone_file_bytes(largest) == 0 ? NULL : largest;
}

enum cup_err cup_worker_priv_relieve(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_zone_file *file = largest_file(worker);

    if (file == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "memory of one worker (key: memory)", NULL);
    cup_stats_add(&worker->config.stats->counters[CUP_COUNTER_CLOSED_FOR_MEMORY], 1);
    return cup_zone_file_spill(file, out_fault);
}

enum cup_err cup_worker_priv_keep_low(struct cup_worker *worker, struct cup_fault *out_fault)
{
    while (worker->pool.free_count < worker->pool.block_count / 8) {
        struct cup_zone_file *file = largest_file(worker);
        uint32_t table = worker->decode == NULL ? UINT32_MAX : cup_decode_largest(worker->decode);
        enum cup_err err;

        if (file != NULL)
            err = cup_worker_priv_relieve(worker, out_fault);
        else if (table != UINT32_MAX)
            err = cup_worker_priv_encode(worker, table, out_fault);
        else
            return CUP_OK; /* all that is lent is working space */
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}

enum cup_err cup_worker_priv_append(struct cup_worker *worker, struct cup_zone_file *file,
                                    const struct cup_column *columns, uint32_t row_count,
                                    struct cup_fault *out_fault)
{
    enum cup_err err = cup_zone_file_append(file, &worker->context, columns, row_count, out_fault);

    while (err == CUP_NO_MEMORY) {
        err = cup_worker_priv_relieve(worker, out_fault);
        if (err != CUP_OK) return err;
        err = cup_zone_file_append(file, &worker->context, columns, row_count, out_fault);
    }
    if (err != CUP_OK) return err;
    if (cup_zone_file_bytes(file) < CUP_WORKER_GROUP_BYTES_MAX) return CUP_OK;
    return cup_zone_file_spill(file, out_fault);
}
