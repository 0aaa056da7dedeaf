// SPDX-License-Identifier: Apache-2.0
/* One topic's sample: which format, which source, or why it is no stream of changes. */
#include "control/kafka/discover_priv.h"

#include <fnmatch.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/config/detect.h"
#include "control/contract/sample.h"
#include "control/schema/names.h"

#define SIGN_LINES 50u /* of flattened rows: metadata stand in each of them */

static const struct {
    const char *pattern, *what;
} internals[] = {
#define CUP_INTERNAL(pattern, what) {pattern, what},
#include "control/kafka/internal.def"
#undef CUP_INTERNAL
};

const char *cup_discover_internal(const char *topic)
{
    for (size_t i = 0; i < sizeof internals / sizeof *internals; i++)
        if (fnmatch(internals[i].pattern, topic, 0) == 0) return internals[i].what;
    return NULL;
}

/* What a topic is whose records are all of one kind that is no row. */
static const struct {
    enum cup_sample_kind kind;
    const char          *reason;
} kinds[] = {
    {CUP_SAMPLE_TRANSACTION, "transaction markers of a Debezium connector"},
    {CUP_SAMPLE_SCHEMA_CHANGE, "schema changes of a Debezium connector"},
    {CUP_SAMPLE_HEARTBEAT, "heartbeats of a connector"},
    {CUP_SAMPLE_MESSAGE, "logical messages of a connector"},
    {CUP_SAMPLE_TOMBSTONE, "nothing but null values"},
    {CUP_SAMPLE_BROKEN, "its values are no JSON"},
};

static const char *reason_of(const struct cup_sample *sample)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (sample->counts[kinds[i].kind] == sample->record_count) return kinds[i].reason;
    return "its records are no changes that cupel knows";
}

/* Rows without an envelope may be anything, unless they carry metadata of Debezium. */
static bool has_metadata(const char *path)
{
    FILE  *file  = fopen(path, "re");
    char  *line  = NULL;
    size_t cap   = 0;
    bool   found = false;

    for (uint32_t i = 0; file != NULL && !found && i < SIGN_LINES; i++) {
        ssize_t bytes = getline(&line, &cap, file);
        if (bytes <= 0) break;
        json_t       *root  = json_loadb(line, (size_t)bytes, JSON_ALLOW_NUL, NULL);
        const json_t *text  = json_object_get(root, "value");
        json_t       *value = json_loads(json_is_string(text) ? json_string_value(text) : "null",
                                   JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
        json_t     *payload = json_object_get(value, "payload"), *member;
        const char *name;
        json_object_foreach(payload != NULL ? payload : value, name, member)
        {
            found |= strncmp(name, "__", 2) == 0;
        }
        json_decref(value);
        json_decref(root);
    }
    free(line);
    if (file != NULL) (void)fclose(file); /* it was only read */
    return found;
}

/* The first sentence of what detect says, without what to type. */
static const char *keep_reason(struct cup_keep *keep, const struct cup_text *says)
{
    const char *at     = says->at == NULL ? "its format is unknown" : says->at;
    const char *prefix = "format_ambiguous: ";

    if (strncmp(at, prefix, strlen(prefix)) == 0) at += strlen(prefix);
    const char *end = strstr(at, "; say which");
    return cup_keep_text(keep, at, end == NULL ? strcspn(at, "\n") : (size_t)(end - at));
}

static const char *name_table(struct cup_keep *keep, const struct cup_sample_table *table)
{
    struct cup_text text = {0};

    cup_text_printf(&text, "%s.%s", *table->schema == '\0' ? table->db : table->schema,
                    table->table);
    const char *name = text.failed ? "" : cup_keep_string(keep, text.at);
    cup_text_free(&text);
    return name;
}

/* Reads the rows as `format` has them. */
static const char *look_as(struct cup_keep *keep, struct cup_found_topic *topic,
                           const struct cup_inputs_file *file)
{
    struct cup_sample sample = {
        .keep = keep, .record_max = CUP_SAMPLE_RECORDS, .format = (enum cup_format)topic->format};
    struct cup_text says   = {0};
    const char     *reason = NULL;

    if (cup_sample_file(&sample, file, &says) != CUP_OK)
        reason = keep_reason(keep, &says);
    else if (sample.table_count == 0)
        reason = reason_of(&sample);
    topic->source = sample.table_count > 0 ? sample.tables[0].source : "";
    for (uint32_t i = 1; i < sample.table_count; i++)
        if (strcmp(sample.tables[i].source, topic->source) != 0) topic->source = "";
    if (sample.table_count == 1) topic->table = name_table(keep, &sample.tables[0]);
    cup_sample_close(&sample);
    cup_text_free(&says);
    return reason;
}

void cup_found_priv_look(struct cup_keep *keep, struct cup_found_topic *topic)
{
    const struct cup_inputs_file file = {
        .path = topic->sample, .topic = topic->name, .form = CUP_INPUT_DUMP};
    struct cup_text says = {0};

    topic->source = topic->table = "";
    if (access(topic->sample, R_OK) != 0) {
        topic->reason = topic->records == 0 ? "it has no records"
                                            : "none of its records was read: is READ granted?";
        return;
    }
    enum cup_err err = cup_detect_format(&file, 1, &topic->format, &says);
    if (err != CUP_OK) {
        topic->format = CUP_FORMAT_DEBEZIUM; /* markers and the like are the same in all */
        topic->reason = look_as(keep, topic, &file);
        if (topic->reason == NULL || strncmp(topic->reason, "its records", 11) == 0)
            topic->reason = keep_reason(keep, &says);
    } else if (topic->format == CUP_FORMAT_FLATTENED && !has_metadata(topic->sample)) {
        topic->reason = "JSON without a sign of change data; if each record is the row of its key, "
                        "say format: upsert";
    } else {
        topic->reason = look_as(keep, topic, &file);
    }
    cup_text_free(&says);
}

/* --- topics and groups --- */

static uint64_t number_of(const json_t *row, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(row, name));
}

