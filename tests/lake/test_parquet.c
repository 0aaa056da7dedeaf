// SPDX-License-Identifier: Apache-2.0
/* Goal:   what is appended is read back, whatever the types, nulls, nesting, codec and group sizes;
 *         an empty pool changes nothing; a damaged file gives an error, never a crash or a lie.
 * Method: random columns of every type through writer and reader, compared value by value; a pool
 *         that runs dry at every size; every byte of small files flipped and every prefix cut; a
 *         file made by hand from the format's text. Independent readers: test_parquet_readers.py.
 */
#include "lake/parquet.h"

#include "kernels/isal/isal.h"
#include "tests/lake/parquet_file.h"

#define POOL_BYTES (48u << 20)

static void check_round_trip(struct cup_rnd *rnd, struct cup_pool *pool, uint32_t round)
{
    static const enum cup_codec codecs[] = {CUP_CODEC_NONE, CUP_CODEC_SNAPPY, CUP_CODEC_ZSTD};
    static const uint32_t       nulls[]  = {0, 1, 50, 100};
    struct rows                 rows     = {.field_count = ROWS_FIELD_COUNT};
    struct bytes                bytes    = {0};
    struct cup_text             stats    = {0};
    struct cup_parquet         *file;
    struct cup_parquet_done     done;

    CHECK(cup_parquet_open(pool, rows_fields, ROWS_FIELD_COUNT, codecs[round % 3],
                           (struct cup_sink){&bytes, put}, &file, NULL) == CUP_OK);
    for (uint32_t left = 1 + cup_rnd_below(rnd, 6); left > 0; left--) {
        struct rows_plan plan      = {.rnd            = rnd,
                                      .shape          = cup_rnd_below(rnd, ROWS_SHAPES),
                                      .null_percent   = nulls[cup_rnd_below(rnd, 4)],
                                      .text_bytes_max = cup_rnd_below(rnd, 200),
                                      .list_max       = cup_rnd_below(rnd, 5)};
        uint32_t         row_count = cup_rnd_below(rnd, cup_rnd_below(rnd, 2) ? 40 : 3000);
        uint64_t         before    = cup_parquet_group_rows(file);
        CHECK(cup_parquet_append(file, appended(&rows, &plan, rows_fields, row_count), row_count,
                                 NULL) == CUP_OK);
        CHECK(cup_parquet_group_rows(file) == before + row_count);
        CHECK((cup_parquet_group_bytes(file) > 0) == (before + row_count > 0));
        if (cup_rnd_below(rnd, 3) > 0) continue;
        CHECK(cup_parquet_close_group(file, NULL) == CUP_OK);
        CHECK(cup_parquet_group_rows(file) == 0 && cup_parquet_group_bytes(file) == 0);
    }
    CHECK(cup_parquet_finish(file, &stats, &done, NULL) == CUP_OK);
    CHECK(done.bytes == bytes.count);
    CHECK(pool->free_count == pool->block_count);
    check_file(&bytes, rows_fields, &rows);
    forget(&rows);
    free(bytes.at);
    cup_text_free(&stats);
}

/* With any number of free blocks: either the append works, or nothing has changed; and a group can
 * be closed with no free block at all. */
