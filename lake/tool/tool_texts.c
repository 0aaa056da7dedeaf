// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_texts.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"

static uint32_t find_slot(const struct cup_texts *names, const char *at, size_t bytes)
{
    uint32_t mask = names->slot_count - 1;
    uint64_t hash = cup_hash_bytes(CUP_HASH_START, at, bytes);
    uint32_t slot = (uint32_t)(hash ^ hash >> 32) & mask;

    CUP_ASSERT(names->slot_count > names->count);
    for (; names->slots[slot] != 0; slot = (slot + 1) & mask) {
        const char *name = names->list[names->slots[slot] - 1];
        if (strlen(name) == bytes && memcmp(name, at, bytes) == 0) break;
    }
    return slot;
}

static int grow(struct cup_texts *names)
{
    if (names->count < names->cap) return 1;
    if (names->cap > UINT32_MAX / 8) return 0;
    uint32_t  cap   = names->cap ? names->cap * 2 : 64;
    char    **list  = realloc(names->list, cap * sizeof *list);
    uint32_t *slots = calloc((size_t)cap * 2, sizeof *slots);
    if (list != NULL) names->list = list;
    if (list == NULL || slots == NULL) {
        free(slots);
        return 0;
    }
    free(names->slots);
    names->slots      = slots;
    names->slot_count = cap * 2;
    names->cap        = cap;
    for (uint32_t i = 0; i < names->count; i++)
        slots[find_slot(names, list[i], strlen(list[i]))] = i + 1;
    return 1;
}

uint32_t cup_texts_find(const struct cup_texts *names, const char *at, size_t bytes)
{
    CUP_ASSERT(at != NULL || bytes == 0);
    if (names->count == 0) return CUP_NAME_NONE;
    uint32_t entry = names->slots[find_slot(names, at, bytes)];
    return entry != 0 ? entry - 1 : CUP_NAME_NONE;
}

uint32_t cup_texts_put(struct cup_texts *names, const char *at, size_t bytes)
{
    uint32_t found = cup_texts_find(names, at, bytes);

    if (found != CUP_NAME_NONE) return found;
    if (!grow(names)) return CUP_NAME_NONE;
    char *copy = strndup(at, bytes);
    if (copy == NULL) return CUP_NAME_NONE;
    names->slots[find_slot(names, at, bytes)] = names->count + 1;
    names->list[names->count]                 = copy;
    return names->count++;
}

void cup_texts_free(struct cup_texts *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
    free(names->slots);
    *names = (struct cup_texts){0};
}
