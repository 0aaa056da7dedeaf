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

/* Members of the event that matter. */
enum event_member {
    EVENT_OTHER, /* all that do not */
    EVENT_OP,
    EVENT_BEFORE,
    EVENT_AFTER,
    EVENT_SOURCE,
    EVENT_TRANSACTION,
    EVENT_TS_MS,
    EVENT_STATUS,
    EVENT_ID,
    EVENT_DDL,
    EVENT_TABLE_CHANGES,
    EVENT_COUNT
};

struct event {
    uint32_t at[EVENT_COUNT]; /* nodes, 0 = absent; OTHER: any of them */
};

static const char *const event_names[EVENT_COUNT] = {
    [EVENT_OP] = "op",         [EVENT_BEFORE] = "before",
    [EVENT_AFTER] = "after",   [EVENT_SOURCE] = "source",
    [EVENT_TS_MS] = "ts_ms",   [EVENT_TRANSACTION] = "transaction",
    [EVENT_STATUS] = "status", [EVENT_ID] = "id",
    [EVENT_DDL] = "ddl",       [EVENT_TABLE_CHANGES] = "tableChanges",
};

static const char *const source_names[CUP_SOURCE_COUNT] = {
    [CUP_SOURCE_TS_US]      = "ts_us",
    [CUP_SOURCE_TS_MS]      = "ts_ms",
    [CUP_SOURCE_TS_NS]      = "ts_ns",
    [CUP_SOURCE_SNAPSHOT]   = "snapshot",
    [CUP_SOURCE_LSN]        = "lsn",
    [CUP_SOURCE_TX_ID]      = "txId",
    [CUP_SOURCE_GTID]       = "gtid",
    [CUP_SOURCE_FILE]       = "file",
    [CUP_SOURCE_POS]        = "pos",
    [CUP_SOURCE_ROW]        = "row",
    [CUP_SOURCE_COMMIT_LSN] = "commit_lsn",
    [CUP_SOURCE_CHANGE_LSN] = "change_lsn",
    [CUP_SOURCE_SERIAL]     = "event_serial_no",
    [CUP_SOURCE_CONNECTOR]  = "connector",
    [CUP_SOURCE_NAME]       = "name",
    [CUP_SOURCE_DB]         = "db",
    [CUP_SOURCE_SCHEMA]     = "schema",
    [CUP_SOURCE_TABLE]      = "table",
};

/* The place of the node's key among the names; 0 when it is none of them. Keys are compared as they
 * are written. */
static uint8_t find_name(const char *const *names, uint32_t count, const uint8_t *buf,
                         const struct cup_json_node *node)
{
    for (uint32_t i = 1; i < count; i++)
        if (strlen(names[i]) == node->key_bytes &&
            memcmp(buf + node->key_at, names[i], node->key_bytes) == 0)
            return (uint8_t)i;
    return 0;
}

struct cup_key_note cup_envelope_priv_note(struct cup_decode          *decode,
                                           const struct cup_json_node *node)
{
    struct cup_key_note note = {
        .key_id = node->key_id,
        .event  = find_name(event_names, EVENT_COUNT, decode->buf, node),
        .source = find_name(source_names, CUP_SOURCE_COUNT, decode->buf, node),
    };

    if (node->key_id != 0) decode->notes[node->key_id % CUP_JSON_KEY_IDS] = note;
    return note;
}

/* What the node's key names. */
static inline struct cup_key_note note_of(struct cup_decode          *decode,
                                          const struct cup_json_node *node)
{
    const struct cup_key_note *note = &decode->notes[node->key_id % CUP_JSON_KEY_IDS];

    return node->key_id != 0 && note->key_id == node->key_id ? *note
                                                             : cup_envelope_priv_note(decode, node);
}

/* A name of source. Unescaped ones stay in scratch as long as the record. */
static bool read_name(struct cup_decode *decode, enum cup_source_member member,
                      struct cup_span *out_name)
{
    uint32_t                    at   = decode->envelope.source[member];
    const struct cup_json_node *node = &decode->doc.nodes[at];

    *out_name = (struct cup_span){0};
    if (at == 0 || node->kind == CUP_JSON_NULL) return true;
    if (node->kind != CUP_JSON_STRING) return false;
    *out_name = cup_values_priv_text(decode, node);
    if (node->flags & CUP_JSON_ESCAPED) decode->scratch_used += out_name->bytes;
    return true;
}

static bool is_text(struct cup_span text, const char *expected, uint32_t bytes)
{
    return text.bytes == bytes && memcmp(text.at, expected, bytes) == 0;
}
#define IS_TEXT(text, expected) is_text(text, expected, sizeof(expected) - 1)

static enum cup_connector find_connector(struct cup_span name)
{
    if (IS_TEXT(name, "postgresql")) return CUP_CONNECTOR_POSTGRESQL;
    if (IS_TEXT(name, "mysql") || IS_TEXT(name, "mariadb")) return CUP_CONNECTOR_BINLOG;
    return IS_TEXT(name, "sqlserver") ? CUP_CONNECTOR_SQLSERVER : CUP_CONNECTOR_OTHER;
}

