// SPDX-License-Identifier: Apache-2.0
/* Goal:   an epoch is in every table once or nowhere, whatever step the process dies at; positions
 *         follow decisions; a lake, a table or an input that is not what it was is refused.
 * Method: hand-made plans and staged files in a temporary lake. A child process is ended at each
 *         named step of an epoch, and of the recovery after it; then the lake is opened again and
 *         all logs, files and positions are compared with what one whole epoch or none would give.
 *         Foreign writers are played by putting their commits into the logs between decision and
 *         commit. */
#include "dataplane/commit/commit_priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/dataplane/commit_lake.h"
#include "tests/dataplane/commit_look_priv.h"

/* --- cases --- */

static void check_first_commits(void)
{
    struct cup_store  *store;
    struct cup_commit *commit;

    new_lake();
    commit = open_commit(usual_plan(), &store);
    CHECK(cup_commit_next_epoch(commit) == 1);
    do_epoch(commit, store);
    check_lake(1);
    const char *text = get_version(SILVER, 0);
    CHECK(count_text(text, "\n") == 3 && count_text(text, "{\"add\":") == 0);
    CHECK(count_text(text, "{\"protocol\":") == 1 && count_text(text, "{\"metaData\":") == 1);
    CHECK(count_text(text, "\"operation\":\"CREATE TABLE\"") == 1);
    CHECK(count_text(text, "\"description\":\"the \\\"first\\\"\"") == 1);
    CHECK(count_text(text, "a comment") == 1 && count_text(text, "_ingested_at") == 1);
    text = get_version(SILVER, 1);
    CHECK(count_text(text, "\n") == 4 && count_text(text, "{\"add\":") == 2);
    CHECK(count_text(text, "{\"txn\":{\"appId\":\"cupel/dom/pipe/0\",\"version\":1,") == 1);
    CHECK(count_text(text, "\"operation\":\"WRITE\"") == 1);
    do_epoch(commit, store);
    check_lake(2);
    CHECK(count_text(get_version(SILVER, 2), "\n") == 4);
    for (int i = 0; i < 9; i++)
        do_epoch(commit, store);
    CHECK(get(SILVER "/_delta_log/00000000000000000010.checkpoint.parquet") != NULL);
    CHECK(strstr(get(SILVER "/_delta_log/_last_checkpoint"), "\"version\":10") != NULL);
    check_lake(11);
    close_all(commit, store);
    commit = open_commit(usual_plan(), &store);
    CHECK(cup_commit_next_epoch(commit) == 12);
    do_epoch(commit, store);
    check_lake(12);
    close_all(commit, store);
}

static void check_empty(void)
{
    struct cup_store        *store;
    struct cup_commit_result result = {.epoch = 77};
    struct cup_epoch_part    part   = {0};
    uint64_t                 start;
    bool                     ended;

    new_lake();
    struct cup_commit *commit = open_commit(usual_plan(), &store);
    CHECK(cup_commit_epoch(commit, &part, 1, &result, NULL) == CUP_OK && result.epoch == 0);
    CHECK(cup_commit_start(commit, 0, &start, &ended, NULL) == CUP_OK && start == 0 && !ended);
    part = (struct cup_epoch_part){.ranges = calloc(1, sizeof *part.ranges), .range_count = 1};
    CHECK(cup_commit_epoch(commit, &part, 1, &result, NULL) == CUP_OK && result.epoch == 0);
    CHECK(get_version(LEDGER, 0) == NULL && cup_commit_next_epoch(commit) == 1);
    /* blank lines, then nothing but the end: progress without records */
    for (uint64_t epoch = 1; epoch < 3; epoch++) {
        part = (struct cup_epoch_part){.ranges = calloc(1, sizeof *part.ranges), .range_count = 1};
        part.ranges[0] = (struct cup_epoch_range){.start       = epoch == 1 ? 0 : INPUT_BYTES,
                                                  .end         = INPUT_BYTES,
                                                  .blank_count = 40,
                                                  .ended       = epoch == 2};
        CHECK(cup_commit_epoch(commit, &part, 1, &result, NULL) == CUP_OK);
        CHECK(result.epoch == epoch && result.record_count == 0);
        CHECK(get_version(LEDGER, epoch) != NULL && get_version(SILVER, 0) == NULL);
    }
    close_all(commit, store);
    commit = open_commit(usual_plan(), &store);
    CHECK(cup_commit_start(commit, 0, &start, &ended, NULL) == CUP_OK && start == INPUT_BYTES &&
          ended);
    close_all(commit, store);
}

