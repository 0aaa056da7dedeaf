// SPDX-License-Identifier: Apache-2.0
#include "kernels/json/json.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "kernels/json/json_priv.h"

#define SLOTS_PER_MEMBER 4u
#define SLOT_COUNT_MIN   1024u

/* Best first; scalar runs anywhere and is the specification. */
static const struct level {
    const char *name;     /* as operators type it */
    const char *simdjson; /* its implementation; NULL for our own indexer */
} levels[] = {
    {"avx512", "icelake"},
    {"avx2", "haswell"},
    {"sse42", "westmere"},
    {"scalar", NULL},
};

/* What the walker sees of a slice of white space: an entry behind every record. */
static const uint32_t no_entries[CUP_INDEX_SENTINELS] = {UINT32_MAX, UINT32_MAX, UINT32_MAX,
                                                         UINT32_MAX};

static const struct level *find_level(const char *name)
{
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        const struct level *level = &levels[i];
        if (strcmp(name, "auto") != 0 && strcmp(name, level->name) != 0) continue;
        if (level->simdjson == NULL || cup_sj_runs(level->simdjson)) return level;
    }
    return NULL;
}

static bool in_range(uint32_t value, uint32_t most)
{
    return value >= 1 && value <= most;
}

static bool legal_limits(const struct cup_json_limits *limits, size_t slice_bytes_max)
{
    return slice_bytes_max >= 1 && slice_bytes_max <= CUP_JSON_SLICE_BYTES_CEILING &&
           in_range(limits->depth_max, CUP_JSON_DEPTH_CEILING) &&
           in_range(limits->members_max, CUP_JSON_MEMBERS_CEILING) &&
           in_range(limits->key_bytes_max, CUP_JSON_KEY_BYTES_CEILING) &&
           in_range(limits->number_bytes_max, CUP_JSON_NUMBER_BYTES_CEILING);
}

/* Everything the parser will ever need, for the worst slice: big parts cost nothing until they are
 * touched. A value takes at least two bytes with its separator, except that openers stand alone:
 * `[[[`. */
static bool take_memory(struct cup_json *json, const struct level *level)
{
    const struct cup_json_limits *limits = &json->limits;
    size_t                        bytes  = json->slice_bytes_max;

    json->slot_count = SLOT_COUNT_MIN;
    while (json->slot_count < limits->members_max * SLOTS_PER_MEMBER)
        json->slot_count *= 2;

    json->nodes       = malloc((bytes / 2 + limits->depth_max + 2) * sizeof *json->nodes);
    json->keys        = malloc(limits->members_max * sizeof *json->keys);
    json->frames      = malloc((limits->depth_max + 1) * sizeof *json->frames);
    json->slots       = calloc(json->slot_count, sizeof *json->slots);
    json->habits      = calloc(CUP_JSON_KEY_IDS, sizeof *json->habits);
    json->habit_texts = malloc(CUP_JSON_KEY_IDS * sizeof *json->habit_texts);
    for (int i = 0; i < 2; i++) {
        json->key_text[i] = malloc(limits->key_bytes_max + CUP_JSON_PADDING);
        if (json->key_text[i] == NULL) return false;
    }
    if (level->simdjson != NULL)
        json->sj = cup_sj_open(level->simdjson, bytes);
    else
        json->scalar_pos = malloc((bytes + CUP_INDEX_SENTINELS) * sizeof *json->scalar_pos);
    cup_json_priv_open_shapes(json);
    return json->nodes != NULL && json->keys != NULL && json->frames != NULL &&
           json->slots != NULL && json->habits != NULL && json->habit_texts != NULL &&
           (json->sj != NULL || json->scalar_pos != NULL);
}

enum cup_err cup_json_open(const char *level_name, size_t slice_bytes_max,
                           struct cup_json_limits limits, struct cup_json **out_json,
                           struct cup_fault *out_fault)
{
    CUP_ASSERT(level_name != NULL);
    CUP_ASSERT(out_json != NULL);

