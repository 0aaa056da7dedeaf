// SPDX-License-Identifier: Apache-2.0
/* Goal:   what decode remembers of keys never changes rows or verdicts.
 * Method: seeded records of some tables, members of events, sources and images in orders that come
 *         again, left out, strange, or of another kind; each goes to a decode that remembers and to
 *         one whose notes are wiped before every record. Rows, verdicts and paths must be equal. */
#include "base/text.h"
#include "dataplane/decode/decode_priv.h"
#include "kernels/json/json_priv.h"
#include "tests/check.h"
#include "tests/dataplane/decode/harness.h"
#include "tests/dataplane/plan_maker.h"

#define RECORDS 20000u

static const struct cup_spec_column left_columns[] = {
    {"id", "long", "int64", .key = 1},
    {"name", "string", "string", .key = 0},
    {"lsn", "integer", "int32", .key = 0},
    {"source", "string", "string", .key = 0},
};
static const struct cup_spec_column right_columns[] = {
    {"name", "string", "string", .key = 0},
    {"id", "integer", "int32", .key = 1},
    {"op", "string", "string", .key = 0},
};
static const struct cup_spec_table tables[] = {
    {.schema = "s", .table = "left", .columns = left_columns, .column_count = 4},
    {.schema = "s", .table = "right", .columns = right_columns, .column_count = 3},
};

static uint32_t outcomes[CUP_OUTCOME_COUNT], note_hits;

/* Members of `names`, from a start that is one of few; some left out, some of another kind. */
static void put_members(struct cup_text *out, struct cup_rnd *rnd, const char *const *members,
                        uint32_t count)
{
    uint32_t start = cup_rnd_below(rnd, 20) == 0 ? cup_rnd_below(rnd, count) : 0;
    bool     first = true;

    for (uint32_t i = 0; i < count; i++) {
        const char *member = members[(start + i) % count];
        if (cup_rnd_below(rnd, 30) == 0) continue;
        cup_text_printf(out, "%s", first ? "" : ",");
        if (cup_rnd_below(rnd, 30) == 0)
            cup_text_printf(out, "\"odd%u\":{\"lsn\":[1]},", cup_rnd_below(rnd, 3));
        if (cup_rnd_below(rnd, 200) == 0)
            cup_text_printf(out, "%.*s:{}", (int)(strchr(member, ':') - member), member);
        else
            cup_text_printf(out, member, cup_rnd_below(rnd, 3) ? "left" : "right",
                            cup_rnd_below(rnd, 1000));
        first = false;
    }
}

static void put_record(struct cup_text *out, struct cup_rnd *rnd)
{
    static const char *const left[]    = {"\"id\":7%2$u", "\"name\":\"x%2$u\"", "\"lsn\":%2$u",
                                          "\"source\":\"y%1$s\""};
    static const char *const right[]   = {"\"name\":\"z%2$u\"", "\"id\":%2$u", "\"op\":\"%1$s\""};
    static const char *const sources[] = {"\"version\":\"3%2$u\"", "\"connector\":\"postgresql\"",
                                          "\"schema\":\"s\"",      "\"table\":\"%1$s\"",
                                          "\"lsn\":%2$u",          "\"txId\":9%2$u",
                                          "\"ts_us\":17%2$u",      "\"snapshot\":\"%1$s\""};
    bool                     is_left   = cup_rnd_below(rnd, 2);

    cup_text_printf(out, "{\"before\":null,\"after\":{");
    put_members(out, rnd, is_left ? left : right, is_left ? 4 : 3);
    cup_text_printf(out, "},\"%s\":{", cup_rnd_below(rnd, 100) ? "source" : "\\u0073ource");
    put_members(out, rnd, sources, cup_rnd_below(rnd, 10) ? 8 : 6);
    cup_text_printf(out, "},\"op\":\"%s\",\"ts_ms\":5}", cup_rnd_below(rnd, 2) ? "c" : "u");
}

static struct cup_harness *open_harness(void)
{
    struct cup_harness *harness = cup_harness_open(
        cup_spec_plan(&(struct cup_spec){.tables = tables, .table_count = 2}), 16u << 20);

    harness->silver = true;
    return harness;
}

static enum cup_decode_stop decode_one(struct cup_harness *harness, const char *value)
{
    uint32_t next = 0;

    cup_harness_clear(harness);
    cup_harness_add(harness, value, NULL);
    return cup_harness_run(harness, &next);
}

static void compare(struct cup_harness *warm, struct cup_harness *cold, const char *value,
                    bool renew)
{
    struct cup_source_note none = {0};

    /* now and then the parser begins its ids anew, as if it had seen much rubbish */
    if (renew) warm->decode->values->habit_refused_count = UINT32_MAX / 2;
    note_hits += warm->decode->source_note.key_id != 0;
    memset(cold->decode->notes, 0, CUP_JSON_KEY_IDS * sizeof *cold->decode->notes);
    cold->decode->source_note = none;
    enum cup_decode_stop stop = decode_one(warm, value);
    CHECK(stop == decode_one(cold, value));
    if (stop == CUP_DECODE_UNKNOWN) return;
    const struct cup_verdict *a = &warm->verdicts[0], *b = &cold->verdicts[0];
    outcomes[b->outcome]++;
    if (a->outcome != b->outcome || warm->row_count != cold->row_count)
        fprintf(stderr, "%s\n", value);
    CHECK(a->outcome == b->outcome && a->bad_at == b->bad_at && a->table == b->table);
    CHECK(strcmp(warm->paths[0], cold->paths[0]) == 0);
    CHECK(warm->row_count == cold->row_count);
    for (uint32_t i = 0; i < warm->row_count; i++)
        CHECK(strcmp(warm->rows[i], cold->rows[i]) == 0);
}

/* A source with members that are no scalars: nodes at equal distances are other members. */
static void check_nested(struct cup_harness *warm, struct cup_harness *cold)
{
#define NESTED(last)                                                                               \
    "{\"after\":{\"name\":\"z\",\"id\":1,\"op\":\"x\"},\"op\":\"c\",\"source\":{\"odd\":{\"a\":["  \
    "1]},"                                                                                         \
    "\"schema\":\"s\",\"table\":\"right\",\"connector\":\"postgresql\",\"lsn\":7," last "}}"
    for (int i = 0; i < 4; i++) {
        compare(warm, cold, NESTED("\"ts_us\":17"), false);
        compare(warm, cold, NESTED("\"txId\":9"), false);
        CHECK(strstr(warm->rows[0], "_tx=9") != NULL);
    }
#undef NESTED
}

int main(int argc, char **argv)
{
    struct cup_rnd      rnd  = cup_test_begin(argc, argv);
    struct cup_harness *warm = open_harness(), *cold = open_harness();
    struct cup_text     value = {0};

    check_nested(warm, cold);
    for (uint32_t i = 0; i < RECORDS; i++) {
        cup_text_clear(&value);
        put_record(&value, &rnd);
        compare(warm, cold, value.at, cup_rnd_below(&rnd, 500) == 0);
    }
    CHECK(outcomes[CUP_OUTCOME_ACCEPTED] > RECORDS / 10);
    CHECK(outcomes[CUP_OUTCOME_SCHEMA_DRIFT] > 100);
    CHECK(outcomes[CUP_OUTCOME_FORMAT_MISMATCH] > 100);
    CHECK(note_hits > RECORDS / 2);
    cup_text_free(&value);
    cup_harness_close(warm);
    cup_harness_close(cold);
    return 0;
}
