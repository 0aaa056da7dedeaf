// SPDX-License-Identifier: Apache-2.0
/* Goal:   each rule of a contract becomes a rule of the catalog and of the plan, with its id and
 * its bound; what cupel does not check is listed; each mistake is told with file, line and key.
 * Method: one table with every way to write a rule; then the same frame with one mistake each;
 *         formats against inet_pton and vectors of their documents. */
#include <arpa/inet.h>

#include "control/contract/contract.h"
#include "control/plan/compile.h"
#include "kernels/pattern/pattern.h"
#include "tests/control/fixture.h"

#define HEAD  "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n"
#define TABLE "schema:\n  - name: account\n    physicalName: bank.account\n"
#define ID    "    properties:\n      - {name: id, physicalType: bigint, primaryKey: true}\n"
#define TEXT  "      - {name: t, physicalType: text, "
#define CENTS                                                                                      \
    "      - {name: c, physicalType: \"numeric(10,2)\", customProperties: [{property: wire, "      \
    "value: "                                                                                      \
    "decimal_text}], "

static struct cup_keep    keep;
static struct cup_text    says;
static const char        *folder;
static struct cup_catalog catalog;

static enum cup_err load(const char *text)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, "c");
    const char *written = fixture_file(&keep, folder, "c/contracts/a.odcs.yaml", text);
    catalog             = fixture_catalog(&keep);
    catalog.source      = "core";
    enum cup_err err    = cup_contract_load(&catalog, cup_keep_string(&keep, path), &says);
    CHECK(unlink(written) == 0);
    if (err != CUP_OK) return err;
    CHECK(says.bytes == 0);
    return CUP_OK;
}

static const struct cup_catalog_rule *rule(const char *id)
{
    const struct cup_catalog_table *table = &catalog.tables[0];

    for (uint32_t i = 0; i < table->rule_count; i++)
        if (strcmp(table->rules[i].id, id) == 0) return &table->rules[i];
    fprintf(stderr, "no rule %s\n", id);
    exit(1);
}

static bool is_listed(const char *what)
{
    for (uint32_t i = 0; i < catalog.unchecked_count; i++)
        if (strstr(catalog.unchecked[i], what) != NULL) return true;
    return false;
}

static void check_columns(void)
{
    CHECK(load(HEAD TABLE ID TEXT
               "required: true, logicalTypeOptions: {minLength: 2, maxLength: 9, pattern: '^a', "
               "format: uuid}, quality: [{metric: invalidValues, mustBe: 0, arguments: "
               "{pattern: b, validValues: [a, 'b', null]}}, {id: filled, metric: "
               "missingValues, mustBeLessThan: 1, arguments: {missingValues: ['', N/A]}}]}\n" CENTS
               "logicalTypeOptions: {minimum: 0.005, exclusiveMinimum: 0.005, maximum: 0.005, "
               "exclusiveMaximum: 0.005, multipleOf: 0.05}, "
               "enum: [{value: 1.5, label: x}, {value: 2}], quality: [{metric: nullValues, "
               "mustBe: 0}]}\n"
               "      - {name: n, physicalType: bigint, logicalTypeOptions: {format: u8}}\n"
               "      - {name: d, physicalType: date, logicalTypeOptions: {minimum: 1970-01-02}, "
               "customProperties: [{property: wire, value: date_days}]}\n"
               "      - {name: l, physicalType: 'text[]', logicalTypeOptions: {minItems: 1, "
               "maxItems: 3, uniqueItems: true}}\n") == CUP_OK);
    CHECK(catalog.tables[0].rule_count == 21 && catalog.unchecked_count == 0);
    CHECK(rule("account.t.required")->kind == CUP_RULE_REQUIRED);
    CHECK(rule("account.t.minLength")->bound.words[0] == 2);
    CHECK(rule("account.t.maxLength")->bound.words[0] == 9);
    CHECK(strcmp(rule("account.t.pattern")->bound.text, "^a") == 0);
    CHECK(strcmp(rule("account.t.pattern.2")->bound.text, "b") == 0);
    CHECK(rule("account.t.format")->kind == CUP_RULE_PATTERN);
    CHECK(rule("account.t.validValues")->value_count == 2); /* NULL keeps every rule */
    CHECK(strcmp(rule("account.t.validValues")->values[1].text, "b") == 0);
    CHECK(rule("account.t.filled")->kind == CUP_RULE_MISSING_VALUES);
    CHECK(rule("account.t.filled")->value_count == 2);
    CHECK(rule("account.c.minimum")->bound.words[0] == 1);          /* >= 0.01 */
    CHECK(rule("account.c.exclusiveMinimum")->bound.words[0] == 0); /* > 0.00 */
    CHECK(rule("account.c.maximum")->bound.words[0] == 0);          /* <= 0.00 */
    CHECK(rule("account.c.exclusiveMaximum")->bound.words[0] == 1); /* < 0.01 */
    CHECK(rule("account.c.multipleOf")->bound.words[0] == 5);
    CHECK(rule("account.c.enum")->values[1].words[0] == 200);
    CHECK(rule("account.c.required")->kind == CUP_RULE_REQUIRED);
    CHECK(catalog.tables[0].columns[2].required);
    CHECK(rule("account.n.format")->bound.words[0] == 0);
    CHECK(rule("account.n.format.2")->bound.words[0] == 255);
    CHECK(rule("account.d.minimum")->bound.words[0] == 1);
    CHECK(rule("account.l.minItems")->bound.words[0] == 1);
    CHECK(rule("account.l.uniqueItems")->kind == CUP_RULE_UNIQUE_ITEMS);
}

