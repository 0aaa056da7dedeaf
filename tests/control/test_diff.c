// SPDX-License-Identifier: Apache-2.0
/* Goal:   every kind of change is found, told once, at its line, and classified for whom it breaks;
 *         no change is no change, whatever the order of keys.
 * Method: a pair of contracts for each row of diff.def; every row must have one. */
#include "control/contract/diff.h"

#include <jansson.h>

#include "tests/control/fixture.h"

#define HEAD(more)                                                                                 \
    "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n" more         \
    "schema:\n"
#define TABLE(name) "  - name: " name "\n    physicalName: s." name "\n"
#define COLUMNS     "    properties:\n      - {name: id, physicalType: bigint, primaryKey: true}\n"

#define NAMED(name, rest)       "      - {name: " name ", " rest "}\n"
#define CUSTOM(property, value) "customProperties: [{property: " property ", value: " value "}]"

#define QUALITY(rest) "quality: [{type: library, metric: invalidValues, mustBe: 0, " rest "}]"

static struct cup_keep keep;
static struct cup_text says;
static const char     *folder;
static bool            was_seen[CUP_DIFF_COUNT];

static enum cup_err diff_of(const char *old, const char *new, struct cup_diff *diff)
{
    const char *a = fixture_file(&keep, folder, "a.odcs.yaml", old);
    const char *b = fixture_file(&keep, folder, "b.odcs.yaml", new);

    *diff = (struct cup_diff){.keep = &keep};
    return cup_diff_run(diff, a, b, &says);
}

/* The rest of a column n, before and after. */
#define C(before, after)                                                                           \
    HEAD("") TABLE("t") COLUMNS NAMED("n", before), HEAD("") TABLE("t") COLUMNS NAMED("n", after)
#define T(before, after) HEAD("") TABLE("t") before COLUMNS, HEAD("") TABLE("t") after COLUMNS
#define H(before, after) HEAD(before) TABLE("t") COLUMNS, HEAD(after) TABLE("t") COLUMNS
#define P                CUP_DIFF_PRODUCERS
#define U                CUP_DIFF_CONSUMERS
#define L                CUP_DIFF_LAKE

