// SPDX-License-Identifier: Apache-2.0
/* Goal:   a dump gives back the very bytes of keys, values and headers, whatever their escapes; a
 *         line that is no dump record is kept whole and says so; nothing depends on reads, memory
 *         or where a run starts.
 * Method: written-out lines with their records; random records written as dump lines by a writer of
 *         this file and compared field by field; refused lines, each for one reason. */
#include "tests/dataplane/source/feed.h"
#include "kernels/value/binary.h"

#define RECORD_MAX 4096u

static struct gotten run_text(const char *text, size_t bytes)
{
    struct feed feed;

    feed_write("d.ndjson", text, bytes);
    feed_open(&feed, RECORD_MAX, FEED_BLOCKS);
    feed_input(&feed, "d.ndjson", CUP_INPUT_DUMP, 0);
    struct gotten gotten = feed_run(&feed, NULL, 0);
    feed_close(&feed);
    return gotten;
}

static bool is_text(struct cup_text text, const char *expected)
{
    return text.bytes == strlen(expected) &&
           (text.bytes == 0 || memcmp(text.at, expected, text.bytes) == 0);
}

static bool next_header(const struct got *got, uint32_t *at, const char *name, const char *value)
{
    struct cup_header header;

    if (!cup_header_next((const uint8_t *)got->headers.at, (uint32_t)got->headers.bytes, at,
                         &header))
        return name == NULL;
    return header.name_bytes == strlen(name) && memcmp(header.name, name, header.name_bytes) == 0 &&
           (header.value == NULL) == (value == NULL) &&
           (value == NULL || (header.value_bytes == strlen(value) &&
                              memcmp(header.value, value, header.value_bytes) == 0));
}

static void check_cases(void)
{
    static const char text[] =
        "{\"topic\":\"pg.a\",\"partition\":3,\"offset\":9223372036854775807,\"key\":\"{\\\"id\\\":"
        "1}\","
        "\"value\":\"{\\\"a\\\":\\\"\\u00e9\\n\\\"}\",\"headers\":{\"h\\u0031\":\"\\\"pg\\\"\","
        "\"n\":null,"
        "\"e\":\"\"},\"timestamp\":1795231857407}\n"
        "\n"
        " {\"value\":null,\"x\":[{\"topic\":1}],\"o\\u0066fset\":0,\"partition\":0,\"topic\":\"pg."
        "b\"} \r\n"
        "{\"topic\":\"pg.a\",\"partition\":0,\"offset\":1,\"key\":\"\",\"value\":\"\",\"headers\":"
        "[[\"r\",\"1\"],[{\"base64\":\"cg==\"},{\"base64\":\"Mg==\"}],[\"\",null]],\"timestamp\":-"
        "1}\n"
        "{\"topic\":\"pg.a\",\"partition\":0,\"offset\":2,\"key\":null,\"value\":\"x\",\"headers\":"
        "null,"
        "\"timestamp\":null}";
    struct gotten gotten = run_text(text, sizeof text - 1);
    uint32_t      at     = 0;

    CHECK(gotten.count == 4 && gotten.blank_count == 1 && gotten.ends_count == 1);
    CHECK(gotten.end == sizeof text - 1);
    struct got *got = &gotten.all[0];
    CHECK(strcmp(got->topic, "pg.a") == 0 && got->partition == 3 && got->offset == INT64_MAX);
    CHECK(got->timestamp_ms == 1795231857407 && got->position == 0 && got->flags == 0);
    CHECK(is_text(got->key, "{\"id\":1}") && is_text(got->value, "{\"a\":\"\xc3\xa9\n\"}"));
    CHECK(next_header(got, &at, "h1", "\"pg\"") && next_header(got, &at, "n", NULL));
    CHECK(next_header(got, &at, "e", "") && next_header(got, &at, NULL, NULL));
    got = &gotten.all[1];
    CHECK(strcmp(got->topic, "pg.b") == 0 && got->value_kind == CUP_VALUE_NULL);
    CHECK(got->key_kind == CUP_VALUE_NULL && got->headers.bytes == 0);
    CHECK(got->timestamp_ms == INT64_MIN && got->offset == 0);
    got = &gotten.all[2];
    CHECK(got->value_kind == CUP_VALUE_EMPTY && got->key_kind == CUP_VALUE_EMPTY);
    CHECK(got->timestamp_ms == INT64_MIN);
    at = 0;
    CHECK(next_header(got, &at, "r", "1") && next_header(got, &at, "r", "2"));
    CHECK(next_header(got, &at, "", NULL) && next_header(got, &at, NULL, NULL));
    got = &gotten.all[3];
    CHECK(is_text(got->value, "x") && got->key_kind == CUP_VALUE_NULL && got->offset == 2);
    gotten_free(&gotten);
}

