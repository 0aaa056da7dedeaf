// SPDX-License-Identifier: Apache-2.0
#include "control/config/detect.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <zlib.h>

#define LINE_BYTES_MAX (CUP_RECORD_BYTES_MAX + (1u << 20))
#define PARSE_FLAGS    (JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL)

/* What a rule may stand for, beside the formats. */
enum { MESSAGE = CUP_FORMAT_COUNT, SEQUIN, ALIBABA, KIND_COUNT };

static bool has(const json_t *root, const char *name)
{
    return json_object_get(root, name) != NULL;
}

static bool has_text(const json_t *root, const char *name)
{
    return json_is_string(json_object_get(root, name));
}

static bool has_object(const json_t *root, const char *name)
{
    return json_is_object(json_object_get(root, name));
}

static bool says(const json_t *root, const char *name, const char *text)
{
    const char *is = json_string_value(json_object_get(root, name));
    return is != NULL && strcmp(is, text) == 0;
}

static bool is_cloudevents(const json_t *root)
{
    return has(root, "specversion") && has(root, "data");
}

static bool is_event(const json_t *root)
{
    const char *op = json_string_value(json_object_get(root, "op"));

    if (op == NULL || strlen(op) != 1 || strchr("crudt", op[0] | 0x20) == NULL) return false;
    return has_object(root, "source") || has(root, "before") || has(root, "after");
}

static bool is_mongodb(const json_t *root)
{
    return is_event(root) && says(json_object_get(root, "source"), "connector", "mongodb");
}

static bool is_debezium(const json_t *root)
{
    return is_event(root) && !is_mongodb(root);
}

static bool is_message(const json_t *root)
{
    bool marker = has(root, "id") && has(root, "data_collections") &&
                  (says(root, "status", "BEGIN") || says(root, "status", "END"));
    bool ddl     = has(root, "ddl") && json_is_array(json_object_get(root, "tableChanges"));
    bool notice  = has(root, "aggregate_type") && has(root, "type") && has(root, "id");
    bool beat    = has(root, "ts_ms") && json_object_size(root) == 1;
    bool logical = (says(root, "op", "m") || says(root, "op", "M")) && has_object(root, "message");

    return marker || ddl || notice || beat || logical;
}

static bool is_dms(const json_t *root)
{
    return has(json_object_get(root, "metadata"), "record-type");
}

static bool is_goldengate(const json_t *root)
{
    return has_text(root, "op_type") && has_text(root, "table") &&
           (has(root, "pos") || has(root, "op_ts"));
}

static bool is_canal(const json_t *root)
{
    return json_is_boolean(json_object_get(root, "isDdl")) && has_text(root, "type") &&
           has(root, "es");
}

static bool is_maxwell(const json_t *root)
{
    return has(root, "database") && has_text(root, "type") && has(root, "ts") &&
           (has_object(root, "data") || has_object(root, "def"));
}

static bool is_sequin(const json_t *root)
{
    return has_object(root, "record") && has_text(root, "action") &&
           has(json_object_get(root, "metadata"), "table_name");
}

static bool is_alibaba(const json_t *root)
{
    return json_is_array(json_object_get(json_object_get(root, "schema"), "dataColumn"));
}

/* In the order in which they are asked; FLATTENED is what no rule matches. */
static const struct {
    uint8_t kind;
    bool (*is)(const json_t *root);
    const char *name, *rule; /* NULL: those of the format */
} rules[] = {
    {ALIBABA, is_alibaba, "alibaba", "schema with dataColumn"},
    {CUP_FORMAT_CLOUDEVENTS, is_cloudevents, NULL, NULL},
    {CUP_FORMAT_DEBEZIUM, is_debezium, NULL, NULL},
    {CUP_FORMAT_MONGODB, is_mongodb, NULL, NULL},
    {MESSAGE, is_message, "message", "a heartbeat, transaction marker or schema change"},
    {CUP_FORMAT_DMS, is_dms, NULL, NULL},
    {CUP_FORMAT_GOLDENGATE, is_goldengate, NULL, NULL},
    {CUP_FORMAT_CANAL, is_canal, NULL, NULL},
    {CUP_FORMAT_MAXWELL, is_maxwell, NULL, NULL},
    {SEQUIN, is_sequin, "sequin", "record, action, and metadata with table_name"},
};
#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

