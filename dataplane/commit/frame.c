// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/journal.h"

#include <string.h>

#include "kernels/isal/isal.h"

/* Offsets in a frame. */
enum { AT_MAGIC = 0, AT_BYTES = 4, AT_SEQUENCE = 8, AT_PREVIOUS = 16, AT_KIND = 20, AT_FLAGS = 22 };
enum { AT_CRC = 24 };
_Static_assert(AT_CRC + 4 == CUP_FRAME_HEADER_BYTES, "the checksum is the header's last member");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frames are written as they lie here");

static const uint8_t magic[4] = {'C', 'J', 'R', '1'};
static const uint8_t zeros[CUP_FRAME_ALIGN];

/* Bytes of a frame in its segment. */
static size_t padded(uint32_t payload_bytes)
{
    size_t bytes = (size_t)CUP_FRAME_HEADER_BYTES + payload_bytes;

    return (bytes + CUP_FRAME_ALIGN - 1) / CUP_FRAME_ALIGN * CUP_FRAME_ALIGN;
}

uint32_t cup_frame_put(struct cup_text *out, const struct cup_frame *frame)
{
    uint8_t header[CUP_FRAME_HEADER_BYTES];

    CUP_ASSERT(frame->payload_bytes > 0 && frame->payload_bytes <= CUP_FRAME_PAYLOAD_MAX);
    memcpy(header + AT_MAGIC, magic, sizeof magic);
    memcpy(header + AT_BYTES, &frame->payload_bytes, 4);
    memcpy(header + AT_SEQUENCE, &frame->sequence, 8);
    memcpy(header + AT_PREVIOUS, &frame->previous_crc32c, 4);
    memcpy(header + AT_KIND, &frame->kind, 2);
    memcpy(header + AT_FLAGS, &frame->flags, 2);
    uint32_t crc = cup_crc32c(0, header, AT_CRC);
    crc          = cup_crc32c(crc, frame->payload, frame->payload_bytes);
    memcpy(header + AT_CRC, &crc, 4);
    cup_text_put(out, header, sizeof header);
    cup_text_put(out, frame->payload, frame->payload_bytes);
    cup_text_put(out, zeros,
                 padded(frame->payload_bytes) - CUP_FRAME_HEADER_BYTES - frame->payload_bytes);
    return crc;
}

bool cup_frame_get(const void *bytes, size_t count, size_t at, struct cup_frame *out_frame)
{
    const uint8_t   *from = (const uint8_t *)bytes + at;
    struct cup_frame frame;

    CUP_ASSERT(at <= count);
    if (count - at < CUP_FRAME_HEADER_BYTES || memcmp(from, magic, sizeof magic) != 0) return false;
    memcpy(&frame.payload_bytes, from + AT_BYTES, 4);
    memcpy(&frame.sequence, from + AT_SEQUENCE, 8);
    memcpy(&frame.previous_crc32c, from + AT_PREVIOUS, 4);
    memcpy(&frame.kind, from + AT_KIND, 2);
    memcpy(&frame.flags, from + AT_FLAGS, 2);
    memcpy(&frame.crc32c, from + AT_CRC, 4);
    if (frame.payload_bytes == 0 || frame.payload_bytes > CUP_FRAME_PAYLOAD_MAX) return false;
    if (padded(frame.payload_bytes) > count - at) return false;
    frame.payload = from + CUP_FRAME_HEADER_BYTES;
    uint32_t crc  = cup_crc32c(0, from, AT_CRC);
    if (cup_crc32c(crc, frame.payload, frame.payload_bytes) != frame.crc32c) return false;
    *out_frame = frame;
    return true;
}
