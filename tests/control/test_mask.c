// SPDX-License-Identifier: Apache-2.0
/* Goal:   what contracts and pipelines say of masks is read as mask.def has it, and nothing else; a
 *         mask that a column cannot have is refused; masked columns stay masked when a source
 *         changes a type or a contract goes.
 * Method: texts and what they must give or say; every mask over every type against a table written
 *         here; the existing table of a lake made by hand; an embedded schema with another type. */
#include "control/schema/mask.h"

#include "tests/control/fixture.h"

static void check_parse(const char *text, uint8_t mask, uint8_t keep, const char *constant)
{
    struct cup_mask_choice choice;
    struct cup_text        why = {0};

    CHECK(cup_mask_parse(text, &choice, &why));
    CHECK(choice.mask == mask && choice.keep == keep && why.bytes == 0);
    CHECK((constant == NULL) == (choice.text == NULL));
    CHECK(constant == NULL || strcmp(choice.text, constant) == 0);
}

static void check_wrong(const char *text, const char *said)
{
    struct cup_mask_choice choice;
    struct cup_text        why = {0};

    CHECK(!cup_mask_parse(text, &choice, &why));
    if (strstr(why.at, said) == NULL) fprintf(stderr, "%s: %s\n", text, why.at);
    CHECK(strstr(why.at, said) != NULL);
    cup_text_free(&why);
}

static void check_texts(void)
{
    check_parse("none", CUP_MASK_NONE, 0, NULL);
    check_parse("drop", CUP_MASK_DROP, 0, NULL);
    check_parse("null", CUP_MASK_NULL, 0, NULL);
    check_parse("year", CUP_MASK_YEAR, 0, NULL);
    check_parse("hmac", CUP_MASK_HMAC, 0, NULL);
    check_parse("keep_last 1", CUP_MASK_KEEP_LAST, 1, NULL);
    check_parse("keep_last 16", CUP_MASK_KEEP_LAST, 16, NULL);
    check_parse("constant ***", CUP_MASK_CONSTANT, 0, "***");
    check_parse("constant two words", CUP_MASK_CONSTANT, 0, "two words");
    check_wrong("",
                "is no mask; allowed: none, drop, null, constant TEXT, keep_last N, year, hmac");
    check_wrong("hmac2", "is no mask");
    check_wrong("hma", "is no mask");
    check_wrong("hmac 2", "is no mask");
    check_wrong("null ", "is no mask");
    check_wrong("keep_last", "1 to 16");
    check_wrong("keep_last 0", "1 to 16");
    check_wrong("keep_last 17", "1 to 16");
    check_wrong("keep_last 4x", "1 to 16");
    check_wrong("keep_last -1", "1 to 16");
    check_wrong("constant", "1 to 64 bytes");
    check_wrong("constant 12345678901234567890123456789012345678901234567890123456789012345",
                "1 to 64 bytes");
}

/* Which types each mask serves: B boolean, Y byte, ... as columns of the table below. */
static void check_types(void)
{
    static const uint8_t types[] = {CUP_TYPE_BOOL,   CUP_TYPE_BYTE,      CUP_TYPE_LONG,
                                    CUP_TYPE_DOUBLE, CUP_TYPE_FLOAT,     CUP_TYPE_DECIMAL,
                                    CUP_TYPE_DATE,   CUP_TYPE_TIMESTAMP, CUP_TYPE_TIMESTAMP_NTZ,
                                    CUP_TYPE_STRING, CUP_TYPE_BINARY,    CUP_TYPE_LIST};
    static const struct {
        uint8_t     mask;
        const char *serves; /* of each type */
        bool        of_key;
    } rows[] = {
        {CUP_MASK_NONE, "yyyyyyyyyyyy", true},       {CUP_MASK_DROP, "yyyyyyyyyyyy", false},
        {CUP_MASK_NULL, "yyyyyyyyyyyy", false},      {CUP_MASK_CONSTANT, "nnnnnnnnnynn", false},
        {CUP_MASK_KEEP_LAST, "nnnnnnnnnynn", false}, {CUP_MASK_YEAR, "nnnnnnyyynnn", false},
        {CUP_MASK_HMAC, "yyynnyyyyyyn", true}};

    _Static_assert(sizeof rows / sizeof *rows == CUP_MASK_COUNT, "a row for each mask");
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (size_t t = 0; t < sizeof types; t++) {
            struct cup_mask_choice choice = {.mask = rows[r].mask, .keep = 4, .text = "x"};
            struct cup_shape_type  is     = {.type = types[t], .precision = 9, .scale = 2};
            struct cup_text        why    = {0};
            bool                   serves = rows[r].serves[t] == 'y';
            CHECK(cup_mask_fits(&choice, &is, false, &why) == serves);
            CHECK(cup_mask_fits(&choice, &is, true, &why) == (serves && rows[r].of_key));
            CHECK((why.bytes == 0) == (serves && rows[r].of_key));
            struct cup_shape_type stored = cup_mask_stored(&choice, &is);
            bool                  token  = rows[r].mask == CUP_MASK_HMAC;
            CHECK(stored.type == (token ? (uint8_t)CUP_TYPE_STRING : is.type));
            cup_text_free(&why);
        }
    }
}

