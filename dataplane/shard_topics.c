// SPDX-License-Identifier: Apache-2.0
/* The partitions that this shard consumes. At boot all there are; those of a plan that never ends
 * are more and more. */
#include <inttypes.h>
#include <string.h>

#include "dataplane/shard_priv.h"

#define BOOT_TIMEOUT_MS 10000
#define TROUBLE_NS      (CUP_NS_PER_S / 4)
#define LAG_NS          CUP_NS_PER_S
#define PARTITION_BYTES 280u /* topic/partition */

static enum cup_err no_memory(struct cup_fault *out_fault)
{
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of partitions", NULL);
}

static enum cup_err note(struct cup_shard *shard, const char *text, struct cup_fault *out_fault)
{
    return cup_wire_send(shard->socket, CUP_WIRE_NOTE, text, strlen(text), -1, out_fault);
}

enum cup_err cup_shard_priv_note(struct cup_shard *shard, struct cup_text *lines,
                                 struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;
    char        *at  = lines->at, *lf;

    for (; err == CUP_OK && at != NULL && (lf = strchr(at, '\n')) != NULL; at = lf + 1) {
        *lf = '\0';
        err = note(shard, at, out_fault);
    }
    cup_text_free(lines);
    return err;
}

/* --- where a partition begins --- */

static enum cup_err no_such_offset(const struct cup_shard_found *found, int64_t offset,
                                   struct cup_fault *out_fault)
{
    char where[PARTITION_BYTES + 160];

    snprintf(where, sizeof where,
             "%s/%" PRId32 ": input.start asks for offset %" PRId64 ", and there are %" PRId64
             " to %" PRId64,
             found->topic, found->partition, offset, found->low, found->high);
    return cup_fault_set(out_fault, CUP_BAD_CONFIG, "begin a partition where its records are",
                         where);
}

/* Partitions that are not named begin with their first record. */
static enum cup_err start_of_offsets(const struct cup_plan        *plan,
                                     const struct cup_shard_found *found, int64_t *out_start,
                                     struct cup_fault *out_fault)
{
    const struct cup_plan_offset *offsets = cup_plan_offsets(plan, found->wanted);

    *out_start = found->low;
    for (uint32_t i = 0; i < found->wanted->offsets.count; i++) {
        if (offsets[i].partition != found->partition) continue;
        if (offsets[i].offset < found->low || offsets[i].offset > found->high)
            return no_such_offset(found, offsets[i].offset, out_fault);
        *out_start = offsets[i].offset;
    }
    return CUP_OK;
}

/* The plan's start counts for the first run only: what comes later is wanted from its beginning. */
static enum cup_err find_start(struct cup_shard *shard, const struct cup_shard_found *found,
                               bool first, int64_t *out_start, struct cup_fault *out_fault)
{
    struct cup_shard_listing *listing = shard->topics.listing;
    struct cup_kafka_place    place   = {.offset = found->wanted->start_ms};
    enum cup_err              err     = CUP_OK;

    place.topic     = found->topic;
    place.partition = found->partition;

    switch (first ? (enum cup_start)found->wanted->start : CUP_START_EARLIEST) {
    case CUP_START_LATEST: *out_start = found->high; break;
    case CUP_START_TIMESTAMP:
        err        = cup_kafka_offsets_for_times(cup_shard_priv_listing_client(listing), &place, 1,
                                                 BOOT_TIMEOUT_MS, out_fault);
        *out_start = place.offset < found->high ? place.offset : found->high;
        break;
    case CUP_START_OFFSETS: return start_of_offsets(shard->first.plan, found, out_start, out_fault);
    case CUP_START_EARLIEST:
    case CUP_START_COUNT: *out_start = found->low; break;
    }
    return err;
}

/* --- one partition --- */

static enum cup_err tell(struct cup_shard *shard, uint32_t input, struct cup_fault *out_fault)
{
    const struct cup_shard_partition *partition = &shard->topics.list[input];
    const struct cup_commit_reading   reading   = cup_commit_reading(shard->commit, input);
    const int64_t                     start     = (int64_t)reading.start;
    const struct cup_worker_news      news      = {.kind      = CUP_NEWS_CONSUME,
                                                   .partition = {.input     = input,
                                                                 .partition = partition->partition,
                                                                 .start     = start,
                                                                 .end       = partition->end,
                                                                 .anchor    = reading.anchor,
                                                                 .topic     = partition->topic,
                                                                 .name      = reading.name}};

    CUP_ASSERT(partition->worker < shard->worker_count);
    return cup_worker_tell(shard->workers[partition->worker], &news, out_fault);
}

/* A run that ends reads to where the partition ends now. */
static enum cup_err check_end(const struct cup_shard_found    *found,
                              const struct cup_commit_reading *reading, struct cup_fault *out_fault)
{
    char where[PARTITION_BYTES + 160];

    if (reading->start <= (uint64_t)found->high) return CUP_OK;
    snprintf(where, sizeof where,
             "%s: %" PRIu64 " is the next offset to read, and it ends at %" PRId64, reading->name,
             reading->start, found->high);
    return cup_fault_set(out_fault, CUP_INPUT_CHANGED,
                         "the partition is shorter than what was read of it: its topic was made "
                         "anew, or lost records",
                         where);
}

