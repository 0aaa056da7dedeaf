// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "dataplane/commit/commit_priv.h"

#define ROUNDS_MAX 1000u /* versions lost to other writers in a row: then something is wrong */
#define IO_MAX     3u    /* tries with a new temporary file */

/* One table, and the commit that makes it what the epoch needs. */
struct wish {
    struct cup_commit_table *table;
    struct cup_text          text;    /* of the commit being tried; empty: nothing is needed */
    uint64_t                 version; /* it is tried as */
    uint32_t                 error_count;
    bool                     ready;
    bool                     put;                         /* the commit is there, and durable */
    bool                     unsynced;                    /* it may be there, but not durable */
    char                     id[CUP_UUID_TEXT_BYTES * 4]; /* of the table; others' ids may be odd */
    char                     name[CUP_STORE_NAME_BYTES];
};

struct declare {
    struct cup_commit    *commit;
    int64_t               now_us;
    struct wish          *wishes;
    uint32_t              count, put_count;
    struct cup_store_put *puts;
    struct wish         **wish_of; /* per put */
};

static enum cup_err wish_for(struct declare *declare, struct wish *wish, uint32_t missing,
                             struct cup_fault *out_fault)
{
    const struct cup_commit_table *table = wish->table;
    char                           leaf[CUP_DELTA_NAME_BYTES];

    if (table->state == NULL)
        cup_rnd_uuid(wish->id);
    else
        snprintf(wish->id, sizeof wish->id, "%s", table->state->id);
    wish->put     = false;
    wish->version = table->state == NULL ? 0 : table->state->version + 1;
    cup_delta_version_name(leaf, wish->version);
    enum cup_err err = cup_commit_priv_join(table->folder, leaf, wish->name, out_fault);
    if (err == CUP_OK)
        err = cup_commit_priv_schema(table, missing, declare->now_us, wish->id, &wish->text,
                                     out_fault);
    return err;
}

/* The table is what the epoch needs. Is it durably so? What the journal knows of it was durable
 * before an earlier epoch of ours was decided; what another writer did just now need not be. */
static enum cup_err settle(struct declare *declare, struct wish *wish, struct cup_fault *out_fault)
{
    struct cup_commit              *commit = declare->commit;
    const struct cup_commit_table  *table  = wish->table;
    const struct cup_journal_table *known =
        cup_journal_tables_find(&commit->state.tables, table->folder);
    char         log[CUP_STORE_NAME_BYTES];
    enum cup_err err = CUP_OK;

    wish->ready = true;
    if (wish->put && wish->version == table->state->version) return CUP_OK;
    if (!wish->unsynced && known != NULL && strcmp(known->id, table->state->id) == 0 &&
        known->schema_crc32c == cup_commit_priv_schema_crc(table))
        return CUP_OK;
    if (wish->unsynced) {
        errno = EIO;
        err   = cup_fault_set(out_fault, CUP_IO, "sync the log of", table->folder);
    }
    if (err == CUP_OK) err = cup_commit_priv_join(table->folder, "_delta_log", log, out_fault);
    if (err == CUP_OK) err = cup_store_sync_folder(commit->store, log, out_fault);
    if (err != CUP_OK) commit->standing = CUP_COMMIT_FAILED; /* a second sync could lie */
    return err;
}

/* The table as it is now; what it lacks becomes a commit. */
static enum cup_err look(struct declare *declare, struct wish *wish, struct cup_fault *out_fault)
{
    struct cup_commit_table *table   = wish->table;
    uint32_t                 missing = 0;

    cup_text_clear(&wish->text);
    enum cup_err err = cup_commit_priv_table_fields(declare->commit, table, out_fault);
    if (err == CUP_OK) err = cup_commit_priv_table_meet(declare->commit, table, out_fault);
    if (err == CUP_OK && table->state != NULL)
        err = cup_commit_priv_table_check(table, &missing, out_fault);
    if (err != CUP_OK) return err;
    if (table->state == NULL || missing > 0) return wish_for(declare, wish, missing, out_fault);
    return settle(declare, wish, out_fault);
}

static enum cup_err look_all(struct declare *declare, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    declare->put_count = 0;
    for (uint32_t i = 0; err == CUP_OK && i < declare->count; i++) {
        struct wish *wish = &declare->wishes[i];
        if (wish->ready) continue;
        err = look(declare, wish, out_fault);
        if (err != CUP_OK || wish->ready) continue;
        declare->wish_of[declare->put_count] = wish;
        declare->puts[declare->put_count++]  = (struct cup_store_put){
             .name = wish->name, .bytes = wish->text.at, .count = wish->text.bytes};
    }
    return err;
}

/* Who comes after us must know the names before there are such files, and the bytes of the commits
 * before a reader can see them. */
static enum cup_err intend(struct declare *declare, const struct cup_text *names,
                           struct cup_fault *out_fault)
{
    struct cup_commit *commit = declare->commit;
    struct cup_text    text   = {0};

