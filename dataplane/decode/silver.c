// SPDX-License-Identifier: Apache-2.0
/* The generated columns of a row, in the order of silver.def. */
#include <string.h>

#include "base/clock.h"
#include "dataplane/decode/decode_priv.h"
#include "kernels/value/integer.h"
#include "kernels/value/moment.h"

#define OK       ((uint32_t)CUP_OUTCOME_ACCEPTED)
#define OLD_KEY  "__debezium.oldkey"
#define POS_MAX  56u /* SQL Server: two LSNs of 20 digits, serial number of 16 */
#define LSN_HEX  20u
#define LSN_TEXT 22u /* 8:8:4 */

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

/* NULL when the text is empty. */
static inline uint32_t put_span(struct cup_decode *decode, enum cup_silver silver, uint32_t row,
                                struct cup_span text)
{
    struct cup_cell cell = silver_cell(decode, silver, row);

    if (text.bytes > 0) return put_text(&cell, text);
    cup_values_priv_null(&cell);
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

/* An integer of source, which some producers write as a string. False: absent or null. */
static bool read_number(struct cup_decode *decode, uint32_t at, int64_t *out_value, bool *out_bad)
{
    const struct cup_json_node *node = &decode->doc.nodes[at];

    if (at == 0 || node->kind == CUP_JSON_NULL) return false;
    bool good = (node->kind == CUP_JSON_NUMBER || node->kind == CUP_JSON_STRING) &&
                cup_integer_parse(decode->buf + node->at, node->bytes, out_value) == CUP_FIT_OK;
    *out_bad |= !good;
    return good;
}

static uint32_t refuse_source(struct cup_decode *decode, const char *path)
{
    return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, NULL, path, NULL, 0);
}

static uint32_t put_ts(struct cup_decode *decode, uint32_t row)
{
    const struct cup_envelope *envelope = &decode->envelope;
    bool                       bad      = false;
    int64_t                    value;

    if (read_number(decode, envelope->source[CUP_SOURCE_TS_US], &value, &bad)) {
        /* as it is */
    } else if (read_number(decode, envelope->source[CUP_SOURCE_TS_MS], &value, &bad)) {
        bad |=
            value > CUP_MOMENT_US_MAX / CUP_US_PER_MS || value < CUP_MOMENT_US_MIN / CUP_US_PER_MS;
        value = bad ? 0 : value * CUP_US_PER_MS;
    } else if (read_number(decode, envelope->source[CUP_SOURCE_TS_NS], &value, &bad)) {
        value /= 1000;
    } else if (!bad) {
        put_null(decode, CUP_SILVER_TS, row);
        return OK;
    }
    if (bad || value < CUP_MOMENT_US_MIN || value > CUP_MOMENT_US_MAX)
        return refuse_source(decode, "source.ts");
    put_i64(decode, CUP_SILVER_TS, row, value);
    return OK;
}

/* PostgreSQL: the event's LSN; for one key it ascends. Unsigned, though the wire says int64. */
static bool make_lsn(struct cup_decode *decode, uint8_t *out, uint32_t *out_bytes)
{
    int64_t lsn;
    bool    bad = false;

    if (!read_number(decode, decode->envelope.source[CUP_SOURCE_LSN], &lsn, &bad)) return !bad;
    cup_integer_hex((uint64_t)lsn, 16, out);
    *out_bytes = 16;
    return true;
}

/* "mysql-bin.000042" is 42; false when no number follows the last dot. */
static bool read_file_number(struct cup_decode *decode, int64_t *out_number)
{
    struct cup_span text =
        cup_values_priv_text(decode, &decode->doc.nodes[decode->envelope.source[CUP_SOURCE_FILE]]);
    uint32_t start = text.bytes, digits;

    while (start > 0 && text.at[start - 1] != '.')
        start--;
    if (start == 0) return false;
    while (start + 1 < text.bytes && text.at[start] == '0')
        start++;
    digits = text.bytes - start;
    return cup_integer_parse(text.at + start, digits, out_number) == CUP_FIT_OK && *out_number >= 0;
}