/* --- dying --- */

static int steps_left;

static void die(const char *step)
{
    (void)step;
    if (steps_left-- == 0) _exit(7);
}

/* Runs `what` in a child that dies at its n-th step; false when it had fewer. */
static bool dies_at(int n, void (*what)(void))
{
    int   status;
    pid_t child = fork();

    if (child == 0) {
        steps_left           = n;
        cup_commit_priv_step = die;
        what();
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7 || WEXITSTATUS(status) == 0);
    return WEXITSTATUS(status) == 7;
}

static void one_epoch(void)
{
    struct cup_store  *store;
    struct cup_commit *commit = open_commit(usual_plan(), &store);

    do_epoch(commit, store);
    close_all(commit, store);
}

static void only_open(void)
{
    struct cup_store  *store;
    struct cup_commit *commit = open_commit(usual_plan(), &store);

    close_all(commit, store);
}

/* The process dies at step `first` of epoch 2, then at step `second` of the recovery. */
static bool check_death(int first, int second, uint32_t *finished)
{
    struct cup_store *store;
    uint64_t          start;
    bool              ended;

    new_lake();
    one_epoch();
    bool died = dies_at(first, one_epoch);
    if (second >= 0) (void)dies_at(second, only_open);
    struct cup_commit *commit = open_commit(usual_plan(), &store);
    uint64_t           epochs = cup_commit_next_epoch(commit) - 1;
    CHECK(epochs == 1 || epochs == 2);
    *finished += epochs == 2;
    check_lake(epochs);
    CHECK(cup_commit_start(commit, 0, &start, &ended, NULL) == CUP_OK && start == 10 * epochs);
    do_epoch(commit, store);
    check_lake(epochs + 1);
    close_all(commit, store);
    only_open();
    check_lake(epochs + 1);
    return died;
}

static void check_deaths(void)
{
    uint32_t finished = 0;
    int      steps    = 0;

    while (check_death(steps, -1, &finished))
        steps++;
    /* based, intended, placed, synced, decided, 5 applied; all from "decided" on is finished */
    CHECK(steps == 10 && finished == 7);
    for (int second = 0; second < 6; second++) {
        finished = 0;
        CHECK(check_death(4, second, &finished) && finished == 1);
        CHECK(check_death(7, second, &finished) && finished == 2);
    }
    finished = 0;
    for (int first = 1; first < 4; first++)
        CHECK(check_death(first, 0, &finished) && finished == 0);
}

/* --- other writers --- */

static const char *foreign_text;
static uint64_t    foreign_version;

/* Puts the foreign commit into the log of t0 between decision and commit. */
static void be_foreign(const char *step)
{
    char path[256];

    if (strcmp(step, "decided") != 0) return;
    snprintf(path, sizeof path, "%s/%s/_delta_log/%020llu.json", lake, SILVER,
             (unsigned long long)foreign_version);
    write_path(path, foreign_text);
}

/* A second epoch against a foreign commit; on refusal the next open must refuse too, on success
 * both are in the log. */
static void check_foreign(const char *text, enum cup_err expected)
{
    struct cup_store        *store;
    struct cup_commit_result result;
    struct cup_fault         fault;

    new_lake();
    struct cup_commit *commit = open_commit(usual_plan(), &store);
    do_epoch(commit, store);
    foreign_text         = text;
    foreign_version      = 2;
    cup_commit_priv_step = be_foreign;
    CHECK(try_epoch(commit, store, &result, &fault) == expected);
    cup_commit_priv_step = NULL;
    close_all(commit, store);
    if (expected == CUP_OK) {
        CHECK(strstr(get_version(SILVER, 3), "\"epoch\":2}") != NULL);
        CHECK(strcmp(get_version(SILVER, 2), text) == 0);
        check_lake(2);
    } else {
        CHECK(get_version(SILVER, 3) == NULL && strstr(fault.where, SILVER) != NULL);
        if (expected == CUP_FENCED) refuse_open(usual_plan(), expected, "another epoch");
    }
}

