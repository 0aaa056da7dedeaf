// SPDX-License-Identifier: Apache-2.0
/* index: where the tokens of a JSON text start; the byte-serial form is the specification.
 *
 *   { "a" : [ 1 , "x\"y" ] }        an entry per brace, bracket, colon, comma,
 *   ^ ^   ^ ^ ^ ^ ^        ^ ^      opening quote and first byte of any other token
 *
 * Holds     nothing: pure functions.
 * Threads   any.
 * Bounds    the caller's array has room for bytes + CUP_INDEX_SENTINELS entries.
 * Tests     tests/kernels/test_json_levels.c
 */
#ifndef CUP_KERNELS_JSON_INDEX_H
#define CUP_KERNELS_JSON_INDEX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Entries behind the last one, all equal to the length: the walker looks at most three ahead. */
#define CUP_INDEX_SENTINELS 4u

/* In this order of precedence: an unclosed string hides the others. */
enum cup_index_status {
    CUP_INDEX_OK,
    CUP_INDEX_UNCLOSED, /* an odd number of quotes */
    CUP_INDEX_CONTROL,  /* a byte below 0x20 inside a string */
    CUP_INDEX_EMPTY,    /* nothing but white space */
    CUP_INDEX_UTF8,
    CUP_INDEX_FAILED, /* our bug: the caller asserts that it never comes */
};

/* cup_index_scalar writes the entries of buf[0..bytes) and the sentinels to pos. *out_count is set
 * when the result is OK. */
enum cup_index_status cup_index_scalar(const uint8_t *buf, uint32_t bytes, uint32_t *pos,
                                       uint32_t *out_count);

/* cup_index_count counts the entries without writing them, whatever the status would be. */
uint32_t cup_index_count(const uint8_t *buf, uint32_t bytes);

/* cup_index_locate finds the first byte that makes a text refused: the control byte, the byte at
 * which UTF-8 breaks, or `bytes` when the end comes too early. EMPTY is not looked for. */
enum cup_index_status cup_index_locate(const uint8_t *buf, uint32_t bytes, uint32_t *out_at);

#ifdef __cplusplus
}
#endif
#endif
