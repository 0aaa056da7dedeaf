// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "dataplane/transform/rules_priv.h"

/* FNV-1a: values are short, and their list is the contract's own, not a stranger's. */
static uint32_t hash_of(const uint8_t *text, uint32_t bytes)
{
    uint32_t hash = 2166136261u;

    for (uint32_t i = 0; i < bytes; i++)
        hash = (hash ^ text[i]) * 16777619u;
    return hash;
}

static const uint8_t *text_of(const struct cup_rule_values *values, uint32_t i)
{
    return (const uint8_t *)cup_plan_text(values->plan, values->at[i].text);
}

static bool open_texts(struct cup_rule_values *values)
{
    uint32_t slots = 2;

    while (slots < 2 * values->count)
        slots *= 2;
    values->slots     = calloc(slots, sizeof *values->slots);
    values->slot_mask = slots - 1;
    if (values->slots == NULL) return false;
    for (uint32_t i = 0; i < values->count; i++) {
        uint32_t slot = hash_of(text_of(values, i), values->at[i].text.bytes) & values->slot_mask;
        while (values->slots[slot] != 0)
            slot = (slot + 1) & values->slot_mask;
        values->slots[slot] = i + 1;
    }
    return true;
}

static int by_integer(const void *a, const void *b)
{
    cup_i128 left, right;

    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return left < right ? -1 : left > right;
}

static bool open_integers(struct cup_rule_values *values)
{
    values->integers = calloc(values->count + 1ul, sizeof *values->integers);
    if (values->integers == NULL) return false;
    for (uint32_t i = 0; i < values->count; i++)
        memcpy(&values->integers[i], values->at[i].words, sizeof *values->integers);
    qsort(values->integers, values->count, sizeof *values->integers, by_integer);
    return true;
}

static bool open_reals(struct cup_rule_values *values)
{
    values->reals = calloc(values->count + 1ul, sizeof *values->reals);
    if (values->reals == NULL) return false;
    for (uint32_t i = 0; i < values->count; i++)
        memcpy(&values->reals[i], values->at[i].words, sizeof *values->reals);
    return true;
}

enum cup_err cup_rule_values_priv_open(const struct cup_plan      *plan,
                                       const struct cup_plan_rule *rule, enum cup_order order,
                                       struct cup_rule_values *values, struct cup_fault *out_fault)
{
    *values = (struct cup_rule_values){
        .plan = plan, .at = cup_plan_values(plan, rule), .count = rule->values.count};
    bool good = order == CUP_ORDER_TEXT   ? open_texts(values)
                : order == CUP_ORDER_REAL ? open_reals(values)
                                          : open_integers(values);

    return good ? CUP_OK : cup_fault_set(out_fault, CUP_NO_MEMORY, "values of a rule", NULL);
}

void cup_rule_values_priv_close(struct cup_rule_values *values)
{
    free(values->slots);
    free(values->integers);
    free(values->reals);
}

bool cup_rule_values_priv_text(const struct cup_rule_values *values, const uint8_t *text,
                               uint32_t bytes)
{
    uint32_t slot = hash_of(text, bytes) & values->slot_mask;

    for (; values->slots[slot] != 0; slot = (slot + 1) & values->slot_mask) {
        uint32_t i = values->slots[slot] - 1;
        if (values->at[i].text.bytes == bytes && memcmp(text_of(values, i), text, bytes) == 0)
            return true;
    }
    return false;
}

bool cup_rule_values_priv_integer(const struct cup_rule_values *values, cup_i128 value)
{
    uint32_t low = 0, high = values->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (values->integers[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < values->count && values->integers[low] == value;
}

/* Contracts list few reals, if any. */
bool cup_rule_values_priv_real(const struct cup_rule_values *values, double value)
{
    for (uint32_t i = 0; i < values->count; i++)
        if (values->reals[i] == value) return true;
    return false;
}
