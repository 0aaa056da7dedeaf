// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define READ_BYTES (64u << 10)

/* --- what all files use --- */

enum cup_err cup_store_priv_fail(struct cup_fault *out_fault, enum cup_err err, int64_t result,
                                 const char *what, const char *where)
{
    CUP_ASSERT(result < 0);
    errno = (int)-result;
    if (result == -EFBIG) what = "write beyond the limit on file sizes (ulimit -f)";
    return cup_fault_set(out_fault, err, what, where);
}

int64_t cup_store_priv_run(struct cup_disk *disk, struct cup_disk_op op)
{
    disk->ops->run(disk, &op, 1);
    return op.result;
}

void cup_store_priv_close(struct cup_disk *disk, int fd)
{
    (void)cup_store_priv_run(disk, (struct cup_disk_op){.kind = CUP_DISK_CLOSE, .fd = fd});
}

int64_t cup_store_priv_written(int64_t result)
{
    return result == 0 ? -ENOSPC : result; /* a write of nothing: no file system makes room */
}

int64_t cup_store_priv_write(struct cup_disk *disk, int fd, const void *bytes, size_t count,
                             uint64_t at, size_t *out_written)
{
    int64_t result = 0;
    size_t  done   = 0;

    while (result >= 0 && done < count) {
        result = cup_store_priv_written(
            cup_store_priv_run(disk, (struct cup_disk_op){.kind  = CUP_DISK_WRITE,
                                                          .fd    = fd,
                                                          .bytes = (const uint8_t *)bytes + done,
                                                          .count = count - done,
                                                          .at    = at + done}));
        if (result > 0) done += (size_t)result;
    }
    *out_written = done;
    return result < 0 ? result : 0;
}

bool cup_store_priv_is_object(const struct cup_store *store, const char *name)
{
    return store->disk->ops->objects && strncmp(name, "_cupel/", 7) != 0 &&
           strcmp(name, "_cupel") != 0;
}

/* --- opening --- */

/* The staging folder is found by a file's name in it. */
static enum cup_err open_staging(struct cup_store *store, struct cup_fault *out_fault)
{
    struct cup_store_folder *folder;
    char                     name[CUP_STORE_NAME_BYTES];
    int count = snprintf(name, sizeof name, "%s/%s", store->staging, store->instance);

    CUP_ASSERT(count > 0 && (size_t)count < sizeof name);
    enum cup_err err = cup_store_priv_hold_parent(store, name, &folder, out_fault);
    if (err != CUP_OK) return err;
    cup_store_priv_release(store);
    return cup_store_priv_open_folder(store, store->staging, &store->staging_fd, out_fault);
}

static enum cup_err open_folders(struct cup_store *store, const char *lake,
                                 struct cup_fault *out_fault)
{
    struct cup_disk     *disk = store->disk;
    struct cup_disk_info lake_info, staging_info;
    int64_t              result = cup_store_priv_open_path(disk, lake, true);

    if (result < 0) return cup_store_priv_fail(out_fault, CUP_IO, result, "make lake folder", lake);
    store->lake_fd   = (int)result;
    enum cup_err err = open_staging(store, out_fault);
    if (err != CUP_OK) return err;
    result = disk->ops->info(disk, store->lake_fd, ".", &lake_info);
    if (result == 0) result = disk->ops->info(disk, store->staging_fd, ".", &staging_info);
    if (result < 0) return cup_store_priv_fail(out_fault, CUP_IO, result, "look at lake", lake);
    if (lake_info.device != staging_info.device)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG,
                             "staging is on another file system than the lake", store->staging);
    return CUP_OK;
}

enum cup_err cup_store_open(struct cup_disk *disk, const char *lake, const char *staging,
                            struct cup_store **out_store, struct cup_fault *out_fault)
{
    struct cup_store *store = calloc(1, sizeof *store);

    CUP_ASSERT(disk != NULL);
    cup_store_priv_check(staging);
    if (store == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "open store", lake);
    store->disk    = disk;
    store->lake_fd = store->staging_fd = store->lock_fd = -1;
    cup_rnd_uuid(store->instance);
    store->staging   = strdup(staging);
    enum cup_err err = store->staging == NULL
                           ? cup_fault_set(out_fault, CUP_NO_MEMORY, "open store", lake)
                           : open_folders(store, lake, out_fault);
    if (err != CUP_OK)
        cup_store_close(store);
    else
        *out_store = store;
    return err;
}

void cup_store_close(struct cup_store *store)
{
    if (store == NULL) return;
    if (store->lock_fd >= 0) cup_store_priv_close(store->disk, store->lock_fd);
    if (store->staging_fd >= 0) cup_store_priv_close(store->disk, store->staging_fd);
    if (store->lake_fd >= 0) cup_store_priv_close(store->disk, store->lake_fd);
    cup_store_priv_forget_folders(store);
    free(store->staging);
    free(store);
}

/* --- reading, listing, removing --- */

/* Appends bytes [at, at + most) of fd to *out, fewer at its end. */
static enum cup_err read_part(struct cup_disk *disk, int fd, const char *name, uint64_t at,
                              uint64_t most, struct cup_text *out, struct cup_fault *out_fault)
{
    char chunk[READ_BYTES];

    while (most > 0) {
        size_t  want  = most < sizeof chunk ? (size_t)most : sizeof chunk;
        int64_t count = cup_store_priv_run(
            disk, (struct cup_disk_op){
                      .kind = CUP_DISK_READ, .fd = fd, .into = chunk, .count = want, .at = at});
        if (count < 0) return cup_store_priv_fail(out_fault, CUP_IO, count, "read", name);
        if (count == 0) return CUP_OK;
        cup_text_put(out, chunk, (size_t)count);
        if (out->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "read", name);
        at += (uint64_t)count;
        most -= (uint64_t)count;
    }
    return CUP_OK;
}

