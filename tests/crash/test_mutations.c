// SPDX-License-Identifier: Apache-2.0
/* Goal:   a simulator that passes a broken protocol is broken: each step that the protocol needs is
 *         left out in turn, and must be missed; with all of them, nothing is wrong.
 * Method: seeded lives with crashes and failures. A step is left out by a disk that pretends (this
 *         fsync did nothing, that write was shorter than it said) or by --wrap of a function of the
 *         room. Each mutation runs in a child, seed after seed, until a violation; what the room's
 *         own assertions stop counts too. The same seeds then run unbroken: no violation.
 *
 * test_mutations [--break NAME [--seed S]] [--tries N] */
#include <inttypes.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "dataplane/commit/commit_priv.h"
#include "tests/check.h"
#include "tests/crash/sim_world.h"

#define STEPS 5u
#define TRIES 400u /* seeds in which a mutation must be found; most need one */
#ifdef __SANITIZE_ADDRESS__
#define UNBROKEN_RUNS 2u
#else
#define UNBROKEN_RUNS 20u /* at least; all that the mutation needed in any case */
#endif
#define SYNCS_OF_SECOND   3u /* of the journal: BASE, what is intended, what is decided */
#define WRITES_A_DECISION 2u /* to the journal: what is intended, what is decided */

enum mutation {
    NONE,
    DATA_FSYNC,
    PLACE_DIRSYNC,
    JOURNAL_SYNC,
    BASE_SYNC,
    SEGMENT_DIRSYNC,
    MKDIR_DIRSYNC,
    LOG_FSYNC,
    LOG_DIRSYNC,
    TORN_LOG,
    TORN_DATA,
    REFSYNC,
    ACT_BEFORE_COPY,
    COMMIT_ORDER,
    NEW_COMMIT_BYTES,
    FORGET_DECIDED,
    OLD_POSITIONS,
    CONFIRM_SYNC,
    NO_OWNER_CHECK,
    NO_IDENTITY_CHECK,
    PUT_OVERWRITES,
    FORGET_DECLARED,
    MUTATIONS
};

enum scene {
    CHANCE,
    SECOND_DIES, /* two owners; the second is ended behind its decision */
    NOT_FENCED,  /* two owners, and the first does not notice what became of its journal */
};

/* What happens around the protocol, broken or not: rates of a million. */
static const struct row {
    const char *name, *what_breaks;
    uint32_t    end, sync_error, journal_error;
    uint32_t    death; /* of a hundred */
    enum scene  scene;
} rows[MUTATIONS] = {
    [DATA_FSYNC]      = {"data-fsync", "a decided file has torn content", 8000, 0, 0, 20, CHANCE},
    [PLACE_DIRSYNC]   = {"place-dirsync", "a decided file has no name", 8000, 0, 0, 20, CHANCE},
    [JOURNAL_SYNC]    = {"journal-sync", "applied, but not decided", 8000, 0, 0, 20, CHANCE},
    [BASE_SYNC]       = {"base-sync", "the journal is lost", 8000, 0, 0, 20, CHANCE},
    [SEGMENT_DIRSYNC] = {"segment-dirsync", "the journal is lost", 8000, 0, 0, 20, CHANCE},
    [MKDIR_DIRSYNC]   = {"mkdir-dirsync", "whole folders are lost", 8000, 0, 0, 20, CHANCE},
    [LOG_FSYNC]       = {"log-fsync", "a commit is torn", 8000, 0, 0, 20, CHANCE},
    [LOG_DIRSYNC]     = {"log-dirsync", "a version that was seen vanishes", 8000, 0, 0, 20, CHANCE},
    [TORN_LOG]        = {"torn-log", "a commit is torn", 2000, 0, 0, 20, CHANCE},
    [TORN_DATA]       = {"torn-data", "a file is torn", 2000, 0, 0, 20, CHANCE},
    [REFSYNC]         = {"refsync", "a second fsync lies", 4000, 30000, 0, 20, CHANCE},
    [ACT_BEFORE_COPY] = {"act-before-copy", "acted on what only the cache decided", 6000, 0, 200000,
                         20, CHANCE},
    [COMMIT_ORDER]    = {"commit-order", "applied, but not decided", 8000, 0, 0, 20, CHANCE},
    [NEW_COMMIT_BYTES] = {"new-commit-bytes", "a version changes under a reader", 12000, 0, 0, 0,
                          CHANCE},
    [FORGET_DECIDED]   = {"forget-decided", "a decided epoch is nowhere", 8000, 0, 0, 50, CHANCE},
    [OLD_POSITIONS]    = {"resume-from-old-positions", "rows are doubled", 8000, 0, 0, 50, CHANCE},
    [CONFIRM_SYNC]     = {"confirm-sync", "what was only seen vanishes", 12000, 0, 0, 60, CHANCE},
    [NO_OWNER_CHECK] = {"no-owner-check", "two owners decide one number", 0, 0, 0, 0, SECOND_DIES},
    [NO_IDENTITY_CHECK] = {"no-identity-check", "two owners decide one number", 0, 0, 0, 0,
                           NOT_FENCED},
    [FORGET_DECLARED] = {"forget-declared", "a table's first version changes under a reader", 12000,
                         0, 0, 20, CHANCE},
    [PUT_OVERWRITES]  = {"put-overwrites", "a version changes under a reader", 0, 0, 0, 0,
                         NOT_FENCED},
};

