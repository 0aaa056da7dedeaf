// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/commit/journal_priv.h"

#define RESERVE_ROOM (4ull * CUP_JOURNAL_RESERVE_BYTES) /* less is a disk that is still full */
#define ASIDE_MAX    100u /* adoptions of a journal that always began anew */

struct cup_journal {
    struct cup_store     *store;
    struct cup_store_log *log;
    struct cup_text       frame; /* the one being written */
    char                  folder[CUP_STORE_NAME_BYTES];
    uint64_t              sequence;
    uint64_t              bytes, base_bytes; /* of the open segment, of its BASE */
    uint32_t              segment, previous_crc32c;
    bool                  reserved, failed;
};

static const char reserve_name[] = "reserve";

/* folder/leaf; folder names of a shard leave room (asserted at open). */
static void join(const char *folder, const char *leaf, char out_name[CUP_STORE_NAME_BYTES])
{
    int count = snprintf(out_name, CUP_STORE_NAME_BYTES, "%s/%s", folder, leaf);

    CUP_ASSERT(count > 0 && (uint32_t)count < CUP_STORE_NAME_BYTES);
}

void cup_journal_priv_segment(const char *folder, uint32_t segment,
                              char out_name[CUP_STORE_NAME_BYTES])
{
    char leaf[24];

    snprintf(leaf, sizeof leaf, "%08u.cj", segment);
    join(folder, leaf, out_name);
}

/* A full disk must not lose a decision: the reserve is given up for it, once. */
static enum cup_err append_frame(struct cup_journal *journal, struct cup_fault *out_fault)
{
    char         name[CUP_STORE_NAME_BYTES];
    const void  *bytes = journal->frame.at;
    size_t       count = journal->frame.bytes;
    enum cup_err err   = cup_store_log_append(journal->log, bytes, count, out_fault);

    if (err != CUP_NO_SPACE || !journal->reserved) return err;
    journal->reserved = false;
    join(journal->folder, reserve_name, name);
    err = cup_store_remove(journal->store, name, out_fault);
    return err == CUP_OK ? cup_store_log_append(journal->log, bytes, count, out_fault) : err;
}

/* What a message may be refused with and the journal still goes on: nothing of it was written. */
static enum cup_err judge(struct cup_journal *journal, enum cup_err err, bool first,
                          struct cup_fault *out_fault)
{
    journal->failed = err != CUP_OK && !(err == CUP_NO_SPACE && first);
    if (err != CUP_NO_SPACE || first) return err;
    errno = EIO; /* the frames before this one are there, and nothing may follow them */
    return cup_fault_set(out_fault, CUP_IO, "journal: the disk became full within a message",
                         journal->folder);
}

static enum cup_err append(struct cup_journal *journal, enum cup_frame_kind kind,
                           const void *payload, size_t bytes, struct cup_fault *out_fault)
{
    CUP_ASSERT(bytes > 0);
    CUP_ASSERT(!journal->failed);
    for (size_t at = 0; at < bytes;) {
        size_t           part  = bytes - at;
        struct cup_frame frame = {.kind            = (uint16_t)kind,
                                  .previous_crc32c = journal->previous_crc32c,
                                  .sequence        = journal->sequence + 1,
                                  .payload         = (const uint8_t *)payload + at};
        if (part > CUP_FRAME_PAYLOAD_MAX) {
            part        = CUP_FRAME_PAYLOAD_MAX;
            frame.flags = CUP_FRAME_MORE;
        }
        frame.payload_bytes = (uint32_t)part;
        cup_text_clear(&journal->frame);
        uint32_t     crc = cup_frame_put(&journal->frame, &frame);
        enum cup_err err = journal->frame.failed
                               ? cup_fault_set(out_fault, CUP_NO_MEMORY, "journal frame", NULL)
                               : append_frame(journal, out_fault);
        err              = judge(journal, err, at == 0, out_fault);
        if (err != CUP_OK) return err;
        journal->previous_crc32c = crc;
        journal->sequence++;
        journal->bytes += journal->frame.bytes;
        at += part;
    }
    return CUP_OK;
}