/* Makes what was found an input. */
static enum cup_err take_on(struct cup_shard *shard, const struct cup_shard_found *found,
                            bool first, struct cup_fault *out_fault)
{
    struct cup_shard_topics          *topics = &shard->topics;
    const bool                        ends   = shard->first.plan->until_end != 0;
    const uint64_t                    hash   = cup_shard_priv_listing_cluster(topics->listing);
    const struct cup_commit_partition is     = {
            .topic = found->topic, .partition = found->partition, .cluster_hash = hash};
    struct cup_commit_reading reading;
    int64_t                   start = 0;

    if (!cup_shard_priv_grow((void **)&topics->list, topics->count, &topics->cap,
                             sizeof *topics->list))
        return no_memory(out_fault);
    enum cup_err err = cup_commit_consume(shard->commit, topics->count, &is, &reading, out_fault);
    if (err == CUP_OK && !reading.known) {
        err = find_start(shard, found, first, &start, out_fault);
        if (err == CUP_OK) cup_commit_begin(shard->commit, topics->count, (uint64_t)start);
    } else if (err == CUP_OK && ends) {
        err = check_end(found, &reading, out_fault);
    }
    if (err != CUP_OK) return err;
    if (reading.known && topics->begun == topics->count) topics->begun++;
    topics->list[topics->count++] =
        (struct cup_shard_partition){.topic     = found->topic,
                                     .partition = found->partition,
                                     .worker    = found->worker,
                                     .end       = ends ? found->high : INT64_MAX};
    return CUP_OK;
}

/* Takes on all that a listing has found. */
static enum cup_err take_found(struct cup_shard *shard, bool first, struct cup_fault *out_fault)
{
    struct cup_shard_found *found;
    struct cup_text         notes;
    uint32_t     count = cup_shard_priv_listing_take(shard->topics.listing, &found, &notes);
    enum cup_err err   = CUP_OK;

    for (uint32_t i = 0; err == CUP_OK && i < count; i++) {
        err = take_on(shard, &found[i], first, out_fault);
        if (err == CUP_OK && shard->worker_count > 0)
            err = tell(shard, shard->topics.count - 1, out_fault);
    }
    free(found);
    if (err == CUP_OK) return cup_shard_priv_note(shard, &notes, out_fault);
    cup_text_free(&notes);
    return err;
}

/* --- all of them --- */

/* A name that no topic has: a run that ends would end with nothing, another one waits. */
static enum cup_err look_for_names(struct cup_shard *shard, struct cup_fault *out_fault)
{
    const struct cup_plan       *plan = shard->first.plan;
    const struct cup_plan_topic *list = cup_plan_topics(plan);
    char                         text[PARTITION_BYTES + 80];
    enum cup_err                 err = CUP_OK;

    for (uint32_t i = 0; err == CUP_OK && i < plan->topics.count; i++) {
        const char *name = cup_plan_text(plan, list[i].name);
        if (list[i].is_pattern || cup_shard_priv_listing_has(shard->topics.listing, name)) continue;
        if (plan->until_end)
            return cup_fault_set(out_fault, CUP_NOT_FOUND,
                                 "there is no such topic, or the user may not see it: correct "
                                 "input.topics, create it, or give the user DESCRIBE on it",
                                 name);
        snprintf(text, sizeof text,
                 "topic %s is not there, or the user may not see it: looking for it", name);
        err = note(shard, text, out_fault);
    }
    return err;
}

enum cup_err cup_shard_priv_topics_open(struct cup_shard *shard, struct cup_fault *out_fault)
{
    struct cup_shard_topics *topics = &shard->topics;
    const struct cup_plan   *plan   = shard->first.plan;

    if (!cup_plan_consumes(plan)) return CUP_OK;
    const bool   first = !cup_commit_consumed(shard->commit);
    enum cup_err err =
        cup_shard_priv_listing_open(plan, shard->wake_fd, &topics->listing, out_fault);
    if (err == CUP_OK) err = cup_shard_priv_listing_look(topics->listing, out_fault);
    if (err == CUP_OK) err = look_for_names(shard, out_fault);
    if (err == CUP_OK) err = take_found(shard, first, out_fault);
    return err == CUP_OK ? cup_shard_priv_listing_start(topics->listing, out_fault) : err;
}

void cup_shard_priv_topics_close(struct cup_shard *shard)
{
    cup_shard_priv_listing_close(shard->topics.listing);
    free(shard->topics.list);
    free(shard->topics.lags);
    shard->topics = (struct cup_shard_topics){0};
}

enum cup_err cup_shard_priv_topics_consume(struct cup_shard *shard, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    for (uint32_t i = 0; err == CUP_OK && i < shard->topics.count; i++)
        err = tell(shard, i, out_fault);
    return err;
}

/* Reading waits by itself, and goes on by itself: this is for who looks on. */
static enum cup_err look_for_trouble(struct cup_shard *shard, uint64_t now,
                                     struct cup_fault *out_fault)
{
    struct cup_kafka_client *client = cup_shard_priv_listing_client(shard->topics.listing);
    struct cup_fault         why;

    shard->topics.trouble_due_ns = now + TROUBLE_NS;
    bool away                    = cup_kafka_client_trouble(client, &why) != CUP_OK;
    return cup_shard_priv_tell_cut_off(shard, away ? &why : NULL, out_fault);
}

enum cup_err cup_shard_priv_topics_turn(struct cup_shard *shard, bool quiet,
                                        struct cup_fault *out_fault)
{
    struct cup_shard_topics *topics = &shard->topics;
    uint64_t                 now    = cup_clock_mono_ns();
    enum cup_err             err    = CUP_OK;

    if (topics->listing == NULL) return CUP_OK;
    if (!shard->first.plan->until_end && !shard->stopping)
        err = take_found(shard, false, out_fault);
    if (err == CUP_OK && now >= topics->trouble_due_ns)
        err = look_for_trouble(shard, now, out_fault);
    if (err != CUP_OK || now < topics->lag_due_ns) return err;
    topics->lag_due_ns = now + LAG_NS;
    return cup_shard_priv_lag(shard, quiet, out_fault);
}
