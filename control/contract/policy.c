// SPDX-License-Identifier: Apache-2.0
#include "control/contract/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/yaml.h"
#include "control/schema/names.h"

#define NUMBER_MAX 1000000ul

static const struct cup_policy_row rows[CUP_POLICY_COUNT] = {
#define CUP_POLICY(id, rule, severity, parameter, kind, standard, remedy, text)                    \
    {rule, parameter, standard, remedy, text, CUP_SEVERITY_##severity, CUP_POLICY_##kind},
#include "control/contract/policy.def"
#undef CUP_POLICY
};

static const char *const severities[CUP_SEVERITY_COUNT] = {"off", "note", "warning", "error"};

/* One policy being read. */
struct work {
    struct cup_keep   *keep;
    struct cup_yaml    yaml;
    struct cup_policy *policy;
    struct cup_text   *says;
    bool               failed;
};

const char *cup_severity_name(enum cup_severity severity)
{
    CUP_ASSERT(severity < CUP_SEVERITY_COUNT);
    return severities[severity];
}

const struct cup_policy_row *cup_policy_row(enum cup_policy_rule rule)
{
    CUP_ASSERT(rule < CUP_POLICY_COUNT);
    return &rows[rule];
}

void cup_policy_put_help(struct cup_text *text)
{
    cup_text_puts(text,
                  "\nrules of a policy file (rules: <rule>: {severity: error | warning | note "
                  "| off, <parameter>: ..})\n");
    for (int i = 0; i < CUP_POLICY_COUNT; i++) {
        const struct cup_policy_row *row = &rows[i];
        cup_text_printf(text, "  %-22s %-8s %s", row->rule,
                        cup_severity_name((enum cup_severity)row->severity), row->text);
        if (*row->parameter != '\0')
            cup_text_printf(text, " (%s%s%s)", row->parameter, *row->standard == '\0' ? "" : ": ",
                            row->standard);
        cup_text_puts(text, "\n");
    }
}

static void fail(struct work *work, const struct cup_yaml_node *node, const char *key,
                 const char *what, const char *allowed)
{
    cup_yaml_at(&work->yaml, node, work->says);
    cup_text_printf(work->says, "%s: %s%s%s\n", key, what,
                    *allowed == '\0' ? "" : "; allowed: ", allowed);
    work->failed = true;
}

/* --- parameters --- */

static bool set_pattern(struct work *work, const struct cup_yaml_node *node, int rule,
                        const char *text)
{
    struct cup_pattern *pattern = NULL;
    struct cup_fault    fault   = {0};

    if (*text != '\0' && cup_pattern_open(text, strlen(text), &pattern, &fault) != CUP_OK) {
        struct cup_text why = {0};
        cup_text_printf(&why, "\"%s\" is no pattern: %s at byte %llu", text, fault.where,
                        (unsigned long long)fault.at_offset);
        fail(work, node, rows[rule].rule, why.at == NULL ? "is no pattern" : why.at, "");
        cup_text_free(&why);
        return false;
    }
    cup_pattern_close(work->policy->rules[rule].pattern);
    work->policy->rules[rule].pattern = pattern;
    work->policy->rules[rule].text    = text;
    return true;
}

static void set_words(struct work *work, const struct cup_yaml_node *node, int rule)
{
    const char **words = cup_keep_bytes(work->keep, (node->count + 1ul) * sizeof(*words));

    for (uint32_t i = 0; i < node->count; i++) {
        if (node->children[i]->kind != CUP_YAML_SCALAR) {
            fail(work, node->children[i], rows[rule].parameter, "must be a list of words", "");
            return;
        }
        words[i] = node->children[i]->text;
    }
    work->policy->rules[rule].words      = words;
    work->policy->rules[rule].word_count = node->count;
}

static void set_number(struct work *work, const struct cup_yaml_node *node, int rule,
                       const char *text)
{
    char *end;

    errno              = 0;
    unsigned long some = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || some > NUMBER_MAX)
        fail(work, node, rows[rule].parameter, "is no count", "0 to 1000000");
    else
        work->policy->rules[rule].number = (uint32_t)some;
}

static void set_parameter(struct work *work, const struct cup_yaml_node *node, int rule)
{
    bool list = rows[rule].kind == CUP_POLICY_WORDS;

    if (node->kind != (list ? CUP_YAML_LIST : CUP_YAML_SCALAR)) {
        fail(work, node, rows[rule].parameter, list ? "must be a list" : "must be a text", "");
        return;
    }
    if (rows[rule].kind == CUP_POLICY_PATTERN) (void)set_pattern(work, node, rule, node->text);
    if (rows[rule].kind == CUP_POLICY_WORDS) set_words(work, node, rule);
    if (rows[rule].kind == CUP_POLICY_NUMBER) set_number(work, node, rule, node->text);
}

static void set_severity(struct work *work, const struct cup_yaml_node *node, int rule)
{
    for (int i = 0; node->kind == CUP_YAML_SCALAR && i < CUP_SEVERITY_COUNT; i++) {
        if (strcmp(severities[i], node->text) != 0) continue;
        work->policy->rules[rule].severity = (uint8_t)i;
        return;
    }
    fail(work, node, "severity", "is not known", "error, warning, note, off");
}

