// SPDX-License-Identifier: Apache-2.0
/* Goal:   whatever operation the power or the process ends at, and whichever one fails, no table is
 *         ever wrong: each record is in its table once, what a reader saw stays, the lake verifies.
 * Method: runs of the real commit room over a disk in memory. Before each operation that can change
 *         the disk (and behind the last), the disk is copied, crashed under each model, opened and
 *         taken to the end; half of the copies crash once more on the way. Then runs in which one
 *         operation fails, the disk is full, or links and puts have unknown results. Tables are
 *         compared with what the seed says they hold; each 150th lake is exported and verified.
 *
 * test_sim [--seed S] [--points N] [--chances N] [--objects]
 * test_sim --seed S --crash K --model M [--objects] [--trace]   what a line of the report says,
 *                                                               again, with its operations */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/crash/sim_world.h"

#define STEPS_SHORT  5u
#define STEPS_LONG   12u /* past a checkpoint; crashes only in the last ones */
#define STEPS_TAIL   3u
#define AGAIN_OPS    90u  /* a second crash comes within so many operations */
#define VERIFY_EVERY 150u /* an export and a verify cost as much as twenty crashes */
#define BUDGET_STEP  509u /* bytes; prime to all that is rounded */

#ifdef __SANITIZE_ADDRESS__
#define POINTS  1000u /* a sanitizer is slow, and looks for other things */
#define CHANCES 30u
#define BUDGETS 15u
#define STRIDE  9u /* of the operations that fail, one after the other */
#else
#define POINTS  20000u
#define CHANCES 300u
#define BUDGETS 100u
#define STRIDE  1u
#endif
#define OBJECTS_EVERY 6u /* seeds that are run on an object store */

static const char *const model_names[CUP_SIM_MODEL_COUNT] = {
    [CUP_SIM_PREFIX] = "prefix",
    [CUP_SIM_SUBSET] = "subset",
    [CUP_SIM_TORN]   = "torn",
    [CUP_SIM_DEATH]  = "death",
};

static struct {
    uint64_t seed;
    uint64_t operations, points, crashes, epochs, lives, verified;
    uint32_t violations;
    bool     traced, objects;
    /* what is being done, for the message of a bug that ends the test */
    uint64_t    crash;
    const char *what;
} total = {.what = "start"};

static void report(const struct life *life, const char *model, uint64_t crash)
{
    if (life->why[0] == '\0') return;
    total.violations++;
    fprintf(stderr,
            "violation: %s\n  test_sim --seed %" PRIu64 " --crash %" PRIu64 " --model %s%s\n",
            life->why, total.seed, crash, model, total.objects ? " --objects" : "");
}

static void on_abort(int signal_number)
{
    char text[128];
    int  bytes = snprintf(text, sizeof text, "seed %llu, %s %llu\n", (unsigned long long)total.seed,
                          total.what, (unsigned long long)total.crash);

    (void)!write(STDERR_FILENO, text, (size_t)bytes); /* the process ends */
    (void)signal(signal_number, SIG_DFL);
}

static void account(struct life *life)
{
    struct cup_disk_sim_info info = cup_disk_sim_info(life->disk);

    total.lives++;
    total.operations += info.operations;
    total.epochs += life->epochs;
    total.crashes += life->crashes;
}

static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
    struct cup_rnd rnd = cup_rnd_seed(a * 1000003 + b * 7919 + c);

    return cup_rnd_u64(&rnd);
}

/* --- crashes at every operation --- */

struct sweep {
    struct life *base;
    uint32_t     from_step;
    uint64_t     only_crash; /* 0: all */
    uint32_t     only_model; /* CUP_SIM_MODEL_COUNT: all */
    bool         named;
};

struct ending {
    const struct life *life;
    uint64_t           number;
};

static struct cup_disk_sim_verdict judge_end(void *arg, const struct cup_disk_sim_event *event)
{
    const struct ending *ending = arg;
    bool                 ends   = event->changes && event->number >= ending->number;

    life_trace(ending->life, event);
    return (struct cup_disk_sim_verdict){.effect = ends ? CUP_SIM_END : CUP_SIM_DO};
}

