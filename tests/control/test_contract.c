// SPDX-License-Identifier: Apache-2.0
/* Goal:   a contract becomes a table with the names, types, keys and images that it says; each
 *         mistake is told with file, line, key and what is allowed.
 * Method: one full contract; then the same frame with one mistake each. */
#include "control/contract/contract.h"

#include "tests/control/fixture.h"

#define HEAD                                                                                       \
    "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\nschema:\n"
#define TABLE  "  - name: account\n    physicalName: bank.account\n    properties:\n"
#define COLUMN "      - {name: id, physicalType: bigint, primaryKey: true}\n"

static struct cup_keep keep;
static struct cup_text says;
static const char     *folder;

static enum cup_err load_as(const char *file, const char *text, struct cup_catalog *catalog)
{
    char path[512], name[128];

    snprintf(path, sizeof(path), "%s/%s", folder, "c");
    snprintf(name, sizeof(name), "c/contracts/%s", file);
    const char *written = fixture_file(&keep, folder, name, text);
    *catalog            = fixture_catalog(&keep);
    catalog->source     = "core";
    enum cup_err err    = cup_contract_load(catalog, cup_keep_string(&keep, path), &says);
    CHECK(unlink(written) == 0);
    return err;
}

static enum cup_err load(const char *text, struct cup_catalog *catalog)
{
    return load_as("a.odcs.yaml", text, catalog);
}

static void check_full(void)
{
    struct cup_catalog catalog;

    CHECK(load(HEAD "  - name: account\n    description: all accounts\n    customProperties:\n"
                    "      - {property: sourceSchema, value: bank}\n"
                    "      - {property: sourceTable, value: acc.ount}\n"
                    "      - {property: sourceDatabase, value: db}\n"
                    "      - {property: sourceName, value: pg}\n"
                    "      - {property: replicaIdentity, value: full}\n"
                    "      - {property: images, value: both}\n"
                    "      - {property: retention, value: 7 years}\n"
                    "    properties:\n"
                    "      - name: part\n        physicalType: integer\n        primaryKey: true\n"
                    "        primaryKeyPosition: 2\n"
                    "      - name: number\n        physicalName: acc no\n"
                    "        physicalType: bigint\n        logicalType: integer\n"
                    "        primaryKey: true\n        primaryKeyPosition: 1\n"
                    "        required: true\n        description: the number\n"
                    "      - name: balance\n        physicalType: numeric(18,2)\n"
                    "        customProperties: [{property: wire, value: decimal_base64}]\n"
                    "      - {name: _op, physicalType: text}\n",
               &catalog) == CUP_OK);
    CHECK(catalog.table_count == 1 && catalog.contract_count == 1);
    const struct cup_catalog_table *table = &catalog.tables[0];
    CHECK(strcmp(table->source_schema, "bank") == 0 &&
          strcmp(table->source_table, "acc.ount") == 0);
    CHECK(strcmp(table->source_db, "db") == 0 && strcmp(table->source_name, "pg") == 0);
    CHECK(strcmp(table->path, "default/silver/core/bank/acc.ount") == 0);
    CHECK(strcmp(table->description, "all accounts") == 0 && table->key_count == 2);
    CHECK(table->images == CUP_IMAGES_FULL && table->write_before && table->contracted);
    CHECK(table->column_count == 4 && table->columns[0].key_place == 2);
    CHECK(table->columns[1].key_place == 1 && table->columns[1].required);
    CHECK(strcmp(table->columns[1].name, "number") == 0);
    CHECK(strcmp(table->columns[1].member, "acc no") == 0);
    CHECK(strcmp(table->columns[1].comment, "the number") == 0);
    CHECK(table->columns[2].is.precision == 18 && table->columns[2].is.wire_scale == 2);
    CHECK(strcmp(table->columns[3].name, "_op_") == 0);
    CHECK(strcmp(table->columns[3].member, "_op") == 0);
    CHECK(table->columns[3].is.unavailable == 0); /* full images: every value is sent */
}

