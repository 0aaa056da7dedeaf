// SPDX-License-Identifier: Apache-2.0
/* The record key beside the row: usually the same bytes, and compared as such. */
#include <string.h>

#include "dataplane/decode/decode_priv.h"

#define OK ((uint32_t)CUP_OUTCOME_ACCEPTED)

static bool take(const uint8_t **at, const uint8_t *end, const void *bytes, size_t count)
{
    if ((size_t)(end - *at) < count || memcmp(*at, bytes, count) != 0) return false;
    *at += count;
    return true;
}

/* Is the key exactly the text that the row's key columns make, {"id":7,"b":"x"}? Then it names the
 * same key and needs no parsing. */
static bool is_same_text(const struct cup_decode *decode, const uint8_t *key, uint32_t bytes)
{
    const struct cup_shape *shape = decode->shape;
    const uint8_t          *at = key, *end = key + bytes;

    for (uint32_t i = 0; i < decode->table->key_count; i++) {
        if (shape->key_members[i] == CUP_NONE || decode->key_nodes[i] == 0) return false;
        const struct cup_member    *member = &shape->members[shape->key_members[i]];
        const struct cup_json_node *node   = &decode->doc.nodes[decode->key_nodes[i]];
        uint32_t                    quote  = node->kind == CUP_JSON_STRING;
        if (!take(&at, end, i == 0 ? "{\"" : ",\"", 2) ||
            !take(&at, end, member->name, member->name_bytes) || !take(&at, end, "\":", 2) ||
            !take(&at, end, decode->buf + node->at - quote, node->bytes + 2 * quote))
            return false;
    }
    return take(&at, end, "}", 1) && at == end;
}

/* Parses the key; its nodes take the place of the record's until leave_key. Returns the object that
 * holds the key columns, and false when it is not an object (a plain text, say: not comparable). */
struct record_nodes {
    const uint8_t      *buf;
    struct cup_json_doc doc;
};

/* The key without the frame of a schema registry. */
static struct cup_span key_of(const struct cup_decode *decode)
{
    const struct cup_record *record = decode->record;
    const uint8_t           *key    = decode->batch->region + record->key_at;
    uint32_t                 frame  = cup_envelope_priv_frame(key, record->key_bytes);

    return (struct cup_span){key + frame, record->key_bytes - frame};
}

static bool enter_key(struct cup_decode *decode, struct record_nodes *out_record,
                      uint32_t *out_object, bool *out_broken)
{
    const struct cup_span key = key_of(decode);
    uint32_t              schema;

    *out_record = (struct record_nodes){.buf = decode->buf, .doc = decode->doc};
    *out_broken = false;
    if (key.bytes > decode->plan->record_bytes_max) {
        *out_broken = true;
        return false;
    }
    decode->buf = key.at;
    cup_json_text(decode->texts, key.at, key.bytes, &decode->doc);
    if (decode->doc.verdict != CUP_JSON_OK) {
        *out_broken = key.bytes > 0 && key.at[0] == '{';
        return false;
    }
    *out_object = cup_envelope_priv_payload(key.at, &decode->doc, &schema);
    return decode->doc.nodes[*out_object].kind == CUP_JSON_OBJECT;
}

static void leave_key(struct cup_decode *decode, const struct record_nodes *record)
{
    decode->buf = record->buf;
    decode->doc = record->doc;
}

/* The member of the key object for key column `index`; *out_node is 0 when it has none. */
static const struct cup_member *find_key(const struct cup_decode *decode, uint32_t index,
                                         uint32_t object, uint32_t *out_node)
{
    uint32_t place = decode->shape->key_members[index];

    *out_node = 0;
    if (place == CUP_NONE) return NULL;
    const struct cup_member *member = &decode->shape->members[place];
    if (decode->dialect->documents && decode->table->key_count == 1) {
        *out_node = cup_json_member(decode->buf, &decode->doc, object, "id", 2);
        return member;
    }
    *out_node =
        cup_json_member(decode->buf, &decode->doc, object, member->name, member->name_bytes);
    return member;
}

/* A key column's value. MongoDB's is a text that holds the value: its nodes take the key's place,
 * of which nothing else is needed. */
static uint32_t put_value(struct cup_decode *decode, const struct cup_member *member, uint32_t node,
                          uint32_t row)
{
    struct cup_nodes key;
    uint32_t         outcome;

    if (!decode->dialect->documents || decode->doc.nodes[node].kind != CUP_JSON_STRING)
        return cup_rows_priv_cell(decode, member, &decode->doc.nodes[node], row);
    outcome = cup_documents_priv_enter(decode, node, &key);
    if (outcome != OK) return outcome;
    outcome = cup_rows_priv_cell(decode, member, &decode->doc.nodes[0], row);
    cup_documents_priv_leave(decode, &key);
    return outcome;
}

