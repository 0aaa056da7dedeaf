// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct cup_store_log {
    struct cup_disk *disk;
    int              fd;
    bool             failed;
    uint64_t         bytes; /* durable */
    char             name[CUP_STORE_NAME_BYTES];
};

/* Makes the file; on failure nothing is open. */
static enum cup_err create(struct cup_store *store, const char *name, int *out_fd,
                           struct cup_fault *out_fault)
{
    struct cup_store_folder *folder;
    enum cup_err             err = cup_store_priv_hold_parent(store, name, &folder, out_fault);

    if (err != CUP_OK) return err;
    int64_t fd = cup_store_priv_run(
        store->disk,
        (struct cup_disk_op){.kind  = CUP_DISK_OPEN,
                             .fd    = folder->fd,
                             .name  = cup_store_priv_leaf(name),
                             .flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                             .mode  = cup_store_priv_file_mode(name)});
    cup_store_priv_release(store);
    if (fd < 0)
        return cup_store_priv_fail(out_fault, fd == -EEXIST ? CUP_EXISTS : CUP_IO, fd, "create log",
                                   name);
    cup_store_priv_touch(store, folder);
    cup_store_priv_want(folder);
    cup_store_priv_sync_wanted(store);
    err = cup_store_priv_synced(folder, out_fault);
    if (err == CUP_OK)
        *out_fd = (int)fd;
    else
        cup_store_priv_close(store->disk, (int)fd);
    return err;
}

enum cup_err cup_store_log_create(struct cup_store *store, const char *name,
                                  struct cup_store_log **out_log, struct cup_fault *out_fault)
{
    struct cup_store_log *log = malloc(sizeof *log);

    if (log == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "create log", name);
    *log             = (struct cup_store_log){.disk = store->disk, .fd = -1};
    enum cup_err err = create(store, name, &log->fd, out_fault);
    if (err == CUP_OK) {
        memcpy(log->name, name, strlen(name) + 1);
        *out_log = log;
    } else {
        free(log);
    }
    return err;
}

/* A write failed. A full disk leaves the log as it was, if the part that went in can be cut off. */
static enum cup_err take_back(struct cup_store_log *log, int64_t result, size_t written,
                              struct cup_fault *out_fault)
{
    enum cup_err err = cup_store_priv_fail(out_fault, CUP_IO, result, "write", log->name);
    int64_t      cut = 0;

    if (err == CUP_NO_SPACE && written > 0)
        cut = cup_store_priv_run(
            log->disk, (struct cup_disk_op){.kind = CUP_DISK_CUT, .fd = log->fd, .at = log->bytes});
    if (cut < 0) err = cup_store_priv_fail(out_fault, CUP_IO, -EIO, "cut log", log->name);
    log->failed = err != CUP_NO_SPACE;
    return err;
}

enum cup_err cup_store_log_append(struct cup_store_log *log, const void *bytes, size_t count,
                                  struct cup_fault *out_fault)
{
    size_t written;

    if (log->failed)
        return cup_store_priv_fail(out_fault, CUP_IO, -EIO, "append after a failure", log->name);
    int64_t result = cup_store_priv_write(log->disk, log->fd, bytes, count, log->bytes, &written);
    if (result < 0) return take_back(log, result, written, out_fault);
    result =
        cup_store_priv_run(log->disk, (struct cup_disk_op){.kind = CUP_DISK_SYNC, .fd = log->fd});
    if (result < 0) {
        /* also when there is no space: what the pages hold now is unknown */
        log->failed  = true;
        bool is_full = result == -ENOSPC || result == -EDQUOT;
        return cup_store_priv_fail(out_fault, CUP_IO, is_full ? -EIO : result, "sync log",
                                   log->name);
    }
    log->bytes += count;
    return CUP_OK;
}

void cup_store_log_close(struct cup_store_log *log)
{
    if (log == NULL) return;
    cup_store_priv_close(log->disk, log->fd);
    free(log);
}
