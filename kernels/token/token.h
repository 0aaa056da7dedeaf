// SPDX-License-Identifier: Apache-2.0
/* token: keyed names for values: equal bytes under one key get one token, and nobody without the
 * key can go back. The one place that calls libcrypto.
 *
 *   key file --derive (HKDF-SHA256, info = "cupel token " domain)--> subkey
 *   bytes --HMAC-SHA256(subkey)--> 32 bytes --> "k1:" and 43 characters of base64url
 *
 * Holds     one HMAC context with its key; opened at boot, reset for each value.
 * Owner     one thread.
 * Fails     open and derive only: NO_MEMORY, UNSUPPORTED (libcrypto has no such algorithm).
 * Bounds    CUP_TOKEN_*.
 * Source    RFC 2104 (HMAC), RFC 5869 (HKDF), RFC 4648 section 5 (base64url, here without padding)
 * Tests     tests/kernels/test_token.c
 */
#ifndef CUP_KERNELS_TOKEN_TOKEN_H
#define CUP_KERNELS_TOKEN_TOKEN_H

#include <stdint.h>

#include "base/err.h"

#define CUP_TOKEN_KEY_BYTES  32u /* of a subkey, and the least that a key file may hold */
#define CUP_TOKEN_HASH_BYTES 32u
#define CUP_TOKEN_ID_MAX     16u                         /* a key's id: it stands in every token */
#define CUP_TOKEN_TEXT_MAX   (CUP_TOKEN_ID_MAX + 1 + 43) /* id, colon, base64url of the hash */

struct cup_token;

/* cup_token_open keeps a copy of key and id. */
CUP_MUST_CHECK enum cup_err cup_token_open(const uint8_t *key, size_t key_bytes, const char *id,
                                           struct cup_token **out_token,
                                           struct cup_fault  *out_fault);
void                        cup_token_close(struct cup_token *token); /* NULL is accepted */

/* cup_token_hash is HMAC-SHA256 of bytes.
 * Cost      1 to 2 us for short values (test_token bench). */
void cup_token_hash(struct cup_token *token, const void *bytes, size_t count,
                    uint8_t out_hash[CUP_TOKEN_HASH_BYTES]);

/* cup_token_text writes the token of bytes, at most CUP_TOKEN_TEXT_MAX characters without NUL, and
 * returns how many. */
uint32_t cup_token_text(struct cup_token *token, const void *bytes, size_t count, char *out);

/* cup_token_derive is HKDF-SHA256 with the salt (may be empty); out_bytes at most 255 * 32. */
CUP_MUST_CHECK enum cup_err cup_token_derive(const uint8_t *key, size_t key_bytes,
                                             const uint8_t *salt, size_t salt_bytes,
                                             const uint8_t *info, size_t info_bytes, uint8_t *out,
                                             size_t out_bytes, struct cup_fault *out_fault);

/* cup_token_forget overwrites a key that is not needed any more. */
void cup_token_forget(void *key, size_t count);

#endif