static void check_defaults(void)
{
    struct cup_catalog catalog;

    CHECK(load(HEAD TABLE COLUMN "      - {name: note, physicalType: text}\n", &catalog) == CUP_OK);
    CHECK(strcmp(catalog.tables[0].source_schema, "bank") == 0);
    CHECK(strcmp(catalog.tables[0].source_table, "account") == 0);
    CHECK(catalog.tables[0].images == CUP_IMAGES_KEY_ONLY && !catalog.tables[0].write_before);
    CHECK(catalog.tables[0].columns[0].key_place == 1 && !catalog.tables[0].columns[0].required);
    CHECK(catalog.tables[0].columns[1].is.unavailable == 1);
    CHECK(load(HEAD TABLE "      - {name: note, physicalType: text}\n", &catalog) == CUP_OK);
    CHECK(catalog.tables[0].images == CUP_IMAGES_FULL); /* no key: only rows can be named */
    CHECK(cup_contract_load(&catalog, folder, &says) == CUP_OK); /* no folder contracts */
}

#define PART(rest) "      - {name: part, physicalType: text, primaryKey: true, " rest "}\n"

static void check_partitions(void)
{
    struct cup_catalog catalog;

    CHECK(load(HEAD TABLE COLUMN, &catalog) == CUP_OK && catalog.tables[0].partition_count == 0);
    CHECK(load(HEAD TABLE COLUMN PART("partitioned: true"), &catalog) == CUP_OK);
    CHECK(catalog.tables[0].partition_count == 1);
    CHECK(strcmp(catalog.tables[0].partitions[0], "part") == 0);
    CHECK(load(HEAD TABLE COLUMN PART("partitioned: false, partitionKeyPosition: 1"), &catalog) ==
          CUP_OK);
    CHECK(catalog.tables[0].partition_count == 0);
    CHECK(load(HEAD "  - name: account\n    physicalName: bank.account\n    customProperties:\n"
                    "      - {property: partitionBy, value: _date}\n    properties:\n"
                    "      - {name: a b, physicalType: bigint, primaryKey: true, "
                    "partitioned: true, partitionKeyPosition: 9}\n"
                    "      - {name: _date, physicalType: date, primaryKey: true, "
                    "partitioned: true, partitionKeyPosition: 2, "
                    "customProperties: [{property: wire, value: date_days}]}\n",
               &catalog) == CUP_OK);
    CHECK(catalog.tables[0].partition_count == 3);
    CHECK(strcmp(catalog.tables[0].partitions[0], "_date") == 0);
    CHECK(strcmp(catalog.tables[0].partitions[1], "_date_") == 0); /* the source's own */
    CHECK(strcmp(catalog.tables[0].partitions[2], "a_b") == 0);
}

static void check_partition_mistakes(void)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {HEAD TABLE COLUMN "      - {name: a, physicalType: text, partitioned: true}\n",
         "a.odcs.yaml:11: partitioned: the column is not in the key"},
        {HEAD TABLE COLUMN PART("partitioned: maybe"), ":11: partitioned: is no truth value"},
        {HEAD TABLE COLUMN PART("partitioned: true, partitionKeyPosition: x"),
         ":11: partitionKeyPosition: is no place; allowed: 1, 2, 3"},
        {HEAD TABLE COLUMN PART(
             "partitioned: true") "      - {name: q, physicalType: text, primaryKey: true, "
                                  "partitioned: true, partitionKeyPosition: 1}\n",
         ":12: partitionKeyPosition: two columns have one place"},
        {HEAD TABLE
         "      - {name: a, physicalType: double precision, primaryKey: true, partitioned: true}\n",
         ":10: partitioned: not all engines read partition values of this type; allowed: "},
        {HEAD TABLE "      - {name: a, physicalType: bigint, primaryKey: true, partitioned: true, "
                    "physicalName: long}\n"
                    "      - {name: "
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, "
                    "physicalType: bigint, primaryKey: true, partitioned: true}\n",
         ":11: partitioned: the column's name is too long"},
        {HEAD "  - name: t\n    physicalName: s.t\n    customProperties:\n"
              "      - {property: partitionBy, value: _day}\n    properties:\n" COLUMN,
         ":10: partitionBy: \"_day\" is not known; allowed: _date"},
        {HEAD TABLE
         "      - {name: a, physicalType: bigint, primaryKey: true, partitioned: true}\n"
         "      - {name: b, physicalType: bigint, primaryKey: true, partitioned: true}\n"
         "      - {name: c, physicalType: bigint, primaryKey: true, partitioned: true}\n"
         "      - {name: d, physicalType: bigint, primaryKey: true, partitioned: true}\n"
         "      - {name: e, physicalType: bigint, primaryKey: true, partitioned: true}\n",
         ":7: partitioned: too many; allowed: 4 partition columns of a table"},
    };
    struct cup_catalog catalog;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(load(cases[i].text, &catalog) == CUP_BAD_CONFIG);
        CHECK(catalog.table_count == 0);
        CHECK(fixture_said(&says, cases[i].said));
    }
    CHECK(load_as("b.yaml", HEAD TABLE COLUMN, &catalog) == CUP_BAD_CONFIG);
    CHECK(fixture_said(&says, "contracts/b.yaml: would not be read; name it so that it ends in"));
    CHECK(load(HEAD TABLE COLUMN TABLE COLUMN, &catalog) == CUP_BAD_CONFIG);
    CHECK(fixture_said(&says, ":11: account: tables bank.account and bank.account would both"));
}

