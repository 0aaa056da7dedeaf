// SPDX-License-Identifier: Apache-2.0
/* Goal:   every type of PostgreSQL and MariaDB, and every declaration about its values, has its
 * effect and no other; what is odd is counted once, for accepted records only. Method: a table of
 * one column per row: type, encoding, options, operation, JSON, what comes out. Values are those of
 * published vectors, or of what the databases sent. */
#include "tests/check.h"
#include "tests/dataplane/decode/harness.h"
#include "tests/dataplane/plan_maker.h"

#define ODD(id) (1u << CUP_ODDITY_##id)

struct vector {
    const char      *type, *encoding;
    int32_t          scale;
    uint32_t         options;
    char             op;
    const char      *json;
    enum cup_outcome outcome;
    const char      *printed; /* NULL: null */
    uint32_t         odd;     /* ODD() that is counted */
};

#define GOOD(type, encoding, scale, options, json, printed)                                        \
    {                                                                                              \
        type, encoding, scale, options, 'c', json, CUP_OUTCOME_ACCEPTED, printed, 0                \
    }
#define BAD(type, encoding, scale, options, json, outcome)                                         \
    {                                                                                              \
        type, encoding, scale, options, 'c', json, CUP_OUTCOME_##outcome, NULL, 0                  \
    }
#define READ(type, encoding, options, json, outcome, printed, odd)                                 \
    {                                                                                              \
        type, encoding, 2, options, 'r', json, CUP_OUTCOME_##outcome, printed, odd                 \
    }

