// SPDX-License-Identifier: Apache-2.0
/* Goal:   of files that grow, move, shrink and go, whole lines come out once and in order; partial
 *         lines and members wait; descriptors are bounded.
 * Method: a source without until_end; files are written to between calls, and what comes out is
 *         compared with what was written. Lines carry their file and number. */
#include "tests/dataplane/source/feed.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/clock.h"

#define RECORD_MAX (1u << 20)
#define FILES      64u
#define AWAIT_NS                                                                                   \
    (300 * CUP_NS_PER_S)            /* a stall while it is looked into is rested for twenty times */
#define GRACE_NS (3 * CUP_NS_PER_S) /* a removed file may still be written to */

struct world {
    struct feed        feed;
    struct cup_source *source;
    struct cup_text    got[FILES]; /* what came of each input, with LFs */
    uint32_t           input_count, flags[FILES], ended_at;
    uint32_t           order[4096], order_count; /* inputs of the batches that had records */
    int32_t            partition[FILES];
    uint64_t           end[FILES];
};

static void open_world(struct world *world, uint32_t workers)
{
    struct cup_fault fault;

    memset(world, 0, sizeof *world);
    feed_open(&world->feed, RECORD_MAX, FEED_BLOCKS);
    world->feed.blob.plan.until_end    = 0;
    world->feed.blob.plan.worker_count = workers;
    CHECK(cup_source_open(&world->feed.blob.plan, NULL, NULL, 0, &world->feed.pool, &world->source,
                          &fault) == CUP_OK);
}

static void close_world(struct world *world)
{
    cup_source_close(world->source);
    feed_close(&world->feed);
    for (uint32_t i = 0; i < FILES; i++)
        cup_text_free(&world->got[i]);
}

static void append_bytes(const char *name, const void *bytes, size_t count)
{
    FILE *file = fopen(feed_path(name), "ab");

    CHECK(file != NULL && fwrite(bytes, 1, count, file) == count && fclose(file) == 0);
}

static void appends(const char *name, const char *text)
{
    append_bytes(name, text, strlen(text));
}

static uint32_t follow_as(struct world *world, const char *name, uint32_t generation, bool gzip,
                          uint64_t start, enum cup_input_form form)
{
    struct stat            info;
    struct cup_fault       fault;
    struct cup_source_file file = {.input      = world->input_count++,
                                   .generation = generation,
                                   .form       = (uint8_t)form,
                                   .gzip       = gzip,
                                   .start      = start,
                                   .path       = feed_path(name),
                                   .first      = feed_path(name),
                                   .topic      = name,
                                   .name       = name};

    CHECK(stat(file.path, &info) == 0);
    file.device = info.st_dev;
    file.inode  = info.st_ino;
    CHECK(cup_source_follow(world->source, &file, &fault) == CUP_OK);
    world->end[file.input] = start;
    return file.input;
}

static uint32_t follow(struct world *world, const char *name)
{
    return follow_as(world, name, 0, false, 0, CUP_INPUT_NDJSON);
}

static void take(struct world *world, const struct cup_batch *batch)
{
    uint32_t input = batch->input;

    CHECK(input < world->input_count);
    CHECK(batch->start == world->end[input]);
    world->end[input] = batch->end;
    if (batch->ends_input) world->ended_at++;
    for (uint32_t i = 0; i < batch->record_count; i++) {
        const struct cup_record *record = &batch->records[i];
        cup_text_put(&world->got[input], batch->region + record->value_at, record->value_bytes);
        if (!(record->flags & CUP_RECORD_PART)) cup_text_puts(&world->got[input], "\n");
        world->flags[input] |= record->flags;
        world->partition[input] = record->partition;
    }
    if (batch->record_count > 0) world->order[world->order_count++] = input;
    CHECK(world->order_count < 4096);
}

/* Until nothing comes for as long as a look takes. */
static void drain(struct world *world)
{
    struct cup_batch batch;
    struct cup_fault fault;
    uint32_t         quiet = 0;

    while (quiet < 2) {
        enum cup_err err = cup_source_next(world->source, &batch, &fault);
        CHECK(err == CUP_OK || err == CUP_AGAIN);
        if (err == CUP_OK) {
            take(world, &batch);
            quiet = 0;
            continue;
        }
        uint64_t due = cup_source_due(world->source), now = cup_clock_mono_ns();
        CHECK(due <= now + 100000000u); /* what is appended is seen within a tenth of a second */
        if (due <= now) continue;
        nanosleep(&(struct timespec){.tv_nsec = (long)(due - now)}, NULL);
        quiet++;
    }
}

