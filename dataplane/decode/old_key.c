// SPDX-License-Identifier: Apache-2.0
/* _old_key of a table with masks: made anew from the key columns alone, with tokens for those that
 * are tokens in the table, so that it joins with them and holds nothing else of the source.
 *
 *   {"id":7,"email":"a@b","__extra":1}  -->  {"id":7,"email":"k1:9fXo..."} */
#include "dataplane/decode/decode_priv.h"
#include "kernels/token/canon.h"

#define OK          ((uint32_t)CUP_OUTCOME_ACCEPTED)
#define FRAME_BYTES 8u /* "{}" once; quotes, colon, comma of a member */

/* The text being written behind the column's last. */
struct out {
    const struct cup_cell *cell;
    uint32_t               used;
};

static void put(struct out *out, const void *bytes, uint32_t count)
{
    struct cup_column *column = out->cell->column;

    CUP_ASSERT(out->used + count <= column->text_cap);
    memcpy(column->text + out->used, bytes, count);
    out->used += count;
}

/* A key column's value becomes typed in the spare row, as the row's own did. */
static uint32_t put_token(struct out *out, const struct cup_member *member,
                          const struct cup_json_node *node)
{
    struct cup_decode *decode = out->cell->decode;
    uint32_t           spare  = out->cell->row + 1;
    char               room[CUP_CANON_BYTES], token[CUP_TOKEN_TEXT_MAX];
    const void        *at;
    uint32_t           outcome = cup_rows_priv_cell(decode, member, node, spare);

    if (outcome != OK) return outcome;
    uint32_t bytes = cup_canon_bytes(&decode->table->columns[member->column], member->type,
                                     member->scale, spare, room, &at);
    uint32_t count = cup_token_text(decode->token, at, bytes, token);
    put(out, "\"", 1);
    put(out, token, count);
    put(out, "\"", 1);
    return OK;
}

static uint32_t put_member(struct out *out, const struct cup_member *member,
                           const struct cup_json_node *node)
{
    const struct cup_decode *decode = out->cell->decode;
    uint32_t                 quote  = node->kind == CUP_JSON_STRING;
    uint8_t                  mask   = decode->table->plan_columns[member->column].mask;

    put(out, "\"", 1);
    put(out, decode->buf + node->key_at, node->key_bytes);
    put(out, "\":", 2);
    if (mask == CUP_MASK_HMAC && node->kind != CUP_JSON_NULL) return put_token(out, member, node);
    CUP_ASSERT(mask == CUP_MASK_NONE || node->kind == CUP_JSON_NULL); /* keys: nothing else */
    put(out, decode->buf + node->at - quote, node->bytes + 2 * quote);
    return OK;
}

static uint32_t put_object(struct cup_decode *decode, struct out *out)
{
    uint32_t outcome = OK;
    bool     first   = true;

    put(out, "{", 1);
    for (uint32_t i = 0; outcome == OK && i < decode->table->key_count; i++) {
        uint32_t place = decode->shape->key_members[i];
        if (place == CUP_NONE) continue;
        const struct cup_member *member = &decode->shape->members[place];
        uint32_t                 node =
            cup_json_member(decode->buf, &decode->doc, 0, member->name, member->name_bytes);
        if (node == 0) continue;
        if (!first) put(out, ",", 1);
        first   = false;
        outcome = put_member(out, member, &decode->doc.nodes[node]);
    }
    put(out, "}", 1);
    return outcome;
}

uint32_t cup_old_key_priv_put(struct cup_decode *decode, const struct cup_cell *cell)
{
    const struct cup_span     old    = decode->envelope.old_key;
    const uint8_t            *buf    = decode->buf;
    const struct cup_json_doc doc    = decode->doc;
    struct cup_column        *column = cell->column;
    uint32_t                  each   = CUP_TOKEN_TEXT_MAX + FRAME_BYTES;
    uint64_t                  most   = old.bytes + (uint64_t)decode->table->key_count * each + each;
    struct out                out    = {.cell = cell, .used = column->offsets[cell->row]};
    uint32_t                  outcome = OK;

    if ((uint64_t)out.used + most > column->text_cap) outcome = cup_columns_priv_grow(cell, most);
    if (outcome != OK) return outcome;
    decode->buf = old.at;
    cup_json_text(decode->texts, old.at, old.bytes, &decode->doc);
    bool object =
        decode->doc.verdict == CUP_JSON_OK && decode->doc.nodes[0].kind == CUP_JSON_OBJECT;
    if (object) outcome = put_object(decode, &out);
    decode->buf = buf;
    decode->doc = doc;
    if (!object) {
        cup_values_priv_null(cell);
        return OK;
    }
    if (outcome == CUP_STOPPED) return outcome;
    if (outcome != OK)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, NULL,
                                      "headers.__debezium.oldkey", NULL, 0);
    column->offsets[cell->row + 1] = out.used;
    cup_bit_set(column->validity, cell->row, true);
    return OK;
}
