// SPDX-License-Identifier: Apache-2.0
/* Images and keys that are texts: MongoDB's documents in Extended JSON, of all its modes. */
#include <string.h>

#include "dataplane/decode/decode_priv.h"

uint32_t cup_documents_priv_enter(struct cup_decode *decode, uint32_t at,
                                  struct cup_nodes *out_nodes)
{
    const struct cup_json_node *node  = &decode->doc.nodes[at];
    uint8_t                    *text  = decode->scratch + decode->scratch_used;
    struct cup_nodes            nodes = {.buf          = decode->buf,
                                         .doc          = decode->doc,
                                         .notes        = decode->notes,
                                         .scratch_used = decode->scratch_used,
                                         .image_at     = decode->image_at};

    CUP_ASSERT(node->kind == CUP_JSON_STRING);
    uint32_t bytes   = cup_json_unescape(decode->buf + node->at, node->bytes, text);
    uint32_t text_at = node->at;
    memset(text + bytes, 0, CUP_JSON_PADDING);
    cup_json_text(decode->texts, text, bytes, &decode->doc);
    if (decode->doc.verdict != CUP_JSON_OK) {
        decode->doc = nodes.doc;
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_JSON_SYNTAX, node, decode->image_name,
                                      NULL, 0);
    }
    if (nodes.buf == decode->batch->region) decode->image_at = text_at;
    decode->buf   = text;
    decode->notes = decode->text_notes;
    decode->scratch_used += bytes + CUP_JSON_PADDING;
    *out_nodes = nodes;
    return CUP_OUTCOME_ACCEPTED;
}

void cup_documents_priv_leave(struct cup_decode *decode, const struct cup_nodes *nodes)
{
    decode->buf          = nodes->buf;
    decode->doc          = nodes->doc;
    decode->notes        = nodes->notes;
    decode->scratch_used = nodes->scratch_used;
    decode->image_at     = nodes->image_at;
}

bool cup_documents_priv_numeric(const struct cup_member *member)
{
    switch ((enum cup_encoding)member->encoding) {
    case CUP_ENCODING_INT8:
    case CUP_ENCODING_INT16:
    case CUP_ENCODING_INT32:
    case CUP_ENCODING_INT64:
    case CUP_ENCODING_FLOAT:
    case CUP_ENCODING_DOUBLE:
    case CUP_ENCODING_DECIMAL_NUMBER:
    case CUP_ENCODING_TIMESTAMP_MS: return true;
    default: return false;
    }
}

static bool is_key(const struct cup_decode *decode, const struct cup_json_node *node,
                   const char *name)
{
    return node->key_bytes == strlen(name) &&
           memcmp(decode->buf + node->key_at, name, node->key_bytes) == 0;
}

/* A text of digits where a number is wanted; NaN and infinities stay texts. */
static const struct cup_json_node *as_number(const struct cup_decode    *decode,
                                             const struct cup_member    *member,
                                             const struct cup_json_node *node,
                                             struct cup_json_node       *own)
{
    const uint8_t *text = decode->buf + node->at;

    if (node->kind != CUP_JSON_STRING || node->bytes == 0) return node;
    uint8_t last = text[node->bytes - 1];
    if (!cup_documents_priv_numeric(member) || last < '0' || last > '9') return node;
    *own      = *node;
    own->kind = CUP_JSON_NUMBER;
    return own;
}

/* What a wrapper holds: {"$oid": ..}, {"$numberLong": ".."}, {"$date": {"$numberLong": ".."}}, ...
 */
static const struct cup_json_node *unwrap(const struct cup_decode    *decode,
                                          const struct cup_json_node *node)
{
    static const char *const plain[] = {"$oid",           "$uuid",       "$date",
                                        "$numberInt",     "$numberLong", "$numberDouble",
                                        "$numberDecimal", "$symbol"};

    for (uint32_t depth = 0; depth < 3 && node->kind == CUP_JSON_OBJECT; depth++) {
        const struct cup_json_node *inner = node + 1;
        if (node->child_count == 0) break;
        bool known = is_key(decode, inner, "$binary") || is_key(decode, inner, "base64");
        for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
            known |= node->child_count == 1 && is_key(decode, inner, plain[i]);
        if (!known) break;
        node = inner;
    }
    return node;
}

/* A value that is no wrapper, for a column of text: its own JSON. */
static const struct cup_json_node *as_text(const struct cup_member    *member,
                                           const struct cup_json_node *node,
                                           struct cup_json_node       *own)
{
    bool whole = node->kind == CUP_JSON_OBJECT || node->kind == CUP_JSON_ARRAY;

    if (!whole || member->type != CUP_TYPE_STRING || member->element != NULL) return node;
    *own       = *node;
    own->kind  = CUP_JSON_STRING;
    own->flags = 0;
    return own;
}

const struct cup_json_node *cup_documents_priv_adapt(const struct cup_decode    *decode,
                                                     const struct cup_member    *member,
                                                     const struct cup_json_node *node,
                                                     struct cup_json_node       *own)
{
    const struct cup_json_node *value = unwrap(decode, node);

    if (value->kind == CUP_JSON_STRING) return as_number(decode, member, value, own);
    return as_text(member, value, own);
}

/* Documents have no schema: what no column names is kept where a column takes the whole. A part of
 * a column's value ("address.city") is not a value: the column would be wrong. */
bool cup_documents_priv_foreign(const struct cup_decode *decode, const struct cup_json_node *node)
{
    const uint8_t *key   = decode->buf + node->key_at;
    const uint8_t *dot   = memchr(key, '.', node->key_bytes);
    bool           whole = false;

    for (uint32_t i = 0; i < decode->shape->member_count; i++) {
        const struct cup_member *member = &decode->shape->members[i];
        if (dot != NULL && member->name_bytes == (size_t)(dot - key) &&
            memcmp(member->name, key, member->name_bytes) == 0)
            return false;
        whole |= member->name_bytes == 1 && member->name[0] == CUP_WHOLE_MEMBER[0];
    }
    return whole;
}
