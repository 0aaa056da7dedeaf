// SPDX-License-Identifier: Apache-2.0
/* Goal:   decimals are exact in every encoding, or refused for the right reason.
 * Method: published vectors; random integers written in several encodings that must agree; long
 *         integers built by multiplying, as the source databases send them. */
#include <stdbool.h>

#include "kernels/value/binary.h"
#include "kernels/value/decimal.h"
#include "tests/check.h"

#define ROUNDS     20000
#define LONG_BYTES 70000u
#define LONG_TEXT  (LONG_BYTES / 3 * 4 + 16)

static uint8_t long_integer[LONG_BYTES], long_text[LONG_TEXT];

static cup_i128 power(uint32_t exponent)
{
    return exponent == 0 ? 1 : 10 * power(exponent - 1);
}

static void check_text(const char *text, uint8_t precision, uint8_t scale, enum cup_fit fit,
                       cup_i128 value)
{
    cup_i128                got  = 4711;
    struct cup_decimal_type type = {.precision = precision, .scale = scale};
    enum cup_fit            is = cup_decimal_text((const uint8_t *)text, strlen(text), type, &got);

    if (is != fit || got != (fit == CUP_FIT_OK ? value : 4711)) {
        fprintf(stderr, "decimal %s (%d,%d): %d %lld\n", text, precision, scale, (int)is,
                (long long)got);
        exit(1);
    }
}

static void check_texts(void)
{
    static const char *const forms[] = {"",    "-",  "+1", ".5",  "1.",  "1e",   "1e+",
                                        "NaN", "1 ", " 1", "1,0", "0x1", "1e1e1"};

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        check_text(forms[i], 10, 2, CUP_FIT_FORM, 0);
    check_text("12.50", 10, 2, CUP_FIT_OK, 1250);
    check_text("12.500", 10, 2, CUP_FIT_OK, 1250);
    check_text("12.505", 10, 2, CUP_FIT_SCALE, 0);
    check_text("1e2", 10, 2, CUP_FIT_OK, 10000);
    check_text("1e400", 10, 2, CUP_FIT_RANGE, 0);
    check_text("0.1", 10, 2, CUP_FIT_OK, 10);
    check_text("9007199254740993", 10, 2, CUP_FIT_RANGE, 0);
    check_text("99999999.99", 10, 2, CUP_FIT_OK, 9999999999);
    check_text("100000000", 10, 2, CUP_FIT_RANGE, 0);
    check_text("-99999999.99", 10, 2, CUP_FIT_OK, -9999999999);
    check_text("123E-2", 10, 2, CUP_FIT_OK, 123);
    check_text("-0", 10, 2, CUP_FIT_OK, 0);
    check_text("0E-10", 10, 2, CUP_FIT_OK, 0);
    check_text("0E-2046", 3, 0, CUP_FIT_OK, 0);
    check_text("0.00e-999999999999", 3, 0, CUP_FIT_OK, 0);
    check_text("1E-20001", 38, 38, CUP_FIT_SCALE, 0);
    check_text("1E+20001", 38, 0, CUP_FIT_RANGE, 0);
    check_text("-1E-10", 20, 10, CUP_FIT_OK, -1);
    check_text("-1E-10", 20, 9, CUP_FIT_SCALE, 0);
    check_text("1E+3", 10, 0, CUP_FIT_OK, 1000);
    check_text("9.223372036854776E16", 38, 2, CUP_FIT_OK, 92233720368547760 * power(2));
    check_text("18446744073709551615", 20, 0, CUP_FIT_OK, (cup_i128)UINT64_MAX);
    check_text("00012.5", 4, 2, CUP_FIT_OK, 1250);
    check_text("99999999999999999999999999999999999999", 38, 0, CUP_FIT_OK, power(38) - 1);
    check_text("-99999999999999999999999999999999999999", 38, 0, CUP_FIT_OK, 1 - power(38));
    check_text("100000000000000000000000000000000000000", 38, 0, CUP_FIT_RANGE, 0);
    check_text("0.00000000000000000000000000000000000001", 38, 38, CUP_FIT_OK, 1);
    check_text("0.000000000000000000000000000000000000001", 38, 38, CUP_FIT_SCALE, 0);
    check_text("123456789012345678901234567890123456789.5", 38, 1, CUP_FIT_RANGE, 0);
    check_text("1234567890123456789012345678901234567890000e-5", 38, 0, CUP_FIT_SCALE, 0);
    check_text("1000000000000000000000000000000000000000000e-5", 38, 0, CUP_FIT_OK, power(37));
}

