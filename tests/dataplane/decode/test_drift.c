// SPDX-License-Identifier: Apache-2.0
/* Goal:   records that are not as the plan's fields say do what the drift policy says, and leave
 *         nothing behind when they park.
 * Method: tables that differ in their policies only, met by the same records: as planned, with a
 *         member more, with one less. Rows, verdicts and counts are written down here. */
#include "tests/check.h"
#include "tests/dataplane/decode/harness.h"
#include "tests/dataplane/plan_maker.h"

#define SOURCE(table, pos)                                                                         \
    "\"source\":{\"connector\":\"mariadb\",\"name\":\"my\",\"ts_ms\":1700000000123,"               \
    "\"snapshot\":\"false\",\"db\":\"shop\",\"table\":\"" table "\",\"file\":\"b.000001\","        \
    "\"pos\":" pos ",\"row\":0}"
#define AT(table, pos, after)                                                                      \
    "{\"before\":null,\"after\":" after "," SOURCE(table, pos) ",\"op\":\"c\",\"ts_ms\":1}"
#define EVENT(table, after) AT(table, "500", after)
#define DDL(snapshot, statement)                                                                   \
    "{\"source\":{\"connector\":\"mariadb\",\"name\":\"my\",\"snapshot\":\"" snapshot              \
    "\",\"db\":\"shop\",\"table\":\"ask\",\"file\":\"b.000001\",\"pos\":600,\"row\":0},"           \
    "\"ts_ms\":1,\"databaseName\":\"shop\",\"ddl\":\"" statement "\",\"tableChanges\":[]}"
#define FULL        "{\"id\":1,\"a\":\"x\",\"b\":2,\"old\":3}"
#define MORE        "{\"id\":2,\"a\":\"x\",\"b\":2,\"old\":3,\"new\":4}"
#define LESS        "{\"id\":3,\"a\":\"x\",\"old\":[3]}"
#define POS         "0000000000000001000000000000025800000000" /* b.000001, 600, row 0 */
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct cup_spec_column columns[] = {
    {"id", "long", "int64", .key = 1},
    {"a", "string", "string", .key = 0},
    {"b", "integer", "int32", .key = 0},
    {"old", "integer", "int32", .ignored_slot = 7},
};
static const struct cup_spec_column computed[] = {
    {"id", "long", "int64", .key = 1},
    {"a", "string", "string", .key = 0},
    {"b", "integer", "int32", .generated = CUP_GENERATED_UNSET},
    {"c", "integer", "int32", .generated = CUP_GENERATED_NULL, .required = 1},
    {"old", "integer", "int32", .ignored_slot = 7},
    {"d", "integer", NULL, .generated = CUP_GENERATED_UNSET},
};
#define TABLE(is, ...)                                                                             \
    {                                                                                              \
        .name = "my", .db = "shop", .table = is, .columns = columns, .column_count = 4,            \
        __VA_ARGS__                                                                                \
    }
static const char *const           without_contract[] = {""};
static const struct cup_spec_table tables[]           = {
              TABLE("refuse", .lost = CUP_LOST_REFUSE),
              TABLE("ignore", .unknown = CUP_UNKNOWN_IGNORE, .slot = 9),
              TABLE("ask", .unknown = CUP_UNKNOWN_ASK, .lost = CUP_LOST_ASK),
              TABLE("stopped", .stopped_pos = POS),
              TABLE("gone", .stopped_pos = ""),
              {.name         = "my",
               .db           = "shop",
               .table        = "open",
               .columns      = columns,
               .column_count = 4,
               .texts        = without_contract,
               .text_count   = 1},
              {.name         = "my",
               .db           = "shop",
               .table        = "computed",
               .columns      = computed,
               .column_count = 6,
               .lost         = CUP_LOST_REFUSE},
};

static struct cup_harness *open_harness(void)
{
    struct cup_plan *plan =
        cup_spec_plan(&(struct cup_spec){.tables = tables, .table_count = COUNT(tables)});

    plan->ask_changes = 1;
    return cup_harness_open(plan, 64u << 20);
}

