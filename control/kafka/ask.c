// SPDX-License-Identifier: Apache-2.0
#include "control/kafka/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/supervise/child.h"

#define FD_WORD_BYTES 32u

void cup_ask_add(struct cup_ask *ask, const char *word)
{
    CUP_ASSERT(ask->count < CUP_ASK_WORDS_MAX - 2); /* two are added for the settings */
    ask->words[ask->count++] = word;
}

/* The lines in memory of their own, which no other user can open; -1 when there is none. */
static int hide(const char *settings)
{
    size_t bytes = strlen(settings);
    int    fd    = memfd_create("cupel-settings", MFD_CLOEXEC);

    for (size_t done = 0; fd >= 0 && done < bytes;) {
        ssize_t put = write(fd, settings + done, bytes - done);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) {
            (void)close(fd); /* it is given up */
            return -1;
        }
        done += (size_t)put;
    }
    return fd;
}

/* Runs in the child: only calls that are safe after fork. */
_Noreturn static void become(const char *path, const char *const *words, int settings, int in,
                             int out)
{
    bool good = prctl(PR_SET_PDEATHSIG, SIGTERM) == 0;

    if (in >= 0) good &= dup2(in, STDIN_FILENO) >= 0;
    if (out >= 0) good &= dup2(out, STDOUT_FILENO) >= 0;
    if (settings >= 0) good &= fcntl(settings, F_SETFD, 0) == 0;
    if (good) (void)execv(path, (char *const *)(uintptr_t)words); /* comes back when it fails */
    _exit(CUP_ASK_LOST);
}

pid_t cup_ask_start(const struct cup_ask *ask, int in, int out)
{
    struct cup_ask   with     = *ask;
    struct cup_fault fault    = {0};
    bool             is_lake  = strcmp(ask->words[0], "cupel-lake") == 0;
    int              settings = -1;
    pid_t            process  = -1;
    char             path[PATH_MAX], word[FD_WORD_BYTES];

    CUP_ASSERT(ask->count > 0);
    if (cup_child_find(ask->words[0], is_lake ? "CUPEL_LAKE" : "CUPEL_KAFKA", path, &fault) !=
        CUP_OK) {
        fprintf(stderr, "cupel: %s is not there: it must lie beside cupel\n", fault.where);
        return -1;
    }
    if (ask->settings != NULL) {
        settings = hide(ask->settings);
        snprintf(word, sizeof word, "/dev/fd/%d", settings);
        with.words[with.count++] = "--settings";
        with.words[with.count++] = word;
    }
    with.words[with.count] = NULL;
    if (ask->settings == NULL || settings >= 0) process = fork();
    if (process == 0) become(path, with.words, settings, in, out);
    if (process < 0) fprintf(stderr, "cupel: %s: %s\n", path, strerror(errno));
    if (settings >= 0) (void)close(settings); /* the child has it */
    return process;
}

int cup_ask_wait(pid_t process)
{
    int status = 0;

    if (process < 0) return CUP_ASK_LOST;
    while (waitpid(process, &status, 0) < 0) {
        if (errno != EINTR) return CUP_ASK_LOST;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : CUP_ASK_LOST;
}

static bool take_all(int from, struct cup_text *out)
{
    char    bytes[16384];
    ssize_t got;

    while ((got = read(from, bytes, sizeof bytes)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0) cup_text_put(out, bytes, (size_t)got);
    return got == 0 && !out->failed;
}

int cup_ask_run(const struct cup_ask *ask, struct cup_text *out)
{
    int pipes[2];

    if (out == NULL) return cup_ask_wait(cup_ask_start(ask, -1, -1));
    if (pipe2(pipes, O_CLOEXEC) != 0) {
        fprintf(stderr, "cupel: pipe: %s\n", strerror(errno));
        return CUP_ASK_LOST;
    }
    pid_t process = cup_ask_start(ask, -1, pipes[1]);
    (void)close(pipes[1]); /* the child has it */
    bool good = take_all(pipes[0], out);
    (void)close(pipes[0]); /* all was read */
    int code = cup_ask_wait(process);
    return code == 0 && !good ? CUP_ASK_LOST : code;
}

int cup_ask_pipe(const struct cup_ask *from, const struct cup_ask *to)
{
    int pipes[2];

    if (pipe2(pipes, O_CLOEXEC) != 0) {
        fprintf(stderr, "cupel: pipe: %s\n", strerror(errno));
        return CUP_ASK_LOST;
    }
    pid_t first  = cup_ask_start(from, -1, pipes[1]);
    pid_t second = first < 0 ? -1 : cup_ask_start(to, pipes[0], -1);
    (void)close(pipes[0]); /* the children have them */
    (void)close(pipes[1]);
    int end_first = cup_ask_wait(first), end_second = cup_ask_wait(second);
    return end_second != 0 ? end_second : end_first;
}
