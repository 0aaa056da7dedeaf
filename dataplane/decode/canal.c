// SPDX-License-Identifier: Apache-2.0
/* Canal's flat messages: {database, table, isDdl, type, es, data: [..], old: [..]}. data[i] is a
 * row behind its change, old[i] the values that columns of it had; every value is a text. */
#include "dataplane/decode/decode_priv.h"

enum { DATABASE, TABLE, IS_DDL, TYPE, ES, GTID, DATA, OLD, MEMBER_COUNT };
static const char *const names[MEMBER_COUNT] = {"database", "table", "isDdl", "type",
                                                "es",       "gtid",  "data",  "old"};

const struct cup_json_node *cup_canal_priv_adapt(const struct cup_decode    *decode,
                                                 const struct cup_member    *member,
                                                 const struct cup_json_node *node,
                                                 struct cup_json_node       *own)
{
    if (node->kind != CUP_JSON_STRING) return node;
    bool flag = member->encoding == CUP_ENCODING_BOOL && node->bytes == 1;
    if (!flag && !cup_documents_priv_numeric(member)) return node;
    *own = *node;
    if (flag && decode->buf[node->at] == '1')
        own->kind = CUP_JSON_TRUE;
    else if (flag && decode->buf[node->at] == '0')
        own->kind = CUP_JSON_FALSE;
    else if (!flag)
        own->kind = CUP_JSON_NUMBER; /* its reader judges the digits */
    return own;
}

static uint32_t judge_type(struct cup_decode *decode, const uint32_t *at)
{
    static const char *const words[] = {"sCREATE",   "sALTER",      "sERASE",      "sQUERY",
                                        "sRENAME",   "sCINDEX",     "sDINDEX",     "xGTID",
                                        "xXACOMMIT", "xXAROLLBACK", "hMHEARTBEAT", NULL};

    if (decode->doc.nodes[at[IS_DDL]].kind == CUP_JSON_TRUE) return CUP_OUTCOME_SCHEMA_CHANGE;
    switch (cup_envelope_priv_op(decode, at[TYPE], words)) {
    case 's': return CUP_OUTCOME_SCHEMA_CHANGE;
    case 'x': return CUP_OUTCOME_TRANSACTION;
    case 'h': return CUP_OUTCOME_HEARTBEAT;
    default:
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_UNKNOWN_OP, &decode->doc.nodes[at[TYPE]],
                                      "type", NULL, 0);
    }
}

static uint32_t read_rows(struct cup_decode *decode, const uint32_t *at)
{
    struct cup_envelope        *envelope = &decode->envelope;
    const struct cup_json_node *nodes    = decode->doc.nodes;

    if (envelope->op == 't') return CUP_OUTCOME_ACCEPTED;
    if (at[DATA] == 0 || nodes[at[DATA]].kind != CUP_JSON_ARRAY || nodes[at[DATA]].child_count == 0)
        return cup_envelope_priv_mismatch(decode, at[DATA], "data");
    envelope->rows = at[DATA];
    bool none      = at[OLD] == 0 || nodes[at[OLD]].kind == CUP_JSON_NULL ||
                (nodes[at[OLD]].kind == CUP_JSON_ARRAY && nodes[at[OLD]].child_count == 0);
    if (envelope->op != 'u' || none) return CUP_OUTCOME_ACCEPTED;
    if (nodes[at[OLD]].kind != CUP_JSON_ARRAY ||
        nodes[at[OLD]].child_count != nodes[at[DATA]].child_count)
        return cup_envelope_priv_mismatch(decode, at[OLD], "old");
    envelope->old_rows = at[OLD];
    envelope->overlay  = true;
    return CUP_OUTCOME_ACCEPTED;
}

uint32_t cup_canal_priv_read(struct cup_decode *decode)
{
    static const char *const ops[]    = {"cINSERT", "uUPDATE", "dDELETE", "tTRUNCATE", NULL};
    struct cup_envelope     *envelope = &decode->envelope;
    uint32_t                 at[MEMBER_COUNT], payload;

    uint32_t outcome = cup_envelope_priv_begin(decode, &payload);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    (void)cup_envelope_priv_members(decode, payload, names, MEMBER_COUNT, at); /* read below */
    if (at[TYPE] == 0 || at[IS_DDL] == 0)
        return cup_envelope_priv_mismatch(decode, payload, at[TYPE] == 0 ? "type" : "isDdl");
    envelope->op = cup_envelope_priv_op(decode, at[TYPE], ops);
    if (envelope->op == '\0') return judge_type(decode, at);
    cup_envelope_priv_names(decode, decode->dialect->connector);
    if (!cup_envelope_priv_text(decode, at[DATABASE], &envelope->db) ||
        !cup_envelope_priv_text(decode, at[TABLE], &envelope->table) || envelope->table.bytes == 0)
        return cup_envelope_priv_mismatch(decode, payload, "table");
    envelope->source[CUP_SOURCE_TS_MS] = at[ES];
    envelope->source[CUP_SOURCE_TX_ID] = at[GTID];
    return read_rows(decode, at);
}
