// SPDX-License-Identifier: Apache-2.0
/* The one file that calls zstd and snappy. Contexts lie in memory that the caller lends. */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_initStaticCCtx, exported since zstd 1.3 */
#include "lake/parquet_priv.h"

#include <snappy-c.h>
#include <string.h>
#include <zstd.h>

#include "kernels/isal/isal.h"

#define ZSTD_LEVEL 1

#define ZSTD_STEP     2  /* bytes passed over where nothing matches; figures in README.md */
#define ZSTD_HASH_LOG 12 /* 16 KiB stay in L1; the default of 13 packs no better here */

/* Fixed, so that the context is as large for a body of 32 MiB as for one of 50 kB. */
static ZSTD_compressionParameters zstd_parameters(void)
{
    ZSTD_compressionParameters parameters = ZSTD_getCParams(ZSTD_LEVEL, CUP_PARQUET_PAGE_BYTES, 0);

    parameters.windowLog = 16; /* a page is shorter than 64 KiB */
    parameters.hashLog   = ZSTD_HASH_LOG;
    return parameters;
}

size_t cup_parquet_priv_codec_bytes(enum cup_codec codec)
{
    if (codec != CUP_CODEC_ZSTD) return 0;
    return ZSTD_estimateCCtxSize_usingCParams(zstd_parameters());
}

void *cup_parquet_priv_codec_init(enum cup_codec codec, void *memory, size_t bytes)
{
    if (codec != CUP_CODEC_ZSTD) return NULL;
    ZSTD_CCtx                 *context    = ZSTD_initStaticCCtx(memory, bytes);
    ZSTD_compressionParameters parameters = zstd_parameters();
    CUP_ASSERT(context != NULL);
    const struct {
        ZSTD_cParameter name;
        unsigned        value;
    } settings[] = {{ZSTD_c_windowLog, parameters.windowLog},
                    {ZSTD_c_hashLog, parameters.hashLog},
                    {ZSTD_c_chainLog, parameters.chainLog},
                    {ZSTD_c_searchLog, parameters.searchLog},
                    {ZSTD_c_minMatch, parameters.minMatch},
                    {ZSTD_c_targetLength, parameters.targetLength},
                    {ZSTD_c_strategy, (unsigned)parameters.strategy},
                    {ZSTD_c_literalCompressionMode, ZSTD_ps_enable}}; /* else off in ENTROPY */
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        size_t done = ZSTD_CCtx_setParameter(context, settings[i].name, (int)settings[i].value);
        CUP_ASSERT(!ZSTD_isError(done));
    }
    return context;
}

size_t cup_parquet_priv_codec_bound(enum cup_codec codec, size_t bytes)
{
    switch (codec) {
    case CUP_CODEC_NONE: return bytes;
    case CUP_CODEC_SNAPPY: return snappy_max_compressed_length(bytes);
    case CUP_CODEC_ZSTD: return ZSTD_compressBound(bytes);
    }
    return bytes;
}

size_t cup_parquet_priv_codec_pack(enum cup_codec codec, void *context,
                                   enum cup_parquet_effort effort, const uint8_t *bytes,
                                   size_t count, uint8_t *out, size_t out_cap)
{
    CUP_ASSERT(out_cap >= cup_parquet_priv_codec_bound(codec, count));
    CUP_ASSERT(effort != CUP_PARQUET_RAW);
    size_t packed = out_cap;
    if (codec == CUP_CODEC_ZSTD) {
        /* The strategy "fast" moves on by targetLength where it finds no match: the largest makes
         * it look once a page. */
        int    step = effort == CUP_PARQUET_FULL ? ZSTD_STEP : ZSTD_TARGETLENGTH_MAX;
        size_t done = ZSTD_CCtx_setParameter(context, ZSTD_c_targetLength, step);
        CUP_ASSERT(!ZSTD_isError(done));
        packed = ZSTD_compress2(context, out, out_cap, bytes, count);
        CUP_ASSERT(!ZSTD_isError(packed)); /* the room suffices and the context has its memory */
    } else if (codec == CUP_CODEC_SNAPPY) {
        snappy_status status = snappy_compress((const char *)bytes, count, (char *)out, &packed);
        CUP_ASSERT(status == SNAPPY_OK);
    } else {
        memcpy(out, bytes, count);
        packed = count;
    }
    return packed;
}

