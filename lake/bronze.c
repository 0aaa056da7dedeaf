// SPDX-License-Identifier: Apache-2.0
#include "lake/bronze.h"

#include <stdlib.h>

#include "kernels/isal/isal.h"

#define OUT_BYTES                                                                                  \
    (64u << 10) /* a write of this size is cheap per byte and small beside a member                \
                 */

_Static_assert(OUT_BYTES == CUP_SEAL_CHUNK_BYTES, "what is written at a time is a chunk");

struct cup_bronze {
    struct cup_deflate *deflate;
    struct cup_sink     sink;
    bool                file_open, member_open;
    uint64_t            member_at;  /* in the file; where the next member starts if none is open */
    uint64_t            at;         /* bytes taken by the open member */
    uint64_t            file_bytes; /* what the sink has */
    size_t              out_bytes;
    bool                sealed;
    struct cup_seal_key key;
    struct cup_seal     seal; /* of the open member */
    uint8_t             out[OUT_BYTES];
    uint8_t             chunk[OUT_BYTES + CUP_SEAL_EXTRA_BYTES];
};

enum cup_err cup_bronze_open(struct cup_bronze **out_bronze, struct cup_fault *out_fault)
{
    struct cup_bronze *bronze = calloc(1, sizeof *bronze);

    if (bronze == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "open an archive", NULL);
    enum cup_err err = cup_deflate_open(&bronze->deflate, out_fault);
    if (err != CUP_OK) {
        free(bronze);
        return err;
    }
    *out_bronze = bronze;
    return CUP_OK;
}

void cup_bronze_close(struct cup_bronze *bronze)
{
    if (bronze == NULL) return;
    cup_deflate_close(bronze->deflate);
    cup_seal_key_forget(&bronze->key);
    free(bronze);
}

void cup_bronze_seal(struct cup_bronze *bronze, const struct cup_seal_key *key)
{
    CUP_ASSERT(!bronze->file_open);
    bronze->sealed = key != NULL;
    if (bronze->sealed) bronze->key = *key;
}

void cup_bronze_begin(struct cup_bronze *bronze, struct cup_sink sink)
{
    CUP_ASSERT(sink.put != NULL);
    bronze->sink        = sink;
    bronze->file_open   = true;
    bronze->member_open = false;
    bronze->member_at = bronze->at = bronze->file_bytes = bronze->out_bytes = 0;
}

struct cup_bronze_place cup_bronze_place(const struct cup_bronze *bronze)
{
    CUP_ASSERT(bronze->file_open);
    /* Past 4 GiB there is only the inside of one huge record: no record starts there. */
    CUP_ASSERT(bronze->at <= UINT32_MAX);
    return (struct cup_bronze_place){.member_at = bronze->member_at, .at = (uint32_t)bronze->at};
}

size_t cup_bronze_room(const struct cup_bronze *bronze)
{
    CUP_ASSERT(bronze->file_open);
    return bronze->at < CUP_BRONZE_MEMBER_BYTES ? (size_t)(CUP_BRONZE_MEMBER_BYTES - bronze->at)
                                                : 0;
}

static enum cup_err put(struct cup_bronze *bronze, const uint8_t *bytes, size_t count,
                        struct cup_fault *out_fault)
{
    enum cup_err err = bronze->sink.put(bronze->sink.arg, bytes, count, out_fault);

    if (err == CUP_OK) bronze->file_bytes += count;
    return err;
}

/* last: of a sealed member, which may end with an empty chunk. */
static enum cup_err flush(struct cup_bronze *bronze, bool last, struct cup_fault *out_fault)
{
    size_t         count = bronze->out_bytes;
    const uint8_t *bytes = bronze->out;

    if (count == 0 && !(bronze->sealed && last)) return CUP_OK;
    if (bronze->sealed) {
        cup_seal_chunk(&bronze->seal, bronze->out, count, last, bronze->chunk);
        count += CUP_SEAL_EXTRA_BYTES;
        bytes = bronze->chunk;
    }
    enum cup_err err = put(bronze, bytes, count, out_fault);
    if (err == CUP_OK) bronze->out_bytes = 0;
    return err;
}

static enum cup_err begin_member(struct cup_bronze *bronze, struct cup_fault *out_fault)
{
    uint8_t head[CUP_SEAL_HEAD_BYTES];

    cup_deflate_begin(bronze->deflate);
    bronze->member_open = true;
    if (!bronze->sealed) return CUP_OK;
    cup_seal_begin(&bronze->seal, &bronze->key, bronze->member_at, CUP_SEAL_MEMBER, head);
    return put(bronze, head, sizeof head, out_fault);
}

/* Feeds the open member; `last` ends it. */
static enum cup_err feed(struct cup_bronze *bronze, const uint8_t *bytes, size_t count, bool last,
                         struct cup_fault *out_fault)
{
    bool done = false;

    CUP_ASSERT(bronze->member_open);
    while (!done) {
        size_t taken = 0, written = 0;
        bool   ended =
            cup_deflate_put(bronze->deflate, bytes, count, last, bronze->out + bronze->out_bytes,
                            OUT_BYTES - bronze->out_bytes, &taken, &written);
        CUP_ASSERT(taken <= count && written <= OUT_BYTES - bronze->out_bytes);
        bytes += taken;
        count -= taken;
        bronze->out_bytes += written;
        done = last ? ended : count == 0;
        if (bronze->out_bytes < OUT_BYTES) continue;
        enum cup_err err = flush(bronze, false, out_fault);
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}

static enum cup_err end_member(struct cup_bronze *bronze, struct cup_fault *out_fault)
{
    static const uint8_t nothing[1];

    enum cup_err err = feed(bronze, nothing, 0, true, out_fault);
    if (err == CUP_OK && bronze->sealed) err = flush(bronze, true, out_fault);
    if (err != CUP_OK) return err;
    bronze->member_open = false;
    bronze->member_at   = bronze->file_bytes + bronze->out_bytes;
    bronze->at          = 0;
    return CUP_OK;
}

enum cup_err cup_bronze_put(struct cup_bronze *bronze, const uint8_t *bytes, size_t count,
                            bool record_end, struct cup_fault *out_fault)
{
    CUP_ASSERT(bronze->file_open);
    CUP_ASSERT(bytes != NULL || count == 0);

    if (count > 0) {
        enum cup_err err = CUP_OK;
        if (!bronze->member_open) err = begin_member(bronze, out_fault);
        if (err == CUP_OK) err = feed(bronze, bytes, count, false, out_fault);
        if (err != CUP_OK) return err;
        bronze->at += count;
    }
    if (!record_end || bronze->at < CUP_BRONZE_MEMBER_BYTES) return CUP_OK;
    return end_member(bronze, out_fault);
}

enum cup_err cup_bronze_end(struct cup_bronze *bronze, uint64_t *out_bytes,
                            struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    CUP_ASSERT(bronze->file_open);
    CUP_ASSERT(out_bytes != NULL);
    if (bronze->member_open) err = end_member(bronze, out_fault);
    if (err == CUP_OK && !bronze->sealed) err = flush(bronze, true, out_fault);
    bronze->file_open = bronze->member_open = false;
    if (err != CUP_OK) return err;
    *out_bytes = bronze->file_bytes;
    return CUP_OK;
}
