// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lake/tool/tool_recover.h"

#define WHAT_BYTES 8192u /* a path or two and a sentence */

/* --- findings --- */

void cup_recover_find(struct cup_recover *recover, bool refuses, const char *way,
                      const char *format, ...)
{
    char    what[WHAT_BYTES];
    va_list list;

    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    struct cup_recover_finding *grown =
        realloc(recover->findings, (recover->finding_count + 1) * sizeof *grown);
    struct cup_recover_finding finding = {
        .refuses = refuses, .what = strdup(what), .way = strdup(way)};
    /* a tool that cannot keep a sentence cannot say one either */
    CUP_ASSERT(grown != NULL && finding.what != NULL && finding.way != NULL);
    recover->findings               = grown;
    grown[recover->finding_count++] = finding;
}

bool cup_recover_refuses(const struct cup_recover *recover)
{
    for (uint32_t i = 0; i < recover->finding_count; i++)
        if (recover->findings[i].refuses) return true;
    return false;
}

/* As a shell takes it. */
static void put_word(struct cup_text *text, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._-+=:,@%";

    if (word[strspn(word, plain)] == '\0') {
        cup_text_puts(text, word);
        return;
    }
    cup_text_puts(text, "'");
    for (; *word != '\0'; word++)
        cup_text_put(text, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : 1);
    cup_text_puts(text, "'");
}

/* "cupel recover LAKE --pipeline D/P --shard N <action>[ argument]"; lent until the next call. */
static const char *way_to(const struct cup_recover *recover, struct cup_text *text,
                          const char *action, const char *argument)
{
    char pipeline[600];

    cup_text_clear(text);
    cup_text_puts(text, "cupel recover ");
    put_word(text, recover->lake);
    cup_text_puts(text, " --pipeline ");
    snprintf(pipeline, sizeof pipeline, "%s/%s", recover->shard.domain, recover->shard.pipeline);
    put_word(text, pipeline);
    cup_text_printf(text, " --shard %u %s", recover->shard.number, action);
    if (argument != NULL) put_word(text, argument);
    return text->failed ? action : text->at;
}

/* --- the journal --- */

static void judge_journal(struct cup_recover *recover, struct cup_text *way)
{
    const struct cup_fault         *fault = &recover->journal_fault;
    const struct cup_recover_table *ahead = NULL;
    const struct cup_journal_state *state = &recover->journal;
    const char                     *adopt = way_to(recover, way, "adopt", NULL);

    if (recover->journal_err != CUP_OK) {
        cup_recover_find(recover, true, adopt, "the journal cannot be read: %s: %s, byte %" PRIu64,
                         fault->what, fault->where, fault->at_offset);
        return;
    }
    for (uint32_t i = 0; i < recover->table_count; i++) {
        const struct cup_recover_table *table = &recover->tables[i];
        if (table->epoch > state->epoch && (ahead == NULL || table->epoch > ahead->epoch))
            ahead = table;
    }
    if (ahead == NULL) return;
    if (!state->exists)
        cup_recover_find(recover, true, adopt,
                         "there is no journal, but table %s has epoch %" PRIu64
                         ": the journal was lost",
                         ahead->folder, ahead->epoch);
    else
        cup_recover_find(recover, true, adopt,
                         "table %s has epoch %" PRIu64 ", the journal ends with epoch %" PRIu64
                         ": the journal was lost or put back from a backup",
                         ahead->folder, ahead->epoch, state->epoch);
}

/* --- tables --- */

static bool is_ledger(const struct cup_recover *recover, const struct cup_recover_table *table)
{
    char folder[CUP_SHARD_BYTES];

    cup_recover_own(&recover->shard, CUP_OWN_LEDGER, folder);
    return strcmp(folder, table->folder) == 0;
}

/* The ledger is what everything else is proven with: it cannot be done without. */
static void find_behind(struct cup_recover *recover, const struct cup_recover_table *table,
                        const char *what, struct cup_text *way)
{
    if (is_ledger(recover, table))
        cup_recover_find(recover, true,
                         "put back a newer copy of it; without one: cupel replay, into a new lake",
                         "the ledger, %s, %s", table->folder, what);
    else
        cup_recover_find(recover, true, way_to(recover, way, "discard --table ", table->folder),
                         "table %s %s", table->folder, what);
}

