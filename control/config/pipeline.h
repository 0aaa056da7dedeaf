// SPDX-License-Identifier: Apache-2.0
/* pipeline: pipeline.yaml into settings; every key is a row of key.def, and there are no others.
 *
 * Holds     nothing; texts lie in the caller's keep.
 * Threads   one.
 * Fails     BAD_CONFIG, NOT_FOUND, IO; *says has a line "file:line: key: what is wrong; allowed:
 * ..." for every error, not only for the first. Tests     tests/control/test_pipeline.c
 */
#ifndef CUP_CONTROL_CONFIG_PIPELINE_H
#define CUP_CONTROL_CONFIG_PIPELINE_H

#include "control/config/settings.h"

/* cup_pipeline_load reads folder/pipeline.yaml over *settings (defaults before). Relative paths
 * become relative to the folder; the name defaults to the folder's. */
CUP_MUST_CHECK enum cup_err cup_pipeline_load(struct cup_keep *keep, const char *folder,
                                              struct cup_settings *settings, struct cup_text *says);

#endif
