// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_records.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/abi/tables.h"

/* One row group of the index. */
struct cup_records_unit {
    uint64_t file; /* in the table's state */
    uint32_t group;
    int64_t  first, last; /* epochs of its rows */
};

static const char *const column_names[] = {
#define CUP_INDEX_COLUMN(id, name, type, text) name,
#include "dataplane/abi/tables.def"
#undef CUP_INDEX_COLUMN
};
static const uint8_t column_types[] = {
#define CUP_INDEX_COLUMN(id, name, type, text) CUP_TYPE_##type,
#include "dataplane/abi/tables.def"
#undef CUP_INDEX_COLUMN
};
_Static_assert(CUP_INDEX_COUNT <= CUP_SCAN_COLUMNS_MAX, "a scan can read the whole index");

static const char *const kind_names[] = {"value", "null", "empty", "line"};
_Static_assert(sizeof kind_names / sizeof kind_names[0] == CUP_KIND_COUNT, "a name a kind");

static bool grow(void **list, uint64_t count, uint64_t *cap, size_t bytes)
{
    if (count < *cap) return true;
    uint64_t more  = *cap ? *cap * 2 : 256;
    void    *grown = realloc(*list, more * bytes);
    if (grown == NULL) return false;
    *list = grown;
    *cap  = more;
    return true;
}

static enum cup_err no_memory(struct cup_fault *out_fault)
{
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "read the bronze index", NULL);
}

static enum cup_err bad_row(const struct cup_rows *rows, const char *what,
                            struct cup_fault *out_fault)
{
    return cup_fault_set(out_fault, CUP_CORRUPT, what, rows->file);
}

/* --- units --- */

struct unit_scan {
    struct cup_records *records;
    uint64_t            file;
};

static enum cup_err each_unit(void *arg, const struct cup_rows *rows, struct cup_fault *out_fault)
{
    struct unit_scan       *scan    = arg;
    struct cup_records     *records = scan->records;
    struct cup_records_unit unit    = {
           .file = scan->file, .group = rows->group, .first = INT64_MAX, .last = INT64_MIN};

    for (uint32_t row = 0; row < rows->row_count; row++) {
        int64_t epoch;
        if (!cup_cell_i64(rows->columns[0], row, &epoch))
            return bad_row(rows, "an index row has no epoch", out_fault);
        if (epoch < unit.first) unit.first = epoch;
        if (epoch > unit.last) unit.last = epoch;
    }
    if (rows->row_count == 0) return CUP_OK;
    if (!grow((void **)&records->units, records->unit_count, &records->unit_cap, sizeof unit))
        return no_memory(out_fault);
    records->units[records->unit_count++] = unit;
    return CUP_OK;
}

