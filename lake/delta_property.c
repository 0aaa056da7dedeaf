// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lake/delta_priv.h"

const char *cup_delta_unwritable(const struct cup_delta_state *state)
{
    static const char *const known[] = {"timestampNtz", "appendOnly", "invariants"};

    if (state->min_writer > 2 && state->min_writer != 7) return "a newer writer version";
    for (char **feature = state->writer_features; feature != NULL && *feature != NULL; feature++) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found |= strcmp(known[i], *feature) == 0;
        if (!found) return *feature;
    }
    return NULL;
}

const char *cup_delta_property(const struct cup_delta_state *state, const char *name)
{
    static const char             padding[CUP_JSON_PADDING];
    struct cup_delta_priv_memory *memory = state->memory;
    struct cup_text              *text   = &memory->property;
    struct cup_delta_priv_json    json;

    cup_text_clear(&memory->scratch);
    cup_text_puts(&memory->scratch, state->configuration_json);
    size_t bytes = memory->scratch.bytes;
    cup_text_put(&memory->scratch, padding, sizeof padding);
    if (memory->scratch.failed ||
        cup_delta_priv_parse(memory, memory->scratch.at, bytes, &json, NULL) != CUP_OK)
        return NULL;
    uint32_t node = cup_delta_priv_member(&json, 0, name);
    if (node == 0 || json.doc.nodes[node].kind != CUP_JSON_STRING) return NULL;
    const struct cup_json_node *value = &json.doc.nodes[node];
    cup_text_clear(text);
    cup_text_put(text, json.at + value->at, value->bytes);
    cup_text_put(text, "", 1);
    if (text->failed) return NULL;
    text->bytes = cup_json_unescape(json.at + value->at, value->bytes, (uint8_t *)text->at);
    text->at[text->bytes] = '\0';
    return text->at;
}

static const struct {
    const char *name; /* singular */
    int64_t     us;
} units[] = {
    {"week", 7 * 86400 * 1000000ll},
    {"day", 86400 * 1000000ll},
    {"hour", 3600 * 1000000ll},
    {"minute", 60 * 1000000ll},
    {"second", 1000000ll},
    {"millisecond", 1000},
    {"microsecond", 1},
};

static int64_t unit_of(const char *word, size_t bytes)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t length = strlen(units[i].name);
        bool   plural = bytes == length + 1 && (word[length] == 's' || word[length] == 'S');
        if ((bytes == length || plural) && strncasecmp(word, units[i].name, length) == 0)
            return units[i].us;
    }
    return 0;
}

/* "interval 1 week 12 hours"; the first word may be missing. Months and years have no length. */
static bool read_interval(const char *at, int64_t *out_us)
{
    int64_t  sum   = 0, part;
    uint32_t count = 0;

    at += strspn(at, " ");
    if (strncasecmp(at, "interval ", 9) == 0) at += 9;
    for (at += strspn(at, " "); *at != '\0'; at += strspn(at, " "), count++) {
        char     *end;
        long long number = strtoll(at, &end, 10);
        if (end == at || number < 0) return false;
        at            = end + strspn(end, " ");
        size_t  bytes = strcspn(at, " ");
        int64_t unit  = unit_of(at, bytes);
        if (unit == 0 || __builtin_mul_overflow(number, unit, &part) ||
            __builtin_add_overflow(sum, part, &sum))
            return false;
        at += bytes;
    }
    if (count == 0) return false;
    *out_us = sum;
    return true;
}

int64_t cup_delta_duration(const struct cup_delta_state *state, const char *property,
                           int64_t standard_us)
{
    const char *text = cup_delta_property(state, property);
    int64_t     us   = standard_us;

    if (text != NULL) (void)read_interval(text, &us); /* what cannot be read is as if not set */
    return us;
}
