// SPDX-License-Identifier: Apache-2.0
/* Goal:   every kernel level gives the same index and the same verdicts, on good and bad bytes.
 * Method: torture texts of 0..300 bytes against an unreadable page, at every alignment, and
 * directed vectors; status and entries of simdjson's levels are compared with the byte-serial
 *         indexer, and whole parses with those of level scalar. The seed is printed on failure. */
#include "kernels/json/json.h"

#include <sys/mman.h>

#include "kernels/json/index.h"
#include "kernels/json/sj_shim.h"
#include "tests/check.h"

#define LENGTH_MAX  300u
#define ROUND_COUNT 40000
#define PAGE_BYTES  4096u
#define LIST_MAX    1024u

static const char *const names[]  = {"icelake", "haswell", "westmere"};
static const char *const levels[] = {"avx512", "avx2", "sse42"};
#define NAME_COUNT (sizeof names / sizeof names[0])

static struct cup_sj   *sj[NAME_COUNT]; /* NULL where this CPU cannot run it */
static struct cup_json *json[NAME_COUNT];
static struct cup_json *scalar;
static uint8_t         *page_end; /* the byte behind is unreadable */
static uint64_t         clean_count, status_count[CUP_INDEX_FAILED + 1];

static void open_all(void)
{
    struct cup_fault fault;
    uint8_t         *pages =
        mmap(NULL, 3 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(pages != MAP_FAILED);
    CHECK(mprotect(pages + 2 * PAGE_BYTES, PAGE_BYTES, PROT_NONE) == 0);
    page_end = pages + 2 * PAGE_BYTES;
    CHECK(cup_json_open("scalar", PAGE_BYTES, CUP_JSON_LIMITS_DEFAULT, &scalar, &fault) == CUP_OK);
    for (size_t i = 0; i < NAME_COUNT; i++) {
        enum cup_err err =
            cup_json_open(levels[i], PAGE_BYTES, CUP_JSON_LIMITS_DEFAULT, &json[i], &fault);
        CHECK((err == CUP_OK) == cup_sj_runs(names[i]));
        if (err == CUP_OK) CHECK(strcmp(cup_json_level(json[i]), levels[i]) == 0);
        if (err != CUP_OK) CHECK(err == CUP_BAD_CONFIG && strcmp(fault.where, levels[i]) == 0);
        if (err == CUP_OK) CHECK((sj[i] = cup_sj_open(names[i], PAGE_BYTES)) != NULL);
        if (err != CUP_OK) printf("this CPU cannot run %s: not compared\n", levels[i]);
    }
}

static void close_all(void)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        cup_sj_close(sj[i]);
        cup_json_close(json[i]);
    }
    cup_json_close(scalar);
    cup_json_close(NULL);
}

/* The whole text ends at the unreadable page: the indexers may not read behind it. */
static enum cup_index_status check_index(const uint8_t *text, uint32_t bytes)
{
    uint32_t expected[LIST_MAX], expected_count = 0, at = 0;
    uint8_t *buf = page_end - bytes;

    memcpy(buf, text, bytes);
    enum cup_index_status status = cup_index_scalar(buf, bytes, expected, &expected_count);
    enum cup_index_status where  = cup_index_locate(buf, bytes, &at);
    CHECK((where == CUP_INDEX_OK) == (status == CUP_INDEX_OK || status == CUP_INDEX_EMPTY) ||
          (status == CUP_INDEX_EMPTY && where == CUP_INDEX_UTF8));
    CHECK(at <= bytes);
    if (status == CUP_INDEX_OK) {
        CHECK(cup_index_count(buf, bytes) == expected_count);
        for (uint32_t i = 0; i < CUP_INDEX_SENTINELS; i++)
            CHECK(expected[expected_count + i] == bytes);
    }
    for (size_t i = 0; i < NAME_COUNT; i++) {
        const uint32_t *pos   = NULL;
        uint32_t        count = 0;
        if (sj[i] == NULL) continue;
        CHECK(cup_sj_index(sj[i], buf, bytes, &pos, &count) == status);
        if (status != CUP_INDEX_OK) continue;
        CHECK(count == expected_count);
        CHECK(memcmp(pos, expected, (count + CUP_INDEX_SENTINELS) * sizeof *pos) == 0);
    }
    status_count[status]++;
    return status;
}

