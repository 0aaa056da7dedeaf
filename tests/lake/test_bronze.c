// SPDX-License-Identifier: Apache-2.0
/* Goal:   every record can be read again from the place that was given for it, from its member
 *         alone; members close at the first record bound past 1 MiB.
 * Method: random records in random pieces; the file is inflated whole and member by member. */
#include "lake/bronze.h"

#include "base/text.h"
#include "kernels/isal/isal.h"
#include "tests/check.h"

#define RECORDS 600u

struct record {
    uint8_t                *bytes;
    size_t                  count;
    struct cup_bronze_place place;
};

static enum cup_err put(void *arg, const void *bytes, size_t count, struct cup_fault *out_fault)
{
    (void)out_fault;
    CHECK(count > 0 && count <= 65536);
    cup_text_put(arg, bytes, count);
    return CUP_OK;
}

static enum cup_err fail(void *arg, const void *bytes, size_t count, struct cup_fault *out_fault)
{
    (void)arg, (void)bytes, (void)count;
    return cup_fault_set(out_fault, CUP_NO_SPACE, "sink", NULL);
}

/* Inflates file[at..end) to *out; the answer of the last call. */
static enum cup_err inflate(const struct cup_text *file, uint64_t at, uint64_t end,
                            struct cup_text *out)
{
    static uint8_t      buffer[100000];
    struct cup_inflate *inflate;
    enum cup_err        err = CUP_OK;
    size_t              taken, written;

    cup_text_clear(out);
    CHECK(cup_inflate_open(&inflate, NULL) == CUP_OK);
    cup_inflate_reset(inflate);
    do {
        err = cup_inflate_more(inflate, (const uint8_t *)file->at + at, end - at, buffer,
                               sizeof buffer, &taken, &written);
        at += taken;
        cup_text_put(out, buffer, written);
    } while (err == CUP_OK && (at < end || written == sizeof buffer));
    cup_inflate_close(inflate);
    return err;
}

static void write_records(struct cup_bronze *bronze, struct cup_rnd *rnd, struct record *records,
                          struct cup_text *file)
{
    uint64_t last_member = 0, bytes;

    cup_bronze_begin(bronze, (struct cup_sink){.arg = file, .put = put});
    for (uint32_t i = 0; i < RECORDS; i++) {
        struct record *record = &records[i];
        record->count         = 1 + cup_rnd_below(rnd, i % 50 == 0 ? 900000 : 20000);
        record->bytes         = malloc(record->count);
        for (size_t k = 0; k < record->count; k++)
            record->bytes[k] = (uint8_t)('a' + cup_rnd_below(rnd, i % 2 ? 26 : 3));
        record->place = cup_bronze_place(bronze);
        CHECK(record->place.at < CUP_BRONZE_MEMBER_BYTES);
        CHECK(cup_bronze_room(bronze) == CUP_BRONZE_MEMBER_BYTES - record->place.at);
        if (record->place.member_at != last_member) CHECK(record->place.at == 0);
        last_member = record->place.member_at;
        for (size_t at = 0; at < record->count;) {
            size_t piece = 1 + cup_rnd_below(rnd, 400000);
            if (piece > record->count - at) piece = record->count - at;
            CHECK(cup_bronze_put(bronze, record->bytes + at, piece, false, NULL) == CUP_OK);
            at += piece;
        }
        uint64_t full = record->place.at + record->count + 1;
        CHECK(cup_bronze_put(bronze, (const uint8_t *)"\n", 1, true, NULL) == CUP_OK);
        CHECK((cup_bronze_place(bronze).at == 0) == (full >= CUP_BRONZE_MEMBER_BYTES));
    }
    CHECK(cup_bronze_end(bronze, &bytes, NULL) == CUP_OK && bytes == file->bytes);
}

