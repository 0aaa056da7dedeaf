// SPDX-License-Identifier: Apache-2.0
/* Goal:   the numbered vectors of the fact sheet on CDC formats (section 7) come out as it says,
 * and each format's own records as its section says. What is gold's business is here as the rows
 *         that silver must hold so that gold can.
 * Method: one plan per format over the same tables; records by hand; rows, verdicts and positions
 *         as texts. A position is compared with another one as bytes (section 5.2). */
#include "tests/check.h"
#include "tests/dataplane/decode/harness.h"
#include "tests/dataplane/plan_maker.h"

#define UNSET "__debezium_unavailable_value"

static const struct cup_spec_column t_columns[] = {
    {"id", "long", "int64", .key = 1},
    {"n", "decimal(20,2)", "decimal_base64", .scale = 2},
    {"bio", "string", "string", .unavailable = 1},
    {"v", "string", "string", .key = 0},
    {"big", "decimal(20,0)", "int64", .key = 0},
    {"active", "boolean", "bool", .key = 0},
};
static const struct cup_spec_column text_columns[] = {
    {"id", "integer", "int32", .key = 1}, /* Canal: digits in a text */
    {"v", "string", "string", .key = 0},     {"active", "boolean", "bool", .key = 0},
    {"ratio", "double", "double", .key = 0}, {"phone", "string", "string", .key = 0},
};
static const struct cup_spec_column odd_columns[] = {
    {"id", "long", "int64", .key = 1},        {"op", "string", "string", .key = 0},
    {"before", "string", "string", .key = 0}, {"after", "string", "string", .key = 0},
    {"source", "string", "string", .key = 0},
};
static const struct cup_spec_column bag_columns[] = {{"a", "long", "int64", .key = 0}};
static const struct cup_spec_column doc_columns[] = {
    {"id", "string", "string", .key = 1, .member = "_id"},
    {"whole", "string", "string", .member = "$"},
    {"name", "string", "string", .key = 0},
    {"count", "long", "int64", .key = 0},
    {"price", "decimal(10,2)", "decimal_number", .key = 0},
    {"tags", "string", "string", .key = 0},
};

static const struct cup_spec_table tables[] = {
    {.schema = "s", .table = "t", .columns = t_columns, .column_count = 6},
    {.db = "d", .table = "m", .columns = text_columns, .column_count = 5},
    {.schema = "s", .table = "odd", .columns = odd_columns, .column_count = 5, .topic = "odd"},
    {.schema       = "s",
     .table        = "bag",
     .columns      = bag_columns,
     .column_count = 1,
     .images       = CUP_IMAGES_FULL},
    {.db = "d", .table = "docs", .columns = doc_columns, .column_count = 6},
    {.schema           = "s",
     .table            = "keeps",
     .columns          = text_columns,
     .column_count     = 5,
     .missing          = CUP_MISSING_KEEP,
     .truncate_applies = 1},
    {.schema       = "s",
     .table        = "nulls",
     .columns      = text_columns,
     .column_count = 5,
     .missing      = CUP_MISSING_NULL},
    {.db           = "d",
     .table        = "both",
     .columns      = text_columns,
     .column_count = 5,
     .images       = CUP_IMAGES_FULL,
     .write_before = 1},
};

static struct cup_harness *open_format(enum cup_format format)
{
    return cup_harness_open(cup_spec_plan(&(struct cup_spec){
                                .tables = tables, .table_count = 8, .format = (uint32_t)format}),
                            16u << 20);
}

/* What the record that was added last became; rows are separated by a bar. */
static void expect(struct cup_harness *h, enum cup_outcome outcome, const char *rows)
{
    struct cup_text made = {0};
    uint32_t        next = 0;

    if (cup_harness_run(h, &next) != CUP_DECODE_DONE) {
        fprintf(stderr, "not known to the plan: %.*s\n", (int)h->records[0].value_bytes,
                (const char *)h->region + h->records[0].value_at);
        exit(1);
    }
    cup_text_puts(&made, "");
    for (uint32_t i = 0; i < h->row_count; i++)
        cup_text_printf(&made, "%s%s", i > 0 ? " | " : "", h->rows[i]);
    const struct cup_verdict *verdict = &h->verdicts[h->record_count - 1];
    const char               *is      = made.at == NULL ? "" : made.at;
    if (verdict->outcome != outcome || strcmp(is, rows) != 0) {
        fprintf(stderr, "%.*s\nis   %s \"%s\"\n%s\nwant %s\n%s\n", (int)h->records[0].value_bytes,
                (const char *)h->region + h->records[0].value_at,
                cup_outcome_name((enum cup_outcome)verdict->outcome), h->paths[h->record_count - 1],
                is, cup_outcome_name(outcome), rows);
        exit(1);
    }
    CHECK(verdict->row_count == h->row_count);
    cup_text_free(&made);
    cup_harness_clear(h);
}

static void one(struct cup_harness *h, const char *key, const char *value, enum cup_outcome outcome,
                const char *rows)
{
    cup_harness_add(h, value, key);
    expect(h, outcome, rows);
}

#define OK CUP_OUTCOME_ACCEPTED
#define K7 "{\"id\":7}"
#define SOURCE                                                                                     \
    "\"source\":{\"connector\":\"postgresql\",\"name\":\"a\",\"db\":\"d\",\"schema\":\"s\","       \
    "\"table\":\"t\",\"lsn\":100,\"sequence\":\"[null,\\\"100\\\"]\",\"snapshot\":\"false\"}"
#define EVENT(op, before, after)                                                                   \
    "{\"before\":" before ",\"after\":" after "," SOURCE ",\"op\":\"" op "\",\"ts_ms\":1}"

