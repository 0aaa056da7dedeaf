// SPDX-License-Identifier: Apache-2.0
#include "kernels/json/json_priv.h"

#include <string.h>

/* The loop of cup_json_priv_walk keeps its cursors in registers; p is the entry to be read next and
 * `index` the node to be filled next. Functions that advance p return NULL when the record is
 * refused. What an entry means is decided by its byte; that no entry lies behind the record's end
 * is checked once per value, on the furthest entry that was read. */

#define INLINE inline __attribute__((always_inline))
#define COLD   __attribute__((noinline, cold))
#define CALLED __attribute__((noinline)) /* not rare enough to be compiled for size */

static COLD const uint32_t *refuse(struct cup_json_walk *walk, enum cup_json_verdict verdict,
                                   uint32_t at)
{
    walk->verdict = verdict;
    walk->bad_at  = walk->base + at;
    return NULL;
}

/* Refuses a token in the wrong place; behind the record's end, its missing is the fault. */
static COLD const uint32_t *refuse_token(struct cup_json_walk *walk, uint32_t at)
{
    return refuse(walk, CUP_JSON_SYNTAX, at < walk->end ? at : walk->end);
}

static COLD uint32_t trim(const uint8_t *text, uint32_t from, uint32_t last)
{
    while (last > from && cup_json_priv_space(text[last]))
        last--;
    return last;
}

/* The closing quote of the string that opens at `at`, when the next entry is at `next`. Stage 1
 * has seen it closed, so nothing but white space can follow it. */
static INLINE uint32_t closing_quote(const struct cup_json_walk *walk, uint32_t at, uint32_t next)
{
    uint32_t last = next - 1;
    return __builtin_expect(walk->text[last] == '"', 1) ? last : trim(walk->text, at, last);
}

/* True when text[at..end) may hold a backslash. */
static INLINE bool may_hold_escape(const struct cup_json_walk *walk, uint32_t end)
{
    return __builtin_expect(walk->escape_at < end, 0);
}

/* Makes sure by a search. */
static CALLED bool holds_escape(struct cup_json_walk *walk, uint32_t at, uint32_t end)
{
    if (walk->escape_at < at) {
        const uint8_t *found = memchr(walk->text + at, '\\', walk->text_end - at);
        walk->escape_at      = found != NULL ? (uint32_t)(found - walk->text) : UINT32_MAX;
    }
    return walk->escape_at < end;
}

static CALLED bool accept_escapes(struct cup_json_walk *walk, uint32_t at, uint32_t end)
{
    uint32_t              bad_at  = 0;
    enum cup_json_verdict verdict = cup_json_priv_escapes(walk->text, at, end, &bad_at);

    if (verdict != CUP_JSON_OK) (void)refuse(walk, verdict, bad_at);
    return verdict == CUP_JSON_OK;
}

static COLD const uint32_t *refuse_member(struct cup_json_walk *walk, const uint32_t *p)
{
    if (p[0] >= walk->end || walk->text[p[0]] != '"') return refuse_token(walk, p[0]);
    if (p[1] >= walk->end || walk->text[p[1]] != ':') return refuse_token(walk, p[1]);
    return refuse_token(walk, p[2]);
}

/* A key that is not the usual one at its place, or not in the usual form: white space, escapes. */
static CALLED const uint32_t *take_other_key(struct cup_json *json, struct cup_json_walk *walk,
                                             const uint32_t *p, struct cup_json_node *node,
                                             struct cup_json_frame *frame)
{
    const uint8_t *text = walk->text;
    uint32_t       at   = p[0];

    if (p[2] >= walk->end || text[at] != '"' || text[p[1]] != ':') return refuse_member(walk, p);
    uint32_t close = closing_quote(walk, at, p[1]);
    uint32_t bytes = close - ++at;
    if (bytes > json->limits.key_bytes_max)
        return refuse(walk, CUP_JSON_KEY_LENGTH, at + json->limits.key_bytes_max);
    bool escaped = may_hold_escape(walk, close) && holds_escape(walk, at, close);
    if (escaped && !accept_escapes(walk, at, close)) return NULL;
    frame->habit =
        escaped ? CUP_JSON_HABIT_LOST : cup_json_priv_follow(json, frame->habit, text + at, bytes);
    node->key_at    = walk->base + at;
    node->key_bytes = (uint16_t)bytes;
    node->flags     = escaped ? CUP_JSON_KEY_ESCAPED : 0;
    node->key_id    = 0;
    if (frame->habit != CUP_JSON_HABIT_LOST) node->key_id = json->key_id_base + frame->habit;
    return p + 2;
}

