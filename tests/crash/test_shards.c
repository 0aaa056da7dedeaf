// SPDX-License-Identifier: Apache-2.0
/* Goal:   shards that make, alter and fill the same tables lose nothing and double nothing, however
 *         their steps fall between each other's and wherever one of them, or all, end.
 * Method: two committers of one pipeline over one disk in memory, each on a thread of its own; only
 *         one runs at a time, and at any operation the seed may give the turn to the other. Each
 *         shard has inputs, a column, and later a second column that the other has not. A whole
 * play without an end says how many operations there are; then plays with the same seed end at
 *         every so many of them: the power (under each model) or one of the two processes, which
 * then begins again beside the other. Both are taken to the end; all tables are compared with what
 *         the seed says they hold, and cupel-lake verifies some lakes.
 *
 * test_shards [--seed S] [--plays N] [--end K --how power|process --model M] */
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>

#include "tests/check.h"
#include "tests/crash/sim_world.h"

#define SHARDS       2u
#define STEPS        4u
#define ENDS_A_SEED  8u
#define EARLY        24u
#define BOOTS_MAX    4u   /* power cuts in one play; then it stays */
#define AGAIN_OPS    400u /* a second cut comes within so many operations */
#define TURN_SHORT   6u   /* operations; most turns */
#define TURN_LONG    400u /* more than from a look at the tables to the decision */
#define VERIFY_EVERY 40u

#ifdef __SANITIZE_ADDRESS__
#define PLAYS 40u
#else
#define PLAYS 400u
#endif

enum how { POWER, PROCESS };

struct actor {
    struct life life;
    pthread_t   thread;
    sem_t       turn;
    bool        over; /* its thread is at its end */
    bool        dead; /* its process is: nothing it does has an effect */
};

static struct play {
    struct actor     actors[SHARDS];
    struct cup_disk *disk;
    struct cup_rnd   rnd;
    uint32_t         now;    /* whose turn it is */
    uint64_t         end_at; /* number of the operation; 0: none */
    enum how         how;
    uint32_t         boots;
    uint32_t         left; /* of the turn */
    uint64_t         turns;
} play;

static struct {
    uint64_t seed, plays, operations, turns, verified, violations;
} total = {.seed = 100}; /* the first that finds what was left out of declare.c, in 400 plays */

/* --- turns --- */

static struct actor *other_of(const struct actor *me)
{
    return &play.actors[(uint32_t)(me - play.actors + 1) % SHARDS];
}

static void give_turn(struct actor *to)
{
    play.now = (uint32_t)(to - play.actors);
    life_use(&to->life);
    CHECK(sem_post(&to->turn) == 0);
}

static void wait_turn(struct actor *me)
{
    CHECK(sem_wait(&me->turn) == 0);
}

static struct cup_disk_sim_verdict judge(void *arg, const struct cup_disk_sim_event *event)
{
    struct actor *me = &play.actors[play.now], *other = other_of(me);

    (void)arg;
    life_trace(&me->life, event);
    if (!other->over && !me->dead && play.left-- == 0) {
        play.turns++;
        bool is_short = cup_rnd_below(&play.rnd, 3) > 0;
        play.left     = cup_rnd_below(&play.rnd, is_short ? TURN_SHORT : TURN_LONG);
        give_turn(other);
        wait_turn(me);
    }
    struct cup_disk_sim_info info = cup_disk_sim_info(play.disk);
    if (info.ended || me->dead) return (struct cup_disk_sim_verdict){.effect = CUP_SIM_DEAD};
    if (play.end_at == 0 || info.number < play.end_at)
        return (struct cup_disk_sim_verdict){.effect = CUP_SIM_DO};
    play.end_at = 0;
    if (play.how == POWER) return (struct cup_disk_sim_verdict){.effect = CUP_SIM_END};
    me->dead = true;
    return (struct cup_disk_sim_verdict){.effect = CUP_SIM_DEAD};
}

/* --- a shard --- */

static bool is_gone(const struct actor *me)
{
    return me->dead || cup_disk_sim_info(play.disk).ended;
}

/* One process: to the end of its steps, or to its own end. */
static void run_process(struct actor *me)
{
    struct cup_fault fault = {.what = ""};
    enum cup_err     err   = life_open(&me->life, &fault);

    while (err == CUP_OK && !life_is_through(&me->life))
        err = life_step(&me->life, &fault);
    if (err != CUP_OK && !is_gone(me))
        life_blame(&me->life, "shard %u: %s: %s", me->life.world->shard, fault.what, fault.where);
    life_close(&me->life);
    me->life.orphans_allowed = false; /* an end is no failure to remove */
}

static void *run_shard(void *arg)
{
    struct actor *me = arg;

    wait_turn(me);
    run_process(me);
    while (me->dead && !cup_disk_sim_info(play.disk).ended) {
        me->dead = false;
        run_process(me);
    }
    me->over = true;
    if (!other_of(me)->over) give_turn(other_of(me));
    return NULL;
}

static void run_both(void)
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        play.actors[i].over = play.actors[i].dead = false;
        CHECK(pthread_create(&play.actors[i].thread, NULL, run_shard, &play.actors[i]) == 0);
    }
    give_turn(&play.actors[cup_rnd_below(&play.rnd, SHARDS)]);
    for (uint32_t i = 0; i < SHARDS; i++)
        CHECK(pthread_join(play.actors[i].thread, NULL) == 0);
}

/* --- a play --- */

static bool is_wrong(void)
{
    bool wrong = false;

    for (uint32_t i = 0; i < SHARDS; i++)
        wrong |= play.actors[i].life.why[0] != '\0';
    return wrong;
}

