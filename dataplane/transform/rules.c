// SPDX-License-Identifier: Apache-2.0
#include "dataplane/transform/rules.h"

#include <string.h>

#include "dataplane/transform/rules_priv.h"
#include "kernels/pattern/pattern.h"

/* A rule made ready: what its check needs lies here, not in the plan. */
struct rule {
    enum cup_outcome (*check)(const struct rule *rule, const struct cup_column *column,
                              uint32_t row);
    uint32_t               column;
    uint32_t               count; /* of characters or items; the number of values */
    cup_i128               bound;
    double                 real;
    struct cup_pattern    *pattern;
    struct cup_rule_values values;
};

struct table {
    struct rule *rules;
    uint32_t     count;
};

struct cup_rules {
    struct table *tables;
    uint32_t      table_count;
};

typedef enum cup_outcome check_fn(const struct rule *rule, const struct cup_column *column,
                                  uint32_t row);

#define OF(good) ((good) ? CUP_OUTCOME_ACCEPTED : CUP_OUTCOME_RULE_VIOLATED)

/* --- order --- */

static inline cup_i128 integer_at(const struct cup_column *column, uint32_t row)
{
    switch ((enum cup_vec)column->vec) {
    case CUP_VEC_I32: return column->i32[row];
    case CUP_VEC_I64: return column->i64[row];
    case CUP_VEC_I128: return column->i128[row];
    default: return cup_bit_get(column->bits, row);
    }
}

static inline double real_at(const struct cup_column *column, uint32_t row)
{
    return column->vec == CUP_VEC_F32 ? (double)column->f32[row] : column->f64[row];
}

/* NaN breaks every order: it is neither less nor greater. */
#define ORDER(name, operator)                                                                      \
    static enum cup_outcome name##_integer(const struct rule       *rule,                          \
                                           const struct cup_column *column, uint32_t row)          \
    {                                                                                              \
        return OF(integer_at(column, row) operator rule->bound);                                   \
    }                                                                                              \
    static enum cup_outcome name##_real(const struct rule *rule, const struct cup_column *column,  \
                                        uint32_t row)                                              \
    {                                                                                              \
        return OF(real_at(column, row) operator rule->real);                                       \
    }
ORDER(minimum, >=)
ORDER(exclusive_minimum, >)
ORDER(maximum, <=)
ORDER(exclusive_maximum, <)

static enum cup_outcome multiple_of(const struct rule *rule, const struct cup_column *column,
                                    uint32_t row)
{
    return OF(integer_at(column, row) % rule->bound == 0);
}

/* --- texts --- */

static inline const uint8_t *text_at(const struct cup_column *column, uint32_t row,
                                     uint32_t *out_bytes)
{
    *out_bytes = column->offsets[row + 1] - column->offsets[row];
    return column->text + column->offsets[row];
}

/* Characters are bytes that do not continue one; the text is valid UTF-8. */
static uint32_t characters(const uint8_t *text, uint32_t bytes)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < bytes; i++)
        count += (text[i] & 0xc0) != 0x80;
    return count;
}

static enum cup_outcome min_length(const struct rule *rule, const struct cup_column *column,
                                   uint32_t row)
{
    uint32_t       bytes;
    const uint8_t *text = text_at(column, row, &bytes);

    if (bytes < rule->count) return CUP_OUTCOME_RULE_VIOLATED;
    return OF(bytes / 4 >= rule->count || characters(text, bytes) >= rule->count);
}

static enum cup_outcome max_length(const struct rule *rule, const struct cup_column *column,
                                   uint32_t row)
{
    uint32_t       bytes;
    const uint8_t *text = text_at(column, row, &bytes);

    return OF(bytes <= rule->count || characters(text, bytes) <= rule->count);
}

static enum cup_outcome pattern(const struct rule *rule, const struct cup_column *column,
                                uint32_t row)
{
    uint32_t       bytes;
    const uint8_t *text = text_at(column, row, &bytes);

    switch (cup_pattern_match(rule->pattern, text, bytes)) {
    case CUP_PATTERN_YES: return CUP_OUTCOME_ACCEPTED;
    case CUP_PATTERN_NO: return CUP_OUTCOME_RULE_VIOLATED;
    case CUP_PATTERN_GAVE_UP: break;
    }
    return CUP_OUTCOME_RULE_LIMIT;
}

/* --- values --- */

