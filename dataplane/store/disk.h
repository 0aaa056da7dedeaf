// SPDX-License-Identifier: Apache-2.0
/* disk: the few operations of a file system that the store needs, done in batches.
 *
 *   store (names, staging, poisoned files, dirty folders) --> disk --> uring | posix | sim
 *
 * A batch is unordered: its operations may be done in any order or all at once, and all have their
 * results when run returns. What must come before something else goes into an earlier batch: that
 * is the only ordering, and fsync covers only writes of earlier batches.
 *
 * Holds     uring: rings, lent to one caller at a time. sim: a whole file system in memory.
 * Owner     who opened it; it outlives every store on it.
 * Threads   uring, posix: any. sim: one.
 * Fails     open: UNSUPPORTED (uring where the kernel refuses it). Operations: in their result.
 * Source    io_uring(7), link(2), fsync(2); what was measured of them: dataplane/store/README.md
 * Tests     tests/dataplane/test_store.c (all backends), tests/crash
 */
#ifndef CUP_DATAPLANE_STORE_DISK_H
#define CUP_DATAPLANE_STORE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum cup_disk_choice {
    CUP_DISK_AUTO, /* uring where it works, else posix */
    CUP_DISK_URING,
    CUP_DISK_POSIX,
    CUP_DISK_CHOICE_COUNT
};

enum cup_disk_kind {
    CUP_DISK_OPEN,   /* name in folder `fd` with flags, mode -> descriptor; fd AT_FDCWD: "/", "." */
    CUP_DISK_CLOSE,  /* fd */
    CUP_DISK_READ,   /* fd, into, count, at -> bytes, 0 at the end; may be short */
    CUP_DISK_WRITE,  /* fd, bytes, count, at -> bytes; may be short */
    CUP_DISK_SYNC,   /* fd: file or folder */
    CUP_DISK_CUT,    /* fd: to `at` bytes */
    CUP_DISK_MKDIR,  /* name in folder fd, mode */
    CUP_DISK_CHMOD,  /* name in folder fd, mode */
    CUP_DISK_LINK,   /* name in folder fd -> to_name in folder to_fd; EEXIST when that is taken */
    CUP_DISK_RENAME, /* the same, replacing */
    CUP_DISK_UNLINK, /* name in folder fd */
    CUP_DISK_PUT,    /* object stores only: bytes, count at to_name below folder to_fd, whole and
                        durable or not at all. flags O_EXCL: EEXIST when the name is taken, else it
                        is replaced. ETIMEDOUT: unknown */
    CUP_DISK_KIND_COUNT
};

struct cup_disk_op {
    enum cup_disk_kind kind;
    int                fd, to_fd;
    int                flags; /* of open(2); PUT: O_EXCL or 0 */
    unsigned           mode;
    const char        *name, *to_name; /* one part, no '/'; PUT: a path */
    union {
        const void *bytes; /* WRITE, PUT */
        void       *into;  /* READ */
    };
    size_t   count;
    uint64_t at;
    int64_t  result; /* >= 0, or -errno */
};

struct cup_disk_info {
    uint64_t bytes, device;
    int64_t  modified_us;
    uint32_t mode;
    bool     folder;
};

struct cup_disk;

/* The functions of one backend. `run` is the one that matters; the others are rare. */
struct cup_disk_ops {
    const char *name;    /* "uring", "posix", "sim" */
    bool        objects; /* data files and logs live in an object store: PUT instead of LINK */
    void (*run)(struct cup_disk *disk, struct cup_disk_op *ops, uint32_t count);
    /* each name in the folder but "." and ".."; 0 or -errno */
    int (*list)(struct cup_disk *disk, int fd, void (*each)(void *arg, const char *name),
                void *arg);
    int (*info)(struct cup_disk *disk, int fd, const char *name, struct cup_disk_info *out_info);
    int (*lock)(struct cup_disk *disk, int fd); /* exclusive, until closed; -EWOULDBLOCK */
    int (*free_bytes)(struct cup_disk *disk, int fd, uint64_t *out_bytes);
    void (*close)(struct cup_disk *disk);
};

/* Every backend's struct starts with this. */
struct cup_disk {
    const struct cup_disk_ops *ops;
};

/* cup_disk_open opens a real one. AUTO falls back to posix; cup_disk_name says which it is. */
CUP_MUST_CHECK enum cup_err cup_disk_open(enum cup_disk_choice choice, struct cup_disk **out_disk,
                                          struct cup_fault *out_fault);
void                        cup_disk_close(struct cup_disk *disk); /* NULL is accepted */
const char                 *cup_disk_name(const struct cup_disk *disk);

#endif
