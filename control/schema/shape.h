// SPDX-License-Identifier: Apache-2.0
/* shape: what an embedded schema says about a row: its members, their types, its key.
 *
 *   Connect schema JSON (envelope) --parse--> members: name, encoding on the wire, type in the
 * table Connect schema JSON (key)      --------/
 *
 * Types are rows of dataplane/abi/encoding.def, found by Connect type and semantic name; nothing is
 * guessed: a member without a row is refused with its name and type.
 *
 * Holds     nothing; texts and lists lie in the caller's keep.
 * Threads   one.
 * Fails     BAD_DATA: no JSON, no envelope, or a type that has no row; *says tells which.
 * Bounds    CUP_PLAN_COLUMNS_MAX members.
 * Source    Kafka Connect JsonConverter, Debezium's semantic types
 * Tests     tests/control/test_shape.c
 */
#ifndef CUP_CONTROL_SCHEMA_SHAPE_H
#define CUP_CONTROL_SCHEMA_SHAPE_H

#include "base/text.h"
#include "control/schema/keep.h"
#include "dataplane/abi/plan.h"

/* How a value comes, and what it is in the table. */
struct cup_shape_type {
    uint8_t  type, precision, scale, element_type;
    uint8_t  encoding, element_encoding;
    uint8_t  unavailable; /* 1: the source may store it out of line and then not send it */
    uint8_t  pad;
    int32_t  wire_scale; /* decimals: digits behind the point on the wire; bits: how many */
    uint32_t options;    /* enum cup_member_option */
};

struct cup_shape_member {
    const char           *name, *comment; /* comment "" when there is none */
    const char           *standard;       /* "": or the default that a null may come as, JSON */
    struct cup_shape_type is;
};

struct cup_shape {
    struct cup_shape_member *members;
    uint32_t                 member_count;
    const char             **keys; /* names of the key's members, in key order */
    uint32_t                 key_count;
};

/* cup_shape_parse reads the schema of an enveloped change event and of its key ("" = no key).
 * connector decides which values may be stored out of line. */
CUP_MUST_CHECK enum cup_err cup_shape_parse(struct cup_keep *keep, const char *schema,
                                            const char *key_schema, const char *connector,
                                            struct cup_shape *out_shape, struct cup_text *says);

/* cup_shape_parse_row is the same for the schema of a row without envelope. Members whose names
 * begin with `metadata` are no columns. */
CUP_MUST_CHECK enum cup_err cup_shape_parse_row(struct cup_keep *keep, const char *schema,
                                                const char *key_schema, const char *connector,
                                                const char *metadata, struct cup_shape *out_shape,
                                                struct cup_text *says);

/* cup_shape_out_of_line says whether PostgreSQL may keep a value of this kind out of line, with a
 * placeholder that can be seen on the wire. */
bool cup_shape_out_of_line(enum cup_encoding encoding);

/* cup_shape_hides says whether such a value of PostgreSQL, kept out of line and not sent, comes as
 * null: its encoding has no placeholder. */
bool cup_shape_hides(const struct cup_shape_type *is);

/* cup_shape_true_scale is the scale that PostgreSQL means: it sends numeric(3,-2) as 2046. */
int32_t cup_shape_true_scale(int32_t wire_scale);

/* cup_shape_fits says whether a column of type `column` holds every value of `wire`'s type exactly.
 */
bool cup_shape_fits(const struct cup_shape_type *column, const struct cup_shape_type *wire);

/* cup_shape_same_type compares the types in the table; encodings do not matter. */
bool cup_shape_same_type(const struct cup_shape_type *a, const struct cup_shape_type *b);

/* cup_shape_put_type appends the type as Delta writes it: decimal(18,2), array<string>. */
void cup_shape_put_type(struct cup_text *text, const struct cup_shape_type *is);

#endif
