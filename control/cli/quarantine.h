// SPDX-License-Identifier: Apache-2.0
/* quarantine: refused records: counted, shown, judged again, given up.
 *
 *   ls, show      cupel-lake reads them
 *   retry, drop   cupel-lake writes them to LAKE/_cupel/<domain>/<pipeline>/0/retry/<name>.retry
 *                 --> a run whose only input is that file --> rows, quarantine rows, one epoch
 *                 --> the file is removed
 *
 * A file that a crash left is finished first: the journal knows how far its run came.
 *
 * Threads   one.
 * Fails     by exit code; what is wrong is on stderr.
 * Tests     tests/oracle/test_quarantine.py
 */
#ifndef CUP_CONTROL_CLI_QUARANTINE_H
#define CUP_CONTROL_CLI_QUARANTINE_H

#include "control/supervise/supervise.h"

/* cup_quarantine_missing adds the accepted records of bronze that have no row in silver, in the
 * same way as a retry: words are FOLDER, --input, --topic, --since, --until, --offsets, --dry-run,
 * and those of a run. */
enum cup_exit cup_quarantine_missing(struct cup_keep *keep, int count, char **words);

/* cup_quarantine_command takes the words behind `cupel quarantine`. */
enum cup_exit cup_quarantine_command(int count, char **words);

#endif
