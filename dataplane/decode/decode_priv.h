// SPDX-License-Identifier: Apache-2.0
/* decode_priv: what the files of decode share.
 *
 *   plan schema --> shape: members (name, column, function) and a hash over their names
 *   plan table  --> table: columns in pool blocks while it has open rows
 *   record      --> envelope: where its parts are; one record at a time
 *
 * A value function returns an outcome, or CUP_STOPPED when memory is missing: decode->stop then
 * says what the caller of the whole has to do, and the record is decoded again later.
 */
#ifndef CUP_DATAPLANE_DECODE_DECODE_PRIV_H
#define CUP_DATAPLANE_DECODE_DECODE_PRIV_H

#include <string.h>

#include "dataplane/decode/decode.h"
#include "dataplane/transform/rules.h"
#include "kernels/json/json.h"

#define CUP_NONE    UINT32_MAX
#define CUP_STOPPED ((uint32_t)CUP_OUTCOME_COUNT) /* no outcome: see decode->stop */

/* A record can take a before image and a row; a third place is for the key it is compared with. An
 * offset stands behind each of them. */
#define CUP_SPARE_ROWS 3u

#define CUP_KNOWN_MAX                                                                              \
    16u /* schema texts tried before a schema is parsed: five tables, changed twice */
#define CUP_REFUSED_MAX 1024u /* remembered kinds of refused records; the oldest is forgotten */

struct cup_member;
struct cup_table;

struct cup_cell {
    struct cup_decode       *decode;
    struct cup_table        *table;
    const struct cup_member *member;
    struct cup_column       *column;
    struct cup_runs         *runs;
    uint32_t                 row;
};

typedef uint32_t cup_value_fn(struct cup_cell *cell, const struct cup_json_node *node);

struct cup_member {
    const char              *name;
    uint32_t                 name_bytes, column;
    cup_value_fn            *put;
    const struct cup_member *element; /* LIST; else NULL */
    int32_t                  wire_scale;
    uint32_t                 key_index; /* place in the table's keys; CUP_NONE: no key column */
    uint8_t                  type, precision, scale; /* of the column, or of the elements */
    uint8_t                  encoding;
    bool                     unavailable, needed; /* needed: not null in c, u, r */
};

struct cup_shape {
    const uint8_t     *text; /* bytes 0: records without schema */
    uint64_t           text_hash;
    uint32_t           text_bytes, token_count;
    uint32_t           table, next; /* next: of the same hash bucket */
    bool               quarantine;
    struct cup_member *members, *elements;
    uint32_t           member_count;
    uint32_t          *slots; /* hash of the names: member + 1, 0 = empty */
    uint32_t           slot_mask;
    uint32_t          *unmapped; /* columns of the table that this shape has no member for */
    uint32_t           unmapped_count;
    uint32_t          *key_members; /* member of each key column; CUP_NONE: it has none */
};

/* Blocks of the run that a vector has for itself; 0: it is a share of the table's blocks. */
struct cup_runs {
    uint32_t validity, values, offsets;
};

struct cup_table {
    const struct cup_plan_table  *plan;
    const struct cup_plan_column *plan_columns;
    struct cup_field             *fields, *elements;
    struct cup_column            *columns; /* data, generated, then the elements of lists */
    struct cup_runs              *runs;    /* one for each of columns */
    uint32_t                      data_count, column_count, all_count;
    uint32_t                     *keys; /* key columns by place */
    uint32_t                      key_count, bare_shape, next;
    uint32_t  row_count, slot_count; /* slots: rows that vectors have room for */
    uint8_t **blocks;
    uint32_t  block_count, run_block_count; /* block_count is fixed */
    uint32_t  open_index;                   /* in decode->open; CUP_NONE: no blocks borrowed */
};

struct cup_span {
    const uint8_t *at;
    uint32_t       bytes;
};

/* Members of source that matter. */
enum cup_source_member {
    CUP_SOURCE_OTHER, /* all that do not */
    CUP_SOURCE_TS_US,
    CUP_SOURCE_TS_MS,
    CUP_SOURCE_TS_NS,
    CUP_SOURCE_SNAPSHOT,
    CUP_SOURCE_LSN,
    CUP_SOURCE_TX_ID,
    CUP_SOURCE_GTID,
    CUP_SOURCE_FILE,
    CUP_SOURCE_POS,
    CUP_SOURCE_ROW,
    CUP_SOURCE_COMMIT_LSN,
    CUP_SOURCE_CHANGE_LSN,
    CUP_SOURCE_SERIAL,
    CUP_SOURCE_CONNECTOR,
    CUP_SOURCE_NAME,
    CUP_SOURCE_DB,
    CUP_SOURCE_SCHEMA,
    CUP_SOURCE_TABLE,
    CUP_SOURCE_COUNT
};

