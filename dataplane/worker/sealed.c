// SPDX-License-Identifier: Apache-2.0
/* Bronze and quarantine under the key of the epoch's day: bronze.encrypt. */
#include <string.h>

#include "base/clock.h"
#include "dataplane/keys/day_key.h"
#include "dataplane/worker/worker_priv.h"
#include "kernels/value/binary.h"

enum cup_err cup_worker_priv_key_ready(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_archive       *archive = &worker->archive;
    const struct cup_plan    *plan    = worker->config.plan;
    const struct cup_day_keys keys    = {.folder   = cup_plan_text(plan, plan->key_folder),
                                         .domain   = cup_plan_text(plan, plan->domain),
                                         .pipeline = cup_plan_text(plan, plan->pipeline)};

    if (!plan->bronze_encrypt || archive->key_epoch == worker->context.epoch) return CUP_OK;
    CUP_ASSERT(archive->staged == NULL);
    cup_clock_day_text(worker->ingested_us, archive->key_day);
    enum cup_err err = cup_day_key_take(&keys, archive->key_day, &archive->key, out_fault);
    if (err != CUP_OK) return err;
    archive->key_epoch = worker->context.epoch;
    if (archive->bronze != NULL) cup_bronze_seal(archive->bronze, &archive->key);
    return CUP_OK;
}

bool cup_worker_priv_set_sealed(struct cup_worker *worker, struct cup_rows *rows, uint32_t column,
                                enum cup_seal_kind kind, uint64_t position, const void *bytes,
                                size_t count)
{
    struct cup_archive *archive = &worker->archive;
    size_t              sealed  = cup_seal_bytes(count);
    bool                text    = kind == CUP_SEAL_HEADERS;

    if (!worker->config.plan->bronze_encrypt) return cup_rows_set_text(rows, column, bytes, count);
    CUP_ASSERT(archive->key_epoch == worker->context.epoch);
    cup_text_clear(&archive->sealed);
    uint8_t *out = cup_text_room(&archive->sealed, sealed + (text ? (sealed + 2) / 3 * 4 : 0));
    if (out == NULL) return false;
    cup_seal_whole(&archive->key, position, kind, bytes, count, out);
    if (!text) return cup_rows_set_text(rows, column, out, sealed);
    return cup_rows_set_text(rows, column, out + sealed,
                             cup_base64_encode(out, sealed, out + sealed));
}
