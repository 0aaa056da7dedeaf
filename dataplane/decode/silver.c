// SPDX-License-Identifier: Apache-2.0
/* The generated columns of a row, in the order of silver.def. */
#include <string.h>

#include "dataplane/decode/decode_priv.h"

#define OK      ((uint32_t)CUP_OUTCOME_ACCEPTED)
#define OLD_KEY "__debezium.oldkey"

static inline struct cup_cell silver_cell(struct cup_decode *decode, enum cup_silver silver,
                                          uint32_t row)
{
    struct cup_table *table  = decode->table;
    uint32_t          column = table->data_count + (uint32_t)silver;

    return (struct cup_cell){.decode = decode,
                             .table  = table,
                             .column = &table->columns[column],
                             .runs   = &table->runs[column],
                             .row    = row};
}

static void put_null(struct cup_decode *decode, enum cup_silver silver, uint32_t row)
{
    struct cup_cell cell = silver_cell(decode, silver, row);

    cup_values_priv_null(&cell);
}

static inline uint32_t put_text(const struct cup_cell *cell, struct cup_span text)
{
    struct cup_column *column = cell->column;
    uint32_t           used   = column->offsets[cell->row];

    if ((uint64_t)used + text.bytes > column->text_cap) {
        uint32_t outcome = cup_columns_priv_grow(cell, text.bytes);
        if (outcome != OK) return outcome;
    }
    cup_bytes_priv_copy(column->text + used, text.at, text.bytes);
    column->offsets[cell->row + 1] = used + text.bytes;
    cup_bit_set(column->validity, cell->row, true);
    return OK;
}

/* NULL for a column of texts or lists. */
static inline void put_nothing(const struct cup_cell *cell)
{
    struct cup_column *column = cell->column;

    cup_bit_set(column->validity, cell->row, false);
    column->offsets[cell->row + 1] = column->offsets[cell->row];
}

/* NULL when the text is empty. */
static inline uint32_t put_span(struct cup_decode *decode, enum cup_silver silver, uint32_t row,
                                struct cup_span text)
{
    struct cup_cell cell = silver_cell(decode, silver, row);

    if (text.bytes > 0) return put_text(&cell, text);
    put_nothing(&cell);
    return OK;
}

static void put_i32(struct cup_decode *decode, enum cup_silver silver, uint32_t row, int32_t value)
{
    struct cup_column *column = silver_cell(decode, silver, row).column;

    column->i32[row] = value;
    cup_bit_set(column->validity, row, true);
}

static void put_i64(struct cup_decode *decode, enum cup_silver silver, uint32_t row, int64_t value)
{
    struct cup_column *column = silver_cell(decode, silver, row).column;

    column->i64[row] = value;
    cup_bit_set(column->validity, row, true);
}

static uint32_t put_old_key(struct cup_decode *decode, uint32_t row)
{
    struct cup_cell cell = silver_cell(decode, CUP_SILVER_OLD_KEY, row);

    if (!decode->table->masked || decode->envelope.old_key.bytes == 0)
        return put_span(decode, CUP_SILVER_OLD_KEY, row, decode->envelope.old_key);
    return cup_old_key_priv_put(decode, &cell);
}

/* Elements lie behind the list's last offset; the row's own stands when all are there. */
static uint32_t put_unset(struct cup_decode *decode, uint32_t row, bool key_only)
{
    struct cup_cell   cell  = silver_cell(decode, CUP_SILVER_UNSET, row);
    struct cup_table *table = decode->table;
    uint32_t          count = key_only ? 1 : decode->unset_count;

    if (count == 0) {
        put_nothing(&cell);
        return OK;
    }
    uint32_t outcome = cup_columns_priv_elements(&cell, count);
    if (outcome != OK) return outcome;
    struct cup_cell one = cell;
    one.column          = cell.column->children;
    one.runs            = &table->runs[one.column - table->columns];
    one.row             = cell.column->offsets[row];
    for (uint32_t i = 0; i < count; i++, one.row++) {
        struct cup_span name = {.at = (const uint8_t *)"*", .bytes = 1};
        if (!key_only)
            name = cup_span_priv_of(decode->plan, table->plan_columns[decode->unset[i]].name);
        outcome = put_text(&one, name);
        if (outcome != OK) return outcome;
    }
    cell.column->offsets[row + 1] = one.row;
    cup_bit_set(cell.column->validity, row, true);
    return OK;
}

static struct cup_span find_topic(struct cup_decode *decode)
{
    if (decode->topic_text.at == NULL || decode->topic != decode->record->topic) {
        const char *topic  = decode->topic_of(decode->topic_arg, decode->record->topic);
        decode->topic      = decode->record->topic;
        decode->topic_text = (struct cup_span){(const uint8_t *)topic, (uint32_t)strlen(topic)};
    }
    return decode->topic_text;
}

