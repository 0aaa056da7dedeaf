// SPDX-License-Identifier: Apache-2.0
/* discover_priv: topics as discover sees them, and the pipelines that they make.
 *
 * Holds     all in the keep.
 * Threads   one.
 * Tests     tests/control/test_discover.c
 */
#ifndef CUP_CONTROL_KAFKA_DISCOVER_PRIV_H
#define CUP_CONTROL_KAFKA_DISCOVER_PRIV_H

#include "control/kafka/discover.h"

struct cup_found_topic {
    const char *name;
    uint64_t    partition_count, records; /* records: at most */
    const char *reason;                   /* why it is left out; NULL: it is not */
    const char *sample;                   /* path of its sample */
    const char *source;                   /* in its records; "": they name none */
    const char *table;                    /* schema.table, when it has only one; else "" */
    uint32_t    format;                   /* enum cup_format */
    uint32_t    pipeline;
};

struct cup_found_pipeline {
    const char *name;   /* of its folder */
    const char *source; /* what the topics have in common: the connector's name, or their prefix */
    bool        named;  /* all of its records name that source */
    uint32_t    format, topic_count;
};

struct cup_found {
    struct cup_found_topic    *topics; /* by name */
    uint32_t                   topic_count, topic_cap;
    struct cup_found_pipeline *pipelines;
    uint32_t                   pipeline_count, pipeline_cap;
};

/* cup_found_priv_read adds the topics of `cupel-kafka topics --json`; false when the text is not
 * its. Topics of tools get their reason. */
CUP_MUST_CHECK bool cup_found_priv_read(struct cup_keep *keep, struct cup_found *found,
                                        const char *text);

/* cup_found_priv_look reads the sample of a topic: its format and source, or why it is left out. */
void cup_found_priv_look(struct cup_keep *keep, struct cup_found_topic *topic);

/* cup_found_priv_group gives each topic that is not left out its pipeline: one for each source and
 * format. */
void cup_found_priv_group(struct cup_keep *keep, struct cup_found *found);

/* cup_found_priv_write makes the folder of a pipeline, which must not be there (EXISTS). */
CUP_MUST_CHECK enum cup_err cup_found_priv_write(const struct cup_discover *discover,
                                                 const struct cup_found *found, uint32_t pipeline,
                                                 struct cup_text *says);

#endif
