// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernels/isal/isal.h"
#include "lake/tool/tool_check.h"

#define READ_BYTES (1u << 20)

/* --- tables --- */

static enum cup_err add_table(struct cup_check *check, const char *name, size_t bytes,
                              uint32_t *out_table, struct cup_fault *out_fault)
{
    struct cup_fault        fault;
    struct cup_check_table *tables =
        realloc(check->tables, (check->table_count + 1) * sizeof *tables);

    if (tables == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "open tables", NULL);
    check->tables                 = tables;
    struct cup_check_table *table = &tables[check->table_count];
    *table                        = (struct cup_check_table){.name = strndup(name, bytes)};
    if (table->name == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "open tables", NULL);
    *out_table       = check->table_count++;
    enum cup_err err = cup_table_open(check->lake, table->name, &table->table, &fault);
    if (err == CUP_NO_MEMORY) {
        *out_fault = fault;
        return err;
    }
    if (err == CUP_OK) return CUP_OK;
    char what[CUP_PATH_BYTES];
    snprintf(what, sizeof what, "table %.3000s cannot be read; restore its _delta_log",
             table->name);
    cup_report_fault(check->report, what, &fault);
    return CUP_OK;
}

static bool has_log(const struct cup_check *check, const char *name, size_t bytes)
{
    char        path[CUP_PATH_BYTES + 16];
    struct stat info;

    int count = snprintf(path, sizeof path, "%s/%.*s/_delta_log", check->lake, (int)bytes, name);
    return count < (int)sizeof path && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The table that a file lies in: the nearest folder above it that is known or has a log. */
static enum cup_err table_of(struct cup_check *check, const char *path, uint32_t *out_table,
                             struct cup_fault *out_fault)
{
    for (size_t bytes = strlen(path); bytes > 0; bytes--) {
        if (path[bytes] != '/') continue;
        for (uint32_t i = 0; i < check->table_count; i++) {
            const char *name = check->tables[i].name;
            if (strlen(name) == bytes && memcmp(name, path, bytes) == 0) {
                *out_table = i;
                return CUP_OK;
            }
        }
        if (has_log(check, path, bytes)) return add_table(check, path, bytes, out_table, out_fault);
    }
    cup_report_problem(check->report, "%s: no folder above it has a _delta_log; restore the table",
                       path);
    return CUP_OK;
}

enum cup_err cup_check_open_tables(struct cup_check *check, struct cup_fault *out_fault)
{
    struct cup_ledger *ledger = check->ledger;
    char               name[CUP_PATH_BYTES];
    enum cup_err       err    = CUP_OK;
    const char *const  domain = check->pipeline->domain, *pipeline = check->pipeline->name;

    check->index = check->quarantine = UINT32_MAX;
    snprintf(name, sizeof name, "%s/bronze/%s/_index", domain, pipeline);
    if (has_log(check, name, strlen(name)))
        err = add_table(check, name, strlen(name), &check->index, out_fault);
    snprintf(name, sizeof name, "%s/quarantine/%s", domain, pipeline);
    if (err == CUP_OK && has_log(check, name, strlen(name)))
        err = add_table(check, name, strlen(name), &check->quarantine, out_fault);
    for (uint64_t i = 0; err == CUP_OK && i < ledger->file_count; i++) {
        struct cup_ledger_file *file = &ledger->files[i];
        if (file->zone != CUP_LEDGER_BRONZE)
            err = table_of(check, ledger->names.list[file->path], &file->table, out_fault);
    }
    return err;
}

void cup_check_close_tables(struct cup_check *check)
{
    for (uint32_t i = 0; i < check->table_count; i++) {
        cup_table_close(check->tables[i].table);
        if (check->tables[i].has_history) cup_history_free(&check->tables[i].history);
        free(check->tables[i].name);
    }
    free(check->tables);
    check->tables      = NULL;
    check->table_count = 0;
}

/* --- live files --- */

/* NULL when the history cannot be read (reported). */
static const struct cup_history *history_of(struct cup_check *check, struct cup_check_table *table)
{
    struct cup_fault fault;

    if (table->has_history) return &table->history;
    if (cup_history_load(table->table, &table->history, &fault) != CUP_OK) {
        cup_report_fault(check->report, "the history of a table cannot be read", &fault);
        return NULL;
    }
    table->has_history = true;
    return &table->history;
}

/* A live file that no ledger names: another engine may have written it, cupel may not. */
static void report_stranger(struct cup_check *check, struct cup_check_table *table,
                            const char *path)
{
    const struct cup_history *history = history_of(check, table);

    if (history == NULL) return;
    uint8_t flags = cup_history_of(history, path);
    if (flags & CUP_HISTORY_FOREIGN)
        cup_report_note(check->report, "table %s: file %s was added by another engine", table->name,
                        path);
    else if (flags & CUP_HISTORY_OURS || history->whole)
        cup_report_problem(check->report,
                           "table %s: live file %s is in no ledger; its rows have no evidence: "
                           "restore the ledger, or remove the file from the table",
                           table->name, path);
    else
        cup_report_note(check->report,
                        "table %s: file %s is in no ledger, and the log no longer tells who added "
                        "it",
                        table->name, path);
}

/* numbers[name] is the ledger file + 1 of a path. */
static enum cup_err number_files(struct cup_check *check, uint32_t **out_numbers,
                                 struct cup_fault *out_fault)
{
    const struct cup_ledger *ledger  = check->ledger;
    uint32_t                *numbers = calloc((size_t)ledger->names.count + 1, sizeof *numbers);

    if (numbers == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "verify", NULL);
    CUP_ASSERT(ledger->file_count < UINT32_MAX);
    for (uint64_t i = 0; i < ledger->file_count; i++) {
        uint32_t path = ledger->files[i].path;
        if (numbers[path] != 0)
            cup_report_problem(check->report,
                               "ledger: epoch %" PRIu64 ": file %s is in epoch %" PRIu64 " too",
                               ledger->files[i].epoch, ledger->names.list[path],
                               ledger->files[numbers[path] - 1].epoch);
        numbers[path] = (uint32_t)i + 1;
    }
    *out_numbers = numbers;
    return CUP_OK;
}

static void match_live(struct cup_check *check, struct cup_check_table *table,
                       const uint32_t *numbers)
{
    struct cup_ledger            *ledger = check->ledger;
    const struct cup_delta_state *state  = table->table->state;
    char                          path[2 * CUP_PATH_BYTES];

    for (uint64_t i = 0; i < state->file_count; i++) {
        const struct cup_delta_file *live = &state->files[i];
        int bytes = snprintf(path, sizeof path, "%s/%s", table->name, live->path);
        if (bytes >= (int)sizeof path) continue; /* no file system has such a name */
        uint32_t name = cup_names_find(&ledger->names, path, (size_t)bytes);
        if (name == CUP_NAME_NONE || numbers[name] == 0) {
            if (cup_names_find(check->owned, path, (size_t)bytes) == CUP_NAME_NONE)
                report_stranger(check, table, live->path);
            continue;
        }
        struct cup_ledger_file *file = &ledger->files[numbers[name] - 1];
        file->live                   = true;
        bool rows_differ = live->row_count != UINT64_MAX && live->row_count != file->rows;
        if (live->bytes != file->bytes || rows_differ)
            cup_report_problem(check->report,
                               "table %s: file %s: the log says %" PRIu64 " bytes, %" PRIu64
                               " rows, the ledger %" PRIu64 " and %" PRIu64,
                               table->name, live->path, live->bytes, live->row_count, file->bytes,
                               file->rows);
    }
}

/* --- one file --- */

static enum cup_err check_crc(struct cup_check *check, const struct cup_lake_file *open_file,
                              const struct cup_ledger_file *file, const char *path,
                              struct cup_fault *out_fault)
{
    uint8_t         *bytes = malloc(READ_BYTES);
    uint32_t         crc   = 0;
    struct cup_fault fault;
    enum cup_err     err = CUP_OK;

    if (bytes == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "verify", path);
    for (uint64_t at = 0; err == CUP_OK && at < file->bytes; at += READ_BYTES) {
        uint64_t left  = file->bytes - at;
        size_t   count = left < READ_BYTES ? (size_t)left : READ_BYTES;
        err            = open_file->source.read(open_file->source.arg, at, bytes, count, &fault);
        if (err == CUP_OK) crc = cup_crc32c(crc, bytes, count);
    }
    free(bytes);
    if (err != CUP_OK)
        cup_report_fault(check->report, "a file cannot be read", &fault);
    else if (crc != file->crc32c)
        cup_report_problem(check->report,
                           "%s: CRC-32C is %08x, the ledger says %08x: bytes changed; restore it",
                           path, crc, file->crc32c);
    return CUP_OK;
}

/* Rows of a silver file must carry the epoch that the ledger gives it. */
struct stamps {
    uint64_t epoch, wrong;
};

static enum cup_err each_stamp(void *arg, const struct cup_rows *rows, struct cup_fault *out_fault)
{
    struct stamps *stamps = arg;

    (void)out_fault; /* nothing can fail here */
    for (uint32_t row = 0; row < rows->row_count; row++) {
        int64_t epoch;
        if (!cup_cell_i64(rows->columns[0], row, &epoch) || (uint64_t)epoch != stamps->epoch)
            stamps->wrong++;
    }
    return CUP_OK;
}

static enum cup_err check_parquet(struct cup_check *check, const struct cup_ledger_file *file,
                                  const char *path, struct cup_fault *out_fault)
{
    static const char *const names[]   = {"_epoch"};
    static const uint8_t     types[]   = {CUP_TYPE_LONG};
    struct stamps            stamps    = {.epoch = file->epoch};
    bool                     silver    = file->zone == CUP_LEDGER_SILVER;
    uint64_t                 row_count = 0;
    struct cup_fault         fault;
    struct cup_scan          scan = {.folder     = check->lake,
                                     .file       = path,
                                     .names      = names,
                                     .types      = types,
                                     .name_count = silver ? 1 : 0,
                                     .group      = UINT32_MAX,
                                     .each       = silver ? each_stamp : NULL,
                                     .arg        = &stamps};

    enum cup_err err = cup_lake_scan(&scan, &row_count, &fault);
    if (err == CUP_OK && check->deep) {
        struct cup_scan all = {.folder = check->lake, .file = path, .group = UINT32_MAX};
        err                 = cup_lake_scan(&all, NULL, &fault);
    }
    if (err == CUP_NO_MEMORY) {
        *out_fault = fault;
        return err;
    }
    if (err != CUP_OK) {
        cup_report_fault(check->report, "a file cannot be read; restore it", &fault);
        return CUP_OK;
    }
    if (row_count != file->rows)
        cup_report_problem(check->report, "%s: it holds %" PRIu64 " rows, the ledger says %" PRIu64,
                           path, row_count, file->rows);
    if (stamps.wrong > 0)
        cup_report_problem(check->report,
                           "%s: %" PRIu64 " rows do not carry the file's epoch %" PRIu64, path,
                           stamps.wrong, file->epoch);
    return CUP_OK;
}

static enum cup_err check_bytes(struct cup_check *check, const struct cup_ledger_file *file,
                                const char *path, struct cup_fault *out_fault)
{
    struct cup_lake_file open_file;
    struct cup_fault     fault;

    if (cup_lake_file_open(check->lake, path, &open_file, &fault) != CUP_OK) {
        cup_report_problem(check->report,
                           "%s: epoch %" PRIu64 ": the file is missing (%s); restore it", path,
                           file->epoch, cup_err_text(fault.err));
        return CUP_OK;
    }
    enum cup_err err = CUP_OK;
    if (open_file.source.bytes != file->bytes)
        cup_report_problem(check->report,
                           "%s: epoch %" PRIu64 ": it has %" PRIu64
                           " bytes, the ledger says %" PRIu64 "; restore it",
                           path, file->epoch, open_file.source.bytes, file->bytes);
    else if (check->deep)
        err = check_crc(check, &open_file, file, path, out_fault);
    cup_lake_file_close(&open_file);
    if (err != CUP_OK || file->zone == CUP_LEDGER_BRONZE) return err;
    return check_parquet(check, file, path, out_fault);
}

/* A file of a table that is not live: another engine may have replaced it, else its rows are lost.
 */
static void report_dead(struct cup_check *check, const struct cup_ledger_file *file,
                        const char *path)
{
    struct cup_check_table *table = &check->tables[file->table];

    if (table->table == NULL) return; /* reported when it was opened */
    const struct cup_history *history = history_of(check, table);
    if (history == NULL) return;
    uint8_t flags = cup_history_of(history, path + strlen(table->name) + 1);
    if (flags & CUP_HISTORY_REMOVED || (flags == 0 && !history->whole))
        cup_report_note(check->report, "%s: another engine replaced it (epoch %" PRIu64 ")", path,
                        file->epoch);
    else
        cup_report_problem(check->report,
                           "%s: epoch %" PRIu64
                           ": the ledger names it, but no commit of table %s adds it; its rows are "
                           "missing: run the pipeline once more (it finishes decided epochs)",
                           path, file->epoch, table->name);
}

enum cup_err cup_check_files(struct cup_check *check, struct cup_fault *out_fault)
{
    struct cup_ledger *ledger  = check->ledger;
    uint32_t          *numbers = NULL;

    enum cup_err err = number_files(check, &numbers, out_fault);
    if (err != CUP_OK) return err;
    for (uint32_t i = 0; i < check->table_count; i++)
        if (check->tables[i].table != NULL) match_live(check, &check->tables[i], numbers);
    free(numbers);
    for (uint64_t i = 0; err == CUP_OK && i < ledger->file_count; i++) {
        const struct cup_ledger_file *file = &ledger->files[i];
        const char                   *path = ledger->names.list[file->path];
        if (file->zone != CUP_LEDGER_BRONZE && file->table == UINT32_MAX) continue; /* reported */
        if (file->zone == CUP_LEDGER_BRONZE || file->live)
            err = check_bytes(check, file, path, out_fault);
        else
            report_dead(check, file, path);
    }
    return err;
}