static const char *got_of(const struct world *world, uint32_t input)
{
    return world->got[input].at == NULL ? "" : world->got[input].at;
}

static void check_got(const struct world *world, uint32_t input, const char *text)
{
    const char *got = got_of(world, input);

    CHECK(text != NULL);
    if (strcmp(got, text) != 0) fprintf(stderr, "got %.200s, not %.200s\n", got, text);
    CHECK(strcmp(got, text) == 0);
}

/* A gzip that was looked into slowly is left alone for longer. */
static void await_got(struct world *world, uint32_t input, const char *text)
{
    uint64_t until = cup_clock_mono_ns() + AWAIT_NS;

    drain(world);
    while (strcmp(got_of(world, input), text) != 0 && cup_clock_mono_ns() < until)
        drain(world);
    check_got(world, input, text);
}

/* --- cases --- */

static void check_growth(void)
{
    struct world world;

    open_world(&world, 1);
    appends("b", "one\ntw");
    uint32_t b = follow(&world, "b");
    drain(&world);
    check_got(&world, b, "one\n");
    appends("b", "o");
    drain(&world);
    check_got(&world, b, "one\n");
    CHECK(cup_source_behind(world.source) == 3);
    appends("b", "\n\n\r\nthree\nfour");
    appends("a", "x\n");
    uint32_t a = follow(&world, "a");
    drain(&world);
    check_got(&world, b, "one\ntwo\nthree\n");
    check_got(&world, a, "x\n");
    CHECK(world.end[b] == strlen("one\ntwo\n\n\r\nthree\n"));
    CHECK(world.ended_at == 0);
    close_world(&world);
    /* a later run begins behind what was taken */
    open_world(&world, 1);
    appends("b", "\nfive\n");
    b = follow_as(&world, "b", 3, false, strlen("one\ntwo\n\n\r\nthree\n"), CUP_INPUT_NDJSON);
    drain(&world);
    check_got(&world, b, "four\nfive\n");
    CHECK(world.partition[b] == 3);
    close_world(&world);
}

/* What was in an earlier file before it was in a later one comes first. */
static void check_order(void)
{
    struct world world;

    open_world(&world, 1);
    for (uint32_t i = 0; i < 3; i++) {
        char name[8], line[8];
        snprintf(name, sizeof name, "o%u", 2 - i); /* told in another order than they are read */
        snprintf(line, sizeof line, "%u\n", 2 - i);
        appends(name, line);
        (void)follow(&world, name);
    }
    drain(&world);
    CHECK(world.order_count == 3 && world.order[0] == 2 && world.order[1] == 1 &&
          world.order[2] == 0);
    appends("o0", "more\n");
    appends("o2", "more\n");
    drain(&world);
    CHECK(world.order_count == 5 && world.order[3] == 2 && world.order[4] == 0);
    close_world(&world);
}

/* A record in pieces is not begun before its end is there: else no epoch could end. */
static void check_long(void)
{
    static char  text[3 * RECORD_MAX];
    struct world world;

    memset(text, 'x', sizeof text);
    open_world(&world, 1);
    append_bytes("long", text, sizeof text);
    uint32_t input = follow(&world, "long");
    drain(&world);
    CHECK(world.order_count == 0);
    appends("long", "\nnext\n");
    drain(&world);
    CHECK(world.flags[input] == (CUP_RECORD_PART | CUP_RECORD_OVERSIZE));
    CHECK(world.got[input].bytes == sizeof text + strlen("\nnext\n"));
    close_world(&world);
}

static void check_rotation(void)
{
    struct world     world;
    struct cup_fault fault;
    char             old[128];

    open_world(&world, 1);
    appends("app", "1\n");
    uint32_t first = follow(&world, "app");
    drain(&world);
    snprintf(old, sizeof old, "%s", feed_path("app"));
    CHECK(rename(old, feed_path("app.1")) == 0);
    appends("app.1", "2\n"); /* by a writer that still has it open */
    appends("app", "3\n");
    uint32_t second = follow_as(&world, "app", 1, false, 0, CUP_INPUT_NDJSON);
    drain(&world);
    check_got(&world, first, "1\n2\n");
    check_got(&world, second, "3\n");
    CHECK(world.order[world.order_count - 1] == second);
    CHECK(cup_source_moved(world.source, first, feed_path("app.1"), &fault) == CUP_OK);
    appends("app.1", "4\n");
    drain(&world);
    check_got(&world, first, "1\n2\n4\n");
    close_world(&world);
}

