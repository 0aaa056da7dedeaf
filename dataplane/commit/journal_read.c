// SPDX-License-Identifier: Apache-2.0
#include "dataplane/commit/journal.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/commit/journal_priv.h"

/* One segment, message by message. */
struct scan {
    const char     *name; /* for messages */
    struct cup_text bytes, message;
    size_t          at;
    uint64_t        sequence;
    uint32_t        previous_crc32c;
};

static enum cup_err corrupt(struct cup_fault *out_fault, const char *what, const char *name,
                            uint64_t at)
{
    enum cup_err err = cup_fault_set(out_fault, CUP_CORRUPT, what, name);

    if (out_fault != NULL) out_fault->at_offset = at;
    return err;
}

/* The frame at scan->at is not the one that should be there. Each frame was synced before the next
 * was written: a valid frame here or behind means damage, none means a write that was cut off. */
static enum cup_err judge_tail(const struct scan *scan, struct cup_fault *out_fault)
{
    struct cup_frame frame;

    for (size_t at = scan->at; at < scan->bytes.bytes; at += CUP_FRAME_ALIGN) {
        if (cup_frame_get(scan->bytes.at, scan->bytes.bytes, at, &frame))
            return corrupt(out_fault, "journal: a damaged frame before a good one", scan->name,
                           scan->at);
    }
    return CUP_END;
}

static enum cup_err next_frame(struct scan *scan, struct cup_frame *out_frame,
                               struct cup_fault *out_fault)
{
    if (scan->at >= scan->bytes.bytes) return CUP_END;
    bool first = scan->at == 0;
    bool ok    = cup_frame_get(scan->bytes.at, scan->bytes.bytes, scan->at, out_frame) &&
              out_frame->previous_crc32c == scan->previous_crc32c &&
              (first || out_frame->sequence == scan->sequence + 1);
    if (!ok) return judge_tail(scan, out_fault);
    size_t bytes = CUP_FRAME_HEADER_BYTES + out_frame->payload_bytes;
    scan->at += (bytes + CUP_FRAME_ALIGN - 1) / CUP_FRAME_ALIGN * CUP_FRAME_ALIGN;
    scan->sequence        = out_frame->sequence;
    scan->previous_crc32c = out_frame->crc32c;
    return CUP_OK;
}

/* The next whole message, in scan->message. */
static enum cup_err next_message(struct scan *scan, uint16_t *out_kind, struct cup_fault *out_fault)
{
    struct cup_frame frame = {.flags = CUP_FRAME_MORE};

    cup_text_clear(&scan->message);
    for (bool first = true; (frame.flags & CUP_FRAME_MORE) != 0; first = false) {
        size_t       at  = scan->at;
        enum cup_err err = next_frame(scan, &frame, out_fault);
        if (err != CUP_OK) return err;
        if ((frame.flags & ~CUP_FRAME_MORE) != 0 || (!first && frame.kind != *out_kind))
            return corrupt(out_fault, "journal: a frame that cannot follow", scan->name, at);
        *out_kind = frame.kind;
        cup_text_put(&scan->message, frame.payload, frame.payload_bytes);
        if (scan->message.failed)
            return cup_fault_set(out_fault, CUP_NO_MEMORY, "read journal", scan->name);
    }
    return CUP_OK;
}

static bool set_position(struct cup_journal_state *state, const struct cup_journal_line *line)
{
    struct cup_position *position = cup_positions_add(&state->positions, line->name, line->topic);

    if (position == NULL) return false;
    position->identity = line->identity;
    position->end      = line->end;
    position->checked  = line->end;
    position->size     = line->size;
    position->ended    = line->ended;
    position->recorded = true;

    position->generation = line->file_generation;
    return true;
}

static bool continues(const struct cup_journal_state *state, const struct cup_journal_line *line)
{
    const struct cup_position *position = cup_positions_find(&state->positions, line->name);

    if (line->end < line->start) return false;
    if (position == NULL) return line->start == 0 || cup_position_consumed(line->name);
    return line->start == position->end;
}

