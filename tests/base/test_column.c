// SPDX-License-Identifier: Apache-2.0
/* Goal:   type names and their Delta texts agree both ways; random names are unique.
 * Method: every scalar type through its text and back; malformed decimals; bit access against
 * shifts. */
#include "base/column.h"

#include "tests/check.h"

static bool parse(const char *text, uint8_t *type, uint8_t *precision, uint8_t *scale)
{
    return cup_type_parse(text, strlen(text), type, precision, scale);
}

static void check_types(void)
{
    static const char *const wrong[] = {"",
                                        "decimal",
                                        "decimal(0,0)",
                                        "decimal(39,1)",
                                        "decimal(5,6)",
                                        "decimal(5,2) ",
                                        "decimal(5)",
                                        "decimal(-1,0)",
                                        "array",
                                        "struct",
                                        "INTEGER",
                                        "int"};
    uint8_t                  type, precision, scale;

    for (uint8_t i = 0; i < CUP_TYPE_LIST; i++) {
        if (i == CUP_TYPE_DECIMAL) continue;
        CHECK(parse(cup_type_delta((enum cup_type)i), &type, &precision, &scale));
        CHECK(type == i && precision == 0 && scale == 0);
    }
    CHECK(parse("decimal(38,38)", &type, &precision, &scale));
    CHECK(type == CUP_TYPE_DECIMAL && precision == 38 && scale == 38);
    CHECK(parse("decimal(1,0)", &type, &precision, &scale) && precision == 1 && scale == 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        type = 77;
        CHECK(!parse(wrong[i], &type, &precision, &scale));
        CHECK(type == 77);
    }
    CHECK(cup_vec_bytes(cup_type_vec(CUP_TYPE_DECIMAL)) == 16);
    CHECK(cup_vec_bytes(cup_type_vec(CUP_TYPE_SHORT)) == 4);
    CHECK(cup_vec_bytes(cup_type_vec(CUP_TYPE_TIMESTAMP)) == 8);
    CHECK(cup_vec_bytes(cup_type_vec(CUP_TYPE_STRING)) == 0);
}

static void check_bits(struct cup_rnd *rnd)
{
    uint8_t bits[16]   = {0};
    uint8_t plain[128] = {0};

    for (int step = 0; step < 10000; step++) {
        uint32_t i = cup_rnd_below(rnd, 128);
        plain[i]   = (uint8_t)cup_rnd_below(rnd, 2);
        cup_bit_set(bits, i, plain[i]);
        i = cup_rnd_below(rnd, 128);
        CHECK(cup_bit_get(bits, i) == (plain[i] != 0));
    }
    struct cup_column column = {.validity = bits};
    CHECK(cup_column_is_null(&column, 5) == (plain[5] == 0));
    column.validity = NULL;
    CHECK(!cup_column_is_null(&column, 5));
}

static void check_uuid(void)
{
    char a[CUP_UUID_TEXT_BYTES], b[CUP_UUID_TEXT_BYTES];

    cup_rnd_uuid(a);
    cup_rnd_uuid(b);
    CHECK(strlen(a) == 36 && strcmp(a, b) != 0);
    CHECK(a[14] == '4' && strchr("89ab", a[19]) != NULL);
    struct cup_rnd one = cup_rnd_seed(1), same = cup_rnd_seed(1), other = cup_rnd_seed(2);
    uint64_t       first = cup_rnd_u64(&one);
    CHECK(first == cup_rnd_u64(&same) && first != cup_rnd_u64(&other));
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    check_types();
    check_bits(&rnd);
    check_uuid();
    return 0;
}
