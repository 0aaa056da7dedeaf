// SPDX-License-Identifier: Apache-2.0
/* Debezium in CloudEvents: {specversion, iodebeziumop, iodebezium<member of source>..., data}. */
#include <string.h>

#include "dataplane/decode/decode_priv.h"

#define ATTRIBUTE "iodebezium"

/* Attributes have no underscores: iodebeziumtsms is ts_ms. They stand for members of source. */
static void read_attributes(struct cup_decode *decode, uint32_t payload)
{
    const struct cup_json_node *nodes = decode->doc.nodes;
    const uint32_t              front = sizeof ATTRIBUTE - 1;
    uint32_t                    at    = payload + 1;

    for (uint32_t i = 0; i < nodes[payload].child_count; i++, at = nodes[at].next) {
        const uint8_t *key = decode->buf + nodes[at].key_at;
        if (nodes[at].key_bytes <= front || memcmp(key, ATTRIBUTE, front) != 0) continue;
        struct cup_span name = {key + front, nodes[at].key_bytes - front};
        decode->envelope.source[cup_envelope_priv_source(name, true)] = at;
    }
}

/* data is {before, after}, or that behind a schema. Avro's is a text. */
static uint32_t read_data(struct cup_decode *decode, uint32_t data)
{
    enum { BEFORE, AFTER, SCHEMA, PAYLOAD, COUNT };
    static const char *const names[COUNT] = {"before", "after", "schema", "payload"};
    struct cup_envelope     *envelope     = &decode->envelope;
    uint32_t                 at[COUNT];

    if (data != 0 && decode->doc.nodes[data].kind == CUP_JSON_STRING)
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_UNSUPPORTED_ENCODING,
                                      &decode->doc.nodes[data], "data", NULL, 0);
    if (data == 0 || decode->doc.nodes[data].kind != CUP_JSON_OBJECT)
        return cup_envelope_priv_mismatch(decode, data, "data");
    (void)cup_envelope_priv_members(decode, data, names, COUNT, at); /* others do not matter */
    if (at[PAYLOAD] != 0 && decode->doc.nodes[at[PAYLOAD]].kind == CUP_JSON_OBJECT) {
        uint32_t schema = at[SCHEMA];
        if (schema != 0 && decode->doc.nodes[schema].kind != CUP_JSON_OBJECT) schema = 0;
        cup_envelope_priv_schema(decode, schema);
        (void)cup_envelope_priv_members(decode, at[PAYLOAD], names, COUNT, at);
    }
    if (!cup_envelope_priv_image(decode, at[BEFORE], &envelope->before))
        return cup_envelope_priv_mismatch(decode, at[BEFORE], "data.before");
    if (!cup_envelope_priv_image(decode, at[AFTER], &envelope->after))
        return cup_envelope_priv_mismatch(decode, at[AFTER], "data.after");
    bool has_row = strchr("cur", envelope->op) != NULL;
    return has_row && envelope->after == 0 ? cup_envelope_priv_mismatch(decode, 0, "data.after")
                                           : (uint32_t)CUP_OUTCOME_ACCEPTED;
}

uint32_t cup_cloudevents_priv_read(struct cup_decode *decode)
{
    enum { VERSION, DATA, OP, COUNT };
    static const char *const names[COUNT] = {"specversion", "data", "iodebeziumop"};
    static const char *const ops[]        = {"cc", "uu", "dd", "rr", "tt", "mm", NULL};
    uint32_t                 at[COUNT], payload;

    uint32_t outcome = cup_envelope_priv_begin(decode, &payload);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    (void)cup_envelope_priv_members(decode, payload, names, COUNT, at); /* read below */
    if (at[VERSION] == 0 || at[OP] == 0) {
        outcome = cup_envelope_priv_message(decode, payload);
        if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
        return cup_envelope_priv_mismatch(decode, payload, at[VERSION] == 0 ? "" : "iodebeziumop");
    }
    decode->envelope.op = cup_envelope_priv_op(decode, at[OP], ops);
    if (decode->envelope.op == 'm') return CUP_OUTCOME_MESSAGE;
    if (decode->envelope.op == '\0')
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_UNKNOWN_OP, &decode->doc.nodes[at[OP]],
                                      "iodebeziumop", NULL, 0);
    read_attributes(decode, payload);
    outcome = read_data(decode, at[DATA]);
    if (outcome == CUP_OUTCOME_ACCEPTED) outcome = cup_debezium_priv_names(decode, payload);
    if (outcome == CUP_OUTCOME_ACCEPTED && decode->envelope.table.bytes == 0)
        return cup_envelope_priv_mismatch(decode, payload, "iodebeziumtable");
    return outcome;
}
