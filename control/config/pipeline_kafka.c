// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "control/config/cluster.h"
#include "control/config/pipeline_priv.h"
#include "control/config/topics.h"

bool cup_pipeline_priv_takes_any(enum cup_key key)
{
    switch (key) {
    case CUP_KEY_INPUT_FILES:
    case CUP_KEY_INPUT_TOPICS:
    case CUP_KEY_INPUT_START:
    case CUP_KEY_KAFKA_BROKERS:
    case CUP_KEY_KAFKA_OPTIONS:
    case CUP_KEY_OUTPUT_SETTINGS:
    case CUP_KEY_OUTPUT_KAFKA: return true;
    default: return false;
    }
}

/* Says what a reader found wrong; the text is emptied. */
static void fail_with(struct cup_work *work, const struct cup_yaml_node *node, const char *key,
                      struct cup_text *why)
{
    cup_pipeline_priv_fail(work, node, key, why->failed || why->at == NULL ? "is wrong" : why->at);
    cup_text_free(why);
}

static bool is_filled(const struct cup_yaml_node *node)
{
    return node->kind == CUP_YAML_SCALAR && !node->is_null && *node->text != '\0';
}

/* --- topics --- */

static void set_topics(struct cup_work *work, const struct cup_yaml_node *node)
{
    const char *key   = cup_key_row(CUP_KEY_INPUT_TOPICS)->key;
    bool        one   = node->kind == CUP_YAML_SCALAR;
    uint32_t    count = one ? 1 : node->count;

    if (node->kind == CUP_YAML_MAP || count == 0 || count > CUP_PLAN_TOPICS_MAX) {
        cup_pipeline_priv_fail(work, node, key, "must be a topic, a /pattern/ or a list of them");
        return;
    }
    work->input->topics = cup_keep_bytes(work->keep, count * sizeof(*work->input->topics));
    for (uint32_t i = 0; i < count; i++) {
        const struct cup_yaml_node *item = one ? node : node->children[i];
        struct cup_text             why  = {0};
        if (!is_filled(item))
            cup_pipeline_priv_fail(work, item, key,
                                   "must be a topic, a /pattern/ or a list of them");
        else if (!cup_topics_one(work->keep, item->text, &work->input->topics[i], &why))
            fail_with(work, item, key, &why);
    }
    work->input->topic_count = count;
}

static void set_start(struct cup_work *work, const struct cup_yaml_node *node)
{
    struct cup_settings_start *start = &work->input->start;
    const char                *key   = cup_key_row(CUP_KEY_INPUT_START)->key;
    struct cup_text            why   = {0};

    if (is_filled(node)) {
        if (!cup_topics_start(node->text, start, &why)) fail_with(work, node, key, &why);
        return;
    }
    if (node->kind != CUP_YAML_MAP || node->count == 0 || node->count > CUP_PLAN_OFFSETS_MAX) {
        cup_pipeline_priv_kind(work, node, CUP_KEY_INPUT_START);
        return;
    }
    *start = (struct cup_settings_start){
        .kind    = CUP_START_OFFSETS,
        .offsets = cup_keep_bytes(work->keep, node->count * sizeof(*start->offsets))};
    for (uint32_t i = 0; i < node->count; i++) {
        const char *offset = is_filled(node->children[i]) ? node->children[i]->text : "nothing";
        if (!cup_topics_offset(start, node->keys[i]->text, offset, &why))
            fail_with(work, node->children[i], key, &why);
    }
}

