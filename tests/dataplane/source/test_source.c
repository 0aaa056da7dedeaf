// SPDX-License-Identifier: Apache-2.0
/* Goal:   NDJSON records come out exactly as they stand in the file, whatever their length, the
 *         sizes of reads, the start, and however short memory is; bad inputs are clear faults.
 * Method: written-out cases with their records; random files compared with a byte by byte cut,
 * under injected short reads, failing reads and a pool that is too small at first. */
#include "tests/dataplane/source/feed.h"

#include <sys/stat.h>

#define RECORD_MAX (1u << 20)

static struct gotten run_text(const char *text, size_t bytes, uint64_t start)
{
    struct feed feed;

    feed_write("a.ndjson", text, bytes);
    feed_open(&feed, RECORD_MAX, FEED_BLOCKS);
    feed_input(&feed, "a.ndjson", CUP_INPUT_NDJSON, 0);
    feed.starts[0]       = start;
    struct gotten gotten = feed_run(&feed, NULL, 0);
    feed_close(&feed);
    return gotten;
}

static void check_cases(void)
{
    static const char text[] = "\xef\xbb\xbf{\"a\":1}\n\n{\"b\":2}\r\n\r\n\n  \n{\"c\":3}";
    struct gotten     gotten = run_text(text, sizeof text - 1, 0);

    CHECK(gotten.count == 4 && gotten.blank_count == 3 && gotten.ends_count == 1);
    CHECK(got_is(&gotten.all[0], "\xef\xbb\xbf{\"a\":1}") && gotten.all[0].position == 0);
    CHECK(got_is(&gotten.all[1], "{\"b\":2}\r") && gotten.all[1].offset == 12);
    CHECK(got_is(&gotten.all[2], "  ") && gotten.all[2].position == 24);
    CHECK(got_is(&gotten.all[3], "{\"c\":3}") && gotten.all[3].position == 27);
    CHECK(gotten.end == sizeof text - 1);
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(gotten.all[i].timestamp_ms == INT64_MIN && gotten.all[i].partition == 0);
        CHECK(gotten.all[i].key_kind == CUP_VALUE_NULL && gotten.all[i].flags == 0);
        CHECK(strcmp(gotten.all[i].topic, "a.ndjson") == 0);
    }
    gotten_free(&gotten);

    static const struct {
        const char *text;
        uint32_t    records, blanks;
    } ends[] = {{"", 0, 0},      {"\n", 0, 1},   {"\r\n", 0, 1},  {"\r", 0, 1},
                {"x", 1, 0},     {"x\n", 1, 0},  {"x\r", 1, 0},   {"x\n\r", 1, 1},
                {"\n\nx", 1, 2}, {"x\ny", 2, 0}, {"\r\r\n", 1, 0}};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        gotten = run_text(ends[i].text, strlen(ends[i].text), 0);
        CHECK(gotten.count == ends[i].records && gotten.blank_count == ends[i].blanks);
        CHECK(gotten.ends_count == 1 && gotten.end == strlen(ends[i].text));
        gotten_free(&gotten);
    }
}

/* Lines of mixed lengths; about one in `rare` is long. */
static size_t draw_text(struct cup_rnd *rnd, char *text, size_t cap, uint32_t longest,
                        uint32_t rare)
{
    size_t bytes = 0;

    for (;;) {
        size_t line = cup_rnd_below(rnd, 400);
        if (cup_rnd_below(rnd, rare) == 0) line = cup_rnd_below(rnd, longest);
        if (cup_rnd_below(rnd, 9) == 0) line = cup_rnd_below(rnd, 2);
        if (bytes + line + 1 > cap) break;
        for (size_t i = 0; i < line; i++)
            text[bytes + i] = (char)(' ' + (bytes * 31 + i * 7) % 90);
        bytes += line;
        text[bytes++] = '\n';
    }
    return bytes - cup_rnd_below(rnd, 2);
}

/* Every line of the text is one record or one blank, with the right position and flags. */
static void check_against(const char *text, size_t bytes, const struct gotten *gotten,
                          uint32_t record_max)
{
    uint32_t record = 0;
    uint64_t blanks = 0;

    for (size_t at = 0, end; at < bytes; at = end + 1) {
        for (end = at; end < bytes && text[end] != '\n';)
            end++;
        if (end == at || (end == at + 1 && text[at] == '\r')) {
            blanks++;
            continue;
        }
        const struct got *got = &gotten->all[record++];
        CHECK(record <= gotten->count);
        CHECK(got->position == at && got->offset == (int64_t)at);
        CHECK(got->value.bytes == end - at && memcmp(got->value.at, text + at, end - at) == 0);
        CHECK(got->flags == (end - at > record_max ? CUP_RECORD_OVERSIZE : 0));
    }
    CHECK(record == gotten->count);
    CHECK(blanks == gotten->blank_count);
    CHECK(gotten->end == bytes);
}

