// SPDX-License-Identifier: Apache-2.0
#include "base/rnd.h"

#include <sys/random.h>

#include "base/err.h"

struct cup_rnd cup_rnd_seed(uint64_t seed)
{
    uint64_t state =
        (seed + 1) * 0x9E3779B97F4A7C15u; /* splitmix: small seeds must differ widely */

    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9u;
    state = (state ^ state >> 27) * 0x94D049BB133111EBu;
    return (struct cup_rnd){.state = (state ^ state >> 31) | 1};
}

uint64_t cup_rnd_u64(struct cup_rnd *rnd)
{
    CUP_ASSERT(rnd->state != 0);
    rnd->state ^= rnd->state >> 12;
    rnd->state ^= rnd->state << 25;
    rnd->state ^= rnd->state >> 27;
    return rnd->state * 0x2545F4914F6CDD1Du;
}

uint32_t cup_rnd_below(struct cup_rnd *rnd, uint32_t below)
{
    CUP_ASSERT(below > 0);
    return (uint32_t)((cup_rnd_u64(rnd) >> 32) * below >> 32);
}

void cup_rnd_uuid(char out_text[CUP_UUID_TEXT_BYTES])
{
    uint8_t b[16];

    CUP_ASSERT(getrandom(b, sizeof b, 0) == (ssize_t)sizeof b);
    b[6]        = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8]        = (uint8_t)((b[8] & 0x3f) | 0x80);
    int written = snprintf(out_text, CUP_UUID_TEXT_BYTES,
                           "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                           b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
                           b[12], b[13], b[14], b[15]);
    CUP_ASSERT(written == CUP_UUID_TEXT_BYTES - 1);
}