static const struct vector vectors[] = {
    /* bits, lowest byte first */
    GOOD("string", "bits", 17, 0, "\"AAAB\"", "10000000000000000"),
    GOOD("string", "bits", 17, 0, "\"BQ==\"", "00000000000000101"),
    GOOD("string", "bits", 17, 0, "\"AQAA\"", "00000000000000001"),
    GOOD("string", "bits", 8, 0, "\"\"", "00000000"),
    GOOD("string", "bits", 8, 0, "\"/w==\"", "11111111"),
    GOOD("string", "bits", 0, 0, "\"BQ==\"", "101"),
    GOOD("string", "bits", 0, 0, "\"\"", ""),
    BAD("string", "bits", 7, 0, "\"/w==\"", BITS_WIDTH),
    BAD("string", "bits", 8, 0, "\"AQA=\"", BITS_WIDTH),
    BAD("string", "bits", 8, 0, "\"_w==\"", BASE64),
    BAD("string", "bits", 8, 0, "5", TYPE_MISMATCH),
    /* labels */
    GOOD("string", "enum", 0, CUP_MEMBER_LABEL_COMMA, "\"c\\\\,d\\\\,\"", "c,d,"),
    GOOD("string", "enum", 0, CUP_MEMBER_LABEL_COMMA, "\"c,d\\\\e\\\\\"", "c,d\\e\\"),
    GOOD("string", "enum", 0, 0, "\"c\\\\,d\"", "c\\,d"),
    GOOD("string", "enum_set", 0, 0, "\"x,z\"", "x,z"),
    /* integers */
    GOOD("integer", "year", 0, 0, "2155", "2155"),
    GOOD("decimal(20,0)", "int64", 0, CUP_MEMBER_UNSIGNED | CUP_MEMBER_UNSIGNED_WRAPPED, "-1",
         "0000000000000000ffffffffffffffff"),
    GOOD("decimal(20,0)", "int64", 0, CUP_MEMBER_UNSIGNED | CUP_MEMBER_UNSIGNED_WRAPPED,
         "-9223372036854775808", "00000000000000008000000000000000"),
    GOOD("decimal(20,0)", "int64", 0, CUP_MEMBER_UNSIGNED | CUP_MEMBER_UNSIGNED_WRAPPED, "7", "7"),
    BAD("decimal(20,0)", "int64", 0, CUP_MEMBER_UNSIGNED | CUP_MEMBER_UNSIGNED_WRAPPED,
        "-9223372036854775809", INT_OVERFLOW),
    BAD("decimal(20,0)", "int64", 0, CUP_MEMBER_UNSIGNED, "-1", INT_OVERFLOW),
    BAD("long", "int64", 0, CUP_MEMBER_UNSIGNED, "-1", INT_OVERFLOW),
    GOOD("boolean", "bool", 0, CUP_MEMBER_BOOL_NONZERO, "2", "true"),
    GOOD("boolean", "bool", 0, CUP_MEMBER_BOOL_NONZERO, "0", "false"),
    GOOD("boolean", "bool", 0, CUP_MEMBER_BOOL_NONZERO, "true", "true"),
    GOOD("boolean", "bool", 0, CUP_MEMBER_BOOL_STRICT, "1", "true"),
    BAD("boolean", "bool", 0, CUP_MEMBER_BOOL_STRICT, "2", INT_OVERFLOW),
    BAD("boolean", "bool", 0, CUP_MEMBER_BOOL_STRICT, "-1", INT_OVERFLOW),
    BAD("boolean", "bool", 0, CUP_MEMBER_BOOL_NONZERO, "\"1\"", TYPE_MISMATCH),
    /* decimals that are none */
    GOOD("decimal(10,2)", "decimal_text", 0, CUP_MEMBER_NOT_FINITE_NULL, "\"NAN\"", NULL),
    GOOD("decimal(10,2)", "decimal_text", 0, CUP_MEMBER_NOT_FINITE_NULL, "\"1.5\"", "150"),
    BAD("decimal(10,2)", "decimal_text", 0, CUP_MEMBER_RANGE_NULL, "\"NAN\"", NOT_FINITE),
    GOOD("decimal(5,0)", "decimal_number", 0, 0, "0E-2046", "0"),
    /* intervals */
    GOOD("long", "duration_us", 0, 0, "2629800000000", "2629800000000"),
    BAD("long", "duration_us", 0, 0, "9223372036854775807", TIME_RANGE),
    BAD("long", "duration_us", 0, 0, "-9223372036854775808", TIME_RANGE),
    GOOD("long", "duration_us", 0, CUP_MEMBER_RANGE_NULL, "9223372036854775807", NULL),
    GOOD("long", "duration_us", 0, CUP_MEMBER_RANGE_CLAMP, "9223372036854775807",
         "9223372036854775807"),
    GOOD("long", "duration_ns", 0, 0, "-1000", "-1"),
    BAD("long", "duration_ns", 0, 0, "-1001", TIME_PRECISION),
    GOOD("long", "duration_ns", 0, CUP_MEMBER_TRUNCATE_NS, "-1001", "-2"),
    GOOD("string", "interval_iso", 0, 0, "\"P1Y2M3DT4H5M6.78S\"", "P1Y2M3DT4H5M6.78S"),
    /* times of day */
    GOOD("long", "time_iso", 0, 0, "\"13:14:15.123456Z\"", "47655123456"),
    GOOD("long", "time_iso", 0, 0, "\"00:00\"", "0"),
    BAD("long", "time_iso", 0, 0, "\"13:14:15+01:00\"", TIME_SYNTAX),
    BAD("long", "time_iso", 0, 0, "\"24:00:00Z\"", TIME_SYNTAX),
    GOOD("string", "time_zoned", 0, 0, "\"07:44:15.123456Z\"", "07:44:15.123456Z"),
    GOOD("string", "time_zoned", 0, 0, "\"07:44:15.123456789+05:30\"", "07:44:15.123456789+05:30"),
    BAD("string", "time_zoned", 0, 0, "\"07:44:15\"", TIME_SYNTAX),
    BAD("long", "time_us", 0, 0, "3020400000000", TIME_RANGE),
    GOOD("long", "time_us", 0, CUP_MEMBER_RANGE_CLAMP, "-3020400000000", "-3020399999999"),
    /* range, zero, precision */
    GOOD("date", "date_days", 0, CUP_MEMBER_RANGE_NULL, "-2147472692", NULL),
    GOOD("date", "date_days", 0, CUP_MEMBER_RANGE_CLAMP, "-2147472692", "-719162"),
    GOOD("date", "date_days", 0, CUP_MEMBER_RANGE_CLAMP, "2932897", "2932896"),
    GOOD("date", "date_iso", 0, CUP_MEMBER_RANGE_CLAMP, "\"+292278994-08-16Z\"", "2932896"),
    GOOD("date", "date_iso", 0, CUP_MEMBER_RANGE_CLAMP, "\"-0043-03-15Z\"", "-719162"),
    GOOD("date", "date_days", 0, CUP_MEMBER_ZERO_IS_NULL, "0", NULL),
    GOOD("date", "date_days", 0, CUP_MEMBER_ZERO_IS_NULL, "1", "1"),
    GOOD("timestamp_ntz", "timestamp_us", 0, CUP_MEMBER_RANGE_CLAMP, "9223372036825200000",
         "253402300799999999"),
    GOOD("timestamp_ntz", "timestamp_ms", 0, CUP_MEMBER_RANGE_CLAMP, "-9223372036832400",
         "-62135596800000000"),
    BAD("timestamp_ntz", "timestamp_ms", 0, 0, "9224318015999999", TIME_RANGE),
    GOOD("timestamp", "timestamp_zoned", 0, CUP_MEMBER_RANGE_NULL, "\"infinity\"", NULL),
    GOOD("timestamp", "timestamp_zoned", 0, CUP_MEMBER_RANGE_CLAMP, "\"-infinity\"",
         "-62135596800000000"),
    GOOD("timestamp", "timestamp_zoned", 0, CUP_MEMBER_ZERO_IS_NULL, "\"1970-01-01T00:00:00Z\"",
         NULL),
    GOOD("timestamp", "timestamp_zoned", 0, CUP_MEMBER_TRUNCATE_NS,
         "\"2024-02-29T12:34:56.123456789-05:30\"", "1709229896123456"),
    GOOD("timestamp_ntz", "timestamp_ns", 0, CUP_MEMBER_TRUNCATE_NS, "-29575808001", "-29575809"),
    BAD("timestamp_ntz", "timestamp_ns", 0, 0, "-29575808001", TIME_PRECISION),
    BAD("timestamp_ntz", "timestamp_iso", 0, CUP_MEMBER_RANGE_NULL, "\"yesterday\"", TIME_SYNTAX),
    /* objects */
    GOOD("string", "point", 0, 0,
         "{\"x\":1.5,\"y\":-2.0,\"wkb\":\"AQEAAAAAAAAAAAD4PwAAAAAAAADA\",\"srid\":null}",
         "0101000000000000000000F83F00000000000000C0"),
    GOOD("string", "geometry", 0, 0, "{\"wkb\":\"AQEAAAAAAAAAAAD4PwAAAAAAAADA\",\"srid\":4326}",
         "0101000020E6100000000000000000F83F00000000000000C0"),
    GOOD("string", "geometry", 0, 0, "{\"wkb\":\"AAAAAAE/+AAAAAAAAMAAAAAAAAAA\",\"srid\":4326}",
         "0020000001000010E63FF8000000000000C000000000000000"),
    GOOD("string", "geography", 0, 0,
         "{\"wkb\":\"AQEAACDmEAAAAAAAAAAA8D8AAAAAAAAAQA==\",\"srid\":4326}",
         "0101000020E6100000000000000000F03F0000000000000040"),
    BAD("string", "geometry", 0, 0, "{\"srid\":4326}", TYPE_MISMATCH),
    BAD("string", "geometry", 0, 0, "{\"wkb\":\"AQE=\",\"srid\":null}", BASE64),
    BAD("string", "geometry", 0, 0, "{\"wkb\":\"AQEAAAAA\",\"srid\":\"x\"}", TYPE_MISMATCH),
    BAD("string", "geometry", 0, 0, "\"AQEAAAAA\"", TYPE_MISMATCH),
    GOOD("string", "sparse_vector", 0, 0, "{\"dimensions\":9,\"vector\":[[3,1.5]]}",
         "{\"dimensions\":9,\"vector\":[[3,1.5]]}"),
    GOOD("string", "json_text", 0, 0, "\"a\\u0041\"", "\"a\\u0041\""),
    GOOD("string", "text_base64", 0, 0, "\"MTYvQjM3NEQ4NDg=\"", "16/B374D848"),
    BAD("string", "text_base64", 0, 0, "\"/w==\"", UTF8),
    BAD("string", "text_base64", 0, 0, "\"MTY\"", BASE64),
    GOOD("date", "date_structured", 0, 0,
         "{\"year\":2024,\"month\":2,\"day\":29,\"specialValue\":null}", "19782"),
    BAD("date", "date_structured", 0, 0, "{\"year\":2023,\"month\":2,\"day\":29}", TIME_SYNTAX),
    BAD("date", "date_structured", 0, 0, "{\"specialValue\":\"POSITIVE_INFINITY\"}", TIME_RANGE),
    GOOD("date", "date_structured", 0, CUP_MEMBER_RANGE_CLAMP,
         "{\"specialValue\":\"NEGATIVE_INFINITY\"}", "-719162"),
    GOOD("long", "time_structured", 0, 0, "{\"hour\":24,\"minute\":0,\"second\":0,\"nanos\":0}",
         "86400000000"),
    BAD("long", "time_structured", 0, 0, "{\"hour\":24,\"minute\":1,\"second\":0,\"nanos\":0}",
        TIME_RANGE),
    BAD("long", "time_structured", 0, 0, "{\"hour\":1,\"minute\":1,\"second\":1,\"nanos\":1}",
        TIME_PRECISION),
    GOOD("timestamp_ntz", "timestamp_structured", 0, 0,
         "{\"year\":2024,\"month\":2,\"day\":29,\"hour\":12,\"minute\":34,\"second\":56,"
         "\"nanos\":789012000}",
         "1709210096789012"),
    BAD("timestamp_ntz", "timestamp_structured", 0, 0,
        "{\"year\":294276,\"month\":12,\"day\":31,\"hour\":0}", TIME_RANGE),
    GOOD("timestamp", "zoned_timestamp_structured", 0, 0,
         "{\"year\":2024,\"month\":2,\"day\":29,\"hour\":12,\"minute\":34,\"second\":56,"
         "\"nanos\":100000000,\"offsetSeconds\":7200}",
         "1709202896100000"),
    BAD("timestamp", "zoned_timestamp_structured", 0, 0,
        "{\"year\":2024,\"month\":2,\"day\":29,\"zoneId\":\"Europe/Berlin\"}", TIME_SYNTAX),
    BAD("timestamp", "zoned_timestamp_structured", 0, 0, "17", TYPE_MISMATCH),
    GOOD("string", "duration_structured", 0, 0, "{\"years\":1,\"months\":null}",
         "{\"years\":1,\"months\":null}"),
    /* what is odd in a snapshot */
    READ("date", "date_days", 0, "-141428", ACCEPTED, "-141428", ODD(PRE_GREGORIAN)),
    READ("date", "date_days", 0, "-141427", ACCEPTED, "-141427", 0),
    READ("timestamp_ntz", "timestamp_us", 0, "-12219292800000001", ACCEPTED, "-12219292800000001",
         ODD(PRE_GREGORIAN)),
    READ("timestamp_ntz", "timestamp_us", 0, "-12219292800000000", ACCEPTED, "-12219292800000000",
         0),
    READ("timestamp_ntz", "timestamp_us", CUP_MEMBER_OLD_DATES_QUARANTINE, "-12219292800000001",
         TIME_RANGE, NULL, 0),
    GOOD("timestamp_ntz", "timestamp_us", 0, CUP_MEMBER_OLD_DATES_QUARANTINE, "-12219292800000001",
         "-12219292800000001"), /* the stream is right */
    READ("decimal(19,2)", "decimal_text", CUP_MEMBER_MONEY, "\"9.223372036854776E16\"", ACCEPTED,
         "000000000000000080000000000000c0", ODD(MONEY_NOT_EXACT)),
    READ("string", "decimal_base64", CUP_MEMBER_MONEY, "\"IAAAAAAAAQ==\"", ACCEPTED,
         "90071992547409.93", ODD(MONEY_NOT_EXACT)),
    READ("string", "decimal_base64", CUP_MEMBER_MONEY, "\"IAAAAAAAAA==\"", ACCEPTED,
         "90071992547409.92", 0),
    READ("string", "decimal_base64", 0, "\"IAAAAAAAAQ==\"", ACCEPTED, "90071992547409.93", 0),
    READ("string", "uuid", 0, "\"00123e45-67e8-9b12-d3a4-564266141740\"", ACCEPTED,
         "00123e45-67e8-9b12-d3a4-564266141740", 0),
    {"string", "uuid", 0, 0, 'c', "\"00123e45-67e8-9b12-d3a4-564266141740\"", CUP_OUTCOME_ACCEPTED,
     "00123e45-67e8-9b12-d3a4-564266141740", ODD(UUID_LEADING_ZERO)},
};