/* How positions and transactions are written. */
enum cup_connector {
    CUP_CONNECTOR_OTHER,
    CUP_CONNECTOR_POSTGRESQL,
    CUP_CONNECTOR_BINLOG, /* MySQL, MariaDB */
    CUP_CONNECTOR_SQLSERVER,
};

/* Indexes are nodes; 0 = the record has none (node 0 is the root). */
struct cup_envelope {
    char               op;          /* lower case */
    bool               create_half; /* op c with the header of a changed key */
    enum cup_connector kind;
    uint32_t           before, after, transaction;
    uint32_t           source[CUP_SOURCE_COUNT]; /* OTHER: any of them */
    struct cup_span    connector, name, db, schema, table;
    struct cup_span    schema_text; /* raw, embedded; bytes 0: none */
    uint32_t           known;       /* index into decode->known; CUP_NONE */
    struct cup_span    old_key;     /* JSON text; bytes 0: none */
};

/* What is known of a key that the parser gives an id: which member it names, as a member of the
 * event, of source, and of an image of one shape. All follow from its bytes alone. */
struct cup_key_note {
    uint32_t key_id; /* 0: unused */
    uint32_t shape;  /* index + 1; 0: not asked yet */
    uint32_t member;
    uint8_t  event, source;
};

/* Where the members of source stood in a record, all of them scalars: its last key's id stands for
 * all the keys, so that they stand there in every record that ends source with it. */
struct cup_source_note {
    uint32_t key_id;               /* of the last key; 0: unused */
    uint32_t count;                /* of members */
    uint32_t at[CUP_SOURCE_COUNT]; /* nodes behind that of source; 0: absent */
};

struct cup_refused {
    char             names[4][256];
    uint8_t         *text;
    uint32_t         text_bytes;
    enum cup_outcome outcome;
};

struct cup_decode {
    const struct cup_plan *plan;
    struct cup_pool       *pool;
    cup_topic_of_fn       *topic_of;
    const void            *topic_arg;
    struct cup_json       *values, *texts; /* records of a slice; keys and headers beside it */

    struct cup_rules *rules; /* of the contracts */
    struct cup_table *tables;
    struct cup_shape *shapes;
    uint32_t         *table_buckets, *shape_buckets; /* first of a chain, CUP_NONE */
    uint32_t          bucket_mask;
    uint32_t         *open, open_count; /* tables that borrow blocks */

    struct cup_key_note   *notes; /* CUP_JSON_KEY_IDS, of keys of `values` */
    struct cup_source_note source_note;
    struct cup_json_known  known[CUP_KNOWN_MAX]; /* most recently used first */
    uint32_t               known_shape[CUP_KNOWN_MAX], known_count;
    uint32_t               last_table;

    struct cup_span unavailable, unavailable_base64; /* the placeholder, and base64 of it */
    struct cup_span unavailable_pair;                /* {"placeholder":"placeholder"} */
    uint8_t        *unavailable_memory;

    /* the batch and record at hand */
    const struct cup_batch        *batch;
    const struct cup_decode_stamp *stamp;
    const struct cup_record       *record;
    const uint8_t                 *buf; /* what the nodes at hand point into */
    struct cup_json_doc            doc;
    struct cup_envelope            envelope;
    struct cup_shape              *shape;
    struct cup_table              *table;
    bool                           may_be_unset; /* placeholders mean unset in the image at hand */
    bool                           names_needed; /* the image must have what a contract requires */
    const char                    *image_name;
    uint32_t                      *seen, seen_stamp;   /* per member: the image that had it last */
    uint32_t                      *unset, unset_count; /* columns */
    uint32_t       *key_nodes; /* node of each key column in the image at hand; 0: none */
    uint8_t        *scratch;   /* names of the record, then one text at a time */
    uint32_t        scratch_used;
    uint32_t        topic; /* of the last record, and its text */
    struct cup_span topic_text;

    enum cup_decode_stop      stop;
    uint32_t                  stop_table;
    struct cup_decode_unknown unknown;
    uint8_t                  *unknown_text; /* its schema: the batch may die before the answer */
    uint32_t                  unknown_text_bytes;
    struct cup_refused       *refused;
    uint32_t                  refused_count, refused_next;

    char (*bad_paths)[CUP_BAD_PATH_BYTES];
    uint32_t bad_count, bad_at;
    uint32_t bad_rule; /* place in the table's rules; CUP_NONE */
    bool     bad_has_path;
};

/* --- shapes.c: the plan, made ready at open --- */

