// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kafka/consumer.h"

#include <string.h>

#include "base/clock.h"
#include "dataplane/kafka/consumer_priv.h"

#define BATCH_MESSAGES    256u /* taken from the library at once */
#define NO_TAG            CUP_KAFKA_PRIV_NO_TAG
#define MESSAGE_BYTES_MIN 256u               /* so small, their number counts more than bytes */
#define FETCH_BYTES_MIN   (1u << 20)         /* also a partition's, as the library has it */
#define FETCH_BYTES_MAX   (32u << 20)        /* of one answer */
#define ANSWER_BYTES_MAX  (128ull << 20)     /* a larger record is on no broker */
#define WAKES_ITSELF      0x020200ff         /* from then on: fetch.queue.backoff.ms */
#define WAKE_NS           (CUP_NS_PER_S / 4) /* fetches have no gaps that raise doubts */
#define TURN_BYTES_MIN    (1u << 19)         /* stopping costs the processor some 50 us */
#define TEXT_BYTES        24u
#define PREFETCH_AHEAD    8u   /* messages */
#define PREFETCH_BYTES    192u /* what connectors write in headers */
#define LINE_BYTES        64u

/* --- open and close --- */

static const char *number(char out[TEXT_BYTES], uint64_t value)
{
    snprintf(out, TEXT_BYTES, "%llu", (unsigned long long)value);
    return out;
}

static uint64_t between(uint64_t value, uint64_t least, uint64_t most)
{
    if (value < least) return least;
    return value > most ? most : value;
}

/* The queue is one for all partitions, so its limits are for all of them; one answer comes on top
 * of it. In turns all of it is taken at once, and filled again meanwhile: it is a quarter of what
 * there may be. A fetch is answered as soon as there is a record; how long it waits otherwise is
 * how long a partition that was added has to wait for its first one. */
static enum cup_err open_client(struct cup_kafka_consumer              *consumer,
                                const struct cup_kafka_consumer_config *config,
                                struct cup_fault                       *out_fault)
{
    char     text[4][TEXT_BYTES];
    uint64_t fetch  = between(config->queue_bytes / 4, FETCH_BYTES_MIN, FETCH_BYTES_MAX);
    uint64_t answer = 2ull * config->record_bytes_max + fetch;

    const struct cup_kafka_setting own[] = {
        {"queued.max.messages.kbytes",
         number(text[0], between(config->queue_bytes >> 12, 1024, 1u << 20)), false},
        {"queued.min.messages",
         number(text[1], between(config->queue_bytes / 4 / MESSAGE_BYTES_MIN, 1000, 1000000)),
         false},
        {"fetch.max.bytes", number(text[2], fetch), false},
        {"message.max.bytes", "1000000", false}, /* fetch.max.bytes must not be below it */
        {"receive.message.max.bytes", number(text[3], between(answer, ANSWER_BYTES_MAX, INT32_MAX)),
         false},
        {"fetch.wait.max.ms", "100", false},
        {"fetch.error.backoff.ms", "50", false},
        {"enable.partition.eof", "true", false},
        {"isolation.level", config->uncommitted ? "read_uncommitted" : "read_committed", false},
        {"fetch.queue.backoff.ms", "1", false}, /* the last: old libraries do not know it */
    };
    uint32_t own_count = sizeof own / sizeof own[0] - (rd_kafka_version() < WAKES_ITSELF);
    return cup_kafka_client_open(CUP_KAFKA_CONSUMER, config->settings, config->setting_count, own,
                                 own_count, &consumer->client, out_fault);
}

/* A copy of a property, "" when it has none; NULL: no memory. */
static char *property_of(const struct cup_kafka_consumer *consumer, const char *name)
{
    const rd_kafka_conf_t *conf  = rd_kafka_conf(consumer->handle);
    size_t                 bytes = 0;

    if (rd_kafka_conf_get(conf, name, NULL, &bytes) != RD_KAFKA_CONF_OK) bytes = 0;
    char *text = calloc(1, bytes + 1);
    bytes++;
    if (text != NULL && rd_kafka_conf_get(conf, name, text, &bytes) != RD_KAFKA_CONF_OK)
        text[0] = '\0';
    return text;
}

