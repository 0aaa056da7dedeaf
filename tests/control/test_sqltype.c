// SPDX-License-Identifier: Apache-2.0
/* Goal:   each physical type becomes its Delta type; where several encodings are in use, a contract
 *         that names none is refused with the list of those that are allowed.
 * Method: a table of types and hints; then every row of sqltype.def against every encoding, which
 *         must be taken or refused with the allowed list. */
#include "control/contract/sqltype.h"

#include "tests/control/fixture.h"

struct one {
    const char *physical, *wire, *scale, *zone;
    const char *type; /* NULL: refused */
    uint8_t     encoding;
    int32_t     wire_scale;
};

static const struct one cases[] = {
    {"bigint", NULL, NULL, NULL, "long", CUP_ENCODING_INT64, 0},
    {"INTEGER", NULL, NULL, NULL, "integer", CUP_ENCODING_INT32, 0},
    {"bigint", "int32", NULL, NULL, "long", CUP_ENCODING_INT32, 0},
    {"smallint", NULL, NULL, NULL, "short", CUP_ENCODING_INT16, 0},
    {"smallint", "int64", NULL, NULL, NULL, 0, 0},
    {"boolean", NULL, NULL, NULL, "boolean", CUP_ENCODING_BOOL, 0},
    {"double  precision", NULL, NULL, NULL, "double", CUP_ENCODING_DOUBLE, 0},
    {"varchar(40)", NULL, NULL, NULL, "string", CUP_ENCODING_STRING, 0},
    {"character varying(34)", NULL, NULL, NULL, "string", CUP_ENCODING_STRING, 0},
    {"character(3)", NULL, NULL, NULL, "string", CUP_ENCODING_STRING, 0},
    {"jsonb", NULL, NULL, NULL, "string", CUP_ENCODING_JSON, 0},
    {"uuid", NULL, NULL, NULL, "string", CUP_ENCODING_UUID, 0},
    {"timestamp with time zone", NULL, NULL, NULL, "timestamp", CUP_ENCODING_TIMESTAMP_ZONED, 0},
    {"timestamp(3) without time zone", "timestamp_ms", NULL, NULL, "timestamp_ntz",
     CUP_ENCODING_TIMESTAMP_MS, 0},
    {"timestamp", "timestamp_us", NULL, "utc", "timestamp", CUP_ENCODING_TIMESTAMP_US, 0},
    {"timestamp", NULL, NULL, NULL, NULL, 0, 0},
    {"timestamp", "timestamp_us", NULL, "cet", NULL, 0, 0},
    {"date", NULL, NULL, NULL, NULL, 0, 0},
    {"date", "date_iso", NULL, NULL, "date", CUP_ENCODING_DATE_ISO, 0},
    {"date", "time_ms", NULL, NULL, NULL, 0, 0},
    {"time", "time_us", NULL, NULL, "long", CUP_ENCODING_TIME_US, 0},
    {"time", "int64", NULL, NULL, NULL, 0, 0},
    {"bigint", "time_us", NULL, NULL, NULL, 0, 0},
    {"bytea", NULL, NULL, NULL, NULL, 0, 0},
    {"bytea", "bytes_hex", NULL, NULL, "binary", CUP_ENCODING_BYTES_HEX, 0},
    {"numeric(18,2)", NULL, NULL, NULL, NULL, 0, 0},
    {"numeric(18,2)", "decimal_base64", NULL, NULL, "decimal(18,2)", CUP_ENCODING_DECIMAL_BASE64,
     2},
    {"numeric(18, 4)", "decimal_base64", "2", NULL, "decimal(18,4)", CUP_ENCODING_DECIMAL_BASE64,
     2},
    {"decimal(5)", "decimal_text", NULL, NULL, "decimal(5,0)", CUP_ENCODING_DECIMAL_TEXT, 0},
    {"numeric(39,2)", "decimal_text", NULL, NULL, "string", CUP_ENCODING_DECIMAL_TEXT, 2},
    {"numeric", "decimal_variable", NULL, NULL, "string", CUP_ENCODING_DECIMAL_VARIABLE, 0},
    {"numeric(9,3)", "decimal_variable", NULL, NULL, "decimal(9,3)", CUP_ENCODING_DECIMAL_VARIABLE,
     3},
    {"numeric", "decimal_base64", NULL, NULL, NULL, 0, 0},
    {"numeric", "decimal_base64", "3", NULL, "string", CUP_ENCODING_DECIMAL_BASE64, 3},
    {"string", "decimal_text", NULL, NULL, "string", CUP_ENCODING_DECIMAL_TEXT, 0},
    {"varchar(9)", "decimal_text", NULL, NULL, NULL, 0, 0},
    {"numeric(3,5)", "decimal_text", NULL, NULL, NULL, 0, 0},
    {"numeric(9,2)", "decimal_base64", "x", NULL, NULL, 0, 0},
    {"bigint", NULL, "2", NULL, NULL, 0, 0},
    {"text", NULL, NULL, "utc", NULL, 0, 0},
    {"text[]", NULL, NULL, NULL, "array<string>", CUP_ENCODING_LIST, 0},
    {"numeric(9,2)[]", "decimal_text", NULL, NULL, "array<decimal(9,2)>", CUP_ENCODING_LIST, 2},
    {"text[][]", NULL, NULL, NULL, "array<string>", CUP_ENCODING_LIST, 0}, /* values are lost */
    {"text[][][]", NULL, NULL, NULL, NULL, 0, 0},
    {"numeric(3,-2)", "decimal_text", NULL, NULL, "decimal(5,0)", CUP_ENCODING_DECIMAL_TEXT, -2},
    {"numeric(3,-2)", "decimal_base64", NULL, NULL, NULL, 0, 0},
    {"numeric(3,-2)", "decimal_base64", "2046", NULL, "decimal(5,0)", CUP_ENCODING_DECIMAL_BASE64,
     2046},
    {"money", "decimal_text", NULL, NULL, "decimal(19,2)", CUP_ENCODING_DECIMAL_TEXT, 2},
    {"money(19,4)", "decimal_base64", NULL, NULL, "decimal(19,4)", CUP_ENCODING_DECIMAL_BASE64, 4},
    {"int(10) unsigned", NULL, NULL, NULL, "long", CUP_ENCODING_INT64, 0},
    {"smallint(5) unsigned", NULL, NULL, NULL, "integer", CUP_ENCODING_INT32, 0},
    {"int(8) unsigned zerofill", NULL, NULL, NULL, "long", CUP_ENCODING_INT64, 0},
    {"bigint(20) unsigned", NULL, NULL, NULL, "decimal(20,0)", CUP_ENCODING_INT64, 0},
    {"bigint unsigned", "decimal_base64", NULL, NULL, "decimal(20,0)", CUP_ENCODING_DECIMAL_BASE64,
     0},
    {"bigint unsigned", "int32", NULL, NULL, NULL, 0, 0},
    {"bit(1)", NULL, NULL, NULL, "boolean", CUP_ENCODING_BOOL, 0},
    {"bit(17)", NULL, NULL, NULL, "string", CUP_ENCODING_BITS, 17},
    {"bit varying(40)", NULL, NULL, NULL, "string", CUP_ENCODING_BITS, 0},
    {"interval", NULL, NULL, NULL, NULL, 0, 0},
    {"interval", "duration_us", NULL, NULL, "long", CUP_ENCODING_DURATION_US, 0},
    {"interval", "interval_iso", NULL, NULL, "string", CUP_ENCODING_INTERVAL_ISO, 0},
    {"bigint", "duration_us", NULL, NULL, NULL, 0, 0},
    {"time", "duration_us", NULL, NULL, NULL, 0, 0},
    {"time(6)", "time_iso", NULL, NULL, "long", CUP_ENCODING_TIME_ISO, 0},
    {"timetz", NULL, NULL, NULL, "string", CUP_ENCODING_TIME_ZONED, 0},
    {"year(4)", NULL, NULL, NULL, "integer", CUP_ENCODING_YEAR, 0},
    {"pg_lsn", NULL, NULL, NULL, "string", CUP_ENCODING_TEXT_BASE64, 0},
    {"geography", NULL, NULL, NULL, "string", CUP_ENCODING_GEOGRAPHY, 0},
    {"float", NULL, NULL, NULL, NULL, 0, 0}, /* single here, double there */
    {"boolean(3)", NULL, NULL, NULL, NULL, 0, 0},
    {"numeric(18,2", "decimal_text", NULL, NULL, NULL, 0, 0},
    {"", NULL, NULL, NULL, NULL, 0, 0},
};

