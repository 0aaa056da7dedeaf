// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kafka/tool/tool_line.h"

#include <inttypes.h>
#include <string.h>

#include "kernels/value/binary.h"
#include "kernels/value/utf8.h"

#define BASE64_GROUP     3u
#define PARSER_BYTES_MIN (64u << 10) /* nearly all lines */

/* --- writing --- */

static void put_base64(struct cup_text *text, const uint8_t *bytes, size_t count)
{
    uint8_t out[4096];
    size_t  step = sizeof out / 4 * BASE64_GROUP;

    cup_text_puts(text, "\"");
    for (size_t at = 0; at < count; at += step) {
        size_t some = count - at < step ? count - at : step;
        cup_text_put(text, out, cup_base64_encode(bytes + at, some, out));
    }
    cup_text_puts(text, "\"");
}

/* What is no text is {"base64":".."}; names of headers, too, whatever the protocol says. */
static void put_bytes(struct cup_text *text, const void *bytes, size_t count)
{
    if (bytes == NULL) {
        cup_text_puts(text, "null");
    } else if (cup_utf8_valid(bytes, count)) {
        cup_text_json(text, bytes, count);
    } else {
        cup_text_puts(text, "{\"base64\":");
        put_base64(text, bytes, count);
        cup_text_puts(text, "}");
    }
}

void cup_tool_line_put(struct cup_text *text, const char *topic, int32_t partition,
                       const struct cup_kafka_event *event)
{
    const char *name;
    const void *value;
    size_t      bytes;

    cup_text_puts(text, "{\"topic\":");
    cup_text_json(text, topic, strlen(topic));
    cup_text_printf(text, ",\"partition\":%" PRId32 ",\"offset\":%" PRId64, partition,
                    event->offset);
    if (event->timestamp_ms != INT64_MIN)
        cup_text_printf(text, ",\"timestamp\":%" PRId64, event->timestamp_ms);
    cup_text_puts(text, ",\"key\":");
    put_bytes(text, event->key, event->key_bytes);
    cup_text_puts(text, ",\"value\":");
    put_bytes(text, event->value, event->value_bytes);
    cup_text_puts(text, ",\"headers\":[");
    for (uint32_t i = 0; cup_kafka_event_header(event, i, &name, &value, &bytes); i++) {
        cup_text_puts(text, i == 0 ? "[" : ",[");
        put_bytes(text, name, strlen(name));
        cup_text_puts(text, ",");
        put_bytes(text, value, bytes);
        cup_text_puts(text, "]");
    }
    cup_text_puts(text, "]}\n");
}

/* --- reading --- */

struct reading {
    struct cup_tool_line *line;
    const uint8_t        *buf;
    struct cup_json_doc   doc;
};

static enum cup_err grow_parser(struct cup_tool_line *line, size_t bytes,
                                struct cup_fault *out_fault)
{
    struct cup_json_limits limits = CUP_JSON_LIMITS_DEFAULT;

    if (line->json != NULL && bytes <= line->json_bytes) return CUP_OK;
    cup_json_close(line->json);
    line->json       = NULL;
    line->json_bytes = PARSER_BYTES_MIN;
    while (line->json_bytes < bytes)
        line->json_bytes *= 2;
    return cup_json_open("auto", line->json_bytes, limits, &line->json, out_fault);
}

void cup_tool_line_close(struct cup_tool_line *line)
{
    cup_json_close(line->json);
    cup_text_free(&line->padded);
    cup_text_free(&line->texts);
    *line = (struct cup_tool_line){0};
}

static const struct cup_json_node *find(const struct reading *reading, const char *name)
{
    uint32_t at = cup_json_member(reading->buf, &reading->doc, 0, name, strlen(name));
    return at == 0 ? NULL : &reading->doc.nodes[at];
}

/* An integer of `least` or more; *out stays when there is none. */
static bool read_integer(const struct reading *reading, const char *name, int64_t least,
                         int64_t *out)
{
    const struct cup_json_node *node  = find(reading, name);
    const char                 *text  = node != NULL ? (const char *)reading->buf + node->at : "";
    int64_t                     value = 0;
    bool                        minus = *text == '-';

    if (node == NULL || node->kind == CUP_JSON_NULL) return true;
    if (node->kind != CUP_JSON_NUMBER) return false;
    for (uint32_t i = minus; i < node->bytes; i++) {
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, minus ? '0' - text[i] : text[i] - '0', &value))
            return false;
    }
    *out = value;
    return value >= least;
}

