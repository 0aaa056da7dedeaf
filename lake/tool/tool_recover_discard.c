// SPDX-License-Identifier: Apache-2.0
/* What an operator gives up: an epoch that no table has, or the epochs that a table has lost. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lake/tool/tool_recover.h"

static enum cup_exit refuse(const struct cup_recover_act *act, const char *why)
{
    fprintf(act->out, "refused: %s\n", why);
    return CUP_EXIT_PROBLEMS;
}

/* --- a state that is the journal's but for what is discarded --- */

/* Positions and tables are copied; the caller frees the state. */
static void copy_state(const struct cup_journal_state *from, struct cup_journal_state *to)
{
    *to = (struct cup_journal_state){.epoch = from->epoch, .generation_min = from->generation_min};
    for (uint32_t i = 0; i < from->positions.count; i++) {
        const struct cup_position *old  = from->positions.list[i];
        struct cup_position       *copy = cup_positions_add(&to->positions, old->path, old->topic);
        CUP_ASSERT(copy != NULL); /* a tool without memory has nothing to say */
        char *path = copy->path, *topic = copy->topic;
        *copy       = *old;
        copy->path  = path;
        copy->topic = topic;
    }
    cup_text_put(&to->placing, from->placing.at, from->placing.bytes);
    CUP_ASSERT(!to->placing.failed);
}

static void note_table(struct cup_journal_state *state, const char *folder, const char *id,
                       uint64_t epoch)
{
    bool ok = cup_journal_tables_note(&state->tables, folder, id, 0, epoch);
    CUP_ASSERT(ok);
}

/* --- an epoch --- */

/* Its files get the names back that an epoch had planned which was never decided: the next run
 * removes those. */
static void put_place(struct cup_journal_state *state, const struct cup_recover *recover,
                      const struct cup_journal_line *file)
{
    struct cup_journal_line place = {.kind = CUP_LINE_PLACE, .name = file->name, .topic = ""};

    for (uint32_t i = 0; i < recover->table_count; i++) {
        const char *folder = recover->tables[i].folder;
        size_t      bytes  = strlen(folder);
        if (strncmp(file->name, folder, bytes) == 0 && file->name[bytes] == '/')
            place.topic = folder;
    }
    cup_journal_put_line(&state->placing, &place);
}

static void rewind_input(struct cup_journal_state *state, const struct cup_journal_line *range)
{
    struct cup_position *position = cup_positions_find(&state->positions, range->name);

    CUP_ASSERT(position != NULL); /* the journal's reader made it from this very line */
    position->end = position->checked = range->start;
    position->ended                   = false;
    position->recorded                = range->start > 0;
    if (cup_position_consumed(position->path)) /* its anchor lies in what is given up */
        position->identity.inode = CUP_ANCHOR_NONE;
}

/* The state before the open epoch. */
static enum cup_err rewind_state(struct cup_recover *recover, struct cup_journal_state *out_state,
                                 uint64_t *out_files, struct cup_fault *out_fault)
{
    const struct cup_journal_tables *tables = &recover->journal.tables;
    const uint64_t                   epoch  = recover->journal.epoch;
    struct cup_journal_line          line, intent = {.kind = CUP_LINE_INTENT, .epoch = epoch};
    enum cup_err                     err;

    copy_state(&recover->journal, out_state);
    out_state->epoch = epoch - 1;
    cup_text_clear(&out_state->placing);
    cup_journal_put_line(&out_state->placing, &intent);
    cup_recover_open_start(recover);
    while ((err = cup_journal_reader_next(&recover->reader, &line, out_fault)) == CUP_OK) {
        if (line.kind == CUP_LINE_RANGE) rewind_input(out_state, &line);
        if (line.kind != CUP_LINE_FILE) continue;
        put_place(out_state, recover, &line);
        ++*out_files;
    }
    for (uint32_t i = 0; i < tables->count; i++) {
        const struct cup_journal_table *table = &tables->list[i];
        uint64_t                        last = table->epoch == epoch ? table->before : table->epoch;
        if (last > 0) note_table(out_state, table->folder, table->id, last);
    }
    return err == CUP_END ? CUP_OK : err;
}