static void check_envelope(void)
{
    struct cup_harness *h = open_format(CUP_FORMAT_DEBEZIUM);

    one(h, K7, EVENT("c", "null", "{\"id\":7,\"n\":\"AxY=\"}"), OK, "t: id=7 n=790 _op=c");  /* 1 */
    one(h, K7, EVENT("U", "null", "{\"id\":7,\"n\":\"AxY=\"}"), OK, "t: id=7 n=790 _op=u");  /* 2 */
    one(h, K7, EVENT("d", "{\"id\":7,\"n\":null}", "null"), OK, "t: id=7 _op=d _unset=[*]"); /* 3 */
    one(h, K7, NULL, CUP_OUTCOME_TOMBSTONE, "");
    one(h, NULL, EVENT("d", "null", "null"), CUP_OUTCOME_DELETE_WITHOUT_KEY, ""); /* 4 */
    one(h, NULL, EVENT("t", "null", "null"), OK, "t: _op=t");
    h->partition = 2; /* 5: the topic has three */
    one(h, NULL, EVENT("t", "null", "null"), CUP_OUTCOME_TRUNCATE_UNORDERED, "");
    one(h, NULL,
        "{\"before\":null,\"after\":null,\"source\":{\"connector\":\"postgresql\",\"schema\":\"s\","
        "\"table\":\"keeps\"},\"op\":\"t\"}",
        OK, "keeps: _op=t");
    h->partition = 0;
    one(h, NULL, EVENT("t", "null", "null"), CUP_OUTCOME_TRUNCATE_UNORDERED, "");
    one(h, K7, EVENT("u", "null", "{\"id\":7,\"n\":null,\"bio\":\"" UNSET "\"}"), OK,
        "t: id=7 _op=u _unset=[bio]"); /* 6 */
    one(h, K7, "{\"schema\":{\"type\":\"struct\",\"fields\":[]},\"payload\":null}",
        CUP_OUTCOME_TOMBSTONE, "");                 /* 7 */
    one(h, K7, "null", CUP_OUTCOME_NULL_VALUE, ""); /* 8 */
    one(h, K7, "{\"payload\":" EVENT("c", "null", "{\"id\":7}") ",\"schema\":null}", OK,
        "t: id=7 _op=c");                                                                 /* 9 */
    one(h, "{\"id\":8}", EVENT("u", "null", "{\"id\":9}"), CUP_OUTCOME_KEY_MISMATCH, ""); /* 10 */
    one(h, K7, EVENT("c", "null", "{\"id\":7,\"big\":18446744073709551615}"), OK,
        "t: id=7 big=0000000000000000ffffffffffffffff _op=c"); /* 11 */
    one(h, NULL, EVENT("c", "null", "{\"id\":18446744073709551615}"), CUP_OUTCOME_INT_OVERFLOW, "");
    one(h, K7, "{\"op\":\"c\",\"op\":\"d\"}", CUP_OUTCOME_DUPLICATE_KEY, ""); /* 12 */
    one(h, NULL,
        "{\"before\":{\"a\":1},\"after\":null,\"source\":{\"connector\":\"mariadb\",\"schema\":"
        "\"s\",\"table\":\"bag\"},\"op\":\"d\"}",
        OK, "bag: a=1 _op=d"); /* 19 */
    one(h, NULL, NULL, CUP_OUTCOME_TOMBSTONE_KEYLESS, "");
    cup_harness_add(h, EVENT("c", "null", "{\"id\":14,\"bio\":\"" UNSET "\"}"), "{\"id\":14}");
    cup_harness_header(h, "__debezium.oldkey", "{\"id\":3}");
    expect(h, OK, "t: id=14 _op=c _unset=[bio]"); /* 20: _old_key is in test_decode */
    one(h, "{\"id\":5}", EVENT("r", "null", "{\"id\":5,\"bio\":\"" UNSET "\"}"), OK,
        "t: id=5 bio=" UNSET " _op=r"); /* 21 */
    one(h, "{\"id\":5}", EVENT("c", "null", "{\"id\":5,\"bio\":\"" UNSET "\"}"), OK,
        "t: id=5 bio=" UNSET " _op=c");
    one(h, "{\"id\":5}", EVENT("d", "{\"id\":5,\"v\":\"\",\"active\":true}", "null"), OK,
        "t: id=5 _op=d _unset=[*]"); /* 22 */
    one(h, NULL, "{\"status\":\"END\",\"id\":\"0-1-8\",\"event_count\":1,\"data_collections\":[]}",
        CUP_OUTCOME_TRANSACTION, ""); /* 24 */
    cup_harness_close(h);
}

