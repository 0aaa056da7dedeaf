// SPDX-License-Identifier: Apache-2.0
#include "kernels/seal/seal.h"

#include <string.h>

#include <sodium.h>

#define MAGIC       "CUPSEAL1"
#define MAGIC_BYTES 8u
#define HEADER_AT   (MAGIC_BYTES + CUP_SEAL_ID_BYTES)
#define SEALED_MAX  (CUP_SEAL_CHUNK_BYTES + CUP_SEAL_EXTRA_BYTES)

typedef crypto_secretstream_xchacha20poly1305_state state;

_Static_assert(sizeof(state) <= sizeof((struct cup_seal *)0)->state, "the state fits");
_Static_assert(CUP_SEAL_EXTRA_BYTES == crypto_secretstream_xchacha20poly1305_ABYTES, "a tag");
_Static_assert(HEADER_AT + crypto_secretstream_xchacha20poly1305_HEADERBYTES == CUP_SEAL_HEAD_BYTES,
               "a head");
_Static_assert(CUP_SEAL_KEY_BYTES == crypto_secretstream_xchacha20poly1305_KEYBYTES, "a key");

enum cup_err cup_seal_init(struct cup_fault *out_fault)
{
    if (sodium_init() >= 0) return CUP_OK; /* 1: it was already */
    return cup_fault_set(out_fault, CUP_UNSUPPORTED, "libsodium does not start", NULL);
}

void cup_seal_key_take(const uint8_t bytes[CUP_SEAL_KEY_BYTES], struct cup_seal_key *out_key)
{
    uint8_t whole[crypto_generichash_BYTES];

    memcpy(out_key->bytes, bytes, CUP_SEAL_KEY_BYTES);
    CUP_ASSERT(crypto_generichash(whole, sizeof whole, bytes, CUP_SEAL_KEY_BYTES, NULL, 0) == 0);
    memcpy(out_key->id, whole, CUP_SEAL_ID_BYTES);
}

void cup_seal_key_make(struct cup_seal_key *out_key)
{
    uint8_t bytes[CUP_SEAL_KEY_BYTES];

    randombytes_buf(bytes, sizeof bytes);
    cup_seal_key_take(bytes, out_key);
    sodium_memzero(bytes, sizeof bytes);
}

void cup_seal_key_forget(struct cup_seal_key *key)
{
    sodium_memzero(key, sizeof *key);
}

static void set_about(struct cup_seal *seal, uint64_t at, enum cup_seal_kind kind)
{
    memcpy(seal->about, &at, sizeof at); /* little endian, as all machines cupel runs on */
    seal->about[sizeof at] = (uint8_t)kind;
}

void cup_seal_begin(struct cup_seal *seal, const struct cup_seal_key *key, uint64_t at,
                    enum cup_seal_kind kind, uint8_t out_head[CUP_SEAL_HEAD_BYTES])
{
    set_about(seal, at, kind);
    memcpy(out_head, MAGIC, MAGIC_BYTES);
    memcpy(out_head + MAGIC_BYTES, key->id, CUP_SEAL_ID_BYTES);
    CUP_ASSERT(crypto_secretstream_xchacha20poly1305_init_push(
                   (state *)(void *)seal->state, out_head + HEADER_AT, key->bytes) == 0);
}

void cup_seal_chunk(struct cup_seal *seal, const void *bytes, size_t count, bool last, uint8_t *out)
{
    unsigned char tag = last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL
                             : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;

    CUP_ASSERT(count == CUP_SEAL_CHUNK_BYTES || (last && count < CUP_SEAL_CHUNK_BYTES));
    CUP_ASSERT(crypto_secretstream_xchacha20poly1305_push((state *)(void *)seal->state, out, NULL,
                                                          bytes, count, seal->about,
                                                          sizeof seal->about, tag) == 0);
}

bool cup_seal_is(const void *bytes, size_t count)
{
    return count >= CUP_SEAL_HEAD_BYTES && memcmp(bytes, MAGIC, MAGIC_BYTES) == 0;
}

