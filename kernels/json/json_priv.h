// SPDX-License-Identifier: Apache-2.0
/* json_priv: what the files of this room share: the parser object and the checks of the walker.
 *
 *   walk.c    one record: entries --> nodes or the first fault
 *   habits.c  the order in which members usually come: which keys need no search for their twin
 *   keys.c    members of one object: is a key there twice?
 *   shape.c   what a record was like: one of the same shape is compared instead of walked
 *   escape.c  backslashes in strings: legal? what do they mean?
 *   number.c  numbers that are not plain digits
 */
#ifndef CUP_KERNELS_JSON_JSON_PRIV_H
#define CUP_KERNELS_JSON_JSON_PRIV_H

#include <string.h>

#include "kernels/json/index.h"
#include "kernels/json/json.h"
#include "kernels/json/sj_shim.h"

#define CUP_JSON_DEPTH_CEILING        1024u
#define CUP_JSON_MEMBERS_CEILING      65536u
#define CUP_JSON_KEY_BYTES_CEILING    4096u
#define CUP_JSON_NUMBER_BYTES_CEILING 65536u
#define CUP_JSON_SLICE_BYTES_CEILING  (1u << 30) /* positions and node numbers are 32 bits wide */
_Static_assert(CUP_JSON_KEY_BYTES_CEILING <= UINT16_MAX, "cup_json_node.key_bytes");
_Static_assert(CUP_JSON_MEMBERS_CEILING <= UINT16_MAX + 1u, "a slot holds a member in 16 bits");

/* A member of an object that just closed. */
struct cup_json_key {
    uint32_t hash; /* of the key's unescaped bytes */
    uint32_t node;
};

#define CUP_JSON_HABIT_BYTES                                                                       \
    64u /* of `"key":`; longer keys are no habits. Readable: the padding                           \
         */
_Static_assert(CUP_JSON_HABIT_BYTES <= CUP_JSON_PADDING, "a habit is compared without bounds");

/* A place in a tree of keys in the order in which accepted objects had them: this key, behind all
 * those on the way from the object's start. The way never holds a key twice, so an object that
 * stays on it needs no check.
 *
 *   RECORD ..inside..> start --first--> "before": --first--> "after": ..inside..> start --> "id":
 *                                                                 \-first-> "source":
 */
struct cup_json_habit {
    uint64_t head, tail; /* first and last eight bytes of `"key":`; below eight: equal, cut off */
    uint32_t first;      /* a key that came next; the one that came last; 0: none */
    uint32_t sibling;    /* another one behind the same key; 0: none */
    uint32_t inside;     /* start of the objects that are this key's value, or in it; 0: none */
    uint8_t  key_bytes, tail_at, spare_bits, sibling_count;
};
_Static_assert(sizeof(struct cup_json_habit) == 32, "two share a cache line");

enum {
    CUP_JSON_HABIT_NONE,   /* equals no text */
    CUP_JSON_HABIT_LOST,   /* the object has left the tree; only objects inside can follow */
    CUP_JSON_HABIT_RECORD, /* the place of the record's value */
    CUP_JSON_HABIT_COUNT,  /* habits from here on are learnt */
};

#define CUP_JSON_SHAPES      32u /* three operations of ten tables */
#define CUP_JSON_SHAPE_NODES 512u
#define CUP_JSON_SHAPE_TRIES 4u /* shapes with as many entries that are compared with a record */
#define CUP_JSON_SIGHTINGS   256u
#define CUP_JSON_RUN_BYTES   CUP_JSON_PADDING /* a run is compared without bounds */
#define CUP_JSON_RUN_PIECES  (CUP_JSON_RUN_BYTES / 16)
_Static_assert(CUP_JSON_RUN_BYTES < UINT8_MAX, "places in a run take a byte");
_Static_assert(CUP_JSON_SHAPE_NODES < UINT16_MAX, "nodes of a shape take two");

typedef uint64_t cup_json_piece __attribute__((vector_size(16)));

/* The bytes between two values, `,"id":` say, and the value behind them. Offsets count from the
 * run's first byte, entries from the record's first one. */
struct cup_json_run {
    struct cup_json_node *node;        /* the value's */
    uint32_t              entry;       /* of its first byte */
    uint8_t               key_at;      /* the value's key; 0: it has none */
    uint8_t               token_count; /* entries before the value's */
    uint8_t               pieces;      /* of the text */
    bool                  known;       /* the value is a known text */
    cup_json_piece        text[CUP_JSON_RUN_PIECES], mask[CUP_JSON_RUN_PIECES]; /* 0 behind it */
};

/* An array or object: where its brackets are, in runs. */
struct cup_json_box {
    uint32_t open_entry, close_entry; /* of the runs */
    uint16_t node;
    uint8_t  open_at, close_at, key_at;
};

