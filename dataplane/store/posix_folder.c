// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    return is_shared(name) ? 0640 : 0600;
}

static mode_t folder_mode(const char *name)
{
    bool is_domain = strchr(name, '/') == NULL && strcmp(name, "_cupel") != 0;

    return is_domain || is_shared(name) ? 0750 : 0700;
}

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

static enum cup_err add_folder(struct cup_store *store, const char *name,
                               struct cup_fault *out_fault)
{
    size_t                   bytes  = strlen(name) + 1;
    struct cup_store_folder *folder = malloc(sizeof *folder + bytes);

    if (folder == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "note folder", name);
    struct cup_store_folder **bucket = find_bucket(store, name);
    *folder                          = (struct cup_store_folder){.next = *bucket, .dirty = true};
    memcpy(folder->name, name, bytes);
    *bucket = folder;
    return CUP_OK;
}

/* The folder of name[0..], "" for the lake itself. */
static void put_parent(const char *name, char out_parent[CUP_STORE_NAME_BYTES])
{
    const char *slash = strrchr(name, '/');
    size_t      bytes = slash == NULL ? 0 : (size_t)(slash - name);

    CUP_ASSERT(bytes < CUP_STORE_NAME_BYTES);
    memcpy(out_parent, name, bytes);
    out_parent[bytes] = '\0';
}

/* A folder new to this process: its name in its parent may not be durable, whoever made it. */
static enum cup_err note_folder(struct cup_store *store, const char *name,
                                struct cup_fault *out_fault)
{
    char         parent[CUP_STORE_NAME_BYTES];
    enum cup_err err = CUP_OK;

    if (find_folder(store, name) != NULL) return CUP_OK;
    if (name[0] != '\0') {
        put_parent(name, parent);
        struct cup_store_folder *above = find_folder(store, parent);
        if (above != NULL)
            above->dirty = true;
        else
            err = add_folder(store, parent, out_fault);
    }
    return err == CUP_OK ? add_folder(store, name, out_fault) : err;
}

enum cup_err cup_store_priv_touch(struct cup_store *store, const char *name,
                                  struct cup_fault *out_fault)
{
    char parent[CUP_STORE_NAME_BYTES];

    put_parent(name, parent);
    struct cup_store_folder *folder = find_folder(store, parent);
    if (folder == NULL) return add_folder(store, parent, out_fault);
    folder->dirty = true;
    return CUP_OK;
}

void cup_store_priv_forget_folders(struct cup_store *store)
{
    for (uint32_t i = 0; i < CUP_STORE_BUCKETS; i++) {
        while (store->buckets[i] != NULL) {
            struct cup_store_folder *next = store->buckets[i]->next;
            free(store->buckets[i]);
            store->buckets[i] = next;
        }
    }
}

/* The process's umask must not decide who may read: the mode is set once more. A set-group-ID bit
 * that the folder inherited stays: it is how operators give a tree a group. */
static enum cup_err fix_mode(int fd, const char *name, struct cup_fault *out_fault)
{
    struct stat info;

    if (fstat(fd, &info) != 0 || fchmod(fd, folder_mode(name) | (info.st_mode & S_ISGID)) != 0)
        return cup_fault_set(out_fault, CUP_IO, "set folder mode", name);
    return CUP_OK;
}

/* Opens `part` in the folder above_fd; name is its whole name, for modes and messages. */
static enum cup_err step_down(int above_fd, const char *part, const char *name, bool make,
                              int *out_fd, struct cup_fault *out_fault)
{
    const int    flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int          fd    = openat(above_fd, part, flags);
    enum cup_err err   = CUP_OK;

    if (fd < 0 && errno == ENOENT && make) {
        bool made = mkdirat(above_fd, part, folder_mode(name)) == 0;
        if (!made && errno != EEXIST) return cup_fault_set(out_fault, CUP_IO, "make folder", name);
        fd = openat(above_fd, part, flags);
        if (fd >= 0 && made) err = fix_mode(fd, name, out_fault);
    }
    if (fd < 0)
        return cup_fault_set(out_fault, errno == ENOENT ? CUP_NOT_FOUND : CUP_IO, "open folder",
                             name);
    if (err != CUP_OK)
        close(fd);
    else
        *out_fd = fd;
    return err;
}

enum cup_err cup_store_priv_open_folder(struct cup_store *store, const char *name, bool make,
                                        int *out_fd, struct cup_fault *out_fault)
{
    char         part[CUP_STORE_NAME_BYTES] = "", whole[CUP_STORE_NAME_BYTES] = "";
    enum cup_err err = CUP_OK;
    int          fd  = openat(store->lake_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) return cup_fault_set(out_fault, CUP_IO, "open lake", NULL);
    if (make) err = note_folder(store, "", out_fault);
    for (size_t at = 0; err == CUP_OK && name[at] != '\0';) {
        size_t bytes = strcspn(name + at, "/");
        int    next  = -1;
        memcpy(part, name + at, bytes);
        part[bytes] = '\0';
        at += bytes;
        memcpy(whole, name, at);
        whole[at] = '\0';
        at += name[at] == '/';
        err = step_down(fd, part, whole, make, &next, out_fault);
        if (err == CUP_OK) {
            close(fd);
            fd = next;
            if (make) err = note_folder(store, whole, out_fault);
        }
    }
    if (err != CUP_OK)
        close(fd);
    else
        *out_fd = fd;
    return err;
}

enum cup_err cup_store_priv_open_parent(struct cup_store *store, const char *name, bool make,
                                        int *out_fd, const char **out_leaf,
                                        struct cup_fault *out_fault)
{
    char parent[CUP_STORE_NAME_BYTES];

    cup_store_priv_check(name);
    put_parent(name, parent);
    enum cup_err err = cup_store_priv_open_folder(store, parent, make, out_fd, out_fault);
    if (err == CUP_OK) *out_leaf = parent[0] == '\0' ? name : name + strlen(parent) + 1;
    return err;
}

enum cup_err cup_store_sync_folder(struct cup_store *store, const char *folder,
                                   struct cup_fault *out_fault)
{
    int          fd;
    enum cup_err err = cup_store_priv_open_folder(store, folder, false, &fd, out_fault);

    if (err != CUP_OK) return err;
    if (fsync(fd) != 0) err = cup_fault_set(out_fault, CUP_IO, "sync folder", folder);
    close(fd);
    return err;
}

enum cup_err cup_store_sync(struct cup_store *store, struct cup_fault *out_fault)
{
    for (uint32_t i = 0; i < CUP_STORE_BUCKETS; i++) {
        for (struct cup_store_folder *at = store->buckets[i]; at != NULL; at = at->next) {
            if (!at->dirty) continue;
            at->dirty        = false; /* also on failure: a sync is never repeated */
            enum cup_err err = cup_store_sync_folder(store, at->name, out_fault);
            if (err != CUP_OK) return err;
        }
    }
    return CUP_OK;
}
