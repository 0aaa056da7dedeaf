// SPDX-License-Identifier: Apache-2.0
/* Goal:   the walker accepts exactly JSON, says what is wrong and where, and its nodes are right.
 * Method: written vectors with verdict and place; limits at one below, at, and one above; one bad
 *         record of each kind at each place of a slice; nodes of generated records rebuilt into
 *         text and compared; duplicate keys in small and in the largest objects. Every check runs
 *         at level scalar and at the best level of this CPU. */
#include "kernels/json/json.h"

#include "tests/check.h"

#define SLICE_BYTES (2u << 20)
#define RECORD_MAX  8u

static struct cup_json *json;
static uint8_t          buf[SLICE_BYTES + CUP_JSON_PADDING];

static struct cup_json *open_with(const char *level, struct cup_json_limits limits)
{
    struct cup_json *parser;
    struct cup_fault fault;
    CHECK(cup_json_open(level, SLICE_BYTES, limits, &parser, &fault) == CUP_OK);
    return parser;
}

static struct cup_json_doc parse_bytes(const void *text, size_t bytes)
{
    struct cup_json_doc doc;
    CHECK(bytes <= SLICE_BYTES);
    memcpy(buf, text, bytes);
    memset(buf + bytes, '"', CUP_JSON_PADDING); /* what lies behind must not matter */
    cup_json_text(json, buf, (uint32_t)bytes, &doc);
    CHECK((doc.verdict == CUP_JSON_OK) == (doc.node_count > 0));
    return doc;
}

