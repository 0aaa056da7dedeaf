// SPDX-License-Identifier: Apache-2.0
#include "dataplane/source/source_priv.h"

#include <string.h>

#include "dataplane/source/dump_priv.h"
#include "dataplane/source/retry_priv.h"

void cup_source_priv_begin(struct cup_source *source)
{
    if (source->held != NULL) *source->held = source->held_byte;
    source->held = NULL;
    cup_pool_give(source->pool, source->long_region, source->long_blocks);
    source->long_region = NULL;
    source->region_used = source->side_used = 0;
    source->batch                           = (struct cup_batch){0};
}

static struct cup_source_piece take_piece(struct cup_source *source, bool ended)
{
    struct cup_buffer      *buffer = &source->buffer;
    struct cup_source_piece piece  = source->pending;
    const uint8_t          *at     = NULL;
    size_t                  limit  = buffer->from + CUP_BATCH_BYTES;

    source->pending = (struct cup_source_piece){.kind = CUP_PIECE_NEED_MORE};
    if (piece.kind != CUP_PIECE_NEED_MORE) return piece;
    if (limit > buffer->to) limit = buffer->to;
    if (buffer->at > limit) return piece;
    piece.kind = cup_lines_next(&source->lines, buffer->run, limit, ended && limit == buffer->to,
                                &buffer->at, &at, &piece.bytes);
    /* a record longer than a batch may only be the first */
    if (piece.kind == CUP_PIECE_NEED_MORE && limit < buffer->to && buffer->at == buffer->from)
        piece.kind = cup_lines_next(&source->lines, buffer->run, buffer->to, ended, &buffer->at,
                                    &at, &piece.bytes);
    if (piece.kind != CUP_PIECE_NEED_MORE) piece.at = buffer->run + (at - buffer->run);
    return piece;
}

/* A record whose bytes stay where they are in the buffer. */
static struct cup_record *put_in_place(struct cup_source *source, struct cup_source_piece piece,
                                       const uint8_t *region)
{
    struct cup_record *record   = &source->records[source->batch.record_count++];
    uint64_t           position = cup_source_priv_position(source, piece.at);

    *record = (struct cup_record){
        .value_at     = (uint32_t)(piece.at - region),
        .value_bytes  = (uint32_t)piece.bytes,
        .topic        = source->file_topic,
        .partition    = source->file_partition,
        .offset       = (int64_t)position,
        .timestamp_ms = INT64_MIN,
        .position     = position,
        .whole_bytes  = piece.bytes,
        .value_kind   = CUP_VALUE_BYTES,
        .key_kind     = CUP_VALUE_NULL,
    };
    return record;
}

/* A piece, or a last record without LF: alone in its batch, with an LF where it needs one. */
static void put_alone(struct cup_source *source, struct cup_source_piece piece)
{
    struct cup_batch  *batch  = &source->batch;
    struct cup_record *record = put_in_place(source, piece, piece.at);

    CUP_ASSERT(batch->record_count == 1);
    CUP_ASSERT(source->held == NULL);
    record->whole_bytes = source->lines.whole_bytes;
    record->position += piece.bytes - source->lines.whole_bytes;
    record->offset = (int64_t)record->position;
    if (piece.kind == CUP_PIECE_PART) record->flags = CUP_RECORD_PART;
    if (piece.kind == CUP_PIECE_OVERSIZE) record->flags = CUP_RECORD_OVERSIZE;
    source->held        = piece.at + piece.bytes;
    source->held_byte   = *source->held;
    *source->held       = '\n';
    batch->region       = piece.at;
    batch->region_bytes = (uint32_t)piece.bytes + 1;
}

/* --- dumps --- */

/* OK: bound bytes fit the region. AGAIN: not in this batch. */
static enum cup_err room_for_line(struct cup_source *source, uint64_t bound)
{
    if (source->long_region != NULL) return CUP_AGAIN;
    if (source->region_used + source->side_used + bound <= CUP_BATCH_BYTES) return CUP_OK;
    if (source->batch.record_count > 0) return CUP_AGAIN;
    source->long_blocks =
        (uint32_t)((bound + CUP_BATCH_PADDING + CUP_BLOCK_BYTES - 1) / CUP_BLOCK_BYTES);
    source->long_region = cup_pool_take(source->pool, source->long_blocks);
    return source->long_region != NULL ? CUP_OK : CUP_NO_MEMORY;
}

