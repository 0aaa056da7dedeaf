// SPDX-License-Identifier: Apache-2.0
/* Goal:   every record ends in the right outcome, and only accepted ones leave rows: the right
 * ones. Method: hand-made records of all operations and message kinds, each with the rows and the
 * verdict that it must give; then each kind of bad record among good ones, whose rows must be what
 *         they are without it. */
#include "tests/check.h"
#include "tests/dataplane/decode/harness.h"
#include "tests/dataplane/plan_maker.h"

#define SOURCE(table)                                                                              \
    "\"source\":{\"version\":\"3.5.0.Final\",\"connector\":\"postgresql\",\"name\":\"pg\","        \
    "\"ts_ms\":1700000000123,\"snapshot\":\"false\",\"db\":\"bank\","                              \
    "\"sequence\":\"[null,\\\"100\\\"]\",\"ts_us\":1700000000123456,\"schema\":\"s\","             \
    "\"table\":\"" table "\",\"txId\":42,\"lsn\":149425320,\"xmin\":null}"
#define EVENT(op, table, before, after)                                                            \
    "{\"before\":" before ",\"after\":" after                                                      \
    "," SOURCE(table) ",\"transaction\":null,\"op\":\"" op "\",\"ts_ms\":1}"
#define SCHEMA_A                 "{\"type\":\"struct\",\"fields\":[],\"name\":\"a.Envelope\"}"
#define SCHEMA_B                 "{\"type\":\"struct\",\"fields\":[],\"name\":\"b\",\"v\":2}"
#define SCHEMA_Q                 "{\"type\":\"struct\",\"fields\":[],\"name\":\"q.Envelope\"}"
#define WRAPPED(schema, payload) "{\"schema\":" schema ",\"payload\":" payload "}"
#define UNSET                    "__debezium_unavailable_value"

static const struct cup_spec_column columns[] = {
    {"id", "long", "int64", .key = 1},
    {"name", "string", "string", .required = 1},
    {"n", "decimal(10,2)", "decimal_base64", .scale = 2},
    {"bio", "string", "string", .unavailable = 1},
    {"photo", "binary", "bytes_base64", .unavailable = 1},
    {"tags", "string", "list", .element = "string", .unavailable = 1},
};
static const struct cup_spec_column bag_columns[] = {
    {"note", "string", "string", .key = 0},
    {"at", "timestamp_ntz", "timestamp_ms", .key = 0},
};
static const struct cup_spec_column pair_columns[] = {
    {"b", "string", "string", .key = 2},
    {"v", "integer", "int32", .key = 0},
    {"a", "integer", "int32", .key = 1},
    {"extra", "string", NULL, .key = 0},
};
static const char *const texts[]            = {SCHEMA_A, SCHEMA_B, SCHEMA_Q, ""};
static const char *const without_contract[] = {""};

static const struct cup_spec_table tables[] = {
    {.schema       = "s",
     .table        = "t",
     .columns      = columns,
     .column_count = 6,
     .texts        = texts,
     .text_count   = 4,
     .quarantine   = 4},
    {.schema       = "s",
     .table        = "bag",
     .columns      = bag_columns,
     .column_count = 2,
     .images       = CUP_IMAGES_FULL},
    {.schema       = "s",
     .table        = "pair",
     .columns      = pair_columns,
     .column_count = 4,
     .name         = "pg",
     .db           = "bank",
     .images       = CUP_IMAGES_FULL,
     .write_before = 1},
    {.schema = "s", .table = "weak", .columns = bag_columns, .column_count = 2},
    {.table = "m", .columns = pair_columns, .column_count = 3},
    {.schema       = "s",
     .table        = "full",
     .columns      = columns,
     .column_count = 6,
     .images       = CUP_IMAGES_FULL},
    {.schema       = "s",
     .table        = "open",
     .columns      = bag_columns,
     .column_count = 2,
     .texts        = without_contract,
     .text_count   = 1,
     .images       = CUP_IMAGES_FULL},
};

static struct cup_harness *open_harness(void)
{
    return cup_harness_open(cup_spec_plan(&(struct cup_spec){.tables           = tables,
                                                             .table_count      = 7,
                                                             .depth_max        = 12,
                                                             .members_max      = 30,
                                                             .key_bytes_max    = 120,
                                                             .number_bytes_max = 64,
                                                             .shard            = 5}),
                            16u << 20);
}

/* Decodes what was added; row NULL: no row; a second row follows behind a tab. */
static void expect(struct cup_harness *harness, enum cup_outcome outcome, const char *path,
                   const char *rows)
{
    uint32_t        next = 0;
    struct cup_text made = {0};

    CHECK(cup_harness_run(harness, &next) == CUP_DECODE_DONE);
    for (uint32_t i = 0; i < harness->row_count; i++)
        cup_text_printf(&made, "%s%s", i > 0 ? "\t" : "", harness->rows[i]);
    const struct cup_verdict *verdict = &harness->verdicts[harness->record_count - 1];
    const char               *is      = made.at == NULL ? "" : made.at;
    if (verdict->outcome != outcome || strcmp(is, rows == NULL ? "" : rows) != 0 ||
        strcmp(harness->paths[harness->record_count - 1], path) != 0) {
        fprintf(stderr, "%.*s\n", (int)harness->records[0].value_bytes,
                (const char *)harness->region + harness->records[0].value_at);
        fprintf(stderr, "is   %s at %u \"%s\"\n%s\n",
                cup_outcome_name((enum cup_outcome)verdict->outcome), verdict->bad_at,
                harness->paths[harness->record_count - 1], is);
        fprintf(stderr, "want %s \"%s\"\n%s\n", cup_outcome_name(outcome), path,
                rows == NULL ? "" : rows);
        exit(1);
    }
    CHECK(verdict->row_count == harness->row_count);
    CHECK((verdict->outcome == CUP_OUTCOME_ACCEPTED) == (harness->row_count > 0));
    cup_text_free(&made);
    cup_harness_clear(harness);
}