static struct cup_json_doc parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static const struct {
    const char           *text;
    enum cup_json_verdict verdict;
    uint32_t              bad_at;
} judged[] = {
    {"{\"a\":1}", CUP_JSON_OK, 0},
    {"{}", CUP_JSON_OK, 0},
    {"[]", CUP_JSON_OK, 0},
    {"{\"a\":[]}", CUP_JSON_OK, 0},
    {"{\"a\":{}}", CUP_JSON_OK, 0},
    {"{\"a\":[1,{\"b\":2}]}", CUP_JSON_OK, 0},
    {" {\"a\" : 1 } \r", CUP_JSON_OK, 0},
    {"\t[ 1 , \"x\" , null ]\n", CUP_JSON_OK, 0},
    {"1", CUP_JSON_OK, 0},
    {" \"x\" ", CUP_JSON_OK, 0},
    {"null", CUP_JSON_OK, 0},
    {"-0", CUP_JSON_OK, 0},
    {"-0.0e+00", CUP_JSON_OK, 0},
    {"1E400", CUP_JSON_OK, 0},
    {"12345678901234567", CUP_JSON_OK, 0},
    {"{\"a\":\"\\ud83d\\ude00\"}", CUP_JSON_OK, 0},
    {"[\"\\u0000\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", CUP_JSON_OK, 0},
    {"[\"\x7F\xEF\xBF\xBE\"]", CUP_JSON_OK, 0},
    {"", CUP_JSON_EMPTY, 0},
    {" \r\n\t", CUP_JSON_EMPTY, 0},
    {"{\"a\":1,}", CUP_JSON_SYNTAX, 7},
    {"{,}", CUP_JSON_SYNTAX, 1},
    {"{\"a\":01}", CUP_JSON_SYNTAX, 6},
    {"{\"a\":1 2}", CUP_JSON_SYNTAX, 7},
    {"{\"a\":-}", CUP_JSON_SYNTAX, 6},
    {"{\"a\" 1}", CUP_JSON_SYNTAX, 5},
    {"{\"a\"}", CUP_JSON_SYNTAX, 4},
    {"{\"a\":}", CUP_JSON_SYNTAX, 5},
    {"{\"a\":", CUP_JSON_SYNTAX, 5},
    {"{\"a\"", CUP_JSON_SYNTAX, 4},
    {"{", CUP_JSON_SYNTAX, 1},
    {"[", CUP_JSON_SYNTAX, 1},
    {"[1,", CUP_JSON_SYNTAX, 3},
    {"[1", CUP_JSON_SYNTAX, 2},
    {"{\"a\":1", CUP_JSON_SYNTAX, 6},
    {"{\"a\":1,", CUP_JSON_SYNTAX, 7},
    {"{\"a\":12\"x\"}", CUP_JSON_SYNTAX, 7},
    {"{\"a\":\"x\"y}", CUP_JSON_SYNTAX, 8},
    {"{\"a\"b:1}", CUP_JSON_SYNTAX, 4},
    {"{\"a\":tru}", CUP_JSON_SYNTAX, 8},
    {"{\"a\":truex}", CUP_JSON_SYNTAX, 9},
    {"{\"a\":nulL}", CUP_JSON_SYNTAX, 8},
    {"{\"a\":False}", CUP_JSON_SYNTAX, 5},
    {"{\"a\":falsE}", CUP_JSON_SYNTAX, 9},
    {"{\"a\":1}{\"a\":2}", CUP_JSON_SYNTAX, 7},
    {"1 2", CUP_JSON_SYNTAX, 2},
    {"1,", CUP_JSON_SYNTAX, 1},
    {"1]", CUP_JSON_SYNTAX, 1},
    {"]", CUP_JSON_SYNTAX, 0},
    {":", CUP_JSON_SYNTAX, 0},
    {"{\"a\":NaN}", CUP_JSON_SYNTAX, 5},
    {"[+1]", CUP_JSON_SYNTAX, 1},
    {"[1.]", CUP_JSON_SYNTAX, 3},
    {"[.5]", CUP_JSON_SYNTAX, 1},
    {"[0x1]", CUP_JSON_SYNTAX, 2},
    {"[1e]", CUP_JSON_SYNTAX, 3},
    {"[1e+]", CUP_JSON_SYNTAX, 4},
    {"[1.5.5]", CUP_JSON_SYNTAX, 4},
    {"[-01]", CUP_JSON_SYNTAX, 3},
    {"[00]", CUP_JSON_SYNTAX, 2},
    {"[01234567]", CUP_JSON_SYNTAX, 2},
    {"[0123456789]", CUP_JSON_SYNTAX, 2},
    {"[1234567:]", CUP_JSON_SYNTAX, 8},
    {"[1234567x]", CUP_JSON_SYNTAX, 8},
    {"[1234567;]", CUP_JSON_SYNTAX, 8},
    {"[1234567?12345678]", CUP_JSON_SYNTAX, 8},
    {"[1234567\x2F]", CUP_JSON_SYNTAX, 8},
    {"[12345678x]", CUP_JSON_SYNTAX, 9},
    {"[1234567812345678x1]", CUP_JSON_SYNTAX, 17},
    {"[12345x7812345678]", CUP_JSON_SYNTAX, 6},
    {"[Infinity]", CUP_JSON_SYNTAX, 1},
    {"\xEF\xBB\xBF{}", CUP_JSON_SYNTAX, 0},
    {"{\"a\":1\x0C\"b\":2}", CUP_JSON_SYNTAX, 6},
    {"{\"a\":1\x1A\"b\":2}", CUP_JSON_SYNTAX, 6},
    {"{\"a\":[}]}", CUP_JSON_SYNTAX, 6},
    {"{\"a\":[1,]}", CUP_JSON_SYNTAX, 8},
    {"[1}", CUP_JSON_SYNTAX, 2},
    {"{\"a\":1]", CUP_JSON_SYNTAX, 6},
    {"[,1]", CUP_JSON_SYNTAX, 1},
    {"[1,,2]", CUP_JSON_SYNTAX, 3},
    {"[1:2]", CUP_JSON_SYNTAX, 2},
    {"{1:2}", CUP_JSON_SYNTAX, 1},
    {"{\"a\":1,2:3}", CUP_JSON_SYNTAX, 7},
    {"{\"a\"::1}", CUP_JSON_SYNTAX, 5},
    {"[\"x]", CUP_JSON_SYNTAX, 4},
    {"[\"a\nb\"]", CUP_JSON_SYNTAX, 3},
    {"[\"a\tb\"]", CUP_JSON_SYNTAX, 3},
    {"[\"\\x\"]", CUP_JSON_SYNTAX, 2},
    {"[\"ab\\u12g4\"]", CUP_JSON_SYNTAX, 4},
    {"[\"\\u123\"]", CUP_JSON_SYNTAX, 2},
    {"[\"\\u00:0\"]", CUP_JSON_SYNTAX, 2},
    {"[\"ok\\n12345678\\q\"]", CUP_JSON_SYNTAX, 14},
    {"[\\\"]", CUP_JSON_SYNTAX, 1},
    {"{\"\\x\":1}", CUP_JSON_SYNTAX, 2},
    {"[\"\\ud83d\"]", CUP_JSON_UTF8, 2},
    {"[\"\\udc00\"]", CUP_JSON_UTF8, 2},
    {"[\"\\ud83d\\u0041\"]", CUP_JSON_UTF8, 2},
    {"[\"\\ud83dx\\ude00\"]", CUP_JSON_UTF8, 2},
    {"[\"\\ud83d\\ud83d\"]", CUP_JSON_UTF8, 2},
    {"[\"\\ude00\\ud83d\"]", CUP_JSON_UTF8, 2},
    {"[\"\\ude00\\udc00\"]", CUP_JSON_UTF8, 2},
    {"{\"\\ud83d\":1}", CUP_JSON_UTF8, 2},
    {"[\"a\xFF\"]", CUP_JSON_UTF8, 3},
    {"[\"\xC3\"]", CUP_JSON_UTF8, 3},
    {"[\"\xED\xA0\x80\"]", CUP_JSON_UTF8, 3},
    {"[1\xC3", CUP_JSON_UTF8, 3},
    {"{\"a\":1,\"a\":2}", CUP_JSON_DUPLICATE_KEY, 7},
    {"{\"a\":1,\"\\u0061\":2}", CUP_JSON_DUPLICATE_KEY, 7},
    {"{\"\\u0061\":1,\"b\":0,\"\\u0061\":2}", CUP_JSON_DUPLICATE_KEY, 18},
    {"{\"\":1,\"\":2}", CUP_JSON_DUPLICATE_KEY, 6},
    {"[{\"x\":{\"a\":1,\"b\":2,\"b\":3}}]", CUP_JSON_DUPLICATE_KEY, 19},
    {"{\"a\":{\"a\":1},\"b\":{\"a\":1}}", CUP_JSON_OK, 0},
};

