// SPDX-License-Identifier: Apache-2.0
/* parquet_file: a Parquet file in memory, what was appended to it, and the comparison of both; for
 * the tests. */
#ifndef CUP_TESTS_LAKE_PARQUET_FILE_H
#define CUP_TESTS_LAKE_PARQUET_FILE_H

#include "lake/parquet.h"
#include "lake/thrift.h"
#include "tests/lake/parquet_rows.h"

struct bytes { /* a file in memory: sink and source */
    uint8_t *at;
    size_t   count, cap;
    size_t   fail_at; /* the sink refuses to go beyond; 0: never */
};

static inline enum cup_err put(void *arg, const void *from, size_t count,
                               struct cup_fault *out_fault)
{
    struct bytes *bytes = arg;

    if (bytes->fail_at != 0 && bytes->count + count > bytes->fail_at)
        return cup_fault_set(out_fault, CUP_NO_SPACE, "test sink", NULL);
    if (bytes->count + count > bytes->cap) {
        bytes->cap = (bytes->count + count) * 2;
        bytes->at  = realloc(bytes->at, bytes->cap);
        CHECK(bytes->at != NULL);
    }
    memcpy(bytes->at + bytes->count, from, count);
    bytes->count += count;
    return CUP_OK;
}

static inline enum cup_err get(void *arg, uint64_t at, void *to, size_t count,
                               struct cup_fault *out_fault)
{
    struct bytes *bytes = arg;

    (void)out_fault;
    CHECK(at <= bytes->count && count <= bytes->count - at);
    memcpy(to, bytes->at + at, count);
    return CUP_OK;
}

static inline struct cup_bytes_source source_of(struct bytes *bytes)
{
    return (struct cup_bytes_source){.arg = bytes, .bytes = bytes->count, .read = get};
}

struct rows {                   /* what was appended, in order */
    struct cup_column *columns; /* field_count of each append */
    uint32_t           append_count, field_count;
};

static inline const struct cup_column *appended(struct rows *rows, const struct rows_plan *plan,
                                                const struct cup_field *fields, uint32_t row_count)
{
    size_t at     = (size_t)rows->append_count * rows->field_count;
    rows->columns = realloc(rows->columns, (at + rows->field_count) * sizeof *rows->columns);
    CHECK(rows->columns != NULL);
    for (uint32_t i = 0; i < rows->field_count; i++)
        rows_make(plan, &fields[i], row_count, true, &rows->columns[at + i]);
    rows->append_count++;
    return &rows->columns[at];
}

static inline void forget(struct rows *rows)
{
    for (size_t i = 0; i < (size_t)rows->append_count * rows->field_count; i++)
        rows_free(&rows->columns[i]);
    free(rows->columns);
}

/* Reads the file and compares it with everything that was appended. */
static inline void check_file(struct bytes *bytes, const struct cup_field *fields,
                              struct rows *rows)
{
    struct cup_parquet_reader *reader;
    const struct cup_column   *columns;
    uint32_t                   count, append = 0, row = 0;

    CHECK(cup_parquet_reader_open(source_of(bytes), &reader, NULL) == CUP_OK);
    const struct cup_field *read = cup_parquet_reader_fields(reader, &count);
    CHECK(count == rows->field_count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(strcmp(read[i].name, fields[i].name) == 0 && read[i].type == fields[i].type);
        CHECK(read[i].precision == fields[i].precision && read[i].scale == fields[i].scale);
        CHECK((read[i].flags & CUP_FIELD_REQUIRED) == (fields[i].flags & CUP_FIELD_REQUIRED));
        CHECK(read[i].child_count == fields[i].child_count);
    }
    for (uint32_t group = 0; group < cup_parquet_reader_group_count(reader); group++) {
        CHECK(cup_parquet_reader_group(reader, group, NULL, &columns, &count, NULL) == CUP_OK);
        for (uint32_t at = 0; at < count; at++, row++) {
            while (row == rows->columns[(size_t)append * rows->field_count].row_count) {
                append++, row = 0;
                CHECK(append < rows->append_count);
            }
            const struct cup_column *want = &rows->columns[(size_t)append * rows->field_count];
            for (uint32_t i = 0; i < rows->field_count; i++)
                CHECK(rows_equal(&fields[i], &want[i], row, &columns[i], at));
        }
    }
    uint64_t total = 0;
    for (uint32_t i = 0; i < rows->append_count; i++)
        total += rows->columns[(size_t)i * rows->field_count].row_count;
    CHECK(cup_parquet_reader_rows(reader) == total);
    CHECK(append + 1 >= rows->append_count || total == 0);
    cup_parquet_reader_close(reader);
}

/* The page at bytes->at[at]: where its crc (a varint) and its body lie. */
struct place {
    size_t crc_at, crc_bytes, body_at, end, unpacked_bytes;
};

static inline struct place page_at(const struct bytes *bytes, size_t at)
{
    struct cup_thrift_in    in    = cup_thrift_read(bytes->at + at, bytes->count - at);
    struct place            place = {0};
    struct cup_thrift_field field;
    int64_t                 stored_bytes = 0;

    while (cup_thrift_next(&in, &field)) {
        const uint8_t *before = in.at;
        int64_t        value  = field.type == CUP_THRIFT_I32 ? cup_thrift_get_int(&in, field) : 0;
        if (field.type != CUP_THRIFT_I32) cup_thrift_skip(&in, field);
        if (field.id == 2) place.unpacked_bytes = (size_t)value;
        if (field.id == 3) stored_bytes = value;
        if (field.id != 4) continue;
        place.crc_at    = (size_t)(before - bytes->at);
        place.crc_bytes = (size_t)(in.at - before);
    }
    CHECK(!in.bad && place.crc_at > 0);
    place.body_at = (size_t)(in.at - bytes->at);
    place.end     = place.body_at + (size_t)stored_bytes;
    return place;
}

#endif
