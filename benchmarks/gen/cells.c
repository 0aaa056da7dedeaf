// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gen/bank.h"

#include <string.h>

#include "base/err.h"
#include "base/rnd.h"
#include "benchmarks/gen/put.h"

#define DAY_US         86400000000ll
#define YEAR_2024_US   1704067200000000ll
#define FILLER_SLACK   4096u          /* where in the text a cut may start */
#define AMOUNT_BELOW   10000000000ull /* cents: 10^10 times 10^8 rows stays inside int64 sums */
#define FILLER_TYPICAL 48u

static const char *const first_names[] = {"Anna",
                                          "Dmitri",
                                          "S\u00f8ren",
                                          "Zo\u00eb",
                                          "Priya",
                                          "Jos\u00e9",
                                          "\u00d3lafur",
                                          "\u674e",
                                          "\u041c\u0430\u0440\u0438\u044f",
                                          "\u0645\u062d\u0645\u062f",
                                          "Chlo\u00e9",
                                          "Bj\u00f6rn",
                                          "Nguy\u1ec5n",
                                          "Aoife",
                                          "O'Neil",
                                          "\u3055\u304f\u3089",
                                          "Emoji \U0001f3e6",
                                          "Ivan",
                                          "\u0141ukasz",
                                          "Ana Maria"};
static const char *const last_names[]  = {"\u0141\u0119cka",
                                          "M\u00fcller",
                                          "O'Brien",
                                          "de la Cruz",
                                          "\u0418\u0432\u0430\u043d\u043e\u0432",
                                          "\u674e",
                                          "Nguy\u1ec5n",
                                          "Smith",
                                          "van \"Dijk\"",
                                          "Garc\u00eda",
                                          "\u00c5ngstr\u00f6m",
                                          "\u0160imi\u0107",
                                          "Papadopoulos",
                                          "\u00c7elik",
                                          "Back\\slash",
                                          "Y\u0131lmaz"};
static const char *const cities[]      = {"Z\u00fcrich",    "Krak\u00f3w",
                                          "S\u00e3o Paulo", "M\u00fcnchen",
                                          "K\u00f8benhavn", "Reykjav\u00edk",
                                          "\u6771\u4eac",   "\u041c\u043e\u0441\u043a\u0432\u0430",
                                          "Leeds",          "\u0141\u00f3d\u017a"};
static const char *const streets[]     = {"Hauptstra\u00dfe", "High Street", "Rue de l'\u00c9glise",
                                          "ul. D\u0142uga",   "Calle Mayor", "Market Square"};
static const char *const countries[] = {"CH", "PL", "BR", "DE", "DK", "IS", "JP", "GB", "ES", "FR"};
static const char *const currencies[] = {"EUR", "GBP", "PLN", "CHF", "USD", "JPY", "KWD"};
static const char *const statuses[]   = {"open", "frozen", "closed", "review"};
static const char *const states[]     = {"pending", "booked", "refused", "returned"};
static const char *const kinds[]      = {"card", "transfer", "fee", "cash", "direct"};
static const char *const merchants[]  = {"B\u00e4ckerei Huber",
                                         "Tesco",
                                         "\u017babka",
                                         "Caf\u00e9 \"Le Coin\"",
                                         "Amazon",
                                         "Shell 4711",
                                         "IKEA",
                                         "\u5bff\u53f8 \u7530\u4e2d",
                                         "Fruit & Veg",
                                         "A/S M\u00f8bler"};
static const char *const labels[]     = {"vip",         "a,b",           "say \"hi\"",
                                         "back\\slash", "\u00fcn\u00ef", "new"};
static const char *const words[]      = {"holder",  "pension", "review", "ledger",  "agreed",
                                         "refused", "letter",  "minor",  "visit",   "branch",
                                         "signed",  "abroad",  "credit", "renewal", "until"};

#define COUNT_OF(list) ((uint32_t)(sizeof(list) / sizeof((list)[0])))

static char filler[CUP_FILLER_BYTES_MAX + FILLER_SLACK];

static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u; /* splitmix64: every input bit reaches every output bit */
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static uint32_t below(uint64_t hash, uint32_t limit)
{
    return (uint32_t)((hash >> 32) * limit >> 32);
}

static void choose(struct cup_cell *cell, uint64_t hash, const char *const *list, uint32_t count)
{
    cell->text  = list[below(hash, count)];
    cell->bytes = (uint32_t)strlen(cell->text);
}

/* end is behind the last byte that was put into the scratch. */
static void made(struct cup_cell *cell, const uint8_t *end)
{
    cell->text  = cell->scratch;
    cell->bytes = (uint32_t)(end - (const uint8_t *)cell->scratch);
    CUP_ASSERT(cell->bytes <= sizeof(cell->scratch));
}

