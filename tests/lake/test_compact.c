// SPDX-License-Identifier: Apache-2.0
/* Goal:   merged files hold exactly the rows of their inputs, in order; what cannot be merged is
 *         named; only files that are worth it are merged, and large ones not again and again.
 * Method: random rows of every type in files of random row groups, some without the newest columns,
 *         merged with a large and a scarce pool and compared value by value; files with other
 * types, nulls where none belong, other sizes; plans of random file sizes over and over. */
#include "lake/tool/tool_merge.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lake/tool/tool_group.h"
#include "lake/tool/tool_tables.h"
#include "tests/lake/parquet_file.h"

#define POOL_BYTES   (96u << 20)
#define SCARCE_BYTES (1152u << 10) /* slices of all rows do not fit */
#define FILES        5u
#define NEWEST       2u /* columns that the first files do not have */
#define GROUP_FILES  400u

static char folder[64] = "/tmp/cupel-compact-XXXXXX";

static void write_file(const char *name, const void *bytes, size_t count)
{
    char path[256];

    snprintf(path, sizeof path, "%s/t/%s", folder, name);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes, 1, count, file) == count && fclose(file) == 0);
}

static void drop_folder(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s/t", folder);
    CHECK(system(command) == 0);
}

static void make_folder(void)
{
    char path[128];

    snprintf(path, sizeof path, "%s/t", folder);
    CHECK(mkdir(path, 0755) == 0);
    snprintf(path, sizeof path, "%s/t/_delta_log", folder);
    CHECK(mkdir(path, 0755) == 0);
}

/* --- exact rows --- */

/* A table being made: its log and all its rows. */
struct sample {
    struct cup_rnd  *rnd;
    struct cup_pool *pool;
    struct rows      rows;
    struct cup_text  log;
    uint64_t         row_count;
};

/* One file; of the newest columns there is nothing in an old one. */
static void add_file(struct sample *sample, uint32_t number, bool old)
{
    const uint32_t          count = old ? ROWS_FIELD_COUNT - NEWEST : ROWS_FIELD_COUNT;
    struct bytes            bytes = {0};
    struct cup_text         stats = {0};
    struct rows_plan        nulls = {.rnd = sample->rnd, .null_percent = 100};
    struct cup_parquet_done done;
    struct cup_parquet     *file;
    char                    name[64];

    CHECK(cup_parquet_open(sample->pool, rows_fields, count,
                           number % 2 ? CUP_CODEC_SNAPPY : CUP_CODEC_ZSTD,
                           (struct cup_sink){&bytes, put}, &file, NULL) == CUP_OK);
    for (uint32_t left = cup_rnd_below(sample->rnd, 5); left > 0; left--) {
        struct rows_plan plan = {.rnd            = sample->rnd,
                                 .shape          = cup_rnd_below(sample->rnd, ROWS_SHAPES),
                                 .null_percent   = cup_rnd_below(sample->rnd, 3) * 40,
                                 .text_bytes_max = cup_rnd_below(sample->rnd, 60),
                                 .list_max       = cup_rnd_below(sample->rnd, 4)};
        uint32_t row_count = cup_rnd_below(sample->rnd, cup_rnd_below(sample->rnd, 2) ? 70 : 9000);
        struct cup_column *columns =
            (struct cup_column *)appended(&sample->rows, &plan, rows_fields, row_count);
        for (uint32_t i = count; i < ROWS_FIELD_COUNT; i++) {
            rows_free(&columns[i]);
            rows_make(&nulls, &rows_fields[i], row_count, true, &columns[i]);
        }
        CHECK(cup_parquet_append(file, columns, row_count, NULL) == CUP_OK);
        if (cup_rnd_below(sample->rnd, 2)) CHECK(cup_parquet_close_group(file, NULL) == CUP_OK);
    }
    CHECK(cup_parquet_finish(file, &stats, &done, NULL) == CUP_OK);
    snprintf(name, sizeof name, "part-%010u-0-x.parquet", number);
    write_file(name, bytes.at, bytes.count);
    struct cup_delta_add add = {.path = name, .bytes = bytes.count, .stats = stats.at};
    cup_delta_put_add(&sample->log, &add);
    sample->row_count += done.row_count;
    cup_text_free(&stats);
    free(bytes.at);
}

static struct cup_table *open_sample(struct sample *sample)
{
    struct cup_table *table;
    struct cup_fault  fault;

    write_file("_delta_log/00000000000000000000.json", sample->log.at, sample->log.bytes);
    CHECK(cup_table_open(folder, "t", &table, &fault) == CUP_OK);
    return table;
}

static void begin_sample(struct sample *sample, struct cup_rnd *rnd, struct cup_pool *pool)
{
    struct cup_delta_metadata metadata = {
        .id = "u", .fields = rows_fields, .field_count = ROWS_FIELD_COUNT};

    *sample = (struct sample){.rnd = rnd, .pool = pool, .rows = {.field_count = ROWS_FIELD_COUNT}};
    make_folder();
    cup_delta_put_protocol(&sample->log, rows_fields, ROWS_FIELD_COUNT);
    cup_delta_put_metadata(&sample->log, &metadata);
}

