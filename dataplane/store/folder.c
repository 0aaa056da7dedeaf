// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* More are forgotten after a sync; forgetting costs a few fsyncs when they are used again. */
#define FOLDERS_MAX  16384u
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* --- names --- */

void cup_store_priv_check(const char *name)
{
    CUP_ASSERT(name[0] != '\0' && strlen(name) < CUP_STORE_NAME_BYTES);
    for (const char *at = name;; at++) {
        size_t bytes = strcspn(at, "/");
        CUP_ASSERT(bytes > 0);
        CUP_ASSERT(!(bytes == 1 && at[0] == '.') && !(bytes == 2 && at[0] == '.' && at[1] == '.'));
        at += bytes;
        if (*at == '\0') return;
    }
}

/* Zones that a domain shares with its consumers. */
static bool is_shared(const char *name)
{
    const char *zone = strchr(name, '/');

    if (zone == NULL || strncmp(name, "_cupel/", 7) == 0) return false;
    size_t bytes = strcspn(zone + 1, "/");
    return (bytes == 6 && memcmp(zone + 1, "silver", 6) == 0) ||
           (bytes == 4 && memcmp(zone + 1, "gold", 4) == 0);
}

unsigned cup_store_priv_file_mode(const char *name)
{
    return is_shared(name) ? 0640 : CUP_STORE_STAGED_MODE;
}

static unsigned folder_mode(const char *name)
{
    bool is_domain = strchr(name, '/') == NULL && strcmp(name, "_cupel") != 0;

    return is_domain || is_shared(name) ? 0750 : 0700;
}

const char *cup_store_priv_leaf(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash == NULL ? name : slash + 1;
}

/* The folder of name, "" for the lake itself. */
static void put_parent(const char *name, char out_parent[CUP_STORE_NAME_BYTES])
{
    size_t bytes = (size_t)(cup_store_priv_leaf(name) - name);

    bytes -= bytes > 0; /* the slash */
    CUP_ASSERT(bytes < CUP_STORE_NAME_BYTES);
    memcpy(out_parent, name, bytes);
    out_parent[bytes] = '\0';
}

/* Cuts the next part of path at *at and moves behind it; false at the end. */
static bool next_part(const char *path, size_t *at, char *part, size_t part_cap)
{
    *at += strspn(path + *at, "/");
    size_t bytes = strcspn(path + *at, "/");

    CUP_ASSERT(bytes < part_cap);
    memcpy(part, path + *at, bytes);
    part[bytes] = '\0';
    *at += bytes;
    return bytes > 0;
}

/* --- names to descriptors --- */

static int64_t open_part(struct cup_disk *disk, int above, const char *part, int flags)
{
    return cup_store_priv_run(
        disk, (struct cup_disk_op){
                  .kind = CUP_DISK_OPEN, .fd = above, .name = part, .flags = FOLDER_FLAGS | flags});
}

static int64_t make_part(struct cup_disk *disk, int above, const char *part, unsigned mode)
{
    return cup_store_priv_run(
        disk,
        (struct cup_disk_op){.kind = CUP_DISK_MKDIR, .fd = above, .name = part, .mode = mode});
}

static int64_t sync_fd(struct cup_disk *disk, int fd)
{
    return cup_store_priv_run(disk, (struct cup_disk_op){.kind = CUP_DISK_SYNC, .fd = fd});
}

/* Who made it may have died before its name was durable: it is synced in any case. A file system
 * that cannot sync its folders, or not now, has no new names. */
static int64_t make_step(struct cup_disk *disk, int above, const char *part)
{
    int64_t made = make_part(disk, above, part, 0750);

    if (made != 0 && made != -EEXIST) return made;
    int64_t synced = sync_fd(disk, above);
    return made == -EEXIST && (synced == -EINVAL || synced == -EROFS) ? 0 : synced;
}

int64_t cup_store_priv_open_path(struct cup_disk *disk, const char *path, bool make)
{
    char    part[NAME_MAX + 1];
    size_t  at = 0;
    int64_t result;

    CUP_ASSERT(path[0] != '\0');
    for (const char *from = path; *from != '\0'; from += strspn(from, "/")) {
        size_t bytes = strcspn(from, "/");
        if (bytes > NAME_MAX) return -ENAMETOOLONG;
        from += bytes;
    }
    result = open_part(disk, AT_FDCWD, path[0] == '/' ? "/" : ".", 0);
    while (result >= 0 && next_part(path, &at, part, sizeof part)) {
        int above = (int)result;
        result    = make ? make_step(disk, above, part) : 0;
        if (result == 0) result = open_part(disk, above, part, 0);
        cup_store_priv_close(disk, above);
    }
    return result;
}

