// SPDX-License-Identifier: Apache-2.0
/* pool: one worker's memory, cut into 64 KiB blocks that rooms borrow and return.
 *
 * Holds     one mapping made at boot; a bitmap of what is lent.
 * Owner     one worker (or one short-lived tool).
 * Threads   one.
 * Fails     init (NO_MEMORY). Taking from an empty pool is no error: it returns NULL, and the
 * caller closes a row group or stops reading (back-pressure). Bounds    a run
 * is 1..CUP_POOL_RUN_MAX adjacent blocks; under ASan what is not lent is poisoned. Tests
 * tests/base/test_pool.c
 */
#ifndef CUP_BASE_POOL_H
#define CUP_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CUP_BLOCK_BYTES  (64u << 10)
#define CUP_POOL_RUN_MAX 1024u /* 64 MiB: one record of 16 MiB, unescaped and copied, fits */

struct cup_pool {
    uint8_t  *memory; /* block_count * CUP_BLOCK_BYTES, page aligned */
    uint64_t *lent;   /* bit i: block i is lent */
    uint32_t  block_count, free_count;
    uint32_t  hint; /* where the next search starts */
};

/* cup_pool_init maps `bytes` (rounded down to blocks) of zeroed memory; it is touched on first use.
 */
CUP_MUST_CHECK enum cup_err cup_pool_init(struct cup_pool *pool, size_t bytes,
                                          struct cup_fault *out_fault);

/* cup_pool_fini unmaps; every block must have been returned (asserted). */
void cup_pool_fini(struct cup_pool *pool);

/* cup_pool_take lends `blocks` adjacent blocks (not zeroed); NULL when there is no such run. */
CUP_MUST_CHECK uint8_t *cup_pool_take(struct cup_pool *pool, uint32_t blocks);

/* cup_pool_give returns a run exactly as it was taken. NULL is accepted. */
void cup_pool_give(struct cup_pool *pool, uint8_t *run, uint32_t blocks);

/* A chain is a growing sequence of bytes in borrowed blocks; used for page bytes and footers. */
struct cup_chain_block {
    struct cup_chain_block *next;
    uint32_t                used; /* bytes in data[] */
    uint32_t                pad;
    uint8_t                 data[];
};
#define CUP_CHAIN_DATA_BYTES (CUP_BLOCK_BYTES - 16u)
_Static_assert(sizeof(struct cup_chain_block) == 16, "CUP_CHAIN_DATA_BYTES counts this header");

struct cup_chain {
    struct cup_pool        *pool;
    struct cup_chain_block *first, *last;
    uint64_t                bytes;
};

/* cup_chain_append copies bytes to the end. False when the pool is empty: the chain is then as it
 * was before the call. */
CUP_MUST_CHECK bool cup_chain_append(struct cup_chain *chain, const void *bytes, size_t count);

/* cup_chain_clear returns all blocks. The chain can be used again. */
void cup_chain_clear(struct cup_chain *chain);

#endif
