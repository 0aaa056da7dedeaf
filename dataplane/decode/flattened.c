// SPDX-License-Identifier: Apache-2.0
/* Rows without envelope: flattened events of Debezium, {columns..., __op, __deleted, ...}, whose
 * metadata may also be headers; and plain rows that take the place of their key's. */
#include <string.h>

#include "dataplane/decode/decode_priv.h"

#define CONTEXT   "__debezium."
#define CONNECTOR "__debezium.context.connectorName"

/* What metadata says. Values are texts; those of headers point into the batch. */
struct metadata {
    struct cup_span op, connector;
    bool            deleted;
};

static struct cup_span prefix_of(const struct cup_decode *decode)
{
    return cup_span_priv_of(decode->plan, decode->plan->metadata);
}

static bool has_front(struct cup_span text, struct cup_span front)
{
    return text.bytes > front.bytes && memcmp(text.at, front.at, front.bytes) == 0;
}

static bool is(struct cup_span text, const char *other)
{
    return text.bytes == strlen(other) && memcmp(text.at, other, text.bytes) == 0;
}

bool cup_flattened_priv_foreign(const struct cup_decode *decode, const struct cup_json_node *node)
{
    return has_front((struct cup_span){decode->buf + node->key_at, node->key_bytes},
                     prefix_of(decode));
}

/* One piece of metadata; name without its prefix. ts_ms of the event is when the connector saw it,
 * which is nobody's business: that of source counts. */
static void take(struct cup_decode *decode, struct cup_span name, struct cup_span value,
                 struct metadata *metadata)
{
    struct cup_envelope  *envelope  = &decode->envelope;
    const struct cup_span source    = {(const uint8_t *)"source_", 7};
    bool                  of_source = has_front(name, source);

    if (is(name, "op")) metadata->op = value;
    if (is(name, "deleted")) metadata->deleted = is(value, "true");
    if (of_source) name = (struct cup_span){name.at + source.bytes, name.bytes - source.bytes};
    enum cup_source_member member = cup_envelope_priv_source(name, false);
    switch (member) {
    case CUP_SOURCE_TABLE: envelope->table = value; return;
    case CUP_SOURCE_SCHEMA: envelope->schema = value; return;
    case CUP_SOURCE_DB: envelope->db = value; return;
    case CUP_SOURCE_CONNECTOR: metadata->connector = value; return;
    case CUP_SOURCE_TS_MS:
    case CUP_SOURCE_TS_US:
    case CUP_SOURCE_TS_NS:
        if (!of_source) return;
        break;
    default: break;
    }
    decode->facts[member] = value;
}

/* A scalar's text; what is unescaped stays in scratch as long as the record. */
static struct cup_span scalar(struct cup_decode *decode, const uint8_t *buf,
                              const struct cup_json_node *node)
{
    struct cup_span text = {buf + node->at, node->bytes};

    if (node->kind == CUP_JSON_NULL || node->kind == CUP_JSON_OBJECT ||
        node->kind == CUP_JSON_ARRAY)
        return (struct cup_span){0};
    if (node->flags & CUP_JSON_ESCAPED) {
        uint8_t *plain = decode->scratch + decode->scratch_used;
        text           = (struct cup_span){plain, cup_json_unescape(text.at, text.bytes, plain)};
        decode->scratch_used += text.bytes;
    }
    return text;
}

static void take_members(struct cup_decode *decode, uint32_t payload, struct metadata *metadata)
{
    const struct cup_json_node *nodes  = decode->doc.nodes;
    const struct cup_span       prefix = prefix_of(decode);
    uint32_t                    at     = payload + 1;

    for (uint32_t i = 0; i < nodes[payload].child_count; i++, at = nodes[at].next) {
        struct cup_span name = {decode->buf + nodes[at].key_at, nodes[at].key_bytes};
        if (!has_front(name, prefix)) continue;
        name = (struct cup_span){name.at + prefix.bytes, name.bytes - prefix.bytes};
        take(decode, name, scalar(decode, decode->buf, &nodes[at]), metadata);
    }
}

