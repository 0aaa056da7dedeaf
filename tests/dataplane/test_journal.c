// SPDX-License-Identifier: Apache-2.0
/* Goal:   the journal gives back what was made durable, forgets what was cut off, and refuses what
 *         was damaged; frames are those of the format, byte for byte.
 * Method: frames compared with vectors computed by an independent program. A journal of several
 *         epochs is cut at every byte of its last frame and flipped at every byte of the frames
 *         before it; each copy is read again. Messages larger than a frame, new segments at each
 *         open, cut-off first segments, positions compared with a model. Two writers of one
 * journal; a state made by hand in the place of a damaged journal. */
#include "dataplane/commit/journal.h"

#include <sys/stat.h>
#include <unistd.h>

#include "kernels/isal/isal.h"
#include "tests/check.h"

#define FOLDER "_cupel/d/p/0/journal"

static char              lake[64] = "/tmp/cupel-journal-XXXXXX";
static struct cup_store *store;

static const size_t base_bytes = sizeof "{\"t\":\"base\",\"epoch\":0,\"open\":false}\n" - 1;

static void remove_folder(void)
{
    char command[256];

    snprintf(command, sizeof command, "rm -rf %s/" FOLDER, lake);
    CHECK(system(command) == 0);
}

static void check_vectors(void)
{
    static const uint8_t first[]  = {0x43, 0x4a, 0x52, 0x31, 0x0c, 0,    0,    0,   1, 0,
                                     0,    0,    0,    0,    0,    0,    0,    0,   0, 0,
                                     1,    0,    0,    0,    0x78, 0xe2, 0xcb, 0x6a};
    static const uint8_t second[] = {0x43, 0x4a, 0x52, 0x31, 0x12, 0,    0,    0,    2,    0,
                                     0,    0,    0,    0,    0,    0,    0x78, 0xe2, 0xcb, 0x6a,
                                     2,    0,    0,    0,    0x38, 0xb8, 0xb7, 0x17};
    const char          *base = "{\"t\":\"base\"}", *done = "{\"t\":\"done\",\"e\":1}";
    struct cup_text      out   = {0};
    struct cup_frame     frame = {.kind          = CUP_FRAME_BASE,
                                  .sequence      = 1,
                                  .payload       = (const uint8_t *)base,
                                  .payload_bytes = (uint32_t)strlen(base)};

    CHECK(cup_crc32c(0, "123456789", 9) == 0xe3069283);
    uint32_t crc = cup_frame_put(&out, &frame);
    CHECK(crc == 0x6acbe278 && out.bytes == CUP_FRAME_ALIGN);
    CHECK(memcmp(out.at, first, sizeof first) == 0 && memcmp(out.at + 28, base, 12) == 0);
    for (size_t i = 40; i < out.bytes; i++)
        CHECK(out.at[i] == 0);
    frame = (struct cup_frame){.kind            = CUP_FRAME_EPOCH,
                               .sequence        = 2,
                               .previous_crc32c = crc,
                               .payload         = (const uint8_t *)done,
                               .payload_bytes   = (uint32_t)strlen(done)};
    CHECK(cup_frame_put(&out, &frame) == 0x17b7b838 && out.bytes == 2 * CUP_FRAME_ALIGN);
    CHECK(memcmp(out.at + CUP_FRAME_ALIGN, second, sizeof second) == 0);
    CHECK(cup_frame_get(out.at, out.bytes, CUP_FRAME_ALIGN, &frame));
    CHECK(frame.sequence == 2 && frame.previous_crc32c == crc && frame.kind == CUP_FRAME_EPOCH);
    CHECK(!cup_frame_get(out.at, out.bytes, 4, &frame));
    CHECK(!cup_frame_get(out.at, CUP_FRAME_ALIGN - 1, 0, &frame));
    CHECK(cup_frame_get(out.at, CUP_FRAME_ALIGN, 0, &frame));
    cup_text_free(&out);
}

/* --- a model of what the journal should say --- */

struct model {
    uint64_t epoch, ends[3];
};