/* Whole lines from this one on, as many as are in sight. The LF behind it may not be in [at, to):
 * the last line of an input may have none, and one was put there. */
static void index_slice(struct cup_source *source, size_t at, size_t bytes)
{
    const struct cup_buffer *buffer = &source->buffer;
    size_t         limit = at + CUP_BATCH_BYTES < buffer->to ? at + CUP_BATCH_BYTES : buffer->to;
    const uint8_t *lf    = memrchr(buffer->run + at, '\n', limit - at);

    source->slice_end = at + bytes + 1;
    if (lf != NULL) source->slice_end = (size_t)(lf - buffer->run) + 1;
    CUP_ASSERT(source->slice_end > at + bytes);
    cup_json_index(source->json, buffer->run, (uint32_t)at, (uint32_t)source->slice_end);
}

/* OK, NO_MEMORY, or END when the name is none that a topic can have. */
static enum cup_err find_topic(struct cup_source *source, const uint8_t *buf,
                               const struct cup_json_node *node, uint32_t *out_topic)
{
    uint8_t  name[6 * CUP_TOPIC_PATH_MAX]; /* each byte may be written as \u00XX */
    uint32_t most = source->is_retry ? CUP_TOPIC_PATH_MAX : CUP_TOPIC_BYTES_MAX;

    if (node->bytes > 6 * most) return CUP_END;
    uint32_t bytes = cup_dump_priv_text(buf, node, name);
    if (bytes > most || memchr(name, 0, bytes) != NULL) return CUP_END;
    return cup_topics_priv_dump(&source->topics, name, bytes, out_topic);
}

/* Bytes to dst with an LF; *out_bytes is their length without. Returns what was written. */
static uint32_t put_text(const uint8_t *buf, const struct cup_json_node *node, uint8_t *dst,
                         uint8_t *out_kind, uint32_t *out_bytes)
{
    uint32_t bytes = cup_dump_priv_bytes(buf, node, dst);

    *out_kind = CUP_VALUE_NULL;
    if (bytes == UINT32_MAX) return 0;
    *out_kind = CUP_VALUE_EMPTY;
    if (bytes == 0) return 0;
    *out_kind  = CUP_VALUE_BYTES;
    *out_bytes = bytes;
    dst[bytes] = '\n';
    return bytes + 1;
}

/* Values go to the region, keys and headers aside until the batch is finished: so the values lie
 * one behind the other. A long line is alone, and all of it goes to the region. */
static void put_record(struct cup_source *source, const uint8_t *buf,
                       const struct cup_json_doc *doc, const struct cup_dump_line *line,
                       struct cup_record *record)
{
    uint8_t *region   = source->long_region ? source->long_region : source->region;
    uint32_t bytes    = 0;
    uint32_t value_at = source->region_used;

    source->region_used += put_text(buf, &doc->nodes[line->value], region + value_at,
                                    &record->value_kind, &record->value_bytes);
    if (record->value_kind == CUP_VALUE_BYTES) record->value_at = value_at;
    uint8_t  *side = source->long_region ? region : source->side;
    uint32_t *used = source->long_region ? &source->region_used : &source->side_used;
    if (line->key != 0)
        bytes = put_text(buf, &doc->nodes[line->key], side + *used, &record->key_kind,
                         &record->key_bytes);
    if (record->key_kind == CUP_VALUE_BYTES) record->key_at = *used;
    *used += bytes;
    record->headers_bytes = cup_dump_priv_headers(buf, doc, line, side + *used);
    if (record->headers_bytes > 0) record->headers_at = *used;
    *used += record->headers_bytes;

    record->partition    = line->partition;
    record->offset       = line->offset;
    record->timestamp_ms = line->timestamp_ms;
    record->whole_bytes  = record->value_bytes;
    if (record->value_bytes > source->plan->record_bytes_max) record->flags = CUP_RECORD_OVERSIZE;
}

