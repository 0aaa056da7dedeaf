// SPDX-License-Identifier: Apache-2.0
/* rules: whether the values of a row keep the rules of their contract.
 *
 *   decode: row image put --> cup_rules_check --> accepted, or the rule that it breaks
 *
 * Rules are those of dataplane/abi/rule.def; the row is looked at column by column, and the first
 * rule that is broken ends it. NULL keeps every rule: what must not be null is refused by decode.
 *
 * Holds     compiled patterns and sets of values; a rule's place is its place in the plan.
 * Owner     one worker; one object per plan generation.
 * Threads   one.
 * Fails     open only: BAD_PLAN (a pattern that does not compile), NO_MEMORY.
 * Bounds    CUP_PLAN_RULES_MAX, CUP_PLAN_RULE_VALUES_MAX; a pattern's steps: kernels/pattern;
 *           CUP_RULES_UNIQUE_MAX.
 * Tests     tests/dataplane/test_rules.c, tests/oracle/test_rules.py
 */
#ifndef CUP_DATAPLANE_TRANSFORM_RULES_H
#define CUP_DATAPLANE_TRANSFORM_RULES_H

#include "base/column.h"
#include "base/err.h"
#include "dataplane/abi/plan.h"

/* uniqueItems compares each item with each: a longer array is RULE_LIMIT. */
#define CUP_RULES_UNIQUE_MAX 2048u

struct cup_rules;

CUP_MUST_CHECK enum cup_err cup_rules_open(const struct cup_plan *plan,
                                           struct cup_rules     **out_rules,
                                           struct cup_fault      *out_fault);
void                        cup_rules_close(struct cup_rules *rules);

/* cup_rules_check looks at one row of a table's data columns.
 *
 * Returns   ACCEPTED; RULE_VIOLATED or RULE_LIMIT with the rule's place in *out_rule. */
CUP_MUST_CHECK enum cup_outcome cup_rules_check(struct cup_rules *rules, uint32_t table,
                                                const struct cup_column *columns, uint32_t row,
                                                uint32_t *out_rule);

/* cup_rules_required is the place of the rule that a column must be there; UINT32_MAX: there is
 * none. */
uint32_t cup_rules_required(const struct cup_plan *plan, uint32_t table, uint32_t column);

#endif
