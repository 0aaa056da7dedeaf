// SPDX-License-Identifier: Apache-2.0
/* Rows of the quarantine: a record's first one, and one for each time that it is judged again. */
#include <string.h>

#include "dataplane/abi/tables.h"
#include "dataplane/worker/archive_priv.h"

/* No limit lets a longer record in, and a quarter of the pool is what a row may take of it: of
 * longer records only the beginning is kept in the table. */
static size_t inline_bytes_max(const struct cup_worker *worker)
{
    uint64_t quarter = worker->config.plan->pool_bytes / 4;
    return quarter < CUP_RECORD_BYTES_MAX ? (size_t)quarter : CUP_RECORD_BYTES_MAX;
}

void cup_quarantine_priv_keep(struct cup_worker *worker, uint32_t from, uint32_t to)
{
    struct cup_text *kept   = &worker->archive.oversize;
    bool             inside = worker->archive.in_oversize;

    for (uint32_t i = from; i < to; i++) {
        const struct cup_record *record = &worker->batch.records[i];
        bool                     part   = (record->flags & CUP_RECORD_PART) != 0;
        if (part && !inside) cup_text_clear(kept);
        size_t room  = inline_bytes_max(worker) - kept->bytes;
        size_t bytes = record->value_bytes < room ? record->value_bytes : room;
        if (part || inside) cup_text_put(kept, worker->batch.region + record->value_at, bytes);
        inside = part;
    }
}

static bool set_value(struct cup_worker *worker, const struct cup_record *record)
{
    const void *value = worker->batch.region + record->value_at;
    size_t      bytes = record->value_bytes;

    if (record->value_kind != CUP_VALUE_BYTES) return true;
    if (record->whole_bytes > record->value_bytes) {
        value = worker->archive.oversize.at;
        bytes = worker->archive.oversize.bytes;
    }
    return cup_archive_priv_set_bytes(worker, &worker->archive.quarantine, CUP_QUARANTINE_VALUE,
                                      CUP_SEAL_VALUE, record->position, value, bytes);
}

static const char *rule_id(const struct cup_plan *plan, const struct cup_verdict *verdict)
{
    const struct cup_plan_table *table = &cup_plan_tables(plan)[verdict->table];

    CUP_ASSERT(verdict->rule < table->rules.count);
    return cup_plan_text(plan, cup_plan_rules(plan, table)[verdict->rule].id);
}

static bool set_verdict(struct cup_worker *worker, const struct cup_verdict *verdict)
{
    struct cup_rows *rows    = &worker->archive.quarantine;
    enum cup_outcome outcome = (enum cup_outcome)verdict->outcome;

    if (verdict->bad_at != UINT32_MAX) cup_rows_set_int(rows, CUP_QUARANTINE_BYTE, verdict->bad_at);
    if (verdict->bad != UINT32_MAX &&
        !cup_archive_priv_set_string(rows, CUP_QUARANTINE_PATH,
                                     cup_decode_bad_path(worker->decode, verdict->bad)))
        return false;
    if (verdict->rule != UINT32_MAX &&
        !cup_archive_priv_set_string(rows, CUP_QUARANTINE_RULE, rule_id(worker->plan, verdict)))
        return false;
    if (verdict->table != UINT32_MAX &&
        !cup_archive_priv_set_string(
            rows, CUP_QUARANTINE_TABLE,
            cup_plan_text(worker->plan, cup_plan_tables(worker->plan)[verdict->table].path)))
        return false;
    return cup_archive_priv_set_string(rows, CUP_QUARANTINE_REASON, cup_outcome_name(outcome)) &&
           cup_archive_priv_set_string(rows, CUP_QUARANTINE_MESSAGE, cup_outcome_text(outcome));
}

/* What became of the record, in the words of the column `state`. */
static const char *state_of(enum cup_outcome outcome)
{
    if (cup_outcome_class(outcome) == CUP_CLASS_QUARANTINED) return "open";
    return outcome == CUP_OUTCOME_DISCARDED ? "discarded" : "retried";
}

static const struct cup_place_columns places = {CUP_QUARANTINE_INPUT, CUP_QUARANTINE_POSITION,
                                                CUP_QUARANTINE_FILE,  CUP_QUARANTINE_MEMBER_AT,
                                                CUP_QUARANTINE_AT,    CUP_QUARANTINE_SEALED};

