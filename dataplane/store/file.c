// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "kernels/isal/isal.h"

#define BUFFER_BYTES (256u << 10) /* what encoders hand over is often far smaller */

/* A run of files of which each takes part in a batch or not: which file an operation is for. */
struct batch {
    struct cup_disk_op     ops[CUP_STORE_PIECE];
    struct cup_store_file *files[CUP_STORE_PIECE];
    uint32_t               count;
};

static void add(struct batch *batch, struct cup_store_file *file, struct cup_disk_op op)
{
    CUP_ASSERT(batch->count < CUP_STORE_PIECE);
    batch->ops[batch->count]     = op;
    batch->files[batch->count++] = file;
}

static void poison(struct cup_store_file *file, int64_t result, const char *what)
{
    if (file->fault.err == CUP_OK)
        (void)cup_store_priv_fail(&file->fault, CUP_IO, result, what, file->name); /* kept there */
}

/* Runs the batch, poisons the files of failed operations, and empties the batch. */
static void run(struct cup_store *store, struct batch *batch, const char *what)
{
    store->disk->ops->run(store->disk, batch->ops, batch->count);
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->ops[i].result < 0) poison(batch->files[i], batch->ops[i].result, what);
    batch->count = 0;
}

/* --- staging --- */

static void stage_piece(struct cup_store *store, struct cup_store_file *const *files,
                        uint32_t count)
{
    struct cup_disk_op ops[CUP_STORE_PIECE];

    for (uint32_t i = 0; i < count; i++) {
        struct cup_store_file *file = files[i];
        *file                       = (struct cup_store_file){.store = store, .fd = -1};
        uint64_t number = atomic_fetch_add_explicit(&store->staged_count, 1, memory_order_relaxed);
        snprintf(file->name, sizeof file->name, "%s-%llu", store->instance,
                 (unsigned long long)number);
        ops[i] = (struct cup_disk_op){.kind  = CUP_DISK_OPEN,
                                      .fd    = store->staging_fd,
                                      .name  = file->name,
                                      .flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                      .mode  = CUP_STORE_STAGED_MODE};
    }
    store->disk->ops->run(store->disk, ops, count);
    for (uint32_t i = 0; i < count; i++) {
        if (ops[i].result < 0)
            poison(files[i], ops[i].result, "stage file");
        else
            files[i]->fd = (int)ops[i].result;
    }
}

void cup_store_priv_stage(struct cup_store *store, struct cup_store_file *const *files,
                          uint32_t count)
{
    for (uint32_t at = 0; at < count; at += CUP_STORE_PIECE)
        stage_piece(store, files + at, count - at < CUP_STORE_PIECE ? count - at : CUP_STORE_PIECE);
}

static enum cup_err give_fault(const struct cup_store_file *file, struct cup_fault *out_fault)
{
    if (file->fault.err != CUP_OK && out_fault != NULL) *out_fault = file->fault;
    return file->fault.err;
}

enum cup_err cup_store_stage(struct cup_store *store, struct cup_store_file **out_file,
                             struct cup_fault *out_fault)
{
    struct cup_store_file *file = malloc(sizeof *file);

    if (file == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "stage file", store->staging);
    cup_store_priv_stage(store, &file, 1);
    enum cup_err err = give_fault(file, out_fault);
    if (err != CUP_OK)
        free(file);
    else
        *out_file = file;
    return err;
}

enum cup_err cup_store_stage_bytes(struct cup_store *store, const void *bytes, size_t count,
                                   struct cup_store_file **out_file, struct cup_fault *out_fault)
{
    enum cup_err err = cup_store_stage(store, out_file, out_fault);

    if (err != CUP_OK) return err;
    (*out_file)->lent   = bytes;
    (*out_file)->held   = count;
    (*out_file)->crc32c = cup_crc32c(0, bytes, count);
    return CUP_OK;
}

struct cup_sealed cup_store_sum(const struct cup_store_file *file)
{
    return (struct cup_sealed){.bytes = file->written + file->held, .crc32c = file->crc32c};
}

/* --- writing --- */

static void put_out(struct cup_store_file *file, const void *bytes, size_t count)
{
    size_t  written;
    int64_t result =
        cup_store_priv_write(file->store->disk, file->fd, bytes, count, file->written, &written);

    file->written += written;
    if (result < 0) poison(file, result, "write");
}

enum cup_err cup_store_append(struct cup_store_file *file, const void *bytes, size_t count,
                              struct cup_fault *out_fault)
{
    CUP_ASSERT(!file->sealed);
    if (file->fault.err != CUP_OK) return give_fault(file, out_fault);
    CUP_ASSERT(file->lent == NULL);
    file->crc32c = cup_crc32c(file->crc32c, bytes, count);
    if (file->held > 0 && file->held + count > BUFFER_BYTES) {
        put_out(file, file->buffer, file->held);
        file->held = 0;
    }
    if (file->fault.err == CUP_OK && count >= BUFFER_BYTES) {
        put_out(file, bytes, count);
        return give_fault(file, out_fault);
    }
    if (file->buffer == NULL) file->buffer = malloc(BUFFER_BYTES);
    if (file->buffer == NULL)
        (void)cup_fault_set(&file->fault, CUP_NO_MEMORY, "append", file->name); /* given below */
    if (file->fault.err != CUP_OK) return give_fault(file, out_fault);
    if (count > 0) memcpy(file->buffer + file->held, bytes, count);
    file->held += count;
    return CUP_OK;
}

/* --- sealing --- */

