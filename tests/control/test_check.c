// SPDX-License-Identifier: Apache-2.0
/* Goal:   a contract that keeps the policy has no finding; each broken rule is one finding, at its
 *         line and column, with the severity of the policy; mistakes in a policy are told.
 * Method: one good contract; the same with one change each; policies that move severities and
 *         parameters; one finding in all three formats. */
#include "control/contract/check.h"

#include <jansson.h>

#include "tests/control/fixture.h"

#define HEAD                                                                                       \
    "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n"              \
    "description: {purpose: p}\nteam: {name: t}\nslaProperties:\n"                                 \
    "  - {property: latency, value: 1, unit: h}\nschema:\n"
#define TABLE(keys) "  - name: account\n    physicalName: s.account\n" keys "    properties:\n"
#define DESCRIBED   "    description: rows\n"
#define ID                                                                                         \
    "      - {name: id, physicalType: bigint, primaryKey: true, description: d, classification: "  \
    "internal}\n"
#define GOOD                                                                                       \
    HEAD TABLE(DESCRIBED)                                                                          \
    ID

static struct cup_keep     keep;
static struct cup_text     says;
static const char         *folder;
static struct cup_findings findings;

/* Checks one contract with one policy; "" = the defaults. */
static enum cup_err check_as(const char *contract, const char *policy_text)
{
    struct cup_policy policy;
    const char       *path = fixture_file(&keep, folder, "p.yaml", policy_text);
    const char       *file = fixture_file(&keep, folder, "c/contracts/a.odcs.yaml", contract);
    char              home[512];

    CHECK(file != NULL);
    snprintf(home, sizeof(home), "%s/c", folder);
    cup_text_clear(&says);
    findings         = (struct cup_findings){.keep = &keep};
    enum cup_err err = cup_policy_load(&keep, *policy_text == '\0' ? NULL : path, &policy, &says);
    if (err != CUP_OK) return err;
    err = cup_check_run(home, &policy, &findings, &says);
    cup_policy_close(&policy);
    return err;
}

/* The one finding is of this rule, at this place. */
static bool is_only(const char *rule, uint32_t line, uint32_t column)
{
    const struct cup_finding *one = findings.list;
    bool good = findings.count == 1 && one->line == line && one->column == column &&
                strcmp(cup_policy_row((enum cup_policy_rule)one->rule)->rule, rule) == 0;

    for (uint32_t i = 0; !good && i < findings.count; i++)
        fprintf(stderr, "%u:%u: %s [%s], wanted %u:%u %s\n", one[i].line, one[i].column,
                one[i].text, cup_policy_row((enum cup_policy_rule)one[i].rule)->rule, line, column,
                rule);
    return good;
}