/* 0: the library has no such property. */
static uint64_t number_of(const struct cup_kafka_consumer *consumer, const char *name)
{
    char    *text  = property_of(consumer, name);
    uint64_t value = text == NULL ? 0 : strtoull(text, NULL, 10);

    free(text);
    return value;
}

/* What the owner says comes before what cupel says, so the library is asked. */
static bool prepare_turns(struct cup_kafka_consumer *consumer, uint64_t queue_bytes)
{
    uint64_t part = between(number_of(consumer, "max.partition.fetch.bytes"), 1, UINT32_MAX);
    uint64_t all  = number_of(consumer, "fetch.max.bytes");

    consumer->answer_parts   = (uint32_t)between(all / part, 1, UINT32_MAX);
    consumer->turn_bytes_min = between(part / 2, TURN_BYTES_MIN, UINT32_MAX);
    consumer->message_cap    = (uint32_t)between(queue_bytes / MESSAGE_BYTES_MIN, 1000, 1000000);
    consumer->take_bytes_max = queue_bytes / 4 + all;
    consumer->messages       = calloc(consumer->message_cap, sizeof *consumer->messages);
    return consumer->messages != NULL;
}

enum cup_err cup_kafka_consumer_open(const struct cup_kafka_consumer_config *config,
                                     struct cup_kafka_consumer             **out_consumer,
                                     struct cup_fault                       *out_fault)
{
    struct cup_kafka_consumer *consumer = calloc(1, sizeof *consumer);
    if (consumer == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "kafka consumer", NULL);
    enum cup_err err = open_client(consumer, config, out_fault);
    if (err != CUP_OK) goto out;
    consumer->handle     = cup_kafka_priv_handle(consumer->client);
    consumer->queue      = rd_kafka_queue_new(consumer->handle);
    consumer->wakes      = rd_kafka_version() < WAKES_ITSELF;
    consumer->wake_bytes = config->queue_bytes / 8;
    consumer->username   = property_of(consumer, "sasl.username");
    consumer->password   = property_of(consumer, "sasl.password");
    if (consumer->queue == NULL || consumer->username == NULL || consumer->password == NULL ||
        !prepare_turns(consumer, config->queue_bytes)) {
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "kafka consumer", NULL);
        goto out;
    }
    *out_consumer = consumer;
    consumer      = NULL;
out:
    cup_kafka_consumer_close(consumer);
    return err;
}

static void drop_messages(struct cup_kafka_consumer *consumer)
{
    for (uint32_t i = consumer->message_at; i < consumer->message_count; i++)
        rd_kafka_message_destroy(consumer->messages[i]);
}

void cup_kafka_consumer_close(struct cup_kafka_consumer *consumer)
{
    if (consumer == NULL) return;
    drop_messages(consumer);
    for (uint32_t i = 0; i < consumer->partition_count; i++)
        cup_kafka_priv_stop(&consumer->partitions[i]);
    if (consumer->queue != NULL) rd_kafka_queue_destroy(consumer->queue);
    for (uint32_t i = 0; i < consumer->topic_cap; i++) {
        if (consumer->topics[i] == NULL) continue;
        rd_kafka_topic_destroy(consumer->topics[i]->handle);
        free(consumer->topics[i]->tags);
        free(consumer->topics[i]);
    }
    cup_kafka_client_close(consumer->client);
    free(consumer->topics);
    free(consumer->partitions);
    free((void *)consumer->messages);
    if (consumer->password != NULL) explicit_bzero(consumer->password, strlen(consumer->password));
    free(consumer->password);
    free(consumer->username);
    free(consumer);
}

struct cup_kafka_client *cup_kafka_consumer_client(struct cup_kafka_consumer *consumer)
{
    return consumer->client;
}

