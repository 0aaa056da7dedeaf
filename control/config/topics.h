// SPDX-License-Identifier: Apache-2.0
/* topics: names, patterns and start points of topics, as they are written in pipeline.yaml and on
 * the command line.
 *
 *   bank.customer   /bank[.].+/   |   earliest   latest   2026-11-21T00:00:00Z
 *
 * Holds     nothing; texts lie in the caller's keep.
 * Threads   one.
 * Fails     false, with a sentence in *says.
 * Bounds    CUP_PLAN_TOPICS_MAX, CUP_TOPIC_NAME_MAX, CUP_PATTERN_BYTES_MAX.
 * Tests     tests/control/test_topics.c
 */
#ifndef CUP_CONTROL_CONFIG_TOPICS_H
#define CUP_CONTROL_CONFIG_TOPICS_H

#include "control/config/settings.h"

/* cup_topics_one reads one name, or a pattern between slashes; a pattern must compile. */
bool cup_topics_one(struct cup_keep *keep, const char *text, struct cup_settings_topic *out_topic,
                    struct cup_text *says);

/* cup_topics_list reads what --topics says: names and patterns with commas between them. */
bool cup_topics_list(struct cup_keep *keep, const char *text, struct cup_settings_input *out_input,
                     struct cup_text *says);

/* cup_topics_start reads a word or a time; *out_start keeps no offsets. */
bool cup_topics_start(const char *text, struct cup_settings_start *out_start,
                      struct cup_text *says);

/* cup_topics_offset adds the offset of one partition, both as they are written; once. */
bool cup_topics_offset(struct cup_settings_start *start, const char *partition, const char *offset,
                       struct cup_text *says);

#endif
