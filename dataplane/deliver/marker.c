// SPDX-License-Identifier: Apache-2.0
#include "dataplane/deliver/marker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/kafka/cluster.h"

#define TIMEOUT_MS 10000
#define STEP_MS    200
#define LOOK_BACK  64 /* offsets: an epoch takes two, its marker and the transaction's own */
#define FRONT      "{\"epoch\":"
#define RANGES     ",\"ranges\":" /* no name has it: they are JSON strings */

void cup_marker_key(const struct cup_plan *plan, struct cup_text *out)
{
    cup_text_clear(out);
    cup_text_printf(out, "{\"shard\":%" PRIu32 "}", plan->shard);
}

void cup_marker_value(const struct cup_plan *plan, uint64_t epoch, uint64_t record_count,
                      const struct cup_reach *reach, struct cup_text *out)
{
    cup_text_clear(out);
    cup_text_printf(out,
                    FRONT "%" PRIu64 ",\"records\":%" PRIu64 ",\"shard\":%" PRIu32
                          ",\"shards\":%" PRIu32 ",\"domain\":",
                    epoch, record_count, plan->shard, plan->shard_count);
    cup_text_json(out, cup_plan_text(plan, plan->domain), plan->domain.bytes);
    cup_text_puts(out, ",\"pipeline\":");
    cup_text_json(out, cup_plan_text(plan, plan->pipeline), plan->pipeline.bytes);
    cup_text_puts(out, RANGES);
    cup_reach_write(reach, out);
    cup_text_puts(out, "}");
}

static bool parse(const struct cup_kafka_event *event, uint64_t *out_epoch,
                  struct cup_reach *out_reach)
{
    char        text[32] = "";
    const char *value    = event->value, *ranges;
    char       *end;

    if (event->value_bytes <= strlen(FRONT) || memcmp(value, FRONT, strlen(FRONT)) != 0)
        return false;
    size_t bytes = event->value_bytes - strlen(FRONT);
    if (bytes >= sizeof text) bytes = sizeof text - 1;
    memcpy(text, value + strlen(FRONT), bytes);
    errno      = 0;
    *out_epoch = strtoull(text, &end, 10);
    if (errno != 0 || end == text || (*end != ',' && *end != '}')) return false;
    cup_reach_clear(out_reach);
    ranges = memmem(value, event->value_bytes, RANGES, strlen(RANGES));
    if (ranges == NULL) return true;
    ranges += strlen(RANGES);
    return cup_reach_read(out_reach, ranges, event->value_bytes - (size_t)(ranges - value));
}

/* What one look from an offset on needs and finds. */
struct look {
    struct cup_kafka_consumer *peek;
    const char                *topic;
    const atomic_bool         *stop;
    int64_t                    high; /* the end; an answer that ends before it is an old one */
    uint64_t                   epoch;
    int64_t                    offset; /* of its marker */
    struct cup_reach          *reach;
};

static enum cup_err take(struct look *look, struct cup_kafka_event *event,
                         struct cup_fault *out_fault)
{
    bool is_ours = event->value_bytes == 0; /* what settle aborted */

    if (!is_ours) {
        is_ours      = parse(event, &look->epoch, look->reach);
        look->offset = event->offset;
    }
    cup_kafka_event_release(event);
    if (is_ours) return CUP_OK;
    return cup_fault_set(out_fault, CUP_CORRUPT,
                         "the last record of the control topic is not cupel's: set "
                         "output.control_topic to a topic that nobody else writes to",
                         look->topic);
}

static enum cup_err read_to_end(struct look *look, struct cup_fault *out_fault)
{
    uint64_t until = cup_clock_mono_ns() + 3 * TIMEOUT_MS * 1000000ull;

    while (!atomic_load_explicit(look->stop, memory_order_relaxed) && cup_clock_mono_ns() < until) {
        struct cup_kafka_event event = {0};
        enum cup_err err = cup_kafka_consumer_next(look->peek, STEP_MS, &event, out_fault);
        if (err != CUP_OK) return err;
        switch (event.kind) {
        case CUP_KAFKA_RECORD: err = take(look, &event, out_fault); break;
        case CUP_KAFKA_AT_END:
            if (event.offset >= look->high) return CUP_OK;
            break;
        case CUP_KAFKA_REFUSED: return out_fault->err;
        case CUP_KAFKA_NOTHING:
        case CUP_KAFKA_OUT_OF_RANGE:
        case CUP_KAFKA_SUSPECT: break;
        }
        if (err != CUP_OK) return err;
    }
    errno = 0;
    return cup_fault_set(out_fault, CUP_IO, "read the control topic of the output", look->topic);
}

/* Looks at the topic's end first, then further and further back. */
static enum cup_err look_back(struct look *look, int32_t partition, int64_t low,
                              struct cup_fault *out_fault)
{
    for (int64_t back = LOOK_BACK;; back *= 16) {
        int64_t      from = look->high - back > low ? look->high - back : low;
        enum cup_err err =
            back == LOOK_BACK
                ? cup_kafka_consumer_add(look->peek, look->topic, partition, from, 0, out_fault)
                : cup_kafka_consumer_move(look->peek, 0, from, out_fault);
        if (err == CUP_OK) err = read_to_end(look, out_fault);
        if (err != CUP_OK || look->epoch > 0 || from == low) return err;
    }
}

/* The marker itself is the last of the epoch's records. */
static enum cup_err add_itself(const struct cup_plan *plan, const struct look *look,
                               struct cup_fault *out_fault)
{
    uint32_t topic;

    enum cup_err err =
        cup_reach_topic(look->reach, look->topic, plan->shard_count, &topic, out_fault);
    if (err == CUP_OK)
        look->reach->topics[topic].parts[plan->shard].span =
            (struct cup_kafka_span){look->offset, look->offset};
    return err;
}

enum cup_err cup_marker_read(const struct cup_plan *plan, struct cup_kafka_consumer *peek,
                             const atomic_bool *stop, uint64_t *out_epoch,
                             struct cup_reach *out_reach, struct cup_fault *out_fault)
{
    struct look look = {.peek  = peek,
                        .topic = cup_plan_text(plan, plan->output.control_topic),
                        .stop  = stop,
                        .reach = out_reach};
    int64_t     low;

    enum cup_err err =
        cup_kafka_watermarks(cup_kafka_consumer_client(peek), look.topic, (int32_t)plan->shard,
                             TIMEOUT_MS, &low, &look.high, out_fault);
    if (err == CUP_OK && look.high > low)
        err = look_back(&look, (int32_t)plan->shard, low, out_fault);
    if (err == CUP_OK && look.epoch > 0) err = add_itself(plan, &look, out_fault);
    if (err == CUP_OK) *out_epoch = look.epoch;
    return err;
}
