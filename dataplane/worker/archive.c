// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/clock.h"
#include "base/rnd.h"
#include "dataplane/abi/tables.h"
#include "dataplane/worker/archive_priv.h"
#include "kernels/value/binary.h"
#include "kernels/value/utf8.h"

static enum cup_err put_staged(void *arg, const void *bytes, size_t count,
                               struct cup_fault *out_fault)
{
    return cup_store_append(arg, bytes, count, out_fault);
}

static void name_folders(struct cup_archive *archive, const struct cup_plan *plan)
{
    const char *domain = cup_plan_text(plan, plan->domain);
    const char *name   = cup_plan_text(plan, plan->pipeline);
    int         bytes;

    bytes = snprintf(archive->bronze_folder, CUP_WORKER_FOLDER_BYTES, "%s/bronze/%s", domain, name);
    CUP_ASSERT(bytes > 0 && (unsigned)bytes < CUP_WORKER_FOLDER_BYTES);
    bytes = snprintf(archive->index_folder, CUP_WORKER_FOLDER_BYTES, "%s/bronze/%s/_index", domain,
                     name);
    CUP_ASSERT(bytes > 0 && (unsigned)bytes < CUP_WORKER_FOLDER_BYTES);
    bytes = snprintf(archive->quarantine_folder, CUP_WORKER_FOLDER_BYTES, "%s/quarantine/%s",
                     domain, name);
    CUP_ASSERT(bytes > 0 && (unsigned)bytes < CUP_WORKER_FOLDER_BYTES);
}

enum cup_err cup_worker_priv_archive_open(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_archive *archive = &worker->archive;

    name_folders(archive, worker->plan);
    archive->index_file      = (struct cup_zone_file){.zone        = CUP_ZONE_INDEX,
                                                      .folder      = archive->index_folder,
                                                      .fields      = cup_index_fields(),
                                                      .field_count = CUP_INDEX_COUNT};
    archive->quarantine_file = (struct cup_zone_file){.zone        = CUP_ZONE_QUARANTINE,
                                                      .folder      = archive->quarantine_folder,
                                                      .fields      = cup_quarantine_fields(),
                                                      .field_count = CUP_QUARANTINE_COUNT};
    archive->places          = calloc(CUP_BATCH_RECORDS_MAX, sizeof *archive->places);
    if (archive->places == NULL || !cup_rows_open(&archive->quarantine, &worker->pool,
                                                  cup_quarantine_fields(), CUP_QUARANTINE_COUNT))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "quarantine of one worker (key: memory)",
                             NULL);
    if (worker->plan->bronze_encrypt) {
        enum cup_err err = cup_seal_init(out_fault);
        if (err != CUP_OK) return err;
    }
    if (!worker->plan->bronze) return CUP_OK;
    if (!cup_rows_open(&archive->index, &worker->pool, cup_index_fields(), CUP_INDEX_COUNT))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "archive of one worker (key: memory)", NULL);
    return cup_bronze_open(&archive->bronze, out_fault);
}

void cup_worker_priv_archive_close(struct cup_worker *worker)
{
    struct cup_archive *archive = &worker->archive;

    cup_store_discard(worker->config.store, archive->staged);
    archive->staged = NULL;
    cup_zone_file_drop(&archive->index_file, worker->config.store);
    cup_zone_file_drop(&archive->quarantine_file, worker->config.store);
    cup_rows_close(&archive->index);
    cup_rows_close(&archive->quarantine);
    cup_bronze_close(archive->bronze);
    archive->bronze = NULL;
    free(archive->places);
    archive->places = NULL;
    cup_text_free(&archive->headers);
    cup_text_free(&archive->raw_headers);
    cup_text_free(&archive->sealed);
    cup_seal_key_forget(&archive->key);
    archive->key_epoch = 0;
    cup_text_free(&archive->oversize);
}

