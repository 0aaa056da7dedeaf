// SPDX-License-Identifier: Apache-2.0
/* Goal:   a row's partition has the folder and the values that Hive and Delta give it, or a reason
 *         why it has none; equal values have equal keys and others have not.
 * Method: known texts and ends of all types; random texts against a plain reference of the
 * escaping; random days and moments against the C library. */
#include "dataplane/abi/partition.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rnd.h"
#include "tests/check.h"
#include "tests/dataplane/plan_maker.h"

enum { S, I, B, D, Z, L, COLUMNS };

/* One row of all types, and the generated columns behind it. */
struct row {
    struct cup_column columns[COLUMNS + CUP_SILVER_COUNT];
    uint8_t           valid[COLUMNS + CUP_SILVER_COUNT];
    uint32_t          offsets[2];
    int32_t           i32, day;
    int64_t           z, l, ts;
    uint8_t           bit;
};

static struct cup_plan *make(const char *const *partitions)
{
    static const struct cup_spec_column columns[COLUMNS] = {
        {"s", "string", "string", .key = 1},
        {"a/b", "integer", "int32", .key = 2},
        {"b", "boolean", "bool", .key = 3},
        {"d", "date", "date_days", .key = 4},
        {"z", "timestamp", "timestamp_zoned", .key = 5},
        {"l", "long", "int64", .key = 6}};
    struct cup_spec_table table = {
        .schema = "x", .table = "t", .columns = columns, .column_count = COLUMNS};

    for (uint32_t i = 0; partitions[i] != NULL; i++)
        table.partitions[i] = partitions[i];
    return cup_spec_plan(&(struct cup_spec){.tables = &table, .table_count = 1});
}

static void fill(struct row *row, const char *text, size_t bytes)
{
    memset(row, 0, sizeof *row);
    for (uint32_t i = 0; i < COLUMNS + CUP_SILVER_COUNT; i++) {
        row->valid[i]            = 1;
        row->columns[i].validity = &row->valid[i];
    }
    row->offsets[1]                           = (uint32_t)bytes;
    row->columns[S].text                      = (uint8_t *)(uintptr_t)text;
    row->columns[S].offsets                   = row->offsets;
    row->columns[I].i32                       = &row->i32;
    row->columns[B].bits                      = &row->bit;
    row->columns[D].i32                       = &row->day;
    row->columns[Z].i64                       = &row->z;
    row->columns[L].i64                       = &row->l;
    row->columns[COLUMNS + CUP_SILVER_TS].i64 = &row->ts;
}

/* Folder and JSON of the row; empty when it is refused. */
static enum cup_outcome show(const struct cup_plan *plan, const struct row *row,
                             char folder[CUP_PARTITION_PATH_BYTES], struct cup_text *json)
{
    const struct cup_plan_table *table = cup_plan_tables(plan);
    struct cup_partition_key     key;
    enum cup_outcome             outcome = cup_partition_key(plan, table, row->columns, 0, &key);

    cup_text_clear(json);
    folder[0] = '\0';
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    CHECK(key.bytes <= CUP_PARTITION_KEY_BYTES);
    cup_partition_folder(plan, table, key.at, folder);
    cup_partition_json(plan, table, key.at, json);
    CHECK(!json->failed);
    return outcome;
}

