// SPDX-License-Identifier: Apache-2.0
/* Goal:   whatever operation of the disk fails during an epoch, no table is wrong, the standing
 * says what is to be done, and doing that goes on where it stopped: in the same process when
 *         nothing was decided or the disk was full, else with the next open.
 * Method: a disk that hands every operation on to the real one, except that the n-th fails (not
 *         done; or done, and the error came behind it), or that it is full from the n-th on until
 *         there is room again. With a second argument all n are tried, else every STRIDE-th from a
 *         seeded first one; of an epoch, and of the recovery of one that was decided or only
 * placed. After each, logs, files and positions are those of one whole epoch or of none. */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "tests/dataplane/commit_look_priv.h"

#define STRIDE 17u /* a prime: no loop of the store has as many operations */

/* --- a disk that fails --- */

enum mode {
    ONCE, /* the n-th operation is not done */
    LATE, /* it is done, if it is a name, and an error is told */
    LOST, /* the same, and the error is that the answer did not come */
    FULL, /* from the n-th on there is no room */
    MODE_COUNT,
    TAKEN /* before the n-th, another process takes the pipeline over, and ends */
};

static struct faulty {
    struct cup_disk  disk;
    struct cup_disk *real;
    enum mode        mode;
    bool             armed, fired, syncs; /* syncs: no other operations are counted */
    int64_t          left, room; /* operations before the first fault; bytes of a full disk */
} faulty;

static bool takes_room(const struct cup_disk_op *op)
{
    return op->kind == CUP_DISK_WRITE || op->kind == CUP_DISK_MKDIR || op->kind == CUP_DISK_LINK ||
           op->kind == CUP_DISK_RENAME || (op->kind == CUP_DISK_OPEN && (op->flags & O_CREAT) != 0);
}

static bool is_name(const struct cup_disk_op *op)
{
    return op->kind == CUP_DISK_LINK || op->kind == CUP_DISK_RENAME ||
           op->kind == CUP_DISK_UNLINK || op->kind == CUP_DISK_MKDIR;
}

static void take_over(void);

/* What the operation fails with; 0: not at all. */
static int next_fault(const struct cup_disk_op *op)
{
    if (!faulty.armed || op->kind == CUP_DISK_CLOSE) return 0;
    if (faulty.syncs && op->kind != CUP_DISK_SYNC) return 0;
    if (faulty.left > 0) {
        faulty.left--;
        return 0;
    }
    if (faulty.mode == TAKEN) {
        faulty.armed = false;
        faulty.fired = true;
        take_over();
        return 0;
    }
    if (faulty.mode != FULL) {
        faulty.armed = false;
        faulty.fired = true;
        return faulty.mode == LOST ? ETIMEDOUT : EIO;
    }
    if (op->kind == CUP_DISK_UNLINK && strcmp(op->name, "reserve") == 0)
        faulty.room = CUP_JOURNAL_RESERVE_BYTES;
    if (!takes_room(op)) return 0;
    faulty.fired = true;
    if (faulty.room < 4096) return ENOSPC;
    faulty.room -= 4096 + (op->kind == CUP_DISK_WRITE ? (int64_t)op->count : 0);
    return 0;
}

static void faulty_run(struct cup_disk *self, struct cup_disk_op *ops, uint32_t count)
{
    bool is_late = faulty.mode == LATE || faulty.mode == LOST;

    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        int error = next_fault(&ops[i]);
        if (error == 0 || (is_late && is_name(&ops[i])))
            faulty.real->ops->run(faulty.real, &ops[i], 1);
        if (error != 0) ops[i].result = -error;
    }
}

static int faulty_list(struct cup_disk *self, int fd, void (*each)(void *arg, const char *name),
                       void *arg)
{
    (void)self;
    return faulty.real->ops->list(faulty.real, fd, each, arg);
}

static int faulty_info(struct cup_disk *self, int fd, const char *name, struct cup_disk_info *info)
{
    (void)self;
    return faulty.real->ops->info(faulty.real, fd, name, info);
}

static int faulty_lock(struct cup_disk *self, int fd)
{
    (void)self;
    return faulty.real->ops->lock(faulty.real, fd);
}

static int faulty_free_bytes(struct cup_disk *self, int fd, uint64_t *out_bytes)
{
    (void)self;
    int result = faulty.real->ops->free_bytes(faulty.real, fd, out_bytes);
    if (faulty.armed && faulty.mode == FULL && faulty.left == 0) *out_bytes = 0;
    return result;
}

static void arm(enum mode mode, uint32_t n)
{
    faulty.mode  = mode;
    faulty.left  = n;
    faulty.room  = 0;
    faulty.armed = true;
    faulty.fired = false;
}