static void check_rules(void)
{
    static const struct {
        const char *contract, *policy, *rule;
        uint32_t    line, column;
    } cases[] = {
        {"apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0\nstatus: active\n"
         "description: {purpose: p}\nteam: {name: t}\nslaProperties:\n"
         "  - {property: latency, value: 1, unit: h}\nschema:\n" TABLE(DESCRIBED) ID,
         "", "version", 4, 10},
        {GOOD, "rules: {status: {allowed: [draft, retired]}}\n", "status", 5, 9},
        {GOOD, "rules: {owner: {roles: [owner]}}\n", "owner", 7, 7},
        {GOOD, "rules: {sla: {properties: [latency, retention]}}\n", "sla", 9, 3},
        {GOOD, "rules: {table-name: {pattern: '^t_'}}\n", "table-name", 11, 11},
        {HEAD TABLE("") ID, "", "table-description", 11, 5},
        {GOOD, "rules: {table-description: {least: 5}}\n", "table-description", 13, 18},
        {GOOD, "rules: {columns-max: {most: 0}}\n", "columns-max", 15, 7},
        {HEAD TABLE(DESCRIBED) "      - {name: n, physicalType: text, description: d, "
                               "classification: public}\n",
         "", "primary-key", 11, 5},
        {GOOD, "rules: {column-name: {pattern: '^.{3}'}}\n", "column-name", 15, 16},
        {GOOD "      - {name: n, physicalType: text, classification: public}\n", "",
         "column-description", 16, 9},
        {GOOD "      - {name: n, physicalType: text, description: d}\n", "", "classification", 16,
         9},
        {GOOD "      - {name: n, physicalType: text, description: d, classification: secret}\n", "",
         "classification-known", 16, 71},
        {GOOD "      - {name: n, physicalType: text, description: d, classification: restricted}\n",
         "", "mask", 16, 71},
    };

    CHECK(check_as(GOOD, "") == CUP_OK && findings.count == 0);
    CHECK(check_as(GOOD, "rules: {columns-max: {most: 1}}\n") == CUP_OK && findings.count == 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(check_as(cases[i].contract, cases[i].policy) == CUP_OK);
        CHECK(is_only(cases[i].rule, cases[i].line, cases[i].column));
    }
    CHECK(check_as(GOOD "      - {name: n, physicalTyp: text, description: d, classification: "
                        "public}\n",
                   "rules: {}\n") == CUP_OK);
    CHECK(findings.count == 2 && findings.list[0].rule == CUP_POLICY_CONTRACT_VALID);
    CHECK(findings.list[0].line == 16 &&
          strstr(findings.list[0].text, "did you mean physicalType"));
    CHECK(findings.counts[CUP_SEVERITY_ERROR] == 2 && findings.contract_count == 1);
    CHECK(check_as("a: [\n", "") == CUP_BAD_CONFIG); /* no YAML: nothing to check */
}

#define COLUMN(rest) "      - {name: n, physicalType: text, description: d, " rest "}\n"

/* What lets a rule pass, and what a policy turns off. */
static void check_passes(void)
{
    CHECK(check_as(GOOD COLUMN("classification: restricted, customProperties: [{property: mask, "
                               "value: hmac}]"),
                   "") == CUP_OK);
    for (uint32_t i = 0; i < findings.count; i++)
        CHECK(findings.list[i].rule != CUP_POLICY_MASK);
    CHECK(check_as(GOOD COLUMN("classification: restricted"), "rules: {mask: off}\n") == CUP_OK);
    CHECK(findings.count == 0);
    const char *pipeline =
        fixture_file(&keep, folder, "c/pipeline.yaml",
                     "masks: {restricted: null}\n"); /* unquoted: the mask null */
    CHECK(check_as(GOOD COLUMN("classification: restricted"), "") == CUP_OK && findings.count == 0);
    CHECK(fixture_file(&keep, folder, "c/pipeline.yaml", "masks: {restricted: none}\n") != NULL);
    CHECK(check_as(GOOD COLUMN("classification: restricted"), "") == CUP_OK && findings.count == 1);
    CHECK(unlink(pipeline) == 0);
    CHECK(check_as(GOOD COLUMN("tags: [a]"),
                   "rules: {classification: {severity: error, columns: '^email$'}}\n") == CUP_OK);
    CHECK(findings.count == 0);
    CHECK(check_as(GOOD COLUMN("tags: [a]"), "rules: {classification: note}\n") == CUP_OK);
    CHECK(findings.count == 1 && findings.counts[CUP_SEVERITY_NOTE] == 1);
    CHECK(findings.counts[CUP_SEVERITY_ERROR] == 0);
}

#define TEAM(member)                                                                               \
    "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n"              \
    "description: {purpose: p}\nteam: {members: [{username: a, role: owner" member "}]}\n"         \
    "slaProperties:\n  - {property: latency, value: 1, unit: h}\nschema:\n" TABLE(DESCRIBED) ID