static void one(struct cup_harness *harness, const char *value, const char *key,
                enum cup_outcome outcome, const char *path, const char *rows)
{
    cup_harness_add(harness, value, key);
    expect(harness, outcome, path, rows);
}

#define ROW7                                                                                       \
    "{\"id\":7,\"name\":\"x\",\"n\":\"AxY=\",\"bio\":\"b\",\"photo\":\"Zm8=\",\"tags\":[\"p\","    \
    "null,\"q\"]}"
#define OUT7 " id=7 name=x n=790 bio=b photo=666f tags=[p,null,q]"

static void check_operations(struct cup_harness *h)
{
    one(h, EVENT("c", "t", "null", ROW7), "{\"id\":7}", CUP_OUTCOME_ACCEPTED, "",
        "t:" OUT7 " _op=c");
    one(h, EVENT("r", "t", "null", ROW7), NULL, CUP_OUTCOME_ACCEPTED, "", "t:" OUT7 " _op=r");
    one(h, EVENT("U", "t", "null", ROW7), "{\"id\":7}", CUP_OUTCOME_ACCEPTED, "",
        "t:" OUT7 " _op=u");
    one(h,
        EVENT("d", "t",
              "{\"id\":7,\"name\":\"\",\"n\":\"AA==\",\"bio\":null,\"photo\":null,\"tags\":null}",
              "null"),
        "{\"id\":7}", CUP_OUTCOME_ACCEPTED, "", "t: id=7 _op=d _unset=[*]");
    one(h, EVENT("d", "t", "null", "null"), "{\"id\":9}", CUP_OUTCOME_ACCEPTED, "",
        "t: id=9 _op=d _unset=[*]");
    one(h, EVENT("d", "t", "null", "null"), WRAPPED(SCHEMA_B, "{\"id\":9}"), CUP_OUTCOME_ACCEPTED,
        "", "t: id=9 _op=d _unset=[*]");
    one(h, EVENT("d", "t", "{\"id\":null}", "null"), "{\"id\":9}", CUP_OUTCOME_ACCEPTED, "",
        "t: id=9 _op=d _unset=[*]");
    one(h, EVENT("d", "t", "null", "null"), NULL, CUP_OUTCOME_DELETE_WITHOUT_KEY, "key", NULL);
    one(h, EVENT("d", "t", "null", "null"), "{\"other\":9}", CUP_OUTCOME_DELETE_WITHOUT_KEY, "key",
        NULL);
    one(h, EVENT("d", "t", "null", "null"), "plain", CUP_OUTCOME_DELETE_WITHOUT_KEY, "key", NULL);
    one(h, EVENT("d", "t", "null", "null"), "{\"id\":\"x\"}", CUP_OUTCOME_TYPE_MISMATCH, "key.id",
        NULL);
    one(h, EVENT("t", "t", "null", "null"), NULL, CUP_OUTCOME_ACCEPTED, "", "t: _op=t");
    one(h, EVENT("m", "", "null", "null"), NULL, CUP_OUTCOME_MESSAGE, "", NULL);
    one(h, EVENT("x", "t", "null", "null"), NULL, CUP_OUTCOME_UNKNOWN_OP, "op", NULL);
    one(h, EVENT("cc", "t", "null", "null"), NULL, CUP_OUTCOME_UNKNOWN_OP, "op", NULL);
    one(h, EVENT("", "t", "null", "null"), NULL, CUP_OUTCOME_UNKNOWN_OP, "op", NULL);
    one(h, EVENT("c", "t", "null", "null"), NULL, CUP_OUTCOME_FORMAT_MISMATCH, "after", NULL);
    one(h, EVENT("c", "t", "null", "[]"), NULL, CUP_OUTCOME_FORMAT_MISMATCH, "after", NULL);
    one(h, EVENT("d", "t", "1", "null"), NULL, CUP_OUTCOME_FORMAT_MISMATCH, "before", NULL);
}

/* From NDJSON nobody knows whether a table without a known key has one: updates count as they come,
 * a delete names no row. */
static void check_unknown_key(struct cup_harness *h)
{
    h->no_keys = true;
    one(h, EVENT("u", "open", "null", "{\"note\":\"y\",\"at\":2}"), NULL, CUP_OUTCOME_ACCEPTED, "",
        "open: note=y at=2000 _op=u");
    one(h, EVENT("u", "open", "{\"note\":\"x\",\"at\":1}", "{\"note\":\"y\",\"at\":2}"), NULL,
        CUP_OUTCOME_ACCEPTED, "", "open: note=x at=1000 _op=b\topen: note=y at=2000 _op=u");
    one(h, EVENT("d", "open", "{\"note\":\"\",\"at\":null}", "null"), NULL,
        CUP_OUTCOME_DELETE_WITHOUT_KEY, "key", NULL);
    h->no_keys = false;
}

