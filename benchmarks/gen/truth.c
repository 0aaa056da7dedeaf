// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gen/truth.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "benchmarks/gen/out.h"
#include "benchmarks/gen/put.h"

#define ROW_BYTES_FIXED (16u << 10)
#define LABELS_BYTES    512u

struct sums {
    int64_t  sum[CUP_BANK_COLUMNS_MAX];
    uint64_t nulls[CUP_BANK_COLUMNS_MAX];
};

static int compare_keys(const void *a, const void *b)
{
    const struct cup_row *left = a, *right = b;
    return left->key < right->key ? -1 : left->key > right->key;
}

static uint8_t *put_csv_text(uint8_t *at, const char *text, size_t count)
{
    *at++ = '"';
    for (size_t i = 0; i < count; i++) {
        if (text[i] == '"') *at++ = '"';
        *at++ = (uint8_t)text[i];
    }
    *at++ = '"';
    return at;
}

static uint8_t *put_labels(uint8_t *at, const struct cup_cell *cell)
{
    uint8_t json[LABELS_BYTES], *end = json;
    *end++ = '[';
    for (int64_t i = 0; i < cell->number; i++) {
        if (i > 0) *end++ = ',';
        *end++ = '"';
        end    = cup_put_json(end, cell->labels[i], strlen(cell->labels[i]));
        *end++ = '"';
    }
    *end++ = ']';
    return put_csv_text(at, (const char *)json, (size_t)(end - json));
}

static uint8_t *put_value(uint8_t *at, const struct cup_bank_column *column,
                          const struct cup_cell *cell)
{
    if (cell->is_null) return cup_put_string(at, "\\N");
    switch (column->kind) {
    case CUP_CELL_LONG:
    case CUP_CELL_SHORT: return cup_put_i64(at, cell->number);
    case CUP_CELL_BOOL: return cup_put_string(at, cell->number != 0 ? "true" : "false");
    case CUP_CELL_DOUBLE: return cup_put_quarters(at, cell->number);
    case CUP_CELL_DECIMAL: return cup_put_decimal(at, cell->number, column->scale);
    case CUP_CELL_DATE: return cup_put_date(at, cell->number);
    case CUP_CELL_ZONED:
        at    = cup_put_time(at, cell->number);
        *at++ = 'Z';
        return at;
    case CUP_CELL_LOCAL: return cup_put_time(at, cell->number);
    case CUP_CELL_UUID:
    case CUP_CELL_JSON:
    case CUP_CELL_TEXT: return put_csv_text(at, cell->text, cell->bytes);
    case CUP_CELL_TAGS: return put_labels(at, cell);
    }
    return at;
}

static bool is_summed(enum cup_cell_kind kind)
{
    return kind == CUP_CELL_LONG || kind == CUP_CELL_SHORT || kind == CUP_CELL_BOOL ||
           kind == CUP_CELL_DOUBLE || kind == CUP_CELL_DECIMAL;
}

static enum cup_err write_row(const struct cup_bank *bank, enum cup_bank_table t,
                              const struct cup_row *row, struct cup_out *out, struct sums *sums,
                              struct cup_fault *out_fault)
{
    uint32_t                      count;
    const struct cup_bank_column *columns = cup_bank_columns(t, &count);
    uint8_t                      *at      = cup_out_begin(out);
    struct cup_cell               cell;
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) *at++ = ',';
        cup_bank_cell(bank, &columns[i], i, row, &cell);
        at = put_value(at, &columns[i], &cell);
        sums->nulls[i] += cell.is_null;
        if (!cell.is_null && is_summed(columns[i].kind)) sums->sum[i] += cell.number;
    }
    *at++ = '\n';
    return cup_out_end(out, at, out_fault);
}

static enum cup_err write_header(enum cup_bank_table t, struct cup_out *out,
                                 struct cup_fault *out_fault)
{
    uint32_t                      count;
    const struct cup_bank_column *columns = cup_bank_columns(t, &count);
    uint8_t                      *at      = cup_out_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) *at++ = ',';
        at = cup_put_string(at, columns[i].name);
    }
    *at++ = '\n';
    return cup_out_end(out, at, out_fault);
}

