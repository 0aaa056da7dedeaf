// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#define FNV_PRIME 0x100000001b3u

uint64_t cup_hash_bytes(uint64_t hash, const void *at, size_t bytes)
{
    const uint8_t *byte = at;

    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ byte[i]) * FNV_PRIME;
    return hash;
}