static const struct {
    enum cup_diff_kind kind;
    uint8_t            breaks;
    const char        *old, *new, *was, *is;
} cases[] = {
    {CUP_DIFF_COLUMN_ADDED, 0, HEAD("") TABLE("t") COLUMNS,
     HEAD("") TABLE("t") COLUMNS NAMED("n", "physicalType: text"), "", "text"},
    {CUP_DIFF_COLUMN_ADDED_REQUIRED, P, HEAD("") TABLE("t") COLUMNS,
     HEAD("") TABLE("t") COLUMNS NAMED("n", "physicalType: text, required: true"), "", "text"},
    {CUP_DIFF_COLUMN_REMOVED, U, HEAD("") TABLE("t") COLUMNS NAMED("n", "physicalType: text"),
     HEAD("") TABLE("t") COLUMNS, "text", ""},
    {CUP_DIFF_COLUMN_RENAMED, U | L, HEAD("") TABLE("t") COLUMNS NAMED("n", "physicalType: text"),
     HEAD("") TABLE("t") COLUMNS NAMED("m", "physicalName: n, physicalType: text"), "n", "m"},
    {CUP_DIFF_TABLE_ADDED, 0, HEAD("") TABLE("t") COLUMNS,
     HEAD("") TABLE("t") COLUMNS TABLE("u") COLUMNS, "", ""},
    {CUP_DIFF_TABLE_REMOVED, U, HEAD("") TABLE("t") COLUMNS TABLE("u") COLUMNS,
     HEAD("") TABLE("t") COLUMNS, "", ""},
    {CUP_DIFF_SOURCE_CHANGED, U | L,
     T("    customProperties: [{property: sourceName, value: a}]\n",
       "    customProperties: [{property: sourceName, value: b}]\n"),
     "a", "b"},
    {CUP_DIFF_MEMBER_CHANGED, P, C("physicalType: text", "physicalType: text, physicalName: q"),
     "n", "q"},
    {CUP_DIFF_TYPE_WIDENED, U | L, C("physicalType: int", "physicalType: bigint"), "int", "bigint"},
    {CUP_DIFF_TYPE_WIDENED, U | L,
     C("physicalType: 'numeric(9,2)', " CUSTOM("wire", "decimal_text"),
       "physicalType: 'numeric(12,4)', " CUSTOM("wire", "decimal_text")),
     "numeric(9,2), wire: decimal_text", "numeric(12,4), wire: decimal_text"},
    {CUP_DIFF_TYPE_NARROWED, P | U | L, C("physicalType: bigint", "physicalType: int"), "bigint",
     "int"},
    {CUP_DIFF_TYPE_CHANGED, P | U | L, C("physicalType: bigint", "physicalType: text"), "bigint",
     "text"},
    {CUP_DIFF_TYPE_SPELLED, 0, C("physicalType: text", "physicalType: varchar(9)"), "text",
     "varchar(9)"},
    {CUP_DIFF_WIRE_CHANGED, P,
     C("physicalType: bytea, " CUSTOM("wire", "bytes_hex"),
       "physicalType: bytea, " CUSTOM("wire", "bytes_base64")),
     "bytea, wire: bytes_hex", "bytea, wire: bytes_base64"},
    {CUP_DIFF_SCALE_CHANGED, P | U,
     C("physicalType: 'numeric(9,2)', " CUSTOM("wire", "decimal_base64"),
       "physicalType: 'numeric(9,2)', customProperties: [{property: wire, value: decimal_base64}, "
       "{property: scale, value: 3}]"),
     "numeric(9,2), wire: decimal_base64", "numeric(9,2), wire: decimal_base64, scale: 3"},
    {CUP_DIFF_REQUIRED_ADDED, P, C("physicalType: text", "physicalType: text, required: true"), "",
     ""},
    {CUP_DIFF_REQUIRED_REMOVED, U,
     C("physicalType: text, required: true", "physicalType: text, required: false"), "", ""},
    {CUP_DIFF_KEY_CHANGED, P | U | L,
     C("physicalType: bigint", "physicalType: bigint, primaryKey: true"), "id", "id, n"},
    {CUP_DIFF_UNIQUE_ADDED, P, C("physicalType: text", "physicalType: text, unique: true"), "", ""},
    {CUP_DIFF_UNIQUE_REMOVED, U, C("physicalType: text, unique: true", "physicalType: text"), "",
     ""},
    {CUP_DIFF_PARTITIONING_CHANGED, L,
     T("", "    customProperties: [{property: partitionBy, value: _date}]\n"), "", "_date"},
    {CUP_DIFF_IDENTITY_STRENGTHENED, P,
     T("", "    customProperties: [{property: replicaIdentity, value: full}]\n"), "default",
     "full"},
    {CUP_DIFF_IDENTITY_WEAKENED, U,
     T("    customProperties: [{property: replicaIdentity, value: full}]\n", ""), "full",
     "default"},
    {CUP_DIFF_IMAGES_CHANGED, U, T("", "    customProperties: [{property: images, value: both}]\n"),
     "after", "both"},
    {CUP_DIFF_RULE_ADDED, P,
     C("physicalType: text", "physicalType: text, logicalTypeOptions: {pattern: a}"), "", "a"},
    {CUP_DIFF_RULE_REMOVED, U,
     C("physicalType: text, " QUALITY("arguments: {validValues: [a]}"), "physicalType: text"),
     "{arguments: {validValues: [a]}, metric: invalidValues, mustBe: 0, type: library}", ""},
    {CUP_DIFF_RULE_CHANGED, P | U,
     C("physicalType: text, " QUALITY("arguments: {validValues: [a]}, unit: rows"),
       "physicalType: text, " QUALITY("arguments: {validValues: [a]}, unit: percent")),
     "rows", "percent"},
    {CUP_DIFF_PATTERN_CHANGED, P | U,
     C("physicalType: text, logicalTypeOptions: {pattern: a}",
       "physicalType: text, logicalTypeOptions: {pattern: b}"),
     "a", "b"},
    {CUP_DIFF_BOUND_TIGHTENED, P,
     C("physicalType: int, logicalTypeOptions: {minimum: 9}",
       "physicalType: int, logicalTypeOptions: {minimum: 10}"),
     "9", "10"},
    {CUP_DIFF_BOUND_TIGHTENED, P,
     C("physicalType: text, logicalTypeOptions: {maxLength: 10}",
       "physicalType: text, logicalTypeOptions: {maxLength: 9}"),
     "10", "9"},
    {CUP_DIFF_BOUND_LOOSENED, U,
     C("physicalType: int, logicalTypeOptions: {maximum: 9}",
       "physicalType: int, logicalTypeOptions: {maximum: 10}"),
     "9", "10"},
    {CUP_DIFF_VALUES_REMOVED, P,
     C("physicalType: text, " QUALITY("arguments: {validValues: [a, b, c]}"),
       "physicalType: text, " QUALITY("arguments: {validValues: [c, a]}")),
     "b", ""},
    {CUP_DIFF_VALUES_ADDED, U,
     C("physicalType: text, " QUALITY("arguments: {validValues: [a]}"),
       "physicalType: text, " QUALITY("arguments: {validValues: [b, a, c]}")),
     "", "b, c"},
    {CUP_DIFF_VALUES_REMOVED, P,
     C("physicalType: text, enum: [{value: a}, {value: b, description: x}]",
       "physicalType: text, enum: [{value: a, description: y}]"),
     "b", ""},
    {CUP_DIFF_RULE_ADDED, P, C("physicalType: text", "physicalType: text, enum: [{value: a}]"), "",
     "[{value: a}]"},
    {CUP_DIFF_CLASSIFICATION_ADDED, 0,
     C("physicalType: text", "physicalType: text, classification: a"), "", "a"},
    {CUP_DIFF_CLASSIFICATION_REMOVED, U,
     C("physicalType: text, classification: a", "physicalType: text"), "a", ""},
    {CUP_DIFF_CLASSIFICATION_CHANGED, U,
     C("physicalType: text, classification: a", "physicalType: text, classification: b"), "a", "b"},
    {CUP_DIFF_MASK_ADDED, U, C("physicalType: text", "physicalType: text, " CUSTOM("mask", "hmac")),
     "", "hmac"},
    {CUP_DIFF_MASK_REMOVED, U,
     C("physicalType: text, " CUSTOM("mask", "hmac"), "physicalType: text"), "hmac", ""},
    {CUP_DIFF_MASK_CHANGED, U,
     C("physicalType: text, " CUSTOM("mask", "hmac"),
       "physicalType: text, " CUSTOM("mask", "keep_last 4")),
     "hmac", "keep_last 4"},
    {CUP_DIFF_SLA_ADDED, 0, H("", "slaProperties: [{property: latency, value: 1, unit: h}]\n"), "",
     "{property: latency, unit: h, value: 1}"},
    {CUP_DIFF_SLA_REMOVED, U, H("slaProperties: [{property: latency, value: 1, unit: h}]\n", ""),
     "{property: latency, unit: h, value: 1}", ""},
    {CUP_DIFF_SLA_CHANGED, U,
     H("slaProperties: [{property: latency, value: 1, unit: h}]\n",
       "slaProperties: [{value: 2, unit: h, property: latency}]\n"),
     "{property: latency, unit: h, value: 1}", "{property: latency, unit: h, value: 2}"},
    {CUP_DIFF_TEAM_CHANGED, 0, H("", "team: {name: a}\n"), "", "{name: a}"},
    {CUP_DIFF_DESCRIPTION_CHANGED, 0,
     C("physicalType: text, description: a", "physicalType: text, description: b"), "a", "b"},
    {CUP_DIFF_OTHER_CHANGED, 0, C("physicalType: text", "physicalType: text, tags: [a]"), "",
     "[a]"},
    {CUP_DIFF_OTHER_CHANGED, 0, C("physicalType: text, tags: [a]", "physicalType: text, tags: [b]"),
     "[a]", "[b]"},
    {CUP_DIFF_READING_CHANGED, P | U,
     T("", "    customProperties: [{property: truncate, value: apply}]\n"), "", "apply"},
    {CUP_DIFF_OTHER_CHANGED, 0, T("", "    customProperties: [{property: note, value: a}]\n"), "",
     "a"},
};
#define CASE_COUNT (sizeof(cases) / sizeof(cases[0]))

