// SPDX-License-Identifier: Apache-2.0
/* delta: the text of Delta Lake commits, and the state that a log describes.
 *
 *   writing  cup_delta_put_* append one action (one line) to a text; the caller commits the text
 *   reading  cup_delta_load: _last_checkpoint, checkpoint, JSON tail --> struct cup_delta_state
 *
 * Holds     state: everything live in a table, malloc'ed.
 * Owner     the committer or a tool; never a worker.
 * Threads   one per state.
 * Fails     reading: NOT_FOUND (no table), CORRUPT, UNSUPPORTED (reader features), IO.
 * Bounds    a log line of CUP_DELTA_LINE_BYTES_MAX.
 * Source    Delta protocol, "Actions", "Checkpoints"; measured rules in lake/README.md
 * Tests     tests/lake/test_delta.c, tests/lake/test_delta_readers.py
 */
#ifndef CUP_LAKE_DELTA_H
#define CUP_LAKE_DELTA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/column.h"
#include "base/err.h"
#include "base/text.h"

#define CUP_DELTA_LINE_BYTES_MAX      (64u << 20)
#define CUP_DELTA_CHECKPOINT_INTERVAL 10u
#define CUP_ENGINE_INFO               "cupel/" CUP_VERSION

/* The bytes of a table folder, without knowing how they are stored. Names are relative to the
 * table. */
struct cup_delta_io {
    void *arg;
    /* get appends the whole file to *out. CUP_NOT_FOUND when there is none. */
    enum cup_err (*get)(void *arg, const char *name, struct cup_text *out,
                        struct cup_fault *out_fault);
    /* list calls each(each_arg, name) for every name in the folder (without the folder's name, "."
     * and ".."), in any order. */
    enum cup_err (*list)(void *arg, const char *folder, void (*each)(void *, const char *name),
                         void *each_arg, struct cup_fault *out_fault);
};

/* --- actions --- */

struct cup_delta_commit_info {
    int64_t     timestamp_ms;
    const char *operation; /* "CREATE TABLE", "WRITE", "ADD COLUMNS", "OPTIMIZE" */
    const char *epoch_id;  /* UUID text; "" for none */
    uint64_t    epoch;
    bool        blind_append;
};
void cup_delta_put_commit_info(struct cup_text *text, const struct cup_delta_commit_info *info);

/* cup_delta_put_protocol: 1/2, or 3/7 with timestampNtz when a field (at any depth) needs it. */
void cup_delta_put_protocol(struct cup_text *text, const struct cup_field *fields, uint32_t count);

/* id: UUID text; description: NULL or text; partition columns: NULL-terminated list or NULL.
 * configuration_json: a table's properties as JSON text, NULL for none; a new schema for an
 * existing table must carry on those of its state. */
struct cup_delta_metadata {
    const char             *id, *description, *configuration_json;
    const char             *schema_string; /* NULL: made from fields */
    const struct cup_field *fields;
    uint32_t                field_count;
    const char *const      *partition_columns;
    int64_t                 created_ms;
};
void cup_delta_put_metadata(struct cup_text *text, const struct cup_delta_metadata *metadata);
void cup_delta_put_txn(struct cup_text *text, const char *app_id, uint64_t version,
                       int64_t updated_ms);

/* path: relative to the table, not yet URI-encoded; this function encodes it. stats: JSON text or
 * NULL. Partition values are given as JSON, or as pairs name, value, ... NULL-terminated; a NULL
 * value is written as null. */
struct cup_delta_add {
    const char        *path;
    const char        *partition_json;   /* an object; NULL: partition_values tell */
    const char *const *partition_values; /* NULL: unpartitioned */
    uint64_t           bytes;
    int64_t            modified_ms;
    const char        *stats;
    bool               data_change;
};
void cup_delta_put_add(struct cup_text *text, const struct cup_delta_add *add);

/* The file is lent from a state; readers of older versions may need it until a vacuum. */
struct cup_delta_file;
void cup_delta_put_remove(struct cup_text *text, const struct cup_delta_file *file,
                          int64_t deleted_ms, bool data_change);

/* cup_delta_schema_string writes the schemaString (a JSON text, not yet escaped into a string). */
void cup_delta_schema_string(struct cup_text *text, const struct cup_field *fields, uint32_t count);

