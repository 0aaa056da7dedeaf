// SPDX-License-Identifier: Apache-2.0
/* Goal:   memory decides when rows are taken, never which rows there are: stops and refusals leave
 *         the columns as if nothing had happened.
 * Method: random records over several tables, a part of them bad in some way, decoded with ample
 *         and with scarce memory, and without the bad ones: all must give the same rows per table
 *         in the same order, and the same verdicts. */
#include "tests/check.h"
#include "tests/dataplane/decode/harness.h"
#include "tests/dataplane/plan_maker.h"

#define RECORDS 6000
#define TABLES  4
#define AMPLE   (64u << 20)
#define SCARCE  (5u << 20)

static const struct cup_spec_column columns[] = {
    {"id", "long", "int64", .key = 1},
    {"text", "string", "string", .unavailable = 1},
    {"amount", "decimal(18,2)", "decimal_text", .key = 0},
    {"flag", "boolean", "bool", .key = 0},
    {"ratio", "float", "float", .key = 0},
    {"list", "string", "list", .element = "string"},
    {"bits", "boolean", "list", .element = "bool"},
    {"days", "integer", "list", .element = "int32"},
    {"at", "timestamp", "timestamp_zoned", .key = 0},
};
static const struct cup_spec_table tables[TABLES] = {
    {.table = "a", .columns = columns, .column_count = 9},
    {.table        = "b",
     .columns      = columns,
     .column_count = 9,
     .images       = CUP_IMAGES_FULL,
     .write_before = 1},
    {.table = "c", .columns = columns, .column_count = 9},
    {.table = "d", .columns = columns, .column_count = 9},
};

/* Values that stop in the first, a middle and the last column, after text and list elements. */
static const char *const bad_tails[] = {
    "\"at\":\"2024-02-30T00:00:00Z\"",
    "\"at\":7",
    "\"more\":1",
    "\"flag\":1",
    "\"days\":[1,2,\"3\"]",
    "\"list\":[\"x\",\"y\",{}]",
    "\"amount\":\"1.005\"",
};

static void put_text(struct cup_text *text, struct cup_rnd *rnd, uint32_t most)
{
    uint32_t bytes = cup_rnd_below(rnd, most);

    cup_text_puts(text, "\"");
    for (uint32_t i = 0; i < bytes; i++)
        cup_text_puts(text, cup_rnd_below(rnd, 40) == 0 ? "\\u00e9" : "x");
    cup_text_puts(text, "\"");
}

static void put_list(struct cup_text *text, struct cup_rnd *rnd, const char *name, const char *item)
{
    uint32_t count = cup_rnd_below(rnd, cup_rnd_below(rnd, 200) == 0 ? 4000 : 6);

    cup_text_printf(text, ",\"%s\":[", name);
    for (uint32_t i = 0; i < count; i++)
        cup_text_printf(text, "%s%s", i > 0 ? "," : "", cup_rnd_below(rnd, 5) == 0 ? "null" : item);
    cup_text_puts(text, "]");
}

static void put_image(struct cup_text *text, struct cup_rnd *rnd, uint32_t id, bool bad)
{
    const char *tail = bad_tails[cup_rnd_below(rnd, sizeof bad_tails / sizeof *bad_tails)];

    cup_text_printf(text, "{\"id\":%u,\"text\":", id);
    put_text(text, rnd, cup_rnd_below(rnd, 50) == 0 ? 60000 : 80);
    if (bad && (tail[1] == 'f' || tail[2] == 'm')) {
        cup_text_printf(text, ",%s}", tail);
        return;
    }
    cup_text_printf(text, ",\"amount\":\"%u.25\",\"flag\":%s,\"ratio\":%u.5", id,
                    id % 3 == 0 ? "true" : "null", id % 1000);
    if (bad && tail[1] == 'l') {
        cup_text_printf(text, ",%s}", tail);
        return;
    }
    put_list(text, rnd, "list", "\"element\"");
    put_list(text, rnd, "bits", "true");
    if (bad && tail[1] == 'd') {
        cup_text_printf(text, ",%s}", tail);
        return;
    }
    put_list(text, rnd, "days", "77");
    cup_text_printf(text, ",%s}", bad ? tail : "\"at\":\"2024-02-29T12:34:56.1Z\"");
}

