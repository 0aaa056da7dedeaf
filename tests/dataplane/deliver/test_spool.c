// SPDX-License-Identifier: Apache-2.0
/* Goal:   records come out of a spool file as they went in, nulls and pieces too; a damaged or
 * short file is never read as a whole one; the backlog lists, removes and notes. Method: random
 * records on a real disk against copies; each byte damaged in turn, each length cut. */
#include "dataplane/deliver/spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/deliver/backlog.h"
#include "tests/check.h"
#include "tests/dataplane/plan_maker.h"

#define FOLDER  "_cupel/default/run/0/spool"
#define NAME    FOLDER "/00000000000000000007-0-x.spool"
#define RECORDS 300u

static char              lake[] = "/tmp/cupel-spool-XXXXXX";
static struct cup_disk  *disk;
static struct cup_store *store;

struct copy {
    struct cup_spool_head head;
    uint8_t               bytes[3][64]; /* key, value, headers */
};
static struct copy copies[RECORDS];

static void draw(struct cup_rnd *rnd, struct copy *copy)
{
    struct cup_spool_head *head = &copy->head;

    memset(head, 0, sizeof *head);
    head->kind          = CUP_SPOOL_RECORD;
    head->topic         = (uint32_t)cup_rnd_below(rnd, 3);
    head->partition     = (int32_t)cup_rnd_below(rnd, 5) - 2;
    head->key_bytes     = (uint32_t)cup_rnd_below(rnd, 64);
    head->value_bytes   = (uint32_t)cup_rnd_below(rnd, 64);
    head->headers_bytes = (uint32_t)cup_rnd_below(rnd, 64);
    head->timestamp_ms  = (int64_t)cup_rnd_u64(rnd);
    head->key_null      = head->key_bytes == 0 && cup_rnd_below(rnd, 2);
    head->value_null    = cup_rnd_below(rnd, 8) == 0;
    if (head->value_null) head->value_bytes = 0;
    for (uint32_t i = 0; i < 3; i++)
        for (uint32_t b = 0; b < 64; b++)
            copy->bytes[i][b] = (uint8_t)cup_rnd_u64(rnd);
}

static void put(struct cup_spool *spool, const struct copy *copy)
{
    struct cup_spool_record record = {.head    = copy->head,
                                      .key     = copy->head.key_null ? NULL : copy->bytes[0],
                                      .value   = copy->head.value_null ? NULL : copy->bytes[1],
                                      .headers = copy->bytes[2]};

    CHECK(cup_spool_put(spool, &record, NULL) == CUP_OK);
}

/* The value in pieces; each a frame of its own, because they are long. */
static void put_pieces(struct cup_spool *spool, uint32_t count, bool cut)
{
    static uint8_t          long_piece[CUP_SPOOL_FRAME_BYTES];
    struct cup_spool_record piece = {
        .head = {.kind = CUP_SPOOL_PIECE, .value_bytes = sizeof long_piece}, .value = long_piece};

    memset(long_piece, 'p', sizeof long_piece);
    for (uint32_t i = 0; i < count; i++)
        CHECK(cup_spool_put(spool, &piece, NULL) == CUP_OK);
    piece.head  = (struct cup_spool_head){.kind        = cut ? CUP_SPOOL_CUT : CUP_SPOOL_RECORD,
                                          .value_bytes = cut ? 0 : 3};
    piece.value = cut ? NULL : (const uint8_t *)"end";
    CHECK(cup_spool_put(spool, &piece, NULL) == CUP_OK);
}

static void place(struct cup_spool *spool, const char *name)
{
    struct cup_store_file *file;
    struct cup_sealed      sealed;

    CHECK(cup_spool_finish(spool, &file, NULL) == CUP_OK);
    CHECK(cup_store_seal(file, &sealed, NULL) == CUP_OK && sealed.bytes == spool->bytes);
    CHECK(cup_store_place(store, file, name, NULL) == CUP_OK);
    CHECK(cup_store_sync(store, NULL) == CUP_OK);
}

