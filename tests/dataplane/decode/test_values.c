// SPDX-License-Identifier: Apache-2.0
/* Goal:   each encoding fills the column types that it can fill, exactly, and refuses the rest with
 *         the right outcome; each shape of the unavailable placeholder is seen as such.
 * Method: a table of one column per row; good rows also go through together, as members of lists.
 */
#include "tests/check.h"
#include "tests/dataplane/decode/harness.h"
#include "tests/dataplane/plan_maker.h"

#define UNSET "__debezium_unavailable_value"

static const struct {
    const char      *type, *encoding;
    int32_t          scale;
    const char      *json;
    enum cup_outcome outcome;
    const char      *printed;
} vectors[] = {
#define GOOD(type, encoding, scale, json, printed)                                                 \
    {                                                                                              \
        type, encoding, scale, json, CUP_OUTCOME_ACCEPTED, printed                                 \
    }
#define BAD(type, encoding, scale, json, outcome)                                                  \
    {                                                                                              \
        type, encoding, scale, json, CUP_OUTCOME_##outcome, NULL                                   \
    }
    GOOD("boolean", "bool", 0, "true", "true"),
    GOOD("boolean", "bool", 0, "false", "false"),
    BAD("boolean", "bool", 0, "1", TYPE_MISMATCH),
    BAD("boolean", "bool", 0, "\"true\"", TYPE_MISMATCH),
    GOOD("byte", "int8", 0, "-128", "-128"),
    BAD("byte", "int8", 0, "128", INT_OVERFLOW),
    GOOD("short", "int16", 0, "32767", "32767"),
    BAD("short", "int16", 0, "-32769", INT_OVERFLOW),
    GOOD("integer", "int32", 0, "-2147483648", "-2147483648"),
    BAD("integer", "int32", 0, "2147483648", INT_OVERFLOW),
    GOOD("long", "int32", 0, "2147483648", "2147483648"),
    GOOD("long", "int64", 0, "9223372036854775807", "9223372036854775807"),
    BAD("long", "int64", 0, "9223372036854775808", INT_OVERFLOW),
    BAD("long", "int64", 0, "18446744073709551615", INT_OVERFLOW),
    BAD("long", "int64", 0, "1.0", TYPE_MISMATCH),
    BAD("long", "int64", 0, "1e3", TYPE_MISMATCH),
    BAD("long", "int64", 0, "\"1\"", TYPE_MISMATCH),
    GOOD("decimal(20,0)", "int64", 0, "18446744073709551615", "0000000000000000ffffffffffffffff"),
    BAD("decimal(20,0)", "int64", 0, "1e3", TYPE_MISMATCH),
    BAD("decimal(3,0)", "int64", 0, "1000", INT_OVERFLOW),
    GOOD("float", "float", 0, "0.1", "0x1.99999ap-4"),
    GOOD("double", "float", 0, "0.1", "0x1.99999ap-4"),
    GOOD("float", "float", 0, "\"NaN\"", "nan"),
    BAD("float", "float", 0, "1e39", NOT_FINITE),
    GOOD("double", "double", 0, "0.1", "0x1.999999999999ap-4"),
    GOOD("double", "double", 0, "\"-Infinity\"", "-inf"),
    GOOD("double", "double", 0, "\"Infinity\"", "inf"),
    BAD("double", "double", 0, "\"infinity\"", TYPE_MISMATCH),
    BAD("double", "double", 0, "1e400", NOT_FINITE),
    BAD("double", "double", 0, "true", TYPE_MISMATCH),
    GOOD("string", "string", 0, "\"\"", ""),
    GOOD("string", "string", 0, "\"a\\\"b\\u0041\\ud83c\\udfe6\"", "a\"bA\xf0\x9f\x8f\xa6"),
    BAD("string", "string", 0, "7", TYPE_MISMATCH),
    BAD("string", "string", 0, "{}", TYPE_MISMATCH),
    GOOD("string", "json", 0, "\"{\\\"a\\\": 1}\"", "{\"a\": 1}"),
    GOOD("string", "enum", 0, "\"c\\\\,d\"", "c\\,d"),
    GOOD("string", "xml", 0, "\"<a\\/>\"", "<a/>"),
    GOOD("string", "uuid", 0, "\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"",
         "b68a35a7-17ad-35b3-af2a-ae46edb4545a"),
    BAD("string", "uuid", 0, "\"b68a35a7-17ad-35b3-af2a-ae46edb4545\"", TYPE_MISMATCH),
    BAD("string", "uuid", 0, "\"b68a35a7-17ad-35b3-af2a_ae46edb4545a\"", TYPE_MISMATCH),
    BAD("string", "uuid", 0, "\"g68a35a7-17ad-35b3-af2a-ae46edb4545a\"", TYPE_MISMATCH),
    GOOD("binary", "bytes_base64", 0, "\"\\/w==\"", "ff"),
    GOOD("binary", "bytes_base64", 0, "\"\"", ""),
    BAD("binary", "bytes_base64", 0, "\"_w==\"", BASE64),
    GOOD("binary", "bytes_base64url", 0, "\"_w==\"", "ff"),
    GOOD("binary", "bytes_hex", 0, "\"00fF\"", "00ff"),
    BAD("binary", "bytes_hex", 0, "\"0\"", BASE64),
    BAD("binary", "bytes_hex", 0, "\"" UNSET "\"", BASE64),
    BAD("binary", "bytes_hex", 0, "0", TYPE_MISMATCH),
    GOOD("decimal(10,2)", "decimal_base64", 2, "\"AxY=\"", "790"),
    GOOD("decimal(10,4)", "decimal_base64", 2, "\"AxY=\"", "79000"),
    GOOD("decimal(10,2)", "decimal_base64", -3, "\"AQ==\"", "100000"),
    GOOD("decimal(10,1)", "decimal_base64", 2, "\"AxY=\"", "79"),
    BAD("decimal(10,0)", "decimal_base64", 2, "\"AxY=\"", DECIMAL_SCALE),
    BAD("decimal(2,2)", "decimal_base64", 2, "\"AxY=\"", DECIMAL_OVERFLOW),
    BAD("decimal(10,2)", "decimal_base64", 2, "\"\"", DECIMAL_ENCODING),
    BAD("decimal(10,2)", "decimal_base64", 2, "7.90", TYPE_MISMATCH),
    GOOD("string", "decimal_base64", 2, "\"AxY=\"", "7.90"),
    GOOD("decimal(10,2)", "decimal_text", 0, "\"7.90\"", "790"),
    GOOD("decimal(38,2)", "decimal_text", 0, "\"9.223372036854776E16\"",
         "000000000000000080000000000000c0"),
    BAD("decimal(10,2)", "decimal_text", 0, "\"NAN\"", NOT_FINITE),
    BAD("decimal(10,2)", "decimal_text", 0, "\"NEGATIVE_INFINITY\"", NOT_FINITE),
    BAD("decimal(10,2)", "decimal_text", 0, "\"7,90\"", DECIMAL_ENCODING),
    BAD("decimal(10,2)", "decimal_text", 0, "7.90", TYPE_MISMATCH),
    GOOD("string", "decimal_text", 0, "\"7.9E3\"", "7900"),
    GOOD("decimal(10,2)", "decimal_number", 0, "0E-10", "0"),
    GOOD("decimal(10,2)", "decimal_number", 0, "12.500", "1250"),
    BAD("decimal(10,2)", "decimal_number", 0, "12.505", DECIMAL_SCALE),
    BAD("decimal(10,2)", "decimal_number", 0, "1e400", DECIMAL_OVERFLOW),
    BAD("decimal(10,2)", "decimal_number", 0, "\"NaN\"", NOT_FINITE),
    BAD("decimal(10,2)", "decimal_number", 0, "\"1\"", TYPE_MISMATCH),
    GOOD("string", "decimal_number", 0, "-1E-10", "-0.0000000001"),
    GOOD("string", "decimal_variable", 0, "{\"scale\":0,\"value\":\"ZA==\"}", "100"),
    GOOD("string", "decimal_variable", 0, "{\"value\":\"MDk=\",\"scale\":2}", "123.45"),
    GOOD("decimal(10,2)", "decimal_variable", 0, "{\"scale\":0,\"value\":\"ZA==\"}", "10000"),
    BAD("string", "decimal_variable", 0, "{\"scale\":0}", DECIMAL_ENCODING),
    BAD("string", "decimal_variable", 0, "{\"scale\":0,\"value\":\"ZA==\",\"third\":1}",
        DECIMAL_ENCODING),
    BAD("string", "decimal_variable", 0, "{\"scale\":\"0\",\"value\":\"ZA==\"}", DECIMAL_ENCODING),
    BAD("string", "decimal_variable", 0, "{\"scale\":20001,\"value\":\"ZA==\"}", DECIMAL_OVERFLOW),
    BAD("string", "decimal_variable", 0, "\"ZA==\"", TYPE_MISMATCH),
    GOOD("date", "date_days", 0, "19782", "19782"),
    GOOD("date", "date_connect", 0, "-719162", "-719162"),
    BAD("date", "date_days", 0, "-719163", TIME_RANGE),
    BAD("date", "date_days", 0, "2932897", TIME_RANGE),
    BAD("date", "date_days", 0, "\"2024-02-29\"", TYPE_MISMATCH),
    GOOD("date", "date_iso", 0, "\"2024-02-29Z\"", "19782"),
    BAD("date", "date_iso", 0, "\"+292278994-08-16Z\"", TIME_RANGE),
    BAD("date", "date_iso", 0, "\"2023-02-29\"", TIME_SYNTAX),
    GOOD("long", "time_ms", 0, "86400000", "86400000000"),
    GOOD("long", "time_connect", 0, "49890123", "49890123000"),
    GOOD("long", "time_us", 0, "-3020399000000", "-3020399000000"),
    BAD("long", "time_us", 0, "3020400000000", TIME_RANGE),
    GOOD("long", "time_ns", 0, "49890123456000", "49890123456"),
    BAD("long", "time_ns", 0, "49890123456001", TIME_PRECISION),
    GOOD("timestamp_ntz", "timestamp_ms", 0, "1709210096789", "1709210096789000"),
    GOOD("timestamp", "timestamp_connect", 0, "-999", "-999000"),
    BAD("timestamp_ntz", "timestamp_connect", 0, "9223372036825200", TIME_RANGE),
    GOOD("timestamp_ntz", "timestamp_us", 0, "-62135596800000000", "-62135596800000000"),
    BAD("timestamp_ntz", "timestamp_us", 0, "-62135596800000001", TIME_RANGE),
    BAD("timestamp_ntz", "timestamp_us", 0, "9223372036825200000", TIME_RANGE),
    GOOD("timestamp_ntz", "timestamp_ns", 0, "-1000", "-1"),
    BAD("timestamp_ntz", "timestamp_ns", 0, "1", TIME_PRECISION),
    GOOD("timestamp_ntz", "timestamp_iso", 0, "\"2024-02-29T12:34:56.789012Z\"",
         "1709210096789012"),
    BAD("timestamp_ntz", "timestamp_iso", 0, "\"+294247-01-10T04:00:25.2Z\"", TIME_RANGE),
    BAD("timestamp_ntz", "timestamp_iso", 0, "\"2024-02-29\"", TIME_SYNTAX),
    GOOD("timestamp", "timestamp_zoned", 0, "\"2024-02-29T12:34:56.1+02:00\"", "1709202896100000"),
    BAD("timestamp", "timestamp_zoned", 0, "\"2024-02-29T12:34:56.123456789-05:30\"",
        TIME_PRECISION),
    BAD("timestamp", "timestamp_zoned", 0, "\"infinity\"", TIME_RANGE),
    BAD("timestamp", "timestamp_zoned", 0, "\"2024-02-29T12:34:56\"", TIME_SYNTAX),
    BAD("timestamp", "timestamp_zoned", 0, "1", TYPE_MISMATCH),
};

