// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/journal.h"

#include <inttypes.h>
#include <string.h>

/* How a member of a line is written. */
enum member_type { TYPE_U64, TYPE_U32, TYPE_I64, TYPE_BOOL, TYPE_TEXT };

struct member {
    const char *name;
    uint8_t     type;
    bool        optional; /* not written when it is 0 */
    uint16_t    at;       /* in struct cup_journal_line */
};

#define MEMBER(member_name, member_type, field)                                                    \
    {                                                                                              \
        (member_name), (member_type), false, (uint16_t)offsetof(struct cup_journal_line, field)    \
    }
#define OPTIONAL(member_name, member_type, field)                                                  \
    {                                                                                              \
        (member_name), (member_type), true, (uint16_t)offsetof(struct cup_journal_line, field)     \
    }
#define MEMBERS_MAX 14u

#define INPUT_MEMBERS                                                                              \
    MEMBER("path", TYPE_TEXT, name), MEMBER("topic", TYPE_TEXT, topic),                            \
        MEMBER("device", TYPE_U64, identity.device), MEMBER("inode", TYPE_U64, identity.inode),    \
        MEMBER("head_bytes", TYPE_U32, identity.head_bytes),                                       \
        MEMBER("head_crc32c", TYPE_U32, identity.head_crc32c), MEMBER("size", TYPE_U64, size),     \
        MEMBER("end", TYPE_U64, end), MEMBER("ended", TYPE_BOOL, ended),                           \
        OPTIONAL("generation", TYPE_U32, file_generation),                                         \
        OPTIONAL("born_us", TYPE_I64, identity.born_us)

/* The one description of payload lines: written and read in this order. */
static const struct {
    const char   *name;
    struct member members[MEMBERS_MAX];
} lines[CUP_LINE_COUNT] = {
    [CUP_LINE_BASE]    = {"base",
                          {MEMBER("epoch", TYPE_U64, epoch), MEMBER("open", TYPE_BOOL, open),
                           OPTIONAL("generation_min", TYPE_U32, file_generation)}},
    [CUP_LINE_INPUT]   = {"input", {INPUT_MEMBERS}},
    [CUP_LINE_TABLE]   = {"table",
                          {MEMBER("folder", TYPE_TEXT, name), MEMBER("id", TYPE_TEXT, id),
                           MEMBER("epoch", TYPE_U64, epoch),
                           OPTIONAL("schema_crc32c", TYPE_U32, crc32c)}},
    [CUP_LINE_INTENT]  = {"intent", {MEMBER("epoch", TYPE_U64, epoch)}},
    [CUP_LINE_PLACE]   = {"place",
                          {MEMBER("table", TYPE_TEXT, topic), MEMBER("name", TYPE_TEXT, name)}},
    [CUP_LINE_EPOCH]   = {"epoch",
                          {MEMBER("epoch", TYPE_U64, epoch), MEMBER("epoch_id", TYPE_TEXT, id),
                           MEMBER("generation", TYPE_U64, generation),
                           MEMBER("decided_us", TYPE_I64, decided_us)}},
    [CUP_LINE_RANGE]   = {"range",
                          {INPUT_MEMBERS, MEMBER("start", TYPE_U64, start),
                           MEMBER("records", TYPE_U64, records)}},
    [CUP_LINE_FILE]    = {"file",
                          {MEMBER("zone", TYPE_TEXT, topic), MEMBER("name", TYPE_TEXT, name),
                           MEMBER("bytes", TYPE_U64, bytes), MEMBER("crc32c", TYPE_U32, crc32c),
                           MEMBER("rows", TYPE_U64, rows)}},
    [CUP_LINE_COMMIT]  = {"commit",
                          {MEMBER("folder", TYPE_TEXT, name), MEMBER("id", TYPE_TEXT, id),
                           MEMBER("schema_crc32c", TYPE_U32, crc32c),
                           MEMBER("bytes", TYPE_U64, bytes)}},
    [CUP_LINE_DONE]    = {"done",
                          {MEMBER("epoch", TYPE_U64, epoch), MEMBER("clean", TYPE_BOOL, clean)}},
    [CUP_LINE_DECLARE] = {"declare",
                          {MEMBER("folder", TYPE_TEXT, name), MEMBER("id", TYPE_TEXT, id),
                           MEMBER("version", TYPE_U64, version), MEMBER("bytes", TYPE_U64, bytes)}},
};

