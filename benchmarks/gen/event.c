// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gen/event.h"

#include <stdlib.h>

#include "benchmarks/gen/put.h"
#include "benchmarks/gen/schema.h"

#define SOURCE_NAME    "pg"
#define SOURCE_DB      "bank"
#define FIXED_BYTES    (16u << 10) /* envelope, names, headers and the columns of fixed size */
#define JSON_TO_STRING 2u          /* a quote or backslash takes two bytes in a string */
#define IMAGES_FILLER  4u /* two images, each with free text of at most 1.5 times the mean */

#define PUT(at, literal) cup_put_bytes((at), literal, sizeof(literal) - 1)

static void put_json_string(struct cup_text *text, const struct cup_text *json)
{
    for (size_t i = 0; i < json->bytes; i++) {
        if (json->at[i] == '"' || json->at[i] == '\\') cup_text_puts(text, "\\");
        cup_text_put(text, json->at + i, 1);
    }
}

/* The context headers of Debezium 3; header values are JSON texts like keys and values. */
static const char *const context[CUP_EVENT_CONTEXT_COUNT][2] = {
    {"__debezium.context.connectorLogicalName", SOURCE_NAME},
    {"__debezium.context.taskId", "0"},
    {"__debezium.context.connectorName", "postgresql"},
    {"__debezium.context.runId", "00000000-0000-7000-8000-000000000001"}};

const char *cup_event_context_name(uint32_t index)
{
    return context[index][0];
}

static bool make_headers(struct cup_event_writer *writer)
{
    bool failed = false;
    for (uint32_t i = 0; i < CUP_EVENT_CONTEXT_COUNT; i++) {
        struct cup_text *value = &writer->context[i];
        cup_text_printf(value,
                        writer->style.schema
                            ? "{\"schema\":{\"type\":\"string\",\"optional\":false},"
                              "\"payload\":\"%s\"}"
                            : "\"%s\"",
                        context[i][1]);
        cup_text_printf(&writer->headers, "%s\"%s\":\"", i > 0 ? "," : "", context[i][0]);
        put_json_string(&writer->headers, value);
        cup_text_puts(&writer->headers, "\"");
        failed = failed || value->failed;
    }
    return !failed && !writer->headers.failed;
}

static bool make_texts(struct cup_event_writer *writer)
{
    bool failed = false;
    for (enum cup_bank_table t = 0; t < CUP_BANK_COUNT; t++) {
        struct cup_text               plain = {0};
        uint32_t                      count;
        const struct cup_bank_column *columns = cup_bank_columns(t, &count);
        cup_schema_envelope(&plain, t, writer->style.decimal_text);
        if (writer->style.dump)
            put_json_string(&writer->schemas[t], &plain);
        else
            cup_text_put(&writer->schemas[t], plain.at, plain.bytes);
        cup_schema_key(&writer->key_schemas[t], t);
        failed =
            failed || plain.failed || writer->schemas[t].failed || writer->key_schemas[t].failed;
        cup_text_free(&plain);
        for (uint32_t i = 0; i < count; i++) {
            cup_text_printf(&writer->members[t][i], "%s\"%s\":", i > 0 ? "," : "{",
                            columns[i].name);
            failed = failed || writer->members[t][i].failed;
        }
    }
    return make_headers(writer) && !failed;
}

enum cup_err cup_event_open(struct cup_event_writer *writer, const struct cup_event_style *style,
                            const struct cup_bank *bank, struct cup_fault *out_fault)
{
    *writer         = (struct cup_event_writer){.style = *style, .bank = *bank};
    writer->scratch = malloc(IMAGES_FILLER * (size_t)style->value_bytes_max + FIXED_BYTES);
    if (writer->scratch != NULL && make_texts(writer)) return CUP_OK;
    cup_event_close(writer);
    return cup_fault_set(out_fault, CUP_NO_MEMORY, "texts of the events", NULL);
}

void cup_event_close(struct cup_event_writer *writer)
{
    for (enum cup_bank_table t = 0; t < CUP_BANK_COUNT; t++) {
        cup_text_free(&writer->schemas[t]);
        cup_text_free(&writer->key_schemas[t]);
        for (uint32_t i = 0; i < CUP_BANK_COLUMNS_MAX; i++)
            cup_text_free(&writer->members[t][i]);
    }
    for (uint32_t i = 0; i < CUP_EVENT_CONTEXT_COUNT; i++)
        cup_text_free(&writer->context[i]);
    cup_text_free(&writer->headers);
    free(writer->scratch);
    writer->scratch = NULL;
}

