// SPDX-License-Identifier: Apache-2.0
/* What all rows of a record share: time, position, transaction, snapshot marker. A position is
 * fixed-width hexadecimal per kind of source, so that its byte order is the source's order. */
#include <string.h>

#include "base/clock.h"
#include "dataplane/decode/decode_priv.h"
#include "kernels/value/integer.h"
#include "kernels/value/moment.h"

#define LSN_HEX        20u
#define LSN_TEXT       22u /* 8:8:4 */
#define SCN_HEX        32u
#define SCN_DIGITS_MAX 38u /* below 2^127 */

/* Where a member of source stands, as a text: a node's, or a fact. Bytes 0: absent or null. */
static inline bool find_value(const struct cup_decode *decode, enum cup_source_member member,
                              struct cup_span *out_text)
{
    const struct cup_envelope  *envelope = &decode->envelope;
    const struct cup_json_node *node     = &decode->doc.nodes[envelope->source[member]];

    *out_text = (struct cup_span){0};
    if (envelope->source[member] == 0) {
        if (envelope->facts != NULL) *out_text = envelope->facts[member];
        return true;
    }
    if (node->kind == CUP_JSON_NULL) return true;
    if (node->kind != CUP_JSON_NUMBER && node->kind != CUP_JSON_STRING) return false;
    *out_text = (struct cup_span){decode->buf + node->at, node->bytes}; /* "" is none either */
    return true;
}

/* An integer of source, which some producers write as a string. False: absent or null. */
static inline bool read_number(const struct cup_decode *decode, enum cup_source_member member,
                               int64_t *out_value, bool *out_bad)
{
    struct cup_span text;

    if (!find_value(decode, member, &text)) {
        *out_bad = true;
        return false;
    }
    if (text.bytes == 0) return false;
    bool good = cup_integer_parse(text.at, text.bytes, out_value) == CUP_FIT_OK;
    *out_bad |= !good;
    return good;
}

static uint32_t refuse_source(struct cup_decode *decode, const char *path)
{
    return cup_decode_priv_refuse(decode, CUP_OUTCOME_FORMAT_MISMATCH, NULL, path, NULL, 0);
}

/* --- time --- */

static bool times(int64_t *value, int64_t factor)
{
    return !__builtin_mul_overflow(*value, factor, value);
}

/* Debezium's own members, the most exact first. False: there is none. */
static bool read_members(const struct cup_decode *decode, int64_t *out_us, bool *out_bad)
{
    if (read_number(decode, CUP_SOURCE_TS_US, out_us, out_bad)) return true;
    if (read_number(decode, CUP_SOURCE_TS_MS, out_us, out_bad)) {
        *out_bad |= !times(out_us, CUP_US_PER_MS);
        return true;
    }
    if (!read_number(decode, CUP_SOURCE_TS_NS, out_us, out_bad)) return false;
    *out_us /= 1000;
    return true;
}

/* A date and time of ISO 8601, or with a space between them; no zone is UTC. */
static bool read_moment(const struct cup_decode *decode, int64_t *out_us, bool *out_bad)
{
    struct cup_span text;
    uint8_t         copy[40];

    *out_bad |= !find_value(decode, CUP_SOURCE_TS_MS, &text);
    if (text.bytes == 0) return false;
    if (text.bytes > sizeof copy || text.bytes < 11) {
        *out_bad = true;
        return true;
    }
    memcpy(copy, text.at, text.bytes);
    if (copy[10] == ' ') copy[10] = 'T';
    *out_bad |= cup_moment_instant(copy, text.bytes, out_us) != CUP_FIT_OK &&
                cup_moment_local(copy, text.bytes, out_us) != CUP_FIT_OK;
    return true;
}

static bool read_ts(const struct cup_decode *decode, int64_t *out_us, bool *out_bad)
{
    switch ((enum cup_time_unit)decode->envelope.time_unit) {
    case CUP_TIME_MEMBERS: return read_members(decode, out_us, out_bad);
    case CUP_TIME_TEXT: return read_moment(decode, out_us, out_bad);
    case CUP_TIME_SECONDS:
        if (!read_number(decode, CUP_SOURCE_TS_MS, out_us, out_bad)) return false;
        *out_bad |= !times(out_us, CUP_US_PER_S);
        return true;
    }
    return false;
}

