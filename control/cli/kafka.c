// SPDX-License-Identifier: Apache-2.0
#include "control/cli/kafka.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "control/cli/help.h"
#include "control/cli/kafka_priv.h"
#include "control/config/cluster.h"
#include "control/config/pipeline.h"
#include "control/config/yaml.h"
#include "control/contract/infer.h"
#include "control/kafka/ask.h"
#include "control/kafka/discover.h"
#include "control/kafka/samples.h"

/* --- places --- */

enum cup_exit cup_place_priv_usage(const struct cup_place *place, const char *what)
{
    fprintf(stderr, "cupel: %s: %s\ncupel: cupel help %s  explains it\n", place->words.command,
            what, place->words.command);
    return CUP_EXIT_CONFIG;
}

static bool is_folder(const char *place)
{
    char        path[PATH_MAX];
    struct stat status;

    return place != NULL &&
           snprintf(path, sizeof path, "%s/pipeline.yaml", place) < (int)sizeof path &&
           stat(path, &status) == 0;
}

bool cup_place_priv_load(struct cup_place *place)
{
    const char *const   *values   = place->words.values;
    struct cup_settings *settings = &place->settings;
    struct cup_text      name     = {0};

    cup_settings_default(settings);
    place->is_folder = is_folder(place->words.place);
    if (place->is_folder && values[CUP_STREAM_PIPELINE] != NULL) {
        cup_text_puts(&place->says, "--pipeline: it goes with a LAKE; the FOLDER is a pipeline\n");
        return false;
    }
    if (place->is_folder &&
        cup_pipeline_load(place->keep, place->words.place, settings, &place->says) != CUP_OK)
        return false;
    if (values[CUP_STREAM_BROKERS] != NULL &&
        !cup_cluster_set(place->keep, &settings->kafka, CUP_KEY_KAFKA_BROKERS,
                         values[CUP_STREAM_BROKERS], &place->says)) {
        cup_text_puts(&place->says, " (--brokers)\n");
        return false;
    }
    if (values[CUP_STREAM_LAKE] != NULL) settings->lake = values[CUP_STREAM_LAKE];
    cup_cluster_complete(place->keep, settings);
    if (!cup_cluster_check_files(settings, &place->says)) return false;
    place->lake     = place->is_folder ? settings->lake : place->words.place;
    place->pipeline = values[CUP_STREAM_PIPELINE];
    if (values[CUP_STREAM_LAKE] != NULL) place->lake = settings->lake;
    if (place->is_folder) {
        cup_text_printf(&name, "%s/%s", settings->domain, settings->name);
        if (!name.failed) place->pipeline = cup_keep_string(place->keep, name.at);
        cup_text_free(&name);
    }
    return true;
}

bool cup_place_priv_cluster(struct cup_place *place)
{
    if (cup_cluster_find(&place->settings.kafka, "bootstrap.servers") != NULL) return true;
    cup_text_puts(&place->says, "where is the cluster? --brokers HOST:PORT, or the FOLDER of a "
                                "pipeline whose pipeline.yaml has kafka.brokers\n");
    return false;
}

static void complain(const struct cup_text *says)
{
    const char *at = says->failed ? "there is no memory\n" : says->at == NULL ? "" : says->at;

    while (*at != '\0') {
        size_t bytes = strcspn(at, "\n");
        fprintf(stderr, "cupel: %.*s\n", (int)bytes, at);
        at += bytes + (at[bytes] != '\0');
    }
}

/* --- lag --- */

static enum cup_exit lag(struct cup_place *place)
{
    const char *const *values   = place->words.values;
    struct cup_text    settings = {0};
    struct cup_ask     ask      = {0};

    if (place->lake == NULL || *place->lake == '\0')
        return cup_place_priv_usage(place,
                                    "it needs a LAKE, or the FOLDER of a pipeline and, where "
                                    "that names none, --lake LAKE");
    if (place->pipeline == NULL)
        return cup_place_priv_usage(place, "which pipeline? --pipeline DOMAIN/NAME");
    if (!cup_place_priv_cluster(place)) return CUP_EXIT_CONFIG;
    cup_samples_put_settings(&settings, &place->settings.kafka);
    if (values[CUP_STREAM_TOPICS] == NULL) cup_samples_put_topics(&settings, &place->settings);
    cup_ask_add(&ask, "cupel-kafka");
    cup_ask_add(&ask, "lag");
    cup_ask_add(&ask, place->lake);
    cup_ask_add(&ask, "--pipeline");
    cup_ask_add(&ask, place->pipeline);
    if (values[CUP_STREAM_TOPICS] != NULL) cup_ask_add(&ask, "--topics");
    if (values[CUP_STREAM_TOPICS] != NULL) cup_ask_add(&ask, values[CUP_STREAM_TOPICS]);
    if (values[CUP_STREAM_JSON] != NULL) cup_ask_add(&ask, "--json");
    ask.settings = settings.at;
    int code     = settings.failed ? CUP_ASK_LOST : cup_ask_run(&ask, NULL);
    cup_text_free(&settings);
    return code == 0 ? CUP_EXIT_OK : CUP_EXIT_FAULT;
}

/* --- discover --- */

