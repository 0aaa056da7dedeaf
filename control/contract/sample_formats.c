// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "control/contract/sample_priv.h"

#define PATH_BYTES 64u

/* Where a format has what; paths of members with dots. NULL: it has no such thing.
 * ops: the operation's letter and the format's word for it, e.g. "cINSERT". */
struct form {
    const char *op, *ops, *after, *before;
    const char *source, *db, *schema, *table, *connector;
    const char *keys; /* names of the key's columns, a list */
};

static const struct form forms[CUP_FORMAT_COUNT] = {
    [CUP_FORMAT_DEBEZIUM]    = {"op", "cc uu dd rr cC uU dD rR", "after", "before", "source.name",
                                "source.db", "source.schema", "source.table", "source.connector",
                                NULL},
    [CUP_FORMAT_CLOUDEVENTS] = {"iodebeziumop", "cc uu dd rr", "data.after", "data.before",
                                "iodebeziumname", "iodebeziumdb", "iodebeziumschema",
                                "iodebeziumtable", "iodebeziumconnector", NULL},
    [CUP_FORMAT_MAXWELL] = {"type", "cinsert uupdate ddelete rbootstrap-insert", "data", NULL, NULL,
                            "database", NULL, "table", NULL, "primary_key_columns"},
    [CUP_FORMAT_CANAL]   = {"type", "cINSERT uUPDATE dDELETE", "data", NULL, NULL, "database", NULL,
                            "table", NULL, "pkNames"},
    [CUP_FORMAT_DMS] = {"metadata.operation", "rload cinsert uupdate ddelete", "data", NULL, NULL,
                        NULL, "metadata.schema-name", "metadata.table-name", NULL, NULL},
    [CUP_FORMAT_GOLDENGATE] = {"op_type", "cI uU dD", "after", "before", NULL, NULL, NULL, "table",
                               NULL, "primary_keys"},
    [CUP_FORMAT_MONGODB]    = {"op", "cc uu dd rr", "after", "before", "source.name", "source.db",
                               NULL, "source.collection", "source.connector", NULL},
};

static const json_t *at_path(const json_t *root, const char *path)
{
    char        name[PATH_BYTES];
    const char *dot = path == NULL ? NULL : strchr(path, '.');

    if (path == NULL) return NULL;
    if (dot == NULL) return json_object_get(root, path);
    CUP_ASSERT((size_t)(dot - path) < sizeof(name));
    memcpy(name, path, (size_t)(dot - path));
    name[dot - path] = '\0';
    return at_path(json_object_get(root, name), dot + 1);
}

static const char *text_at(const json_t *root, const char *path)
{
    const char *text = json_string_value(at_path(root, path));
    return text == NULL ? "" : text;
}

/* The letter of an operation; '\0' when the format has no such word. */
static char op_of(const char *ops, const char *word)
{
    size_t bytes = strlen(word);

    while (*ops != '\0') {
        size_t most = strcspn(ops, " ");
        if (most == bytes + 1 && memcmp(ops + 1, word, bytes) == 0) return *ops;
        ops += most + (ops[most] == ' ');
    }
    return '\0';
}

/* ["a", "b"] -> {"a": null, "b": null}: a key as far as its names go. Gives a reference. */
static json_t *key_of(const json_t *names)
{
    json_t *key = json_is_array(names) && json_array_size(names) > 0 ? json_object() : NULL;

    for (size_t i = 0; key != NULL && i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (name != NULL) (void)json_object_set_new(key, name, json_null());
    }
    return key;
}

/* SCHEMA.TABLE, or CATALOG.SCHEMA.TABLE: what stands before the last dot is the schema. */
static void split(struct cup_sample *sample, const char *text, struct cup_sample_row *row)
{
    const char *dot = strrchr(text, '.');

    row->table  = dot == NULL ? text : dot + 1;
    row->schema = dot == NULL ? "" : cup_keep_text(sample->keep, text, (size_t)(dot - text));
}

static enum cup_sample_kind take_form(struct cup_sample *sample, const json_t *event,
                                      struct cup_sample_row *row)
{
    const struct form *form  = &forms[sample->format];
    const char        *word  = text_at(event, form->op);
    const json_t      *after = at_path(event, form->after);
    json_t            *key = key_of(at_path(event, form->keys)), *document = NULL;

    row->op        = op_of(form->ops, word);
    row->before    = at_path(event, form->before);
    row->after     = after;
    row->source    = text_at(event, form->source);
    row->schema    = text_at(event, form->schema);
    row->db        = *row->schema == '\0' ? text_at(event, form->db) : "";
    row->table     = text_at(event, form->table);
    row->connector = text_at(event, form->connector);
    if (sample->format == CUP_FORMAT_GOLDENGATE) split(sample, row->table, row);
    if (key != NULL) row->key = key, row->keyed = true;
    if (row->op == 'd' && form->before == NULL) row->after = NULL; /* what was */
    if (sample->format == CUP_FORMAT_MONGODB && json_is_string(after))
        row->after = document = json_loads(json_string_value(after), JSON_ALLOW_NUL, NULL);

