// SPDX-License-Identifier: Apache-2.0
/* Goal:   pages are packed in the way that pays, also when a column changes its nature; constants
 *         cost next to nothing; all of it reads back.
 * Method: columns whose values shrink, do not, and turn from one to the other, in two groups: the
 *         way chosen, the pages in the file and the values are compared with what must be. */
#include "lake/parquet_priv.h"

#include "tests/lake/parquet_file.h"

#define POOL_BYTES (48u << 20)

enum { PACK_RANDOM, PACK_HEX, PACK_TEXT, PACK_BETTER, PACK_WORSE, PACK_COLUMNS };
enum { PACK_ROWS = 1024, PACK_APPENDS = 40, PACK_TURN = 9 };

static void fill_packing(struct cup_rnd *rnd, uint32_t append, struct cup_column *columns)
{
    for (uint32_t row = 0; row < PACK_ROWS; row++) {
        columns[PACK_RANDOM].i64[row] = (int64_t)cup_rnd_u64(rnd);
        columns[PACK_BETTER].i64[row] = append < PACK_TURN ? (int64_t)cup_rnd_u64(rnd) : row / 8;
        columns[PACK_WORSE].i64[row]  = append < PACK_TURN ? row / 8 : (int64_t)cup_rnd_u64(rnd);
        char text[40];
        snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)cup_rnd_u64(rnd),
                 (unsigned long long)cup_rnd_u64(rnd));
        memcpy(columns[PACK_HEX].text + (size_t)row * 32, text, 32);
        snprintf(text, sizeof text, "the same in row %9u %5u", row, append);
        memcpy(columns[PACK_TEXT].text + (size_t)row * 31, text, 31);
    }
}

static struct cup_column *packing_columns(struct rows *rows, const struct cup_field *fields)
{
    size_t at     = (size_t)rows->append_count++ * PACK_COLUMNS;
    rows->columns = realloc(rows->columns, (at + PACK_COLUMNS) * sizeof *rows->columns);
    CHECK(rows->columns != NULL);
    for (uint32_t i = 0; i < PACK_COLUMNS; i++) {
        struct cup_column *column = &rows->columns[at + i];
        enum cup_vec       vec    = cup_type_vec((enum cup_type)fields[i].type);
        uint32_t           width  = vec == CUP_VEC_I64 ? 8 : i == PACK_HEX ? 32 : 31;
        *column     = (struct cup_column){.vec = (uint8_t)vec, .row_count = PACK_ROWS};
        column->any = rows_alloc((size_t)PACK_ROWS * width);
        if (vec != CUP_VEC_VAR) continue;
        column->offsets = rows_alloc((PACK_ROWS + 1) * sizeof(uint32_t));
        for (uint32_t row = 0; row <= PACK_ROWS; row++)
            column->offsets[row] = row * width;
    }
    return &rows->columns[at];
}

/* Pages of each column lie side by side: where do stored ones end, where do packed ones begin? */
static void check_pages(const struct bytes *bytes, enum cup_codec codec, uint32_t groups)
{
    size_t at   = 4;
    size_t head = codec == CUP_CODEC_ZSTD ? 12 : 6; /* makes a stored page a stream, at most */

    for (uint32_t group = 0; group < groups; group++) {
        for (uint32_t i = 0; i < PACK_COLUMNS; i++) {
            uint32_t raw = 0, first_packed = UINT32_MAX;
            for (uint32_t page = 0; page < PACK_APPENDS / groups; page++) {
                struct place place  = page_at(bytes, at);
                size_t       stored = place.end - place.body_at;
                CHECK(stored <= place.unpacked_bytes + head);
                if (stored >= place.unpacked_bytes)
                    raw++;
                else if (first_packed == UINT32_MAX)
                    first_packed = page;
                at = place.end;
            }
            if (i == PACK_RANDOM) CHECK(first_packed == UINT32_MAX || raw + 3 > PACK_APPENDS);
            if (i == PACK_TEXT) CHECK(raw == 0);
            if (i == PACK_BETTER && group == 0) CHECK(first_packed == 17 && raw == 17);
            if (i == PACK_WORSE && group == 0)
                CHECK(first_packed == 0 && raw >= PACK_APPENDS / groups - 17);
        }
    }
}