static void put_record(struct cup_text *text, struct cup_rnd *rnd, uint32_t id, bool bad)
{
    static const char ops[] = "ccuurdt";
    char              op    = ops[cup_rnd_below(rnd, sizeof ops - 1)];
    uint32_t          table = cup_rnd_below(rnd, cup_rnd_below(rnd, 2) ? TABLES : 1);

    if (bad && (op == 'd' || op == 't')) op = 'u';
    cup_text_clear(text);
    cup_text_printf(text,
                    "{\"op\":\"%c\",\"source\":{\"table\":\"%s\",\"connector\":\"postgresql\","
                    "\"lsn\":%u},\"before\":",
                    op, tables[table].table, id);
    if (op == 'u' || op == 'd')
        put_image(text, rnd, id, false);
    else
        cup_text_puts(text, "null");
    cup_text_puts(text, ",\"after\":");
    if (op == 'd' || op == 't')
        cup_text_puts(text, "null");
    else
        put_image(text, rnd, id, bad);
    cup_text_puts(text, "}");
}

struct inputs {
    struct cup_text texts[RECORDS];
    bool            bad[RECORDS];
};

static struct cup_harness *decode_all(const struct inputs *inputs, bool with_bad, size_t pool_bytes)
{
    struct cup_spec     spec    = {.tables = tables, .table_count = TABLES};
    struct cup_harness *harness = cup_harness_open(cup_spec_plan(&spec), pool_bytes);
    uint32_t            next    = 0;

    harness->silver = true;
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (inputs->bad[i] && !with_bad) continue;
        cup_harness_add_bytes(harness, inputs->texts[i].at, inputs->texts[i].bytes, NULL)->offset =
            i;
    }
    CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE);
    return harness;
}

/* Rows of one table in order; tables are taken in any order. */
static void compare(const struct cup_harness *a, const struct cup_harness *b)
{
    CHECK(a->row_count == b->row_count);
    for (uint32_t t = 0; t < TABLES; t++) {
        uint32_t j = 0;
        for (uint32_t i = 0; i < a->row_count; i++) {
            if (a->rows[i][0] != tables[t].table[0]) continue;
            while (j < b->row_count && b->rows[j][0] != tables[t].table[0])
                j++;
            CHECK(j < b->row_count);
            CHECK(strcmp(a->rows[i], b->rows[j]) == 0);
            j++;
        }
    }
}

static void check_verdicts(const struct inputs *inputs, const struct cup_harness *harness)
{
    for (uint32_t i = 0; i < RECORDS; i++)
        CHECK((harness->verdicts[i].outcome != CUP_OUTCOME_ACCEPTED) == inputs->bad[i]);
}

/* A record whose text alone needs more than half of the pool is refused, not waited for. */
static void check_too_large(void)
{
    struct cup_spec spec = {.tables = tables, .table_count = TABLES, .record_bytes_max = 4u << 20};
    struct cup_harness *harness = cup_harness_open(cup_spec_plan(&spec), SCARCE);
    struct cup_text     text    = {0};
    uint32_t            next    = 0;

    cup_text_puts(&text,
                  "{\"op\":\"c\",\"source\":{\"table\":\"a\"},\"after\":{\"id\":1,\"text\":\"");
    for (int i = 0; i < 3000000; i++)
        cup_text_puts(&text, "x");
    cup_text_puts(&text, "\"}}");
    cup_harness_add(harness, "{\"op\":\"c\",\"source\":{\"table\":\"a\"},\"after\":{\"id\":1}}",
                    NULL);
    cup_harness_add(harness, text.at, NULL);
    cup_harness_add(harness, "{\"op\":\"c\",\"source\":{\"table\":\"b\"},\"after\":{\"id\":2}}",
                    NULL);
    CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE);
    CHECK(harness->verdicts[1].outcome == CUP_OUTCOME_RECORD_TOO_LARGE);
    CHECK(strcmp(harness->paths[1], "after.text") == 0);
    CHECK(harness->row_count == 2 && harness->full_count > 0);
    cup_harness_close(harness);
    cup_text_free(&text);
}

int main(int argc, char **argv)
{
    static struct inputs inputs;
    struct cup_rnd       rnd = cup_test_begin(argc, argv);

    for (uint32_t i = 0; i < RECORDS; i++) {
        inputs.bad[i] = cup_rnd_below(&rnd, 10) == 0;
        put_record(&inputs.texts[i], &rnd, i, inputs.bad[i]);
    }
    struct cup_harness *ample  = decode_all(&inputs, true, AMPLE);
    struct cup_harness *scarce = decode_all(&inputs, true, SCARCE);
    struct cup_harness *good   = decode_all(&inputs, false, AMPLE);
    CHECK(ample->short_count == 0 && ample->full_count > 0);
    CHECK(scarce->short_count > 0);
    check_verdicts(&inputs, ample);
    check_verdicts(&inputs, scarce);
    compare(ample, scarce);
    compare(ample, good);
    cup_harness_close(ample);
    cup_harness_close(scarce);
    cup_harness_close(good);
    check_too_large();
    for (uint32_t i = 0; i < RECORDS; i++)
        cup_text_free(&inputs.texts[i]);
    return 0;
}