/* --- topics and partitions --- */

/* The slot that has the handle, or the free one where it belongs. */
static struct cup_kafka_topic **slot_of(const struct cup_kafka_consumer *consumer,
                                        const rd_kafka_topic_t          *handle)
{
    uint64_t hash = ((uint64_t)(uintptr_t)handle >> 4) * 0x9E3779B97F4A7C15u;
    uint32_t mask = consumer->topic_cap - 1;

    for (uint32_t at = (uint32_t)(hash >> 32) & mask;; at = (at + 1) & mask)
        if (consumer->topics[at] == NULL || consumer->topics[at]->handle == handle)
            return &consumer->topics[at];
}

static bool make_topic_room(struct cup_kafka_consumer *consumer)
{
    uint32_t                 cap = consumer->topic_cap == 0 ? 16 : consumer->topic_cap * 2;
    struct cup_kafka_topic **old = consumer->topics;

    if (consumer->topic_count * 2 < consumer->topic_cap) return true;
    struct cup_kafka_topic **made = calloc(cap, sizeof(struct cup_kafka_topic *));
    if (made == NULL) return false;
    uint32_t old_cap    = consumer->topic_cap;
    consumer->topics    = made;
    consumer->topic_cap = cap;
    for (uint32_t i = 0; i < old_cap; i++)
        if (old[i] != NULL) *slot_of(consumer, old[i]->handle) = old[i];
    free(old);
    return true;
}

static struct cup_kafka_topic *find_topic(struct cup_kafka_consumer *consumer, const char *name)
{
    if (!make_topic_room(consumer)) return NULL;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(consumer->handle, name, NULL);
    if (handle == NULL) return NULL;
    struct cup_kafka_topic **slot = slot_of(consumer, handle);
    if (*slot != NULL) {
        rd_kafka_topic_destroy(handle); /* one reference is enough */
        return *slot;
    }
    struct cup_kafka_topic *topic = calloc(1, sizeof *topic);
    if (topic == NULL) {
        rd_kafka_topic_destroy(handle);
        return NULL;
    }
    topic->handle = handle;
    consumer->topic_count++;
    return *slot = topic;
}

static bool set_tag(struct cup_kafka_topic *topic, int32_t partition, uint32_t tag)
{
    uint32_t at = (uint32_t)partition, cap = topic->tag_cap == 0 ? 8 : topic->tag_cap;

    while (cap <= at)
        cap *= 2;
    if (cap > topic->tag_cap) {
        uint32_t *grown = realloc(topic->tags, cap * sizeof *grown);
        if (grown == NULL) return false;
        memset(grown + topic->tag_cap, 0xFF, (cap - topic->tag_cap) * sizeof *grown);
        topic->tags    = grown;
        topic->tag_cap = cap;
    }
    CUP_ASSERT(topic->tags[at] == NO_TAG);
    topic->tags[at] = tag;
    return true;
}

static enum cup_err fail(const struct cup_kafka_consumer *consumer, uint32_t tag,
                         rd_kafka_resp_err_t code, const char *text, struct cup_fault *out_fault)
{
    const struct cup_kafka_partition *partition = &consumer->partitions[tag];
    char                              about[CUP_FAULT_WHERE_BYTES];

    snprintf(about, sizeof about, "%s/%d", rd_kafka_topic_name(partition->topic->handle),
             partition->number);
    return cup_kafka_priv_fail(consumer->client, code, text, about, out_fault);
}

enum cup_err cup_kafka_priv_start(struct cup_kafka_consumer *consumer, uint32_t tag, int64_t offset,
                                  struct cup_fault *out_fault)
{
    struct cup_kafka_partition *partition = &consumer->partitions[tag];

