// SPDX-License-Identifier: Apache-2.0
/* job_priv: what a command line and its folder come to, shared by run, validate and quarantine.
 *
 * Holds     everything in the keep; says: what is wrong, a line each.
 * Threads   one.
 * Fails     load: false, and says why.
 * Tests     tests/control/test_cli.py, tests/oracle/test_quarantine.py
 */
#ifndef CUP_CONTROL_CLI_JOB_PRIV_H
#define CUP_CONTROL_CLI_JOB_PRIV_H

#include "control/cli/job.h"

struct cup_job {
    struct cup_keep        *keep;
    struct cup_settings     settings;
    struct cup_catalog      catalog;
    struct cup_inputs_file *inputs;
    uint32_t                input_count;
    const char             *lake;
    struct cup_text         says;
};

enum cup_job_flag {
    CUP_JOB_MAKES_LAKE   = 1, /* a lake that is missing is made */
    CUP_JOB_BRINGS_INPUT = 2, /* the inputs that are configured are not looked for */
};

/* cup_job_priv_load: the folder's configuration, the options over it, files, lake, contracts. */
CUP_MUST_CHECK bool cup_job_priv_load(struct cup_job *job, const struct cup_args *args,
                                      uint32_t flags);

/* cup_job_priv_complain prints what is wrong, each line with the program's name; CUP_EXIT_CONFIG.
 */
enum cup_exit cup_job_priv_complain(struct cup_job *job);

/* cup_lake_priv_become runs cupel-lake with these words (the first is its name, NULL at the end) in
 * place of this program; comes back only when it cannot, with the exit code. */
enum cup_exit cup_lake_priv_become(const char *const *words);

/* cup_lake_priv_ask runs it and adds what it wrote to *out; false when it failed, which it has told
 * on stderr. */
CUP_MUST_CHECK bool cup_lake_priv_ask(const char *const *words, struct cup_text *out);

#endif
