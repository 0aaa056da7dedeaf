// SPDX-License-Identifier: Apache-2.0
/* A data plane that moves nothing: it plays the part that CUPEL_FAKE names, and fails when control
 * does not answer as it should. Used by test_supervise only. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/abi/wire.h"
#include "tests/control/fixture.h"

static struct cup_stats *stats;

static void send_message(enum cup_wire_kind kind, const void *payload, size_t bytes)
{
    struct cup_fault fault;
    CHECK(cup_wire_send(CUP_CONTROL_FD, kind, payload, bytes, -1, &fault) == CUP_OK);
}

static enum cup_wire_kind receive(struct cup_text *payload, int *fd)
{
    enum cup_wire_kind kind;
    struct cup_fault   fault;
    CHECK(cup_wire_receive(CUP_CONTROL_FD, &kind, payload, fd, &fault) == CUP_OK);
    return kind;
}

/* The next message is a sealed plan of this generation; true when it has a table. */
static bool expect_plan(uint64_t generation)
{
    struct cup_text  payload = {0};
    struct cup_fault fault;
    struct stat      status;
    int              fd = -1;

    CHECK(receive(&payload, &fd) == CUP_WIRE_PLAN && fd >= 0);
    CHECK((fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE) != 0 && fstat(fd, &status) == 0);
    const struct cup_plan *plan = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(plan != MAP_FAILED);
    CHECK(cup_plan_check(plan, (size_t)status.st_size, &fault) == CUP_OK);
    CHECK(plan->generation == generation);
    cup_text_free(&payload);
    return plan->tables.count > 0;
}

static void send_ready(uint64_t generation)
{
    struct cup_wire_ready ready = {.generation   = generation,
                                   .pool_bytes   = 1u << 20,
                                   .worker_count = 1,
                                   .kernels      = "fake",
                                   .store        = "none"};
    send_message(CUP_WIRE_READY, &ready, sizeof(ready));
}

static void send_unknown(uint64_t id, const char *table, const char *schema)
{
    const char *texts[CUP_UNKNOWN_TEXT_COUNT] = {"pg",        "db", "bank", table, "postgresql",
                                                 "pg.bank.t", "",   schema, ""};
    struct cup_wire_unknown head              = {.id = id};
    struct cup_text         payload           = {0};

    for (int i = 0; i < CUP_UNKNOWN_TEXT_COUNT; i++)
        head.text_bytes[i] = (uint32_t)strlen(texts[i]);
    cup_text_put(&payload, &head, sizeof(head));
    for (int i = 0; i < CUP_UNKNOWN_TEXT_COUNT; i++)
        cup_text_puts(&payload, texts[i]);
    send_message(CUP_WIRE_UNKNOWN, payload.at, payload.bytes);
    cup_text_free(&payload);
}

static void expect_refuse(uint64_t id, enum cup_outcome outcome)
{
    struct cup_text        payload = {0};
    struct cup_wire_refuse refuse;
    int                    fd = -1;

    CHECK(receive(&payload, &fd) == CUP_WIRE_REFUSE && payload.bytes == sizeof(refuse));
    memcpy(&refuse, payload.at, sizeof(refuse));
    CHECK(refuse.id == id && refuse.outcome == (uint32_t)outcome);
    cup_text_free(&payload);
}

static void expect_stop(void)
{
    struct cup_text payload = {0};
    int             fd      = -1;
    CHECK(receive(&payload, &fd) == CUP_WIRE_STOP);
    cup_text_free(&payload);
}

static void send_epoch(void)
{
    struct {
        struct cup_wire_epoch       head;
        struct cup_wire_epoch_table tables[2];
        struct cup_wire_epoch_odd   odds[3];
    } epoch = {
        .head   = {.epoch        = 41,
                   .records      = 1234567,
                   .apply_ns     = 250000000,
                   .bronze_bytes = 500000,
                   .bronze_files = 1,
                   .table_count  = 2,
                   .odd_count    = 3},
        .tables = {{.files = 2, .rows = 1234000, .bytes = 2500000, .path = "d/silver/pg/bank/t"},
                   {.files = 0, .path = "d/silver/pg/bank/empty"}},
        .odds = {{.count = 1200, .oddity = CUP_ODDITY_VALUE_LOST, .path = "d/t", .column = "tags"},
                 {.count = 7, .oddity = CUP_ODDITY_IDENTITY_WEAKENED, .path = "d/t"},
                 {.count = 34, .oddity = CUP_ODDITY_VALUE_LOST, .path = "d/t", .column = "tags"}}};
    send_message(CUP_WIRE_EPOCH, &epoch, sizeof(epoch));
}