    CUP_ASSERT(offset >= 0 && !partition->fetched && partition->rested_ns == 0);
    partition->next = offset;
    cup_kafka_priv_hunger(consumer, partition, true);
    partition->fetched = true;
    if (partition->topic->fetched_count++ == 0)
        partition->topic->fetched_since_ns = cup_clock_mono_ns();
    if (rd_kafka_consume_start_queue(partition->topic->handle, partition->number, offset,
                                     consumer->queue) == 0)
        return CUP_OK;
    return fail(consumer, tag, rd_kafka_last_error(), NULL, out_fault);
}

void cup_kafka_priv_stop(struct cup_kafka_partition *partition)
{
    if (!partition->fetched) return;
    (void)rd_kafka_consume_stop(partition->topic->handle,
                                partition->number); /* fails if there is nothing to stop */
    partition->fetched = false;
    partition->topic->fetched_count--;
}

static bool make_partition_room(struct cup_kafka_consumer *consumer)
{
    uint32_t cap = consumer->partition_cap == 0 ? 16 : consumer->partition_cap * 2;

    if (consumer->partition_count < consumer->partition_cap) return true;
    struct cup_kafka_partition *grown = realloc(consumer->partitions, cap * sizeof *grown);
    if (grown == NULL) return false;
    consumer->partitions    = grown;
    consumer->partition_cap = cap;
    return true;
}

enum cup_err cup_kafka_consumer_add(struct cup_kafka_consumer *consumer, const char *topic,
                                    int32_t partition, int64_t offset, uint32_t tag,
                                    struct cup_fault *out_fault)
{
    CUP_ASSERT(partition >= 0 && tag == consumer->partition_count);

    struct cup_kafka_topic *of = make_partition_room(consumer) ? find_topic(consumer, topic) : NULL;
    if (of == NULL || !set_tag(of, partition, tag))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "partition to consume", topic);
    consumer->partitions[tag] = (struct cup_kafka_partition){.topic = of, .number = partition};
    consumer->partition_count++;
    return cup_kafka_priv_start(consumer, tag, offset, out_fault);
}

void cup_kafka_consumer_stop(struct cup_kafka_consumer *consumer, uint32_t tag)
{
    struct cup_kafka_partition *partition = &consumer->partitions[tag];

    cup_kafka_priv_stop(partition);
    partition->valid_from = consumer->message_base + consumer->message_count;
    cup_kafka_priv_hunger(consumer, partition, false);
}

enum cup_err cup_kafka_consumer_move(struct cup_kafka_consumer *consumer, uint32_t tag,
                                     int64_t offset, struct cup_fault *out_fault)
{
    cup_kafka_consumer_stop(consumer, tag);
    return cup_kafka_priv_start(consumer, tag, offset, out_fault);
}

/* --- events --- */

static uint32_t tag_of(struct cup_kafka_consumer *consumer, const rd_kafka_message_t *message)
{
    struct cup_kafka_topic *topic = consumer->last;

    if (topic == NULL || topic->handle != message->rkt) topic = *slot_of(consumer, message->rkt);
    if (topic == NULL || (uint32_t)message->partition >= topic->tag_cap) return NO_TAG;
    consumer->last = topic;
    return topic->tags[message->partition];
}

/* Before 2.2.0 a thread that found the queue full looks again a second later; new credentials,
 * though they are the old ones, wake it. */
static void wake(struct cup_kafka_consumer *consumer)
{
    if (!consumer->wakes || consumer->taken_bytes == 0) return;
    uint64_t now = cup_clock_mono_ns();
    if (consumer->taken_bytes < consumer->wake_bytes && now - consumer->woken_ns < WAKE_NS) return;
    consumer->taken_bytes = 0;
    consumer->woken_ns    = now;
    rd_kafka_error_t *error =
        rd_kafka_sasl_set_credentials(consumer->handle, consumer->username, consumer->password);
    if (error != NULL) rd_kafka_error_destroy(error);
}

