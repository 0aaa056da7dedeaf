// SPDX-License-Identifier: Apache-2.0
#include "dataplane/decode/decode.h"

#include <string.h>

#include "dataplane/decode/decode_priv.h"
#include "kernels/value/binary.h"
#include "kernels/value/uuid.h"

#define SLICE_BYTES (32u << 10) /* records indexed together: index and text stay in L1 and L2 */
#define HEX_PREFIX  "hex:"      /* a placeholder can be configured as bytes */

#define OUT_OF_LINE                                                                                \
    (CUP_RECORD_PART | CUP_RECORD_OVERSIZE | CUP_RECORD_TORN | CUP_RECORD_BAD_LINE |               \
     CUP_RECORD_GIVEN_UP)

/* --- open and close --- */

static void put_pair(struct cup_span text, uint8_t *out, uint32_t *out_bytes)
{
    uint32_t at = 0;

    memcpy(out + at, "{\"", 2), at += 2;
    memcpy(out + at, text.at, text.bytes), at += text.bytes;
    memcpy(out + at, "\":\"", 3), at += 3;
    memcpy(out + at, text.at, text.bytes), at += text.bytes;
    memcpy(out + at, "\"}", 2), at += 2;
    *out_bytes = at;
}

/* All shapes of the placeholder, from its configured text. */
static enum cup_err open_unavailable(struct cup_decode *decode, struct cup_fault *out_fault)
{
    struct cup_span configured = cup_span_priv_of(decode->plan, decode->plan->unavailable);
    const uint32_t  prefix     = sizeof HEX_PREFIX - 1;

    decode->unavailable_memory = malloc((size_t)configured.bytes * 6 + 128);
    if (decode->unavailable_memory == NULL)
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "placeholders of decode", NULL);
    uint8_t *text = decode->unavailable_memory;
    bool     hex  = configured.bytes > prefix && memcmp(configured.at, HEX_PREFIX, prefix) == 0 &&
               cup_hex_decode(configured.at + prefix, configured.bytes - prefix, text);
    decode->unavailable = (struct cup_span){text, (configured.bytes - prefix) / 2};
    if (!hex) {
        memcpy(text, configured.at, configured.bytes);
        decode->unavailable.bytes = configured.bytes;
    }
    uint8_t *base64            = text + decode->unavailable.bytes;
    size_t   bytes             = cup_base64_encode(text, decode->unavailable.bytes, base64);
    decode->unavailable_base64 = (struct cup_span){base64, (uint32_t)bytes};
    decode->unavailable_pair   = (struct cup_span){base64 + bytes, 0};
    put_pair(decode->unavailable, base64 + bytes, &decode->unavailable_pair.bytes);
    uint8_t *uuid            = base64 + bytes + decode->unavailable_pair.bytes;
    decode->unavailable_uuid = (struct cup_span){uuid, CUP_UUID_NAMED_BYTES};
    cup_uuid_named(text, decode->unavailable.bytes, uuid);
    return CUP_OK;
}

static enum cup_err open_parsers(struct cup_decode *decode, struct cup_fault *out_fault)
{
    const struct cup_plan *plan   = decode->plan;
    const char            *level  = cup_plan_text(plan, plan->kernels);
    size_t                 record = (size_t)plan->record_bytes_max + 1; /* its LF */
    struct cup_json_limits limits = {.depth_max        = plan->depth_max,
                                     .members_max      = plan->members_max,
                                     .key_bytes_max    = plan->key_bytes_max,
                                     .number_bytes_max = plan->number_bytes_max};

    size_t       slice = record > SLICE_BYTES ? record : SLICE_BYTES;
    enum cup_err err   = cup_json_open(level, slice, limits, &decode->values, out_fault);
    if (err != CUP_OK) return err;
    return cup_json_open(level, record, limits, &decode->texts, out_fault);
}

static enum cup_err open_token(struct cup_decode *decode, struct cup_fault *out_fault)
{
    const struct cup_plan *plan = decode->plan;

    if (plan->token_id.bytes == 0) return CUP_OK;
    return cup_token_open(plan->token_key, sizeof plan->token_key,
                          cup_plan_text(plan, plan->token_id), &decode->token, out_fault);
}

static enum cup_err open_memory(struct cup_decode *decode, struct cup_fault *out_fault)
{
    /* names and metadata of the record; an old key, or a document; a text; and one that is inside
     */
    size_t scratch = 4 * ((size_t)decode->plan->record_bytes_max + CUP_JSON_PADDING);