/* The table that has the open epoch already; NULL: none. */
static const struct cup_recover_table *who_has_it(struct cup_recover *recover)
{
    struct cup_journal_line line;

    cup_recover_open_start(recover);
    while (cup_journal_reader_next(&recover->reader, &line, NULL) == CUP_OK) {
        const struct cup_recover_table *table =
            line.kind == CUP_LINE_COMMIT ? cup_recover_table(recover, line.name) : NULL;
        if (table != NULL && table->epoch >= recover->journal.epoch) return table;
    }
    return NULL;
}

enum cup_exit cup_recover_discard_epoch(const struct cup_recover_act *act, uint64_t epoch)
{
    struct cup_recover      *recover = act->recover;
    struct cup_journal_state state   = {0};
    struct cup_fault         fault   = {0};
    char                     members[96];
    uint64_t                 files = 0;

    if (recover->journal_err != CUP_OK)
        return refuse(act, "the journal cannot be read: adopt is the way");
    if (recover->journal.open.bytes == 0 || recover->journal.epoch != epoch)
        return refuse(act, "only the last decided epoch can be discarded, while it is not in all "
                           "tables; `explain` says which that is");
    const struct cup_recover_table *there = who_has_it(recover);
    if (there != NULL) {
        fprintf(act->out, "table %s has epoch %" PRIu64 " already\n", there->folder, epoch);
        return refuse(act, "readers may have seen it; give up the tables that cannot take it: "
                           "discard --table");
    }
    if (rewind_state(recover, &state, &files, &fault) != CUP_OK) {
        cup_journal_state_free(&state);
        return refuse(act, fault.what);
    }
    fprintf(act->out,
            "discard: epoch %" PRIu64 ", which no table has; its records are read again; the next "
            "run removes its %" PRIu64 " files\n",
            epoch, files);
    snprintf(members, sizeof members, "\"did\":\"discard epoch\",\"epoch\":%" PRIu64, epoch);
    enum cup_exit code = cup_recover_commit(act, &state, members);
    cup_journal_state_free(&state);
    return code;
}

/* --- a table --- */

struct given_up {
    uint64_t first, last; /* epochs */
    uint64_t epochs, rows;
};

/* What the ledger says was committed to the table behind what it has now. */
static void count_given_up(const struct cup_recover *recover, const struct cup_ledger *ledger,
                           const char *folder, struct given_up *given)
{
    uint64_t last_counted = 0;
    size_t   bytes        = strlen(folder);

    for (uint64_t i = 0; i < ledger->file_count; i++) { /* by epoch */
        const struct cup_ledger_file *file = &ledger->files[i];
        const char                   *path = ledger->names.list[file->path];
        if ((uint32_t)file->shard != recover->shard.number || file->epoch < given->first) continue;
        if (strncmp(path, folder, bytes) != 0 || path[bytes] != '/') continue;
        given->epochs += file->epoch != last_counted;
        given->rows += file->rows;
        last_counted = file->epoch;
        if (file->epoch > given->last) given->last = file->epoch;
    }
}

/* The open epoch without its commit to a table that cannot take it. */
static void copy_open(struct cup_recover *recover, const char *without, struct cup_text *out)
{
    const struct cup_text  *open = &recover->journal.open;
    struct cup_journal_line line;
    size_t                  at = 0;

    cup_recover_open_start(recover);
    while (cup_journal_reader_next(&recover->reader, &line, NULL) == CUP_OK) {
        if (line.kind != CUP_LINE_COMMIT || without == NULL || strcmp(line.name, without) != 0)
            cup_text_put(out, open->at + at, recover->reader.at - at);
        at = recover->reader.at;
    }
    CUP_ASSERT(!out->failed);
}

