// SPDX-License-Identifier: Apache-2.0
/* delta_priv: what the delta files share: paths, memory of a state, applying actions.
 *
 *   JSON line  --delta_line.c-------\
 *   checkpoint --delta_checkpoint_read.c--> cup_delta_priv_{add,remove,txn,...} --> state
 *
 * Holds     nothing of its own.
 * Owner     as in lake/delta.h.
 * Threads   one per state.
 */
#ifndef CUP_LAKE_DELTA_PRIV_H
#define CUP_LAKE_DELTA_PRIV_H

#include "kernels/json/json.h"
#include "lake/delta.h"

#define CUP_DELTA_PRIV_DEPTH_MAX  32u /* nesting of a schema; deeper ones are UNSUPPORTED */
#define CUP_DELTA_PRIV_FIELDS_MAX 100000u

/* --- paths --- */

/* encode_path appends path, URI-encoded once; needs no JSON escaping after that. */
void cup_delta_priv_encode_path(struct cup_text *text, const char *path);
/* decode_path undoes it in place; false: a bad escape, a NUL, or nothing left. */
bool cup_delta_priv_decode_path(char *path, size_t *bytes);

/* --- memory --- */

/* An arena gives memory that is freed as a whole. */
struct cup_delta_priv_chunk;
struct cup_delta_priv_arena {
    struct cup_delta_priv_chunk *chunks;
};
/* take returns zeroed memory, aligned for any type, or NULL. */
void *cup_delta_priv_take(struct cup_delta_priv_arena *arena, size_t bytes);
/* copy adds a NUL. */
char *cup_delta_priv_copy(struct cup_delta_priv_arena *arena, const void *bytes, size_t count);
void  cup_delta_priv_release(struct cup_delta_priv_arena *arena);

struct cup_delta_priv_memory {
    struct cup_delta_priv_arena metadata, protocol; /* what the last action of its kind holds */
    uint32_t                   *slots; /* hash table: file index + 1, 0 = free; linear probing */
    uint64_t                    slot_count; /* power of two, at least twice file_count */
    uint64_t                    file_cap, tombstone_cap;
    struct cup_text             property; /* lent by cup_delta_property */
    uint32_t                    txn_cap;
    bool                        has_protocol, has_metadata;
    struct cup_json            *json; /* for lines and texts of up to json_bytes */
    size_t                      json_bytes;
    struct cup_text             scratch; /* unescaped texts; padded for the parser */
};

/* --- a parsed JSON text --- */

struct cup_delta_priv_json {
    const uint8_t      *at;
    struct cup_json_doc doc;
};
/* parse judges at[0..bytes) (CUP_JSON_PADDING readable bytes behind it) and lends nodes until the
 * next parse. CORRUPT when it is no object. */
CUP_MUST_CHECK enum cup_err cup_delta_priv_parse(struct cup_delta_priv_memory *memory,
                                                 const char *at, size_t bytes,
                                                 struct cup_delta_priv_json *out_json,
                                                 struct cup_fault           *out_fault);
/* rest gives the parser back, which is by far the largest part of a table's state: between two
 * looks at its log a table does without. */
void cup_delta_priv_rest(struct cup_delta_priv_memory *memory);
/* member gives the node's index, 0 when missing or null. */
uint32_t cup_delta_priv_member(const struct cup_delta_priv_json *json, uint32_t object,
                               const char *name);
/* i64 reads a plain integer; false when the node is none. */
bool cup_delta_priv_i64(const struct cup_delta_priv_json *json, uint32_t node, int64_t *out_value);

/* --- actions --- */

/* A text that need not end with NUL; at NULL = absent. */
struct cup_delta_priv_text {
    const char *at;
    size_t      bytes;
};

struct cup_delta_priv_add {
    struct cup_delta_priv_text path; /* URI-encoded, as in the log */
    struct cup_delta_priv_text partition_json, stats;
    int64_t                    bytes, modified_ms;
};
struct cup_delta_priv_metadata {
    struct cup_delta_priv_text id, schema_string, description, partition_columns_json,
        configuration_json;
    int64_t created_ms;
};

