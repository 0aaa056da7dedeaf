// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/commit_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"

#define POOL_BYTES                                                                                 \
    (16ull << 20) /* a ledger of any size: its row groups are closed when it is full */

void (*cup_commit_priv_step)(const char *step);

void cup_commit_priv_reach(const char *step)
{
    if (cup_commit_priv_step != NULL) cup_commit_priv_step(step);
}

const char *cup_commit_priv_zone_name(enum cup_zone zone)
{
    static const char *const names[CUP_ZONE_COUNT] = {
        [CUP_ZONE_BRONZE] = "bronze", [CUP_ZONE_INDEX] = "index",
        [CUP_ZONE_SILVER] = "silver", [CUP_ZONE_QUARANTINE] = "quarantine",
        [CUP_ZONE_SPOOL] = "spool",   [CUP_ZONE_LEDGER] = "ledger",
    };

    CUP_ASSERT(zone < CUP_ZONE_COUNT);
    return names[zone];
}

enum cup_err cup_commit_priv_join(const char *folder, const char *leaf,
                                  char out_name[CUP_STORE_NAME_BYTES], struct cup_fault *out_fault)
{
    int count = snprintf(out_name, CUP_STORE_NAME_BYTES, "%s/%s", folder, leaf);

    if (count > 0 && (uint32_t)count < CUP_STORE_NAME_BYTES) return CUP_OK;
    return cup_fault_set(out_fault, CUP_BAD_CONFIG, "a name below the lake is too long", folder);
}

/* Folder names are parts of paths: longer ones no file system takes. Five of them fit a name. */
#define PART_BYTES_MAX 255u
_Static_assert(2 * PART_BYTES_MAX + 128 < CUP_STORE_NAME_BYTES, "a shard's folders must fit");

static enum cup_err put_names(struct cup_commit *commit, struct cup_fault *out_fault)
{
    const struct cup_plan *plan     = commit->plan;
    const char            *domain   = cup_plan_text(plan, plan->domain);
    const char            *pipeline = cup_plan_text(plan, plan->pipeline);
    const size_t           cap      = CUP_STORE_NAME_BYTES;

    if (plan->domain.bytes > PART_BYTES_MAX || plan->pipeline.bytes > PART_BYTES_MAX)
        return cup_fault_set(out_fault, CUP_BAD_CONFIG, "a domain's or pipeline's name is too long",
                             pipeline);
    snprintf(commit->app, sizeof commit->app, "cupel/%s/%s/%u", domain, pipeline, plan->shard);
    snprintf(commit->shard_folder, cap, "_cupel/%s/%s/%u", domain, pipeline, plan->shard);
    snprintf(commit->ledger_folder, cap, "_cupel/%s/%s/ledger", domain, pipeline);
    snprintf(commit->bronze_folder, cap, "%s/bronze/%s", domain, pipeline);
    snprintf(commit->index_folder, cap, "%s/bronze/%s/_index", domain, pipeline);
    snprintf(commit->quarantine_folder, cap, "%s/quarantine/%s", domain, pipeline);
    return CUP_OK;
}

void cup_commit_staging(const struct cup_plan *plan, char out_name[CUP_STORE_NAME_BYTES])
{
    snprintf(out_name, CUP_STORE_NAME_BYTES, "_cupel/%s/%s/%u/staging",
             cup_plan_text(plan, plan->domain), cup_plan_text(plan, plan->pipeline), plan->shard);
}

static enum cup_err make_inputs(struct cup_commit *commit, struct cup_fault *out_fault)
{
    commit->input_count = commit->plan->inputs.count;
    commit->inputs      = calloc(commit->input_count + 1ul, sizeof *commit->inputs);
    if (commit->inputs == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "list of inputs", NULL);
    return CUP_OK;
}

static enum cup_err lock_and_read(struct cup_commit *commit, struct cup_fault *out_fault)
{
    char         name[CUP_STORE_NAME_BYTES];
    enum cup_err err = cup_commit_priv_join(commit->shard_folder, "lock", name, out_fault);

    if (err == CUP_OK) err = cup_store_lock(commit->store, name, out_fault);
    if (err == CUP_OK) err = cup_store_clean(commit->store, out_fault);
    if (err == CUP_OK) err = cup_commit_priv_shards(commit, out_fault);
    if (err == CUP_OK) err = cup_commit_priv_join(commit->shard_folder, "journal", name, out_fault);
    if (err == CUP_OK)
        err = cup_journal_open(commit->store, name, &commit->state, &commit->journal, out_fault);
    cup_commit_priv_reach("based");
    return err;
}

