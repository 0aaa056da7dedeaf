// SPDX-License-Identifier: Apache-2.0
/* Goal:   what a pipeline holds and leaves behind does not grow with the time it runs, beyond what
 *         its live files need; and a lake with a long past opens soon.
 * Method: a day of epochs of ten seconds, on a disk in memory, with a clock that the test moves:
 *         memory of the process, log entries and journal are measured every hour. Then a journal
 *         and logs of 100,000 epochs are made directly, and opened: in a share of the time that
 *         making them took, on any machine.
 *
 * test_bounded [SEED [HOURS]] */
#include <inttypes.h>
#include <malloc.h>
#include <time.h>

#include "base/clock.h"
#include "dataplane/commit/journal.h"
#include "lake/delta.h"
#include "tests/check.h"
#include "tests/crash/sim_world.h"

#define EPOCH_US       10000000ll
#define EPOCHS_AN_HOUR 360u
#define RETENTION_US   3600000000ull
#define STEPS          16u
#define DAY_START_US   1795305600000000ll

/* An hour of epochs is kept; clean-up comes with a checkpoint, every ten versions, and leaves what
 * the checkpoint before needs. A log has no more other names than two checkpoints an hour's tenth
 * each, and _last_checkpoint. */
#define LOG_NAMES_MAX (EPOCHS_AN_HOUR + EPOCHS_AN_HOUR / 10 + 30u)

/* A live file is its path, its statistics and its place in a list. */
#define FILE_MEMORY_BYTES_MAX 2048u
#define MEMORY_BYTES_MAX      (16u << 20) /* the rest: parsers, pool, buffers */

#define PAST_EPOCHS 100000u
#define OPEN_SHARE  2u /* opening takes less than this part of what making took */
#define OPEN_TRIES  3u /* a machine that stands still meanwhile may count that as our time */

#ifdef __SANITIZE_ADDRESS__
#define IS_SLOW 1u
#define HOURS   1u
#else
#define IS_SLOW 0u
#define HOURS   24u
#endif

/* --- a day --- */

struct day {
    struct life        *life;
    const struct world *world;
    uint64_t            live_files;
    uint32_t            names, segments; /* counted in a folder */
};

/* Bytes of data files are never read: keeping them would be most of the memory. */
static struct cup_disk_sim_verdict judge_day(void *arg, const struct cup_disk_sim_event *event)
{
    const struct day           *day     = arg;
    struct cup_disk_sim_verdict verdict = {.effect = CUP_SIM_DO};

    if (event->kind != CUP_DISK_WRITE || strstr(event->path, "/staging/") == NULL) return verdict;
    for (uint32_t step = 0; step < day->world->steps; step++) {
        for (uint32_t zone = 0; zone < WORLD_ZONES; zone++) {
            const struct world_file *file = &day->world->files[step][zone];
            if (file->count == event->count && memcmp(file->bytes, event->bytes, file->count) == 0)
                verdict.effect = CUP_SIM_LIE;
        }
    }
    return verdict;
}

static void count_name(void *arg, const char *name)
{
    struct day *day = arg;

    day->names++;
    day->segments += strstr(name, ".cj") != NULL;
}

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* What the process holds: the difference that its end makes. */
static size_t close_and_weigh(struct life *life)
{
    size_t before = heap_bytes();

    life_close(life);
    size_t after = heap_bytes();
    return before > after ? before - after : 0;
}

static void check_hour(struct day *day, uint32_t hour)
{
    struct life *life = day->life;
    char         path[256];
    uint32_t     most = 0;

    for (uint32_t table = 0; table < WORLD_TABLES; table++) {
        day->names = 0;
        snprintf(path, sizeof path, WORLD_LAKE "/%s/_delta_log", world_tables[table]);
        if (!cup_disk_sim_list(life->disk, path, count_name, day)) continue;
        if (day->names > most) most = day->names;
    }
    day->segments = 0;
    CHECK(cup_disk_sim_list(life->disk, WORLD_LAKE "/_cupel/dom/pipe/0/journal", count_name, day));
    uint32_t descriptors = cup_disk_sim_info(life->disk).descriptors;
    size_t   memory      = close_and_weigh(life);
    uint64_t live        = (uint64_t)WORLD_TABLES * EPOCHS_AN_HOUR * (hour + 1);
    printf("hour %u: %zu bytes of memory, %u names in a log, %u segments, %u descriptors\n", hour,
           memory, most, day->segments, descriptors);
    CHECK(most <= LOG_NAMES_MAX);
    CHECK(day->segments == 1);
    CHECK(descriptors < 64);
    CHECK(IS_SLOW || memory < MEMORY_BYTES_MAX + live * FILE_MEMORY_BYTES_MAX);
    CHECK(cup_disk_sim_info(life->disk).descriptors == 0);
}

