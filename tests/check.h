// SPDX-License-Identifier: Apache-2.0
/* check: what every C test uses: a check that prints where and with which seed it failed. */
#ifndef CUP_TESTS_CHECK_H
#define CUP_TESTS_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rnd.h"

static unsigned long long cup_test_seed = 1; /* the first argument of the test, if given */

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s (seed %llu)\n", __FILE__, __LINE__, #cond, cup_test_seed);  \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static inline struct cup_rnd cup_test_begin(int argc, char **argv)
{
    if (argc > 1) cup_test_seed = strtoull(argv[1], NULL, 10);
    return cup_rnd_seed(cup_test_seed);
}

#endif