#define MAKE(name)                                                                                 \
    static void make_##name(const struct cup_bank *bank, enum cup_bank_table table, uint64_t hash, \
                            const struct cup_row *row, struct cup_cell *cell)
#define UNUSED                                                                                     \
    (void)bank, (void)table, (void)hash, (void)row /* a maker uses what it needs of its arguments  \
                                                    */

#define MAKE_CHOICE(name, list)                                                                    \
    MAKE(name)                                                                                     \
    {                                                                                              \
        UNUSED;                                                                                    \
        choose(cell, hash, list, COUNT_OF(list));                                                  \
    }

#define MAKE_NUMBER(name, expression)                                                              \
    MAKE(name)                                                                                     \
    {                                                                                              \
        UNUSED;                                                                                    \
        cell->number = (int64_t)(expression);                                                      \
    }

MAKE_CHOICE(first_name, first_names)
MAKE_CHOICE(last_name, last_names)
MAKE_CHOICE(city, cities)
MAKE_CHOICE(country, countries)
MAKE_CHOICE(currency, currencies)
MAKE_CHOICE(status, statuses)
MAKE_CHOICE(state, states)
MAKE_CHOICE(kind, kinds)
MAKE_CHOICE(merchant, merchants)

MAKE_NUMBER(key, row->key)
MAKE_NUMBER(reference, 1 + hash % (row->identity / 2 + 1))
MAKE_NUMBER(birth, (int64_t)below(hash, 29000) - 14000)
MAKE_NUMBER(opened, 9000 + below(hash, 11000))
MAKE_NUMBER(instant, YEAR_2024_US + (int64_t)(hash % (365u * (uint64_t)DAY_US)))
MAKE_NUMBER(local, YEAR_2024_US + (int64_t)(hash % (365u * (uint64_t)DAY_US)))
MAKE_NUMBER(amount, (int64_t)(hash % (2 * AMOUNT_BELOW - 1)) - (int64_t)(AMOUNT_BELOW - 1))
MAKE_NUMBER(limit, hash % 100000000)
MAKE_NUMBER(rate, (int64_t)below(hash, 15000000) - 1000000)
MAKE_NUMBER(score, (int64_t)below(hash, 4001) - 2000)
MAKE_NUMBER(class, below(hash, 10))
MAKE_NUMBER(flag, hash & 1)

MAKE(uuid)
{
    UNUSED;
    uint8_t *at  = (uint8_t *)cell->scratch;
    uint64_t low = mix(hash);
    at = cup_put_hex(at, hash >> 32, 8), *at++ = '-';
    at = cup_put_hex(at, hash >> 16 & 0xffff, 4), *at++ = '-';
    at = cup_put_hex(at, (hash & 0xfff) | 0x4000, 4), *at++ = '-';
    at = cup_put_hex(at, (low >> 48 & 0x3fff) | 0x8000, 4), *at++ = '-';
    at          = cup_put_hex(at, low & 0xffffffffffff, 12);
    cell->plain = true;
    made(cell, at);
}

MAKE(email)
{
    UNUSED;
    uint8_t *at = (uint8_t *)cell->scratch;
    *at++       = 'u';
    at          = cup_put_u64(at, row->identity);
    *at++       = '.';
    at          = cup_put_u64(at, below(hash, 1000));
    at          = cup_put_string(at, "@example.org");
    cell->plain = true;
    made(cell, at);
}

MAKE(phone)
{
    UNUSED;
    uint8_t *at = cup_put_string((uint8_t *)cell->scratch, "+44 ");
    at          = cup_put_digits(at, hash % 10000000000u, 10);
    cell->plain = true;
    made(cell, at);
}

MAKE(street)
{
    UNUSED;
    uint8_t *at = cup_put_string((uint8_t *)cell->scratch, streets[below(hash, COUNT_OF(streets))]);
    *at++       = ' ';
    at          = cup_put_u64(at, 1 + hash % 300);
    made(cell, at);
}

MAKE(postcode)
{
    UNUSED;
    uint8_t *at = (uint8_t *)cell->scratch;
    if (hash % 8 == 0)
        at = cup_put_string(at, "\u0663\u0664\u0665"); /* digits of another script are text too */
    at          = cup_put_digits(at, below(hash, 100000), 5);
    cell->plain = true;
    made(cell, at);
}