/* Values before the JSON: a schema registry's frame, on values and keys. */
static void check_frames(void)
{
    static const char frames[][19] = {"\0\0\0\0\"", "\1guidguidguidguid", "\3\0uuiduuiduuiduuid"};
    static const uint8_t bytes[]   = {5, 17, 18};
    static const char    event[]   = EVENT("c", "null", "{\"id\":7}");
    struct cup_harness  *h         = open_format(CUP_FORMAT_DEBEZIUM);
    uint8_t              value[512];

    for (int i = 0; i < 3; i++) {
        memcpy(value, frames[i], bytes[i]);
        memcpy(value + bytes[i], event, sizeof event);
        cup_harness_add(h, event, K7);
        (void)cup_harness_add_bytes(h, value, bytes[i] + sizeof event - 1, K7);
        cup_harness_add(h, event, NULL); /* values side by side, as without keys */
        (void)cup_harness_add_bytes(h, value, bytes[i] + sizeof event - 1, NULL);
        cup_harness_add(h, event, K7);
        uint32_t next = 0;
        CHECK(cup_harness_run(h, &next) == CUP_DECODE_DONE && h->row_count == 5);
        cup_harness_clear(h);
        value[bytes[i]] = 'B'; /* not JSON: Avro */
        (void)cup_harness_add_bytes(h, value, bytes[i] + sizeof event - 1, K7);
        expect(h, CUP_OUTCOME_UNSUPPORTED_ENCODING, "");
        value[bytes[i]]     = '{';
        value[bytes[i] + 1] = '{'; /* JSON, but bad */
        (void)cup_harness_add_bytes(h, value, bytes[i] + sizeof event - 1, K7);
        expect(h, CUP_OUTCOME_JSON_SYNTAX, "");
    }
    memcpy(value, "\3\5uuiduuiduuiduuid{", 19); /* compressed */
    (void)cup_harness_add_bytes(h, value, 40, K7);
    expect(h, CUP_OUTCOME_UNSUPPORTED_ENCODING, "");
    cup_harness_add(h, event, "");
    struct cup_record *record = &h->records[0];
    memcpy(h->region + record->key_at, "\0\0\0\0\7{\"id\":8}\n", 14);
    record->key_bytes = 13;
    h->region_bytes += 13;
    expect(h, CUP_OUTCOME_KEY_MISMATCH, "");
    cup_harness_add(h, EVENT("d", "null", "null"), "");
    record = &h->records[0];
    memcpy(h->region + record->key_at, "\0\0\0\0\7{\"id\":8}\n", 14);
    record->key_bytes = 13;
    h->region_bytes += 13;
    expect(h, OK, "t: id=8 _op=d _unset=[*]");
    cup_harness_close(h);
}

static void on_topic(struct cup_harness *h, uint32_t topic, const char *key, const char *value,
                     enum cup_outcome outcome, const char *rows)
{
    cup_harness_add(h, value, key)->topic = topic;
    expect(h, outcome, rows);
}

enum { T_TOPIC = 3, ODD_TOPIC, BAG_TOPIC };
#define HEARTBEAT_TOPIC 1
#define OTHER_TOPIC     2

static void check_flattened(void)
{
    struct cup_harness *h = open_format(CUP_FORMAT_FLATTENED);

    on_topic(h, T_TOPIC, K7,
             "{\"id\":7,\"v\":\"x\",\"__deleted\":\"false\",\"__op\":\"c\",\"__table\":\"t\",\"__"
             "lsn\":100,"
             "\"__source_ts_ms\":5}",
             OK, "t: id=7 v=x _op=c");
    on_topic(h, T_TOPIC, K7, "{\"id\":7,\"v\":\"x\"}", OK, "t: id=7 v=x _op=u");
    on_topic(h, OTHER_TOPIC, K7, "{\"id\":7,\"v\":\"x\",\"__table\":\"t\"}", OK,
             "t: id=7 v=x _op=u");
    on_topic(h, T_TOPIC, K7, "{\"id\":7,\"v\":\"\",\"active\":true,\"__deleted\":\"true\"}", OK,
             "t: id=7 _op=d _unset=[*]");
    on_topic(h, T_TOPIC, K7, "{\"schema\":{\"type\":\"struct\",\"fields\":[]},\"payload\":null}",
             OK, "t: id=7 _op=d _unset=[*]");                         /* 7 */
    on_topic(h, T_TOPIC, K7, "null", OK, "t: id=7 _op=d _unset=[*]"); /* 8 */
    on_topic(h, T_TOPIC, K7, NULL, OK, "t: id=7 _op=d _unset=[*]");
    on_topic(h, T_TOPIC, NULL, NULL, CUP_OUTCOME_TOMBSTONE_WITHOUT_KEY, "");
    on_topic(h, ODD_TOPIC, "{\"id\":1}",
             "{\"id\":1,\"op\":\"c\",\"before\":\"x\",\"after\":\"y\",\"source\":\"web\"}", OK,
             "odd: id=1 op=c before=x after=y source=web _op=u"); /* 13 */
    on_topic(h, BAG_TOPIC, NULL, "{\"a\":1}", OK, "bag: a=1 _op=c");
    on_topic(h, BAG_TOPIC, NULL, "{\"a\":1,\"__op\":\"u\"}", CUP_OUTCOME_UPDATE_WITHOUT_KEY, "");
    on_topic(h, BAG_TOPIC, NULL, "{\"a\":1,\"__deleted\":\"true\"}", OK, "bag: a=1 _op=d");
    on_topic(h, T_TOPIC, K7, "{\"id\":7,\"other\":1}", CUP_OUTCOME_SCHEMA_DRIFT, "");
    on_topic(h, T_TOPIC, K7, "{\"id\":7,\"__op\":\"x\"}", CUP_OUTCOME_UNKNOWN_OP, "");
    on_topic(h, HEARTBEAT_TOPIC, NULL, "{\"ts_ms\":1}", CUP_OUTCOME_HEARTBEAT, "");
    on_topic(h, OTHER_TOPIC, NULL,
             "{\"op\":\"m\",\"ts_ms\":1,\"source\":{},\"message\":{\"prefix\":\"p\"}}",
             CUP_OUTCOME_MESSAGE, "");
    on_topic(h, OTHER_TOPIC, NULL, "{\"source\":{},\"ddl\":\"x\",\"tableChanges\":[]}",
             CUP_OUTCOME_SCHEMA_CHANGE, "");
    cup_harness_add(h, "{\"id\":7,\"bio\":\"" UNSET "\"}", K7)->topic = T_TOPIC;
    cup_harness_header(h, "__op", "{\"schema\":{\"type\":\"string\"},\"payload\":\"c\"}");
    cup_harness_header(h, "__debezium.oldkey", "{\"id\":3}");
    expect(h, OK, "t: id=7 _op=c _unset=[bio]");
    cup_harness_add(h, "{\"id\":7,\"bio\":\"" UNSET "\"}", K7)->topic = T_TOPIC;
    cup_harness_header(h, "__op", "\"r\"");
    expect(h, OK, "t: id=7 bio=" UNSET " _op=r");
    cup_harness_close(h);
}

