// SPDX-License-Identifier: Apache-2.0
/* Goal:   each kind of change meets its policy, and its policy alone; a contract overrides the
 *         pipeline for its table.
 * Method: per kind, a table and a change to it under every policy that the kind has; members and
 *         DDL records as the data plane asks about them. */
#include "control/schema/catalog.h"

#include "tests/control/fixture.h"

#define ID           KEY(INT64("id"))
#define DOUBLE(name) "{\"type\":\"double\",\"optional\":true,\"field\":\"" name "\"}"
#define FLOAT(name)  "{\"type\":\"float\",\"optional\":true,\"field\":\"" name "\"}"

static struct cup_keep  keep;
static struct cup_text  says;
static enum cup_outcome outcome;

static enum cup_catalog_answer learn(struct cup_catalog *catalog, const char *schema)
{
    struct cup_catalog_unknown unknown = fixture_unknown("account", schema, ID);

    unknown.partition = 4;
    unknown.offset    = 99;
    outcome           = CUP_OUTCOME_ACCEPTED;
    return cup_catalog_learn(catalog, &unknown, &outcome, &says);
}

struct change {
    enum cup_change kind;
    const char     *before, *after;
    const char     *evolved; /* column that the last member goes to */
    bool            kept;    /* IGNORE: it goes to the column that is there */
};

static const struct change changes[] = {
    {CUP_CHANGE_COLUMNS, ENVELOPE(INT64("id")), ENVELOPE(INT64("id") "," INT32("n")), "n", false},
    {CUP_CHANGE_MISSING, ENVELOPE(INT64("id") "," INT32("n")), ENVELOPE(INT64("id")), "id", false},
    {CUP_CHANGE_WIDEN, ENVELOPE(INT64("id") "," INT32("n")), ENVELOPE(INT64("id") "," INT64("n")),
     "n__2", true},
    {CUP_CHANGE_WIDEN, ENVELOPE(INT64("id") "," DECIMAL("n", "9", "2")),
     ENVELOPE(INT64("id") "," DECIMAL("n", "18", "2")), "n__2", true},
    {CUP_CHANGE_WIDEN, ENVELOPE(INT64("id") "," FLOAT("n")), ENVELOPE(INT64("id") "," DOUBLE("n")),
     "n__2", false},
    {CUP_CHANGE_SCALE, ENVELOPE(INT64("id") "," DECIMAL("n", "18", "2")),
     ENVELOPE(INT64("id") "," DECIMAL("n", "20", "4")), "n__2", true},
    {CUP_CHANGE_SCALE, ENVELOPE(INT64("id") "," DECIMAL("n", "5", "3")),
     ENVELOPE(INT64("id") "," DECIMAL("n", "5", "2")), "n__2", true},
    {CUP_CHANGE_TYPES, ENVELOPE(INT64("id") "," STRING("n")), ENVELOPE(INT64("id") "," INT32("n")),
     "n__2", false},
    {CUP_CHANGE_UNITS, ENVELOPE(INT64("id") "," INT64("n")),
     ENVELOPE(INT64("id") "," SEMANTIC("int64", "io.debezium.time.MicroTime", "n")), "n__2", false},
};
#define CHANGE_CASES (sizeof(changes) / sizeof(changes[0]))

static const char *target(const struct cup_catalog *catalog)
{
    const struct cup_catalog_schema *schema = &catalog->schemas[catalog->schema_count - 1];
    uint32_t                         column = schema->fields[schema->field_count - 1].member_column;

    if (column == CUP_PLAN_IGNORED) return "(ignored)";
    return catalog->tables[schema->table].columns[column].name;
}

static void check_change(const struct change *change, enum cup_drift drift)
{
    struct cup_catalog           catalog = fixture_catalog(&keep);
    const struct cup_change_row *row     = cup_change_row(change->kind);

    for (int i = 0; i < CUP_CHANGE_COUNT; i++) /* all others would stop */
        catalog.drift.of[i] = CUP_DRIFT_HALT;
    catalog.drift.of[CUP_CHANGE_TABLES] = CUP_DRIFT_EVOLVE;
    if (!cup_drift_parse(change->kind, cup_drift_name(drift), &catalog.drift.of[change->kind]))
        return;
    CHECK(learn(&catalog, change->before) == CUP_CATALOG_PLAN);
    cup_text_free(&says);
    enum cup_catalog_answer answer = learn(&catalog, change->after);
    if (drift == CUP_DRIFT_HALT) {
        CHECK(answer == CUP_CATALOG_STOP && catalog.schema_count == 1);
        CHECK(strstr(says.at, "topic pg.bank.t, partition 4, offset 99") != NULL);
        CHECK(strstr(says.at, row->name) != NULL && strstr(says.at, row->property) != NULL);
        CHECK(fixture_said(&says, row->words));
        return;
    }
    CHECK(answer == CUP_CATALOG_PLAN && catalog.schema_count == 2);
    CHECK(catalog.schemas[1].quarantine == (drift == CUP_DRIFT_QUARANTINE));
    if (drift == CUP_DRIFT_EVOLVE) CHECK(strcmp(target(&catalog), change->evolved) == 0);
    if (drift == CUP_DRIFT_IGNORE && change->kind == CUP_CHANGE_COLUMNS)
        CHECK(strcmp(target(&catalog), "(ignored)") == 0);
    else if (drift == CUP_DRIFT_IGNORE)
        CHECK(strcmp(target(&catalog), change->kept ? "n" : "n__2") == 0);
    cup_text_free(&says);
    CHECK(learn(&catalog, change->before) == CUP_CATALOG_PLAN && says.bytes == 0); /* known */
}

