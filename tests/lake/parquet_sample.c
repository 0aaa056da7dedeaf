// SPDX-License-Identifier: Apache-2.0
/* Writes and reads files for test_parquet_readers.py:
 *   parquet_sample DIR SEED    makes DIR/N.parquet, DIR/N.jsonl (a JSON array per row) and
 *                              DIR/N.stats (Delta statistics)
 *   parquet_sample read FILE   prints the rows of any Parquet file in the same form */
#include "lake/parquet_priv.h"

#include "tests/lake/parquet_rows.h"

#define POOL_BYTES (64u << 20)

static enum cup_err put(void *arg, const void *bytes, size_t count, struct cup_fault *out_fault)
{
    (void)out_fault;
    CHECK(fwrite(bytes, 1, count, arg) == count);
    return CUP_OK;
}

static FILE *open_file(const char *folder, uint32_t number, const char *suffix)
{
    char name[512];
    snprintf(name, sizeof name, "%s/%u.%s", folder, number, suffix);
    FILE *file = fopen(name, "wb");

    CHECK(file != NULL);
    return file;
}

static void append(struct cup_parquet *file, const struct rows_plan *plan, uint32_t row_count,
                   FILE *jsonl)
{
    struct cup_column columns[ROWS_FIELD_COUNT];
    struct cup_text   line = {0};

    for (uint32_t i = 0; i < ROWS_FIELD_COUNT; i++)
        rows_make(plan, &rows_fields[i], row_count, true, &columns[i]);
    for (uint32_t row = 0; row < row_count; row++) {
        for (uint32_t i = 0; i < ROWS_FIELD_COUNT; i++) {
            cup_text_puts(&line, i == 0 ? "[" : ",");
            rows_put(&line, &rows_fields[i], &columns[i], row);
        }
        cup_text_puts(&line, "]\n");
    }
    if (line.bytes > 0) fwrite(line.at, 1, line.bytes, jsonl);
    CHECK(cup_parquet_append(file, columns, row_count, NULL) == CUP_OK);
    for (uint32_t i = 0; i < ROWS_FIELD_COUNT; i++)
        rows_free(&columns[i]);
    cup_text_free(&line);
}

static enum cup_err get(void *arg, uint64_t at, void *bytes, size_t count,
                        struct cup_fault *out_fault)
{
    (void)out_fault;
    CHECK(fseek(arg, (long)at, SEEK_SET) == 0 && fread(bytes, 1, count, arg) == count);
    return CUP_OK;
}

static int print_file(const char *name)
{
    struct cup_parquet_reader *reader = NULL;
    const struct cup_column   *columns;
    struct cup_fault           fault = {0};
    uint32_t                   field_count, row_count;
    FILE                      *file = fopen(name, "rb");

    CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
    struct cup_bytes_source source = {file, (uint64_t)ftell(file), get};
    enum cup_err            err    = cup_parquet_reader_open(source, &reader, &fault);
    for (uint32_t i = 0; err == CUP_OK && i < cup_parquet_reader_group_count(reader); i++) {
        const struct cup_field *fields = cup_parquet_reader_fields(reader, &field_count);
        err = cup_parquet_reader_group(reader, i, NULL, &columns, &row_count, &fault);
        for (uint32_t row = 0; err == CUP_OK && row < row_count; row++) {
            struct cup_text line = {0};
            for (uint32_t c = 0; c < field_count; c++) {
                cup_text_puts(&line, c == 0 ? "[" : ",");
                rows_put(&line, &fields[c], &columns[c], row);
            }
            printf("%s]\n", line.at);
            cup_text_free(&line);
        }
    }
    if (err != CUP_OK) fprintf(stderr, "%s: %s\n", cup_err_text(err), fault.what);
    cup_parquet_reader_close(reader);
    fclose(file);
    return err == CUP_OK ? 0 : 1;
}

static void note_raw(const struct cup_parquet *file, bool *out_raw)
{
    for (uint32_t i = 0; i < file->leaf_count; i++)
        out_raw[i] =
            file->leaves[i].habit.effort == CUP_PARQUET_RAW && file->leaves[i].delta_pages == 0;
}

/* Values that do not shrink, then so many pages that do that the writer notices: in one chunk, some
 * pages are stored as they are and some are packed, or hold differences. */
static void append_turning(struct cup_parquet *file, struct rows_plan plan, FILE *jsonl)
{
    bool     before[64] = {0}, after[64] = {0};
    uint32_t turned = 0;

    CHECK(file->leaf_count <= 64);
    plan.shape = ROWS_WILD;
    for (uint32_t i = 0; i < 3; i++)
        append(file, &plan, 300, jsonl);
    note_raw(file, before);
    plan.shape = ROWS_RISING;
    for (uint32_t i = 0; i < 24; i++)
        append(file, &plan, 300, jsonl);
    note_raw(file, after);
    for (uint32_t i = 0; i < file->leaf_count; i++)
        turned += before[i] && !after[i];
    CHECK(file->codec == CUP_CODEC_NONE || turned > 3);
}

int main(int argc, char **argv)
{
    static const enum cup_codec codecs[] = {CUP_CODEC_ZSTD, CUP_CODEC_NONE, CUP_CODEC_SNAPPY};
    static const uint32_t       nulls[]  = {0, 30, 100, 97};
    struct cup_pool             pool;

    CHECK(argc > 2);
    if (strcmp(argv[1], "read") == 0) return print_file(argv[2]);
    struct cup_rnd rnd = cup_test_begin(argc - 1, argv + 1);
    CHECK(cup_pool_init(&pool, POOL_BYTES, NULL) == CUP_OK);
    for (uint32_t number = 0; number < 21; number++) {
        FILE *out                     = open_file(argv[1], number, "parquet"),
             *jsonl                   = open_file(argv[1], number, "jsonl");
        FILE                   *stats = open_file(argv[1], number, "stats");
        struct cup_parquet     *file;
        struct cup_parquet_done done;
        struct cup_text         text = {0};
        CHECK(cup_parquet_open(&pool, rows_fields, ROWS_FIELD_COUNT, codecs[number % 3],
                               (struct cup_sink){out, put}, &file, NULL) == CUP_OK);
        uint32_t appends = number >= 17 ? 0 : 1 + cup_rnd_below(&rnd, 5);
        for (uint32_t i = 0; i < appends; i++) {
            struct rows_plan plan = {.rnd            = &rnd,
                                     .shape          = (number + i / 3) % ROWS_SHAPES,
                                     .null_percent   = nulls[number / 4 % 4],
                                     .text_bytes_max = cup_rnd_below(&rnd, 100),
                                     .list_max       = cup_rnd_below(&rnd, 6)};
            append(file, &plan, i % 2 ? cup_rnd_below(&rnd, 60) : 200 + cup_rnd_below(&rnd, 900),
                   jsonl);
            if (cup_rnd_below(&rnd, 3) == 0) CHECK(cup_parquet_close_group(file, NULL) == CUP_OK);
        }
        if (number > 17) {
            const struct rows_plan plan = {
                .rnd = &rnd, .null_percent = nulls[number / 4 % 4], .text_bytes_max = 40};
            append_turning(file, plan, jsonl);
        }
        CHECK(cup_parquet_finish(file, &text, &done, NULL) == CUP_OK);
        CHECK((uint64_t)ftell(out) == done.bytes);
        fwrite(text.at, 1, text.bytes, stats);
        cup_text_free(&text);
        CHECK(fclose(out) == 0 && fclose(jsonl) == 0 && fclose(stats) == 0);
    }
    cup_pool_fini(&pool);
    return 0;
}