static void check_vectors(void)
{
    for (size_t i = 0; i < sizeof judged / sizeof judged[0]; i++) {
        struct cup_json_doc doc = parse(judged[i].text);
        if (doc.verdict != judged[i].verdict || doc.bad_at != judged[i].bad_at)
            fprintf(stderr, "%s: verdict %d at %u\n", judged[i].text, (int)doc.verdict, doc.bad_at);
        CHECK(doc.verdict == judged[i].verdict);
        CHECK(doc.bad_at == judged[i].bad_at);
    }
    CHECK(parse_bytes("[\"\0\"]", 5).verdict == CUP_JSON_SYNTAX);
    CHECK(parse_bytes("[\0]", 3).verdict == CUP_JSON_SYNTAX);
    CHECK(parse_bytes("[1]\0", 4).verdict == CUP_JSON_SYNTAX);
}

static void check_nodes(void)
{
    struct cup_json_doc         doc = parse("{\"a\":[1, \"x\\n\" ],\"\\u0062\" : null }");
    const struct cup_json_node *n   = doc.nodes;

    CHECK(doc.verdict == CUP_JSON_OK && doc.node_count == 5);
    CHECK(n[0].kind == CUP_JSON_OBJECT && n[0].next == 5 && n[0].child_count == 2);
    CHECK(n[0].at == 0 && n[0].bytes == 34 && n[0].key_bytes == 0 && n[0].flags == 0);
    CHECK(n[1].kind == CUP_JSON_ARRAY && n[1].next == 4 && n[1].child_count == 2);
    CHECK(n[1].at == 5 && n[1].bytes == 11 && n[1].key_at == 2 && n[1].key_bytes == 1);
    CHECK(n[2].kind == CUP_JSON_NUMBER && n[2].at == 6 && n[2].bytes == 1 && n[2].next == 3);
    CHECK(n[2].key_bytes == 0 && n[2].flags == 0);
    CHECK(n[3].kind == CUP_JSON_STRING && n[3].at == 10 && n[3].bytes == 3);
    CHECK(n[3].flags == CUP_JSON_ESCAPED);
    CHECK(n[4].kind == CUP_JSON_NULL && n[4].bytes == 4 && n[4].next == 5);
    CHECK(n[4].key_at == 18 && n[4].key_bytes == 6 && n[4].flags == CUP_JSON_KEY_ESCAPED);

    CHECK(cup_json_member(buf, &doc, 0, "a", 1) == 1);
    CHECK(cup_json_member(buf, &doc, 0, "b", 1) == 4);
    CHECK(cup_json_member(buf, &doc, 0, "c", 1) == 0);
    CHECK(cup_json_member(buf, &doc, 0, "", 0) == 0);
}

