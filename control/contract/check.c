// SPDX-License-Identifier: Apache-2.0
#include "control/contract/check.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/contract/contract.h"

/* What is being checked. */
struct check {
    const struct cup_policy    *policy;
    struct cup_findings        *findings;
    const char                 *file;
    const struct cup_yaml_node *contract, *table, *column; /* NULL outside of them */
    const struct cup_yaml_node *masks;                     /* of pipeline.yaml; NULL: none */
};

/* --- nodes --- */

/* A value below a node that may be of any kind; NULL: not there. */
static const struct cup_yaml_node *member(const struct cup_yaml_node *node, const char *key)
{
    return node != NULL && node->kind == CUP_YAML_MAP ? cup_yaml_find(node, key) : NULL;
}

static const char *text_at(const struct cup_yaml_node *node, const char *key)
{
    const struct cup_yaml_node *value = member(node, key);
    return value != NULL && value->kind == CUP_YAML_SCALAR && !value->is_null ? value->text : NULL;
}

static uint32_t items(const struct cup_yaml_node *node)
{
    return node != NULL && node->kind == CUP_YAML_LIST ? node->count : 0;
}

static bool is_true(const struct cup_yaml_node *node, const char *key)
{
    const char *text = text_at(node, key);
    return text != NULL && strcmp(text, "true") == 0;
}

static const char *custom_of(const struct cup_yaml_node *node, const char *property)
{
    const struct cup_yaml_node *list = member(node, "customProperties");

    for (uint32_t i = 0; i < items(list); i++) {
        const char *name = text_at(list->children[i], "property");
        if (name != NULL && strcmp(name, property) == 0) {
            const struct cup_yaml_node *value = member(list->children[i], "value");
            return value != NULL && value->kind == CUP_YAML_SCALAR ? value->text : NULL;
        }
    }
    return NULL;
}

/* --- findings --- */

static const char *name_of(const struct cup_yaml_node *node)
{
    const char *name = text_at(node, "name");
    return name == NULL ? "" : name;
}

/* Says what is wrong at a node, beginning with the table or column that it is about. */
static void found(const struct check *check, enum cup_policy_rule rule,
                  const struct cup_yaml_node *at, const char *what)
{
    struct cup_text    text    = {0};
    struct cup_finding finding = {.rule     = (uint8_t)rule,
                                  .severity = check->policy->rules[rule].severity,
                                  .file     = check->file,
                                  .line     = at == NULL ? 1 : at->line,
                                  .column   = at == NULL ? 1 : at->column,
                                  .table    = check->table == NULL ? "" : name_of(check->table),
                                  .member   = check->column == NULL ? "" : name_of(check->column)};

    if (check->column != NULL)
        cup_text_printf(&text, "column %s.%s ", finding.table, finding.member);
    else if (check->table != NULL)
        cup_text_printf(&text, "table %s ", finding.table);
    else
        cup_text_puts(&text, "the contract ");
    cup_text_puts(&text, what);
    finding.text = text.at == NULL ? what : cup_keep_string(check->findings->keep, text.at);
    cup_finding_add(check->findings, &finding);
    cup_text_free(&text);
}

static void found_value(const struct check *check, enum cup_policy_rule rule,
                        const struct cup_yaml_node *at, const char *what, const char *value,
                        const char *allowed)
{
    struct cup_text text = {0};

    cup_text_printf(&text, what, value, allowed);
    found(check, rule, at, text.at == NULL ? what : text.at);
    cup_text_free(&text);
}

static bool is_off(const struct check *check, enum cup_policy_rule rule)
{
    return check->policy->rules[rule].severity == CUP_SEVERITY_OFF;
}

static bool has_word(const struct check *check, enum cup_policy_rule rule, const char *word)
{
    for (uint32_t i = 0; i < check->policy->rules[rule].word_count; i++) {
        if (strcmp(check->policy->rules[rule].words[i], word) == 0) return true;
    }
    return false;
}

