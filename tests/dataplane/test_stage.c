// SPDX-License-Identifier: Apache-2.0
/* Goal:   rows leave stage and runs whole, each once, group by group, in a group as they came; the
 *         bounds hold: groups, blocks, runs; nothing is lent when all is done.
 * Method: random rows of few and of very many groups, of all lengths; runs written whenever the
 * stage is full; the merge compared with a plain stable sort of what was put in. */
#include "dataplane/worker/spill.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/check.h"

#define ROWS_MAX 200000u

struct row {
    uint32_t table, key, number, bytes;
};

static struct row rows[ROWS_MAX];

static int by_group(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->table != y->table) return x->table < y->table ? -1 : 1;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Keys of several lengths, some the front of others. */
static uint32_t make_key(uint32_t key, uint8_t out[32])
{
    int bytes = snprintf((char *)out, 32, "%x", key);

    return key == 0 ? 0 : (uint32_t)bytes + (key % 3) * 5;
}

static bool put(struct cup_stage *stage, const struct row *row)
{
    uint8_t            key[32]   = {0};
    uint32_t           key_bytes = make_key(row->key, key);
    struct cup_staged *staged    = cup_stage_put(stage, row->table, key, key_bytes, row->bytes);

    if (staged == NULL) return false;
    uint8_t *to = staged->bytes + staged->key_bytes;
    memset(to, (int)(row->number & 0xff), row->bytes);
    memcpy(to, &row->number, sizeof row->number);
    return true;
}

/* What a row that came out is. */
static struct row read_row(const struct cup_staged *staged)
{
    struct row     row     = {.table = staged->table, .bytes = staged->row_bytes};
    const uint8_t *at      = cup_staged_row(staged);
    uint8_t        key[32] = {0};

    CHECK(staged->row_bytes >= sizeof row.number);
    memcpy(&row.number, at, sizeof row.number);
    for (uint32_t i = sizeof row.number; i < row.bytes; i++)
        CHECK(at[i] == (uint8_t)(row.number & 0xff));
    CHECK(row.number < ROWS_MAX);
    row.key = rows[row.number].key;
    CHECK(make_key(row.key, key) == staged->key_bytes);
    CHECK(memcmp(key, staged->bytes, staged->key_bytes) == 0);
    return row;
}

static void make_rows(uint32_t count, uint32_t keys, uint32_t bytes_max, struct cup_rnd *rnd)
{
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (struct row){.table  = cup_rnd_below(rnd, 3),
                               .key    = cup_rnd_below(rnd, keys),
                               .number = i,
                               .bytes  = 4 + cup_rnd_below(rnd, bytes_max)};
}

/* Rows that came out, against those that went in: rows stays in the order of arrival until here. */
static void check_out(struct row *out, uint32_t count)
{
    static struct row want[ROWS_MAX];
    uint32_t          turns = 0;

    for (uint32_t i = 1; i < count; i++) {
        bool same = out[i].table == out[i - 1].table && out[i].key == out[i - 1].key;
        CHECK(!same || out[i].number > out[i - 1].number);
        turns += !same;
    }
    memcpy(want, rows, count * sizeof *want);
    qsort(want, count, sizeof *want, by_group);
    uint32_t groups = 0;
    for (uint32_t i = 1; i < count; i++)
        groups += want[i].table != want[i - 1].table || want[i].key != want[i - 1].key;
    CHECK(turns == groups); /* each group in one piece */
    qsort(out, count, sizeof *out, by_group);
    CHECK(memcmp(out, want, count * sizeof *out) == 0);
}

static void check_merge(struct cup_store *store, uint32_t count, uint32_t keys, uint32_t bytes_max,
                        struct cup_rnd *rnd)
{
    static struct row        out[ROWS_MAX];
    static struct cup_spill  spill;
    struct cup_pool          pool;
    struct cup_stage         stage;
    uint32_t                 at = 0;
    const struct cup_staged *row;

    CHECK(cup_pool_init(&pool, 48u << 20, NULL) == CUP_OK);
    cup_stage_init(&stage, &pool, 32);
    cup_spill_init(&spill, store, &pool, CUP_SPILL_RUNS_MAX);
    make_rows(count, keys, bytes_max, rnd);
    for (uint32_t i = 0; i < count; i++) {
        if (put(&stage, &rows[i])) continue;
        CHECK(stage.group_count == CUP_STAGE_GROUPS_MAX || stage.block_count == 32);
        cup_stage_sort(&stage);
        CHECK(cup_spill_run(&spill, &stage, NULL) == CUP_OK);
        cup_stage_clear(&stage);
        CHECK(cup_stage_bytes(&stage) == 0 && pool.free_count == pool.block_count);
        CHECK(put(&stage, &rows[i]));
    }
    cup_stage_sort(&stage);
    CHECK(cup_spill_run(&spill, &stage, NULL) == CUP_OK);
    cup_stage_clear(&stage);
    CHECK(cup_spill_merge(&spill, NULL) == CUP_OK);
    while ((row = cup_spill_row(&spill)) != NULL) {
        CHECK(at < count);
        out[at++] = read_row(row);
        CHECK(cup_spill_next(&spill, NULL) == CUP_OK);
    }
    CHECK(at == count);
    cup_spill_clear(&spill);
    check_out(out, count);
    CHECK(pool.free_count == pool.block_count);
    cup_pool_fini(&pool);
}