static enum cup_err write_table(struct cup_load *load, const struct cup_bank *bank,
                                enum cup_bank_table t, const char *folder, struct sums *sums,
                                struct cup_fault *out_fault)
{
    char                   path[PATH_MAX];
    struct cup_out         out;
    struct cup_load_table *table = &load->tables[t];
    if (snprintf(path, sizeof(path), "%s/%s.csv", folder, cup_bank_name(t)) >= (int)sizeof(path))
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "the name is too long", folder);
    size_t       row_bytes = 4 * (size_t)bank->filler_bytes[t] + ROW_BYTES_FIXED;
    enum cup_err err       = cup_out_open(&out, path, row_bytes, out_fault);
    if (err != CUP_OK) return err;

    if (table->row_count > 0)
        qsort(table->rows, table->row_count, sizeof(*table->rows), compare_keys);
    err = write_header(t, &out, out_fault);
    for (uint32_t i = 0; i < table->row_count && err == CUP_OK; i++)
        err = write_row(bank, t, &table->rows[i], &out, sums, out_fault);
    enum cup_err closed = cup_out_close(&out, err == CUP_OK ? out_fault : NULL);
    return err != CUP_OK ? err : closed;
}

static void print_sums(const struct cup_load *load, enum cup_bank_table t, const struct sums *sums,
                       FILE *file)
{
    const struct cup_load_table  *table = &load->tables[t];
    const char                   *name  = cup_bank_name(t);
    uint32_t                      count;
    const struct cup_bank_column *columns = cup_bank_columns(t, &count);
    fprintf(file, "%s,,rows,%u\n", name, table->row_count);
    fprintf(file, "%s,,op_r,%llu\n", name, (unsigned long long)table->snapshot_count);
    for (enum cup_load_op op = 0; op < CUP_LOAD_K; op++)
        fprintf(file, "%s,,op_%c,%llu\n", name, "cud"[op],
                (unsigned long long)table -> event_counts[op]);
    fprintf(file, "%s,,key_changes,%llu\n", name,
            (unsigned long long)table->event_counts[CUP_LOAD_K]);
    for (uint32_t i = 0; i < count; i++) {
        fprintf(file, "%s,%s,nulls,%llu\n", name, columns[i].name,
                (unsigned long long)sums->nulls[i]);
        if (!is_summed(columns[i].kind)) continue;
        uint8_t  text[32], *end;
        uint32_t scale = columns[i].kind == CUP_CELL_DECIMAL ? columns[i].scale : 0;
        if (columns[i].kind == CUP_CELL_DOUBLE)
            end = cup_put_quarters(text, sums->sum[i]);
        else
            end = cup_put_decimal(text, sums->sum[i], scale);
        fprintf(file, "%s,%s,sum,%.*s\n", name, columns[i].name, (int)(end - text), (char *)text);
    }
}

enum cup_err cup_truth_write(struct cup_load *load, const struct cup_bank *bank, const char *folder,
                             uint64_t tombstone_count, struct cup_fault *out_fault)
{
    char path[PATH_MAX];
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        return cup_fault_set(out_fault, CUP_IO, "create folder", folder);
    if (snprintf(path, sizeof(path), "%s/sums.csv", folder) >= (int)sizeof(path))
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "the name is too long", folder);
    FILE *file = fopen(path, "we");
    if (file == NULL) return cup_fault_set(out_fault, CUP_IO, "create", path);

    enum cup_err err = CUP_OK;
    fprintf(file, "table,column,measure,value\n,,tombstones,%llu\n",
            (unsigned long long)tombstone_count);
    for (enum cup_bank_table t = 0; t < CUP_BANK_COUNT && err == CUP_OK; t++) {
        struct sums sums = {0};
        err              = write_table(load, bank, t, folder, &sums, out_fault);
        if (err == CUP_OK) print_sums(load, t, &sums, file);
    }
    bool bad = ferror(file) != 0;
    bad      = fclose(file) != 0 || bad;
    if (bad && err == CUP_OK) err = cup_fault_set(out_fault, CUP_IO, "write", path);
    return err;
}
