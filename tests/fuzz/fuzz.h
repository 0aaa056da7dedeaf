// SPDX-License-Identifier: Apache-2.0
/* fuzz: what the fuzz targets share. A target is one function over bytes: libFuzzer calls it with
 * bytes that it makes up (option fuzz of meson, clang), replay.c with the files of a corpus.
 *
 * A target fails by ending the process: CUP_ASSERT, FUZZ_CHECK, or a sanitizer.
 */
#ifndef CUP_TESTS_FUZZ_FUZZ_H
#define CUP_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

#define FUZZ_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