/* The metaData line of t0 with one text replaced. */
static char *altered_metadata(const char *from, const char *to)
{
    static char out[16384];
    char       *line = strstr(get_version(SILVER, 0), "{\"metaData\"");
    char       *at;

    CHECK(line != NULL);
    line[strcspn(line, "\n") + 1] = '\0';
    at                            = strstr(line, from);
    CHECK(at != NULL);
    snprintf(out, sizeof out, "%.*s%s%s", (int)(at - line), line, to, at + strlen(from));
    return out;
}

static const char *foreign_from; /* what foreign_text replaces in t0's metaData */

/* The same, for a lake whose table id is known only then. */
static void be_foreign_schema(const char *step)
{
    if (strcmp(step, "decided") != 0) return;
    foreign_text = altered_metadata(foreign_from, foreign_text);
    be_foreign(step);
}

static void check_foreign_schema(const char *from, const char *to, enum cup_err expected,
                                 const char *what)
{
    struct cup_store        *store;
    struct cup_commit_result result;
    struct cup_fault         fault = {.what = ""};

    new_lake();
    struct cup_commit *commit = open_commit(usual_plan(), &store);
    do_epoch(commit, store);
    foreign_from         = from;
    foreign_text         = to;
    foreign_version      = 2;
    cup_commit_priv_step = be_foreign_schema;
    CHECK(try_epoch(commit, store, &result, &fault) == expected);
    cup_commit_priv_step = NULL;
    CHECK(strstr(fault.what, what) != NULL);
    close_all(commit, store);
}

#define NAME_IS(name, type) "\\\"name\\\":\\\"" name "\\\",\\\"type\\\":\\\"" type "\\\""

/* Another writer creates the table, or adds columns, just before we do. */
static void be_first(const char *step)
{
    char path[256];

    if (strcmp(step, "intended") != 0 || foreign_text == NULL) return;
    snprintf(path, sizeof path, "%s/%s/_delta_log/%020llu.json", lake, SILVER,
             (unsigned long long)foreign_version);
    write_path(path, foreign_text);
    foreign_text = NULL;
}