/* Each applies one action. CORRUPT or UNSUPPORTED name what is wrong with it. They parse (stats,
 * schema), so nodes lent before are gone. */
CUP_MUST_CHECK enum cup_err cup_delta_priv_add(struct cup_delta_state          *state,
                                               const struct cup_delta_priv_add *add,
                                               struct cup_fault                *out_fault);
CUP_MUST_CHECK enum cup_err cup_delta_priv_remove(struct cup_delta_state    *state,
                                                  struct cup_delta_priv_text path,
                                                  int64_t deleted_ms, struct cup_fault *out_fault);
/* bury keeps a tombstone and leaves the files alone: in a checkpoint no row undoes another. */
CUP_MUST_CHECK enum cup_err cup_delta_priv_bury(struct cup_delta_state    *state,
                                                struct cup_delta_priv_text path, int64_t deleted_ms,
                                                struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_delta_priv_txn(struct cup_delta_state    *state,
                                               struct cup_delta_priv_text app_id, int64_t version,
                                               int64_t updated_ms, struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_delta_priv_metadata(struct cup_delta_state               *state,
                                                    const struct cup_delta_priv_metadata *metadata,
                                                    struct cup_fault *out_fault);
/* The lists of features belong to memory->protocol, which the caller emptied before. */
CUP_MUST_CHECK enum cup_err cup_delta_priv_protocol(struct cup_delta_state *state, int64_t reader,
                                                    int64_t writer, char **reader_features,
                                                    char            **writer_features,
                                                    struct cup_fault *out_fault);

/* line applies one line of a commit. */
CUP_MUST_CHECK enum cup_err cup_delta_priv_line(struct cup_delta_state *state, const char *at,
                                                size_t bytes, struct cup_fault *out_fault);

/* schema parses schema_string into fields that live in arena. */
CUP_MUST_CHECK enum cup_err cup_delta_priv_schema(struct cup_delta_priv_memory *memory,
                                                  struct cup_delta_priv_arena  *arena,
                                                  const char *schema_string, size_t bytes,
                                                  const struct cup_field **out_fields,
                                                  uint32_t *out_count, struct cup_fault *out_fault);

/* --- columns that grow, row by row --- */

struct cup_delta_priv_rows {
    struct cup_column *columns; /* one per field */
    uint32_t           count;
    bool               failed; /* memory is short: nothing more is put */
};
CUP_MUST_CHECK bool cup_delta_priv_rows_init(struct cup_delta_priv_rows *rows,
                                             const struct cup_field *fields, uint32_t count);
void                cup_delta_priv_rows_free(struct cup_delta_priv_rows *rows);
void                cup_delta_priv_rows_clear(struct cup_delta_priv_rows *rows);

/* Each appends one value to a column. A struct is followed by one value for each of its children, a
 * list by `count` values for its child, a map by `count` for both. put_null of a struct includes
 * the children. put_i64 serves every vector of integers and BITS. */
void cup_delta_priv_put_null(struct cup_delta_priv_rows *rows, struct cup_column *column);
void cup_delta_priv_put_i64(struct cup_delta_priv_rows *rows, struct cup_column *column,
                            int64_t value);
void cup_delta_priv_put_text(struct cup_delta_priv_rows *rows, struct cup_column *column,
                             const void *bytes, size_t count);
void cup_delta_priv_put_list(struct cup_delta_priv_rows *rows, struct cup_column *column,
                             uint32_t count);
void cup_delta_priv_put_struct(struct cup_delta_priv_rows *rows, struct cup_column *column);

/* --- checkpoints --- */

/* read_checkpoint applies the actions of a classic checkpoint, or of a part of one, to a state that
 * holds nothing else. */
CUP_MUST_CHECK enum cup_err cup_delta_priv_read_checkpoint(struct cup_delta_state *state,
                                                           const struct cup_text  *file,
                                                           struct cup_fault       *out_fault);

#endif
