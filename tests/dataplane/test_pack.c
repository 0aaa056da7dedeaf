// SPDX-License-Identifier: Apache-2.0
/* Goal:   rows that were packed are, unpacked, what they were: all vectors, nulls, lists, in any
 * order; columns that are left out are; a view of one row is that row; short pools are survived.
 * Method: random columns of all vectors; random rows of them packed and unpacked, compared cell by
 *         cell; a pool that is too small; all blocks back at the end (the pool asserts it). */
#include "dataplane/worker/pack.h"

#include "tests/check.h"

#define ROWS     200u
#define ELEMENTS 8u

static const struct cup_field elements[] = {{.name = "element", .type = CUP_TYPE_STRING},
                                            {.name = "element", .type = CUP_TYPE_INT},
                                            {.name = "element", .type = CUP_TYPE_BOOL}};
static const struct cup_field pair[]     = {
        {.name = "key", .type = CUP_TYPE_STRING, .flags = CUP_FIELD_REQUIRED},
        {.name = "value", .type = CUP_TYPE_INT}};
static const struct cup_field fields[] = {
    {.name = "a", .type = CUP_TYPE_BOOL},
    {.name = "b", .type = CUP_TYPE_INT},
    {.name = "c", .type = CUP_TYPE_LONG},
    {.name = "d", .type = CUP_TYPE_DECIMAL, .precision = 38},
    {.name = "e", .type = CUP_TYPE_FLOAT},
    {.name = "f", .type = CUP_TYPE_DOUBLE},
    {.name = "g", .type = CUP_TYPE_STRING},
    {.name = "h", .type = CUP_TYPE_BINARY},
    {.name = "i", .type = CUP_TYPE_LIST, .child_count = 1, .children = &elements[0]},
    {.name = "j", .type = CUP_TYPE_LIST, .child_count = 1, .children = &elements[1]},
    {.name = "k", .type = CUP_TYPE_LIST, .child_count = 1, .children = &elements[2]},
    {.name = "l", .type = CUP_TYPE_MAP, .child_count = 2, .children = pair}};
#define CHILDREN 5u
#define FIELDS   ((uint32_t)(sizeof fields / sizeof *fields))

/* Fills a column of `rows` rows with noise; bits behind the rows too. */
static void make_column(struct cup_column *column, enum cup_vec vec, uint32_t rows,
                        struct cup_rnd *rnd)
{
    uint32_t width = cup_vec_bytes(vec);

    *column          = (struct cup_column){.vec = (uint8_t)vec, .row_count = rows};
    column->validity = malloc(rows / 8 + 1);
    column->any      = malloc((size_t)rows * 16 + 16);
    CHECK(column->validity != NULL && column->any != NULL);
    for (uint32_t i = 0; i <= rows / 8; i++)
        column->validity[i] = (uint8_t)(cup_rnd_u64(rnd) | cup_rnd_u64(rnd));
    for (uint32_t i = 0; i < (rows * 16 + 16) / 8; i++)
        column->i64[i] = (int64_t)cup_rnd_u64(rnd);
    if (width > 0 || vec == CUP_VEC_BITS) return;
    column->offsets = calloc(rows + 1ul, sizeof *column->offsets);
    CHECK(column->offsets != NULL);
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t bytes = cup_column_is_null(column, i) ? 0 : cup_rnd_below(rnd, ELEMENTS + 1);
        column->offsets[i + 1] = column->offsets[i] + bytes;
    }
}

static void make_columns(struct cup_column columns[FIELDS], struct cup_column *children,
                         struct cup_rnd *rnd)
{
    for (uint32_t i = 0; i < FIELDS; i++) {
        make_column(&columns[i], cup_type_vec((enum cup_type)fields[i].type), ROWS, rnd);
        columns[i].children    = children;
        columns[i].child_count = (uint8_t)fields[i].child_count;
        for (uint32_t c = 0; c < fields[i].child_count; c++)
            make_column(children++, cup_type_vec((enum cup_type)fields[i].children[c].type),
                        columns[i].offsets[ROWS], rnd);
    }
}

static void free_columns(struct cup_column *columns, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free(columns[i].validity);
        free(columns[i].any);
        free(columns[i].offsets);
    }
}

static void check_cell(const struct cup_column *a, uint32_t a_row, const struct cup_column *b,
                       uint32_t b_row)
{
    uint32_t width = cup_vec_bytes((enum cup_vec)a->vec);

    CHECK(a->vec == b->vec);
    CHECK(cup_column_is_null(a, a_row) == cup_column_is_null(b, b_row));
    if (a->offsets != NULL)
        CHECK(a->offsets[a_row + 1] - a->offsets[a_row] ==
              b->offsets[b_row + 1] - b->offsets[b_row]);
    if (cup_column_is_null(a, a_row)) return;
    if (a->vec == CUP_VEC_BITS)
        CHECK(cup_bit_get(a->bits, a_row) == cup_bit_get(b->bits, b_row));
    else if (a->vec == CUP_VEC_VAR)
        CHECK(memcmp(a->text + a->offsets[a_row], b->text + b->offsets[b_row],
                     a->offsets[a_row + 1] - a->offsets[a_row]) == 0);
    else if (width > 0)
        CHECK(memcmp((uint8_t *)a->any + (size_t)a_row * width,
                     (uint8_t *)b->any + (size_t)b_row * width, width) == 0);
}

static void check_row(const struct cup_layout *layout, const struct cup_column *made, uint32_t row,
                      const struct cup_column *columns, uint32_t from)
{
    for (uint32_t i = 0; i < layout->field_count; i++) {
        const struct cup_column *column =
            &columns[layout->columns == NULL ? i : layout->columns[i]];
        check_cell(&made[i], row, column, from);
        if (column->vec != CUP_VEC_LIST || cup_column_is_null(column, from)) continue;
        uint32_t at = made[i].offsets[row];
        CHECK(made[i].child_count == column->child_count);
        for (uint32_t k = column->offsets[from]; k < column->offsets[from + 1]; k++, at++)
            for (uint8_t c = 0; c < column->child_count; c++)
                check_cell(&made[i].children[c], at, &column->children[c], k);
    }
}

