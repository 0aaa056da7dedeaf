// SPDX-License-Identifier: Apache-2.0
/* Goal:   a pattern means what ECMA-262 says, is matched in bounded time, and a wrong one is
 * refused with its byte. Method: pairs of pattern and text with the verdict of the standard; a trap
 * that would take years; a stack that is too small; patterns that must not compile. */
#include "kernels/pattern/pattern.h"

#include <stdbool.h>
#include <time.h>

#include "tests/check.h"

static enum cup_pattern_verdict match(const char *text, const uint8_t *in, size_t bytes)
{
    struct cup_pattern *pattern = NULL;
    struct cup_fault    fault;

    CHECK(cup_pattern_open(text, strlen(text), &pattern, &fault) == CUP_OK);
    enum cup_pattern_verdict verdict = cup_pattern_match(pattern, in, bytes);
    CHECK(cup_pattern_match(pattern, in, bytes) == verdict); /* it keeps nothing */
    cup_pattern_close(pattern);
    return verdict;
}

/* Each by ECMA-262 (5.1, 15.10) and JSON schema's search. */
static void check_meaning(void)
{
    static const struct {
        const char *pattern, *text;
        bool        found;
    } cases[] = {
        {"b", "abc", true},
        {"^b", "abc", false},
        {"^abc$", "abc", true},
        {"^abc$", "abc\n", false},
        {"a.c", "a\nc", false},
        {"a.c", "a\rc", false},
        {"^.$", "\xC3\xA9", true},
        {"^..$", "\xC3\xA9", false},
        {"\\u00e9", "\xC3\xA9", true},
        {"\\d", "\xD9\xA3", false},
        {"\\w", "\xC3\xA9", false},
        {"[]", "]", false},
        {"[^]", "\n", true},
        {"^(?:(a)|b)\\1$", "b", true},
        {"\\x41", "A", true},
        {"^[A-Z]{2}\\d{2}$", "DE12", true},
        {"^[A-Z]{2}\\d{2}$", "DE1", false},
        {"", "", true},
        {"^$", "", true},
        {"^\xE2\x82\xAC$", "\xE2\x82\xAC", true},
        {"a(?=b)", "ab", true},
        {"^a(?!b)", "ab", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum cup_pattern_verdict verdict =
            match(cases[i].pattern, (const uint8_t *)cases[i].text, strlen(cases[i].text));
        if (verdict != (cases[i].found ? CUP_PATTERN_YES : CUP_PATTERN_NO))
            fprintf(stderr, "%s in %s\n", cases[i].pattern, cases[i].text);
        CHECK(verdict == (cases[i].found ? CUP_PATTERN_YES : CUP_PATTERN_NO));
    }
}

static void check_bounds(void)
{
    static uint8_t text[1u << 20];
    clock_t        start = clock(); /* of the processor: others may have it meanwhile */

    memset(text, 'a', sizeof text);
    CHECK(match("^(a+)+$", text, 40) == CUP_PATTERN_YES);
    text[40] = '!';
    CHECK(match("^(a+)+$", text, 41) == CUP_PATTERN_GAVE_UP); /* 2^40 ways to try */
    text[40] = 'a';
    CHECK(match("^(?:(a)(?!b))*b", text, sizeof text) == CUP_PATTERN_GAVE_UP);
    CHECK(match("^[a]*$", text, sizeof text) == CUP_PATTERN_YES); /* long, and no trap */
    CHECK(clock() - start < 20 * CLOCKS_PER_SEC);
}

static void check_refused(void)
{
    static const struct {
        const char *pattern;
        uint64_t    at;
    } cases[] = {{"a(b", 3}, {"[a", 2},    {"(*UTF)a", 0}, {"(*LIMIT_MATCH=1)a", 0},
                 {"*", 0},   {"a\\Cb", 3}, {"\xff", 0},    {"ab{2,1}", 6}};
    char                long_one[CUP_PATTERN_BYTES_MAX + 2];
    struct cup_pattern *pattern = NULL;
    struct cup_fault    fault;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fault = (struct cup_fault){0};
        CHECK(cup_pattern_open(cases[i].pattern, strlen(cases[i].pattern), &pattern, &fault) ==
              CUP_BAD_CONFIG);
        if (fault.at_offset != cases[i].at)
            fprintf(stderr, "%s: %s at %llu\n", cases[i].pattern, fault.where,
                    (unsigned long long)fault.at_offset);
        CHECK(fault.where[0] != '\0' && fault.at_offset == cases[i].at && pattern == NULL);
    }
    memset(long_one, 'a', sizeof long_one);
    CHECK(cup_pattern_open(long_one, CUP_PATTERN_BYTES_MAX + 1, &pattern, &fault) ==
          CUP_BAD_CONFIG);
    CHECK(cup_pattern_open(long_one, CUP_PATTERN_BYTES_MAX, &pattern, &fault) == CUP_OK);
    cup_pattern_close(pattern);
    cup_pattern_close(NULL);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    check_meaning();
    check_bounds();
    check_refused();
    return 0;
}