static void check_full_images(struct cup_harness *h)
{
    one(h, EVENT("u", "bag", "{\"note\":\"x\",\"at\":1}", "{\"note\":\"y\",\"at\":2}"), NULL,
        CUP_OUTCOME_ACCEPTED, "", "bag: note=x at=1000 _op=b\tbag: note=y at=2000 _op=u");
    one(h, EVENT("d", "bag", "{\"note\":\"x\",\"at\":null}", "null"), NULL, CUP_OUTCOME_ACCEPTED,
        "", "bag: note=x _op=d");
    one(h, EVENT("d", "bag", "null", "null"), NULL, CUP_OUTCOME_DELETE_WITHOUT_KEY, "key", NULL);
    one(h, EVENT("u", "bag", "null", "{\"note\":\"y\",\"at\":2}"), NULL,
        CUP_OUTCOME_UPDATE_WITHOUT_KEY, "before", NULL);
    one(h, EVENT("u", "weak", "{\"note\":\"x\",\"at\":1}", "{\"note\":\"y\",\"at\":2}"), NULL,
        CUP_OUTCOME_UPDATE_WITHOUT_KEY, "before", NULL);
    one(h, EVENT("d", "weak", "{\"note\":\"x\",\"at\":1}", "null"), NULL,
        CUP_OUTCOME_DELETE_WITHOUT_KEY, "key", NULL);
    one(h, EVENT("u", "pair", "{\"a\":1,\"b\":\"k\",\"v\":3}", "{\"a\":1,\"b\":\"k\",\"v\":4}"),
        "{\"a\":1,\"b\":\"k\"}", CUP_OUTCOME_ACCEPTED, "",
        "pair: b=k v=3 a=1 _op=b\tpair: b=k v=4 a=1 _op=u");
    one(h, EVENT("d", "pair", "{\"a\":1,\"b\":\"k\",\"v\":3}", "null"), NULL, CUP_OUTCOME_ACCEPTED,
        "", "pair: b=k v=3 a=1 _op=d");
    one(h, EVENT("d", "pair", "null", "null"), "{\"b\":\"k\",\"a\":5}", CUP_OUTCOME_ACCEPTED, "",
        "pair: b=k a=5 _op=d _unset=[*]");
    /* the before row is written first; the refusal of the second must take it along */
    one(h, EVENT("u", "pair", "{\"a\":1,\"b\":\"k\",\"v\":3}", "{\"a\":1,\"b\":\"k\",\"v\":\"4\"}"),
        NULL, CUP_OUTCOME_TYPE_MISMATCH, "after.v", NULL);
    one(h,
        EVENT("u", "pair", "{\"a\":1,\"b\":\"k\",\"v\":2147483648}",
              "{\"a\":1,\"b\":\"k\",\"v\":4}"),
        NULL, CUP_OUTCOME_INT_OVERFLOW, "before.v", NULL);
    one(h, EVENT("u", "pair", "null", "{\"a\":1,\"b\":\"k\",\"v\":4}"), NULL, CUP_OUTCOME_ACCEPTED,
        "", "pair: b=k v=4 a=1 _op=u");
    one(h, EVENT("d", "pair", "{\"a\":1,\"b\":\"k\",\"v\":3}", "null"), NULL, CUP_OUTCOME_ACCEPTED,
        "", "pair: b=k a=1 _op=d _unset=[*]"); /* full no more */
}

static void check_keys(struct cup_harness *h)
{
    const char *pair = EVENT("c", "pair", "null", "{\"b\":\"k\\u00e9\",\"v\":3,\"a\":1}");
    const char *row  = "pair: b=k\xc3\xa9 v=3 a=1 _op=c";

    one(h, pair, "{\"a\":1,\"b\":\"k\\u00e9\"}", CUP_OUTCOME_ACCEPTED, "", row);
    one(h, pair, "{\"b\":\"k\xc3\xa9\", \"a\":1}", CUP_OUTCOME_ACCEPTED, "", row);
    one(h, pair, WRAPPED(SCHEMA_A, "{\"a\":1,\"b\":\"k\xc3\xa9\"}"), CUP_OUTCOME_ACCEPTED, "", row);
    one(h, pair, "{\"a\":1,\"added_by_a_transform\":2}", CUP_OUTCOME_ACCEPTED, "", row);
    one(h, pair, "Struct{a=1,b=k}", CUP_OUTCOME_ACCEPTED, "", row);
    one(h, pair, "{\"a\":1,\"b\":\"k\"}", CUP_OUTCOME_KEY_MISMATCH, "key.b", NULL);
    one(h, pair, "{\"a\":2,\"b\":\"k\xc3\xa9\"}", CUP_OUTCOME_KEY_MISMATCH, "key.a", NULL);
    one(h, pair, "{\"a\":null,\"b\":\"k\xc3\xa9\"}", CUP_OUTCOME_KEY_MISMATCH, "key.a", NULL);
    one(h, pair, "{\"a\":1,\"b\":\"k\xc3\xa9\"", CUP_OUTCOME_KEY_MISMATCH, "key", NULL);
    one(h, pair, WRAPPED(SCHEMA_A, "{\"a\":1,\"b\":\"k\"}"), CUP_OUTCOME_KEY_MISMATCH, "key.b",
        NULL);
    one(h, EVENT("u", "t", "null", ROW7), "{\"id\":77}", CUP_OUTCOME_KEY_MISMATCH, "key.id", NULL);
    one(h, EVENT("u", "t", "null", ROW7), "{\"id\":8}", CUP_OUTCOME_KEY_MISMATCH, "key.id", NULL);
    one(h, EVENT("d", "t", "{\"id\":7}", "null"), "{\"id\":8}", CUP_OUTCOME_KEY_MISMATCH, "key.id",
        NULL);
}