    decode->scratch   = malloc(scratch);
    decode->notes     = calloc(CUP_JSON_KEY_IDS, sizeof *decode->notes);
    decode->seen      = calloc(CUP_PLAN_COLUMNS_MAX, sizeof *decode->seen);
    decode->unset     = calloc(CUP_PLAN_COLUMNS_MAX, sizeof *decode->unset);
    decode->key_nodes = calloc(CUP_PLAN_COLUMNS_MAX, sizeof *decode->key_nodes);
    if (decode->dialect->documents)
        decode->text_notes = calloc(CUP_JSON_KEY_IDS, sizeof *decode->text_notes);
    decode->bad_paths = calloc(CUP_BATCH_RECORDS_MAX, sizeof *decode->bad_paths);
    decode->refused   = calloc(CUP_REFUSED_MAX, sizeof *decode->refused);
    if (decode->scratch == NULL || decode->notes == NULL || decode->seen == NULL ||
        decode->unset == NULL || decode->key_nodes == NULL || decode->bad_paths == NULL ||
        decode->refused == NULL || (decode->dialect->documents && decode->text_notes == NULL))
        return cup_fault_set(out_fault, CUP_NO_MEMORY, "memory of decode", NULL);
    return CUP_OK;
}

enum cup_err cup_decode_open(const struct cup_plan *plan, struct cup_pool *pool,
                             cup_topic_of_fn *topic_of, const void *topic_arg,
                             struct cup_decode **out_decode, struct cup_fault *out_fault)
{
    CUP_ASSERT(plan != NULL && pool != NULL);
    CUP_ASSERT(topic_of != NULL && out_decode != NULL);
    struct cup_decode *decode = calloc(1, sizeof *decode);
    if (decode == NULL) return cup_fault_set(out_fault, CUP_NO_MEMORY, "decode", NULL);
    decode->plan       = plan;
    decode->dialect    = &cup_dialects_priv[plan->format];
    decode->pool       = pool;
    decode->topic_of   = topic_of;
    decode->topic_arg  = topic_arg;
    decode->last_table = CUP_NONE;
    decode->stop_table = CUP_NONE;
    enum cup_err err   = open_memory(decode, out_fault);
    if (err == CUP_OK) err = open_parsers(decode, out_fault);
    if (err == CUP_OK) err = open_unavailable(decode, out_fault);
    if (err == CUP_OK) err = open_token(decode, out_fault);
    if (err == CUP_OK) err = cup_shapes_priv_open(decode, out_fault);
    if (err == CUP_OK) err = cup_rules_open(plan, &decode->rules, out_fault);
    if (err != CUP_OK) {
        cup_decode_close(decode);
        return err;
    }
    *out_decode = decode;
    return CUP_OK;
}

void cup_decode_close(struct cup_decode *decode)
{
    if (decode == NULL) return;
    cup_shapes_priv_close(decode);
    cup_rules_close(decode->rules);
    cup_route_priv_close(decode);
    cup_json_close(decode->values);
    cup_json_close(decode->texts);
    cup_token_close(decode->token);
    free(decode->unavailable_memory);
    free(decode->scratch);
    free(decode->notes);
    free(decode->text_notes);
    free(decode->seen);
    free(decode->unset);
    free(decode->key_nodes);
    free(decode->bad_paths);
    free(decode);
}

/* --- refusals --- */

/* A path that was cut off must not end inside a UTF-8 character. */
static void cut_character(char path[CUP_BAD_PATH_BYTES])
{
    uint32_t end = CUP_BAD_PATH_BYTES - 1, lead = end - 1;

    while (lead > 0 && ((uint8_t)path[lead] & 0xc0) == 0x80)
        lead--;
    uint8_t  first = (uint8_t)path[lead];
    uint32_t bytes = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (lead + bytes > end) path[lead] = '\0';
}

