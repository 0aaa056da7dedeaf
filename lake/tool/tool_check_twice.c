// SPDX-License-Identifier: Apache-2.0
/* No row stands twice. What must be unique in a table follows from what the table is for:
 *
 *   silver       _topic, _partition, _offset, _sub    (a record may have many rows, in one table)
 *   index        input, position, epoch
 *   quarantine   input, position, epoch, first_epoch, by or not
 *
 *   rows --hash--> seen before? --suspects--> rows of these again --> the same place, or chance
 *
 * The hashes of one pass fit SLOTS_MAX; larger tables are read once for each share of the hashes.
 * An input may hold a record twice, and two inputs the same one: the bronze indexes of the lake say
 * how often it was read, and silver may have its rows so often. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "lake/tool/tool_check.h"
#include "lake/tool/tool_tables.h"
#include "lake/tool/tool_texts.h"

#define SLOTS_MAX    (64ull << 20) /* 512 MiB */
#define SLOTS_MIN    1024u
#define FILL_PERCENT 70u        /* of the slots: probes stay short */
#define PLACES_MAX   (1u << 20) /* with several rows; 96 MiB */
#define NUMBERS_MAX  4u

struct kind {
    const char *names[1 + NUMBERS_MAX]; /* a text, then numbers; of other texts: null or not */
    uint8_t     types[1 + NUMBERS_MAX];
    uint32_t    count;
};
static const struct kind silver_kind = {
    {"_topic", "_partition", "_offset", "_sub"},
    {CUP_TYPE_STRING, CUP_TYPE_INT, CUP_TYPE_LONG, CUP_TYPE_INT},
    4};
static const struct kind index_kind = {
    {"input", "position", "epoch"}, {CUP_TYPE_STRING, CUP_TYPE_LONG, CUP_TYPE_LONG}, 3};
static const struct kind quarantine_kind = {
    {"input", "position", "epoch", "first_epoch", "by"},
    {CUP_TYPE_STRING, CUP_TYPE_LONG, CUP_TYPE_LONG, CUP_TYPE_LONG, CUP_TYPE_STRING},
    5};
/* A record in an index, as silver names it. */
static const struct kind record_kind = {
    {"topic", "partition", "offset"}, {CUP_TYPE_STRING, CUP_TYPE_INT, CUP_TYPE_LONG}, 3};

/* What a row says of its place. */
struct key {
    const char *text; /* lent by the rows */
    uint32_t    text_bytes;
    int64_t     numbers[NUMBERS_MAX]; /* -1: null */
};

struct place {
    uint64_t record_hash;
    uint32_t text; /* in names; CUP_NAME_NONE: no row yet */
    int64_t  numbers[NUMBERS_MAX];
    uint64_t rows, records; /* in the table; in the indexes */
    uint32_t files[2];      /* in names: of the first row and of the second */
};

struct twice {
    struct cup_check             *check;
    const struct cup_check_table *table;
    const struct kind            *kind;
    uint64_t                     *slots; /* hashes of the pass; 0: free */
    uint64_t                      slot_count, used, pass, pass_count;
    uint64_t                     *suspects; /* hashes, in order */
    struct place                 *places;   /* of the suspects; at last in order of records */
    uint32_t                      suspect_count, suspect_cap;
    bool                          more, crowded, failed;
    struct cup_texts              names;
};

static enum cup_err no_memory(struct cup_fault *out_fault)
{
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "look for rows that stand twice", NULL);
}

/* --- keys --- */

static bool read_key(const struct kind *kind, const struct cup_rows *rows, uint32_t row,
                     struct key *out)
{
    uint32_t bytes = 0;

    *out      = (struct key){0};
    out->text = cup_cell_text(rows->columns[0], row, &out->text_bytes);
    for (uint32_t i = 1; i < kind->count; i++) {
        bool text = kind->types[i] == CUP_TYPE_STRING;
        if (text)
            out->numbers[i - 1] = cup_cell_text(rows->columns[i], row, &bytes) != NULL;
        else if (!cup_cell_i64(rows->columns[i], row, &out->numbers[i - 1]))
            out->numbers[i - 1] = -1;
    }
    return out->text != NULL;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9E3779B97F4A7C15ull;
    return hash ^ hash >> 29;
}

