// SPDX-License-Identifier: Apache-2.0
#include "dataplane/store/disk_priv.h"

#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define RING_ENTRIES 64u /* operations in flight per caller: what keeps a fast device busy */
#define REFUSALS_MAX 16u /* of the kernel to take anything at all, before system calls do it */
#define NOT_DONE     INT64_MIN

struct ring {
    struct ring    *next; /* in the free list */
    struct io_uring ring;
};

/* Rings are made when a caller finds none: after privileges are dropped, one per thread at work. */
struct uring_disk {
    struct cup_disk disk;
    pid_t           pid; /* a forked child must not touch its parent's rings */
    pthread_mutex_t lock;
    struct ring    *free;
};

/* What waits for the device goes by the ring; the README has the measurements. */
static const uint8_t opcodes[CUP_DISK_KIND_COUNT] = {
    [CUP_DISK_OPEN] = IORING_OP_OPENAT,    [CUP_DISK_CLOSE] = IORING_OP_CLOSE,
    [CUP_DISK_READ] = IORING_OP_READ,      [CUP_DISK_WRITE] = IORING_OP_WRITE,
    [CUP_DISK_SYNC] = IORING_OP_FSYNC,     [CUP_DISK_MKDIR] = IORING_OP_MKDIRAT,
    [CUP_DISK_LINK] = IORING_OP_LINKAT,    [CUP_DISK_RENAME] = IORING_OP_RENAMEAT,
    [CUP_DISK_UNLINK] = IORING_OP_UNLINKAT};
_Static_assert(IORING_OP_NOP == 0, "0 means that there is no operation");

static void prepare(struct io_uring_sqe *sqe, struct cup_disk_op *op)
{
    unsigned count =
        op->count < CUP_DISK_TRANSFER_BYTES_MAX ? (unsigned)op->count : CUP_DISK_TRANSFER_BYTES_MAX;

    switch (op->kind) {
    case CUP_DISK_OPEN: io_uring_prep_openat(sqe, op->fd, op->name, op->flags, op->mode); break;
    case CUP_DISK_CLOSE: io_uring_prep_close(sqe, op->fd); break;
    case CUP_DISK_READ: io_uring_prep_read(sqe, op->fd, op->into, count, op->at); break;
    case CUP_DISK_WRITE: io_uring_prep_write(sqe, op->fd, op->bytes, count, op->at); break;
    case CUP_DISK_SYNC: io_uring_prep_fsync(sqe, op->fd, 0); break;
    case CUP_DISK_MKDIR: io_uring_prep_mkdirat(sqe, op->fd, op->name, op->mode); break;
    case CUP_DISK_LINK:
        io_uring_prep_linkat(sqe, op->fd, op->name, op->to_fd, op->to_name, 0);
        break;
    case CUP_DISK_RENAME:
        io_uring_prep_renameat(sqe, op->fd, op->name, op->to_fd, op->to_name, 0);
        break;
    case CUP_DISK_UNLINK: io_uring_prep_unlinkat(sqe, op->fd, op->name, 0); break;
    case CUP_DISK_CUT:
    case CUP_DISK_CHMOD:
    case CUP_DISK_PUT:
    case CUP_DISK_KIND_COUNT: CUP_ASSERT(!"an operation that the ring has");
    }
    io_uring_sqe_set_data(sqe, op);
    op->result = NOT_DONE;
}

/* Waits for completions and takes all that are there. */
static uint32_t reap(struct io_uring *ring)
{
    struct io_uring_cqe *cqe;
    unsigned             head;
    uint32_t             count   = 0;
    int                  waiting = io_uring_wait_cqe(ring, &cqe);

    if (waiting == -EINTR || waiting == -EAGAIN || waiting == -EBUSY) return 0;
    CUP_ASSERT(waiting == 0); /* operations in flight use the caller's memory: no way to leave */
    io_uring_for_each_cqe(ring, head, cqe)
    {
        struct cup_disk_op *op = io_uring_cqe_get_data(cqe);
        CUP_ASSERT(op->result == NOT_DONE);
        op->result = cqe->res;
        count++;
    }
    io_uring_cq_advance(ring, count);
    return count;
}

/* Submits what is queued and awaits all of it. False: the kernel takes no more, nothing is in
 * flight, and the ring, which still holds the rest, must not be used again. */
static bool drive(struct io_uring *ring, uint32_t queued)
{
    uint32_t submitted = 0, done = 0, refusals = 0;

    while (done < queued) {
        if (submitted < queued) {
            int count = io_uring_submit(ring);
            CUP_ASSERT(count >= 0 || count == -EINTR || count == -EAGAIN || count == -EBUSY ||
                       count == -ENOMEM);
            if (count > 0)
                submitted += (uint32_t)count;
            else if (done == submitted && ++refusals == REFUSALS_MAX)
                return false;
        }
        if (done < submitted) done += reap(ring);
    }
    return true;
}