enum cup_err cup_store_priv_open_folder(struct cup_store *store, const char *name, int *out_fd,
                                        struct cup_fault *out_fault)
{
    char    part[CUP_STORE_NAME_BYTES];
    size_t  at     = 0;
    int64_t result = store->lake_fd;

    if (name[0] == '\0') result = open_part(store->disk, store->lake_fd, ".", 0);
    while (result >= 0 && next_part(name, &at, part, sizeof part)) {
        int above = (int)result;
        result    = open_part(store->disk, above, part, O_NOFOLLOW);
        if (above != store->lake_fd) cup_store_priv_close(store->disk, above);
    }
    if (result < 0)
        return cup_store_priv_fail(out_fault, result == -ENOENT ? CUP_NOT_FOUND : CUP_IO, result,
                                   "open folder", name);
    *out_fd = (int)result;
    return CUP_OK;
}

enum cup_err cup_store_priv_open_parent(struct cup_store *store, const char *name, int *out_fd,
                                        const char **out_leaf, struct cup_fault *out_fault)
{
    char parent[CUP_STORE_NAME_BYTES];

    cup_store_priv_check(name);
    put_parent(name, parent);
    enum cup_err err = cup_store_priv_open_folder(store, parent, out_fd, out_fault);
    if (err == CUP_OK) *out_leaf = cup_store_priv_leaf(name);
    return err;
}

/* --- folders in use --- */