/* Takes `"key" :` for the node whose value follows. The bytes `"key":` of a habit, which has no
 * backslash, can only be entries p[0] and p[1] and what lies between. */
static INLINE const uint32_t *take_key(struct cup_json *json, struct cup_json_walk *walk,
                                       const uint32_t *p, uint32_t index,
                                       struct cup_json_frame *frame)
{
    struct cup_json_node *node  = &json->nodes[index];
    uint32_t              habit = json->habits[frame->habit].first;
    uint32_t              at    = p[0];

    frame->count++;
    /* entries ascend: when p[2] is inside the record, the two before it are */
    if (__builtin_expect(p[2] >= walk->end || !cup_json_priv_is_habit(json, habit, walk->text + at),
                         0))
        return take_other_key(json, walk, p, node, frame);
    frame->habit    = habit;
    node->key_at    = walk->base + at + 1;
    node->key_bytes = json->habits[habit].key_bytes;
    node->flags     = 0;
    node->key_id    = json->key_id_base + habit;
    return p + 2;
}

/* Prepares the node of an array's next element, or of the record's value. */
static INLINE const uint32_t *take_element(struct cup_json_walk *walk, const uint32_t *p,
                                           struct cup_json_node *node, struct cup_json_frame *frame)
{
    if (p[0] >= walk->end) return refuse_token(walk, p[0]);
    node->key_at    = 0;
    node->key_bytes = 0;
    node->flags     = 0;
    node->key_id    = 0;
    frame->count++;
    return p;
}

static INLINE const uint32_t *take_string(struct cup_json_walk *walk, const uint32_t *p,
                                          struct cup_json_node *node)
{
    uint32_t at    = p[0] + 1;
    uint32_t close = closing_quote(walk, p[0], p[1]);

    if (may_hold_escape(walk, close) && holds_escape(walk, at, close)) {
        if (!accept_escapes(walk, at, close)) return NULL;
        node->flags |= CUP_JSON_ESCAPED;
    }
    node->at    = walk->base + at;
    node->bytes = close - at;
    node->kind  = CUP_JSON_STRING;
    return p + 1;
}

#define ALL_BYTES(byte) (0x0101010101010101u * (byte))

/* Bits in the upper half of a byte for each that is no digit. A sum that carries into the next byte
 * comes from one that is none. */
static INLINE uint64_t other_than_digits(uint64_t word)
{
    uint64_t digits = word ^ ALL_BYTES('0');
    return digits | (digits + ALL_BYTES(6));
}

/* True for an integer without sign and without useless zeros, seen eight digits at a time. */
static INLINE bool plain_integer(const uint8_t *text, uint32_t bytes)
{
    uint64_t others;

    if (bytes < 8) {
        uint32_t spare_bits = 64 - 8 * bytes;
        others = other_than_digits((cup_json_priv_load8(text) ^ ALL_BYTES('0')) << spare_bits ^
                                   ALL_BYTES('0'));
    } else {
        others = other_than_digits(cup_json_priv_load8(text)) |
                 other_than_digits(cup_json_priv_load8(text + bytes - 8));
        if (bytes > 16) others |= other_than_digits(cup_json_priv_load8(text + 8));
        for (uint32_t i = 16; __builtin_expect(i + 8 < bytes, 0); i += 8)
            others |= other_than_digits(cup_json_priv_load8(text + i));
    }
    return (others & ALL_BYTES(0xF0)) == 0 && (text[0] != '0' || bytes == 1);
}

static INLINE const uint32_t *take_number(struct cup_json *json, struct cup_json_walk *walk,
                                          const uint32_t *p, uint32_t end,
                                          struct cup_json_node *node)
{
    uint32_t at = p[0];

    if (!plain_integer(walk->text + at, end - at)) {
        uint32_t bad_at = cup_json_priv_number(walk->text, at, end);
        if (bad_at != UINT32_MAX) return refuse(walk, CUP_JSON_SYNTAX, bad_at);
    }
    if (end - at > json->limits.number_bytes_max)
        return refuse(walk, CUP_JSON_NUMBER_LENGTH, at + json->limits.number_bytes_max);
    node->kind = CUP_JSON_NUMBER;
    return p + 1;
}