/* --- an epoch --- */

static uint32_t seen[MODE_COUNT][3];  /* per mode and standing */
static uint32_t absorbed[MODE_COUNT]; /* a fault, and the epoch was done all the same */

static uint64_t start_of(struct cup_commit *commit)
{
    uint64_t start;
    bool     ended;

    CHECK(cup_commit_start(commit, 0, &start, &ended, NULL) == CUP_OK);
    return start;
}

/* What a failure asks for is done; true: the epoch is in the lake. */
static bool go_on(struct cup_commit **commit, struct cup_store **store, uint64_t epoch)
{
    struct cup_commit_result result = {0};
    struct cup_fault         fault;

    seen[faulty.mode][cup_commit_standing(*commit)]++;
    switch (cup_commit_standing(*commit)) {
    case CUP_COMMIT_READY: return false;
    case CUP_COMMIT_DECIDED:
        for (int i = 0; faulty.armed && i < 2; i++) {
            CHECK(cup_commit_resume(*commit, &result, &fault) == CUP_NO_SPACE);
            CHECK(cup_commit_standing(*commit) == CUP_COMMIT_DECIDED);
        }
        faulty.armed = false;
        CHECK(cup_commit_resume(*commit, &result, &fault) == CUP_OK);
        CHECK(result.epoch == epoch && result.record_count == 5);
        CHECK(result.zones[CUP_ZONE_SILVER].rows == 3);
        CHECK(cup_commit_standing(*commit) == CUP_COMMIT_READY);
        return true;
    case CUP_COMMIT_FAILED: break;
    }
    faulty.armed = false;
    close_all(*commit, *store);
    *commit = open_commit(usual_plan(), store);
    return cup_commit_next_epoch(*commit) == epoch + 1;
}

/* False when the epoch after `before` others has no n-th operation. */
static bool check_epoch(enum mode mode, uint32_t before, uint32_t n)
{
    struct cup_store        *store;
    struct cup_commit_result result = {0};
    struct cup_fault         fault  = {.what = ""};

    new_lake();
    struct cup_commit *commit = open_commit(usual_plan(), &store);
    for (uint32_t i = 0; i < before; i++)
        do_epoch(commit, store);
    struct cup_epoch_part part = make_part(commit, store);
    arm(mode, n);
    enum cup_err err  = cup_commit_epoch(commit, &part, 1, &result, &fault);
    bool         done = err == CUP_OK || go_on(&commit, &store, before + 1);
    faulty.armed      = false;
    CHECK(err == CUP_OK || fault.err == err);
    absorbed[mode] += faulty.fired && err == CUP_OK;
    CHECK(err == CUP_OK || err == (mode == FULL ? CUP_NO_SPACE : CUP_IO));
    CHECK(err != CUP_OK || cup_commit_standing(commit) == CUP_COMMIT_READY);
    uint64_t epochs = done ? before + 1 : before;
    CHECK(cup_commit_next_epoch(commit) == epochs + 1 && start_of(commit) == 10 * epochs);
    check_lake(epochs);
    do_epoch(commit, store);
    check_lake(epochs + 1);
    CHECK(get("_cupel/dom/pipe/0/journal/reserve") != NULL); /* made again, if it was given up */
    close_all(commit, store);
    commit = open_commit(usual_plan(), &store);
    CHECK(cup_commit_next_epoch(commit) == epochs + 2);
    close_all(commit, store);
    return faulty.fired;
}

static uint32_t sync_number;

static void arm_at_decided(const char *step)
{
    if (strcmp(step, "decided") == 0) arm(ONCE, sync_number);
}

/* Five commits were sealed before the decision. Of their five folders, one whose sync fails: the
 * commit is there, but nothing makes it durable for certain any more. */
static void check_commit_syncs(void)
{
    struct cup_store        *store;
    struct cup_commit_result result;

    faulty.syncs = true;
    for (sync_number = 0; sync_number < 6; sync_number++) {
        new_lake();
        struct cup_commit *commit = open_commit(usual_plan(), &store);
        do_epoch(commit, store);
        cup_commit_priv_step = arm_at_decided;
        enum cup_err err     = try_epoch(commit, store, &result, NULL);
        cup_commit_priv_step = NULL;
        bool in_folder       = sync_number < 5;
        CHECK(err == (in_folder ? CUP_IO : CUP_OK) && faulty.fired == in_folder);
        CHECK(cup_commit_standing(commit) == (in_folder ? CUP_COMMIT_FAILED : CUP_COMMIT_READY));
        faulty.armed = false;
        close_all(commit, store);
        commit = open_commit(usual_plan(), &store);
        check_lake(2);
        close_all(commit, store);
    }
    faulty.syncs = false;
}

