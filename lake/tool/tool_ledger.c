// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/json/json.h"

#define OUTCOMES_BYTES_MAX (64u << 10) /* all outcome names with 20 digits each are 2 KiB */

static const struct {
    const char *name;
    enum cup_outcome_class class;
} outcomes[] = {
#define CUP_OUTCOME(id, class, name, text) {name, CUP_CLASS_##class},
#include "dataplane/abi/outcome.def"
#undef CUP_OUTCOME
};

static const char *const zone_names[] = {"bronze", "index", "silver", "quarantine"};
_Static_assert(sizeof zone_names / sizeof zone_names[0] == CUP_LEDGER_ZONES, "a name a zone");

static const char *const column_names[] = {
#define CUP_LEDGER_COLUMN(id, name, type, text) name,
#include "dataplane/abi/tables.def"
#undef CUP_LEDGER_COLUMN
};
static const uint8_t column_types[] = {
#define CUP_LEDGER_COLUMN(id, name, type, text) CUP_TYPE_##type,
#include "dataplane/abi/tables.def"
#undef CUP_LEDGER_COLUMN
};
_Static_assert(CUP_LEDGER_COUNT <= CUP_SCAN_COLUMNS_MAX, "a scan can read the whole ledger");

enum cup_outcome cup_ledger_outcome(const char *name, size_t bytes)
{
    for (uint32_t i = 0; i < CUP_OUTCOME_COUNT; i++)
        if (strlen(outcomes[i].name) == bytes && memcmp(outcomes[i].name, name, bytes) == 0)
            return (enum cup_outcome)i;
    return CUP_OUTCOME_COUNT;
}

const char *cup_ledger_outcome_name(enum cup_outcome outcome)
{
    CUP_ASSERT(outcome < CUP_OUTCOME_COUNT);
    return outcomes[outcome].name;
}

enum cup_outcome_class cup_ledger_outcome_class(enum cup_outcome outcome)
{
    CUP_ASSERT(outcome < CUP_OUTCOME_COUNT);
    return outcomes[outcome].class;
}

/* --- rows --- */

/* Counts of one range's outcomes, held until the epochs are known. */
struct tally {
    uint64_t epoch, counts[CUP_OUTCOME_COUNT];
};

struct load {
    struct cup_ledger *ledger;
    struct cup_report *report;
    struct cup_json   *json;
    struct tally      *tallies; /* one per range */
    uint64_t           tally_cap;
    struct cup_text    scratch;
};

static bool grow(void **list, uint64_t count, uint64_t *cap, size_t bytes)
{
    if (count < *cap) return true;
    uint64_t more  = *cap ? *cap * 2 : 64;
    void    *grown = realloc(*list, more * bytes);
    if (grown == NULL) return false;
    *list = grown;
    *cap  = more;
    return true;
}

static uint64_t cell(const struct cup_rows *rows, enum cup_ledger_column column, uint32_t row,
                     bool *ok)
{
    int64_t value = 0;

    if (!cup_cell_i64(rows->columns[column], row, &value) || value < 0) *ok = false;
    return value < 0 ? 0 : (uint64_t)value;
}

static uint32_t name_cell(struct load *load, const struct cup_rows *rows,
                          enum cup_ledger_column column, uint32_t row)
{
    uint32_t    bytes = 0;
    const char *text  = cup_cell_text(rows->columns[column], row, &bytes);
    return text != NULL ? cup_texts_put(&load->ledger->names, text, bytes) : CUP_NAME_NONE;
}

static bool number(const uint8_t *at, uint32_t bytes, uint64_t *out)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < bytes; i++) {
        if (at[i] < '0' || at[i] > '9' || value > UINT64_MAX / 16) return false;
        value = value * 10 + (uint64_t)(at[i] - '0');
    }
    *out = value;
    return bytes > 0;
}

