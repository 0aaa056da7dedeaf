// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gen/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum option_type { COUNT, REAL, TEXT, WORD, WEIGHTS };

struct option {
    const char      *name;
    enum option_type type;
    const char      *argument, *fallback, *text;
};

static const struct option options[] = {
#define CUP_GEN_OPTION(id, option, of_type, arg, otherwise, sentence)                              \
    {.name     = (option),                                                                         \
     .type     = of_type,                                                                          \
     .argument = (arg),                                                                            \
     .fallback = (otherwise),                                                                      \
     .text     = (sentence)},
#include "benchmarks/gen/options.def"
#undef CUP_GEN_OPTION
};

static bool parse_count(const char *text, uint64_t *out_count)
{
    static const char units[] = "KMG";
    char             *end;
    errno          = 0;
    uint64_t count = strtoull(text, &end, 10);
    if (end == text || errno != 0 || text[0] == '-') return false;
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    if (unit != NULL) {
        uint64_t step = end[1] == 'i' ? 1024 : 1000;
        for (const char *at = units; at <= unit; at++)
            if (__builtin_mul_overflow(count, step, &count)) return false;
        end += end[1] == 'i' ? 2 : 1;
    }
    if (*end != '\0') return false;
    *out_count = count;
    return true;
}

static bool parse_real(const char *text, double *out_real)
{
    char  *end;
    double real = strtod(text, &end);
    if (end == text || *end != '\0' || !(real >= 0 && real <= 100)) return false;
    *out_real = real;
    return true;
}

static bool parse_word(const char *words, const char *text, uint32_t *out_word)
{
    size_t bytes = strlen(text);
    for (uint32_t word = 0;; word++) {
        size_t taken = strcspn(words, "|");
        if (taken == bytes && memcmp(words, text, bytes) == 0) {
            *out_word = word;
            return true;
        }
        if (words[taken] == '\0') return false;
        words += taken + 1;
    }
}

static bool parse_weights(const char *like, const char *text, struct cup_gen_value *value)
{
    uint32_t count = 1, at = 0;
    for (const char *c = like; *c != '\0'; c++)
        count += *c == ':';
    CUP_ASSERT(count <= CUP_GEN_WEIGHTS_MAX);
    value->weight_sum = 0;
    for (;; text++) {
        char *end;
        if (*text < '0' || *text > '9' || at == count) return false;
        value->weights[at] = strtoull(text, &end, 10);
        if (value->weights[at] > 1000000) return false;
        value->weight_sum += value->weights[at++];
        text = end;
        if (*text != ':') break;
    }
    return *text == '\0' && at == count && value->weight_sum > 0;
}

static bool parse_value(const struct option *option, const char *text, struct cup_gen_value *value)
{
    value->text = text;
    switch (option->type) {
    case COUNT: return parse_count(text, &value->count);
    case REAL: return parse_real(text, &value->real);
    case TEXT: return true;
    case WORD: return parse_word(option->argument, text, &value->word);
    case WEIGHTS: return parse_weights(option->argument, text, value);
    }
    return false;
}

static bool parse_one(const char *name, const char *text, struct cup_gen_options *out)
{
    for (uint32_t i = 0; i < CUP_GEN_OPTION_COUNT; i++) {
        if (strcmp(options[i].name, name) != 0) continue;
        if (text == NULL) {
            fprintf(stderr, "cupel-gen: %s needs a value: %s\n", name, options[i].argument);
            return false;
        }
        if (parse_value(&options[i], text, &out->values[i])) return true;
        fprintf(stderr, "cupel-gen: %s %s: allowed is %s\n", name, text, options[i].argument);
        return false;
    }
    fprintf(stderr, "cupel-gen: unknown option %s; --help lists them\n", name);
    return false;
}

bool cup_gen_parse(int argc, char **argv, struct cup_gen_options *out_options)
{
    *out_options = (struct cup_gen_options){0};
    for (uint32_t i = 0; i < CUP_GEN_OPTION_COUNT; i++) {
        bool ok = parse_value(&options[i], options[i].fallback, &out_options->values[i]);
        CUP_ASSERT(ok);
    }
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--help") == 0) {
            out_options->help = true;
            return true;
        }
        if (!parse_one(argv[i], i + 1 < argc ? argv[i + 1] : NULL, out_options)) return false;
    }
    if (out_options->values[CUP_GEN_ROWS].count == 0 &&
        out_options->values[CUP_GEN_BYTES].count == 0) {
        fprintf(stderr, "cupel-gen: say how much: --rows N or --bytes N\n");
        return false;
    }
    return true;
}

void cup_gen_help(FILE *to)
{
    fprintf(to, "cupel-gen: synthetic change data capture of a small bank, as Debezium for "
                "PostgreSQL emits it\n\n");
    for (uint32_t i = 0; i < CUP_GEN_OPTION_COUNT; i++)
        fprintf(to, "  %-13s %-29s %s%s%s\n", options[i].name, options[i].argument, options[i].text,
                options[i].fallback[0] != '\0' ? "; default " : "", options[i].fallback);
}
