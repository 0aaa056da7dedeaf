// SPDX-License-Identifier: Apache-2.0
#include "dataplane/abi/topic.h"

#include <string.h>

#define ZONE "/silver/"

static const struct {
    const char          *name; /* with its braces */
    enum cup_output_kind only; /* NONE: of all kinds */
} parts_known[CUP_TOPIC_PART_COUNT] = {
    [CUP_TOPIC_DOMAIN]   = {"{domain}", CUP_OUTPUT_NONE},
    [CUP_TOPIC_PIPELINE] = {"{pipeline}", CUP_OUTPUT_NONE},
    [CUP_TOPIC_SOURCE]   = {"{source}", CUP_OUTPUT_CHANGES},
    [CUP_TOPIC_SCHEMA]   = {"{schema}", CUP_OUTPUT_CHANGES},
    [CUP_TOPIC_TABLE]    = {"{table}", CUP_OUTPUT_CHANGES},
    [CUP_TOPIC_TOPIC]    = {"{topic}", CUP_OUTPUT_RAW},
};

static bool is_legal_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
}

bool cup_topic_is_legal(const char *name, size_t bytes)
{
    if (bytes == 0 || bytes > CUP_TOPIC_NAME_MAX) return false;
    for (size_t i = 0; i < bytes; i++)
        if (!is_legal_byte(name[i])) return false;
    return !(bytes == 1 && name[0] == '.') && !(bytes == 2 && name[0] == '.' && name[1] == '.');
}

/* The part that the text begins with; PART_COUNT when it is none. */
static enum cup_topic_part part_at(const char *text)
{
    for (int i = 0; i < CUP_TOPIC_PART_COUNT; i++)
        if (strncmp(text, parts_known[i].name, strlen(parts_known[i].name)) == 0)
            return (enum cup_topic_part)i;
    return CUP_TOPIC_PART_COUNT;
}

const char *cup_topic_template_wrong(const char *text, enum cup_output_kind kind)
{
    while (*text != '\0') {
        enum cup_topic_part part = part_at(text);
        if (part == CUP_TOPIC_PART_COUNT) {
            if (!is_legal_byte(*text)) return text;
            text++;
            continue;
        }
        if (parts_known[part].only != CUP_OUTPUT_NONE && parts_known[part].only != kind)
            return text;
        text += strlen(parts_known[part].name);
    }
    return NULL;
}

const char *cup_topic_template_parts(enum cup_output_kind kind)
{
    return kind == CUP_OUTPUT_RAW ? "{domain} {pipeline} {topic}"
                                  : "{domain} {pipeline} {source} {schema} {table}";
}

static void set_part(struct cup_topic_parts *parts, enum cup_topic_part part, const char *at,
                     size_t bytes)
{
    parts->of[part].at    = at;
    parts->of[part].bytes = bytes;
}

struct cup_topic_parts cup_topic_parts_of(const char *domain, const char *pipeline,
                                          const char *path, const char *topic)
{
    static const enum cup_topic_part from_end[] = {CUP_TOPIC_TABLE, CUP_TOPIC_SCHEMA,
                                                   CUP_TOPIC_SOURCE};
    struct cup_topic_parts           parts      = {0};

    set_part(&parts, CUP_TOPIC_DOMAIN, domain, strlen(domain));
    set_part(&parts, CUP_TOPIC_PIPELINE, pipeline, strlen(pipeline));
    if (topic != NULL) set_part(&parts, CUP_TOPIC_TOPIC, topic, strlen(topic));
    if (path == NULL) return parts;
    const char *zone = strstr(path, ZONE);
    const char *from = zone == NULL ? path : zone + strlen(ZONE);
    const char *end  = path + strlen(path);
    for (size_t i = 0; i < sizeof from_end / sizeof from_end[0] && end > from; i++) {
        const char *at = end;
        while (at > from && at[-1] != '/')
            at--;
        set_part(&parts, from_end[i], at, (size_t)(end - at));
        end = at > from ? at - 1 : from;
    }
    return parts;
}

