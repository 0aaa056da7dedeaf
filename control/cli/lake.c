// SPDX-License-Identifier: Apache-2.0
/* Heavy reading lives in a program of its own, with the same words behind it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/cli/job_priv.h"
#include "control/supervise/child.h"

#define EXIT_NO_RUN 127 /* as shells say it */

static bool find(char path[PATH_MAX])
{
    struct cup_fault fault = {0};

    if (cup_child_find("cupel-lake", "CUPEL_LAKE", path, &fault) == CUP_OK) return true;
    fprintf(stderr, "cupel: %s is not there: it must lie beside cupel\n", fault.where);
    return false;
}

enum cup_exit cup_lake_priv_become(const char *const *words)
{
    char path[PATH_MAX];

    if (!find(path)) return CUP_EXIT_FAULT;
    /* comes back only when it fails; it does not change its words */
    (void)execv(path, (char *const *)(uintptr_t)words);
    fprintf(stderr, "cupel: %s: %s\n", path, strerror(errno));
    return CUP_EXIT_FAULT;
}

/* Runs in the child: only calls that are safe after fork. */
_Noreturn static void answer(const char *path, const char *const *words, int to)
{
    if (dup2(to, STDOUT_FILENO) < 0) _exit(EXIT_NO_RUN);
    (void)execv(path, (char *const *)(uintptr_t)words);
    _exit(EXIT_NO_RUN);
}

bool cup_lake_priv_ask(const char *const *words, struct cup_text *out)
{
    char    path[PATH_MAX], bytes[4096];
    int     pipes[2], status = -1;
    ssize_t got;

    if (!find(path)) return false;
    pid_t pid = pipe2(pipes, O_CLOEXEC) == 0 ? fork() : -1;
    if (pid == 0) answer(path, words, pipes[1]);
    if (pid < 0) {
        fprintf(stderr, "cupel: %s: %s\n", path, strerror(errno));
        return false;
    }
    (void)close(pipes[1]); /* the child has it */
    while ((got = read(pipes[0], bytes, sizeof bytes)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0) cup_text_put(out, bytes, (size_t)got);
    (void)close(pipes[0]); /* all was read */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_RUN)
        fprintf(stderr, "cupel: %s cannot be run\n", path);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 && !out->failed;
}
