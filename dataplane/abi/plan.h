// SPDX-License-Identifier: Apache-2.0
/* plan: the compiled configuration: one flat, position-independent, checksummed blob.
 *
 *   control: compile --> blob --> sealed memfd --> data plane: cup_plan_check --> used in place
 *
 *   | cup_plan (header) | inputs | tables | columns | schemas | fields | text bytes |
 *
 * A list is (offset of its first element in the blob, count); a text is (offset, bytes) and has a
 * NUL behind it that is not counted. Little endian, as all machines cupel runs on.
 *
 * Holds     nothing of its own; pointers made from a plan die with the mapping.
 * Owner     control makes it; each process maps it read-only.
 * Threads   any, read only.
 * Fails     cup_plan_check: BAD_PLAN for every bound, type or relation that does not hold. It
 * trusts nothing, not even the checksum. Bounds    CUP_PLAN_* below. Tests
 * tests/dataplane/test_plan.c (every field damaged), tests/control/test_compile.c
 */
#ifndef CUP_DATAPLANE_ABI_PLAN_H
#define CUP_DATAPLANE_ABI_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/column.h"
#include "base/err.h"
#include "dataplane/abi/mask.h"
#include "kernels/token/token.h"

#define CUP_PLAN_MAGIC       0x314e4c5050555043ull /* "CPUPPLN1" */
#define CUP_PLAN_VERSION     3u
#define CUP_PLAN_BYTES_MAX   (256u << 20)
#define CUP_PLAN_WORKERS_MAX 64u
#define CUP_PLAN_TABLES_MAX  65536u
#define CUP_PLAN_INPUTS_MAX  1000000u
#define CUP_PLAN_COLUMNS_MAX 2000u /* data columns of one table */
#define CUP_PLAN_SCHEMAS_MAX 1000000u
#define CUP_PLAN_SCALE_MAX   20000 /* exponents beyond are refused as values too */

#define CUP_PLAN_IGNORED       UINT32_MAX /* a field's column: its values are left out of silver */
#define CUP_PLAN_IGNORED_SLOTS 256u       /* members whose loss is counted one by one */

#define CUP_PLAN_PARTITIONS_MAX     4u         /* partition columns of one table */
#define CUP_PLAN_PARTITION_DATE     UINT32_MAX /* the generated column _date: UTC day of _ts */
#define CUP_PLAN_PARTITION_NAME_MAX 64u        /* bytes; escaped, it is part of a folder's name */
#define CUP_PLAN_PARTITION_PATH_MAX 280u       /* of a partitioned table: folders come behind it */

#define CUP_PLAN_FILE_BYTES_MIN     (1ull << 20) /* smaller files are what compaction is against */
#define CUP_PLAN_FILE_ROWS_MIN      1000u
#define CUP_PLAN_FILE_MAX           (1ull << 40)
#define CUP_PLAN_FILE_BYTES_DEFAULT (1ull << 30)
#define CUP_PLAN_FILE_ROWS_DEFAULT  100000000ull

#define CUP_PLAN_QUARANTINE_BYTES_MIN (1ull << 20)
#define CUP_PLAN_QUARANTINE_BYTES_MAX (1ull << 50)

#define CUP_PLAN_LOG_RETENTION_US_MIN     1000000ull
#define CUP_PLAN_LOG_RETENTION_US_MAX     (3660ull * 24 * 3600 * 1000000) /* ten years */
#define CUP_PLAN_LOG_RETENTION_US_DEFAULT (30ull * 24 * 3600 * 1000000)   /* as Delta's own */

#define CUP_PLAN_RULES_MAX       20000u     /* of one table: ten a column, at the most columns */
#define CUP_PLAN_RULE_VALUES_MAX 100000u    /* a longer list is a table */
#define CUP_PLAN_RULE_COUNT_MAX  UINT32_MAX /* characters or items */
#define CUP_PLAN_DATASETS_MAX    64u
#define CUP_PLAN_PAUSE_NS_MAX    (7ull * 24 * 3600 * 1000000000)

