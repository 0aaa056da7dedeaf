// SPDX-License-Identifier: Apache-2.0
/* text: a byte string that grows; for commit lines, plans, messages: never on the hot path.
 *
 * Holds     one malloc'ed buffer, always NUL-terminated (the NUL is not counted).
 * Owner     whoever holds the struct; zero-initialise it, cup_text_free at the end.
 * Threads   one.
 * Fails     when memory is short: `failed` is set, and every later call does nothing. Check once,
 * at the end. Bounds    CUP_TEXT_BYTES_MAX. Tests     tests/base/test_text.c
 */
#ifndef CUP_BASE_TEXT_H
#define CUP_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CUP_TEXT_BYTES_MAX (1u << 30) /* a commit of a million files is about 400 MB */

struct cup_text {
    char  *at; /* NULL while empty */
    size_t bytes, cap;
    bool   failed;
};

void cup_text_put(struct cup_text *text, const void *bytes, size_t count);
/* cup_text_room appends count bytes for the caller to fill; NULL when there is no memory. */
void *cup_text_room(struct cup_text *text, size_t count);
void  cup_text_puts(struct cup_text *text, const char *string);
void  cup_text_printf(struct cup_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* cup_text_json appends bytes as a JSON string with its quotes; bytes must be UTF-8. */
void cup_text_json(struct cup_text *text, const void *bytes, size_t count);

/* cup_text_clear keeps the memory, cup_text_free gives it back. */
void cup_text_clear(struct cup_text *text);
void cup_text_free(struct cup_text *text);

#endif