uint32_t cup_decode_priv_refuse(struct cup_decode *decode, enum cup_outcome outcome,
                                const struct cup_json_node *node, const char *prefix,
                                const char *name, uint32_t name_bytes)
{
    CUP_ASSERT(cup_outcome_class(outcome) == CUP_CLASS_QUARANTINED);
    if (node != NULL && decode->buf == decode->batch->region)
        decode->bad_at = node->at - decode->record->value_at;
    else if (node != NULL && decode->image_at != CUP_NONE) /* inside of a text */
        decode->bad_at = decode->image_at - decode->record->value_at;
    if (prefix[0] == '\0' && name == NULL) return outcome;
    CUP_ASSERT(decode->bad_count < CUP_BATCH_RECORDS_MAX);
    char *path = decode->bad_paths[decode->bad_count];
    int   made = snprintf(path, CUP_BAD_PATH_BYTES, "%s%.*s", prefix, (int)name_bytes,
                        name == NULL ? "" : name);
    CUP_ASSERT(made >= 0);
    if ((uint32_t)made >= CUP_BAD_PATH_BYTES) cut_character(path);
    decode->bad_has_path = true;
    return outcome;
}

const char *cup_decode_bad_path(const struct cup_decode *decode, uint32_t bad)
{
    if (bad == CUP_NONE) return "";
    CUP_ASSERT(bad < decode->bad_count);
    return decode->bad_paths[bad];
}

static uint32_t refuse_json(struct cup_decode *decode)
{
    const struct cup_record *record     = decode->record;
    static const uint8_t     outcomes[] = {
            [CUP_JSON_SYNTAX]        = CUP_OUTCOME_JSON_SYNTAX,
            [CUP_JSON_UTF8]          = CUP_OUTCOME_UTF8,
            [CUP_JSON_DUPLICATE_KEY] = CUP_OUTCOME_DUPLICATE_KEY,
            [CUP_JSON_DEPTH]         = CUP_OUTCOME_DEPTH,
            [CUP_JSON_MEMBERS]       = CUP_OUTCOME_MEMBERS,
            [CUP_JSON_KEY_LENGTH]    = CUP_OUTCOME_KEY_LENGTH,
            [CUP_JSON_NUMBER_LENGTH] = CUP_OUTCOME_NUMBER_LENGTH,
            [CUP_JSON_EMPTY]         = CUP_OUTCOME_EMPTY_VALUE,
    };

    CUP_ASSERT(decode->doc.verdict != CUP_JSON_OK);
    decode->bad_at   = decode->doc.bad_at - record->value_at;
    uint32_t outcome = outcomes[decode->doc.verdict];
    if (outcome != CUP_OUTCOME_JSON_SYNTAX && outcome != CUP_OUTCOME_UTF8) return outcome;
    if (decode->frame_bytes > 0) return outcome; /* its frame was known */
    uint32_t sniffed = cup_envelope_priv_sniff(decode->buf + record->value_at, record->value_bytes);
    if (sniffed == CUP_OUTCOME_JSON_SYNTAX) return outcome;
    decode->bad_at = 0;
    return sniffed;
}

/* --- records --- */

static uint32_t judge_flags(const struct cup_decode *decode)
{
    const struct cup_record *record = decode->record;

    if (record->flags & CUP_RECORD_GIVEN_UP) return CUP_OUTCOME_DISCARDED;
    if (record->flags & CUP_RECORD_TORN) return CUP_OUTCOME_TRUNCATED;
    if (record->flags & CUP_RECORD_BAD_LINE) return CUP_OUTCOME_DUMP_SYNTAX;
    if (record->flags & OUT_OF_LINE) return CUP_OUTCOME_RECORD_TOO_LARGE;
    if (record->value_kind == CUP_VALUE_EMPTY) return CUP_OUTCOME_EMPTY_VALUE;
    if (record->value_kind == CUP_VALUE_NULL && decode->dialect->read_null != NULL)
        return CUP_OUTCOME_ACCEPTED;
    if (record->value_kind == CUP_VALUE_NULL)
        return record->key_kind == CUP_VALUE_BYTES ? CUP_OUTCOME_TOMBSTONE
                                                   : CUP_OUTCOME_TOMBSTONE_KEYLESS;
    if (record->value_bytes > decode->plan->record_bytes_max) return CUP_OUTCOME_RECORD_TOO_LARGE;
    return CUP_OUTCOME_ACCEPTED;
}

/* No value: the key says it all. */
static uint32_t read_null(struct cup_decode *decode)
{
    cup_envelope_priv_clear(&decode->envelope);
    decode->scratch_used = 0;
    return decode->dialect->read_null(decode);
}

static uint32_t read_value(struct cup_decode *decode)
{
    const struct cup_record *record = decode->record;

    cup_json_parse(decode->values, record->value_at + decode->frame_bytes,
                   record->value_bytes - decode->frame_bytes, decode->known, decode->known_count,
                   &decode->doc);
    if (decode->doc.verdict != CUP_JSON_OK) return refuse_json(decode);
    return decode->dialect->read(decode);
}

