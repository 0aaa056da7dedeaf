// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "dataplane/commit/journal.h"

#define NAMES_MIN 32u /* a power of two */

static uint64_t hash(const char *name)
{
    uint64_t value = 14695981039346656037u; /* FNV-1a */

    for (; *name != '\0'; name++)
        value = (value ^ (uint8_t)*name) * 1099511628211u;
    return value;
}

/* The bucket that holds the name, or the free one where it belongs. */
static uint32_t find_bucket(const struct cup_names *names, const char *name)
{
    uint32_t mask = names->bucket_count - 1;
    uint32_t at   = (uint32_t)hash(name) & mask;

    while (names->buckets[at] != 0 && strcmp(names->list[names->buckets[at] - 1], name) != 0)
        at = (at + 1) & mask;
    return at;
}

uint32_t cup_names_find(const struct cup_names *names, const char *name)
{
    if (names->bucket_count == 0) return CUP_NAMES_NONE;
    uint32_t index = names->buckets[find_bucket(names, name)];
    return index == 0 ? CUP_NAMES_NONE : index - 1;
}

/* Keeps the buckets at most half full. */
static bool grow(struct cup_names *names)
{
    if (names->count == names->cap) {
        uint32_t cap  = names->cap == 0 ? NAMES_MIN : names->cap * 2;
        void    *list = realloc(names->list, cap * sizeof *names->list);
        if (list == NULL) return false;
        names->list = list;
        names->cap  = cap;
    }
    if (names->cap * 2 == names->bucket_count) return true;
    uint32_t *buckets = calloc(names->cap * 2ul, sizeof *buckets);
    if (buckets == NULL) return false;
    free(names->buckets);
    names->buckets      = buckets;
    names->bucket_count = names->cap * 2;
    for (uint32_t i = 0; i < names->count; i++)
        buckets[find_bucket(names, names->list[i])] = i + 1;
    return true;
}

bool cup_names_add(struct cup_names *names, const char *name)
{
    CUP_ASSERT(names->count < UINT32_MAX / 4);
    if (!grow(names)) return false;
    uint32_t bucket = find_bucket(names, name);
    CUP_ASSERT(names->buckets[bucket] == 0);
    names->list[names->count] = name;
    names->buckets[bucket]    = ++names->count;
    return true;
}

void cup_names_free(struct cup_names *names)
{
    free(names->list);
    free(names->buckets);
    *names = (struct cup_names){0};
}
