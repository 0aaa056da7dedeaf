// SPDX-License-Identifier: Apache-2.0
/* Goal:   what records prove is written as a fact, everything else as the type that loses nothing
 * and a comment; what a type is, is said the way sqltype reads it. Method: looks of single values;
 * columns of one kind of value each, from NDJSON and from a dump; every type that sqltype knows,
 * there and back; embedded schemas that change. */
#include "control/contract/infer.h"

#include "control/contract/contract.h"
#include "control/contract/guess.h"
#include "control/contract/looks.h"
#include "tests/control/fixture.h"

static struct cup_keep keep;
static struct cup_text says, out;
static const char     *folder;

#define BIT(look) (1u << CUP_LOOK_##look)
#define BASE64    (BIT(BYTES_BASE64) | BIT(DECIMAL_BASE64) | BIT(BITS))

static void check_looks(void)
{
    static const struct {
        const char *text;
        uint32_t    looks, sure;
    } cases[] = {
        {"00000000-0000-4000-8000-00000000000A", BIT(UUID) | BIT(BYTES_BASE64URL), BIT(UUID)},
        {"00000000-0000-4000-8000-00000000000g", BIT(BYTES_BASE64URL), 0},
        {"12.30", BIT(DECIMAL_TEXT), BIT(DECIMAL_TEXT)},
        {"-0.5", BIT(DECIMAL_TEXT), BIT(DECIMAL_TEXT)},
        {"1234", BIT(DECIMAL_TEXT) | BASE64 | BIT(BYTES_BASE64URL) | BIT(BYTES_HEX),
         BIT(DECIMAL_TEXT)},
        {"012", 0, 0},
        {"1.", 0, 0},
        {"+1", 0, 0},
        {"A+g=", BASE64, BASE64},
        {"A-g=", BIT(BYTES_BASE64URL), BIT(BYTES_BASE64URL)},
        {"A=g=", 0, 0},
        {"open", BASE64 | BIT(BYTES_BASE64URL), 0},
        {"0fa2", BASE64 | BIT(BYTES_BASE64URL) | BIT(BYTES_HEX), BIT(BYTES_HEX)},
        {"2024-02-29", BIT(DATE_ISO), BIT(DATE_ISO)},
        {"2017-09-15Z", BIT(DATE_ISO), BIT(DATE_ISO)},
        {"2024-02-29T12:34:56.1Z", BIT(TIMESTAMP_ISO) | BIT(TIMESTAMP_ZONED),
         BIT(TIMESTAMP_ISO) | BIT(TIMESTAMP_ZONED)},
        {"2024-02-29 12:34:56", BIT(TIMESTAMP_ISO), BIT(TIMESTAMP_ISO)},
        {"2024-02-29T12:34:56+02:00", BIT(TIMESTAMP_ZONED), BIT(TIMESTAMP_ZONED)},
        {"-infinity", BIT(TIMESTAMP_ZONED), BIT(TIMESTAMP_ZONED)},
        {"12:34:56Z", BIT(TIME_ISO) | BIT(TIME_ZONED), BIT(TIME_ISO) | BIT(TIME_ZONED)},
        {"12:34:56+02:00", BIT(TIME_ZONED), BIT(TIME_ZONED)},
        {"12:34:56", BIT(TIME_ISO), BIT(TIME_ISO)},
        {"P1Y2M3DT4H5M6.78S", BIT(INTERVAL_ISO), BIT(INTERVAL_ISO)},
        {"{\"a\":[1]}", BIT(JSON), BIT(JSON)},
        {"{\"a\":1", 0, 0},
        {"hello", 0, 0},
    };
    uint32_t sure;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(cup_looks_of_text(cases[i].text, strlen(cases[i].text), &sure) == cases[i].looks);
        CHECK(sure == cases[i].sure);
    }
    CHECK((cup_looks_of_integer(1709210096789, &sure) & BIT(TIMESTAMP_MS)) != 0);
    CHECK((sure & BIT(TIMESTAMP_MS)) != 0 && (sure & BIT(TIMESTAMP_US)) == 0);
    (void)cup_looks_of_integer(1709210096789012, &sure);
    CHECK((sure & (BIT(TIMESTAMP_US) | BIT(TIMESTAMP_MS))) == BIT(TIMESTAMP_US));
    (void)cup_looks_of_integer(1709210096789012345, &sure);
    CHECK((sure & (BIT(TIMESTAMP_NS) | BIT(TIMESTAMP_US))) == BIT(TIMESTAMP_NS));
    CHECK((cup_looks_of_integer(253402300799999, &sure) & BIT(TIMESTAMP_MS)) != 0);
    CHECK((cup_looks_of_integer(253402300800000, &sure) & BIT(TIMESTAMP_MS)) == 0);
    CHECK((cup_looks_of_integer(-1, &sure) & (BIT(DATE_DAYS) | BIT(TIME_MS))) == BIT(DATE_DAYS));
}

