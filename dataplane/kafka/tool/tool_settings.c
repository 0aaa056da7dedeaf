// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/kafka/tool/tool.h"

/* A copy that lives as long as the tool; NULL when memory is short. */
static char *keep(struct cup_tool *tool, const char *text, size_t bytes)
{
    char **texts = realloc(tool->texts, (tool->text_count + 1) * sizeof *texts);

    if (texts == NULL) return NULL;
    tool->texts = texts;
    char *copy  = strndup(text, bytes);
    if (copy != NULL) texts[tool->text_count++] = copy;
    return copy;
}

static enum cup_err no_memory(struct cup_fault *out_fault)
{
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "keep the settings", NULL);
}

enum cup_err cup_tool_set(struct cup_tool *tool, const char *name, const char *value, bool is_file,
                          struct cup_fault *out_fault)
{
    if (tool->setting_count == CUP_KAFKA_SETTINGS_MAX)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "there are too many settings", name);
    const char *copy = keep(tool, name, strlen(name));
    const char *text = keep(tool, value, strlen(value));
    if (copy == NULL || text == NULL) return no_memory(out_fault);
    tool->settings[tool->setting_count++] =
        (struct cup_kafka_setting){.name = copy, .value = text, .is_file = is_file};
    return CUP_OK;
}

static enum cup_err choose_one(struct cup_tool *tool, const char *name, size_t bytes,
                               struct cup_fault *out_fault)
{
    char **topics = realloc(tool->topics, (tool->topic_count + 1) * sizeof *topics);

    if (topics == NULL) return no_memory(out_fault);
    tool->topics = topics;
    char *copy   = keep(tool, name, bytes);
    if (copy == NULL) return no_memory(out_fault);
    topics[tool->topic_count++] = copy;
    return CUP_OK;
}

/* A comma inside of a /pattern/ belongs to it. */
enum cup_err cup_tool_choose(struct cup_tool *tool, const char *names, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    while (err == CUP_OK && *names != '\0') {
        const char *close = *names == '/' ? strstr(names + 1, "/,") : NULL;
        size_t      bytes = *names != '/'   ? strcspn(names, ",")
                            : close == NULL ? strlen(names)
                                            : (size_t)(close - names) + 1;
        if (bytes > 0) err = choose_one(tool, names, bytes, out_fault);
        names += bytes + (names[bytes] == ',');
    }
    return err;
}

/* `text NAME VALUE`, `file NAME PATH`, `topic NAME`; a value reaches to the end of its line. */
static enum cup_err take_line(struct cup_tool *tool, char *line, struct cup_fault *out_fault)
{
    char *name  = strchr(line, ' ');
    char *value = name != NULL ? strchr(name + 1, ' ') : NULL;

    if (*line == '\0') return CUP_OK;
    if (name != NULL) *name++ = '\0';
    if (name != NULL && strcmp(line, "topic") == 0)
        return choose_one(tool, name, strlen(name), out_fault);
    bool is_file = strcmp(line, "file") == 0;
    if (value == NULL || (!is_file && strcmp(line, "text") != 0)) /* values stay untold */
        return cup_fault_set(out_fault, CUP_BAD_DATA, "read a line of the settings", line);
    *value++ = '\0';
    return cup_tool_set(tool, name, value, is_file, out_fault);
}

enum cup_err cup_tool_read(struct cup_tool *tool, const char *path, struct cup_fault *out_fault)
{
    enum cup_err err  = CUP_OK;
    char        *line = NULL;
    size_t       cap  = 0;
    FILE        *file = fopen(path, "re");
    ssize_t      bytes;

    if (file == NULL) return cup_fault_set(out_fault, CUP_IO, "open the settings", path);
    while (err == CUP_OK && (bytes = getline(&line, &cap, file)) > 0) {
        if (line[bytes - 1] == '\n') line[bytes - 1] = '\0';
        err = take_line(tool, line, out_fault);
    }
    if (err == CUP_OK && ferror(file))
        err = cup_fault_set(out_fault, CUP_IO, "read the settings", path);
    if (line != NULL) explicit_bzero(line, cap);
    free(line);
    (void)fclose(file); /* it was only read */
    return err;
}

void cup_tool_free(struct cup_tool *tool)
{
    for (uint32_t i = 0; i < tool->text_count; i++) {
        explicit_bzero(tool->texts[i], strlen(tool->texts[i]));
        free(tool->texts[i]);
    }
    free(tool->texts);
    free(tool->topics);
    *tool = (struct cup_tool){0};
}

enum cup_exit cup_tool_complain(const struct cup_fault *fault)
{
    fprintf(stderr, "cupel-kafka: %s",
            fault->what != NULL ? fault->what : cup_err_text(fault->err));
    if (fault->where[0] != '\0') fprintf(stderr, ": %s", fault->where);
    if (fault->os_errno != 0) fprintf(stderr, ": %s", strerror(fault->os_errno));
    fputs("\n", stderr);
    return CUP_EXIT_PROBLEMS;
}
