// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/clock.h"
#include "dataplane/kafka/cluster.h"
#include "dataplane/source/partitions_priv.h"
#include "kernels/isal/isal.h"

#define LOOK_NS        (CUP_NS_PER_S)         /* quiet partitions; refused ones */
#define ASK_NS         (CUP_NS_PER_S / 4)     /* between two questions */
#define ASK_MS         1000                   /* for an answer */
#define STRANGE_MAX    8u                     /* moments in which a leader changes pass */
#define REFUSED_NS_MAX (5 * CUP_NS_PER_S)     /* longer is for good */
#define BACKWARDS_US   (86400 * CUP_US_PER_S) /* producers' clocks differ, not by that */

struct cup_input_identity cup_partitions_priv_identity(const struct cup_kafka_event *event)
{
    uint32_t crc = cup_crc32c(0, event->key, event->key_bytes);

    return (struct cup_input_identity){
        .inode       = (uint64_t)event->offset,
        .head_bytes  = (uint32_t)event->value_bytes,
        .head_crc32c = cup_crc32c(crc, event->value, event->value_bytes),
        .born_us     = event->timestamp_ms == INT64_MIN ? 0 : event->timestamp_ms * CUP_US_PER_MS,
    };
}

static bool is_anchored(const struct cup_partition *partition)
{
    return partition->anchor.inode != CUP_ANCHOR_NONE;
}

/* --- moves --- */

static uint32_t tag_of(const struct cup_partitions *partitions,
                       const struct cup_partition  *partition)
{
    return (uint32_t)(partition - partitions->list);
}

static void drop_list(struct cup_partitions *partitions, struct cup_partition *partition)
{
    for (uint32_t i = partition->first; i != 0; i = partitions->taken[i - 1].next)
        cup_kafka_event_release(&partitions->taken[i - 1].event);
    partition->first = partition->last = 0;
    partition->next                    = partition->position;
    partition->at_end                  = -1;
}

enum cup_err cup_partitions_priv_restart(struct cup_partitions *partitions,
                                         struct cup_partition  *partition,
                                         struct cup_fault      *out_fault)
{
    bool    anchored = is_anchored(partition);
    int64_t from     = anchored ? (int64_t)partition->anchor.inode : partition->position;

    CUP_ASSERT(partition->state != CUP_PARTITION_ENDED);
    drop_list(partitions, partition);
    partition->suspect = false;
    partition->state   = anchored ? CUP_PARTITION_VERIFYING : CUP_PARTITION_READING;
    partition->due_ns  = cup_clock_mono_ns() + CUP_PARTITION_SILENCE_NS;
    return cup_kafka_consumer_move(partitions->consumer, tag_of(partitions, partition), from,
                                   out_fault);
}

void cup_partitions_priv_finish(struct cup_partitions *partitions, struct cup_partition *partition)
{
    cup_kafka_consumer_stop(partitions->consumer, tag_of(partitions, partition));
    partition->state = CUP_PARTITION_ENDED;
    partition->ends  = true;
    cup_partitions_priv_announce(partitions, partition);
}

static enum cup_err changed(const struct cup_partition *partition, const char *what, int64_t seen,
                            struct cup_fault *out_fault)
{
    return cup_partitions_priv_fault(partition, CUP_INPUT_CHANGED, what, partition->position, seen,
                                     out_fault);
}

static const char truncated[] =
    "the partition ends before what was read of it: the topic was truncated or made anew. Restore "
    "it, or read it under a new pipeline name";
static const char replaced[] =
    "the last record that was read is another one now: the topic was truncated or made anew. "
    "Restore it, or read it under a new pipeline name";

/* --- verifying --- */

/* The anchor was looked for, and it is this. Goes on to read. */
static enum cup_err verified(struct cup_partitions *partitions, struct cup_partition *partition,
                             struct cup_fault *out_fault)
{
    partition->refused_ns    = 0;
    partition->strange_count = 0;
    if (partition->suspect) return cup_partitions_priv_restart(partitions, partition, out_fault);
    partition->state = CUP_PARTITION_READING;
    if (partition->next >= partition->end) cup_partitions_priv_finish(partitions, partition);
    return CUP_OK;
}