static void check_upsert(void)
{
    struct cup_harness *h = open_format(CUP_FORMAT_UPSERT);

    on_topic(h, T_TOPIC, K7, "{\"id\":7,\"v\":\"x\"}", OK, "t: id=7 v=x _op=u");
    on_topic(h, T_TOPIC, K7, NULL, OK, "t: id=7 _op=d _unset=[*]");
    on_topic(h, T_TOPIC, K7, "{\"id\":7,\"bio\":\"" UNSET "\"}", OK, "t: id=7 bio=" UNSET " _op=u");
    on_topic(h, BAG_TOPIC, NULL, "{\"a\":5}", OK, "bag: a=5 _op=c");
    on_topic(h, T_TOPIC, K7, "{\"id\":7,\"__op\":\"c\"}", CUP_OUTCOME_SCHEMA_DRIFT, "");
    on_topic(h, T_TOPIC, K7, "[1]", CUP_OUTCOME_NOT_AN_OBJECT, "");
    cup_harness_close(h);
}

#define CANAL(type, data, old)                                                                     \
    "{\"database\":\"d\",\"table\":\"m\",\"isDdl\":false,\"type\":\"" type                         \
    "\",\"es\":1000,\"data\":" data ",\"old\":" old "}"
#define CANAL_BOTH(data, old)                                                                      \
    "{\"database\":\"d\",\"table\":\"both\",\"isDdl\":false,\"type\":\"UPDATE\",\"es\":1000,"      \
    "\"data\":" data ",\"old\":" old "}"

static void check_canal(void)
{
    struct cup_harness *h = open_format(CUP_FORMAT_CANAL);

    one(h, NULL, CANAL("UPDATE", "[{\"id\":\"1\"},{\"id\":\"2\"}]", "[{\"v\":\"a\"},{\"v\":null}]"),
        OK, "m: id=1 _op=u | m: id=2 _op=u"); /* 14 */
    one(h, NULL,
        CANAL("INSERT", "[{\"id\":\"1\",\"active\":\"1\",\"ratio\":\"2.5\",\"v\":\"7\"}]", "null"),
        OK, "m: id=1 v=7 active=true ratio=0x1.4p+1 _op=c");
    one(h, NULL, CANAL("DELETE", "[{\"id\":\"1\",\"v\":\"x\"},{\"id\":\"2\"}]", "null"), OK,
        "m: id=1 _op=d _unset=[*] | m: id=2 _op=d _unset=[*]");
    one(h, NULL,
        CANAL("UPDATE", "[{\"id\":\"5\",\"v\":\"x\"},{\"id\":\"2\"}]",
              "[{\"id\":\"4\"},{\"id\":\"2\"}]"),
        OK, "m: id=4 _op=d _unset=[*] | m: id=5 v=x _op=c | m: id=2 _op=u");
    one(h, NULL, CANAL_BOTH("[{\"id\":\"1\",\"v\":\"n\",\"phone\":\"p\"}]", "[{\"v\":\"o\"}]"), OK,
        "both: id=1 v=o phone=p _op=b | both: id=1 v=n phone=p _op=u");
    one(h, NULL, CANAL("INSERT", "[{\"id\":\"x\"}]", "null"), CUP_OUTCOME_TYPE_MISMATCH, "");
    one(h, NULL, CANAL("INSERT", "[{\"id\":\"1\"},7]", "null"), CUP_OUTCOME_FORMAT_MISMATCH, "");
    one(h, NULL, CANAL("INSERT", "[]", "null"), CUP_OUTCOME_FORMAT_MISMATCH, "");
    one(h, NULL, CANAL("QUERY", "null", "null"), CUP_OUTCOME_SCHEMA_CHANGE, "");
    one(h, NULL,
        "{\"database\":\"d\",\"table\":\"m\",\"isDdl\":true,\"type\":\"ALTER\",\"es\":1,\"sql\":"
        "\"x\"}",
        CUP_OUTCOME_SCHEMA_CHANGE, "");
    one(h, NULL, CANAL("TRUNCATE", "null", "null"), OK, "m: _op=t");
    one(h, NULL, CANAL("NEW", "null", "null"), CUP_OUTCOME_UNKNOWN_OP, "");
    one(h, NULL, EVENT("c", "null", "{\"id\":7}"), CUP_OUTCOME_FORMAT_MISMATCH, "");
    cup_harness_close(h);
}