/* MySQL and MariaDB: file number, position, row in the event. */
static bool make_binlog(struct cup_decode *decode, uint8_t *out, uint32_t *out_bytes)
{
    const struct cup_envelope  *envelope = &decode->envelope;
    const struct cup_json_node *file     = &decode->doc.nodes[envelope->source[CUP_SOURCE_FILE]];
    int64_t                     number, pos, row = 0;
    bool                        bad = false;

    if (envelope->source[CUP_SOURCE_FILE] == 0 || file->kind == CUP_JSON_NULL) return true;
    if (file->kind != CUP_JSON_STRING || !read_file_number(decode, &number)) return false;
    if (!read_number(decode, envelope->source[CUP_SOURCE_POS], &pos, &bad)) return !bad;
    (void)read_number(decode, envelope->source[CUP_SOURCE_ROW], &row, &bad); /* absent: row 0 */
    if (bad || pos < 0 || row < 0 || row > UINT32_MAX) return false;
    cup_integer_hex((uint64_t)number, 16, out);
    cup_integer_hex((uint64_t)pos, 16, out + 16);
    cup_integer_hex((uint64_t)row, 8, out + 32);
    *out_bytes = 40;
    return true;
}

/* 00000025:00000d98:00a2 as 20 digits; missing or "NULL" is the lowest. False: another form. */
static bool make_part(struct cup_decode *decode, uint32_t at, uint8_t out[LSN_HEX])
{
    const struct cup_json_node *node = &decode->doc.nodes[at];
    const uint8_t              *text = decode->buf + node->at;
    uint32_t                    made = 0;

    memset(out, '0', LSN_HEX);
    if (at == 0 || node->kind == CUP_JSON_NULL) return true;
    if (node->kind != CUP_JSON_STRING) return false;
    if (node->bytes == 4 && memcmp(text, "NULL", 4) == 0) return true;
    if (node->bytes != LSN_TEXT) return false;
    for (uint32_t i = 0; i < LSN_TEXT; i++) {
        if (i == 8 || i == 17) {
            if (text[i] != ':') return false;
            continue;
        }
        uint8_t lower = text[i] | 0x20; /* digits have that bit already */
        bool    digit = text[i] >= '0' && text[i] <= '9';
        if (!digit && (lower < 'a' || lower > 'f')) return false;
        out[made++] = lower;
    }
    return true;
}

/* SQL Server: LSN of the commit, LSN of the change, number in the change. */
static bool make_lsns(struct cup_decode *decode, uint8_t *out, uint32_t *out_bytes)
{
    const struct cup_envelope *envelope = &decode->envelope;
    int64_t                    serial   = 0;
    bool                       bad      = false;

    if (envelope->source[CUP_SOURCE_COMMIT_LSN] == 0 ||
        decode->doc.nodes[envelope->source[CUP_SOURCE_COMMIT_LSN]].kind == CUP_JSON_NULL)
        return true;
    (void)read_number(decode, envelope->source[CUP_SOURCE_SERIAL], &serial, &bad); /* absent: 0 */
    if (bad || !make_part(decode, envelope->source[CUP_SOURCE_COMMIT_LSN], out) ||
        !make_part(decode, envelope->source[CUP_SOURCE_CHANGE_LSN], out + LSN_HEX))
        return false;
    cup_integer_hex((uint64_t)serial, 16, out + 2 * LSN_HEX);
    *out_bytes = POS_MAX;
    return true;
}

static uint32_t put_pos(struct cup_decode *decode, uint32_t row)
{
    uint8_t  text[POS_MAX];
    uint32_t bytes = 0;
    bool     good  = true;

    switch (decode->envelope.kind) {
    case CUP_CONNECTOR_POSTGRESQL: good = make_lsn(decode, text, &bytes); break;
    case CUP_CONNECTOR_BINLOG: good = make_binlog(decode, text, &bytes); break;
    case CUP_CONNECTOR_SQLSERVER: good = make_lsns(decode, text, &bytes); break;
    case CUP_CONNECTOR_OTHER: break;
    }
    if (!good) return refuse_source(decode, "source.pos");
    return put_span(decode, CUP_SILVER_POS, row, (struct cup_span){.at = text, .bytes = bytes});
}