static struct cup_harness *open_one(const struct cup_spec_column *column)
{
    struct cup_spec_table table = {.table = "t", .columns = column, .column_count = 1};

    return cup_harness_open(cup_spec_plan(&(struct cup_spec){.tables = &table, .table_count = 1}),
                            4u << 20);
}

static void add(struct cup_harness *harness, const char *op, const char *json)
{
    struct cup_text value = {0};

    cup_text_printf(&value, "{\"op\":\"%s\",\"source\":{\"table\":\"t\"},\"after\":{\"v\":%s}}", op,
                    json);
    cup_harness_add(harness, value.at, NULL);
    cup_text_free(&value);
}

static void check_row(struct cup_harness *harness, enum cup_outcome outcome, const char *expected)
{
    uint32_t next = 0;

    CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE);
    const char *is = harness->row_count == 0 ? "" : harness->rows[0];
    if (harness->verdicts[0].outcome != outcome || strcmp(is, expected) != 0) {
        fprintf(stderr, "%.*s\n%s \"%s\", not %s \"%s\"\n", (int)harness->records[0].value_bytes,
                (const char *)harness->region,
                cup_outcome_name((enum cup_outcome)harness->verdicts[0].outcome), is,
                cup_outcome_name(outcome), expected);
        exit(1);
    }
    cup_harness_clear(harness);
}

