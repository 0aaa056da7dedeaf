// SPDX-License-Identifier: Apache-2.0
/* plan_maker: a plan blob from a short description, for tests. What is left 0 or NULL gets the
 * product's default.
 *
 *   static const struct cup_spec_column columns[] = {
 *       {"id", "long", "int64", .key = 1}, {"amount", "decimal(10,2)", "decimal_base64", .scale =
 * 2}}; static const struct cup_spec_table tables[] = {
 *       {.schema = "bank", .table = "t", .columns = columns, .column_count = 2}};
 *   struct cup_plan *plan = cup_spec_plan(&(struct cup_spec){.tables = tables, .table_count = 1});
 *
 * Owner     the caller frees the plan with free(). A wrong description ends the test.
 */
#ifndef CUP_TESTS_DATAPLANE_PLAN_MAKER_H
#define CUP_TESTS_DATAPLANE_PLAN_MAKER_H

#include "dataplane/abi/plan.h"

struct cup_spec_column {
    const char *name; /* of the column and of the member */
    const char
        *type; /* Delta name; a list: of its elements, with encoding "list"; "map": of texts */
    const char *encoding; /* name in encoding.def; NULL: no member fills the column */
    const char *element;  /* encoding of the elements of a list */
    const char *member;   /* NULL: as name */
    int32_t     scale;    /* on the wire */
    uint8_t     key, required, unavailable;
    uint8_t     mask, mask_keep;
    const char *mask_text;
    uint32_t    options;      /* enum cup_member_option */
    const char *standard;     /* the default, as JSON; NULL: none */
    uint8_t     generated;    /* enum cup_generated */
    uint32_t    ignored_slot; /* > 0: its member is left out, counted there */
};

/* A number in the column's unit, or a real if that is not 0, or a text. */
struct cup_spec_value {
    int64_t     number;
    double      real;
    const char *text;
};

struct cup_spec_rule {
    const char                  *id;     /* NULL: "rule" */
    uint32_t                     column; /* ascending */
    enum cup_rule                kind;
    struct cup_spec_value        bound;
    const struct cup_spec_value *values;
    uint32_t                     value_count;
};

struct cup_spec_table {
    const char                    *name, *db, *schema, *table; /* of the source block; NULL = "" */
    const char                    *path; /* NULL: default/silver/SCHEMA/TABLE */
    const struct cup_spec_column  *columns;
    uint32_t                       column_count;
    const char *const             *texts;      /* schema texts; NULL: one shape without schema */
    uint32_t                       text_count; /* a text "" is the shape without schema */
    uint32_t                       quarantine; /* bit i: records of texts[i] are refused */
    uint8_t                        images, write_before;
    const char                    *topic;
    uint8_t                        missing, truncate_applies;
    uint8_t                        unknown, lost; /* enum cup_unknown_member, .. */
    uint32_t                       slot;          /* of unknown members that are ignored */
    const char                    *stopped_pos;   /* NULL: it runs */
    const char                    *partitions[CUP_PLAN_PARTITIONS_MAX + 1]; /* names, _date; NULL */
    const struct cup_spec_rule    *rules;
    uint32_t                       rule_count;
    const struct cup_plan_dataset *datasets; /* without id */
    uint32_t                       dataset_count;
};

struct cup_spec_input {
    const char *path, *topic;
    uint32_t    group;
    uint8_t     form, gzip;
};

struct cup_spec_setting {
    const char *name, *value;
    uint8_t     is_file;
};

struct cup_spec_topic {
    const char                   *name;
    uint8_t                       is_pattern, start;
    int64_t                       start_ms;
    const struct cup_plan_offset *offsets;
    uint32_t                      offset_count;
};

struct cup_spec_output {
    uint8_t                        kind, schema, deletes, no_create;
    uint32_t                       partition_count, replication;
    const char                    *brokers; /* NULL: those of the spec */
    const char                    *topic, *control_topic;
    const struct cup_spec_setting *settings; /* of created topics */
    uint32_t                       setting_count;
};

struct cup_spec {
    const char *lake, *domain, *pipeline, *kernels, *unavailable, *metadata;
    uint32_t    format;
    uint32_t    workers, shard, shard_count, record_bytes_max, depth_max, members_max;
    uint32_t    key_bytes_max;
    uint32_t    number_bytes_max, codec, no_bronze, no_silver, until_end;
    uint64_t    generation, epoch_ns_max, epoch_bytes_max, pool_bytes;
    uint64_t    file_bytes_max, file_rows_max, log_retention_us, quarantine_max;
    uint32_t    store;
    const char *token_id; /* its key is 32 bytes 'T' */
    const char *key_folder;
    uint32_t    bronze_encrypt;

    const struct cup_spec_input *inputs;
    uint32_t                     input_count;
    const struct cup_spec_table *tables;
    uint32_t                     table_count;

    const char                    *brokers;  /* of topics, and of the output */
    const struct cup_spec_setting *settings; /* more properties of the topics' cluster */
    uint32_t                       setting_count;
    const struct cup_spec_topic   *topics;
    uint32_t                       topic_count;
    const char                    *group;
    uint32_t                       gaps;
    struct cup_spec_output         output; /* kind NONE: there is none */
};

/* cup_spec_plan makes the blob, which cup_plan_check accepts; its size is plan->total_bytes. */
struct cup_plan *cup_spec_plan(const struct cup_spec *spec);

#endif