static enum mutation  broken;
static struct life   *actor; /* whose epoch is being decided */
static struct cup_rnd dice;

/* --- a disk that pretends --- */

struct pretender {
    const struct row *row;
    struct cup_rnd    rnd;
    char              segment[CUP_DISK_SIM_PATH_BYTES]; /* synced last */
};

static bool ends_with(const char *path, const char *end)
{
    size_t bytes = strlen(path), end_bytes = strlen(end);

    return bytes >= end_bytes && strcmp(path + bytes - end_bytes, end) == 0;
}

static bool is_staged(const struct cup_disk_sim_event *event)
{
    return strstr(event->path, "/staging/") != NULL;
}

static bool is_commit(const struct cup_disk_sim_event *event)
{
    return is_staged(event) && event->count > 0 && ((const char *)event->bytes)[0] == '{';
}

static bool is_data(const struct cup_disk_sim_event *event)
{
    return is_staged(event) && event->count > 0 && ((const char *)event->bytes)[0] != '{';
}

/* A folder that holds files of tables. */
static bool is_place(const char *path)
{
    for (uint32_t i = 0; i < WORLD_TABLES; i++)
        if (ends_with(path, world_tables[i])) return true;
    return strstr(path, "/date=") != NULL;
}

/* A folder that holds folders. */
static bool is_parent(const char *path)
{
    static const char *const parents[] = {"",
                                          "lake",
                                          "lake/dom",
                                          "lake/dom/silver",
                                          "lake/_cupel",
                                          "lake/_cupel/dom",
                                          "lake/_cupel/dom/pipe",
                                          "lake/_cupel/dom/pipe/0",
                                          "lake/dom/bronze",
                                          "lake/dom/silver/db",
                                          "lake/dom/quarantine"};

    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++)
        if (strcmp(path, parents[i]) == 0) return true;
    return false;
}

/* The first sync of a segment is that of its BASE. */
static bool is_base(struct pretender *pretender, const char *path)
{
    if (!ends_with(path, ".cj") || strcmp(pretender->segment, path) == 0) return false;
    snprintf(pretender->segment, sizeof pretender->segment, "%s", path);
    return true;
}

static bool pretends_sync(struct pretender *pretender, const struct cup_disk_sim_event *event)
{
    const char *path = event->path;

    switch (broken) {
    case DATA_FSYNC: return is_data(event);
    case PLACE_DIRSYNC: return is_place(path);
    case JOURNAL_SYNC: return ends_with(path, ".cj");
    case BASE_SYNC: return is_base(pretender, path);
    case SEGMENT_DIRSYNC: return ends_with(path, "/journal");
    case MKDIR_DIRSYNC: return is_parent(path);
    case LOG_FSYNC: return is_commit(event);
    case LOG_DIRSYNC: return ends_with(path, "/_delta_log");
    default: return false;
    }
}

