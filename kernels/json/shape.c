// SPDX-License-Identifier: Apache-2.0
/* Shapes: what a record was like, so that the next one like it is not walked but compared.
 *
 *   {"id":17,"who":{"name":"Ann"}}
 *   ~~~~~~  ~~~~~~~~~~~~~~~     ~~   runs: the bytes between values, compared
 *         17               "Ann"     values, read where the run before them ends
 *
 * A run begins at an entry and outside of strings, so equal bytes are equal entries; a value is one
 * entry, or a known text. So, run by run, all entries of the record stand as they did, and with
 * them its grammar, depth and keys: those of a record that was accepted. */
#include "kernels/json/json_priv.h"

#include <stdlib.h>

#define LEARN_COST  64u /* records that one shape may cost: what never settles costs no more */
#define CREDIT_MOST (CUP_JSON_SHAPES * LEARN_COST)

void cup_json_priv_open_shapes(struct cup_json *json)
{
    for (uint32_t i = 0; i < CUP_JSON_SHAPES; i++)
        json->shapes[i] = &json->shape_places[i];
    cup_json_priv_forget_shapes(json);
}

void cup_json_priv_close_shapes(struct cup_json *json)
{
    for (uint32_t i = 0; i < CUP_JSON_SHAPES; i++)
        free(json->shape_places[i].runs);
}

void cup_json_priv_forget_shapes(struct cup_json *json)
{
    memset(json->sightings, 0, sizeof json->sightings);
    json->shape_count  = 0;
    json->shape_credit = CREDIT_MOST;
}

/* Without memory for it, a shape is not learnt. */
static bool make_room(struct cup_json_shape *shape, uint32_t node_count)
{
    if (node_count <= shape->node_cap) return true;
    free(shape->runs);
    shape->node_cap = 0;
    shape->runs     = malloc((node_count + 1) * sizeof *shape->runs +
                             node_count * (sizeof *shape->nodes + sizeof *shape->boxes));
    if (shape->runs == NULL) return false;
    shape->node_cap = node_count;
    shape->nodes    = (struct cup_json_node *)(shape->runs + node_count + 1);
    shape->boxes    = (struct cup_json_box *)(shape->nodes + node_count);
    return true;
}

/* Fills the run of entries from `first` on, up to the byte at `end`. */
static bool fill_run(const struct cup_json_walk *walk, uint32_t first, uint32_t end,
                     struct cup_json_run *run)
{
    uint32_t at = walk->pos[first], bytes = end - at;

    if (bytes > CUP_JSON_RUN_BYTES) return false;
    memcpy(run->text, walk->text + at, bytes);
    memset(run->mask, 0xFF, bytes);
    run->entry  = first;
    run->pieces = (uint8_t)((bytes + sizeof *run->text - 1) / sizeof *run->text);
    return true;
}

/* How many entries lie between entry `first` and the one at `at`. */
static uint32_t count_entries(const struct cup_json_walk *walk, uint32_t first, uint32_t at)
{
    uint32_t entry = first;

    while (walk->pos[entry] < at)
        entry++;
    return entry - first;
}

/* The closing bracket of each box is in a run behind its opening one. */
static void fill_closers(const struct cup_json *json, struct cup_json_shape *shape,
                         const struct cup_json_walk *walk)
{
    for (uint32_t i = 0; i < shape->box_count; i++) {
        struct cup_json_box        *box  = &shape->boxes[i];
        const struct cup_json_node *node = &json->nodes[box->node];
        uint32_t                    at   = node->at + node->bytes - 1 - walk->base;
        const struct cup_json_run  *run  = shape->runs + shape->run_count - 1;
        while (walk->pos[run->entry] > at)
            run--;
        box->close_entry = run->entry;
        box->close_at    = (uint8_t)(at - walk->pos[run->entry]);
    }
}

/* A text that may be a known one tomorrow is another node then. */
static bool may_be_known(const struct cup_json_walk *walk, const struct cup_json_node *node)
{
    return node->kind == CUP_JSON_OBJECT && (node->flags & CUP_JSON_KNOWN) == 0 &&
           cup_json_priv_is_schema(walk, node);
}