/* Writes what the files hold, side by side; again for those whose write was short. */
static void write_held(struct cup_store *store, struct cup_store_file *const *files, uint32_t count)
{
    struct batch batch;

    do {
        batch.count = 0;
        for (uint32_t i = 0; i < count; i++) {
            struct cup_store_file *file = files[i];
            if (file->held == 0 || file->fault.err != CUP_OK) continue;
            add(&batch, file,
                (struct cup_disk_op){.kind  = CUP_DISK_WRITE,
                                     .fd    = file->fd,
                                     .bytes = file->lent,
                                     .count = file->held,
                                     .at    = file->written});
        }
        store->disk->ops->run(store->disk, batch.ops, batch.count);
        for (uint32_t i = 0; i < batch.count; i++) {
            struct cup_store_file *file   = batch.files[i];
            int64_t                result = cup_store_priv_written(batch.ops[i].result);
            if (result < 0) {
                poison(file, result, "write");
                continue;
            }
            CUP_ASSERT((size_t)result <= file->held);
            file->lent += result;
            file->held -= (size_t)result;
            file->written += (uint64_t)result;
        }
    } while (batch.count > 0);
}

static void write_piece(struct cup_store *store, struct cup_store_file *const *files,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        CUP_ASSERT(files[i]->store == store);
        if (files[i]->lent == NULL) files[i]->lent = files[i]->buffer;
    }
    write_held(store, files, count);
}

static enum cup_err first_fault(struct cup_store_file *const *files, uint32_t count,
                                struct cup_fault *out_fault)
{
    for (uint32_t i = 0; i < count; i++)
        if (files[i]->fault.err != CUP_OK) return give_fault(files[i], out_fault);
    return CUP_OK;
}

enum cup_err cup_store_write_all(struct cup_store_file *const *files, uint32_t count,
                                 struct cup_fault *out_fault)
{
    for (uint32_t at = 0; at < count; at += CUP_STORE_PIECE)
        write_piece(files[at]->store, files + at,
                    count - at < CUP_STORE_PIECE ? count - at : CUP_STORE_PIECE);
    return first_fault(files, count, out_fault);
}

/* Three batches, because an fsync covers only what was written before it began. */
static void seal_piece(struct cup_store *store, struct cup_store_file *const *files, uint32_t count)
{
    struct batch batch = {.count = 0};

    write_piece(store, files, count);
    for (uint32_t i = 0; i < count; i++)
        if (files[i]->fault.err == CUP_OK && !files[i]->sealed)
            add(&batch, files[i], (struct cup_disk_op){.kind = CUP_DISK_SYNC, .fd = files[i]->fd});
    run(store, &batch, "sync");
    for (uint32_t i = 0; i < count; i++) {
        if (files[i]->fd < 0) continue;
        add(&batch, files[i], (struct cup_disk_op){.kind = CUP_DISK_CLOSE, .fd = files[i]->fd});
        files[i]->fd = -1;
    }
    run(store, &batch, "close");
    for (uint32_t i = 0; i < count; i++) {
        free(files[i]->buffer);
        files[i]->buffer = NULL;
        files[i]->sealed = files[i]->fault.err == CUP_OK;
    }
}

void cup_store_priv_seal(struct cup_store_file *const *files, uint32_t count)
{
    for (uint32_t at = 0; at < count; at += CUP_STORE_PIECE)
        seal_piece(files[at]->store, files + at,
                   count - at < CUP_STORE_PIECE ? count - at : CUP_STORE_PIECE);
}

enum cup_err cup_store_seal_all(struct cup_store_file *const *files, uint32_t count,
                                struct cup_sealed *out_sealed, struct cup_fault *out_fault)
{
    cup_store_priv_seal(files, count);
    enum cup_err err = first_fault(files, count, out_fault);
    if (err != CUP_OK) return err;
    for (uint32_t i = 0; i < count; i++)
        out_sealed[i] = cup_store_sum(files[i]);
    return CUP_OK;
}

enum cup_err cup_store_seal(struct cup_store_file *file, struct cup_sealed *out_sealed,
                            struct cup_fault *out_fault)
{
    return cup_store_seal_all(&file, 1, out_sealed, out_fault);
}

/* --- the end of a staged file --- */

static void drop_piece(struct cup_store *store, struct cup_store_file *const *files, uint32_t count)
{
    struct cup_disk_op ops[CUP_STORE_PIECE];
    uint32_t           closing = 0;

    for (uint32_t i = 0; i < count; i++)
        if (files[i]->fd >= 0)
            ops[closing++] = (struct cup_disk_op){.kind = CUP_DISK_CLOSE, .fd = files[i]->fd};
    store->disk->ops->run(store->disk, ops, closing); /* nobody needs what was in it */
    for (uint32_t i = 0; i < count; i++)
        ops[i] = (struct cup_disk_op){
            .kind = CUP_DISK_UNLINK, .fd = store->staging_fd, .name = files[i]->name};
    store->disk->ops->run(store->disk, ops, count); /* cup_store_clean finds what stays */
    for (uint32_t i = 0; i < count; i++)
        free(files[i]->buffer);
}

void cup_store_priv_drop(struct cup_store_file *const *files, uint32_t count)
{
    for (uint32_t at = 0; at < count; at += CUP_STORE_PIECE)
        drop_piece(files[at]->store, files + at,
                   count - at < CUP_STORE_PIECE ? count - at : CUP_STORE_PIECE);
}

void cup_store_discard(struct cup_store *store, struct cup_store_file *file)
{
    if (file == NULL) return;
    CUP_ASSERT(file->store == store);
    cup_store_priv_drop(&file, 1);
    free(file);
}