static void put_epoch(struct cup_text *payload, struct model *model, struct cup_rnd *rnd,
                      size_t commit_bytes)
{
    char                    path[64], *commit = malloc(commit_bytes + 1);
    struct cup_journal_line head = {.kind       = CUP_LINE_EPOCH,
                                    .epoch      = ++model->epoch,
                                    .id         = "00000000-0000-4000-8000-000000000001",
                                    .generation = 3,
                                    .decided_us = -7};

    CHECK(commit != NULL);
    cup_text_clear(payload);
    cup_journal_put_line(payload, &head);
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t                start = model->ends[i];
        struct cup_journal_line range = {.kind     = CUP_LINE_RANGE,
                                         .name     = path,
                                         .topic    = "t\"\\\n\x01\xc3\xa4",
                                         .identity = {UINT64_MAX, i, 9, UINT32_MAX},
                                         .size     = 1000,
                                         .start    = start,
                                         .end      = start + cup_rnd_below(rnd, 100) + 1,
                                         .ended    = i == 1,
                                         .records  = 5};
        snprintf(path, sizeof path, "/in/%u \"x\"", i);
        cup_journal_put_line(payload, &range);
        model->ends[i] = range.end;
    }
    struct cup_journal_line file = {.kind   = CUP_LINE_FILE,
                                    .topic  = "bronze",
                                    .name   = "d/bronze/p/f",
                                    .bytes  = 10,
                                    .crc32c = 0x80000000,
                                    .rows   = 4};
    cup_journal_put_line(payload, &file);
    for (size_t i = 0; i < commit_bytes; i++)
        commit[i] = (char)(cup_rnd_below(rnd, 20) == 0 ? '\n' : 'a' + (int)cup_rnd_below(rnd, 26));
    struct cup_journal_line line = {.kind   = CUP_LINE_COMMIT,
                                    .name   = "d/silver/t",
                                    .id     = "id",
                                    .crc32c = 1,
                                    .bytes  = commit_bytes,
                                    .commit = commit};
    cup_journal_put_line(payload, &line);
    free(commit);
}

static void check_state(const struct cup_journal_state *state, const struct model *model)
{
    char path[64];

    CHECK(state->epoch == model->epoch);
    CHECK(state->positions.count == (model->epoch == 0 ? 0 : 3));
    for (uint32_t i = 0; i < state->positions.count; i++) {
        snprintf(path, sizeof path, "/in/%u \"x\"", i);
        const struct cup_position *position = cup_positions_find(&state->positions, path);
        CHECK(position != NULL && position->recorded && !position->started);
        CHECK(position->end == model->ends[i] && position->ended == (i == 1));
        CHECK(position->identity.device == UINT64_MAX && position->identity.inode == i);
        CHECK(position->identity.head_crc32c == UINT32_MAX && position->size == 1000);
        CHECK(strcmp(position->topic, "t\"\\\n\x01\xc3\xa4") == 0);
    }
}

static void expect(const struct model *model, const struct cup_text *open, bool clean)
{
    struct cup_journal_state state;

    CHECK(cup_journal_read(store, FOLDER, &state, NULL) == CUP_OK);
    check_state(&state, model);
    CHECK(state.clean == clean);
    CHECK(state.open.bytes == (open == NULL ? 0 : open->bytes));
    CHECK(open == NULL || memcmp(state.open.at, open->at, open->bytes) == 0);
    cup_journal_state_free(&state);
}

static struct cup_journal *open_journal(struct cup_journal_state *state)
{
    struct cup_journal *journal;

    CHECK(cup_journal_open(store, FOLDER, state, &journal, NULL) == CUP_OK);
    return journal;
}

static void check_life(struct cup_rnd *rnd)
{
    struct model             model   = {0};
    struct cup_text          payload = {0};
    struct cup_journal_state state;

    remove_folder();
    expect(&model, NULL, false);
    for (uint32_t boot = 1; boot < 6; boot++) {
        struct cup_journal *journal = open_journal(&state);
        check_state(&state, &model);
        CHECK(state.segment == boot && state.exists == (boot > 1));
        /* the BASE carries the open epoch on */
        bool open = boot > 1 && boot % 2 == 0;
        CHECK(state.open.bytes == (open ? payload.bytes : 0));
        expect(&model, open ? &payload : NULL, false);
        for (int i = 0; i < 3; i++) {
            put_epoch(&payload, &model, rnd, 100);
            CHECK(cup_journal_decide(journal, payload.at, payload.bytes, NULL) == CUP_OK);
            expect(&model, &payload, false);
        }
        cup_journal_close(journal, boot % 2 == 0, model.epoch);
        expect(&model, boot % 2 == 0 ? NULL : &payload, boot % 2 == 0);
        cup_journal_state_free(&state);
    }
    cup_text_free(&payload);
}

