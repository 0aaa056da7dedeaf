// SPDX-License-Identifier: Apache-2.0
/* json: decides whether a record is legal JSON and gives its values as nodes.
 *
 *   slice of whole records --index--> structural offsets --parse, per record--> verdict + nodes
 *
 *   {"a":[1,"x"],"b":null}   nodes:  0 OBJECT next 5, members 2
 *                                    1 ARRAY  key a, next 4
 *                                    2 NUMBER 3 STRING
 *                                    4 NULL   key b, next 5
 *
 * Holds     the index of one slice, the nodes of one record.
 * Owner     one worker (opened at boot; memory is allocated there and never after).
 * Threads   one.
 * Fails     open only. A bad record is a verdict.
 * Bounds    struct cup_json_limits; a slice is <= slice_bytes_max and starts and ends at records.
 * Source    RFC 8259; strictness decided in the table of kernels/json/README.md.
 * Tests     tests/kernels/test_json.c, test_json_habits.c, test_json_shapes.c,
 *           test_json_levels.c, test_json_suite.c
 */
#ifndef CUP_KERNELS_JSON_JSON_H
#define CUP_KERNELS_JSON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CUP_JSON_PADDING 64u /* readable bytes that every indexed buffer has behind its end */

enum cup_json_kind {
    CUP_JSON_NULL,
    CUP_JSON_FALSE,
    CUP_JSON_TRUE,
    CUP_JSON_NUMBER,
    CUP_JSON_STRING,
    CUP_JSON_ARRAY,
    CUP_JSON_OBJECT,
};

enum cup_json_flag {
    CUP_JSON_ESCAPED     = 1, /* STRING: the text holds backslashes: unescape before use */
    CUP_JSON_KEY_ESCAPED = 2, /* the key does */
    CUP_JSON_KNOWN       = 4, /* OBJECT equal to known text child_count; its inside has no nodes */
};

struct cup_json_node {
    uint32_t at; /* first byte of the text in the buffer; STRING: behind the opening quote */
    uint32_t
        bytes; /* length of the text; STRING: between the quotes; ARRAY, OBJECT: with brackets */
    uint32_t next;      /* index of the node behind this value and all that is in it */
    uint32_t key_at;    /* member of an object: first byte of the key between its quotes */
    uint16_t key_bytes; /* its raw length (escapes not resolved) */
    uint8_t  kind, flags;
    uint32_t child_count; /* ARRAY: elements, OBJECT: members; KNOWN: index of the text */
    /* Not 0: stands for the key's bytes and for its place: values that one parser made with equal
     * ids have equal keys, and behind equal keys in the same order, in whatever records they are.
     * Such keys have no escapes. 0 says nothing. */
    uint32_t key_id;
};

/* Ids that are in use at a time differ in their low bits: key_id % CUP_JSON_KEY_IDS. */
#define CUP_JSON_KEY_IDS 8192u
_Static_assert((CUP_JSON_KEY_IDS & (CUP_JSON_KEY_IDS - 1)) == 0, "low bits");

enum cup_json_verdict {
    CUP_JSON_OK,
    CUP_JSON_SYNTAX, /* not JSON; also control bytes in strings, BOM, text behind the value */
    CUP_JSON_UTF8,   /* invalid UTF-8, or an escaped surrogate without its pair */
    CUP_JSON_DUPLICATE_KEY, /* compared after unescaping */
    CUP_JSON_DEPTH,
    CUP_JSON_MEMBERS,    /* too many members in one object */
    CUP_JSON_KEY_LENGTH, /* a key longer than the limit */
    CUP_JSON_NUMBER_LENGTH,
    CUP_JSON_EMPTY, /* nothing but white space */
};

struct cup_json_limits {
    uint32_t depth_max;        /* default 64, at most 1024; the root is depth 1 */
    uint32_t members_max;      /* default 4096, at most 65536 */
    uint32_t key_bytes_max;    /* default 256, at most 4096 */
    uint32_t number_bytes_max; /* default 4096, at most 65536 */
};
#define CUP_JSON_LIMITS_DEFAULT                                                                    \
    ((struct cup_json_limits){                                                                     \
        .depth_max = 64, .members_max = 4096, .key_bytes_max = 256, .number_bytes_max = 4096})

/* A text that a record may hold as its top-level member `schema`: equal bytes are skipped unparsed.
 */
struct cup_json_known {
    const uint8_t *text;
    uint32_t       bytes;
    uint32_t       token_count; /* structural entries inside; filled in by cup_json_count_tokens */
};

struct cup_json_doc {
    const struct cup_json_node *nodes; /* dies at the next cup_json_parse */
    uint32_t                    node_count;
    enum cup_json_verdict       verdict;
    uint32_t bad_at; /* verdict != OK: offset in the buffer of the first bad byte */
};

struct cup_json;

/* cup_json_open makes a parser. level: "auto", "scalar", "sse42", "avx2", "avx512".
 *
 * Gives     *out_json; cup_json_close frees it.
 * Returns   CUP_BAD_CONFIG when the level is unknown or this CPU cannot run it; CUP_NO_MEMORY. */
CUP_MUST_CHECK enum cup_err cup_json_open(const char *level, size_t slice_bytes_max,
                                          struct cup_json_limits limits, struct cup_json **out_json,
                                          struct cup_fault *out_fault);
void                        cup_json_close(struct cup_json *json);
const char                 *cup_json_level(const struct cup_json *json);

/* cup_json_index prepares buf[from..to), which holds whole records, each followed by one LF, and
 * has CUP_JSON_PADDING readable bytes behind `to`. It never fails: when the slice as a whole is
 * refused (one bad record is enough), cup_json_parse indexes each record alone.
 *
 * Keeps     buf until the next call. */
void cup_json_index(struct cup_json *json, const uint8_t *buf, uint32_t from, uint32_t to);

/* cup_json_parse judges the record buf[at..at+bytes) of the indexed slice. Records must be asked in
 * ascending order; some may be left out. known may be NULL when known_count is 0; texts are tried
 * in the order given.
 *
 * Lends     out_doc->nodes until the next call. */
void cup_json_parse(struct cup_json *json, uint32_t at, uint32_t bytes,
                    const struct cup_json_known *known, uint32_t known_count,
                    struct cup_json_doc *out_doc);

/* cup_json_text is index + parse of one text that stands alone (a key, a header value, a line of a
 * Delta log). bytes <= slice_bytes_max; buf[0..bytes) needs CUP_JSON_PADDING readable bytes behind
 * it. It disturbs the slice that cup_json_index prepared: use a second parser beside a running
 * slice. */
void cup_json_text(struct cup_json *json, const uint8_t *buf, uint32_t bytes,
                   struct cup_json_doc *out_doc);

/* cup_json_count_tokens fills known->token_count for a text that a parser accepted. */
void cup_json_count_tokens(struct cup_json *json, const uint8_t *buf, uint32_t bytes,
                           uint32_t *out_token_count);

/* cup_json_member finds the member `key` of the object node `object`; 0 when there is none (node 0
 * is the root and never a member). Escaped keys are compared unescaped. */
uint32_t cup_json_member(const uint8_t *buf, const struct cup_json_doc *doc, uint32_t object,
                         const char *key, size_t key_bytes);

/* cup_json_unescape writes the text of a STRING node (src[0..bytes), judged legal before) to dst,
 * which holds at least `bytes` bytes: the result is never longer. Returns its length. */
uint32_t cup_json_unescape(const uint8_t *src, uint32_t bytes, uint8_t *dst);

#endif