static struct cup_harness *open_one(const struct cup_spec_column *column)
{
    struct cup_spec_table table = {.table = "t", .columns = column, .column_count = 1, .images = 1};

    return cup_harness_open(cup_spec_plan(&(struct cup_spec){.tables = &table, .table_count = 1}),
                            4u << 20);
}

static void add(struct cup_harness *harness, char op, const char *json)
{
    struct cup_text value = {0};

    cup_text_printf(&value,
                    "{\"op\":\"%c\",\"source\":{\"connector\":\"mariadb\",\"table\":\"t\"},"
                    "\"after\":{\"v\":%s}}",
                    op, json);
    cup_harness_add(harness, value.at, NULL);
    cup_text_free(&value);
}

/* The oddities counted, each once; all are of the one column. */
static uint32_t take_odd(struct cup_harness *harness)
{
    struct cup_decode_odd odd  = {0};
    uint32_t              seen = 0;

    while (cup_decode_take_odd(harness->decode, &odd)) {
        CHECK(odd.table == 0 && odd.column == 0 && odd.count == 1);
        CHECK((seen & 1u << odd.oddity) == 0);
        seen |= 1u << odd.oddity;
    }
    odd = (struct cup_decode_odd){0};
    CHECK(!cup_decode_take_odd(harness->decode, &odd)); /* taken is forgotten */
    return seen;
}

