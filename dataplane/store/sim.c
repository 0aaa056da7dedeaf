// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/store/sim_priv.h"

/* --- descriptors --- */

static struct cup_sim_fd *fd_of(struct cup_disk_sim *sim, int fd)
{
    uint32_t at = (uint32_t)(fd - CUP_SIM_FD_FIRST);

    return fd >= CUP_SIM_FD_FIRST && at < sim->fd_count && sim->fds[at].inode != 0 ? &sim->fds[at]
                                                                                   : NULL;
}

/* The folder that names are relative to; 0: fd is none. */
static uint32_t base_of(struct cup_disk_sim *sim, int fd)
{
    struct cup_sim_fd *open = fd_of(sim, fd);

    if (fd == AT_FDCWD) return CUP_SIM_ROOT;
    return open != NULL ? open->inode : 0;
}

/* Gives its length. */
static size_t put_path(struct cup_disk_sim *sim, int fd, const char *name,
                       char out_path[CUP_DISK_SIM_PATH_BYTES])
{
    const struct cup_sim_fd *open  = fd_of(sim, fd);
    const char              *base  = open == NULL || name[0] == '/' ? "" : open->path;
    size_t                   bytes = strlen(base);

    while (*name == '/')
        name++;
    size_t more = strcmp(name, ".") == 0 ? 0 : strlen(name);
    CUP_ASSERT(bytes + 1 + more < CUP_DISK_SIM_PATH_BYTES);
    memcpy(out_path, base, bytes);
    if (bytes > 0 && more > 0) out_path[bytes++] = '/';
    memcpy(out_path + bytes, name, more);
    out_path[bytes + more] = '\0';
    return bytes + more;
}

static int64_t open_inode(struct cup_disk_sim *sim, uint32_t inode, bool writes, int fd,
                          const char *name)
{
    char     path[CUP_DISK_SIM_PATH_BYTES];
    uint32_t at = 0;

    size_t bytes = put_path(sim, fd, name, path) + 1;
    while (at < sim->fd_count && sim->fds[at].inode != 0)
        at++;
    if (at == sim->fd_count) {
        if (sim->fd_count == sim->fd_cap) {
            sim->fd_cap = sim->fd_cap == 0 ? 16 : sim->fd_cap * 2;
            sim->fds    = cup_sim_priv_memory(sim->fds, sim->fd_cap * sizeof *sim->fds);
        }
        sim->fd_count++;
    }
    char *kept = cup_sim_priv_memory(NULL, bytes);
    memcpy(kept, path, bytes);
    sim->fds[at] = (struct cup_sim_fd){.inode = inode, .writes = writes, .path = kept};
    sim->slots[inode].opens++;
    sim->open_count++;
    return CUP_SIM_FD_FIRST + (int64_t)at;
}

/* What nobody can reach takes no room. */
static void release(struct cup_disk_sim *sim, uint32_t number)
{
    const struct cup_sim_slot *slot = &sim->slots[number];

    if (slot->links == 0 && slot->opens == 0 && number != CUP_SIM_ROOT)
        sim->used_bytes -= CUP_SIM_INODE_BYTES + slot->inode->seen.bytes;
}

static int64_t do_close(struct cup_disk_sim *sim, int fd)
{
    struct cup_sim_fd *open = fd_of(sim, fd);

    if (open == NULL) return -EBADF;
    uint32_t number = open->inode;
    if (sim->slots[number].lock_fd == fd) sim->slots[number].lock_fd = 0;
    sim->slots[number].opens--;
    sim->open_count--;
    free(open->path);
    *open = (struct cup_sim_fd){0};
    release(sim, number);
    return 0;
}

/* --- names --- */

static bool has_room(const struct cup_disk_sim *sim, uint64_t bytes)
{
    return sim->bytes_max == 0 || sim->used_bytes + bytes <= sim->bytes_max;
}

static bool is_folder(const struct cup_disk_sim *sim, uint32_t number)
{
    return number != 0 && sim->slots[number].inode->folder;
}

static uint32_t seen(const struct cup_disk_sim *sim, uint32_t folder, const char *name)
{
    const struct cup_sim_entry *entry = cup_sim_priv_entry(sim->slots[folder].inode, name);

    return entry == NULL ? 0 : entry->seen;
}

