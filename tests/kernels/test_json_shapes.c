// SPDX-License-Identifier: Apache-2.0
/* Goal:   a record that is recognised by its shape gets what the walker would have said of it, and
 *         one that only looks like it is not recognised.
 * Method: first a record that was learnt, and each way to be almost like it: another byte, escape
 *         or white space in a key, order, a key twice, other kinds of values, values that are not
 *         legal. Then seeded records of few skeletons with values of all kinds, some of them spoilt
 *         in some bytes, and known texts that change. One parser knows shapes, one never does:
 *         verdict, place and nodes, with key ids, must be equal. At level scalar and at the best
 *         level of this CPU. */
#include "kernels/json/json_priv.h"

#include "tests/check.h"

#define SLICE_BYTES 16384u
#define RECORDS_MAX 6u
#define ROUNDS      12000u
#define SKELETONS   10u
#define KNOWN_COUNT 3u

static uint8_t                     buf[SLICE_BYTES + CUP_JSON_PADDING];
static uint32_t                    used, ends[RECORDS_MAX], record_count;
static uint64_t                    verdicts[CUP_JSON_EMPTY + 1], recognised, recognised_known;
static const struct cup_json_known texts[KNOWN_COUNT] = {
    {(const uint8_t *)"{\"t\":[1,2]}", 11, 9},
    {(const uint8_t *)"{\"t\":1}", 7, 5},
    {(const uint8_t *)"{\"t\":[3,4]}", 11, 9},
};

static struct cup_json *open_parser(const char *level)
{
    struct cup_json_limits limits = CUP_JSON_LIMITS_DEFAULT;
    struct cup_json       *json;
    struct cup_fault       fault;

    limits.number_bytes_max = 24;
    CHECK(cup_json_open(level, SLICE_BYTES, limits, &json, &fault) == CUP_OK);
    return json;
}

static bool is_recognised(const struct cup_json *json, const struct cup_json_doc *doc)
{
    return doc->verdict == CUP_JSON_OK && doc->nodes != json->nodes;
}

/* True when the first parser knew the record's shape. */
static bool compare_record(struct cup_json *warm, struct cup_json *cold, uint32_t at,
                           uint32_t bytes, const struct cup_json_known *known, uint32_t known_count)
{
    struct cup_json_doc a, b;

    cold->shape_credit = 0; /* it learns no shape */
    cup_json_parse(warm, at, bytes, known, known_count, &a);
    cup_json_parse(cold, at, bytes, known, known_count, &b);
    CHECK(!is_recognised(cold, &b));
    verdicts[b.verdict]++;
    CHECK(a.verdict == b.verdict && a.bad_at == b.bad_at && a.node_count == b.node_count);
    CHECK(a.node_count == 0 || memcmp(a.nodes, b.nodes, a.node_count * sizeof *a.nodes) == 0);
    if (!is_recognised(warm, &a)) return false;
    recognised++;
    for (uint32_t i = 0; i < a.node_count; i++)
        recognised_known += (a.nodes[i].flags & CUP_JSON_KNOWN) != 0;
    return true;
}

/* --- one record, and others that are almost like it --- */

/* A slice that may be several records; true when the last one was recognised. */
static bool compare_known(struct cup_json *warm, struct cup_json *cold, const char *text,
                          const struct cup_json_known *known, uint32_t known_count)
{
    uint32_t bytes = (uint32_t)strlen(text), at = 0;
    bool     same = false;

    memset(buf, '"', bytes + CUP_JSON_PADDING);
    memcpy(buf, text, bytes);
    cup_json_index(warm, buf, 0, bytes);
    cup_json_index(cold, buf, 0, bytes);
    for (uint32_t end = 0; end <= bytes; end++) {
        if (end < bytes && buf[end] != '\n') continue;
        same = compare_record(warm, cold, at, end - at, known, known_count);
        at   = end + 1;
    }
    return same;
}

static bool compare_text(struct cup_json *warm, struct cup_json *cold, const char *text)
{
    return compare_known(warm, cold, text, NULL, 0);
}

#define USUAL                                                                                      \
    "{\"id\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"}"