static void check_vector(size_t i)
{
    struct cup_spec_column column  = {.name     = "v",
                                      .type     = vectors[i].type,
                                      .encoding = vectors[i].encoding,
                                      .scale    = vectors[i].scale};
    struct cup_spec_column list    = column;
    struct cup_harness    *harness = open_one(&column);
    struct cup_text        row = {0}, items = {0};

    add(harness, "c", vectors[i].json);
    if (vectors[i].outcome == CUP_OUTCOME_ACCEPTED)
        cup_text_printf(&row, "t: v=%s _op=c", vectors[i].printed);
    check_row(harness, vectors[i].outcome, row.at == NULL ? "" : row.at);
    cup_harness_close(harness);

    list.encoding = "list";
    list.element  = vectors[i].encoding;
    harness       = open_one(&list);
    cup_text_printf(&items, "[null,%s,%s]", vectors[i].json, vectors[i].json);
    add(harness, "c", items.at);
    cup_text_clear(&row);
    if (vectors[i].outcome == CUP_OUTCOME_ACCEPTED)
        cup_text_printf(&row, "t: v=[null,%s,%s] _op=c", vectors[i].printed, vectors[i].printed);
    check_row(harness, vectors[i].outcome, row.at == NULL ? "" : row.at);
    cup_harness_close(harness);
    cup_text_free(&row);
    cup_text_free(&items);
}