static struct cup_disk_sim_verdict judge_pretender(void                            *arg,
                                                   const struct cup_disk_sim_event *event)
{
    struct pretender           *pretender = arg;
    struct cup_disk_sim_verdict verdict   = {.effect = CUP_SIM_DO};
    const struct row           *row       = pretender->row;
    bool                        is_torn =
        (broken == TORN_LOG && is_commit(event)) || (broken == TORN_DATA && is_data(event));

    if (event->kind == CUP_DISK_WRITE && is_torn && cup_rnd_below(&pretender->rnd, 2) == 0)
        verdict = (struct cup_disk_sim_verdict){
            .effect = CUP_SIM_LIE, .count = cup_rnd_below(&pretender->rnd, (uint32_t)event->count)};
    if (event->kind != CUP_DISK_SYNC) return verdict;
    if (pretends_sync(pretender, event)) verdict.effect = CUP_SIM_LIE;
    if (ends_with(event->path, ".cj") &&
        cup_rnd_below(&pretender->rnd, 1000000) < row->journal_error)
        return (struct cup_disk_sim_verdict){.effect = CUP_SIM_FAIL, .error = 5};
    /* both throw the dice: the lives are the same until a second try is believed */
    bool fails = cup_rnd_below(&pretender->rnd, 1000000) < row->sync_error;
    if (fails && is_staged(event))
        verdict = (struct cup_disk_sim_verdict){
            .effect = broken == REFSYNC ? CUP_SIM_LOSE : CUP_SIM_FAIL, .error = 5};
    return verdict;
}

/* --- functions of the room, done wrong --- */

enum cup_err __real_cup_journal_open(struct cup_store *store, const char *folder,
                                     struct cup_journal_state *out_state,
                                     struct cup_journal **out_journal, struct cup_fault *out_fault);
enum cup_err __wrap_cup_journal_open(struct cup_store *store, const char *folder,
                                     struct cup_journal_state *out_state,
                                     struct cup_journal **out_journal, struct cup_fault *out_fault);
enum cup_err __real_cup_journal_turn(struct cup_journal             *journal,
                                     const struct cup_journal_state *state,
                                     struct cup_fault               *out_fault);
enum cup_err __wrap_cup_journal_turn(struct cup_journal             *journal,
                                     const struct cup_journal_state *state,
                                     struct cup_fault               *out_fault);
enum cup_err __real_cup_journal_decide(struct cup_journal *journal, const void *payload,
                                       size_t bytes, struct cup_fault *out_fault);
enum cup_err __wrap_cup_journal_decide(struct cup_journal *journal, const void *payload,
                                       size_t bytes, struct cup_fault *out_fault);
enum cup_err __real_cup_commit_priv_verify(struct cup_commit *commit, struct cup_fault *out_fault);
enum cup_err __wrap_cup_commit_priv_verify(struct cup_commit *commit, struct cup_fault *out_fault);
enum cup_err __real_cup_commit_priv_confirm(struct cup_commit              *commit,
                                            const struct cup_commit_target *target,
                                            const char *epoch_id, struct cup_fault *out_fault);
enum cup_err __wrap_cup_commit_priv_confirm(struct cup_commit              *commit,
                                            const struct cup_commit_target *target,
                                            const char *epoch_id, struct cup_fault *out_fault);
enum cup_err __real_cup_store_sync_folder(struct cup_store *store, const char *folder,
                                          struct cup_fault *out_fault);
enum cup_err __real_cup_commit_priv_declare_again(struct cup_commit             *commit,
                                                  const struct cup_commit_table *table,
                                                  const struct cup_journal_line *line,
                                                  struct cup_fault              *out_fault);
enum cup_err __wrap_cup_commit_priv_declare_again(struct cup_commit             *commit,
                                                  const struct cup_commit_table *table,
                                                  const struct cup_journal_line *line,
                                                  struct cup_fault              *out_fault);
enum cup_err __wrap_cup_store_sync_folder(struct cup_store *store, const char *folder,
                                          struct cup_fault *out_fault);
void __real_cup_store_put_all(struct cup_store *store, struct cup_store_put *puts, uint32_t count);
void __wrap_cup_store_put_all(struct cup_store *store, struct cup_store_put *puts, uint32_t count);

enum cup_err __real_cup_store_info(struct cup_store *store, const char *name,
                                   struct cup_store_info *out_info, struct cup_fault *out_fault);
enum cup_err __wrap_cup_store_info(struct cup_store *store, const char *name,
                                   struct cup_store_info *out_info, struct cup_fault *out_fault);

static bool blind; /* to what became of the journal: what is there is not, what is gone is there */

static struct {
    struct cup_store    *store;
    struct cup_journal **out_journal; /* not NULL: the segment is still to be opened */
    char                 folder[CUP_STORE_NAME_BYTES];
} put_off;