static void compare_docs(const struct cup_json_doc *a, const struct cup_json_doc *b)
{
    CHECK(a->verdict == b->verdict);
    CHECK(a->bad_at == b->bad_at);
    CHECK(a->node_count == b->node_count);
    for (uint32_t i = 0; i < a->node_count; i++)
        CHECK(memcmp(&a->nodes[i], &b->nodes[i], sizeof a->nodes[i]) == 0);
}

/* The text, cut at its LFs into records, parsed as one slice at every level. */
static void check_parse(const uint8_t *text, uint32_t bytes)
{
    static uint8_t buf[PAGE_BYTES + CUP_JSON_PADDING];

    CHECK(bytes + 1 <= PAGE_BYTES);
    memcpy(buf, text, bytes);
    buf[bytes++] = '\n';
    cup_json_index(scalar, buf, 0, bytes);
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (json[i] != NULL) cup_json_index(json[i], buf, 0, bytes);
    for (uint32_t at = 0; at < bytes;) {
        const uint8_t      *lf   = memchr(buf + at, '\n', bytes - at);
        uint32_t            size = (uint32_t)(lf - buf) - at;
        struct cup_json_doc expected, doc;
        cup_json_parse(scalar, at, size, NULL, 0, &expected);
        CHECK(expected.bad_at >= at && expected.bad_at <= at + size);
        for (size_t i = 0; i < NAME_COUNT; i++) {
            if (json[i] == NULL) continue;
            cup_json_parse(json[i], at, size, NULL, 0, &doc);
            compare_docs(&expected, &doc);
        }
        clean_count += expected.verdict == CUP_JSON_OK;
        at += size + 1;
    }
}

static void check_text(const void *text, uint32_t bytes)
{
    (void)check_index(text, bytes);
    check_parse(text, bytes);
}

/* Bytes that matter to a scanner, and whole pieces that are often legal together. */
static uint32_t put_torture(struct cup_rnd *rnd, uint8_t *out, uint32_t bytes)
{
    static const char *const pieces[] = {
        "\"",     "\"",    "\\",   "\\\\", "\\\"",     "{",       "}",        "[",
        "]",      ":",     ",",    " ",    "\n",       "\t",      "\r",       "1",
        "-0.5e",  "null",  "true", "a",    "\xC3\xA9", "\xC3",    "\xE2\x82", "\xE2\x82\xAC",
        "\xF0",   "\x9F",  "\xFF", "\x0C", "\x1A",     "\x01",    "\x7F",     "\xED\xA0\x80",
        "\"k\":", "\"v\"", "[]",   "{}",   "\\u00e9",  "\\ud83d", "\xF4\x90", "\xEF\xBB\xBF"};
    uint32_t count = sizeof pieces / sizeof pieces[0];
    uint32_t only  = 1 + cup_rnd_below(rnd, count); /* some texts draw from few pieces */
    uint32_t at    = 0;

    while (at < bytes) {
        const char *piece = pieces[cup_rnd_below(rnd, only)];
        uint32_t    size  = (uint32_t)strlen(piece);
        if (size > bytes - at) size = bytes - at;
        memcpy(out + at, piece, size);
        at += size;
    }
    return bytes;
}

static void check_backslashes(void)
{
    static const uint32_t runs[] = {62, 63, 64, 65, 66, 126, 127, 128, 129, 130};
    uint8_t               text[LENGTH_MAX];

    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        for (uint32_t lead = 0; lead < 64; lead++) {
            uint32_t n = 0;
            memset(text, ' ', lead);
            n         = lead;
            text[n++] = '"';
            memset(text + n, '\\', runs[i]);
            n += runs[i];
            check_text(text, n);
            text[n++] = '"';
            check_text(text, n);
            text[n++] = '"';
            check_text(text, n);
        }
    }
}

static void check_block_edges(void)
{
    static const char *const tails[] = {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                        "\xC3",     "\xE2\x82",     "\xF0\x9F\x98",
                                        "\"",       "\n",           "\\"};
    uint8_t                  text[LENGTH_MAX];

    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        for (uint32_t at = 56; at < 72; at++) {
            memset(text, 'x', sizeof text);
            text[0] = '"';
            memcpy(text + at, tails[i], strlen(tails[i]));
            uint32_t n = at + (uint32_t)strlen(tails[i]);
            check_text(text, n);
            text[n++] = '"';
            check_text(text, n);
        }
    }
}

