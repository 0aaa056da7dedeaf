// SPDX-License-Identifier: Apache-2.0
#include "dataplane/worker/worker_priv.h"

/* Files on their way to the disk together: each alone would cost as much time. */
struct batch {
    struct cup_epoch_file *files[CUP_WORKER_SEAL_MAX];
    struct cup_store_file *staged[CUP_WORKER_SEAL_MAX];
    uint32_t               count;
};

static enum cup_err seal(struct batch *batch, struct cup_fault *out_fault)
{
    struct cup_sealed sealed[CUP_WORKER_SEAL_MAX];
    uint32_t          count = batch->count;

    batch->count = 0;
    if (count == 0) return CUP_OK;
    enum cup_err err = cup_store_seal_all(batch->staged, count, sealed, out_fault);
    if (err != CUP_OK) return err;
    for (uint32_t i = 0; i < count; i++) {
        CUP_ASSERT(sealed[i].bytes == batch->files[i]->bytes);
        batch->files[i]->crc32c = sealed[i].crc32c;
    }
    return CUP_OK;
}

enum cup_err cup_worker_priv_seal(struct cup_epoch_part *part, struct cup_fault *out_fault)
{
    struct batch batch = {.count = 0};
    enum cup_err err   = CUP_OK;

    while (err == CUP_OK && part->sealed_count < part->file_count) {
        struct cup_epoch_file *file = &part->files[part->sealed_count++];
        batch.files[batch.count]    = file;
        batch.staged[batch.count++] = file->staged;
        if (batch.count == CUP_WORKER_SEAL_MAX) err = seal(&batch, out_fault);
    }
    return err == CUP_OK ? seal(&batch, out_fault) : err;
}
