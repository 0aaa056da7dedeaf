// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "control/contract/diff_priv.h"

/* How an option's value bounds what is valid. */
enum bound { BOUND_NONE, BOUND_LEAST, BOUND_MOST };

static const struct {
    const char *key;
    enum bound  bound;
} options[] = {
    {"minimum", BOUND_LEAST},           {"exclusiveMinimum", BOUND_LEAST},
    {"minLength", BOUND_LEAST},         {"minItems", BOUND_LEAST},
    {"minProperties", BOUND_LEAST},     {"maximum", BOUND_MOST},
    {"exclusiveMaximum", BOUND_MOST},   {"maxLength", BOUND_MOST},
    {"maxItems", BOUND_MOST},           {"maxProperties", BOUND_MOST},
    {"mustBeGreaterThan", BOUND_LEAST}, {"mustBeGreaterOrEqualTo", BOUND_LEAST},
    {"mustBeLessThan", BOUND_MOST},     {"mustBeLessOrEqualTo", BOUND_MOST},
};

/* Numbers by value, dates as their texts; -1, 0, 1. */
static int compare(const char *a, const char *b)
{
    char       *a_end, *b_end;
    long double left = strtold(a, &a_end), right = strtold(b, &b_end);

    if (*a != '\0' && *b != '\0' && *a_end == '\0' && *b_end == '\0' && left != right)
        return left < right ? -1 : 1;
    int order = strcmp(a, b);
    return (order > 0) - (order < 0);
}

static enum cup_diff_kind change_of(const char *key, const char *was, const char *is)
{
    bool added = *was == '\0', removed = *is == '\0';

    if (added) return CUP_DIFF_RULE_ADDED;
    if (removed) return CUP_DIFF_RULE_REMOVED;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (strcmp(options[i].key, key) != 0) continue;
        bool raised = compare(was, is) < 0;
        return raised == (options[i].bound == BOUND_LEAST) ? CUP_DIFF_BOUND_TIGHTENED
                                                           : CUP_DIFF_BOUND_LOOSENED;
    }
    return strcmp(key, "pattern") == 0 ? CUP_DIFF_PATTERN_CHANGED : CUP_DIFF_RULE_CHANGED;
}

static void diff_option(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                        const struct cup_yaml_node *new, const char *key, const char *what)
{
    const struct cup_yaml_node *at = cup_diff_priv_member(new, key);
    const char           *was  = cup_diff_priv_text(place->diff, cup_diff_priv_member(old, key));
    const char           *is   = cup_diff_priv_text(place->diff, at);
    struct cup_diff_place here = cup_diff_priv_at(place, at);

    if (strcmp(was, is) != 0) cup_diff_priv_add(&here, change_of(key, was, is), what, was, is);
}

static void diff_options(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                         const struct cup_yaml_node *new)
{
    for (uint32_t i = 0; new != NULL &&new->kind == CUP_YAML_MAP &&i < new->count; i++)
        diff_option(place, old, new, new->keys[i]->text, new->keys[i]->text);
    for (uint32_t i = 0; old != NULL && old->kind == CUP_YAML_MAP && i < old->count; i++) {
        const char *key = old->keys[i]->text;
        if (cup_diff_priv_member(new, key) == NULL) diff_option(place, old, new, key, key);
    }
}

/* --- quality --- */

/* What a check is called: two versions of one check have one name. */
static const char *name_of(const struct cup_diff *diff, const struct cup_yaml_node *check)
{
    static const char *const keys[] = {"id", "name", "metric", "rule", "type"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct cup_yaml_node *value = cup_diff_priv_member(check, keys[i]);
        if (value != NULL && value->kind == CUP_YAML_SCALAR) return value->text;
    }
    return cup_diff_priv_text(diff, check);
}

static uint32_t checks(const struct cup_yaml_node *list)
{
    return list != NULL && list->kind == CUP_YAML_LIST ? list->count : 0;
}

/* The check of the same name that is the n-th of that name. */
static const struct cup_yaml_node *same_check(const struct cup_diff      *diff,
                                              const struct cup_yaml_node *from, uint32_t index,
                                              const struct cup_yaml_node *list)
{
    const char *name  = name_of(diff, from->children[index]);
    uint32_t    place = 0;

    for (uint32_t i = 0; i < index; i++)
        place += strcmp(name_of(diff, from->children[i]), name) == 0;
    for (uint32_t i = 0; i < checks(list); i++) {
        if (strcmp(name_of(diff, list->children[i]), name) == 0 && place-- == 0)
            return list->children[i];
    }
    return NULL;
}

/* A value that is allowed: as it is, or {value: .., description: ..}. */
static const char *value_of(const struct cup_diff *diff, const struct cup_yaml_node *item)
{
    const struct cup_yaml_node *value = cup_diff_priv_member(item, "value");
    return cup_diff_priv_text(diff, value == NULL ? item : value);
}