#define GOOD "{\"topic\":\"t\",\"partition\":0,\"offset\":5,\"value\":\"v\""

static const char *const bad_lines[] = {
    "{\"partition\":0,\"offset\":5,\"value\":\"v\"}",
    "{\"topic\":\"t\",\"offset\":5,\"value\":\"v\"}",
    "{\"topic\":\"t\",\"partition\":0,\"value\":\"v\"}",
    "{\"topic\":\"t\",\"partition\":0,\"offset\":5}",
    "{\"topic\":\"\",\"partition\":0,\"offset\":5,\"value\":\"v\"}",
    "{\"topic\":null,\"partition\":0,\"offset\":5,\"value\":\"v\"}",
    "{\"topic\":\"a\\u0000b\",\"partition\":0,\"offset\":5,\"value\":\"v\"}",
    "{\"topic\":\"t\",\"partition\":\"0\",\"offset\":5,\"value\":\"v\"}",
    "{\"topic\":\"t\",\"partition\":-1,\"offset\":5,\"value\":\"v\"}",
    "{\"topic\":\"t\",\"partition\":2147483648,\"offset\":5,\"value\":\"v\"}",
    "{\"topic\":\"t\",\"partition\":0,\"offset\":9223372036854775808,\"value\":\"v\"}",
    "{\"topic\":\"t\",\"partition\":0,\"offset\":92233720368547758070,\"value\":\"v\"}",
    "{\"topic\":\"t\",\"partition\":0,\"offset\":36893488147419103233,\"value\":\"v\"}",
    "{\"topic\":\"t\",\"partition\":0,\"offset\":-5,\"value\":\"v\"}",
    "{\"topic\":\"t\",\"partition\":0,\"offset\":5.0,\"value\":\"v\"}",
    "{\"topic\":\"t\",\"partition\":0,\"offset\":5e0,\"value\":\"v\"}",
    "{\"topic\":\"t\",\"partition\":0,\"offset\":5,\"value\":{\"a\":1}}",
    "{\"topic\":\"t\",\"partition\":0,\"offset\":5,\"value\":7}",
    GOOD ",\"key\":7}",
    GOOD ",\"key\":{\"base64\":\"YQ\"}}",
    GOOD ",\"key\":{\"base64\":\"YQ==\",\"a\":1}}",
    GOOD ",\"key\":{\"base32\":\"YQ==\"}}",
    GOOD ",\"key\":{\"base64\":null}}",
    GOOD ",\"key\":{\"base64\":\"YQ\\u003d=\"}}",
    GOOD ",\"headers\":{\"h\":{\"base64\":\"!\"}}}",
    GOOD ",\"headers\":[[{\"base64\":\"!\"},\"h\"]]}",
    GOOD ",\"headers\":\"h\"}",
    GOOD ",\"headers\":{\"h\":1}}",
    GOOD ",\"headers\":[\"h\"]}",
    GOOD ",\"headers\":[[\"h\"]]}",
    GOOD ",\"headers\":[[null,\"h\"]]}",
    GOOD ",\"headers\":[[\"h\",1]]}",
    GOOD ",\"timestamp\":\"1\"}",
    GOOD ",\"timestamp\":-2}",
    GOOD ",\"value\":\"w\"}",
    "{\"topic\":\"t\",\"partition\":0,\"offset\":5,\"value\":\"\\ud800\"}",
    "{\"topic\":\"t\",\"partition\":0,\"offset\":5,\"value\":\"\xff\"}",
    GOOD,
    GOOD "}}",
    "\xef\xbb\xbf{\"topic\":\"t\",\"partition\":0,\"offset\":5,\"value\":\"v\"}",
    "[]",
    "7",
    " ",
    "\"",
};

