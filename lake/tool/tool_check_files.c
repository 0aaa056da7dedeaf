// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/isal/isal.h"
#include "lake/tool/tool_check.h"

#define READ_BYTES (128u << 10) /* stays in the L2 cache between read and checksum */

/* --- live files --- */

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

static enum cup_err note_stranger(struct cup_check_table *table, uint64_t number,
                                  struct cup_fault *out_fault)
{
    if (table->strangers == NULL)
        table->strangers = calloc(table->table->state->file_count, sizeof *table->strangers);
    if (table->strangers == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "verify", table->name);
    table->strangers[table->stranger_count++] = number;
    return CUP_OK;
}

/* The log and the ledger must say the same of a file. */
static void compare_live(struct cup_check *check, const struct cup_check_table *table,
                         const struct cup_delta_file *live, const struct cup_ledger_file *file)
{
    bool rows_differ = live->row_count != UINT64_MAX && live->row_count != file->rows;

    if (live->bytes != file->bytes || rows_differ)
        cup_report_problem(check->report,
                           "table %s: file %s: the log says %" PRIu64 " bytes, %" PRIu64
                           " rows, the ledger %" PRIu64 " and %" PRIu64,
                           table->name, live->path, live->bytes, live->row_count, file->bytes,
                           file->rows);
}

static enum cup_err match_live(struct cup_check *check, struct cup_check_table *table,
                               const uint32_t *numbers, struct cup_fault *out_fault)
{
    struct cup_ledger            *ledger = check->ledger;
    const struct cup_delta_state *state  = table->table->state;
    char                          path[2 * CUP_PATH_BYTES];
    enum cup_err                  err = CUP_OK;

    for (uint64_t i = 0; err == CUP_OK && i < state->file_count; i++) {
        const struct cup_delta_file *live = &state->files[i];
        int bytes = snprintf(path, sizeof path, "%s/%s", table->name, live->path);
        if (bytes >= (int)sizeof path) continue; /* no file system has such a name */
        uint32_t name = cup_texts_find(&ledger->names, path, (size_t)bytes);
        if (name != CUP_NAME_NONE && numbers[name] != 0) {
            struct cup_ledger_file *file = &ledger->files[numbers[name] - 1];
            file->live                   = true;
            compare_live(check, table, live, file);
        } else if (cup_texts_find(check->owned, path, (size_t)bytes) == CUP_NAME_NONE &&
                   !cup_check_is_newer(check, table, live->path)) {
            err = note_stranger(table, i, out_fault);
        }
    }
    return err;
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

enum cup_err cup_check_files(struct cup_check *check, struct cup_fault *out_fault)
{
    struct cup_ledger *ledger  = check->ledger;
    uint32_t          *numbers = NULL;

    enum cup_err err = number_files(check, &numbers, out_fault);
    if (err != CUP_OK) return err;
    for (uint32_t i = 0; err == CUP_OK && i < check->table_count; i++)
        if (check->tables[i].table != NULL)
            err = match_live(check, &check->tables[i], numbers, out_fault);
    free(numbers);
    for (uint64_t i = 0; err == CUP_OK && i < ledger->file_count; i++) {
        const struct cup_ledger_file *file = &ledger->files[i];
        if (file->zone == CUP_LEDGER_BRONZE || file->live)
            err = check_bytes(check, file, ledger->names.list[file->path], out_fault);
    }
    return err == CUP_OK ? cup_check_merged(check, out_fault) : err;
}