static struct cup_store_folder **find_bucket(struct cup_store *store, const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (const char *at = name; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    return &store->buckets[hash & (CUP_STORE_BUCKETS - 1)];
}

static struct cup_store_folder *find_folder(struct cup_store *store, const char *name)
{
    struct cup_store_folder *folder = *find_bucket(store, name);

    while (folder != NULL && strcmp(folder->name, name) != 0)
        folder = folder->next;
    return folder;
}

void cup_store_priv_touch(struct cup_store *store, struct cup_store_folder *folder)
{
    if (folder->dirty) return;
    CUP_ASSERT(store->dirty_count < store->dirty_cap);
    folder->dirty                      = true;
    store->dirty[store->dirty_count++] = folder;
}

/* The folder above is dirty: who made this one may have died before its name was durable. */
static struct cup_store_folder *add_folder(struct cup_store *store, const char *name,
                                           struct cup_store_folder *above)
{
    size_t bytes = strlen(name) + 1;

    if (store->folder_count == store->dirty_cap) {
        uint32_t cap   = store->dirty_cap == 0 ? 64 : 2 * store->dirty_cap;
        void    *dirty = realloc(store->dirty, cap * sizeof(struct cup_store_folder *));
        if (dirty == NULL) return NULL;
        store->dirty     = dirty;
        store->dirty_cap = cap;
    }
    struct cup_store_folder *folder = malloc(sizeof *folder + bytes);
    if (folder == NULL) return NULL;
    struct cup_store_folder **bucket = find_bucket(store, name);
    *folder = (struct cup_store_folder){.next = *bucket, .above = above, .fd = -1};
    memcpy(folder->name, name, bytes);
    *bucket = folder;
    store->folder_count++;
    if (above != NULL) cup_store_priv_touch(store, above);
    return folder;
}

static enum cup_err note_folder(struct cup_store *store, const char *name,
                                struct cup_store_folder **out_folder, struct cup_fault *out_fault)
{
    char                     whole[CUP_STORE_NAME_BYTES];
    size_t                   at     = 0;
    struct cup_store_folder *folder = find_folder(store, name), *above = NULL;

    while (folder == NULL || strcmp(folder->name, name) != 0) {
        memcpy(whole, name, at); /* from the lake down, one part more each time */
        whole[at] = '\0';
        folder    = find_folder(store, whole);
        if (folder == NULL) folder = add_folder(store, whole, above);
        if (folder == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "note folder", name);
        above = folder;
        at += name[at] == '/';
        at += strcspn(name + at, "/");
    }
    *out_folder = folder;
    return CUP_OK;
}

enum cup_err cup_store_priv_note_parent(struct cup_store *store, const char *name,
                                        struct cup_store_folder **out_folder,
                                        struct cup_fault         *out_fault)
{
    char parent[CUP_STORE_NAME_BYTES];

    cup_store_priv_check(name);
    put_parent(name, parent);
    return note_folder(store, parent, out_folder, out_fault);
}

void cup_store_priv_forget_folders(struct cup_store *store)
{
    CUP_ASSERT(store->held_count == 0);
    for (uint32_t i = 0; i < CUP_STORE_BUCKETS; i++) {
        while (store->buckets[i] != NULL) {
            struct cup_store_folder *next = store->buckets[i]->next;
            free(store->buckets[i]);
            store->buckets[i] = next;
        }
    }
    free(store->dirty);
    store->dirty       = NULL;
    store->dirty_count = store->dirty_cap = store->folder_count = 0;
}

/* --- making folders --- */

/* The process's umask must not decide who may read: the mode is set once more. A set-group-ID bit
 * that the folder inherited stays: it is how operators give a tree a group. */
static int64_t fix_mode(struct cup_disk *disk, int above, const char *part, unsigned mode)
{
    struct cup_disk_info info;
    int                  result = disk->ops->info(disk, above, part, &info);

    if (result != 0) return result;
    mode |= info.mode & S_ISGID;
    if (info.mode == mode) return 0;
    return cup_store_priv_run(
        disk,
        (struct cup_disk_op){.kind = CUP_DISK_CHMOD, .fd = above, .name = part, .mode = mode});
}

/* Opens the folder whose name in the folder above is `part`; makes it if missing. If it is known
 * then somebody removed it; for the others the folder above is dirty as soon as they are noted. */
static int64_t step_down(struct cup_store *store, int above, const char *part, const char *whole)
{
    int64_t fd = open_part(store->disk, above, part, O_NOFOLLOW);

    if (fd != -ENOENT) return fd;
    int64_t made = make_part(store->disk, above, part, folder_mode(whole));
    if (made != 0 && made != -EEXIST) return made;
    if (made == 0) {
        struct cup_store_folder *folder = find_folder(store, whole);
        if (folder != NULL) cup_store_priv_touch(store, folder->above);
        made = fix_mode(store->disk, above, part, folder_mode(whole));
        if (made != 0) return made;
    }
    return open_part(store->disk, above, part, O_NOFOLLOW);
}

static int64_t open_or_make(struct cup_store *store, const char *name)
{
    char    part[CUP_STORE_NAME_BYTES], whole[CUP_STORE_NAME_BYTES];
    size_t  at     = 0;
    int64_t result = store->lake_fd;

    if (name[0] == '\0') return open_part(store->disk, store->lake_fd, ".", 0);
    while (result >= 0 && next_part(name, &at, part, sizeof part)) {
        int above = (int)result;
        memcpy(whole, name, at);
        whole[at] = '\0';
        result    = step_down(store, above, part, whole);
        if (above != store->lake_fd) cup_store_priv_close(store->disk, above);
    }
    return result;
}

static void hold(struct cup_store *store, struct cup_store_folder *folder, int64_t fd)
{
    CUP_ASSERT(store->held_count < CUP_STORE_PIECE);
    folder->fd                       = (int)fd;
    store->held[store->held_count++] = folder;
}

enum cup_err cup_store_priv_hold_parent(struct cup_store *store, const char *name,
                                        struct cup_store_folder **out_folder,
                                        struct cup_fault         *out_fault)
{
    char                     parent[CUP_STORE_NAME_BYTES];
    struct cup_store_folder *folder;

    cup_store_priv_check(name);
    put_parent(name, parent);
    folder = find_folder(store, parent);
    if (folder == NULL || folder->fd < 0) {
        int64_t fd = open_or_make(store, parent);
        if (fd < 0) return cup_store_priv_fail(out_fault, CUP_IO, fd, "make folder", parent);
        enum cup_err err = note_folder(store, parent, &folder, out_fault); /* now it is there */
        if (err != CUP_OK) {
            cup_store_priv_close(store->disk, (int)fd);
            return err;
        }
        hold(store, folder, fd);
    }
    *out_folder = folder;
    return CUP_OK;
}

void cup_store_priv_release(struct cup_store *store)
{
    struct cup_disk_op ops[CUP_STORE_PIECE];

    for (uint32_t i = 0; i < store->held_count; i++) {
        ops[i]             = (struct cup_disk_op){.kind = CUP_DISK_CLOSE, .fd = store->held[i]->fd};
        store->held[i]->fd = -1;
    }
    store->disk->ops->run(store->disk, ops, store->held_count); /* only folders: nothing to lose */
    store->held_count = 0;
}

/* --- syncing --- */

void cup_store_priv_want(struct cup_store_folder *folder)
{
    for (; folder != NULL; folder = folder->above)
        folder->wanted = folder->dirty;
}

/* What the folder holds can no longer be proved: every sync from now on says so. Opening the lake
 * anew looks at what is there. */
static void lose(struct cup_store *store, struct cup_store_folder *folder, int64_t result)
{
    store->lost  = true;
    folder->lost = result;
}

/* Syncs folders that are not dirty any more: a sync is never repeated, also if it failed. */
static void sync_piece(struct cup_store *store, struct cup_store_folder **folders, uint32_t count)
{
    struct cup_disk_op ops[CUP_STORE_PIECE];
    uint32_t           opened = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct cup_fault fault;
        int              fd;
        enum cup_err     err = cup_store_priv_open_folder(store, folders[i]->name, &fd, &fault);
        if (err != CUP_OK) {
            lose(store, folders[i], fault.os_errno == 0 ? -ENOENT : -(int64_t)fault.os_errno);
            continue;
        }
        ops[opened++] = (struct cup_disk_op){.kind = CUP_DISK_SYNC, .fd = fd};
        hold(store, folders[i], fd);
    }
    store->disk->ops->run(store->disk, ops, opened);
    for (uint32_t i = 0; i < opened; i++)
        if (ops[i].result < 0) lose(store, store->held[i], ops[i].result);
    cup_store_priv_release(store);
}