/* Its bytes follow the line. */
static bool has_commit(const struct cup_journal_line *line)
{
    return line->kind == CUP_LINE_COMMIT || line->kind == CUP_LINE_DECLARE;
}

static bool is_zero(const struct member *member, const void *from)
{
    static const uint64_t zero;

    CUP_ASSERT(member->type <= TYPE_I64);
    return memcmp(from, &zero, member->type == TYPE_U32 ? sizeof(uint32_t) : sizeof zero) == 0;
}

static void put_member(struct cup_text *payload, const struct member *member, const void *from)
{
    cup_text_printf(payload, ",\"%s\":", member->name);
    switch ((enum member_type)member->type) {
    case TYPE_U64: cup_text_printf(payload, "%" PRIu64, *(const uint64_t *)from); break;
    case TYPE_U32: cup_text_printf(payload, "%" PRIu32, *(const uint32_t *)from); break;
    case TYPE_I64: cup_text_printf(payload, "%" PRId64, *(const int64_t *)from); break;
    case TYPE_BOOL: cup_text_puts(payload, *(const bool *)from ? "true" : "false"); break;
    case TYPE_TEXT: {
        const char *text = *(const char *const *)from;
        cup_text_json(payload, text, strlen(text));
        break;
    }
    }
}

void cup_journal_put_line(struct cup_text *payload, const struct cup_journal_line *line)
{
    CUP_ASSERT(line->kind < CUP_LINE_COUNT);
    cup_text_printf(payload, "{\"t\":\"%s\"", lines[line->kind].name);
    for (uint32_t i = 0; i < MEMBERS_MAX && lines[line->kind].members[i].name != NULL; i++) {
        const struct member *member = &lines[line->kind].members[i];
        const uint8_t       *from   = (const uint8_t *)line + member->at;
        if (!member->optional || !is_zero(member, from)) put_member(payload, member, from);
    }
    cup_text_puts(payload, "}\n");
    if (has_commit(line)) cup_text_put(payload, line->commit, line->bytes);
}

enum cup_err cup_journal_reader_open(struct cup_journal_reader *reader, struct cup_fault *out_fault)
{
    *reader = (struct cup_journal_reader){0};
    return cup_json_open("auto", CUP_JOURNAL_LINE_BYTES_MAX + 1, CUP_JSON_LIMITS_DEFAULT,
                         &reader->json, out_fault);
}

void cup_journal_reader_close(struct cup_journal_reader *reader)
{
    if (reader->json != NULL) cup_json_close(reader->json);
    cup_text_free(&reader->scratch);
    cup_text_free(&reader->texts);
    *reader = (struct cup_journal_reader){0};
}

void cup_journal_reader_start(struct cup_journal_reader *reader, const void *payload, size_t bytes)
{
    reader->payload       = payload;
    reader->payload_bytes = bytes;
    reader->at            = 0;
}

/* A whole number of plain digits. */
static bool read_u64(const uint8_t *at, uint32_t bytes, uint64_t *out)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < bytes; i++) {
        if (at[i] < '0' || at[i] > '9') return false;
        if (__builtin_mul_overflow(value, 10u, &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)(at[i] - '0'), &value)) return false;
    }
    *out = value;
    return bytes > 0;
}

static bool read_number(const struct member *member, const uint8_t *at, uint32_t bytes, void *out)
{
    bool     minus = member->type == TYPE_I64 && bytes > 0 && at[0] == '-';
    uint64_t value;

    if (!read_u64(at + minus, bytes - minus, &value)) return false;
    if (member->type == TYPE_U32) {
        *(uint32_t *)out = (uint32_t)value;
        return value <= UINT32_MAX;
    }
    if (member->type == TYPE_I64) {
        *(int64_t *)out = minus ? -(int64_t)value : (int64_t)value;
        return value <= INT64_MAX;
    }
    *(uint64_t *)out = value;
    return true;
}