static const char *words_of(const struct check *check, enum cup_policy_rule rule,
                            struct cup_text *text)
{
    for (uint32_t i = 0; i < check->policy->rules[rule].word_count; i++)
        cup_text_printf(text, "%s%s", i == 0 ? "" : ", ", check->policy->rules[rule].words[i]);
    return text->at == NULL ? "" : text->at;
}

static bool matches(const struct check *check, enum cup_policy_rule rule, const char *text)
{
    struct cup_pattern *pattern = check->policy->rules[rule].pattern;

    if (pattern == NULL) return true;
    return cup_pattern_match(pattern, (const uint8_t *)text, strlen(text)) == CUP_PATTERN_YES;
}

/* --- the rules that several places share --- */

static void check_pattern(const struct check *check, enum cup_policy_rule rule,
                          const struct cup_yaml_node *node, const char *key)
{
    const char *text = text_at(node, key);

    if (is_off(check, rule) || text == NULL || matches(check, rule, text)) return;
    found_value(check, rule, member(node, key), "has %s, which does not follow the pattern %s",
                text, check->policy->rules[rule].text);
}

static void check_words(const struct check *check, enum cup_policy_rule rule,
                        const struct cup_yaml_node *node, const char *key)
{
    const char     *text    = text_at(node, key);
    struct cup_text allowed = {0};

    if (is_off(check, rule) || text == NULL || has_word(check, rule, text)) return;
    found_value(check, rule, member(node, key), "says %s; allowed: %s", text,
                words_of(check, rule, &allowed));
    cup_text_free(&allowed);
}

static size_t characters(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80; /* of UTF-8 */
    return count;
}

static void check_description(const struct check *check, enum cup_policy_rule rule,
                              const struct cup_yaml_node *node)
{
    const char *text = text_at(node, "description");
    char        least[32];

    if (is_off(check, rule)) return;
    if (text == NULL) {
        found(check, rule, node, "has no description");
        return;
    }
    if (characters(text) >= check->policy->rules[rule].number) return;
    snprintf(least, sizeof(least), "%u", check->policy->rules[rule].number);
    found_value(check, rule, member(node, "description"),
                "has a description of fewer than %s characters%s", least, "");
}

/* --- contracts --- */

/* v3.1: {name, members: [..]}; before: a list of members. */
static const struct cup_yaml_node *members_of(const struct cup_yaml_node *team)
{
    return team != NULL && team->kind == CUP_YAML_MAP ? member(team, "members") : team;
}

static void check_owner(const struct check *check)
{
    const struct cup_yaml_node *team    = member(check->contract, "team");
    const struct cup_yaml_node *members = members_of(team);
    bool                        roles   = check->policy->rules[CUP_POLICY_OWNER].word_count > 0;
    bool                        named   = !roles && text_at(team, "name") != NULL;
    struct cup_text             allowed = {0};

    if (is_off(check, CUP_POLICY_OWNER)) return;
    for (uint32_t i = 0; i < items(members); i++) {
        const struct cup_yaml_node *one  = members->children[i];
        const char                 *role = text_at(one, "role");
        if (text_at(one, "username") == NULL || text_at(one, "dateOut") != NULL) continue;
        named |= !roles || (role != NULL && has_word(check, CUP_POLICY_OWNER, role));
    }
    if (named) return;
    if (roles)
        found_value(check, CUP_POLICY_OWNER, team == NULL ? check->contract : team,
                    "has nobody in its team with the role %s%s",
                    words_of(check, CUP_POLICY_OWNER, &allowed), "");
    else
        found(check, CUP_POLICY_OWNER, team == NULL ? check->contract : team,
              "has no owner: nobody answers for this data");
    cup_text_free(&allowed);
}

static bool promises(const struct cup_yaml_node *list, const char *property)
{
    for (uint32_t i = 0; i < items(list); i++) {
        const char *name = text_at(list->children[i], "property");
        if (name != NULL && strcmp(name, property) == 0) return true;
    }
    return false;
}