/* A record that came in now. */
static bool set_first(struct cup_worker *worker, uint32_t i)
{
    struct cup_rows         *rows    = &worker->archive.quarantine;
    const struct cup_record *record  = &worker->batch.records[i];
    bool                     is_dump = worker->batch.no_keys == 0;

    cup_rows_set_int(rows, CUP_QUARANTINE_FIRST_EPOCH, (int64_t)worker->context.epoch);
    if (!cup_archive_priv_set_place(worker, rows, &places, i) ||
        !cup_archive_priv_set_string(rows, CUP_QUARANTINE_FORM, is_dump ? "dump" : "ndjson") ||
        !cup_archive_priv_set_string(rows, CUP_QUARANTINE_KIND,
                                     cup_archive_priv_kind(record, is_dump)))
        return false;
    bool hides = cup_archive_priv_hides(worker, rows);
    if (hides && (record->key_kind != CUP_VALUE_NULL || record->headers_bytes > 0) &&
        !cup_archive_priv_set_string(rows, CUP_QUARANTINE_WITHHELD, "key"))
        return false;
    bool kept = !worker->plan->quarantine_inline && cup_archive_priv_holds(worker, record);
    return kept || hides || set_value(worker, record);
}

/* A record that is judged again: it keeps its name and the place of its bytes. Of one that is no
 * longer open the bytes are not needed here. */
static bool set_again(struct cup_worker *worker, const struct cup_record *record, bool open)
{
    struct cup_rows  *rows   = &worker->archive.quarantine;
    struct cup_origin origin = cup_origin_get(worker->batch.region + record->origin_at);

    cup_rows_set_int(rows, CUP_QUARANTINE_FIRST_EPOCH, (int64_t)origin.first_epoch);
    cup_rows_set_int(rows, places.position, (int64_t)origin.position);
    bool is_dump = origin.form == CUP_INPUT_DUMP;
    if (!cup_archive_priv_set_string(rows, places.input, origin.input) ||
        !cup_archive_priv_set_string(rows, CUP_QUARANTINE_FORM, is_dump ? "dump" : "ndjson") ||
        !cup_archive_priv_set_string(rows, CUP_QUARANTINE_KIND,
                                     origin.line ? "line" : cup_archive_priv_kind(record, false)))
        return false;
    if (origin.by != NULL && !cup_archive_priv_set_string(rows, CUP_QUARANTINE_BY, origin.by))
        return false;
    if (origin.file != NULL) {
        cup_rows_set_int(rows, places.member_at, (int64_t)origin.member_at);
        cup_rows_set_int(rows, places.at, (int64_t)origin.at);
        if (!cup_archive_priv_set_string(rows, places.file, origin.file)) return false;
    }
    bool kept = origin.file != NULL && !worker->plan->quarantine_inline;
    return !open || kept || set_value(worker, record);
}

bool cup_quarantine_priv_build(struct cup_worker *worker, uint32_t i)
{
    static const struct cup_message_columns columns = {
        CUP_QUARANTINE_TOPIC,     CUP_QUARANTINE_PARTITION, CUP_QUARANTINE_OFFSET,
        CUP_QUARANTINE_TIMESTAMP, CUP_QUARANTINE_KEY,       CUP_QUARANTINE_BYTES};
    struct cup_rows          *rows    = &worker->archive.quarantine;
    const struct cup_record  *record  = &worker->batch.records[i];
    const struct cup_verdict *verdict = &worker->verdicts[i];
    const char               *state   = state_of((enum cup_outcome)verdict->outcome);
    bool                      open    = strcmp(state, "open") == 0;

    cup_rows_begin(rows);
    cup_rows_set_int(rows, CUP_QUARANTINE_EPOCH, (int64_t)worker->context.epoch);
    cup_rows_set_int(rows, CUP_QUARANTINE_GENERATION, (int64_t)worker->plan->generation);
    cup_rows_set_int(rows, CUP_QUARANTINE_INGESTED_AT, worker->ingested_us);
    if (!cup_archive_priv_set_message(worker, rows, &columns, record) ||
        !cup_archive_priv_set_headers(worker, rows, CUP_QUARANTINE_HEADERS, record) ||
        !set_verdict(worker, verdict) ||
        !cup_archive_priv_set_string(rows, CUP_QUARANTINE_STATE, state))
        return false;
    bool again = record->has_origin != 0;
    if (again ? !set_again(worker, record, open) : !set_first(worker, i)) return false;
    cup_rows_commit(rows);
    return true;
}