static void check_datasets(void)
{
    CHECK(load(HEAD
               "slaProperties:\n  - {property: latency, value: 2, unit: h, element: 'x, "
               "account._ts'}\n  - {property: freshness, value: 3, unit: d, element: "
               "accounts}\n  - {property: retention, value: 3, unit: d}\n" TABLE
               "    customProperties: [{property: onFailure, value: abort}]\n    quality:\n"
               "      - {metric: rowCount, mustBeBetween: [10, 20], customProperties: [{property: "
               "onFailure, value: warn}, {property: minRecords, value: 7}]}\n"
               "      - {metric: invalidValues, unit: percent, mustBeLessThan: 5}\n"
               "      - {id: few, metric: invalidValues, mustBeLessOrEqualTo: 3}\n"
               "      - {metric: rowCount, mustNotBe: 3}\n"
               "      - {metric: rowCount, mustBeGreaterThan: 3, unit: percent}\n"
               "      - {metric: duplicateValues, mustBe: 0}\n"
               "      - {type: custom, engine: x, implementation: y}\n"
               "      - {type: sql, query: q, mustBe: 1}\n"
               "      - {description: all is well}\n" ID) == CUP_OK);
    const struct cup_catalog_table   *table = &catalog.tables[0];
    const struct cup_catalog_dataset *at    = table->datasets;
    CHECK(table->dataset_count == 4 && catalog.unchecked_count == 8);
    CHECK(at[0].kind == CUP_DATASET_FRESHNESS && at[0].most == 7200 && at[0].least < -1e300);
    CHECK(at[0].action == CUP_ACTION_ABORT && strcmp(at[0].id, "account.latency") == 0);
    CHECK(at[1].kind == CUP_DATASET_ROW_COUNT && at[1].least == 10 && at[1].most == 20);
    CHECK(at[1].action == CUP_ACTION_WARN && at[1].records_min == 7);
    CHECK(at[2].kind == CUP_DATASET_FAILURE_RATE && at[2].most < 5 && at[2].most > 4.999);
    CHECK(at[2].action == CUP_ACTION_ABORT && at[2].records_min == 100);
    CHECK(at[3].kind == CUP_DATASET_FAILURES && at[3].most == 3 && at[3].records_min == 0);
    CHECK(strcmp(at[3].id, "account.few") == 0);
    CHECK(is_listed("slaProperties.freshness: element is no table") &&
          is_listed("slaProperties.retention: is no"));
    CHECK(is_listed("a.odcs.yaml:18: account: quality: rowCount of this unit or operator"));
    CHECK(is_listed("quality: duplicateValues of this unit") &&
          is_listed("quality of type custom"));
    CHECK(is_listed("quality of type sql") && is_listed("quality of type text"));
}

static void check_listed(void)
{
    CHECK(load(HEAD TABLE "    properties:\n      - {name: id, physicalType: bigint, primaryKey: "
                          "true, unique: true}\n" TEXT
                          "unique: true, logicalTypeOptions: {format: password, timezone: true}, "
                          "quality: [{metric: invalidValues, mustBeLessThan: 5, unit: percent, "
                          "arguments: {validValues: [a]}}, {type: sql, query: q, mustBe: 0}, "
                          "{metric: duplicateValues, mustBe: 0}]}\n"
                          "      - {name: l, physicalType: 'text[]', items: {logicalTypeOptions: "
                          "{maxLength: 3}}}\n") == CUP_OK);
    CHECK(catalog.unchecked_count == 7 && catalog.tables[0].rule_count == 0);
    CHECK(is_listed("a.odcs.yaml:11: account.t: unique: looks at all rows"));
    CHECK(is_listed("account.t: logicalTypeOptions.format: says how"));
    CHECK(is_listed("account.t: timezone") && is_listed("cupel checks mustBe: 0"));
    CHECK(is_listed("account.t: quality of type sql") && is_listed("account.l: items"));
    CHECK(load(HEAD TABLE ID "        \n" TEXT "unique: true, primaryKey: true}\n") == CUP_OK);
    CHECK(is_listed("account.t: unique")); /* half of a key */
}

