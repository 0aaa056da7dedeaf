// SPDX-License-Identifier: Apache-2.0
/* commands: what cupel-lake can do. Each is called with its own arguments and gives the exit code.
 *
 * Holds     nothing.
 * Owner     main.
 * Threads   one.
 * Fails     exit 1: problems or a failure, told on standard output or error; 2: wrong usage.
 * Tests     tests/lake/test_verify.c, tests/lake/test_verify_replay.c, tests/lake/test_compact.c,
 * tests/lake/test_recover.c
 */
#ifndef CUP_LAKE_TOOL_TOOL_COMMANDS_H
#define CUP_LAKE_TOOL_TOOL_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lake/tool/tool_records.h"

enum cup_exit { CUP_EXIT_OK, CUP_EXIT_PROBLEMS, CUP_EXIT_USAGE };

struct cup_verify_options {
    const char *lake, *domain, *pipeline; /* domain, pipeline: NULL = all */
    const char *keys;                     /* folder of keys: read all of bronze; NULL: none */
    bool        deep;
};
/* cup_verify_run writes its findings to out, what kept it from looking to standard error. */
enum cup_exit cup_verify_run(const struct cup_verify_options *options, FILE *out);

struct cup_replay_options {
    const char               *lake, *domain, *pipeline;
    struct cup_records_filter filter;
    const char               *to;   /* folder; NULL: out */
    const char               *keys; /* folder of keys; NULL: none */
    bool                      dump; /* all records as lines of a dump */
};
enum cup_exit cup_replay_run(const struct cup_replay_options *options, FILE *out);

/* cup_missing_run writes the accepted records whose rows are not in silver to a file that the
 * pipeline reads, as cup_quarantine_run does with EXPORT; a line for the program that called. */
struct cup_missing_options {
    const char               *lake, *domain, *pipeline;
    struct cup_records_filter filter;
    uint64_t                  record_bytes_max;
    bool                      dry_run;
};
enum cup_exit cup_missing_run(const struct cup_missing_options *options, FILE *out);

enum cup_recover_action { CUP_RECOVER_EXPLAIN, CUP_RECOVER_ADOPT, CUP_RECOVER_DISCARD };
struct cup_recover_options {
    const char             *lake, *domain, *pipeline;
    uint32_t                shard; /* UINT32_MAX: all */
    enum cup_recover_action action;
    const char             *table; /* discard: this table; NULL: the epoch */
    uint64_t                epoch;
    bool                    json, yes;
};
/* cup_recover_run writes what it found and did to out, what kept it from looking to standard error.
 */
enum cup_exit cup_recover_run(const struct cup_recover_options *options, FILE *out);

struct cup_compact_options {
    const char *lake, *table; /* table: NULL = all */
    uint64_t    target_bytes; /* files of three quarters of it stay as they are */
    uint32_t    files_min;    /* a partition with fewer small files is left alone; at least 2 */
    bool        dry_run;
    bool        quiet; /* in the background: lowest priority, says only what was done */
};
/* cup_compact_run: what it hands over stays handed over, whatever happens then. */
enum cup_exit cup_compact_run(const struct cup_compact_options *options, FILE *out);

struct cup_vacuum_options {
    const char *lake, *table; /* table: NULL = all */
    int64_t     retain_us;    /* < 0: the table's property, or the standard */
    bool        dry_run, force;
};
enum cup_exit cup_vacuum_run(const struct cup_vacuum_options *options, FILE *out);

enum cup_quarantine_action { CUP_QUARANTINE_LS, CUP_QUARANTINE_SHOW, CUP_QUARANTINE_EXPORT };
struct cup_quarantine_options {
    const char                *lake, *domain, *pipeline;
    enum cup_quarantine_action action;
    const char                *reason, *table, *input, *place; /* NULL: all */
    int64_t                    since_us;
    uint64_t                   limit; /* show: records at most */
    bool                       json, raw;
    /* export: for `cupel quarantine retry` and `drop` */
    uint64_t record_bytes_max;
    bool     discard, dry_run;
};
/* cup_quarantine_run lists or shows what waits in quarantine, or writes it to a file for a retry.
 */
enum cup_exit cup_quarantine_run(const struct cup_quarantine_options *options, FILE *out);

#endif