/* A record of many rows: as many as an empty batch has room for, and no more. */
static void check_many(void)
{
    struct cup_harness *h    = open_format(CUP_FORMAT_CANAL);
    struct cup_text     text = {0};
    uint32_t            next = 0;

    for (uint32_t count = 2045; count <= 2046; count++) {
        cup_text_clear(&text);
        cup_text_puts(&text,
                      "{\"database\":\"d\",\"table\":\"m\",\"isDdl\":false,\"type\":\"INSERT\","
                      "\"es\":1,\"data\":[");
        for (uint32_t i = 0; i < count; i++)
            cup_text_printf(&text, "%s{\"id\":\"%u\"}", i > 0 ? "," : "", i);
        cup_text_puts(&text, "],\"old\":null}");
        cup_harness_add(h, CANAL("INSERT", "[{\"id\":\"1\"}]", "null"), NULL);
        cup_harness_add(h, text.at, NULL);
        next = 0;
        CHECK(cup_harness_run(h, &next) == CUP_DECODE_DONE);
        CHECK(h->verdicts[1].outcome ==
              (count == 2045 ? CUP_OUTCOME_ACCEPTED : CUP_OUTCOME_RECORD_TOO_LARGE));
        CHECK(h->row_count == (count == 2045 ? 2046u : 1u));
        CHECK(h->full_count == (count == 2045));
        cup_harness_clear(h);
    }
    cup_text_free(&text);
    cup_harness_close(h);
}

#define MAXWELL(table, type, rest)                                                                 \
    "{\"database\":\"d\",\"table\":\"" table "\",\"type\":\"" type                                 \
    "\",\"ts\":1500000000,\"xid\":9," rest "}"

static void check_maxwell(void)
{
    struct cup_harness *h = open_format(CUP_FORMAT_MAXWELL);

    one(h, NULL, MAXWELL("m", "update", "\"old\":{\"id\":1},\"data\":{\"id\":2}"), OK,
        "m: id=1 _op=d _unset=[*] | m: id=2 _op=c"); /* 15 */
    one(h, NULL, MAXWELL("m", "insert", "\"data\":{\"id\":2,\"v\":\"x\",\"active\":true}"), OK,
        "m: id=2 v=x active=true _op=c");
    one(h, NULL, MAXWELL("m", "update", "\"data\":{\"id\":2,\"v\":\"x\"},\"old\":{\"v\":null}"), OK,
        "m: id=2 v=x _op=u");
    one(h, NULL,
        MAXWELL("both", "update",
                "\"data\":{\"id\":2,\"v\":\"x\"},\"old\":{\"v\":null,\"phone\":\"p\"}"),
        OK, "both: id=2 phone=p _op=b | both: id=2 v=x _op=u");
    one(h, NULL, MAXWELL("both", "delete", "\"data\":{\"id\":2,\"v\":\"x\"}"), OK,
        "both: id=2 v=x _op=d");
    one(h, NULL, MAXWELL("both", "delete", "\"data\":{\"id\":2,\"v\":\"x\"},\"old\":{\"v\":\"y\"}"),
        OK, "both: id=2 v=x _op=d");
    one(h, NULL, MAXWELL("m", "bootstrap-insert", "\"data\":{\"id\":2}"), OK, "m: id=2 _op=r");
    one(h, NULL, MAXWELL("m", "bootstrap-start", "\"data\":{}"), CUP_OUTCOME_MESSAGE, "");
    one(h, NULL, MAXWELL("m", "table-alter", "\"old\":{},\"def\":{},\"sql\":\"x\""),
        CUP_OUTCOME_SCHEMA_CHANGE, "");
    one(h, NULL, MAXWELL("m", "merge", "\"data\":{}"), CUP_OUTCOME_UNKNOWN_OP, "");
    one(h, NULL, MAXWELL("m", "insert", "\"data\":[]"), CUP_OUTCOME_FORMAT_MISMATCH, "");
    one(h, NULL, MAXWELL("m", "update", "\"data\":{\"id\":2},\"old\":{\"what\":1}"), OK,
        "m: id=2 _op=u");
    cup_harness_close(h);
}

#define DMS(table, op, rest)                                                                       \
    "{" rest "\"metadata\":{\"timestamp\":\"2024-02-29T12:34:56.789012Z\",\"record-type\":"        \
    "\"data\",\"operation\":\"" op "\",\"schema-name\":\"s\",\"table-name\":\"" table "\"}}"

static void check_dms(void)
{
    struct cup_harness *h = open_format(CUP_FORMAT_DMS);

    one(h, NULL, DMS("nulls", "update", "\"data\":{\"id\":1,\"v\":\"x\"},"), OK,
        "nulls: id=1 v=x _op=u"); /* 16 */
    one(h, NULL, DMS("keeps", "update", "\"data\":{\"id\":1,\"v\":\"x\"},"), OK,
        "keeps: id=1 v=x _op=u _unset=[active,ratio,phone]");
    one(h, NULL, DMS("t", "update", "\"data\":{\"id\":1,\"v\":\"x\"},"), CUP_OUTCOME_MISSING_FIELD,
        "");
    one(h, NULL, DMS("t", "insert", "\"data\":{\"id\":1},"), OK, "t: id=1 _op=c");
    one(h, NULL, DMS("t", "load", "\"data\":{\"id\":1},"), OK, "t: id=1 _op=r");
    one(h, NULL, DMS("t", "delete", "\"data\":{\"id\":1,\"v\":\"x\"},"), OK,
        "t: id=1 _op=d _unset=[*]");
    one(h, NULL, DMS("nulls", "update", "\"data\":{\"id\":2},\"before-image\":{\"id\":1},"), OK,
        "nulls: id=1 _op=d _unset=[*] | nulls: id=2 _op=c");
    one(h, NULL,
        "{\"metadata\":{\"timestamp\":\"x\",\"record-type\":\"control\",\"operation\":\"create-"
        "table\"}}",
        CUP_OUTCOME_SCHEMA_CHANGE, "");
    one(h, NULL, DMS("t", "merge", "\"data\":{\"id\":1},"), CUP_OUTCOME_UNKNOWN_OP, "");
    one(h, NULL, DMS("t", "insert", ""), CUP_OUTCOME_FORMAT_MISMATCH, "");
    cup_harness_close(h);
}