static void check_mistakes(void)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {TEXT "logicalTypeOptions: {pattern: 'a('}}\n",
         "a.odcs.yaml:11: pattern: column t: is no pattern: missing closing parenthesis at byte 2"},
        {TEXT "logicalTypeOptions: {minimum: 3}}\n",
         "minimum: column t: is no rule for values of its type, string (numbers"},
        {TEXT "logicalTypeOptions: {maxLength: -1}}\n", "maxLength: column t: is no count"},
        {TEXT "logicalTypeOptions: {maxLenght: 1}}\n",
         "maxLenght: the standard (ODCS v3.1) has no such key here; did you mean maxLength?"},
        {TEXT "logicalTypeOptions: {maxItems: 1}}\n", "maxItems: column t: is no rule for"},
        {TEXT "logicalTypeOptions: [a]}\n", "logicalTypeOptions: must be a mapping"},
        {CENTS "logicalTypeOptions: {minimum: x}}\n", "minimum: column c: is no number"},
        {CENTS "logicalTypeOptions: {pattern: x}}\n",
         "pattern: column c: is no rule for values of its type, decimal(10,2)"},
        {CENTS "enum: [{value: 0.001}]}\n", "enum: column c: has more fraction digits"},
        {CENTS "enum: []}\n", "enum: must be a list of 1 to 100000 values"},
        {CENTS "quality: [{metric: nulValues, mustBe: 0}]}\n", "metric: is not known; allowed: "},
        {CENTS "quality: [{metrik: nullValues, mustBe: 0}]}\n", "did you mean metric?"},
        {CENTS "quality: {metric: nullValues}}\n", "quality: must be a list"},
        {CENTS "quality: [{metric: invalidValues, mustBe: 0}]}\n",
         "arguments: says nothing of what is valid"},
        {CENTS "quality: [{metric: missingValues, mustBe: 0}]}\n",
         "arguments: has no list missingValues"},
    };
    static const struct {
        const char *text, *said;
    } tables[] = {
        {"    quality: [{metric: rowCount}]\n", "quality: says nothing of what must be"},
        {"    quality: [{metric: rowCount, mustBe: x}]\n", "mustBe: is no number"},
        {"    quality: [{metric: rowCount, mustBeBetween: [2, 1]}]\n", "the smaller first"},
        {"    quality: [{metric: rowCount, mustBe: 1, customProperties: [{property: onFailure, "
         "value: stop}]}]\n",
         "a.odcs.yaml:9: onFailure: is not known; allowed: warn, pause, abort"},
        {"    quality: [{metric: rowCount, mustBe: 1, customProperties: [{property: minRecords, "
         "value: 1.5}]}]\n",
         "minRecords: is no count"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cup_text text = {0};
        cup_text_printf(&text, "%s%s", HEAD TABLE ID, cases[i].text);
        CHECK(load(text.at) == CUP_BAD_CONFIG && fixture_said(&says, cases[i].said));
        cup_text_free(&text);
    }
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct cup_text text = {0};
        cup_text_printf(&text, "%s%s%s", HEAD TABLE, tables[i].text, ID);
        CHECK(load(text.at) == CUP_BAD_CONFIG && fixture_said(&says, tables[i].said));
        cup_text_free(&text);
    }
    CHECK(load(HEAD "slaProperties: [{property: latency, value: 4, unit: m}]\n" TABLE ID) ==
          CUP_BAD_CONFIG);
    CHECK(fixture_said(&says, "a.odcs.yaml:6: unit: is no unit of time; allowed: s, min, h, d, w"));
    CHECK(load(HEAD "slaProperties: [{property: latency, value: 0, unit: h}]\n" TABLE ID) ==
          CUP_BAD_CONFIG);
    CHECK(fixture_said(&says, "value: is no duration"));
}