/* Of the text and the first `count` numbers; never 0. */
static uint64_t hash_of(const char *text, uint32_t text_bytes, const int64_t *numbers,
                        uint32_t count)
{
    uint64_t hash = cup_hash_bytes(CUP_HASH_START, text, text_bytes);

    for (uint32_t i = 0; i < count; i++)
        hash = mix(hash, (uint64_t)numbers[i]);
    hash = mix(hash, hash >> 32);
    return hash != 0 ? hash : 1;
}

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* --- first read: what was seen before --- */

static bool was_seen(struct twice *twice, uint64_t hash)
{
    uint64_t at = hash & (twice->slot_count - 1);

    for (; twice->slots[at] != 0; at = (at + 1) & (twice->slot_count - 1))
        if (twice->slots[at] == hash) return true;
    if (twice->used == twice->slot_count / 8 * 7) { /* a log that says too few rows */
        twice->crowded = true;
        return false;
    }
    twice->used++;
    twice->slots[at] = hash;
    return false;
}

static void suspect(struct twice *twice, uint64_t hash)
{
    if (twice->suspect_count == PLACES_MAX) {
        twice->more = true;
        return;
    }
    if (twice->suspect_count == twice->suspect_cap) {
        uint32_t  cap  = twice->suspect_cap * 2 + 64;
        uint64_t *list = realloc(twice->suspects, cap * sizeof *list);
        twice->failed |= list == NULL;
        if (list == NULL) return;
        twice->suspects    = list;
        twice->suspect_cap = cap;
    }
    twice->suspects[twice->suspect_count++] = hash;
}

static enum cup_err each_first(void *arg, const struct cup_rows *rows, struct cup_fault *out_fault)
{
    struct twice *twice = arg;
    struct key    key;

    for (uint32_t row = 0; row < rows->row_count; row++) {
        if (!read_key(twice->kind, rows, row, &key)) continue; /* another engine's row */
        uint64_t hash = hash_of(key.text, key.text_bytes, key.numbers, twice->kind->count - 1);
        if ((hash >> 32) % twice->pass_count != twice->pass) continue;
        if (was_seen(twice, hash)) suspect(twice, hash);
    }
    return twice->failed ? no_memory(out_fault) : CUP_OK;
}

/* --- second read: which rows --- */

/* Three rows of one place gave its hash twice. */
static bool sort_suspects(struct twice *twice)
{
    uint64_t *list = twice->suspects;
    uint32_t  kept = 0;

    qsort(list, twice->suspect_count, sizeof *list, compare_hashes);
    for (uint32_t i = 0; i < twice->suspect_count; i++)
        if (i == 0 || list[i] != list[i - 1]) list[kept++] = list[i];
    twice->suspect_count = kept;
    free(twice->slots);
    twice->slots  = NULL;
    twice->places = calloc(kept, sizeof *twice->places);
    for (uint32_t i = 0; twice->places != NULL && i < kept; i++)
        twice->places[i].text = CUP_NAME_NONE;
    return twice->places != NULL;
}

static bool is_at(const struct twice *twice, const struct place *place, const struct key *key)
{
    const char *text = twice->names.list[place->text];

    return strlen(text) == key->text_bytes && memcmp(text, key->text, key->text_bytes) == 0 &&
           memcmp(place->numbers, key->numbers, sizeof key->numbers) == 0;
}

static void count_row(struct twice *twice, struct place *place, const struct key *key,
                      const char *file)
{
    if (place->text != CUP_NAME_NONE && !is_at(twice, place, key)) return; /* chance */
    if (place->rows < 2)
        place->files[place->rows] = cup_texts_put(&twice->names, file, strlen(file));
    twice->failed |= place->rows < 2 && place->files[place->rows] == CUP_NAME_NONE;
    if (place->rows++ > 0) return;
    memcpy(place->numbers, key->numbers, sizeof place->numbers);
    place->text        = cup_texts_put(&twice->names, key->text, key->text_bytes);
    place->record_hash = hash_of(key->text, key->text_bytes, key->numbers, record_kind.count - 1);
    twice->failed |= place->text == CUP_NAME_NONE;
}

static enum cup_err each_second(void *arg, const struct cup_rows *rows, struct cup_fault *out_fault)
{
    struct twice *twice = arg;
    struct key    key;

