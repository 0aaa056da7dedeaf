// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/upkeep_priv.h"

#include <string.h>

#include "base/clock.h"

#define SCAN_MAX   100u  /* versions looked at for the checkpoint to cut at; every tenth has one */
#define REMOVE_MAX 1000u /* versions removed at one checkpoint; ten come with each */
_Static_assert(REMOVE_MAX > 2 * CUP_DELTA_CHECKPOINT_INTERVAL, "removing must outrun committing");

enum cup_err cup_commit_upkeep(struct cup_commit *commit, uint32_t *out_count,
                               struct cup_fault *out_fault)
{
    CUP_ASSERT(cup_commit_standing(commit) == CUP_COMMIT_READY);
    enum cup_err err = cup_upkeep_commit(commit->store, commit->shard_folder,
                                         commit->plan->log_retention_us, out_count, out_fault);
    if (err != CUP_NO_MEMORY) return err;
    *out_count = 0; /* the manifest stays: there may be memory another time */
    return CUP_OK;
}

/* The name of a version's file, below the lake. */
static enum cup_err name_file(const struct cup_commit_table *table, uint64_t version,
                              const char *ending, char out_name[CUP_STORE_NAME_BYTES],
                              struct cup_fault *out_fault)
{
    char leaf[CUP_DELTA_NAME_BYTES + 32];

    snprintf(leaf, sizeof leaf, "_delta_log/%020llu%s", (unsigned long long)version, ending);
    return cup_commit_priv_join(table->folder, leaf, out_name, out_fault);
}

/* --- the log's end --- */

/* Versions stand without gaps from some oldest one on, and their files' times rise with them: both
 * ends are found by halving, never by listing a folder of a hundred thousand names. */
struct log {
    struct cup_commit_table *table;
    int64_t                  before_us; /* older entries may go */
};

/* A file of a version; NOT_FOUND. */
static enum cup_err look(const struct log *log, uint64_t version, const char *ending,
                         struct cup_store_info *out_info)
{
    char         name[CUP_STORE_NAME_BYTES];
    enum cup_err err = name_file(log->table, version, ending, name, NULL);
    return err == CUP_OK ? cup_store_info(log->table->store, name, out_info, NULL) : err;
}

static bool is_there(const struct log *log, uint64_t version)
{
    struct cup_store_info info;

    return look(log, version, ".json", &info) == CUP_OK;
}

static bool is_young(const struct log *log, uint64_t version)
{
    struct cup_store_info info;

    return look(log, version, ".json", &info) != CUP_OK || info.modified_us >= log->before_us;
}

/* The first version from `low` on of which `test` says yes; `high` when none below it. */
static uint64_t first_that(const struct log *log, uint64_t low, uint64_t high,
                           bool (*test)(const struct log *, uint64_t))
{
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (test(log, middle))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static enum cup_err remove_file(const struct log *log, uint64_t version, const char *ending)
{
    char         name[CUP_STORE_NAME_BYTES];
    enum cup_err err = name_file(log->table, version, ending, name, NULL);

    return err == CUP_OK ? cup_store_remove(log->table->store, name, NULL) : err;
}

/* Cuts the log below the newest checkpoint below which everything is old. newest: a checkpoint that
 * is durable. The version of the cut keeps its JSON. What fails is tried again at the next one. */
static void cut(const struct log *log, uint64_t newest)
{
    static const char *const endings[] = {".checkpoint.parquet", ".crc", ".json"};
    struct cup_store_info    info;
    uint64_t                 oldest  = first_that(log, 0, newest, is_there);
    uint64_t                 keep    = first_that(log, oldest, newest, is_young);
    uint32_t                 scanned = 0;

    while (keep > oldest && keep < newest &&
           look(log, keep, ".checkpoint.parquet", &info) != CUP_OK) {
        if (++scanned == SCAN_MAX) return;
        keep--;
    }
    if (keep > oldest + REMOVE_MAX) keep = oldest + REMOVE_MAX;
    for (uint64_t version = oldest; version < keep; version++) {
        if (is_young(log, version)) return;
        for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
            if (remove_file(log, version, endings[i]) != CUP_OK) return;
    }
}

static void clean_log(struct cup_commit_table *table, uint64_t log_retention_us)
{
    const char *cleanup  = cup_delta_property(table->state, "delta.enableExpiredLogCleanup");
    int64_t     standard = CUP_DELTA_LOG_RETENTION_US;

    if (cleanup != NULL && strcmp(cleanup, "false") == 0) return;
    if (log_retention_us > 0) standard = (int64_t)log_retention_us;
    int64_t    retention_us = cup_delta_duration(table->state, CUP_DELTA_LOG_RETENTION, standard);
    struct log log          = {.table = table, .before_us = cup_clock_wall_us() - retention_us};
    cut(&log, table->state->version);
}

/* --- checkpoints --- */

static enum cup_err write_checkpoint(struct cup_commit_table *table, struct cup_fault *out_fault)
{
    char            name[CUP_STORE_NAME_BYTES];
    struct cup_text file = {0}, last = {0};

    enum cup_err err = cup_delta_checkpoint(table->state, &file, &last, out_fault);
    if (err == CUP_OK)
        err = name_file(table, table->state->version, ".checkpoint.parquet", name, out_fault);
    if (err == CUP_OK)
        err = cup_store_put_if_absent(table->store, name, file.at, file.bytes, out_fault);
    if (err == CUP_OK)
        err = cup_commit_priv_join(table->folder, "_delta_log/_last_checkpoint", name, out_fault);
    if (err == CUP_OK) err = cup_store_replace(table->store, name, last.at, last.bytes, out_fault);
    cup_text_free(&file);
    cup_text_free(&last);
    return err;
}

enum cup_err cup_commit_priv_checkpoint(struct cup_commit_table *table, uint64_t log_retention_us,
                                        struct cup_fault *out_fault)
{
    enum cup_err err = cup_commit_priv_table_look(table, out_fault);

    if (err != CUP_OK || table->state == NULL) return err;
    int64_t retention_us =
        cup_delta_duration(table->state, CUP_DELTA_FILE_RETENTION, CUP_DELTA_FILE_RETENTION_US);
    cup_delta_forget(table->state, (cup_clock_wall_us() - retention_us) / CUP_US_PER_MS);
    err = write_checkpoint(table, out_fault);
    if (err == CUP_OK) clean_log(table, log_retention_us);
    /* another writer's checkpoint is as good, but not known to be durable: the log stays */
    return err == CUP_EXISTS ? CUP_OK : err;
}
