// SPDX-License-Identifier: Apache-2.0
/* schema: the Connect schema texts of the bank's keys and envelopes, as the JSON converter prints
 * them.
 *
 * Holds     nothing; appends to the caller's text.
 * Threads   any.
 * Fails     by text->failed.
 * Tests     tests/oracle/test_gen.py
 */
#ifndef CUP_BENCHMARKS_GEN_SCHEMA_H
#define CUP_BENCHMARKS_GEN_SCHEMA_H

#include "base/text.h"
#include "benchmarks/gen/bank.h"

void cup_schema_key(struct cup_text *text, enum cup_bank_table table);
void cup_schema_envelope(struct cup_text *text, enum cup_bank_table table, bool decimal_text);

#endif