static void check_empty_pool(struct cup_rnd *rnd, enum cup_codec codec)
{
    uint32_t refused = 0, closed_dry = 0;

    for (uint32_t blocks = 5; blocks < 70; blocks += 3) {
        struct cup_pool         pool;
        struct rows             rows  = {.field_count = ROWS_FIELD_COUNT};
        struct bytes            bytes = {0};
        struct cup_text         stats = {0};
        struct cup_parquet     *file;
        struct cup_parquet_done done;
        struct rows_plan        plan = {.rnd            = rnd,
                                        .shape          = ROWS_WILD,
                                        .null_percent   = 20,
                                        .text_bytes_max = 90,
                                        .list_max       = 3};
        CHECK(cup_pool_init(&pool, (size_t)blocks * CUP_BLOCK_BYTES, NULL) == CUP_OK);
        CHECK(cup_parquet_open(&pool, rows_fields, ROWS_FIELD_COUNT, codec,
                               (struct cup_sink){&bytes, put}, &file, NULL) == CUP_OK);
        for (uint32_t i = 0; i < 12; i++) {
            const struct cup_column *columns      = appended(&rows, &plan, rows_fields, 300);
            uint32_t                 free_before  = pool.free_count;
            uint64_t                 bytes_before = cup_parquet_group_bytes(file);
            enum cup_err             err          = cup_parquet_append(file, columns, 300, NULL);
            if (err == CUP_OK) continue;
            CHECK(err == CUP_NO_MEMORY);
            CHECK(pool.free_count == free_before && cup_parquet_group_bytes(file) == bytes_before);
            refused++;
            uint8_t *others[128];
            uint32_t taken = 0;
            while ((others[taken] = cup_pool_take(&pool, 1)) != NULL)
                taken++;
            closed_dry += cup_parquet_group_rows(file) > 0;
            CHECK(cup_parquet_close_group(file, NULL) == CUP_OK);
            while (taken > 0)
                cup_pool_give(&pool, others[--taken], 1);
            if (cup_parquet_append(file, columns, 300, NULL) == CUP_OK) continue;
            for (uint32_t c = 0; c < ROWS_FIELD_COUNT; c++) /* too small for even one append */
                rows_free(&rows.columns[(size_t)(rows.append_count - 1) * ROWS_FIELD_COUNT + c]);
            rows.append_count--;
        }
        CHECK(cup_parquet_finish(file, &stats, &done, NULL) == CUP_OK);
        cup_pool_fini(&pool); /* asserts that all blocks are back */
        check_file(&bytes, rows_fields, &rows);
        forget(&rows);
        free(bytes.at);
        cup_text_free(&stats);
    }
    CHECK(refused > 20 && closed_dry > 10);
}

static const struct cup_field small_fields[] = {
    {.name = "id", .type = CUP_TYPE_LONG, .flags = CUP_FIELD_REQUIRED},
    {.name = "s", .type = CUP_TYPE_STRING},
    {.name        = "m",
     .type        = CUP_TYPE_MAP,
     .child_count = 2,
     .children =
         (const struct cup_field[]){
             {.name = "key", .type = CUP_TYPE_STRING},
             {.name = "value", .type = CUP_TYPE_DECIMAL, .precision = 20, .scale = 2}}},
    {.name = "b", .type = CUP_TYPE_BOOL},
};
#define SMALL_COUNT ((uint32_t)(sizeof small_fields / sizeof *small_fields))

static void make_small(struct cup_rnd *rnd, struct cup_pool *pool, enum cup_codec codec,
                       uint32_t row_count, struct bytes *bytes, struct rows *rows)
{
    struct cup_parquet     *file;
    struct cup_parquet_done done;
    struct cup_text         stats = {0};
    struct rows_plan plan = {.rnd = rnd, .shape = ROWS_FEW, .null_percent = 25, .list_max = 2};

    *rows = (struct rows){.field_count = SMALL_COUNT};
    CHECK(cup_parquet_open(pool, small_fields, SMALL_COUNT, codec, (struct cup_sink){bytes, put},
                           &file, NULL) == CUP_OK);
    const struct cup_column *columns = appended(rows, &plan, small_fields, row_count);
    CHECK(cup_parquet_append(file, columns, row_count, NULL) == CUP_OK);
    CHECK(cup_parquet_finish(file, &stats, &done, NULL) == CUP_OK);
    cup_text_free(&stats);
}