/* An event of Debezium has no members but these: with others, it may as well be a row. */
static bool is_pure_event(const json_t *root)
{
    static const char *const names[] = {
        "before", "after", "source",      "op",      "ts_ms",
        "ts_us",  "ts_ns", "transaction", "message", "updateDescription"};
    size_t known = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        known += has(root, names[i]);
    return known == json_object_size(root) && has_object(root, "source");
}

/* How many records were what, and where the first of each kind stands. */
struct seen {
    uint32_t    counts[KIND_COUNT], record_count, dull_count; /* dull: say nothing */
    const char *paths[KIND_COUNT];
    uint64_t    lines[KIND_COUNT];
    const char *path;
    uint64_t    line;
    uint32_t    other; /* the second rule of an ambiguous record; KIND_COUNT: there is none */
};

static const char *kind_name(uint32_t kind)
{
    for (size_t i = 0; i < RULE_COUNT; i++)
        if (rules[i].kind == kind && rules[i].name != NULL) return rules[i].name;
    return cup_format_name((enum cup_format)kind);
}

static const char *kind_rule(uint32_t kind)
{
    for (size_t i = 0; i < RULE_COUNT; i++)
        if (rules[i].kind == kind && rules[i].rule != NULL) return rules[i].rule;
    return cup_format_rule((enum cup_format)kind);
}

/* The first rule that matches, and the next one, if there is any. */
static uint32_t judge(const json_t *root, uint32_t *out_other)
{
    uint32_t kind = CUP_FORMAT_FLATTENED;

    *out_other = KIND_COUNT;
    for (size_t i = RULE_COUNT; i-- > 0;) {
        if (!rules[i].is(root)) continue;
        if (kind != CUP_FORMAT_FLATTENED) *out_other = kind;
        kind = rules[i].kind;
    }
    if (kind == CUP_FORMAT_DEBEZIUM && !is_pure_event(root)) *out_other = CUP_FORMAT_FLATTENED;
    return kind;
}

static void note(struct seen *seen, const json_t *value)
{
    const json_t *payload = json_object_get(value, "payload");
    uint32_t      other;

    if (json_object_size(value) == 2 && has(value, "schema") && payload != NULL &&
        !is_alibaba(value))
        value = payload;
    seen->record_count++;
    if (!json_is_object(value)) { /* a NULL value, or what no format has */
        seen->dull_count++;
        return;
    }
    uint32_t kind = judge(value, &other);
    if (kind == MESSAGE) {
        seen->dull_count++;
        return;
    }
    if (seen->counts[kind]++ == 0) {
        seen->paths[kind] = seen->path;
        seen->lines[kind] = seen->line;
    }
    if (other != KIND_COUNT && seen->other == KIND_COUNT) {
        seen->paths[other] = seen->path;
        seen->lines[other] = seen->line;
        seen->other        = other;
        seen->counts[kind] = 1;
        seen->paths[kind]  = seen->path;
        seen->lines[kind]  = seen->line;
    }
}

/* The value of a dump's line, without a schema registry's frame. */
static json_t *parse_value(const json_t *dump)
{
    static const size_t frames[] = {5, 17, 0, 18};
    const json_t       *value    = json_object_get(dump, "value");
    const char         *text     = json_string_value(value);
    size_t              bytes    = json_string_length(value);

    if (text == NULL) return NULL;
    if (bytes > 18 && (unsigned char)text[0] <= 3) {
        size_t frame = frames[(unsigned char)text[0]];
        text += frame, bytes -= frame;
    }
    return json_loadb(text, bytes, PARSE_FLAGS, NULL);
}

static void note_line(struct seen *seen, const struct cup_text *line, uint8_t form)
{
    json_t *root = json_loadb(line->at, line->bytes, PARSE_FLAGS, NULL);

    if (root == NULL || (form == CUP_INPUT_DUMP && !json_is_object(root))) {
        seen->record_count++;
        seen->dull_count++;
    } else if (form == CUP_INPUT_DUMP) {
        json_t *value = parse_value(root);
        note(seen, value);
        json_decref(value);
    } else {
        note(seen, root);
    }
    json_decref(root);
}

