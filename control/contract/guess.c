// SPDX-License-Identifier: Apache-2.0
#include "control/contract/guess.h"

#include <stdio.h>
#include <string.h>

#include "control/contract/looks.h"

/* Kinds of values that were seen, as bits. */
enum seen {
    SEEN_BOOL       = 1,
    SEEN_INTEGER    = 2,
    SEEN_HUGE       = 4,
    SEEN_REAL       = 8,
    SEEN_TEXT       = 16,
    SEEN_NOT_FINITE = 32,
    SEEN_VARIABLE   = 64,
    SEEN_LIST       = 128,
    SEEN_OBJECT     = 256,
};
#define OFFER_NONE UINT8_MAX

/* The first row whose kinds are all that was seen. */
static const struct {
    uint32_t    kinds;
    const char *physical, *wire, *words;
    uint8_t     offer; /* looks of these are told */
} rules[] = {
    {0, "text", NULL, "no value at all: any type is a guess", OFFER_NONE},
    {SEEN_BOOL, "boolean", NULL, "booleans", OFFER_NONE},
    {SEEN_INTEGER, "bigint", NULL, "integers", CUP_LOOK_OF_INTEGER},
    {SEEN_INTEGER | SEEN_HUGE, "text", "decimal_number",
     "integers, some beyond 64 bits (bigint unsigned: numeric(20,0), wire: decimal_number)",
     OFFER_NONE},
    {SEEN_INTEGER | SEEN_HUGE | SEEN_REAL, "text", "decimal_number",
     "numbers with a point, kept as their digits", CUP_LOOK_OF_REAL},
    {SEEN_INTEGER | SEEN_HUGE | SEEN_REAL | SEEN_NOT_FINITE, "double precision", NULL,
     "numbers, and NaN or infinities, which only floating point sends beside numbers", OFFER_NONE},
    {SEEN_TEXT | SEEN_NOT_FINITE, "text", NULL, "texts", CUP_LOOK_OF_TEXT},
    {SEEN_OBJECT, "text", "json_text", "objects, kept as their JSON text", CUP_LOOK_OF_OBJECT},
    {SEEN_VARIABLE, "numeric", "decimal_variable", "decimals whose scale varies", OFFER_NONE},
};
#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

void cup_guess_put_count(struct cup_text *text, uint64_t count)
{
    char digits[32];
    int  length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) cup_text_put(text, ",", 1);
        cup_text_put(text, &digits[i], 1);
    }
}

static uint32_t seen_of(const struct cup_sample_values *values)
{
    uint32_t seen = 0;

    if (values->bools > 0) seen |= SEEN_BOOL;
    if (values->integers > 0) seen |= SEEN_INTEGER;
    if (values->huge > 0) seen |= SEEN_HUGE;
    if (values->reals > 0) seen |= SEEN_REAL;
    if (values->texts + values->empties > values->not_finite) seen |= SEEN_TEXT;
    if (values->not_finite > 0) seen |= SEEN_NOT_FINITE;
    if (values->variable > 0) seen |= SEEN_VARIABLE;
    if (values->lists > 0) seen |= SEEN_LIST;
    if (values->objects > 0) seen |= SEEN_OBJECT;
    return seen;
}

/* A look as a contract would write it, when this version knows it: "numeric(5,2)". */
static bool spell(const struct cup_look_row *row, const struct cup_sample_values *values,
                  char name[CUP_PHYSICAL_BYTES])
{
    struct cup_sqltype_hints hints      = {.wire = *row->wire == '\0' ? NULL : row->wire};
    struct cup_shape_type    is         = {0};
    struct cup_text          why        = {0};
    size_t                   bytes      = strcspn(row->physical, "(");
    uint32_t                 digits     = values->digits_before + values->digits_behind;
    bool                     parameters = row->physical[bytes] != '\0';

    if (digits == 0) digits = 1;
    if (parameters && digits > CUP_DECIMAL_PRECISION_MAX) return false;
    snprintf(name, CUP_PHYSICAL_BYTES, "%.*s", (int)bytes, row->physical);
    if (parameters && strcmp(row->physical + bytes, "(?)") == 0)
        snprintf(name + bytes, CUP_PHYSICAL_BYTES - bytes, "(38,0)");
    else if (parameters)
        snprintf(name + bytes, CUP_PHYSICAL_BYTES - bytes, "(%u,%u)", digits,
                 values->digits_behind);
    bool known = cup_sqltype_parse(name, &hints, &is, &why);
    cup_text_free(&why);
    return known;
}

static void put_offers(struct cup_text *text, const struct cup_sample_values *values, uint8_t of,
                       const char *name, const char *list)
{
    bool first = true;

    for (int i = 0; i < CUP_LOOK_COUNT; i++) {
        const struct cup_look_row *row = cup_look_row((enum cup_look)i);
        char                       physical[CUP_PHYSICAL_BYTES];
        bool looks = of == CUP_LOOK_OF_REAL || (values->looks & values->sure & 1u << i) != 0;
        if (row->of != of || !looks || !cup_looks_hinted(row, name)) continue;
        if (!spell(row, values, physical)) continue;
        bool unknown = strstr(row->physical, "(?)") != NULL;
        cup_text_puts(text, first ? "; it may also be\n" : "\n");
        first = false;
        cup_text_printf(text, "  %s%s%s%s (%s)", unknown ? "numeric(p,s)" : physical, list,
                        *row->wire == '\0' ? "" : ", wire: ", row->wire, row->text);
        if (!unknown && strstr(row->physical, "(p,s)") != NULL)
            cup_text_puts(text, ", at least these digits");
    }
}

