// SPDX-License-Identifier: Apache-2.0
/* Maxwell's daemon: {database, table, type, ts, xid, xoffset, position, data, old}. data is the
 * whole row behind the change (of a delete: before it), old the values of the columns that were
 * others. */
#include "dataplane/decode/decode_priv.h"

enum { DATABASE, TABLE, TYPE, TS, XID, XOFFSET, POSITION, DATA, OLD, MEMBER_COUNT };
static const char *const names[MEMBER_COUNT] = {"database", "table",    "type", "ts", "xid",
                                                "xoffset",  "position", "data", "old"};

/* Types that are no change of a row; the letter says what they are. */
static uint32_t judge_type(struct cup_decode *decode, uint32_t type)
{
    static const char *const words[] = {"stable-create",    "stable-alter",
                                        "stable-drop",      "sdatabase-create",
                                        "sdatabase-alter",  "sdatabase-drop",
                                        "mbootstrap-start", "mbootstrap-complete",
                                        "hheartbeat",       NULL};

    switch (cup_envelope_priv_op(decode, type, words)) {
    case 's': return CUP_OUTCOME_SCHEMA_CHANGE;
    case 'm': return CUP_OUTCOME_MESSAGE;
    case 'h': return CUP_OUTCOME_HEARTBEAT;
    default:
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_UNKNOWN_OP, &decode->doc.nodes[type],
                                      "type", NULL, 0);
    }
}

uint32_t cup_maxwell_priv_read(struct cup_decode *decode)
{
    static const char *const ops[] = {"cinsert", "uupdate", "ddelete", "rbootstrap-insert", NULL};
    struct cup_envelope     *envelope = &decode->envelope;
    uint32_t                 at[MEMBER_COUNT], payload, data;

    uint32_t outcome = cup_envelope_priv_begin(decode, &payload);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    (void)cup_envelope_priv_members(decode, payload, names, MEMBER_COUNT, at); /* read below */
    if (at[TYPE] == 0 || at[DATABASE] == 0)
        return cup_envelope_priv_mismatch(decode, payload, at[TYPE] == 0 ? "type" : "database");
    envelope->op = cup_envelope_priv_op(decode, at[TYPE], ops);
    if (envelope->op == '\0') return judge_type(decode, at[TYPE]);
    cup_envelope_priv_names(decode, decode->dialect->connector);
    if (!cup_envelope_priv_text(decode, at[DATABASE], &envelope->db) ||
        !cup_envelope_priv_text(decode, at[TABLE], &envelope->table) || envelope->table.bytes == 0)
        return cup_envelope_priv_mismatch(decode, payload, "table");
    if (!cup_envelope_priv_image(decode, at[DATA], &data) || data == 0)
        return cup_envelope_priv_mismatch(decode, at[DATA], "data");
    if (!cup_envelope_priv_image(decode, at[OLD], &envelope->prior))
        return cup_envelope_priv_mismatch(decode, at[OLD], "old");
    if (envelope->op != 'u') envelope->prior = 0;
    envelope->after                    = envelope->op == 'd' ? 0 : data;
    envelope->before                   = envelope->op == 'd' || envelope->op == 'u' ? data : 0;
    envelope->overlay                  = envelope->prior != 0;
    envelope->kind                     = CUP_CONNECTOR_MAXWELL;
    envelope->time_unit                = CUP_TIME_SECONDS;
    envelope->source[CUP_SOURCE_TS_MS] = at[TS];
    envelope->source[CUP_SOURCE_TX_ID] = at[XID];
    envelope->source[CUP_SOURCE_POS]   = at[POSITION];
    envelope->source[CUP_SOURCE_ROW]   = at[XOFFSET];
    return CUP_OUTCOME_ACCEPTED;
}
