// SPDX-License-Identifier: Apache-2.0
#include "dataplane/deliver/spool.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/isal/isal.h"

#define READ_BYTES (512u << 10)
#define FRAME_BYTES_MAX                                                                            \
    (64u << 20) /* a piece has 16 MiB at most; headers and key are in its record */

struct frame {
    uint32_t magic, bytes, crc32c, pad; /* bytes: behind this */
};
_Static_assert(sizeof(struct frame) == 16, "on disk");

/* --- writer --- */

void cup_spool_init(struct cup_spool *spool, struct cup_store *store)
{
    *spool = (struct cup_spool){.store = store};
}

static void begin_frame(struct cup_spool *spool)
{
    const struct frame frame = {.magic = CUP_SPOOL_MAGIC};

    cup_text_clear(&spool->frame);
    cup_text_put(&spool->frame, &frame, sizeof frame);
}

static enum cup_err begin_file(struct cup_spool *spool, struct cup_fault *out_fault)
{
    enum cup_err err = cup_store_stage(spool->store, &spool->staged, out_fault);

    if (err != CUP_OK) return err;
    spool->topic_count = 0;
    spool->bytes = spool->record_count = 0;
    begin_frame(spool);
    return CUP_OK;
}

static enum cup_err end_frame(struct cup_spool *spool, struct cup_fault *out_fault)
{
    struct cup_text *text  = &spool->frame;
    struct frame     frame = {.magic = CUP_SPOOL_MAGIC};

    if (text->failed) return cup_fault_set(out_fault, CUP_NO_MEMORY, "spool of the output", NULL);
    if (text->bytes == sizeof frame) return CUP_OK;
    frame.bytes  = (uint32_t)(text->bytes - sizeof frame);
    frame.crc32c = cup_crc32c(0, text->at + sizeof frame, frame.bytes);
    memcpy(text->at, &frame, sizeof frame);
    enum cup_err err = cup_store_append(spool->staged, text->at, text->bytes, out_fault);
    spool->bytes += text->bytes;
    begin_frame(spool);
    return err;
}

enum cup_err cup_spool_put(struct cup_spool *spool, const struct cup_spool_record *record,
                           struct cup_fault *out_fault)
{
    struct cup_spool_head head = record->head;

    CUP_ASSERT(spool->staged != NULL);
    CUP_ASSERT(head.kind != CUP_SPOOL_RECORD || head.topic < spool->topic_count);
    head.key_null   = record->key == NULL;
    head.value_null = record->value == NULL;
    cup_text_put(&spool->frame, &head, sizeof head);
    if (head.key_bytes > 0) cup_text_put(&spool->frame, record->key, head.key_bytes);
    if (head.value_bytes > 0) cup_text_put(&spool->frame, record->value, head.value_bytes);
    if (head.headers_bytes > 0) cup_text_put(&spool->frame, record->headers, head.headers_bytes);
    spool->record_count += head.kind == CUP_SPOOL_RECORD;
    if (spool->frame.bytes < CUP_SPOOL_FRAME_BYTES && !spool->frame.failed) return CUP_OK;
    return end_frame(spool, out_fault);
}

static enum cup_err put_value(struct cup_spool *spool, enum cup_spool_kind kind, const void *value,
                              size_t bytes, struct cup_fault *out_fault)
{
    const struct cup_spool_record entry = {
        .head = {.kind = (uint8_t)kind, .value_bytes = (uint32_t)bytes}, .value = value};

    return cup_spool_put(spool, &entry, out_fault);
}

enum cup_err cup_spool_topic(struct cup_spool *spool, const char *name, uint32_t *out_topic,
                             struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    if (spool->staged == NULL) err = begin_file(spool, out_fault);
    if (err == CUP_OK) err = put_value(spool, CUP_SPOOL_TOPIC, name, strlen(name), out_fault);
    if (err == CUP_OK) *out_topic = spool->topic_count++;
    return err;
}