/* Takes one line of a message into the state; false: it must not stand there. */
static bool take_line(struct cup_journal_state *state, enum cup_frame_kind kind,
                      const struct cup_journal_line *line, enum cup_err *err)
{
    const bool in_base = kind == CUP_FRAME_BASE, in_epoch = kind == CUP_FRAME_EPOCH;
    const bool in_intent = kind == CUP_FRAME_INTENT;
    bool       kept = true, ok = false;

    switch (line->kind) {
    case CUP_LINE_BASE:
        state->epoch = line->epoch;
        ok           = in_base;

        state->generation_min = line->file_generation;
        break;
    case CUP_LINE_INPUT:
        ok   = in_base;
        kept = set_position(state, line);
        break;
    case CUP_LINE_TABLE:
        ok   = in_base;
        kept = cup_journal_tables_note(&state->tables, line->name, line->id, line->crc32c,
                                       line->epoch);
        break;
    case CUP_LINE_INTENT: ok = (in_base || in_intent) && line->epoch == state->epoch + 1; break;
    case CUP_LINE_PLACE:
    case CUP_LINE_DECLARE: ok = in_base || in_intent; break;
    case CUP_LINE_EPOCH:
        ok           = (in_base || in_epoch) && line->epoch == state->epoch + in_epoch;
        state->epoch = line->epoch;
        break;
    case CUP_LINE_RANGE: /* of BASE: the inputs above have it */
        ok = in_base || (in_epoch && continues(state, line));
        if (in_epoch && ok) kept = set_position(state, line);
        break;
    case CUP_LINE_FILE: ok = in_base || in_epoch; break;
    case CUP_LINE_COMMIT:
        ok   = in_base || in_epoch;
        kept = cup_journal_tables_note(&state->tables, line->name, line->id, line->crc32c,
                                       state->epoch);
        break;
    case CUP_LINE_DONE:
        state->clean = line->clean;
        ok           = kind == CUP_FRAME_DONE && line->epoch == state->epoch;
        break;
    case CUP_LINE_COUNT: break;
    }
    if (!kept) *err = CUP_NO_MEMORY;
    return ok;
}

enum cup_err cup_journal_priv_take(struct cup_journal_state *state, enum cup_frame_kind kind,
                                   const struct cup_text     *message,
                                   struct cup_journal_reader *reader, const char *name,
                                   struct cup_fault *out_fault)
{
    struct cup_journal_line line;
    enum cup_err            err;
    size_t                  at = 0;

    state->clean = false;
    cup_text_clear(&state->open);
    cup_text_clear(&state->placing);
    cup_journal_reader_start(reader, message->at, message->bytes);
    while ((err = cup_journal_reader_next(reader, &line, out_fault)) == CUP_OK) {
        struct cup_text *rest = line.kind == CUP_LINE_EPOCH    ? &state->open
                                : line.kind == CUP_LINE_INTENT ? &state->placing
                                                               : NULL;
        if (rest != NULL) cup_text_put(rest, message->at + at, message->bytes - at);
        if (rest != NULL && rest->failed) err = CUP_NO_MEMORY;
        bool ok = take_line(state, kind, &line, &err);
        if (err != CUP_OK) return cup_fault_set(out_fault, err, "read journal", name);
        if (!ok) return corrupt(out_fault, "journal: lines that do not continue", name, at);
        at = reader->at;
    }
    return err == CUP_END ? CUP_OK : err;
}

uint64_t cup_journal_applied(const struct cup_journal_state *state,
                             const struct cup_journal_table *table)
{
    bool in_open = state->open.bytes > 0 && table->epoch == state->epoch;

    return in_open ? table->before : table->epoch;
}

/* END: the segment has no BASE, so nothing in it was ever acted upon. */
static enum cup_err read_segment(struct cup_store *store, const char *name,
                                 struct cup_journal_reader *reader, struct cup_journal_state *state,
                                 struct cup_fault *out_fault)
{
    struct scan  scan = {.name = name};
    uint16_t     kind = 0;
    enum cup_err err  = cup_store_get(store, name, &scan.bytes, out_fault);

