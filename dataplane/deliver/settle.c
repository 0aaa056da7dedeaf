// SPDX-License-Identifier: Apache-2.0
#include "dataplane/deliver/settle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define TIMEOUT_MS  10000
#define STEP_MS     200
#define PAUSE_MS    1u  /* the first; then twice as long each time ... */
#define PAUSE_MAX   64u /* ... up to this */
#define AWAIT_MS    10000u
#define OTHERS_MS   500u   /* for transactions of others to end by themselves */
#define AFTER_MS    60000u /* behind an abort: only others can be in the way */
#define JUDGE_MS    60000u
#define QUEUE_BYTES (1u << 20)
#define HANGING     "%s/%d and %u more: readers of committed records do not get beyond offset %lld"

static void pause_ms(uint32_t ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000l};

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL); /* cut short: asked earlier */
}

static bool is_over(const atomic_bool *stop, uint64_t since_ns, uint32_t most_ms)
{
    return atomic_load_explicit(stop, memory_order_relaxed) ||
           (cup_clock_mono_ns() - since_ns) / 1000000ull >= most_ms;
}

static enum cup_err no_memory(struct cup_fault *out_fault)
{
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "partitions of the output", NULL);
}

static struct cup_kafka_place *copy_of(const struct cup_kafka_place *places, uint32_t count)
{
    struct cup_kafka_place *copy = calloc(count + 1ul, sizeof *copy);

    if (copy != NULL && count > 0) memcpy(copy, places, count * sizeof *copy);
    return copy;
}

static enum cup_err held(const char *what, const struct cup_kafka_place *at, int64_t end,
                         uint32_t more, struct cup_fault *out_fault)
{
    char where[CUP_FAULT_WHERE_BYTES];

    snprintf(where, sizeof where, HANGING, at->topic, at->partition, more, (long long)end);
    errno = 0;
    return cup_fault_set(out_fault, CUP_AGAIN, what, where);
}

/* How many places have an end that is not behind their offset; *out_first: one of them. */
static uint32_t count_open(const struct cup_kafka_place *places, const struct cup_kafka_place *ends,
                           uint32_t count, uint32_t *out_first)
{
    uint32_t open = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (ends[i].offset > places[i].offset) continue;
        if (open++ == 0) *out_first = i;
    }
    return open;
}

static enum cup_err await_for(struct cup_kafka_client *client, const struct cup_kafka_place *places,
                              uint32_t count, const atomic_bool *stop, uint32_t most_ms,
                              const char *what, struct cup_fault *out_fault)
{
    struct cup_kafka_place *ends  = copy_of(places, count);
    uint64_t                since = cup_clock_mono_ns();
    uint32_t                open = 0, first = 0;
    enum cup_err            err = ends == NULL ? no_memory(out_fault) : CUP_OK;

    for (uint32_t ms = PAUSE_MS; err == CUP_OK; ms = ms < PAUSE_MAX ? 2 * ms : ms) {
        err  = cup_kafka_ends(client, ends, count, TIMEOUT_MS, out_fault);
        open = err == CUP_OK ? count_open(places, ends, count, &first) : 0;
        if (open == 0) break;
        if (is_over(stop, since, most_ms))
            err = held(what, &places[first], ends[first].offset, open - 1, out_fault);
        else
            pause_ms(ms);
    }
    free(ends);
    return err;
}

enum cup_err cup_settle_await(struct cup_kafka_client *client, const struct cup_reach *reach,
                              const atomic_bool *stop, struct cup_fault *out_fault)
{
    uint32_t                count;
    struct cup_kafka_place *places = cup_reach_places(reach, &count);

    if (places == NULL) return no_memory(out_fault);
    enum cup_err err =
        await_for(client, places, count, stop, AWAIT_MS,
                  "the cluster committed a transaction, but not all partitions have heard of it (a "
                  "broker was stopped meanwhile?): what is missing is sent again",
                  out_fault);
    free(places);
    return err;
}

/* --- ending what hangs --- */