static bool is_listed(const struct rule *rule, const struct cup_column *column, uint32_t row)
{
    uint32_t bytes;

    switch ((enum cup_vec)column->vec) {
    case CUP_VEC_VAR: {
        const uint8_t *text = text_at(column, row, &bytes);
        return cup_rule_values_priv_text(&rule->values, text, bytes);
    }
    case CUP_VEC_F32:
    case CUP_VEC_F64: return cup_rule_values_priv_real(&rule->values, real_at(column, row));
    default: return cup_rule_values_priv_integer(&rule->values, integer_at(column, row));
    }
}

static enum cup_outcome valid_values(const struct rule *rule, const struct cup_column *column,
                                     uint32_t row)
{
    return OF(is_listed(rule, column, row));
}

static enum cup_outcome missing_values(const struct rule *rule, const struct cup_column *column,
                                       uint32_t row)
{
    return OF(!is_listed(rule, column, row));
}

/* --- items --- */

static inline uint32_t item_count(const struct cup_column *column, uint32_t row)
{
    return column->offsets[row + 1] - column->offsets[row];
}

static enum cup_outcome min_items(const struct rule *rule, const struct cup_column *column,
                                  uint32_t row)
{
    return OF(item_count(column, row) >= rule->count);
}

static enum cup_outcome max_items(const struct rule *rule, const struct cup_column *column,
                                  uint32_t row)
{
    return OF(item_count(column, row) <= rule->count);
}

static bool same_item(const struct cup_column *items, uint32_t a, uint32_t b)
{
    if (cup_column_is_null(items, a) || cup_column_is_null(items, b))
        return cup_column_is_null(items, a) && cup_column_is_null(items, b);
    switch ((enum cup_vec)items->vec) {
    case CUP_VEC_VAR: {
        uint32_t       a_bytes, b_bytes;
        const uint8_t *a_text = text_at(items, a, &a_bytes), *b_text = text_at(items, b, &b_bytes);
        return a_bytes == b_bytes && memcmp(a_text, b_text, a_bytes) == 0;
    }
    case CUP_VEC_F32:
    case CUP_VEC_F64: return real_at(items, a) == real_at(items, b);
    default: return integer_at(items, a) == integer_at(items, b);
    }
}

static enum cup_outcome unique_items(const struct rule *rule, const struct cup_column *column,
                                     uint32_t row)
{
    uint32_t start = column->offsets[row], end = column->offsets[row + 1];

    (void)rule; /* it has no bound */
    if (end - start > CUP_RULES_UNIQUE_MAX) return CUP_OUTCOME_RULE_LIMIT;
    for (uint32_t i = start; i < end; i++)
        for (uint32_t k = start; k < i; k++)
            if (same_item(column->children, i, k)) return CUP_OUTCOME_RULE_VIOLATED;
    return CUP_OUTCOME_ACCEPTED;
}

/* --- open --- */

/* One function a kind; of those with an order, one for integers and one for reals. REQUIRED is
 * decode's. */
static const struct {
    check_fn *integer, *real;
} checks[CUP_RULE_COUNT] = {
    [CUP_RULE_MINIMUM]           = {minimum_integer, minimum_real},
    [CUP_RULE_EXCLUSIVE_MINIMUM] = {exclusive_minimum_integer, exclusive_minimum_real},
    [CUP_RULE_MAXIMUM]           = {maximum_integer, maximum_real},
    [CUP_RULE_EXCLUSIVE_MAXIMUM] = {exclusive_maximum_integer, exclusive_maximum_real},
    [CUP_RULE_MULTIPLE_OF]       = {multiple_of, multiple_of},
    [CUP_RULE_MIN_LENGTH]        = {min_length, min_length},
    [CUP_RULE_MAX_LENGTH]        = {max_length, max_length},
    [CUP_RULE_PATTERN]           = {pattern, pattern},
    [CUP_RULE_MIN_ITEMS]         = {min_items, min_items},
    [CUP_RULE_MAX_ITEMS]         = {max_items, max_items},
    [CUP_RULE_UNIQUE_ITEMS]      = {unique_items, unique_items},
    [CUP_RULE_VALID_VALUES]      = {valid_values, valid_values},
    [CUP_RULE_MISSING_VALUES]    = {missing_values, missing_values},
};

