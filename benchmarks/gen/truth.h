// SPDX-License-Identifier: Apache-2.0
/* truth: what a right reader must end with, as CSV: the final tables and their sums.
 *
 *   TABLE.csv   header, then one row a key, ordered by key
 *   sums.csv    table,column,measure,value: rows, events by operation, sum and nulls per column
 *
 * NULL is the unquoted \N; texts are always quoted; timestamps are ISO 8601 with microseconds (Z
 * when they are instants); labels are a JSON array.
 *
 * Holds     nothing.
 * Threads   one.
 * Fails     IO.
 * Tests     tests/oracle/test_gen.py
 */
#ifndef CUP_BENCHMARKS_GEN_TRUTH_H
#define CUP_BENCHMARKS_GEN_TRUTH_H

#include "base/err.h"
#include "benchmarks/gen/load.h"

/* cup_truth_write sorts the rows of the load and writes the files into the folder, which it makes
 * if it does not exist. tombstone_count: records beside the events. */
CUP_MUST_CHECK enum cup_err cup_truth_write(struct cup_load *load, const struct cup_bank *bank,
                                            const char *folder, uint64_t tombstone_count,
                                            struct cup_fault *out_fault);

#endif
