// SPDX-License-Identifier: Apache-2.0
/* Goal:   texts grow without losing bytes, JSON strings are escaped as RFC 8259 asks, errors have
 * texts, hashes never change. Method: known answers; every byte below 0x20; a text built in random
 * pieces against one memcpy. */
#include "base/text.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "tests/check.h"

static void check_hash(void)
{
    CHECK(cup_hash_bytes(CUP_HASH_START, "", 0) == 0xcbf29ce484222325u); /* FNV's own vectors */
    CHECK(cup_hash_bytes(CUP_HASH_START, "a", 1) == 0xaf63dc4c8601ec8cu);
    CHECK(cup_hash_bytes(CUP_HASH_START, "foobar", 6) == 0x85944171f73967e8u);
    CHECK(cup_hash_bytes(cup_hash_bytes(CUP_HASH_START, "foo", 3), "bar", 3) ==
          0x85944171f73967e8u);
}

static void check_json(void)
{
    struct cup_text text = {0};

    cup_text_json(&text, "a\"b\\c\n\r\t\x01\x1f/\xc3\xa9", 13);
    CHECK(strcmp(text.at, "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f/\xc3\xa9\"") == 0);
    cup_text_clear(&text);
    cup_text_json(&text, "", 0);
    CHECK(strcmp(text.at, "\"\"") == 0 && text.bytes == 2);
    for (uint8_t c = 0; c < 0x20; c++) {
        cup_text_clear(&text);
        cup_text_json(&text, &c, 1);
        for (size_t i = 0; i < text.bytes; i++)
            CHECK((uint8_t)text.at[i] >= 0x20);
        CHECK(text.bytes >= 4);
    }
    cup_text_free(&text);
    CHECK(text.at == NULL && text.bytes == 0);
}

static void check_growth(struct cup_rnd *rnd)
{
    static char     source[100000];
    struct cup_text text  = {0};
    size_t          bytes = 0;

    for (size_t i = 0; i < sizeof source; i++)
        source[i] = (char)('a' + cup_rnd_below(rnd, 26));
    while (bytes < sizeof source) {
        size_t part = 1 + cup_rnd_below(rnd, 700);
        if (part > sizeof source - bytes) part = sizeof source - bytes;
        cup_text_put(&text, source + bytes, part);
        bytes += part;
        CHECK(text.at[text.bytes] == '\0');
    }
    CHECK(text.bytes == sizeof source && memcmp(text.at, source, sizeof source) == 0);
    cup_text_clear(&text);
    cup_text_printf(&text, "%05d-%s", 42, "x");
    CHECK(strcmp(text.at, "00042-x") == 0 && !text.failed);
    cup_text_free(&text);
}

static void check_errors(void)
{
    struct cup_fault fault;
    char             longer[CUP_FAULT_WHERE_BYTES * 2];

#define CUP_ERR(id, value, text) CHECK(strcmp(cup_err_text(CUP_##id), text) == 0);
#include "base/err.def"
#undef CUP_ERR
    memset(longer, 'x', sizeof longer);
    memcpy(longer + sizeof longer - 5, "tail", 5);
    CHECK(cup_fault_set(&fault, CUP_CORRUPT, "read", longer) == CUP_CORRUPT);
    CHECK(strlen(fault.where) == CUP_FAULT_WHERE_BYTES - 1 && fault.os_errno == 0);
    CHECK(strcmp(fault.where + CUP_FAULT_WHERE_BYTES - 5, "tail") ==
          0); /* the end says which file */
    CHECK(cup_fault_set(NULL, CUP_IO, "read", NULL) == CUP_IO);
}

static void check_clock(void)
{
    char day[CUP_DAY_TEXT_BYTES];

    cup_clock_day_text(0, day);
    CHECK(strcmp(day, "1970-01-01") == 0);
    cup_clock_day_text(1709251199999999, day);
    CHECK(strcmp(day, "2024-02-29") == 0);
    cup_clock_day_text(1709251200000000, day);
    CHECK(strcmp(day, "2024-03-01") == 0);
    uint64_t before = cup_clock_mono_ns();
    CHECK(cup_clock_mono_ns() >= before);
    CHECK(cup_clock_wall_us() > 1700000000000000);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    check_hash();
    check_json();
    check_growth(&rnd);
    check_errors();
    check_clock();
    return 0;
}
