// SPDX-License-Identifier: Apache-2.0
/* policy: what an organisation asks of its contracts; every rule is a row of policy.def.
 *
 *   policy.yaml --load--> severity and parameter of each rule --check--> findings
 *
 * Holds     texts in the caller's keep, compiled patterns until cup_policy_close.
 * Owner     the command that runs.
 * Threads   one.
 * Fails     BAD_CONFIG, NOT_FOUND, IO; *says has a line "file:line: rule: what is wrong; allowed:
 *           ..." for every error.
 * Tests     tests/control/test_check.c
 */
#ifndef CUP_CONTROL_CONTRACT_POLICY_H
#define CUP_CONTROL_CONTRACT_POLICY_H

#include "base/text.h"
#include "control/schema/keep.h"
#include "kernels/pattern/pattern.h"

enum cup_policy_rule {
#define CUP_POLICY(id, rule, severity, parameter, kind, standard, remedy, text) CUP_POLICY_##id,
#include "control/contract/policy.def"
#undef CUP_POLICY
    CUP_POLICY_COUNT
};

enum cup_severity {
    CUP_SEVERITY_OFF,
    CUP_SEVERITY_NOTE,
    CUP_SEVERITY_WARNING,
    CUP_SEVERITY_ERROR,
    CUP_SEVERITY_COUNT
};
const char *cup_severity_name(enum cup_severity severity);

enum cup_policy_kind {
    CUP_POLICY_NONE,
    CUP_POLICY_PATTERN,
    CUP_POLICY_WORDS,
    CUP_POLICY_NUMBER,
};

struct cup_policy_row {
    const char *rule, *parameter, *standard, *remedy, *text;
    uint8_t     severity; /* enum cup_severity */
    uint8_t     kind;     /* enum cup_policy_kind */
};
const struct cup_policy_row *cup_policy_row(enum cup_policy_rule rule);

struct cup_policy {
    struct {
        uint8_t             severity;
        const char         *text;    /* PATTERN, as it is written */
        struct cup_pattern *pattern; /* NULL: every text */
        const char        **words;
        uint32_t            word_count;
        uint32_t            number;
    } rules[CUP_POLICY_COUNT];
};

/* cup_policy_load reads a policy over the defaults; path NULL: the defaults alone. */
CUP_MUST_CHECK enum cup_err cup_policy_load(struct cup_keep *keep, const char *path,
                                            struct cup_policy *out_policy, struct cup_text *says);
void                        cup_policy_close(struct cup_policy *policy);

/* cup_policy_put_help lists the rules, for help. */
void cup_policy_put_help(struct cup_text *text);

#endif
