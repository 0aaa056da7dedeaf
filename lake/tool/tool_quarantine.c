// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_quarantine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/abi/tables.h"

static const char *const column_names[] = {
#define CUP_QUARANTINE_COLUMN(id, name, type, text) name,
#include "dataplane/abi/tables.def"
#undef CUP_QUARANTINE_COLUMN
};
static const uint8_t column_types[] = {
#define CUP_QUARANTINE_COLUMN(id, name, type, text) CUP_TYPE_##type,
#include "dataplane/abi/tables.def"
#undef CUP_QUARANTINE_COLUMN
};
_Static_assert(CUP_QUARANTINE_COUNT <= CUP_SCAN_COLUMNS_MAX, "a scan can read the whole table");

/* Texts and bytes that only cup_quarantine_each reads. */
static bool is_heavy(enum cup_quarantine_column column)
{
    return column == CUP_QUARANTINE_KEY || column == CUP_QUARANTINE_HEADERS ||
           column == CUP_QUARANTINE_VALUE || column == CUP_QUARANTINE_MESSAGE;
}

const char *cup_quarantine_name(const struct cup_quarantine *quarantine, uint32_t name)
{
    return name == CUP_NAME_NONE ? "" : quarantine->names.list[name];
}

bool cup_quarantine_is(const struct cup_quarantine *quarantine, uint32_t name, const char *text)
{
    return strcmp(cup_quarantine_name(quarantine, name), text) == 0;
}

/* --- reading rows --- */

struct reading {
    struct cup_quarantine   *quarantine;
    const struct cup_rows   *rows;
    const struct cup_column *columns[CUP_QUARANTINE_COUNT]; /* NULL: not read */
    uint32_t                 file, row;
    bool                     failed;
};

static int64_t number(const struct reading *reading, enum cup_quarantine_column column)
{
    int64_t value;
    return cup_cell_i64(reading->columns[column], reading->row, &value) ? value : -1;
}

static uint32_t name(struct reading *reading, enum cup_quarantine_column column)
{
    uint32_t    bytes = 0;
    const char *text  = cup_cell_text(reading->columns[column], reading->row, &bytes);

    if (text == NULL) return CUP_NAME_NONE;
    uint32_t put = cup_texts_put(&reading->quarantine->names, text, bytes);
    reading->failed |= put == CUP_NAME_NONE;
    return put;
}

static bool take_row(struct reading *reading)
{
    struct cup_quarantine *quarantine = reading->quarantine;
    int64_t                timestamp;

    if (quarantine->count == quarantine->cap) {
        uint64_t more  = quarantine->cap == 0 ? 1024 : quarantine->cap * 2;
        void    *grown = realloc(quarantine->rows, more * sizeof *quarantine->rows);
        if (grown == NULL) return false;
        quarantine->rows = grown;
        quarantine->cap  = more;
    }
    struct cup_quarantine_row *row = &quarantine->rows[quarantine->count++];

    *row = (struct cup_quarantine_row){
        .epoch       = number(reading, CUP_QUARANTINE_EPOCH),
        .first_epoch = number(reading, CUP_QUARANTINE_FIRST_EPOCH),
        .position    = number(reading, CUP_QUARANTINE_POSITION),
        .offset      = number(reading, CUP_QUARANTINE_OFFSET),
        .ingested_us = number(reading, CUP_QUARANTINE_INGESTED_AT),
        .member_at   = number(reading, CUP_QUARANTINE_MEMBER_AT),
        .at          = number(reading, CUP_QUARANTINE_AT),
        .bytes       = number(reading, CUP_QUARANTINE_BYTES),
        .byte        = number(reading, CUP_QUARANTINE_BYTE),
        .partition   = (int32_t)number(reading, CUP_QUARANTINE_PARTITION),
        .input       = name(reading, CUP_QUARANTINE_INPUT),
        .topic       = name(reading, CUP_QUARANTINE_TOPIC),
        .reason      = name(reading, CUP_QUARANTINE_REASON),
        .path        = name(reading, CUP_QUARANTINE_PATH),
        .rule        = name(reading, CUP_QUARANTINE_RULE),
        .sealed      = name(reading, CUP_QUARANTINE_SEALED),
        .withheld    = name(reading, CUP_QUARANTINE_WITHHELD),
        .table       = name(reading, CUP_QUARANTINE_TABLE),
        .file        = name(reading, CUP_QUARANTINE_FILE),
        .by          = name(reading, CUP_QUARANTINE_BY),
        .state       = name(reading, CUP_QUARANTINE_STATE),
        .form        = name(reading, CUP_QUARANTINE_FORM),
        .kind        = name(reading, CUP_QUARANTINE_KIND),
        .in_file     = reading->file,
        .in_group    = reading->rows->group,
        .in_row      = reading->row,
    };
    row->has_timestamp =
        cup_cell_i64(reading->columns[CUP_QUARANTINE_TIMESTAMP], reading->row, &timestamp);
    if (row->has_timestamp) row->timestamp_us = timestamp;
    return !reading->failed;
}

