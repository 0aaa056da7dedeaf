// SPDX-License-Identifier: Apache-2.0
/* detect: which format the first records of the inputs have (`format: auto`).
 *
 *   files --first lines--> values --rules, in order--> one format, or "ambiguous" and both rules
 *
 * Rules look at names and kinds of members only (rule column of format.def). Messages that are the
 * same in all formats (heartbeats, transactions, schema changes) and NULL values say nothing.
 *
 * Holds     nothing.
 * Threads   one.
 * Fails     BAD_CONFIG: records of two formats, a record that two rules match, a format that is
 *           known and not read, or nothing to go by; IO. *says tells which records, and what to do.
 * Bounds    CUP_DETECT_RECORDS records in all.
 * Source    cdc-formats, section 3
 * Tests     tests/oracle/test_dialects.py
 */
#ifndef CUP_CONTROL_CONFIG_DETECT_H
#define CUP_CONTROL_CONFIG_DETECT_H

#include "base/text.h"
#include "control/config/inputs.h"

#define CUP_DETECT_RECORDS  1000u
#define CUP_DETECT_FILE_MIN 10u /* of each file, while there are any left */

/* cup_detect_format appends one line to *says, also when all is well: what was seen. */
CUP_MUST_CHECK enum cup_err cup_detect_format(const struct cup_inputs_file *files, uint32_t count,
                                              uint32_t *out_format, struct cup_text *says);

#endif
