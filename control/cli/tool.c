// SPDX-License-Identifier: Apache-2.0
#include "control/cli/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/contract/check.h"
#include "control/contract/diff.h"
#include "control/contract/infer.h"
#include "control/schema/names.h"

#define RECORDS_MAX 100000000ul

enum tool {
#define CUP_TOOL(id, name, arguments, text, example) TOOL_##id,
#include "control/cli/tool.def"
#undef CUP_TOOL
    TOOL_COUNT
};

static const struct {
    const char *name, *arguments, *text, *example;
} tools[TOOL_COUNT] = {
#define CUP_TOOL(id, name, arguments, text, example) {name, arguments, text, example},
#include "control/cli/tool.def"
#undef CUP_TOOL
};

enum option {
#define CUP_TOOL_OPTION(id, name, argument, tools, text) OPTION_##id,
#include "control/cli/tool.def"
#undef CUP_TOOL_OPTION
    OPTION_COUNT
};

static const struct {
    const char *name, *argument, *tools, *text;
} options[OPTION_COUNT] = {
#define CUP_TOOL_OPTION(id, name, argument, tools, text) {name, argument, tools, text},
#include "control/cli/tool.def"
#undef CUP_TOOL_OPTION
};

/* What was typed. */
struct typed {
    enum tool    tool;
    const char **words;
    uint32_t     word_count;
    const char  *values[OPTION_COUNT]; /* NULL: not given */
};

void cup_tool_put_help(struct cup_text *text)
{
    for (int i = 0; i < TOOL_COUNT; i++)
        cup_text_printf(text, "\ncupel contract %s %s [OPTIONS]\n  %s\n  example: %s\n",
                        tools[i].name, tools[i].arguments, tools[i].text, tools[i].example);
    cup_text_puts(text, "\noptions\n");
    for (int i = 0; i < OPTION_COUNT; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s %s", options[i].name, options[i].argument);
        cup_text_printf(text, "  %-24s (%s) %s\n", name, options[i].tools, options[i].text);
    }
    cup_policy_put_help(text);
    cup_diff_put_help(text);
    cup_text_puts(text, "\nexit codes: 0 fine, 1 findings of severity error (check) or breaking "
                        "changes (diff), 2 usage, or something cannot be read\n");
}

/* --- words --- */

static bool has_tool(enum option option, enum tool tool)
{
    const char *found = strstr(options[option].tools, tools[tool].name);
    return found != NULL;
}

static enum option find_option(const char *word, size_t bytes)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (strlen(options[i].name) == bytes && memcmp(options[i].name, word, bytes) == 0)
            return (enum option)i;
    }
    return OPTION_COUNT;
}

static bool take_option(int count, char **words, int *at, struct typed *typed,
                        struct cup_text *says)
{
    const char *word = words[*at], *equals = strchr(word, '=');
    size_t      bytes  = equals == NULL ? strlen(word) : (size_t)(equals - word);
    enum option option = find_option(word, bytes);

    if (option == OPTION_COUNT || !has_tool(option, typed->tool)) {
        cup_text_printf(says, "contract %s has no option %.*s", tools[typed->tool].name, (int)bytes,
                        word);
        for (int i = 0; i < OPTION_COUNT; i++) {
            if (has_tool((enum option)i, typed->tool))
                cup_text_printf(says, "%s %s", strstr(says->at, "; allowed:") ? "," : "; allowed:",
                                options[i].name);
        }
        cup_text_puts(says, "\n");
        return false;
    }
    if (equals == NULL && *at + 1 >= count) {
        cup_text_printf(says, "%s needs a value: %s\n", options[option].name,
                        options[option].argument);
        return false;
    }
    typed->values[option] = equals == NULL ? words[++*at] : equals + 1;
    return true;
}

static bool take_words(struct cup_keep *keep, int count, char **words, struct typed *typed,
                       struct cup_text *says)
{
    static const uint32_t least[TOOL_COUNT] = {[TOOL_INFER] = 1, [TOOL_CHECK] = 1, [TOOL_DIFF] = 2};

    typed->words = cup_keep_bytes(keep, (size_t)count * sizeof(*typed->words) + 1);
    for (int i = 0; i < count; i++) {
        if (words[i][0] == '-') {
            if (!take_option(count, words, &i, typed, says)) return false;
        } else {
            typed->words[typed->word_count++] = words[i];
        }
    }
    bool many = typed->word_count > least[typed->tool] && typed->tool != TOOL_INFER;
    if (typed->word_count >= least[typed->tool] && !many) return true;
    cup_text_printf(says, "contract %s needs %s\n", tools[typed->tool].name,
                    tools[typed->tool].arguments);
    return false;
}

/* --- tools --- */

static enum cup_exit run_infer(struct cup_keep *keep, const struct typed *typed,
                               struct cup_text *out, struct cup_text *says)
{
    struct cup_infer infer   = {.keep          = keep,
                                .patterns      = typed->words,
                                .pattern_count = typed->word_count,
                                .out           = typed->values[OPTION_OUT],
                                .source        = typed->values[OPTION_SOURCE],
                                .record_max    = CUP_SAMPLE_RECORDS};
    uint32_t         format  = CUP_FORMAT_COUNT;
    const char      *records = typed->values[OPTION_RECORDS];
    char            *end     = NULL;