static void check_vector(const struct vector *vector)
{
    struct cup_spec_column column  = {.name     = "v",
                                      .type     = vector->type,
                                      .encoding = vector->encoding,
                                      .scale    = vector->scale,
                                      .options  = vector->options};
    struct cup_harness    *harness = open_one(&column);
    struct cup_text        row     = {0};
    uint32_t               next    = 0;

    if (vector->outcome == CUP_OUTCOME_ACCEPTED && vector->printed != NULL)
        cup_text_printf(&row, "t: v=%s _op=%c", vector->printed, vector->op);
    else if (vector->outcome == CUP_OUTCOME_ACCEPTED)
        cup_text_printf(&row, "t: _op=%c", vector->op);
    add(harness, vector->op, vector->json);
    CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE);
    const char *is       = harness->row_count == 0 ? "" : harness->rows[0];
    const char *expected = row.at == NULL ? "" : row.at;
    uint32_t    odd      = take_odd(harness);
    if (harness->verdicts[0].outcome != vector->outcome || strcmp(is, expected) != 0 ||
        odd != vector->odd) {
        fprintf(stderr, "%s %s: %s \"%s\" odd %x, not %s \"%s\" odd %x\n", vector->encoding,
                vector->json, cup_outcome_name((enum cup_outcome)harness->verdicts[0].outcome), is,
                odd, cup_outcome_name(vector->outcome), expected, vector->odd);
        exit(1);
    }
    cup_harness_close(harness);
    cup_text_free(&row);
}