static void name_topics(struct cup_spool *spool)
{
    static const char *const names[] = {"one", "two", "three"};

    for (uint32_t i = 0, topic; i < 3; i++)
        CHECK(cup_spool_topic(spool, names[i], &topic, NULL) == CUP_OK && topic == i);
}

static bool same(const uint8_t *at, const uint8_t *copy, uint32_t bytes)
{
    return bytes == 0 || memcmp(at, copy, bytes) == 0;
}

static void check_record(const struct cup_spool_record *record, const struct copy *copy)
{
    static const char *const names[] = {"one", "two", "three"};

    CHECK(memcmp(&record->head, &copy->head, sizeof copy->head) == 0);
    CHECK((record->key == NULL) == copy->head.key_null);
    CHECK((record->value == NULL) == copy->head.value_null);
    CHECK(same(record->key, copy->bytes[0], copy->head.key_bytes));
    CHECK(same(record->value, copy->bytes[1], copy->head.value_bytes));
    CHECK(same(record->headers, copy->bytes[2], copy->head.headers_bytes));
    CHECK(strcmp(record->topic, names[copy->head.topic]) == 0);
}

static void test_round_trip(struct cup_rnd *rnd)
{
    struct cup_spool        spool;
    struct cup_spool_reader reader;
    struct cup_spool_record record;

    cup_spool_init(&spool, store);
    name_topics(&spool);
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (i == 100) put_pieces(&spool, 3, false);
        if (i == 200) put_pieces(&spool, 2, true);
        draw(rnd, &copies[i]);
        put(&spool, &copies[i]);
    }
    place(&spool, NAME);
    cup_spool_reader_open(&reader, store, NAME);
    for (uint32_t i = 0; i < RECORDS; i++) {
        CHECK(cup_spool_next(&reader, &record, NULL) == CUP_OK);
        if (i == 100) {
            CHECK(record.head.value_bytes == 3 * CUP_SPOOL_FRAME_BYTES + 3);
            CHECK(record.value[0] == 'p');
            CHECK(memcmp(record.value + 3 * CUP_SPOOL_FRAME_BYTES - 1, "pend", 4) == 0);
            CHECK(cup_spool_next(&reader, &record, NULL) == CUP_OK);
        }
        check_record(&record, &copies[i]);
    }
    CHECK(cup_spool_next(&reader, &record, NULL) == CUP_END);
    cup_spool_reader_close(&reader);
    cup_spool_drop(&spool);
    CHECK(cup_store_remove(store, NAME, NULL) == CUP_OK);
}

/* What a reader makes of the file as it is now. */
static enum cup_err read_all(uint32_t *out_count)
{
    struct cup_spool_reader reader;
    struct cup_spool_record record;
    enum cup_err            err;

    *out_count = 0;
    cup_spool_reader_open(&reader, store, NAME);
    while ((err = cup_spool_next(&reader, &record, NULL)) == CUP_OK)
        ++*out_count;
    cup_spool_reader_close(&reader);
    return err;
}

static void test_damage(struct cup_rnd *rnd)
{
    struct cup_spool spool;
    char             path[256];
    uint32_t         count;

    cup_spool_init(&spool, store);
    name_topics(&spool);
    for (uint32_t i = 0; i < 4; i++) {
        draw(rnd, &copies[i]);
        put(&spool, &copies[i]);
    }
    place(&spool, NAME);
    snprintf(path, sizeof path, "%s/%s", lake, NAME);
    CHECK(read_all(&count) == CUP_END && count == 4);
    int fd = open(path, O_RDWR);
    CHECK(fd >= 0);
    for (uint64_t at = 0; at < spool.bytes; at++) {
        uint8_t byte, bad;
        CHECK(pread(fd, &byte, 1, (off_t)at) == 1);
        bad = (uint8_t)(byte ^ 1u << (at % 8));
        if (at >= 12 && at < 16) continue; /* the frame's padding */
        CHECK(pwrite(fd, &bad, 1, (off_t)at) == 1);
        CHECK(read_all(&count) == CUP_CORRUPT);
        CHECK(pwrite(fd, &byte, 1, (off_t)at) == 1);
    }
    for (uint64_t bytes = spool.bytes; bytes-- > 0;) {
        CHECK(ftruncate(fd, (off_t)bytes) == 0);
        CHECK(read_all(&count) == CUP_CORRUPT);
    }
    CHECK(close(fd) == 0);
    cup_spool_drop(&spool);
    CHECK(cup_store_remove(store, NAME, NULL) == CUP_OK);
}

