// SPDX-License-Identifier: Apache-2.0
#include "dataplane/source/topics_priv.h"

#include <string.h>

enum cup_err cup_topics_priv_open(struct cup_topics *topics, struct cup_pool *pool,
                                  uint32_t input_count, struct cup_fault *out_fault)
{
    uint32_t cap = input_count + CUP_TOPICS_MAX, slots = 1;

    while (slots < 2 * cap)
        slots *= 2;
    *topics             = (struct cup_topics){.pool = pool, .cap = cap, .slot_mask = slots - 1};
    topics->blocks.pool = pool;
    topics->rows        = calloc(cap, sizeof *topics->rows);
    topics->slots       = calloc(slots, sizeof *topics->slots);
    if (topics->rows == NULL || topics->slots == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "table of topics", NULL);
    return CUP_OK;
}

void cup_topics_priv_close(struct cup_topics *topics)
{
    if (topics->pool != NULL) cup_chain_clear(&topics->blocks);
    for (uint32_t i = 0; i < topics->count; i++)
        if (topics->rows[i].own) free((void *)(uintptr_t)topics->rows[i].name);
    free(topics->rows);
    free(topics->slots);
    *topics = (struct cup_topics){0};
}

/* FNV-1a */
static uint32_t hash_name(const uint8_t *name, uint32_t bytes)
{
    uint32_t hash = 2166136261u;

    for (uint32_t i = 0; i < bytes; i++)
        hash = (hash ^ name[i]) * 16777619u;
    return hash;
}

static bool is_topic(const struct cup_topic *topic, const uint8_t *name, uint32_t bytes)
{
    return topic->bytes == bytes && memcmp(topic->name, name, bytes) == 0;
}

/* The slot that holds the name, or the free one where it belongs. */
static uint32_t *find_slot(const struct cup_topics *topics, const uint8_t *name, uint32_t bytes,
                           uint32_t hash)
{
    uint32_t at = hash & topics->slot_mask;

    CUP_ASSERT(topics->count <= topics->slot_mask / 2 + 1);
    for (;; at = (at + 1) & topics->slot_mask) {
        if (topics->slots[at] == 0) return &topics->slots[at];
        const struct cup_topic *topic = &topics->rows[topics->slots[at] - 1];
        if (topic->hash == hash && is_topic(topic, name, bytes)) return &topics->slots[at];
    }
}

static uint32_t add(struct cup_topics *topics, uint32_t *slot, const char *name, uint32_t bytes,
                    uint32_t hash)
{
    CUP_ASSERT(topics->count < topics->cap);
    CUP_ASSERT(*slot == 0);

    topics->rows[topics->count] = (struct cup_topic){.name = name, .bytes = bytes, .hash = hash};
    *slot                       = ++topics->count;
    return *slot - 1;
}

uint32_t cup_topics_priv_file(struct cup_topics *topics, const char *name, uint32_t bytes)
{
    uint32_t  hash = hash_name((const uint8_t *)name, bytes);
    uint32_t *slot = find_slot(topics, (const uint8_t *)name, bytes, hash);

    return *slot != 0 ? *slot - 1 : add(topics, slot, name, bytes, hash);
}

/* Room for one file more, beside the names that dumps may bring. */
static bool make_room(struct cup_topics *topics)
{
    uint32_t cap = topics->cap * 2, slots = (topics->slot_mask + 1) * 2;

    if (topics->count < topics->cap - (CUP_TOPICS_MAX - topics->dump_count)) return true;
    void     *rows = realloc(topics->rows, cap * sizeof *topics->rows);
    uint32_t *made = rows == NULL ? NULL : calloc(slots, sizeof *made);
    if (rows != NULL) topics->rows = rows;
    if (made == NULL) return false;
    free(topics->slots);
    topics->slots     = made;
    topics->slot_mask = slots - 1;
    topics->cap       = cap;
    for (uint32_t i = 0; i < topics->count; i++) {
        const struct cup_topic *topic = &topics->rows[i];
        *find_slot(topics, (const uint8_t *)topic->name, topic->bytes, topic->hash) = i + 1;
    }
    return true;
}

enum cup_err cup_topics_priv_followed(struct cup_topics *topics, const char *name,
                                      uint32_t *out_topic, struct cup_fault *out_fault)
{
    uint32_t bytes = (uint32_t)strlen(name), hash = hash_name((const uint8_t *)name, bytes);

    if (!make_room(topics)) return cup_fault_set(out_fault, CUP_NO_MEMORY, "topics", name);
    uint32_t *slot = find_slot(topics, (const uint8_t *)name, bytes, hash);
    if (*slot == 0) {
        const char *copy = strdup(name);
        if (copy == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "topics", name);
        topics->rows[add(topics, slot, copy, bytes, hash)].own = true;
    }
    *out_topic = *slot - 1;
    return CUP_OK;
}

/* Copies the name with its NUL into one block, so that it is one text. */
static const char *keep_name(struct cup_topics *topics, const uint8_t *name, uint32_t bytes)
{
    uint8_t                 text[CUP_TOPIC_PATH_MAX + 1] = {0};
    struct cup_chain_block *last                         = topics->blocks.last;

    CUP_ASSERT(bytes <= CUP_TOPIC_PATH_MAX);
    memcpy(text, name, bytes);
    if (last != NULL && last->used + bytes + 1 > CUP_CHAIN_DATA_BYTES) {
        /* padded, so that no name lies across two blocks */
        uint8_t  zero[CUP_TOPIC_PATH_MAX + 1] = {0};
        uint32_t pad                          = CUP_CHAIN_DATA_BYTES - last->used;
        if (!cup_chain_append(&topics->blocks, zero, pad)) return NULL;
    }
    if (!cup_chain_append(&topics->blocks, text, bytes + 1)) return NULL;
    last = topics->blocks.last;
    CUP_ASSERT(last->used >= bytes + 1);
    return (const char *)last->data + last->used - bytes - 1;
}

enum cup_err cup_topics_priv_dump(struct cup_topics *topics, const uint8_t *name, uint32_t bytes,
                                  uint32_t *out_topic)
{
    if (topics->last < topics->count && is_topic(&topics->rows[topics->last], name, bytes)) {
        *out_topic = topics->last;
        return CUP_OK;
    }
    uint32_t  hash = hash_name(name, bytes);
    uint32_t *slot = find_slot(topics, name, bytes, hash);
    if (*slot == 0) {
        if (topics->dump_count == CUP_TOPICS_MAX) return CUP_END;
        const char *text = keep_name(topics, name, bytes);
        if (text == NULL) return CUP_NO_MEMORY;
        (void)add(topics, slot, text, bytes, hash); /* its number is read from the slot */
        topics->dump_count++;
    }
    *out_topic = topics->last = *slot - 1;
    return CUP_OK;
}