/* Reads up to `most` lines that are not blank. */
static bool note_file(struct seen *seen, const struct cup_inputs_file *file, uint32_t most)
{
    struct cup_text line = {0};
    gzFile          from = gzopen(file->path, "rb"); /* plain files are read as they are */
    int             one  = 0;

    if (from == NULL) return false;
    seen->path = file->path;
    seen->line = 0;
    while (most > 0 && one != -1 && line.bytes < LINE_BYTES_MAX && !line.failed) {
        one       = gzgetc(from);
        char byte = (char)one;
        if (one != -1 && one != '\n') {
            if (line.bytes > 0 || !isspace(one)) cup_text_put(&line, &byte, 1);
            continue;
        }
        seen->line++;
        if (line.bytes == 0) continue;
        note_line(seen, &line, file->form);
        cup_text_clear(&line);
        most--;
    }
    cup_text_free(&line);
    (void)gzclose_r(from); /* nothing was written */
    return true;
}

static void put_kind(struct cup_text *text, const struct seen *seen, uint32_t kind)
{
    cup_text_printf(text, "%s (%s; %s:%llu)", kind_name(kind), kind_rule(kind), seen->paths[kind],
                    (unsigned long long)seen->lines[kind]);
}

static enum cup_err ambiguous(const struct seen *seen, uint32_t one, uint32_t other,
                              struct cup_text *text)
{
    cup_text_puts(text, "format_ambiguous: records look like ");
    put_kind(text, seen, one);
    cup_text_puts(text, " and like ");
    put_kind(text, seen, other);
    cup_text_puts(text, "; say which it is: format: in pipeline.yaml, or --format\n");
    return CUP_BAD_CONFIG;
}

static enum cup_err decide(const struct seen *seen, uint32_t *out_format, struct cup_text *text)
{
    uint32_t kinds[2] = {KIND_COUNT, KIND_COUNT}, found = 0;

    for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
        if (seen->counts[kind] == 0 || kind == seen->other) continue;
        if (found < 2) kinds[found] = kind;
        found++;
    }
    if (found == 0) {
        cup_text_printf(text,
                        "format_ambiguous: none of the first %u records is a change; say which "
                        "format it is: format: in pipeline.yaml, or --format\n",
                        seen->record_count);
        return CUP_BAD_CONFIG;
    }
    if (seen->other != KIND_COUNT) return ambiguous(seen, kinds[0], seen->other, text);
    if (found > 1) return ambiguous(seen, kinds[0], kinds[1], text);
    if (kinds[0] >= CUP_FORMAT_COUNT) {
        cup_text_puts(text, "format: records look like ");
        put_kind(text, seen, kinds[0]);
        cup_text_puts(text, ", which this version of cupel does not read\n");
        return CUP_BAD_CONFIG;
    }
    cup_text_printf(text, "format: %s (%u of %u records", kind_name(kinds[0]),
                    seen->counts[kinds[0]], seen->record_count);
    if (seen->dull_count > 0) cup_text_printf(text, "; %u are no changes", seen->dull_count);
    cup_text_puts(text, ")\n");
    *out_format = kinds[0];
    return CUP_OK;
}

enum cup_err cup_detect_format(const struct cup_inputs_file *files, uint32_t count,
                               uint32_t *out_format, struct cup_text *text)
{
    struct seen seen = {.other = KIND_COUNT};
    uint32_t    each = count == 0 ? 0 : CUP_DETECT_RECORDS / count;

    CUP_ASSERT(out_format != NULL && text != NULL);
    if (each < CUP_DETECT_FILE_MIN) each = CUP_DETECT_FILE_MIN;
    for (uint32_t i = 0; i < count && seen.record_count < CUP_DETECT_RECORDS; i++) {
        uint32_t left = CUP_DETECT_RECORDS - seen.record_count;
        uint32_t most = i + 1 == count || each > left ? left : each;
        if (note_file(&seen, &files[i], most)) continue;
        cup_text_printf(text, "format: %s: %s\n", files[i].path, strerror(errno));
        return CUP_IO;
    }
    return decide(&seen, out_format, text);
}