/* Finds the members of source one by one, and notes where they are. */
static void find_members(struct cup_decode *decode, uint32_t source)
{
    struct cup_envelope        *envelope = &decode->envelope;
    struct cup_source_note     *found    = &decode->source_note;
    const struct cup_json_node *nodes    = decode->doc.nodes;
    uint32_t                    count = nodes[source].child_count, at = source + 1;

    for (uint32_t i = 0; i < count; i++, at = nodes[at].next)
        envelope->source[note_of(decode, &nodes[at]).source] = at;
    if (count == 0 || nodes[source].next != source + 1 + count) return;
    found->key_id = nodes[source + count].key_id;
    found->count  = count;
    for (uint32_t i = 0; i < CUP_SOURCE_COUNT; i++)
        found->at[i] = envelope->source[i] == 0 ? 0 : envelope->source[i] - source;
}

static uint32_t read_source(struct cup_decode *decode, uint32_t source)
{
    struct cup_envelope          *envelope = &decode->envelope;
    const struct cup_json_node   *nodes    = decode->doc.nodes;
    const struct cup_source_note *last     = &decode->source_note;

    if (last->key_id != 0 && nodes[source].child_count == last->count &&
        nodes[source + last->count].key_id == last->key_id) {
        for (uint32_t i = 0; i < CUP_SOURCE_COUNT; i++)
            envelope->source[i] = last->at[i] == 0 ? 0 : source + last->at[i];
    } else {
        find_members(decode, source);
    }
    if (!read_name(decode, CUP_SOURCE_CONNECTOR, &envelope->connector) ||
        !read_name(decode, CUP_SOURCE_NAME, &envelope->name) ||
        !read_name(decode, CUP_SOURCE_DB, &envelope->db) ||
        !read_name(decode, CUP_SOURCE_SCHEMA, &envelope->schema) ||
        !read_name(decode, CUP_SOURCE_TABLE, &envelope->table))
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, &nodes[source], "source",
                                      NULL, 0);
    envelope->kind = find_connector(envelope->connector);
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

    if (event->at[EVENT_TS_MS] != 0 && nodes[payload].child_count == 1)
        return CUP_OUTCOME_HEARTBEAT;
    if (is_heartbeat_topic(decode)) return CUP_OUTCOME_HEARTBEAT;
    if (event->at[EVENT_ID] != 0 && (is_string(decode, event->at[EVENT_STATUS], "BEGIN") ||
                                     is_string(decode, event->at[EVENT_STATUS], "END")))
        return CUP_OUTCOME_TRANSACTION;
    if (event->at[EVENT_DDL] != 0 && event->at[EVENT_TABLE_CHANGES] != 0)
        return CUP_OUTCOME_SCHEMA_CHANGE;
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

    uint32_t outcome = read_op(decode, event->at[EVENT_OP], &envelope->op);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    if (event->at[EVENT_SOURCE] == 0 || nodes[event->at[EVENT_SOURCE]].kind != CUP_JSON_OBJECT)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, NULL, "source", NULL, 0);
    if (envelope->op == 'm') return CUP_OUTCOME_MESSAGE;
    if (!read_image(decode, event->at[EVENT_BEFORE], &envelope->before))
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH,
                                      &nodes[event->at[EVENT_BEFORE]], "before", NULL, 0);
    if (!read_image(decode, event->at[EVENT_AFTER], &envelope->after))
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH,
                                      &nodes[event->at[EVENT_AFTER]], "after", NULL, 0);
    bool has_row = envelope->op == 'c' || envelope->op == 'u' || envelope->op == 'r';
    if (has_row && envelope->after == 0)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, NULL, "after", NULL, 0);
    envelope->transaction = event->at[EVENT_TRANSACTION];
    outcome               = read_source(decode, event->at[EVENT_SOURCE]);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    if (envelope->table.bytes == 0)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH,
                                      &nodes[event->at[EVENT_SOURCE]], "source.table", NULL, 0);
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

/* Member by member: as a whole it would be cleared by a slow string instruction. The names and the
 * connector are set by read_source. */
static inline void clear_envelope(struct cup_envelope *envelope)
{
    envelope->op          = '\0';
    envelope->create_half = false;
    envelope->before = envelope->after = envelope->transaction = 0;
    envelope->schema_text                                      = (struct cup_span){0};
    envelope->old_key                                          = (struct cup_span){0};
    envelope->known                                            = CUP_NONE;
    for (uint32_t i = 0; i < CUP_SOURCE_COUNT; i++)
        envelope->source[i] = 0;
}

uint32_t cup_envelope_priv_read(struct cup_decode *decode)
{
    const struct cup_json_node *nodes = decode->doc.nodes;
    struct event                event = {0};
    uint32_t                    schema;

    CUP_ASSERT(decode->doc.verdict == CUP_JSON_OK);
    clear_envelope(&decode->envelope);
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
    uint32_t at = payload + 1, count = nodes[payload].child_count;
    for (uint32_t i = 0; i < count; i++, at = nodes[at].next)
        event.at[note_of(decode, &nodes[at]).event] = at;
    if (event.at[EVENT_OP] == 0) return judge_message(decode, payload, &event);
    return judge_event(decode, &event);
}