#define WITH(name, n, bio, photo, tags)                                                            \
    "{\"id\":7,\"name\":" name ",\"n\":" n ",\"bio\":" bio ",\"photo\":" photo ",\"tags\":" tags "}"

static void check_unavailable(struct cup_harness *h)
{
    const char *all =
        EVENT("u", "t", "null",
              WITH("\"" UNSET "\"", "null", "\"" UNSET "\"",
                   "\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\"", "[\"" UNSET "\"]"));
    const char *two =
        EVENT("c", "t", "null",
              WITH("\"x\"", "null", "\"" UNSET "\"", "\"Zg==\"", "[\"a\",\"" UNSET "\"]"));

    one(h, all, NULL, CUP_OUTCOME_ACCEPTED, "",
        "t: id=7 name=" UNSET " _op=u _unset=[bio,photo,tags]");
    cup_harness_add(h, two, "{\"id\":7}");
    cup_harness_header(h, "__debezium.context.taskId", "\"0\"");
    cup_harness_header(h, "__debezium.oldkey", "{\"id\":3}");
    expect(h, CUP_OUTCOME_ACCEPTED, "",
           "t: id=7 name=x photo=66 tags=[a," UNSET "] _op=c _unset=[bio]");
    one(h, two, NULL, CUP_OUTCOME_ACCEPTED, "",
        "t: id=7 name=x bio=" UNSET " photo=66 tags=[a," UNSET "] _op=c");
    one(h, EVENT("r", "t", "null", WITH("\"x\"", "null", "\"" UNSET "\"", "null", "null")), NULL,
        CUP_OUTCOME_ACCEPTED, "", "t: id=7 name=x bio=" UNSET " _op=r");
    one(h,
        EVENT("u", "t", "null",
              WITH("\"x\"", "null", "\"java.lang.Object@2c5e36a7\"", "null", "null")),
        NULL, CUP_OUTCOME_UNAVAILABLE_LEAK, "after.bio", NULL);
    one(h,
        EVENT("u", "t", "null",
              WITH("\"x\"", "null", "\"java.lang.Object@2c5e36a71\"", "null", "null")),
        NULL, CUP_OUTCOME_ACCEPTED, "", "t: id=7 name=x bio=java.lang.Object@2c5e36a71 _op=u");
    one(h, EVENT("u", "t", "null", WITH("\"java.lang.Object@2\"", "null", "null", "null", "null")),
        NULL, CUP_OUTCOME_ACCEPTED, "", "t: id=7 name=java.lang.Object@2 _op=u");
}

/* With full images nothing is left out: the text is data, unless the identity was weakened. */
static void check_unavailable_full(struct cup_harness *h)
{
    const char     *old_row = "{\"id\":7,\"name\":\"x\"}";
    const char     *new_row = "{\"id\":7,\"name\":\"x\",\"bio\":\"" UNSET "\"}";
    struct cup_text value   = {0};

    cup_text_printf(&value, "{\"op\":\"u\"," SOURCE("full") ",\"before\":%s,\"after\":%s}", old_row,
                    new_row);
    one(h, value.at, NULL, CUP_OUTCOME_ACCEPTED, "", "full: id=7 name=x bio=" UNSET " _op=u");
    cup_text_clear(&value);
    cup_text_printf(&value, "{\"op\":\"u\"," SOURCE("full") ",\"before\":null,\"after\":%s}",
                    new_row);
    one(h, value.at, NULL, CUP_OUTCOME_ACCEPTED, "", "full: id=7 name=x _op=u _unset=[bio]");
    cup_text_clear(&value);
    cup_text_printf(&value, "{\"op\":\"c\"," SOURCE("full") ",\"after\":%s}", new_row);
    cup_harness_add(h, value.at, NULL);
    cup_harness_header(h, "__debezium.oldkey", "{\"id\":3}");
    expect(h, CUP_OUTCOME_ACCEPTED, "", "full: id=7 name=x bio=" UNSET " _op=c");
    cup_text_free(&value);
}

