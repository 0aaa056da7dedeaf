// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/kafka/tool/tool.h"
#include "dataplane/kafka/tool/tool_line.h"

#define NAME_BYTES 250u /* Kafka's own limit, and a NUL */

/* A topic to write to, known to be there. */
struct target {
    char     name[NAME_BYTES];
    uint32_t partition_count;
    uint64_t record_count;
};

struct producing {
    const struct cup_tool_produce *options;
    struct cup_kafka_producer     *producer;
    struct cup_kafka_topics        topics; /* as they were when it began */
    struct target                 *targets;
    uint32_t                       target_count, last;
    uint64_t                       line_count, record_count;
};

/* {topic} stands for the topic that a record came from. */
static enum cup_err name_target(const struct producing *producing, const char *topic,
                                char out_name[NAME_BYTES], struct cup_fault *out_fault)
{
    static const char word[] = "{topic}";
    const char       *to = producing->options->to, *found = strstr(to, word);
    int               used;

    if (found == NULL)
        used = snprintf(out_name, NAME_BYTES, "%s", to);
    else
        used = snprintf(out_name, NAME_BYTES, "%.*s%s%s", (int)(found - to), to, topic,
                        found + sizeof word - 1);
    if (used >= (int)NAME_BYTES)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "a topic's name has at most 249 bytes",
                             out_name);
    size_t legal = strspn(out_name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789._-");
    if (out_name[legal] == '\0' && used > 0) return CUP_OK;
    return cup_fault_set(out_fault, CUP_BAD_CONFIG,
                         "no topic may have this name (letters, digits, . _ -): name the topic to "
                         "write to without {topic}",
                         out_name);
}

static uint32_t partitions_of(const struct cup_kafka_topics *topics, const char *name)
{
    for (uint32_t i = 0; i < topics->count; i++)
        if (strcmp(topics->list[i].name, name) == 0) return topics->list[i].partition_count;
    return 0;
}

static enum cup_err create(struct producing *producing, const char *name,
                           struct cup_fault *out_fault)
{
    const struct cup_kafka_new_topic topic = {
        .name = name, .partition_count = producing->options->partition_count};

    if (producing->options->partition_count == 0)
        return cup_fault_set(out_fault, CUP_NOT_FOUND,
                             "the topic is not there, or the user (kafka.username) may not see it: "
                             "create it, say --create PARTITIONS, or grant WRITE and DESCRIBE",
                             name);
    enum cup_err err = cup_kafka_topic_create(cup_kafka_producer_client(producing->producer),
                                              &topic, CUP_TOOL_TIMEOUT_MS, out_fault);
    if (err == CUP_OK)
        fprintf(stderr, "cupel-kafka: created topic %s, %" PRIu32 " partitions\n", name,
                topic.partition_count);
    return err == CUP_EXISTS ? CUP_OK : err;
}

/* The target of a record's topic; records of one topic come in a row. */
static enum cup_err find_target(struct producing *producing, const char *topic,
                                struct target **out_target, struct cup_fault *out_fault)
{
    char         name[NAME_BYTES];
    enum cup_err err = name_target(producing, topic, name, out_fault);

    if (err != CUP_OK) return err;
    for (uint32_t i = 0; i < producing->target_count; i++) {
        uint32_t at = (producing->last + i) % producing->target_count;
        if (strcmp(producing->targets[at].name, name) != 0) continue;
        producing->last = at;
        *out_target     = &producing->targets[at];
        return CUP_OK;
    }
    uint32_t count = partitions_of(&producing->topics, name);
    if (count == 0) err = create(producing, name, out_fault);
    if (count == 0) count = producing->options->partition_count;
    if (err != CUP_OK) return err;
    struct target *targets =
        realloc(producing->targets, (producing->target_count + 1ul) * sizeof *targets);
    if (targets == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "note a topic", name);
    producing->targets = targets;
    producing->last    = producing->target_count++;
    *out_target        = &targets[producing->last];
    **out_target       = (struct target){.partition_count = count};
    memcpy((*out_target)->name, name, sizeof name);
    return CUP_OK;
}

/* With a key: where the key belongs, so that its records stay in order. Without: records of one
 * partition stay in one. */
static enum cup_err put(struct producing *producing, const struct cup_kafka_record *from,
                        struct cup_fault *out_fault)
{
    struct cup_kafka_record record = *from;
    struct target          *target = NULL;
    enum cup_err            err    = find_target(producing, from->topic, &target, out_fault);

    if (err != CUP_OK) return err;
    record.topic     = target->name;
    record.partition = -1;
    if (from->key == NULL && from->partition >= 0)
        record.partition = (int32_t)((uint32_t)from->partition % target->partition_count);
    err = cup_kafka_producer_put(producing->producer, &record, out_fault);
    target->record_count += err == CUP_OK;
    producing->record_count += err == CUP_OK;
    return err;
}

static enum cup_err put_lines(struct producing *producing, FILE *in, struct cup_fault *out_fault)
{
    struct cup_tool_line line = {0};
    char                *text = NULL;
    size_t               cap  = 0;
    ssize_t              bytes;
    enum cup_err         err = CUP_OK;

    while (err == CUP_OK && (bytes = getline(&text, &cap, in)) > 0) {
        bytes -= text[bytes - 1] == '\n';
        producing->line_count++;
        if (bytes == 0) continue;
        err = cup_tool_line_read(&line, text, (size_t)bytes, out_fault);
        if (err == CUP_BAD_DATA) out_fault->at_offset = producing->line_count;
        if (err == CUP_OK) err = put(producing, &line.record, out_fault);
    }
    if (err == CUP_OK && ferror(in))
        err = cup_fault_set(out_fault, CUP_IO, "read standard input", NULL);
    if (err == CUP_OK) err = cup_kafka_producer_flush(producing->producer, out_fault);
    cup_tool_line_close(&line);
    free(text);
    return err;
}

enum cup_exit cup_tool_produce(const struct cup_tool *tool, const struct cup_tool_produce *produce,
                               FILE *in, FILE *out)
{
    struct producing producing = {.options = produce};
    struct cup_fault fault     = {0};

    enum cup_err err = cup_kafka_producer_open(tool->settings, tool->setting_count, NULL,
                                               &producing.producer, &fault);
    if (err == CUP_OK)
        err = cup_tool_list_all(cup_kafka_producer_client(producing.producer), &producing.topics,
                                &fault);
    if (err == CUP_OK) err = put_lines(&producing, in, &fault);
    for (uint32_t i = 0; err == CUP_OK && i < producing.target_count; i++)
        fprintf(out, "%s %" PRIu64 "\n", producing.targets[i].name,
                producing.targets[i].record_count);
    if (err != CUP_OK) {
        if (fault.at_offset > 0)
            fprintf(stderr, "cupel-kafka: line %" PRIu64 " of standard input:\n", fault.at_offset);
        (void)cup_tool_complain(&fault); /* the exit code follows */
        fprintf(stderr,
                "cupel-kafka: %" PRIu64 " records were handed to the cluster before that; some of "
                "them may be there\n",
                producing.record_count);
    }
    cup_kafka_topics_free(&producing.topics);
    cup_kafka_producer_close(producing.producer);
    free(producing.targets);
    return err == CUP_OK ? CUP_EXIT_OK : CUP_EXIT_PROBLEMS;
}
