// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_lake.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES (256u << 10)

/* The path of a name below a folder, in out[CUP_PATH_BYTES]. */
static enum cup_err join(const char *folder, const char *name, char *out,
                         struct cup_fault *out_fault)
{
    int bytes = snprintf(out, CUP_PATH_BYTES, "%s/%s", folder, name);

    if (bytes < 0 || bytes >= (int)CUP_PATH_BYTES)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a path is too long", name);
    return CUP_OK;
}

static enum cup_err os_fault(struct cup_fault *out_fault, const char *what, const char *path)
{
    enum cup_err err = errno == ENOENT || errno == ENOTDIR ? CUP_NOT_FOUND : CUP_IO;
    return cup_fault_set(out_fault, err, what, path);
}

/* --- pipelines --- */

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int compare_pipelines(const void *a, const void *b)
{
    const struct cup_pipeline *x = a, *y = b;
    int                        order = strcmp(x->domain, y->domain);
    return order != 0 ? order : strcmp(x->name, y->name);
}

static enum cup_err add_pipeline(struct cup_pipelines *pipelines, const char *domain,
                                 const char *name, struct cup_fault *out_fault)
{
    struct cup_pipeline *list =
        realloc(pipelines->list, (pipelines->count + 1) * sizeof *pipelines->list);

    if (list == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "list pipelines", NULL);
    pipelines->list        = list;
    list[pipelines->count] = (struct cup_pipeline){strdup(domain), strdup(name)};
    bool ok                = list[pipelines->count].domain && list[pipelines->count].name;
    pipelines->count++;
    return ok ? CUP_OK : cup_fault_set(out_fault, CUP_NO_MEMORY, "list pipelines", NULL);
}

/* The pipelines of one domain. */
static enum cup_err list_domain(const char *lake, const char *domain, const char *name,
                                struct cup_pipelines *pipelines, struct cup_fault *out_fault)
{
    char           path[CUP_PATH_BYTES];
    struct dirent *entry;
    enum cup_err   err = CUP_OK;

    if (snprintf(path, sizeof path, "%s/_cupel/%s", lake, domain) >= (int)sizeof path)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a path is too long", domain);
    DIR *folder = opendir(path);
    if (folder == NULL) return errno == ENOTDIR ? CUP_OK : os_fault(out_fault, "list", path);
    while (err == CUP_OK && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.' || (name != NULL && strcmp(entry->d_name, name) != 0)) continue;
        int bytes =
            snprintf(path, sizeof path, "%s/_cupel/%s/%s/ledger", lake, domain, entry->d_name);
        if (bytes < (int)sizeof path && is_folder(path))
            err = add_pipeline(pipelines, domain, entry->d_name, out_fault);
    }
    closedir(folder);
    return err;
}

enum cup_err cup_pipelines_find(const char *lake, const char *domain, const char *name,
                                struct cup_pipelines *out, struct cup_fault *out_fault)
{
    struct cup_pipelines found = {0};
    char                 path[CUP_PATH_BYTES];
    struct dirent       *entry;

    enum cup_err err = join(lake, "_cupel", path, out_fault);
    if (err != CUP_OK) return err;
    DIR *folder = opendir(path);
    if (folder == NULL) return os_fault(out_fault, "open the lake", path);
    while (err == CUP_OK && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.') continue;
        if (domain != NULL && strcmp(entry->d_name, domain) != 0) continue;
        err = list_domain(lake, entry->d_name, name, &found, out_fault);
    }
    closedir(folder);
    if (err != CUP_OK) {
        cup_pipelines_free(&found);
        return err;
    }
    if (found.count > 0) qsort(found.list, found.count, sizeof *found.list, compare_pipelines);
    *out = found;
    return CUP_OK;
}

void cup_pipelines_free(struct cup_pipelines *pipelines)
{
    for (uint32_t i = 0; i < pipelines->count; i++) {
        free(pipelines->list[i].domain);
        free(pipelines->list[i].name);
    }
    free(pipelines->list);
    *pipelines = (struct cup_pipelines){0};
}

/* --- files --- */

