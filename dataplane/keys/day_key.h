// SPDX-License-Identifier: Apache-2.0
/* day_key: the key of a pipeline and a day: a file below the key folder, never below the lake.
 *
 *   KEYS/<domain>/<pipeline>/<YYYY-MM-DD>.key    32 bytes, 0600
 *
 * Holds     nothing.
 * Threads   any; makers of one key agree on the first.
 * Fails     IO, NO_SPACE; NOT_FOUND when there is no key and none shall be made; BAD_DATA for a
 * file that is no key or that others may read. Bounds    paths of PATH_MAX. Tests
 * tests/dataplane/test_day_key.c
 */
#ifndef CUP_DATAPLANE_KEYS_DAY_KEY_H
#define CUP_DATAPLANE_KEYS_DAY_KEY_H

#include "kernels/seal/seal.h"

struct cup_day_keys {
    const char *folder, *domain, *pipeline;
};

/* cup_day_key_load reads the key of a day ("2026-11-21", anything else is BAD_DATA). */
CUP_MUST_CHECK enum cup_err cup_day_key_load(const struct cup_day_keys *keys, const char *day,
                                             struct cup_seal_key *out_key,
                                             struct cup_fault    *out_fault);

/* cup_day_key_take makes it if there is none; it is durable when it returns. */
CUP_MUST_CHECK enum cup_err cup_day_key_take(const struct cup_day_keys *keys, const char *day,
                                             struct cup_seal_key *out_key,
                                             struct cup_fault    *out_fault);

#endif