enum cup_err cup_store_get(struct cup_store *store, const char *name, struct cup_text *out,
                           struct cup_fault *out_fault)
{
    return cup_store_get_part(store, name, 0, UINT64_MAX, out, out_fault);
}

enum cup_err cup_store_get_part(struct cup_store *store, const char *name, uint64_t at,
                                uint64_t count, struct cup_text *out, struct cup_fault *out_fault)
{
    int          folder_fd;
    const char  *leaf;
    enum cup_err err = cup_store_priv_open_parent(store, name, &folder_fd, &leaf, out_fault);

    if (err != CUP_OK) return err;
    int64_t fd = cup_store_priv_run(
        store->disk, (struct cup_disk_op){.kind  = CUP_DISK_OPEN,
                                          .fd    = folder_fd,
                                          .name  = leaf,
                                          .flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC});
    cup_store_priv_close(store->disk, folder_fd);
    if (fd < 0)
        return cup_store_priv_fail(out_fault, fd == -ENOENT ? CUP_NOT_FOUND : CUP_IO, fd, "read",
                                   name);
    err = read_part(store->disk, (int)fd, name, at, count, out, out_fault);
    cup_store_priv_close(store->disk, (int)fd);
    return err;
}

enum cup_err cup_store_list(struct cup_store *store, const char             *folder,
                            void (*each)(void *arg, const char *name), void *arg,
                            struct cup_fault *out_fault)
{
    int fd;

    cup_store_priv_check(folder);
    enum cup_err err = cup_store_priv_open_folder(store, folder, &fd, out_fault);
    if (err != CUP_OK) return err;
    int result = store->disk->ops->list(store->disk, fd, each, arg);
    cup_store_priv_close(store->disk, fd);
    return result == 0 ? CUP_OK : cup_store_priv_fail(out_fault, CUP_IO, result, "list", folder);
}

enum cup_err cup_store_remove(struct cup_store *store, const char *name,
                              struct cup_fault *out_fault)
{
    int                      fd;
    const char              *leaf;
    struct cup_store_folder *folder;
    enum cup_err             err = cup_store_priv_open_parent(store, name, &fd, &leaf, out_fault);

    if (err == CUP_NOT_FOUND) return CUP_OK;
    if (err != CUP_OK) return err;
    bool object = cup_store_priv_is_object(store, name);
    if (!object) err = cup_store_priv_note_parent(store, name, &folder, out_fault);
    int64_t result = 0;
    if (err == CUP_OK)
        result = cup_store_priv_run(
            store->disk, (struct cup_disk_op){.kind = CUP_DISK_UNLINK, .fd = fd, .name = leaf});
    cup_store_priv_close(store->disk, fd);
    if (result < 0 && result != -ENOENT)
        err = cup_store_priv_fail(out_fault, CUP_IO, result, "remove", name);
    else if (err == CUP_OK && result == 0 && !object)
        cup_store_priv_touch(store, folder);
    return err;
}

static void note_name(void *arg, const char *name)
{
    cup_text_put(arg, name, strlen(name) + 1);
}

enum cup_err cup_store_clean(struct cup_store *store, struct cup_fault *out_fault)
{
    struct cup_disk_op ops[CUP_STORE_PIECE];
    struct cup_text    names = {0};
    enum cup_err       err   = cup_store_list(store, store->staging, note_name, &names, out_fault);

    if (err == CUP_OK && names.failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "clean staging", store->staging);
    for (size_t at = 0; err == CUP_OK && at < names.bytes;) {
        uint32_t count = 0;
        for (; count < CUP_STORE_PIECE && at < names.bytes; at += strlen(names.at + at) + 1)
            ops[count++] = (struct cup_disk_op){
                .kind = CUP_DISK_UNLINK, .fd = store->staging_fd, .name = names.at + at};
        store->disk->ops->run(store->disk, ops, count);
        for (uint32_t i = 0; i < count; i++)
            if (ops[i].result < 0 && ops[i].result != -ENOENT && ops[i].result != -EISDIR)
                err = cup_store_priv_fail(out_fault, CUP_IO, ops[i].result, "clean staging",
                                          store->staging);
    }
    cup_text_free(&names);
    return err;
}

/* --- looking --- */

enum cup_err cup_store_free_bytes(struct cup_store *store, uint64_t *out_bytes,
                                  struct cup_fault *out_fault)
{
    int result = store->disk->ops->free_bytes(store->disk, store->lake_fd, out_bytes);

    return result == 0 ? CUP_OK
                       : cup_store_priv_fail(out_fault, CUP_IO, result, "look at the free space",
                                             store->staging);
}

enum cup_err cup_store_info(struct cup_store *store, const char *name,
                            struct cup_store_info *out_info, struct cup_fault *out_fault)
{
    int                  fd;
    const char          *leaf;
    struct cup_disk_info info;
    enum cup_err         err = cup_store_priv_open_parent(store, name, &fd, &leaf, out_fault);

    if (err != CUP_OK) return err;
    int result = store->disk->ops->info(store->disk, fd, leaf, &info);
    cup_store_priv_close(store->disk, fd);
    if (result != 0)
        return cup_store_priv_fail(out_fault, result == -ENOENT ? CUP_NOT_FOUND : CUP_IO, result,
                                   "look at", name);
    *out_info = (struct cup_store_info){
        .bytes = info.bytes, .modified_us = info.modified_us, .folder = info.folder};
    return CUP_OK;
}