/* Moves the places with records of open transactions to the front. */
static enum cup_err find_open(struct cup_settle *settle, struct cup_kafka_place *places,
                              uint32_t *count, struct cup_fault *out_fault)
{
    struct cup_kafka_place  *all    = copy_of(places, *count);
    struct cup_kafka_client *peek   = cup_kafka_consumer_client(settle->peek);
    struct cup_kafka_client *client = cup_kafka_producer_client(settle->producer);
    uint32_t                 open   = 0;

    if (all == NULL) return no_memory(out_fault);
    enum cup_err err = cup_kafka_ends(peek, all, *count, TIMEOUT_MS, out_fault);
    if (err == CUP_OK) err = cup_kafka_ends(client, places, *count, TIMEOUT_MS, out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < *count; i++)
        if (places[i].offset < all[i].offset) places[open++] = places[i];
    if (err == CUP_OK) *count = open;
    free(all);
    return err;
}

/* A transaction of a record for each place, aborted: what hung in front of it is aborted, too. */
static enum cup_err abort_in(struct cup_settle *settle, const struct cup_kafka_place *places,
                             uint32_t count, struct cup_fault *out_fault)
{
    enum cup_err err = cup_kafka_producer_begin(settle->producer, out_fault);

    for (uint32_t i = 0; err == CUP_OK && i < count; i++) {
        const struct cup_kafka_record record = {.topic     = places[i].topic,
                                                .partition = places[i].partition,
                                                .key       = "aborted",
                                                .key_bytes = strlen("aborted"),
                                                .value     = ""};
        err = cup_kafka_producer_put(settle->producer, &record, out_fault);
    }
    if (err == CUP_OK) err = cup_kafka_producer_flush(settle->producer, out_fault);
    return err == CUP_OK ? cup_kafka_producer_abort(settle->producer, out_fault) : err;
}

/* Waits until readers of committed records are where all others are now. */
static enum cup_err catch_up(struct cup_settle *settle, struct cup_kafka_place *places,
                             uint32_t count, struct cup_fault *out_fault)
{
    enum cup_err err = cup_kafka_ends(cup_kafka_consumer_client(settle->peek), places, count,
                                      TIMEOUT_MS, out_fault);

    for (uint32_t i = 0; i < count; i++)
        places[i].offset--;
    if (err != CUP_OK) return err;
    return await_for(cup_kafka_producer_client(settle->producer), places, count, settle->stop,
                     AFTER_MS,
                     "an open transaction of another producer is in the way of the output: end it "
                     "(kafka-transactions.sh), or wait until the cluster does",
                     out_fault);
}

enum cup_err cup_settle_end(struct cup_settle *settle, const struct cup_reach *reach,
                            struct cup_fault *out_fault)
{
    uint32_t                count;
    struct cup_kafka_place *open  = cup_reach_places(reach, &count);
    uint64_t                since = cup_clock_mono_ns();
    enum cup_err            err   = open == NULL ? no_memory(out_fault) : CUP_OK;

    for (uint32_t ms = PAUSE_MS; err == CUP_OK && count > 0; ms = ms < PAUSE_MAX ? 2 * ms : ms) {
        err = find_open(settle, open, &count, out_fault);
        if (is_over(settle->stop, since, OTHERS_MS)) break;
        if (err == CUP_OK && count > 0) pause_ms(ms);
    }
    if (err == CUP_OK && count > 0) {
        err = abort_in(settle, open, count, out_fault);
        if (err == CUP_OK) err = catch_up(settle, open, count, out_fault);
    }
    free(open);
    return err;
}

/* --- committed or not --- */

/* What is judged: places by the consumer's tag. */
struct court {
    struct cup_kafka_consumer *consumer;
    struct cup_kafka_client   *client;
    struct cup_reach          *reach;
    struct cup_kafka_place    *places;
    bool                      *judged;
    uint32_t                   count, left, kept;
};

static struct cup_reach_part *part_of(const struct court *court, uint32_t tag)
{
    const struct cup_kafka_place *place = &court->places[tag];

    return &court->reach->topics[cup_reach_find(court->reach, place->topic)]
                .parts[place->partition];
}

