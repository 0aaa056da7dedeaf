// SPDX-License-Identifier: Apache-2.0
#include "dataplane/worker/spill.h"

#include <string.h>

#define BUFFER_BLOCKS 4u /* of a run being written */
#define BUFFER_BYTES  (BUFFER_BLOCKS * CUP_BLOCK_BYTES)
#define CURSOR_BYTES  (CUP_SPILL_CURSOR_BLOCKS * CUP_BLOCK_BYTES)

void cup_spill_init(struct cup_spill *spill, struct cup_store *store, struct cup_pool *pool,
                    uint32_t run_max)
{
    CUP_ASSERT(run_max > 0);
    memset(spill, 0, sizeof *spill);
    spill->store   = store;
    spill->pool    = pool;
    spill->fd      = -1;
    spill->run_max = run_max < CUP_SPILL_RUNS_MAX ? run_max : CUP_SPILL_RUNS_MAX;
}

/* --- writing --- */

struct writer {
    struct cup_spill *spill;
    uint8_t          *buffer;
    uint32_t          used;
    uint64_t          at; /* in the file */
};

static enum cup_err flush(struct writer *writer, struct cup_fault *out_fault)
{
    struct cup_spill *spill = writer->spill;
    enum cup_err      err   = cup_store_scratch_write(spill->store, spill->fd, writer->buffer,
                                                      writer->used, writer->at, out_fault);

    writer->at += writer->used;
    writer->used = 0;
    return err;
}

static enum cup_err put_group(struct writer *writer, const struct cup_stage_group *group,
                              struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    for (const struct cup_staged *row = group->first; row != NULL; row = row->next) {
        uint32_t bytes = cup_staged_bytes(row);
        if (writer->used + bytes > BUFFER_BYTES) err = flush(writer, out_fault);
        if (err != CUP_OK) return err;
        memcpy(writer->buffer + writer->used, row, bytes);
        writer->used += bytes;
    }
    return CUP_OK;
}

enum cup_err cup_spill_run(struct cup_spill *spill, const struct cup_stage *stage,
                           struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    CUP_ASSERT(!cup_spill_full(spill));
    CUP_ASSERT(stage->group_count > 0);
    struct writer writer = {
        .spill = spill, .buffer = cup_pool_take(spill->pool, BUFFER_BLOCKS), .at = spill->bytes};
    if (writer.buffer == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "buffer of a scratch file", NULL);
    if (spill->fd < 0) err = cup_store_scratch_open(spill->store, &spill->fd, out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < stage->group_count; i++)
        err = put_group(&writer, &stage->groups[i], out_fault);
    if (err == CUP_OK) err = flush(&writer, out_fault);
    cup_pool_give(spill->pool, writer.buffer, BUFFER_BLOCKS);
    if (err != CUP_OK) return err;
    spill->cursors[spill->run_count++] =
        (struct cup_spill_cursor){.at = spill->bytes, .end = writer.at};
    spill->bytes = writer.at;
    return CUP_OK;
}

/* --- merging --- */

static const struct cup_staged *row_at(const struct cup_spill_cursor *cursor)
{
    return (const struct cup_staged *)(const void *)(cursor->buffer + cursor->from);
}

/* Does the buffer hold a whole row? */
static bool has_row(const struct cup_spill_cursor *cursor)
{
    uint32_t held = cursor->to - cursor->from;

    return held >= sizeof(struct cup_staged) && held >= cup_staged_bytes(row_at(cursor));
}

/* Moves what is left to the front and reads on behind it. */
static enum cup_err refill(struct cup_spill *spill, struct cup_spill_cursor *cursor,
                           struct cup_fault *out_fault)
{
    uint32_t held = cursor->to - cursor->from;
    uint64_t left = cursor->end - cursor->at, room = CURSOR_BYTES - held;
    uint32_t more = (uint32_t)(left < room ? left : room);

    memmove(cursor->buffer, cursor->buffer + cursor->from, held);
    cursor->from     = 0;
    cursor->to       = held + more;
    enum cup_err err = cup_store_scratch_read(spill->store, spill->fd, cursor->buffer + held, more,
                                              cursor->at, out_fault);
    cursor->at += more;
    return err;
}

/* Rows of one group come in the order of their runs. */
static bool is_before(const struct cup_spill *spill, uint32_t a, uint32_t b)
{
    int order = cup_stage_compare(row_at(&spill->cursors[a]), row_at(&spill->cursors[b]));

    return order < 0 || (order == 0 && a < b);
}

static void sink(struct cup_spill *spill, uint32_t at)
{
    uint32_t *heap = spill->heap, cursor = heap[at];

    for (uint32_t child; (child = 2 * at + 1) < spill->heap_count; at = child) {
        if (child + 1 < spill->heap_count && is_before(spill, heap[child + 1], heap[child]))
            child++;
        if (!is_before(spill, heap[child], cursor)) break;
        heap[at] = heap[child];
    }
    heap[at] = cursor;
}

static void give_buffers(struct cup_spill *spill)
{
    for (uint32_t i = 0; i < spill->run_count; i++) {
        cup_pool_give(spill->pool, spill->cursors[i].buffer, CUP_SPILL_CURSOR_BLOCKS);
        spill->cursors[i].buffer = NULL;
    }
}

enum cup_err cup_spill_merge(struct cup_spill *spill, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    CUP_ASSERT(spill->heap_count == 0);
    for (uint32_t i = 0; i < spill->run_count; i++) {
        spill->cursors[i].buffer = cup_pool_take(spill->pool, CUP_SPILL_CURSOR_BLOCKS);
        if (spill->cursors[i].buffer != NULL) continue;
        give_buffers(spill);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "buffers of a merge", NULL);
    }
    for (uint32_t i = 0; err == CUP_OK && i < spill->run_count; i++) {
        err            = refill(spill, &spill->cursors[i], out_fault);
        spill->heap[i] = i;
        CUP_ASSERT(err != CUP_OK || has_row(&spill->cursors[i])); /* no run is empty */
    }
    if (err != CUP_OK) return err;
    spill->heap_count = spill->run_count;
    for (uint32_t i = spill->heap_count / 2; i-- > 0;)
        sink(spill, i);
    return CUP_OK;
}

const struct cup_staged *cup_spill_row(const struct cup_spill *spill)
{
    return spill->heap_count == 0 ? NULL : row_at(&spill->cursors[spill->heap[0]]);
}

enum cup_err cup_spill_next(struct cup_spill *spill, struct cup_fault *out_fault)
{
    CUP_ASSERT(spill->heap_count > 0);
    struct cup_spill_cursor *cursor = &spill->cursors[spill->heap[0]];

    cursor->from += cup_staged_bytes(row_at(cursor));
    if (!has_row(cursor) && cursor->at < cursor->end) {
        enum cup_err err = refill(spill, cursor, out_fault);
        if (err != CUP_OK) return err;
    }
    CUP_ASSERT(cursor->from == cursor->to || has_row(cursor));
    if (cursor->from == cursor->to) spill->heap[0] = spill->heap[--spill->heap_count];
    if (spill->heap_count > 0) sink(spill, 0);
    return CUP_OK;
}

void cup_spill_clear(struct cup_spill *spill)
{
    give_buffers(spill);
    if (spill->fd >= 0) cup_store_scratch_close(spill->store, spill->fd);
    spill->fd         = -1;
    spill->bytes      = 0;
    spill->run_count  = 0;
    spill->heap_count = 0;
}
