// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lake/tool/tool_check.h"

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
    table->epoch_column = "_epoch";
    *out_table          = check->table_count++;
    enum cup_err err    = cup_table_open(check->lake, table->name, &table->table, &fault);
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
    for (uint32_t i = 0; i < check->table_count; i++)
        check->tables[i].epoch_column = "epoch";
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
        free(check->tables[i].strangers);
        free(check->tables[i].name);
    }
    free(check->tables);
    check->tables      = NULL;
    check->table_count = 0;
}

/* --- a pipeline that runs meanwhile --- */

/* The epoch in a data file's name "part-<epoch>-..."; 0 when it is not named like ours. */
static uint64_t epoch_of_name(const char *path)
{
    const char *name = strrchr(path, '/');
    char       *end;

    name = name != NULL ? name + 1 : path;
    if (strncmp(name, "part-", 5) != 0 || name[5] < '0' || name[5] > '9') return 0;
    uint64_t epoch = strtoull(name + 5, &end, 10);
    return *end == '-' && end - name >= 15 ? epoch : 0;
}

static uint64_t reach_of(const struct cup_check *check, const char *app)
{
    for (uint32_t i = 0; i < check->reaches->count; i++)
        if (strcmp(check->reaches->list[i].app, app) == 0) return check->reaches->list[i].epoch;
    return 0;
}

/* Does a ledger have the file? A name does not tell of which shard its epoch is. */
static bool is_owned(const struct cup_check *check, const struct cup_check_table *table,
                     const char *path)
{
    char name[2 * CUP_PATH_BYTES];
    int  bytes = snprintf(name, sizeof name, "%s/%s", table->name, path);

    return bytes < (int)sizeof name &&
           cup_texts_find(check->owned, name, (size_t)bytes) != CUP_NAME_NONE;
}

bool cup_check_is_newer(const struct cup_check *check, const struct cup_check_table *table,
                        const char *path)
{
    const struct cup_delta_state *state = table->table->state;
    uint64_t                      epoch = epoch_of_name(path);

    if (is_owned(check, table, path)) return false;
    for (uint32_t i = 0; epoch > 0 && i < state->txn_count; i++) {
        const struct cup_delta_txn *txn = &state->txns[i];
        if (strncmp(txn->app_id, "cupel/", 6) == 0 && epoch <= txn->version &&
            epoch > reach_of(check, txn->app_id))
            return true;
    }
    return false;
}

bool cup_check_is_later(const struct cup_check *check, const struct cup_check_table *table,
                        uint64_t epoch)
{
    const struct cup_delta_state *state  = table->table->state;
    const struct cup_ledger      *ledger = check->ledger;
    char                          app[CUP_SHARD_BYTES];

    if (ledger->epoch_count > 0 && epoch <= ledger->epochs[ledger->epoch_count - 1].epoch)
        return false;
    int bytes =
        snprintf(app, sizeof app, "cupel/%s/%s/", check->pipeline->domain, check->pipeline->name);
    for (uint32_t i = 0; i < state->txn_count; i++)
        if (strncmp(state->txns[i].app_id, app, (size_t)bytes) == 0 &&
            epoch <= state->txns[i].version)
            return true;
    return false;
}

bool cup_check_is_coming(const struct cup_check *check, const struct cup_check_table *table,
                         int32_t shard, uint64_t epoch)
{
    for (uint32_t i = 0; i < check->reaches->count; i++) {
        const struct cup_check_reach *reach = &check->reaches->list[i];
        if (reach->shard.number != (uint32_t)shard ||
            strcmp(reach->shard.domain, check->pipeline->domain) != 0 ||
            strcmp(reach->shard.pipeline, check->pipeline->name) != 0)
            continue;
        return reach->running && epoch == reach->epoch &&
               cup_delta_txn_version(table->table->state, reach->app) < epoch;
    }
    return false;
}
