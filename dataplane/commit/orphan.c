// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/commit_priv.h"

#include <string.h>

#define EPOCH_DIGITS 10u /* of the epoch number in a data file's name; more from 10^10 on */

/* Names in one folder that belong to the epoch behind the last decided one. */
struct orphans {
    uint64_t        epoch;
    bool            folders; /* collect date=... instead */
    struct cup_text names;   /* each with its NUL */
};

/* The number in "part-<epoch>-..." or "<epoch>-..."; 0 for other names. */
static uint64_t epoch_of_name(const char *name)
{
    uint64_t epoch = 0;
    uint32_t digits;

    if (strncmp(name, "part-", 5) == 0) name += 5;
    for (digits = 0; name[digits] >= '0' && name[digits] <= '9'; digits++)
        if (__builtin_mul_overflow(epoch, 10u, &epoch) ||
            __builtin_add_overflow(epoch, (uint64_t)(name[digits] - '0'), &epoch))
            return 0;
    return digits >= EPOCH_DIGITS && name[digits] == '-' ? epoch : 0;
}

static void note(void *arg, const char *name)
{
    struct orphans *orphans = arg;
    bool            wanted =
        orphans->folders ? strncmp(name, "date=", 5) == 0 : epoch_of_name(name) == orphans->epoch;

    if (wanted) cup_text_put(&orphans->names, name, strlen(name) + 1);
}

/* A folder that is not there has no orphans. */
static enum cup_err collect(struct cup_commit *commit, const char *folder, struct orphans *orphans,
                            struct cup_fault *out_fault)
{
    enum cup_err err = cup_store_list(commit->store, folder, note, orphans, out_fault);

    if (err == CUP_NOT_FOUND) return CUP_OK;
    if (err == CUP_OK && orphans->names.failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "names to remove", folder);
    return err;
}

static bool is_live(const struct cup_commit_table *table, const char *name)
{
    if (table == NULL || table->state == NULL) return false;
    for (uint64_t i = 0; i < table->state->file_count; i++)
        if (strcmp(table->state->files[i].path, name) == 0) return true;
    return false;
}

static enum cup_err check_not_ahead(const struct cup_commit       *commit,
                                    const struct cup_commit_table *table,
                                    struct cup_fault              *out_fault)
{
    if (table->state == NULL ||
        cup_delta_txn_version(table->state, commit->app) <= commit->state.epoch)
        return CUP_OK;
    return cup_fault_set(out_fault, CUP_TABLE_CHANGED,
                         "the table is ahead of the journal: the journal was lost or restored",
                         table->folder);
}

/* Removes the orphans of one folder; table: whose folder it is, NULL for bronze. The log is asked
 * first, so that no journal, however wrong, can make a live file vanish. */
static enum cup_err remove_in(struct cup_commit *commit, const char *folder,
                              struct cup_commit_table *table, struct cup_fault *out_fault)
{
    struct orphans orphans = {.epoch = commit->state.epoch + 1};
    char           whole[CUP_STORE_NAME_BYTES];
    enum cup_err   err = collect(commit, folder, &orphans, out_fault);

    if (err == CUP_OK && orphans.names.bytes > 0 && table != NULL) {
        err = cup_commit_priv_table_look(table, out_fault);
        if (err == CUP_OK) err = check_not_ahead(commit, table, out_fault);
    }
    for (size_t at = 0; err == CUP_OK && at < orphans.names.bytes;) {
        const char *name = orphans.names.at + at;
        at += strlen(name) + 1;
        if (is_live(table, name)) continue;
        err = cup_commit_priv_join(folder, name, whole, out_fault);
        if (err == CUP_OK) err = cup_store_remove(commit->store, whole, out_fault);
    }
    cup_text_free(&orphans.names);
    return err;
}

static enum cup_err remove_bronze(struct cup_commit *commit, struct cup_fault *out_fault)
{
    struct orphans days = {.folders = true};
    char           whole[CUP_STORE_NAME_BYTES];
    enum cup_err   err = collect(commit, commit->bronze_folder, &days, out_fault);

    for (size_t at = 0; err == CUP_OK && at < days.names.bytes;) {
        const char *name = days.names.at + at;
        at += strlen(name) + 1;
        err = cup_commit_priv_join(commit->bronze_folder, name, whole, out_fault);
        if (err == CUP_OK) err = remove_in(commit, whole, NULL, out_fault);
    }
    cup_text_free(&days.names);
    return err;
}

enum cup_err cup_commit_priv_verify(struct cup_commit *commit, struct cup_fault *out_fault)
{
    struct cup_commit_table *own[] = {&commit->index, &commit->quarantine, &commit->ledger};
    enum cup_err             err   = CUP_OK;

    for (size_t i = 0; err == CUP_OK && i < sizeof own / sizeof *own; i++) {
        err = cup_commit_priv_table_look(own[i], out_fault);
        if (err == CUP_OK) err = check_not_ahead(commit, own[i], out_fault);
    }
    if (err != CUP_OK) return err;
    const struct cup_delta_state *ledger = commit->ledger.state;
    uint64_t version = ledger == NULL ? 0 : cup_delta_txn_version(ledger, commit->app);
    if (version < commit->state.epoch) /* every epoch commits to the ledger */
        err = cup_fault_set(out_fault, CUP_TABLE_CHANGED,
                            "the table is behind the journal: it was restored or replaced",
                            commit->ledger_folder);
    return err;
}

/* After a close in good order there are none; in a new journal, any file is somebody else's. */
enum cup_err cup_commit_priv_remove_orphans(struct cup_commit *commit, struct cup_fault *out_fault)
{
    struct cup_commit_table *own[] = {&commit->index, &commit->quarantine, &commit->ledger};
    enum cup_err             err   = CUP_OK;

    if (!commit->state.exists || commit->state.clean) return CUP_OK;
    for (size_t i = 0; err == CUP_OK && i < sizeof own / sizeof *own; i++)
        err = remove_in(commit, own[i]->folder, own[i], out_fault);
    for (uint32_t i = 0; err == CUP_OK && i < commit->plan->tables.count; i++)
        err = remove_in(commit, commit->silver[i].folder, &commit->silver[i], out_fault);
    if (err == CUP_OK) err = remove_bronze(commit, out_fault);
    return err == CUP_OK ? cup_store_sync(commit->store, out_fault) : err;
}