struct light {
    const char *names[CUP_QUARANTINE_COUNT];
    uint8_t     types[CUP_QUARANTINE_COUNT];
    uint8_t     column[CUP_QUARANTINE_COUNT];
    uint32_t    count;
};

struct load {
    struct reading reading;
    struct light   light;
};

static enum cup_err each_group(void *arg, const struct cup_rows *rows, struct cup_fault *out_fault)
{
    struct load    *load    = arg;
    struct reading *reading = &load->reading;

    reading->rows = rows;
    for (uint32_t i = 0; i < load->light.count; i++)
        reading->columns[load->light.column[i]] = rows->columns[i];
    for (reading->row = 0; reading->row < rows->row_count; reading->row++)
        if (!take_row(reading))
            return cup_fault_set(out_fault, CUP_NO_MEMORY, "read the quarantine", rows->file);
    return CUP_OK;
}

static enum cup_err load_rows(struct cup_quarantine *quarantine, struct cup_fault *out_fault)
{
    const struct cup_delta_state *state = quarantine->table->state;
    struct load                   load  = {.reading = {.quarantine = quarantine}};
    enum cup_err                  err   = CUP_OK;

    for (uint32_t i = 0; i < CUP_QUARANTINE_COUNT; i++) {
        if (is_heavy((enum cup_quarantine_column)i)) continue;
        load.light.names[load.light.count]    = column_names[i];
        load.light.types[load.light.count]    = column_types[i];
        load.light.column[load.light.count++] = (uint8_t)i;
    }
    for (uint32_t i = 0; err == CUP_OK && i < state->file_count; i++) {
        struct cup_scan scan = {.folder     = quarantine->table->path,
                                .file       = state->files[i].path,
                                .names      = load.light.names,
                                .types      = load.light.types,
                                .name_count = load.light.count,
                                .group      = UINT32_MAX,
                                .each       = each_group,
                                .arg        = &load};
        load.reading.file    = i;
        err                  = cup_lake_scan(&scan, NULL, out_fault);
    }
    return err;
}

/* --- which rows count --- */

static int compare_rows(const void *a, const void *b, void *arg)
{
    const struct cup_quarantine_row *x = a, *y = b;
    const struct cup_quarantine     *in = arg;

    if (x->first_epoch != y->first_epoch) return x->first_epoch < y->first_epoch ? -1 : 1;
    if (x->input != y->input)
        return strcmp(cup_quarantine_name(in, x->input), cup_quarantine_name(in, y->input));
    if (x->position != y->position) return x->position < y->position ? -1 : 1;
    /* Its first row is of whichever shard reads the input; all others are of the shard that
     * retries, and only their epochs can be compared. */
    bool x_first = x->by == CUP_NAME_NONE, y_first = y->by == CUP_NAME_NONE;
    if (x_first != y_first) return x_first ? 1 : -1;
    return (x->epoch < y->epoch) - (x->epoch > y->epoch); /* the latest first */
}

static bool is_same_record(const struct cup_quarantine_row *a, const struct cup_quarantine_row *b)
{
    return a->first_epoch == b->first_epoch && a->input == b->input && a->position == b->position;
}