/* One ring full; true: the ring is as good as before. */
static bool run_piece(struct io_uring *ring, struct cup_disk_op *ops, uint32_t count)
{
    uint32_t queued = 0;

    CUP_ASSERT(count <= RING_ENTRIES);
    for (uint32_t i = 0; i < count; i++) {
        if (opcodes[ops[i].kind] == 0) {
            cup_disk_priv_call(&ops[i]);
        } else {
            prepare(io_uring_get_sqe(ring), &ops[i]);
            queued++;
        }
    }
    bool good = drive(ring, queued);
    for (uint32_t i = 0; i < count; i++)
        if (ops[i].result == NOT_DONE || cup_disk_priv_again(&ops[i])) cup_disk_priv_call(&ops[i]);
    return good;
}

static void free_ring(struct ring *ring)
{
    if (ring == NULL) return;
    io_uring_queue_exit(&ring->ring);
    free(ring);
}

static struct ring *make_ring(void)
{
    unsigned     workers[2] = {RING_ENTRIES, 0}; /* else 4 per processor wait at a time */
    struct ring *ring       = calloc(1, sizeof *ring);

    if (ring == NULL) return NULL;
    if (io_uring_queue_init(RING_ENTRIES, &ring->ring, 0) != 0) {
        free(ring);
        return NULL;
    }
    (void)io_uring_register_iowq_max_workers(&ring->ring, workers); /* slower without */
    return ring;
}

/* NULL: there is none and none can be made now. */
static struct ring *borrow(struct uring_disk *disk)
{
    pthread_mutex_lock(&disk->lock);
    struct ring *ring = disk->free;
    if (ring != NULL) disk->free = ring->next;
    pthread_mutex_unlock(&disk->lock);
    return ring != NULL ? ring : make_ring();
}

static void give_back(struct uring_disk *disk, struct ring *ring)
{
    pthread_mutex_lock(&disk->lock);
    ring->next = disk->free;
    disk->free = ring;
    pthread_mutex_unlock(&disk->lock);
}

static void run(struct cup_disk *base, struct cup_disk_op *ops, uint32_t count)
{
    struct uring_disk *disk = (struct uring_disk *)base;
    /* a single operation has nothing to run beside: its system call is the shorter way */
    struct ring *ring = count > 1 && disk->pid == getpid() ? borrow(disk) : NULL;
    uint32_t     at   = 0;

    while (ring != NULL && at < count) {
        uint32_t piece = count - at < RING_ENTRIES ? count - at : RING_ENTRIES;
        if (!run_piece(&ring->ring, ops + at, piece)) {
            free_ring(ring);
            ring = NULL;
        }
        at += piece;
    }
    if (ring != NULL) give_back(disk, ring);
    for (; at < count; at++)
        cup_disk_priv_call(&ops[at]);
}

static void close_disk(struct cup_disk *base)
{
    struct uring_disk *disk = (struct uring_disk *)base;

    if (disk->pid != getpid()) return; /* all of it is the parent's */
    while (disk->free != NULL) {
        struct ring *next = disk->free->next;
        free_ring(disk->free);
        disk->free = next;
    }
    pthread_mutex_destroy(&disk->lock);
    free(disk);
}

/* 0, or why the kernel's io_uring does not do here. */
static int probe_kernel(void)
{
    struct io_uring        ring;
    struct io_uring_probe *probe  = NULL;
    int                    result = io_uring_queue_init(RING_ENTRIES, &ring, 0);

    if (result != 0) return result;
    if ((ring.features & IORING_FEAT_NODROP) != 0) probe = io_uring_get_probe_ring(&ring);
    if (probe == NULL) result = -ENOSYS;
    for (uint32_t kind = 0; result == 0 && kind < CUP_DISK_KIND_COUNT; kind++)
        if (!io_uring_opcode_supported(probe, opcodes[kind])) result = -ENOSYS;
    io_uring_free_probe(probe);
    io_uring_queue_exit(&ring);
    return result;
}

enum cup_err cup_disk_priv_open_uring(struct cup_disk **out_disk, struct cup_fault *out_fault)
{
    static const struct cup_disk_ops ops    = {.name       = "uring",
                                               .run        = run,
                                               .list       = cup_disk_priv_list,
                                               .info       = cup_disk_priv_info,
                                               .lock       = cup_disk_priv_lock,
                                               .free_bytes = cup_disk_priv_free_bytes,
                                               .close      = close_disk};
    int                              result = probe_kernel();
    char                             where[CUP_FAULT_WHERE_BYTES];

    if (result != 0) {
        snprintf(where, sizeof where, "%s (see kernel.io_uring_disabled); store: auto or posix",
                 strerror(-result));
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "open io_uring", where);
    }
    struct uring_disk *disk = malloc(sizeof *disk);
    if (disk == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "open io_uring", NULL);
    *disk = (struct uring_disk){
        .disk = {&ops}, .pid = getpid(), .lock = PTHREAD_MUTEX_INITIALIZER, .free = NULL};
    *out_disk = &disk->disk;
    return CUP_OK;
}