/* A new file or folder `name`. What lies below a folder _cupel is a file system in any mode. */
static int64_t do_make(struct cup_disk_sim *sim, uint32_t folder, const char *name,
                       bool makes_folder, unsigned mode, uint32_t *out_number)
{
    bool object = sim->slots[folder].inode->object;

    if (object && !makes_folder) return -EOPNOTSUPP;
    if (!has_room(sim, CUP_SIM_INODE_BYTES)) return -ENOSPC;
    uint32_t number                  = cup_sim_priv_make(sim, makes_folder, mode);
    sim->slots[number].inode->object = object && strcmp(name, "_cupel") != 0;
    cup_sim_priv_lead(sim, folder, name, number);
    *out_number = number;
    return 0;
}

static int64_t do_open(struct cup_disk_sim *sim, const struct cup_disk_op *op)
{
    uint32_t base   = base_of(sim, op->fd), number;
    bool     writes = (op->flags & O_ACCMODE) != O_RDONLY, made = false;

    if (base == 0) return -EBADF;
    if (!is_folder(sim, base)) return -ENOTDIR;
    number = cup_sim_priv_walk(sim, base, op->name);
    if (number == 0) {
        if ((op->flags & O_CREAT) == 0) return -ENOENT;
        CUP_ASSERT(strchr(op->name, '/') == NULL);
        int64_t result = do_make(sim, base, op->name, false, op->mode, &number);
        if (result != 0) return result;
        made = true;
    }
    if (!made && (op->flags & O_CREAT) != 0 && (op->flags & O_EXCL) != 0) return -EEXIST;
    if (is_folder(sim, number) ? writes : (op->flags & O_DIRECTORY) != 0)
        return writes ? -EISDIR : -ENOTDIR;
    if ((op->flags & O_TRUNC) != 0) cup_sim_priv_resize(sim, number, 0, NULL, 0);
    return open_inode(sim, number, writes, op->fd, op->name);
}

static int64_t do_mkdir(struct cup_disk_sim *sim, const struct cup_disk_op *op)
{
    uint32_t base = base_of(sim, op->fd), number;

    if (!is_folder(sim, base)) return base == 0 ? -EBADF : -ENOTDIR;
    if (seen(sim, base, op->name) != 0) return -EEXIST;
    return do_make(sim, base, op->name, true, op->mode, &number);
}

static int64_t do_chmod(struct cup_disk_sim *sim, const struct cup_disk_op *op)
{
    uint32_t base   = base_of(sim, op->fd);
    uint32_t number = is_folder(sim, base) ? cup_sim_priv_walk(sim, base, op->name) : 0;

    if (number == 0) return base == 0 ? -EBADF : -ENOENT;
    cup_sim_priv_own(sim, number)->mode = op->mode;
    return 0;
}

static int64_t do_unlink(struct cup_disk_sim *sim, uint32_t folder, const char *name)
{
    if (!is_folder(sim, folder)) return folder == 0 ? -EBADF : -ENOTDIR;
    uint32_t number = seen(sim, folder, name);
    if (number == 0) return -ENOENT;
    if (is_folder(sim, number)) return -EISDIR;
    cup_sim_priv_lead(sim, folder, name, 0);
    release(sim, number);
    return 0;
}

/* LINK and RENAME: two changes of folders, each of which may survive alone. */
static int64_t do_link(struct cup_disk_sim *sim, const struct cup_disk_op *op)
{
    uint32_t from = base_of(sim, op->fd), to = base_of(sim, op->to_fd);
    bool     moves = op->kind == CUP_DISK_RENAME;

    if (!is_folder(sim, from) || !is_folder(sim, to)) return -EBADF;
    uint32_t number = seen(sim, from, op->name), old = seen(sim, to, op->to_name);
    if (number == 0) return -ENOENT;
    if (sim->slots[to].inode->object || sim->slots[from].inode->object) return -EOPNOTSUPP;
    if (old != 0 && !moves) return -EEXIST;
    if (is_folder(sim, number) || is_folder(sim, old)) return -EISDIR;
    if (!has_room(sim, 1)) return -ENOSPC;
    if (old == number) return 0;
    cup_sim_priv_lead(sim, to, op->to_name, number);
    if (old != 0) release(sim, old);
    if (moves) cup_sim_priv_lead(sim, from, op->name, 0);
    return 0;
}

/* --- files --- */

