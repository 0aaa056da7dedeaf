// SPDX-License-Identifier: Apache-2.0
/* stand: put before a data plane (LD_PRELOAD) that writes with plain system calls, it stops the
 * process (SIGSTOP) in one phase of each epoch, staging or a later one, as phase.py names them, for
 * as long as the file CUPEL_STAND is there: its name ends with the phase. An epoch that makes
 * tables has stops that are in another phase: whoever waits looks, and lets it go on (SIGCONT) to
 * the next. */
#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERSION_DIGITS 20u /* of a log entry; data files have fewer before something else */

/* Names that were given since the last of the other kind. */
static unsigned placed, applied;

static void stand_in(const char *phase)
{
    const char *file = getenv("CUPEL_STAND");
    size_t      size = file == NULL ? 0 : strlen(file), most = strlen(phase);

    if (size < most || strcmp(file + size - most, phase) != 0 || access(file, F_OK) != 0) return;
    (void)kill(getpid(), SIGSTOP); /* of ourselves: it cannot fail */
}

static bool is_log_entry(const char *name)
{
    return strspn(name, "0123456789") == VERSION_DIGITS &&
           strcmp(name + VERSION_DIGITS, ".json") == 0;
}

static bool is_data(const char *name)
{
    return strncmp(name, "part-", 5) == 0 || strspn(name, "0123456789") == 10;
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    int (*real)(int, const char *, int, const char *, int) = NULL;

    *(void **)&real = dlsym(RTLD_NEXT, "linkat");
    if (is_data(to)) {
        applied = 0;
        stand_in(placed++ == 0 ? "staging" : "placing");
    }
    if (is_log_entry(to)) {
        placed = 0;
        stand_in(applied++ == 0 ? "decided" : "applying");
    }
    return real(from_fd, from, to_fd, to, flags);
}
