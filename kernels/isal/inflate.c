// SPDX-License-Identifier: Apache-2.0
#include "kernels/isal/isal.h"

#include <stdlib.h>

#include <isa-l/igzip_lib.h>

#define PIECE_BYTES ((size_t)1 << 30) /* the state counts in 32 bits */

/*            first byte          trailer right, no input left
 *   BETWEEN -----------> INSIDE -----------------------------> BETWEEN (CUP_END)
 *                          |  trailer right, more input: INSIDE again, next member
 *                          '-> BROKEN (CUP_CORRUPT, until the next reset) */
enum place {
    PLACE_START,   /* nothing read: an empty file is cut off */
    PLACE_INSIDE,  /* of a member */
    PLACE_BETWEEN, /* a member has ended, the next has not begun */
    PLACE_BROKEN,
};

struct cup_inflate {
    struct inflate_state state;
    enum place           place;
    bool                 ended; /* in the last call a member ended, behind so many bytes of it */
    size_t               ended_at;
};

enum cup_err cup_inflate_open(struct cup_inflate **out_inflate, struct cup_fault *out_fault)
{
    CUP_ASSERT(out_inflate != NULL);

    struct cup_inflate *inflate = malloc(sizeof *inflate);
    if (inflate == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "make a decompressor", NULL);
    cup_inflate_reset(inflate);
    *out_inflate = inflate;
    return CUP_OK;
}

void cup_inflate_close(struct cup_inflate *inflate)
{
    free(inflate);
}

void cup_inflate_reset(struct cup_inflate *inflate)
{
    isal_inflate_init(&inflate->state);
    inflate->state.crc_flag = ISAL_GZIP;
    inflate->place          = PLACE_START;
    inflate->ended          = false;
}

/* One run of the decoder, within one member. */
static enum cup_err step(struct cup_inflate *inflate)
{
    struct inflate_state *state = &inflate->state;

    inflate->place = PLACE_INSIDE;
    if (isal_inflate(state) < 0) {
        inflate->place = PLACE_BROKEN;
        return CUP_CORRUPT;
    }
    if (state->block_state == ISAL_BLOCK_FINISH) {
        inflate->place = PLACE_BETWEEN;
        return CUP_END;
    }
    return CUP_OK;
}

enum cup_err cup_inflate_more(struct cup_inflate *inflate, const uint8_t *in, size_t in_bytes,
                              uint8_t *out, size_t out_cap, size_t *out_taken, size_t *out_written)
{
    CUP_ASSERT(in != NULL || in_bytes == 0);
    CUP_ASSERT(out != NULL);

    if (inflate->place == PLACE_BROKEN) return CUP_CORRUPT;

    struct inflate_state *state = &inflate->state;
    uint32_t              most  = (uint32_t)(in_bytes < PIECE_BYTES ? in_bytes : PIECE_BYTES);
    uint32_t              room  = (uint32_t)(out_cap < PIECE_BYTES ? out_cap : PIECE_BYTES);
    enum cup_err          err   = inflate->place == PLACE_BETWEEN ? CUP_END : CUP_OK;
    state->next_in              = (uint8_t *)(uintptr_t)in; /* it only reads */
    state->avail_in             = most;
    state->next_out             = out;
    state->avail_out            = room;
    inflate->ended              = false;

    /* without new input the decoder may still have bytes to write */
    while (inflate->place == PLACE_INSIDE || state->avail_in > 0) {
        if (inflate->place == PLACE_BETWEEN) isal_inflate_reset(state);
        err = step(inflate);
        if (err != CUP_END) break;
        inflate->ended    = true;
        inflate->ended_at = room - state->avail_out;
    }
    if (err == CUP_CORRUPT) return err;

    /* The decoder holds up to eight bytes of input in a register and hands back what a member did
     * not need; a trailer has eight, so that is never a byte of an earlier call. */
    CUP_ASSERT(state->avail_in <= most);
    CUP_ASSERT(state->avail_out <= room);
    *out_taken   = most - state->avail_in;
    *out_written = room - state->avail_out;
    return err == CUP_END && *out_taken < in_bytes ? CUP_OK : err;
}

bool cup_inflate_ended(const struct cup_inflate *inflate, size_t *out_written)
{
    if (inflate->ended) *out_written = inflate->ended_at;
    return inflate->ended;
}
