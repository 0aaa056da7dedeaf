// SPDX-License-Identifier: Apache-2.0
#include "lake/thrift.h"

#include <string.h>

#include "base/err.h"

#define VARINT_BYTES_MAX 10u /* 64 bits, 7 in a byte */

/* --- writing --- */

static void flush(struct cup_thrift_out *out)
{
    CUP_ASSERT(out->flush != NULL); /* without a flush the caller knows that the buffer suffices */
    if (!out->failed && out->used > 0 && !out->flush(out->arg, out->buffer, out->used))
        out->failed = true;
    out->used = 0;
}

static void put_byte(struct cup_thrift_out *out, uint32_t byte)
{
    if (out->used == CUP_THRIFT_BUFFER_BYTES) flush(out);
    out->buffer[out->used++] = (uint8_t)byte;
}

static void put_varint(struct cup_thrift_out *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put_byte(out, (uint32_t)(value & 0x7F) | 0x80);
    put_byte(out, (uint32_t)value);
}

static void put_zigzag(struct cup_thrift_out *out, int64_t value)
{
    put_varint(out, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

static void put_header(struct cup_thrift_out *out, int16_t id, enum cup_thrift_type type)
{
    int16_t *last  = &out->last_id[out->depth];
    int32_t  delta = id - *last;

    CUP_ASSERT(delta > 0);
    if (delta <= 15) {
        put_byte(out, (uint32_t)delta << 4 | type);
    } else {
        put_byte(out, type);
        put_zigzag(out, id);
    }
    *last = id;
}

static void open_struct(struct cup_thrift_out *out)
{
    CUP_ASSERT(out->depth + 1 < CUP_THRIFT_DEPTH_MAX);
    out->last_id[++out->depth] = 0;
}

void cup_thrift_start(struct cup_thrift_out *out,
                      bool (*flush_to)(void *arg, const uint8_t *bytes, size_t count), void *arg)
{
    out->flush      = flush_to;
    out->arg        = arg;
    out->used       = 0;
    out->depth      = 0;
    out->failed     = false;
    out->last_id[0] = 0;
}

void cup_thrift_end(struct cup_thrift_out *out)
{
    put_byte(out, CUP_THRIFT_STOP);
    if (out->depth > 0)
        out->depth--;
    else if (out->flush != NULL)
        flush(out);
}

void cup_thrift_put_bool(struct cup_thrift_out *out, int16_t id, bool value)
{
    put_header(out, id, value ? CUP_THRIFT_TRUE : CUP_THRIFT_FALSE);
}

void cup_thrift_put_i8(struct cup_thrift_out *out, int16_t id, int8_t value)
{
    put_header(out, id, CUP_THRIFT_I8);
    put_byte(out, (uint8_t)value);
}

void cup_thrift_put_i16(struct cup_thrift_out *out, int16_t id, int16_t value)
{
    put_header(out, id, CUP_THRIFT_I16);
    put_zigzag(out, value);
}

void cup_thrift_put_i32(struct cup_thrift_out *out, int16_t id, int32_t value)
{
    put_header(out, id, CUP_THRIFT_I32);
    put_zigzag(out, value);
}

void cup_thrift_put_i64(struct cup_thrift_out *out, int16_t id, int64_t value)
{
    put_header(out, id, CUP_THRIFT_I64);
    put_zigzag(out, value);
}

void cup_thrift_put_bytes(struct cup_thrift_out *out, int16_t id, const void *bytes, size_t count)
{
    put_header(out, id, CUP_THRIFT_BYTES);
    cup_thrift_element_bytes(out, bytes, count);
}

void cup_thrift_put_struct(struct cup_thrift_out *out, int16_t id)
{
    put_header(out, id, CUP_THRIFT_STRUCT);
    open_struct(out);
}

void cup_thrift_put_list(struct cup_thrift_out *out, int16_t id, enum cup_thrift_type element,
                         uint32_t count)
{
    put_header(out, id, CUP_THRIFT_LIST);
    if (count < 15) {
        put_byte(out, count << 4 | element);
    } else {
        put_byte(out, 0xF0u | element);
        put_varint(out, count);
    }
}

void cup_thrift_element_i32(struct cup_thrift_out *out, int32_t value)
{
    put_zigzag(out, value);
}

void cup_thrift_element_bytes(struct cup_thrift_out *out, const void *bytes, size_t count)
{
    put_varint(out, count);
    cup_thrift_raw(out, bytes, count);
}

void cup_thrift_element_struct(struct cup_thrift_out *out)
{
    open_struct(out);
}

void cup_thrift_raw(struct cup_thrift_out *out, const void *bytes, size_t count)
{
    const uint8_t *from = bytes;

    while (count > 0) {
        if (out->used == CUP_THRIFT_BUFFER_BYTES) flush(out);
        size_t room = CUP_THRIFT_BUFFER_BYTES - out->used;
        size_t part = count < room ? count : room;
        memcpy(out->buffer + out->used, from, part);
        out->used += (uint32_t)part;
        from += part;
        count -= part;
    }
}

/* --- reading --- */

struct cup_thrift_in cup_thrift_read(const void *bytes, size_t count)
{
    return (struct cup_thrift_in){.at = bytes, .end = (const uint8_t *)bytes + count};
}

static int64_t bad(struct cup_thrift_in *in)
{
    in->bad = true;
    in->at  = in->end;
    return 0;
}

static uint8_t get_byte(struct cup_thrift_in *in)
{
    if (in->at == in->end) return (uint8_t)bad(in);
    return *in->at++;
}

static uint64_t get_varint(struct cup_thrift_in *in)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < VARINT_BYTES_MAX; i++) {
        uint8_t byte = get_byte(in);
        value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80) return in->bad ? 0 : value;
    }
    return (uint64_t)bad(in);
}