static void check_members(struct cup_harness *h)
{
    /* any order, escaped names, absent nullable members */
    one(h, EVENT("c", "t", "null", "{\"tags\":[],\"n\\u0061me\":\"x\",\"id\":7}"), NULL,
        CUP_OUTCOME_ACCEPTED, "", "t: id=7 name=x tags=[] _op=c");
    one(h, EVENT("c", "t", "null", "{\"id\":7,\"name\":\"x\",\"new\":1}"), NULL,
        CUP_OUTCOME_SCHEMA_DRIFT, "after.new", NULL);
    one(h, EVENT("c", "t", "null", "{\"id\":7}"), NULL, CUP_OUTCOME_MISSING_FIELD, "after.name",
        NULL);
    one(h, EVENT("c", "t", "null", "{\"name\":\"x\"}"), NULL, CUP_OUTCOME_MISSING_FIELD, "after.id",
        NULL);
    one(h, EVENT("c", "t", "null", "{\"id\":7,\"name\":null}"), NULL, CUP_OUTCOME_NULL_IN_REQUIRED,
        "after.name", NULL);
    one(h, EVENT("u", "t", "null", "{\"id\":null,\"name\":\"x\"}"), NULL,
        CUP_OUTCOME_NULL_IN_REQUIRED, "after.id", NULL);
    one(h, EVENT("c", "t", "null", "{\"id\":\"7\",\"name\":\"x\"}"), NULL,
        CUP_OUTCOME_TYPE_MISMATCH, "after.id", NULL);
    one(h, EVENT("d", "t", "{\"id\":7,\"new\":1}", "null"), NULL, CUP_OUTCOME_SCHEMA_DRIFT,
        "before.new", NULL);
    one(h, EVENT("c", "t", "null", "{\"id\":7,\"name\":\"x\",\"n\":\"A\"}"), NULL,
        CUP_OUTCOME_DECIMAL_ENCODING, "after.n", NULL);
    one(h, EVENT("c", "t", "null", "{\"id\":7,\"name\":\"x\",\"photo\":\"A\"}"), NULL,
        CUP_OUTCOME_BASE64, "after.photo", NULL);
    one(h, EVENT("c", "t", "null", "{\"id\":7,\"name\":\"x\",\"tags\":[1]}"), NULL,
        CUP_OUTCOME_TYPE_MISMATCH, "after.tags", NULL);
}

static void check_wrappers(struct cup_harness *h)
{
    const char     *event  = EVENT("c", "t", "null", ROW7);
    const char     *row    = "t:" OUT7 " _op=c";
    struct cup_text turned = {0};

    (void)event;                              /* its text is needed as a literal below */
    for (int round = 0; round < 3; round++) { /* the order of known texts changes */
        one(h, WRAPPED(SCHEMA_A, EVENT("c", "t", "null", ROW7)), NULL, CUP_OUTCOME_ACCEPTED, "",
            row);
        one(h, WRAPPED(SCHEMA_B, EVENT("c", "t", "null", ROW7)), NULL, CUP_OUTCOME_ACCEPTED, "",
            row);
        one(h, WRAPPED("null", EVENT("c", "t", "null", ROW7)), NULL, CUP_OUTCOME_ACCEPTED, "", row);
        one(h, WRAPPED(SCHEMA_Q, EVENT("c", "t", "null", ROW7)), NULL, CUP_OUTCOME_SCHEMA_DRIFT, "",
            NULL);
    }
    cup_text_printf(&turned, "{\"payload\":%s,\"schema\":%s}", event, SCHEMA_B);
    one(h, turned.at, NULL, CUP_OUTCOME_ACCEPTED, "", row);
    cup_text_free(&turned);
    one(h, WRAPPED(SCHEMA_A, "null"), "{\"id\":7}", CUP_OUTCOME_TOMBSTONE, "", NULL);
    one(h, WRAPPED(SCHEMA_A, "null"), NULL, CUP_OUTCOME_TOMBSTONE_KEYLESS, "", NULL);
    one(h, WRAPPED(SCHEMA_A, "1"), NULL, CUP_OUTCOME_FORMAT_MISMATCH, "payload", NULL);
    one(h, WRAPPED(SCHEMA_A, "{\"ts_ms\":1}"), NULL, CUP_OUTCOME_HEARTBEAT, "", NULL);
}

static void check_messages(struct cup_harness *h)
{
    one(h, NULL, "{\"id\":7}", CUP_OUTCOME_TOMBSTONE, "", NULL);
    one(h, NULL, NULL, CUP_OUTCOME_TOMBSTONE_KEYLESS, "", NULL);
    one(h, "", NULL, CUP_OUTCOME_EMPTY_VALUE, "", NULL);
    one(h, " \t ", NULL, CUP_OUTCOME_EMPTY_VALUE, "", NULL);
    one(h, "null", NULL, CUP_OUTCOME_NULL_VALUE, "", NULL);
    one(h, " null ", NULL, CUP_OUTCOME_NULL_VALUE, "", NULL);
    one(h, "[1]", NULL, CUP_OUTCOME_NOT_AN_OBJECT, "", NULL);
    one(h, "\"x\"", NULL, CUP_OUTCOME_NOT_AN_OBJECT, "", NULL);
    one(h, "{\"ts_ms\":1795231857469}", NULL, CUP_OUTCOME_HEARTBEAT, "", NULL);
    cup_harness_add(h, "{\"ts_ms\":1,\"more\":2}", NULL)->topic = 1;
    expect(h, CUP_OUTCOME_HEARTBEAT, "", NULL);
    one(h, "{\"ts_ms\":1,\"more\":2}", NULL, CUP_OUTCOME_FORMAT_MISMATCH, "", NULL);
    one(h,
        "{\"status\":\"BEGIN\",\"id\":\"2394:1\",\"event_count\":null,\"data_collections\":null,"
        "\"ts_ms\":1}",
        NULL, CUP_OUTCOME_TRANSACTION, "", NULL);
    one(h, "{\"status\":\"END\",\"id\":\"2394:1\",\"event_count\":1}", NULL,
        CUP_OUTCOME_TRANSACTION, "", NULL);
    one(h, "{\"status\":\"OPEN\",\"id\":\"2394:1\"}", NULL, CUP_OUTCOME_FORMAT_MISMATCH, "", NULL);
    one(h, "{\"status\":\"END\"}", NULL, CUP_OUTCOME_FORMAT_MISMATCH, "", NULL);
    one(h, "{\"source\":{},\"ts_ms\":1,\"databaseName\":\"d\",\"ddl\":null,\"tableChanges\":[]}",
        NULL, CUP_OUTCOME_SCHEMA_CHANGE, "", NULL);
    one(h, "{\"id\":1,\"name\":\"x\"}", NULL, CUP_OUTCOME_FORMAT_MISMATCH, "", NULL);
    one(h, "{}", NULL, CUP_OUTCOME_FORMAT_MISMATCH, "", NULL);
    one(h, "{\"op\":1}", NULL, CUP_OUTCOME_FORMAT_MISMATCH, "op", NULL);
    one(h, "{\"op\":\"c\",\"after\":{}}", NULL, CUP_OUTCOME_FORMAT_MISMATCH, "source", NULL);
    one(h, "{\"op\":\"c\",\"after\":{},\"source\":{\"table\":1}}", NULL,
        CUP_OUTCOME_FORMAT_MISMATCH, "source", NULL);
    one(h, "{\"op\":\"c\",\"after\":{},\"source\":{\"db\":\"x\"}}", NULL,
        CUP_OUTCOME_FORMAT_MISMATCH, "source.table", NULL);
}