/* Adds the counts of an OUTCOMES text; false when it is no object of known names and counts. */
static bool read_outcomes(struct load *load, const char *text, uint32_t bytes, uint64_t *counts)
{
    static const char   padding[CUP_JSON_PADDING];
    struct cup_json_doc doc;

    if (text == NULL || bytes > OUTCOMES_BYTES_MAX) return false;
    cup_text_clear(&load->scratch);
    cup_text_put(&load->scratch, text, bytes);
    cup_text_put(&load->scratch, padding, sizeof padding);
    if (load->scratch.failed) return false;
    const uint8_t *at = (const uint8_t *)load->scratch.at;
    cup_json_text(load->json, at, bytes, &doc);
    if (doc.verdict != CUP_JSON_OK || doc.nodes[0].kind != CUP_JSON_OBJECT) return false;
    for (uint32_t i = 1; i < doc.node_count; i = doc.nodes[i].next) {
        const struct cup_json_node *node = &doc.nodes[i];
        enum cup_outcome            outcome =
            cup_ledger_outcome((const char *)at + node->key_at, node->key_bytes);
        uint64_t count;
        if (outcome == CUP_OUTCOME_COUNT || node->kind != CUP_JSON_NUMBER ||
            !number(at + node->at, node->bytes, &count))
            return false;
        counts[outcome] += count;
    }
    return true;
}

/* records = accepted + quarantined + dropped, and each equal to what the outcomes say. */
static void check_sums(struct load *load, const struct cup_ledger_range *range,
                       const uint64_t *counts)
{
    uint64_t    classes[3] = {0};
    const char *input      = load->ledger->names.list[range->input];

    for (uint32_t i = 0; i < CUP_OUTCOME_COUNT; i++)
        classes[outcomes[i].class] += counts[i];
    if (range->records != range->accepted + range->quarantined + range->dropped)
        cup_report_problem(load->report,
                           "ledger: epoch %" PRIu64 ", input %s: %" PRIu64
                           " records, but accepted %" PRIu64 " + quarantined %" PRIu64
                           " + dropped %" PRIu64 " is %" PRIu64 "; replay the input",
                           range->epoch, input, range->records, range->accepted, range->quarantined,
                           range->dropped, range->accepted + range->quarantined + range->dropped);
    if (classes[CUP_CLASS_ACCEPTED] != range->accepted ||
        classes[CUP_CLASS_QUARANTINED] != range->quarantined ||
        classes[CUP_CLASS_DROPPED] != range->dropped)
        cup_report_problem(load->report,
                           "ledger: epoch %" PRIu64 ", input %s: the outcomes sum to accepted "
                           "%" PRIu64 ", quarantined %" PRIu64 ", dropped %" PRIu64
                           ", but the row says %" PRIu64 ", %" PRIu64 ", %" PRIu64,
                           range->epoch, input, classes[CUP_CLASS_ACCEPTED],
                           classes[CUP_CLASS_QUARANTINED], classes[CUP_CLASS_DROPPED],
                           range->accepted, range->quarantined, range->dropped);
}

