// SPDX-License-Identifier: Apache-2.0
/* put: appends to memory that the caller knows to be large enough; each returns the new end.
 *
 * Holds     nothing.
 * Threads   any.
 * Bounds    none of its own: the generator reserves for the largest record before it puts one.
 * Tests     tests/oracle/test_gen.py
 */
#ifndef CUP_BENCHMARKS_GEN_PUT_H
#define CUP_BENCHMARKS_GEN_PUT_H

#include <stdint.h>
#include <string.h>

static inline uint8_t *cup_put_bytes(uint8_t *at, const void *bytes, size_t count)
{
    memcpy(at, bytes, count);
    return at + count;
}

static inline uint8_t *cup_put_string(uint8_t *at, const char *string)
{
    return cup_put_bytes(at, string, strlen(string));
}

uint8_t *cup_put_u64(uint8_t *at, uint64_t value);
uint8_t *cup_put_i64(uint8_t *at, int64_t value);

/* cup_put_digits writes exactly `digits` digits; value < 10^digits. */
uint8_t *cup_put_digits(uint8_t *at, uint64_t value, uint32_t digits);
uint8_t *cup_put_hex(uint8_t *at, uint64_t value, uint32_t digits);

/* cup_put_decimal writes unscaled / 10^scale with all its fraction digits. */
uint8_t *cup_put_decimal(uint8_t *at, int64_t unscaled, uint32_t scale);

/* cup_put_quarters writes quarters / 4 as Java prints a double of that size: 12.0, -0.25. */
uint8_t *cup_put_quarters(uint8_t *at, int64_t quarters);

/* cup_put_base64_integer writes unscaled as Connect does: base64 of the shortest big-endian two's
 * complement. */
uint8_t *cup_put_base64_integer(uint8_t *at, int64_t unscaled);

/* cup_put_date writes YYYY-MM-DD; cup_put_time YYYY-MM-DDTHH:MM:SS.ffffff without zone. */
uint8_t *cup_put_date(uint8_t *at, int64_t days);
uint8_t *cup_put_time(uint8_t *at, int64_t us);

/* cup_put_json writes the inside of a JSON string as Connect's converter does: quote, backslash and
 * control characters escaped, characters outside the basic plane as two \u escapes, else as it is.
 * The text is valid UTF-8. At most 6 bytes for each. */
uint8_t *cup_put_json(uint8_t *at, const void *text, size_t count);

/* cup_put_escaped writes JSON text as the inside of a JSON string: quote and backslash get a
 * backslash; nothing else occurs in it that would need one. At most 2 bytes for each. */
uint8_t *cup_put_escaped(uint8_t *at, const uint8_t *json, size_t count);

#endif