#define CUP_PLAN_SHARDS_MAX           1024u     /* of one pipeline: each is a process */
#define CUP_PLAN_SETTINGS_MAX         256u      /* properties of one cluster */
#define CUP_PLAN_TOPICS_MAX           10000u    /* names and patterns, not what they match */
#define CUP_PLAN_OFFSETS_MAX          100000u   /* partitions of one topic */
#define CUP_PLAN_TOPIC_PARTITIONS_MAX 100000u   /* of a created topic */
#define CUP_PLAN_REPLICATION_MAX      INT16_MAX /* as the protocol has it */

#define CUP_PLAN_STORES 3u /* as enum cup_disk_choice of dataplane/store/disk.h */

#define CUP_PLAN_POOL_BYTES_MIN (16ull << 20) /* two open tables and one long record */
#define CUP_PLAN_POOL_BYTES_MAX (1ull << 38)

#define CUP_RECORD_BYTES_MIN     (4u << 10) /* below this a limit is surely a typing error */
#define CUP_RECORD_BYTES_DEFAULT (1u << 20)
#define CUP_RECORD_BYTES_MAX     (16u << 20) /* hard ceiling: Kafka brokers are rarely set higher */

struct cup_plan_text {
    uint32_t offset, bytes;
};
struct cup_plan_list {
    uint32_t offset, count;
};

enum cup_input_form {
    CUP_INPUT_NDJSON, /* one CDC value a line */
    CUP_INPUT_DUMP,   /* one JSON object a line: topic, partition, offset, key, value, headers */
    CUP_INPUT_RETRY,  /* records of the quarantine that are to be judged again: see source/retry */
    CUP_INPUT_KAFKA,  /* a partition of a topic; found while running, never in the plan's inputs */
};

/* Begins the names of inputs of the last form, and of no others. */
#define CUP_RETRY_PREFIX "_retry/"
/* How a retry's name ends when its records were accepted before: they were published then. */
#define CUP_RETRY_ACCEPTED "-missing.retry"

struct cup_plan_input {
    struct cup_plan_text path;  /* absolute */
    struct cup_plan_text topic; /* path relative to the input root: _topic of NDJSON records */
    uint32_t             group; /* inputs of one group are read in order by one worker */
    uint8_t              form;  /* enum cup_input_form */
    uint8_t              gzip;  /* 1: gzip-compressed */
    uint8_t              pad[2];
};

/* A property of librdkafka. */
struct cup_plan_setting {
    struct cup_plan_text name, value;
    uint8_t              is_file; /* 1: value is the absolute path of a file that holds the value;
                                     a last LF does not belong to it */
    uint8_t pad[3];
};

/* How to reach a cluster; no settings: there is none. */
struct cup_plan_kafka {
    struct cup_plan_list settings; /* cup_plan_setting, with bootstrap.servers */
};

/* Where a topic is read from that the shard's journal does not know. A partition that appears while
 * the journal knows others is read from its first record, whatever this says. */
enum cup_start {
    CUP_START_EARLIEST,
    CUP_START_LATEST,
    CUP_START_TIMESTAMP, /* the first record that is not older */
    CUP_START_OFFSETS,   /* those given; partitions without one: EARLIEST */
    CUP_START_COUNT
};
struct cup_plan_offset {
    int32_t  partition;
    uint32_t pad;
    int64_t  offset; /* of the first record to read */
};

/* Topics to read. */
struct cup_plan_topic {
    struct cup_plan_text name;
    uint8_t              is_pattern; /* 1: name is a pattern (kernels/pattern) for whole names */
    uint8_t              start;      /* enum cup_start */
    uint8_t              pad[2];
    int64_t              start_ms; /* TIMESTAMP: since 1970 */
    struct cup_plan_list offsets;  /* OFFSETS: cup_plan_offset, by partition */
};

/* What to do when records that were not read yet have been deleted (retention). */
enum cup_gaps {
    CUP_GAPS_HALT, /* INPUT_CHANGED: the operator decides */
    CUP_GAPS_SKIP, /* go on behind the gap; it is reported, and stands in the ledger */
    CUP_GAPS_COUNT
};