/* A table is named by its path, or by the end of it: bank/account. */
static bool ends_with(const char *path, const char *end)
{
    size_t bytes = strlen(path), wanted = strlen(end);

    if (wanted > bytes || strcmp(path + bytes - wanted, end) != 0) return false;
    return wanted == bytes || path[bytes - wanted - 1] == '/';
}

static bool is_at(const struct cup_quarantine *in, const struct cup_quarantine_row *row,
                  const char *place)
{
    char behind[64];

    snprintf(behind, sizeof behind, "/%" PRId32 "/%" PRId64, row->partition, row->offset);
    const char *topic = cup_quarantine_name(in, row->topic);
    size_t      bytes = strlen(topic);
    return strncmp(place, topic, bytes) == 0 && strcmp(place + bytes, behind) == 0;
}

static bool is_selected(const struct cup_quarantine *in, const struct cup_quarantine_row *row,
                        const struct cup_quarantine_filter *filter)
{
    const char *state = filter->state != NULL ? filter->state : "open";

    if (!cup_quarantine_is(in, row->state, state)) return false;
    if (filter->reason != NULL && !cup_quarantine_is(in, row->reason, filter->reason)) return false;
    if (filter->input != NULL && !cup_quarantine_is(in, row->input, filter->input)) return false;
    if (filter->table != NULL && !ends_with(cup_quarantine_name(in, row->table), filter->table))
        return false;
    if (filter->place != NULL && !is_at(in, row, filter->place)) return false;
    return row->ingested_us >= filter->since_us;
}

static void select_rows(struct cup_quarantine              *quarantine,
                        const struct cup_quarantine_filter *filter)
{
    struct cup_quarantine_row *rows = quarantine->rows;
    uint64_t                   kept = 0;

    if (quarantine->count == 0) return;
    qsort_r(rows, quarantine->count, sizeof *rows, compare_rows, quarantine);
    struct cup_quarantine_row last = {.first_epoch = INT64_MIN};
    for (uint64_t i = 0; i < quarantine->count; i++) {
        struct cup_quarantine_row row = rows[i];
        if (is_same_record(&last, &row)) continue;
        last = row;
        if (is_selected(quarantine, &row, filter)) rows[kept++] = row;
    }
    quarantine->count = kept;
}

enum cup_err cup_quarantine_open(const char *lake, const struct cup_pipeline *of,
                                 const struct cup_quarantine_filter *filter,
                                 struct cup_quarantine *out, struct cup_fault *out_fault)
{
    struct cup_quarantine quarantine = {.lake = lake};
    char                  path[CUP_PATH_BYTES];

    snprintf(path, sizeof path, "%s/quarantine/%s", of->domain, of->name);
    if (snprintf(quarantine.bronze, sizeof quarantine.bronze, "%s/%s/bronze/%s", lake, of->domain,
                 of->name) >= (int)sizeof quarantine.bronze)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a path is too long", lake);
    enum cup_err err = cup_table_open(lake, path, &quarantine.table, out_fault);
    if (err != CUP_OK) return err;
    err = load_rows(&quarantine, out_fault);
    if (err != CUP_OK) {
        cup_quarantine_close(&quarantine);
        return err;
    }
    select_rows(&quarantine, filter);
    *out = quarantine;
    return CUP_OK;
}

void cup_quarantine_close(struct cup_quarantine *quarantine)
{
    if (quarantine->member_open) cup_member_close(&quarantine->member);
    cup_table_close(quarantine->table);
    cup_texts_free(&quarantine->names);
    free(quarantine->rows);
    *quarantine = (struct cup_quarantine){0};
}

/* --- bytes --- */

struct heavy {
    struct cup_quarantine *quarantine;
    cup_quarantine_fn     *each;
    void                  *arg;
    uint64_t               from, to; /* rows that lie in this group */
};

static enum cup_err read_bronze(struct cup_quarantine           *quarantine,
                                const struct cup_quarantine_row *row,
                                struct cup_quarantine_record *record, struct cup_fault *out_fault)
{
    struct cup_member *member = &quarantine->member;
    enum cup_err       err    = CUP_OK;

