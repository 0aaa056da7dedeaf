// SPDX-License-Identifier: Apache-2.0
#include "tests/dataplane/decode/harness.h"

#include <inttypes.h>

#include "tests/check.h"

static const char *topic_of(const void *arg, uint32_t topic)
{
    static const char *const topics[] = {
        "pg.bank.t", "__debezium-heartbeat.pg", "other", "a.s.t", "odd", "a.s.bag"};

    (void)arg; /* the topics are fixed */
    return topics[topic];
}

struct cup_harness *cup_harness_open(struct cup_plan *plan, size_t pool_bytes)
{
    struct cup_harness *harness = calloc(1, sizeof *harness);
    struct cup_fault    fault   = {0};

    CHECK(harness != NULL);
    harness->region  = calloc(1, CUP_HARNESS_REGION + CUP_BATCH_PADDING);
    harness->records = calloc(CUP_HARNESS_RECORDS, sizeof *harness->records);
    CHECK(harness->region != NULL && harness->records != NULL);
    harness->plan = plan;
    CHECK(cup_pool_init(&harness->pool, pool_bytes, &fault) == CUP_OK);
    enum cup_err err =
        cup_decode_open(plan, &harness->pool, topic_of, NULL, &harness->decode, &fault);
    if (err != CUP_OK) fprintf(stderr, "decode: %s %s\n", fault.what, fault.where);
    CHECK(err == CUP_OK);
    return harness;
}

static void free_rows(struct cup_harness *harness)
{
    for (uint32_t i = 0; i < harness->row_count; i++)
        free(harness->rows[i]);
    harness->row_count = 0;
}

void cup_harness_clear(struct cup_harness *harness)
{
    free_rows(harness);
    harness->record_count = harness->region_bytes = 0;
    harness->full_count = harness->short_count = 0;
}

void cup_harness_close(struct cup_harness *harness)
{
    free_rows(harness);
    cup_decode_close(harness->decode);
    CHECK(harness->pool.free_count == harness->pool.block_count);
    cup_pool_fini(&harness->pool);
    free(harness->rows);
    free(harness->region);
    free(harness->records);
    free(harness->plan);
    free(harness);
}

static uint32_t put(struct cup_harness *harness, const void *bytes, size_t count)
{
    uint32_t at = harness->region_bytes;

    CHECK(at + count + 1 < CUP_HARNESS_REGION);
    memcpy(harness->region + at, bytes, count);
    harness->region[at + count] = '\n';
    harness->region_bytes += (uint32_t)count + 1;
    return at;
}

struct cup_record *cup_harness_add_bytes(struct cup_harness *harness, const void *value,
                                         size_t bytes, const char *key)
{
    CHECK(harness->record_count < CUP_HARNESS_RECORDS);
    struct cup_record *record = &harness->records[harness->record_count];

    *record =
        (struct cup_record){.partition = harness->partition, .offset = 100 + harness->record_count};
    if (value != NULL) {
        record->value_kind  = bytes == 0 ? CUP_VALUE_EMPTY : CUP_VALUE_BYTES;
        record->value_bytes = (uint32_t)bytes;
        if (bytes > 0) record->value_at = put(harness, value, bytes);
    }
    if (key != NULL) {
        record->key_kind  = CUP_VALUE_BYTES;
        record->key_bytes = (uint32_t)strlen(key);
        record->key_at    = put(harness, key, record->key_bytes);
    }
    record->whole_bytes = bytes;
    harness->record_count++;
    return record;
}

struct cup_record *cup_harness_add(struct cup_harness *harness, const char *value, const char *key)
{
    return cup_harness_add_bytes(harness, value, value == NULL ? 0 : strlen(value), key);
}

void cup_harness_header(struct cup_harness *harness, const char *name, const char *value)
{
    struct cup_record *record = &harness->records[harness->record_count - 1];
    uint32_t           at     = harness->region_bytes;

    if (record->headers_bytes == 0) record->headers_at = at;
    uint32_t bytes =
        cup_header_put(harness->region + at, CUP_HARNESS_REGION - at, (const uint8_t *)name,
                       (uint32_t)strlen(name), (const uint8_t *)value, (uint32_t)strlen(value));
    CHECK(bytes > 0);
    record->headers_bytes += bytes;
    harness->region_bytes += bytes;
}

static void print_value(struct cup_text *text, const struct cup_column *column, uint8_t type,
                        uint32_t row)
{
    switch ((enum cup_vec)column->vec) {
    case CUP_VEC_BITS:
        cup_text_puts(text, cup_bit_get(column->bits, row) ? "true" : "false");
        break;
    case CUP_VEC_I32: cup_text_printf(text, "%" PRId32, column->i32[row]); break;
    case CUP_VEC_I64: cup_text_printf(text, "%" PRId64, column->i64[row]); break;
    case CUP_VEC_I128:
        if (column->i128[row] == (int64_t)column->i128[row])
            cup_text_printf(text, "%" PRId64, (int64_t)column->i128[row]);
        else
            cup_text_printf(text, "%016" PRIx64 "%016" PRIx64, (uint64_t)(column->i128[row] >> 64),
                            (uint64_t)column->i128[row]);
        break;
    case CUP_VEC_F32: cup_text_printf(text, "%a", (double)column->f32[row]); break;
    case CUP_VEC_F64: cup_text_printf(text, "%a", column->f64[row]); break;
    case CUP_VEC_VAR:
        for (uint32_t i = column->offsets[row]; i < column->offsets[row + 1]; i++)
            if (type == CUP_TYPE_BINARY)
                cup_text_printf(text, "%02x", column->text[i]);
            else
                cup_text_put(text, column->text + i, 1);
        break;
    case CUP_VEC_LIST:
    case CUP_VEC_NONE: CHECK(false);
    }
}

