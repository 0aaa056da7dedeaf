// SPDX-License-Identifier: Apache-2.0
/* Goal:   no input file ends the data plane, and every instruction level reads it alike: the same
 *         records, verdicts and rows.
 * Method: the first byte says form, compression and format; the rest is a file. Source and decode
 * run over it at the scalar level and at the best one; hashes of all they say must be equal. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "dataplane/decode/decode.h"
#include "dataplane/source/source.h"
#include "tests/dataplane/plan_maker.h"
#include "tests/fuzz/fuzz.h"

#define POOL_BYTES (16u << 20)
#define USES_MAX   64u /* of one decode: what it remembers of earlier files is part of the test */
#define FILE_FD    900
#define FILE_PATH  "/proc/self/fd/900"

enum choice { CHOICE_DUMP = 1, CHOICE_GZIP = 2, CHOICE_FORMAT = 4 }; /* a format is times 4 */
#define CHOICES (CHOICE_FORMAT * CUP_FORMAT_COUNT)

/* What is open for one choice and level. Opening costs more than reading a small file: decode
 * serves many files, as it serves many batches. */
struct run {
    struct cup_plan   *plan;
    struct cup_source *source;
    struct cup_decode *decode;
    uint32_t           use_count;
    uint64_t           hash, record_count, blank_count, end;
    struct cup_verdict verdicts[CUP_BATCH_RECORDS_MAX];
};

static struct cup_pool pool; /* kept: making one costs more than reading a small file */

static void mix(struct run *run, const void *bytes, size_t count)
{
    run->hash = cup_hash_bytes(run->hash, bytes, count);
}

static struct cup_plan *make_plan(const char *path, uint8_t choice, const char *kernels)
{
    static const struct cup_spec_column columns[] = {
        {.name = "id", .type = "long", .encoding = "int64", .key = 1, .required = 1},
        {.name = "n", .type = "decimal(10,2)", .encoding = "decimal_base64", .scale = 2},
        {.name = "t", .type = "string", .encoding = "string", .unavailable = 1},
        {.name = "d", .type = "timestamp", .encoding = "timestamp_zoned"},
        {.name = "x", .type = "double", .encoding = "double"},
        {.name = "b", .type = "binary", .encoding = "bytes_base64", .unavailable = 1},
        {.name = "u", .type = "string", .encoding = "uuid"},
        {.name = "v", .type = "string", .encoding = "decimal_variable"},
        {.name = "l", .type = "integer", .encoding = "list", .element = "int32", .unavailable = 1},
    };
    const uint32_t              count    = sizeof columns / sizeof *columns;
    const struct cup_spec_table tables[] = {
        {.schema = "s", .table = "t", .columns = columns, .column_count = count, .write_before = 1},
        {.schema = "s", .table = "f", .columns = columns, .column_count = 3, .images = 1}};
    const struct cup_spec_input inputs[] = {
        {.path  = path,
         .topic = "in",
         .form  = choice & CHOICE_DUMP ? CUP_INPUT_DUMP : CUP_INPUT_NDJSON,
         .gzip  = (choice & CHOICE_GZIP) != 0}};
    const struct cup_spec spec = {.tables           = tables,
                                  .table_count      = 2,
                                  .inputs           = inputs,
                                  .input_count      = 1,
                                  .kernels          = kernels,
                                  .format           = choice / CHOICE_FORMAT,
                                  .record_bytes_max = CUP_RECORD_BYTES_MIN,
                                  .until_end        = 1};

    return cup_spec_plan(&spec);
}

static const char *topic_of(const void *arg, uint32_t topic)
{
    const struct run *run = arg;

    return cup_source_topic(run->source, topic);
}

static void take(struct run *run, uint32_t table)
{
    struct cup_changes changes = cup_decode_changes(run->decode, table);

    mix(run, &changes.row_count, sizeof changes.row_count);
    for (uint32_t i = 0; i < changes.column_count && changes.row_count > 0; i++) {
        const struct cup_column *column = &changes.columns[i];
        mix(run, &column->null_count, sizeof column->null_count);
        for (uint32_t row = 0; row < changes.row_count; row++) {
            if (cup_column_is_null(column, row)) continue;
            if (column->vec == CUP_VEC_I64) mix(run, &column->i64[row], sizeof(int64_t));
            if (column->vec != CUP_VEC_VAR) continue;
            FUZZ_CHECK(column->offsets[row] <= column->offsets[row + 1]);
            mix(run, column->text + column->offsets[row],
                column->offsets[row + 1] - column->offsets[row]);
        }
    }
    cup_decode_taken(run->decode, table);
}