/* The file is opened by the first record of an epoch: its day is that of the epoch's opening. */
static enum cup_err open_file(struct cup_worker *worker, struct cup_fault *out_fault)
{
    struct cup_archive *archive = &worker->archive;
    char                day[CUP_DAY_TEXT_BYTES], uuid[CUP_UUID_TEXT_BYTES];

    enum cup_err err = cup_store_stage(worker->config.store, &archive->staged, out_fault);
    if (err != CUP_OK) return err;
    cup_clock_day_text(worker->ingested_us, day);
    cup_rnd_uuid(uuid);
    int bytes = snprintf(archive->name, sizeof archive->name,
                         "%s/date=%s/%010llu-%u-%u-%s.ndjson.gz%s", archive->bronze_folder, day,
                         (unsigned long long)worker->context.epoch, worker->plan->shard,
                         worker->config.index, uuid, worker->plan->bronze_encrypt ? ".sealed" : "");
    CUP_ASSERT(bytes > 0 && (size_t)bytes < sizeof archive->name);
    archive->short_name = archive->name + strlen(archive->bronze_folder) + 1;
    archive->row_count  = 0;
    cup_bronze_begin(archive->bronze, (struct cup_sink){.arg = archive->staged, .put = put_staged});
    return CUP_OK;
}

/* A value that holds an LF is not one line: it goes into the index row instead of a member. */
static bool is_one_line(const struct cup_batch *batch, const struct cup_record *record)
{
    if (batch->verbatim || record->flags & (CUP_RECORD_PART | CUP_RECORD_OVERSIZE)) return true;
    return memchr(batch->region + record->value_at, '\n', record->value_bytes) == NULL;
}

static bool is_archived(const struct cup_batch *batch, const struct cup_record *record)
{
    return record->value_kind == CUP_VALUE_BYTES && is_one_line(batch, record);
}

/* Archives one record or piece. A piece has no LF behind it in the archive but the last one has. */
static enum cup_err put_record(struct cup_worker *worker, uint32_t i, struct cup_fault *out_fault)
{
    struct cup_archive      *archive = &worker->archive;
    const struct cup_record *record  = &worker->batch.records[i];
    bool                     part    = (record->flags & CUP_RECORD_PART) != 0;
    bool                     follows = archive->in_oversize;

    archive->places[i] = follows ? archive->oversize_place : cup_bronze_place(archive->bronze);
    if (part && !follows) archive->oversize_place = archive->places[i];
    return cup_bronze_put(archive->bronze, worker->batch.region + record->value_at,
                          record->value_bytes + !part, !part, out_fault);
}

static bool is_whole_line(const struct cup_batch *batch, const struct cup_record *record)
{
    return (record->flags & (CUP_RECORD_PART | CUP_RECORD_OVERSIZE)) == 0 &&
           is_archived(batch, record);
}

/* Archives as many records from `from` on, a whole line, as lie side by side in the region and fit
 * the open member; *out_to is the first that does not. Records without bytes are between any. */
static enum cup_err put_run(struct cup_worker *worker, uint32_t from, uint32_t to, uint32_t *out_to,
                            struct cup_fault *out_fault)
{
    struct cup_archive      *archive = &worker->archive;
    const struct cup_record *records = worker->batch.records;
    struct cup_bronze_place  place   = cup_bronze_place(archive->bronze);
    size_t                   room    = cup_bronze_room(archive->bronze);
    uint32_t                 start = records[from].value_at, end = start, i = from;

    for (; i < to; i++) {
        if (records[i].value_kind != CUP_VALUE_BYTES) continue;
        if (records[i].value_at != end || !is_whole_line(&worker->batch, &records[i])) break;
        if (i > from && end - start >= room) break;
        archive->places[i] =
            (struct cup_bronze_place){.member_at = place.member_at, .at = place.at + (end - start)};
        end += records[i].value_bytes + 1;
    }
    *out_to = i;
    return cup_bronze_put(archive->bronze, worker->batch.region + start, end - start, true,
                          out_fault);
}