#define OGG(op, rest)                                                                              \
    "{\"table\":\"CAT.s.keeps\",\"op_type\":\"" op                                                 \
    "\",\"op_ts\":\"2020-05-13 15:40:06.000000\",\"pos\":\"00000000000000004338\"" rest "}"

static void check_goldengate(void)
{
    struct cup_harness *h = open_format(CUP_FORMAT_GOLDENGATE);

    one(h, NULL,
        OGG("U", ",\"before\":{\"id\":1},\"after\":{\"id\":1,\"v\":\"x\",\"active\":true,\"ratio\":"
                 "1,\"phone\":null,\"phone_isMissing\":true}"),
        OK, "keeps: id=1 v=x active=true ratio=0x1p+0 _op=u _unset=[phone]"); /* 17 */
    one(h, NULL,
        OGG("U", ",\"before\":{\"id\":1},\"after\":{\"id\":1,\"v\":null,\"v_isMissing\":false}"),
        OK, "keeps: id=1 _op=u _unset=[active,ratio,phone]");
    one(h, NULL, OGG("U", ",\"before\":{\"id\":1},\"after\":{\"id\":2,\"v\":\"x\"}"), OK,
        "keeps: id=1 _op=d _unset=[*] | keeps: id=2 v=x _op=c _unset=[active,ratio,phone]");
    one(h, NULL, OGG("I", ",\"after\":{\"id\":2,\"v\":\"x\"}"), OK, "keeps: id=2 v=x _op=c");
    one(h, NULL, OGG("D", ",\"before\":{\"id\":2,\"v\":\"x\"}"), OK,
        "keeps: id=2 _op=d _unset=[*]");
    one(h, NULL, OGG("T", ""), OK, "keeps: _op=t");
    one(h, NULL, OGG("M", ""), CUP_OUTCOME_UNKNOWN_OP, "");
    one(h, NULL, OGG("U", ",\"before\":{\"id\":2}"), CUP_OUTCOME_FORMAT_MISMATCH, "");
    cup_harness_close(h);
}

#define MONGO(op, rest)                                                                            \
    "{\"source\":{\"connector\":\"mongodb\",\"name\":\"a\",\"db\":\"d\",\"collection\":\"docs\","  \
    "\"ts_ms\":5000,\"ord\":1},\"op\":\"" op "\"" rest "}"
#define MONGO_KEY "{\"id\":\"{\\\"$oid\\\": \\\"00ff\\\"}\"}"
#define OID       "\\\"_id\\\":{\\\"$oid\\\":\\\"00ff\\\"}"

static void check_mongodb(void)
{
    struct cup_harness *h = open_format(CUP_FORMAT_MONGODB);

    one(h, MONGO_KEY,
        MONGO("c",
              ",\"after\":\"{" OID
              ",\\\"name\\\":\\\"\\\\u00e9\\\\n\\\",\\\"count\\\":{\\\"$numberLong\\\":\\\"9\\\"},"
              "\\\"price\\\":{\\\"$numberDecimal\\\":\\\"1.50\\\"},\\\"tags\\\":[1,2]}\""),
        OK,
        "docs: id=00ff "
        "whole={\"_id\":{\"$oid\":\"00ff\"},\"name\":\"\\u00e9\\n\",\"count\":{\"$numberLong\":"
        "\"9\"},"
        "\"price\":{\"$numberDecimal\":\"1.50\"},\"tags\":[1,2]} name=\xc3\xa9\n count=9 price=150 "
        "tags=[1,2] _op=c");
    for (int i = 0; i < 2; i++) /* 18 */
        one(h, MONGO_KEY, MONGO("u", ",\"after\":\"{" OID ",\\\"count\\\":2}\""), OK,
            "docs: id=00ff whole={\"_id\":{\"$oid\":\"00ff\"},\"count\":2} count=2 _op=u");
    one(h, MONGO_KEY,
        MONGO(
            "u",
            ",\"after\":null,\"updateDescription\":{\"removedFields\":[\"name\"],\"updatedFields\":"
            "\"{\\\"count\\\":3}\",\"truncatedArrays\":null}"),
        OK, "docs: id=00ff count=3 _op=u _unset=[whole,price,tags]");
    one(h, MONGO_KEY, /* a member that is removed and set counts once */
        MONGO("u", ",\"updateDescription\":{\"removedFields\":[\"name\"],\"updatedFields\":"
                   "\"{\\\"name\\\":\\\"n\\\",\\\"count\\\":3}\"}"),
        OK, "docs: id=00ff name=n count=3 _op=u _unset=[whole,price,tags]");
    one(h, MONGO_KEY,
        MONGO("u", ",\"updateDescription\":{\"updatedFields\":\"{\\\"tags.0\\\":3}\"}"),
        CUP_OUTCOME_SCHEMA_DRIFT, "");
    one(h, NULL, MONGO("u", ",\"updateDescription\":{\"updatedFields\":\"{\\\"count\\\":3}\"}"),
        CUP_OUTCOME_UPDATE_WITHOUT_KEY, "");
    one(h, MONGO_KEY, MONGO("d", ",\"before\":null,\"after\":null"), OK,
        "docs: id=00ff _op=d _unset=[*]");
    one(h, NULL, MONGO("d", ",\"before\":\"{" OID ",\\\"count\\\":1}\",\"after\":null"), OK,
        "docs: id=00ff _op=d _unset=[*]");
    one(h, "{\"id\":\"\\\"other\\\"\"}", MONGO("c", ",\"after\":\"{" OID "}\""),
        CUP_OUTCOME_KEY_MISMATCH, "");
    one(h, MONGO_KEY, MONGO("c", ",\"after\":\"{" OID ",}\""), CUP_OUTCOME_JSON_SYNTAX, "");
    one(h, MONGO_KEY, MONGO("c", ",\"after\":{}"), CUP_OUTCOME_FORMAT_MISMATCH, "");
    cup_harness_close(h);
}

