// SPDX-License-Identifier: Apache-2.0
/* thrift: the compact protocol of Thrift, as far as Parquet uses it.
 *
 *   writing  field by field into a small buffer that is flushed to a callback
 *   reading  field by field from memory; any bytes at all are accepted, none is trusted
 *
 * Holds     the last field id of each open struct.
 * Owner     the function that declares it, on its stack.
 * Threads   one.
 * Fails     writing: `failed` when the flush says no; reading: `bad`, and every later call gives
 *           nothing. Check once, at the end.
 * Bounds    CUP_THRIFT_DEPTH_MAX nested structs.
 * Source    Thrift compact protocol specification; Parquet's use of it in parquet.thrift
 * Tests     tests/lake/test_parquet_thrift.c
 */
#ifndef CUP_LAKE_THRIFT_H
#define CUP_LAKE_THRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CUP_THRIFT_DEPTH_MAX    16u  /* parquet.thrift nests 7 deep */
#define CUP_THRIFT_BUFFER_BYTES 512u /* a page header is at most 60 */

enum cup_thrift_type {
    CUP_THRIFT_STOP   = 0,
    CUP_THRIFT_TRUE   = 1,
    CUP_THRIFT_FALSE  = 2,
    CUP_THRIFT_I8     = 3,
    CUP_THRIFT_I16    = 4,
    CUP_THRIFT_I32    = 5,
    CUP_THRIFT_I64    = 6,
    CUP_THRIFT_DOUBLE = 7,
    CUP_THRIFT_BYTES  = 8,
    CUP_THRIFT_LIST   = 9,
    CUP_THRIFT_SET    = 10,
    CUP_THRIFT_MAP    = 11,
    CUP_THRIFT_STRUCT = 12,
};

struct cup_thrift_out {
    bool (*flush)(void *arg, const uint8_t *bytes, size_t count); /* NULL: the buffer suffices */
    void    *arg;
    uint32_t used, depth;
    bool     failed;
    int16_t  last_id[CUP_THRIFT_DEPTH_MAX];
    uint8_t  buffer[CUP_THRIFT_BUFFER_BYTES];
};

/* cup_thrift_start prepares for the fields of the outermost struct; cup_thrift_end closes the
 * innermost open one; the last end also flushes, if there is a flush. */
void cup_thrift_start(struct cup_thrift_out *out,
                      bool (*flush)(void *arg, const uint8_t *bytes, size_t count), void *arg);
void cup_thrift_end(struct cup_thrift_out *out);

/* Fields, ids ascending inside a struct. */
void cup_thrift_put_bool(struct cup_thrift_out *out, int16_t id, bool value);
void cup_thrift_put_i8(struct cup_thrift_out *out, int16_t id, int8_t value);
void cup_thrift_put_i16(struct cup_thrift_out *out, int16_t id, int16_t value);
void cup_thrift_put_i32(struct cup_thrift_out *out, int16_t id, int32_t value);
void cup_thrift_put_i64(struct cup_thrift_out *out, int16_t id, int64_t value);
void cup_thrift_put_bytes(struct cup_thrift_out *out, int16_t id, const void *bytes, size_t count);
void cup_thrift_put_struct(struct cup_thrift_out *out, int16_t id); /* until cup_thrift_end */
void cup_thrift_put_list(struct cup_thrift_out *out, int16_t id, enum cup_thrift_type element,
                         uint32_t count);

/* Elements of the list just opened. */
void cup_thrift_element_i32(struct cup_thrift_out *out, int32_t value);
void cup_thrift_element_bytes(struct cup_thrift_out *out, const void *bytes, size_t count);
void cup_thrift_element_struct(struct cup_thrift_out *out); /* until cup_thrift_end */

/* cup_thrift_raw puts encoded bytes as they are (list elements that were encoded before). */
void cup_thrift_raw(struct cup_thrift_out *out, const void *bytes, size_t count);

struct cup_thrift_in {
    const uint8_t *at, *end;
    uint32_t       depth;
    bool           bad;
    int16_t        last_id[CUP_THRIFT_DEPTH_MAX];
};

struct cup_thrift_field {
    int16_t id;
    uint8_t type; /* enum cup_thrift_type */
};

/* cup_thrift_read starts at the first field of a struct that ends somewhere in bytes[0..count). */
struct cup_thrift_in cup_thrift_read(const void *bytes, size_t count);

/* cup_thrift_next finds the next field of the innermost struct; at its end it closes the struct and
 * returns false, and so it does when the bytes are bad. The value must be taken by one of the
 * functions below before the next call. */
bool cup_thrift_next(struct cup_thrift_in *in, struct cup_thrift_field *out_field);

/* Values. A type that does not fit the field sets `bad`; then 0 is returned. */
int64_t        cup_thrift_get_int(struct cup_thrift_in *in, struct cup_thrift_field field);
bool           cup_thrift_get_bool(struct cup_thrift_in *in, struct cup_thrift_field field);
const uint8_t *cup_thrift_get_bytes(struct cup_thrift_in *in, struct cup_thrift_field field,
                                    uint32_t *out_count);
void           cup_thrift_enter(struct cup_thrift_in *in, struct cup_thrift_field field);
void           cup_thrift_skip(struct cup_thrift_in *in, struct cup_thrift_field field);

/* cup_thrift_get_list gives the number of elements and their common type as a field of id 0, to be
 * taken count times with the functions above. A count that the bytes left cannot hold is bad. */
uint32_t cup_thrift_get_list(struct cup_thrift_in *in, struct cup_thrift_field field,
                             struct cup_thrift_field *out_element);

#endif
