// SPDX-License-Identifier: Apache-2.0
/* out: a file that is written in large pieces.
 *
 * Holds     one buffer of CUP_OUT_BYTES and room for the largest record; the descriptor.
 * Owner     whoever opened it.
 * Threads   one.
 * Fails     open, flush and close: IO with the file's name.
 * Tests     tests/oracle/test_gen.py
 */
#ifndef CUP_BENCHMARKS_GEN_OUT_H
#define CUP_BENCHMARKS_GEN_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CUP_OUT_BYTES (1u << 20) /* one write a MiB: the system call does not show */

struct cup_out {
    int      fd;
    uint8_t *buffer;
    size_t   bytes, record_bytes_max;
    uint64_t written; /* all that was put, flushed or not */
    char     name[512];
};

/* cup_out_open makes the file (name "-": standard output); records are at most record_bytes_max. */
CUP_MUST_CHECK enum cup_err cup_out_open(struct cup_out *out, const char *name,
                                         size_t record_bytes_max, struct cup_fault *out_fault);

/* cup_out_begin lends room for one record; cup_out_end takes what was put there. */
static inline uint8_t *cup_out_begin(struct cup_out *out)
{
    return out->buffer + out->bytes;
}
CUP_MUST_CHECK enum cup_err cup_out_end(struct cup_out *out, const uint8_t *end,
                                        struct cup_fault *out_fault);

CUP_MUST_CHECK enum cup_err cup_out_flush(struct cup_out *out, struct cup_fault *out_fault);

/* cup_out_close flushes and gives everything back; a zeroed struct is accepted. */
CUP_MUST_CHECK enum cup_err cup_out_close(struct cup_out *out, struct cup_fault *out_fault);

#endif