static void check_file(struct cup_bronze *bronze, struct cup_rnd *rnd)
{
    static struct record records[RECORDS];
    struct cup_text      file = {0}, whole = {0}, member = {0};
    uint64_t             at = 0, loaded = UINT64_MAX, members = 0;

    write_records(bronze, rnd, records, &file);
    CHECK(inflate(&file, 0, file.bytes, &whole) == CUP_END);
    for (uint32_t i = 0; i < RECORDS; i++) {
        const struct record *record = &records[i];
        CHECK(memcmp(whole.at + at, record->bytes, record->count) == 0);
        CHECK(whole.at[at + record->count] == '\n');
        at += record->count + 1;
        if (record->place.member_at != loaded) {
            uint32_t next = i;
            loaded        = record->place.member_at;
            while (next < RECORDS && records[next].place.member_at == loaded)
                next++;
            uint64_t end = next < RECORDS ? records[next].place.member_at : file.bytes;
            CHECK(inflate(&file, loaded, end, &member) == CUP_END);
            CHECK(next == RECORDS || member.bytes >= CUP_BRONZE_MEMBER_BYTES);
            members++;
        }
        CHECK(memcmp(member.at + record->place.at, record->bytes, record->count) == 0);
    }
    CHECK(at == whole.bytes && members > 5);
    file.at[file.bytes / 2] ^= 1; /* a flipped bit must not pass */
    CHECK(inflate(&file, 0, file.bytes, &whole) == CUP_CORRUPT);
    for (uint32_t i = 0; i < RECORDS; i++)
        free(records[i].bytes);
    cup_text_free(&file);
    cup_text_free(&whole);
    cup_text_free(&member);
}

static void check_edges(struct cup_bronze *bronze)
{
    struct cup_text  file = {0}, text = {0};
    struct cup_fault fault;
    uint64_t         bytes  = 1;
    uint8_t         *filler = calloc(1, 1u << 20);

    cup_bronze_begin(bronze, (struct cup_sink){.arg = &file, .put = put});
    CHECK(cup_bronze_end(bronze, &bytes, NULL) == CUP_OK && bytes == 0 && file.bytes == 0);

    /* the bound exactly, and one byte less */
    cup_bronze_begin(bronze, (struct cup_sink){.arg = &file, .put = put});
    CHECK(cup_bronze_put(bronze, filler, (1u << 20) - 1, true, NULL) == CUP_OK);
    CHECK(cup_bronze_place(bronze).member_at == 0 && cup_bronze_room(bronze) == 1);
    CHECK(cup_bronze_put(bronze, filler, 1, false, NULL) == CUP_OK);
    CHECK(cup_bronze_room(bronze) == 0 && cup_bronze_place(bronze).at == 1u << 20);
    CHECK(cup_bronze_put(bronze, filler, 0, true, NULL) == CUP_OK);
    CHECK(cup_bronze_place(bronze).member_at > 0 && cup_bronze_room(bronze) == 1u << 20);
    CHECK(cup_bronze_end(bronze, &bytes, NULL) == CUP_OK && bytes == file.bytes);
    CHECK(inflate(&file, 0, file.bytes, &text) == CUP_END && text.bytes == 1u << 20);

    /* a sink that fails, then a new file with the same object */
    cup_bronze_begin(bronze, (struct cup_sink){.arg = NULL, .put = fail});
    CHECK(cup_bronze_put(bronze, filler, 100, true, &fault) == CUP_OK);
    CHECK(cup_bronze_end(bronze, &bytes, &fault) == CUP_NO_SPACE && fault.err == CUP_NO_SPACE);
    cup_text_clear(&file);
    cup_bronze_begin(bronze, (struct cup_sink){.arg = &file, .put = put});
    CHECK(cup_bronze_put(bronze, (const uint8_t *)"x\n", 2, true, NULL) == CUP_OK);
    CHECK(cup_bronze_end(bronze, &bytes, NULL) == CUP_OK);
    CHECK(inflate(&file, 0, file.bytes, &text) == CUP_END && text.bytes == 2);
    free(filler);
    cup_text_free(&file);
    cup_text_free(&text);
}

int main(int argc, char **argv)
{
    struct cup_rnd     rnd = cup_test_begin(argc, argv);
    struct cup_bronze *bronze;

    CHECK(cup_bronze_open(&bronze, NULL) == CUP_OK);
    check_edges(bronze);
    check_file(bronze, &rnd);
    check_file(bronze, &rnd);
    cup_bronze_close(bronze);
    cup_bronze_close(NULL);
    return 0;
}