static INLINE const uint32_t *take_word(struct cup_json_walk *walk, const uint32_t *p,
                                        uint32_t bytes, struct cup_json_node *node,
                                        const char *word, uint32_t word_bytes, uint8_t kind)
{
    const uint8_t *text = walk->text + p[0];

    if (bytes == word_bytes && memcmp(text, word, word_bytes) == 0) {
        node->kind = kind;
        return p + 1;
    }
    uint32_t same = 0;
    while (same < bytes && same < word_bytes && text[same] == (uint8_t)word[same])
        same++;
    return refuse(walk, CUP_JSON_SYNTAX, p[0] + same);
}

/* Takes a value that is neither array nor object. Its text must be legal up to the next entry:
 * stage 1 lets `12"x"` pass as one token. */
static INLINE const uint32_t *take_scalar(struct cup_json *json, struct cup_json_walk *walk,
                                          const uint32_t *p, struct cup_json_node *node)
{
    const uint8_t *text  = walk->text;
    uint32_t       at    = p[0];
    uint8_t        first = text[at];

    if (first == '"') return take_string(walk, p, node);

    uint32_t end = p[1]; /* of the next record, perhaps: only white space lies between */
    if (__builtin_expect(text[end - 1] <= ' ', 0)) end = trim(text, at, end - 1) + 1;
    node->at    = walk->base + at;
    node->bytes = end - at;
    if ((uint8_t)(first - '0') <= 9 || first == '-') return take_number(json, walk, p, end, node);
    if (first == 'n') return take_word(walk, p, end - at, node, "null", 4, CUP_JSON_NULL);
    if (first == 't') return take_word(walk, p, end - at, node, "true", 4, CUP_JSON_TRUE);
    if (first == 'f') return take_word(walk, p, end - at, node, "false", 5, CUP_JSON_FALSE);
    return refuse(walk, CUP_JSON_SYNTAX, at);
}

static COLD const uint32_t *refuse_twice(struct cup_json *json, struct cup_json_walk *walk,
                                         uint32_t node)
{
    return refuse(walk, CUP_JSON_DUPLICATE_KEY, json->nodes[node].key_at - 1 - walk->base);
}

/* The hash of a member's key: escaped ones that of what they mean. */
static uint32_t hash_key(struct cup_json *json, const uint8_t *buf,
                         const struct cup_json_node *node)
{
    const uint8_t *key = buf + node->key_at;

    if ((node->flags & CUP_JSON_KEY_ESCAPED) == 0)
        return cup_json_priv_hash(json->seed, key, node->key_bytes);
    uint32_t plain_bytes = cup_json_unescape(key, node->key_bytes, json->key_text[0]);
    return cup_json_priv_hash(json->seed, json->key_text[0], plain_bytes);
}

/* Judges the members of an object that left the habits, now that all of them are known. */
static CALLED bool accept_members(struct cup_json *json, struct cup_json_walk *walk,
                                  const struct cup_json_frame *frame)
{
    const uint8_t *buf  = walk->text - walk->base;
    uint32_t       node = frame->node + 1, most = json->limits.members_max;

    for (uint32_t i = 0; i < frame->count; i++, node = json->nodes[node].next) {
        if (i == most) {
            (void)refuse(walk, CUP_JSON_MEMBERS, json->nodes[node].key_at - 1 - walk->base);
            return false;
        }
        json->keys[i].node = node;
        json->keys[i].hash = hash_key(json, buf, &json->nodes[node]);
    }
    uint32_t again = cup_json_priv_twice(json, buf, json->keys, frame->count);
    if (again != 0) {
        (void)refuse_twice(json, walk, json->keys[again].node);
        return false;
    }
    cup_json_priv_learn(json, buf, frame[-1].habit, frame);
    return true;
}

/* Closes the innermost array or object at entry p; `index` is that of the next free node. */
static INLINE const uint32_t *close_frame(struct cup_json *json, struct cup_json_walk *walk,
                                          const uint32_t *p, uint32_t index,
                                          const struct cup_json_frame *frame)
{
    struct cup_json_node *self = &json->nodes[frame->node];

    if (frame->closer == '}' && frame->habit == CUP_JSON_HABIT_LOST && frame->count > 0 &&
        !accept_members(json, walk, frame))
        return NULL;
    self->bytes       = walk->base + p[0] + 1 - self->at;
    self->next        = index;
    self->child_count = frame->count;
    return p + 1;
}

/* Fills the node with a known text and returns its entries' end; NULL when there is none here.
 * Equal bytes have equal entries, because an entry that starts a value starts outside any string.
 */
