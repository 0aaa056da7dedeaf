// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/upkeep_priv.h"

#include <string.h>

#include "base/clock.h"

#define TRIES_MAX 100u /* versions lost to other writers in a row: then at the next call */

enum fate {
    OPEN,    /* all inputs are live: it may be committed */
    LIVE,    /* it was committed already */
    DROPPED, /* an input is gone, or the file itself */
};

/* The merges of one table. */
struct job {
    struct cup_store              *store;
    struct cup_commit_table        table;
    const struct cup_upkeep_merge *merges;
    uint32_t                       count, open;
    bool                          *placed;
    enum fate                     *fates;
};

static enum fate judge(const struct cup_commit_table *table, const struct cup_upkeep_merge *merge)
{
    const struct cup_delta_state *state = table->state;
    uint64_t                      rows  = 0;
    bool                          known = true;

    if (state == NULL || strcmp(state->id, merge->table_id) != 0) return DROPPED;
    if (cup_delta_find(state, merge->path) != NULL) return LIVE;
    if (cup_delta_unwritable(state) != NULL) return DROPPED;
    for (uint32_t i = 0; i < merge->input_count; i++) {
        const struct cup_delta_file *file = cup_delta_find(state, merge->inputs[i]);
        if (file == NULL) return DROPPED;
        known &= file->row_count != UINT64_MAX;
        rows += known ? file->row_count : 0;
    }
    /* the last line of defence against losing rows: a merge never changes their number */
    return known && rows != merge->row_count ? DROPPED : OPEN;
}

/* Is there what the manifest promises? A manifest may come back after its staged files are gone. */
static enum cup_err place(struct job *job, uint32_t i, struct cup_fault *out_fault)
{
    const struct cup_upkeep_merge *merge = &job->merges[i];
    char                           name[CUP_STORE_NAME_BYTES];
    struct cup_store_info          info = {0};

    if (job->placed[i]) return CUP_OK;
    enum cup_err err = cup_commit_priv_join(job->table.folder, merge->path, name, out_fault);
    if (err == CUP_OK) err = cup_store_publish(job->store, merge->staged, name, out_fault);
    if (err == CUP_EXISTS) err = CUP_OK; /* names are unique: an earlier call did it */
    if (err == CUP_OK) err = cup_store_info(job->store, name, &info, out_fault);
    if (err == CUP_NOT_FOUND || (err == CUP_OK && info.bytes != merge->bytes)) {
        job->fates[i] = DROPPED;
        return CUP_OK;
    }
    job->placed[i] = err == CUP_OK;
    return err;
}

/* Every merge against the table as it is now; those that are open get their names. */
static enum cup_err prepare(struct job *job, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    job->open = 0;
    for (uint32_t i = 0; err == CUP_OK && i < job->count; i++) {
        job->fates[i] = judge(&job->table, &job->merges[i]);
        if (job->fates[i] == OPEN) err = place(job, i, out_fault);
        job->open += job->fates[i] == OPEN;
    }
    return err == CUP_OK && job->open > 0 ? cup_store_sync(job->store, out_fault) : err;
}

static void put_merge(struct cup_text *text, const struct cup_delta_state *state,
                      const struct cup_upkeep_merge *merge, int64_t now_ms)
{
    struct cup_delta_add add = {.path           = merge->path,
                                .partition_json = merge->partition_json,
                                .bytes          = merge->bytes,
                                .modified_ms    = now_ms,
                                .stats          = merge->stats[0] == '\0' ? NULL : merge->stats};

    for (uint32_t i = 0; i < merge->input_count; i++)
        cup_delta_put_remove(text, cup_delta_find(state, merge->inputs[i]), now_ms, false);
    cup_delta_put_add(text, &add);
}

/* One try at the next version. */
static enum cup_err commit(struct job *job, struct cup_fault *out_fault)
{
    const struct cup_delta_state *state = job->table.state;
    struct cup_text               text  = {0};
    char                          leaf[CUP_DELTA_NAME_BYTES], name[CUP_STORE_NAME_BYTES];
    struct cup_delta_commit_info  info = {.timestamp_ms = cup_clock_wall_us() / CUP_US_PER_MS,
                                          .operation    = "OPTIMIZE",
                                          .epoch_id     = ""};

    cup_delta_put_commit_info(&text, &info);
    for (uint32_t i = 0; i < job->count; i++)
        if (job->fates[i] == OPEN) put_merge(&text, state, &job->merges[i], info.timestamp_ms);
    cup_delta_version_name(leaf, state->version + 1);
    enum cup_err err = cup_commit_priv_join(job->table.folder, leaf, name, out_fault);
    if (err == CUP_OK && text.failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "commit of merged files", name);
    if (err == CUP_OK)
        err = cup_store_put_if_absent(job->store, name, text.at, text.bytes, out_fault);
    cup_text_free(&text);
    return err;
}

/* What a later call may do without; anything else will be wrong then, too. */
static bool may_pass(enum cup_err err)
{
    return err == CUP_IO || err == CUP_NO_SPACE || err == CUP_NO_MEMORY;
}

/* What did not become part of the table loses its name again. A tombstone keeps it: then it was
 * live once, and readers of older versions want it. */