/* What we would have written, with one text replaced by another of any length. */
static char *declared(uint64_t version, const char *from, const char *to)
{
    static char out[16384];
    const char *text = get_version(SILVER, version);
    const char *at   = strstr(text, from);

    CHECK(at != NULL);
    snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static void check_first(const char *from, const char *to, enum cup_err expected, const char *what)
{
    struct cup_store        *store;
    struct cup_commit_result result;
    struct cup_fault         fault = {.what = ""};

    new_lake();
    one_epoch();
    foreign_text    = declared(0, from, to);
    foreign_version = 0;
    new_lake();
    struct cup_commit *commit = open_commit(usual_plan(), &store);
    run_shell("mkdir -p ", SILVER "/_delta_log");
    cup_commit_priv_step = be_first;
    CHECK(try_epoch(commit, store, &result, &fault) == expected);
    cup_commit_priv_step = NULL;
    CHECK(strstr(fault.what, what) != NULL && cup_commit_standing(commit) == CUP_COMMIT_READY);
    if (expected == CUP_OK) do_epoch(commit, store);
    close_all(commit, store);
    check_table(SILVER, expected == CUP_OK ? 2 : 0, 2);
}

static void check_foreign_creation(void)
{
    check_first("\"id\":\"", "\"id\":\"x", CUP_OK, "");
    CHECK(count_text(get_version(SILVER, 1), "\"metaData\"") == 0);
    check_first(NAME_IS("name", "string"), NAME_IS("other", "string"), CUP_OK, "");
    CHECK(count_text(get_version(SILVER, 1), "\"operation\":\"ADD COLUMNS\"") == 1);
    CHECK(count_text(get_version(SILVER, 1), NAME_IS("other", "string")) == 1);
    check_first(NAME_IS("name", "string"), NAME_IS("name", "long"), CUP_TABLE_CHANGED,
                "another type");
}

/* Another writer removes a file that is about to be added. */
static void check_foreign_remove(bool ours)
{
    struct cup_store        *store;
    struct cup_commit_result result;
    struct cup_fault         fault = {.what = ""};
    char                     text[512];

    new_lake();
    struct cup_commit *commit = open_commit(usual_plan(), &store);
    do_epoch(commit, store);
    struct cup_epoch_part part = make_part(commit, store);
    snprintf(text, sizeof text, "{\"remove\":{\"path\":\"%s%s\",\"dataChange\":false}}\n",
             part.files[3].name + strlen(SILVER) + 1, ours ? "" : "x");
    foreign_text         = text;
    foreign_version      = 2;
    cup_commit_priv_step = be_foreign;
    CHECK(cup_commit_epoch(commit, &part, 1, &result, &fault) ==
          (ours ? CUP_TABLE_CHANGED : CUP_OK));
    cup_commit_priv_step = NULL;
    CHECK(!ours || strstr(fault.what, "removed a file before") != NULL);
    CHECK(cup_commit_standing(commit) == (ours ? CUP_COMMIT_FAILED : CUP_COMMIT_READY));
    close_all(commit, store);
}

static void check_foreigners(void)
{
    check_foreign("{\"commitInfo\":{\"operation\":\"OPTIMIZE\"}}\n", CUP_OK);
    check_foreign("{\"txn\":{\"appId\":\"other\",\"version\":2}}\n", CUP_OK);
    check_foreign("{\"commitInfo\":{\"epochId\":\"00000000-0000-4000-8000-000000000000\"}}\n"
                  "{\"txn\":{\"appId\":\"cupel/dom/pipe/0\",\"version\":2}}\n",
                  CUP_FENCED);
    check_foreign("{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":4}}\n",
                  CUP_TABLE_CHANGED);
    check_foreign("{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":7,"
                  "\"writerFeatures\":[\"checkConstraints\"]}}\n",
                  CUP_TABLE_CHANGED);
    check_foreign_schema(
        NAME_IS("name", "string"),
        NAME_IS("more", "string") ",\\\"nullable\\\":true,\\\"metadata\\\":{}},{" //
        NAME_IS("name", "string"),
        CUP_OK, "");
    check_foreign_schema(NAME_IS("name", "string"), NAME_IS("gone", "string"), CUP_TABLE_CHANGED,
                         "dropped columns");
    check_foreign_schema(NAME_IS("name", "string"), NAME_IS("name", "long"), CUP_TABLE_CHANGED,
                         "another type");
    check_foreign_schema(NAME_IS("name", "string"), NAME_IS("NAME", "string"), CUP_TABLE_CHANGED,
                         "differs in case");
    check_foreign_schema("\"id\":\"", "\"id\":\"x", CUP_TABLE_CHANGED, "created anew");
    check_foreign_schema("\"partitionColumns\":[", "\"partitionColumns\":[\"id\"",
                         CUP_TABLE_CHANGED, "partitioned");
    check_foreign_schema("\"configuration\":{",
                         "\"configuration\":{\"delta.setTransactionRetentionDuration\":\"1 day\"",
                         CUP_TABLE_CHANGED, "RetentionDuration");
    check_foreign_schema("\\\"nullable\\\":true", "\\\"nullable\\\":false", CUP_TABLE_CHANGED,
                         "NOT NULL");
    check_foreign_creation();
    check_foreign_remove(true);
    check_foreign_remove(false);
}

/* --- columns --- */

