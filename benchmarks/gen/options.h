// SPDX-License-Identifier: Apache-2.0
/* options: what the generator was asked for; options.def is the list, the parser and the help.
 *
 * Holds     pointers into argv.
 * Threads   one.
 * Fails     with a sentence on stderr.
 * Tests     tests/oracle/test_gen.py
 */
#ifndef CUP_BENCHMARKS_GEN_OPTIONS_H
#define CUP_BENCHMARKS_GEN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum cup_gen_option {
#define CUP_GEN_OPTION(id, name, type, argument, fallback, text) CUP_GEN_##id,
#include "benchmarks/gen/options.def"
#undef CUP_GEN_OPTION
    CUP_GEN_OPTION_COUNT
};

#define CUP_GEN_WEIGHTS_MAX 4u

struct cup_gen_value {
    const char *text; /* as given; names files, never changed */
    uint64_t    count;
    double      real;
    uint32_t    word; /* 0 = the first of the words */
    uint64_t    weights[CUP_GEN_WEIGHTS_MAX], weight_sum;
};

struct cup_gen_options {
    struct cup_gen_value values[CUP_GEN_OPTION_COUNT];
    bool                 help;
};

/* cup_gen_parse reads the command line; false after it said what is wrong. */
bool cup_gen_parse(int argc, char **argv, struct cup_gen_options *out_options);
void cup_gen_help(FILE *to);

#endif
