// SPDX-License-Identifier: Apache-2.0
/* isal: checksums, gzip members and inflating; the one place that calls ISA-L.
 *
 * Threads   the CRC functions any; a deflate or inflate object one.
 * Tests     tests/kernels/test_isal.c
 */
#ifndef CUP_KERNELS_ISAL_ISAL_H
#define CUP_KERNELS_ISAL_ISAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* cup_crc32c (journal, files; polynomial 0x1EDC6F41) and cup_crc32 (gzip, Parquet pages;
 * 0x04C11DB7). seed 0 starts; a result is the seed for more bytes. */
uint32_t cup_crc32c(uint32_t seed, const void *bytes, size_t count);
uint32_t cup_crc32(uint32_t seed, const void *bytes, size_t count);

/* --- writing gzip members (RFC 1952), level 1 --- */

struct cup_deflate;

CUP_MUST_CHECK enum cup_err cup_deflate_open(struct cup_deflate **out_deflate,
                                             struct cup_fault    *out_fault);
void                        cup_deflate_close(struct cup_deflate *deflate);

/* cup_deflate_begin starts a member. Then cup_deflate_put takes bytes[0..count) and writes to
 * out[0..out_cap): call it again with the rest while *out_taken < count. `last` ends the member:
 * call until it returns true (all written, trailer included). Never fails on any input. */
void cup_deflate_begin(struct cup_deflate *deflate);
bool cup_deflate_put(struct cup_deflate *deflate, const void *bytes, size_t count, bool last,
                     uint8_t *out, size_t out_cap, size_t *out_taken, size_t *out_written);

/* --- reading gzip files of one or many members --- */

struct cup_inflate;

CUP_MUST_CHECK enum cup_err cup_inflate_open(struct cup_inflate **out_inflate,
                                             struct cup_fault    *out_fault);
void                        cup_inflate_close(struct cup_inflate *inflate);

/* cup_inflate_reset prepares for the first byte of a file (or of a member). */
void cup_inflate_reset(struct cup_inflate *inflate);

/* cup_inflate_more reads in[0..in_bytes), writes to out[0..out_cap); members follow each other,
 * each with its CRC and length checked.
 *
 * Returns   CUP_OK: call again with more input or more room; CUP_END: a member ended exactly here
 * and all input was taken (the file may end now); CUP_CORRUPT: not gzip, or a checksum is wrong. A
 * file that ends while the last answer was not CUP_END is cut off. */
CUP_MUST_CHECK enum cup_err cup_inflate_more(struct cup_inflate *inflate, const uint8_t *in,
                                             size_t in_bytes, uint8_t *out, size_t out_cap,
                                             size_t *out_taken, size_t *out_written);

/* cup_inflate_ended: a member ended within the last call, verified; the last one that did ended
 * behind *out_written of the bytes that the call wrote. */
bool cup_inflate_ended(const struct cup_inflate *inflate, size_t *out_written);

#endif
