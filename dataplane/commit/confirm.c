// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "dataplane/commit/commit_priv.h"

enum cup_err cup_commit_priv_version_name(const struct cup_commit_target *target, uint64_t version,
                                          char              out_name[CUP_STORE_NAME_BYTES],
                                          struct cup_fault *out_fault)
{
    char leaf[CUP_DELTA_NAME_BYTES];

    cup_delta_version_name(leaf, version);
    return cup_commit_priv_join(target->folder, leaf, out_name, out_fault);
}

/* The text of the member `inner` of the root's member `outer`, if a line of a log has it. */
static bool read_inner(struct cup_journal_reader *reader, const char *line, size_t bytes,
                       const char *outer, const char *inner, struct cup_text *out)
{
    static const char   padding[CUP_JSON_PADDING];
    struct cup_json_doc doc;

    cup_text_clear(out);
    if (bytes > CUP_JOURNAL_LINE_BYTES_MAX) return false; /* what is asked for is in short lines */
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

/* What another commit says that concerns ours. */
struct news {
    bool number, ours; /* our epoch's number; our epoch's id */
    bool removes;      /* a file that ours adds */
};

static struct news read_news(struct cup_commit *commit, const struct cup_commit_target *target,
                             const char *epoch_id, const struct cup_text *json)
{
    struct cup_journal_reader *reader = &commit->reader;
    struct news                news   = {0};
    struct cup_text            text   = {0};
    char                       number[24];

    snprintf(number, sizeof number, "%llu", (unsigned long long)commit->state.epoch);
    for (size_t at = 0; at < json->bytes;) {
        const char *line  = json->at + at;
        const char *lf    = memchr(line, '\n', json->bytes - at);
        size_t      bytes = lf == NULL ? json->bytes - at : (size_t)(lf - line);
        if (read_inner(reader, line, bytes, "txn", "appId", &text) && text_is(&text, commit->app) &&
            read_inner(reader, line, bytes, "txn", "version", &text) && text_is(&text, number))
            news.number = true;
        if (read_inner(reader, line, bytes, "commitInfo", "epochId", &text) &&
            text_is(&text, epoch_id))
            news.ours = true;
        if (read_inner(reader, line, bytes, "remove", "path", &text) && text.bytes > 0 &&
            memmem(target->line.commit, target->line.bytes, text.at, text.bytes) != NULL)
            news.removes = true;
        at += bytes + 1;
    }
    cup_text_free(&text);
    return news;
}

static bool adds(const struct cup_commit_target *target, const char *path)
{
    return memmem(target->line.commit, target->line.bytes, path, strlen(path)) != NULL;
}

/* A file of this commit that is live, or was merged since, says the same: its name is as random as
 * the epoch's id. */
static bool has_our_file(const struct cup_commit_target *target)
{
    const struct cup_delta_state *state = target->table->state;
    bool                          found = false;

    for (uint64_t i = 0; !found && i < state->file_count; i++)
        found = adds(target, state->files[i].path);
    for (uint64_t i = 0; !found && i < state->tombstone_count; i++)
        found = adds(target, state->tombstones[i].path);
    return found;
}

/* The newest commits are looked at first. */
enum cup_err cup_commit_priv_confirm(struct cup_commit              *commit,
                                     const struct cup_commit_target *target, const char *epoch_id,
                                     struct cup_fault *out_fault)
{
    char            name[CUP_STORE_NAME_BYTES];
    struct cup_text json    = {0};
    struct news     news    = {0};
    uint64_t        version = target->table->state->version + 1;
    enum cup_err    err     = CUP_OK;

    while (err == CUP_OK && !news.number && version > 0) {
        cup_text_clear(&json);
        err = cup_commit_priv_version_name(target, --version, name, out_fault);
        if (err == CUP_OK) err = cup_store_get(commit->store, name, &json, out_fault);
        if (err == CUP_OK) news = read_news(commit, target, epoch_id, &json);
    }
    cup_text_free(&json);
    if (err == CUP_NOT_FOUND) { /* cleaned up behind a checkpoint */
        err         = CUP_OK;
        news.number = news.ours = has_our_file(target);
    }
    if (err != CUP_OK) return err;
    if (!news.number || !news.ours)
        return cup_fault_set(out_fault, CUP_FENCED,
                             "the table has another epoch under this number: another instance "
                             "decided it; end one of the two, then see `cupel recover LAKE`",
                             target->folder);
    err = cup_commit_priv_join(target->folder, "_delta_log", name, out_fault);
    if (err == CUP_OK) err = cup_store_sync_folder(commit->store, name, out_fault);
    if (err != CUP_OK) commit->standing = CUP_COMMIT_FAILED; /* a second sync could lie */
    return err;
}

static enum cup_err changed(const struct cup_commit_target *target, const char *what,
                            struct cup_fault *out_fault)
{
    return cup_fault_set(out_fault, CUP_TABLE_CHANGED, what, target->folder);
}

/* Commits of others since the last look: most are none of ours. */
static enum cup_err check_winners(struct cup_commit *commit, struct cup_commit_target *target,
                                  struct cup_fault *out_fault)
{
    char            name[CUP_STORE_NAME_BYTES];
    struct cup_text json = {0};
    enum cup_err    err  = CUP_OK;

    while (err == CUP_OK && target->seen < target->table->state->version) {
        cup_text_clear(&json);
        err = cup_commit_priv_version_name(target, ++target->seen, name, out_fault);
        if (err == CUP_OK) err = cup_store_get(commit->store, name, &json, out_fault);
        if (err == CUP_NOT_FOUND) err = CUP_OK; /* behind a checkpoint: the state has it */
        if (err == CUP_OK && read_news(commit, target, "", &json).removes)
            err = changed(target,
                          "another writer removed a file before cupel added it; see `cupel recover "
                          "LAKE`",
                          out_fault);
    }
    cup_text_free(&json);
    return err;
}

enum cup_err cup_commit_priv_fit(struct cup_commit *commit, struct cup_commit_target *target,
                                 struct cup_fault *out_fault)
{
    const struct cup_commit_table *table   = target->table;
    uint32_t                       missing = 0;

    if (table->state == NULL) return changed(target, "the table is gone; put it back", out_fault);
    if (strcmp(table->state->id, target->table_id) != 0)
        return changed(target, "the table was created anew by another writer", out_fault);
    bool         same = cup_commit_priv_schema_crc(table) == target->line.crc32c;
    enum cup_err err  = cup_commit_priv_table_check(table, &missing, out_fault);
    /* a restarted plan may have more columns than the decided commit: only a running one tells */
    if (err == CUP_OK && commit->fresh && !same && missing > 0)
        err = changed(target, "another writer dropped columns", out_fault);
    return err == CUP_OK ? check_winners(commit, target, out_fault) : err;
}