/* Every type of sqltype.def, in every encoding that it may have, is found again. */
static void check_physical(void)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < cup_sqltype_count(); i++) {
        for (int wire = 0; wire < CUP_ENCODING_COUNT; wire++) {
            const struct cup_sqltype_row *row  = cup_sqltype_row(i);
            const char                   *by   = cup_encoding_row((enum cup_encoding)wire)->name;
            struct cup_sqltype_hints      hint = {.wire = by};
            struct cup_shape_type         is, again;
            struct cup_physical           physical;
            struct cup_text               why = {0};
            char                          name[64], scale[16];
            snprintf(name, sizeof(name), "%s%s", row->name,
                     row->parameters == CUP_SQLTYPE_DIGITS ? "(9,4)" : "");
            if (cup_sqltype_parse(name, &hint, &is, &why)) {
                CHECK(cup_physical_of(&is, &physical));
                snprintf(scale, sizeof(scale), "%d", physical.scale);
                hint = (struct cup_sqltype_hints){.wire  = physical.wire,
                                                  .scale = physical.has_scale ? scale : NULL};
                CHECK(cup_sqltype_parse(physical.name, &hint, &again, &why));
                CHECK(cup_shape_same_type(&is, &again) && is.encoding == again.encoding);
                found++;
            }
            cup_text_free(&why);
        }
    }
    CHECK(found > 60);
}

static enum cup_err infer_as(const char *name, enum cup_format format, const char *text)
{
    const char      *path = fixture_file(&keep, folder, name, text);
    struct cup_infer job  = {.keep          = &keep,
                             .patterns      = &path,
                             .pattern_count = 1,
                             .format        = format,
                             .record_max    = CUP_SAMPLE_RECORDS};

    cup_text_clear(&out);
    cup_text_clear(&says);
    return cup_infer_run(&job, &out, &says);
}

static enum cup_err infer(const char *name, const char *text)
{
    return infer_as(name, CUP_FORMAT_DEBEZIUM, text);
}

static bool wrote(const char *what)
{
    bool found = out.at != NULL && strstr(out.at, what) != NULL;
    if (!found) fprintf(stderr, "not there: %s\n%s\n%s\n", what, out.at, says.at);
    return found;
}

#define SOURCE                                                                                     \
    "\"source\":{\"connector\":\"postgresql\",\"name\":\"pg\",\"schema\":\"s\",\"table\":\"t\"}"
#define EVENT(op, before, after)                                                                   \
    "{\"op\":\"" op "\",\"before\":" before ",\"after\":" after "," SOURCE "}\n"

