// SPDX-License-Identifier: Apache-2.0
/* args: the command line, taken apart by command.def and option.def.
 *
 * Holds     pointers into argv.
 * Threads   one.
 * Fails     BAD_CONFIG; says names the word and what is allowed.
 * Tests     tests/control/test_args.c
 */
#ifndef CUP_CONTROL_CLI_ARGS_H
#define CUP_CONTROL_CLI_ARGS_H

#include "control/config/settings.h"

enum cup_command {
#define CUP_COMMAND(id, name, arguments, text, example) CUP_COMMAND_##id,
#include "control/cli/command.def"
#undef CUP_COMMAND
    CUP_COMMAND_COUNT
};

enum cup_option {
#define CUP_OPTION(id, name, argument, key, text) CUP_OPTION_##id,
#include "control/cli/option.def"
#undef CUP_OPTION
    CUP_OPTION_COUNT
};

struct cup_command_row {
    const char *name, *arguments, *text, *example;
};
struct cup_option_row {
    const char *name, *argument, *text;
    uint32_t    key; /* enum cup_key; CUP_KEY_COUNT: none */
};
const struct cup_command_row *cup_command_row(enum cup_command command);
const struct cup_option_row  *cup_option_row(enum cup_option option);

struct cup_args {
    const char  *folder;                   /* NULL: none */
    const char  *values[CUP_OPTION_COUNT]; /* NULL: not given; "" for a switch */
    const char **patterns;                 /* of --input, in order */
    uint32_t     pattern_count;
    bool         help;
};

/* cup_args_command finds the command called `name`; CUP_COMMAND_COUNT when there is none. */
enum cup_command cup_args_command(const char *name);

/* cup_args_parse reads the words behind the command. */
CUP_MUST_CHECK enum cup_err cup_args_parse(struct cup_keep *keep, int count, char **words,
                                           struct cup_args *out_args, struct cup_text *says);

/* cup_args_apply puts what was given over the settings. */
CUP_MUST_CHECK enum cup_err cup_args_apply(struct cup_keep *keep, const struct cup_args *args,
                                           struct cup_settings *settings, struct cup_text *says);

#endif
