// SPDX-License-Identifier: Apache-2.0
/* parquet_rows: random columns of any field, their comparison and their text, for the tests. */
#ifndef CUP_TESTS_LAKE_PARQUET_ROWS_H
#define CUP_TESTS_LAKE_PARQUET_ROWS_H

#include <inttypes.h>

#include "base/column.h"
#include "base/text.h"
#include "tests/check.h"

enum rows_shape {              /* how values repeat */
                  ROWS_WILD,   /* extremes and random bits */
                  ROWS_FEW,    /* a handful of values */
                  ROWS_RUNS,   /* the same value many times in a row */
                  ROWS_RISING, /* unique, sorted */
                  ROWS_STEPS,  /* rising, with an extreme now and then */
                  ROWS_SHAPES
};

struct rows_plan {
    struct cup_rnd *rnd;
    uint32_t        shape; /* enum rows_shape */
    uint32_t        null_percent, text_bytes_max, list_max;
};

static inline void *rows_alloc(size_t bytes)
{
    void *memory = calloc(1, bytes + 1);

    CHECK(memory != NULL);
    return memory;
}

static inline uint64_t rows_number(const struct rows_plan *plan, uint32_t row)
{
    static const uint64_t edges[] = {0, 1, UINT64_MAX, 1ull << 63, (1ull << 63) - 1, 1ull << 31};

    if (plan->shape == ROWS_FEW) return cup_rnd_below(plan->rnd, 5);
    if (plan->shape == ROWS_RUNS) return row / 700;
    if (plan->shape == ROWS_RISING) return row + 1000ull;
    if (plan->shape == ROWS_STEPS) return row % 401 == 400 ? row % 2 : row + 1000ull;
    uint32_t pick = cup_rnd_below(plan->rnd, 12);
    return pick < 6 ? edges[pick] : cup_rnd_u64(plan->rnd);
}

/* In [min, max], the ends often. */
static inline int64_t rows_between(const struct rows_plan *plan, uint32_t row, int64_t min,
                                   int64_t max)
{
    uint64_t number = rows_number(plan, row);

    bool extreme = plan->shape == ROWS_STEPS && number < 2;
    if (plan->shape != ROWS_WILD && !extreme) return (int64_t)(number % 100000) - 50;
    if (number == 0) return min;
    if (number == 1) return max;
    return min + (int64_t)(number % ((uint64_t)max - (uint64_t)min));
}

static inline cup_i128 rows_decimal(const struct rows_plan *plan, uint32_t row, uint32_t precision)
{
    cup_i128 limit = 1, value = (cup_i128)(int64_t)rows_number(plan, row);

    for (uint32_t i = 0; i < precision; i++)
        limit *= 10;
    if (plan->shape == ROWS_WILD && cup_rnd_below(plan->rnd, 4) == 0)
        return cup_rnd_below(plan->rnd, 2) ? limit - 1 : 1 - limit;
    if (plan->shape == ROWS_WILD) value = value * 1000000007 * 1000000007;
    return value % limit;
}

/* Characters of one to four bytes, NUL and quotes among them. */
static inline uint32_t rows_text(const struct rows_plan *plan, uint32_t row, uint8_t *to)
{
    static const char *const pieces[] = {
        "a",  "Z",  "\xC3\xA4", "\xE2\x82\xAC",     "\xF0\x9F\x8E\xB2",
        "\"", "\\", "\n",       "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF",
        ""};
    uint32_t used = 0, target = cup_rnd_below(plan->rnd, plan->text_bytes_max + 1);

    if (plan->shape != ROWS_WILD) {
        char text[32];
        int  bytes = snprintf(text, sizeof text, "v%" PRIu64, rows_number(plan, row));
        memcpy(to, text, (size_t)bytes);
        return (uint32_t)bytes;
    }
    while (used < target) {
        const char *piece = pieces[cup_rnd_below(plan->rnd, 11)];
        size_t      bytes = *piece != '\0' ? strlen(piece) : 1;
        if (used + bytes > target) break;
        memcpy(to + used, piece, bytes);
        used += (uint32_t)bytes;
    }
    return used;
}