/* NDJSON: no keys, so the key is left to a person, with what it may be. */
static void check_ndjson(void)
{
    CHECK(infer("a.ndjson",
                EVENT("c", "null",
                      "{\"id\":1,\"num\":1.50,\"f\":1,\"x\":null,\"big\":1,\"v\":"
                      "{\"scale\":0,\"value\":\"ZA==\"},\"hs\":{\"a\":\"b\",\"c\":null},\"geo\":{"
                      "\"wkb\":\"AQ==\",\"srid\":null},\"tags\":[\"a\",null],\"mix\":1,"
                      "\"o\":{\"a\":1},\"b\":true,\"dup\":\"x\",\"opened_on\":16314}")
                    EVENT("c", "null",
                          "{\"id\":2,\"num\":2,\"f\":\"NaN\",\"x\":null,\"big\":"
                          "18446744073709551615,\"v\":{\"scale\":1,\"value\":\"ZA==\"},"
                          "\"tags\":[],\"mix\":\"a\",\"o\":null,\"b\":false,\"dup\":\"x\","
                          "\"opened_on\":-5}") "{\"ts_ms\":1}\n\n{\"status\":\"BEGIN\",\"id\":"
                                               "\"1\"}\n{\"a\":1}\nbroken\n") == CUP_OK);
    CHECK(strstr(says.at,
                 "6 records of 1 file: 2 row changes, 1 transaction markers, 1 heartbeats, "
                 "1 of no form that infer knows, 1 that are no JSON, 1 tables") != NULL);
    CHECK(wrote("add primaryKey: true to the columns of the key\n"
                "    # never null, never twice in what was inserted: id, opened_on\n"));
    CHECK(strstr(out.at, "replicaIdentity") == NULL);
    CHECK(
        wrote("- {property: sourceName, value: pg}\n      - {property: sourceSchema, value: s}\n"));
    CHECK(wrote("numbers with a point, kept as their digits; it may also be\n"
                "      #   numeric(2,1), wire: decimal_number (decimal.format=NUMERIC), at least "
                "these digits\n      #   double precision (a double"));
    CHECK(
        wrote("- name: num\n        logicalType: string\n        physicalType: text\n"
              "        customProperties:\n          - {property: wire, value: decimal_number}\n"));
    CHECK(
        wrote("- name: f\n        logicalType: number\n        physicalType: double precision\n"));
    CHECK(wrote("2 records, 2 null: no value at all: any type is a guess\n      - name: x\n"));
    CHECK(wrote("some beyond 64 bits"));
    CHECK(wrote("physicalType: numeric\n        customProperties:\n"
                "          - {property: wire, value: decimal_variable}\n"));
    CHECK(wrote("arrays of texts\n      - name: tags\n        logicalType: array\n"
                "        physicalType: text[]\n"));
    CHECK(wrote("values of several kinds, kept as their JSON text\n      - name: mix\n"));
    CHECK(wrote("objects, kept as their JSON text\n      - name: o\n        logicalType: string\n"
                "        physicalType: text\n        customProperties:\n"
                "          - {property: wire, value: json_text}\n"));
    CHECK(wrote("hstore, wire: map (texts by text: hstore.handling.mode=map)\n      - name: hs\n"));
    CHECK(wrote("geometry, wire: geometry (WKB and its reference system)\n      - name: geo\n"));
    CHECK(wrote("physicalType: boolean\n"));
    CHECK(wrote("date, wire: date_days (days since 1970-01-01)\n      - name: opened_on\n"
                "        logicalType: integer\n        physicalType: bigint\n"));
}

#define DUMP(key, value)                                                                           \
    "{\"topic\":\"pg.s.t\",\"partition\":0,\"offset\":1,\"key\":" key ",\"value\":" value "}\n"
#define DUMP_SOURCE                                                                                \
    "\\\"source\\\":{\\\"connector\\\":\\\"postgresql\\\",\\\"name\\\":\\\"pg\\\",\\\"schema\\\":" \
    "\\\"s\\\",\\\"table\\\":\\\"t\\\"}"