static uint32_t decode_value(struct cup_decode *decode, uint32_t *out_row_count)
{
    decode->buf          = decode->batch->region;
    decode->stamped.made = false;
    uint32_t outcome =
        decode->record->value_kind == CUP_VALUE_NULL ? read_null(decode) : read_value(decode);
    if (outcome == CUP_OUTCOME_ACCEPTED) outcome = cup_route_priv_find(decode);
    if (outcome == CUP_OUTCOME_ACCEPTED) outcome = cup_rows_priv_put(decode, out_row_count);
    return outcome;
}

static void count_ignored(struct cup_decode *decode)
{
    for (uint32_t i = 0; i < CUP_PLAN_IGNORED_SLOTS; i++)
        decode->ignored_sums[i] += decode->ignored[i];
    decode->ignored_any = true;
}

/* What the record before has lost is not what this one has. */
static void forget_ignored(struct cup_decode *decode)
{
    memset(decode->ignored, 0, sizeof decode->ignored);
    decode->ignores = false;
}

/* One record; false: decode->stop, and nothing has changed. */
static bool decode_record(struct cup_decode *decode, struct cup_verdict *out_verdict)
{
    uint32_t row_count = 0;

    decode->table        = NULL;
    decode->bad_at       = CUP_NONE;
    decode->bad_rule     = CUP_NONE;
    decode->bad_has_path = false;
    decode->odd_count    = 0;
    if (decode->ignores) forget_ignored(decode);
    uint32_t outcome = judge_flags(decode);
    if (outcome == CUP_OUTCOME_ACCEPTED) outcome = decode_value(decode, &row_count);
    if (outcome == CUP_STOPPED) return false;
    struct cup_verdict verdict = {.outcome = (uint16_t)outcome,
                                  .table   = CUP_NONE,
                                  .bad_at  = CUP_NONE,
                                  .bad     = CUP_NONE,
                                  .rule    = CUP_NONE};
    if (decode->table != NULL) verdict.table = (uint32_t)(decode->table - decode->tables);
    if (outcome == CUP_OUTCOME_ACCEPTED) {
        CUP_ASSERT(row_count > 0);
        verdict.row_count = (uint16_t)row_count;
        decode->table->row_count += row_count;
        if (decode->odd_count > 0) cup_odd_priv_count(decode);
        if (decode->ignores) count_ignored(decode);
    } else {
        verdict.bad_at = decode->bad_at;
        verdict.rule   = decode->bad_rule;
        if (decode->bad_has_path) verdict.bad = decode->bad_count++;
    }
    *out_verdict = verdict;
    return true;
}

static bool is_parsed(const struct cup_decode *decode, const struct cup_record *record)
{
    return record->value_kind == CUP_VALUE_BYTES && (record->flags & OUT_OF_LINE) == 0 &&
           record->value_bytes <= decode->plan->record_bytes_max;
}

/* The registry's frame before a value's JSON. */
static uint32_t frame_of(const struct cup_decode *decode, const struct cup_record *record)
{
    return cup_envelope_priv_frame(decode->batch->region + record->value_at, record->value_bytes);
}

/* Indexes the records from `from` on whose values lie side by side, up to a slice; returns the
 * first one that is not indexed. A value in a frame is a slice of its own: the frame's bytes could
 * be quotes. */
static uint32_t index_slice(struct cup_decode *decode, uint32_t from)
{
    const struct cup_batch *batch = decode->batch;
    uint32_t                start = batch->records[from].value_at, end = start, i = from;

    decode->frame_bytes = frame_of(decode, &batch->records[from]);
    for (; i < batch->record_count; i++) {
        const struct cup_record *record = &batch->records[i];
        if (record->value_kind != CUP_VALUE_BYTES && record->flags == 0) continue;
        if (!is_parsed(decode, record) || record->value_at != end) break;
        if (i > from && (decode->frame_bytes > 0 || frame_of(decode, record) > 0)) break;
        if (i > from && end - start + record->value_bytes + 1 > SLICE_BYTES) break;
        end = record->value_at + record->value_bytes + 1;
    }
    CUP_ASSERT(end <= batch->region_bytes);
    cup_json_index(decode->values, batch->region, start + decode->frame_bytes, end);
    return i;
}

enum cup_decode_stop cup_decode_batch(struct cup_decode *decode, const struct cup_batch *batch,
                                      const struct cup_decode_stamp *stamp, uint32_t *next,
                                      struct cup_verdict *verdicts)
{
    uint32_t indexed = *next; /* records before it are in the slice at hand */