/* Finishes what was decided, then looks whether lake and journal belong together. Nothing is
 * removed before that is certain. */
static enum cup_err recover(struct cup_commit *commit, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    if (commit->state.open.bytes > 0) err = cup_commit_priv_finish(commit, out_fault);
    if (err == CUP_OK) err = cup_commit_priv_verify(commit, out_fault);
    return err == CUP_OK ? cup_commit_priv_remove_orphans(commit, out_fault) : err;
}

enum cup_err cup_commit_open(struct cup_store *store, const struct cup_plan *plan,
                             struct cup_commit **out_commit, struct cup_fault *out_fault)
{
    struct cup_commit *commit = calloc(1, sizeof *commit);

    if (commit == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "open committer", NULL);
    commit->store    = store;
    commit->plan     = plan;
    commit->standing = CUP_COMMIT_FAILED;
    enum cup_err err = put_names(commit, out_fault);
    if (err == CUP_OK) err = cup_journal_reader_open(&commit->reader, out_fault);
    if (err == CUP_OK) err = cup_pool_init(&commit->pool, POOL_BYTES, out_fault);
    if (err == CUP_OK) err = make_inputs(commit, out_fault);
    if (err == CUP_OK) err = cup_commit_priv_tables_open(commit, out_fault);
    if (err == CUP_OK) err = lock_and_read(commit, out_fault);
    if (err == CUP_OK) err = cup_commit_priv_others_read(commit, out_fault);
    if (err == CUP_OK) err = recover(commit, out_fault);
    if (commit->journal != NULL) err = cup_journal_blame(commit->journal, err, out_fault);
    if (err != CUP_OK) {
        commit->standing = CUP_COMMIT_FAILED;
        cup_commit_close(commit);
        return err;
    }
    commit->standing = CUP_COMMIT_READY;
    *out_commit      = commit;
    return CUP_OK;
}

void cup_commit_close(struct cup_commit *commit)
{
    if (commit == NULL) return;
    cup_journal_close(commit->journal, commit->standing == CUP_COMMIT_READY, commit->state.epoch);
    cup_journal_state_free(&commit->state);
    cup_journal_reader_close(&commit->reader);
    cup_commit_priv_tables_close(commit);
    cup_commit_priv_others_free(commit);
    cup_pool_fini(&commit->pool);
    free(commit->inputs);
    free(commit->buckets);
    free(commit);
}

enum cup_err cup_commit_check_owner(struct cup_commit *commit, struct cup_fault *out_fault)
{
    enum cup_err err = cup_journal_check_owner(commit->journal, out_fault);

    if (err != CUP_OK) commit->standing = CUP_COMMIT_FAILED;
    return err;
}

uint64_t cup_commit_next_epoch(const struct cup_commit *commit)
{
    return commit->state.epoch + 1;
}

uint64_t cup_commit_quarantine(const struct cup_commit *commit, const char **out_folder)
{
    const struct cup_delta_state *state = commit->quarantine.state;
    uint64_t                      bytes = 0, txn = 0;

    *out_folder = commit->quarantine_folder;
    for (uint64_t i = 0; state != NULL && i < state->file_count; i++)
        bytes += state->files[i].bytes;
    if (state != NULL) txn = cup_delta_txn_version(state, commit->app);
    /* the state is mostly what the epoch's commit was built upon */
    if (txn < commit->state.epoch) bytes += commit->result.zones[CUP_ZONE_QUARANTINE].bytes;
    return bytes;
}