/* --- rules --- */

static void read_rule(struct work *work, const struct cup_yaml_node *node, int rule)
{
    if (node->kind == CUP_YAML_SCALAR) { /* rule: off */
        set_severity(work, node, rule);
        return;
    }
    for (uint32_t i = 0; node->kind == CUP_YAML_MAP && i < node->count; i++) {
        const char *key = node->keys[i]->text;
        if (strcmp(key, "severity") == 0)
            set_severity(work, node->children[i], rule);
        else if (*rows[rule].parameter != '\0' && strcmp(key, rows[rule].parameter) == 0)
            set_parameter(work, node->children[i], rule);
        else {
            struct cup_text allowed = {0};
            cup_text_printf(&allowed, "severity%s%s", *rows[rule].parameter == '\0' ? "" : ", ",
                            rows[rule].parameter);
            fail(work, node->keys[i], key, "this rule has no such key",
                 allowed.at == NULL ? "" : allowed.at);
            cup_text_free(&allowed);
        }
    }
    if (node->kind == CUP_YAML_LIST)
        fail(work, node, rows[rule].rule, "must be a mapping or a severity", "");
}

static void unknown_rule(struct work *work, const struct cup_yaml_node *name)
{
    struct cup_text list = {0};

    for (int i = 0; i < CUP_POLICY_COUNT; i++)
        cup_text_printf(&list, "%s%s", i == 0 ? "" : ", ", rows[i].rule);
    for (int i = 0; i < CUP_POLICY_COUNT; i++) {
        if (cup_names_near(name->text, rows[i].rule))
            cup_text_printf(&list, " (did you mean %s?)", rows[i].rule);
    }
    fail(work, name, name->text, "there is no such rule", list.at == NULL ? "" : list.at);
    cup_text_free(&list);
}

static void read_rules(struct work *work, const struct cup_yaml_node *rules)
{
    if (rules->kind != CUP_YAML_MAP) {
        fail(work, rules, "rules", "must be a mapping", "");
        return;
    }
    for (uint32_t i = 0; i < rules->count; i++) {
        int rule = 0;
        while (rule < CUP_POLICY_COUNT && strcmp(rows[rule].rule, rules->keys[i]->text) != 0)
            rule++;
        if (rule == CUP_POLICY_COUNT)
            unknown_rule(work, rules->keys[i]);
        else
            read_rule(work, rules->children[i], rule);
    }
}

static void set_default(struct work *work, int rule)
{
    const struct cup_policy_row *row  = &rows[rule];
    const char                  *word = row->standard;
    const char                 **words;
    uint32_t                     count = 0;

    work->policy->rules[rule].severity = row->severity;
    work->policy->rules[rule].text     = "";
    if (row->kind == CUP_POLICY_PATTERN) {
        bool good = set_pattern(work, NULL, rule, row->standard);
        CUP_ASSERT(good);
    }
    if (row->kind == CUP_POLICY_NUMBER) set_number(work, NULL, rule, row->standard);
    if (row->kind != CUP_POLICY_WORDS) return;
    words = cup_keep_bytes(work->keep, (strlen(row->standard) + 1) * sizeof(*words));
    while (*word != '\0') {
        size_t bytes   = strcspn(word, " ");
        words[count++] = cup_keep_text(work->keep, word, bytes);
        word += bytes + (word[bytes] == ' ');
    }
    work->policy->rules[rule].words      = words;
    work->policy->rules[rule].word_count = count;
}

enum cup_err cup_policy_load(struct cup_keep *keep, const char *path, struct cup_policy *out_policy,
                             struct cup_text *says)
{
    struct cup_policy policy = {0};
    struct work       work   = {.keep = keep, .policy = &policy, .says = says};
    enum cup_err      err    = CUP_OK;

    CUP_ASSERT(keep != NULL && out_policy != NULL);
    for (int i = 0; i < CUP_POLICY_COUNT; i++)
        set_default(&work, i);
    if (path != NULL) err = cup_yaml_load(keep, path, false, &work.yaml, says);
    for (uint32_t i = 0; path != NULL && err == CUP_OK && i < work.yaml.root->count; i++) {
        const struct cup_yaml_node *name = work.yaml.root->keys[i];
        if (strcmp(name->text, "rules") == 0)
            read_rules(&work, work.yaml.root->children[i]);
        else if (strcmp(name->text, "name") != 0)
            fail(&work, name, name->text, "a policy has no such key", "name, rules");
    }
    if (work.failed) err = CUP_BAD_CONFIG;
    if (err == CUP_OK)
        *out_policy = policy;
    else
        cup_policy_close(&policy);
    return err;
}

void cup_policy_close(struct cup_policy *policy)
{
    for (int i = 0; i < CUP_POLICY_COUNT; i++) {
        cup_pattern_close(policy->rules[i].pattern);
        policy->rules[i].pattern = NULL;
    }
}