/* What is published when an epoch is decided. */
enum cup_output_kind {
    CUP_OUTPUT_NONE,
    CUP_OUTPUT_CHANGES, /* rows of silver as JSON, a topic for each table */
    CUP_OUTPUT_RAW,     /* records as they came, bad ones too: key, value, headers, timestamp */
    CUP_OUTPUT_COUNT
};
enum cup_output_schema {
    CUP_OUTPUT_SCHEMALESS, /* the value is the row */
    CUP_OUTPUT_SCHEMA, /* {"schema":...,"payload":row} as Kafka Connect's JsonConverter writes it */
    CUP_OUTPUT_SCHEMA_COUNT
};
enum cup_output_deletes {
    CUP_OUTPUT_TOMBSTONE, /* a null value */
    CUP_OUTPUT_ROW,       /* the row with _op d */
    CUP_OUTPUT_BOTH,      /* the row, then the null value */
    CUP_OUTPUT_DELETES_COUNT
};
struct cup_plan_output {
    uint8_t               kind;            /* enum cup_output_kind */
    uint8_t               schema;          /* enum cup_output_schema */
    uint8_t               deletes;         /* enum cup_output_deletes */
    uint8_t               create;          /* 1: topics that are missing are created */
    uint32_t              partition_count; /* of created topics */
    uint32_t              replication;     /* of created topics; 0: the broker's default */
    uint32_t              pad;
    struct cup_plan_kafka cluster;
    struct cup_plan_text  topic; /* CHANGES: {domain} {pipeline} {source} {schema} {table} stand for
                                    parts; RAW: {topic} */
    struct cup_plan_text control_topic;  /* compacted; a partition for each shard: its epochs */
    struct cup_plan_list topic_settings; /* cup_plan_setting: configuration of created topics */
};

enum cup_encoding {
#define CUP_ENCODING(id, name, type, connect, semantic, text) CUP_ENCODING_##id,
#include "dataplane/abi/encoding.def"
#undef CUP_ENCODING
    CUP_ENCODING_COUNT
};

/* How change events are written. */
enum cup_format {
#define CUP_FORMAT(id, name, rule, text) CUP_FORMAT_##id,
#include "dataplane/abi/format.def"
#undef CUP_FORMAT
    CUP_FORMAT_COUNT
};

/* Bits of cup_plan_field.options. */
enum cup_member_index {
#define CUP_MEMBER_OPTION(id, text) CUP_MEMBER_INDEX_##id,
#include "dataplane/abi/option.def"
#undef CUP_MEMBER_OPTION
    CUP_MEMBER_COUNT
};
enum cup_member_option {
#define CUP_MEMBER_OPTION(id, text) CUP_MEMBER_##id = 1u << CUP_MEMBER_INDEX_##id,
#include "dataplane/abi/option.def"
#undef CUP_MEMBER_OPTION
    CUP_MEMBER_ALL = (1u << CUP_MEMBER_COUNT) - 1
};
_Static_assert(CUP_MEMBER_COUNT < 32, "options are bits of 32");

enum cup_silver {
#define CUP_SILVER(id, name, type, text) CUP_SILVER_##id,
#include "dataplane/abi/silver.def"
#undef CUP_SILVER
    CUP_SILVER_COUNT
};

enum cup_outcome {
#define CUP_OUTCOME(id, class, name, text) CUP_OUTCOME_##id,
#include "dataplane/abi/outcome.def"
#undef CUP_OUTCOME
    CUP_OUTCOME_COUNT
};

enum cup_close {
#define CUP_CLOSE(id, name, text) CUP_CLOSE_##id,
#include "dataplane/abi/close.def"
#undef CUP_CLOSE
    CUP_CLOSE_COUNT
};

enum cup_rule {
#define CUP_RULE(id, operand, name, text) CUP_RULE_##id,
#include "dataplane/abi/rule.def"
#undef CUP_RULE
    CUP_RULE_COUNT
};

enum cup_dataset {
#define CUP_DATASET(id, name, unit, text) CUP_DATASET_##id,
#include "dataplane/abi/dataset.def"
#undef CUP_DATASET
    CUP_DATASET_COUNT
};

