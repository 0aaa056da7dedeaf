// SPDX-License-Identifier: Apache-2.0
/* shard: the folders LAKE/_cupel/<domain>/<pipeline>/<number>: who runs each, and what was given up
 * in it.
 *
 *   <number>/lock          held (flock) by the process that runs the shard; says which one
 *   <number>/recover.log   a JSON line for each thing that an operator had `cupel recover` do
 *
 * Holds     malloc'ed lists.
 * Owner     the tool.
 * Threads   one.
 * Fails     IO, NO_MEMORY, CORRUPT (recover.log).
 * Tests     tests/crash/test_recover.py, tests/lake/test_recover.c
 */
#ifndef CUP_LAKE_TOOL_TOOL_SHARD_H
#define CUP_LAKE_TOOL_TOOL_SHARD_H

#include "base/text.h"
#include "lake/tool/tool_lake.h"

#define CUP_SHARD_ANY UINT32_MAX
#define CUP_SHARD_BYTES                                                                            \
    1100u /* "cupel/<domain>/<pipeline>/<number>", as the committer bounds it                      \
           */
#define CUP_HOLDER_BYTES 128u

struct cup_shard {
    char     domain[256], pipeline[256];
    uint32_t number;
};
struct cup_shards {
    struct cup_shard *list; /* by domain, pipeline, number */
    uint32_t          count;
};

/* cup_shards_find lists what has a folder; domain, pipeline NULL, number CUP_SHARD_ANY: all. */
CUP_MUST_CHECK enum cup_err cup_shards_find(const char *lake, const char *domain,
                                            const char *pipeline, uint32_t number,
                                            struct cup_shards *out_shards,
                                            struct cup_fault  *out_fault);
void                        cup_shards_free(struct cup_shards *shards);

/* cup_shards_count says among how many shards a pipeline's inputs are shared out, since it was
 * begun; 1 when nothing says so. */
uint32_t cup_shards_count(const char *lake, const char *domain, const char *pipeline);

/* cup_shard_app writes the appId of its transactions; cup_shard_folder its folder below the lake;
 * leaf: what lies in it, "" for itself. */
void cup_shard_app(const struct cup_shard *shard, char out_app[CUP_SHARD_BYTES]);
void cup_shard_folder(const struct cup_shard *shard, const char *leaf,
                      char out_name[CUP_SHARD_BYTES]);

/* cup_shard_held says whether a process runs the shard; out_holder is what it, or the last one,
 * wrote of itself ("" when nobody did). */
bool cup_shard_held(const char *lake, const struct cup_shard *shard,
                    char out_holder[CUP_HOLDER_BYTES]);

/* Epochs whose rows were given up in a table: `cupel recover discard --table`. */
struct cup_given_up {
    char    *table;
    uint64_t first, last;
};
struct cup_audit {
    struct cup_given_up *list;
    uint32_t             count;
};

/* cup_audit_read adds what a shard's recover.log says; a shard without one adds nothing. */
CUP_MUST_CHECK enum cup_err cup_audit_read(const char *lake, const struct cup_shard *shard,
                                           struct cup_audit *audit, struct cup_fault *out_fault);
bool cup_audit_excuses(const struct cup_audit *audit, const char *table, uint64_t epoch);
void cup_audit_free(struct cup_audit *audit);

/* cup_audit_write appends a durable line: time, user and process, then `members`: what was done, as
 * the inside of a JSON object. */
CUP_MUST_CHECK enum cup_err cup_audit_write(const char *lake, const struct cup_shard *shard,
                                            const char *members, struct cup_fault *out_fault);

#endif
