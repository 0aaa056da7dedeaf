// SPDX-License-Identifier: Apache-2.0
/* retry: files of records that a pipeline is to judge again: what was refused, what is missing.
 *
 *   records --lines (dataplane/source/retry_priv.h)--> LAKE/_cupel/<d>/<p>/0/retry/<name>.retry
 *
 * Holds     a folder that nobody else makes files in meanwhile; one file that grows.
 * Owner     the tool.
 * Threads   one.
 * Fails     IO, NO_MEMORY.
 * Tests     tests/oracle/test_quarantine.py
 */
#ifndef CUP_LAKE_TOOL_TOOL_RETRY_H
#define CUP_LAKE_TOOL_TOOL_RETRY_H

#include "base/text.h"
#include "lake/tool/tool_shard.h"

/* The folder in which files of records wait to be judged again; held: nobody else makes one there.
 * pending: the one that an earlier retry left, "" for none. */
struct cup_retry_folder {
    char path[CUP_PATH_BYTES];
    char pending[CUP_PATH_BYTES];
    int  fd;
};
CUP_MUST_CHECK enum cup_err cup_retry_folder_open(const char *lake, const struct cup_shard *shard,
                                                  struct cup_retry_folder *out_folder,
                                                  struct cup_fault        *out_fault);
void                        cup_retry_folder_close(struct cup_retry_folder *folder);

/* A new file. Its owner appends a line to `text` and calls _next. accepted: what is in it was
 * accepted once, and its name says so, to whoever finishes it (CUP_RETRY_ACCEPTED). */
struct cup_retry_file {
    const struct cup_retry_folder *folder;
    struct cup_text                text;
    char                           name[64];
    char                           by[128]; /* who has it made */
    int                            fd;      /* -1: nothing is written */
    bool                           accepted;
    uint64_t                       records, bytes;
};
CUP_MUST_CHECK enum cup_err cup_retry_file_open(const struct cup_retry_folder *folder, bool dry_run,
                                                bool accepted, struct cup_retry_file *out_file,
                                                struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_retry_file_next(struct cup_retry_file *file,
                                                struct cup_fault      *out_fault);
/* cup_retry_file_close: keep: it is durable under its name when this returns; out_path "" and no
 * file when it has no records, or nothing was written. */
CUP_MUST_CHECK enum cup_err cup_retry_file_close(struct cup_retry_file *file, bool keep,
                                                 char              out_path[CUP_PATH_BYTES],
                                                 struct cup_fault *out_fault);

/* A record, and where it came from. Names are "" when there is none; all is lent. */
struct cup_retry_record {
    const char *topic, *input, *form, *by, *file;
    const void *key, *value, *headers; /* key, value: NULL for null; headers: JSON, NULL for none */
    size_t      key_bytes, value_bytes, headers_bytes;
    int64_t     partition, offset, timestamp_us, epoch, position, member_at, at;
    bool        has_timestamp;
};

/* cup_retry_put_record appends a line up to its last members: origin is open. */
void cup_retry_put_record(struct cup_text *text, const struct cup_retry_record *record);

/* cup_retry_is_long says whether the pipeline's limits forbid to read a record of so many bytes. */
bool cup_retry_is_long(uint64_t bytes, bool is_line, uint64_t record_bytes_max);

#endif
