// SPDX-License-Identifier: Apache-2.0
/* Goal:   HMAC-SHA-256, HKDF-SHA-256 and the token text are those of the standards; the byte form
 * of each type is the one that canon.h promises. Method: the vectors of RFC 4231 and RFC 5869 (the
 * published bytes), RFC 4648's alphabet, dates written by hand; a context is used again and again.
 * With `bench`: tokens a second. */
#include <string.h>

#include "base/clock.h"
#include "kernels/token/canon.h"
#include "kernels/token/token.h"
#include "kernels/value/civil.h"
#include "tests/check.h"

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t count = strlen(hex) / 2;

    for (size_t i = 0; i < count; i++) {
        unsigned byte;
        CHECK(sscanf(hex + 2 * i, "%2x", &byte) == 1);
        out[i] = (uint8_t)byte;
    }
    return count;
}

/* RFC 4231, cases 1, 2, 3, 4, 6 and 7. */
static const struct {
    const char *key, *data, *hash;
} macs[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
     "ddd"
     "dddd",
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {"0102030405060708090a0b0c0d0e0f10111213141516171819",
     "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdc"
     "dcd"
     "cdcd",
     "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6"
     "579"
     "204669727374",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
};

static void check_hmac(void)
{
    for (size_t i = 0; i < sizeof macs / sizeof *macs; i++) {
        uint8_t           key[160], data[160], hash[32], got[32];
        struct cup_fault  fault;
        struct cup_token *token;
        size_t            key_bytes = from_hex(macs[i].key, key);
        size_t            bytes     = from_hex(macs[i].data, data);
        (void)from_hex(macs[i].hash, hash);
        CHECK(cup_token_open(key, key_bytes, "k", &token, &fault) == CUP_OK);
        for (int again = 0; again < 3; again++) {
            cup_token_hash(token, data, bytes, got);
            CHECK(memcmp(got, hash, sizeof hash) == 0);
            cup_token_hash(token, data, bytes / 2, got);
            CHECK(memcmp(got, hash, sizeof hash) != 0);
        }
        cup_token_close(token);
    }
    cup_token_close(NULL);
}

/* RFC 5869, test cases 1, 2 (its long inputs are counted up) and 3. */
static void check_hkdf(void)
{
    static const char *const made[] = {
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e"
        "59"
        "0e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"};
    uint8_t          key[80], salt[80], info[80], want[82], got[82];
    struct cup_fault fault;

    memset(key, 0x0b, 22);
    size_t salt_bytes = from_hex("000102030405060708090a0b0c", salt);
    size_t info_bytes = from_hex("f0f1f2f3f4f5f6f7f8f9", info);
    size_t bytes      = from_hex(made[0], want);
    CHECK(cup_token_derive(key, 22, salt, salt_bytes, info, info_bytes, got, bytes, &fault) ==
          CUP_OK);
    CHECK(memcmp(got, want, bytes) == 0);

    bytes = from_hex(made[2], want);
    CHECK(cup_token_derive(key, 22, NULL, 0, NULL, 0, got, bytes, &fault) == CUP_OK);
    CHECK(memcmp(got, want, bytes) == 0);

    for (int i = 0; i < 80; i++) {
        key[i]  = (uint8_t)i;
        salt[i] = (uint8_t)(0x60 + i);
        info[i] = (uint8_t)(0xb0 + i);
    }
    bytes = from_hex(made[1], want);
    CHECK(cup_token_derive(key, 80, salt, 80, info, 80, got, bytes, &fault) == CUP_OK);
    CHECK(memcmp(got, want, bytes) == 0);
    cup_token_forget(got, bytes);
    for (size_t i = 0; i < bytes; i++)
        CHECK(got[i] == 0);
}

/* RFC 4231 case 2 as a token: its hash in base64url, taken from `basenc --base64url`. */
static void check_text(void)
{
    char              text[CUP_TOKEN_TEXT_MAX];
    static const char want[] = "key_2026:W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM";
    struct cup_fault  fault;
    struct cup_token *token;

    CHECK(cup_token_open((const uint8_t *)"Jefe", 4, "key_2026", &token, &fault) == CUP_OK);
    uint32_t bytes = cup_token_text(token, "what do ya want for nothing?", 28, text);
    CHECK(bytes == sizeof want - 1);
    CHECK(memcmp(text, want, bytes) == 0);
    cup_token_close(token);
    CHECK(cup_token_open((const uint8_t *)"Jefe", 4, "0123456789abcdef", &token, &fault) == CUP_OK);
    CHECK(cup_token_text(token, "", 0, text) == CUP_TOKEN_TEXT_MAX);
    cup_token_close(token);
}

static void check_form(struct cup_column *column, uint8_t type, uint8_t scale, uint32_t row,
                       const char *want)
{
    char        room[CUP_CANON_BYTES];
    const void *at;
    uint32_t    bytes = cup_canon_bytes(column, type, scale, row, room, &at);

    CHECK(cup_canon_has(type));
    if (bytes != strlen(want) || memcmp(at, want, bytes) != 0)
        fprintf(stderr, "type %u: %.*s, not %s\n", type, (int)bytes, (const char *)at, want);
    CHECK(bytes == strlen(want) && memcmp(at, want, bytes) == 0);
}

static void check_forms(void)
{
    const cup_i128    ten19   = (cup_i128)10000000000000000000ull;
    uint8_t           bits[1] = {2}, text[] = "abc\0d";
    uint32_t          offsets[]  = {0, 3, 5};
    int32_t           ints[]     = {-2147483647 - 1, 0, 19753, -719163};
    int64_t           longs[]    = {INT64_MIN, 7, 1706702400000001, -1};
    cup_i128          decimals[] = {0, 5, -1230, -(ten19 * ten19 - 1)};
    struct cup_column b = {.bits = bits}, i = {.i32 = ints}, l = {.i64 = longs};
    struct cup_column d = {.i128 = decimals}, t = {.text = text, .offsets = offsets};

    check_form(&b, CUP_TYPE_BOOL, 0, 0, "false");
    check_form(&b, CUP_TYPE_BOOL, 0, 1, "true");
    check_form(&i, CUP_TYPE_INT, 0, 0, "-2147483648");
    check_form(&i, CUP_TYPE_SHORT, 0, 1, "0");
    check_form(&l, CUP_TYPE_LONG, 0, 0, "-9223372036854775808");
    check_form(&l, CUP_TYPE_LONG, 0, 1, "7");
    check_form(&d, CUP_TYPE_DECIMAL, 0, 0, "0");
    check_form(&d, CUP_TYPE_DECIMAL, 2, 0, "0.00");
    check_form(&d, CUP_TYPE_DECIMAL, 2, 1, "0.05");
    check_form(&d, CUP_TYPE_DECIMAL, 3, 2, "-1.230");
    check_form(&d, CUP_TYPE_DECIMAL, 0, 3, "-99999999999999999999999999999999999999");
    check_form(&d, CUP_TYPE_DECIMAL, 38, 3, "-0.99999999999999999999999999999999999999");
    check_form(&i, CUP_TYPE_DATE, 0, 2, "2024-01-31");
    check_form(&i, CUP_TYPE_DATE, 0, 3, "0000-12-31");
    check_form(&l, CUP_TYPE_TIMESTAMP, 0, 2, "2024-01-31T12:00:00.000001Z");
    check_form(&l, CUP_TYPE_TIMESTAMP_NTZ, 0, 3, "1969-12-31T23:59:59.999999");
    check_form(&t, CUP_TYPE_STRING, 0, 0, "abc");
    CHECK(!cup_canon_has(CUP_TYPE_FLOAT) && !cup_canon_has(CUP_TYPE_DOUBLE));
    CHECK(!cup_canon_has(CUP_TYPE_LIST) && !cup_canon_has(CUP_TYPE_MAP));

    char        room[CUP_CANON_BYTES];
    const void *at;
    CHECK(cup_canon_bytes(&t, CUP_TYPE_BINARY, 0, 1, room, &at) == 2);
    CHECK(memcmp(at, "\0d", 2) == 0);
}

/* January 1st of each year by adding up days, from 1600 to 2400 and around year 0. */
static void check_years(void)
{
    int64_t day = -135140; /* 1600-01-01 */

    for (int64_t year = 1600; year < 2400; year++) {
        bool    leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        int64_t days = leap ? 366 : 365;
        CHECK(cup_civil_year_day(day) == day);
        CHECK(cup_civil_year_day(day + 58) == day && cup_civil_year_day(day + 60) == day);
        CHECK(cup_civil_year_day(day + days - 1) == day);
        CHECK(cup_civil_year_day(day - 1) < day);
        day += days;
    }
    CHECK(cup_civil_year_day(-719163) == -719528); /* in year 0, a leap year */
    CHECK(cup_civil_day(-1) == -1 && cup_civil_day(0) == 0);
}

static int bench(void)
{
    uint8_t           key[32] = {1};
    char              text[CUP_TOKEN_TEXT_MAX];
    struct cup_fault  fault;
    struct cup_token *token;

    CHECK(cup_token_open(key, sizeof key, "k1", &token, &fault) == CUP_OK);
    uint64_t start = cup_clock_mono_ns();
    for (uint32_t i = 0; i < 1000000; i++)
        (void)cup_token_text(token, &i, sizeof i, text);
    printf("%.2f million tokens a second\n", 1e9 / (double)(cup_clock_mono_ns() - start));
    cup_token_close(token);
    return 0;
}

int main(int count, char **words)
{
    if (count > 1 && strcmp(words[1], "bench") == 0) return bench();
    check_hmac();
    check_hkdf();
    check_text();
    check_forms();
    check_years();
    return 0;
}
