// SPDX-License-Identifier: Apache-2.0
/* catalog: the tables of a run and every shape their records may have; it only grows.
 *
 *   contract ----> table, shape of records without schema --\
 *   table in the lake --> columns that exist already ---------+--> catalog --> plan
 *   embedded schema --> [drift policy] --> columns, shape ---/
 *
 * The order of tables, columns and shapes never changes: an index in one plan means the same in the
 * next. A column's type never changes: what does not fit gets a column of its own, name__2.
 *
 * Holds     lists in the caller's keep.
 * Owner     the command that runs.
 * Threads   one.
 * Fails     BAD_CONFIG (contract against table, two tables of one path, the key changed), and what
 *           reading the table in the lake fails with. *says tells it in words.
 * Bounds    CUP_PLAN_TABLES_MAX, CUP_PLAN_COLUMNS_MAX, CUP_PLAN_SCHEMAS_MAX.
 * Tests     tests/control/test_catalog.c
 */
#ifndef CUP_CONTROL_SCHEMA_CATALOG_H
#define CUP_CONTROL_SCHEMA_CATALOG_H

#include "control/schema/drift.h"
#include "control/schema/mask.h"
#include "control/schema/shape.h"
#include "dataplane/abi/wire.h"

struct cup_catalog_column {
    const char            *name, *comment, *member; /* member: in the record; "" when not known */
    struct cup_shape_type  is;                      /* encoding: the contract's, if there is one */
    const char            *standard;                /* its default as JSON; NULL: not known */
    uint32_t               key_place;               /* 1.. = place in the key; 0 = no key column */
    uint32_t               partition_place;         /* 1.. = place among the partitions; 0 = none */
    bool                   required;
    bool                   declared;  /* by a contract */
    uint8_t                generated; /* enum cup_generated */
    struct cup_mask_choice mask;      /* `is` is the type before it */
};

/* A bound or a value of a rule, in the column's type; as cup_plan_value. */
struct cup_catalog_value {
    uint64_t    words[2];
    const char *text; /* "" when the type has numbers */
    size_t      text_bytes;
};

struct cup_catalog_rule {
    const char               *id, *column; /* column: its name in the table */
    uint8_t                   kind;        /* enum cup_rule */
    struct cup_catalog_value  bound;
    struct cup_catalog_value *values;
    uint32_t                  value_count;
};

struct cup_catalog_dataset {
    const char *id;
    uint8_t     kind, action; /* enum cup_dataset, enum cup_action */
    double      least, most;
    uint64_t    records_min;
};

struct cup_catalog_table {
    const char                 *source_name, *source_db, *source_schema, *source_table;
    const char                 *path, *description;
    const char                 *topic; /* of records that do not name their table; "": by names */
    struct cup_drift_policy     drift; /* of a table under contract; others: the catalog's */
    const char                 *stopped_pos; /* NULL: it runs; else the DDL's position */
    struct cup_catalog_column  *columns;
    uint32_t                    column_count, column_cap;
    uint32_t                    key_count;
    const char                 *partitions[CUP_PLAN_PARTITIONS_MAX]; /* key columns, or _date */
    uint32_t                    partition_count;
    struct cup_catalog_rule    *rules;
    uint32_t                    rule_count, rule_cap;
    struct cup_catalog_dataset *datasets;
    uint32_t                    dataset_count, dataset_cap;
    uint8_t                     images, missing; /* enum cup_images, enum cup_missing */
    bool                        write_before, contracted, truncate_applies;
};

struct cup_catalog_field {
    uint32_t              member_column; /* index of the table's column, or CUP_PLAN_IGNORED */
    uint32_t              slot;          /* of an ignored one: in the catalog's list */
    const char           *member;
    const char           *standard; /* the column's default as JSON; NULL or "": none */
    struct cup_shape_type is;
};

struct cup_catalog_schema {
    const char               *text; /* "" : records without schema */
    size_t                    text_bytes;
    uint32_t                  table;
    struct cup_catalog_field *fields;
    uint32_t                  field_count;
    uint32_t                  ignored_count; /* of the fields: members without column */
    uint32_t                  slot;          /* of members that are ignored without a field */
    bool                      quarantine;
    uint8_t                   unknown, lost; /* enum cup_unknown_member, cup_lost_member */
};

/* A member that is left out of silver; what it has lost is counted by its index. */
struct cup_catalog_ignored {
    const char *path, *member; /* of the table; member "": all others */
};

struct cup_catalog {
    struct cup_keep            *keep;
    const char                 *lake, *domain; /* where tables lie: LAKE/<domain>/silver/... */
    const char                 *source;        /* NULL: the name in the record */
    const char                 *metadata; /* rows without envelope: prefix of what is no column */
    struct cup_drift_policy     drift;
    const struct cup_mask_rule *masks; /* by classification, for contracts */
    uint32_t                    mask_count;
    struct cup_catalog_table   *tables;
    uint32_t                    table_count, table_cap;
    struct cup_catalog_schema  *schemas;
    uint32_t                    schema_count, schema_cap;
    uint32_t                    contract_count; /* tables that contracts declare */
    const char                **unchecked; /* what contracts promise and cupel does not check */
    uint32_t                    unchecked_count, unchecked_cap;
    struct cup_catalog_ignored  ignored[CUP_PLAN_IGNORED_SLOTS]; /* the last: what has no slot */
    uint32_t                    ignored_count;
};

/* What the data plane could not place; "" where the record says nothing. */
struct cup_catalog_unknown {
    const char *source_name, *source_db, *source_schema, *source_table, *connector, *topic;
    const char *schema, *key_schema;
    const char *what; /* kinds MEMBER, MISSING: its name; DDL: its position */
    enum cup_unknown_kind kind;
    int32_t               partition;
    int64_t               offset;
};

enum cup_catalog_answer {
    CUP_CATALOG_PLAN,   /* the catalog knows it now: compile */
    CUP_CATALOG_REFUSE, /* *out_outcome says why its records go to quarantine */
    CUP_CATALOG_STOP,   /* the run must end: policy halt, or nothing can be done */
};

/* cup_catalog_learn answers an unknown schema or table. *says: what changed, or why not; one line a
 * fact, "" when there is nothing to tell. */
CUP_MUST_CHECK enum cup_catalog_answer cup_catalog_learn(struct cup_catalog               *catalog,
                                                         const struct cup_catalog_unknown *unknown,
                                                         enum cup_outcome *out_outcome,
                                                         struct cup_text  *says);

/* cup_catalog_declare adds a contract's table and the shape of its records without schema. The
 * table's path, and the columns that the lake has beside the contract's, are filled in here. */
CUP_MUST_CHECK enum cup_err cup_catalog_declare(struct cup_catalog             *catalog,
                                                const struct cup_catalog_table *table,
                                                struct cup_text                *says);

#endif