/* A message of three frames, then a segment that is turned because it grew. */
static void check_large(struct cup_rnd *rnd)
{
    struct model             model   = {0};
    struct cup_text          payload = {0}, text = {0};
    struct cup_journal_state state, now;

    remove_folder();
    struct cup_journal *journal = open_journal(&state);
    put_epoch(&payload, &model, rnd, 33u << 20);
    CHECK(cup_journal_decide(journal, payload.at, payload.bytes, NULL) == CUP_OK);
    expect(&model, &payload, false);
    CHECK(cup_journal_turn(journal, &state, NULL) == CUP_OK);
    CHECK(cup_store_get(store, FOLDER "/00000002.cj", &text, NULL) == CUP_NOT_FOUND);
    put_epoch(&payload, &model, rnd, 33u << 20);
    CHECK(cup_journal_decide(journal, payload.at, payload.bytes, NULL) == CUP_OK);
    CHECK(cup_journal_read(store, FOLDER, &now, NULL) == CUP_OK);
    cup_text_free(&now.open);
    CHECK(cup_journal_turn(journal, &now, NULL) == CUP_OK);
    CHECK(cup_store_get(store, FOLDER "/00000001.cj", &text, NULL) == CUP_NOT_FOUND);
    expect(&model, NULL, false);
    put_epoch(&payload, &model, rnd, 10);
    CHECK(cup_journal_decide(journal, payload.at, payload.bytes, NULL) == CUP_OK);
    expect(&model, &payload, false);
    cup_journal_close(journal, true, model.epoch);
    cup_journal_state_free(&state);
    cup_journal_state_free(&now);
    cup_text_free(&payload);
    cup_text_free(&text);
}

/* The first segment as a crash or a bad disk might leave it; written without syncs, for speed. */
static enum cup_err read_copy(const struct cup_text *bytes, size_t count,
                              struct cup_journal_state *out_state, struct cup_fault *out_fault)
{
    char path[256];

    snprintf(path, sizeof path, "%s/" FOLDER "/00000001.cj", lake);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes->at, 1, count, file) == count && fclose(file) == 0);
    return cup_journal_read(store, FOLDER, out_state, out_fault);
}

/* Three frames: BASE, epoch 1, epoch 2 (two blocks long). */
static void check_damage(struct cup_rnd *rnd)
{
    struct model             after_1, model = {0};
    struct cup_text          first = {0}, second = {0}, bytes = {0};
    struct cup_journal_state state;
    struct cup_fault         fault;

    remove_folder();
    struct cup_journal *journal = open_journal(&state);
    cup_journal_state_free(&state);
    put_epoch(&first, &model, rnd, 50);
    after_1 = model;
    CHECK(cup_journal_decide(journal, first.at, first.bytes, NULL) == CUP_OK);
    put_epoch(&second, &model, rnd, 4500);
    CHECK(cup_journal_decide(journal, second.at, second.bytes, NULL) == CUP_OK);
    cup_journal_close(journal, false, 0);
    CHECK(cup_store_get(store, FOLDER "/00000001.cj", &bytes, NULL) == CUP_OK);
    CHECK(bytes.bytes == 4 * CUP_FRAME_ALIGN);
    size_t end = 2 * CUP_FRAME_ALIGN + CUP_FRAME_HEADER_BYTES + second.bytes;
    for (size_t cut = 2 * CUP_FRAME_ALIGN; cut <= bytes.bytes; cut += 1) {
        if (cut % 7 != 0 && cut + 40 < bytes.bytes && cut > 2 * CUP_FRAME_ALIGN + 40) continue;
        CHECK(read_copy(&bytes, cut, &state, NULL) == CUP_OK);
        check_state(&state, cut < bytes.bytes ? &after_1 : &model);
        cup_journal_state_free(&state);
    }
    for (size_t at = 0; at < end; at++) {
        bool in_padding = (at >= 28 + base_bytes && at < CUP_FRAME_ALIGN) ||
                          (at >= CUP_FRAME_ALIGN + 28 + first.bytes && at < 2 * CUP_FRAME_ALIGN);
        if (in_padding || (at > 2 * CUP_FRAME_ALIGN + 40 && at % 61 != 0)) continue;
        char old         = bytes.at[at];
        bytes.at[at]     = (char)(old ^ (1 << cup_rnd_below(rnd, 8)));
        enum cup_err err = read_copy(&bytes, bytes.bytes, &state, &fault);
        bytes.at[at]     = old;
        /* the last frame, damaged, cannot be told from one that was cut off */
        CHECK(err == (at < 2 * CUP_FRAME_ALIGN ? CUP_CORRUPT : CUP_OK));
        CHECK(err == CUP_OK || fault.at_offset == at / CUP_FRAME_ALIGN * CUP_FRAME_ALIGN);
        if (err == CUP_OK) check_state(&state, &after_1);
        if (err == CUP_OK) cup_journal_state_free(&state);
    }
    cup_text_free(&first);
    cup_text_free(&second);
    cup_text_free(&bytes);
}

