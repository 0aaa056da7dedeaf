// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/store_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES    (64u << 10)
#define LOCK_BYTES    96u /* "pid 4194304 boot <36 characters>" */
#define LOCK_TRIES    20
#define LOCK_PAUSE_NS 50000000l /* in all one second */

/* Makes `path` and what is missing above it; each new name is made durable at once. */
static enum cup_err make_lake(const char *path, struct cup_fault *out_fault)
{
    char   part[PATH_MAX];
    size_t bytes = strlen(path);
    int    above = open(path[0] == '/' ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    CUP_ASSERT(bytes > 0);
    bool ok = above >= 0 && bytes < sizeof part;
    if (bytes >= sizeof part) errno = ENAMETOOLONG;
    for (size_t at = 0; ok && at < bytes;) {
        size_t part_bytes = strcspn(path + at, "/");
        memcpy(part, path + at, part_bytes);
        part[part_bytes] = '\0';
        at += part_bytes + 1;
        if (part_bytes == 0) continue;
        bool made = mkdirat(above, part, 0750) == 0;
        ok        = made ? fsync(above) == 0 : errno == EEXIST;
        int next  = ok ? openat(above, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        ok        = ok && next >= 0;
        if (!ok) break;
        close(above);
        above = next;
    }
    enum cup_err err = ok ? CUP_OK : cup_fault_set(out_fault, CUP_IO, "make lake folder", path);
    if (above >= 0) close(above);
    return err;
}

static enum cup_err open_folders(struct cup_store *store, const char *lake,
                                 struct cup_fault *out_fault)
{
    struct stat  lake_info, staging_info;
    enum cup_err err = make_lake(lake, out_fault);

    if (err != CUP_OK) return err;
    store->lake_fd = open(lake, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->lake_fd < 0) return cup_fault_set(out_fault, CUP_IO, "open lake", lake);
    err = cup_store_priv_open_folder(store, store->staging, true, &store->staging_fd, out_fault);
    if (err != CUP_OK) return err;
    if (fstat(store->lake_fd, &lake_info) != 0 || fstat(store->staging_fd, &staging_info) != 0)
        return cup_fault_set(out_fault, CUP_IO, "look at lake", lake);
    if (lake_info.st_dev != staging_info.st_dev)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG,
                             "staging is on another file system than the lake", store->staging);
    return CUP_OK;
}

enum cup_err cup_store_open(const char *lake, const char *staging, struct cup_store **out_store,
                            struct cup_fault *out_fault)
{
    struct cup_store *store = calloc(1, sizeof *store);

    cup_store_priv_check(staging);
    if (store == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "open store", lake);
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
    if (store->lock_fd >= 0) close(store->lock_fd);
    if (store->staging_fd >= 0) close(store->staging_fd);
    if (store->lake_fd >= 0) close(store->lake_fd);
    cup_store_priv_forget_folders(store);
    free(store->staging);
    free(store);
}

/* Appends all of fd to *out. */
static enum cup_err read_all(int fd, const char *name, struct cup_text *out,
                             struct cup_fault *out_fault)
{
    char chunk[READ_BYTES];

    for (;;) {
        ssize_t count = read(fd, chunk, sizeof chunk);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return cup_fault_set(out_fault, CUP_IO, "read", name);
        if (count == 0) break;
        cup_text_put(out, chunk, (size_t)count);
        if (out->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "read", name);
    }
    return CUP_OK;
}

enum cup_err cup_store_get(struct cup_store *store, const char *name, struct cup_text *out,
                           struct cup_fault *out_fault)
{
    int          folder_fd;
    const char  *leaf;
    enum cup_err err = cup_store_priv_open_parent(store, name, false, &folder_fd, &leaf, out_fault);

    if (err != CUP_OK) return err;
    int fd = openat(folder_fd, leaf, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        err = cup_fault_set(out_fault, errno == ENOENT ? CUP_NOT_FOUND : CUP_IO, "read", name);
    close(folder_fd);
    if (err != CUP_OK) return err;
    err = read_all(fd, name, out, out_fault);
    close(fd);
    return err;
}

/* Calls each name in the folder fd, which it closes. */
static enum cup_err walk(int fd, const char *folder, void (*each)(void *arg, const char *name),
                         void *arg, struct cup_fault *out_fault)
{
    DIR *dir = fdopendir(fd);

    if (dir == NULL) {
        close(fd);
        return cup_fault_set(out_fault, CUP_IO, "list", folder);
    }
    errno = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            each(arg, entry->d_name);
        errno = 0;
    }
    enum cup_err err = errno == 0 ? CUP_OK : cup_fault_set(out_fault, CUP_IO, "list", folder);
    closedir(dir);
    return err;
}

enum cup_err cup_store_list(struct cup_store *store, const char             *folder,
                            void (*each)(void *arg, const char *name), void *arg,
                            struct cup_fault *out_fault)
{
    int fd;

