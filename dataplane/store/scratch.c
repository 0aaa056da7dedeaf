// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>

#include "dataplane/store/store_priv.h"

#define NAME_BYTES                                                                                 \
    (CUP_UUID_TEXT_BYTES + 21u) /* instance, '-', 20 digits, NUL: as staged files                  \
                                 */

/* The name goes as soon as the descriptor is there: nothing is left behind, whatever ends us. */
enum cup_err cup_store_scratch_open(struct cup_store *store, int *out_fd,
                                    struct cup_fault *out_fault)
{
    char     name[NAME_BYTES];
    uint64_t number = atomic_fetch_add_explicit(&store->staged_count, 1, memory_order_relaxed);

    snprintf(name, sizeof name, "%s-%llu", store->instance, (unsigned long long)number);
    int64_t fd =
        cup_store_priv_run(store->disk, (struct cup_disk_op){.kind  = CUP_DISK_OPEN,
                                                             .fd    = store->staging_fd,
                                                             .name  = name,
                                                             .flags = O_RDWR | O_CREAT | O_EXCL |
                                                                      O_NOFOLLOW | O_CLOEXEC,
                                                             .mode = CUP_STORE_STAGED_MODE});
    if (fd < 0)
        return cup_store_priv_fail(out_fault, CUP_IO, fd, "make a scratch file", store->staging);
    int64_t result = cup_store_priv_run(
        store->disk,
        (struct cup_disk_op){.kind = CUP_DISK_UNLINK, .fd = store->staging_fd, .name = name});
    if (result < 0) {
        cup_store_priv_close(store->disk, (int)fd);
        return cup_store_priv_fail(out_fault, CUP_IO, result, "unname a scratch file",
                                   store->staging);
    }
    *out_fd = (int)fd;
    return CUP_OK;
}

enum cup_err cup_store_scratch_write(struct cup_store *store, int fd, const void *bytes,
                                     size_t count, uint64_t at, struct cup_fault *out_fault)
{
    size_t  written;
    int64_t result = cup_store_priv_write(store->disk, fd, bytes, count, at, &written);

    if (result >= 0) return CUP_OK;
    return cup_store_priv_fail(out_fault, CUP_IO, result, "write a scratch file", store->staging);
}

enum cup_err cup_store_scratch_read(struct cup_store *store, int fd, void *bytes, size_t count,
                                    uint64_t at, struct cup_fault *out_fault)
{
    uint8_t *to = bytes;

    while (count > 0) {
        int64_t got = cup_store_priv_run(
            store->disk,
            (struct cup_disk_op){
                .kind = CUP_DISK_READ, .fd = fd, .into = to, .count = count, .at = at});
        if (got == 0) got = -EIO; /* it was written: its end is a disk that forgot it */
        if (got < 0)
            return cup_store_priv_fail(out_fault, CUP_IO, got, "read a scratch file",
                                       store->staging);
        to += got;
        at += (uint64_t)got;
        count -= (size_t)got;
    }
    return CUP_OK;
}

void cup_store_scratch_close(struct cup_store *store, int fd)
{
    cup_store_priv_close(store->disk, fd);
}
