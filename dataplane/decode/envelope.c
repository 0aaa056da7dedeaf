// SPDX-License-Identifier: Apache-2.0
/* What a record is: a change event, or one of the messages that are no rows. */
#include <string.h>

#include "dataplane/decode/decode_priv.h"

#define HEARTBEAT_TOPIC "__debezium-heartbeat."

static bool is_key(const uint8_t *buf, const struct cup_json_node *node, const char *name,
                   uint32_t bytes)
{
    return node->key_bytes == bytes && memcmp(buf + node->key_at, name, bytes) == 0;
}
#define IS_KEY(buf, node, name) is_key(buf, node, name, sizeof(name) - 1)

enum cup_outcome cup_envelope_priv_sniff(const uint8_t *bytes, uint32_t count)
{
    if (count == 0) return CUP_OUTCOME_EMPTY_VALUE;
    if (bytes[0] == 0x00 || bytes[0] == 0x01 || bytes[0] == 0x03)
        return CUP_OUTCOME_UNSUPPORTED_ENCODING; /* registry frames of Confluent and AWS */
    if (count < 2) return CUP_OUTCOME_JSON_SYNTAX;
    if (bytes[0] == 0xc3 && bytes[1] == 0x01) return CUP_OUTCOME_UNSUPPORTED_ENCODING; /* Avro */
    if (bytes[0] == 0x1f && bytes[1] == 0x8b) return CUP_OUTCOME_COMPRESSED_VALUE;     /* gzip */
    if (count >= 4 && memcmp(bytes, "\x28\xb5\x2f\xfd", 4) == 0)
        return CUP_OUTCOME_COMPRESSED_VALUE; /* zstd */
    return CUP_OUTCOME_JSON_SYNTAX;
}

uint32_t cup_envelope_priv_payload(const uint8_t *buf, const struct cup_json_doc *doc,
                                   uint32_t *out_schema)
{
    const struct cup_json_node *nodes = doc->nodes;

    *out_schema = 0;
    if (nodes[0].kind != CUP_JSON_OBJECT || nodes[0].child_count != 2) return 0;
    uint32_t first = 1, second = nodes[1].next;
    bool in_order = IS_KEY(buf, &nodes[first], "schema") && IS_KEY(buf, &nodes[second], "payload");
    bool turned   = IS_KEY(buf, &nodes[first], "payload") && IS_KEY(buf, &nodes[second], "schema");
    if (!in_order && !turned) return 0;
    uint32_t schema = in_order ? first : second, payload = in_order ? second : first;
    if (nodes[schema].kind != CUP_JSON_OBJECT && nodes[schema].kind != CUP_JSON_NULL) return 0;
    if (nodes[schema].kind == CUP_JSON_OBJECT) *out_schema = schema;
    return payload;
}

/* Members of the event that matter; nodes, 0 = absent. */
struct event {
    uint32_t op, before, after, source, transaction, ts_ms, status, id, ddl, table_changes;
};

static void note_event(const uint8_t *buf, const struct cup_json_node *node, uint32_t at,
                       struct event *event)
{
    switch (node->key_bytes) {
    case 2:
        if (IS_KEY(buf, node, "op")) event->op = at;
        if (IS_KEY(buf, node, "id")) event->id = at;
        break;
    case 3:
        if (IS_KEY(buf, node, "ddl")) event->ddl = at;
        break;
    case 5:
        if (IS_KEY(buf, node, "after")) event->after = at;
        if (IS_KEY(buf, node, "ts_ms")) event->ts_ms = at;
        break;
    case 6:
        if (IS_KEY(buf, node, "before")) event->before = at;
        if (IS_KEY(buf, node, "source")) event->source = at;
        if (IS_KEY(buf, node, "status")) event->status = at;
        break;
    case 11:
        if (IS_KEY(buf, node, "transaction")) event->transaction = at;
        break;
    case 12:
        if (IS_KEY(buf, node, "tableChanges")) event->table_changes = at;
        break;
    default: break;
    }
}

/* Where the names of source are, as nodes, until they are read. */
struct names {
    uint32_t connector, name, db, schema, table;
};