static const uint32_t *skip_known(const struct cup_json_walk *walk, const uint32_t *p,
                                  struct cup_json_node *node, uint32_t node_index)
{
    if (!cup_json_priv_is_schema(walk, node)) return NULL;
    for (uint32_t i = 0; i < walk->known_count; i++) {
        const struct cup_json_known *known = &walk->known[i];
        if (known->bytes > walk->end - p[0] || known->token_count == 0) continue;
        if (memcmp(walk->text + p[0], known->text, known->bytes) != 0) continue;
        CUP_ASSERT(p[known->token_count - 1] == p[0] + known->bytes - 1);
        node->at    = walk->base + p[0];
        node->bytes = known->bytes;
        node->next  = node_index + 1;
        node->kind  = CUP_JSON_OBJECT;
        node->flags |= CUP_JSON_KNOWN;
        node->child_count = i;
        return p + known->token_count;
    }
    return NULL;
}

/* Closes what closes at p and takes the comma behind a finished value, with the key of the next
 * member. NULL when the record is refused or at its end: then walk->verdict tells which. */
static INLINE const uint32_t *after_value(struct cup_json *json, struct cup_json_walk *walk,
                                          const uint32_t *p, uint32_t index,
                                          struct cup_json_frame **frame)
{
    for (;;) {
        uint8_t closer = (*frame)->closer;
        uint8_t c      = walk->text[p[0]];
        /* a comma behind the record's end is found out by what is taken next */
        if (c == ',' && closer == '}') return take_key(json, walk, p + 1, index, *frame);
        if (c == ',' && closer == ']')
            return take_element(walk, p + 1, &json->nodes[index], *frame);
        if (p[0] >= walk->end) {
            walk->pos = p;
            return closer == 0 ? NULL : refuse_token(walk, p[0]);
        }
        if (c != closer || closer == 0) return refuse_token(walk, p[0]);
        p = close_frame(json, walk, p, index, *frame);
        if (p == NULL) return NULL;
        (*frame)--;
    }
}

/* Opens the array or object at p. */
static INLINE const uint32_t *open_frame(struct cup_json *json, struct cup_json_walk *walk,
                                         const uint32_t *p, uint32_t index,
                                         struct cup_json_frame **frame)
{
    struct cup_json_node *self   = &json->nodes[index];
    uint8_t               opener = walk->text[p[0]];

    if (*frame == json->frames + json->limits.depth_max) return refuse(walk, CUP_JSON_DEPTH, p[0]);
    self->at       = walk->base + p[0];
    self->kind     = opener == '{' ? CUP_JSON_OBJECT : CUP_JSON_ARRAY;
    uint32_t place = (*frame)->habit, start = json->habits[place].inside;
    ++*frame;
    (*frame)->node   = index;
    (*frame)->count  = 0;
    (*frame)->start  = start;
    (*frame)->closer = (uint8_t)(opener + 2); /* so it is in ASCII for both kinds */
    (*frame)->habit  = place;
    if (opener == '{') (*frame)->habit = start != CUP_JSON_HABIT_NONE ? start : CUP_JSON_HABIT_LOST;
    return p + 1;
}

uint32_t cup_json_priv_walk(struct cup_json *json, struct cup_json_walk *walk)
{
    CUP_ASSERT(walk->pos[0] < walk->end);
    CUP_ASSERT(walk->verdict == CUP_JSON_OK);

    const uint8_t         *text  = walk->text;
    struct cup_json_frame *frame = json->frames;
    uint32_t               index = 0;

    *frame            = (struct cup_json_frame){.habit = CUP_JSON_HABIT_RECORD};
    const uint32_t *p = take_element(walk, walk->pos, json->nodes, frame);
    while (p != NULL) {
        uint8_t         first  = text[p[0]];
        const uint32_t *behind = NULL;
        if (first != '{' && first != '[') {
            behind                         = take_scalar(json, walk, p, &json->nodes[index]);
            json->nodes[index].next        = index + 1;
            json->nodes[index].child_count = 0;
            index++;
            if (behind == NULL) break;
        } else if (first == '{' && walk->known_count > 0 && frame == json->frames + 1) {
            behind = skip_known(walk, p, &json->nodes[index], index);
            index += behind != NULL;
        }
        if (behind == NULL) {
            p = open_frame(json, walk, p, index++, &frame);
            if (p == NULL) break;
            if (text[p[0]] != frame->closer) {
                p = first == '{' ? take_key(json, walk, p, index, frame)
                                 : take_element(walk, p, &json->nodes[index], frame);
                continue;
            }
            behind = p;
        }
        p = after_value(json, walk, behind, index, &frame);
    }
    return walk->verdict == CUP_JSON_OK ? index : 0;
}