static const struct {
    const char *text;
    bool        same; /* shape */
} others[] = {
    {USUAL, true},
    {"{\"id\":\"\",\"a_long_key_of_25_bytes_it\":-0.5e3,\"in\":{\"b\":true,\"l\":[]},\"e\":false}",
     true},
    {"{\"id\":\"\\\"\\\\\",\"a_long_key_of_25_bytes_it\":\"\\ud83d\\ude00\",\"in\":{\"b\":0,\"l\":["
     "]},\"e\":1}",
     true},
    {"{\"id\":17 ,\"a_long_key_of_25_bytes_it\":\"x\" ,\"in\":{\"b\":null\t,\"l\":[]},\"e\":\"\"}",
     true},
    {"{\"id\": 17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"}",
     true},
    {" {\"id\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"} ",
     true},
    {"{\"iD\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"}",
     false},
    {"{\"id\":17,\"a_long_key_of_2-_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"}",
     false},
    {"{\"id\":17,\"a_long_key_of_25_bytes_its\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"}",
     false},
    {"{\"i\\u0064\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":"
     "\"\"}",
     false},
    {"{\"id\" :17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"}",
     false},
    {"{ \"id\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"}",
     false},
    {"{\"e\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"id\":\"\"}",
     false},
    {"{\"id\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"id\":\"\"}",
     false},
    {"{\"id\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":{}},\"e\":\"\"}",
     false},
    {"{\"id\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":[],\"l\":null},\"e\":\"\"}",
     false},
    {"{\"id\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":[\"b\",null,\"l\",[]],\"e\":\"\"}",
     false},
    {"{\"id\":01,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"}",
     false},
    {"{\"id\":1234567890a,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":"
     "\"\"}",
     false},
    {"{\"id\":1234567890123456:,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},"
     "\"e\":\"\"}",
     false},
    {"{\"id\":1234567890123456789012345,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,"
     "\"l\":[]},\"e\":1}",
     false},
    {"{\"id\":17,\"a_long_key_of_25_bytes_it\":\"x\"y,\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"}",
     false},
    {"{\"id\":12\"x\",\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"}",
     false},
    {"{\"id\":17,\"a_long_key_of_25_bytes_it\":\"\\x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"}",
     false},
    {"{\"id\":17,\"a_long_key_of_25_bytes_it\":\"\\ud83d\",\"in\":{\"b\":null,\"l\":[]},\"e\":"
     "\"\"}",
     false},
    {"{\"id\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":nul,\"l\":[]},\"e\":\"\"}",
     false},
    {"{\"id\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":nule,\"l\":[]},\"e\":\"\"}",
     false},
    {"{\"id\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"]",
     false},
    {"{\"id\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"}}",
     false},
    {"{\"id\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"",
     false},
    {"{\"id\":17,\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":,}", false},
    {"{\"id\":17;\"a_long_key_of_25_bytes_it\":\"x\",\"in\":{\"b\":null,\"l\":[]},\"e\":\"\"}",
     false},
};

/* Once for the keys of each level, once to be seen, once to be learnt. */
static void learn_usual(struct cup_json *warm, struct cup_json *cold)
{
    for (int i = 0; i < 4; i++)
        CHECK(!compare_text(warm, cold, USUAL));
    CHECK(compare_text(warm, cold, USUAL));
}

static void check_others(const char *level)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct cup_json *warm = open_parser(level), *cold = open_parser(level);
        learn_usual(warm, cold);
        if (compare_text(warm, cold, others[i].text) != others[i].same) {
            fprintf(stderr, "%s: %s\n", level, others[i].text);
            CHECK(!"recognised");
        }
        CHECK(compare_text(warm, cold, USUAL));
        cup_json_close(warm);
        cup_json_close(cold);
    }
}

