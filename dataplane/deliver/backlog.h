// SPDX-License-Identifier: Apache-2.0
/* backlog: the spool files that wait, by epoch, and the note of what was delivered.
 *
 * The note guards the marker: when it knows of a later epoch for the same control topic of the same
 * brokers, records of the control topic were lost, and to go by it would publish changes twice.
 *
 * Holds     names; a store of its own, because it has a thread of its own.
 * Owner     the leg.
 * Threads   one.
 * Fails     IO, NO_MEMORY, NO_SPACE.
 * Tests     tests/dataplane/deliver/test_spool.c
 */
#ifndef CUP_DATAPLANE_DELIVER_BACKLOG_H
#define CUP_DATAPLANE_DELIVER_BACKLOG_H

#include "base/text.h"
#include "dataplane/abi/plan.h"
#include "dataplane/store/store.h"

struct cup_backlog_file {
    uint64_t epoch;
    uint64_t bytes;
    char    *name; /* below the lake */
};

struct cup_backlog {
    const struct cup_plan   *plan;
    struct cup_store        *store;
    struct cup_backlog_file *files; /* by epoch, then name */
    uint32_t                 file_count, file_cap;
    uint64_t                 bytes; /* of all */
    bool                     failed;
    char                     folder[CUP_STORE_NAME_BYTES];
};

CUP_MUST_CHECK enum cup_err cup_backlog_open(struct cup_backlog    *backlog,
                                             const struct cup_plan *plan, struct cup_disk *disk,
                                             struct cup_fault *out_fault);
void                        cup_backlog_close(struct cup_backlog *backlog);

/* cup_backlog_list looks what there is. */
CUP_MUST_CHECK enum cup_err cup_backlog_list(struct cup_backlog *backlog,
                                             struct cup_fault   *out_fault);

/* cup_backlog_remove removes files [from, to) of the list, which keep their places. */
CUP_MUST_CHECK enum cup_err cup_backlog_remove(struct cup_backlog *backlog, uint32_t from,
                                               uint32_t to, struct cup_fault *out_fault);

/* cup_backlog_noted reads the note: 0: there is none for this destination. _note writes it. */
CUP_MUST_CHECK enum cup_err cup_backlog_noted(struct cup_backlog *backlog, uint64_t *out_epoch,
                                              struct cup_fault *out_fault);
CUP_MUST_CHECK enum cup_err cup_backlog_note(struct cup_backlog *backlog, uint64_t epoch,
                                             struct cup_fault *out_fault);

#endif