/* Goes on until the power is gone again, or to the end. */
static void crash_again(struct life *life, struct cup_rnd *rnd)
{
    struct ending ending = {.life   = life,
                            .number = cup_disk_sim_info(life->disk).number + 1 +
                                      cup_rnd_below(rnd, AGAIN_OPS)};

    cup_disk_sim_judge(life->disk, judge_end, &ending);
    enum cup_err err = life_open(life, NULL);
    while (err == CUP_OK && !life_is_through(life))
        err = life_step(life, NULL);
    life->orphans_allowed = false; /* a power cut is no failure to remove */
    life_crash(life, (enum cup_disk_sim_model)cup_rnd_below(rnd, CUP_SIM_MODEL_COUNT),
               cup_rnd_u64(rnd));
}

static void crash_here(struct sweep *sweep, uint64_t number, enum cup_disk_sim_model model)
{
    uint64_t       seed = mix(total.seed, number, model);
    struct cup_rnd rnd  = cup_rnd_seed(seed);
    struct life    life;

    total.what  = model_names[model];
    total.crash = number;
    total.points++;
    life_fork(&life, sweep->base, seed);
    life.traced = total.traced;
    life.epochs = life.crashes = 0;
    uint64_t before            = cup_disk_sim_info(life.disk).operations;
    life_crash(&life, model, seed);
    if (cup_rnd_below(&rnd, 2) == 0) crash_again(&life, &rnd);
    life_finish(&life);
    if (total.points % VERIFY_EVERY == 0 || sweep->only_crash != 0) {
        life_verify(&life);
        total.verified++;
    }
    account(&life);
    total.operations -= before;
    report(&life, model_names[model], number);
    life_end(&life);
}

static void crash_all(struct sweep *sweep, uint64_t number)
{
    if (sweep->only_crash != 0 && sweep->only_crash != number) return;
    for (uint32_t model = 0; model < CUP_SIM_MODEL_COUNT; model++)
        if (sweep->only_model == CUP_SIM_MODEL_COUNT || sweep->only_model == model)
            crash_here(sweep, number, (enum cup_disk_sim_model)model);
}

static struct cup_disk_sim_verdict judge_sweep(void *arg, const struct cup_disk_sim_event *event)
{
    struct sweep *sweep = arg;

    if (sweep->named) life_read(sweep->base);
    sweep->named = event->to_path[0] != '\0';
    life_trace(sweep->base, event);
    if (event->changes && sweep->base->epochs >= sweep->from_step) crash_all(sweep, event->number);
    return (struct cup_disk_sim_verdict){.effect = CUP_SIM_DO};
}

static void sweep_seed(uint64_t seed, bool objects, uint64_t only_crash, uint32_t only_model)
{
    bool                        tail    = seed % 4 == 0;
    uint32_t                    steps   = tail ? STEPS_LONG : STEPS_SHORT;
    struct cup_disk_sim_options options = {.seed = seed, .objects = objects};
    struct world               *world   = world_make(seed, steps);
    struct life                 base;
    struct sweep                sweep = {.base       = &base,
                                         .from_step  = tail ? STEPS_LONG - STEPS_TAIL : 0,
                                         .only_crash = only_crash,
                                         .only_model = only_model};
    struct cup_fault            fault;

    total.seed    = seed;
    total.objects = objects;
    life_begin(&base, world, &options);
    base.traced = total.traced;
    cup_disk_sim_judge(base.disk, judge_sweep, &sweep);
    enum cup_err err = life_open(&base, &fault);
    while (err == CUP_OK && !life_is_through(&base))
        err = life_step(&base, &fault);
    if (err != CUP_OK) life_blame(&base, "%s: %s", fault.what, fault.where);
    life_close(&base);
    crash_all(&sweep, cup_disk_sim_info(base.disk).number + 1);
    cup_disk_sim_judge(base.disk, NULL, NULL);
    life_read(&base);
    life_check(&base, steps);
    life_verify(&base);
    account(&base);
    report(&base, "none", 0);
    life_end(&base);
    world_free(world);
    total.objects = false;
}