static void check_random(struct cup_rnd *rnd)
{
    static char text[4u << 20];

    for (int round = 0; round < 24; round++) {
        uint32_t    record_max = round % 2 ? 4096 : RECORD_MAX;
        uint32_t    longest    = round % 3 == 0 ? 1300000 : round % 3 == 1 ? 300000 : 5000;
        size_t      cap        = longest > 5000 ? sizeof text : 700000;
        size_t      bytes      = draw_text(rnd, text, cap, longest, longest > 5000 ? 30 : 3);
        struct feed feed;

        feed_cut_max   = round % 4 < 2 ? 0 : 1 + cup_rnd_below(rnd, 100000);
        feed_fail_each = round % 5 == 4 ? 3 : 0;
        feed_fail_with = round % 2 ? EINTR : EIO;
        feed_write("r.ndjson", text, bytes);
        feed_open(&feed, record_max, FEED_BLOCKS);
        feed_input(&feed, "r.ndjson", CUP_INPUT_NDJSON, 0);
        struct gotten gotten = feed_run(&feed, NULL, 0);
        check_against(text, bytes, &gotten, record_max);
        CHECK(gotten.ends_count == 1);
        if (longest == 5000 && record_max == RECORD_MAX)
            CHECK(gotten.verbatim_count >= gotten.batch_count - 2);
        if (feed_fail_each && feed_fail_with == EIO) CHECK(gotten.io_count > 0);
        gotten_free(&gotten);
        feed_close(&feed);
        feed_cut_max = feed_fail_each = 0;
    }
}

static void check_limits(void)
{
    static char text[3 * RECORD_MAX];

    for (uint32_t extra = 0; extra < 2; extra++) {
        for (uint32_t place = 0; place < 4; place++) { /* first, middle, last, last without LF */
            size_t at = 0;
            if (place > 0) memcpy(text, "{}\n", at = 3);
            memset(text + at, 'x', RECORD_MAX + extra);
            at += RECORD_MAX + extra;
            if (place < 3) text[at++] = '\n';
            if (place < 2) {
                memcpy(text + at, "[]\n", 3);
                at += 3;
            }
            struct gotten gotten = run_text(text, at, 0);
            check_against(text, at, &gotten, RECORD_MAX);
            const struct got *got = &gotten.all[place > 0];
            CHECK(got->whole_bytes == RECORD_MAX + extra);
            CHECK(got->piece_count == (extra ? 5 : 1)); /* 4 * CUP_PIECE_BYTES < RECORD_MAX */
            gotten_free(&gotten);
        }
    }
    for (size_t i = 0; i < 20000;
         i++) /* more records than a batch takes, and more than its bytes */
        memcpy(text + 2 * i, "7\n", 2);
    struct gotten gotten = run_text(text, 40000, 0);
    CHECK(gotten.count == 20000 && gotten.batch_count == 3);
    gotten_free(&gotten);
    memset(text, '\n', 2 * RECORD_MAX);
    gotten = run_text(text, 2 * RECORD_MAX, 0);
    CHECK(gotten.count == 0 && gotten.blank_count == 2 * RECORD_MAX);
    gotten_free(&gotten);
}