static int64_t get_zigzag(struct cup_thrift_in *in)
{
    uint64_t value = get_varint(in);

    return (int64_t)((value >> 1) ^ (0 - (value & 1)));
}

bool cup_thrift_next(struct cup_thrift_in *in, struct cup_thrift_field *out_field)
{
    uint8_t header = get_byte(in);
    uint8_t type   = header & 0x0F;

    if (in->bad) return false;
    if (header == CUP_THRIFT_STOP) {
        if (in->depth > 0) in->depth--;
        return false;
    }
    int16_t *last = &in->last_id[in->depth];
    int64_t  id   = header >> 4 != 0 ? *last + (header >> 4) : get_zigzag(in);
    if (in->bad || id <= 0 || id > INT16_MAX || type == CUP_THRIFT_STOP ||
        type > CUP_THRIFT_STRUCT) {
        bad(in);
        return false;
    }
    *last      = (int16_t)id;
    *out_field = (struct cup_thrift_field){.id = (int16_t)id, .type = type};
    return true;
}

int64_t cup_thrift_get_int(struct cup_thrift_in *in, struct cup_thrift_field field)
{
    if (field.type == CUP_THRIFT_I8) return (int8_t)get_byte(in);
    if (field.type < CUP_THRIFT_I8 || field.type > CUP_THRIFT_I64) return bad(in);
    return get_zigzag(in);
}

bool cup_thrift_get_bool(struct cup_thrift_in *in, struct cup_thrift_field field)
{
    if (field.type != CUP_THRIFT_TRUE && field.type != CUP_THRIFT_FALSE) bad(in);
    return field.type == CUP_THRIFT_TRUE;
}

const uint8_t *cup_thrift_get_bytes(struct cup_thrift_in *in, struct cup_thrift_field field,
                                    uint32_t *out_count)
{
    uint64_t       count = field.type == CUP_THRIFT_BYTES ? get_varint(in) : (uint64_t)bad(in);
    const uint8_t *bytes = in->at;

    if (count > (size_t)(in->end - in->at) || count > UINT32_MAX) count = (uint64_t)bad(in);
    *out_count = (uint32_t)count;
    if (!in->bad) in->at += count;
    return bytes;
}

