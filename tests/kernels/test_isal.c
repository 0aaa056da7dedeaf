// SPDX-License-Identifier: Apache-2.0
/* Goal:   checksums are the published ones; gzip files we write are read by others and by us, and a
 *         file that is damaged or cut off is never taken for a whole one.
 * Method: published vectors; random texts in random pieces through both directions, buffers
 *         overwritten after each call; gzip(1) and Python read the same files; every byte of a
 *         small file of two members cut off, and changed. */
#include "kernels/isal/isal.h"

#include <unistd.h>

#include "tests/check.h"

#define TEXT_BYTES   (300u << 10)
#define PACKED_BYTES (TEXT_BYTES + (64u << 10))

static uint8_t text[TEXT_BYTES], packed[PACKED_BYTES], unpacked[TEXT_BYTES + 1];

static void check_crc(struct cup_rnd *rnd)
{
    uint8_t ramp[64], zeros[64] = {0}, ones[32];

    memset(ones, 0xFF, sizeof ones);
    for (uint32_t i = 0; i < sizeof ramp; i++)
        ramp[i] = (uint8_t)i;
    CHECK(cup_crc32c(0, NULL, 0) == 0 && cup_crc32(0, NULL, 0) == 0);
    CHECK(cup_crc32c(7, NULL, 0) == 7 && cup_crc32(7, NULL, 0) == 7);
    CHECK(cup_crc32c(0, "123456789", 9) == 0xe3069283);
    CHECK(cup_crc32(0, "123456789", 9) == 0xcbf43926);
    CHECK(cup_crc32c(0, zeros, 32) == 0x8a9136aa && cup_crc32(0, zeros, 32) == 0x190a55ad);
    CHECK(cup_crc32c(0, ones, 32) == 0x62a8ab43);
    CHECK(cup_crc32c(0, ramp, 32) == 0x46dd794e);
    CHECK(cup_crc32c(0, zeros, 64) == 0x03c8eb67);
    CHECK(cup_crc32c(0, ramp, 64) == 0xfb6d36eb && cup_crc32(0, ramp, 64) == 0x100ece8c);
    CHECK(cup_crc32c(0, ramp, 40) == 0x134ef083);
    CHECK(cup_crc32c(0x134ef083, ramp + 40, 24) == 0xfb6d36eb);
    for (int i = 0; i < 200; i++) {
        uint32_t bytes = cup_rnd_below(rnd, 5000), cut = cup_rnd_below(rnd, bytes + 1);
        CHECK(cup_crc32c(cup_crc32c(0, text, cut), text + cut, bytes - cut) ==
              cup_crc32c(0, text, bytes));
        CHECK(cup_crc32(cup_crc32(0, text, cut), text + cut, bytes - cut) ==
              cup_crc32(0, text, bytes));
    }
}

/* Something between noise and a repeated record. */
static void fill_text(struct cup_rnd *rnd)
{
    for (uint32_t at = 0; at < TEXT_BYTES;) {
        char     record[160];
        uint32_t bytes = (uint32_t)snprintf(record, sizeof record,
                                            "{\"id\":%u,\"name\":\"customer %u\",\"x\":\"%llx\"}\n",
                                            cup_rnd_below(rnd, 100000), cup_rnd_below(rnd, 30),
                                            (unsigned long long)cup_rnd_u64(rnd));
        if (bytes > TEXT_BYTES - at) bytes = TEXT_BYTES - at;
        memcpy(text + at, record, bytes);
        if (cup_rnd_below(rnd, 10) == 0) text[at] = (uint8_t)cup_rnd_u64(rnd);
        at += bytes;
    }
}

/* One member of text[from..to), given and taken in pieces of at most piece_max. */
static uint32_t put_member(struct cup_rnd *rnd, struct cup_deflate *deflate, uint32_t from,
                           uint32_t to, uint32_t piece_max, uint32_t packed_at)
{
    static uint8_t in[TEXT_BYTES], out[PACKED_BYTES];
    bool           done = false;

    cup_deflate_begin(deflate);
    while (!done) {
        size_t give = 1 + cup_rnd_below(rnd, piece_max), room = 1 + cup_rnd_below(rnd, piece_max);
        size_t taken, written;
        if (give > to - from) give = to - from;
        memcpy(in, text + from, give);
        done = cup_deflate_put(deflate, in, give, from + give == to, out, room, &taken, &written);
        CHECK(taken <= give && written <= room && packed_at + written <= PACKED_BYTES);
        memcpy(packed + packed_at, out, written);
        memset(in, 0xEE, give);
        memset(out, 0xEE, written);
        from += (uint32_t)taken;
        packed_at += (uint32_t)written;
    }
    CHECK(from == to);
    return packed_at;
}

/* Reads packed[0..bytes) in pieces. Returns the last answer; *out_bytes = what came out. */
static enum cup_err unpack(struct cup_rnd *rnd, struct cup_inflate *inflate, uint32_t bytes,
                           uint32_t in_max, uint32_t out_max, uint32_t *out_bytes)
{
    static uint8_t in[PACKED_BYTES], out[TEXT_BYTES];
    enum cup_err   err = CUP_OK;
    uint32_t       at = 0, n = 0;
    bool           full = false;

    cup_inflate_reset(inflate);
    while (at < bytes || full) {
        size_t give = 1 + cup_rnd_below(rnd, in_max), room = 1 + cup_rnd_below(rnd, out_max);
        size_t taken = 77, written = 77;
        if (give > bytes - at) give = bytes - at;
        memcpy(in, packed + at, give);
        err = cup_inflate_more(inflate, in, give, out, room, &taken, &written);
        if (err == CUP_CORRUPT) {
            CHECK(taken == 77 && written == 77);
            CHECK(cup_inflate_more(inflate, in, give, out, room, &taken, &written) == CUP_CORRUPT);
            break;
        }
        CHECK(err == CUP_OK || err == CUP_END);
        CHECK(taken <= give && written <= room && n + written <= sizeof unpacked);
        CHECK(err != CUP_END || taken == give);
        CHECK(taken > 0 || written > 0 || err == CUP_END || at == bytes);
        memcpy(unpacked + n, out, written);
        memset(in, 0xEE, give);
        memset(out, 0xEE, written);
        at += (uint32_t)taken;
        n += (uint32_t)written;
        full = written == room;
    }
    *out_bytes = n;
    return err;
}

