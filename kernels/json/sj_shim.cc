// SPDX-License-Identifier: Apache-2.0
#include "kernels/json/sj_shim.h"

#include <cstring>
#include <memory>
#include <new>
#include <simdjson.h>

/* The members used here are "internal" in simdjson's words: they may change with any release. */
static_assert(simdjson::SIMDJSON_VERSION_MAJOR == 3 && simdjson::SIMDJSON_VERSION_MINOR == 0,
              "check sj_shim.cc and test_json_levels.c against this simdjson before allowing it");

struct cup_sj {
    std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
};

static const simdjson::implementation *find(const char *name) noexcept
{
    if (std::strcmp(name, "fallback") == 0) return nullptr;
    for (const simdjson::implementation *each : simdjson::get_available_implementations())
        if (each->name() == name && each->supported_by_runtime_system()) return each;
    return nullptr;
}

extern "C" bool cup_sj_runs(const char *name)
{
    return find(name) != nullptr;
}

extern "C" struct cup_sj *cup_sj_open(const char *name, size_t bytes_max)
{
    const simdjson::implementation *implementation = find(name);
    if (implementation == nullptr) return nullptr;

    struct cup_sj *sj = new (std::nothrow) cup_sj;
    if (sj == nullptr) return nullptr;
    /* depth 1: the second stage, which needs more, is never run */
    if (implementation->create_dom_parser_implementation(bytes_max, 1, sj->parser) !=
        simdjson::SUCCESS) {
        delete sj;
        return nullptr;
    }
    return sj;
}

extern "C" void cup_sj_close(struct cup_sj *sj)
{
    delete sj;
}

extern "C" enum cup_index_status cup_sj_index(struct cup_sj *sj, const uint8_t *buf, uint32_t bytes,
                                              const uint32_t **out_pos, uint32_t *out_count)
{
    if (bytes == 0) return CUP_INDEX_EMPTY;
    /* regular: the streaming modes drop in silence what looks like an unfinished last text */
    switch (sj->parser->stage1(buf, bytes, simdjson::stage1_mode::regular)) {
    case simdjson::SUCCESS: break;
    case simdjson::UNCLOSED_STRING: return CUP_INDEX_UNCLOSED;
    case simdjson::UNESCAPED_CHARS: return CUP_INDEX_CONTROL;
    case simdjson::EMPTY: return CUP_INDEX_EMPTY;
    case simdjson::UTF8_ERROR: return CUP_INDEX_UTF8;
    default: return CUP_INDEX_FAILED;
    }
    /* simdjson's own sentinels are {bytes, bytes, 0}; its array has room for nine */
    uint32_t *pos   = sj->parser->structural_indexes.get();
    uint32_t  count = sj->parser->n_structural_indexes;
    for (uint32_t i = 0; i < CUP_INDEX_SENTINELS; i++)
        pos[count + i] = bytes;
    *out_pos   = pos;
    *out_count = count;
    return CUP_INDEX_OK;
}