/* A record behind the anchor comes first when the anchor was compacted away. */
static enum cup_err verify(struct cup_partitions *partitions, struct cup_partition *partition,
                           const struct cup_kafka_event *event, struct cup_fault *out_fault)
{
    struct cup_input_identity is  = cup_partitions_priv_identity(event);
    struct cup_input_identity was = partition->anchor;

    if (is.inode < was.inode) return CUP_OK; /* not asked for */
    if (is.inode == was.inode) {
        if (is.head_crc32c != was.head_crc32c || is.head_bytes != was.head_bytes ||
            is.born_us != was.born_us)
            return changed(partition, replaced, event->offset, out_fault);
    } else {
        if (is.born_us != 0 && is.born_us + BACKWARDS_US < was.born_us)
            return changed(partition, replaced, event->offset, out_fault);
        partitions->anchors_gone_count++;
    }
    return verified(partitions, partition, out_fault);
}

/* --- events --- */

/* Copies the record's headers as a batch has them, so that the library frees a list that it has
 * just made; it keeps what does not fit. */
static uint64_t take_headers(struct cup_partitions *partitions, struct cup_taken *taken)
{
    uint32_t    at = partitions->headers_used, room = CUP_TAKEN_HEADERS_BYTES - at, used = 0;
    uint64_t    bytes = 0;
    bool        fits  = true;
    const char *name;
    const void *value;
    size_t      value_bytes;

    for (uint32_t i = 0; cup_kafka_event_header(&taken->event, i, &name, &value, &value_bytes);
         i++) {
        size_t name_bytes = strlen(name);
        if (value == NULL) value_bytes = 0;
        bytes += 8 + name_bytes + value_bytes;
        fits = fits && bytes <= room;
        if (fits)
            used +=
                cup_header_put(partitions->headers + at + used, room - used, (const uint8_t *)name,
                               (uint32_t)name_bytes, value, (uint32_t)value_bytes);
    }
    if (!fits || bytes == 0) return bytes;
    CUP_ASSERT(used == bytes);
    taken->headers_at    = at;
    taken->headers_bytes = used;
    partitions->headers_used += used;
    cup_kafka_event_drop_headers(&taken->event);
    return bytes;
}

static void measure_side(struct cup_partitions *partitions, struct cup_taken *taken)
{
    uint64_t bytes = taken->event.key_bytes > 0 ? taken->event.key_bytes + 1 : 0;

    bytes += take_headers(partitions, taken);
    taken->side_bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
}

static void keep(struct cup_partitions *partitions, struct cup_partition *partition,
                 const struct cup_kafka_event *event)
{
    uint32_t          index = partitions->taken_count++;
    struct cup_taken *taken = &partitions->taken[index];

    CUP_ASSERT(index < CUP_TAKEN_MAX);
    *taken = (struct cup_taken){.event = *event};
    measure_side(partitions, taken);
    if (partition->last != 0)
        partitions->taken[partition->last - 1].next = index + 1;
    else
        partition->first = index + 1;
    partition->last       = index + 1;
    partition->next       = event->offset + 1;
    partition->at_end     = -1;
    partition->refused_ns = 0, partition->strange_count = 0;
    uint64_t bytes = (uint64_t)partitions->taken_bytes + event->value_bytes + taken->side_bytes;
    partitions->taken_bytes = bytes > CUP_BATCH_BYTES ? CUP_BATCH_BYTES : (uint32_t)bytes;
    cup_partitions_priv_announce(partitions, partition);
}

static enum cup_err meet_record(struct cup_partitions *partitions, struct cup_partition *partition,
                                struct cup_kafka_event *event, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    if (partition->state == CUP_PARTITION_VERIFYING)
        err = verify(partitions, partition, event, out_fault);
    if (err == CUP_OK && partition->state == CUP_PARTITION_READING &&
        event->offset >= partition->next && event->offset < partition->end) {
        keep(partitions, partition, event);
        event->lent = NULL;
    }
    if (event->lent != NULL) cup_kafka_event_release(event);
    if (err == CUP_OK && partition->state == CUP_PARTITION_READING &&
        (partition->next >= partition->end || event->offset >= partition->end))
        cup_partitions_priv_finish(partitions, partition);
    return err;
}