static void judge_standing(struct cup_recover *recover, struct cup_recover_table *table,
                           struct cup_text *way)
{
    char what[WHAT_BYTES / 2];

    if (table->table == NULL && table->err != CUP_NOT_FOUND) {
        cup_recover_find(recover, true, "put back a copy of its _delta_log",
                         "table %s cannot be read: %s: %s", table->folder, table->fault.what,
                         table->fault.where);
        return;
    }
    if (table->expected == 0) return;
    if (table->table == NULL) {
        find_behind(recover, table, "is gone", way);
        return;
    }
    const char *id = table->table->state->id;
    if (table->expected_id != NULL && table->expected_id[0] != '\0' &&
        strcmp(table->expected_id, id) != 0) {
        snprintf(what, sizeof what,
                 "is another table than the one cupel wrote (id %.64s, not %.64s)", id,
                 table->expected_id);
        find_behind(recover, table, what, way);
    } else if (table->epoch < table->expected) {
        snprintf(what, sizeof what,
                 "has epoch %" PRIu64 ", but epoch %" PRIu64
                 " was committed to it: it was put back from a backup",
                 table->epoch, table->expected);
        find_behind(recover, table, what, way);
    }
}

/* What would make the committer refuse the table when an epoch has rows for it. */
static void judge_fitness(struct cup_recover *recover, const struct cup_recover_table *table)
{
    static const char *const      known[] = {"timestampNtz", "appendOnly", "invariants"};
    const struct cup_delta_state *state   = table->table->state;

    if (state->configuration_json != NULL &&
        strstr(state->configuration_json, "\"delta.setTransactionRetentionDuration\"") != NULL)
        cup_recover_find(recover, true,
                         "in Spark: ALTER TABLE ... UNSET TBLPROPERTIES "
                         "('delta.setTransactionRetentionDuration')",
                         "table %s has the property delta.setTransactionRetentionDuration: the log "
                         "would forget which epochs are in it",
                         table->folder);
    for (char **name = state->writer_features; name != NULL && *name != NULL; name++) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found |= strcmp(known[i], *name) == 0;
        if (!found)
            cup_recover_find(recover, true,
                             "in Spark: ALTER TABLE ... DROP FEATURE; or move the table away and "
                             "discard it",
                             "table %s demands the writer feature %s, which cupel has not",
                             table->folder, *name);
    }
}

/* --- the epoch that is decided and not everywhere --- */

static const char *why_stuck(const struct cup_recover_table *table,
                             const struct cup_journal_line  *line)
{
    if (table == NULL || table->table == NULL) return "the table is gone";
    bool same = strcmp(table->table->state->id, line->id) == 0;
    return same ? NULL : "the table was created anew";
}

static void find_stuck(struct cup_recover *recover, const char *folder, const char *why, bool alone,
                       struct cup_text *way)
{
    char epoch[24];

    snprintf(epoch, sizeof epoch, "%" PRIu64, recover->journal.epoch);
    cup_recover_find(recover, true,
                     alone ? way_to(recover, way, "discard --epoch ", epoch)
                           : way_to(recover, way, "discard --table ", folder),
                     "epoch %s is decided, but cannot come into table %s any more: %s", epoch,
                     folder, why);
}

/* Another instance's epoch of the same number. */
static void find_fenced(struct cup_recover *recover, const struct cup_recover_table *table,
                        struct cup_text *way)
{
    char id[CUP_UUID_TEXT_BYTES];

    if (!cup_recover_epoch_id(recover, table, recover->journal.epoch, id)) return;
    if (strcmp(id, recover->open_id) == 0) return;
    cup_recover_find(recover, true, way_to(recover, way, "adopt", NULL),
                     "table %s has another epoch %" PRIu64
                     " than the journal: another instance ran on another journal",
                     table->folder, recover->journal.epoch);
}