static inline void rows_fill_texts(const struct rows_plan *plan, struct cup_column *column)
{
    uint32_t used = 0;

    column->text = rows_alloc((size_t)column->row_count * (plan->text_bytes_max + 32));
    for (uint32_t row = 0; row < column->row_count; row++) {
        column->offsets[row] = used;
        if (!cup_column_is_null(column, row)) used += rows_text(plan, row, column->text + used);
    }
    column->offsets[column->row_count] = column->text_cap = used;
}

static inline void rows_fill(const struct rows_plan *plan, const struct cup_field *field,
                             struct cup_column *column)
{
    static const double odd[] = {-0.0, 0.0, 1e308, -1e-320, 0.1};

    for (uint32_t row = 0; row < column->row_count; row++) {
        switch ((enum cup_type)field->type) {
        case CUP_TYPE_BOOL: cup_bit_set(column->bits, row, rows_number(plan, row) & 1); break;
        case CUP_TYPE_BYTE: column->i32[row] = (int8_t)rows_number(plan, row); break;
        case CUP_TYPE_SHORT: column->i32[row] = (int16_t)rows_number(plan, row); break;
        case CUP_TYPE_INT: column->i32[row] = (int32_t)rows_number(plan, row); break;
        case CUP_TYPE_LONG: column->i64[row] = (int64_t)rows_number(plan, row); break;
        case CUP_TYPE_DATE:
            column->i32[row] = (int32_t)rows_between(plan, row, -719162, 2932896);
            break;
        case CUP_TYPE_TIMESTAMP:
        case CUP_TYPE_TIMESTAMP_NTZ:
            column->i64[row] = rows_between(plan, row, -62135596800000000, 253402300799999999);
            break;
        case CUP_TYPE_FLOAT:
            column->f32[row] =
                (float)odd[cup_rnd_below(plan->rnd, 5)] + (float)(rows_number(plan, row) % 9999);
            break;
        case CUP_TYPE_DOUBLE:
            column->f64[row] =
                odd[cup_rnd_below(plan->rnd, 5)] - (double)(rows_number(plan, row) % 9999);
            break;
        case CUP_TYPE_DECIMAL: column->i128[row] = rows_decimal(plan, row, field->precision); break;
        default: break;
        }
    }
}

static inline void rows_make(const struct rows_plan *plan, const struct cup_field *field,
                             uint32_t row_count, bool may_null, struct cup_column *column)
{
    enum cup_vec vec   = cup_type_vec((enum cup_type)field->type);
    size_t       width = vec == CUP_VEC_BITS ? 1 : cup_vec_bytes(vec);

    *column =
        (struct cup_column){.row_count = row_count, .row_cap = row_count, .vec = (uint8_t)vec};
    if (may_null && (field->flags & CUP_FIELD_REQUIRED) == 0) {
        column->validity = rows_alloc(row_count / 8 + 8);
        for (uint32_t row = 0; row < row_count; row++) {
            bool null = cup_rnd_below(plan->rnd, 100) < plan->null_percent;
            cup_bit_set(column->validity, row, !null);
            column->null_count += null;
        }
    }
    if (width > 0) column->any = rows_alloc(width * row_count);
    if (vec == CUP_VEC_VAR || vec == CUP_VEC_LIST)
        column->offsets = rows_alloc((row_count + 1) * sizeof(uint32_t));
    if (vec == CUP_VEC_VAR) rows_fill_texts(plan, column);
    rows_fill(plan, field, column);
    if (field->child_count == 0) return;
    uint32_t child_rows = row_count;
    if (vec == CUP_VEC_LIST) {
        child_rows = 0;
        for (uint32_t row = 0; row < row_count; row++) { /* a null row may have elements: ignored */
            child_rows += cup_rnd_below(plan->rnd, plan->list_max + 1);
            column->offsets[row + 1] = child_rows;
        }
    }
    column->child_count = (uint8_t)field->child_count;
    column->children    = rows_alloc(field->child_count * sizeof *column->children);
    for (uint32_t i = 0; i < field->child_count; i++)
        rows_make(plan, &field->children[i], child_rows, field->type != CUP_TYPE_MAP || i > 0,
                  &column->children[i]);
}