/* Inputs on which indexers are known to differ, with the status that all of ours give. */
static void check_golden(void)
{
    static const struct {
        const char           *text;
        uint32_t              bytes;
        enum cup_index_status status;
    } golden[] = {
        {"{\"a\":\"x\\\n\"}\n", 11, CUP_INDEX_CONTROL},
        {"[\"\\\xFF\"]", 6, CUP_INDEX_UTF8},
        {"[1\xFF]", 4, CUP_INDEX_UTF8},
        {"[1\x0C"
         "2]",
         5, CUP_INDEX_OK},
        {"{\"a\":\"}\n{\"b\":\"}\n", 16, CUP_INDEX_CONTROL},
        {"{\"a\":1}\n{\"b\":", 13, CUP_INDEX_OK},
        {"{\"a\":1}\n{\"b\":\"x", 15, CUP_INDEX_UNCLOSED},
        {" \t\r\n", 4, CUP_INDEX_EMPTY},
        {"", 0, CUP_INDEX_EMPTY},
        {"\\\"\n", 3, CUP_INDEX_OK},
        {"[\"\xC3\"]\n", 6, CUP_INDEX_UTF8},
        {"[\"\xC3", 3, CUP_INDEX_UNCLOSED},
        {"[\"a\\\\\"]\n", 8, CUP_INDEX_OK},
        {"\x80", 1, CUP_INDEX_UTF8},
    };
    static const struct {
        const char *text;
        uint64_t    mask;
    } masks[] = {
        {"{\"a\":1}\n", 0x73},
        {"{\"a\":\"x\\\"y\"}\n", 0x833},
        {"\\\"\n", 0x1},
        {"{}\n\n[]", 0x33},
        {"[\"\xC3\xA9\"]\n", 0x23},
        {"[1]]\n", 0xf},
        {"{\"a\":[1,{\"b\":null}]}\r\n", 0xe33f3},
        {"[\"a\\\\\"]\n", 0x43},
    };

    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        CHECK(check_index((const uint8_t *)golden[i].text, golden[i].bytes) == golden[i].status);
        check_parse((const uint8_t *)golden[i].text, golden[i].bytes);
    }
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        uint32_t pos[64], count;
        uint64_t mask = 0;
        CHECK(cup_index_scalar((const uint8_t *)masks[i].text, (uint32_t)strlen(masks[i].text), pos,
                               &count) == CUP_INDEX_OK);
        for (uint32_t k = 0; k < count; k++)
            mask |= (uint64_t)1 << pos[k];
        CHECK(mask == masks[i].mask);
    }
}

static void check_open(void)
{
    struct cup_json *none = NULL;
    struct cup_fault fault;

    CHECK(cup_json_open("fallback", 64, CUP_JSON_LIMITS_DEFAULT, &none, &fault) == CUP_BAD_CONFIG);
    CHECK(cup_json_open("AVX2", 64, CUP_JSON_LIMITS_DEFAULT, &none, &fault) == CUP_BAD_CONFIG);
    CHECK(!cup_sj_runs("fallback") && cup_sj_open("fallback", 64) == NULL);
    struct cup_json_limits deep = CUP_JSON_LIMITS_DEFAULT;
    deep.depth_max              = 1025;
    CHECK(cup_json_open("scalar", 64, deep, &none, &fault) == CUP_BAD_CONFIG && none == NULL);

    struct cup_json *best = NULL;
    CHECK(cup_json_open("auto", 64, CUP_JSON_LIMITS_DEFAULT, &best, &fault) == CUP_OK);
    const char *expected = "scalar";
    for (size_t i = NAME_COUNT; i-- > 0;)
        if (cup_sj_runs(names[i])) expected = levels[i];
    CHECK(strcmp(cup_json_level(best), expected) == 0);
    cup_json_close(best);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);
    uint8_t        text[LENGTH_MAX + 1];

    open_all();
    check_open();
    check_golden();
    check_backslashes();
    check_block_edges();
    for (uint32_t bytes = 0; bytes <= LENGTH_MAX; bytes++)
        check_text(text, put_torture(&rnd, text, bytes));
    for (int i = 0; i < ROUND_COUNT; i++)
        check_text(text, put_torture(&rnd, text, cup_rnd_below(&rnd, LENGTH_MAX + 1)));

    for (int status = CUP_INDEX_OK; status < CUP_INDEX_FAILED; status++)
        CHECK(status_count[status] > 20);
    CHECK(clean_count > 1000);
    close_all();
    return 0;
}