    if (typed->values[OPTION_FORMAT] != NULL &&
        !cup_settings_word(CUP_KEY_FORMAT, typed->values[OPTION_FORMAT], &format, says)) {
        cup_text_puts(says, " (--format)\n");
        return CUP_EXIT_CONFIG;
    }
    infer.format = (enum cup_format)format; /* auto: the word behind the last format */
    if (records != NULL) {
        errno            = 0;
        infer.record_max = strtoul(records, &end, 10);
        if (*records == '-' || *end != '\0' || errno != 0 || infer.record_max < 1 ||
            infer.record_max > RECORDS_MAX) {
            cup_text_printf(says, "--records \"%s\" is no count; allowed: 1 to %lu\n", records,
                            RECORDS_MAX);
            return CUP_EXIT_CONFIG;
        }
    }
    return cup_infer_run(&infer, out, says) == CUP_OK ? CUP_EXIT_OK : CUP_EXIT_CONFIG;
}

/* The index of --format among words; -1, with a sentence, when it is none of them. */
static int format_of(const struct typed *typed, const char *const *formats, int count,
                     struct cup_text *says)
{
    const char *format = typed->values[OPTION_FORMAT];

    if (format == NULL) return 0;
    for (int i = 0; i < count; i++) {
        if (strcmp(formats[i], format) == 0) return i;
    }
    cup_text_printf(says, "--format \"%s\" is not known; allowed:", format);
    for (int i = 0; i < count; i++)
        cup_text_printf(says, "%s %s", i == 0 ? "" : ",", formats[i]);
    cup_text_puts(says, "\n");
    return -1;
}

static enum cup_exit run_check(struct cup_keep *keep, const struct typed *typed,
                               struct cup_text *out, struct cup_text *says)
{
    static const char *const formats[] = {"text", "json", "sarif"};
    struct cup_findings      findings  = {.keep = keep};
    struct cup_policy        policy;
    int                      format = format_of(typed, formats, 3, says);

    if (format < 0) return CUP_EXIT_CONFIG;
    if (cup_policy_load(keep, typed->values[OPTION_POLICY], &policy, says) != CUP_OK)
        return CUP_EXIT_CONFIG;
    enum cup_err err = cup_check_run(typed->words[0], &policy, &findings, says);
    cup_policy_close(&policy);
    if (err != CUP_OK) return CUP_EXIT_CONFIG;
    if (format == 0) cup_finding_put_text(out, &findings);
    if (format == 1) cup_finding_put_json(out, &findings);
    if (format == 2) cup_finding_put_sarif(out, &findings);
    return findings.counts[CUP_SEVERITY_ERROR] > 0 ? CUP_EXIT_FAULT : CUP_EXIT_OK;
}

static enum cup_exit run_diff(struct cup_keep *keep, const struct typed *typed,
                              struct cup_text *out, struct cup_text *says)
{
    static const char *const formats[] = {"text", "json"};
    struct cup_diff          diff      = {.keep = keep};
    int                      format    = format_of(typed, formats, 2, says);

    if (format < 0) return CUP_EXIT_CONFIG;
    if (cup_diff_run(&diff, typed->words[0], typed->words[1], says) != CUP_OK)
        return CUP_EXIT_CONFIG;
    if (format == 0)
        cup_diff_put_text(out, &diff);
    else
        cup_diff_put_json(out, &diff);
    return diff.breaking_count > 0 ? CUP_EXIT_FAULT : CUP_EXIT_OK;
}

static enum cup_exit run_tool(struct cup_keep *keep, const struct typed *typed,
                              struct cup_text *out, struct cup_text *says)
{
    switch (typed->tool) {
    case TOOL_INFER: return run_infer(keep, typed, out, says);
    case TOOL_CHECK: return run_check(keep, typed, out, says);
    case TOOL_DIFF: return run_diff(keep, typed, out, says);
    default: return CUP_EXIT_CONFIG;
    }
}

static void print_lines(const struct cup_text *says)
{
    const char *at = says->failed ? "there is no memory\n" : says->at == NULL ? "" : says->at;

    while (*at != '\0') {
        size_t bytes = strcspn(at, "\n");
        fprintf(stderr, "cupel: %.*s\n", (int)bytes, at);
        at += bytes + (at[bytes] != '\0');
    }
}

static bool wants_help(int count, char **words)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) return true;
    }
    return false;
}

enum cup_exit cup_tool_run(struct cup_keep *keep, int count, char **words)
{
    struct cup_text out = {0}, says = {0};
    struct typed    typed = {.tool = TOOL_COUNT};
    enum cup_exit   code  = CUP_EXIT_CONFIG;

    for (int i = 0; i < TOOL_COUNT && count > 0; i++) {
        if (strcmp(tools[i].name, words[0]) == 0) typed.tool = (enum tool)i;
    }
    if (wants_help(count, words)) {
        cup_tool_put_help(&out);
        code = CUP_EXIT_OK;
    } else if (typed.tool == TOOL_COUNT) {
        cup_text_printf(&says, "%s%s%s; allowed: infer, check, diff (cupel help contract)\n",
                        count > 0 ? "contract: there is no \"" : "contract needs a word",
                        count > 0 ? words[0] : "", count > 0 ? "\"" : "");
    } else if (take_words(keep, count - 1, words + 1, &typed, &says)) {
        code = run_tool(keep, &typed, &out, &says);
    } else {
        cup_text_puts(&says, "cupel help contract  explains it\n");
    }
    print_lines(&says);
    if (out.failed) code = CUP_EXIT_FAULT;
    if (!out.failed && out.at != NULL && fputs(out.at, stdout) < 0) code = CUP_EXIT_FAULT;
    cup_text_free(&out);
    cup_text_free(&says);
    return code;
}