static void put_seen(struct cup_text *text, const struct cup_sample_table *table,
                     const struct cup_sample_column *column)
{
    cup_text_puts(text, "inferred from ");
    cup_guess_put_count(text, column->seen);
    cup_text_puts(text, column->seen == 1 ? " record" : " records");
    if (column->values.nulls > 0) {
        cup_text_puts(text, ", ");
        cup_guess_put_count(text, column->values.nulls);
        cup_text_puts(text, " null");
    }
    if (column->values.unavailable > 0) {
        cup_text_puts(text, ", ");
        cup_guess_put_count(text, column->values.unavailable);
        cup_text_puts(text, " not sent");
    }
    if (column->seen < table->row_count) {
        cup_text_puts(text, ", absent from ");
        cup_guess_put_count(text, table->row_count - column->seen);
    }
    cup_text_puts(text, ": ");
}

static void take_physical(struct cup_guess *guess, const char *name, const char *list,
                          const char *wire)
{
    struct cup_sqltype_hints hints = {.wire = wire};
    struct cup_shape_type    is    = {0};
    struct cup_text          why   = {0};

    guess->physical = (struct cup_physical){.wire = wire};
    snprintf(guess->physical.name, sizeof(guess->physical.name), "%s%s", name, list);
    guess->storable = cup_sqltype_parse(guess->physical.name, &hints, &is, &why);
    guess->logical  = cup_physical_logical(&is);
    cup_text_free(&why);
}

/* The placeholder in base64 is what a producer sends for bytes that it did not read. */
static bool is_bytes(const struct cup_sample_values *values)
{
    bool base64 = values->texts == 0 || (values->looks & 1u << CUP_LOOK_BYTES_BASE64) != 0;

    return values->unavailable_raw > 0 && base64 && (seen_of(values) & ~(uint32_t)SEEN_TEXT) == 0;
}

static void guess_values(const struct cup_sample_column *column, struct cup_guess *guess)
{
    const struct cup_sample_values *values = &column->values;
    uint32_t                        seen   = seen_of(values);
    const char                     *list   = "";
    size_t                          i      = 0;

    if (is_bytes(values)) {
        take_physical(guess, "bytea", "", "bytes_base64");
        cup_text_puts(&guess->comment,
                      "texts; the placeholder of values that were not sent came in "
                      "base64, as only bytes have it");
        return;
    }
    if (seen == SEEN_LIST) {
        values = &column->elements;
        seen   = seen_of(values);
        list   = "[]";
        cup_text_puts(&guess->comment, "arrays of ");
    }
    while (i < RULE_COUNT && (seen & ~rules[i].kinds) != 0)
        i++;
    if (i < RULE_COUNT) {
        take_physical(guess, rules[i].physical, list, rules[i].wire);
        cup_text_puts(&guess->comment, rules[i].words);
        if (rules[i].offer != OFFER_NONE)
            put_offers(&guess->comment, values, rules[i].offer, column->name, list);
    } else {
        take_physical(guess, "text", list, "json_text");
        cup_text_puts(&guess->comment, "values of several kinds, kept as their JSON text");
    }
}

static void guess_typed(const struct cup_sample_table  *table,
                        const struct cup_sample_column *column, struct cup_guess *guess)
{
    bool always = !column->gone && column->schema_count == table->schema_count;

    guess->storable = cup_physical_of(&column->is, &guess->physical);
    guess->logical  = cup_physical_logical(&column->is);
    guess->required = !column->optional && always;
    if (!guess->storable) {
        cup_text_puts(&guess->comment, "no physicalType says this type (");
        cup_shape_put_type(&guess->comment, &column->is);
        cup_text_puts(&guess->comment, "); its embedded schema does\n");
    }
    for (uint32_t i = 0; i < column->earlier_count; i++) {
        cup_text_puts(&guess->comment, i == 0 ? "was " : ", ");
        cup_shape_put_type(&guess->comment, &column->earlier[i]);
    }
    if (column->earlier_count > 0)
        cup_text_puts(&guess->comment, " earlier in these records; this type holds both\n");
    if (column->gone)
        cup_text_puts(&guess->comment, "not in the last schema: dropped at the source\n");
    if (!column->gone && !always)
        cup_text_puts(&guess->comment,
                      "not in all schemas of these records: added at the source\n");
    if (column->optional && column->has_default)
        cup_text_puts(&guess->comment,
                      "optional with a default: a null may have become the default "
                      "before it came here\n");
}

void cup_guess_column(const struct cup_sample_table *table, const struct cup_sample_column *column,
                      struct cup_guess *out_guess)
{
    struct cup_guess guess = {.logical = "string"};

    CUP_ASSERT(table != NULL && column != NULL);
    if (column->typed) {
        guess_typed(table, column, &guess);
    } else {
        put_seen(&guess.comment, table, column);
        guess_values(column, &guess);
        guess.required = column->key_place > 0;
    }
    *out_guess = guess;
}

void cup_guess_free(struct cup_guess *guess)
{
    cup_text_free(&guess->comment);
}