static void check_texts(void)
{
    static const struct {
        const char *text, *folder, *json;
    } cases[] = {
        {"a", "s=a", "{\"s\":\"a\"}"},
        {"a/b", "s=a%2Fb", "{\"s\":\"a/b\"}"},
        {"100%", "s=100%25", "{\"s\":\"100%\"}"},
        {" x ", "s= x ", "{\"s\":\" x \"}"},
        {"..", "s=..", "{\"s\":\"..\"}"},
        {"\xc3\xa4\x01\x7f", "s=\xc3\xa4%01%7F", "{\"s\":\"\xc3\xa4\\u0001\x7f\"}"},
        {"\"#%'*/:=?\\{[]^", "s=%22%23%25%27%2A%2F%3A%3D%3F%5C%7B%5B%5D%5E",
         "{\"s\":\"\\\"#%'*/:=?\\\\{[]^\"}"},
        {"}~-_.&+,;!@$()|<>`", "s=}~-_.&+,;!@$()|<>`", "{\"s\":\"}~-_.&+,;!@$()|<>`\"}"},
    };
    static const char *const by[] = {"s", NULL};
    struct cup_plan         *plan = make(by);
    struct cup_text          json = {0};
    char                     folder[CUP_PARTITION_PATH_BYTES];
    struct row               row;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fill(&row, cases[i].text, strlen(cases[i].text));
        CHECK(show(plan, &row, folder, &json) == CUP_OUTCOME_ACCEPTED);
        CHECK(strcmp(folder, cases[i].folder) == 0);
        CHECK(strcmp(json.at, cases[i].json) == 0);
    }
    fill(&row, "", 0);
    CHECK(show(plan, &row, folder, &json) == CUP_OUTCOME_PARTITION_EMPTY);
    row.valid[S] = 0;
    CHECK(show(plan, &row, folder, &json) == CUP_OUTCOME_ACCEPTED);
    CHECK(strcmp(folder, "s=" CUP_PARTITION_NULL) == 0 && strcmp(json.at, "{\"s\":null}") == 0);
    fill(&row, CUP_PARTITION_NULL, strlen(CUP_PARTITION_NULL));
    CHECK(show(plan, &row, folder, &json) == CUP_OUTCOME_PARTITION_EMPTY);
    fill(&row, CUP_PARTITION_NULL "x", strlen(CUP_PARTITION_NULL) + 1);
    CHECK(show(plan, &row, folder, &json) == CUP_OUTCOME_ACCEPTED);
    cup_text_free(&json);
    free(plan);
}

/* "s=" and 253 bytes are a folder's longest name; an escaped byte counts for three. */
static void check_lengths(void)
{
    static const char *const by[] = {"s", NULL};
    struct cup_plan         *plan = make(by);
    struct cup_text          json = {0};
    char                     folder[CUP_PARTITION_PATH_BYTES], text[400];
    struct row               row;

    for (size_t bytes = 1; bytes < sizeof text; bytes++) {
        for (size_t escaped = 0; escaped < 3; escaped++) {
            memset(text, 'x', sizeof text);
            memset(text, '/', escaped < bytes ? escaped : bytes);
            size_t name = 2 + bytes + 2 * (escaped < bytes ? escaped : bytes);
            fill(&row, text, bytes);
            CHECK(show(plan, &row, folder, &json) ==
                  (name <= 255 ? CUP_OUTCOME_ACCEPTED : CUP_OUTCOME_PARTITION_TOO_LONG));
            CHECK(name > 255 || strlen(folder) == name);
        }
    }
    cup_text_free(&json);
    free(plan);
}

static void check_types(void)
{
    static const char *const by[] = {"_date", "a/b", "b", "d", NULL}, *const more[] = {"z", "l",
                                                                                       NULL};
    struct cup_plan *plan = make(by), *other = make(more);
    struct cup_text  json = {0};
    char             folder[CUP_PARTITION_PATH_BYTES];
    struct row       row;

    fill(&row, "", 0);
    row.i32 = INT32_MIN;
    row.bit = 1;
    row.day = -719162;
    row.ts  = -1;
    row.z   = -1;
    row.l   = INT64_MIN;
    CHECK(show(plan, &row, folder, &json) == CUP_OUTCOME_ACCEPTED);
    CHECK(strcmp(folder, "_date=1969-12-31/a%2Fb=-2147483648/b=true/d=0001-01-01") == 0);
    CHECK(strcmp(json.at, "{\"_date\":\"1969-12-31\",\"a/b\":\"-2147483648\",\"b\":\"true\","
                          "\"d\":\"0001-01-01\"}") == 0);
    CHECK(show(other, &row, folder, &json) == CUP_OUTCOME_ACCEPTED);
    CHECK(strcmp(folder, "z=1969-12-31T23%3A59%3A59.999999Z/l=-9223372036854775808") == 0);
    row.valid[COLUMNS + CUP_SILVER_TS] = 0;
    row.bit                            = 0;
    CHECK(show(plan, &row, folder, &json) == CUP_OUTCOME_ACCEPTED);
    CHECK(strncmp(json.at, "{\"_date\":null,", 14) == 0 && strstr(json.at, "\"false\"") != NULL);
    cup_text_free(&json);
    free(plan);
    free(other);
}