static void check_wire(const char *text, int32_t wire_scale, uint8_t precision, uint8_t scale,
                       enum cup_fit fit, cup_i128 value)
{
    cup_i128                got  = 4711;
    struct cup_decimal_type type = {.precision = precision, .scale = scale};
    enum cup_fit            is =
        cup_decimal_base64((const uint8_t *)text, strlen(text), wire_scale, type, &got);

    if (is != fit || got != (fit == CUP_FIT_OK ? value : 4711)) {
        fprintf(stderr, "base64 %.40s (%d) (%d,%d): %d %lld\n", text, wire_scale, precision, scale,
                (int)is, (long long)got);
        exit(1);
    }
}

static void check_wires(void)
{
    check_wire("BAg=", 4, 10, 4, CUP_FIT_OK, 1032);
    check_wire("AcnDgA==", 2, 10, 2, CUP_FIT_OK, 30000000);
    check_wire("AxY=", 2, 10, 2, CUP_FIT_OK, 790);
    check_wire("AYHN", 5, 10, 5, CUP_FIT_OK, 98765);
    check_wire("T30t", 2, 10, 2, CUP_FIT_OK, 5209389);
    check_wire("/w==", 2, 10, 2, CUP_FIT_OK, -1);
    check_wire("AA==", 2, 10, 2, CUP_FIT_OK, 0);
    check_wire("A+g=", 0, 10, 0, CUP_FIT_OK, 1000);
    check_wire("AQ==", -3, 10, 0, CUP_FIT_OK, 1000);
    check_wire("AQ==", 10, 10, 10, CUP_FIT_OK, 1);
    check_wire("D3J5", 4, 10, 4, CUP_FIT_OK, 1012345);
    check_wire("fw==", 0, 3, 0, CUP_FIT_OK, 127);
    check_wire("AIA=", 0, 3, 0, CUP_FIT_OK, 128);
    check_wire("gA==", 0, 3, 0, CUP_FIT_OK, -128);
    check_wire("/38=", 0, 3, 0, CUP_FIT_OK, -129);
    check_wire("AP8=", 0, 3, 0, CUP_FIT_OK, 255);
    check_wire("/wE=", 0, 3, 0, CUP_FIT_OK, -255);
    check_wire("f/////////8=", 0, 19, 0, CUP_FIT_OK, INT64_MAX);
    check_wire("gAAAAAAAAAA=", 0, 19, 0, CUP_FIT_OK, INT64_MIN);
    check_wire("AIAAAAAAAAAA", 0, 19, 0, CUP_FIT_OK, (cup_i128)INT64_MAX + 1);
    check_wire("AP//////////", 0, 20, 0, CUP_FIT_OK, (cup_i128)UINT64_MAX);
    check_wire("SztMqFqGxHoJiiI//////w==", 0, 38, 0, CUP_FIT_OK, power(38) - 1);
    check_wire("tMSzV6V5O4X2dd3AAAAAAQ==", 0, 38, 0, CUP_FIT_OK, 1 - power(38));
    check_wire("SztMqFqGxHoJiiJAAAAAAA==", 0, 38, 0, CUP_FIT_RANGE, 0); /* 10^38 */
    check_wire("SztMqFqGxHoJiiJAAAAAAA==", 1, 38, 0, CUP_FIT_OK, power(37));
    check_wire("AAAB", 0, 3, 0, CUP_FIT_OK, 1);
    check_wire("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", 0, 1, 0, CUP_FIT_OK, 1);
    check_wire("/////////////////////////////////w==", 0, 1, 0, CUP_FIT_OK, -1);
    check_wire("", 0, 3, 0, CUP_FIT_FORM, 0);
    check_wire("1234x", 0, 3, 0, CUP_FIT_FORM, 0);
    check_wire("__debezium_unavailable_value", 0, 38, 0, CUP_FIT_FORM, 0);
    check_wire("A+g=", 0, 3, 0, CUP_FIT_RANGE, 0);
    check_wire("A+g=", 3, 1, 0, CUP_FIT_OK, 1);
    check_wire("A+g=", 4, 1, 0, CUP_FIT_SCALE, 0);
    check_wire("A+k=", 3, 38, 2, CUP_FIT_SCALE, 0);
    check_wire("AQ==", 20000, 38, 38, CUP_FIT_SCALE, 0);
    check_wire("AQ==", -20000, 38, 0, CUP_FIT_RANGE, 0);
    check_wire("AA==", -20000, 38, 38, CUP_FIT_OK, 0);
}

