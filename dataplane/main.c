// SPDX-License-Identifier: Apache-2.0
/* cupel-dataplane: moves data by the plan that control sends over its socket; see abi/wire.h. */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/shard.h"

/* Control starts this program with both descriptors in place; a person never does. */
static int refuse_to_start(void)
{
    fprintf(stderr, "cupel-dataplane is started by cupel; run: cupel run --help\n");
    return 2;
}

static bool is_kind(int fd, mode_t kind, off_t bytes_min)
{
    struct stat status;

    return fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == kind &&
           status.st_size >= bytes_min;
}

/* The pointer `what` means nothing in another process: its text follows the struct. */
static void report(const struct cup_fault *fault)
{
    struct cup_text  message = {0};
    struct cup_fault unsent;

    cup_text_put(&message, fault, sizeof *fault);
    cup_text_puts(&message, fault->what);
    if (message.failed || cup_wire_send(CUP_CONTROL_FD, CUP_WIRE_FAULT, message.at, message.bytes,
                                        -1, &unsent) != CUP_OK)
        fprintf(stderr, "cupel-dataplane: %s: %s %s\n", cup_err_text(fault->err), fault->what,
                fault->where);
    cup_text_free(&message);
}

int main(void)
{
    struct cup_fault fault = {0};

    if (!is_kind(CUP_CONTROL_FD, S_IFSOCK, 0) ||
        !is_kind(CUP_STATS_FD, S_IFREG, (off_t)sizeof(struct cup_stats)))
        return refuse_to_start();
    struct cup_stats *stats =
        mmap(NULL, sizeof *stats, PROT_READ | PROT_WRITE, MAP_SHARED, CUP_STATS_FD, 0);
    if (stats == MAP_FAILED || stats->magic != CUP_STATS_MAGIC) return refuse_to_start();

    /* the terminal's ^C is for control, which then says STOP */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of the write */
    if (cup_shard_run(CUP_CONTROL_FD, stats, &fault) == CUP_OK) return 0;
    report(&fault);
    return 1;
}
