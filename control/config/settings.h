// SPDX-License-Identifier: Apache-2.0
/* settings: the checked configuration of one pipeline; what pipeline.yaml or the command line say.
 *
 * Every key is a row of key.def: name, unit, range, default, one sentence.
 *
 * Holds     texts in the caller's keep.
 * Owner     the command that runs.
 * Threads   one.
 * Tests     tests/control/test_settings.c
 */
#ifndef CUP_CONTROL_CONFIG_SETTINGS_H
#define CUP_CONTROL_CONFIG_SETTINGS_H

#include "base/text.h"
#include "control/schema/catalog.h"
#include "control/schema/keep.h"
#include "dataplane/abi/plan.h"

enum cup_key {
#define CUP_KEY(id, key, unit, least, most, standard, text) CUP_KEY_##id,
#include "control/config/key.def"
#undef CUP_KEY
    CUP_KEY_COUNT
};

struct cup_key_row {
    const char *key, *unit, *standard, *text;
    uint64_t    least, most; /* of numbers; both 0 for the rest */
};
const struct cup_key_row *cup_key_row(enum cup_key key);

enum cup_form { CUP_FORM_AUTO, CUP_FORM_NDJSON, CUP_FORM_DUMP };

struct cup_settings_topic {
    const char *name; /* a pattern: what stood between the slashes */
    bool        is_pattern;
};

/* Where topics are read from that are new. */
struct cup_settings_start {
    uint8_t                 kind;    /* enum cup_start */
    int64_t                 time_ms; /* TIMESTAMP */
    struct cup_plan_offset *offsets; /* OFFSETS, by partition */
    uint32_t                offset_count;
};

/* One entry of `input`: files that are read in order, unless they are independent; or topics. */
struct cup_settings_input {
    const char               **patterns; /* globs; absolute or relative to the working folder */
    uint32_t                   pattern_count;
    uint8_t                    form; /* enum cup_form */
    bool                       independent;
    struct cup_settings_topic *topics;
    uint32_t                   topic_count;
    struct cup_settings_start  start;
};

/* A property of librdkafka or of a topic; is_file: value is the path of a file that holds it. */
struct cup_settings_property {
    const char *name, *value;
    bool        is_file;
};
struct cup_settings_properties {
    struct cup_settings_property *list;
    uint32_t                      count, cap;
};

/* What is published; kind NONE: nothing. */
struct cup_settings_output {
    uint8_t                        kind, schema, deletes; /* as in cup_plan_output */
    bool                           create, has_cluster;   /* has_cluster: not kafka's */
    uint64_t                       partition_count, replication;
    const char                    *topic, *control_topic; /* NULL until completed */
    struct cup_settings_properties cluster, topic_settings;
};

struct cup_settings {
    const char                *name, *domain, *owner;
    const char                *source; /* NULL: the name in the record */
    const char                *lake;   /* NULL until given */
    const char                *kernels, *unavailable, *metadata_prefix;
    struct cup_settings_input *inputs;
    uint32_t                   input_count;
    uint64_t record_bytes_max, depth_max, members_max, key_bytes_max, number_bytes_max;
    uint64_t commit_ns_max, commit_bytes_max;
    uint64_t worker_count, pool_bytes;
    uint64_t file_bytes_max, file_rows_max;
    uint64_t log_retention_ns;
    uint64_t compact_files, compact_bytes; /* upkeep: from how many, to which size */
    uint64_t quarantine_max;
    uint64_t breaker_ppm, breaker_records, breaker_pause_ns;
    uint32_t breaker_action; /* enum cup_action */
    uint32_t store;          /* enum cup_disk_choice of dataplane/store/disk.h */
    uint32_t codec;          /* enum cup_codec */
    uint32_t format;         /* enum cup_format; CUP_FORMAT_COUNT: to be detected */
    bool     bronze, silver, quarantine_inline, until_end, compact;
    struct cup_drift_policy        drift;
    struct cup_mask_rule          *masks;
    uint32_t                       mask_count;
    bool                           bronze_encrypt;
    struct cup_settings_properties kafka; /* empty: there is no cluster */
    const char                    *group; /* NULL until completed */
    uint32_t                       gaps;  /* enum cup_gaps */
    uint64_t                       shard, shard_count;
    struct cup_settings_output     output;
    const char                    *key_folder; /* NULL: none */
    const char                    *token_id;   /* NULL: no tokens */
    uint8_t                        token_key[CUP_TOKEN_KEY_BYTES];
};

/* cup_settings_default fills *out_settings with the defaults of key.def; worker_count is the number
 * of processors that the process may use. */
void cup_settings_default(struct cup_settings *out_settings);

/* cup_settings_number parses a number of a key: digits with an optional unit that fits the key (ms,
 * s, min, h, d for times; KiB, MiB, GiB, and k, M, G of 1000 for bytes). Checks the key's range.
 * Returns   false with a sentence in says: what is wrong and what is allowed. */
bool cup_settings_number(enum cup_key key, const char *text, uint64_t *out_value,
                         struct cup_text *says);

/* cup_settings_word parses a key whose values are a list of words; same failure. *out_index is the
 * word's place in the row's unit text "a | b | c". */
bool cup_settings_word(enum cup_key key, const char *text, uint32_t *out_index,
                       struct cup_text *says);

/* cup_settings_consumes says whether the input is topics. */
bool cup_settings_consumes(const struct cup_settings *settings);

/* cup_settings_check tests what no single key can: that there is a lake, input, and a zone to
 * write. One line a fact in says. */
CUP_MUST_CHECK enum cup_err cup_settings_check(const struct cup_settings *settings,
                                               struct cup_text           *says);

#endif
