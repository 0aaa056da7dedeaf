// SPDX-License-Identifier: Apache-2.0
/* Values that come as JSON objects: geometries, and the temporal types of mode `structured`. */
#include <string.h>

#include "dataplane/decode/values_priv.h"
#include "kernels/value/binary.h"
#include "kernels/value/moment.h"

#define OK ((uint32_t)CUP_OUTCOME_ACCEPTED)

/* The member `name` of an object; NULL when it is absent or null. */
static const struct cup_json_node *member_of(const struct cup_cell      *cell,
                                             const struct cup_json_node *object, const char *name)
{
    const struct cup_json_node *nodes = cell->decode->doc.nodes, *item = object + 1;
    size_t                      bytes = strlen(name);

    for (uint32_t i = 0; i < object->child_count; i++, item = nodes + item->next) {
        if (item->key_bytes != bytes) continue;
        if (memcmp(cell->decode->buf + item->key_at, name, bytes) != 0) continue;
        return item->kind == CUP_JSON_NULL ? NULL : item;
    }
    return NULL;
}

/* --- geometries --- */

#define WKB_HEAD_BYTES 5u          /* byte order, type */
#define EWKB_SRID      0x20000000u /* in the type: an srid stands behind it */

static uint32_t load4(const uint8_t *at, bool little)
{
    uint32_t word = cup_bytes_priv_load4(at);
    return little ? word : __builtin_bswap32(word);
}

static void store4(uint32_t word, bool little, uint8_t *at)
{
    if (!little) word = __builtin_bswap32(word);
    memcpy(at, &word, sizeof word);
}

static size_t put_hex(const uint8_t *bytes, size_t count, uint8_t *to)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < count; i++) {
        to[2 * i]     = (uint8_t)digits[bytes[i] >> 4];
        to[2 * i + 1] = (uint8_t)digits[bytes[i] & 15];
    }
    return 2 * count;
}

