// SPDX-License-Identifier: Apache-2.0
#include "dataplane/deliver/transfer.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/deliver/marker.h"
#include "dataplane/source/batch.h"

void cup_transfer_free(struct cup_transfer *transfer)
{
    cup_reach_free(&transfer->reach);
    free(transfer->topics);
    free(transfer->headers);
    cup_text_free(&transfer->names);
    cup_text_free(&transfer->key);
    cup_text_free(&transfer->value);
    *transfer = (struct cup_transfer){0};
}

static enum cup_err no_memory(const char *where, struct cup_fault *out_fault)
{
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "deliver to the output", where);
}

static bool make_topic_room(struct cup_transfer *transfer, uint32_t topic)
{
    uint32_t cap = (topic + 1) * 2;

    if (topic < transfer->topic_cap) return true;
    uint32_t *list = realloc(transfer->topics, cap * sizeof *list);
    if (list == NULL) return false;
    memset(list + transfer->topic_cap, 0, (cap - transfer->topic_cap) * sizeof *list);
    transfer->topics    = list;
    transfer->topic_cap = cap;
    return true;
}

/* The record's topic; looked up, or made, when it is the file's first for it. Partitions of a topic
 * stay as many as they were when the epoch was sent first: a key stays where it is. */
static enum cup_err topic_of(struct cup_transfer *transfer, const struct cup_spool_record *record,
                             struct cup_reach_topic **out_topic, struct cup_fault *out_fault)
{
    const uint32_t at    = record->head.topic;
    uint32_t       count = 0, topic = 0;

    if (!make_topic_room(transfer, at)) return no_memory(record->topic, out_fault);
    if (transfer->topics[at] == 0) {
        enum cup_err err = cup_targets_find(transfer->targets, record->topic, &count, out_fault);
        if (err == CUP_OK)
            err = cup_reach_topic(&transfer->reach, record->topic, count, &topic, out_fault);
        if (err != CUP_OK) return err;
        transfer->topics[at] = topic + 1;
    }
    *out_topic = &transfer->reach.topics[transfer->topics[at] - 1];
    return CUP_OK;
}

static void begin_file(struct cup_transfer *transfer)
{
    if (transfer->topic_cap > 0)
        memset(transfer->topics, 0, transfer->topic_cap * sizeof *transfer->topics);
}

static bool add_header(struct cup_transfer *transfer, uint32_t count,
                       const struct cup_header *header)
{
    if (count == transfer->header_cap) {
        uint32_t cap  = count == 0 ? 16 : count * 2;
        void    *list = realloc(transfer->headers, cap * sizeof *transfer->headers);
        if (list == NULL) return false;
        transfer->headers    = list;
        transfer->header_cap = cap;
    }
    transfer->headers[count] =
        (struct cup_kafka_header){.value = header->value, .bytes = header->value_bytes};
    cup_text_put(&transfer->names, header->name, header->name_bytes);
    cup_text_put(&transfer->names, "", 1);
    return !transfer->names.failed;
}

/* Names get their NULs, which Kafka's headers do not have. */
static bool put_headers(struct cup_transfer *transfer, const struct cup_spool_record *from,
                        struct cup_kafka_record *to)
{
    struct cup_header header;
    uint32_t          at = 0, count = 0;

    cup_text_clear(&transfer->names);
    while (cup_header_next(from->headers, from->head.headers_bytes, &at, &header))
        if (!add_header(transfer, count++, &header)) return false;
    const char *name = transfer->names.at;
    for (uint32_t i = 0; i < count; i++, name += strlen(name) + 1)
        transfer->headers[i].name = name;
    to->headers      = transfer->headers;
    to->header_count = count;
    return true;
}

/* Puts the record into one partition; not if it is there already. */
static enum cup_err put_part(struct cup_transfer *transfer, struct cup_kafka_record *record,
                             struct cup_reach_topic *topic, uint32_t partition,
                             struct cup_fault *out_fault)
{
    struct cup_reach_part *part = &topic->parts[partition];

    if (part->kept) return CUP_OK;
    record->partition = (int32_t)partition;
    record->span      = &part->span;
    transfer->record_count++;
    return cup_kafka_producer_put(transfer->producer, record, out_fault);
}

static enum cup_err put_record(struct cup_transfer *transfer, const struct cup_spool_record *from,
                               struct cup_fault *out_fault)
{
    struct cup_kafka_record record = {.topic        = from->topic,
                                      .timestamp_ms = from->head.timestamp_ms,
                                      .key          = from->key,
                                      .key_bytes    = from->head.key_bytes,
                                      .value        = from->value,
                                      .value_bytes  = from->head.value_bytes};
    struct cup_reach_topic *topic  = NULL;

