// SPDX-License-Identifier: Apache-2.0
/* Goal:   control answers, reports and ends as the card says, whatever the data plane does.
 * Method: a fake data plane plays each part; exit code, stdout and stderr of a run are compared.
 *         Arguments: seed, path of the fake. */
#include "control/supervise/supervise.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "control/config/cluster.h"
#include "control/supervise/child.h"
#include "control/supervise/report.h"
#include "tests/control/fixture.h"

static struct cup_keep keep;
static const char     *folder;
static char            out[16384], err[16384];

static void read_back(const char *name, char *text, size_t cap)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    text[fread(text, 1, cap - 1, file)] = '\0';
    CHECK(fclose(file) == 0);
}

static void redirect(const char *name, FILE *to)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    CHECK(freopen(path, "w", to) != NULL);
}

/* One run in a process of its own; its exit code. */
static int run_settings(const char *part, const struct cup_settings *settings,
                        const struct cup_inputs_file *inputs, uint32_t input_count)
{
    int status = 0;

    struct cup_catalog         catalog = fixture_catalog(&keep);
    const struct cup_supervise job     = {.settings    = settings,
                                          .lake        = catalog.lake,
                                          .inputs      = inputs,
                                          .input_count = input_count,
                                          .catalog     = &catalog};
    CHECK(setenv("CUPEL_FAKE", part, 1) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        redirect("out", stdout);
        redirect("err", stderr);
        exit(cup_supervise_run(&job));
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    read_back("out", out, sizeof(out));
    read_back("err", err, sizeof(err));
    return WEXITSTATUS(status);
}

static int run(const char *part)
{
    struct cup_settings    settings;
    struct cup_inputs_file input = {.path = "/data/a.ndjson", .topic = "a.ndjson", .bytes = 10};

    cup_settings_default(&settings);
    settings.until_end = true;
    return run_settings(part, &settings, &input, 1);
}

/* Of topics, for ever. */
static int run_topics(const char *part)
{
    struct cup_settings       settings;
    struct cup_settings_topic topic = {.name = "bank.account"};
    struct cup_settings_input input = {.topics = &topic, .topic_count = 1};

    cup_settings_default(&settings);
    settings.inputs      = &input;
    settings.input_count = 1;
    cup_cluster_put(&keep, &settings.kafka,
                    &(struct cup_settings_property){.name = "bootstrap.servers", .value = "b"});
    settings.output.kind = CUP_OUTPUT_CHANGES;
    cup_cluster_complete(&keep, &settings);
    return run_settings(part, &settings, NULL, 0);
}

static void check_has(const char *text, const char *piece)
{
    if (strstr(text, piece) == NULL) fprintf(stderr, "wanted: %s\nsaid:   %s\n", piece, text);
    CHECK(strstr(text, piece) != NULL);
}

static void check_good(void)
{
    CHECK(run("good") == CUP_EXIT_OK);
    check_has(err, "1 worker, 1 MiB of memory, kernels fake, store none");
    check_has(err, "table default/silver/pg/bank/t: 1 columns");
    check_has(err, "table default/silver/pg/bank/t2: column \"b\" has the type bytes");
    char *first = strstr(err, "bank/t2: column");
    CHECK(strstr(first + 1, "bank/t2: column") == NULL); /* told once */
    check_has(err, "pg.db.bank.t3 (topic pg.bank.t): its records carry no schema");
    check_has(out, "1,234,000       2        2.50  d/silver/pg/bank/t\n");
    CHECK(strstr(out, "empty") == NULL);
    check_has(out, "bronze  0.50 MB in 1 files, 10.00 times smaller");
    check_has(out, "\nlost or changed before they were sent\n  value_lost: an array of nulls only");
    check_has(out, "         1,234  d/t tags\n");
    check_has(out, "  identity_weakened: ");
    check_has(out, "             7  d/t\n");
    check_has(out, "67  utf8                 text that is not valid UTF-8");
    check_has(out, "500  tombstone ");
    check_has(out,
              "1,234,567 records = 1,234,000 accepted + 67 quarantined + 500 dropped by rule\n");
    check_has(out, "1 epochs, the last is 41, longest apply 0.250 s\n");
    CHECK(strstr(out, "paused") == NULL && strstr(out, "abandoned") == NULL);
    CHECK(strstr(out, "output") == NULL);
}

static void check_bad_ends(void)
{
    CHECK(run("crash") == CUP_EXIT_FAULT);
    check_has(err, "the data plane is gone: killed by signal 9 (Killed)");
    check_has(err, "run again, and it resumes after the last epoch");
    CHECK(out[0] == '\0');

    CHECK(run("fault") == CUP_EXIT_FAULT);
    check_has(err, "write a file: the disk is full: lake/x.parquet (No space left on device)");
    check_has(err, "what to do: free some space");
    check_has(err, "give the same command again");
    check_has(err, "nothing undecided is visible; it goes on where it stopped");

    CHECK(run("last words") == CUP_EXIT_FAULT);
    check_has(err, "stopping: the open epoch is being finished");
    check_has(err, "write a file: the disk is full: lake/x.parquet (No space left on device)");
    CHECK(strstr(err, "the data plane is gone") == NULL);

    CHECK(run("schemaless") == CUP_EXIT_FAULT);
    check_has(err, "table pg.db.bank.t (topic pg.bank.t): its records carry no schema and no");
    check_has(err, "Start with this as contracts/t.odcs.yaml");
    check_has(err, "      - {property: sourceSchema, value: \"bank\"}\n");
    CHECK(strstr(err, "sourceDatabase") == NULL); /* the schema says it all */

    CHECK(run("nonsense") == CUP_EXIT_FAULT);
    check_has(err, "message of the data plane: the bytes do not have the form");
}

/* How often piece stands in text. */
static int count_of(const char *text, const char *piece)
{
    int count = 0;

    for (const char *at = text; (at = strstr(at, piece)) != NULL; at++)
        count++;
    return count;
}

static void check_setbacks(void)
{
    char wanted[512];

    CHECK(run("setbacks") == CUP_EXIT_OK);
    check_has(
        err, "cupel: reading again: sync: the operating system or the cluster refused: staging/x-1 "
             "(Input/output error); epoch 7 was abandoned (1 of 3)\n");
    check_has(err, "cupel: reading again: write: the disk is full: x-2 (No space left on device); "
                   "epoch 7 was abandoned\n");
    snprintf(wanted, sizeof(wanted),
             "cupel: paused: the disk of %s is full: 12 MiB free, 64 MiB needed; goes on by itself "
             "when there is room\n",
             fixture_catalog(&keep).lake);
    check_has(err, wanted);
    CHECK(count_of(err, "cupel: paused:") == 1); /* however long it lasts; progress says it, too */
    check_has(err,
              "cupel: trying again: link: the operating system or the cluster refused: staging/x-1 "
              "(Input/output error); epoch 8 is decided, but not yet in all tables (2 of 3)\n");
    CHECK(count_of(err, "cupel: going on\n") == 3);
    check_has(out, "paused 1 times for "); /* how long the machine took */
    check_has(out, " s: the disk was full\n");
    check_has(out, "2 epochs abandoned, their input read again\n");

    CHECK(run("full") == CUP_EXIT_FAULT);
    check_has(err, "is full: 0 MiB free, 1 MiB needed; epoch 9 is decided, and is finished when "
                   "there is room; goes on by itself when there is room\n");
    check_has(err, "nothing undecided is visible; it goes on where it stopped");

    CHECK(run("bad state") == CUP_EXIT_FAULT);
    check_has(err, "message of the data plane: the bytes do not have the form");
}

static void check_topics(void)
{
    CHECK(run_topics("topics") == CUP_EXIT_OK);
    check_has(
        err,
        "cupel: the cluster is away: connect: see kafka.brokers: the operating system or "
        "the cluster refused: broker b:9092; what was read is committed as ever, and reading goes "
        "on when it is back\n");
    CHECK(count_of(err, "cupel: the cluster is away") == 1); /* however often it is tried */
    CHECK(count_of(err, "cupel: going on\n") == 1);
    CHECK(strstr(err, "no file matches") == NULL && strstr(out, "files followed") == NULL);
    check_has(out, "  consumed      committed        visible            end         behind  "
                   "seconds  partition\n");
    check_has(out, " 90             80             70            100             30      1.2  "
                   "bank.account/0\n");
    check_has(out, " -              -        -  new/3\n");
    check_has(out, "17 offsets were skipped: their records were deleted before they could be read "
                   "(kafka.gaps: skip; the ledger says which)\n");
    CHECK(strstr(out, "stopped before the end") == NULL); /* there is none */
    check_has(out, "output: 4,321 records published, up to epoch 40\n"
                   "output: 2.50 MB of later epochs wait for the next run\n"
                   "output: stopped and begun anew 3 times, see the messages above\n"
                   "output: 1 records of more than 100 MiB were not forwarded\n");

    CHECK(run_topics("topics fault") == CUP_EXIT_FAULT);
    check_has(err, "what to do: find out who deleted records or made the topic anew. To go on "
                   "without records that retention deleted: kafka.gaps: skip.");
    CHECK(run_topics("bad lag") == CUP_EXIT_FAULT);
    check_has(err, "message of the data plane: the bytes do not have the form");
}

static void check_signals(void)
{
    CHECK(run("signal") == CUP_EXIT_OK);
    check_has(err, "stopping: the open epoch is being finished");
    check_has(err, "still finishing the open epoch");
    CHECK(strstr(err, "columns, ") == NULL); /* nothing was learned after STOP */
    check_has(out, "stopped before the end of the inputs; the next run resumes here");
}

static void check_find(const char *fake)
{
    char             path[PATH_MAX] = "untouched";
    struct cup_fault fault;

    CHECK(cup_child_find("cupel-no-such", NULL, path, &fault) == CUP_NOT_FOUND);
    CHECK(strcmp(path, "untouched") == 0 && strcmp(fault.where, "cupel-no-such") == 0);
    CHECK(cup_child_find("x", "CUPEL_DATAPLANE", path, &fault) == CUP_OK);
    CHECK(strcmp(path, fake) == 0);
    CHECK(setenv("CUPEL_DATAPLANE", "/nonexistent", 1) == 0);
    CHECK(cup_child_find("x", "CUPEL_DATAPLANE", path, &fault) == CUP_NOT_FOUND);
    CHECK(run("good") == CUP_EXIT_FAULT);
    check_has(err, "it must lie beside cupel, or CUPEL_DATAPLANE must name it");
}

static void check_progress(void)
{
    static struct cup_stats stats;
    struct cup_inputs_file  input  = {.path = "/a", .topic = "a.ndjson", .bytes = 200};
    struct cup_text         line   = {0};
    struct cup_text         broken = {0};
    struct cup_report       report;

    cup_report_begin(&report, &keep, &stats, &input, 1);
    cup_stats_add(&stats.workers[0].counters[CUP_COUNTER_RECORDS], 1000);
    cup_stats_add(&stats.workers[3].counters[CUP_COUNTER_RECORDS], 500);
    cup_stats_add(&stats.workers[3].outcomes[CUP_OUTCOME_UTF8], 2);
    cup_stats_add(&stats.workers[3].outcomes[CUP_OUTCOME_DEPTH], 3);
    cup_stats_add(&stats.workers[0].position, 100);
    cup_report_progress(&report, &line);
    check_has(line.at, "1,500 records");
    check_has(line.at, "at a.ndjson 50%");
    check_has(line.at, "quarantined 5");
    CHECK(cup_report_counter(&report, CUP_COUNTER_RECORDS) == 1500);
    cup_text_put(&broken, "short", 5);
    CHECK(!cup_report_epoch(&report, &broken) && report.epoch_count == 0);
    CHECK(!cup_report_status(&report, &broken, "/lake", &line));

    struct cup_wire_status paused = {
        .state = CUP_WIRE_PAUSED, .free_bytes = 12u << 20, .needed_bytes = 64u << 20};
    cup_text_clear(&broken);
    cup_text_put(&broken, &paused, sizeof(paused));
    CHECK(cup_report_status(&report, &broken, "/lake", &line));
    atomic_store(&stats.workers[0].counters[CUP_COUNTER_RECORDS], 0); /* an epoch was abandoned */
    cup_text_clear(&line);
    cup_report_progress(&report, &line);
    check_has(line.at, "500 records  0/s");
    check_has(line.at, "  paused: 12 MiB free, 64 MiB needed");
    CHECK(strstr(line.at, "output") == NULL);
    report.publishes  = true;
    report.epoch_last = 9;
    cup_stats_add(&stats.workers[0].counters[CUP_COUNTER_DELIVERED_EPOCH], 7);
    cup_text_clear(&line);
    cup_report_progress(&report, &line);
    CHECK(strstr(line.at, "output") == NULL); /* nothing waits */
    cup_stats_add(&stats.workers[0].counters[CUP_COUNTER_SPOOL_BYTES], 1500000);
    cup_text_clear(&line);
    cup_report_progress(&report, &line);
    check_has(line.at, "  output 2 epochs, 1.5 MB behind");
    cup_text_free(&line);
    cup_text_free(&broken);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    CHECK(argc > 2);
    CHECK(setenv("CUPEL_DATAPLANE", argv[2], 1) == 0);
    keep   = fixture_keep();
    folder = fixture_folder(&keep);
    check_good();
    check_bad_ends();
    check_setbacks();
    check_topics();
    check_signals();
    check_progress();
    check_find(argv[2]);
    fixture_remove(folder);
    cup_keep_close(&keep);
    return 0;
}
