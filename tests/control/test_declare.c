// SPDX-License-Identifier: Apache-2.0
/* Goal:   what a contract says of a column's values becomes its option, only where it means
 *         something; what nobody could tell from NULL must be accepted in words.
 * Method: a table of type, property and word. */
#include "control/contract/declare.h"

#include "control/contract/sqltype.h"
#include "tests/control/fixture.h"

static const struct {
    const char *physical, *wire, *property, *word;
    int64_t     options; /* added; -1: refused */
} cases[] = {
    {"bigint unsigned", NULL, "unsigned", "wrapped", CUP_MEMBER_UNSIGNED_WRAPPED},
    {"bigint unsigned", NULL, "unsigned", "exact", 0},
    {"bigint", NULL, "unsigned", "wrapped", -1},
    {"int unsigned", NULL, "unsigned", "wrapped", -1},
    {"boolean", NULL, "boolAsInt", "nonzero", CUP_MEMBER_BOOL_NONZERO},
    {"boolean", NULL, "boolAsInt", "strict", CUP_MEMBER_BOOL_STRICT},
    {"boolean", NULL, "boolAsInt", "yes", -1},
    {"smallint", NULL, "boolAsInt", "strict", -1},
    {"date", "date_days", "zeroDate", "epoch_is_null", CUP_MEMBER_ZERO_IS_NULL},
    {"timestamp", "timestamp_ns", "truncate", "ns", CUP_MEMBER_TRUNCATE_NS},
    {"timestamptz", NULL, "truncate", "ns", CUP_MEMBER_TRUNCATE_NS},
    {"timestamp[]", "timestamp_us", "range", "null", CUP_MEMBER_RANGE_NULL},
    {"timestamp", "timestamp_ns", "range", "checked_at_source", CUP_MEMBER_RANGE_CHECKED},
    {"interval", "duration_us", "range", "clamp", CUP_MEMBER_RANGE_CLAMP},
    {"interval", "interval_iso", "range", "clamp", -1},
    {"time", "time_us", "range", "quarantine", 0},
    {"text", NULL, "range", "null", -1},
    {"bigint", NULL, "range", "null", -1},
    {"numeric(9,2)", "decimal_text", "notFinite", "null", CUP_MEMBER_NOT_FINITE_NULL},
    {"numeric", "decimal_variable", "notFinite", "lost", 0},
    {"text", NULL, "notFinite", "null", -1},
    {"date", "date_days", "oldDates", "quarantine", CUP_MEMBER_OLD_DATES_QUARANTINE},
    {"text", NULL, "nullDefault", "replaced", CUP_MEMBER_NULL_HAS_DEFAULT},
    {"text", NULL, "nullDefault", "kept", 0},
    {"bytea", "bytes_base64url", "toastNull", "accept", CUP_MEMBER_NULL_MAY_BE_UNSET},
    {"text", NULL, "nobodysProperty", "any", 0},
    {"text", NULL, "nullDefault", NULL, 0},
};

static struct cup_shape_type type_of(const char *physical, const char *wire)
{
    const struct cup_sqltype_hints hints = {.wire = wire};
    struct cup_text                says  = {0};
    struct cup_shape_type          is;

    CHECK(cup_sqltype_parse(physical, &hints, &is, &says));
    cup_text_free(&says);
    return is;
}

static void check_words(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cup_text       says   = {0};
        struct cup_shape_type is     = type_of(cases[i].physical, cases[i].wire);
        uint32_t              before = is.options;
        bool good = cup_declare_apply(cases[i].property, cases[i].word, &is, &says);
        CHECK(good == (cases[i].options >= 0));
        CHECK(good == (says.bytes == 0));
        CHECK(is.options == (good ? before | (uint32_t)cases[i].options : before));
        cup_text_free(&says);
    }
}

static void check_sentences(void)
{
    struct cup_shape_type is   = type_of("timestamp", "timestamp_us");
    struct cup_text       says = {0};

    CHECK(!cup_declare_apply("range", "nul", &is, &says));
    CHECK(fixture_said(&says, "range: \"nul\" is not known; allowed: quarantine (a time outside"));
    CHECK(!cup_declare_apply("unsigned", "wrapped", &is, &says));
    CHECK(fixture_said(&says, "unsigned is for bigint unsigned"));
}

/* Encodings whose placeholder cannot be seen. */
static void check_hidden(void)
{
    static const struct {
        const char *physical, *wire;
        bool        hidden;
    } columns[] = {
        {"bytea", "bytes_base64url", true},
        {"bytea", "bytes_base64", false},
        {"bytea", "bytes_hex", false},
        {"blob", "bytes_base64url", false},
        {"bytea[]", "bytes_hex", true},
        {"bytea[]", "bytes_base64", false},
        {"numeric", "decimal_variable", true},
        {"numeric", "decimal_number", true},
        {"numeric", "decimal_text", false},
        {"numeric(9,2)", "decimal_number", false},
        {"double precision[]", NULL, true},
        {"double precision", NULL, false},
        {"date[]", "date_connect", true},
        {"date[]", "date_days", false},
        {"decimal(65,30)", "decimal_number", false},
    };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        struct cup_shape_type is   = type_of(columns[i].physical, columns[i].wire);
        struct cup_text       says = {0};
        CHECK(cup_declare_check(columns[i].physical, &is, &says) == !columns[i].hidden);
        CHECK((says.bytes > 0) == columns[i].hidden);
        cup_text_free(&says);
        is.options |= CUP_MEMBER_NULL_MAY_BE_UNSET;
        CHECK(cup_declare_check(columns[i].physical, &is, &says));
    }
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    check_words();
    check_sentences();
    check_hidden();
    return 0;
}
