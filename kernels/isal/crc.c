// SPDX-License-Identifier: Apache-2.0
#include "kernels/isal/isal.h"

#include <isa-l/crc.h>

#define PIECE_BYTES ((size_t)1 << 30) /* crc32_iscsi counts in int */

uint32_t cup_crc32c(uint32_t seed, const void *bytes, size_t count)
{
    CUP_ASSERT(bytes != NULL || count == 0);

    /* crc32_iscsi is the bare register: it inverts neither at the start nor at the end. It does not
     * write, but takes no const pointer. */
    unsigned char *at  = (unsigned char *)(uintptr_t)bytes;
    uint32_t       crc = ~seed;
    while (count > 0) {
        size_t piece = count < PIECE_BYTES ? count : PIECE_BYTES;
        crc          = crc32_iscsi(at, (int)piece, crc);
        at += piece;
        count -= piece;
    }
    return ~crc;
}

uint32_t cup_crc32(uint32_t seed, const void *bytes, size_t count)
{
    CUP_ASSERT(bytes != NULL || count == 0);

    return count == 0 ? seed : crc32_gzip_refl(seed, bytes, count);
}
