// SPDX-License-Identifier: Apache-2.0
/* merge_priv: how one shape meets the columns of its table; catalog.c decides what comes of it. */
#ifndef CUP_CONTROL_SCHEMA_MERGE_PRIV_H
#define CUP_CONTROL_SCHEMA_MERGE_PRIV_H

#include "control/schema/catalog.h"

/* A draft of the table after the merge; the table itself is untouched until it is accepted. */
struct cup_merge {
    struct cup_catalog_table  table;
    struct cup_catalog_field *fields;
    uint32_t                  field_count;
    uint32_t                  counts[CUP_CHANGE_COUNT]; /* columns, by what changed */
    struct cup_text          *says;
};

/* cup_merge_priv_shape fills *out_merge. False when the names of two columns collide, or there are
 * too many columns; says tells. The policy matters where it is IGNORE. */
bool cup_merge_priv_shape(struct cup_keep *keep, const struct cup_catalog_table *table,
                          const struct cup_shape *shape, const struct cup_drift_policy *policy,
                          struct cup_text *says, struct cup_merge *out_merge);

/* cup_merge_priv_key gives the draft the key of the shape. False when it has another one. */
bool cup_merge_priv_key(struct cup_merge *merge, const struct cup_shape *shape,
                        const char *connector, bool is_new);

/* cup_merge_priv_add appends a column to a draft. */
struct cup_catalog_column *cup_merge_priv_add(struct cup_keep          *keep,
                                              struct cup_catalog_table *table);

#endif