    enum cup_sample_kind kind = CUP_SAMPLE_OTHER;
    if (row->op == '\0') {
        bool truncate = strcasecmp(word, "t") == 0 || strcmp(word, "TRUNCATE") == 0;
        kind          = truncate ? CUP_SAMPLE_TRUNCATE : CUP_SAMPLE_SCHEMA_CHANGE;
        if (word[0] == 'm' && word[1] == '\0') kind = CUP_SAMPLE_MESSAGE;
        if (*word == '\0') kind = CUP_SAMPLE_OTHER;
    } else if (*row->table != '\0') {
        for (size_t i = 0; json_is_array(after) && i < json_array_size(after); i++) {
            row->after = row->op == 'd' ? NULL : json_array_get(after, i); /* many rows in one */
            kind       = cup_sample_priv_row(sample, row);
        }
        if (!json_is_array(after)) kind = cup_sample_priv_row(sample, row);
    }
    json_decref(document);
    json_decref(key);
    return kind;
}

/* --- rows without envelope --- */

/* [prefix.]schema.table, of a topic or a file's name without its endings. */
static void take_topic(struct cup_sample *sample, struct cup_sample_row *row)
{
    static const char *const ends[] = {".gz", ".ndjson", ".jsonl", ".json", ".dump"};
    const char              *slash  = strrchr(sample->topic, '/');
    const char              *name   = slash == NULL ? sample->topic : slash + 1;
    size_t                   bytes  = strlen(name);

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t end = strlen(ends[i]);
        if (bytes > end && memcmp(name + bytes - end, ends[i], end) == 0) bytes -= end;
    }
    split(sample, cup_keep_text(sample->keep, name, bytes), row);
    const char *dot = strchr(row->schema, '.');
    if (dot == NULL) return;
    row->source = cup_keep_text(sample->keep, row->schema, (size_t)(dot - row->schema));
    row->schema = dot + 1;
}

/* The columns of a row: what is no metadata. Gives a reference. */
static json_t *columns_of(const json_t *event, const char *prefix)
{
    json_t     *columns = json_object();
    const char *name;
    json_t     *value;

    json_object_foreach((json_t *)event, name, value)
    {
        if (*prefix != '\0' && strncmp(name, prefix, strlen(prefix)) == 0) continue;
        (void)json_object_set(columns, name, value);
    }
    return columns;
}

static const char *either(const json_t *event, const char *one, const char *other)
{
    const char *text = text_at(event, one);
    return *text == '\0' ? text_at(event, other) : text;
}

/* Flattened and plain rows: the columns are the record; metadata or the topic name the table. */
static enum cup_sample_kind take_plain(struct cup_sample *sample, const json_t *event,
                                       struct cup_sample_row *row)
{
    bool        flattened = sample->format == CUP_FORMAT_FLATTENED;
    const char *op        = text_at(event, "__op");
    json_t     *columns   = columns_of(event, flattened ? "__" : "");

    if (!cup_keep_room(sample->keep, 4 * CUP_RECORD_BYTES_MAX)) {
        json_decref(columns);
        return CUP_SAMPLE_OTHER;
    }
    row->source = row->schema = row->db = row->connector = "";
    row->table = flattened ? either(event, "__table", "__source_table") : "";
    if (*row->table != '\0') {
        row->schema    = either(event, "__schema", "__source_schema");
        row->db        = *row->schema == '\0' ? either(event, "__db", "__source_db") : "";
        row->source    = either(event, "__name", "__source_name");
        row->connector = either(event, "__connector", "__source_connector");
    } else {
        take_topic(sample, row);
        row->topic = sample->topic;
    }
    bool deleted              = strcmp(text_at(event, "__deleted"), "true") == 0 || *op == 'd';
    row->op                   = flattened && deleted ? 'd' : flattened && *op == 'u' ? 'u' : 'c';
    row->after                = row->op == 'd' ? NULL : columns;
    enum cup_sample_kind kind = cup_sample_priv_row(sample, row);
    json_decref(columns);
    return kind;
}

/* data: of CloudEvents is {before, after}, or that behind a schema. */
static enum cup_sample_kind take_cloudevent(struct cup_sample *sample, const json_t *event,
                                            struct cup_sample_row *row)
{
    json_t *data    = json_object_get(event, "data");
    json_t *payload = json_object_get(data, "payload");

    if (!json_is_object(payload)) return take_form(sample, event, row);
    json_t *flat      = json_copy((json_t *)event);
    json_t *schema    = json_object_get(data, "schema");
    row->value_schema = json_is_object(schema) ? schema : NULL;
    (void)json_object_set(flat, "data", payload);
    enum cup_sample_kind kind = take_form(sample, flat, row);
    json_decref(flat);
    return kind;
}

enum cup_sample_kind cup_sample_priv_event(struct cup_sample *sample, const json_t *event,
                                           struct cup_sample_row *row)
{
    switch (sample->format) {
    case CUP_FORMAT_FLATTENED:
    case CUP_FORMAT_UPSERT: return take_plain(sample, event, row);
    case CUP_FORMAT_CLOUDEVENTS: return take_cloudevent(sample, event, row);
    default: return take_form(sample, event, row);
    }
}