static void check_other_readers(uint32_t packed_bytes, uint32_t text_bytes)
{
    static const char *const readers[] = {
        "gzip -dc %s", "python3 -c 'import gzip,sys;"
                       "sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())' %s"};
    char path[] = "/tmp/cup_test_isal_XXXXXX";
    int  file   = mkstemp(path);

    CHECK(file >= 0);
    CHECK(write(file, packed, packed_bytes) == (ssize_t)packed_bytes);
    CHECK(close(file) == 0);
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        char command[256];
        snprintf(command, sizeof command, readers[i], path);
        FILE *pipe = popen(command, "r");
        CHECK(pipe != NULL);
        CHECK(fread(unpacked, 1, sizeof unpacked, pipe) == text_bytes);
        CHECK(pclose(pipe) == 0);
        CHECK(memcmp(unpacked, text, text_bytes) == 0);
    }
    CHECK(unlink(path) == 0);
}

static void check_round_trips(struct cup_rnd *rnd, struct cup_deflate *deflate,
                              struct cup_inflate *inflate)
{
    static const uint32_t pieces[]    = {1, 7, 13, 300, 5000, 70000, TEXT_BYTES};
    uint32_t              piece_count = sizeof pieces / sizeof pieces[0];

    for (uint32_t round = 0; round < 40; round++) {
        uint32_t n = 0, at = 0, bytes;
        uint32_t most = round < 30 ? 4000 : TEXT_BYTES;
        for (uint32_t member = 0; member < 1 + round % 5; member++) {
            uint32_t size = cup_rnd_below(rnd, 1 + most / (1 + round % 5));
            n = put_member(rnd, deflate, at, at + size, pieces[cup_rnd_below(rnd, piece_count)], n);
            at += size;
        }
        for (uint32_t i = 0; i < piece_count; i++) {
            for (uint32_t k = 0; k < piece_count; k++) {
                if (round >= 30 && (i < 2 || k < 2)) continue; /* byte by byte takes too long */
                CHECK(unpack(rnd, inflate, n, pieces[i], pieces[k], &bytes) == CUP_END);
                CHECK(bytes == at && memcmp(unpacked, text, at) == 0);
            }
        }
        if (round % 10 == 9) check_other_readers(n, at);
    }
}

/* Two members; the last one must be seen torn at every byte, the first at every byte but its end.
 */
static void check_damage(struct cup_rnd *rnd, struct cup_deflate *deflate,
                         struct cup_inflate *inflate)
{
    uint32_t first = put_member(rnd, deflate, 0, 700, 5000, 0);
    uint32_t whole = put_member(rnd, deflate, 700, 1500, 5000, first);
    uint32_t bytes, harmless = 0;

    for (uint32_t cut = 0; cut < whole; cut++) {
        enum cup_err err = unpack(rnd, inflate, cut, 1 + cut % 50, 5000, &bytes);
        CHECK(err == (cut == first ? CUP_END : CUP_OK));
    }
    for (uint32_t at = 0; at < whole; at++) {
        uint8_t kept = packed[at];
        packed[at] ^= (uint8_t)(1u << cup_rnd_below(rnd, 8));
        enum cup_err err  = unpack(rnd, inflate, whole, 5000, 5000, &bytes);
        bool         same = err == CUP_END && bytes == 1500 && memcmp(unpacked, text, 1500) == 0;
        uint32_t     in_member = at < first ? at : at - first;
        uint32_t     size      = at < first ? first : whole - first;
        /* flags, time and system say nothing about the text, nor do the last bits before the
         * trailer */
        CHECK(!same || (in_member >= 3 && in_member < 10) || in_member == size - 9);
        CHECK(same || err != CUP_END);
        harmless += same;
        packed[at] = kept;
    }
    CHECK(harmless >= 6);

    packed[whole] = 'x';
    CHECK(unpack(rnd, inflate, whole + 1, 5000, 5000, &bytes) != CUP_END);
    memset(packed + whole, 0, 20);
    CHECK(unpack(rnd, inflate, whole + 20, 5000, 5000, &bytes) == CUP_CORRUPT);
    CHECK(unpack(rnd, inflate, 0, 5000, 5000, &bytes) == CUP_OK && bytes == 0);
}

int main(int argc, char **argv)
{
    struct cup_rnd      rnd = cup_test_begin(argc, argv);
    struct cup_fault    fault;
    struct cup_deflate *deflate;
    struct cup_inflate *inflate;

    fill_text(&rnd);
    check_crc(&rnd);
    CHECK(cup_deflate_open(&deflate, &fault) == CUP_OK);
    CHECK(cup_inflate_open(&inflate, &fault) == CUP_OK);
    check_round_trips(&rnd, deflate, inflate);
    check_damage(&rnd, deflate, inflate);
    cup_deflate_close(deflate);
    cup_inflate_close(inflate);
    cup_deflate_close(NULL);
    cup_inflate_close(NULL);
    return 0;
}