    enum cup_err err = topic_of(transfer, from, &topic, out_fault);
    if (err != CUP_OK) return err;
    if (from->head.headers_bytes > 0 && !put_headers(transfer, from, &record))
        return no_memory(from->topic, out_fault);
    if (from->head.partition >= 0)
        return put_part(transfer, &record, topic,
                        (uint32_t)from->head.partition % topic->part_count, out_fault);
    if (from->head.partition == CUP_SPOOL_BY_KEY)
        return put_part(
            transfer, &record, topic,
            cup_kafka_producer_partition(record.key, record.key_bytes, topic->part_count),
            out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < topic->part_count; i++)
        err = put_part(transfer, &record, topic, i, out_fault);
    return err;
}

/* Calls `take` with each record of a file. */
static enum cup_err each_record(struct cup_transfer *transfer, const char *name,
                                enum cup_err (*take)(struct cup_transfer *,
                                                     const struct cup_spool_record *,
                                                     struct cup_fault *),
                                struct cup_fault *out_fault)
{
    struct cup_spool_reader reader;
    struct cup_spool_record record;
    enum cup_err            err;

    begin_file(transfer);
    cup_spool_reader_open(&reader, transfer->store, name);
    while ((err = cup_spool_next(&reader, &record, out_fault)) == CUP_OK) {
        err = take(transfer, &record, out_fault);
        if (err != CUP_OK) break;
    }
    cup_spool_reader_close(&reader);
    return err == CUP_END ? CUP_OK : err;
}

static enum cup_err note_topic(struct cup_transfer *transfer, const struct cup_spool_record *record,
                               struct cup_fault *out_fault)
{
    struct cup_reach_topic *topic;

    return topic_of(transfer, record, &topic, out_fault);
}

enum cup_err cup_transfer_topics(struct cup_transfer *transfer, const char *file,
                                 struct cup_reach *reach, struct cup_fault *out_fault)
{
    const struct cup_reach own = transfer->reach;

    transfer->reach  = *reach;
    enum cup_err err = each_record(transfer, file, note_topic, out_fault);
    *reach           = transfer->reach;
    transfer->reach  = own;
    return err;
}

/* Says where the records are, which have to be acknowledged for that. */
static enum cup_err put_marker(struct cup_transfer *transfer, uint64_t epoch,
                               struct cup_fault *out_fault)
{
    const struct cup_plan  *plan    = transfer->plan;
    const char             *control = cup_plan_text(plan, plan->output.control_topic);
    struct cup_kafka_record record  = {.topic = control, .partition = (int32_t)plan->shard};
    uint32_t                topic;

    enum cup_err err = cup_kafka_producer_flush(transfer->producer, out_fault);
    if (err != CUP_OK) return err;
    cup_marker_key(plan, &transfer->key);
    cup_marker_value(plan, epoch, transfer->record_count, &transfer->reach, &transfer->value);
    if (transfer->key.failed || transfer->value.failed) return no_memory("", out_fault);
    err = cup_reach_topic(&transfer->reach, control, plan->shard_count, &topic, out_fault);
    if (err != CUP_OK) return err;
    record.span        = &transfer->reach.topics[topic].parts[plan->shard].span;
    record.key         = transfer->key.at;
    record.key_bytes   = transfer->key.bytes;
    record.value       = transfer->value.at;
    record.value_bytes = transfer->value.bytes;
    return cup_kafka_producer_put(transfer->producer, &record, out_fault);
}

/* What failed on our side, or before the producer was asked, left the transaction open; where the
 * producer gave it up, there is none, which it says at once. */
static bool may_be_open(enum cup_err err)
{
    return err == CUP_NO_MEMORY || err == CUP_CORRUPT || err == CUP_NOT_FOUND ||
           err == CUP_BAD_DATA;
}

enum cup_err cup_transfer_epoch(struct cup_transfer *transfer, uint64_t epoch,
                                const char *const *files, uint32_t file_count,
                                struct cup_fault *out_fault)
{
    struct cup_fault ignored;

    transfer->record_count = 0;
    if (transfer->resumed == epoch)
        cup_reach_drop(&transfer->reach);
    else
        cup_reach_clear(&transfer->reach);
    enum cup_err err = cup_kafka_producer_begin(transfer->producer, out_fault);
    if (err != CUP_OK) return err;
    for (uint32_t i = 0; err == CUP_OK && i < file_count; i++)
        err = each_record(transfer, files[i], put_record, out_fault);
    if (err == CUP_OK) err = put_marker(transfer, epoch, out_fault);
    if (err == CUP_OK) {
        err = cup_kafka_producer_commit(transfer->producer, out_fault);
        if (err != CUP_OK) return err;
        return cup_settle_await(cup_kafka_producer_client(transfer->producer), &transfer->reach,
                                transfer->stop, out_fault);
    }
    if (may_be_open(err)) { /* if this fails, the next fence does it */
        enum cup_err aborted = cup_kafka_producer_abort(transfer->producer, &ignored);
        if (aborted == CUP_FENCED) return aborted;
    }
    return err;
}
