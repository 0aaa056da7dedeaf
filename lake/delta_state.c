// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lake/delta_priv.h"

#define LOG_FOLDER    "_delta_log"
#define VERSION_CHARS 20u
#define PART_CHARS    10u

/* --- life --- */

static struct cup_delta_state *new_state(struct cup_fault *out_fault)
{
    struct cup_delta_state       *state  = calloc(1, sizeof *state);
    struct cup_delta_priv_memory *memory = calloc(1, sizeof *memory);

    if (state == NULL || memory == NULL) {
        free(state);
        free(memory);
        (void)cup_fault_set(out_fault, CUP_NO_MEMORY, "read a log", NULL);
        return NULL;
    }
    state->memory = memory;
    return state;
}

void cup_delta_state_free(struct cup_delta_state *state)
{
    if (state == NULL) return;
    struct cup_delta_priv_memory *memory = state->memory;
    for (uint64_t i = 0; i < state->file_count; i++)
        free(state->files[i].path);
    for (uint32_t i = 0; i < state->txn_count; i++)
        free(state->txns[i].app_id);
    for (uint64_t i = 0; i < state->tombstone_count; i++)
        free(state->tombstones[i].path);
    cup_delta_priv_release(&memory->metadata);
    cup_delta_priv_release(&memory->protocol);
    cup_json_close(memory->json);
    cup_text_free(&memory->scratch);
    cup_text_free(&memory->property);
    free(memory->slots);
    free(memory);
    free(state->files);
    free(state->txns);
    free(state->tombstones);
    free(state);
}

uint64_t cup_delta_txn_version(const struct cup_delta_state *state, const char *app_id)
{
    CUP_ASSERT(state != NULL);
    CUP_ASSERT(app_id != NULL);
    for (uint32_t i = 0; i < state->txn_count; i++)
        if (strcmp(state->txns[i].app_id, app_id) == 0) return state->txns[i].version;
    return 0;
}

/* --- faults --- */

/* Puts `name` before what a deeper function said. */
static void name_fault(struct cup_fault *fault, const char *name, uint64_t line)
{
    char detail[CUP_FAULT_WHERE_BYTES];

    if (fault == NULL) return;
    memcpy(detail, fault->where, sizeof detail);
    snprintf(fault->where, sizeof fault->where, "%.80s%s%.150s", name, detail[0] ? ": " : "",
             detail);
    fault->at_offset = line;
}

/* --- commits --- */

static enum cup_err apply_commit(struct cup_delta_state *state, const struct cup_text *text,
                                 size_t bytes, const char *name, struct cup_fault *out_fault)
{
    size_t   at   = 0;
    uint64_t line = 0;

    CUP_ASSERT(bytes + CUP_JSON_PADDING <= text->bytes);
    while (at < bytes) {
        const char *start = text->at + at;
        const char *lf    = memchr(start, '\n', bytes - at);
        size_t      count = lf ? (size_t)(lf - start) : bytes - at;
        at += count + 1;
        line++;
        if (strspn(start, " \t\r") >= count) continue;
        enum cup_err err = cup_delta_priv_line(state, start, count, out_fault);
        if (err == CUP_OK) continue;
        name_fault(out_fault, name, line);
        return err;
    }
    return CUP_OK;
}

/* NOT_FOUND when there is no such version. */
static enum cup_err read_commit(struct cup_delta_state *state, const struct cup_delta_io *io,
                                uint64_t version, struct cup_fault *out_fault)
{
    static const char padding[CUP_JSON_PADDING];
    struct cup_text   text = {0};
    char              name[CUP_DELTA_NAME_BYTES];

    cup_delta_version_name(name, version);
    enum cup_err err   = io->get(io->arg, name, &text, out_fault);
    size_t       bytes = text.bytes;
    if (err == CUP_OK) {
        cup_text_put(&text, padding, sizeof padding);
        if (text.failed)
            err = cup_fault_set(out_fault, CUP_NO_MEMORY, "read a commit", name);
        else
            err = apply_commit(state, &text, bytes, name, out_fault);
        /* The log says NOT_FOUND for "no such commit" only. */
        CUP_ASSERT(err != CUP_NOT_FOUND);
    }
    cup_text_free(&text);
    if (err == CUP_OK) state->version = version;
    return err;
}

