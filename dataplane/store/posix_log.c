// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct cup_store_log {
    int      fd;
    bool     failed;
    uint64_t bytes; /* durable */
    char     name[CUP_STORE_NAME_BYTES];
};

enum cup_err cup_store_log_create(struct cup_store *store, const char *name,
                                  struct cup_store_log **out_log, struct cup_fault *out_fault)
{
    int                   folder_fd;
    const char           *leaf;
    struct cup_store_log *log = malloc(sizeof *log);

    if (log == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "create log", name);
    *log             = (struct cup_store_log){.fd = -1};
    enum cup_err err = cup_store_priv_open_parent(store, name, true, &folder_fd, &leaf, out_fault);
    if (err == CUP_OK) {
        memcpy(log->name, name, strlen(name) + 1);
        log->fd = openat(folder_fd, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                         cup_store_priv_file_mode(name));
        if (log->fd < 0)
            err =
                cup_fault_set(out_fault, errno == EEXIST ? CUP_EXISTS : CUP_IO, "create log", name);
        close(folder_fd);
    }
    if (err == CUP_OK) err = cup_store_priv_touch(store, name, out_fault);
    if (err == CUP_OK) err = cup_store_sync(store, out_fault);
    if (err != CUP_OK)
        cup_store_log_close(log);
    else
        *out_log = log;
    return err;
}

enum cup_err cup_store_log_append(struct cup_store_log *log, const void *bytes, size_t count,
                                  struct cup_fault *out_fault)
{
    enum cup_err err;

    if (log->failed) {
        errno = EIO;
        return cup_fault_set(out_fault, CUP_IO, "append after a failure", log->name);
    }
    err = cup_store_priv_write(log->fd, bytes, count, log->bytes, log->name, out_fault);
    if (err == CUP_OK && fdatasync(log->fd) != 0) {
        /* also when there is no space: what the pages hold now is unknown */
        err         = cup_fault_set(out_fault, CUP_IO, "sync log", log->name);
        log->failed = true;
    }
    if (err == CUP_OK) log->bytes += count;
    if (err != CUP_OK && err != CUP_NO_SPACE) log->failed = true;
    return err;
}

void cup_store_log_close(struct cup_store_log *log)
{
    if (log == NULL) return;
    if (log->fd >= 0) close(log->fd);
    free(log);
}
