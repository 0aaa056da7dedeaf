// SPDX-License-Identifier: Apache-2.0
#include "dataplane/deliver/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define TIMEOUT_MS 10000
#define ASK_NS     (300 * CUP_NS_PER_S) /* until partitions that were added are noticed */
#define SHOWN_MS   100                  /* until a new topic is listed by all brokers ... */
#define SHOWN_MAX  50u                  /* ... so many times */

void cup_targets_open(struct cup_targets *targets, const struct cup_plan *plan,
                      struct cup_kafka_client *client)
{
    *targets = (struct cup_targets){.plan = plan, .client = client};
}

void cup_targets_close(struct cup_targets *targets)
{
    if (targets->topics.list != NULL) cup_kafka_topics_free(&targets->topics);
    *targets = (struct cup_targets){0};
}

static const struct cup_kafka_topic *search(const struct cup_kafka_topics *topics, const char *name)
{
    uint32_t from = 0, to = topics->count;

    while (from < to) {
        uint32_t at  = from + (to - from) / 2;
        int      way = strcmp(topics->list[at].name, name);
        if (way == 0) return &topics->list[at];
        if (way < 0)
            from = at + 1;
        else
            to = at;
    }
    return NULL;
}

static enum cup_err ask(struct cup_targets *targets, struct cup_fault *out_fault)
{
    struct cup_kafka_topics topics = {0};
    enum cup_err err = cup_kafka_topics_list(targets->client, TIMEOUT_MS, &topics, out_fault);

    if (err != CUP_OK) return err;
    if (targets->topics.list != NULL) cup_kafka_topics_free(&targets->topics);
    targets->topics   = topics;
    targets->asked_ns = cup_clock_mono_ns();
    return CUP_OK;
}

static enum cup_err refuse(const char *what, const char *name, struct cup_fault *out_fault)
{
    errno = 0;
    return cup_fault_set(out_fault, CUP_BAD_DATA, what, name);
}

/* Creates the topic and waits until it is listed. */
static enum cup_err create(struct cup_targets *targets, const struct cup_kafka_new_topic *topic,
                           struct cup_fault *out_fault)
{
    const struct timespec pause = {.tv_nsec = SHOWN_MS * 1000000l};

    if (!targets->plan->output.create)
        return refuse("a topic of the output is not there: create it, or set output.create: true",
                      topic->name, out_fault);
    enum cup_err err = cup_kafka_topic_create(targets->client, topic, TIMEOUT_MS, out_fault);
    if (err == CUP_EXISTS) err = CUP_OK;
    if (err == CUP_OK) err = ask(targets, out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < SHOWN_MAX; i++) {
        if (search(&targets->topics, topic->name) != NULL) return CUP_OK;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL); /* cut short: asked earlier */
        err = ask(targets, out_fault);
    }
    if (err != CUP_OK) return err;
    errno = 0;
    return cup_fault_set(out_fault, CUP_IO, "a topic that was created is not listed", topic->name);
}

/* Finds a topic; looks again, and creates it, when it is not known. */
static enum cup_err find(struct cup_targets *targets, const struct cup_kafka_new_topic *topic,
                         uint32_t *out_partition_count, struct cup_fault *out_fault)
{
    const struct cup_kafka_topic *found = search(&targets->topics, topic->name);
    enum cup_err                  err   = CUP_OK;

    if (found == NULL || cup_clock_mono_ns() - targets->asked_ns > ASK_NS) {
        err = ask(targets, out_fault);
        if (err == CUP_OK) found = search(&targets->topics, topic->name);
    }
    if (err == CUP_OK && found == NULL) {
        err = create(targets, topic, out_fault);
        if (err == CUP_OK) found = search(&targets->topics, topic->name);
    }
    if (err != CUP_OK) return err;
    if (found->partition_count == 0)
        return refuse("a topic of the output may not be seen: allow DESCRIBE and WRITE on it",
                      topic->name, out_fault);
    *out_partition_count = found->partition_count;
    return CUP_OK;
}

enum cup_err cup_targets_find(struct cup_targets *targets, const char *name,
                              uint32_t *out_partition_count, struct cup_fault *out_fault)
{
    const struct cup_plan_output  *output = &targets->plan->output;
    const struct cup_plan_setting *planned =
        cup_plan_settings(targets->plan, output->topic_settings);
    uint32_t                  count    = output->topic_settings.count;
    struct cup_kafka_setting *settings = calloc(count + 1ul, sizeof *settings);

    if (settings == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "topic settings", name);
    for (uint32_t i = 0; i < count; i++)
        settings[i] =
            (struct cup_kafka_setting){.name  = cup_plan_text(targets->plan, planned[i].name),
                                       .value = cup_plan_text(targets->plan, planned[i].value)};
    const struct cup_kafka_new_topic topic = {.name            = name,
                                              .partition_count = output->partition_count,
                                              .replication     = output->replication,
                                              .settings        = settings,
                                              .setting_count   = count};
    enum cup_err                     err   = find(targets, &topic, out_partition_count, out_fault);
    free(settings);
    return err;
}

enum cup_err cup_targets_control(struct cup_targets *targets, struct cup_fault *out_fault)
{
    static const struct cup_kafka_setting settings[] = {{"cleanup.policy", "compact", false},
                                                        {"segment.ms", "3600000", false}};
    const struct cup_plan_output         *output     = &targets->plan->output;
    const struct cup_kafka_new_topic      topic      = {
                  .name            = cup_plan_text(targets->plan, output->control_topic),
                  .partition_count = targets->plan->shard_count,
                  .replication     = output->replication,
                  .settings        = settings,
                  .setting_count   = sizeof settings / sizeof *settings};
    uint32_t     count = 0;
    enum cup_err err   = find(targets, &topic, &count, out_fault);

    if (err != CUP_OK || targets->plan->shard < count) return err;
    return refuse("the control topic of the output has fewer partitions than there are shards: add "
                  "some, or set output.control_topic to another",
                  topic.name, out_fault);
}