static inline void rows_free(struct cup_column *column)
{
    for (uint32_t i = 0; i < column->child_count; i++)
        rows_free(&column->children[i]);
    free(column->children);
    free(column->validity);
    free(column->offsets);
    free(column->any);
}

static inline bool rows_equal(const struct cup_field *field, const struct cup_column *a,
                              uint32_t a_row, const struct cup_column *b, uint32_t b_row)
{
    bool null = cup_column_is_null(a, a_row);

    if (null != cup_column_is_null(b, b_row) || a->vec != b->vec) return false;
    if (null) return true;
    uint32_t width = cup_vec_bytes((enum cup_vec)a->vec);
    if (width > 0)
        return memcmp((uint8_t *)a->any + (size_t)a_row * width,
                      (uint8_t *)b->any + (size_t)b_row * width, width) == 0;
    if (a->vec == CUP_VEC_BITS) return cup_bit_get(a->bits, a_row) == cup_bit_get(b->bits, b_row);
    if (a->vec == CUP_VEC_NONE) {
        for (uint32_t i = 0; i < field->child_count; i++)
            if (!rows_equal(&field->children[i], &a->children[i], a_row, &b->children[i], b_row))
                return false;
        return true;
    }
    uint32_t count = a->offsets[a_row + 1] - a->offsets[a_row];
    if (count != b->offsets[b_row + 1] - b->offsets[b_row]) return false;
    if (a->vec == CUP_VEC_VAR)
        return memcmp(a->text + a->offsets[a_row], b->text + b->offsets[b_row], count) == 0;
    for (uint32_t at = 0; at < count; at++)
        for (uint32_t i = 0; i < field->child_count; i++)
            if (!rows_equal(&field->children[i], &a->children[i], a->offsets[a_row] + at,
                            &b->children[i], b->offsets[b_row] + at))
                return false;
    return true;
}

/* --- text: one JSON value a row; floats as bits, decimals unscaled, binary in hex --- */

static inline void rows_put_decimal(struct cup_text *text, cup_i128 value)
{
    char     digits[48];
    uint32_t at   = sizeof digits;
    cup_i128 rest = value;

    do {
        int digit    = (int)(rest % 10);
        digits[--at] = (char)('0' + (digit < 0 ? -digit : digit));
        rest /= 10;
    } while (rest != 0);
    cup_text_printf(text, "\"%s%.*s\"", value < 0 ? "-" : "", (int)(sizeof digits - at),
                    digits + at);
}

static inline void rows_put(struct cup_text *text, const struct cup_field *field,
                            const struct cup_column *column, uint32_t row)
{
    if (cup_column_is_null(column, row)) {
        cup_text_puts(text, "null");
        return;
    }
    uint32_t from = column->offsets != NULL ? column->offsets[row] : 0;
    uint32_t end  = column->offsets != NULL ? column->offsets[row + 1] : 0;
    switch ((enum cup_type)field->type) {
    case CUP_TYPE_BOOL:
        cup_text_puts(text, cup_bit_get(column->bits, row) ? "true" : "false");
        break;
    case CUP_TYPE_FLOAT: cup_text_printf(text, "\"%a\"", (double)column->f32[row]); break;
    case CUP_TYPE_DOUBLE: cup_text_printf(text, "\"%a\"", column->f64[row]); break;
    case CUP_TYPE_DECIMAL: rows_put_decimal(text, column->i128[row]); break;
    case CUP_TYPE_STRING: cup_text_json(text, column->text + from, end - from); break;
    case CUP_TYPE_BINARY:
        cup_text_puts(text, "\"");
        for (; from < end; from++)
            cup_text_printf(text, "%02x", column->text[from]);
        cup_text_puts(text, "\"");
        break;
    case CUP_TYPE_STRUCT:
        for (uint32_t i = 0; i < field->child_count; i++) {
            cup_text_puts(text, i == 0 ? "[" : ",");
            rows_put(text, &field->children[i], &column->children[i], row);
        }
        cup_text_puts(text, "]");
        break;
    case CUP_TYPE_LIST:
    case CUP_TYPE_MAP:
        cup_text_puts(text, "[");
        for (uint32_t at = from; at < end; at++) {
            if (at > from) cup_text_puts(text, ",");
            if (field->type == CUP_TYPE_MAP) cup_text_puts(text, "[");
            for (uint32_t i = 0; i < field->child_count; i++) {
                if (i > 0) cup_text_puts(text, ",");
                rows_put(text, &field->children[i], &column->children[i], at);
            }
            if (field->type == CUP_TYPE_MAP) cup_text_puts(text, "]");
        }
        cup_text_puts(text, "]");
        break;
    default:
        cup_text_printf(text, "%lld",
                        column->vec == CUP_VEC_I32 ? (long long)column->i32[row]
                                                   : (long long)column->i64[row]);
    }
}

