// SPDX-License-Identifier: Apache-2.0
/* masks: what the plan hides is hidden here, once per vector, before anything else sees the rows.
 *
 *   changes of decode --apply--> the same changes; masked columns are other vectors
 *
 * Columns keep their places: one that is dropped is still there, all null, for indexes of the plan
 * to hold; who lays out files leaves it out.
 *
 * Holds     one HMAC context; room for the masked vectors of the widest table, taken at open.
 * Owner     one worker; one per plan generation, as decode.
 * Threads   one.
 * Fails     open only: NO_MEMORY (a table with more masked columns than half the pool holds),
 *           UNSUPPORTED.
 * Bounds    CUP_CHANGES_ROWS rows at a time.
 * Tests     tests/dataplane/test_masks.c, tests/oracle/test_masked.py
 */
#ifndef CUP_DATAPLANE_TRANSFORM_MASKS_H
#define CUP_DATAPLANE_TRANSFORM_MASKS_H

#include "dataplane/decode/decode.h"

struct cup_masks;

CUP_MUST_CHECK enum cup_err cup_masks_open(const struct cup_plan   *plan,
                                           const struct cup_decode *decode,
                                           struct cup_masks       **out_masks,
                                           struct cup_fault        *out_fault);
void                        cup_masks_close(struct cup_masks *masks); /* NULL is accepted */

/* cup_masks_fields is what a table's columns are in the lake; decode's own when none is masked.
 * Lends until close. */
const struct cup_field *cup_masks_fields(const struct cup_masks   *masks,
                                         const struct cup_changes *changes);

/* cup_masks_of_key: a key column of some table is masked, so that record keys are personal data. */
bool cup_masks_of_key(const struct cup_masks *masks);

/* cup_masks_apply points changes->columns and ->fields to masked ones. Lends until the next call.
 * Cost      a token 1 to 2 us, a text a copy, nothing for tables without masks. */
void cup_masks_apply(struct cup_masks *masks, struct cup_changes *changes);

#endif
