// SPDX-License-Identifier: Apache-2.0
#include "kernels/json/json_priv.h"

#include <string.h>

#define SMALL_SLOTS   1024u /* 4 KiB: stays in L1; most objects have far fewer members */
#define SMALL_MEMBERS 64u   /* above that the table grows with the object */
_Static_assert(SMALL_SLOTS >= 4 * SMALL_MEMBERS, "searches must stay short");

/* The key of a node without escapes: in the buffer, or in `scratch`. */
static const uint8_t *plain_key(const uint8_t *buf, const struct cup_json_node *node,
                                uint8_t *scratch, uint32_t *out_bytes)
{
    const uint8_t *raw = buf + node->key_at;

    if ((node->flags & CUP_JSON_KEY_ESCAPED) == 0) {
        *out_bytes = node->key_bytes;
        return raw;
    }
    *out_bytes = cup_json_unescape(raw, node->key_bytes, scratch);
    return scratch;
}

static bool equal_keys(struct cup_json *json, const uint8_t *buf, uint32_t a, uint32_t b)
{
    uint32_t       a_bytes, b_bytes;
    const uint8_t *a_key = plain_key(buf, &json->nodes[a], json->key_text[0], &a_bytes);
    const uint8_t *b_key = plain_key(buf, &json->nodes[b], json->key_text[1], &b_bytes);

    return a_bytes == b_bytes && memcmp(a_key, b_key, a_bytes) == 0;
}

/* A stamp that no slot carries. */
static uint32_t next_stamp(struct cup_json *json)
{
    if (json->stamp == UINT16_MAX) {
        memset(json->slots, 0, json->slot_count * sizeof *json->slots);
        json->stamp = 0;
    }
    return ++json->stamp;
}

uint32_t cup_json_priv_twice(struct cup_json *json, const uint8_t *buf,
                             const struct cup_json_key *keys, uint32_t count)
{
    CUP_ASSERT(count <= json->limits.members_max);

    uint32_t  mask  = SMALL_SLOTS - 1;
    uint32_t  stamp = next_stamp(json);
    uint32_t *slots = json->slots;
    while (mask + 1 < json->slot_count && (mask + 1) / 4 < count)
        mask = mask * 2 + 1;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = keys[i].hash & mask;
        for (; slots[slot] >> 16 == stamp; slot = (slot + 1) & mask) {
            uint32_t other = slots[slot] & 0xFFFF;
            if (keys[other].hash == keys[i].hash &&
                equal_keys(json, buf, keys[other].node, keys[i].node))
                return i;
        }
        slots[slot] = stamp << 16 | i;
    }
    return 0;
}