/* The text of a node, or its bytes, in the line's texts. A NUL follows that is not counted. */
static bool read_bytes(const struct reading *reading, const struct cup_json_node *node,
                       const void **out, size_t *out_bytes)
{
    *out       = NULL;
    *out_bytes = 0;
    if (node == NULL || node->kind == CUP_JSON_NULL) return true;
    bool inner = node->kind == CUP_JSON_OBJECT && node->child_count == 1; /* {"base64":".."} */
    if (inner) node++;
    if (node->kind != CUP_JSON_STRING) return false;
    const uint8_t *from = reading->buf + node->at;
    uint8_t       *to   = cup_text_room(&reading->line->texts, node->bytes + 1ul);
    if (to == NULL) return false;
    if (inner) {
        if (!cup_base64_decode(from, node->bytes, false, to, out_bytes)) return false;
    } else {
        *out_bytes = cup_json_unescape(from, node->bytes, to);
    }
    to[*out_bytes] = '\0';
    *out           = to;
    return true;
}

/* {"name": value} or [["name", value]]. */
static bool read_headers(const struct reading *reading, const struct cup_json_node *all)
{
    struct cup_tool_line       *line  = reading->line;
    const struct cup_json_node *nodes = reading->doc.nodes;
    uint32_t                    count = 0;
    const void                 *name;
    size_t                      bytes;

    line->record.headers      = line->headers;
    line->record.header_count = 0;
    if (all == NULL || all->kind == CUP_JSON_NULL) return true;
    if (all->kind != CUP_JSON_ARRAY && all->kind != CUP_JSON_OBJECT) return false;
    for (uint32_t i = (uint32_t)(all - nodes) + 1; i < all->next; i = nodes[i].next) {
        struct cup_json_node        key   = {.kind = CUP_JSON_STRING};
        const struct cup_json_node *value = &nodes[i], *is = &key;
        if (count == CUP_TOOL_HEADERS_MAX) return false;
        if (all->kind == CUP_JSON_ARRAY) {
            if (value->kind != CUP_JSON_ARRAY || value->child_count != 2) return false;
            is    = &nodes[i + 1];
            value = &nodes[is->next];
        } else {
            key.at    = value->key_at;
            key.bytes = value->key_bytes;
        }
        if (!read_bytes(reading, is, &name, &bytes) || name == NULL) return false;
        line->headers[count].name = name;
        if (!read_bytes(reading, value, &line->headers[count].value, &line->headers[count].bytes))
            return false;
        count++;
    }
    line->record.header_count = count;
    return true;
}

static bool read_members(struct reading *reading)
{
    struct cup_tool_line    *line      = reading->line;
    struct cup_kafka_record *record    = &line->record;
    int64_t                  partition = -1, timestamp = 0;
    const void              *text;
    size_t                   bytes;

    if (!read_bytes(reading, find(reading, "topic"), &text, &bytes) || bytes == 0) return false;
    record->topic = text;
    if (!read_integer(reading, "partition", -1, &partition) || partition > INT32_MAX ||
        !read_integer(reading, "offset", -1, &line->offset) ||
        !read_integer(reading, "timestamp", -1, &timestamp))
        return false;
    record->partition    = (int32_t)partition;
    record->timestamp_ms = timestamp > 0 ? timestamp : 0;
    return find(reading, "value") != NULL &&
           read_bytes(reading, find(reading, "key"), &record->key, &record->key_bytes) &&
           read_bytes(reading, find(reading, "value"), &record->value, &record->value_bytes) &&
           read_headers(reading, find(reading, "headers"));
}

enum cup_err cup_tool_line_read(struct cup_tool_line *line, const char *at, size_t bytes,
                                struct cup_fault *out_fault)
{
    static const char padding[CUP_JSON_PADDING];
    struct reading    reading = {.line = line};

    if (bytes > CUP_TOOL_LINE_BYTES_MAX)
        return cup_fault_set(out_fault, CUP_BAD_DATA, "read a line: it is too long", NULL);
    enum cup_err err = grow_parser(line, bytes, out_fault);
    if (err != CUP_OK) return err;
    line->record = (struct cup_kafka_record){.partition = -1};
    line->offset = -1;
    cup_text_clear(&line->padded);
    cup_text_put(&line->padded, at, bytes);
    cup_text_put(&line->padded, padding, sizeof padding);
    cup_text_clear(&line->texts);
    /* room for all texts at once: what was read before must not move */
    void *room = cup_text_room(&line->texts, 2 * bytes + 2 * CUP_TOOL_HEADERS_MAX + 16);
    if (line->padded.failed || room == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a line", NULL);
    cup_text_clear(&line->texts);
    reading.buf = (const uint8_t *)line->padded.at;
    cup_json_text(line->json, reading.buf, (uint32_t)bytes, &reading.doc);
    if (reading.doc.verdict != CUP_JSON_OK || reading.doc.nodes[0].kind != CUP_JSON_OBJECT ||
        !read_members(&reading))
        return cup_fault_set(out_fault, CUP_BAD_DATA, "read a line: it is none of a record dump",
                             NULL);
    return CUP_OK;
}