static enum cup_err exists(const struct cup_journal *journal, uint32_t segment, bool *out_exists,
                           struct cup_fault *out_fault)
{
    char                  name[CUP_STORE_NAME_BYTES];
    struct cup_store_info info;

    cup_journal_priv_segment(journal->folder, segment, name);
    enum cup_err err = cup_store_info(journal->store, name, &info, out_fault);
    *out_exists      = err == CUP_OK;
    return err == CUP_NOT_FOUND ? CUP_OK : err;
}

/* Whoever opens a journal begins a segment before reading those of others, and removes them after
 * its own is durable. So, asked after our message is durable and in this order: if the next segment
 * is not there and ours is, then nobody opened it, or will read our message. */
static enum cup_err look_for_other(const struct cup_journal *journal, struct cup_fault *out_fault)
{
    bool         next = false, own = false;
    enum cup_err err = exists(journal, journal->segment + 1, &next, out_fault);

    if (err == CUP_OK) err = exists(journal, journal->segment, &own, out_fault);
    if (err == CUP_OK && (next || !own))
        err = cup_fault_set(out_fault, CUP_FENCED,
                            "another process has taken over this journal; end one of the two",
                            journal->folder);
    return err;
}

enum cup_err cup_journal_check_owner(struct cup_journal *journal, struct cup_fault *out_fault)
{
    enum cup_err err = look_for_other(journal, out_fault);

    if (err != CUP_OK) journal->failed = true;
    return err;
}

enum cup_err cup_journal_blame(const struct cup_journal *journal, enum cup_err err,
                               struct cup_fault *out_fault)
{
    struct cup_fault why;

    if (err == CUP_OK || look_for_other(journal, &why) != CUP_FENCED) return err;
    if (out_fault != NULL) *out_fault = why;
    return CUP_FENCED;
}

/* Of inputs that are new when those that are gone are forgotten. */
static uint32_t generation_min(const struct cup_journal_state *state)
{
    uint32_t least = state->generation_min;

    for (uint32_t i = 0; i < state->positions.count; i++) {
        const struct cup_position *position = state->positions.list[i];
        if (position->gone && position->generation >= least) least = position->generation + 1;
    }
    return least;
}

/* They are in no BASE from now on. */
static void forget(struct cup_journal_state *state)
{
    state->generation_min = generation_min(state);
    for (uint32_t i = 0; i < state->positions.count; i++) {
        struct cup_position *position = state->positions.list[i];
        if (!position->gone) continue;
        position->forgotten = true;
        position->recorded = position->gone = false;
    }
}

static bool is_much_gone(const struct cup_journal_state *state)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < state->positions.count; i++)
        count += state->positions.list[i]->gone;
    return count >= CUP_JOURNAL_GONE_MAX;
}

static void put_base(struct cup_text *payload, const struct cup_journal_state *state)
{
    struct cup_journal_line base = {.kind            = CUP_LINE_BASE,
                                    .epoch           = state->epoch,
                                    .open            = state->open.bytes > 0,
                                    .file_generation = generation_min(state)};

    cup_journal_put_line(payload, &base);
    for (uint32_t i = 0; i < state->positions.count; i++) {
        const struct cup_position *position = state->positions.list[i];
        struct cup_journal_line    input    = {.kind            = CUP_LINE_INPUT,
                                               .name            = position->path,
                                               .topic           = position->topic,
                                               .identity        = position->identity,
                                               .end             = position->end,
                                               .size            = position->size,
                                               .ended           = position->ended,
                                               .file_generation = position->generation};
        if (position->recorded && !position->gone) cup_journal_put_line(payload, &input);
    }
    for (uint32_t i = 0; i < state->tables.count; i++) {
        const struct cup_journal_table *known = &state->tables.list[i];
        struct cup_journal_line         table = {.kind   = CUP_LINE_TABLE,
                                                 .name   = known->folder,
                                                 .id     = known->id,
                                                 .epoch  = cup_journal_applied(state, known),
                                                 .crc32c = known->schema_crc32c};
        if (table.epoch > 0) cup_journal_put_line(payload, &table);
    }
    CUP_ASSERT(state->open.bytes == 0 || state->placing.bytes == 0);
    cup_text_put(payload, state->placing.at, state->placing.bytes);
    cup_text_put(payload, state->open.at, state->open.bytes);
}

