// SPDX-License-Identifier: Apache-2.0
/* Goal:   drift does what the policy says, never changes a type or an index, and tells it in words.
 * Method: one table through a life of schemas; each policy; names that collide; keys that change;
 *         contracts met by embedded schemas. The lake has no tables here. */
#include "control/schema/catalog.h"

#include "tests/control/fixture.h"

#define ID KEY(INT64("id"))

static struct cup_keep  keep;
static struct cup_text  says;
static enum cup_outcome outcome;

static enum cup_catalog_answer learn(struct cup_catalog *catalog, const char *schema,
                                     const char *key)
{
    struct cup_catalog_unknown unknown = fixture_unknown("account", schema, key);
    outcome                            = CUP_OUTCOME_ACCEPTED;
    return cup_catalog_learn(catalog, &unknown, &outcome, &says);
}

static bool field_goes_to(const struct cup_catalog *catalog, uint32_t schema, uint32_t field,
                          const char *column)
{
    const struct cup_catalog_schema *of    = &catalog->schemas[schema];
    const struct cup_catalog_table  *table = &catalog->tables[of->table];

    CHECK(field < of->field_count);
    return strcmp(table->columns[of->fields[field].member_column].name, column) == 0;
}

/* numeric(18,2) -> (20,4), a column more, back again: as a bank's account table lived. */
static void check_life(void)
{
    struct cup_catalog catalog = fixture_catalog(&keep);

    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," DECIMAL("balance", "18", "2")), ID) ==
          CUP_CATALOG_PLAN);
    CHECK(fixture_said(&says, "default/silver/pg/bank/account: 2 columns, 1 of them the key"));
    CHECK(catalog.table_count == 1 && catalog.schema_count == 1);
    CHECK(catalog.tables[0].images == CUP_IMAGES_KEY_ONLY);
    CHECK(catalog.tables[0].columns[0].key_place == 1);

    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," DECIMAL("balance", "20", "4")), ID) ==
          CUP_CATALOG_PLAN);
    CHECK(fixture_said(&says, "new column balance__2 decimal(20,4)"));
    CHECK(catalog.tables[0].column_count == 3);
    CHECK(field_goes_to(&catalog, 1, 1, "balance__2"));
    CHECK(catalog.schemas[1].fields[1].is.wire_scale == 4);

    CHECK(learn(&catalog,
                ENVELOPE(INT32("id") "," DECIMAL("balance", "20", "4") "," STRING("branch")),
                KEY(INT32("id"))) == CUP_CATALOG_PLAN);
    CHECK(fixture_said(&says, "new column branch string"));
    CHECK(field_goes_to(&catalog, 2, 0, "id")); /* int32 into long */
    CHECK(catalog.schemas[2].fields[0].is.encoding == CUP_ENCODING_INT32);
    CHECK(field_goes_to(&catalog, 2, 1, "balance__2"));

    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," DECIMAL("balance", "10", "1")), ID) ==
          CUP_CATALOG_PLAN);
    CHECK(fixture_said(&says, "column branch is not in these records: null"));
    CHECK(field_goes_to(&catalog, 3, 1, "balance")); /* the first that it fits */

    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," STRING("balance")), "") == CUP_CATALOG_PLAN);
    CHECK(fixture_said(&says, "new column balance__3 string"));
    CHECK(catalog.tables[0].key_count == 1); /* a record without key does not unmake it */

    uint32_t schemas = catalog.schema_count;
    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," STRING("balance")), ID) == CUP_CATALOG_PLAN);
    CHECK(catalog.schema_count == schemas); /* known */
}

static void check_policies(void)
{
    const char        *first   = ENVELOPE(INT64("id") "," INT32("n"));
    const char        *more    = ENVELOPE(INT64("id") "," INT32("n") "," STRING("extra"));
    const char        *other   = ENVELOPE(INT64("id") "," STRING("n"));
    struct cup_catalog catalog = fixture_catalog(&keep);

    catalog.drift.of[CUP_CHANGE_COLUMNS] = CUP_DRIFT_IGNORE;
    CHECK(learn(&catalog, first, ID) == CUP_CATALOG_PLAN);
    cup_text_free(&says);
    CHECK(learn(&catalog, more, ID) == CUP_CATALOG_PLAN);
    CHECK(fixture_said(&says, "ignored the new column extra"));
    CHECK(catalog.tables[0].column_count == 2 && catalog.schemas[1].field_count == 3);
    CHECK(catalog.schemas[1].fields[2].member_column == CUP_PLAN_IGNORED);
    CHECK(strcmp(catalog.ignored[catalog.schemas[1].fields[2].slot].member, "extra") == 0);
    CHECK(!catalog.schemas[1].quarantine);

    catalog                              = fixture_catalog(&keep);
    catalog.drift.of[CUP_CHANGE_COLUMNS] = CUP_DRIFT_QUARANTINE;
    catalog.drift.of[CUP_CHANGE_TYPES]   = CUP_DRIFT_HALT;
    CHECK(learn(&catalog, first, ID) == CUP_CATALOG_PLAN); /* a new table's columns are no drift */
    cup_text_free(&says);
    CHECK(learn(&catalog, more, ID) == CUP_CATALOG_PLAN);
    CHECK(fixture_said(&says, "the drift policy is quarantine"));
    CHECK(catalog.schemas[1].quarantine && catalog.schemas[1].field_count == 0);
    CHECK(catalog.tables[0].column_count == 2);
    CHECK(learn(&catalog, other, ID) == CUP_CATALOG_STOP);
    CHECK(fixture_said(&says, "the drift policy is halt"));
    CHECK(catalog.tables[0].column_count == 2 && catalog.schema_count == 2);

    catalog                             = fixture_catalog(&keep);
    catalog.drift.of[CUP_CHANGE_TABLES] = CUP_DRIFT_QUARANTINE;
    CHECK(learn(&catalog, first, ID) == CUP_CATALOG_REFUSE);
    CHECK(outcome == CUP_OUTCOME_UNKNOWN_TABLE && catalog.table_count == 0);
    CHECK(fixture_said(&says, "pg.db.bank.account: no contract names this table"));
    catalog.drift.of[CUP_CHANGE_TABLES] = CUP_DRIFT_HALT;
    CHECK(learn(&catalog, first, ID) == CUP_CATALOG_STOP);
    cup_text_free(&says);
}

