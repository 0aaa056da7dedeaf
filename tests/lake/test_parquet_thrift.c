// SPDX-License-Identifier: Apache-2.0
/* Goal:   what is written is read back, other fields are skipped whole, and any bytes at all end in
 *         `bad` or in a value, never outside the input.
 * Method: a struct with every kind of field against its known bytes; then read with all but one
 *         field skipped; then cut, flipped and random bytes (under ASan). */
#include "lake/thrift.h"

#include "tests/check.h"

struct text {
    uint8_t at[4096];
    size_t  count, room;
};

static bool flush(void *arg, const uint8_t *bytes, size_t count)
{
    struct text *text = arg;

    if (count > text->room - text->count) return false;
    memcpy(text->at + text->count, bytes, count);
    text->count += count;
    return true;
}

static void put_all(struct cup_thrift_out *out)
{
    cup_thrift_put_i32(out, 1, -1);
    cup_thrift_put_bool(out, 2, true);
    cup_thrift_put_bool(out, 3, false);
    cup_thrift_put_i8(out, 4, -2);
    cup_thrift_put_i16(out, 5, 300);
    cup_thrift_put_i64(out, 30, INT64_MIN); /* a jump of more than 15 */
    cup_thrift_put_bytes(out, 31, "abc", 3);
    cup_thrift_put_struct(out, 32);
    cup_thrift_put_i32(out, 7, 64);
    cup_thrift_end(out);
    cup_thrift_put_list(out, 33, CUP_THRIFT_I32, 16);
    for (int32_t i = 0; i < 16; i++)
        cup_thrift_element_i32(out, i);
    cup_thrift_put_list(out, 34, CUP_THRIFT_STRUCT, 1);
    cup_thrift_element_struct(out);
    cup_thrift_put_list(out, 1, CUP_THRIFT_BYTES, 1);
    cup_thrift_element_bytes(out, "z", 1);
    cup_thrift_end(out);
    cup_thrift_put_i32(out, 35, 5);
    cup_thrift_end(out);
}

/* From the text of the compact protocol: zigzag varints, id deltas, sizes in list headers. */
static const uint8_t want[] = {
    0x15, 0x01, 0x11, 0x12, 0x13, 0xFE, 0x14, 0xD8, 0x04, 0x06, 0x3C, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x18, 0x03, 'a',  'b',  'c',  0x1C, 0x75, 0x80, 0x01,
    0x00, 0x19, 0xF5, 0x10, 0x00, 0x02, 0x04, 0x06, 0x08, 0x0A, 0x0C, 0x0E, 0x10, 0x12, 0x14,
    0x16, 0x18, 0x1A, 0x1C, 0x1E, 0x19, 0x1C, 0x19, 0x18, 0x01, 'z',  0x00, 0x15, 0x0A, 0x00};

static void check_values(struct cup_thrift_in in)
{
    struct cup_thrift_field field, inner;
    uint32_t                count, seen = 0;
    int64_t                 sum = 0;

    while (cup_thrift_next(&in, &field)) {
        seen++;
        switch (field.id) {
        case 1: CHECK(cup_thrift_get_int(&in, field) == -1); break;
        case 2: CHECK(cup_thrift_get_bool(&in, field)); break;
        case 3: CHECK(!cup_thrift_get_bool(&in, field)); break;
        case 4: CHECK(cup_thrift_get_int(&in, field) == -2); break;
        case 5: CHECK(cup_thrift_get_int(&in, field) == 300); break;
        case 30: CHECK(cup_thrift_get_int(&in, field) == INT64_MIN); break;
        case 31:
            CHECK(memcmp(cup_thrift_get_bytes(&in, field, &count), "abc", 3) == 0 && count == 3);
            break;
        case 32:
            cup_thrift_enter(&in, field);
            CHECK(cup_thrift_next(&in, &inner) && inner.id == 7);
            CHECK(cup_thrift_get_int(&in, inner) == 64);
            CHECK(!cup_thrift_next(&in, &inner) && !in.bad);
            break;
        case 33:
            CHECK(cup_thrift_get_list(&in, field, &inner) == 16);
            for (uint32_t i = 0; i < 16; i++)
                sum += cup_thrift_get_int(&in, inner);
            CHECK(sum == 120);
            break;
        default: cup_thrift_skip(&in, field);
        }
    }
    CHECK(!in.bad && seen == 11 && in.at == in.end);
}

/* Skips everything; with `deep`, enters structs and lists instead. */
static bool skip_all(const uint8_t *bytes, size_t count, bool deep)
{
    struct cup_thrift_in    in = cup_thrift_read(bytes, count);
    struct cup_thrift_field field, element;
    uint32_t                steps = 0, text_bytes;

    while ((cup_thrift_next(&in, &field) || in.depth > 0) && !in.bad && steps++ < 100000) {
        if (deep && field.type == CUP_THRIFT_STRUCT) {
            cup_thrift_enter(&in, field);
        } else if (deep && field.type == CUP_THRIFT_LIST) {
            for (uint32_t left = cup_thrift_get_list(&in, field, &element); left > 0; left--)
                cup_thrift_skip(&in, element);
        } else if (deep && field.type == CUP_THRIFT_BYTES) {
            const uint8_t *text = cup_thrift_get_bytes(&in, field, &text_bytes);
            for (uint32_t i = 0; i < text_bytes; i++)
                steps += text[i] == 0;
        } else {
            cup_thrift_skip(&in, field);
        }
        field = (struct cup_thrift_field){0};
    }
    CHECK(in.at <= in.end);
    return !in.bad;
}

int main(int argc, char **argv)
{
    struct cup_rnd        rnd  = cup_test_begin(argc, argv);
    static struct text    text = {.room = sizeof text.at};
    struct cup_thrift_out out;

    cup_thrift_start(&out, flush, &text);
    put_all(&out);
    CHECK(!out.failed && text.count == sizeof want && memcmp(text.at, want, sizeof want) == 0);
    check_values(cup_thrift_read(want, sizeof want));
    CHECK(skip_all(want, sizeof want, false));
    for (size_t count = 0; count < sizeof want; count++) {
        uint8_t *cut = malloc(count + 1);
        CHECK(cut != NULL);
        memcpy(cut, want, count);
        CHECK(!skip_all(cut, count, false));
        (void)skip_all(cut, count, true);
        free(cut);
    }
    for (uint32_t round = 0; round < 200000; round++) {
        uint8_t bytes[24];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(cup_rnd_below(&rnd, 3) ? want[cup_rnd_below(&rnd, sizeof want)]
                                                        : cup_rnd_below(&rnd, 256));
        (void)skip_all(bytes, sizeof bytes, round % 2);
    }
    text.count = 0, text.room = 100; /* many bytes through a small buffer, until the flush fails */
    cup_thrift_start(&out, flush, &text);
    for (int16_t id = 1; id < 200; id++)
        cup_thrift_put_bytes(&out, id, want, sizeof want);
    cup_thrift_end(&out);
    CHECK(out.failed);
    return 0;
}