/* Each of them is refused; between them stand good lines, which are not. */
static void check_bad_lines(void)
{
    static const char good[]    = GOOD "}\n";
    const size_t      bad_count = sizeof bad_lines / sizeof bad_lines[0];
    struct cup_text   text      = {0};
    uint64_t          at        = 0;

    for (size_t i = 0; i < bad_count; i++) {
        cup_text_puts(&text, good);
        cup_text_printf(&text, "%s\n", bad_lines[i]);
    }
    struct gotten gotten = run_text(text.at, text.bytes);
    CHECK(gotten.count == 2 * bad_count);
    for (size_t i = 0; i < bad_count; i++) {
        const struct got *got = &gotten.all[2 * i];
        CHECK(got->flags == 0 && got_is(got, "v") && got->offset == 5);
        CHECK(got->position == at && strcmp(got->topic, "t") == 0);
        at += sizeof good - 1;
        got = &gotten.all[2 * i + 1];
        CHECK(got->flags == CUP_RECORD_BAD_LINE && got_is(got, bad_lines[i]));
        CHECK(got->position == at && got->offset == (int64_t)at && got->partition == 0);
        CHECK(strcmp(got->topic, "d.ndjson") == 0 && got->key_kind == CUP_VALUE_NULL);
        CHECK(got->headers.bytes == 0 && got->timestamp_ms == INT64_MIN);
        at += strlen(bad_lines[i]) + 1;
    }
    gotten_free(&gotten);
    cup_text_free(&text);
}

/* Padding belongs at the end, wherever the text is cut for looking at it. */
static void check_padding(void)
{
    struct cup_text text = {0};

    for (uint32_t bytes = 4; bytes <= 4096; bytes *= 2) {
        for (int bad = 0; bad < 2; bad++) {
            cup_text_puts(&text, GOOD ",\"key\":{\"base64\":\"");
            for (uint32_t i = 0; i < bytes - 2; i++)
                cup_text_puts(&text, "A");
            cup_text_printf(&text, "==%s\"}}\n", bad ? "AAAA" : "");
        }
    }
    struct gotten gotten = run_text(text.at, text.bytes);
    CHECK(gotten.count == 22);
    for (uint64_t i = 0; i < gotten.count; i++)
        CHECK(gotten.all[i].flags == (i % 2 ? CUP_RECORD_BAD_LINE : 0));
    gotten_free(&gotten);
    cup_text_free(&text);
}

/* --- random records --- */

/* Any byte of 7 bits, and two-byte UTF-8; escaped where it must be and sometimes where not. */
static void draw_string(struct cup_rnd *rnd, size_t count, struct cup_text *plain,
                        struct cup_text *json)
{
    cup_text_puts(json, "\"");
    for (size_t i = 0; i < count; i++) {
        uint32_t code =
            cup_rnd_below(rnd, 8) ? 'a' + cup_rnd_below(rnd, 26) : cup_rnd_below(rnd, 300);
        char   utf8[2] = {(char)code, 0};
        size_t bytes   = 1;
        if (code >= 0x80) {
            utf8[0] = (char)(0xc0 | code >> 6);
            utf8[1] = (char)(0x80 | (code & 0x3f));
            bytes   = 2;
        }
        cup_text_put(plain, utf8, bytes);
        if (code < 0x20 || cup_rnd_below(rnd, 20) == 0) {
            cup_text_printf(json, "\\u%04x", code);
        } else if (code == '"' || code == '\\') {
            cup_text_printf(json, "\\%c", (int)code);
        } else {
            cup_text_put(json, utf8, bytes);
        }
    }
    cup_text_puts(json, "\"");
}