static void check_collisions(void)
{
    struct cup_catalog catalog = fixture_catalog(&keep);

    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," INT32("Name") "," STRING("name")), ID) ==
          CUP_CATALOG_REFUSE);
    CHECK(outcome == CUP_OUTCOME_SCHEMA_DRIFT && catalog.table_count == 0);
    CHECK(fixture_said(&says, "columns \"Name\" and \"name\" have one name"));
    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," INT32("a b") "," INT32("a_b")), ID) ==
          CUP_CATALOG_REFUSE);
    CHECK(fixture_said(&says, "columns \"a b\" and \"a_b\" have one name"));
    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," STRING("_op")), ID) == CUP_CATALOG_PLAN);
    CHECK(strcmp(catalog.tables[0].columns[1].name, "_op_") == 0);
    CHECK(strcmp(catalog.schemas[0].fields[1].member, "_op") == 0);
    cup_text_free(&says);

    /* a column of the source that is called like a version is left alone */
    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," INT32("n") "," STRING("n__2")), ID) ==
          CUP_CATALOG_PLAN);
    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," STRING("n") "," STRING("n__2")), ID) ==
          CUP_CATALOG_PLAN);
    CHECK(field_goes_to(&catalog, 2, 1, "n__3") && field_goes_to(&catalog, 2, 2, "n__2"));
    cup_text_free(&says);

    /* a text is no date because an earlier schema had a date there */
    CHECK(learn(&catalog,
                ENVELOPE(INT64("id") "," SEMANTIC("string", "io.debezium.time.IsoDate", "d")),
                ID) == CUP_CATALOG_PLAN);
    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," STRING("d")), ID) == CUP_CATALOG_PLAN);
    CHECK(field_goes_to(&catalog, 4, 1, "d__2"));
    cup_text_free(&says);

    struct cup_catalog_unknown unknown = fixture_unknown("ACCOUNT", ENVELOPE(INT64("id")), ID);
    CHECK(cup_catalog_learn(&catalog, &unknown, &outcome, &says) == CUP_CATALOG_REFUSE);
    CHECK(fixture_said(&says, "tables pg.db.bank.account and pg.db.bank.ACCOUNT would both"));
}

static void check_keys(void)
{
    struct cup_catalog catalog = fixture_catalog(&keep);
    const char        *schema  = ENVELOPE(INT64("id") "," INT64("other") "," STRING("note"));

    CHECK(learn(&catalog, schema, "") == CUP_CATALOG_PLAN);
    CHECK(catalog.tables[0].images == CUP_IMAGES_FULL && catalog.tables[0].key_count == 0);
    CHECK(catalog.schemas[0].fields[2].is.unavailable == 0); /* full images: always sent */
    cup_text_free(&says);
    CHECK(learn(&catalog, ENVELOPE(INT64("id") "," INT64("other")), ID) == CUP_CATALOG_PLAN);
    CHECK(catalog.tables[0].images == CUP_IMAGES_KEY_ONLY && catalog.tables[0].key_count == 1);
    CHECK(learn(&catalog, ENVELOPE(INT64("other") "," INT64("id")), KEY(INT64("other"))) ==
          CUP_CATALOG_STOP);
    CHECK(fixture_said(&says, "the primary key of the records is not the table's"));

    struct cup_catalog two = fixture_catalog(&keep);
    CHECK(learn(&two, schema, KEY(INT64("other") "," INT64("id"))) == CUP_CATALOG_PLAN);
    CHECK(two.tables[0].columns[0].key_place == 2 && two.tables[0].columns[1].key_place == 1);
    CHECK(learn(&two, ENVELOPE(INT64("id") "," INT64("other")), ID) == CUP_CATALOG_STOP);
    cup_text_free(&says); /* a part of the key is another key */

    struct cup_catalog         mysql   = fixture_catalog(&keep);
    struct cup_catalog_unknown unknown = fixture_unknown("t", schema, ID);
    unknown.connector                  = "mysql";
    unknown.source_schema              = "";
    CHECK(cup_catalog_learn(&mysql, &unknown, &outcome, &says) == CUP_CATALOG_PLAN);
    CHECK(mysql.tables[0].images == CUP_IMAGES_FULL && mysql.tables[0].key_count == 1);
    CHECK(fixture_said(&says, "default/silver/pg/db/t")); /* the database stands in */
}