static int compare_units(const void *a, const void *b)
{
    const struct cup_records_unit *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

enum cup_err cup_records_open(const struct cup_table          *index,
                              const struct cup_records_filter *filter,
                              struct cup_records *out_records, struct cup_fault *out_fault)
{
    struct cup_records records = {.index = index};
    enum cup_err       err     = CUP_OK;

    CUP_ASSERT(index->state != NULL);
    if (filter != NULL) records.filter = *filter;
    for (uint64_t i = 0; err == CUP_OK && i < index->state->file_count; i++) {
        struct unit_scan units = {.records = &records, .file = i};
        struct cup_scan  scan  = {.folder     = index->path,
                                  .file       = index->state->files[i].path,
                                  .names      = &column_names[CUP_INDEX_EPOCH],
                                  .types      = &column_types[CUP_INDEX_EPOCH],
                                  .name_count = 1,
                                  .group      = UINT32_MAX,
                                  .each       = each_unit,
                                  .arg        = &units};
        err                    = cup_lake_scan(&scan, NULL, out_fault);
    }
    if (err != CUP_OK) {
        cup_records_close(&records);
        return err;
    }
    if (records.unit_count > 0)
        qsort(records.units, records.unit_count, sizeof *records.units, compare_units);
    *out_records = records;
    return CUP_OK;
}

void cup_records_close(struct cup_records *records)
{
    cup_texts_free(&records->names);
    cup_delta_priv_release(&records->texts);
    free(records->units);
    free(records->list);
    free(records->starts);
    *records = (struct cup_records){0};
}

/* --- rows --- */

static enum cup_err copy_text(struct cup_records *records, const struct cup_rows *rows,
                              enum cup_index_column column, uint32_t row,
                              struct cup_index_text *out_text, struct cup_fault *out_fault)
{
    uint32_t    bytes = 0;
    const char *text  = cup_cell_text(rows->columns[column], row, &bytes);

    if (text == NULL) return CUP_OK;
    char *copy = cup_delta_priv_copy(&records->texts, text, bytes);
    if (copy == NULL) return no_memory(out_fault);
    *out_text = (struct cup_index_text){(const uint8_t *)copy, bytes};
    return CUP_OK;
}

static enum cup_err name_cell(struct cup_records *records, const struct cup_rows *rows,
                              enum cup_index_column column, uint32_t row, uint32_t *out_name,
                              struct cup_fault *out_fault)
{
    uint32_t    bytes = 0;
    const char *text  = cup_cell_text(rows->columns[column], row, &bytes);

    *out_name = CUP_NAME_NONE;
    if (text == NULL) return CUP_OK;
    *out_name = cup_texts_put(&records->names, text, bytes);
    return *out_name != CUP_NAME_NONE ? CUP_OK : no_memory(out_fault);
}

static bool is_text(const struct cup_rows *rows, enum cup_index_column column, uint32_t row,
                    const char *wanted)
{
    uint32_t    bytes = 0;
    const char *text  = cup_cell_text(rows->columns[column], row, &bytes);
    return text != NULL && strlen(wanted) == bytes && memcmp(text, wanted, bytes) == 0;
}

static bool unsigned_cell(const struct cup_rows *rows, enum cup_index_column column, uint32_t row,
                          uint64_t *out)
{
    int64_t value;
    if (!cup_cell_i64(rows->columns[column], row, &value) || value < 0) return false;
    *out = (uint64_t)value;
    return true;
}

/* Where the value lies: in bronze, inline, or nowhere (null, empty). */
static enum cup_err read_place(struct cup_records *records, const struct cup_rows *rows,
                               uint32_t row, struct cup_index_record *record,
                               struct cup_fault *out_fault)
{
    enum cup_err err = name_cell(records, rows, CUP_INDEX_FILE, row, &record->file, out_fault);
    if (err == CUP_OK)
        err = copy_text(records, rows, CUP_INDEX_VALUE, row, &record->value, out_fault);
    if (err != CUP_OK) return err;
    bool has_value = record->kind == CUP_KIND_VALUE || record->kind == CUP_KIND_LINE;
    if (record->value.at != NULL) record->file = CUP_NAME_NONE; /* inline wins: it is the value */
    if (!has_value || record->value.at != NULL) return CUP_OK;
    if (record->file == CUP_NAME_NONE)
        return bad_row(rows, "an index row has neither file nor value", out_fault);
    if (!unsigned_cell(rows, CUP_INDEX_MEMBER_AT, row, &record->member_at) ||
        !unsigned_cell(rows, CUP_INDEX_AT, row, &record->at) ||
        !unsigned_cell(rows, CUP_INDEX_BYTES, row, &record->bytes))
        return bad_row(rows, "an index row does not say where its value lies", out_fault);
    if (!grow((void **)&records->starts, records->start_count, &records->start_cap,
              sizeof *records->starts))
        return no_memory(out_fault);
    struct cup_member_start  start = {.file = record->file, .at = record->member_at};
    struct cup_member_start *last =
        records->start_count > 0 ? &records->starts[records->start_count - 1] : NULL;
    if (last == NULL || last->file != start.file || last->at != start.at)
        records->starts[records->start_count++] = start;
    return CUP_OK;
}

static bool is_wanted(const struct cup_records *records, const struct cup_rows *rows, uint32_t row,
                      const struct cup_index_record *record)
{
    const struct cup_records_filter *filter = &records->filter;
    bool                             timed  = filter->since_us != 0 || filter->until_us != 0;
    int64_t                          at_us  = record->timestamp_us;

    if (filter->input != NULL && !is_text(rows, CUP_INDEX_INPUT, row, filter->input)) return false;
    if (filter->topic != NULL && !is_text(rows, CUP_INDEX_TOPIC, row, filter->topic)) return false;
    if (timed && !record->has_timestamp) return false;
    if (filter->since_us != 0 && at_us < filter->since_us) return false;
    if (filter->until_us != 0 && at_us >= filter->until_us) return false;
    return !filter->has_offsets || (record->has_offset && record->offset >= filter->first &&
                                    record->offset <= filter->last);
}

static enum cup_err read_row(struct cup_records *records, const struct cup_rows *rows, uint32_t row,
                             struct cup_fault *out_fault)
{
    struct cup_index_record record    = {.kind = CUP_KIND_COUNT};
    int64_t                 partition = 0;

    for (uint32_t i = 0; i < CUP_KIND_COUNT; i++)
        if (is_text(rows, CUP_INDEX_KIND, row, kind_names[i])) record.kind = (enum cup_index_kind)i;
    record.dump      = is_text(rows, CUP_INDEX_FORM, row, "dump");
    enum cup_err err = name_cell(records, rows, CUP_INDEX_INPUT, row, &record.input, out_fault);
    if (err == CUP_OK)
        err = name_cell(records, rows, CUP_INDEX_TOPIC, row, &record.topic, out_fault);
    if (err == CUP_OK)
        err = name_cell(records, rows, CUP_INDEX_SEALED, row, &record.sealed, out_fault);
    if (err != CUP_OK) return err;
    if (record.kind == CUP_KIND_COUNT || record.input == CUP_NAME_NONE ||
        !(record.dump || is_text(rows, CUP_INDEX_FORM, row, "ndjson")) ||
        !cup_cell_i64(rows->columns[CUP_INDEX_EPOCH], row, &record.epoch) ||
        !cup_cell_i64(rows->columns[CUP_INDEX_POSITION], row, &record.position))
        return bad_row(rows, "an index row lacks input, position, form or kind", out_fault);
    record.has_partition = cup_cell_i64(rows->columns[CUP_INDEX_PARTITION], row, &partition);
    record.partition     = (int32_t)partition;
    record.has_offset    = cup_cell_i64(rows->columns[CUP_INDEX_OFFSET], row, &record.offset);
    record.accepted      = is_text(rows, CUP_INDEX_OUTCOME, row, "accepted") ||
                      is_text(rows, CUP_INDEX_OUTCOME, row, "archived");
    record.has_timestamp =
        cup_cell_i64(rows->columns[CUP_INDEX_TIMESTAMP], row, &record.timestamp_us);
    /* Places of all records are needed: they tell where members end. */
    err = read_place(records, rows, row, &record, out_fault);
    if (err != CUP_OK) return err;
    if (!is_wanted(records, rows, row, &record)) return CUP_OK;
    err = copy_text(records, rows, CUP_INDEX_KEY, row, &record.key, out_fault);
    if (err == CUP_OK)
        err = copy_text(records, rows, CUP_INDEX_HEADERS, row, &record.headers, out_fault);
    if (err != CUP_OK) return err;
    if (!grow((void **)&records->list, records->count, &records->cap, sizeof record))
        return no_memory(out_fault);
    records->list[records->count++] = record;
    return CUP_OK;
}

static enum cup_err each_group(void *arg, const struct cup_rows *rows, struct cup_fault *out_fault)
{
    for (uint32_t row = 0; row < rows->row_count; row++) {
        enum cup_err err = read_row(arg, rows, row, out_fault);
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}

/* --- windows --- */

static int compare_records(const void *a, const void *b, void *arg)
{
    const struct cup_index_record *x = a, *y = b;
    const struct cup_texts        *names = arg;

    if (x->input != y->input) return strcmp(names->list[x->input], names->list[y->input]);
    if (x->epoch != y->epoch) return x->epoch < y->epoch ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

static int compare_starts(const void *a, const void *b)
{
    const struct cup_member_start *x = a, *y = b;
    if (x->file != y->file) return x->file < y->file ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static void sort_window(struct cup_records *records)
{
    uint64_t kept = 0;

    if (records->count > 0)
        qsort_r(records->list, records->count, sizeof *records->list, compare_records,
                &records->names);
    if (records->start_count == 0) return;
    qsort(records->starts, records->start_count, sizeof *records->starts, compare_starts);
    for (uint64_t i = 0; i < records->start_count; i++)
        if (kept == 0 || compare_starts(&records->starts[kept - 1], &records->starts[i]) != 0)
            records->starts[kept++] = records->starts[i];
    records->start_count = kept;
}

enum cup_err cup_records_next(struct cup_records *records, struct cup_fault *out_fault)
{
    records->count = records->start_count = 0;
    cup_delta_priv_release(&records->texts);
    if (records->next_unit == records->unit_count) return CUP_END;

    int64_t last = records->units[records->next_unit].last;
    for (; records->next_unit < records->unit_count; records->next_unit++) {
        const struct cup_records_unit *unit = &records->units[records->next_unit];
        if (unit->first > last) break;
        if (unit->last > last) last = unit->last;
        struct cup_scan scan = {.folder     = records->index->path,
                                .file       = records->index->state->files[unit->file].path,
                                .names      = column_names,
                                .types      = column_types,
                                .name_count = CUP_INDEX_COUNT,
                                .group      = unit->group,
                                .each       = each_group,
                                .arg        = records};
        enum cup_err    err  = cup_lake_scan(&scan, NULL, out_fault);
        if (err != CUP_OK) return err;
    }
    sort_window(records);
    return CUP_OK;
}

uint64_t cup_records_member_end(const struct cup_records *records, uint32_t file, uint64_t at)
{
    struct cup_member_start  key = {.file = file, .at = at};
    struct cup_member_start *start =
        bsearch(&key, records->starts, records->start_count, sizeof key, compare_starts);

    CUP_ASSERT(start != NULL);
    bool has_next = start + 1 < records->starts + records->start_count && start[1].file == file;
    return has_next ? start[1].at : UINT64_MAX;
}
