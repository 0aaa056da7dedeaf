// SPDX-License-Identifier: Apache-2.0
/* diff_priv: what the files of diff share.
 *
 *   diff.c          contracts and tables that belong together
 *   diff_columns.c  the columns of two tables
 *   diff_rules.c    logicalTypeOptions and quality of two nodes
 *   diff_report.c   text and JSON
 */
#ifndef CUP_CONTROL_CONTRACT_DIFF_PRIV_H
#define CUP_CONTROL_CONTRACT_DIFF_PRIV_H

#include "control/contract/contract.h"
#include "control/contract/diff.h"

/* Where a change is told. */
struct cup_diff_place {
    struct cup_diff            *diff;
    const char                 *file;
    const struct cup_yaml_node *node; /* of the new version, if it is there */
    const char                 *table, *member;
};

/* cup_diff_priv_add keeps a change; NULL texts are "". */
void cup_diff_priv_add(const struct cup_diff_place *place, enum cup_diff_kind kind,
                       const char *what, const char *was, const char *is);

/* cup_diff_priv_at is the place of a node in the same table and column. */
struct cup_diff_place cup_diff_priv_at(const struct cup_diff_place *place,
                                       const struct cup_yaml_node  *node);

/* cup_diff_priv_member is a value of a mapping; NULL when there is none, or no mapping. */
const struct cup_yaml_node *cup_diff_priv_member(const struct cup_yaml_node *node, const char *key);

/* cup_diff_priv_text is a node as one line, keys sorted; "" for none. */
const char *cup_diff_priv_text(const struct cup_diff *diff, const struct cup_yaml_node *node);

/* cup_diff_priv_custom is the value of a customProperty; "" when there is none. */
const char *cup_diff_priv_custom(const struct cup_diff *diff, const struct cup_yaml_node *node,
                                 const char *property);

/* cup_diff_priv_key tells a key whose texts differ, as `kind`. */
void cup_diff_priv_key(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                       const struct cup_yaml_node *new, const char *key, enum cup_diff_kind kind);

/* cup_diff_priv_others tells customProperties that differ, and keys that are in no list of
 * `known`: words between spaces. */
void cup_diff_priv_others(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                          const struct cup_yaml_node *new, const char                    *known);

void cup_diff_priv_columns(const struct cup_diff_place *place, const struct cup_contract_table *old,
                           const struct cup_contract_table *new, const char *old_file);

/* cup_diff_priv_rules compares the rules of two columns or two tables. */
void cup_diff_priv_rules(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                         const struct cup_yaml_node *new);

#endif