/* --- positions --- */

/* PostgreSQL: the event's LSN; for one key it ascends. Unsigned, though the wire says int64. */
static bool make_lsn(const struct cup_decode *decode, uint8_t *out, uint32_t *out_bytes)
{
    int64_t lsn;
    bool    bad = false;

    if (!read_number(decode, CUP_SOURCE_LSN, &lsn, &bad)) return !bad;
    cup_integer_hex((uint64_t)lsn, 16, out);
    *out_bytes = 16;
    return true;
}

/* "mysql-bin.000042" is 42; false when no number follows the last dot. */
static bool read_file_number(struct cup_span text, int64_t *out_number)
{
    uint32_t start = text.bytes, digits;

    while (start > 0 && text.at[start - 1] != '.')
        start--;
    if (start == 0) return false;
    while (start + 1 < text.bytes && text.at[start] == '0')
        start++;
    digits = text.bytes - start;
    return cup_integer_parse(text.at + start, digits, out_number) == CUP_FIT_OK && *out_number >= 0;
}

/* MySQL and MariaDB: file number, position, row in the event. */
static bool make_binlog(const struct cup_decode *decode, uint8_t *out, uint32_t *out_bytes)
{
    struct cup_span file;
    int64_t         number, pos, row = 0;
    bool            bad = !find_value(decode, CUP_SOURCE_FILE, &file);

    if (bad || file.bytes == 0) return !bad;
    if (!read_file_number(file, &number)) return false;
    if (!read_number(decode, CUP_SOURCE_POS, &pos, &bad)) return !bad;
    (void)read_number(decode, CUP_SOURCE_ROW, &row, &bad); /* absent: row 0 */
    if (bad || pos < 0 || row < 0 || row > UINT32_MAX) return false;
    cup_integer_hex((uint64_t)number, 16, out);
    cup_integer_hex((uint64_t)pos, 16, out + 16);
    cup_integer_hex((uint64_t)row, 8, out + 32);
    *out_bytes = 40;
    return true;
}

/* Maxwell: "master.000006:800911", and the row's place in its transaction. */
static bool make_maxwell(const struct cup_decode *decode, uint8_t *out, uint32_t *out_bytes)
{
    struct cup_span text;
    int64_t         number, pos, row = 0;
    bool            bad   = !find_value(decode, CUP_SOURCE_POS, &text);
    uint32_t        colon = text.bytes;

    if (bad || text.bytes == 0) return !bad;
    while (colon > 0 && text.at[colon - 1] != ':')
        colon--;
    if (colon == 0) return false;
    if (!read_file_number((struct cup_span){text.at, colon - 1}, &number)) return false;
    if (cup_integer_parse(text.at + colon, text.bytes - colon, &pos) != CUP_FIT_OK) return false;
    (void)read_number(decode, CUP_SOURCE_ROW, &row, &bad); /* absent: 0 */
    if (bad || pos < 0 || row < 0) return false;
    cup_integer_hex((uint64_t)number, 16, out);
    cup_integer_hex((uint64_t)pos, 16, out + 16);
    cup_integer_hex((uint64_t)row, 16, out + 32);
    *out_bytes = 48;
    return true;
}

/* 00000025:00000d98:00a2 as 20 digits; missing or "NULL" is the lowest. False: another form. */
static bool make_part(const struct cup_decode *decode, enum cup_source_member member,
                      uint8_t out[LSN_HEX])
{
    struct cup_span text;
    uint32_t        made = 0;

    memset(out, '0', LSN_HEX);
    if (!find_value(decode, member, &text)) return false;
    if (text.bytes == 0 || (text.bytes == 4 && memcmp(text.at, "NULL", 4) == 0)) return true;
    if (text.bytes != LSN_TEXT) return false;
    for (uint32_t i = 0; i < LSN_TEXT; i++) {
        if (i == 8 || i == 17) {
            if (text.at[i] != ':') return false;
            continue;
        }
        uint8_t lower = text.at[i] | 0x20; /* digits have that bit already */
        bool    digit = text.at[i] >= '0' && text.at[i] <= '9';
        if (!digit && (lower < 'a' || lower > 'f')) return false;
        out[made++] = lower;
    }
    return true;
}