static bool read_member(struct cup_journal_reader *reader, const struct cup_json_doc *doc,
                        const struct member *member, void *out)
{
    const uint8_t *buf   = (const uint8_t *)reader->scratch.at;
    uint32_t       index = cup_json_member(buf, doc, 0, member->name, strlen(member->name));

    if (index == 0) return member->optional;
    const struct cup_json_node *node = &doc->nodes[index];
    if (member->type == TYPE_BOOL) {
        *(bool *)out = node->kind == CUP_JSON_TRUE;
        return node->kind == CUP_JSON_TRUE || node->kind == CUP_JSON_FALSE;
    }
    if (member->type != TYPE_TEXT)
        return node->kind == CUP_JSON_NUMBER &&
               read_number(member, buf + node->at, node->bytes, out);
    if (node->kind != CUP_JSON_STRING) return false;
    char    *to    = reader->texts.at + reader->texts.bytes;
    uint32_t bytes = cup_json_unescape(buf + node->at, node->bytes, (uint8_t *)to);
    to[bytes]      = '\0';
    reader->texts.bytes += bytes + 1;
    *(char **)out = to;
    return memchr(to, '\0', bytes) == NULL;
}

/* The kind of a parsed line; COUNT when it is none. */
static enum cup_journal_line_kind find_kind(const uint8_t *buf, const struct cup_json_doc *doc)
{
    uint32_t index = cup_json_member(buf, doc, 0, "t", 1);
    uint32_t kind  = 0;

    if (index == 0 || doc->nodes[index].kind != CUP_JSON_STRING) return CUP_LINE_COUNT;
    const struct cup_json_node *node = &doc->nodes[index];
    while (kind < CUP_LINE_COUNT && !(strlen(lines[kind].name) == node->bytes &&
                                      memcmp(lines[kind].name, buf + node->at, node->bytes) == 0))
        kind++;
    return (enum cup_journal_line_kind)kind;
}

/* scratch holds the line and padding. Room for all texts of the line is made first, so that they do
 * not move. */
static bool read_line(struct cup_journal_reader *reader, uint32_t bytes,
                      struct cup_journal_line *line)
{
    const uint8_t      *buf = (const uint8_t *)reader->scratch.at;
    struct cup_json_doc doc;

    cup_json_text(reader->json, buf, bytes, &doc);
    if (doc.verdict != CUP_JSON_OK || doc.nodes[0].kind != CUP_JSON_OBJECT) return false;
    line->kind = find_kind(buf, &doc);
    if (line->kind == CUP_LINE_COUNT) return false;
    cup_text_clear(&reader->texts);
    cup_text_put(&reader->texts, buf, bytes);
    cup_text_put(&reader->texts, buf, MEMBERS_MAX); /* their NULs */
    if (reader->texts.failed) return false;
    reader->texts.bytes = 0;
    for (uint32_t i = 0; i < MEMBERS_MAX && lines[line->kind].members[i].name != NULL; i++) {
        const struct member *member = &lines[line->kind].members[i];
        if (!read_member(reader, &doc, member, (uint8_t *)line + member->at)) return false;
    }
    return true;
}

enum cup_err cup_journal_reader_next(struct cup_journal_reader *reader,
                                     struct cup_journal_line *out_line, struct cup_fault *out_fault)
{
    static const char       padding[CUP_JSON_PADDING];
    struct cup_journal_line line = {0};

    if (reader->at == reader->payload_bytes) return CUP_END;
    const char *from  = reader->payload + reader->at;
    const char *lf    = memchr(from, '\n', reader->payload_bytes - reader->at);
    size_t      bytes = lf == NULL ? 0 : (size_t)(lf - from);
    bool        ok    = bytes > 0 && bytes <= CUP_JOURNAL_LINE_BYTES_MAX;
    if (ok) {
        cup_text_clear(&reader->scratch);
        cup_text_put(&reader->scratch, from, bytes + 1);
        cup_text_put(&reader->scratch, padding, sizeof padding);
        if (reader->scratch.failed)
            return cup_fault_set(out_fault, CUP_NO_MEMORY, "journal line", NULL);
        ok = read_line(reader, (uint32_t)bytes, &line);
        if (reader->texts.failed)
            return cup_fault_set(out_fault, CUP_NO_MEMORY, "journal line", NULL);
    }
    size_t next = reader->at + bytes + 1;
    if (ok && has_commit(&line)) {
        ok          = line.bytes <= reader->payload_bytes - next;
        line.commit = reader->payload + next;
        next += ok ? line.bytes : 0;
    }
    if (!ok) return cup_fault_set(out_fault, CUP_CORRUPT, "journal: a line that is none", NULL);
    reader->at = next;
    *out_line  = line;
    return CUP_OK;
}