static void check_flags(struct cup_harness *h)
{
    const char *event = EVENT("c", "t", "null", ROW7);

    cup_harness_add(h, event, NULL)->flags = CUP_RECORD_TORN;
    expect(h, CUP_OUTCOME_TRUNCATED, "", NULL);
    cup_harness_add(h, event, NULL)->flags = CUP_RECORD_BAD_LINE;
    expect(h, CUP_OUTCOME_DUMP_SYNTAX, "", NULL);
    cup_harness_add(h, event, NULL)->flags = CUP_RECORD_PART;
    cup_harness_add(h, event, NULL)->flags = CUP_RECORD_OVERSIZE;
    CHECK(!cup_verdict_counts(&h->records[0]) && cup_verdict_counts(&h->records[1]));
    expect(h, CUP_OUTCOME_RECORD_TOO_LARGE, "", NULL);
}

/* Values whose first bytes say that they are no JSON, and JSON that is refused. */
static const struct {
    const char      *bytes;
    uint32_t         count;
    enum cup_outcome outcome;
    uint32_t         at;
} broken[] = {
    {"\0\0\0\0\1ab", 7, CUP_OUTCOME_UNSUPPORTED_ENCODING, 0},
    {"\1aaaaaaaaaaaaaaaaa", 18, CUP_OUTCOME_UNSUPPORTED_ENCODING, 0},
    {"\3\0aaaaaaaaaaaaaaaaa", 19, CUP_OUTCOME_UNSUPPORTED_ENCODING, 0},
    {"\xc3\1aaaaaaaa", 10, CUP_OUTCOME_UNSUPPORTED_ENCODING, 0},
    {"\x1f\x8b\x08", 3, CUP_OUTCOME_COMPRESSED_VALUE, 0},
    {"\x28\xb5\x2f\xfd", 4, CUP_OUTCOME_COMPRESSED_VALUE, 0},
    {"{\"op\":\"c\",}", 11, CUP_OUTCOME_JSON_SYNTAX, 10},
    {"{\"op\":\"\xff\"}", 10, CUP_OUTCOME_UTF8, 7},
    {"{\"op\":\"c\",\"op\":\"d\"}", 19, CUP_OUTCOME_DUPLICATE_KEY, UINT32_MAX},
    {"{\"a\":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]}", 35, CUP_OUTCOME_DEPTH, UINT32_MAX},
    {"{\"a\":1111111111111111111111111111111111111111111111111111111111111111111}", 73,
     CUP_OUTCOME_NUMBER_LENGTH, UINT32_MAX},
    {"{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}",
     127, CUP_OUTCOME_KEY_LENGTH, UINT32_MAX},
    {"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,"
     "\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1,\"r\":1,\"s\":1,\"t\":1,\"u\":1,\"v\":1,"
     "\"w\":1,"
     "\"x\":1,\"y\":1,\"z\":1,\"A\":1,\"B\":1,\"C\":1,\"D\":1,\"E\":1}",
     187, CUP_OUTCOME_MEMBERS, UINT32_MAX},
};

