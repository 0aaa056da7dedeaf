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
#include "kernels/token/token.h"

#define CUP_NONE    UINT32_MAX
#define CUP_STOPPED ((uint32_t)CUP_OUTCOME_COUNT) /* no outcome: see decode->stop */

/* A record can take a before image and a row; a third place is for the key it is compared with. An
 * offset stands behind each of them. */
#define CUP_SPARE_ROWS 3u

#define CUP_KNOWN_MAX                                                                              \
    16u /* schema texts tried before a schema is parsed: five tables, changed twice */
#define CUP_POS_MAX     80u   /* Oracle: two SCNs of 32 digits, place in the transaction of 16 */
#define CUP_ODD_NOTES   64u   /* oddities of one record that are counted */
#define CUP_REFUSED_MAX 1024u /* remembered kinds of refused records; the oldest is forgotten */

#define CUP_MISSING_FLAG "_isMissing" /* GoldenGate: behind a column's name */
#define CUP_WHOLE_MEMBER "$" /* MongoDB: a column of this member takes the whole document */

struct cup_member;
struct cup_table;

struct cup_span {
    const uint8_t *at;
    uint32_t       bytes;
};

struct cup_odd_note {
    uint32_t column; /* CUP_NONE: the row as a whole */
    uint32_t oddity;
};

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
    uint32_t                 options;             /* enum cup_member_option */
    struct cup_span          standard;            /* the default as JSON; bytes 0: none */
    bool                     unavailable, needed; /* needed: not null in c, u, r */
    uint8_t                  generated;           /* enum cup_generated */
    uint32_t                 slot;                /* put NULL: left out of silver, counted there */
};

struct cup_shape {
    const uint8_t     *text; /* bytes 0: records without schema */
    uint64_t           text_hash;
    uint32_t           text_bytes, token_count;
    uint32_t           table, next; /* next: of the same hash bucket */
    uint32_t           number;      /* among decode->shapes, from 1 */
    bool               quarantine;
    uint8_t            unknown, lost; /* enum cup_unknown_member, cup_lost_member */
    uint32_t           slot;          /* of members that are unknown and ignored */
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
    bool                          masked; /* a column is */
    struct cup_field             *fields, *elements;
    struct cup_column            *columns; /* data, generated, then the elements of lists */
    struct cup_runs              *runs;    /* one for each of columns */
    uint32_t                      data_count, column_count, all_count;
    uint32_t                     *keys;      /* key columns by place */
    uint32_t                      any_shape; /* the newest; CUP_NONE: the plan has none */
    bool                          many;      /* its topic has more than one partition */
    uint32_t                      key_count, bare_shape, next;
    bool                          weakened; /* an update came without its before image */
    uint64_t                     *oddities; /* per data column, and of the row: counts */
    uint32_t  row_count, slot_count;        /* slots: rows that vectors have room for */
    uint8_t **blocks;
    uint32_t  block_count, run_block_count; /* block_count is fixed */
    uint32_t  open_index;                   /* in decode->open; CUP_NONE: no blocks borrowed */
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
    CUP_SOURCE_COMMIT_SCN,
    CUP_SOURCE_SCN,
    CUP_SOURCE_TX_SEQ,
    CUP_SOURCE_ORD,
    CUP_SOURCE_CONNECTOR,
    CUP_SOURCE_NAME,
    CUP_SOURCE_DB,
    CUP_SOURCE_SCHEMA,
    CUP_SOURCE_TABLE,
    CUP_SOURCE_COLLECTION, /* what MongoDB has for a table */
    CUP_SOURCE_COUNT
};

/* How the source's time is written: Debezium's members; or what stands for ts_ms is of a unit. */
enum cup_time_unit { CUP_TIME_MEMBERS, CUP_TIME_SECONDS, CUP_TIME_TEXT };

/* How positions and transactions are written. */
enum cup_connector {
    CUP_CONNECTOR_OTHER,
    CUP_CONNECTOR_POSTGRESQL,
    CUP_CONNECTOR_BINLOG,    /* MySQL, MariaDB */
    CUP_CONNECTOR_SQLSERVER, /* and Db2 */
    CUP_CONNECTOR_ORACLE,
    CUP_CONNECTOR_MONGODB,
    CUP_CONNECTOR_MAXWELL,
    CUP_CONNECTOR_GOLDENGATE,
};

/* What a reader finds out about a record. Indexes are nodes; 0 = the record has none (node 0 is the
 * root). */