/* long_integer = digits * base^power, big endian, negated on demand; returns its bytes. */
static size_t make_power(uint64_t digits, uint32_t base, uint32_t times, bool negative)
{
    size_t count = 9;

    memset(long_integer, 0, sizeof long_integer);
    for (int i = 0; i < 8; i++)
        long_integer[LONG_BYTES - 1 - (size_t)i] = (uint8_t)(digits >> (8 * i));
    for (uint32_t i = 0; i < times; i++) {
        uint32_t carry = 0;
        for (size_t k = LONG_BYTES; k-- > LONG_BYTES - count - 1;) {
            carry += base * long_integer[k];
            long_integer[k] = (uint8_t)carry;
            carry >>= 8;
        }
        if (long_integer[LONG_BYTES - count] != 0) count++;
    }
    uint32_t borrow = 1;
    for (size_t k = LONG_BYTES; negative && k-- > 0;) {
        borrow += (uint8_t)~long_integer[k];
        long_integer[k] = (uint8_t)borrow;
        borrow >>= 8;
    }
    return count;
}

static size_t make_long(uint64_t digits, uint32_t zeros, bool negative)
{
    return make_power(digits, 10, zeros, negative);
}

static enum cup_fit read_long(size_t count, int32_t wire_scale, uint8_t precision, uint8_t scale,
                              cup_i128 *out_value)
{
    struct cup_decimal_type type = {.precision = precision, .scale = scale};
    size_t bytes = cup_base64_encode(long_integer + LONG_BYTES - count, count, long_text);

    return cup_decimal_base64(long_text, bytes, wire_scale, type, out_value);
}

static void check_longs(void)
{
    cup_i128 value;
    size_t   count = make_long(100, 2046, false);

    /* numeric(3,-2): scale 2046 on the wire, the value is scaled accordingly */
    CHECK(read_long(count, 2046, 3, 0, &value) == CUP_FIT_OK && value == 100);
    CHECK(read_long(count, 2046, 5, 2, &value) == CUP_FIT_OK && value == 10000);
    CHECK(read_long(count, 2046, 2, 0, &value) == CUP_FIT_RANGE);
    CHECK(read_long(count, 2048, 3, 0, &value) == CUP_FIT_OK && value == 1);
    CHECK(read_long(count, 2049, 3, 0, &value) == CUP_FIT_SCALE);
    CHECK(read_long(count, 0, 38, 0, &value) == CUP_FIT_RANGE);
    CHECK(read_long(LONG_BYTES, 2046, 3, 0, &value) == CUP_FIT_OK && value == 100);
    count = make_long(12345, 5000, true);
    CHECK(read_long(count, 4999, 38, 0, &value) == CUP_FIT_OK && value == -123450);
    CHECK(read_long(count, 5001, 38, 1, &value) == CUP_FIT_OK && value == -12345);
    CHECK(read_long(count, 5001, 38, 0, &value) == CUP_FIT_SCALE);
    CHECK(read_long(LONG_BYTES, 5000, 38, 0, &value) == CUP_FIT_OK && value == -12345);
    /* not a multiple of a power of ten: for want of a factor two, and of a factor five */
    count                        = make_long(100, 2046, false);
    long_integer[LONG_BYTES - 1] = 1;
    CHECK(read_long(count, 2046, 3, 0, &value) == CUP_FIT_SCALE);
    count = make_power(3, 2, 2046, false);
    CHECK(read_long(count, 2046, 3, 0, &value) == CUP_FIT_SCALE);
    count = make_power(3, 2, 200, false);
    CHECK(read_long(count, 5, 38, 0, &value) == CUP_FIT_SCALE);
    memset(long_integer, 0x5a, sizeof long_integer);
    CHECK(read_long(LONG_BYTES, 20000, 38, 0, &value) == CUP_FIT_RANGE);
    CHECK(read_long(8000, 19999, 38, 0, &value) == CUP_FIT_SCALE);
    for (int zeros = 17; zeros < 60; zeros++) { /* around 16 bytes */
        count = make_long(7, (uint32_t)zeros, zeros % 2);
        CHECK(read_long(count, zeros, 1, 0, &value) == CUP_FIT_OK && value == (zeros % 2 ? -7 : 7));
    }
}