#define UPDATE(before)                                                                             \
    DUMP("\"{\\\"b\\\":1,\\\"a\\\":2}\"",                                                          \
         "\"{\\\"op\\\":\\\"u\\\",\\\"before\\\":" before                                          \
         ",\\\"after\\\":{\\\"a\\\":2,\\\"b\\\":1,\\\"photo\\\":"                                  \
         "\\\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\\\"}," DUMP_SOURCE "}\"")
#define WHOLE "{\\\"a\\\":2,\\\"b\\\":1,\\\"photo\\\":\\\"AA==\\\"}"

/* A dump: keys in key order; updates prove the identity; the base64 placeholder proves bytes. */
static void check_dump(void)
{
    CHECK(infer("b.ndjson", UPDATE("null") DUMP("\"{}\"", "null")) == CUP_OK);
    CHECK(wrote("- {property: replicaIdentity, value: default} # 1 updates came without the row"));
    CHECK(
        wrote("- name: b\n        logicalType: integer\n        physicalType: bigint\n"
              "        primaryKey: true\n        primaryKeyPosition: 1\n        required: true\n"));
    CHECK(wrote("primaryKeyPosition: 2\n"));
    CHECK(wrote("as only bytes have it\n      - name: photo\n        logicalType: string\n"
                "        physicalType: bytea\n"));
    CHECK(strstr(says.at, "1 tombstones") != NULL);
    CHECK(infer("c.ndjson", UPDATE(WHOLE)) == CUP_OK);
    CHECK(wrote("- {property: replicaIdentity, value: full} # 1 updates came with the whole row"));
    CHECK(infer("c.ndjson", UPDATE(WHOLE) UPDATE("null")) == CUP_OK); /* changed on the way */
    CHECK(wrote("value: default} # 1 updates came without"));
}

#define SCHEMA_EVENT(fields, after)                                                                \
    "{\"schema\":" ENVELOPE(fields) ",\"payload\":{\"op\":\"c\",\"before\":null,\"after\":" after  \
                                    "," SOURCE "}}\n"

/* Embedded schemas: exact; a column that changed has the type that holds all. */
static void check_schemas(void)
{
    CHECK(infer("d.ndjson", SCHEMA_EVENT(INT64("id") "," DECIMAL("d", "18", "2") "," DECIMAL(
                                             "e", "9", "5") "," STRING("old"),
                                         "{\"id\":1,\"d\":\"AA==\",\"old\":null}")
                                SCHEMA_EVENT(INT64("id") "," DECIMAL("d", "18", "4") "," DECIMAL(
                                                 "e", "18", "2") "," INT32("new"),
                                             "{\"id\":1,\"d\":\"AA==\",\"new\":1}")) == CUP_OK);
    CHECK(wrote("2 records with embedded schemas, which say all types."));
    CHECK(wrote("- name: id\n        logicalType: integer\n        physicalType: bigint\n"
                "        required: true\n"));
    CHECK(
        wrote("# was decimal(18,2) earlier in these records; this type holds both\n"
              "      - name: d\n        logicalType: number\n        physicalType: numeric(20,4)\n"
              "        required: true\n        customProperties:\n"
              "          - {property: wire, value: decimal_base64}\n"));
    CHECK(wrote("physicalType: numeric(21,5)\n"));
    CHECK(wrote("# not in the last schema: dropped at the source\n      - name: old\n"));
    CHECK(wrote("# not in all schemas of these records: added at the source\n      - name: new\n"
                "        logicalType: integer\n        physicalType: integer\n"));
    CHECK(strstr(strstr(out.at, "name: new"), "required") == NULL);
    CHECK(infer("d.ndjson", SCHEMA_EVENT(SEMANTIC("int64", "io.debezium.time.Nobody", "q"),
                                         "{\"q\":1}")) == CUP_BAD_CONFIG);
    CHECK(strstr(says.at, "table s.t is left out: column \"q\" has the type int64") != NULL);
}

