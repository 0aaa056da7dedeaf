// SPDX-License-Identifier: Apache-2.0
/* Goal:   each kind of rule keeps and refuses the values that it should, at its edges, for every
 *         type of column; NULL keeps all; the first broken rule is the one that is named.
 * Method: a plan with one rule of a column; one row built for it; the verdict beside it. */
#include "dataplane/transform/rules.h"

#include <math.h>

#include "tests/check.h"
#include "tests/dataplane/plan_maker.h"

/* One row of one column, and whether it keeps the rule. */
struct row {
    const char           *type; /* Delta name */
    enum cup_rule         kind;
    struct cup_spec_value bound;
    struct cup_spec_value value; /* of the row; text NULL: number or real */
    enum cup_outcome      outcome;
};

#define YES CUP_OUTCOME_ACCEPTED
#define NO  CUP_OUTCOME_RULE_VIOLATED

struct cell {
    uint8_t  validity, bits;
    int32_t  i32;
    int64_t  i64;
    cup_i128 i128;
    float    f32;
    double   f64;
    uint32_t offsets[2];
};

static struct cup_column put(const char *type, const struct cup_spec_value *value,
                             struct cell *cell)
{
    struct cup_column column = {.validity = &cell->validity, .row_count = 1};
    uint8_t           id, precision, scale;

    CHECK(cup_type_parse(type, strlen(type), &id, &precision, &scale));
    *cell      = (struct cell){.validity = 1,
                               .bits     = value->number != 0,
                               .i32      = (int32_t)value->number,
                               .i64      = value->number,
                               .i128     = value->number,
                               .f32      = (float)value->real,
                               .f64      = value->real};
    column.vec = (uint8_t)cup_type_vec((enum cup_type)id);
    switch ((enum cup_vec)column.vec) {
    case CUP_VEC_BITS: column.bits = &cell->bits; break;
    case CUP_VEC_I32: column.i32 = &cell->i32; break;
    case CUP_VEC_I64: column.i64 = &cell->i64; break;
    case CUP_VEC_I128: column.i128 = &cell->i128; break;
    case CUP_VEC_F32: column.f32 = &cell->f32; break;
    case CUP_VEC_F64: column.f64 = &cell->f64; break;
    default:
        cell->offsets[1] = (uint32_t)strlen(value->text);
        column.offsets   = cell->offsets;
        column.text      = (uint8_t *)(uintptr_t)value->text; /* it is only read */
        break;
    }
    return column;
}

static struct cup_plan *plan_of(const char *type, const char *element,
                                const struct cup_spec_rule *rules, uint32_t rule_count)
{
    const struct cup_spec_column columns[] = {{"c", type, .element = element}};
    const struct cup_spec_table  tables[]  = {{.schema       = "s",
                                               .table        = "t",
                                               .columns      = columns,
                                               .column_count = 1,
                                               .rules        = rules,
                                               .rule_count   = rule_count}};

    return cup_spec_plan(&(struct cup_spec){.tables = tables, .table_count = 1});
}

static enum cup_outcome judge(struct cup_plan *plan, const struct cup_column *column,
                              uint32_t *out_rule)
{
    struct cup_rules *rules = NULL;
    struct cup_fault  fault;

    *out_rule = UINT32_MAX;
    CHECK(cup_rules_open(plan, &rules, &fault) == CUP_OK);
    enum cup_outcome outcome = cup_rules_check(rules, 0, column, 0, out_rule);
    cup_rules_close(rules);
    return outcome;
}

#define N(value)                                                                                   \
    {                                                                                              \
        .number = (value)                                                                          \
    }
#define R(value)                                                                                   \
    {                                                                                              \
        .real = (value)                                                                            \
    }
#define T(value)                                                                                   \
    {                                                                                              \
        .text = (value)                                                                            \
    }

