// SPDX-License-Identifier: Apache-2.0
/* contract_priv: what the files of this room share: one contract being read.
 *
 *   keys.c      every key is one that the standard has at its place
 *   contract.c  tables, columns, types, keys, partitions
 *   rules.c     rules for the values of a column
 *   dataset.c   rules for the records of a table in an epoch
 */
#ifndef CUP_CONTROL_CONTRACT_CONTRACT_PRIV_H
#define CUP_CONTROL_CONTRACT_CONTRACT_PRIV_H

#include "control/config/yaml.h"
#include "control/contract/contract.h"
#include "control/contract/sqltype.h"
#include "control/schema/catalog.h"

/* Places in a contract where keys stand; rows of odcs.def. */
enum cup_place {
    CUP_PLACE_ANY,
    CUP_PLACE_CONTRACT,
    CUP_PLACE_ABOUT,
    CUP_PLACE_TABLE,
    CUP_PLACE_COLUMN,
    CUP_PLACE_OPTIONS,
    CUP_PLACE_QUALITY,
    CUP_PLACE_SLA,
    CUP_PLACE_SERVER,
    CUP_PLACE_SUPPORT,
    CUP_PLACE_PRICE,
    CUP_PLACE_TEAM,
    CUP_PLACE_MEMBER,
    CUP_PLACE_ROLE,
    CUP_PLACE_RELATION,
    CUP_PLACE_DEFINITION,
    CUP_PLACE_SYNONYM,
    CUP_PLACE_LABEL,
    CUP_PLACE_CUSTOM,
};

struct cup_contract_work {
    struct cup_catalog       *catalog;
    struct cup_contract_file *file; /* NULL: tables go to the catalog */
    struct cup_keep          *keep;
    struct cup_yaml           yaml;
    struct cup_text          *says;
    bool                      failed;
};

/* cup_contract_priv_fail says "file:line: key: what". */
void cup_contract_priv_fail(struct cup_contract_work *work, const struct cup_yaml_node *node,
                            const char *key, const char *what);

/* cup_contract_priv_map says whether the node is a mapping, and that `what` must be one. */
bool cup_contract_priv_map(struct cup_contract_work *work, const struct cup_yaml_node *node,
                           const char *what);

/* cup_contract_priv_text is the text of a key; NULL when it is not there. `needed` makes that an
 * error. cup_contract_priv_bool: false when it is not there. */
const char *cup_contract_priv_text(struct cup_contract_work *work, const struct cup_yaml_node *map,
                                   const char *key, bool needed);
bool        cup_contract_priv_bool(struct cup_contract_work *work, const struct cup_yaml_node *map,
                                   const char *key);

/* --- rules.c --- */

/* cup_contract_priv_unchecked lists what a contract promises and cupel does not check. column: ""
 * for the table as a whole. */
void cup_contract_priv_unchecked(struct cup_contract_work *work, const struct cup_yaml_node *node,
                                 const char *table, const char *column, const char *what);

/* cup_contract_priv_metric finds the library metric of a quality check; false: it has none, which
 * is told or listed. */
bool cup_contract_priv_metric(struct cup_contract_work *work, const struct cup_yaml_node *check,
                              const char *table, const char *column, const char **out_metric);

/* cup_contract_priv_rules reads the rules of a column whose type is known; column->required may
 * become true. */
void cup_contract_priv_rules(struct cup_contract_work *work, const struct cup_yaml_node *node,
                             struct cup_catalog_table *table, struct cup_catalog_column *column,
                             const char *table_name);

/* cup_contract_priv_unique lists unique: true where the key does not promise it. */
void cup_contract_priv_unique(struct cup_contract_work *work, const struct cup_yaml_node *node,
                              const struct cup_catalog_table *table, const char *table_name);

/* --- dataset.c --- */

/* cup_contract_priv_datasets reads what a table's quality and the contract's slaProperties say of
 * the table; cup_contract_priv_sla lists the slaProperties that are not checked. */
void cup_contract_priv_datasets(struct cup_contract_work *work, const struct cup_yaml_node *node,
                                struct cup_catalog_table *table, const char *table_name);
void cup_contract_priv_sla(struct cup_contract_work *work);

/* --- keys.c --- */

/* cup_contract_priv_keys checks all keys of the contract. */
void cup_contract_priv_keys(struct cup_contract_work *work);

#endif