static void check_unescape(void)
{
    static const struct {
        const char *raw, *plain;
        uint32_t    plain_bytes;
    } vectors[] = {
        {"", "", 0},
        {"plain text of more than eight", "plain text of more than eight", 29},
        {"\\ud83d\\ude00", "\xF0\x9F\x98\x80", 4},
        {"\\u0000", "\0", 1},
        {"\\u007f\\u0080\\u07fF\\u0800\\uFFFF", "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF", 11},
        {"\\uDBFF\\uDFFF\\ud800\\udc00", "\xF4\x8F\xBF\xBF\xF0\x90\x80\x80", 8},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8},
        {"1234567\\n890123456\\t", "1234567\n890123456\t", 18},
        {"12345678\\n", "12345678\n", 9},
    };
    uint8_t out[128];

    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint32_t bytes = (uint32_t)strlen(vectors[i].raw);
        memset(out, 0xA5, sizeof out);
        CHECK(cup_json_unescape((const uint8_t *)vectors[i].raw, bytes, out) ==
              vectors[i].plain_bytes);
        CHECK(memcmp(out, vectors[i].plain, vectors[i].plain_bytes) == 0);
        for (size_t k = bytes; k < sizeof out; k++)
            CHECK(out[k] == 0xA5);
    }
}

/* Writes `count` times `piece`; %u in it is replaced by the number. Returns the end. */
static uint32_t put_many(uint32_t at, const char *piece, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        for (const char *c = piece; *c != 0; c++) {
            if (*c == '%')
                at += (uint32_t)snprintf((char *)buf + at, 16, "%07u", i);
            else
                buf[at++] = (uint8_t)*c;
        }
        CHECK(at < SLICE_BYTES);
    }
    return at;
}

static struct cup_json_doc parse_put(uint32_t bytes)
{
    struct cup_json_doc doc;
    memset(buf + bytes, '"', CUP_JSON_PADDING);
    cup_json_text(json, buf, bytes, &doc);
    return doc;
}

static struct cup_json_doc parse_nested(uint32_t depth, const char *open, const char *close)
{
    uint32_t n = put_many(0, open, depth - 1);
    n          = put_many(n, "[]", 1);
    return parse_put(put_many(n, close, depth - 1));
}

static void check_depth(uint32_t depth_max)
{
    for (uint32_t depth = depth_max - 1; depth <= depth_max + 1; depth++) {
        if (depth == 0) continue;
        bool                deep  = depth > depth_max;
        struct cup_json_doc array = parse_nested(depth, "[", "]");
        CHECK(array.verdict == (deep ? CUP_JSON_DEPTH : CUP_JSON_OK));
        CHECK(array.bad_at == (deep ? depth_max : 0));
        struct cup_json_doc object = parse_nested(depth, "{\"k\":", "}");
        CHECK(object.verdict == (deep ? CUP_JSON_DEPTH : CUP_JSON_OK));
        CHECK(deep || object.node_count == depth);
    }
    CHECK(parse_put(put_many(0, "[", 100000)).verdict == CUP_JSON_DEPTH);
}

/* {"0000000":0,"0000001":0,... with `count` members */
static uint32_t put_object(uint32_t count)
{
    uint32_t n = put_many(0, "{", 1);
    n          = put_many(n, "\"%\":0,", count);
    buf[n - 1] = '}';
    return n;
}

static void check_members(uint32_t members_max)
{
    for (uint32_t count = members_max - 1; count <= members_max + 1; count++) {
        if (count == 0) continue;
        struct cup_json_doc doc = parse_put(put_object(count));
        if (count <= members_max) {
            CHECK(doc.verdict == CUP_JSON_OK && doc.node_count == count + 1);
            CHECK(doc.nodes[0].child_count == count);
            continue;
        }
        CHECK(doc.verdict == CUP_JSON_MEMBERS);
        CHECK(doc.bad_at == 1 + members_max * 12);
    }
}

