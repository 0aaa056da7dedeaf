// SPDX-License-Identifier: Apache-2.0
#include "dataplane/source/dump_priv.h"

#include <string.h>

#include "kernels/value/binary.h"

#define BASE64_PIECE 1024u

enum member { TOPIC, PARTITION, OFFSET, KEY, VALUE, HEADERS, TIMESTAMP, OTHER };

static const struct {
    const char *name;
    uint32_t    bytes;
} members[OTHER] = {
    [TOPIC] = {"topic", 5},         [PARTITION] = {"partition", 9},
    [OFFSET] = {"offset", 6},       [KEY] = {"key", 3},
    [VALUE] = {"value", 5},         [HEADERS] = {"headers", 7},
    [TIMESTAMP] = {"timestamp", 9},
};

#define MEMBER_RAW_BYTES_MAX (6u * 9u) /* "timestamp" or "partition", each byte as \u00XX */

static enum member which_member(const uint8_t *buf, const struct cup_json_node *node)
{
    uint8_t        plain[MEMBER_RAW_BYTES_MAX];
    const uint8_t *key   = buf + node->key_at;
    uint32_t       bytes = node->key_bytes;

    if (bytes > MEMBER_RAW_BYTES_MAX) return OTHER;
    if (node->flags & CUP_JSON_KEY_ESCAPED) {
        bytes = cup_json_unescape(key, bytes, plain);
        key   = plain;
    }
    for (enum member member = TOPIC; member < OTHER; member++) {
        if (members[member].bytes == bytes && memcmp(members[member].name, key, bytes) == 0)
            return member;
    }
    return OTHER;
}

