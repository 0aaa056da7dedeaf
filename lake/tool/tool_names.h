// SPDX-License-Identifier: Apache-2.0
/* names: texts by number, each kept once: inputs, paths.
 *
 * Holds     malloc'ed copies; zero-initialise, cup_names_free at the end.
 * Owner     whoever holds the struct.
 * Threads   one.
 * Fails     put, when memory is short or four billion names are kept: CUP_NAME_NONE.
 * Tests     tests/lake/test_verify.c
 */
#ifndef CUP_LAKE_TOOL_TOOL_NAMES_H
#define CUP_LAKE_TOOL_TOOL_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define CUP_NAME_NONE UINT32_MAX

struct cup_names {
    char    **list; /* NUL-terminated, by number */
    uint32_t  count, cap;
    uint32_t *slots; /* number + 1; 0 = free */
    uint32_t  slot_count;
};

/* cup_names_put gives the number of a text, a new one for a new text. */
uint32_t cup_names_put(struct cup_names *names, const char *at, size_t bytes);
/* cup_names_find gives CUP_NAME_NONE when the text is not kept. */
uint32_t cup_names_find(const struct cup_names *names, const char *at, size_t bytes);
void     cup_names_free(struct cup_names *names);

#endif