    for (uint32_t row = 0; row < rows->row_count; row++) {
        if (!read_key(twice->kind, rows, row, &key)) continue;
        uint64_t  hash = hash_of(key.text, key.text_bytes, key.numbers, twice->kind->count - 1);
        uint64_t *found =
            bsearch(&hash, twice->suspects, twice->suspect_count, sizeof hash, compare_hashes);
        if (found == NULL) continue;
        count_row(twice, &twice->places[found - twice->suspects], &key, rows->file);
        if (twice->failed) return no_memory(out_fault);
    }
    return CUP_OK;
}

/* --- how often a record was read --- */

static int compare_records(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return (x->record_hash > y->record_hash) - (x->record_hash < y->record_hash);
}

static enum cup_err each_record(void *arg, const struct cup_rows *rows, struct cup_fault *out_fault)
{
    struct twice *twice = arg;
    struct key    key;

    (void)out_fault; /* nothing can fail here */
    for (uint32_t row = 0; row < rows->row_count; row++) {
        if (!read_key(&record_kind, rows, row, &key)) continue;
        struct place of = {
            .record_hash = hash_of(key.text, key.text_bytes, key.numbers, record_kind.count - 1)};
        struct place *end = twice->places + twice->suspect_count;
        struct place *place =
            bsearch(&of, twice->places, twice->suspect_count, sizeof of, compare_records);
        if (place == NULL) continue;
        while (place > twice->places && place[-1].record_hash == of.record_hash)
            place--;
        for (; place < end && place->record_hash == of.record_hash; place++)
            place->records++; /* its rows differ in _sub */
    }
    return CUP_OK;
}

/* A file that cannot be read was reported by whoever read it before. */
static enum cup_err scan_files(struct twice *twice, const struct cup_table *table,
                               const struct kind *kind, cup_rows_fn *each,
                               struct cup_fault *out_fault)
{
    for (uint64_t i = 0; i < table->state->file_count; i++) {
        struct cup_scan  scan = {.folder     = table->path,
                                 .file       = table->state->files[i].path,
                                 .names      = kind->names,
                                 .types      = kind->types,
                                 .name_count = kind->count,
                                 .group      = UINT32_MAX,
                                 .each       = each,
                                 .arg        = twice};
        struct cup_fault fault;
        if (cup_lake_scan(&scan, NULL, &fault) != CUP_NO_MEMORY) continue;
        *out_fault = fault;
        return CUP_NO_MEMORY;
    }
    return CUP_OK;
}

static enum cup_err count_records(struct twice *twice, struct cup_fault *out_fault)
{
    static const char end[]  = "/_index";
    struct cup_tables tables = {0};

    qsort(twice->places, twice->suspect_count, sizeof *twice->places, compare_records);
    enum cup_err err = cup_tables_find(twice->check->lake, NULL, &tables, out_fault);

    for (uint32_t i = 0; err == CUP_OK && i < tables.count; i++) {
        struct cup_table *index = NULL;
        struct cup_fault  fault;
        size_t            bytes = strlen(tables.list[i]);
        if (bytes < sizeof end || strcmp(tables.list[i] + bytes + 1 - sizeof end, end) != 0)
            continue;
        if (cup_table_open(twice->check->lake, tables.list[i], &index, &fault) != CUP_OK) continue;
        err = scan_files(twice, index, &record_kind, each_record, out_fault);
        cup_table_close(index);
    }
    cup_tables_free(&tables);
    return err;
}

/* --- what is said --- */

/* Whether the ledger knows the place's input by its topic: then none of its records comes twice. */
static bool is_of_input(const struct twice *twice, const struct place *place)
{
    const struct cup_texts *inputs = &twice->check->ledger->names;
    const char             *topic  = twice->names.list[place->text];
    struct cup_text         name   = {0};

    cup_text_printf(&name, "%s/%" PRId64, topic, place->numbers[0]);
    bool found = cup_texts_find(inputs, topic, strlen(topic)) != CUP_NAME_NONE ||
                 (!name.failed && cup_texts_find(inputs, name.at, name.bytes) != CUP_NAME_NONE);
    cup_text_free(&name);
    return found;
}