static enum cup_err put_values(struct cup_worker *worker, uint32_t from, uint32_t to,
                               struct cup_fault *out_fault)
{
    struct cup_archive *archive = &worker->archive;
    enum cup_err        err     = CUP_OK;

    if (archive->staged == NULL) err = open_file(worker, out_fault);
    for (uint32_t i = from; err == CUP_OK && i < to;) {
        const struct cup_record *record = &worker->batch.records[i];
        if (is_whole_line(&worker->batch, record)) {
            err                  = put_run(worker, i, to, &i, out_fault);
            archive->in_oversize = false;
            continue;
        }
        if (is_archived(&worker->batch, record)) err = put_record(worker, i, out_fault);
        archive->in_oversize = (record->flags & CUP_RECORD_PART) != 0;
        i++;
    }
    return err;
}

/* What is left of a torn dump line is a piece of the line, as a line that is no record; a line that
 * is too long to be read came in pieces. */
const char *cup_archive_priv_kind(const struct cup_record *record, bool is_dump)
{
    bool torn   = record->flags & CUP_RECORD_TORN;
    bool pieces = record->flags & CUP_RECORD_OVERSIZE && record->whole_bytes > record->value_bytes;

    if ((is_dump && (torn || pieces)) || record->flags & CUP_RECORD_BAD_LINE) return "line";
    switch ((enum cup_value_kind)record->value_kind) {
    case CUP_VALUE_NULL: return "null";
    case CUP_VALUE_EMPTY: return "empty";
    case CUP_VALUE_BYTES: return "value";
    }
    return "value";
}

/* The column is text: what is none is kept as {"base64":..}, as dumps have it. */
static void put_header_text(struct cup_text *text, const uint8_t *bytes, uint32_t count)
{
    if (cup_utf8_valid(bytes, count)) {
        cup_text_json(text, bytes, count);
        return;
    }
    cup_text_puts(text, "{\"base64\":\"");
    uint8_t *room = cup_text_room(text, (count + 2ul) / 3 * 4);
    if (room != NULL) (void)cup_base64_encode(bytes, count, room); /* fills the room */
    cup_text_puts(text, "\"}");
}

static void put_headers_json(struct cup_text *text, const uint8_t *headers, uint32_t bytes)
{
    struct cup_header header;
    uint32_t          at = 0;

    cup_text_clear(text);
    while (cup_header_next(headers, bytes, &at, &header)) {
        cup_text_puts(text, text->bytes == 0 ? "[[" : ",[");
        put_header_text(text, (const uint8_t *)header.name, header.name_bytes);
        cup_text_puts(text, ",");
        if (header.value == NULL)
            cup_text_puts(text, "null");
        else
            put_header_text(text, (const uint8_t *)header.value, header.value_bytes);
        cup_text_puts(text, "]");
    }
    cup_text_puts(text, "]");
}

/* Most records of a topic have the headers of the one before. */
static void make_headers_json(struct cup_archive *archive, const uint8_t *headers, uint32_t bytes)
{
    struct cup_text *raw = &archive->raw_headers;

    if (raw->bytes == bytes && memcmp(raw->at, headers, bytes) == 0 && !archive->headers.failed)
        return;
    put_headers_json(&archive->headers, headers, bytes);
    cup_text_clear(raw);
    cup_text_put(raw, headers, bytes);
}

bool cup_archive_priv_set_string(struct cup_rows *rows, uint32_t column, const char *text)
{
    return cup_rows_set_text(rows, column, text, strlen(text));
}

/* Records that are retried were in the clear when they were read for it, and stay so. */
bool cup_archive_priv_set_bytes(struct cup_worker *worker, struct cup_rows *rows, uint32_t column,
                                enum cup_seal_kind kind, uint64_t position, const void *bytes,
                                size_t count)
{
    if (worker->batch.retried) return cup_rows_set_text(rows, column, bytes, count);
    return cup_worker_priv_set_sealed(worker, rows, column, kind, position, bytes, count);
}