/* A known text is one value, whatever stands in it; the same text unknown is many. */
static void check_known(const char *level)
{
    struct cup_json *warm = open_parser(level), *cold = open_parser(level);
    const char      *long_text = "{\"schema\":{\"t\":[1,2]},\"a\":1}";

    for (int i = 0; i < 4; i++)
        CHECK(!compare_known(warm, cold, long_text, NULL, 0));
    CHECK(!compare_known(warm, cold, long_text, NULL, 0)); /* it may be known tomorrow */
    for (int i = 0; i < 2; i++)
        CHECK(!compare_known(warm, cold, long_text, texts, KNOWN_COUNT));
    CHECK(compare_known(warm, cold, long_text, texts, KNOWN_COUNT));
    CHECK(compare_known(warm, cold, "{\"schema\":{\"t\":[3,4]},\"a\":1}", texts, KNOWN_COUNT));
    CHECK(compare_known(warm, cold, long_text, texts + 1, KNOWN_COUNT - 1) == false);
    /* a plain value and what no grammar knows have as many entries as the known text */
    CHECK(!compare_known(warm, cold, "{\"schema\":null,\"t\"[1,2]},\"a\":1}", texts, KNOWN_COUNT));
    CHECK(!compare_known(warm, cold, "{\"schema\":17,\"t\"[1,2]},\"a\":1}", texts, KNOWN_COUNT));
    CHECK(!compare_known(warm, cold, "{\"schema\":\"s\",\"t\"[1,2]},\"a\":1}", texts, KNOWN_COUNT));
    /* a shorter known text and one member more have as many entries */
    CHECK(!compare_known(warm, cold, "{\"schema\":{\"t\":1},\"x\":0,\"a\":1}", texts, KNOWN_COUNT));
    cup_json_close(warm);
    cup_json_close(cold);
}

/* A shape that fits across the end of a record is none of it. */
static void check_ends(const char *level)
{
    struct cup_json *warm = open_parser(level), *cold = open_parser(level);

    for (int i = 0; i < 3; i++)
        CHECK(!compare_text(warm, cold, "{\"id\":[1,2]}"));
    CHECK(compare_text(warm, cold, "{\"id\":[1,2]}"));
    CHECK(!compare_text(warm, cold, "{\"id\":[1\n,2]}"));
    CHECK(!compare_text(warm, cold, "{\"id\":[1,2]\n}"));
    CHECK(compare_text(warm, cold, "{\"id\":[1,2]}\n{\"id\":[3,4]}"));
    cup_json_close(warm);
    cup_json_close(cold);
}

/* No byte of a number is overlooked, recognised or not. */
static void check_digits(const char *level)
{
    static const char wrong[] = "/:*;?Aa`\x7f";
    struct cup_json  *warm = open_parser(level), *cold = open_parser(level);
    char              text[64];

    for (uint32_t bytes = 1; bytes <= 24; bytes++) {
        for (uint32_t at = 0; at < bytes * (sizeof wrong - 1); at++) {
            uint64_t good = verdicts[CUP_JSON_OK];
            (void)snprintf(text, sizeof text, "{\"id\":%.*s}", (int)bytes,
                           "987654321012345678909876");
            (void)compare_text(warm, cold, text);
            CHECK(verdicts[CUP_JSON_OK] == good + 1);
            text[6 + at / (sizeof wrong - 1)] = wrong[at % (sizeof wrong - 1)];
            CHECK(!compare_text(warm, cold, text));
            CHECK(verdicts[CUP_JSON_OK] == good + 1);
        }
    }
    cup_json_close(warm);
    cup_json_close(cold);
}

/* --- records of few skeletons --- */

static void put(const char *text)
{
    size_t bytes = strlen(text);

    CHECK(used + bytes < SLICE_BYTES);
    memcpy(buf + used, text, bytes);
    used += (uint32_t)bytes;
}

static void put_value(struct cup_rnd *rnd)
{
    static const char *const values[] = {
        "0",
        "7",
        "12345678",
        "123456789",
        "1234567890123456",
        "12345678901234567",
        "1790000000000000000",
        "123456789012345678901234",
        "-1",
        "1.5",
        "2e9",
        "null",
        "true",
        "false",
        "\"\"",
        "\"a\"",
        "\"a text of some length, with {\\\"braces\\\":1}\"",
        "\"\\u00e9\"",
        "\"caf\xc3\xa9\"",
        "\"[1,2]\"",
        " 1",
        "null ",
        "\"x\" ",
    };
    static const char *const bad[] = {"01",
                                      "+1",
                                      "1.",
                                      "nulL",
                                      "\"\\q\"",
                                      "\"\\ud800\"",
                                      "tru",
                                      "\"a\"b",
                                      "1234567890123456789012345",
                                      "12345678901234a6",
                                      "",
                                      "{",
                                      "[]"};

    if (cup_rnd_below(rnd, 2000) == 0)
        put(bad[cup_rnd_below(rnd, sizeof bad / sizeof *bad)]);
    else
        put(values[cup_rnd_below(rnd, sizeof values / sizeof *values)]);
}