static void check_evolution(void)
{
    static const struct column more[]  = {{"id", CUP_TYPE_LONG},
                                          {"at", CUP_TYPE_TIMESTAMP_NTZ},
                                          {"name", CUP_TYPE_STRING},
                                          {"extra", CUP_TYPE_DOUBLE}};
    static const struct column other[] = {{"id", CUP_TYPE_LONG}, {"name", CUP_TYPE_INT}};
    struct cup_store          *store;
    struct cup_commit_result   result;
    struct cup_fault           fault;
    struct cup_commit_table    table;

    new_lake();
    struct cup_commit *commit = open_commit(usual_plan(), &store);
    do_epoch(commit, store);
    cup_commit_adopt(commit, make_plan(more, 4));
    do_epoch(commit, store);
    char *text = get_version(SILVER, 2);
    CHECK(count_text(text, "\"operation\":\"ADD COLUMNS\"") == 1);
    CHECK(count_text(text, "\"minReaderVersion\":3") == 1 && count_text(text, "{\"add\":") == 0);
    CHECK(count_text(get_version(SILVER, 3), "{\"add\":") == 2);
    table = (struct cup_commit_table){.store = store, .folder = SILVER};
    CHECK(cup_commit_priv_table_look(&table, NULL) == CUP_OK);
    CHECK(table.state->field_count == 4 + CUP_SILVER_COUNT && table.state->min_reader == 3);
    CHECK(strcmp(table.state->fields[1].name, "name") == 0);
    CHECK(strcmp(table.state->fields[0].comment, "a comment") == 0);
    CHECK(strcmp(table.state->fields[2 + CUP_SILVER_COUNT].name, "at") == 0);
    CHECK(strcmp(table.state->fields[3 + CUP_SILVER_COUNT].name, "extra") == 0);
    CHECK(strcmp(table.state->description, "the \"first\"") == 0);
    CHECK(strstr(get_version(SILVER, 0), table.state->id) != NULL);
    cup_commit_priv_table_close(&table);
    do_epoch(commit, store);
    CHECK(count_text(get_version(SILVER, 4), "metaData") == 0);
    cup_commit_adopt(commit, make_plan(other, 2));
    CHECK(try_epoch(commit, store, &result, &fault) == CUP_TABLE_CHANGED);
    CHECK(strcmp(fault.where, SILVER ": name") == 0);
    close_all(commit, store);
    /* refused before anything was placed */
    check_lake(3);
    commit = open_commit(make_plan(more, 4), &store);
    do_epoch(commit, store);
    close_all(commit, store);
    check_lake(4);
}

/* --- a lake that is not what it was --- */

static void check_restored(void)
{
    new_lake();
    one_epoch();
    run_shell("cp -r _cupel/dom/pipe/0/journal ", "_cupel/old");
    one_epoch();
    one_epoch();
    /* the journal of yesterday; then none; each twice, because the first open makes a new one */
    run_shell("rm -r _cupel/dom/pipe/0/journal && mv _cupel/old ", "_cupel/dom/pipe/0/journal");
    refuse_open(usual_plan(), CUP_TABLE_CHANGED, "ahead of the journal");
    refuse_open(usual_plan(), CUP_TABLE_CHANGED, "ahead of the journal");
    run_shell("rm -r _cupel/dom/pipe/0/journal", "");
    refuse_open(usual_plan(), CUP_TABLE_CHANGED, "ahead of the journal");
    refuse_open(usual_plan(), CUP_TABLE_CHANGED, "ahead of the journal");
    check_lake(3); /* and nothing was removed */
    run_shell("rm -r _cupel", "");
    refuse_open(usual_plan(), CUP_TABLE_CHANGED, "ahead of the journal");
    refuse_open(usual_plan(), CUP_TABLE_CHANGED, "ahead of the journal");
    CHECK(count_bronze() == 3);
    new_lake();
    one_epoch();
    run_shell("rm -r ", LEDGER);
    refuse_open(usual_plan(), CUP_TABLE_CHANGED, "the table is gone");
}

/* Something happens to t0 behind the journal's back, while nobody looks or while a committer is
 * open: its next epoch is refused before anything is placed, every other table stays as it was. */