/* All records before `offset` were handed out, so none can be missing. */
static enum cup_err meet_end(struct cup_partitions *partitions, struct cup_partition *partition,
                             int64_t offset, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    if (partition->state != CUP_PARTITION_VERIFYING && partition->state != CUP_PARTITION_READING)
        return CUP_OK;
    if (offset < partition->next) return changed(partition, truncated, offset, out_fault);
    if (partition->state == CUP_PARTITION_VERIFYING) {
        partitions->anchors_gone_count++;
        err = verified(partitions, partition, out_fault);
    }
    if (err != CUP_OK || partition->state != CUP_PARTITION_READING) return err;
    partition->at_end     = offset;
    partition->refused_ns = 0;
    if (offset >= partition->end) cup_partitions_priv_finish(partitions, partition);
    return CUP_OK;
}

static enum cup_err meet_suspect(struct cup_partitions *partitions, struct cup_partition *partition,
                                 struct cup_fault *out_fault)
{
    bool known = is_anchored(partition) || partition->first != 0;

    if (partition->state == CUP_PARTITION_VERIFYING) partition->suspect = true;
    if (partition->state != CUP_PARTITION_READING || !known) return CUP_OK;
    return cup_partitions_priv_restart(partitions, partition, out_fault);
}

/* What was refused may be allowed again, and the topic be there again, but as another one. */
static enum cup_err meet_refusal(struct cup_partitions *partitions, struct cup_partition *partition,
                                 struct cup_fault *out_fault)
{
    uint64_t now = cup_clock_mono_ns();

    if (partition->state == CUP_PARTITION_ENDED) return CUP_OK;
    if (partition->refused_ns == 0) partition->refused_ns = now;
    if (now - partition->refused_ns >= REFUSED_NS_MAX) return out_fault->err;
    drop_list(partitions, partition);
    partition->state     = CUP_PARTITION_WAITING;
    partition->due_ns    = now + LOOK_NS;
    partitions->settling = true;
    return CUP_OK;
}

static void meet_out_of_range(struct cup_partitions *partitions, struct cup_partition *partition)
{
    if (partition->state == CUP_PARTITION_ENDED) return;
    partition->state     = CUP_PARTITION_ASKING;
    partition->due_ns    = 0;
    partitions->settling = true;
}

enum cup_err cup_partitions_priv_meet(struct cup_partitions  *partitions,
                                      struct cup_kafka_event *event, struct cup_fault *out_fault)
{
    CUP_ASSERT(event->tag < partitions->count);

    struct cup_partition *partition = &partitions->list[event->tag];
    switch (event->kind) {
    case CUP_KAFKA_NOTHING: break;
    case CUP_KAFKA_RECORD: return meet_record(partitions, partition, event, out_fault);
    case CUP_KAFKA_AT_END: return meet_end(partitions, partition, event->offset, out_fault);
    case CUP_KAFKA_OUT_OF_RANGE: meet_out_of_range(partitions, partition); break;
    case CUP_KAFKA_SUSPECT: return meet_suspect(partitions, partition, out_fault);
    case CUP_KAFKA_REFUSED: return meet_refusal(partitions, partition, out_fault);
    }
    return CUP_OK;
}

/* --- those that do not simply read on --- */

/* What is from `low` on is there. What was not read before it is lost; the anchor is gone too. */
static enum cup_err begin_at(struct cup_partitions *partitions, struct cup_partition *partition,
                             int64_t low, struct cup_fault *out_fault)
{
    if (low > partition->position && partitions->plan->gaps == CUP_GAPS_HALT)
        return cup_partitions_priv_fault(
            partition, CUP_INPUT_CHANGED,
            "records were deleted (retention) before they were read. To go on behind them, set "
            "kafka.gaps: skip",
            partition->position, low, out_fault);
    if (is_anchored(partition)) partitions->anchors_gone_count++;
    partition->anchor.inode = CUP_ANCHOR_NONE;
    enum cup_err err        = cup_partitions_priv_restart(partitions, partition, out_fault);
    if (err != CUP_OK || low <= partition->position) return err;
    partition->lost_to = partition->next = low;
    cup_partitions_priv_announce(partitions, partition);
    err = cup_kafka_consumer_move(partitions->consumer, tag_of(partitions, partition), low,
                                  out_fault);
    if (err == CUP_OK && low >= partition->end) cup_partitions_priv_finish(partitions, partition);
    return err;
}