/* --- records of a shape that is known --- */

/* A value that is none of the usual ones. */
static CALLED bool take_other_value(struct cup_json *json, struct cup_json_walk *walk,
                                    const uint32_t *p, struct cup_json_node *node)
{
    node->flags = 0;
    return take_scalar(json, walk, p, node) != NULL;
}

/* Nothing else may stand where a known text stood: only of that all entries are judged. */
static CALLED bool take_known(const struct cup_json_walk *walk, const uint32_t *p,
                              const struct cup_json_run *run)
{
    struct cup_json_node *node = run->node;

    node->flags = 0;
    return skip_known(walk, p, node, node->next - 1) == walk->pos + run[1].entry;
}

/* Takes the value at entry p: strings without escapes, plain integers and null at once. */
static INLINE bool take_value(struct cup_json *json, struct cup_json_walk *walk, const uint32_t *p,
                              const struct cup_json_run *run)
{
    static const char     null[] = {'n', 'u', 'l', 'l'};
    struct cup_json_node *node   = run->node;
    const uint8_t        *text   = walk->text + p[0];
    uint32_t              bytes = p[1] - p[0], quote = 0;
    uint8_t               kind = CUP_JSON_NUMBER;

    if (run->known) return take_known(walk, p, run);
    if (text[0] == '"' && text[bytes - 1] == '"' && !may_hold_escape(walk, p[1])) {
        quote = 1;
        kind  = CUP_JSON_STRING;
    } else if (bytes == sizeof null && memcmp(text, null, sizeof null) == 0) {
        kind = CUP_JSON_NULL;
    } else if (bytes > json->limits.number_bytes_max || !plain_integer(text, bytes)) {
        return take_other_value(json, walk, p, node);
    }
    node->at    = walk->base + p[0] + quote;
    node->bytes = bytes - 2 * quote;
    node->kind  = kind;
    node->flags = 0;
    return true;
}

static void place_box(const struct cup_json_walk *walk, const struct cup_json_box *box,
                      struct cup_json_node *node)
{
    uint32_t open  = walk->base + walk->pos[box->open_entry];
    uint32_t close = walk->base + walk->pos[box->close_entry] + box->close_at;

    node->at    = open + box->open_at;
    node->bytes = close + 1 - node->at;
    if (box->key_at != 0) node->key_at = open + box->key_at;
}

/* Takes a record that has as many entries as the shape; false: it is of another one, or not legal.
 * Runs that differ are found out at the end: whatever was taken until then lay in the record. */
static bool take_shape(struct cup_json *json, struct cup_json_walk *walk,
                       struct cup_json_shape *shape)
{
    const struct cup_json_run *run = shape->runs, *last = run + shape->run_count - 1;
    cup_json_piece             differ = {0};

    for (; run < last; run++) {
        const uint32_t *p  = walk->pos + run->entry;
        uint32_t        at = p[0];
        cup_json_priv_compare_run(run, walk->text + at, &differ);
        if (run->key_at != 0) run->node->key_at = walk->base + at + run->key_at;
        if (!take_value(json, walk, p + run->token_count, run)) return false;
    }
    cup_json_priv_compare_run(last, walk->text + walk->pos[last->entry], &differ);
    if ((differ[0] | differ[1]) != 0) return false;
    for (uint32_t i = 0; i < shape->box_count; i++)
        place_box(walk, &shape->boxes[i], &shape->nodes[shape->boxes[i].node]);
    return true;
}

/* Of the entries that are left in the slice, are just so many the record's? */
static bool has_entries(const struct cup_json_walk *walk, uint32_t count, uint32_t left)
{
    return count <= left && walk->pos[count - 1] < walk->end && walk->pos[count] >= walk->end;
}

const struct cup_json_shape *cup_json_priv_recognise(struct cup_json      *json,
                                                     struct cup_json_walk *walk, uint32_t left)
{
    uint32_t escape_at = walk->escape_at, tries = 0;

    for (uint32_t i = 0; i < json->shape_count && tries < CUP_JSON_SHAPE_TRIES; i++) {
        struct cup_json_shape *shape = json->shapes[i];
        if (!has_entries(walk, shape->entry_count, left)) continue;
        tries++;
        if (take_shape(json, walk, shape)) {
            if (i > 0) cup_json_priv_use_shape(json, i);
            walk->pos += shape->entry_count;
            return shape;
        }
        walk->verdict   = CUP_JSON_OK; /* nothing is refused here */
        walk->escape_at = escape_at;
    }
    return NULL;
}