static void check_mistakes(void)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"kind: DataContract\n", "contracts/a.odcs.yaml:1: apiVersion: is missing"},
        {"apiVersion: v2\n", ":1: apiVersion: is another version of the standard; allowed: v3.1.0"},
        {"kind: Contract\n", ":1: kind: is not known; allowed: DataContract"},
        {"apiVersion: v3.1.0\nschem: []\n", ":2: schem: the standard (ODCS v3.1) has no such key "
                                            "here; did you mean schema?; allowed: apiVersion, "},
        {HEAD "  []\n", ": schema: must be a list of tables"},
        {HEAD "  - {name: t, propertys: []}\n", ":7: propertys: the standard"},
        {HEAD "  - {properties: []}\n", ":7: name: is missing"},
        {HEAD TABLE "      []\n", "properties: must be a list of 1 to 2000 columns"},
        {HEAD TABLE "      - {name: a}\n", ":10: physicalType: is missing"},
        {HEAD TABLE "      - {physicalType: text}\n", ":10: name: is missing"},
        {HEAD TABLE "      - {name: a, physicalType: txt}\n",
         ":10: column a: physicalType \"txt\" is not known; allowed: boolean, "},
        {HEAD TABLE "      - {name: a, physicalType: date}\n",
         ":10: column a: date needs customProperties: wire, which says how records carry it; "
         "allowed: date_days (JSON integer, days since 1970-01-01), date_connect ("},
        {HEAD TABLE "      - name: a\n        physicalType: date\n        customProperties:\n"
                    "          - {property: wire, value: days}\n",
         ":13: column a: wire \"days\" is no encoding of date; allowed: date_days"},
        {HEAD TABLE "      - {name: a, physicalType: text, required: yes}\n",
         ":10: required: is no truth value; allowed: true, false"},
        {HEAD TABLE "      - {name: a, physicalType: text, logicalType: text}\n",
         ":10: logicalType: is not known; allowed: string, date"},
        {HEAD TABLE "      - {name: a, physicalType: text, primaryKey: true, "
                    "primaryKeyPosition: 0}\n",
         ":10: primaryKeyPosition: is no place; allowed: 1, 2"},
        {HEAD TABLE COLUMN COLUMN, ":11: columns id and id have one name in the table"},
        {HEAD TABLE COLUMN "      - {name: ID, physicalType: text}\n",
         ":11: columns id and ID have one name in the table"},
        {HEAD TABLE "      - {name: a, physicalType: text, primaryKey: true, "
                    "primaryKeyPosition: 1}\n      - {name: b, physicalType: text, primaryKey: "
                    "true, primaryKeyPosition: 1}\n",
         ":11: columns a and b have one place in the key"},
        {HEAD TABLE "      - {name: a, physicalType: text, customProperties: [{property: wir, "
                    "value: x}]}\n",
         "wir: did you mean wire?"},
        {HEAD TABLE "      - {name: a, physicalType: text, customProperties: [{property: images, "
                    "value: both}]}\n",
         "images: belongs to a table, not to a column"},
        {HEAD "  - name: t\n    customProperties: [{property: replicaIdentity, value: nothing}]\n"
              "    physicalName: s.t\n    properties: [{name: a, physicalType: text}]\n",
         ":8: replicaIdentity: \"nothing\" is not known; allowed: default | full"},
        {HEAD "  - name: t\n    properties: [{name: a, physicalType: text}]\n",
         ":7: t: nothing says which schema it is in; allowed: physicalName: schema.table"},
    };
    struct cup_catalog catalog;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(load(cases[i].text, &catalog) == CUP_BAD_CONFIG);
        CHECK(catalog.table_count == 0);
        CHECK(fixture_said(&says, cases[i].said));
    }
    CHECK(load_as("b.yaml", HEAD TABLE COLUMN, &catalog) == CUP_BAD_CONFIG);
    CHECK(fixture_said(&says, "contracts/b.yaml: would not be read; name it so that it ends in"));
    CHECK(load(HEAD TABLE COLUMN TABLE COLUMN, &catalog) == CUP_BAD_CONFIG);
    CHECK(fixture_said(&says, ":11: account: tables bank.account and bank.account would both"));
}

