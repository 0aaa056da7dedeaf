// SPDX-License-Identifier: Apache-2.0
/* Goal:   committers that race for the versions of one table overwrite none and lose nothing, also
 *         when both make it, each with a column that the other has not.
 * Method: two processes, each with a pipeline and a journal of its own, start at once and commit to
 *         the same silver table as fast as they can, but none more than LEAD commits before the
 *         other, however slow that one is. The log is then read as text, not with our
 * reader: its versions have no gap, the table was made once and given the other's column once, each
 * file of each epoch was added once, each pipeline's epochs ascend one by one. The log must have
 * changed hands as often as LEAD makes it, or there was no race.
 *
 *     test_race [SEED] [COMMITS]     of both together */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/commit/commit.h"
#include "tests/check.h"
#include "tests/dataplane/plan_maker.h"

#define RACERS       2u
#define COMMITS      1000u
#define SHARED       "dom/silver/db/shared"
#define LOG          SHARED "/_delta_log"
#define COMMIT_BYTES 16384u /* more than any commit of this test */
#define LEAD         8u
/* Nobody makes more than 2 * LEAD commits in a row, and one beyond where both stand. */
#define TURNS_MIN(of) ((of) / (2 * LEAD + 1)) /* times that the log must change hands */

static char              folder[] = "/tmp/cupel-race-XXXXXX";
static _Atomic uint32_t *made; /* commits of each racer, seen by both */

static void run_shell(const char *command)
{
    CHECK(system(command) == 0);
}

/* --- a racer --- */

static struct cup_plan *make_plan(uint32_t racer, uint32_t commits)
{
    static const struct cup_spec_column columns[RACERS][2] = {
        {{"id", "long", "int64", .key = 1}, {"a", "long", "int64", .key = 0}},
        {{"id", "long", "int64", .key = 1}, {"b", "string", "string", .key = 0}}};
    static char                 path[64], pipeline[16];
    struct cup_spec_table       table = {.schema = "db", .table = "shared", .path = SHARED};
    const struct cup_spec_input input = {.path = path, .topic = "in"};
    FILE                       *file;

    table.columns      = columns[racer];
    table.column_count = 2;
    snprintf(pipeline, sizeof pipeline, "racer%u", racer);
    snprintf(path, sizeof path, "%s/in-%u", folder, racer);
    CHECK((file = fopen(path, "wb")) != NULL);
    for (uint32_t i = 0; i < commits; i++)
        CHECK(fputc('\n', file) != EOF);
    CHECK(fclose(file) == 0);
    return cup_spec_plan(&(struct cup_spec){.lake        = folder,
                                            .domain      = "dom",
                                            .pipeline    = pipeline,
                                            .inputs      = &input,
                                            .input_count = 1,
                                            .tables      = &table,
                                            .table_count = 1});
}

/* The next byte of the input, and one file. */
static struct cup_epoch_part make_part(struct cup_commit *commit, struct cup_store *store,
                                       uint32_t racer)
{
    struct cup_epoch_part part   = {.files       = calloc(1, sizeof *part.files),
                                    .file_count  = 1,
                                    .ranges      = calloc(1, sizeof *part.ranges),
                                    .range_count = 1};
    uint64_t              number = cup_commit_next_epoch(commit);
    struct cup_sealed     sealed;

    CHECK(part.files != NULL && part.ranges != NULL);
    struct cup_epoch_file *file = part.files;
    part.ranges[0] =
        (struct cup_epoch_range){.start = number - 1, .end = number, .record_count = 1};
    part.ranges[0].outcomes[CUP_OUTCOME_ACCEPTED] = 1;
    file->zone                                    = CUP_ZONE_SILVER;
    snprintf(file->name, sizeof file->name, SHARED "/racer%u-%llu.parquet", racer,
             (unsigned long long)number);
    CHECK(cup_store_stage(store, &file->staged, NULL) == CUP_OK);
    CHECK(cup_store_append(file->staged, file->name, strlen(file->name), NULL) == CUP_OK);
    CHECK(cup_store_seal(file->staged, &sealed, NULL) == CUP_OK);
    file->bytes     = sealed.bytes;
    file->crc32c    = sealed.crc32c;
    file->row_count = 1;
    cup_text_puts(&file->stats, "{\"numRecords\":1}");
    return part;
}

/* Racers are ready when their end of the pipe is closed, and go when the last one is. */
static int race(uint32_t racer, uint32_t commits, const int start[2])
{
    struct cup_plan         *plan = make_plan(racer, commits);
    struct cup_disk         *disk;
    struct cup_store        *store;
    struct cup_commit       *commit;
    struct cup_commit_result result;
    struct cup_fault         fault = {0};
    char                     name[CUP_STORE_NAME_BYTES], go;
    uint64_t                 at;
    bool                     ended;

    cup_commit_staging(plan, name);
    CHECK(cup_disk_open(CUP_DISK_AUTO, &disk, NULL) == CUP_OK);
    CHECK(cup_store_open(disk, folder, name, &store, NULL) == CUP_OK);
    CHECK(cup_commit_open(store, plan, &commit, NULL) == CUP_OK);
    CHECK(cup_commit_start(commit, 0, &at, &ended, NULL) == CUP_OK && at == 0);
    CHECK(close(start[1]) == 0 && read(start[0], &go, 1) == 0);
    for (uint32_t i = 0; i < commits; i++) {
        /* nothing but the count is told */
        while (i >= LEAD + atomic_load_explicit(&made[1 - racer], memory_order_relaxed))
            (void)sched_yield(); /* never fails on Linux */
        struct cup_epoch_part part = make_part(commit, store, racer);
        enum cup_err          err  = cup_commit_epoch(commit, &part, 1, &result, &fault);
        if (err != CUP_OK) fprintf(stderr, "racer %u: %s: %s\n", racer, fault.what, fault.where);
        CHECK(err == CUP_OK && result.epoch == i + 1);
        atomic_fetch_add_explicit(&made[racer], 1, memory_order_relaxed);
    }
    cup_commit_close(commit);
    cup_store_close(store);
    cup_disk_close(disk);
    free(plan);
    return 0;
}

