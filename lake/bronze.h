// SPDX-License-Identifier: Apache-2.0
/* bronze: the archive file: gzip members, each a run of whole records followed by LF.
 *
 *   | member 0 | member 1 | ...   a member is closed at the first record bound past 1 MiB
 * (uncompressed)
 *
 * Sealed (bronze.encrypt), each member's bytes are a stream of kernels/seal of their own, kind
 * MEMBER, `at` its offset in the file; it ends where the next one starts:
 *
 *   | head 40 | chunk | ... | last chunk | head 40 | chunk | ...
 *
 * Every member can be read alone: a torn or flipped file costs the members it hits, not the rest.
 * The index (a Delta table) says for each record: file, start of its member, offset and length
 * inside it.
 *
 * Holds     one deflate object, 64 KiB of output, and as much when sealed; the key.
 * Owner     one worker; one open file at a time.
 * Threads   one.
 * Fails     open (NO_MEMORY); what the sink returns.
 * Tests     tests/lake/test_bronze.c
 */
#ifndef CUP_LAKE_BRONZE_H
#define CUP_LAKE_BRONZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernels/seal/seal.h"
#include "lake/parquet.h"

#define CUP_BRONZE_MEMBER_BYTES (1u << 20)

struct cup_bronze;

CUP_MUST_CHECK enum cup_err cup_bronze_open(struct cup_bronze **out_bronze,
                                            struct cup_fault   *out_fault);
void                        cup_bronze_close(struct cup_bronze *bronze);

/* cup_bronze_begin starts a new file that goes to sink. */
void cup_bronze_begin(struct cup_bronze *bronze, struct cup_sink sink);

/* cup_bronze_seal: files begun from now on are sealed under a copy of key; NULL: they are not. */
void cup_bronze_seal(struct cup_bronze *bronze, const struct cup_seal_key *key);

/* Where the next byte will lie. */
struct cup_bronze_place {
    uint64_t member_at; /* byte offset of the member in the file */
    uint32_t at;        /* byte offset in the uncompressed member */
};
struct cup_bronze_place cup_bronze_place(const struct cup_bronze *bronze);

/* cup_bronze_put archives bytes as they are (the caller sends the LF too). record_end: bytes end at
 * a record bound, so the member may be closed behind them. A put may hold many records, but a
 * caller that needs their places must not let one put cross CUP_BRONZE_MEMBER_BYTES: split it. */
CUP_MUST_CHECK enum cup_err cup_bronze_put(struct cup_bronze *bronze, const uint8_t *bytes,
                                           size_t count, bool record_end,
                                           struct cup_fault *out_fault);

/* cup_bronze_room is how many bytes the open member takes before it is due for closing. */
size_t cup_bronze_room(const struct cup_bronze *bronze);

/* cup_bronze_end closes the last member; *out_bytes is the file's size. An empty file has no
 * member. */
CUP_MUST_CHECK enum cup_err cup_bronze_end(struct cup_bronze *bronze, uint64_t *out_bytes,
                                           struct cup_fault *out_fault);

#endif