static enum cup_err read_at(void *arg, uint64_t at, void *bytes, size_t count,
                            struct cup_fault *out_fault)
{
    const struct cup_lake_file *file = arg;
    uint8_t                    *to   = bytes;

    while (count > 0) {
        ssize_t got = pread(file->fd, to, count, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return cup_fault_set(out_fault, CUP_IO, "read", file->path);
        if (got == 0)
            return cup_fault_set(out_fault, CUP_CORRUPT, "the file is cut off", file->path);
        to += got;
        at += (uint64_t)got;
        count -= (size_t)got;
    }
    return CUP_OK;
}

enum cup_err cup_lake_file_open(const char *folder, const char *name,
                                struct cup_lake_file *out_file, struct cup_fault *out_fault)
{
    struct stat info;

    enum cup_err err = join(folder, name, out_file->path, out_fault);
    if (err != CUP_OK) return err;
    int fd = open(out_file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return os_fault(out_fault, "open", out_file->path);
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return cup_fault_set(out_fault, CUP_CORRUPT, "this is no file", out_file->path);
    }
    out_file->fd     = fd;
    out_file->source = (struct cup_bytes_source){
        .arg = out_file, .bytes = (uint64_t)info.st_size, .read = read_at};
    return CUP_OK;
}

void cup_lake_file_close(struct cup_lake_file *file)
{
    CUP_ASSERT(file->fd >= 0);
    close(file->fd);
    file->fd = -1;
}

/* --- tables --- */

static enum cup_err io_get(void *arg, const char *name, struct cup_text *out,
                           struct cup_fault *out_fault)
{
    const struct cup_table *table = arg;
    struct cup_lake_file    file;

