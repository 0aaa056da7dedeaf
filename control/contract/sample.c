// SPDX-License-Identifier: Apache-2.0
#include "control/contract/sample.h"

#include <string.h>
#include <zlib.h>

#include "control/contract/sample_priv.h"

#define READ_BYTES     (256u << 10)
#define LINE_BYTES_MAX (2u * CUP_RECORD_BYTES_MAX) /* a dump line holds a record as text */
#define PARSE_FLAGS    (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)

static const char *const kind_texts[CUP_SAMPLE_KIND_COUNT] = {
#define CUP_SAMPLE(id, text) text,
#include "control/contract/sample.def"
#undef CUP_SAMPLE
};

const char *cup_sample_kind_text(enum cup_sample_kind kind)
{
    CUP_ASSERT(kind < CUP_SAMPLE_KIND_COUNT);
    return kind_texts[kind];
}

/* --- JSON --- */

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text == NULL ? "" : text;
}

/* Integers beyond 64 bits make jansson refuse a text: read all of its integers as reals then. */
static json_t *parse(const char *text, size_t bytes, bool *wide)
{
    json_error_t error;
    json_t      *root = json_loadb(text, bytes, PARSE_FLAGS | JSON_DECODE_ANY, &error);

    if (root == NULL && json_error_code(&error) == json_error_numeric_overflow) {
        *wide = true;
        root  = json_loadb(text, bytes, PARSE_FLAGS | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL,
                           &error);
    }
    return root;
}

/* A dump's key and value are texts of JSON, or JSON themselves; null: none, and neither is what is
 * no text: {"base64":..}. Gives a reference. */
static json_t *inner_of(const json_t *line, const char *member, bool *wide)
{
    json_t     *inner = json_object_get(line, member);
    const char *text  = json_string_value(inner);

    if (json_object_size(inner) == 1 && json_object_get(inner, "base64") != NULL) return NULL;
    if (text == NULL) return json_incref(inner);
    return parse(text, json_string_length(inner), wide);
}

/* {"schema":..,"payload":..} -> payload. */
static json_t *unwrap(json_t *value, json_t **out_schema)
{
    json_t *schema = json_object_get(value, "schema"), *payload = json_object_get(value, "payload");

    *out_schema = NULL;
    if (json_object_size(value) != 2 || schema == NULL || payload == NULL) return value;
    if (json_is_object(schema)) *out_schema = schema;
    return payload;
}

/* --- kinds --- */

static bool is_heartbeat(const json_t *event)
{
    return json_object_size(event) == 1 && json_object_get(event, "ts_ms") != NULL;
}

static bool is_transaction(const json_t *event)
{
    const char *status = text_of(event, "status");

    return json_object_get(event, "id") != NULL &&
           (strcmp(status, "BEGIN") == 0 || strcmp(status, "END") == 0);
}

/* Messages that no format changes: they come unflattened and unwrapped. */
static bool is_common(const json_t *event, enum cup_sample_kind *kind)
{
    bool message = strcmp(text_of(event, "op"), "m") == 0 && json_object_get(event, "message");

    if (is_transaction(event))
        *kind = CUP_SAMPLE_TRANSACTION;
    else if (json_object_get(event, "ddl") != NULL &&
             json_object_get(event, "tableChanges") != NULL)
        *kind = CUP_SAMPLE_SCHEMA_CHANGE;
    else if (is_heartbeat(event))
        *kind = CUP_SAMPLE_HEARTBEAT;
    else if (message)
        *kind = CUP_SAMPLE_MESSAGE;
    else
        return false;
    return true;
}

static enum cup_sample_kind take_event(struct cup_sample *sample, json_t *key, json_t *value,
                                       bool keyed, bool wide)
{
    struct cup_sample_row row = {.keyed = keyed, .wide = wide};
    enum cup_sample_kind  kind;
    json_t               *key_schema = NULL;
    json_t               *event      = unwrap(value, &row.value_schema);

    row.key        = unwrap(key, &key_schema);
    row.key_schema = key_schema;
    if (event == NULL || json_is_null(event)) return CUP_SAMPLE_TOMBSTONE;
    if (!json_is_object(event)) return CUP_SAMPLE_OTHER;
    if (is_common(event, &kind)) return kind;
    return cup_sample_priv_event(sample, event, &row);
}