static void put_bad_line(struct cup_source *source, struct cup_source_piece piece,
                         struct cup_record *record)
{
    uint8_t *region = source->long_region ? source->long_region : source->region;

    memcpy(region + source->region_used, piece.at, piece.bytes);
    region[source->region_used + piece.bytes] = '\n';
    record->value_kind                        = CUP_VALUE_BYTES;
    record->value_at                          = source->region_used;
    record->value_bytes                       = (uint32_t)piece.bytes;
    record->whole_bytes                       = piece.bytes;
    record->offset                            = (int64_t)record->position;
    record->flags                             = CUP_RECORD_BAD_LINE;
    source->region_used += (uint32_t)piece.bytes + 1;
}

/* --- retried records --- */

/* Base64 to dst with its LF, as put_text does with text; false when it is none. */
static bool put_bytes(const uint8_t *buf, const struct cup_json_node *node, uint8_t *dst,
                      uint8_t *out_kind, uint32_t *out_bytes, uint32_t *used)
{
    *out_kind = CUP_VALUE_NULL;
    if (node->kind != CUP_JSON_STRING) return true;
    *out_kind = CUP_VALUE_EMPTY;
    if (node->bytes == 0) return true;
    *out_kind = CUP_VALUE_BYTES;
    if (!cup_retry_priv_bytes(buf, node, dst + *used, out_bytes)) return false;
    *used += *out_bytes;
    dst[(*used)++] = '\n';
    return true;
}

static void put_origin(struct cup_source *source, const struct cup_json_doc *doc,
                       const struct cup_retry_line *line, struct cup_record *record)
{
    uint8_t  *side = source->long_region ? source->long_region : source->side;
    uint32_t *used = source->long_region ? &source->region_used : &source->side_used;

    record->has_origin = 1;
    record->origin_at  = *used;
    *used += cup_retry_priv_origin(source->buffer.run, doc, line, side + *used);
}

/* A dump line that was refused whole, for its length, may be a record by now: its value is then one
 * of its own, whose bytes lie in no archive. END: it is none. */
static enum cup_err put_kept_line(struct cup_source *source, struct cup_retry_line *line,
                                  struct cup_json_doc *doc, struct cup_record *record)
{
    uint8_t *region = source->long_region ? source->long_region : source->region;
    uint8_t *kept   = region + source->region_used; /* stays there, unused, before the value */
    uint32_t bytes  = 0;

    if (!line->is_line || !line->is_dump || line->discard) return CUP_END;
    const struct cup_json_node *value = &doc->nodes[line->record.value];
    if (value->kind != CUP_JSON_STRING ||
        !cup_retry_priv_bytes(source->buffer.run, value, kept, &bytes))
        return CUP_END;
    struct cup_retry_line as_record = *line;
    as_record.file = 0, as_record.is_line = false;
    uint32_t             side_used = source->side_used, region_used = source->region_used;
    struct cup_dump_line inner;
    source->region_used += bytes;
    put_origin(source, doc, &as_record, record); /* before its line's nodes are gone */
    cup_json_text(source->json, kept, bytes, doc);
    enum cup_err err = CUP_END;
    if (cup_dump_priv_read(kept, doc, &inner))
        err = find_topic(source, kept, &doc->nodes[inner.topic], &record->topic);
    if (err == CUP_OK) {
        put_record(source, kept, doc, &inner, record);
    } else {
        source->region_used = region_used, source->side_used = side_used;
    }
    return err;
}

static uint32_t flags_of(const struct cup_source *source, const struct cup_retry_line *line,
                         const struct cup_record *record)
{
    if (line->discard) return CUP_RECORD_GIVEN_UP;
    if (line->torn) return CUP_RECORD_TORN;
    if (record->value_bytes > source->plan->record_bytes_max) return CUP_RECORD_OVERSIZE;
    return line->is_line ? CUP_RECORD_BAD_LINE : 0;
}

