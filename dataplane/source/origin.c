// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/err.h"
#include "dataplane/source/batch.h"

/* As it lies in the region: unaligned, the texts behind it in this order. */
struct packed_origin {
    uint64_t first_epoch, position, member_at, at;
    uint32_t input_bytes, file_bytes, by_bytes; /* with their NULs; 0: NULL */
    uint8_t  form, line, pad[2];
};
_Static_assert(sizeof(struct packed_origin) == CUP_ORIGIN_BYTES, "readers know its size");

static uint32_t put_text(uint8_t *out, const char *text)
{
    uint32_t bytes = text == NULL ? 0 : (uint32_t)strlen(text) + 1;

    if (bytes > 0) memcpy(out, text, bytes);
    return bytes;
}

uint32_t cup_origin_put(uint8_t *out, const struct cup_origin *origin)
{
    struct packed_origin packed = {.first_epoch = origin->first_epoch,
                                   .position    = origin->position,
                                   .member_at   = origin->member_at,
                                   .at          = origin->at,
                                   .form        = origin->form,
                                   .line        = origin->line};
    uint32_t             used   = CUP_ORIGIN_BYTES;

    CUP_ASSERT(origin->input != NULL);
    packed.input_bytes = put_text(out + used, origin->input), used += packed.input_bytes;
    packed.file_bytes  = put_text(out + used, origin->file), used += packed.file_bytes;
    packed.by_bytes    = put_text(out + used, origin->by), used += packed.by_bytes;
    memcpy(out, &packed, sizeof packed);
    return used;
}

struct cup_origin cup_origin_get(const uint8_t *bytes)
{
    struct packed_origin packed;
    const char          *input = (const char *)bytes + CUP_ORIGIN_BYTES;

    memcpy(&packed, bytes, sizeof packed);
    CUP_ASSERT(packed.input_bytes > 0);
    const char *file = input + packed.input_bytes, *by = file + packed.file_bytes;
    return (struct cup_origin){.input       = input,
                               .file        = packed.file_bytes > 0 ? file : NULL,
                               .by          = packed.by_bytes > 0 ? by : NULL,
                               .first_epoch = packed.first_epoch,
                               .position    = packed.position,
                               .member_at   = packed.member_at,
                               .at          = packed.at,
                               .form        = packed.form,
                               .line        = packed.line};
}
