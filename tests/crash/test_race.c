// SPDX-License-Identifier: Apache-2.0
/* Goal:   committers that race for the versions of one table overwrite none and lose nothing.
 * Method: two processes, each with a pipeline and a journal of its own, commit to the same silver
 *         table as fast as they can. The log is then read as text, not with our reader: its
 * versions have no gap, each file of each epoch was added once, each pipeline's epochs ascend one
 * by one. Both must have lost versions to the other, or there was no race.
 *
 *     test_race [SEED] [COMMITS]     of both together */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/commit/commit.h"
#include "tests/check.h"
#include "tests/dataplane/plan_maker.h"

#define RACERS        2u
#define COMMITS       1000u
#define SHARED        "dom/silver/db/shared"
#define LOG           SHARED "/_delta_log"
#define COMMIT_BYTES  16384u      /* more than any commit of this test */
#define TURNS_MIN(of) ((of) / 20) /* times that the log must change hands */

static char folder[] = "/tmp/cupel-race-XXXXXX";

static void run_shell(const char *command)
{
    CHECK(system(command) == 0);
}

/* --- a racer --- */

static struct cup_plan *make_plan(uint32_t racer, uint32_t commits)
{
    static const struct cup_spec_column columns[] = {{"id", "long", "int64", .key = 1}};
    static char                         path[64], pipeline[16];
    struct cup_spec_table               table = {.schema = "db", .table = "shared", .path = SHARED};
    const struct cup_spec_input         input = {.path = path, .topic = "in"};
    FILE                               *file;

    table.columns      = columns;
    table.column_count = 1;
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

/* The first racer makes the table and then lets the other go: it closes its end of the pipe. */
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
    if (racer > 0) CHECK(close(start[1]) == 0 && read(start[0], &go, 1) == 0);
    for (uint32_t i = 0; i < commits; i++) {
        struct cup_epoch_part part = make_part(commit, store, racer);
        enum cup_err          err  = cup_commit_epoch(commit, &part, 1, &result, &fault);
        if (err != CUP_OK) fprintf(stderr, "racer %u: %s: %s\n", racer, fault.what, fault.where);
        CHECK(err == CUP_OK && result.epoch == i + 1);
        if (racer == 0 && i == 0) CHECK(close(start[1]) == 0);
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

/* One version: whose it is. Its file, its txn and its place in that racer's row of epochs agree. */
static uint32_t check_version(uint32_t version, uint32_t done[RACERS])
{
    char  path[64], text[COMMIT_BYTES], expected[64];
    FILE *file;

    snprintf(path, sizeof path, LOG "/%020u.json", version);
    CHECK((file = fopen(path, "rb")) != NULL);
    size_t bytes = fread(text, 1, sizeof text - 1, file);
    CHECK(bytes > 0 && bytes < sizeof text - 1 && fclose(file) == 0);
    text[bytes]    = '\0';
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
    uint32_t done[RACERS] = {0}, last = 0, turns = 0;

    CHECK(count_files(LOG, ".json") == commits);
    CHECK(count_files(SHARED, ".parquet") == commits);
    for (uint32_t version = 0; version < commits; version++) {
        uint32_t racer = check_version(version, done);
        turns += version > 0 && racer != last;
        last = racer;
    }
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
    CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0 && pipe2(start, O_CLOEXEC) == 0);
    for (uint32_t i = 0; i < RACERS; i++) {
        CHECK((racers[i] = fork()) >= 0);
        if (racers[i] == 0) exit(race(i, commits / RACERS, start));
    }
    CHECK(close(start[1]) == 0);
    for (uint32_t i = 0; i < RACERS; i++)
        CHECK(waitpid(racers[i], &status, 0) == racers[i] && status == 0);
    check_log(commits);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    run_shell(command);
    return 0;
}
