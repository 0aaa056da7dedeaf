// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/clock.h"
#include "dataplane/source/partitions_priv.h"

#define PIECE_BYTES (CUP_BATCH_BYTES - 1) /* as the pieces of a line */

static struct cup_taken *taken_at(const struct cup_partitions *partitions, uint32_t link)
{
    return link == 0 ? NULL : &partitions->taken[link - 1];
}

/* What a record takes in the region. */
static uint64_t bytes_of(const struct cup_taken *taken)
{
    return taken->event.value_bytes + 1 + (uint64_t)taken->side_bytes;
}

static uint8_t kind_of(const void *bytes, size_t count)
{
    if (bytes == NULL) return CUP_VALUE_NULL;
    return count == 0 ? CUP_VALUE_EMPTY : CUP_VALUE_BYTES;
}

/* A key and headers that nobody would write are left behind, and the record is refused. */
static bool is_oversize(const struct cup_partitions *partitions, const struct cup_taken *taken)
{
    uint32_t most = partitions->plan->record_bytes_max;

    return taken->event.value_bytes > most || taken->side_bytes > most;
}

static uint8_t *region_of(struct cup_partitions *partitions)
{
    return partitions->long_region != NULL ? partitions->long_region : partitions->region;
}

/* A region for so many bytes. */
static enum cup_err make_room(struct cup_partitions *partitions, uint64_t bytes,
                              struct cup_fault *out_fault)
{
    partitions->region_used  = 0;
    partitions->record_count = 0;
    if (bytes <= CUP_BATCH_BYTES) return CUP_OK;
    uint64_t blocks         = (bytes + CUP_BATCH_PADDING + CUP_BLOCK_BYTES - 1) / CUP_BLOCK_BYTES;
    partitions->long_blocks = (uint32_t)blocks;
    partitions->long_region = cup_pool_take(partitions->pool, partitions->long_blocks);
    if (partitions->long_region != NULL) return CUP_OK;
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "region of a long record", NULL);
}
_Static_assert(2ull * CUP_RECORD_BYTES_MAX + 2ull * CUP_BLOCK_BYTES <=
                   (uint64_t)CUP_POOL_RUN_MAX * CUP_BLOCK_BYTES,
               "the longest value with its key and headers fits a run");

/* --- copying: the values first, then what stands behind them --- */

static void put_value(struct cup_partitions *partitions, const struct cup_partition *partition,
                      const struct cup_kafka_event *event, const void *value, size_t bytes)
{
    struct cup_record *record = &partitions->records[partitions->record_count++];
    uint8_t           *region = region_of(partitions);

    *record = (struct cup_record){
        .topic        = partition->topic,
        .partition    = partition->number,
        .offset       = event->offset,
        .timestamp_ms = event->timestamp_ms,
        .position     = (uint64_t)event->offset,
        .whole_bytes  = bytes,
        .value_kind   = kind_of(value, bytes),
        .key_kind     = CUP_VALUE_NULL,
    };
    if (record->value_kind != CUP_VALUE_BYTES) return;
    record->value_at    = partitions->region_used;
    record->value_bytes = (uint32_t)bytes;
    memcpy(region + partitions->region_used, value, bytes);
    region[partitions->region_used + bytes] = '\n';
    partitions->region_used += (uint32_t)bytes + 1;
}

static void put_side(struct cup_partitions *partitions, const struct cup_taken *taken,
                     struct cup_record *record)
{
    const struct cup_kafka_event *event = &taken->event;

    uint8_t    *region = region_of(partitions);
    uint32_t    at     = partitions->region_used;
    const char *name;
    const void *value;
    size_t      bytes;

    record->key_kind = kind_of(event->key, event->key_bytes);
    if (record->key_kind == CUP_VALUE_BYTES) {
        record->key_at    = at;
        record->key_bytes = (uint32_t)event->key_bytes;
        memcpy(region + at, event->key, event->key_bytes);
        region[at + event->key_bytes] = '\n';
        at += record->key_bytes + 1;
    }
    uint32_t headers_at = at;
    memcpy(region + at, partitions->headers + taken->headers_at, taken->headers_bytes);
    at += taken->headers_bytes;
    for (uint32_t i = 0; cup_kafka_event_header(event, i, &name, &value, &bytes); i++)
        at += cup_header_put(region + at, UINT32_MAX, (const uint8_t *)name, (uint32_t)strlen(name),
                             value, value != NULL ? (uint32_t)bytes : 0);
    record->headers_bytes = at - headers_at;
    if (record->headers_bytes > 0) record->headers_at = headers_at;
    partitions->region_used = at;
}

/* --- batches --- */

/* The first of the list is in the batch. */
static void pass(struct cup_partitions *partitions, struct cup_partition *partition)
{
    struct cup_taken *taken = taken_at(partitions, partition->first);

    partition->position = taken->event.offset + 1;
    partition->last_ms  = taken->event.timestamp_ms;
    partition->first    = taken->next;
    if (partition->first == 0) partition->last = 0;
    cup_kafka_event_release(&taken->event);
}