static size_t draw_length(struct cup_rnd *rnd, uint32_t longest)
{
    switch (cup_rnd_below(rnd, 12)) {
    case 0: return 0;
    case 1: return cup_rnd_below(rnd, longest);
    default: return cup_rnd_below(rnd, 300);
    }
}

/* Bytes of any kind, as {"base64":..}. */
static void draw_bytes(struct cup_rnd *rnd, size_t count, struct cup_text *plain,
                       struct cup_text *json)
{
    for (size_t i = 0; i < count; i++) {
        char byte = (char)cup_rnd_below(rnd, 256);
        cup_text_put(plain, &byte, 1);
    }
    cup_text_puts(json, "{\"base64\":\"");
    uint8_t *room = count > 0 ? cup_text_room(json, (count + 2) / 3 * 4) : NULL;
    if (room != NULL) (void)cup_base64_encode((const uint8_t *)plain->at, count, room);
    cup_text_puts(json, "\"}");
}

/* One text member or null; says which kind it became. */
static uint8_t draw_member(struct cup_rnd *rnd, uint32_t longest, struct cup_text *plain,
                           struct cup_text *json)
{
    if (cup_rnd_below(rnd, 10) == 0) {
        cup_text_puts(json, "null");
        return CUP_VALUE_NULL;
    }
    if (cup_rnd_below(rnd, 4) == 0)
        draw_bytes(rnd, draw_length(rnd, longest), plain, json);
    else
        draw_string(rnd, draw_length(rnd, longest), plain, json);
    return plain->bytes ? CUP_VALUE_BYTES : CUP_VALUE_EMPTY;
}

static void draw_headers(struct cup_rnd *rnd, struct got *got, struct cup_text *json)
{
    bool     pairs = cup_rnd_below(rnd, 2);
    uint32_t count = cup_rnd_below(rnd, 4);

    cup_text_puts(json, pairs ? "[" : "{");
    for (uint32_t i = 0; i < count; i++) {
        struct cup_text name = {0}, value = {0};
        uint8_t         bytes[4096];
        cup_text_puts(json, i ? (pairs ? ",[" : ",") : pairs ? "[" : "");
        size_t name_at = json->bytes;
        draw_string(rnd, 1 + cup_rnd_below(rnd, 12), &name, json);
        if (!pairs) { /* names of one object differ */
            json->bytes = name_at;
            cup_text_clear(&name);
            cup_text_printf(&name, "h%u", i);
            cup_text_printf(json, "\"\\u0068%u\"", i);
        }
        cup_text_puts(json, pairs ? "," : ":");
        uint8_t  kind = draw_member(rnd, 300, &value, json);
        uint32_t used = cup_header_put(
            bytes, sizeof bytes, (const uint8_t *)name.at, (uint32_t)name.bytes,
            kind == CUP_VALUE_NULL ? NULL : (const uint8_t *)(value.at ? value.at : ""),
            (uint32_t)value.bytes);
        CHECK(used > 0);
        cup_text_put(&got->headers, bytes, used);
        if (pairs) cup_text_puts(json, "]");
        cup_text_free(&name);
        cup_text_free(&value);
    }
    cup_text_puts(json, pairs ? "]" : "}");
}

static void draw_record(struct cup_rnd *rnd, uint32_t longest, struct gotten *expected,
                        struct cup_text *text, uint32_t most)
{
    struct got *got = gotten_add(expected);