static void judge_open(struct cup_recover *recover, struct cup_text *way)
{
    struct cup_journal_line line;
    uint64_t                in = 0, out = 0;

    for (int pass = 0; pass < 2; pass++) {
        cup_recover_open_start(recover);
        while (cup_journal_reader_next(&recover->reader, &line, NULL) == CUP_OK) {
            if (line.kind != CUP_LINE_COMMIT) continue;
            struct cup_recover_table *table = cup_recover_table(recover, line.name);
            bool there = table != NULL && table->epoch >= recover->journal.epoch;
            if (pass == 0) {
                in += there;
                out += !there;
                continue;
            }
            const char *why = there ? NULL : why_stuck(table, &line);
            if (there) find_fenced(recover, table, way);
            if (why != NULL) find_stuck(recover, line.name, why, in == 0, way);
        }
    }
    if (!cup_recover_refuses(recover) && out > 0)
        cup_recover_find(recover, false, "",
                         "finishes epoch %" PRIu64 ": it is decided, and in %" PRIu64 " of %" PRIu64
                         " tables",
                         recover->journal.epoch, in, in + out);
}

/* --- inputs --- */

static const char *input_changed(const struct cup_position *position)
{
    const struct cup_input_identity *old = &position->identity;
    struct cup_input_identity        now;
    struct stat                      info;

    if (cup_position_consumed(position->path)) return NULL; /* the next run asks the cluster */
    if (stat(position->path, &info) != 0) return NULL;      /* read and put away: that is usual */
    if (cup_input_identify(position->path, old->head_bytes, &now, NULL) != CUP_OK)
        return "cannot be read";
    if (now.device != old->device || now.inode != old->inode) return "is another file than before";
    if (old->head_bytes > 0 &&
        (now.head_bytes != old->head_bytes || now.head_crc32c != old->head_crc32c))
        return "begins with other bytes than before";
    return (uint64_t)info.st_size < position->size ? "is shorter than before" : NULL;
}

/* Another generation of the same path was read: files come and go there. */
static bool is_followed(const struct cup_positions *positions, const struct cup_position *position)
{
    char next[PATH_MAX + 16];

    snprintf(next, sizeof next, "%.*s~%u",
             (int)cup_position_base(position->path, position->generation), position->path,
             position->generation + 1);
    return position->generation > 0 || cup_positions_find(positions, next) != NULL;
}

static void judge_inputs(struct cup_recover *recover)
{
    for (uint32_t i = 0; i < recover->journal.positions.count; i++) {
        const struct cup_position *position = recover->journal.positions.list[i];
        const char                *what     = input_changed(position);
        if (what != NULL && !is_followed(&recover->journal.positions, position))
            cup_recover_find(recover, true,
                             "put the old file back, or give the new one a name of its own: it is "
                             "another input",
                             "input %s %s", position->path, what);
    }
}

/* --- all of it --- */

static void judge_rest(struct cup_recover *recover)
{
    const struct cup_journal_state *state = &recover->journal;

    if (recover->placing_files > 0)
        cup_recover_find(recover, false, "",
                         "removes what is there of %" PRIu64 " files of an epoch that was never "
                         "decided; its records are read again",
                         recover->placing_files);
    if (recover->staged_files > 0)
        cup_recover_find(recover, false, "", "removes %" PRIu64 " unfinished files from staging",
                         recover->staged_files);
    if (state->exists)
        cup_recover_find(recover, false, "", "goes on behind epoch %" PRIu64, state->epoch);
    else
        cup_recover_find(recover, false, "", "begins with epoch 1");
}

/* What is in motion cannot be compared; and the owner compared it when it began. */
static void judge_owner(struct cup_recover *recover)
{
    char way[CUP_HOLDER_BYTES + 32] = "end that process";
    long pid                        = 0;

    if (sscanf(recover->holder, "pid %ld", &pid) == 1 && pid > 0)
        snprintf(way, sizeof way, "kill -TERM %ld", pid);
    cup_recover_find(recover, false, way,
                     "is refused while a process runs the shard (%s); that one can be asked to "
                     "finish its epoch and end",
                     recover->holder[0] != '\0' ? recover->holder : "it left no name");
}

void cup_recover_judge(struct cup_recover *recover)
{
    struct cup_text way = {0};

    if (recover->held) {
        judge_owner(recover);
        return;
    }
    judge_journal(recover, &way);
    for (uint32_t i = 0; i < recover->table_count; i++) {
        judge_standing(recover, &recover->tables[i], &way);
        if (recover->tables[i].table != NULL) judge_fitness(recover, &recover->tables[i]);
    }
    if (recover->journal.open.bytes > 0) judge_open(recover, &way);
    judge_inputs(recover);
    if (!cup_recover_refuses(recover)) judge_rest(recover);
    cup_text_free(&way);
}
