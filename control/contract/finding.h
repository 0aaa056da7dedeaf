// SPDX-License-Identifier: Apache-2.0
/* finding: what a check found, and the three ways to say it: for people, for programs (JSON), for
 * pull requests (SARIF 2.1.0).
 *
 * Holds     findings in the caller's keep.
 * Threads   one.
 * Source    OASIS SARIF 2.1.0; GitHub code scanning's subset of it
 * Tests     tests/control/test_check.c, tests/oracle/test_contract_tools.py
 */
#ifndef CUP_CONTROL_CONTRACT_FINDING_H
#define CUP_CONTROL_CONTRACT_FINDING_H

#include "control/contract/policy.h"

struct cup_finding {
    uint8_t     rule;     /* enum cup_policy_rule */
    uint8_t     severity; /* enum cup_severity */
    const char *file;
    uint32_t    line, column;   /* from 1 */
    const char *table, *member; /* "" when it is not about one; member: a column of the table */
    const char *text;
};

struct cup_findings {
    struct cup_keep    *keep;
    struct cup_finding *list;
    uint32_t            count, cap;
    uint32_t            counts[CUP_SEVERITY_COUNT];
    uint32_t            contract_count;
};

/* cup_finding_add keeps the finding; texts that do not outlive it are copied by the caller. */
void cup_finding_add(struct cup_findings *findings, const struct cup_finding *finding);

/* cup_finding_sort puts them in order of file, line, column. */
void cup_finding_sort(struct cup_findings *findings);

void cup_finding_put_text(struct cup_text *text, const struct cup_findings *findings);
void cup_finding_put_json(struct cup_text *text, const struct cup_findings *findings);
void cup_finding_put_sarif(struct cup_text *text, const struct cup_findings *findings);

#endif
