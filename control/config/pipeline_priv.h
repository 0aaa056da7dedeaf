// SPDX-License-Identifier: Apache-2.0
/* pipeline_priv: what the readers of pipeline.yaml's parts share.
 *
 * Holds     pointers of the caller.
 * Threads   one.
 * Fails     a line in says, and `failed`; reading goes on, so that all mistakes are told.
 * Tests     tests/control/test_pipeline.c, tests/control/test_topics.c
 */
#ifndef CUP_CONTROL_CONFIG_PIPELINE_PRIV_H
#define CUP_CONTROL_CONFIG_PIPELINE_PRIV_H

#include "control/config/pipeline.h"
#include "control/config/yaml.h"

struct cup_work {
    struct cup_keep                *keep;
    const char                     *folder;
    struct cup_yaml                 yaml;
    struct cup_settings            *settings;
    struct cup_settings_input      *input;   /* the entry of `input` that is being read */
    struct cup_settings_properties *cluster; /* the one that keys of kafka are for */
    const char                     *above;   /* stands before their names in messages */
    struct cup_text                *says;
    bool                            failed;
};

void cup_pipeline_priv_fail(struct cup_work *work, const struct cup_yaml_node *node,
                            const char *key, const char *what);

/* cup_pipeline_priv_kind says that this is not what may stand here. */
void cup_pipeline_priv_kind(struct cup_work *work, const struct cup_yaml_node *node,
                            enum cup_key key);

/* cup_pipeline_priv_path makes a path relative to the pipeline's folder absolute, or relative to
 * where cupel runs. */
const char *cup_pipeline_priv_path(struct cup_work *work, const char *path);

void     cup_pipeline_priv_number(struct cup_work *work, const struct cup_yaml_node *node,
                                  enum cup_key key, uint64_t *value);
uint32_t cup_pipeline_priv_word(struct cup_work *work, const struct cup_yaml_node *node,
                                enum cup_key key, uint32_t before);
void     cup_pipeline_priv_bool(struct cup_work *work, const struct cup_yaml_node *node,
                                enum cup_key key, bool *value);

/* cup_pipeline_priv_group reads a mapping whose keys are those that begin with prefix. */
void cup_pipeline_priv_group(struct cup_work *work, const char *prefix,
                             const struct cup_yaml_node *node);

/* cup_pipeline_priv_takes_any: a key's reader looks at the kind of node itself. */
bool cup_pipeline_priv_takes_any(enum cup_key key);

/* cup_pipeline_priv_kafka reads the keys of kafka and output, and those of topics; false: the key
 * is none of them. */
bool cup_pipeline_priv_kafka(struct cup_work *work, const struct cup_yaml_node *node,
                             enum cup_key key);

/* cup_pipeline_priv_entry tests one whole entry of `input`. */
void cup_pipeline_priv_entry(struct cup_work *work, const struct cup_yaml_node *node);

#endif
