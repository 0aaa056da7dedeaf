// SPDX-License-Identifier: Apache-2.0
/* Each partition is read from where its share of the records begins to where it ended when the
 * sample began. One consumer reads them all; one that has shown enough is stopped. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/kafka/tool/tool.h"
#include "dataplane/kafka/tool/tool_line.h"

#define QUEUE_BYTES  (16ull << 20)
#define RECORD_BYTES (16u << 20) /* as large as a pipeline may read them */
#define POLL_MS      200
#define NS_PER_MS    1000000ull

/* A partition that has records. */
struct part {
    uint32_t topic; /* in the topics of the sample */
    int32_t  number;
    int64_t  end;
    uint64_t left; /* records that it may still give */
    bool     done;
};

/* What a topic has given. */
struct given {
    uint64_t bytes, records;
};

struct sampling {
    const struct cup_tool_sample *options;
    struct cup_tool_topics        topics;
    struct cup_kafka_consumer    *consumer;
    struct part                  *parts;
    uint32_t                      part_count, part_cap, open_count; /* open: not done */
    struct given                 *given;                            /* by chosen topic */
    struct cup_text               line;
    uint64_t                      until_ns;
    FILE                         *out, *file;
    uint32_t                      file_topic; /* whose file is open */
};

static const struct cup_kafka_topic *topic_of(const struct sampling *sampling, uint32_t topic)
{
    return &sampling->topics.all.list[sampling->topics.list[topic]];
}

/* --- what to read --- */

static enum cup_err add_part(struct sampling *sampling, uint32_t topic, int32_t number,
                             uint64_t share, struct cup_fault *out_fault)
{
    struct cup_kafka_client *client = cup_kafka_consumer_client(sampling->consumer);
    const char              *name   = topic_of(sampling, topic)->name;
    int64_t                  low = 0, high = 0;

    enum cup_err err =
        cup_kafka_watermarks(client, name, number, CUP_TOOL_TIMEOUT_MS, &low, &high, out_fault);
    if (err != CUP_OK || high <= low) return err;
    int64_t start = low;
    if (!sampling->options->oldest && (uint64_t)(high - low) > share) start = high - (int64_t)share;
    if (sampling->part_count == sampling->part_cap) {
        uint32_t     cap   = sampling->part_cap * 2 + 64;
        struct part *parts = realloc(sampling->parts, cap * sizeof *parts);
        if (parts == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "list partitions", name);
        sampling->parts    = parts;
        sampling->part_cap = cap;
    }
    sampling->parts[sampling->part_count] =
        (struct part){.topic = topic, .number = number, .end = high, .left = share};
    err = cup_kafka_consumer_add(sampling->consumer, name, number, start, sampling->part_count,
                                 out_fault);
    sampling->part_count += err == CUP_OK;
    sampling->open_count += err == CUP_OK;
    return err;
}

static enum cup_err add_topics(struct sampling *sampling, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    for (uint32_t i = 0; err == CUP_OK && i < sampling->topics.count; i++) {
        uint32_t count = topic_of(sampling, i)->partition_count;
        uint64_t most  = sampling->options->record_max;
        uint64_t share = count == 0 ? 0 : (most + count - 1) / count;
        for (uint32_t p = 0; err == CUP_OK && p < count; p++)
            err = add_part(sampling, i, (int32_t)p, share, out_fault);
    }
    return err;
}

/* --- where it goes --- */

static enum cup_err close_file(struct sampling *sampling, struct cup_fault *out_fault)
{
    FILE *file = sampling->file;

    sampling->file = NULL;
    if (file != NULL && fclose(file) != 0)
        return cup_fault_set(out_fault, CUP_IO, "write", sampling->options->folder);
    return CUP_OK;
}

/* Names of topics are names of files; the first record of one makes its file. */
static enum cup_err turn_to(struct sampling *sampling, uint32_t topic, struct cup_fault *out_fault)
{
    char        path[PATH_MAX];
    const char *name   = topic_of(sampling, topic)->name;
    const char *folder = sampling->options->folder;

    if (folder == NULL || (sampling->file != NULL && sampling->file_topic == topic)) return CUP_OK;
    enum cup_err err = close_file(sampling, out_fault);
    if (err != CUP_OK) return err;
    if (snprintf(path, sizeof path, "%s/%s.dump", folder, name) >= (int)sizeof path)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "a path is too long", folder);
    sampling->file = fopen(path, sampling->given[topic].records == 0 ? "wxe" : "ae");
    if (sampling->file == NULL) return cup_fault_set(out_fault, CUP_IO, "write a sample", path);
    sampling->file_topic = topic;
    return CUP_OK;
}

static void finish(struct sampling *sampling, uint32_t tag)
{
    struct part *part = &sampling->parts[tag];

    if (part->done) return;
    part->done = true;
    sampling->open_count--;
    cup_kafka_consumer_stop(sampling->consumer, tag);
}