size_t cup_event_bytes_max(const struct cup_event_writer *writer)
{
    size_t schema = 0;
    for (enum cup_bank_table t = 0; t < CUP_BANK_COUNT; t++)
        if (writer->schemas[t].bytes > schema) schema = writer->schemas[t].bytes;
    return JSON_TO_STRING * (IMAGES_FILLER * (size_t)writer->style.value_bytes_max + FIXED_BYTES) +
           schema + writer->headers.bytes;
}

static uint8_t *put_tags(const struct cup_cell *cell, uint8_t *at)
{
    *at++ = '[';
    for (int64_t i = 0; i < cell->number; i++) {
        at    = i > 0 ? PUT(at, ",\"") : PUT(at, "\"");
        at    = cup_put_json(at, cell->labels[i], strlen(cell->labels[i]));
        *at++ = '"';
    }
    *at++ = ']';
    return at;
}

static uint8_t *put_quoted(const struct cup_cell *cell, uint8_t *at)
{
    *at++ = '"';
    at    = cell->plain ? cup_put_bytes(at, cell->text, cell->bytes)
                        : cup_put_json(at, cell->text, cell->bytes);
    *at++ = '"';
    return at;
}

static uint8_t *put_cell(const struct cup_event_writer *writer,
                         const struct cup_bank_column *column, const struct cup_cell *cell,
                         uint8_t *at)
{
    if (cell->is_null) return PUT(at, "null");
    switch (column->kind) {
    case CUP_CELL_LONG:
    case CUP_CELL_SHORT:
    case CUP_CELL_DATE:
    case CUP_CELL_LOCAL: return cup_put_i64(at, cell->number);
    case CUP_CELL_BOOL: return cell->number != 0 ? PUT(at, "true") : PUT(at, "false");
    case CUP_CELL_DOUBLE: return cup_put_quarters(at, cell->number);
    case CUP_CELL_DECIMAL:
        *at++ = '"';
        at    = writer->style.decimal_text ? cup_put_decimal(at, cell->number, column->scale)
                                           : cup_put_base64_integer(at, cell->number);
        *at++ = '"';
        return at;
    case CUP_CELL_ZONED:
        *at++ = '"';
        at    = cup_put_time(at, cell->number);
        return PUT(at, "Z\"");
    case CUP_CELL_UUID:
    case CUP_CELL_JSON:
    case CUP_CELL_TEXT: return put_quoted(cell, at);
    case CUP_CELL_TAGS: return put_tags(cell, at);
    }
    return at;
}

static uint8_t *put_row(const struct cup_event_writer *writer, enum cup_bank_table table,
                        const struct cup_row *row, uint8_t *at)
{
    uint32_t                      count;
    const struct cup_bank_column *columns = cup_bank_columns(table, &count);
    struct cup_cell               cell;
    for (uint32_t i = 0; i < count; i++) {
        const struct cup_text *member = &writer->members[table][i];
        at                            = cup_put_bytes(at, member->at, member->bytes);
        cup_bank_cell(&writer->bank, &columns[i], i, row, &cell);
        at = put_cell(writer, &columns[i], &cell, at);
    }
    *at++ = '}';
    return at;
}

/* What PostgreSQL sends for a column that is not part of the replica identity: null, or the zero of
 * the type where the column is NOT NULL. It is never the row's value. */
static uint8_t *put_zero(const struct cup_event_writer *writer,
                         const struct cup_bank_column *column, uint8_t *at)
{
    struct cup_cell zero = {.is_null = column->null_in > 0, .plain = true, .text = ""};
    if (!zero.is_null && column->kind == CUP_CELL_UUID) {
        zero.text  = "00000000-0000-0000-0000-000000000000";
        zero.bytes = (uint32_t)strlen(zero.text);
    }
    return put_cell(writer, column, &zero, at);
}

static uint8_t *put_key_image(const struct cup_event_writer *writer, enum cup_bank_table table,
                              const struct cup_row *row, uint8_t *at)
{
    uint32_t                      count;
    const struct cup_bank_column *columns = cup_bank_columns(table, &count);
    for (uint32_t i = 0; i < count; i++) {
        const struct cup_text *member = &writer->members[table][i];
        at                            = cup_put_bytes(at, member->at, member->bytes);
        at = i == 0 ? cup_put_u64(at, row->key) : put_zero(writer, &columns[i], at);
    }
    *at++ = '}';
    return at;
}