static int64_t do_read(struct cup_disk_sim *sim, const struct cup_disk_op *op, size_t most)
{
    const struct cup_sim_fd *open = fd_of(sim, op->fd);

    if (open == NULL) return -EBADF;
    if (is_folder(sim, open->inode)) return -EISDIR;
    const struct cup_sim_span *span = &sim->slots[open->inode].inode->seen;
    if (op->at >= span->bytes) return 0;
    size_t count = span->bytes - op->at;
    if (count > op->count) count = op->count;
    if (count > most) count = most;
    memcpy(op->into, span->blob->bytes + op->at, count);
    return (int64_t)count;
}

/* A file system writes what there is room for, and says no only to the rest. */
static int64_t do_write(struct cup_disk_sim *sim, const struct cup_disk_op *op, size_t most)
{
    const struct cup_sim_fd *open  = fd_of(sim, op->fd);
    size_t                   count = op->count < most ? op->count : most;

    if (open == NULL || !open->writes) return -EBADF;
    size_t bytes = sim->slots[open->inode].inode->seen.bytes;
    if (op->at + count > bytes && !has_room(sim, op->at + count - bytes)) {
        uint64_t room = sim->bytes_max > sim->used_bytes ? sim->bytes_max - sim->used_bytes : 0;
        if (bytes + room <= op->at) return -ENOSPC;
        count = bytes + room - op->at;
    }
    cup_sim_priv_resize(sim, open->inode, op->at, op->bytes, count);
    return (int64_t)count;
}

static int64_t do_sync(struct cup_disk_sim *sim, int fd)
{
    uint32_t number = base_of(sim, fd);

    if (number == 0) return -EBADF;
    cup_sim_priv_settle(sim, number);
    return 0;
}

static int64_t do_cut(struct cup_disk_sim *sim, const struct cup_disk_op *op)
{
    const struct cup_sim_fd *open = fd_of(sim, op->fd);

    if (open == NULL || !open->writes) return -EBADF;
    cup_sim_priv_resize(sim, open->inode, op->at, NULL, 0);
    return 0;
}

/* Object stores have no folders: what is missing of the path comes with the object. */
static int64_t do_put(struct cup_disk_sim *sim, const struct cup_disk_op *op)
{
    uint32_t    folder = base_of(sim, op->to_fd), number;
    const char *name   = op->to_name;
    char        part[CUP_DISK_SIM_PATH_BYTES];

    if (!is_folder(sim, folder)) return -EBADF;
    if (cup_sim_priv_walk(sim, folder, name) != 0) return -EEXIST;
    if (!has_room(sim, CUP_SIM_INODE_BYTES + op->count)) return -ENOSPC;
    for (size_t bytes = strcspn(name, "/"); name[bytes] != '\0'; bytes = strcspn(name, "/")) {
        memcpy(part, name, bytes);
        part[bytes] = '\0';
        name += bytes + 1;
        number         = seen(sim, folder, part);
        int64_t result = number != 0 ? 0 : do_make(sim, folder, part, true, 0750, &number);
        if (result != 0) return result;
        folder = number;
    }
    if (!sim->slots[folder].inode->object) return -EOPNOTSUPP;
    number                           = cup_sim_priv_make(sim, false, 0640);
    sim->slots[number].inode->object = true;
    cup_sim_priv_resize(sim, number, 0, op->bytes, op->count);
    cup_sim_priv_lead(sim, folder, name, number);
    return 0;
}

static int64_t do_op(struct cup_disk_sim *sim, const struct cup_disk_op *op, size_t most)
{
    switch (op->kind) {
    case CUP_DISK_OPEN: return do_open(sim, op);
    case CUP_DISK_CLOSE: return do_close(sim, op->fd);
    case CUP_DISK_READ: return do_read(sim, op, most);
    case CUP_DISK_WRITE: return do_write(sim, op, most);
    case CUP_DISK_SYNC: return do_sync(sim, op->fd);
    case CUP_DISK_CUT: return do_cut(sim, op);
    case CUP_DISK_MKDIR: return do_mkdir(sim, op);
    case CUP_DISK_CHMOD: return do_chmod(sim, op);
    case CUP_DISK_LINK:
    case CUP_DISK_RENAME: return do_link(sim, op);
    case CUP_DISK_UNLINK: return do_unlink(sim, base_of(sim, op->fd), op->name);
    case CUP_DISK_PUT: CUP_ASSERT(sim->disk.ops->objects); return do_put(sim, op);
    case CUP_DISK_KIND_COUNT: break;
    }
    CUP_ASSERT(!"an operation");
    return -EINVAL;
}

