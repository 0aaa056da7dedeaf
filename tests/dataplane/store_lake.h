// SPDX-License-Identifier: Apache-2.0
/* store_lake: what the tests of the store share: a lake in a temporary folder, on each real disk in
 * turn, behind a disk that counts and fails on demand. */
#ifndef CUP_TESTS_DATAPLANE_STORE_LAKE_H
#define CUP_TESTS_DATAPLANE_STORE_LAKE_H

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/store/store.h"
#include "tests/check.h"

#define STAGING "_cupel/d/p/0/staging"

#define CUP_TEST_BATCH 256u /* more than the store's largest */

/* The faults are for the operations of one kind: those after the first `skip`, `left` of them. */
struct probe_disk {
    struct cup_disk     disk;
    struct cup_disk    *real;
    struct cup_disk_ops ops;
    uint32_t            done[CUP_DISK_KIND_COUNT]; /* operations */
    uint32_t            batches[CUP_DISK_KIND_COUNT];
    enum cup_disk_kind  kind;
    uint32_t            skip, left;
    int                 error;     /* what they fail with; 0: the write is only short */
    bool                late;      /* they are done all the same */
    size_t              short_to;  /* bytes of a short write; with an error: of the one before */
    int                 cut_error; /* of all CUT; 0: none */
};

static struct probe_disk probe;
static char              lake[64];

static bool probe_hits(enum cup_disk_kind kind)
{
    if (kind != probe.kind || probe.left == 0) return false;
    if (probe.skip > 0) {
        probe.skip--;
        return false;
    }
    probe.left--;
    return true;
}

/* The fault of an operation that is hit: 0 when it is only short. */
static int probe_fault(struct cup_disk_op *op)
{
    int error = probe.error;

    if (probe.short_to > 0 || error == 0) {
        op->count = probe.short_to < op->count ? probe.short_to : op->count;
        if (error != 0) probe.short_to = 0; /* the next one fails */
        error = 0;
    }
    return error;
}

/* An object store: one folder of files. */
static int64_t probe_put(const struct cup_disk_op *op)
{
    char path[512];

    snprintf(path, sizeof path, "%s", op->to_name);
    for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        CHECK(mkdirat(op->to_fd, path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    int fd = openat(op->to_fd, path, O_WRONLY | O_CREAT | O_TRUNC | op->flags, 0600);
    if (fd < 0) return -errno;
    CHECK(write(fd, op->bytes, op->count) == (ssize_t)op->count);
    CHECK(close(fd) == 0);
    return 0;
}

static void probe_run(struct cup_disk *disk, struct cup_disk_op *ops, uint32_t count)
{
    struct cup_disk_op kept[CUP_TEST_BATCH];
    int                errors[CUP_TEST_BATCH];
    bool               seen[CUP_DISK_KIND_COUNT] = {0};
    uint32_t           keeping                   = 0;

    CHECK(disk == &probe.disk && count <= CUP_TEST_BATCH);
    for (uint32_t i = 0; i < count; i++) {
        struct cup_disk_op op = ops[i];
        probe.done[op.kind]++;
        probe.batches[op.kind] += !seen[op.kind];
        seen[op.kind] = true;
        errors[i]     = op.kind == CUP_DISK_CUT ? probe.cut_error : 0;
        if (probe_hits(op.kind)) errors[i] = probe_fault(&op);
        if (errors[i] != 0 && !probe.late) continue;
        if (op.kind == CUP_DISK_PUT)
            ops[i].result = probe_put(&op);
        else
            kept[keeping++] = op;
    }
    probe.real->ops->run(probe.real, kept, keeping);
    for (uint32_t i = 0, from = 0; i < count; i++) {
        bool done = errors[i] == 0 || probe.late;
        if (ops[i].kind != CUP_DISK_PUT && done) ops[i].result = kept[from++].result;
        if (errors[i] != 0) ops[i].result = -errors[i];
    }
}

static int probe_list(struct cup_disk *disk, int fd, void (*each)(void *arg, const char *name),
                      void *arg)
{
    (void)disk;
    return probe.real->ops->list(probe.real, fd, each, arg);
}

static int probe_info(struct cup_disk *disk, int fd, const char *name,
                      struct cup_disk_info *out_info)
{
    (void)disk;
    return probe.real->ops->info(probe.real, fd, name, out_info);
}

static int probe_lock(struct cup_disk *disk, int fd)
{
    (void)disk;
    return probe.real->ops->lock(probe.real, fd);
}

static int probe_free_bytes(struct cup_disk *disk, int fd, uint64_t *out_bytes)
{
    (void)disk;
    return probe.real->ops->free_bytes(probe.real, fd, out_bytes);
}

/* From now on nothing fails and all counters are 0. */
static inline void probe_clear(void)
{
    memset(probe.done, 0, sizeof probe.done);
    memset(probe.batches, 0, sizeof probe.batches);
    probe.left = probe.skip = 0;
    probe.late              = false;
    probe.short_to          = 0;
    probe.cut_error         = 0;
}

/* `left` operations of the kind fail, after `skip` good ones. */
static inline void probe_fail(enum cup_disk_kind kind, uint32_t skip, uint32_t left, int error)
{
    probe_clear();
    probe.kind  = kind;
    probe.skip  = skip;
    probe.left  = left;
    probe.error = error;
}

static inline void probe_shorten(uint32_t skip, uint32_t left, size_t short_to)
{
    probe_fail(CUP_DISK_WRITE, skip, left, 0);
    probe.short_to = short_to;
}

static inline void open_probe(struct cup_disk *real, bool objects)
{
    probe      = (struct probe_disk){.real = real,
                                     .ops  = {.name       = "probe",
                                              .objects    = objects,
                                              .run        = probe_run,
                                              .list       = probe_list,
                                              .info       = probe_info,
                                              .lock       = probe_lock,
                                              .free_bytes = probe_free_bytes}};
    probe.disk = (struct cup_disk){&probe.ops};
}

static inline void make_lake(void)
{
    snprintf(lake, sizeof lake, "/tmp/cupel-store-XXXXXX");
    CHECK(mkdtemp(lake) != NULL);
}

static inline void remove_lake(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", lake);
    CHECK(system(command) == 0);
}

static inline struct cup_store *open_store(struct cup_disk *disk)
{
    struct cup_store *store;
    struct cup_fault  fault;

    CHECK(cup_store_open(disk, lake, STAGING, &store, &fault) == CUP_OK);
    return store;
}

/* Calls check(disk) for the disk that the test was started for: TEST SEED uring|posix. */
static inline int with_disk(int argc, char **argv, void (*check)(struct cup_disk *disk))
{
    struct cup_disk *disk;
    struct cup_fault fault;
    bool             posix = argc > 2 && strcmp(argv[2], "posix") == 0;

    enum cup_err err = cup_disk_open(posix ? CUP_DISK_POSIX : CUP_DISK_URING, &disk, &fault);
    if (err == CUP_UNSUPPORTED) {
        printf("skipped: %s: %s\n", fault.what, fault.where);
        return 77;
    }
    CHECK(err == CUP_OK && strcmp(cup_disk_name(disk), posix ? "posix" : "uring") == 0);
    make_lake();
    check(disk);
    remove_lake();
    cup_disk_close(disk);
    return 0;
}

#endif
