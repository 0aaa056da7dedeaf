// SPDX-License-Identifier: Apache-2.0
/* Goal:   a batch has the results that the system calls have, however large it is, whoever runs
 *         beside it, and whatever becomes of the ring.
 * Method: the same seeded batches, good and bad operations mixed, on the disk and on plain system
 *         calls, in two folders; results and what is left must be equal. Then signals, threads, a
 *         forked child and a process without free descriptors. */
#include <liburing.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tests/dataplane/store_lake.h"

#define BATCH_MAX 500u /* several rings full */
#define FILES     40u
#define TEXT      64u
#define THREADS   4u

static struct cup_disk *disk;
static struct cup_rnd   rnd;

/* What the system calls say, written down a second time. */
static int64_t plain_call(const struct cup_disk_op *op)
{
    off_t at = (off_t)op->at;

    switch (op->kind) {
    case CUP_DISK_OPEN: return openat(op->fd, op->name, op->flags, op->mode);
    case CUP_DISK_CLOSE: return close(op->fd);
    case CUP_DISK_READ: return pread(op->fd, op->into, op->count, at);
    case CUP_DISK_WRITE: return pwrite(op->fd, op->bytes, op->count, at);
    case CUP_DISK_SYNC: return fsync(op->fd);
    case CUP_DISK_CUT: return ftruncate(op->fd, at);
    case CUP_DISK_MKDIR: return mkdirat(op->fd, op->name, op->mode);
    case CUP_DISK_CHMOD: return fchmodat(op->fd, op->name, op->mode, 0);
    case CUP_DISK_LINK: return linkat(op->fd, op->name, op->to_fd, op->to_name, 0);
    case CUP_DISK_RENAME: return renameat(op->fd, op->name, op->to_fd, op->to_name);
    case CUP_DISK_UNLINK: return unlinkat(op->fd, op->name, 0);
    default: CHECK(!"a kind that a file system has");
    }
    return -1;
}

static void plain_run(struct cup_disk *self, struct cup_disk_op *ops, uint32_t count)
{
    CHECK(self != disk);
    for (uint32_t i = 0; i < count; i++) {
        int64_t result = plain_call(&ops[i]);
        ops[i].result  = result < 0 ? -errno : result;
    }
}

static const struct cup_disk_ops plain_ops = {.name = "plain", .run = plain_run};
static struct cup_disk           plain     = {&plain_ops};

/* One of two folders that must stay equal. */
struct side {
    struct cup_disk   *disk;
    int                folder, other;
    int                files[FILES + 1]; /* -1: closed, as the last always is */
    struct cup_disk_op ops[BATCH_MAX];
    uint8_t            read[BATCH_MAX][TEXT];
    char               names[BATCH_MAX][2][TEXT];
};

static struct side sides[2];

static void open_side(struct side *side, struct cup_disk *on, const char *name)
{
    char path[128];

    side->disk = on;
    snprintf(path, sizeof path, "%s/%s", lake, name);
    CHECK(mkdir(path, 0700) == 0);
    side->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(path, sizeof path, "%s/%s/other", lake, name);
    CHECK(mkdir(path, 0700) == 0);
    side->other = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(side->folder >= 0 && side->other >= 0);
    for (uint32_t i = 0; i <= FILES; i++)
        side->files[i] = -1;
}

/* A file that this batch has not used yet, or none: operations of a batch have no order. */
static uint32_t free_file(bool used[FILES])
{
    uint32_t file = cup_rnd_below(&rnd, FILES);

    for (uint32_t tries = 0; tries < FILES; tries++, file = (file + 1) % FILES) {
        if (used[file]) continue;
        used[file] = true;
        return file;
    }
    return FILES;
}