/* The record of a retry line as it came first. END: the line is none. */
static enum cup_err put_retried(struct cup_source *source, const struct cup_json_doc *doc,
                                const struct cup_retry_line *line, struct cup_record *record)
{
    const uint8_t *buf      = source->buffer.run;
    uint8_t       *region   = source->long_region ? source->long_region : source->region;
    uint32_t       value_at = source->region_used, side_used = source->side_used;

    enum cup_err err = find_topic(source, buf, &doc->nodes[line->record.topic], &record->topic);
    if (err != CUP_OK) return err;
    bool good = put_bytes(buf, &doc->nodes[line->record.value], region, &record->value_kind,
                          &record->value_bytes, &source->region_used);
    if (record->value_kind == CUP_VALUE_BYTES) record->value_at = value_at;
    uint8_t  *side   = source->long_region ? region : source->side;
    uint32_t *used   = source->long_region ? &source->region_used : &source->side_used;
    uint32_t  key_at = *used;
    if (line->record.key != 0)
        good = good && put_bytes(buf, &doc->nodes[line->record.key], side, &record->key_kind,
                                 &record->key_bytes, used);
    if (!good) {
        source->region_used = value_at, source->side_used = side_used;
        return CUP_END;
    }
    if (record->key_kind == CUP_VALUE_BYTES) record->key_at = key_at;
    put_origin(source, doc, line, record);
    record->headers_bytes = cup_dump_priv_headers(buf, doc, &line->record, side + *used);
    if (record->headers_bytes > 0) record->headers_at = *used;
    *used += record->headers_bytes;
    record->partition    = line->record.partition;
    record->offset       = line->record.offset;
    record->timestamp_ms = line->record.timestamp_ms;
    record->whole_bytes  = line->discard ? line->bytes : record->value_bytes;
    record->flags        = (uint8_t)flags_of(source, line, record);
    return CUP_OK;
}

/* OK, or why the line is not in the batch: AGAIN (its batch is one of another form), NO_MEMORY, or
 * END: it is no line of a retry. */
static enum cup_err put_retry(struct cup_source *source, struct cup_json_doc *doc,
                              struct cup_source_piece piece, struct cup_record *record)
{
    struct cup_retry_line line;

    if (!cup_retry_priv_read(source->buffer.run, doc, &line)) return CUP_END;
    if (source->batch.record_count > 0 && source->batch.no_keys == line.is_dump) return CUP_AGAIN;
    struct cup_record blank = *record;
    enum cup_err      err   = CUP_END;
    if (line.is_line && line.is_dump) {
        size_t at         = (size_t)(piece.at - source->buffer.run);
        err               = put_kept_line(source, &line, doc, record);
        source->slice_end = 0; /* the parser was used for another text */
        if (err != CUP_END) goto out;
        *record = blank;
        index_slice(source, at, piece.bytes);
        cup_json_parse(source->json, (uint32_t)at, (uint32_t)piece.bytes, NULL, 0, doc);
    }
    err = put_retried(source, doc, &line, record);
out:
    if (err == CUP_OK) source->batch.no_keys = !line.is_dump;
    return err;
}

/* --- lines --- */

/* What a line may take in the region at most. Whether a retry line keeps a whole line is said in
 * words that no text in it can hold unescaped. */
static uint64_t bound_of(const struct cup_source *source, struct cup_source_piece piece)
{
    static const char line[] = "\"line\":true";

    if (!source->is_retry) return cup_dump_priv_bound(piece.bytes);
    bool is_line = memmem(piece.at, piece.bytes, line, sizeof line - 1) != NULL;
    return cup_retry_priv_bound(piece.bytes, is_line);
}

/* OK, or why the line is not in the batch: AGAIN (no room), NO_MEMORY. */
static enum cup_err put_line(struct cup_source *source, struct cup_source_piece piece)
{
    size_t               at = (size_t)(piece.at - source->buffer.run);
    struct cup_json_doc  doc;
    struct cup_dump_line line;
    struct cup_record    record = {
           .topic        = source->file_topic,
           .partition    = source->file_partition,
           .timestamp_ms = INT64_MIN,
           .position     = cup_source_priv_position(source, piece.at),
    };