static enum cup_err take(struct sampling *sampling, const struct cup_kafka_event *event,
                         struct cup_fault *out_fault)
{
    struct part  *part  = &sampling->parts[event->tag];
    struct given *given = &sampling->given[part->topic];

    if (event->offset >= part->end) finish(sampling, event->tag);
    if (part->done) return CUP_OK;
    cup_text_clear(&sampling->line);
    cup_tool_line_put(&sampling->line, topic_of(sampling, part->topic)->name, part->number, event);
    if (sampling->line.failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "write a line", NULL);
    enum cup_err err = turn_to(sampling, part->topic, out_fault);
    if (err != CUP_OK) return err;
    FILE *to = sampling->file != NULL ? sampling->file : sampling->out;
    if (fwrite(sampling->line.at, 1, sampling->line.bytes, to) != sampling->line.bytes)
        return cup_fault_set(out_fault, CUP_IO, "write a sample", sampling->options->folder);
    given->bytes += sampling->line.bytes;
    given->records++;
    part->left--;
    bool last = event->offset + 1 >= part->end;
    bool more = part->left > 0 && given->bytes < sampling->options->bytes_max;
    if (!more || last) finish(sampling, event->tag);
    return CUP_OK;
}

/* --- reading --- */

/* What befalls one partition ends it; it is told. */
static enum cup_err handle(struct sampling *sampling, struct cup_kafka_event *event,
                           struct cup_fault *fault)
{
    enum cup_err err = CUP_OK;

    switch (event->kind) {
    case CUP_KAFKA_RECORD: err = take(sampling, event, fault); break;
    case CUP_KAFKA_AT_END:
        if (event->offset >= sampling->parts[event->tag].end) finish(sampling, event->tag);
        break;
    case CUP_KAFKA_REFUSED:
        (void)cup_tool_complain(fault); /* the others are read */
        finish(sampling, event->tag);
        break;
    case CUP_KAFKA_OUT_OF_RANGE: finish(sampling, event->tag); break;
    default: break;
    }
    if (event->kind == CUP_KAFKA_RECORD) cup_kafka_event_release(event);
    return err;
}

static enum cup_err read_all(struct sampling *sampling, struct cup_fault *out_fault)
{
    struct cup_kafka_client *client = cup_kafka_consumer_client(sampling->consumer);
    enum cup_err             err    = CUP_OK;

    while (err == CUP_OK && sampling->open_count > 0) {
        struct cup_kafka_event event = {0};
        uint64_t               now   = cup_clock_mono_ns();
        if (now >= sampling->until_ns) {
            err = cup_kafka_client_trouble(client, out_fault);
            if (err == CUP_OK)
                fprintf(stderr, "cupel-kafka: the time is over; %" PRIu32 " partitions are left\n",
                        sampling->open_count);
            break;
        }
        uint64_t ms = (sampling->until_ns - now) / NS_PER_MS + 1;
        err = cup_kafka_consumer_next(sampling->consumer, ms < POLL_MS ? (int)ms : POLL_MS, &event,
                                      out_fault);
        if (err == CUP_OK) err = handle(sampling, &event, out_fault);
    }
    return err;
}

enum cup_exit cup_tool_sample(const struct cup_tool *tool, const struct cup_tool_sample *sample,
                              FILE *out)
{
    struct sampling sampling = {
        .options = sample, .out = out, .until_ns = cup_clock_mono_ns() + sample->ns_max};
    struct cup_fault                       fault  = {0};
    const struct cup_kafka_consumer_config config = {.settings         = tool->settings,
                                                     .setting_count    = tool->setting_count,
                                                     .queue_bytes      = QUEUE_BYTES,
                                                     .record_bytes_max = RECORD_BYTES};

    enum cup_err err = cup_kafka_consumer_open(&config, &sampling.consumer, &fault);
    if (err == CUP_OK)
        err = cup_tool_topics(tool, cup_kafka_consumer_client(sampling.consumer), &sampling.topics,
                              &fault);
    if (err == CUP_OK) {
        sampling.given = calloc(sampling.topics.count + 1ul, sizeof *sampling.given);
        if (sampling.given == NULL) err = cup_fault_set(&fault, CUP_NO_MEMORY, "sample", NULL);
    }
    if (err == CUP_OK) err = add_topics(&sampling, &fault);
    if (err == CUP_OK) err = read_all(&sampling, &fault);
    enum cup_err closed = close_file(&sampling, err == CUP_OK ? &fault : NULL);
    if (err == CUP_OK) err = closed;
    cup_kafka_consumer_close(sampling.consumer);
    cup_tool_topics_free(&sampling.topics);
    cup_text_free(&sampling.line);
    free(sampling.parts);
    free(sampling.given);
    return err == CUP_OK ? CUP_EXIT_OK : cup_tool_complain(&fault);
}