    const struct level *level = find_level(level_name);
    if (level == NULL)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "choose the kernel level", level_name);
    if (!legal_limits(&limits, slice_bytes_max))
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "set the limits of JSON records", NULL);

    struct cup_json *json = calloc(1, sizeof *json);
    if (json == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "make a JSON parser", NULL);
    json->level           = level->name;
    json->limits          = limits;
    json->slice_bytes_max = (uint32_t)slice_bytes_max;
    if (!take_memory(json, level)) {
        cup_json_close(json);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "make a JSON parser", NULL);
    }
    if (getrandom(json->seed, sizeof json->seed, 0) != (ssize_t)sizeof json->seed) {
        cup_json_close(json);
        return cup_fault_set(out_fault, CUP_IO, "read random bytes", NULL);
    }
    cup_json_priv_begin_habits(json);
    *out_json = json;
    return CUP_OK;
}

void cup_json_close(struct cup_json *json)
{
    if (json == NULL) return;
    cup_sj_close(json->sj);
    free(json->scalar_pos);
    free(json->nodes);
    free(json->keys);
    free(json->frames);
    free(json->slots);
    free(json->habits);
    free(json->habit_texts);
    cup_json_priv_close_shapes(json);
    free(json->key_text[0]);
    free(json->key_text[1]);
    free(json);
}

const char *cup_json_level(const struct cup_json *json)
{
    return json->level;
}

/* Indexes buf[0..bytes). An empty result is no refusal. */
static bool index_text(struct cup_json *json, const uint8_t *buf, uint32_t bytes,
                       const uint32_t **out_pos)
{
    CUP_ASSERT(bytes <= json->slice_bytes_max);

    uint32_t              count = 0;
    enum cup_index_status status;
    if (json->sj != NULL) {
        status = cup_sj_index(json->sj, buf, bytes, out_pos, &count);
    } else {
        status   = cup_index_scalar(buf, bytes, json->scalar_pos, &count);
        *out_pos = json->scalar_pos;
    }
    CUP_ASSERT(status != CUP_INDEX_FAILED);
    if (status == CUP_INDEX_EMPTY) *out_pos = no_entries;
    json->pos_count = status == CUP_INDEX_OK ? count : 0;
    return status == CUP_INDEX_OK || status == CUP_INDEX_EMPTY;
}

void cup_json_index(struct cup_json *json, const uint8_t *buf, uint32_t from, uint32_t to)
{
    CUP_ASSERT(from <= to);

    json->buf       = buf;
    json->from      = from;
    json->to        = to;
    json->cursor    = 0;
    json->escape_at = 0;
    json->refused   = !index_text(json, buf + from, to - from, &json->pos);
}

/* The verdict on a record that stage 1 refuses, the same at every level. */
static void judge_refused(const uint8_t *buf, uint32_t at, uint32_t bytes,
                          struct cup_json_doc *out_doc)
{
    uint32_t              bad_at = 0; /* the levels disagree on this record: refuse it as a whole */
    enum cup_index_status status = cup_index_locate(buf + at, bytes, &bad_at);

    out_doc->verdict = status == CUP_INDEX_UTF8 ? CUP_JSON_UTF8 : CUP_JSON_SYNTAX;
    out_doc->bad_at  = at + bad_at;
}

/* Points walk at the record's entries. False when stage 1 refuses the record. */
static bool find_entries(struct cup_json *json, uint32_t at, uint32_t bytes,
                         struct cup_json_walk *walk)
{
    if (json->refused) {
        walk->text     = json->buf + at;
        walk->base     = at;
        walk->end      = bytes;
        walk->text_end = bytes;
        return index_text(json, walk->text, bytes, &walk->pos);
    }
    uint32_t begin = at - json->from;
    while (json->pos[json->cursor] < begin)
        json->cursor++;
    walk->text      = json->buf + json->from;
    walk->base      = json->from;
    walk->end       = begin + bytes;
    walk->text_end  = json->to - json->from;
    walk->escape_at = json->escape_at;
    walk->pos       = json->pos + json->cursor;
    return true;
}

static void walk_record(struct cup_json *json, struct cup_json_walk *walk,
                        struct cup_json_doc *out_doc)
{
    out_doc->node_count = cup_json_priv_walk(json, walk);
    out_doc->verdict    = walk->verdict;
    if (walk->verdict != CUP_JSON_OK) out_doc->bad_at = walk->bad_at;
}

