// SPDX-License-Identifier: Apache-2.0
#include "control/contract/finding.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

void cup_finding_add(struct cup_findings *findings, const struct cup_finding *finding)
{
    CUP_ASSERT(finding->rule < CUP_POLICY_COUNT && finding->severity < CUP_SEVERITY_COUNT);
    if (finding->severity == CUP_SEVERITY_OFF) return;
    findings->list = cup_keep_grow(findings->keep, findings->list, findings->count, &findings->cap,
                                   sizeof(*findings->list));
    findings->list[findings->count++] = *finding;
    findings->counts[finding->severity]++;
}

static int by_place(const void *a, const void *b)
{
    const struct cup_finding *left = a, *right = b;
    int                       order = strcmp(left->file, right->file);

    if (order != 0) return order;
    if (left->line != right->line) return left->line < right->line ? -1 : 1;
    if (left->column != right->column) return left->column < right->column ? -1 : 1;
    return (left->rule > right->rule) - (left->rule < right->rule);
}

void cup_finding_sort(struct cup_findings *findings)
{
    if (findings->count > 1)
        qsort(findings->list, findings->count, sizeof(*findings->list), by_place);
}

static const char *rule_of(const struct cup_finding *finding)
{
    return cup_policy_row((enum cup_policy_rule)finding->rule)->rule;
}

void cup_finding_put_text(struct cup_text *text, const struct cup_findings *findings)
{
    for (uint32_t i = 0; i < findings->count; i++) {
        const struct cup_finding *one = &findings->list[i];
        cup_text_printf(text, "%s:%u:%u: %s: %s [%s]\n    %s\n", one->file, one->line, one->column,
                        cup_severity_name((enum cup_severity)one->severity), one->text,
                        rule_of(one), cup_policy_row((enum cup_policy_rule)one->rule)->remedy);
    }
    cup_text_printf(text, "%u contracts: %u errors, %u warnings, %u notes\n",
                    findings->contract_count, findings->counts[CUP_SEVERITY_ERROR],
                    findings->counts[CUP_SEVERITY_WARNING], findings->counts[CUP_SEVERITY_NOTE]);
}

static void put_member(struct cup_text *text, const char *front, const char *value)
{
    cup_text_puts(text, front);
    cup_text_json(text, value, strlen(value));
}

void cup_finding_put_json(struct cup_text *text, const struct cup_findings *findings)
{
    cup_text_printf(text,
                    "{\"contracts\":%u,\"errors\":%u,\"warnings\":%u,\"notes\":%u,"
                    "\"findings\":[",
                    findings->contract_count, findings->counts[CUP_SEVERITY_ERROR],
                    findings->counts[CUP_SEVERITY_WARNING], findings->counts[CUP_SEVERITY_NOTE]);
    for (uint32_t i = 0; i < findings->count; i++) {
        const struct cup_finding *one = &findings->list[i];
        put_member(text, i == 0 ? "\n{\"rule\":" : ",\n{\"rule\":", rule_of(one));
        put_member(text, ",\"severity\":", cup_severity_name((enum cup_severity)one->severity));
        put_member(text, ",\"file\":", one->file);
        cup_text_printf(text, ",\"line\":%u,\"column\":%u", one->line, one->column);
        put_member(text, ",\"table\":", one->table);
        put_member(text, ",\"member\":", one->member);
        put_member(text, ",\"text\":", one->text);
        put_member(text, ",\"remedy\":", cup_policy_row((enum cup_policy_rule)one->rule)->remedy);
        cup_text_puts(text, "}");
    }
    cup_text_puts(text, "]}\n");
}

/* --- SARIF --- */

/* A path as a URI reference: what is relative stays so, as viewers of pull requests want it. */
static void put_uri(struct cup_text *text, const char *path)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";

    while (strncmp(path, "./", 2) == 0)
        path += 2;
    cup_text_puts(text, *path == '/' ? "\"file://" : "\"");
    for (const unsigned char *at = (const unsigned char *)path; *at != '\0'; at++) {
        if (strchr(plain, *at) != NULL)
            cup_text_put(text, at, 1);
        else
            cup_text_printf(text, "%%%02X", *at);
    }
    cup_text_puts(text, "\"");
}

/* The same finding keeps its number when lines or folders move. */
static uint64_t fingerprint(const struct cup_finding *finding)
{
    const char       *slash   = strrchr(finding->file, '/');
    const char       *name    = slash == NULL ? finding->file : slash + 1;
    const char *const parts[] = {rule_of(finding), name, finding->table, finding->member,
                                 finding->text};
    uint64_t          hash    = CUP_HASH_START;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) /* with NUL: parts stay apart */
        hash = cup_hash_bytes(hash, parts[i], strlen(parts[i]) + 1);
    return hash;
}

static void put_sarif_rules(struct cup_text *text)
{
    for (int i = 0; i < CUP_POLICY_COUNT; i++) {
        const struct cup_policy_row *row = cup_policy_row((enum cup_policy_rule)i);
        put_member(text, i == 0 ? "\n{\"id\":" : ",\n{\"id\":", row->rule);
        put_member(text, ",\"shortDescription\":{\"text\":", row->text);
        put_member(text, "},\"help\":{\"text\":", row->remedy);
        put_member(text, "},\"defaultConfiguration\":{\"level\":",
                   cup_severity_name((enum cup_severity)row->severity));
        cup_text_puts(text, "}}");
    }
}

static void put_sarif_result(struct cup_text *text, const struct cup_finding *one)
{
    put_member(text, "{\"ruleId\":", rule_of(one));
    cup_text_printf(text, ",\"ruleIndex\":%u", one->rule);
    put_member(text, ",\"level\":", cup_severity_name((enum cup_severity)one->severity));
    put_member(text, ",\"message\":{\"text\":", one->text);
    cup_text_puts(text, "},\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":");
    put_uri(text, one->file);
    cup_text_printf(text, "},\"region\":{\"startLine\":%u,\"startColumn\":%u}}}]", one->line,
                    one->column);
    cup_text_printf(text, ",\"partialFingerprints\":{\"cupel/v1\":\"%016llx\"}}",
                    (unsigned long long)fingerprint(one));
}

void cup_finding_put_sarif(struct cup_text *text, const struct cup_findings *findings)
{
    cup_text_puts(text, "{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\","
                        "\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{\"name\":\"cupel\","
                        "\"version\":\"" CUP_VERSION "\",\"rules\":[");
    put_sarif_rules(text);
    cup_text_puts(text, "]}},\"columnKind\":\"unicodeCodePoints\",\"results\":[");
    for (uint32_t i = 0; i < findings->count; i++) {
        cup_text_puts(text, i == 0 ? "\n" : ",\n");
        put_sarif_result(text, &findings->list[i]);
    }
    cup_text_puts(text, "]}]}\n");
}