/* Names of files in a proposed pipeline are absolute: it lies elsewhere. */
static void put_node(struct cup_text *text, const struct cup_yaml_node *map, const char *folder,
                     const char *brokers, int depth)
{
    for (uint32_t i = 0; i < map->count; i++) {
        const char                 *key   = map->keys[i]->text;
        const struct cup_yaml_node *value = map->children[i];
        size_t                      bytes = strlen(key);
        if (brokers != NULL && strcmp(key, "brokers") == 0) continue;
        cup_text_printf(text, "%*s", 2 * depth, "");
        cup_infer_put_string(text, key);
        cup_text_puts(text, ":");
        if (value->kind == CUP_YAML_MAP) {
            cup_text_puts(text, "\n");
            put_node(text, value, folder, NULL, depth + 1);
            continue;
        }
        struct cup_text path    = {0};
        bool            is_file = depth == 1 && bytes > 5 && strcmp(key + bytes - 5, "_file") == 0;
        cup_text_puts(text, value->kind == CUP_YAML_LIST ? " [" : " ");
        for (uint32_t k = 0; value->kind == CUP_YAML_LIST && k < value->count; k++) {
            cup_text_puts(text, k > 0 ? ", " : "");
            cup_infer_put_string(text, value->children[k]->text);
        }
        if (value->kind == CUP_YAML_LIST) cup_text_puts(text, "]");
        if (value->kind == CUP_YAML_SCALAR) {
            if (is_file && *value->text != '/') cup_text_printf(&path, "%s/", folder);
            cup_text_puts(&path, value->text);
            cup_infer_put_string(text, path.at == NULL ? "" : path.at);
        }
        cup_text_puts(text, "\n");
        cup_text_free(&path);
    }
}

/* The kafka: block as the folder has it; ${NAME} stays as it is. */
static bool put_block(struct cup_place *place, struct cup_text *text)
{
    const char     *brokers = place->words.values[CUP_STREAM_BROKERS];
    struct cup_yaml yaml;
    char            folder[PATH_MAX], path[PATH_MAX + 32];

    cup_text_puts(text, "kafka:\n");
    if (brokers != NULL) {
        cup_text_puts(text, "  brokers: ");
        cup_infer_put_string(text, brokers);
        cup_text_puts(text, "\n");
    }
    if (!place->is_folder) return true;
    if (realpath(place->words.place, folder) == NULL) {
        cup_text_printf(&place->says, "%s: %s\n", place->words.place, strerror(errno));
        return false;
    }
    snprintf(path, sizeof path, "%s/pipeline.yaml", folder);
    if (cup_yaml_load(place->keep, path, false, &yaml, &place->says) != CUP_OK) return false;
    const struct cup_yaml_node *block = cup_yaml_find(yaml.root, "kafka");
    if (block != NULL && block->kind == CUP_YAML_MAP) put_node(text, block, folder, brokers, 1);
    return true;
}

static enum cup_exit discover(struct cup_place *place)
{
    const char *const *values   = place->words.values;
    struct cup_text    settings = {0}, block = {0};
    enum cup_exit      code = CUP_EXIT_CONFIG;
    char               lake[PATH_MAX];

    if (place->words.place != NULL && !place->is_folder)
        return cup_place_priv_usage(place, "the FOLDER has no pipeline.yaml; to write folders say "
                                           "--out FOLDER");
    if (!cup_place_priv_cluster(place) || !put_block(place, &block)) goto out;
    cup_samples_put_settings(&settings, &place->settings.kafka);
    const char *where = values[CUP_STREAM_LAKE];
    if (where != NULL && realpath(where, lake) != NULL) where = lake;
    const struct cup_discover with = {.keep     = place->keep,
                                      .settings = settings.at,
                                      .block    = block.at,
                                      .topics   = values[CUP_STREAM_TOPICS],
                                      .out      = values[CUP_STREAM_OUT],
                                      .domain   = values[CUP_STREAM_DOMAIN],
                                      .lake     = where,
                                      .records  = values[CUP_STREAM_RECORDS],
                                      .seconds  = values[CUP_STREAM_SECONDS],
                                      .oldest   = values[CUP_STREAM_OLDEST] != NULL};
    if (settings.failed || block.failed)
        cup_text_puts(&place->says, "there is no memory\n");
    else
        code = cup_discover_run(&with, &place->says) == CUP_OK ? CUP_EXIT_OK : CUP_EXIT_FAULT;
out:
    cup_text_free(&settings);
    cup_text_free(&block);
    return code;
}

/* --- the commands --- */

static enum cup_exit run(enum cup_command command, struct cup_place *place)
{
    if (!cup_place_priv_load(place)) return CUP_EXIT_CONFIG;
    switch (command) {
    case CUP_COMMAND_DISCOVER: return discover(place);
    case CUP_COMMAND_LAG: return lag(place);
    default: return cup_replay_priv_run(place);
    }
}

static enum cup_exit help(const char *command)
{
    struct cup_text text = {0};
    bool            good = cup_help_topic(&text, command) && !text.failed;

    if (good) fputs(text.at, stdout);
    cup_text_free(&text);
    return good ? CUP_EXIT_OK : CUP_EXIT_FAULT;
}

enum cup_exit cup_kafka_command(enum cup_command command, int count, char **words)
{
    struct cup_keep  keep  = {0};
    struct cup_place place = {.keep = &keep};
    struct cup_fault fault = {0};
    const char      *name  = cup_command_row(command)->name;
    enum cup_exit    code  = CUP_EXIT_CONFIG;

    if (cup_keep_open(&keep, &fault) != CUP_OK) {
        fprintf(stderr, "cupel: %s: %s\n", fault.what, cup_err_text(fault.err));
        return CUP_EXIT_FAULT;
    }
    if (!cup_stream_parse(name, count, words, &place.words, &place.says))
        cup_text_printf(&place.says, "cupel help %s  explains it\n", name);
    else if (place.words.help)
        code = help(name);
    else
        code = run(command, &place);
    complain(&place.says);
    cup_text_free(&place.says);
    cup_keep_close(&keep);
    return code;
}