static void set_anchor(struct cup_partition *partition, const struct cup_kafka_event *event)
{
    uint64_t device          = partition->anchor.device;
    partition->anchor        = cup_partitions_priv_identity(event);
    partition->anchor.device = device;
}

static enum cup_err make_records(struct cup_partitions *partitions, struct cup_partition *partition,
                                 struct cup_fault *out_fault)
{
    struct cup_taken *taken = taken_at(partitions, partition->first), *last = NULL;
    uint64_t          bytes = 0;

    enum cup_err err = make_room(partitions, bytes_of(taken), out_fault);
    if (err != CUP_OK) return err;
    for (; taken != NULL && !is_oversize(partitions, taken);
         taken = taken_at(partitions, taken->next)) {
        bytes += bytes_of(taken);
        if (last != NULL && bytes > CUP_BATCH_BYTES) break;
        put_value(partitions, partition, &taken->event, taken->event.value,
                  taken->event.value_bytes);
        last = taken;
    }
    CUP_ASSERT(last != NULL);
    set_anchor(partition, &last->event);
    for (uint32_t i = 0; i < partitions->record_count; i++) {
        taken = taken_at(partitions, partition->first);
        if (taken->side_bytes > 0 || taken->event.key != NULL)
            put_side(partitions, taken, &partitions->records[i]);
        pass(partitions, partition);
    }
    return CUP_OK;
}

/* The next piece of a value that is too long; the last one has key and headers. */
static enum cup_err make_piece(struct cup_partitions *partitions, struct cup_partition *partition,
                               struct cup_fault *out_fault)
{
    struct cup_taken             *taken = taken_at(partitions, partition->first);
    const struct cup_kafka_event *event = &taken->event;
    size_t                        left  = event->value_bytes - partitions->piece_at;
    bool                          part  = left > PIECE_BYTES;
    size_t                        bytes = part ? PIECE_BYTES : left;
    bool     sided = !part && taken->side_bytes <= partitions->plan->record_bytes_max;
    uint64_t need  = bytes + 1 + (sided ? (uint64_t)taken->side_bytes : 0);

    enum cup_err err = make_room(partitions, need, out_fault);
    if (err != CUP_OK) return err;
    const uint8_t *value = event->value;
    if (value != NULL) value += partitions->piece_at;
    put_value(partitions, partition, event, value, bytes);
    struct cup_record *record = &partitions->records[0];
    if (sided) put_side(partitions, taken, record);
    partitions->piece_at += bytes;
    record->whole_bytes = partitions->piece_at;
    record->flags       = part ? CUP_RECORD_PART : CUP_RECORD_OVERSIZE;
    if (part) return CUP_OK;
    partitions->piece_at = 0;
    set_anchor(partition, event);
    pass(partitions, partition);
    return CUP_OK;
}

/* Where the partition stands when there is no record left: behind transaction marks and compacted
 * records that nobody will ever see. */
static void move_to_end(struct cup_partition *partition)
{
    int64_t end = partition->at_end < partition->end ? partition->at_end : partition->end;

    if (partition->ends && partition->end > end) end = partition->end;
    if (partition->first == 0 && end > partition->position) partition->position = end;
    if (partition->next < partition->position) partition->next = partition->position;
}

enum cup_err cup_partitions_priv_make(struct cup_partitions *partitions,
                                      struct cup_partition *partition, struct cup_batch *out_batch,
                                      struct cup_fault *out_fault)
{
    int64_t      start = partition->position;
    uint64_t     lost  = 0;
    enum cup_err err   = CUP_OK;

    partitions->record_count = partitions->region_used = 0;
    if (partition->lost_to > start) {
        lost                = (uint64_t)(partition->lost_to - start);
        partition->position = partition->lost_to;
    } else if (partition->first != 0) {
        bool oversize = is_oversize(partitions, taken_at(partitions, partition->first));
        err           = oversize ? make_piece(partitions, partition, out_fault)
                                 : make_records(partitions, partition, out_fault);
    }
    if (err != CUP_OK) return err;
    if (lost == 0) move_to_end(partition);
    partition->moved_ns      = cup_clock_mono_ns();
    partitions->batch_anchor = partition->anchor;
    bool anchored            = partition->anchor.inode != CUP_ANCHOR_NONE;
    *out_batch               = (struct cup_batch){
                      .region       = region_of(partitions),
                      .region_bytes = partitions->region_used,
                      .record_count = partitions->record_count,
                      .records      = partitions->records,
                      .name         = partition->name,
                      .input        = partition->input,
                      .start        = (uint64_t)start,
                      .end          = (uint64_t)partition->position,
                      .lost_count   = lost,
                      .anchor       = anchored ? &partitions->batch_anchor : NULL,
                      .ends_input   = partition->ends && lost == 0 && partition->first == 0,
    };
    if (out_batch->ends_input) partition->ends = false;
    return CUP_OK;
}
