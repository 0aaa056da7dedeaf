// SPDX-License-Identifier: Apache-2.0
#include "control/supervise/lag.h"

#include <inttypes.h>
#include <string.h>

/* One partition of a message; the topic is not terminated. */
struct row {
    struct cup_wire_lag lag;
    const char         *topic;
};

static bool next_row(const struct cup_text *rows, size_t *at, struct row *out_row)
{
    size_t left = rows->bytes - *at;

    if (left < sizeof(out_row->lag)) return false;
    memcpy(&out_row->lag, rows->at + *at, sizeof(out_row->lag));
    if (out_row->lag.topic_bytes > left - sizeof(out_row->lag)) return false;
    out_row->topic = rows->at + *at + sizeof(out_row->lag);
    *at += sizeof(out_row->lag) + out_row->lag.topic_bytes;
    return true;
}

static uint64_t behind(const struct cup_wire_lag *lag)
{
    if (lag->high < 0 || lag->visible >= lag->high) return 0;
    return (uint64_t)(lag->high - (lag->visible < 0 ? 0 : lag->visible));
}

bool cup_lag_take(struct cup_lag *lag, const struct cup_text *payload)
{
    struct cup_lag sums = {.rows = lag->rows};
    struct row     row;
    size_t         at = 0;

    while (next_row(payload, &at, &row)) {
        sums.count++;
        sums.unknown_count += row.lag.high < 0;
        sums.records += behind(&row.lag);
        if (row.lag.visible_ms > sums.ms) sums.ms = row.lag.visible_ms;
    }
    if (at != payload->bytes) return false;
    *lag = sums;
    cup_text_clear(&lag->rows);
    cup_text_put(&lag->rows, payload->at, payload->bytes);
    return true;
}

/* 1234567 as 1,234,567 */
static void put_amount(struct cup_text *text, uint64_t value)
{
    char digits[32];
    int  count = snprintf(digits, sizeof(digits), "%" PRIu64, value);

    for (int i = 0; i < count; i++)
        cup_text_printf(text, "%s%c", i > 0 && (count - i) % 3 == 0 ? "," : "", digits[i]);
}

void cup_lag_progress(const struct cup_lag *lag, struct cup_text *line)
{
    cup_text_printf(line, "  %u partition%s", lag->count, lag->count == 1 ? "" : "s");
    if (lag->count == 0) return;
    cup_text_puts(line, ", ");
    put_amount(line, lag->records);
    cup_text_printf(line, " records and %.1f s behind", (double)lag->ms / 1000);
    if (lag->unknown_count > 0) cup_text_printf(line, " (%u not known yet)", lag->unknown_count);
}

/* Puts the row into its place among the worst, most behind first. */
static void rank(struct row worst[CUP_LAG_WORST], uint32_t *count, const struct row *row)
{
    uint32_t at = *count;

    while (at > 0 && (behind(&worst[at - 1].lag) < behind(&row->lag) ||
                      (behind(&worst[at - 1].lag) == behind(&row->lag) &&
                       worst[at - 1].lag.visible_ms < row->lag.visible_ms)))
        at--;
    if (at == CUP_LAG_WORST) return;
    if (*count < CUP_LAG_WORST) ++*count;
    memmove(&worst[at + 1], &worst[at], (*count - at - 1) * sizeof(*worst));
    worst[at] = *row;
}

static void put_number(struct cup_text *text, int64_t value)
{
    if (value < 0)
        cup_text_printf(text, " %14s", "-");
    else
        cup_text_printf(text, " %14" PRId64, value);
}

static void put_row(struct cup_text *text, const struct row *row)
{
    put_number(text, row->lag.consumed);
    put_number(text, row->lag.committed);
    put_number(text, row->lag.visible);
    put_number(text, row->lag.high);
    put_number(text, row->lag.high < 0 ? -1 : (int64_t)behind(&row->lag));
    if (row->lag.visible_ms < 0)
        cup_text_printf(text, " %8s", "-");
    else
        cup_text_printf(text, " %8.1f", (double)row->lag.visible_ms / 1000);
    cup_text_printf(text, "  %.*s/%" PRId32 "\n", (int)row->lag.topic_bytes, row->topic,
                    row->lag.partition);
}

void cup_lag_summary(const struct cup_lag *lag, struct cup_text *text)
{
    struct row worst[CUP_LAG_WORST] = {0}, row;
    uint32_t   count                = 0;
    size_t     at                   = 0;

    if (lag->count == 0 || lag->rows.failed) return;
    while (next_row(&lag->rows, &at, &row))
        rank(worst, &count, &row);
    cup_text_printf(text, "\n%15s %14s %14s %14s %14s %8s  %s\n", "consumed", "committed",
                    "visible", "end", "behind", "seconds", "partition");
    for (uint32_t i = 0; i < count; i++)
        put_row(text, &worst[i]);
    if (lag->count > count)
        cup_text_printf(text, "%15s %u partitions more that are not further behind\n", "",
                        lag->count - count);
}

void cup_lag_free(struct cup_lag *lag)
{
    cup_text_free(&lag->rows);
    *lag = (struct cup_lag){0};
}
