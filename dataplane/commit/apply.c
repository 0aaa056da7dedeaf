// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/commit_priv.h"

#include <string.h>

#define TRIES_MAX 10000u /* versions lost to other writers in a row: then something is wrong */

/* One commit of a decided epoch on its way into the log. */
struct apply {
    struct cup_commit       *commit;
    struct cup_commit_table *table;
    struct cup_journal_line  line; /* COMMIT; its texts are copied below */
    uint64_t                 epoch;
    char                     epoch_id[CUP_UUID_TEXT_BYTES];
    char                     folder[CUP_STORE_NAME_BYTES];
    char                     table_id[CUP_UUID_TEXT_BYTES * 4]; /* other writers' ids may be odd */
};

static enum cup_err name_version(const struct apply *apply, uint64_t version,
                                 char out_name[CUP_STORE_NAME_BYTES], struct cup_fault *out_fault)
{
    char leaf[CUP_DELTA_NAME_BYTES];

    cup_delta_version_name(leaf, version);
    return cup_commit_priv_join(apply->table->folder, leaf, out_name, out_fault);
}

/* The text of the member `inner` of the root's member `outer`, if a line of a log has it. */
static bool read_inner(struct cup_journal_reader *reader, const char *line, size_t bytes,
                       const char *outer, const char *inner, struct cup_text *out)
{
    static const char   padding[CUP_JSON_PADDING];
    struct cup_json_doc doc;

    cup_text_clear(out);
    if (bytes > CUP_JOURNAL_LINE_BYTES_MAX) return false; /* commitInfo and txn are short */
    cup_text_clear(&reader->scratch);
    cup_text_put(&reader->scratch, line, bytes);
    cup_text_put(&reader->scratch, padding, sizeof padding);
    if (reader->scratch.failed) return false;
    const uint8_t *buf = (const uint8_t *)reader->scratch.at;
    cup_json_text(reader->json, buf, (uint32_t)bytes, &doc);
    if (doc.verdict != CUP_JSON_OK || doc.nodes[0].kind != CUP_JSON_OBJECT) return false;
    uint32_t at = cup_json_member(buf, &doc, 0, outer, strlen(outer));
    if (at == 0 || doc.nodes[at].kind != CUP_JSON_OBJECT) return false;
    at = cup_json_member(buf, &doc, at, inner, strlen(inner));
    if (at == 0) return false;
    cup_text_put(out, buf + doc.nodes[at].at, doc.nodes[at].bytes);
    if (doc.nodes[at].kind == CUP_JSON_STRING && !out->failed)
        out->bytes =
            cup_json_unescape((const uint8_t *)out->at, doc.nodes[at].bytes, (uint8_t *)out->at);
    return !out->failed;
}

static bool text_is(const struct cup_text *text, const char *expected)
{
    return text->bytes == strlen(expected) && memcmp(text->at, expected, text->bytes) == 0;
}

/* Does this commit carry our epoch's number, and if so, our epoch? */
static void read_identity(struct apply *apply, const struct cup_text *json, bool *out_number,
                          bool *out_ours)
{
    struct cup_journal_reader *reader = &apply->commit->reader;
    struct cup_text            text   = {0};
    char                       number[24];

    *out_number = *out_ours = false;
    snprintf(number, sizeof number, "%llu", (unsigned long long)apply->epoch);
    for (size_t at = 0; at < json->bytes;) {
        const char *line  = json->at + at;
        const char *lf    = memchr(line, '\n', json->bytes - at);
        size_t      bytes = lf == NULL ? json->bytes - at : (size_t)(lf - line);
        if (read_inner(reader, line, bytes, "txn", "appId", &text) &&
            text_is(&text, apply->commit->app) &&
            read_inner(reader, line, bytes, "txn", "version", &text) && text_is(&text, number))
            *out_number = true;
        if (read_inner(reader, line, bytes, "commitInfo", "epochId", &text) &&
            text_is(&text, apply->epoch_id))
            *out_ours = true;
        at += bytes + 1;
    }
    cup_text_free(&text);
}

/* A file of this commit that is live says the same: its name is as random as the epoch's id. */
static bool has_our_file(const struct apply *apply)
{
    const struct cup_delta_state *state = apply->table->state;

    for (uint64_t i = 0; i < state->file_count; i++) {
        const char *path = state->files[i].path;
        if (memmem(apply->line.commit, apply->line.bytes, path, strlen(path)) != NULL) return true;
    }
    return false;
}