/* A segment whose BASE was cut off counts for nothing, as long as an older one is there. */
static void check_births(struct cup_rnd *rnd)
{
    struct model             model = {0}, none = {0};
    struct cup_text          payload = {0}, bytes = {0};
    struct cup_journal_state state;
    struct cup_fault         fault;

    remove_folder();
    struct cup_journal *journal = open_journal(&state);
    cup_journal_close(journal, false, 0);
    cup_journal_state_free(&state);
    CHECK(cup_store_get(store, FOLDER "/00000001.cj", &bytes, NULL) == CUP_OK);
    for (size_t cut = 0; cut < 28 + base_bytes; cut++) {
        CHECK(read_copy(&bytes, cut, &state, NULL) == CUP_OK);
        check_state(&state, &none);
        CHECK(!state.exists && state.segment == 1);
        cup_journal_state_free(&state);
    }
    journal = open_journal(&state);
    CHECK(state.segment == 2);
    cup_journal_state_free(&state);
    put_epoch(&payload, &model, rnd, 50);
    CHECK(cup_journal_decide(journal, payload.at, payload.bytes, NULL) == CUP_OK);
    cup_journal_close(journal, false, 0);
    CHECK(cup_store_put_if_absent(store, FOLDER "/00000003.cj", "CJR1", 4, NULL) == CUP_OK);
    expect(&model, &payload, false);
    CHECK(cup_store_remove(store, FOLDER "/00000002.cj", NULL) == CUP_OK);
    CHECK(cup_journal_read(store, FOLDER, &state, &fault) == CUP_CORRUPT);
    cup_text_free(&payload);
    cup_text_free(&bytes);
}

/* Frames that are whole but do not continue: an epoch left out, a range that does not begin where
 * the last one ended, a line that is none. */
static void check_nonsense(struct cup_rnd *rnd)
{
    struct model             model   = {0};
    struct cup_text          payload = {0};
    struct cup_journal_state state;
    struct cup_fault         fault;

    for (int what = 0; what < 4; what++) {
        remove_folder();
        model                       = (struct model){0};
        struct cup_journal *journal = open_journal(&state);
        cup_journal_state_free(&state);
        put_epoch(&payload, &model, rnd, 50);
        CHECK(cup_journal_decide(journal, payload.at, payload.bytes, NULL) == CUP_OK);
        model.epoch += what == 0;
        model.ends[2] -= what == 1;
        put_epoch(&payload, &model, rnd, 50);
        if (what == 2) cup_text_puts(&payload, "{\"t\":\"file\"}\n");
        if (what == 3) cup_text_puts(&payload, "{\"t\":\"what\"}\n");
        CHECK(cup_journal_decide(journal, payload.at, payload.bytes, NULL) == CUP_OK);
        cup_journal_close(journal, true, model.epoch);
        CHECK(cup_journal_read(store, FOLDER, &state, &fault) == CUP_CORRUPT);
    }
    cup_text_free(&payload);
}