/* The last member gets the key of another: it must be found wherever it is. */
static void check_twice(struct cup_rnd *rnd, uint32_t count)
{
    uint32_t bytes = put_object(count);
    uint32_t last  = 1 + (count - 1) * 12;
    uint32_t other = 1 + cup_rnd_below(rnd, count - 1) * 12;

    CHECK(parse_put(bytes).verdict == CUP_JSON_OK);
    memcpy(buf + last, buf + other, 9);
    struct cup_json_doc doc = parse_put(bytes);
    CHECK(doc.verdict == CUP_JSON_DUPLICATE_KEY && doc.bad_at == last);
}

static void check_key_lengths(uint32_t key_bytes_max)
{
    for (uint32_t bytes = 0; bytes <= key_bytes_max + 1;
         bytes += bytes < 40 ? 1 : key_bytes_max - 40) {
        uint32_t n               = put_many(0, "{\"", 1);
        n                        = put_many(n, "k", bytes);
        n                        = put_many(n, "x\":1,\"", 1);
        n                        = put_many(n, "k", bytes);
        n                        = put_many(n, "y\":1}", 1);
        bool                over = bytes + 1 > key_bytes_max;
        struct cup_json_doc doc  = parse_put(n);
        CHECK(doc.verdict == (over ? CUP_JSON_KEY_LENGTH : CUP_JSON_OK));
        CHECK(doc.bad_at == (over ? 2 + key_bytes_max : 0));
        if (over) break;
        buf[n - 5] = 'x';
        CHECK(parse_put(n).verdict == CUP_JSON_DUPLICATE_KEY);
        if (bytes == 0) continue;
        buf[2] = 'K'; /* keys that differ in the first byte only */
        CHECK(parse_put(n).verdict == CUP_JSON_OK);
    }
}

static void check_number_length(uint32_t number_bytes_max)
{
    for (uint32_t bytes = number_bytes_max - 1; bytes <= number_bytes_max + 1; bytes++) {
        if (bytes == 0) continue;
        uint32_t            n    = put_many(put_many(put_many(0, "[", 1), "7", bytes), "]", 1);
        struct cup_json_doc doc  = parse_put(n);
        bool                over = bytes > number_bytes_max;
        CHECK(doc.verdict == (over ? CUP_JSON_NUMBER_LENGTH : CUP_JSON_OK));
        CHECK(doc.bad_at == (over ? 1 + number_bytes_max : 0));
    }
}

/* Slots are told apart by a stamp of 16 bits: when it comes round again, what the first object of
 * that stamp left behind must be gone. */
static void check_stamps(void)
{
    for (uint32_t i = 0; i < 2 * UINT16_MAX; i++) {
        if (i % UINT16_MAX != 0)
            CHECK(parse("{\"a\":1,\"b\":2}").verdict == CUP_JSON_OK);
        else
            CHECK(parse("{\"once\":1,\"c\":2,\"c\":3}").verdict == CUP_JSON_DUPLICATE_KEY);
    }
}

static void check_limits(struct cup_rnd *rnd, const char *level)
{
    struct cup_json_limits most = {1024, 65536, 4096, 65536}, least = {1, 1, 7, 1};

    check_depth(64);
    check_members(4096);
    check_key_lengths(256);
    check_number_length(4096);
    for (uint32_t count = 2; count < 300; count++)
        check_twice(rnd, count);

    struct cup_json *usual = json;
    json                   = open_with(level, most);
    check_depth(1024);
    check_members(65536);
    check_key_lengths(4096);
    check_number_length(65536);
    for (int i = 0; i < 10; i++)
        check_twice(rnd, 65536);
    check_stamps();
    cup_json_close(json);

    json = open_with(level, least);
    check_depth(1);
    check_members(1);
    check_number_length(1);
    CHECK(parse("{\"abcdefgh\":1}").verdict == CUP_JSON_KEY_LENGTH);
    CHECK(parse("{\"abcdefg\":1}").verdict == CUP_JSON_OK);
    cup_json_close(json);
    json = usual;
}