/* Every input one chunk back, as positions of another source would have it. */
static void move_back(struct cup_journal_state *state)
{
    for (uint32_t i = 0; i < state->positions.count; i++) {
        struct cup_position *position = state->positions.list[i];
        if (position->end >= WORLD_RECORD) position->end -= WORLD_RECORD;
        position->checked = position->end;
    }
}

enum cup_err __wrap_cup_journal_open(struct cup_store *store, const char *folder,
                                     struct cup_journal_state *out_state,
                                     struct cup_journal **out_journal, struct cup_fault *out_fault)
{
    put_off.out_journal = NULL;
    if (broken == ACT_BEFORE_COPY) {
        put_off.store       = store;
        put_off.out_journal = out_journal;
        snprintf(put_off.folder, sizeof put_off.folder, "%s", folder);
        return cup_journal_read(store, folder, out_state, out_fault);
    }
    enum cup_err err = __real_cup_journal_open(store, folder, out_state, out_journal, out_fault);
    if (err == CUP_OK && broken == OLD_POSITIONS) move_back(out_state);
    if (err == CUP_OK && broken == FORGET_DECIDED) cup_text_free(&out_state->open);
    return err;
}

enum cup_err __wrap_cup_journal_turn(struct cup_journal             *journal,
                                     const struct cup_journal_state *state,
                                     struct cup_fault               *out_fault)
{
    return put_off.out_journal != NULL ? CUP_OK
                                       : __real_cup_journal_turn(journal, state, out_fault);
}

enum cup_err __wrap_cup_commit_priv_verify(struct cup_commit *commit, struct cup_fault *out_fault)
{
    struct cup_journal_state again;
    enum cup_err             err = CUP_OK;

    if (put_off.out_journal != NULL) {
        err = __real_cup_journal_open(put_off.store, put_off.folder, &again, put_off.out_journal,
                                      out_fault);
        put_off.out_journal = NULL;
        if (err == CUP_OK) cup_journal_state_free(&again);
    }
    return err == CUP_OK ? __real_cup_commit_priv_verify(commit, out_fault) : err;
}

enum cup_err __wrap_cup_journal_decide(struct cup_journal *journal, const void *payload,
                                       size_t bytes, struct cup_fault *out_fault)
{
    struct cup_commit *commit = actor->commit;

    if (broken == COMMIT_ORDER) {
        cup_text_clear(&commit->state.open);
        cup_text_put(&commit->state.open, payload, bytes);
        commit->state.epoch++;
        enum cup_err err = cup_commit_priv_apply(commit, out_fault);
        commit->state.epoch--;
        cup_text_free(&commit->state.open);
        if (err != CUP_OK) return err;
    }
    return __real_cup_journal_decide(journal, payload, bytes, out_fault);
}

enum cup_err __wrap_cup_commit_priv_confirm(struct cup_commit              *commit,
                                            const struct cup_commit_target *target,
                                            const char *epoch_id, struct cup_fault *out_fault)
{
    if (broken == NO_IDENTITY_CHECK) return CUP_OK;
    return __real_cup_commit_priv_confirm(commit, target, epoch_id, out_fault);
}

enum cup_err __wrap_cup_commit_priv_declare_again(struct cup_commit             *commit,
                                                  const struct cup_commit_table *table,
                                                  const struct cup_journal_line *line,
                                                  struct cup_fault              *out_fault)
{
    if (broken == FORGET_DECLARED) return CUP_OK;
    return __real_cup_commit_priv_declare_again(commit, table, line, out_fault);
}

enum cup_err __wrap_cup_store_sync_folder(struct cup_store *store, const char *folder,
                                          struct cup_fault *out_fault)
{
    return broken == CONFIRM_SYNC ? CUP_OK : __real_cup_store_sync_folder(store, folder, out_fault);
}

enum cup_err __wrap_cup_store_info(struct cup_store *store, const char *name,
                                   struct cup_store_info *out_info, struct cup_fault *out_fault)
{
    enum cup_err err = __real_cup_store_info(store, name, out_info, out_fault);

    if (!blind || !ends_with(name, ".cj")) return err;
    return err == CUP_OK ? CUP_NOT_FOUND : CUP_OK;
}