static enum cup_err open_rule(const struct cup_plan *plan, const struct cup_plan_table *table,
                              const struct cup_plan_rule *is, struct rule *rule,
                              struct cup_fault *out_fault)
{
    enum cup_rule  kind  = (enum cup_rule)is->kind;
    enum cup_order order = cup_plan_order(cup_plan_columns(plan, table)[is->column].type);

    rule->column = is->column;
    rule->check  = order == CUP_ORDER_REAL ? checks[kind].real : checks[kind].integer;
    rule->count  = (uint32_t)is->bound.words[0];
    memcpy(&rule->bound, is->bound.words, sizeof rule->bound);
    memcpy(&rule->real, is->bound.words, sizeof rule->real);
    if (cup_rule_operand(kind) == CUP_OPERAND_LIST)
        return cup_rule_values_priv_open(plan, is, order, &rule->values, out_fault);
    if (cup_rule_operand(kind) != CUP_OPERAND_TEXT) return CUP_OK;
    struct cup_plan_text text = is->bound.text;
    enum cup_err         err =
        cup_pattern_open(cup_plan_text(plan, text), text.bytes, &rule->pattern, out_fault);
    if (err != CUP_BAD_CONFIG) return err;
    return cup_fault_set(out_fault, CUP_BAD_PLAN, "plan: pattern of a rule",
                         cup_plan_text(plan, is->id));
}

static enum cup_err open_table(const struct cup_plan *plan, const struct cup_plan_table *is,
                               struct table *table, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    if (is->rules.count == 0) return CUP_OK;
    table->rules = calloc(is->rules.count, sizeof *table->rules);
    if (table->rules == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "rules", NULL);
    for (; err == CUP_OK && table->count < is->rules.count; table->count++)
        err = open_rule(plan, is, &cup_plan_rules(plan, is)[table->count],
                        &table->rules[table->count], out_fault);
    return err;
}

enum cup_err cup_rules_open(const struct cup_plan *plan, struct cup_rules **out_rules,
                            struct cup_fault *out_fault)
{
    struct cup_rules *rules = calloc(1, sizeof *rules);
    enum cup_err      err   = CUP_OK;

    CUP_ASSERT(plan != NULL && out_rules != NULL);
    if (rules != NULL) rules->tables = calloc(plan->tables.count + 1ul, sizeof *rules->tables);
    if (rules == NULL || rules->tables == NULL) {
        free(rules);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "rules", NULL);
    }
    for (; err == CUP_OK && rules->table_count < plan->tables.count; rules->table_count++)
        err = open_table(plan, &cup_plan_tables(plan)[rules->table_count],
                         &rules->tables[rules->table_count], out_fault);
    if (err != CUP_OK) {
        cup_rules_close(rules);
        return err;
    }
    *out_rules = rules;
    return CUP_OK;
}

void cup_rules_close(struct cup_rules *rules)
{
    if (rules == NULL) return;
    for (uint32_t i = 0; i < rules->table_count; i++) {
        struct table *table = &rules->tables[i];
        for (uint32_t r = 0; r < table->count; r++) {
            cup_pattern_close(table->rules[r].pattern);
            cup_rule_values_priv_close(&table->rules[r].values);
        }
        free(table->rules);
    }
    free(rules->tables);
    free(rules);
}

/* --- rows --- */

enum cup_outcome cup_rules_check(struct cup_rules *rules, uint32_t table,
                                 const struct cup_column *columns, uint32_t row, uint32_t *out_rule)
{
    CUP_ASSERT(table < rules->table_count);
    const struct table *is = &rules->tables[table];

    for (uint32_t i = 0; i < is->count; i++) {
        const struct rule       *rule   = &is->rules[i];
        const struct cup_column *column = &columns[rule->column];
        if (rule->check == NULL || cup_column_is_null(column, row)) continue;
        enum cup_outcome outcome = rule->check(rule, column, row);
        if (outcome == CUP_OUTCOME_ACCEPTED) continue;
        *out_rule = i;
        return outcome;
    }
    return CUP_OUTCOME_ACCEPTED;
}

uint32_t cup_rules_required(const struct cup_plan *plan, uint32_t table, uint32_t column)
{
    const struct cup_plan_table *is    = &cup_plan_tables(plan)[table];
    const struct cup_plan_rule  *rules = cup_plan_rules(plan, is);

    for (uint32_t i = 0; i < is->rules.count; i++)
        if (rules[i].column == column && rules[i].kind == CUP_RULE_REQUIRED) return i;
    return UINT32_MAX;
}
