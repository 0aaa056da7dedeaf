// SPDX-License-Identifier: Apache-2.0
/* upkeep: starts `cupel-lake compact` beside a run when enough epochs have left small files.
 *
 * Holds     at most one child, and what its kind said of itself so far.
 * Owner     the supervisor.
 * Threads   one.
 * Fails     never: a run does not depend on it. What goes wrong the child says itself on stderr.
 * Tests     tests/control/test_supervise.c, tests/oracle/test_upkeep.py
 */
#ifndef CUP_CONTROL_SUPERVISE_UPKEEP_PRIV_H
#define CUP_CONTROL_SUPERVISE_UPKEEP_PRIV_H

#include <limits.h>
#include <signal.h>
#include <sys/types.h>

#include "control/config/settings.h"

struct cup_upkeep {
    const struct cup_settings *settings;
    const char                *lake;
    char                       path[PATH_MAX]; /* "": there is no such program, or it is off */
    sigset_t                   mask;
    pid_t                      pid;  /* 0: none runs */
    int                        said; /* pipe of its standard output; -1: none */
    uint64_t epochs, due_ns;         /* when the last one was started; when the next may */
    uint64_t run_count, file_count, merged_count;
};

void cup_upkeep_priv_begin(struct cup_upkeep *upkeep, const struct cup_settings *settings,
                           const char *lake, const sigset_t *mask);

/* cup_upkeep_priv_turn notices an end and starts anew; epochs: committed since the run began. */
void cup_upkeep_priv_turn(struct cup_upkeep *upkeep, uint64_t epochs);

/* cup_upkeep_priv_end stops a child (whatever it does may be stopped) and appends a line of the
 * summary if something was compacted. */
void cup_upkeep_priv_end(struct cup_upkeep *upkeep, struct cup_text *text);

#endif
