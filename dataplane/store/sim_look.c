// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/store/sim_priv.h"

uint32_t cup_sim_priv_walk(const struct cup_disk_sim *sim, uint32_t from, const char *path)
{
    char part[NAME_MAX + 1];

    if (path[0] == '/') from = CUP_SIM_ROOT;
    for (path += strspn(path, "/"); path[0] != '\0'; path += strspn(path, "/")) {
        size_t bytes = strcspn(path, "/");
        if (!sim->slots[from].inode->folder || bytes > NAME_MAX) return 0;
        memcpy(part, path, bytes);
        part[bytes] = '\0';
        path += bytes;
        if (strcmp(part, ".") == 0) continue;
        const struct cup_sim_entry *entry = cup_sim_priv_entry(sim->slots[from].inode, part);
        if (entry == NULL || entry->seen == 0) return 0;
        from = entry->seen;
    }
    return from;
}

struct cup_disk_sim_info cup_disk_sim_info(const struct cup_disk *disk)
{
    const struct cup_disk_sim *sim = cup_sim_priv_of(disk);

    return (struct cup_disk_sim_info){.number      = sim->number,
                                      .operations  = sim->operations,
                                      .used_bytes  = sim->used_bytes,
                                      .descriptors = sim->open_count,
                                      .ended       = sim->ended};
}

bool cup_disk_sim_read(const struct cup_disk *disk, const char *path, const void **out_bytes,
                       size_t *out_count)
{
    const struct cup_disk_sim *sim    = cup_sim_priv_of(disk);
    uint32_t                   number = cup_sim_priv_walk(sim, CUP_SIM_ROOT, path);

    if (number == 0 || sim->slots[number].inode->folder) return false;
    const struct cup_sim_span *span = &sim->slots[number].inode->seen;
    *out_bytes                      = span->blob == NULL ? (const void *)"" : span->blob->bytes;
    *out_count                      = span->bytes;
    return true;
}

bool cup_disk_sim_list(const struct cup_disk *disk, const char         *path,
                       void (*each)(void *arg, const char *name), void *arg)
{
    const struct cup_disk_sim *sim    = cup_sim_priv_of(disk);
    uint32_t                   number = cup_sim_priv_walk(sim, CUP_SIM_ROOT, path);

    if (number == 0 || !sim->slots[number].inode->folder) return false;
    const struct cup_sim_inode *folder = sim->slots[number].inode;
    for (uint32_t i = 0; i < folder->entry_count; i++)
        if (folder->entries[i].seen != 0) each(arg, folder->entries[i].name->text);
    return true;
}

/* --- export --- */

struct pending { /* a folder to be written */
    uint32_t number;
    int      fd;
};

static bool export_file(const struct cup_sim_inode *file, int fd, const char *name)
{
    int    to = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    size_t at = 0;

    while (to >= 0 && at < file->seen.bytes) {
        ssize_t count = write(to, file->seen.blob->bytes + at, file->seen.bytes - at);
        if (count <= 0) break;
        at += (size_t)count;
    }
    return to >= 0 && close(to) == 0 && at == file->seen.bytes;
}

static int make_folder(int fd, const char *name)
{
    if (mkdirat(fd, name, 0700) != 0) return -1;
    return openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Closes folder.fd; folders in it are put on the stack. */
static bool export_folder(const struct cup_disk_sim *sim, struct pending folder,
                          struct pending *stack, uint32_t *depth)
{
    const struct cup_sim_inode *inode = sim->slots[folder.number].inode;
    bool                        ok    = true;

    for (uint32_t i = 0; ok && i < inode->entry_count; i++) {
        const struct cup_sim_entry *entry = &inode->entries[i];
        if (entry->seen == 0) continue;
        const struct cup_sim_inode *child = sim->slots[entry->seen].inode;
        if (child->folder) {
            int fd = make_folder(folder.fd, entry->name->text);
            ok     = fd >= 0;
            if (ok) stack[(*depth)++] = (struct pending){.number = entry->seen, .fd = fd};
        } else {
            ok = export_file(child, folder.fd, entry->name->text);
        }
    }
    close(folder.fd);
    return ok;
}

enum cup_err cup_disk_sim_export(const struct cup_disk *disk, const char *path, const char *folder,
                                 struct cup_fault *out_fault)
{
    const struct cup_disk_sim *sim   = cup_sim_priv_of(disk);
    struct pending            *stack = cup_sim_priv_memory(NULL, sim->slot_count * sizeof *stack);
    uint32_t                   depth = 1;

    stack[0] = (struct pending){.number = cup_sim_priv_walk(sim, CUP_SIM_ROOT, path),
                                .fd     = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    CUP_ASSERT(stack[0].number != 0 && sim->slots[stack[0].number].inode->folder);
    bool ok = stack[0].fd >= 0;
    while (ok && depth > 0) {
        struct pending next = stack[--depth];
        ok                  = export_folder(sim, next, stack, &depth);
    }
    enum cup_err err = ok ? CUP_OK : cup_fault_set(out_fault, CUP_IO, "export", folder);
    while (!ok && depth > 0)
        close(stack[--depth].fd); /* only a folder; -1 is harmless */
    free(stack);
    return err;
}