static enum cup_err create_segment(struct cup_journal *journal, struct cup_fault *out_fault)
{
    char name[CUP_STORE_NAME_BYTES];

    cup_journal_priv_segment(journal->folder, journal->segment + 1, name);
    enum cup_err err = cup_store_log_create(journal->store, name, &journal->log, out_fault);
    if (err == CUP_EXISTS)
        err = cup_fault_set(out_fault, CUP_FENCED, "another process is opening this journal",
                            journal->folder);
    if (err != CUP_OK) return err;
    journal->segment++;
    journal->previous_crc32c = 0;
    journal->bytes           = 0;
    return CUP_OK;
}

/* Makes the state durable as BASE of the new segment. */
static enum cup_err write_base(struct cup_journal *journal, const struct cup_journal_state *state,
                               struct cup_fault *out_fault)
{
    struct cup_text base = {0};

    put_base(&base, state);
    enum cup_err err    = base.failed
                              ? cup_fault_set(out_fault, CUP_NO_MEMORY, "journal base", NULL)
                              : append(journal, CUP_FRAME_BASE, base.at, base.bytes, out_fault);
    journal->base_bytes = journal->bytes;
    cup_text_free(&base);
    return err;
}

/* The segment that was created last holds nothing that counts. */
static enum cup_err take_back(struct cup_journal *journal, struct cup_fault *out_fault)
{
    char name[CUP_STORE_NAME_BYTES];

    cup_store_log_close(journal->log);
    journal->log = NULL;
    cup_journal_priv_segment(journal->folder, journal->segment, name);
    return cup_store_remove(journal->store, name, out_fault);
}

static enum cup_err remove_older(struct cup_journal *journal, struct cup_fault *out_fault)
{
    char                            name[CUP_STORE_NAME_BYTES];
    struct cup_journal_priv_numbers numbers = {0};
    enum cup_err err = cup_journal_priv_list(journal->store, journal->folder, &numbers, out_fault);

    for (uint32_t i = 0; err == CUP_OK && i < numbers.count; i++) {
        if (numbers.list[i] >= journal->segment) continue;
        cup_journal_priv_segment(journal->folder, numbers.list[i], name);
        err = cup_store_remove(journal->store, name, out_fault);
    }
    free(numbers.list);
    return err == CUP_OK ? cup_store_sync(journal->store, out_fault) : err;
}

/* Without room for it, the journal does without: a decision may then find the disk full, and is not
 * made. */
static enum cup_err make_reserve(struct cup_journal *journal, struct cup_fault *out_fault)
{
    char     name[CUP_STORE_NAME_BYTES];
    uint64_t room = 0;

    journal->reserved = false;
    enum cup_err err  = cup_store_free_bytes(journal->store, &room, out_fault);
    if (err != CUP_OK || room < RESERVE_ROOM) return err;
    void *zeros = calloc(1, CUP_JOURNAL_RESERVE_BYTES);
    if (zeros == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "journal reserve", NULL);
    join(journal->folder, reserve_name, name);
    err =
        cup_store_put_if_absent(journal->store, name, zeros, CUP_JOURNAL_RESERVE_BYTES, out_fault);
    free(zeros);
    journal->reserved = err == CUP_OK || err == CUP_EXISTS;
    return journal->reserved || err == CUP_NO_SPACE ? CUP_OK : err;
}

