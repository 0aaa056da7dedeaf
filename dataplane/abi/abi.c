// SPDX-License-Identifier: Apache-2.0
#include "dataplane/abi/plan.h"
#include "dataplane/abi/wire.h"

static const struct {
    uint8_t class;
    const char *name, *text;
} outcomes[CUP_OUTCOME_COUNT] = {
#define CUP_OUTCOME(id, class, name, text) {CUP_CLASS_##class, name, text},
#include "dataplane/abi/outcome.def"
#undef CUP_OUTCOME
};

static const struct {
    const char *name, *rule, *text;
} formats[CUP_FORMAT_COUNT] = {
#define CUP_FORMAT(id, name, rule, text) {name, rule, text},
#include "dataplane/abi/format.def"
#undef CUP_FORMAT
};

static const struct cup_encoding_row encodings[CUP_ENCODING_COUNT] = {
#define CUP_ENCODING(id, name, type, connect, semantic, text)                                      \
    {name, connect, semantic, text, CUP_TYPE_##type},
#include "dataplane/abi/encoding.def"
#undef CUP_ENCODING
};

static const struct {
    uint8_t     operand;
    const char *name, *text;
} rules[CUP_RULE_COUNT] = {
#define CUP_RULE(id, operand, name, text) {CUP_OPERAND_##operand, name, text},
#include "dataplane/abi/rule.def"
#undef CUP_RULE
};

static const struct {
    const char *name, *unit, *text;
} datasets[CUP_DATASET_COUNT] = {
#define CUP_DATASET(id, name, unit, text) {name, unit, text},
#include "dataplane/abi/dataset.def"
#undef CUP_DATASET
};

static const struct {
    const char *name, *text;
} actions[CUP_ACTION_COUNT] = {
#define CUP_ACTION(id, name, text) {name, text},
#include "dataplane/abi/action.def"
#undef CUP_ACTION
};

static const struct {
    const char *name, *text;
} counters[CUP_COUNTER_COUNT] = {
#define CUP_COUNTER(id, name, unit, text) {name, text},
#include "dataplane/abi/counter.def"
#undef CUP_COUNTER
};

/* _unset, the one list among the generated columns */
static const struct cup_field unset_element = {.name = "element", .type = CUP_TYPE_STRING};

static const struct cup_field silver[CUP_SILVER_COUNT] = {
#define ELEMENT_OF_LIST(type)                                                                      \
    .child_count = CUP_TYPE_##type == CUP_TYPE_LIST,                                               \
    .children    = CUP_TYPE_##type == CUP_TYPE_LIST ? &unset_element : NULL
#define CUP_SILVER(id, column, delta_type, text)                                                   \
    {.name = column, .comment = text, .type = CUP_TYPE_##delta_type, ELEMENT_OF_LIST(delta_type)},
#include "dataplane/abi/silver.def"
#undef CUP_SILVER
#undef ELEMENT_OF_LIST
};

static const struct cup_field date = {
    .name = "_date", .comment = "UTC day of _ts", .type = CUP_TYPE_DATE};

static const struct {
    const char *name, *text;
} closes[CUP_CLOSE_COUNT] = {
#define CUP_CLOSE(id, name, text) {name, text},
#include "dataplane/abi/close.def"
#undef CUP_CLOSE
};

const char *cup_format_name(enum cup_format format)
{
    CUP_ASSERT(format < CUP_FORMAT_COUNT);
    return formats[format].name;
}

const char *cup_format_rule(enum cup_format format)
{
    CUP_ASSERT(format < CUP_FORMAT_COUNT);
    return formats[format].rule;
}

const char *cup_format_text(enum cup_format format)
{
    CUP_ASSERT(format < CUP_FORMAT_COUNT);
    return formats[format].text;
}

static const struct {
    const char *name, *text;
} oddities[CUP_ODDITY_COUNT] = {
#define CUP_ODDITY(id, name, text) {name, text},
#include "dataplane/abi/oddity.def"
#undef CUP_ODDITY
};

enum cup_outcome_class cup_outcome_class(enum cup_outcome outcome)
{
    CUP_ASSERT(outcome < CUP_OUTCOME_COUNT);
    return (enum cup_outcome_class)outcomes[outcome].class;
}

const char *cup_outcome_name(enum cup_outcome outcome)
{
    CUP_ASSERT(outcome < CUP_OUTCOME_COUNT);
    return outcomes[outcome].name;
}

const char *cup_outcome_text(enum cup_outcome outcome)
{
    CUP_ASSERT(outcome < CUP_OUTCOME_COUNT);
    return outcomes[outcome].text;
}

enum cup_operand cup_rule_operand(enum cup_rule rule)
{
    CUP_ASSERT(rule < CUP_RULE_COUNT);
    return (enum cup_operand)rules[rule].operand;
}

const char *cup_rule_name(enum cup_rule rule)
{
    CUP_ASSERT(rule < CUP_RULE_COUNT);
    return rules[rule].name;
}

const char *cup_rule_text(enum cup_rule rule)
{
    CUP_ASSERT(rule < CUP_RULE_COUNT);
    return rules[rule].text;
}

const char *cup_dataset_name(enum cup_dataset dataset)
{
    CUP_ASSERT(dataset < CUP_DATASET_COUNT);
    return datasets[dataset].name;
}

const char *cup_dataset_unit(enum cup_dataset dataset)
{
    CUP_ASSERT(dataset < CUP_DATASET_COUNT);
    return datasets[dataset].unit;
}

const char *cup_dataset_text(enum cup_dataset dataset)
{
    CUP_ASSERT(dataset < CUP_DATASET_COUNT);
    return datasets[dataset].text;
}

const char *cup_action_name(enum cup_action action)
{
    CUP_ASSERT(action < CUP_ACTION_COUNT);
    return actions[action].name;
}

const char *cup_action_text(enum cup_action action)
{
    CUP_ASSERT(action < CUP_ACTION_COUNT);
    return actions[action].text;
}

const struct cup_encoding_row *cup_encoding_row(enum cup_encoding encoding)
{
    CUP_ASSERT(encoding < CUP_ENCODING_COUNT);
    return &encodings[encoding];
}

const struct cup_field *cup_silver_fields(void)
{
    return silver;
}

struct cup_field cup_map_field(const char *name)
{
    static const struct cup_field children[] = {
        {.name = "key", .type = CUP_TYPE_STRING, .flags = CUP_FIELD_REQUIRED},
        {.name = "value", .type = CUP_TYPE_STRING}};

    return (struct cup_field){
        .name = name, .type = CUP_TYPE_MAP, .child_count = 2, .children = children};
}

const struct cup_field *cup_date_field(void)
{
    return &date;
}

const char *cup_close_name(enum cup_close close)
{
    CUP_ASSERT(close < CUP_CLOSE_COUNT);
    return closes[close].name;
}

const char *cup_close_text(enum cup_close close)
{
    CUP_ASSERT(close < CUP_CLOSE_COUNT);
    return closes[close].text;
}

const char *cup_counter_name(enum cup_counter counter)
{
    CUP_ASSERT(counter < CUP_COUNTER_COUNT);
    return counters[counter].name;
}

const char *cup_counter_text(enum cup_counter counter)
{
    CUP_ASSERT(counter < CUP_COUNTER_COUNT);
    return counters[counter].text;
}

const char *cup_oddity_name(enum cup_oddity oddity)
{
    CUP_ASSERT(oddity < CUP_ODDITY_COUNT);
    return oddities[oddity].name;
}

const char *cup_oddity_text(enum cup_oddity oddity)
{
    CUP_ASSERT(oddity < CUP_ODDITY_COUNT);
    return oddities[oddity].text;
}
