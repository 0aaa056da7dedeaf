// SPDX-License-Identifier: Apache-2.0
#include "dataplane/source/retry_priv.h"

#include <string.h>

#include "dataplane/abi/plan.h"
#include "kernels/value/binary.h"

#define TEXT_BYTES_MAX 4096u /* PATH_MAX of Linux; inputs, archive files and users are shorter */

struct reading {
    const uint8_t             *buf;
    const struct cup_json_doc *doc;
    uint32_t                   origin; /* node */
};

static uint32_t find(const struct reading *reading, const char *name)
{
    return cup_json_member(reading->buf, reading->doc, reading->origin, name, strlen(name));
}

/* A member that is not there leaves *out as it is. */
static bool read_count(const struct reading *reading, const char *name, uint64_t *out)
{
    uint32_t                    at     = find(reading, name);
    const struct cup_json_node *node   = &reading->doc->nodes[at];
    uint64_t                    number = 0;

    if (at == 0) return true;
    if (node->kind != CUP_JSON_NUMBER) return false;
    for (uint32_t i = 0; i < node->bytes; i++) {
        uint8_t digit = reading->buf[node->at + i];
        if (digit < '0' || digit > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(digit - '0'), &number))
            return false;
    }
    *out = number;
    return number <= INT64_MAX;
}

static bool read_name(const struct reading *reading, const char *name, uint32_t *out_node)
{
    uint32_t                    at   = find(reading, name);
    const struct cup_json_node *node = &reading->doc->nodes[at];

    *out_node = 0;
    if (at == 0 || node->kind == CUP_JSON_NULL) return true;
    *out_node = at;
    return node->kind == CUP_JSON_STRING && node->bytes > 0 && node->bytes <= TEXT_BYTES_MAX;
}

static bool is_true(const struct reading *reading, const char *name)
{
    uint32_t at = find(reading, name);
    return at != 0 && reading->doc->nodes[at].kind == CUP_JSON_TRUE;
}

static bool read_form(const struct reading *reading, bool *out_is_dump)
{
    uint32_t                    at   = find(reading, "form");
    const struct cup_json_node *node = &reading->doc->nodes[at];
    const uint8_t              *text = reading->buf + node->at;

    if (at == 0 || node->kind != CUP_JSON_STRING) return false;
    *out_is_dump = node->bytes == 4 && memcmp(text, "dump", 4) == 0;
    return *out_is_dump || (node->bytes == 6 && memcmp(text, "ndjson", 6) == 0);
}

bool cup_retry_priv_read(const uint8_t *buf, const struct cup_json_doc *doc,
                         struct cup_retry_line *out_line)
{
    struct cup_retry_line line = {0};

    if (!cup_dump_priv_read(buf, doc, &line.record)) return false;
    struct reading reading = {buf, doc, cup_json_member(buf, doc, 0, "origin", 6)};
    if (reading.origin == 0 || doc->nodes[reading.origin].kind != CUP_JSON_OBJECT) return false;
    line.is_line = is_true(&reading, "line");
    line.torn    = is_true(&reading, "torn");
    line.discard = is_true(&reading, "discard");
    bool good =
        read_form(&reading, &line.is_dump) && read_count(&reading, "epoch", &line.first_epoch) &&
        read_count(&reading, "position", &line.position) &&
        read_count(&reading, "member_at", &line.member_at) &&
        read_count(&reading, "at", &line.at) && read_count(&reading, "bytes", &line.bytes) &&
        read_name(&reading, "input", &line.input) && read_name(&reading, "file", &line.file) &&
        read_name(&reading, "by", &line.by);
    if (!good || line.first_epoch == 0 || line.input == 0) return false;
    *out_line = line;
    return true;
}

bool cup_retry_priv_bytes(const uint8_t *buf, const struct cup_json_node *node, uint8_t *dst,
                          uint32_t *out_bytes)
{
    size_t bytes = 0;

    if (node->flags & CUP_JSON_ESCAPED) return false; /* base64 needs no escapes */
    if (!cup_base64_decode(buf + node->at, node->bytes, false, dst, &bytes)) return false;
    *out_bytes = (uint32_t)bytes;
    return true;
}

/* NULL for a node that is not there. */
static const char *take_text(const uint8_t *buf, const struct cup_json_doc *doc, uint32_t at,
                             char *text)
{
    if (at == 0) return NULL;
    uint32_t bytes = cup_dump_priv_text(buf, &doc->nodes[at], (uint8_t *)text);
    text[bytes]    = '\0';
    return text;
}

uint32_t cup_retry_priv_origin(const uint8_t *buf, const struct cup_json_doc *doc,
                               const struct cup_retry_line *line, uint8_t *dst)
{
    char                    input[TEXT_BYTES_MAX + 1], file[TEXT_BYTES_MAX + 1];
    char                    by[TEXT_BYTES_MAX + 1];
    const struct cup_origin origin = {.input       = take_text(buf, doc, line->input, input),
                                      .file        = take_text(buf, doc, line->file, file),
                                      .by          = take_text(buf, doc, line->by, by),
                                      .first_epoch = line->first_epoch,
                                      .position    = line->position,
                                      .member_at   = line->member_at,
                                      .at          = line->at,
                                      .form = line->is_dump ? CUP_INPUT_DUMP : CUP_INPUT_NDJSON,
                                      .line = line->is_line};

    return cup_origin_put(dst, &origin);
}