static void check_moments(struct cup_rnd *rnd)
{
    static const char *const by[] = {"d", "z", NULL};
    struct cup_plan         *plan = make(by);
    struct cup_text          json = {0};
    char                     folder[CUP_PARTITION_PATH_BYTES], want[240], day[40], moment[80];
    struct row               row;

    for (uint32_t i = 0; i < 20000; i++) {
        struct tm tm;
        int64_t   us   = (int64_t)(cup_rnd_u64(rnd) % 315537897600000000ull) - 62135596800000000;
        int64_t   s    = us / 1000000 - (us % 1000000 < 0);
        time_t    time = s;
        fill(&row, "", 0);
        row.z   = us;
        row.day = (int32_t)(s / 86400 - (s % 86400 < 0));
        CHECK(gmtime_r(&time, &tm) != NULL);
        snprintf(day, sizeof day, "%04d-%02d-%02d", (tm.tm_year + 1900) % 10000, tm.tm_mon + 1,
                 tm.tm_mday);
        snprintf(moment, sizeof moment, "%02d:%02d:%02d.%06d", tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (int)(us - s * 1000000));
        snprintf(want, sizeof want, "{\"d\":\"%s\",\"z\":\"%sT%sZ\"}", day, day, moment);
        CHECK(show(plan, &row, folder, &json) == CUP_OUTCOME_ACCEPTED);
        CHECK(strcmp(json.at, want) == 0);
    }
    cup_text_free(&json);
    free(plan);
}

/* Every day that a date can be, counted by hand. */
static void check_days(void)
{
    static const char *const by[]       = {"d", NULL};
    static const int         in_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct cup_plan         *plan       = make(by);
    struct cup_partition_key key;
    struct row               row;
    int                      year = 1, month = 1, day = 1;

    fill(&row, "", 0);
    for (row.day = -719162; row.day <= 2932896; row.day++) {
        char want[40];
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        CHECK(cup_partition_key(plan, cup_plan_tables(plan), row.columns, 0, &key) ==
              CUP_OUTCOME_ACCEPTED);
        snprintf(want, sizeof want, "%04d-%02d-%02d", year, month, day);
        CHECK(key.bytes == 12 && memcmp(key.at + 2, want, 10) == 0);
        if (day++ < in_month[month - 1] + (month == 2 && leap)) continue;
        day = 1;
        if (month++ < 12) continue;
        month = 1;
        year++;
    }
    CHECK(year == 10000);
    free(plan);
}

/* Two partition columns: keys are equal if and only if both values are. */
static void check_keys(struct cup_rnd *rnd)
{
    static const char *const by[] = {"s", "a/b", NULL};
    struct cup_plan         *plan = make(by);
    struct cup_partition_key a, b;
    struct row               one, two;
    uint32_t                 equal = 0;

    for (uint32_t i = 0; i < 20000; i++) {
        char     x[4], y[4];
        uint32_t x_bytes = 1 + cup_rnd_below(rnd, 3);
        uint32_t y_bytes = 1 + cup_rnd_below(rnd, 3);
        for (uint32_t k = 0; k < 4; k++) {
            x[k] = (char)('0' + cup_rnd_below(rnd, 2));
            y[k] = (char)('0' + cup_rnd_below(rnd, 2));
        }
        fill(&one, x, x_bytes);
        fill(&two, y, y_bytes);
        one.i32      = (int32_t)cup_rnd_below(rnd, 2);
        two.i32      = (int32_t)cup_rnd_below(rnd, 2);
        one.valid[S] = cup_rnd_below(rnd, 4) > 0;
        two.valid[S] = cup_rnd_below(rnd, 4) > 0;
        CHECK(cup_partition_key(plan, cup_plan_tables(plan), one.columns, 0, &a) ==
              CUP_OUTCOME_ACCEPTED);
        CHECK(cup_partition_key(plan, cup_plan_tables(plan), two.columns, 0, &b) ==
              CUP_OUTCOME_ACCEPTED);
        bool texts = one.valid[S] == two.valid[S] &&
                     (!one.valid[S] || (x_bytes == y_bytes && memcmp(x, y, x_bytes) == 0));
        bool same = texts && one.i32 == two.i32;
        CHECK((a.bytes == b.bytes && memcmp(a.at, b.at, a.bytes) == 0) == same);
        equal += same;
    }
    CHECK(equal > 500);
    free(plan);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    check_texts();
    check_lengths();
    check_types();
    check_days();
    check_moments(&rnd);
    check_keys(&rnd);
    return 0;
}