struct cup_envelope {
    char               op;          /* lower case */
    bool               create_half; /* op c with the header of a changed key */
    bool               by_topic;    /* the topic says which table; names here only narrow it */
    bool               upsert;      /* op u may as well be the first that is heard of the row */
    bool               rooted;      /* the root itself is the row before */
    bool               overlay;   /* the row before is `after` with the members of prior over it */
    uint8_t            missing;   /* enum cup_missing: of columns that a u does not name */
    uint8_t            time_unit; /* enum cup_time_unit */
    enum cup_connector kind;
    uint32_t           before, after, transaction;
    uint32_t           prior;          /* previous values: may hold the key that was changed */
    uint32_t           rows, old_rows; /* arrays: a change each, instead of after and prior */
    uint32_t           removed;        /* array of names: columns that are gone from the row */
    uint32_t           source[CUP_SOURCE_COUNT]; /* OTHER: any of them */
    const struct cup_span *facts;                /* the same as texts, where source has no node */
    struct cup_span        connector, name, db, schema, table;
    struct cup_span        schema_text; /* raw, embedded; bytes 0: none */
    uint32_t               known;       /* index into decode->known; CUP_NONE */
    struct cup_span        old_key;     /* JSON text; bytes 0: none */
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

/* How one format is read: a row of cup_dialects_priv. */
struct cup_dialect {
    const char *connector; /* stands for it where records do not name one */

    /* read judges the parsed record and fills decode->envelope. Returns ACCEPTED for a change;
     * every other outcome ends the record. */
    uint32_t (*read)(struct cup_decode *decode);
    /* NULL: a record without value is a tombstone; else it is read as this says */
    uint32_t (*read_null)(struct cup_decode *decode);
    /* adapt gives the node that stands for a value, *own if it is made; NULL: as it stands */
    const struct cup_json_node *(*adapt)(const struct cup_decode    *decode,
                                         const struct cup_member    *member,
                                         const struct cup_json_node *node,
                                         struct cup_json_node       *own);
    /* foreign judges a member of an image that is no column; NULL: schema_drift */
    bool (*foreign)(const struct cup_decode *decode, const struct cup_json_node *node);
    bool documents;    /* images are texts that hold JSON */
    bool placeholders; /* a column's value may be the text that says "not sent" */
    bool flagged;      /* a null with a member <name>_isMissing beside it was not sent */
};
extern const struct cup_dialect cup_dialects_priv[CUP_FORMAT_COUNT];

/* What all rows of a record share; made when the first of them is written. */
struct cup_stamped {
    bool            made, has_ts;
    int64_t         ts_us;
    struct cup_span pos, tx, snapshot;
    uint8_t         pos_text[CUP_POS_MAX];
};

#define CUP_TOPIC_NOTES 256u /* topics whose table is remembered */

struct cup_topic_note {
    uint32_t topic;   /* index + 1; 0: nothing noted */
    uint32_t table;   /* CUP_NONE: the plan has none */
    bool     claimed; /* the topic is the table's own, by contract or by name */
};

struct cup_refused {
    char             names[4][256];
    uint8_t         *text;
    uint32_t         text_bytes;
    enum cup_outcome outcome;
};

struct cup_decode {
    const struct cup_plan    *plan;
    const struct cup_dialect *dialect;
    struct cup_pool          *pool;
    cup_topic_of_fn          *topic_of;
    const void               *topic_arg;
    struct cup_json          *values, *texts; /* records of a slice; keys and headers beside it */
    struct cup_token         *token;          /* NULL: no column is a token */

    struct cup_rules *rules; /* of the contracts */
    struct cup_table *tables;
    struct cup_shape *shapes;
    uint32_t         *table_buckets, *shape_buckets; /* first of a chain, CUP_NONE */
    uint32_t          bucket_mask;
    uint32_t         *open, open_count; /* tables that borrow blocks */

    struct cup_key_note   *notes;      /* CUP_JSON_KEY_IDS, of keys of `values` */
    struct cup_key_note   *text_notes; /* the same of `texts`, where images are texts */
    struct cup_source_note source_note;
    struct cup_json_known  known[CUP_KNOWN_MAX]; /* most recently used first */
    uint32_t               known_shape[CUP_KNOWN_MAX], known_count;
    uint32_t               last_table;

    struct cup_span unavailable, unavailable_base64; /* the placeholder, and base64 of it */
    struct cup_span unavailable_pair;                /* {"placeholder":"placeholder"} */
    struct cup_span unavailable_uuid;                /* its name-based UUID */
    uint8_t        *unavailable_memory;

