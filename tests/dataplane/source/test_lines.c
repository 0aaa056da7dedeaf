// SPDX-License-Identifier: Apache-2.0
/* Goal:   records and pieces do not depend on where reads are cut; no byte is lost; both limits
 *         hold exactly.
 * Method: random text with lines of all lengths around the limits, cut by the module whole and in
 *         random steps, compared with a byte by byte reference. */
#include "dataplane/source/lines.h"

#include "tests/check.h"

#define MOST       CUP_BATCH_BYTES
#define TEXT_BYTES (3u << 20)

static struct cup_rnd rnd;

struct sum {
    uint64_t digest, count, bytes;
};

static void add(struct sum *sum, enum cup_piece kind, const uint8_t *at, size_t bytes)
{
    sum->digest = sum->digest * 31 + kind;
    for (size_t i = 0; i < bytes; i++)
        sum->digest = sum->digest * 31 + at[i];
    sum->count++;
    sum->bytes += bytes;
}

/* What the header promises, in the simplest words. */
static struct sum reference(const uint8_t *text, size_t bytes, uint32_t most, uint64_t *out_blanks)
{
    struct sum sum = {0};

    *out_blanks = 0;
    for (size_t at = 0, end; at < bytes; at = end + 1) {
        for (end = at; end < bytes && text[end] != '\n';)
            end++;
        if (end == at || (end == at + 1 && text[at] == '\r')) {
            (*out_blanks)++;
            continue;
        }
        if (end - at <= most) {
            add(&sum, CUP_PIECE_RECORD, text + at, end - at);
            continue;
        }
        for (; end - at > CUP_PIECE_BYTES; at += CUP_PIECE_BYTES)
            add(&sum, CUP_PIECE_PART, text + at, CUP_PIECE_BYTES);
        add(&sum, CUP_PIECE_OVERSIZE, text + at, end - at);
    }
    return sum;
}

static struct sum run(const uint8_t *text, size_t bytes, uint32_t most, uint32_t cut_max,
                      struct cup_lines *lines)
{
    struct sum     sum = {0};
    size_t         at = 0, end = 0;
    const uint8_t *piece;
    size_t         piece_bytes;
    enum cup_piece kind;
    uint64_t       whole = 0;

    cup_lines_init(lines, most);
    for (;;) {
        bool ended = end == bytes;
        while ((kind = cup_lines_next(lines, text, end, ended, &at, &piece, &piece_bytes)) !=
               CUP_PIECE_NEED_MORE) {
            add(&sum, kind, piece, piece_bytes);
            whole += piece_bytes;
            CHECK(lines->whole_bytes == whole);
            if (kind != CUP_PIECE_PART) whole = 0;
        }
        uint32_t bound = most > CUP_PIECE_BYTES ? most : CUP_PIECE_BYTES;
        CHECK(end - at <= bound);
        if (ended) break;
        end += 1 + cup_rnd_below(&rnd, cut_max);
        if (end > bytes) end = bytes;
    }
    CHECK(at == bytes);
    return sum;
}

static void check_limit(uint8_t *text, size_t bytes, uint32_t most, enum cup_piece expected)
{
    struct cup_lines lines;
    const uint8_t   *piece;
    size_t           at = 0, piece_bytes = 0;

    memset(text, 'a', bytes);
    text[bytes] = '\n';
    cup_lines_init(&lines, most);
    CHECK(cup_lines_next(&lines, text, bytes + 1, false, &at, &piece, &piece_bytes) == expected);
    CHECK(piece == text);
    CHECK(piece_bytes == (expected == CUP_PIECE_PART ? CUP_PIECE_BYTES : bytes));
    CHECK(at == (expected == CUP_PIECE_PART ? CUP_PIECE_BYTES : bytes + 1));
    CHECK(lines.record_count == (expected == CUP_PIECE_RECORD));
    CHECK(lines.oversize_count == (expected == CUP_PIECE_OVERSIZE));

    /* without its LF: nothing is said before it must be */
    at = 0;
    cup_lines_init(&lines, most);
    enum cup_piece open =
        bytes > most && bytes > CUP_PIECE_BYTES ? CUP_PIECE_PART : CUP_PIECE_NEED_MORE;
    CHECK(cup_lines_next(&lines, text, bytes, false, &at, &piece, &piece_bytes) == open);
    at = 0;
    cup_lines_init(&lines, most);
    CHECK(cup_lines_next(&lines, text, bytes, true, &at, &piece, &piece_bytes) == expected);
}

/* Lengths near nothing, the limit, and the multiples of a piece. */
static size_t draw_length(uint32_t most)
{
    uint32_t near = cup_rnd_below(&rnd, 4);

    switch (cup_rnd_below(&rnd, 8)) {
    case 0: return most - 1 + near;
    case 1: return CUP_PIECE_BYTES - 1 + near;
    case 2: return 2 * CUP_PIECE_BYTES - 1 + near;
    case 3: return cup_rnd_below(&rnd, 400000);
    case 4: return near;
    default: return cup_rnd_below(&rnd, 2000);
    }
}

static size_t draw_text(uint8_t *text, uint32_t most)
{
    size_t bytes = 0;

    for (;;) {
        size_t line = draw_length(most);
        if (bytes + line + 1 > TEXT_BYTES) break;
        for (size_t i = 0; i < line; i++)
            text[bytes + i] = (uint8_t)('a' + (i * 7 + bytes) % 26);
        bytes += line;
        if (line > 0 && cup_rnd_below(&rnd, 3) == 0) text[bytes - 1] = '\r';
        text[bytes++] = '\n';
    }
    if (cup_rnd_below(&rnd, 2)) bytes--; /* no LF at the end */
    return bytes;
}

int main(int argc, char **argv)
{
    static uint8_t text[TEXT_BYTES];
    const uint32_t piece = CUP_PIECE_BYTES;

    rnd = cup_test_begin(argc, argv);
    check_limit(text, 1, 4096, CUP_PIECE_RECORD);
    check_limit(text, 4096, 4096, CUP_PIECE_RECORD);
    check_limit(text, 4097, 4096, CUP_PIECE_OVERSIZE);
    check_limit(text, piece, 4096, CUP_PIECE_OVERSIZE);
    check_limit(text, piece + 1, 4096, CUP_PIECE_PART);
    check_limit(text, 1u << 20, 1u << 20, CUP_PIECE_RECORD);
    check_limit(text, (1u << 20) + 1, 1u << 20, CUP_PIECE_PART);
    for (int round = 0; round < 30; round++) {
        uint32_t         most  = round % 3 == 0 ? 4096 : round % 3 == 1 ? MOST : 500000;
        size_t           bytes = draw_text(text, most);
        uint64_t         blanks;
        struct cup_lines a, b;
        struct sum       expected = reference(text, bytes, most, &blanks);
        struct sum       whole    = run(text, bytes, most, TEXT_BYTES, &a);
        struct sum       cut      = run(text, bytes, most, 1 + cup_rnd_below(&rnd, 300000), &b);

        CHECK(whole.digest == expected.digest && cut.digest == expected.digest);
        CHECK(whole.count == expected.count && cut.count == expected.count);
        CHECK(whole.bytes == expected.bytes && cut.bytes == expected.bytes);
        CHECK(a.blank_count == blanks && b.blank_count == blanks);
        CHECK(a.record_count == b.record_count && a.oversize_count == b.oversize_count);
        CHECK(a.record_count > 0 && a.oversize_count > 0);
    }
    return 0;
}