bool cup_found_priv_read(struct cup_keep *keep, struct cup_found *found, const char *text)
{
    while (*text != '\0') {
        size_t      bytes = strcspn(text, "\n");
        json_t     *row   = json_loadb(text, bytes, 0, NULL);
        const char *name  = json_string_value(json_object_get(row, "topic"));
        if (name == NULL) {
            json_decref(row);
            return false;
        }
        found->topics = cup_keep_grow(keep, found->topics, found->topic_count, &found->topic_cap,
                                      sizeof *found->topics);
        struct cup_found_topic *topic = &found->topics[found->topic_count++];
        *topic                        = (struct cup_found_topic){
                                   .name = cup_keep_string(keep, name), .source = "", .table = ""};
        topic->partition_count = number_of(row, "partitions");
        topic->records         = number_of(row, "records");
        topic->reason          = cup_discover_internal(topic->name);
        json_decref(row);
        text += bytes + (text[bytes] == '\n');
    }
    return true;
}

/* The connector's name; where records name none, what the topic's name begins with. */
static const char *group_of(struct cup_keep *keep, const struct cup_found_topic *topic)
{
    if (*topic->source != '\0') return topic->source;
    return cup_keep_text(keep, topic->name, strcspn(topic->name, "."));
}

static uint32_t find_pipeline(const struct cup_found *found, const char *source, uint32_t format)
{
    uint32_t i = 0;

    while (i < found->pipeline_count && (found->pipelines[i].format != format ||
                                         strcmp(found->pipelines[i].source, source) != 0))
        i++;
    return i;
}

/* A second format of a source gets the format's name behind its own. */
static const char *name_pipeline(struct cup_keep *keep, const struct cup_found *found,
                                 const char *source, uint32_t format)
{
    const char     *name = cup_names_folder(keep, source);
    struct cup_text text = {0};

    for (uint32_t i = 0; i < found->pipeline_count; i++) {
        if (!cup_names_equal(found->pipelines[i].name, name)) continue;
        cup_text_printf(&text, "%s-%s", name, cup_format_name((enum cup_format)format));
        if (!text.failed) name = cup_keep_string(keep, text.at);
        cup_text_free(&text);
        break;
    }
    return name;
}

void cup_found_priv_group(struct cup_keep *keep, struct cup_found *found)
{
    for (uint32_t i = 0; i < found->topic_count; i++) {
        struct cup_found_topic *topic = &found->topics[i];
        if (topic->reason != NULL) continue;
        const char *source = group_of(keep, topic);
        topic->pipeline    = find_pipeline(found, source, topic->format);
        if (topic->pipeline == found->pipeline_count) {
            found->pipelines = cup_keep_grow(keep, found->pipelines, found->pipeline_count,
                                             &found->pipeline_cap, sizeof *found->pipelines);
            found->pipelines[found->pipeline_count] = (struct cup_found_pipeline){
                .name   = name_pipeline(keep, found, source, topic->format),
                .source = source,
                .named  = true,
                .format = topic->format};
            found->pipeline_count++;
        }
        found->pipelines[topic->pipeline].topic_count++;
        found->pipelines[topic->pipeline].named &= *topic->source != '\0';
    }
}