static const struct {
    const char *type, *encoding, *element, *json;
} placeholders[] = {
    {"string", "string", NULL, "\"" UNSET "\""},
    {"string", "string", NULL, "\"\\u005f_debezium_unavailable_value\""},
    {"string", "json", NULL, "\"" UNSET "\""},
    {"string", "json", NULL, "\"{\\\"" UNSET "\\\":\\\"" UNSET "\\\"}\""},
    {"decimal(38,2)", "decimal_text", NULL, "\"" UNSET "\""},
    {"binary", "bytes_base64", NULL, "\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\""},
    {"binary", "bytes_hex", NULL, "\"" UNSET "\""},
    {"string", "list", "string", "[\"" UNSET "\"]"},
    {"binary", "list", "bytes_base64", "[\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\"]"},
    {"integer", "list", "int32",
     "[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,"
     "108,117,101]"},
    {"map", "map", NULL, "{\"" UNSET "\":\"" UNSET "\"}"},
};

static void check_placeholders(void)
{
    for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++) {
        struct cup_spec_column       column  = {.name        = "v",
                                                .type        = placeholders[i].type,
                                                .encoding    = placeholders[i].encoding,
                                                .element     = placeholders[i].element,
                                                .unavailable = 1};
        const struct cup_spec_column id[2]   = {column, {"id", "long", "int64", .key = 1}};
        struct cup_spec_table        table   = {.table = "t", .columns = id, .column_count = 2};
        struct cup_spec              spec    = {.tables = &table, .table_count = 1};
        struct cup_harness          *harness = cup_harness_open(cup_spec_plan(&spec), 4u << 20);
        struct cup_text              value   = {0};
        cup_text_printf(&value,
                        "{\"op\":\"u\",\"source\":{\"table\":\"t\"},\"after\":{\"v\":%s,\"id\":1}}",
                        placeholders[i].json);
        cup_harness_add(harness, value.at, NULL);
        check_row(harness, CUP_OUTCOME_ACCEPTED, "t: id=1 _op=u _unset=[v]");
        cup_harness_close(harness);
        cup_text_free(&value);
    }
}