/* Frames with good checksums that do not follow each other. */
static void check_chain(void)
{
    static const char base[]  = "{\"t\":\"base\",\"epoch\":0,\"open\":false}\n";
    static const char epoch[] = "{\"t\":\"epoch\",\"epoch\":1,\"epoch_id\":\"x\",\"generation\":1,"
                                "\"decided_us\":1}\n";

    for (uint32_t what = 0; what < 4; what++) {
        struct cup_text          bytes = {0};
        struct cup_journal_state state;
        struct cup_frame         frame = {.kind          = CUP_FRAME_BASE,
                                          .sequence      = 7,
                                          .payload       = (const uint8_t *)base,
                                          .payload_bytes = sizeof base - 1};
        frame.previous_crc32c          = cup_frame_put(&bytes, &frame) + (what == 1);
        frame.kind                     = what == 2 ? CUP_FRAME_GAP : CUP_FRAME_EPOCH;
        frame.sequence                 = what == 3 ? 9 : 8;
        frame.payload                  = (const uint8_t *)epoch;
        frame.payload_bytes            = sizeof epoch - 1;
        (void)cup_frame_put(&bytes, &frame);
        remove_folder();
        CHECK(cup_store_replace(store, FOLDER "/00000001.cj", "x", 1, NULL) == CUP_OK);
        enum cup_err err = read_copy(&bytes, bytes.bytes, &state, NULL);
        CHECK(err == (what == 0 ? CUP_OK : what == 2 ? CUP_UNSUPPORTED : CUP_CORRUPT));
        if (err == CUP_OK) CHECK(state.epoch == 1 && state.sequence == 8);
        if (err == CUP_OK) cup_journal_state_free(&state);
        cup_text_free(&bytes);
    }
}

/* --- tables and intents --- */

static void expect_table(uint64_t epoch, uint64_t before, uint64_t applied)
{
    struct cup_journal_state state;

    CHECK(cup_journal_read(store, FOLDER, &state, NULL) == CUP_OK);
    const struct cup_journal_table *table = cup_journal_tables_find(&state.tables, "d/silver/t");
    CHECK(table != NULL && state.tables.count == 1 && strcmp(table->id, "id") == 0);
    CHECK(table->epoch == epoch && table->before == before);
    CHECK(cup_journal_applied(&state, table) == applied);
    CHECK(cup_journal_tables_find(&state.tables, "d/silver") == NULL);
    cup_journal_state_free(&state);
}

/* What is known of a table goes from segment to segment, whether its last epoch is open or not. */
static void check_tables(struct cup_rnd *rnd)
{
    struct model             model   = {0};
    struct cup_text          payload = {0};
    struct cup_journal_state state;

    remove_folder();
    struct cup_journal *journal = open_journal(&state);
    CHECK(state.tables.count == 0);
    cup_journal_state_free(&state);
    for (uint64_t epoch = 1; epoch < 5; epoch++) {
        put_epoch(&payload, &model, rnd, 20);
        CHECK(cup_journal_decide(journal, payload.at, payload.bytes, NULL) == CUP_OK);
        expect_table(epoch, epoch - 1, epoch - 1);
        cup_journal_close(journal, epoch == 3, epoch);
        expect_table(epoch, epoch - 1, epoch == 3 ? 3 : epoch - 1);
        journal = open_journal(&state);
        cup_journal_state_free(&state);
        expect_table(epoch, epoch == 3 ? 0 : epoch - 1, epoch == 3 ? 3 : epoch - 1);
    }
    cup_journal_close(journal, false, 0);
    cup_text_free(&payload);
}

static void put_intent(struct cup_text *payload, uint64_t epoch)
{
    struct cup_journal_line intent = {.kind = CUP_LINE_INTENT, .epoch = epoch};
    struct cup_journal_line place  = {
         .kind = CUP_LINE_PLACE, .topic = "d/silver/t", .name = "d/silver/t/p=\"x\"/part-1"};

    cup_text_clear(payload);
    cup_journal_put_line(payload, &intent);
    cup_journal_put_line(payload, &place);
    place.topic = "";
    place.name  = "d/bronze/p/1";
    cup_journal_put_line(payload, &place);
}