/* One bad record of each kind at each place of a slice costs exactly that record. */
static void check_bad_records(void)
{
    static const struct {
        const char           *text;
        enum cup_json_verdict verdict;
        uint32_t              bad_at;
    } bad[] = {
        {"{\"a\":\"x}", CUP_JSON_SYNTAX, 8},
        {"{\"a\":\"x\\", CUP_JSON_SYNTAX, 8},
        {"{\"a\":1}\\", CUP_JSON_SYNTAX, 7},
        {"{\"a\":1}\"", CUP_JSON_SYNTAX, 8},
        {"{\"a\":\"\x01\"}", CUP_JSON_SYNTAX, 6},
        {"{\"a\":\"\xC3\"}", CUP_JSON_UTF8, 7},
        {"{\"a\":1\xE2\x82", CUP_JSON_UTF8, 8},
        {"{\"a\":\"\\ud800\"}", CUP_JSON_UTF8, 6},
        {"{\"a\":1", CUP_JSON_SYNTAX, 6},
        {"{\"a\":", CUP_JSON_SYNTAX, 5},
        {"{\"a\"", CUP_JSON_SYNTAX, 4},
        {"{", CUP_JSON_SYNTAX, 1},
        {"[", CUP_JSON_SYNTAX, 1},
        {"[1,", CUP_JSON_SYNTAX, 3},
        {"}", CUP_JSON_SYNTAX, 0},
        {"1,", CUP_JSON_SYNTAX, 1},
        {"{\"a\":1,\"a\":1}", CUP_JSON_DUPLICATE_KEY, 7},
        {"", CUP_JSON_EMPTY, 0},
        {" \r", CUP_JSON_EMPTY, 0},
    };
    static const char good[] = "{\"a\":[\"\\u00e9\",\"\xC3\xA9\"],\"b\":{\"c\":-1.5}}\r";

    for (size_t kind = 0; kind < sizeof bad / sizeof bad[0]; kind++) {
        for (uint32_t place = 0; place < 2 * RECORD_MAX; place++) {
            uint32_t ats[RECORD_MAX], sizes[RECORD_MAX], from = place + 3, n = from;
            for (uint32_t i = 0; i < RECORD_MAX; i++) {
                ats[i]   = n;
                n        = put_many(n, i == place % RECORD_MAX ? bad[kind].text : good, 1);
                sizes[i] = n - ats[i];
                buf[n++] = '\n';
            }
            memset(buf + n, '}', CUP_JSON_PADDING);
            cup_json_index(json, buf, from, n);
            for (uint32_t i = 0; i < RECORD_MAX; i++) {
                struct cup_json_doc doc;
                if (place >= RECORD_MAX && i % 3 == 1) continue; /* some are never asked for */
                cup_json_parse(json, ats[i], sizes[i], NULL, 0, &doc);
                if (i == place % RECORD_MAX) {
                    CHECK(doc.verdict == bad[kind].verdict && doc.node_count == 0);
                    CHECK(doc.bad_at == ats[i] + bad[kind].bad_at);
                    continue;
                }
                CHECK(doc.verdict == CUP_JSON_OK && doc.node_count == 6);
                CHECK(doc.nodes[0].at == ats[i] && doc.nodes[0].bytes == sizes[i] - 1);
                CHECK(doc.nodes[2].flags == CUP_JSON_ESCAPED && doc.nodes[3].flags == 0);
                CHECK(memcmp(buf + doc.nodes[5].at, "-1.5", 4) == 0);
            }
        }
    }
}

/* Values that are no objects, one a record: each ends where its record ends. */
static void check_roots(void)
{
    static const char   text[] = "1\n \"x\" \nnull\n[]\n-7 \r\n";
    uint32_t            n = put_many(0, text, 1), at = 0, bytes[] = {1, 1, 4, 2, 2};
    struct cup_json_doc doc;

    cup_json_index(json, buf, 0, n);
    for (int i = 0; i < 5; i++) {
        uint32_t size = (uint32_t)(strchr(text + at, '\n') - (text + at));
        cup_json_parse(json, at, size, NULL, 0, &doc);
        CHECK(doc.verdict == CUP_JSON_OK && doc.node_count == 1);
        CHECK(doc.nodes[0].bytes == bytes[i] && doc.nodes[0].next == 1);
        at += size + 1;
    }
    CHECK(at == n);
}

static struct cup_json_doc parse_known(const char *text, const struct cup_json_known *known,
                                       uint32_t known_count)
{
    struct cup_json_doc doc;
    uint32_t            n = put_many(0, text, 1);

    memset(buf + n, 'x', CUP_JSON_PADDING);
    cup_json_index(json, buf, 0, n);
    cup_json_parse(json, 0, n, known, known_count, &doc);
    return doc;
}

