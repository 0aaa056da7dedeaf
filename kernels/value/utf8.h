// SPDX-License-Identifier: Apache-2.0
/* utf8: are bytes that did not come through the JSON parser legal UTF-8?
 *
 * Holds     nothing. Pure function over caller memory.
 * Threads   any.
 * Bounds    texts of any length; cost is linear.
 * Source    RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF
 * Tests     tests/kernels/test_value_names.c
 */
#ifndef CUP_KERNELS_VALUE_UTF8_H
#define CUP_KERNELS_VALUE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool cup_utf8_valid(const uint8_t *bytes, size_t count);

#endif
