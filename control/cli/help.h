// SPDX-License-Identifier: Apache-2.0
/* help: every text that explains; made from the tables, so that it cannot fall behind.
 *
 * Threads   one.
 * Tests     tests/control/test_help.c
 */
#ifndef CUP_CONTROL_CLI_HELP_H
#define CUP_CONTROL_CLI_HELP_H

#include "base/text.h"
#include "control/cli/args.h"

void cup_help_overview(struct cup_text *text);
void cup_help_command(struct cup_text *text, enum cup_command command);

/* cup_help_topic explains a command, config, contract or outcomes; false when there is no such
 * topic. */
CUP_MUST_CHECK bool cup_help_topic(struct cup_text *text, const char *topic);

#endif
