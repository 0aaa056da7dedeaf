// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "dataplane/kafka/consumer_priv.h"

#define ROUND_BYTES  (16u << 20)        /* of few partitions: stopping one costs some 50 us */
#define SILENT_TURNS 4u                 /* so many for each were taken: some get none */
#define IDLE_NS      (CUP_NS_PER_S / 2) /* longer than a busy broker takes to answer */

bool cup_kafka_priv_are_turns(const struct cup_kafka_consumer *consumer)
{
    return consumer->hungry_count > consumer->answer_parts;
}

void cup_kafka_priv_hunger(struct cup_kafka_consumer  *consumer,
                           struct cup_kafka_partition *partition, bool hungry)
{
    if (partition->hungry == hungry) return;
    partition->hungry = hungry;
    if (hungry) {
        consumer->hungry_count++;
        return;
    }
    consumer->hungry_count--;
    consumer->rest_count -= partition->rested_ns != 0;
    partition->turn_bytes = partition->rested_ns = 0;
}

void cup_kafka_priv_taken(struct cup_kafka_consumer  *consumer,
                          struct cup_kafka_partition *partition, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        partition->next = message->offset;
        cup_kafka_priv_hunger(consumer, partition, false);
    } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        cup_kafka_priv_hunger(consumer, partition, true);
        partition->next = message->offset + 1;
        partition->turn_bytes += message->len + message->key_len;
        consumer->round_bytes += message->len + message->key_len;
    }
}

/* Whether a topic may be another one since a partition of it rests: it was not fetched at all for
 * so long. If another partition of it was, the library was told, and has asked for metadata. */
static bool is_suspect(const struct cup_kafka_partition *partition)
{
    const struct cup_kafka_topic *topic = partition->topic;

    if (topic->fetched_count > 0 && topic->fetched_since_ns <= partition->rested_ns) return false;
    return cup_clock_mono_ns() - partition->rested_ns >= CUP_KAFKA_PRIV_GAP_NS;
}

/* Goes on behind what was taken of it. */
static enum cup_err begin(struct cup_kafka_consumer *consumer, uint32_t tag,
                          struct cup_fault *out_fault)
{
    struct cup_kafka_partition *partition = &consumer->partitions[tag];

    if (is_suspect(partition)) {
        partition->suspect = true; /* told before a record of it is */
        if (tag < consumer->suspect_at) consumer->suspect_at = tag;
    }
    partition->rested_ns = 0;
    consumer->rest_count--;
    return cup_kafka_priv_start(consumer, tag, partition->next, out_fault);
}

static void rest(struct cup_kafka_consumer *consumer, struct cup_kafka_partition *partition)
{
    cup_kafka_priv_stop(partition);
    partition->rested_ns = cup_clock_mono_ns();
    consumer->rest_count++;
}

/* How long nothing came is counted from the first look that found nothing: before that, the owner
 * was busy with what it had. */
static void watch(struct cup_kafka_consumer *consumer)
{
    if (consumer->message_count > 0)
        consumer->idle_ns = 0;
    else if (consumer->idle_ns == 0)
        consumer->idle_ns = cup_clock_mono_ns();
}

static bool is_idle(const struct cup_kafka_consumer *consumer)
{
    return consumer->idle_ns != 0 && cup_clock_mono_ns() - consumer->idle_ns >= IDLE_NS;
}

/* Nobody rests while there is nothing else to do, or the others are always at their ends: the
 * broker of those that are not done may be away. They do not count until they give a record. */
static void look_for_silent(struct cup_kafka_consumer *consumer, uint64_t turn)
{
    uint64_t round_bytes_max = SILENT_TURNS * turn * consumer->hungry_count;

    if (!is_idle(consumer) && consumer->round_bytes < round_bytes_max) return;
    for (uint32_t tag = 0; tag < consumer->partition_count; tag++) {
        struct cup_kafka_partition *partition = &consumer->partitions[tag];
        if (partition->turn_bytes < turn) cup_kafka_priv_hunger(consumer, partition, false);
    }
}

/* When all had their turn, that is taken off what each has had: who had more rests longer. */
static void end_round(struct cup_kafka_consumer *consumer, uint64_t turn)
{
    uint64_t least = UINT64_MAX;

    for (uint32_t tag = 0; tag < consumer->partition_count; tag++) {
        const struct cup_kafka_partition *partition = &consumer->partitions[tag];
        if (partition->hungry && partition->turn_bytes < least) least = partition->turn_bytes;
    }
    if (least < turn && cup_kafka_priv_are_turns(consumer)) return;
    consumer->round_bytes = 0;
    for (uint32_t tag = 0; tag < consumer->partition_count; tag++)
        if (consumer->partitions[tag].hungry)
            consumer->partitions[tag].turn_bytes -= least / turn * turn;
}

/* A round is divided among those that are hungry. */
static uint64_t turn_of(const struct cup_kafka_consumer *consumer)
{
    uint64_t turn = consumer->hungry_count == 0 ? 0 : ROUND_BYTES / consumer->hungry_count;

    return turn < consumer->turn_bytes_min ? consumer->turn_bytes_min : turn;
}

enum cup_err cup_kafka_priv_turn(struct cup_kafka_consumer *consumer, bool is_whole,
                                 struct cup_fault *out_fault)
{
    enum cup_err err   = CUP_OK;
    uint64_t     turn  = turn_of(consumer);
    bool         turns = cup_kafka_priv_are_turns(consumer);

    watch(consumer);
    if (consumer->rest_count == 0 && consumer->round_bytes < turn) return CUP_OK;
    if (turns) look_for_silent(consumer, turn);
    end_round(consumer, turn);
    turns = cup_kafka_priv_are_turns(consumer);
    for (uint32_t tag = 0; err == CUP_OK && tag < consumer->partition_count; tag++) {
        struct cup_kafka_partition *partition = &consumer->partitions[tag];
        bool                        is_done   = turns && partition->turn_bytes >= turn;
        if (is_done && partition->rested_ns == 0 && is_whole) rest(consumer, partition);
        if (!is_done && partition->rested_ns != 0) err = begin(consumer, tag, out_fault);
    }
    return err;
}