static void count(void)
{
    struct cup_stats_worker *worker = &stats->workers[0];

    cup_stats_add(&worker->counters[CUP_COUNTER_RECORDS], 1234567);
    cup_stats_add(&worker->counters[CUP_COUNTER_BYTES], 5000000);
    cup_stats_add(&worker->outcomes[CUP_OUTCOME_ACCEPTED], 1234000);
    cup_stats_add(&worker->outcomes[CUP_OUTCOME_UTF8], 67);
    cup_stats_add(&worker->outcomes[CUP_OUTCOME_TOMBSTONE], 500);
}

static void play_good(void)
{
    send_unknown(1, "t", ENVELOPE(INT64("id")));
    CHECK(expect_plan(2));
    send_ready(2);
    send_unknown(2, "t2", ENVELOPE(SEMANTIC("bytes", "io.debezium.data.Unheard", "b")));
    expect_refuse(2, CUP_OUTCOME_SCHEMA_DRIFT);
    send_unknown(3, "t2", ENVELOPE(SEMANTIC("bytes", "io.debezium.data.Unheard", "b")));
    expect_refuse(3, CUP_OUTCOME_SCHEMA_DRIFT);
    send_unknown(4, "t3", "");
    expect_refuse(4, CUP_OUTCOME_UNKNOWN_TABLE);
    count();
    send_epoch();
    send_message(CUP_WIRE_ENDED, NULL, 0);
}

static void send_fault(void)
{
    struct cup_fault fault   = {.err = CUP_NO_SPACE, .os_errno = ENOSPC, .where = "lake/x.parquet"};
    struct cup_text  payload = {0};

    cup_text_put(&payload, &fault, sizeof(fault));
    cup_text_puts(&payload, "write a file");
    send_message(CUP_WIRE_FAULT, payload.at, payload.bytes);
    cup_text_free(&payload);
}

static void play_fault(void)
{
    send_fault();
    exit(1);
}

/* Control has a message for a data plane that has said why it ends, and is gone. */
static void play_last_words(void)
{
    pid_t control = getppid();
    char  path[64], state = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)control);
    CHECK(kill(control, SIGSTOP) == 0);
    while (state != 'T') {
        FILE *file = fopen(path, "r");
        CHECK(file != NULL && fscanf(file, "%*d (%*[^)]) %c", &state) == 1 && fclose(file) == 0);
    }
    CHECK(kill(control, SIGTERM) == 0);
    send_fault();
    CHECK(close(CUP_CONTROL_FD) == 0 && kill(control, SIGCONT) == 0);
    exit(1);
}

static void send_status(const struct cup_wire_status *status, const char *what)
{
    struct cup_text payload = {0};

    cup_text_put(&payload, status, sizeof(*status));
    cup_text_puts(&payload, what);
    send_message(CUP_WIRE_STATUS, payload.at, payload.bytes);
    cup_text_free(&payload);
}

/* A disk that fails once, is full for a moment, and holds a decided epoch up. */
static void play_setbacks(void)
{
    const struct cup_fault io   = {.err = CUP_IO, .os_errno = EIO, .where = "staging/x-1"};
    const struct cup_fault full = {.err = CUP_NO_SPACE, .os_errno = ENOSPC, .where = "x-2"};

    send_status(
        &(struct cup_wire_status){
            .state = CUP_WIRE_RETRYING, .epoch = 7, .tries = 1, .tries_max = 3, .fault = io},
        "sync");
    send_status(&(struct cup_wire_status){.state = CUP_WIRE_RUNNING}, "");
    send_status(&(struct cup_wire_status){.state = CUP_WIRE_RETRYING, .epoch = 7, .fault = full},
                "write");
    for (uint64_t mib = 12; mib < 15; mib++)
        send_status(&(struct cup_wire_status){.state        = CUP_WIRE_PAUSED,
                                              .free_bytes   = mib << 20,
                                              .needed_bytes = 64u << 20,
                                              .fault        = full},
                    "write");
    send_status(&(struct cup_wire_status){.state = CUP_WIRE_RUNNING}, "");
    cup_stats_add(&stats->workers[0].counters[CUP_COUNTER_EPOCHS_ABANDONED], 2);
    send_status(&(struct cup_wire_status){.state     = CUP_WIRE_RETRYING,
                                          .decided   = 1,
                                          .epoch     = 8,
                                          .tries     = 2,
                                          .tries_max = 3,
                                          .fault     = io},
                "link");
    count();
    send_epoch();
    send_status(&(struct cup_wire_status){.state = CUP_WIRE_RUNNING}, "");
    send_message(CUP_WIRE_ENDED, NULL, 0);
}

/* The disk is full and stays so: STOP must still end the run. */
static void play_full(void)
{
    struct cup_wire_status status = {.state        = CUP_WIRE_PAUSED,
                                     .decided      = 1,
                                     .epoch        = 9,
                                     .free_bytes   = 0,
                                     .needed_bytes = 1u << 20,
                                     .fault        = {.err = CUP_NO_SPACE, .os_errno = ENOSPC}};

    send_status(&status, "write");
    CHECK(kill(getppid(), SIGTERM) == 0);
    expect_stop();
    play_fault();
}