static void check_no_schema(void)
{
    struct cup_catalog catalog = fixture_catalog(&keep);

    CHECK(learn(&catalog, "", "") == CUP_CATALOG_STOP);
    CHECK(fixture_said(&says, "table pg.db.bank.account (topic pg.bank.t): its records carry no"));
    CHECK(learn(&catalog, ENVELOPE(INT64("id")), ID) == CUP_CATALOG_PLAN);
    cup_text_free(&says);
    CHECK(learn(&catalog, "", "") == CUP_CATALOG_REFUSE); /* one stray among good ones */
    CHECK(outcome == CUP_OUTCOME_UNKNOWN_TABLE);
    CHECK(fixture_said(&says, "they go to quarantine"));

    struct cup_catalog_unknown unknown = fixture_unknown("", ENVELOPE(INT64("id")), ID);
    CHECK(cup_catalog_learn(&catalog, &unknown, &outcome, &says) == CUP_CATALOG_REFUSE);
    CHECK(learn(&catalog, ENVELOPE(SEMANTIC("bytes", "io.debezium.data.Unheard", "b")), "") ==
          CUP_CATALOG_PLAN);
    CHECK(catalog.schemas[1].quarantine);
    CHECK(fixture_said(&says, "its records go to quarantine"));
}

/* A contract knows what the schema cannot say: text that is a decimal, bytes that are hex. */
static void check_contract(void)
{
    struct cup_catalog        catalog   = fixture_catalog(&keep);
    struct cup_catalog_column columns[] = {
        {.name      = "id",
         .comment   = "",
         .member    = "id",
         .declared  = true,
         .key_place = 1,
         .is        = {.type = CUP_TYPE_LONG, .encoding = CUP_ENCODING_INT64}},
        {.name     = "amount",
         .comment  = "",
         .member   = "n",
         .declared = true,
         .is       = {.type       = CUP_TYPE_DECIMAL,
                      .precision  = 18,
                      .scale      = 2,
                      .encoding   = CUP_ENCODING_DECIMAL_TEXT,
                      .wire_scale = 2}},
        {.name     = "at",
         .comment  = "",
         .member   = "at",
         .declared = true,
         .is       = {.type = CUP_TYPE_TIMESTAMP, .encoding = CUP_ENCODING_TIMESTAMP_US}},
    };
    struct cup_catalog_table table = {.source_name   = "",
                                      .source_db     = "",
                                      .source_schema = "bank",
                                      .source_table  = "account",
                                      .description   = "",
                                      .columns       = columns,
                                      .column_count  = 3,
                                      .key_count     = 1,
                                      .contracted    = true};

    catalog.source = "core";
    CHECK(cup_catalog_declare(&catalog, &table, &says) == CUP_OK);
    CHECK(strcmp(catalog.tables[0].path, "default/silver/core/bank/account") == 0);
    CHECK(catalog.schema_count == 1 && catalog.schemas[0].text_bytes == 0);
    CHECK(field_goes_to(&catalog, 0, 1, "amount"));
    CHECK(learn(&catalog, "", "") == CUP_CATALOG_PLAN);

    catalog.tables[0].drift.of[CUP_CHANGE_COLUMNS] = CUP_DRIFT_IGNORE; /* its own policy */
    CHECK(learn(&catalog,
                ENVELOPE(INT32("id") "," STRING("n") "," SEMANTIC(
                    "int64", "io.debezium.time.Timestamp", "at") "," STRING("x")),
                ID) == CUP_CATALOG_PLAN);
    CHECK(catalog.schemas[1].field_count == 4 && catalog.tables[0].column_count == 3);
    CHECK(field_goes_to(&catalog, 1, 1, "amount"));
    CHECK(catalog.schemas[1].fields[1].is.encoding == CUP_ENCODING_DECIMAL_TEXT);
    CHECK(catalog.schemas[1].fields[2].is.encoding == CUP_ENCODING_TIMESTAMP_MS);
    CHECK(field_goes_to(&catalog, 1, 2, "at"));
    CHECK(catalog.schemas[1].fields[3].member_column == CUP_PLAN_IGNORED);
    cup_text_free(&says);
    CHECK(cup_catalog_declare(&catalog, &table, &says) == CUP_BAD_CONFIG);
    CHECK(fixture_said(&says, "would both be written to default/silver/core/bank/account"));
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    keep = fixture_keep();
    check_life();
    check_policies();
    check_collisions();
    check_keys();
    check_no_schema();
    check_contract();
    cup_keep_close(&keep);
    return 0;
}