    /* the batch and record at hand */
    const struct cup_batch        *batch;
    const struct cup_decode_stamp *stamp;
    const struct cup_record       *record;
    const uint8_t                 *buf;         /* what the nodes at hand point into */
    uint32_t                       frame_bytes; /* of a schema registry, before the value's JSON */
    struct cup_json_doc            doc;
    struct cup_envelope            envelope;
    struct cup_shape              *shape;
    struct cup_table              *table;
    struct cup_stamped             stamped;
    struct cup_span                facts[CUP_SOURCE_COUNT]; /* for envelope.facts */
    uint32_t                       image, image_at; /* at hand; the byte of a text that holds it */
    uint8_t                        missing;         /* enum cup_missing: its absent columns */
    uint32_t                       found_count;     /* of its members that are columns */
    int32_t                        sub;             /* row of the record */
    bool                           may_be_unset; /* placeholders mean unset in the image at hand */
    bool                           names_needed; /* the image must have what a contract requires */
    const char                    *image_name;
    uint32_t                      *seen, seen_stamp;   /* per member: the image that had it last */
    uint32_t                      *unset, unset_count; /* columns */
    uint32_t             *key_nodes; /* node of each key column in the image at hand; 0: none */
    uint32_t              ignored[CUP_PLAN_IGNORED_SLOTS]; /* values that the record has lost */
    uint64_t              ignored_sums[CUP_PLAN_IGNORED_SLOTS]; /* of accepted ones, since moved */
    bool                  ignores, ignored_any; /* ignored, ignored_sums are not all 0 */
    uint8_t              *scratch;              /* names of the record, then one text at a time */
    uint32_t              scratch_used;
    uint32_t              topic; /* of the last record, and its text */
    struct cup_span       topic_text;
    struct cup_topic_note topic_notes[CUP_TOPIC_NOTES];