    CUP_ASSERT(*next <= batch->record_count);
    CUP_ASSERT(batch->record_count <= CUP_BATCH_RECORDS_MAX);
    if (*next == 0) decode->bad_count = 0;
    decode->batch         = batch;
    decode->stamp         = stamp;
    decode->topic_text.at = NULL;
    for (; *next < batch->record_count; ++*next) {
        decode->record = &batch->records[*next];
        if (*next >= indexed && is_parsed(decode, decode->record))
            indexed = index_slice(decode, *next);
        if (!decode_record(decode, &verdicts[*next])) return decode->stop;
    }
    return CUP_DECODE_DONE;
}

/* --- what the worker asks --- */

void cup_decode_move_ignored(struct cup_decode *decode, _Atomic uint64_t *totals)
{
    if (!decode->ignored_any) return;
    for (uint32_t i = 0; i < CUP_PLAN_IGNORED_SLOTS; i++)
        if (decode->ignored_sums[i] > 0) cup_stats_add(&totals[i], decode->ignored_sums[i]);
    memset(decode->ignored_sums, 0, sizeof decode->ignored_sums);
    decode->ignored_any = false;
}

uint32_t cup_decode_stop_table(const struct cup_decode *decode)
{
    return decode->stop_table;
}

const struct cup_decode_unknown *cup_decode_unknown(const struct cup_decode *decode)
{
    return &decode->unknown;
}

/* Validity in whole words: bytes behind the rows are not looked at. */
static uint32_t count_nulls(const struct cup_column *column, uint32_t rows)
{
    uint32_t valid = 0, row = 0;

    for (; row + 64 <= rows; row += 64)
        valid += (uint32_t)__builtin_popcountll(cup_bytes_priv_load8(column->validity + row / 8));
    for (; row < rows; row++)
        valid += cup_bit_get(column->validity, row);
    return rows - valid;
}

/* Lengths that follow from row_count are set when somebody looks: until then a refused record has
 * nothing to undo. */
static void set_counts(struct cup_column *column, uint32_t rows)
{
    column->row_count  = rows;
    column->null_count = count_nulls(column, rows);
    for (uint8_t i = 0; i < column->child_count; i++) {
        struct cup_column *child = &column->children[i];
        child->row_count         = column->offsets[rows];
        child->null_count        = count_nulls(child, column->offsets[rows]);
    }
}

struct cup_changes cup_decode_changes(const struct cup_decode *decode, uint32_t table)
{
    CUP_ASSERT(table < decode->plan->tables.count);
    const struct cup_table *is      = &decode->tables[table];
    struct cup_changes      changes = {.table        = table,
                                       .row_count    = is->row_count,
                                       .column_count = is->column_count,
                                       .columns      = is->columns,
                                       .fields       = is->fields};

    if (is->open_index == CUP_NONE) return changes;
    for (uint32_t i = 0; i < is->column_count; i++)
        set_counts(&is->columns[i], is->row_count);
    changes.bytes = (uint64_t)(is->block_count + is->run_block_count) * CUP_BLOCK_BYTES;
    return changes;
}

void cup_decode_taken(struct cup_decode *decode, uint32_t table)
{
    CUP_ASSERT(table < decode->plan->tables.count);
    cup_columns_priv_close(decode, &decode->tables[table]);
}

/* Of tables that borrow as much, the one with most rows: its rows cost least to write. */
uint32_t cup_decode_largest(const struct cup_decode *decode)
{
    uint32_t largest = CUP_NONE, most = 0, rows = 0;

    for (uint32_t i = 0; i < decode->open_count; i++) {
        const struct cup_table *table  = &decode->tables[decode->open[i]];
        uint32_t                blocks = table->block_count + table->run_block_count;
        if (table->row_count == 0 || blocks < most) continue;
        if (blocks == most && table->row_count <= rows) continue;
        most    = blocks;
        rows    = table->row_count;
        largest = decode->open[i];
    }
    return largest;
}

uint64_t cup_decode_bytes(const struct cup_decode *decode)
{
    uint64_t blocks = 0;

    for (uint32_t i = 0; i < decode->open_count; i++) {
        const struct cup_table *table = &decode->tables[decode->open[i]];
        blocks += table->block_count + table->run_block_count;
    }
    return blocks * CUP_BLOCK_BYTES;
}