void cup_pipeline_priv_entry(struct cup_work *work, const struct cup_yaml_node *node)
{
    const struct cup_settings_input *input = work->input;
    const char                      *files = cup_key_row(CUP_KEY_INPUT_FILES)->key;
    const char                      *key   = cup_key_row(CUP_KEY_INPUT_TOPICS)->key;
    const char                      *start = cup_key_row(CUP_KEY_INPUT_START)->key;
    const struct cup_settings_input *first = work->settings->inputs;

    if (work->failed) return;
    if (input->pattern_count == 0 && input->topic_count == 0)
        cup_pipeline_priv_fail(work, node, files, "is missing; give a glob, or topics");
    else if (input->pattern_count > 0 && input->topic_count > 0)
        cup_pipeline_priv_fail(work, node, key, "stands beside files; an entry has one of them");
    else if ((first->topic_count > 0) != (input->topic_count > 0))
        cup_pipeline_priv_fail(work, node, key,
                               "a pipeline reads files or topics, not both; make two pipelines");
    else if (input->topic_count > 0 &&
             (cup_yaml_find(node, "form") != NULL || cup_yaml_find(node, "independent") != NULL))
        cup_pipeline_priv_fail(work, node, key, "form and independent are for files");
    else if (input->topic_count == 0 && cup_yaml_find(node, "start") != NULL)
        cup_pipeline_priv_fail(work, node, start, "is for topics; files are read from their start");
    else if (input->start.kind == CUP_START_OFFSETS &&
             (input->topic_count > 1 || input->topics[0].is_pattern))
        cup_pipeline_priv_fail(work, node, start,
                               "offsets are of one topic; give it an entry of its own");
}

/* --- clusters --- */

static void set_property(struct cup_work *work, const struct cup_yaml_node *node, enum cup_key key,
                         const char *text)
{
    struct cup_text why = {0};

    if (!cup_cluster_set(work->keep, work->cluster, key, text, &why))
        fail_with(work, node, cup_key_row(key)->key, &why);
}

/* A list becomes one text with commas. */
static void set_brokers(struct cup_work *work, const struct cup_yaml_node *node)
{
    struct cup_text text = {0};
    bool            good = node->kind == CUP_YAML_LIST && node->count > 0;

    if (node->kind == CUP_YAML_SCALAR && !node->is_null) {
        set_property(work, node, CUP_KEY_KAFKA_BROKERS, node->text);
        return;
    }
    for (uint32_t i = 0; good && i < node->count; i++) {
        good = is_filled(node->children[i]);
        if (good) cup_text_printf(&text, "%s%s", i > 0 ? "," : "", node->children[i]->text);
    }
    if (!good || text.failed)
        cup_pipeline_priv_fail(work, node, cup_key_row(CUP_KEY_KAFKA_BROKERS)->key,
                               "must be HOST:PORT or a list of them");
    else
        set_property(work, node, CUP_KEY_KAFKA_BROKERS,
                     cup_keep_text(work->keep, text.at, text.bytes));
    cup_text_free(&text);
}

static void set_options(struct cup_work *work, const struct cup_yaml_node *node, enum cup_key key,
                        struct cup_settings_properties *properties)
{
    size_t front = strcspn(cup_key_row(key)->key, "<"); /* kafka.options. */

    if (node->kind != CUP_YAML_MAP) {
        cup_pipeline_priv_fail(work, node,
                               cup_keep_text(work->keep, cup_key_row(key)->key, front - 1),
                               "must be a mapping; allowed: PROPERTY: VALUE");
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        const struct cup_yaml_node *value = node->children[i];
        struct cup_text             name = {0}, why = {0};
        cup_text_printf(&name, "%.*s%s", (int)front, cup_key_row(key)->key, node->keys[i]->text);
        const char                        *shown = name.failed ? cup_key_row(key)->key : name.at;
        const struct cup_settings_property put   = {.name  = node->keys[i]->text,
                                                    .value = value->text};
        if (value->kind != CUP_YAML_SCALAR || value->is_null)
            cup_pipeline_priv_fail(work, value, shown, "must be a text or number");
        else if (key == CUP_KEY_OUTPUT_SETTINGS && properties->count < CUP_PLAN_SETTINGS_MAX)
            cup_cluster_put(work->keep, properties, &put);
        else if (key == CUP_KEY_OUTPUT_SETTINGS)
            cup_pipeline_priv_fail(work, value, shown, "are too many");
        else if (!cup_cluster_option(work->keep, properties, put.name, put.value, &why))
            fail_with(work, value, shown, &why);
        cup_text_free(&name);
    }
}

