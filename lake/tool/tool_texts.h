// SPDX-License-Identifier: Apache-2.0
/* texts: texts by number, each kept once: inputs, paths.
 *
 * Holds     malloc'ed copies; zero-initialise, cup_texts_free at the end.
 * Owner     whoever holds the struct.
 * Threads   one.
 * Fails     put, when memory is short or four billion names are kept: CUP_NAME_NONE.
 * Tests     tests/lake/test_verify.c
 */
#ifndef CUP_LAKE_TOOL_TOOL_TEXTS_H
#define CUP_LAKE_TOOL_TOOL_TEXTS_H

#include <stddef.h>
#include <stdint.h>

#define CUP_NAME_NONE UINT32_MAX

struct cup_texts {
    char    **list; /* NUL-terminated, by number */
    uint32_t  count, cap;
    uint32_t *slots; /* number + 1; 0 = free */
    uint32_t  slot_count;
};

/* cup_texts_put gives the number of a text, a new one for a new text. */
uint32_t cup_texts_put(struct cup_texts *names, const char *at, size_t bytes);
/* cup_texts_find gives CUP_NAME_NONE when the text is not kept. */
uint32_t cup_texts_find(const struct cup_texts *names, const char *at, size_t bytes);
void     cup_texts_free(struct cup_texts *names);

#endif