enum cup_action {
#define CUP_ACTION(id, name, text) CUP_ACTION_##id,
#include "dataplane/abi/action.def"
#undef CUP_ACTION
    CUP_ACTION_COUNT
};

enum cup_operand {
    CUP_OPERAND_NONE,
    CUP_OPERAND_ORDER,
    CUP_OPERAND_COUNT,
    CUP_OPERAND_TEXT,
    CUP_OPERAND_LIST
};

enum cup_oddity {
#define CUP_ODDITY(id, name, text) CUP_ODDITY_##id,
#include "dataplane/abi/oddity.def"
#undef CUP_ODDITY
    CUP_ODDITY_COUNT
};

enum cup_outcome_class { CUP_CLASS_ACCEPTED, CUP_CLASS_QUARANTINED, CUP_CLASS_DROPPED };

/* Rows of the tables above, for help, metrics and checks. id < the COUNT of its enum. */
enum cup_outcome_class cup_outcome_class(enum cup_outcome outcome);
const char            *cup_outcome_name(enum cup_outcome outcome);
const char            *cup_outcome_text(enum cup_outcome outcome);
const char            *cup_close_name(enum cup_close close);
const char            *cup_close_text(enum cup_close close);
const char            *cup_oddity_name(enum cup_oddity oddity);
const char            *cup_oddity_text(enum cup_oddity oddity);

const char      *cup_rule_name(enum cup_rule rule);
const char      *cup_rule_text(enum cup_rule rule);
enum cup_operand cup_rule_operand(enum cup_rule rule);
const char      *cup_dataset_name(enum cup_dataset dataset);
const char      *cup_dataset_unit(enum cup_dataset dataset);
const char      *cup_dataset_text(enum cup_dataset dataset);
const char      *cup_action_name(enum cup_action action);
const char      *cup_action_text(enum cup_action action);

/* What tells a record's format (rule), and what the format is. */
const char *cup_format_name(enum cup_format format);
const char *cup_format_rule(enum cup_format format);
const char *cup_format_text(enum cup_format format);

struct cup_encoding_row {
    const char *name, *connect_type, *semantic, *text;
    uint8_t     type; /* enum cup_type */
};
const struct cup_encoding_row *cup_encoding_row(enum cup_encoding encoding);

/* The generated columns as fields, in order (CUP_SILVER_COUNT of them). */
const struct cup_field *cup_silver_fields(void);

/* The generated column _date: in the schema of a table that is partitioned by it, in no file. */
const struct cup_field *cup_date_field(void);

/* How values of a column are compared with a rule's bounds. */
enum cup_order {
    CUP_ORDER_NONE,    /* not at all: BINARY, LIST */
    CUP_ORDER_INTEGER, /* BOOL (0, 1), integers, DECIMAL unscaled, DATE days, times microseconds */
    CUP_ORDER_REAL,    /* FLOAT, DOUBLE */
    CUP_ORDER_TEXT,    /* STRING: equal or not */
};
enum cup_order cup_plan_order(uint8_t type);

/* cup_map_field is a column of texts by text: keys are never null, values may be. */
struct cup_field cup_map_field(const char *name);

/* cup_plan_partition_type: columns of this type may be partition columns. */
bool cup_plan_partition_type(uint8_t type);

/* A column that the source computes, when a record lacks it. */
enum cup_generated {
    CUP_GENERATED_NO,    /* it is no such column */
    CUP_GENERATED_NULL,  /* NULL */
    CUP_GENERATED_UNSET, /* NULL and named in _unset: there is a value, it was not sent */
    CUP_GENERATED_COUNT
};

/* A member that has no field in its schema. */
enum cup_unknown_member {
    CUP_UNKNOWN_REFUSE, /* outcome SCHEMA_DRIFT */
    CUP_UNKNOWN_ASK,    /* park before the record; control's next plan knows it */
    CUP_UNKNOWN_IGNORE, /* left out of silver, counted in the schema's slot */
    CUP_UNKNOWN_COUNT
};