static void expect_placing(const struct cup_text *placing)
{
    struct cup_journal_state state;

    CHECK(cup_journal_read(store, FOLDER, &state, NULL) == CUP_OK);
    CHECK(state.placing.bytes == placing->bytes && state.open.bytes == 0);
    CHECK(placing->bytes == 0 || memcmp(state.placing.at, placing->at, placing->bytes) == 0);
    cup_journal_state_free(&state);
}

/* The last intent is kept until an epoch is decided or the journal is closed in good order. */
static void check_intents(struct cup_rnd *rnd)
{
    struct model             model  = {0};
    struct cup_text          intent = {0}, payload = {0}, nothing = {0};
    struct cup_journal_state state;

    remove_folder();
    struct cup_journal *journal = open_journal(&state);
    for (uint32_t round = 0; round < 3; round++) {
        put_intent(&intent, model.epoch + 1);
        CHECK(cup_journal_intend(journal, intent.at, intent.bytes, NULL) == CUP_OK);
        expect_placing(&intent);
        cup_journal_close(journal, false, 0);
        cup_journal_state_free(&state);
        journal = open_journal(&state);
        expect_placing(&intent);
        CHECK(state.placing.bytes == intent.bytes && state.epoch == round);
        if (round == 1) CHECK(cup_journal_intend(journal, intent.at, intent.bytes, NULL) == CUP_OK);
        put_epoch(&payload, &model, rnd, 20);
        CHECK(cup_journal_decide(journal, payload.at, payload.bytes, NULL) == CUP_OK);
        expect(&model, &payload, false);
        put_intent(&intent, model.epoch + 1);
        CHECK(cup_journal_intend(journal, intent.at, intent.bytes, NULL) == CUP_OK);
        expect_placing(&intent); /* and the epoch before it is done */
        cup_journal_close(journal, true, model.epoch);
        expect_placing(&nothing);
        cup_journal_state_free(&state);
        journal = open_journal(&state);
    }
    put_intent(&intent, model.epoch + 2);
    CHECK(cup_journal_intend(journal, intent.at, intent.bytes, NULL) == CUP_OK);
    cup_journal_close(journal, true, model.epoch);
    cup_journal_state_free(&state);
    CHECK(cup_journal_read(store, FOLDER, &state, NULL) == CUP_CORRUPT);
    cup_text_free(&intent);
    cup_text_free(&payload);
}

/* --- more than one writer --- */

/* Who was overtaken notices at its next message, whatever has happened to the segments since; who
 * overtook it has all that was decided until then. */
static void check_takeover(struct cup_rnd *rnd)
{
    struct model             model   = {0};
    struct cup_text          payload = {0}, intent = {0};
    struct cup_journal_state state;
    struct cup_fault         fault;

    for (uint32_t what = 0; what < 3; what++) {
        remove_folder();
        model                   = (struct model){0};
        struct cup_journal *old = open_journal(&state);
        cup_journal_state_free(&state);
        put_epoch(&payload, &model, rnd, 20);
        CHECK(cup_journal_decide(old, payload.at, payload.bytes, NULL) == CUP_OK);
        struct cup_journal *now = NULL;
        for (uint32_t opens = 0; opens < 1 + what; opens++) {
            cup_journal_close(now, false, 0);
            now = open_journal(&state);
            check_state(&state, &model);
            cup_journal_state_free(&state);
        }
        put_intent(&intent, 2);
        if (what == 0)
            CHECK(cup_journal_intend(old, intent.at, intent.bytes, &fault) == CUP_FENCED);
        put_epoch(&payload, &model, rnd, 20);
        if (what > 0)
            CHECK(cup_journal_decide(old, payload.at, payload.bytes, &fault) == CUP_FENCED);
        CHECK(strstr(fault.what, "taken over") != NULL);
        CHECK(cup_journal_decide(now, payload.at, payload.bytes, NULL) == CUP_OK);
        cup_journal_close(old, true, 2);
        cup_journal_close(now, false, 0);
        expect(&model, &payload, false);
    }
    cup_text_free(&payload);
    cup_text_free(&intent);
}