#define CLOUD(op, data)                                                                            \
    "{\"specversion\":\"1.0\",\"id\":\"x\",\"iodebeziumop\":\"" op                                 \
    "\",\"iodebeziumconnector\":\"postgresql\",\"iodebeziumname\":\"a\",\"iodebeziumtsms\":\"5\"," \
    "\"iodebeziumdb\":\"d\",\"iodebeziumschema\":\"s\",\"iodebeziumtable\":\"t\","                 \
    "\"iodebeziumlsn\":\"100\",\"iodebeziumtxid\":\"571\",\"data\":" data "}"

static void check_cloudevents(void)
{
    struct cup_harness *h = open_format(CUP_FORMAT_CLOUDEVENTS);

    one(h, K7, CLOUD("c", "{\"before\":null,\"after\":{\"id\":7}}"), OK, "t: id=7 _op=c");
    one(h, K7, CLOUD("d", "{\"before\":{\"id\":7,\"v\":\"\"},\"after\":null}"), OK,
        "t: id=7 _op=d _unset=[*]");
    one(h, K7, CLOUD("c", "{\"schema\":null,\"payload\":{\"before\":null,\"after\":{\"id\":7}}}"),
        OK, "t: id=7 _op=c");
    one(h, K7, CLOUD("c", "\"AAAA\""), CUP_OUTCOME_UNSUPPORTED_ENCODING, "");
    one(h, K7, CLOUD("q", "{}"), CUP_OUTCOME_UNKNOWN_OP, "");
    one(h, K7, CLOUD("c", "{\"after\":null}"), CUP_OUTCOME_FORMAT_MISMATCH, "");
    one(h, K7, EVENT("c", "null", "{\"id\":7}"), CUP_OUTCOME_FORMAT_MISMATCH, "");
    h->silver = true;
    one(h, K7, CLOUD("c", "{\"before\":null,\"after\":{\"id\":7}}"), OK,
        "t: id=7 _op=c _ts=5000 _pos=0000000000000064 _sub=0 _tx=571 _topic=pg.bank.t _partition=0 "
        "_offset=100 _shard=0 _epoch=7 _ingested_at=1700000000000000");
    cup_harness_close(h);
}

/* --- positions --- */

/* The record's _pos; NULL when it has none. */
static char *position_of(struct cup_harness *h, const char *value)
{
    uint32_t next = 0;

    h->silver                              = true;
    cup_harness_add(h, value, NULL)->topic = T_TOPIC;
    CHECK(cup_harness_run(h, &next) == CUP_DECODE_DONE && h->row_count == 1);
    const char *at   = strstr(h->rows[0], " _pos=");
    char       *made = at == NULL ? NULL : strndup(at + 6, strcspn(at + 6, " "));
    cup_harness_clear(h);
    return made;
}

static void ascend(enum cup_format format, const char *below, const char *above)
{
    struct cup_harness *h = open_format(format);
    char               *a = position_of(h, below), *b = position_of(h, above);

    CHECK(a != NULL && b != NULL);
    CHECK(strlen(a) == strlen(b));
    CHECK(strspn(a, "0123456789abcdef") == strlen(a));
    if (strcmp(a, b) >= 0) {
        fprintf(stderr, "%s\n%s\nis not below\n%s\n%s\n", below, a, above, b);
        exit(1);
    }
    free(a), free(b);
    cup_harness_close(h);
}

static void nowhere(enum cup_format format, const char *value)
{
    struct cup_harness *h = open_format(format);

    CHECK(position_of(h, value) == NULL);
    cup_harness_close(h);
}

#define AT(connector, rest)                                                                        \
    "{\"op\":\"c\",\"after\":{\"id\":1},\"source\":{\"connector\":\"" connector                    \
    "\",\"schema\":\"s\",\"table\":\"t\"" rest "}}"
#define IN_DB(rest)                                                                                \
    "{\"op\":\"c\",\"after\":{\"id\":1},\"source\":{\"connector\":\"mysql\",\"db\":\"d\","         \
    "\"table\":\"m\"" rest "}}"
#define MONGO_AT(ms, ord)                                                                          \
    "{\"op\":\"c\",\"after\":\"{\\\"_id\\\":\\\"x\\\"}\",\"source\":{\"connector\":\"mongodb\","   \
    "\"db\":\"d\",\"collection\":\"docs\",\"ts_ms\":" ms ",\"ord\":" ord "}}"
#define MAXWELL_AT(position, offset)                                                               \
    MAXWELL("m", "insert",                                                                         \
            "\"position\":\"" position "\",\"xoffset\":" offset ",\"data\":{\"id\":1}")
#define OGG_AT(pos)                                                                                \
    "{\"table\":\"s.t\",\"op_type\":\"I\",\"op_ts\":\"2020-05-13 15:40:06.000000\",\"pos\":\"" pos \
    "\",\"after\":{\"id\":1}}"