enum cup_err cup_spool_finish(struct cup_spool *spool, struct cup_store_file **out,
                              struct cup_fault *out_fault)
{
    uint64_t count = spool->record_count;

    CUP_ASSERT(spool->staged != NULL);
    enum cup_err err = put_value(spool, CUP_SPOOL_END, &count, sizeof count, out_fault);
    if (err == CUP_OK) err = end_frame(spool, out_fault);
    if (err != CUP_OK) return err;
    *out          = spool->staged;
    spool->staged = NULL;
    return CUP_OK;
}

void cup_spool_drop(struct cup_spool *spool)
{
    if (spool->store != NULL) cup_store_discard(spool->store, spool->staged);
    spool->staged = NULL;
    cup_text_free(&spool->frame);
}

/* --- reader --- */

void cup_spool_reader_open(struct cup_spool_reader *reader, struct cup_store *store,
                           const char *name)
{
    *reader = (struct cup_spool_reader){.store = store, .name = name};
}

void cup_spool_reader_close(struct cup_spool_reader *reader)
{
    cup_text_free(&reader->bytes);
    cup_text_free(&reader->names);
    cup_text_free(&reader->pieces);
    free(reader->topics);
    *reader = (struct cup_spool_reader){0};
}

static enum cup_err corrupt(const struct cup_spool_reader *reader, const char *what,
                            struct cup_fault *out_fault)
{
    enum cup_err err = cup_fault_set(out_fault, CUP_CORRUPT, what, reader->name);

    if (out_fault != NULL) out_fault->at_offset = reader->from + reader->at;
    return err;
}

/* Has at least `count` bytes from reader->at on in memory, when the file has so many. */
static enum cup_err have(struct cup_spool_reader *reader, size_t count, struct cup_fault *out_fault)
{
    size_t left = reader->bytes.bytes - reader->at;

    if (left >= count) return CUP_OK;
    if (reader->at > 0 && left > 0) memmove(reader->bytes.at, reader->bytes.at + reader->at, left);
    reader->from += reader->at;
    reader->bytes.bytes = left;
    reader->at          = 0;
    size_t       more   = count - left > READ_BYTES ? count - left : READ_BYTES;
    enum cup_err err    = cup_store_get_part(reader->store, reader->name, reader->from + left, more,
                                             &reader->bytes, out_fault);
    if (err != CUP_OK) return err;
    if (reader->bytes.bytes < count) return corrupt(reader, "a spool file is cut off", out_fault);
    return CUP_OK;
}

static enum cup_err next_frame(struct cup_spool_reader *reader, struct cup_fault *out_fault)
{
    struct frame frame;

    enum cup_err err = have(reader, sizeof frame, out_fault);
    if (err != CUP_OK) return err;
    memcpy(&frame, reader->bytes.at + reader->at, sizeof frame);
    if (frame.magic != CUP_SPOOL_MAGIC || frame.bytes > FRAME_BYTES_MAX)
        return corrupt(reader, "a spool file has no frame where one begins", out_fault);
    err = have(reader, sizeof frame + frame.bytes, out_fault);
    if (err != CUP_OK) return err;
    const char *bytes = reader->bytes.at + reader->at + sizeof frame;
    if (cup_crc32c(0, bytes, frame.bytes) != frame.crc32c)
        return corrupt(reader, "a spool file's checksum is wrong", out_fault);
    reader->at += sizeof frame;
    reader->frame_end = reader->at + frame.bytes;
    return CUP_OK;
}

/* The entry at hand, which frames hold whole. */
static bool take(struct cup_spool_reader *reader, struct cup_spool_record *record)
{
    struct cup_spool_head *head = &record->head;
    size_t                 left = reader->frame_end - reader->at;

    if (left < sizeof *head) return false;
    memcpy(head, reader->bytes.at + reader->at, sizeof *head);
    uint64_t body = (uint64_t)head->key_bytes + head->value_bytes + head->headers_bytes;
    if (head->kind >= CUP_SPOOL_KIND_COUNT || body > left - sizeof *head) return false;
    const uint8_t *at = (const uint8_t *)reader->bytes.at + reader->at + sizeof *head;
    record->key       = head->key_null ? NULL : at;
    record->value     = head->value_null ? NULL : at + head->key_bytes;
    record->headers   = at + head->key_bytes + head->value_bytes;
    reader->at += sizeof *head + body;
    return true;
}