void cup_store_priv_sync_wanted(struct cup_store *store)
{
    uint32_t kept = 0, end = store->dirty_count;

    for (uint32_t i = 0; i < end; i++) { /* those that stay dirty first */
        struct cup_store_folder *folder = store->dirty[i];
        if (folder->wanted) continue;
        store->dirty[i]      = store->dirty[kept];
        store->dirty[kept++] = folder;
    }
    store->dirty_count = kept;
    for (uint32_t i = kept; i < end; i++)
        store->dirty[i]->wanted = store->dirty[i]->dirty = false;
    for (uint32_t at = kept; at < end; at += CUP_STORE_PIECE) {
        uint32_t count = end - at < CUP_STORE_PIECE ? end - at : CUP_STORE_PIECE;
        sync_piece(store, store->dirty + at, count);
    }
}

enum cup_err cup_store_priv_synced(const struct cup_store_folder *folder,
                                   struct cup_fault              *out_fault)
{
    for (; folder != NULL; folder = folder->above)
        if (folder->lost < 0)
            return cup_store_priv_fail(out_fault, CUP_IO, folder->lost, "sync folder",
                                       folder->name);
    return CUP_OK;
}

enum cup_err cup_store_sync(struct cup_store *store, struct cup_fault *out_fault)
{
    enum cup_err err   = CUP_OK;
    uint32_t     count = store->dirty_count;

    for (uint32_t i = 0; i < count; i++)
        store->dirty[i]->wanted = true;
    cup_store_priv_sync_wanted(store);
    for (uint32_t i = 0; err == CUP_OK && i < count; i++)
        err = cup_store_priv_synced(store->dirty[i], out_fault);
    if (store->folder_count > FOLDERS_MAX && !store->lost) cup_store_priv_forget_folders(store);
    return err;
}

enum cup_err cup_store_sync_folder(struct cup_store *store, const char *folder,
                                   struct cup_fault *out_fault)
{
    int fd;

    struct cup_store_folder *noted;

    if (cup_store_priv_is_object(store, folder)) return CUP_OK;
    cup_store_priv_check(folder);
    enum cup_err err = cup_store_priv_open_folder(store, folder, &fd, out_fault);
    if (err != CUP_OK) return err; /* a folder that is not there must not be noted */
    cup_store_priv_close(store->disk, fd);
    err = note_folder(store, folder, &noted, out_fault);
    if (err != CUP_OK) return err;
    cup_store_priv_touch(store, noted);
    cup_store_priv_want(noted);
    cup_store_priv_sync_wanted(store);
    return cup_store_priv_synced(noted, out_fault);
}
