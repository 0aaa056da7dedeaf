// SPDX-License-Identifier: Apache-2.0
#include "dataplane/worker/stage.h"

#include <string.h>

#define SLOTS 32768u /* twice the groups, so that chains stay short */
_Static_assert(SLOTS >= 2 * CUP_STAGE_GROUPS_MAX && (SLOTS & (SLOTS - 1)) == 0, "used as a mask");

#define GROUP_BYTES  (CUP_STAGE_GROUPS_MAX * sizeof(struct cup_stage_group))
#define INDEX_BYTES  (GROUP_BYTES + SLOTS * sizeof(uint32_t))
#define INDEX_BLOCKS ((uint32_t)((INDEX_BYTES + CUP_BLOCK_BYTES - 1) / CUP_BLOCK_BYTES))

void cup_stage_init(struct cup_stage *stage, struct cup_pool *pool, uint32_t block_max)
{
    CUP_ASSERT(block_max > 0);
    *stage           = (struct cup_stage){.pool = pool};
    stage->block_max = block_max < CUP_STAGE_BLOCKS_MAX ? block_max : CUP_STAGE_BLOCKS_MAX;
}

/* Murmur's mixing of words: partition values are short and alike. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0xff51afd7ed558ccdull;
    return hash ^ hash >> 32;
}

uint64_t cup_stage_hash(uint32_t table, const uint8_t *key, uint32_t key_bytes)
{
    uint64_t hash = mix(key_bytes, table), word;

    for (; key_bytes >= sizeof word; key += sizeof word, key_bytes -= (uint32_t)sizeof word) {
        memcpy(&word, key, sizeof word);
        hash = mix(hash, word);
    }
    word = 0;
    if (key_bytes > 0) memcpy(&word, key, key_bytes);
    return mix(hash, word);
}

static bool is_of(const struct cup_stage_group *group, uint64_t hash, uint32_t table,
                  const uint8_t *key, uint32_t key_bytes)
{
    const struct cup_staged *first = group->first;

    if (group->hash != hash || first->table != table || first->key_bytes != key_bytes) return false;
    return key_bytes == 0 || memcmp(first->bytes, key, key_bytes) == 0;
}

/* The group's slot, or the empty one where it would be. */
static uint32_t *find_slot(const struct cup_stage *stage, uint64_t hash, uint32_t table,
                           const uint8_t *key, uint32_t key_bytes)
{
    uint32_t at = (uint32_t)hash & (SLOTS - 1);

    while (stage->slots[at] != 0 &&
           !is_of(&stage->groups[stage->slots[at] - 1], hash, table, key, key_bytes))
        at = (at + 1) & (SLOTS - 1);
    return &stage->slots[at];
}

static bool open_index(struct cup_stage *stage)
{
    if (stage->groups != NULL) return true;
    uint8_t *run = cup_pool_take(stage->pool, INDEX_BLOCKS);
    if (run == NULL) return false;
    stage->groups = (struct cup_stage_group *)(void *)run;
    stage->slots  = (uint32_t *)(void *)(run + GROUP_BYTES);
    memset(stage->slots, 0, SLOTS * sizeof *stage->slots);
    stage->used = CUP_BLOCK_BYTES;
    return true;
}

static uint8_t *take_bytes(struct cup_stage *stage, uint32_t bytes)
{
    if (stage->used + bytes > CUP_BLOCK_BYTES) {
        if (stage->block_count == stage->block_max) return NULL;
        uint8_t *block = cup_pool_take(stage->pool, 1);
        if (block == NULL) return NULL;
        stage->blocks[stage->block_count++] = block;
        stage->used                         = 0;
    }
    uint8_t *at = stage->blocks[stage->block_count - 1] + stage->used;
    stage->used += bytes;
    return at;
}