/* True when the file was read to its end without an error; every value is touched. */
static bool reads(struct bytes *bytes)
{
    struct cup_parquet_reader *reader = NULL;
    const struct cup_column   *columns;
    struct cup_fault           fault;
    uint32_t                   row_count, field_count;
    enum cup_err               err = cup_parquet_reader_open(source_of(bytes), &reader, &fault);

    for (uint32_t i = 0; err == CUP_OK && i < cup_parquet_reader_group_count(reader); i++) {
        const struct cup_field *fields = cup_parquet_reader_fields(reader, &field_count);
        err = cup_parquet_reader_group(reader, i, NULL, &columns, &row_count, &fault);
        for (uint32_t c = 0; err == CUP_OK && c < field_count; c++)
            for (uint32_t row = 0; row < row_count; row++)
                CHECK(rows_equal(&fields[c], &columns[c], row, &columns[c], row));
    }
    cup_parquet_reader_close(reader);
    CHECK(err == CUP_OK || err == CUP_CORRUPT || err == CUP_UNSUPPORTED);
    CHECK(err == CUP_OK || (fault.err == err && fault.what != NULL));
    return err == CUP_OK;
}

/* A bit flipped in a page either is noticed or changes nothing: bodies have their CRC, and headers
 * have bits that mean nothing. The footer has no checksum: there it must only not crash, as with
 * whole bytes. Prefixes are never readable. */
static void check_damage(struct cup_rnd *rnd, struct cup_pool *pool, enum cup_codec codec)
{
    struct bytes bytes = {0}, copy;
    struct rows  rows;
    uint32_t     survived = 0;

    make_small(rnd, pool, codec, 150, &bytes, &rows);
    check_file(&bytes, small_fields, &rows);
    CHECK(reads(&bytes));
    uint32_t footer_bytes;
    memcpy(&footer_bytes, bytes.at + bytes.count - 8, 4);
    size_t footer_at = bytes.count - 8 - footer_bytes;
    for (size_t at = 0; at < bytes.count; at++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            bytes.at[at] ^= (uint8_t)(1u << bit);
            if (reads(&bytes) && at < footer_at) {
                check_file(&bytes, small_fields, &rows);
                survived++;
            }
            bytes.at[at] ^= (uint8_t)(1u << bit);
        }
        uint8_t kept = bytes.at[at];
        bytes.at[at] = 0xFF;
        (void)reads(&bytes); /* must not crash */
        bytes.at[at] = kept;
    }
    CHECK(survived < footer_at); /* of 8 times as many */
    for (size_t count = 0; count < bytes.count; count++) {
        copy = (struct bytes){.at = malloc(count + 1), .count = count};
        CHECK(copy.at != NULL);
        memcpy(copy.at, bytes.at, count);
        CHECK(!reads(&copy));
        if (count > 12) { /* the same prefix with a whole frame around its end */
            memcpy(copy.at + count - 8, bytes.at + bytes.count - 8, 8);
            (void)reads(&copy);
        }
        free(copy.at);
    }
    forget(&rows);
    free(bytes.at);
}

/* Writes the crc of the body as it is now, in as many bytes as it had; false when it needs more. */
static bool reseal(struct bytes *bytes, struct place place)
{
    int32_t  crc    = (int32_t)cup_crc32(0, bytes->at + place.body_at, place.end - place.body_at);
    uint32_t zigzag = (uint32_t)crc << 1 ^ (crc < 0 ? UINT32_MAX : 0);

    if (place.crc_bytes < 5 && zigzag >> (7 * place.crc_bytes) != 0) return false;
    for (size_t i = 0; i < place.crc_bytes; i++, zigzag >>= 7)
        bytes->at[place.crc_at + i] =
            (uint8_t)((zigzag & 0x7F) | (i + 1 < place.crc_bytes ? 0x80 : 0));
    return true;
}

/* Bodies with any bit flipped, any byte 0xFF, and a right checksum: a hostile writer's file. */
static void check_hostile(struct cup_rnd *rnd, struct cup_pool *pool, enum cup_codec codec)
{
    struct bytes bytes = {0};
    struct rows  rows;
    uint32_t     footer_bytes, refused = 0;

    make_small(rnd, pool, codec, 150, &bytes, &rows);
    memcpy(&footer_bytes, bytes.at + bytes.count - 8, 4);
    uint8_t *whole = malloc(bytes.count);
    CHECK(whole != NULL);
    memcpy(whole, bytes.at, bytes.count);
    for (size_t at = 4; at < bytes.count - 8 - footer_bytes;) {
        struct place place = page_at(&bytes, at);
        for (size_t byte = place.body_at; byte < place.end; byte++) {
            for (uint32_t bit = 0; bit < 9; bit++) {
                bytes.at[byte] = (uint8_t)(bit == 8 ? 0xFFu : bytes.at[byte] ^ 1u << bit);
                refused += reseal(&bytes, place) && !reads(&bytes);
                memcpy(bytes.at, whole, bytes.count);
            }
        }
        at = place.end;
    }
    CHECK(refused > 50);
    free(whole);
    forget(&rows);
    free(bytes.at);
}

