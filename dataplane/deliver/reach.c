// SPDX-License-Identifier: Apache-2.0
#include "dataplane/deliver/reach.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 249 /* of a topic, as Kafka has it: letters, digits, '.', '_', '-' */
#define ENTRY_BYTES    320u
#define PARTS_MAX      1000000u

uint32_t cup_reach_find(const struct cup_reach *reach, const char *name)
{
    for (uint32_t i = 0; i < reach->topic_count; i++)
        if (strcmp(reach->topics[i].name, name) == 0) return i;
    return UINT32_MAX;
}

static bool make_room(struct cup_reach *reach)
{
    uint32_t cap = reach->topic_cap == 0 ? 16 : reach->topic_cap * 2;

    if (reach->topic_count < reach->topic_cap) return true;
    void *grown = realloc(reach->topics, cap * sizeof *reach->topics);
    if (grown == NULL) return false;
    reach->topics    = grown;
    reach->topic_cap = cap;
    return true;
}

static bool add(struct cup_reach *reach, const char *name, uint32_t part_count)
{
    if (!make_room(reach)) return false;
    struct cup_reach_topic topic = {.name       = strdup(name),
                                    .parts      = calloc(part_count, sizeof *topic.parts),
                                    .part_count = part_count};
    if (topic.name == NULL || topic.parts == NULL) {
        free(topic.name);
        free(topic.parts);
        return false;
    }
    for (uint32_t i = 0; i < part_count; i++)
        topic.parts[i].span.first = -1;
    reach->topics[reach->topic_count++] = topic;
    return true;
}

enum cup_err cup_reach_topic(struct cup_reach *reach, const char *name, uint32_t part_count,
                             uint32_t *out_topic, struct cup_fault *out_fault)
{
    uint32_t topic = cup_reach_find(reach, name);

    CUP_ASSERT(part_count > 0);
    if (topic == UINT32_MAX) {
        topic = reach->topic_count;
        if (!add(reach, name, part_count))
            return cup_fault_set(out_fault, CUP_NO_MEMORY, "partitions of the output", name);
    }
    *out_topic = topic;
    return CUP_OK;
}

void cup_reach_clear(struct cup_reach *reach)
{
    for (uint32_t i = 0; i < reach->topic_count; i++) {
        free(reach->topics[i].name);
        free(reach->topics[i].parts);
    }
    reach->topic_count = 0;
}

void cup_reach_drop(struct cup_reach *reach)
{
    for (uint32_t i = 0; i < reach->topic_count; i++)
        for (uint32_t p = 0; p < reach->topics[i].part_count; p++)
            if (!reach->topics[i].parts[p].kept)
                reach->topics[i].parts[p].span = (struct cup_kafka_span){.first = -1};
}

void cup_reach_free(struct cup_reach *reach)
{
    cup_reach_clear(reach);
    free(reach->topics);
    *reach = (struct cup_reach){0};
}

void cup_reach_write(const struct cup_reach *reach, struct cup_text *out)
{
    const char *between = "";

    cup_text_puts(out, "[");
    for (uint32_t i = 0; i < reach->topic_count; i++) {
        const struct cup_reach_topic *topic = &reach->topics[i];
        for (uint32_t p = 0; p < topic->part_count; p++) {
            const struct cup_kafka_span *span = &topic->parts[p].span;
            if (span->first < 0) continue;
            cup_text_printf(out, "%s\"%s %" PRIu32 "/%" PRIu32 " %" PRId64 "-%" PRId64 "\"",
                            between, topic->name, p, topic->part_count, span->first, span->last);
            between = ",";
        }
    }
    cup_text_puts(out, "]");
}

static bool take(struct cup_reach *reach, const char *entry)
{
    char                  name[NAME_MAX_BYTES + 1];
    uint32_t              partition, count, topic;
    struct cup_kafka_span span;
    struct cup_fault      ignored;
    int                   end = -1;

    if (sscanf(entry, "%249[^ ] %" SCNu32 "/%" SCNu32 " %" SCNd64 "-%" SCNd64 "%n", name,
               &partition, &count, &span.first, &span.last, &end) != 5 ||
        end < 0 || entry[end] != '\0')
        return false;
    if (count > PARTS_MAX || partition >= count || span.first < 0 || span.last < span.first)
        return false;
    if (cup_reach_topic(reach, name, count, &topic, &ignored) != CUP_OK ||
        partition >= reach->topics[topic].part_count)
        return false;
    reach->topics[topic].parts[partition].span = span;
    return true;
}

bool cup_reach_read(struct cup_reach *reach, const char *bytes, size_t count)
{
    const char *at = bytes, *end = bytes + count;
    char        entry[ENTRY_BYTES];

    if (at == end || *at++ != '[') return false;
    while (at < end && *at == '"') {
        const char *quote = memchr(at + 1, '"', (size_t)(end - at - 1));
        if (quote == NULL || (size_t)(quote - at) > sizeof entry) return false;
        memcpy(entry, at + 1, (size_t)(quote - at - 1));
        entry[quote - at - 1] = '\0';
        if (!take(reach, entry)) return false;
        at = quote + 1;
        if (at < end && *at == ',') at++;
    }
    return at < end && *at == ']';
}

struct cup_kafka_place *cup_reach_places(const struct cup_reach *reach, uint32_t *out_count)
{
    struct cup_kafka_place *places;
    uint32_t                all = 0, count = 0;

    for (uint32_t i = 0; i < reach->topic_count; i++)
        all += reach->topics[i].part_count;
    places = calloc(all + 1ul, sizeof *places);
    for (uint32_t i = 0; places != NULL && i < reach->topic_count; i++)
        for (uint32_t p = 0; p < reach->topics[i].part_count; p++) {
            const struct cup_reach_part *part = &reach->topics[i].parts[p];
            if (part->span.first < 0 || part->kept) continue;
            places[count++] = (struct cup_kafka_place){
                .topic = reach->topics[i].name, .partition = (int32_t)p, .offset = part->span.last};
        }
    *out_count = count;
    return places;
}
