// SPDX-License-Identifier: Apache-2.0
#include "control/supervise/upkeep_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/supervise/child.h"

#define PAUSE_NS    (60 * CUP_NS_PER_S) /* between two starts: looking at all tables is not free */
#define WORD_BYTES  32u
#define SAID_BYTES  4096u /* in the background it says one line */
#define EXIT_NO_RUN 127   /* as shells say it */

void cup_upkeep_priv_begin(struct cup_upkeep *upkeep, const struct cup_settings *settings,
                           const char *lake, const sigset_t *mask)
{
    *upkeep = (struct cup_upkeep){.settings = settings, .lake = lake, .mask = *mask, .said = -1};
    if (settings->compact &&
        cup_child_find("cupel-lake", "CUPEL_LAKE", upkeep->path, NULL) != CUP_OK)
        upkeep->path[0] = '\0';
}

/* Runs in the child: only calls that are safe after fork. */
_Noreturn static void become(const char *path, char *const *words, int said, const sigset_t *mask,
                             pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(EXIT_NO_RUN); /* it died before prctl */
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(said, STDOUT_FILENO) < 0)
        _exit(EXIT_NO_RUN);
    (void)sigprocmask(SIG_SETMASK, mask, NULL); /* fails only for a bad first argument */
    (void)execv(path, words);
    _exit(EXIT_NO_RUN);
}

static void start(struct cup_upkeep *upkeep)
{
    char  target[WORD_BYTES], files[WORD_BYTES];
    char *lake    = (char *)(uintptr_t)upkeep->lake; /* execv does not change its words */
    char *words[] = {(char *)(uintptr_t) "cupel-lake",
                     (char *)(uintptr_t) "compact",
                     lake,
                     (char *)(uintptr_t) "--auto",
                     target,
                     files,
                     NULL};
    int   pipes[2];
    pid_t self = getpid();

    snprintf(target, sizeof target, "--target=%llu",
             (unsigned long long)upkeep->settings->compact_bytes);
    snprintf(files, sizeof files, "--min-files=%llu",
             (unsigned long long)upkeep->settings->compact_files);
    if (pipe2(pipes, O_CLOEXEC) != 0) return; /* at the next turn */
    pid_t pid = fork();
    if (pid == 0) become(upkeep->path, words, pipes[1], &upkeep->mask, self);
    (void)close(pipes[1]); /* the child has it */
    if (pid < 0) {
        (void)close(pipes[0]); /* nobody writes to it */
        return;
    }
    upkeep->pid  = pid;
    upkeep->said = pipes[0];
}

/* "12 tables compacted: 3400 files became 24" */
static void take_words(struct cup_upkeep *upkeep)
{
    char               said[SAID_BYTES];
    unsigned long long files, merged;
    ssize_t            bytes = read(upkeep->said, said, sizeof said - 1);

    (void)close(upkeep->said); /* all was read */
    upkeep->said = -1;
    if (bytes <= 0) return;
    said[bytes]       = '\0';
    const char *colon = strstr(said, "compacted: ");
    if (colon == NULL || sscanf(colon, "compacted: %llu files became %llu", &files, &merged) != 2)
        return;
    upkeep->run_count++;
    upkeep->file_count += files;
    upkeep->merged_count += merged;
}

void cup_upkeep_priv_turn(struct cup_upkeep *upkeep, uint64_t epochs)
{
    if (upkeep->path[0] == '\0') return;
    if (upkeep->pid > 0) {
        pid_t got = waitpid(upkeep->pid, NULL, WNOHANG);
        if (got == 0 || (got < 0 && errno == EINTR)) return;
        upkeep->pid = 0;
        take_words(upkeep);
    }
    uint64_t now = cup_clock_mono_ns();
    if (epochs - upkeep->epochs < upkeep->settings->compact_files || now < upkeep->due_ns) return;
    upkeep->epochs = epochs;
    upkeep->due_ns = now + PAUSE_NS;
    start(upkeep);
}

void cup_upkeep_priv_end(struct cup_upkeep *upkeep, struct cup_text *text)
{
    if (upkeep->pid > 0) {
        (void)kill(upkeep->pid, SIGTERM); /* it may be gone already */
        while (waitpid(upkeep->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        upkeep->pid = 0;
        take_words(upkeep);
    }
    if (upkeep->run_count > 0)
        cup_text_printf(text, "upkeep  %llu small files became %llu, in %llu round%s\n",
                        (unsigned long long)upkeep->file_count,
                        (unsigned long long)upkeep->merged_count,
                        (unsigned long long)upkeep->run_count, upkeep->run_count == 1 ? "" : "s");
}