static bool set_key(struct cup_worker *worker, struct cup_rows *rows, uint32_t column,
                    const struct cup_record *record)
{
    if (record->key_kind == CUP_VALUE_NULL) return true;
    return cup_archive_priv_set_bytes(worker, rows, column, CUP_SEAL_KEY, record->position,
                                      worker->batch.region + record->key_at, record->key_bytes);
}

bool cup_archive_priv_hides(const struct cup_worker *worker, const struct cup_rows *rows)
{
    return rows == &worker->archive.quarantine && !worker->plan->quarantine_inline &&
           worker->masks != NULL && cup_masks_of_key(worker->masks);
}

/* Retried records are in bronze, or were kept inline, since they came first. */
static bool is_retry(const struct cup_worker *worker)
{
    return worker->batch.retried;
}

bool cup_archive_priv_holds(const struct cup_worker *worker, const struct cup_record *record)
{
    return worker->archive.bronze != NULL && !is_retry(worker) &&
           is_archived(&worker->batch, record);
}

bool cup_archive_priv_set_headers(struct cup_worker *worker, struct cup_rows *rows, uint32_t column,
                                  const struct cup_record *record)
{
    const struct cup_text *headers = &worker->archive.headers;

    if (record->headers_bytes == 0 || cup_archive_priv_hides(worker, rows)) return true;
    make_headers_json(&worker->archive, worker->batch.region + record->headers_at,
                      record->headers_bytes);
    return cup_archive_priv_set_bytes(worker, rows, column, CUP_SEAL_HEADERS, record->position,
                                      headers->at, headers->bytes);
}

bool cup_archive_priv_set_message(struct cup_worker *worker, struct cup_rows *rows,
                                  const struct cup_message_columns *columns,
                                  const struct cup_record          *record)
{
    cup_rows_set_int(rows, columns->partition, record->partition);
    cup_rows_set_int(rows, columns->offset, record->offset);
    cup_rows_set_int(rows, columns->bytes, (int64_t)record->whole_bytes);
    if (record->timestamp_ms != INT64_MIN)
        cup_rows_set_int(rows, columns->timestamp, record->timestamp_ms * CUP_US_PER_MS);
    return cup_archive_priv_set_string(rows, columns->topic,
                                       cup_source_topic(worker->source, record->topic)) &&
           (cup_archive_priv_hides(worker, rows) || set_key(worker, rows, columns->key, record));
}

bool cup_archive_priv_set_place(struct cup_worker *worker, struct cup_rows *rows,
                                const struct cup_place_columns *columns, uint32_t i)
{
    const struct cup_record *record = &worker->batch.records[i];

    cup_rows_set_int(rows, columns->position, (int64_t)record->position);
    if (!cup_archive_priv_set_string(rows, columns->input, worker->batch.name)) return false;
    if (worker->plan->bronze_encrypt &&
        !cup_archive_priv_set_string(rows, columns->sealed, worker->archive.key_day))
        return false;
    if (!cup_archive_priv_holds(worker, record)) return true;
    cup_rows_set_int(rows, columns->member_at, (int64_t)worker->archive.places[i].member_at);
    cup_rows_set_int(rows, columns->at, worker->archive.places[i].at);
    return cup_archive_priv_set_string(rows, columns->file, worker->archive.short_name);
}

/* Is the record's index row that of the one before it, but for places and lengths? So it is for
 * lines of a file: they have neither key nor headers. */