    got->position    = text->bytes;
    got->partition   = (int32_t)cup_rnd_below(rnd, 9);
    got->offset      = (int64_t)(cup_rnd_u64(rnd) >> (1 + cup_rnd_below(rnd, 63)));
    got->piece_count = 1;
    snprintf(got->topic, sizeof got->topic, "topic.%u", cup_rnd_below(rnd, 300));
    cup_text_printf(text, "{\"topic\":\"%s\",\"partition\":%d,\"offset\":%lld,\"key\":", got->topic,
                    (int)got->partition, (long long)got->offset);
    got->key_kind = draw_member(rnd, longest / 8, &got->key, text);
    cup_text_puts(text, ",\"value\":");
    got->value_kind = draw_member(rnd, longest, &got->value, text);
    cup_text_puts(text, ",\"headers\":");
    draw_headers(rnd, got, text);
    got->timestamp_ms = INT64_MIN;
    if (cup_rnd_below(rnd, 2)) {
        got->timestamp_ms = cup_rnd_below(rnd, 1000000);
        cup_text_printf(text, ",\"timestamp\":%d", (int)got->timestamp_ms);
    }
    cup_text_puts(text, "}\n");
    got->whole_bytes = got->value.bytes;
    if (got->value.bytes > most) got->flags = CUP_RECORD_OVERSIZE;
    if (text->bytes - 1 - got->position > 2ull * most + (64u << 10)) { /* the line is too long */
        uint64_t position = got->position;
        cup_text_free(&got->key);
        cup_text_free(&got->value);
        cup_text_free(&got->headers);
        *got = (struct got){.position     = position,
                            .offset       = (int64_t)position,
                            .timestamp_ms = INT64_MIN,
                            .value_kind   = CUP_VALUE_BYTES,
                            .flags        = CUP_RECORD_OVERSIZE};
        snprintf(got->topic, sizeof got->topic, "r.ndjson");
        cup_text_put(&got->value, text->at + position, text->bytes - 1 - position);
        got->whole_bytes = got->value.bytes;
        got->piece_count = 1 + (got->value.bytes - 1) / (CUP_BATCH_BYTES - 1);
    }
}

static void check_resume(struct feed *feed, const struct gotten *whole)
{
    for (uint32_t i = 0; i < whole->count; i += 1 + whole->count / 8) {
        feed->starts[0]    = whole->all[i].position;
        struct gotten tail = feed_run(feed, NULL, 0);
        check_tail(whole, i, &tail);
        gotten_free(&tail);
    }
    feed->starts[0] = 0;
}

static void check_random(struct cup_rnd *rnd)
{
    uint64_t oversize = 0, starved = 0;

    for (int round = 0; round < 12; round++) {
        uint32_t        longest  = round % 4 == 0 ? 300 : round % 4 == 1 ? 6000 : 600000;
        uint32_t        most     = round % 2 ? 4096 : 1u << 19;
        struct cup_text text     = {0};
        struct gotten   expected = {0};
        struct feed     feed;

        while (text.bytes < (longest > 6000 ? 3000000u : 900000u))
            draw_record(rnd, longest, &expected, &text, most);
        CHECK(!text.failed);
        feed_cut_max   = round % 3 ? 0 : 1 + cup_rnd_below(rnd, 100000);
        feed_fail_each = round % 5 == 4 ? 4 : 0;
        feed_fail_with = EIO;
        feed_write("r.ndjson", text.at, text.bytes);
        feed_open(&feed, most, 200);
        feed_input(&feed, "r.ndjson", CUP_INPUT_DUMP, 0);
        uint32_t      spare  = 3 * (uint32_t)round;
        uint8_t      *taken  = round % 2 ? cup_pool_take(&feed.pool, 200 - spare) : NULL;
        struct gotten gotten = feed_run(&feed, taken, 200 - spare);
        check_tail(&expected, 0, &gotten);
        CHECK(gotten.end == text.bytes);
        for (uint32_t i = 0; i < gotten.count; i++)
            oversize += gotten.all[i].flags == CUP_RECORD_OVERSIZE;
        starved += gotten.no_memory_count;
        feed_cut_max = feed_fail_each = 0;
        check_resume(&feed, &gotten);
        gotten_free(&gotten);
        gotten_free(&expected);
        cup_text_free(&text);
        feed_close(&feed);
    }
    CHECK(oversize > 20 && starved >= 3);
}

