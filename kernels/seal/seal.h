// SPDX-License-Identifier: Apache-2.0
/* seal: bytes at rest that open only with their key, only whole, and only where they belong.
 *
 *   | "CUPSEAL1" | key id 8 | stream header 24 | chunk | chunk | ... | last chunk |
 *
 * A chunk is 64 KiB of plain bytes and 17 more; the last one holds 0..64 KiB and says that it is
 * the last. `at` and `kind` are no part of the bytes, but are authenticated with each chunk. The
 * key id is BLAKE2b of the key, 8 bytes: it tells an erased key from damaged bytes.
 *
 * Holds     the cipher's state, in the caller's struct.
 * Owner     one thread.
 * Fails     init: UNSUPPORTED. Opening: a verdict.
 * Bounds    CUP_SEAL_*.
 * Source    libsodium, crypto_secretstream_xchacha20poly1305
 * Tests     tests/kernels/test_seal.c
 */
#ifndef CUP_KERNELS_SEAL_SEAL_H
#define CUP_KERNELS_SEAL_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CUP_SEAL_KEY_BYTES   32u
#define CUP_SEAL_ID_BYTES    8u
#define CUP_SEAL_HEAD_BYTES  40u
#define CUP_SEAL_CHUNK_BYTES (64u << 10)
#define CUP_SEAL_EXTRA_BYTES 17u

struct cup_seal_key {
    uint8_t bytes[CUP_SEAL_KEY_BYTES];
    uint8_t id[CUP_SEAL_ID_BYTES];
};

struct cup_seal {
    uint64_t state[8]; /* libsodium's, checked in seal.c */
    uint8_t  about[9]; /* at, kind */
};

/* What the bytes are: part of what is authenticated. */
enum cup_seal_kind {
    CUP_SEAL_MEMBER  = 'm', /* of a bronze file; at: its offset in the file */
    CUP_SEAL_KEY     = 'k', /* of a record; at: its position in the input, as for the others */
    CUP_SEAL_HEADERS = 'h',
    CUP_SEAL_VALUE   = 'v',
};

/* cup_seal_init must have returned CUP_OK once in the process before anything else here. */
CUP_MUST_CHECK enum cup_err cup_seal_init(struct cup_fault *out_fault);

/* cup_seal_key_make draws a random key; cup_seal_key_take is a key that was drawn before. */
void cup_seal_key_make(struct cup_seal_key *out_key);
void cup_seal_key_take(const uint8_t bytes[CUP_SEAL_KEY_BYTES], struct cup_seal_key *out_key);
void cup_seal_key_forget(struct cup_seal_key *key);

/* cup_seal_begin starts a stream with its head; cup_seal_chunk writes count + CUP_SEAL_EXTRA_BYTES
 * bytes. All chunks but the last are CUP_SEAL_CHUNK_BYTES long. */
void cup_seal_begin(struct cup_seal *seal, const struct cup_seal_key *key, uint64_t at,
                    enum cup_seal_kind kind, uint8_t out_head[CUP_SEAL_HEAD_BYTES]);
void cup_seal_chunk(struct cup_seal *seal, const void *bytes, size_t count, bool last,
                    uint8_t *out);

/* cup_seal_is: the bytes begin as a stream does. */
bool cup_seal_is(const void *bytes, size_t count);

/* cup_seal_is_of: the head of a stream names this key. */
bool cup_seal_is_of(const struct cup_seal_key *key, const uint8_t head[CUP_SEAL_HEAD_BYTES]);

/* cup_seal_open starts reading a stream. False: no head, or one of another key.
 * cup_seal_open_chunk writes count - CUP_SEAL_EXTRA_BYTES bytes; false: damaged, cut, or moved. */
CUP_MUST_CHECK bool cup_seal_open(struct cup_seal *seal, const struct cup_seal_key *key,
                                  uint64_t at, enum cup_seal_kind kind,
                                  const uint8_t head[CUP_SEAL_HEAD_BYTES]);
CUP_MUST_CHECK bool cup_seal_open_chunk(struct cup_seal *seal, const uint8_t *bytes, size_t count,
                                        bool last, uint8_t *out);

/* A stream in one piece. cup_seal_bytes is its length; cup_seal_unsealed that of what is in it, 0
 * when so many bytes are no stream. */
size_t cup_seal_bytes(size_t count);
size_t cup_seal_unsealed(size_t count);
void   cup_seal_whole(const struct cup_seal_key *key, uint64_t at, enum cup_seal_kind kind,
                      const void *bytes, size_t count, uint8_t *out);
CUP_MUST_CHECK bool cup_seal_open_whole(const struct cup_seal_key *key, uint64_t at,
                                        enum cup_seal_kind kind, const uint8_t *bytes, size_t count,
                                        uint8_t *out);

#endif