uint32_t cup_silver_priv_put(struct cup_decode *decode, uint32_t row, char op, int32_t sub,
                             bool key_only)
{
    struct cup_span op_text = {.at = (const uint8_t *)&op, .bytes = 1};
    uint32_t        outcome = put_span(decode, CUP_SILVER_OP, row, op_text);

    put_i32(decode, CUP_SILVER_SUB, row, sub);
    put_i32(decode, CUP_SILVER_PARTITION, row, decode->record->partition);
    put_i32(decode, CUP_SILVER_SHARD, row, (int32_t)decode->plan->shard);
    put_i64(decode, CUP_SILVER_OFFSET, row, decode->record->offset);
    put_i64(decode, CUP_SILVER_EPOCH, row, (int64_t)decode->stamp->epoch);
    put_i64(decode, CUP_SILVER_INGESTED_AT, row, decode->stamp->ingested_us);
    if (outcome == OK && !decode->stamped.made) outcome = cup_position_priv_stamp(decode);
    if (outcome != OK) return outcome;
    if (decode->stamped.has_ts)
        put_i64(decode, CUP_SILVER_TS, row, decode->stamped.ts_us);
    else
        put_null(decode, CUP_SILVER_TS, row);
    outcome = put_span(decode, CUP_SILVER_POS, row, decode->stamped.pos);
    if (outcome == OK) outcome = put_span(decode, CUP_SILVER_TX, row, decode->stamped.tx);
    if (outcome == OK)
        outcome = put_span(decode, CUP_SILVER_SNAPSHOT, row, decode->stamped.snapshot);
    if (outcome == OK) outcome = put_old_key(decode, row);
    if (outcome == OK) outcome = put_unset(decode, row, key_only);
    if (outcome == OK) outcome = put_span(decode, CUP_SILVER_TOPIC, row, find_topic(decode));
    return outcome;
}

uint32_t cup_silver_priv_old_key(struct cup_decode *decode)
{
    const struct cup_record *record  = decode->record;
    const uint8_t           *headers = decode->batch->region + record->headers_at;
    struct cup_header        header;
    struct cup_json_doc      doc;
    uint32_t                 at = 0, schema;

    while (cup_header_next(headers, record->headers_bytes, &at, &header)) {
        if (header.name_bytes != sizeof OLD_KEY - 1) continue;
        if (memcmp(header.name, OLD_KEY, sizeof OLD_KEY - 1) != 0 || header.value == NULL) continue;
        if (header.value_bytes > decode->plan->record_bytes_max)
            return cup_envelope_priv_mismatch(decode, 0, "headers." OLD_KEY);
        cup_json_text(decode->texts, header.value, header.value_bytes, &doc);
        if (doc.verdict != CUP_JSON_OK)
            return cup_envelope_priv_mismatch(decode, 0, "headers." OLD_KEY);
        const struct cup_json_node *payload =
            &doc.nodes[cup_envelope_priv_payload(header.value, &doc, &schema)];
        decode->envelope.old_key = (struct cup_span){header.value + payload->at, payload->bytes};
        decode->envelope.create_half = true;
        return OK;
    }
    return OK;
}

static uint32_t put_piece(uint8_t *to, uint32_t at, const void *bytes, uint32_t count)
{
    memcpy(to + at, bytes, count);
    return at + count;
}

void cup_silver_priv_make_old_key(struct cup_decode *decode, uint32_t prior, uint32_t image)
{
    uint8_t *to = decode->scratch + decode->scratch_used;
    uint32_t at = put_piece(to, 0, "{", 1);

    for (uint32_t i = 0; i < decode->table->key_count; i++) {
        const struct cup_member *member = &decode->shape->members[decode->shape->key_members[i]];
        uint32_t                 node =
            cup_json_member(decode->buf, &decode->doc, prior, member->name, member->name_bytes);
        if (node == 0)
            node =
                cup_json_member(decode->buf, &decode->doc, image, member->name, member->name_bytes);
        if (node == 0) continue;
        const struct cup_json_node *is    = &decode->doc.nodes[node];
        uint32_t                    quote = is->kind == CUP_JSON_STRING;
        at = put_piece(to, at, at > 1 ? ",\"" : "\"", at > 1 ? 2 : 1);
        at = put_piece(to, at, decode->buf + is->key_at, is->key_bytes);
        at = put_piece(to, at, "\":", 2);
        at = put_piece(to, at, decode->buf + is->at - quote, is->bytes + 2 * quote);
    }
    at = put_piece(to, at, "}", 1);
    decode->scratch_used += at;
    decode->envelope.old_key = (struct cup_span){to, at};
}
