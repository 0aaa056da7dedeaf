// SPDX-License-Identifier: Apache-2.0
/* A journal made from what the tables prove. Only when they prove it: the ledger must tile every
 * input, and each table must have each of its epochs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lake/tool/tool_check.h"
#include "lake/tool/tool_recover.h"

struct adopt {
    const struct cup_recover_act *act;
    struct cup_ledger            *ledger;
    struct cup_audit              audit;
    uint64_t                      epoch;    /* the ledger's last one of this shard */
    uint32_t                      epoch_id; /* in the ledger's names */
    struct cup_journal_state      state;
};

static bool is_ours(const struct adopt *adopt, int32_t shard)
{
    return (uint32_t)shard == adopt->act->recover->shard.number;
}

/* --- the ledger --- */

struct cup_ledger *cup_recover_ledger(const struct cup_recover_act *act)
{
    struct cup_recover       *recover  = act->recover;
    const struct cup_pipeline pipeline = {recover->shard.domain, recover->shard.pipeline};
    struct cup_report         report   = {0};
    struct cup_ledger        *ledger   = NULL;
    struct cup_fault          fault    = {0};

    if (cup_ledger_load(recover->lake, &pipeline, &report, &ledger, &fault) != CUP_OK) {
        (void)cup_recover_fail(&fault); /* only its words */
        return NULL;
    }
    struct cup_check check = {
        .lake = recover->lake, .pipeline = &pipeline, .ledger = ledger, .report = &report};
    cup_check_ledger(&check);
    bool good = report.problem_count == 0;
    if (!good) {
        if (report.text.at != NULL) fputs(report.text.at, act->out);
        fputs("refused: the ledger does not prove how far each input was read; put back a newer "
              "copy of it, or bring what bronze has into a new lake: cupel replay\n",
              act->out);
        cup_ledger_free(ledger);
    }
    cup_text_free(&report.text);
    return good ? ledger : NULL;
}

static void find_last(struct adopt *adopt)
{
    const struct cup_ledger *ledger = adopt->ledger;

    for (uint64_t i = 0; i < ledger->mark_count; i++) {
        const struct cup_ledger_mark *mark = &ledger->marks[i];
        if (!is_ours(adopt, mark->shard) || mark->epoch < adopt->epoch) continue;
        adopt->epoch    = mark->epoch;
        adopt->epoch_id = mark->id;
    }
}

/* --- the tables --- */

static enum cup_exit refuse(const struct adopt *adopt, const char *way)
{
    fprintf(adopt->act->out, "refused: the tables disagree; %s\n", way);
    return CUP_EXIT_PROBLEMS;
}

static enum cup_exit check_ahead(struct adopt *adopt)
{
    const struct cup_recover *recover = adopt->act->recover;

    for (uint32_t i = 0; i < recover->table_count; i++) {
        const struct cup_recover_table *table = &recover->tables[i];
        char                            id[CUP_UUID_TEXT_BYTES];
        if (table->epoch > adopt->epoch) {
            fprintf(adopt->act->out,
                    "table %s has epoch %" PRIu64 ", the ledger ends with epoch %" PRIu64 "\n",
                    table->folder, table->epoch, adopt->epoch);
            return refuse(adopt, "what was read for the last epoch is not known: put back a newer "
                                 "ledger or journal, or bring what bronze has into a new lake: "
                                 "cupel replay");
        }
        if (adopt->epoch == 0 || table->epoch < adopt->epoch) continue;
        if (cup_recover_epoch_id(recover, table, adopt->epoch, id) &&
            strcmp(id, adopt->ledger->names.list[adopt->epoch_id]) != 0) {
            fprintf(adopt->act->out,
                    "epoch %" PRIu64 " of table %s is %s, that of the ledger is %s\n", adopt->epoch,
                    table->folder, id, adopt->ledger->names.list[adopt->epoch_id]);
            return refuse(adopt, "two instances ran on two journals: put back a backup of all "
                                 "tables, or bring what bronze has into a new lake: cupel replay");
        }
    }
    return CUP_EXIT_OK;
}