/* The same operation for both sides; all operations of a batch are on different files or names. */
static void make_op(uint32_t i, bool used[FILES], uint32_t batch)
{
    static const uint8_t text[TEXT] = "some bytes that are written at different places";
    enum cup_disk_kind   kind       = (enum cup_disk_kind)cup_rnd_below(&rnd, CUP_DISK_PUT);
    bool                 bad        = cup_rnd_below(&rnd, 8) == 0;
    bool of_file = kind == CUP_DISK_READ || kind == CUP_DISK_WRITE || kind == CUP_DISK_SYNC ||
                   kind == CUP_DISK_CUT || kind == CUP_DISK_CLOSE;
    uint32_t file  = of_file ? free_file(used) : 0;
    uint32_t from  = cup_rnd_below(&rnd, FILES); /* perhaps a name of the last batch */
    uint64_t at    = cup_rnd_below(&rnd, 200);
    size_t   count = cup_rnd_below(&rnd, TEXT);

    bool makes = kind == CUP_DISK_OPEN || kind == CUP_DISK_MKDIR;
    for (uint32_t s = 0; s < 2; s++) {
        struct side *side = &sides[s];
        char        *name = side->names[i][0];
        snprintf(name, TEXT, "b%u-%u", makes ? batch : batch - 1, makes ? i : from);
        if (kind == CUP_DISK_MKDIR && bad) snprintf(name, TEXT, "other");
        if (of_file) snprintf(name, TEXT, "-%u", i); /* not used */
        snprintf(side->names[i][1], TEXT, "to%u-%u", bad ? 0 : batch, bad ? 0 : i);
        side->ops[i] = (struct cup_disk_op){.kind    = kind,
                                            .fd      = of_file ? side->files[file] : side->folder,
                                            .to_fd   = side->other,
                                            .flags   = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                                            .mode    = 0640,
                                            .name    = side->names[i][0],
                                            .to_name = side->names[i][1],
                                            .bytes   = text,
                                            .count   = count,
                                            .at      = at};
        if (kind == CUP_DISK_READ) side->ops[i].into = side->read[i];
        if (kind == CUP_DISK_OPEN && bad) side->ops[i].flags = O_RDONLY;
        if (kind == CUP_DISK_SYNC && bad) side->ops[i].fd = side->folder;
        if (kind == CUP_DISK_CLOSE) side->files[file] = -1;
    }
}

/* Some names are used twice in a batch: then who is first is open, so those are left out. */
static bool is_taken(uint32_t i)
{
    for (uint32_t before = 0; before < i; before++)
        if (strcmp(sides[0].names[before][0], sides[0].names[i][0]) == 0 ||
            strcmp(sides[0].names[before][1], sides[0].names[i][1]) == 0)
            return true;
    return false;
}

static void run_both(uint32_t count)
{
    for (uint32_t s = 0; s < 2; s++)
        sides[s].disk->ops->run(sides[s].disk, sides[s].ops, count);
    for (uint32_t i = 0; i < count; i++) {
        struct cup_disk_op *a = &sides[0].ops[i], *b = &sides[1].ops[i];
        bool                opened = a->kind == CUP_DISK_OPEN && a->result >= 0;
        CHECK(opened ? b->result >= 0 : a->result == b->result);
        if (a->kind == CUP_DISK_READ && a->result > 0)
            CHECK(memcmp(a->into, b->into, (size_t)a->result) == 0);
        if (!opened) continue;
        uint32_t file = 0;
        while (file < FILES && sides[0].files[file] >= 0)
            file++;
        for (uint32_t s = 0; s < 2; s++) {
            if (file < FILES)
                sides[s].files[file] = (int)sides[s].ops[i].result;
            else
                CHECK(close((int)sides[s].ops[i].result) == 0);
        }
    }
}

static void check_same(void)
{
    uint64_t good[CUP_DISK_KIND_COUNT] = {0}, bad[CUP_DISK_KIND_COUNT] = {0};
    char     command[256];

    open_side(&sides[0], disk, "a");
    open_side(&sides[1], &plain, "b");
    for (uint32_t batch = 1; batch < 150; batch++) {
        bool     used[FILES] = {0};
        uint32_t count = 0, wanted = cup_rnd_below(&rnd, batch % 10 == 0 ? BATCH_MAX : 30);
        for (uint32_t i = 0; i < wanted; i++) {
            make_op(count, used, batch);
            if (!is_taken(count)) count++;
        }
        run_both(count);
        for (uint32_t i = 0; i < count; i++)
            ++*(sides[0].ops[i].result < 0 ? &bad[sides[0].ops[i].kind]
                                           : &good[sides[0].ops[i].kind]);
    }
    for (uint32_t kind = 0; kind < CUP_DISK_PUT; kind++)
        CHECK(good[kind] > 0 && bad[kind] > 0);
    snprintf(command, sizeof command, "diff -r %s/a %s/b", lake, lake);
    CHECK(system(command) == 0);
    snprintf(command, sizeof command,
             "cd %s && test \"$(cd a && find . -printf '%%p %%m %%s\\n' | sort)\" = "
             "\"$(cd b && find . -printf '%%p %%m %%s\\n' | sort)\"",
             lake);
    CHECK(system(command) == 0);
}

/* --- a batch of writes, then fsyncs, then reads, larger than a ring --- */