    struct cup_odd_note odd[CUP_ODD_NOTES]; /* of the record at hand */
    uint32_t            odd_count;
    bool                any_odd; /* a counter is not 0 */

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
 * *expected is the one that the order of the plan promises; then the one behind the member. NULL:
 * the shape has none of that name. */
const struct cup_member *cup_shapes_priv_note(struct cup_decode          *decode,
                                              const struct cup_shape     *shape,
                                              const struct cup_json_node *node, uint32_t *expected);

/* cup_shapes_priv_member is the same for a key that was there before, most likely. */
static inline const struct cup_member *cup_shapes_priv_member(struct cup_decode          *decode,
                                                              const struct cup_shape     *shape,
                                                              const struct cup_json_node *node,
                                                              uint32_t                   *expected)
{
    const struct cup_key_note *note = &decode->notes[node->key_id % CUP_JSON_KEY_IDS];

    if (node->key_id == 0 || note->key_id != node->key_id || note->shape != shape->number)
        return cup_shapes_priv_note(decode, shape, node, expected);
    *expected = note->member + 1;
    return &shape->members[note->member];
}

uint64_t cup_shapes_priv_hash(const uint8_t *bytes, size_t count);

/* --- columns.c: memory of a table's rows --- */

CUP_MUST_CHECK enum cup_err cup_columns_priv_plan(struct cup_decode *decode,
                                                  struct cup_table  *table,
                                                  struct cup_fault  *out_fault);

/* cup_columns_priv_ready makes room for `rows` rows more (CUP_SPARE_ROWS are always kept). Returns
 * an outcome, or CUP_STOPPED. */
CUP_MUST_CHECK uint32_t cup_columns_priv_ready(struct cup_decode *decode, struct cup_table *table,
                                               uint32_t rows);
void                    cup_columns_priv_close(struct cup_decode *decode, struct cup_table *table);

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

/* cup_values_priv_forgive says whether a value that was refused so becomes null by declaration. */
bool cup_values_priv_forgive(const struct cup_member *member, uint32_t outcome);

/* --- odd.c: counts of oddities --- */

void cup_odd_priv_note(struct cup_decode *decode, uint32_t column, enum cup_oddity oddity);
void cup_odd_priv_count(struct cup_decode *decode);

/* --- envelope.c: what readers of all formats need --- */

/* cup_envelope_priv_clear empties decode->envelope, all but names and connector. */
static inline void cup_envelope_priv_clear(struct cup_envelope *envelope)
{
    /* member by member: as a whole it would be cleared by a slow string instruction */
    envelope->op          = '\0';
    envelope->create_half = envelope->by_topic = envelope->upsert = envelope->overlay = false;
    envelope->missing   = CUP_MISSING_NULL;
    envelope->time_unit = CUP_TIME_MEMBERS;
    envelope->before = envelope->after = envelope->transaction = envelope->prior = 0;
    envelope->rows = envelope->old_rows = envelope->removed = 0;
    envelope->facts                                         = NULL;
    envelope->schema_text                                   = (struct cup_span){0};
    envelope->old_key                                       = (struct cup_span){0};
    envelope->known                                         = CUP_NONE;
    envelope->rooted                                        = false;
    for (uint32_t i = 0; i < CUP_SOURCE_COUNT; i++)
        envelope->source[i] = 0;
}

/* cup_envelope_priv_begin empties the envelope and finds the object that holds the event:
 * *out_payload, behind {schema, payload}. Its outcome ends the record unless it is ACCEPTED. */
uint32_t cup_envelope_priv_begin(struct cup_decode *decode, uint32_t *out_payload);

/* cup_envelope_priv_schema notes an embedded schema; 0: there is none. */
void cup_envelope_priv_schema(struct cup_decode *decode, uint32_t schema);

/* cup_envelope_priv_members finds members of an object by name; out_at[i] is 0 for an absent one.
 * Returns how many members have another name. */
uint32_t cup_envelope_priv_members(const struct cup_decode *decode, uint32_t object,
                                   const char *const *names, uint32_t count, uint32_t *out_at);

/* cup_envelope_priv_text is the text of a STRING node; empty for null and 0. False: another kind.
 * What is unescaped stays in scratch as long as the record. */
bool cup_envelope_priv_text(struct cup_decode *decode, uint32_t at, struct cup_span *out_text);

/* cup_envelope_priv_is says whether a node is a STRING of this text. */
bool cup_envelope_priv_is(const struct cup_decode *decode, uint32_t at, const char *text);

/* cup_envelope_priv_image: an image is an object, null or absent (*out_image 0 then). */
bool cup_envelope_priv_image(const struct cup_decode *decode, uint32_t at, uint32_t *out_image);

/* cup_envelope_priv_mismatch refuses the record: it is not of the pipeline's format. */
uint32_t cup_envelope_priv_mismatch(struct cup_decode *decode, uint32_t at, const char *path);

/* cup_envelope_priv_names empties the names of the source and calls the connector so. */
void cup_envelope_priv_names(struct cup_decode *decode, const char *connector);

/* cup_envelope_priv_connector is how a connector of this name writes positions. */
enum cup_connector cup_envelope_priv_connector(struct cup_span name);

/* cup_envelope_priv_source is the member of source that has the name; OTHER: none. alike: in lower
 * case and without its underscores. */
enum cup_source_member cup_envelope_priv_source(struct cup_span name, bool alike);

/* cup_envelope_priv_op looks an operation up in words, each behind its letter ("cinsert"), the last
 * NULL. '\0': none of them. */
char cup_envelope_priv_op(const struct cup_decode *decode, uint32_t at, const char *const *words);

/* cup_envelope_priv_message judges an object that is no change: HEARTBEAT, TRANSACTION,
 * SCHEMA_CHANGE, MESSAGE, or ACCEPTED for none of them. */
uint32_t cup_envelope_priv_message(struct cup_decode *decode, uint32_t payload);

/* cup_envelope_priv_note finds out what the node's key names, and remembers it by its id. */
struct cup_key_note cup_envelope_priv_note(struct cup_decode          *decode,
                                           const struct cup_json_node *node);

/* cup_envelope_priv_sniff says what bytes are that are no JSON. */
enum cup_outcome cup_envelope_priv_sniff(const uint8_t *bytes, uint32_t count);

/* cup_envelope_priv_frame is the length of the schema registry's frame before a JSON value; 0:
 * there is none, or what follows is no JSON object. */
static inline uint32_t cup_envelope_priv_frame(const uint8_t *bytes, uint32_t count)
{
    static const uint8_t frames[] = {5, 17, 0, 18}; /* Confluent's id, its GUID, -, AWS Glue */

    if (count == 0 || bytes[0] > 3) return 0;
    uint32_t frame = frames[bytes[0]];
    if (frame == 0 || count <= frame || bytes[frame] != '{') return 0;
    return bytes[0] == 3 && bytes[1] != 0 ? 0 : frame; /* Glue: 0 is plain */
}

/* cup_envelope_priv_payload unwraps {schema, payload}: the node to go on with; *out_schema is 0
 * when there is no wrapper or its schema is null. */
uint32_t cup_envelope_priv_payload(const uint8_t *buf, const struct cup_json_doc *doc,
                                   uint32_t *out_schema);

/* --- the readers, one file each: see dialects.c --- */

uint32_t cup_debezium_priv_read(struct cup_decode *decode);

/* cup_debezium_priv_names reads the names among envelope.source; `at` is where they stand. */
uint32_t cup_debezium_priv_names(struct cup_decode *decode, uint32_t at);
uint32_t cup_cloudevents_priv_read(struct cup_decode *decode);
uint32_t cup_maxwell_priv_read(struct cup_decode *decode);
uint32_t cup_canal_priv_read(struct cup_decode *decode);
uint32_t cup_dms_priv_read(struct cup_decode *decode);
uint32_t cup_goldengate_priv_read(struct cup_decode *decode);
uint32_t cup_flattened_priv_read(struct cup_decode *decode);
uint32_t cup_flattened_priv_read_null(struct cup_decode *decode);
bool cup_flattened_priv_foreign(const struct cup_decode *decode, const struct cup_json_node *node);
uint32_t cup_upsert_priv_read(struct cup_decode *decode);
bool cup_goldengate_priv_foreign(const struct cup_decode *decode, const struct cup_json_node *node);

/* cup_canal_priv_adapt: every value is a text, typed by its column. */
const struct cup_json_node *cup_canal_priv_adapt(const struct cup_decode    *decode,
                                                 const struct cup_member    *member,
                                                 const struct cup_json_node *node,
                                                 struct cup_json_node       *own);

/* --- texts.c: values as producers other than Debezium write them --- */

uint32_t cup_texts_priv_timestamp(struct cup_cell *cell, const struct cup_json_node *node);
uint32_t cup_texts_priv_instant(struct cup_cell *cell, const struct cup_json_node *node);
uint32_t cup_texts_priv_time(struct cup_cell *cell, const struct cup_json_node *node);
uint32_t cup_texts_priv_latin1(struct cup_cell *cell, const struct cup_json_node *node);

/* --- documents.c: images and keys that are texts of Extended JSON --- */

/* What the nodes at hand were before a text's own took their place. */
struct cup_nodes {
    const uint8_t       *buf;
    struct cup_json_doc  doc;
    struct cup_key_note *notes;
    uint32_t             scratch_used, image_at;
};

/* cup_documents_priv_enter parses the text of STRING node `at`: its nodes are at hand until
 * cup_documents_priv_leave, which the caller owes when this returns ACCEPTED. */
uint32_t cup_documents_priv_enter(struct cup_decode *decode, uint32_t at,
                                  struct cup_nodes *out_nodes);
void     cup_documents_priv_leave(struct cup_decode *decode, const struct cup_nodes *nodes);

const struct cup_json_node *cup_documents_priv_adapt(const struct cup_decode    *decode,
                                                     const struct cup_member    *member,
                                                     const struct cup_json_node *node,
                                                     struct cup_json_node       *own);
bool cup_documents_priv_foreign(const struct cup_decode *decode, const struct cup_json_node *node);

/* cup_documents_priv_numeric says whether a member is written as a JSON number. */
bool cup_documents_priv_numeric(const struct cup_member *member);

/* --- position.c: what all rows of a record share --- */

/* cup_position_priv_stamp fills decode->stamped: time, position, transaction, snapshot marker. */
uint32_t cup_position_priv_stamp(struct cup_decode *decode);

/* --- route.c: which table and shape --- */

/* cup_route_priv_ask parks before the record: control has to know of `what`. Returns CUP_STOPPED.
 * what.at may point into scratch. */
uint32_t cup_route_priv_ask(struct cup_decode *decode, enum cup_unknown_kind kind,
                            struct cup_span what);

/* cup_route_priv_ask_ddl asks about a DDL record; its outcome when control has seen it. */
uint32_t cup_route_priv_ask_ddl(struct cup_decode *decode, struct cup_span record,
                                struct cup_span position);

/* cup_route_priv_find sets decode->table and decode->shape; CUP_STOPPED for an unknown one. */
uint32_t cup_route_priv_find(struct cup_decode *decode);
void     cup_route_priv_close(struct cup_decode *decode);

/* cup_route_priv_claimed: the record's topic is that of a table. */
bool cup_route_priv_claimed(struct cup_decode *decode);

/* --- rows.c, key.c, old_key.c, silver.c: the rows of one record --- */

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

/* cup_silver_priv_make_old_key makes _old_key from previous values, and from the row at hand where
 * they do not name a column of the key. */
void cup_silver_priv_make_old_key(struct cup_decode *decode, uint32_t prior, uint32_t image);

/* cup_silver_priv_put writes the generated columns of a row. key_only: _unset is ["*"]. */
uint32_t cup_silver_priv_put(struct cup_decode *decode, uint32_t row, char op, int32_t sub,
                             bool key_only);

/* cup_old_key_priv_put writes _old_key of a table with masks; the row behind cell's is spare. */
uint32_t cup_old_key_priv_put(struct cup_decode *decode, const struct cup_cell *cell);

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