/* Made by hand from the format's text: INT64 required and optional STRING, both with dictionary. */
static const uint8_t golden[339] = {
    0x50, 0x41, 0x52, 0x31, 0x15, 0x04, 0x15, 0x30, 0x15, 0x30, 0x15, 0xdd, 0xd7, 0xeb, 0xed, 0x03,
    0x3c, 0x15, 0x06, 0x15, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x15,
    0x00, 0x15, 0x08, 0x15, 0x08, 0x15, 0xd0, 0xa1, 0x9a, 0x8e, 0x0f, 0x1c, 0x15, 0x06, 0x15, 0x10,
    0x15, 0x06, 0x15, 0x06, 0x00, 0x00, 0x02, 0x03, 0x24, 0x00, 0x15, 0x04, 0x15, 0x0a, 0x15, 0x0a,
    0x15, 0xb9, 0xc2, 0xc3, 0xe0, 0x07, 0x3c, 0x15, 0x02, 0x15, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
    0x00, 0x61, 0x15, 0x00, 0x15, 0x10, 0x15, 0x10, 0x15, 0x90, 0xc4, 0xa3, 0xc1, 0x06, 0x1c, 0x15,
    0x06, 0x15, 0x10, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x03, 0x05, 0x00,
    0x04, 0x15, 0x02, 0x19, 0x3c, 0x48, 0x06, 0x73, 0x63, 0x68, 0x65, 0x6d, 0x61, 0x15, 0x04, 0x00,
    0x15, 0x04, 0x25, 0x00, 0x18, 0x02, 0x69, 0x64, 0x00, 0x15, 0x0c, 0x25, 0x02, 0x18, 0x01, 0x73,
    0x25, 0x00, 0x4c, 0x1c, 0x00, 0x00, 0x00, 0x16, 0x06, 0x19, 0x1c, 0x19, 0x2c, 0x26, 0x00, 0x1c,
    0x15, 0x04, 0x19, 0x35, 0x00, 0x06, 0x10, 0x19, 0x18, 0x02, 0x69, 0x64, 0x15, 0x00, 0x16, 0x06,
    0x16, 0x8c, 0x01, 0x16, 0x8c, 0x01, 0x26, 0x5e, 0x26, 0x08, 0x1c, 0x36, 0x00, 0x28, 0x08, 0x02,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x18, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0x11, 0x11, 0x00, 0x00, 0x00, 0x26, 0x00, 0x1c, 0x15, 0x0c, 0x19, 0x35, 0x00, 0x06, 0x10,
    0x19, 0x18, 0x01, 0x73, 0x15, 0x00, 0x16, 0x06, 0x16, 0x6e, 0x16, 0x6e, 0x26, 0xc4, 0x01, 0x26,
    0x94, 0x01, 0x1c, 0x36, 0x02, 0x28, 0x01, 0x61, 0x18, 0x01, 0x61, 0x11, 0x11, 0x00, 0x00, 0x00,
    0x16, 0xfa, 0x01, 0x16, 0x06, 0x26, 0x08, 0x16, 0xfa, 0x01, 0x14, 0x00, 0x00, 0x28, 0x23, 0x63,
    0x75, 0x70, 0x65, 0x6c, 0x20, 0x76, 0x65, 0x72, 0x73, 0x69, 0x6f, 0x6e, 0x20, 0x30, 0x2e, 0x31,
    0x2e, 0x30, 0x20, 0x28, 0x62, 0x75, 0x69, 0x6c, 0x64, 0x20, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30,
    0x30, 0x29, 0x19, 0x2c, 0x1c, 0x00, 0x00, 0x1c, 0x00, 0x00, 0x00, 0xca, 0x00, 0x00, 0x00, 0x50,
    0x41, 0x52, 0x31,
};

