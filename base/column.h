// SPDX-License-Identifier: Apache-2.0
/* column: typed vectors in Arrow's layouts; what decode fills and lake encodes and reads.
 *
 *   field  says what a column is (name, type, children)
 *   column holds `row_count` values of it
 *
 *   row        0     1     2           a STRING column with "ab", null, ""
 *   validity   1     0     1
 *   offsets    0     2     2     2     text  "ab"
 *
 * Holds     pointers into memory that someone else owns.
 * Owner     the room that made the column; encode only reads it.
 * Threads   one.
 * Bounds    row_count <= row_cap; VAR text <= 4 GiB - 1 (uint32_t offsets).
 * Source    Arrow columnar format 1.x, "Physical memory layout"; one difference: BYTE and SHORT
 * take 32 bits a value, because Parquet has no smaller physical type. Tests
 * tests/base/test_column.c
 */
#ifndef CUP_BASE_COLUMN_H
#define CUP_BASE_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef __int128 cup_i128; /* the one typedef: C has no name for it without it */

enum cup_vec {
    CUP_VEC_NONE, /* STRUCT: validity and children only */
    CUP_VEC_BITS,
    CUP_VEC_I32,
    CUP_VEC_I64,
    CUP_VEC_I128, /* DECIMAL of any precision: 16 bytes, little endian */
    CUP_VEC_F32,
    CUP_VEC_F64,
    CUP_VEC_VAR,  /* offsets + text */
    CUP_VEC_LIST, /* offsets count child rows */
};

enum cup_type {
#define CUP_TYPE(id, vec, delta, text) CUP_TYPE_##id,
#include "base/type.def"
#undef CUP_TYPE
    CUP_TYPE_COUNT
};

#define CUP_DECIMAL_PRECISION_MAX 38

enum cup_field_flag {
    CUP_FIELD_REQUIRED  = 1, /* never null in the file; Delta columns of ours are all nullable */
    CUP_FIELD_NO_BOUNDS = 2, /* no min/max in any statistics (personal data, unbounded text) */
    CUP_FIELD_NO_DICT   = 4, /* known to be nearly unique: do not try a dictionary */
};

struct cup_field {
    const char             *name;             /* NUL-terminated UTF-8 */
    const char             *comment;          /* NULL or the Delta column comment */
    uint8_t                 type;             /* enum cup_type */
    uint8_t                 precision, scale; /* DECIMAL only */
    uint8_t                 flags;            /* CUP_FIELD_* */
    uint32_t                child_count;      /* LIST 1; MAP 2 (key, value); STRUCT n; else 0 */
    const struct cup_field *children;
};

struct cup_column {
    uint8_t *validity; /* bit i: row i has a value; NULL = all have (reading and REQUIRED only) */
    union {
        uint8_t  *bits; /* BITS: bit i */
        int32_t  *i32;
        int64_t  *i64;
        cup_i128 *i128;
        float    *f32;
        double   *f64;
        uint8_t  *text; /* VAR */
        void     *any;
    };
    uint32_t *offsets; /* VAR, LIST, MAP: row_count + 1 entries, offsets[0] = 0 */
    struct cup_column
            *children; /* LIST: 1; MAP: 2; STRUCT: child_count; each with its own row_count */
    uint32_t row_count, row_cap;
    uint32_t null_count;
    uint32_t text_cap;    /* VAR: bytes that text can hold */
    uint8_t  vec;         /* enum cup_vec */
    uint8_t  child_count; /* how many children[] */
};

/* cup_type_vec is the vector of a type; cup_type_delta its Delta name ("decimal" without digits).
 */
enum cup_vec cup_type_vec(enum cup_type type);
const char  *cup_type_delta(enum cup_type type);

/* cup_type_parse finds a type by its Delta name, e.g. "timestamp_ntz" or "decimal(18,2)"; false
 * when there is none. Nested types are not texts and give false. */
bool cup_type_parse(const char *text, size_t bytes, uint8_t *out_type, uint8_t *out_precision,
                    uint8_t *out_scale);

/* cup_vec_bytes is the width of one value: 4, 8 or 16; 0 for BITS, VAR, LIST, NONE. */
uint32_t cup_vec_bytes(enum cup_vec vec);

static inline bool cup_bit_get(const uint8_t *bits, uint32_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

static inline void cup_bit_set(uint8_t *bits, uint32_t i, bool on)
{
    uint8_t mask = (uint8_t)(1u << (i % 8));
    bits[i / 8]  = (uint8_t)(on ? bits[i / 8] | mask : bits[i / 8] & ~mask);
}

static inline bool cup_column_is_null(const struct cup_column *column, uint32_t row)
{
    return column->validity != NULL && !cup_bit_get(column->validity, row);
}

#endif