static enum cup_err add_range(struct load *load, const struct cup_rows *rows, uint32_t row,
                              uint64_t epoch, int32_t shard, struct cup_fault *out_fault)
{
    struct cup_ledger *ledger = load->ledger;
    bool               ok     = true;
    uint32_t           bytes  = 0;
    int64_t            ended = 0, size = 0, lost = 0;

    if (!grow((void **)&ledger->ranges, ledger->range_count, &ledger->range_cap,
              sizeof *ledger->ranges) ||
        !grow((void **)&load->tallies, ledger->range_count, &load->tally_cap,
              sizeof *load->tallies))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "read the ledger", NULL);
    (void)cup_cell_i64(rows->columns[CUP_LEDGER_ENDED], row, &ended);
    (void)cup_cell_i64(rows->columns[CUP_LEDGER_BYTES], row, &size);
    (void)cup_cell_i64(rows->columns[CUP_LEDGER_LOST], row, &lost); /* files have none */
    struct cup_ledger_range range = {.input       = name_cell(load, rows, CUP_LEDGER_INPUT, row),
                                     .identity    = name_cell(load, rows, CUP_LEDGER_IDENTITY, row),
                                     .path        = name_cell(load, rows, CUP_LEDGER_PATH, row),
                                     .shard       = shard,
                                     .ended       = ended != 0,
                                     .epoch       = epoch,
                                     .size        = (uint64_t)size,
                                     .lost        = (uint64_t)lost,
                                     .start       = cell(rows, CUP_LEDGER_START, row, &ok),
                                     .end         = cell(rows, CUP_LEDGER_END, row, &ok),
                                     .records     = cell(rows, CUP_LEDGER_RECORDS, row, &ok),
                                     .accepted    = cell(rows, CUP_LEDGER_ACCEPTED, row, &ok),
                                     .quarantined = cell(rows, CUP_LEDGER_QUARANTINED, row, &ok),
                                     .dropped     = cell(rows, CUP_LEDGER_DROPPED, row, &ok)};
    struct tally            tally = {.epoch = epoch};
    const char             *text  = cup_cell_text(rows->columns[CUP_LEDGER_OUTCOMES], row, &bytes);
    if (!read_outcomes(load, text, bytes, tally.counts)) ok = false;
    if (!ok || range.input == CUP_NAME_NONE || range.identity == CUP_NAME_NONE) {
        cup_report_problem(load->report,
                           "ledger file %s: epoch %" PRIu64
                           ": an input row lacks a value or names an unknown outcome; was it "
                           "written by a newer cupel?",
                           rows->file, epoch);
        return CUP_OK;
    }
    check_sums(load, &range, tally.counts);
    range.retry   = strncmp(ledger->names.list[range.input], CUP_RETRY_PREFIX,
                            sizeof CUP_RETRY_PREFIX - 1) == 0;
    bool blank_ok = true;
    ledger->blank += cell(rows, CUP_LEDGER_BLANK, row, &blank_ok);
    load->tallies[ledger->range_count]  = tally;
    ledger->ranges[ledger->range_count] = range;
    ledger->range_count++;
    return CUP_OK;
}

static enum cup_ledger_zone zone_of(const char *name, uint32_t bytes)
{
    for (uint32_t i = 0; name != NULL && i < CUP_LEDGER_ZONES; i++)
        if (strlen(zone_names[i]) == bytes && memcmp(zone_names[i], name, bytes) == 0)
            return (enum cup_ledger_zone)i;
    return CUP_LEDGER_ZONES;
}

static bool parse_crc(const char *text, uint32_t bytes, uint32_t *out_crc)
{
    char  copy[9];
    char *end;

    if (text == NULL || bytes != 8) return false;
    memcpy(copy, text, 8);
    copy[8]  = '\0';
    *out_crc = (uint32_t)strtoul(copy, &end, 16);
    return end == copy + 8;
}

static enum cup_err add_file(struct load *load, const struct cup_rows *rows, uint32_t row,
                             uint64_t epoch, int32_t shard, struct cup_fault *out_fault)
{
    struct cup_ledger *ledger     = load->ledger;
    bool               ok         = true;
    uint32_t           zone_bytes = 0, crc_bytes = 0;

    if (!grow((void **)&ledger->files, ledger->file_count, &ledger->file_cap,
              sizeof *ledger->files))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "read the ledger", NULL);
    const char            *zone = cup_cell_text(rows->columns[CUP_LEDGER_ZONE], row, &zone_bytes);
    const char            *crc  = cup_cell_text(rows->columns[CUP_LEDGER_CRC32C], row, &crc_bytes);
    struct cup_ledger_file file = {.path  = name_cell(load, rows, CUP_LEDGER_PATH, row),
                                   .zone  = zone_of(zone, zone_bytes),
                                   .shard = shard,
                                   .epoch = epoch,
                                   .bytes = cell(rows, CUP_LEDGER_BYTES, row, &ok),
                                   .rows  = cell(rows, CUP_LEDGER_ROWS, row, &ok),
                                   .table = UINT32_MAX};
    if (!parse_crc(crc, crc_bytes, &file.crc32c)) ok = false;
    if (!ok || file.path == CUP_NAME_NONE || file.zone == CUP_LEDGER_ZONES) {
        cup_report_problem(load->report,
                           "ledger file %s: epoch %" PRIu64
                           ": a file row lacks a value or names an unknown zone; was it written "
                           "by a newer cupel?",
                           rows->file, epoch);
        return CUP_OK;
    }
    ledger->files[ledger->file_count++] = file;
    return CUP_OK;
}

