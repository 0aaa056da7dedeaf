// SPDX-License-Identifier: Apache-2.0
/* looks: what values may be beside what they are: "1234" is a text, decimal digits, and base64.
 *
 * Threads   any.
 * Source    cdc-formats: type encodings of Debezium and Kafka Connect's JsonConverter
 * Tests     tests/control/test_infer.c
 */
#ifndef CUP_CONTROL_CONTRACT_LOOKS_H
#define CUP_CONTROL_CONTRACT_LOOKS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cup_look {
#define CUP_LOOK(id, of, physical, wire, hint, text) CUP_LOOK_##id,
#include "control/contract/looks.def"
#undef CUP_LOOK
    CUP_LOOK_COUNT
};
_Static_assert(CUP_LOOK_COUNT <= 32, "looks are bits of 32");

enum cup_look_of {
    CUP_LOOK_OF_TEXT,
    CUP_LOOK_OF_INTEGER,
    CUP_LOOK_OF_REAL,
    CUP_LOOK_OF_OBJECT,
};

struct cup_look_row {
    const char *physical, *wire, *hint, *text;
    uint8_t     of; /* enum cup_look_of */
};
const struct cup_look_row *cup_look_row(enum cup_look look);

/* cup_looks_of_text and _of_integer are the looks of a value as bits, 1 << enum cup_look.
 * *out_sure: looks that not every word has: a base64 text with padding, hexadecimal digits with
 * letters, a time of these decades. A column is offered as such only if one of its values is. */
uint32_t cup_looks_of_text(const char *text, size_t bytes, uint32_t *out_sure);
uint32_t cup_looks_of_integer(int64_t value, uint32_t *out_sure);

uint32_t cup_looks_of_object(const json_t *object);

/* cup_looks_digits counts the digits before and behind the point of decimal digits. */
void cup_looks_digits(const char *text, uint32_t *out_before, uint32_t *out_behind);

/* cup_looks_hinted says whether the name has one of the row's words, or the row needs none. */
bool cup_looks_hinted(const struct cup_look_row *row, const char *name);

#endif