static void check_case(const struct one *one)
{
    const struct cup_sqltype_hints hints = {
        .wire = one->wire, .scale = one->scale, .zone = one->zone};
    struct cup_text       says = {0}, type = {0};
    struct cup_shape_type is = {.type = 99};

    if (cup_sqltype_parse(one->physical, &hints, &is, &says) != (one->type != NULL)) {
        fprintf(stderr, "%s: %s\n", one->physical, says.at == NULL ? "taken" : says.at);
        CHECK(false);
    }
    if (one->type == NULL) {
        CHECK(is.type == 99 && says.bytes > 0); /* untouched */
    } else {
        cup_shape_put_type(&type, &is);
        CHECK(is.encoding == one->encoding && is.wire_scale == one->wire_scale);
        CHECK(strcmp(type.at, one->type) == 0);
        cup_text_free(&type);
    }
    cup_text_free(&says);
}

static void check_sentences(void)
{
    struct cup_text          says = {0};
    struct cup_sqltype_hints none = {0}, bad = {.wire = "base64"};
    struct cup_shape_type    is;

    CHECK(!cup_sqltype_parse("numeric(18,2)", &none, &is, &says));
    CHECK(strstr(says.at, "numeric needs customProperties: wire") != NULL);
    CHECK(strstr(says.at, "decimal_base64 (") != NULL && strstr(says.at, "decimal_text (") != NULL);
    CHECK(strstr(says.at, "date_days") == NULL);
    cup_text_free(&says);
    CHECK(!cup_sqltype_parse("bytea", &bad, &is, &says));
    CHECK(fixture_said(&says, "wire \"base64\" is no encoding of bytea; allowed: bytes_base64 ("));
    CHECK(!cup_sqltype_parse("bigit", &none, &is, &says));
    CHECK(fixture_said(&says, "physicalType \"bigit\" is not known; allowed: boolean, bool"));
}

/* Whatever is taken gets a type that the encoding's own type leads to. */
static void check_every_pair(void)
{
    for (uint32_t r = 0; r < cup_sqltype_count(); r++) {
        uint32_t taken = 0;
        for (int e = 0; e < CUP_ENCODING_COUNT; e++) {
            const struct cup_encoding_row *encoding = cup_encoding_row((enum cup_encoding)e);
            const struct cup_sqltype_row  *row      = cup_sqltype_row(r);
            struct cup_sqltype_hints       hints    = {.wire = encoding->name, .scale = NULL};
            struct cup_text                says     = {0};
            struct cup_shape_type          is;
            bool                           digits = row->parameters != CUP_SQLTYPE_UNSIGNED;
            if (digits && encoding->type == CUP_TYPE_DECIMAL) hints.scale = "2";
            if (cup_sqltype_parse(row->name, &hints, &is, &says)) {
                taken++;
                CHECK(is.encoding == e);
            } else {
                CHECK(strstr(says.at, "; allowed: ") != NULL);
            }
            cup_text_free(&says);
        }
        CHECK(taken > 0);
    }
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_case(&cases[i]);
    check_sentences();
    check_every_pair();
    return 0;
}
