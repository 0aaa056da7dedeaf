// SPDX-License-Identifier: Apache-2.0
/* kafka_priv: what discover, lag and replay share: a place that is a lake or a pipeline's folder.
 *
 * Holds     everything in the keep.
 * Threads   one.
 * Fails     false, and says why.
 * Tests     tests/kafka/test_tools.py
 */
#ifndef CUP_CONTROL_CLI_KAFKA_PRIV_H
#define CUP_CONTROL_CLI_KAFKA_PRIV_H

#include "control/cli/kafka.h"
#include "control/cli/stream.h"

struct cup_place {
    struct cup_keep    *keep;
    struct cup_stream   words;
    struct cup_settings settings; /* of the folder; defaults with what the options say */
    bool                is_folder;
    const char         *lake;     /* NULL: nobody said one */
    const char         *pipeline; /* domain/name; NULL: nobody said one */
    struct cup_text     says;
};

/* cup_place_priv_load reads the folder, if the place is one, and puts the options over it. */
CUP_MUST_CHECK bool cup_place_priv_load(struct cup_place *place);

/* cup_place_priv_cluster: false, with a sentence, when nobody said how to reach the cluster. */
CUP_MUST_CHECK bool cup_place_priv_cluster(struct cup_place *place);

/* cup_place_priv_usage prints a sentence; CUP_EXIT_CONFIG. */
enum cup_exit cup_place_priv_usage(const struct cup_place *place, const char *what);

enum cup_exit cup_replay_priv_run(struct cup_place *place);

#endif