/* --- judging --- */

static bool changes(const struct cup_disk_op *op)
{
    switch (op->kind) {
    case CUP_DISK_OPEN: return (op->flags & (O_CREAT | O_TRUNC)) != 0;
    case CUP_DISK_CLOSE:
    case CUP_DISK_READ: return false;
    default: return true;
    }
}

static struct cup_disk_sim_verdict judge(struct cup_disk_sim *sim, const struct cup_disk_op *op)
{
    struct cup_disk_sim_event event = {.number  = sim->number,
                                       .changes = changes(op),
                                       .kind    = op->kind,
                                       .at      = op->at,
                                       .count   = op->count};
    char                      path[CUP_DISK_SIM_PATH_BYTES], to_path[CUP_DISK_SIM_PATH_BYTES] = "";
    const struct cup_sim_fd  *open = fd_of(sim, op->fd);

    if (sim->judge == NULL) return (struct cup_disk_sim_verdict){.effect = CUP_SIM_DO};
    if (op->kind == CUP_DISK_PUT)
        path[0] = '\0';
    else
        (void)put_path(sim, op->fd, op->name == NULL ? "." : op->name, path);
    if (op->kind >= CUP_DISK_LINK && op->to_name != NULL)
        (void)put_path(sim, op->to_fd, op->to_name, to_path);
    event.path    = path;
    event.to_path = to_path;
    if (op->kind == CUP_DISK_WRITE || op->kind == CUP_DISK_PUT) event.bytes = op->bytes;
    if (op->kind == CUP_DISK_SYNC && open != NULL && !is_folder(sim, open->inode)) {
        const struct cup_sim_span *span = &sim->slots[open->inode].inode->seen;
        event.bytes                     = span->blob == NULL ? NULL : span->blob->bytes;
        event.count                     = span->bytes;
    }
    return sim->judge(sim->judge_arg, &event);
}

/* A descriptor made by an operation that failed in the end is nobody's. */
static int64_t fail_late(struct cup_disk_sim *sim, const struct cup_disk_op *op, int error)
{
    int64_t result = do_op(sim, op, SIZE_MAX);

    if (result < 0) return result;
    if (op->kind == CUP_DISK_OPEN) (void)do_close(sim, (int)result); /* was just opened */
    return -error;
}

static int64_t fail(struct cup_disk_sim *sim, const struct cup_disk_op *op, int error)
{
    const struct cup_sim_fd *open = fd_of(sim, op->fd);

    if (op->kind == CUP_DISK_SYNC && open != NULL && !is_folder(sim, open->inode))
        cup_sim_priv_own(sim, open->inode)->lost = true;
    if (op->kind == CUP_DISK_CLOSE) (void)do_close(sim, op->fd); /* closed in any case */
    return -error;
}

static int64_t lie(struct cup_disk_sim *sim, const struct cup_disk_op *op, size_t count)
{
    CUP_ASSERT(op->kind != CUP_DISK_OPEN && op->kind != CUP_DISK_READ);
    if (op->kind != CUP_DISK_WRITE) return 0;
    int64_t result = do_op(sim, op, count);
    return result < 0 ? result : (int64_t)op->count;
}

static void run_one(struct cup_disk_sim *sim, struct cup_disk_op *op)
{
    sim->operations++;
    if (!sim->ended) {
        sim->number += changes(op);
        struct cup_disk_sim_verdict verdict = judge(sim, op);
        switch (verdict.effect) {
        case CUP_SIM_DO: op->result = do_op(sim, op, SIZE_MAX); return;
        case CUP_SIM_SHORT: op->result = do_op(sim, op, verdict.count); return;
        case CUP_SIM_FAIL: op->result = fail(sim, op, verdict.error); return;
        case CUP_SIM_LATE: op->result = fail_late(sim, op, verdict.error); return;
        case CUP_SIM_LIE: op->result = lie(sim, op, verdict.count); return;
        case CUP_SIM_LOSE: op->result = fail(sim, op, 0); return;
        case CUP_SIM_DEAD: break;
        case CUP_SIM_END: sim->ended = true; break;
        }
    }
    op->result = op->kind == CUP_DISK_CLOSE ? do_close(sim, op->fd) : -EIO;
}