static void check_counts(struct cup_harness *harness, uint64_t seven, uint64_t nine)
{
    _Atomic uint64_t totals[CUP_PLAN_IGNORED_SLOTS] = {0};

    cup_decode_move_ignored(harness->decode, totals);
    CHECK(totals[7] == seven && totals[9] == nine);
    CHECK(totals[0] == 0 && totals[CUP_PLAN_IGNORED_SLOTS - 1] == 0);
    totals[7] = totals[9] = 0;
    cup_decode_move_ignored(harness->decode, totals);
    CHECK(totals[7] == 0 && totals[9] == 0); /* they have moved */
}

static void expect(const struct cup_harness *harness, uint32_t record, enum cup_outcome outcome,
                   const char *path)
{
    CHECK(harness->verdicts[record].outcome == outcome);
    CHECK(strcmp(harness->paths[record], path) == 0);
}

/* Members that are ignored by name leave no trace but their count; the others by policy. */
static void check_members(void)
{
    struct cup_harness *harness = open_harness();
    uint32_t            next    = 0;

    (void)cup_harness_add(harness, EVENT("refuse", FULL), NULL);
    (void)cup_harness_add(harness, EVENT("refuse", MORE), NULL);
    (void)cup_harness_add(harness, EVENT("refuse", LESS), NULL);
    (void)cup_harness_add(harness, EVENT("ignore", FULL), NULL);
    (void)cup_harness_add(harness, EVENT("ignore", MORE), NULL);
    (void)cup_harness_add(harness, EVENT("ignore", LESS), NULL);
    (void)cup_harness_add(harness, EVENT("ignore", "{\"x\":1,\"id\":7,\"y\":[1,{}],\"b\":\"\"}"),
                          NULL);
    CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE);
    expect(harness, 0, CUP_OUTCOME_ACCEPTED, "");
    expect(harness, 1, CUP_OUTCOME_SCHEMA_DRIFT, "after.new");
    expect(harness, 2, CUP_OUTCOME_MISSING_FIELD, "after.b");
    expect(harness, 3, CUP_OUTCOME_ACCEPTED, "");
    expect(harness, 4, CUP_OUTCOME_ACCEPTED, "");
    expect(harness, 5, CUP_OUTCOME_ACCEPTED, "");
    expect(harness, 6, CUP_OUTCOME_TYPE_MISMATCH, "after.b");
    check_counts(harness, 4, 1); /* nothing of what was refused */
    cup_harness_close(harness);
}

static void check_parks(void)
{
    static const struct {
        const char           *record;
        enum cup_unknown_kind kind;
        const char           *what;
    } cases[] = {
        {EVENT("ask", MORE), CUP_UNKNOWN_KIND_MEMBER, "new"},
        {EVENT("ask", "{\"id\":2,\"n\\u0065w\":4}"), CUP_UNKNOWN_KIND_MEMBER, "new"},
        {EVENT("ask", LESS), CUP_UNKNOWN_KIND_MISSING, "b"},
        {DDL("false", "DROP TABLE `ask`"), CUP_UNKNOWN_KIND_DDL, POS},
        {DDL("false", "alter table ask Rename to x"), CUP_UNKNOWN_KIND_DDL, POS},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cup_harness *harness = open_harness();
        uint32_t            next    = 0;
        harness->partition          = 3;
        (void)cup_harness_add(harness, EVENT("ask", FULL), NULL);
        (void)cup_harness_add(harness, cases[i].record, NULL);
        CHECK(cup_harness_run(harness, &next) == CUP_DECODE_UNKNOWN && next == 1);
        const struct cup_decode_unknown *unknown = cup_decode_unknown(harness->decode);
        CHECK(unknown->kind == cases[i].kind && strcmp(unknown->what, cases[i].what) == 0);
        CHECK(unknown->partition == 3 && unknown->offset == 101);
        CHECK(strcmp(unknown->source_table, "ask") == 0);
        CHECK(strcmp(unknown->source_db, "shop") == 0);
        check_counts(harness, 1, 0); /* the parked record has not happened */
        if (cases[i].kind == CUP_UNKNOWN_KIND_DDL) {
            cup_decode_refuse(harness->decode, CUP_OUTCOME_SCHEMA_CHANGE);
            CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE && next == 2);
            expect(harness, 1, CUP_OUTCOME_SCHEMA_CHANGE, "");
        }
        cup_harness_close(harness);
    }
}