/* Each column finds its own way of being packed, and finds another when its values change. */
static void check_packing(struct cup_rnd *rnd, struct cup_pool *pool, enum cup_codec codec)
{
    static const struct cup_field fields[PACK_COLUMNS] = {
        {.name = "random", .type = CUP_TYPE_LONG, .flags = CUP_FIELD_NO_DICT},
        {.name = "hex", .type = CUP_TYPE_STRING, .flags = CUP_FIELD_NO_DICT},
        {.name = "text", .type = CUP_TYPE_STRING, .flags = CUP_FIELD_NO_DICT},
        {.name = "better", .type = CUP_TYPE_LONG, .flags = CUP_FIELD_NO_DICT},
        {.name = "worse", .type = CUP_TYPE_LONG, .flags = CUP_FIELD_NO_DICT}};
    static const uint8_t want[2][PACK_COLUMNS] = {
        {CUP_PARQUET_RAW, CUP_PARQUET_ENTROPY, CUP_PARQUET_FULL, CUP_PARQUET_RAW, CUP_PARQUET_FULL},
        {CUP_PARQUET_RAW, CUP_PARQUET_ENTROPY, CUP_PARQUET_FULL, CUP_PARQUET_FULL,
         CUP_PARQUET_RAW}};
    struct rows             rows  = {.field_count = PACK_COLUMNS};
    struct bytes            bytes = {0};
    struct cup_text         stats = {0};
    struct cup_parquet     *file;
    struct cup_parquet_done done;

    CHECK(cup_parquet_open(pool, fields, PACK_COLUMNS, codec, (struct cup_sink){&bytes, put}, &file,
                           NULL) == CUP_OK);
    for (uint32_t append = 0; append < PACK_APPENDS; append++) {
        struct cup_column *columns = packing_columns(&rows, fields);
        fill_packing(rnd, append, columns);
        CHECK(cup_parquet_append(file, columns, PACK_ROWS, NULL) == CUP_OK);
        if (append == PACK_APPENDS / 2 - 1) CHECK(cup_parquet_close_group(file, NULL) == CUP_OK);
        if (codec != CUP_CODEC_ZSTD) continue;
        if (append == 0 || append == PACK_APPENDS - 1)
            for (uint32_t i = 0; i < PACK_COLUMNS; i++)
                CHECK(file->leaves[i].habit.effort == want[append > 0][i]);
    }
    CHECK(cup_parquet_finish(file, &stats, &done, NULL) == CUP_OK);
    check_pages(&bytes, codec, 2);
    check_file(&bytes, fields, &rows);
    forget(&rows);
    free(bytes.at);
    cup_text_free(&stats);
}

/* Columns of one value for a whole append: as many pages as appends, one run each; nearly constant
 * ones (the last value differs, or texts of the same bytes are cut elsewhere) are told apart. */
static void check_constant(struct cup_pool *pool, enum cup_codec codec)
{
    enum { ROWS = 512, APPENDS = 6 };
    static const struct cup_field fields[] = {{.name = "n", .type = CUP_TYPE_LONG},
                                              {.name = "s", .type = CUP_TYPE_STRING},
                                              {.name = "none", .type = CUP_TYPE_INT}};
    struct rows                   rows     = {.field_count = 3, .append_count = APPENDS};
    struct bytes                  bytes    = {0};
    struct cup_text               stats    = {0};
    struct cup_parquet           *file;
    struct cup_parquet_done       done;
    uint64_t                      constant_bytes = 0;

    rows.columns = rows_alloc(3 * APPENDS * sizeof *rows.columns);
    CHECK(cup_parquet_open(pool, fields, 3, codec, (struct cup_sink){&bytes, put}, &file, NULL) ==
          CUP_OK);
    for (uint32_t append = 0; append < APPENDS; append++) {
        struct cup_column *columns = &rows.columns[(size_t)append * 3];
        columns[0] = (struct cup_column){.vec = CUP_VEC_I64, .i64 = rows_alloc(ROWS * 8)};
        columns[1] = (struct cup_column){.vec     = CUP_VEC_VAR,
                                         .text    = rows_alloc(ROWS * 3),
                                         .offsets = rows_alloc((ROWS + 1) * 4)};
        columns[2] = (struct cup_column){
            .vec = CUP_VEC_I32, .i32 = rows_alloc(ROWS * 4), .validity = rows_alloc(ROWS / 8 + 8)};
        for (uint32_t row = 0; row < ROWS; row++) {
            columns[0].i64[row] = (int64_t)append / 2 + 7;
            memcpy(columns[1].text + (size_t)row * 3, append % 2 ? "aaa" : "abc", 3);
            columns[1].offsets[row + 1] = row * 3 + 3;
        }
        if (append == 4) columns[0].i64[ROWS - 1] = 9000; /* differs at the end only */
        if (append == 4) columns[1].text[ROWS * 3 - 1] = 'x';
        if (append == 5) columns[1].offsets[9]--; /* "aa" and "aaaa" */
        for (uint32_t i = 0; i < 3; i++)
            columns[i].row_count = ROWS;
        CHECK(cup_parquet_append(file, columns, ROWS, NULL) == CUP_OK);
        if (append == 3) constant_bytes = file->store.bytes;
    }
    CHECK(constant_bytes < 3 * 4 * 100); /* 512 rows a page in less than 100 bytes */
    CHECK(cup_parquet_finish(file, &stats, &done, NULL) == CUP_OK);
    CHECK(strstr(stats.at, "\"minValues\":{\"n\":7,\"s\":\"aa\"}") != NULL);
    CHECK(strstr(stats.at, "\"maxValues\":{\"n\":9000,\"s\":\"abx\"}") != NULL);
    CHECK(strstr(stats.at, "\"nullCount\":{\"n\":0,\"s\":0,\"none\":3072}") != NULL);
    check_file(&bytes, fields, &rows);
    forget(&rows);
    free(bytes.at);
    cup_text_free(&stats);
}