static uint8_t *put_before(const struct cup_event_writer *writer, const struct cup_event *event,
                           uint8_t *at)
{
    if (event->before == NULL) return PUT(at, "null");
    if (writer->style.full_images) return put_row(writer, event->table, event->before, at);
    if (event->op == 'd') return put_key_image(writer, event->table, event->before, at);
    return PUT(at, "null"); /* an update that leaves the key alone shows no before image */
}

static uint8_t *put_stamps(uint8_t *at, const char *prefix, int64_t us)
{
    static const struct {
        const char *name;
        int64_t     divisor, factor;
    } units[] = {{"ts_ms\":", 1000, 1}, {"ts_us\":", 1, 1}, {"ts_ns\":", 1, 1000}};
    for (uint32_t i = 0; i < 3; i++) {
        at = cup_put_string(at, i == 0 ? prefix : ",\"");
        at = cup_put_string(at, units[i].name);
        at = cup_put_i64(at, us / units[i].divisor * units[i].factor);
    }
    return at;
}

static uint8_t *put_source(const struct cup_event *event, uint8_t *at)
{
    at = PUT(at, ",\"source\":{\"version\":\"3.5.0.Final\",\"connector\":\"postgresql\",\"name\":"
                 "\"" SOURCE_NAME "\",\"ts_ms\":");
    at = cup_put_i64(at, event->commit_us / 1000);
    at = PUT(at, ",\"snapshot\":\"");
    at = cup_put_string(at, event->snapshot);
    at = PUT(at, "\",\"db\":\"" SOURCE_DB "\",\"sequence\":\"[");
    if (event->last_commit == 0) {
        at = PUT(at, "null");
    } else {
        at = PUT(at, "\\\"");
        at = cup_put_u64(at, event->last_commit);
        at = PUT(at, "\\\"");
    }
    at = PUT(at, ",\\\"");
    at = cup_put_u64(at, event->lsn);
    at = PUT(at, "\\\"]\",\"ts_us\":");
    at = cup_put_i64(at, event->commit_us);
    at = PUT(at, ",\"ts_ns\":");
    at = cup_put_i64(at, event->commit_us * 1000);
    at = PUT(at, ",\"schema\":\"bank\",\"table\":\"");
    at = cup_put_string(at, cup_bank_name(event->table));
    at = PUT(at, "\",\"txId\":");
    at = cup_put_u64(at, event->tx);
    at = PUT(at, ",\"lsn\":");
    at = cup_put_u64(at, event->lsn);
    return PUT(at, ",\"xmin\":null,\"origin\":null,\"origin_lsn\":null}");
}

static uint8_t *put_payload(const struct cup_event_writer *writer, const struct cup_event *event,
                            uint8_t *at)
{
    at = PUT(at, "{\"before\":");
    at = put_before(writer, event, at);
    at = PUT(at, ",\"after\":");
    at = event->after != NULL ? put_row(writer, event->table, event->after, at) : PUT(at, "null");
    at = put_source(event, at);
    at = PUT(at, ",\"transaction\":null,\"op\":\"");
    *at++ = (uint8_t)event->op;
    at    = put_stamps(at, "\",\"", event->connector_us);
    *at++ = '}';
    return at;
}

uint8_t *cup_event_key(const struct cup_event_writer *writer, enum cup_bank_table table,
                       uint64_t key, uint8_t *at)
{
    uint32_t                      count;
    const struct cup_bank_column *columns = cup_bank_columns(table, &count);
    const struct cup_text        *schema  = &writer->key_schemas[table];

    CUP_ASSERT(count > 0 && schema->bytes < CUP_EVENT_KEY_BYTES / 2);
    if (writer->style.schema) {
        at = PUT(at, "{\"schema\":");
        at = cup_put_bytes(at, schema->at, schema->bytes);
        at = PUT(at, ",\"payload\":");
    }
    at    = PUT(at, "{\"");
    at    = cup_put_string(at, columns[0].name);
    at    = PUT(at, "\":");
    at    = cup_put_u64(at, key);
    *at++ = '}';
    if (writer->style.schema) *at++ = '}';
    return at;
}