    if (row->member_at < 0 || row->at < 0 || row->bytes < 0)
        return cup_fault_set(out_fault, CUP_CORRUPT,
                             "a quarantine row does not say where its bytes lie",
                             quarantine->table->path);
    if (!quarantine->member_open) {
        err                     = cup_member_open(quarantine->bronze, member, out_fault);
        quarantine->member_open = err == CUP_OK;
    }
    if (err == CUP_OK)
        err = cup_member_load(member, cup_quarantine_name(quarantine, row->file), row->file,
                              (uint64_t)row->member_at, CUP_MEMBER_END_UNKNOWN, out_fault);
    if (err != CUP_OK) return err;
    if ((uint64_t)row->at > member->text.bytes ||
        (uint64_t)row->bytes > member->text.bytes - (uint64_t)row->at)
        return cup_fault_set(out_fault, CUP_CORRUPT,
                             "a quarantine row points behind a member's end; run cupel verify",
                             member->file.path);
    record->value       = row->bytes > 0 ? member->text.at + row->at : "";
    record->value_bytes = (size_t)row->bytes;
    record->kept        = true;
    return CUP_OK;
}

static const char *cell(const struct cup_rows *rows, uint32_t column, uint32_t row,
                        size_t *out_bytes)
{
    uint32_t    bytes = 0;
    const char *text  = cup_cell_text(rows->columns[column], row, &bytes);

    *out_bytes = bytes;
    return text;
}

static enum cup_err each_heavy(void *arg, const struct cup_rows *rows, struct cup_fault *out_fault)
{
    struct heavy          *heavy      = arg;
    struct cup_quarantine *quarantine = heavy->quarantine;
    enum cup_err           err        = CUP_OK;

    for (uint64_t i = heavy->from; err == CUP_OK && i < heavy->to; i++) {
        const struct cup_quarantine_row *row    = &quarantine->rows[i];
        struct cup_quarantine_record     record = {.row = row};

        record.key     = cell(rows, 0, row->in_row, &record.key_bytes);
        record.headers = cell(rows, 1, row->in_row, &record.headers_bytes);
        record.value   = cell(rows, 2, row->in_row, &record.value_bytes);
        record.kept =
            record.value != NULL ? (int64_t)record.value_bytes == row->bytes : row->bytes <= 0;
        if (row->sealed != CUP_NAME_NONE) /* its bytes need a key */
            record = (struct cup_quarantine_record){.row = row};
        else if (row->file != CUP_NAME_NONE)
            err = read_bronze(quarantine, row, &record, out_fault);
        if (record.value == NULL && cup_quarantine_is(quarantine, row->kind, "empty"))
            record.value = "";
        if (err == CUP_OK) err = heavy->each(heavy->arg, &record, out_fault);
    }
    return err;
}

enum cup_err cup_quarantine_each(struct cup_quarantine *quarantine, uint64_t limit, bool bytes,
                                 cup_quarantine_fn *each, void *arg, struct cup_fault *out_fault)
{
    static const char *const names[] = {"key", "headers", "value"};
    static const uint8_t     types[] = {CUP_TYPE_BINARY, CUP_TYPE_BINARY, CUP_TYPE_BINARY};
    struct heavy             heavy   = {.quarantine = quarantine, .each = each, .arg = arg};
    uint64_t                 count   = limit < quarantine->count ? limit : quarantine->count;
    enum cup_err             err     = CUP_OK;

    /* Rows of a record's first refusal lie in the order of the selection: the runs are long. */
    while (err == CUP_OK && heavy.from < count) {
        const struct cup_quarantine_row *first = &quarantine->rows[heavy.from];
        heavy.to                               = heavy.from + 1;
        while (bytes && heavy.to < count && quarantine->rows[heavy.to].in_file == first->in_file &&
               quarantine->rows[heavy.to].in_group == first->in_group)
            heavy.to++;
        struct cup_scan scan = {.folder     = quarantine->table->path,
                                .file       = quarantine->table->state->files[first->in_file].path,
                                .names      = names,
                                .types      = types,
                                .name_count = 3,
                                .group      = first->in_group,
                                .each       = each_heavy,
                                .arg        = &heavy};
        if (bytes)
            err = cup_lake_scan(&scan, NULL, out_fault);
        else
            err = each(arg, &(struct cup_quarantine_record){.row = first}, out_fault);
        heavy.from = heavy.to;
    }
    return err;
}
