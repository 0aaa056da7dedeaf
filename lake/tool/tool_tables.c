// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_tables.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- finding tables --- */

static enum cup_err push(struct cup_tables *names, const char *folder, const char *leaf,
                         struct cup_fault *out_fault)
{
    char   name[CUP_PATH_BYTES];
    char **list = realloc(names->list, (names->count + 1) * sizeof *list);

    if (list != NULL) names->list = list;
    int bytes = snprintf(name, sizeof name, "%s%s%s", folder, folder[0] ? "/" : "", leaf);
    if (bytes >= (int)sizeof name) return CUP_OK; /* no system call would take it */
    char *copy = strdup(name);
    if (list == NULL || copy == NULL) {
        free(copy);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "list tables", folder);
    }
    names->list[names->count++] = copy;
    return CUP_OK;
}

static bool is_folder(const char *lake, const char *folder, const char *leaf)
{
    char        path[2 * CUP_PATH_BYTES];
    struct stat info;

    int bytes = snprintf(path, sizeof path, "%s/%s/%s", lake, folder, leaf);
    return bytes < (int)sizeof path && lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The folders in one folder, behind those that wait to be looked into. */
static enum cup_err look_into(const char *lake, const char *folder, struct cup_tables *waiting,
                              struct cup_fault *out_fault)
{
    char           path[2 * CUP_PATH_BYTES];
    struct dirent *entry;
    enum cup_err   err = CUP_OK;

    snprintf(path, sizeof path, "%s/%s", lake, folder);
    DIR *open_folder = opendir(path);
    if (open_folder == NULL) {
        if (folder[0] != '\0' && (errno == ENOENT || errno == EACCES)) return CUP_OK;
        return cup_fault_set(out_fault, errno == ENOENT ? CUP_NOT_FOUND : CUP_IO, "list", path);
    }
    while (err == CUP_OK && (entry = readdir(open_folder)) != NULL) {
        bool folder_likely = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
        if (entry->d_name[0] == '.' || !folder_likely) continue;
        if (is_folder(lake, folder, entry->d_name))
            err = push(waiting, folder, entry->d_name, out_fault);
    }
    closedir(open_folder);
    return err;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum cup_err cup_tables_find(const char *lake, const char *only, struct cup_tables *out_tables,
                             struct cup_fault *out_fault)
{
    struct cup_tables tables = {0}, waiting = {0};
    enum cup_err      err = push(&waiting, "", "", out_fault);

    for (uint32_t i = 0; err == CUP_OK && i < waiting.count; i++) {
        const char *folder = waiting.list[i];
        if (i > 0 && is_folder(lake, folder, "_delta_log")) {
            if (only == NULL || strcmp(only, folder) == 0)
                err = push(&tables, "", folder, out_fault);
        } else {
            err = look_into(lake, folder, &waiting, out_fault);
        }
    }
    cup_tables_free(&waiting);
    if (err == CUP_OK && only != NULL && tables.count == 0)
        err = cup_fault_set(out_fault, CUP_NOT_FOUND, "find the table", only);
    if (err != CUP_OK) {
        cup_tables_free(&tables);
        return err;
    }
    if (tables.count > 0) qsort(tables.list, tables.count, sizeof *tables.list, compare_names);
    *out_tables = tables;
    return CUP_OK;
}

void cup_tables_free(struct cup_tables *tables)
{
    for (uint32_t i = 0; i < tables->count; i++)
        free(tables->list[i]);
    free(tables->list);
    *tables = (struct cup_tables){0};
}

/* --- words --- */

void cup_tables_say_fault(const char *table, const struct cup_fault *fault, const char *ending)
{
    fprintf(stderr, "cupel-lake: %s: %s (%s)%s%s%s%s%s\n", table, cup_err_text(fault->err),
            fault->what == NULL ? "" : fault->what, fault->where[0] ? ": " : "", fault->where,
            fault->os_errno ? ": " : "", fault->os_errno ? strerror(fault->os_errno) : "", ending);
}

void cup_tables_say_missing(const char *lake, const char *only)
{
    if (only != NULL)
        fprintf(stderr, "cupel-lake: %s: there is no table %s in this lake of cupel\n", lake, only);
    else
        fprintf(stderr, "cupel-lake: %s: this is no lake of cupel\n", lake);
}

/* --- sizes and times --- */

struct unit {
    const char *name;
    uint64_t    factor;
};

static bool read_units(const char *text, const struct unit *units, size_t count,
                       uint64_t *out_value)
{
    char    *end;
    uint64_t value;

    if (text[0] < '0' || text[0] > '9') return false;
    errno                     = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0) return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(units[i].name, end) != 0) continue;
        if (__builtin_mul_overflow(number, units[i].factor, &value)) return false;
        *out_value = value;
        return true;
    }
    return false;
}

bool cup_units_bytes(const char *text, uint64_t *out_bytes)
{
    static const struct unit units[] = {
        {"", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}};

    return read_units(text, units, sizeof units / sizeof units[0], out_bytes);
}

bool cup_units_time(const char *text, uint64_t *out_us)
{
    static const struct unit units[] = {{"ms", 1000},
                                        {"s", 1000000ull},
                                        {"m", 60 * 1000000ull},
                                        {"h", 3600 * 1000000ull},
                                        {"d", 86400 * 1000000ull}};

    return read_units(text, units, sizeof units / sizeof units[0], out_us);
}