    enum cup_err err = room_for_line(source, bound_of(source, piece));
    if (err != CUP_OK) return err;
    if (at >= source->slice_end) index_slice(source, at, piece.bytes);
    cup_json_parse(source->json, (uint32_t)at, (uint32_t)piece.bytes, NULL, 0, &doc);
    err = CUP_END;
    if (source->is_retry) {
        err = put_retry(source, &doc, piece, &record);
    } else if (cup_dump_priv_read(source->buffer.run, &doc, &line)) {
        err = find_topic(source, source->buffer.run, &doc.nodes[line.topic], &record.topic);
        if (err == CUP_OK) put_record(source, source->buffer.run, &doc, &line, &record);
    }
    if (err == CUP_NO_MEMORY || err == CUP_AGAIN) {
        source->slice_end = 0; /* the line will be parsed again: index it again */
        return err;
    }
    if (err == CUP_END) put_bad_line(source, piece, &record);
    source->records[source->batch.record_count++] = record;
    return CUP_OK;
}

enum cup_err cup_source_priv_collect(struct cup_source *source, bool ended,
                                     struct cup_fault *out_fault)
{
    struct cup_batch *batch = &source->batch;
    bool              torn  = source->reader.state != CUP_READER_END;

    while (batch->record_count < CUP_BATCH_RECORDS_MAX) {
        struct cup_source_piece piece = take_piece(source, ended);
        enum cup_err            err   = CUP_OK;
        if (piece.kind == CUP_PIECE_NEED_MORE) break;
        bool alone = piece.kind != CUP_PIECE_RECORD || (ended && (torn || !source->is_dump));
        if (alone && batch->record_count > 0) {
            err = CUP_AGAIN;
        } else if (alone) {
            put_alone(source, piece);
            break;
        } else if (source->is_dump) {
            if (ended) piece.at[piece.bytes] = '\n'; /* behind the input's last byte */
            err = put_line(source, piece);
        } else {
            batch->region = source->buffer.run + source->buffer.from;
            (void)put_in_place(source, piece, batch->region); /* nothing to add to it */
            batch->verbatim = 1;
        }
        if (err == CUP_OK) continue;
        source->pending = piece;
        if (batch->record_count > 0) break; /* there is something to hand out first */
        return cup_fault_set(out_fault, err, "read the next record", source->reader.path);
    }
    return CUP_OK;
}

void cup_source_priv_tear(struct cup_source *source)
{
    struct cup_batch *batch = &source->batch;

    if (batch->record_count == 0) {
        struct cup_source_piece none   = {.at = source->buffer.run + source->buffer.to};
        struct cup_record      *record = put_in_place(source, none, none.at);
        record->value_kind             = CUP_VALUE_EMPTY;
        batch->region                  = none.at;
    }
    CUP_ASSERT(batch->record_count == 1);
    source->records[0].flags |= CUP_RECORD_TORN;
}

/* Keys and headers behind the values. */
static void append_side(struct cup_source *source)
{
    memcpy(source->region + source->region_used, source->side, source->side_used);
    for (uint32_t i = 0; i < source->batch.record_count; i++) {
        struct cup_record *record = &source->records[i];
        if (record->key_kind == CUP_VALUE_BYTES) record->key_at += source->region_used;
        if (record->headers_bytes > 0) record->headers_at += source->region_used;
        if (record->has_origin) record->origin_at += source->region_used;
    }
    source->region_used += source->side_used;
}

void cup_source_priv_finish(struct cup_source *source)
{
    struct cup_batch  *batch  = &source->batch;
    struct cup_buffer *buffer = &source->buffer;
    size_t             end    = buffer->at;

    if (source->pending.kind != CUP_PIECE_NEED_MORE)
        end = (size_t)(source->pending.at - buffer->run);
    if (batch->region == NULL && source->region_used + source->side_used > 0) {
        if (source->side_used > 0) append_side(source);
        batch->region       = source->long_region ? source->long_region : source->region;
        batch->region_bytes = source->region_used;
    }
    if (batch->region == NULL) batch->region = buffer->run + buffer->from;
    if (batch->verbatim) batch->region_bytes = (uint32_t)(end - buffer->from);
    batch->input       = source->file_input;
    batch->name        = source->file_name;
    batch->records     = source->records;
    batch->start       = buffer->position + buffer->from;
    batch->end         = buffer->position + end;
    batch->blank_count = (uint32_t)(source->lines.blank_count - source->blank_base);
    source->blank_base = source->lines.blank_count;
    buffer->from       = end;
}
