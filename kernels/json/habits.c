// SPDX-License-Identifier: Apache-2.0
#include "kernels/json/json_priv.h"

#include <string.h>

#define QUOTES_AND_COLON 3u
#define KEY_BYTES_MAX    (CUP_JSON_HABIT_BYTES - QUOTES_AND_COLON)
#define SIBLINGS_MAX     128u /* tables with other first columns; a search passes them all */

/* Records of other kinds may have filled the tree; learning anew costs what it cost at first, so it
 * must be rare. */
#define REFUSED_MAX (1u << 16)

void cup_json_priv_begin_habits(struct cup_json *json)
{
    memset(json->habits, 0, CUP_JSON_HABIT_COUNT * sizeof *json->habits);
    json->habits[CUP_JSON_HABIT_NONE].head = 1; /* and its tail is another: no text has both */
    json->habit_count                      = CUP_JSON_HABIT_COUNT;
    json->habit_refused_count              = 0;
}

void cup_json_priv_renew_habits(struct cup_json *json)
{
    if (__builtin_expect(json->habit_refused_count < REFUSED_MAX, 1)) return;
    if (json->key_id_base > UINT32_MAX - 2 * CUP_JSON_KEY_IDS) return; /* no id ever comes twice */
    json->key_id_base += CUP_JSON_KEY_IDS;
    cup_json_priv_begin_habits(json);
    cup_json_priv_forget_shapes(json); /* their nodes have the old ids */
}

static bool is_key(const struct cup_json *json, uint32_t index, const uint8_t *key, uint32_t bytes)
{
    return json->habits[index].key_bytes == bytes &&
           memcmp(json->habit_texts[index] + 1, key, bytes) == 0;
}

uint32_t cup_json_priv_follow(struct cup_json *json, uint32_t habit, const uint8_t *key,
                              uint32_t bytes)
{
    struct cup_json_habit *from = &json->habits[habit];
    uint32_t              *link = &from->first;

    while (*link != CUP_JSON_HABIT_NONE && !is_key(json, *link, key, bytes))
        link = &json->habits[*link].sibling;
    uint32_t found = *link;
    if (found == CUP_JSON_HABIT_NONE) return CUP_JSON_HABIT_LOST;
    *link                       = json->habits[found].sibling;
    json->habits[found].sibling = from->first;
    from->first                 = found;
    return found;
}

/* A new habit with nothing behind it; NONE when the tree is full. */
static uint32_t add_habit(struct cup_json *json)
{
    if (json->habit_count == CUP_JSON_KEY_IDS) return CUP_JSON_HABIT_NONE;
    json->habits[json->habit_count] = (struct cup_json_habit){0};
    return json->habit_count++;
}

/* Adds the key behind `from`; NONE when it cannot be a habit. */
static uint32_t add_key(struct cup_json *json, uint32_t from, const uint8_t *key, uint32_t bytes)
{
    if (bytes > KEY_BYTES_MAX) return CUP_JSON_HABIT_NONE;
    bool     crowded = json->habits[from].sibling_count == SIBLINGS_MAX;
    uint32_t index   = crowded ? CUP_JSON_HABIT_NONE : add_habit(json);
    if (index == CUP_JSON_HABIT_NONE) {
        json->habit_refused_count++;
        return index;
    }

    struct cup_json_habit *habit  = &json->habits[index];
    uint8_t               *text   = json->habit_texts[index];
    uint32_t               quoted = bytes + QUOTES_AND_COLON;
    memset(text, 0, CUP_JSON_HABIT_BYTES);
    text[0] = '"';
    memcpy(text + 1, key, bytes);
    memcpy(text + 1 + bytes, "\":", 2);
    habit->key_bytes         = (uint8_t)bytes;
    habit->tail_at           = (uint8_t)(quoted > 8 ? quoted - 8 : 0);
    habit->spare_bits        = (uint8_t)(quoted < 8 ? 64 - 8 * quoted : 0);
    habit->head              = cup_json_priv_load8(text);
    habit->tail              = cup_json_priv_load8(text + habit->tail_at);
    habit->sibling           = json->habits[from].first;
    json->habits[from].first = index;
    json->habits[from].sibling_count++;
    return index;
}

void cup_json_priv_learn(struct cup_json *json, const uint8_t *buf, uint32_t place,
                         const struct cup_json_frame *frame)
{
    uint32_t habit = frame->start;

    CUP_ASSERT(place != CUP_JSON_HABIT_NONE);
    if (habit == CUP_JSON_HABIT_NONE) {
        habit = json->habits[place].inside; /* an element before this one may have made it */
        if (habit == CUP_JSON_HABIT_NONE) habit = add_habit(json);
        json->habits[place].inside = habit;
    }
    const struct cup_json_node *node = &json->nodes[frame->node + 1];
    for (uint32_t i = 0; i < frame->count && habit != CUP_JSON_HABIT_NONE; i++) {
        if (node->flags & CUP_JSON_KEY_ESCAPED) return;
        const uint8_t *key  = buf + node->key_at;
        uint32_t       next = cup_json_priv_follow(json, habit, key, node->key_bytes);
        if (next == CUP_JSON_HABIT_LOST) next = add_key(json, habit, key, node->key_bytes);
        habit = next;
        node  = &json->nodes[node->next];
    }
}
