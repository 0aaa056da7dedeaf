// SPDX-License-Identifier: Apache-2.0
/* Oracle GoldenGate, JSON by operation: {table: "SCHEMA.TABLE", op_type, op_ts, pos, before,
 * after}. An update may name its key and what has changed only. */
#include <string.h>

#include "dataplane/decode/decode_priv.h"

enum { TABLE, OP_TYPE, OP_TS, POS, BEFORE, AFTER, MEMBER_COUNT };
static const char *const names[MEMBER_COUNT] = {"table", "op_type", "op_ts",
                                                "pos",   "before",  "after"};

bool cup_goldengate_priv_foreign(const struct cup_decode *decode, const struct cup_json_node *node)
{
    const uint32_t bytes = sizeof CUP_MISSING_FLAG - 1;

    return node->key_bytes > bytes && memcmp(decode->buf + node->key_at + node->key_bytes - bytes,
                                             CUP_MISSING_FLAG, bytes) == 0;
}

/* [CATALOG.]SCHEMA.TABLE */
static bool split_table(struct cup_decode *decode, uint32_t at)
{
    struct cup_envelope *envelope = &decode->envelope;
    struct cup_span      rest;
    struct cup_span     *parts[] = {&envelope->table, &envelope->schema};

    if (!cup_envelope_priv_text(decode, at, &rest)) return false;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t start = rest.bytes;
        while (start > 0 && rest.at[start - 1] != '.')
            start--;
        *parts[i]  = (struct cup_span){rest.at + start, rest.bytes - start};
        rest.bytes = start > 0 ? start - 1 : 0;
    }
    envelope->db = rest;
    return envelope->table.bytes > 0;
}

uint32_t cup_goldengate_priv_read(struct cup_decode *decode)
{
    static const char *const ops[]    = {"cI", "uU", "dD", "tT", NULL};
    struct cup_envelope     *envelope = &decode->envelope;
    uint32_t                 at[MEMBER_COUNT], payload;

    uint32_t outcome = cup_envelope_priv_begin(decode, &payload);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    (void)cup_envelope_priv_members(decode, payload, names, MEMBER_COUNT, at); /* read below */
    if (at[OP_TYPE] == 0) return cup_envelope_priv_mismatch(decode, payload, "op_type");
    envelope->op = cup_envelope_priv_op(decode, at[OP_TYPE], ops);
    if (envelope->op == '\0')
        return cup_decode_priv_refuse(decode, CUP_OUTCOME_UNKNOWN_OP,
                                      &decode->doc.nodes[at[OP_TYPE]], "op_type", NULL, 0);
    cup_envelope_priv_names(decode, decode->dialect->connector);
    if (!split_table(decode, at[TABLE]))
        return cup_envelope_priv_mismatch(decode, at[TABLE], "table");
    if (!cup_envelope_priv_image(decode, at[BEFORE], &envelope->before))
        return cup_envelope_priv_mismatch(decode, at[BEFORE], "before");
    if (!cup_envelope_priv_image(decode, at[AFTER], &envelope->after))
        return cup_envelope_priv_mismatch(decode, at[AFTER], "after");
    if ((envelope->op == 'c' || envelope->op == 'u') && envelope->after == 0)
        return cup_envelope_priv_mismatch(decode, 0, "after");
    if (envelope->op == 'u') envelope->prior = envelope->before;
    envelope->missing                  = CUP_MISSING_KEEP;
    envelope->kind                     = CUP_CONNECTOR_GOLDENGATE;
    envelope->time_unit                = CUP_TIME_TEXT;
    envelope->source[CUP_SOURCE_TS_MS] = at[OP_TS];
    envelope->source[CUP_SOURCE_POS]   = at[POS];
    return CUP_OUTCOME_ACCEPTED;
}
