// SPDX-License-Identifier: Apache-2.0
#include "dataplane/source/buffer_priv.h"

#include <string.h>

bool cup_buffer_priv_borrow(struct cup_buffer *buffer)
{
    if (buffer->base != NULL) return true;
    buffer->base   = cup_pool_take(buffer->pool, CUP_BUFFER_BLOCKS);
    buffer->run    = buffer->base;
    buffer->blocks = CUP_BUFFER_BLOCKS;
    return buffer->base != NULL;
}

static void drop_long_run(struct cup_buffer *buffer)
{
    if (buffer->run != buffer->base) cup_pool_give(buffer->pool, buffer->run, buffer->blocks);
    buffer->run    = buffer->base;
    buffer->blocks = CUP_BUFFER_BLOCKS;
}

void cup_buffer_priv_release(struct cup_buffer *buffer)
{
    if (buffer->base == NULL) return;
    drop_long_run(buffer);
    cup_pool_give(buffer->pool, buffer->base, CUP_BUFFER_BLOCKS);
    buffer->base = buffer->run = NULL;
}

void cup_buffer_priv_reset(struct cup_buffer *buffer, uint64_t position, uint32_t line_bytes_max)
{
    CUP_ASSERT(buffer->base != NULL);

    drop_long_run(buffer);
    size_t bytes       = (size_t)line_bytes_max + CUP_READER_CHUNK + CUP_BUFFER_SPARE;
    buffer->blocks_max = (uint32_t)((bytes + CUP_BLOCK_BYTES - 1) / CUP_BLOCK_BYTES);
    if (buffer->blocks_max < CUP_BUFFER_BLOCKS) buffer->blocks_max = CUP_BUFFER_BLOCKS;
    CUP_ASSERT(buffer->blocks_max <= CUP_POOL_RUN_MAX);
    buffer->from = buffer->at = buffer->to = 0;
    buffer->position                       = position;
}

/* Moves the tail to the front of `run`, which may be the run that it is in. */
static void move_tail(struct cup_buffer *buffer, uint8_t *run)
{
    memmove(run, buffer->run + buffer->from, buffer->to - buffer->from);
    buffer->position += buffer->from;
    buffer->at -= buffer->from;
    buffer->to -= buffer->from;
    buffer->from = 0;
}

static bool grow(struct cup_buffer *buffer)
{
    uint32_t blocks = buffer->blocks * 2;

    if (blocks > buffer->blocks_max) blocks = buffer->blocks_max;
    CUP_ASSERT(blocks > buffer->blocks); /* lines asks for no more than line_bytes_max */
    uint8_t *run = cup_pool_take(buffer->pool, blocks);
    if (run == NULL) return false;
    move_tail(buffer, run);
    drop_long_run(buffer);
    buffer->run    = run;
    buffer->blocks = blocks;
    return true;
}

bool cup_buffer_priv_room(struct cup_buffer *buffer)
{
    size_t tail = buffer->to - buffer->from;
    size_t base = CUP_BUFFER_BLOCKS * CUP_BLOCK_BYTES - CUP_BUFFER_SPARE;

    if (buffer->run != buffer->base && tail + CUP_READER_CHUNK <= base) {
        move_tail(buffer, buffer->base);
        drop_long_run(buffer);
    } else if (tail + CUP_READER_CHUNK > cup_buffer_priv_capacity(buffer)) {
        return grow(buffer);
    } else if (buffer->from > 0) {
        move_tail(buffer, buffer->run);
    }
    return true;
}

size_t cup_buffer_priv_goal(const struct cup_buffer *buffer)
{
    size_t goal = buffer->to + CUP_READER_CHUNK;

    if (buffer->run != buffer->base) goal = cup_buffer_priv_capacity(buffer);
    return goal < CUP_BATCH_BYTES ? CUP_BATCH_BYTES : goal;
}