size_t cup_parquet_priv_codec_stored(enum cup_codec codec, size_t count,
                                     uint8_t out_head[CUP_PARQUET_STORED_BYTES])
{
    if (codec == CUP_CODEC_NONE) return 0;
    CUP_ASSERT(count <= CUP_PARQUET_STORED_MAX); /* one snappy literal, one zstd block */
    uint32_t size = (uint32_t)count;

    if (codec == CUP_CODEC_ZSTD) {
        /* RFC 8878: magic, one segment with a 4-byte content size, one last raw block */
        const uint8_t head[CUP_PARQUET_STORED_BYTES] = {0x28,
                                                        0xB5,
                                                        0x2F,
                                                        0xFD,
                                                        0xA0,
                                                        (uint8_t)size,
                                                        (uint8_t)(size >> 8),
                                                        (uint8_t)(size >> 16),
                                                        0,
                                                        (uint8_t)(size << 3 | 1),
                                                        (uint8_t)(size >> 5),
                                                        (uint8_t)(size >> 13)};
        memcpy(out_head, head, sizeof head);
        return sizeof head;
    }
    size_t used = 0;
    if (codec == CUP_CODEC_SNAPPY) { /* length as varint, literal of a 2-byte length - 1 */
        for (uint32_t rest = size;; rest >>= 7) {
            out_head[used++] = (uint8_t)(rest < 0x80 ? rest : (rest & 0x7F) | 0x80);
            if (rest < 0x80) break;
        }
        if (size == 0) return used;
        out_head[used++] = 61u << 2;
        out_head[used++] = (uint8_t)(size - 1);
        out_head[used++] = (uint8_t)((size - 1) >> 8);
    }
    return used;
}

bool cup_parquet_priv_codec_known(int32_t codec)
{
    return codec == CUP_CODEC_NONE || codec == CUP_CODEC_SNAPPY ||
           codec == CUP_PARQUET_CODEC_GZIP || codec == CUP_CODEC_ZSTD;
}

static bool unpack_gzip(const uint8_t *bytes, size_t count, uint8_t *out, size_t out_bytes)
{
    struct cup_inflate *inflate;
    size_t              at = 0, got = 0;
    uint8_t             over; /* one byte of room more: a stream that is too long shows */
    enum cup_err        err;

    if (cup_inflate_open(&inflate, NULL) != CUP_OK) return false;
    cup_inflate_reset(inflate);
    for (;;) {
        size_t taken = 0, written = 0, room = out_bytes - got;
        err = cup_inflate_more(inflate, bytes + at, count - at, room > 0 ? out + got : &over,
                               room > 0 ? room : 1, &taken, &written);
        at += taken;
        got += written;
        if (err != CUP_OK || got > out_bytes || (taken == 0 && written == 0)) break;
    }
    cup_inflate_close(inflate);
    return err == CUP_END && at == count && got == out_bytes;
}

bool cup_parquet_priv_codec_unpack(int32_t codec, const uint8_t *bytes, size_t count, uint8_t *out,
                                   size_t out_bytes)
{
    size_t length = out_bytes;

    switch (codec) {
    case CUP_CODEC_NONE:
        if (count != out_bytes) return false;
        if (count > 0) memcpy(out, bytes, count);
        return true;
    case CUP_CODEC_SNAPPY:
        if (snappy_uncompressed_length((const char *)bytes, count, &length) != SNAPPY_OK)
            return false;
        if (length != out_bytes) return false;
        return snappy_uncompress((const char *)bytes, count, (char *)out, &length) == SNAPPY_OK;
    case CUP_PARQUET_CODEC_GZIP: return unpack_gzip(bytes, count, out, out_bytes);
    case CUP_CODEC_ZSTD:
        length = ZSTD_decompress(out, out_bytes, bytes, count);
        return !ZSTD_isError(length) && length == out_bytes;
    default: return false;
    }
}