/* The log says that the epoch's number is committed. By this epoch, or by one of the same number
 * that another instance decided? The newest commits are looked at first. */
static enum cup_err confirm(struct apply *apply, struct cup_fault *out_fault)
{
    char            name[CUP_STORE_NAME_BYTES];
    struct cup_text json   = {0};
    bool            number = false, ours = false;
    uint64_t        version = apply->table->state->version + 1;
    enum cup_err    err     = CUP_OK;

    while (err == CUP_OK && !number && version > 0) {
        cup_text_clear(&json);
        err = name_version(apply, --version, name, out_fault);
        if (err == CUP_OK) err = cup_store_get(apply->commit->store, name, &json, out_fault);
        if (err == CUP_OK) read_identity(apply, &json, &number, &ours);
    }
    cup_text_free(&json);
    if (err == CUP_NOT_FOUND) { /* cleaned up behind a checkpoint */
        err    = CUP_OK;
        number = ours = has_our_file(apply);
    }
    if (err != CUP_OK) return err;
    if (!number || !ours)
        return cup_fault_set(out_fault, CUP_FENCED, "the table has another epoch under this number",
                             apply->table->folder);
    /* visible is not yet durable */
    err = cup_commit_priv_join(apply->table->folder, "_delta_log", name, out_fault);
    return err == CUP_OK ? cup_store_sync_folder(apply->commit->store, name, out_fault) : err;
}

static enum cup_err changed(const struct apply *apply, const char *what,
                            struct cup_fault *out_fault)
{
    return cup_fault_set(out_fault, CUP_TABLE_CHANGED, what, apply->table->folder);
}

/* Does the commit, as it was built, still fit the table? */
static enum cup_err check_fit(const struct apply *apply, bool fresh, struct cup_fault *out_fault)
{
    const struct cup_commit_table *table   = apply->table;
    uint32_t                       missing = 0;

    if (table->state == NULL)
        return apply->line.creates ? CUP_OK : changed(apply, "the table is gone", out_fault);
    if (strcmp(table->state->id, apply->table_id) != 0)
        return changed(apply, "the table was created anew by another writer", out_fault);
    bool same = cup_commit_priv_schema_crc(table) == apply->line.crc32c;
    if (apply->line.alters && !same)
        return changed(apply, "another writer changed the columns while cupel added some",
                       out_fault);
    enum cup_err err = cup_commit_priv_table_check(table, &missing, out_fault);
    /* a restarted plan may have more columns than the decided commit: only a running one tells */
    if (err == CUP_OK && fresh && !same && missing > 0)
        err = changed(apply, "another writer dropped columns", out_fault);
    return err;
}

/* Readers start faster with a checkpoint, but nothing depends on it: a failure is none of the
 * epoch's, and the next interval tries again. */
static void checkpoint(struct apply *apply)
{
    char            name[CUP_STORE_NAME_BYTES], leaf[CUP_DELTA_NAME_BYTES + 32];
    struct cup_text file = {0}, last = {0};

    if (cup_commit_priv_table_look(apply->table, NULL) != CUP_OK || apply->table->state == NULL)
        return;
    enum cup_err err = cup_delta_checkpoint(apply->table->state, &file, &last, NULL);
    snprintf(leaf, sizeof leaf, "_delta_log/%020llu.checkpoint.parquet",
             (unsigned long long)apply->table->state->version);
    if (err == CUP_OK) err = cup_commit_priv_join(apply->table->folder, leaf, name, NULL);
    if (err == CUP_OK)
        err = cup_store_put_if_absent(apply->commit->store, name, file.at, file.bytes, NULL);
    if (err == CUP_OK)
        err = cup_commit_priv_join(apply->table->folder, "_delta_log/_last_checkpoint", name, NULL);
    if (err == CUP_OK)
        err = cup_store_replace(apply->commit->store, name, last.at, last.bytes, NULL);
    apply->commit->checkpoint_failed_count += err != CUP_OK && err != CUP_EXISTS;
    cup_text_free(&file);
    cup_text_free(&last);
}

/* One try at the next version; EXISTS when another writer has it. */
static enum cup_err try_next(struct apply *apply, bool fresh, uint64_t *out_version,
                             struct cup_fault *out_fault)
{
    char         name[CUP_STORE_NAME_BYTES];
    uint64_t     version = apply->table->state == NULL ? 0 : apply->table->state->version + 1;
    enum cup_err err     = check_fit(apply, fresh, out_fault);