static enum cup_err check_complete(const struct cup_delta_state *state, struct cup_fault *out_fault)
{
    const struct cup_delta_priv_memory *memory = state->memory;

    if (!memory->has_protocol)
        return cup_fault_set(out_fault, CUP_CORRUPT, "the log has no protocol action", LOG_FOLDER);
    if (!memory->has_metadata)
        return cup_fault_set(out_fault, CUP_CORRUPT, "the log has no metaData action", LOG_FOLDER);
    return CUP_OK;
}

enum cup_err cup_delta_refresh(struct cup_delta_state *state, const struct cup_delta_io *io,
                               struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    CUP_ASSERT(state != NULL);
    CUP_ASSERT(io->get != NULL);
    while (err == CUP_OK)
        err = read_commit(state, io, state->version + 1, out_fault);
    cup_delta_priv_rest(state->memory);
    return err == CUP_NOT_FOUND ? CUP_OK : err;
}

/* --- the folder --- */

/* A file of a checkpoint. Of one in parts all parts must be there. */
struct checkpoint {
    uint64_t version;
    uint32_t parts, part; /* parts 0: a single file */
};

/* What _delta_log holds. Listing it is needed in any case to see gaps, so _last_checkpoint, which
 * may dangle, is not read: the checkpoints in the folder are the truth. */
struct listing {
    uint64_t          *commits;
    struct checkpoint *checkpoints;
    size_t             commit_count, commit_cap, checkpoint_count, checkpoint_cap;
    bool               foreign_checkpoint; /* of the second kind */
    bool               failed;
};

/* Room for one more. */
static bool grow(void **list, size_t count, size_t *cap, size_t width)
{
    if (count < *cap) return true;
    size_t more  = *cap ? *cap * 2 : 64;
    void  *grown = realloc(*list, more * width);
    if (grown == NULL) return false;
    *list = grown;
    *cap  = more;
    return true;
}

/* Exactly `digits` digits at *name, which moves behind them. */
static bool take_number(const char **name, size_t digits, uint64_t *out_value)
{
    uint64_t value = 0;

    if (strspn(*name, "0123456789") != digits) return false;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (uint64_t)((*name)[i] - '0');
    *name += digits;
    *out_value = value;
    return value <= INT64_MAX;
}

static bool take_text(const char **name, const char *text)
{
    size_t bytes = strlen(text);

    if (strncmp(*name, text, bytes) != 0) return false;
    *name += bytes;
    return true;
}

/* Behind "<version>.checkpoint.": nothing but "parquet", or "<part>.<parts>.parquet". */
static bool take_checkpoint(const char *rest, uint64_t version, struct checkpoint *out)
{
    uint64_t part = 0, parts = 0;

    if (strcmp(rest, "parquet") != 0 &&
        !(take_number(&rest, PART_CHARS, &part) && take_text(&rest, ".") &&
          take_number(&rest, PART_CHARS, &parts) && strcmp(rest, ".parquet") == 0 && part > 0 &&
          part <= parts && parts <= UINT32_MAX))
        return false;
    *out = (struct checkpoint){version, (uint32_t)parts, (uint32_t)part};
    return true;
}