static enum cup_err drop(struct job *job, struct cup_fault *out_fault)
{
    const struct cup_delta_state *state = job->table.state;
    char                          name[CUP_STORE_NAME_BYTES];
    enum cup_err                  err = CUP_OK;

    for (uint32_t i = 0; err == CUP_OK && i < job->count; i++) {
        bool kept = job->fates[i] != DROPPED;
        for (uint64_t t = 0; !kept && state != NULL && t < state->tombstone_count; t++)
            kept = strcmp(state->tombstones[t].path, job->merges[i].path) == 0;
        if (kept) continue;
        err = cup_commit_priv_join(job->table.folder, job->merges[i].path, name, out_fault);
        if (err == CUP_OK) err = cup_store_remove(job->store, name, out_fault);
    }
    return err;
}

static enum cup_err run_job(struct job *job, uint64_t log_retention_us, uint32_t *out_count,
                            struct cup_fault *out_fault)
{
    enum cup_err err   = cup_commit_priv_table_look(&job->table, out_fault);
    uint32_t     tries = 0;

    if (err == CUP_OK) err = prepare(job, out_fault);
    while (err == CUP_OK && job->open > 0) {
        uint64_t version = job->table.state->version + 1;
        err              = commit(job, out_fault);
        if (err == CUP_OK) {
            *out_count += 1;
            /* not having a checkpoint is none of the merge's business */
            if (version % CUP_DELTA_CHECKPOINT_INTERVAL == 0)
                (void)!cup_commit_priv_checkpoint(&job->table, log_retention_us, NULL);
            break;
        }
        if (err != CUP_EXISTS) return err;
        if (++tries == TRIES_MAX) break;
        err = cup_commit_priv_table_look(&job->table, out_fault);
        if (err == CUP_OK) err = prepare(job, out_fault);
    }
    return err == CUP_OK ? drop(job, out_fault) : err;
}

/* One table: `count` merges from `merges` on. Tables that cannot be read or written are left alone.
 */
static enum cup_err run_table(struct cup_store *store, const struct cup_upkeep_merge *merges,
                              uint32_t count, uint64_t log_retention_us, uint32_t *out_count,
                              struct cup_fault *out_fault)
{
    struct job job = {.store  = store,
                      .table  = {.store = store, .folder = merges->table},
                      .merges = merges,
                      .count  = count,
                      .placed = calloc(count, sizeof *job.placed),
                      .fates  = calloc(count, sizeof *job.fates)};

    enum cup_err err = CUP_NO_MEMORY;
    if (job.placed == NULL || job.fates == NULL)
        (void)cup_fault_set(out_fault, err, "merged files", merges->table);
    else
        err = run_job(&job, log_retention_us, out_count, out_fault);
    cup_commit_priv_table_close(&job.table);
    free(job.placed);
    free(job.fates);
    return may_pass(err) ? err : CUP_OK;
}

static enum cup_err run_all(struct cup_store *store, const struct cup_upkeep_merges *merges,
                            uint64_t log_retention_us, uint32_t *out_count,
                            struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    for (uint32_t first = 0, end; err == CUP_OK && first < merges->count; first = end) {
        end = first + 1;
        while (end < merges->count &&
               strcmp(merges->list[first].table, merges->list[end].table) == 0)
            end++;
        err = run_table(store, &merges->list[first], end - first, log_retention_us, out_count,
                        out_fault);
    }
    for (uint32_t i = 0; err == CUP_OK && i < merges->count; i++)
        err = cup_store_remove(store, merges->list[i].staged, out_fault);
    return err;
}

enum cup_err cup_upkeep_commit(struct cup_store *store, const char *shard_folder,
                               uint64_t log_retention_us, uint32_t *out_count,
                               struct cup_fault *out_fault)
{
    struct cup_text          manifest = {0};
    struct cup_upkeep_merges merges   = {0};
    char                     name[CUP_STORE_NAME_BYTES], folder[CUP_STORE_NAME_BYTES];
    uint32_t                 count = 0;

    enum cup_err err = cup_commit_priv_join(shard_folder, CUP_UPKEEP_MANIFEST, name, out_fault);
    if (err == CUP_OK) err = cup_commit_priv_join(shard_folder, "upkeep", folder, out_fault);
    if (err == CUP_OK) err = cup_store_get(store, name, &manifest, out_fault);
    if (err == CUP_NOT_FOUND) {
        *out_count = 0;
        return CUP_OK;
    }
    if (err == CUP_OK && manifest.failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "manifest", name);
    if (err == CUP_OK) err = cup_commit_priv_merges_read(&manifest, &merges, out_fault);
    if (err == CUP_OK) err = run_all(store, &merges, log_retention_us, &count, out_fault);
    cup_commit_priv_merges_free(&merges);
    cup_text_free(&manifest);
    /* one that makes no sense can never be committed: what it staged is cleaned by the next stager
     */
    if (may_pass(err)) return err;
    err = cup_store_remove(store, name, out_fault);
    if (err == CUP_OK) err = cup_store_sync_folder(store, folder, out_fault);
    if (err == CUP_OK) *out_count = count;
    return err;
}
