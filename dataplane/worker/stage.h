// SPDX-License-Identifier: Apache-2.0
/* stage: packed rows of any tables, collected by the file that they belong in.
 *
 *   (table, partition key) --group--> row --> row --> row      in order of arrival, in pool blocks
 *
 * Holds     while it has rows: an index of groups in one run of blocks, rows in single blocks.
 * Owner     one worker.
 * Threads   one.
 * Fails     put: NULL when it is full or the pool is short; nothing is changed then.
 * Bounds    CUP_STAGE_GROUPS_MAX groups; block_max blocks of rows; a row of CUP_STAGE_ROW_MAX bytes
 *           with its key.
 * Tests     tests/dataplane/test_stage.c
 */
#ifndef CUP_DATAPLANE_WORKER_STAGE_H
#define CUP_DATAPLANE_WORKER_STAGE_H

#include "base/err.h"
#include "base/pool.h"

#define CUP_STAGE_GROUPS_MAX 16384u /* its index is 640 KiB */
#define CUP_STAGE_BLOCKS_MAX 256u   /* 16 MiB of rows: as much as a row group */

/* A row as it lies in the stage, and in a scratch file (next is then of no use). */
struct cup_staged {
    uint64_t           hash; /* of table and key */
    struct cup_staged *next; /* of its group */
    uint32_t           table, key_bytes, row_bytes, pad;
    uint8_t            bytes[]; /* key, then the packed row; the next one starts at 8 */
};
#define CUP_STAGE_ROW_MAX (CUP_BLOCK_BYTES - (uint32_t)sizeof(struct cup_staged))

static inline const uint8_t *cup_staged_row(const struct cup_staged *row)
{
    return row->bytes + row->key_bytes;
}

static inline uint32_t cup_staged_bytes(const struct cup_staged *row)
{
    return (uint32_t)((sizeof *row + row->key_bytes + row->row_bytes + 7) / 8 * 8);
}

struct cup_stage_group {
    uint64_t           hash;
    struct cup_staged *first, *last;
    uint32_t           row_count, bytes;
};

struct cup_stage {
    struct cup_pool        *pool;
    struct cup_stage_group *groups; /* NULL: empty, nothing is lent */
    uint32_t               *slots;  /* hash to group + 1 */
    uint32_t                group_count, block_count, block_max, used; /* used: of the last block */
    uint8_t                *blocks[CUP_STAGE_BLOCKS_MAX];
};

uint64_t cup_stage_hash(uint32_t table, const uint8_t *key, uint32_t key_bytes);

void cup_stage_init(struct cup_stage *stage, struct cup_pool *pool, uint32_t block_max);

/* cup_stage_put makes a row of a group; the caller fills row_bytes bytes behind its key at once. */
CUP_MUST_CHECK struct cup_staged *cup_stage_put(struct cup_stage *stage, uint32_t table,
                                                const uint8_t *key, uint32_t key_bytes,
                                                uint32_t row_bytes);

/* cup_stage_copy puts a row that was in a stage before. */
CUP_MUST_CHECK bool cup_stage_copy(struct cup_stage *stage, const struct cup_staged *row);

/* cup_stage_compare orders rows by group: by hash, table, key. 0: of one group. */
int cup_stage_compare(const struct cup_staged *a, const struct cup_staged *b);

/* cup_stage_sort puts the groups in that order; then nothing but clear may follow. */
void cup_stage_sort(struct cup_stage *stage);

/* cup_stage_bytes is what is lent. cup_stage_clear forgets all rows and gives it back. */
uint64_t cup_stage_bytes(const struct cup_stage *stage);
void     cup_stage_clear(struct cup_stage *stage);

#endif