static void put_lag(struct cup_text *payload, struct cup_wire_lag lag, const char *topic)
{
    lag.topic_bytes = (uint32_t)strlen(topic);
    cup_text_put(payload, &lag, sizeof(lag));
    cup_text_puts(payload, topic);
}

/* Partitions that are behind, a cluster that is away for a while, and the end of it all. */
static void play_topics(void)
{
    const struct cup_wire_status away    = {.state = CUP_WIRE_CUT_OFF,
                                            .fault = {.err = CUP_IO, .where = "broker b:9092"}};
    struct cup_text              payload = {0};

    put_lag(&payload,
            (struct cup_wire_lag){
                .consumed = 90, .committed = 80, .visible = 70, .high = 100, .visible_ms = 1234},
            "bank.account");
    put_lag(&payload, (struct cup_wire_lag){.high = -1, .visible_ms = -1, .partition = 3}, "new");
    send_message(CUP_WIRE_LAG, payload.at, payload.bytes);
    send_status(&away, "connect: see kafka.brokers");
    send_status(&away, "connect: see kafka.brokers");
    send_status(&(struct cup_wire_status){.state = CUP_WIRE_RUNNING}, "");
    cup_stats_add(&stats->workers[0].counters[CUP_COUNTER_RECORDS_LOST], 17);
    cup_stats_add(&stats->workers[0].counters[CUP_COUNTER_PUBLISHED], 4321);
    cup_stats_add(&stats->workers[0].counters[CUP_COUNTER_DELIVERED_EPOCH], 40);
    cup_stats_add(&stats->workers[0].counters[CUP_COUNTER_SPOOL_BYTES], 2500000);
    cup_stats_add(&stats->workers[0].counters[CUP_COUNTER_DELIVERY_FAILED], 3);
    cup_stats_add(&stats->workers[0].counters[CUP_COUNTER_NOT_FORWARDED], 1);
    count();
    send_epoch();
    CHECK(kill(getppid(), SIGTERM) == 0);
    expect_stop();
    send_message(CUP_WIRE_ENDED, NULL, 0);
    cup_text_free(&payload);
}

static void play_topics_fault(void)
{
    const struct cup_fault fault   = {.err = CUP_INPUT_CHANGED, .where = "bank.account/0: 17"};
    struct cup_text        payload = {0};

    cup_text_put(&payload, &fault, sizeof(fault));
    cup_text_puts(&payload, "records were deleted before they were read");
    send_message(CUP_WIRE_FAULT, payload.at, payload.bytes);
    cup_text_free(&payload);
    exit(1);
}

int main(void)
{
    const char *part = getenv("CUPEL_FAKE");

    CHECK(part != NULL);
    stats = mmap(NULL, sizeof(*stats), PROT_READ | PROT_WRITE, MAP_SHARED, CUP_STATS_FD, 0);
    CHECK(stats != MAP_FAILED && stats->magic == CUP_STATS_MAGIC);
    CHECK(!expect_plan(1));
    send_ready(1);
    if (strcmp(part, "good") == 0) play_good();
    if (strcmp(part, "fault") == 0) play_fault();
    if (strcmp(part, "last words") == 0) play_last_words();
    if (strcmp(part, "setbacks") == 0) play_setbacks();
    if (strcmp(part, "full") == 0) play_full();
    if (strcmp(part, "topics") == 0) play_topics();
    if (strcmp(part, "topics fault") == 0) play_topics_fault();
    if (strcmp(part, "bad lag") == 0) send_message(CUP_WIRE_LAG, "x", 1);
    if (strcmp(part, "bad state") == 0)
        send_status(&(struct cup_wire_status){.state = CUP_WIRE_STATE_COUNT}, "");
    if (strcmp(part, "crash") == 0) (void)raise(SIGKILL);
    if (strcmp(part, "schemaless") == 0) {
        send_unknown(1, "t", "");
        expect_stop();
        send_message(CUP_WIRE_ENDED, NULL, 0);
    }
    if (strcmp(part, "signal") == 0) {
        CHECK(kill(getppid(), SIGTERM) == 0);
        expect_stop();
        send_unknown(1, "t", ENVELOPE(INT64("id"))); /* STOP is its answer */
        CHECK(kill(getppid(), SIGINT) == 0);
        count();
        send_epoch();
        send_message(CUP_WIRE_ENDED, NULL, 0);
    }
    if (strcmp(part, "nonsense") == 0) send_message(CUP_WIRE_EPOCH, "x", 1);
    if (strcmp(part, "nonsense") == 0) (void)sleep(60); /* it is ended, not waited for */
    return 0;
}