static bool note_topic(struct cup_spool_reader *reader, const struct cup_spool_record *entry)
{
    if (reader->topic_count == reader->topic_cap) {
        uint32_t cap  = reader->topic_cap == 0 ? 16 : reader->topic_cap * 2;
        void    *list = realloc(reader->topics, cap * sizeof *reader->topics);
        if (list == NULL) return false;
        reader->topics    = list;
        reader->topic_cap = cap;
    }
    reader->topics[reader->topic_count++] = (uint32_t)reader->names.bytes;
    cup_text_put(&reader->names, entry->value, entry->head.value_bytes);
    cup_text_put(&reader->names, "", 1);
    return !reader->names.failed;
}

/* Puts what came before in front of the record's value. */
static bool join(struct cup_spool_reader *reader, struct cup_spool_record *record)
{
    if (reader->pieces.bytes == 0) return true;
    cup_text_put(&reader->pieces, record->value, record->head.value_bytes);
    record->value            = (const uint8_t *)reader->pieces.at;
    record->head.value_bytes = (uint32_t)reader->pieces.bytes;
    reader->pieces.bytes     = 0; /* its bytes stay until the next piece */
    return !reader->pieces.failed;
}

static enum cup_err check_end(struct cup_spool_reader *reader, const struct cup_spool_record *entry,
                              struct cup_fault *out_fault)
{
    uint64_t count;

    if (entry->value == NULL || entry->head.value_bytes != sizeof count)
        return corrupt(reader, "a spool file has a damaged end", out_fault);
    memcpy(&count, entry->value, sizeof count);
    if (count != reader->record_count)
        return corrupt(reader, "a spool file has not the records that it says", out_fault);
    return CUP_END;
}

enum cup_err cup_spool_next(struct cup_spool_reader *reader, struct cup_spool_record *out_record,
                            struct cup_fault *out_fault)
{
    struct cup_spool_record entry = {0};
    enum cup_err            err   = CUP_OK;
    bool                    kept  = true;

    for (;;) {
        if (reader->at == reader->frame_end) err = next_frame(reader, out_fault);
        if (err != CUP_OK) return err;
        if (!take(reader, &entry)) return corrupt(reader, "a spool entry is damaged", out_fault);
        switch ((enum cup_spool_kind)entry.head.kind) {
        case CUP_SPOOL_TOPIC: kept = note_topic(reader, &entry); break;
        case CUP_SPOOL_PIECE:
            cup_text_put(&reader->pieces, entry.value, entry.head.value_bytes);
            kept = !reader->pieces.failed && reader->pieces.bytes <= CUP_SPOOL_VALUE_MAX;
            break;
        case CUP_SPOOL_CUT: reader->pieces.bytes = 0; break;
        case CUP_SPOOL_END: return check_end(reader, &entry, out_fault);
        case CUP_SPOOL_RECORD:
            if (entry.head.topic >= reader->topic_count)
                return corrupt(reader, "a spool entry has no topic", out_fault);
            reader->record_count++;
            if (!join(reader, &entry))
                return cup_fault_set(out_fault, CUP_NO_MEMORY, "long record", reader->name);
            entry.topic = reader->names.at + reader->topics[entry.head.topic];
            *out_record = entry;
            return CUP_OK;
        case CUP_SPOOL_KIND_COUNT: CUP_ASSERT(!"a kind that take() lets through");
        }
        if (!kept)
            return cup_fault_set(out_fault, CUP_NO_MEMORY, "read a spool file", reader->name);
    }
}
