// SPDX-License-Identifier: Apache-2.0
/* Goal:   the pool lends each block once, gives runs back whole, and a chain keeps its bytes in
 * order. Method: random takes and gives against a plain array of owners; chains against one long
 * string; a full pool must refuse and stay as it was. */
#include "base/pool.h"

#include "tests/check.h"

#define BLOCKS 300u
#define RUNS   64u

struct run {
    uint8_t *at;
    uint32_t blocks;
    uint8_t  mark;
};

/* Fills the ends of each block, so that a block lent twice is seen. */
static void mark_run(const struct run *run)
{
    for (uint32_t i = 0; i < run->blocks; i++) {
        run->at[(size_t)i * CUP_BLOCK_BYTES]           = run->mark;
        run->at[(size_t)(i + 1) * CUP_BLOCK_BYTES - 1] = run->mark;
    }
}

static void check_run(const struct run *run)
{
    for (uint32_t i = 0; i < run->blocks; i++) {
        CHECK(run->at[(size_t)i * CUP_BLOCK_BYTES] == run->mark);
        CHECK(run->at[(size_t)(i + 1) * CUP_BLOCK_BYTES - 1] == run->mark);
    }
}

static void check_random(struct cup_rnd *rnd)
{
    struct cup_pool  pool;
    struct cup_fault fault;
    struct run       runs[RUNS] = {0};
    uint32_t         lent = 0, refused = 0;

    CHECK(cup_pool_init(&pool, (size_t)BLOCKS * CUP_BLOCK_BYTES + 1, &fault) == CUP_OK);
    CHECK(pool.block_count == BLOCKS);
    for (uint32_t step = 0; step < 20000; step++) {
        struct run *run = &runs[cup_rnd_below(rnd, RUNS)];
        if (run->at != NULL) {
            check_run(run);
            cup_pool_give(&pool, run->at, run->blocks);
            lent -= run->blocks;
            *run = (struct run){0};
        } else {
            run->blocks = 1 + cup_rnd_below(rnd, 20);
            run->mark   = (uint8_t)step;
            run->at     = cup_pool_take(&pool, run->blocks);
            refused += run->at == NULL;
            if (run->at != NULL) mark_run(run);
            lent += run->at != NULL ? run->blocks : 0;
        }
        CHECK(pool.free_count == BLOCKS - lent);
    }
    CHECK(refused > 0); /* or the test never saw a short pool */
    for (uint32_t i = 0; i < RUNS; i++)
        cup_pool_give(&pool, runs[i].at, runs[i].blocks);
    uint8_t *whole = cup_pool_take(&pool, BLOCKS);
    CHECK(whole == pool.memory); /* nothing was lost in between */
    CHECK(cup_pool_take(&pool, 1) == NULL);
    cup_pool_give(&pool, whole, BLOCKS);
    cup_pool_fini(&pool);
}

static void check_chain_bytes(const struct cup_chain *chain, const uint8_t *text, size_t bytes)
{
    size_t at = 0;

    for (const struct cup_chain_block *block = chain->first; block != NULL; block = block->next) {
        CHECK(at + block->used <= bytes);
        CHECK(memcmp(text + at, block->data, block->used) == 0);
        at += block->used;
    }
    CHECK(at == bytes && chain->bytes == bytes);
}

static void check_chain(struct cup_rnd *rnd)
{
    const size_t     cap  = 8ul * CUP_CHAIN_DATA_BYTES;
    uint8_t         *text = malloc(cap);
    struct cup_pool  pool;
    struct cup_fault fault;
    size_t           bytes = 0;

    CHECK(text != NULL);
    for (size_t i = 0; i < cap; i++)
        text[i] = (uint8_t)cup_rnd_u64(rnd);
    CHECK(cup_pool_init(&pool, 8ul * CUP_BLOCK_BYTES, &fault) == CUP_OK);
    struct cup_chain chain = {.pool = &pool};
    for (;;) {
        size_t count =
            cup_rnd_below(rnd, 3) == 0 ? cup_rnd_below(rnd, 100000) : cup_rnd_below(rnd, 300);
        if (bytes + count > cap) break;
        CHECK(cup_chain_append(&chain, text + bytes, count));
        bytes += count;
    }
    check_chain_bytes(&chain, text, bytes);
    CHECK(!cup_chain_append(&chain, text, cap - bytes + 1)); /* one byte too many */
    check_chain_bytes(&chain, text, bytes);
    CHECK(cup_chain_append(&chain, text + bytes, cap - bytes));
    check_chain_bytes(&chain, text, cap);
    CHECK(pool.free_count == 0);
    cup_chain_clear(&chain);
    CHECK(pool.free_count == 8 && chain.bytes == 0);
    cup_pool_fini(&pool);
    free(text);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    check_random(&rnd);
    for (int round = 0; round < 20; round++)
        check_chain(&rnd);
    return 0;
}