/* The text of a string or number; empty for null, absent and everything else. */
static struct cup_span scalar_text(struct cup_decode *decode, uint32_t at)
{
    const struct cup_json_node *node = &decode->doc.nodes[at];

    if (at == 0) return (struct cup_span){0};
    if (node->kind == CUP_JSON_STRING) return cup_values_priv_text(decode, node);
    if (node->kind != CUP_JSON_NUMBER) return (struct cup_span){0};
    return (struct cup_span){.at = decode->buf + node->at, .bytes = node->bytes};
}

/* The transaction's id of PostgreSQL holds the event's own LSN behind the colon; other ids may have
 * a colon that belongs to them. */
static struct cup_span find_tx(struct cup_decode *decode)
{
    const struct cup_envelope *envelope = &decode->envelope;
    bool                       postgres = envelope->kind == CUP_CONNECTOR_POSTGRESQL;
    struct cup_span tx = scalar_text(decode, postgres ? envelope->source[CUP_SOURCE_TX_ID]
                                                      : envelope->source[CUP_SOURCE_GTID]);

    if (tx.bytes > 0 || envelope->transaction == 0) return tx;
    if (decode->doc.nodes[envelope->transaction].kind != CUP_JSON_OBJECT) return tx;
    tx = scalar_text(decode,
                     cup_json_member(decode->buf, &decode->doc, envelope->transaction, "id", 2));
    if (!postgres || tx.bytes == 0) return tx;
    const uint8_t *colon = memchr(tx.at, ':', tx.bytes);
    if (colon != NULL) tx.bytes = (uint32_t)(colon - tx.at);
    return tx;
}

/* "false" is how a streamed change prints an unset marker. */
static struct cup_span find_snapshot(struct cup_decode *decode)
{
    uint32_t        at   = decode->envelope.source[CUP_SOURCE_SNAPSHOT];
    struct cup_span text = scalar_text(decode, at);

    if (at != 0 && decode->doc.nodes[at].kind == CUP_JSON_TRUE)
        return (struct cup_span){.at = (const uint8_t *)"true", .bytes = 4};
    if (text.bytes == 5 && memcmp(text.at, "false", 5) == 0) return (struct cup_span){0};
    return text;
}

/* Elements lie behind the list's last offset; the row's own stands when all are there. */
static uint32_t put_unset(struct cup_decode *decode, uint32_t row, bool key_only)
{
    struct cup_cell   cell  = silver_cell(decode, CUP_SILVER_UNSET, row);
    struct cup_table *table = decode->table;
    uint32_t          count = key_only ? 1 : decode->unset_count;

    if (count == 0) {
        cup_values_priv_null(&cell);
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
    if (outcome == OK) outcome = put_ts(decode, row);
    if (outcome == OK) outcome = put_pos(decode, row);
    if (outcome == OK) outcome = put_span(decode, CUP_SILVER_TX, row, find_tx(decode));
    if (outcome == OK) outcome = put_span(decode, CUP_SILVER_SNAPSHOT, row, find_snapshot(decode));
    if (outcome == OK)
        outcome = put_span(decode, CUP_SILVER_OLD_KEY, row, decode->envelope.old_key);
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
            return refuse_source(decode, "headers." OLD_KEY);
        cup_json_text(decode->texts, header.value, header.value_bytes, &doc);
        if (doc.verdict != CUP_JSON_OK) return refuse_source(decode, "headers." OLD_KEY);
        const struct cup_json_node *payload =
            &doc.nodes[cup_envelope_priv_payload(header.value, &doc, &schema)];
        decode->envelope.old_key = (struct cup_span){header.value + payload->at, payload->bytes};
        decode->envelope.create_half = true;
        return OK;
    }
    return OK;
}
