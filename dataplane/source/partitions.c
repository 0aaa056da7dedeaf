// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/clock.h"
#include "dataplane/source/partitions_priv.h"

#define WAIT_MS         5     /* for a record, when there is none: a worker has other duties */
#define EVENTS_MAX      8192u /* met in one call; many may be dropped */
#define TAKEN_BYTES     (CUP_BATCH_BYTES / 8 * 7) /* the last one is to fit the same batch */
#define QUEUE_PART      16u                       /* of the pool's bytes: fetched records */
#define QUEUE_BYTES_MIN (2u << 20)
#define QUEUE_BYTES_MAX (32u << 20)

#define BLOCKS_OF(bytes) ((uint32_t)(((bytes) + CUP_BLOCK_BYTES - 1) / CUP_BLOCK_BYTES))
#define TAKEN_BLOCKS     BLOCKS_OF(CUP_TAKEN_MAX * sizeof(struct cup_taken))
#define RECORD_BLOCKS    BLOCKS_OF(CUP_TAKEN_MAX * sizeof(struct cup_record))
#define REGION_BLOCKS    BLOCKS_OF(CUP_BATCH_BYTES + CUP_BATCH_PADDING)
#define HEADERS_BLOCKS   BLOCKS_OF(CUP_TAKEN_HEADERS_BYTES)
_Static_assert(CUP_TAKEN_MAX <= CUP_BATCH_RECORDS_MAX, "all that was taken may be one batch");
_Static_assert(QUEUE_BYTES_MAX / CUP_BLOCK_BYTES <= CUP_POOL_RUN_MAX, "the reserve is one run");

/* --- open and close --- */

static uint64_t queue_bytes_of(const struct cup_plan *plan)
{
    uint64_t bytes = plan->pool_bytes / QUEUE_PART;

    if (bytes < QUEUE_BYTES_MIN) bytes = QUEUE_BYTES_MIN;
    return bytes > QUEUE_BYTES_MAX ? QUEUE_BYTES_MAX : bytes;
}

/* The library's queue is on the heap; blocks that are never touched stand for it in the budget. */
static bool borrow(struct cup_partitions *partitions, uint64_t queue_bytes)
{
    struct cup_pool *pool = partitions->pool;

    partitions->reserved_blocks = BLOCKS_OF(queue_bytes);
    partitions->reserved        = cup_pool_take(pool, partitions->reserved_blocks);
    partitions->region          = cup_pool_take(pool, REGION_BLOCKS);
    partitions->taken           = (void *)cup_pool_take(pool, TAKEN_BLOCKS);
    partitions->records         = (void *)cup_pool_take(pool, RECORD_BLOCKS);
    partitions->headers         = cup_pool_take(pool, HEADERS_BLOCKS);
    return partitions->reserved != NULL && partitions->region != NULL &&
           partitions->taken != NULL && partitions->records != NULL && partitions->headers != NULL;
}

enum cup_err cup_partitions_priv_open(const struct cup_plan *plan, struct cup_pool *pool,
                                      struct cup_topics      *topics,
                                      struct cup_partitions **out_partitions,
                                      struct cup_fault       *out_fault)
{
    struct cup_kafka_setting settings[CUP_KAFKA_SETTINGS_MAX];
    struct cup_partitions   *partitions = calloc(1, sizeof *partitions);

    if (partitions == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "partitions", NULL);
    partitions->plan                        = plan;
    partitions->pool                        = pool;
    partitions->topics                      = topics;
    struct cup_kafka_consumer_config config = {
        .settings      = settings,
        .setting_count = cup_kafka_settings(plan, &plan->kafka, settings, CUP_KAFKA_SETTINGS_MAX),
        .queue_bytes   = queue_bytes_of(plan),
        .record_bytes_max = plan->record_bytes_max,
    };
    enum cup_err err = CUP_OK;
    if (!borrow(partitions, config.queue_bytes))
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "buffers of a consumer", NULL);
    if (err == CUP_OK) err = cup_kafka_consumer_open(&config, &partitions->consumer, out_fault);
    if (err != CUP_OK) {
        cup_partitions_priv_close(partitions);
        return err;
    }
    *out_partitions = partitions;
    return CUP_OK;
}