CUP_MUST_CHECK enum cup_err cup_shapes_priv_open(struct cup_decode *decode,
                                                 struct cup_fault  *out_fault);
void                        cup_shapes_priv_close(struct cup_decode *decode);

/* cup_shapes_priv_note finds the member that node's key names, and remembers it by the key's id;
 * *expected is the one that the order of the plan promises, and moves on. NULL: the shape has none
 * of that name. */
const struct cup_member *cup_shapes_priv_note(struct cup_decode          *decode,
                                              const struct cup_shape     *shape,
                                              const struct cup_json_node *node, uint32_t *expected);

/* cup_shapes_priv_member is the same for a key that was there before, most likely. */
static inline const struct cup_member *cup_shapes_priv_member(struct cup_decode          *decode,
                                                              const struct cup_shape     *shape,
                                                              const struct cup_json_node *node,
                                                              uint32_t                   *expected)
{
    const struct cup_key_note *note  = &decode->notes[node->key_id % CUP_JSON_KEY_IDS];
    uint32_t                   index = (uint32_t)(shape - decode->shapes) + 1;

    if (node->key_id == 0 || note->key_id != node->key_id || note->shape != index)
        return cup_shapes_priv_note(decode, shape, node, expected);
    *expected = note->member + 1;
    return &shape->members[note->member];
}

uint64_t cup_shapes_priv_hash(const uint8_t *bytes, size_t count);

/* --- columns.c: memory of a table's rows --- */

CUP_MUST_CHECK enum cup_err cup_columns_priv_plan(struct cup_decode *decode,
                                                  struct cup_table  *table,
                                                  struct cup_fault  *out_fault);

/* cup_columns_priv_ready makes room for one more record; false: decode->stop. */
CUP_MUST_CHECK bool cup_columns_priv_ready(struct cup_decode *decode, struct cup_table *table);
void                cup_columns_priv_close(struct cup_decode *decode, struct cup_table *table);

/* cup_columns_priv_grow makes room for `bytes` at the end of the cell's text, `elements` for so
 * many more elements of the cell's list. Returns an outcome or CUP_STOPPED. */
uint32_t cup_columns_priv_grow(const struct cup_cell *cell, uint64_t bytes);
uint32_t cup_columns_priv_elements(const struct cup_cell *cell, uint32_t elements);

/* --- values.c: one function per encoding --- */

/* cup_values_priv_find is the function of an encoding for a column type; NULL: no such pair. */
cup_value_fn *cup_values_priv_find(enum cup_encoding encoding, enum cup_type type);

/* cup_values_priv_text gives a STRING node's text, unescaped (to scratch) if need be. */
struct cup_span cup_values_priv_text(struct cup_decode *decode, const struct cup_json_node *node);
bool cup_values_priv_unavailable(struct cup_decode *decode, const struct cup_member *member,
                                 const struct cup_json_node *node);
bool cup_values_priv_leak(struct cup_decode *decode, const struct cup_json_node *node);
bool cup_values_priv_equal(const struct cup_column *column, uint32_t a, uint32_t b);

/* --- envelope.c: what a record is --- */

/* cup_envelope_priv_read judges the parsed record and fills decode->envelope. Returns
 * CUP_OUTCOME_ACCEPTED for a change event; every other outcome ends the record. */
uint32_t cup_envelope_priv_read(struct cup_decode *decode);

/* cup_envelope_priv_note finds out what the node's key names, and remembers it by its id. */
struct cup_key_note cup_envelope_priv_note(struct cup_decode          *decode,
                                           const struct cup_json_node *node);

/* cup_envelope_priv_sniff says what bytes are that are no JSON. */
enum cup_outcome cup_envelope_priv_sniff(const uint8_t *bytes, uint32_t count);

/* cup_envelope_priv_payload unwraps {schema, payload}: the node to go on with; *out_schema is 0
 * when there is no wrapper or its schema is null. */
uint32_t cup_envelope_priv_payload(const uint8_t *buf, const struct cup_json_doc *doc,
                                   uint32_t *out_schema);

/* --- route.c: which table and shape --- */

/* cup_route_priv_find sets decode->table and decode->shape; CUP_STOPPED for an unknown one. */
uint32_t cup_route_priv_find(struct cup_decode *decode);
void     cup_route_priv_close(struct cup_decode *decode);

/* --- rows.c, key.c, silver.c: the rows of one record --- */

/* cup_rows_priv_put writes the record's rows behind the table's; *out_row_count of them count once
 * the caller adds them to row_count. */
uint32_t cup_rows_priv_put(struct cup_decode *decode, uint32_t *out_row_count);

/* cup_rows_priv_cell writes one member's value, whatever it is. */
uint32_t cup_rows_priv_cell(struct cup_decode *decode, const struct cup_member *member,
                            const struct cup_json_node *node, uint32_t row);