#define COLUMN(name, type) "- name: " name "\n        logicalType: " type "\n        physicalType: "
#define KEY_COLUMN(name)                                                                           \
    COLUMN(name, "integer") "bigint\n        primaryKey: true\n        primaryKeyPosition: 1\n"

/* One record of each format: names, key, columns; nothing that is metadata. */
static void check_formats(void)
{
    CHECK(infer_as(
              "f.ndjson", CUP_FORMAT_FLATTENED,
              DUMP("\"{\\\"id\\\":1}\"", "\"{\\\"id\\\":1,\\\"v\\\":true,\\\"__op\\\":\\\"c\\\","
                                         "\\\"__deleted\\\":\\\"false\\\"}\"")
                  DUMP("\"{\\\"id\\\":2}\"", "\"{\\\"id\\\":2,\\\"v\\\":\\\"\\\",\\\"__deleted\\\":"
                                             "\\\"true\\\"}\"")) == CUP_OK);
    CHECK(wrote("- {property: sourceName, value: pg}\n      - {property: sourceSchema, value: s}\n"
                "      - {property: topic, value: pg.s.t} # its records do not name the table\n"));
    CHECK(wrote(KEY_COLUMN("id")));
    CHECK(
        wrote("1 record: booleans\n      " COLUMN("v", "boolean"))); /* the filler did not count */
    CHECK(strstr(out.at, "name: __") == NULL && strstr(out.at, "replicaIdentity") == NULL);
    CHECK(infer_as("g.ndjson", CUP_FORMAT_FLATTENED,
                   "{\"id\":1,\"__table\":\"t\",\"__db\":\"shop\",\"__name\":\"my\"}\n") == CUP_OK);
    CHECK(wrote("sourceDatabase, value: shop}") && strstr(out.at, "property: topic") == NULL);
    CHECK(infer_as("g.ndjson", CUP_FORMAT_FLATTENED,
                   "{\"schema\":{\"type\":\"struct\",\"fields\":[" INT64("id") "," STRING(
                       "__op") "]},\"payload\":{\"id\":1,\"__op\":\"c\",\"__table\":\"t\"}}\n") ==
          CUP_OK);
    CHECK(wrote("which say all types") &&
          wrote(COLUMN("id", "integer") "bigint\n        required"));
    CHECK(strstr(out.at, "name: __") == NULL && strstr(out.at, "\"__op\"") == NULL);
    CHECK(infer_as("plain.ndjson", CUP_FORMAT_UPSERT, "{\"id\":1,\"__op\":\"d\"}\n") == CUP_OK);
    CHECK(wrote("sourceSchema, value: default} # the records name none: choose\n"
                "      - {property: topic, value: plain.ndjson}"));
    CHECK(wrote("name: \"__op\"\n")); /* a column like any other */
    CHECK(infer_as("h.ndjson", CUP_FORMAT_CLOUDEVENTS,
                   "{\"specversion\":\"1.0\",\"iodebeziumop\":\"c\",\"iodebeziumname\":\"pg\","
                   "\"iodebeziumschema\":\"s\",\"iodebeziumtable\":\"t\",\"data\":{\"before\":null,"
                   "\"after\":{\"id\":1}}}\n") == CUP_OK);
    CHECK(wrote("id: pg-s-t\n") && wrote(COLUMN("id", "integer")));
    CHECK(infer_as("i.ndjson", CUP_FORMAT_MAXWELL,
                   "{\"database\":\"shop\",\"table\":\"t\",\"type\":\"insert\",\"ts\":1,"
                   "\"primary_key_columns\":[\"id\"],\"data\":{\"id\":1}}\n"
                   "{\"database\":\"shop\",\"table\":\"t\",\"type\":\"table-alter\",\"def\":{}}\n"
                   "{\"database\":\"shop\",\"table\":\"t\",\"type\":\"delete\",\"ts\":1,"
                   "\"primary_key_columns\":[\"id\"],\"data\":{\"id\":1,\"gone\":1}}\n") == CUP_OK);
    CHECK(wrote("sourceDatabase, value: shop}") && wrote(KEY_COLUMN("id")));
    CHECK(strstr(says.at, ": 2 row changes, 1 schema changes, 1 tables") != NULL);
    CHECK(strstr(out.at, "name: gone") == NULL); /* what a delete shows is no row */
    CHECK(infer_as(
              "j.ndjson", CUP_FORMAT_CANAL,
              "{\"database\":\"shop\",\"table\":\"t\",\"isDdl\":false,\"type\":\"INSERT\",\"es\":1,"
              "\"pkNames\":[\"id\"],\"data\":[{\"id\":\"1\"},{\"id\":\"2\"}]}\n") == CUP_OK);
    CHECK(wrote("from 2 records: texts; it may also be\n"));
    CHECK(infer_as(
              "k.ndjson", CUP_FORMAT_DMS,
              "{\"data\":{\"id\":1},\"metadata\":{\"record-type\":\"data\",\"operation\":\"load\","
              "\"schema-name\":\"S\",\"table-name\":\"T\"}}\n") == CUP_OK);
    CHECK(wrote("sourceSchema, value: S}") && wrote("# - {property: missing, value: \"null\"}"));
    CHECK(
        infer_as("l.ndjson", CUP_FORMAT_GOLDENGATE,
                 "{\"table\":\"CDB.S.T\",\"op_type\":\"U\",\"pos\":\"1\",\"primary_keys\":[\"ID\"],"
                 "\"before\":{\"ID\":1},\"after\":{\"ID\":1}}\n") == CUP_OK);
    CHECK(wrote("sourceSchema, value: CDB.S}") && wrote("- name: T\n") && wrote(KEY_COLUMN("ID")));
    CHECK(infer_as(
              "m.ndjson", CUP_FORMAT_MONGODB,
              "{\"op\":\"c\",\"source\":{\"connector\":\"mongodb\",\"name\":\"m\",\"db\":\"d\","
              "\"collection\":\"t\"},\"after\":\"{\\\"_id\\\":1,\\\"v\\\":true}\"}\n") == CUP_OK);
    CHECK(wrote("sourceDatabase, value: d}") && wrote(COLUMN("v", "boolean")));
}