static uint32_t *source_slot(const uint8_t *buf, const struct cup_json_node *node,
                             struct cup_envelope *envelope, struct names *names)
{
    switch (node->key_bytes) {
    case 2: return IS_KEY(buf, node, "db") ? &names->db : NULL;
    case 3:
        if (IS_KEY(buf, node, "lsn")) return &envelope->lsn;
        if (IS_KEY(buf, node, "pos")) return &envelope->pos;
        return IS_KEY(buf, node, "row") ? &envelope->row : NULL;
    case 4:
        if (IS_KEY(buf, node, "name")) return &names->name;
        if (IS_KEY(buf, node, "txId")) return &envelope->tx_id;
        if (IS_KEY(buf, node, "file")) return &envelope->file;
        return IS_KEY(buf, node, "gtid") ? &envelope->gtid : NULL;
    case 5:
        if (IS_KEY(buf, node, "table")) return &names->table;
        if (IS_KEY(buf, node, "ts_us")) return &envelope->ts_us;
        if (IS_KEY(buf, node, "ts_ms")) return &envelope->ts_ms;
        return IS_KEY(buf, node, "ts_ns") ? &envelope->ts_ns : NULL;
    case 6: return IS_KEY(buf, node, "schema") ? &names->schema : NULL;
    case 8: return IS_KEY(buf, node, "snapshot") ? &envelope->snapshot : NULL;
    case 9: return IS_KEY(buf, node, "connector") ? &names->connector : NULL;
    case 10:
        if (IS_KEY(buf, node, "commit_lsn")) return &envelope->commit_lsn;
        return IS_KEY(buf, node, "change_lsn") ? &envelope->change_lsn : NULL;
    case 15: return IS_KEY(buf, node, "event_serial_no") ? &envelope->serial : NULL;
    default: return NULL;
    }
}

/* A name of source. Unescaped ones stay in scratch as long as the record. */
static bool read_name(struct cup_decode *decode, uint32_t at, struct cup_span *out_name)
{
    const struct cup_json_node *node = &decode->doc.nodes[at];

    if (at == 0 || node->kind == CUP_JSON_NULL) return true;
    if (node->kind != CUP_JSON_STRING) return false;
    *out_name = cup_values_priv_text(decode, node);
    if (node->flags & CUP_JSON_ESCAPED) decode->scratch_used += out_name->bytes;
    return true;
}

static uint32_t read_source(struct cup_decode *decode, uint32_t source)
{
    struct cup_envelope        *envelope = &decode->envelope;
    const struct cup_json_node *nodes    = decode->doc.nodes;
    struct names                names    = {0};
    uint32_t                    at       = source + 1;

    for (uint32_t i = 0; i < nodes[source].child_count; i++, at = nodes[at].next) {
        uint32_t *slot = source_slot(decode->buf, &nodes[at], envelope, &names);
        if (slot != NULL) *slot = at;
    }
    if (!read_name(decode, names.connector, &envelope->connector) ||
        !read_name(decode, names.name, &envelope->name) ||
        !read_name(decode, names.db, &envelope->db) ||
        !read_name(decode, names.schema, &envelope->schema) ||
        !read_name(decode, names.table, &envelope->table))
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, &nodes[source], "source",
                                      NULL, 0);
    return CUP_OUTCOME_ACCEPTED;
}

static bool is_heartbeat_topic(struct cup_decode *decode)
{
    const char *topic = decode->topic_of(decode->topic_arg, decode->record->topic);

    return strncmp(topic, HEARTBEAT_TOPIC, sizeof HEARTBEAT_TOPIC - 1) == 0;
}

static bool is_string(const struct cup_decode *decode, uint32_t at, const char *text)
{
    const struct cup_json_node *node = &decode->doc.nodes[at];

    return at != 0 && node->kind == CUP_JSON_STRING && node->bytes == strlen(text) &&
           memcmp(decode->buf + node->at, text, node->bytes) == 0;
}

/* An object without an operation: one of the messages that are known, or nothing of ours. */
static uint32_t judge_message(struct cup_decode *decode, uint32_t payload,
                              const struct event *event)
{
    const struct cup_json_node *nodes = decode->doc.nodes;

    if (event->ts_ms != 0 && nodes[payload].child_count == 1) return CUP_OUTCOME_HEARTBEAT;
    if (is_heartbeat_topic(decode)) return CUP_OUTCOME_HEARTBEAT;
    if (event->id != 0 &&
        (is_string(decode, event->status, "BEGIN") || is_string(decode, event->status, "END")))
        return CUP_OUTCOME_TRANSACTION;
    if (event->ddl != 0 && event->table_changes != 0) return CUP_OUTCOME_SCHEMA_CHANGE;
    return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, &nodes[payload], "", NULL,
                                  0);
}