static void check_golden(void)
{
    uint8_t                    copy[sizeof golden];
    struct bytes               bytes = {.at = copy, .count = sizeof copy};
    struct cup_parquet_reader *reader;
    const struct cup_column   *columns;
    const uint8_t              only_text[2] = {0, 1};
    uint32_t                   count;

    memcpy(copy, golden, sizeof copy);
    CHECK(cup_parquet_reader_open(source_of(&bytes), &reader, NULL) == CUP_OK);
    CHECK(cup_parquet_reader_rows(reader) == 3 && cup_parquet_reader_group_count(reader) == 1);
    CHECK(cup_parquet_reader_group(reader, 0, NULL, &columns, &count, NULL) == CUP_OK);
    CHECK(count == 3 && columns[0].row_count == 3 && columns[0].validity == NULL);
    CHECK(columns[0].i64[0] == 1 && columns[0].i64[1] == 2 && columns[0].i64[2] == -1);
    CHECK(columns[1].null_count == 1 && cup_column_is_null(&columns[1], 1));
    CHECK(columns[1].offsets[3] == 2 && memcmp(columns[1].text, "aa", 2) == 0);
    CHECK(cup_parquet_reader_group(reader, 0, only_text, &columns, &count, NULL) == CUP_OK);
    CHECK(columns[0].row_count == 0 && columns[1].row_count == 3);
    cup_parquet_reader_close(reader);
    copy[0x18] ^= 1; /* a value in the dictionary: only the CRC can tell */
    CHECK(!reads(&bytes));
    copy[0x18] ^= 1;
    CHECK(reads(&bytes));
    CHECK(copy[0xa8] == 6 && copy[0x114] == 6); /* rows of file and group: 3, as zigzag */
    copy[0xa8] = 4;
    CHECK(!reads(&bytes));
    copy[0x114] = 4; /* now they agree, but the pages hold 3 */
    CHECK(!reads(&bytes));
}

/* Statistics of one column of texts and of one of timestamps, as JSON. */
static void stats_of(struct cup_pool *pool, const char *const *texts, const int64_t *times,
                     uint32_t row_count, struct cup_text *stats)
{
    static const struct cup_field fields[] = {{.name = "s", .type = CUP_TYPE_STRING},
                                              {.name = "t", .type = CUP_TYPE_TIMESTAMP}};
    struct bytes                  bytes    = {0};
    struct cup_parquet           *file;
    struct cup_parquet_done       done;
    uint32_t                      offsets[16] = {0};
    int64_t                       values[16]  = {0};
    uint8_t                       text[4096], validity[8] = {0};
    struct cup_column             columns[2];
    columns[0] = (struct cup_column){.vec       = CUP_VEC_VAR,
                                     .text      = text,
                                     .offsets   = offsets,
                                     .validity  = validity,
                                     .row_count = row_count};
    columns[1] = (struct cup_column){.vec = CUP_VEC_I64, .i64 = values, .row_count = row_count};
    for (uint32_t row = 0; row < row_count; row++) {
        size_t count = texts[row] != NULL ? strlen(texts[row]) : 0;
        cup_bit_set(validity, row, texts[row] != NULL);
        if (count > 0) memcpy(text + offsets[row], texts[row], count);
        offsets[row + 1] = offsets[row] + (uint32_t)count;
        values[row]      = times[row];
    }
    CHECK(cup_parquet_open(pool, fields, 2, CUP_CODEC_NONE, (struct cup_sink){&bytes, put}, &file,
                           NULL) == CUP_OK);
    CHECK(cup_parquet_append(file, columns, row_count, NULL) == CUP_OK);
    CHECK(cup_parquet_finish(file, stats, &done, NULL) == CUP_OK);
    free(bytes.at);
}

#define TEN  "0123456789"
#define LAST "\xF4\x8F\xBF\xBF" /* U+10FFFF */

