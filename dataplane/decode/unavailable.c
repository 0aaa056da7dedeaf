// SPDX-License-Identifier: Apache-2.0
/* Values that a database did not send: the shapes that its placeholder takes. */
#include <string.h>

#include "dataplane/decode/decode_priv.h"
#include "kernels/value/integer.h"

#define LEAK        "java.lang.Object@"
#define LEAK_DIGITS 8u

static bool is_text(struct cup_decode *decode, const struct cup_json_node *node,
                    struct cup_span expected)
{
    if (node->kind != CUP_JSON_STRING || node->bytes < expected.bytes) return false;
    if (!(node->flags & CUP_JSON_ESCAPED) && node->bytes != expected.bytes) return false;
    return cup_span_priv_equal(cup_values_priv_text(decode, node), expected);
}

/* Lists of integers and of dates carry the placeholder's bytes as numbers. */
static bool is_bytes(struct cup_decode *decode, const struct cup_json_node *list)
{
    const struct cup_json_node *item = list + 1;

    if (list->child_count != decode->unavailable.bytes) return false;
    for (uint32_t i = 0; i < list->child_count; i++) {
        int64_t value;
        if (item->kind != CUP_JSON_NUMBER) return false;
        if (cup_integer_parse(decode->buf + item->at, item->bytes, &value) != CUP_FIT_OK)
            return false;
        if (value != (int8_t)decode->unavailable.at[i]) return false;
        item = decode->doc.nodes + item->next;
    }
    return true;
}

static bool is_unavailable(struct cup_decode *decode, uint32_t encoding,
                           const struct cup_json_node *node)
{
    if (encoding == CUP_ENCODING_UUID) return is_text(decode, node, decode->unavailable_uuid);
    if (encoding == CUP_ENCODING_BYTES_BASE64 || encoding == CUP_ENCODING_TEXT_BASE64)
        return is_text(decode, node, decode->unavailable_base64);
    if (is_text(decode, node, decode->unavailable)) return true;
    return encoding == CUP_ENCODING_JSON && is_text(decode, node, decode->unavailable_pair);
}

/* A map of one pair, both halves the placeholder. */
static bool is_pair(struct cup_decode *decode, const struct cup_json_node *map)
{
    if (map->kind != CUP_JSON_OBJECT || map->child_count != 1) return false;
    struct cup_span key = {.at = decode->buf + map[1].key_at, .bytes = map[1].key_bytes};

    return cup_span_priv_equal(key, decode->unavailable) &&
           is_text(decode, map + 1, decode->unavailable);
}

bool cup_values_priv_unavailable(struct cup_decode *decode, const struct cup_member *member,
                                 const struct cup_json_node *node)
{
    CUP_ASSERT(member->unavailable);
    if (member->encoding == CUP_ENCODING_MAP) return is_pair(decode, node);
    if (member->element == NULL) return is_unavailable(decode, member->encoding, node);
    if (node->kind != CUP_JSON_ARRAY || node->child_count == 0) return false;
    if (node->child_count == 1 && is_unavailable(decode, member->element->encoding, node + 1))
        return true;
    return is_bytes(decode, node);
}

bool cup_values_priv_leak(struct cup_decode *decode, const struct cup_json_node *node)
{
    const uint32_t start = sizeof LEAK - 1;
    const uint8_t *text  = decode->buf + node->at;

    if (node->kind != CUP_JSON_STRING || node->bytes <= start) return false;
    if (node->bytes > start + LEAK_DIGITS || memcmp(text, LEAK, start) != 0) return false;
    for (uint32_t i = start; i < node->bytes; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (!digit && (text[i] < 'a' || text[i] > 'f')) return false;
    }
    return true;
}