/* Begins the segment, reads what is before it, and makes that durable in it. */
static enum cup_err take_over(struct cup_journal *journal, struct cup_journal_state *out_state,
                              struct cup_fault *out_fault)
{
    struct cup_journal_priv_numbers numbers = {0};
    enum cup_err err = cup_journal_priv_list(journal->store, journal->folder, &numbers, out_fault);

    if (numbers.count > 0) journal->segment = numbers.list[numbers.count - 1];
    free(numbers.list);
    if (err == CUP_OK) err = create_segment(journal, out_fault);
    if (err != CUP_OK) return err;
    err = cup_journal_read(journal->store, journal->folder, out_state, out_fault);
    if (err == CUP_OK) {
        journal->sequence = out_state->sequence;
        journal->reserved = true; /* one of an earlier process may be there */
        err               = write_base(journal, out_state, out_fault);
        if (err != CUP_OK) cup_journal_state_free(out_state);
    }
    err = cup_journal_blame(journal, err, out_fault);
    if (err != CUP_OK) (void)take_back(journal, NULL); /* an empty segment counts for nothing */
    return err;
}

static struct cup_journal *make_journal(struct cup_store *store, const char *folder)
{
    struct cup_journal *journal = calloc(1, sizeof *journal);

    CUP_ASSERT(strlen(folder) < CUP_STORE_NAME_BYTES - 32);
    if (journal == NULL) return NULL;
    journal->store = store;
    memcpy(journal->folder, folder, strlen(folder) + 1);
    return journal;
}

enum cup_err cup_journal_open(struct cup_store *store, const char *folder,
                              struct cup_journal_state *out_state, struct cup_journal **out_journal,
                              struct cup_fault *out_fault)
{
    struct cup_journal_state state;
    struct cup_journal      *journal = make_journal(store, folder);

    if (journal == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "open journal", folder);
    enum cup_err err = take_over(journal, &state, out_fault);
    if (err == CUP_OK) {
        err = remove_older(journal, out_fault);
        if (err == CUP_OK) err = make_reserve(journal, out_fault);
        if (err != CUP_OK) cup_journal_state_free(&state);
        err = cup_journal_blame(journal, err, out_fault);
    }
    if (err != CUP_OK) {
        cup_journal_close(journal, false, 0);
        return err;
    }
    state.segment  = journal->segment;
    state.sequence = journal->sequence;
    *out_state     = state;
    *out_journal   = journal;
    return CUP_OK;
}

static enum cup_err append_owned(struct cup_journal *journal, enum cup_frame_kind kind,
                                 const void *payload, size_t bytes, struct cup_fault *out_fault)
{
    enum cup_err err = append(journal, kind, payload, bytes, out_fault);

    return err == CUP_OK ? cup_journal_check_owner(journal, out_fault) : err;
}

/* The reserve is for decisions: an epoch that was not placed yet needs no record to be given up. */
enum cup_err cup_journal_intend(struct cup_journal *journal, const void *payload, size_t bytes,
                                struct cup_fault *out_fault)
{
    bool reserved     = journal->reserved;
    journal->reserved = false;
    enum cup_err err  = append_owned(journal, CUP_FRAME_INTENT, payload, bytes, out_fault);
    journal->reserved = reserved;
    return err;
}

enum cup_err cup_journal_decide(struct cup_journal *journal, const void *payload, size_t bytes,
                                struct cup_fault *out_fault)
{
    return append_owned(journal, CUP_FRAME_EPOCH, payload, bytes, out_fault);
}

/* Without room the open segment goes on growing: it was there before and still is. */
static enum cup_err turn(struct cup_journal *journal, struct cup_journal_state *state,
                         struct cup_fault *out_fault)
{
    const struct cup_journal old = *journal;
    enum cup_err             err = create_segment(journal, out_fault);