static bool is_same(const struct cup_recover_table *table)
{
    return table->table != NULL &&
           (table->expected_id == NULL || strcmp(table->expected_id, table->table->state->id) == 0);
}

static void forget_table(struct cup_recover *recover, const struct cup_recover_table *table,
                         struct cup_journal_state *out_state)
{
    const struct cup_journal_tables *known = &recover->journal.tables;

    copy_state(&recover->journal, out_state);
    copy_open(recover, is_same(table) ? NULL : table->folder, &out_state->open);
    for (uint32_t i = 0; i < known->count; i++) {
        const struct cup_journal_table *old = &known->list[i];
        if (strcmp(old->folder, table->folder) != 0)
            note_table(out_state, old->folder, old->id, old->epoch);
        else if (table->table != NULL && table->epoch > 0)
            note_table(out_state, old->folder, table->table->state->id, table->epoch);
    }
}

static enum cup_exit give_up(const struct cup_recover_act   *act,
                             const struct cup_recover_table *table, const struct given_up *given)
{
    struct cup_recover      *recover = act->recover;
    struct cup_journal_state state   = {0};
    struct cup_text          line    = {0};
    bool                     known   = recover->journal_err == CUP_OK && recover->journal.exists;

    fprintf(act->out, "discard: the journal will take table %s as it is, with epoch %" PRIu64 "\n",
            table->folder, table->epoch);
    if (given->rows > 0)
        fprintf(act->out,
                "  %" PRIu64 " rows of %" PRIu64 " epochs (%" PRIu64 " to %" PRIu64
                ") stay missing from it; bronze has their records:\n"
                "  cupel replay FOLDER --missing, with the FOLDER of the pipeline, adds them (lake "
                "%s)\n",
                given->rows, given->epochs, given->first, given->last, recover->lake);
    cup_text_puts(&line, "\"did\":\"discard table\",\"table\":");
    cup_text_json(&line, table->folder, strlen(table->folder));
    if (given->rows > 0)
        cup_text_printf(&line,
                        ",\"first_epoch\":%" PRIu64 ",\"last_epoch\":%" PRIu64 ",\"rows\":%" PRIu64,
                        given->first, given->last, given->rows);
    CUP_ASSERT(!line.failed);
    if (known) forget_table(recover, table, &state);
    enum cup_exit code = cup_recover_commit(act, known ? &state : NULL, line.at);
    cup_journal_state_free(&state);
    cup_text_free(&line);
    return code;
}

enum cup_exit cup_recover_discard_table(const struct cup_recover_act *act, const char *folder)
{
    struct cup_recover       *recover = act->recover;
    struct cup_recover_table  gone    = {.folder = (char *)(uintptr_t)folder, .err = CUP_NOT_FOUND};
    struct cup_recover_table *table   = cup_recover_table(recover, folder);
    char                      own[CUP_SHARD_BYTES];

    if (table == NULL) table = &gone; /* the ledger may know it */
    cup_recover_own(&recover->shard, CUP_OWN_LEDGER, own);
    if (strcmp(own, folder) == 0)
        return refuse(act, "the ledger is what everything else is proven with; put back a newer "
                           "copy of it, or bring what bronze has into a new lake: cupel replay");
    if (table->table == NULL && table->err != CUP_NOT_FOUND)
        return refuse(act, "the table is there, but cannot be read; put back its log, or move the "
                           "table away");
    struct cup_ledger *ledger = cup_recover_ledger(act);
    if (ledger == NULL) return CUP_EXIT_PROBLEMS;
    struct given_up given = {.first = is_same(table) ? table->epoch + 1 : 1};
    count_given_up(recover, ledger, folder, &given);
    cup_ledger_free(ledger);
    if (table == &gone && given.rows == 0)
        return refuse(act, "neither journal nor ledger know such a table of this shard; names are "
                           "as `explain` lists them");
    return give_up(act, table, &given);
}