static bool is_alike(const struct cup_worker *worker, uint32_t i)
{
    const struct cup_record *record = &worker->batch.records[i], *last = record - 1;

    return worker->batch.verbatim && i > worker->archive.alike_from &&
           (record->flags | last->flags) == 0 && record->value_kind == CUP_VALUE_BYTES &&
           last->value_kind == CUP_VALUE_BYTES && record->key_kind == CUP_VALUE_NULL &&
           last->key_kind == CUP_VALUE_NULL && (record->headers_bytes | last->headers_bytes) == 0 &&
           record->topic == last->topic && record->partition == last->partition &&
           record->timestamp_ms == last->timestamp_ms &&
           worker->verdicts[i].outcome == worker->verdicts[i - 1].outcome;
}

static bool repeat_index_row(struct cup_worker *worker, uint32_t i)
{
    static const uint32_t    columns[]   = {CUP_INDEX_OFFSET, CUP_INDEX_BYTES, CUP_INDEX_POSITION,
                                            CUP_INDEX_MEMBER_AT, CUP_INDEX_AT};
    const struct cup_record *record      = &worker->batch.records[i];
    const struct cup_bronze_place *place = &worker->archive.places[i];

    if (!is_alike(worker, i)) return false;
    const int64_t values[] = {record->offset, (int64_t)record->whole_bytes,
                              (int64_t)record->position, (int64_t)place->member_at, place->at};
    return cup_rows_repeat(&worker->archive.index, columns, values,
                           sizeof columns / sizeof *columns);
}

static bool build_index_row(struct cup_worker *worker, uint32_t i)
{
    static const struct cup_message_columns message = {CUP_INDEX_TOPIC,  CUP_INDEX_PARTITION,
                                                       CUP_INDEX_OFFSET, CUP_INDEX_TIMESTAMP,
                                                       CUP_INDEX_KEY,    CUP_INDEX_BYTES};
    static const struct cup_place_columns   place   = {CUP_INDEX_INPUT, CUP_INDEX_POSITION,
                                                       CUP_INDEX_FILE,  CUP_INDEX_MEMBER_AT,
                                                       CUP_INDEX_AT,    CUP_INDEX_SEALED};
    struct cup_rows                        *rows    = &worker->archive.index;
    const struct cup_batch                 *batch   = &worker->batch;
    const struct cup_record                *record  = &batch->records[i];
    bool                                    is_dump = worker->batch.no_keys == 0;

    if (repeat_index_row(worker, i)) return true;
    cup_rows_begin(rows);
    cup_rows_set_int(rows, CUP_INDEX_EPOCH, (int64_t)worker->context.epoch);
    if (!cup_archive_priv_set_message(worker, rows, &message, record) ||
        !cup_archive_priv_set_place(worker, rows, &place, i) ||
        !cup_archive_priv_set_string(rows, CUP_INDEX_FORM, is_dump ? "dump" : "ndjson") ||
        !cup_archive_priv_set_string(rows, CUP_INDEX_KIND,
                                     cup_archive_priv_kind(record, is_dump)) ||
        !cup_archive_priv_set_string(
            rows, CUP_INDEX_OUTCOME,
            cup_outcome_name((enum cup_outcome)worker->verdicts[i].outcome)))
        return false;
    if (!cup_archive_priv_set_headers(worker, rows, CUP_INDEX_HEADERS, record)) return false;
    if (record->value_kind == CUP_VALUE_BYTES && !is_one_line(batch, record) &&
        !cup_worker_priv_set_sealed(worker, rows, CUP_INDEX_VALUE, CUP_SEAL_VALUE, record->position,
                                    batch->region + record->value_at, record->value_bytes))
        return false;
    cup_rows_commit(rows);
    return true;
}

static enum cup_err flush(struct cup_worker *worker, struct cup_rows *rows,
                          struct cup_zone_file *file, struct cup_fault *out_fault)
{
    if (rows->row_count == 0) return CUP_OK;
    cup_rows_finish(rows);
    enum cup_err err =
        cup_worker_priv_append(worker, file, rows->columns, rows->row_count, out_fault);
    if (err == CUP_OK) cup_rows_clear(rows);
    return err;
}