static void check_stats(struct cup_pool *pool)
{
    static const struct {
        const char *texts[3];
        const char *min, *max; /* NULL: none */
    } cases[] = {
        {{"b", NULL, "ab"}, "ab", "b"},
        {{"", "", ""}, "", ""},
        {{NULL, NULL, NULL}, NULL, NULL},
        {{TEN TEN TEN "ab", NULL, NULL}, TEN TEN TEN "ab", TEN TEN TEN "ab"}, /* exactly 32 */
        {{TEN TEN TEN "abc", NULL, NULL}, TEN TEN TEN "ab", TEN TEN TEN "ac"},
        {{TEN TEN TEN "ab", TEN TEN TEN "abc", NULL}, TEN TEN TEN "ab", TEN TEN TEN "ac"},
        {{TEN TEN TEN "a\x7Fz", NULL, NULL}, TEN TEN TEN "a\x7F", TEN TEN TEN "a\xC2\x80"},
        {{TEN TEN TEN "a\xED\x9F\xBFz", NULL, NULL},
         TEN TEN TEN "a\xED\x9F\xBF",
         TEN TEN TEN "a\xEE\x80\x80"}, /* over the surrogates */
        {{TEN TEN TEN "a" LAST "z", NULL, NULL}, TEN TEN TEN "a" LAST, TEN TEN TEN "b"},
        {{TEN TEN TEN "\xEF\xBF\xBF" LAST "z", NULL, NULL},
         TEN TEN TEN "\xEF\xBF\xBF" LAST,
         TEN TEN TEN "\xF0\x90\x80\x80"},
        /* equal 8-byte keys */
        {{"b", "abcdefgh2", "abcdefgh1"}, "abcdefgh1", "b"},
        {{"a", "bcdefghi1", "bcdefghi2"}, "a", "bcdefghi2"},
    };
    const int64_t times[] = {-1, -1000001, 1001};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cup_text stats = {0}, want = {0};
        const char     *time_bounds[] = {"\"t\":\"1969-12-31T23:59:58.999Z\"",
                                         "\"t\":\"1970-01-01T00:00:00.002Z\""};
        uint32_t        nulls         = 0;
        stats_of(pool, cases[i].texts, times, 3, &stats);
        cup_text_puts(&want, "{\"numRecords\":3");
        for (uint32_t is_max = 0; is_max < 2; is_max++) {
            const char *bound = is_max ? cases[i].max : cases[i].min;
            cup_text_puts(&want, is_max ? "},\"maxValues\":{" : ",\"minValues\":{");
            if (bound != NULL) {
                cup_text_puts(&want, "\"s\":");
                cup_text_json(&want, bound, strlen(bound));
                cup_text_puts(&want, ",");
            }
            cup_text_puts(&want, time_bounds[is_max]);
        }
        for (uint32_t row = 0; row < 3; row++)
            nulls += cases[i].texts[row] == NULL;
        cup_text_printf(&want, "},\"nullCount\":{\"s\":%u,\"t\":0}}", nulls);
        if (strcmp(stats.at, want.at) != 0) fprintf(stderr, "%s\n%s\n", stats.at, want.at);
        CHECK(strcmp(stats.at, want.at) == 0);
        cup_text_free(&stats);
        cup_text_free(&want);
    }
}

/* 32 times the last code point: nothing is above it, so there is no max. */
static void check_no_max(struct cup_pool *pool)
{
    char            text[33 * 4 + 1];
    struct cup_text stats = {0};
    const int64_t   time  = 0;

    for (uint32_t i = 0; i < 33; i++)
        memcpy(text + (size_t)i * 4, LAST, 5);
    stats_of(pool, (const char *const[]){text}, &time, 1, &stats);
    CHECK(strstr(stats.at, "\"minValues\":{\"s\"") != NULL);
    CHECK(strstr(stats.at, "\"maxValues\":{\"t\"") != NULL);
    cup_text_free(&stats);
}