static void write_many(struct cup_disk *on, uint32_t who)
{
    struct cup_disk_op *ops     = calloc(3 * BATCH_MAX, sizeof *ops);
    uint32_t           *numbers = calloc(BATCH_MAX, sizeof *numbers);
    char                path[128];

    CHECK(ops != NULL && numbers != NULL);
    snprintf(path, sizeof path, "%s/many%u", lake, who);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    for (uint32_t i = 0; i < BATCH_MAX; i++) {
        numbers[i] = who * 1000000 + i;
        ops[i]     = (struct cup_disk_op){
                .kind = CUP_DISK_WRITE, .fd = fd, .bytes = &numbers[i], .count = 4, .at = 4 * i};
    }
    on->ops->run(on, ops, BATCH_MAX);
    for (uint32_t i = 0; i < BATCH_MAX; i++) {
        CHECK(ops[i].result == 4);
        numbers[i] = 0;
        ops[i]     = (struct cup_disk_op){.kind = CUP_DISK_SYNC, .fd = fd};
    }
    on->ops->run(on, ops, 20);
    for (uint32_t i = 0; i < BATCH_MAX; i++) {
        CHECK(ops[i].result == 0);
        ops[i] = (struct cup_disk_op){
            .kind = CUP_DISK_READ, .fd = fd, .into = &numbers[i], .count = 4, .at = 4 * i};
    }
    on->ops->run(on, ops, BATCH_MAX);
    for (uint32_t i = 0; i < BATCH_MAX; i++)
        CHECK(ops[i].result == 4 && numbers[i] == who * 1000000 + i);
    CHECK(close(fd) == 0);
    free(ops);
    free(numbers);
}

static void *write_often(void *arg)
{
    for (uint32_t i = 0; i < 10; i++)
        write_many(disk, *(uint32_t *)arg);
    return NULL;
}