/* Copies are rows too; groups count rows and bytes; groups past the bound are refused. */
static void check_bounds(void)
{
    struct cup_pool  pool;
    struct cup_stage stage, copy;
    uint32_t         i = 0, copied = 0;

    CHECK(cup_pool_init(&pool, 32u << 20, NULL) == CUP_OK);
    cup_stage_init(&stage, &pool, CUP_STAGE_BLOCKS_MAX + 1);
    cup_stage_init(&copy, &pool, CUP_STAGE_BLOCKS_MAX);
    CHECK(stage.block_max == CUP_STAGE_BLOCKS_MAX);
    for (; i <= CUP_STAGE_GROUPS_MAX; i++) {
        rows[i] = (struct row){.key = i, .number = i, .bytes = 4};
        if (!put(&stage, &rows[i])) break;
    }
    CHECK(i == CUP_STAGE_GROUPS_MAX && stage.group_count == i);
    struct row more = {.key = 7, .number = 8, .bytes = 100};
    CHECK(put(&stage, &more)); /* a known group still has room */
    CHECK(!put(&stage, &(struct row){.key = i, .number = i, .bytes = 4}));
    for (uint32_t g = 0; g < stage.group_count; g++) {
        const struct cup_stage_group *group = &stage.groups[g];
        CHECK(group->row_count == (g == 7 ? 2u : 1u) && group->bytes == (g == 7 ? 104u : 4u));
        for (const struct cup_staged *row = group->first; row != NULL; row = row->next)
            copied += cup_stage_copy(&copy, row);
    }
    CHECK(copied == CUP_STAGE_GROUPS_MAX + 1 && copy.group_count == stage.group_count);
    cup_stage_clear(&stage);
    cup_stage_clear(&copy);

    uint32_t blocks = 0; /* the longest row takes a block */
    cup_stage_init(&stage, &pool, 5);
    while (put(&stage, &(struct row){.key = 0, .bytes = CUP_STAGE_ROW_MAX}))
        blocks++;
    CHECK(blocks == 5);
    cup_stage_clear(&stage);
    cup_pool_fini(&pool);
}

/* A pool that is short: nothing is changed, and it goes on when there is room. */
static void check_short(struct cup_store *store)
{
    static struct cup_spill spill;
    struct cup_pool         pool;
    struct cup_stage        stage;

    CHECK(cup_pool_init(&pool, 20 * CUP_BLOCK_BYTES, NULL) == CUP_OK);
    cup_stage_init(&stage, &pool, 100);
    cup_spill_init(&spill, store, &pool, 2);
    uint8_t *held = cup_pool_take(&pool, 12);
    CHECK(held != NULL && !put(&stage, &rows[0]) && stage.groups == NULL);
    cup_pool_give(&pool, held, 12);
    for (uint32_t run = 0; run < 2; run++) {
        CHECK(put(&stage, &rows[0]));
        cup_stage_sort(&stage);
        held = cup_pool_take(&pool, pool.free_count - 1);
        CHECK(held != NULL && cup_spill_run(&spill, &stage, NULL) == CUP_NO_MEMORY);
        CHECK(spill.run_count == run);
        cup_pool_give(&pool, held,
                      pool.block_count - 1 - (uint32_t)(cup_stage_bytes(&stage) / CUP_BLOCK_BYTES));
        CHECK(cup_spill_run(&spill, &stage, NULL) == CUP_OK);
        cup_stage_clear(&stage);
    }
    CHECK(cup_spill_full(&spill));
    held = cup_pool_take(&pool, 17); /* one cursor of two finds room */
    CHECK(held != NULL && cup_spill_merge(&spill, NULL) == CUP_NO_MEMORY);
    CHECK(pool.free_count == 3 && cup_spill_row(&spill) == NULL);
    cup_pool_give(&pool, held, 17);
    CHECK(cup_spill_merge(&spill, NULL) == CUP_OK && cup_spill_row(&spill) != NULL);
    cup_spill_clear(&spill); /* in the middle of it */
    CHECK(cup_spill_row(&spill) == NULL && pool.free_count == pool.block_count);
    cup_pool_fini(&pool);
}

int main(int argc, char **argv)
{
    struct cup_rnd    rnd      = cup_test_begin(argc, argv);
    char              folder[] = "/tmp/cupel-stage-XXXXXX";
    struct cup_disk  *disk;
    struct cup_store *store;

    CHECK(mkdtemp(folder) != NULL);
    CHECK(cup_disk_open(CUP_DISK_POSIX, &disk, NULL) == CUP_OK);
    CHECK(cup_store_open(disk, folder, "_cupel/d/p/0/staging", &store, NULL) == CUP_OK);
    check_bounds();
    check_merge(store, ROWS_MAX, 100000, 60, &rnd);
    check_merge(store, ROWS_MAX, 20, 100, &rnd);
    check_merge(store, 3000, 50, 60000, &rnd);
    check_merge(store, 1, 1, 1, &rnd);
    check_short(store);
    cup_store_close(store);
    cup_disk_close(disk);
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
    return 0;
}
