// SPDX-License-Identifier: Apache-2.0
/* json_priv: what the files of this room share: the parser object and the checks of the walker.
 *
 *   walk.c    one record: entries --> nodes or the first fault
 *   keys.c    members of one object: is a key there twice?
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

/* A member of an object that is still open, or just closing. */
struct cup_json_key {
    uint32_t hash; /* of the key's unescaped bytes */
    uint32_t node;
};

/* An array or object that is open; frames[0] stands for the record itself. */
struct cup_json_frame {
    uint32_t node;
    uint32_t count;     /* elements of an array */
    uint32_t first_key; /* members of an object: from here to the top of the stack */
    uint8_t  closer;    /* '}' or ']'; 0 for the record */
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
    bool            refused;   /* each record is indexed alone */
    const uint32_t *pos;       /* relative to from; not set when refused */
    uint32_t        cursor;    /* entry of pos behind the last record asked for */
    uint32_t        escape_at; /* see struct cup_json_walk */

    /* the record */
    struct cup_json_node  *nodes;
    struct cup_json_frame *frames; /* depth_max + 1 */
    struct cup_json_key   *keys;   /* a stack: the members of the innermost object on top */

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
    struct cup_json_key         *key; /* top of the stack json->keys */
    enum cup_json_verdict        verdict;
    uint32_t                     bad_at;
};

/* cup_json_priv_walk judges one record that has at least one entry. Returns the number of nodes; 0
 * with walk->verdict and walk->bad_at when the record is refused. */
uint32_t cup_json_priv_walk(struct cup_json *json, struct cup_json_walk *walk);

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