static void check_kinds(void)
{
    static const struct row rows[] = {
        {"byte", CUP_RULE_MINIMUM, N(-3), N(-3), YES},
        {"byte", CUP_RULE_MINIMUM, N(-3), N(-4), NO},
        {"long", CUP_RULE_EXCLUSIVE_MINIMUM, N(5), N(5), NO},
        {"long", CUP_RULE_EXCLUSIVE_MINIMUM, N(5), N(6), YES},
        {"integer", CUP_RULE_MAXIMUM, N(7), N(7), YES},
        {"integer", CUP_RULE_MAXIMUM, N(7), N(8), NO},
        {"decimal(38,2)", CUP_RULE_EXCLUSIVE_MAXIMUM, N(100), N(100), NO},
        {"decimal(38,2)", CUP_RULE_EXCLUSIVE_MAXIMUM, N(100), N(99), YES},
        {"date", CUP_RULE_MINIMUM, N(0), N(-1), NO},
        {"timestamp", CUP_RULE_MAXIMUM, N(0), N(1), NO},
        {"timestamp_ntz", CUP_RULE_MAXIMUM, N(0), N(0), YES},
        {"boolean", CUP_RULE_MINIMUM, N(1), N(0), NO},
        {"double", CUP_RULE_MINIMUM, R(0.5), R(0.5), YES},
        {"double", CUP_RULE_MINIMUM, R(0.5), R(0.4999), NO},
        {"double", CUP_RULE_EXCLUSIVE_MINIMUM, R(0.5), R(0.5), NO},
        {"double", CUP_RULE_MINIMUM, R(-1e300), R(NAN), NO},
        {"double", CUP_RULE_MAXIMUM, R(1e300), R(NAN), NO},
        {"float", CUP_RULE_MAXIMUM, R(0.5), R(0.5), YES},
        {"float", CUP_RULE_EXCLUSIVE_MAXIMUM, R(0.5), R(0.5), NO},
        {"long", CUP_RULE_MULTIPLE_OF, N(5), N(-10), YES},
        {"long", CUP_RULE_MULTIPLE_OF, N(5), N(-11), NO},
        {"long", CUP_RULE_MULTIPLE_OF, N(5), N(0), YES},
        {"string", CUP_RULE_MIN_LENGTH, N(3), T("\xC3\xA9\xC3\xA9"),
         NO}, /* 4 bytes, 2 characters */
        {"string", CUP_RULE_MIN_LENGTH, N(2), T("\xC3\xA9\xC3\xA9"), YES},
        {"string", CUP_RULE_MIN_LENGTH, N(1), T(""), NO},
        {"string", CUP_RULE_MIN_LENGTH, N(2), T("aaaaaaaa"), YES},
        {"string", CUP_RULE_MAX_LENGTH, N(2), T("\xF0\x9F\x98\x80\xC3\xA9"), YES},
        {"string", CUP_RULE_MAX_LENGTH, N(1), T("\xF0\x9F\x98\x80\xC3\xA9"), NO},
        {"string", CUP_RULE_MAX_LENGTH, N(0), T(""), YES},
        {"string", CUP_RULE_PATTERN, T("^[a-z]+@"), T("x@y"), YES},
        {"string", CUP_RULE_PATTERN, T("^[a-z]+@"), T("X@y"), NO},
        {"string", CUP_RULE_PATTERN, T("^(a+)+$"), T("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"),
         CUP_OUTCOME_RULE_LIMIT},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row    *is   = &rows[i];
        struct cup_spec_rule rule = {.kind = is->kind, .bound = is->bound};
        struct cup_plan     *plan = plan_of(is->type, NULL, &rule, 1);
        struct cell          cell;
        struct cup_column    column = put(is->type, &is->value, &cell);
        uint32_t             broken;
        if (judge(plan, &column, &broken) != is->outcome) fprintf(stderr, "row %zu\n", i);
        CHECK(judge(plan, &column, &broken) == is->outcome);
        CHECK(broken == (is->outcome == YES ? UINT32_MAX : 0));
        cell.validity = 0; /* NULL keeps it */
        CHECK(judge(plan, &column, &broken) == YES);
        free(plan);
    }
}