/* Rules stand in the plan by column, wherever the contract has them. */
static void check_plan(void)
{
    struct cup_settings settings;
    struct cup_text     blob = {0};
    struct cup_fault    fault;

    CHECK(load(HEAD TABLE "    quality: [{metric: rowCount, mustBe: 4}]\n" ID CENTS
                          "logicalTypeOptions: {minimum: 1}}\n" TEXT
                          "quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: "
                          "[x, yy]}}]}\n") == CUP_OK);
    cup_settings_default(&settings);
    settings.breaker_ppm             = 50000;
    const struct cup_compile compile = {
        .settings = &settings, .lake = "/lake", .catalog = &catalog, .generation = 1};
    CHECK(cup_compile_blob(&compile, &blob, &fault) == CUP_OK);
    const struct cup_plan         *plan  = (const void *)blob.at;
    const struct cup_plan_table   *table = cup_plan_tables(plan);
    const struct cup_plan_rule    *rules = cup_plan_rules(plan, table);
    const struct cup_plan_dataset *sets  = cup_plan_datasets(plan, table);
    CHECK(table->rules.count == 2 && table->datasets.count == 1);
    CHECK(rules[0].column == 1 && rules[0].bound.words[0] == 100);
    CHECK(rules[1].column == 2 && rules[1].values.count == 2);
    CHECK(strcmp(cup_plan_text(plan, cup_plan_values(plan, &rules[1])[1].text), "yy") == 0);
    CHECK(strcmp(cup_plan_text(plan, rules[1].id), "account.t.validValues") == 0);
    CHECK(sets[0].least == 4 && sets[0].most == 4);
    CHECK(plan->breaker.most == 5 && plan->breaker.records_min == 1000);
    CHECK(plan->breaker.action == CUP_ACTION_PAUSE && plan->pause_ns == 300000000000u);
    cup_text_free(&blob);
}

static struct cup_pattern *format(const char *name)
{
    struct cup_pattern *pattern = NULL;
    struct cup_fault    fault;

    for (uint32_t i = 0; i < cup_contract_format_count(); i++) {
        const struct cup_contract_format *row = cup_contract_format_row(i);
        if (strcmp(row->name, name) != 0) continue;
        CHECK(cup_pattern_open(row->pattern, strlen(row->pattern), &pattern, &fault) == CUP_OK);
        return pattern;
    }
    exit(1);
}

static bool matches(struct cup_pattern *pattern, const char *text)
{
    return cup_pattern_match(pattern, (const uint8_t *)text, strlen(text)) == CUP_PATTERN_YES;
}

/* Addresses are what inet_pton takes; texts of random pieces are about as often good as not. */
static void check_addresses(struct cup_rnd *rnd)
{
    static const char *const pieces[] = {"::",      ":",         "1",   "ab",    "FFFF",      "0:0",
                                         "1.2.3.4", "255.0.0.1", "g",   "12345", "256.1.1.1", ".",
                                         "0",       "01.1.1.1",  "::1", "a:b:c"};
    struct cup_pattern      *four = format("ipv4"), *six = format("ipv6");
    uint32_t                 good = 0;
    unsigned char            out[16];
    char                     text[128];

    for (int round = 0; round < 200000; round++) {
        uint32_t count = 1 + cup_rnd_below(rnd, 9);
        text[0]        = '\0';
        for (uint32_t i = 0; i < count; i++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s",
                     i > 0 && cup_rnd_below(rnd, 2) ? ":" : "", pieces[cup_rnd_below(rnd, 16)]);
        bool is_six = inet_pton(AF_INET6, text, out) == 1;
        if (matches(six, text) != is_six) fprintf(stderr, "%s\n", text);
        CHECK(matches(six, text) == is_six);
        CHECK(matches(four, text) == (inet_pton(AF_INET, text, out) == 1));
        good += is_six;
    }
    CHECK(good > 1000);
    cup_pattern_close(four);
    cup_pattern_close(six);
}

static void check_formats(void)
{
    static const struct {
        const char *format, *text;
        bool        good;
    } cases[] = {
        {"uuid", "123e4567-e89b-12d3-a456-426614174000", true},
        {"uuid", "123e4567e89b12d3a456426614174000", false},
        {"uuid", "123e4567-e89b-12d3-a456-42661417400g", false},
        {"email", "a.b+c@example.com", true},
        {"email", "a@b", true}, /* as HTML takes it */
        {"email", "a@@b", false},
        {"email", "a b@c.d", false},
        {"email", "a@-b.c", false},
        {"uri", "https://example.com/a?b=%20#c", true},
        {"uri", "urn:isbn:0", true},
        {"uri", "example.com", false},
        {"uri", "http://a b", false},
        {"uri", "a:%2", false},
        {"hostname", "a-b.example", true},
        {"hostname", "-a.b", false},
        {"hostname", "a..b", false},
        {"byte", "QUI=", true},
        {"byte", "QUI", false},
        {"byte", "", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cup_pattern *pattern = format(cases[i].format);
        if (matches(pattern, cases[i].text) != cases[i].good)
            fprintf(stderr, "%s\n", cases[i].text);
        CHECK(matches(pattern, cases[i].text) == cases[i].good);
        cup_pattern_close(pattern);
    }
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);
    keep               = fixture_keep();
    folder             = fixture_folder(&keep);
    check_columns();
    check_datasets();
    check_listed();
    check_mistakes();
    check_plan();
    check_formats();
    check_addresses(&rnd);
    fixture_remove(folder);
    cup_text_free(&says);
    cup_keep_close(&keep);
    return 0;
}
