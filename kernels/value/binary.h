// SPDX-License-Identifier: Apache-2.0
/* binary: bytes written as text: base64 (RFC 4648 sections 4 and 5) and hexadecimal, strictly.
 *
 * Holds     nothing. Pure functions over caller memory.
 * Threads   any.
 * Bounds    texts of any length; cost is linear.
 * Tests     tests/kernels/test_value.c
 */
#ifndef CUP_KERNELS_VALUE_BINARY_H
#define CUP_KERNELS_VALUE_BINARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* cup_base64_decode decodes text to out, which holds at least bytes / 4 * 3 bytes. url chooses the
 * alphabet with '-' and '_'. Padding is required, white space refused, unused bits must be zero.
 *
 * Returns   false when the text is not in this form; out is then undefined. */
CUP_MUST_CHECK bool cup_base64_decode(const uint8_t *text, size_t bytes, bool url, uint8_t *out,
                                      size_t *out_bytes);

/* cup_base64_encode writes (count + 2) / 3 * 4 bytes of the standard alphabet to out. */
size_t cup_base64_encode(const uint8_t *bytes, size_t count, uint8_t *out);

/* cup_hex_decode decodes pairs of hexadecimal digits of either case to bytes / 2 bytes. */
CUP_MUST_CHECK bool cup_hex_decode(const uint8_t *text, size_t bytes, uint8_t *out);

#endif