/* The same commit with another time of its making. */
static void put_salted(struct cup_store *store, struct cup_store_put *put)
{
    static const char key[] = "\"timestamp\":";
    char             *copy  = malloc(put->count + 1);
    const void       *bytes = put->bytes;

    CHECK(copy != NULL);
    memcpy(copy, put->bytes, put->count);
    copy[put->count] = '\0';
    char *at         = strstr(copy, key);
    if (at != NULL && strstr(put->name, "/_delta_log/") != NULL)
        at[sizeof key + 6] = (char)('0' + cup_rnd_below(&dice, 10));
    put->bytes = copy;
    __real_cup_store_put_all(store, put, 1);
    put->bytes = bytes;
    free(copy);
}

void __wrap_cup_store_put_all(struct cup_store *store, struct cup_store_put *puts, uint32_t count)
{
    if (broken != NEW_COMMIT_BYTES && broken != PUT_OVERWRITES) {
        __real_cup_store_put_all(store, puts, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (broken == NEW_COMMIT_BYTES)
            put_salted(store, &puts[i]);
        else
            puts[i].err = cup_store_replace(store, puts[i].name, puts[i].bytes, puts[i].count,
                                            &puts[i].fault);
    }
}

/* --- scenes --- */

/* The seed chooses the life; breaking it does not. */
static void run_chance(struct life *life, const struct row *row, uint64_t seed)
{
    struct life_rates rates     = {.disk = {.end = row->end}, .boots_max = 25, .death = row->death};
    struct pretender  pretender = {.row = row, .rnd = cup_rnd_seed(seed + 1)};

    actor = life;
    life_run(life, &rates, seed, judge_pretender, &pretender);
}

/* The first owner is halted where it writes its decision. The second opens the lake meanwhile, does
 * the same step, and leaves, or dies behind its decision. */
struct halt {
    struct life second;
    enum scene  scene;
    uint32_t    writes_left; /* of the first to the journal before the halt; 0: none, or over */
    uint32_t    syncs;       /* of the second */
};

static struct cup_disk_sim_verdict judge_second(struct halt                     *halt,
                                                const struct cup_disk_sim_event *event)
{
    struct cup_disk_sim_verdict verdict = {.effect = CUP_SIM_DO};

    if (halt->scene == SECOND_DIES && halt->syncs == SYNCS_OF_SECOND)
        verdict = (struct cup_disk_sim_verdict){.effect = CUP_SIM_FAIL, .error = 5};
    halt->syncs += event->kind == CUP_DISK_SYNC && ends_with(event->path, ".cj");
    return verdict;
}

static struct cup_disk_sim_verdict judge_halt(void *arg, const struct cup_disk_sim_event *event)
{
    struct halt     *halt   = arg;
    struct life     *second = &halt->second, *first = actor;
    struct cup_fault fault;
    bool             writes = event->kind == CUP_DISK_WRITE && ends_with(event->path, ".cj");

    if (first == second) return judge_second(halt, event);
    if (!writes || halt->writes_left == 0 || --halt->writes_left > 0)
        return (struct cup_disk_sim_verdict){.effect = CUP_SIM_DO};
    actor            = second;
    enum cup_err err = life_open(second, &fault);
    if (err == CUP_OK) err = life_step(second, &fault);
    if (err != CUP_OK && halt->scene != SECOND_DIES)
        life_blame(second, "the second owner: %s: %s", fault.what, fault.where);
    life_read(second);
    life_close(second);
    actor = first;
    blind = broken == NO_OWNER_CHECK || halt->scene == NOT_FENCED;
    return (struct cup_disk_sim_verdict){.effect = CUP_SIM_DO};
}

static void run_two_owners(struct life *life, enum scene scene, uint64_t seed)
{
    struct halt      halt = {.second = *life, .scene = scene};
    struct cup_fault fault;
    enum cup_err     err    = life_open(life, &fault);
    uint32_t         before = (uint32_t)(seed % (STEPS - 1));

    cup_disk_sim_share(life->disk, true);
    cup_disk_sim_judge(life->disk, judge_halt, &halt);
    actor             = life;
    halt.second.names = cup_rnd_seed(seed + 2).state;
    for (uint32_t i = 0; err == CUP_OK && i < before; i++)
        err = life_step(life, &fault);
    CHECK(err == CUP_OK);
    halt.writes_left = WRITES_A_DECISION;
    err              = life_step(life, &fault);
    blind            = false;
    CHECK(halt.writes_left == 0);
    if (err == CUP_OK) life_blame(life, "two owners decided epoch %u", before + 1);
    life_close(life);
    memcpy(life->seen, halt.second.seen, sizeof life->seen);
    if (halt.second.why[0] != '\0') life_blame(life, "%s", halt.second.why);
    life->orphans_allowed = true; /* those of the owner that lost */
    life_read(life);
    life_finish(life);
}

/* True: a violation, told in out_why. */
static bool run_one(enum mutation mutation, bool breaks, uint64_t seed, char out_why[256])
{
    const struct row           *row     = &rows[mutation];
    struct cup_disk_sim_options options = {.seed = seed};
    struct world               *world   = world_make(seed, STEPS);
    struct life                 life;

    broken = breaks ? mutation : NONE;
    dice   = cup_rnd_seed(seed + 3);
    life_begin(&life, world, &options);
    if (row->scene == CHANCE)
        run_chance(&life, row, seed);
    else
        run_two_owners(&life, row->scene, seed);
    memcpy(out_why, life.why, sizeof life.why);
    broken = NONE;
    life_end(&life);
    world_free(world);
    return out_why[0] != '\0';
}

/* --- the whole --- */

/* What a child tells: the seed that it is at, then how it ended. */
struct told {
    uint64_t seed;
    bool     found;
    char     why[256];
};

static void run_child(enum mutation mutation, uint64_t from, uint64_t tries, int fd)
{
    struct told told = {.seed = from};

    (void)!freopen("/dev/null", "w", stderr); /* assertions of the room speak there */
    for (; !told.found && told.seed < from + tries; told.seed++) {
        if (write(fd, &told, sizeof told) != (ssize_t)sizeof told) _exit(2);
        told.found = run_one(mutation, true, told.seed, told.why);
        told.seed -= told.found;
    }
    if (write(fd, &told, sizeof told) != (ssize_t)sizeof told) _exit(2);
    _exit(0);
}

static bool find(enum mutation mutation, uint64_t from, uint64_t tries, struct told *out_told)
{
    int         fds[2], status;
    struct told told = {0};

    CHECK(fflush(NULL) == 0 && pipe(fds) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) run_child(mutation, from, tries, fds[1]);
    close(fds[1]);
    while (read(fds[0], &told, sizeof told) == (ssize_t)sizeof told)
        *out_told = told;
    close(fds[0]);
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status)) {
        out_told->found = true;
        snprintf(out_told->why, sizeof out_told->why, "stopped by signal %d", WTERMSIG(status));
    }
    return out_told->found;
}