/* --- a recovery --- */

static void die_at_decided(const char *step)
{
    if (strcmp(step, "decided") == 0) _exit(7);
}

static void die_at_synced(const char *step)
{
    if (strcmp(step, "synced") == 0) _exit(7);
}

/* Leaves the lake with an epoch that was decided, or only placed. */
static void leave(void (*step)(const char *))
{
    struct cup_store        *store;
    struct cup_commit_result result;
    int                      status;
    pid_t                    child = fork();

    if (child == 0) {
        struct cup_commit *commit = open_commit(usual_plan(), &store);
        cup_commit_priv_step      = step;
        (void)!try_epoch(commit, store, &result, NULL);
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static bool check_recovery(enum mode mode, uint32_t n, bool decided)
{
    struct cup_store  *store;
    struct cup_commit *commit;
    struct cup_fault   fault;

    new_lake();
    commit = open_commit(usual_plan(), &store);
    do_epoch(commit, store);
    close_all(commit, store);
    leave(decided ? die_at_decided : die_at_synced);
    store = open_store(usual_plan());
    arm(mode, n);
    enum cup_err err = cup_commit_open(store, usual_plan(), &commit, &fault);
    faulty.armed     = false;
    CHECK(err == CUP_OK || err == (mode == FULL ? CUP_NO_SPACE : CUP_IO));
    if (err == CUP_NO_SPACE) /* when there is room, the same store will do */
        err = cup_commit_open(store, usual_plan(), &commit, &fault);
    if (err == CUP_OK)
        close_all(commit, store);
    else
        cup_store_close(store);
    CHECK(mode != FULL || err == CUP_OK);
    uint64_t epochs = decided ? 2 : 1;
    commit          = open_commit(usual_plan(), &store);
    CHECK(cup_commit_next_epoch(commit) == epochs + 1 && start_of(commit) == 10 * epochs);
    check_lake(epochs);
    do_epoch(commit, store);
    close_all(commit, store);
    check_lake(epochs + 1);
    return faulty.fired;
}

/* --- two owners --- */

/* As an operator does who takes the first for dead: its lock file goes, and another process reads
 * on. */
static void take_over(void)
{
    struct cup_store *store;
    int               status;
    pid_t             child = fork();

    if (child == 0) {
        run_shell("rm -f _cupel/dom/pipe/0/lock", "");
        struct cup_commit *commit = open_commit(usual_plan(), &store);
        do_epoch(commit, store);
        close_all(commit, store);
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Whoever is taken over while it opens, or in its first epoch, says so, then or at that epoch,
 * unless the other begins behind its decision; what the other did stays. */
static bool check_taken(bool opened, uint32_t n, uint32_t *fenced)
{
    struct cup_store        *store;
    struct cup_commit       *commit;
    struct cup_commit_result result;
    struct cup_fault         fault = {.what = ""};
    enum cup_err             err   = CUP_OK;

    new_lake();
    commit = open_commit(usual_plan(), &store);
    do_epoch(commit, store);
    close_all(commit, store);
    store = open_store(usual_plan());
    if (!opened) arm(TAKEN, n);
    err = cup_commit_open(store, usual_plan(), &commit, &fault);
    if (err == CUP_OK) {
        if (opened) arm(TAKEN, n);
        err = try_epoch(commit, store, &result, &fault);
        close_all(commit, store);
    } else {
        cup_store_close(store);
    }
    faulty.armed = false;
    *fenced += err == CUP_FENCED;
    if (err != CUP_OK && err != CUP_FENCED) printf("%u: %s: %s\n", n, fault.what, fault.where);
    CHECK(err == CUP_OK || (err == CUP_FENCED && faulty.fired));
    uint64_t epochs = 1 + (uint64_t)faulty.fired + (err == CUP_OK);
    commit          = open_commit(usual_plan(), &store);
    uint64_t found  = cup_commit_next_epoch(commit) - 1;
    CHECK(start_of(commit) == 10 * found && (found == epochs || (err == CUP_FENCED && found == 3)));
    close_all(commit, store);
    check_lake(found);
    return faulty.fired;
}

/* --- a journal --- */

#define JOURNAL "_cupel/journal"

static void decide(struct cup_journal *journal, uint64_t epoch, size_t commit_bytes)
{
    struct cup_text         payload = {0};
    char                   *commit  = calloc(1, commit_bytes);
    struct cup_journal_line head    = {.kind = CUP_LINE_EPOCH, .epoch = epoch, .id = "id"};
    struct cup_journal_line line    = {.kind = CUP_LINE_COMMIT, .name = "t", .id = "id"};

    line.commit = commit;
    line.bytes  = commit_bytes;
    CHECK(commit != NULL);
    cup_journal_put_line(&payload, &head);
    cup_journal_put_line(&payload, &line);
    CHECK(cup_journal_decide(journal, payload.at, payload.bytes, NULL) == CUP_OK);
    free(commit);
    cup_text_free(&payload);
}

/* A segment that should be closed when there is no room for another: it goes on. */
static bool check_turn(uint32_t n)
{
    struct cup_journal      *journal;
    struct cup_journal_state state, now;

    new_lake();
    struct cup_store *store = open_store(usual_plan());
    CHECK(cup_journal_open(store, JOURNAL, &state, &journal, NULL) == CUP_OK);
    decide(journal, 1, CUP_JOURNAL_SEGMENT_BYTES + 1);
    cup_journal_state_free(&state);
    CHECK(cup_journal_read(store, JOURNAL, &state, NULL) == CUP_OK && state.segment == 1);
    cup_text_free(&state.open);
    arm(FULL, n);
    CHECK(cup_journal_turn(journal, &state, NULL) == CUP_OK);
    faulty.armed = false;
    decide(journal, 2, 10);
    CHECK(cup_journal_read(store, JOURNAL, &now, NULL) == CUP_OK && now.epoch == 2);
    uint32_t segment = now.segment;
    cup_text_free(&now.open);
    CHECK(segment == 1 || n > 0);
    CHECK(cup_journal_turn(journal, &now, NULL) == CUP_OK);
    cup_journal_close(journal, true, 2);
    cup_journal_state_free(&state);
    CHECK(cup_journal_read(store, JOURNAL, &state, NULL) == CUP_OK);
    CHECK(state.epoch == 2 && state.clean && state.segment == 2);
    cup_journal_state_free(&state);
    cup_journal_state_free(&now);
    cup_store_close(store);
    return faulty.fired;
}

static void open_faulty(void)
{
    static struct cup_disk_ops ops;

    CHECK(cup_disk_open(CUP_DISK_POSIX, &faulty.real, NULL) == CUP_OK);
    ops             = *faulty.real->ops;
    ops.name        = "faulty";
    ops.run         = faulty_run;
    ops.list        = faulty_list;
    ops.info        = faulty_info;
    ops.lock        = faulty_lock;
    ops.free_bytes  = faulty_free_bytes;
    faulty.disk.ops = &ops;
    disk            = &faulty.disk;
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd    = cup_test_begin(argc, argv);
    uint32_t       stride = argc > 2 ? 1 : STRIDE, tried[MODE_COUNT] = {0};

    /* in memory, because the test syncs far more often than it must wait for */
    if (access("/dev/shm", W_OK) == 0) snprintf(lake, sizeof lake, "/dev/shm/cupel-commit-XXXXXX");
    CHECK(mkdtemp(lake) != NULL);
    open_faulty();
    check_commit_syncs();
    for (enum mode mode = ONCE; mode < MODE_COUNT; mode++) {
        uint32_t first = (uint32_t)cup_rnd_below(&rnd, stride);
        for (uint32_t n = first; check_epoch(mode, 1, n); n += stride)
            tried[mode]++;
        /* the same, and a checkpoint of each table */
        for (uint32_t n = first; check_epoch(mode, CUP_DELTA_CHECKPOINT_INTERVAL, n);
             n += 3 * stride)
            tried[mode]++;
        for (int decided = 0; decided < 2; decided++)
            for (uint32_t n = first; check_recovery(mode, n, decided == 1); n += stride)
                tried[mode]++;
        printf("%u faults: done %u, ready %u, decided %u, failed %u\n", tried[mode], absorbed[mode],
               seen[mode][0], seen[mode][1], seen[mode][2]);
        CHECK(tried[mode] > 250 / stride && seen[mode][CUP_COMMIT_READY] > 0);
    }
    for (uint32_t n = 0; check_turn(n); n += stride)
        continue;
    uint32_t fenced = 0, step = stride == 1 ? 1 : 5;
    for (int opened = 0; opened < 2; opened++)
        for (uint32_t n = (uint32_t)cup_rnd_below(&rnd, step); check_taken(opened == 1, n, &fenced);
             n += step)
            continue;
    CHECK(fenced > 0);
    /* a full disk ends no process; a lost sync does */
    CHECK(seen[FULL][CUP_COMMIT_DECIDED] > 0 && seen[FULL][CUP_COMMIT_FAILED] == 0);
    CHECK(seen[ONCE][CUP_COMMIT_FAILED] > 0 && seen[LATE][CUP_COMMIT_FAILED] > 0);
    run_shell("rm -rf dom _cupel in-*; rmdir ", lake);
    return 0;
}