/* A field whose member a record lacks, where the table's `missing` would make it NULL. */
enum cup_lost_member {
    CUP_LOST_NULL,
    CUP_LOST_REFUSE, /* outcome MISSING_FIELD */
    CUP_LOST_ASK,    /* park before the record; control stops the run */
    CUP_LOST_COUNT
};

/* A data column of a silver table. */
struct cup_plan_column {
    struct cup_plan_text name;    /* as in the table */
    struct cup_plan_text comment; /* empty: none */
    uint8_t              type;    /* enum cup_type: scalar, LIST of element_type, MAP of texts */
    uint8_t              precision, scale; /* DECIMAL, or LIST of DECIMAL */
    uint8_t              element_type;     /* LIST: a scalar type; else 0 */
    uint8_t              key_place;        /* 1.. = place in the primary key; 0 = no key column */
    uint8_t              required;         /* contract: not null in c, u, r */
    uint8_t              mask;             /* enum cup_mask; the types above are those before it */
    uint8_t              mask_keep;        /* KEEP_LAST: characters */
    uint8_t              generated;        /* enum cup_generated */
    uint8_t              pad[3];
    struct cup_plan_text mask_text; /* CONSTANT */
};

/* A bound or value, in the column's type: 128 bits in two words, low first; a REAL's double is
 * words[0]; a TEXT is text. */
struct cup_plan_value {
    uint64_t             words[2];
    struct cup_plan_text text;
};

/* A rule for the values of one column. */
struct cup_plan_rule {
    struct cup_plan_text  id;     /* e.g. customer.email.pattern */
    uint32_t              column; /* index into the table's columns */
    uint32_t              kind;   /* enum cup_rule */
    struct cup_plan_value bound;  /* ORDER; COUNT: words[0]; TEXT: the pattern */
    struct cup_plan_list  values; /* LIST: cup_plan_value */
};

/* A rule for the records of one table (or of all) in an epoch: least <= measured <= most. */
struct cup_plan_dataset {
    struct cup_plan_text id;          /* e.g. customer.failureRate */
    uint32_t             kind;        /* enum cup_dataset */
    uint32_t             action;      /* enum cup_action */
    double               least, most; /* in the kind's unit; +-INFINITY: no bound */
    uint64_t             records_min; /* with fewer records nothing is measured */
};

/* Where a column's value stands in a record of one schema. */
struct cup_plan_field {
    struct cup_plan_text member;           /* name in before/after */
    uint32_t             column;           /* index into the table's columns, or PLAN_IGNORED */
    uint8_t              encoding;         /* enum cup_encoding */
    uint8_t              element_encoding; /* LIST */
    uint8_t unavailable; /* 1: the type can be stored out of line: placeholders mean unset */
    uint8_t pad;
    int32_t scale; /* wire scale of a decimal (may exceed the column's, may be > 2048); BITS: how
                      many there are, 0 = varying */
    uint32_t             options;  /* enum cup_member_option */
    uint32_t             slot;     /* PLAN_IGNORED: where its values are counted */
    struct cup_plan_text standard; /* the column's default as JSON, if a null may come as it */
};

/* One shape of a table's records. text is the raw embedded `schema` member; empty for the one that
 * a contract declares for records without schema. */
struct cup_plan_schema {
    struct cup_plan_text text;
    uint32_t             table; /* index */
    struct cup_plan_list fields;
    uint32_t             quarantine; /* 1: the drift policy refuses records of this schema */
    uint8_t              unknown;    /* enum cup_unknown_member */
    uint8_t              lost;       /* enum cup_lost_member */
    uint8_t              pad[2];
    uint32_t             slot; /* UNKNOWN_IGNORE: where such values are counted */
};

enum cup_images { CUP_IMAGES_KEY_ONLY, CUP_IMAGES_FULL }; /* replica identity default | full */

/* What a column means that an update does not name. FORMAT: what its format says. */
enum cup_missing {
    CUP_MISSING_FORMAT,
    CUP_MISSING_NULL,       /* NULL */
    CUP_MISSING_KEEP,       /* not sent: the previous value stays */
    CUP_MISSING_QUARANTINE, /* nobody said: the record is refused */
    CUP_MISSING_COUNT
};

