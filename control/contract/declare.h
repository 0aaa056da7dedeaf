// SPDX-License-Identifier: Apache-2.0
/* declare: what a contract says of a column's values beside type and wire; rows of declare.def.
 *
 *   customProperties: {property: range, value: null} --> a bit of the column's options
 *
 * Threads   any.
 * Fails     false with a sentence in says that lists what is allowed.
 * Tests     tests/control/test_declare.c
 */
#ifndef CUP_CONTROL_CONTRACT_DECLARE_H
#define CUP_CONTROL_CONTRACT_DECLARE_H

#include "base/text.h"
#include "control/schema/shape.h"

/* cup_declare_apply adds property's word to *is. A property that is no row, and a NULL word, are
 * nobody's business here: true. */
CUP_MUST_CHECK bool cup_declare_apply(const char *property, const char *word,
                                      struct cup_shape_type *is, struct cup_text *says);

/* cup_declare_check refuses a column of PostgreSQL whose unchanged values may come as null, which
 * nobody could tell from NULL, unless the contract accepts that. physical: its physicalType. */
CUP_MUST_CHECK bool cup_declare_check(const char *physical, const struct cup_shape_type *is,
                                      struct cup_text *says);

#endif