static enum cup_err add_row(struct load *load, const struct cup_rows *rows, uint32_t row,
                            struct cup_fault *out_fault)
{
    struct cup_ledger *ledger = load->ledger;
    bool               ok     = true;
    uint32_t           bytes  = 0;
    const char        *kind   = cup_cell_text(rows->columns[CUP_LEDGER_KIND], row, &bytes);
    uint64_t           epoch  = cell(rows, CUP_LEDGER_EPOCH, row, &ok);
    int32_t            shard  = (int32_t)cell(rows, CUP_LEDGER_SHARD, row, &ok);
    uint32_t           id     = name_cell(load, rows, CUP_LEDGER_EPOCH_ID, row);

    bool is_input = kind != NULL && bytes == 5 && memcmp(kind, "input", 5) == 0;
    bool is_file  = kind != NULL && bytes == 4 && memcmp(kind, "file", 4) == 0;
    if (!ok || id == CUP_NAME_NONE || (!is_input && !is_file)) {
        cup_report_problem(load->report,
                           "ledger file %s, row group %u, row %u: epoch, shard, epoch_id or kind "
                           "is missing; restore the ledger from a backup",
                           rows->file, rows->group, row);
        return CUP_OK;
    }
    if (!grow((void **)&ledger->marks, ledger->mark_count, &ledger->mark_cap,
              sizeof *ledger->marks))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "read the ledger", NULL);
    struct cup_ledger_mark mark = {.epoch = epoch, .shard = shard, .id = id};
    if (ledger->mark_count == 0 ||
        memcmp(&ledger->marks[ledger->mark_count - 1], &mark, sizeof mark) != 0)
        ledger->marks[ledger->mark_count++] = mark;
    return is_input ? add_range(load, rows, row, epoch, shard, out_fault)
                    : add_file(load, rows, row, epoch, shard, out_fault);
}

static enum cup_err each_group(void *arg, const struct cup_rows *rows, struct cup_fault *out_fault)
{
    for (uint32_t row = 0; row < rows->row_count; row++) {
        enum cup_err err = add_row(arg, rows, row, out_fault);
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}

/* --- order and totals --- */

static int order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_ranges(const void *a, const void *b)
{
    const struct cup_ledger_range *x = a, *y = b;
    int                            by = order(x->input, y->input);
    if (by == 0) by = order(x->epoch, y->epoch);
    return by != 0 ? by : order(x->start, y->start);
}

static int compare_files(const void *a, const void *b)
{
    const struct cup_ledger_file *x = a, *y = b;
    int                           by = order(x->epoch, y->epoch);
    return by != 0 ? by : order(x->path, y->path);
}

static int compare_marks(const void *a, const void *b)
{
    const struct cup_ledger_mark *x = a, *y = b;
    int                           by = order((uint64_t)x->shard, (uint64_t)y->shard);
    if (by == 0) by = order(x->epoch, y->epoch);
    return by != 0 ? by : order(x->id, y->id);
}

static int compare_epochs(const void *a, const void *b)
{
    const struct cup_ledger_epoch *x = a, *y = b;
    return order(x->epoch, y->epoch);
}

static enum cup_err make_epochs(struct cup_ledger *ledger, struct cup_fault *out_fault)
{
    uint64_t kept = 0;