struct cup_plan_table {
    /* what the record's source block must say; empty connector_name or db matches any */
    struct cup_plan_text source_name, source_db, source_schema, source_table;
    struct cup_plan_text path;         /* below the lake, e.g. default/silver/pg/bank/customer */
    struct cup_plan_text description;  /* empty: none */
    struct cup_plan_list columns;      /* cup_plan_column */
    struct cup_plan_list partitions;   /* uint32_t: index of a key column, or PARTITION_DATE */
    struct cup_plan_list rules;        /* cup_plan_rule, by column */
    struct cup_plan_list datasets;     /* cup_plan_dataset */
    uint8_t              images;       /* enum cup_images */
    uint8_t              write_before; /* 1: a b row before each u */
    uint8_t              contracted;   /* 1: declared by a contract */
    uint8_t              missing;      /* enum cup_missing */
    /* the topic whose records, where they do not name their table, are this one's; empty: the one
     * that ends in .schema.table */
    struct cup_plan_text topic;
    uint8_t              truncate_applies; /* 1: a truncate counts on a topic of many partitions */
    uint8_t              stopped;          /* 1: records behind stopped_pos are refused */
    uint8_t              pad[2];
    struct cup_plan_text stopped_pos; /* as _pos; empty: all records */
};

struct cup_plan {
    uint64_t magic;
    uint32_t version, total_bytes;
    uint32_t crc32c; /* of the whole blob with this member 0 */
    uint32_t worker_count;
    uint64_t generation; /* 1.. */

    struct cup_plan_text lake; /* absolute path of the lake */
    struct cup_plan_text domain, pipeline;
    struct cup_plan_text kernels;     /* "auto", "scalar", "sse42", "avx2", "avx512" */
    struct cup_plan_text unavailable; /* placeholder text, default __debezium_unavailable_value */
    struct cup_plan_text metadata;    /* flattened: what the names of its metadata begin with */
    uint32_t             shard, shard_count; /* this one of so many; each has its own journal */

    uint32_t record_bytes_max, depth_max, members_max, key_bytes_max, number_bytes_max;
    uint32_t codec;             /* enum cup_codec of lake/parquet.h: 0, 1 or 6 */
    uint32_t quarantine_inline; /* 1: raw bytes in the quarantine table too */
    uint32_t bronze, silver;    /* 1: write the zone. bronze 0 makes quarantine_inline 1 */
    uint32_t until_end; /* 1: stop when all inputs have ended; a last line without LF counts */
    uint32_t format;    /* enum cup_format */
    uint64_t epoch_ns_max, epoch_bytes_max; /* close the epoch at the first of them */
    uint64_t pool_bytes;                    /* per worker */
    uint64_t file_bytes_max, file_rows_max; /* a table's file is closed at the first of them */
    uint64_t log_retention_us;              /* Delta log entries younger than this are kept */
    uint32_t store;                         /* enum cup_disk_choice */
    uint32_t ask_changes; /* 1: ask about DDL records that drop or rename a table */

    /* Of a plan with secrets only the memory of a sealed memfd may hold the bytes. */
    struct cup_plan_text token_id; /* id of the key of tokens; empty: no column is a token */
    uint8_t              token_key[CUP_TOKEN_KEY_BYTES]; /* the domain's subkey */
    struct cup_plan_text key_folder;     /* bronze_encrypt: absolute, outside of the lake */
    uint32_t             bronze_encrypt; /* 1: bronze and inline quarantine are sealed */
    uint32_t             pad3;

    struct cup_plan_list inputs;  /* cup_plan_input, by group, in reading order */
    struct cup_plan_list tables;  /* cup_plan_table */
    struct cup_plan_list schemas; /* cup_plan_schema */

    uint64_t                pause_ns; /* of a dataset rule */
    struct cup_plan_dataset breaker;  /* for the records of all tables; most INFINITY: off */
    uint64_t quarantine_max;          /* of the live files of the pipeline's quarantine table */