/* Who has left owns nothing. */
static void check_owners(void)
{
    CHECK(check_as(TEAM(""), "rules: {owner: {roles: [owner]}}\n") == CUP_OK);
    CHECK(findings.count == 0);
    CHECK(check_as(TEAM(", dateOut: '2026-01-01'"), "rules: {owner: {roles: [owner]}}\n") ==
          CUP_OK);
    CHECK(is_only("owner", 7, 7));
    CHECK(check_as(TEAM(""), "") == CUP_OK && findings.count == 0);
}

static void check_policies(void)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"rule: {}\n", "p.yaml:1: rule: a policy has no such key; allowed: name, rules"},
        {"rules: []\n", "p.yaml:1: rules: must be a mapping"},
        {"rules:\n  owners: off\n",
         "p.yaml:2: owners: there is no such rule; allowed: contract-valid"},
        {"rules:\n  owners: off\n", "(did you mean owner?)"},
        {"rules: {owner: loud}\n", "severity: is not known; allowed: error, warning, note, off"},
        {"rules: {owner: {role: [a]}}\n",
         "role: this rule has no such key; allowed: severity, roles"},
        {"rules: {owner: {roles: a}}\n", "roles: must be a list"},
        {"rules: {owner: [a]}\n", "owner: must be a mapping or a severity"},
        {"rules: {table-name: {pattern: '('}}\n", "table-name: \"(\" is no pattern: "},
        {"rules: {columns-max: {most: -1}}\n", "most: is no count; allowed: 0 to 1000000"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(check_as(GOOD, cases[i].text) == CUP_BAD_CONFIG);
        CHECK(fixture_said(&says, cases[i].said));
    }
}

/* One finding, as people, programs and pull requests see it. */
static void check_formats(void)
{
    struct cup_text text = {0};

    findings = (struct cup_findings){.keep = &keep, .contract_count = 1};
    cup_finding_add(&findings, &(struct cup_finding){.rule     = CUP_POLICY_OWNER,
                                                     .severity = CUP_SEVERITY_ERROR,
                                                     .file     = "./my bank/a.odcs.yaml",
                                                     .line     = 3,
                                                     .column   = 5,
                                                     .table    = "",
                                                     .member   = "",
                                                     .text     = "the \"contract\" has no owner"});
    cup_finding_put_text(&text, &findings);
    CHECK(strcmp(text.at,
                 "./my bank/a.odcs.yaml:3:5: error: the \"contract\" has no owner [owner]\n"
                 "    add team: {name: .., members: [{username: .., role: ..}]}\n"
                 "1 contracts: 1 errors, 0 warnings, 0 notes\n") == 0);
    cup_text_clear(&text);
    cup_finding_put_json(&text, &findings);
    json_t *root = json_loads(text.at, 0, NULL);
    json_t *one  = json_array_get(json_object_get(root, "findings"), 0);
    CHECK(strcmp(json_string_value(json_object_get(one, "rule")), "owner") == 0);
    CHECK(json_integer_value(json_object_get(one, "column")) == 5);
    json_decref(root);
    cup_text_clear(&text);
    cup_finding_put_sarif(&text, &findings);
    CHECK(strstr(text.at, "\"uri\":\"my%20bank/a.odcs.yaml\"") != NULL);
    root = json_loads(text.at, 0, NULL);
    one  = json_array_get(json_object_get(root, "runs"), 0);
    one  = json_array_get(json_object_get(one, "results"), 0);
    CHECK(strcmp(json_string_value(json_object_get(one, "level")), "error") == 0);
    CHECK(json_integer_value(json_object_get(one, "ruleIndex")) == CUP_POLICY_OWNER);
    json_decref(root);
    cup_text_free(&text);
}

int main(int argc, char **argv)
{
    (void)cup_test_begin(argc, argv);
    keep   = fixture_keep();
    folder = fixture_folder(&keep);
    check_rules();
    check_passes();
    check_owners();
    check_policies();
    check_formats();
    fixture_remove(folder);
    cup_text_free(&says);
    cup_keep_close(&keep);
    return 0;
}