/* The table that a file lies in; *last is tried first. NULL: its table is gone. */
static const struct cup_recover_table *table_of(const struct cup_recover *recover, const char *path,
                                                uint32_t *last)
{
    for (uint32_t i = 0; i < recover->table_count; i++) {
        uint32_t    at     = (*last + i) % recover->table_count;
        const char *folder = recover->tables[at].folder;
        size_t      bytes  = strlen(folder);
        if (strncmp(path, folder, bytes) != 0 || path[bytes] != '/') continue;
        *last = at;
        return &recover->tables[at];
    }
    return NULL;
}

/* Of a table that is gone, the name is not certain: partitions lie in folders of it. */
static enum cup_exit refuse_behind(const struct adopt *adopt, const char *folder, uint64_t has,
                                   uint64_t epoch)
{
    fprintf(adopt->act->out,
            "table %s has epoch %" PRIu64 ", but the ledger says that epoch %" PRIu64 " is in it\n",
            folder, has, epoch);
    return refuse(adopt, "put back a newer copy of that table, or give up its epochs first: "
                         "recover ... discard --table");
}

static enum cup_exit check_behind(struct adopt *adopt)
{
    const struct cup_ledger *ledger = adopt->ledger;
    uint32_t                 last   = 0;

    for (uint64_t i = 0; i < ledger->file_count; i++) {
        const struct cup_ledger_file *file = &ledger->files[i];
        const char                   *path = ledger->names.list[file->path];
        if (file->zone == CUP_LEDGER_BRONZE || !is_ours(adopt, file->shard)) continue;
        const struct cup_recover_table *table = table_of(adopt->act->recover, path, &last);
        char                            folder[CUP_PATH_BYTES];
        snprintf(folder, sizeof folder, "%.*s",
                 (int)(strrchr(path, '/') != NULL ? strrchr(path, '/') - path : 0), path);
        if (table != NULL) snprintf(folder, sizeof folder, "%s", table->folder);
        uint64_t has = table != NULL ? table->epoch : 0;
        if (has < file->epoch && !cup_audit_excuses(&adopt->audit, folder, file->epoch))
            return refuse_behind(adopt, folder, has, file->epoch);
    }
    return CUP_EXIT_OK;
}

/* --- the state --- */

/* The ledger has it as a suffix only. */
static uint32_t generation_of(const char *name)
{
    const char *tilde = strrchr(name, '~');

    if (tilde == NULL || tilde[1] == '\0' || strspn(tilde + 1, "0123456789") != strlen(tilde + 1))
        return 0;
    return (uint32_t)strtoul(tilde + 1, NULL, 10);
}

static bool read_identity(const char *text, struct cup_input_identity *out)
{
    struct cup_input_identity identity;
    char                     *end;

    identity.device = strtoull(text, &end, 10);
    if (*end != ':') return false;
    identity.inode = strtoull(end + 1, &end, 10);
    if (*end != ':') return false;
    identity.head_bytes = (uint32_t)strtoul(end + 1, &end, 10);
    if (*end != ':') return false;
    identity.head_crc32c = (uint32_t)strtoul(end + 1, &end, 16);
    if (*end != '\0') return false;
    *out = identity;
    return true;
}

/* The ledger has topic/partition for both. The anchor's time is not in it: none is better. */
static void put_partition(struct cup_position *position)
{
    position->topic[strcspn(position->topic, "/")] = '\0';
    position->identity.inode                       = CUP_ANCHOR_NONE;
    position->size                                 = 0;
}

