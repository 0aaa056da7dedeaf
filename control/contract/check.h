// SPDX-License-Identifier: Apache-2.0
/* check: contracts against a policy.
 *
 *   contracts --read--> nodes --rules of policy.def--> findings with file, line, column
 *
 * Holds     nothing; findings lie in their keep.
 * Threads   one.
 * Fails     what cup_contract_read fails with: nothing to check, or no YAML. A contract with
 *           mistakes is a finding.
 * Tests     tests/control/test_check.c
 */
#ifndef CUP_CONTROL_CONTRACT_CHECK_H
#define CUP_CONTROL_CONTRACT_CHECK_H

#include "control/contract/finding.h"

/* cup_check_run checks a contract, or all of a folder. masks: in its pipeline.yaml count too. */
CUP_MUST_CHECK enum cup_err cup_check_run(const char *path, const struct cup_policy *policy,
                                          struct cup_findings *findings, struct cup_text *says);

#endif