/* A dump's value that is no JSON is a broken record; null is a tombstone. */
static enum cup_sample_kind take_line(struct cup_sample *sample, const struct cup_text *line,
                                      bool is_dump)
{
    bool                 wide = false;
    json_t              *key = NULL, *value = NULL;
    json_t              *root       = parse(line->at, line->bytes, &wide);
    enum cup_sample_kind kind       = CUP_SAMPLE_BROKEN;
    const char          *file_topic = sample->topic;

    if (root == NULL) return CUP_SAMPLE_BROKEN;
    if (is_dump) {
        const char *topic = text_of(root, "topic");
        if (*topic != '\0') sample->topic = topic;
        key   = inner_of(root, "key", &wide);
        value = inner_of(root, "value", &wide);
    } else {
        value = json_incref(root);
    }
    if (value != NULL) kind = take_event(sample, key, value, is_dump, wide);
    sample->topic = file_topic;
    json_decref(value);
    json_decref(key);
    json_decref(root);
    return kind;
}

/* --- files --- */

/* Counts a whole line; false when the rest of the file promises nothing new. */
static bool end_line(struct cup_sample *sample, struct cup_text *line, bool oversize, bool is_dump)
{
    enum cup_sample_kind kind = CUP_SAMPLE_OVERSIZE;

    bool blank = line->bytes == 0 || strspn(line->at, " \t\r") == line->bytes;
    if (blank && !oversize) return true;
    if (!oversize) kind = take_line(sample, line, is_dump);
    cup_text_clear(line);
    sample->record_count++;
    sample->counts[kind]++;
    sample->idle_count = kind == CUP_SAMPLE_ROW ? 0 : sample->idle_count + 1;
    return sample->idle_count < CUP_SAMPLE_IDLE_MAX * sample->record_max;
}

enum cup_err cup_sample_file(struct cup_sample *sample, const struct cup_inputs_file *file,
                             struct cup_text *says)
{
    static char     bytes[READ_BYTES];
    struct cup_text line     = {0};
    gzFile          from     = gzopen(file->path, "rb"); /* plain files are read as they are */
    bool            oversize = false, more = true, dump = file->form == CUP_INPUT_DUMP;
    int             got = 0;

    CUP_ASSERT(sample->keep != NULL && sample->record_max > 0);
    if (from == NULL) {
        cup_text_printf(says, "%s: cannot be opened\n", file->path);
        return CUP_IO;
    }
    sample->idle_count = 0;
    sample->topic      = file->topic;
    while (more && (got = gzread(from, bytes, sizeof(bytes))) > 0) {
        for (const char *at = bytes, *end = bytes + got; more && at < end;) {
            const char *lf    = memchr(at, '\n', (size_t)(end - at));
            size_t      piece = (size_t)((lf == NULL ? end : lf) - at);
            oversize |= line.bytes + piece > LINE_BYTES_MAX;
            if (oversize)
                cup_text_clear(&line);
            else
                cup_text_put(&line, at, piece);
            at += piece + (lf != NULL);
            if (lf == NULL) continue;
            more     = end_line(sample, &line, oversize, dump);
            oversize = false;
        }
    }
    if (more && got == 0) more = end_line(sample, &line, oversize, dump);
    bool failed = line.failed;
    cup_text_free(&line);
    (void)gzclose_r(from); /* nothing was written */
    sample->file_count++;
    sample->left_count += !more;
    if (got >= 0 && !failed) return CUP_OK;
    cup_text_printf(says, "%s: cannot be read to its end%s\n", file->path,
                    file->gzip ? ": the gzip data is cut or broken" : "");
    return CUP_IO;
}

void cup_sample_close(struct cup_sample *sample)
{
    for (uint32_t i = 0; i < sample->table_count; i++) {
        json_decref(sample->tables[i].last_schema);
        sample->tables[i].last_schema = NULL;
    }
}