    if (err == CUP_OK) err = next_message(&scan, &kind, out_fault);
    if (err == CUP_OK && kind != CUP_FRAME_BASE)
        err = corrupt(out_fault, "journal: a segment that does not begin with BASE", name, 0);
    bool whole = err == CUP_OK;
    while (err == CUP_OK) {
        size_t end      = scan.at;
        state->sequence = scan.sequence;
        if (kind < CUP_FRAME_BASE || kind > CUP_FRAME_INTENT)
            err = cup_fault_set(out_fault, CUP_UNSUPPORTED, "journal: kind of frame", name);
        else
            err = cup_journal_priv_take(state, (enum cup_frame_kind)kind, &scan.message, reader,
                                        name, out_fault);
        if (err == CUP_OK) err = next_message(&scan, &kind, out_fault);
        if (err == CUP_OK && kind == CUP_FRAME_BASE)
            err = corrupt(out_fault, "journal: BASE within a segment", name, end);
    }
    cup_text_free(&scan.bytes);
    cup_text_free(&scan.message);
    return err == CUP_END && whole ? CUP_OK : err;
}

static void note_number(void *arg, const char *name)
{
    struct cup_journal_priv_numbers *numbers = arg;
    char                             again[24];
    uint32_t                         number = (uint32_t)strtoul(name, NULL, 10);

    snprintf(again, sizeof again, "%08u.cj", number);
    if (number == 0 || strcmp(again, name) != 0) return;
    if (numbers->count == numbers->cap) {
        uint32_t cap  = numbers->cap == 0 ? 16 : numbers->cap * 2;
        void    *list = realloc(numbers->list, cap * sizeof *numbers->list);
        numbers->failed |= list == NULL;
        if (list == NULL) return;
        numbers->list = list;
        numbers->cap  = cap;
    }
    numbers->list[numbers->count++] = number;
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

enum cup_err cup_journal_priv_list(struct cup_store *store, const char *folder,
                                   struct cup_journal_priv_numbers *out_numbers,
                                   struct cup_fault                *out_fault)
{
    enum cup_err err = cup_store_list(store, folder, note_number, out_numbers, out_fault);

    if (err == CUP_NOT_FOUND) return CUP_OK;
    if (err == CUP_OK && out_numbers->failed)
        err = cup_fault_set(out_fault, CUP_NO_MEMORY, "list journal", folder);
    if (out_numbers->count > 1)
        qsort(out_numbers->list, out_numbers->count, sizeof *out_numbers->list, compare_numbers);
    return err;
}

/* The newest segment with a BASE is the state. Segments without one were cut off at birth; they are
 * all there is only when the first one is among them, because a segment is removed only after a
 * later one's BASE is durable. */
static enum cup_err read_newest(struct cup_store *store, const char *folder,
                                const struct cup_journal_priv_numbers *numbers,
                                struct cup_journal_reader *reader, struct cup_journal_state *state,
                                struct cup_fault *out_fault)
{
    char         name[CUP_STORE_NAME_BYTES];
    enum cup_err err = CUP_END;

    for (uint32_t i = numbers->count; err == CUP_END && i > 0; i--) {
        cup_journal_priv_segment(folder, numbers->list[i - 1], name);
        err = read_segment(store, name, reader, state, out_fault);
    }
    state->exists  = err == CUP_OK;
    state->segment = numbers->count == 0 ? 0 : numbers->list[numbers->count - 1];
    if (err != CUP_END) return err;
    if (numbers->count > 0 && numbers->list[0] != 1)
        return corrupt(out_fault, "journal: no segment has a readable BASE", folder, 0);
    return CUP_OK;
}

enum cup_err cup_journal_read(struct cup_store *store, const char *folder,
                              struct cup_journal_state *out_state, struct cup_fault *out_fault)
{
    struct cup_journal_priv_numbers numbers = {0};
    struct cup_journal_reader       reader;
    struct cup_journal_state        state = {0};
    enum cup_err                    err   = cup_journal_reader_open(&reader, out_fault);

    if (err == CUP_OK) err = cup_journal_priv_list(store, folder, &numbers, out_fault);
    if (err == CUP_OK) err = read_newest(store, folder, &numbers, &reader, &state, out_fault);
    cup_journal_reader_close(&reader);
    free(numbers.list);
    if (err != CUP_OK)
        cup_journal_state_free(&state);
    else
        *out_state = state;
    return err;
}

void cup_journal_state_free(struct cup_journal_state *state)
{
    cup_positions_free(&state->positions);
    cup_journal_tables_free(&state->tables);
    cup_text_free(&state->open);
    cup_text_free(&state->placing);
    *state = (struct cup_journal_state){0};
}
