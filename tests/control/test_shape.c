// SPDX-License-Identifier: Apache-2.0
/* Goal:   an embedded schema gives exactly the types its rows say, and nothing is guessed.
 * Method: every row of encoding.def that schemas can say, generated from the table; decimals at the
 *         edges of decimal(38); what must be refused, with its sentence; which types fit which. */
#include "control/schema/shape.h"

#include "tests/control/fixture.h"

static struct cup_keep keep;

static struct cup_shape parse(const char *schema, const char *key, const char *connector)
{
    struct cup_text  says = {0};
    struct cup_shape shape;

    if (cup_shape_parse(&keep, schema, key, connector, &shape, &says) != CUP_OK) {
        fprintf(stderr, "%s\n", says.at);
        CHECK(false);
    }
    CHECK(says.bytes == 0);
    cup_text_free(&says);
    return shape;
}

static void check_refused(const char *schema, const char *key, const char *piece)
{
    struct cup_text  says  = {0};
    struct cup_shape shape = {.member_count = 77};

    CHECK(cup_shape_parse(&keep, schema, key, "postgresql", &shape, &says) == CUP_BAD_DATA);
    CHECK(shape.member_count == 77); /* untouched */
    CHECK(fixture_said(&says, piece));
}

/* The rows themselves are the specification; each is asked for by its Connect type and name. */
static void check_every_row(void)
{
    for (int i = 0; i < CUP_ENCODING_COUNT; i++) {
        const struct cup_encoding_row *row  = cup_encoding_row((enum cup_encoding)i);
        struct cup_text                text = {0};
        if (strcmp(row->connect_type, "-") == 0 || i == CUP_ENCODING_LIST ||
            i == CUP_ENCODING_MAP || i == CUP_ENCODING_DECIMAL_BASE64)
            continue;
        cup_text_printf(&text,
                        "{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"field\":\"after\","
                        "\"fields\":[{\"type\":\"%s\",%s%s%s\"field\":\"x\"},{\"type\":\"array\","
                        "\"items\":{\"type\":\"%s\"%s%s%s},\"field\":\"list\"}]}]}",
                        row->connect_type, *row->semantic ? "\"name\":\"" : "", row->semantic,
                        *row->semantic ? "\"," : "", row->connect_type,
                        *row->semantic ? ",\"name\":\"" : "", row->semantic,
                        *row->semantic ? "\"" : "");
        struct cup_shape shape = parse(text.at, "", "postgresql");
        CHECK(shape.member_count == 2 && shape.key_count == 0);
        CHECK(shape.members[0].is.encoding == i && shape.members[0].is.type == row->type);
        CHECK(shape.members[1].is.type == CUP_TYPE_LIST &&
              shape.members[1].is.encoding == CUP_ENCODING_LIST);
        CHECK(shape.members[1].is.element_type == row->type &&
              shape.members[1].is.element_encoding == i);
        cup_text_free(&text);
    }
}

#define MAP(key, value)                                                                            \
    "{\"type\":\"map\",\"keys\":{\"type\":\"" key "\"},\"values\":{\"type\":\"" value              \
    "\"},\"optional\":true,\"field\":\"m\"}"

/* A map of texts is one; with other keys it is not written as an object. */
static void check_maps(void)
{
    struct cup_text  says = {0};
    struct cup_shape shape =
        parse(ENVELOPE(INT32("id") "," MAP("string", "string")), "", "postgresql");

    CHECK(shape.members[1].is.type == CUP_TYPE_MAP);
    CHECK(shape.members[1].is.encoding == CUP_ENCODING_MAP && shape.members[1].is.unavailable);
    cup_shape_put_type(&says, &shape.members[1].is);
    CHECK(strcmp(says.at, "map<string,string>") == 0);
    CHECK(cup_shape_parse(&keep, ENVELOPE(MAP("int16", "string")), "", "", &shape, &says) ==
          CUP_BAD_DATA);
    CHECK(cup_shape_parse(&keep, ENVELOPE(MAP("string", "int64")), "", "", &shape, &says) ==
          CUP_BAD_DATA);
    cup_text_free(&says);
}

