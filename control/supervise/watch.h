// SPDX-License-Identifier: Apache-2.0
/* watch: the files that the patterns of a run without end name, as they come, grow, move and go.
 *
 *   patterns --glob, stat--> what is there now --compare--> rows for the data plane
 *                  ^             with what was told
 *                  '-- every second; at once when inotify says that a name came or went
 *
 * A file is its device and inode; its name may change. The folders of the matches are listed too: a
 * file that was rotated away keeps its input while it lies beside its old name.
 *
 * Holds     an entry for each file in those folders; an inotify descriptor.
 * Owner     the supervisor.
 * Threads   one.
 * Fails     open (IO). A folder that cannot be read now is read at the next scan; without inotify
 *           (NFS, no watches left) the scans remain.
 * Bounds    scans take at most some hundredth of the time: they come less often when they are long.
 * Tests     tests/control/test_watch.c, tests/oracle/test_follow.py
 */
#ifndef CUP_CONTROL_SUPERVISE_WATCH_H
#define CUP_CONTROL_SUPERVISE_WATCH_H

#include "control/config/settings.h"
#include "dataplane/abi/wire.h"

struct cup_watch;

CUP_MUST_CHECK enum cup_err cup_watch_open(const struct cup_settings *settings,
                                           struct cup_watch         **out_watch,
                                           struct cup_fault          *out_fault);
void                        cup_watch_close(struct cup_watch *watch);

/* cup_watch_fd is readable when a scan may be due before its time; -1: never. */
int cup_watch_fd(const struct cup_watch *watch);

/* cup_watch_heard empties it, and has a scan come soon. */
void cup_watch_heard(struct cup_watch *watch);

/* cup_watch_due is when cup_watch_rows should be asked (cup_clock_mono_ns). */
uint64_t cup_watch_due(const struct cup_watch *watch);

/* cup_watch_rows appends rows of an INPUTS message, at most CUP_WIRE_INPUTS_BYTES and one more;
 * scans when that is due and all was told. Appends nothing when nothing is new. */
CUP_MUST_CHECK enum cup_err cup_watch_rows(struct cup_watch *watch, struct cup_text *rows,
                                           struct cup_fault *out_fault);

/* cup_watch_says moves lines for people to *out_says: which files cannot be read. */
void cup_watch_says(struct cup_watch *watch, struct cup_text *out_says);

/* cup_watch_matched is how many files matched at the last scan. */
uint32_t cup_watch_matched(const struct cup_watch *watch);

#endif
