// SPDX-License-Identifier: Apache-2.0
/* pattern: a regular expression of a contract, compiled once, matched in bounded time.
 *
 *   "^[A-Z]{2}$" --open--> program --match("DE")--> YES | NO | GAVE_UP
 *
 * Semantics are those of ECMA-262 as JSON schema uses them: a search, not anchored.
 *
 * Holds     the program, its machine code and a stack for it.
 * Owner     one thread: a worker opens its own.
 * Threads   one.
 * Fails     open only: BAD_CONFIG with PCRE2's words, NO_MEMORY. A match that takes too long is a
 *           verdict.
 * Bounds    CUP_PATTERN_BYTES_MAX, CUP_PATTERN_STEPS_MAX, CUP_PATTERN_STACK_BYTES.
 * Tests     tests/kernels/test_pattern.c
 */
#ifndef CUP_KERNELS_PATTERN_PATTERN_H
#define CUP_KERNELS_PATTERN_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CUP_PATTERN_BYTES_MAX   4096u
#define CUP_PATTERN_STEPS_MAX   100000u      /* a pattern that is no trap takes a few per byte */
#define CUP_PATTERN_STACK_BYTES (256u << 10) /* of machine code; nested groups need it */

struct cup_pattern;

enum cup_pattern_verdict { CUP_PATTERN_YES, CUP_PATTERN_NO, CUP_PATTERN_GAVE_UP };

/* cup_pattern_open compiles text[0..bytes), which must be UTF-8.
 *
 * Returns   CUP_BAD_CONFIG with what is wrong in out_fault->where and the byte in at_offset. */
CUP_MUST_CHECK enum cup_err cup_pattern_open(const char *text, size_t bytes,
                                             struct cup_pattern **out_pattern,
                                             struct cup_fault    *out_fault);
void                        cup_pattern_close(struct cup_pattern *pattern);

/* cup_pattern_match searches text[0..bytes), which is valid UTF-8.
 *
 * Cost      linear for plain patterns; never more than the bounds above. */
CUP_MUST_CHECK enum cup_pattern_verdict cup_pattern_match(struct cup_pattern *pattern,
                                                          const uint8_t *text, size_t bytes);

#endif