/* In a list a declaration is for each element; an array of nulls has lost its values. */
static void check_lists(void)
{
    struct cup_spec_column column = {.name     = "v",
                                     .type     = "date",
                                     .encoding = "list",
                                     .element  = "date_days",
                                     .options  = CUP_MEMBER_RANGE_NULL};
    static const struct {
        const char *json, *row;
        uint32_t    odd;
    } lists[] = {
        {"[1,-2147472692,2]", "t: v=[1,null,2] _op=c", 0},
        {"[null,null]", "t: v=[null,null] _op=c", ODD(VALUE_LOST)},
        {"[]", "t: v=[] _op=c", 0},
        {"[null,7]", "t: v=[null,7] _op=c", 0},
    };
    struct cup_harness *harness = open_one(&column);

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        uint32_t next = 0;
        add(harness, 'c', lists[i].json);
        CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE);
        CHECK(harness->row_count == 1 && strcmp(harness->rows[0], lists[i].row) == 0);
        CHECK(take_odd(harness) == lists[i].odd);
        cup_harness_clear(harness);
    }
    cup_harness_close(harness);
}

/* Nulls that may be something else, and defaults that may be null: by member and table. */
static void check_nulls(void)
{
    static const struct cup_spec_column columns[] = {
        {"id", "long", "int64", .key = 1},
        {"d", "string", "string", .options = CUP_MEMBER_NULL_HAS_DEFAULT, .standard = "\"x\""},
        {"n", "string", "decimal_variable", .options = CUP_MEMBER_NULL_MAY_BE_UNSET},
        {"g", "long", "int64", .required = 1, .generated = CUP_GENERATED_NULL}};
    static const char *const records[] = {
        "{\"op\":\"u\",\"source\":{\"table\":\"t\"},\"after\":{\"id\":1,\"d\":\"x\",\"n\":null}}",
        "{\"op\":\"c\",\"source\":{\"table\":\"t\"},\"after\":{\"id\":2,\"d\":\"xy\",\"n\":null}}",
        "{\"op\":\"u\",\"source\":{\"table\":\"t\"},\"after\":{\"id\":3,\"d\":null,\"n\":null}}",
        "{\"op\":\"u\",\"source\":{\"table\":\"t\"},\"after\":{\"id\":\"x\",\"d\":\"x\",\"n\":null}"
        "}"};
    struct cup_spec_table table = {.table = "t", .columns = columns, .column_count = 4};

    for (uint8_t full = 0; full < 2; full++) {
        table.images                = full;
        struct cup_harness *harness = cup_harness_open(
            cup_spec_plan(&(struct cup_spec){.tables = &table, .table_count = 1}), 4u << 20);
        uint64_t              counts[2][CUP_ODDITY_COUNT] = {{0}};
        uint32_t              next = 0, weakened = 0;
        struct cup_decode_odd odd = {0};
        for (size_t i = 0; i < 4; i++)
            cup_harness_add(harness, records[i], NULL);
        CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE);
        CHECK(harness->verdicts[0].outcome == CUP_OUTCOME_ACCEPTED); /* g is absent */
        CHECK(harness->verdicts[3].outcome == CUP_OUTCOME_TYPE_MISMATCH);
        while (cup_decode_take_odd(harness->decode, &odd)) {
            if (odd.column == UINT32_MAX) {
                CHECK(odd.oddity == CUP_ODDITY_IDENTITY_WEAKENED);
                weakened += (uint32_t)odd.count;
            } else {
                CHECK(odd.column == 1 || odd.column == 2);
                counts[odd.column - 1][odd.oddity] = odd.count;
            }
        }
        CHECK(counts[0][CUP_ODDITY_NULL_DEFAULT_POSSIBLE] == 1);
        CHECK(counts[1][CUP_ODDITY_NULL_MAYBE_UNAVAILABLE] == 2); /* of updates */
        CHECK(weakened == (full ? 2 : 0));
        cup_harness_close(harness);
    }
}

