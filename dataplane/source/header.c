// SPDX-License-Identifier: Apache-2.0
#include "dataplane/source/batch.h"

#include <string.h>

#include "base/err.h"

#define LENGTHS_BYTES 8u

int cup_header_next(const uint8_t *headers, uint32_t bytes, uint32_t *at, struct cup_header *out)
{
    uint32_t name_bytes;
    int32_t  value_bytes;

    CUP_ASSERT(*at <= bytes);
    if (*at == bytes) return 0;
    uint32_t left = bytes - *at;
    CUP_ASSERT(left >= LENGTHS_BYTES);
    memcpy(&name_bytes, headers + *at, sizeof name_bytes);
    memcpy(&value_bytes, headers + *at + 4, sizeof value_bytes);
    uint32_t present = value_bytes < 0 ? 0 : (uint32_t)value_bytes;
    CUP_ASSERT(value_bytes >= -1);
    CUP_ASSERT((uint64_t)name_bytes + present <= left - LENGTHS_BYTES);
    const uint8_t *name = headers + *at + LENGTHS_BYTES;
    *out                = (struct cup_header){
                       .name        = name,
                       .name_bytes  = name_bytes,
                       .value       = value_bytes < 0 ? NULL : name + name_bytes,
                       .value_bytes = present,
    };
    *at += LENGTHS_BYTES + name_bytes + present;
    return 1;
}

uint32_t cup_header_put(uint8_t *out, uint32_t cap, const uint8_t *name, uint32_t name_bytes,
                        const uint8_t *value, uint32_t value_bytes)
{
    uint32_t present = value != NULL ? value_bytes : 0;
    int32_t  length  = value != NULL ? (int32_t)value_bytes : -1;

    CUP_ASSERT(present <= INT32_MAX);
    uint64_t need = (uint64_t)LENGTHS_BYTES + name_bytes + present;
    if (need > cap) return 0;
    /* the texts may stand in their places already */
    memmove(out + LENGTHS_BYTES, name, name_bytes);
    if (present != 0) memmove(out + LENGTHS_BYTES + name_bytes, value, present);
    memcpy(out, &name_bytes, sizeof name_bytes);
    memcpy(out + 4, &length, sizeof length);
    return (uint32_t)need;
}