/* --- what the log says --- */

/* The only number behind `key` in a commit. */
static unsigned long number_behind(const char *text, const char *key)
{
    const char *found = strstr(text, key);

    CHECK(found != NULL && strstr(found + 1, key) == NULL);
    return strtoul(found + strlen(key), NULL, 10);
}

static uint32_t count_files(const char *at, const char *ending)
{
    uint32_t       count = 0;
    struct dirent *entry;
    DIR           *list = opendir(at);

    CHECK(list != NULL);
    while ((entry = readdir(list)) != NULL) {
        size_t bytes = strlen(entry->d_name), end = strlen(ending);
        count += bytes > end && strcmp(entry->d_name + bytes - end, ending) == 0;
    }
    CHECK(closedir(list) == 0);
    return count;
}

/* One version: whose it is. Its file, its txn and its place in that racer's row of epochs agree.
 * RACERS: it is none's, but makes the table or gives it the second column. */
static uint32_t check_version(uint32_t version, uint32_t done[RACERS], uint32_t *columns)
{
    char  path[64], text[COMMIT_BYTES], expected[64];
    FILE *file;

    snprintf(path, sizeof path, LOG "/%020u.json", version);
    CHECK((file = fopen(path, "rb")) != NULL);
    size_t bytes = fread(text, 1, sizeof text - 1, file);
    CHECK(bytes > 0 && bytes < sizeof text - 1 && fclose(file) == 0);
    text[bytes] = '\0';
    if (strstr(text, "\"metaData\"") != NULL) {
        CHECK(version == 0 || strstr(text, "\"ADD COLUMNS\"") != NULL);
        bool a = strstr(text, "\\\"a\\\"") != NULL, b = strstr(text, "\\\"b\\\"") != NULL;
        CHECK((uint32_t)a + b == ++*columns);
        CHECK(strstr(text, "\"add\"") == NULL && strstr(text, "\"txn\"") == NULL);
        return RACERS;
    }
    uint32_t racer = (uint32_t)number_behind(text, "\"path\":\"racer");
    CHECK(racer < RACERS);
    done[racer]++;
    snprintf(expected, sizeof expected, "\"path\":\"racer%u-%u.parquet\"", racer, done[racer]);
    CHECK(strstr(text, expected) != NULL);
    snprintf(expected, sizeof expected, "\"appId\":\"cupel/dom/racer%u/0\"", racer);
    CHECK(strstr(text, expected) != NULL);
    return racer;
}

static void check_log(uint32_t commits)
{
    uint32_t done[RACERS] = {0}, last = RACERS, turns = 0, columns = 0;

    CHECK(count_files(LOG, ".json") == commits + RACERS);
    CHECK(count_files(SHARED, ".parquet") == commits);
    for (uint32_t version = 0; version < commits + RACERS; version++) {
        uint32_t racer = check_version(version, done, &columns);
        if (racer == RACERS) continue;
        turns += racer != last;
        last = racer;
    }
    CHECK(columns == RACERS);
    for (uint32_t i = 0; i < RACERS; i++)
        CHECK(done[i] == commits / RACERS);
    printf("%u commits, the log changed hands %u times\n", commits, turns);
    CHECK(turns >= TURNS_MIN(commits));
}

int main(int argc, char **argv)
{
    uint32_t commits = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : COMMITS;
    pid_t    racers[RACERS];
    int      start[2], status;
    char     command[64];

    (void)cup_test_begin(argc, argv);
    CHECK(commits % RACERS == 0);
    made = mmap(NULL, RACERS * sizeof *made, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                0);
    CHECK(made != MAP_FAILED);
    CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0 && pipe2(start, O_CLOEXEC) == 0);
    for (uint32_t i = 0; i < RACERS; i++) {
        CHECK((racers[i] = fork()) >= 0);
        if (racers[i] == 0) exit(race(i, commits / RACERS, start));
    }
    CHECK(close(start[1]) == 0); /* all are there */
    for (uint32_t i = 0; i < RACERS; i++) {
        CHECK(wait(&status) > 0);
        for (uint32_t k = 0; status != 0 && k < RACERS; k++)
            (void)kill(racers[k], SIGKILL); /* who waits for the other would wait for ever */
        CHECK(status == 0);
    }
    check_log(commits);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    run_shell(command);
    return 0;
}
