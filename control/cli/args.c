// SPDX-License-Identifier: Apache-2.0
#include "control/cli/args.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/cluster.h"
#include "control/config/topics.h"
#include "control/schema/names.h"
#include "lake/parquet.h"

#define CUP_KEY_NONE CUP_KEY_COUNT

static const struct cup_command_row commands[CUP_COMMAND_COUNT] = {
#define CUP_COMMAND(id, name, arguments, text, example) {name, arguments, text, example},
#include "control/cli/command.def"
#undef CUP_COMMAND
};

static const struct cup_option_row options[CUP_OPTION_COUNT] = {
#define CUP_OPTION(id, name, argument, key, text) {name, argument, text, CUP_KEY_##key},
#include "control/cli/option.def"
#undef CUP_OPTION
};

const struct cup_command_row *cup_command_row(enum cup_command command)
{
    CUP_ASSERT(command < CUP_COMMAND_COUNT);
    return &commands[command];
}

const struct cup_option_row *cup_option_row(enum cup_option option)
{
    CUP_ASSERT(option < CUP_OPTION_COUNT);
    return &options[option];
}

enum cup_command cup_args_command(const char *name)
{
    for (int i = 0; i < CUP_COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) return (enum cup_command)i;
    }
    return CUP_COMMAND_COUNT;
}

/* --name or --name=value; *out_value is NULL for the first. */
static uint32_t find_option(const char *word, const char **out_value)
{
    const char *equals = strchr(word, '=');
    size_t      bytes  = equals == NULL ? strlen(word) : (size_t)(equals - word);

    *out_value = equals == NULL ? NULL : equals + 1;
    for (uint32_t i = 0; i < CUP_OPTION_COUNT; i++) {
        if (strlen(options[i].name) == bytes && memcmp(options[i].name, word, bytes) == 0) return i;
    }
    return CUP_OPTION_COUNT;
}

static enum cup_err unknown_option(const char *word, struct cup_text *says)
{
    cup_text_printf(says, "there is no option %s", word);
    for (uint32_t i = 0; i < CUP_OPTION_COUNT; i++) {
        if (cup_names_near(word, options[i].name))
            cup_text_printf(says, "; did you mean %s?", options[i].name);
    }
    cup_text_puts(says, "\n");
    return CUP_BAD_CONFIG;
}

/* Takes words[*at], and the next word when the option needs a value and has none. */
static enum cup_err take_option(int count, char **words, int *at, struct cup_args *args,
                                struct cup_text *says)
{
    const char *value;
    uint32_t    option = find_option(words[*at], &value);

    if (option == CUP_OPTION_COUNT) return unknown_option(words[*at], says);
    bool is_switch = *options[option].argument == '\0';
    if (is_switch && value != NULL) {
        cup_text_printf(says, "%s takes no value\n", options[option].name);
        return CUP_BAD_CONFIG;
    }
    if (!is_switch && value == NULL) {
        if (*at + 1 >= count) {
            cup_text_printf(says, "%s needs a value: %s\n", options[option].name,
                            options[option].argument);
            return CUP_BAD_CONFIG;
        }
        value = words[++*at];
    }
    args->values[option] = is_switch ? "" : value;
    if (option == CUP_OPTION_INPUT) args->patterns[args->pattern_count++] = value;
    return CUP_OK;
}

enum cup_err cup_args_parse(struct cup_keep *keep, int count, char **words,
                            struct cup_args *out_args, struct cup_text *says)
{
    struct cup_args args = {0};

    CUP_ASSERT(count >= 0);
    args.patterns = cup_keep_bytes(keep, (size_t)count * sizeof(*args.patterns) + 1);
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) {
            args.help = true;
        } else if (words[i][0] == '-') {
            enum cup_err err = take_option(count, words, &i, &args, says);
            if (err != CUP_OK) return err;
        } else if (args.folder == NULL) {
            args.folder = words[i];
        } else {
            cup_text_printf(says,
                            "\"%s\" is one word too many: %s is the folder already (a pattern "
                            "for --input must be quoted)\n",
                            words[i], args.folder);
            return CUP_BAD_CONFIG;
        }
    }
    *out_args = args;
    return CUP_OK;
}

/* --- into settings --- */

static bool apply_number(const struct cup_args *args, enum cup_option option, uint64_t *value,
                         struct cup_text *says)
{
    size_t before = says->bytes;

    if (args->values[option] == NULL) return true;
    if (cup_settings_number((enum cup_key)options[option].key, args->values[option], value, says))
        return true;
    CUP_ASSERT(says->bytes > before || says->failed);
    cup_text_printf(says, " (%s)\n", options[option].name);
    return false;
}

static bool apply_word(const struct cup_args *args, enum cup_option option, uint32_t *index,
                       struct cup_text *says)
{
    if (args->values[option] == NULL) return true;
    if (cup_settings_word((enum cup_key)options[option].key, args->values[option], index, says))
        return true;
    cup_text_printf(says, " (%s)\n", options[option].name);
    return false;
}

static void apply_text(const struct cup_args *args, enum cup_option option, const char **text)
{
    if (args->values[option] != NULL) *text = args->values[option];
}

static void apply_inputs(struct cup_keep *keep, const struct cup_args *args, uint32_t form,
                         struct cup_settings *settings)
{
    if (args->pattern_count == 0) return;
    settings->inputs      = cup_keep_bytes(keep, args->pattern_count * sizeof(*settings->inputs));
    settings->input_count = args->pattern_count;
    for (uint32_t i = 0; i < args->pattern_count; i++)
        settings->inputs[i] = (struct cup_settings_input){
            .patterns      = &args->patterns[i],
            .pattern_count = 1,
            .form          = (uint8_t)form,
            .independent   = args->values[CUP_OPTION_INDEPENDENT] != NULL};
}