static void check_broken(struct cup_harness *h)
{
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        uint32_t next = 0;
        cup_harness_add(h, EVENT("c", "t", "null", ROW7), NULL);
        cup_harness_add_bytes(h, broken[i].bytes, broken[i].count, NULL);
        cup_harness_add(h, EVENT("u", "t", "null", ROW7), NULL);
        CHECK(cup_harness_run(h, &next) == CUP_DECODE_DONE);
        CHECK(h->verdicts[0].outcome == CUP_OUTCOME_ACCEPTED);
        CHECK(h->verdicts[2].outcome == CUP_OUTCOME_ACCEPTED);
        if (h->verdicts[1].outcome != broken[i].outcome)
            fprintf(stderr, "broken %zu: %s\n", i,
                    cup_outcome_name((enum cup_outcome)h->verdicts[1].outcome));
        CHECK(h->verdicts[1].outcome == broken[i].outcome);
        CHECK(broken[i].at == UINT32_MAX || h->verdicts[1].bad_at == broken[i].at);
        CHECK(h->verdicts[1].row_count == 0 && h->row_count == 2);
        CHECK(strcmp(h->rows[0], "t:" OUT7 " _op=c") == 0);
        CHECK(strcmp(h->rows[1], "t:" OUT7 " _op=u") == 0);
        cup_harness_clear(h);
    }
}

static void check_unknown(struct cup_harness *h)
{
    const char                      *event = WRAPPED("{\"new\":1}", EVENT("c", "t", "null", ROW7));
    const char                      *other = EVENT("c", "nowhere", "null", ROW7);
    uint32_t                         next  = 0;
    const struct cup_decode_unknown *unknown = cup_decode_unknown(h->decode);

    cup_harness_add(h, EVENT("c", "t", "null", ROW7), NULL);
    cup_harness_add(h, event, WRAPPED("{\"k\":2}", "{\"id\":7}"));
    cup_harness_add(h, other, NULL);
    cup_harness_add(h, event, NULL);
    cup_harness_add(h, other, NULL);
    cup_harness_add(h, EVENT("c", "t", "null", ROW7), NULL);
    CHECK(cup_harness_run(h, &next) == CUP_DECODE_UNKNOWN && next == 1);
    CHECK(cup_harness_run(h, &next) == CUP_DECODE_UNKNOWN && next == 1); /* until it is answered */
    CHECK(unknown->schema_bytes == 9 && memcmp(unknown->schema, "{\"new\":1}", 9) == 0);
    CHECK(unknown->key_schema_bytes == 7 && memcmp(unknown->key_schema, "{\"k\":2}", 7) == 0);
    CHECK(strcmp(unknown->source_name, "pg") == 0 && strcmp(unknown->source_db, "bank") == 0);
    CHECK(strcmp(unknown->source_schema, "s") == 0 && strcmp(unknown->source_table, "t") == 0);
    CHECK(strcmp(unknown->connector, "postgresql") == 0 &&
          strcmp(unknown->topic, "pg.bank.t") == 0);
    cup_decode_refuse(h->decode, CUP_OUTCOME_SCHEMA_DRIFT);
    CHECK(cup_harness_run(h, &next) == CUP_DECODE_UNKNOWN && next == 2);
    CHECK(unknown->schema == NULL && unknown->key_schema == NULL);
    CHECK(strcmp(unknown->source_table, "nowhere") == 0);
    cup_decode_refuse(h->decode, CUP_OUTCOME_UNKNOWN_TABLE);
    CHECK(cup_harness_run(h, &next) == CUP_DECODE_DONE && next == 6);
    CHECK(h->verdicts[1].outcome == CUP_OUTCOME_SCHEMA_DRIFT && h->verdicts[1].table == 0);
    CHECK(h->verdicts[3].outcome == CUP_OUTCOME_SCHEMA_DRIFT);
    CHECK(h->verdicts[2].outcome == CUP_OUTCOME_UNKNOWN_TABLE &&
          h->verdicts[2].table == UINT32_MAX);
    CHECK(h->verdicts[4].outcome == CUP_OUTCOME_UNKNOWN_TABLE);
    CHECK(h->verdicts[5].outcome == CUP_OUTCOME_ACCEPTED && h->row_count == 2);
    cup_harness_clear(h);
    /* a table with a database of its own, and one whose schema must be empty */
    cup_harness_add(h,
                    "{\"op\":\"c\",\"after\":{\"a\":1,\"b\":\"k\",\"v\":1},\"source\":{\"name\":"
                    "\"pg\",\"db\":\"other\","
                    "\"schema\":\"s\",\"table\":\"pair\"}}",
                    NULL);
    next = 0;
    CHECK(cup_harness_run(h, &next) == CUP_DECODE_UNKNOWN);
    cup_harness_clear(h);
}

#define SILVER(source, rest)                                                                       \
    "{\"op\":\"c\",\"after\":{\"b\":\"k\",\"v\":1,\"a\":1},\"source\":{" source                    \
    ",\"table\":\"m\"}" rest "}"
#define COMMON " _partition=3 _offset=100 _shard=5 _epoch=7 _ingested_at=1700000000000000"

