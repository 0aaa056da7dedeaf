// SPDX-License-Identifier: Apache-2.0
/* Goal:   columns that the lake has stay first and keep their types, also in a later run.
 * Method: a Delta log written by hand; an embedded schema and a contract meet it. */
#include "control/schema/existing.h"

#include "tests/control/fixture.h"

#define FIELD(name, type)                                                                          \
    "{\\\"name\\\":\\\"" name "\\\",\\\"type\\\":\\\"" type                                        \
    "\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}}"
#define LOG                                                                                        \
    "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"                             \
    "{\"metaData\":{\"id\":\"7a2c1b60-0000-4000-8000-000000000001\",\"format\":{\"provider\":"     \
    "\"parquet\",\"options\":{}},\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":"  \
    "[" FIELD("id", "long") "," FIELD("balance", "decimal(18,2)") "," FIELD(                       \
        "gone", "string") "," FIELD("_op", "string") "]}\",\"partitionColumns\":[],"               \
                                                     "\"configuration\":{},\"createdTime\":1}}\n"
#define LOG_NAME "default/silver/pg/bank/account/_delta_log/00000000000000000000.json"

static struct cup_keep keep;
static struct cup_text says;

static void check_columns(const char *lake)
{
    struct cup_shape_member *columns = NULL;
    uint32_t                 count   = 77;

    CHECK(cup_existing_load(&keep, lake, "default/silver/pg/bank/account", &columns, &count,
                            &says) == CUP_OK);
    CHECK(count == 3); /* without _op */
    CHECK(strcmp(columns[1].name, "balance") == 0 && columns[1].is.type == CUP_TYPE_DECIMAL);
    CHECK(columns[1].is.precision == 18 && columns[1].is.scale == 2);
    CHECK(cup_existing_load(&keep, lake, "default/silver/pg/bank/none", &columns, &count, &says) ==
          CUP_OK);
    CHECK(count == 0);
}

static void check_learn(const char *lake)
{
    struct cup_catalog         catalog = fixture_catalog(&keep);
    struct cup_catalog_unknown unknown = fixture_unknown(
        "account", ENVELOPE(DECIMAL("balance", "20", "4") "," INT64("id")), KEY(INT64("id")));
    enum cup_outcome outcome;

    catalog.lake = lake;
    CHECK(cup_catalog_learn(&catalog, &unknown, &outcome, &says) == CUP_CATALOG_PLAN);
    CHECK(fixture_said(&says, "new column balance__2 decimal(20,4)"));
    CHECK(catalog.tables[0].column_count == 4);
    CHECK(strcmp(catalog.tables[0].columns[0].name, "id") == 0);
    CHECK(catalog.tables[0].columns[0].key_place == 1);
    CHECK(strcmp(catalog.tables[0].columns[2].name, "gone") == 0);
    CHECK(strcmp(catalog.tables[0].columns[3].name, "balance__2") == 0);
    CHECK(catalog.schemas[0].field_count == 2 && catalog.schemas[0].fields[1].member_column == 0);
}

static void check_declare(const char *lake)
{
    struct cup_catalog        catalog   = fixture_catalog(&keep);
    struct cup_catalog_column columns[] = {
        {.name     = "new",
         .comment  = "",
         .member   = "new",
         .declared = true,
         .is       = {.type = CUP_TYPE_INT, .encoding = CUP_ENCODING_INT32}},
        {.name      = "id",
         .comment   = "",
         .member    = "id",
         .declared  = true,
         .key_place = 1,
         .is        = {.type = CUP_TYPE_LONG, .encoding = CUP_ENCODING_INT64}}};
    struct cup_catalog_table table = {.source_name   = "pg",
                                      .source_db     = "",
                                      .source_schema = "bank",
                                      .source_table  = "account",
                                      .description   = "",
                                      .columns       = columns,
                                      .column_count  = 2,
                                      .key_count     = 1,
                                      .contracted    = true};

    catalog.lake = lake;
    CHECK(cup_catalog_declare(&catalog, &table, &says) == CUP_OK && says.bytes == 0);
    CHECK(catalog.tables[0].column_count == 4);
    CHECK(strcmp(catalog.tables[0].columns[0].name, "id") == 0);
    CHECK(catalog.tables[0].columns[0].declared && !catalog.tables[0].columns[1].declared);
    CHECK(strcmp(catalog.tables[0].columns[3].name, "new") == 0);
    CHECK(catalog.schemas[0].field_count == 2 && catalog.schemas[0].fields[1].member_column == 3);

    catalog            = fixture_catalog(&keep);
    catalog.lake       = lake;
    columns[1].is.type = CUP_TYPE_INT;
    CHECK(cup_catalog_declare(&catalog, &table, &says) == CUP_BAD_CONFIG);
    CHECK(catalog.table_count == 0);
    CHECK(fixture_said(&says, "the contract says that id is integer, but the table in the lake has "
                              "it as long"));
}

static void check_damaged(const char *lake)
{
    struct cup_shape_member *columns = NULL;
    uint32_t                 count   = 77;

    (void)fixture_file(&keep, lake, "bad/_delta_log/00000000000000000000.json", "{\"protocol\":");
    CHECK(cup_existing_load(&keep, lake, "bad", &columns, &count, &says) != CUP_OK);
    CHECK(count == 77 && columns == NULL); /* untouched */
    CHECK(fixture_said(&says, "table bad cannot be read: "));
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    keep             = fixture_keep();
    const char *lake = fixture_folder(&keep);
    (void)fixture_file(&keep, lake, LOG_NAME, LOG);
    check_columns(lake);
    check_learn(lake);
    check_declare(lake);
    check_damaged(lake);
    fixture_remove(lake);
    cup_keep_close(&keep);
    return 0;
}