/* Headers are JSON texts, with their schema or without. */
static void take_headers(struct cup_decode *decode, struct metadata *metadata)
{
    const struct cup_record *record  = decode->record;
    const struct cup_span    prefix  = prefix_of(decode);
    const struct cup_span    context = {(const uint8_t *)CONTEXT, sizeof CONTEXT - 1};
    struct cup_header        header;
    struct cup_json_doc      doc;
    uint32_t                 at = 0, schema;

    while (cup_header_next(decode->batch->region + record->headers_at, record->headers_bytes, &at,
                           &header)) {
        struct cup_span name      = {header.name, header.name_bytes};
        bool            connector = is(name, CONNECTOR);
        if (header.value == NULL) continue;
        if (header.value_bytes + decode->scratch_used > decode->plan->record_bytes_max) continue;
        if (!connector && (!has_front(name, prefix) || has_front(name, context))) continue;
        cup_json_text(decode->texts, header.value, header.value_bytes, &doc);
        if (doc.verdict != CUP_JSON_OK) continue; /* a header of somebody else's */
        uint32_t        node  = cup_envelope_priv_payload(header.value, &doc, &schema);
        struct cup_span value = scalar(decode, header.value, &doc.nodes[node]);
        name = (struct cup_span){name.at + prefix.bytes, name.bytes - prefix.bytes};
        if (connector)
            metadata->connector = value;
        else
            take(decode, name, value, metadata);
    }
}

/* Without its name, a connector shows by how it counts. */
static enum cup_connector guess_connector(const struct cup_decode *decode)
{
    const struct cup_span *facts = decode->facts;

    if (facts[CUP_SOURCE_LSN].bytes > 0) return CUP_CONNECTOR_POSTGRESQL;
    if (facts[CUP_SOURCE_FILE].bytes > 0) return CUP_CONNECTOR_BINLOG;
    if (facts[CUP_SOURCE_COMMIT_LSN].bytes > 0) return CUP_CONNECTOR_SQLSERVER;
    return facts[CUP_SOURCE_SCN].bytes > 0 ? CUP_CONNECTOR_ORACLE : CUP_CONNECTOR_OTHER;
}

/* payload 0: there is no value, only headers. */
static void take_all(struct cup_decode *decode, uint32_t payload, bool has_payload,
                     struct metadata *out_metadata)
{
    struct cup_envelope *envelope = &decode->envelope;

    *out_metadata = (struct metadata){0};
    memset(decode->facts, 0, sizeof decode->facts);
    cup_envelope_priv_names(decode, decode->dialect->connector);
    envelope->by_topic = true;
    envelope->facts    = decode->facts;
    if (has_payload) take_members(decode, payload, out_metadata);
    if (decode->record->headers_bytes > 0) take_headers(decode, out_metadata);
    if (out_metadata->connector.bytes > 0) envelope->connector = out_metadata->connector;
    envelope->kind = out_metadata->connector.bytes > 0
                         ? cup_envelope_priv_connector(envelope->connector)
                         : guess_connector(decode);
}

uint32_t cup_flattened_priv_read_null(struct cup_decode *decode)
{
    struct metadata metadata;

    take_all(decode, 0, false, &metadata);
    decode->envelope.op = 'd';
    if (decode->record->key_kind == CUP_VALUE_BYTES) return CUP_OUTCOME_ACCEPTED;
    return cup_decode_priv_refuse(decode, CUP_OUTCOME_TOMBSTONE_WITHOUT_KEY, NULL, "key", NULL, 0);
}

uint32_t cup_flattened_priv_read(struct cup_decode *decode)
{
    struct cup_envelope *envelope = &decode->envelope;
    struct metadata      metadata;
    uint32_t             payload;

    uint32_t outcome = cup_envelope_priv_begin(decode, &payload);
    if (outcome != CUP_OUTCOME_ACCEPTED || envelope->op != '\0') return outcome;
    if (!cup_route_priv_claimed(decode)) { /* what is no row passes as it is */
        outcome = cup_envelope_priv_message(decode, payload);
        if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    }
    take_all(decode, payload, true, &metadata);
    const struct cup_span op = metadata.op;
    envelope->op             = op.bytes == 1 ? (char)(op.at[0] | 0x20) : 'u';
    envelope->upsert         = op.bytes == 0;
    if (metadata.deleted) envelope->op = 'd';
    if (strchr("curd", envelope->op) == NULL || op.bytes > 1)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_UNKNOWN_OP, NULL, "op", NULL, 0);
    envelope->after  = envelope->op == 'd' ? 0 : payload;
    envelope->before = envelope->op == 'd' ? payload : 0;
    envelope->rooted = envelope->op == 'd' && payload == 0;
    return CUP_OUTCOME_ACCEPTED;
}

uint32_t cup_upsert_priv_read(struct cup_decode *decode)
{
    struct cup_envelope *envelope = &decode->envelope;
    uint32_t             payload;

    uint32_t outcome = cup_envelope_priv_begin(decode, &payload);
    if (outcome != CUP_OUTCOME_ACCEPTED || envelope->op != '\0') return outcome;
    cup_envelope_priv_names(decode, decode->dialect->connector);
    envelope->by_topic = envelope->upsert = true;
    envelope->op                          = 'u';
    envelope->after                       = payload;
    return CUP_OUTCOME_ACCEPTED;
}
