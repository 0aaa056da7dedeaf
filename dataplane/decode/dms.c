// SPDX-License-Identifier: Apache-2.0
/* AWS DMS: {data, metadata: {timestamp, record-type, operation, schema-name, table-name}}. A before
 * image stands in a member of a name that its task chose. */
#include "dataplane/decode/decode_priv.h"

enum { TIMESTAMP, RECORD_TYPE, OPERATION, SCHEMA, TABLE, TRANSACTION, META_COUNT };
static const char *const names[META_COUNT] = {"timestamp",   "record-type", "operation",
                                              "schema-name", "table-name",  "transaction-id"};

static uint32_t read_metadata(struct cup_decode *decode, uint32_t metadata)
{
    static const char *const ops[]    = {"rload", "cinsert", "uupdate", "ddelete", NULL};
    struct cup_envelope     *envelope = &decode->envelope;
    uint32_t                 at[META_COUNT];

    (void)cup_envelope_priv_members(decode, metadata, names, META_COUNT, at); /* read below */
    if (cup_envelope_priv_is(decode, at[RECORD_TYPE], "control")) return CUP_OUTCOME_SCHEMA_CHANGE;
    if (!cup_envelope_priv_is(decode, at[RECORD_TYPE], "data"))
        return cup_envelope_priv_mismatch(decode, metadata, "metadata.record-type");
    envelope->op = cup_envelope_priv_op(decode, at[OPERATION], ops);
    if (envelope->op == '\0')
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_UNKNOWN_OP, &decode->doc.nodes[metadata],
                                      "metadata.operation", NULL, 0);
    cup_envelope_priv_names(decode, decode->dialect->connector);
    if (!cup_envelope_priv_text(decode, at[SCHEMA], &envelope->schema) ||
        !cup_envelope_priv_text(decode, at[TABLE], &envelope->table) || envelope->table.bytes == 0)
        return cup_envelope_priv_mismatch(decode, metadata, "metadata.table-name");
    envelope->time_unit                = CUP_TIME_TEXT;
    envelope->source[CUP_SOURCE_TS_MS] = at[TIMESTAMP];
    envelope->source[CUP_SOURCE_TX_ID] = at[TRANSACTION];
    return CUP_OUTCOME_ACCEPTED;
}

/* The one object beside data and metadata is what the row was. */
static uint32_t find_prior(const struct cup_decode *decode, uint32_t payload, uint32_t data,
                           uint32_t metadata)
{
    const struct cup_json_node *nodes = decode->doc.nodes;
    uint32_t                    at = payload + 1, prior = 0;

    for (uint32_t i = 0; i < nodes[payload].child_count; i++, at = nodes[at].next)
        if (at != data && at != metadata && nodes[at].kind == CUP_JSON_OBJECT) prior = at;
    return prior;
}

uint32_t cup_dms_priv_read(struct cup_decode *decode)
{
    static const char *const parts[]  = {"data", "metadata"};
    struct cup_envelope     *envelope = &decode->envelope;
    uint32_t                 at[2], payload;

    uint32_t outcome = cup_envelope_priv_begin(decode, &payload);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    (void)cup_envelope_priv_members(decode, payload, parts, 2, at); /* read below */
    if (at[1] == 0 || decode->doc.nodes[at[1]].kind != CUP_JSON_OBJECT)
        return cup_envelope_priv_mismatch(decode, payload, "metadata");
    outcome = read_metadata(decode, at[1]);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    if (at[0] == 0 || decode->doc.nodes[at[0]].kind != CUP_JSON_OBJECT)
        return cup_envelope_priv_mismatch(decode, at[0], "data");
    envelope->missing = CUP_MISSING_QUARANTINE;
    envelope->after   = envelope->op == 'd' ? 0 : at[0];
    envelope->before  = envelope->op == 'd' ? at[0] : 0;
    if (envelope->op != 'u') return CUP_OUTCOME_ACCEPTED;
    envelope->prior   = find_prior(decode, payload, at[0], at[1]);
    envelope->before  = envelope->prior == 0 ? 0 : at[0];
    envelope->overlay = envelope->prior != 0;
    return CUP_OUTCOME_ACCEPTED;
}