static void check_kinds(void)
{
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct cup_diff diff;
        CHECK(diff_of(cases[i].old, cases[i].new, &diff) == CUP_OK);
        const struct cup_diff_change *one  = diff.list;
        bool                          good = diff.count == 1 && one->kind == cases[i].kind &&
                    strcmp(one->was, cases[i].was) == 0 && strcmp(one->is, cases[i].is) == 0 &&
                    cup_diff_row(cases[i].kind)->breaks == cases[i].breaks;
        if (!good) {
            struct cup_text text = {0};
            cup_diff_put_text(&text, &diff);
            fprintf(stderr, "wanted %s\n%s", cup_diff_row(cases[i].kind)->kind, text.at);
        }
        CHECK(good);
        CHECK(diff.breaking_count == (cases[i].breaks != 0));
        was_seen[cases[i].kind] = true;
        CHECK(diff_of(cases[i].new, cases[i].new, &diff) == CUP_OK && diff.count == 0);
    }
}

/* Status and version are keys of the frame. */
static void check_frame(void)
{
    struct cup_diff diff;

    CHECK(diff_of(H("", ""), &diff) == CUP_OK && diff.count == 0);
    CHECK(diff_of("apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 0.9.0\n"
                  "status: draft\nschema:\n" TABLE("t") COLUMNS,
                  HEAD("") TABLE("t") COLUMNS, &diff) == CUP_OK);
    CHECK(diff.count == 2 && diff.breaking_count == 0);
    CHECK(diff.list[0].kind == CUP_DIFF_STATUS_CHANGED && diff.list[0].line == 5);
    CHECK(diff.list[1].kind == CUP_DIFF_VERSION_CHANGED && diff.list[1].line == 4);
    was_seen[CUP_DIFF_STATUS_CHANGED] = was_seen[CUP_DIFF_VERSION_CHANGED] = true;
}