/* False when the record is none that a shape can tell. */
static bool fill_shape(const struct cup_json *json, const struct cup_json_walk *walk,
                       uint32_t node_count, uint32_t entry_count, struct cup_json_shape *shape)
{
    uint32_t first = 0; /* entry behind the last value */

    shape->entry_count = entry_count;
    shape->node_count  = node_count;
    shape->box_count = shape->run_count = 0;
    for (uint32_t i = 0; i < node_count; i++) {
        const struct cup_json_node *node  = &json->nodes[i];
        uint32_t                    begin = walk->pos[first], key_at = 0;
        uint32_t at = node->at - walk->base - (node->kind == CUP_JSON_STRING), token_count = 1;
        if (may_be_known(walk, node)) return false;
        if (at > begin + CUP_JSON_RUN_BYTES || at < begin) return false;
        if (node->key_at != 0) key_at = node->key_at - walk->base - begin;
        shape->nodes[i] = *node;
        if (node->kind >= CUP_JSON_ARRAY && (node->flags & CUP_JSON_KNOWN) == 0) {
            shape->boxes[shape->box_count++] =
                (struct cup_json_box){.open_entry = first,
                                      .node       = (uint16_t)i,
                                      .open_at    = (uint8_t)(at - begin),
                                      .key_at     = (uint8_t)key_at};
            continue;
        }
        if (node->flags & CUP_JSON_KNOWN) token_count = walk->known[node->child_count].token_count;
        struct cup_json_run *run = &shape->runs[shape->run_count++];
        *run       = (struct cup_json_run){.node = &shape->nodes[i], .key_at = (uint8_t)key_at};
        run->known = (node->flags & CUP_JSON_KNOWN) != 0;
        if (!fill_run(walk, first, at, run)) return false;
        run->token_count = (uint8_t)count_entries(walk, first, at);
        first += run->token_count + token_count;
    }
    struct cup_json_run *last = &shape->runs[shape->run_count++];
    *last                     = (struct cup_json_run){0};
    if (first >= entry_count || !fill_run(walk, first, walk->pos[entry_count - 1] + 1, last))
        return false;
    fill_closers(json, shape, walk);
    return true;
}

/* What two records of one shape have in common; false: one that a shape cannot tell. Keys whose id
 * is unknown are new, or escaped, or too many: no shape is worth it yet. */
static bool sum_up(const struct cup_json *json, uint32_t node_count, uint32_t *out_sum)
{
    uint64_t sum = node_count;

    for (uint32_t i = 0; i < node_count; i++) {
        const struct cup_json_node *node = &json->nodes[i];
        if (node->key_at != 0 && node->key_id == 0) return false;
        uint64_t is =
            (uint64_t)node->key_id << 32 | node->child_count << 1 | (node->kind >= CUP_JSON_ARRAY);
        sum = cup_json_priv_mix(sum ^ is, 0x9e3779b97f4a7c15u);
    }
    *out_sum = (uint32_t)(sum >> 32) | 1; /* never 0, which is an empty place */
    return true;
}

void cup_json_priv_learn_shape(struct cup_json *json, const struct cup_json_walk *walk,
                               uint32_t node_count, uint32_t entry_count)
{
    uint32_t sum;

    if (json->shape_credit < CREDIT_MOST) json->shape_credit++;
    if (json->shape_credit < LEARN_COST || node_count > CUP_JSON_SHAPE_NODES) return;
    if (json->nodes[0].kind < CUP_JSON_ARRAY || !sum_up(json, node_count, &sum)) return;
    uint32_t *sighting = &json->sightings[(sum >> 1) % CUP_JSON_SIGHTINGS];
    if (*sighting != sum) { /* only what comes again is worth it */
        *sighting = sum;
        return;
    }
    json->shape_credit -= LEARN_COST;
    bool                   full = json->shape_count == CUP_JSON_SHAPES;
    uint32_t               last = full ? CUP_JSON_SHAPES - 1 : json->shape_count;
    struct cup_json_shape *made = json->shapes[last];
    if (full) json->shape_count--; /* the one that was not used for longest */
    if (!make_room(made, node_count)) return;
    if (!fill_shape(json, walk, node_count, entry_count, made)) return;
    json->shape_count = last + 1;
    cup_json_priv_use_shape(json, last);
}

void cup_json_priv_use_shape(struct cup_json *json, uint32_t index)
{
    struct cup_json_shape *shape = json->shapes[index];

    memmove(json->shapes + 1, json->shapes, index * sizeof *json->shapes);
    json->shapes[0] = shape;
}