/* Batches are as large as they may be; a long record borrows more only while it is there. */
static void check_thrift(void)
{
    static char        text[4 * RECORD_MAX];
    const uint32_t     base = 14;                /* records 9, buffer 5 */
    const uint32_t     most = base + 5 * 2 + 17; /* grown twice: 17 hold the longest record */
    const uint32_t     long_records = RECORD_MAX + 1;
    struct feed        feed;
    struct cup_source *source;
    struct cup_batch   batch;
    struct cup_fault   fault;
    uint32_t           batches = 0;

    memset(text, 'x', sizeof text);
    for (size_t i = 99; i < sizeof text; i += 100)
        text[i] = '\n';
    memset(text, 'y', RECORD_MAX);
    text[RECORD_MAX] = '\n';
    feed_write("t.ndjson", text, sizeof text);
    feed_open(&feed, RECORD_MAX, most);
    feed_input(&feed, "t.ndjson", CUP_INPUT_NDJSON, 0);
    CHECK(cup_source_open(&feed.blob.plan, feed.indexes, feed.starts, 1, &feed.pool, &source,
                          &fault) == CUP_OK);
    CHECK(cup_source_next(source, &batch, &fault) == CUP_OK);
    CHECK(batch.record_count == 1 && batch.region_bytes == long_records);
    while (cup_source_next(source, &batch, &fault) == CUP_OK)
        batches++;
    CHECK(batches <= 2 * (sizeof text - RECORD_MAX) / CUP_BATCH_BYTES);
    CHECK(feed.pool.free_count == most - base);
    cup_source_close(source);
    feed_close(&feed);
}

static void check_resume(struct cup_rnd *rnd)
{
    static char text[900000];
    size_t      bytes = draw_text(rnd, text, sizeof text, 500000, 400);
    struct feed feed;

    feed_write("s.ndjson", text, bytes);
    feed_open(&feed, 300000, FEED_BLOCKS);
    feed_input(&feed, "s.ndjson", CUP_INPUT_NDJSON, 0);
    struct gotten whole = feed_run(&feed, NULL, 0);
    for (uint32_t i = 0; i < whole.count; i += 1 + whole.count / 150) {
        feed.starts[0]     = whole.all[i].position;
        struct gotten tail = feed_run(&feed, NULL, 0);
        check_tail(&whole, i, &tail);
        CHECK(tail.end == bytes);
        gotten_free(&tail);
    }
    feed.starts[0]     = bytes;
    struct gotten tail = feed_run(&feed, NULL, 0);
    CHECK(tail.count == 0 && tail.ends_count == 1);
    gotten_free(&tail);
    gotten_free(&whole);
    feed_close(&feed);
}

/* The pool lacks blocks at first, at each count of free ones. */
static void check_no_memory(struct cup_rnd *rnd)
{
    static char text[2 * RECORD_MAX];
    size_t      bytes = draw_text(rnd, text, sizeof text, 900000, 150);
    uint64_t    times = 0;

    feed_write("m.ndjson", text, bytes);
    for (uint32_t spare = 0; spare < 60; spare += spare < 16 ? 1 : 5) {
        struct feed feed;
        feed_open(&feed, RECORD_MAX, 120);
        feed_input(&feed, "m.ndjson", CUP_INPUT_NDJSON, 0);
        uint8_t *taken = cup_pool_take(&feed.pool, 120 - spare);
        CHECK(taken != NULL);
        struct gotten gotten = feed_run(&feed, taken, 120 - spare);
        check_against(text, bytes, &gotten, RECORD_MAX);
        times += gotten.no_memory_count;
        gotten_free(&gotten);
        feed_close(&feed);
    }
    CHECK(times >= 15);
}

static void check_inputs(void)
{
    struct feed feed;

    feed_write("1.ndjson", "a\nb", 3);
    feed_write("2.ndjson", "", 0);
    feed_write("3.ndjson", "c\n", 2);
    feed_open(&feed, RECORD_MAX, FEED_BLOCKS);
    feed_input(&feed, "3.ndjson", CUP_INPUT_NDJSON, 0);
    feed_input(&feed, "2.ndjson", CUP_INPUT_NDJSON, 0);
    feed_input(&feed, "1.ndjson", CUP_INPUT_NDJSON, 0);
    struct gotten gotten = feed_run(&feed, NULL, 0);
    CHECK(gotten.count == 3 && gotten.ends_count == 3);
    CHECK(got_is(&gotten.all[0], "c") && strcmp(gotten.all[0].topic, "3.ndjson") == 0);
    CHECK(got_is(&gotten.all[1], "a") && gotten.all[1].input == 2);
    CHECK(got_is(&gotten.all[2], "b") && strcmp(gotten.all[2].topic, "1.ndjson") == 0);
    gotten_free(&gotten);
    feed_close(&feed);
}