static void print_list(struct cup_text *text, const struct cup_column *column, uint8_t type,
                       uint32_t row)
{
    const struct cup_column *child = column->children;

    cup_text_puts(text, "[");
    for (uint32_t i = column->offsets[row]; i < column->offsets[row + 1]; i++) {
        if (i > column->offsets[row]) cup_text_puts(text, ",");
        if (cup_column_is_null(child, i))
            cup_text_puts(text, "null");
        else
            print_value(text, child, type, i);
    }
    cup_text_puts(text, "]");
}

static void print_map(struct cup_text *text, const struct cup_column *column, uint32_t row)
{
    const struct cup_column *key = &column->children[0], *value = &column->children[1];

    cup_text_puts(text, "{");
    for (uint32_t i = column->offsets[row]; i < column->offsets[row + 1]; i++) {
        CHECK(!cup_column_is_null(key, i));
        if (i > column->offsets[row]) cup_text_puts(text, ",");
        print_value(text, key, CUP_TYPE_STRING, i);
        cup_text_puts(text, ":");
        if (cup_column_is_null(value, i))
            cup_text_puts(text, "null");
        else
            print_value(text, value, CUP_TYPE_STRING, i);
    }
    cup_text_puts(text, "}");
}

static void print_row(struct cup_harness *harness, const struct cup_changes *changes, uint32_t row)
{
    struct cup_text text    = {0};
    uint32_t        columns = changes->column_count - (harness->silver ? 0 : CUP_SILVER_COUNT);

    const struct cup_plan_table *table = &cup_plan_tables(harness->plan)[changes->table];
    cup_text_printf(&text, "%s:", cup_plan_text(harness->plan, table->source_table));
    for (uint32_t i = 0; i < changes->column_count; i++) {
        const struct cup_column *column = &changes->columns[i];
        const struct cup_field  *field  = &changes->fields[i];
        bool                     op = i == changes->column_count - CUP_SILVER_COUNT + CUP_SILVER_OP;
        bool unset = i == changes->column_count - CUP_SILVER_COUNT + CUP_SILVER_UNSET;
        CHECK(column->row_count == changes->row_count);
        if ((i >= columns && !op && !unset) || cup_column_is_null(column, row)) continue;
        cup_text_printf(&text, " %s=", field->name);
        if (field->type == CUP_TYPE_MAP)
            print_map(&text, column, row);
        else if (column->vec == CUP_VEC_LIST)
            print_list(&text, column, field->children->type, row);
        else
            print_value(&text, column, field->type, row);
    }
    CHECK(!text.failed);
    if (harness->row_count == harness->row_cap) {
        harness->row_cap = harness->row_cap == 0 ? 64 : 2 * harness->row_cap;
        harness->rows    = realloc(harness->rows, harness->row_cap * sizeof *harness->rows);
        CHECK(harness->rows != NULL);
    }
    harness->rows[harness->row_count++] = text.at;
}

static void check_nulls(const struct cup_changes *changes)
{
    for (uint32_t i = 0; i < changes->column_count; i++) {
        uint32_t nulls = 0;
        for (uint32_t row = 0; row < changes->row_count; row++)
            nulls += cup_column_is_null(&changes->columns[i], row);
        CHECK(nulls == changes->columns[i].null_count);
        CHECK(((uintptr_t)changes->columns[i].any & 63) == 0 || changes->columns[i].any == NULL);
    }
}

static void take(struct cup_harness *harness, uint32_t table)
{
    struct cup_changes changes = cup_decode_changes(harness->decode, table);

    if (changes.row_count > 0) check_nulls(&changes);
    for (uint32_t row = 0; row < changes.row_count; row++)
        print_row(harness, &changes, row);
    cup_decode_taken(harness->decode, table);
    CHECK(cup_decode_changes(harness->decode, table).row_count == 0);
}

static void take_all(struct cup_harness *harness)
{
    for (uint32_t i = 0; i < harness->plan->tables.count; i++)
        take(harness, i);
}

enum cup_decode_stop cup_harness_run(struct cup_harness *harness, uint32_t *next)
{
    const struct cup_decode_stamp stamp = {.ingested_us = 1700000000000000, .epoch = 7};
    const struct cup_batch        batch = {.region       = harness->region,
                                           .region_bytes = harness->region_bytes,
                                           .records      = harness->records,
                                           .record_count = harness->record_count,
                                           .no_keys      = harness->no_keys};
    enum cup_decode_stop          stop;

    for (;;) {
        uint32_t before = *next;
        stop = cup_decode_batch(harness->decode, &batch, &stamp, next, harness->verdicts);
        for (uint32_t i = before; i < *next; i++)
            snprintf(harness->paths[i], sizeof harness->paths[i], "%s",
                     cup_decode_bad_path(harness->decode, harness->verdicts[i].bad));
        if (stop == CUP_DECODE_FULL) {
            harness->full_count++;
            CHECK(cup_decode_changes(harness->decode, cup_decode_stop_table(harness->decode))
                      .row_count > 0);
            take(harness, cup_decode_stop_table(harness->decode));
        } else if (stop == CUP_DECODE_SHORT) {
            harness->short_count++;
            CHECK(cup_decode_largest(harness->decode) != UINT32_MAX);
            take(harness, cup_decode_largest(harness->decode));
        } else {
            break;
        }
        CHECK(harness->full_count + harness->short_count < 1000000);
    }
    CHECK(stop != CUP_DECODE_DONE || *next == harness->record_count);
    take_all(harness);
    return stop;
}