/* One byte of a part as it stands in a name. */
static char shown(char byte)
{
    return is_legal_byte(byte) ? byte : '_';
}

size_t cup_topic_name(const char *text, const struct cup_topic_parts *parts,
                      char out_name[CUP_TOPIC_NAME_MAX + 1])
{
    char   name[CUP_TOPIC_NAME_MAX];
    size_t bytes = 0;

    while (*text != '\0') {
        enum cup_topic_part part  = part_at(text);
        bool                plain = part == CUP_TOPIC_PART_COUNT;
        const char         *at    = plain ? text : parts->of[part].at;
        size_t              count = plain ? 1 : parts->of[part].bytes;
        if (count > sizeof name - bytes) return 0;
        for (size_t i = 0; i < count; i++)
            name[bytes++] = shown(at[i]);
        text += plain ? 1 : strlen(parts_known[part].name);
    }
    if (!cup_topic_is_legal(name, bytes)) return 0;
    memcpy(out_name, name, bytes);
    out_name[bytes] = '\0';
    return bytes;
}

/* --- own topics --- */

/* Where in the name the text so far may end: one flag a byte, for all ways at once. */
struct ends {
    bool at[CUP_TOPIC_NAME_MAX + 1];
};

static struct ends behind_bytes(const struct ends *before, const char *name, size_t bytes,
                                const char *text, size_t count)
{
    struct ends ends = {0};

    for (size_t i = 0; i + count <= bytes; i++) {
        ends.at[i + count] = before->at[i];
        for (size_t k = 0; k < count && ends.at[i + count]; k++)
            ends.at[i + count] = name[i + k] == shown(text[k]);
    }
    return ends;
}

/* Behind one byte or more of what is not known. */
static struct ends behind_any(const struct ends *before, const char *name, size_t bytes, bool dots)
{
    struct ends ends = {0};

    for (size_t i = 0; i < bytes; i++)
        ends.at[i + 1] = (before->at[i] || ends.at[i]) && (dots || name[i] != '.');
    return ends;
}

bool cup_topic_is_made(const char *text, const struct cup_topic_parts *parts, const char *name)
{
    struct ends ends  = {.at = {true}};
    size_t      bytes = strlen(name);

    if (bytes > CUP_TOPIC_NAME_MAX) return false;
    while (*text != '\0') {
        enum cup_topic_part part = part_at(text);
        if (part == CUP_TOPIC_PART_COUNT)
            ends = behind_bytes(&ends, name, bytes, text, 1);
        else if (parts->of[part].at == NULL)
            ends = behind_any(&ends, name, bytes, part == CUP_TOPIC_TOPIC);
        else
            ends = behind_bytes(&ends, name, bytes, parts->of[part].at, parts->of[part].bytes);
        text += part == CUP_TOPIC_PART_COUNT ? 1 : strlen(parts_known[part].name);
    }
    return ends.at[bytes];
}

static const char *brokers_of(const struct cup_plan *plan, const struct cup_plan_kafka *cluster)
{
    const struct cup_plan_setting *settings = cup_plan_settings(plan, cluster->settings);

    for (uint32_t i = 0; i < cluster->settings.count; i++)
        if (strcmp(cup_plan_text(plan, settings[i].name), "bootstrap.servers") == 0)
            return cup_plan_text(plan, settings[i].value);
    return "";
}

bool cup_topic_is_own(const struct cup_plan *plan, const char *name)
{
    const struct cup_topic_parts parts = cup_topic_parts_of(
        cup_plan_text(plan, plan->domain), cup_plan_text(plan, plan->pipeline), NULL, NULL);

    if (plan->output.kind == CUP_OUTPUT_NONE ||
        strcmp(brokers_of(plan, &plan->kafka), brokers_of(plan, &plan->output.cluster)) != 0)
        return false;
    return strcmp(cup_plan_text(plan, plan->output.control_topic), name) == 0 ||
           cup_topic_is_made(cup_plan_text(plan, plan->output.topic), &parts, name);
}