static void check_changes(void)
{
    for (size_t i = 0; i < CHANGE_CASES; i++) {
        for (int d = 0; d < CUP_DRIFT_COUNT; d++)
            check_change(&changes[i], (enum cup_drift)d);
    }
}

/* Another order of members, another comment, a narrower type that fits: no drift. */
static void check_no_drift(void)
{
    struct cup_catalog catalog = fixture_catalog(&keep);

    for (int i = 0; i < CUP_CHANGE_COUNT; i++)
        catalog.drift.of[i] = CUP_DRIFT_HALT;
    catalog.drift.of[CUP_CHANGE_TABLES] = CUP_DRIFT_EVOLVE;
    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," INT64("n") "," DECIMAL("d", "20", "4"))) ==
          CUP_CATALOG_PLAN);
    cup_text_free(&says);
    CHECK(learn(&catalog, ENVELOPE(DECIMAL("d", "18", "2") "," INT32("n") "," INT64("id"))) ==
          CUP_CATALOG_PLAN);
    CHECK(says.bytes == 0 && catalog.tables[0].column_count == 3);
}

/* --- contracts --- */

static struct cup_catalog_column contract_columns[] = {
    {.name      = "id",
     .comment   = "",
     .member    = "id",
     .declared  = true,
     .key_place = 1,
     .is        = {.type = CUP_TYPE_LONG, .encoding = CUP_ENCODING_INT64}},
    {.name      = "n",
     .comment   = "",
     .member    = "n",
     .declared  = true,
     .generated = CUP_GENERATED_UNSET,
     .is        = {.type = CUP_TYPE_INT, .encoding = CUP_ENCODING_INT32}},
};

static struct cup_catalog declare(const char *source_db, const char *schema, const char *table,
                                  enum cup_change kind, enum cup_drift drift)
{
    struct cup_catalog       catalog = fixture_catalog(&keep);
    struct cup_catalog_table one     = {.source_name   = "pg",
                                        .source_db     = source_db,
                                        .source_schema = schema,
                                        .source_table  = table,
                                        .description   = "",
                                        .columns       = contract_columns,
                                        .column_count  = 2,
                                        .key_count     = 1,
                                        .drift         = cup_drift_default(),
                                        .contracted    = true};

    one.drift.of[kind] = (uint8_t)drift;
    CHECK(cup_catalog_declare(&catalog, &one, &says) == CUP_OK);
    return catalog;
}

static enum cup_catalog_answer ask(struct cup_catalog *catalog, enum cup_unknown_kind kind,
                                   const char *what)
{
    struct cup_catalog_unknown unknown = fixture_unknown("account", "", "");

    unknown.kind   = kind;
    unknown.what   = what;
    unknown.offset = 7;
    return cup_catalog_learn(catalog, &unknown, &outcome, &says);
}

static void check_bare(void)
{
    static const struct {
        enum cup_change kind;
        enum cup_drift  drift;
        uint8_t         unknown, lost;
    } cases[] = {
        {CUP_CHANGE_COLUMNS, CUP_DRIFT_EVOLVE, CUP_UNKNOWN_REFUSE, CUP_LOST_NULL},
        {CUP_CHANGE_COLUMNS, CUP_DRIFT_IGNORE, CUP_UNKNOWN_ASK, CUP_LOST_NULL},
        {CUP_CHANGE_COLUMNS, CUP_DRIFT_HALT, CUP_UNKNOWN_ASK, CUP_LOST_NULL},
        {CUP_CHANGE_MISSING, CUP_DRIFT_QUARANTINE, CUP_UNKNOWN_REFUSE, CUP_LOST_REFUSE},
        {CUP_CHANGE_MISSING, CUP_DRIFT_HALT, CUP_UNKNOWN_REFUSE, CUP_LOST_ASK},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cup_catalog catalog = declare("", "bank", "account", cases[i].kind, cases[i].drift);
        CHECK(catalog.schemas[0].unknown == cases[i].unknown);
        CHECK(catalog.schemas[0].lost == cases[i].lost);
    }
}