static void run(struct cup_disk *disk, struct cup_disk_op *ops, uint32_t count)
{
    struct cup_disk_sim *sim = cup_sim_priv_of(disk);

    uint32_t *order = cup_sim_priv_memory(NULL, (count + 1ul) * sizeof *order);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = cup_rnd_below(&sim->rnd, i + 1);
        order[i]       = order[other];
        order[other]   = i;
    }
    for (uint32_t i = 0; i < count; i++)
        run_one(sim, &ops[order[i]]); /* the judge may let another owner go on meanwhile */
    free(order);
}

/* --- the rare ones --- */

static int list(struct cup_disk *disk, int fd, void (*each)(void *arg, const char *name), void *arg)
{
    struct cup_disk_sim *sim = cup_sim_priv_of(disk);
    uint32_t             at  = base_of(sim, fd);

    if (sim->ended) return -EIO;
    if (!is_folder(sim, at)) return at == 0 ? -EBADF : -ENOTDIR;
    /* the folder may change while it is listed: what is listed is what was there */
    struct cup_sim_inode *folder = sim->slots[at].inode;
    folder->refs++;
    uint32_t first = folder->entry_count == 0 ? 0 : cup_rnd_below(&sim->rnd, folder->entry_count);
    for (uint32_t i = 0; i < folder->entry_count; i++) {
        const struct cup_sim_entry *entry = &folder->entries[(first + i) % folder->entry_count];
        if (entry->seen != 0) each(arg, entry->name->text);
    }
    cup_sim_priv_drop(folder);
    return 0;
}

static int info(struct cup_disk *disk, int fd, const char *name, struct cup_disk_info *out_info)
{
    struct cup_disk_sim *sim    = cup_sim_priv_of(disk);
    uint32_t             base   = base_of(sim, fd);
    bool                 itself = name == NULL || name[0] == '\0';

    if (sim->ended) return -EIO;
    if (base == 0) return -EBADF;
    uint32_t number = itself ? base : cup_sim_priv_walk(sim, base, name);
    if (number == 0) return -ENOENT;
    const struct cup_sim_inode *inode = sim->slots[number].inode;
    *out_info                         = (struct cup_disk_info){.bytes       = inode->seen.bytes,
                                                               .device      = 1,
                                                               .modified_us = inode->modified_us,
                                                               .mode        = inode->mode,
                                                               .folder      = inode->folder};
    return 0;
}

static int lock(struct cup_disk *disk, int fd)
{
    struct cup_disk_sim *sim  = cup_sim_priv_of(disk);
    struct cup_sim_fd   *open = fd_of(sim, fd);

    if (sim->ended) return -EIO;
    if (open == NULL) return -EBADF;
    struct cup_sim_slot *slot = &sim->slots[open->inode];
    if (slot->lock_fd != 0 && slot->lock_fd != fd && !sim->share) return -EWOULDBLOCK;
    slot->lock_fd = fd;
    return 0;
}

static int free_bytes(struct cup_disk *disk, int fd, uint64_t *out_bytes)
{
    struct cup_disk_sim *sim = cup_sim_priv_of(disk);

    if (sim->ended) return -EIO;
    if (base_of(sim, fd) == 0) return -EBADF;
    *out_bytes = sim->bytes_max == 0                ? UINT64_MAX / 2
                 : sim->bytes_max > sim->used_bytes ? sim->bytes_max - sim->used_bytes
                                                    : 0;
    return 0;
}

static void close_disk(struct cup_disk *disk)
{
    struct cup_disk_sim *sim = cup_sim_priv_of(disk);

    for (uint32_t i = 0; i < sim->fd_count; i++)
        free(sim->fds[i].path);
    for (uint32_t i = CUP_SIM_ROOT; i < sim->slot_count; i++)
        cup_sim_priv_drop(sim->slots[i].inode);
    free(sim->fds);
    free(sim->slots);
    free(sim);
}

#define OPS(is_objects)                                                                            \
    {                                                                                              \
        .name = "sim", .objects = (is_objects), .run = run, .list = list, .info = info,            \
        .lock = lock, .free_bytes = free_bytes, .close = close_disk                                \
    }
static const struct cup_disk_ops file_ops = OPS(false), object_ops = OPS(true);

/* --- the disk itself --- */

struct cup_disk *cup_disk_sim_open(const struct cup_disk_sim_options *options)
{
    struct cup_disk_sim *sim = cup_sim_priv_memory(NULL, sizeof *sim);