/* SQL Server: LSN of the commit, LSN of the change, number in the change. */
static bool make_lsns(const struct cup_decode *decode, uint8_t *out, uint32_t *out_bytes)
{
    struct cup_span commit;
    int64_t         serial = 0;
    bool            bad    = !find_value(decode, CUP_SOURCE_COMMIT_LSN, &commit);

    if (bad || commit.bytes == 0) return !bad;
    (void)read_number(decode, CUP_SOURCE_SERIAL, &serial, &bad); /* absent: 0 */
    if (bad || !make_part(decode, CUP_SOURCE_COMMIT_LSN, out) ||
        !make_part(decode, CUP_SOURCE_CHANGE_LSN, out + LSN_HEX))
        return false;
    cup_integer_hex((uint64_t)serial, 16, out + 2 * LSN_HEX);
    *out_bytes = 2 * LSN_HEX + 16;
    return true;
}

/* Decimal digits, with leading zeros or not, as 32 hexadecimal ones. False: no number, or a wider
 * one. */
static bool make_digits(struct cup_span text, uint8_t out[SCN_HEX])
{
    cup_i128 value = 0;

    while (text.bytes > 1 && text.at[0] == '0')
        text.at++, text.bytes--;
    if (text.bytes == 0 || text.bytes > SCN_DIGITS_MAX) return false;
    for (uint32_t i = 0; i < text.bytes; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') return false;
        value = value * 10 + (text.at[i] - '0');
    }
    cup_integer_hex((uint64_t)(value >> 64), 16, out);
    cup_integer_hex((uint64_t)value, 16, out + 16);
    return true;
}

/* Oracle: SCN of the commit (of the snapshot, where there is none), SCN of the change, place in the
 * transaction. */
static bool make_scns(const struct cup_decode *decode, uint8_t *out, uint32_t *out_bytes)
{
    struct cup_span commit, change;
    int64_t         sequence = 0;
    bool            bad      = !find_value(decode, CUP_SOURCE_COMMIT_SCN, &commit);

    bad |= !find_value(decode, CUP_SOURCE_SCN, &change);
    if (commit.bytes == 0) commit = change;
    if (change.bytes == 0) change = commit;
    if (bad || commit.bytes == 0) return !bad;
    (void)read_number(decode, CUP_SOURCE_TX_SEQ, &sequence, &bad); /* absent: 0 */
    if (bad || !make_digits(commit, out) || !make_digits(change, out + SCN_HEX)) return false;
    cup_integer_hex((uint64_t)sequence, 16, out + 2 * SCN_HEX);
    *out_bytes = 2 * SCN_HEX + 16;
    return true;
}

/* MongoDB: second of the operation, its number in that second. */
static bool make_ordinal(const struct cup_decode *decode, uint8_t *out, uint32_t *out_bytes)
{
    int64_t ms, ordinal;
    bool    bad = false;

    if (!read_number(decode, CUP_SOURCE_TS_MS, &ms, &bad)) return !bad;
    if (!read_number(decode, CUP_SOURCE_ORD, &ordinal, &bad)) return !bad;
    if (ms < 0 || ordinal < 0) return false;
    cup_integer_hex((uint64_t)(ms / 1000), 16, out);
    cup_integer_hex((uint64_t)ordinal, 16, out + 16);
    *out_bytes = 32;
    return true;
}

/* GoldenGate: digits of any width. More than 38 are no position that could be compared here. */
static bool make_trail(const struct cup_decode *decode, uint8_t *out, uint32_t *out_bytes)
{
    struct cup_span text;

    if (!find_value(decode, CUP_SOURCE_POS, &text)) return false;
    if (text.bytes > 0 && make_digits(text, out)) *out_bytes = SCN_HEX;
    return true;
}

