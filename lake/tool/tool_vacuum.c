// SPDX-License-Identifier: Apache-2.0
#include "lake/tool/tool_vacuum.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "lake/tool/tool_tables.h"

#define DEPTH_MAX 64u /* folders below a table: partition columns, and what others made */

struct vacuum {
    const struct cup_vacuum_options *options;
    FILE                            *out;
    struct cup_in_hand               hand;
    uint64_t                         file_count, bytes, table_count; /* removed */
    bool                             troubled;
};

/* One table. */
struct sweep {
    struct vacuum    *vacuum;
    struct cup_table *table;
    const char       *name;
    int64_t           before_us; /* older files may go */
    uint64_t          file_count, bytes, kept_count;
};

static void complain(struct vacuum *vacuum, const char *name, const struct cup_fault *fault)
{
    vacuum->troubled = true;
    cup_tables_say_fault(name, fault, "; it is left as it is");
}

/* --- what may go --- */

/* Hidden: "_x", ".x"; but not the folders of a partition column that is called "_date". */
static bool is_hidden(const struct sweep *sweep, const char *name)
{
    const char *equals = strchr(name, '=');
    char        column[264];

    if (name[0] != '_' && name[0] != '.') return false;
    if (equals == NULL || equals - name > 255) return true;
    snprintf(column, sizeof column, "\"%.*s\"", (int)(equals - name), name);
    return strstr(sweep->table->state->partition_columns_json, column) == NULL;
}

static int compare_path(const void *path, const void *tombstone)
{
    return strcmp(path, ((const struct cup_delta_tombstone *)tombstone)->path);
}

/* cup_delta_forget has put the tombstones in order, and only those that count are left. */
static bool is_referred_to(const struct sweep *sweep, const char *path)
{
    const struct cup_delta_state *state = sweep->table->state;

    if (cup_delta_find(state, path) != NULL) return true;
    if (state->tombstone_count > 0 && bsearch(path, state->tombstones, state->tombstone_count,
                                              sizeof *state->tombstones, compare_path) != NULL)
        return true;
    return cup_in_hand_names(&sweep->vacuum->hand, path);
}

static bool is_data(const char *name)
{
    static const char ending[] = ".parquet";
    size_t            bytes    = strlen(name);

    return bytes > strlen(ending) && strcmp(name + bytes - strlen(ending), ending) == 0;
}

/* --- the walk --- */

static void remove_file(struct sweep *sweep, const char *whole, const struct stat *info)
{
    if (!sweep->vacuum->options->dry_run && unlink(whole) != 0) {
        if (errno == ENOENT) return; /* another vacuum was faster */
        struct cup_fault fault = {.err = CUP_IO, .os_errno = errno, .what = "remove a file"};
        complain(sweep->vacuum, whole, &fault);
        return;
    }
    sweep->file_count++;
    sweep->bytes += (uint64_t)info->st_size;
}

static void look_at_file(struct sweep *sweep, const char *path, const char *whole,
                         const struct stat *info)
{
    int64_t modified_us = info->st_mtim.tv_sec * CUP_US_PER_S + info->st_mtim.tv_nsec / 1000;

    if (!is_data(path)) return;
    if (modified_us >= sweep->before_us || is_referred_to(sweep, path))
        sweep->kept_count++;
    else
        remove_file(sweep, whole, info);
}

static enum cup_err walk(struct sweep *sweep, const char *folder, uint32_t depth,
                         struct cup_fault *out_fault);

static enum cup_err look_at(struct sweep *sweep, const char *folder, const char *name,
                            uint32_t depth, struct cup_fault *out_fault)
{
    char        path[CUP_PATH_BYTES], whole[2 * CUP_PATH_BYTES];
    struct stat info;

    int bytes = snprintf(path, sizeof path, "%s%s%s", folder, folder[0] ? "/" : "", name);
    if (bytes >= (int)sizeof path) return CUP_OK; /* no system call would take it */
    snprintf(whole, sizeof whole, "%s/%s", sweep->table->path, path);
    if (lstat(whole, &info) != 0) return CUP_OK; /* gone meanwhile */
    if (S_ISREG(info.st_mode)) look_at_file(sweep, path, whole, &info);
    if (S_ISDIR(info.st_mode) && depth < DEPTH_MAX) return walk(sweep, path, depth + 1, out_fault);
    return CUP_OK;
}

/* Ends at DEPTH_MAX. A folder that is a table of its own is not this table's. */
static enum cup_err walk(struct sweep *sweep, const char *folder, uint32_t depth,
                         struct cup_fault *out_fault)
{
    char           path[2 * CUP_PATH_BYTES];
    struct stat    info;
    struct dirent *entry;
    enum cup_err   err = CUP_OK;

    snprintf(path, sizeof path, "%s/%s/_delta_log", sweep->table->path, folder);
    if (folder[0] != '\0' && stat(path, &info) == 0) return CUP_OK;
    snprintf(path, sizeof path, "%s/%s", sweep->table->path, folder);
    DIR *open_folder = opendir(path);
    if (open_folder == NULL) return cup_fault_set(out_fault, CUP_IO, "list", path);
    while (err == CUP_OK && (entry = readdir(open_folder)) != NULL)
        if (!is_hidden(sweep, entry->d_name))
            err = look_at(sweep, folder, entry->d_name, depth, out_fault);
    closedir(open_folder);
    return err;
}