static void check_positions(void)
{
    const enum cup_format d = CUP_FORMAT_DEBEZIUM;

    ascend(d, IN_DB(",\"file\":\"mysql-bin.000009\",\"pos\":900,\"row\":0"),
           IN_DB(",\"file\":\"mysql-bin.000010\",\"pos\":4,\"row\":0"));
    ascend(d, IN_DB(",\"file\":\"binlog.999999\",\"pos\":1"),
           IN_DB(",\"file\":\"binlog.1000000\",\"pos\":1"));
    ascend(d, IN_DB(",\"file\":\"b.1\",\"pos\":1200,\"row\":2"),
           IN_DB(",\"file\":\"b.1\",\"pos\":1200,\"row\":10"));
#define LSNS(commit, change, serial)                                                               \
    ",\"commit_lsn\":\"" commit "\",\"change_lsn\":\"" change "\",\"event_serial_no\":" serial
    ascend(d, AT("sqlserver", LSNS("00000025:00000d98:00a2", "00000025:00000d98:0002", "1")),
           AT("sqlserver", LSNS("00000025:00000d98:00a2", "00000025:00000d98:0002", "2")));
    ascend(d, AT("db2", LSNS("00000025:00000d98:00a2", "NULL", "1")),
           AT("db2", LSNS("00000025:00000D98:0100", "NULL", "1")));
    ascend(d, AT("oracle", ",\"commit_scn\":\"9999999\",\"scn\":\"1\""),
           AT("oracle", ",\"commit_scn\":\"10000000\",\"scn\":\"1\""));
    ascend(d, AT("oracle", ",\"commit_scn\":\"18446744073709551615\",\"scn\":\"9\",\"txSeq\":9"),
           AT("oracle", ",\"commit_scn\":\"18446744073709551616\",\"scn\":\"1\",\"txSeq\":1"));
    ascend(d, AT("oracle", ",\"commit_scn\":\"5\",\"scn\":\"4\",\"txSeq\":2"),
           AT("oracle", ",\"commit_scn\":\"5\",\"scn\":\"4\",\"txSeq\":10"));
    ascend(d, AT("oracle", ",\"scn\":\"4\""), AT("oracle", ",\"commit_scn\":\"5\",\"scn\":\"3\""));
    ascend(d, AT("postgresql", ",\"lsn\":9223372036854775807"),
           AT("postgresql", ",\"lsn\":-9223372036854775808"));
    nowhere(d, AT("postgresql", ",\"snapshot\":\"incremental\""));
    nowhere(d, AT("oracle", ""));
    ascend(CUP_FORMAT_MONGODB, MONGO_AT("5999", "2"), MONGO_AT("6000", "1"));
    ascend(CUP_FORMAT_MONGODB, MONGO_AT("5999", "2"), MONGO_AT("5000", "10"));
    ascend(CUP_FORMAT_MAXWELL, MAXWELL_AT("master.999999:7", "9"),
           MAXWELL_AT("master.1000000:4", "1"));
    ascend(CUP_FORMAT_MAXWELL, MAXWELL_AT("m.1:7", "9"), MAXWELL_AT("m.1:7", "10"));
    nowhere(CUP_FORMAT_MAXWELL, MAXWELL("m", "insert", "\"data\":{\"id\":1}"));
    ascend(CUP_FORMAT_GOLDENGATE, OGG_AT("00000000000000004338"),
           OGG_AT("000000000000000000010000"));
    ascend(CUP_FORMAT_GOLDENGATE, OGG_AT("99999999999999999999"), OGG_AT("100000000000000000000"));
    nowhere(CUP_FORMAT_GOLDENGATE, OGG_AT("1000000000000000000000000000000000000000"));
    ascend(CUP_FORMAT_FLATTENED, "{\"id\":1,\"__lsn\":9}", "{\"id\":1,\"__source_lsn\":\"10\"}");
    nowhere(CUP_FORMAT_FLATTENED, "{\"id\":1}");
}

/* Time, old key and place in the record, of formats that have them in their own way. */
static void check_generated(void)
{
    struct cup_harness *h = open_format(CUP_FORMAT_MAXWELL);

    h->silver = true;
    one(h, NULL, MAXWELL("m", "update", "\"old\":{\"id\":1},\"data\":{\"id\":2}"), OK,
        "m: id=1 _op=d _ts=1500000000000000 _sub=0 _tx=9 _unset=[*] _topic=pg.bank.t _partition=0 "
        "_offset=100 _shard=0 _epoch=7 _ingested_at=1700000000000000 | "
        "m: id=2 _op=c _ts=1500000000000000 _sub=1 _tx=9 _old_key={\"id\":1} _topic=pg.bank.t "
        "_partition=0 _offset=100 _shard=0 _epoch=7 _ingested_at=1700000000000000");
    cup_harness_close(h);
    h         = open_format(CUP_FORMAT_GOLDENGATE);
    h->silver = true;
    one(h, NULL, OGG("I", ",\"after\":{\"id\":2}"), OK,
        "keeps: id=2 _op=c _ts=1589384406000000 _pos=000000000000000000000000000010f2 _sub=0 "
        "_topic=pg.bank.t _partition=0 _offset=100 _shard=0 _epoch=7 "
        "_ingested_at=1700000000000000");
    cup_harness_close(h);
    h         = open_format(CUP_FORMAT_DMS);
    h->silver = true;
    one(h, NULL, DMS("t", "insert", "\"data\":{\"id\":1},"), OK,
        "t: id=1 _op=c _ts=1709210096789012 _sub=0 _topic=pg.bank.t _partition=0 _offset=100 "
        "_shard=0 _epoch=7 _ingested_at=1700000000000000");
    cup_harness_close(h);
}

int main(void)
{
    check_envelope();
    check_frames();
    check_flattened();
    check_upsert();
    check_canal();
    check_many();
    check_maxwell();
    check_dms();
    check_goldengate();
    check_mongodb();
    check_cloudevents();
    check_positions();
    check_generated();
    return 0;
}
