// SPDX-License-Identifier: Apache-2.0
/* Goal:   gzip inputs give the records of the text they hold; where a file is cut off or damaged,
 *         all complete lines before that come out, then one record that says so, once.
 * Method: members written by the deflater of kernels, and by zlib for other block kinds; a file cut
 *         at each of its bytes, with each of its bytes changed, with garbage behind; runs that
 * start at each record. */
#include "tests/dataplane/source/feed.h"

#include <zlib.h>

#include "kernels/isal/isal.h"

#define RECORD_MAX (1u << 20)

static uint32_t record_max = RECORD_MAX;

/* One member; level 0..9 of zlib, or -1: the deflater of kernels. */
static void put_member(struct cup_text *file, const char *text, size_t bytes, int level)
{
    size_t   cap = bytes + bytes / 8 + 4096;
    uint8_t *out = malloc(cap);

    CHECK(out != NULL);
    if (level >= 0) {
        z_stream stream = {.next_in   = (uint8_t *)(uintptr_t)text,
                           .avail_in  = (uint32_t)bytes,
                           .next_out  = out,
                           .avail_out = (uint32_t)cap};
        CHECK(deflateInit2(&stream, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
        CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
        cup_text_put(file, out, cap - stream.avail_out);
        deflateEnd(&stream);
    } else {
        struct cup_deflate *deflate;
        struct cup_fault    fault;
        size_t              taken = 0, written = 0;
        CHECK(cup_deflate_open(&deflate, &fault) == CUP_OK);
        cup_deflate_begin(deflate);
        CHECK(cup_deflate_put(deflate, text, bytes, true, out, cap, &taken, &written));
        CHECK(taken == bytes);
        cup_text_put(file, out, written);
        cup_deflate_close(deflate);
    }
    free(out);
}

static struct gotten run_file(const void *bytes, size_t count, enum cup_input_form form,
                              uint64_t start)
{
    struct feed feed;

    feed_write("z.gz", bytes, count);
    feed_open(&feed, record_max, FEED_BLOCKS);
    feed_input(&feed, "z.gz", form, 1);
    feed.starts[0]       = start;
    struct gotten gotten = feed_run(&feed, NULL, 0);
    feed_close(&feed);
    return gotten;
}

static struct gotten run_plain(const char *text, size_t bytes, enum cup_input_form form)
{
    struct feed feed;

    feed_write("z.gz", text, bytes); /* the same name: the same topic */
    feed_open(&feed, RECORD_MAX, FEED_BLOCKS);
    feed_input(&feed, "z.gz", form, 0);
    struct gotten gotten = feed_run(&feed, NULL, 0);
    feed_close(&feed);
    return gotten;
}

static void draw_line(struct cup_rnd *rnd, struct cup_text *text, uint64_t offset, uint32_t longest)
{
    uint32_t fill = cup_rnd_below(rnd, longest);

    cup_text_printf(text, "{\"topic\":\"t%u\",\"partition\":0,\"offset\":%llu,\"value\":\"",
                    cup_rnd_below(rnd, 5), (unsigned long long)offset);
    for (uint32_t i = 0; i < fill; i++)
        cup_text_printf(text, "%c", 'a' + (int)cup_rnd_below(rnd, 1 + i % 26));
    cup_text_puts(text, "\"}\n");
}

static void check_whole(struct cup_rnd *rnd)
{
    for (int round = 0; round < 8; round++) {
        enum cup_input_form form = round % 2 ? CUP_INPUT_DUMP : CUP_INPUT_NDJSON;
        struct cup_text     text = {0}, file = {0};
        size_t              from = 0;

        for (uint64_t i = 0; text.bytes < 700000; i++) {
            draw_line(rnd, &text, i, i % 97 == 0 ? 300000 : 400);
            if (cup_rnd_below(rnd, 200) != 0) continue;
            size_t end = text.bytes - cup_rnd_below(rnd, 9); /* members end anywhere */
            put_member(&file, text.at + from, end - from, (int)cup_rnd_below(rnd, 8) - 1);
            from = end;
        }
        text.bytes -= (size_t)round / 4; /* with and without a last LF */
        put_member(&file, text.at + from, text.bytes - from, -1);
        put_member(&file, text.at, 0, 6); /* an empty member */
        feed_cut_max           = round % 3 ? 0 : 70000;
        feed_fail_each         = round % 4 == 3 ? 3 : 0;
        feed_fail_with         = EIO;
        struct gotten expected = run_plain(text.at, text.bytes, form);
        struct gotten gotten   = run_file(file.at, file.bytes, form, 0);
        check_tail(&expected, 0, &gotten);
        CHECK(gotten.end == text.bytes && gotten.ends_count == 1);
        feed_cut_max = feed_fail_each = 0;
        for (uint32_t i = 0; i < gotten.count; i += 1 + gotten.count / 8) {
            struct gotten tail = run_file(file.at, file.bytes, form, gotten.all[i].position);
            check_tail(&expected, i, &tail);
            gotten_free(&tail);
        }
        gotten_free(&expected);
        gotten_free(&gotten);
        cup_text_free(&text);
        cup_text_free(&file);
    }
}

/* What came is complete lines of the text, then the torn record with the rest: the text's bytes up
 * to some place. Returns that place. */
static uint64_t check_torn(const struct gotten *gotten, const char *text, size_t bytes,
                           enum cup_input_form form)
{
    const struct got *torn = &gotten->all[gotten->count - 1];
    uint64_t          at   = 0;

    CHECK(gotten->count > 0 && gotten->ends_count == 1);
    for (uint32_t i = 0; i + 1 < gotten->count; i++) {
        const struct got *got = &gotten->all[i];
        CHECK(got->position == at && got->flags == 0);
        if (form == CUP_INPUT_NDJSON) {
            CHECK(at + got->value.bytes < bytes && text[at + got->value.bytes] == '\n');
            CHECK(memcmp(text + at, got->value.at, got->value.bytes) == 0);
        }
        at += (uint64_t)((const char *)memchr(text + at, '\n', bytes - at) - (text + at)) + 1;
    }
    CHECK(torn->flags == CUP_RECORD_TORN && torn->position == at);
    CHECK(torn->offset == (int64_t)at && strcmp(torn->topic, "z.gz") == 0);
    CHECK(torn->value_kind == (torn->value.bytes ? CUP_VALUE_BYTES : CUP_VALUE_EMPTY));
    CHECK(at + torn->value.bytes <= bytes);
    if (torn->value.bytes) CHECK(memcmp(text + at, torn->value.at, torn->value.bytes) == 0);
    CHECK(torn->value.bytes == 0 || memchr(torn->value.at, '\n', torn->value.bytes) == NULL);
    at += torn->value.bytes;
    CHECK(gotten->end == at + 1);
    return at;
}

static void check_starts(const struct cup_text *file, size_t cut, const struct gotten *whole,
                         enum cup_input_form form)
{
    for (uint32_t i = 0; i < whole->count; i++) {
        struct gotten tail = run_file(file->at, cut, form, whole->all[i].position);
        check_tail(whole, i, &tail);
        CHECK(tail.end == whole->end);
        gotten_free(&tail);
    }
    /* behind the tear: it was reported */
    struct gotten none = run_file(file->at, cut, form, whole->end);
    CHECK(none.count == 0 && none.ends_count == 1 && none.end == whole->end);
    gotten_free(&none);
}

static void check_each_byte(struct cup_rnd *rnd, enum cup_input_form form)
{
    struct cup_text text = {0}, file = {0};
    uint64_t        last = 0, changed = 0;
    size_t          first_member = 0, first_text = 0;

    for (uint64_t i = 0; i < 8; i++) {
        draw_line(rnd, &text, i, 30);
        if (i != 3) continue;
        put_member(&file, text.at, text.bytes, 6);
        first_member = file.bytes;
        first_text   = text.bytes;
    }
    put_member(&file, text.at + first_text, text.bytes - first_text, -1);
    for (size_t cut = 0; cut < file.bytes; cut++) {
        if (cut == first_member) continue; /* a whole file */
        struct gotten gotten = run_file(file.at, cut, form, 0);
        uint64_t      place  = check_torn(&gotten, text.at, text.bytes, form);
        CHECK(place >= last);
        if (cut > first_member) CHECK(place >= first_text);
        if (cut + 8 >= file.bytes) CHECK(place == text.bytes); /* only its trailer is missing */
        last = place;
        if (cut % 64 == 0) check_starts(&file, cut, &gotten, form);
        gotten_free(&gotten);
    }
    for (size_t at = first_member; at < file.bytes; at++) {
        file.at[at] ^= 0x20;
        struct gotten gotten = run_file(file.at, file.bytes, form, 0);
        if (gotten.all[gotten.count - 1].flags == CUP_RECORD_TORN) {
            changed++;
            CHECK(gotten.count >= 5 && gotten.all[4].position >= first_text);
            CHECK(gotten.ends_count == 1);
            if (at + 8 >= file.bytes)
                CHECK(check_torn(&gotten, text.at, text.bytes, form) == text.bytes);
            if (at % 64 == 0) check_starts(&file, file.bytes, &gotten, form);
        } else {
            /* a byte of the header or a bit of padding */
            CHECK(at < first_member + 10 || at + 9 == file.bytes);
            CHECK(gotten.count == 8);
        }
        gotten_free(&gotten);
        file.at[at] ^= 0x20;
    }
    CHECK(changed >= file.bytes - first_member - 8);
    cup_text_free(&text);
    cup_text_free(&file);
}

/* Behind the last member stands something that is none: all records before it are good. Long, so
 * that the damage is met far from the file's start. */
static void check_garbage(struct cup_rnd *rnd)
{
    static const char *garbage[] = {"x", "garbage", "\x1f\x8b\x08",
                                    "\x1f\x8b"
                                    "99999999999999"};

    for (size_t round = 0; round < 10; round++) {
        size_t          i    = round % (sizeof garbage / sizeof garbage[0]);
        struct cup_text text = {0}, file = {0};
        for (uint64_t line = 0; text.bytes < (i % 2 ? 400000u : 300u); line++)
            draw_line(rnd, &text, line, 200);
        put_member(&file, text.at, text.bytes, -1);
        size_t member = file.bytes;
        cup_text_puts(&file, garbage[i]);
        feed_cut_max         = round < 4 ? 0 : 40000;
        feed_fail_each       = round < 4 ? 0 : 2 + (uint32_t)round % 5;
        feed_fail_with       = EIO;
        struct gotten gotten = run_file(file.at, file.bytes, CUP_INPUT_NDJSON, 0);
        CHECK(check_torn(&gotten, text.at, text.bytes, CUP_INPUT_NDJSON) == text.bytes);
        gotten_free(&gotten);
        gotten = run_file(file.at, file.bytes, CUP_INPUT_NDJSON, text.bytes + 1);
        CHECK(gotten.count == 0);
        gotten_free(&gotten);
        feed_cut_max = feed_fail_each = 0;

        file.at[member - 8] ^= 1; /* a wrong checksum */
        gotten = run_file(file.at, member, CUP_INPUT_DUMP, 0);
        CHECK(check_torn(&gotten, text.at, text.bytes, CUP_INPUT_DUMP) == text.bytes);
        gotten_free(&gotten);
        cup_text_free(&text);
        cup_text_free(&file);
    }
}

/* Reading fails inside a step, and behind that the step meets damage; stored blocks among others,
 * so that text stands on both sides of the border between two blocks of input. */
static void check_fault_in_step(struct cup_rnd *rnd)
{
    struct cup_text text = {0};

    for (uint64_t line = 0; text.bytes < 3 * CUP_BLOCK_BYTES; line++)
        draw_line(rnd, &text, line, 30);
    for (size_t bytes = CUP_BLOCK_BYTES; bytes < text.bytes; bytes += 9001) {
        struct cup_text file = {0};
        put_member(&file, text.at, bytes, bytes % 2 ? 0 : 1);
        file.at[file.bytes - 8] ^= 1;
        feed_cut_max         = 0;
        feed_read_count      = 98; /* the second read fails, and no other */
        feed_fail_each       = 100;
        feed_fail_with       = EIO;
        struct gotten gotten = run_file(file.at, file.bytes, CUP_INPUT_NDJSON, 0);
        CHECK(feed_read_count > 100);
        CHECK(check_torn(&gotten, text.at, bytes, CUP_INPUT_NDJSON) == bytes);
        feed_fail_each = 0;
        gotten_free(&gotten);
        cup_text_free(&file);
    }
    cup_text_free(&text);
}

/* A torn record that is longer than a batch, and one longer than a record may be. */
static void check_long_torn(struct cup_rnd *rnd)
{
    for (uint32_t bytes = 700000; bytes <= 1400000; bytes += 700000) {
        struct cup_text text = {0}, file = {0};
        cup_text_puts(&text, "{}\n");
        for (uint32_t i = 0; i < bytes; i++)
            cup_text_printf(&text, "%c", 'a' + (int)cup_rnd_below(rnd, 26));
        put_member(&file, text.at, text.bytes, -1);
        struct gotten gotten = run_file(file.at, file.bytes - 4, CUP_INPUT_NDJSON, 0);
        CHECK(gotten.count == 2 && gotten.all[1].value.bytes == bytes);
        CHECK(memcmp(gotten.all[1].value.at, text.at + 3, bytes) == 0);
        CHECK(gotten.all[1].flags ==
              (bytes > RECORD_MAX ? CUP_RECORD_TORN | CUP_RECORD_OVERSIZE : CUP_RECORD_TORN));
        CHECK(gotten.end == text.bytes + 1 && gotten.all[1].position == 3);
        gotten_free(&gotten);
        cup_text_free(&text);
        cup_text_free(&file);
    }
}

/* 32 MiB in some 40 KB: read no further than the limit of expansion. */
static void check_bomb(void)
{
    const size_t    bytes = 32u << 20;
    char           *zeros = calloc(bytes, 1);
    struct cup_text file  = {0};

    CHECK(zeros != NULL);
    for (size_t i = 0; i < bytes; i += 1000)
        zeros[i + 999 < bytes ? i + 999 : bytes - 1] = '\n';
    put_member(&file, zeros, bytes, 9);
    CHECK(file.bytes * 400 < bytes);
    struct gotten gotten = run_file(file.at, file.bytes, CUP_INPUT_NDJSON, 0);
    uint64_t      most   = 200 * file.bytes + (16u << 20);
    CHECK(gotten.all[gotten.count - 1].flags == CUP_RECORD_TORN);
    CHECK(gotten.end > most && gotten.end <= most + (32u << 10) + 1);
    uint64_t      end  = gotten.end;
    struct gotten tail = run_file(file.at, file.bytes, CUP_INPUT_NDJSON, end - 1);
    CHECK(tail.count == 1 && tail.end == end && tail.all[0].value_kind == CUP_VALUE_EMPTY);
    gotten_free(&tail);
    gotten_free(&gotten);
    cup_text_free(&file);
    free(zeros);
}

static void check_shorter(void)
{
    struct cup_text    file = {0};
    struct feed        feed;
    struct cup_source *source;
    struct cup_batch   batch;
    struct cup_fault   fault;

    put_member(&file, "{}\n[]\n", 6, -1);
    feed_write("s.gz", file.at, file.bytes);
    for (uint64_t start = 6; start < 8; start++) { /* 7: behind a tear, but there is none */
        feed_open(&feed, RECORD_MAX, FEED_BLOCKS);
        feed_input(&feed, "s.gz", CUP_INPUT_NDJSON, 1);
        feed.starts[0] = start;
        CHECK(cup_source_open(&feed.blob.plan, feed.indexes, feed.starts, 1, &feed.pool, &source,
                              &fault) == CUP_OK);
        enum cup_err err = cup_source_next(source, &batch, &fault);
        CHECK(err == (start == 6 ? CUP_OK : CUP_INPUT_CHANGED));
        if (start == 6) CHECK(batch.record_count == 0 && batch.ends_input == 1);
        cup_source_close(source);
        feed_close(&feed);
    }
    cup_text_free(&file);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    feed_rnd = cup_rnd_seed(cup_test_seed + 1);
    check_whole(&rnd);
    record_max = CUP_RECORD_BYTES_MIN; /* opens faster */
    check_each_byte(&rnd, CUP_INPUT_NDJSON);
    check_each_byte(&rnd, CUP_INPUT_DUMP);
    record_max = RECORD_MAX;
    check_garbage(&rnd);
    check_fault_in_step(&rnd);
    check_long_torn(&rnd);
    check_bomb();
    check_shorter();
    return 0;
}