    cup_store_priv_check(folder);
    enum cup_err err = cup_store_priv_open_folder(store, folder, false, &fd, out_fault);
    return err == CUP_OK ? walk(fd, folder, each, arg, out_fault) : err;
}

enum cup_err cup_store_remove(struct cup_store *store, const char *name,
                              struct cup_fault *out_fault)
{
    int          fd;
    const char  *leaf;
    enum cup_err err = cup_store_priv_open_parent(store, name, false, &fd, &leaf, out_fault);

    if (err == CUP_NOT_FOUND) return CUP_OK;
    if (err != CUP_OK) return err;
    if (unlinkat(fd, leaf, 0) == 0)
        err = cup_store_priv_touch(store, name, out_fault);
    else if (errno != ENOENT)
        err = cup_fault_set(out_fault, CUP_IO, "remove", name);
    close(fd);
    return err;
}

struct clean {
    int fd, os_errno;
};

static void clean_one(void *arg, const char *name)
{
    struct clean *clean = arg;

    if (unlinkat(clean->fd, name, 0) != 0 && errno != ENOENT && errno != EISDIR)
        clean->os_errno = errno;
}

enum cup_err cup_store_clean(struct cup_store *store, struct cup_fault *out_fault)
{
    struct clean clean = {.fd = store->staging_fd};
    enum cup_err err   = cup_store_list(store, store->staging, clean_one, &clean, out_fault);

    if (err != CUP_OK || clean.os_errno == 0) return err;
    errno = clean.os_errno;
    return cup_fault_set(out_fault, CUP_IO, "clean staging", store->staging);
}

/* What the holder wrote into the lock file, for the message. */
static void read_holder(int fd, const char *name, char out_where[CUP_FAULT_WHERE_BYTES])
{
    char    holder[LOCK_BYTES];
    ssize_t bytes = pread(fd, holder, sizeof holder - 1, 0);

    holder[bytes > 0 ? bytes : 0]   = '\0';
    holder[strcspn(holder, "\r\n")] = '\0';
    snprintf(out_where, CUP_FAULT_WHERE_BYTES, "%.120s (%s)", name, holder);
}

/* Who we are; of use to people only, so that a failure to write it is none of the lock. */
static void write_holder(int fd)
{
    char    text[LOCK_BYTES], boot[CUP_UUID_TEXT_BYTES] = "unknown";
    int     boot_fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t bytes   = boot_fd < 0 ? 0 : read(boot_fd, boot, sizeof boot - 1);

    if (bytes > 0) boot[bytes] = '\0';
    if (boot_fd >= 0) close(boot_fd);
    int count = snprintf(text, sizeof text, "pid %ld boot %s\n", (long)getpid(), boot);
    if (ftruncate(fd, 0) == 0) (void)!pwrite(fd, text, (size_t)count, 0);
}

/* A process that was killed holds its lock until its last thread is gone: worth a short wait. */
static int lock_patiently(int fd)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};

    for (int tries = 0; tries < LOCK_TRIES; tries++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) return 0;
        if (errno != EWOULDBLOCK) return -1;
        (void)nanosleep(&pause, NULL); /* shorter if a signal comes: harmless */
    }
    errno = EWOULDBLOCK;
    return -1;
}

enum cup_err cup_store_lock(struct cup_store *store, const char *name, struct cup_fault *out_fault)
{
    int          folder_fd;
    const char  *leaf;
    char         where[CUP_FAULT_WHERE_BYTES];
    enum cup_err err;

    CUP_ASSERT(store->lock_fd < 0);
    err = cup_store_priv_open_parent(store, name, true, &folder_fd, &leaf, out_fault);
    if (err != CUP_OK) return err;
    int fd = openat(folder_fd, leaf, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) err = cup_fault_set(out_fault, CUP_IO, "open lock", name);
    close(folder_fd);
    if (err != CUP_OK) return err;
    if (lock_patiently(fd) != 0) {
        if (errno == EWOULDBLOCK) {
            read_holder(fd, name, where);
            err = cup_fault_set(out_fault, CUP_LOCKED, "lock", where);
        } else {
            err = cup_fault_set(out_fault, CUP_IO, "lock", name);
        }
        close(fd);
        return err;
    }
    write_holder(fd);
    store->lock_fd = fd;
    return CUP_OK;
}
