// SPDX-License-Identifier: Apache-2.0
#include "lake/delta_priv.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (4u << 10) /* a schema of fifty columns fits */

struct cup_delta_priv_chunk {
    struct cup_delta_priv_chunk *next;
    size_t                       used, cap;
    alignas(max_align_t) uint8_t data[];
};

void *cup_delta_priv_take(struct cup_delta_priv_arena *arena, size_t bytes)
{
    const size_t                 unit  = alignof(max_align_t);
    struct cup_delta_priv_chunk *chunk = arena->chunks;

    CUP_ASSERT(bytes < SIZE_MAX / 2);
    bytes = (bytes + unit - 1) / unit * unit;
    if (chunk == NULL || chunk->cap - chunk->used < bytes) {
        size_t cap = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        chunk      = calloc(1, sizeof *chunk + cap);
        if (chunk == NULL) return NULL;
        chunk->cap    = cap;
        chunk->next   = arena->chunks;
        arena->chunks = chunk;
    }
    void *memory = chunk->data + chunk->used;
    chunk->used += bytes;
    CUP_ASSERT(chunk->used <= chunk->cap);
    return memory;
}

char *cup_delta_priv_copy(struct cup_delta_priv_arena *arena, const void *bytes, size_t count)
{
    CUP_ASSERT(bytes != NULL || count == 0);
    char *copy = cup_delta_priv_take(arena, count + 1);
    if (copy != NULL && count > 0) memcpy(copy, bytes, count);
    return copy;
}

void cup_delta_priv_release(struct cup_delta_priv_arena *arena)
{
    while (arena->chunks != NULL) {
        struct cup_delta_priv_chunk *chunk = arena->chunks;
        arena->chunks                      = chunk->next;
        free(chunk);
    }
}

/* --- JSON --- */

#define JSON_BYTES_MIN (64u << 10) /* nearly every line; the parser is remade for longer ones */

/* As wide as the parser goes: foreign logs are not ours to judge. */
static const struct cup_json_limits limits = {
    .depth_max = 256, .members_max = 65536, .key_bytes_max = 4096, .number_bytes_max = 4096};
_Static_assert(256 > 3 * CUP_DELTA_PRIV_DEPTH_MAX, "a schema level takes up to three JSON levels");

static enum cup_err grow_parser(struct cup_delta_priv_memory *memory, size_t bytes,
                                struct cup_fault *out_fault)
{
    size_t want = JSON_BYTES_MIN;

    if (bytes > CUP_DELTA_LINE_BYTES_MAX)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a log line is longer than 64 MiB", NULL);
    while (want < bytes)
        want *= 2;
    cup_delta_priv_rest(memory);
    enum cup_err err = cup_json_open("auto", want, limits, &memory->json, out_fault);
    if (err == CUP_OK) memory->json_bytes = want;
    return err;
}

void cup_delta_priv_rest(struct cup_delta_priv_memory *memory)
{
    cup_json_close(memory->json);
    memory->json       = NULL;
    memory->json_bytes = 0;
}

enum cup_err cup_delta_priv_parse(struct cup_delta_priv_memory *memory, const char *at,
                                  size_t bytes, struct cup_delta_priv_json *out_json,
                                  struct cup_fault *out_fault)
{
    struct cup_delta_priv_json json = {.at = (const uint8_t *)at};

    CUP_ASSERT(at != NULL);
    if (memory->json == NULL || bytes > memory->json_bytes) {
        enum cup_err err = grow_parser(memory, bytes, out_fault);
        if (err != CUP_OK) return err;
    }
    cup_json_text(memory->json, json.at, (uint32_t)bytes, &json.doc);
    if (json.doc.verdict != CUP_JSON_OK || json.doc.nodes[0].kind != CUP_JSON_OBJECT)
        return cup_fault_set(out_fault, CUP_CORRUPT, "read a JSON object", NULL);
    *out_json = json;
    return CUP_OK;
}

uint32_t cup_delta_priv_member(const struct cup_delta_priv_json *json, uint32_t object,
                               const char *name)
{
    CUP_ASSERT(json->doc.nodes[object].kind == CUP_JSON_OBJECT);
    uint32_t node = cup_json_member(json->at, &json->doc, object, name, strlen(name));
    return node != 0 && json->doc.nodes[node].kind != CUP_JSON_NULL ? node : 0;
}

bool cup_delta_priv_i64(const struct cup_delta_priv_json *json, uint32_t node, int64_t *out_value)
{
    const struct cup_json_node *number = &json->doc.nodes[node];
    const char                 *at     = (const char *)json->at + number->at;
    bool                        minus  = false;
    uint64_t                    value  = 0;

    if (node == 0 || number->kind != CUP_JSON_NUMBER) return false;
    minus = at[0] == '-';
    for (uint32_t i = minus; i < number->bytes; i++) {
        if (at[i] < '0' || at[i] > '9') return false;
        uint64_t digit = (uint64_t)(at[i] - '0');
        if (value > ((uint64_t)INT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *out_value = minus ? -(int64_t)value : (int64_t)value;
    return true;
}