/* Ends the sentence that a reader began. */
static bool finish(struct cup_text *says, enum cup_option option, bool good)
{
    if (!good) cup_text_printf(says, " (%s)\n", options[option].name);
    return good;
}

static bool apply_topics(struct cup_keep *keep, const struct cup_args *args,
                         struct cup_settings *settings, struct cup_text *says)
{
    const char *brokers = args->values[CUP_OPTION_BROKERS];
    const char *topics  = args->values[CUP_OPTION_TOPICS];
    const char *start   = args->values[CUP_OPTION_START];

    if (brokers != NULL &&
        !finish(says, CUP_OPTION_BROKERS,
                cup_cluster_set(keep, &settings->kafka, CUP_KEY_KAFKA_BROKERS, brokers, says)))
        return false;
    if (topics != NULL && args->pattern_count > 0) {
        cup_text_puts(says, "--input are files and --topics are topics: a run reads one of them\n");
        return false;
    }
    if (topics != NULL) {
        struct cup_settings_input *input = cup_keep_bytes(keep, sizeof(*input));
        settings->inputs                 = input;
        settings->input_count            = 1;
        if (!finish(says, CUP_OPTION_TOPICS, cup_topics_list(keep, topics, input, says)))
            return false;
    }
    if (start == NULL) return true;
    if (!cup_settings_consumes(settings)) {
        cup_text_puts(says, "--start is for topics; files are read from their start\n");
        return false;
    }
    for (uint32_t i = 0; i < settings->input_count; i++) {
        if (!finish(says, CUP_OPTION_START,
                    cup_topics_start(start, &settings->inputs[i].start, says)))
            return false;
    }
    return true;
}

/* I/N with 0 <= I < N. */
static bool apply_shard(const struct cup_args *args, struct cup_settings *settings,
                        struct cup_text *says)
{
    const char *text  = args->values[CUP_OPTION_SHARD];
    char       *slash = NULL, *end = NULL;

    if (text == NULL) return true;
    uint64_t shard = strtoull(text, &slash, 10);
    uint64_t count = *slash == '/' ? strtoull(slash + 1, &end, 10) : 0;
    bool     good  = isdigit((unsigned char)*text) && *slash == '/' &&
                isdigit((unsigned char)slash[1]) && *end == '\0';
    if (!good || count == 0 || count > CUP_PLAN_SHARDS_MAX || shard >= count) {
        cup_text_printf(says,
                        "\"%s\" is no shard; allowed: I/N, I from 0 to N-1, N from 1 to %u "
                        "(--shard)\n",
                        text, CUP_PLAN_SHARDS_MAX);
        return false;
    }
    settings->shard       = shard;
    settings->shard_count = count;
    return true;
}

enum cup_err cup_args_apply(struct cup_keep *keep, const struct cup_args *args,
                            struct cup_settings *settings, struct cup_text *says)
{
    static const uint32_t codecs[] = {CUP_CODEC_ZSTD, CUP_CODEC_SNAPPY, CUP_CODEC_NONE};
    uint32_t              form = CUP_FORM_AUTO, codec = UINT32_MAX, kernels = UINT32_MAX;

    bool good = apply_number(args, CUP_OPTION_WORKERS, &settings->worker_count, says) &&
                apply_number(args, CUP_OPTION_MEMORY, &settings->pool_bytes, says) &&
                apply_number(args, CUP_OPTION_COMMIT_INTERVAL, &settings->commit_ns_max, says) &&
                apply_number(args, CUP_OPTION_COMMIT_BYTES, &settings->commit_bytes_max, says) &&
                apply_word(args, CUP_OPTION_FORM, &form, says) &&
                apply_word(args, CUP_OPTION_FORMAT, &settings->format, says) &&
                apply_word(args, CUP_OPTION_CODEC, &codec, says) &&
                apply_word(args, CUP_OPTION_KERNELS, &kernels, says);
    if (!good) return CUP_BAD_CONFIG;
    bool needs_input =
        args->values[CUP_OPTION_FORM] != NULL || args->values[CUP_OPTION_INDEPENDENT] != NULL;
    if (needs_input && args->pattern_count == 0) {
        cup_text_puts(says, "--form and --independent speak of --input, which is not given; "
                            "in pipeline.yaml they stand under input\n");
        return CUP_BAD_CONFIG;
    }
    if (codec != UINT32_MAX) settings->codec = codecs[codec];
    if (kernels != UINT32_MAX) settings->kernels = args->values[CUP_OPTION_KERNELS];
    apply_text(args, CUP_OPTION_LAKE, &settings->lake);
    apply_text(args, CUP_OPTION_DOMAIN, &settings->domain);
    apply_text(args, CUP_OPTION_PIPELINE, &settings->name);
    apply_text(args, CUP_OPTION_SOURCE, &settings->source);
    apply_inputs(keep, args, form, settings);
    if (!apply_topics(keep, args, settings, says) || !apply_shard(args, settings, says))
        return CUP_BAD_CONFIG;
    if (args->values[CUP_OPTION_UNTIL_END] != NULL) settings->until_end = true;
    if (args->values[CUP_OPTION_NO_BRONZE] != NULL) settings->bronze = false;
    if (args->values[CUP_OPTION_NO_SILVER] != NULL) settings->silver = false;
    return CUP_OK;
}