/* The folder is a pipeline; its contracts are read without a complaint; nothing is overwritten. */
static void check_folder(void)
{
    const char               *path = fixture_file(&keep, folder, "e.ndjson", UPDATE("null"));
    char                      pipeline[512];
    struct cup_infer          job = {.keep          = &keep,
                                     .patterns      = &path,
                                     .pattern_count = 1,
                                     .source        = "core",
                                     .record_max    = 1,
                                     .out           = pipeline};
    struct cup_contract_file *files;
    uint32_t                  count;

    snprintf(pipeline, sizeof(pipeline), "%s/pipe", folder);
    CHECK(cup_infer_run(&job, &out, &says) == CUP_OK);
    cup_text_clear(&says);
    CHECK(cup_contract_read(&keep, pipeline, &files, &count, &says) == CUP_OK);
    CHECK(count == 1 && files[0].table_count == 1 && says.bytes == 0);
    CHECK(files[0].tables[0].table.key_count == 2);
    CHECK(*files[0].tables[0].table.source_name == '\0'); /* pipeline.yaml says it */
    CHECK(cup_infer_run(&job, &out, &says) == CUP_BAD_CONFIG);
    CHECK(fixture_said(&says, "s.t.odcs.yaml: File exists; remove it, or choose another folder"));
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    keep   = fixture_keep();
    folder = fixture_folder(&keep);
    check_looks();
    check_physical();
    check_ndjson();
    check_dump();
    check_schemas();
    check_formats();
    check_folder();
    fixture_remove(folder);
    cup_text_free(&says);
    cup_text_free(&out);
    cup_keep_close(&keep);
    return 0;
}
