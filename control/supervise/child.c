// SPDX-License-Identifier: Apache-2.0
#include "control/supervise/child.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FD_ABOVE    16  /* where descriptors are parked while 3 and 4 are filled */
#define EXIT_NO_RUN 127 /* as shells say it */

/* Below the folder of this program: installed side by side, or the folders of a build. */
static const char *const places[] = {"",           "../dataplane/", "../dataplane/kafka/tool/",
                                     "../lake/",   "../lake/tool/", "../tools/",
                                     "../control/"};

enum cup_err cup_child_find(const char *program, const char *override, char out_path[PATH_MAX],
                            struct cup_fault *out_fault)
{
    char        self[PATH_MAX];
    char        path[PATH_MAX];
    const char *wanted = override == NULL ? NULL : getenv(override);

    CUP_ASSERT(program != NULL);
    if (wanted != NULL && *wanted != '\0') {
        if (strlen(wanted) >= PATH_MAX || access(wanted, X_OK) != 0)
            return cup_fault_set(out_fault, CUP_NOT_FOUND, "program", wanted);
        memcpy(out_path, wanted, strlen(wanted) + 1);
        return CUP_OK;
    }
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (bytes <= 0) return cup_fault_set(out_fault, CUP_IO, "read", "/proc/self/exe");
    self[bytes] = '\0';
    char *slash = strrchr(self, '/');
    CUP_ASSERT(slash != NULL); /* the kernel gives an absolute path */
    slash[1] = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int length = snprintf(path, sizeof(path), "%s%s%s", self, places[i], program);
        if (length >= PATH_MAX || access(path, X_OK) != 0) continue;
        memcpy(out_path, path, (size_t)length + 1);
        return CUP_OK;
    }
    return cup_fault_set(out_fault, CUP_NOT_FOUND, "program", program);
}

static enum cup_err make_stats(int *out_fd, struct cup_stats **out_stats,
                               struct cup_fault *out_fault)
{
    int   fd = memfd_create("cupel-stats", MFD_CLOEXEC);
    void *at = MAP_FAILED;

    if (fd >= 0 && ftruncate(fd, (off_t)sizeof(struct cup_stats)) == 0)
        at = mmap(NULL, sizeof(struct cup_stats), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        (void)cup_fault_set(out_fault, CUP_IO, "memfd_create", "cupel-stats"); /* IO, NO_SPACE */
        if (fd >= 0) (void)close(fd);                                          /* it is given up */
        return CUP_IO;
    }
    struct cup_stats *stats = at;
    stats->magic            = CUP_STATS_MAGIC;
    *out_fd                 = fd;
    *out_stats              = stats;
    return CUP_OK;
}

/* Runs in the child: only calls that are safe after fork. */
_Noreturn static void become(const char *path, int socket, int stats, const sigset_t *mask,
                             pid_t parent)
{
    char *const argv[] = {(char *)(uintptr_t) "cupel-dataplane", NULL};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);      /* Linux has it since 2.1.57 */
    if (getppid() != parent) _exit(EXIT_NO_RUN); /* it died before prctl */
    socket = fcntl(socket, F_DUPFD_CLOEXEC, FD_ABOVE);
    stats  = fcntl(stats, F_DUPFD_CLOEXEC, FD_ABOVE);
    if (dup2(socket, CUP_CONTROL_FD) < 0 || dup2(stats, CUP_STATS_FD) < 0) _exit(EXIT_NO_RUN);
    (void)sigprocmask(SIG_SETMASK, mask, NULL); /* fails only for a bad first argument */
    (void)execv(path, argv);
    _exit(EXIT_NO_RUN);
}

enum cup_err cup_child_start(const char *path, const sigset_t *mask, struct cup_child *out_child,
                             struct cup_fault *out_fault)
{
    int               sockets[2] = {-1, -1}, stats_fd = -1;
    struct cup_stats *stats = NULL;
    pid_t             self  = getpid();

    CUP_ASSERT(path != NULL && mask != NULL);
    enum cup_err err = make_stats(&stats_fd, &stats, out_fault);
    if (err != CUP_OK) return err;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
        err = cup_fault_set(out_fault, CUP_IO, "socketpair", NULL);
        goto out;
    }
    pid_t pid = fork();
    if (pid == 0) become(path, sockets[1], stats_fd, mask, self);
    if (pid < 0) err = cup_fault_set(out_fault, CUP_IO, "fork", path);
    (void)close(sockets[1]); /* the child has it */
    if (pid > 0) *out_child = (struct cup_child){.pid = pid, .socket = sockets[0], .stats = stats};
out:
    (void)close(stats_fd); /* mapped here, inherited there */
    if (err != CUP_OK) {
        if (sockets[0] >= 0) (void)close(sockets[0]); /* nothing was sent */
        (void)munmap(stats, sizeof(*stats));          /* it was mapped */
    }
    return err;
}

bool cup_child_wait(struct cup_child *child, char out_end[CUP_CHILD_END_BYTES])
{
    int   status = 0;
    pid_t got;

    CUP_ASSERT(child->pid > 0);
    do
        got = waitpid(child->pid, &status, 0);
    while (got < 0 && errno == EINTR);
    child->pid = 0;
    if (got > 0 && WIFSIGNALED(status)) {
        snprintf(out_end, CUP_CHILD_END_BYTES, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
        return false;
    }
    int code = got > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == EXIT_NO_RUN)
        snprintf(out_end, CUP_CHILD_END_BYTES, "it could not be started");
    else
        snprintf(out_end, CUP_CHILD_END_BYTES, "it ended with exit code %d", code);
    return code == 0;
}

void cup_child_close(struct cup_child *child)
{
    char end[CUP_CHILD_END_BYTES];

    if (child == NULL || child->stats == NULL) return;
    (void)close(child->socket); /* nothing waits to be sent */
    if (child->pid > 0) {
        (void)kill(child->pid, SIGKILL);  /* it may be gone already */
        (void)cup_child_wait(child, end); /* how it ended is our doing */
    }
    (void)munmap(child->stats, sizeof(*child->stats)); /* it was mapped */
    *child = (struct cup_child){0};
}