void cup_commit_adopt(struct cup_commit *commit, const struct cup_plan *plan)
{
    const struct cup_plan *old = commit->plan;
    struct cup_fault       fault;

    CUP_ASSERT(plan->shard == old->shard && plan->shard_count == old->shard_count);
    CUP_ASSERT(strcmp(cup_plan_text(plan, plan->lake), cup_plan_text(old, old->lake)) == 0);
    CUP_ASSERT(strcmp(cup_plan_text(plan, plan->domain), cup_plan_text(old, old->domain)) == 0);
    CUP_ASSERT(strcmp(cup_plan_text(plan, plan->pipeline), cup_plan_text(old, old->pipeline)) == 0);
    CUP_ASSERT(plan->until_end == old->until_end);
    cup_commit_priv_tables_close(commit);
    commit->plan  = plan;
    commit->found = 0;
    commit->fresh = false;
    /* this interface cannot fail, and a process without memory for two lists is at its end */
    CUP_ASSERT(cup_commit_priv_tables_open(commit, &fault) == CUP_OK);
    if (plan->inputs.count == 0) return; /* it does not name them */
    free(commit->inputs);
    CUP_ASSERT(make_inputs(commit, &fault) == CUP_OK);
    for (uint32_t i = 0; i < plan->inputs.count; i++) {
        const char          *path     = cup_plan_text(plan, cup_plan_inputs(plan)[i].path);
        struct cup_position *position = cup_positions_find(&commit->state.positions, path);
        if (position != NULL && position->started) commit->inputs[i] = position;
    }
}

/* --- positions --- */

static enum cup_err changed(struct cup_fault *out_fault, const char *what, const char *path)
{
    return cup_fault_set(out_fault, CUP_INPUT_CHANGED, what, path);
}

/* The identity of a file that was read before must be what it was. A head that was shorter than it
 * could be is taken anew: the file may have grown. */
static enum cup_err compare(const struct cup_position *position, bool gzip, uint64_t size,
                            struct cup_input_identity *out_identity, struct cup_fault *out_fault)
{
    const struct cup_input_identity *old = &position->identity;
    struct cup_input_identity        now;
    enum cup_err err = cup_input_identify(position->path, old->head_bytes, &now, out_fault);

    if (err != CUP_OK) return err;
    if (now.device != old->device || now.inode != old->inode)
        return changed(out_fault, "the path leads to another file than the one read before",
                       position->path);
    if (old->head_bytes > 0 &&
        (now.head_bytes != old->head_bytes || now.head_crc32c != old->head_crc32c))
        return changed(out_fault, "the file's first bytes are not those read before",
                       position->path);
    if (size < (gzip ? position->size : position->end))
        return changed(out_fault, "the file is shorter than what was read of it", position->path);
    *out_identity = now;
    if (now.head_bytes < CUP_INPUT_HEAD_BYTES)
        err = cup_input_identify(position->path, 0, out_identity, out_fault);
    return err;
}

static enum cup_err look(struct cup_commit *commit, const struct cup_plan_input *input,
                         struct cup_position **out_position, struct cup_fault *out_fault)
{
    const char               *path = cup_plan_text(commit->plan, input->path);
    struct cup_input_identity identity;
    struct stat               info;
    struct cup_position      *position = NULL;

    position = cup_positions_add(&commit->state.positions, path,
                                 cup_plan_text(commit->plan, input->topic));
    if (position == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "input", path);
    enum cup_err err = cup_commit_priv_is_ours(commit, position, out_fault);
    if (err != CUP_OK) return err;
    if (stat(path, &info) != 0) return cup_fault_set(out_fault, CUP_IO, "look at input", path);
    uint64_t size = (uint64_t)info.st_size;
    err           = position->recorded ? compare(position, input->gzip, size, &identity, out_fault)
                                       : cup_input_identify(path, 0, &identity, out_fault);
    if (err != CUP_OK) return err;
    /* a plain file has grown when there is more than was read; a compressed one tells only by its
     * size, and that was taken before reading began: at worst its end is read twice, for nothing */
    bool grown         = size > (input->gzip ? position->size : position->end);
    position->ended    = position->ended && !grown;
    position->size     = size;
    position->identity = identity;
    position->checked  = position->end;
    position->started  = true;
    *out_position      = position;
    return CUP_OK;
}

enum cup_err cup_commit_start(struct cup_commit *commit, uint32_t input, uint64_t *out_start,
                              bool *out_ended, struct cup_fault *out_fault)
{
    struct cup_position *position = NULL;

    CUP_ASSERT(input < commit->plan->inputs.count);
    enum cup_err err = look(commit, &cup_plan_inputs(commit->plan)[input], &position, out_fault);
    if (err != CUP_OK) return err;
    commit->inputs[input] = position;
    *out_start            = position->end;
    *out_ended            = position->ended;
    return CUP_OK;
}

enum cup_commit_standing cup_commit_standing(const struct cup_commit *commit)
{
    return commit->standing;
}
