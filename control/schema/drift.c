// SPDX-License-Identifier: Apache-2.0
#include "control/schema/drift.h"

#include <string.h>

#include "base/err.h"

static const char *const drift_names[CUP_DRIFT_COUNT] = {
#define CUP_DRIFT(id, name, text) name,
#include "control/schema/drift.def"
#undef CUP_DRIFT
};

static const struct cup_change_row changes[CUP_CHANGE_COUNT] = {
#define CUP_CHANGE(id, name, property, words, standard, text)                                      \
    {name, property, words, text, CUP_DRIFT_##standard},
#include "control/schema/change.def"
#undef CUP_CHANGE
};

const char *cup_drift_name(enum cup_drift drift)
{
    CUP_ASSERT(drift < CUP_DRIFT_COUNT);
    return drift_names[drift];
}

const struct cup_change_row *cup_change_row(enum cup_change change)
{
    CUP_ASSERT(change < CUP_CHANGE_COUNT);
    return &changes[change];
}

struct cup_drift_policy cup_drift_default(void)
{
    struct cup_drift_policy policy;

    for (int i = 0; i < CUP_CHANGE_COUNT; i++)
        policy.of[i] = changes[i].standard;
    return policy;
}

/* Words stand between " | ". */
static bool has_word(const char *words, const char *word)
{
    size_t bytes = strlen(word);

    for (; words != NULL; words = strstr(words, " | ")) {
        if (*words == ' ') words += 3;
        if (strcspn(words, " ") == bytes && memcmp(words, word, bytes) == 0) return true;
    }
    return false;
}

bool cup_drift_parse(enum cup_change change, const char *word, uint8_t *out_drift)
{
    CUP_ASSERT(change < CUP_CHANGE_COUNT);
    if (!has_word(changes[change].words, word)) return false;
    for (uint8_t i = 0; i < CUP_DRIFT_COUNT; i++) {
        if (strcmp(drift_names[i], word) != 0) continue;
        *out_drift = i;
        return true;
    }
    return false;
}

enum cup_change cup_change_of_property(const char *property)
{
    for (int i = 0; i < CUP_CHANGE_COUNT; i++) {
        if (*property != '\0' && strcmp(changes[i].property, property) == 0)
            return (enum cup_change)i;
    }
    return CUP_CHANGE_COUNT;
}