/* A record that was accepted, without its values. `nodes` are those of the last record of this
 * shape: only places and kinds of values have to be written anew. */
struct cup_json_shape {
    uint32_t              entry_count, node_count, run_count, box_count;
    uint32_t              node_cap; /* room of all three is for so many nodes; the runs' owns it */
    struct cup_json_run  *runs;     /* behind the last one is no value */
    struct cup_json_node *nodes;
    struct cup_json_box  *boxes;
};

/* An array or object that is open; frames[0] stands for the record itself. */
struct cup_json_frame {
    uint32_t node;
    uint32_t count;  /* elements or members */
    uint32_t start;  /* OBJECT: habit it started with; NONE: its place has none */
    uint32_t habit;  /* OBJECT: of its last key; ARRAY: of the key whose value it is */
    uint8_t  closer; /* '}' or ']'; 0 for the record */
};

struct cup_json {
    const char            *level;
    struct cup_json_limits limits;
    uint32_t               slice_bytes_max;

    struct cup_sj *sj;         /* NULL at level scalar */
    uint32_t      *scalar_pos; /* NULL at the other levels */

    /* the slice */
    const uint8_t  *buf;
    uint32_t        from, to;
    bool            refused; /* each record is indexed alone */
    const uint32_t *pos;     /* relative to from; not set when refused */
    uint32_t        pos_count;
    uint32_t        cursor;    /* entry of pos behind the last record asked for */
    uint32_t        escape_at; /* see struct cup_json_walk */

    /* the record */
    struct cup_json_node  *nodes;
    struct cup_json_frame *frames; /* depth_max + 1 */
    struct cup_json_key   *keys;   /* members of an object that just closed: members_max */

    /* habits: see struct cup_json_habit */
    struct cup_json_habit *habits;
    uint8_t (*habit_texts)[CUP_JSON_HABIT_BYTES]; /* `"key":` of each */
    uint32_t habit_count, habit_refused_count;    /* refused: for lack of room */
    uint32_t key_id_base;                         /* a habit's key_id: this and its number */

    struct cup_json_shape  shape_places[CUP_JSON_SHAPES];
    struct cup_json_shape *shapes[CUP_JSON_SHAPES]; /* the last one used first */
    uint32_t               shape_count, shape_credit;
    uint32_t               sightings[CUP_JSON_SIGHTINGS]; /* sums of records that may come again */

    /* duplicate keys: open addressing; a slot is stamp << 16 | member, and empty when the stamp is
     * not the current one, so that nothing has to be cleared per object */
    uint32_t *slots;
    uint32_t  slot_count;
    uint32_t  stamp;
    uint64_t  seed[2];     /* secret, so that nobody can prepare colliding keys */
    uint8_t  *key_text[2]; /* unescaped keys; key_bytes_max and padding each */
};

/* One record on its way. Offsets are relative to `text` until they enter a node. */
struct cup_json_walk {
    const uint8_t  *text;
    const uint32_t *pos;      /* first entry of the record */
    uint32_t        end;      /* of the record */
    uint32_t        base;     /* add to get offsets in the caller's buffer */
    uint32_t        text_end; /* of what may be searched for backslashes */
    /* the first backslash at or behind some place that was searched from; strings that end before
     * it hold none. 0 = not searched yet. */
    uint32_t                     escape_at;
    const struct cup_json_known *known;
    uint32_t                     known_count;
    enum cup_json_verdict        verdict;
    uint32_t                     bad_at;
};

/* cup_json_priv_walk judges one record that has at least one entry. Returns the number of nodes; 0
 * with walk->verdict and walk->bad_at when the record is refused. */
uint32_t cup_json_priv_walk(struct cup_json *json, struct cup_json_walk *walk);

/* cup_json_priv_begin_habits forgets all habits; cup_json_priv_renew_habits does so when they have
 * been full for long, between records. */
void cup_json_priv_begin_habits(struct cup_json *json);
void cup_json_priv_renew_habits(struct cup_json *json);

/* cup_json_priv_follow finds the habit of a key without escapes behind `habit`; LOST: none. */
uint32_t cup_json_priv_follow(struct cup_json *json, uint32_t habit, const uint8_t *key,
                              uint32_t bytes);

/* cup_json_priv_learn makes habits of the members of an object without duplicates that just closed.
 * `place` is the habit whose value it is. */
void cup_json_priv_learn(struct cup_json *json, const uint8_t *buf, uint32_t place,
                         const struct cup_json_frame *frame);

/* cup_json_priv_recognise judges a record that has a known shape; NULL: it has none, or is not
 * legal, which the walker finds out. `left` entries are left in the slice. */