#define SCHEMA "{\"type\":\"struct\",\"fields\":[{\"a\":\"x\\\"y\"},{}],\"n\":-1.5 }"

static void check_known(void)
{
    static const char     other[]  = "{\"type\":\"other\"}";
    static const char     schema[] = SCHEMA;
    struct cup_json_known known[2] = {{(const uint8_t *)other, sizeof other - 1, 0},
                                      {(const uint8_t *)schema, sizeof schema - 1, 0}};
    struct cup_json_doc   doc;

    for (int i = 0; i < 2; i++)
        cup_json_count_tokens(json, known[i].text, known[i].bytes, &known[i].token_count);
    CHECK(known[0].token_count == 5 && known[1].token_count == 22);

    doc = parse_known("{\"schema\": " SCHEMA " ,\"payload\":{\"a\":\"\\n\"}}", known, 2);
    CHECK(doc.verdict == CUP_JSON_OK && doc.node_count == 4);
    CHECK(doc.nodes[1].kind == CUP_JSON_OBJECT && doc.nodes[1].flags == CUP_JSON_KNOWN);
    CHECK(doc.nodes[1].child_count == 1 && doc.nodes[1].next == 2 && doc.nodes[1].at == 11);
    CHECK(doc.nodes[1].bytes == sizeof schema - 1 && doc.nodes[1].key_bytes == 6);
    CHECK(doc.nodes[0].next == 4 && doc.nodes[0].child_count == 2);
    CHECK(doc.nodes[3].flags == CUP_JSON_ESCAPED);
    CHECK(cup_json_member(buf, &doc, 0, "payload", 7) == 2);
    CHECK(cup_json_member(buf, &doc, 1, "type", 4) == 0);

    CHECK(parse_known("{\"schema\":" SCHEMA "}", known, 2).node_count == 2);
    CHECK(parse_known("{\"schema\":" SCHEMA "}", known, 1).node_count == 8);
    CHECK(parse_known("{\"schema\":" SCHEMA "}", NULL, 0).node_count == 8);
    CHECK(parse_known("{\"schemb\":" SCHEMA "}", known, 2).node_count == 8);
    CHECK(parse_known("{\"x\":{\"schema\":" SCHEMA "}}", known, 2).node_count == 9);
    CHECK(parse_known("[{\"schema\":" SCHEMA "}]", known, 2).node_count == 9);
    CHECK(parse_known(SCHEMA, known, 2).node_count == 7);
    CHECK(parse_known("{\"schema\":{\"type\":\"othe\"}}", known, 2).node_count == 3);

    doc = parse_known("{\"schema\":" SCHEMA "x}", known, 2);
    CHECK(doc.verdict == CUP_JSON_SYNTAX && doc.bad_at == 10 + sizeof schema - 1);
    doc = parse_known("{\"schema\":" SCHEMA "\"\"}", known, 2);
    CHECK(doc.verdict == CUP_JSON_SYNTAX && doc.bad_at == 10 + sizeof schema - 1);
    CHECK(parse_known("{\"schema\":" SCHEMA "]", known, 2).verdict == CUP_JSON_SYNTAX);
    CHECK(parse_known("{\"schema\":" SCHEMA, known, 2).verdict == CUP_JSON_SYNTAX);
    doc = parse_known("{\"schema\":" SCHEMA ",\"schema\":1}", known, 2);
    CHECK(doc.verdict == CUP_JSON_DUPLICATE_KEY && doc.bad_at == 10 + sizeof schema);
}

/* --- generated values, rebuilt from their nodes --- */

static uint32_t put_space(struct cup_rnd *rnd, uint32_t at)
{
    static const char *const spaces[] = {"", "", "", " ", "\t", "\r", "  "};
    return put_many(at, spaces[cup_rnd_below(rnd, 7)], 1);
}

