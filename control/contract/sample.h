// SPDX-License-Identifier: Apache-2.0
/* sample: files of change events -> tables and columns, as far as their records show them.
 *
 *   NDJSON, dump, gzip --lines--> JSON --kind--> row change --> table --> columns
 *                                   schema --shape--> exact types --^        ^-- values: counts of
 *                                                                  kinds and looks (looks.def)
 *
 * Nothing is decided here: a column knows its type from an embedded schema, or it knows how often
 * its values were of which kind. Values themselves are not kept, only counts of them.
 *
 * Holds     tables and columns in the caller's keep; the last schemas until cup_sample_close.
 * Owner     the command that runs.
 * Threads   one.
 * Fails     IO: a file cannot be read. Records that cannot be read are counted by kind.
 * Bounds    record_max records of each table; a file is left when so many records of full tables
 *           came in a row that nothing new is to be expected (CUP_SAMPLE_IDLE_MAX times that).
 * Source    cdc-formats: envelope, framing, tombstones, images
 * Tests     tests/control/test_infer.c
 */
#ifndef CUP_CONTROL_CONTRACT_SAMPLE_H
#define CUP_CONTROL_CONTRACT_SAMPLE_H

#include <jansson.h>

#include "base/text.h"
#include "control/config/inputs.h"
#include "control/schema/shape.h"

#define CUP_SAMPLE_RECORDS   10000u /* what a table shows in so many records it shows always */
#define CUP_SAMPLE_IDLE_MAX  16u    /* snapshots come table by table: the next may be far */
#define CUP_SAMPLE_SPELLINGS 4u     /* earlier types of a column that are told */

enum cup_sample_kind {
#define CUP_SAMPLE(id, text) CUP_SAMPLE_##id,
#include "control/contract/sample.def"
#undef CUP_SAMPLE
    CUP_SAMPLE_KIND_COUNT
};

/* How often values were what. */
struct cup_sample_values {
    uint64_t nulls, bools, integers, huge, reals, texts, empties, lists, objects;
    uint64_t not_finite;      /* the texts NaN, Infinity, -Infinity */
    uint64_t variable;        /* objects of scale and base64 value */
    uint64_t unavailable;     /* placeholders of values that the source did not send */
    uint64_t unavailable_raw; /* of these, in base64: the column holds bytes */
    uint32_t looks, sure;     /* bits of looks.def: that all values have, that one surely has */
    uint32_t digits_before, digits_behind; /* the most, of decimal digits */
};

struct cup_sample_column {
    const char              *name;
    uint64_t                 seen; /* records that have the member */
    struct cup_sample_values values, elements;
    uint32_t                 key_place; /* 1.. = place in the record's key */
    uint64_t                *hashes;    /* of values in inserts: is it unique? */
    uint32_t                 hash_count, hash_cap;
    bool                     no_candidate; /* null, no text or integer, or filler in a delete */
    /* from embedded schemas */
    bool                  typed, optional, has_default, gone;
    uint32_t              schema_count; /* that have it */
    struct cup_shape_type is;
    const char           *comment;
    struct cup_shape_type earlier[CUP_SAMPLE_SPELLINGS];
    uint32_t              earlier_count;
};

struct cup_sample_table {
    const char               *source, *db, *schema, *table, *connector;
    const char               *topic; /* its records do not name it; NULL: they do */
    struct cup_sample_column *columns;
    uint32_t                  column_count, column_cap;
    uint64_t                  record_count, row_count;  /* row: with an after image */
    uint64_t                  key_count;                /* records with a key */
    uint64_t                  before_full, before_none; /* of updates */
    bool                      may_have_key;             /* its form of record could show a key */
    uint32_t                  schema_count;             /* different embedded schemas, in a row */
    json_t                   *last_schema;
    const char               *refused; /* why the embedded schema cannot be read; NULL */
};

struct cup_sample {
    struct cup_keep         *keep;
    uint64_t                 record_max;
    enum cup_format          format;
    const char              *topic; /* of the record that is read; the file's where it has none */
    struct cup_sample_table *tables;
    uint32_t                 table_count, table_cap, last_table;
    uint64_t                 counts[CUP_SAMPLE_KIND_COUNT];
    uint64_t                 record_count, idle_count;
    uint32_t                 file_count, left_count; /* left: before their end */
};

const char *cup_sample_kind_text(enum cup_sample_kind kind);

/* cup_sample_file reads one file. The caller set keep, format and record_max, the rest is
 * zero. */
CUP_MUST_CHECK enum cup_err cup_sample_file(struct cup_sample            *sample,
                                            const struct cup_inputs_file *file,
                                            struct cup_text              *says);

/* cup_sample_is_unique says whether no value of the column came twice in inserts and none was
 * null. */
bool cup_sample_is_unique(const struct cup_sample_table *table, struct cup_sample_column *column);

void cup_sample_close(struct cup_sample *sample);

#endif