/* Mutation found, and the same seeds without it clean? */
static bool judge_mutation(enum mutation mutation, uint64_t from, uint64_t tries)
{
    struct told told;
    char        why[256];
    uint64_t    start = cup_clock_mono_ns();
    bool        ok    = find(mutation, from, tries, &told);

    printf("%-26s %s seed %" PRIu64 " %s\n", rows[mutation].name, ok ? "found," : "NOT FOUND,",
           told.seed, told.why);
    uint64_t last = told.seed > from + UNBROKEN_RUNS ? told.seed : from + UNBROKEN_RUNS;
    for (uint64_t seed = from; seed <= last; seed++) {
        if (!run_one(mutation, false, seed, why)) continue;
        printf("  unbroken, seed %" PRIu64 ": %s\n", seed, why);
        ok = false;
    }
    printf("  %.1f s\n", (double)(cup_clock_mono_ns() - start) / 1e9);
    return ok;
}

int main(int argc, char **argv)
{
    uint64_t      seed = 1, tries = TRIES;
    uint32_t      failed = 0;
    enum mutation only   = NONE;
    char          why[256];

    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--tries") == 0) tries = strtoull(argv[i + 1], NULL, 10);
        for (enum mutation m = NONE + 1; m < MUTATIONS; m++)
            if (strcmp(argv[i + 1], rows[m].name) == 0) only = m;
    }
    world_begin();
    if (only != NONE && tries == 1) { /* in this process, for a debugger */
        bool found = run_one(only, true, seed, why);
        printf("%s: %s\n", rows[only].name, why);
        return found ? 0 : 1;
    }
    for (enum mutation m = NONE + 1; m < MUTATIONS; m++)
        if (only == NONE || only == m) failed += !judge_mutation(m, seed, tries);
    printf("mutations %d, failed %u\n", MUTATIONS - 1, failed);
    return failed == 0 ? 0 : 1;
}