static void check_sla(const struct check *check)
{
    const struct cup_yaml_node *list  = member(check->contract, "slaProperties");
    uint32_t                    count = check->policy->rules[CUP_POLICY_SLA].word_count;
    const struct cup_yaml_node *at    = list == NULL ? check->contract : list;

    if (is_off(check, CUP_POLICY_SLA)) return;
    if (count == 0 && items(list) == 0) found(check, CUP_POLICY_SLA, at, "promises nothing");
    for (uint32_t i = 0; i < count; i++) {
        const char *property = check->policy->rules[CUP_POLICY_SLA].words[i];
        if (!promises(list, property))
            found_value(check, CUP_POLICY_SLA, at, "promises no %s%s", property, "");
    }
}

static void check_contract(const struct check *check)
{
    const struct cup_yaml_node *description = member(check->contract, "description");

    check_words(check, CUP_POLICY_STATUS, check->contract, "status");
    check_pattern(check, CUP_POLICY_VERSION, check->contract, "version");
    if (!is_off(check, CUP_POLICY_PURPOSE) && text_at(description, "purpose") == NULL)
        found(check, CUP_POLICY_PURPOSE, description == NULL ? check->contract : description,
              "does not say its purpose");
    check_owner(check);
    check_sla(check);
}

/* --- tables and columns --- */

static void check_classification(const struct check *check)
{
    const char *said = text_at(check->column, "classification");

    if (said == NULL) {
        if (!is_off(check, CUP_POLICY_CLASSIFICATION) &&
            matches(check, CUP_POLICY_CLASSIFICATION, name_of(check->column)))
            found(check, CUP_POLICY_CLASSIFICATION, check->column, "has no classification");
        return;
    }
    check_words(check, CUP_POLICY_CLASSIFICATION_KNOWN, check->column, "classification");
    if (is_off(check, CUP_POLICY_MASK) || !has_word(check, CUP_POLICY_MASK, said)) return;
    const char *mask = custom_of(check->column, "mask");
    if (mask == NULL) mask = text_at(check->masks, said);
    if (mask == NULL && member(check->masks, said) != NULL) mask = "null"; /* the mask null */
    if (mask == NULL || strcmp(mask, "none") == 0)
        found_value(check, CUP_POLICY_MASK, member(check->column, "classification"),
                    "is %s and not masked%s", said, "");
}

static void check_columns(struct check *check, const struct cup_yaml_node *columns)
{
    for (uint32_t i = 0; i < items(columns); i++) {
        check->column = columns->children[i];
        if (check->column->kind != CUP_YAML_MAP) continue;
        check_pattern(check, CUP_POLICY_COLUMN_NAME, check->column, "name");
        check_description(check, CUP_POLICY_COLUMN_DESCRIPTION, check->column);
        check_classification(check);
    }
    check->column = NULL;
}

static void check_table(struct check *check)
{
    const struct cup_yaml_node *columns = member(check->table, "properties");
    uint32_t                    most    = check->policy->rules[CUP_POLICY_COLUMNS_MAX].number;
    uint32_t                    keys    = 0;
    char                        counts[64];

    check_pattern(check, CUP_POLICY_TABLE_NAME, check->table, "name");
    check_description(check, CUP_POLICY_TABLE_DESCRIPTION, check->table);
    if (!is_off(check, CUP_POLICY_COLUMNS_MAX) && items(columns) > most) {
        snprintf(counts, sizeof(counts), "%u columns; allowed: %u", items(columns), most);
        found_value(check, CUP_POLICY_COLUMNS_MAX, columns, "has %s%s", counts, "");
    }
    for (uint32_t i = 0; i < items(columns); i++)
        keys += is_true(columns->children[i], "primaryKey");
    if (!is_off(check, CUP_POLICY_PRIMARY_KEY) && keys == 0)
        found(check, CUP_POLICY_PRIMARY_KEY, check->table, "has no primary key");
    check_columns(check, columns);
}