static void check_no_source(void)
{
    struct cup_catalog catalog = fixture_catalog(&keep);
    char               path[512];

    (void)fixture_file(&keep, folder, "d/contracts/a.odcs.yaml", HEAD TABLE COLUMN);
    snprintf(path, sizeof(path), "%s/d", folder);
    CHECK(cup_contract_load(&catalog, path, &says) == CUP_BAD_CONFIG);
    CHECK(fixture_said(&says, ":7: account: nothing names its source; allowed: source: in"));
}

/* Tools read files of their own: no lake, no catalog, each column beside its node. */
static void check_read(void)
{
    struct cup_contract_file *files;
    uint32_t                  count;
    char                      path[512];

    snprintf(path, sizeof(path), "%s/r", folder);
    const char *a = fixture_file(&keep, folder, "r/contracts/a.odcs.yaml",
                                 HEAD TABLE COLUMN "      - {name: n, physicalType: text}\n");
    const char *b = fixture_file(&keep, folder, "r/contracts/b.odcs.yaml", HEAD "  - {nam: t}\n");
    CHECK(cup_contract_read(&keep, path, &files, &count, &says) == CUP_OK && count == 2);
    CHECK(files[0].table_count == 1 && files[1].table_count == 0);
    const struct cup_contract_table *table   = &files[0].tables[0];
    const struct cup_yaml_node      *columns = cup_yaml_find(table->node, "properties");
    CHECK(table->table.column_count == 2 && columns->count == 2);
    CHECK(strcmp(table->table.columns[1].name, "n") == 0 && columns->children[1]->line == 11);
    CHECK(columns->children[1]->column == 9);
    CHECK(strcmp(files[0].yaml.file, a) == 0);
    CHECK(fixture_said(&says, "b.odcs.yaml:7: nam: the standard (ODCS v3.1) has no such key"));
    CHECK(cup_contract_read(&keep, a, &files, &count, &says) == CUP_OK && count == 1);
    CHECK(unlink(a) == 0 && unlink(b) == 0);
    CHECK(cup_contract_read(&keep, path, &files, &count, &says) == CUP_NOT_FOUND);
    CHECK(fixture_said(&says, "/r: there is no contract"));
    CHECK(cup_contract_read(&keep, a, &files, &count, &says) == CUP_NOT_FOUND);
    CHECK(fixture_said(&says, "a.odcs.yaml: No such file"));
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    keep   = fixture_keep();
    folder = fixture_folder(&keep);
    check_full();
    check_defaults();
    check_partitions();
    check_partition_mistakes();
    check_mistakes();
    check_read();
    check_no_source();
    fixture_remove(folder);
    cup_keep_close(&keep);
    return 0;
}