/* A file that says it has more records than it has. */
static void test_count(struct cup_rnd *rnd)
{
    struct cup_spool spool;
    uint32_t         count;

    cup_spool_init(&spool, store);
    name_topics(&spool);
    draw(rnd, &copies[0]);
    put(&spool, &copies[0]);
    spool.record_count++;
    place(&spool, NAME);
    CHECK(read_all(&count) == CUP_CORRUPT && count == 1);
    cup_spool_drop(&spool);
    CHECK(cup_store_remove(store, NAME, NULL) == CUP_OK);
}

static void touch(const char *leaf, uint32_t bytes)
{
    char path[256];

    snprintf(path, sizeof path, "%s/" FOLDER "/%s", lake, leaf);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0 && ftruncate(fd, bytes) == 0 && close(fd) == 0);
}

static struct cup_plan *make_plan(const char *control_topic)
{
    return cup_spec_plan(&(struct cup_spec){
        .lake    = lake,
        .brokers = "localhost:1",
        .output  = {.kind = CUP_OUTPUT_RAW, .topic = "{topic}", .control_topic = control_topic}});
}

static void test_backlog(void)
{
    struct cup_plan   *plan = make_plan("c"), *other = make_plan("d");
    struct cup_backlog backlog;
    uint64_t           epoch;

    CHECK(cup_backlog_open(&backlog, plan, disk, NULL) == CUP_OK);
    touch("00000000000000000012-0-a.spool", 5);
    touch("00000000000000000003-1-b.spool", 7);
    touch("00000000000000000003-0-c.spool", 11);
    touch("3-0-c.spool", 1);
    touch("00000000000000000004-0-c.spoolx", 1);
    CHECK(cup_backlog_list(&backlog, NULL) == CUP_OK);
    CHECK(backlog.file_count == 3 && backlog.bytes == 23);
    CHECK(backlog.files[0].epoch == 3 && strstr(backlog.files[0].name, "-0-c") != NULL);
    CHECK(backlog.files[1].epoch == 3 && backlog.files[2].epoch == 12);
    CHECK(cup_backlog_remove(&backlog, 0, 2, NULL) == CUP_OK && backlog.bytes == 5);
    CHECK(cup_backlog_list(&backlog, NULL) == CUP_OK && backlog.file_count == 1);
    CHECK(backlog.files[0].epoch == 12);

    CHECK(cup_backlog_noted(&backlog, &epoch, NULL) == CUP_OK && epoch == 0);
    CHECK(cup_backlog_note(&backlog, 11, NULL) == CUP_OK);
    CHECK(cup_backlog_note(&backlog, 12, NULL) == CUP_OK);
    CHECK(cup_backlog_noted(&backlog, &epoch, NULL) == CUP_OK && epoch == 12);
    backlog.plan = other; /* another control topic: nothing is known of it */
    CHECK(cup_backlog_noted(&backlog, &epoch, NULL) == CUP_OK && epoch == 0);
    cup_backlog_close(&backlog);
    free(plan);
    free(other);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);
    char           command[64];

    CHECK(mkdtemp(lake) != NULL);
    CHECK(cup_disk_open(CUP_DISK_POSIX, &disk, NULL) == CUP_OK);
    CHECK(cup_store_open(disk, lake, "_cupel/default/run/0/staging", &store, NULL) == CUP_OK);
    test_round_trip(&rnd);
    test_damage(&rnd);
    test_count(&rnd);
    test_backlog();
    cup_store_close(store);
    cup_disk_close(disk);
    snprintf(command, sizeof command, "rm -rf %s", lake);
    return system(command) == 0 ? 0 : 1;
}
