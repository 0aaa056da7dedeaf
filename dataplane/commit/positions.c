// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/journal.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64u /* a power of two */

static uint64_t hash(const char *path)
{
    uint64_t value = 14695981039346656037u; /* FNV-1a */

    for (; *path != '\0'; path++)
        value = (value ^ (uint8_t)*path) * 1099511628211u;
    return value;
}

/* The bucket that holds path, or the free one where it belongs. */
static uint32_t find_bucket(const struct cup_positions *positions, const char *path)
{
    uint32_t mask = positions->bucket_count - 1;
    uint32_t at   = (uint32_t)hash(path) & mask;

    while (positions->buckets[at] != 0 &&
           strcmp(positions->list[positions->buckets[at] - 1]->path, path) != 0)
        at = (at + 1) & mask;
    return at;
}

struct cup_position *cup_positions_find(const struct cup_positions *positions, const char *path)
{
    if (positions->bucket_count == 0) return NULL;
    uint32_t index = positions->buckets[find_bucket(positions, path)];
    return index == 0 ? NULL : positions->list[index - 1];
}

/* Keeps the buckets at most half full. */
static bool grow(struct cup_positions *positions)
{
    if (positions->count == positions->cap) {
        uint32_t cap  = positions->cap == 0 ? BUCKETS_MIN / 2 : positions->cap * 2;
        void    *list = realloc(positions->list, cap * sizeof *positions->list);
        if (list == NULL) return false;
        positions->list = list;
        positions->cap  = cap;
    }
    if (positions->cap * 2 == positions->bucket_count) return true;
    uint32_t *buckets = calloc(positions->cap * 2u, sizeof *buckets);
    if (buckets == NULL) return false;
    free(positions->buckets);
    positions->buckets      = buckets;
    positions->bucket_count = positions->cap * 2;
    for (uint32_t i = 0; i < positions->count; i++)
        buckets[find_bucket(positions, positions->list[i]->path)] = i + 1;
    return true;
}

static void free_position(struct cup_position *position)
{
    if (position == NULL) return;
    free(position->path);
    free(position->topic);
    free(position);
}

struct cup_position *cup_positions_add(struct cup_positions *positions, const char *path,
                                       const char *topic)
{
    struct cup_position *position = cup_positions_find(positions, path);

    if (position != NULL) return position;
    CUP_ASSERT(positions->count < UINT32_MAX / 4);
    if (!grow(positions)) return NULL;
    position = calloc(1, sizeof *position);
    if (position == NULL) return NULL;
    position->path  = strdup(path);
    position->topic = strdup(topic);
    if (position->path == NULL || position->topic == NULL) {
        free_position(position);
        return NULL;
    }
    uint32_t bucket                   = find_bucket(positions, path);
    positions->list[positions->count] = position;
    positions->buckets[bucket]        = ++positions->count;
    return position;
}

void cup_positions_free(struct cup_positions *positions)
{
    for (uint32_t i = 0; i < positions->count; i++)
        free_position(positions->list[i]);
    free(positions->list);
    free(positions->buckets);
    *positions = (struct cup_positions){0};
}