/* One text much longer than a page, between short ones; and one that no page can hold. */
static void check_long_text(struct cup_pool *pool, enum cup_codec codec)
{
    static const struct cup_field field      = {.name = "s", .type = CUP_TYPE_STRING};
    const uint32_t                long_bytes = 5u << 20, too_long = 40u << 20;
    struct bytes                  bytes = {0};
    struct cup_text               stats = {0};
    struct cup_parquet           *file;
    struct cup_parquet_done       done;
    uint32_t          offsets[4] = {0, 3, 3 + long_bytes, 6 + long_bytes}, huge[2] = {0, too_long};
    uint8_t          *text   = calloc(1, too_long);
    struct cup_column column = {
        .vec = CUP_VEC_VAR, .text = text, .offsets = offsets, .row_count = 3};
    struct cup_column too_large = {
        .vec = CUP_VEC_VAR, .text = text, .offsets = huge, .row_count = 1};
    struct rows rows = {.columns = &column, .append_count = 1, .field_count = 1};

    CHECK(text != NULL);
    for (uint32_t i = 0; i < long_bytes; i++)
        text[i] = (uint8_t)('a' + i % 23 * (i % 7) % 26);
    CHECK(cup_parquet_open(pool, &field, 1, codec, (struct cup_sink){&bytes, put}, &file, NULL) ==
          CUP_OK);
    CHECK(cup_parquet_append(file, &too_large, 1, NULL) == CUP_UNSUPPORTED);
    CHECK(cup_parquet_append(file, &column, 3, NULL) == CUP_OK);
    CHECK(cup_parquet_finish(file, &stats, &done, NULL) == CUP_OK && done.row_count == 3);
    check_file(&bytes, &field, &rows);
    CHECK(pool->free_count == pool->block_count);
    cup_text_free(&stats);
    free(bytes.at);
    free(text);
}

/* The pool is exactly as large as so many appends need: the next one is refused, not half done. */
static void check_exact_pool(void)
{
    static const struct cup_field field = {
        .name = "n", .type = CUP_TYPE_LONG, .flags = CUP_FIELD_REQUIRED | CUP_FIELD_NO_DICT};
    static int64_t values[2048];

    for (uint32_t blocks = 6; blocks < 14; blocks++) {
        struct cup_column       column = {.vec = CUP_VEC_I64, .i64 = values, .row_count = 2048};
        struct bytes            bytes  = {0};
        struct cup_text         stats  = {0};
        struct cup_pool         pool;
        struct cup_parquet     *file;
        struct cup_parquet_done done;
        uint32_t                appends = 0;
        CHECK(cup_pool_init(&pool, (size_t)blocks * CUP_BLOCK_BYTES, NULL) == CUP_OK);
        CHECK(cup_parquet_open(&pool, &field, 1, CUP_CODEC_NONE, (struct cup_sink){&bytes, put},
                               &file, NULL) == CUP_OK);
        while (cup_parquet_append(file, &column, 2048, NULL) == CUP_OK)
            appends++;
        /* file, footer entry, and scratch (body, packed, dense, rows) are 6; 3 appends fill a block
         */
        CHECK(appends >= (blocks - 6) * 3);
        CHECK(cup_parquet_finish(file, &stats, &done, NULL) == CUP_OK);
        CHECK(done.row_count == appends * 2048ull);
        cup_pool_fini(&pool);
        cup_text_free(&stats);
        free(bytes.at);
    }
}