static const char *no_topic(const void *arg, uint32_t topic)
{
    (void)arg; /* nothing is decoded here */
    return topic == 0 ? "t" : "";
}

/* As many numbers as the placeholder has bytes, but others: a value. */
static void check_no_placeholder(void)
{
    static const struct cup_spec_column columns[] = {
        {"v", "integer", "list", .element = "int32", .unavailable = 1},
        {"id", "long", "int64", .key = 1}};
    struct cup_spec_table table   = {.table = "t", .columns = columns, .column_count = 2};
    struct cup_spec       spec    = {.tables = &table, .table_count = 1};
    struct cup_harness   *harness = cup_harness_open(cup_spec_plan(&spec), 4u << 20);

    cup_harness_add(harness,
                    "{\"op\":\"u\",\"source\":{\"table\":\"t\"},\"after\":{\"id\":1,\"v\":"
                    "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}}",
                    NULL);
    check_row(harness, CUP_OUTCOME_ACCEPTED,
              "t: v=[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1] id=1 _op=u");
    cup_harness_close(harness);
}

/* Objects as maps: keys and values of every length, a null among them, more of them than the first
 * share of memory holds; an object of another kind is refused. */
static void check_maps(void)
{
    struct cup_spec_column column = {
        .name = "v", .type = "map", .encoding = "map", .unavailable = 1};
    struct cup_harness *harness = open_one(&column);
    struct cup_text     json = {0}, row = {0};

    add(harness, "c", "{}");
    check_row(harness, CUP_OUTCOME_ACCEPTED, "t: v={} _op=c");
    add(harness, "c", "{\"a\\u0041\":\"x\\n\",\"b\":null,\"\":\"\"}");
    check_row(harness, CUP_OUTCOME_ACCEPTED, "t: v={aA:x\n,b:null,:} _op=c");
    add(harness, "c", "{\"a\":\"b\",\"c\":1}");
    check_row(harness, CUP_OUTCOME_TYPE_MISMATCH, "");
    add(harness, "c", "{\"a\":{}}");
    check_row(harness, CUP_OUTCOME_TYPE_MISMATCH, "");
    add(harness, "c", "[\"a\",\"b\"]");
    check_row(harness, CUP_OUTCOME_TYPE_MISMATCH, "");
    add(harness, "c", "{\"" UNSET "\":\"" UNSET "\"}"); /* nothing is unset in a create */
    check_row(harness, CUP_OUTCOME_ACCEPTED, "t: v={" UNSET ":" UNSET "} _op=c");
    cup_text_puts(&json, "{");
    cup_text_puts(&row, "t: v={");
    for (uint32_t i = 0; i < 900; i++) {
        cup_text_printf(&json, "%s\"k%u\":\"%.*s\"", i == 0 ? "" : ",", i, (int)(i % 20),
                        "abcdefghijklmnopqrst");
        cup_text_printf(&row, "%sk%u:%.*s", i == 0 ? "" : ",", i, (int)(i % 20),
                        "abcdefghijklmnopqrst");
    }
    cup_text_puts(&json, "}");
    cup_text_puts(&row, "} _op=c");
    add(harness, "c", json.at);
    check_row(harness, CUP_OUTCOME_ACCEPTED, row.at);
    cup_text_free(&json);
    cup_text_free(&row);
    cup_harness_close(harness);
}