/* What nobody has to be asked about, and a plan that does not ask. */
static void check_quiet_ddl(void)
{
    struct cup_harness *harness = open_harness();
    uint32_t            next    = 0;

    (void)cup_harness_add(harness, DDL("true", "DROP TABLE IF EXISTS `ask`"), NULL);
    (void)cup_harness_add(harness, DDL("false", "ALTER TABLE ask ADD COLUMN x INT"), NULL);
    CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE);
    expect(harness, 0, CUP_OUTCOME_SCHEMA_CHANGE, "");
    expect(harness, 1, CUP_OUTCOME_SCHEMA_CHANGE, "");
    cup_harness_clear(harness);
    harness->plan->ask_changes = 0;
    (void)cup_harness_add(harness, DDL("false", "DROP TABLE `ask`"), NULL);
    next = 0;
    CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE);
    expect(harness, 0, CUP_OUTCOME_SCHEMA_CHANGE, "");
    cup_harness_close(harness);
}

static void check_stopped(void)
{
    struct cup_harness *harness = open_harness();
    uint32_t            next    = 0;

    (void)cup_harness_add(harness, AT("stopped", "599", FULL), NULL);
    (void)cup_harness_add(harness, AT("stopped", "601", FULL), NULL);
    (void)cup_harness_add(harness, AT("stopped", "600", FULL), NULL);
    (void)cup_harness_add(harness, AT("gone", "1", FULL), NULL);
    CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE);
    expect(harness, 0, CUP_OUTCOME_ACCEPTED, "");
    expect(harness, 1, CUP_OUTCOME_SCHEMA_DRIFT, "");
    expect(harness, 2, CUP_OUTCOME_ACCEPTED, "");
    expect(harness, 3, CUP_OUTCOME_SCHEMA_DRIFT, "");
    cup_harness_close(harness);
}

/* What the source computes is null when it is not sent, and said to be unset where that is meant;
 * other columns of the table have their own policy. */
static void check_generated(void)
{
    struct cup_harness *harness = open_harness();
    uint32_t            next    = 0;

    harness->silver = true;
    (void)cup_harness_add(harness, EVENT("computed", "{\"id\":1,\"a\":\"x\",\"b\":2,\"c\":5}"),
                          NULL);
    (void)cup_harness_add(harness, EVENT("computed", "{\"id\":2,\"a\":\"x\"}"), NULL);
    (void)cup_harness_add(harness, EVENT("computed", "{\"id\":3,\"b\":1,\"c\":1}"), NULL);
    CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE);
    expect(harness, 2, CUP_OUTCOME_MISSING_FIELD, "after.a");
    CHECK(harness->row_count == 2);
    CHECK(strstr(harness->rows[0], "b=2 c=5") != NULL);
    CHECK(strstr(harness->rows[0], "_unset=[d]") != NULL);
    CHECK(strstr(harness->rows[1], "a=x") != NULL && strstr(harness->rows[1], " c=") == NULL);
    CHECK(strstr(harness->rows[1], "_unset=[b,d]") != NULL);
    cup_harness_close(harness);
}

/* Without a contract the first key counts, and another one is for a person to decide. Members that
 * are no columns are a transform's. */
static void check_keys(void)
{
    static const struct {
        const char *table, *key, *what;
    } cases[] = {
        {EVENT("open", FULL), "{\"id\":1,\"b\":2}", "b"},
        {EVENT("open", FULL), "{\"b\":2}", "id"},
        {EVENT("open", FULL), "{\"id\":1,\"__routed\":2}", NULL},
        {EVENT("open", FULL), "{\"id\": 1}", NULL},
        {EVENT("ask", FULL), "{\"id\":1,\"b\":2}", NULL}, /* its contract says the key */
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cup_harness *harness = open_harness();
        uint32_t            next    = 0;
        (void)cup_harness_add(harness, cases[i].table, cases[i].key);
        enum cup_decode_stop stop = cup_harness_run(harness, &next);
        CHECK(stop == (cases[i].what == NULL ? CUP_DECODE_DONE : CUP_DECODE_UNKNOWN));
        const struct cup_decode_unknown *unknown = cup_decode_unknown(harness->decode);
        if (cases[i].what == NULL)
            expect(harness, 0, CUP_OUTCOME_ACCEPTED, "");
        else
            CHECK(unknown->kind == CUP_UNKNOWN_KIND_KEY &&
                  strcmp(unknown->what, cases[i].what) == 0);
        cup_harness_close(harness);
    }
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    check_members();
    check_parks();
    check_quiet_ddl();
    check_stopped();
    check_generated();
    check_keys();
    return 0;
}