static void check_day(uint64_t seed, uint32_t hours)
{
    struct cup_disk_sim_options options = {.seed = seed};
    struct world               *world   = world_make(seed, STEPS);
    struct life                 life;
    struct day                  day = {.life = &life, .world = world};
    struct cup_fault            fault;
    int64_t                     wall_us = DAY_START_US;

    world->rounds                 = hours * EPOCHS_AN_HOUR / STEPS + 1;
    world->plan->log_retention_us = world->late->log_retention_us = RETENTION_US;
    life_begin(&life, world, &options);
    cup_disk_sim_judge(life.disk, judge_day, &day);
    for (uint32_t hour = 0; hour < hours; hour++) {
        cup_clock_wall_set(wall_us);
        CHECK(life_open(&life, &fault) == CUP_OK);
        for (uint32_t i = 0; i < EPOCHS_AN_HOUR; i++) {
            wall_us += EPOCH_US;
            cup_clock_wall_set(wall_us);
            enum cup_err err = life_step(&life, &fault);
            if (err != CUP_OK) fprintf(stderr, "%s: %s\n", fault.what, fault.where);
            CHECK(err == CUP_OK && life.why[0] == '\0');
        }
        check_hour(&day, hour);
    }
    CHECK(life.epochs == hours * EPOCHS_AN_HOUR);
    life_end(&life);
    world_free(world);
}

/* --- a long past --- */

struct past {
    struct life       life;
    struct cup_store *store;
    const char       *folder;
    struct cup_text   text;
};

static enum cup_err io_get(void *arg, const char *name, struct cup_text *out,
                           struct cup_fault *out_fault)
{
    const struct past *past = arg;
    char               path[256];

    snprintf(path, sizeof path, "%s/%s", past->folder, name);
    return cup_store_get(past->store, path, out, out_fault);
}

static enum cup_err io_list(void *arg, const char *folder, void (*each)(void *, const char *name),
                            void *each_arg, struct cup_fault *out_fault)
{
    const struct past *past = arg;
    char               path[256];

    snprintf(path, sizeof path, "%s/%s", past->folder, folder);
    return cup_store_list(past->store, path, each, each_arg, out_fault);
}

static void put(struct past *past, const char *leaf, const struct cup_text *text)
{
    char path[256];

    snprintf(path, sizeof path, "%s/_delta_log/%s", past->folder, leaf);
    CHECK(cup_store_replace(past->store, path, text->at, text->bytes, NULL) == CUP_OK);
}

/* The table's next version adds a file an epoch; then there is a checkpoint of all. */
static void age_table(struct past *past)
{
    struct cup_delta_io     io = {.arg = past, .get = io_get, .list = io_list};
    struct cup_delta_state *state;
    struct cup_text         file = {0}, last = {0};
    char                    name[96];

    CHECK(cup_delta_load(&io, &state, NULL) == CUP_OK);
    cup_text_clear(&past->text);
    cup_delta_put_txn(&past->text, "cupel/dom/pipe/0", PAST_EPOCHS, 1);
    for (uint32_t epoch = 2; epoch <= PAST_EPOCHS; epoch++) {
        snprintf(name, sizeof name, "part-%010u-0-00000000-0000-4000-8000-000000000000.parquet",
                 epoch);
        struct cup_delta_add add = {
            .path = name, .bytes = 4096, .stats = "{\"numRecords\":1}", .data_change = true};
        cup_delta_put_add(&past->text, &add);
    }
    snprintf(name, sizeof name, "%020" PRIu64 ".json", state->version + 1);
    put(past, name, &past->text);
    CHECK(cup_delta_refresh(state, &io, NULL) == CUP_OK && state->file_count >= PAST_EPOCHS - 1);
    CHECK(cup_delta_checkpoint(state, &file, &last, NULL) == CUP_OK);
    snprintf(name, sizeof name, "%020" PRIu64 ".checkpoint.parquet", state->version);
    put(past, name, &file);
    put(past, "_last_checkpoint", &last);
    cup_delta_state_free(state);
    cup_text_free(&file);
    cup_text_free(&last);
}

