// SPDX-License-Identifier: Apache-2.0
/* rnd: seeded random numbers (tests, generator) and unique names (files, ids). */
#ifndef CUP_BASE_RND_H
#define CUP_BASE_RND_H

#include <stdint.h>

struct cup_rnd {
    uint64_t state;
};

/* cup_rnd_seed: equal seeds give equal sequences for ever. */
struct cup_rnd cup_rnd_seed(uint64_t seed);

/* cup_rnd_u64: xorshift64*. Not for secrets. */
uint64_t cup_rnd_u64(struct cup_rnd *rnd);

/* cup_rnd_below: uniform in 0..below-1; below > 0. */
uint32_t cup_rnd_below(struct cup_rnd *rnd, uint32_t below);

#define CUP_UUID_TEXT_BYTES 37 /* with NUL */

/* cup_rnd_uuid writes a version 4 UUID from the kernel's random source. */
void cup_rnd_uuid(char out_text[CUP_UUID_TEXT_BYTES]);

#endif