/* cup_delta_version_name writes "_delta_log/%020u.json". */
#define CUP_DELTA_NAME_BYTES 64
void cup_delta_version_name(char out_name[CUP_DELTA_NAME_BYTES], uint64_t version);

/* --- state --- */

struct cup_delta_file {      /* a live add action */
    char    *path;           /* decoded: as the file is named on disk, relative to the table */
    char    *stats;          /* JSON text or NULL */
    char    *partition_json; /* partitionValues as JSON text, "{}" when there are none */
    uint64_t bytes;
    int64_t  modified_ms;
    uint64_t row_count; /* numRecords of the stats; UINT64_MAX when unknown */
};

/* A removed file that readers of older versions may still need: what a remove action leaves. */
struct cup_delta_tombstone {
    char   *path;       /* decoded */
    int64_t deleted_ms; /* 0 when unknown */
};

struct cup_delta_txn {
    char    *app_id;
    uint64_t version;
    int64_t  updated_ms; /* 0 when unknown */
};

struct cup_delta_state {
    uint64_t               version; /* last commit read */
    uint32_t               min_reader, min_writer;
    char                 **reader_features, **writer_features; /* NULL-terminated, or NULL */
    char                  *id, *schema_string, *description;
    char                  *partition_columns_json, *configuration_json;
    int64_t                created_ms;
    struct cup_field      *fields; /* parsed schema_string, names owned by the state */
    uint32_t               field_count;
    struct cup_delta_file *files;
    uint64_t               file_count;
    struct cup_delta_txn  *txns;
    uint32_t               txn_count;
    /* may hold files that are live again, or one twice, until cup_delta_forget */
    struct cup_delta_tombstone *tombstones;
    uint64_t                    tombstone_count;
    void                       *memory; /* private */
};

/* cup_delta_load reads the table's newest state.
 * Gives     *out_state; cup_delta_state_free (NULL accepted). */
CUP_MUST_CHECK enum cup_err cup_delta_load(const struct cup_delta_io *io,
                                           struct cup_delta_state   **out_state,
                                           struct cup_fault          *out_fault);
void                        cup_delta_state_free(struct cup_delta_state *state);

/* cup_delta_refresh reads only the commits behind state->version (the committer calls it before
 * each commit; cost: one failed get when nothing is new). On failure the state must be loaded anew.
 */
CUP_MUST_CHECK enum cup_err cup_delta_refresh(struct cup_delta_state    *state,
                                              const struct cup_delta_io *io,
                                              struct cup_fault          *out_fault);

/* cup_delta_txn_version is the version of app_id's last txn, or 0 when there is none. */
uint64_t cup_delta_txn_version(const struct cup_delta_state *state, const char *app_id);

/* cup_delta_forget drops the tombstones of files removed before before_ms; those that stay are by
 * path, each once, and none is live. */
void cup_delta_forget(struct cup_delta_state *state, int64_t before_ms);

/* cup_delta_find is the live file of that path, or NULL. */
const struct cup_delta_file *cup_delta_find(const struct cup_delta_state *state, const char *path);

/* cup_delta_unwritable names what the table demands of writers that cupel does not know; NULL: it
 * may write. */
const char *cup_delta_unwritable(const struct cup_delta_state *state);

/* cup_delta_property is the text of a table property, NULL when it is not set; lent until the next
 * call on this state. cup_delta_duration reads one such as "interval 30 days" as microseconds;
 * standard_us when it is not set or cannot be read. */
#define CUP_DELTA_LOG_RETENTION     "delta.logRetentionDuration"
#define CUP_DELTA_LOG_RETENTION_US  (30 * 86400 * 1000000ll)
#define CUP_DELTA_FILE_RETENTION    "delta.deletedFileRetentionDuration"
#define CUP_DELTA_FILE_RETENTION_US (7 * 86400 * 1000000ll)
const char *cup_delta_property(const struct cup_delta_state *state, const char *name);
int64_t     cup_delta_duration(const struct cup_delta_state *state, const char *property,
                               int64_t standard_us);

/* cup_delta_checkpoint encodes the state, and the tombstones that cup_delta_forget left, as a
 * classic single-file checkpoint into *out_file and the text of _last_checkpoint into *out_last;
 * the caller stores both, in this order. */
CUP_MUST_CHECK enum cup_err cup_delta_checkpoint(const struct cup_delta_state *state,
                                                 struct cup_text              *out_file,
                                                 struct cup_text              *out_last,
                                                 struct cup_fault             *out_fault);

#endif