/* A small page does not decide for larger ones, nor a page of one long value for any. */
static void check_sizes(struct cup_rnd *rnd, struct cup_pool *pool, enum cup_codec codec)
{
    enum { LONG = 200000, MANY = 512, WIDTH = 20 };
    static const struct cup_field field = {
        .name = "b", .type = CUP_TYPE_BINARY, .flags = CUP_FIELD_NO_DICT};
    static const struct {
        uint32_t row_count, width;
        bool     random;
        uint8_t  effort;
    } steps[]                     = {{16, WIDTH, true, CUP_PARQUET_RAW},
                                     {1, LONG, true, CUP_PARQUET_RAW},
                                     {MANY, WIDTH, false, CUP_PARQUET_FULL}};
    struct rows             rows  = {.field_count = 1, .append_count = 3};
    struct bytes            bytes = {0};
    struct cup_text         stats = {0};
    struct cup_parquet     *file;
    struct cup_parquet_done done;

    rows.columns = rows_alloc(3 * sizeof *rows.columns);
    CHECK(cup_parquet_open(pool, &field, 1, codec, (struct cup_sink){&bytes, put}, &file, NULL) ==
          CUP_OK);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t row_count = steps[i].row_count, count = row_count * steps[i].width;
        rows.columns[i] = (struct cup_column){.vec       = CUP_VEC_VAR,
                                              .row_count = row_count,
                                              .text      = rows_alloc(count),
                                              .offsets   = rows_alloc((row_count + 1) * 4)};
        for (uint32_t at = 0; at < count; at++)
            rows.columns[i].text[at] = (uint8_t)(steps[i].random ? cup_rnd_u64(rnd) : at % 7);
        for (uint32_t row = 0; row <= row_count; row++)
            rows.columns[i].offsets[row] = row * steps[i].width;
        CHECK(cup_parquet_append(file, &rows.columns[i], row_count, NULL) == CUP_OK);
        CHECK(file->leaves[0].habit.effort == steps[i].effort);
        CHECK(i != 1 || file->leaves[0].habit.tried_bytes < LONG);
    }
    CHECK(cup_parquet_finish(file, &stats, &done, NULL) == CUP_OK);
    CHECK(done.bytes < LONG + 6000);
    check_file(&bytes, &field, &rows);
    forget(&rows);
    free(bytes.at);
    cup_text_free(&stats);
}

/* Numbers that rise by one past the largest of their type: all differences are one, in arithmetic
 * that wraps, so a block is its least difference and four widths of 0 (parquet-format, Encodings).
 */
static void check_wrapping(void)
{
    enum { COUNT = 129 };
    static const uint8_t want[2][16] = {
        {0x80, 0x01, 4, 0x81, 0x01, 0xf6, 0xff, 0xff, 0xff, 0x0f, 2, 0, 0, 0, 0},
        {0x80, 0x01, 4, 0x81, 0x01, 0xf6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 2}};
    int32_t narrow[COUNT];
    int64_t wide[COUNT];
    uint8_t out[COUNT * 8];

    for (uint32_t i = 0; i < COUNT; i++) {
        narrow[i] = (int32_t)(0x7ffffffbu + i);
        wide[i]   = (int64_t)(0x7ffffffffffffffbu + i);
    }
    const uint8_t *end = cup_parquet_priv_delta_put(out, (const uint8_t *)narrow, COUNT, 4);
    CHECK(end == out + 15 && memcmp(out, want[0], 15) == 0);
    end = cup_parquet_priv_delta_put(out, (const uint8_t *)wide, COUNT, 8);
    CHECK(end == out + 20 && memcmp(out, want[1], 16) == 0);
    CHECK(memcmp(out + 16, "\0\0\0\0", 4) == 0);
    CHECK(cup_parquet_priv_delta_put(out, (const uint8_t *)wide, 63, 8) == NULL);
}

int main(int argc, char **argv)
{
    static const enum cup_codec codecs[] = {CUP_CODEC_NONE, CUP_CODEC_SNAPPY, CUP_CODEC_ZSTD};
    struct cup_rnd              rnd      = cup_test_begin(argc, argv);
    struct cup_pool             pool;

    CHECK(cup_pool_init(&pool, POOL_BYTES, NULL) == CUP_OK);
    for (size_t i = 0; i < 3; i++) {
        check_constant(&pool, codecs[i]);
        if (codecs[i] == CUP_CODEC_NONE) continue;
        check_packing(&rnd, &pool, codecs[i]);
        check_sizes(&rnd, &pool, codecs[i]);
    }
    cup_pool_fini(&pool);
    check_wrapping();
    return 0;
}
