// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/journal.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/commit/journal_priv.h"

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

/* A full disk must not lose the decision: the reserve is given up for it, once. */
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

static enum cup_err append(struct cup_journal *journal, enum cup_frame_kind kind,
                           const uint8_t *payload, size_t bytes, struct cup_fault *out_fault)
{
    CUP_ASSERT(bytes > 0);
    CUP_ASSERT(!journal->failed);
    for (size_t at = 0; at < bytes;) {
        size_t           part  = bytes - at;
        struct cup_frame frame = {.kind            = (uint16_t)kind,
                                  .previous_crc32c = journal->previous_crc32c,
                                  .sequence        = journal->sequence + 1,
                                  .payload         = payload + at};
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
        journal->failed  = err != CUP_OK;
        if (err != CUP_OK) return err;
        journal->previous_crc32c = crc;
        journal->sequence++;
        journal->bytes += journal->frame.bytes;
        at += part;
    }
    return CUP_OK;
}

static void put_base(struct cup_text *payload, const struct cup_journal_state *state)
{
    struct cup_journal_line base = {
        .kind = CUP_LINE_BASE, .epoch = state->epoch, .open = state->open.bytes > 0};

    cup_journal_put_line(payload, &base);
    for (uint32_t i = 0; i < state->positions.count; i++) {
        const struct cup_position *position = state->positions.list[i];
        struct cup_journal_line    input    = {.kind     = CUP_LINE_INPUT,
                                               .name     = position->path,
                                               .topic    = position->topic,
                                               .identity = position->identity,
                                               .end      = position->end,
                                               .size     = position->size,
                                               .ended    = position->ended};
        if (position->recorded) cup_journal_put_line(payload, &input);
    }
    cup_text_put(payload, state->open.at, state->open.bytes);
}

/* Opens segment journal->segment + 1 and makes the state durable as its BASE. */
static enum cup_err start_segment(struct cup_journal             *journal,
                                  const struct cup_journal_state *state,
                                  struct cup_fault               *out_fault)
{
    char            name[CUP_STORE_NAME_BYTES];
    struct cup_text base = {0};

    put_base(&base, state);
    if (base.failed) {
        cup_text_free(&base);
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "journal base", NULL);
    }
    cup_journal_priv_segment(journal->folder, journal->segment + 1, name);
    enum cup_err err = cup_store_log_create(journal->store, name, &journal->log, out_fault);
    if (err == CUP_OK) {
        journal->segment++;
        journal->previous_crc32c = 0;
        journal->bytes           = 0;
        err = append(journal, CUP_FRAME_BASE, (const uint8_t *)base.at, base.bytes, out_fault);
        journal->base_bytes = journal->bytes;
    }
    cup_text_free(&base);
    return err;
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

static enum cup_err make_reserve(struct cup_journal *journal, struct cup_fault *out_fault)
{
    char  name[CUP_STORE_NAME_BYTES];
    void *zeros = calloc(1, CUP_JOURNAL_RESERVE_BYTES);

    if (zeros == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "journal reserve", NULL);
    join(journal->folder, reserve_name, name);
    enum cup_err err =
        cup_store_put_if_absent(journal->store, name, zeros, CUP_JOURNAL_RESERVE_BYTES, out_fault);
    free(zeros);
    if (err == CUP_EXISTS) err = CUP_OK;
    journal->reserved = err == CUP_OK;
    return err;
}

enum cup_err cup_journal_open(struct cup_store *store, const char *folder,
                              struct cup_journal_state *out_state, struct cup_journal **out_journal,
                              struct cup_fault *out_fault)
{
    struct cup_journal_state state;
    struct cup_journal      *journal = calloc(1, sizeof *journal);

    CUP_ASSERT(strlen(folder) < CUP_STORE_NAME_BYTES - 32);
    if (journal == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "open journal", folder);
    enum cup_err err = cup_journal_read(store, folder, &state, out_fault);
    if (err != CUP_OK) {
        free(journal);
        return err;
    }
    journal->store    = store;
    journal->segment  = state.segment;
    journal->sequence = state.sequence;
    memcpy(journal->folder, folder, strlen(folder) + 1);
    err = start_segment(journal, &state, out_fault);
    if (err == CUP_OK) err = remove_older(journal, out_fault);
    if (err == CUP_OK) err = make_reserve(journal, out_fault);
    if (err != CUP_OK) {
        cup_journal_close(journal, false, 0);
        cup_journal_state_free(&state);
        return err;
    }
    state.segment  = journal->segment;
    state.sequence = journal->sequence;
    *out_state     = state;
    *out_journal   = journal;
    return CUP_OK;
}

enum cup_err cup_journal_decide(struct cup_journal *journal, const void *payload, size_t bytes,
                                struct cup_fault *out_fault)
{
    return append(journal, CUP_FRAME_EPOCH, payload, bytes, out_fault);
}

enum cup_err cup_journal_turn(struct cup_journal *journal, const struct cup_journal_state *state,
                              struct cup_fault *out_fault)
{
    CUP_ASSERT(state->open.bytes == 0);
    if (journal->bytes - journal->base_bytes < CUP_JOURNAL_SEGMENT_BYTES) return CUP_OK;
    cup_store_log_close(journal->log);
    journal->log     = NULL;
    enum cup_err err = start_segment(journal, state, out_fault);
    journal->failed  = err != CUP_OK;
    return err == CUP_OK ? remove_older(journal, out_fault) : err;
}

void cup_journal_close(struct cup_journal *journal, bool clean, uint64_t epoch)
{
    if (journal == NULL) return;
    if (clean && !journal->failed) {
        struct cup_text         text = {0};
        struct cup_journal_line done = {.kind = CUP_LINE_DONE, .epoch = epoch, .clean = true};
        cup_journal_put_line(&text, &done);
        /* without it the next open looks for more than there is to find */
        if (!text.failed)
            (void)append(journal, CUP_FRAME_DONE, (const uint8_t *)text.at, text.bytes, NULL);
        cup_text_free(&text);
    }
    cup_store_log_close(journal->log);
    cup_text_free(&journal->frame);
    free(journal);
}
