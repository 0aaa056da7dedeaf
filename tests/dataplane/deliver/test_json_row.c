// SPDX-License-Identifier: Apache-2.0
/* Goal:   a value of every type stands in the row's JSON exactly; keys and values have their
 * columns; what was not sent is absent; the schema says what Kafka Connect reads. Method: columns
 * made by hand, texts written by hand from the table in json_row.h. */
#include "dataplane/deliver/json_row.h"

#include <math.h>

#include "tests/check.h"
#include "tests/dataplane/plan_maker.h"

#define ROWS      3u
#define VAR_BYTES 256u

/* A column of ROWS rows with room for what tests put there; all null at first. */
struct cell_column {
    struct cup_column column, children[2];
    uint8_t           validity[1], bits[1];
    cup_i128          values[ROWS];
    uint32_t          offsets[ROWS + 1], child_offsets[2][8];
    uint8_t           text[VAR_BYTES], child_text[2][VAR_BYTES], child_validity[2][1];
};

enum {
    BOOL,
    INT,
    LONG,
    FLOAT,
    DOUBLE,
    DECIMAL,
    DATE,
    TS,
    NTZ,
    TEXT,
    BYTES,
    LIST,
    MAP,
    SECRET,
    DATA_COUNT
};

static const struct cup_spec_column spec_columns[] = {
    [BOOL]    = {"b", "boolean", "bool"},
    [INT]     = {"i", "integer", "int32", .key = 2},
    [LONG]    = {"l", "long", "int64", .key = 1},
    [FLOAT]   = {"f", "float", "float"},
    [DOUBLE]  = {"d", "double", "double"},
    [DECIMAL] = {"n", "decimal(38,10)", "decimal_base64", .scale = 10},
    [DATE]    = {"dt", "date", "date_days"},
    [TS]      = {"ts", "timestamp", "timestamp_zoned"},
    [NTZ]     = {"nt", "timestamp_ntz", "timestamp_us"},
    [TEXT]    = {"t\"x", "string", "string"},
    [BYTES]   = {"y", "binary", "bytes_base64"},
    [LIST]    = {"li", "integer", "list", .element = "int32"},
    [MAP]     = {"m", "map", "map"},
    [SECRET]  = {"s", "string", "string", .mask = CUP_MASK_DROP},
};
static const struct cup_spec_table spec_table = {
    .schema = "bank", .table = "t", .columns = spec_columns, .column_count = DATA_COUNT};

static const uint8_t types[] = {
    CUP_TYPE_BOOL,    CUP_TYPE_INT,  CUP_TYPE_LONG,      CUP_TYPE_FLOAT,         CUP_TYPE_DOUBLE,
    CUP_TYPE_DECIMAL, CUP_TYPE_DATE, CUP_TYPE_TIMESTAMP, CUP_TYPE_TIMESTAMP_NTZ, CUP_TYPE_STRING,
    CUP_TYPE_BINARY,  CUP_TYPE_LIST, CUP_TYPE_MAP,       CUP_TYPE_STRING};

#define COLUMN_COUNT (DATA_COUNT + CUP_SILVER_COUNT)
static struct cell_column     cells[COLUMN_COUNT];
static struct cup_column      columns[COLUMN_COUNT];
static struct cup_field       fields[COLUMN_COUNT];
static const struct cup_field int_item[]  = {{.name = "element", .type = CUP_TYPE_INT}};
static const struct cup_field map_items[] = {{.name = "key", .type = CUP_TYPE_STRING},
                                             {.name = "value", .type = CUP_TYPE_STRING}};

static void make_fields(void)
{
    for (uint32_t i = 0; i < DATA_COUNT; i++)
        fields[i] = (struct cup_field){
            .name = spec_columns[i].name, .type = types[i], .precision = 38, .scale = 10};
    fields[LIST].children    = int_item;
    fields[LIST].child_count = 1;
    fields[MAP].children     = map_items;
    fields[MAP].child_count  = 2;
    for (uint32_t i = 0; i < CUP_SILVER_COUNT; i++)
        fields[DATA_COUNT + i] = cup_silver_fields()[i];
}