static void drop_taken(struct cup_partitions *partitions)
{
    for (uint32_t i = 0; i < partitions->taken_count; i++) {
        struct cup_kafka_event *event = &partitions->taken[i].event;
        if (event->lent != NULL) cup_kafka_event_release(event);
    }
    partitions->taken_count = partitions->taken_bytes = partitions->headers_used = 0;
}

void cup_partitions_priv_close(struct cup_partitions *partitions)
{
    if (partitions == NULL) return;
    drop_taken(partitions);
    cup_kafka_consumer_close(partitions->consumer);
    cup_pool_give(partitions->pool, partitions->long_region, partitions->long_blocks);
    cup_pool_give(partitions->pool, partitions->reserved, partitions->reserved_blocks);
    cup_pool_give(partitions->pool, partitions->region, REGION_BLOCKS);
    cup_pool_give(partitions->pool, (void *)partitions->taken, TAKEN_BLOCKS);
    cup_pool_give(partitions->pool, (void *)partitions->records, RECORD_BLOCKS);
    cup_pool_give(partitions->pool, partitions->headers, HEADERS_BLOCKS);
    for (uint32_t i = 0; i < partitions->count; i++)
        free((void *)(uintptr_t)partitions->list[i].name);
    free(partitions->list);
    free(partitions->ready);
    free(partitions);
}

/* --- partitions --- */

enum cup_err cup_partitions_priv_fault(const struct cup_partition *partition, enum cup_err err,
                                       const char *what, int64_t from, int64_t to,
                                       struct cup_fault *out_fault)
{
    char where[CUP_FAULT_WHERE_BYTES];

    snprintf(where, sizeof where, "%s, partition %d, offset %lld to %lld", partition->topic_name,
             partition->number, (long long)from, (long long)to);
    (void)cup_fault_set(out_fault, err, what, where);
    if (out_fault != NULL) out_fault->at_offset = (uint64_t)partition->position;
    return err;
}

static bool make_room(struct cup_partitions *partitions)
{
    uint32_t cap = partitions->cap == 0 ? 16 : partitions->cap * 2;

    if (partitions->count < partitions->cap) return true;
    struct cup_partition *list  = realloc(partitions->list, cap * sizeof *list);
    uint32_t             *ready = list == NULL ? NULL : calloc(cap, sizeof *ready);
    if (list != NULL) partitions->list = list;
    if (ready == NULL) return false;
    for (uint32_t i = 0; i < partitions->ready_count; i++)
        ready[i] = partitions->ready[(partitions->ready_at + i) % partitions->cap];
    free(partitions->ready);
    partitions->ready    = ready;
    partitions->ready_at = 0;
    partitions->cap      = cap;
    return true;
}

enum cup_err cup_partitions_priv_add(struct cup_partitions             *partitions,
                                     const struct cup_source_partition *what,
                                     struct cup_fault                  *out_fault)
{
    bool     anchored = what->anchor.inode != CUP_ANCHOR_NONE;
    uint32_t topic    = 0;

    CUP_ASSERT(what->start >= 0 && what->partition >= 0);
    CUP_ASSERT(!anchored || (int64_t)what->anchor.inode < what->start);
    char *name = make_room(partitions) ? strdup(what->name) : NULL;
    if (name == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "partitions", what->name);
    struct cup_partition *partition = &partitions->list[partitions->count];
    *partition                      = (struct cup_partition){
                             .name     = name,
                             .input    = what->input,
                             .number   = what->partition,
                             .state    = anchored ? CUP_PARTITION_VERIFYING : CUP_PARTITION_READING,
                             .position = what->start,
                             .next     = what->start,
                             .end      = what->end,
                             .at_end   = -1,
                             .last_ms  = INT64_MIN,
                             .anchor   = what->anchor,
                             .moved_ns = cup_clock_mono_ns(),
                             .due_ns   = cup_clock_mono_ns() + CUP_PARTITION_SILENCE_NS,
    };
    enum cup_err err = cup_topics_priv_followed(partitions->topics, what->topic, &topic, out_fault);
    if (err == CUP_OK)
        err = cup_kafka_consumer_add(partitions->consumer, what->topic, what->partition,
                                     anchored ? (int64_t)what->anchor.inode : what->start,
                                     partitions->count, out_fault);
    if (err != CUP_OK) {
        free(name);
        return err;
    }
    partition->topic      = topic;
    partition->topic_name = partitions->topics->rows[topic].name;
    partitions->count++;
    if (anchored || what->start < what->end) return CUP_OK;
    if (what->start == what->end) {
        cup_partitions_priv_finish(partitions, partition);
    } else { /* truncated, or `end` is from a replica that is behind */
        partition->state     = CUP_PARTITION_ASKING;
        partitions->settling = true;
    }
    return CUP_OK;
}

