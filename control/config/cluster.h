// SPDX-License-Identifier: Apache-2.0
/* cluster: how a Kafka cluster is reached, in the words of pipeline.yaml, as properties of
 * librdkafka; and what is published there.
 *
 *   kafka.security: sasl_tls --property.def--> security.protocol = sasl_ssl
 *
 * Holds     nothing; texts lie in the caller's keep.
 * Threads   one.
 * Fails     by a sentence in *says; never a byte of a secret.
 * Bounds    CUP_PLAN_SETTINGS_MAX properties.
 * Tests     tests/control/test_topics.c
 */
#ifndef CUP_CONTROL_CONFIG_CLUSTER_H
#define CUP_CONTROL_CONFIG_CLUSTER_H

#include "control/config/settings.h"

/* cup_cluster_set says one of the keys that property.def maps; of words the text, of files the
 * path. Returns   false with a sentence: the text is none of the words, or no list of brokers. */
bool cup_cluster_set(struct cup_keep *keep, struct cup_settings_properties *cluster,
                     enum cup_key key, const char *text, struct cup_text *says);

/* cup_cluster_option sets any other property; false with a sentence for those that cupel sets. */
bool cup_cluster_option(struct cup_keep *keep, struct cup_settings_properties *cluster,
                        const char *name, const char *value, struct cup_text *says);

/* cup_cluster_put sets a property, or sets it anew. */
void cup_cluster_put(struct cup_keep *keep, struct cup_settings_properties *properties,
                     const struct cup_settings_property *property);

/* cup_cluster_find is a property's value; NULL: it is not set. */
const char *cup_cluster_find(const struct cup_settings_properties *properties, const char *name);

/* cup_cluster_of_output is the cluster that is published to. */
const struct cup_settings_properties *cup_cluster_of_output(const struct cup_settings *settings);

/* cup_cluster_complete fills in what depends on other keys: group, names of topics, the mechanism.
 */
void cup_cluster_complete(struct cup_keep *keep, struct cup_settings *settings);

/* cup_cluster_check tests what no single key can, of input and output: a line a fact. */
void cup_cluster_check(const struct cup_settings *settings, struct cup_text *says);

/* cup_cluster_check_files looks whether the files that are named can be read, and secrets by nobody
 * else. False with a line a file. */
bool cup_cluster_check_files(const struct cup_settings *settings, struct cup_text *says);

#endif
