// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gen/topics.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/kafka/cluster.h"
#include "dataplane/kafka/producer.h"

#define NAME_BYTES   250u  /* Kafka's limit for a topic, and NUL */
#define TIMEOUT_MS   10000 /* a cluster that is away should not look like a slow one */
#define HEADER_COUNT (CUP_EVENT_CONTEXT_COUNT + 1)

struct cup_gen_topics {
    struct cup_event_writer   *writer;
    struct cup_kafka_producer *producer;
    char                       names[CUP_BANK_COUNT][NAME_BYTES];
    struct cup_kafka_header    headers[HEADER_COUNT]; /* the first is that of a key update */
    uint8_t                   *value;
    uint64_t                   bytes;
};

static enum cup_err create(struct cup_gen_topics              *topics,
                           const struct cup_gen_topics_config *config, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    for (uint32_t t = 0; err == CUP_OK && t < CUP_BANK_COUNT; t++) {
        int length = snprintf(topics->names[t], NAME_BYTES, "%s.bank.%s", config->prefix,
                              cup_bank_name((enum cup_bank_table)t));
        if (length >= (int)NAME_BYTES)
            return cup_fault_set(out_fault, CUP_BAD_CONFIG, "--topic-prefix is too long", NULL);
        const struct cup_kafka_new_topic topic = {.name            = topics->names[t],
                                                  .partition_count = config->partition_count};
        err = cup_kafka_topic_create(cup_kafka_producer_client(topics->producer), &topic,
                                     TIMEOUT_MS, out_fault);
        if (err != CUP_EXISTS) continue;
        err        = CUP_OK;
        *out_fault = (struct cup_fault){0};
    }
    return err;
}

enum cup_err cup_gen_topics_open(const struct cup_gen_topics_config *config,
                                 struct cup_gen_topics **out_topics, struct cup_fault *out_fault)
{
    const struct cup_kafka_setting settings[] = {{"bootstrap.servers", config->brokers, false},
                                                 {"client.id", "cupel-gen", false}};
    struct cup_gen_topics         *topics     = calloc(1, sizeof(*topics));

    if (topics == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "topics", NULL);
    topics->writer = config->writer;
    topics->value  = malloc(cup_event_bytes_max(config->writer));
    enum cup_err err =
        topics->value == NULL
            ? cup_fault_set(out_fault, CUP_NO_MEMORY, "topics", NULL)
            : cup_kafka_producer_open(settings, 2, NULL, &topics->producer, out_fault);
    if (err == CUP_OK) err = create(topics, config, out_fault);
    if (err != CUP_OK) {
        cup_gen_topics_close(topics);
        return err;
    }
    for (uint32_t i = 0; i < CUP_EVENT_CONTEXT_COUNT; i++)
        topics->headers[1 + i] =
            (struct cup_kafka_header){.name  = cup_event_context_name(i),
                                      .value = config->writer->context[i].at,
                                      .bytes = config->writer->context[i].bytes};
    *out_topics = topics;
    return CUP_OK;
}

void cup_gen_topics_close(struct cup_gen_topics *topics)
{
    if (topics == NULL) return;
    cup_kafka_producer_close(topics->producer);
    free(topics->value);
    free(topics);
}

enum cup_err cup_gen_topics_put(struct cup_gen_topics *topics, const struct cup_event *event,
                                struct cup_fault *out_fault)
{
    struct cup_event_writer *writer = topics->writer;
    uint8_t                  key[CUP_EVENT_KEY_BYTES], other[CUP_EVENT_KEY_BYTES];
    const struct cup_row    *row     = event->after != NULL ? event->after : event->before;
    uint64_t                 moved   = event->new_key != 0 ? event->new_key : event->old_key;
    uint8_t                 *key_end = cup_event_key(writer, event->table, row->key, key);
    uint8_t                 *end     = topics->value;

    if (!event->tombstone) end = cup_event_put(writer, event, end) - 1; /* without its LF */
    if (moved != 0) {
        uint8_t *other_end = cup_event_key(writer, event->table, moved, other);
        topics->headers[0] = (struct cup_kafka_header){
            .name  = event->new_key != 0 ? "__debezium.newkey" : "__debezium.oldkey",
            .value = other,
            .bytes = (size_t)(other_end - other)};
    }
    const struct cup_kafka_record record = {
        .topic        = topics->names[event->table],
        .partition    = -1,
        .key          = key,
        .key_bytes    = (size_t)(key_end - key),
        .value        = event->tombstone ? NULL : topics->value,
        .value_bytes  = (size_t)(end - topics->value),
        .headers      = topics->headers + (moved == 0),
        .header_count = HEADER_COUNT - (moved == 0),
    };
    topics->bytes += record.key_bytes + record.value_bytes;
    return cup_kafka_producer_put(topics->producer, &record, out_fault);
}

enum cup_err cup_gen_topics_flush(struct cup_gen_topics *topics, struct cup_fault *out_fault)
{
    return cup_kafka_producer_flush(topics->producer, out_fault);
}

uint64_t cup_gen_topics_bytes(const struct cup_gen_topics *topics)
{
    return topics->bytes;
}