/* Whether the record's key is made of other columns than the table's: one of these is missing, or
 * another column of the table is there. What is no column does not count: transforms add some. */
static bool is_other_key(const struct cup_decode *decode, uint32_t object,
                         struct cup_span *out_name)
{
    const struct cup_shape     *shape = decode->shape;
    const struct cup_json_node *nodes = decode->doc.nodes;
    uint32_t                    at = object + 1, found = 0;

    if (decode->table->plan->contracted || decode->dialect->documents) return false;
    for (uint32_t i = 0; i < decode->table->key_count; i++) {
        uint32_t                 node;
        const struct cup_member *member = find_key(decode, i, object, &node);
        if (member == NULL) return false; /* its own trouble: a required column is not there */
        *out_name = (struct cup_span){(const uint8_t *)member->name, member->name_bytes};
        if (node == 0) return true;
        found++;
    }
    if (found == nodes[object].child_count) return false;
    for (uint32_t i = 0; i < nodes[object].child_count; i++, at = nodes[at].next) {
        *out_name = (struct cup_span){decode->buf + nodes[at].key_at, nodes[at].key_bytes};
        for (uint32_t m = 0; m < shape->member_count; m++) {
            const struct cup_member *member = &shape->members[m];
            struct cup_span          name   = {(const uint8_t *)member->name, member->name_bytes};
            if (member->key_index == CUP_NONE && cup_span_priv_equal(name, *out_name)) return true;
        }
    }
    return false;
}

/* Members of the key that are no key columns do not count: transforms add some. */
static uint32_t compare(struct cup_decode *decode, uint32_t object, uint32_t row)
{
    uint32_t spare = row + 1;

    for (uint32_t i = 0; i < decode->table->key_count; i++) {
        uint32_t                 node;
        const struct cup_member *member = find_key(decode, i, object, &node);
        if (node == 0) continue;
        uint32_t outcome = put_value(decode, member, node, spare);
        if (outcome == CUP_STOPPED) return outcome;
        if (outcome != OK ||
            !cup_values_priv_equal(&decode->table->columns[member->column], row, spare))
            return cup_decode_priv_refuse(decode, CUP_OUTCOME_KEY_MISMATCH, NULL, "key.",
                                          member->name, member->name_bytes);
    }
    return OK;
}

uint32_t cup_key_priv_check(struct cup_decode *decode, uint32_t row)
{
    const struct cup_record *record = decode->record;
    struct record_nodes      nodes;
    uint32_t                 object, outcome = OK;
    struct cup_span          name = {0};
    bool                     broken, other = false;

    if (record->key_kind != CUP_VALUE_BYTES || decode->table->key_count == 0) return OK;
    struct cup_span text = key_of(decode);
    if (is_same_text(decode, text.at, text.bytes)) return OK;
    if (enter_key(decode, &nodes, &object, &broken)) {
        other   = is_other_key(decode, object, &name);
        outcome = compare(decode, object, row);
    }
    leave_key(decode, &nodes);
    if (other) return cup_route_priv_ask(decode, CUP_UNKNOWN_KIND_KEY, name);
    if (broken)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_KEY_MISMATCH, NULL, "key", NULL, 0);
    return outcome;
}

static uint32_t take_columns(struct cup_decode *decode, uint32_t object, uint32_t row)
{
    for (uint32_t i = 0; i < decode->table->key_count; i++) {
        uint32_t                 node;
        const struct cup_member *member = find_key(decode, i, object, &node);
        if (node == 0 || decode->doc.nodes[node].kind == CUP_JSON_NULL)
            return CUP_OUTCOME_DELETE_WITHOUT_KEY;
        uint32_t outcome = put_value(decode, member, node, row);
        if (outcome == CUP_STOPPED) return outcome;
        if (outcome != OK)
            return cup_decode_priv_refuse(decode, (enum cup_outcome)outcome, NULL, "key.",
                                          member->name, member->name_bytes);
    }
    return OK;
}

uint32_t cup_key_priv_take(struct cup_decode *decode, uint32_t row)
{
    struct record_nodes nodes;
    uint32_t            object, outcome = CUP_OUTCOME_DELETE_WITHOUT_KEY;
    bool                broken;

    if (decode->record->key_kind == CUP_VALUE_BYTES && decode->table->key_count > 0) {
        if (enter_key(decode, &nodes, &object, &broken))
            outcome = take_columns(decode, object, row);
        leave_key(decode, &nodes);
    }
    if (outcome == CUP_OUTCOME_DELETE_WITHOUT_KEY)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_DELETE_WITHOUT_KEY, NULL, "key", NULL, 0);
    return outcome;
}