/* A footer entry larger than the group's data, and no free block when the group is closed. */
static void check_wide(struct cup_pool *pool)
{
    enum { WIDE = 1000 };
    static struct cup_field  fields[WIDE];
    static struct cup_column columns[WIDE];
    static char              names[WIDE][128];
    static uint8_t text[]                      = TEN TEN TEN "ab";
    static uint32_t                 offsets[2] = {0, 32};
    static uint8_t                 *others[POOL_BYTES / CUP_BLOCK_BYTES];
    struct rows             rows  = {.columns = columns, .append_count = 1, .field_count = WIDE};
    struct bytes            bytes = {0};
    struct cup_text         stats = {0};
    struct cup_parquet     *file;
    struct cup_parquet_done done;
    uint32_t                taken = 0;

    for (uint32_t i = 0; i < WIDE; i++) {
        snprintf(names[i], sizeof names[i], "c%u%0100u", i, 0u); /* longer than the values */
        fields[i]  = (struct cup_field){.name = names[i], .type = CUP_TYPE_STRING};
        columns[i] = (struct cup_column){
            .vec = CUP_VEC_VAR, .text = text, .offsets = offsets, .row_count = 1};
    }
    CHECK(cup_parquet_open(pool, fields, WIDE, CUP_CODEC_NONE, (struct cup_sink){&bytes, put},
                           &file, NULL) == CUP_OK);
    CHECK(cup_parquet_append(file, columns, 1, NULL) == CUP_OK);
    while ((others[taken] = cup_pool_take(pool, 1)) != NULL)
        taken++;
    CHECK(cup_parquet_close_group(file, NULL) == CUP_OK);
    while (taken > 0)
        cup_pool_give(pool, others[--taken], 1);
    CHECK(cup_parquet_finish(file, &stats, &done, NULL) == CUP_OK);
    char *last = strstr(stats.at, "\"c31"), *behind = strstr(stats.at, "\"c32");
    CHECK(last != NULL && behind > strstr(stats.at, "nullCount")); /* bounds of 32 columns only */
    check_file(&bytes, fields, &rows);
    cup_text_free(&stats);
    free(bytes.at);
}

/* The sink fails at any byte: the error comes through and all blocks come back. */
static void check_failing_sink(struct cup_rnd *rnd, struct cup_pool *pool)
{
    for (size_t fail_at = 1; fail_at < 700; fail_at += 17) {
        struct bytes            bytes = {.fail_at = fail_at};
        struct rows             rows  = {.field_count = SMALL_COUNT};
        struct cup_text         stats = {0};
        struct cup_parquet     *file;
        struct cup_parquet_done done;
        struct cup_fault        fault;
        struct rows_plan plan = {.rnd = rnd, .shape = ROWS_FEW, .null_percent = 25, .list_max = 2};
        CHECK(cup_parquet_open(pool, small_fields, SMALL_COUNT, CUP_CODEC_NONE,
                               (struct cup_sink){&bytes, put}, &file, NULL) == CUP_OK);
        const struct cup_column *columns = appended(&rows, &plan, small_fields, 400);
        CHECK(cup_parquet_append(file, columns, 400, NULL) == CUP_OK);
        if (fail_at % 2 == 0) {
            CHECK(cup_parquet_close_group(file, &fault) == CUP_NO_SPACE);
            CHECK(cup_parquet_append(file, columns, 400, &fault) == CUP_NO_SPACE);
        }
        CHECK(cup_parquet_finish(file, &stats, &done, &fault) == CUP_NO_SPACE);
        CHECK(fault.err == CUP_NO_SPACE && pool->free_count == pool->block_count);
        forget(&rows);
        free(bytes.at);
        cup_text_free(&stats);
    }
}

int main(int argc, char **argv)
{
    struct cup_rnd  rnd = cup_test_begin(argc, argv);
    struct cup_pool pool;

    CHECK(cup_pool_init(&pool, POOL_BYTES, NULL) == CUP_OK);
    check_golden();
    check_stats(&pool);
    check_no_max(&pool);
    check_exact_pool();
    check_wide(&pool);
    for (uint32_t round = 0; round < 24; round++)
        check_round_trip(&rnd, &pool, round);
    const enum cup_codec codecs[] = {CUP_CODEC_NONE, CUP_CODEC_SNAPPY, CUP_CODEC_ZSTD};
    for (size_t i = 0; i < 3; i++) {
        check_empty_pool(&rnd, codecs[i]);
        check_damage(&rnd, &pool, codecs[i]);
        check_hostile(&rnd, &pool, codecs[i]);
        check_long_text(&pool, codecs[i]);
    }
    check_failing_sink(&rnd, &pool);
    cup_parquet_drop(NULL);
    cup_pool_fini(&pool);
    return 0;
}