static uint32_t read_op(struct cup_decode *decode, uint32_t at, char *out_op)
{
    const struct cup_json_node *node = &decode->doc.nodes[at];

    if (node->kind != CUP_JSON_STRING)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, node, "op", NULL, 0);
    char op = node->bytes == 1 ? (char)(decode->buf[node->at] | 0x20) : '\0';
    if (op == '\0' || strchr("cudrtm", op) == NULL)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_UNKNOWN_OP, node, "op", NULL, 0);
    *out_op = op;
    return CUP_OUTCOME_ACCEPTED;
}

/* An image is an object, null or absent (0 then). */
static bool read_image(const struct cup_decode *decode, uint32_t at, uint32_t *out_image)
{
    if (at == 0 || decode->doc.nodes[at].kind == CUP_JSON_NULL) return true;
    if (decode->doc.nodes[at].kind != CUP_JSON_OBJECT) return false;
    *out_image = at;
    return true;
}

static uint32_t judge_event(struct cup_decode *decode, const struct event *event)
{
    struct cup_envelope        *envelope = &decode->envelope;
    const struct cup_json_node *nodes    = decode->doc.nodes;

    uint32_t outcome = read_op(decode, event->op, &envelope->op);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    if (event->source == 0 || nodes[event->source].kind != CUP_JSON_OBJECT)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, NULL, "source", NULL, 0);
    if (envelope->op == 'm') return CUP_OUTCOME_MESSAGE;
    if (!read_image(decode, event->before, &envelope->before))
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, &nodes[event->before],
                                      "before", NULL, 0);
    if (!read_image(decode, event->after, &envelope->after))
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, &nodes[event->after],
                                      "after", NULL, 0);
    bool has_row = envelope->op == 'c' || envelope->op == 'u' || envelope->op == 'r';
    if (has_row && envelope->after == 0)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, NULL, "after", NULL, 0);
    envelope->transaction = event->transaction;
    outcome               = read_source(decode, event->source);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    if (envelope->table.bytes == 0)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, &nodes[event->source],
                                      "source.table", NULL, 0);
    return CUP_OUTCOME_ACCEPTED;
}

static void note_schema(struct cup_decode *decode, uint32_t schema)
{
    const struct cup_json_node *node = &decode->doc.nodes[schema];

    decode->envelope.known = CUP_NONE;
    if (schema == 0) return;
    decode->envelope.schema_text =
        (struct cup_span){.at = decode->buf + node->at, .bytes = node->bytes};
    if (node->flags & CUP_JSON_KNOWN) decode->envelope.known = node->child_count;
}

uint32_t cup_envelope_priv_read(struct cup_decode *decode)
{
    const struct cup_json_node *nodes = decode->doc.nodes;
    struct event                event = {0};
    uint32_t                    schema;

    CUP_ASSERT(decode->doc.verdict == CUP_JSON_OK);
    memset(&decode->envelope, 0, sizeof decode->envelope);
    decode->scratch_used = 0;
    if (nodes[0].kind == CUP_JSON_NULL) return CUP_OUTCOME_NULL_VALUE;
    if (nodes[0].kind != CUP_JSON_OBJECT)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_NOT_AN_OBJECT, &nodes[0], "", NULL, 0);
    uint32_t payload = cup_envelope_priv_payload(decode->buf, &decode->doc, &schema);
    if (payload != 0 && nodes[payload].kind == CUP_JSON_NULL)
        return decode->record->key_kind == CUP_VALUE_BYTES ? CUP_OUTCOME_TOMBSTONE
                                                           : CUP_OUTCOME_TOMBSTONE_KEYLESS;
    if (nodes[payload].kind != CUP_JSON_OBJECT)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, &nodes[payload],
                                      "payload", NULL, 0);
    note_schema(decode, schema);
    uint32_t at = payload + 1;
    for (uint32_t i = 0; i < nodes[payload].child_count; i++, at = nodes[at].next)
        note_event(decode->buf, &nodes[at], at, &event);
    if (event.op == 0) return judge_message(decode, payload, &event);
    return judge_event(decode, &event);
}