/* False: it has to be walked. */
static bool recognise_record(struct cup_json *json, struct cup_json_walk *walk,
                             struct cup_json_doc *out_doc)
{
    const struct cup_json_shape *shape =
        cup_json_priv_recognise(json, walk, json->pos_count - json->cursor);

    if (shape == NULL) return false;
    out_doc->nodes      = shape->nodes;
    out_doc->node_count = shape->node_count;
    out_doc->verdict    = CUP_JSON_OK;
    return true;
}

/* Remembers what an accepted record was like; `first` is its first entry. */
static void learn_record(struct cup_json *json, const struct cup_json_walk *walk, uint32_t first,
                         const struct cup_json_doc *doc)
{
    struct cup_json_walk record = *walk;

    record.pos = json->pos + first;
    if (doc->verdict == CUP_JSON_OK)
        cup_json_priv_learn_shape(json, &record, doc->node_count,
                                  (uint32_t)(walk->pos - record.pos));
}

void cup_json_parse(struct cup_json *json, uint32_t at, uint32_t bytes,
                    const struct cup_json_known *known, uint32_t known_count,
                    struct cup_json_doc *out_doc)
{
    CUP_ASSERT(at >= json->from && at <= json->to && bytes <= json->to - at);
    CUP_ASSERT(at + bytes == json->to || json->buf[at + bytes] == '\n');

    struct cup_json_walk walk = {.known = known, .known_count = known_count};
    *out_doc                  = (struct cup_json_doc){.nodes = json->nodes, .bad_at = at};
    if (!find_entries(json, at, bytes, &walk)) {
        judge_refused(json->buf, at, bytes, out_doc);
        return;
    }
    if (walk.pos[0] >= walk.end) {
        out_doc->verdict = CUP_JSON_EMPTY;
        return;
    }
    cup_json_priv_renew_habits(json);
    if (json->refused) {
        walk_record(json, &walk, out_doc);
        return;
    }
    if (!recognise_record(json, &walk, out_doc)) {
        uint32_t first = json->cursor;
        walk_record(json, &walk, out_doc);
        learn_record(json, &walk, first, out_doc);
    }
    json->escape_at = walk.escape_at;
    json->cursor    = (uint32_t)(walk.pos - json->pos);
}

void cup_json_text(struct cup_json *json, const uint8_t *buf, uint32_t bytes,
                   struct cup_json_doc *out_doc)
{
    cup_json_index(json, buf, 0, bytes);
    cup_json_parse(json, 0, bytes, NULL, 0, out_doc);
}

void cup_json_count_tokens(struct cup_json *json, const uint8_t *buf, uint32_t bytes,
                           uint32_t *out_token_count)
{
    CUP_ASSERT(bytes <= json->slice_bytes_max);

    /* byte by byte, once per text: so a running slice stays as it is */
    *out_token_count = cup_index_count(buf, bytes);
}

static bool has_key(const uint8_t *buf, const struct cup_json_node *node, const char *key,
                    size_t key_bytes)
{
    uint8_t        plain[CUP_JSON_KEY_BYTES_CEILING];
    const uint8_t *text  = buf + node->key_at;
    size_t         bytes = node->key_bytes;

    if (node->flags & CUP_JSON_KEY_ESCAPED) {
        bytes = cup_json_unescape(text, node->key_bytes, plain);
        text  = plain;
    }
    return bytes == key_bytes && memcmp(text, key, key_bytes) == 0;
}

uint32_t cup_json_member(const uint8_t *buf, const struct cup_json_doc *doc, uint32_t object,
                         const char *key, size_t key_bytes)
{
    CUP_ASSERT(object < doc->node_count);
    CUP_ASSERT(doc->nodes[object].kind == CUP_JSON_OBJECT);

    uint32_t behind = doc->nodes[object].next;
    for (uint32_t i = object + 1; i < behind; i = doc->nodes[i].next)
        if (has_key(buf, &doc->nodes[i], key, key_bytes)) return i;
    return 0;
}