static struct cup_catalog_unknown unknown_of(const char *schema)
{
    return (struct cup_catalog_unknown){.source_name   = "pg",
                                        .source_db     = "",
                                        .source_schema = "s",
                                        .source_table  = "t",
                                        .connector     = "postgresql",
                                        .topic         = "pg.s.t",
                                        .schema        = schema,
                                        .key_schema    = KEY(INT32("id"))};
}

/* A masked column that comes with another type is not written beside itself in the clear. */
static void check_other_type(struct cup_keep *keep)
{
    struct cup_catalog_column columns[] = {
        {.name      = "id",
         .comment   = "",
         .member    = "id",
         .key_place = 1,
         .declared  = true,
         .is        = {.type = CUP_TYPE_INT, .encoding = CUP_ENCODING_INT32}},
        {.name     = "mail",
         .comment  = "",
         .member   = "mail",
         .declared = true,
         .is       = {.type = CUP_TYPE_STRING, .encoding = CUP_ENCODING_STRING},
         .mask     = {.mask = CUP_MASK_HMAC}}};
    struct cup_catalog_table table   = {.source_name   = "pg",
                                        .source_db     = "",
                                        .source_schema = "s",
                                        .source_table  = "t",
                                        .description   = "",
                                        .columns       = columns,
                                        .column_count  = 2,
                                        .key_count     = 1,
                                        .contracted    = true};
    struct cup_catalog       catalog = {.keep = keep, .lake = "/nowhere", .domain = "d"};
    struct cup_text          says    = {0};
    enum cup_outcome         outcome;

    CHECK(cup_catalog_declare(&catalog, &table, &says) == CUP_OK);
    struct cup_catalog_unknown same = unknown_of(ENVELOPE(INT32("id") "," STRING("mail")));
    CHECK(cup_catalog_learn(&catalog, &same, &outcome, &says) == CUP_CATALOG_PLAN);
    CHECK(catalog.tables[0].columns[1].mask.mask == CUP_MASK_HMAC);
    struct cup_catalog_unknown other = unknown_of(ENVELOPE(INT32("id") "," INT64("mail")));
    CHECK(cup_catalog_learn(&catalog, &other, &outcome, &says) == CUP_CATALOG_PLAN);
    CHECK(strstr(says.at, "mail is masked") != NULL);
    CHECK(catalog.tables[0].column_count == 2);
    CHECK(catalog.schemas[catalog.schema_count - 1].quarantine);
    cup_text_free(&says);
}

/* The lake's table says that a column is masked; the contract is gone. */
static void check_no_contract(struct cup_keep *keep)
{
    static const char entries[] =
        "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
        "{\"metaData\":{\"id\":\"00000000-0000-4000-8000-000000000000\",\"format\":{\"provider\":"
        "\"parquet\",\"options\":{}},\"schemaString\":\"{\\\"type\\\":\\\"struct\\\","
        "\\\"fields\\\":[{"
        "\\\"name\\\":\\\"id\\\",\\\"type\\\":\\\"integer\\\",\\\"nullable\\\":true,"
        "\\\"metadata\\\":{"
        "}},{\\\"name\\\":\\\"mail\\\",\\\"type\\\":\\\"string\\\",\\\"nullable\\\":true,"
        "\\\"metadata\\\":{\\\"comment\\\":\\\"address (masked: "
        "hmac)\\\"}}]}\",\"partitionColumns\":"
        "[],\"configuration\":{},\"createdTime\":0}}\n";
    const char      *folder = fixture_folder(keep);
    struct cup_text  says   = {0};
    enum cup_outcome outcome;

    (void)fixture_file(keep, folder, "d/silver/pg/s/t/_delta_log/00000000000000000000.json",
                       entries);
    struct cup_catalog catalog = {.keep = keep, .lake = folder, .domain = "d"};

    struct cup_catalog_unknown unknown = unknown_of(ENVELOPE(INT32("id") "," STRING("mail")));
    CHECK(cup_catalog_learn(&catalog, &unknown, &outcome, &says) == CUP_CATALOG_PLAN);
    CHECK(catalog.tables[0].columns[0].mask.mask == CUP_MASK_NONE);
    CHECK(catalog.tables[0].columns[1].mask.mask == CUP_MASK_NULL);
    cup_text_free(&says);
    fixture_remove(folder);
}

int main(void)
{
    struct cup_keep keep = fixture_keep();

    check_texts();
    check_types();
    check_other_type(&keep);
    check_no_contract(&keep);
    cup_keep_close(&keep);
    return 0;
}
