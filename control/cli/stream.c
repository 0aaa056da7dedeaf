// SPDX-License-Identifier: Apache-2.0
#include "control/cli/stream.h"

#include <string.h>

#include "control/schema/names.h"

static const struct {
    const char *name, *argument, *commands, *text;
} options[CUP_STREAM_COUNT] = {
#define CUP_STREAM_OPTION(id, name, argument, commands, text) {name, argument, commands, text},
#include "control/cli/stream.def"
#undef CUP_STREAM_OPTION
};

const char *cup_stream_name(enum cup_stream_option option)
{
    CUP_ASSERT(option < CUP_STREAM_COUNT);
    return options[option].name;
}

static bool has(int option, const char *command)
{
    return strstr(options[option].commands, command) != NULL;
}

static int find(const char *word, size_t bytes, const char *command)
{
    int i = 0;

    while (i < CUP_STREAM_COUNT && !(strlen(options[i].name) == bytes &&
                                     memcmp(options[i].name, word, bytes) == 0 && has(i, command)))
        i++;
    return i;
}

static bool unknown(const char *word, const char *command, struct cup_text *says)
{
    cup_text_printf(says, "%s has no option %s", command, word);
    for (int i = 0; i < CUP_STREAM_COUNT; i++)
        if (has(i, command) && cup_names_near(word, options[i].name))
            cup_text_printf(says, "; did you mean %s?", options[i].name);
    cup_text_puts(says, "\n");
    return false;
}

static bool take_option(int count, char **words, int *at, struct cup_stream *stream,
                        struct cup_text *says)
{
    const char *word = words[*at], *equals = strchr(word, '=');
    size_t      bytes = equals == NULL ? strlen(word) : (size_t)(equals - word);
    int         i     = find(word, bytes, stream->command);

    if (i == CUP_STREAM_COUNT) return unknown(word, stream->command, says);
    bool is_switch = *options[i].argument == '\0';
    if (is_switch && equals != NULL) {
        cup_text_printf(says, "%s takes no value\n", options[i].name);
        return false;
    }
    if (!is_switch && equals == NULL && *at + 1 >= count) {
        cup_text_printf(says, "%s needs a value: %s\n", options[i].name, options[i].argument);
        return false;
    }
    stream->values[i] = is_switch ? "" : equals == NULL ? words[++*at] : equals + 1;
    return true;
}

bool cup_stream_parse(const char *command, int count, char **words, struct cup_stream *out_stream,
                      struct cup_text *says)
{
    struct cup_stream stream = {.command = command};

    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) {
            stream.help = true;
        } else if (words[i][0] == '-' && words[i][1] != '\0') {
            if (!take_option(count, words, &i, &stream, says)) return false;
        } else if (stream.place == NULL) {
            stream.place = words[i];
        } else {
            cup_text_printf(says, "\"%s\" is one word too many: %s is the place already\n",
                            words[i], stream.place);
            return false;
        }
    }
    *out_stream = stream;
    return true;
}

void cup_stream_put_help(struct cup_text *text, const char *command)
{
    bool first = true;

    for (int i = 0; i < CUP_STREAM_COUNT; i++) {
        char name[64];
        if (!has(i, command)) continue;
        snprintf(name, sizeof name, "%s %s", options[i].name, options[i].argument);
        cup_text_printf(text, "%s  %-24s %s\n", first ? "\noptions\n" : "", name, options[i].text);
        first = false;
    }
}
