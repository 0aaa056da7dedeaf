// SPDX-License-Identifier: Apache-2.0
#include "kernels/isal/isal.h"

#include <stdlib.h>

#include <isa-l/igzip_lib.h>

#define LEVEL       1                 /* see README.md */
#define PIECE_BYTES ((size_t)1 << 30) /* the stream counts in 32 bits */

struct cup_deflate {
    struct isal_zstream stream;
    uint8_t             level_memory[ISAL_DEF_LVL1_DEFAULT];
};

enum cup_err cup_deflate_open(struct cup_deflate **out_deflate, struct cup_fault *out_fault)
{
    CUP_ASSERT(out_deflate != NULL);

    struct cup_deflate *deflate = malloc(sizeof *deflate);
    if (deflate == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "make a compressor", NULL);
    cup_deflate_begin(deflate);
    *out_deflate = deflate;
    return CUP_OK;
}

void cup_deflate_close(struct cup_deflate *deflate)
{
    free(deflate);
}

void cup_deflate_begin(struct cup_deflate *deflate)
{
    struct isal_zstream *stream = &deflate->stream;

    isal_deflate_init(stream);
    stream->level          = LEVEL;
    stream->level_buf      = deflate->level_memory;
    stream->level_buf_size = sizeof deflate->level_memory;
    stream->gzip_flag      = IGZIP_GZIP;
    stream->flush          = NO_FLUSH;
}

bool cup_deflate_put(struct cup_deflate *deflate, const void *bytes, size_t count, bool last,
                     uint8_t *out, size_t out_cap, size_t *out_taken, size_t *out_written)
{
    CUP_ASSERT(bytes != NULL || count == 0);
    CUP_ASSERT(out != NULL);

    struct isal_zstream *stream = &deflate->stream;
    uint32_t             in     = (uint32_t)(count < PIECE_BYTES ? count : PIECE_BYTES);
    uint32_t             room   = (uint32_t)(out_cap < PIECE_BYTES ? out_cap : PIECE_BYTES);
    stream->next_in             = (uint8_t *)(uintptr_t)bytes; /* it only reads */
    stream->avail_in            = in;
    stream->next_out            = out;
    stream->avail_out           = room;
    stream->end_of_stream       = last && in == count;

    int status = isal_deflate(stream);
    CUP_ASSERT(status == COMP_OK);
    *out_taken   = in - stream->avail_in;
    *out_written = room - stream->avail_out;
    return stream->internal_state.state == ZSTATE_END;
}
