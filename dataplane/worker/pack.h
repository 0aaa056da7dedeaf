// SPDX-License-Identifier: Apache-2.0
/* pack: rows as bytes, each by itself, and back into columns: how rows wait for their partition.
 *
 *   columns --put--> | validity | value | value | ... |   one row
 *   rows    --open-> columns of a file, in pool blocks  --close--> blocks given back
 *
 * A value: fixed width as it is; a bit as one byte; a text: u32 and its bytes; a list: u32 and its
 * elements, each a byte (1: not null) and, if so, its value. Null columns have no value.
 *
 * Holds     cup_unpacked: pool blocks until it is closed.
 * Owner     one worker.
 * Threads   one.
 * Fails     open and view: false when the pool is short; nothing is lent then.
 * Bounds    CUP_PACK_ROWS_MAX rows unpacked at a time; lists hold scalars.
 * Tests     tests/dataplane/test_pack.c
 */
#ifndef CUP_DATAPLANE_WORKER_PACK_H
#define CUP_DATAPLANE_WORKER_PACK_H

#include "base/column.h"
#include "base/err.h"
#include "base/pool.h"

#define CUP_PACK_ROWS_MAX 2048u /* as many as changes of a table hold */

/* Which columns of a table stand in its files. */
struct cup_layout {
    const struct cup_field *fields;  /* of the file */
    const uint32_t         *columns; /* field i is columns[columns[i]]; NULL: all, in order */
    uint32_t                field_count;
};

/* cup_pack_bytes is the size of a row; cup_pack_put writes as many bytes to `to`. */
uint64_t cup_pack_bytes(const struct cup_layout *layout, const struct cup_column *columns,
                        uint32_t row);
void cup_pack_put(const struct cup_layout *layout, const struct cup_column *columns, uint32_t row,
                  uint8_t *to);

struct cup_unpacked {
    struct cup_pool   *pool;
    struct cup_column *columns; /* one per field; their vectors */
    uint8_t           *head, *body;
    uint32_t           head_blocks, body_blocks;
};

/* cup_unpack_open makes columns of rows[0..count), packed with this layout. */
CUP_MUST_CHECK bool cup_unpack_open(struct cup_unpacked *out, struct cup_pool *pool,
                                    const struct cup_layout *layout, const uint8_t *const *rows,
                                    uint32_t count);

/* cup_unpack_view makes columns of the one row `row`; its texts stay where they are. */
CUP_MUST_CHECK bool cup_unpack_view(struct cup_unpacked *out, struct cup_pool *pool,
                                    const struct cup_layout *layout,
                                    const struct cup_column *columns, uint32_t row);
void                cup_unpack_close(struct cup_unpacked *unpacked);

#endif
