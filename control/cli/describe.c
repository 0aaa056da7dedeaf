// SPDX-License-Identifier: Apache-2.0
#include "control/cli/describe.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "control/config/cluster.h"
#include "control/plan/published.h"

/* Parts of names of options that may hold a secret. */
static const char *const hidden[] = {"password", "secret", "pem", "token", "config", "key"};

static bool is_hidden(const char *name)
{
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        if (strcasestr(name, hidden[i]) != NULL) return true;
    return false;
}

static void put_properties(const struct cup_settings_properties *properties, const char *front,
                           struct cup_text *text)
{
    for (uint32_t i = 0; i < properties->count; i++) {
        const struct cup_settings_property *property = &properties->list[i];
        bool is_path = property->is_file || strstr(property->name, ".location") != NULL;
        bool shown   = is_path || !is_hidden(property->name);
        cup_text_printf(text, "%s%s = %s%s\n", front, property->name,
                        property->is_file ? "what is in " : "",
                        shown ? property->value : "(not shown)");
    }
}

static void put_start(const struct cup_settings_start *start, struct cup_text *text)
{
    char      day[32];
    struct tm utc;
    time_t    seconds = (time_t)(start->time_ms / 1000);

    switch ((enum cup_start)start->kind) {
    case CUP_START_LATEST: cup_text_puts(text, "their end"); break;
    case CUP_START_TIMESTAMP:
        if (gmtime_r(&seconds, &utc) == NULL || strftime(day, sizeof day, "%FT%T", &utc) == 0)
            day[0] = '\0';
        cup_text_printf(text, "%s.%03dZ", day, (int)(start->time_ms % 1000));
        break;
    case CUP_START_OFFSETS:
        for (uint32_t i = 0; i < start->offset_count; i++)
            cup_text_printf(text, "%s%" PRId32 ":%" PRId64, i > 0 ? " " : "",
                            start->offsets[i].partition, start->offsets[i].offset);
        break;
    default: cup_text_puts(text, "their first record"); break;
    }
}

void cup_describe_input(const struct cup_settings *settings, struct cup_text *text)
{
    for (uint32_t i = 0; i < settings->input_count; i++) {
        const struct cup_settings_input *input = &settings->inputs[i];
        cup_text_puts(text, "topics");
        for (uint32_t t = 0; t < input->topic_count; t++) {
            const char *slash = input->topics[t].is_pattern ? "/" : "";
            cup_text_printf(text, " %s%s%s", slash, input->topics[t].name, slash);
        }
        cup_text_puts(text, ": behind what the lake has; new ones from ");
        put_start(&input->start, text);
        cup_text_puts(text, "\n");
    }
    put_properties(&settings->kafka, "  ", text);
    cup_text_printf(text, "  records deleted before they were read: %s\n",
                    settings->gaps == CUP_GAPS_SKIP ? "skip" : "halt");
    cup_text_printf(text, "  offsets are kept up for lag tools in group %s\n", settings->group);
}

static void put_created(const struct cup_settings_output *output, struct cup_text *text)
{
    if (!output->create) {
        cup_text_puts(text, "  topics that are missing are not created: the output waits\n");
        return;
    }
    cup_text_printf(text, "  topics that are missing are created with %llu partition%s, ",
                    (unsigned long long)output->partition_count,
                    output->partition_count == 1 ? "" : "s");
    if (output->replication == 0)
        cup_text_puts(text, "the broker's replication\n");
    else
        cup_text_printf(text, "%llu copies\n", (unsigned long long)output->replication);
    put_properties(&output->topic_settings, "    ", text);
}

void cup_describe_output(const struct cup_settings *settings, const struct cup_catalog *catalog,
                         struct cup_text *text)
{
    static const char *const          deletes[] = {"tombstones", "rows", "rows and tombstones"};
    const struct cup_settings_output *output    = &settings->output;

    if (output->kind == CUP_OUTPUT_NONE) return;
    if (output->kind == CUP_OUTPUT_RAW)
        cup_text_printf(text, "output: records as they came, to %s\n", output->topic);
    else
        cup_text_printf(text, "output: rows of silver as JSON%s, to %s; deletes as %s\n",
                        output->schema == CUP_OUTPUT_SCHEMA ? " with their schema" : "",
                        output->topic, deletes[output->deletes]);
    if (output->has_cluster)
        put_properties(&output->cluster, "  ", text);
    else if (cup_settings_consumes(settings))
        cup_text_puts(text, "  on the cluster of the input\n");
    else
        put_properties(&settings->kafka, "  ", text);
    put_created(output, text);
    cup_text_printf(text, "  epochs that are published stand in %s\n", output->control_topic);
    if (cup_settings_consumes(settings) && !output->has_cluster)
        cup_text_puts(text, "  patterns of the input leave topics out that are called so\n");
    cup_published_list(settings, catalog, text);
}