static void each_name(void *arg, const char *name)
{
    struct listing   *listing = arg;
    uint64_t          version;
    struct checkpoint checkpoint;

    if (!take_number(&name, VERSION_CHARS, &version)) return;
    if (strcmp(name, ".json") == 0) {
        listing->failed |= !grow((void **)&listing->commits, listing->commit_count,
                                 &listing->commit_cap, sizeof version);
        if (!listing->failed) listing->commits[listing->commit_count++] = version;
    } else if (take_text(&name, ".checkpoint.")) {
        if (!take_checkpoint(name, version, &checkpoint)) {
            listing->foreign_checkpoint = true;
            return;
        }
        listing->failed |= !grow((void **)&listing->checkpoints, listing->checkpoint_count,
                                 &listing->checkpoint_cap, sizeof checkpoint);
        if (!listing->failed) listing->checkpoints[listing->checkpoint_count++] = checkpoint;
    }
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Files of one checkpoint stand together, its parts in order. */
static int compare_checkpoints(const void *a, const void *b)
{
    const struct checkpoint *x = a, *y = b;

    if (x->version != y->version) return x->version < y->version ? -1 : 1;
    if (x->parts != y->parts) return x->parts < y->parts ? -1 : 1;
    return (x->part > y->part) - (x->part < y->part);
}

static enum cup_err list_log(const struct cup_delta_io *io, struct listing *listing,
                             struct cup_fault *out_fault)
{
    enum cup_err err = io->list(io->arg, LOG_FOLDER, each_name, listing, out_fault);

    if (err != CUP_OK) return err;
    if (listing->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "list a log", LOG_FOLDER);
    if (listing->commit_count == 0 && listing->checkpoint_count == 0)
        return cup_fault_set(out_fault, CUP_NOT_FOUND, "find a table", LOG_FOLDER);
    if (listing->commit_count > 0)
        qsort(listing->commits, listing->commit_count, sizeof(uint64_t), compare_u64);
    if (listing->checkpoint_count > 0)
        qsort(listing->checkpoints, listing->checkpoint_count, sizeof(struct checkpoint),
              compare_checkpoints);
    return CUP_OK;
}

/* --- load --- */

static void name_checkpoint(const struct checkpoint *file, char out_name[CUP_DELTA_NAME_BYTES * 2])
{
    int bytes = snprintf(out_name, CUP_DELTA_NAME_BYTES, LOG_FOLDER "/%020" PRIu64 ".checkpoint.",
                         file->version);

    CUP_ASSERT(bytes > 0 && bytes < (int)CUP_DELTA_NAME_BYTES);
    snprintf(out_name + bytes, CUP_DELTA_NAME_BYTES,
             file->parts == 0 ? "parquet" : "%010" PRIu32 ".%010" PRIu32 ".parquet", file->part,
             file->parts);
}

static enum cup_err read_file(struct cup_delta_state *state, const struct cup_delta_io *io,
                              const struct checkpoint *file, struct cup_fault *out_fault)
{
    struct cup_text text = {0};
    char            name[CUP_DELTA_NAME_BYTES * 2];

    name_checkpoint(file, name);
    enum cup_err err = io->get(io->arg, name, &text, out_fault);
    if (err == CUP_OK && text.failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "read a checkpoint", NULL);
    if (err == CUP_OK) err = cup_delta_priv_read_checkpoint(state, &text, out_fault);
    cup_text_free(&text);
    if (err != CUP_OK) name_fault(out_fault, name, 0);
    return err;
}

/* files: all of one checkpoint. */
static enum cup_err try_checkpoint(const struct cup_delta_io *io, const struct checkpoint *files,
                                   size_t count, struct cup_delta_state **out_state,
                                   struct cup_fault *out_fault)
{
    char         name[CUP_DELTA_NAME_BYTES * 2];
    enum cup_err err = CUP_OK;

    name_checkpoint(files, name);
    if (files->parts != 0 && count != files->parts)
        return cup_fault_set(out_fault, CUP_CORRUPT, "a checkpoint lacks parts", name);
    struct cup_delta_state *state = new_state(out_fault);
    if (state == NULL) return CUP_NO_MEMORY;
    for (size_t i = 0; err == CUP_OK && i < count; i++)
        err = read_file(state, io, &files[i], out_fault);
    if (err == CUP_OK) {
        err = check_complete(state, out_fault);
        if (err != CUP_OK) name_fault(out_fault, name, 0);
    }
    if (err != CUP_OK) {
        cup_delta_state_free(state);
        return err;
    }
    state->version = files->version;
    *out_state     = state;
    return CUP_OK;
}

/* The newest checkpoint that can be read; a torn one is passed over as long as older ones or all
 * commits are there. NOT_FOUND when there is none; *out_fault then tells of the last torn one. */
static enum cup_err load_checkpoint(const struct cup_delta_io *io, const struct listing *listing,
                                    struct cup_delta_state **out_state, struct cup_fault *out_fault)
{
    const struct checkpoint *list = listing->checkpoints;
    enum cup_err             err  = CUP_NOT_FOUND;

    for (size_t end = listing->checkpoint_count, first; end > 0; end = first) {
        first = end - 1;
        while (first > 0 && list[first - 1].version == list[end - 1].version &&
               list[first - 1].parts == list[end - 1].parts)
            first--;
        err = try_checkpoint(io, &list[first], end - first, out_state, out_fault);
        if (err != CUP_CORRUPT && err != CUP_NOT_FOUND) return err;
    }
    return err == CUP_OK ? CUP_OK : CUP_NOT_FOUND;
}

static enum cup_err missing_version(uint64_t version, const struct listing *listing,
                                    struct cup_fault *out_fault)
{
    char name[CUP_DELTA_NAME_BYTES];

    cup_delta_version_name(name, version);
    if (version == 0 && listing->foreign_checkpoint)
        return cup_fault_set(out_fault, CUP_UNSUPPORTED,
                             "the log starts with a checkpoint of the second kind: drop the table "
                             "feature v2Checkpoint",
                             LOG_FOLDER);
    return cup_fault_set(out_fault, CUP_CORRUPT, "a version of the log is missing", name);
}

/* Reads the commits from `next` on; all up to the newest must be there. */
static enum cup_err read_tail(struct cup_delta_state *state, const struct cup_delta_io *io,
                              const struct listing *listing, uint64_t next,
                              struct cup_fault *out_fault)
{
    uint64_t newest = listing->commit_count ? listing->commits[listing->commit_count - 1] : 0;

    for (; listing->commit_count > 0 && next <= newest; next++) {
        enum cup_err err = read_commit(state, io, next, out_fault);
        if (err == CUP_NOT_FOUND) return missing_version(next, listing, out_fault);
        if (err != CUP_OK) return err;
    }
    return CUP_OK;
}

static enum cup_err load_from(const struct cup_delta_io *io, const struct listing *listing,
                              struct cup_delta_state **out_state, struct cup_fault *out_fault)
{
    struct cup_delta_state *state = NULL;
    struct cup_fault        torn  = {0};

    enum cup_err err = load_checkpoint(io, listing, &state, &torn);
    if (err != CUP_OK && err != CUP_NOT_FOUND) {
        if (out_fault != NULL) *out_fault = torn;
        return err;
    }
    uint64_t next = err == CUP_OK ? state->version + 1 : 0;
    if (state == NULL && (listing->commit_count == 0 || listing->commits[0] != 0)) {
        if (listing->checkpoint_count == 0) return missing_version(0, listing, out_fault);
        if (out_fault != NULL) *out_fault = torn; /* it was all there is */
        return CUP_CORRUPT;
    }
    if (state == NULL) state = new_state(out_fault);
    if (state == NULL) return CUP_NO_MEMORY;
    err = read_tail(state, io, listing, next, out_fault);
    if (err == CUP_OK) err = check_complete(state, out_fault);
    if (err != CUP_OK) {
        cup_delta_state_free(state);
        return err;
    }
    *out_state = state;
    return CUP_OK;
}

enum cup_err cup_delta_load(const struct cup_delta_io *io, struct cup_delta_state **out_state,
                            struct cup_fault *out_fault)
{
    struct listing listing = {0};

    CUP_ASSERT(io->get != NULL && io->list != NULL);
    CUP_ASSERT(out_state != NULL);
    enum cup_err err = list_log(io, &listing, out_fault);
    if (err == CUP_OK) err = load_from(io, &listing, out_state, out_fault);
    if (err == CUP_OK) cup_delta_priv_rest((*out_state)->memory);
    free(listing.commits);
    free(listing.checkpoints);
    return err;
}
