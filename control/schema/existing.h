// SPDX-License-Identifier: Apache-2.0
/* existing: the columns that a silver table in the lake has already.
 *
 * Holds     nothing; names lie in the caller's keep.
 * Fails     what cup_delta_load fails with, and UNSUPPORTED for a table with columns of a type that
 *           cupel does not write; *says names table and column. No table is no failure.
 * Tests     tests/control/test_existing.c
 */
#ifndef CUP_CONTROL_SCHEMA_EXISTING_H
#define CUP_CONTROL_SCHEMA_EXISTING_H

#include "control/schema/shape.h"

/* cup_existing_load reads the data columns (not the generated ones) of lake/path; none when there
 * is no table yet. is.encoding has no meaning. */
CUP_MUST_CHECK enum cup_err cup_existing_load(struct cup_keep *keep, const char *lake,
                                              const char               *path,
                                              struct cup_shape_member **out_columns,
                                              uint32_t *out_count, struct cup_text *says);

#endif
