// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "dataplane/commit/commit_priv.h"

enum cup_err cup_commit_priv_verify(struct cup_commit *commit, struct cup_fault *out_fault)
{
    struct cup_commit_table *own[] = {&commit->index, &commit->quarantine, &commit->ledger};
    enum cup_err             err   = CUP_OK;

    for (size_t i = 0; err == CUP_OK && i < sizeof own / sizeof *own; i++)
        err = cup_commit_priv_table_meet(commit, own[i], out_fault);
    return err;
}

/* A table that has an epoch which the journal has not is refused here. */
static enum cup_err meet(struct cup_commit *commit, const char *folder, struct cup_fault *out_fault)
{
    struct cup_commit_table  other = {.store = commit->store, .folder = folder};
    struct cup_commit_table *table = cup_commit_priv_table_at(commit, folder);
    enum cup_err             err   = CUP_OK;

    if (table == NULL) table = &other; /* the plan lost it since */
    if (!table->met) err = cup_commit_priv_table_meet(commit, table, out_fault);
    if (table == &other) cup_commit_priv_table_close(&other);
    return err;
}

static enum cup_err check_place(struct cup_commit *commit, const struct cup_journal_line *line,
                                struct cup_fault *out_fault)
{
    /* archive files belong to no table; their index is in the same list */
    return line->topic[0] == '\0' ? CUP_OK : meet(commit, line->topic, out_fault);
}

static enum cup_err remove_place(struct cup_commit *commit, const struct cup_journal_line *line,
                                 struct cup_fault *out_fault)
{
    return cup_store_remove(commit->store, line->name, out_fault);
}

static enum cup_err each_place(struct cup_commit *commit,
                               enum cup_err (*step)(struct cup_commit             *commit,
                                                    const struct cup_journal_line *line,
                                                    struct cup_fault              *out_fault),
                               struct cup_fault *out_fault)
{
    const struct cup_text  *placing = &commit->state.placing;
    struct cup_journal_line line;
    enum cup_err            err;

    cup_journal_reader_start(&commit->reader, placing->at, placing->bytes);
    while ((err = cup_journal_reader_next(&commit->reader, &line, out_fault)) == CUP_OK) {
        if (line.kind == CUP_LINE_PLACE) err = step(commit, &line, out_fault);
        if (err != CUP_OK) return err;
    }
    return err == CUP_END ? CUP_OK : err;
}

/* The logs are asked before anything is removed, so that no journal, however wrong, can make a live
 * file vanish. */
enum cup_err cup_commit_priv_remove_orphans(struct cup_commit *commit, struct cup_fault *out_fault)
{
    enum cup_err err = each_place(commit, check_place, out_fault);

    if (err == CUP_OK) err = each_place(commit, remove_place, out_fault);
    if (err == CUP_OK) err = cup_store_sync(commit->store, out_fault);
    if (err == CUP_OK) cup_text_free(&commit->state.placing);
    return err;
}