bool cup_seal_is_of(const struct cup_seal_key *key, const uint8_t head[CUP_SEAL_HEAD_BYTES])
{
    return memcmp(head + MAGIC_BYTES, key->id, CUP_SEAL_ID_BYTES) == 0;
}

bool cup_seal_open(struct cup_seal *seal, const struct cup_seal_key *key, uint64_t at,
                   enum cup_seal_kind kind, const uint8_t head[CUP_SEAL_HEAD_BYTES])
{
    if (!cup_seal_is(head, CUP_SEAL_HEAD_BYTES)) return false;
    if (!cup_seal_is_of(key, head)) return false;
    set_about(seal, at, kind);
    return crypto_secretstream_xchacha20poly1305_init_pull((state *)(void *)seal->state,
                                                           head + HEADER_AT, key->bytes) == 0;
}

bool cup_seal_open_chunk(struct cup_seal *seal, const uint8_t *bytes, size_t count, bool last,
                         uint8_t *out)
{
    unsigned char tag = 0;

    if (count < CUP_SEAL_EXTRA_BYTES || count > SEALED_MAX) return false;
    if (crypto_secretstream_xchacha20poly1305_pull((state *)(void *)seal->state, out, NULL, &tag,
                                                   bytes, count, seal->about,
                                                   sizeof seal->about) != 0)
        return false;
    return (tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL) == last;
}

size_t cup_seal_bytes(size_t count)
{
    size_t chunks = count == 0 ? 1 : (count + CUP_SEAL_CHUNK_BYTES - 1) / CUP_SEAL_CHUNK_BYTES;

    return CUP_SEAL_HEAD_BYTES + count + chunks * CUP_SEAL_EXTRA_BYTES;
}

size_t cup_seal_unsealed(size_t count)
{
    if (count < CUP_SEAL_HEAD_BYTES + CUP_SEAL_EXTRA_BYTES) return 0;
    size_t rest   = count - CUP_SEAL_HEAD_BYTES;
    size_t chunks = (rest + SEALED_MAX - 1) / SEALED_MAX;
    return rest < chunks * CUP_SEAL_EXTRA_BYTES ? 0 : rest - chunks * CUP_SEAL_EXTRA_BYTES;
}

void cup_seal_whole(const struct cup_seal_key *key, uint64_t at, enum cup_seal_kind kind,
                    const void *bytes, size_t count, uint8_t *out)
{
    struct cup_seal seal;
    const uint8_t  *from = bytes;

    cup_seal_begin(&seal, key, at, kind, out);
    out += CUP_SEAL_HEAD_BYTES;
    for (bool last = false; !last;) {
        last         = count <= CUP_SEAL_CHUNK_BYTES;
        size_t chunk = last ? count : CUP_SEAL_CHUNK_BYTES;
        cup_seal_chunk(&seal, from, chunk, last, out);
        from += chunk;
        count -= chunk;
        out += chunk + CUP_SEAL_EXTRA_BYTES;
    }
}

bool cup_seal_open_whole(const struct cup_seal_key *key, uint64_t at, enum cup_seal_kind kind,
                         const uint8_t *bytes, size_t count, uint8_t *out)
{
    struct cup_seal seal;

    if (count < CUP_SEAL_HEAD_BYTES || !cup_seal_open(&seal, key, at, kind, bytes)) return false;
    bytes += CUP_SEAL_HEAD_BYTES;
    count -= CUP_SEAL_HEAD_BYTES;
    for (bool last = false; !last;) {
        last         = count <= SEALED_MAX;
        size_t chunk = last ? count : SEALED_MAX;
        if (!cup_seal_open_chunk(&seal, bytes, chunk, last, out)) return false;
        bytes += chunk;
        count -= chunk;
        out += chunk - CUP_SEAL_EXTRA_BYTES;
    }
    return true;
}
