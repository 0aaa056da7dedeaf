// SPDX-License-Identifier: Apache-2.0
/* How far the partitions are read: to control for progress, to the cluster for lag tools. */
#include <string.h>

#include "dataplane/shard_priv.h"

static enum cup_err no_memory(struct cup_fault *out_fault)
{
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "lags", NULL);
}

/* What the workers told last, by input. A partition of which nothing was told has the offset that
 * is decided. */
static bool collect(struct cup_shard *shard)
{
    struct cup_shard_topics *topics = &shard->topics;

    if (topics->lag_cap < topics->count) {
        struct cup_source_lag *grown = realloc(topics->lags, topics->cap * sizeof *grown);
        if (grown == NULL) return false;
        topics->lags    = grown;
        topics->lag_cap = topics->cap;
    }
    for (uint32_t i = 0; i < topics->count; i++)
        topics->lags[i] =
            (struct cup_source_lag){.input = i, .position = -1, .high = -1, .last_ms = INT64_MIN};
    for (uint32_t w = 0; w < shard->worker_count; w++) {
        struct cup_worker_link *link = cup_worker_link(shard->workers[w]);
        pthread_mutex_lock(&link->lock);
        for (uint32_t i = 0; i < link->lag_count; i++)
            if (link->lags[i].input < topics->count)
                topics->lags[link->lags[i].input] = link->lags[i];
        pthread_mutex_unlock(&link->lock);
    }
    return true;
}

/* For how long there has been something behind an offset. last_ms: time of the record before it;
 * *at_end_ms: when nothing was behind it last. */
static int64_t age(bool at_end, int64_t high, int64_t last_ms, int64_t now_ms, int64_t *at_end_ms)
{
    if (high < 0) return -1;
    if (at_end) *at_end_ms = now_ms;
    if (at_end) return 0;
    int64_t since = last_ms > *at_end_ms ? last_ms : *at_end_ms;
    if (since <= 0) return -1;
    return since < now_ms ? now_ms - since : 0;
}

/* Of what a worker was not told to read to its end nobody asks again; it is where it was. */
static int64_t end_of(const struct cup_shard_partition *partition,
                      const struct cup_source_lag      *told)
{
    if (told->high >= 0) return told->high;
    return partition->end < INT64_MAX ? partition->end : -1;
}

/* quiet: no record is in an open epoch, so that what is consumed is as good as committed. */
static struct cup_wire_lag measure(struct cup_shard *shard, uint32_t input, bool quiet,
                                   int64_t now_ms)
{
    struct cup_shard_partition     *partition = &shard->topics.list[input];
    const struct cup_source_lag    *told      = &shard->topics.lags[input];
    const struct cup_commit_reading reading   = cup_commit_reading(shard->commit, input);
    const struct cup_input_identity anchor    = reading.anchor;
    int64_t                         decided   = (int64_t)reading.start;
    int64_t                         consumed  = told->position > decided ? told->position : decided;
    int64_t last_ms = anchor.inode == CUP_ANCHOR_NONE ? INT64_MIN : anchor.born_us / CUP_US_PER_MS;
    int64_t high    = end_of(partition, told);
    bool    read    = consumed >= high;

    struct cup_wire_lag lag = {
        .consumed     = consumed,
        .committed    = decided,
        .visible      = decided,
        .high         = high,
        .partition    = partition->partition,
        .topic_bytes  = (uint32_t)strlen(partition->topic),
        .consumed_ms  = age(read, high, told->last_ms, now_ms, &partition->consumed_at_ms),
        .committed_ms = age(read && (quiet || decided >= high), high, last_ms, now_ms,
                            &partition->decided_at_ms)};
    lag.visible_ms = lag.committed_ms; /* an epoch is in all tables when its commit returns */
    return lag;
}

/* Nothing depends on it, so that it may fail for want of memory. */
static void advise(struct cup_shard *shard)
{
    struct cup_shard_topics *topics = &shard->topics;
    uint64_t                 epoch  = cup_commit_next_epoch(shard->commit);

    if (shard->first.plan->group.bytes == 0 || topics->advised_epoch == epoch || topics->count == 0)
        return;
    struct cup_kafka_place *places = calloc(topics->count, sizeof *places);
    if (places == NULL) return;
    for (uint32_t i = 0; i < topics->count; i++)
        places[i] =
            (struct cup_kafka_place){.topic     = topics->list[i].topic,
                                     .partition = topics->list[i].partition,
                                     .offset = (int64_t)cup_commit_reading(shard->commit, i).start};
    cup_shard_priv_listing_advise(topics->listing, places, topics->count);
    topics->advised_epoch = epoch;
}

enum cup_err cup_shard_priv_lag(struct cup_shard *shard, bool quiet, struct cup_fault *out_fault)
{
    int64_t now_ms = cup_clock_wall_us() / CUP_US_PER_MS;

    if (!cup_plan_consumes(shard->first.plan)) return CUP_OK;
    if (!collect(shard)) return no_memory(out_fault);
    cup_text_clear(&shard->message);
    for (uint32_t i = 0; i < shard->topics.count; i++) {
        const struct cup_wire_lag lag = measure(shard, i, quiet, now_ms);
        cup_text_put(&shard->message, &lag, sizeof lag);
        cup_text_put(&shard->message, shard->topics.list[i].topic, lag.topic_bytes);
    }
    advise(shard);
    if (shard->message.failed) return no_memory(out_fault);
    return cup_wire_send(shard->socket, CUP_WIRE_LAG, shard->message.at, shard->message.bytes, -1,
                         out_fault);
}
