// SPDX-License-Identifier: Apache-2.0
/* Goal:   a value of a contract becomes exactly the number that the column would hold, or the next
 *         one that makes the comparison the same; what is none is refused.
 * Method: texts with the number worked out by hand; for multiples every small value is tried
 * against the definition in fractions. */
#include "control/contract/bound.h"

#include "tests/check.h"

static struct cup_text says;

static const struct cup_shape_type cents = {
    .type = CUP_TYPE_DECIMAL, .precision = 10, .scale = 2, .encoding = CUP_ENCODING_DECIMAL_TEXT};
static const struct cup_shape_type whole = {.type = CUP_TYPE_LONG, .encoding = CUP_ENCODING_INT64};
static const struct cup_shape_type clock = {.type     = CUP_TYPE_LONG,
                                            .encoding = CUP_ENCODING_TIME_US};
static const struct cup_shape_type day   = {.type     = CUP_TYPE_DATE,
                                            .encoding = CUP_ENCODING_DATE_DAYS};
static const struct cup_shape_type instant = {.type     = CUP_TYPE_TIMESTAMP,
                                              .encoding = CUP_ENCODING_TIMESTAMP_ZONED};
static const struct cup_shape_type local   = {.type     = CUP_TYPE_TIMESTAMP_NTZ,
                                              .encoding = CUP_ENCODING_TIMESTAMP_US};
static const struct cup_shape_type truth   = {.type = CUP_TYPE_BOOL, .encoding = CUP_ENCODING_BOOL};
static const struct cup_shape_type real    = {.type     = CUP_TYPE_DOUBLE,
                                              .encoding = CUP_ENCODING_DOUBLE};
static const struct cup_shape_type text    = {.type     = CUP_TYPE_STRING,
                                              .encoding = CUP_ENCODING_STRING};
static const struct cup_shape_type bytes   = {.type     = CUP_TYPE_BINARY,
                                              .encoding = CUP_ENCODING_BYTES_HEX};

static cup_i128 number(const struct cup_catalog_value *value)
{
    cup_i128 is;

    memcpy(&is, value->words, sizeof is);
    return is;
}