    if (err == CUP_OK) err = write_base(journal, state, out_fault);
    if (err == CUP_NO_SPACE) {
        bool created             = journal->segment != old.segment;
        err                      = created ? take_back(journal, out_fault) : CUP_OK;
        journal->log             = old.log;
        journal->sequence        = old.sequence;
        journal->previous_crc32c = old.previous_crc32c;
        journal->bytes           = old.bytes;
        journal->base_bytes      = old.base_bytes;
        journal->segment         = old.segment;
    } else {
        if (journal->log != old.log) cup_store_log_close(old.log);
        if (err == CUP_OK) err = remove_older(journal, out_fault);
        if (err == CUP_OK) forget(state);
    }
    journal->failed = err != CUP_OK;
    return err;
}

enum cup_err cup_journal_turn(struct cup_journal *journal, struct cup_journal_state *state,
                              struct cup_fault *out_fault)
{
    bool full =
        journal->bytes - journal->base_bytes >= CUP_JOURNAL_SEGMENT_BYTES || is_much_gone(state);
    enum cup_err err = CUP_OK;

    CUP_ASSERT(state->open.bytes == 0);
    if (!journal->reserved) err = make_reserve(journal, out_fault);
    return err == CUP_OK && full ? turn(journal, state, out_fault) : err;
}

/* Copied, because names are only given once here; a name that is taken is left as it is. */
static enum cup_err set_aside(struct cup_store *store, const char *name,
                              struct cup_fault *out_fault)
{
    char            aside[CUP_STORE_NAME_BYTES + 16]; /* a journal's names leave room */
    struct cup_text bytes = {0};
    enum cup_err    err   = cup_store_get(store, name, &bytes, out_fault);

    for (uint32_t i = 0; err == CUP_OK; i++) {
        snprintf(aside, sizeof aside, i == 0 ? "%s.old" : "%s.old%u", name, i);
        err = cup_store_put_if_absent(store, aside, bytes.at, bytes.bytes, out_fault);
        if (err != CUP_EXISTS || i == ASIDE_MAX) break;
        err = CUP_OK;
    }
    if (err == CUP_OK) err = cup_store_remove(store, name, out_fault);
    cup_text_free(&bytes);
    return err;
}

enum cup_err cup_journal_adopt(struct cup_store *store, const char *folder,
                               const struct cup_journal_state *state, struct cup_fault *out_fault)
{
    char                            name[CUP_STORE_NAME_BYTES];
    struct cup_journal_priv_numbers numbers = {0};
    struct cup_journal             *journal = make_journal(store, folder);

    if (journal == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "adopt journal", folder);
    enum cup_err err = cup_journal_priv_list(store, folder, &numbers, out_fault);
    if (numbers.count > 0) journal->segment = numbers.list[numbers.count - 1];
    journal->sequence = state->sequence;
    if (err == CUP_OK) err = create_segment(journal, out_fault);
    if (err == CUP_OK) {
        err = write_base(journal, state, out_fault);
        if (err != CUP_OK) (void)take_back(journal, NULL); /* an empty segment counts for nothing */
    }
    for (uint32_t i = 0; err == CUP_OK && i < numbers.count; i++) {
        cup_journal_priv_segment(folder, numbers.list[i], name);
        err = set_aside(store, name, out_fault);
    }
    if (err == CUP_OK) err = cup_store_sync(store, out_fault);
    free(numbers.list);
    cup_journal_close(journal, false, 0);
    return err;
}

void cup_journal_close(struct cup_journal *journal, bool clean, uint64_t epoch)
{
    if (journal == NULL) return;
    if (clean && !journal->failed) {
        struct cup_text         text = {0};
        struct cup_journal_line done = {.kind = CUP_LINE_DONE, .epoch = epoch, .clean = true};
        cup_journal_put_line(&text, &done);
        /* without it the next open looks for more than there is to find */
        if (!text.failed) (void)append(journal, CUP_FRAME_DONE, text.at, text.bytes, NULL);
        cup_text_free(&text);
    }
    cup_store_log_close(journal->log);
    cup_text_free(&journal->frame);
    free(journal);
}
