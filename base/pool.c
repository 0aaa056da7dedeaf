// SPDX-License-Identifier: Apache-2.0
#include "base/pool.h"

#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(at, bytes)   ASAN_POISON_MEMORY_REGION(at, bytes)
#define UNPOISON(at, bytes) ASAN_UNPOISON_MEMORY_REGION(at, bytes)
#else
#define POISON(at, bytes)   ((void)(at), (void)(bytes))
#define UNPOISON(at, bytes) ((void)(at), (void)(bytes))
#endif

enum cup_err cup_pool_init(struct cup_pool *pool, size_t bytes, struct cup_fault *out_fault)
{
    uint32_t blocks = (uint32_t)(bytes / CUP_BLOCK_BYTES);

    CUP_ASSERT(blocks > 0);
    CUP_ASSERT(bytes / CUP_BLOCK_BYTES < UINT32_MAX);
    uint64_t *lent = calloc((blocks + 63) / 64, sizeof *lent);
    if (lent == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "block pool map", NULL);
    void *memory = mmap(NULL, (size_t)blocks * CUP_BLOCK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        free(lent);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "block pool", NULL);
    }
    *pool = (struct cup_pool){
        .memory = memory, .lent = lent, .block_count = blocks, .free_count = blocks};
    POISON(memory, (size_t)blocks * CUP_BLOCK_BYTES);
    return CUP_OK;
}

void cup_pool_fini(struct cup_pool *pool)
{
    if (pool == NULL || pool->memory == NULL) return;
    CUP_ASSERT(pool->free_count == pool->block_count);
    UNPOISON(pool->memory, (size_t)pool->block_count * CUP_BLOCK_BYTES);
    munmap(pool->memory, (size_t)pool->block_count * CUP_BLOCK_BYTES);
    free(pool->lent);
    *pool = (struct cup_pool){0};
}

static bool is_lent(const struct cup_pool *pool, uint32_t block)
{
    return pool->lent[block / 64] >> (block % 64) & 1;
}

static void mark(struct cup_pool *pool, uint32_t from, uint32_t blocks, bool lent)
{
    for (uint32_t block = from; block < from + blocks; block++) {
        CUP_ASSERT(is_lent(pool, block) != lent);
        pool->lent[block / 64] ^= 1ull << (block % 64);
    }
}

/* First fit in [from, to); `to` when there is none. */
static uint32_t find_run(const struct cup_pool *pool, uint32_t from, uint32_t to, uint32_t blocks)
{
    uint32_t run = 0;

    for (uint32_t block = from; block < to; block++) {
        if (run == 0 && block % 64 == 0 && pool->lent[block / 64] == UINT64_MAX) {
            block += 63;
            continue;
        }
        run = is_lent(pool, block) ? 0 : run + 1;
        if (run == blocks) return block + 1 - blocks;
    }
    return to;
}

uint8_t *cup_pool_take(struct cup_pool *pool, uint32_t blocks)
{
    CUP_ASSERT(blocks > 0);
    CUP_ASSERT(blocks <= CUP_POOL_RUN_MAX);

    if (blocks > pool->free_count) return NULL;
    uint32_t at = find_run(pool, pool->hint, pool->block_count, blocks);
    if (at == pool->block_count) at = find_run(pool, 0, pool->block_count, blocks);
    if (at == pool->block_count) return NULL;
    mark(pool, at, blocks, true);
    pool->free_count -= blocks;
    if (blocks == 1) pool->hint = at + 1;
    uint8_t *run = pool->memory + (size_t)at * CUP_BLOCK_BYTES;
    UNPOISON(run, (size_t)blocks * CUP_BLOCK_BYTES);
    return run;
}

void cup_pool_give(struct cup_pool *pool, uint8_t *run, uint32_t blocks)
{
    if (run == NULL) return;
    CUP_ASSERT(run >= pool->memory);
    size_t offset = (size_t)(run - pool->memory);
    CUP_ASSERT(offset % CUP_BLOCK_BYTES == 0);
    CUP_ASSERT(offset / CUP_BLOCK_BYTES + blocks <= pool->block_count);

    uint32_t at = (uint32_t)(offset / CUP_BLOCK_BYTES);
    mark(pool, at, blocks, false);
    pool->free_count += blocks;
    if (at < pool->hint) pool->hint = at; /* low addresses first: resident memory stays small */
    POISON(run, (size_t)blocks * CUP_BLOCK_BYTES);
}

/* How many blocks are missing for `count` more bytes. */
static uint32_t blocks_missing(const struct cup_chain *chain, size_t count)
{
    size_t room = chain->last == NULL ? 0 : CUP_CHAIN_DATA_BYTES - chain->last->used;

    if (count <= room) return 0;
    return (uint32_t)((count - room + CUP_CHAIN_DATA_BYTES - 1) / CUP_CHAIN_DATA_BYTES);
}

static void chain_grow(struct cup_chain *chain)
{
    struct cup_chain_block *block = (struct cup_chain_block *)(void *)cup_pool_take(chain->pool, 1);

    CUP_ASSERT(block != NULL); /* the caller counted the free blocks */
    block->next                                                 = NULL;
    block->used                                                 = 0;
    *(chain->last == NULL ? &chain->first : &chain->last->next) = block;
    chain->last                                                 = block;
}

bool cup_chain_append(struct cup_chain *chain, const void *bytes, size_t count)
{
    CUP_ASSERT(chain->pool != NULL);
    CUP_ASSERT(bytes != NULL || count == 0);

    const uint8_t *from = bytes;
    if (blocks_missing(chain, count) > chain->pool->free_count) return false;
    while (count > 0) {
        if (chain->last == NULL || chain->last->used == CUP_CHAIN_DATA_BYTES) chain_grow(chain);
        size_t room = CUP_CHAIN_DATA_BYTES - chain->last->used;
        size_t part = count < room ? count : room;
        memcpy(chain->last->data + chain->last->used, from, part);
        chain->last->used += (uint32_t)part;
        chain->bytes += part;
        from += part;
        count -= part;
    }
    return true;
}

void cup_chain_clear(struct cup_chain *chain)
{
    for (struct cup_chain_block *block = chain->first, *next; block != NULL; block = next) {
        next = block->next;
        cup_pool_give(chain->pool, (uint8_t *)block, 1);
    }
    chain->first = chain->last = NULL;
    chain->bytes               = 0;
}
