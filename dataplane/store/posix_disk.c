// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/disk_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"

bool cup_disk_priv_again(const struct cup_disk_op *op)
{
    bool harmless = op->kind == CUP_DISK_READ || op->kind == CUP_DISK_WRITE;

    return harmless && (op->result == -EINTR || op->result == -EAGAIN);
}

/* -1 with errno, as the calls do. */
static int64_t call(const struct cup_disk_op *op)
{
    size_t count =
        op->count < CUP_DISK_TRANSFER_BYTES_MAX ? op->count : CUP_DISK_TRANSFER_BYTES_MAX;
    off_t  at   = (off_t)op->at;
    mode_t mode = (mode_t)op->mode;

    switch (op->kind) {
    case CUP_DISK_OPEN: return openat(op->fd, op->name, op->flags, mode);
    case CUP_DISK_CLOSE: return close(op->fd);
    case CUP_DISK_READ: return pread(op->fd, op->into, count, at);
    case CUP_DISK_WRITE: return pwrite(op->fd, op->bytes, count, at);
    case CUP_DISK_SYNC: return fsync(op->fd);
    case CUP_DISK_CUT: return ftruncate(op->fd, at);
    case CUP_DISK_MKDIR: return mkdirat(op->fd, op->name, mode);
    case CUP_DISK_CHMOD: return fchmodat(op->fd, op->name, mode, 0);
    case CUP_DISK_LINK: return linkat(op->fd, op->name, op->to_fd, op->to_name, 0);
    case CUP_DISK_RENAME: return renameat(op->fd, op->name, op->to_fd, op->to_name);
    case CUP_DISK_UNLINK: return unlinkat(op->fd, op->name, 0);
    case CUP_DISK_PUT: /* for object stores only */
    case CUP_DISK_KIND_COUNT: break;
    }
    CUP_ASSERT(!"an operation that a file system has");
    return -1;
}

void cup_disk_priv_call(struct cup_disk_op *op)
{
    do {
        int64_t result = call(op);
        op->result     = result < 0 ? -errno : result;
    } while (cup_disk_priv_again(op));
}

static void run(struct cup_disk *disk, struct cup_disk_op *ops, uint32_t count)
{
    (void)disk; /* has no state */
    for (uint32_t i = 0; i < count; i++)
        cup_disk_priv_call(&ops[i]);
}

int cup_disk_priv_list(struct cup_disk *disk, int fd, void (*each)(void *arg, const char *name),
                       void *arg)
{
    (void)disk;                                                     /* has no state */
    int  own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* fd keeps its position */
    DIR *dir = own < 0 ? NULL : fdopendir(own);

    if (dir == NULL) {
        int error = errno;
        if (own >= 0) (void)close(own); /* was only read */
        return -error;
    }
    errno = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            each(arg, entry->d_name);
        errno = 0;
    }
    int error = errno;
    (void)closedir(dir); /* was only read */
    return -error;
}

int cup_disk_priv_info(struct cup_disk *disk, int fd, const char *name,
                       struct cup_disk_info *out_info)
{
    struct stat info;

    (void)disk; /* has no state */
    if (fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return -errno;
    *out_info = (struct cup_disk_info){.bytes       = (uint64_t)info.st_size,
                                       .device      = info.st_dev,
                                       .modified_us = info.st_mtim.tv_sec * CUP_US_PER_S +
                                                      info.st_mtim.tv_nsec / 1000,
                                       .mode   = info.st_mode & 07777,
                                       .folder = S_ISDIR(info.st_mode)};
    return 0;
}

int cup_disk_priv_lock(struct cup_disk *disk, int fd)
{
    (void)disk; /* has no state */
    return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno;
}

int cup_disk_priv_free_bytes(struct cup_disk *disk, int fd, uint64_t *out_bytes)
{
    struct statvfs info;

    (void)disk; /* has no state */
    if (fstatvfs(fd, &info) != 0) return -errno;
    *out_bytes = (uint64_t)info.f_bavail * info.f_frsize;
    return 0;
}

static void close_disk(struct cup_disk *disk)
{
    (void)disk; /* has no state */
}

struct cup_disk *cup_disk_priv_posix(void)
{
    static const struct cup_disk_ops ops  = {.name       = "posix",
                                             .run        = run,
                                             .list       = cup_disk_priv_list,
                                             .info       = cup_disk_priv_info,
                                             .lock       = cup_disk_priv_lock,
                                             .free_bytes = cup_disk_priv_free_bytes,
                                             .close      = close_disk};
    static struct cup_disk           disk = {&ops};

    return &disk;
}