/* --- one failure --- */

/* The n-th operation of some kinds has an effect. */
struct once {
    uint32_t                 kinds; /* bit per kind */
    uint64_t                 nth, seen;
    enum cup_disk_sim_effect effect;
    int                      error;
    bool                     hit, of_data, of_segment;      /* a staged file; a segment's sync */
    char                     path[CUP_DISK_SIM_PATH_BYTES]; /* that it met */
};

static struct cup_disk_sim_verdict judge_once(void *arg, const struct cup_disk_sim_event *event)
{
    struct once *once = arg;

    if ((once->kinds & 1u << event->kind) == 0 || once->seen++ != once->nth)
        return (struct cup_disk_sim_verdict){.effect = CUP_SIM_DO};
    once->hit        = true;
    once->of_data    = strstr(event->path, "/staging/") != NULL && event->to_path[0] == '\0';
    once->of_segment = strstr(event->path, ".cj") != NULL && event->kind == CUP_DISK_SYNC;
    snprintf(once->path, sizeof once->path, "%s %s", event->path, event->to_path);
    return (struct cup_disk_sim_verdict){.effect = once->effect, .error = once->error};
}

/* A process that met its failure: what is left must be as commit.h says. A journal or a folder that
 * could not be synced ends the process; a data file never does. */
static void judge_standing(struct life *life, const struct once *once)
{
    struct cup_fault         fault;
    enum cup_commit_standing standing = cup_commit_standing(life->commit);

    if (once->of_segment && standing != CUP_COMMIT_FAILED) {
        life_blame(life, "a segment that could not be synced is used on: %s", once->path);
    } else if (standing == CUP_COMMIT_READY) {
        if (life_step(life, &fault) != CUP_OK)
            life_blame(life, "the same step fails again: %s: %s", fault.what, fault.where);
    } else if (standing == CUP_COMMIT_DECIDED) {
        life_blame(life, "a decided epoch cannot be finished");
    } else if (once->of_data) {
        life_blame(life, "FAILED, but what failed is a staged file: %s", once->path);
    }
}

/* One life with one failure; false: the life has no n-th operation of these kinds. */
static bool fail_once(const struct world *world, struct once *once, bool objects)
{
    struct cup_disk_sim_options options = {.seed = total.seed, .objects = objects};
    struct cup_fault            fault;
    struct life                 life;

    total.crash = once->nth;
    life_begin(&life, world, &options);
    cup_disk_sim_judge(life.disk, judge_once, once);
    enum cup_err err = life_open(&life, &fault);
    if (err != CUP_OK) life.orphans_allowed = true;
    while (err == CUP_OK && !life_is_through(&life)) {
        err = life_step(&life, &fault);
        if (err == CUP_OK) continue;
        if (!once->hit) life_blame(&life, "%s: %s", fault.what, fault.where);
        judge_standing(&life, once);
        if (cup_commit_standing(life.commit) == CUP_COMMIT_READY) err = CUP_OK;
        if (life.why[0] != '\0') break;
    }
    life_close(&life);
    life_read(&life);
    life_finish(&life);
    life_crash(&life, CUP_SIM_SUBSET, total.seed + once->nth);
    life_finish(&life);
    account(&life);
    report(&life, total.what, once->nth);
    life_end(&life);
    return once->hit;
}

#define BIT(kind) (1u << CUP_DISK_##kind)
#define NAMES     (BIT(LINK) | BIT(RENAME) | BIT(PUT))

static const struct {
    const char              *what;
    uint32_t                 kinds, stride;
    enum cup_disk_sim_effect effect;
    int                      error;
    bool                     objects;
} failures[] = {
    {"sync-error", BIT(SYNC), 1, CUP_SIM_FAIL, EIO, false},
    {"link-error", NAMES, 1, CUP_SIM_FAIL, EIO, false},
    {"link-late", NAMES, 1, CUP_SIM_LATE, EIO, false},
    {"write-error", BIT(WRITE), 1, CUP_SIM_FAIL, EIO, false},
    {"make-error", BIT(MKDIR) | BIT(CHMOD) | BIT(CUT), 1, CUP_SIM_FAIL, EIO, false},
    {"open-error", BIT(OPEN), 3, CUP_SIM_FAIL, EIO, false},
    {"read-error", BIT(READ), 3, CUP_SIM_FAIL, EIO, false},
    {"unlink-error", BIT(UNLINK), 1, CUP_SIM_FAIL, EIO, false},
    {"put-timeout", NAMES, 1, CUP_SIM_FAIL, ETIMEDOUT, true},
    {"put-late", NAMES, 1, CUP_SIM_LATE, ETIMEDOUT, true},
};