static void refuse_epoch(const char *change, bool is_open, enum cup_err expected, const char *what)
{
    struct cup_store        *store;
    struct cup_commit_result result;
    struct cup_fault         fault = {.what = ""};

    new_lake();
    one_epoch();
    run_shell("cp -r " SILVER, " old");
    one_epoch();
    struct cup_commit *commit = is_open ? open_commit(usual_plan(), &store) : NULL;
    if (is_open) do_epoch(commit, store);
    run_shell(change, "");
    if (!is_open) commit = open_commit(usual_plan(), &store);
    CHECK(try_epoch(commit, store, &result, &fault) == expected);
    CHECK(strstr(fault.what, what) != NULL && strncmp(fault.where, SILVER, strlen(SILVER)) == 0);
    CHECK(cup_commit_standing(commit) == CUP_COMMIT_READY);
    close_all(commit, store);
    uint64_t epochs = is_open ? 3 : 2;
    check_table("dom/silver/db/t1", epochs, 1);
    check_table(LEDGER, epochs, 1);
    CHECK(count_bronze() == epochs);
    run_shell("rm -rf ", "old");
}

#define LOG_0        SILVER "/_delta_log/00000000000000000000.json"
#define EXPLAIN      "`cupel recover LAKE`"
#define APP_TXN_9    "{\"txn\":{\"appId\":\"cupel/dom/pipe/0\",\"version\":9}}"
#define NEXT_IS(n)   " >" SILVER "/_delta_log/0000000000000000000" n ".json"
#define PROPERTY_SED "sed -i 's/\"configuration\":{/\"configuration\":{\"delta.setTransaction"

static void check_refusals(void)
{
    refuse_epoch("rm -r " SILVER " && mv old " SILVER, false, CUP_TABLE_CHANGED,
                 "behind the journal: it was put back from a copy or replaced; see " EXPLAIN);
    refuse_epoch("rm -r " SILVER, false, CUP_TABLE_CHANGED,
                 "the table is gone, but the journal has committed to it; put it back, or see "
                 "" EXPLAIN);
    refuse_epoch("rm -r " SILVER, true, CUP_TABLE_CHANGED, "behind the journal");
    refuse_epoch("sed -i 's/\"metaData\":{\"id\":\"/&x/' " LOG_0, false, CUP_TABLE_CHANGED,
                 "created anew by another writer");
    refuse_epoch("echo '" APP_TXN_9 "'" NEXT_IS("3"), false, CUP_TABLE_CHANGED,
                 "ahead of the journal");
    refuse_epoch("echo '" APP_TXN_9 "'" NEXT_IS("4"), true, CUP_FENCED, "another instance");
    refuse_epoch(PROPERTY_SED "RetentionDuration\":\"1 day\"/' " LOG_0, false, CUP_TABLE_CHANGED,
                 "remove the property");
    refuse_epoch("echo '{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":7,"
                 "\"writerFeatures\":[\"rowTracking\"]}}'" NEXT_IS("4"),
                 true, CUP_TABLE_CHANGED, "");
}

/* A name that is taken: the epoch is given up, and what has the name stays. */
static void check_taken(void)
{
    struct cup_store        *store;
    struct cup_commit_result result;
    char                     name[CUP_STORE_NAME_BYTES];

    new_lake();
    struct cup_commit *commit = open_commit(usual_plan(), &store);
    do_epoch(commit, store);
    struct cup_epoch_part part = make_part(commit, store);
    memcpy(name, part.files[4].name, sizeof name);
    CHECK(cup_store_put_if_absent(store, name, "x", 1, NULL) == CUP_OK);
    CHECK(cup_commit_epoch(commit, &part, 1, &result, NULL) == CUP_EXISTS);
    CHECK(cup_commit_standing(commit) == CUP_COMMIT_READY);
    CHECK(strcmp(get(name), "x") == 0);
    CHECK(cup_store_remove(store, name, NULL) == CUP_OK);
    check_lake(1);
    do_epoch(commit, store);
    check_lake(2);
    close_all(commit, store);
}

/* Files of partitions, of a table that the plan loses, and of an epoch that was never decided. */
static void place_and_die(void)
{
    struct cup_store        *store;
    struct cup_commit_result result;
    struct cup_commit       *commit = open_commit(usual_plan(), &store);
    struct cup_epoch_part    part   = make_part(commit, store);

    add_file(&part, store, CUP_ZONE_SILVER, 0, SILVER "/p=1/q=%2F/part-", 2, 1);
    (void)!cup_commit_epoch(commit, &part, 1, &result, NULL);
}

