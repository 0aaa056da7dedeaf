// SPDX-License-Identifier: Apache-2.0
/* catalog_priv: what catalog.c and ddl.c share: tables by their source, policies, words. */
#ifndef CUP_CONTROL_SCHEMA_CATALOG_PRIV_H
#define CUP_CONTROL_SCHEMA_CATALOG_PRIV_H

#include "control/schema/catalog.h"

/* cup_catalog_priv_table finds the table of the record's source; NULL: none. */
struct cup_catalog_table *cup_catalog_priv_table(const struct cup_catalog         *catalog,
                                                 const struct cup_catalog_unknown *unknown);
void cup_catalog_priv_put_table(struct cup_text *says, const struct cup_catalog_table *table);

/* cup_catalog_priv_policy is the table's own, or the pipeline's. */
struct cup_drift_policy cup_catalog_priv_policy(const struct cup_catalog       *catalog,
                                                const struct cup_catalog_table *table);

/* cup_catalog_priv_put_halt says before which record the run ends, and how it can go on. */
void cup_catalog_priv_put_halt(struct cup_text *says, const struct cup_catalog_unknown *unknown,
                               enum cup_change change);

/* cup_catalog_priv_slot is where the values of an ignored member are counted. */
uint32_t cup_catalog_priv_slot(struct cup_catalog *catalog, const char *path, const char *member);

/* cup_ddl_priv_learn reads a DDL record: tables under contract that it drops or renames. */
enum cup_catalog_answer cup_ddl_priv_learn(struct cup_catalog               *catalog,
                                           const struct cup_catalog_unknown *unknown,
                                           enum cup_outcome *out_outcome, struct cup_text *says);

#endif