static void report_silver(struct twice *twice, const struct place *place)
{
    struct cup_report *report = twice->check->report;
    char *const       *names  = twice->names.list;

    if (place->rows <= place->records) return; /* it was read so often */
    if (place->records > 0 || is_of_input(twice, place))
        cup_report_problem(report,
                           "table %s: %" PRIu64 " rows of one place, %s/%" PRId64 "/%" PRId64
                           " (_sub %" PRId64 "), in %s and %s; restore the table",
                           twice->table->name, place->rows, names[place->text], place->numbers[0],
                           place->numbers[1], place->numbers[2], names[place->files[0]],
                           names[place->files[1]]);
    else
        cup_report_note(report,
                        "table %s: %" PRIu64 " rows of %s/%" PRId64 "/%" PRId64
                        "; without bronze nobody knows whether the input had it so often",
                        twice->table->name, place->rows, names[place->text], place->numbers[0],
                        place->numbers[1]);
}

static void report_places(struct twice *twice)
{
    struct cup_report *report = twice->check->report;
    char *const       *names  = twice->names.list;

    for (uint32_t i = 0; i < twice->suspect_count; i++) {
        const struct place *place = &twice->places[i];
        if (place->rows < 2) continue; /* two hashes were equal by chance */
        if (twice->kind == &silver_kind)
            report_silver(twice, place);
        else
            cup_report_problem(
                report,
                "table %s: %" PRIu64 " rows of one place, input %s, position %" PRId64
                ", epoch %" PRId64 ", in %s and %s; restore the table",
                twice->table->name, place->rows, names[place->text], place->numbers[0],
                place->numbers[1], names[place->files[0]], names[place->files[1]]);
    }
}

static void note_rest(struct twice *twice)
{
    cup_report_note(twice->check->report,
                    "table %s: %s; not all of them were looked at for rows that stand twice",
                    twice->table->name,
                    twice->crowded ? "its files hold more rows than its log says"
                                   : "more than a million places have several rows");
}

/* --- tables --- */

static bool size_slots(struct twice *twice)
{
    const struct cup_delta_state *state = twice->table->table->state;
    uint64_t                      rows  = 0;

    for (uint64_t i = 0; i < state->file_count; i++) /* unknown: as many as its bytes allow */
        rows += state->files[i].row_count != UINT64_MAX ? state->files[i].row_count
                                                        : state->files[i].bytes;
    const uint64_t fit = SLOTS_MAX / 100 * FILL_PERCENT;
    twice->pass_count  = rows / fit + 1;
    twice->slot_count  = SLOTS_MIN;
    while (twice->slot_count < SLOTS_MAX &&
           twice->slot_count / 100 * FILL_PERCENT < rows / twice->pass_count)
        twice->slot_count *= 2;
    twice->slots = malloc(twice->slot_count * sizeof *twice->slots);
    return twice->slots != NULL;
}

static enum cup_err look_at(struct twice *twice, struct cup_fault *out_fault)
{
    const struct cup_table *table = twice->table->table;
    enum cup_err            err   = CUP_OK;

    if (!size_slots(twice)) return no_memory(out_fault);
    for (twice->pass = 0; err == CUP_OK && twice->pass < twice->pass_count; twice->pass++) {
        memset(twice->slots, 0, twice->slot_count * sizeof *twice->slots);
        twice->used = 0;
        err         = scan_files(twice, table, twice->kind, each_first, out_fault);
    }
    if (twice->crowded || twice->more) note_rest(twice);
    if (err != CUP_OK || twice->suspect_count == 0) return err;
    if (!sort_suspects(twice)) return no_memory(out_fault);
    err = scan_files(twice, table, twice->kind, each_second, out_fault);
    if (err == CUP_OK && twice->kind == &silver_kind) err = count_records(twice, out_fault);
    if (err == CUP_OK) report_places(twice);
    return err;
}

enum cup_err cup_check_twice(struct cup_check *check, struct cup_fault *out_fault)
{
    struct twice *twice = malloc(sizeof *twice);
    enum cup_err  err   = twice == NULL ? no_memory(out_fault) : CUP_OK;

    for (uint32_t i = 0; err == CUP_OK && i < check->table_count; i++) {
        const struct kind *kind = i == check->index        ? &index_kind
                                  : i == check->quarantine ? &quarantine_kind
                                                           : &silver_kind;
        if (check->tables[i].table == NULL) continue;
        *twice = (struct twice){.check = check, .table = &check->tables[i], .kind = kind};
        err    = look_at(twice, out_fault);
        free(twice->slots);
        free(twice->suspects);
        free(twice->places);
        cup_texts_free(&twice->names);
    }
    free(twice);
    return err;
}
