// SPDX-License-Identifier: Apache-2.0
/* Goal:   rows built one by one are what was set; an uncommitted row leaves no trace; texts that
 * find no room are refused without damage. Method: random rows against plain copies; a pool that is
 * too small; all blocks back at the end. */
#include "dataplane/worker/rows.h"

#include "tests/check.h"

static const struct cup_field fields[] = {{.name = "i", .type = CUP_TYPE_LONG},
                                          {.name = "t", .type = CUP_TYPE_STRING},
                                          {.name = "p", .type = CUP_TYPE_INT},
                                          {.name = "b", .type = CUP_TYPE_BINARY}};
enum { I, T, P, B, COLUMNS };

struct copy {
    int64_t  i;
    bool     has_i, has_t;
    uint32_t t_bytes;
    char     t[64];
};

static void build(struct cup_rows *rows, struct cup_rnd *rnd, struct copy *copy)
{
    *copy = (struct copy){.has_i = cup_rnd_below(rnd, 2), .has_t = cup_rnd_below(rnd, 4)};
    cup_rows_begin(rows);
    if (copy->has_i) {
        copy->i = (int64_t)cup_rnd_u64(rnd);
        cup_rows_set_int(rows, I, copy->i);
    }
    if (copy->has_t) {
        copy->t_bytes = cup_rnd_below(rnd, sizeof copy->t);
        memset(copy->t, 'a' + (int)cup_rnd_below(rnd, 26), copy->t_bytes);
        CHECK(cup_rows_set_text(rows, T, copy->t, copy->t_bytes));
    }
    cup_rows_set_int(rows, P, -7);
}

/* The last row once more, with another number; false: it has none, or there is no room. */
static bool repeat(struct cup_rows *rows, struct cup_rnd *rnd, const struct copy *last,
                   struct copy *copy)
{
    const uint32_t column = I;

    *copy   = *last;
    copy->i = (int64_t)cup_rnd_u64(rnd);
    return last->has_i && cup_rows_repeat(rows, &column, &copy->i, 1);
}

static void check_equal(const struct cup_rows *rows, const struct copy *copies)
{
    const struct cup_column *t     = &rows->columns[T];
    uint32_t                 nulls = 0;

    for (uint32_t row = 0; row < rows->row_count; row++) {
        const struct copy *copy = &copies[row];
        CHECK(cup_column_is_null(&rows->columns[I], row) == !copy->has_i);
        CHECK(cup_column_is_null(t, row) == !copy->has_t);
        CHECK(cup_column_is_null(&rows->columns[B], row));
        if (copy->has_i) CHECK(rows->columns[I].i64[row] == copy->i);
        CHECK(rows->columns[P].i32[row] == -7);
        CHECK(t->offsets[row + 1] - t->offsets[row] == copy->t_bytes);
        if (copy->t_bytes > 0)
            CHECK(memcmp(t->text + t->offsets[row], copy->t, copy->t_bytes) == 0);
        nulls += !copy->has_t;
    }
    CHECK(t->null_count == nulls && t->row_count == rows->row_count);
}

static void check_random(struct cup_rnd *rnd)
{
    static struct copy copies[CUP_ROWS_MAX];
    struct cup_pool    pool;
    struct cup_fault   fault;
    struct cup_rows    rows;

    CHECK(cup_pool_init(&pool, 64ul * CUP_BLOCK_BYTES, &fault) == CUP_OK);
    CHECK(cup_rows_open(&rows, &pool, fields, COLUMNS));
    CHECK(!cup_rows_repeat(&rows, NULL, NULL, 0));
    for (int round = 0; round < 3; round++) {
        uint32_t repeated = 0;
        while (!cup_rows_full(&rows)) {
            struct copy forgotten;
            if (cup_rnd_below(rnd, 5) == 0) build(&rows, rnd, &forgotten); /* never committed */
            uint32_t row = rows.row_count;
            if (row > 0 && cup_rnd_below(rnd, 8) &&
                repeat(&rows, rnd, &copies[row - 1], &copies[row])) {
                repeated++;
                continue;
            }
            build(&rows, rnd, &copies[row]);
            cup_rows_commit(&rows);
        }
        CHECK(repeated > 100);
        cup_rows_finish(&rows);
        check_equal(&rows, copies);
        cup_rows_clear(&rows);
        CHECK(rows.row_count == 0 && rows.columns[T].null_count == 0);
    }
    cup_rows_close(&rows);
    cup_pool_fini(&pool); /* asserts that all blocks are back */
}

static void check_short_pool(void)
{
    static uint8_t   large[10 * CUP_BLOCK_BYTES];
    struct cup_pool  pool;
    struct cup_fault fault;
    struct cup_rows  rows;

    CHECK(cup_pool_init(&pool, 12ul * CUP_BLOCK_BYTES, &fault) == CUP_OK);
    uint8_t *held = cup_pool_take(&pool, 12);
    CHECK(!cup_rows_open(&rows, &pool, fields, COLUMNS));
    cup_pool_give(&pool, held, 12);
    CHECK(cup_rows_open(&rows, &pool, fields, COLUMNS));
    memset(large, 'x', sizeof large);
    cup_rows_begin(&rows);
    CHECK(cup_rows_set_text(&rows, T, "kept", 4));
    cup_rows_commit(&rows);
    cup_rows_begin(&rows);
    CHECK(!cup_rows_set_text(&rows, T, large, sizeof large)); /* beside the old run: no room */
    CHECK(rows.columns[T].offsets[1] == 4 && memcmp(rows.columns[T].text, "kept", 4) == 0);
    cup_rows_clear(&rows);
    cup_rows_begin(&rows);
    CHECK(cup_rows_set_text(&rows, B, large, 8ul * CUP_BLOCK_BYTES));
    cup_rows_commit(&rows);
    CHECK(memcmp(rows.columns[B].text, large, 8ul * CUP_BLOCK_BYTES) == 0);
    cup_rows_close(&rows);
    cup_rows_close(&rows); /* closing twice is harmless */
    cup_pool_fini(&pool);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    check_random(&rnd);
    check_short_pool();
    return 0;
}