static void rule(struct court *court, uint32_t tag, bool kept)
{
    if (court->judged[tag]) return;
    court->judged[tag]        = true;
    part_of(court, tag)->kept = kept;
    court->kept += kept;
    court->left--;
    cup_kafka_consumer_stop(court->consumer, tag);
}

/* The first record is not there any more: the others are judged, if there are any. */
static enum cup_err look_behind(struct court *court, uint32_t tag, struct cup_fault *out_fault)
{
    const struct cup_kafka_place *place = &court->places[tag];
    int64_t                       low, high;

    enum cup_err err = cup_kafka_watermarks(court->client, place->topic, place->partition,
                                            TIMEOUT_MS, &low, &high, out_fault);
    if (err != CUP_OK) return err;
    const int64_t first = part_of(court, tag)->span.first;
    if (high <= first || low > place->offset) { /* a topic made anew; or deleted by retention */
        rule(court, tag, high > first);
        return CUP_OK;
    }
    return cup_kafka_consumer_move(court->consumer, tag, low > first ? low : first, out_fault);
}

static enum cup_err hear(struct court *court, struct cup_kafka_event *event,
                         struct cup_fault *out_fault)
{
    const uint32_t tag = event->tag;

    switch (event->kind) {
    case CUP_KAFKA_RECORD:
        rule(court, tag, event->offset <= court->places[tag].offset);
        cup_kafka_event_release(event);
        return CUP_OK;
    case CUP_KAFKA_AT_END:
        if (event->offset > court->places[tag].offset) rule(court, tag, false);
        return CUP_OK;
    case CUP_KAFKA_OUT_OF_RANGE: return look_behind(court, tag, out_fault);
    case CUP_KAFKA_REFUSED: return out_fault->err;
    case CUP_KAFKA_NOTHING:
    case CUP_KAFKA_SUSPECT: return CUP_OK;
    }
    return CUP_OK;
}

static enum cup_err hear_all(struct court *court, const atomic_bool *stop,
                             struct cup_fault *out_fault)
{
    uint64_t     since = cup_clock_mono_ns();
    enum cup_err err   = CUP_OK;

    for (uint32_t i = 0; err == CUP_OK && i < court->count; i++)
        err = cup_kafka_consumer_add(court->consumer, court->places[i].topic,
                                     court->places[i].partition, part_of(court, i)->span.first, i,
                                     out_fault);
    while (err == CUP_OK && court->left > 0) {
        struct cup_kafka_event event = {0};
        err = cup_kafka_consumer_next(court->consumer, STEP_MS, &event, out_fault);
        if (err == CUP_OK) err = hear(court, &event, out_fault);
        if (err == CUP_OK && court->left > 0 && is_over(stop, since, JUDGE_MS))
            err = cup_fault_set(out_fault, CUP_IO, "read what was sent to the output", NULL);
    }
    return err;
}

enum cup_err cup_settle_judge(struct cup_settle *settle, struct cup_reach *reach,
                              uint32_t *out_kept, uint32_t *out_missing,
                              struct cup_fault *out_fault)
{
    const struct cup_kafka_consumer_config config = {.settings         = settle->settings,
                                                     .setting_count    = settle->setting_count,
                                                     .queue_bytes      = QUEUE_BYTES,
                                                     .record_bytes_max = QUEUE_BYTES};
    struct court court = {.client = cup_kafka_producer_client(settle->producer), .reach = reach};

    court.places     = cup_reach_places(reach, &court.count);
    court.judged     = calloc(court.count + 1ul, sizeof *court.judged);
    court.left       = court.count;
    enum cup_err err = court.places == NULL || court.judged == NULL ? no_memory(out_fault) : CUP_OK;
    if (err == CUP_OK) err = cup_kafka_consumer_open(&config, &court.consumer, out_fault);
    if (err == CUP_OK) err = hear_all(&court, settle->stop, out_fault);
    cup_kafka_consumer_close(court.consumer);
    free(court.places);
    free(court.judged);
    *out_kept    = court.kept;
    *out_missing = court.count - court.kept;
    return err;
}