/* Lists long enough that places in the set collide, each value found and its neighbours not. */
static void check_lists(void)
{
    static char                  texts[300][8];
    static struct cup_spec_value values[300];
    static const char *const     types[] = {"string", "long", "double", "decimal(20,0)", "boolean"};

    for (int i = 0; i < 300; i++) {
        snprintf(texts[i], sizeof texts[i], "v%d", i * 2);
        values[i] =
            (struct cup_spec_value){.number = 600 - i * 2, .real = i * 2 + 0.5, .text = texts[i]};
    }
    for (size_t t = 0; t < 4; t++) {
        struct cup_spec_rule rules[2] = {
            {.kind = CUP_RULE_VALID_VALUES, .values = values, .value_count = 300},
            {.kind = CUP_RULE_MISSING_VALUES, .values = values, .value_count = 3}};
        for (int i = 0; i < 300; i++)
            if (t != 2) values[i].real = 0;
        for (int i = 0; t == 2 && i < 300; i++)
            values[i].real = i * 2 + 0.5;
        struct cup_plan *plan = plan_of(types[t], NULL, rules, 2);
        for (int i = 0; i < 300; i++) {
            struct cell           cell;
            uint32_t              broken;
            struct cup_spec_value value  = values[i];
            struct cup_column     column = put(types[t], &value, &cell);
            CHECK(judge(plan, &column, &broken) == (i < 3 ? NO : YES));
            CHECK(broken == (i < 3 ? 1 : UINT32_MAX));
            value.number++, value.real += 1e-9;
            value.text = "v1";
            column     = put(types[t], &value, &cell);
            CHECK(judge(plan, &column, &broken) == NO && broken == 0);
        }
        free(plan);
    }
    struct cup_spec_value none[] = {{.number = 0}};
    struct cup_spec_rule  empty  = {.kind = CUP_RULE_VALID_VALUES, .values = none};
    struct cup_plan      *plan   = plan_of(types[4], NULL, &empty, 1);
    struct cell           cell;
    uint32_t              broken;
    struct cup_column     column = put(types[4], &none[0], &cell);
    CHECK(judge(plan, &column, &broken) == NO); /* no value is allowed */
    free(plan);
}

static void check_items(void)
{
    static int64_t    numbers[CUP_RULES_UNIQUE_MAX + 1];
    uint8_t           validity   = 1, some[(CUP_RULES_UNIQUE_MAX + 8) / 8];
    uint32_t          offsets[2] = {0, 3}, broken;
    struct cup_column items      = {.vec = CUP_VEC_I64, .validity = some, .i64 = numbers};
    struct cup_column column     = {
            .vec = CUP_VEC_LIST, .validity = &validity, .offsets = offsets, .children = &items};
    struct cup_spec_rule rules[] = {{.kind = CUP_RULE_MIN_ITEMS, .bound = N(2)},
                                    {.kind = CUP_RULE_MAX_ITEMS, .bound = N(2048)},
                                    {.kind = CUP_RULE_UNIQUE_ITEMS}};
    struct cup_plan     *plan    = plan_of("long", "int64", rules, 3);

    memset(some, 0xff, sizeof some);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        numbers[i] = (int64_t)i;
    CHECK(judge(plan, &column, &broken) == YES);
    offsets[1] = 1;
    CHECK(judge(plan, &column, &broken) == NO && broken == 0);
    offsets[1] = 2048;
    CHECK(judge(plan, &column, &broken) == YES);
    numbers[2047] = 3;
    CHECK(judge(plan, &column, &broken) == NO && broken == 2);
    some[0] = 0xf7; /* item 3 is null, and holds what 2047 has */
    CHECK(judge(plan, &column, &broken) == YES);
    some[255] = 0x7f; /* two nulls are equal */
    CHECK(judge(plan, &column, &broken) == NO && broken == 2);
    offsets[1] = 2049;
    CHECK(judge(plan, &column, &broken) == NO && broken == 1);
    free(plan);
    plan = plan_of("long", "int64", &rules[2], 1);
    CHECK(judge(plan, &column, &broken) == CUP_OUTCOME_RULE_LIMIT);
    free(plan);
}

/* A pattern that does not compile is a damaged plan; REQUIRED is found, and checks nothing. */
static void check_open(void)
{
    struct cup_spec_rule rules[]  = {{.kind = CUP_RULE_PATTERN, .bound = T("(")}};
    struct cup_spec_rule needed[] = {{.kind = CUP_RULE_MAXIMUM, .bound = N(1)},
                                     {.kind = CUP_RULE_REQUIRED}};
    struct cup_plan     *plan     = plan_of("string", NULL, rules, 1);
    struct cup_rules    *open     = NULL;
    struct cup_fault     fault;
    struct cell          cell;
    uint32_t             broken;

    CHECK(cup_rules_open(plan, &open, &fault) == CUP_BAD_PLAN);
    free(plan);
    plan                         = plan_of("long", NULL, needed, 2);
    struct cup_spec_value v      = {.number = 1};
    struct cup_column     column = put("long", &v, &cell);
    CHECK(judge(plan, &column, &broken) == YES);
    CHECK(cup_rules_required(plan, 0, 0) == 1);
    CHECK(cup_rules_required(plan, 0, 1) == UINT32_MAX);
    free(plan);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    check_kinds();
    check_lists();
    check_items();
    check_open();
    return 0;
}
