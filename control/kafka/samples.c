// SPDX-License-Identifier: Apache-2.0
#include "control/kafka/samples.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/kafka/ask.h"

#define SUFFIX ".dump"

/* --- settings --- */

void cup_samples_put_settings(struct cup_text *text, const struct cup_settings_properties *cluster)
{
    for (uint32_t i = 0; i < cluster->count; i++)
        cup_text_printf(text, "%s %s %s\n", cluster->list[i].is_file ? "file" : "text",
                        cluster->list[i].name, cluster->list[i].value);
}

void cup_samples_put_topics(struct cup_text *text, const struct cup_settings *settings)
{
    for (uint32_t i = 0; i < settings->input_count; i++)
        for (uint32_t t = 0; settings->inputs != NULL && t < settings->inputs[i].topic_count; t++) {
            const struct cup_settings_topic *topic = &settings->inputs[i].topics[t];
            const char                      *slash = topic->is_pattern ? "/" : "";
            cup_text_printf(text, "topic %s%s%s\n", slash, topic->name, slash);
        }
}

/* --- the folder --- */

const char *cup_samples_folder(struct cup_keep *keep, struct cup_text *says)
{
    const char *parent = getenv("TMPDIR");
    char        path[PATH_MAX];

    if (parent == NULL || *parent == '\0') parent = "/tmp";
    if (snprintf(path, sizeof path, "%s/cupel-sample-XXXXXX", parent) >= (int)sizeof path ||
        mkdtemp(path) == NULL) {
        cup_text_printf(says, "%s: %s (TMPDIR says where samples go)\n", parent, strerror(errno));
        return NULL;
    }
    return cup_keep_string(keep, path);
}

/* Records are not left lying about. */
void cup_samples_remove(const char *folder)
{
    struct dirent *entry;
    DIR           *dir = folder != NULL ? opendir(folder) : NULL;

    if (dir == NULL) return;
    while ((entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(dir), entry->d_name, 0); /* what stays keeps the folder, too */
    (void)closedir(dir);
    if (rmdir(folder) != 0) fprintf(stderr, "cupel: %s: %s\n", folder, strerror(errno));
}

bool cup_samples_take(const struct cup_samples *samples, const char *folder)
{
    struct cup_ask ask = {.settings = samples->settings};

    cup_ask_add(&ask, "cupel-kafka");
    cup_ask_add(&ask, "sample");
    cup_ask_add(&ask, "--to");
    cup_ask_add(&ask, folder);
    if (samples->records != NULL) cup_ask_add(&ask, "--records");
    if (samples->records != NULL) cup_ask_add(&ask, samples->records);
    if (samples->seconds != NULL) cup_ask_add(&ask, "--seconds");
    if (samples->seconds != NULL) cup_ask_add(&ask, samples->seconds);
    if (samples->oldest) cup_ask_add(&ask, "--oldest");
    return cup_ask_run(&ask, NULL) == 0;
}

static int compare(const void *a, const void *b)
{
    const struct cup_inputs_file *x = a, *y = b;
    return strcmp(x->topic, y->topic);
}

bool cup_samples_list(struct cup_keep *keep, const char *folder, struct cup_inputs_file **out_files,
                      uint32_t *out_count, struct cup_text *says)
{
    struct cup_inputs_file *files = NULL;
    uint32_t                count = 0, cap = 0;
    struct dirent          *entry;
    char                    path[PATH_MAX];
    DIR                    *dir = opendir(folder);

    if (dir == NULL) {
        cup_text_printf(says, "%s: %s\n", folder, strerror(errno));
        return false;
    }
    while ((entry = readdir(dir)) != NULL) {
        size_t bytes = strlen(entry->d_name), suffix = strlen(SUFFIX);
        if (bytes <= suffix || strcmp(entry->d_name + bytes - suffix, SUFFIX) != 0) continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path)
            continue;
        files = cup_keep_grow(keep, files, count, &cap, sizeof *files);
        files[count++] =
            (struct cup_inputs_file){.path  = cup_keep_string(keep, path),
                                     .topic = cup_keep_text(keep, entry->d_name, bytes - suffix),
                                     .form  = CUP_INPUT_DUMP};
    }
    (void)closedir(dir);
    if (count > 0) qsort(files, count, sizeof *files, compare);
    *out_files = files;
    *out_count = count;
    return true;
}