/* Takes up to BATCH_MESSAGES; waits for the first only. */
static uint32_t take(struct cup_kafka_consumer *consumer, int timeout_ms)
{
    rd_kafka_message_t **messages = consumer->messages + consumer->message_count;

    ssize_t got =
        rd_kafka_consume_batch_queue(consumer->queue, 0, (void *)messages, BATCH_MESSAGES);
    if (got <= 0) {
        rd_kafka_poll(consumer->handle, 0);
        if (timeout_ms > 0)
            got = rd_kafka_consume_batch_queue(consumer->queue, timeout_ms, (void *)messages, 1);
    }
    if (got <= 0) return 0;
    for (uint32_t i = 0; i < (uint32_t)got; i++) {
        uint32_t tag = tag_of(consumer, messages[i]);
        consumer->taken_bytes += messages[i]->len;
        if (tag != NO_TAG) cup_kafka_priv_taken(consumer, &consumer->partitions[tag], messages[i]);
    }
    consumer->message_count += (uint32_t)got;
    return (uint32_t)got;
}

/* Takes what is queued, or the first that comes within timeout_ms; in turns all that is queued. */
static enum cup_err fill(struct cup_kafka_consumer *consumer, int timeout_ms,
                         struct cup_fault *out_fault)
{
    bool     is_whole = cup_kafka_priv_are_turns(consumer);
    uint64_t before   = consumer->round_bytes;

    consumer->message_base += consumer->message_count;
    consumer->message_at = consumer->message_count = 0;
    uint32_t got                                   = take(consumer, timeout_ms);
    while (is_whole && got != 0 &&
           consumer->message_count + BATCH_MESSAGES <= consumer->message_cap &&
           consumer->round_bytes - before < consumer->take_bytes_max)
        got = take(consumer, 0);
    if (consumer->message_count > 0) cup_kafka_priv_well(consumer->client);
    enum cup_err err = cup_kafka_priv_turn(consumer, is_whole, out_fault);
    wake(consumer);
    return err;
}

/* The library reads a record's headers when it is asked for them; they were fetched, or inflated,
 * behind its value long before. */
static void prefetch_headers(const struct cup_kafka_consumer *consumer)
{
    uint32_t ahead = consumer->message_at + PREFETCH_AHEAD;

    if (ahead >= consumer->message_count) return;
    const rd_kafka_message_t *message = consumer->messages[ahead];
    uintptr_t                 end     = (uintptr_t)message->payload + message->len;
    for (uint32_t i = 0; i < PREFETCH_BYTES; i += LINE_BYTES)
        __builtin_prefetch((const void *)(end + i));
}

static void make_record(rd_kafka_message_t *message, uint32_t tag,
                        struct cup_kafka_event *out_event)
{
    rd_kafka_timestamp_type_t type;
    int64_t                   ms      = rd_kafka_message_timestamp(message, &type);
    rd_kafka_headers_t       *headers = NULL;

    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) headers = NULL;

    *out_event = (struct cup_kafka_event){
        .kind         = CUP_KAFKA_RECORD,
        .tag          = tag,
        .offset       = message->offset,
        .timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 ? INT64_MIN : ms,
        .key          = message->key,
        .value        = message->payload,
        .key_bytes    = message->key_len,
        .value_bytes  = message->len,
        .lent         = message,
        .headers      = headers,
    };
}

static enum cup_kafka_event_kind kind_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF: return CUP_KAFKA_AT_END;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: return CUP_KAFKA_OUT_OF_RANGE;
    default: return CUP_KAFKA_REFUSED;
    }
}

/* What is no record. Others than a partition's are about brokers: the library tries on, and the
 * client has noted why. */
static enum cup_err make_event(struct cup_kafka_consumer *consumer,
                               const rd_kafka_message_t *message, uint32_t tag,
                               struct cup_kafka_event *out_event, struct cup_fault *out_fault)
{
    const char *text = rd_kafka_message_errstr(message);