static uint32_t put_value(struct cup_rnd *rnd, uint32_t at, uint32_t levels)
{
    static const char *const scalars[] = {
        "null",    "true",    "false", "0",           "-12.5e-3", "123456789012",       "\"\"",
        "\"x,]\"", "\"\\n\"", "7",     "\"a{\\\"b\"", "98765432", "1234567890123456789"};
    uint32_t kind = cup_rnd_below(rnd, levels == 0 ? 2 : 4);

    at = put_space(rnd, at);
    if (kind < 2) return put_space(rnd, put_many(at, scalars[cup_rnd_below(rnd, 13)], 1));
    uint32_t count = cup_rnd_below(rnd, 7);
    buf[at++]      = kind == 2 ? '[' : '{';
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) buf[at++] = ',';
        if (kind == 3) {
            at = put_space(rnd, at);
            at += (uint32_t)snprintf((char *)buf + at, 32, "\"%s%u\"",
                                     cup_rnd_below(rnd, 4) ? "k" : "\\t", i);
            at        = put_space(rnd, at);
            buf[at++] = ':';
        }
        at = put_value(rnd, at, levels - 1);
    }
    if (count == 0) at = put_space(rnd, at);
    buf[at++] = kind == 2 ? ']' : '}';
    return put_space(rnd, at);
}

static uint32_t strip(const uint8_t *from, uint32_t bytes, uint8_t *to)
{
    bool     inside = false;
    uint32_t n      = 0;

    for (uint32_t i = 0; i < bytes; i++) {
        bool space = from[i] == ' ' || from[i] == '\t' || from[i] == '\r';
        if (!inside && space) continue;
        if (from[i] == '"') inside = !inside;
        to[n++] = from[i];
        if (inside && from[i] == '\\') to[n++] = from[++i];
    }
    return n;
}

static uint32_t put_node(const struct cup_json_doc *doc, uint32_t index, bool keyed, uint8_t *to)
{
    const struct cup_json_node *node = &doc->nodes[index];
    uint32_t                    n = 0, children = 0;

    if (keyed) {
        to[n++] = '"';
        memcpy(to + n, buf + node->key_at, node->key_bytes);
        n += node->key_bytes;
        to[n++] = '"';
        to[n++] = ':';
    }
    if (node->kind < CUP_JSON_ARRAY) {
        uint32_t quote = node->kind == CUP_JSON_STRING;
        memcpy(to + n, buf + node->at - quote, node->bytes + 2 * quote);
        CHECK(node->next == index + 1);
        return n + node->bytes + 2 * quote;
    }
    bool object = node->kind == CUP_JSON_OBJECT;
    to[n++]     = object ? '{' : '[';
    for (uint32_t i = index + 1; i < node->next; i = doc->nodes[i].next) {
        if (children++ > 0) to[n++] = ',';
        n += put_node(doc, i, object, to + n);
    }
    CHECK(children == node->child_count);
    CHECK(buf[node->at] == (object ? '{' : '['));
    CHECK(buf[node->at + node->bytes - 1] == (object ? '}' : ']'));
    to[n++] = object ? '}' : ']';
    return n;
}

static void check_generated(struct cup_rnd *rnd)
{
    static uint8_t expected[SLICE_BYTES], rebuilt[SLICE_BYTES];

    for (int i = 0; i < 3000; i++) {
        uint32_t            bytes = put_value(rnd, 0, 5);
        struct cup_json_doc doc   = parse_put(bytes);
        CHECK(doc.verdict == CUP_JSON_OK);
        uint32_t expected_bytes = strip(buf, bytes, expected);
        CHECK(put_node(&doc, 0, false, rebuilt) == expected_bytes);
        CHECK(memcmp(rebuilt, expected, expected_bytes) == 0);
        /* any text cut short is no JSON, except white space and plain numbers */
        if (expected[0] != '{' && expected[0] != '[') continue;
        uint32_t              cut     = cup_rnd_below(rnd, doc.nodes[0].at + doc.nodes[0].bytes);
        enum cup_json_verdict verdict = parse_put(cut).verdict;
        CHECK(verdict == CUP_JSON_SYNTAX || verdict == CUP_JSON_EMPTY);
    }
}

int main(int argc, char **argv)
{
    struct cup_rnd           rnd      = cup_test_begin(argc, argv);
    static const char *const levels[] = {"scalar", "auto"};

    for (int i = 0; i < 2; i++) {
        json = open_with(levels[i], CUP_JSON_LIMITS_DEFAULT);
        check_vectors();
        check_nodes();
        check_unescape();
        check_limits(&rnd, levels[i]);
        check_bad_records();
        check_roots();
        check_known();
        check_generated(&rnd);
        cup_json_close(json);
    }
    return 0;
}