/* The skeleton follows from `bones`, values from `rnd`. */
static void put_object(struct cup_rnd *bones, struct cup_rnd *rnd, uint32_t levels)
{
    static const char *const keys[] = {"a",
                                       "id",
                                       "schema",
                                       "payload",
                                       "a_key_of_fifteen",
                                       "a_key_of_sixteen_",
                                       "ts_ns",
                                       "caf\xc3\xa9",
                                       "a_key_that_is_longer_than_three_pieces_of_text_are"};
    uint32_t                 from = cup_rnd_below(bones, 9), count = cup_rnd_below(bones, 8);

    put("{");
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) put(",");
        put("\"");
        uint32_t key = (from + i - (i > 0 && cup_rnd_below(rnd, 1000) == 0)) % 9; /* twice */
        put(keys[key]);
        put(cup_rnd_below(bones, 12) == 0 ? "\" : " : "\":");
        uint32_t kind = cup_rnd_below(bones, 9), elements = cup_rnd_below(bones, 4);
        if (kind == 0 && levels > 0) {
            put_object(bones, rnd, levels - 1);
        } else if (kind >= 3 && key == 2 && levels == 2) {
            put((const char *)texts[cup_rnd_below(rnd, KNOWN_COUNT)].text);
        } else if (kind == 2) {
            put("[");
            for (uint32_t e = 0; e < elements; e++) {
                if (e > 0) put(",");
                if (e == 2 && levels > 0)
                    put_object(bones, rnd, levels - 1);
                else
                    put_value(rnd);
            }
            put("]");
        } else {
            put_value(rnd);
        }
    }
    put("}");
}

static void spoil(struct cup_rnd *rnd, uint32_t from)
{
    static const char bytes[] = "\"\\:,{}[] 0a\x01\xff";

    while (cup_rnd_below(rnd, 8) == 0 && used > from)
        buf[from + cup_rnd_below(rnd, used - from)] =
            (uint8_t)bytes[cup_rnd_below(rnd, sizeof bytes - 1)];
}

static void compare_slice(struct cup_rnd *rnd, struct cup_json *warm, struct cup_json *cold)
{
    struct cup_json_known known[KNOWN_COUNT];
    uint32_t              first = cup_rnd_below(rnd, KNOWN_COUNT), at = 0;
    uint32_t              count = cup_rnd_below(rnd, 20) == 0 ? 0 : KNOWN_COUNT;

    for (uint32_t i = 0; i < KNOWN_COUNT; i++)
        known[i] = texts[(first + i) % KNOWN_COUNT];
    memset(buf + used, '"', CUP_JSON_PADDING);
    cup_json_index(warm, buf, 0, used);
    cup_json_index(cold, buf, 0, used);
    for (uint32_t i = 0; i < record_count; i++) {
        (void)compare_record(warm, cold, at, ends[i] - at, known, count); /* counted there */
        at = ends[i] + 1;
    }
    used = record_count = 0;
}

static void check_skeletons(struct cup_rnd *rnd, const char *level)
{
    struct cup_json *warm = open_parser(level), *cold = open_parser(level);
    uint64_t         seed = cup_rnd_u64(rnd), records = 0;

    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (record_count = 0; record_count < RECORDS_MAX; used++, records++) {
            uint32_t       from = used, which = cup_rnd_below(rnd, SKELETONS + round / 4000);
            struct cup_rnd bones = cup_rnd_seed(seed + which);
            put_object(&bones, rnd, 2);
            if (record_count % 3 == 1) spoil(rnd, from);
            ends[record_count++] = used;
            buf[used]            = '\n';
        }
        compare_slice(rnd, warm, cold);
    }
    CHECK(recognised > records / 4);
    recognised = 0;
    cup_json_close(warm);
    cup_json_close(cold);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    for (int i = 0; i < 2; i++) {
        const char *level = i == 0 ? "scalar" : "auto";
        check_others(level);
        check_known(level);
        check_ends(level);
        check_digits(level);
    }
    recognised = 0;
    check_skeletons(&rnd, "scalar");
    check_skeletons(&rnd, "auto");
    CHECK(recognised_known > 100);
    for (int i = CUP_JSON_OK; i <= CUP_JSON_DUPLICATE_KEY; i++)
        CHECK(verdicts[i] > 10);
    return 0;
}