static void check_counts(const struct cup_layout *layout, const struct cup_column *made,
                         uint32_t rows)
{
    for (uint32_t i = 0; i < layout->field_count; i++) {
        const struct cup_column *column = &made[i];
        uint32_t                 nulls  = 0;
        CHECK(column->row_count == rows && (column->offsets == NULL || column->offsets[0] == 0));
        for (uint32_t row = 0; row < rows; row++)
            nulls += cup_column_is_null(column, row);
        CHECK(column->null_count == nulls);
        for (uint8_t c = 0; c < column->child_count; c++)
            CHECK(column->children[c].row_count == column->offsets[rows]);
    }
}

static void check_random(struct cup_pool *pool, const struct cup_layout *layout,
                         const struct cup_column *columns, struct cup_rnd *rnd)
{
    static uint8_t memory[CUP_PACK_ROWS_MAX * 512];
    const uint8_t *rows[CUP_PACK_ROWS_MAX];
    uint32_t       from[CUP_PACK_ROWS_MAX], used = 0;
    uint32_t       count = 1 + cup_rnd_below(rnd, cup_rnd_below(rnd, 2) ? 20 : CUP_PACK_ROWS_MAX);
    struct cup_unpacked unpacked;

    for (uint32_t i = 0; i < count; i++) {
        from[i]        = cup_rnd_below(rnd, ROWS);
        uint64_t bytes = cup_pack_bytes(layout, columns, from[i]);
        CHECK(used + bytes < sizeof memory);
        rows[i]              = memory + used;
        memory[used + bytes] = 0xA5; /* a fence */
        cup_pack_put(layout, columns, from[i], memory + used);
        CHECK(memory[used + bytes] == 0xA5);
        uint8_t last             = memory[used + bytes - 1];
        memory[used + bytes - 1] = (uint8_t)~last; /* it is written, not only counted */
        cup_pack_put(layout, columns, from[i], memory + used);
        CHECK(memory[used + bytes - 1] == last);
        used += (uint32_t)bytes;
    }
    uint32_t free_before = pool->free_count;
    CHECK(cup_unpack_open(&unpacked, pool, layout, rows, count));
    check_counts(layout, unpacked.columns, count);
    for (uint32_t i = 0; i < count; i++)
        check_row(layout, unpacked.columns, i, columns, from[i]);
    cup_unpack_close(&unpacked);
    CHECK(cup_unpack_view(&unpacked, pool, layout, columns, from[0]));
    check_counts(layout, unpacked.columns, 1);
    check_row(layout, unpacked.columns, 0, columns, from[0]);
    cup_unpack_close(&unpacked);
    CHECK(pool->free_count == free_before);
}

/* Blocks are taken one by one until nothing is left: open fails at each of its steps, and gives
 * back what it had. */
static void check_short(const struct cup_layout *layout, const struct cup_column *columns)
{
    static uint8_t      row[512];
    const uint8_t      *rows[CUP_PACK_ROWS_MAX];
    struct cup_pool     pool;
    struct cup_unpacked unpacked;
    uint32_t            failed = 0;

    CHECK(cup_pool_init(&pool, 8 * CUP_BLOCK_BYTES, NULL) == CUP_OK);
    cup_pack_put(layout, columns, 0, row);
    for (uint32_t i = 0; i < CUP_PACK_ROWS_MAX; i++)
        rows[i] = row;
    uint8_t *held[8] = {0};
    for (uint32_t i = 0; i <= 8; i++) {
        uint32_t free_before = pool.free_count;
        bool     opened      = cup_unpack_open(&unpacked, &pool, layout, rows, CUP_PACK_ROWS_MAX);
        if (opened) cup_unpack_close(&unpacked);
        failed += !opened;
        CHECK(pool.free_count == free_before);
        if (i < 8) held[i] = cup_pool_take(&pool, 1);
    }
    CHECK(failed >= 2 && failed < 8);
    for (uint32_t i = 0; i < 8; i++)
        cup_pool_give(&pool, held[i], 1);
    cup_pool_fini(&pool);
}

int main(int argc, char **argv)
{
    static const uint32_t         some[]   = {10, 6, 3, 8};
    static const struct cup_field chosen[] = {
        {.name = "k", .type = CUP_TYPE_LIST, .child_count = 1, .children = &elements[2]},
        {.name = "g", .type = CUP_TYPE_STRING},
        {.name = "d", .type = CUP_TYPE_DECIMAL, .precision = 38},
        {.name = "i", .type = CUP_TYPE_LIST, .child_count = 1, .children = &elements[0]}};
    const struct cup_layout all  = {.fields = fields, .field_count = FIELDS};
    const struct cup_layout part = {.fields = chosen, .columns = some, .field_count = 4};
    struct cup_rnd          rnd  = cup_test_begin(argc, argv);
    struct cup_column       columns[FIELDS], children[CHILDREN];
    struct cup_pool         pool;

    CHECK(cup_pool_init(&pool, 8u << 20, NULL) == CUP_OK);
    for (uint32_t i = 0; i < 40; i++) {
        make_columns(columns, children, &rnd);
        check_random(&pool, &all, columns, &rnd);
        check_random(&pool, &part, columns, &rnd);
        if (i == 0) check_short(&all, columns);
        free_columns(columns, FIELDS);
        free_columns(children, CHILDREN);
    }
    cup_pool_fini(&pool);
    return 0;
}