/* A known property that has no kind of its own; places; both formats; what cannot be compared. */
static void check_report(void)
{
    struct cup_diff diff;
    struct cup_text text = {0};

    CHECK(diff_of(C("physicalType: int", "physicalType: bigint, description: d"), &diff) == CUP_OK);
    cup_diff_put_text(&text, &diff);
    CHECK(strstr(text.at,
                 "b.odcs.yaml:11:9: breaking for consumers, lake: t.n type-widened: int -> "
                 "bigint\n    every old value fits") != NULL);
    CHECK(strstr(text.at, "compatible: t.n description-changed description: d\n") != NULL);
    CHECK(strstr(text.at, "\n1 breaking, 1 compatible changes\n") != NULL);
    CHECK(strstr(text.at, "breaking") < strstr(text.at, "compatible:"));
    cup_text_clear(&text);
    cup_diff_put_json(&text, &diff);
    json_t *root = json_loads(text.at, 0, NULL);
    json_t *one  = json_array_get(json_object_get(root, "changes"), 0);
    CHECK(json_array_size(json_object_get(one, "breaks")) == 2);
    CHECK(strcmp(json_string_value(json_object_get(one, "member")), "n") == 0);
    json_decref(root);
    cup_text_free(&text);
    CHECK(diff_of(HEAD("") TABLE("t") COLUMNS, HEAD("") "  - {nam: t}\n", &diff) == CUP_BAD_CONFIG);
    CHECK(fixture_said(&says, "b.odcs.yaml:7: nam: the standard"));
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    keep   = fixture_keep();
    folder = fixture_folder(&keep);
    check_kinds();
    check_frame();
    check_report();
    for (int i = 0; i < CUP_DIFF_COUNT; i++) {
        if (!was_seen[i])
            fprintf(stderr, "no case: %s\n", cup_diff_row((enum cup_diff_kind)i)->kind);
        CHECK(was_seen[i]);
    }
    fixture_remove(folder);
    cup_text_free(&says);
    cup_keep_close(&keep);
    return 0;
}