static void check_members(void)
{
    struct cup_catalog catalog =
        declare("", "bank", "account", CUP_CHANGE_COLUMNS, CUP_DRIFT_IGNORE);

    CHECK(ask(&catalog, CUP_UNKNOWN_KIND_MEMBER, "extra") == CUP_CATALOG_PLAN);
    CHECK(fixture_said(&says, "ignored the member \"extra\", first seen in topic pg.bank.t"));
    CHECK(ask(&catalog, CUP_UNKNOWN_KIND_MEMBER, "extra") == CUP_CATALOG_PLAN);
    CHECK(says.bytes == 0 && catalog.schemas[0].field_count == 3 && catalog.ignored_count == 1);
    CHECK(catalog.schemas[0].fields[2].member_column == CUP_PLAN_IGNORED);
    CHECK(strcmp(catalog.ignored[0].member, "extra") == 0);
    CHECK(catalog.tables[0].column_count == 2);
    for (int i = 0; catalog.schemas[0].unknown == CUP_UNKNOWN_ASK; i++) { /* a map, not a row */
        char name[16];
        snprintf(name, sizeof(name), "m%d", i);
        CHECK(i < 100);
        CHECK(ask(&catalog, CUP_UNKNOWN_KIND_MEMBER, cup_keep_string(&keep, name)) ==
              CUP_CATALOG_PLAN);
    }
    cup_text_free(&says);
    CHECK(catalog.schemas[0].unknown == CUP_UNKNOWN_IGNORE);
    CHECK(*catalog.ignored[catalog.schemas[0].slot].member == '\0');

    catalog = declare("", "bank", "account", CUP_CHANGE_COLUMNS, CUP_DRIFT_HALT);
    CHECK(ask(&catalog, CUP_UNKNOWN_KIND_MEMBER, "extra") == CUP_CATALOG_STOP);
    CHECK(strstr(says.at, "no column for the member \"extra\"") != NULL);
    CHECK(fixture_said(&says, "to go on from there: drift.columns in pipeline.yaml, or "
                              "driftColumns in the table's contract"));
    catalog = declare("", "bank", "account", CUP_CHANGE_MISSING, CUP_DRIFT_HALT);
    CHECK(ask(&catalog, CUP_UNKNOWN_KIND_MISSING, "n") == CUP_CATALOG_STOP);
    CHECK(fixture_said(&says, "the record lacks the member \"n\""));
}

/* The value's schema is known, the key is another one. */
static void check_key(void)
{
    struct cup_catalog catalog = fixture_catalog(&keep);

    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," INT64("b"))) == CUP_CATALOG_PLAN);
    cup_text_free(&says);
    CHECK(ask(&catalog, CUP_UNKNOWN_KIND_KEY, "b") == CUP_CATALOG_STOP);
    CHECK(fixture_said(&says, "the primary key of the records is not the table's (\"b\")"));
}

/* The contract's policy counts, not the pipeline's; what the source computes is not missed. */
static void check_override(void)
{
    struct cup_catalog catalog =
        declare("", "bank", "account", CUP_CHANGE_COLUMNS, CUP_DRIFT_QUARANTINE);

    catalog.drift.of[CUP_CHANGE_COLUMNS]           = CUP_DRIFT_HALT;
    catalog.tables[0].drift.of[CUP_CHANGE_MISSING] = CUP_DRIFT_HALT;
    CHECK(learn(&catalog, ENVELOPE(INT64("id"))) == CUP_CATALOG_PLAN);
    CHECK(says.bytes == 0 && !catalog.schemas[1].quarantine);
    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," STRING("x"))) == CUP_CATALOG_PLAN);
    CHECK(catalog.schemas[2].quarantine);
    CHECK(fixture_said(&says, "the drift policy is quarantine (drift.columns)"));
}

/* --- DDL records --- */

static enum cup_catalog_answer ddl(struct cup_catalog *catalog, const char *record)
{
    struct cup_catalog_unknown unknown = fixture_unknown("", record, "");

    unknown.kind          = CUP_UNKNOWN_KIND_DDL;
    unknown.what          = "000000000000000f";
    unknown.source_schema = "";
    unknown.source_db     = "shop";
    return cup_catalog_learn(catalog, &unknown, &outcome, &says);
}

#define DDL(statement, changes)                                                                    \
    "{\"databaseName\":\"shop\",\"ddl\":\"" statement "\",\"tableChanges\":[" changes "]}"
#define DROP(table) "{\"type\":\"DROP\",\"id\":\"\\\"shop\\\".\\\"" table "\\\"\",\"table\":null}"