static void take_all(struct run *run)
{
    for (uint32_t i = 0; i < run->plan->tables.count; i++)
        take(run, i);
}

static void mix_verdict(struct run *run, const struct cup_verdict *verdict)
{
    const char *path = cup_decode_bad_path(run->decode, verdict->bad);

    FUZZ_CHECK(verdict->outcome < CUP_OUTCOME_COUNT);
    mix(run, &verdict->outcome, sizeof verdict->outcome);
    mix(run, &verdict->row_count, sizeof verdict->row_count);
    mix(run, &verdict->bad_at, sizeof verdict->bad_at);
    mix(run, path, strlen(path));
}

static void decode_batch(struct run *run, const struct cup_batch *batch)
{
    const struct cup_decode_stamp stamp = {.ingested_us = 1, .epoch = 1};
    uint32_t                      next  = 0;

    while (next < batch->record_count) {
        uint32_t             before = next;
        enum cup_decode_stop stop =
            cup_decode_batch(run->decode, batch, &stamp, &next, run->verdicts);
        for (uint32_t i = before; i < next; i++)
            mix_verdict(run, &run->verdicts[i]);
        if (stop == CUP_DECODE_FULL || stop == CUP_DECODE_SHORT) take_all(run);
        if (stop == CUP_DECODE_UNKNOWN) cup_decode_refuse(run->decode, CUP_OUTCOME_UNKNOWN_TABLE);
    }
}

static void close_run(struct run *run)
{
    cup_decode_close(run->decode);
    free(run->plan);
    *run = (struct run){0};
}

/* The source of decode's topics is set for each file: there is one topic. */
static void open_run(struct run *run, uint8_t choice, const char *kernels)
{
    struct cup_fault fault = {0};

    if (run->use_count == USES_MAX) close_run(run);
    if (run->use_count++ == 0) {
        run->plan = make_plan(FILE_PATH, choice, kernels);
        FUZZ_CHECK(cup_decode_open(run->plan, &pool, topic_of, run, &run->decode, &fault) ==
                   CUP_OK);
    }
    run->hash         = CUP_HASH_START;
    run->record_count = run->blank_count = run->end = 0;
}

/* Everything that source and decode say of the file, as one number. */
static uint64_t say(struct run *run, uint8_t choice, const char *kernels)
{
    static const uint32_t inputs[] = {0};
    static const uint64_t starts[] = {0};
    struct cup_fault      fault    = {0};
    struct cup_batch      batch;

    open_run(run, choice, kernels);
    FUZZ_CHECK(cup_source_open(run->plan, inputs, starts, 1, &pool, &run->source, &fault) ==
               CUP_OK);
    enum cup_err err = cup_source_next(run->source, &batch, &fault);
    for (; err == CUP_OK; err = cup_source_next(run->source, &batch, &fault)) {
        FUZZ_CHECK(batch.start == run->end && batch.end >= batch.start); /* no gap, no overlap */
        run->end = batch.end;
        run->record_count += batch.record_count;
        run->blank_count += batch.blank_count;
        decode_batch(run, &batch);
    }
    FUZZ_CHECK(err == CUP_END);
    take_all(run);
    mix(run, &run->record_count, sizeof run->record_count);
    mix(run, &run->blank_count, sizeof run->blank_count);
    cup_source_close(run->source);
    FUZZ_CHECK(pool.free_count == pool.block_count);
    return run->hash;
}

/* A file whose bytes are the input's; its path is always the same. */
static void write_file(const uint8_t *bytes, size_t count)
{
    static int fd = -1;

    if (fd < 0) {
        struct cup_fault fault = {0};
        FUZZ_CHECK(cup_pool_init(&pool, POOL_BYTES, &fault) == CUP_OK);
        int made = memfd_create("fuzz", MFD_CLOEXEC);
        fd       = dup2(made, FILE_FD);
        FUZZ_CHECK(made >= 0 && fd == FILE_FD);
    }
    FUZZ_CHECK(ftruncate(fd, 0) == 0);
    FUZZ_CHECK(pwrite(fd, bytes, count, 0) == (ssize_t)count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static struct run runs[2][CHOICES]; /* level, choice */

    if (count == 0) return 0;
    uint8_t choice = bytes[0] % CHOICES;
    write_file(bytes + 1, count - 1);
    FUZZ_CHECK(say(&runs[0][choice], choice, "scalar") == say(&runs[1][choice], choice, "auto"));
    return 0;
}
