// SPDX-License-Identifier: Apache-2.0
/* journal_priv: what the journal's reader and writer share. */
#ifndef CUP_DATAPLANE_COMMIT_JOURNAL_PRIV_H
#define CUP_DATAPLANE_COMMIT_JOURNAL_PRIV_H

#include "dataplane/commit/journal.h"

/* Numbers of the segments in a folder. */
struct cup_journal_priv_numbers {
    uint32_t *list;
    uint32_t  count, cap;
    bool      failed;
};

/* cup_journal_priv_list finds them, in rising order; none when there is no folder. The caller frees
 * the list, also on failure. */
CUP_MUST_CHECK enum cup_err cup_journal_priv_list(struct cup_store *store, const char *folder,
                                                  struct cup_journal_priv_numbers *out_numbers,
                                                  struct cup_fault                *out_fault);

/* cup_journal_priv_take takes a message into the state; name: of the segment, for faults. The
 * committer's memory follows its own decisions in the same way. */
CUP_MUST_CHECK enum cup_err cup_journal_priv_take(struct cup_journal_state  *state,
                                                  enum cup_frame_kind        kind,
                                                  const struct cup_text     *message,
                                                  struct cup_journal_reader *reader,
                                                  const char *name, struct cup_fault *out_fault);

void cup_journal_priv_segment(const char *folder, uint32_t segment,
                              char out_name[CUP_STORE_NAME_BYTES]);

#endif
