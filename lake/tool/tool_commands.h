// SPDX-License-Identifier: Apache-2.0
/* commands: what cupel-lake can do. Each is called with its own arguments and gives the exit code.
 *
 * Holds     nothing.
 * Owner     main.
 * Threads   one.
 * Fails     exit 1: problems or a failure, told on standard output or error; 2: wrong usage.
 * Tests     tests/lake/test_verify.c, tests/lake/test_verify_replay.c
 */
#ifndef CUP_LAKE_TOOL_TOOL_COMMANDS_H
#define CUP_LAKE_TOOL_TOOL_COMMANDS_H

#include <stdbool.h>
#include <stdio.h>

enum cup_exit { CUP_EXIT_OK, CUP_EXIT_PROBLEMS, CUP_EXIT_USAGE };

struct cup_verify_options {
    const char *lake, *domain, *pipeline; /* domain, pipeline: NULL = all */
    bool        deep;
};
/* cup_verify_run writes its findings to out, what kept it from looking to standard error. */
enum cup_exit cup_verify_run(const struct cup_verify_options *options, FILE *out);

struct cup_replay_options {
    const char *lake, *domain, *pipeline;
    const char *input; /* NULL: all inputs */
    const char *to;    /* folder; NULL: out */
};
enum cup_exit cup_replay_run(const struct cup_replay_options *options, FILE *out);

#endif
