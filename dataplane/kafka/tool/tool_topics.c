// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/kafka/tool/tool.h"
#include "kernels/pattern/pattern.h"

/* --- which --- */

/* A word that chooses: a name, or a pattern for whole names. */
struct choice {
    const char         *name;
    struct cup_pattern *pattern; /* NULL: a name */
    bool                used;
};

static enum cup_err open_choice(const char *word, struct choice *out, struct cup_fault *out_fault)
{
    size_t          bytes = strlen(word);
    struct cup_text text  = {0};

    *out = (struct choice){.name = word};
    if (bytes < 3 || word[0] != '/' || word[bytes - 1] != '/') return CUP_OK;
    cup_text_printf(&text, "^(?:%.*s)$", (int)bytes - 2, word + 1);
    enum cup_err err = text.failed
                           ? cup_fault_set(out_fault, CUP_NO_MEMORY, "read a pattern", word)
                           : cup_pattern_open(text.at, text.bytes, &out->pattern, out_fault);
    cup_text_free(&text);
    return err;
}

static bool is_chosen(struct choice *choices, uint32_t count, const char *name)
{
    bool chosen = count == 0;

    for (uint32_t i = 0; i < count; i++) {
        bool fits = choices[i].pattern == NULL
                        ? strcmp(choices[i].name, name) == 0
                        : cup_pattern_match(choices[i].pattern, (const uint8_t *)name,
                                            strlen(name)) == CUP_PATTERN_YES;
        choices[i].used |= fits;
        chosen |= fits;
    }
    return chosen;
}

static void tell_unused(const struct choice *choices, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!choices[i].used)
            fprintf(stderr, "cupel-kafka: %s: %s\n", choices[i].name,
                    choices[i].pattern != NULL
                        ? "no topic fits it"
                        : "there is no such topic, or the user (kafka.username) may not "
                          "see it: grant DESCRIBE");
}

enum cup_err cup_tool_list_all(struct cup_kafka_client *client, struct cup_kafka_topics *out_topics,
                               struct cup_fault *out_fault)
{
    struct cup_fault trouble;
    enum cup_err     err = cup_kafka_topics_list(client, CUP_TOOL_FIRST_MS, out_topics, out_fault);

    if (err == CUP_OK || cup_kafka_client_trouble(client, &trouble) != CUP_OK) return err;
    return cup_kafka_topics_list(client, CUP_TOOL_TIMEOUT_MS, out_topics, out_fault);
}

enum cup_err cup_tool_topics(const struct cup_tool *tool, struct cup_kafka_client *client,
                             struct cup_tool_topics *out_topics, struct cup_fault *out_fault)
{
    struct cup_tool_topics topics  = {0};
    struct choice         *choices = calloc(tool->topic_count + 1ul, sizeof *choices);
    enum cup_err           err     = CUP_OK;
    uint32_t               opened  = 0;

    if (choices == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "choose topics", NULL);
    for (; err == CUP_OK && opened < tool->topic_count; opened++)
        err = open_choice(tool->topics[opened], &choices[opened], out_fault);
    if (err == CUP_OK) err = cup_tool_list_all(client, &topics.all, out_fault);
    if (err != CUP_OK) goto out;
    topics.list = calloc(topics.all.count + 1ul, sizeof *topics.list);
    if (topics.list == NULL) {
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "choose topics", NULL);
        goto out;
    }
    for (uint32_t i = 0; i < topics.all.count; i++)
        if (is_chosen(choices, opened, topics.all.list[i].name)) topics.list[topics.count++] = i;
    tell_unused(choices, opened);
    *out_topics = topics;
    topics      = (struct cup_tool_topics){0};
out:
    for (uint32_t i = 0; i < opened; i++)
        cup_pattern_close(choices[i].pattern);
    free(choices);
    cup_tool_topics_free(&topics);
    return err;
}

void cup_tool_topics_free(struct cup_tool_topics *topics)
{
    cup_kafka_topics_free(&topics->all);
    free(topics->list);
    *topics = (struct cup_tool_topics){0};
}

/* --- what is in them --- */

/* A topic's offsets, over its partitions. */
struct extent {
    int64_t low, high; /* of its only partition */
    int64_t records;   /* at most: offsets of transactions and compacted records count */
};

static enum cup_err measure(struct cup_kafka_client *client, const struct cup_kafka_topic *topic,
                            struct extent *out_extent, struct cup_fault *out_fault)
{
    struct extent extent = {0};

    for (uint32_t i = 0; i < topic->partition_count; i++) {
        int64_t      low = 0, high = 0;
        enum cup_err err = cup_kafka_watermarks(client, topic->name, (int32_t)i,
                                                CUP_TOOL_TIMEOUT_MS, &low, &high, out_fault);
        if (err != CUP_OK) return err;
        extent.low  = i == 0 || low < extent.low ? low : extent.low;
        extent.high = high > extent.high ? high : extent.high;
        extent.records += high - low;
    }
    *out_extent = extent;
    return CUP_OK;
}

static void put_row(FILE *out, bool json, const struct cup_kafka_topic *topic,
                    const struct extent *extent)
{
    struct cup_text name = {0};

    if (!json) {
        fprintf(out, "%-48s %10" PRIu32 " %14" PRId64 " %14" PRId64 " %14" PRId64 "\n", topic->name,
                topic->partition_count, extent->low, extent->high, extent->records);
        return;
    }
    cup_text_json(&name, topic->name, strlen(topic->name));
    fprintf(out,
            "{\"topic\":%s,\"partitions\":%" PRIu32 ",\"low\":%" PRId64 ",\"high\":%" PRId64
            ",\"records\":%" PRId64 "}\n",
            name.failed ? "null" : name.at, topic->partition_count, extent->low, extent->high,
            extent->records);
    cup_text_free(&name);
}

enum cup_exit cup_tool_list(const struct cup_tool *tool, FILE *out)
{
    struct cup_kafka_client *client = NULL;
    struct cup_tool_topics   topics = {0};
    struct cup_fault         fault  = {0};
    struct extent            extent;

    enum cup_err err = cup_kafka_client_open(CUP_KAFKA_CONSUMER, tool->settings,
                                             tool->setting_count, NULL, 0, &client, &fault);
    if (err == CUP_OK) err = cup_tool_topics(tool, client, &topics, &fault);
    if (err == CUP_OK && !tool->json)
        fprintf(out, "%-48s %10s %14s %14s %14s\n", "topic", "partitions", "low", "high",
                "records <=");
    for (uint32_t i = 0; err == CUP_OK && i < topics.count; i++) {
        const struct cup_kafka_topic *topic = &topics.all.list[topics.list[i]];
        err                                 = measure(client, topic, &extent, &fault);
        if (err == CUP_OK) put_row(out, tool->json, topic, &extent);
    }
    cup_tool_topics_free(&topics);
    cup_kafka_client_close(client);
    return err == CUP_OK ? CUP_EXIT_OK : cup_tool_complain(&fault);
}