static void make_columns(void)
{
    memset(cells, 0, sizeof cells);
    for (uint32_t i = 0; i < COLUMN_COUNT; i++) {
        struct cell_column *cell = &cells[i];
        uint8_t             type = fields[i].type;
        columns[i]               = (struct cup_column){.validity  = cell->validity,
                                                       .offsets   = cell->offsets,
                                                       .children  = cell->children,
                                                       .row_count = ROWS};
        if (type == CUP_TYPE_STRING || type == CUP_TYPE_BINARY)
            columns[i].text = cell->text;
        else
            columns[i].any = type == CUP_TYPE_BOOL ? (void *)cell->bits : (void *)cell->values;
        for (uint32_t c = 0; c < 2; c++)
            cell->children[c] = (struct cup_column){.validity = cell->child_validity[c],
                                                    .offsets  = cell->child_offsets[c],
                                                    .text     = cell->child_text[c]};
    }
}

static void set_valid(uint32_t column, uint32_t row)
{
    cup_bit_set(cells[column].validity, row, true);
}

/* Rows of texts are set in order; a row that is left out must be skipped. */
static void set_text(uint32_t column, uint32_t row, const char *text, uint32_t bytes)
{
    struct cell_column *cell = &cells[column];

    memcpy(cell->text + cell->offsets[row], text, bytes);
    for (uint32_t i = row + 1; i <= ROWS; i++)
        cell->offsets[i] = cell->offsets[row] + bytes;
    set_valid(column, row);
}

static void put_child_text(struct cell_column *cell, uint32_t child, uint32_t at, const char *text)
{
    uint32_t *offsets = cell->child_offsets[child], bytes = (uint32_t)strlen(text);

    memcpy(cell->child_text[child] + offsets[at], text, bytes);
    for (uint32_t i = at + 1; i < 8; i++)
        offsets[i] = offsets[at] + bytes;
    cup_bit_set(cell->child_validity[child], at, true);
}

static void set_count(uint32_t column, uint32_t row, uint32_t count)
{
    struct cell_column *cell = &cells[column];

    for (uint32_t i = row + 1; i <= ROWS; i++)
        cell->offsets[i] = cell->offsets[row] + count;
    set_valid(column, row);
}

/* Row 0: something of everything. */
static void set_first(void)
{
    static int32_t items[] = {-1, 0, 7};

    cup_bit_set(cells[BOOL].bits, 0, true);
    columns[INT].i32[0]      = INT32_MIN;
    columns[LONG].i64[0]     = INT64_MIN;
    columns[FLOAT].f32[0]    = 0.1f;
    columns[DOUBLE].f64[0]   = 0.1;
    columns[DECIMAL].i128[0] = -(cup_i128)10000000001ll;
    columns[DATE].i32[0]     = 20000;
    columns[TS].i64[0]       = 1700000000123456ll;
    columns[NTZ].i64[0]      = -1;
    for (uint32_t i = BOOL; i <= NTZ; i++)
        set_valid(i, 0);
    set_text(TEXT, 0, "a\"\\\n\x01\xc3\xa9", 7);
    set_text(BYTES, 0, "\0\xff\x10", 3);
    cells[LIST].children[0].i32      = items;
    cells[LIST].child_validity[0][0] = 5; /* the middle one is null */
    set_count(LIST, 0, 3);
    put_child_text(&cells[MAP], 0, 0, "k\"");
    put_child_text(&cells[MAP], 1, 0, "v");
    put_child_text(&cells[MAP], 0, 1, "n");
    cells[MAP].child_offsets[1][2] = cells[MAP].child_offsets[1][1];
    set_count(MAP, 0, 2);
    set_text(SECRET, 0, "hidden", 6);
    set_text(DATA_COUNT + CUP_SILVER_OP, 0, "c", 1);
    columns[DATA_COUNT + CUP_SILVER_TS].i64[0] = 0;
    set_valid(DATA_COUNT + CUP_SILVER_TS, 0);
    columns[DATA_COUNT + CUP_SILVER_OFFSET].i64[0] = 12;
    set_valid(DATA_COUNT + CUP_SILVER_OFFSET, 0);
    columns[DATA_COUNT + CUP_SILVER_INGESTED_AT].i64[0] = 1;
    set_valid(DATA_COUNT + CUP_SILVER_INGESTED_AT, 0);
}

static struct cup_json_row *open_row(const struct cup_plan *plan, enum cup_output_schema schema)
{
    struct cup_json_row *row;

    CHECK(cup_json_row_open(plan, cup_plan_tables(plan), fields, schema, &row, NULL) == CUP_OK);
    return row;
}

static void check_text(const struct cup_text *text, const char *wanted)
{
    if (text->failed || strcmp(text->at, wanted) != 0)
        fprintf(stderr, "found  %s\nwanted %s\n", text->at, wanted);
    CHECK(!text->failed && strcmp(text->at, wanted) == 0);
}

