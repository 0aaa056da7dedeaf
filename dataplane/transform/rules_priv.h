// SPDX-License-Identifier: Apache-2.0
/* rules_priv: the values that a rule lists, made ready to be looked up.
 *
 *   texts     open addressing, at most half full: slot = place + 1, 0 = empty
 *   numbers   sorted, searched by halves
 */
#ifndef CUP_DATAPLANE_TRANSFORM_RULES_PRIV_H
#define CUP_DATAPLANE_TRANSFORM_RULES_PRIV_H

#include "base/column.h"
#include "dataplane/abi/plan.h"

struct cup_rule_values {
    const struct cup_plan       *plan;
    const struct cup_plan_value *at; /* in the plan: texts are compared there */
    uint32_t                     count;
    uint32_t                    *slots, slot_mask;
    cup_i128                    *integers;
    double                      *reals;
};

/* cup_rule_values_priv_open takes the rule's values. Fails: NO_MEMORY. */
CUP_MUST_CHECK enum cup_err cup_rule_values_priv_open(const struct cup_plan      *plan,
                                                      const struct cup_plan_rule *rule,
                                                      enum cup_order              order,
                                                      struct cup_rule_values     *values,
                                                      struct cup_fault           *out_fault);
void                        cup_rule_values_priv_close(struct cup_rule_values *values);

bool cup_rule_values_priv_text(const struct cup_rule_values *values, const uint8_t *text,
                               uint32_t bytes);
bool cup_rule_values_priv_integer(const struct cup_rule_values *values, cup_i128 value);
bool cup_rule_values_priv_real(const struct cup_rule_values *values, double value);

#endif