/* Builds one row; when a text finds no room, what is built so far is encoded and spilled first. */
static enum cup_err add_row(struct cup_worker *worker, struct cup_rows *rows,
                            struct cup_zone_file *file,
                            bool (*build)(struct cup_worker *worker, uint32_t i), uint32_t i,
                            struct cup_fault *out_fault)
{
    enum cup_err err = CUP_OK;

    if (cup_rows_full(rows)) err = flush(worker, rows, file, out_fault);
    while (err == CUP_OK && !build(worker, i)) {
        err = flush(worker, rows, file, out_fault);
        if (err == CUP_OK) err = cup_worker_priv_relieve(worker, out_fault);
    }
    return err;
}

enum cup_err cup_worker_priv_archive(struct cup_worker *worker, uint32_t from, uint32_t to,
                                     struct cup_fault *out_fault)
{
    struct cup_archive *archive = &worker->archive;
    enum cup_err        err     = CUP_OK;
    bool                again   = is_retry(worker);
    bool                bronze  = archive->bronze != NULL && !again;

    archive->alike_from = from;
    if (to > from && !again) err = cup_worker_priv_key_ready(worker, out_fault);
    if (worker->plan->quarantine_inline) cup_quarantine_priv_keep(worker, from, to);
    if (err == CUP_OK && bronze && to > from) err = put_values(worker, from, to, out_fault);
    if (to > from)
        archive->in_oversize = (worker->batch.records[to - 1].flags & CUP_RECORD_PART) != 0;

    for (uint32_t i = from; err == CUP_OK && i < to; i++) {
        if (!cup_verdict_counts(&worker->batch.records[i])) continue;
        enum cup_outcome outcome = (enum cup_outcome)worker->verdicts[i].outcome;
        if (bronze) {
            archive->row_count++;
            err = add_row(worker, &archive->index, &archive->index_file, build_index_row, i,
                          out_fault);
        }
        if (err == CUP_OK && (again || cup_outcome_class(outcome) == CUP_CLASS_QUARANTINED))
            err = add_row(worker, &archive->quarantine, &archive->quarantine_file,
                          cup_quarantine_priv_build, i, out_fault);
    }
    return err;
}

static enum cup_err finish_rows(struct cup_worker *worker, struct cup_rows *rows,
                                struct cup_zone_file *file, enum cup_close why,
                                struct cup_fault *out_fault)
{
    enum cup_err err = flush(worker, rows, file, out_fault);

    if (err != CUP_OK || file->parquet == NULL) return err;
    return cup_worker_priv_finish(worker, file, why, out_fault);
}

static enum cup_err finish_bronze(struct cup_worker *worker, enum cup_close why,
                                  struct cup_fault *out_fault)
{
    struct cup_archive *archive = &worker->archive;
    uint64_t            bytes;

    if (archive->staged == NULL) return CUP_OK;
    CUP_ASSERT(!archive->in_oversize);
    enum cup_err err = cup_bronze_end(archive->bronze, &bytes, out_fault);
    if (err != CUP_OK) return err;
    struct cup_epoch_file *file = cup_worker_priv_part_file(worker);
    file->zone                  = CUP_ZONE_BRONZE;
    file->closed                = why;
    file->staged                = archive->staged;
    file->bytes                 = bytes;
    file->row_count             = archive->row_count;
    memcpy(file->name, archive->name, sizeof file->name);
    archive->staged = NULL;
    return CUP_OK;
}

enum cup_err cup_worker_priv_archive_finish(struct cup_worker *worker, enum cup_close why,
                                            struct cup_fault *out_fault)
{
    struct cup_archive *archive = &worker->archive;
    enum cup_err        err     = finish_bronze(worker, why, out_fault);

    if (err == CUP_OK && archive->bronze != NULL)
        err = finish_rows(worker, &archive->index, &archive->index_file, why, out_fault);
    if (err == CUP_OK)
        err = finish_rows(worker, &archive->quarantine, &archive->quarantine_file, why, out_fault);
    return err;
}
