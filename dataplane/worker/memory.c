// SPDX-License-Identifier: Apache-2.0
#include "dataplane/worker/worker_priv.h"

/* --- open files --- */

/* Silver files that are open stand in a list; index and quarantine are always there. */
static void remember(struct cup_worker *worker, struct cup_zone_file *file)
{
    struct cup_silver_files *silver = &worker->silver;

    if (file->zone != CUP_ZONE_SILVER) return;
    for (uint32_t i = 0; i < silver->open_count; i++)
        if (silver->open[i] == file) return;
    CUP_ASSERT(silver->open_count <= silver->file_max);
    silver->open[silver->open_count++] = file;
}

void cup_worker_priv_forget(struct cup_worker *worker, const struct cup_zone_file *file)
{
    struct cup_silver_files *silver = &worker->silver;

    for (uint32_t i = 0; i < silver->open_count; i++)
        if (silver->open[i] == file) silver->open[i] = silver->open[--silver->open_count];
}

/* The open file whose row group borrows most; NULL when none has any. *out_bytes: of all. */
static struct cup_zone_file *largest_file(struct cup_worker *worker, uint64_t *out_bytes)
{
    struct cup_silver_files *silver  = &worker->silver;
    struct cup_zone_file    *largest = &worker->archive.index_file;
    uint64_t                 sum     = cup_zone_file_bytes(largest);

    sum += cup_zone_file_bytes(&worker->archive.quarantine_file);
    if (cup_zone_file_bytes(&worker->archive.quarantine_file) > cup_zone_file_bytes(largest))
        largest = &worker->archive.quarantine_file;
    for (uint32_t i = 0; i < silver->open_count; i++) {
        sum += cup_zone_file_bytes(silver->open[i]);
        if (cup_zone_file_bytes(silver->open[i]) > cup_zone_file_bytes(largest))
            largest = silver->open[i];
    }
    *out_bytes = sum;
    return cup_zone_file_bytes(largest) == 0 ? NULL : largest;
}

/* --- room --- */

/* One step: the largest row group, or the stage if it is larger; when there is neither, a whole
 * file but `keep`. */
static enum cup_err relieve(struct cup_worker *worker, const struct cup_zone_file *keep,
                            struct cup_fault *out_fault)
{
    struct cup_silver_files *silver = &worker->silver;
    uint64_t                 sum;
    struct cup_zone_file    *file   = largest_file(worker, &sum);
    uint64_t                 staged = silver->gathering ? 0 : cup_stage_bytes(&silver->stage);

    if (staged > 0 && (file == NULL || staged >= cup_zone_file_bytes(file)))
        return cup_worker_priv_gather(worker, out_fault);
    if (file != NULL) {
        cup_stats_add(&worker->config.stats->counters[CUP_COUNTER_CLOSED_FOR_MEMORY], 1);
        return cup_zone_file_spill(file, out_fault);
    }
    for (uint32_t i = 0; i < silver->open_count; i++)
        if (silver->open[i] != keep)
            return cup_worker_priv_finish(worker, silver->open[i], CUP_CLOSE_MEMORY, out_fault);
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "memory of one worker (key: memory)", NULL);
}

enum cup_err cup_worker_priv_relieve(struct cup_worker *worker, struct cup_fault *out_fault)
{
    return relieve(worker, NULL, out_fault);
}

enum cup_err cup_worker_priv_make_room(struct cup_worker *worker, struct cup_fault *out_fault)
{
    uint32_t table = worker->decode == NULL ? UINT32_MAX : cup_decode_largest(worker->decode);
    uint64_t files = 0;

    (void)largest_file(worker, &files); /* only their sum */
    if (table != UINT32_MAX &&
        cup_decode_bytes(worker->decode) > files + cup_stage_bytes(&worker->silver.stage))
        return cup_worker_priv_encode(worker, table, true, out_fault);
    enum cup_err err = relieve(worker, NULL, out_fault);
    if (err != CUP_NO_MEMORY || table == UINT32_MAX) return err;
    return cup_worker_priv_encode(worker, table, true, out_fault);
}

enum cup_err cup_worker_priv_keep_low(struct cup_worker *worker, struct cup_fault *out_fault)
{
    while (worker->pool.free_count < worker->pool.block_count / 8) {
        enum cup_err err = cup_worker_priv_make_room(worker, out_fault);
        if (err == CUP_NO_MEMORY) return CUP_OK; /* all that is lent is working space */
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}

/* --- rows --- */

/* Closes a file that is as large as files may be. */
static enum cup_err keep_limits(struct cup_worker *worker, struct cup_zone_file *file,
                                struct cup_fault *out_fault)
{
    const struct cup_plan *plan = worker->plan;

    if (cup_zone_file_bytes(file) + file->bytes >= plan->file_bytes_max)
        return cup_worker_priv_finish(worker, file, CUP_CLOSE_SIZE, out_fault);
    if (file->row_count >= plan->file_rows_max)
        return cup_worker_priv_finish(worker, file, CUP_CLOSE_ROWS, out_fault);
    if (cup_zone_file_bytes(file) < CUP_WORKER_GROUP_BYTES_MAX) return CUP_OK;
    return cup_zone_file_spill(file, out_fault);
}

enum cup_err cup_worker_priv_append(struct cup_worker *worker, struct cup_zone_file *file,
                                    const struct cup_column *columns, uint32_t row_count,
                                    struct cup_fault *out_fault)
{
    remember(worker, file);
    enum cup_err err = cup_zone_file_append(file, &worker->context, columns, row_count, out_fault);
    while (err == CUP_NO_MEMORY) {
        err = relieve(worker, file, out_fault);
        if (err != CUP_OK) return err;
        err = cup_zone_file_append(file, &worker->context, columns, row_count, out_fault);
    }
    if (err != CUP_OK) return err;
    return keep_limits(worker, file, out_fault);
}