static void check_truncation(bool regrown)
{
    struct world          world;
    struct cup_source_end end;

    open_world(&world, 1);
    feed_write("t", "", 0);
    appends("t", "one\ntwo\npart");
    uint32_t input = follow(&world, "t");
    drain(&world);
    CHECK(!cup_source_take_end(world.source, &end));
    feed_write("t", "", 0); /* the same file: it is only truncated */
    if (regrown) appends("t", "other\nlines, more of them than there were\n");
    drain(&world);
    check_got(&world, input, "one\ntwo\n");
    CHECK(world.ended_at == 1);
    CHECK(cup_source_take_end(world.source, &end) && !cup_source_take_end(world.source, &end));
    CHECK(end.input == input && end.truncated && end.position == 8);
    CHECK(end.lost_bytes == 4);
    if (!regrown) appends("t", "new\n");
    input = follow_as(&world, "t", 1, false, 0, CUP_INPUT_NDJSON);
    drain(&world);
    check_got(&world, input, regrown ? "other\nlines, more of them than there were\n" : "new\n");
    close_world(&world);
}

/* Only what was not handed out is cut off: the input goes on. */
static void check_shortening(void)
{
    struct world          world;
    struct cup_source_end end;

    open_world(&world, 1);
    appends("s", "one\ntwo\npart");
    uint32_t input = follow(&world, "s");
    drain(&world);
    CHECK(truncate(feed_path("s"), 10) == 0);
    drain(&world);
    appends("s", "!\n");
    drain(&world);
    check_got(&world, input, "one\ntwo\npa!\n");
    CHECK(truncate(feed_path("s"), 8) == 0);
    drain(&world);
    CHECK(cup_source_take_end(world.source, &end) && end.truncated && end.lost_bytes == 0);
    close_world(&world);
    open_world(&world, 1);
    feed_write("s", "", 0);
    appends("s", "one\ntwo\npart");
    input = follow(&world, "s");
    drain(&world);
    feed_write("s", "ONE\nTWO\n", 8); /* as long as what was handed out */
    drain(&world);
    CHECK(cup_source_take_end(world.source, &end) && end.truncated && end.input == input);
    CHECK(end.lost_bytes == 4);
    close_world(&world);
}

/* A removed file is read to its end, its last line too, LF or not; and comes back before that. */
static void check_removal(void)
{
    struct world          world;
    struct cup_source_end end;
    struct cup_fault      fault;

    open_world(&world, 1);
    appends("r", "one\nlast");
    appends("back", "x\npart");
    uint32_t input = follow(&world, "r"), back = follow(&world, "back");
    drain(&world);
    uint64_t gone = cup_clock_mono_ns();
    CHECK(unlink(feed_path("r")) == 0);
    cup_source_gone(world.source, input);
    cup_source_gone(world.source, back);
    CHECK(cup_source_moved(world.source, back, feed_path("back"), &fault) == CUP_OK);
    drain(&world);
    /* a test that is stalled may be late; the file never is too early */
    if (cup_clock_mono_ns() - gone < GRACE_NS) check_got(&world, input, "one\n");
    await_got(&world, input, "one\nlast\n");
    CHECK(cup_clock_mono_ns() - gone >= GRACE_NS);
    check_got(&world, back, "x\n");
    CHECK(cup_source_take_end(world.source, &end) && !end.truncated && end.input == input);
    CHECK(end.lost_bytes == 0 && end.position == 8);
    CHECK(!cup_source_take_end(world.source, &end));
    close_world(&world);
}

