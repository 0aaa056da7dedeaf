// SPDX-License-Identifier: Apache-2.0
/* What the readers of all formats need: frames, {schema, payload}, names, messages that are no
 * rows. */
#include <string.h>

#include "dataplane/decode/decode_priv.h"

#define HEARTBEAT_TOPIC "__debezium-heartbeat."

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

static bool is_key(const uint8_t *buf, const struct cup_json_node *node, const char *name,
                   uint32_t bytes)
{
    return node->key_bytes == bytes && memcmp(buf + node->key_at, name, bytes) == 0;
}
#define IS_KEY(buf, node, name) is_key(buf, node, name, sizeof(name) - 1)

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

void cup_envelope_priv_schema(struct cup_decode *decode, uint32_t schema)
{
    const struct cup_json_node *node = &decode->doc.nodes[schema];

    decode->envelope.known = CUP_NONE;
    if (schema == 0) return;
    decode->envelope.schema_text =
        (struct cup_span){.at = decode->buf + node->at, .bytes = node->bytes};
    if (node->flags & CUP_JSON_KNOWN) decode->envelope.known = node->child_count;
}

static uint32_t no_value(struct cup_decode *decode)
{
    if (decode->dialect->read_null != NULL) return decode->dialect->read_null(decode);
    return decode->record->key_kind == CUP_VALUE_BYTES ? CUP_OUTCOME_TOMBSTONE
                                                       : CUP_OUTCOME_TOMBSTONE_KEYLESS;
}

uint32_t cup_envelope_priv_begin(struct cup_decode *decode, uint32_t *out_payload)
{
    const struct cup_json_node *nodes = decode->doc.nodes;
    uint32_t                    schema;

    CUP_ASSERT(decode->doc.verdict == CUP_JSON_OK);
    cup_envelope_priv_clear(&decode->envelope);
    decode->scratch_used = 0;
    if (nodes[0].kind == CUP_JSON_NULL)
        return decode->dialect->read_null == NULL ? CUP_OUTCOME_NULL_VALUE : no_value(decode);
    if (nodes[0].kind != CUP_JSON_OBJECT)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_NOT_AN_OBJECT, &nodes[0], "", NULL, 0);
    uint32_t payload = cup_envelope_priv_payload(decode->buf, &decode->doc, &schema);
    cup_envelope_priv_schema(decode, schema);
    if (payload != 0 && nodes[payload].kind == CUP_JSON_NULL) return no_value(decode);
    if (nodes[payload].kind != CUP_JSON_OBJECT)
        return cup_envelope_priv_mismatch(decode, payload, "payload");
    *out_payload = payload;
    return CUP_OUTCOME_ACCEPTED;
}

uint32_t cup_envelope_priv_mismatch(struct cup_decode *decode, uint32_t at, const char *path)
{
    const struct cup_json_node *node = at == 0 && path[0] != '\0' ? NULL : &decode->doc.nodes[at];

    return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, node, path, NULL, 0);
}

uint32_t cup_envelope_priv_members(const struct cup_decode *decode, uint32_t object,
                                   const char *const *names, uint32_t count, uint32_t *out_at)
{
    const struct cup_json_node *nodes = decode->doc.nodes;
    uint32_t                    at = object + 1, foreign = 0;

    memset(out_at, 0, count * sizeof *out_at);
    for (uint32_t i = 0; i < nodes[object].child_count; i++, at = nodes[at].next) {
        uint32_t name = 0;
        while (name < count &&
               !is_key(decode->buf, &nodes[at], names[name], (uint32_t)strlen(names[name])))
            name++;
        if (name < count)
            out_at[name] = at;
        else
            foreign++;
    }
    return foreign;
}

bool cup_envelope_priv_text(struct cup_decode *decode, uint32_t at, struct cup_span *out_text)
{
    const struct cup_json_node *node = &decode->doc.nodes[at];

    *out_text = (struct cup_span){0};
    if (at == 0 || node->kind == CUP_JSON_NULL) return true;
    if (node->kind != CUP_JSON_STRING) return false;
    *out_text = cup_values_priv_text(decode, node);
    if (node->flags & CUP_JSON_ESCAPED) decode->scratch_used += out_text->bytes;
    return true;
}

