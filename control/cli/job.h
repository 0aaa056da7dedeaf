// SPDX-License-Identifier: Apache-2.0
/* job: what run and validate do with a command line: settings, contracts, inputs, then the run.
 *
 * Threads   one.
 * Fails     by exit code; what is wrong is on stderr.
 * Tests     tests/control/test_cli.py
 */
#ifndef CUP_CONTROL_CLI_JOB_H
#define CUP_CONTROL_CLI_JOB_H

#include "control/cli/args.h"
#include "control/supervise/supervise.h"

enum cup_exit cup_job_run(struct cup_keep *keep, const struct cup_args *args);
enum cup_exit cup_job_validate(struct cup_keep *keep, const struct cup_args *args);

#endif