/* --- tables --- */

static void print_bytes(uint64_t bytes, char out_text[32])
{
    if (bytes < 10u << 20)
        snprintf(out_text, 32, "%.1f KiB", (double)bytes / 1024);
    else
        snprintf(out_text, 32, "%.1f MiB", (double)bytes / (1 << 20));
}

static enum cup_err sweep_table(struct sweep *sweep, struct cup_fault *out_fault)
{
    struct vacuum *vacuum    = sweep->vacuum;
    int64_t        retain_us = vacuum->options->retain_us, now_us = cup_clock_wall_us();
    char           text[32];

    if (retain_us < 0)
        retain_us = cup_delta_duration(sweep->table->state, CUP_DELTA_FILE_RETENTION,
                                       CUP_DELTA_FILE_RETENTION_US);
    sweep->before_us = now_us - retain_us;
    cup_delta_forget(sweep->table->state, sweep->before_us / CUP_US_PER_MS);
    enum cup_err err = walk(sweep, "", 1, out_fault);
    print_bytes(sweep->bytes, text);
    if (sweep->file_count > 0)
        fprintf(vacuum->out, "%s: %" PRIu64 " files, %s %s; %" PRIu64 " stay\n", sweep->name,
                sweep->file_count, text, vacuum->options->dry_run ? "would go" : "removed",
                sweep->kept_count);
    vacuum->file_count += sweep->file_count;
    vacuum->bytes += sweep->bytes;
    vacuum->table_count += sweep->file_count > 0;
    return err;
}

static void vacuum_table(struct vacuum *vacuum, const char *name)
{
    struct sweep     sweep = {.vacuum = vacuum, .name = name};
    struct cup_fault fault = {0};

    enum cup_err err = cup_table_open(vacuum->options->lake, name, &sweep.table, &fault);
    if (err != CUP_OK) {
        complain(vacuum, name, &fault);
        return;
    }
    const char *feature = cup_delta_unwritable(sweep.table->state);
    if (feature != NULL) {
        fprintf(vacuum->out,
                "%s: left as it is: it demands of writers what cupel does not know: "
                "%s; vacuum it with its own engine\n",
                name, feature);
    } else {
        err = sweep_table(&sweep, &fault);
        if (err != CUP_OK) complain(vacuum, name, &fault);
    }
    cup_table_close(sweep.table);
}

/* A short retention would take files that running pipelines are about to commit. */
static bool nobody_runs(const struct cup_vacuum_options *options, const struct cup_shards *shards)
{
    char holder[CUP_HOLDER_BYTES];

    for (uint32_t i = 0; i < shards->count; i++) {
        if (!cup_shard_held(options->lake, &shards->list[i], holder)) continue;
        fprintf(stderr,
                "cupel-lake: %s/%s is running (%s): with --retain below 24h stop it first\n",
                shards->list[i].domain, shards->list[i].pipeline, holder);
        return false;
    }
    return true;
}

static bool is_short(const struct cup_vacuum_options *options)
{
    return options->retain_us >= 0 && options->retain_us < CUP_VACUUM_RETAIN_US_MIN;
}

static enum cup_err vacuum_lake(struct vacuum *vacuum, struct cup_fault *out_fault)
{
    const struct cup_vacuum_options *options = vacuum->options;
    struct cup_shards                shards  = {0};
    struct cup_tables                tables  = {0};

    enum cup_err err =
        cup_shards_find(options->lake, NULL, NULL, CUP_SHARD_ANY, &shards, out_fault);
    if (err == CUP_OK) err = cup_tables_find(options->lake, options->table, &tables, out_fault);
    if (err == CUP_OK && is_short(options) && !nobody_runs(options, &shards))
        vacuum->troubled = true;
    else if (err == CUP_OK)
        err = cup_in_hand_read(options->lake, &shards, &vacuum->hand, out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < tables.count; i++)
        vacuum_table(vacuum, tables.list[i]);
    cup_tables_free(&tables);
    cup_shards_free(&shards);
    return err;
}

enum cup_exit cup_vacuum_run(const struct cup_vacuum_options *options, FILE *out)
{
    struct vacuum    vacuum = {.options = options, .out = out};
    struct cup_fault fault  = {0};
    char             text[32];

    CUP_ASSERT(options->lake != NULL);
    if (is_short(options) && !options->force) {
        fputs("cupel-lake: --retain below 24h takes files away from readers and writers that are "
              "at work, and from time travel; if nobody is, say --force as well\n",
              stderr);
        return CUP_EXIT_USAGE;
    }
    if (is_short(options))
        fputs("cupel-lake: warning: readers that are at work on older versions will miss files\n",
              stderr);
    enum cup_err err = vacuum_lake(&vacuum, &fault);
    if (err == CUP_NOT_FOUND)
        cup_tables_say_missing(options->lake, options->table);
    else if (err != CUP_OK)
        complain(&vacuum, options->lake, &fault);
    print_bytes(vacuum.bytes, text);
    if (err == CUP_OK)
        fprintf(out, "%" PRIu64 " tables: %" PRIu64 " files, %s %s\n", vacuum.table_count,
                vacuum.file_count, text, options->dry_run ? "would go" : "removed");
    cup_in_hand_free(&vacuum.hand);
    return err != CUP_OK || vacuum.troubled ? CUP_EXIT_PROBLEMS : CUP_EXIT_OK;
}