/* uuid[]: the name-based UUID of the placeholder, whatever its text is. */
static void check_uuid_placeholder(void)
{
    static const struct cup_spec_column columns[] = {
        {"id", "long", "int64", .key = 1},
        {"v", "string", "list", .element = "uuid", .unavailable = 1}};
    static const struct {
        const char *text, *uuid;
    } cases[]                   = {{NULL, "b68a35a7-17ad-35b3-af2a-ae46edb4545a"},
                                   {"abc", "90015098-3cd2-3fb0-9696-3f7d28e17f72"}};
    struct cup_spec_table table = {.table = "t", .columns = columns, .column_count = 2};

    for (size_t i = 0; i < 2; i++) {
        struct cup_spec spec = {.tables = &table, .table_count = 1, .unavailable = cases[i].text};
        struct cup_harness *harness = cup_harness_open(cup_spec_plan(&spec), 4u << 20);
        for (size_t k = 0; k < 2; k++) {
            struct cup_text value = {0};
            cup_text_printf(&value,
                            "{\"op\":\"u\",\"source\":{\"table\":\"t\"},\"after\":{\"id\":1,"
                            "\"v\":[\"%s\"]}}",
                            cases[k].uuid);
            cup_harness_add(harness, value.at, NULL);
            cup_text_free(&value);
        }
        uint32_t next = 0;
        CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE);
        CHECK(harness->row_count == 2);
        CHECK(strcmp(harness->rows[i], "t: id=1 _op=u _unset=[v]") == 0);
        CHECK(strstr(harness->rows[1 - i], "_unset") == NULL);
        cup_harness_close(harness);
    }
}

