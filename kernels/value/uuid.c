// SPDX-License-Identifier: Apache-2.0
#include "kernels/value/uuid.h"

#include <string.h>

#define BLOCK_BYTES  64u
#define LENGTH_BYTES 8u
#define HASH_BYTES   16u

/* floor(2^32 |sin(i + 1)|) */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static const uint8_t turns[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static uint32_t mixed(uint32_t step, const uint32_t state[4])
{
    uint32_t b = state[1], c = state[2], d = state[3];

    switch (step / 16) {
    case 0: return (b & c) | (~b & d);
    case 1: return (d & b) | (~d & c);
    case 2: return b ^ c ^ d;
    default: return c ^ (b | ~d);
    }
}

static void hash_block(const uint8_t block[BLOCK_BYTES], uint32_t state[4])
{
    static const uint8_t factor[4] = {1, 5, 3, 7}, start[4] = {0, 1, 5, 0};
    uint32_t             words[16], now[4];

    memcpy(words, block, sizeof words); /* little endian, as the machine */
    memcpy(now, state, sizeof now);
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t word = words[(factor[i / 16] * i + start[i / 16]) % 16];
        uint32_t sum  = now[0] + mixed(i, now) + sines[i] + word;
        uint32_t turn = turns[i / 16][i % 4];
        now[0]        = now[3];
        now[3]        = now[2];
        now[2]        = now[1];
        now[1] += sum << turn | sum >> (32 - turn);
    }
    for (int i = 0; i < 4; i++)
        state[i] += now[i];
}

static void md5(const uint8_t *bytes, size_t count, uint8_t out_hash[HASH_BYTES])
{
    uint32_t state[4]              = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    uint8_t  tail[2 * BLOCK_BYTES] = {0};
    uint64_t bit_count             = (uint64_t)count * 8;
    size_t   rest                  = count % BLOCK_BYTES;

    for (size_t at = 0; at + BLOCK_BYTES <= count; at += BLOCK_BYTES)
        hash_block(bytes + at, state);
    memcpy(tail, bytes + count - rest, rest);
    tail[rest]  = 0x80;
    size_t used = rest + 1 + LENGTH_BYTES <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
    memcpy(tail + used - LENGTH_BYTES, &bit_count, LENGTH_BYTES);
    for (size_t at = 0; at < used; at += BLOCK_BYTES)
        hash_block(tail + at, state);
    memcpy(out_hash, state, HASH_BYTES);
}

void cup_uuid_named(const uint8_t *name, size_t bytes, uint8_t out_text[CUP_UUID_NAMED_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t           hash[HASH_BYTES];
    size_t            at = 0;

    md5(name, bytes, hash);
    hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x30); /* version 3: of a name, by MD5 */
    hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < HASH_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out_text[at++] = '-';
        out_text[at++] = (uint8_t)digits[hash[i] >> 4];
        out_text[at++] = (uint8_t)digits[hash[i] & 15];
    }
}