static void put_epoch(struct past *past, uint64_t epoch)
{
    struct cup_journal_line line = {
        .kind = CUP_LINE_EPOCH, .epoch = epoch, .id = "00000000-0000-4000-8000-000000000000"};

    cup_text_clear(&past->text);
    cup_journal_put_line(&past->text, &line);
    for (uint32_t table = 0; table < WORLD_TABLES; table++) {
        line = (struct cup_journal_line){.kind  = CUP_LINE_FILE,
                                         .topic = "silver",
                                         .name  = world_tables[table],
                                         .bytes = 4096,
                                         .rows  = 1};
        cup_journal_put_line(&past->text, &line);
    }
    CHECK(!past->text.failed);
}

static void age_journal(struct past *past)
{
    struct cup_journal_state state;
    struct cup_journal      *journal;
    struct cup_fault         fault;

    CHECK(cup_journal_open(past->store, "_cupel/dom/pipe/0/journal", &state, &journal, &fault) ==
          CUP_OK);
    for (uint64_t epoch = state.epoch + 1; epoch <= PAST_EPOCHS; epoch++) {
        put_epoch(past, epoch);
        CHECK(cup_journal_decide(journal, past->text.at, past->text.bytes, &fault) == CUP_OK);
        state.epoch = epoch;
        CHECK(cup_journal_turn(journal, &state, &fault) == CUP_OK);
    }
    cup_journal_close(journal, true, PAST_EPOCHS);
    cup_journal_state_free(&state);
}

static uint64_t cpu_ns(void)
{
    struct timespec spent;

    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent) == 0);
    return (uint64_t)spent.tv_sec * CUP_NS_PER_S + (uint64_t)spent.tv_nsec;
}

/* What opening takes at least, each time for the first time. */
static uint64_t open_ns(const struct past *past, uint64_t seed)
{
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < OPEN_TRIES; i++) {
        struct life      life;
        struct cup_fault fault;
        life_fork(&life, &past->life, seed + i);
        life_use(&life);
        uint64_t start = cpu_ns();
        CHECK(life_open(&life, &fault) == CUP_OK);
        uint64_t spent = cpu_ns() - start;
        least          = spent < least ? spent : least;
        CHECK(cup_commit_next_epoch(life.commit) == PAST_EPOCHS + 1);
        life_end(&life);
    }
    return least;
}

static void check_past(uint64_t seed)
{
    struct cup_disk_sim_options options = {.seed = seed};
    struct world               *world   = world_make(seed, 1);
    struct past                 past    = {0};
    struct cup_fault            fault;
    char                        staging[CUP_STORE_NAME_BYTES];

    world->rounds = PAST_EPOCHS + 1;
    life_begin(&past.life, world, &options);
    life_use(&past.life);
    CHECK(life_open(&past.life, &fault) == CUP_OK);
    CHECK(life_step(&past.life, &fault) == CUP_OK);
    life_close(&past.life);
    uint64_t start = cpu_ns();
    cup_commit_staging(world->plan, staging);
    CHECK(cup_store_open(past.life.disk, WORLD_LAKE, staging, &past.store, &fault) == CUP_OK);
    for (uint32_t table = 0; table < WORLD_TABLES; table++) {
        past.folder = world_tables[table];
        if (world->files[0][table].bytes != NULL || table == WORLD_LEDGER) age_table(&past);
    }
    age_journal(&past);
    cup_store_close(past.store);
    uint64_t made = cpu_ns() - start, spent = open_ns(&past, seed);
    printf("%u epochs: made in %" PRIu64 " ms, opened in %" PRIu64 " ms\n", PAST_EPOCHS,
           made / 1000000, spent / 1000000);
    CHECK(spent < made / OPEN_SHARE);
    life_end(&past.life);
    cup_text_free(&past.text);
    world_free(world);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    world_begin();
    check_past(cup_rnd_u64(&rnd));
    check_day(cup_rnd_u64(&rnd), argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : HOURS);
    return 0;
}
