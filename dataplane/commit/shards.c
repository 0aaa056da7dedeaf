// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>

#include "dataplane/commit/commit_priv.h"

#define TRIES_MAX 3u /* of a journal whose segment is being replaced */

/* The number of shards that the lake remembers; 0: none yet. */
static enum cup_err recall(struct cup_commit *commit, const char *name, uint32_t *out_count,
                           struct cup_fault *out_fault)
{
    struct cup_text text = {0};
    uint32_t        count;
    char            end;
    enum cup_err    err = cup_store_get(commit->store, name, &text, out_fault);

    *out_count = 0;
    if (err == CUP_NOT_FOUND) return CUP_OK;
    cup_text_put(&text, "", 1);
    if (err == CUP_OK && text.failed) err = cup_fault_set(out_fault, CUP_NO_MEMORY, "read", name);
    if (err == CUP_OK && sscanf(text.at, "%" SCNu32 "%c", &count, &end) == 2 && end == '\n')
        *out_count = count;
    else if (err == CUP_OK)
        err = cup_fault_set(out_fault, CUP_CORRUPT, "a number of shards is expected", name);
    cup_text_free(&text);
    return err;
}

/* A lake that was begun before the number was noted had one shard. */
static bool is_older(struct cup_commit *commit)
{
    char                  name[CUP_STORE_NAME_BYTES];
    struct cup_store_info info;

    snprintf(name, sizeof name, "_cupel/%s/%s/0/journal",
             cup_plan_text(commit->plan, commit->plan->domain),
             cup_plan_text(commit->plan, commit->plan->pipeline));
    return cup_store_info(commit->store, name, &info, NULL) == CUP_OK;
}

/* Whoever comes first says how many shards there are. */
static enum cup_err note(struct cup_commit *commit, const char *name, uint32_t count,
                         struct cup_fault *out_fault)
{
    char text[16];

    snprintf(text, sizeof text, "%" PRIu32 "\n", count);
    enum cup_err err = cup_store_put_if_absent(commit->store, name, text, strlen(text), out_fault);
    return err == CUP_EXISTS ? CUP_OK : err;
}

enum cup_err cup_commit_priv_shards(struct cup_commit *commit, struct cup_fault *out_fault)
{
    const struct cup_plan *plan = commit->plan;
    char                   name[CUP_STORE_NAME_BYTES], where[CUP_STORE_NAME_BYTES + 64];
    uint32_t               count = 0;

    snprintf(name, sizeof name, "_cupel/%s/%s/shards", cup_plan_text(plan, plan->domain),
             cup_plan_text(plan, plan->pipeline));
    enum cup_err err = recall(commit, name, &count, out_fault);
    if (err == CUP_OK && count == 0) {
        err = note(commit, name, is_older(commit) ? 1 : plan->shard_count, out_fault);
        if (err == CUP_OK) err = recall(commit, name, &count, out_fault);
    }
    if (err != CUP_OK || count == plan->shard_count) return err;
    snprintf(where, sizeof where,
             "%s: begun with %" PRIu32 ", asked for shard %" PRIu32 "/%" PRIu32, name, count,
             plan->shard, plan->shard_count);
    return cup_fault_set(out_fault, CUP_BAD_CONFIG,
                         "the pipeline was begun with another number of shards, which share its "
                         "inputs out: start all of them with that number (--shard I/N), or begin a "
                         "new lake",
                         where);
}

/* --- inputs of others --- */

/* The others run meanwhile: a segment may be gone before it is read. What cannot be read is left
 * out: it is the second line of defence, the first is who owns which input. */
static enum cup_err read_other(struct cup_commit *commit, uint32_t shard,
                               struct cup_fault *out_fault)
{
    char         name[CUP_STORE_NAME_BYTES];
    enum cup_err err = CUP_NOT_FOUND;

    snprintf(name, sizeof name, "_cupel/%s/%s/%" PRIu32 "/journal",
             cup_plan_text(commit->plan, commit->plan->domain),
             cup_plan_text(commit->plan, commit->plan->pipeline), shard);
    for (uint32_t i = 0; i < TRIES_MAX && err == CUP_NOT_FOUND; i++)
        err = cup_journal_read(commit->store, name, &commit->others[shard], out_fault);
    return err == CUP_NO_MEMORY ? err : CUP_OK;
}

enum cup_err cup_commit_priv_others_read(struct cup_commit *commit, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    if (commit->plan->shard_count == 1) return CUP_OK;
    commit->others = calloc(commit->plan->shard_count, sizeof *commit->others);
    if (commit->others == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "inputs of other shards", NULL);
    for (uint32_t i = 0; err == CUP_OK && i < commit->plan->shard_count; i++)
        if (i != commit->plan->shard) err = read_other(commit, i, out_fault);
    return err;
}

void cup_commit_priv_others_free(struct cup_commit *commit)
{
    for (uint32_t i = 0; commit->others != NULL && i < commit->plan->shard_count; i++)
        cup_journal_state_free(&commit->others[i]);
    free(commit->others);
    commit->others = NULL;
}

enum cup_err cup_commit_priv_is_ours(const struct cup_commit   *commit,
                                     const struct cup_position *position,
                                     struct cup_fault          *out_fault)
{
    char where[CUP_STORE_NAME_BYTES];

    if (position->recorded || commit->others == NULL) return CUP_OK;
    for (uint32_t i = 0; i < commit->plan->shard_count; i++) {
        const struct cup_position *other =
            cup_positions_find(&commit->others[i].positions, position->path);
        if (other == NULL || !other->recorded) continue;
        snprintf(where, sizeof where, "shard %" PRIu32 " has %.900s", i, position->path);
        return cup_fault_set(out_fault, CUP_INPUT_CHANGED,
                             "another shard of the pipeline has read this input; here it would be "
                             "read from its start: put the entries of input back in the order "
                             "that they had",
                             where);
    }
    return CUP_OK;
}