static void check_plain(const char *text, int32_t scale, const char *expected)
{
    uint8_t      out[256];
    size_t       made = 0;
    enum cup_fit fit  = cup_decimal_plain((const uint8_t *)text, strlen(text), scale, out, &made);

    CHECK((fit == CUP_FIT_OK) == (expected != NULL));
    if (expected == NULL) return;
    CHECK(made == strlen(expected) && memcmp(out, expected, made) == 0);
    CHECK(made <= cup_decimal_plain_max(strlen(text), scale));
}

static void check_expand(const char *text, const char *expected)
{
    static uint8_t out[21000];
    size_t         made = 0;
    enum cup_fit   fit  = cup_decimal_expand((const uint8_t *)text, strlen(text), out, &made);

    CHECK((fit == CUP_FIT_OK) == (expected != NULL));
    if (expected == NULL) return;
    CHECK(made == strlen(expected) && memcmp(out, expected, made) == 0);
}

static void check_plains(void)
{
    static uint8_t out[200000];
    size_t         made;

    check_plain("ZA==", 0, "100");
    check_plain("BAg=", 4, "0.1032");
    check_plain("/w==", 2, "-0.01");
    check_plain("AA==", 2, "0.00");
    check_plain("AA==", -2, "0");
    check_plain("AQ==", -3, "1000");
    check_plain("MDk=", 2, "123.45");
    check_plain("O5rKAA==", 0, "1000000000");
    check_plain("O5rKAA==", 9, "1.000000000");
    check_plain("tMSzV6V5O4X2dd3AAAAAAQ==", 37, "-9.9999999999999999999999999999999999999");
    check_plain("", 0, NULL);
    check_plain("A", 0, NULL);
    check_plain("AQ==", 20001, NULL);
    size_t count = make_long(3, 5000, true);
    size_t bytes = cup_base64_encode(long_integer + LONG_BYTES - count, count, long_text);
    CHECK(cup_decimal_plain(long_text, bytes, 10, out, &made) == CUP_FIT_OK);
    CHECK(made == 1 + 4991 + 11 && out[0] == '-' && out[1] == '3');
    for (size_t i = 2; i < made; i++)
        CHECK(out[i] == (i == made - 11 ? '.' : '0'));
    bytes = cup_base64_encode(long_integer, LONG_BYTES, long_text); /* -1s in front: sign only */
    CHECK(cup_decimal_plain(long_text, bytes, 10, out, &made) == CUP_FIT_OK);
    memset(long_integer, 0x11, sizeof long_integer);
    bytes = cup_base64_encode(long_integer, LONG_BYTES, long_text);
    CHECK(cup_decimal_plain(long_text, bytes, 10, out, &made) == CUP_FIT_RANGE);
    check_expand("1E+3", "1000");
    check_expand("-1.5E-3", "-0.0015");
    check_expand("12.30", "12.30");
    check_expand("12.30E1", "123.0");
    check_expand("12.30E2", "1230");
    check_expand("0E-3", "0.000");
    check_expand("0.001E2", "0.1");
    check_expand("0.001E5", "100");
    check_expand("1E20001", NULL);
    check_expand("x", NULL);
}

static size_t print_digits(cup_i128 value, char *out)
{
    char   reversed[48];
    size_t count = 0, made = 0;

    if (value < 0) out[made++] = '-';
    do {
        int digit         = (int)(value % 10);
        reversed[count++] = (char)('0' + (digit < 0 ? -digit : digit));
        value /= 10;
    } while (value != 0);
    while (count > 0)
        out[made++] = reversed[--count];
    out[made] = '\0';
    return made;
}