static void check_fault(const char *name, uint64_t start, enum cup_err expected)
{
    struct feed        feed;
    struct cup_source *source;
    struct cup_batch   batch;
    struct cup_fault   fault = {0};

    feed_open(&feed, RECORD_MAX, FEED_BLOCKS);
    feed_input(&feed, name, CUP_INPUT_NDJSON, 0);
    feed.starts[0] = start;
    CHECK(cup_source_open(&feed.blob.plan, feed.indexes, feed.starts, 1, &feed.pool, &source,
                          &fault) == CUP_OK);
    for (int twice = 0; twice < 2; twice++) {
        CHECK(cup_source_next(source, &batch, &fault) == expected);
        CHECK(fault.err == expected && strcmp(fault.where, feed_path(name)) == 0);
    }
    cup_source_close(source);
    feed_close(&feed);
}

static void check_faults(void)
{
    CHECK(mkfifo(feed_path("fifo"), 0600) == 0);
    check_fault("", 0, CUP_BAD_CONFIG); /* the folder itself */
    check_fault("fifo", 0, CUP_BAD_CONFIG);
    check_fault("missing", 0, CUP_IO);
    check_fault("1.ndjson", 4, CUP_INPUT_CHANGED);
    CHECK(symlink("1.ndjson", feed_path("link")) == 0);
    struct feed feed;
    feed_open(&feed, RECORD_MAX, FEED_BLOCKS);
    feed_input(&feed, "link", CUP_INPUT_NDJSON, 0);
    struct gotten gotten = feed_run(&feed, NULL, 0);
    CHECK(gotten.count == 2);
    gotten_free(&gotten);
    feed_close(&feed);
    cup_source_close(NULL);
}

static void check_identity(void)
{
    static char               text[3000];
    struct cup_input_identity a, b;
    struct cup_fault          fault;

    memset(text, 'q', sizeof text);
    feed_write("i", text, 500);
    CHECK(cup_input_identify(feed_path("i"), 0, &a, &fault) == CUP_OK && a.head_bytes == 500);
    feed_write("i", text, 3000); /* grown: the same file */
    CHECK(cup_input_identify(feed_path("i"), a.head_bytes, &b, &fault) == CUP_OK);
    CHECK(memcmp(&a, &b, sizeof a) == 0 && a.inode != 0);
    CHECK(cup_input_identify(feed_path("i"), 0, &b, &fault) == CUP_OK);
    CHECK(b.head_bytes == CUP_INPUT_HEAD_BYTES && b.head_crc32c != a.head_crc32c);
    text[499] = 'r';
    feed_write("i", text, 3000);
    CHECK(cup_input_identify(feed_path("i"), 500, &b, &fault) == CUP_OK);
    CHECK(a.head_crc32c != b.head_crc32c && b.head_bytes == 500);
    feed_write("i", text, 100);
    CHECK(cup_input_identify(feed_path("i"), 500, &b, &fault) == CUP_OK && b.head_bytes == 100);
    CHECK(cup_input_identify(feed_path(""), 0, &b, &fault) == CUP_BAD_CONFIG);
    CHECK(cup_input_identify(feed_path("missing"), 0, &b, &fault) == CUP_IO);
}

static void check_headers(void)
{
    uint8_t           bytes[64];
    struct cup_header header;
    uint32_t          at = 0, used = 0;

    used += cup_header_put(bytes, 64, (const uint8_t *)"name", 4, (const uint8_t *)"value", 5);
    CHECK(used == 17);
    used += cup_header_put(bytes + used, 64 - used, (const uint8_t *)"n", 1, NULL, 0);
    used += cup_header_put(bytes + used, 64 - used, (const uint8_t *)"", 0, bytes, 0);
    CHECK(used == 17 + 9 + 8);
    CHECK(cup_header_put(bytes + used, 8, (const uint8_t *)"n", 1, NULL, 0) == 0);
    CHECK(cup_header_next(bytes, used, &at, &header) && header.name_bytes == 4);
    CHECK(memcmp(header.name, "name", 4) == 0 && memcmp(header.value, "value", 5) == 0);
    CHECK(header.value_bytes == 5);
    CHECK(cup_header_next(bytes, used, &at, &header) && header.value == NULL && at == 26);
    CHECK(cup_header_next(bytes, used, &at, &header) && header.value != NULL);
    CHECK(header.value_bytes == 0 && header.name_bytes == 0);
    CHECK(!cup_header_next(bytes, used, &at, &header) && at == used);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    feed_rnd = cup_rnd_seed(cup_test_seed + 1);
    check_cases();
    check_random(&rnd);
    check_limits();
    check_thrift();
    check_resume(&rnd);
    check_no_memory(&rnd);
    check_inputs();
    check_faults();
    check_identity();
    check_headers();
    return 0;
}
