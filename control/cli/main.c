// SPDX-License-Identifier: Apache-2.0
/* cupel: the command that people type. */
#include <string.h>

#include "control/cli/help.h"
#include "control/cli/job_priv.h"
#include "control/cli/kafka.h"
#include "control/cli/quarantine.h"
#include "control/cli/tool.h"

static enum cup_exit print(struct cup_text *text, enum cup_exit code)
{
    if (text->failed) fputs("cupel: there is no memory for the text\n", stderr);
    FILE *to = code == CUP_EXIT_OK ? stdout : stderr;
    if (!text->failed && text->at != NULL) fputs(text->at, to);
    cup_text_free(text);
    return code;
}

static enum cup_exit usage(const char *name)
{
    fprintf(stderr, "cupel: there is no command \"%s\"; try one of:", name);
    for (int i = 0; i < CUP_COMMAND_COUNT; i++)
        fprintf(stderr, " %s", cup_command_row((enum cup_command)i)->name);
    fputs("\n", stderr);
    return CUP_EXIT_CONFIG;
}

static enum cup_exit help(const char *topic)
{
    struct cup_text text = {0};

    if (topic == NULL) {
        cup_help_overview(&text);
        return print(&text, CUP_EXIT_OK);
    }
    if (cup_help_topic(&text, topic)) return print(&text, CUP_EXIT_OK);
    fprintf(stderr,
            "cupel: there is no help for \"%s\"; try a command, config, contract or "
            "outcomes\n",
            topic);
    return CUP_EXIT_CONFIG;
}

static enum cup_exit run_job(enum cup_command command, int count, char **words)
{
    struct cup_keep  keep  = {0};
    struct cup_text  says  = {0};
    struct cup_fault fault = {0};
    struct cup_args  args;
    enum cup_exit    code = CUP_EXIT_CONFIG;

    if (cup_keep_open(&keep, &fault) != CUP_OK) {
        fprintf(stderr, "cupel: %s: %s\n", fault.what, cup_err_text(fault.err));
        return CUP_EXIT_FAULT;
    }
    if (command == CUP_COMMAND_CONTRACT)
        code = cup_tool_run(&keep, count, words);
    else if (cup_args_parse(&keep, count, words, &args, &says) != CUP_OK)
        fprintf(stderr, "cupel: %scupel help %s  explains it\n", says.failed ? "" : says.at,
                cup_command_row(command)->name);
    else if (args.help)
        code = help(cup_command_row(command)->name);
    else if (command == CUP_COMMAND_RUN)
        code = cup_job_run(&keep, &args);
    else
        code = cup_job_validate(&keep, &args);
    cup_text_free(&says);
    cup_keep_close(&keep);
    return code;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)help(NULL); /* the overview is always there */
        return CUP_EXIT_CONFIG;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("cupel " CUP_VERSION);
        return CUP_EXIT_OK;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return help(NULL);
    enum cup_command command = cup_args_command(argv[1]);
    switch (command) {
    case CUP_COMMAND_RUN:
    case CUP_COMMAND_CONTRACT:
    case CUP_COMMAND_VALIDATE: return run_job(command, argc - 2, argv + 2);
    case CUP_COMMAND_DISCOVER:
    case CUP_COMMAND_LAG:
    case CUP_COMMAND_REPLAY: return cup_kafka_command(command, argc - 2, argv + 2);
    case CUP_COMMAND_VERIFY:
    case CUP_COMMAND_RECOVER:
    case CUP_COMMAND_COMPACT:
    case CUP_COMMAND_VACUUM: return cup_lake_priv_become((const char *const *)argv);
    case CUP_COMMAND_QUARANTINE: return cup_quarantine_command(argc - 2, argv + 2);
    case CUP_COMMAND_HELP: return help(argc > 2 ? argv[2] : NULL);
    default: return usage(argv[1]);
    }
}
