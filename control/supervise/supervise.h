// SPDX-License-Identifier: Apache-2.0
/* supervise: one run of a pipeline: starts the data plane, answers it, reports, and ends it.
 *
 *   RUNNING --SIGINT, SIGTERM, halt--> STOPPING --ENDED--> over
 *      \------------ENDED, FAULT, the process is gone---------/
 *
 *   UNKNOWN --catalog--> PLAN (next generation) | REFUSE | STOP
 *
 * Holds     the child, the catalog that grows, the sums of the report.
 * Owner     the command that runs.
 * Threads   one.
 * Fails     by exit code: CUP_EXIT_FAULT. What went wrong is on stderr, with what to do.
 * Tests     tests/control/test_supervise.c, tests/oracle
 */
#ifndef CUP_CONTROL_SUPERVISE_SUPERVISE_H
#define CUP_CONTROL_SUPERVISE_SUPERVISE_H

#include "control/config/inputs.h"
#include "control/config/settings.h"
#include "control/schema/catalog.h"

enum cup_exit {
    CUP_EXIT_OK     = 0,
    CUP_EXIT_FAULT  = 1, /* the run stopped; the next one resumes after its last epoch */
    CUP_EXIT_CONFIG = 2, /* usage or configuration: nothing was started */
};

struct cup_supervise {
    const struct cup_settings    *settings;
    const char                   *lake;   /* absolute, exists */
    const struct cup_inputs_file *inputs; /* none without until_end: they are found as they come */
    uint32_t                      input_count;
    struct cup_catalog           *catalog;
};

/* cup_supervise_run blocks until the run is over. Progress goes to stderr, the summary to stdout.
 */
enum cup_exit cup_supervise_run(const struct cup_supervise *job);

#endif