static void check_ddl(void)
{
    static const struct {
        const char *record;
        bool        gone;
    } cases[] = {
        {DDL("DROP TABLE `orders`", DROP("orders")), true},
        {DDL("DROP TABLE a, orders, b", DROP("a") "," DROP("orders") "," DROP("b")), true},
        {DDL("RENAME TABLE orders TO kept", ""), true},
        {DDL("rename tables a to b, shop . `orders` nowait to c", ""), true},
        {DDL("RENAME TABLE IF EXISTS `orders` WAIT 5 TO kept", ""), true},
        {DDL("/* x */ ALTER TABLE `orders`\\n  RENAME TO kept", ""), true},
        {DDL("ALTER ONLINE TABLE orders ADD COLUMN x INT DEFAULT 'a''rename', RENAME AS kept", ""),
         true},
        {DDL("ALTER TABLE orders RENAME COLUMN a TO b", ""), false},
        {DDL("ALTER TABLE orders RENAME INDEX a TO b, RENAME KEY c TO d", ""), false},
        {DDL("ALTER TABLE a RENAME COLUMN orders TO b", ""), false},
        {DDL("ALTER TABLE orders COMMENT 'rename to x'", ""), false},
        {DDL("RENAME TABLE a TO orders", ""), false},
        {DDL("RENAME TABLE other.orders TO orders2", ""), false},
        {DDL("DROP TABLE order_items", DROP("order_items")), false},
        {DDL("DROP INDEX orders ON a", ""), false},
        {DDL("RENAME TABLE orders", ""), false},
        {DDL("RENAME", ""), false},
        {DDL("ALTER TABLE", ""), false},
        {"no JSON", false},
        {"{\"tableChanges\":[{\"type\":\"DROP\",\"id\":\"orders\"},{\"type\":\"DROP\"},7]}", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cup_catalog catalog =
            declare("shop", "", "orders", CUP_CHANGE_DROPPED, CUP_DRIFT_QUARANTINE);
        enum cup_catalog_answer answer = ddl(&catalog, cases[i].record);
        bool                    gone   = catalog.tables[0].stopped_pos != NULL;
        if (gone != cases[i].gone) fprintf(stderr, "%s\n", cases[i].record);
        CHECK(gone == cases[i].gone);
        CHECK(answer == (gone ? CUP_CATALOG_PLAN : CUP_CATALOG_REFUSE));
        CHECK(outcome == CUP_OUTCOME_SCHEMA_CHANGE);
        cup_text_free(&says);
        CHECK(ddl(&catalog, cases[i].record) == CUP_CATALOG_REFUSE); /* told already */
        cup_text_free(&says);
    }
}

static void check_ddl_policies(void)
{
    const char        *drop    = DDL("DROP TABLE orders", DROP("orders"));
    struct cup_catalog catalog = declare("shop", "", "orders", CUP_CHANGE_DROPPED, CUP_DRIFT_HALT);

    CHECK(ddl(&catalog, drop) == CUP_CATALOG_STOP);
    CHECK(fixture_said(&says, "drift.dropped in pipeline.yaml, or driftDropped in"));
    catalog = declare("shop", "", "orders", CUP_CHANGE_DROPPED, CUP_DRIFT_IGNORE);
    CHECK(ddl(&catalog, drop) == CUP_CATALOG_REFUSE && catalog.tables[0].stopped_pos == NULL);
    CHECK(fixture_said(&says, "the source has dropped it"));
}

static void check_words(void)
{
    uint8_t drift = 77;

    for (int i = 0; i < CUP_CHANGE_COUNT; i++) {
        const struct cup_change_row *row = cup_change_row((enum cup_change)i);
        CHECK(*row->text != '\0' && *row->words != '\0');
        CHECK(cup_drift_parse((enum cup_change)i, cup_drift_name((enum cup_drift)row->standard),
                              &drift));
        CHECK(drift == row->standard);
        CHECK(!cup_drift_parse((enum cup_change)i, "", &drift));
        CHECK(!cup_drift_parse((enum cup_change)i, "evolv", &drift));
        if (*row->property != '\0')
            CHECK(cup_change_of_property(row->property) == (enum cup_change)i);
    }
    CHECK(!cup_drift_parse(CUP_CHANGE_TYPES, "ignore", &drift));
    CHECK(!cup_drift_parse(CUP_CHANGE_DROPPED, "evolve", &drift));
    CHECK(cup_change_of_property("") == CUP_CHANGE_COUNT);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    keep = fixture_keep();
    check_words();
    check_changes();
    check_no_drift();
    check_bare();
    check_members();
    check_override();
    check_key();
    check_ddl();
    check_ddl_policies();
    cup_keep_close(&keep);
    return 0;
}