static void check_row(const struct cup_json_row *row, uint32_t at, const char *key,
                      const char *value)
{
    struct cup_text text = {0};

    cup_json_row_key(row, columns, at, &text);
    check_text(&text, key);
    cup_text_clear(&text);
    cup_json_row_value(row, columns, at, &text);
    check_text(&text, value);
    cup_text_free(&text);
}

static void test_plain(const struct cup_plan *plan)
{
    struct cup_json_row *row = open_row(plan, CUP_OUTPUT_SCHEMALESS);

    CHECK(cup_json_row_has_key(row));
    CHECK(cup_json_row_op(row, columns, 0) == 'c');
    CHECK(cup_json_row_op(row, columns, 1) == '\0');
    check_row(
        row, 0, "{\"l\":-9223372036854775808,\"i\":-2147483648}",
        "{\"b\":true,\"i\":-2147483648,\"l\":-9223372036854775808,\"f\":0.1,\"d\":0.1,"
        "\"n\":\"-1.0000000001\",\"dt\":\"2024-10-04\",\"ts\":\"2023-11-14T22:13:20.123456Z\","
        "\"nt\":\"1969-12-31T23:59:59.999999\",\"t\\\"x\":\"a\\\"\\\\\\n\\u0001\xc3\xa9\","
        "\"y\":\"AP8Q\",\"li\":[-1,null,7],\"m\":{\"k\\\"\":\"v\",\"n\":null},\"_op\":\"c\","
        "\"_ts\":\"1970-01-01T00:00:00.000000Z\",\"_offset\":12}");
    check_row(row, 1, "{\"l\":null,\"i\":null}",
              "{\"b\":null,\"i\":null,\"l\":null,\"f\":null,\"d\":null,\"n\":null,\"dt\":null,"
              "\"ts\":null,\"nt\":null,\"t\\\"x\":null,\"y\":null,\"li\":null,\"m\":null}");
    cup_json_row_close(row);
}

/* Row 2: an update that names two columns as not sent; then a delete that has its key only. */
static void test_unset(const struct cup_plan *plan)
{
    struct cup_json_row *row   = open_row(plan, CUP_OUTPUT_SCHEMALESS);
    uint32_t             unset = DATA_COUNT + CUP_SILVER_UNSET;

    columns[INT].i32[2]  = 5;
    columns[LONG].i64[2] = 6;
    set_valid(INT, 2);
    set_valid(LONG, 2);
    put_child_text(&cells[unset], 0, 0, "d");
    put_child_text(&cells[unset], 0, 1, "t\"x");
    set_count(unset, 2, 2);
    check_row(
        row, 2, "{\"l\":6,\"i\":5}",
        "{\"b\":null,\"i\":5,\"l\":6,\"f\":null,\"n\":null,\"dt\":null,\"ts\":null,\"nt\":null,"
        "\"y\":null,\"li\":null,\"m\":null,\"_unset\":[\"d\",\"t\\\"x\"]}");
    memset(cells[unset].child_offsets, 0, sizeof cells[unset].child_offsets);
    put_child_text(&cells[unset], 0, 0, "*");
    set_count(unset, 2, 1);
    check_row(row, 2, "{\"l\":6,\"i\":5}", "{\"i\":5,\"l\":6,\"_unset\":[\"*\"]}");
    cup_json_row_close(row);
}