static bool has_item(const struct cup_diff *diff, const struct cup_yaml_node *list,
                     const char *text)
{
    for (uint32_t i = 0; i < checks(list); i++) {
        if (strcmp(value_of(diff, list->children[i]), text) == 0) return true;
    }
    return false;
}

/* Values of `a` that `b` has not. */
static const char *without(const struct cup_diff *diff, const struct cup_yaml_node *a,
                           const struct cup_yaml_node *b)
{
    struct cup_text text = {0};

    for (uint32_t i = 0; i < checks(a); i++) {
        const char *value = value_of(diff, a->children[i]);
        if (!has_item(diff, b, value))
            cup_text_printf(&text, "%s%s", text.bytes == 0 ? "" : ", ", value);
    }
    const char *kept = cup_keep_string(diff->keep, text.at == NULL ? "" : text.at);
    cup_text_free(&text);
    return kept;
}

/* Two lists of allowed values are sets; one that comes or goes is a rule that does. */
static void diff_values(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                        const struct cup_yaml_node *new, const char                    *key)
{
    const struct cup_yaml_node *was  = cup_diff_priv_member(old, key);
    const struct cup_yaml_node *is   = cup_diff_priv_member(new, key);
    struct cup_diff_place       here = cup_diff_priv_at(place, is);

    if (was == NULL || is == NULL) {
        diff_option(place, old, new, key, key);
        return;
    }
    const char *removed = without(place->diff, was, is), *added = without(place->diff, is, was);
    if (*removed != '\0') cup_diff_priv_add(&here, CUP_DIFF_VALUES_REMOVED, "", removed, "");
    if (*added != '\0') cup_diff_priv_add(&here, CUP_DIFF_VALUES_ADDED, "", "", added);
}

/* arguments: of a library check. */
static void diff_arguments(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                           const struct cup_yaml_node *new)
{
    if (cup_diff_priv_member(old, "validValues") != NULL &&
        cup_diff_priv_member(new, "validValues") != NULL)
        diff_values(place, old, new, "validValues");
    else
        diff_options(place, old, new);
}

static bool is_words_only(const char *key)
{
    static const char *const keys[] = {"description", "businessImpact", "dimension", "tags",
                                       "authoritativeDefinitions"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i], key) == 0) return true;
    }
    return false;
}

static void diff_check_key(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                           const struct cup_yaml_node *new, const char                    *key)
{
    if (strcmp(key, "arguments") == 0)
        diff_arguments(place, cup_diff_priv_member(old, key), cup_diff_priv_member(new, key));
    else if (is_words_only(key))
        cup_diff_priv_key(place, old, new, key, CUP_DIFF_DESCRIPTION_CHANGED);
    else
        diff_option(place, old, new, key, key);
}

static void diff_check(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                       const struct cup_yaml_node *new)
{
    for (uint32_t i = 0; new->kind == CUP_YAML_MAP &&i < new->count; i++)
        diff_check_key(place, old, new, new->keys[i]->text);
    for (uint32_t i = 0; old->kind == CUP_YAML_MAP && i < old->count; i++) {
        if (cup_diff_priv_member(new, old->keys[i]->text) == NULL)
            diff_check_key(place, old, new, old->keys[i]->text);
    }
}

void cup_diff_priv_rules(const struct cup_diff_place *place, const struct cup_yaml_node *old,
                         const struct cup_yaml_node *new)
{
    const struct cup_yaml_node *was  = cup_diff_priv_member(old, "quality");
    const struct cup_yaml_node *is   = cup_diff_priv_member(new, "quality");
    struct cup_diff            *diff = place->diff;

    diff_values(place, old, new, "enum");
    diff_options(place, cup_diff_priv_member(old, "logicalTypeOptions"),
                 cup_diff_priv_member(new, "logicalTypeOptions"));
    for (uint32_t i = 0; i < checks(is); i++) {
        const struct cup_yaml_node *before = same_check(diff, is, i, was);
        struct cup_diff_place       here   = cup_diff_priv_at(place, is->children[i]);
        if (before == NULL)
            cup_diff_priv_add(&here, CUP_DIFF_RULE_ADDED, name_of(diff, is->children[i]), "",
                              cup_diff_priv_text(diff, is->children[i]));
        else
            diff_check(&here, before, is->children[i]);
    }
    for (uint32_t i = 0; i < checks(was); i++) {
        if (same_check(diff, was, i, is) == NULL)
            cup_diff_priv_add(place, CUP_DIFF_RULE_REMOVED, name_of(diff, was->children[i]),
                              cup_diff_priv_text(diff, was->children[i]), "");
    }
}