/* One random integer as text, as number with exponent, as base64 and as plain digits. */
static void check_agreement(struct cup_rnd *rnd)
{
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t high = cup_rnd_u64(rnd), low = cup_rnd_u64(rnd);
        cup_i128 value = (cup_i128)((__extension__(unsigned __int128) high << 64 | low) >>
                                    (2 + cup_rnd_below(rnd, 125)));
        uint8_t  bytes[17], base64[32], plain[64];
        char     text[64], number[80];
        size_t   made;
        if (round % 2) value = -value;
        if (value >= power(38) || value <= -power(38)) continue;
        size_t digits = print_digits(value, text);
        check_text(text, 38, 0, CUP_FIT_OK, value);
        snprintf(number, sizeof number, "%s00.0e-2", text);
        check_text(number, 38, 0, CUP_FIT_OK, value);
        for (int i = 0; i < 17; i++)
            bytes[16 - i] = (uint8_t)(i == 16 ? value >> 127 : value >> (8 * i));
        size_t skip          = cup_rnd_below(rnd, 2);
        size_t base64_bytes  = cup_base64_encode(bytes + skip, 17 - skip, base64);
        base64[base64_bytes] = '\0';
        check_wire((const char *)base64, 0, 38, 0, CUP_FIT_OK, value);
        CHECK(cup_decimal_plain(base64, base64_bytes, 0, plain, &made) == CUP_FIT_OK);
        CHECK(made == digits && memcmp(plain, text, made) == 0);
    }
}

/* Short texts have a way of their own: the same integer with more of its sign in front goes the
 * general way. Bad characters and padding included. */
static void check_short_wires(struct cup_rnd *rnd)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t fits[CUP_FIT_PRECISION + 1] = {0};

    for (int round = 0; round < ROUNDS; round++) {
        struct cup_decimal_type type    = {.precision = (uint8_t)(1 + cup_rnd_below(rnd, 38))};
        uint32_t                bytes   = cup_rnd_below(rnd, 2) ? 4 : 8;
        char                    text[9] = {0}, longer[17];
        cup_i128                a = 0, b = 0;
        type.scale = (uint8_t)cup_rnd_below(rnd, type.precision + 1u);
        for (uint32_t i = 0; i < bytes; i++)
            text[i] = alphabet[cup_rnd_below(rnd, 64)];
        if (cup_rnd_below(rnd, 2)) text[0] = cup_rnd_below(rnd, 2) ? 'A' : '/';
        if (cup_rnd_below(rnd, 2)) text[bytes - 1] = '=';
        if (text[bytes - 1] == '=' && cup_rnd_below(rnd, 2)) text[bytes - 2] = '=';
        if (text[bytes - 1] == '=' && cup_rnd_below(rnd, 2))
            text[bytes - (text[bytes - 2] == '=' ? 3u : 2u)] = "AQgw"[cup_rnd_below(rnd, 4)];
        if (cup_rnd_below(rnd, 8) == 0) text[cup_rnd_below(rnd, bytes)] = "=-_ \n"[round % 5];
        bool negative = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef", text[0]) == NULL;
        snprintf(longer, sizeof longer, "%s%s", negative ? "////////" : "AAAAAAAA", text);
        enum cup_fit is = cup_decimal_base64((const uint8_t *)text, bytes, type.scale, type, &a);
        enum cup_fit was =
            cup_decimal_base64((const uint8_t *)longer, bytes + 8, type.scale, type, &b);
        if (strchr("=-_ \n", text[0]) != NULL) was = CUP_FIT_FORM; /* it has no sign to repeat */
        CHECK(is == was && a == b);
        fits[is]++;
    }
    CHECK(fits[CUP_FIT_OK] > 100 && fits[CUP_FIT_FORM] > 100 && fits[CUP_FIT_RANGE] > 100);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    check_texts();
    check_wires();
    check_longs();
    check_plains();
    check_agreement(&rnd);
    check_short_wires(&rnd);
    return 0;
}
