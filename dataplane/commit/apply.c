// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "dataplane/commit/upkeep_priv.h"

#define ROUNDS_MAX 10000u /* versions lost to other writers in a row: then something is wrong */
#define IO_MAX     3u     /* tries with a new temporary file */
#define BATCH      256u   /* tables side by side: more than a disk can overlap */

/* Commits of a decided epoch on their way into their logs, a batch at a time. */
struct apply {
    struct cup_commit       *commit;
    char                     epoch_id[CUP_UUID_TEXT_BYTES];
    enum cup_err             err; /* of the commit that failed worst */
    struct cup_fault         fault;
    uint32_t                 count, put_count;
    uint32_t                 line_count; /* commits of the epoch, so far */
    struct cup_commit_target targets[BATCH];
    struct cup_store_put     puts[BATCH];
    uint32_t                 target_of[BATCH]; /* per put */
};

/* What a later try may do without: the others need a person. */
static bool may_pass(enum cup_err err)
{
    return err == CUP_NO_SPACE || err == CUP_IO || err == CUP_EXISTS || err == CUP_NO_MEMORY;
}

/* The others go on: what is in their logs now need not be put there later. */
static void give_up(struct apply *apply, struct cup_commit_target *target, enum cup_err err,
                    const struct cup_fault *fault)
{
    target->stuck = true;
    if (apply->err != CUP_OK && (may_pass(err) || !may_pass(apply->err))) return;
    apply->err   = err;
    apply->fault = *fault;
}

/* Readers start faster with a checkpoint, but nothing depends on it: a failure is none of the
 * epoch's, and the next interval tries again. Unless a sync of the log's folder may have failed:
 * then no later commit in it can be believed to be durable. */
static void checkpoint(struct apply *apply, struct cup_commit_target *target)
{
    struct cup_commit *commit = apply->commit;
    struct cup_fault   fault;
    enum cup_err       err =
        cup_commit_priv_checkpoint(target->table, commit->plan->log_retention_us, &fault);

    commit->result.checkpoint_failed_count += err != CUP_OK;
    if (err != CUP_IO) return;
    commit->standing = CUP_COMMIT_FAILED;
    give_up(apply, target, err, &fault);
}

/* Looks at the table as far as that is needed and names the version to try; *out_done: the log has
 * the commit already. */
static enum cup_err aim(struct apply *apply, struct cup_commit_target *target, bool *out_done,
                        struct cup_fault *out_fault)
{
    struct cup_commit       *commit = apply->commit;
    struct cup_commit_table *table  = target->table;
    bool                     first  = !target->lost;
    enum cup_err             err    = CUP_OK;

    if (target->lost || !table->met) err = cup_commit_priv_table_meet(commit, table, out_fault);
    if (err != CUP_OK) return err;
    target->lost     = false;
    uint64_t version = table->state == NULL ? 0 : table->state->version;
    if (table->state != NULL &&
        cup_delta_txn_version(table->state, commit->app) >= commit->state.epoch) {
        err = cup_commit_priv_confirm(commit, target, apply->epoch_id, out_fault);
        if (err == CUP_OK && target->unsynced) {
            commit->standing = CUP_COMMIT_FAILED;
            errno            = EIO;
            return cup_fault_set(out_fault, CUP_IO, "sync the log of", target->folder);
        }
        *out_done = err == CUP_OK;
        return err;
    }
    if (first) target->before = target->seen = version;
    err             = cup_commit_priv_fit(commit, target, out_fault);
    target->version = table->state == NULL ? 0 : version + 1;
    if (err != CUP_OK) return err;
    return cup_commit_priv_version_name(target, target->version, target->name, out_fault);
}

static void aim_all(struct apply *apply)
{
    apply->put_count = 0;
    for (uint32_t i = 0; i < apply->count; i++) {
        struct cup_commit_target *target = &apply->targets[i];
        struct cup_fault          fault;
        if (target->done || target->stuck) continue;
        enum cup_err err = aim(apply, target, &target->done, &fault);
        if (err != CUP_OK) give_up(apply, target, err, &fault);
        if (target->done || target->stuck) continue;
        apply->target_of[apply->put_count] = i;
        apply->puts[apply->put_count++] =
            (struct cup_store_put){.name   = target->name,
                                   .bytes  = target->line.commit,
                                   .count  = target->line.bytes,
                                   .sealed = target->error_count == 0 ? target->sealed : NULL};
    }
}

/* Whether a put that failed may have given the name, and the look that follows cannot tell whether
 * it is durable. A lost answer came behind all syncs; a sealed file is gone when another process
 * has opened the lake, which removes what is staged. */