    struct cup_plan_kafka  kafka;  /* where topics are read; then inputs is empty */
    struct cup_plan_list   topics; /* cup_plan_topic; the first that fits a name counts */
    struct cup_plan_text   group;  /* consumer group whose offsets are kept for lag tools only */
    uint32_t               gaps;   /* enum cup_gaps */
    uint32_t               pad4;
    struct cup_plan_output output;
};

/* cup_plan_check verifies bytes[0..count): magic, version, size, checksum, every offset, every
 * enum, every limit's range, every relation (field -> column, schema -> table, NUL behind texts),
 * names without '/' tricks: paths are relative, without empty, "." or ".." parts. */
CUP_MUST_CHECK enum cup_err cup_plan_check(const void *bytes, size_t count,
                                           struct cup_fault *out_fault);

/* Accessors for a checked plan; they cost an addition. */
static inline const char *cup_plan_text(const struct cup_plan *plan, struct cup_plan_text text)
{
    return (const char *)plan + text.offset;
}
static inline const struct cup_plan_input *cup_plan_inputs(const struct cup_plan *plan)
{
    return (const void *)((const uint8_t *)plan + plan->inputs.offset);
}
static inline const struct cup_plan_table *cup_plan_tables(const struct cup_plan *plan)
{
    return (const void *)((const uint8_t *)plan + plan->tables.offset);
}
static inline const struct cup_plan_schema *cup_plan_schemas(const struct cup_plan *plan)
{
    return (const void *)((const uint8_t *)plan + plan->schemas.offset);
}
static inline const struct cup_plan_column *cup_plan_columns(const struct cup_plan       *plan,
                                                             const struct cup_plan_table *table)
{
    return (const void *)((const uint8_t *)plan + table->columns.offset);
}
static inline const uint32_t *cup_plan_partitions(const struct cup_plan       *plan,
                                                  const struct cup_plan_table *table)
{
    return (const void *)((const uint8_t *)plan + table->partitions.offset);
}
static inline const struct cup_plan_rule *cup_plan_rules(const struct cup_plan       *plan,
                                                         const struct cup_plan_table *table)
{
    return (const void *)((const uint8_t *)plan + table->rules.offset);
}
static inline const struct cup_plan_value *cup_plan_values(const struct cup_plan      *plan,
                                                           const struct cup_plan_rule *rule)
{
    return (const void *)((const uint8_t *)plan + rule->values.offset);
}
static inline const struct cup_plan_dataset *cup_plan_datasets(const struct cup_plan       *plan,
                                                               const struct cup_plan_table *table)
{
    return (const void *)((const uint8_t *)plan + table->datasets.offset);
}
static inline const struct cup_plan_field *cup_plan_fields(const struct cup_plan        *plan,
                                                           const struct cup_plan_schema *schema)
{
    return (const void *)((const uint8_t *)plan + schema->fields.offset);
}

static inline const struct cup_plan_setting *cup_plan_settings(const struct cup_plan *plan,
                                                               struct cup_plan_list   list)
{
    return (const void *)((const uint8_t *)plan + list.offset);
}
static inline const struct cup_plan_topic *cup_plan_topics(const struct cup_plan *plan)
{
    return (const void *)((const uint8_t *)plan + plan->topics.offset);
}
static inline const struct cup_plan_offset *cup_plan_offsets(const struct cup_plan       *plan,
                                                             const struct cup_plan_topic *topic)
{
    return (const void *)((const uint8_t *)plan + topic->offsets.offset);
}

/* cup_plan_consumes says whether the input is topics. */
static inline bool cup_plan_consumes(const struct cup_plan *plan)
{
    return plan->topics.count > 0;
}

/* cup_plan_judges_again says whether the inputs are records of the quarantine. */
static inline bool cup_plan_judges_again(const struct cup_plan *plan)
{
    return plan->inputs.count > 0 && cup_plan_inputs(plan)[0].form == CUP_INPUT_RETRY;
}

/* cup_plan_checksum is the value that member crc32c must have. */
uint32_t cup_plan_checksum(const void *bytes, size_t count);

#endif
