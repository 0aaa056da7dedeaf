// SPDX-License-Identifier: Apache-2.0
/* discover: a cluster's topics -> proposed pipelines, each a folder that `cupel run` takes.
 *
 *   cupel-kafka topics --names--> internal.def leaves out --cupel-kafka sample--> files
 *        --detect, sample--> format, source or a reason --groups--> OUT/<name>/pipeline.yaml,
 *                                                                   OUT/<name>/contracts
 *
 * Holds     everything in the keep; samples in a folder of its own below TMPDIR, removed at the
 *           end.
 * Owner     the command.
 * Threads   one.
 * Fails     BAD_CONFIG, IO; told on stderr. A topic that cannot be used is listed with its reason.
 * Tests     tests/kafka/test_tools.py, tests/control/test_discover.c
 */
#ifndef CUP_CONTROL_KAFKA_DISCOVER_H
#define CUP_CONTROL_KAFKA_DISCOVER_H

#include "control/config/settings.h"

struct cup_discover {
    struct cup_keep *keep;
    const char      *settings; /* lines for cupel-kafka */
    const char      *block;    /* the kafka: block of the pipelines that are proposed */
    const char      *topics;   /* NAME,/PATTERN/; NULL: all */
    const char      *out;      /* folder of the pipelines; NULL: nothing is written */
    const char      *domain, *lake, *records, *seconds; /* NULL: not given */
    bool             oldest;
};

/* cup_discover_run prints what it found to stdout. */
CUP_MUST_CHECK enum cup_err cup_discover_run(const struct cup_discover *discover,
                                             struct cup_text           *says);

/* cup_discover_internal says what a topic of this name is that a tool keeps for itself; NULL: it is
 * none. */
const char *cup_discover_internal(const char *topic);

#endif