struct cup_staged *cup_stage_put(struct cup_stage *stage, uint32_t table, const uint8_t *key,
                                 uint32_t key_bytes, uint32_t row_bytes)
{
    const struct cup_staged head = {.hash      = cup_stage_hash(table, key, key_bytes),
                                    .table     = table,
                                    .key_bytes = key_bytes,
                                    .row_bytes = row_bytes};

    CUP_ASSERT((uint64_t)key_bytes + row_bytes <= CUP_STAGE_ROW_MAX);
    if (!open_index(stage)) return NULL;
    uint32_t *slot = find_slot(stage, head.hash, table, key, key_bytes);
    if (*slot == 0 && stage->group_count == CUP_STAGE_GROUPS_MAX) return NULL;
    struct cup_staged *row =
        (struct cup_staged *)(void *)take_bytes(stage, cup_staged_bytes(&head));
    if (row == NULL) return NULL;
    *row = head;
    if (key_bytes > 0) memcpy(row->bytes, key, key_bytes);
    if (*slot == 0) {
        *slot                                 = ++stage->group_count;
        stage->groups[stage->group_count - 1] = (struct cup_stage_group){.hash = head.hash};
    }
    struct cup_stage_group *group = &stage->groups[*slot - 1];
    if (group->first == NULL)
        group->first = row;
    else
        group->last->next = row;
    group->last = row;
    group->row_count++;
    group->bytes += row_bytes;
    return row;
}

bool cup_stage_copy(struct cup_stage *stage, const struct cup_staged *row)
{
    struct cup_staged *copy =
        cup_stage_put(stage, row->table, row->bytes, row->key_bytes, row->row_bytes);

    if (copy == NULL) return false;
    memcpy(copy->bytes + copy->key_bytes, cup_staged_row(row), row->row_bytes);
    return true;
}

int cup_stage_compare(const struct cup_staged *a, const struct cup_staged *b)
{
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    if (a->table != b->table) return a->table < b->table ? -1 : 1;
    if (a->key_bytes != b->key_bytes) return a->key_bytes < b->key_bytes ? -1 : 1;
    return a->key_bytes == 0 ? 0 : memcmp(a->bytes, b->bytes, a->key_bytes);
}

static bool is_before(const struct cup_stage_group *a, const struct cup_stage_group *b)
{
    if (a->hash != b->hash) return a->hash < b->hash;
    return cup_stage_compare(a->first, b->first) < 0;
}

/* Lets the group at `at` sink to its place in the heap [0, count). */
static void sink(struct cup_stage_group *groups, uint32_t at, uint32_t count)
{
    struct cup_stage_group group = groups[at];

    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && is_before(&groups[child], &groups[child + 1])) child++;
        if (!is_before(&group, &groups[child])) break;
        groups[at] = groups[child];
    }
    groups[at] = group;
}

/* Heap sort: in place, where qsort would allocate. */
void cup_stage_sort(struct cup_stage *stage)
{
    struct cup_stage_group *groups = stage->groups;

    for (uint32_t i = stage->group_count / 2; i-- > 0;)
        sink(groups, i, stage->group_count);
    for (uint32_t last = stage->group_count; last-- > 1;) {
        struct cup_stage_group most = groups[0];
        groups[0]                   = groups[last];
        groups[last]                = most;
        sink(groups, 0, last);
    }
}

uint64_t cup_stage_bytes(const struct cup_stage *stage)
{
    if (stage->groups == NULL) return 0;
    return (uint64_t)(INDEX_BLOCKS + stage->block_count) * CUP_BLOCK_BYTES;
}

void cup_stage_clear(struct cup_stage *stage)
{
    if (stage->groups == NULL) return;
    for (uint32_t i = 0; i < stage->block_count; i++)
        cup_pool_give(stage->pool, stage->blocks[i], 1);
    cup_pool_give(stage->pool, (uint8_t *)stage->groups, INDEX_BLOCKS);
    stage->groups      = NULL;
    stage->slots       = NULL;
    stage->group_count = stage->block_count = 0;
}