/* False: there are not so many of these operations. */
static bool fail_row(const struct world *world, size_t row, uint64_t nth)
{
    struct once once = {.kinds  = failures[row].kinds,
                        .nth    = nth,
                        .effect = failures[row].effect,
                        .error  = failures[row].error};

    total.what = failures[row].what;
    return fail_once(world, &once, failures[row].objects);
}

static void fail_everywhere(uint64_t seed)
{
    struct world *world = world_make(seed, STEPS_SHORT);

    total.seed = seed;
    for (size_t row = 0; row < sizeof failures / sizeof *failures; row++) {
        uint64_t nth = seed % failures[row].stride;
        while (fail_row(world, row, nth))
            nth += failures[row].stride * STRIDE;
    }
    world_free(world);
}

/* --- a full disk --- */

/* The disk has `bytes` of room until a step says that it is full; then there is enough. */
static void fill_disk(const struct world *world, uint64_t bytes)
{
    struct cup_disk_sim_options options = {.seed = total.seed, .bytes_max = bytes};
    struct cup_fault            fault;
    struct life                 life;

    total.crash = bytes;
    life_begin(&life, world, &options);
    enum cup_err err = life_open(&life, &fault);
    if (err == CUP_NO_SPACE) {
        cup_disk_sim_room(life.disk, 0);
        life.orphans_allowed = true;
        err                  = life_open(&life, &fault);
    }
    if (err != CUP_OK) life_blame(&life, "open: %s: %s", fault.what, fault.where);
    while (err == CUP_OK && !life_is_through(&life)) {
        err = life_step(&life, &fault);
        if (err == CUP_NO_SPACE && cup_commit_standing(life.commit) != CUP_COMMIT_FAILED) {
            cup_disk_sim_room(life.disk, 0);
            err = life_step(&life, &fault);
        }
        if (err != CUP_OK) life_blame(&life, "step: %s: %s", fault.what, fault.where);
    }
    cup_disk_sim_room(life.disk, 0);
    life_close(&life);
    life_read(&life);
    life_finish(&life);
    account(&life);
    report(&life, total.what, bytes);
    life_end(&life);
}

/* Everywhere in a run, and close to its end, where the last epoch just does not fit. */
static void fill_often(uint64_t seed)
{
    struct world               *world   = world_make(seed, STEPS_SHORT);
    struct cup_disk_sim_options options = {.seed = seed};
    struct life                 life;

    total.seed = seed;
    total.what = "full";
    life_begin(&life, world, &options);
    life_finish(&life);
    uint64_t used = cup_disk_sim_info(life.disk).used_bytes;
    life_end(&life);
    for (uint32_t i = 1; i <= BUDGETS; i++) {
        fill_disk(world, used * i / BUDGETS);
        fill_disk(world, used - i * BUDGET_STEP);
    }
    world_free(world);
}

/* --- chance --- */

static struct cup_disk_sim_info run_by_chance(uint64_t seed)
{
    static const struct life_rates rates[] = {
        {{.end = 4000, .sync_error = 3000}, 25, 30},
        {{.end = 20000, .sync_error = 1000, .link_late = 2000, .link_error = 2000}, 25, 50},
        {{.end = 2000, .short_transfer = 50000, .interrupted = 500, .again = 500}, 25, 10},
    };
    struct world               *world   = world_make(seed, STEPS_SHORT);
    struct cup_disk_sim_options options = {.seed = seed, .objects = seed % 5 == 0};
    struct life                 life;

