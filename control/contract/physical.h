// SPDX-License-Identifier: Apache-2.0
/* physical: how a contract writes a type: the inverse of sqltype, by its own rows.
 *
 * Threads   any.
 * Fails     false: no row of sqltype.def gives this type in this encoding.
 * Tests     tests/control/test_infer.c
 */
#ifndef CUP_CONTROL_CONTRACT_PHYSICAL_H
#define CUP_CONTROL_CONTRACT_PHYSICAL_H

#include "control/contract/sqltype.h"

#define CUP_PHYSICAL_BYTES 96u /* the longest name of sqltype.def has 27, with digits and [] 40 */

struct cup_physical {
    char        name[CUP_PHYSICAL_BYTES]; /* physicalType */
    const char *wire;                     /* NULL: the type alone says it */
    bool        has_scale;                /* customProperties scale is needed too */
    int32_t     scale;
};

/* cup_physical_of finds the first row that is exactly `is`, without wire if there is one. */
CUP_MUST_CHECK bool cup_physical_of(const struct cup_shape_type *is,
                                    struct cup_physical         *out_physical);

/* cup_physical_logical is the standard's logicalType of a type: "integer", "timestamp". */
const char *cup_physical_logical(const struct cup_shape_type *is);

#endif
