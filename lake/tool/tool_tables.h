// SPDX-License-Identifier: Apache-2.0
/* tables: the Delta tables below a lake, and the words with which people say sizes and times.
 *
 * Holds     malloc'ed names.
 * Owner     the tool.
 * Threads   one.
 * Fails     IO, NO_MEMORY, NOT_FOUND (no lake).
 * Tests     tests/lake/test_compact.c
 */
#ifndef CUP_LAKE_TOOL_TOOL_TABLES_H
#define CUP_LAKE_TOOL_TOOL_TABLES_H

#include "lake/tool/tool_lake.h"

struct cup_tables {
    char   **list; /* below the lake, by name */
    uint32_t count;
};

/* cup_tables_find lists all folders that have a _delta_log; tables are not looked into. only: one
 * of them, NULL = all. Symbolic links are not followed. */
CUP_MUST_CHECK enum cup_err cup_tables_find(const char *lake, const char *only,
                                            struct cup_tables *out_tables,
                                            struct cup_fault  *out_fault);
void                        cup_tables_free(struct cup_tables *tables);

/* Faults in words, on stderr: of one table (ending: what is said behind it), or of a lake in which
 * cup_tables_find found nothing (only: as there). */
void cup_tables_say_fault(const char *table, const struct cup_fault *fault, const char *ending);
void cup_tables_say_missing(const char *lake, const char *only);

/* cup_units_bytes reads "1000", "128MiB"; cup_units_time "90s", "168h", "7d" as microseconds. */
bool cup_units_bytes(const char *text, uint64_t *out_bytes);
bool cup_units_time(const char *text, uint64_t *out_us);

#endif