bool cup_envelope_priv_is(const struct cup_decode *decode, uint32_t at, const char *text)
{
    const struct cup_json_node *node = &decode->doc.nodes[at];

    return at != 0 && node->kind == CUP_JSON_STRING && node->bytes == strlen(text) &&
           memcmp(decode->buf + node->at, text, node->bytes) == 0;
}

bool cup_envelope_priv_image(const struct cup_decode *decode, uint32_t at, uint32_t *out_image)
{
    *out_image = 0;
    if (at == 0 || decode->doc.nodes[at].kind == CUP_JSON_NULL) return true;
    if (decode->doc.nodes[at].kind != CUP_JSON_OBJECT) return false;
    *out_image = at;
    return true;
}

void cup_envelope_priv_names(struct cup_decode *decode, const char *connector)
{
    struct cup_envelope *envelope = &decode->envelope;

    envelope->name = envelope->db = envelope->schema = envelope->table = (struct cup_span){0};
    envelope->connector =
        (struct cup_span){(const uint8_t *)connector, (uint32_t)strlen(connector)};
    envelope->kind = CUP_CONNECTOR_OTHER;
}

enum cup_connector cup_envelope_priv_connector(struct cup_span name)
{
    static const struct {
        const char        *name;
        enum cup_connector kind;
    } connectors[] = {
        {"postgresql", CUP_CONNECTOR_POSTGRESQL}, {"mysql", CUP_CONNECTOR_BINLOG},
        {"mariadb", CUP_CONNECTOR_BINLOG},        {"sqlserver", CUP_CONNECTOR_SQLSERVER},
        {"db2", CUP_CONNECTOR_SQLSERVER},         {"oracle", CUP_CONNECTOR_ORACLE},
        {"mongodb", CUP_CONNECTOR_MONGODB},
    };

    for (size_t i = 0; i < sizeof connectors / sizeof *connectors; i++)
        if (strlen(connectors[i].name) == name.bytes &&
            memcmp(connectors[i].name, name.at, name.bytes) == 0)
            return connectors[i].kind;
    return CUP_CONNECTOR_OTHER;
}

char cup_envelope_priv_op(const struct cup_decode *decode, uint32_t at, const char *const *words)
{
    for (; *words != NULL; words++)
        if (cup_envelope_priv_is(decode, at, *words + 1)) return **words;
    return '\0';
}

static bool is_heartbeat_topic(struct cup_decode *decode)
{
    const char *topic = decode->topic_of(decode->topic_arg, decode->record->topic);

    return strncmp(topic, HEARTBEAT_TOPIC, sizeof HEARTBEAT_TOPIC - 1) == 0;
}

uint32_t cup_envelope_priv_message(struct cup_decode *decode, uint32_t payload)
{
    enum { TS_MS, STATUS, ID, DDL, TABLE_CHANGES, OP, MESSAGE, COUNT };
    static const char *const    names[COUNT] = {"ts_ms",        "status", "id",     "ddl",
                                                "tableChanges", "op",     "message"};
    const struct cup_json_node *nodes        = decode->doc.nodes;
    uint32_t                    at[COUNT];

    (void)cup_envelope_priv_members(decode, payload, names, COUNT, at); /* others do not matter */
    if (at[TS_MS] != 0 && nodes[payload].child_count == 1) return CUP_OUTCOME_HEARTBEAT;
    if (is_heartbeat_topic(decode)) return CUP_OUTCOME_HEARTBEAT;
    if (at[ID] != 0 && (cup_envelope_priv_is(decode, at[STATUS], "BEGIN") ||
                        cup_envelope_priv_is(decode, at[STATUS], "END")))
        return CUP_OUTCOME_TRANSACTION;
    if (at[DDL] != 0 && at[TABLE_CHANGES] != 0) return CUP_OUTCOME_SCHEMA_CHANGE;
    if (cup_envelope_priv_is(decode, at[OP], "m") && at[MESSAGE] != 0) return CUP_OUTCOME_MESSAGE;
    return CUP_OUTCOME_ACCEPTED;
}
