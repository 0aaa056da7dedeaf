// SPDX-License-Identifier: Apache-2.0
/* Goal:   what is sealed opens with its key, whole and where it belongs, and in no other case.
 * Method: lengths around the chunk; every byte of a small stream flipped; every cut; chunks
 * exchanged; another place, kind, key. libsodium's own `pull` is the independent reader of the
 * chunks. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "kernels/seal/seal.h"
#include "tests/check.h"

static struct cup_seal_key key;

static uint8_t *plain(size_t count)
{
    uint8_t *bytes = malloc(count + 1);

    CHECK(bytes != NULL);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    return bytes;
}

static void check_length(size_t count)
{
    uint8_t *bytes = plain(count), *back = plain(count);
    size_t   sealed_bytes = cup_seal_bytes(count);
    uint8_t *sealed       = malloc(sealed_bytes + 1);

    CHECK(sealed != NULL);
    sealed[sealed_bytes] = 0x5A;
    cup_seal_whole(&key, 42, CUP_SEAL_VALUE, bytes, count, sealed);
    CHECK(sealed[sealed_bytes] == 0x5A);
    CHECK(cup_seal_unsealed(sealed_bytes) == count);
    CHECK(cup_seal_is(sealed, sealed_bytes) && !cup_seal_is(sealed, CUP_SEAL_HEAD_BYTES - 1));
    memset(back, 0, count);
    CHECK(cup_seal_open_whole(&key, 42, CUP_SEAL_VALUE, sealed, sealed_bytes, back));
    CHECK(memcmp(back, bytes, count) == 0);
    CHECK(!cup_seal_open_whole(&key, 43, CUP_SEAL_VALUE, sealed, sealed_bytes, back));
    CHECK(!cup_seal_open_whole(&key, 42, CUP_SEAL_KEY, sealed, sealed_bytes, back));
    free(bytes);
    free(back);
    free(sealed);
}

/* Nothing but the stream itself opens. */
static void check_damage(void)
{
    uint8_t sealed[128], back[64], text[] = "an address, a name";
    size_t  count = cup_seal_bytes(sizeof text);

    CHECK(count <= sizeof sealed);
    cup_seal_whole(&key, 0, CUP_SEAL_KEY, text, sizeof text, sealed);
    CHECK(memmem(sealed, count, "address", 7) == NULL);
    for (size_t i = 0; i < count * 8; i++) {
        sealed[i / 8] ^= (uint8_t)(1u << i % 8);
        CHECK(!cup_seal_open_whole(&key, 0, CUP_SEAL_KEY, sealed, count, back));
        sealed[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t cut = 0; cut < count; cut++)
        CHECK(!cup_seal_open_whole(&key, 0, CUP_SEAL_KEY, sealed, cut, back));
    CHECK(cup_seal_open_whole(&key, 0, CUP_SEAL_KEY, sealed, count, back));
    for (size_t i = 0; i < CUP_SEAL_HEAD_BYTES + CUP_SEAL_EXTRA_BYTES; i++)
        CHECK(cup_seal_unsealed(i) == 0);
}

/* Chunks of one stream, exchanged or left out at the end. */
static void check_order(void)
{
    size_t   count = 3ul * CUP_SEAL_CHUNK_BYTES, each = CUP_SEAL_CHUNK_BYTES + CUP_SEAL_EXTRA_BYTES;
    uint8_t *bytes = plain(count), *sealed = malloc(cup_seal_bytes(count)), *one = malloc(each);

    CHECK(sealed != NULL && one != NULL);
    cup_seal_whole(&key, 9, CUP_SEAL_MEMBER, bytes, count, sealed);
    CHECK(!cup_seal_open_whole(&key, 9, CUP_SEAL_MEMBER, sealed, cup_seal_bytes(count) - each,
                               bytes));
    uint8_t *first = sealed + CUP_SEAL_HEAD_BYTES, *second = first + each;
    memcpy(one, first, each);
    memcpy(first, second, each);
    memcpy(second, one, each);
    CHECK(!cup_seal_open_whole(&key, 9, CUP_SEAL_MEMBER, sealed, cup_seal_bytes(count), bytes));
    free(bytes);
    free(sealed);
    free(one);
}

/* A full chunk that is not the last, and an empty one that is: what a writer does that does not
 * know where its stream ends. Read by libsodium alone. */
static void check_stream(void)
{
    const size_t    each  = CUP_SEAL_CHUNK_BYTES + CUP_SEAL_EXTRA_BYTES;
    uint8_t        *bytes = plain(CUP_SEAL_CHUNK_BYTES), *back = plain(CUP_SEAL_CHUNK_BYTES);
    uint8_t        *sealed = malloc(CUP_SEAL_HEAD_BYTES + each + CUP_SEAL_EXTRA_BYTES);
    struct cup_seal seal;
    unsigned char   tag;
    uint8_t         about[9] = {1, 2, 0, 0, 0, 0, 0, 0, 'm'};

    CHECK(sealed != NULL);
    cup_seal_begin(&seal, &key, 0x201, CUP_SEAL_MEMBER, sealed);
    cup_seal_chunk(&seal, bytes, CUP_SEAL_CHUNK_BYTES, false, sealed + CUP_SEAL_HEAD_BYTES);
    cup_seal_chunk(&seal, bytes, 0, true, sealed + CUP_SEAL_HEAD_BYTES + each);
    crypto_secretstream_xchacha20poly1305_state state;
    CHECK(crypto_secretstream_xchacha20poly1305_init_pull(&state, sealed + 16, key.bytes) == 0);
    CHECK(crypto_secretstream_xchacha20poly1305_pull(&state, back, NULL, &tag,
                                                     sealed + CUP_SEAL_HEAD_BYTES, each, about,
                                                     sizeof about) == 0);
    CHECK(tag == crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
    CHECK(memcmp(back, bytes, CUP_SEAL_CHUNK_BYTES) == 0);
    CHECK(crypto_secretstream_xchacha20poly1305_pull(
              &state, back, NULL, &tag, sealed + CUP_SEAL_HEAD_BYTES + each, CUP_SEAL_EXTRA_BYTES,
              about, sizeof about) == 0);
    CHECK(tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL);
    CHECK(cup_seal_open_whole(&key, 0x201, CUP_SEAL_MEMBER, sealed,
                              CUP_SEAL_HEAD_BYTES + each + CUP_SEAL_EXTRA_BYTES, back));
    free(bytes);
    free(back);
    free(sealed);
}

static void check_keys(void)
{
    struct cup_seal_key other, same;
    uint8_t             sealed[64], back[8];

    cup_seal_key_make(&other);
    CHECK(memcmp(other.bytes, key.bytes, sizeof key.bytes) != 0);
    CHECK(memcmp(other.id, key.id, sizeof key.id) != 0);
    cup_seal_key_take(key.bytes, &same);
    CHECK(memcmp(&same, &key, sizeof key) == 0);
    cup_seal_whole(&key, 1, CUP_SEAL_VALUE, "x", 1, sealed);
    CHECK(!cup_seal_open_whole(&other, 1, CUP_SEAL_VALUE, sealed, cup_seal_bytes(1), back));
    memcpy(other.id, key.id, sizeof key.id); /* as if two keys had one fingerprint */
    CHECK(!cup_seal_open_whole(&other, 1, CUP_SEAL_VALUE, sealed, cup_seal_bytes(1), back));
    cup_seal_key_forget(&other);
    for (size_t i = 0; i < sizeof other.bytes; i++)
        CHECK(other.bytes[i] == 0);
}

int main(void)
{
    struct cup_fault fault;
    const size_t     lengths[] = {0,
                                  1,
                                  17,
                                  CUP_SEAL_CHUNK_BYTES - 1,
                                  CUP_SEAL_CHUNK_BYTES,
                                  CUP_SEAL_CHUNK_BYTES + 1,
                                  2 * CUP_SEAL_CHUNK_BYTES,
                                  200000};

    CHECK(cup_seal_init(&fault) == CUP_OK);
    cup_seal_key_make(&key);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        check_length(lengths[i]);
    check_damage();
    check_order();
    check_stream();
    check_keys();
    return 0;
}