    if (ledger->mark_count == 0) return CUP_OK;
    qsort(ledger->marks, ledger->mark_count, sizeof *ledger->marks, compare_marks);
    for (uint64_t i = 0; i < ledger->mark_count; i++)
        if (i == 0 || compare_marks(&ledger->marks[kept - 1], &ledger->marks[i]) != 0)
            ledger->marks[kept++] = ledger->marks[i];
    ledger->mark_count = kept;
    ledger->epochs     = calloc(kept, sizeof *ledger->epochs);
    if (ledger->epochs == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "read the ledger", NULL);
    for (uint64_t i = 0; i < kept; i++)
        ledger->epochs[i].epoch = ledger->marks[i].epoch;
    qsort(ledger->epochs, kept, sizeof *ledger->epochs, compare_epochs);
    for (uint64_t i = 0; i < kept; i++) {
        bool again = ledger->epoch_count > 0 &&
                     ledger->epochs[ledger->epoch_count - 1].epoch == ledger->epochs[i].epoch;
        if (!again) ledger->epochs[ledger->epoch_count++] = ledger->epochs[i];
    }
    return CUP_OK;
}

/* Retried records were counted when they came: apart from theirs, their outcomes have no total. */
static void sum_range(struct cup_ledger *ledger, struct cup_ledger_epoch *epoch,
                      const struct cup_ledger_range *range, const uint64_t *counts)
{
    const uint64_t of_class[3] = {[CUP_CLASS_ACCEPTED]    = range->accepted,
                                  [CUP_CLASS_QUARANTINED] = range->quarantined,
                                  [CUP_CLASS_DROPPED]     = range->dropped};

    epoch->records += range->records;
    epoch->accepted += range->accepted;
    epoch->quarantined += range->quarantined;
    epoch->retried += range->retry ? range->records : 0;
    epoch->quarantine_due += range->retry ? range->records : range->quarantined;
    for (uint32_t k = 0; k < CUP_OUTCOME_COUNT; k++) {
        bool in_quarantine = range->retry || outcomes[k].class == CUP_CLASS_QUARANTINED;
        if (in_quarantine) epoch->quarantine_left[k] += (int64_t)counts[k];
        if (range->retry) continue;
        epoch->index_left[k] += (int64_t)counts[k];
        ledger->outcomes[k] += counts[k];
    }
    for (uint32_t k = 0; range->retry && k < 3; k++)
        ledger->retried[k] += of_class[k];
    if (range->retry) return;
    ledger->records += range->records;
    ledger->accepted += range->accepted;
    ledger->quarantined += range->quarantined;
    ledger->dropped += range->dropped;
}

/* tallies[i] belongs to ranges[i]: called before the ranges are sorted. */
static void sum_up(struct load *load)
{
    struct cup_ledger *ledger = load->ledger;

    for (uint64_t i = 0; i < ledger->range_count; i++) {
        const struct cup_ledger_range *range = &ledger->ranges[i];
        struct cup_ledger_epoch       *epoch = cup_ledger_find_epoch(ledger, range->epoch);
        CUP_ASSERT(epoch != NULL && load->tallies[i].epoch == range->epoch);
        sum_range(ledger, epoch, range, load->tallies[i].counts);
    }
    for (uint64_t i = 0; i < ledger->file_count; i++) {
        struct cup_ledger_epoch *epoch = cup_ledger_find_epoch(ledger, ledger->files[i].epoch);
        CUP_ASSERT(epoch != NULL);
        epoch->file_counts[ledger->files[i].zone]++;
        if (ledger->files[i].zone == CUP_LEDGER_SILVER) epoch->silver_rows += ledger->files[i].rows;
        ledger->bytes += ledger->files[i].bytes;
    }
    if (ledger->range_count > 0)
        qsort(ledger->ranges, ledger->range_count, sizeof *ledger->ranges, compare_ranges);
    if (ledger->file_count > 0)
        qsort(ledger->files, ledger->file_count, sizeof *ledger->files, compare_files);
}

struct cup_ledger_epoch *cup_ledger_find_epoch(const struct cup_ledger *ledger, uint64_t epoch)
{
    struct cup_ledger_epoch key = {.epoch = epoch};