/* After a loss of power a version may be another shard's: readers begin anew. */
static void cut_power(enum cup_disk_sim_model model)
{
    cup_disk_sim_crash(play.disk, model, cup_rnd_u64(&play.rnd));
    if (model != CUP_SIM_DEATH)
        for (uint32_t i = 0; i < SHARDS; i++)
            memset(play.actors[i].life.seen, 0, sizeof play.actors[i].life.seen);
    play.boots++;
    play.end_at =
        play.boots < BOOTS_MAX && cup_rnd_below(&play.rnd, 2) == 0
            ? cup_disk_sim_info(play.disk).number + 1 + cup_rnd_below(&play.rnd, AGAIN_OPS)
            : 0;
}

static void check_end(bool verifies)
{
    if (cup_disk_sim_info(play.disk).descriptors != 0)
        life_blame(&play.actors[0].life, "descriptors were left open");
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct life *life = &play.actors[i].life;
        life_read(life);
        if (!is_wrong()) life_check(life, STEPS);
    }
    if (verifies) life_verify(&play.actors[0].life);
    total.verified += verifies;
}

/* The number of operations that can change something. */
static uint64_t run_play(struct world *const *worlds, uint64_t end_at, enum how how,
                         enum cup_disk_sim_model model, bool traced)
{
    struct cup_disk_sim_options options = {.seed = total.seed};
    static const char *const    hows[]  = {"power", "process"};

    play = (struct play){.rnd = cup_rnd_seed(total.seed ^ 99), .end_at = end_at, .how = how};
    life_begin(&play.actors[0].life, worlds[0], &options);
    play.disk = play.actors[0].life.disk;
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct life *life = &play.actors[i].life;
        *life             = (struct life){.world = worlds[i], .disk = play.disk, .traced = traced};
        life->names       = cup_rnd_seed(total.seed * SHARDS + i).state;
        CHECK(sem_init(&play.actors[i].turn, 0, 0) == 0);
    }
    cup_disk_sim_judge(play.disk, judge, NULL);
    run_both();
    while (cup_disk_sim_info(play.disk).ended && !is_wrong()) {
        cut_power(model);
        run_both();
    }
    check_end(!is_wrong() && (end_at == 0 || total.plays % VERIFY_EVERY == 0));
    uint64_t number = cup_disk_sim_info(play.disk).number;
    total.plays++;
    total.operations += cup_disk_sim_info(play.disk).operations;
    total.turns += play.turns;
    for (uint32_t i = 0; i < SHARDS; i++)
        if (play.actors[i].life.why[0] != '\0')
            fprintf(stderr,
                    "violation: %s\n  test_shards --seed %" PRIu64 " --end %" PRIu64
                    " --how %s --model %u\n",
                    play.actors[i].life.why, total.seed, end_at, hows[how], model);
    total.violations += is_wrong();
    play.actors[1].life.disk = NULL;
    for (uint32_t i = 0; i < SHARDS; i++)
        CHECK(sem_destroy(&play.actors[i].turn) == 0);
    cup_disk_close(play.disk);
    return number;
}

struct arguments {
    uint64_t plays, end_at;
    enum how how;
    uint32_t model;
    bool     once;
};

static struct arguments read_arguments(int argc, char **argv)
{
    struct arguments arguments = {.plays = PLAYS};

    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        uint64_t    number = strtoull(value, NULL, 10);
        if (strcmp(name, "--seed") == 0) total.seed = number;
        if (strcmp(name, "--plays") == 0) arguments.plays = number;
        if (strcmp(name, "--how") == 0)
            arguments.how = strcmp(value, "power") == 0 ? POWER : PROCESS;
        if (strcmp(name, "--model") == 0) arguments.model = (uint32_t)number;
        if (strcmp(name, "--end") == 0) arguments.end_at = number;
        arguments.once |= strcmp(name, "--end") == 0;
    }
    return arguments;
}

/* The ends lie equally far from each other, at other places for each seed; half of them where the
 * tables are made. */
static void run_seed(uint64_t plays)
{
    struct world *worlds[SHARDS];

    for (uint32_t i = 0; i < SHARDS; i++)
        worlds[i] = world_make_shard(total.seed * SHARDS + i, STEPS, i, SHARDS);
    uint64_t number = run_play(worlds, 0, POWER, CUP_SIM_PREFIX, false);
    for (uint64_t i = 0; i < plays; i++) {
        uint64_t range  = i % 2 == 0 ? number : number / EARLY;
        uint64_t end_at = 1 + range * i / plays + total.seed * 7919 % (range / plays + 1);
        run_play(worlds, end_at, i % 3 == 0 ? PROCESS : POWER,
                 (enum cup_disk_sim_model)(i % CUP_SIM_MODEL_COUNT), false);
    }
    for (uint32_t i = 0; i < SHARDS; i++)
        world_free(worlds[i]);
}

int main(int argc, char **argv)
{
    struct arguments arguments = read_arguments(argc, argv);
    struct world    *worlds[SHARDS];
    uint64_t         first = total.seed;

    world_begin();
    if (arguments.once) {
        for (uint32_t i = 0; i < SHARDS; i++)
            worlds[i] = world_make_shard(total.seed * SHARDS + i, STEPS, i, SHARDS);
        run_play(worlds, arguments.end_at, arguments.how, (enum cup_disk_sim_model)arguments.model,
                 true);
    }
    for (; !arguments.once && total.plays < arguments.plays; total.seed++)
        run_seed(ENDS_A_SEED);
    printf("seed %" PRIu64 ", plays %" PRIu64 ", operations %" PRIu64 ", turns %" PRIu64
           ", verified %" PRIu64 ", violations %" PRIu64 "\n",
           first, total.plays, total.operations, total.turns, total.verified, total.violations);
    return total.violations == 0 ? 0 : 1;
}
