// SPDX-License-Identifier: Apache-2.0
/* Change events of Debezium: {before, after, source, op, ts_ms, transaction}; plain, in a
 * CloudEvents wrapper, or of MongoDB, whose images are texts. */
#include <string.h>
#include <strings.h>

#include "dataplane/decode/decode_priv.h"

/* Members of the event that matter. */
enum event_member {
    EVENT_OTHER, /* all that do not */
    EVENT_OP,
    EVENT_BEFORE,
    EVENT_AFTER,
    EVENT_SOURCE,
    EVENT_TRANSACTION,
    EVENT_UPDATE, /* of MongoDB */
    EVENT_COUNT
};

struct event {
    uint32_t at[EVENT_COUNT]; /* nodes, 0 = absent; OTHER: any of them */
};

static const char *const event_names[EVENT_COUNT] = {
    [EVENT_OP]          = "op",
    [EVENT_BEFORE]      = "before",
    [EVENT_AFTER]       = "after",
    [EVENT_SOURCE]      = "source",
    [EVENT_TRANSACTION] = "transaction",
    [EVENT_UPDATE]      = "updateDescription",
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
    [CUP_SOURCE_COMMIT_SCN] = "commit_scn",
    [CUP_SOURCE_SCN]        = "scn",
    [CUP_SOURCE_TX_SEQ]     = "txSeq",
    [CUP_SOURCE_ORD]        = "ord",
    [CUP_SOURCE_CONNECTOR]  = "connector",
    [CUP_SOURCE_NAME]       = "name",
    [CUP_SOURCE_DB]         = "db",
    [CUP_SOURCE_SCHEMA]     = "schema",
    [CUP_SOURCE_TABLE]      = "table",
    [CUP_SOURCE_COLLECTION] = "collection",
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

/* Lower case, without underscores: eventserialno is event_serial_no. */
static bool is_alike(struct cup_span name, const char *other)
{
    uint32_t at = 0;

    for (; *other != '\0'; other++) {
        if (*other == '_') continue;
        if (at == name.bytes || (name.at[at++] | 0x20) != (*other | 0x20)) return false;
    }
    return at == name.bytes;
}

enum cup_source_member cup_envelope_priv_source(struct cup_span name, bool alike)
{
    for (uint32_t i = 1; i < CUP_SOURCE_COUNT; i++) {
        bool same = strlen(source_names[i]) == name.bytes &&
                    memcmp(source_names[i], name.at, name.bytes) == 0;
        if (same || (alike && is_alike(name, source_names[i]))) return (enum cup_source_member)i;
    }
    return CUP_SOURCE_OTHER;
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

/* Names hold no escapes, most likely. */
static inline bool read_name(struct cup_decode *decode, uint32_t at, struct cup_span *out_name)
{
    const struct cup_json_node *node = &decode->doc.nodes[at];

    if (at == 0 || node->kind != CUP_JSON_STRING || node->flags & CUP_JSON_ESCAPED)
        return cup_envelope_priv_text(decode, at, out_name);
    *out_name = (struct cup_span){decode->buf + node->at, node->bytes};
    return true;
}

uint32_t cup_debezium_priv_names(struct cup_decode *decode, uint32_t source)
{
    struct cup_envelope *envelope = &decode->envelope;
    const uint32_t      *at       = envelope->source;
    uint32_t table = at[CUP_SOURCE_TABLE] != 0 ? at[CUP_SOURCE_TABLE] : at[CUP_SOURCE_COLLECTION];

    if (!read_name(decode, at[CUP_SOURCE_CONNECTOR], &envelope->connector) ||
        !read_name(decode, at[CUP_SOURCE_NAME], &envelope->name) ||
        !read_name(decode, at[CUP_SOURCE_DB], &envelope->db) ||
        !read_name(decode, at[CUP_SOURCE_SCHEMA], &envelope->schema) ||
        !read_name(decode, table, &envelope->table))
        return cup_envelope_priv_mismatch(decode, source, "source");
    envelope->kind = cup_envelope_priv_connector(envelope->connector);
    return CUP_OUTCOME_ACCEPTED;
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
    return cup_debezium_priv_names(decode, source);
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

/* Of change events every operation has its images. */
static uint32_t read_images(struct cup_decode *decode, const struct event *event)
{
    struct cup_envelope *envelope = &decode->envelope;

    if (!cup_envelope_priv_image(decode, event->at[EVENT_BEFORE], &envelope->before))
        return cup_envelope_priv_mismatch(decode, event->at[EVENT_BEFORE], "before");
    if (!cup_envelope_priv_image(decode, event->at[EVENT_AFTER], &envelope->after))
        return cup_envelope_priv_mismatch(decode, event->at[EVENT_AFTER], "after");
    bool has_row = envelope->op == 'c' || envelope->op == 'u' || envelope->op == 'r';
    if (has_row && envelope->after == 0) return cup_envelope_priv_mismatch(decode, 0, "after");
    return CUP_OUTCOME_ACCEPTED;
}

/* Documents are texts. Without the document of an update, what is said is what has changed. */
static uint32_t read_documents(struct cup_decode *decode, const struct event *event)
{
    static const char *const    names[]  = {"updatedFields", "removedFields"};
    struct cup_envelope        *envelope = &decode->envelope;
    const struct cup_json_node *nodes    = decode->doc.nodes;
    const uint32_t              before = event->at[EVENT_BEFORE], after = event->at[EVENT_AFTER];
    const uint32_t              update = event->at[EVENT_UPDATE];
    uint32_t                    at[2]  = {0};

    if (before != 0 && nodes[before].kind == CUP_JSON_STRING) envelope->before = before;
    if (after != 0 && nodes[after].kind == CUP_JSON_STRING) envelope->after = after;
    if (before != 0 && envelope->before == 0 && nodes[before].kind != CUP_JSON_NULL)
        return cup_envelope_priv_mismatch(decode, before, "before");
    if (after != 0 && envelope->after == 0 && nodes[after].kind != CUP_JSON_NULL)
        return cup_envelope_priv_mismatch(decode, after, "after");
    if (envelope->after != 0 || envelope->op == 'd' || envelope->op == 't')
        return CUP_OUTCOME_ACCEPTED;
    if (envelope->op != 'u' || update == 0 || nodes[update].kind != CUP_JSON_OBJECT)
        return cup_envelope_priv_mismatch(decode, 0, "after");
    (void)cup_envelope_priv_members(decode, update, names, 2, at); /* others do not matter */
    envelope->missing = CUP_MISSING_KEEP;
    if (at[0] != 0 && nodes[at[0]].kind == CUP_JSON_STRING) envelope->after = at[0];
    if (at[1] != 0 && nodes[at[1]].kind == CUP_JSON_ARRAY) envelope->removed = at[1];
    if (envelope->after == 0 && envelope->removed == 0)
        return cup_envelope_priv_mismatch(decode, update, "updateDescription");
    return CUP_OUTCOME_ACCEPTED;
}

static uint32_t judge_event(struct cup_decode *decode, const struct event *event)
{
    struct cup_envelope *envelope = &decode->envelope;
    const uint32_t       source   = event->at[EVENT_SOURCE];

    uint32_t outcome = read_op(decode, event->at[EVENT_OP], &envelope->op);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    if (source == 0 || decode->doc.nodes[source].kind != CUP_JSON_OBJECT)
        return cup_envelope_priv_mismatch(decode, 0, "source");
    if (envelope->op == 'm') return CUP_OUTCOME_MESSAGE;
    outcome =
        decode->dialect->documents ? read_documents(decode, event) : read_images(decode, event);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    envelope->transaction = event->at[EVENT_TRANSACTION];
    return read_source(decode, source);
}

static bool has_word(struct cup_span text, const char *lower)
{
    uint32_t bytes = (uint32_t)strlen(lower);

    for (uint32_t i = 0; i + bytes <= text.bytes; i++)
        if (strncasecmp((const char *)text.at + i, lower, bytes) == 0) return true;
    return false;
}

/* A DDL record. In a stream, one that may drop or rename a table is shown to control, which alone
 * reads it. A snapshot begins with DROPs that drop nothing. */
static uint32_t judge_ddl(struct cup_decode *decode, uint32_t payload, const struct event *event)
{
    const struct cup_json_node *node   = &decode->doc.nodes[payload];
    const struct cup_span       record = {decode->buf + node->at, node->bytes};
    const uint32_t              source = event->at[EVENT_SOURCE];

    if (!decode->plan->ask_changes || (!has_word(record, "drop") && !has_word(record, "rename")))
        return CUP_OUTCOME_SCHEMA_CHANGE;
    if (source == 0 || decode->doc.nodes[source].kind != CUP_JSON_OBJECT)
        return CUP_OUTCOME_SCHEMA_CHANGE;
    uint32_t outcome = read_source(decode, source);
    if (outcome == CUP_OUTCOME_ACCEPTED) outcome = cup_position_priv_stamp(decode);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    if (decode->stamped.snapshot.bytes > 0) return CUP_OUTCOME_SCHEMA_CHANGE;
    return cup_route_priv_ask_ddl(decode, record, decode->stamped.pos);
}

uint32_t cup_debezium_priv_read(struct cup_decode *decode)
{
    const struct cup_json_node *nodes = decode->doc.nodes;
    struct event                event = {0};
    uint32_t                    payload;

    uint32_t outcome = cup_envelope_priv_begin(decode, &payload);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    uint32_t at = payload + 1, count = nodes[payload].child_count;
    for (uint32_t i = 0; i < count; i++, at = nodes[at].next)
        event.at[note_of(decode, &nodes[at]).event] = at;
    if (event.at[EVENT_OP] == 0) {
        outcome = cup_envelope_priv_message(decode, payload);
        if (outcome == CUP_OUTCOME_SCHEMA_CHANGE) return judge_ddl(decode, payload, &event);
        if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, &nodes[payload], "",
                                      NULL, 0);
    }
    outcome = judge_event(decode, &event);
    if (outcome == CUP_OUTCOME_ACCEPTED && decode->envelope.table.bytes == 0)
        return cup_envelope_priv_mismatch(decode, event.at[EVENT_SOURCE], "source.table");
    return outcome;
}