/* The value's limit and the line's limit, at both edges. */
static void check_limits(void)
{
    static char       text[1u << 20];
    static const char head[]   = "{\"topic\":\"t\",\"partition\":0,\"offset\":5,\"value\":\"";
    const size_t      line_max = 2 * RECORD_MAX + (64u << 10);

    for (uint32_t extra = 0; extra < 2; extra++) {
        size_t at = sizeof head - 1;
        memcpy(text, head, at);
        memset(text + at, 'v', RECORD_MAX + extra);
        at += RECORD_MAX + extra;
        memcpy(text + at, "\"}\n[]\n", 6);
        struct gotten gotten = run_text(text, at + 6);
        CHECK(gotten.count == 2 && gotten.all[0].value.bytes == RECORD_MAX + extra);
        CHECK(gotten.all[0].flags == (extra ? CUP_RECORD_OVERSIZE : 0));
        CHECK(strcmp(gotten.all[0].topic, "t") == 0 && gotten.all[0].offset == 5);
        gotten_free(&gotten);

        at = sizeof head - 1;
        memset(text + at, 'v', line_max);
        at = line_max + extra;
        memcpy(text + at - 2, "\"}\n[]\n", 6);
        gotten = run_text(text, at + 4);
        CHECK(gotten.count == 2 && gotten.all[0].flags == CUP_RECORD_OVERSIZE);
        CHECK(strcmp(gotten.all[0].topic, extra ? "d.ndjson" : "t") == 0);
        CHECK(gotten.all[0].value.bytes == at - (extra ? 0 : sizeof head - 1 + 2));
        CHECK(gotten.all[0].key_kind == CUP_VALUE_NULL);
        CHECK(gotten.all[1].flags == CUP_RECORD_BAD_LINE && got_is(&gotten.all[1], "[]"));
        gotten_free(&gotten);
    }
}

static void put_topic_line(struct cup_text *text, const char *topic)
{
    cup_text_printf(text, "{\"topic\":\"%s\",\"partition\":0,\"offset\":0,\"value\":null}\n",
                    topic);
}

/* The longest name, one longer, and as many names as there may be, and one more. */
static void check_topics(void)
{
    struct cup_text text = {0};
    char            name[252];
    const uint32_t  most = 65536;

    memset(name, 'n', sizeof name);
    name[249] = 0;
    put_topic_line(&text, name);
    name[249] = 'n', name[250] = 0;
    put_topic_line(&text, name);
    cup_text_puts(&text, "{\"topic\":\"");
    for (uint32_t i = 0; i < 8000; i++)
        cup_text_puts(&text, "n");
    cup_text_puts(&text, "\",\"partition\":0,\"offset\":0,\"value\":null}\n");
    for (uint32_t i = 1; i < most; i++) {
        snprintf(name, sizeof name, "some.topic.%u", i);
        put_topic_line(&text, name);
    }
    put_topic_line(&text, "one.more");
    put_topic_line(&text, "some.topic.7");
    put_topic_line(&text, "d.ndjson"); /* named like the file: there already */
    struct gotten gotten = run_text(text.at, text.bytes);
    CHECK(gotten.count == most + 5);
    CHECK(strlen(gotten.all[0].topic) == 249 && gotten.all[0].flags == 0);
    CHECK(gotten.all[1].flags == CUP_RECORD_BAD_LINE);
    CHECK(gotten.all[2].flags == CUP_RECORD_BAD_LINE);
    for (uint32_t i = 1; i < most; i++) {
        snprintf(name, sizeof name, "some.topic.%u", i);
        CHECK(strcmp(gotten.all[i + 2].topic, name) == 0 && gotten.all[i + 2].flags == 0);
    }
    CHECK(gotten.all[most + 2].flags == CUP_RECORD_BAD_LINE);
    CHECK(strcmp(gotten.all[most + 3].topic, "some.topic.7") == 0);
    CHECK(strcmp(gotten.all[most + 4].topic, "d.ndjson") == 0 && gotten.all[most + 4].flags == 0);
    gotten_free(&gotten);
    cup_text_free(&text);
}