static void read_output_cluster(struct cup_work *work, const struct cup_yaml_node *node)
{
    if (work->cluster != &work->settings->kafka) { /* output.kafka.kafka has no key */
        cup_pipeline_priv_kind(work, node, CUP_KEY_OUTPUT_KAFKA);
        return;
    }
    work->settings->output.has_cluster = true;
    work->cluster                      = &work->settings->output.cluster;
    work->above                        = "output.";
    cup_pipeline_priv_group(work, "kafka.", node);
    work->cluster = &work->settings->kafka;
    work->above   = "";
}

/* Of the input's cluster only. */
static bool is_of_output(struct cup_work *work, const struct cup_yaml_node *node, enum cup_key key)
{
    if (work->cluster == &work->settings->kafka) return false;
    cup_pipeline_priv_fail(work, node, cup_key_row(key)->key, "is for the input's cluster only");
    return true;
}

bool cup_pipeline_priv_kafka(struct cup_work *work, const struct cup_yaml_node *node,
                             enum cup_key key)
{
    struct cup_settings_output *output = &work->settings->output;

    switch (key) {
    case CUP_KEY_INPUT_TOPICS: set_topics(work, node); return true;
    case CUP_KEY_INPUT_START: set_start(work, node); return true;
    case CUP_KEY_KAFKA_BROKERS: set_brokers(work, node); return true;
    case CUP_KEY_KAFKA_OPTIONS: set_options(work, node, key, work->cluster); return true;
    case CUP_KEY_KAFKA_SECURITY:
    case CUP_KEY_KAFKA_MECHANISM:
    case CUP_KEY_KAFKA_USERNAME:
    case CUP_KEY_KAFKA_INSECURE: set_property(work, node, key, node->text); return true;
    case CUP_KEY_KAFKA_PASSWORD_FILE:
    case CUP_KEY_KAFKA_CA_FILE:
    case CUP_KEY_KAFKA_CERTIFICATE_FILE:
    case CUP_KEY_KAFKA_KEY_FILE:
    case CUP_KEY_KAFKA_KEY_PASSWORD_FILE:
        set_property(work, node, key,
                     *node->text == '\0' ? "" : cup_pipeline_priv_path(work, node->text));
        return true;
    case CUP_KEY_KAFKA_GROUP:
        if (!is_of_output(work, node, key)) work->settings->group = node->text;
        return true;
    case CUP_KEY_KAFKA_GAPS:
        if (!is_of_output(work, node, key))
            work->settings->gaps = cup_pipeline_priv_word(work, node, key, 0);
        return true;
    case CUP_KEY_OUTPUT_PUBLISH:
        output->kind = (uint8_t)(CUP_OUTPUT_CHANGES + cup_pipeline_priv_word(work, node, key, 0));
        return true;
    case CUP_KEY_OUTPUT_TOPIC: output->topic = node->text; return true;
    case CUP_KEY_OUTPUT_SCHEMA:
        output->schema = (uint8_t)cup_pipeline_priv_word(work, node, key, 0);
        return true;
    case CUP_KEY_OUTPUT_DELETES:
        output->deletes = (uint8_t)cup_pipeline_priv_word(work, node, key, 0);
        return true;
    case CUP_KEY_OUTPUT_CREATE:
        cup_pipeline_priv_bool(work, node, key, &output->create);
        return true;
    case CUP_KEY_OUTPUT_PARTITIONS:
        cup_pipeline_priv_number(work, node, key, &output->partition_count);
        return true;
    case CUP_KEY_OUTPUT_REPLICATION:
        cup_pipeline_priv_number(work, node, key, &output->replication);
        return true;
    case CUP_KEY_OUTPUT_SETTINGS:
        set_options(work, node, key, &output->topic_settings);
        return true;
    case CUP_KEY_OUTPUT_CONTROL_TOPIC: output->control_topic = node->text; return true;
    case CUP_KEY_OUTPUT_KAFKA: read_output_cluster(work, node); return true;
    default: return false;
    }
}