static void end_sample(struct sample *sample)
{
    cup_text_free(&sample->log);
    forget(&sample->rows);
    drop_folder();
}

static enum cup_err merge_all(const struct cup_table *table, struct cup_pool *pool,
                              struct bytes *bytes, struct cup_text *stats, uint64_t *out_rows,
                              uint32_t *out_bad)
{
    const struct cup_delta_file *inputs[GROUP_FILES];
    struct cup_parquet_done      done  = {0};
    struct cup_fault             fault = {0};
    uint32_t                     count = 0;

    for (uint32_t number = 1; number <= table->state->file_count; number++) {
        char name[64];
        snprintf(name, sizeof name, "part-%010u-0-x.parquet", number);
        inputs[count++] = cup_delta_find(table->state, name);
        CHECK(inputs[count - 1] != NULL && cup_group_epoch(name) == number);
    }
    struct cup_merge merge = {
        .table = table, .inputs = inputs, .input_count = count, .codec = CUP_CODEC_ZSTD};
    enum cup_err err =
        cup_merge_write(&merge, pool, (struct cup_sink){bytes, put}, stats, &done, out_bad, &fault);
    if (err == CUP_OK) *out_rows = done.row_count;
    CHECK(pool->free_count == pool->block_count);
    return err;
}

static void check_exact(struct cup_rnd *rnd, struct cup_pool *pool, struct cup_pool *scarce)
{
    struct sample    sample;
    struct cup_field nullable[ROWS_FIELD_COUNT];

    memcpy(nullable, rows_fields, sizeof nullable);
    for (uint32_t i = 0; i < ROWS_FIELD_COUNT; i++)
        nullable[i].flags = 0;
    begin_sample(&sample, rnd, pool);
    for (uint32_t number = 1; number <= FILES; number++)
        add_file(&sample, number, number < 3);
    struct cup_table *table = open_sample(&sample);
    for (int round = 0; round < 2; round++) {
        struct bytes    bytes = {0};
        struct cup_text stats = {0};
        uint64_t        rows  = 0;
        uint32_t        bad;
        CHECK(merge_all(table, round ? scarce : pool, &bytes, &stats, &rows, &bad) == CUP_OK);
        CHECK(rows == sample.row_count);
        check_file(&bytes, nullable, &sample.rows);
        CHECK(strstr(strstr(stats.at, "minValues"), "\"secret\"") >= strstr(stats.at, "nullCount"));
        cup_text_free(&stats);
        free(bytes.at);
    }
    cup_table_close(table);
    end_sample(&sample);
}

/* --- what cannot be merged --- */

/* The second of three files differs from the table in one way. */
static void check_bad(struct cup_rnd *rnd, struct cup_pool *pool, int kind)
{
    static const struct cup_field other[]   = {{.name = "id", .type = CUP_TYPE_INT}};
    static const struct cup_field further[] = {{.name = "id", .type = CUP_TYPE_LONG},
                                               {.name = "more", .type = CUP_TYPE_LONG}};
    static const enum cup_err errs[] = {CUP_UNSUPPORTED, CUP_UNSUPPORTED, CUP_CORRUPT, CUP_CORRUPT,
                                        CUP_CORRUPT};
    struct sample             sample;
    struct bytes              bytes = {0}, merged = {0};
    struct cup_text           stats = {0};
    struct cup_parquet       *file;
    struct cup_parquet_done   done;
    uint64_t                  rows;
    uint32_t                  bad = 99, columns = kind == 1 ? 2 : 1;

    begin_sample(&sample, rnd, pool);
    add_file(&sample, 1, false);
    CHECK(cup_parquet_open(pool, kind == 0 ? other : further, columns, CUP_CODEC_NONE,
                           (struct cup_sink){&bytes, put}, &file, NULL) == CUP_OK);
    CHECK(cup_parquet_finish(file, &stats, &done, NULL) == CUP_OK);
    if (kind != 4) write_file("part-0000000002-0-x.parquet", bytes.at, bytes.count);
    struct cup_delta_add add = {.path  = "part-0000000002-0-x.parquet",
                                .bytes = bytes.count + (kind == 2),
                                .stats = kind == 3 ? "{\"numRecords\":1}" : NULL};
    cup_delta_put_add(&sample.log, &add);
    add_file(&sample, 3, false);
    struct cup_table *table = open_sample(&sample);
    CHECK(merge_all(table, pool, &merged, &stats, &rows, &bad) == errs[kind] && bad == 1);
    cup_text_free(&stats);
    free(bytes.at);
    free(merged.at);
    cup_table_close(table);
    end_sample(&sample);
}

/* --- plans --- */

static struct cup_delta_state state_of(struct cup_delta_file *files, uint64_t count)
{
    return (struct cup_delta_state){.files = files, .file_count = count};
}

