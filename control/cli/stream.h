// SPDX-License-Identifier: Apache-2.0
/* stream: the words of `cupel discover`, `cupel lag` and `cupel replay`, taken apart by stream.def.
 *
 * Holds     pointers into argv.
 * Threads   one.
 * Fails     false; *says names the word and what is allowed.
 * Tests     tests/control/test_discover.c
 */
#ifndef CUP_CONTROL_CLI_STREAM_H
#define CUP_CONTROL_CLI_STREAM_H

#include "base/text.h"
#include "control/cli/args.h"

enum cup_stream_option {
#define CUP_STREAM_OPTION(id, name, argument, commands, text) CUP_STREAM_##id,
#include "control/cli/stream.def"
#undef CUP_STREAM_OPTION
    CUP_STREAM_COUNT
};

struct cup_stream {
    const char *command;
    const char *place;                    /* the word that is no option; NULL: none */
    const char *values[CUP_STREAM_COUNT]; /* NULL: not given; "" for a switch */
    bool        help;
};

/* cup_stream_parse reads the words behind the command. */
CUP_MUST_CHECK bool cup_stream_parse(const char *command, int count, char **words,
                                     struct cup_stream *out_stream, struct cup_text *says);

/* cup_stream_name is an option as it is typed. */
const char *cup_stream_name(enum cup_stream_option option);

/* cup_stream_put_help appends the options of a command; nothing for one that has none. */
void cup_stream_put_help(struct cup_text *text, const char *command);

#endif