static int by_epoch(const void *a, const void *b)
{
    const struct cup_ledger_range *x = *(const struct cup_ledger_range *const *)a;
    const struct cup_ledger_range *y = *(const struct cup_ledger_range *const *)b;

    if (x->epoch != y->epoch) return x->epoch < y->epoch ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static enum cup_exit put_position(struct adopt *adopt, const struct cup_ledger_range *range)
{
    const struct cup_ledger  *ledger = adopt->ledger;
    struct cup_input_identity identity;

    if (range->path == CUP_NAME_NONE ||
        !read_identity(ledger->names.list[range->identity], &identity)) {
        fprintf(adopt->act->out,
                "refused: the ledger does not say where input %s lies; put back a newer copy of "
                "the journal\n",
                ledger->names.list[range->input]);
        return CUP_EXIT_PROBLEMS;
    }
    struct cup_position *position = cup_positions_add(
        &adopt->state.positions, ledger->names.list[range->path], ledger->names.list[range->input]);
    CUP_ASSERT(position != NULL); /* a tool without memory has nothing to say */
    position->generation = generation_of(position->topic);
    position->identity   = identity;
    position->end = position->checked = range->end;
    position->size                    = range->size;
    position->ended                   = range->ended;
    position->recorded                = true;
    if (cup_position_consumed(position->path)) put_partition(position);
    return CUP_EXIT_OK;
}

static enum cup_exit put_positions(struct adopt *adopt)
{
    const struct cup_ledger        *ledger = adopt->ledger;
    const struct cup_ledger_range **sorted = calloc(ledger->range_count + 1, sizeof *sorted);
    enum cup_exit                   code   = CUP_EXIT_OK;
    uint64_t                        count  = 0;

    CUP_ASSERT(sorted != NULL);
    for (uint64_t i = 0; i < ledger->range_count; i++)
        if (is_ours(adopt, ledger->ranges[i].shard)) sorted[count++] = &ledger->ranges[i];
    if (count > 0) qsort(sorted, count, sizeof *sorted, by_epoch);
    for (uint64_t i = 0; code == CUP_EXIT_OK && i < count; i++)
        code = put_position(adopt, sorted[i]);
    free(sorted);
    return code;
}

static void put_tables(struct adopt *adopt)
{
    const struct cup_recover *recover = adopt->act->recover;

    for (uint32_t i = 0; i < recover->table_count; i++) {
        const struct cup_recover_table *table = &recover->tables[i];
        if (table->table == NULL || table->epoch == 0) continue;
        bool ok = cup_journal_tables_note(&adopt->state.tables, table->folder,
                                          table->table->state->id, 0, table->epoch);
        CUP_ASSERT(ok);
    }
}

/* --- all of it --- */

static enum cup_exit finish(struct adopt *adopt)
{
    const struct cup_recover_act *act  = adopt->act;
    const struct cup_positions   *now  = &adopt->state.positions;
    struct cup_text               line = {0};

    fprintf(act->out,
            "adopt: the journal will say that epoch %" PRIu64
            " is the last one, of %u inputs (now: %s%" PRIu64 ")\n",
            adopt->epoch, now->count,
            act->recover->journal_err != CUP_OK ? "unreadable, "
            : act->recover->journal.exists      ? "epoch "
                                                : "none, ",
            act->recover->journal.epoch);
    for (uint32_t i = 0; i < now->count && i < 20; i++)
        fprintf(act->out, "  %12" PRIu64 " %s %s\n", now->list[i]->end,
                now->list[i]->ended ? "ended" : "     ", now->list[i]->path);
    cup_text_printf(&line, "\"did\":\"adopt\",\"epoch\":%" PRIu64 ",\"old_epoch\":%" PRIu64,
                    adopt->epoch, act->recover->journal.epoch);
    CUP_ASSERT(!line.failed);
    enum cup_exit code = cup_recover_commit(act, &adopt->state, line.at);
    cup_text_free(&line);
    return code;
}

static enum cup_exit adopt_from_ledger(struct adopt *adopt)
{
    find_last(adopt);
    enum cup_exit code = check_ahead(adopt);
    if (code == CUP_EXIT_OK) code = check_behind(adopt);
    if (code == CUP_EXIT_OK) code = put_positions(adopt);
    if (code != CUP_EXIT_OK) return code;
    adopt->state.epoch = adopt->epoch;
    put_tables(adopt);
    return finish(adopt);
}

enum cup_exit cup_recover_adopt(const struct cup_recover_act *act)
{
    struct adopt     adopt = {.act = act};
    struct cup_fault fault;
    enum cup_exit    code = CUP_EXIT_PROBLEMS;

    if (act->recover->journal_err == CUP_OK && !cup_recover_refuses(act->recover)) {
        fputs("nothing to adopt: the journal and the tables agree\n", act->out);
        return CUP_EXIT_OK;
    }
    adopt.ledger = cup_recover_ledger(act);
    if (adopt.ledger == NULL) return CUP_EXIT_PROBLEMS;
    if (cup_audit_read(act->recover->lake, &act->recover->shard, &adopt.audit, &fault) == CUP_OK)
        code = adopt_from_ledger(&adopt);
    else
        fprintf(stderr, "cupel-lake: %s: %s\n", fault.what, fault.where);
    cup_journal_state_free(&adopt.state);
    cup_audit_free(&adopt.audit);
    cup_ledger_free(adopt.ledger);
    return code;
}