    *sim       = (struct cup_disk_sim){.disk.ops   = options->objects ? &object_ops : &file_ops,
                                       .rnd        = cup_rnd_seed(options->seed),
                                       .bytes_max  = options->bytes_max,
                                       .slot_count = CUP_SIM_ROOT,
                                       .slot_cap   = 64};
    sim->slots = cup_sim_priv_memory(NULL, sim->slot_cap * sizeof *sim->slots);
    memset(sim->slots, 0, sim->slot_cap * sizeof *sim->slots);
    uint32_t root                  = cup_sim_priv_make(sim, true, 0755);
    sim->slots[root].inode->object = options->objects;
    CUP_ASSERT(root == CUP_SIM_ROOT);
    return &sim->disk;
}

struct cup_disk *cup_disk_sim_copy(const struct cup_disk *disk)
{
    const struct cup_disk_sim *sim  = cup_sim_priv_of(disk);
    struct cup_disk_sim       *copy = cup_sim_priv_memory(NULL, sizeof *copy);

    *copy          = *sim;
    copy->judge    = NULL;
    copy->fds      = NULL;
    copy->fd_count = copy->fd_cap = copy->open_count = 0;
    copy->ended                                      = false;
    copy->slot_cap                                   = sim->slot_count;
    copy->slots = cup_sim_priv_memory(NULL, copy->slot_cap * sizeof *copy->slots);
    memcpy(copy->slots, sim->slots, copy->slot_cap * sizeof *copy->slots);
    for (uint32_t i = CUP_SIM_ROOT; i < copy->slot_count; i++) {
        copy->slots[i].opens   = 0;
        copy->slots[i].lock_fd = 0;
        if (copy->slots[i].inode != NULL) copy->slots[i].inode->refs++;
    }
    return &copy->disk;
}

void cup_disk_sim_judge(struct cup_disk *disk, cup_disk_sim_judge_fn *judge_fn, void *arg)
{
    struct cup_disk_sim *sim = cup_sim_priv_of(disk);

    sim->judge     = judge_fn;
    sim->judge_arg = arg;
}

static bool hit(struct cup_rnd *rnd, uint32_t rate)
{
    return rate > 0 && cup_rnd_below(rnd, 1000000) < rate;
}

struct cup_disk_sim_verdict cup_disk_sim_roll(const struct cup_disk_sim_rates *rates,
                                              struct cup_rnd                  *rnd,
                                              const struct cup_disk_sim_event *event)
{
    enum cup_disk_kind kind      = event->kind;
    bool               transfers = kind == CUP_DISK_READ || kind == CUP_DISK_WRITE;
    bool names = kind == CUP_DISK_LINK || kind == CUP_DISK_RENAME || kind == CUP_DISK_PUT;
    int  error = kind == CUP_DISK_PUT ? ETIMEDOUT : EIO;

    if (event->changes && hit(rnd, rates->end))
        return (struct cup_disk_sim_verdict){.effect = CUP_SIM_END};
    if (transfers && hit(rnd, rates->interrupted))
        return (struct cup_disk_sim_verdict){.effect = CUP_SIM_FAIL, .error = EINTR};
    if (transfers && hit(rnd, rates->again))
        return (struct cup_disk_sim_verdict){.effect = CUP_SIM_FAIL, .error = EAGAIN};
    if (transfers && event->count > 1 && hit(rnd, rates->short_transfer))
        return (struct cup_disk_sim_verdict){
            .effect = CUP_SIM_SHORT, .count = 1 + cup_rnd_below(rnd, (uint32_t)(event->count - 1))};
    if (kind == CUP_DISK_SYNC && hit(rnd, rates->sync_error))
        return (struct cup_disk_sim_verdict){.effect = CUP_SIM_FAIL, .error = EIO};
    if (names && hit(rnd, rates->link_error))
        return (struct cup_disk_sim_verdict){.effect = CUP_SIM_FAIL, .error = error};
    if (names && hit(rnd, rates->link_late))
        return (struct cup_disk_sim_verdict){.effect = CUP_SIM_LATE, .error = error};
    return (struct cup_disk_sim_verdict){.effect = CUP_SIM_DO};
}

void cup_disk_sim_room(struct cup_disk *disk, uint64_t bytes_max)
{
    cup_sim_priv_of(disk)->bytes_max = bytes_max;
}

void cup_disk_sim_share(struct cup_disk *disk, bool share)
{
    cup_sim_priv_of(disk)->share = share;
}
