// SPDX-License-Identifier: Apache-2.0
/* tool: `cupel contract infer | check | diff`, taken apart by tool.def.
 *
 * Results go to stdout, everything else to stderr.
 *
 * Threads   one.
 * Fails     by exit code: 0 fine, 1 findings or breaking changes, 2 usage, or nothing to read.
 * Tests     tests/control/test_cli.py, tests/oracle/test_contract_tools.py
 */
#ifndef CUP_CONTROL_CLI_TOOL_H
#define CUP_CONTROL_CLI_TOOL_H

#include "base/text.h"
#include "control/schema/keep.h"
#include "control/supervise/supervise.h"

/* cup_tool_run does what the words behind `cupel contract` say. */
enum cup_exit cup_tool_run(struct cup_keep *keep, int count, char **words);

/* cup_tool_put_help appends the tools and their options. */
void cup_tool_put_help(struct cup_text *text);

#endif