    total.seed  = seed;
    total.what  = "chance";
    total.crash = 0;
    life_begin(&life, world, &options);
    life_run(&life, &rates[seed % 3], seed, NULL, NULL);
    account(&life);
    report(&life, "chance", seed);
    struct cup_disk_sim_info info = cup_disk_sim_info(life.disk);
    life_end(&life);
    world_free(world);
    return info;
}

/* A seed that does not lead to the same again finds nothing twice. */
static void check_repeatable(uint64_t seed)
{
    struct cup_disk_sim_info first = run_by_chance(seed), again = run_by_chance(seed);

    CHECK(first.operations == again.operations && first.number == again.number);
    CHECK(first.used_bytes == again.used_bytes);
}

/* --- the whole --- */

struct arguments {
    uint64_t    seed, points, chances, crash;
    const char *model; /* NULL: all */
    bool        objects;
};

static struct arguments read_arguments(int argc, char **argv)
{
    struct arguments arguments = {.seed = 1, .points = POINTS, .chances = CHANCES};

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--seed") == 0) arguments.seed = strtoull(value, NULL, 10);
        if (strcmp(argv[i], "--points") == 0) arguments.points = strtoull(value, NULL, 10);
        if (strcmp(argv[i], "--chances") == 0) arguments.chances = strtoull(value, NULL, 10);
        if (strcmp(argv[i], "--crash") == 0) arguments.crash = strtoull(value, NULL, 10);
        if (strcmp(argv[i], "--model") == 0) arguments.model = value;
        if (strcmp(argv[i], "--objects") == 0) arguments.objects = true;
        if (strcmp(argv[i], "--trace") == 0) total.traced = true;
    }
    return arguments;
}

/* What one line of a report says. */
static void run_again(const struct arguments *arguments)
{
    struct world *world = world_make(arguments->seed, STEPS_SHORT);

    total.seed = arguments->seed;
    for (uint32_t model = 0; model < CUP_SIM_MODEL_COUNT; model++)
        if (strcmp(arguments->model, model_names[model]) == 0)
            sweep_seed(arguments->seed, arguments->objects, arguments->crash, model);
    for (size_t row = 0; row < sizeof failures / sizeof *failures; row++)
        if (strcmp(arguments->model, failures[row].what) == 0)
            (void)fail_row(world, row, arguments->crash); /* one is enough */
    if (strcmp(arguments->model, "none") == 0)            /* no crash comes so late */
        sweep_seed(arguments->seed, arguments->objects, UINT64_MAX, CUP_SIM_MODEL_COUNT);
    if (strcmp(arguments->model, "full") == 0) fill_disk(world, arguments->crash);
    if (strcmp(arguments->model, "chance") == 0) (void)run_by_chance(arguments->seed);
    world_free(world);
}

static void run_all(const struct arguments *arguments)
{
    for (uint64_t i = 0; total.points < arguments->points; i++)
        sweep_seed(arguments->seed + i, arguments->objects || i % OBJECTS_EVERY == 1, 0,
                   CUP_SIM_MODEL_COUNT);
    fail_everywhere(arguments->seed);
    fill_often(arguments->seed);
    for (uint64_t i = 0; i < arguments->chances; i++)
        (void)run_by_chance(arguments->seed + i); /* it was reported */
    check_repeatable(arguments->seed);
}

int main(int argc, char **argv)
{
    struct arguments arguments = read_arguments(argc, argv);
    struct timespec  spent;

    (void)signal(SIGABRT, on_abort);
    world_begin();
    if (arguments.model != NULL)
        run_again(&arguments);
    else
        run_all(&arguments);
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent) == 0);
    printf("seed %" PRIu64 ", operations %" PRIu64 ", crash points %" PRIu64 ", crashes %" PRIu64
           ", epochs %" PRIu64 ", lives %" PRIu64 ", verified %" PRIu64
           ", violations %u, processor seconds %ld\n",
           arguments.seed, total.operations, total.points, total.crashes, total.epochs, total.lives,
           total.verified, total.violations, (long)spent.tv_sec);
    return total.violations == 0 ? 0 : 1;
}
