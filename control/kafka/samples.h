// SPDX-License-Identifier: Apache-2.0
/* samples: some records of topics as files, for those who look at records before a run reads them.
 *
 *   settings, topics --cupel-kafka sample--> folder/<topic>.dump --> detect, infer
 *
 * Holds     a folder of its own below TMPDIR, open to nobody else, until it is removed.
 * Owner     the command.
 * Threads   one.
 * Fails     IO; told in *says or by cupel-kafka on stderr.
 * Tests     tests/kafka/test_tools.py
 */
#ifndef CUP_CONTROL_KAFKA_SAMPLES_H
#define CUP_CONTROL_KAFKA_SAMPLES_H

#include "control/config/inputs.h"

/* cup_samples_put_settings appends the lines that cupel-kafka reads: how to reach a cluster;
 * cup_samples_put_topics: which topics, those of a pipeline. */
void cup_samples_put_settings(struct cup_text *text, const struct cup_settings_properties *cluster);
void cup_samples_put_topics(struct cup_text *text, const struct cup_settings *settings);

struct cup_samples {
    const char *settings;          /* lines */
    const char *records, *seconds; /* NULL: as cupel-kafka chooses */
    bool        oldest;
};

/* cup_samples_folder makes the folder; NULL: it cannot be made. _remove accepts NULL. */
const char *cup_samples_folder(struct cup_keep *keep, struct cup_text *says);
void        cup_samples_remove(const char *folder);

/* cup_samples_take writes the files; a topic without records has none. */
CUP_MUST_CHECK bool cup_samples_take(const struct cup_samples *samples, const char *folder);

/* cup_samples_list lists the files of the folder, by name. */
CUP_MUST_CHECK bool cup_samples_list(struct cup_keep *keep, const char *folder,
                                     struct cup_inputs_file **out_files, uint32_t *out_count,
                                     struct cup_text *says);

#endif