/* WKB as hexadecimal digits; an srid that stands beside it goes into it, as in PostGIS's EWKB. */
uint32_t cup_put_priv_wkb(struct cup_cell *cell, const struct cup_json_node *node)
{
    uint8_t  head[WKB_HEAD_BYTES + 4], *to;
    size_t   count, made = 0, done = 0;
    int64_t  srid = 0;
    uint32_t outcome;

    if (node->kind != CUP_JSON_OBJECT) return CUP_OUTCOME_TYPE_MISMATCH;
    const struct cup_json_node *wkb    = member_of(cell, node, "wkb");
    const struct cup_json_node *beside = member_of(cell, node, "srid");
    if (wkb == NULL || wkb->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
    if (beside != NULL && (outcome = cup_cell_priv_integer(cell, beside, &srid)) != OK)
        return outcome;
    if (srid < INT32_MIN || srid > INT32_MAX) return CUP_OUTCOME_INT_OVERFLOW;
    struct cup_span text  = cup_values_priv_text(cell->decode, wkb);
    uint64_t        bytes = text.bytes / 4 * 3, digits = 2 * (bytes + 4);
    outcome = cup_cell_priv_room(cell, digits + bytes, &to);
    if (outcome != OK) return outcome;
    uint8_t *raw = to + digits;
    if (!cup_base64_decode(text.at, text.bytes, false, raw, &count)) return CUP_OUTCOME_BASE64;
    if (count < WKB_HEAD_BYTES || raw[0] > 1) return CUP_OUTCOME_BASE64;
    bool     little = raw[0] == 1;
    uint32_t type   = load4(raw + 1, little);
    if (srid != 0 && (type & EWKB_SRID) == 0) {
        head[0] = raw[0];
        store4(type | EWKB_SRID, little, head + 1);
        store4((uint32_t)(int32_t)srid, little, head + WKB_HEAD_BYTES);
        made = put_hex(head, sizeof head, to);
        done = WKB_HEAD_BYTES;
    }
    made += put_hex(raw + done, count - done, to + made);
    return cup_cell_priv_end(cell, made);
}

/* --- structured times --- */

#define NANOS_PER_US 1000
#define NANOS_MAX    999999999

struct clock {
    int64_t days, us, offset_us;
    bool    infinite, below; /* specialValue */
};

/* An integer member within [least, most]; absent: 0. */
static bool take(const struct cup_cell *cell, const struct cup_json_node *object, const char *name,
                 int64_t least, int64_t most, int64_t *out_value)
{
    const struct cup_json_node *node = member_of(cell, object, name);

    *out_value = 0;
    if (node == NULL) return true;
    if (cup_cell_priv_integer(cell, node, out_value) != OK) return false;
    return *out_value >= least && *out_value <= most;
}

static uint32_t read_date(const struct cup_cell *cell, const struct cup_json_node *node,
                          struct clock *clock)
{
    const int64_t most = 1000000000; /* java.time has no year beyond it */
    int64_t       year, month, day;

    if (!take(cell, node, "year", -most, most, &year) ||
        !take(cell, node, "month", 1, 12, &month) || !take(cell, node, "day", 1, 31, &day) ||
        cup_moment_days(year, (uint32_t)month, (uint32_t)day, &clock->days) != CUP_FIT_OK)
        return CUP_OUTCOME_TIME_SYNTAX;
    return OK;
}

static uint32_t read_time(const struct cup_cell *cell, const struct cup_json_node *node,
                          struct clock *clock)
{
    int64_t hour, minute, second, nanos, offset;

    if (!take(cell, node, "hour", 0, 24, &hour) || !take(cell, node, "minute", 0, 59, &minute) ||
        !take(cell, node, "second", 0, 59, &second) ||
        !take(cell, node, "nanos", 0, NANOS_MAX, &nanos) ||
        !take(cell, node, "offsetSeconds", -18 * 3600, 18 * 3600, &offset))
        return CUP_OUTCOME_TIME_SYNTAX;
    if (nanos % NANOS_PER_US != 0 && (cell->member->options & CUP_MEMBER_TRUNCATE_NS) == 0)
        return CUP_OUTCOME_TIME_PRECISION;
    clock->us        = ((hour * 60 + minute) * 60 + second) * 1000000 + nanos / NANOS_PER_US;
    clock->offset_us = offset * 1000000;
    return OK;
}

static uint32_t read_clock(const struct cup_cell *cell, const struct cup_json_node *node, bool date,
                           bool time, struct clock *clock)
{
    *clock = (struct clock){0};
    if (node->kind != CUP_JSON_OBJECT) return CUP_OUTCOME_TYPE_MISMATCH;
    const struct cup_json_node *special = member_of(cell, node, "specialValue");
    if (special != NULL) {
        if (special->kind != CUP_JSON_STRING) return CUP_OUTCOME_TYPE_MISMATCH;
        clock->infinite = true;
        clock->below    = special->bytes > 0 && cell->decode->buf[special->at] == 'N';
        return OK;
    }
    uint32_t outcome = date ? read_date(cell, node, clock) : OK;
    return outcome == OK && time ? read_time(cell, node, clock) : outcome;
}

uint32_t cup_put_priv_date_structured(struct cup_cell *cell, const struct cup_json_node *node)
{
    struct clock clock;
    uint32_t     outcome = read_clock(cell, node, true, false, &clock);

    if (outcome != OK) return outcome;
    if (clock.infinite) clock.days = clock.below ? INT32_MIN : INT32_MAX;
    return cup_cell_priv_date(cell, clock.days);
}

uint32_t cup_put_priv_time_structured(struct cup_cell *cell, const struct cup_json_node *node)
{
    struct clock clock;
    uint32_t     outcome = read_clock(cell, node, false, true, &clock);

    if (outcome != OK) return outcome;
    if (clock.infinite || clock.us > CUP_MOMENT_US_PER_DAY) return CUP_OUTCOME_TIME_RANGE;
    return cup_cell_priv_64(cell, clock.us);
}

/* Local time, or with its offset an instant: without one that is 0. */
uint32_t cup_put_priv_timestamp_structured(struct cup_cell *cell, const struct cup_json_node *node)
{
    struct clock clock;
    uint32_t     outcome = read_clock(cell, node, true, true, &clock);

    if (outcome != OK) return outcome;
    if (!clock.infinite && clock.days >= CUP_MOMENT_DAYS_MIN - 1 &&
        clock.days <= CUP_MOMENT_DAYS_MAX + 1)
        return cup_cell_priv_moment(cell, clock.days * CUP_MOMENT_US_PER_DAY + clock.us -
                                              clock.offset_us);
    bool below = clock.infinite ? clock.below : clock.days < 0;
    return cup_cell_priv_moment(cell, below ? INT64_MIN : INT64_MAX);
}

uint32_t cup_put_priv_zoned_structured(struct cup_cell *cell, const struct cup_json_node *node)
{
    if (node->kind != CUP_JSON_OBJECT) return CUP_OUTCOME_TYPE_MISMATCH;
    if (member_of(cell, node, "specialValue") == NULL &&
        member_of(cell, node, "offsetSeconds") == NULL)
        return CUP_OUTCOME_TIME_SYNTAX; /* a zone's name alone is no instant */
    return cup_put_priv_timestamp_structured(cell, node);
}