    enum cup_err err = cup_lake_file_open(table->path, name, &file, out_fault);
    if (err != CUP_OK) return err;
    char *bytes = malloc(READ_BYTES);
    if (bytes == NULL) err = cup_fault_set(out_fault, CUP_NO_MEMORY, "read", file.path);
    for (uint64_t at = 0; err == CUP_OK && at < file.source.bytes; at += READ_BYTES) {
        uint64_t left  = file.source.bytes - at;
        size_t   count = left < READ_BYTES ? (size_t)left : READ_BYTES;
        err            = read_at(&file, at, bytes, count, out_fault);
        if (err == CUP_OK) cup_text_put(out, bytes, count);
    }
    if (err == CUP_OK && out->failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "read", file.path);
    free(bytes);
    cup_lake_file_close(&file);
    return err;
}

static enum cup_err io_list(void *arg, const char *folder, void (*each)(void *, const char *name),
                            void *each_arg, struct cup_fault *out_fault)
{
    const struct cup_table *table = arg;
    char                    path[CUP_PATH_BYTES];
    struct dirent          *entry;

    enum cup_err err = join(table->path, folder, path, out_fault);
    if (err != CUP_OK) return err;
    DIR *open_folder = opendir(path);
    if (open_folder == NULL) return os_fault(out_fault, "list", path);
    while ((entry = readdir(open_folder)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            each(each_arg, entry->d_name);
    closedir(open_folder);
    return CUP_OK;
}

enum cup_err cup_table_open(const char *lake, const char *name, struct cup_table **out_table,
                            struct cup_fault *out_fault)
{
    struct cup_table *table = calloc(1, sizeof *table);

    if (table == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "open a table", name);
    enum cup_err err = join(lake, name, table->path, out_fault);
    table->io        = (struct cup_delta_io){.arg = table, .get = io_get, .list = io_list};
    if (err == CUP_OK) err = cup_delta_load(&table->io, &table->state, out_fault);
    if (err != CUP_OK) {
        free(table);
        return err;
    }
    *out_table = table;
    return CUP_OK;
}

void cup_table_close(struct cup_table *table)
{
    if (table == NULL) return;
    cup_delta_state_free(table->state);
    free(table);
}

/* --- rows --- */

struct columns {
    uint32_t at[CUP_SCAN_COLUMNS_MAX]; /* UINT32_MAX: the file has no such column */
    uint8_t  wanted[CUP_PARQUET_COLUMNS_MAX];
};

static void find_columns(const struct cup_scan *scan, const struct cup_field *fields,
                         uint32_t field_count, struct columns *out)
{
    *out = (struct columns){0};
    CUP_ASSERT(scan->name_count <= CUP_SCAN_COLUMNS_MAX);
    for (uint32_t i = 0; i < scan->name_count; i++) {
        out->at[i] = UINT32_MAX;
        for (uint32_t k = 0; k < field_count; k++) {
            if (strcmp(fields[k].name, scan->names[i]) != 0) continue;
            if (cup_type_vec((enum cup_type)fields[k].type) !=
                cup_type_vec((enum cup_type)scan->types[i]))
                continue;
            out->at[i]     = k;
            out->wanted[k] = 1;
        }
    }
}

static enum cup_err scan_groups(const struct cup_scan *scan, struct cup_parquet_reader *reader,
                                struct cup_fault *out_fault)
{
    struct columns          found;
    uint32_t                field_count;
    const struct cup_field *fields = cup_parquet_reader_fields(reader, &field_count);
    uint32_t                count  = cup_parquet_reader_group_count(reader);

    if (field_count > CUP_PARQUET_COLUMNS_MAX)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED, "a file has too many columns", NULL);
    find_columns(scan, fields, field_count, &found);
    for (uint32_t group = 0; group < count; group++) {
        if (scan->group != UINT32_MAX && scan->group != group) continue;
        struct cup_rows          rows = {.file = scan->file, .group = group};
        const struct cup_column *columns;
        enum cup_err             err =
            cup_parquet_reader_group(reader, group, scan->names != NULL ? found.wanted : NULL,
                                     &columns, &rows.row_count, out_fault);
        if (err != CUP_OK) return err;
        for (uint32_t i = 0; i < scan->name_count; i++)
            if (found.at[i] != UINT32_MAX) rows.columns[i] = &columns[found.at[i]];
        if (scan->each != NULL) err = scan->each(scan->arg, &rows, out_fault);
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}

enum cup_err cup_lake_scan(const struct cup_scan *scan, uint64_t *out_row_count,
                           struct cup_fault *out_fault)
{
    struct cup_lake_file       file;
    struct cup_parquet_reader *reader;

    enum cup_err err = cup_lake_file_open(scan->folder, scan->file, &file, out_fault);
    if (err != CUP_OK) return err;
    err = cup_parquet_reader_open(file.source, &reader, out_fault);
    if (err == CUP_OK) {
        uint64_t row_count = cup_parquet_reader_rows(reader);
        err                = scan_groups(scan, reader, out_fault);
        if (err == CUP_OK && out_row_count != NULL) *out_row_count = row_count;
        cup_parquet_reader_close(reader);
    }
    /* The reader does not know the file's name. */
    if (err != CUP_OK && out_fault != NULL && strstr(out_fault->where, scan->file) == NULL) {
        struct cup_fault inner = *out_fault;
        (void)cup_fault_set(out_fault, inner.err, inner.what, file.path);
        out_fault->os_errno  = inner.os_errno;
        out_fault->at_offset = inner.at_offset;
    }
    cup_lake_file_close(&file);
    return err;
}

bool cup_cell_i64(const struct cup_column *column, uint32_t row, int64_t *out_value)
{
    if (column == NULL || row >= column->row_count || cup_column_is_null(column, row)) return false;
    if (column->vec == CUP_VEC_I64)
        *out_value = column->i64[row];
    else if (column->vec == CUP_VEC_I32)
        *out_value = column->i32[row];
    else if (column->vec == CUP_VEC_BITS)
        *out_value = cup_bit_get(column->bits, row);
    else
        return false;
    return true;
}

const char *cup_cell_text(const struct cup_column *column, uint32_t row, uint32_t *out_bytes)
{
    if (column == NULL || row >= column->row_count || cup_column_is_null(column, row)) return NULL;
    if (column->vec != CUP_VEC_VAR) return NULL;
    uint32_t bytes = column->offsets[row + 1] - column->offsets[row];
    *out_bytes     = bytes;
    return bytes > 0 ? (const char *)column->text + column->offsets[row] : "";
}
