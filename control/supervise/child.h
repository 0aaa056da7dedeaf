// SPDX-License-Identifier: Apache-2.0
/* child: the data plane as a child process: socket, shared counters, and its end.
 *
 *   cupel --fork, exec--> cupel-dataplane   descriptor 3: socket, 4: counters
 *
 * Holds     the process id, our end of the socket, the mapped counters.
 * Owner     the command that runs.
 * Threads   one.
 * Fails     NOT_FOUND (no such program), IO.
 * Tests     tests/control/test_supervise.c
 */
#ifndef CUP_CONTROL_SUPERVISE_CHILD_H
#define CUP_CONTROL_SUPERVISE_CHILD_H

#include <limits.h>
#include <signal.h>
#include <sys/types.h>

#include "base/err.h"
#include "dataplane/abi/wire.h"

struct cup_child {
    pid_t             pid;
    int               socket;
    struct cup_stats *stats;
};

/* cup_child_find writes the path of a program of cupel: what the environment variable `override`
 * says (NULL: none), else beside the running program or in its build folder. NOT_FOUND names what
 * was looked for. */
CUP_MUST_CHECK enum cup_err cup_child_find(const char *program, const char *override,
                                           char out_path[PATH_MAX], struct cup_fault *out_fault);

/* cup_child_start runs the data plane with `mask` as its signal mask. It dies with this process. */
CUP_MUST_CHECK enum cup_err cup_child_start(const char *path, const sigset_t *mask,
                                            struct cup_child *out_child,
                                            struct cup_fault *out_fault);

/* cup_child_wait waits for the end of the process and writes how it ended, e.g. "killed by signal 9
 * (Killed)"; returns true when it ended by itself with exit code 0. */
#define CUP_CHILD_END_BYTES 96
bool cup_child_wait(struct cup_child *child, char out_end[CUP_CHILD_END_BYTES]);

/* cup_child_close ends a process that still runs, and gives back what is held. */
void cup_child_close(struct cup_child *child);

#endif