static void put_member(struct cup_text *file, const char *text)
{
    uint8_t  out[512];
    z_stream stream = {.next_in   = (uint8_t *)(uintptr_t)text,
                       .avail_in  = (uint32_t)strlen(text),
                       .next_out  = out,
                       .avail_out = sizeof out};

    CHECK(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    cup_text_put(file, out, sizeof out - stream.avail_out);
    CHECK(deflateEnd(&stream) == Z_OK);
}

/* At every cut: only whole members' whole lines; and all of it when the rest is there. */
static void check_gzip(void)
{
    struct cup_text file = {0};

    put_member(&file, "one\ntwo\nth");
    size_t first = file.bytes;
    put_member(&file, "ree\nfour\n");
    for (size_t cut = 2; cut < file.bytes; cut += 3) {
        struct world world;
        open_world(&world, 1);
        feed_write("g.gz", file.at, cut);
        uint32_t input = follow_as(&world, "g.gz", 0, true, cut % 2 ? 4 : 0, CUP_INPUT_NDJSON);
        await_got(&world, input, cut < first ? "" : cut % 2 ? "two\n" : "one\ntwo\n");
        append_bytes("g.gz", file.at + cut, file.bytes - cut);
        await_got(&world, input, cut % 2 ? "two\nthree\nfour\n" : "one\ntwo\nthree\nfour\n");
        CHECK(world.flags[input] == 0 && world.ended_at == 0);
        close_world(&world);
    }
    file.at[file.bytes - 7] ^= 1; /* a checksum: it can only be damaged */
    struct world world;
    open_world(&world, 1);
    feed_write("g.gz", file.at, file.bytes);
    uint32_t input = follow_as(&world, "g.gz", 0, true, 0, CUP_INPUT_NDJSON);
    drain(&world);
    CHECK(world.flags[input] == CUP_RECORD_TORN && world.ended_at == 1);
    close_world(&world);
    cup_text_free(&file);
}

static uint32_t count_descriptors(void)
{
    DIR     *folder = opendir("/proc/self/fd");
    uint32_t count  = 0;

    while (readdir(folder) != NULL)
        count++;
    CHECK(closedir(folder) == 0);
    return count;
}

/* More files than descriptors: all are read, and growth is read when it is told. */
static void check_descriptors(void)
{
    struct rlimit limit, before;
    struct world  world;
    uint32_t      idle = count_descriptors();
    char          name[16];

    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    limit          = before;
    limit.rlim_cur = 128;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    open_world(&world, 2); /* a quarter of 128 for two workers: 16 */
    for (uint32_t i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "d%02u", i);
        appends(name, "1\n");
        (void)follow(&world, name);
    }
    drain(&world);
    CHECK(world.order_count == 50 && count_descriptors() <= idle + 16);
    appends("d00", "2\n");
    cup_source_grew(world.source, 0);
    drain(&world);
    check_got(&world, 0, "1\n2\n");
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    close_world(&world);
}

/* Pieces of any size, two files, and all of it comes out. */
static void check_random(struct cup_rnd *rnd)
{
    struct cup_text text[2] = {{0}, {0}};
    size_t          at[2]   = {0, 0};
    struct world    world;

    for (uint32_t f = 0; f < 2; f++)
        for (uint32_t i = 0; i < 3000; i++)
            cup_text_printf(&text[f], "%u:%u%*s\n", f, i, (int)cup_rnd_below(rnd, 300), "");
    open_world(&world, 1);
    feed_write("p0", "", 0);
    feed_write("p1", "", 0);
    uint32_t first = follow(&world, "p0");
    (void)follow(&world, "p1");
    while (at[0] < text[0].bytes || at[1] < text[1].bytes) {
        uint32_t f     = cup_rnd_below(rnd, 2);
        size_t   piece = cup_rnd_below(rnd, 120000);
        if (piece > text[f].bytes - at[f]) piece = text[f].bytes - at[f];
        append_bytes(f == 0 ? "p0" : "p1", text[f].at + at[f], piece);
        at[f] += piece;
        struct cup_batch batch;
        while (cup_source_next(world.source, &batch, NULL) == CUP_OK)
            take(&world, &batch);
    }
    drain(&world);
    for (uint32_t f = 0; f < 2; f++) {
        check_got(&world, first + f, text[f].at);
        cup_text_free(&text[f]);
    }
    close_world(&world);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    feed_rnd = cup_rnd_seed(cup_test_seed + 1);
    check_growth();
    check_order();
    check_long();
    check_rotation();
    check_truncation(false);
    check_truncation(true);
    check_shortening();
    check_removal();
    check_gzip();
    check_descriptors();
    check_random(&rnd);
    return 0;
}