    if (err == CUP_OK) err = name_version(apply, version, name, out_fault);
    if (err == CUP_OK)
        err = cup_store_put_if_absent(apply->commit->store, name, apply->line.commit,
                                      apply->line.bytes, out_fault);
    if (err == CUP_OK) *out_version = version;
    return err;
}

static enum cup_err apply_one(struct apply *apply, bool fresh, struct cup_fault *out_fault)
{
    struct cup_commit_table *table = apply->table;
    uint64_t                 version;
    enum cup_err err = table->looked ? CUP_OK : cup_commit_priv_table_look(table, out_fault);

    if (err != CUP_OK) return err;
    uint64_t before = table->state == NULL ? 0 : table->state->version;
    for (uint32_t tries = 0; tries < TRIES_MAX; tries++) {
        if (table->state != NULL &&
            cup_delta_txn_version(table->state, apply->commit->app) >= apply->epoch)
            return confirm(apply, out_fault);
        err = try_next(apply, fresh, &version, out_fault);
        if (err == CUP_OK) {
            if (version / CUP_DELTA_CHECKPOINT_INTERVAL > before / CUP_DELTA_CHECKPOINT_INTERVAL)
                checkpoint(apply);
            return CUP_OK;
        }
        if (err != CUP_EXISTS) return err;
        err = cup_commit_priv_table_look(table, out_fault);
        if (err != CUP_OK) return err;
    }
    return cup_fault_set(out_fault, CUP_EXISTS, "other writers take every version", table->folder);
}

static struct cup_commit_table *find_table(struct cup_commit *commit, const char *folder)
{
    struct cup_commit_table *own[] = {&commit->index, &commit->quarantine, &commit->ledger};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(own[i]->folder, folder) == 0) return own[i];
    uint32_t count = commit->plan->tables.count;
    for (uint32_t i = 0; i < count; i++) {
        /* commits come in the plan's order: the search goes on where the last one ended */
        uint32_t at = (commit->found + i) % count;
        if (strcmp(commit->silver[at].folder, folder) != 0) continue;
        commit->found = at;
        return &commit->silver[at];
    }
    return NULL;
}

/* The plan may have lost the table since the epoch was decided. */
static enum cup_err apply_line(struct apply *apply, bool fresh, struct cup_fault *out_fault)
{
    struct cup_commit_table other = {.store = apply->commit->store, .folder = apply->folder};

    apply->table = find_table(apply->commit, apply->folder);
    if (apply->table == NULL) apply->table = &other;
    enum cup_err err = apply_one(apply, fresh, out_fault);
    if (apply->table == &other) cup_commit_priv_table_close(&other);
    return err;
}

static bool copy(char *to, size_t cap, const char *text)
{
    size_t bytes = strlen(text) + 1;

    if (bytes > cap) return false;
    memcpy(to, text, bytes);
    return true;
}

enum cup_err cup_commit_priv_apply(struct cup_commit *commit, const struct cup_text *payload,
                                   bool fresh, struct cup_fault *out_fault)
{
    struct apply             apply = {.commit = commit};
    struct cup_journal_line *line  = &apply.line;
    size_t                   at    = 0;
    enum cup_err             err   = CUP_OK;

    while (err == CUP_OK) {
        bool ok = true;
        /* the reader is also used for log lines: it starts anew where it was */
        cup_journal_reader_start(&commit->reader, payload->at + at, payload->bytes - at);
        err = cup_journal_reader_next(&commit->reader, line, out_fault);
        at += commit->reader.at;
        if (err == CUP_OK && line->kind == CUP_LINE_EPOCH) {
            apply.epoch = line->epoch;
            ok          = copy(apply.epoch_id, sizeof apply.epoch_id, line->id);
        } else if (err == CUP_OK && line->kind == CUP_LINE_COMMIT) {
            ok = copy(apply.folder, sizeof apply.folder, line->name) &&
                 copy(apply.table_id, sizeof apply.table_id, line->id);
            if (ok) err = apply_line(&apply, fresh, out_fault);
            cup_commit_priv_reach("applied");
        }
        if (!ok) err = cup_fault_set(out_fault, CUP_CORRUPT, "journal: a text is too long", NULL);
    }
    return err == CUP_END ? CUP_OK : err;
}