/* After an update without its before image a delete's image is filler: its key is kept, no more. */
static void check_weakened(void)
{
    static const struct cup_spec_column columns[] = {{"id", "long", "int64", .key = 1},
                                                     {"d", "string", "string", .key = 0}};
    static const char     update[] = "{\"op\":\"u\",\"source\":{\"table\":\"t\"},\"before\":null,"
                                     "\"after\":{\"id\":1,\"d\":\"x\"}}";
    static const char     gone[]   = "{\"op\":\"d\",\"source\":{\"table\":\"t\"},"
                                     "\"before\":{\"id\":1,\"d\":\"\"}}";
    struct cup_spec_table table    = {
           .table = "t", .columns = columns, .column_count = 2, .images = CUP_IMAGES_FULL};
    struct cup_harness *harness = cup_harness_open(
        cup_spec_plan(&(struct cup_spec){.tables = &table, .table_count = 1}), 4u << 20);
    uint32_t next = 0;

    cup_harness_add(harness, gone, "{\"id\":1}");
    cup_harness_add(harness, update, "{\"id\":1}");
    cup_harness_add(harness, gone, "{\"id\":1}");
    CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE);
    CHECK(harness->row_count == 3);
    CHECK(strcmp(harness->rows[0], "t: id=1 d= _op=d") == 0);
    CHECK(strcmp(harness->rows[2], "t: id=1 _op=d _unset=[*]") == 0);
    cup_harness_close(harness);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv); /* nothing here is random */
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        check_vector(&vectors[i]);
    check_lists();
    check_nulls();
    check_uuid_placeholder();
    check_weakened();
    return 0;
}