static void check_decimals(void)
{
    static const struct {
        const char *schema;
        uint8_t     type, precision, scale;
        int32_t     wire_scale;
    } cases[] = {
        {ENVELOPE(DECIMAL("n", "18", "2")), CUP_TYPE_DECIMAL, 18, 2, 2},
        {ENVELOPE(DECIMAL("n", "38", "38")), CUP_TYPE_DECIMAL, 38, 38, 38},
        {ENVELOPE(DECIMAL("n", "39", "2")), CUP_TYPE_STRING, 0, 0, 2},
        {ENVELOPE(DECIMAL("n", "3", "2046")), CUP_TYPE_DECIMAL, 5, 0, 2046},
        {ENVELOPE(DECIMAL("n", "3", "-2")), CUP_TYPE_DECIMAL, 5, 0, -2},
        {ENVELOPE(DECIMAL("n", "37", "2046")), CUP_TYPE_STRING, 0, 0, 2046},
        {ENVELOPE(DECIMAL("n", "x", "5")), CUP_TYPE_STRING, 0, 0, 5},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cup_shape      shape = parse(cases[i].schema, "", "postgresql");
        struct cup_shape_type is    = shape.members[0].is;
        CHECK(is.type == cases[i].type && is.encoding == CUP_ENCODING_DECIMAL_BASE64);
        CHECK(is.precision == cases[i].precision && is.scale == cases[i].scale);
        CHECK(is.wire_scale == cases[i].wire_scale);
    }
    check_refused(ENVELOPE(DECIMAL("n", "18", "two")), "", "column \"n\" has the type bytes");
}

static void check_keys_and_out_of_line(void)
{
    const char *schema = ENVELOPE(INT64("id") "," STRING("note") "," INT32("part"));

    struct cup_shape shape = parse(schema, KEY(INT32("part") "," INT64("id")), "postgresql");
    CHECK(shape.key_count == 2);
    CHECK(strcmp(shape.keys[0], "part") == 0 && strcmp(shape.keys[1], "id") == 0);
    CHECK(shape.members[1].is.unavailable == 1 && shape.members[0].is.unavailable == 0);
    CHECK(parse(schema, "", "mysql").members[1].is.unavailable == 0);
    check_refused(schema, KEY(INT64("other")), "the key names \"other\"");
    check_refused(schema, "{\"type\":\"string\"}", "the key's schema is no struct");
    check_refused(schema, "{", "the key's schema is no JSON");
}

static void check_refusals(void)
{
    check_refused("[", "", "the schema is no JSON");
    check_refused("{\"type\":\"struct\",\"fields\":[]}", "", "no change envelope");
    check_refused(ENVELOPE(""), "", "0 columns; allowed: 1 to 2000");
    check_refused(ENVELOPE(SEMANTIC("bytes", "io.debezium.data.Unheard", "b")), "",
                  "\"b\" has the type bytes (io.debezium.data.Unheard)");
    check_refused(ENVELOPE(SEMANTIC("string", "io.debezium.time.Unheard", "t")), "",
                  "\"t\" has the type string");
    check_refused(ENVELOPE(SEMANTIC("int64", "io.debezium.time.Unheard", "d")), "",
                  "\"d\" has the type int64");
    check_refused(ENVELOPE("{\"type\":\"int32\"}"), "", "column 1 of the schema has no name");
    struct cup_shape before = parse("{\"fields\":[" ROW(INT64("id"), "before") "]}", "", "mysql");
    CHECK(before.member_count == 1); /* the row's schema stands in either */
    struct cup_shape text =
        parse(ENVELOPE(SEMANTIC("string", "io.debezium.data.Ltree", "l")), "", "postgresql");
    CHECK(text.members[0].is.type == CUP_TYPE_STRING);
}

#define PARAMETER(type, semantic, name, value)                                                     \
    "{\"type\":\"" type "\",\"name\":\"" semantic "\",\"parameters\":{\"" name "\":\"" value       \
    "\"},\"field\":\"x\"}"