/* The pool runs dry at each of the things that a dump needs, the block of names last. */
static void check_no_memory(void)
{
    static const char text[] = GOOD "}\n" GOOD ",\"key\":\"k\"}\n[]\n";
    const uint32_t    need   = 9 + 5 + 2 * 5 + 1; /* records, buffer, region and side, names */

    feed_write("n.ndjson", text, sizeof text - 1);
    for (uint32_t spare = 0; spare <= need; spare++) {
        struct feed feed;
        feed_open(&feed, RECORD_MAX, 60);
        feed_input(&feed, "n.ndjson", CUP_INPUT_DUMP, 0);
        uint8_t      *taken  = cup_pool_take(&feed.pool, 60 - spare);
        struct gotten gotten = feed_run(&feed, taken, 60 - spare);
        CHECK(gotten.no_memory_count == (spare < need));
        CHECK(gotten.count == 3 && got_is(&gotten.all[0], "v") && got_is(&gotten.all[1], "v"));
        CHECK(is_text(gotten.all[1].key, "k") && strcmp(gotten.all[1].topic, "t") == 0);
        CHECK(gotten.all[2].flags == CUP_RECORD_BAD_LINE && got_is(&gotten.all[2], "[]"));
        gotten_free(&gotten);
        feed_close(&feed);
    }
}

/* Closed while it lends a batch that is larger than usual: all blocks come back. */
static void check_early_close(void)
{
    struct cup_text    text = {0};
    struct feed        feed;
    struct cup_source *source;
    struct cup_batch   batch;
    struct cup_fault   fault;

    cup_text_puts(&text, GOOD ",\"key\":\"");
    for (uint32_t i = 0; i < 400000; i++)
        cup_text_puts(&text, "k");
    cup_text_puts(&text, "\"}\n");
    feed_write("e.ndjson", text.at, text.bytes);
    feed_open(&feed, 1u << 20, FEED_BLOCKS);
    feed_input(&feed, "e.ndjson", CUP_INPUT_DUMP, 0);
    CHECK(cup_source_open(&feed.blob.plan, feed.indexes, feed.starts, 1, &feed.pool, &source,
                          &fault) == CUP_OK);
    CHECK(cup_source_next(source, &batch, &fault) == CUP_OK && batch.record_count == 1);
    CHECK(batch.records[0].key_bytes == 400000);
    cup_source_close(source);
    feed_close(&feed);
    cup_text_free(&text);
}

/* Nothing in JSON is shorter for what a header needs: the densest lines that there are. */
static void check_dense_headers(void)
{
    struct cup_text text = {0};

    for (int form = 0; form < 2; form++) {
        cup_text_puts(&text,
                      "{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"value\":\"\",\"headers\":");
        cup_text_puts(&text, form ? "[" : "{");
        for (int i = 0; i < 3000; i++) {
            if (form) cup_text_printf(&text, "%s[\"\",\"\"]", i ? "," : "");
            if (!form) cup_text_printf(&text, "%s\"%x\":\"\"", i ? "," : "", (unsigned)i);
        }
        cup_text_puts(&text, form ? "]}\n" : "}}\n");
    }
    for (int i = 0; i < 4; i++) { /* now so many that they fill batches */
        struct cup_text twice = {0};
        cup_text_put(&twice, text.at, text.bytes);
        cup_text_put(&text, twice.at, twice.bytes);
        cup_text_free(&twice);
    }
    struct gotten gotten = run_text(text.at, text.bytes);
    CHECK(gotten.count == 32);
    for (uint32_t i = 0; i < gotten.count; i++) {
        struct cup_header header;
        uint32_t          at = 0, count = 0;
        while (cup_header_next((const uint8_t *)gotten.all[i].headers.at,
                               (uint32_t)gotten.all[i].headers.bytes, &at, &header))
            count++;
        CHECK(count == 3000 && gotten.all[i].flags == 0);
    }
    gotten_free(&gotten);
    cup_text_free(&text);
}

int main(int argc, char **argv)
{
    struct cup_rnd rnd = cup_test_begin(argc, argv);

    feed_rnd = cup_rnd_seed(cup_test_seed + 1);
    check_cases();
    check_bad_lines();
    check_padding();
    check_random(&rnd);
    check_limits();
    check_topics();
    check_no_memory();
    check_early_close();
    check_dense_headers();
    return 0;
}
