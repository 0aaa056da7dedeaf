// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOCK_BYTES    96u /* "pid 4194304 boot <36 characters>" */
#define LOCK_TRIES    20
#define LOCK_PAUSE_NS 50000000l /* in all one second */

/* What the holder wrote into the lock file, for the message. */
static void read_holder(struct cup_disk *disk, int fd, const char *name,
                        char out_where[CUP_FAULT_WHERE_BYTES])
{
    char    holder[LOCK_BYTES];
    int64_t bytes = cup_store_priv_run(
        disk, (struct cup_disk_op){
                  .kind = CUP_DISK_READ, .fd = fd, .into = holder, .count = sizeof holder - 1});

    holder[bytes > 0 ? bytes : 0]   = '\0';
    holder[strcspn(holder, "\r\n")] = '\0';
    snprintf(out_where, CUP_FAULT_WHERE_BYTES, "%.120s (%s)", name, holder);
}

static void read_boot_id(struct cup_disk *disk, char out_boot[CUP_UUID_TEXT_BYTES])
{
    int64_t folder = cup_store_priv_open_path(disk, "/proc/sys/kernel/random", false);

    if (folder < 0) return;
    int64_t fd = cup_store_priv_run(disk, (struct cup_disk_op){.kind  = CUP_DISK_OPEN,
                                                               .fd    = (int)folder,
                                                               .name  = "boot_id",
                                                               .flags = O_RDONLY | O_CLOEXEC});
    cup_store_priv_close(disk, (int)folder);
    if (fd < 0) return;
    int64_t bytes =
        cup_store_priv_run(disk, (struct cup_disk_op){.kind  = CUP_DISK_READ,
                                                      .fd    = (int)fd,
                                                      .into  = out_boot,
                                                      .count = CUP_UUID_TEXT_BYTES - 1});
    cup_store_priv_close(disk, (int)fd);
    if (bytes > 0) out_boot[bytes] = '\0';
}

/* Who we are; of use to people only, so that a failure to write it is none of the lock. */
static void write_holder(struct cup_disk *disk, int fd)
{
    char   text[LOCK_BYTES], boot[CUP_UUID_TEXT_BYTES] = "unknown";
    size_t written;

    read_boot_id(disk, boot);
    int count = snprintf(text, sizeof text, "pid %ld boot %s\n", (long)getpid(), boot);
    if (cup_store_priv_run(disk, (struct cup_disk_op){.kind = CUP_DISK_CUT, .fd = fd}) == 0)
        (void)cup_store_priv_write(disk, fd, text, (size_t)count, 0, &written);
}

/* A process that was killed holds its lock until its last thread is gone: worth a short wait. */
static int lock_patiently(struct cup_disk *disk, int fd)
{
    const struct timespec pause  = {.tv_nsec = LOCK_PAUSE_NS};
    int                   result = disk->ops->lock(disk, fd);

    for (int tries = 1; result == -EWOULDBLOCK && tries < LOCK_TRIES; tries++) {
        (void)nanosleep(&pause, NULL); /* shorter if a signal comes: harmless */
        result = disk->ops->lock(disk, fd);
    }
    return result;
}

static enum cup_err open_lock(struct cup_store *store, const char *name, int *out_fd,
                              struct cup_fault *out_fault)
{
    struct cup_store_folder *folder;
    enum cup_err             err = cup_store_priv_hold_parent(store, name, &folder, out_fault);

    if (err != CUP_OK) return err;
    int64_t fd = cup_store_priv_run(
        store->disk, (struct cup_disk_op){.kind  = CUP_DISK_OPEN,
                                          .fd    = folder->fd,
                                          .name  = cup_store_priv_leaf(name),
                                          .flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                                          .mode  = CUP_STORE_STAGED_MODE});
    cup_store_priv_release(store);
    if (fd < 0) return cup_store_priv_fail(out_fault, CUP_IO, fd, "open lock", name);
    *out_fd = (int)fd;
    return CUP_OK;
}

enum cup_err cup_store_lock(struct cup_store *store, const char *name, struct cup_fault *out_fault)
{
    int  fd = -1;
    char where[CUP_FAULT_WHERE_BYTES];

    if (store->lock_fd >= 0) return CUP_OK; /* a committer that opens again */
    enum cup_err err = open_lock(store, name, &fd, out_fault);
    if (err != CUP_OK) return err;
    int result = lock_patiently(store->disk, fd);
    if (result == 0) {
        write_holder(store->disk, fd);
        store->lock_fd = fd;
        return CUP_OK;
    }
    if (result == -EWOULDBLOCK) {
        read_holder(store->disk, fd, name, where);
        err = cup_fault_set(out_fault, CUP_LOCKED, "lock", where);
    } else {
        err = cup_store_priv_fail(out_fault, CUP_IO, result, "lock", name);
    }
    cup_store_priv_close(store->disk, fd);
    return err;
}