/* cup_key_priv_check compares the record key with the key columns of a row; cup_key_priv_take
 * writes them from it (DELETE_WITHOUT_KEY when it has not all of them). */
uint32_t cup_key_priv_check(struct cup_decode *decode, uint32_t row);
uint32_t cup_key_priv_take(struct cup_decode *decode, uint32_t row);

/* cup_silver_priv_old_key finds the header of a changed key. */
uint32_t cup_silver_priv_old_key(struct cup_decode *decode);

/* cup_silver_priv_put writes the generated columns of a row. key_only: _unset is ["*"]. */
uint32_t cup_silver_priv_put(struct cup_decode *decode, uint32_t row, char op, int32_t sub,
                             bool key_only);

/* --- decode.c --- */

/* cup_decode_priv_refuse notes byte and path of a refusal and returns outcome. node may be NULL;
 * name may be NULL: the path is prefix alone. */
uint32_t cup_decode_priv_refuse(struct cup_decode *decode, enum cup_outcome outcome,
                                const struct cup_json_node *node, const char *prefix,
                                const char *name, uint32_t name_bytes);

static inline struct cup_span cup_span_priv_of(const struct cup_plan *plan,
                                               struct cup_plan_text   text)
{
    return (struct cup_span){.at = (const uint8_t *)cup_plan_text(plan, text), .bytes = text.bytes};
}

static inline uint64_t cup_bytes_priv_load8(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint32_t cup_bytes_priv_load4(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* cup_bytes_priv_same compares names and other short texts: words that overlap instead of a call.
 * Nothing outside of a[0..count) and b[0..count) is read. */
static inline bool cup_bytes_priv_same(const void *left, const void *right, size_t count)
{
    const uint8_t *a = left, *b = right;

    if (count > 64) return memcmp(a, b, count) == 0;
    if (count >= 8) {
        uint64_t differ = cup_bytes_priv_load8(a + count - 8) ^ cup_bytes_priv_load8(b + count - 8);
        for (size_t i = 0; i + 8 < count; i += 8)
            differ |= cup_bytes_priv_load8(a + i) ^ cup_bytes_priv_load8(b + i);
        return differ == 0;
    }
    if (count >= 4)
        return ((cup_bytes_priv_load4(a) ^ cup_bytes_priv_load4(b)) |
                (cup_bytes_priv_load4(a + count - 4) ^ cup_bytes_priv_load4(b + count - 4))) == 0;
    if (count == 0) return true;
    return a[0] == b[0] && a[count / 2] == b[count / 2] && a[count - 1] == b[count - 1];
}

/* cup_bytes_priv_copy copies short texts in the same way. */
static inline void cup_bytes_priv_copy(uint8_t *to, const uint8_t *from, size_t count)
{
    if (count > 64) {
        memcpy(to, from, count);
        return;
    }
    if (count >= 8) {
        uint64_t last = cup_bytes_priv_load8(from + count - 8);
        for (size_t i = 0; i + 8 < count; i += 8)
            memcpy(to + i, from + i, 8);
        memcpy(to + count - 8, &last, 8);
        return;
    }
    if (count >= 4) {
        uint32_t first = cup_bytes_priv_load4(from), last = cup_bytes_priv_load4(from + count - 4);
        memcpy(to, &first, 4);
        memcpy(to + count - 4, &last, 4);
        return;
    }
    for (size_t i = 0; i < count; i++)
        to[i] = from[i];
}

static inline bool cup_span_priv_equal(struct cup_span a, struct cup_span b)
{
    return a.bytes == b.bytes && cup_bytes_priv_same(a.at, b.at, a.bytes);
}

/* cup_values_priv_null makes the cell's value NULL; what NULL hides is zero. */
static inline void cup_values_priv_null(const struct cup_cell *cell)
{
    struct cup_column *column = cell->column;
    uint32_t           row    = cell->row;

    cup_bit_set(column->validity, row, false);
    switch ((enum cup_vec)column->vec) {
    case CUP_VEC_BITS: cup_bit_set(column->bits, row, false); break;
    case CUP_VEC_I32: column->i32[row] = 0; break;
    case CUP_VEC_I64: column->i64[row] = 0; break;
    case CUP_VEC_I128: column->i128[row] = 0; break;
    case CUP_VEC_F32: column->f32[row] = 0; break;
    case CUP_VEC_F64: column->f64[row] = 0; break;
    case CUP_VEC_VAR:
    case CUP_VEC_LIST: column->offsets[row + 1] = column->offsets[row]; break;
    case CUP_VEC_NONE: break;
    }
}

#endif