static void check_threads(void)
{
    pthread_t threads[THREADS];
    uint32_t  who[THREADS];

    for (uint32_t i = 0; i < THREADS; i++) {
        who[i] = i + 1;
        CHECK(pthread_create(&threads[i], NULL, write_often, &who[i]) == 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

/* --- the world around --- */

static uint32_t alarms;

static void on_alarm(int number)
{
    (void)number;
    alarms++;
}

/* Signals interrupt the waits; no SA_RESTART. */
static void check_signals(void)
{
    struct sigaction often = {.sa_handler = on_alarm}, old;
    struct itimerval every = {.it_interval = {.tv_usec = 200}, .it_value = {.tv_usec = 200}};

    CHECK(sigaction(SIGALRM, &often, &old) == 0 && setitimer(ITIMER_REAL, &every, NULL) == 0);
    for (uint32_t i = 0; i < 500 && alarms < 200; i++)
        write_many(disk, 7);
    every = (struct itimerval){0};
    CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0 && sigaction(SIGALRM, &old, NULL) == 0);
    CHECK(alarms > 0);
}

/* The kernel as it may be: it takes nothing for a while, or only a part, or nothing any more; waits
 * are interrupted; transfers that are to be tried again. The linker puts these before liburing. */
static struct {
    uint32_t refusals, waits, agains; /* that are still to come */
    int      refusal;
} kernel;

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);
int __real___io_uring_get_cqe(struct io_uring *ring, struct io_uring_cqe **out_cqe, unsigned submit,
                              unsigned wait_nr, sigset_t *sigmask);
int __wrap___io_uring_get_cqe(struct io_uring *ring, struct io_uring_cqe **out_cqe, unsigned submit,
                              unsigned wait_nr, sigset_t *sigmask);

int __wrap_io_uring_submit(struct io_uring *ring)
{
    struct io_uring_cqe *cqe;
    unsigned             head;

    if (kernel.refusals > 0) {
        kernel.refusals--;
        return kernel.refusal;
    }
    int result = __real_io_uring_submit(ring);
    io_uring_for_each_cqe(ring, head, cqe) /* what is done at once, as reads from memory are */
    {
        if (kernel.agains == 0) break;
        kernel.agains--;
        cqe->res = -EAGAIN;
    }
    return result;
}

int __wrap___io_uring_get_cqe(struct io_uring *ring, struct io_uring_cqe **out_cqe, unsigned submit,
                              unsigned wait_nr, sigset_t *sigmask)
{
    if (kernel.waits > 0) {
        kernel.waits--;
        return -EINTR;
    }
    int result = __real___io_uring_get_cqe(ring, out_cqe, submit, wait_nr, sigmask);
    if (result == 0 && kernel.agains > 0) {
        kernel.agains--;
        (*out_cqe)->res = -EAGAIN;
    }
    return result;
}

static void check_kernel(bool posix)
{
    static const int refusals[]  = {-EINTR, -EAGAIN, -EBUSY, -ENOMEM};
    uint32_t         interrupted = 0;

    for (uint32_t i = 0; i < 4; i++) {
        kernel.refusals = i == 3 ? 1000 : 3; /* the last time the ring is given up */
        kernel.refusal  = refusals[i];
        kernel.waits    = 3;
        write_many(disk, 10);
        interrupted += 3 - kernel.waits;
        CHECK(posix ||
              (i == 3 ? kernel.refusals > 900 && kernel.refusals < 1000 : kernel.refusals == 0));
    }
    CHECK(posix || interrupted > 0);
    kernel.refusals = kernel.waits = 0;
    write_many(disk, 11); /* with a new ring */
}

/* A transfer is tried again; an fsync never is. */
static void check_again(bool posix)
{
    char               bytes[8][4];
    struct cup_disk_op ops[8];
    int                folder = open(lake, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int                file   = openat(folder, "many11", O_RDONLY | O_CLOEXEC);

    CHECK(folder >= 0 && file >= 0);
    kernel.agains = 5;
    for (uint32_t tries = 0; tries < 100 && kernel.agains > 0; tries++) {
        for (uint32_t i = 0; i < 8; i++)
            ops[i] = (struct cup_disk_op){
                .kind = CUP_DISK_READ, .fd = file, .into = bytes[i], .count = 4, .at = 4 * i};
        disk->ops->run(disk, ops, 8);
        for (uint32_t i = 0; i < 8; i++)
            CHECK(ops[i].result == 4);
    }
    CHECK(posix || kernel.agains == 0);
    kernel.agains = 1;
    for (uint32_t tries = 0; tries < 1000 && kernel.agains > 0; tries++) {
        for (uint32_t i = 0; i < 2; i++)
            ops[i] = (struct cup_disk_op){.kind = CUP_DISK_SYNC, .fd = i == 0 ? file : folder};
        disk->ops->run(disk, ops, 2);
    }
    CHECK(posix || (ops[0].result == -EAGAIN) + (ops[1].result == -EAGAIN) == 1);
    kernel.agains = 0;
    CHECK(close(file) == 0 && close(folder) == 0);
}

/* A child uses the disk it inherited, beside its parent. */
static void check_fork(void)
{
    int   status;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        for (uint32_t i = 0; i < 5; i++)
            write_many(disk, 8);
        cup_disk_close(disk);
        _exit(0);
    }
    for (uint32_t i = 0; i < 5; i++)
        write_many(disk, 9);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* Without a free descriptor no ring can be made: system calls do it. */
static void check_no_ring(bool posix)
{
    struct cup_disk   *fresh;
    struct cup_fault   fault;
    struct rlimit      old, few;
    struct cup_disk_op ops[3];
    char               bytes[3][4];
    int                pair = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

    CHECK(cup_disk_open(posix ? CUP_DISK_POSIX : CUP_DISK_URING, &fresh, &fault) == CUP_OK);
    CHECK(pair >= 0 && getrlimit(RLIMIT_NOFILE, &old) == 0);
    few = (struct rlimit){.rlim_cur = (rlim_t)pair + 1, .rlim_max = old.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    for (uint32_t i = 0; i < 3; i++)
        ops[i] = (struct cup_disk_op){
            .kind = CUP_DISK_READ, .fd = pair, .into = bytes[i], .count = 4, .at = i};
    fresh->ops->run(fresh, ops, 3);
    for (uint32_t i = 0; i < 3; i++)
        CHECK(ops[i].result == 4 && memcmp(bytes[i], "Name:\tt" + i, 4) == 0);
    if (!posix) { /* and no probe: AUTO has to do without */
        struct cup_disk *none;
        CHECK(cup_disk_open(CUP_DISK_URING, &none, &fault) == CUP_UNSUPPORTED);
        CHECK(strstr(fault.where, "Too many open files") != NULL);
        CHECK(cup_disk_open(CUP_DISK_AUTO, &none, &fault) == CUP_OK);
        CHECK(strcmp(cup_disk_name(none), "posix") == 0);
        cup_disk_close(none);
    }
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
    CHECK(close(pair) == 0);
    cup_disk_close(fresh);
}

static void check_all(struct cup_disk *on)
{
    bool posix = strcmp(cup_disk_name(on), "posix") == 0;

    disk = on;
    check_same();
    check_threads();
    check_signals();
    check_kernel(posix);
    check_again(posix);
    check_fork();
    check_no_ring(posix);
}

int main(int argc, char **argv)
{
    rnd = cup_test_begin(argc, argv);
    return with_disk(argc, argv, check_all);
}