/* An integer without fraction or exponent, from min up. */
static bool read_integer(const uint8_t *buf, const struct cup_json_node *node, int64_t min,
                         int64_t max, int64_t *out_value)
{
    const uint8_t *text     = buf + node->at;
    bool           negative = node->bytes > 0 && text[0] == '-';
    int64_t        value    = 0;

    if (node->kind != CUP_JSON_NUMBER) return false;
    for (uint32_t i = negative; i < node->bytes; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        int64_t digit = negative ? '0' - text[i] : text[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        if (__builtin_add_overflow(value, digit, &value)) return false;
    }
    if (value < min || value > max) return false;
    *out_value = value;
    return true;
}

static bool is_text_or_null(const struct cup_json_node *node)
{
    return node->kind == CUP_JSON_STRING || node->kind == CUP_JSON_NULL;
}

/* Decoded piece by piece, only to see whether it can be. */
static bool is_encoded(const uint8_t *buf, const struct cup_json_node *text)
{
    uint8_t bytes[BASE64_PIECE / 4 * 3];
    size_t  count = 0;

    if (text->kind != CUP_JSON_STRING) return false;
    for (uint32_t i = 0; i < text->bytes; i += BASE64_PIECE) {
        bool     more = text->bytes - i > BASE64_PIECE;
        uint32_t some = more ? BASE64_PIECE : text->bytes - i;
        if (!cup_base64_decode(buf + text->at + i, some, false, bytes, &count)) return false;
        if (more && count != sizeof bytes) return false; /* padding inside */
    }
    return true;
}

/* {"base64": ".."}: bytes that are no text. */
static bool is_base64(const uint8_t *buf, const struct cup_json_doc *doc, uint32_t at)
{
    const struct cup_json_node *node = &doc->nodes[at];

    return node->kind == CUP_JSON_OBJECT && node->child_count == 1 &&
           cup_json_member(buf, doc, at, "base64", 6) == at + 1 && is_encoded(buf, node + 1);
}

static bool are_bytes(const uint8_t *buf, const struct cup_json_doc *doc, uint32_t at)
{
    return is_text_or_null(&doc->nodes[at]) || is_base64(buf, doc, at);
}

static bool is_name(const uint8_t *buf, const struct cup_json_doc *doc, uint32_t at)
{
    return doc->nodes[at].kind == CUP_JSON_STRING || is_base64(buf, doc, at);
}

/* One header in the form ["name", value]. */
static bool is_pair(const uint8_t *buf, const struct cup_json_doc *doc, uint32_t at)
{
    const struct cup_json_node *pair = &doc->nodes[at];

    if (pair->kind != CUP_JSON_ARRAY || pair->child_count != 2) return false;
    uint32_t value = doc->nodes[at + 1].next;
    return is_name(buf, doc, at + 1) && are_bytes(buf, doc, value);
}

static bool are_headers(const uint8_t *buf, const struct cup_json_doc *doc, uint32_t at)
{
    const struct cup_json_node *all = &doc->nodes[at];

    if (all->kind == CUP_JSON_NULL) return true;
    if (all->kind != CUP_JSON_OBJECT && all->kind != CUP_JSON_ARRAY) return false;
    for (uint32_t i = at + 1; i < all->next; i = doc->nodes[i].next) {
        bool good = all->kind == CUP_JSON_OBJECT ? are_bytes(buf, doc, i) : is_pair(buf, doc, i);
        if (!good) return false;
    }
    return true;
}

/* -1 is how Kafka says that a message has no timestamp. */
static bool read_timestamp(const uint8_t *buf, const struct cup_json_node *node, int64_t *out_ms)
{
    int64_t ms;

    if (node->kind == CUP_JSON_NULL) return true;
    if (!read_integer(buf, node, -1, INT64_MAX, &ms)) return false;
    if (ms >= 0) *out_ms = ms;
    return true;
}

static bool take_member(const uint8_t *buf, const struct cup_json_doc *doc, uint32_t at,
                        enum member member, struct cup_dump_line *line)
{
    const struct cup_json_node *node = &doc->nodes[at];
    int64_t                     number;

    switch (member) {
    case TOPIC: line->topic = at; return node->kind == CUP_JSON_STRING && node->bytes > 0;
    case PARTITION:
        if (!read_integer(buf, node, 0, INT32_MAX, &number)) return false;
        line->partition = (int32_t)number;
        return true;
    case OFFSET: return read_integer(buf, node, 0, INT64_MAX, &line->offset);
    case KEY: line->key = at; return are_bytes(buf, doc, at);
    case VALUE: line->value = at; return are_bytes(buf, doc, at);
    case HEADERS: line->headers = at; return are_headers(buf, doc, at);
    case TIMESTAMP: return read_timestamp(buf, node, &line->timestamp_ms);
    case OTHER: break;
    }
    return true;
}

bool cup_dump_priv_read(const uint8_t *buf, const struct cup_json_doc *doc,
                        struct cup_dump_line *out_line)
{
    struct cup_dump_line line = {.timestamp_ms = INT64_MIN};
    const uint32_t       need = 1u << TOPIC | 1u << PARTITION | 1u << OFFSET | 1u << VALUE;
    uint32_t             have = 0;

    if (doc->verdict != CUP_JSON_OK || doc->nodes[0].kind != CUP_JSON_OBJECT) return false;
    for (uint32_t at = 1; at < doc->nodes[0].next; at = doc->nodes[at].next) {
        enum member member = which_member(buf, &doc->nodes[at]);
        if (!take_member(buf, doc, at, member, &line)) return false;
        have |= 1u << member;
    }
    if ((have & need) != need) return false;
    *out_line = line;
    return true;
}

uint32_t cup_dump_priv_text(const uint8_t *buf, const struct cup_json_node *node, uint8_t *dst)
{
    CUP_ASSERT(node->kind == CUP_JSON_STRING);

    if (node->flags & CUP_JSON_ESCAPED) return cup_json_unescape(buf + node->at, node->bytes, dst);
    memcpy(dst, buf + node->at, node->bytes);
    return node->bytes;
}

uint32_t cup_dump_priv_bytes(const uint8_t *buf, const struct cup_json_node *node, uint8_t *dst)
{
    size_t bytes = 0;

    if (node->kind == CUP_JSON_NULL) return UINT32_MAX;
    if (node->kind == CUP_JSON_STRING) return cup_dump_priv_text(buf, node, dst);
    bool good = cup_base64_decode(buf + node[1].at, node[1].bytes, false, dst, &bytes);
    CUP_ASSERT(good); /* it was looked at */
    return (uint32_t)bytes;
}

/* The texts go to their places in the header first, then the lengths are put before them. */
static uint32_t write_header(const uint8_t *buf, const struct cup_json_node *name,
                             const struct cup_json_node *value, uint8_t *dst)
{
    uint8_t *name_at     = dst + 8;
    uint32_t name_bytes  = cup_dump_priv_bytes(buf, name, name_at);
    uint8_t *value_at    = name_at + name_bytes;
    uint32_t value_bytes = cup_dump_priv_bytes(buf, value, value_at);
    bool     null        = value_bytes == UINT32_MAX;

    return cup_header_put(dst, UINT32_MAX, name_at, name_bytes, null ? NULL : value_at,
                          null ? 0 : value_bytes);
}

uint32_t cup_dump_priv_headers(const uint8_t *buf, const struct cup_json_doc *doc,
                               const struct cup_dump_line *line, uint8_t *dst)
{
    const struct cup_json_node *all   = &doc->nodes[line->headers];
    uint32_t                    bytes = 0;

    if (line->headers == 0 || all->kind == CUP_JSON_NULL) return 0;
    for (uint32_t i = line->headers + 1; i < all->next; i = doc->nodes[i].next) {
        const struct cup_json_node *value = &doc->nodes[i];
        struct cup_json_node        key   = {
                     .kind = CUP_JSON_STRING, .at = value->key_at, .bytes = value->key_bytes};
        const struct cup_json_node *name = &key;
        if (all->kind == CUP_JSON_ARRAY) {
            name  = &doc->nodes[i + 1];
            value = &doc->nodes[name->next];
        } else if (value->flags & CUP_JSON_KEY_ESCAPED) {
            key.flags = CUP_JSON_ESCAPED;
        }
        bytes += write_header(buf, name, value, dst + bytes);
    }
    return bytes;
}