static uint32_t stamp_pos(struct cup_decode *decode, struct cup_stamped *stamped)
{
    uint32_t bytes = 0;
    bool     good  = true;

    switch (decode->envelope.kind) {
    case CUP_CONNECTOR_POSTGRESQL: good = make_lsn(decode, stamped->pos_text, &bytes); break;
    case CUP_CONNECTOR_BINLOG: good = make_binlog(decode, stamped->pos_text, &bytes); break;
    case CUP_CONNECTOR_SQLSERVER: good = make_lsns(decode, stamped->pos_text, &bytes); break;
    case CUP_CONNECTOR_ORACLE: good = make_scns(decode, stamped->pos_text, &bytes); break;
    case CUP_CONNECTOR_MONGODB: good = make_ordinal(decode, stamped->pos_text, &bytes); break;
    case CUP_CONNECTOR_MAXWELL: good = make_maxwell(decode, stamped->pos_text, &bytes); break;
    case CUP_CONNECTOR_GOLDENGATE: good = make_trail(decode, stamped->pos_text, &bytes); break;
    case CUP_CONNECTOR_OTHER: break;
    }
    if (!good) return refuse_source(decode, "source.pos");
    CUP_ASSERT(bytes <= sizeof stamped->pos_text);
    stamped->pos = (struct cup_span){.at = stamped->pos_text, .bytes = bytes};
    return CUP_OUTCOME_ACCEPTED;
}

/* --- transaction and snapshot --- */

/* The text of a string or number; empty for null, absent and everything else. Unescaped ones stay
 * in scratch as long as the record. */
static struct cup_span scalar_text(struct cup_decode *decode, uint32_t at)
{
    const struct cup_json_node *node = &decode->doc.nodes[at];
    struct cup_span             text = {0};

    if (at == 0) return text;
    if (node->kind == CUP_JSON_STRING)
        (void)cup_envelope_priv_text(decode, at, &text); /* of a string it has one */
    if (node->kind == CUP_JSON_NUMBER)
        text = (struct cup_span){decode->buf + node->at, node->bytes};
    return text;
}

static struct cup_span source_text(struct cup_decode *decode, enum cup_source_member member)
{
    const struct cup_envelope *envelope = &decode->envelope;

    if (envelope->source[member] == 0 && envelope->facts != NULL) return envelope->facts[member];
    return scalar_text(decode, envelope->source[member]);
}

/* The transaction's id of PostgreSQL holds the event's own LSN behind the colon; other ids may have
 * a colon that belongs to them. */
static struct cup_span find_tx(struct cup_decode *decode)
{
    const struct cup_envelope *envelope = &decode->envelope;
    bool                       postgres = envelope->kind == CUP_CONNECTOR_POSTGRESQL;
    bool                       binlog   = envelope->kind == CUP_CONNECTOR_BINLOG;
    struct cup_span tx = source_text(decode, binlog ? CUP_SOURCE_GTID : CUP_SOURCE_TX_ID);

    bool inside = envelope->transaction != 0 &&
                  decode->doc.nodes[envelope->transaction].kind == CUP_JSON_OBJECT;
    if (tx.bytes == 0 && inside)
        tx = scalar_text(
            decode, cup_json_member(decode->buf, &decode->doc, envelope->transaction, "id", 2));
    if (!postgres || tx.bytes == 0) return tx;
    const uint8_t *colon = memchr(tx.at, ':', tx.bytes);
    if (colon != NULL) tx.bytes = (uint32_t)(colon - tx.at);
    return tx;
}

/* "false" is how a streamed change prints an unset marker. */
static struct cup_span find_snapshot(struct cup_decode *decode)
{
    uint32_t        at   = decode->envelope.source[CUP_SOURCE_SNAPSHOT];
    struct cup_span text = source_text(decode, CUP_SOURCE_SNAPSHOT);

    if (at != 0 && decode->doc.nodes[at].kind == CUP_JSON_TRUE)
        return (struct cup_span){.at = (const uint8_t *)"true", .bytes = 4};
    if (text.bytes == 5 && memcmp(text.at, "false", 5) == 0) return (struct cup_span){0};
    return text;
}

uint32_t cup_position_priv_stamp(struct cup_decode *decode)
{
    struct cup_stamped *stamped = &decode->stamped;
    bool                bad     = false;

    stamped->has_ts = read_ts(decode, &stamped->ts_us, &bad);
    if (bad || (stamped->has_ts &&
                (stamped->ts_us < CUP_MOMENT_US_MIN || stamped->ts_us > CUP_MOMENT_US_MAX)))
        return refuse_source(decode, "source.ts");
    uint32_t outcome = stamp_pos(decode, stamped);
    if (outcome != CUP_OUTCOME_ACCEPTED) return outcome;
    stamped->tx       = find_tx(decode);
    stamped->snapshot = find_snapshot(decode);
    stamped->made     = true;
    return CUP_OUTCOME_ACCEPTED;
}
