// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/isal/isal.h"

#define BUFFER_BYTES      (256u << 10) /* what encoders hand over is often far smaller */
#define STAGED_NAME_BYTES 64u          /* instance, '-', 20 digits, NUL */
_Static_assert(STAGED_NAME_BYTES >= CUP_UUID_TEXT_BYTES + 21, "a staged name must fit");

struct cup_store_file {
    int      fd; /* -1: closed */
    bool     failed, sealed;
    uint8_t *buffer; /* NULL until the first small append */
    size_t   held;   /* bytes in buffer */
    uint64_t written;
    uint32_t crc32c;
    char     name[STAGED_NAME_BYTES]; /* in the staging folder */
};

enum cup_err cup_store_priv_write(int fd, const void *bytes, size_t count, uint64_t at,
                                  const char *name, struct cup_fault *out_fault)
{
    const uint8_t *from = bytes;

    while (count > 0) {
        ssize_t written = pwrite(fd, from, count, (off_t)at);
        if (written < 0 && errno == EINTR) continue;
        if (written == 0) errno = ENOSPC; /* a short write of nothing: no file system makes room */
        if (written <= 0) return cup_fault_set(out_fault, CUP_IO, "write", name);
        from += written;
        count -= (size_t)written;
        at += (uint64_t)written;
    }
    return CUP_OK;
}

enum cup_err cup_store_stage(struct cup_store *store, struct cup_store_file **out_file,
                             struct cup_fault *out_fault)
{
    struct cup_store_file *file = malloc(sizeof *file);

    if (file == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "stage file", store->staging);
    *file           = (struct cup_store_file){.fd = -1};
    uint64_t number = atomic_fetch_add_explicit(&store->staged_count, 1, memory_order_relaxed);
    snprintf(file->name, sizeof file->name, "%s-%llu", store->instance, (unsigned long long)number);
    file->fd = openat(store->staging_fd, file->name,
                      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file->fd < 0) {
        enum cup_err err = cup_fault_set(out_fault, CUP_IO, "stage file", store->staging);
        free(file);
        return err;
    }
    *out_file = file;
    return CUP_OK;
}

static enum cup_err put_out(struct cup_store_file *file, const void *bytes, size_t count,
                            struct cup_fault *out_fault)
{
    enum cup_err err =
        cup_store_priv_write(file->fd, bytes, count, file->written, file->name, out_fault);

    file->failed = err != CUP_OK;
    if (err == CUP_OK) file->written += count;
    return err;
}

static enum cup_err flush(struct cup_store_file *file, struct cup_fault *out_fault)
{
    size_t held = file->held;

    file->held = 0;
    return held == 0 ? CUP_OK : put_out(file, file->buffer, held, out_fault);
}

enum cup_err cup_store_append(struct cup_store_file *file, const void *bytes, size_t count,
                              struct cup_fault *out_fault)
{
    CUP_ASSERT(!file->sealed);
    if (file->failed) {
        errno = EIO;
        return cup_fault_set(out_fault, CUP_IO, "append after a failure", file->name);
    }
    file->crc32c = cup_crc32c(file->crc32c, bytes, count);
    if (file->held + count > BUFFER_BYTES) {
        enum cup_err err = flush(file, out_fault);
        if (err != CUP_OK) return err;
    }
    if (count >= BUFFER_BYTES) return put_out(file, bytes, count, out_fault);
    if (file->buffer == NULL) file->buffer = malloc(BUFFER_BYTES);
    if (file->buffer == NULL) {
        file->failed = true;
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "append", file->name);
    }
    if (count > 0) memcpy(file->buffer + file->held, bytes, count);
    file->held += count;
    return CUP_OK;
}

enum cup_err cup_store_seal(struct cup_store_file *file, struct cup_sealed *out_sealed,
                            struct cup_fault *out_fault)
{
    CUP_ASSERT(!file->sealed);
    if (file->failed) {
        errno = EIO;
        return cup_fault_set(out_fault, CUP_IO, "seal after a failure", file->name);
    }
    enum cup_err err = flush(file, out_fault);
    if (err == CUP_OK && fsync(file->fd) != 0)
        err = cup_fault_set(out_fault, CUP_IO, "sync", file->name);
    int closed = close(file->fd);
    file->fd   = -1;
    if (err == CUP_OK && closed != 0) err = cup_fault_set(out_fault, CUP_IO, "close", file->name);
    free(file->buffer);
    file->buffer = NULL;
    file->failed = err != CUP_OK;
    if (err != CUP_OK) return err;
    file->sealed = true;
    *out_sealed  = (struct cup_sealed){.bytes = file->written, .crc32c = file->crc32c};
    return CUP_OK;
}

void cup_store_discard(struct cup_store *store, struct cup_store_file *file)
{
    if (file == NULL) return;
    if (file->fd >= 0) close(file->fd);
    (void)unlinkat(store->staging_fd, file->name, 0); /* if it stays, cup_store_clean finds it */
    free(file->buffer);
    free(file);
}

/* The zone is known only now. The new mode is durable with the new name: both are the inode's. */
static enum cup_err publish(struct cup_store *store, struct cup_store_file *file, const char *name,
                            bool replace, struct cup_fault *out_fault)
{
    int          fd;
    const char  *leaf;
    unsigned     mode = cup_store_priv_file_mode(name);
    enum cup_err err;

    CUP_ASSERT(file->sealed);
    err = cup_store_priv_open_parent(store, name, true, &fd, &leaf, out_fault);
    if (err != CUP_OK) return err;
    if (fchmodat(store->staging_fd, file->name, mode, 0) != 0)
        err = cup_fault_set(out_fault, CUP_IO, "set file mode", name);
    else if (replace && renameat(store->staging_fd, file->name, fd, leaf) != 0)
        err = cup_fault_set(out_fault, CUP_IO, "replace", name);
    else if (!replace && linkat(store->staging_fd, file->name, fd, leaf, 0) != 0)
        err = cup_fault_set(out_fault, errno == EEXIST ? CUP_EXISTS : CUP_IO, "place", name);
    close(fd);
    return err == CUP_OK ? cup_store_priv_touch(store, name, out_fault) : err;
}

enum cup_err cup_store_place(struct cup_store *store, struct cup_store_file *file, const char *name,
                             struct cup_fault *out_fault)
{
    enum cup_err err = publish(store, file, name, false, out_fault);

    if (err == CUP_OK) cup_store_discard(store, file); /* its staged name; the new one stays */
    return err;
}

static enum cup_err put_whole(struct cup_store *store, const char *name, const void *bytes,
                              size_t count, bool replace, struct cup_fault *out_fault)
{
    struct cup_store_file *file;
    struct cup_sealed      sealed;
    enum cup_err           err;

    cup_store_priv_check(name);
    err = cup_store_stage(store, &file, out_fault);
    if (err != CUP_OK) return err;
    err = cup_store_append(file, bytes, count, out_fault);
    if (err == CUP_OK) err = cup_store_seal(file, &sealed, out_fault);
    if (err == CUP_OK) err = publish(store, file, name, replace, out_fault);
    cup_store_discard(store, file);
    return err == CUP_OK ? cup_store_sync(store, out_fault) : err;
}

enum cup_err cup_store_put_if_absent(struct cup_store *store, const char *name, const void *bytes,
                                     size_t count, struct cup_fault *out_fault)
{
    return put_whole(store, name, bytes, count, false, out_fault);
}

enum cup_err cup_store_replace(struct cup_store *store, const char *name, const void *bytes,
                               size_t count, struct cup_fault *out_fault)
{
    return put_whole(store, name, bytes, count, true, out_fault);
}