/* What stands beside the type: how many bits, commas in labels, defaults, values that hide. */
static void check_options(void)
{
    static const struct {
        const char *schema;
        int32_t     wire_scale;
        uint32_t    options;
        const char *standard;
    } cases[] = {
        {ENVELOPE(PARAMETER("bytes", "io.debezium.data.Bits", "length", "17")), 17, 0, ""},
        {ENVELOPE(PARAMETER("bytes", "io.debezium.data.Bits", "length", "2147483647")), 0, 0, ""},
        {ENVELOPE(PARAMETER("string", "io.debezium.data.Enum", "allowed", "a,b")), 0, 0, ""},
        {ENVELOPE(PARAMETER("string", "io.debezium.data.Enum", "allowed", "a,c\\\\,d")), 0,
         CUP_MEMBER_LABEL_COMMA, ""},
        {ENVELOPE(PARAMETER("bytes", "org.apache.kafka.connect.data.Decimal", "scale", "2")), 2,
         CUP_MEMBER_MONEY, ""},
        {ENVELOPE(SEMANTIC("struct", "io.debezium.data.VariableScaleDecimal", "n")), 0,
         CUP_MEMBER_NULL_MAY_BE_UNSET, ""},
        {ENVELOPE("{\"type\":\"array\",\"items\":{\"type\":\"double\"},\"field\":\"a\"}"), 0,
         CUP_MEMBER_NULL_MAY_BE_UNSET, ""},
        {ENVELOPE("{\"type\":\"string\",\"optional\":true,\"default\":\"d\",\"field\":\"a\"}"), 0,
         CUP_MEMBER_NULL_HAS_DEFAULT, "\"d\""},
        {ENVELOPE("{\"type\":\"int32\",\"optional\":false,\"default\":7,\"field\":\"a\"}"), 0, 0,
         ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cup_shape shape = parse(cases[i].schema, "", "postgresql");
        CHECK(shape.members[0].is.wire_scale == cases[i].wire_scale);
        CHECK(shape.members[0].is.options == cases[i].options);
        CHECK(strcmp(shape.members[0].standard, cases[i].standard) == 0);
        uint32_t elsewhere =
            cases[i].options & ~(uint32_t)(CUP_MEMBER_MONEY | CUP_MEMBER_NULL_MAY_BE_UNSET);
        CHECK(parse(cases[i].schema, "", "mysql").members[0].is.options == elsewhere);
    }
}

static struct cup_shape_type type_of(uint8_t type, uint8_t precision, uint8_t scale)
{
    return (struct cup_shape_type){.type = type, .precision = precision, .scale = scale};
}

static void check_fits(void)
{
    static const struct {
        uint8_t column[3], wire[3];
        bool    fits;
    } cases[] = {
        {{CUP_TYPE_LONG}, {CUP_TYPE_INT}, true},
        {{CUP_TYPE_INT}, {CUP_TYPE_LONG}, false},
        {{CUP_TYPE_SHORT}, {CUP_TYPE_BYTE}, true},
        {{CUP_TYPE_SHORT}, {CUP_TYPE_INT}, false},
        {{CUP_TYPE_INT}, {CUP_TYPE_SHORT}, true},
        {{CUP_TYPE_DOUBLE}, {CUP_TYPE_FLOAT}, true},
        {{CUP_TYPE_FLOAT}, {CUP_TYPE_DOUBLE}, false},
        {{CUP_TYPE_DECIMAL, 20, 4}, {CUP_TYPE_DECIMAL, 18, 2}, true},
        {{CUP_TYPE_DECIMAL, 18, 2}, {CUP_TYPE_DECIMAL, 20, 4}, false},
        {{CUP_TYPE_DECIMAL, 18, 4}, {CUP_TYPE_DECIMAL, 18, 2}, false}, /* fewer whole digits */
        {{CUP_TYPE_DECIMAL, 18, 2}, {CUP_TYPE_INT}, false},
        {{CUP_TYPE_STRING}, {CUP_TYPE_STRING}, true},
        {{CUP_TYPE_STRING}, {CUP_TYPE_LONG}, false},
        {{CUP_TYPE_TIMESTAMP}, {CUP_TYPE_TIMESTAMP_NTZ}, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cup_shape_type column =
            type_of(cases[i].column[0], cases[i].column[1], cases[i].column[2]);
        struct cup_shape_type wire = type_of(cases[i].wire[0], cases[i].wire[1], cases[i].wire[2]);
        CHECK(cup_shape_fits(&column, &wire) == cases[i].fits);
    }
}

static void check_type_text(void)
{
    struct cup_text       text = {0};
    struct cup_shape_type is   = type_of(CUP_TYPE_LIST, 18, 2);

    is.element_type = CUP_TYPE_DECIMAL;
    cup_shape_put_type(&text, &is);
    CHECK(fixture_said(&text, "array<decimal(18,2)>"));
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    keep = fixture_keep();
    check_maps();
    check_every_row();
    check_decimals();
    check_keys_and_out_of_line();
    check_refusals();
    check_options();
    check_fits();
    check_type_text();
    cup_keep_close(&keep);
    return 0;
}