static void test_schema(const struct cup_plan *plan)
{
    struct cup_json_row *row  = open_row(plan, CUP_OUTPUT_SCHEMA);
    struct cup_text      text = {0};

    cup_json_row_key(row, columns, 0, &text);
    check_text(&text, "{\"schema\":{\"type\":\"struct\",\"fields\":["
                      "{\"type\":\"int64\",\"optional\":false,\"field\":\"l\"},"
                      "{\"type\":\"int32\",\"optional\":false,\"field\":\"i\"}],\"optional\":false,"
                      "\"name\":\"default.silver.bank.t.Key\"},"
                      "\"payload\":{\"l\":-9223372036854775808,\"i\":-2147483648}}");
    cup_text_clear(&text);
    cup_json_row_value(row, columns, 0, &text);
    static const char *const parts[] = {
        "{\"type\":\"bytes\",\"optional\":true,\"name\":\"org.apache.kafka.connect.data.Decimal\","
        "\"version\":1,\"parameters\":{\"scale\":\"10\",\"connect.decimal.precision\":\"38\"},"
        "\"field\":\"n\"}",
        "{\"type\":\"int32\",\"optional\":true,\"name\":\"org.apache.kafka.connect.data.Date\","
        "\"version\":1,\"field\":\"dt\"}",
        "{\"type\":\"string\",\"optional\":true,\"name\":\"io.debezium.time.ZonedTimestamp\","
        "\"version\":1,\"field\":\"ts\"}",
        "{\"type\":\"int64\",\"optional\":true,\"name\":\"io.debezium.time.MicroTimestamp\","
        "\"version\":1,\"field\":\"nt\"}",
        "{\"type\":\"array\",\"optional\":true,\"items\":{\"type\":\"int32\",\"optional\":true},"
        "\"field\":\"li\"}",
        "{\"type\":\"map\",\"optional\":true,\"keys\":{\"type\":\"string\",\"optional\":false},"
        "\"values\":{\"type\":\"string\",\"optional\":true},\"field\":\"m\"}",
        "\"n\":\"/av0G/8=\",", /* fd abf4 1bff: five bytes, the sign in the first */
        "\"dt\":20000,\"ts\":\"2023-11-14T22:13:20.123456Z\",\"nt\":-1,",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strstr(text.at, parts[i]) == NULL) fprintf(stderr, "%s\nlacks %s\n", text.at, parts[i]);
        CHECK(strstr(text.at, parts[i]) != NULL);
    }
    CHECK(strstr(text.at, "hidden") == NULL && strstr(text.at, "\"field\":\"s\"") == NULL);
    cup_text_free(&text);
    cup_json_row_close(row);
}

static void check_one(const struct cup_json_row *row, uint32_t column, const char *wanted)
{
    struct cup_text text = {0};
    char            part[80];

    cup_json_row_value(row, columns, 0, &text);
    snprintf(part, sizeof part, "\"%s\":%s,", spec_columns[column].name, wanted);
    if (strstr(text.at, part) == NULL) fprintf(stderr, "%s\nlacks %s\n", text.at, part);
    CHECK(strstr(text.at, part) != NULL);
    cup_text_free(&text);
}

static void test_reals(const struct cup_plan *plan)
{
    static const struct {
        double      value;
        const char *text;
    } doubles[]              = {{0, "0"},
                                {-0.0, "-0"},
                                {1e300, "1e+300"},
                                {1.7976931348623157e308, "1.7976931348623157e+308"},
                                {5e-324, "4.94065645841247e-324"},
                                {0.30000000000000004, "0.30000000000000004"},
                                {123456789012345680.0, "1.2345678901234568e+17"},
                                {NAN, "\"NaN\""},
                                {INFINITY, "\"Infinity\""},
                                {-INFINITY, "\"-Infinity\""}};
    struct cup_json_row *row = open_row(plan, CUP_OUTPUT_SCHEMALESS);

    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
        columns[DOUBLE].f64[0] = doubles[i].value;
        check_one(row, DOUBLE, doubles[i].text);
    }
    columns[FLOAT].f32[0] = 16777216.0f;
    check_one(row, FLOAT, "16777216");
    columns[FLOAT].f32[0] = 3.4028235e38f;
    check_one(row, FLOAT, "3.4028235e+38");
    columns[FLOAT].f32[0] = NAN;
    check_one(row, FLOAT, "\"NaN\"");
    cup_json_row_close(row);
}

/* Unscaled integers at the bounds of their bytes. */
static void test_decimals(const struct cup_plan *plan)
{
    static const struct {
        int64_t     value;
        const char *base64;
    } decimals[]             = {{0, "AA=="},    {127, "fw=="}, {128, "AIA="}, {-128, "gA=="},
                                {-129, "/38="}, {255, "AP8="}, {-1, "/w=="},  {32768, "AIAA"}};
    struct cup_json_row *row = open_row(plan, CUP_OUTPUT_SCHEMA);
    char                 wanted[32];

    for (size_t i = 0; i < sizeof decimals / sizeof *decimals; i++) {
        columns[DECIMAL].i128[0] = decimals[i].value;
        snprintf(wanted, sizeof wanted, "\"%s\"", decimals[i].base64);
        check_one(row, DECIMAL, wanted);
    }
    cup_json_row_close(row);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    struct cup_plan *plan = cup_spec_plan(&(struct cup_spec){
        .tables      = &spec_table,
        .table_count = 1,
        .brokers     = "localhost:1",
        .output      = {.kind = CUP_OUTPUT_CHANGES, .topic = "{table}", .control_topic = "c"}});

    make_fields();
    make_columns();
    set_first();
    test_plain(plan);
    test_unset(plan);
    test_schema(plan);
    test_reals(plan);
    test_decimals(plan);
    free(plan);
    return 0;
}