static void check_file(struct check *check, const struct cup_yaml *yaml)
{
    const struct cup_yaml_node *tables = member(yaml->root, "schema");

    check->file     = yaml->file;
    check->contract = yaml->root;
    check_contract(check);
    for (uint32_t i = 0; i < items(tables); i++) {
        check->table = tables->children[i];
        if (check->table->kind == CUP_YAML_MAP) check_table(check);
    }
    check->table = NULL;
}

/* --- what makes a contract unusable --- */

/* A line "file:12: what" of cup_contract_read becomes a finding. */
static void take_line(struct check *check, const char *line, size_t bytes,
                      const struct cup_contract_file *files, uint32_t count)
{
    struct cup_keep   *keep    = check->findings->keep;
    struct cup_finding finding = {.rule = CUP_POLICY_CONTRACT_VALID,
                                  .severity =
                                      check->policy->rules[CUP_POLICY_CONTRACT_VALID].severity,
                                  .file   = "",
                                  .line   = 1,
                                  .column = 1,
                                  .table  = "",
                                  .member = ""};

    for (uint32_t i = 0; i < count; i++) {
        const char *file = files[i].yaml.file;
        size_t      name = strlen(file);
        char       *end;
        if (bytes <= name || strncmp(line, file, name) != 0 || line[name] != ':') continue;
        unsigned long number = strtoul(line + name + 1, &end, 10);
        if (*end != ':' || number == 0 || number > UINT32_MAX) continue;
        end += 1 + (end[1] == ' ');
        finding.file = file;
        finding.line = (uint32_t)number;
        finding.text = cup_keep_text(keep, end, bytes - (size_t)(end - line));
        break;
    }
    if (finding.text == NULL) finding.text = cup_keep_text(keep, line, bytes);
    cup_finding_add(check->findings, &finding);
}

static void take_mistakes(struct check *check, const struct cup_text *mistakes,
                          const struct cup_contract_file *files, uint32_t count)
{
    const char *at = mistakes->at == NULL ? "" : mistakes->at;

    while (*at != '\0') {
        size_t bytes = strcspn(at, "\n");
        if (bytes > 0) take_line(check, at, bytes, files, count);
        at += bytes + (at[bytes] != '\0');
    }
}

/* masks: of the folder's pipeline.yaml, if there is one that can be read. */
static const struct cup_yaml_node *masks_of(struct cup_keep *keep, const char *path)
{
    char            file[PATH_MAX];
    struct cup_yaml yaml;
    struct cup_text ignored = {0}; /* cupel validate says what is wrong with pipeline.yaml */

    if (snprintf(file, sizeof(file), "%s/pipeline.yaml", path) >= PATH_MAX) return NULL;
    bool good = cup_yaml_load(keep, cup_keep_string(keep, file), false, &yaml, &ignored) == CUP_OK;
    cup_text_free(&ignored);
    return good ? member(yaml.root, "masks") : NULL;
}

enum cup_err cup_check_run(const char *path, const struct cup_policy *policy,
                           struct cup_findings *findings, struct cup_text *says)
{
    struct check              check    = {.policy = policy, .findings = findings};
    struct cup_text           mistakes = {0};
    struct cup_contract_file *files;
    uint32_t                  count = 0;

    CUP_ASSERT(path != NULL && findings->keep != NULL);
    enum cup_err err = cup_contract_read(findings->keep, path, &files, &count, &mistakes);
    if (err != CUP_OK) {
        cup_text_puts(says, mistakes.at == NULL ? "" : mistakes.at);
        goto out;
    }
    check.masks              = masks_of(findings->keep, path);
    findings->contract_count = count;
    take_mistakes(&check, &mistakes, files, count);
    for (uint32_t i = 0; i < count; i++)
        check_file(&check, &files[i].yaml);
    cup_finding_sort(findings);
out:
    cup_text_free(&mistakes);
    return err;
}