    cup_text_put(&text, names->at, names->bytes);
    for (uint32_t i = 0; i < declare->put_count; i++) {
        const struct wish      *wish = declare->wish_of[i];
        struct cup_journal_line line = {.kind    = CUP_LINE_DECLARE,
                                        .name    = wish->table->folder,
                                        .id      = wish->id,
                                        .version = wish->version,
                                        .bytes   = wish->text.bytes,
                                        .commit  = wish->text.at};
        cup_journal_put_line(&text, &line);
    }
    commit->standing = CUP_COMMIT_FAILED;
    enum cup_err err = text.failed
                           ? cup_fault_set(out_fault, CUP_NO_MEMORY, "intent", NULL)
                           : cup_journal_intend(commit->journal, text.at, text.bytes, out_fault);
    if (err == CUP_OK || err == CUP_NO_SPACE || text.failed) commit->standing = CUP_COMMIT_READY;
    cup_text_free(&text);
    return err;
}

/* An I/O error may have come after the commit was there: like a version that was lost, it is
 * followed by a look. If there is nothing left to do then, what failed may be the sync of its name.
 */
static enum cup_err put_all(struct declare *declare, struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    cup_store_put_all(declare->commit->store, declare->puts, declare->put_count);
    for (uint32_t i = 0; i < declare->put_count; i++) {
        const struct cup_store_put *put  = &declare->puts[i];
        struct wish                *wish = declare->wish_of[i];
        wish->put                        = put->err == CUP_OK;
        wish->error_count += put->err == CUP_IO;
        wish->unsynced |= put->err == CUP_IO && put->fault.os_errno != ETIMEDOUT;
        bool again = put->err == CUP_EXISTS || (put->err == CUP_IO && wish->error_count < IO_MAX);
        if (put->err == CUP_OK || again || err != CUP_OK) continue;
        err = put->err;
        if (out_fault != NULL) *out_fault = put->fault;
    }
    cup_commit_priv_reach("declared");
    return err;
}

static enum cup_err run(struct declare *declare, const struct cup_text *names,
                        struct cup_fault *out_fault)
{
    for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
        enum cup_err err = look_all(declare, out_fault);
        if (err == CUP_OK && (declare->put_count > 0 || round == 0)) {
            err = intend(declare, names, out_fault);
            if (err == CUP_OK) cup_commit_priv_reach("intended");
        }
        if (err != CUP_OK || declare->put_count == 0) return err;
        err = put_all(declare, out_fault);
        if (err != CUP_OK) return err;
    }
    return cup_fault_set(out_fault, CUP_EXISTS, "other writers take every version",
                         declare->wish_of[0]->table->folder);
}

enum cup_err cup_commit_priv_declare(struct cup_commit *commit, struct cup_commit_table **tables,
                                     uint32_t count, int64_t now_us, const struct cup_text *names,
                                     struct cup_fault *out_fault)
{
    struct declare declare = {.commit  = commit,
                              .now_us  = now_us,
                              .wishes  = calloc(count, sizeof *declare.wishes),
                              .count   = count,
                              .puts    = calloc(count, sizeof *declare.puts),
                              .wish_of = calloc(count, sizeof *declare.wish_of)};
    enum cup_err   err     = CUP_OK;

    CUP_ASSERT(count > 0); /* the ledger */
    if (declare.wishes == NULL || declare.puts == NULL || declare.wish_of == NULL)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "tables of an epoch", NULL);
    for (uint32_t i = 0; err == CUP_OK && i < count; i++)
        declare.wishes[i].table = tables[i];
    if (err == CUP_OK) err = run(&declare, names, out_fault);
    for (uint32_t i = 0; declare.wishes != NULL && i < count; i++)
        cup_text_free(&declare.wishes[i].text);
    free(declare.wishes);
    free(declare.puts);
    free(declare.wish_of);
    return err;
}

/* --- after a crash --- */

/* A commit that the journal announced and that is not there may have been seen before the power was
 * gone: it comes back as it was, unless the version is another's now, or the table is no longer
 * what it was meant for. One that is there is made durable. */
enum cup_err cup_commit_priv_declare_again(struct cup_commit             *commit,
                                           const struct cup_commit_table *table,
                                           const struct cup_journal_line *line,
                                           struct cup_fault              *out_fault)
{
    const struct cup_delta_state *state = table->state;
    char                          leaf[CUP_DELTA_NAME_BYTES], name[CUP_STORE_NAME_BYTES];
    enum cup_err                  err  = CUP_OK;
    uint64_t                      next = state == NULL ? 0 : state->version + 1;

    if (line->version < next) {
        err = cup_commit_priv_join(table->folder, "_delta_log", name, out_fault);
        return err == CUP_OK ? cup_store_sync_folder(commit->store, name, out_fault) : err;
    }
    if (line->version > next || (state != NULL && strcmp(state->id, line->id) != 0)) return CUP_OK;
    cup_delta_version_name(leaf, next);
    err = cup_commit_priv_join(table->folder, leaf, name, out_fault);
    if (err == CUP_OK)
        err = cup_store_put_if_absent(commit->store, name, line->commit, line->bytes, out_fault);
    return err == CUP_EXISTS ? CUP_OK : err;
}