/* Encodings that a column's type cannot take are a bad plan, not a surprise at run time. */
static void check_bad_pairs(void)
{
    static const struct {
        const char *type, *encoding;
    } pairs[] = {{"string", "int64"},
                 {"long", "string"},
                 {"date", "timestamp_ms"},
                 {"float", "double"},
                 {"timestamp_ntz", "timestamp_zoned"}};

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct cup_spec_column column = {
            .name = "v", .type = pairs[i].type, .encoding = pairs[i].encoding};
        struct cup_spec_table table = {.table = "t", .columns = &column, .column_count = 1};
        struct cup_plan      *plan =
            cup_spec_plan(&(struct cup_spec){.tables = &table, .table_count = 1});
        struct cup_pool    pool;
        struct cup_fault   fault  = {0};
        struct cup_decode *decode = NULL;
        CHECK(cup_pool_init(&pool, 4u << 20, &fault) == CUP_OK);
        CHECK(cup_decode_open(plan, &pool, no_topic, NULL, &decode, &fault) == CUP_BAD_PLAN);
        CHECK(decode == NULL && strcmp(fault.where, "v") == 0);
        cup_pool_fini(&pool);
        free(plan);
    }
}

/* Each character of a UUID replaced by every other one that a string may hold. */
static void check_uuids(void)
{
    static const char      good[]  = "b68A35a7-17ad-35b3-Af2a-ae46edb4545f";
    struct cup_spec_column column  = {.name = "v", .type = "string", .encoding = "uuid"};
    struct cup_harness    *harness = open_one(&column);

    for (size_t at = 0; at < sizeof good - 1; at++)
        for (int c = 0x20; c < 0x7f; c++) {
            char text[64], row[64];
            if (c == '"' || c == '\\') continue;
            (void)snprintf(text, sizeof text, "\"%s\"", good);
            text[at + 1] = (char)c;
            (void)snprintf(row, sizeof row, "t: v=%.36s _op=c", text + 1);
            bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
            bool legal = good[at] == '-' ? c == '-' : digit;
            add(harness, "c", text);
            check_row(harness, legal ? CUP_OUTCOME_ACCEPTED : CUP_OUTCOME_TYPE_MISMATCH,
                      legal ? row : "");
        }
    for (size_t at = 0; at + 1 < sizeof good - 1; at++) { /* two bytes above 127 */
        char text[64];
        (void)snprintf(text, sizeof text, "\"%s\"", good);
        memcpy(text + 1 + at, at % 2 ? "\xc3\xa9" : "\xc2\xb0", 2);
        add(harness, "c", text);
        check_row(harness, CUP_OUTCOME_TYPE_MISMATCH, "");
    }
    cup_harness_close(harness);
}

/* Texts of all short lengths, at the end of a full column too. */
static void check_text_lengths(void)
{
    struct cup_spec_column column  = {.name = "v", .type = "string", .encoding = "string"};
    struct cup_harness    *harness = open_one(&column);
    char                   text[160], row[192];

    for (int bytes = 0; bytes <= 130; bytes++) {
        for (int i = 0; i < bytes; i++)
            text[i + 1] = (char)('a' + (i * 7 + bytes) % 26);
        text[0] = text[bytes + 1] = '"';
        text[bytes + 2]           = '\0';
        (void)snprintf(row, sizeof row, "t: v=%.*s _op=c", bytes, text + 1);
        add(harness, "c", text);
        check_row(harness, CUP_OUTCOME_ACCEPTED, row);
    }
    cup_harness_close(harness);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv); /* nothing here is random */
    check_uuids();
    check_text_lengths();
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        check_vector(i);
    check_placeholders();
    check_no_placeholder();
    check_bad_pairs();
    check_maps();
    return 0;
}
