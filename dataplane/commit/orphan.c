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

/* The plan's table in a folder, or `other`, which the plan lost since; met. A table that has an
 * epoch which the journal has not is refused here. */
static enum cup_err meet(struct cup_commit *commit, const char *folder,
                         struct cup_commit_table *other, struct cup_commit_table **out_table,
                         struct cup_fault *out_fault)
{
    *other                         = (struct cup_commit_table){.store = commit->store};
    other->folder                  = folder;
    struct cup_commit_table *table = cup_commit_priv_table_at(commit, folder);

    if (table == NULL) table = other;
    *out_table = table;
    return table->met ? CUP_OK : cup_commit_priv_table_meet(commit, table, out_fault);
}

static enum cup_err check_place(struct cup_commit *commit, const struct cup_journal_line *line,
                                struct cup_fault *out_fault)
{
    struct cup_commit_table other, *table;

    /* archive files belong to no table; their index is in the same list */
    if (line->kind != CUP_LINE_PLACE || line->topic[0] == '\0') return CUP_OK;
    enum cup_err err = meet(commit, line->topic, &other, &table, out_fault);
    cup_commit_priv_table_close(&other);
    return err;
}

static enum cup_err declare(struct cup_commit *commit, const struct cup_journal_line *line,
                            struct cup_fault *out_fault)
{
    struct cup_commit_table other, *table;

    if (line->kind != CUP_LINE_DECLARE) return CUP_OK;
    enum cup_err err = meet(commit, line->name, &other, &table, out_fault);
    if (err == CUP_OK) err = cup_commit_priv_declare_again(commit, table, line, out_fault);
    cup_commit_priv_table_close(&other);
    return err;
}

static enum cup_err remove_place(struct cup_commit *commit, const struct cup_journal_line *line,
                                 struct cup_fault *out_fault)
{
    if (line->kind != CUP_LINE_PLACE) return CUP_OK;
    return cup_store_remove(commit->store, line->name, out_fault);
}

static enum cup_err each_line(struct cup_commit *commit,
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
        err = step(commit, &line, out_fault);
        if (err != CUP_OK) return err;
    }
    return err == CUP_END ? CUP_OK : err;
}

/* The logs are asked before anything is removed, so that no journal, however wrong, can make a live
 * file vanish. */
enum cup_err cup_commit_priv_remove_orphans(struct cup_commit *commit, struct cup_fault *out_fault)
{
    enum cup_err err = each_line(commit, check_place, out_fault);

    if (err == CUP_OK) err = each_line(commit, declare, out_fault);
    if (err == CUP_OK) err = each_line(commit, remove_place, out_fault);
    if (err == CUP_OK) err = cup_store_sync(commit->store, out_fault);
    if (err == CUP_OK) cup_text_free(&commit->state.placing);
    return err;
}
