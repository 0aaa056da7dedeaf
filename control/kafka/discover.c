// SPDX-License-Identifier: Apache-2.0
#include "control/kafka/discover_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "control/kafka/ask.h"
#include "control/kafka/samples.h"

/* --- what is there --- */

static enum cup_err list_topics(const struct cup_discover *discover, struct cup_found *found,
                                struct cup_text *says)
{
    struct cup_ask  ask  = {.settings = discover->settings};
    struct cup_text text = {0};

    cup_ask_add(&ask, "cupel-kafka");
    cup_ask_add(&ask, "topics");
    cup_ask_add(&ask, "--json");
    if (discover->topics != NULL) cup_ask_add(&ask, "--topics");
    if (discover->topics != NULL) cup_ask_add(&ask, discover->topics);
    bool good = cup_ask_run(&ask, &text) == 0;
    if (good && !cup_found_priv_read(discover->keep, found, text.at == NULL ? "" : text.at)) {
        cup_text_puts(says, "cupel-kafka gave an answer that is of another version\n");
        good = false;
    }
    cup_text_free(&text);
    return good ? CUP_OK : CUP_IO;
}

static enum cup_err sample_topics(const struct cup_discover *discover, struct cup_found *found,
                                  const char *folder, struct cup_text *says)
{
    struct cup_text settings = {0}, path = {0};
    uint32_t        count = 0;

    cup_text_puts(&settings, discover->settings);
    for (uint32_t i = 0; i < found->topic_count; i++) {
        struct cup_found_topic *topic = &found->topics[i];
        if (topic->reason != NULL) continue;
        cup_text_printf(&settings, "topic %s\n", topic->name);
        cup_text_clear(&path);
        cup_text_printf(&path, "%s/%s.dump", folder, topic->name);
        topic->sample = path.failed ? "" : cup_keep_string(discover->keep, path.at);
        count++;
    }
    const struct cup_samples samples = {.settings = settings.at,
                                        .records  = discover->records,
                                        .seconds  = discover->seconds,
                                        .oldest   = discover->oldest};
    bool                     memory  = !settings.failed && !path.failed;
    bool                     good    = memory && (count == 0 || cup_samples_take(&samples, folder));
    if (!memory) cup_text_puts(says, "there is no memory\n");
    cup_text_free(&settings);
    cup_text_free(&path);
    return good ? CUP_OK : CUP_IO;
}

/* --- telling --- */

static void put_found(const struct cup_found *found, struct cup_text *text)
{
    cup_text_printf(text, "%-40s %10s %12s  %-11s %s\n", "topic", "partitions",
                    "records <=", "format", "pipeline");
    for (uint32_t i = 0; i < found->topic_count; i++) {
        const struct cup_found_topic *topic = &found->topics[i];
        bool                          good  = topic->reason == NULL;
        cup_text_printf(text, "%-40s %10" PRIu64 " %12" PRIu64 "  %-11s %s%s\n", topic->name,
                        topic->partition_count, topic->records,
                        good ? cup_format_name((enum cup_format)topic->format) : "-",
                        good ? found->pipelines[topic->pipeline].name : "left out: ",
                        good ? "" : topic->reason);
    }
}

/* A replay, or a mirror: all rows would be there twice. */
static void put_copies(const struct cup_found *found, struct cup_text *text)
{
    for (uint32_t i = 0; i < found->topic_count; i++) {
        const struct cup_found_topic *one = &found->topics[i];
        for (uint32_t k = 0; one->reason == NULL && *one->table != '\0' && k < i; k++) {
            const struct cup_found_topic *other = &found->topics[k];
            if (other->reason != NULL || other->pipeline != one->pipeline ||
                strcmp(other->table, one->table) != 0)
                continue;
            cup_text_printf(text,
                            "note: %s and %s have records of table %s; if one is a copy of the "
                            "other, take it out of pipeline.yaml\n",
                            other->name, one->name, one->table);
            break;
        }
    }
}

static void put_next(const struct cup_discover *discover, const struct cup_found *found,
                     struct cup_text *text)
{
    cup_text_puts(text, "\n");
    if (found->topic_count == 0 && discover->topics == NULL) {
        cup_text_puts(text, "the cluster has no topics, or shows none to the user "
                            "(kafka.username): grant DESCRIBE and READ\n");
        return;
    }
    if (found->pipeline_count == 0) {
        cup_text_puts(text, "no topic has changes that cupel can read: nothing to propose\n");
        return;
    }
    if (discover->out == NULL) {
        cup_text_printf(text, "%" PRIu32 " pipelines; --out FOLDER writes them\n",
                        found->pipeline_count);
        return;
    }
    cup_text_puts(text, "next: look at the comments in contracts/, say who owns the data, then\n");
    for (uint32_t i = 0; i < found->pipeline_count; i++) {
        const char *name = found->pipelines[i].name, *lake = discover->lake;
        cup_text_printf(text, "  cupel validate %s/%s%s\n  cupel run %s/%s%s\n", discover->out,
                        name, lake == NULL ? " --lake LAKE" : "", discover->out, name,
                        lake == NULL ? " --lake LAKE" : "");
    }
}

static enum cup_err write_all(const struct cup_discover *discover, const struct cup_found *found,
                              struct cup_text *text, struct cup_text *says)
{
    enum cup_err result = CUP_OK;

    if (discover->out == NULL) return CUP_OK;
    if (mkdir(discover->out, 0755) != 0 && errno != EEXIST) {
        cup_text_printf(says, "%s: %s\n", discover->out, strerror(errno));
        return CUP_IO;
    }
    for (uint32_t i = 0; i < found->pipeline_count; i++) {
        const struct cup_found_pipeline *pipeline = &found->pipelines[i];
        enum cup_err                     err      = cup_found_priv_write(discover, found, i, says);
        cup_text_printf(text, "%s%s/%s: %" PRIu32 " topics, %s\n", i == 0 ? "\n" : "",
                        discover->out, pipeline->name, pipeline->topic_count,
                        err == CUP_OK       ? "written"
                        : err == CUP_EXISTS ? "is there already, and was not touched"
                                            : "cannot be written");
        if (err != CUP_OK && err != CUP_EXISTS) result = err; /* the others are written */
    }
    return result;
}

enum cup_err cup_discover_run(const struct cup_discover *discover, struct cup_text *says)
{
    struct cup_found found  = {0};
    struct cup_text  text   = {0};
    const char      *folder = NULL;

    enum cup_err err = list_topics(discover, &found, says);
    if (err != CUP_OK) return err;
    folder = cup_samples_folder(discover->keep, says);
    err    = folder == NULL ? CUP_IO : sample_topics(discover, &found, folder, says);
    if (err == CUP_OK) {
        for (uint32_t i = 0; i < found.topic_count; i++)
            if (found.topics[i].reason == NULL)
                cup_found_priv_look(discover->keep, &found.topics[i]);
        cup_found_priv_group(discover->keep, &found);
        put_found(&found, &text);
        put_copies(&found, &text);
        err = write_all(discover, &found, &text, says);
        put_next(discover, &found, &text);
        if (!text.failed) fputs(text.at, stdout);
    }
    cup_samples_remove(folder);
    cup_text_free(&text);
    return err;
}