MAKE(iban)
{
    UNUSED;
    uint8_t *at = cup_put_string((uint8_t *)cell->scratch, "GB");
    at          = cup_put_digits(at, 10 + hash % 89, 2);
    at          = cup_put_string(at, "CUPL");
    at          = cup_put_digits(at, mix(hash) % 100000000000000u, 14);
    cell->plain = true;
    made(cell, at);
}

MAKE(kyc)
{
    UNUSED;
    uint32_t documents = 1 + below(hash, 3);
    uint8_t *at        = cup_put_string((uint8_t *)cell->scratch, "{\"docs\": [");
    for (uint32_t i = 0; i < documents; i++) {
        if (i > 0) at = cup_put_string(at, ", ");
        at = cup_put_string(at, i == 0 ? "{\"t\": \"passport\", \"ok\": "
                                       : "{\"t\": \"bill\", \"ok\": ");
        at = cup_put_string(at, hash >> i & 1 ? "true}" : "false}");
    }
    at    = cup_put_string(at, "], \"note\": ");
    at    = cup_put_string(at, hash % 4 == 0 ? "\"emoji \U0001f3e6 \\\"q\\\"\"" : "null");
    at    = cup_put_string(at, ", \"level\": ");
    at    = cup_put_u64(at, hash % 5);
    at    = cup_put_string(at, ", \"score\": ");
    at    = cup_put_u64(at, below(mix(hash), 1000));
    *at++ = '.';
    at    = cup_put_digits(at, hash % 1000, 3);
    *at++ = '}';
    made(cell, at);
}

MAKE(tags)
{
    UNUSED;
    cell->number = below(hash, CUP_CELL_LABELS_MAX + 1);
    for (int64_t i = 0; i < cell->number; i++)
        cell->labels[i] = labels[(hash >> 4 * i & 0xf) % COUNT_OF(labels)];
}

MAKE(filler)
{
    (void)row;
    uint32_t mean = bank->filler_bytes[table] > 0 ? bank->filler_bytes[table] : FILLER_TYPICAL;
    cell->text    = filler + hash % FILLER_SLACK;
    cell->bytes   = mean / 2 + below(hash, mean);
    cell->plain   = true;
    CUP_ASSERT(cell->bytes <= CUP_FILLER_BYTES_MAX);
}

static const struct cup_bank_column columns[] = {
#define CUP_BANK_COLUMN(in, column, of_kind, digits, after_point, nulls, moves, maker, sentence)   \
    {.name      = (column),                                                                        \
     .kind      = CUP_CELL_##of_kind,                                                              \
     .precision = (digits),                                                                        \
     .scale     = (after_point),                                                                   \
     .null_in   = (nulls),                                                                         \
     .changes   = (moves),                                                                         \
     .make      = make_##maker,                                                                    \
     .text      = (sentence),                                                                      \
     .table     = CUP_BANK_##in},
#include "benchmarks/gen/bank.def"
#undef CUP_BANK_COLUMN
};

const struct cup_bank_column *cup_bank_columns(enum cup_bank_table table, uint32_t *out_count)
{
    uint32_t first = 0, count = 0;
    while (columns[first].table != table)
        first++;
    while (first + count < COUNT_OF(columns) && columns[first + count].table == table)
        count++;
    CUP_ASSERT(count <= CUP_BANK_COLUMNS_MAX);
    *out_count = count;
    return columns + first;
}

const char *cup_bank_name(enum cup_bank_table table)
{
    static const char *const names[] = {"customer", "account", "transaction"};
    CUP_ASSERT((uint32_t)table < COUNT_OF(names));
    return names[table];
}

void cup_bank_prepare(void)
{
    struct cup_rnd rnd =
        cup_rnd_seed(7); /* the same text in every run: only cuts depend on the seed */
    size_t at = 0;
    while (at < sizeof(filler)) {
        const char *word  = words[cup_rnd_below(&rnd, COUNT_OF(words))];
        size_t      bytes = strlen(word);
        size_t      fits  = sizeof(filler) - at < bytes ? sizeof(filler) - at : bytes;
        memcpy(filler + at, word, fits);
        at += fits;
        if (at < sizeof(filler)) filler[at++] = ' ';
    }
}

void cup_bank_cell(const struct cup_bank *bank, const struct cup_bank_column *column,
                   uint32_t index, const struct cup_row *row, struct cup_cell *out_cell)
{
    uint64_t hash = mix(bank->seed ^ mix((uint64_t)column->table << 40 | row->identity));
    hash          = mix(hash ^ ((uint64_t)(column->changes ? row->version : 0) << 8 | index));

    out_cell->plain   = false;
    out_cell->is_null = column->null_in > 0 && mix(hash) % column->null_in == 0;
    if (out_cell->is_null) return;
    column->make(bank, column->table, hash, row, out_cell);
}