static void check_numbers(void)
{
    static const struct {
        const struct cup_shape_type *is;
        const char                  *text;
        enum cup_bound_round         round;
        int64_t                      number;
    } cases[] = {
        {&cents, "12.5", CUP_BOUND_EXACT, 1250},
        {&cents, "-12.50", CUP_BOUND_EXACT, -1250},
        {&cents, "1e3", CUP_BOUND_EXACT, 100000},
        {&cents, "0.005", CUP_BOUND_UP, 1},
        {&cents, "0.005", CUP_BOUND_DOWN, 0},
        {&cents, "-0.005", CUP_BOUND_UP, 0},
        {&cents, "-0.005", CUP_BOUND_DOWN, -1},
        {&cents, "0.0100", CUP_BOUND_EXACT, 1},
        {&whole, "7", CUP_BOUND_EXACT, 7},
        {&whole, "7.0", CUP_BOUND_EXACT, 7},
        {&whole, "7.1", CUP_BOUND_UP, 8},
        {&whole, "7.1", CUP_BOUND_DOWN, 7},
        {&whole, "-7.1", CUP_BOUND_UP, -7},
        {&whole, "-7.1", CUP_BOUND_DOWN, -8},
        {&day, "1970-01-02", CUP_BOUND_EXACT, 1},
        {&day, "1969-12-31", CUP_BOUND_UP, -1},
        {&clock, "00:00:01", CUP_BOUND_EXACT, 1000000},
        {&clock, "12:30", CUP_BOUND_EXACT, 45000000000},
        {&instant, "1970-01-01T01:00:00+01:00", CUP_BOUND_EXACT, 0},
        {&instant, "1970-01-01 00:00:01", CUP_BOUND_EXACT, 1000000},
        {&instant, "1970-01-02", CUP_BOUND_EXACT, 86400000000},
        {&local, "1970-01-01T00:00:00.000001", CUP_BOUND_EXACT, 1},
        {&truth, "true", CUP_BOUND_EXACT, 1},
        {&truth, "false", CUP_BOUND_EXACT, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cup_catalog_value value;
        bool good = cup_bound_read(cases[i].is, cases[i].text, cases[i].round, &value, &says);
        if (!good || number(&value) != cases[i].number) fprintf(stderr, "%s\n", cases[i].text);
        CHECK(good && number(&value) == cases[i].number && value.text_bytes == 0);
    }
}

static void check_others(void)
{
    const cup_i128           largest = (cup_i128)INT64_MAX << 64 | (cup_i128)UINT64_MAX;
    struct cup_catalog_value value;
    double                   is;

    CHECK(cup_bound_read(&cents, "1e40", CUP_BOUND_DOWN, &value, &says));
    CHECK(number(&value) == largest); /* no column has it: a maximum that all keep */
    CHECK(cup_bound_read(&cents, "-1e40", CUP_BOUND_UP, &value, &says));
    CHECK(number(&value) == -largest);
    CHECK(cup_bound_read(&cents, "99999999999999999999999999999999.99", CUP_BOUND_EXACT, &value,
                         &says));
    cup_i128 power = 1;
    for (int i = 0; i < 34; i++)
        power *= 10;
    CHECK(number(&value) == power - 1);
    CHECK(cup_bound_read(&real, "1e-3", CUP_BOUND_UP, &value, &says));
    memcpy(&is, value.words, sizeof is);
    CHECK(is == 0.001);
    CHECK(cup_bound_read(&text, "a b", CUP_BOUND_EXACT, &value, &says));
    CHECK(value.text_bytes == 3 && strcmp(value.text, "a b") == 0);
}

static void check_refused(void)
{
    static const struct {
        const struct cup_shape_type *is;
        const char                  *text, *said;
    } cases[] = {
        {&cents, "0.005", "has more fraction digits than the column (2)"},
        {&cents, "x", "is no number"},
        {&cents, "", "is no number"},
        {&whole, "0x10", "is no number"},
        {&day, "2024-13-01", "is no date; allowed: YYYY-MM-DD"},
        {&clock, "25:00", "is no time; allowed: HH:MM:SS"},
        {&instant, "yesterday", "is no timestamp"},
        {&truth, "yes", "is no truth value"},
        {&real, "1e999", "is no number"},
        {&bytes, "00", "cannot be compared with values of this column's type: binary"},
    };
    struct cup_catalog_value value;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cup_text_clear(&says);
        CHECK(!cup_bound_read(cases[i].is, cases[i].text, CUP_BOUND_EXACT, &value, &says));
        if (strstr(says.at, cases[i].said) == NULL) fprintf(stderr, "said: %s\n", says.at);
        CHECK(strstr(says.at, cases[i].said) != NULL);
    }
    CHECK(!cup_bound_multiple(&cents, "0", &value, &says));
    CHECK(!cup_bound_multiple(&cents, "-5", &value, &says));
    CHECK(!cup_bound_multiple(&cents, "1e-400", &value, &says));
    CHECK(!cup_bound_multiple(&real, "0.5", &value, &says));
    CHECK(!cup_bound_multiple(&day, "2", &value, &says));
}

/* v/100 is a multiple of t/1000 exactly when 10 v % t == 0. */
static void check_multiples(void)
{
    char                     written[32];
    struct cup_catalog_value value;

    for (int t = 1; t < 400; t++) {
        snprintf(written, sizeof written, "%d.%03d", t / 1000, t % 1000);
        CHECK(cup_bound_multiple(&cents, written, &value, &says));
        for (int v = -500; v <= 500; v++)
            CHECK((v % (int)number(&value) == 0) == (10 * v % t == 0));
    }
    CHECK(cup_bound_multiple(&whole, "5", &value, &says) && number(&value) == 5);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    check_numbers();
    check_others();
    check_refused();
    check_multiples();
    cup_text_free(&says);
    return 0;
}