static void check_orphans(void)
{
    struct cup_store  *store;
    struct cup_commit *commit;

    new_lake();
    one_epoch();
    CHECK(dies_at(3, place_and_die)); /* synced */
    run_shell("test $(find dom _cupel -name '*0000000002-*' | wc -l) = 8", "");
    /* another table ahead of the journal: then this journal says nothing about those files */
    run_shell("echo '" APP_TXN_9 "'", NEXT_IS("2"));
    refuse_open(usual_plan(), CUP_TABLE_CHANGED, "ahead of the journal");
    refuse_open(usual_plan(), CUP_TABLE_CHANGED, "ahead of the journal");
    run_shell("test $(find dom _cupel -name '*0000000002-*' | wc -l) = 8", "");
    run_shell("rm ", SILVER "/_delta_log/00000000000000000002.json");
    struct cup_plan *plan = usual_plan();
    plan->tables.count    = 1; /* of two */
    commit                = open_commit(plan, &store);
    close_all(commit, store);
    run_shell("test $(find dom _cupel -name '*0000000002-*' | wc -l) = 0", "");
    check_lake(1);
    one_epoch();
    check_lake(2);
}

static void check_lock(void)
{
    struct cup_store  *store, *other_store;
    struct cup_commit *commit, *other;
    struct cup_fault   fault;

    new_lake();
    commit = open_commit(usual_plan(), &store);
    CHECK(try_open(usual_plan(), &other_store, &other, &fault) == CUP_LOCKED);
    CHECK(strstr(fault.where, "pid ") != NULL && strstr(fault.where, "boot ") != NULL);
    close_all(commit, store);
    only_open();
}

/* --- two committers --- */

#define RACE_EPOCHS 100u

/* Another pipeline of the same lake that writes to t0 too. */
static void race(const char *pipeline)
{
    struct cup_store        *store;
    struct cup_commit_result result;
    struct cup_plan         *plan = usual_plan();
    uint64_t                 start;
    bool                     ended;

    memcpy((char *)(uintptr_t)cup_plan_text(plan, plan->pipeline), pipeline, 4);
    struct cup_commit *commit = open_commit(plan, &store);
    for (uint64_t epoch = 1; epoch <= RACE_EPOCHS; epoch++) {
        struct cup_epoch_part part = {.files       = calloc(1, sizeof *part.files),
                                      .ranges      = calloc(1, sizeof *part.ranges),
                                      .range_count = 1};
        CHECK(cup_commit_start(commit, 0, &start, &ended, NULL) == CUP_OK);
        part.ranges[0] = (struct cup_epoch_range){.start = start, .end = start + 1};
        add_file(&part, store, CUP_ZONE_SILVER, 0, SILVER "/part-", epoch, 1);
        CHECK(cup_commit_epoch(commit, &part, 1, &result, NULL) == CUP_OK);
        CHECK(result.epoch == epoch);
    }
    close_all(commit, store);
}

/* Both commit to one table as fast as they can: every commit of both is there, once. */
static void check_race(void)
{
    static const char *const pipelines[] = {"pip1", "pip2"};
    struct cup_commit_table  table       = {.folder = SILVER};
    int                      status;

    new_lake();
    one_epoch();
    for (int i = 0; i < 2; i++) {
        if (fork() > 0) continue;
        race(pipelines[i]);
        _exit(0);
    }
    for (int i = 0; i < 2; i++)
        CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    table.store = open_store(usual_plan());
    CHECK(cup_commit_priv_table_look(&table, NULL) == CUP_OK && table.state != NULL);
    CHECK(table.state->version == 1 + 2 * RACE_EPOCHS);
    CHECK(table.state->file_count == 2 + 2 * RACE_EPOCHS);
    CHECK(cup_delta_txn_version(table.state, "cupel/dom/pip1/0") == RACE_EPOCHS);
    CHECK(cup_delta_txn_version(table.state, "cupel/dom/pip2/0") == RACE_EPOCHS);
    cup_store_close(table.store);
    cup_commit_priv_table_close(&table);
}

/* --- inputs --- */