static struct cup_delta_file file_of(uint64_t epoch, const char *partition, uint64_t bytes)
{
    char path[64];

    snprintf(path, sizeof path, "%s/part-%010llu-0-u.parquet", partition,
             (unsigned long long)epoch);
    return (struct cup_delta_file){
        .path = strdup(path), .partition_json = (char *)(uintptr_t)partition, .bytes = bytes};
}

static void check_groups(void)
{
    struct cup_delta_file files[8];
    const uint64_t        bytes[] = {10, 20, 30, 750, 10, 20, 10, 5000};
    struct cup_groups     groups;

    for (uint32_t i = 0; i < 8; i++) /* the newest first; two partitions; ten digits and eleven */
        files[i] = file_of(10000000001ull - i, i == 4 || i == 5 ? "b" : "a", bytes[i]);
    struct cup_delta_state state = state_of(files, 8);
    CHECK(cup_groups_plan(&state, 1000, 2, &groups, NULL) == CUP_OK);
    CHECK(groups.count == 1 && groups.list[0].count == 4 && groups.list[0].bytes == 70);
    CHECK(groups.file_count == 4 && groups.bytes == 70);
    for (uint32_t i = 1; i < 4; i++) /* the oldest first; 750 is large, and b's larger one too */
        CHECK(cup_group_epoch(groups.list[0].inputs[i - 1]->path) <
              cup_group_epoch(groups.list[0].inputs[i]->path));
    cup_groups_free(&groups);
    CHECK(cup_groups_plan(&state, 1000, 5, &groups, NULL) == CUP_OK && groups.count == 0);
    cup_groups_free(&groups);
    CHECK(cup_groups_plan(&state, 40, 2, &groups, NULL) == CUP_OK);
    CHECK(groups.count == 1 && groups.list[0].count == 3); /* 30 is three quarters of 40 */
    cup_groups_free(&groups);
    for (uint32_t i = 0; i < 8; i++)
        free(files[i].path);
}

/* A file a round, merged whenever there are enough: a byte is written again only about log2 times.
 */
static void check_rewriting(struct cup_rnd *rnd)
{
    static struct cup_delta_file files[GROUP_FILES];
    uint64_t                     count = 0, made = 0, written = 0, most = 0;

    for (uint32_t round = 1; round <= 5000; round++) {
        struct cup_groups groups;
        uint64_t          bytes = 500 + cup_rnd_below(rnd, 1000);
        files[count++]          = file_of(round, "a", bytes);
        made += bytes;
        CHECK(count < GROUP_FILES);
        struct cup_delta_state state = state_of(files, count);
        CHECK(cup_groups_plan(&state, 1u << 20, 8, &groups, NULL) == CUP_OK);
        for (uint32_t g = 0; g < groups.count; g++)
            for (uint32_t i = 0; i < groups.list[g].count; i++) {
                struct cup_delta_file *gone = &files[groups.list[g].inputs[i] - files];
                free(gone->path);
                gone->path = NULL;
            }
        uint64_t kept = 0;
        for (uint64_t k = 0; k < count; k++)
            if (files[k].path != NULL) files[kept++] = files[k];
        count = kept;
        for (uint32_t g = 0; g < groups.count; g++)
            files[count++] = file_of(round, "a", groups.list[g].bytes);
        written += groups.bytes;
        most = count > most ? count : most;
        cup_groups_free(&groups);
    }
    CHECK(written < 10 * made && most < 40);
    for (uint64_t k = 0; k < count; k++)
        free(files[k].path);
}

static void check_units(void)
{
    uint64_t value = 7;

    CHECK(cup_units_bytes("128MiB", &value) && value == 128u << 20);
    CHECK(cup_units_bytes("5", &value) && value == 5);
    CHECK(!cup_units_bytes("5 MiB", &value) && !cup_units_bytes("", &value));
    CHECK(!cup_units_bytes("-5", &value) && !cup_units_bytes("99999999999999999GiB", &value));
    CHECK(cup_units_time("168h", &value) && value == 7 * 86400 * 1000000ull);
    CHECK(cup_units_time("7d", &value) && value == 7 * 86400 * 1000000ull);
    CHECK(!cup_units_time("7", &value) && !cup_units_time("h", &value));
}

int main(int argc, char **argv)
{
    struct cup_rnd  rnd = cup_test_begin(argc, argv);
    struct cup_pool pool, scarce;

    CHECK(mkdtemp(folder) != NULL);
    CHECK(cup_pool_init(&pool, POOL_BYTES, NULL) == CUP_OK);
    CHECK(cup_pool_init(&scarce, SCARCE_BYTES, NULL) == CUP_OK);
    for (int round = 0; round < 6; round++)
        check_exact(&rnd, &pool, &scarce);
    for (int kind = 0; kind < 5; kind++)
        check_bad(&rnd, &pool, kind);
    check_groups();
    check_rewriting(&rnd);
    check_units();
    cup_pool_fini(&pool);
    cup_pool_fini(&scarce);
    CHECK(rmdir(folder) == 0);
    return 0;
}