/* AGAIN: no answer; the others are not asked about now. */
static enum cup_err ask(struct cup_partitions *partitions, struct cup_partition *partition,
                        uint64_t now, struct cup_fault *out_fault)
{
    struct cup_kafka_client *client = cup_kafka_consumer_client(partitions->consumer);
    int64_t                  low, high, want = partition->position;

    if (is_anchored(partition)) want = (int64_t)partition->anchor.inode;
    partition->due_ns = now + ASK_NS;
    enum cup_err err  = cup_kafka_watermarks(client, partition->topic_name, partition->number,
                                             ASK_MS, &low, &high, out_fault);
    if (err != CUP_OK) return CUP_AGAIN;
    if (high < partition->position) return changed(partition, truncated, high, out_fault);
    if (low > want) return begin_at(partitions, partition, low, out_fault);
    if (partition->strange_count++ == STRANGE_MAX)
        return cup_partitions_priv_fault(partition, CUP_IO,
                                         "the broker has these offsets and says that it has not: "
                                         "check that all replicas are well",
                                         low, high, out_fault);
    return cup_partitions_priv_restart(partitions, partition, out_fault);
}

/* Of a partition that is gone the library may say nothing. AGAIN: no answer. */
static enum cup_err ask_silent(struct cup_partitions *partitions, struct cup_partition *partition,
                               uint64_t now, struct cup_fault *out_fault)
{
    struct cup_kafka_client *client = cup_kafka_consumer_client(partitions->consumer);
    int64_t                  low, high;

    partition->due_ns = now + LOOK_NS;
    enum cup_err err  = cup_kafka_watermarks(client, partition->topic_name, partition->number,
                                             ASK_MS, &low, &high, out_fault);
    if (err == CUP_OK) return CUP_OK;
    return err == CUP_NOT_FOUND ? meet_refusal(partitions, partition, out_fault) : CUP_AGAIN;
}

static enum cup_err settle_one(struct cup_partitions *partitions, struct cup_partition *partition,
                               uint64_t now, struct cup_fault *out_fault)
{
    switch ((enum cup_partition_state)partition->state) {
    case CUP_PARTITION_READING: /* else a position stays before marks that retention deletes */
        if (partition->at_end > partition->position && now - partition->moved_ns >= LOOK_NS)
            cup_partitions_priv_announce(partitions, partition);
        break;
    case CUP_PARTITION_ASKING:
        partitions->settling = true;
        if (partition->due_ns <= now) return ask(partitions, partition, now, out_fault);
        break;
    case CUP_PARTITION_WAITING:
        partitions->settling = true;
        if (partition->due_ns <= now)
            return cup_partitions_priv_restart(partitions, partition, out_fault);
        break;
    case CUP_PARTITION_VERIFYING:
        if (partition->due_ns <= now) return ask_silent(partitions, partition, now, out_fault);
        break;
    case CUP_PARTITION_ENDED: break;
    }
    return CUP_OK;
}

enum cup_err cup_partitions_priv_settle(struct cup_partitions *partitions, uint64_t now_ns,
                                        struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    if (!partitions->settling && now_ns < partitions->settle_ns) return CUP_OK;
    partitions->settling  = false;
    partitions->settle_ns = now_ns + LOOK_NS;
    for (uint32_t i = 0; err == CUP_OK && i < partitions->count; i++)
        err = settle_one(partitions, &partitions->list[i], now_ns, out_fault);
    if (err != CUP_AGAIN) return err;
    partitions->settling = true;
    return CUP_OK;
}