/* A key struct as text inside a JSON string. */
static uint8_t *put_key(const struct cup_event_writer *writer, enum cup_bank_table table,
                        uint64_t key, uint8_t *at)
{
    uint8_t        text[CUP_EVENT_KEY_BYTES];
    const uint8_t *end = cup_event_key(writer, table, key, text);
    return cup_put_escaped(at, text, (size_t)(end - text));
}

static uint8_t *put_key_header(const struct cup_event_writer *writer, const struct cup_event *event,
                               const char *name, uint64_t key, uint8_t *at)
{
    if (key == 0) return at;
    at = cup_put_string(at, name);
    at = put_key(writer, event->table, key, at);
    return PUT(at, "\",");
}

static uint8_t *put_dump_value(const struct cup_event_writer *writer, const struct cup_event *event,
                               uint8_t *at)
{
    if (event->tombstone) return PUT(at, "null");
    const struct cup_text *schema = &writer->schemas[event->table];
    const uint8_t         *end    = put_payload(writer, event, writer->scratch);
    *at++                         = '"';
    if (writer->style.schema) {
        at = PUT(at, "{\\\"schema\\\":");
        at = cup_put_bytes(at, schema->at, schema->bytes);
        at = PUT(at, ",\\\"payload\\\":");
    }
    at = cup_put_escaped(at, writer->scratch, (size_t)(end - writer->scratch));
    if (writer->style.schema) *at++ = '}';
    *at++ = '"';
    return at;
}

static uint8_t *put_dump(const struct cup_event_writer *writer, const struct cup_event *event,
                         uint8_t *at)
{
    const struct cup_row *row = event->after != NULL ? event->after : event->before;
    at                        = PUT(at, "{\"topic\":\"" SOURCE_NAME ".bank.");
    at                        = cup_put_string(at, cup_bank_name(event->table));
    at                        = PUT(at, "\",\"partition\":");
    at                        = cup_put_u64(at, event->partition);
    at                        = PUT(at, ",\"offset\":");
    at                        = cup_put_u64(at, event->offset);
    at                        = PUT(at, ",\"timestamp\":");
    at                        = cup_put_i64(at, event->connector_us / 1000);
    at                        = PUT(at, ",\"key\":\"");
    at                        = put_key(writer, event->table, row->key, at);
    at                        = PUT(at, "\",\"value\":");
    at                        = put_dump_value(writer, event, at);
    at                        = PUT(at, ",\"headers\":{");
    at = put_key_header(writer, event, "\"__debezium.newkey\":\"", event->new_key, at);
    at = put_key_header(writer, event, "\"__debezium.oldkey\":\"", event->old_key, at);
    at = cup_put_bytes(at, writer->headers.at, writer->headers.bytes);
    return PUT(at, "}}\n");
}

uint8_t *cup_event_put(struct cup_event_writer *writer, const struct cup_event *event, uint8_t *at)
{
    CUP_ASSERT(event->before != NULL || event->after != NULL);
    CUP_ASSERT(writer->style.dump || !event->tombstone);
    if (writer->style.dump) return put_dump(writer, event, at);

    const struct cup_text *schema = &writer->schemas[event->table];
    if (writer->style.schema) {
        at = PUT(at, "{\"schema\":");
        at = cup_put_bytes(at, schema->at, schema->bytes);
        at = PUT(at, ",\"payload\":");
    }
    at = put_payload(writer, event, at);
    if (writer->style.schema) *at++ = '}';
    *at++ = '\n';
    return at;
}

size_t cup_event_value_bytes(struct cup_event_writer *writer, enum cup_bank_table table)
{
    enum { SAMPLE = 64 }; /* enough for a mean within a few percent */
    size_t sum = 0;
    for (uint32_t i = 1; i <= SAMPLE; i++) {
        struct cup_row         row   = {.key = i, .identity = i, .version = 0};
        const struct cup_event event = {.table        = table,
                                        .op           = 'c',
                                        .after        = &row,
                                        .snapshot     = "false",
                                        .last_commit  = 100000000,
                                        .lsn          = 100000000,
                                        .tx           = 1000,
                                        .commit_us    = 1767225600000000,
                                        .connector_us = 1767225600000000};
        sum += (size_t)(put_payload(writer, &event, writer->scratch) - writer->scratch);
    }
    return sum / SAMPLE;
}
