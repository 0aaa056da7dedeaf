// SPDX-License-Identifier: Apache-2.0
/* uuid: the name-based UUID of a text, as Java's UUID.nameUUIDFromBytes makes it.
 *
 *   text --MD5--> 16 bytes, version 3, variant 1 --> b68a35a7-17ad-35b3-af2a-ae46edb4545a
 *
 * A connector sends it for an array of uuid whose value is unavailable. MD5 protects nothing here.
 *
 * Holds     nothing. Pure function over caller memory.
 * Threads   any.
 * Bounds    texts of any length; cost is linear.
 * Source    RFC 1321 (MD5), RFC 4122 section 4.3 without the name space
 * Tests     tests/kernels/test_value_names.c
 */
#ifndef CUP_KERNELS_VALUE_UUID_H
#define CUP_KERNELS_VALUE_UUID_H

#include <stddef.h>
#include <stdint.h>

#define CUP_UUID_NAMED_BYTES 36u

void cup_uuid_named(const uint8_t *name, size_t bytes, uint8_t out_text[CUP_UUID_NAMED_BYTES]);

#endif