static bool may_be_unsynced(const struct cup_store_put *put)
{
    bool is_gone = put->sealed != NULL && put->fault.os_errno == ENOENT;

    return put->err == CUP_IO && put->fault.os_errno != ETIMEDOUT && !is_gone;
}

/* An I/O error may have come after the commit was there: like a version that was lost, it is
 * followed by a look. If the commit is there then, and it was not merely the answer that was lost,
 * what failed is the sync of its name. */
static void settle(struct apply *apply, struct cup_commit_target *target,
                   const struct cup_store_put *put)
{
    const uint64_t interval = CUP_DELTA_CHECKPOINT_INTERVAL;

    target->error_count += put->err == CUP_IO;
    target->unsynced |= may_be_unsynced(put);
    target->done = put->err == CUP_OK;
    target->lost = put->err == CUP_EXISTS || (put->err == CUP_IO && target->error_count < IO_MAX);
    if (!target->done && !target->lost) give_up(apply, target, put->err, &put->fault);
    if (target->done && target->version / interval > target->before / interval)
        checkpoint(apply, target);
}

static void close_targets(struct apply *apply)
{
    for (uint32_t i = 0; i < apply->count; i++) {
        struct cup_commit_target *target = &apply->targets[i];
        struct cup_fault          fault;
        if (!target->done && !target->stuck)
            give_up(apply, target,
                    cup_fault_set(&fault, CUP_EXISTS, "other writers take every version",
                                  target->folder),
                    &fault);
        if (target->table == &target->other) cup_commit_priv_table_close(&target->other);
    }
    apply->count = 0;
}

static void apply_batch(struct apply *apply)
{
    for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
        aim_all(apply);
        if (apply->put_count == 0) break;
        cup_store_put_all(apply->commit->store, apply->puts, apply->put_count);
        for (uint32_t i = 0; i < apply->put_count; i++) {
            settle(apply, &apply->targets[apply->target_of[i]], &apply->puts[i]);
            cup_commit_priv_reach("applied");
        }
    }
    close_targets(apply);
}

static bool copy(char *to, size_t cap, const char *text)
{
    size_t bytes = strlen(text) + 1;

    if (bytes > cap) return false;
    memcpy(to, text, bytes);
    return true;
}

static bool add_target(struct apply *apply, const struct cup_journal_line *line)
{
    struct cup_commit_target *target = &apply->targets[apply->count];

    memset(target, 0, sizeof *target);
    target->line = *line;
    if (apply->line_count < CUP_COMMIT_SEALED_MAX)
        target->sealed = &apply->commit->sealed[apply->line_count];
    apply->line_count++;
    if (!copy(target->folder, sizeof target->folder, line->name) ||
        !copy(target->table_id, sizeof target->table_id, line->id))
        return false;
    target->table = cup_commit_priv_table_at(apply->commit, target->folder);
    if (target->table == NULL) {
        target->other =
            (struct cup_commit_table){.store = apply->commit->store, .folder = target->folder};
        target->table = &target->other;
    }
    apply->count++;
    return true;
}

static enum cup_err apply_lines(struct apply *apply, struct cup_fault *out_fault)
{
    struct cup_commit      *commit  = apply->commit;
    const struct cup_text  *payload = &commit->state.open;
    struct cup_journal_line line;
    enum cup_err            err;

    for (size_t at = 0;; at += commit->reader.at) {
        bool ok = true;
        /* the reader is also used for log lines: it starts anew where it was */
        cup_journal_reader_start(&commit->reader, payload->at + at, payload->bytes - at);
        err = cup_journal_reader_next(&commit->reader, &line, out_fault);
        if (err != CUP_OK) break;
        if (line.kind == CUP_LINE_EPOCH)
            ok = copy(apply->epoch_id, sizeof apply->epoch_id, line.id);
        else if (line.kind == CUP_LINE_COMMIT)
            ok = add_target(apply, &line);
        if (!ok) return cup_fault_set(out_fault, CUP_CORRUPT, "journal: a text is too long", NULL);
        size_t bytes = commit->reader.at;
        if (apply->count == BATCH) apply_batch(apply);
        commit->reader.at = bytes;
    }
    apply_batch(apply);
    return err == CUP_END ? CUP_OK : err;
}

enum cup_err cup_commit_priv_apply(struct cup_commit *commit, struct cup_fault *out_fault)
{
    struct apply *apply = malloc(sizeof *apply);

    if (apply == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "apply", NULL);
    *apply           = (struct apply){.commit = commit};
    enum cup_err err = apply_lines(apply, out_fault);
    if (err == CUP_OK && apply->err != CUP_OK) {
        err = apply->err;
        if (out_fault != NULL) *out_fault = apply->fault;
    }
    if (err != CUP_OK && !may_pass(err)) commit->standing = CUP_COMMIT_FAILED;
    free(apply);
    return err;
}
