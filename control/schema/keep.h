// SPDX-License-Identifier: Apache-2.0
/* keep: memory that lives as long as a run: names, schema texts, column lists.
 *
 * Holds     one mapping of address space; pages are touched on first use, nothing is freed singly.
 * Owner     the command that runs (control has one thread).
 * Threads   one.
 * Fails     open (NO_MEMORY). Later calls cannot fail: whoever keeps what comes from outside asks
 *           cup_keep_room first and reports NO_MEMORY.
 * Bounds    CUP_KEEP_BYTES.
 * Tests     tests/control/test_names.c
 */
#ifndef CUP_CONTROL_SCHEMA_KEEP_H
#define CUP_CONTROL_SCHEMA_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CUP_KEEP_BYTES (1ull << 30) /* four times the largest plan: every text, and its lists */

struct cup_keep {
    uint8_t *at;
    size_t   used;
};

CUP_MUST_CHECK enum cup_err cup_keep_open(struct cup_keep *keep, struct cup_fault *out_fault);
void                        cup_keep_close(struct cup_keep *keep);

/* cup_keep_room says whether `bytes` more fit. */
bool cup_keep_room(const struct cup_keep *keep, size_t bytes);

/* cup_keep_bytes lends zeroed memory, aligned for any object; asserts that it fits. */
void *cup_keep_bytes(struct cup_keep *keep, size_t bytes);

/* cup_keep_text copies bytes and puts a NUL behind them. */
const char *cup_keep_text(struct cup_keep *keep, const char *text, size_t bytes);
const char *cup_keep_string(struct cup_keep *keep, const char *string);

/* cup_keep_grow makes room for element `count` of a list: returns list, or a copy twice as long
 * when *cap elements are in use. */
void *cup_keep_grow(struct cup_keep *keep, void *list, uint32_t count, uint32_t *cap,
                    size_t element_bytes);

#endif