uint32_t cup_partitions_priv_lags(const struct cup_partitions *partitions,
                                  struct cup_source_lag *out_lags, uint32_t cap)
{
    for (uint32_t i = 0; i < partitions->count && i < cap; i++) {
        const struct cup_partition *partition = &partitions->list[i];
        int64_t                     position  = partition->position;
        if (partition->first == 0 && partition->at_end > position) position = partition->at_end;
        out_lags[i] = (struct cup_source_lag){
            .input    = partition->input,
            .position = position,
            .high     = cup_kafka_consumer_high(partitions->consumer, i),
            .last_ms  = partition->last_ms,
        };
    }
    return partitions->count;
}

void cup_partitions_priv_announce(struct cup_partitions *partitions,
                                  struct cup_partition  *partition)
{
    if (partition->queued) return;
    CUP_ASSERT(partitions->ready_count < partitions->cap);
    uint32_t at           = (partitions->ready_at + partitions->ready_count++) % partitions->cap;
    partitions->ready[at] = (uint32_t)(partition - partitions->list);
    partition->queued     = true;
}

/* --- the next batch --- */

/* What is queued now, as much as makes a batch; waits only when there is nothing. */
static enum cup_err take(struct cup_partitions *partitions, struct cup_fault *out_fault)
{
    enum cup_err err     = CUP_OK;
    int          wait_ms = WAIT_MS;

    drop_taken(partitions);
    for (uint32_t i = 0; err == CUP_OK && i < EVENTS_MAX; i++) {
        struct cup_kafka_event event;
        if (partitions->taken_count == CUP_TAKEN_MAX) break;
        if (partitions->taken_bytes >= TAKEN_BYTES) break;
        err = cup_kafka_consumer_next(partitions->consumer, wait_ms, &event, out_fault);
        if (err != CUP_OK || event.kind == CUP_KAFKA_NOTHING) break;
        err     = cup_partitions_priv_meet(partitions, &event, out_fault);
        wait_ms = 0;
    }
    return err;
}

static bool has_more(const struct cup_partition *partition)
{
    return partition->first != 0 || partition->lost_to > partition->position || partition->ends;
}

/* What was taken of a partition that was begun anew behind that is dropped: the batch has nothing.
 */
static bool is_empty(const struct cup_batch *batch)
{
    return batch->start == batch->end && batch->record_count == 0 && !batch->ends_input;
}

/* A partition stays the first until all that was taken of it is handed out. */
static enum cup_err hand_out(struct cup_partitions *partitions, struct cup_batch *out_batch,
                             struct cup_fault *out_fault)
{
    struct cup_partition *partition = &partitions->list[partitions->ready[partitions->ready_at]];

    enum cup_err err = cup_partitions_priv_make(partitions, partition, out_batch, out_fault);
    if (err != CUP_OK) return err;
    partitions->ended_count += out_batch->ends_input;
    if (has_more(partition)) return CUP_OK;
    partition->queued    = false;
    partitions->ready_at = (partitions->ready_at + 1) % partitions->cap;
    partitions->ready_count--;
    return is_empty(out_batch) ? CUP_AGAIN : CUP_OK;
}

enum cup_err cup_partitions_priv_next(struct cup_partitions *partitions,
                                      struct cup_batch *out_batch, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    cup_pool_give(partitions->pool, partitions->long_region, partitions->long_blocks);
    partitions->long_region = NULL;
    if (partitions->ready_count > 0) return hand_out(partitions, out_batch, out_fault);
    if (partitions->plan->until_end && partitions->ended_count == partitions->count) return CUP_END;
    err = cup_partitions_priv_settle(partitions, cup_clock_mono_ns(), out_fault);
    if (err == CUP_OK && partitions->ready_count == 0) err = take(partitions, out_fault);
    if (err != CUP_OK) return err;
    return partitions->ready_count > 0 ? hand_out(partitions, out_batch, out_fault) : CUP_AGAIN;
}