    if (message->err == RD_KAFKA_RESP_ERR__FATAL)
        return cup_kafka_priv_fail(consumer->client, message->err, text, "", out_fault);
    *out_event = (struct cup_kafka_event){.kind = CUP_KAFKA_NOTHING};
    if (tag == NO_TAG) return CUP_OK;
    *out_event = (struct cup_kafka_event){
        .kind = kind_of(message->err), .tag = tag, .offset = message->offset};
    if (out_event->kind == CUP_KAFKA_REFUSED)
        (void)fail(consumer, tag, message->err, text, out_fault); /* it is the event */
    return CUP_OK;
}

/* The next partition to be suspected since metadata came: whatever was taken before it came was
 * fetched before. */
static bool take_suspect(struct cup_kafka_consumer *consumer, struct cup_kafka_event *out_event)
{
    unsigned count = cup_kafka_priv_doubt_count(consumer->client);

    if (count != consumer->doubt_count) {
        consumer->doubt_count = count;
        consumer->suspect_at  = 0;
        for (uint32_t tag = 0; tag < consumer->partition_count; tag++)
            consumer->partitions[tag].suspect = true;
    }
    while (consumer->suspect_at < consumer->partition_count) {
        uint32_t tag                      = consumer->suspect_at++;
        bool     suspect                  = consumer->partitions[tag].suspect;
        consumer->partitions[tag].suspect = false;
        if (!suspect) continue;
        *out_event = (struct cup_kafka_event){.kind = CUP_KAFKA_SUSPECT, .tag = tag};
        return true;
    }
    return false;
}

enum cup_err cup_kafka_consumer_next(struct cup_kafka_consumer *consumer, int timeout_ms,
                                     struct cup_kafka_event *out_event, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    *out_event = (struct cup_kafka_event){.kind = CUP_KAFKA_NOTHING};
    while (err == CUP_OK && out_event->kind == CUP_KAFKA_NOTHING) {
        bool used_up = consumer->message_at == consumer->message_count;
        if (used_up) err = fill(consumer, timeout_ms, out_fault);
        if (err != CUP_OK) return err;
        if (consumer->suspect_at < consumer->partition_count || used_up) {
            if (take_suspect(consumer, out_event)) return CUP_OK;
        }
        if (consumer->message_at == consumer->message_count) return CUP_OK;
        uint64_t            number  = consumer->message_base + consumer->message_at;
        rd_kafka_message_t *message = consumer->messages[consumer->message_at++];
        uint32_t            tag     = tag_of(consumer, message);
        prefetch_headers(consumer);
        if (tag != NO_TAG && number < consumer->partitions[tag].valid_from) {
            rd_kafka_message_destroy(message);
        } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && tag != NO_TAG) {
            make_record(message, tag, out_event);
        } else {
            err = make_event(consumer, message, tag, out_event, out_fault);
            rd_kafka_message_destroy(message);
        }
    }
    return err;
}

void cup_kafka_event_release(struct cup_kafka_event *event)
{
    CUP_ASSERT(event->lent != NULL);

    rd_kafka_message_destroy(event->lent);
    event->lent = NULL;
}

bool cup_kafka_event_header(const struct cup_kafka_event *event, uint32_t index,
                            const char **out_name, const void **out_value, size_t *out_bytes)
{
    return event->headers != NULL &&
           rd_kafka_header_get_all(event->headers, index, out_name, out_value, out_bytes) ==
               RD_KAFKA_RESP_ERR_NO_ERROR;
}

void cup_kafka_event_drop_headers(struct cup_kafka_event *event)
{
    rd_kafka_headers_t *headers;

    event->headers = NULL;
    if (rd_kafka_message_detach_headers(event->lent, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_headers_destroy(headers);
}

int64_t cup_kafka_consumer_high(struct cup_kafka_consumer *consumer, uint32_t tag)
{
    const struct cup_kafka_partition *partition = &consumer->partitions[tag];
    int64_t                           low = -1, high = -1;

    if (rd_kafka_get_watermark_offsets(
            consumer->handle, rd_kafka_topic_name(partition->topic->handle), partition->number,
            &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return -1;
    return high < 0 ? -1 : high;
}