/* What cup_commit_start says of an input after one epoch of 10 bytes (input 0) or 15 (input 1, read
 * to its end). */
static enum cup_err start_after(uint32_t input, const char *change, uint64_t *start, bool *ended)
{
    struct cup_store        *store;
    struct cup_commit_result result;
    struct cup_epoch_part    part = {.ranges = calloc(2, sizeof *part.ranges), .range_count = 2};

    new_lake();
    struct cup_commit *commit = open_commit(usual_plan(), &store);
    for (uint32_t i = 0; i < INPUTS; i++)
        CHECK(cup_commit_start(commit, i, start, ended, NULL) == CUP_OK && *start == 0 && !*ended);
    part.ranges[0] = (struct cup_epoch_range){.end = INPUT_BYTES, .ended = true};
    part.ranges[1] = (struct cup_epoch_range){.input = 1, .end = 15, .ended = true};
    CHECK(cup_commit_epoch(commit, &part, 1, &result, NULL) == CUP_OK && result.epoch == 1);
    CHECK(cup_commit_start(commit, 0, start, ended, NULL) == CUP_OK && *start == INPUT_BYTES);
    CHECK(*ended);
    close_all(commit, store);
    run_shell(change, "");
    commit           = open_commit(usual_plan(), &store);
    enum cup_err err = cup_commit_start(commit, input, start, ended, NULL);
    close_all(commit, store);
    return err;
}

static void check_inputs(void)
{
    uint64_t start;
    bool     ended;

    for (uint32_t i = 0; i < INPUTS; i++) {
        uint64_t end = i == 0 ? INPUT_BYTES : 15;
        CHECK(start_after(i, "true", &start, &ended) == CUP_OK && start == end && ended);
        CHECK(start_after(i, i == 0 ? "echo x >> in-0" : "echo x >> in-1", &start, &ended) ==
              CUP_OK);
        CHECK(start == end && !ended);
        CHECK(start_after(i, "for i in 0 1; do cp in-$i x; mv x in-$i; done", &start, &ended) ==
              CUP_INPUT_CHANGED);
        CHECK(start_after(i, "truncate -s -1 in-0 in-1", &start, &ended) == CUP_INPUT_CHANGED);
        CHECK(start_after(i,
                          "for i in 0 1; do printf x | dd of=in-$i conv=notrunc status=none; done",
                          &start, &ended) == CUP_INPUT_CHANGED);
        CHECK(start_after(i, "rm in-0 in-1", &start, &ended) != CUP_OK);
    }
}

/* A gap between position and range is a bug of ours: it must not get as far as the journal. */
static void make_gap(void)
{
    struct cup_store        *store;
    struct cup_commit_result result;
    struct cup_commit       *commit = open_commit(usual_plan(), &store);
    struct cup_epoch_part    part   = make_part(commit, store);

    CHECK(freopen("/dev/null", "w", stderr) != NULL);
    part.ranges[0].start++;
    (void)!cup_commit_epoch(commit, &part, 1, &result, NULL);
}

static void make_wrong_sum(void)
{
    struct cup_store        *store;
    struct cup_commit_result result;
    struct cup_commit       *commit = open_commit(usual_plan(), &store);
    struct cup_epoch_part    part   = make_part(commit, store);

    CHECK(freopen("/dev/null", "w", stderr) != NULL);
    part.ranges[0].outcomes[CUP_OUTCOME_UTF8]++;
    (void)!cup_commit_epoch(commit, &part, 1, &result, NULL);
}

static void check_panics(void (*what)(void))
{
    int   status;
    pid_t child;

    new_lake();
    child = fork();
    if (child == 0) {
        what();
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    only_open();
    check_lake(0);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    CHECK(mkdtemp(lake) != NULL);
    check_first_commits();
    check_empty();
    check_evolution();
    check_foreigners();
    check_restored();
    check_refusals();
    check_taken();
    check_orphans();
    check_lock();
    check_race();
    check_inputs();
    check_panics(make_gap);
    check_panics(make_wrong_sum);
    check_deaths();
    new_lake();
    run_shell("rm -rf dom _cupel in-*; rmdir ", lake);
    return 0;
}