const struct cup_json_shape *cup_json_priv_recognise(struct cup_json      *json,
                                                     struct cup_json_walk *walk, uint32_t left);

/* cup_json_priv_learn_shape remembers a record that the walker accepted, when it has come before.
 * walk->pos is its first entry. */
void cup_json_priv_learn_shape(struct cup_json *json, const struct cup_json_walk *walk,
                               uint32_t node_count, uint32_t entry_count);

/* cup_json_priv_use_shape makes the shape of a place the first to be tried. */
void cup_json_priv_use_shape(struct cup_json *json, uint32_t index);

void cup_json_priv_open_shapes(struct cup_json *json);
void cup_json_priv_close_shapes(struct cup_json *json);
void cup_json_priv_forget_shapes(struct cup_json *json);

/* cup_json_priv_twice looks for a key that is there twice among keys[0..count).
 *
 * Returns   the number of its second member; 0 when all differ. */
uint32_t cup_json_priv_twice(struct cup_json *json, const uint8_t *buf,
                             const struct cup_json_key *keys, uint32_t count);

static inline uint64_t cup_json_priv_load8(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

static inline uint64_t cup_json_priv_mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide                                    product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* cup_json_priv_is_habit: does `"key":` stand at `at`? CUP_JSON_HABIT_BYTES are readable there. */
static inline bool cup_json_priv_is_habit(const struct cup_json *json, uint32_t index,
                                          const uint8_t *at)
{
    const struct cup_json_habit *habit = &json->habits[index];
    uint64_t                     head  = cup_json_priv_load8(at) ^ habit->head;
    uint64_t                     tail  = cup_json_priv_load8(at + habit->tail_at) ^ habit->tail;

    if ((head | tail) << habit->spare_bits != 0) return false;
    for (uint32_t i = 8; i < habit->tail_at; i += 8)
        if (cup_json_priv_load8(at + i) != cup_json_priv_load8(json->habit_texts[index] + i))
            return false;
    return true;
}

/* cup_json_priv_compare_run sets bits in *differ when the bytes of a run do not stand at `at`.
 * CUP_JSON_RUN_BYTES are readable there. */
static inline void cup_json_priv_compare_run(const struct cup_json_run *run, const uint8_t *at,
                                             cup_json_piece *differ)
{
    uint32_t i = 0;

    do {
        cup_json_piece piece;
        memcpy(&piece, at + i * sizeof piece, sizeof piece);
        *differ |= (piece ^ run->text[i]) & run->mask[i];
    } while (__builtin_expect(++i < run->pieces, 0));
}

/* cup_json_priv_is_schema: is the node's key that of texts that may be known? */
static inline bool cup_json_priv_is_schema(const struct cup_json_walk *walk,
                                           const struct cup_json_node *node)
{
    static const char key[] = {'s', 'c', 'h', 'e', 'm', 'a'};

    return node->key_bytes == sizeof key &&
           memcmp(walk->text + (node->key_at - walk->base), key, sizeof key) == 0;
}

/* cup_json_priv_hash mixes the secret seed and a key with 8 readable bytes behind it. Every byte
 * counts: a hash of a part of the key would let the rest be chosen freely. */
static inline uint32_t cup_json_priv_hash(const uint64_t seed[2], const uint8_t *key,
                                          uint32_t bytes)
{
    uint64_t a = seed[0], b = seed[1] ^ bytes;

    for (; bytes > 16; key += 16, bytes -= 16)
        a = cup_json_priv_mix(a ^ cup_json_priv_load8(key), b ^ cup_json_priv_load8(key + 8));
    uint64_t low = cup_json_priv_load8(key), high = 0;
    if (bytes >= 8)
        high = cup_json_priv_load8(key + bytes - 8);
    else
        low &= ((uint64_t)1 << 8 * bytes) - 1;
    uint64_t hash = cup_json_priv_mix(a ^ low, b ^ high);
    return (uint32_t)(hash >> 32) ^ (uint32_t)hash;
}

/* cup_json_priv_escapes judges every escape of the string body text[at..end).
 *
 * Returns   CUP_JSON_OK, or SYNTAX or UTF8 with *out_bad_at at the backslash. */
enum cup_json_verdict cup_json_priv_escapes(const uint8_t *text, uint32_t at, uint32_t end,
                                            uint32_t *out_bad_at);

/* cup_json_priv_number judges text[at..end) by the grammar of RFC 8259.
 *
 * Returns   the offset of the first byte that does not fit; end when that is one byte missing at
 * the end; UINT32_MAX when all is well. */
uint32_t cup_json_priv_number(const uint8_t *text, uint32_t at, uint32_t end);

static inline bool cup_json_priv_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

#endif