    if (ledger->epoch_count == 0) return NULL;
    return bsearch(&key, ledger->epochs, ledger->epoch_count, sizeof key, compare_epochs);
}

struct cup_ledger_range *cup_ledger_find_range(const struct cup_ledger *ledger, uint32_t input,
                                               uint64_t epoch, uint64_t position)
{
    struct cup_ledger_range key = {.input = input, .epoch = epoch, .start = position};
    uint64_t                low = 0, high = ledger->range_count;

    while (low < high) { /* the last range that is not behind the key */
        uint64_t middle = low + (high - low) / 2;
        if (compare_ranges(&ledger->ranges[middle], &key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct cup_ledger_range *range = low > 0 ? &ledger->ranges[low - 1] : NULL;
    if (range != NULL && range->input == input && range->epoch == epoch) return range;
    /* before the first range of its epoch: that one is still the range the row speaks of */
    if (low == ledger->range_count) return NULL;
    range = &ledger->ranges[low];
    return range->input == input && range->epoch == epoch ? range : NULL;
}

/* --- load --- */

/* Every live file of the ledger; what cannot be read is reported. NO_MEMORY only. */
static enum cup_err read_table(struct load *load, const struct cup_table *table,
                               struct cup_fault *out_fault)
{
    for (uint64_t i = 0; i < table->state->file_count; i++) {
        struct cup_scan  scan = {.folder     = table->path,
                                 .file       = table->state->files[i].path,
                                 .names      = column_names,
                                 .types      = column_types,
                                 .name_count = CUP_LEDGER_COUNT,
                                 .group      = UINT32_MAX,
                                 .each       = each_group,
                                 .arg        = load};
        struct cup_fault fault;
        enum cup_err     err = cup_lake_scan(&scan, NULL, &fault);
        if (err == CUP_NO_MEMORY) {
            *out_fault = fault;
            return err;
        }
        if (err != CUP_OK)
            cup_report_fault(load->report, "the ledger cannot be read; restore it", &fault);
    }
    return CUP_OK;
}

static enum cup_err load_rows(struct load *load, const char *lake,
                              const struct cup_pipeline *pipeline, struct cup_fault *out_fault)
{
    char              name[CUP_PATH_BYTES];
    struct cup_table *table;
    struct cup_fault  fault;

    snprintf(name, sizeof name, "_cupel/%s/%s/ledger", pipeline->domain, pipeline->name);
    enum cup_err err = cup_table_open(lake, name, &table, &fault);
    if (err == CUP_NO_MEMORY) {
        *out_fault = fault;
        return err;
    }
    if (err != CUP_OK) {
        cup_report_fault(load->report, "the ledger's log cannot be read; restore it", &fault);
        return CUP_OK;
    }
    err = read_table(load, table, out_fault);
    cup_table_close(table);
    if (err == CUP_OK) err = make_epochs(load->ledger, out_fault);
    if (err == CUP_OK) sum_up(load);
    return err;
}

enum cup_err cup_ledger_load(const char *lake, const struct cup_pipeline *pipeline,
                             struct cup_report *report, struct cup_ledger **out_ledger,
                             struct cup_fault *out_fault)
{
    struct load load = {.report = report, .ledger = calloc(1, sizeof *load.ledger)};

    CUP_ASSERT(out_fault != NULL);
    if (load.ledger == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "read the ledger", NULL);
    enum cup_err err =
        cup_json_open("auto", OUTCOMES_BYTES_MAX, CUP_JSON_LIMITS_DEFAULT, &load.json, out_fault);
    if (err == CUP_OK) err = load_rows(&load, lake, pipeline, out_fault);
    cup_json_close(load.json);
    cup_text_free(&load.scratch);
    free(load.tallies);
    if (err != CUP_OK) {
        cup_ledger_free(load.ledger);
        return err;
    }
    *out_ledger = load.ledger;
    return CUP_OK;
}

void cup_ledger_free(struct cup_ledger *ledger)
{
    if (ledger == NULL) return;
    cup_texts_free(&ledger->names);
    free(ledger->ranges);
    free(ledger->files);
    free(ledger->epochs);
    free(ledger->marks);
    free(ledger);
}