/* A state that was put together by hand takes the place of a journal that cannot be read. */
static void check_adopt(struct cup_rnd *rnd)
{
    struct model             model   = {0};
    struct cup_text          payload = {0}, bytes = {0}, aside = {0};
    struct cup_journal_state state, made = {.epoch = 40};

    remove_folder();
    struct cup_journal *journal = open_journal(&state);
    cup_journal_state_free(&state);
    for (int i = 0; i < 2; i++) {
        put_epoch(&payload, &model, rnd, 20);
        CHECK(cup_journal_decide(journal, payload.at, payload.bytes, NULL) == CUP_OK);
    }
    cup_journal_close(journal, false, 0);
    CHECK(cup_store_get(store, FOLDER "/00000001.cj", &bytes, NULL) == CUP_OK);
    bytes.at[CUP_FRAME_ALIGN + 50] ^= 1;
    CHECK(read_copy(&bytes, bytes.bytes, &state, NULL) == CUP_CORRUPT);
    struct cup_position *position = cup_positions_add(&made.positions, "/in/0", "t");
    position->end                 = 77;
    position->recorded            = true;
    CHECK(cup_journal_tables_note(&made.tables, "d/silver/t", "other", 9, 39));
    for (uint32_t round = 0; round < 2; round++) {
        CHECK(cup_journal_adopt(store, FOLDER, &made, NULL) == CUP_OK);
        CHECK(cup_journal_read(store, FOLDER, &state, NULL) == CUP_OK);
        CHECK(state.epoch == 40 && state.open.bytes == 0 && state.segment == 2 + round);
        CHECK(cup_positions_find(&state.positions, "/in/0")->end == 77);
        CHECK(state.positions.count == 1 && state.tables.count == 1 && !state.clean);
        const struct cup_journal_table *table =
            cup_journal_tables_find(&state.tables, "d/silver/t");
        CHECK(strcmp(table->id, "other") == 0 && table->schema_crc32c == 9);
        cup_journal_state_free(&state);
        CHECK(cup_store_get(store, FOLDER "/00000001.cj", &aside, NULL) == CUP_NOT_FOUND);
    }
    CHECK(cup_store_get(store, FOLDER "/00000001.cj.old", &aside, NULL) == CUP_OK);
    CHECK(aside.bytes == bytes.bytes && memcmp(aside.at, bytes.at, bytes.bytes) == 0);
    cup_text_clear(&aside);
    CHECK(cup_store_get(store, FOLDER "/00000002.cj.old", &aside, NULL) == CUP_OK);
    journal = open_journal(&state);
    CHECK(state.epoch == 40 && state.segment == 4);
    cup_journal_close(journal, true, 40);
    cup_journal_state_free(&state);
    cup_journal_state_free(&made);
    cup_text_free(&payload);
    cup_text_free(&bytes);
    cup_text_free(&aside);
}

static void check_positions(void)
{
    struct cup_positions positions = {0};
    char                 path[32];

    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(path, sizeof path, "/p/%u", i);
        CHECK(cup_positions_find(&positions, path) == NULL);
        struct cup_position *position = cup_positions_add(&positions, path, "t");
        CHECK(position != NULL && cup_positions_add(&positions, path, "u") == position);
        position->end = i;
    }
    CHECK(positions.count == 5000);
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(path, sizeof path, "/p/%u", i);
        CHECK(cup_positions_find(&positions, path)->end == i);
    }
    cup_positions_free(&positions);
}

int main(int argc, char **argv)
{
    struct cup_rnd   rnd = cup_test_begin(argc, argv);
    struct cup_disk *disk;
    char             command[128];

    CHECK(mkdtemp(lake) != NULL);
    CHECK(cup_disk_open(CUP_DISK_AUTO, &disk, NULL) == CUP_OK);
    CHECK(cup_store_open(disk, lake, "_cupel/d/p/0/staging", &store, NULL) == CUP_OK);
    check_vectors();
    check_positions();
    check_life(&rnd);
    check_chain();
    check_births(&rnd);
    check_nonsense(&rnd);
    check_tables(&rnd);
    check_intents(&rnd);
    check_takeover(&rnd);
    check_adopt(&rnd);
    check_damage(&rnd);
    check_large(&rnd);
    cup_store_close(store);
    cup_disk_close(disk);
    snprintf(command, sizeof command, "rm -rf %s", lake);
    CHECK(system(command) == 0);
    return 0;
}