static void check_silver(struct cup_harness *h)
{
    h->silver    = true;
    h->partition = 3;
    cup_harness_add(h, EVENT("c", "t", "null", "{\"id\":7,\"name\":\"x\"}"), NULL);
    cup_harness_header(h, "__debezium.oldkey", WRAPPED(SCHEMA_A, "{\"id\":3}"));
    expect(h, CUP_OUTCOME_ACCEPTED, "",
           "t: id=7 name=x _op=c _ts=1700000000123456 _pos=0000000008e80ca8 _sub=0 _tx=42"
           " _old_key={\"id\":3} _topic=pg.bank.t" COMMON);
    cup_harness_add(h, EVENT("c", "t", "null", "{\"id\":7,\"name\":\"x\"}"), NULL);
    cup_harness_header(h, "__debezium.oldkey", "{\"id\":");
    expect(h, CUP_OUTCOME_FORMAT_MISMATCH, "headers.__debezium.oldkey", NULL);
    one(h,
        SILVER("\"connector\":\"mariadb\",\"ts_ms\":1700000000123,\"snapshot\":true,\"gtid\":\"0-1-"
               "7\",\"file\":\"bin.0999999\","
               "\"pos\":1200,\"row\":10",
               ""),
        NULL, CUP_OUTCOME_ACCEPTED, "",
        "m: b=k v=1 a=1 _op=c _ts=1700000000123000 _pos=00000000000f423f00000000000004b00000000a "
        "_sub=0 _tx=0-1-7"
        " _snapshot=true _topic=pg.bank.t" COMMON);
    one(h,
        SILVER("\"connector\":\"sqlserver\",\"commit_lsn\":\"00000025:00000D98:00a2\",\"change_"
               "lsn\":null,"
               "\"event_serial_no\":2,\"snapshot\":\"last\",\"ts_ns\":1700000000123456789",
               ",\"transaction\":{\"id\":\"00:1\"}"),
        NULL, CUP_OUTCOME_ACCEPTED, "",
        "m: b=k v=1 a=1 _op=c _ts=1700000000123456 "
        "_pos=0000002500000d9800a2000000000000000000000000000000000002"
        " _sub=0 _tx=00:1 _snapshot=last _topic=pg.bank.t" COMMON);
    one(h,
        SILVER("\"connector\":\"postgresql\",\"lsn\":-9223372036854775808,\"txId\":null,"
               "\"snapshot\":null",
               ",\"transaction\":{\"id\":\"7:99\"}"),
        NULL, CUP_OUTCOME_ACCEPTED, "",
        "m: b=k v=1 a=1 _op=c _pos=8000000000000000 _sub=0 _tx=7 _topic=pg.bank.t" COMMON);
    one(h, SILVER("\"connector\":\"other\",\"lsn\":5", ""), NULL, CUP_OUTCOME_ACCEPTED, "",
        "m: b=k v=1 a=1 _op=c _sub=0 _topic=pg.bank.t" COMMON);
    one(h, SILVER("\"connector\":\"mysql\",\"file\":\"binlog\",\"pos\":1", ""), NULL,
        CUP_OUTCOME_FORMAT_MISMATCH, "source.pos", NULL);
    one(h, SILVER("\"connector\":\"postgresql\",\"lsn\":1.5", ""), NULL,
        CUP_OUTCOME_FORMAT_MISMATCH, "source.pos", NULL);
    one(h, SILVER("\"connector\":\"sqlserver\",\"commit_lsn\":\"25:1:2\"", ""), NULL,
        CUP_OUTCOME_FORMAT_MISMATCH, "source.pos", NULL);
    one(h, SILVER("\"ts_us\":9223372036854775807", ""), NULL, CUP_OUTCOME_FORMAT_MISMATCH,
        "source.ts", NULL);
    one(h, EVENT("u", "bag", "{\"note\":\"x\",\"at\":1}", "{\"note\":\"y\",\"at\":2}"), NULL,
        CUP_OUTCOME_ACCEPTED, "",
        "bag: note=x at=1000 _op=b _ts=1700000000123456 _pos=0000000008e80ca8 _sub=0 _tx=42 "
        "_topic=pg.bank.t" COMMON "\tbag: note=y at=2000 _op=u _ts=1700000000123456 "
        "_pos=0000000008e80ca8 _sub=1 _tx=42 _topic=pg.bank.t" COMMON);
    h->silver    = false;
    h->partition = 0;
}

/* A long path is cut at a character, not inside one: 95 bytes have room for "after." and 44 of two
 * bytes, or for "after.x" and 44. */
static void check_long_path(struct cup_harness *h)
{
    for (int odd = 0; odd < 2; odd++) {
        struct cup_text after = {0}, value = {0};
        uint32_t        next = 0;
        cup_text_puts(&after, odd ? "{\"x" : "{\"");
        for (int i = 0; i < 50; i++)
            cup_text_puts(&after, "\xc3\xa9");
        cup_text_printf(&value, "{\"op\":\"c\"," SOURCE("t") ",\"after\":%s\":1}}", after.at);
        cup_harness_add(h, value.at, NULL);
        CHECK(cup_harness_run(h, &next) == CUP_DECODE_DONE);
        CHECK(h->verdicts[0].outcome == CUP_OUTCOME_SCHEMA_DRIFT);
        CHECK(strlen(h->paths[0]) == (odd ? 95 : 94));
        CHECK(memcmp(h->paths[0] + strlen(h->paths[0]) - 2, "\xc3\xa9", 2) == 0);
        cup_harness_clear(h);
        cup_text_free(&after);
        cup_text_free(&value);
    }
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv); /* nothing here is random */
    struct cup_harness *harness = open_harness();

    check_operations(harness);
    check_full_images(harness);
    check_unknown_key(harness);
    check_keys(harness);
    check_unavailable(harness);
    check_unavailable_full(harness);
    check_members(harness);
    check_wrappers(harness);
    check_messages(harness);
    check_flags(harness);
    check_broken(harness);
    check_silver(harness);
    check_long_path(harness);
    check_unknown(harness);
    cup_harness_close(harness);
    return 0;
}
