// SPDX-License-Identifier: Apache-2.0
/* Goal:   the command line is taken as the tables say, and help is never behind them.
 * Method: words and what they become; every row of every table must stand in its help. */
#include "control/cli/help.h"

#include "tests/control/fixture.h"

static struct cup_keep keep;
static struct cup_text says;

static enum cup_err parse(const char *const *words, int count, struct cup_args *out_args,
                          struct cup_settings *settings)
{
    enum cup_err err = cup_args_parse(&keep, count, (char **)(uintptr_t)words, out_args, &says);
    cup_settings_default(settings);
    return err == CUP_OK ? cup_args_apply(&keep, out_args, settings, &says) : err;
}

static void check_good(void)
{
    const char *const words[] = {
        "folder",      "--input",        "a*",        "--input=b",     "--lake",
        "/l",          "--form",         "dump",      "--independent", "--until-end",
        "--workers=3", "--memory",       "32MiB",     "--no-bronze",   "--pipeline",
        "p",           "--domain",       "d",         "--source",      "s",
        "--codec",     "none",           "--kernels", "scalar",        "--commit-interval",
        "1s",          "--commit-bytes", "2MiB"};
    struct cup_args     args;
    struct cup_settings s;

    CHECK(parse(words, sizeof(words) / sizeof(words[0]), &args, &s) == CUP_OK && says.bytes == 0);
    CHECK(strcmp(args.folder, "folder") == 0 && args.pattern_count == 2 && !args.help);
    CHECK(s.input_count == 2 && strcmp(s.inputs[1].patterns[0], "b") == 0);
    CHECK(s.inputs[0].form == CUP_FORM_DUMP && s.inputs[1].independent && s.until_end);
    CHECK(strcmp(s.lake, "/l") == 0 && s.worker_count == 3 && s.pool_bytes == 32u << 20);
    CHECK(!s.bronze && s.silver && strcmp(s.name, "p") == 0 && strcmp(s.domain, "d") == 0);
    CHECK(strcmp(s.source, "s") == 0 && s.codec == 0 && strcmp(s.kernels, "scalar") == 0);
    CHECK(s.commit_ns_max == 1000000000u && s.commit_bytes_max == 2u << 20);
}

static void check_bad(void)
{
    static const struct {
        const char *words[3], *said;
    } cases[] = {
        {{"--lkae", "x"}, "there is no option --lkae; did you mean --lake?"},
        {{"--lake"}, "--lake needs a value: FOLDER"},
        {{"--until-end=1"}, "--until-end takes no value"},
        {{"a", "b"}, "\"b\" is one word too many: a is the folder already"},
        {{"--workers", "0"}, "0 is out of range; allowed: 1 to 64 (--workers)"},
        {{"--form", "x"}, "\"x\" is not known; allowed: auto | ndjson | dump (--form)"},
        {{"--form", "dump"}, "--form and --independent speak of --input, which is not given"},
    };
    struct cup_args     args;
    struct cup_settings settings;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int count = 0;
        while (count < 3 && cases[i].words[count] != NULL)
            count++;
        CHECK(parse(cases[i].words, count, &args, &settings) == CUP_BAD_CONFIG);
        CHECK(fixture_said(&says, cases[i].said));
    }
}

static struct cup_text topic(const char *name)
{
    struct cup_text text = {0};
    CHECK(cup_help_topic(&text, name));
    return text;
}

static void check_help(void)
{
    struct cup_text text = {0};

    cup_help_overview(&text);
    for (int i = 0; i < CUP_COMMAND_COUNT; i++)
        CHECK(strstr(text.at, cup_command_row((enum cup_command)i)->text) != NULL);
    cup_text_free(&text);
    text = topic("run");
    for (int i = 0; i < CUP_OPTION_COUNT; i++)
        CHECK(strstr(text.at, cup_option_row((enum cup_option)i)->text) != NULL);
    CHECK(strstr(text.at, "files are followed") != NULL);
    cup_text_free(&text);
    text = topic("config");
    for (int i = 0; i < CUP_KEY_COUNT; i++)
        CHECK(strstr(text.at, cup_key_row((enum cup_key)i)->key) != NULL);
    CHECK(strstr(text.at, "commit.interval   (time, 100ms to 86400000ms)") != NULL);
    cup_text_free(&text);
    text = topic("contract");
    for (int i = 0; i < CUP_ENCODING_COUNT; i++)
        CHECK(strstr(text.at, cup_encoding_row((enum cup_encoding)i)->text) != NULL);
    CHECK(strstr(text.at, "replicaIdentity") != NULL);
    cup_text_free(&text);
    text = topic("outcomes");
    for (int i = 0; i < CUP_OUTCOME_COUNT; i++)
        CHECK(strstr(text.at, cup_outcome_text((enum cup_outcome)i)) != NULL);
    cup_text_free(&text);
    CHECK(!cup_help_topic(&text, "nothing") && text.bytes == 0);
    CHECK(cup_args_command("run") == CUP_COMMAND_RUN);
    CHECK(cup_args_command("rn") == CUP_COMMAND_COUNT);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    keep = fixture_keep();
    check_good();
    check_bad();
    check_help();
    cup_keep_close(&keep);
    return 0;
}
