// SPDX-License-Identifier: Apache-2.0
/* quarantine_priv: what `cupel-lake quarantine` does with the records that it selected.
 *
 * Threads   one.
 * Fails     as reading does; IO when it cannot write.
 * Tests     tests/oracle/test_quarantine.py
 */
#ifndef CUP_LAKE_TOOL_TOOL_QUARANTINE_PRIV_H
#define CUP_LAKE_TOOL_TOOL_QUARANTINE_PRIV_H

#include <stdio.h>

#include "lake/tool/tool_commands.h"
#include "lake/tool/tool_quarantine.h"
#include "lake/tool/tool_retry.h"

enum cup_quarantine_as { CUP_QUARANTINE_TEXT, CUP_QUARANTINE_JSON, CUP_QUARANTINE_RAW };

/* ls: one line (JSON: one object) a reason and table. */
CUP_MUST_CHECK enum cup_err cup_quarantine_priv_ls(const struct cup_quarantine *quarantine,
                                                   const struct cup_pipeline *of, bool json,
                                                   FILE *out, struct cup_fault *out_fault);

CUP_MUST_CHECK enum cup_err cup_quarantine_priv_show(struct cup_quarantine *quarantine,
                                                     enum cup_quarantine_as as, uint64_t limit,
                                                     FILE *out, struct cup_fault *out_fault);

struct cup_retry_sums {
    uint64_t records, bytes; /* in the file */
    uint64_t too_long;       /* left out: still longer than the limit */
    uint64_t not_kept;       /* left out: their bytes are nowhere whole */
};

/* cup_retry_priv_export writes the selected records to a new file of the folder, durable when it
 * returns; out_path "" and no file when there are none, or for a dry run. */
CUP_MUST_CHECK enum cup_err
cup_retry_priv_export(struct cup_quarantine *quarantine, const struct cup_retry_folder *folder,
                      const struct cup_quarantine_options *options, char out_path[CUP_PATH_BYTES],
                      struct cup_retry_sums *out_sums, struct cup_fault *out_fault);

#endif