void cup_thrift_enter(struct cup_thrift_in *in, struct cup_thrift_field field)
{
    if (field.type != CUP_THRIFT_STRUCT || in->depth + 1 == CUP_THRIFT_DEPTH_MAX) {
        bad(in);
        return;
    }
    in->last_id[++in->depth] = 0;
}

uint32_t cup_thrift_get_list(struct cup_thrift_in *in, struct cup_thrift_field field,
                             struct cup_thrift_field *out_element)
{
    bool     is_list = field.type == CUP_THRIFT_LIST || field.type == CUP_THRIFT_SET;
    uint8_t  header  = is_list ? get_byte(in) : (uint8_t)bad(in);
    uint64_t count   = header >> 4 == 15 ? get_varint(in) : header >> 4;

    /* Every element takes at least one byte, so this bounds what a caller allocates. */
    if (count > (size_t)(in->end - in->at)) count = (uint64_t)bad(in);
    *out_element = (struct cup_thrift_field){.type = header & 0x0F};
    return (uint32_t)count;
}

static void skip_flat(struct cup_thrift_in *in, uint8_t type)
{
    uint64_t count = 0;

    switch (type) {
    case CUP_THRIFT_TRUE:
    case CUP_THRIFT_FALSE: break;
    case CUP_THRIFT_I8: count = 1; break;
    case CUP_THRIFT_I16:
    case CUP_THRIFT_I32:
    case CUP_THRIFT_I64: get_varint(in); break;
    case CUP_THRIFT_DOUBLE: count = 8; break;
    case CUP_THRIFT_BYTES: count = get_varint(in); break;
    default: bad(in);
    }
    if (count > (size_t)(in->end - in->at)) bad(in);
    if (!in->bad) in->at += count;
}

/* What is still to be skipped at one depth: elements of a list, or the fields of a struct. */
struct level {
    uint32_t left;
    uint8_t  type;
    bool     is_struct;
};

/* Skips one value of `type`; nested ones are only opened, as a new level. */
static void skip_value(struct cup_thrift_in *in, struct cup_thrift_field field, bool in_list,
                       struct level *levels, uint32_t *depth)
{
    bool nested = field.type == CUP_THRIFT_STRUCT || field.type == CUP_THRIFT_LIST ||
                  field.type == CUP_THRIFT_SET;

    if (!nested) {
        if (in_list && field.type <= CUP_THRIFT_FALSE) field.type = CUP_THRIFT_I8;
        skip_flat(in, field.type);
        return;
    }
    if (*depth == CUP_THRIFT_DEPTH_MAX) {
        bad(in);
        return;
    }
    struct level *level = &levels[(*depth)++];
    *level              = (struct level){.is_struct = field.type == CUP_THRIFT_STRUCT};
    if (level->is_struct) {
        cup_thrift_enter(in, field);
    } else {
        struct cup_thrift_field element;
        level->left = cup_thrift_get_list(in, field, &element);
        level->type = element.type;
    }
}

void cup_thrift_skip(struct cup_thrift_in *in, struct cup_thrift_field field)
{
    struct level levels[CUP_THRIFT_DEPTH_MAX];
    uint32_t     depth = 0;

    skip_value(in, field, false, levels, &depth);
    while (depth > 0 && !in->bad) {
        struct level           *level = &levels[depth - 1];
        struct cup_thrift_field inner = {.type = level->type};
        if (level->is_struct ? !cup_thrift_next(in, &inner) : level->left == 0) {
            depth--;
            continue;
        }
        if (!level->is_struct) level->left--;
        skip_value(in, inner, !level->is_struct, levels, &depth);
    }
}