/* --- fields that together cover every type --- */

static const struct cup_field rows_entry[] = {
    {.name = "x", .type = CUP_TYPE_LONG},
    {.name        = "tags",
     .type        = CUP_TYPE_MAP,
     .child_count = 2,
     .children    = (const struct cup_field[]){{.name = "key", .type = CUP_TYPE_STRING},
                                               {.name = "value", .type = CUP_TYPE_STRING}}},
    {.name        = "deep",
     .type        = CUP_TYPE_LIST,
     .child_count = 1,
     .children =
         (const struct cup_field[]){
             {.name        = "element",
              .type        = CUP_TYPE_LIST,
              .child_count = 1,
              .children    = (const struct cup_field[]){{.name      = "element",
                                                         .type      = CUP_TYPE_DECIMAL,
                                                         .precision = 25,
                                                         .scale     = 3}}}}},
};

static const struct cup_field rows_fields[] = {
    {.name = "id", .type = CUP_TYPE_LONG, .flags = CUP_FIELD_REQUIRED},
    {.name = "flag", .type = CUP_TYPE_BOOL},
    {.name = "i8", .type = CUP_TYPE_BYTE},
    {.name = "i16", .type = CUP_TYPE_SHORT},
    {.name = "i32", .type = CUP_TYPE_INT},
    {.name = "i64", .type = CUP_TYPE_LONG},
    {.name = "f32", .type = CUP_TYPE_FLOAT},
    {.name = "f64", .type = CUP_TYPE_DOUBLE},
    {.name = "d9", .type = CUP_TYPE_DECIMAL, .precision = 9, .scale = 2},
    {.name = "d18", .type = CUP_TYPE_DECIMAL, .precision = 18, .scale = 18},
    {.name = "d20", .type = CUP_TYPE_DECIMAL, .precision = 20, .scale = 0},
    {.name = "d38", .type = CUP_TYPE_DECIMAL, .precision = 38, .scale = 10},
    {.name = "day", .type = CUP_TYPE_DATE},
    {.name = "at", .type = CUP_TYPE_TIMESTAMP},
    {.name = "local \"at\"", .type = CUP_TYPE_TIMESTAMP_NTZ},
    {.name = "text", .type = CUP_TYPE_STRING},
    {.name = "secret", .type = CUP_TYPE_STRING, .flags = CUP_FIELD_NO_BOUNDS},
    {.name = "unique", .type = CUP_TYPE_STRING, .flags = CUP_FIELD_NO_DICT},
    {.name = "bytes", .type = CUP_TYPE_BINARY},
    {.name        = "list",
     .type        = CUP_TYPE_LIST,
     .child_count = 1,
     .children    = (const struct cup_field[]){{.name = "element", .type = CUP_TYPE_INT}}},
    {.name = "entry", .type = CUP_TYPE_STRUCT, .child_count = 3, .children = rows_entry},
    {.name        = "entries",
     .type        = CUP_TYPE_LIST,
     .child_count = 1,
     .children    = (const struct cup_field[]){{.name        = "element",
                                                .type        = CUP_TYPE_STRUCT,
                                                .child_count = 3,
                                                .children    = rows_entry}}},
};
#define ROWS_FIELD_COUNT ((uint32_t)(sizeof rows_fields / sizeof *rows_fields))

#endif
