// SPDX-License-Identifier: Apache-2.0
#include "dataplane/source/lines.h"

#include <string.h>

void cup_lines_init(struct cup_lines *lines, uint32_t record_bytes_max)
{
    CUP_ASSERT(lines != NULL);
    CUP_ASSERT(record_bytes_max > 0);

    *lines = (struct cup_lines){.record_bytes_max = record_bytes_max};
}

/* A line of only CR is how Windows writes an empty line. */
static bool is_blank(const uint8_t *line, size_t bytes)
{
    return bytes == 0 || (bytes == 1 && line[0] == '\r');
}

/* A PART is given only when a further byte of the record is in sight, so that the last piece is
 * never empty; that also makes the pieces independent of where reads were cut. */
static enum cup_piece cut_piece(struct cup_lines *lines, size_t taken, bool closed,
                                size_t *out_bytes)
{
    bool oversize = lines->inside || taken > lines->record_bytes_max;

    if (!oversize && !closed) return CUP_PIECE_NEED_MORE;
    if (oversize && taken > CUP_PIECE_BYTES) {
        *out_bytes = CUP_PIECE_BYTES;
        return CUP_PIECE_PART;
    }
    if (!closed) return CUP_PIECE_NEED_MORE;
    *out_bytes = taken;
    return oversize ? CUP_PIECE_OVERSIZE : CUP_PIECE_RECORD;
}

enum cup_piece cup_lines_next(struct cup_lines *lines, const uint8_t *buf, size_t bytes, bool ended,
                              size_t *at, const uint8_t **out_piece, size_t *out_piece_bytes)
{
    CUP_ASSERT(lines->record_bytes_max != 0);
    CUP_ASSERT(*at <= bytes);

    while (*at < bytes) {
        const uint8_t *line   = buf + *at;
        const uint8_t *lf     = memchr(line, '\n', bytes - *at);
        size_t         taken  = lf ? (size_t)(lf - line) : bytes - *at;
        bool           closed = lf != NULL || ended;

        if (closed && !lines->inside && is_blank(line, taken)) {
            *at += taken + (lf != NULL);
            lines->blank_count++;
            continue;
        }
        enum cup_piece piece = cut_piece(lines, taken, closed, out_piece_bytes);
        if (piece == CUP_PIECE_NEED_MORE) return piece;
        *out_piece         = line;
        lines->whole_bytes = *out_piece_bytes + (lines->inside ? lines->whole_bytes : 0);
        lines->inside      = piece == CUP_PIECE_PART;
        *at += *out_piece_bytes + (lf != NULL && piece != CUP_PIECE_PART);
        lines->record_count += piece == CUP_PIECE_RECORD;
        lines->oversize_count += piece == CUP_PIECE_OVERSIZE;
        return piece;
    }
    return CUP_PIECE_NEED_MORE;
}
