// SPDX-License-Identifier: Apache-2.0
/* sj_shim: simdjson's first stage behind a C interface; the only place that calls simdjson.
 *
 * Holds     simdjson's parser object and its list of entries.
 * Owner     one struct cup_json.
 * Threads   one.
 * Fails     open only (no memory).
 * Bounds    a text is at most the bytes given to open.
 * Tests     tests/kernels/test_json_levels.c
 */
#ifndef CUP_KERNELS_JSON_SJ_SHIM_H
#define CUP_KERNELS_JSON_SJ_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/json/index.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cup_sj;

/* cup_sj_runs tells whether this CPU can run simdjson's implementation `name`: "icelake",
 * "haswell", "westmere". Its "fallback" is never offered: it accepts invalid UTF-8. */
bool cup_sj_runs(const char *name);

/* cup_sj_open gives an indexer for texts up to bytes_max; `name` must run here. NULL: no memory. */
struct cup_sj *cup_sj_open(const char *name, size_t bytes_max);
void           cup_sj_close(struct cup_sj *sj);

/* cup_sj_index lists the entries of buf[0..bytes), and reads no byte behind them. On OK *out_pos
 * has *out_count entries and CUP_INDEX_SENTINELS sentinels.
 *
 * Lends     *out_pos until the next call. */
enum cup_index_status cup_sj_index(struct cup_sj *sj, const uint8_t *buf, uint32_t bytes,
                                   const uint32_t **out_pos, uint32_t *out_count);

#ifdef __cplusplus
}
#endif
#endif
